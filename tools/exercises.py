"""Generate exercises/ and the public check data in rnncourse/grading/checks/ from solutions/*.md.

    python -m tools.exercises           write what has changed
    python -m tools.exercises --check   write nothing; name each difference and exit 1

Each exercise is written twice, ID.ipynb in English and ID.zh.ipynb in Chinese, with the same code
cells: `check` answers in both languages, and a class may hand in either.
A notebook that is written keeps the outputs of code cells whose source is unchanged.
solutions/*.ipynb, which hold outputs, are written by tools/notebooks/store.py.

A solution is a MyST notebook whose header names its exercise (`rnncourse: {exercise: ID}`).
Cells: the prompt, first all of it in English, then in Chinese; the setup cell (tag remove-cell);
imports; one or more code cells with `# BEGIN SOLUTION` and `# END SOLUTION`; the call of `check`
(tag nbval-check-output); and one cell tagged `spec`, which the learner never gets. It defines
    kind        "implement", "repair" or "measure"; for "train" see tools/certify/training.py
    function    the graded function's name
    outputs     names of what it returns; each earns an equal share of the points
    points      in all
    withhold    names the grader hides, as "cells.rnn_step", or a module, as "gradcheck"
    packages    what may be imported (default: ("numpy",)); each dependency by name
    tolerance   (rtol, atol); a float32 answer must pass
    draw        draw(rng) -> the arguments, as a dict or in order; odd, unequal, small sizes
    mutants     list of {"name", "edit", "en", "zh"}, five at least; an edit is (old, new) or a
                list of these, each `old` found exactly once in the solution cells
    equivalents {name: source} of right answers written differently, two at least: loops for a
                product, another order of operations, float32, joined weights …
    starter     for "repair": the mutants whose bugs the learner is given; best two or more, since
                the first `check` of untouched code then names none of them. Each bug mended
                earns its share of the points
    pure        where not changing the inputs in place is what is taught: points of that part
Cells tagged `solution` are left out of the exercise as well.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jupytext

from rnncourse.grading import protocol
from rnncourse.grading.cases import Drawn, answer_of, as_cases, draw_all
from rnncourse.grading.compare import Cases, Returned, Rules, Verdict, verdict
from rnncourse.grading.exercise import (
    CELL_BREAK,
    Exercise,
    build,
    equivalent,
    load,
    mutate,
    parse_notebook,
    unsolved,
)
from rnncourse.grading.mistakes import Names
from rnncourse.grading.training import announcement
from tools.certify import training

ROOT = Path(__file__).resolve().parents[1]

# Above every seed that the class grader draws, so that its cases are never these.
PUBLIC_SEEDS = tuple(range(2**40, 2**40 + 3))
# What the prompt must say, in both languages, of points that are not an output's.
MENDED = ("Each bug that you mend earns an equal share of the points, even while others are left; "
          "the higher of the two counts.",
          "每改好一处错误得相同的一份分数，其余错误还在也算数；两种算法取较高的。")  # fmt: skip
PURE = ("leaving the arrays that you are given unchanged earns", "不改动传进来的数组再得")
ONLY_IN_SOLUTION = {"spec", "solution"}
SUFFIXES = {"en": "", "zh": ".zh"}  # of an exercise's files
CHINESE = re.compile("[\u3400-\u9fff]")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def read_solution(text: str) -> dict[str, Any]:
    """A solution's Markdown as a notebook (plain JSON values)."""
    return json.loads(json.dumps(jupytext.reads(text, fmt="md:myst")))


def as_notebook(nb: dict[str, Any], name: str, old: str | None) -> str:
    """The text of exercise `name` as .ipynb: the same on every machine, outputs from `old`."""
    kept = stored_outputs(old)
    cells = []
    for number, cell in enumerate(nb["cells"]):
        new = {"cell_type": cell["cell_type"], "id": f"{name}-{number:03d}",
               "metadata": cell["metadata"], "source": lines(cell["source"])}  # fmt: skip
        if cell["cell_type"] == "code":
            count, outputs = kept.get(cell["source"], (None, []))
            new |= {"execution_count": count, "outputs": outputs}
        cells.append(new)
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"},
                "rnncourse": {"exercise": name}}  # fmt: skip
    data = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def lines(source: str) -> list[str]:
    """Source as notebooks store it: a list of lines with their ends."""
    return source.splitlines(keepends=True)


def stored_outputs(old: str | None) -> dict[str, tuple[int | None, list]]:
    """Execution count and outputs of each code cell of an existing notebook, by source."""
    if old is None:
        return {}
    return {
        "".join(cell["source"]): (cell.get("execution_count"), cell.get("outputs", []))
        for cell in json.loads(old)["cells"]
        if cell["cell_type"] == "code"
    }


