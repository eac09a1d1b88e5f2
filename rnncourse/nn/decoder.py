r"""The decoder of a sequence-to-sequence model: a language model that is told the source.

There are four, by what it knows of the source beside its first state (:data:`DECODERS`). All
compute, at each step u, from the token before (embedded, x_u) and the state before:

- "state": :math:`s_u = f(x_u, s_{u-1})`, and the scores from :math:`s_u`;
- "context": :math:`s_u = f([x_u; s_0], s_{u-1})`, and the scores from :math:`[s_u; s_0]`;
- "luong": :math:`s_u = f(x_u, s_{u-1})`, context :math:`c_u` of the query :math:`s_u`, and the
  scores from :math:`[s_u; c_u]`. The layer runs first, then attention for all steps at once;
- "bahdanau": :math:`c_u` of the query :math:`s_{u-1}`, :math:`s_u = f([x_u; c_u], s_{u-1})`, and
  the scores from :math:`[s_u; c_u]`. Attention stands inside the loop over time.

N batch, T source time, U target time, V vocabulary, D embedding, H width.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts
from rnncourse._types import Array, Params, State
from rnncourse.nn import attention, cells, layers, recurrent
from rnncourse.nn._shapes import add_output, check_float
from rnncourse.nn.encoder import INIT, Model, check_cell, check_ids
from rnncourse.nn.functional import tanh_derivative

DECODERS = {
    "state": "nothing (Sutskever et al., 2014)",
    "context": "that state again, at each step (Cho et al., 2014)",
    "luong": "what attention finds after each step (Luong et al., 2015)",
    "bahdanau": "what attention finds before each step (Bahdanau et al., 2015)",
}
STEPS: dict[str, tuple[Any, Any]] = {
    "rnn": (cells.rnn_step, cells.rnn_step_backward),
    "lstm": (cells.lstm_step, cells.lstm_step_backward),
    "gru": (cells.gru_step, cells.gru_step_backward),
}


class Design(NamedTuple):
    """What kind of model it is; every function that needs to know takes it first."""

    cell: str = "gru"  # "rnn", "lstm" or "gru"
    decoder: str = "luong"  # a name of DECODERS
    score: str = "scaled"  # one of attention.KINDS; only the last two decoders read it
    start: int = 1  # the token that the decoder reads first
    end: int = 2  # the token that ends each target

    @property
    def attends(self) -> bool:
        """True where the decoder looks back at the source."""
        return self.decoder in ("luong", "bahdanau")


def check_design(design: Design) -> None:
    """Raise ValueError for a part that there is not."""
    check_cell(design.cell)
    attention.check_kind(design.score)
    if design.decoder not in DECODERS:
        raise ValueError(f"unknown decoder {design.decoder!r}; expected one of {list(DECODERS)}")


def decoder_init(
    rng: np.random.Generator,
    design: Design,
    V: int,
    D: int,
    H: int,
    dtype: DTypeLike = np.float64,
) -> Model:
    """Params dicts by part.

    ``embedding`` and ``cell`` (inputs of D, or D + H where the cell reads a context),
    ``attention`` where there is one, ``combine`` (2H → H, but for "state") and ``output`` (H → V).
    Raises ValueError for an unknown design or sizes below 1.
    """
    check_counts(V=V, D=D, H=H)
    check_design(design)
    reads = D + (H if design.decoder in ("context", "bahdanau") else 0)
    params: Model = {"embedding": layers.embedding_init(rng, V, D, dtype)}
    params["cell"] = INIT[design.cell](rng, reads, H, dtype)
    if design.attends:
        params["attention"] = attention.attention_init(rng, design.score, H, H, None, dtype)
    if design.decoder != "state":
        params["combine"] = layers.dense_init(rng, 2 * H, H, dtype)
    return params | {"output": layers.dense_init(rng, H, V, dtype)}


# --- all steps, the right tokens given ------------------------------------------------


class DecoderCache(NamedTuple):
    """What ``decoder_backward`` reads; ``weights`` is for the reader too."""

    design: Design
    ids: Array  # (N, U): the tokens read
    inner: Any  # of the layer, and of attention: what the four keep differs
    hs: Array  # (N, U, H)
    features: Array  # (N, U, 2H), or hs: what the scores are computed from
    combined: Array  # (N, U, H): what the output layer read
    weights: Any  # (N, U, T): where each step looked; None without attention


def decoder_forward(
    design: Design,
    inputs: Array,
    state: State,
    params: Model,
    keys: Array | None = None,
    mask: Array | None = None,
) -> tuple[Array, DecoderCache]:
    """Scores of the next token at each step, the tokens before being given (teacher forcing).

    Args:
        design: see :class:`Design`.
        inputs: (N, U) token numbers that it reads: :func:`rnncourse.nn.seq2seq.shift` of a target.
        state: first state, (N, H) or (h, c), from the bridge.
        params: of :func:`decoder_init`.
        keys: (N, T, H), the encoder's outputs; needed where there is attention.
        mask: (N, T) of 0 and 1, of the source.

    Returns:
        scores (N, U, V) and the cache, whose ``weights`` are (N, U, T), or None.

    Raises:
        ValueError: an unknown design, keys are missing, a token outside the vocabulary, or
            shapes that do not fit.
        TypeError: inputs are not of integers, or something else not of floats.
    """
    check_design(design)
    ids, _ = check_ids("inputs", inputs, None, len(params["embedding"]["E"]))
    if design.attends and keys is None:
        raise ValueError(f"decoder {design.decoder!r} needs keys, the encoder's outputs (N, T, H)")
    xs = params["embedding"]["E"][ids]
    run: Any = {"luong": _luong, "bahdanau": _bahdanau}.get(design.decoder, _fixed)
    hs, contexts, weights, inner = run(design, xs, state, params, keys, mask)
    features = hs if contexts is None else np.concatenate([hs, contexts], axis=2)
    logits, combined = readout(features, params)
    return logits, DecoderCache(design, ids, inner, hs, features, combined, weights)


def decoder_backward(
    dlogits: Array, cache: DecoderCache, params: Model
) -> tuple[State, Array | None, Model]:
    """Backward pass of :func:`decoder_forward`.

    Args:
        dlogits: (N, U, V) gradient with respect to the scores.
        cache, params: of the forward pass.

    Returns:
        the gradients of the first state, in its form, of the keys (N, T, H), None where there
        is no attention, and of the parameters.

    Raises ValueError when ``dlogits`` has the wrong shape.
    """
    design, H = cache.design, cache.hs.shape[2]
    check_float("dlogits", dlogits)
    needed = (*cache.ids.shape, len(params["output"]["b_y"]))
    if dlogits.shape != needed:
        raise ValueError(f"dlogits has shape {dlogits.shape}; the scores have {needed}")
    dfeatures, grads = _readout_backward(dlogits, cache.features, cache.combined, params)
    run = {"luong": _luong_backward, "bahdanau": _bahdanau_backward}
    back = run.get(design.decoder, _fixed_backward)
    dhs, dcontexts = dfeatures[..., :H], dfeatures[..., H:]
    dxs, dstate, dkeys, found = back(dhs, dcontexts, cache, params)
    grads |= found
    grads["embedding"] = layers.embedding_backward(dxs, cache.ids, params["embedding"])
    return dstate, dkeys, {name: grads[name] for name in params}


def readout(features: Array, params: Model) -> tuple[Array, Array]:
    r"""Scores (..., V) from a state, or a state beside a context (eq-attention-readout).

    .. math:: \tilde h = \tanh([s; c] W + b), \qquad y = \tilde h W_y + b_y

    Returns the scores and what the output layer read: h̃, or the state itself.
    """
    # All steps of all texts are rows of one matrix: one large product instead of N small ones.
    combined = _rows(features)
    if "combine" in params:
        combined = np.tanh(layers.dense_forward(combined, params["combine"]))
    logits = layers.dense_forward(combined, params["output"])
    leading = features.shape[:-1]
    return logits.reshape(*leading, -1), combined.reshape(*leading, -1)


def _rows(array: Array) -> Array:
    return array.reshape(-1, array.shape[-1])


def _readout_backward(
    dlogits: Array, features: Array, combined: Array, params: Model
) -> tuple[Array, Model]:
    combined = _rows(combined)
    d, dense = layers.dense_backward(_rows(dlogits), combined, params["output"])
    grads = {"output": dense}
    if "combine" in params:
        d = d * tanh_derivative(combined)
        d, grads["combine"] = layers.dense_backward(d, _rows(features), params["combine"])
    return d.reshape(features.shape), grads


# --- without attention ------------------------------------------------------------------


def output_of(state: State) -> Array:
    """h of a state: the state itself, or the first part of an LSTM's."""
    return state[0] if isinstance(state, tuple) else state


