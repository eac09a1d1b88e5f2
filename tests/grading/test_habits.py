"""What runs in Jupyter and passes `check` earns the same points from the grader.

Each notebook of `habits.py` is run by IPython itself, then `check` looks at its answer; and it is
graded in the confined process, which has no IPython.
"""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from habits import HABITS, IMPORT, STEP

from rnncourse.grading import check, compare, protocol
from rnncourse.grading.check import load_check
from rnncourse.grading.confine import stage
from rnncourse.grading.grader import Grader, decode
from rnncourse.grading.submissions import Job, Submission

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "solutions"

# Runs each notebook in a process of its own, which has imported what takes long. Commands of the
# shell that would install something are left out; packages that a notebook imports for other
# things than its answer accept everything.
IPYTHON = """
import asyncio, json, os, sys, tempfile
from unittest import mock
import matplotlib
matplotlib.use("Agg")
import numpy, matplotlib.pyplot, IPython, rnncourse.grading, rnncourse.plot
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

for name in ("pandas", "seaborn", "torch", "google", "google.colab", "tqdm", "tqdm.auto"):
    sys.modules[name] = mock.MagicMock()
sys.modules["torch"].nn.Module = object

config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
shell.system = lambda command: None
shell.enable_gui = lambda gui=None: None
shell.register_magic_function(lambda line: None, magic_name="pip")

async def run(cells):
    "As ipykernel does it: inside a running event loop."
    for source in cells:
        cell = shell.transform_cell(source)
        await shell.run_cell_async(source, store_history=True, transformed_cell=cell)

def points(cells):
    os.chdir(tempfile.mkdtemp(dir=os.environ["IPYTHONDIR"]))
    sys.path.insert(0, "")
    asyncio.run(run(cells))
    found = shell.user_ns.get("rnn_step")
    return rnncourse.grading.check("rnn_ex_01", found).points

for name, cells in json.load(sys.stdin).items():
    read, write = os.pipe()
    if os.fork() == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1), os.dup2(quiet, 2)
        os.write(write, repr(points(cells)).encode())
        os._exit(0)
    os.close(write)
    with open(read) as answer:
        print(json.dumps([name, answer.read()]), flush=True)
    os.wait()
"""


@pytest.fixture(scope="module")
def in_jupyter(tmp_path_factory):
    """The points that `check` gives to each habit, run by IPython."""
    environment = {"PATH": "/usr/bin:/bin", "IPYTHONDIR": str(tmp_path_factory.mktemp("ipython")),
                   "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
                   "MPLCONFIGDIR": str(tmp_path_factory.mktemp("matplotlib"))}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", IPYTHON], input=json.dumps(HABITS), env=environment, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.fixture(scope="module")
def grader():
    with Grader(SOLUTIONS, 12345, stage.Limits(wall=20.0)) as grader:
        yield grader


@pytest.fixture
def grade(grader, tmp_path):
    """The row of a notebook of these cells."""

    def row(cells):
        code = [{"cell_type": "code", "metadata": {}, "source": cell} for cell in cells]
        metadata = {"rnncourse": {"exercise": "rnn_ex_01"}}
        path = tmp_path / "submission.ipynb"
        path.write_text(json.dumps({"cells": code, "metadata": metadata, "nbformat": 4}), "utf-8")
        return grader.grade(Submission("submission", path))

    return row


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_earns_the_same_in_jupyter_and_from_the_grader(habit, in_jupyter, grade):
    assert in_jupyter[habit] == "4.0"
    assert grade(HABITS[habit]).reason == "full marks"


# --- what a function returns ---------------------------------------------------------------

