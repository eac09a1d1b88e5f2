"""What a page of the built site weighs: `python -m tools.site.weigh [en/rnn.html …]`.

After `make book`.

First visit: all that the browser asks for, packed with gzip as GitHub Pages does, figures apart.
Next page: the same without what the first page left in the cache. Figures: all of the page's,
though a browser fetches one only when the reader comes near it. In KB (1000 bytes).
"""

import functools
import gzip
import http.server
import sys
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from tools.site.picture import browser_program

SITE = Path(__file__).resolve().parents[2] / "_build" / "site"
FIRST, FIGURES = 400, 600  # KB at most
PACKED = {".png", ".webp", ".woff2"}  # already; gzip gains nothing


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def kilobytes(files: set[Path]) -> float:
    """What these files take on the way to the browser."""
    sizes = [f.stat().st_size if f.suffix in PACKED else len(gzip.compress(f.read_bytes()))
             for f in files]  # fmt: skip
    return sum(sizes) / 1000


def is_figure(file: Path) -> bool:
    return "_images" in file.parts


def weigh(urls: list[str], figures: list[str], address: str, site: Path = SITE) -> tuple:
    """KB of a first visit, of the page alone, and of its figures; by what was asked for."""

    def files(some: list[str]) -> set[Path]:
        own = {u.split("?")[0].split("#")[0] for u in some if u.startswith(address)}
        return {site / url.removeprefix(address) for url in own}

    asked = {file for file in files(urls) if not is_figure(file)}
    page = {file for file in asked if file.suffix == ".html"}
    return kilobytes(asked), kilobytes(page), kilobytes(files(figures))


FIGURES_OF = "() => [...document.querySelectorAll('article img')].map((i) => i.src)"


def main() -> None:
    pages = sys.argv[1:] or sorted(str(p.relative_to(SITE)) for p in SITE.glob("*/*.html"))
    handler = functools.partial(QuietHandler, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        with sync_playwright() as playwright:
            program = browser_program()
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            print(f"{'KB':28} first visit  next page  figures")
            for path in pages:
                page, urls = browser.new_page(), []
                page.on("request", lambda request, urls=urls: urls.append(request.url))
                page.goto(address + path, wait_until="networkidle")
                first, own, figures = weigh(urls, page.evaluate(FIGURES_OF), address)
                print(f"{path:28} {first:11.0f} {own:10.0f} {figures:8.0f}")
                page.close()
            browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
