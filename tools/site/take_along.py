"""Pack the whole site as one zip, to be read without a network.

The first pages link to it and say its size. Inside the zip they do not, since it does not hold
itself: what concerns it stands there between two comments, `OPENING` and `CLOSING`.
"""

import io
import re
import zipfile
from pathlib import Path

NAME = "rnncourse-site"
OPENING, CLOSING = "<!-- zip -->", "<!-- /zip -->"
LINK = re.compile(f"{OPENING}.*?{CLOSING}", re.DOTALL)
SIZE = "ZIP-SIZE"  # written by book/_ext/rnncourse_front.py
DATE = (1980, 1, 1, 0, 0, 0)  # the same pages give the same zip
ONLINE = {".nojekyll", "404.html", "sitemap.xml"}  # for a server and for search engines
PACKED = {".png", ".webp", ".woff2"}


def entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"{NAME}/{name}", DATE)
    info.external_attr = 0o644 << 16
    packed = Path(name).suffix in PACKED
    info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    return info


def packed(site: Path, front: list[Path]) -> bytes:
    """Return the zip of a site; `front` are the pages that speak of it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(path for path in site.rglob("*") if path.is_file()):
            content, name = file.read_bytes(), file.relative_to(site).as_posix()
            if file in front:
                content = LINK.sub("", content.decode()).encode()
            if name not in ONLINE:
                archive.writestr(entry(name), content)
    return buffer.getvalue()


def add_zip(site: Path) -> float:
    """Write the zip into the site, and its size into the pages that link to it; return MB."""
    front = [
        page for page in sorted(site.glob("*/index.html")) if OPENING in page.read_text("utf-8")
    ]
    content = packed(site, front)
    megabytes = len(content) / 1e6
    (site / f"{NAME}.zip").write_bytes(content)
    for page in front:
        text = page.read_text(encoding="utf-8").replace(SIZE, f"{megabytes:.0f} MB")
        page.write_text(text, encoding="utf-8")
    return megabytes
