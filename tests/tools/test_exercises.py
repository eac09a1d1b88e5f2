"""Exercises and check data are what the solutions say, and are fit for use."""

import dataclasses
import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from rnncourse.grading import cases
from rnncourse.grading import exercise as source
from rnncourse.grading.exercise import mutate, read_notebook
from tools.editions.checks import tidy

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("exercises", ROOT / "tools" / "exercises.py")
exercises = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(exercises)


@pytest.fixture
def copy(tmp_path):
    """A copy of what generation reads and writes, for one chapter."""

    def others(_, names):
        return {name for name in names if not name.startswith("rnn_")}

    for name in ("solutions", "exercises", "rnncourse/grading/checks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=others)
    return tmp_path


def names(root):
    return [path.name for path, _ in exercises.differences(root)]


def test_committed_files_are_as_generated(capsys):
    assert exercises.main(["--check"]) == 0, capsys.readouterr().out


def test_a_fresh_generation_leaves_nothing_to_do(copy):
    shutil.rmtree(copy / "exercises")
    for file in (copy / "rnncourse" / "grading" / "checks").iterdir():
        file.unlink()
    assert exercises.main(["--root", str(copy)]) == 0
    assert names(copy) == []


@pytest.mark.parametrize(
    "name", ["rnn_ex_01.md", "rnn_ex_01.ipynb", "rnn_ex_03.md", "rnn_ex_03.zh.ipynb"]
)
def test_a_hand_edited_exercise_is_named(copy, capsys, name):
    file = copy / "exercises" / name
    file.write_text(file.read_text("utf-8").replace("import numpy", "import numpy  "), "utf-8")
    assert exercises.main(["--root", str(copy), "--check"]) == 1
    out = capsys.readouterr().out
    assert f"exercises/{name}: out of date" in out
    assert out.count("out of date") == 1


def test_an_edited_solution_outdates_what_is_made_from_it(copy):
    file = copy / "solutions" / "rnn_sol_01.md"
    file.write_text(file.read_text("utf-8").replace("points = 4", "points = 6"), "utf-8")
    assert names(copy) == ["rnn_ex_01.json"]
    file.write_text(file.read_text("utf-8").replace("# One step", "# Two steps"), "utf-8")
    assert names(copy) == ["rnn_ex_01.md", "rnn_ex_01.ipynb", "rnn_ex_01.json"]
    file.write_text(file.read_text("utf-8").replace("满分 4 分", "满分 6 分"), "utf-8")
    assert names(copy)[2:4] == ["rnn_ex_01.zh.md", "rnn_ex_01.zh.ipynb"]


def test_an_exercise_without_a_solution_is_named(copy, capsys):
    (copy / "exercises" / "rnn_ex_99.md").write_text("stray")
    assert exercises.main(["--root", str(copy), "--check"]) == 1
    assert "rnn_ex_99.md: not from any solution" in capsys.readouterr().out


def test_check_data_may_differ_in_the_last_digits_only(copy):
    file = copy / "rnncourse" / "grading" / "checks" / "rnn_ex_01.json"
    data = json.loads(file.read_text("utf-8"))
    numbers = data["cases"][0]["expected"][0]["data"]
    first = numbers[0]
    numbers[0] = first * (1 + 1e-11)
    file.write_text(json.dumps(data), "utf-8")
    assert names(copy) == []
    numbers[0] = first * (1 + 1e-6)
    file.write_text(json.dumps(data), "utf-8")
    assert names(copy) == ["rnn_ex_01.json"]


def test_stored_outputs_survive_while_the_cell_is_unchanged(copy):
    file = copy / "exercises" / "rnn_ex_01.ipynb"
    data = json.loads(file.read_text("utf-8"))
    output = {"name": "stdout", "output_type": "stream", "text": ["kept\n"]}
    for cell in data["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [output]
    file.write_text(json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    assert names(copy) == []
    solution = copy / "solutions" / "rnn_sol_01.md"
    text = solution.read_text("utf-8").replace("after one step.", "after a step.")
    solution.write_text(text, "utf-8")
    exercises.main(["--root", str(copy)])
    cells = json.loads(file.read_text("utf-8"))["cells"]
    kept = {"".join(c["source"])[:20]: c["outputs"] for c in cells if c["cell_type"] == "code"}
    assert kept["import numpy as np\n\n"[:20]] == [output]
    assert kept["def rnn_step(x, h_pr"] == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "exercises").glob("*_ex_*.*")), ids=lambda p: p.name
)
def test_an_exercise_holds_neither_solution_nor_spec(path):
    text = path.read_text("utf-8")
    assert path.name.split(".")[0] in text  # the id, in the metadata
    for word in ("BEGIN SOLUTION", "END SOLUTION", "mutants", "def draw"):
        assert word not in text


