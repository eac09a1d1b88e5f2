"""The convolutional LSTM: by hand, by differences, by Keras, and as an LSTM where X = Y = 1."""

import math

import numpy as np
import pytest

from rnncourse.nn import cells, gradcheck, recurrent
from rnncourse.nn.conv_lstm import (
    conv_lstm_backward,
    conv_lstm_forward,
    conv_lstm_init,
    conv_lstm_step,
    conv_lstm_step_backward,
)

N, T, Y, X, C, F, K = 3, 4, 5, 4, 2, 3, 3


def drawn(K=K, dtype=np.float64):
    rng = np.random.default_rng(1)
    params = conv_lstm_init(rng, K, C, F, dtype)
    params["b"] += rng.normal(size=4 * F).astype(dtype)
    xs = rng.normal(size=(N, T, Y, X, C)).astype(dtype)
    state = tuple(rng.normal(size=(N, Y, X, F)).astype(dtype) for _ in range(2))
    return rng, xs, state, params


def sigma(a):
    return 1 / (1 + math.exp(-a))


def test_a_step_by_hand():
    """One row of three pixels, one channel, filters of 3 × 3: the middle row of weights counts."""
    W_x, W_h = (np.zeros((3, 3, 1, 4)) for _ in range(2))
    W_x[1, :, 0, 0] = [1, 2, 0]  # the input gate sees its left neighbour and itself
    W_x[1, 1, 0, 2] = 1
    W_h[1, :, 0, 1] = [0, 0, 3]  # the forget gate sees h at its right neighbour
    params = {"W_x": W_x, "W_h": W_h, "b": np.array([0, -1, 0, 0.5])}
    x, h, c = (np.array(v, float).reshape(1, 1, 3, 1) for v in ([0, 1, 0], [0, 0, 1], [1, 1, 1]))
    (h_new, c_new), _ = conv_lstm_step(x, (h, c), params)
    i = [sigma(0), sigma(2), sigma(1)]
    f = [sigma(-1), sigma(2), sigma(-1)]
    expected = [f[0], f[1] + i[1] * math.tanh(1), f[2]]
    np.testing.assert_allclose(c_new.ravel(), expected, rtol=1e-14)
    np.testing.assert_allclose(h_new.ravel(), [sigma(0.5) * math.tanh(v) for v in expected])


def test_gradients_of_a_step():
    rng, xs, state, params = drawn()
    x = xs[:, 0]
    inputs = {"x": x, "h": state[0], "c": state[1], **params}

    def backward(dh, dc):
        _, cache = conv_lstm_step(x, state, params)
        dx, (dh_prev, dc_prev), grads = conv_lstm_step_backward((dh, dc), cache, params)
        return {"x": dx, "h": dh_prev, "c": dc_prev, **grads}

    gradcheck.check_gradient(
        lambda: conv_lstm_step(x, state, params)[0], backward, inputs, rng, directions=12
    )


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_over_time(masked):
    rng, xs, state, params = drawn()
    mask = None
    if masked:
        mask = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 1, 0]])
    inputs = {"xs": xs, "h": state[0], "c": state[1], **params}

    def forward():
        hs, (h, c), _ = conv_lstm_forward(xs, state, params, mask)
        return hs, h, c

    def backward(dhs, dh, dc):
        cache = conv_lstm_forward(xs, state, params, mask)[2]
        dxs, (dh0, dc0), grads = conv_lstm_backward(dhs, (dh, dc), cache, params)
        return {"xs": dxs, "h": dh0, "c": dc0, **grads}

    gradcheck.check_gradient(forward, backward, inputs, rng, directions=8)


