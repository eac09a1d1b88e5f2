"""Exercises that train: what a function earns, what probes say of it, and what it cannot get."""

import dataclasses
import importlib
import json
import sys
import time
import warnings

import numpy as np
import pytest

from rnncourse.grading import protocol, training
from rnncourse.grading.cases import draw_training
from rnncourse.grading.confine.stage import Limits
from rnncourse.grading.exercise import load, parse_notebook
from rnncourse.grading.grader import Grader
from rnncourse.grading.probes import TEXTS, labels_exchanged
from rnncourse.grading.submissions import Submission
from rnncourse.grading.training import Draw, Late, Task, Trial, judge
from tools.certify import training as certify

checking = importlib.import_module("rnncourse.grading.check")  # `grading.check` is a function

TASK = Task("accuracy", ((0.7, 1), (0.9, 3)), 2, ("always 5", "总是 5", 0.5), TEXTS | {
    "weak": ("the weak rows are wrong, the others right", "弱的那些行错了，别的都对")})  # fmt: skip


def toy(seed=0, task=TASK):
    """80 and 61 rows of three steps; the first feature is 20 to 26 in class 5, 40 to 46 in 7."""
    rng = np.random.default_rng(seed)
    found = []
    for N in (80, 61):
        y = rng.permutation(np.arange(N) % 2)
        first = 20 * (1 + y)[:, None] + rng.integers(0, 7, (N, 3))
        found += [np.stack([first, rng.integers(0, 9, (N, 3))], -1).astype(float), 5 + 2 * y]
    x, y, asked, truth = found
    weak = np.arange(61) < 20
    return Draw(task, {"x_train": x, "y_train": y, "x_test": asked}, truth, {"weak": weak})


def nearest_mean(x, y, asked):
    """Honest: the class whose examples have the nearer mean."""
    classes = np.unique(y)
    means = np.array([x[y == c].mean(axis=(0, 1)) for c in classes])
    return classes[((asked.mean(axis=1)[:, None] - means) ** 2).sum(axis=-1).argmin(axis=1)]


