"""Certify the grader by mutation, into benchmarks/results/mutants.json.

    python -m tools.certify.mutants              (or make mutants)
    python -m tools.certify.mutants gru_ex_05    only these; the other entries stay

For every exercise, under ten seeds, on inputs drawn as the class grader draws them: each
mutant must lose points and be answered with its own hint and no other, in both languages;
the reference, the answers written differently and a float32 answer must get full marks.
Under four of the seeds, every pair of mutants whose edits can be made at once: all must lose
points, 80 % must be answered with the hint of one of the two or of both, none with another's.
Exercises of kind `train` are tried as tools/certify/training.py says, and stand apart.
The page `mutants` shows the record. The exit code is 1 if anything failed.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnncourse.grading import grader
from rnncourse.grading.cases import Drawn, answer_of, as_cases, draw_all
from rnncourse.grading.compare import Cases, Rules, Verdict, verdict
from rnncourse.grading.exercise import (
    Exercise,
    build,
    equivalent,
    load,
    read_notebook,
)
from rnncourse.grading.mistakes import Names
from tools.certify import training
from tools.exercises import dump, verdict_on

ROOT = Path(__file__).resolve().parents[2]

RESULTS = ROOT / "benchmarks" / "results" / "mutants.json"
SEEDS = range(10)
PAIRS_UNDER = 4  # of the seeds: there are four times as many pairs as mutants
HINTED = 0.8  # of all pairs, with a right hint
FAR = 1000  # between two seeds' first cases, so that no two seeds share one


def every_exercise(root: Path = ROOT) -> dict[str, Exercise]:
    """Every exercise of the course, by its id."""
    paths = sorted((root / "solutions").glob("*_sol_*.ipynb"))
    found = [load(read_notebook(path)) for path in paths]
    return {exercise.id: exercise for exercise in found}


def drawn_for(exercise: Exercise, seed: int, together: int = 2) -> list[Drawn]:
    """The inputs that the class grader would draw, with what reference and mistakes return."""
    first = FAR * seed
    return draw_all(exercise, range(first, first + grader.SECRET_CASES), together=together)


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


def judged(exercise: Exercise, function: Callable[..., Any], cases: Cases) -> Verdict:
    """What the grader says of a trusted function's answers."""
    answers = [answer_of(exercise, function, case.inputs) for case in cases]
    return verdict(cases, answers, exercise.rules)


def right_answers(exercise: Exercise) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The reference, the reference in single precision, and each equivalent."""
    reference = build(exercise, exercise.source)
    yield "reference", reference
    yield "float32", in_float32(reference)
    for name in exercise.equivalents:
        yield name, build(exercise, equivalent(exercise, name))


def certificate(exercise: Exercise, seeds: Sequence[int] = SEEDS) -> dict[str, Any]:
    """One exercise's entry of the record; what is true held under every seed.

    For a mutant: [loses points, named by its own hint in English, in Chinese]. For a pair of
    mutants, under the first seeds, as `about_pair` says. For an answer that is right, full marks.
    """
    rules = exercise.rules
    right = dict.fromkeys((name for name, _ in right_answers(exercise)), True)
    said: dict[Names, list[Said]] = {}
    for number, seed in enumerate(seeds):
        drawn = drawn_for(exercise, seed, together=2 if number < PAIRS_UNDER else 1)
        cases = as_cases(exercise, drawn)
        for name, function in right_answers(exercise):
            right[name] &= judged(exercise, function, cases).points == rules.points
        for names in drawn[0].wrong:
            found = verdict_on(names, drawn, cases, rules)
            said.setdefault(names, []).append(Said(found, thirds(names, cases)))
    pairs = [n for n in said if len(n) == 2 and set(n) != set(rules.starter)]
    return {"exercise": exercise.id, "kind": exercise.kind, "points": rules.points,
            "outputs": len(rules.outputs),
            "mutants": {n[0]: about_mutant(n[0], said[n], rules) for n in said if len(n) == 1},
            "pairs": {" + ".join(n): about_pair(n, said[n], rules) for n in pairs},
            "right": right}  # fmt: skip


class Said(NamedTuple):
    """A verdict on a mistake, and the mutants outside it that return the same in every output."""

    verdict: Verdict
    thirds: set[str]


def thirds(names: Names, cases: Cases) -> set[str]:
    """The mutants outside a mistake that return what it does: the two amount to a third."""
    known = cases.mistakes
    if names not in known.names:
        return set()
    equal = known.equal(known.prints[known.names.index(names)])
    return {other[0] for other in equal if len(other) == 1 and other[0] not in names}


def about_mutant(name: str, said: Sequence[Said], rules: Rules) -> list[bool]:
    """Whether it loses points, and is named in English and in Chinese, under every seed."""
    hint, found = rules.hints[name], [one.verdict for one in said]
    hinted = [all(v.text[k] == hint[k] and v.hints == (hint,) for v in found) for k in (0, 1)]
    return [all(v.points < rules.points for v in found), *hinted]


def about_pair(names: Names, said: Sequence[Said], rules: Rules) -> str:
    """Under every seed "both" are named, or "one", or the "third" that the two amount to; or,
    under any, "none", one "wrong", "full".

    "wrong" is the hint of a mutant that is not of the pair, "full" are full marks. Two mutants
    amount to a third if they return what it does under every seed, so that its hint says what
    is wrong: whoever ignores the mask for c and for h ignores the mask.
    """
    if any(one.verdict.points >= rules.points for one in said):
        return "full"
    named = [{n for n, hint in rules.hints.items() if hint in one.verdict.hints} for one in said]
    third = set.intersection(*(one.thirds for one in said))
    if third and all(hints == third for hints in named):
        return "third"
    if any(hints - set(names) for hints in named):
        return "wrong"
    return ("none", "one", "both")[min(len(hints) for hints in named)]


def counts(entry: dict[str, Any]) -> dict[str, int]:
    """How many mutants, pairs and right answers an entry has, and how many of them held."""
    mutants, right = entry["mutants"].values(), entry["right"].values()
    pairs = list(entry["pairs"].values())
    return {
        "mutants": len(mutants),
        "caught": sum(m[0] for m in mutants),
        "hinted_en": sum(m[1] for m in mutants),
        "hinted_zh": sum(m[2] for m in mutants),
        "pairs": len(pairs),
        "pairs_caught": sum(p != "full" for p in pairs),
        "pairs_hinted": sum(p in ("one", "both") for p in pairs),
        "pairs_both": pairs.count("both"),
        "pairs_third": pairs.count("third"),
        "pairs_wrong": pairs.count("wrong"),
        "right_answers": len(right),
        "full_marks": sum(right),
    }


def stored(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with its counts; of the pairs it lists those of which not both are named."""
    pairs = {pair: said for pair, said in entry["pairs"].items() if said != "both"}
    return entry | {"pairs": pairs, "counts": counts(entry)}


