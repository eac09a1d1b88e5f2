r"""The LSTM whose states are pictures: each product with a matrix becomes a convolution.

N batch, T time, Y rows and X columns of a frame, C channels of the input, F channels of the
state, K rows and columns of a filter. Channels come last, (N, T, Y, X, C), as in Keras. Gates are
stacked i, f, g, o along the channels, as ``cells.LSTM_GATES`` says.

A state keeps a frame's size, so the filters always read zeros around it ("same"), at every step.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._types import Array, Params
from rnncourse.nn import _shapes
from rnncourse.nn._shapes import check_float, check_mask
from rnncourse.nn.cells import LSTM_GATES
from rnncourse.nn.conv import Conv2dCache, conv2d_backward, conv2d_forward, conv2d_init
from rnncourse.nn.functional import sigmoid, sigmoid_derivative, tanh_derivative

Pictures = tuple[Array, Array]  # a state: h and c, (N, Y, X, F) each


class ConvLSTMCache(NamedTuple):
    """What ``conv_lstm_step_backward`` reads; all but the first two are (N, Y, X, F)."""

    from_x: Conv2dCache
    from_h: Conv2dCache
    c_prev: Array
    i: Array
    f: Array
    g: Array
    o: Array
    tanh_c: Array


def conv_lstm_init(
    rng: np.random.Generator,
    K: int,
    C: int,
    F: int,
    dtype: DTypeLike = np.float64,
    forget_bias: float = 1.0,
) -> Params:
    """Parameters of a convolutional LSTM: uniform weights gate by gate, zero bias but f's.

    Returns ``{"W_x": (K, K, C, 4F), "W_h": (K, K, F, 4F), "b": (4F,)}``. Raises ValueError for
    sizes below 1, TypeError for a dtype that is not of floats.
    """
    W_x, W_h = (
        np.concatenate([conv2d_init(rng, K, D, F, dtype)["W"] for _ in LSTM_GATES], axis=3)
        for D in (C, F)
    )
    b = np.zeros(len(LSTM_GATES) * F, dtype)
    f = LSTM_GATES.index("f")
    b[f * F : (f + 1) * F] = forget_bias
    return {"W_x": W_x, "W_h": W_h, "b": b}


def conv_lstm_step(x: Array, state: Pictures, params: Params) -> tuple[Pictures, ConvLSTMCache]:
    r"""One step (eq-video-a to eq-video-h); * is a convolution that keeps the size.

    .. math::
        a_t &= x_t * W_x + h_{t-1} * W_h + b \\
        c_t &= \sigma(a_{tf}) \odot c_{t-1} + \sigma(a_{ti}) \odot \tanh a_{tg} \\
        h_t &= \sigma(a_{to}) \odot \tanh c_t

    Args:
        x: (N, Y, X, C), a frame.
        state: (h, c) before it, (N, Y, X, F) each.
        params: ``W_x`` (K, K, C, 4F), ``W_h`` (K, K, F, 4F), ``b`` (4F,).

    Returns (h, c) and the cache. Shapes are checked by :func:`conv_lstm_forward`.

    Source: Shi et al. (2015), equation 3, without the products of c with the gates, as in Keras.
    """
    h_prev, c_prev = state
    a_x, from_x = conv2d_forward(x, {"W": params["W_x"], "b": params["b"]})
    a_h, from_h = conv2d_forward(h_prev, {"W": params["W_h"], "b": np.zeros_like(params["b"])})
    a_i, a_f, a_g, a_o = np.split(a_x + a_h, len(LSTM_GATES), axis=3)
    f = sigmoid(a_f)
    i = sigmoid(a_i)
    g = np.tanh(a_g)
    c = f * c_prev + i * g
    o = sigmoid(a_o)
    tanh_c = np.tanh(c)
    h = o * tanh_c
    return (h, c), ConvLSTMCache(from_x, from_h, c_prev, i, f, g, o, tanh_c)


def conv_lstm_step_backward(
    dstate: Pictures, cache: ConvLSTMCache, params: Params
) -> tuple[Array, Pictures, Params]:
    """Gradients through one step.

    Args:
        dstate: (dh, dc), gradients of the loss with respect to h_t and c_t, (N, Y, X, F) each.
        cache: from :func:`conv_lstm_step`.
        params: the same as in the forward step.

    Returns dx (N, Y, X, C), (dh_prev, dc_prev), and the gradients of ``W_x``, ``W_h``, ``b``.
    """
    dh, dc = dstate
    from_x, from_h, c_prev, i, f, g, o, tanh_c = cache
    dc = dc + dh * o * tanh_derivative(tanh_c)
    da_o = dh * tanh_c * sigmoid_derivative(o)
    da_f = dc * c_prev * sigmoid_derivative(f)
    da_i = dc * g * sigmoid_derivative(i)
    da_g = dc * i * tanh_derivative(g)
    da = np.concatenate([da_i, da_f, da_g, da_o], axis=3)
    dx, of_x = conv2d_backward(da, from_x, {"W": params["W_x"], "b": params["b"]})
    dh_prev, of_h = conv2d_backward(da, from_h, {"W": params["W_h"], "b": params["b"]})
    return dx, (dh_prev, dc * f), {"W_x": of_x["W"], "W_h": of_h["W"], "b": of_x["b"]}


class ConvLSTMLayerCache(NamedTuple):
    """What ``conv_lstm_backward`` reads."""

    steps: list[ConvLSTMCache]
    mask: Array | None  # (N, T) of bool
    shape: tuple[int, ...]  # of the outputs, (N, T, Y, X, F)


def conv_lstm_forward(
    xs: Array, state: Pictures | None, params: Params, mask: Array | None = None
) -> tuple[Array, Pictures, ConvLSTMLayerCache]:
    """The convolutional LSTM over whole films.

    Args:
        xs: (N, T, Y, X, C) frames.
        state: (h, c) before the first frame, (N, Y, X, F) each, or None for zeros.
        params: as in :func:`conv_lstm_step`.
        mask: (N, T) of 0 and 1, where 0 is a lost frame: the state is carried on unchanged, the
            output is 0, and the frame, were it NaN, counts for nothing.

    Returns hs (N, T, Y, X, F), the last (h, c), and the cache.

    Raises ValueError where shapes do not fit, TypeError for what is no array of floats.
    """
    state = _checked(xs, state, params)
    mask = check_mask(mask, *xs.shape[:2])
    if mask is not None:
        xs = np.where(mask[..., None, None, None], xs, 0)
    outputs, caches = [], []
    for t in range(xs.shape[1]):
        keep = _keep(mask, t)
        new, cache = conv_lstm_step(xs[:, t], _pair(_shapes.kept(keep, state)), params)
        state = _pair(_shapes.where(keep, new, state))
        outputs.append(new[0] if keep is None else np.where(keep, new[0], 0))
        caches.append(cache)
    hs = np.stack(outputs, axis=1)
    return hs, state, ConvLSTMLayerCache(caches, mask, hs.shape)


def conv_lstm_backward(
    dhs: Array, dstate: Pictures | None, cache: ConvLSTMLayerCache, params: Params
) -> tuple[Array, Pictures, Params]:
    """Backward pass of :func:`conv_lstm_forward`, from the last frame to the first.

    Args:
        dhs: (N, T, Y, X, F) gradient of the loss with respect to the outputs.
        dstate: (dh, dc) with respect to the last state, (N, Y, X, F) each, or None for zeros.
        cache: from :func:`conv_lstm_forward`.
        params: the same as in the forward pass.

    Returns dxs (N, T, Y, X, C), the gradients of the first (h, c), and those of the parameters.

    Raises ValueError where an upstream gradient has another shape, TypeError for no floats.
    """
    N, T, *board = cache.shape
    check_float("dhs", dhs)
    if dhs.shape != cache.shape:
        raise ValueError(f"dhs has shape {dhs.shape}; the outputs have {cache.shape}")
    dstate = _checked_state("dstate", dstate, (N, *board), dhs.dtype)
    if cache.mask is not None:
        dhs = np.where(cache.mask[..., None, None, None], dhs, 0)
    grads = {name: np.zeros_like(p) for name, p in params.items()}
    dxs = []  # the last frame's first
    for t in reversed(range(T)):
        keep = _keep(cache.mask, t)
        zero = _pair(_shapes.map_parts(np.zeros_like, dstate))
        dnew = _pair(_shapes.where(keep, (dstate[0] + dhs[:, t], dstate[1]), zero))
        dx, dprev, dparams = conv_lstm_step_backward(dnew, cache.steps[t], params)
        # A lost frame reached the step with gradient zero, so dprev is zero there.
        carried = dstate if keep is None else _pair(_shapes.where(keep, zero, dstate))
        dstate = dprev if keep is None else _pair(_shapes.add(dprev, carried))
        for name in grads:
            grads[name] += dparams[name]
        dxs.append(dx)
    return np.stack(dxs[::-1], axis=1), dstate, grads


def _keep(mask: Array | None, t: int) -> Array | None:
    """The mask of frame t as (N, 1, 1, 1), or None."""
    return None if mask is None else mask[:, t, None, None, None]


def _pair(state: Array | tuple[Array, ...]) -> Pictures:
    h, c = state
    return h, c


def _checked(xs: Array, state: Pictures | None, params: Params) -> Pictures:
    """The first state, after checking that it, the frames and the parameters fit each other."""
    for name, array in (("xs", xs), *params.items()):
        check_float(name, array)
    if xs.ndim != 5 or 0 in xs.shape:
        raise ValueError(f"xs has shape {xs.shape}; expected (N, T, Y, X, C), none empty")
    W_x, W_h, b = (params[name] for name in ("W_x", "W_h", "b"))
    for name, W in (("W_x", W_x), ("W_h", W_h)):
        if W.ndim != 4 or W.shape[0] != W.shape[1]:
            raise ValueError(f"{name} has shape {W.shape}; expected (K, K, ..., 4F)")
    if W_x.shape[2] != xs.shape[4]:
        raise ValueError(f"W_x has shape {W_x.shape}; xs {xs.shape} need {xs.shape[4]} channels")
    F = W_h.shape[2]
    for name, size in (("W_x", W_x.shape[3]), ("W_h", W_h.shape[3]), ("b", b.size)):
        if size != len(LSTM_GATES) * F:
            raise ValueError(f"{name} has shape {params[name].shape}; a state of {F} channels "
                             f"needs {len(LSTM_GATES) * F} at its end")  # fmt: skip
    return _checked_state("state", state, (len(xs), *xs.shape[2:4], F), W_h.dtype)


def _checked_state(
    name: str, state: Pictures | None, shape: tuple[int, ...], dtype: DTypeLike
) -> Pictures:
    """The state, or zeros for None."""
    if state is None:
        return np.zeros(shape, dtype), np.zeros(shape, dtype)
    if not isinstance(state, tuple) or len(state) != 2:
        raise ValueError(f"{name} is no pair; expected h and c, {shape} each")
    for part in state:
        check_float(name, part)
        if part.shape != shape:
            raise ValueError(f"{name} has a part of shape {part.shape}; expected {shape}")
    return state