def run(function, draw=None):
    """The verdict, and the trial that led to it."""
    draw = draw or toy()
    trial = Trial(draw, lambda inputs: checking._answer(function, inputs, ("predictions",)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return trial.judge(), trial


# --- points -------------------------------------------------------------------------------


def test_a_function_that_learns_gets_full_marks_for_three_calls():
    verdict, trial = run(nearest_mean)
    assert (verdict.points, verdict.text, verdict.hints) == (3.0, ("full marks", "满分"), ())
    assert [tuple(part) for part in verdict.parts] == [
        ("accuracy ≥ 0.7", 1.0, 1.0, None), ("accuracy ≥ 0.9", 2.0, 2.0, None)
    ]  # fmt: skip
    assert verdict.notes == (("accuracy 1; the baseline, always 5, reaches 0.5",
                              "准确率 1；基线（总是 5）是 0.5"),)  # fmt: skip
    assert trial.calls == 3


@pytest.mark.parametrize(
    ("wrong", "score", "points"), [(0, 1, 3), (6, 55 / 61, 3), (7, 54 / 61, 1), (19, 42 / 61, 0)]
)
def test_points_follow_the_thresholds(wrong, score, points):
    """6 of 61 wrong is 0.9016, 7 is 0.8852, 19 is 0.6885."""

    draw = toy()
    spoiled = draw.truth.copy()
    spoiled[np.arange(wrong) * 3] = 12 - spoiled[np.arange(wrong) * 3]
    verdict, trial = run(nearest_mean, draw._replace(truth=spoiled))
    assert trial.score == pytest.approx(score)
    assert verdict.points == points
    missed = [part.difference for part in verdict.parts if not part.points]
    assert missed == [(f"accuracy is {score:.4g}", f"准确率是 {score:.4g}")] * len(missed)


def test_what_is_missing_is_said_where_no_probe_knows():
    """The examples too are predicted no better, but above the first threshold."""
    draw = toy()
    spoil = lambda y, n: np.where(np.arange(len(y)) % n, y, 12 - y)  # noqa: E731
    inputs = draw.inputs | {"y_train": spoil(draw.inputs["y_train"], 5)}
    verdict, trial = run(nearest_mean, draw._replace(inputs=inputs, truth=spoil(draw.truth, 5)))
    assert (verdict.points, verdict.hints, trial.calls) == (1.0, (), 4)
    assert verdict.text == ("the next point needs accuracy ≥ 0.9", "要再得分，准确率需要 ≥ 0.9")
    assert "on its own training examples 0.7869" in verdict.notes[1][0]


def test_squared_error_counts_downward():
    task = Task("squared error", ((0.5, 1), (0.01, 2)), 2, ("the mean", "平均值", 1.0))
    draw = toy(task=task)
    draw = draw._replace(inputs=draw.inputs | {"y_train": draw.inputs["x_train"][:, 1, 1]},
                         truth=draw.inputs["x_test"][:, 1, 1], groups={})  # fmt: skip

    def fitted(x, y, asked):
        ones = lambda a: np.c_[a.reshape(len(a), -1), np.ones(len(a))]  # noqa: E731
        return ones(asked) @ np.linalg.lstsq(ones(x), y, rcond=None)[0]

    assert run(fitted, draw)[0].points == 2
    worse = run(lambda x, y, asked: fitted(x, y, asked) + 0.5, draw)[0]  # error 0.25
    assert (worse.points, worse.parts[0].name) == (1, "squared error ≤ 0.5")
    by_hand, trial = run(lambda x, y, asked: asked[:, 1, 1], draw)
    assert (by_hand.points, trial.probes) == (0, ["labels-unused"])
    mean, trial = run(lambda x, y, asked: np.full(len(asked), y.mean()), draw)
    assert (mean.points, trial.probes) == (0, ["constant"])


# --- probes -------------------------------------------------------------------------------


def of_the_test(x, y, asked):
    """Standardised by the test's own statistics."""
    return nearest_mean(x - x.mean(axis=(0, 1)), y, asked - asked.mean(axis=(0, 1)))


def state_kept(x, y, asked):
    found, state = [], 0.0
    for row in asked:
        state = 0.5 * state + row[:, 0].mean() / 2
        found.append(5 if state < 30 else 7)
    return np.array(found)


def by_hand(x, y, asked):
    return np.where(asked[:, 0, 0] < 30, 5, 7)


def by_heart(x, y, asked):
    known = {row.tobytes(): label for row, label in zip(x, y, strict=True)}
    return np.array([known.get(row.tobytes(), 5 + 2 * (k % 3 > 0) * (row[0, 1] > 4))
                     for k, row in enumerate(asked)])  # fmt: skip


def coin(x, y, asked):
    """Seeded by the row itself: no better on the examples."""
    return np.array([5 + 2 * (hash(row.tobytes()) % 2) for row in asked])


class Unseeded:
    """Draws anew in each call, and is often wrong."""

    def __init__(self, wrong, seed=1):
        self.rng, self.wrong = np.random.default_rng(seed), wrong

    def __call__(self, x, y, asked):
        found = nearest_mean(x, y, asked)
        return np.where(self.rng.random(len(asked)) < self.wrong, 12 - found, found)


PROBED = [
    (of_the_test, "leak", 4),
    (state_kept, "leak", 4),
    (by_hand, "labels-unused", 3),
    (by_heart, "overfitted", 3),
    (coin, "untrained", 3),
    (lambda x, y, asked: np.full(len(asked), 7), "constant", 2),
    (Unseeded(0.3), "unseeded", 5),
    (lambda x, y, asked: np.full(len(asked), np.nan), "not-finite", 1),
    (lambda x, y, asked: np.full(len(asked), 0.3), "not-classes", 1),
    (lambda x, y, asked: np.full((len(asked), 2), 0.5), "not-classes", 1),
    (lambda x, y, asked: nearest_mean(x, y, asked) - 5, "other-labels", 1),
    (lambda x, y, asked: nearest_mean(x, y, asked)[:, None], "shape", 1),
    (lambda x, y, asked: nearest_mean(x, y, asked) + 0j, "shape", 1),
]


@pytest.mark.parametrize(("function", "probe", "calls"), PROBED)
def test_a_probe_names_what_is_wrong(function, probe, calls):
    verdict, trial = run(function)
    assert trial.probes[:1] == [probe]
    assert verdict.points == 0
    assert trial.calls == calls <= training.CALLS
    if probe == "shape":
        assert "expected shape (61,)" in verdict.hints[0][0]
    else:
        assert verdict.hints[0] == TEXTS[probe]


def test_a_group_of_rows_is_named():
    draw = toy()
    asked = draw.inputs["x_test"].copy()
    asked[draw.groups["weak"] & (draw.truth == 7), 2, 1] = 99
    asked[draw.groups["weak"] & (draw.truth == 5), 2, 1] = 98
    draw = draw._replace(inputs=draw.inputs | {"x_test": asked})
    wrong = lambda x, y, a: np.where(  # noqa: E731
        a[:, 2, 1] >= 98, 12 - nearest_mean(x[..., :1], y, a[..., :1]),
        nearest_mean(x[..., :1], y, a[..., :1]))  # fmt: skip
    verdict, trial = run(wrong, draw)
    assert (trial.probes, verdict.hints) == (["weak"], (TASK.texts["weak"],))


@pytest.mark.parametrize("value", [None, [5] * 61, "text", (1, 2), np.array([object()] * 61)])
def test_what_is_no_array_earns_nothing_and_is_explained(value):
    verdict, trial = run(lambda *_: value)
    assert (verdict.points, trial.calls) == (0, 1)
    assert "return" in verdict.text[0] or "is of type" in verdict.text[0]


# --- an honest function is not accused ------------------------------------------------------


def each_row_standardised(x, y, asked):
    def own(a):
        return np.c_[a[..., 0].mean(axis=1), a.std(axis=(1, 2))]

    return nearest_mean(own(x)[:, None], y, own(asked)[:, None])


def stubborn(x, y, asked):
    """Cannot learn the exchanged labels, and says so."""
    if y[0] != toy().inputs["y_train"][0]:
        raise FloatingPointError("the loss is inf")
    return nearest_mean(x, y, asked)


@pytest.mark.parametrize("function", [each_row_standardised, Unseeded(0.005), stubborn])
@pytest.mark.parametrize("seed", range(5))
def test_an_honest_function_keeps_its_points(function, seed):
    if function is stubborn and seed:
        return
    assert run(function, toy(seed))[0].points == 3


def test_where_results_differ_the_worst_counts_and_nobody_is_accused():
    for seed in range(40):
        for wrong in (0.005, 0.03, 0.08):
            verdict, trial = run(Unseeded(wrong, seed), toy(seed))
            assert trial.probes in ([], ["unseeded"], ["unseeded", "untrained"])
            assert verdict.points == TASK.earned(trial.score)


def test_a_function_that_alternates_is_not_taken_for_one_that_leaks():
    """It goes on training, say, or keeps a generator: every second call is worse."""

    class Alternating:
        calls = 0

        def __call__(self, x, y, asked):
            self.calls += 1
            found = nearest_mean(x, y, asked)
            return found if self.calls % 2 else np.where(asked[:, 0, 1] > 1, 5, found)

    assert run(Alternating())[1].probes == ["unseeded"]


def test_shuffled_labels_could_accuse_an_honest_function_and_exchanged_ones_cannot():
    """Why labels are exchanged: with one separating feature, chance may name the classes right."""
    draw = toy()
    lucky = 0
    for seed in range(20):
        y = np.random.default_rng(seed).permutation(draw.inputs["y_train"])
        found = nearest_mean(draw.inputs["x_train"], y, draw.inputs["x_test"])
        lucky += np.mean(found == draw.truth) >= 0.7
    assert lucky > 0
    other = labels_exchanged(draw.inputs, True)
    assert np.mean(nearest_mean(*other.values()) == draw.truth) == 0


def test_changing_the_examples_in_place_is_advice():
    def function(x, y, asked):
        found = nearest_mean(x, y, asked)
        x -= x.mean()
        return found

    verdict, _ = run(function)
    assert verdict.points == 3
    assert verdict.notes[1][0].startswith("advice: the function changed its input x_train in place")


def test_a_function_that_remembers_its_calls_gets_no_more_than_in_the_first():
    """Each call with the same arguments may answer better than the last; the worst counts."""

    class Climber:
        calls = 0

        def __call__(self, x, y, asked):
            self.calls += 1
            share = np.arange(len(asked)) < len(asked) * min(1, 0.4 + 0.3 * self.calls)
            return np.where(share, nearest_mean(x, y, asked), 5)

    first = np.mean(Climber()(*toy().inputs.values()) == toy().truth)
    verdict, trial = run(Climber())
    assert trial.score <= first
    assert verdict.points <= TASK.earned(first)


# --- what cannot be set ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"thresholds": ((0.9, 1), (0.7, 2))}, "must rise"),
        ({"thresholds": ((0.7, 2), (0.9, 2))}, "must rise"),
        ({"thresholds": ((0.7, 0.5), (0.9, 2))}, "whole"),
        ({"baseline": ("b", "基", 0.7)}, "baseline must earn nothing"),
        ({"seconds": 11}, "more than 60 s"),
        ({"texts": TEXTS}, "group weak has no text"),
    ],
)
def test_a_task_that_cannot_be_set_is_refused(change, said):
    assert training.problems(toy()) == []
    assert said in "; ".join(training.problems(toy(task=TASK._replace(**change))))


