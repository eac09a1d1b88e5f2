"""Certify the grader by mutation, into benchmarks/results/mutants.json.

    python -m tools.certify.mutants        (or make mutants)

For every exercise, under ten seeds, on inputs drawn as the class grader draws them: each
mutant must lose points and be answered with its own hint and no other, in both languages;
the reference, the answers written differently and a float32 answer must get full marks.
The page `mutants` shows the record. The exit code is 1 if anything failed.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from rnncourse.grading import grader
from rnncourse.grading.compare import Case, Verdict, verdict
from rnncourse.grading.exercise import (
    AS_GIVEN,
    Exercise,
    build,
    equivalent,
    load,
    make_cases,
    read_notebook,
    run_trusted,
)
from tools.exercises import dump

ROOT = Path(__file__).resolve().parents[2]

RESULTS = ROOT / "benchmarks" / "results" / "mutants.json"
SEEDS = range(10)
FAR = 1000  # between two seeds' first cases, so that no two seeds share one


def every_exercise(root: Path = ROOT) -> dict[str, Exercise]:
    """Every exercise of the course, by its id."""
    paths = sorted((root / "solutions").glob("*_sol_*.ipynb"))
    found = [load(read_notebook(path)) for path in paths]
    return {exercise.id: exercise for exercise in found}


def cases_of(exercise: Exercise, seed: int) -> list[Case]:
    """The inputs that the class grader would draw, with what reference and mutants return."""
    first = FAR * seed
    return make_cases(exercise, range(first, first + grader.SECRET_CASES))


def narrow(value: Any) -> Any:
    """A float array in single precision; anything else as it is."""
    real = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(np.float32) if real else value


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, computing in single precision and returning it."""

    def single(*arguments: Any) -> Any:
        found = function(*map(narrow, arguments))
        return tuple(map(narrow, found)) if isinstance(found, tuple) else narrow(found)

    return single


def judged(exercise: Exercise, function: Callable[..., Any], cases: list[Case]) -> Verdict:
    """What the grader says of a trusted function's answers."""
    answers = [run_trusted(exercise, function, case.inputs) for case in cases]
    return verdict(cases, answers, exercise.rules)


def right_answers(exercise: Exercise) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The reference, the reference in single precision, and each equivalent."""
    reference = build(exercise, exercise.source)
    yield "reference", reference
    yield "float32", in_float32(reference)
    for name in exercise.equivalents:
        yield name, build(exercise, equivalent(exercise, name))


def certificate(exercise: Exercise, seeds: Iterable[int] = SEEDS) -> dict[str, Any]:
    """One exercise's entry of the record; what is true held under every seed.

    For a mutant: [loses points, named by its own hint in English, in Chinese]. For an answer
    that is right, full marks.
    """
    full = exercise.rules.points
    drawn = [cases_of(exercise, seed) for seed in seeds]
    right = {
        name: all(judged(exercise, function, cases).points == full for cases in drawn)
        for name, function in right_answers(exercise)
    }
    mutants = {}
    for name, hint in exercise.rules.hints.items():
        found = [verdict(c, [case.mutants[name] for case in c], exercise.rules) for c in drawn]
        hinted = [all(v.text[k] == hint[k] and v.hints == (hint,) for v in found) for k in (0, 1)]
        mutants[name] = [all(v.points < full for v in found), *hinted]
    mutants.pop(AS_GIVEN, None)  # ours, not a learner's
    return {"exercise": exercise.id, "kind": exercise.kind, "points": full,
            "outputs": len(exercise.rules.outputs), "mutants": mutants, "right": right}  # fmt: skip


def counts(entry: dict[str, Any]) -> dict[str, int]:
    """How many mutants and right answers an entry has, and how many of them held."""
    mutants, right = entry["mutants"].values(), entry["right"].values()
    return {
        "mutants": len(mutants),
        "caught": sum(m[0] for m in mutants),
        "hinted_en": sum(m[1] for m in mutants),
        "hinted_zh": sum(m[2] for m in mutants),
        "right_answers": len(right),
        "full_marks": sum(right),
    }


def record(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole file: each exercise's entry with its counts, and their sums."""
    entries = [entry | {"counts": counts(entry)} for entry in entries]
    names = entries[0]["counts"]
    return {
        "what": "every mutant of every exercise, and answers that are right, by the grader",
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
        "seeds": len(SEEDS),
        "cases_per_seed": grader.SECRET_CASES,
        "totals": {name: sum(entry["counts"][name] for entry in entries) for name in names},
        "exercises": entries,
    }


def held(data: dict[str, Any]) -> bool:
    """True where every mutant was caught and hinted, and every right answer got full marks."""
    t = data["totals"]
    caught = t["mutants"] == t["caught"] == t["hinted_en"] == t["hinted_zh"]
    return caught and t["right_answers"] == t["full_marks"]


def main() -> int:
    """Certify every exercise, print a line for each, and write the record."""
    entries = []
    for exercise in every_exercise().values():
        entries.append(certificate(exercise))
        n = counts(entries[-1])
        print(f"{exercise.id:20} mutants {n['mutants']:2}, caught {n['caught']:2}, hinted "
              f"{n['hinted_en']:2} en {n['hinted_zh']:2} zh; right answers {n['right_answers']}, "
              f"full marks {n['full_marks']}", flush=True)  # fmt: skip
    data = record(entries)
    RESULTS.write_text(dump(data), "utf-8")
    print(f"{'all':20} {data['totals']}\nwrote {RESULTS.relative_to(ROOT)}")
    return int(not held(data))


if __name__ == "__main__":
    sys.exit(main())