def test_one_pixel_is_the_lstm():
    """On a board of one pixel only the middle weight reads, and that is the plain LSTM."""
    rng = np.random.default_rng(4)
    params = conv_lstm_init(rng, 3, C, F)
    plain = {"W_x": params["W_x"][1, 1], "W_h": params["W_h"][1, 1], "b": params["b"]}
    xs, dhs = rng.normal(size=(N, T, C)), rng.normal(size=(N, T, F))
    state = tuple(rng.normal(size=(N, F)) for _ in range(2))
    tall = tuple(part[:, None, None] for part in state)
    hs, (_, c), cache = conv_lstm_forward(xs[:, :, None, None], tall, params)
    expected, (_, c_plain), plain_cache = recurrent.lstm_forward(xs, state, plain)
    np.testing.assert_allclose(hs[:, :, 0, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(c[:, 0, 0], c_plain, rtol=1e-12)
    dxs, _, grads = conv_lstm_backward(dhs[:, :, None, None], None, cache, params)
    dxs_plain, _, grads_plain = recurrent.lstm_backward(dhs, None, plain_cache, plain)
    np.testing.assert_allclose(dxs[:, :, 0, 0], dxs_plain, rtol=1e-10)
    np.testing.assert_allclose(grads["W_h"][1, 1], grads_plain["W_h"], rtol=1e-10)
    assert (grads["W_x"][0] == 0).all()


@pytest.mark.parametrize("K", [1, 2, 3, 5])
def test_parity_with_keras(K):
    """Forward and backward, from a state that is not zero; even filters too."""
    keras = pytest.importorskip("keras")
    tf = pytest.importorskip("tensorflow")
    rng, xs, state, params = drawn(K)
    dhs = rng.normal(size=(N, T, Y, X, F))
    layer = keras.layers.ConvLSTM2D(F, K, padding="same", return_sequences=True, dtype="float64")
    layer.build(xs.shape)
    layer.set_weights([params["W_x"], params["W_h"], params["b"]])
    first = [tf.constant(part) for part in state]
    with tf.GradientTape() as tape:
        frames = tf.constant(xs)
        tape.watch([frames, *first])
        outputs = layer(frames, initial_state=first)
        loss = tf.reduce_sum(outputs * dhs)
    theirs = tape.gradient(loss, [frames, *first, *layer.trainable_weights])
    hs, _, cache = conv_lstm_forward(xs, state, params)
    dxs, dfirst, grads = conv_lstm_backward(dhs, None, cache, params)
    assert gradcheck.relative_error(np.asarray(outputs), hs) < 1e-8
    ours = [dxs, *dfirst, grads["W_x"], grads["W_h"], grads["b"]]
    for a, b in zip(ours, theirs, strict=True):
        assert gradcheck.relative_error(a, np.asarray(b)) < 1e-8


def test_lost_frames_count_for_nothing():
    """NaN and infinity under the mask; a film without any frame keeps even a NaN state."""
    rng, xs, state, params = drawn()
    mask = np.array([[1, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    clean = conv_lstm_forward(xs, state, params, mask)
    dirty, spoiled = xs.copy(), tuple(part.copy() for part in state)
    dirty[mask == 0] = [np.nan, np.inf]
    for part in spoiled:
        part[2] = np.nan
    hs, last, cache = conv_lstm_forward(dirty, spoiled, params, mask)
    np.testing.assert_array_equal(hs, clean[0])
    for part, given in zip(last, spoiled, strict=True):
        np.testing.assert_array_equal(part[2], given[2])
    assert (hs[mask == 0] == 0).all()
    dhs = rng.normal(size=hs.shape)
    spoiled_dhs = np.where((mask == 1)[..., None, None, None], dhs, np.nan)
    expected = conv_lstm_backward(dhs, None, clean[2], params)
    found = conv_lstm_backward(spoiled_dhs, None, cache, params)
    np.testing.assert_array_equal(found[0], expected[0])
    assert (found[0][mask == 0] == 0).all()
    for name in params:
        np.testing.assert_array_equal(found[2][name], expected[2][name])
    # A lost frame is as if there were none.
    short = conv_lstm_forward(xs[:1, [0, 2]], tuple(p[:1] for p in state), params)
    np.testing.assert_allclose(short[0][0, 1], hs[0, 2], rtol=1e-12)


def test_zeros_and_dtype():
    _, xs, _, params = drawn(dtype=np.float32)
    hs, (h, c), cache = conv_lstm_forward(xs, None, params)
    assert {hs.dtype, h.dtype, c.dtype} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(hs[:, -1], h)
    dxs, dstate, grads = conv_lstm_backward(hs, None, cache, params)
    assert {a.dtype for a in (dxs, *dstate, *grads.values())} == {np.dtype(np.float32)}
    assert params["b"][F : 2 * F].mean() != 0
    fresh = conv_lstm_init(np.random.default_rng(0), 3, 2, 3, forget_bias=2.0)
    assert fresh["b"].tolist() == [0] * 3 + [2] * 3 + [0] * 6
    assert np.abs(fresh["W_x"]).max() <= np.sqrt(6 / (9 * 5))
    assert set(fresh) == set(cells.lstm_init(np.random.default_rng(0), 2, 3))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [({"xs": np.zeros((3, 4, 5, 2))}, ValueError, r"xs has shape \(3, 4, 5, 2\)"),
     ({"xs": np.zeros((3, 4, 5, 4, 1))}, ValueError, "xs .* need 1 channels"),
     ({"xs": np.zeros((3, 4, 5, 4, 2), int)}, TypeError, "xs is int64"),
     ({"state": np.zeros((3, 5, 4, 3))}, ValueError, "state is no pair"),
     ({"state": (np.zeros((1, 5, 4, 3)),) * 2}, ValueError, r"a part of shape \(1, 5, 4, 3\)"),
     ({"mask": np.ones((3, 3))}, ValueError, r"mask has shape \(3, 3\)"),
     ({"mask": np.full((3, 4), 0.5)}, ValueError, "mask holds values")],
)  # fmt: skip
def test_bad_input_is_named(change, error, message):
    _, xs, state, params = drawn()
    good = {"xs": xs, "state": state, "params": params, "mask": None}
    with pytest.raises(error, match=message):
        conv_lstm_forward(**good | change)


def test_bad_params_and_gradients_are_named():
    _, xs, state, params = drawn()
    for name, shape in (("W_x", (3, 2, C, 4 * F)), ("W_h", (3, 3, F, 4 * F + 1)), ("b", (F,))):
        with pytest.raises(ValueError, match=f"{name} has shape"):
            conv_lstm_forward(xs, state, params | {name: np.zeros(shape)})
    hs, _, cache = conv_lstm_forward(xs, state, params)
    with pytest.raises(ValueError, match=r"dhs has shape \(3, 1"):
        conv_lstm_backward(hs[:, :1], None, cache, params)
    with pytest.raises(ValueError, match="dstate has a part"):
        conv_lstm_backward(hs, (hs[:1, 0], hs[:1, 0]), cache, params)