def test_a_draw_whose_parts_do_not_fit_is_refused():
    draw = toy()
    assert "no partner" in str(training.problems(
        draw._replace(inputs=draw.inputs | {"mask_test": np.ones(61)})))  # fmt: skip
    assert "differ in length" in str(training.problems(draw._replace(truth=draw.truth[:60])))
    short = {k: v for k, v in draw.inputs.items() if k != "y_train"}
    assert "must return" in str(training.problems(draw._replace(inputs=short)))


@pytest.mark.parametrize(
    "array",
    [np.arange(300.0).reshape(3, 100), np.array([0.1, np.nan, -np.inf]), np.array([True, False]),
     np.array([-3, 2**40]), np.array([[2**63]], np.uint64), np.zeros((0, 4)),
     np.array([1.5, -2.0], np.float32)],
)  # fmt: skip
def test_check_data_are_packed_without_loss(array):
    packed = json.loads(json.dumps(protocol.pack(array)))
    found = protocol.unpack(packed)
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.flags.writeable) == (array.dtype, True)
    assert packed["stored"] in ("|u1", "<u2") or array.dtype.kind != "f" or array.max() != 299


# --- in a notebook and in class: a small exercise of our own ----------------------------------

SPEC = """
kind = "train"
function = "answer"
measure = "accuracy"
thresholds = ((0.7, 1), (0.9, 3))
seconds = 0.5
baseline = ("always 5", "总是 5", 0.55)
withhold = []


def draw(rng):
    y, truth = rng.permutation(np.arange(80) % 2), rng.permutation(np.arange(61) % 2)
    x, asked = (20 * (1 + c)[:, None] + rng.integers(0, 7, (len(c), 3)) for c in (y, truth))
    return {"x_train": x.astype(float), "y_train": 5 + 2 * y, "x_test": asked.astype(float),
            "truth": 5 + 2 * truth}


mutants = [{"name": str(k), "edit": ("< middle", f"< {k} * middle"), "probe": None}
           for k in range(2, 7)]
equivalents = {"a": "def answer(x, y, z): return 1", "b": "def answer(x, y, z): return 2"}
"""
GOOD = """
def answer(x, y, asked):
    means = [x[y == c].mean() for c in (5, 7)]
    middle = sum(means) / 2
    low, high = (5, 7) if means[0] < means[1] else (7, 5)
    return np.where(asked.mean(axis=1) < middle, low, high)
"""


