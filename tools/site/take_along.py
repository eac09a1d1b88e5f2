"""What readers download from the site itself: exercises, the package, the site as one zip.

    python -m tools.site.take_along    build the package's wheel into _build/wheel

A notebook installs the wheel that lies beside it (tools/notebooks/setup_cell.py), so that nobody
need reach another host but that of the site, and pip's. The first pages link to the zip and say
its size. Inside the zip they do not, since it does not hold itself: what concerns it stands there
between two comments, `OPENING` and `CLOSING`.
"""

import io
import os
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from tools.notebooks.nbval_run import build_wheel

ROOT = Path(__file__).resolve().parents[2]
WHEEL = ROOT / "_build" / "wheel"
EXERCISES = "exercises"  # the folder beside both editions
WHEEL_NAME = "WHEEL-NAME"  # written by book/_ext/rnncourse_front.py
NAME = "rnncourse-site"
OPENING, CLOSING = "<!-- zip -->", "<!-- /zip -->"
LINK = re.compile(f"{OPENING}.*?{CLOSING}", re.DOTALL)
SIZE = "ZIP-SIZE"  # written by book/_ext/rnncourse_front.py
DATE = (1980, 1, 1, 0, 0, 0)  # the same pages give the same zip
ONLINE = {".nojekyll", "404.html", "sitemap.xml"}  # for a server and for search engines
PACKED = {".png", ".webp", ".woff2", ".whl"}


def write_wheel(folder: Path = WHEEL) -> None:
    """Build the wheel anew; the same sources give the same file."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800")  # 1980, where a zip's dates begin
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as own:
        shutil.copy(build_wheel(Path(own)), folder)


def add_notebooks(site: Path, folder: Path = WHEEL, root: Path = ROOT) -> None:
    """Put the exercises and the wheel into the site, and the wheel's name into the first pages."""
    (site / EXERCISES).mkdir()
    for notebook in sorted(root.glob("exercises/*.ipynb")):
        shutil.copy(notebook, site / EXERCISES)
    (wheel,) = folder.glob("*.whl")
    shutil.copy(wheel, site)
    for page in sorted(site.glob("*/index.html")):
        text = page.read_text(encoding="utf-8").replace(WHEEL_NAME, wheel.name)
        page.write_text(text, encoding="utf-8")


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


if __name__ == "__main__":
    write_wheel()
