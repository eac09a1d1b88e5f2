"""One line a learner, ready for a gradebook's import.

Columns: who it is (the roster's own columns, or `learner`), one for each exercise, the sum of the
points that count, of how many, and a note. A cell is empty where nothing was handed in, or 0 where
the exercise was set. For Canvas the sum is called `Final Points` and the note `Final Grade note`:
Canvas takes any other new heading for an assignment, and passes over these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rnncourse.grading.compare import Text
from rnncourse.grading.record import Record
from rnncourse.grading.roster import Matching, Roster
from rnncourse.grading.spreadsheet import points
from rnncourse.grading.standing import Standing, standings

NOTHING: Text = ("nothing handed in", "没有提交")
# Canvas's own heading for the line below the headings, spaces included.
POSSIBLE = "    Points Possible"


class Class(NamedTuple):
    """Everybody's records under the names that count, and the roster that gave them."""

    records: list[Record]
    roster: Roster | None = None
    matching: Matching | None = None

    def learners(self) -> list[str]:
        """Everybody, the roster's people first and in its order."""
        first = self.matching.labels if self.matching else ()
        return list(dict.fromkeys([*first, *(record.learner for record in self.records)]))

    def exercises(self, assigned: dict[str, float] | None) -> dict[str, float]:
        """The exercises that were set with their points, else those that were handed in."""
        if assigned is not None:
            return assigned
        found: dict[str, float] = {}
        for record in self.records:
            if record.exercise:
                found[record.exercise] = max(record.max_points, found.get(record.exercise, 0.0))
        return dict(sorted(found.items()))

    def note(self, learner: str, language: int) -> str:
        """What a teacher must know of a learner, or empty."""
        if self.matching and learner in self.matching.problems:
            return self.matching.problems[learner][language]
        here = any(r.learner == learner and r.submission for r in self.records)
        return "" if here else NOTHING[language]


def join(records: Sequence[Record], roster: Roster | None, matching: Matching | None) -> Class:
    """The class: records under the roster's names, and one for each who handed in nothing."""
    if roster is None or matching is None:
        return Class(list(records))
    named = [r._replace(learner=matching.renamed[r.learner]) for r in records]
    here = {record.learner for record in named}
    absent = [Record("", "", 0.0, 0.0, NOTHING, learner=label)
              for label in matching.labels if label not in here]  # fmt: skip
    return Class(named + absent, roster, matching)


def rows(
    group: Class, assigned: dict[str, float] | None, attempts: str, language: int
) -> list[list[str]]:
    """The gradebook's table, its headings first."""
    due = group.exercises(assigned)
    found: dict[str, dict[str, Standing]] = {}
    for one in standings(group.records, due, attempts, group.learners()):
        found.setdefault(one.learner, {})[one.exercise] = one
    canvas = group.roster is not None and group.roster.canvas
    lines = [_heading(group.roster, due)]
    if canvas:
        blank = [""] * (len(lines[0]) - len(due) - 3)
        lines.append([POSSIBLE, *blank, *map(points, due.values()), points(sum(due.values())), ""])
    for who, cells in _people(group):
        mine = [found[who][name] for name in due] if due else []
        total = [points(sum(round(one.points, 2) for one in mine))]
        total += [] if canvas else [points(sum(due.values()))]
        given = ["" if one.record is None and assigned is None else points(one.points)
                 for one in mine]  # fmt: skip
        lines.append([*cells, *given, *total, group.note(who, language)])
    return lines


def _heading(roster: Roster | None, due: Iterable[str]) -> list[str]:
    if roster is None:
        return ["learner", *due, "total", "max", "note"]
    if not roster.canvas:
        return [*roster.header, *due, "total", "max", "note"]
    # `rnn_ex_01 (4711)` is the assignment that Canvas has already under this number.
    known = {title.rpartition(" (")[0]: title for title in roster.assignments}
    return [*roster.header, *(known.get(name, name) for name in due),
            "Final Points", "Final Grade note"]  # fmt: skip


def _people(group: Class) -> list[tuple[str, list[str]]]:
    """Everybody's label and the cells that say who it is."""
    if group.roster is None or group.matching is None:
        return [(who, [who]) for who in group.learners()]
    blank = [""] * (len(group.roster.header) - 1)
    known = [(label, list(person.cells)) for label, person
             in zip(group.matching.labels, group.roster.people, strict=True)]  # fmt: skip
    return known + [(who, [who, *blank]) for who in group.matching.problems]
