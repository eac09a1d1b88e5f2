r"""One step of a recurrent cell, its backward step, and the loop over time.

Written to be read beside the equations of the book. The fast versions for
whole sequences are in :mod:`rnncourse.nn.recurrent` and are tested equal to these.

N batch, T time, D input, H hidden. Arrays are batch-first and vectors are
rows, so that ``x @ W_x + h_prev @ W_h + b`` is the equation itself.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts
from rnncourse._types import Array, Params, State
from rnncourse.nn import _shapes
from rnncourse.nn._shapes import check_form, check_sequence, check_upstream
from rnncourse.nn.functional import sigmoid, sigmoid_derivative, tanh_derivative
from rnncourse.nn.initializers import xavier_uniform

# In which order a cell's gates lie side by side in W_x, W_h and b, each H columns wide.
LSTM_GATES = ("i", "f", "g", "o")
GRU_GATES = ("r", "z", "n")


# --- the simple recurrent cell ----------------------------------------------


class RNNCache(NamedTuple):
    """What ``rnn_step_backward`` reads."""

    x: Array  # (N, D)
    h_prev: Array  # (N, H)
    h: Array  # (N, H)


def rnn_init(rng: np.random.Generator, D: int, H: int, dtype: DTypeLike = np.float64) -> Params:
    """Parameters of a simple recurrent cell: Xavier-uniform weights, zero bias.

    Returns ``{"W_x": (D, H), "W_h": (H, H), "b": (H,)}``.
    Source: Glorot and Bengio (2010), equation 16. Raises ValueError for sizes below 1.
    """
    check_counts(D=D, H=H)
    return {
        "W_x": xavier_uniform(rng, D, H, dtype),
        "W_h": xavier_uniform(rng, H, H, dtype),
        "b": np.zeros(H, dtype),
    }


def rnn_step(x: Array, h_prev: Array, params: Params) -> tuple[Array, RNNCache]:
    r"""One step of the simple recurrent cell (eq-rnn-step).

    .. math:: h_t = \tanh(x_t W_x + h_{t-1} W_h + b)

    Args:
        x: (N, D) input of this step.
        h_prev: (N, H) memory after the step before.
        params: ``W_x`` (D, H), ``W_h`` (H, H), ``b`` (H,).

    Returns:
        h (N, H), the new memory, and the cache for the backward step.

    Source: Elman (1990). Shapes are checked by :func:`unroll`.
    """
    W_x, W_h, b = params["W_x"], params["W_h"], params["b"]
    h = np.tanh(x @ W_x + h_prev @ W_h + b)
    return h, RNNCache(x, h_prev, h)


def rnn_step_backward(dh: Array, cache: RNNCache, params: Params) -> tuple[Array, Array, Params]:
    r"""Gradients through one step, given dh = ∂L/∂h_t (eq-rnn-da to eq-rnn-dx).

    Args:
        dh: (N, H) gradient of the loss with respect to the new memory.
        cache: from :func:`rnn_step`.
        params: the same as in the forward step.

    Returns:
        dx (N, D), dh_prev (N, H), and the gradients of ``W_x``, ``W_h``, ``b``
        in a dict with the shapes of ``params``.
    """
    x, h_prev, h = cache
    da = dh * (1 - h**2)
    grads = {"W_x": x.T @ da, "W_h": h_prev.T @ da, "b": da.sum(axis=0)}
    dh_prev = da @ params["W_h"].T
    dx = da @ params["W_x"].T
    return dx, dh_prev, grads


# --- long short-term memory ----------------------------------------------------


class LSTMCache(NamedTuple):
    """What ``lstm_step_backward`` reads; all but x are (N, H)."""

    x: Array  # (N, D)
    h_prev: Array
    c_prev: Array
    i: Array
    f: Array
    g: Array
    o: Array
    tanh_c: Array


def lstm_init(
    rng: np.random.Generator,
    D: int,
    H: int,
    dtype: DTypeLike = np.float64,
    forget_bias: float = 1.0,
) -> Params:
    """Parameters of an LSTM cell: Xavier-uniform weights gate by gate, zero bias but f's.

    Returns ``{"W_x": (D, 4H), "W_h": (H, 4H), "b": (4H,)}``, columns in the order
    ``LSTM_GATES``. Raises ValueError for sizes below 1.
    Source: Gers et al. (2000) for the forget gate, Jozefowicz et al. (2015) for its bias.
    """
    params = _gated_init(rng, D, H, len(LSTM_GATES), dtype)
    f = LSTM_GATES.index("f")
    params["b"][f * H : (f + 1) * H] = forget_bias
    return params


def lstm_step(
    x: Array, state: tuple[Array, Array], params: Params
) -> tuple[tuple[Array, Array], LSTMCache]:
    r"""One step of the LSTM cell (eq-lstm-forget to eq-lstm-state).

    .. math::
        f_t &= \sigma(x_t W_{xf} + h_{t-1} W_{hf} + b_f) \\
        i_t &= \sigma(x_t W_{xi} + h_{t-1} W_{hi} + b_i) \\
        g_t &= \tanh(x_t W_{xg} + h_{t-1} W_{hg} + b_g) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
        o_t &= \sigma(x_t W_{xo} + h_{t-1} W_{ho} + b_o) \\
        h_t &= o_t \odot \tanh c_t

    Args:
        x: (N, D) input of this step.
        state: (h, c), the hidden state and the cell state before it, both (N, H).
        params: ``W_x`` (D, 4H), ``W_h`` (H, 4H), ``b`` (4H,), columns as in ``LSTM_GATES``.

    Returns:
        (h, c), both (N, H), and the cache for the backward step.

    Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).
    Shapes are checked by :func:`unroll`.
    """
    h_prev, c_prev = state
    a = x @ params["W_x"] + h_prev @ params["W_h"] + params["b"]
    a_i, a_f, a_g, a_o = np.split(a, len(LSTM_GATES), axis=1)
    f = sigmoid(a_f)
    i = sigmoid(a_i)
    g = np.tanh(a_g)
    c = f * c_prev + i * g
    o = sigmoid(a_o)
    tanh_c = np.tanh(c)
    h = o * tanh_c
    return (h, c), LSTMCache(x, h_prev, c_prev, i, f, g, o, tanh_c)


def lstm_step_backward(
    dstate: tuple[Array, Array], cache: LSTMCache, params: Params
) -> tuple[Array, tuple[Array, Array], Params]:
    """Gradients through one step (eq-lstm-dc to eq-lstm-dx).

    Args:
        dstate: (dh, dc), the gradient of the loss with respect to h_t and c_t, (N, H) each.
        cache: from :func:`lstm_step`.
        params: the same as in the forward step.

    Returns:
        dx (N, D), (dh_prev, dc_prev) of (N, H) each, and the gradients of ``W_x``,
        ``W_h``, ``b`` in a dict with the shapes of ``params``.
    """
    dh, dc = dstate
    x, h_prev, c_prev, i, f, g, o, tanh_c = cache
    dc = dc + dh * o * tanh_derivative(tanh_c)
    da_o = dh * tanh_c * sigmoid_derivative(o)
    da_f = dc * c_prev * sigmoid_derivative(f)
    da_i = dc * g * sigmoid_derivative(i)
    da_g = dc * i * tanh_derivative(g)
    dc_prev = dc * f
    da = np.concatenate([da_i, da_f, da_g, da_o], axis=1)
    grads = {"W_x": x.T @ da, "W_h": h_prev.T @ da, "b": da.sum(axis=0)}
    dh_prev = da @ params["W_h"].T
    dx = da @ params["W_x"].T
    return dx, (dh_prev, dc_prev), grads


# --- the gated recurrent unit ----------------------------------------------------


class GRUCache(NamedTuple):
    """What the backward steps of both variants read; all but x are (N, H)."""

    x: Array  # (N, D)
    h_prev: Array
    r: Array
    z: Array
    n: Array
    inside: Array  # what the reset gate multiplies: h W_hn + b_hn, or h itself


def gru_init(
    rng: np.random.Generator,
    D: int,
    H: int,
    dtype: DTypeLike = np.float64,
    reset_after: bool = True,
) -> Params:
    """Parameters of a GRU cell: Xavier-uniform weights gate by gate, zero biases.

    Returns ``{"W_x": (D, 3H), "W_h": (H, 3H), "b": (3H,), "b_hn": (H,)}``, columns in
    the order ``GRU_GATES``. ``b_hn`` belongs to the variant that resets after the
    product; with ``reset_after=False`` it is absent. Raises ValueError for sizes below 1.
    """
    params = _gated_init(rng, D, H, len(GRU_GATES), dtype)
    return params | ({"b_hn": np.zeros(H, dtype)} if reset_after else {})


def gru_step(x: Array, h_prev: Array, params: Params) -> tuple[Array, GRUCache]:
    r"""One step of the GRU cell, reset after the product (eq-gru-reset to eq-gru-state).

    .. math::
        r_t &= \sigma(x_t W_{xr} + h_{t-1} W_{hr} + b_r) \\
        z_t &= \sigma(x_t W_{xz} + h_{t-1} W_{hz} + b_z) \\
        n_t &= \tanh(x_t W_{xn} + b_n + r_t \odot (h_{t-1} W_{hn} + b_{hn})) \\
        h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    Args:
        x: (N, D) input of this step.
        h_prev: (N, H) memory after the step before.
        params: ``W_x`` (D, 3H), ``W_h`` (H, 3H), ``b`` (3H,), columns as in
            ``GRU_GATES``, and ``b_hn`` (H,).

    Returns:
        h (N, H), the new memory, and the cache for the backward step.

    Source: Cho et al. (2014) for the gates; this variant is what PyTorch and cuDNN
    compute, and Keras unless told otherwise. Shapes are checked by :func:`unroll`.
    """
    a_r, a_z, a_n = np.split(x @ params["W_x"] + params["b"], len(GRU_GATES), axis=1)
    h_r, h_z, h_n = np.split(h_prev @ params["W_h"], len(GRU_GATES), axis=1)
    r = sigmoid(a_r + h_r)
    z = sigmoid(a_z + h_z)
    inside = h_n + params["b_hn"]
    n = np.tanh(a_n + r * inside)
    h = (1 - z) * n + z * h_prev
    return h, GRUCache(x, h_prev, r, z, n, inside)


def gru_step_backward(dh: Array, cache: GRUCache, params: Params) -> tuple[Array, Array, Params]:
    """Gradients through :func:`gru_step`, given dh = ∂L/∂h_t (eq-gru-dgates to eq-gru-dx).

    Args:
        dh: (N, H) gradient of the loss with respect to the new memory.
        cache: from :func:`gru_step`.
        params: the same as in the forward step.

    Returns:
        dx (N, D), dh_prev (N, H), and the gradients of the parameters in a dict.
    """
    x, h_prev, r, z, n, inside = cache
    da_z = dh * (h_prev - n) * sigmoid_derivative(z)
    da_n = dh * (1 - z) * tanh_derivative(n)
    da_r = da_n * inside * sigmoid_derivative(r)
    dinside = da_n * r
    da_x = np.concatenate([da_r, da_z, da_n], axis=1)  # of what comes from x and b
    da_h = np.concatenate([da_r, da_z, dinside], axis=1)  # of what comes from h
    grads = {"W_x": x.T @ da_x, "W_h": h_prev.T @ da_h}
    grads |= {"b": da_x.sum(axis=0), "b_hn": dinside.sum(axis=0)}
    dh_prev = dh * z + da_h @ params["W_h"].T
    dx = da_x @ params["W_x"].T
    return dx, dh_prev, grads


def gru_reset_before_step(x: Array, h_prev: Array, params: Params) -> tuple[Array, GRUCache]:
    r"""One step of the GRU cell, reset before the product (eq-gru-before).

    As :func:`gru_step`, but with another candidate, and without ``b_hn``:

    .. math:: n_t = \tanh(x_t W_{xn} + (r_t \odot h_{t-1}) W_{hn} + b_n)

    Source: Cho et al. (2014), equation 8; Keras with ``reset_after=False``.
    """
    a_r, a_z, a_n = np.split(x @ params["W_x"] + params["b"], len(GRU_GATES), axis=1)
    W_hr, W_hz, W_hn = np.split(params["W_h"], len(GRU_GATES), axis=1)
    r = sigmoid(a_r + h_prev @ W_hr)
    z = sigmoid(a_z + h_prev @ W_hz)
    n = np.tanh(a_n + (r * h_prev) @ W_hn)
    h = (1 - z) * n + z * h_prev
    return h, GRUCache(x, h_prev, r, z, n, inside=h_prev)


def gru_reset_before_step_backward(
    dh: Array, cache: GRUCache, params: Params
) -> tuple[Array, Array, Params]:
    """Gradients through :func:`gru_reset_before_step`; as :func:`gru_step_backward`."""
    x, h_prev, r, z, n, _ = cache
    W_hr, W_hz, W_hn = np.split(params["W_h"], len(GRU_GATES), axis=1)
    da_z = dh * (h_prev - n) * sigmoid_derivative(z)
    da_n = dh * (1 - z) * tanh_derivative(n)
    dinside = da_n @ W_hn.T  # of r * h_prev
    da_r = dinside * h_prev * sigmoid_derivative(r)
    da = np.concatenate([da_r, da_z, da_n], axis=1)
    dW_h = np.concatenate([h_prev.T @ da_r, h_prev.T @ da_z, (r * h_prev).T @ da_n], axis=1)
    grads = {"W_x": x.T @ da, "W_h": dW_h, "b": da.sum(axis=0)}
    dh_prev = dh * z + dinside * r + da_z @ W_hz.T + da_r @ W_hr.T
    dx = da @ params["W_x"].T
    return dx, dh_prev, grads


def _gated_init(rng: np.random.Generator, D: int, H: int, gates: int, dtype: DTypeLike) -> Params:
    """Blocks side by side, each drawn as if it stood alone: its fan-out is H, not 4H."""
    check_counts(D=D, H=H)
    return {
        "W_x": np.hstack([xavier_uniform(rng, D, H, dtype) for _ in range(gates)]),
        "W_h": np.hstack([xavier_uniform(rng, H, H, dtype) for _ in range(gates)]),
        "b": np.zeros(gates * H, dtype),
    }


# --- the loop over time -----------------------------------------------------

Step = Callable[[Array, Any, Params], tuple[Any, Any]]
StepBackward = Callable[[Any, Any, Params], tuple[Array, Any, Params]]


class UnrollCache(NamedTuple):
    """What ``unroll_backward`` reads."""

    steps: list[Any]  # one cell cache a step
    mask: Array | None  # (N, T) of bool
    shape: tuple[int, ...]  # of the outputs, (N, T, H)


def unroll(
    step: Step, xs: Array, state: State, params: Params, mask: Array | None = None
) -> tuple[Array, State, UnrollCache]:
    """Apply ``step`` at t = 0..T-1, handing the state on.

    Args:
        step: ``rnn_step`` or another cell's step.
        xs: (N, T, D) inputs.
        state: the state before the first step; (N, H), or a tuple of such.
        params: the cell's parameters, the same at every step.
        mask: (N, T) of 0 and 1. Where it is 0 the state is carried on
            unchanged, the output is 0, and the input, were it NaN, counts for nothing.

    Returns:
        outputs (N, T, H), the last state, and the cache.

    Raises:
        ValueError: shapes do not fit; the message names both.
        TypeError: xs, a state or a parameter is not of a floating dtype.
    """
    mask = check_sequence(xs, state, params, mask)
    if mask is not None:  # a NaN under the mask would reach the gradients of the weights,
        xs = np.where(mask[..., None], xs, 0)  # and so would one in a state that nobody reads
    outputs, caches = [], []
    for t in range(xs.shape[1]):
        keep = None if mask is None else mask[:, t, None]
        new_state, cache = step(xs[:, t], _shapes.kept(keep, state), params)
        check_form(new_state, state)
        state = _shapes.where(keep, new_state, state)
        h = state[0] if isinstance(state, tuple) else state
        outputs.append(h if keep is None else np.where(keep, h, 0))
        caches.append(cache)
    hs = np.stack(outputs, axis=1)
    return hs, state, UnrollCache(caches, mask, hs.shape)


def unroll_backward(
    step_backward: StepBackward,
    doutputs: Array,
    dstate: State,
    cache: UnrollCache,
    params: Params,
) -> tuple[Array, State, Params]:
    """Backward pass of :func:`unroll`, from the last step to the first.

    Args:
        step_backward: ``rnn_step_backward`` or another cell's.
        doutputs: (N, T, H) gradient of the loss with respect to the outputs.
        dstate: gradient with respect to the last state, in the state's form.
        cache: from :func:`unroll`.
        params: the same as in the forward pass.

    Returns:
        dxs (N, T, D), the gradient of the first state, and the gradients of
        the parameters, summed over the steps because the steps share them.
        A masked step ignores its output's gradient and passes the state's on.

    Raises:
        ValueError: ``doutputs`` or ``dstate`` has the wrong shape.
    """
    check_upstream(doutputs, dstate, cache.shape)
    if cache.mask is not None:
        doutputs = np.where(cache.mask[..., None], doutputs, 0)
    grads = {name: np.zeros_like(p) for name, p in params.items()}
    dxs = []  # the last step's first
    for t in reversed(range(len(cache.steps))):
        keep = None if cache.mask is None else cache.mask[:, t, None]
        zero = _shapes.map_parts(np.zeros_like, dstate)
        dnew = _shapes.where(keep, _shapes.add_output(dstate, doutputs[:, t]), zero)
        dx, dprev, dparams = step_backward(dnew, cache.steps[t], params)
        # A masked row reached the step with gradient zero, so dprev is zero there.
        dstate = dprev if keep is None else _shapes.add(dprev, _shapes.where(keep, zero, dstate))
        for name in grads:
            grads[name] += dparams[name]
        dxs.append(dx)
    return np.stack(dxs[::-1], axis=1), dstate, grads
