"""train.fit: the plain loop beside it, early stopping, the bar, clear errors."""

import math

import numpy as np
import pytest

from rnncourse import _progress, plot
from rnncourse.nn import functional, layers, optim, recurrent, train


@pytest.fixture
def task():
    """A network of one simple cell on random targets, and one batch of data."""
    rng = np.random.default_rng(2)
    params = {"cell": layers_init(rng), "out": layers.dense_init(rng, 5, 2)}
    xs, ys = rng.standard_normal((7, 6, 3)), rng.standard_normal((7, 2))

    def gradients(batch):
        hs, _, cache = recurrent.rnn_forward(xs[batch], None, params["cell"])
        out = layers.dense_forward(hs[:, -1], params["out"])
        loss, dout = functional.squared_error(out, ys[batch])
        dhs = np.zeros_like(hs)
        dhs[:, -1], d_out = layers.dense_backward(dout, hs[:, -1], params["out"])
        return loss, {"cell": recurrent.rnn_backward(dhs, None, cache, params["cell"])[2],
                      "out": d_out}  # fmt: skip

    return params, gradients


def layers_init(rng):
    from rnncourse.nn import cells

    return cells.rnn_init(rng, 3, 5)


def copy(params):
    return {name: p.copy() for name, p in optim.leaves(params).items()}


BATCHES = [np.array([0, 1, 2]), np.array([3, 4, 5, 6])]


def test_fit_does_what_the_plain_loop_does(task):
    """Same updates, written out: parameters bit-equal, history as measured."""
    params, gradients = task
    start = copy(params)
    history = train.fit(params, gradients, lambda: BATCHES, 3, rate=0.05, clip=0.1)
    fitted = copy(params)
    optim.restore(params, start)
    state, losses, norms = optim.adam_init(params), [], []
    for _ in range(3):
        for batch in BATCHES:
            loss, grads = gradients(batch)
            norms.append(optim.clip_by_norm(grads, 0.1))
            optim.adam_step(params, grads, state, 0.05)
            losses.append(loss)
    for name, p in optim.leaves(params).items():
        np.testing.assert_array_equal(fitted[name], p)
    assert history.norms == norms
    assert history.rates == [0.05] * 6
    np.testing.assert_allclose(history.losses, np.mean(np.reshape(losses, (3, 2)), axis=1))
    assert history.losses[-1] < history.losses[0]


def test_a_schedule_is_asked_with_the_number_of_the_update(task):
    params, gradients = task
    history = train.fit(params, gradients, lambda: BATCHES, 2, rate=lambda u: 0.1 / (u + 1))
    np.testing.assert_allclose(history.rates, [0.1, 0.05, 0.1 / 3, 0.025])


def test_early_stopping_brings_back_the_best_parameters(task):
    """Validation 5, 3, 4, 4.5: patience 2 ends after epoch 3, parameters are those of epoch 1."""
    params, gradients = task
    values, seen = iter([5.0, 3.0, 4.0, 4.5, 1.0]), []

    def validate():
        seen.append(copy(params))
        return next(values)

    history = train.fit(params, gradients, lambda: BATCHES, 9, validate=validate, patience=2)
    assert history.validation == [5.0, 3.0, 4.0, 4.5]
    assert (history.best, history.stopped, len(history.losses)) == (1, True, 4)
    for name, p in optim.leaves(params).items():
        np.testing.assert_array_equal(p, seen[1][name])


def test_without_patience_every_epoch_runs_and_the_best_is_kept(task):
    params, gradients = task
    values = iter([2.0, 3.0, 4.0])
    history = train.fit(params, gradients, lambda: BATCHES, 3, validate=lambda: next(values))
    assert (history.best, history.stopped, len(history.losses)) == (0, False, 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_with_the_parameters_of_the_last_update(task, bad):
    params, gradients = task
    count = iter(range(99))
    before = {}

    def break_at_third(batch):
        loss, grads = gradients(batch)
        before.update(copy(params))
        return (bad if next(count) == 2 else loss), grads

    with pytest.raises(FloatingPointError, match="loss in epoch 1, update 2 is"):
        train.fit(params, break_at_third, lambda: BATCHES, 3)
    for name, p in optim.leaves(params).items():
        np.testing.assert_array_equal(p, before[name])


def test_a_gradient_that_is_not_finite_is_named(task):
    params, gradients = task

    def broken(batch):
        loss, grads = gradients(batch)
        grads["cell"]["W_h"][0, 0] = math.nan
        return loss, grads

    with pytest.raises(FloatingPointError, match=r"\['cell.W_h'\]"):
        train.fit(params, broken, lambda: BATCHES, 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": "adamm"}, "'adamm'; expected one of"),
        ({"epochs": 0}, "epochs = 0"),
        ({"patience": 1}, "patience needs validate"),
        ({"patience": 0, "validate": lambda: 1.0}, "patience = 0"),
        ({"batches": list}, "no batch in epoch 0"),
    ],
)
def test_bad_arguments_are_named(task, options, words):
    arguments = {"batches": lambda: BATCHES, "epochs": 1} | options
    with pytest.raises(ValueError, match=words):
        train.fit(*task, **arguments)


