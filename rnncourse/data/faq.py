"""A reader's own list of questions and answers, and which questions to keep for tests.

A list like that asks for some answers in several ways. Each way of asking is a row of its own; an
answer is known by its text.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse._types import Array
from rnncourse.data import own
from rnncourse.data.fetch import DataError


def questions(
    path: str | Path, question: str | None = None, answer: str | None = None, at_least: int = 20
) -> tuple[list[str], list[str]]:
    """Questions and their answers, from two columns of a CSV file; prints how many it found.

    Of two columns the first holds the questions. Rows in which one of the two is missing are left
    out, and so are repeated ones; capital letters do not tell two questions apart. Raises
    DataError where a question has two answers, naming both lines; where there are fewer than
    ``at_least`` questions, or one answer alone; and as :func:`rnncourse.data.own.read_table` and
    :func:`rnncourse.data.own.pick`.
    """
    table = own.read_table(path)
    asks, answers = own.pick(path, table, list(table.columns), question=question, answer=answer)
    first: dict[str, tuple[str, str, int]] = {}
    gaps = 0
    for asked, replied, line in zip(asks, answers, table.lines, strict=True):
        if not asked or not replied:
            gaps += 1
            continue
        _, before, at = first.setdefault(asked.casefold(), (asked, replied, line))
        if before != replied:
            raise DataError(f"{path}, line {line}: the question {asked!r} has another answer in "
                            f"line {at}; expected one answer for each question")  # fmt: skip
    different = len({replied for _, replied, _ in first.values()})
    if len(first) < at_least or different < 2:
        raise DataError(f"{path} has {len(first)} different questions with {different} different "
                        f"answers; expected at least {at_least}, and 2")  # fmt: skip
    own.say("{} questions, {} answers", len(first), different)
    own.say("{} rows with a gap left out, {} repeated", gaps, len(asks) - gaps - len(first))
    return [one for one, _, _ in first.values()], [two for _, two, _ in first.values()]


def held_out(
    path: str | Path, answers: Sequence[str], rng: np.random.Generator, at_least: int = 10
) -> tuple[Array, Array, Array]:
    """Places of the questions to learn from, to choose by, and to test on.

    Of each answer with several questions one is held out, and of one with four or more a second;
    they go to the two parts in turn. So every answer in a test is also known from another
    question. Raises DataError where fewer than ``at_least`` answers have a second question.
    """
    places: dict[str, list[int]] = {}
    for k, name in enumerate(answers):
        places.setdefault(name, []).append(k)
    several = [found for found in places.values() if len(found) > 1]
    if len(several) < at_least:
        raise DataError(f"{path}: {len(several)} answers have a second question; expected at "
                        f"least {at_least}, since they are tested on it")  # fmt: skip
    out: list[int] = []
    for n in rng.permutation(len(several)):
        count = 2 if len(several[n]) > 3 else 1
        out += [int(k) for k in rng.permutation(several[n])[:count]]
    kept = np.setdiff1d(np.arange(len(answers)), out)
    return kept, np.array(out[::2]), np.array(out[1::2])


class Limit(NamedTuple):
    """From which score on to answer."""

    least: float
    gain: int  # right answers less wrong ones, where it was chosen


def limit(scores: Array, right: Array) -> Limit:
    """The score from which on answers bring most: 1 for a right one, -1 for a wrong one.

    Args: scores: (N,) the best of each question; right: (N,) whether that answer is right.

    A score of 0 is never enough. Of limits that bring as much the lowest is taken; where none
    brings anything, no score of these reaches it.
    """
    steps = np.unique(scores[scores > 0])
    gains = [int(np.where(right, 1, -1)[scores >= one].sum()) for one in steps]
    if not gains or max(gains) <= 0:
        return Limit(float(np.nextafter(max(0.0, float(scores.max())), np.inf)), 0)
    return Limit(float(steps[int(np.argmax(gains))]), max(gains))