def write(path, *cells, exercise="demo_ex_01", tags=()):
    code = [{"cell_type": "code", "source": source, "outputs": [], "execution_count": None,
             "metadata": {"tags": [tag] if tag else []}}
            for source, tag in zip(cells, tags or [None] * len(cells), strict=True)]  # fmt: skip
    data = {"cells": code, "metadata": {"rnncourse": {"exercise": exercise}},
            "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
    path.write_text(json.dumps(data), "utf-8")
    return path


@pytest.fixture(scope="module")
def solution(tmp_path_factory):
    marked = (
        GOOD.replace("    means", "    # BEGIN SOLUTION\n    means", 1) + "    # END SOLUTION\n"
    )
    return write(tmp_path_factory.mktemp("solutions") / "demo_sol_01.ipynb",
                 "import numpy as np", marked, SPEC, tags=[None, None, "spec"])  # fmt: skip


@pytest.fixture(scope="module")
def grader(solution):
    with Grader(solution.parent, 12345, Limits(wall=30.0)) as grader:
        yield grader


@pytest.fixture
def hand_in(grader, tmp_path):
    def submit(*cells):
        path = write(tmp_path / "s.ipynb", "import numpy as np", *cells)
        return grader.grade(Submission(path.name, path))

    return submit


def test_a_solution_of_this_kind_is_read(solution):
    exercise = load(parse_notebook(json.loads(solution.read_text("utf-8"))))
    assert exercise.task.levels() == (("accuracy ≥ 0.7", 1.0), ("accuracy ≥ 0.9", 2.0))
    assert (exercise.rules.points, exercise.rules.levels) == (3, exercise.task.levels())
    one, other = (draw_training(exercise, seed) for seed in (1, 2))
    assert not np.array_equal(one.truth, other.truth)
    broken = solution.read_text("utf-8").replace('\\"probe\\": None', '\\"probe\\": \\"nothing\\"')
    with pytest.raises(ValueError, match="nothing is said of"):
        load(parse_notebook(json.loads(broken)))


def test_the_class_gets_rows_like_any_other(hand_in):
    row = hand_in(GOOD)
    assert (row.points, row.max_points) == (3, 3)
    assert row.reason == "full marks; accuracy 1; the baseline, always 5, reaches 0.55"
    assert hand_in("x = 1").reason == "the notebook does not define the function answer"


TRUTH = """
import gc, glob, os, sys
found = []
near = glob.glob("/tmp/**/*_sol_*", recursive=True)
for name in ("/proc/self/environ", "/proc/1/environ", *near):
    try:
        found.append(open(name, "rb").read())
    except OSError:
        pass
def answer(x, y, asked):
    for thing in gc.get_objects():
        for item in [thing] if isinstance(thing, np.ndarray) else (
                list(thing.values()) if type(thing) is dict else []):
            if isinstance(item, np.ndarray) and item.shape == (61,) and item is not asked:
                return item
    frame = sys._getframe()
    while frame:  # also those that called
        for item in list(frame.f_locals.values()):
            if isinstance(item, np.ndarray) and item.shape == (61,):
                return item
        frame = frame.f_back
    if any(b"truth" in text for text in found):
        raise RuntimeError("found the solution")
    return np.full(61, 5)
"""
HOSTILE = [
    (TRUTH, "the prediction is the same for every row"),
    ("def answer(*a): return np.array([object()] * 61)", "array of object"),
    ("def answer(*a): return np.zeros(10**9, 'i1')", "too large|MemoryError|process ended"),
    ("def answer(*a): return np.lib.stride_tricks.as_strided(np.zeros(1), (10**9,), (0,))",
     "too large|MemoryError|process ended"),
    ("import time\ndef answer(*a): time.sleep(1e6)",
     "one training did not end in time; the limit is 0.5 s"),
    ("def answer(*a):\n    while True: pass", "one training did not end in time"),
    ("import os\ndef answer(*a): os._exit(0)", "process ended while calling answer"),
    ("import os\nn = 0\ndef answer(x, y, z):\n    global n\n    n += 1\n"
     "    if n > 1: os._exit(0)\n    return np.full(61, 5)", "process ended while calling answer"),
    ("n = 0\ndef answer(x, y, z):\n    global n\n    n += 1\n    while n > 1: pass\n"
     "    return np.full(61, 5)", "one training did not end in time"),
    ("def answer(*a): return np.full(61, np.nan)", "NaN or infinite"),
    ("def answer(*a): raise SystemExit(3)", "raised SystemExit: 3"),
    ("def answer(x, y, z): return y[:61] + np.zeros((61, 61))", "expected shape"),
]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="the grader needs POSIX")
@pytest.mark.parametrize(("code", "said"), HOSTILE)
def test_an_attack_earns_nothing_and_gets_a_row_with_a_reason(code, said, hand_in):
    row = hand_in(code)
    assert (row.points, row.max_points) == (0, 3)
    assert any(part in row.reason for part in said.split("|")), row.reason
    assert row.seconds < 20