def test_a_plotted_history(task):
    """One line a curve with its values, epochs counted from 1, a mark at the best."""
    from matplotlib import pyplot as plt

    values = iter([2.0, 1.0, 4.0])
    history = train.fit(*task, lambda: BATCHES, 3, validate=lambda: next(values))
    ax = plot.learning_curves(history.curves(), best=history.best, ylabel="nats")
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(
        lines["training"].get_xydata(), np.column_stack([[1, 2, 3], history.losses])
    )
    assert lines["validation"].get_ydata().tolist() == [2, 1, 4]
    assert list(lines["best: 2"].get_xdata()) == [2, 2]
    assert ax.get_ylabel() == "nats"
    plt.close("all")


def test_the_bar_is_one_line_rewritten(task, capsys):
    train.fit(*task, lambda: BATCHES, 2, progress=True)
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert shown.endswith("\n")
    assert "[####################] 2/2 epochs, loss" in shown.rsplit("\r", 1)[1]


def test_the_bar_is_silent_where_nobody_watches(task, capsys, monkeypatch):
    monkeypatch.setenv("RNNCOURSE_PROGRESS", "0")
    assert not _progress.wanted()
    train.fit(*task, lambda: BATCHES, 2)
    assert capsys.readouterr().err == ""


def test_a_line_of_the_bar():
    """By hand: 6 of 10 fill 12 of 20 places; 65 seconds are 1:05."""
    line = _progress.Bar(10, show=False).line(6, "files", 65.4)
    assert line == "[############--------] 6/10 files  1:05"


# --- a model in a file ---------------------------------------------------------

SETTINGS = {"vocabulary": ["我", "a"], "mean": 1.5, "H": 7, "note": None, "codes": {"x": [1, 2]}}


def test_a_model_comes_back_as_it_was_nest_dtypes_and_settings(tmp_path):
    rng = np.random.default_rng(4)
    tree = {"cells": ({"W": rng.standard_normal((3, 2)).astype(np.float32)}, [np.arange(3)]),
            "b.b": rng.standard_normal(()), "none": []}  # fmt: skip
    train.save(tmp_path / "model.npz", tree, **SETTINGS)
    found, settings = train.load(tmp_path / "model.npz")
    assert settings == SETTINGS
    assert found["none"] == []
    assert isinstance(found["cells"], tuple)
    assert isinstance(found["cells"][1], list)
    for name, array in optim.leaves(tree).items():
        np.testing.assert_array_equal(optim.leaves(found)[name], array)
        assert optim.leaves(found)[name].dtype == array.dtype


def test_a_model_that_is_one_array_or_holds_the_name_of_the_entry_comes_back(tmp_path):
    for tree in (np.arange(4.0), {"rnncourse": np.arange(2.0)}):
        train.save(tmp_path / "m.npz", tree)
        found, _ = train.load(tmp_path / "m.npz")
        assert str(found) == str(tree)


@pytest.mark.parametrize("value", [(1, 2), np.arange(2), {1: 2}, {"x": math.nan}, {3}, object()])
def test_a_setting_that_json_would_change_is_refused_by_its_name(tmp_path, value):
    with pytest.raises(TypeError, match="scale is "):
        train.save(tmp_path / "m.npz", {"W": np.ones(2)}, scale=value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_model_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.npz"):
        train.save(tmp_path / "model", {"W": np.ones(2)})
    with pytest.raises(FileNotFoundError):
        train.load(tmp_path / "none.npz")
    path = tmp_path / "other.npz"
    np.savez(path, W=np.ones(2))
    with pytest.raises(ValueError, match=r"other\.npz is no model"):
        train.load(path)
    np.savez(path, rnncourse=np.array([object()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="is no model"):
        train.load(path)
    train.save(path, {"W": np.arange(1000.0)})
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ValueError, match="damaged"):
        train.load(path)


def test_an_interrupted_save_leaves_the_old_model(tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    train.save(path, {"W": np.ones(2)})

    def full_disk(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="no space"):
        train.save(path, {"W": np.zeros(2)})
    np.testing.assert_array_equal(train.load(path)[0]["W"], np.ones(2))
