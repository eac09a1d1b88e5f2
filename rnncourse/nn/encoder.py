r"""The encoder of a sequence-to-sequence model, and the bridge from it to the decoder.

N batch, T source time, V vocabulary, D embedding, H width of the outputs: an encoder of two
directions has H / 2 units in each. A state has its cell's form: (N, H), or for an LSTM (h, c).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts, plain
from rnncourse._types import Array, State
from rnncourse.nn import cells, layers, recurrent
from rnncourse.nn._shapes import as_bool, map_parts
from rnncourse.nn.functional import tanh_derivative

Model = dict[str, Any]  # params dicts by part
INIT = {"rnn": cells.rnn_init, "lstm": cells.lstm_init, "gru": cells.gru_init}

# --- the encoder ----------------------------------------------------------------


class EncoderCache(NamedTuple):
    """What ``encoder_backward`` reads."""

    cell: str
    ids: Array  # (N, T), 0 where masked
    shape: tuple[int, ...]  # of the outputs, (N, T, H)
    inner: Any  # of the recurrent layer


def encoder_init(
    rng: np.random.Generator,
    cell: str,
    V: int,
    D: int,
    H: int,
    bidirectional: bool = False,
    dtype: DTypeLike = np.float64,
) -> Model:
    """``{"embedding": {"E": (V, D)}, "cell": params, or a pair of them for two directions}``.

    Raises ValueError for an unknown cell, sizes below 1, or an odd H for two directions.
    """
    check_counts(V=V, D=D, H=H)
    check_cell(cell)
    embedding = layers.embedding_init(rng, V, D, dtype)
    if not bidirectional:
        return {"embedding": embedding, "cell": INIT[cell](rng, D, H, dtype)}
    if H % 2:
        raise ValueError(f"H = {H}; two directions share it evenly: expected an even number")
    pair = tuple(INIT[cell](rng, D, H // 2, dtype) for _ in range(2))
    return {"embedding": embedding, "cell": pair}


def encoder_forward(
    cell: str, source: Array, params: Model, mask: Array | None = None
) -> tuple[Array, State, EncoderCache]:
    """Read the sources (eq-seq2seq-encoder).

    Args:
        cell: "rnn", "lstm" or "gru".
        source: (N, T) token numbers; anything where the mask is 0.
        params: of :func:`encoder_init`.
        mask: (N, T) of 0 and 1, at least one 1 in each row; None for all ones.

    Returns:
        outputs (N, T, H), 0 where masked; the last state, (N, H) or (h, c), of two directions
        side by side; the cache. Padding, before or behind, changes neither.

    Raises:
        ValueError: a source without a token, a token outside the vocabulary, a mask that does
            not fit, an unknown cell.
        TypeError: source is not of integers.
    """
    check_cell(cell)
    E, layer = params["embedding"]["E"], params["cell"]
    ids, kept = check_ids("source", source, mask, len(E))
    if not kept.any(axis=1).all():
        row = int(np.argmin(kept.any(axis=1)))
        raise ValueError(f"source row {row} has no token: there is nothing to encode")
    real = None if kept.all() else kept
    if isinstance(layer, tuple):
        hs, pair, inner = layers.bidirectional_forward(cell, E[ids], None, layer, real)
        last = map_parts(lambda *halves: np.concatenate(halves, axis=1), *pair)
    else:
        hs, last, inner = getattr(recurrent, f"{cell}_forward")(E[ids], None, layer, real)
    return hs, last, EncoderCache(cell, ids, hs.shape, inner)


def encoder_backward(dhs: Array | None, dlast: State, cache: EncoderCache, params: Model) -> Model:
    """Gradients of the encoder's parameters, in the form of ``params``.

    Args:
        dhs: (N, T, H) gradient with respect to the outputs, or None where nobody read them.
        dlast: gradient with respect to the last state, in its form.
        cache, params: of the forward pass.

    Raises ValueError when an upstream gradient has the wrong shape.
    """
    cell, ids, shape, inner = cache
    layer, E = params["cell"], params["embedding"]["E"]
    dhs = np.zeros(shape, E.dtype) if dhs is None else dhs
    if isinstance(layer, tuple):
        H = shape[2] // 2
        dpair = (
            map_parts(lambda part: part[:, :H], dlast),
            map_parts(lambda part: part[:, H:], dlast),
        )
        dxs, _, grads = layers.bidirectional_backward(cell, dhs, dpair, inner, layer)
    else:
        dxs, _, grads = getattr(recurrent, f"{cell}_backward")(dhs, dlast, inner, layer)
    dE = layers.embedding_backward(dxs, ids, params["embedding"])
    return {"embedding": dE, "cell": grads}


# --- the bridge -----------------------------------------------------------------


class BridgeCache(NamedTuple):
    """What ``bridge_backward`` reads; both in the cell's form."""

    last: State
    state: State


