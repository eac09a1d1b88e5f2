"""benchmarks/real/comparison.py: equal sizes, equal batches, steps that go on; and its record."""

import math
import statistics
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts import load

from rnncourse import comparison, data
from rnncourse.nn import optim

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def real(monkeypatch, tmp_path):
    """The script as a module; what it keeps goes to an empty folder."""
    module = load("real/comparison.py")
    monkeypatch.setattr(module, "KEPT", tmp_path)
    return module


def test_all_kinds_of_a_task_are_within_two_percent(real):
    for task in real.TASKS:
        D, V = real.sizes(task.name)
        for kind in task.kinds:
            count = comparison.parameters(kind, D, real.width(task, kind), V)
            assert abs(count / task.budget - 1) <= 0.02, (task.key, kind)
            made = optim.leaves(real.start(task, kind, 0)).values()
            assert sum(p.size for p in made) == count


def test_tasks_have_names_of_their_own_and_known_rates(real):
    keys = [task.key for task in real.TASKS]
    assert len(set(keys)) == len(keys)
    for k, task in enumerate(real.TASKS):
        assert task.like is None or task.like in keys[:k]
        assert task.updates % task.chunk == 0 or task.updates < task.chunk


@pytest.mark.parametrize("name", ["adding", "copy", "brackets", "reviews"])
def test_batches_fit_the_network(name, real):
    """D, V and the form of the answer; the same draw is the same batch."""
    D, V = real.sizes(name)
    xs, targets, mask = real.batch(name, np.random.default_rng(0), 6, 12)
    again = real.batch(name, np.random.default_rng(0), 6, 12)
    np.testing.assert_array_equal(xs, again[0])
    assert xs.shape[0] == 6
    assert xs.shape[2] == D
    net = comparison.init(np.random.default_rng(0), "gru", D, 3, V, np.float32)
    ys, _ = real.answer("gru", name, net, xs, mask)
    loss, dys = real.loss_of(name, ys, targets)
    assert dys.shape == ys.shape
    assert 0 <= real.share_right(name, ys, targets) <= 1 < 100 * loss


def test_baselines_by_hand(real):
    """Adding: a sixth; copying 100: 10 ln 8 / 120; reviews: a coin."""
    by_key = {task.key: real.baseline(task) for task in real.TASKS}
    assert by_key["adding 600, long memory"]["loss"] == pytest.approx(1 / 6)
    assert by_key["copy 100, long memory"]["loss"] == pytest.approx(math.log(8) / 12)
    assert by_key["reviews 30"] == {"loss": pytest.approx(math.log(2)), "right": 0.5}
    assert 0.2 < by_key["brackets 50"]["right"] < 0.4


def test_share_right_by_hand(real):
    """Adding: within 0.04. Copying: the last ten alone, however many zeros were right."""
    sums = np.array([[1.0], [0.5], [0.2]])
    away = np.array([[0.03], [-0.05], [0.0]])
    assert real.share_right("adding", sums + away, sums) == pytest.approx(2 / 3)
    targets = np.array([[0] * 5 + [1, 2] * 5])
    ys = np.zeros((1, 15, 10))
    ys[0, :, 1] = 1
    assert real.share_right("copy", ys, targets) == 0.5


def test_pieces_of_a_training_are_the_whole(real):
    """Two chunks of six updates and one of twelve end in the same weights."""
    task = real.Task("adding", 8, 100, 12, ("lstm",), 4, 8)
    whole = real.learn(task, "lstm", 0.01, 0, 12)
    parts = task._replace(chunk=6)
    first = real.learn(parts, "lstm", 0.01, 0, 12)
    second = real.learn(parts, "lstm", 0.01, 0, 12, 6)
    assert "tests" not in first
    assert first["curve"] + second["curve"] == whole["curve"]
    assert second["tests"] == whole["tests"]
    assert len(list(real.KEPT.glob("*.npz"))) == 1  # that of the end; the others are gone


