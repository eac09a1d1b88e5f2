r"""Whole sequences, fast: the mathematics of :mod:`rnncourse.nn.cells`, batched over time.

Four ideas. The first is in every cell, the other three in those with gates.

1. Only what depends on the step before stays in the loop. The products with the inputs
   come before it, the gradients of the weights after it, each as large matrix products.
2. One product and one tanh a step serve all gates, since σ(a) = ½(1 + tanh ½a): the
   columns of the σ gates are halved beforehand.
3. Inside, a step is turned on its side: (gates · H, N) and not (N, gates · H). Then each gate
   is one contiguous block of memory, and every operation on it runs straight through.
4. Results are written in place, into buffers that are one piece of memory: touching new
   memory costs more than the arithmetic.

Outside, arrays are batch-first, as everywhere in the book. Inside:

=============  ==================  =============================================================
array          axes                why
=============  ==================  =============================================================
xs             (T, N, D + 1)       a step's inputs lie together; the ones make the bias a weight
gates, cs      (T, gates, H, N)    a step's gates are one block each
hs             (H, T + 1, N)       all steps are the rows of one product for the gradient of W_h
das            (4H, T, N)          likewise, for the gradients of W_x and b
states, das    (T + 1, N, H)       of the simple cell: one block, which needs no turning
drop           (T, N)              true where the mask is 0
=============  ==================  =============================================================
"""

from math import prod
from typing import NamedTuple

import numpy as np

from rnncourse._types import Array, Params
from rnncourse.nn._shapes import as_given, check_sequence, check_upstream, only_read
from rnncourse.nn.cells import GRU_GATES, LSTM_GATES

LSTMState = tuple[Array, Array]


# --- the simple recurrent layer ----------------------------------------------


class RNNLayerCache(NamedTuple):
    """What ``rnn_backward`` reads; time-major."""

    xs: Array  # (T, N, D)
    states: Array  # (T + 1, N, H): the first state, then the state after each step
    drop: Array | None  # (T, N), true where the mask is 0


def rnn_forward(
    xs: Array, state: Array | None, params: Params, mask: Array | None = None
) -> tuple[Array, Array, RNNLayerCache]:
    """The simple recurrent cell over whole sequences (eq-rnn-step).

    Args:
        xs: (N, T, D) inputs.
        state: (N, H) memory before the first step, or None for zeros.
        params: ``W_x`` (D, H), ``W_h`` (H, H), ``b`` (H,).
        mask: (N, T) of 0 and 1; where it is 0 the memory is carried on and the
            output is 0.

    Returns:
        hs (N, T, H), the last memory (N, H), and the cache.

    Raises:
        ValueError, TypeError: as :func:`rnncourse.nn.cells.unroll`.
    """
    state = _zeros(xs, params) if state is None else state
    drop = _checked(xs, state, params, mask, ("h",), parts=1)
    xs, W_h = _time_major(xs, drop), params["W_h"]
    inputs = xs @ params["W_x"] + params["b"]  # all steps at once: none waits for another here
    states = np.empty((len(xs) + 1, *state.shape), np.result_type(inputs, W_h, state))
    states[0] = only_read(state, drop)
    for t, a in enumerate(inputs):
        np.tanh(a + states[t] @ W_h, out=states[t + 1])
        _carry(states[t + 1].T, states[t].T, drop, t)
    outputs = states[1:] if drop is None else np.where(drop[..., None], 0, states[1:])
    last = as_given(states[-1].copy(), state, drop)
    return outputs.swapaxes(0, 1), last, RNNLayerCache(xs, states, drop)