def record(entries: list[dict[str, Any]], trained: Sequence[dict] = ()) -> dict[str, Any]:
    """The whole file: the entries with their counts, and their sums; those that train, apart."""
    names = entries[0]["counts"]
    return {
        "what": "every mutant of every exercise, and answers that are right, by the grader",
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
        "seeds": len(SEEDS),
        "seeds_pairs": PAIRS_UNDER,
        "cases_per_seed": grader.SECRET_CASES,
        "totals": {name: sum(entry["counts"][name] for entry in entries) for name in names},
        "exercises": entries,
        "training": [training.stored(entry) for entry in trained],
        "seeds_training": len(training.SEEDS),
        "seeds_training_mutants": len(training.FEWER),
    }


def held(data: dict[str, Any]) -> bool:
    """True where mutants and pairs were caught and hinted, and right answers got full marks."""
    t = data["totals"]
    mutants = t["mutants"] == t["caught"] == t["hinted_en"] == t["hinted_zh"]
    pairs = t["pairs"] == t["pairs_caught"] and t["pairs_wrong"] == 0
    pairs = pairs and t["pairs_hinted"] >= HINTED * t["pairs"]
    trained = not any(training.failures(entry) for entry in data["training"])
    return mutants and pairs and trained and t["right_answers"] == t["full_marks"]


def certified(exercise: Exercise) -> dict[str, Any]:
    """One exercise's entry, after a line that says what it holds."""
    if exercise.task:
        entry = training.certificate(exercise)
        said = "; ".join(training.failures(entry)) or f"held: {training.stored(entry)['summary']}"
    else:
        entry = stored(certificate(exercise))
        said = ", ".join(f"{name} {n}" for name, n in entry["counts"].items())
    print(f"{exercise.id:20} {said}", flush=True)
    return entry


def main(wanted: Sequence[str] = ()) -> int:
    """Certify every exercise, or those that are named, and write the record."""
    every = every_exercise()
    if unknown := set(wanted) - set(every):
        print(f"no exercise {', '.join(sorted(unknown))}")
        return 1
    old = json.loads(RESULTS.read_text("utf-8")) if wanted else {}
    found = {entry["exercise"]: entry for key in ("exercises", "training")
             for entry in old.get(key, ())}  # fmt: skip
    found |= {name: certified(every[name]) for name in wanted or every}
    entries = [found[name] for name in every if name in found]
    trains = {name for name, exercise in every.items() if exercise.task}
    data = record([e for e in entries if e["exercise"] not in trains],
                  [e for e in entries if e["exercise"] in trains])  # fmt: skip
    RESULTS.write_text(dump(data), "utf-8")
    print(f"{'all':20} {data['totals']}\nwrote {RESULTS.relative_to(ROOT)}")
    return int(not held(data))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
