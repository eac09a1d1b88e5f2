"""`result.json` as Classroom 50 reads it: one learner, a test for each part, whole numbers only.

The form is that of its page "Advanced Autograding" (`classroom50/result/v1`). Its runner sets the
environment variables that say whose submission it is, and asks for exit code 0.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rnncourse.grading.record import Record
from rnncourse.grading.standing import Standing, standings

SCHEMA = "classroom50/result/v1"
FINEST = 100  # a point is never split into more
# The file's fields and the runner's variables. It sets owner and type itself, if they are absent.
FIELDS = {"classroom": "CLASSROOM", "assignment": "ASSIGNMENT", "owner": "OWNER",
          "assignment_type": "ASSIGNMENT_TYPE", "submission": "SUBMISSION_TAG",
          "commit": "COMMIT_URL", "release": "RELEASE_URL", "review": "REVIEW_URL"}  # fmt: skip

Mark = tuple[str, float, float, str]  # a test's name, points, of how many, and what is wrong


def as_result(
    records: list[Record], language: int, assigned: dict[str, float] | None = None,
    attempts: str = "best", environment: Mapping[str, str] = os.environ,
) -> str:  # fmt: skip
    """The file's text. All records are one learner's; each exercise counts once.

    Where points have fractions, all are multiplied by the smallest number that makes them whole,
    100 at most (then rounded): 4/3 of 4 become 4 of 12. Each test's `points` are the true ones.
    """
    mine = [record._replace(learner="") for record in records]
    marks = [m for one in standings(mine, assigned, attempts, [""]) for m in _marks(one, language)]
    marks += [(r.submission or "?", 0.0, 0.0, r.text[language]) for r in mine if not r.exercise]
    by = scale(number for _, points, maximum, _ in marks for number in (points, maximum))
    tests = [_test(mark, by) for mark in marks]
    known = {field: environment[name] for field, name in FIELDS.items() if environment.get(name)}
    if "commit" in known:
        known.setdefault("review", known["commit"])
    data = {"schema": SCHEMA, **known, "datetime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "score": sum(test["score"] for test in tests),
            "max-score": sum(test["max-score"] for test in tests), "tests": tests}  # fmt: skip
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def scale(numbers: Iterable[float]) -> int:
    """The smallest factor, 100 at most, that makes all numbers whole."""
    found = list(numbers)
    return next((k for k in range(1, FINEST) if all(_is_whole(v * k) for v in found)), FINEST)


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6


def _marks(one: Standing, language: int) -> list[Mark]:
    record = one.record
    if record is None:
        said = ("nothing handed in", "没有提交")[language]
        return [(one.exercise, 0.0, one.max_points, said)]
    return [
        (f"{one.exercise}: {p.name}", p.points, p.max_points,
         "" if p.points > 0 else (p.difference or record.text)[language])
        for p in record.parts
    ] or [(one.exercise, 0.0, one.max_points, record.text[language])]  # fmt: skip


def _test(mark: Mark, by: int) -> dict[str, Any]:
    name, points, maximum, said = mark
    return {"test-name": name, "passed": points > 0, "score": round(points * by),
            "max-score": round(maximum * by), "points": points, "output": said}  # fmt: skip