def _fixed(
    design: Design, xs: Array, state: State, params: Model, keys: Any, mask: Any
) -> tuple[Array, Array | None, None, Any]:
    """ "state" and "context": what is known of the source is the same at each step."""
    contexts = None
    if design.decoder == "context":
        contexts = np.repeat(output_of(state)[:, None], xs.shape[1], axis=1)
        xs = np.concatenate([xs, contexts], axis=2)
    forward = getattr(recurrent, f"{design.cell}_forward")
    hs, _, inner = forward(xs, state, params["cell"])
    return hs, contexts, None, inner


def _fixed_backward(
    dhs: Array, dcontexts: Array, cache: DecoderCache, params: Model
) -> tuple[Array, State, None, Model]:
    backward = getattr(recurrent, f"{cache.design.cell}_backward")
    dxs, dstate, grads = backward(dhs, None, cache.inner, params["cell"])
    if cache.design.decoder == "context":
        H = dhs.shape[2]
        dxs, dread = dxs[..., :-H], dxs[..., -H:]
        dstate = add_output(dstate, (dread + dcontexts).sum(axis=1))
    return dxs, dstate, None, {"cell": grads}


# --- attention after the layer -----------------------------------------------------------


def _luong(
    design: Design, xs: Array, state: State, params: Model, keys: Array, mask: Array | None
) -> tuple[Array, Array, Array, Any]:
    forward = getattr(recurrent, f"{design.cell}_forward")
    hs, _, inner = forward(xs, state, params["cell"])
    contexts, looked = attention.attention_forward(
        design.score, hs, keys, params["attention"], mask
    )
    return hs, contexts, looked.weights, (inner, looked)


