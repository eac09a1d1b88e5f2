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

import nbformat
import pytest

from rnncourse import data, grading
from rnncourse.grading import cases as drawing
from rnncourse.grading.compare import STILL_AS_GIVEN, Returned, Verdict, verdict
from rnncourse.grading.confine import stage
from rnncourse.grading.exercise import (
    _equivalents,
    build,
    equivalent,
    mistakes,
    mutate,
    read_notebook,
)
from rnncourse.grading.grader import SECRET_CASES, Grader
from rnncourse.grading.gradescope import as_results
from rnncourse.grading.mistakes import Mistakes
from rnncourse.grading.reports import as_csv, as_json
from rnncourse.grading.submissions import Submission, read_jobs
from tools import exercises as generator
from tools.certify import mutants, training

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "solutions"
EXERCISES = mutants.every_exercise()
IDS = sorted(name for name, exercise in EXERCISES.items() if not exercise.task)
TRAINED = sorted(set(EXERCISES) - set(IDS))
CHINESE = re.compile("[一-鿿]")


@pytest.fixture(scope="module")
def grader():
    with Grader(SOLUTIONS, 12345, stage.Limits(wall=20.0)) as grader:
        yield grader


@pytest.fixture
def hand_in(tmp_path):
    """A submission: an exercise's solution cell, replaced by `source`."""

    def write(exercise, source):
        cells = [{"cell_type": "code", "metadata": {}, "source": text, "outputs": []}
                 for text in (exercise.preamble, source)]  # fmt: skip
        notebook = {"cells": cells, "metadata": {"rnncourse": {"exercise": exercise.id}}}
        path = tmp_path / "submission.ipynb"
        path.write_text(json.dumps({**notebook, "nbformat": 4, "nbformat_minor": 5}), "utf-8")
        return Submission(path.name, path)

    return write


@pytest.fixture
def submit(grader, hand_in):
    """Grade a solution cell over a real child."""
    return lambda exercise, source: grader.grade(hand_in(exercise, source))


# --- what an exercise declares -------------------------------------------------------------


def declaration_problems(exercise):
    """Why the declared mutants and hints would not teach; empty if nothing is wrong."""
    names = exercise.mutants.keys()
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
    assert not {"full", "wrong"} & set(fresh["pairs"].values())
    recorded = {entry["exercise"]: entry for entry in data.recorded("mutants")["exercises"]}
    assert recorded[name] == mutants.stored(fresh), "run `make mutants`"


def test_the_record_names_every_exercise_and_adds_up():
    recorded = data.recorded("mutants")
    assert [entry["exercise"] for entry in recorded["exercises"]] == IDS, "run `make mutants`"
    assert (recorded["seeds"], recorded["cases_per_seed"]) == (10, SECRET_CASES)
    assert recorded["seeds_pairs"] == mutants.PAIRS_UNDER == 4
    for key, total in recorded["totals"].items():
        assert total == sum(entry["counts"][key] for entry in recorded["exercises"])
    assert mutants.held(recorded)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_stored_page_shows_the_record(language):
    """The book is built anew; the notebook that Colab opens keeps what it showed when executed."""
    path = ROOT / "book" / language / "mutants.ipynb"
    tables = [o["data"]["text/html"] for cell in nbformat.read(path, as_version=4).cells
              for o in cell.get("outputs", ()) if "text/html" in o.get("data", {})]  # fmt: skip
    shown = [re.findall(r"<t[dh]\b[^>]*>([^<]*)<", row)
             for table in tables for row in table.split("</tr>")]  # fmt: skip
    for entry in data.recorded("mutants")["exercises"]:
        count = entry["counts"]
        mutants = [count[k] for k in count if not k.startswith("pairs")]
        pairs = [count[k] for k in count if k.startswith("pairs")]
        rows = [[entry[k] for k in ("exercise", "kind", "points")] + mutants,
                [entry["exercise"], *pairs]]  # fmt: skip
        for row in ([str(value) for value in values] for values in rows):
            assert row in shown, "run `make mutants`"
    for entry in data.recorded("mutants")["training"]:
        s = entry["summary"]
        counts = [str(s["mutants"]), str(s["caught"]), f"{s['named']} / {s['probed']}"]
        assert any(row[:1] + row[-3:] == [entry["exercise"], *counts] for row in shown)


# --- what is trained -----------------------------------------------------------------------