# --- the two languages ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "english", sorted((ROOT / "exercises").glob("*_ex_??.ipynb")), ids=lambda p: p.stem
)
def test_the_two_languages_have_the_same_code_and_formulas_and_no_word_of_each_other(english):
    """What runs in one runs in the other; nbval runs the English one only."""
    cells = {}
    for language, suffix in (("en", ".ipynb"), ("zh", ".zh.ipynb")):
        nb = json.loads(english.with_suffix(suffix).read_text("utf-8"))
        assert nb["metadata"]["rnncourse"]["exercise"] == english.stem
        cells[language] = [[c for c in nb["cells"] if c["cell_type"] == kind]
                           for kind in ("code", "markdown")]  # fmt: skip
    assert cells["en"][0] == cells["zh"][0]
    prompts = {code: "".join(*(c["source"] for c in both[1])) for code, both in cells.items()}
    shown = {code: [*map(tidy, re.findall(r"\$\$.+?\$\$", prompt, re.DOTALL))]
             for code, prompt in prompts.items()}  # fmt: skip
    assert shown["en"] == shown["zh"]
    assert not exercises.CHINESE.search(prompts["en"])
    assert exercises.CHINESE.search(prompts["zh"].split("\n")[0])  # the title
    words = re.sub(r"\$.+?\$|`[^`]*`", "", prompts["zh"], flags=re.DOTALL)
    assert not re.search(r"(\b[a-z]+ ){4}", words)
    assert all(prompt.startswith("# ") and prompt.count("\n# ") == 0 for prompt in prompts.values())


BOTH = "# Title · 标题\n\nDo it:\n\n$$a$$\n\nGraded.\n\n照做，公式见上。\n\n$$b$$\n\n评分。"


def test_a_prompt_is_taken_apart_with_the_formulas_for_the_second_language():
    assert exercises.in_language(BOTH, "en") == ("Title", "Do it:\n\n$$a$$\n\nGraded.")
    chinese = "$$a$$\n\n照做，公式见上。\n\n$$b$$\n\n评分。"
    assert exercises.in_language(BOTH, "zh") == ("标题", chinese)


@pytest.mark.parametrize(
    "prompt", ["# Title\n\nDo.\n\n照做。", "# T · 标\n\n照做。", "# T · 标\n\nDo."]
)
def test_a_prompt_without_one_of_the_languages_stops_generation(prompt):
    with pytest.raises(ValueError, match="in English and Chinese"):
        exercises.in_language(prompt, "en")


def load(name):
    return source.load(read_notebook(ROOT / "solutions" / name))


def replaced(exercise, **rules):
    return dataclasses.replace(exercise, rules=exercise.rules._replace(**rules))


def test_a_mutant_must_match_exactly_once():
    exercise = load("rnn_sol_01.ipynb")
    broken = dataclasses.replace(exercise, mutants={"twice": (("h", "g"),)})
    with pytest.raises(ValueError, match="must match exactly once"):
        mutate(broken, ["twice"])


def test_a_mutant_that_loses_no_points_stops_generation():
    exercise = load("rnn_sol_01.ipynb")
    harmless = {**exercise.mutants, "no-bias": (("h = np.tanh(a)", "h = 1.0 * np.tanh(a)"),)}
    with pytest.raises(ValueError, match="these mistakes lose no points: no-bias"):
        exercises.check_data(dataclasses.replace(exercise, mutants=harmless))


def test_two_mutants_that_cannot_be_told_apart_stop_generation():
    exercise = load("rnn_sol_01.ipynb")
    twins = {**exercise.mutants, "no-input": exercise.mutants["no-bias"]}
    with pytest.raises(ValueError, match="no-bias is taken for another"):
        exercises.check_data(dataclasses.replace(exercise, mutants=twins))


def test_a_starter_that_earns_points_stops_generation():
    exercise = load("rnn_sol_03.ipynb")
    with pytest.raises(ValueError, match="already earns points"):
        exercises.check_data(replaced(exercise, starter=()))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("rnn_sol_03", exercises.MENDED), ("bptt_sol_02", exercises.PURE)],
)
@pytest.mark.parametrize("language", [0, 1])
def test_a_prompt_that_does_not_say_how_points_are_given_stops_generation(name, sentence, language):
    text = (ROOT / "solutions" / f"{name}.md").read_text("utf-8")
    exercise = load(f"{name}.ipynb")
    exercises.announced(exercises.read_solution(text), exercise)
    silent = exercises.read_solution(text.replace(sentence[language], ""))
    with pytest.raises(ValueError, match="the prompt must say"):
        exercises.announced(silent, exercise)


