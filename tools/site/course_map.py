"""Draw the map of the course: one SVG for each part, its chapters in reading order.

Titles and links come from the pages in _toc.yml, so that the map cannot drift from the book;
book/plan.yml adds what is planned. The directive {course-map} puts the map into a page.
"""

import re
from html import escape
from pathlib import Path

import yaml

from tools.site.config_zh import OVERRIDES

WIDTH, MARGIN, LINE, PADDING, GAP = 320, 8, 22, 11, 20
HEAD = 34  # for the part's caption
EM = 16  # of the titles; course.css says the same
NAMES = {"en": ("Map of the course", "planned"), "zh": ("课程地图", "计划中")}


def plan(root: Path) -> list[dict]:
    return yaml.safe_load((root / "book" / "plan.yml").read_text(encoding="utf-8"))


def contents(root: Path) -> dict:
    """Return _toc.yml."""
    return yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))


def written(root: Path) -> set[str]:
    return {chapter["file"] for part in contents(root)["parts"] for chapter in part["chapters"]}


def title(page: Path) -> str:
    """Return a page's first heading."""
    return re.search(r"^# +(.+?)\s*$", page.read_text(encoding="utf-8"), re.MULTILINE)[1]


def lines(text: str) -> list[str]:
    """Break a title into lines that fit the box: at spaces, in Chinese anywhere."""
    fitting = (WIDTH - 2 * MARGIN - 2 * PADDING) / EM
    result, length = [""], 0.0
    for word in re.findall(r"[\u2e80-\uffef]|[^\u2e80-\uffef\s]+\s*|\s+", text):
        needed = sum(1.0 if c > "\u2e7f" else 0.55 for c in word)
        if result[-1] and length + needed > fitting:
            result.append("")
            length = 0.0
        result[-1] += word
        length += needed
    return [line.strip() for line in result]


def box(y: int, text: str, href: str | None, planned: str) -> tuple[str, int]:
    """Return the drawing of one chapter, and its height."""
    rows = lines(text)
    height = len(rows) * LINE + 2 * PADDING
    drawn = f'<rect x="{MARGIN}" y="{y}" width="{WIDTH - 2 * MARGIN}" height="{height}" rx="6"/>'
    for number, row in enumerate(rows):
        base = y + PADDING + number * LINE + EM
        drawn += f'<text x="{WIDTH // 2}" y="{base}">{escape(row)}</text>'
    if href:
        return f'<a href="{href}">{drawn}</a>', height
    label = escape(f"{text} ({planned})")
    return f'<g class="planned" role="img" aria-label="{label}">{drawn}</g>', height


def arrow(y: int) -> str:
    x, end = WIDTH // 2, y + GAP - 3
    return f'<path class="arrow" d="M{x} {y + 2}V{end}m-4 -5l4 5l4 -5"/>'


def part_svg(number: int, caption: str, chapters: list[tuple[str, str | None]], language: str):
    """Draw one part; `chapters` holds titles and links, None for a planned chapter."""
    drawn, y = "", HEAD
    for text, href in chapters:
        drawn += arrow(y - GAP) if drawn else ""
        shape, height = box(y, text, href, NAMES[language][1])
        drawn += shape
        y += height + GAP
    name = f"course-map-{number}"
    head = f'<text class="caption" id="{name}" x="{WIDTH // 2}" y="20">{escape(caption)}</text>'
    view = f'viewBox="0 0 {WIDTH} {y - GAP + 4}"'
    return f'<svg {view} role="group" aria-labelledby="{name}">{head}{drawn}</svg>'


def course_map(root: Path, language: str) -> str:
    """Return the map as HTML."""
    there, parts = written(root), []
    for number, part in enumerate(plan(root), start=1):
        caption = part["caption"]
        if language == "zh":
            caption = OVERRIDES["part_captions"][caption]
        chapters = []
        for chapter in part["chapters"]:
            stem = chapter["stem"]
            if stem in there:
                page = root / "book" / language / f"{stem}.md"
                chapters.append((title(page), f"{stem}.html"))
            else:
                chapters.append((chapter[language], None))
        parts.append(part_svg(number, caption, chapters, language))
    label = NAMES[language][0]
    return f'<div class="course-map" role="group" aria-label="{label}">{"".join(parts)}</div>'
