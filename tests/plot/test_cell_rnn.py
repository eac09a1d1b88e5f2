"""The drawing of the simple recurrent cell shows the step's own numbers, legibly."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from rnncourse import plot
from rnncourse.nn import cells


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def step(D=1, H=2, seed=0):
    """Cache and parameters of one step of two sequences, no number zero."""
    rng = np.random.default_rng(seed)
    params = {"W_x": rng.normal(size=(D, H)), "W_h": rng.normal(size=(H, H)),
              "b": rng.normal(size=H)}  # fmt: skip
    cache = cells.rnn_step(rng.normal(size=(2, D)), rng.normal(size=(2, H)), params)[1]
    return cache, params


def words(values):
    return f"({values[0]:.3f}, {values[1]:.3f})"


@pytest.mark.parametrize("row", [0, 1])
def test_rnn_tracks_show_the_numbers_of_the_step(row):
    """Input, memories, bias and the two products, each once, and every symbol."""
    cache, params = step()
    ax = plot.rnn_tracks(cache, params, row=row, digits=3)
    x, h_prev, h = cache.x[row], cache.h_prev[row], cache.h[row]
    products = h_prev @ params["W_h"], x @ params["W_x"]
    np.testing.assert_allclose(np.tanh(sum(products) + params["b"]), h)  # what is drawn adds up
    expected = [words(v) for v in (h_prev, h, params["b"], *products)] + [f"{x[0]:.3f}"]
    symbols = ["h_{t-1}", "x_t", "W_h", "b", "W_x", r"\tanh", "h_t", "a_t"]
    expected += [f"${symbol}$" for symbol in symbols] + ["+", "next step"]
    assert sorted(t.get_text() for t in ax.texts if t.get_text()) == sorted(expected)


def test_rnn_tracks_fit_a_phone():
    """At most 5.5 inches wide; texts stand apart and inside, with the longest numbers too."""
    cache, params = step(D=2)
    cache = cache._replace(h_prev=-np.ones((2, 2)), x=-np.ones((2, 2)))
    params |= {"W_x": np.full((2, 2), 0.5), "W_h": np.full((2, 2), 0.5), "b": -np.ones(2)}
    ax = plot.rnn_tracks(cache, params)
    figure = ax.figure
    assert figure.get_size_inches()[0] <= 5.5
    figure.canvas.draw()
    spans = [t.get_window_extent() for t in ax.texts if t.get_text()]
    for k, a in enumerate(spans):
        assert figure.bbox.x0 <= a.x0
        assert a.x1 <= figure.bbox.x1
        assert not any(a.overlaps(b) for b in spans[k + 1 :])


def test_rnn_tracks_draw_no_negative_zero():
    """What rounds to zero has no sign."""
    cache, params = step()
    ax = plot.rnn_tracks(cache, params | {"b": np.array([-0.001, -0.0])})
    assert "(0.00, 0.00)" in [t.get_text() for t in ax.texts]


@pytest.mark.parametrize(("D", "H"), [(3, 1), (1, 3)])
def test_rnn_tracks_refuse_what_does_not_fit(D, H):
    with pytest.raises(ValueError, match=rf"D = {D}, H = {H}; expected at most 2"):
        plot.rnn_tracks(*step(D, H))


def test_rnn_tracks_name_a_row_that_is_not_there():
    with pytest.raises(IndexError):
        plot.rnn_tracks(*step(), row=2)