@pytest.mark.parametrize("kind", ["rnn", "bilstm"])
def test_every_kind_reads_the_same_batches(kind, real, monkeypatch):
    seen = []
    make = real.batch

    def spy(name, rng, N, T):
        made = make(name, rng, N, T)
        seen.append(made[0].tobytes())
        return made

    monkeypatch.setattr(real, "batch", spy)
    task = real.Task("brackets", 6, 120, 3)
    real.learn(task, "gru", 0.01, 7, 3)
    expected, seen[:] = list(seen), []
    real.learn(task, kind, 0.01, 7, 3)
    assert seen == expected
    seen.clear()
    real.learn(task, kind, 0.01, 8, 3)
    assert seen[:3] != expected[:3]


def test_a_tiny_run_ends_in_a_record(real, monkeypatch, tmp_path):
    """Two tasks, one with the other's rates: the whole of main, in an empty folder."""
    tiny = real.Task("adding", 6, 150, 4, ("rnn", "gru"), 3, 6)
    tasks = (tiny, tiny._replace(T=9, chunk=2, like=tiny.key))
    monkeypatch.setattr(real, "TASKS", tasks)
    monkeypatch.setattr(real, "SHORT", tiny._replace(span=None))
    monkeypatch.setattr(real, "SHORT_RATES", (0.01, 0.1))
    monkeypatch.setattr(real, "Run", lambda *a, **k: RUN(*a, root=tmp_path, arguments=[], **k))
    RUN = sys.modules["_common"].Run
    real.main()
    record = data.json.loads((tmp_path / "benchmarks/results/real_comparison.json").read_text())
    one, two = record["tasks"].values()
    assert list(one["cells"]) == ["rnn", "gru"]
    assert len(one["cells"]["gru"]["curves"]) == 3
    assert two["cells"]["gru"]["trials"] == one["cells"]["gru"]["trials"]
    assert two["cells"]["gru"]["seeds"] == 3
    assert list(record["short"]["starts"]) == list(real.STARTS)
    assert record["short"]["starts"]["gru, long memory"]["span"] == tiny.T


# ---- the record ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tasks():
    return data.recorded("real_comparison")["tasks"]


def cells(tasks):
    return [(task, kind, cell) for task in tasks.values() for kind, cell in task["cells"].items()]


def test_recorded_sizes_are_equal_and_counted_rightly(tasks):
    for task, kind, cell in cells(tasks):
        assert cell["parameters"] == comparison.parameters(kind, task["D"], cell["H"], task["V"])
        assert abs(cell["parameters"] / task["budget"] - 1) <= 0.02


def test_each_cell_of_the_record_has_spread_and_seeds(tasks):
    for task, _, cell in cells(tasks):
        assert len(cell["curves"]) == cell["seeds"]
        assert {len(curve) for curve in cell["curves"]} <= set(range(1, 61))
        assert str(task["T"]) in cell["test"]
        for test in cell["test"].values():
            for row in test.values():
                assert len(row["values"]) == cell["seeds"]
                assert row["mean"] == pytest.approx(statistics.fmean(row["values"]), abs=1e-6)
                spread = statistics.stdev(row["values"]) if cell["seeds"] > 1 else 0
                assert row["spread"] == pytest.approx(spread, abs=1e-6)


def test_the_rate_is_the_best_of_the_trials(tasks):
    for _, _, cell in cells(tasks):
        trials = cell["trials"]
        assert cell["rate"] == float(min(trials, key=trials.get))


def test_each_start_has_the_same_rates_and_takes_its_best(real):
    short = data.recorded("real_comparison")["short"]
    assert list(short["starts"]) == list(real.STARTS)
    for start in short["starts"].values():
        means = {float(rate): statistics.fmean(es) for rate, es in start["errors"].items()}
        assert tuple(means) == real.SHORT_RATES
        assert start["rate"] == min(means, key=means.get)
        assert {len(errors) for errors in start["errors"].values()} == {3}


def test_what_the_page_says_of_the_record(tasks):
    """A GRU beats the baseline but where it copies over 1000 steps; baselines as in docstrings."""
    for name, task in tasks.items():
        gru = task["cells"]["gru"]
        assert gru["seeds"] >= 3
        loss = gru["test"][str(task["T"])]["loss"]["mean"]
        assert (loss < task["baseline"]["loss"]) == (task["T"] < 1000), name
        if task["name"] == "adding":
            assert task["baseline"]["loss"] == pytest.approx(1 / 6)
        if task["name"] == "copy":
            assert task["baseline"]["loss"] == pytest.approx(10 * math.log(8) / (task["T"] + 20))
