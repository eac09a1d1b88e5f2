"""Make README's picture, docs/book.webp: a page of the built book, as a browser shows it.

Run by hand, `make picture`, when the look of the book has changed. Needs chromium or Chrome.
"""

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "_build" / "site" / "en" / "rnn.html"
TARGET = ROOT / "docs" / "book.webp"
WINDOW = {"width": 1280, "height": 800}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def browser_program() -> str | None:
    """Return the path of a browser on this machine, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def main() -> None:
    program = browser_program()
    if program is None:
        raise SystemExit("the picture needs chromium or google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW, color_scheme="light")
        page.goto(f"{PAGE.as_uri()}#sec-rnn-equations")
        # One equation, its table of shapes, and the line of code that it is.
        page.add_style_tag(content="html { scroll-behavior: auto !important; }")
        page.evaluate("document.querySelector('#sec-rnn-equations').scrollIntoView()")
        page.wait_for_timeout(1000)
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    TARGET.parent.mkdir(exist_ok=True)
    picture.save(TARGET, quality=85, method=6)
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
