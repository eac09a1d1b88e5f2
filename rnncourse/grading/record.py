"""What the grader says of one submission to one exercise; plain values that can be stored."""

from __future__ import annotations

from typing import Any, NamedTuple

from rnncourse.grading.compare import Part, Rules, Text, shares

FAULT = "could not be graded"


class Row(NamedTuple):
    """One line of the table of scores."""

    learner: str
    submission: str
    exercise: str
    points: float
    max_points: float
    reason: str
    seconds: float


class Record(NamedTuple):
    """A `Row` in both languages, with its parts.

    `notes` cost no points, such as advice; `text` says them too.
    """

    submission: str
    exercise: str
    points: float
    max_points: float
    text: Text
    seconds: float = 0.0
    parts: tuple[Part, ...] = ()
    hints: tuple[Text, ...] = ()
    learner: str = ""
    learner_id: str = ""  # of the platform or the school, where a file's name says it
    notes: tuple[Text, ...] = ()

    def row(self, language: int) -> Row:
        """The table's line; `language` 0 is English, 1 Chinese."""
        return Row(self.learner, self.submission, self.exercise, self.points, self.max_points,
                   self.text[language], self.seconds)  # fmt: skip

    def full(self) -> bool:
        """True where no point is missing; never for an unknown exercise."""
        return 0 < self.max_points <= self.points

    def faulty(self) -> bool:
        """True where the fault was not the learner's, so that another try may succeed."""
        return self.text[0].startswith(FAULT)

    def plain(self) -> dict[str, Any]:
        """This record as JSON values."""
        return {**self._asdict(), "parts": [part._asdict() for part in self.parts]}


def restore(data: dict[str, Any]) -> Record:
    """The inverse of `Record.plain`, also after JSON made lists of the tuples.

    Raises `TypeError`, `KeyError` or `ValueError` where `data` is not a record.
    """
    parts = [Part(**{**part, "difference": _text(part["difference"])}) for part in data["parts"]]
    texts = {name: tuple(map(_text, data[name])) for name in ("hints", "notes")}
    return Record(**{**data, "text": _text(data["text"]), "parts": tuple(parts), **texts})


def _text(value: Any) -> Any:
    return None if value is None else tuple(value)


def nothing_right(rules: Rules) -> tuple[Part, ...]:
    """The parts of a submission that gave nothing to compare."""
    return tuple(Part(name, 0.0, share, None) for name, share in shares(rules))