def _luong_backward(
    dhs: Array, dcontexts: Array, cache: DecoderCache, params: Model
) -> tuple[Array, State, Array, Model]:
    inner, looked = cache.inner
    inputs, of_attention = attention.attention_backward(dcontexts, looked, params["attention"])
    dqueries, dkeys, _ = inputs
    backward = getattr(recurrent, f"{cache.design.cell}_backward")
    dxs, dstate, of_cell = backward(dhs + dqueries, None, inner, params["cell"])
    return dxs, dstate, dkeys, {"cell": of_cell, "attention": of_attention}


# --- attention inside the loop -------------------------------------------------------------


def _bahdanau(
    design: Design, xs: Array, state: State, params: Model, keys: Array, mask: Array | None
) -> tuple[Array, Array, Array, Any]:
    source = attention.prepare(design.score, keys, params["attention"], mask)
    step, _ = STEPS[design.cell]
    hs, contexts, steps = [], [], []
    for u in range(xs.shape[1]):
        query = output_of(state)[:, None]
        context, looked = attention.attend(query, source, params["attention"])
        x = np.concatenate([xs[:, u], context[:, 0]], axis=1)
        state, inner = step(x, state, params["cell"])
        hs.append(output_of(state))
        contexts.append(context[:, 0])
        steps.append((inner, looked))
    weights = np.concatenate([looked.weights for _, looked in steps], axis=1)
    return np.stack(hs, axis=1), np.stack(contexts, axis=1), weights, steps


