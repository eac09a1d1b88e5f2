"""Through time: prefixes, carried state, the unrolled graph, the generated temperatures."""

import itertools

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from rnncourse import data, plot
from rnncourse.nn import cells, recurrent
from rnncourse.nn.gradcheck import relative_error

SIZES = [(3, 7, 4, 5), (1, 2, 1, 1), (5, 9, 2, 3)]  # (N, T, D, H)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def make(sizes, masked):
    """Inputs, first state, upstream gradients, parameters (bias too) and a mask with holes."""
    N, T, D, H = sizes
    rng = np.random.default_rng(T)
    shapes = [(N, T, D), (N, H), (N, T, H), (N, H)]
    params = {"W_x": (D, H), "W_h": (H, H), "b": (H,)}
    params = {name: 0.6 * rng.standard_normal(shape) for name, shape in params.items()}
    mask = rng.integers(0, 2, (N, T)) if masked else None
    return (*(rng.standard_normal(shape) for shape in shapes), params, mask)


def forward(name, xs, state, params, mask):
    if name == "cells":
        return cells.unroll(cells.rnn_step, xs, state, params, mask)
    return recurrent.rnn_forward(xs, state, params, mask)


def backward(name, dhs, dstate, cache, params):
    if name == "cells":
        return cells.unroll_backward(cells.rnn_step_backward, dhs, dstate, cache, params)
    return recurrent.rnn_backward(dhs, dstate, cache, params)


def in_pieces(name, cuts, xs, h0, dhs, dh, params, mask):
    """Forward in pieces with carried state, backward with the state's gradient handed back."""
    edges = [0, *cuts, xs.shape[1]]
    spans = [slice(a, b) for a, b in itertools.pairwise(edges)]
    part = [None if mask is None else mask[:, span] for span in spans]
    state, hs, caches = h0, [], []
    for span, m in zip(spans, part, strict=True):
        outputs, state, cache = forward(name, xs[:, span], state, params, m)
        hs.append(outputs)
        caches.append(cache)
    last, dxs, grads = state, [], {k: np.zeros_like(p) for k, p in params.items()}
    for span, cache in zip(spans[::-1], caches[::-1], strict=True):
        dx, dh, shares = backward(name, dhs[:, span], dh, cache, params)
        dxs.insert(0, dx)
        grads = {k: grads[k] + shares[k] for k in grads}
    return {"hs": np.concatenate(hs, 1), "last": last, "dxs": np.concatenate(dxs, 1),
            "dh0": dh, **grads}  # fmt: skip


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["cells", "layers"])
@pytest.mark.parametrize("sizes", SIZES)
def test_outputs_of_a_prefix_are_the_prefix_of_the_outputs(sizes, name, masked):
    """eq-unfolding-prefix, for every length."""
    xs, h0, _, _, params, mask = make(sizes, masked)
    hs = forward(name, xs, h0, params, mask)[0]
    for t in range(1, xs.shape[1] + 1):
        m = None if mask is None else mask[:, :t]
        assert relative_error(forward(name, xs[:, :t], h0, params, m)[0], hs[:, :t]) < 1e-12


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["cells", "layers"])
@pytest.mark.parametrize("sizes", SIZES)
def test_pieces_with_carried_state_equal_the_whole(sizes, name, masked):
    """eq-unfolding-halves forward and backward: two pieces at every cut, and single steps."""
    args = make(sizes, masked)
    T = sizes[1]
    whole = in_pieces(name, [], *args)
    for cuts in [*([m] for m in range(1, T)), list(range(1, T))]:
        pieces = in_pieces(name, cuts, *args)
        for key, expected in whole.items():
            assert relative_error(pieces[key], expected) < 1e-10, (cuts, key)


def test_a_state_that_is_not_carried_is_noticed():
    """Planted error: the comparison above fails when the second piece starts from zero."""
    xs, h0, *_, params, _ = make(SIZES[0], masked=False)
    whole = recurrent.rnn_forward(xs, h0, params)[0]
    restarted = recurrent.rnn_forward(xs[:, 3:], None, params)[0]
    assert relative_error(restarted, whole[:, 3:]) > 1e-2


def test_shares_of_the_steps_add_up():
    """eq-unfolding-sum: each step's rnn_step_backward gives its share of the gradient."""
    xs, h0, dhs, dh, params, _ = make(SIZES[0], masked=False)
    _, _, cache = forward("cells", xs, h0, params, None)
    _, _, grads = backward("layers", dhs, dh, forward("layers", xs, h0, params, None)[2], params)
    total = {k: np.zeros_like(p) for k, p in params.items()}
    for t in reversed(range(xs.shape[1])):
        _, dh, shares = cells.rnn_step_backward(dh + dhs[:, t], cache.steps[t], params)
        total = {k: total[k] + shares[k] for k in total}
    for k, expected in grads.items():
        assert relative_error(total[k], expected) < 1e-12, k


# ---- plot.unrolled_graph ------------------------------------------------------


def boxes(ax):
    """(x, y) of each box's centre → the numbers written there."""
    centres = {tuple(np.round(p.get_center(), 6)) for p in ax.patches if isinstance(p, Rectangle)}
    texts = {tuple(np.round(t.get_position(), 6)): t.get_text() for t in ax.texts}
    return {centre: texts[centre] for centre in centres}