def test_the_truth_is_never_sent(grader, monkeypatch, hand_in):
    """Every message to the child, as bytes, beside the truth in any form that travels."""
    from rnncourse.grading.confine.process import Child

    sent, send = [], Child.send

    def overheard(child, message):
        sent.append(json.dumps(message))
        send(child, message)

    monkeypatch.setattr(Child, "send", overheard)
    assert hand_in(GOOD).points == 3
    draw = grader.exercise("demo_ex_01")[1]
    hidden = protocol.argument_to_wire(draw.truth)["data"]
    shown = protocol.argument_to_wire(draw.inputs["y_train"])["data"]
    assert any(shown in message for message in sent)  # it would be seen
    assert not any(hidden in message for message in sent)


# --- `check` --------------------------------------------------------------------------------


@pytest.fixture
def public(solution, tmp_path, monkeypatch):
    """The demo's check data, in place of the package's."""
    exercise = load(parse_notebook(json.loads(solution.read_text("utf-8"))))
    (tmp_path / "checks").mkdir()
    file = tmp_path / "checks" / "demo_ex_01.json"
    file.write_text(json.dumps(certify.check_data(exercise, 2**40)), "utf-8")
    monkeypatch.setattr(checking.resources, "files", lambda _: tmp_path)
    return exercise


