"""What a learner has earned: one result for each exercise, out of all that was handed in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from rnncourse.grading.record import Record

ATTEMPTS = ("best", "last")


class Standing(NamedTuple):
    """One learner's result for one exercise; `record` is None where nothing was handed in."""

    learner: str
    exercise: str
    points: float
    max_points: float
    record: Record | None
    attempts: int = 0

    def full(self) -> bool:
        """True where no point is missing."""
        return self.record is not None and self.record.full()


def standings(
    records: Iterable[Record], assigned: dict[str, float] | None = None,
    attempts: str = "best", learners: Collection[str] = (),
) -> list[Standing]:  # fmt: skip
    """Each learner's one result for each exercise, learners in order of appearance.

    Of several attempts the best counts, or with ``attempts="last"`` the last in the order of
    `records`. `assigned` maps the exercises that were set to their points: what is missing counts
    0, and what was not set is left out. Without it everything that was handed in counts.
    `learners` are listed also if they handed in nothing.
    """
    found: dict[str, dict[str, list[Record]]] = {who: {} for who in learners}
    for record in records:
        mine = found.setdefault(record.learner, {})
        if record.exercise and (assigned is None or record.exercise in assigned):
            mine.setdefault(record.exercise, []).append(record)
    rows = []
    for who, mine in found.items():
        for name in mine if assigned is None else assigned:
            if name in mine:
                one = _chosen(mine[name], attempts)
                maximum = one.max_points if assigned is None else assigned[name]
                rows.append(Standing(who, name, one.points, maximum, one, len(mine[name])))
            else:
                rows.append(Standing(who, name, 0.0, (assigned or {})[name], None))
    return rows


def as_one(records: Iterable[Record], names: Collection[str] | None = None) -> list[Record]:
    """The records as those of one learner, whatever their names.

    With `names` only those whose learner is called so: a file that is named after its exercise and
    nothing else does not say whose it is.
    """
    return [r._replace(learner="") if names is None or r.learner in names else r for r in records]


def all_full(
    records: Sequence[Record], assigned: dict[str, float] | None, attempts: str, ungraded: bool
) -> bool:
    """True where every learner has full marks in all that was set.

    Where nothing was set, in all that was handed in: then nothing in it may be of no exercise, or,
    as `ungraded` says, impossible to grade.
    """
    found = standings(records, assigned, attempts)
    if assigned is None and (ungraded or any(not record.exercise for record in records)):
        return False
    return bool(found) and all(standing.full() for standing in found)


def read_assigned(
    text: str, known: Collection[str], points: Callable[[str], float]
) -> dict[str, float]:
    """The exercises named, between commas or spaces, with their points.

    Raises `ValueError` where none is named, or one that is not among the solutions.
    """
    names = [name for name in re.split(r"[\s,，、;]+", text) if name]
    if not names:
        raise ValueError("--exercises names no exercise: give ids such as rnn_ex_01,lstm_ex_04")
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known) or sorted(known)[:3]
            raise ValueError(f"--exercises names {name}, which is none of the {len(known)} with a "
                             f"solution; near it: {', '.join(near)}")  # fmt: skip
    return {name: points(name) for name in names}


def _chosen(records: Sequence[Record], attempts: str) -> Record:
    """The best of several attempts (the first of equals), or the last."""
    if attempts not in ATTEMPTS:
        raise ValueError(f"attempts is {attempts!r}, expected one of {ATTEMPTS}")
    return records[-1] if attempts == "last" else max(records, key=lambda record: record.points)
