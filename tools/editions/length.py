"""How long a page is for its reader: open words, open lines of code, minutes.

    python -m tools.editions.length

A beginner reads 130 English words, 300 Chinese characters or 8 lines of code a minute. What is
folded, shown by a click, or printed by a cell is not counted; quizzes and exercises have times of
their own, but their questions are read.
"""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import NamedTuple

from tools.editions.checks import chapters
from tools.notebooks.store import convert

ROOT = Path(__file__).resolve().parents[2]
WORDS, CHARACTERS, LINES = 130, 300, 8  # a minute
CELL_LINES, PAGE_LINES, MINUTES = 15, 150, 45
STATED = re.compile(r"^\*\*(?:Time:\*\* |所需时间：\*\* ?阅读 ?)(\d+)", re.M)
ROUND = 5  # minutes; what a page says of its length is rounded up to so many
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
CHINESE = re.compile("[\u3400-\u9fff]")
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
# Read as one thing each, or not at all: formulas, links' targets, labels, directives' names.
NOT_PROSE = re.compile(
    r"\$\$.*?\$\$(?:[ ]*\([\w-]+\))?|\$[^$\n]+\$|`{3,}\{?.*?\}?\n|\]\([^)]*\)|\{\w+\}`[^`]*`"
    r"|^\([\w-]+\)=$|<!--.*?-->|<[^>]+>",
    re.S | re.M,
)
FOLDED = re.compile(r"<details>.*?</details>", re.S)
DROPDOWN = re.compile(r"^(:{3,}|`{3,})\{dropdown\}.*?^\1\s*$", re.S | re.M)


class Length(NamedTuple):
    """What of one page is open to its reader."""

    words: int  # English words, or Chinese characters
    lines: int  # of code, blank ones not counted
    longest: int  # open lines of the longest cell
    minutes: int


def prose_units(text: str, language: str) -> int:
    """English words, or Chinese characters, that a page shows without a click."""
    text = DROPDOWN.sub("", FOLDED.sub("", text))
    text = NOT_PROSE.sub(" ", text)
    return len((WORD if language == "en" else CHINESE).findall(text))


def open_lines(cell) -> int:
    """Lines of code that a cell shows without a click."""
    if HIDDEN & set(cell.metadata.get("tags", [])):
        return 0
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def measure(root: Path, language: str, stem: str) -> Length:
    """The length of one page."""
    notebook = convert(root / "book" / language / f"{stem}.md")
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    words = sum(prose_units(text, language) for text in texts)
    lines = [open_lines(cell) for cell in notebook.cells if cell.cell_type == "code"]
    speed = WORDS if language == "en" else CHARACTERS
    minutes = words / speed + sum(lines) / LINES
    return Length(words, sum(lines), max(lines, default=0), math.ceil(minutes))


def stated(root: Path, language: str, stem: str) -> int:
    """The minutes that a page says it takes to read; 0 if it says nothing."""
    text = (root / "book" / language / f"{stem}.md").read_text(encoding="utf-8")
    found = STATED.search(text)
    return int(found[1]) if found else 0


def problems_of(root: Path, stem: str, lines: int = PAGE_LINES, cell: int = CELL_LINES,
                minutes: int = MINUTES) -> list[str]:  # fmt: skip
    """Return where a chapter is longer than its limits, or says another time than it takes."""
    pages = {language: measure(root, language, stem) for language in ("en", "zh")}
    most = Length(0, lines, cell, minutes)
    found = [f"book/{language}/{stem}.md: {name} is {value}; at most {limit}"
             for language, page in pages.items()
             for name, value, limit in zip(Length._fields[1:], page[1:], most[1:], strict=True)
             if value > limit]  # fmt: skip
    true = ROUND * math.ceil(max(page.minutes for page in pages.values()) / ROUND)
    for language in pages:
        if (said := stated(root, language, stem)) != true:
            page = f"book/{language}/{stem}.md"
            found.append(f"{page} says {said} minutes to read; it takes {true}")
    return found


def main() -> int:
    print(
        f"{'chapter':16}{'en words':>9}{'min':>5}{'zh chars':>10}{'min':>5}{'lines':>7}{'cell':>6}"
    )
    for stem in chapters(ROOT):
        en, zh = (measure(ROOT, language, stem) for language in ("en", "zh"))
        print(f"{stem:16}{en.words:9}{en.minutes:5}{zh.words:10}{zh.minutes:5}"
              f"{en.lines:7}{en.longest:6}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
