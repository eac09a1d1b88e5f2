"""What a batch says: progress while it runs; then a table, and the files for other tools."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from rnncourse._progress import Bar
from rnncourse.grading.printable import guarded
from rnncourse.grading.record import Record, Row
from rnncourse.grading.standing import Standing, as_one, standings

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


def as_csv(records: Sequence[Record], language: int) -> str:
    """The table of scores, for a spreadsheet: no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(Row._fields)
    for record in records:
        writer.writerow(guarded(v) if isinstance(v, str) else v for v in record.row(language))
    return text.getvalue()


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


def as_gradescope(
    records: Sequence[Record], language: int, assigned: dict[str, float] | None = None,
    attempts: str = "best",
) -> str:  # fmt: skip
    """`results.json` as Gradescope's autograder reads it: one learner, one test a part.

    One result an exercise counts, as `standings` chooses it; what was set and is missing has a test
    of its own. What was handed in without an exercise has one of 0 points.
    """
    counted = standings(as_one(records), assigned, attempts, [""])
    tests = [test for standing in counted for test in _of_standing(standing, language)]
    tests += [
        test for record in records if not record.exercise for test in _tests(record, language)
    ]
    data = {"score": round(sum(standing.points for standing in counted), 2),
            "max_score": sum(standing.max_points for standing in counted),
            "output": "\n".join(_line(record, language, assigned) for record in records),
            "output_format": "text", "visibility": "visible",
            "execution_time": round(sum(r.seconds for r in records)), "tests": tests}  # fmt: skip
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _line(record: Record, language: int, assigned: dict[str, float] | None) -> str:
    """What is said of one thing handed in; an exercise that was not set counts nothing."""
    name = record.exercise or record.submission
    points = f"{record.points:g}/{record.max_points:g}"
    if assigned is not None and record.exercise and record.exercise not in assigned:
        points = ("not set, counts nothing:", "没有布置，不计分：")[language]
    return f"{name}: {points} {record.text[language]}"


def _of_standing(standing: Standing, language: int) -> list[dict[str, Any]]:
    if standing.record is not None:
        return _tests(standing.record._replace(max_points=standing.max_points), language)
    said = (f"was set and was not handed in: 0 of {standing.max_points:g} points",
            f"布置了，但没有提交：0 分（共 {standing.max_points:g} 分）")  # fmt: skip
    none = Record("", standing.exercise, 0.0, standing.max_points, said)
    return _tests(none, language)


def _tests(record: Record, language: int) -> list[dict[str, Any]]:
    name = record.exercise or record.submission
    tests = []
    for part in record.parts:
        right = part.points > 0
        said = "" if right else (part.difference or record.text)[language]
        tests.append({"name": f"{name}: {part.name}", "score": round(part.points, 4),
                      "max_score": round(part.max_points, 4), "output": said,
                      "status": "passed" if right else "failed",
                      "visibility": "visible"})  # fmt: skip
    return tests or [{"name": name, "score": 0, "max_score": record.max_points,
                      "output": record.text[language], "status": "failed",
                      "visibility": "visible"}]  # fmt: skip
