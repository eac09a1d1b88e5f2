"""Which exercises a notebook answers, and what is said where its marks disagree."""

import json
import time
from pathlib import Path

import pytest
from exports import STEP, notebook

from rnncourse.grading.answers import answered, called, named
from rnncourse.grading.exercise import NotebookError, decode_notebook
from rnncourse.grading.grader import Grader, read_solutions
from rnncourse.grading.submissions import find_submissions, read_jobs

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "solutions"
KNOWN = read_solutions(SOLUTIONS)
FORWARD = """def rnn_forward(xs, h0, W_x, W_h, b):
    hs, h = [], h0
    for t in range(xs.shape[1]):
        h = rnn_step(xs[:, t], h, W_x, W_h, b)
        hs.append(h)
    return np.stack(hs, axis=1)
"""


@pytest.mark.parametrize(
    "call",
    ['check("rnn_ex_01", f)', "check('rnn_ex_01',f)", "check(\n    'rnn_ex_01',\n    f,\n)",
     'check ( "rnn_ex_01" , f )', 'check(exercise_id="rnn_ex_01", function=f)',
     "check(exercise_id = 'rnn_ex_01', function=f)", 'check(f"rnn_ex_01", f)',
     'check(r"""rnn_ex_01""", f)', 'rnncourse.grading.check("rnn_ex_01", f)',
     'result = check("rnn_ex_01", f)  # mine', '%%time\ncheck("rnn_ex_01", f)',
     '!pip install x\n%timeit f\nx = !ls\ncheck("rnn_ex_01", f)',
     'if True:\n    check("rnn_ex_01", f)',
     'x = (\ncheck("rnn_ex_01", f)', '>>> check("rnn_ex_01", f)', 'y = "#"; check("rnn_ex_01", f)',
     'check(  # here\n "rnn_ex_01", f)', 'check(" rnn_ex_01 ", f)'],
)  # fmt: skip
def test_a_call_is_found_in_any_spelling(call):
    assert called([call]) == ["rnn_ex_01"]


@pytest.mark.parametrize(
    "source",
    ['# check("rnn_ex_01", f)', 'x = 1  # check("rnn_ex_01", f)', '"""\ncheck("rnn_ex_01", f)\n"""',
     'checks("rnn_ex_01")', 'my_check("rnn_ex_01")', "check(name, f)", "check()", "check",
     "print('check(\"rnn_ex_01\")')"],
)  # fmt: skip
def test_what_is_no_call_is_not_found(source):
    assert called([source]) == []


def test_hostile_code_takes_no_time_and_no_stack():
    """`ast` could end this process on these; the tokenizer and the expression are linear."""
    start = time.monotonic()
    for source in ("check(" * 100_000, "-" * 1_000_000 + "check", "[" * 50_000 + 'check("a")',
                   "check" + " " * 1_000_000, "check\n" * 200_000, '"' * 99_999 + "check",
                   "\n".join("    " * (k % 99) + "check" for k in range(20_000))):  # fmt: skip
        called([source])
    assert time.monotonic() - start < 30


def test_ids_are_found_in_names_as_people_write_them():
    known = ["rnn_ex_01", "rnn_ex_02", "nn_ex_01", "deep_ex_01"]
    assert named("RNN-Ex 01 (2).ipynb", known) == ["rnn_ex_01"]
    assert named("rnn_ex_02+rnn.ex.01", known) == ["rnn_ex_02", "rnn_ex_01"]
    assert named("birnn_ex_01 rnn_ex_011 rnn_ex_1", known) == []
    assert named("li_rnn_ex_01_v2", known) == ["rnn_ex_01"]
    assert named("anything", []) == []
    for name in ("rnn_ex_01.zh.ipynb", "Copy of rnn_ex_01.zh (1).ipynb", "li_RNN-ex-01_ZH"):
        assert named(name, known) == ["rnn_ex_01"]


def found(*cells, exercise=None, names=()):
    """The exercises and the note of a notebook."""
    return answered(decode_notebook(notebook(*cells, exercise=exercise)), list(names), KNOWN)


CHECKS = {name: f'check("{name}", f)' for name in KNOWN}


def test_one_notebook_answers_all_that_it_says():
    both = found(STEP, CHECKS["rnn_ex_01"], FORWARD, CHECKS["rnn_ex_03"], exercise="rnn_ex_01")
    assert both == (["rnn_ex_01", "rnn_ex_03"], None)
    assert found("f = 1", names=["rnn_ex_01"]) == (["rnn_ex_01"], None)
    assert found("f = 1", exercise="rnn_ex_01").exercises == ["rnn_ex_01"]
    assert found(CHECKS["rnn_ex_01"], exercise="old_ex_01").exercises == ["rnn_ex_01"]


def test_who_copies_a_notebook_as_a_template_does_not_lose():
    """Another exercise's metadata stay behind; what the code answers is graded, and it is said."""
    exercises, note = found(STEP, exercise="lstm_ex_04", names=["rnn_ex_01"])
    assert exercises == ["rnn_ex_01"]
    assert note == ("it names different exercises: metadata: lstm_ex_04; file name: rnn_ex_01",
                    "其中写着不同的练习：元数据：lstm_ex_04；文件名：rnn_ex_01")  # fmt: skip
    exercises, note = found(STEP, CHECKS["rnn_ex_01"], exercise="lstm_ex_04", names=["rnn_ex_02"])
    assert exercises == ["rnn_ex_01"]
    assert "check: rnn_ex_01" in note[0]
    exercises, note = found("f = 1", exercise="lstm_ex_04", names=["rnn_ex_01"])
    assert exercises == ["lstm_ex_04", "rnn_ex_01"], "nothing tells them apart: each is graded"
    assert note


@pytest.mark.parametrize("exercise", ["abc_ex_01", None])
def test_an_unknown_exercise_is_said(exercise):
    with pytest.raises(NotebookError, match="unknown exercise"):
        found(STEP, exercise=exercise)


def test_the_rows_say_what_disagrees_whatever_the_points(tmp_path):
    """From the file to the row, in both languages."""
    content = notebook(STEP, exercise="rnn_ex_02")
    (tmp_path / "rnn_ex_01.ipynb").write_bytes(content.decode().encode("utf-16"))
    with Grader(SOLUTIONS, 4711) as grader:
        (job,) = (j for s in find_submissions([str(tmp_path)], KNOWN) for j in read_jobs(s, KNOWN))
        record = grader.examine(job)
    assert record.points == 4
    assert record.text[0] == (
        "full marks (the file is in UTF-16, which Jupyter does not open: save it as UTF-8; "
        "it names different exercises: metadata: rnn_ex_02; file name: rnn_ex_01)")  # fmt: skip
    assert record.text[1].startswith("满分（文件编码是 UTF-16")
    assert json.loads(json.dumps(record.plain()))["learner_id"] == ""