def _bahdanau_backward(
    dhs: Array, dcontexts: Array, cache: DecoderCache, params: Model
) -> tuple[Array, State, Array, Model]:
    _, step_backward = STEPS[cache.design.cell]
    source, dcontexts = cache.inner[0][1].source, dcontexts.copy()
    dreads, dready, dstate = [], np.zeros_like(source.ready), _no_gradient(cache)
    sums = {part: _zeros(params[part]) for part in ("cell", "attention")}
    for u in reversed(range(dhs.shape[1])):
        inner, looked = cache.inner[u]
        dread, dstate, grads = step_backward(add_output(dstate, dhs[:, u]), inner, params["cell"])
        _accumulate(sums["cell"], grads)
        dcontexts[:, u] += dread[:, -dhs.shape[2] :]
        dquery, more, grads = attention.attend_backward(
            dcontexts[:, [u]], looked, params["attention"]
        )
        _accumulate(sums["attention"], grads)
        dready += more
        dstate = add_output(dstate, dquery[:, 0])
        dreads.append(dread)
    dvalues = attention.values_backward(dcontexts, cache.weights)
    dkeys, _, grads = attention.prepare_backward(dready, dvalues, source, params["attention"])
    _accumulate(sums["attention"], grads)
    dxs = np.stack(dreads[::-1], axis=1)[..., : -dhs.shape[2]]
    return dxs, dstate, dkeys, sums


def _zeros(params: Params) -> Params:
    return {name: np.zeros_like(p) for name, p in params.items()}


def _no_gradient(cache: DecoderCache) -> State:
    """Zeros in the form of a state: nobody reads the last one."""
    zero = np.zeros_like(cache.hs[:, 0])
    return (zero, zero) if cache.design.cell == "lstm" else zero


def _accumulate(sums: Params, grads: Params) -> None:
    """Add what one step says; in place."""
    for name, gradient in grads.items():
        sums[name] += gradient


# --- one step, for writing -------------------------------------------------------------------


class StepState(NamedTuple):
    """What a decoder that writes hands from step to step; a row for each text."""

    state: State  # (B, H) or (h, c)
    weights: Array | None  # (B, T): where the last step looked


def decoder_step(
    design: Design,
    tokens: Array,
    state: State,
    params: Model,
    source: Any,
    first: Array,
) -> tuple[Array, StepState]:
    """The same as one step of :func:`decoder_forward`, for several texts a source.

    Args:
        tokens: (B,) the tokens before; B = N k texts, those of one source beside each other.
        state: (B, H) or (h, c).
        source: of :func:`rnncourse.nn.attention.prepare`, N rows; None without attention.
        first: (N, H), h of the first state, which decoder "context" reads again.

    Returns scores (B, V), the new state and the weights.
    """
    N, x, context, weights = len(first), params["embedding"]["E"][tokens], None, None

    def look(state: State) -> tuple[Array, Array]:
        queries = output_of(state).reshape(N, -1, first.shape[1])
        found, cache = attention.attend(queries, source, params["attention"])
        return found.reshape(len(x), -1), cache.weights.reshape(len(x), -1)

    if design.decoder == "context":
        context = np.repeat(first, len(x) // N, axis=0)
    if design.decoder == "bahdanau":
        context, weights = look(state)
    x = x if context is None else np.concatenate([x, context], axis=1)
    state, _ = STEPS[design.cell][0](x, state, params["cell"])
    if design.decoder == "luong":
        context, weights = look(state)
    h = output_of(state)
    features = h if context is None else np.concatenate([h, context], axis=1)
    return readout(features, params)[0], StepState(state, weights)
