"""Recurrent networks of equal size: what a fair comparison of cells needs.

A network here is one recurrent layer and a dense layer on its outputs. ``kind`` is "rnn",
"lstm" or "gru"; with "bi" before it two such cells read from both ends. "irnn" is the simple
cell with ReLU in the place of tanh, whose W_h starts as the identity (Le, Jaitly and Hinton,
2015).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts
from rnncourse._types import Array, Params
from rnncourse.nn import cells, layers
from rnncourse.nn._shapes import check_sequence, check_upstream
from rnncourse.nn.cells import GRU_GATES, LSTM_GATES
from rnncourse.nn.initializers import orthogonal

Network = dict[str, Any]  # its parameters: {"cell": a dict, or a pair of dicts, "output": a dict}

KINDS = ("rnn", "irnn", "lstm", "gru", "birnn", "bilstm", "bigru")
_INIT = {
    "rnn": cells.rnn_init,
    "irnn": cells.rnn_init,
    "lstm": cells.lstm_init,
    "gru": cells.gru_init,
}
_GATES = {"rnn": 1, "irnn": 1, "lstm": len(LSTM_GATES), "gru": len(GRU_GATES)}


def split_kind(kind: str) -> tuple[str, int]:
    """The cell's name and the number of directions: "bigru" is ("gru", 2).

    Raises ValueError for anything but ``KINDS``.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; expected one of {KINDS}")
    return kind.removeprefix("bi"), 2 if kind.startswith("bi") else 1


# --- equal size --------------------------------------------------------------------------


def parameters(kind: str, D: int, H: int, V: int) -> int:
    """Numbers to learn (eq-comparison-count): d (g (D H + H² + H) + β H) + (d H + 1) V.

    d directions, g blocks of weights (1, 4 and 3), and β = 1 for the GRU's second bias, else
    0; D inputs, H units a direction, V outputs. Raises ValueError for an unknown kind or sizes
    below 1.
    """
    cell, ways = split_kind(kind)
    check_counts(D=D, H=H, V=V)
    layer = _GATES[cell] * (D * H + H * H + H) + (H if cell == "gru" else 0)
    return ways * layer + (ways * H + 1) * V


def width(kind: str, D: int, V: int, budget: int) -> int:
    """The H whose network has nearest to ``budget`` parameters (eq-comparison-width).

    Of two that are equally near, the smaller. Raises ValueError as :func:`parameters`, and
    where the budget is smaller than the network of one unit.
    """
    least = parameters(kind, D, 1, V)
    if budget < least:
        raise ValueError(f"budget = {budget}; a {kind} of one unit with D = {D}, V = {V} has "
                         f"{least} parameters already")  # fmt: skip
    H = 1
    while parameters(kind, D, H + 1, V) <= budget:
        H += 1
    below, above = (parameters(kind, D, h, V) for h in (H, H + 1))
    return H if budget - below <= above - budget else H + 1


# --- the network -------------------------------------------------------------------------


def init(
    rng: np.random.Generator,
    kind: str,
    D: int,
    H: int,
    V: int,
    dtype: DTypeLike = np.float64,
    span: int | None = None,
) -> Network:
    """Parameters: as the cells' own inits draw them, but with orthogonal W_h, gate by gate.

    "irnn" starts with the identity for W_h instead: as long as no unit is cut off at zero, a
    step without input leaves its memory as it was (Le, Jaitly and Hinton, 2015).

    ``span``, where given, is for tasks with a memory of about so many steps: the biases of the
    gate that keeps are drawn as ln u, u uniform in [1, span - 1], so that the units forget
    after different times up to that one (Tallec and Ollivier, 2018). These are the LSTM's
    forget gate, whose input gate gets the same with the sign turned, and the GRU's update
    gate; the simple cell has none. Raises ValueError for an unknown kind, sizes below 1, or a
    span below 3.
    """
    cell, ways = split_kind(kind)
    if span is not None and span < 3:
        raise ValueError(f"span = {span}; expected at least 3 steps, or None")
    directions = []
    for _ in range(ways):
        p = _INIT[cell](rng, D, H, dtype)
        if cell == "irnn":
            p["W_h"] = np.eye(H, dtype=dtype)
        else:
            p["W_h"] = np.hstack([orthogonal(rng, H, dtype) for _ in range(_GATES[cell])])
        if span is not None:
            _remember(rng, cell, p["b"], span)
        directions.append(p)
    output = layers.dense_init(rng, ways * H, V, dtype)
    return {"cell": tuple(directions) if ways == 2 else directions[0], "output": output}


