"""What a learner has earned: one result for each exercise, out of all that was handed in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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
                rows.append(Standing(who, name, one.points, one.max_points, one, len(mine[name])))
            else:
                rows.append(Standing(who, name, 0.0, (assigned or {})[name], None))
    return rows


def _chosen(records: Sequence[Record], attempts: str) -> Record:
    """The best of several attempts (the first of equals), or the last."""
    if attempts not in ATTEMPTS:
        raise ValueError(f"attempts is {attempts!r}, expected one of {ATTEMPTS}")
    return records[-1] if attempts == "last" else max(records, key=lambda record: record.points)
