"""The Chinese of what cells print in English: book/glosses.yml, read for the book and checked."""

from __future__ import annotations

import re
from functools import cache
from html import escape, unescape
from pathlib import Path

import yaml

from tools.notebooks.store import code_cells, read

GLOSSES = Path("book") / "glosses.yml"
CLAIM = re.compile(r"(.+): (True|False ✗) \((.+)\)")  # printed by rnncourse.claims
HOLDS = {"True": "成立", "False ✗": "不成立"}
# Of a table of rnncourse.show: a cell with its text.
TABLE = 'class="course-table"'
TABLE_TEXT = re.compile(r"(<(?:th|td|summary)\b[^>]*>)([^<]+)(?=</)")


@cache
def _read(path: Path, changed: float) -> dict[str, dict[str, str]]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def of_page(root: Path, stem: str) -> dict[str, str]:
    """What a page prints → its Chinese."""
    path = root / GLOSSES
    return _read(path, path.stat().st_mtime).get(stem) or {}


def said_in_chinese(line: str, glosses: dict[str, str]) -> str | None:
    """What a printed line says: "" for one that needs no gloss, None for a claim that lacks it."""
    if line in glosses:
        return glosses[line]
    if not (found := CLAIM.fullmatch(line)):
        return ""
    sentence, verdict, value = found.groups()
    if sentence not in glosses:
        return None
    return f"{glosses[sentence]}：{HOLDS[verdict]}（{value.replace('is not ', '')}）"


def table_in_chinese(html: str, glosses: dict[str, str]) -> str:
    """A table with its words replaced; names that have no gloss stay."""

    def own(found: re.Match) -> str:
        text = unescape(found[2])
        return found[1] + escape(glosses.get(text, text))

    return TABLE_TEXT.sub(own, html) if TABLE in html else html


def printed_by(root: Path, stem: str) -> tuple[set[str], set[str]]:
    """The lines that a page's stored notebook prints, and the texts of its tables' cells."""
    notebook = read(root / "book" / "en" / f"{stem}.ipynb")
    lines: set[str] = set()
    texts: set[str] = set()
    for cell in code_cells(notebook) if notebook else []:
        for output in cell.outputs:
            lines |= {line.strip() for line in output.get("text", "").splitlines()}
            html = "".join(output.get("data", {}).get("text/html", ""))
            if TABLE in html:
                texts |= {unescape(found[2]) for found in TABLE_TEXT.finditer(html)}
    return lines, texts


def problems_of(root: Path, stem: str) -> list[str]:
    """Claims without a gloss, and glosses of what the page does not print."""
    glosses = of_page(root, stem)
    lines, texts = printed_by(root, stem)
    sentences = {found[1] for line in lines if (found := CLAIM.fullmatch(line))}
    found = [f"no gloss of the claim {sentence!r}" for sentence in sorted(sentences - set(glosses))]
    unused = set(glosses) - sentences - lines - texts
    return found + [f"a gloss of {key!r}, which the page does not print" for key in sorted(unused)]
