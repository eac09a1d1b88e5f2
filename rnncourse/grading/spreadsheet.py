"""Tables as CSV that a spreadsheet opens as the text it is: no formula, no odd character."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from rnncourse.grading.printable import guarded

BOM = "\ufeff"  # without it Excel takes UTF-8 for its own code page


def as_csv(rows: Iterable[Sequence[object]], bom: bool = True) -> str:
    """The rows as CSV. Texts are made harmless by `guarded`, numbers stay as they are."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([guarded(v) if isinstance(v, str) else v for v in row] for row in rows)
    return (BOM if bom else "") + text.getvalue()


def points(number: float) -> str:
    """Points as a gradebook reads them: at most two decimals, no exponent."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
