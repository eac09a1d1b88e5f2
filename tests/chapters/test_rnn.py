"""The simple recurrent cell: hand values, finite differences, layers.

test_interop.py compares it with PyTorch and Keras.
"""

import functools
import math

import numpy as np
import pytest

from rnncourse.nn import cells, layers, recurrent
from rnncourse.nn.gradcheck import GradientMismatch, check_gradient, relative_error

SIZES = [(3, 5, 4, 2), (1, 1, 1, 1), (2, 7, 1, 5)]  # (N, T, D, H)
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1], [1, 0, 1, 0, 1]])


def make(sizes, seed=0, dtype=np.float64):
    """Random asymmetric inputs, first state, parameters (bias too), upstream gradients."""
    rng = np.random.default_rng(seed)
    N, T, D, H = sizes
    params = {
        name: rng.standard_normal(p.shape).astype(dtype) * 0.7
        for name, p in cells.rnn_init(rng, D, H).items()
    }
    draw = [rng.standard_normal(s).astype(dtype) for s in [(N, T, D), (N, H), (N, T, H), (N, H)]]
    return (*draw, params)


def both(name, xs, h0, dhs, dh, params, mask=None):
    """Forward and backward by cells or by layers, everything in one dict."""
    if name == "cells":
        hs, h, cache = cells.unroll(cells.rnn_step, xs, h0, params, mask)
        dxs, dh0, grads = cells.unroll_backward(cells.rnn_step_backward, dhs, dh, cache, params)
    else:
        hs, h, cache = recurrent.rnn_forward(xs, h0, params, mask)
        dxs, dh0, grads = recurrent.rnn_backward(dhs, dh, cache, params)
    return {"hs": hs, "h": h, "dxs": dxs, "dh0": dh0, **grads}


def assert_equal(a, b, tolerance):
    for name in a:
        assert relative_error(a[name], np.asarray(b[name])) < tolerance, name


def test_step_by_plain_floats():
    """eq-rnn-step written out with Python floats, no arrays, at random points."""
    xs, h0, _, _, params = make((3, 1, 4, 2))
    h, _ = cells.rnn_step(xs[:, 0], h0, params)
    for n in range(3):
        for j in range(2):
            a = float(params["b"][j])
            a += sum(float(xs[n, 0, d]) * float(params["W_x"][d, j]) for d in range(4))
            a += sum(float(h0[n, k]) * float(params["W_h"][k, j]) for k in range(2))
            assert math.isclose(h[n, j], math.tanh(a), rel_tol=1e-13)


TWO_UNITS = {
    "W_x": np.array([[0.5, -1.0]]),
    "W_h": np.array([[0.0, 1.0], [-0.5, 0.0]]),
    "b": np.zeros(2),
}


def test_two_units_by_hand():
    """The two-unit cell of the chapter: a = (0.5, -1), then h_1 with its numbers exchanged."""
    xs, h0 = np.array([[[1.0], [0.0]]]), np.zeros((1, 2))
    hs, _, _ = cells.unroll(cells.rnn_step, xs, h0, TWO_UNITS)
    h1 = (math.tanh(0.5), math.tanh(-1.0))
    h2 = (math.tanh(-0.5 * h1[1]), math.tanh(h1[0]))
    np.testing.assert_allclose(hs[0], [h1, h2], rtol=1e-15)


def test_the_gradient_of_two_units_by_hand():
    """The chapter's worked number: dh = (1, 0) goes back to (0, -0.5 (1 - tanh² 0.381))."""
    h1 = np.tanh([[0.5, -1.0]])
    _, cache = cells.rnn_step(np.zeros((1, 1)), h1, TWO_UNITS)
    _, dh_prev, _ = cells.rnn_step_backward(np.array([[1.0, 0.0]]), cache, TWO_UNITS)
    slope = 1 - math.tanh(0.5 * math.tanh(1.0)) ** 2
    np.testing.assert_allclose(dh_prev, [[0.0, -0.5 * slope]], rtol=1e-15)
    np.testing.assert_allclose(dh_prev, [[0.0, -0.434]], atol=5e-4)  # as printed


