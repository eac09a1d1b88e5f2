"""The grader certified by mutation: mistakes lose points and are named, right answers do not.

Every exercise declares mutants, the mistakes that learners make, and equivalents, right
answers written differently. `tools/certify/mutants.py` records the outcome for the book.
"""

import ast
import dataclasses
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from rnncourse import data, grading
from rnncourse.grading.compare import verdict
from rnncourse.grading.confine import stage
from rnncourse.grading.exercise import (
    AS_GIVEN,
    _equivalents,
    build,
    equivalent,
    mutate,
    read_notebook,
)
from rnncourse.grading.grader import SECRET_CASES, Grader
from rnncourse.grading.submissions import Submission
from tools import exercises as generator
from tools.certify import mutants

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "solutions"
EXERCISES = mutants.every_exercise()
IDS = sorted(EXERCISES)
CHINESE = re.compile("[一-鿿]")


@pytest.fixture(scope="module")
def grader():
    with Grader(SOLUTIONS, 12345, stage.Limits(wall=20.0)) as grader:
        yield grader


@pytest.fixture
def submit(grader, tmp_path):
    """Grade an exercise's solution cell, replaced by `source`, over a real child."""

    def run(exercise, source):
        cells = [{"cell_type": "code", "metadata": {}, "source": text, "outputs": []}
                 for text in (exercise.preamble, source)]  # fmt: skip
        notebook = {"cells": cells, "metadata": {"rnncourse": {"exercise": exercise.id}}}
        path = tmp_path / "submission.ipynb"
        path.write_text(json.dumps({**notebook, "nbformat": 4, "nbformat_minor": 5}), "utf-8")
        return grader.grade(Submission(path.name, path))

    return run


# --- what an exercise declares -------------------------------------------------------------


def declaration_problems(exercise):
    """Why the declared mutants and hints would not teach; empty if nothing is wrong."""
    names = exercise.mutants.keys() - {AS_GIVEN}
    found = [] if len(names) >= 5 else [f"{len(names)} mutants"]
    found += [] if len(exercise.equivalents) >= 2 else [f"{len(exercise.equivalents)} equivalents"]
    code = [ast.dump(ast.parse(exercise.source))]
    code += [ast.dump(ast.parse(mutate(exercise, [name]))) for name in names]
    code += [ast.dump(ast.parse(source)) for source in exercise.equivalents.values()]
    found += ["two variants are the same code"] * (len(set(code)) < len(code))
    for k, language in enumerate(("English", "Chinese")):
        hints = [hint[k] for hint in exercise.rules.hints.values()]
        found += [f"{language} hint twice: {h}" for h, n in Counter(hints).items() if n > 1]
        found += [f"not {language}: {h!r}" for h in hints if bool(CHINESE.search(h)) != bool(k)]
        found += [f"too short: {h!r}" for h in hints if len(h) < (12, 6)[k]]
    return found


@pytest.mark.parametrize("name", IDS)
def test_an_exercise_declares_mistakes_hints_and_other_right_answers(name):
    """Five mutants and two equivalents at least, all different code; a hint in each language."""
    assert declaration_problems(EXERCISES[name]) == []


def test_a_poor_declaration_is_found():
    """Planted: few mutants, a comment as mutant, hints that are missing, alike or Chinese."""
    exercise = EXERCISES["rnn_ex_01"]
    few = dict(list(exercise.mutants.items())[:4])
    few["no-bias"] = (("h = np.tanh(a)", "h = np.tanh(a)  # b"),)
    same = "缺少偏置这一项"
    hints = {"one": ("short", same), "two": ("缺少偏置，因此缺少偏置，缺少偏置", same)}
    poor = dataclasses.replace(
        exercise, mutants=few, rules=exercise.rules._replace(hints=hints),
        equivalents={"loops": exercise.equivalents["loops"]},
    )  # fmt: skip
    said = "\n".join(declaration_problems(poor))
    for part in ("4 mutants", "1 equivalents", "same code", "too short: 'short'", "not English",
                 "hint twice"):  # fmt: skip
        assert part in said


# --- the certificate -----------------------------------------------------------------------


@pytest.mark.parametrize("name", IDS)
def test_under_ten_seeds_mutants_are_named_and_right_answers_get_full_marks(name):
    """What is computed now, on secret inputs, is also what is recorded for the book."""
    fresh = mutants.certificate(EXERCISES[name])
    assert len(mutants.SEEDS) == 10
    wrong = [m for m, held in fresh["mutants"].items() if held != [True, True, True]]
    assert not wrong, "no points lost, or another hint"
    assert [answer for answer, full in fresh["right"].items() if not full] == []
    recorded = {entry["exercise"]: entry for entry in data.recorded("mutants")["exercises"]}
    assert recorded[name] == fresh | {"counts": mutants.counts(fresh)}, "run `make mutants`"


def test_the_record_names_every_exercise_and_adds_up():
    recorded = data.recorded("mutants")
    assert [entry["exercise"] for entry in recorded["exercises"]] == IDS, "run `make mutants`"
    assert (recorded["seeds"], recorded["cases_per_seed"]) == (10, SECRET_CASES)
    for key, total in recorded["totals"].items():
        assert total == sum(entry["counts"][key] for entry in recorded["exercises"])
    assert mutants.held(recorded)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_stored_page_shows_the_record(language):
    """The book is built anew; the notebook that Colab opens keeps what it showed when executed."""
    page = (ROOT / "book" / language / "mutants.ipynb").read_text("utf-8")
    for entry in data.recorded("mutants")["exercises"]:
        row = [*(entry[key] for key in ("exercise", "kind", "points")), *entry["counts"].values()]
        assert "".join(f"<td>{value}</td>" for value in row) in page, "run `make mutants`"


