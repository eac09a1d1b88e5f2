"""benchmarks/real/_language.py and benchmarks/language_speed.py: three libraries, one model."""

from pathlib import Path

import numpy as np
import pytest
from scripts import load

from rnncourse.nn import layers, optim

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def language():
    return load("real/_language.py")


def test_streams_and_chunks_read_every_token_once(language):
    """Each token but a stream's first is a target once, and what does not fit is left out."""
    rows = language.streams(np.arange(23), 3)
    assert rows.tolist() == [list(range(7)), list(range(7, 14)), list(range(14, 21))]
    pieces = list(language.chunks(rows, 4))
    assert [p.shape for p in pieces] == [(3, 5), (3, 3)]
    assert np.hstack([p[:, 1:] for p in pieces]).tolist() == rows[:, 1:].tolist()
    assert (pieces[0][:, -1] == pieces[1][:, 0]).all()


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_the_mean_loss_does_not_depend_on_the_chunks(kind, language):
    """The state is carried from chunk to chunk: 1 step at a time or all at once."""
    rng = np.random.default_rng(0)
    params, ids = language.init(rng, kind, 7, 5, 6, 2), rng.integers(0, 7, 40)
    losses = [language.mean_loss(kind, params, ids, T) for T in (1, 6, 39, 500)]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)
    assert language.perplexity(losses[0]) == pytest.approx(np.exp(losses[0]))


def test_dropout_is_below_between_and_above(language, monkeypatch):
    """Three masks for two layers, and the gradient is that of the thinned network."""
    drawn = []
    real = layers.dropout_forward

    def spy(xs, rate, rng):
        drawn.append(xs.shape)
        return real(xs, rate, rng)

    monkeypatch.setattr(layers, "dropout_forward", spy)
    params = language.init(np.random.default_rng(0), "gru", 7, 5, 6, 2)
    for p in optim.leaves(params).values():
        p *= 3  # far enough from zero for a difference in float32
    ids = np.random.default_rng(1).integers(0, 7, (4, 9))

    def loss():
        return language.loss_and_gradients("gru", params, ids, None, 0.4, np.random.default_rng(2))

    _, grads, _ = loss()
    assert drawn == [(4, 8, 5), (4, 8, 6), (4, 8, 6)]
    for name, g in optim.leaves(grads).items():
        p = optim.leaves(params)[name]
        place = np.unravel_index(np.abs(g).argmax(), g.shape)
        p[place] += 0.01
        up = loss()[0]
        p[place] -= 0.02
        down = loss()[0]
        p[place] += 0.01
        assert (up - down) / 0.02 == pytest.approx(g[place], rel=0.01), name


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
def test_three_libraries_make_the_same_updates(kind, monkeypatch):
    """Five updates with a clipped gradient: the losses agree, so the work that is timed does.

    GRU is left out: the libraries' second bias of two gates learns beside the first.
    """
    speed = load("language_speed.py")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(speed, "CLIP", 0.05)
    monkeypatch.setattr(speed, "RATE", 0.01)
    monkeypatch.setitem(speed.CASES, "small", (kind, 3, 7, 11, 5, 6, 2))
    losses = {}
    for library in ("numpy", "torch"):
        update = speed.build(library, "small")
        losses[library] = [update() for _ in range(5)]
    update = speed.keras_update(kind, *speed.make(*speed.CASES["small"]), jit=False)
    losses["keras"] = [update() for _ in range(5)]
    np.testing.assert_allclose(losses["torch"], losses["numpy"], rtol=1e-4)
    np.testing.assert_allclose(losses["keras"], losses["numpy"], rtol=1e-4)
    assert losses["numpy"][-1] < losses["numpy"][0] - 0.05


# --- the runs: The Time Machine on d2l's split, the Penn Treebank ---------------------------------


