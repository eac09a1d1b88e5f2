"""What runs in Jupyter and passes `check` earns the same points from the grader.

Each notebook of `habits.py` is run by IPython itself, then `check` looks at its answer; and it is
graded in the confined process, which has no IPython.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from habits import HABITS

from rnncourse.grading.confine import stage
from rnncourse.grading.grader import Grader
from rnncourse.grading.submissions import Submission

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

async def run(shell, cells):
    "As ipykernel does it: inside a running event loop."
    for source in cells:
        cell = shell.transform_cell(source)
        await shell.run_cell_async(source, store_history=True, transformed_cell=cell)

def points(cells):
    os.chdir(tempfile.mkdtemp(dir=os.environ["IPYTHONDIR"]))
    sys.path.insert(0, "")
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.system = lambda command: None
    shell.enable_gui = lambda gui=None: None
    shell.register_magic_function(lambda line: None, magic_name="pip")
    asyncio.run(run(shell, cells))
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
