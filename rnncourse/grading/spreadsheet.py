"""Tables as CSV that a spreadsheet opens as the text it is: no formula, no odd character."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

BOM = "\ufeff"  # without it Excel takes UTF-8 for its own code page
SIGNS = "=+-@"
START = re.compile(r"(?:^|;)\s*\S")  # of a cell, also where a spreadsheet splits at `;`


def as_csv(rows: Iterable[Sequence[object]], bom: bool = True) -> str:
    """The rows as CSV. Texts are made harmless by `cell`, numbers stay as they are."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([cell(v) if isinstance(v, str) else v for v in row] for row in rows)
    return (BOM if bom else "") + text.getvalue()


def cell(text: str) -> str:
    """A text on one printable line that no spreadsheet takes for a formula."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return START.sub(_guarded, line)


def _guarded(found: re.Match[str]) -> str:
    start, sign = found[0][:-1], found[0][-1]
    # Excel reads full-width signs as formulas, too.
    return f"{start}'{sign}" if unicodedata.normalize("NFKC", sign) in SIGNS else found[0]


def points(number: float) -> str:
    """Points as a gradebook reads them: at most two decimals, no exponent."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