def test_a_certificate_can_fail():
    """Planted: a harmless mutant, one taken for another, and a wrong equivalent."""
    exercise = EXERCISES["rnn_ex_01"]
    edits = exercise.mutants | {
        "no-bias": (("h = np.tanh(a)", "h = 1.0 * np.tanh(a)"),),
        "no-input": exercise.mutants["no-recurrence"],
    }
    wrong = exercise.equivalents | {"loops": "def rnn_step(x, h, W, V, b):\n    return x @ W\n"}
    broken = dataclasses.replace(exercise, mutants=edits, equivalents=wrong)
    found = mutants.certificate(broken, range(2))
    assert found["mutants"]["no-bias"] == [False, False, False]
    assert found["mutants"]["no-input"] == [True, False, False]
    assert found["mutants"]["no-activation"] == [True, True, True]
    assert [name for name, full in found["right"].items() if not full] == ["loops"]
    assert not mutants.held(mutants.record([found]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loops": "def rnn_step(x, h, W, V, b):\n    return x @ W\n"}, "loops loses points"),
        ({}, "fewer than two equivalents"),
    ],
)
def test_a_wrong_or_missing_equivalent_stops_generation(change, message):
    exercise = EXERCISES["rnn_ex_01"]
    change = exercise.equivalents | change if change else {}
    with pytest.raises(ValueError, match=message):
        generator.check_data(dataclasses.replace(exercise, equivalents=change))


def test_an_equivalent_that_does_not_define_the_function_is_refused():
    """It would leave the reference in place and prove nothing."""
    with pytest.raises(ValueError, match="other does not define f"):
        _equivalents({"function": "f", "equivalents": {"other": "def g(): pass"}})


# --- the same through `check` and over a real child ----------------------------------------


@pytest.mark.parametrize("name", IDS)
def test_check_names_every_mutant_and_no_other(name):
    exercise = EXERCISES[name]
    hints = [hint for pair in exercise.rules.hints.values() for hint in pair]
    for mutant in exercise.mutants:
        source = mutate(exercise, [mutant])
        result = grading.check(name, build(exercise, source))
        assert result.points < result.max_points, mutant
        said = [line[4:] for line in result.text.split("\n") if line.startswith("  → ")]
        assert said == list(exercise.rules.hints[mutant])
        assert [hint for hint in hints if f"→ {hint}" in result.text] == said


@pytest.mark.parametrize("name", IDS)
def test_right_answers_get_full_marks_from_check_and_in_a_child(name, grader, submit):
    exercise = EXERCISES[name]
    for function in dict(mutants.right_answers(exercise)).values():
        result = grading.check(name, function)
        assert result.points == result.max_points == exercise.rules.points
    row = grader.grade(Submission("s", SOLUTIONS / f"{name.replace('_ex_', '_sol_')}.ipynb"))
    assert (row.points, row.max_points, row.reason) == (result.points,) * 2 + ("full marks",)
    for other in exercise.equivalents:
        row = submit(exercise, equivalent(exercise, other))
        assert (row.points, row.reason) == (row.max_points, "full marks"), other


@pytest.mark.parametrize("name", IDS)
def test_a_mutant_is_named_by_the_grader_over_a_real_child(name, submit):
    exercise = EXERCISES[name]
    for mutant in list(exercise.mutants)[:2]:
        row = submit(exercise, mutate(exercise, [mutant]))
        assert row.points < row.max_points == exercise.rules.points
        assert row.reason == exercise.rules.hints[mutant][0]


@pytest.mark.parametrize("name", IDS)
def test_unsolved_exercise_scores_zero(name, grader):
    exercise = EXERCISES[name]
    notebook = read_notebook(ROOT / "exercises" / f"{name}.ipynb")
    space = {}
    for cell in notebook.cells:
        if cell.kind == "code" and "remove-cell" not in cell.tags:
            exec(cell.source, space)
    assert grading.check(name, space[exercise.function]).points == 0
    row = grader.grade(Submission("s", ROOT / "exercises" / f"{name}.ipynb"))
    assert (row.points, row.max_points) == (0, exercise.rules.points)
    assert row.reason != "full marks"


# --- when a hint is given ------------------------------------------------------------------


def test_a_mutant_matched_in_some_cases_only_is_not_named():
    exercise = EXERCISES["rnn_ex_01"]
    cases = mutants.cases_of(exercise, 3)
    answers = [case.mutants["no-bias"] for case in cases]
    answers[1] = [answers[1][0] + 1.0]
    found = verdict(cases, answers, exercise.rules)
    assert found.points == 0
    assert found.hints == ()
    assert found.text[0].startswith("h[")


def test_two_independent_mistakes_are_both_named():
    exercise = EXERCISES["rnn_ex_02"]
    pair = ["bias-gradient-averaged", "input-weight-gradient-transposed"]
    function = build(exercise, mutate(exercise, pair))
    result = grading.check("rnn_ex_02", function)
    assert result.points == 3
    for mutant in pair:
        assert exercise.rules.hints[mutant][0] in result.text