HEAD = "import numpy as np\nfrom collections import namedtuple\nfrom decimal import Decimal\n"
HEAD += "from fractions import Fraction\n"
ONE = "def rnn_step(x, h_prev, W_x, W_h, b):\n    h = np.tanh(x @ W_x + h_prev @ W_h + b)\n"
TWO = """def lstm_step(x, h_prev, c_prev, W_x, W_h, b):
    i, f, g, o = np.split(x @ W_x + h_prev @ W_h + b, 4, axis=1)
    i, f, o = (1 / (1 + np.exp(-v)) for v in (i, f, o))
    c = f * c_prev + i * np.tanh(g)
    h = o * np.tanh(c)
"""
# What is returned, the points, what the reason says.
RETURNED_ONE = [
    ("h", 4, "full marks"),
    ("h.astype('g')", 4, "full marks"),
    ("h.astype('>f8')", 4, "full marks"),
    ("np.asmatrix(h)", 4, "full marks"),
    ("np.ma.array(h)", 4, "full marks"),
    ("h.view(type('Mine', (np.ndarray,), {}))", 4, "full marks"),
    ("h.astype(np.float16)", 0, "float16 has only 3 digits"),
    ("h.astype('>i8')", 0, "dtype int64, expected float64"),
    ("h.astype('G')", 0, "dtype complex128, expected float64"),
    ("h > 0", 0, "dtype bool, expected float64"),
    ("h.astype(object)", 0, "array of object"),
    ("h.astype(str)", 0, "array of <U"),
    ("np.ma.masked_less(h, 0)", 0, "MaskedArray with"),
    ("(h,)", 0, "a tuple of 1 value, expected h itself"),
    ("(h, h)", 0, "a tuple of 2, expected 1: h"),
    ("[h]", 0, "of type list"),
    ("h.tolist()", 0, "of type list"),
    ("{'h': h}", 0, "of type dict"),
    ("(v for v in h)", 0, "of type generator"),
    ("memoryview(h)", 0, "of type memoryview"),
    ("Fraction(1, 2)", 0, "of type Fraction"),
    ("Decimal('0.5')", 0, "of type Decimal"),
    ("np.array(0.5)", 0, "has shape ()"),
    ("True", 0, "has shape ()"),
    ("10**5000", 0, "array of object"),
    ("np.str_('h')", 0, "array of <U1"),
    ("(0.0,) * 10**6", 0, "a tuple of 64 or more, expected 1: h"),
]
RETURNED_TWO = [
    ("h, c", 4, "full marks"),
    ("[h, c]", 4, "full marks"),
    ("namedtuple('State', 'h c')(h, c)", 4, "full marks"),
    ("h.astype('g'), c.astype('g')", 4, "full marks"),
    ("namedtuple('State', 'h c n')(h, c, 1)", 0, "a tuple of 3, expected 2: h, c"),
    ("[h]", 0, "a list of 1, expected 2: h, c"),
    ("h", 0, "returned 1 value, expected 2: h, c"),
    ("{'h': h, 'c': c}", 0, "returned 1 value of type dict, expected 2: h, c"),
    ("(v for v in (h, c))", 0, "returned 1 value of type generator, expected 2"),
    ("h, {'c': c}", 2, "c is of type dict"),
    ("h.astype(object), c", 2, "h is of type array of object"),
]


@pytest.fixture(scope="module")
def public(grader):
    """The grader with the cases that `check` has, so that both speak of the same numbers."""
    for name in ("rnn_ex_01", "lstm_ex_01"):
        grader._loaded[name] = (grader.exercise(name)[0], load_check(name)[1])
    yield grader
    grader._loaded.clear()


@pytest.mark.parametrize(
    ("name", "code", "points", "said"),
    [
        pytest.param(name, f"{start}    return {value}\n", points, said, id=value)
        for name, start, table in (
            ("rnn_ex_01", ONE, RETURNED_ONE),
            ("lstm_ex_01", TWO, RETURNED_TWO),
        )
        for value, points, said in table
    ],
)
def test_check_and_the_grader_say_the_same_of_any_type(name, code, points, said, public, capsys):
    record = public.examine(Job("a", name, (HEAD + code,)))
    space = {}
    exec(HEAD + code, space)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, of matrices
        result = check(name, space[public.exercise(name)[0].function])
    assert record.points == result.points == points
    assert said in record.text[0]
    if said != "full marks":
        assert record.text[0] in result.text
        assert record.text[1] in result.text


