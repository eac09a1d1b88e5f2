"""Exercises of kind `train`: their public check data, and how far scores stand from thresholds.

A solution of this kind has no `outputs`, `points` and `tolerance`. Its cell `spec` defines, beside
`kind`, `function`, `withhold`, `packages`, `equivalents`:
    measure     "accuracy", or "squared error"
    thresholds  ((score, points), …), rising; points are whole, and in all
    seconds     for one call, 10 at most; the function is called six times at most
    baseline    (its name in English, in Chinese, its score), which earns nothing
    draw        draw(rng) -> a dict: the arguments in order, among them x_train, y_train, x_test;
                `truth`, which only the judge gets, in the form of y_train; perhaps `groups`,
                {name: mask of test rows}. Arguments `…_test` have a row for each test example,
                and a partner `…_train`. Whole numbers keep the check data small
    probes      {name: (English, Chinese)}: what a group's probe says; replaces a probe's own text
    mutants     list of {"name", "edit", "probe"}: the probe that must name it, or several of
                which one must, or None
`rnncourse/grading/training.py` judges, and `probes.py` beside it holds what probes say.

For the record the reference is tried under twenty seeds; mutants and equivalents under five, or
twenty where these leave a doubt. Pairs of mutants are not tried: no score says which two they are.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from statistics import fmean, stdev
from typing import Any

import numpy as np

from rnncourse.grading import compare, probes, protocol, training
from rnncourse.grading.cases import draw_training
from rnncourse.grading.exercise import Exercise, build, equivalent, mutate
from rnncourse.grading.training import OUTPUT, Task, Trial
from tools.certify import margins

SEEDS, FEWER = range(20), range(5)
FAR = 1000  # between two seeds: as for the other kinds, whose draws take several numbers each
LARGEST = 200_000  # characters of check data
# A mutant that these name earns nothing, whatever its score.
UNSCORED = probes.FORM | probes.REFUSED


def task_of(exercise: Exercise) -> Task:
    """How an exercise of this kind is judged. Raises `ValueError` for another kind."""
    if exercise.task is None:
        raise ValueError(f"{exercise.id} trains nothing")
    return exercise.task


def check_data(exercise: Exercise, seed: int) -> dict[str, Any]:
    """The public check data. Raises `ValueError` where it would be too large, or proves little."""
    task, draw = task_of(exercise), draw_training(exercise, seed)
    if len(exercise.mutants) < 5 or len(exercise.equivalents) < 2:
        raise ValueError(f"{exercise.id}: fewer than five mutants, or than two equivalents")
    inputs, groups = ({name: protocol.pack(v) if isinstance(v, np.ndarray) else v
                       for name, v in values.items()}
                      for values in (draw.inputs, draw.groups))  # fmt: skip
    data = {
        "exercise": exercise.id,
        "kind": exercise.kind,
        "function": exercise.function,
        "points": task.points,
        "measure": task.measure,
        "thresholds": [list(level) for level in task.thresholds],
        "seconds": task.seconds,
        "baseline": list(task.baseline),
        "probes": {n: list(t) for n, t in task.texts.items() if t != probes.TEXTS.get(n)},
        "inputs": inputs,
        "truth": protocol.pack(draw.truth),
        "groups": groups,
    }
    size = len(str(data))
    if size > LARGEST:
        raise ValueError(f"{exercise.id}: {size} characters of check data; {LARGEST} at most: "
                         "draw fewer rows, or whole numbers")  # fmt: skip
    return data


def tried(exercise: Exercise, function: Callable[..., Any], seed: int) -> dict[str, Any]:
    """What the judge says of a trusted function on the draw of this seed."""
    draw = draw_training(exercise, FAR * seed)

    def ask(inputs: dict[str, Any]) -> compare.Answer:
        with np.errstate(all="ignore"):
            return compare.call(function, inputs, (OUTPUT,))

    trial = Trial(draw, ask)
    start = time.process_time()
    verdict = trial.judge()
    score = None if math.isnan(trial.score) else round(trial.score, 6)
    return {"score": score, "points": verdict.points, "probes": trial.probes,
            "cpu": time.process_time() - start}  # fmt: skip


def programs(exercise: Exercise) -> dict[str, str]:
    """The source of the reference and of the right answers written differently."""
    others = {name: equivalent(exercise, name) for name in exercise.equivalents}
    return {"reference": exercise.source} | others


def certificate(
    exercise: Exercise, seeds: Sequence[int] = SEEDS, fewer: Sequence[int] = FEWER
) -> dict[str, Any]:
    """One exercise's entry of the record; `failures` says whether it holds."""
    entry, task = head(exercise), task_of(exercise)
    right, cpu = {}, []
    for name, source in programs(exercise).items():
        function = build(exercise, source)
        under = seeds if name == "reference" else fewer
        found = [tried(exercise, function, seed) for seed in under]
        cpu += [one["cpu"] for one in found] if name == "reference" else []
        right[name] = {"scores": [one["score"] for one in found],
                       "full": all(one["points"] == task.points for one in found)}  # fmt: skip
    wrong = {}
    for name, due in exercise.probes.items():
        function = build(exercise, mutate(exercise, [name]))
        found = [tried(exercise, function, seed) for seed in fewer]
        wrong[name] = about_mutant(due, found)
        if _mutant_failures(entry, name, wrong[name]):
            found += [tried(exercise, function, seed) for seed in seeds[len(fewer) :]]
            wrong[name] = about_mutant(due, found)
    return entry | {"cpu": round(fmean(cpu), 1), "right": right, "mutants": wrong}