def rnn_backward(
    dhs: Array, dstate: Array | None, cache: RNNLayerCache, params: Params
) -> tuple[Array, Array, Params]:
    """Backward pass of :func:`rnn_forward` (eq-rnn-da to eq-rnn-dx, summed over time).

    Args:
        dhs: (N, T, H) gradient of the loss with respect to the outputs.
        dstate: (N, H) gradient with respect to the last memory, or None for zeros.
        cache: from :func:`rnn_forward`.
        params: the same as in the forward pass.

    Returns:
        dxs (N, T, D), the gradient of the first memory (N, H), and the gradients
        of ``W_x``, ``W_h``, ``b`` in a dict.

    Raises:
        ValueError: an upstream gradient has the wrong shape.
    """
    xs, states, drop = cache
    T, N, H = states[1:].shape
    dstate = np.zeros_like(states[0]) if dstate is None else dstate
    check_upstream(dhs, dstate, (N, T, H), parts=1)
    dhs, dh = _time_major(dhs, drop), only_read(dstate, drop)
    das, W_h_T = np.empty_like(states[1:]), params["W_h"].T
    for t in reversed(range(T)):
        np.multiply(dh + dhs[t], 1 - states[t + 1] ** 2, out=das[t])
        _clear(das[t].T, drop, t)
        passed = das[t] @ W_h_T
        _carry(passed.T, dh.T, drop, t)
        dh = passed
    flat = das.reshape(T * N, H)
    grads = {
        "W_x": xs.reshape(T * N, xs.shape[2]).T @ flat,
        "W_h": states[:-1].reshape(T * N, H).T @ flat,
        "b": flat.sum(axis=0),
    }
    return (das @ params["W_x"].T).swapaxes(0, 1), as_given(dh, dstate, drop), grads


# --- long short-term memory -----------------------------------------------------


class LSTMLayerCache(NamedTuple):
    """What ``lstm_backward`` reads."""

    xs: Array  # (T, N, D + 1), the last column ones
    hs: Array  # (H, T + 1, N): the first hidden state, then that after each step
    cs: Array  # (T + 1, H, N): likewise the cell state
    gates: Array  # (T, 4, H, N): i, f, g, o
    drop: Array | None  # (T, N), true where the mask is 0


def lstm_forward(
    xs: Array, state: LSTMState | None, params: Params, mask: Array | None = None
) -> tuple[Array, LSTMState, LSTMLayerCache]:
    """The LSTM cell over whole sequences (eq-lstm-forget to eq-lstm-state).

    Args:
        xs: (N, T, D) inputs.
        state: (h, c) before the first step, each (N, H), or None for zeros.
        params: ``W_x`` (D, 4H), ``W_h`` (H, 4H), ``b`` (4H,), columns as in ``LSTM_GATES``.
        mask: (N, T) of 0 and 1; where it is 0 the state is carried on and the output is 0.

    Returns:
        hs (N, T, H), the last (h, c), and the cache.

    Raises:
        ValueError, TypeError: as :func:`rnncourse.nn.cells.unroll`.
    """
    state = (_zeros(xs, params),) * 2 if state is None else state
    drop = _checked(xs, state, params, mask, LSTM_GATES, parts=2)
    xs = _with_ones(xs, drop)
    (T, N, _), H = xs.shape, len(params["W_h"])
    half = _half(LSTM_GATES, H, xs.dtype)
    gates, hs, cs = _buffers(xs.dtype, (T, 4 * H, N), (H, T + 1, N), (T + 1, H, N))
    hs[:, 0], cs[0] = (only_read(part, drop).T for part in state)
    W_x = (_with_bias(params) * half).T
    np.matmul(W_x, xs.swapaxes(1, 2), out=gates)  # all steps at once
    W_h, from_h = (params["W_h"] * half).T.copy(), np.empty((4 * H, N), xs.dtype)
    for t, a in enumerate(gates):
        a += np.matmul(W_h, hs[:, t], out=from_h)
        np.tanh(a, out=a)
        for s in (a[: 2 * H], a[3 * H :]):  # i, f and o: from tanh ½a to σ(a)
            s *= 0.5
            s += 0.5
        i, f, g, o = a.reshape(4, H, N)
        np.multiply(f, cs[t], out=cs[t + 1])
        cs[t + 1] += i * g
        np.multiply(o, np.tanh(cs[t + 1]), out=hs[:, t + 1])
        _carry(cs[t + 1], cs[t], drop, t)
        _carry(hs[:, t + 1], hs[:, t], drop, t)
    cache = LSTMLayerCache(xs, hs, cs, gates.reshape(T, 4, H, N), drop)
    h, c = as_given(hs[:, -1].T.copy(), state[0], drop), as_given(cs[-1].T.copy(), state[1], drop)
    return _outputs(hs, drop), (h, c), cache


