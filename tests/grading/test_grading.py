"""The grader: nothing earns points undeserved, every submission gets a row with a reason."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rnncourse import __main__ as cli
from rnncourse.grading import protocol, submissions
from rnncourse.grading.check import load_check
from rnncourse.grading.confine import stage
from rnncourse.grading.exercise import load, read_notebook
from rnncourse.grading.grader import SECRET_CASES, Grader, decode, parse
from rnncourse.grading.submissions import Submission

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "solutions"
EXERCISES = {
    e.id: e for e in (load(read_notebook(path)) for path in SOLUTIONS.glob("*_sol_*.ipynb"))
}
IDS = sorted(EXERCISES)
SEED = 12345
GOOD = "def rnn_step(x, h, W_x, W_h, b):\n    return np.tanh(x @ W_x + h @ W_h + b)\n"
ZEROS = "def rnn_step(x, h, W_x, W_h, b):\n    return np.zeros((len(x), len(b)))\n"


@pytest.fixture(scope="module")
def grader():
    with Grader(SOLUTIONS, SEED, stage.Limits(wall=10.0)) as grader:
        yield grader


def write_notebook(path, *cells, exercise="rnn_ex_01"):
    code = [
        {"cell_type": "code", "metadata": {}, "source": source, "outputs": [],
         "execution_count": None}
        for source in cells
    ]  # fmt: skip
    metadata = {"rnncourse": {"exercise": exercise}} if exercise else {}
    data = {"cells": code, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(data), "utf-8")
    return Submission(path.name, path)


@pytest.fixture
def submit(tmp_path):
    """Grade a notebook of these cells with the given grader."""

    def run(grader, *cells, exercise="rnn_ex_01"):
        file = tmp_path / "submission.ipynb"
        return grader.grade(write_notebook(file, "import numpy as np", *cells, exercise=exercise))

    return run


# --- what the grader says of bad submissions -----------------------------------------------


def bad_files(folder):
    """File name, content, what the row must say."""
    no_cells = json.dumps({"cells": [], "metadata": {}, "nbformat": 4})
    old = json.dumps({"worksheets": [], "nbformat": 3})
    return [
        ("empty.ipynb", b"", "the file is empty: save the notebook"),
        ("text.ipynb", b"hello", "not readable as JSON"),
        ("latin.ipynb", b"\xff\xfe\x00", "not readable as JSON (not UTF-8 text): open it in"),
        ("deep.ipynb", b"[" * 100_000, "not readable as JSON (RecursionError)"),
        ("list.ipynb", b"[1, 2]", "not a notebook"),
        ("version3.ipynb", old.encode(), "not a notebook of version 4 but of 3: open it in"),
        ("cells.ipynb", b'{"cells": [3]}', "not a notebook (damaged cell)"),
        ("nothing.ipynb", no_cells.encode(), "no code cells"),
        ("large.ipynb", b" " * (11 << 20), "larger than 10 MB: clear the outputs"),
    ]


def test_bad_files_get_a_row_with_a_reason_and_the_batch_goes_on(tmp_path, grader):
    for name, content, _ in bad_files(tmp_path):
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "link.ipynb").symlink_to(SOLUTIONS / "rnn_sol_01.ipynb")
    write_notebook(tmp_path / "other.ipynb", GOOD, exercise="abc_ex_01")
    write_notebook(tmp_path / "unnamed.ipynb", GOOD, exercise=None)
    write_notebook(tmp_path / "anna_rnn_ex_01_v2.ipynb", "import numpy as np", GOOD, exercise=None)
    said = {name: reason for name, _, reason in bad_files(tmp_path)} | {
        "pipe.ipynb": "not a regular file",
        "link.ipynb": "is a link",
        "other.ipynb": "unknown exercise abc_ex_01",
        "unnamed.ipynb": "unknown exercise: neither metadata nor file name",
        "anna_rnn_ex_01_v2.ipynb": "full marks",
    }
    found = submissions.find_submissions([str(tmp_path), str(tmp_path / "absent.ipynb")])
    rows = [grader.grade(submission) for submission in found]
    assert len(rows) == len(said) + 1
    assert rows[-1].reason == "no such file"
    for row in rows[:-1]:
        assert said[Path(row.submission).name] in row.reason
        assert row.points == (4 if row.reason == "full marks" else 0)


def test_a_cell_that_raises_does_not_stop_the_later_ones(grader, submit):
    assert submit(grader, "1 / 0", "import sys; sys.exit(3)", "input()", GOOD).points == 4


def test_a_missing_function_is_explained_by_the_cell_that_raised(grader, submit):
    row = submit(grader, "x = 1", "undefined_name + 1\n" + GOOD)
    assert row.points == 0
    assert row.reason == (
        "the notebook does not define the function rnn_step; code cell 3 raised "
        "NameError: name 'undefined_name' is not defined (at: undefined_name + 1)"
    )
    assert "is not a function" in submit(grader, "rnn_step = 3").reason


def test_ipython_lines_are_skipped(grader, submit):
    assert submit(grader, "%matplotlib inline\n!pip list\n" + GOOD, "%%bash\nls").points == 4
    row = submit(grader, "if True:\n    !ls -l\n" + GOOD.replace("tanh", "cosh"))
    assert row.reason.endswith("; IPython lines skipped: !ls -l in code cell 2")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return None", "returned None"),
        ("return 1, 2", "returned a tuple of 2"),
        ("return x", "h has shape"),
        ("return np.tanh(x @ W_x + h @ W_h + b).astype('>f8').astype(int)", "dtype int64"),
        ("return np.array([object()])", "array of object"),
        ("return np.full((len(x), len(b)), np.inf)", "NaN or infinity"),
        ("b += 1; return x", "changed its input b in place"),
        ("raise ValueError('a\\nb\\x00' * 999)", "raised ValueError: a b a b"),
        ("return np.zeros(10**6)", "an answer is too large"),
        ("return 1 / 0", "(at: return 1 / 0)"),
    ],
)
def test_the_grader_explains(grader, submit, body, said):
    row = submit(grader, f"def rnn_step(x, h, W_x, W_h, b):\n    {body}\n")
    assert row.points == 0
    assert said in row.reason
    assert "\n" not in row.reason
    assert len(row.reason) < 500


def test_big_endian_and_long_double_answers(grader, submit):
    for dtype in (">f8", "g"):
        assert submit(grader, GOOD.replace("+ b)", f"+ b).astype({dtype!r})")).points == 4


# --- replies are read strictly -------------------------------------------------------------

EIGHT = "AAAAAAAA8D8="  # 1.0 as base64


def test_a_well_formed_array_is_decoded():
    found = decode({"dtype": "<f8", "shape": [1], "data": EIGHT})
    assert found.tolist() == [1.0]


@pytest.mark.parametrize(
    "item",
    [
        None, 3, [], {}, {"type": 3},
        {"dtype": "|O", "shape": [1], "data": EIGHT},
        {"dtype": ["<f8"], "shape": [1], "data": EIGHT},
        {"dtype": "<f8", "shape": [2], "data": EIGHT},
        {"dtype": "<f8", "shape": [-1], "data": EIGHT},
        {"dtype": "<f8", "shape": [True], "data": EIGHT},
        {"dtype": "<f8", "shape": [1.0], "data": EIGHT},
        {"dtype": "<f8", "shape": [1] * 40, "data": EIGHT},
        {"dtype": "<f8", "shape": [10**30, 0], "data": ""},
        {"dtype": "<f8", "shape": [1], "data": "???" + EIGHT},
        {"dtype": "<f8", "shape": [1], "data": EIGHT, "more": 1},
    ],
)  # fmt: skip
def test_a_malformed_array_is_refused(item):
    with pytest.raises(protocol.Malformed):
        decode(item)


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b"\xff", b"[" * 99999, b"9" * 9999])
def test_a_malformed_message_is_refused(line):
    with pytest.raises(protocol.Malformed):
        parse(line)


# --- what the child gets -------------------------------------------------------------------


def test_secret_cases_are_several_and_not_the_public_ones(grader):
    """Each case has an array of its own; a plain number, a mask or fixed labels may come twice."""
    for name in IDS:
        if EXERCISES[name].task:
            secret, public = grader.exercise(name)[1], load_check(name)[1]
            assert not np.array_equal(secret.truth, public.truth)
            continue
        secret = grader.exercise(name)[1]
        drawn, public = (
            [{v.tobytes() for v in map(np.asarray, case.inputs.values())} for case in cases]
            for cases in (secret, load_check(name)[1])
        )
        assert len(drawn) == SECRET_CASES >= 3
        for k, case in enumerate(drawn):
            others = drawn[:k] + drawn[k + 1 :] + public
            assert case - set().union(*others), f"{name}: nothing in case {k} is new"


def test_withheld_functions_are_replaced_with_their_decorators():
    source = "import x\n@deco\ndef f(a):\n    return 1\n\ndef g():\n    return 2\n"
    stub, found = stage.stub_withheld(source, {"f", "h"}, "m")
    assert found == {"f"}
    assert "deco" not in stub
    assert "return 1" not in stub
    assert "def g():\n    return 2" in stub
    space = {}
    exec(stub.replace("import x", ""), space)
    with pytest.raises(NotImplementedError, match=r"m\.f is withheld"):
        space["f"](1)


def test_what_is_not_withheld_can_be_used(grader, submit):
    row = submit(grader, "from rnncourse.nn.cells import rnn_init, rnn_step_backward\n" + GOOD)
    assert row.reason == "full marks"


MEASURE = """
kind = "measure"
function = "statistics"
outputs = ("mean", "count", "mask")
points = 3
withhold = []
tolerance = (1e-4, 1e-5)
def draw(rng):
    return rng.normal(size=rng.integers(4, 8)), 0.25