def header(solution: str) -> str:
    """The YAML header of a Markdown notebook, with its fences."""
    found = re.match(r"---\n.*?\n---\n", solution, re.S)
    if found is None:
        raise ValueError("a solution must begin with a YAML header")
    return found.group()


def as_markdown(nb: dict[str, Any], head: str) -> str:
    """The text of a MyST notebook. Written here: jupytext's own spelling varies by version."""
    parts = [head]
    previous = None
    for cell in nb["cells"]:
        if cell["cell_type"] == "code":
            tags = cell["metadata"].get("tags")
            option = f":tags: [{', '.join(tags)}]\n\n" if tags else ""
            parts.append(f"\n```{{code-cell}} python\n{option}{cell['source']}\n```\n")
        else:
            parts.append(("\n+++\n" if previous == "markdown" else "") + f"\n{cell['source']}\n")
        previous = cell["cell_type"]
    return "".join(parts)


def make_exercise(nb: dict[str, Any], exercise: Exercise) -> dict[str, Any]:
    """The notebook that the learner opens: solution and spec removed."""
    changed = exercise.source
    if exercise.kind == "repair":
        changed = mutate(exercise, exercise.rules.starter)
    parts = iter(changed.split(CELL_BREAK))
    cells = []
    for cell in nb["cells"]:
        if ONLY_IN_SOLUTION & set(cell["metadata"].get("tags", [])):
            continue
        if "# BEGIN SOLUTION" in cell["source"] and cell["cell_type"] == "code":
            cell = cell | {"source": unsolved(exercise, next(parts))}
        cells.append(cell)
    return nb | {"cells": cells}


def in_language(prompt: str, language: str) -> tuple[str, str]:
    """A prompt's title and text in one language.

    First all stands in English, then in Chinese; the Chinese refers to the formulas above, and
    gets them at its beginning. Raises `ValueError` where one of the two is missing.
    """
    title, *blocks = re.split(r"\n\s*\n", prompt.strip())
    names = title.removeprefix("# ").split(" · ")
    first = next((i for i, block in enumerate(blocks) if CHINESE.search(block)), 0)
    if not first or len(names) != 2:
        raise ValueError(f"a prompt needs a title and a text in English and Chinese: {title}")
    if language == "en":
        return names[0], "\n\n".join(blocks[:first])
    above = [block for block in blocks[:first] if block.startswith("$$")]
    return names[1], "\n\n".join(above + blocks[first:])


def translated(nb: dict[str, Any], language: str) -> dict[str, Any]:
    """An exercise with its prompt in one language; code is the same in both."""
    cells = []
    for cell in nb["cells"]:
        if cell["cell_type"] == "markdown":
            title, text = in_language(cell["source"], language)
            cell = cell | {"source": f"# {title}\n\n{text}"}
        cells.append(cell)
    return nb | {"cells": cells}


def announced(nb: dict[str, Any], exercise: Exercise) -> None:
    """Raises `ValueError` where the prompt does not say how points are given."""
    prompt = "\n".join(c["source"] for c in nb["cells"] if c["cell_type"] == "markdown")
    due = MENDED if len(exercise.rules.starter) > 1 else ()
    due += PURE if exercise.rules.pure else ()
    due += announcement(exercise.task) if exercise.task else ()
    for sentence in due:
        if sentence not in prompt:
            raise ValueError(f"{exercise.id}: the prompt must say: {sentence}")


def check_data(exercise: Exercise) -> dict[str, Any]:
    """The public check data. Raises `ValueError` where it would not tell mutants apart."""
    if exercise.task:
        return training.check_data(exercise, PUBLIC_SEEDS[0])
    rounded: Callable[[Any], Any] = lambda value: protocol.from_json(protocol.to_json(value))  # noqa: E731
    drawn = draw_all(exercise, PUBLIC_SEEDS, rounded)
    cases = as_cases(exercise, drawn)
    certify(exercise, drawn, cases)
    rules = exercise.rules
    mistakes = zip(cases.mistakes.names, cases.mistakes.prints, strict=True)
    return {
        "exercise": exercise.id,
        "function": exercise.function,
        "points": rules.points,
        "pure": rules.pure,
        "outputs": list(rules.outputs),
        "tolerance": list(rules.tolerance),
        "mutants": [{"name": n, "en": en, "zh": zh} for n, (en, zh) in rules.hints.items()],
        "starter": list(rules.starter),
        "cases": [
            {
                "inputs": {name: protocol.to_json(v) for name, v in case.inputs.items()},
                "expected": [protocol.to_json(v) for v in case.expected],
            }
            for case in cases
        ],
        "mistakes": {" + ".join(names): protocol.to_json(p)["data"] for names, p in mistakes},
    }