def lstm_backward(
    dhs: Array, dstate: LSTMState | None, cache: LSTMLayerCache, params: Params
) -> tuple[Array, LSTMState, Params]:
    """Backward pass of :func:`lstm_forward` (eq-lstm-dc to eq-lstm-dx, summed over time).

    Args:
        dhs: (N, T, H) gradient of the loss with respect to the outputs.
        dstate: (dh, dc), each (N, H), with respect to the last state, or None for zeros.
        cache: from :func:`lstm_forward`.
        params: the same as in the forward pass.

    Returns:
        dxs (N, T, D), the gradients of the first (h, c), and those of the parameters.

    Raises:
        ValueError: an upstream gradient has the wrong shape.
    """
    xs, hs, cs, gates, drop = cache
    T, _, H, N = gates.shape
    dstate = (np.zeros((N, H), hs.dtype),) * 2 if dstate is None else dstate
    check_upstream(dhs, dstate, (N, T, H), parts=2)
    dhs, (dh, dc) = _time_major(dhs, drop), (only_read(d, drop).T.copy() for d in dstate)
    da, das = _buffers(hs.dtype, (4, H, N), (4 * H, T, N))
    for t in reversed(range(T)):
        i, f, g, o = gates[t]
        tanh_c = np.tanh(cs[t + 1])
        dh += dhs[t].T
        dc_t = dc + dh * o * (1 - tanh_c**2)
        np.subtract(1, gates[t], out=da)  # the slope of σ is s(1 - s) …
        da *= gates[t]
        da[2] = 1 - g**2  # … and that of tanh 1 - g²
        da[3] *= dh * tanh_c
        da[:3] *= dc_t
        da[0] *= g
        da[1] *= cs[t]
        da[2] *= i
        _clear(da, drop, t)
        das[:, t] = da.reshape(4 * H, N)
        passed, dc_t = params["W_h"] @ das[:, t], dc_t * f
        _carry(passed, dh, drop, t)
        _carry(dc_t, dc, drop, t)
        dh, dc = passed, dc_t
    dxs, dW_x, db = _input_gradients(das, xs, params)
    grads = {"W_x": dW_x, "W_h": _weight_gradient(hs, das), "b": db}
    return dxs, (as_given(dh.T, dstate[0], drop), as_given(dc.T, dstate[1], drop)), grads


# --- the gated recurrent unit ------------------------------------------------------


class GRULayerCache(NamedTuple):
    """What ``gru_backward`` reads."""

    xs: Array  # (T, N, D + 1), the last column ones
    hs: Array  # (H, T + 1, N): the first state, then the state after each step
    gates: Array  # (T, 3, H, N): r, z, n
    inside: Array  # (T, H, N): h W_hn + b_hn, what the reset gate multiplies
    drop: Array | None  # (T, N), true where the mask is 0


