"""Exercises and check data are what the solutions say, and are fit for use."""

import dataclasses
import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from rnncourse.grading import exercise as source
from rnncourse.grading.exercise import mutate, read_notebook

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


@pytest.mark.parametrize("name", ["rnn_ex_01.md", "rnn_ex_01.ipynb", "rnn_ex_03.md"])
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
    assert path.stem in text  # the id, in the metadata
    for word in ("BEGIN SOLUTION", "END SOLUTION", "mutants", "def draw"):
        assert word not in text


def load(name):
    return source.load(read_notebook(ROOT / "solutions" / name))


def test_a_mutant_must_match_exactly_once():
    exercise = load("rnn_sol_01.ipynb")
    broken = dataclasses.replace(exercise, mutants={"twice": (("h", "g"),)})
    with pytest.raises(ValueError, match="must match exactly once"):
        mutate(broken, ["twice"])


def test_a_mutant_that_loses_no_points_stops_generation():
    exercise = load("rnn_sol_01.ipynb")
    harmless = {**exercise.mutants, "no-bias": (("h = np.tanh(a)", "h = 1.0 * np.tanh(a)"),)}
    with pytest.raises(ValueError, match="no-bias loses no points"):
        exercises.check_data(dataclasses.replace(exercise, mutants=harmless))


def test_two_mutants_that_cannot_be_told_apart_stop_generation():
    exercise = load("rnn_sol_01.ipynb")
    twins = {**exercise.mutants, "no-input": exercise.mutants["no-bias"]}
    with pytest.raises(ValueError, match="no-input is taken for another"):
        exercises.check_data(dataclasses.replace(exercise, mutants=twins))


def test_a_starter_that_earns_points_stops_generation():
    exercise = load("rnn_sol_03.ipynb")
    with pytest.raises(ValueError, match="already earns points"):
        exercises.check_data(dataclasses.replace(exercise, starter=()))
