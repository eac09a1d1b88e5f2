"""Photograph README's picture, docs/book.webp, and the card that is shown for a shared link.

Run by hand, `make picture`, when the look of the book or book/_static/card.svg has changed.
Needs chromium or Chrome, and a font with Chinese.
"""

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "_build" / "site" / "en" / "rnn.html"
TARGET = ROOT / "docs" / "book.webp"
WINDOW = {"width": 1280, "height": 800}
CARD = ROOT / "book" / "_static" / "card.svg"
CARD_SIZE = {"width": 1200, "height": 630}  # what networks ask for
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def browser_program() -> str | None:
    """Return the path of a browser on this machine, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def photograph_page(browser) -> Image.Image:
    """One equation, its table of shapes, and the line of code that it is."""
    page = browser.new_page(viewport=WINDOW, color_scheme="light")
    page.goto(f"{PAGE.as_uri()}#sec-rnn-equations")
    page.add_style_tag(content="html { scroll-behavior: auto !important; }")
    page.evaluate("document.querySelector('#sec-rnn-equations').scrollIntoView()")
    page.wait_for_timeout(1000)
    return Image.open(io.BytesIO(page.screenshot()))


def photograph_card(browser) -> Image.Image:
    """The card as a bitmap: few networks show a drawing. Its few colours need a palette only."""
    page = browser.new_page(viewport=CARD_SIZE)
    page.goto(CARD.as_uri())
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(64)


def main() -> None:
    program = browser_program()
    if program is None:
        raise SystemExit("the picture needs chromium or google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        picture, card = photograph_page(browser), photograph_card(browser)
        browser.close()
    TARGET.parent.mkdir(exist_ok=True)
    picture.save(TARGET, quality=85, method=6)
    card.save(CARD.with_suffix(".png"), optimize=True)
    for file in (TARGET, CARD.with_suffix(".png")):
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