# --- two mutants at once -------------------------------------------------------------------


def test_the_edits_of_two_mutants_are_made_at_once_in_any_order():
    """The second edit's text stands in what the first one puts in: still only the reference's."""
    exercise = load("rnn_sol_01.ipynb")
    edits = {"one": (("x @ W_x", "np.tanh(a) * x @ W_x"),), "two": (("np.tanh(a)", "a"),)}
    both = dataclasses.replace(exercise, mutants=edits)
    found = mutate(both, ["one", "two"])
    assert "np.tanh(a) * x @ W_x" in found
    assert "h = a\n" in found
    assert found == mutate(both, ["two", "one"])


@pytest.mark.parametrize("second", [("W_x + h", "W_x - h"), (" + h_prev", " - h_prev")])
def test_edits_that_overlap_or_touch_are_no_pair(second):
    exercise = load("rnn_sol_01.ipynb")
    edits = {"one": (("x @ W_x", "x"),), "two": (second,)}
    with pytest.raises(source.Overlap, match="one and two overlap"):
        mutate(dataclasses.replace(exercise, mutants=edits), ["one", "two"])
    assert source.mistakes(dataclasses.replace(exercise, mutants=edits)) == [("one",), ("two",)]


def test_all_sets_of_a_starters_bugs_are_known():
    exercise = load("bptt_sol_03.ipynb")
    starter = set(exercise.rules.starter)
    assert len(starter) == 3
    assert sum(set(names) <= starter for names in source.mistakes(exercise)) == 7


# --- inputs are drawn until every mistake loses --------------------------------------------

BY_LUCK = """
def f(x):
    # BEGIN SOLUTION
    y = x + 1
    return y
    # END SOLUTION
"""


def sums(draw, **edits):
    """An exercise of one line, with mutants of our own."""
    exercise = load("rnn_sol_01.ipynb")
    hints = {name: (name, name) for name in edits}
    rules = exercise.rules._replace(outputs=("y",), hints=hints)
    return dataclasses.replace(
        exercise, id="sums", function="f", source=BY_LUCK, preamble="import numpy as np",
        rules=rules, mutants={name: (edit,) for name, edit in edits.items()}, draw=draw,
    )  # fmt: skip


def test_a_mutant_that_is_right_by_luck_makes_another_case_be_drawn():
    """It differs where x is 1, in one draw of six: whatever the seed, so does one of the cases."""
    exercise = sums(lambda rng: {"x": np.float64(rng.integers(6) == 0)}, twice=("x + 1", "1 + 2*x"))
    for seed in range(0, 60, 3):
        drawn = cases.draw_all(exercise, range(seed, seed + 3))
        assert len(drawn) == 3
        assert 1.0 in [one.case.inputs["x"] for one in drawn]
    again = cases.draw_all(exercise, range(57, 60))
    assert [one.case.inputs for one in drawn] == [one.case.inputs for one in again]


def test_a_mutant_that_is_always_right_is_named():
    exercise = sums(lambda rng: {"x": rng.normal(size=3)}, other=("x + 1", "1 + x"))
    with pytest.raises(ValueError, match="in 50 draws these mistakes lose no points: other"):
        cases.make_cases(exercise, range(3))


def test_two_mutants_that_undo_each_other_are_named():
    exercise = sums(lambda rng: {"x": rng.normal(size=3)}, more=("x + 1", "x + 2"),
                    less=("return y", "return y - 1"))  # fmt: skip
    with pytest.raises(ValueError, match=r"lose no points: more \+ less\. .*overlap"):
        cases.make_cases(exercise, range(3))


@pytest.mark.parametrize("doubts", [0, cases.DOUBTS])
def test_a_pair_that_is_a_third_mutant_by_luck_makes_another_case_be_drawn(doubts, monkeypatch):
    """2 (x + 2), two mutants, is x + 4, a third, where x is 0, as in one of two draws."""
    exercise = sums(
        lambda rng: {"x": np.float64(rng.integers(2))},
        more=("x + 1", "x + 2"), double=("return y", "return 2 * y"),
        three=("# BEGIN SOLUTION\n", "# BEGIN SOLUTION\n    x = x + 3\n"),
    )  # fmt: skip
    monkeypatch.setattr(cases, "DOUBTS", doubts)
    taken = []
    for seed in range(0, 90, 3):
        drawn = cases.draw_all(exercise, range(seed, seed + 3))
        taken += cases._faults(exercise, drawn)[1]
    assert (("more", "double") in taken) == (not doubts)
    assert not (doubts and taken)