@pytest.mark.parametrize("sizes", SIZES)
def test_step_backward_against_central_differences(sizes):
    """Every gradient of one step, random upstream gradient."""
    xs, h0, _, _, params = make(sizes)
    x = xs[:, 0].copy()

    def backward(dh):
        _, cache = cells.rnn_step(x, h0, params)
        dx, dh_prev, grads = cells.rnn_step_backward(dh, cache, params)
        return {"x": dx, "h_prev": dh_prev, **grads}

    inputs = {"x": x, "h_prev": h0, **params}
    check_gradient(
        lambda: cells.rnn_step(x, h0, params)[0], backward, inputs, np.random.default_rng(1)
    )


@pytest.mark.parametrize("mask", [None, MASK], ids=["no mask", "mask"])
@pytest.mark.parametrize("name", ["cells", "layers"])
def test_sequence_backward_against_central_differences(name, mask):
    """Every gradient through time, with gradients arriving at outputs and at the last state."""
    xs, h0, _, _, params = make(SIZES[0])

    def forward():
        if name == "cells":
            return cells.unroll(cells.rnn_step, xs, h0, params, mask)[:2]
        return recurrent.rnn_forward(xs, h0, params, mask)[:2]

    def backward(dhs, dh):
        out = both(name, xs, h0, dhs, dh, params, mask)
        return {"xs": out["dxs"], "h0": out["dh0"], **{k: out[k] for k in params}}

    check_gradient(forward, backward, {"xs": xs, "h0": h0, **params}, np.random.default_rng(1))


def test_a_planted_error_fails_the_check():
    """Dropping the tanh slope, or W_h's transpose, does not get past the check above."""
    xs, h0, _, _, params = make((3, 1, 4, 2))
    x = xs[:, 0].copy()
    for wrong in (lambda da, h: da, lambda da, h: da * (1 - h)):

        def backward(dh, wrong=wrong):
            h, _ = cells.rnn_step(x, h0, params)
            return {"x": wrong(dh, h) @ params["W_x"].T}

        with pytest.raises(GradientMismatch):
            check_gradient(
                lambda: cells.rnn_step(x, h0, params)[0],
                backward,
                {"x": x},
                np.random.default_rng(1),
            )


@pytest.mark.parametrize("sizes", SIZES)
def test_layers_equal_cells(sizes):
    """Forward and backward of whole sequences, to 1e-10."""
    args = make(sizes)
    assert_equal(both("layers", *args), both("cells", *args), 1e-10)


def test_layers_equal_cells_with_mask():
    """Masks at the end, at the start and in the middle of a row."""
    args = make(SIZES[0])
    assert_equal(both("layers", *args, MASK), both("cells", *args, MASK), 1e-10)


def test_no_state_means_zeros():
    """layers: state None and a zero state are the same; likewise for the last gradient."""
    xs, h0, dhs, _dh, params = make(SIZES[0])
    zero = np.zeros_like(h0)
    assert_equal(
        both("layers", xs, None, dhs, None, params),
        both("layers", xs, zero, dhs, zero, params),
        1e-15,
    )


