"""benchmarks/real/_language.py and benchmarks/language_speed.py: three libraries, one model."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from rnncourse import layers, optim

ROOT = Path(__file__).resolve().parent.parent


def load(path, monkeypatch):
    """A script of the benchmarks as a module."""
    for folder in ("benchmarks", "benchmarks/real"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def language(monkeypatch):
    return load("benchmarks/real/_language.py", monkeypatch)


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
    speed = load("benchmarks/language_speed.py", monkeypatch)
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