def gru_forward(
    xs: Array, state: Array | None, params: Params, mask: Array | None = None
) -> tuple[Array, Array, GRULayerCache]:
    """The GRU cell, reset after the product, over whole sequences (eq-gru-reset to eq-gru-state).

    Args:
        xs: (N, T, D) inputs.
        state: (N, H) memory before the first step, or None for zeros.
        params: ``W_x`` (D, 3H), ``W_h`` (H, 3H), ``b`` (3H,), ``b_hn`` (H,).
        mask: (N, T) of 0 and 1; where it is 0 the memory is carried on and the output is 0.

    Returns:
        hs (N, T, H), the last memory (N, H), and the cache.

    Raises:
        ValueError: ``b_hn`` is missing: these are parameters of the variant that resets
            before the product, which :func:`rnncourse.nn.cells.gru_reset_before_step` computes.
        ValueError, TypeError: as :func:`rnncourse.nn.cells.unroll`.
    """
    if "b_hn" not in params:
        raise ValueError("params lack b_hn: for the reset-before variant use cells.unroll with "
                         "cells.gru_reset_before_step")  # fmt: skip
    state = _zeros(xs, params) if state is None else state
    drop = _checked(xs, state, params, mask, GRU_GATES, parts=1)
    xs = _with_ones(xs, drop)
    (T, N, _), H = xs.shape, len(params["W_h"])
    half = _half(GRU_GATES, H, xs.dtype)
    gates, hs, inside = _buffers(xs.dtype, (T, 3 * H, N), (H, T + 1, N), (T, H, N))
    hs[:, 0] = only_read(state, drop).T
    W_x = (_with_bias(params) * half).T
    np.matmul(W_x, xs.swapaxes(1, 2), out=gates)  # all steps at once
    W_h, from_h = (params["W_h"] * half).T.copy(), np.empty((3 * H, N), xs.dtype)
    b_hn = np.repeat(params["b_hn"][:, None], N, axis=1)
    for t, a in enumerate(gates):
        np.matmul(W_h, hs[:, t], out=from_h)
        s, n = a[: 2 * H], a[2 * H :]
        s += from_h[: 2 * H]
        np.tanh(s, out=s)
        s *= 0.5  # r and z: from tanh ½a to σ(a)
        s += 0.5
        r, z = s.reshape(2, H, N)
        n += r * np.add(from_h[2 * H :], b_hn, out=inside[t])
        np.tanh(n, out=n)
        np.add(n, z * (hs[:, t] - n), out=hs[:, t + 1])
        _carry(hs[:, t + 1], hs[:, t], drop, t)
    cache = GRULayerCache(xs, hs, gates.reshape(T, 3, H, N), inside, drop)
    return _outputs(hs, drop), as_given(hs[:, -1].T.copy(), state, drop), cache


def gru_backward(
    dhs: Array, dstate: Array | None, cache: GRULayerCache, params: Params
) -> tuple[Array, Array, Params]:
    """Backward pass of :func:`gru_forward` (eq-gru-dgates to eq-gru-dx, summed over time).

    Args:
        dhs: (N, T, H) gradient of the loss with respect to the outputs.
        dstate: (N, H) gradient with respect to the last memory, or None for zeros.
        cache: from :func:`gru_forward`.
        params: the same as in the forward pass.

    Returns:
        dxs (N, T, D), the gradient of the first memory (N, H), and those of the parameters.

    Raises:
        ValueError: an upstream gradient has the wrong shape.
    """
    xs, hs, gates, inside, drop = cache
    T, _, H, N = gates.shape
    dstate = np.zeros((N, H), hs.dtype) if dstate is None else dstate
    check_upstream(dhs, dstate, (N, T, H), parts=1)
    dhs, dh = _time_major(dhs, drop), only_read(dstate, drop).T.copy()
    # Blocks n inside the reset, r, z, n: the first three meet h, the last three x.
    da, das = _buffers(hs.dtype, (4, H, N), (4 * H, T, N))
    n_first, rz_first = slice(2 * H, None), slice(2 * H)  # of the columns r, z, n
    W_h = np.hstack([params["W_h"][:, n_first], params["W_h"][:, rz_first]])
    for t in reversed(range(T)):
        r, z, n = gates[t]
        dh += dhs[t].T
        da[3] = dh * (1 - z) * (1 - n**2)
        np.multiply(da[3], r, out=da[0])
        da[1] = da[3] * inside[t] * r * (1 - r)
        da[2] = dh * (hs[:, t] - n) * z * (1 - z)
        _clear(da, drop, t)
        das[:, t] = da.reshape(4 * H, N)
        passed = W_h @ das[: 3 * H, t]
        passed += dh * z
        _carry(passed, dh, drop, t)
        dh = passed
    dxs, dW_x, db = _input_gradients(das[H:], xs, params)
    dW_n, dW_rz = np.split(_weight_gradient(hs, das[: 3 * H]), [H], axis=1)
    dW_h = np.hstack([dW_rz, dW_n])
    grads = {"W_x": dW_x, "W_h": dW_h, "b": db, "b_hn": das[:H].sum(axis=(1, 2))}
    return dxs, as_given(dh.T, dstate, drop), grads