@pytest.mark.parametrize("name", TRAINED)
def test_the_record_of_a_training_holds_and_is_of_this_solution(name):
    """The seeds of the record take minutes; here it is tried again under one of no record."""
    exercise = EXERCISES[name]
    (entry,) = [e for e in data.recorded("mutants")["training"] if e["exercise"] == name]
    assert {k: entry[k] for k in training.head(exercise)} == training.head(exercise)
    assert training.failures(entry) == []
    assert len(entry["right"]["reference"]["scores"]) == 20
    assert len(exercise.mutants) >= 5
    assert entry["right"].keys() == {"reference", *exercise.equivalents}
    assert {n: tuple(m["probes"]) for n, m in entry["mutants"].items()} == exercise.probes
    reference = training.tried(exercise, build(exercise, exercise.source), 100)
    assert (reference["points"], reference["probes"]) == (exercise.rules.points, [])
    low = min(entry["right"]["reference"]["scores"])
    assert reference["score"] >= low - 4 * entry["summary"]["spread"]


@pytest.mark.parametrize("name", TRAINED)
def test_right_and_wrong_trainings_over_a_real_child(name, grader, hand_in):
    """The reference, and one mutant that each probe must name."""
    exercise = EXERCISES[name]
    row = grader.grade(Submission("s", SOLUTIONS / f"{name.replace('_ex_', '_sol_')}.ipynb"))
    assert (row.points, row.reason.split(";")[0]) == (row.max_points, "full marks")
    for mutant in {due: mutant for mutant, due in exercise.probes.items() if due}.values():
        row = grader.grade(hand_in(exercise, mutate(exercise, [mutant])))
        assert row.points < row.max_points == exercise.rules.points
        hints = [exercise.task.texts[name][0] for name in exercise.probes[mutant]]
        assert any(hint in row.reason for hint in hints), mutant


def test_a_trained_exercise_names_probes_that_say_something_in_both_languages():
    for name in TRAINED:
        for english, chinese in EXERCISES[name].task.texts.values():
            assert not CHINESE.search(english)
            assert CHINESE.search(chinese)


# --- a certificate can fail ------------------------------------------------------------------


def test_a_certificate_can_fail(monkeypatch):
    """Planted: a harmless mutant, one taken for another, and a wrong equivalent."""
    monkeypatch.setattr(drawing, "_faults", lambda *_: ([], []))  # it would refuse the first
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
    assert not mutants.held(mutants.record([mutants.stored(found)]))


def test_a_pair_that_gets_a_third_hint_fails_the_certificate(monkeypatch):
    """Planted: two mutants at once are answered with the hint of one that is not among them."""
    exercise = EXERCISES["rnn_ex_01"]
    found = mutants.certificate(exercise, range(1))
    assert "wrong" not in found["pairs"].values()
    assert mutants.held(mutants.record([mutants.stored(found)]))
    explain = Mistakes.explain

    def other(known, answer, wrong):
        named = explain(known, answer, wrong)
        return {k: ("no-input",) if set(names) == {"no-bias", "no-activation"} else names
                for k, names in named.items()}  # fmt: skip

    monkeypatch.setattr(Mistakes, "explain", other)
    found = mutants.certificate(exercise, range(1))
    assert [p for p, said in found["pairs"].items() if said == "wrong"] in (
        ["no-bias + no-activation"], ["no-activation + no-bias"]
    )  # fmt: skip
    assert not mutants.held(mutants.record([mutants.stored(found)]))


def test_a_pair_that_earns_full_marks_fails_the_certificate(monkeypatch):
    """Planted: the second mutant takes back what the first one does."""
    exercise = EXERCISES["rnn_ex_01"]
    edits = {"more": (("np.tanh(a)", "np.tanh(a) + 1"),), "less": (("return h", "return h - 1"),)}
    hints = exercise.rules.hints | {"more": ("more",) * 2, "less": ("less",) * 2}
    undone = dataclasses.replace(
        exercise, mutants=exercise.mutants | edits, rules=exercise.rules._replace(hints=hints)
    )
    with pytest.raises(ValueError, match=r"lose no points: more \+ less"):
        mutants.certificate(undone, range(1))
    monkeypatch.setattr(drawing, "_faults", lambda *_: ([], []))
    found = mutants.certificate(undone, range(1))
    assert found["pairs"]["more + less"] == "full"
    assert found["mutants"]["more"] == found["mutants"]["less"] == [True, True, True]
    assert not mutants.held(mutants.record([mutants.stored(found)]))


