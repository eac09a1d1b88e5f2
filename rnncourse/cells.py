r"""One step of a recurrent cell, its backward step, and the loop over time.

Written to be read beside the equations of the book. The fast versions for
whole sequences are in :mod:`rnncourse.layers` and are tested equal to these.

N batch, T time, D input, H hidden. Arrays are batch-first and vectors are
rows, so that ``x @ W_x + h_prev @ W_h + b`` is the equation itself.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._shapes import check_sequence, check_sizes, check_upstream
from rnncourse.initializers import xavier_uniform

Array = np.ndarray
Params = dict[str, Array]
State = Array | tuple[Array, ...]


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
    check_sizes(D=D, H=H)
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
            unchanged and the output is 0.

    Returns:
        outputs (N, T, H), the last state, and the cache.

    Raises:
        ValueError: shapes do not fit; the message names both.
        TypeError: xs, a state or a parameter is not of a floating dtype.
    """
    mask = check_sequence(xs, state, params, mask)
    outputs, caches = [], []
    for t in range(xs.shape[1]):
        new_state, cache = step(xs[:, t], state, params)
        keep = None if mask is None else mask[:, t, None]
        state = _where(keep, new_state, state)
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
    T = len(cache.steps)
    check_upstream(doutputs, dstate, cache.shape)
    grads = {name: np.zeros_like(p) for name, p in params.items()}
    dxs: list[Array] = [None] * T  # type: ignore[list-item]
    for t in reversed(range(T)):
        keep = None if cache.mask is None else cache.mask[:, t, None]
        zero = _map(np.zeros_like, dstate)
        dnew = _where(keep, _add_output(dstate, doutputs[:, t]), zero)
        dxs[t], dprev, dparams = step_backward(dnew, cache.steps[t], params)
        # A masked row reached the step with gradient zero, so dprev is zero there.
        dstate = dprev if keep is None else _add(dprev, _where(keep, zero, dstate))
        for name in grads:
            grads[name] += dparams[name]
    return np.stack(dxs, axis=1), dstate, grads


# --- states: one array, or a tuple of them ------------------------------------


def _map(f: Callable[..., Array], *states: State) -> State:
    """Apply ``f`` part by part to states of one form."""
    if isinstance(states[0], tuple):
        return tuple(f(*parts) for parts in zip(*states, strict=True))
    return f(*states)


def _where(keep: Array | None, new: State, old: State) -> State:
    return new if keep is None else _map(lambda a, b: np.where(keep, a, b), new, old)


def _add(a: State, b: State) -> State:
    return _map(np.add, a, b)


def _add_output(dstate: State, doutput: Array) -> State:
    """The output is the state's first part, so its gradient joins that part's."""
    if isinstance(dstate, tuple):
        return (dstate[0] + doutput, *dstate[1:])
    return dstate + doutput