def about_mutant(due: Sequence[str], found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A mutant's part of an entry; `due` are the probes of which one must name it."""
    said = [one["probes"] for one in found]
    return {
        "probes": list(due),
        "scores": [one["score"] for one in found],
        "points": max(one["points"] for one in found),
        "named": all(len(names) == 1 and names[0] in due for names in said) if due else None,
    }


def head(exercise: Exercise) -> dict[str, Any]:
    """What an entry says of the exercise itself."""
    task = task_of(exercise)
    return {
        "exercise": exercise.id,
        "points": task.points,
        "measure": task.measure,
        "thresholds": [list(level) for level in task.thresholds],
        "baseline": list(task.baseline),
        "items": len(draw_training(exercise, 0).truth),
        "source": source_of(exercise),
    }


def source_of(exercise: Exercise) -> str:
    """The solution, its task and its draws in short: where they change, so do the scores."""
    parts = [exercise.preamble, exercise.source, repr(exercise.mutants),
             repr(exercise.equivalents), repr(task_of(exercise))]  # fmt: skip
    draw = draw_training(exercise, 0)
    arrays = [v.tobytes() for v in (*draw.inputs.values(), draw.truth) if hasattr(v, "tobytes")]
    return hashlib.sha256("\0".join(parts).encode() + b"\0".join(arrays)).hexdigest()[:16]


def failures(entry: dict[str, Any]) -> list[str]:
    """Where an entry does not hold; empty where it does.

    The reference stands as far above the last threshold as a claim stands from its own, and each
    mutant that is scored as far below it.
    """
    found = [f"{name} misses full marks" for name, r in entry["right"].items() if not r["full"]]
    found += _near(entry, "reference", entry["right"]["reference"]["scores"], reached=True)
    for name, mutant in entry["mutants"].items():
        found += _mutant_failures(entry, name, mutant)
    return found


def _mutant_failures(entry: dict[str, Any], name: str, mutant: dict[str, Any]) -> list[str]:
    found = [f"{name} keeps its points"] * (mutant["points"] >= entry["points"])
    found += [f"{name} is not named by {' or '.join(mutant['probes'])}"] * (
        mutant["named"] is False
    )
    if not mutant["probes"] or set(mutant["probes"]) - UNSCORED.keys():
        return found + _near(entry, name, mutant["scores"], reached=False)
    return found + [f"{name} earns points"] * (mutant["points"] > 0)


def _near(entry: dict[str, Any], name: str, scores: list[float], reached: bool) -> list[str]:
    """Says so where scores are too near to the last threshold."""
    above = training.MEASURES[entry["measure"]].more == reached
    claim = {"relation": ">=" if above else "<", "threshold": entry["thresholds"][-1][0],
             "values": {str(k): score for k, score in enumerate(scores)}}  # fmt: skip
    if entry["measure"] == "accuracy":
        claim["items"] = entry["items"]
    problem = margins.problem(claim)
    return [f"{name}: {problem}"] if problem else []


def stored(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with what the page `mutants` shows of it."""
    scores = entry["right"]["reference"]["scores"]
    mutants = list(entry["mutants"].values())
    named = [m["named"] for m in mutants if m["probes"]]
    more = training.MEASURES[entry["measure"]].more
    summary = {"mean": fmean(scores), "spread": stdev(scores),
               "worst": (min if more else max)(scores), "mutants": len(mutants),
               "caught": sum(m["points"] < entry["points"] for m in mutants),
               "probed": len(named), "named": sum(named)}  # fmt: skip
    return entry | {"summary": summary}