class Tensor:
    """Can be made an array, as PyTorch's and pandas' objects can, but is none."""

    def __array__(self, dtype=None, copy=None):
        return np.zeros(3)


def test_objects_of_other_libraries_are_named():
    sent = decode(protocol.answer_to_wire(Tensor())["one"])
    assert sent == compare.normalise(Tensor()) == compare.Foreign("Tensor")


# --- the first cause -----------------------------------------------------------------------

HERE = "(here only NumPy, SciPy and matplotlib are installed)"
FIRST = [
    (["import pandas as pd\nimport numpy as np", "squash = pd.Series", STEP.replace("np.", "pd.")],
     "the function raised NameError: name 'pd' is not defined (at: return pd.tanh(x @ W_x + h_prev "
     f"@ W_h + b)); code cell 1: No module named 'pandas' {HERE}"),
    ([IMPORT, "import pandas\nclass Frame(pandas.DataFrame):\n    pass\nFrame.x\n" + STEP],
     f"the notebook does not define the function rnn_step; code cell 2: No module named 'pandas' "
     f"{HERE}; code cell 2 raised NameError: name 'Frame' is not defined (at: Frame.x)"),
    (["import a, b, c, d, e, f, g", IMPORT, "def rnn_step(x:"],
     f"rnn_step; code cell 1: No module named 'a' {HERE}; code cell 3 raised SyntaxError: "),
    ([IMPORT, "scale = 1 / 0\n", STEP.replace("+ b", "+ scale")],
     "the function raised NameError: name 'scale' is not defined (at: return np.tanh(x @ W_x + "
     "h_prev @ W_h scale)); code cell 2 raised ZeroDivisionError: division by zero (at: scale = "
     "1 / 0)"),
    ([IMPORT, "def rnn_step(*a):\n    import torch\n    return torch.tanh(a[0])"],
     f"the function raised ModuleNotFoundError: No module named 'torch' (at: import torch) {HERE}"),
    ([IMPORT, "from rnncourse.nn.recurrent import nothing\nrnn_step = 3"],
     "rnn_step is not a function; code cell 2 raised ImportError: cannot import name 'nothing'"),
    ([IMPORT, "from rnncourse.nn import cells\ndef rnn_step(*a):\n    return cells.rnn_step(*a)"],
     "the function raised NotImplementedError: nn.cells.rnn_step is withheld in this exercise"),
    ([IMPORT, "data = !cat data.csv\n%sql select 1\n" + STEP.replace("tanh", "cosh"), "%%R\nx"],
     "; IPython lines skipped: !cat data.csv in code cell 2; %sql select 1 in code cell 2; %%R in "
     "code cell 3"),
    ([IMPORT, "1 / 0", STEP.replace("tanh", "cosh")], "h[0, 0] is"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "said"), FIRST)
def test_the_first_cause_is_named(cells, said, grade):
    pytest.importorskip("scipy")
    row = grade(cells)
    assert row.points == 0
    assert said.replace("h_prev @ W_h scale", "h_prev @ W_h + scale") in row.reason
    assert ("code cell" in row.reason) == ("code cell" in said)
    assert len(row.reason) < 500


def test_the_first_cause_in_chinese(grader):
    cells = "import pandas as pd\n!pip install pandas\nframe = pd.DataFrame()\n1 / 0\n" + STEP
    packages = "、".join(stage.titles(["numpy"])[:-1])
    assert grader.examine(Job("a", "rnn_ex_01", (cells,))).text[1] == (
        "notebook 没有定义函数 rnn_step；第 1 个代码单元格：No module named 'pandas'"
        f"（这里只安装了 {packages} 和 matplotlib）；"
        "第 1 个代码单元格抛出 ZeroDivisionError: division by zero（出错行：1 / 0）；"
        "已跳过 IPython 命令：第 1 个代码单元格的 !pip install pandas"
    )