@pytest.fixture
def machine(monkeypatch):
    """The script with a text in which two letters say the third, and a small network."""
    script = load("real/time_machine.py")
    first = np.random.default_rng(0).integers(0, 9, 15_100)
    text = np.concatenate([first[:2], np.zeros(15_098, np.int64)])
    for t in range(2, len(text)):
        text[t] = (text[t - 1] + text[t - 2]) % 9 if t % 97 else first[t]
    monkeypatch.setattr(script, "read", lambda: text)
    script.ngram.cache_clear()
    small = script.Setting("lstm", 1, 48, 0.0, 0.02, 200, 16)
    monkeypatch.setitem(script.NETWORKS, "small", small)
    return script


def test_the_split_is_that_of_d2l(machine):
    """10,000 windows and the next 5,000; what chooses when to stop was not read before."""
    parts, text = machine.parts(), machine.read()
    assert {name: len(rows) for name, rows in parts.items()} == {
        "train": 10_000, "shorter": 9_000, "held out": 968, "valid": 5_000,
    }  # fmt: skip
    assert (parts["train"][-1] == text[9_999:10_032]).all()
    assert (parts["valid"][0] == text[10_000:10_033]).all()
    assert (parts["shorter"][-1] == text[8_999:9_032]).all()
    assert (parts["held out"][0] == text[9_032:9_065]).all()
    assert (parts["held out"][-1] == text[9_999:10_032]).all()


def test_d2l_takes_the_mean_over_batches(machine):
    """1,024 windows of perplexity 2 and one window of perplexity 4: their mean is 3."""
    log_p = -np.log(np.vstack([np.full((1024, 5), 2.0), np.full((1, 5), 4.0)]))
    assert machine.d2l(log_p) == pytest.approx(3)


def test_noise_changes_what_is_read_alone(machine):
    rows = machine.parts()["train"]
    batch, inputs = machine.batches(rows, np.random.default_rng(0))
    places = {tuple(row) for row in rows}
    assert all(tuple(row) in places for row in batch)
    assert 0.01 < (inputs != batch[:, :-1]).mean() < 0.09


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_both_libraries_learn_a_rule(library, machine, monkeypatch):
    """The sum of two letters is learnt; the run's own stop is among the checked updates."""
    monkeypatch.setattr(machine, "VALID", 300)
    stop = {"updates": 200, "share": 1.0}
    found = machine.measure(library, "small", 0, stop)
    assert found["perplexity"] == pytest.approx(found["with 4-gram"])
    assert found["perplexity"] < 4  # nine letters; the first of each window is a guess


def test_when_to_stop_is_chosen_on_the_held_out_part(machine, monkeypatch):
    """Another validation text changes nothing in the choice."""
    monkeypatch.setitem(machine.NETWORKS, "small", machine.Setting("rnn", 1, 8, 0, 0.02, 100, 4))
    before = machine.choose("small")
    text = machine.read().copy()
    text[10_032:] = 0
    monkeypatch.setattr(machine, "read", lambda: text)
    machine.ngram.cache_clear()
    assert machine.choose("small") == before
    assert before["updates"] in (50, 100)


def test_ptb_goes_on_where_it_was(monkeypatch, tmp_path):
    """Two epochs in two processes are the same as in one: the weights are kept between them."""
    ptb = load("real/ptb.py")
    ids = np.arange(900) * 5 % 12
    monkeypatch.setattr(ptb, "read", lambda: ({"train": ids, "valid": ids[:99]}, 12))
    monkeypatch.setattr(ptb, "KEPT", tmp_path / "weights.npz")
    monkeypatch.setattr(ptb, "H", 6)
    first = [ptb.epoch(0), ptb.epoch(1)]
    again = ptb.epoch(0), ptb.epoch(1)
    for a, b in zip(first, again, strict=True):
        assert (a["train"], a["valid"]) == (b["train"], b["valid"])
    assert first[1]["train"] < first[0]["train"]
    assert first[0]["rate"] == 1
    assert ptb.epoch(5)["rate"] == 0.25  # halved after the fourth epoch, again after the fifth
