"""What the grader says of one submission to one exercise; plain values that can be stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rnncourse._compare import Case, Rules, Text, Verdict, describe, narrow_hint, same


class Row(NamedTuple):
    """One line of the table of scores."""

    submission: str
    exercise: str
    points: float
    max_points: float
    reason: str
    seconds: float


class Part(NamedTuple):
    """One graded output: its share of the points, and where wrong, what is known of it."""

    name: str
    right: bool
    points: float
    max_points: float
    hint: Text | None = None
    difference: Text | None = None


class Record(NamedTuple):
    """A `Row` in both languages, with its parts."""

    submission: str
    exercise: str
    points: float
    max_points: float
    text: Text
    seconds: float = 0.0
    parts: tuple[Part, ...] = ()

    def row(self, language: int) -> Row:
        """The table's line; `language` 0 is English, 1 Chinese."""
        return Row(self.submission, self.exercise, self.points, self.max_points,
                   self.text[language], self.seconds)  # fmt: skip

    def full(self) -> bool:
        """True where no point is missing; never for an unknown exercise."""
        return 0 < self.max_points <= self.points

    def plain(self) -> dict[str, Any]:
        """This record as JSON values."""
        return {**self._asdict(), "parts": [part._asdict() for part in self.parts]}


def restore(data: dict[str, Any]) -> Record:
    """The inverse of `Record.plain`, also after JSON made lists of the tuples.

    Raises `TypeError`, `KeyError` or `ValueError` where `data` is not a record.
    """
    parts = [
        Part(**{**part, "hint": _text(part["hint"]), "difference": _text(part["difference"])})
        for part in data["parts"]
    ]
    return Record(**{**data, "text": _text(data["text"]), "parts": tuple(parts)})


def _text(value: Any) -> Text | None:
    if value is None:
        return None
    english, chinese = value
    return english, chinese


def nothing_right(rules: Rules) -> tuple[Part, ...]:
    """The parts of a submission that gave nothing to compare."""
    share = round(rules.points / len(rules.outputs), 4)
    return tuple(Part(name, False, 0.0, share) for name in rules.outputs)


def parts(
    cases: Sequence[Case], answers: Sequence[list], rules: Rules, found: Verdict
) -> tuple[Part, ...]:
    """Each output's part. `found` is the verdict: a mistake it names belongs to every wrong part.

    `answers` holds one list of outputs a case, as `cases` does.
    """
    result = []
    for k, empty in enumerate(nothing_right(rules)):
        pairs = [(a[k], case.expected[k]) for case, a in zip(cases, answers, strict=True)]
        wrong = [pair for pair in pairs if not same(*pair, rules)]
        if not wrong:
            result.append(empty._replace(right=True, points=empty.max_points))
            continue
        whole = found.text if found.text in rules.hints.values() else None
        hint = whole or narrow_hint(cases, answers, k, rules)
        result.append(empty._replace(hint=hint, difference=describe(empty.name, *wrong[0])))
    return tuple(result)
