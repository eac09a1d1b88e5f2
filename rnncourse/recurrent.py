r"""Whole sequences, fast: the mathematics of :mod:`rnncourse.cells`, batched over time.

Only what truly depends on the step before stays in the loop. The products with
the inputs and the gradients of the weights are each one large matrix product.

Inside, arrays are time-major (T, N, H), so that one step is one contiguous
block of memory. Outside they are batch-first, as everywhere in the book.
"""

from typing import NamedTuple

import numpy as np

from rnncourse._shapes import check_sequence, check_upstream

Array = np.ndarray
Params = dict[str, Array]


# --- the simple recurrent layer ----------------------------------------------


class RNNLayerCache(NamedTuple):
    """What ``rnn_backward`` reads; time-major."""

    xs: Array  # (T, N, D)
    states: Array  # (T + 1, N, H): the first state, then the state after each step
    mask: Array | None  # (T, N, 1) of bool


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
        ValueError, TypeError: as :func:`rnncourse.cells.unroll`.
    """
    W_x, W_h, b = params["W_x"], params["W_h"], params["b"]
    if state is None:
        state = np.zeros((len(xs), len(b)), b.dtype)
    mask = check_sequence(xs, state, params, mask)
    xs = np.ascontiguousarray(xs.swapaxes(0, 1))
    keep = None if mask is None else mask.T[..., None]
    inputs = xs @ W_x + b  # all steps at once: no step waits for another here
    states = np.empty((len(xs) + 1, *state.shape), np.result_type(inputs, W_h, state))
    states[0] = state
    for t, a in enumerate(inputs):
        h = np.tanh(a + states[t] @ W_h)
        states[t + 1] = h if keep is None else np.where(keep[t], h, states[t])
    outputs = states[1:] if keep is None else np.where(keep, states[1:], 0)
    return outputs.swapaxes(0, 1), states[-1], RNNLayerCache(xs, states, keep)


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
    xs, states, keep = cache
    T, N, H = states[1:].shape
    dh = np.zeros_like(states[0]) if dstate is None else dstate
    check_upstream(dhs, dh, (N, T, H))
    dhs = dhs.swapaxes(0, 1)
    slope = 1 - states[1:] ** 2  # of tanh, at every step
    if keep is not None:
        slope = np.where(keep, slope, 0)  # a masked step has no cell to go through
    das, W_h_T = np.empty_like(slope), params["W_h"].T
    for t in reversed(range(T)):
        das[t] = (dh + dhs[t]) * slope[t]
        carried = 0 if keep is None else np.where(keep[t], 0, dh)
        dh = das[t] @ W_h_T + carried
    flat = das.reshape(T * N, H)
    grads = {
        "W_x": xs.reshape(T * N, -1).T @ flat,
        "W_h": states[:-1].reshape(T * N, H).T @ flat,
        "b": flat.sum(axis=0),
    }
    return (das @ params["W_x"].T).swapaxes(0, 1), dh, grads
