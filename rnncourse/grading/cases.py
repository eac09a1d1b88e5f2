"""Draw an exercise's inputs, and find what the reference and every known mistake return on them.

Runs trusted code only: the reference and its mutants.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncourse.grading.compare import Case, Cases, Failure, Returned, Rules, call
from rnncourse.grading.differences import same
from rnncourse.grading.exercise import Exercise, build, mistakes, mutate
from rnncourse.grading.mistakes import NUMBERS, Mistakes, Names, fingerprints
from rnncourse.grading.training import Draw, problems

TRIES = 50  # further draws at most, until every mistake loses points
DOUBTS = 8  # of these, to tell a pair of mutants from a third: some are the same on any inputs


class Drawn(NamedTuple):
    """One case, and what each mistake returns on its inputs; None where it fails."""

    case: Case
    wrong: dict[Names, list[np.ndarray] | None]

    def loses(self, names: Names, rules: Rules) -> bool:
        """True where this mistake gets an output of this case wrong."""
        answer = self.wrong[names]
        return answer is None or not all(
            same(found, expected, rules.tolerance)
            for found, expected in zip(answer, self.case.expected, strict=True)
        )


def make_cases(
    exercise: Exercise, seeds: Iterable[int], tidy: Callable[[Any], Any] = lambda value: value
) -> Cases:
    """Draw inputs for each seed; run the reference and every mistake on them.

    `tidy` is applied to each drawn value (the public data rounds them). Raises `ValueError`
    where a mistake is right on all inputs that are drawn.
    """
    return as_cases(exercise, draw_all(exercise, seeds, tidy))


def draw_all(
    exercise: Exercise,
    seeds: Iterable[int],
    tidy: Callable[[Any], Any] = lambda value: value,
    together: int = 2,
) -> list[Drawn]:
    """As `make_cases`, with everything that the mistakes return; `together` as in `mistakes`.

    A case is replaced where on all of them a mistake would be right by luck, or be taken for a
    mutant that has no part in it.
    """
    run = _runner(exercise, tidy, together)
    numbers = list(seeds)
    drawn = [run([seed]) for seed in numbers]
    lucky, taken = _faults(exercise, drawn)
    for attempt in range(1, TRIES + 1):
        if not lucky and (not taken or attempt > DOUBTS):
            return drawn
        fresh = run([numbers[0], attempt])
        if not {*lucky, *taken}.difference(*_faults(exercise, [fresh])):
            continue  # it tells none of them apart either
        for k in range(len(drawn)):
            trial = [*drawn[:k], fresh, *drawn[k + 1 :]]
            faults = _faults(exercise, trial)
            if [len(f) for f in faults] < [len(lucky), len(taken)]:
                drawn, (lucky, taken) = trial, faults
                break
    said = "; ".join(" + ".join(names) for names in lucky)
    raise ValueError(f"{exercise.id}: in {TRIES} draws these mistakes lose no points: {said}. "
                     "Draw inputs on which they differ, or let the edits of two mutants that "
                     "undo each other overlap")  # fmt: skip


def _runner(
    exercise: Exercise, tidy: Callable[[Any], Any], together: int
) -> Callable[[list[int]], Drawn]:
    """A function that draws one case from a seed (a list of numbers)."""
    reference = build(exercise, exercise.source)
    programs = {names: _built(exercise, names) for names in mistakes(exercise, together)}
    parameters = list(inspect.signature(reference).parameters)

    def run(seed: list[int]) -> Drawn:
        drawn = exercise.draw(_generator(exercise, seed))
        drawn = drawn if isinstance(drawn, dict) else dict(zip(parameters, drawn, strict=True))
        inputs = {name: tidy(drawn[name]) for name in parameters}
        expected = answer_of(exercise, reference, inputs).values
        wrong = {names: _outputs(exercise, f, inputs, names) for names, f in programs.items()}
        return Drawn(Case(inputs, expected), wrong)

    return run


def _generator(exercise: Exercise, seed: Sequence[int]) -> np.random.Generator:
    return np.random.default_rng([seed[0], zlib.crc32(exercise.id.encode()), *seed[1:]])


def draw_training(exercise: Exercise, seed: int) -> Draw:
    """Arguments and truth of an exercise of kind `train`.

    Raises `ValueError` where the exercise cannot be set so.
    """
    if exercise.task is None:
        raise ValueError(f"{exercise.id} trains nothing")
    drawn = dict(exercise.draw(_generator(exercise, [seed])))
    truth, groups = drawn.pop("truth"), drawn.pop("groups", {})
    draw = Draw(exercise.task, drawn, truth, groups)
    if found := problems(draw):
        raise ValueError(f"{exercise.id}: {'; '.join(found)}")
    return draw


def _built(exercise: Exercise, names: Names) -> Callable[..., Any]:
    try:
        return build(exercise, mutate(exercise, names))
    except SyntaxError:
        if len(names) == 1:
            raise
        return lambda *_: None  # two edits that together are no program return nothing


def _outputs(
    exercise: Exercise, function: Callable[..., Any], inputs: dict[str, Any], names: Names
) -> list[np.ndarray] | None:
    """What a mistake returns. A mutant alone must return arrays; several together may fail."""
    try:
        return answer_of(exercise, function, inputs).values
    except Exception:
        if len(names) == 1:
            raise
        return None


def _faults(exercise: Exercise, drawn: Sequence[Drawn]) -> tuple[list[Names], list[Names]]:
    """The mistakes that are right in all cases, and those that a mutant outside them equals."""
    rules = exercise.rules
    lucky = [n for n in drawn[0].wrong if not any(one.loses(n, rules) for one in drawn)]
    known = as_cases(exercise, drawn).mistakes
    taken = [
        names
        for names, prints in zip(known.names, known.prints, strict=True)
        if any(len(other) == 1 and other[0] not in names for other in known.equal(prints))
    ]
    return lucky, taken


def as_cases(exercise: Exercise, drawn: Sequence[Drawn]) -> Cases:
    """The cases with the fingerprints of the mistakes that return something in all of them."""
    rules = exercise.rules
    prints = {}
    for names in drawn[0].wrong:
        answers = [answer for one in drawn if (answer := one.wrong[names]) is not None]
        if len(answers) == len(drawn):
            prints[names] = fingerprints(answers, rules.tolerance)
    table = np.reshape(list(prints.values()), (len(prints), len(rules.outputs), NUMBERS))
    right = fingerprints([one.case.expected for one in drawn], rules.tolerance)
    known = Mistakes(tuple(prints), table, right, rules.rtol)
    return Cases(tuple(one.case for one in drawn), known)


def answer_of(exercise: Exercise, function: Callable[..., Any], inputs: dict[str, Any]) -> Returned:
    """What a trusted function returns. Raises `ValueError` where it is no array."""
    with np.errstate(all="ignore"):
        answer = call(function, inputs, exercise.rules.outputs)
    if isinstance(answer, Failure) or not all(isinstance(v, np.ndarray) for v in answer.values):
        raise ValueError(f"{exercise.id}: a reference or mutant returned {answer}")
    return answer