# --- what they share ---------------------------------------------------------------


def _zeros(xs: Array, params: Params) -> Array:
    """A first state, (N, H)."""
    return np.zeros((*np.shape(xs)[:1], len(params["W_h"])), params["W_h"].dtype)


def _with_ones(xs: Array, drop: Array | None) -> Array:
    """(N, T, D) → (T, N, D + 1): a last column of ones for the bias; all zero where masked."""
    N, T, D = xs.shape
    out = np.ones((T, N, D + 1), xs.dtype)
    out[..., :D] = xs.swapaxes(0, 1)
    if drop is not None:
        out[drop] = 0
    return out


def _with_bias(params: Params) -> Array:
    """W_x and, as its last row, b: (D + 1, gates · H)."""
    return np.vstack([params["W_x"], params["b"]])


def _half(gates: tuple[str, ...], H: int, dtype: np.dtype) -> Array:
    """½ over the columns of the σ gates, 1 over those of the candidate (g or n)."""
    return np.repeat([1 if name in "gn" else 0.5 for name in gates], H).astype(dtype)


def _buffers(dtype: np.dtype, *shapes: tuple[int, ...]) -> list[Array]:
    """Arrays of these shapes, not filled, in one piece of memory."""
    ends = np.cumsum([prod(shape) for shape in shapes])
    pieces = np.split(np.empty(ends[-1], dtype), ends[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def _checked(
    xs: Array,
    state: Array | LSTMState,
    params: Params,
    mask: Array | None,
    gates: tuple[str, ...],
    parts: int,
) -> Array | None:
    """Check the call. (T, N), true where the mask is 0; None where nothing is masked."""
    mask = check_sequence(xs, state, params, mask, gates=len(gates), parts=parts)
    return None if mask is None or mask.all() else ~mask.T


def _carry(new: Array, old: Array, drop: Array | None, t: int) -> None:
    """Put back the old column of each sequence that is masked at step t; in place."""
    if drop is not None:
        np.copyto(new, old, where=drop[t])


def _clear(da: Array, drop: Array | None, t: int) -> None:
    """A masked step has no cell to go through: its gradient is zero; in place."""
    if drop is not None:
        np.copyto(da, 0, where=drop[t])


def _outputs(hs: Array, drop: Array | None) -> Array:
    """(H, T + 1, N) → the outputs (N, T, H), zero where masked."""
    outputs = hs[:, 1:].transpose(1, 2, 0).copy()
    if drop is not None:
        outputs[drop] = 0
    return outputs.swapaxes(0, 1)


def _time_major(xs: Array, drop: Array | None) -> Array:
    """(N, T, D) → (T, N, D), zero where masked: what stands there, NaN too, counts for nothing."""
    xs = np.ascontiguousarray(xs.swapaxes(0, 1))
    return xs if drop is None else np.where(drop[..., None], 0, xs)


def _input_gradients(das: Array, xs: Array, params: Params) -> tuple[Array, Array, Array]:
    """dxs (N, T, D), and the gradients of W_x and b, summed over the steps."""
    (T, N, _), D = xs.shape, len(params["W_x"])
    das = das.reshape(len(das), T * N)
    joint = (das @ xs.reshape(T * N, D + 1)).T
    dxs = das.T @ params["W_x"].T
    return dxs.reshape(T, N, D).swapaxes(0, 1), joint[:D], joint[D]


def _weight_gradient(hs: Array, das: Array) -> Array:
    """The gradient of W_h, summed over the steps: each step read the state before it."""
    rows, T, N = das.shape
    return hs[:, :T].reshape(len(hs), T * N) @ das.reshape(rows, T * N).T
