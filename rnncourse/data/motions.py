"""Series of positions of a reader's own: what was done, by whom, a file each.

For programs that learn from a reader's own files; see :mod:`rnncourse.data.own`. A frame is a row
of D numbers: coordinates of joints, say, or what a sensor of a phone measured.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse._types import Array
from rnncourse.data.fetch import DataError
from rnncourse.data.own import number_of, pick, read_table, say

AT_MOST = 200  # frames of a series that are kept: of a longer one every second, third, …


class Series(NamedTuple):
    """One film of positions."""

    frames: Array  # (T, D); 0 where a frame is lost
    seen: Array  # (T,) bool, which frames are whole
    label: str = ""
    person: str = ""


def read(path: str | Path, columns: list[str] | None = None) -> Series:
    """The frames of a CSV file: a row of names, then a row of numbers a frame.

    A frame with a missing cell is lost. Of more than ``AT_MOST`` frames every second is kept, or
    every third, and so on.

    Args:
        columns: the names that it must have; any unless given.

    Raises DataError, naming the file and where it can the line, for other columns, what is no
    number, no whole frame, and as :func:`rnncourse.data.own.read_table`.
    """
    table = read_table(path)
    have = list(table.columns)
    if columns is not None and have != columns:
        raise DataError(f"{path} has the columns {have}; expected {columns}, as in the other files")
    rows = zip(*table.columns.values(), strict=True)
    frames = np.array([[number_of(path, line, cell) for cell in row]
                       for line, row in zip(table.lines, rows, strict=True)])  # fmt: skip
    frames = frames[:: -(-len(frames) // AT_MOST)]
    seen = np.isfinite(frames).all(axis=1)
    if not seen.any():
        raise DataError(f"{path} has no frame with a number in each of its {len(have)} columns")
    return Series(np.where(seen[:, None], frames, 0.0), seen)


def series(path: str | Path, at_least: int = 20) -> tuple[list[Series], list[str]]:
    """The series that a CSV file lists, and the names of their columns; prints what it found.

    Columns "file", a path that begins at the folder of the table, "label" and "person". Where
    there is no column "person", each file counts as a person. Rows in which one of the cells is
    missing are left out.

    Raises DataError, naming the line, for a file that is not there; for fewer than ``at_least``
    series, two labels, or three people; for a label that one person alone has; and as
    :func:`read`.
    """
    table = read_table(path)
    files, labels = pick(path, table, [], file="file", label="label")
    people = table.columns.get("person", files)
    rows = list(zip(files, labels, people, table.lines, strict=True))
    kept = [row for row in rows if all(row)]
    _check(path, kept, at_least)
    found: list[Series] = []
    columns = None
    for name, label, person, line in kept:
        file = Path(path).parent / name
        if not file.is_file():
            raise DataError(f"{path}, line {line}: there is no file {name!r}; its path must "
                            "begin at the folder of the table")  # fmt: skip
        columns = columns or list(read_table(file).columns)
        found.append(read(file, columns)._replace(label=label, person=person))
    frames = sum(len(one.frames) for one in found)
    say("{} series of {} people, {} frames of {} numbers, {} frames lost", len(found),
        len({one.person for one in found}), frames, len(columns or []),
        frames - sum(int(one.seen.sum()) for one in found))  # fmt: skip
    if len(kept) < len(rows):
        say("{} rows with a gap left out", len(rows) - len(kept))
    return found, columns or []


def _check(path: str | Path, kept: list[tuple[str, str, str, int]], at_least: int) -> None:
    """Raise DataError where there is too little to learn from."""
    labels, people = {row[1] for row in kept}, {row[2] for row in kept}
    if len(kept) < at_least or len(labels) < 2 or len(people) < 3:
        raise DataError(f"{path} has {len(kept)} series, {len(labels)} different labels and "
                        f"{len(people)} people; expected at least {at_least}, 2 and 3")  # fmt: skip
    by_label = Counter(label for label, _ in {(row[1], row[2]) for row in kept})
    rarest = min(labels, key=lambda label: by_label[label])
    if by_label[rarest] < 2:
        raise DataError(f"{path}: one person alone has the label {rarest!r}; expected at least "
                        "two, since nobody stands on both sides of the split")  # fmt: skip


def moving(one: Series) -> Array:
    """Positions of the whole frames and their velocities, (T', 2D).

    A velocity is a difference of the neighbours over their distance in frames; lost frames between
    them count.
    """
    xs, times = one.frames[one.seen], np.flatnonzero(one.seen)
    before = np.maximum(np.arange(len(xs)) - 1, 0)
    after = np.minimum(np.arange(len(xs)) + 1, len(xs) - 1)
    apart = np.maximum(times[after] - times[before], 1)  # 0 where there is one frame alone
    return np.concatenate([xs, (xs[after] - xs[before]) / apart[:, None]], axis=1)


def statistics(xs: Array) -> Array:
    """Mean, deviation, largest and smallest value over the frames of (T, D), and the mean size:
    (5 D,)."""
    return np.concatenate([xs.mean(axis=0), xs.std(axis=0), xs.max(axis=0), xs.min(axis=0),
                           np.abs(xs).mean(axis=0)])  # fmt: skip