def wrong(name, old, new):
    return {"name": name, "edit": (old, new), "en": f"hint {name}", "zh": f"提示 {name}"}
mutants = [
    wrong("a", "x.mean()", "np.median(x)"), wrong("b", "x.mean()", "x.sum()"),
    wrong("c", "len(x)", "len(x) - 1"), wrong("d", "len(x)", "float(x[0])"),
    wrong("e", "x > limit", "x < limit"),
]
"""
REFERENCE = """# BEGIN SOLUTION
def statistics(x, limit):
    return x.mean(), len(x), x > limit
# END SOLUTION
"""


@pytest.mark.parametrize(
    ("code", "points", "reason"),
    [
        ("x.mean(), len(x), x > limit", 3, "full marks"),
        ("float(x.mean()), np.int32(x.size), [v > limit for v in x]", 2, "mask is of type list"),
        ("x.mean(), float(len(x)), x > limit", 2, "count has dtype float64, expected int64"),
        ("x.mean(), len(x), (x > limit) * 1", 2, "mask has dtype int64, expected bool"),
        ("np.median(x), len(x) - 1, x > limit", 1, "hint a; hint c"),
    ],
)
def test_an_exercise_that_returns_numbers(tmp_path, grader, code, points, reason):
    """Kind measure: plain numbers and a mask; arguments of drawn size, one a plain number."""
    solution = tmp_path / "demo_sol_01.ipynb"
    write_notebook(solution, "import numpy as np", REFERENCE, MEASURE, exercise="demo_ex_01")
    data = json.loads(solution.read_text("utf-8"))
    data["cells"][-1]["metadata"]["tags"] = ["spec"]
    solution.write_text(json.dumps(data), "utf-8")
    answer = f"import numpy as np\ndef statistics(x, limit):\n    return {code}\n"
    file = write_notebook(tmp_path / "s.ipynb", answer, exercise="demo_ex_01")
    with Grader(tmp_path, SEED, mode=grader.mode) as own:
        row = own.grade(file)
    assert (row.points, row.max_points) == (points, 3)
    assert reason in row.reason


@pytest.mark.parametrize("name", IDS)
def test_every_withheld_name_exists_in_the_package(name):
    """A misspelt name would withhold nothing."""
    for entry in EXERCISES[name].withhold:
        place = ROOT.joinpath("rnncourse", *entry.split("."))
        if not (place.is_dir() or place.with_suffix(".py").exists()):
            text = place.parent.with_suffix(".py").read_text("utf-8")
            assert re.search(rf"^(def|class) {place.name}\b", text, re.M), entry


# --- the command line ----------------------------------------------------------------------


def test_the_command_writes_rows_and_repeats_with_its_seed(tmp_path):
    (tmp_path / "class").mkdir()
    write_notebook(tmp_path / "class" / "a.ipynb", "import numpy as np", GOOD)
    write_notebook(tmp_path / "class" / "b.ipynb", "import numpy as np", ZEROS)
    command = [sys.executable, "-m", "rnncourse", "grade", str(tmp_path / "class"), "--lang", "zh",
               "--solutions", str(SOLUTIONS), "--seed", "7", "--out"]  # fmt: skip
    rows = []
    for name in ("1.csv", "2.csv"):
        done = subprocess.run(
            [*command, str(tmp_path / name)], cwd=ROOT, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "seed 7" in done.stderr
        assert " 2/2 " in done.stderr
        with open(tmp_path / name, newline="", encoding="utf-8-sig") as file:
            rows.append(list(csv.reader(file)))
    assert rows[0][0] == ["learner", "submission", "exercise", "points", "max_points", "reason",
                          "seconds"]  # fmt: skip
    assert [row[:6] for row in rows[0]] == [row[:6] for row in rows[1]]
    assert rows[0][1][5] == "满分"
    assert float(rows[0][2][3]) == 0
    assert "应为" in rows[0][2][5]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["grade"],
        ["grade", "x.ipynb", "--solutions", "/nonexistent"],
        ["grade", "x.ipynb", "--seed", "-1"],
        ["grade", "x.ipynb", "--out", "/nonexistent/scores.csv"],
        ["grade", "x.ipynb", "--lang", "fr"],
        ["grade", "x.ipynb", "--seconds", "nan"],
    ],
)
def test_unusable_arguments_exit_with_2(arguments, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_an_unreadable_file_named_after_an_exercise_keeps_its_maximum(grader, tmp_path):
    """A class's table then adds up: 0 of 4, not 0 of 0."""
    path = tmp_path / "ann_rnn_ex_01.ipynb"
    path.write_text("not a notebook", encoding="utf-8")
    row = grader.grade(Submission("ann", path))
    assert (row.exercise, row.points, row.max_points) == ("rnn_ex_01", 0, 4)