def arrows(ax):
    """(tail, head) of each arrow."""
    return [(t.xyann, t.xy) for t in ax.texts if hasattr(t, "xyann")]


def test_graph_shows_each_value_and_each_edge():
    """Memories left to right above inputs; T arrows up and T along; both weights named T times."""
    xs = np.array([[1.0, -2.0], [3.0, 4.0], [5.0, 6.0]])
    hs = np.arange(4.0)[:, None] / 4
    ax = plot.unrolled_graph(xs, hs)
    found = sorted(boxes(ax).items(), key=lambda item: (-item[0][1], item[0][0]))
    assert [text for _, text in found] == ["0.00", "0.25", "0.50", "0.75",
                                          "1.00\n-2.00", "3.00\n4.00", "5.00\n6.00"]  # fmt: skip
    memory_x = [x for (x, _), _ in found[:4]]
    assert [x for (x, _), _ in found[4:]] == memory_x[1:]  # x_1 stands below h_1
    up = [(a, b) for a, b in arrows(ax) if a[0] == b[0]]
    along = [(a, b) for a, b in arrows(ax) if a[1] == b[1]]
    assert (len(up), len(along)) == (3, 3)
    assert all(b[1] > a[1] for a, b in up)
    assert all(b[0] > a[0] for a, b in along)
    words = [t.get_text() for t in ax.texts]
    assert words.count("$W_x$") == words.count("$W_h$") == 3
    assert {"$x_1$", "$x_3$", "$h_0$", "$h_3$"} <= set(words)


def test_graph_edges_carry_the_texts_of_their_step():
    """Each x_edge stands beside its own input's arrow, each h_edge above the arrow into h_t."""
    xs, hs = np.zeros((3, 1)), np.zeros((4, 1))
    ax = plot.unrolled_graph(
        xs, hs, names=("dx", "dh"), x_edges="abc", h_edges="def", backward=True
    )
    at = {t.get_text(): t.get_position() for t in ax.texts}
    for t, (below, above) in enumerate(zip("abc", "def", strict=True), start=1):
        column, before = at[f"$dx_{t}$"][0], at[f"$dh_{t - 1}$"][0]
        assert column < at[below][0] < column + 0.2
        assert before < at[above][0] < column
    styles = {t.arrow_patch.get_linestyle() for t in ax.texts if hasattr(t, "xyann")}
    assert styles == {"--"}


@pytest.mark.parametrize("T", [1, 3, plot.MAX_GRAPH_STEPS])
def test_graph_fits_a_phone_and_nothing_overlaps(T):
    """At most 5.5 inches wide; no text touches another or leaves the figure."""
    ax = plot.unrolled_graph(-np.ones((T, 2)), -np.ones((T + 1, 3)))
    figure = ax.figure
    assert figure.get_size_inches()[0] <= 5.5
    figure.canvas.draw()
    spans = [t.get_window_extent() for t in ax.texts if t.get_text()]
    for i, a in enumerate(spans):
        assert figure.bbox.x0 <= a.x0
        assert a.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= a.y0
        assert a.y1 <= figure.bbox.y1
        assert not any(a.overlaps(b) for b in spans[i + 1 :])


@pytest.mark.parametrize(
    ("xs", "hs", "options", "message"),
    [
        ((3, 1), (3, 1), {}, r"\(3, 1\), hs \(3, 1\)"),
        ((3,), (4, 1), {}, r"\(3,\)"),
        ((0, 1), (1, 1), {}, "0 steps"),
        ((6, 1), (7, 1), {}, "6 steps"),
        ((3, 1), (4, 1), {"x_edges": ["a"]}, "1 x_edges"),
        ((3, 1), (4, 1), {"h_edges": ["a"] * 4}, "4 h_edges"),
    ],
)
def test_graph_refuses_what_does_not_fit(xs, hs, options, message):
    with pytest.raises(ValueError, match=message):
        plot.unrolled_graph(np.zeros(xs), np.zeros(hs), **options)


# ---- data ----------------------------------------------------------------------


def test_made_up_temperatures_are_what_they_say():
    """Season, carry-over 0.7 and surprise 2.5 °C, recovered from a long series."""
    days = 60_000
    series = data.load("made_up_temperatures", rng=np.random.default_rng(0), days=days)
    assert series.shape == (days,)
    year = 2 * np.pi * np.arange(days) / 365.25
    weather = series - (12 - 10 * np.cos(year))
    assert abs(weather.mean()) < 0.1
    carry = weather[1:] @ weather[:-1] / (weather[:-1] @ weather[:-1])
    assert abs(carry - 0.7) < 0.01
    assert abs((weather[1:] - 0.7 * weather[:-1]).std() - 2.5) < 0.03


def test_made_up_temperatures_start_as_variable_as_they_go_on():
    """The first day's weather has the standard deviation of any later day's."""
    firsts = [data.load("made_up_temperatures", rng=np.random.default_rng(s), days=1)[0]
              for s in range(3000)]  # fmt: skip
    assert abs(np.std(firsts) - 2.5 / np.sqrt(1 - 0.7**2)) < 0.15


def test_made_up_temperatures_refuses_no_days():
    with pytest.raises(ValueError, match="days = 0"):
        data.load("made_up_temperatures", rng=np.random.default_rng(0), days=0)
