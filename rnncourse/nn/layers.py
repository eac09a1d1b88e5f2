r"""Layers over whole sequences, fast, with their backward passes.

``rnn_*``, ``lstm_*`` and ``gru_*`` are in :mod:`rnncourse.nn.recurrent`; here are the
parts around them.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts, check_numbers, plain
from rnncourse._types import Array, Params
from rnncourse.nn import recurrent
from rnncourse.nn._shapes import as_bool, check_float, check_mask
from rnncourse.nn.initializers import check_float_dtype, xavier_uniform

Pair = tuple[Any, Any]  # one for each direction: forward, backward
Layer = Params | tuple[Params, Params]

_CELLS = {
    "rnn": (recurrent.rnn_forward, recurrent.rnn_backward),
    "lstm": (recurrent.lstm_forward, recurrent.lstm_backward),
    "gru": (recurrent.gru_forward, recurrent.gru_backward),
}


# --- two directions ----------------------------------------------------------


def bidirectional_forward(
    kind: str, xs: Array, states: Pair | None, params: Pair, mask: Array | None = None
) -> tuple[Array, Pair, Pair]:
    """Read the sequence from both ends, each direction with its own cell (eq-deep-bidirectional).

    Where the mask is 0 a direction carries its state past the step, so padding
    on either side changes nothing.

    Args:
        kind: "rnn", "lstm" or "gru".
        xs: (N, T, D) inputs.
        states: first states of the forward and the backward direction, each in the
            cell's form; the backward one starts at the last step. None for zeros.
        params: the parameters of both directions, of equal H.
        mask: (N, T) of 0 and 1.

    Returns:
        hs (N, T, 2H), the forward direction's outputs beside the backward one's;
        both last states; the caches of both.

    Raises:
        ValueError: an unknown kind, params that are not a pair of dicts or differ in H, or
            states that are no pair.
        ValueError, TypeError: as :func:`rnncourse.nn.cells.unroll`.
    """
    forward, _ = _cell(kind)
    if not (isinstance(params, tuple) and len(params) == 2):
        raise ValueError(f"params is {type(params).__name__}; expected (forward, backward)")
    _check_widths(*params)
    ahead, back = _both("states", states)
    hs, last, cache = forward(xs, ahead, params[0], mask)  # checks the shapes
    checked = check_mask(mask, *xs.shape[:2])
    reversed_mask = None if checked is None else checked[:, ::-1]
    hs_back, last_back, cache_back = forward(xs[:, ::-1], back, params[1], reversed_mask)
    hs = np.concatenate([hs, hs_back[:, ::-1]], axis=2)
    return hs, (last, last_back), (cache, cache_back)


def _check_widths(ahead: Params, back: Params) -> None:
    widths = [len(p["W_h"]) for p in (ahead, back)]
    if widths[0] != widths[1]:
        raise ValueError(f"the directions have H = {widths}; expected the same in both")


def bidirectional_backward(
    kind: str, dhs: Array, dstates: Pair | None, cache: Pair, params: Pair
) -> tuple[Array, Pair, tuple[Params, Params]]:
    """Backward pass of :func:`bidirectional_forward`.

    Args:
        dhs: (N, T, 2H) gradient of the loss with respect to the outputs.
        dstates: gradients with respect to both last states, or None for zeros.
        cache: from the forward pass.
        params: as in the forward pass.

    Returns:
        dxs (N, T, D), the sum over both directions; the gradients of both first
        states; those of the parameters of both.

    Raises ValueError when an upstream gradient has the wrong shape.
    """
    _, backward = _cell(kind)
    H = len(params[0]["W_h"])
    check_float("dhs", dhs)
    if dhs.ndim != 3 or dhs.shape[2] != 2 * H:
        raise ValueError(f"dhs has shape {dhs.shape}; two directions of {H} units need {2 * H}")
    ahead, back = _both("dstates", dstates)
    dxs, dfirst, grads = backward(dhs[..., :H], ahead, cache[0], params[0])
    dhs_back = dhs[:, ::-1, H:]
    dxs_back, dfirst_back, grads_back = backward(dhs_back, back, cache[1], params[1])
    return dxs + dxs_back[:, ::-1], (dfirst, dfirst_back), (grads, grads_back)


def _both(name: str, states: Pair | None) -> Pair:
    """The states of both directions. Raises ValueError where they are no pair."""
    if states is None:
        return None, None
    if not (isinstance(states, tuple | list) and len(states) == 2):
        raise ValueError(f"{name} is {type(states).__name__}; expected (forward, backward)")
    return states[0], states[1]


# --- layers upon layers --------------------------------------------------------


class StackCache(NamedTuple):
    """What ``stacked_backward`` reads."""

    layers: list[Any]  # the cache of each layer
    keeps: list[Array | None]  # what dropout multiplied the input of each layer by
    residual: bool


def stacked_forward(
    kind: str,
    xs: Array,
    states: list[Any] | None,
    params: list[Layer],
    mask: Array | None = None,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
    residual: bool = False,
) -> tuple[Array, list[Any], StackCache]:
    """Each layer reads what the layer below it wrote (eq-deep-stack).

    Args:
        kind: "rnn", "lstm" or "gru".
        xs: (N, T, D) inputs of the lowest layer.
        states: the first state of each layer, or None for zeros.
        params: one item a layer, from the lowest: a params dict, or a pair of them
            for a layer of two directions.
        mask: (N, T) of 0 and 1.
        dropout: share of the numbers between two layers that is set to zero, for
            training; 0 for none. Never on the path over time (Zaremba et al., 2014).
        rng: draws them; needed where dropout is above 0.
        residual: add the input of each layer but the lowest to its output (eq-deep-residual).

    Returns:
        the highest layer's outputs (N, T, H or 2H), the last state of each layer, the cache.

    Raises:
        ValueError: no layers, as many states as layers are not there, or residual
            layers of different widths.
        ValueError, TypeError: as the layers themselves.
    """
    states = [None] * len(params) if states is None else states
    if not params or len(states) != len(params):
        raise ValueError(f"{len(params)} layers and {len(states)} states; expected one each")
    lasts, caches, keeps = [], [], []
    for depth, (layer, state) in enumerate(zip(params, states, strict=True)):
        below, keep = xs, None
        if depth and dropout:
            xs, keep = dropout_forward(xs, dropout, rng)
        xs, last, cache = _layer_forward(kind, xs, state, layer, mask)
        if residual and depth:
            if xs.shape != below.shape:
                raise ValueError(f"residual: layer {depth} makes {xs.shape} of {below.shape}")
            xs = xs + below
        lasts.append(last)
        caches.append(cache)
        keeps.append(keep)
    return xs, lasts, StackCache(caches, keeps, residual)


def stacked_backward(
    kind: str, dhs: Array, dstates: list[Any] | None, cache: StackCache, params: list[Layer]
) -> tuple[Array, list[Any], list[Any]]:
    """Backward pass of :func:`stacked_forward`.

    Args:
        dhs: gradient of the loss with respect to the highest layer's outputs.
        dstates: gradients with respect to the last state of each layer, or None for zeros.
        cache: from the forward pass.
        params: as in the forward pass.

    Returns:
        dxs (N, T, D), the gradients of the first states, and those of the parameters,
        both in the form of ``params``.

    Raises ValueError when an upstream gradient has the wrong shape.
    """
    dstates = [None] * len(params) if dstates is None else dstates
    dfirsts: list[Any] = [None] * len(params)
    grads: list[Any] = [None] * len(params)
    for depth in reversed(range(len(params))):
        layer, dabove = params[depth], dhs
        dhs, dfirsts[depth], grads[depth] = _layer_backward(
            kind, dhs, dstates[depth], cache.layers[depth], layer
        )
        keep = cache.keeps[depth]
        if keep is not None:
            dhs = dropout_backward(dhs, keep)
        if cache.residual and depth:
            dhs = dhs + dabove
    return dhs, dfirsts, grads


def _cell(kind: str) -> tuple[Any, Any]:
    if kind not in _CELLS:
        raise ValueError(f"unknown kind {kind!r}; expected one of {sorted(_CELLS)}")
    return _CELLS[kind]


def _layer_forward(
    kind: str, xs: Array, state: Any, layer: Layer, mask: Array | None
) -> tuple[Array, Any, Any]:
    if isinstance(layer, tuple):
        return bidirectional_forward(kind, xs, state, layer, mask)
    return _cell(kind)[0](xs, state, layer, mask)


def _layer_backward(
    kind: str, dhs: Array, dstate: Any, cache: Any, layer: Layer
) -> tuple[Array, Any, Layer]:
    if isinstance(layer, tuple):
        return bidirectional_backward(kind, dhs, dstate, cache, layer)
    return _cell(kind)[1](dhs, dstate, cache, layer)


# --- dropout -------------------------------------------------------------------


def dropout_forward(xs: Array, rate: float, rng: np.random.Generator | None) -> tuple[Array, Array]:
    """Set a random share ``rate`` of the numbers to zero, for training (eq-deep-dropout).

    The others are divided by 1 - rate, so that the mean stays what it was and nothing
    needs to change when dropout is off ("inverted dropout").

    Returns xs multiplied by keep, and keep: 0 or 1 / (1 - rate), in the shape and dtype
    of xs. What is set to zero may be NaN. Raises ValueError unless 0 <= rate < 1, and where
    rng is not a Generator; TypeError where xs are not floats.
    Source: Srivastava et al. (2014).
    """
    check_float("xs", xs)
    if not 0 <= rate < 1:
        raise ValueError(f"rate is {rate}; expected 0 <= rate < 1")
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"dropout needs rng, a numpy.random.Generator; found {rng!r}")
    keep = ((rng.random(xs.shape) >= rate) / (1 - rate)).astype(xs.dtype)
    return dropout_backward(xs, keep), keep


def dropout_backward(dys: Array, keep: Array) -> Array:
    """Gradient of :func:`dropout_forward`: the same numbers are zero, the same divided.

    Raises ValueError for another shape.
    """
    check_numbers("dys", dys)
    if dys.shape != keep.shape:
        raise ValueError(f"dys has shape {dys.shape}; keep has {keep.shape}")
    with np.errstate(invalid="ignore"):
        ys = dys * keep
        finite = np.isfinite(np.vdot(ys, ys))
    if not finite:  # 0 · NaN is NaN: what is dropped must be zero
        np.copyto(ys, 0, where=keep == 0)
    return ys


# --- the embedding ---------------------------------------------------------------


def embedding_init(
    rng: np.random.Generator, V: int, D: int, dtype: DTypeLike = np.float64
) -> Params:
    """A row of D numbers for each of V tokens, drawn from N(0, 1): ``{"E": (V, D)}``."""
    check_counts(V=V, D=D)
    check_float_dtype(dtype)
    return {"E": rng.standard_normal((V, D)).astype(dtype)}


def embedding_forward(ids: Array, params: Params) -> Array:
    """The row of E for each token: ids (N, T) of integers in 0..V-1 → (N, T, D).

    The same as a one-hot row times E, without the multiplications by zero.
    Raises TypeError if ids are not integers, ValueError if one is outside 0..V-1.
    """
    return params["E"][check_token_numbers(ids, len(params["E"]))]


def embedding_backward(dxs: Array, ids: Array, params: Params) -> Params:
    """The gradient of E, (V, D): each row is the sum of dxs wherever its token stood.

    Raises ValueError when ``dxs`` is not (N, T, D) for these ids, and as
    :func:`embedding_forward`.
    """
    E = params["E"]
    ids = check_token_numbers(ids, len(E))
    check_numbers("dxs", dxs)
    if dxs.shape != (*ids.shape, E.shape[1]):
        raise ValueError(f"dxs has shape {dxs.shape}; ids {ids.shape} and E {E.shape} need "
                         f"{(*ids.shape, E.shape[1])}")  # fmt: skip
    dE = np.zeros_like(E)
    np.add.at(dE, ids, dxs)
    return {"E": dE}


def check_token_numbers(ids: Array, V: int) -> Array:
    """The ids as an array. Raises as :func:`embedding_forward` says."""
    ids = plain("ids", ids)
    if not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"ids has dtype {ids.dtype}; token numbers must be integers")
    if ids.size and (ids.min() < 0 or ids.max() >= V):
        raise ValueError(f"ids lie in {ids.min()}..{ids.max()}; E has rows 0..{V - 1}")
    return ids


# --- the dense layer -----------------------------------------------------------


def dense_init(rng: np.random.Generator, H: int, V: int, dtype: DTypeLike = np.float64) -> Params:
    """Parameters of y = h W_y + b_y: ``{"W_y": (H, V), "b_y": (V,)}``, Xavier-uniform."""
    check_counts(H=H, V=V)
    return {"W_y": xavier_uniform(rng, H, V, dtype), "b_y": np.zeros(V, dtype)}


def dense_forward(hs: Array, params: Params, mask: Array | None = None) -> Array:
    """y = h W_y + b_y at every position (eq-rnn-output); hs (..., H) → (..., V).

    mask (...) of 0 and 1: where it is 0 the output is 0, and hs, were it NaN, counts for
    nothing. Raises ValueError when the last axis of ``hs`` is not H, or the mask does not fit.
    """
    W_y = params["W_y"]
    check_numbers("hs", hs)
    if hs.ndim == 0 or hs.shape[-1] != len(W_y):
        raise ValueError(f"hs has shape {hs.shape}; W_y {W_y.shape} needs (..., {len(W_y)})")
    return _masked(_masked(hs, mask) @ W_y + params["b_y"], mask)


def dense_backward(
    dys: Array, hs: Array, params: Params, mask: Array | None = None
) -> tuple[Array, Params]:
    """Gradients of :func:`dense_forward`: dhs (..., H) and those of ``W_y``, ``b_y``.

    Positions share the parameters, so their gradients are summed. Where the mask is 0, neither
    dys nor hs counts for anything: needed where hs holds NaN in the padding, since 0 · NaN is
    NaN. Raises ValueError when ``dys`` is not (..., V) with the leading axes of ``hs``, or the
    mask does not fit.
    """
    H, V = params["W_y"].shape
    check_numbers("hs", hs)
    check_numbers("dys", dys)
    if dys.shape != (*hs.shape[:-1], V):
        raise ValueError(f"dys has shape {dys.shape}; hs {hs.shape} and W_y {(H, V)} need "
                         f"{(*hs.shape[:-1], V)}")  # fmt: skip
    dys, hs = _masked(dys, mask), _masked(hs, mask)
    flat = dys.reshape(-1, V)
    grads = {"W_y": hs.reshape(-1, H).T @ flat, "b_y": flat.sum(axis=0)}
    return dys @ params["W_y"].T, grads


def _masked(values: Array, mask: Array | None) -> Array:
    """The values (..., H) where the mask (...) is 1, else 0."""
    if mask is None:
        return values
    return np.where(as_bool(mask, values.shape[:-1], "hs need")[..., None], values, 0)