def test_a_pair_counts_by_its_worst_draw():
    rules = EXERCISES["rnn_ex_01"].rules
    a, b, c = list(rules.hints)[:3]

    def said(*names, points=0.0, thirds=()):
        found = Verdict(points, ("", ""), (), tuple(rules.hints[name] for name in names))
        return mutants.Said(found, set(thirds))

    judge = lambda *draws: mutants.about_pair((a, b), draws, rules)  # noqa: E731
    assert judge(said(a, b), said(a, b)) == "both"
    assert judge(said(a, b), said(a)) == "one"
    assert judge(said(a, b), said()) == "none"
    assert judge(said(a, b), said(a, c)) == "wrong"
    assert judge(said(c, thirds=c.split()), said(c, thirds=c.split())) == "third"
    assert judge(said(c, thirds=c.split()), said(a, b)) == "wrong"
    assert judge(said(c), said(c)) == "wrong"
    assert judge(said(a, b), said(a, b, points=rules.points)) == "full"


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
        assert row.reason.split("; mended: ")[0] == exercise.rules.hints[mutant][0]
        assert ("; mended: " in row.reason) == (mutant in exercise.rules.starter)


@pytest.mark.parametrize("name", [*IDS, *TRAINED])
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
    drawn = mutants.drawn_for(exercise, 3)
    cases = drawing.as_cases(exercise, drawn)
    answers = [Returned(one.wrong["no-bias",]) for one in drawn]
    assert verdict(cases, answers, exercise.rules).hints == (exercise.rules.hints["no-bias"],)
    answers[1] = Returned([answers[1].values[0] + 1.0])
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


REPAIRS = [name for name in IDS if EXERCISES[name].kind == "repair"]


@pytest.mark.parametrize("name", REPAIRS)
def test_each_bug_mended_earns_its_share(name):
    """Every nonempty set of the bugs is left in the code once; all of them earn nothing."""
    exercise = EXERCISES[name]
    bugs = set(exercise.rules.starter)
    assert len(bugs) > 1
    left = [names for names in mistakes(exercise) if set(names) <= bugs]
    assert len(left) == 2 ** len(bugs) - 1
    for names in left:
        result = grading.check(name, build(exercise, mutate(exercise, names)))
        mended = len(bugs) - len(names)
        if not mended:
            assert result.points == 0
            assert STILL_AS_GIVEN[0] in result.text
            continue
        share = round(exercise.rules.points * mended / len(bugs), 2)
        assert share <= result.points < result.max_points
        # More may be said where a bug changes nothing as long as another one is left.
        said = int(re.search(rf"mended: (\d) of {len(bugs)} bugs", result.text)[1])
        assert said >= mended
        assert f"已改好：{len(bugs)} 处错误中的 {said} 处" in result.text


def test_the_outputs_count_where_they_are_more_than_the_bugs_mended():
    """One of two bugs mended, and three outputs of four right."""
    exercise = EXERCISES["wordvectors_ex_03"]
    points = {
        names: grading.check(exercise.id, build(exercise, mutate(exercise, names))).points
        for names in mistakes(exercise)
        if set(names) < set(exercise.rules.starter)
    }
    assert max(points.values()) == 3 > exercise.rules.points / 2


# --- advice reaches every table ------------------------------------------------------------


def test_a_changed_input_is_advice_in_every_table(grader, hand_in):
    """A right backward step that adds to the gradient it is given, over a real child."""
    exercise = EXERCISES["lstm_ex_04"]
    assert exercise.source.count("dc = dc + dh") == 1
    submission = hand_in(exercise, exercise.source.replace("dc = dc + dh", "dc += dh"))
    record = grader.examine(read_jobs(submission, grader.solutions)[0])
    assert record.points == record.max_points == exercise.rules.points
    english, chinese = record.text
    assert english.startswith("full marks; advice: the function changed its input dc in place; ")
    assert "dc = dc + …" in english
    assert chinese.startswith("满分；建议：函数原地修改了输入 dc；")
    for table in (as_csv([record], 0), as_json([record], 1, True)):
        assert english in table
    assert english.removeprefix("full marks; ") in as_results([record], 0)
    assert chinese in as_csv([record], 1)
    assert grading.check(exercise.id, build(exercise, exercise.source)).points == record.points


def test_where_inputs_must_stay_changing_them_costs_that_part_alone(submit):
    exercise = EXERCISES["bptt_ex_02"]
    source = exercise.source.replace("dW_x = dW_x * factor", "dW_x *= factor")
    assert source != exercise.source
    row = submit(exercise, source)
    assert (row.points, row.max_points) == (4, 5)
    assert row.reason.startswith("the function changed its input dW_x in place")
