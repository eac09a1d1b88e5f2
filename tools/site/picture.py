"""Photograph the first page's cards for README, and the card that is shown for a shared link.

Run by hand, `make picture`, when the cards (tools/site/cards.py) or book/_static/card.svg have
changed. Needs chromium or Chrome, and a font with Chinese.
"""

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "_build" / "site" / "en" / "index.html"
TARGETS = {"light": ROOT / "docs" / "cards.webp", "dark": ROOT / "docs" / "cards-dark.webp"}
WINDOW = {"width": 1280, "height": 1000}
CARD = ROOT / "book" / "_static" / "card.svg"
CARD_SIZE = {"width": 1200, "height": 630}  # what networks ask for
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def browser_program() -> str | None:
    """Return the path of a browser on this machine, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def photograph_cards(browser, scheme: str) -> Image.Image:
    """What a reader will have built, fine enough for a screen with many pixels."""
    page = browser.new_page(viewport=WINDOW, color_scheme=scheme, device_scale_factor=1.5)
    page.goto(PAGE.as_uri())
    cards = page.locator(".course-cards")
    return Image.open(io.BytesIO(cards.screenshot())).convert("RGB")


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
        pictures = {scheme: photograph_cards(browser, scheme) for scheme in TARGETS}
        card = photograph_card(browser)
        browser.close()
    for scheme, target in TARGETS.items():
        target.parent.mkdir(exist_ok=True)
        pictures[scheme].save(target, quality=80, method=6)
    card.save(CARD.with_suffix(".png"), optimize=True)
    for file in (*TARGETS.values(), CARD.with_suffix(".png")):
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
