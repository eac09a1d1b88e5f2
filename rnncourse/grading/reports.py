"""What a batch says: progress while it runs; then a table, and the files for other tools."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from rnncourse._progress import Bar
from rnncourse.grading import spreadsheet
from rnncourse.grading.record import Record, Row

LINES = 10  # in a log, in all


class Progress(Bar):
    """How far a batch is: one line on a terminal, a few in a log. Use as a context manager."""

    def __init__(self, total: int) -> None:
        super().__init__(total, show=sys.stderr.isatty())
        self.done = 0
        self.graded = 0
        self._told = 0

    def step(self, graded: bool = True) -> None:
        """One more is done; `graded` is False where the journal had it."""
        self.done += 1
        self.graded += graded
        spent = time.monotonic() - self._start
        if self.show:
            self.update(self.done, self.note(spent))
        elif self.done >= self.total or (self.done - self._told) * LINES >= self.total:
            self._told = self.done
            print(self.line(self.done, self.note(spent), spent), file=sys.stderr, flush=True)

    def note(self, seconds: float) -> str:
        """How fast it goes, and the time left at that rate."""
        if not self.graded:
            return "from the journal"
        rate = self.graded / max(seconds, 1e-9)
        return f"{rate:.1f}/s, {_clock((self.total - self.done) / rate)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text, the long reason last; a submission's name says whose it is."""
    cells = [["submission", "exercise", "points", "max_points", "seconds", "reason"]]
    cells += [[r.submission, r.exercise, f"{r.points:g}", f"{r.max_points:g}", f"{r.seconds:.2f}",
               r.reason] for r in rows]  # fmt: skip
    widths = [max(len(row[k]) for row in cells) for k in range(5)]
    return "\n".join(
        "  ".join([*(text.ljust(w) for text, w in zip(row, widths, strict=False)), row[5]])
        for row in cells
    )


def as_csv(records: Sequence[Record], language: int, bom: bool = True) -> str:
    """The table of scores, for a spreadsheet."""
    return spreadsheet.as_csv([Row._fields, *(r.row(language) for r in records)], bom)


def as_json(records: Sequence[Record], seed: int, complete: bool) -> str:
    """Everything that is known, part by part, in both languages."""
    rows = [
        {
            "submission": r.submission,
            "learner": r.learner,
            "exercise": r.exercise,
            "points": r.points,
            "max_points": r.max_points,
            "reason": both(r.text),
            "hints": [both(hint) for hint in r.hints],
            "notes": [both(note) for note in r.notes],
            "seconds": r.seconds,
            "parts": [
                {"name": p.name, "right": p.difference is None and p.points > 0,
                 "points": p.points, "max_points": p.max_points,
                 "difference": both(p.difference)}
                for p in r.parts
            ],
        }
        for r in records
    ]  # fmt: skip
    data = {"seed": seed, "complete": complete, "rows": rows}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def both(text: tuple[str, str] | None) -> dict[str, str] | None:
    """A text in its two languages, by their codes."""
    return None if text is None else {"en": text[0], "zh": text[1]}