def test_a_padded_batch_gives_what_each_sequence_gives_alone():
    """Where the mask is 0 nothing changes: states, outputs and gradients of each row."""
    xs, h0, dhs, dh, params = make(SIZES[0])
    lengths = [5, 2, 3]
    mask = np.arange(5) < np.array(lengths)[:, None]
    batch = both("layers", xs, h0, dhs, dh, params, mask)
    total = {name: np.zeros_like(p) for name, p in params.items()}
    for n, length in enumerate(lengths):
        one = (slice(n, n + 1), slice(length))
        alone = both("cells", xs[one], h0[n : n + 1], dhs[one], dh[n : n + 1], params)
        for name, expected in [("hs", alone["hs"]), ("dxs", alone["dxs"])]:
            np.testing.assert_allclose(batch[name][one], expected, atol=1e-14)
            assert (batch[name][n, length:] == 0).all()
        np.testing.assert_allclose(batch["h"][n], alone["h"][0], atol=1e-14)
        np.testing.assert_allclose(batch["dh0"][n], alone["dh0"][0], atol=1e-14)
        for name in total:
            total[name] += alone[name]
    assert_equal(total, {name: batch[name] for name in total}, 1e-12)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"xs": np.zeros((3, 4))}, ValueError, r"xs has shape \(3, 4\).*\(N, T, D\)"),
        ({"xs": np.zeros((3, 0, 4))}, ValueError, "at least one step"),
        ({"xs": np.zeros((3, 5, 6))}, ValueError, r"W_x.*\(4, 2\).*D = 6"),
        ({"xs": np.zeros((3, 5, 4), int)}, TypeError, "xs is int64; expected floats"),
        ({"xs": [[[1.0]]]}, TypeError, "xs is list"),
        ({"state": np.zeros((3, 4))}, ValueError, r"state has shape \(3, 4\).*need \(3, 2\)"),
        ({"state": np.zeros((1, 2))}, ValueError, r"state has shape \(1, 2\).*need \(3, 2\)"),
        ({"state": np.zeros((3, 2), int)}, TypeError, "state is int64"),
        ({"mask": np.ones((5, 3))}, ValueError, r"mask has shape \(5, 3\).*\(3, 5\)"),
        ({"mask": np.full((3, 5), 2)}, ValueError, "other than 0 and 1"),
        ({"b": np.zeros(3)}, ValueError, r"b has shape \(3,\)"),
        ({"W_h": np.zeros((2, 3))}, ValueError, r"W_h has shape \(2, 3\)"),
        ({"W_x": np.zeros((4, 2), int)}, TypeError, "W_x is int64"),
    ],
)
@pytest.mark.parametrize("name", ["cells", "layers"])
def test_bad_input_is_named(name, change, error, words):
    """Wrong shapes and dtypes: the message names the argument, found and expected."""
    xs, h0, _, _, params = make(SIZES[0])
    call = {"xs": xs, "state": h0, "mask": None} | {
        k: v for k, v in change.items() if k in ("xs", "state", "mask")
    }
    params |= {k: v for k, v in change.items() if k in params}
    forward = recurrent.rnn_forward
    if name == "cells":
        forward = functools.partial(cells.unroll, cells.rnn_step)
    with pytest.raises(error, match=words):
        forward(call["xs"], call["state"], params, call["mask"])


@pytest.mark.parametrize("name", ["cells", "layers"])
def test_bad_upstream_gradient_is_named(name):
    """An upstream gradient that would broadcast raises instead."""
    xs, h0, dhs, dh, params = make(SIZES[0])
    with pytest.raises(ValueError, match=r"doutputs has shape \(1, 5, 2\)"):
        both(name, xs, h0, dhs[:1], dh, params)
    with pytest.raises(ValueError, match=r"dstate has shape \(1, 2\)"):
        both(name, xs, h0, dhs, dh[:1], params)


def test_xavier_variance():
    """The variance of the weights is 2/(rows + columns) within 2 %; sizes below 1 raise."""
    params = cells.rnn_init(np.random.default_rng(0), 300, 200)
    assert abs(params["W_x"].var() / (2 / 500) - 1) < 0.02
    assert abs(params["W_h"].var() / (2 / 400) - 1) < 0.02
    assert (params["b"] == 0).all()
    with pytest.raises(ValueError, match="H is 0"):
        cells.rnn_init(np.random.default_rng(0), 3, 0)


def test_dense_against_central_differences_and_bad_input():
    """y = h W_y + b_y over two leading axes; wrong shapes are named."""
    rng = np.random.default_rng(2)
    params = layers.dense_init(rng, 3, 5)
    params["b_y"] += rng.standard_normal(5)
    hs = rng.standard_normal((2, 4, 3))

    def backward(dys):
        dhs, grads = layers.dense_backward(dys, hs, params)
        return {"hs": dhs, **grads}

    check_gradient(lambda: layers.dense_forward(hs, params), backward, {"hs": hs, **params}, rng)
    with pytest.raises(ValueError, match=r"hs has shape \(2, 4\)"):
        layers.dense_forward(np.zeros((2, 4)), params)
    with pytest.raises(ValueError, match=r"dys has shape \(2, 4, 4\).*\(2, 4, 5\)"):
        layers.dense_backward(np.zeros((2, 4, 4)), hs, params)