def certify(exercise: Exercise, drawn: list[Drawn], cases: Cases) -> None:
    """Mutants lose points and are named, equivalents lose none, the unsolved earns nothing."""
    rules = exercise.rules
    if len(exercise.mutants) < 5:
        raise ValueError(f"{exercise.id}: fewer than five mutants")
    if len(exercise.equivalents) < 2:
        raise ValueError(f"{exercise.id}: fewer than two equivalents")
    for name, hint in rules.hints.items():
        found = verdict_on((name,), drawn, cases, rules)
        if found.points >= rules.points:
            raise ValueError(f"{exercise.id}: mutant {name} loses no points")
        if found.text != hint:
            raise ValueError(f"{exercise.id}: mutant {name} is taken for another: {found.text[0]}")
    for name in exercise.equivalents:
        function = build(exercise, equivalent(exercise, name))
        answers = [answer_of(exercise, function, case.inputs) for case in cases]
        found = verdict(cases, answers, rules)
        if found.points < rules.points:
            raise ValueError(f"{exercise.id}: equivalent {name} loses points: {found.text[0]}")
    given = tuple(name for name in exercise.mutants if name in rules.starter)
    if exercise.kind == "repair" and (not given or verdict_on(given, drawn, cases, rules).points):
        raise ValueError(f"{exercise.id}: the exercise as handed out already earns points")


def verdict_on(names: Names, drawn: Sequence[Drawn], cases: Cases, rules: Rules) -> Verdict:
    """What the grader says of the reference with these mutants' edits."""
    answers = [one.wrong[names] for one in drawn]
    if None in answers:
        return Verdict(0.0, ("it fails", "出错"))
    return verdict(cases, [Returned(answer) for answer in answers if answer is not None], rules)


def dump(data: Any) -> str:
    """JSON with each flat list of numbers on one line."""
    text = json.dumps(data, indent=1, ensure_ascii=False)
    return (
        re.sub(r"\[\s+([^\[\]{}\"]*?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text) + "\n"
    )


def generate(root: Path) -> Iterator[tuple[Path, str]]:
    """Each derived file below `root` with the text it should have."""
    for source in sorted((root / "solutions").glob("*_sol_*.md")):
        text = source.read_text("utf-8")
        nb = read_solution(text)
        exercise = load(parse_notebook(nb))
        if exercise.id != source.stem.replace("_sol_", "_ex_"):
            raise ValueError(f"{source.name}: the header says exercise {exercise.id}")
        announced(nb, exercise)
        learner = make_exercise(nb, exercise)
        for language, suffix in SUFFIXES.items():
            own = translated(learner, language)
            target = root / "exercises" / f"{exercise.id}{suffix}"
            yield Path(f"{target}.md"), as_markdown(own, header(text))
            pair = Path(f"{target}.ipynb")
            yield pair, as_notebook(own, exercise.id, existing(pair))
        checks = root / "rnncourse" / "grading" / "checks"
        yield checks / f"{exercise.id}.json", dump(check_data(exercise))


def existing(path: Path) -> str | None:
    """A file's text, or None where there is none."""
    return path.read_text("utf-8") if path.exists() else None


def equal(old: str | None, new: str, path: Path) -> bool:
    """True where the texts agree; check data may differ in its last digits."""
    if old is None or old == new:
        return old == new
    return path.parent.name == "checks" and close(json.loads(old), json.loads(new))


def close(a: Any, b: Any) -> bool:
    """Equal JSON values, floating-point numbers up to rounding."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-11)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(close(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


def differences(root: Path) -> list[tuple[Path, str | None]]:
    """Derived files that are not as generated: with the text due, or None for strays."""
    due = dict(generate(root))
    found: list[tuple[Path, str | None]] = [
        (path, text) for path, text in due.items() if not equal(existing(path), text, path)
    ]
    patterns = ("exercises/*_ex_*", "rnncourse/grading/checks/*.json")
    strays = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    return found + [(path, None) for path in strays if path not in due]


def main(argv: list[str] | None = None) -> int:
    """Write, or with --check compare. Returns 1 where --check found a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if outdated")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    try:
        found = differences(options.root)
    except ValueError as error:
        print(error)
        return 1
    for path, text in found:
        name = path.relative_to(options.root)
        if options.check:
            print(f"{name}: {'not from any solution' if text is None else 'out of date'}")
        elif text is None:
            print(f"{name}: not from any solution; delete it")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"wrote {name}")
    if options.check and found:
        print("run `make exercises`")
    return int(options.check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