def _remember(rng: np.random.Generator, cell: str, b: Array, span: int) -> None:
    """Set the biases of the gates that keep, in place."""
    if cell in ("rnn", "irnn"):
        return
    gates = LSTM_GATES if cell == "lstm" else GRU_GATES
    block = dict(zip(gates, np.split(b, len(gates)), strict=True))  # views
    drawn = np.log(rng.uniform(1, span - 1, len(b) // len(gates)))
    block["f" if cell == "lstm" else "z"][...] = drawn
    if cell == "lstm":
        block["i"][...] = -drawn


class ReluCache(NamedTuple):
    """What ``relu_backward`` reads."""

    xs: Array  # (T, N, D)
    states: Array  # (T + 1, N, H): zeros, then the memory after each step
    keep: Array | None  # (T, N, 1), or None


def relu_forward(
    xs: Array, params: Params, mask: Array | None = None
) -> tuple[Array, Array, ReluCache]:
    """The simple cell with ReLU: h_t = max(0, x_t W_x + h_{t-1} W_h + b), from zeros.

    Args:
        xs: (N, T, D) inputs.
        params: ``W_x`` (D, H), ``W_h`` (H, H), ``b`` (H,).
        mask: (N, T) of 0 and 1; where it is 0 the memory is carried on and the output is 0.

    Returns hs (N, T, H), the last memory (N, H), and the cache. Raises ValueError, TypeError as
    :func:`rnncourse.nn.recurrent.rnn_forward`.
    """
    state = np.zeros((len(xs), len(params["b"])), params["b"].dtype)
    mask = check_sequence(xs, state, params, mask, gates=1, parts=1)
    xs = np.ascontiguousarray(xs.swapaxes(0, 1))
    keep = None if mask is None else mask.T[..., None]
    if keep is not None:
        xs = np.where(keep, xs, 0)  # whatever stands under the mask, NaN too
    inputs = xs @ params["W_x"] + params["b"]
    states = np.zeros((len(xs) + 1, *state.shape), np.result_type(inputs, state))
    for t, a in enumerate(inputs):
        h = np.maximum(a + states[t] @ params["W_h"], 0)
        states[t + 1] = h if keep is None else np.where(keep[t], h, states[t])
    outputs = states[1:] if keep is None else np.where(keep, states[1:], 0)
    return outputs.swapaxes(0, 1), states[-1], ReluCache(xs, states, keep)


def relu_backward(dhs: Array, dstate: Array | None, cache: ReluCache, params: Params) -> Params:
    """Gradients of ``W_x``, ``W_h`` and ``b`` of :func:`relu_forward`; at a = 0 the slope is 0.

    Args:
        dhs: (N, T, H) gradient of the loss with respect to the outputs.
        dstate: (N, H) gradient with respect to the last memory, or None for zeros.

    Raises ValueError when an upstream gradient has the wrong shape.
    """
    xs, states, keep = cache
    T, N, H = states[1:].shape
    dh = np.zeros_like(states[0]) if dstate is None else dstate
    check_upstream(dhs, dh, (N, T, H), parts=1)
    dhs, das = dhs.swapaxes(0, 1), np.empty_like(states[1:])
    for t in reversed(range(T)):
        slope = states[t + 1] > 0 if keep is None else keep[t] & (states[t + 1] > 0)
        das[t] = np.where(slope, dh + dhs[t], 0)
        carried = 0 if keep is None else np.where(keep[t], 0, dh)  # past a masked step
        dh = das[t] @ params["W_h"].T + carried
    flat = das.reshape(T * N, H)
    return {
        "W_x": xs.reshape(T * N, -1).T @ flat,
        "W_h": states[:-1].reshape(T * N, H).T @ flat,
        "b": flat.sum(axis=0),
    }


class Cache(NamedTuple):
    """What ``backward`` reads."""

    read: Array  # what the dense layer read: (N, T, dH), or (N, dH) with last=True
    steps: int
    layer: Any


def forward(
    kind: str, xs: Array, params: Network, mask: Array | None = None, last: bool = False
) -> tuple[Array, Cache]:
    """Outputs of the network for xs (N, T, D): one a step, or one for the whole sequence.

    Args:
        mask: (N, T) of 0 and 1, or None.
        last: read the state after the last real step; of two directions each at its own end.

    Returns ys (N, T, V), or (N, V) with ``last``, and the cache. Raises as the layers do.
    """
    cell, ways = split_kind(kind)
    cache: ReluCache | layers.StackCache
    if cell == "irnn":
        hs, end, cache = relu_forward(xs, params["cell"], mask)
        states = [end]
    else:
        hs, states, cache = layers.stacked_forward(cell, xs, None, [params["cell"]], mask)
    if last:
        ends = [s[0] if cell == "lstm" else s for s in (states[0] if ways == 2 else states)]
        hs = np.concatenate(ends, axis=1)
    return layers.dense_forward(hs, params["output"]), Cache(hs, xs.shape[1], cache)


def backward(kind: str, dys: Array, cache: Cache, params: Network) -> Network:
    """Gradients of the parameters, in their form, from that of the loss with respect to ys.

    Raises ValueError when ``dys`` has another shape than ys.
    """
    cell, ways = split_kind(kind)
    dhs, output = layers.dense_backward(dys, cache.read, params["output"])
    dstates: list[Any] | None = None
    if dhs.ndim == 2:
        ends: list[Any] = np.split(dhs, ways, axis=1)
        if cell == "lstm":
            ends = [(dh, np.zeros_like(dh)) for dh in ends]
        dstates = [tuple(ends)] if ways == 2 else ends
        dhs = np.zeros((len(dhs), cache.steps, dhs.shape[1]), dhs.dtype)
    if cell == "irnn":
        end = None if dstates is None else dstates[0]
        return {"cell": relu_backward(dhs, end, cache.layer, params["cell"]), "output": output}
    grads = layers.stacked_backward(cell, dhs, dstates, cache.layer, [params["cell"]])[2]
    return {"cell": grads[0], "output": output}