def bridge_init(
    rng: np.random.Generator, cell: str, H: int, dtype: DTypeLike = np.float64
) -> Model:
    """A dense layer (H → H) for h, and one for an LSTM's c: ``{"h": …, "c": …}``."""
    check_cell(cell)
    names = ("h", "c") if cell == "lstm" else ("h",)
    return {name: layers.dense_init(rng, H, H, dtype) for name in names}


def bridge_forward(last: State, params: Model) -> tuple[State, BridgeCache]:
    r"""From the encoder's last state to the decoder's first one (eq-seq2seq-bridge).

    .. math:: s_0 = \tanh(h_T W + b)

    With params ``{}`` it is the last state itself.

    Args:
        last: (N, H), or (h, c), of :func:`encoder_forward`.
        params: of :func:`bridge_init`, or ``{}``.

    Returns the state, in the same form, and the cache.
    """
    if not params:
        return last, BridgeCache(last, last)
    pairs = zip(_parts(last), params.values(), strict=True)
    new = [np.tanh(layers.dense_forward(part, dense)) for part, dense in pairs]
    state = tuple(new) if isinstance(last, tuple) else new[0]
    return state, BridgeCache(last, state)


def bridge_backward(dstate: State, cache: BridgeCache, params: Model) -> tuple[State, Model]:
    """Gradients of :func:`bridge_forward`: of the last state, and of the parameters."""
    if not params:
        return dstate, {}
    das = map_parts(lambda d, s: d * tanh_derivative(s), dstate, cache.state)
    parts = zip(_parts(das), _parts(cache.last), params.values(), strict=True)
    back = [layers.dense_backward(da, part, dense) for da, part, dense in parts]
    grads = {name: gradient for name, (_, gradient) in zip(params, back, strict=True)}
    dlast = tuple(d for d, _ in back)
    return dlast if isinstance(das, tuple) else dlast[0], grads


def _parts(state: State) -> tuple[Array, ...]:
    return state if isinstance(state, tuple) else (state,)


# --- checks -----------------------------------------------------------------------


def check_cell(cell: str) -> None:
    """Raise ValueError unless this is "rnn", "lstm" or "gru"."""
    if cell not in INIT:
        raise ValueError(f"unknown cell {cell!r}; expected one of {sorted(INIT)}")


def check_ids(name: str, ids: Array, mask: Array | None, V: int) -> tuple[Array, Array]:
    """The ids (N, T) with 0 where masked, and the mask as bool, all true for None.

    Raises ValueError for other shapes, no step, and a token outside 0..V-1, naming its place;
    TypeError where ids are not integers.
    """
    ids = plain(name, ids)
    if ids.ndim != 2 or ids.shape[1] == 0:
        raise ValueError(f"{name} has shape {ids.shape}; expected (N, T) with at least one token")
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {ids.dtype}; token numbers must be integers")
    kept = np.ones(ids.shape, bool) if mask is None else as_bool(mask, ids.shape, f"{name} needs")
    outside = kept & ((ids < 0) | (ids >= V))
    if outside.any():
        row, step = (int(i) for i in np.argwhere(outside)[0])
        raise ValueError(f"{name} row {row}, step {step} is token {ids[row, step]}; the vocabulary "
                         f"has 0..{V - 1}")  # fmt: skip
    return np.where(kept, ids, 0), kept
