"""The learner's copy of the package is no answer key: nothing in it earns a point by itself.

For each exercise everything in its staged copy is called with the secret inputs, by
`withhold_search.py`. `ALL=1` tries ten times as many arguments of each function.
"""

import contextlib
import functools
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rnncourse.grading.cases import make_cases
from rnncourse.grading.compare import Foreign, Returned, verdict
from rnncourse.grading.confine.stage import Stage
from rnncourse.grading.exercise import load, read_notebook

ROOT = Path(__file__).resolve().parents[2]
SEARCH = Path(__file__).with_name("withhold_search.py")
# What trains has no cases: it is judged by its predictions, and nothing in the package predicts.
IDS = sorted(p.stem.replace("_sol_", "_ex_") for p in (ROOT / "solutions").glob("*_sol_*.md")
             if 'kind = "train"' not in p.read_text("utf-8"))  # fmt: skip
SEEDS = range(12345, 12351)  # twice the grader's: what is right by chance is no finding
MOST = 600 if os.environ.get("ALL") == "1" else 60  # sets of arguments of one signature
# Outputs that ask for a gradient: whoever differentiates a forward pass numerically has it.
GRADIENT = re.compile(r"d(\w|\w\d|[A-Z]\w*|\w_\w+|noise)|slope")

# Outputs that need no function of the package, and why.
FREE = {
    ("sequences_ex_02", "y"): "series[T:], one slice",
    ("text_ex_04", "count"): "5 in every draw",
    ("training_ex_02", "best"): "np.argsort(values, kind='stable')[1], as the draw is made",
}
# What the search must find where it is not withheld: exercise, what is withheld, functions.
BACKWARD = (
    "nn.cells.rnn_step_backward", "nn.cells.unroll_backward", "nn.recurrent.rnn_backward",
)  # fmt: skip
PLANTED = [
    ("sequences_ex_02", (), {"timeseries.windows"}),
    ("unfolding_ex_01", (*BACKWARD, "nn.gradcheck"),
     {"nn.recurrent._weight_gradient", "nn.recurrent._input_gradients",
      "nn.layers.dense_backward"}),
    ("bptt_ex_01", BACKWARD, {"nn.gradcheck.numeric_gradient", "comparison.relu_backward"}),
    # `comparison` imports what is withheld here; a learner puts something in its place.
    ("bptt_ex_01", ("nn.recurrent", "nn.gradcheck"), {"comparison.relu_backward"}),
    ("training_ex_01", ("nn.optim.adam_step", "nn.optim.adamw_step"), {"nn.optim.rmsprop_step"}),
    ("lstm_ex_04", (), {"nn.cells.lstm_step_backward"}),
    ("language_model_ex_01", (), {"nlp.ngram.WittenBell"}),
    ("text_ex_01", (), {"nlp.text.pad"}),
    ("segmentation_ex_03", (), {"nn.lattice.viterbi"}),
    ("timeseries_ex_02", (), {"timeseries.Autoregression", "timeseries.seasonal_naive"}),
]  # fmt: skip

if sys.platform == "win32":
    pytest.skip("needs POSIX: each call has an alarm", allow_module_level=True)


def in_groups(rows, count=6):
    """Test parameters spread over workers."""
    return [pytest.param(*row, marks=pytest.mark.xdist_group(f"withholding {k % count}"))
            for k, row in enumerate(rows)]  # fmt: skip


@pytest.fixture(scope="module")
def staged():
    """Stages by what is withheld, made once."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def make(withhold, packages):
            return stack.enter_context(contextlib.closing(Stage(withhold, packages)))

        yield make


def found(name, staged, withhold=None):
    """(output, function) → how, for all in the staged copy that earns points."""
    path = ROOT / "solutions" / f"{name.replace('_ex_', '_sol_')}.ipynb"
    exercise = load(read_notebook(path))
    stage = staged(exercise.withhold if withhold is None else withhold, exercise.packages)
    cases, rules = make_cases(exercise, SEEDS), exercise.rules
    task = {
        "cases": [(case.inputs, case.expected) for case in cases],
        "outputs": rules.outputs,
        "gradients": [k for k, output in enumerate(rules.outputs)
                      if GRADIENT.fullmatch(output) and output not in cases.each[0].inputs],
        "tolerance": (rules.rtol, rules.atol),
        "most": MOST,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", SEARCH, stage.folder / "lib", stage.folder / "packages"],
        input=pickle.dumps(task), capture_output=True, cwd=stage.folder, check=False,
        env={"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return {(output, function): how for output, function, how, answers in pickle.loads(done.stdout)
            if points(cases, answers, output, rules)}  # fmt: skip


def points(cases, answers, output, rules):
    """What the grader gives for these answers to one output and nothing for the others."""
    rows = [
        Returned([answer if name == output else Foreign("nothing") for name in rules.outputs])
        for answer in answers
    ]
    return verdict(cases, rows, rules).points


@pytest.mark.parametrize("name", in_groups([(name,) for name in IDS]))
def test_nothing_in_the_staged_copy_scores(name, staged):
    scoring = found(name, staged)
    free = {output for exercise, output in FREE if exercise == name}
    assert {how for (output, _), how in scoring.items() if output not in free} == set()
    assert free <= {output for output, _ in scoring}, "no longer an exception"


@pytest.mark.parametrize(("name", "withhold", "functions"), in_groups(PLANTED))
def test_the_search_finds_an_answer_that_is_not_withheld(name, withhold, functions, staged):
    """Among them the three holes that there were: windows, the fast path's helpers, gradcheck."""
    assert functions <= {function for _, function in found(name, staged, withhold)}