def test_check_data_hold_the_draw_and_what_to_say(public):
    rules, draw = checking.load_check("demo_ex_01")
    due = draw_training(public, 2**40)
    assert (rules, draw.task) == (public.rules, public.task)
    for name, value in due.inputs.items():
        np.testing.assert_array_equal(draw.inputs[name], value)
    np.testing.assert_array_equal(draw.truth, due.truth)


@pytest.mark.parametrize("code", [GOOD, GOOD.replace("low, high)", "5, 7)"),
                                  GOOD.replace("middle, low", "asked.mean(), low"),
                                  GOOD.replace("middle, low", "0, low"),
                                  "def answer(x, y, z): return z"])  # fmt: skip
def test_check_and_the_grader_say_the_same_of_the_same_arrays(code, public, grader, monkeypatch,
                                                              hand_in, capsys):  # fmt: skip
    monkeypatch.setitem(
        grader._loaded, "demo_ex_01", (public, checking.load_check("demo_ex_01")[1])
    )
    space = {"np": np}
    exec(code, space)
    result = checking.check("demo_ex_01", space["answer"])
    row = hand_in(code)
    assert row.points == result.points
    for part in row.reason.split("; "):
        assert part in result.text.replace(" points.", "") or part == "full marks"
    shown = capsys.readouterr().out
    assert shown.startswith("demo_ex_01: training, 6 times at most, for up to 0.5 s each …\n")
    assert result.text in shown


def test_a_training_that_takes_too_long_fails_with_its_time(public, capsys):
    def slow(x, y, z):
        end = time.process_time() + 1.6
        while time.process_time() < end:
            pass
        return nearest_mean(x[..., None], y, z[..., None])

    result = checking.check("demo_ex_01", slow)
    assert result.points == 0
    assert "one training took 2 s; the limit is 0.5 s" in result.text
    assert "一次训练用了 2 秒，时间限制是 0.5 秒" in result.text
    # Waiting is not computing: a busy machine makes nobody late.
    waiting = lambda x, y, z: (time.sleep(0.7), nearest_mean(x[..., None], y, z[..., None]))[1]  # noqa: E731
    assert checking.check("demo_ex_01", waiting).points == 3


def test_late_passes_through_the_judge():
    def ask(inputs):
        raise Late(training.late(2, 3.2))

    with pytest.raises(Late, match="took 3 s"):
        judge(toy(), ask)


# --- the certificate ------------------------------------------------------------------------


def test_check_data_that_are_too_large_are_refused(public, monkeypatch):
    monkeypatch.setattr(certify, "LARGEST", 500)
    with pytest.raises(ValueError, match="characters of check data"):
        certify.check_data(public, 1)
    few = dataclasses.replace(public, equivalents={})
    with pytest.raises(ValueError, match="fewer than five mutants"):
        certify.check_data(few, 1)


def entry(**change):
    reference = {"scores": [0.99, 0.985, 0.995, 1.0] * 5, "full": True}
    mutant = {"probes": ["untrained"], "scores": [0.5, 0.52, 0.48, 0.51, 0.5] * 4, "points": 0,
              "named": True}  # fmt: skip
    return {"exercise": "demo_ex_01", "points": 3, "measure": "accuracy", "items": 400,
            "thresholds": [[0.8, 1], [0.95, 3]], "baseline": ["b", "基", 0.6],
            "right": {"reference": reference | change.get("reference", {})},
            "mutants": {"m": mutant | change.get("mutant", {})}}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"reference": {"full": False}}, "reference misses full marks"),
        ({"reference": {"scores": [0.99, 0.954] * 10}}, "items away"),
        ({"reference": {"scores": [0.99, 0.965] * 10}}, "standard deviations away"),
        ({"mutant": {"named": False}}, "m is not named by untrained"),
        ({"mutant": {"points": 3}}, "m keeps its points"),
        ({"mutant": {"scores": [0.5, 0.9] * 10}}, "standard deviations away"),
        ({"mutant": {"probes": ["leak"], "scores": [1.0] * 5}}, ""),
        ({"mutant": {"probes": ["leak"], "scores": [1.0] * 5, "points": 1}}, "m earns points"),
    ],
)
def test_a_certificate_fails_where_a_score_is_too_near(change, said):
    found = certify.failures(entry(**change))
    assert bool(found) == bool(said)
    assert said in "; ".join(found)
