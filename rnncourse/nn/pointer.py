r"""The pointer-generator: sequence to sequence whose decoder may copy words of its source.

Encoder and bridge are those of :mod:`rnncourse.nn.seq2seq`. The decoder runs its cell, asks the
source by the additive score, and reads state and context together, as decoder "luong" does. Two
switches are new (:class:`PointerDesign`):

- ``copy``: a gate, computed from state, context and input, mixes the vocabulary's distribution
  with the attention weights (:mod:`rnncourse.nn.copying`);
- ``coverage``: the score is also told how much the earlier steps took from each place
  (eq-summarization-covscore), and a loss asks each step not to look there again.

Source and target share one vocabulary, 0..V-1. Numbers from V on belong to words that the
vocabulary lacks, each source counting its own (:func:`rnncourse.nn.copying.number_source`); the
network reads them as the unknown token, and can write them only by copying.

N batch, T source time, U target time, V vocabulary, E extended vocabulary, D embedding, H width.

Source: See, Liu and Manning (2017), without their sharing of the two embeddings.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnncourse._types import Array, Params, State
from rnncourse.nn import attention, copying, decoder, encoder, layers, recurrent
from rnncourse.nn._shapes import check_float
from rnncourse.nn.encoder import Model, check_ids
from rnncourse.nn.functional import cross_entropy, log_softmax, tanh_derivative
from rnncourse.nn.seq2seq import Batch, shift


class PointerDesign(NamedTuple):
    """What kind of model it is; every function that needs to know takes it first."""

    cell: str = "gru"  # "rnn", "lstm" or "gru"
    copy: bool = True  # may it copy from the source?
    coverage: bool = False  # is it told where it has looked?
    penalty: float = 1.0  # weight of the coverage loss; read only with coverage
    start: int = 1  # the token that the decoder reads first
    end: int = 2  # the token that ends each target
    unknown: int = 3  # what the network reads for a word that the vocabulary lacks


def pointer_init(
    rng: np.random.Generator,
    design: PointerDesign,
    V: int,
    D: int,
    H: int,
    bidirectional: bool = False,
    dtype: DTypeLike = np.float64,
) -> Model:
    """Params of the three parts: ``{"encoder": …, "bridge": …, "decoder": …}``.

    The decoder has ``embedding``, ``cell``, ``attention``, ``combine`` and ``output``; with copy
    also ``gate``, a dense layer (2H + D → 1), and with coverage ``coverage``: ``{"w": (H,)}``,
    zeros, so that it starts as a model without.

    Raises ValueError for an unknown cell, sizes below 1, an odd H for two directions, and start,
    end or unknown tokens outside 0..V-1, or two of them the same.
    """
    special = {name: getattr(design, name) for name in ("start", "end", "unknown")}
    if len(set(special.values())) < 3 or not all(0 <= k < V for k in special.values()):
        raise ValueError(f"special tokens are {special}; expected three numbers of 0..{V - 1}")
    plan = decoder.Design(design.cell, "luong", "additive", design.start, design.end)
    written = decoder.decoder_init(rng, plan, V, D, H, dtype)
    if design.copy:
        written["gate"] = layers.dense_init(rng, 2 * H + D, 1, dtype)
    if design.coverage:
        written["coverage"] = {"w": np.zeros(H, dtype)}
    return {
        "encoder": encoder.encoder_init(rng, design.cell, V, D, H, bidirectional, dtype),
        "bridge": encoder.bridge_init(rng, design.cell, H, dtype),
        "decoder": written,
    }


# --- looking, with or without coverage ------------------------------------------------


class LookCache(NamedTuple):
    """What ``look_backward`` reads; ``weights`` and ``covered`` are for the reader too."""

    source: attention.Source
    queries: Array  # (N, U, H)
    hidden: Array  # (N, U, T, A)
    log_weights: Array  # (N, U, T), -∞ where masked
    weights: Array  # (N, U, T)
    covered: Array | None  # (N, U, T): what the earlier steps took; None without coverage


def look_forward(
    queries: Array, source: attention.Source, params: Model, covered: Array | None
) -> LookCache:
    r"""Weights of all queries; with coverage one after another (eq-summarization-covscore).

    .. math:: e_{ut} = \tanh(s_u W_q + h_t W_k + c_{ut} w_c + b) \cdot v

    Args:
        queries: (N, U, H).
        source: of :func:`rnncourse.nn.attention.prepare`, kind "additive".
        params: of a decoder, with ``attention`` and, for coverage, ``coverage``.
        covered: (N, T), what was taken before the first query; None without coverage.
    """
    scores, found = attention.additive_scores, []
    if covered is None:
        found = [scores(queries, source.ready, params["attention"])]
    else:
        w, taken = params["coverage"]["w"], []
        for u in range(queries.shape[1]):
            ready = source.ready + covered[:, :, None] * w
            found.append(scores(queries[:, [u]], ready, params["attention"]))
            taken.append(covered)
            covered = covered + attention.masked_softmax(found[-1][0], source.mask)[:, 0]
        covered = np.stack(taken, axis=1)
    e, hidden = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
    e = e if source.mask is None else np.where(source.mask, e, -np.inf)
    log_weights = log_softmax(e)
    return LookCache(source, queries, hidden, log_weights, np.exp(log_weights), covered)


def look_backward(
    dlog_weights: Array, dweights: Array, cache: LookCache, params: Model
) -> tuple[Array, Array, Model]:
    """Backward pass of :func:`look_forward`.

    Args:
        dlog_weights, dweights: (N, U, T), what reached the logarithms and the weights themselves.

    Returns dqueries (N, U, H), dready (N, T, A), and the gradients of ``attention`` (``W_q`` and
    ``v``) and ``coverage``.
    """
    back, a = attention.additive_scores_backward, cache.weights

    def to_scores(dlog: Array, rows: Any) -> Array:
        return dlog - a[rows] * dlog.sum(axis=-1, keepdims=True)

    if cache.covered is None:
        dscores = to_scores(dlog_weights + a * dweights, np.s_[:])
        dqueries, dready, grads = back(dscores, cache.queries, cache.hidden, params["attention"])
        return dqueries, dready, {"attention": grads}
    w, later = params["coverage"]["w"], np.zeros_like(a[:, 0])
    found, dw = [], np.zeros_like(w)
    for u in reversed(range(a.shape[1])):
        dlog = dlog_weights[:, [u]] + a[:, [u]] * (dweights[:, [u]] + later[:, None])
        dscores = to_scores(dlog, np.s_[:, [u]])
        found.append(back(dscores, cache.queries[:, [u]], cache.hidden[:, [u]],
                          params["attention"]))  # fmt: skip
        dw += np.einsum("nt,nta->a", cache.covered[:, u], found[-1][1])
        later = later + found[-1][1] @ w
    queries, readies, grads = zip(*found[::-1], strict=True)
    total = {name: sum(g[name] for g in grads) for name in grads[0]}
    dready = np.sum(readies, axis=0)
    return np.concatenate(queries, 1), dready, {"attention": total, "coverage": {"w": dw}}


# --- the whole model, the right tokens given ------------------------------------------------


class PointerCache(NamedTuple):
    """What ``pointer_backward`` reads; ``weights``, ``gate`` and ``covered`` are for the reader."""

    read: encoder.EncoderCache
    crossed: encoder.BridgeCache
    cell: Any
    inputs: Array  # (N, U): the tokens read, below V
    look: LookCache
    features: Array  # (N, U, 2H + D): state, context, input
    combined: Array  # (N, U, H)
    gate: Array | None  # (N, U): log-odds of generating; None without copy

    @property
    def weights(self) -> Array:
        """Where each step looked, (N, U, T)."""
        return self.look.weights

    @property
    def covered(self) -> Array | None:
        """What the steps before each step took, (N, U, T); None without coverage."""
        return self.look.covered


def known(numbers: ArrayLike, V: int, unknown: int) -> Array:
    """Numbers as the network reads them: V and more are the unknown token."""
    numbers = np.asarray(numbers)
    return np.where(numbers < V, numbers, unknown)


def pointer_forward(
    design: PointerDesign, batch: Batch, params: Model
) -> tuple[tuple[Array, Array | None, Array], PointerCache]:
    """Scores, gate and attention of each target token, the tokens before it being given.

    Args:
        batch: ``Batch(*text.pad(sources), *text.pad(targets))`` of extended numbers.

    Returns what :func:`rnncourse.nn.copying.mixture_loss` wants, as a tuple, and the cache. In the
    tuple are the logits (N, U, V), the gate (N, U), None without copy, and the logarithms of the
    weights (N, U, T).

    Raises as :func:`rnncourse.nn.seq2seq.seq2seq_forward`.
    """
    E = params["decoder"]["embedding"]["E"]
    _check_target(design, batch, len(E))
    hs, last, read = encoder.encoder_forward(
        design.cell, known(batch.source, len(E), design.unknown), params["encoder"],
        batch.source_mask,
    )  # fmt: skip
    first, crossed = encoder.bridge_forward(last, params["bridge"])
    inputs = np.where(batch.target_mask, batch.target, design.end)
    inputs = shift(known(inputs, len(E), design.unknown), design.start)
    xs = E[inputs]
    forward = getattr(recurrent, f"{design.cell}_forward")
    states, _, cell = forward(xs, first, params["decoder"]["cell"])
    source = _prepared(hs, batch.source_mask, params)
    taken = np.zeros_like(hs[..., 0]) if design.coverage else None
    look = look_forward(states, source, params["decoder"], taken)
    features = np.concatenate([states, look.weights @ source.values, xs], axis=2)
    logits, combined, gate = _written(features, params["decoder"])
    cache = PointerCache(read, crossed, cell, inputs, look, features, combined, gate)
    return (logits, gate, look.log_weights), cache


def pointer_backward(
    dlogits: Array,
    dgate: Array | None,
    dlog_weights: Array,
    cache: PointerCache,
    params: Model,
    dweights: Array | None = None,
) -> Model:
    """Backward pass of :func:`pointer_forward`: gradients in the form of ``params``.

    Args:
        dlogits, dgate, dlog_weights: in the shapes of what it returned; dgate None without copy.
        dweights: (N, U, T), such as the coverage loss has; None for none.

    Raises ValueError when ``dlogits`` or ``dlog_weights`` has the wrong shape.
    """
    own, look = params["decoder"], cache.look
    _check_upstream(dlogits, dlog_weights, cache, len(own["output"]["b_y"]))
    dfeatures, grads = _written_backward(dlogits, dgate, cache, own)
    H = look.queries.shape[2]
    dstates, dcontexts, dxs = np.split(dfeatures, [H, 2 * H], axis=2)
    more = dcontexts @ look.source.values.swapaxes(1, 2)
    more = more if dweights is None else more + dweights
    dqueries, dready, found = look_backward(dlog_weights, more, look, own)
    dvalues = attention.values_backward(dcontexts, look.weights)
    dhs, _, of_keys = attention.prepare_backward(dready, dvalues, look.source, own["attention"])
    grads |= found | {"attention": found["attention"] | of_keys}
    backward = getattr(recurrent, f"{cache.read.cell}_backward")
    deeper, dfirst, grads["cell"] = backward(dstates + dqueries, None, cache.cell, own["cell"])
    grads["embedding"] = layers.embedding_backward(deeper + dxs, cache.inputs, own["embedding"])
    dlast, of_bridge = encoder.bridge_backward(dfirst, cache.crossed, params["bridge"])
    of_encoder = encoder.encoder_backward(dhs, dlast, cache.read, params["encoder"])
    ordered = {name: _ordered(grads[name], own[name]) for name in own}
    return {"encoder": of_encoder, "bridge": of_bridge, "decoder": ordered}


def loss_and_gradients(design: PointerDesign, batch: Batch, params: Model) -> tuple[float, Model]:
    """Mean of -log P of the real target tokens, plus the coverage loss, and the gradients.

    As :func:`rnncourse.nn.train.fit` wants it. Without copy a target word that the vocabulary
    lacks is the unknown token. Raises as :func:`pointer_forward` and
    :func:`rnncourse.nn.copying.mixture_loss`.
    """
    (logits, gate, log_weights), cache = pointer_forward(design, batch, params)
    if gate is None:
        target = known(batch.target, logits.shape[2], design.unknown)
        loss, dlogits = cross_entropy(logits, target, batch.target_mask)
        dgate, dlog = None, np.zeros_like(log_weights)
    else:
        loss, (dlogits, dgate, dlog) = copying.mixture_loss(
            logits, gate, log_weights, batch.source, batch.target, batch.target_mask
        )
    if not design.coverage:
        return loss, pointer_backward(dlogits, dgate, dlog, cache, params)
    again, dweights = copying.coverage_loss(cache.weights, batch.target_mask)
    grads = pointer_backward(dlogits, dgate, dlog, cache, params, design.penalty * dweights)
    return loss + design.penalty * again, grads


# --- one step, for writing ------------------------------------------------------------------


class PointerState(NamedTuple):
    """What a writer hands from step to step; a row for each text."""

    state: State  # (B, H) or (h, c)
    weights: Array | None  # (B, T): where the last step looked
    gate: Array | None  # (B,): its log-odds of generating; None without copy
    covered: Array | None  # (B, T): what was taken so far; None without coverage


def stepper(
    design: PointerDesign, source: Array, params: Model, mask: Array | None = None
) -> tuple[Callable[[ArrayLike, PointerState], tuple[Array, PointerState]], PointerState]:
    """The model as a writer of these sources, for :mod:`rnncourse.nlp.decoding`.

    Args:
        source: (N, T) extended numbers; (1, T) for :func:`rnncourse.nlp.decoding.beam_search`.
        mask: (N, T) of 0 and 1, or None.

    Returns:
        ``step(tokens, state) → (scores, state)``, for B = N k texts, those of one source beside
        each other, tokens (B,), and the first state, for B = N. With copy the scores (B, E) are
        the log-probabilities of the extended vocabulary, E being as large as the sources need;
        without, scores (B, V).

    Raises as :func:`rnncourse.nn.encoder.encoder_forward`.
    """
    own, V = params["decoder"], len(params["decoder"]["embedding"]["E"])
    real = np.ones(np.shape(source), bool) if mask is None else np.asarray(mask) != 0
    numbers = np.where(real, source, 0)
    hs, last, _ = encoder.encoder_forward(
        design.cell, known(numbers, V, design.unknown), params["encoder"], mask
    )
    first, _ = encoder.bridge_forward(last, params["bridge"])
    ready, size = _prepared(hs, mask, params), max(V, int(numbers.max()) + 1)

    def step(tokens: ArrayLike, state: PointerState) -> tuple[Array, PointerState]:
        B = len(np.asarray(tokens))
        rows = np.repeat(np.arange(len(numbers)), B // len(numbers))
        x = own["embedding"]["E"][known(tokens, V, design.unknown)]
        new, _ = decoder.STEPS[design.cell][0](x, state.state, own["cell"])
        h = decoder.output_of(new)
        look = look_forward(h[:, None], _rows(ready, rows), own, state.covered)
        context = (look.weights @ look.source.values)[:, 0]
        features = np.concatenate([h, context, x], axis=1)[:, None]
        scores, _, gate = _written(features, own)
        if gate is not None:
            scores, _ = copying.mixture_forward(scores, gate, look.log_weights, numbers[rows], size)
        covered = None if state.covered is None else state.covered + look.weights[:, 0]
        odds = None if gate is None else gate[:, 0]
        return scores[:, 0], PointerState(new, look.weights[:, 0], odds, covered)

    covered = np.zeros_like(hs[..., 0]) if design.coverage else None
    return step, PointerState(first, None, None, covered)


# --- parts --------------------------------------------------------------------------------


def _prepared(hs: Array, mask: Array | None, params: Model) -> attention.Source:
    return attention.prepare("additive", hs, params["decoder"]["attention"], mask)


def _rows(source: attention.Source, rows: Array) -> attention.Source:
    """A source's rows, one for each text that is written."""
    mask = None if source.mask is None else source.mask[rows]
    keys = source.keys[rows]
    return attention.Source(source.kind, keys, source.ready[rows], keys, False, mask)


def _written(features: Array, params: Model) -> tuple[Array, Array, Array | None]:
    """Scores (N, U, V), what the output layer read, and the gate (N, U)."""
    H = len(params["output"]["W_y"])
    logits, combined = decoder.readout(features[..., : 2 * H], params)
    if "gate" not in params:
        return logits, combined, None
    return logits, combined, layers.dense_forward(features, params["gate"])[..., 0]


def _written_backward(
    dlogits: Array, dgate: Array | None, cache: PointerCache, params: Model
) -> tuple[Array, Model]:
    """Gradients of the features, and of ``output``, ``combine`` and ``gate``."""
    grads, H = {}, cache.combined.shape[2]
    d, grads["output"] = layers.dense_backward(dlogits, cache.combined, params["output"])
    d = d * tanh_derivative(cache.combined)
    d, grads["combine"] = layers.dense_backward(d, cache.features[..., : 2 * H], params["combine"])
    dfeatures = np.zeros_like(cache.features)
    dfeatures[..., : 2 * H] = d
    if dgate is not None:
        more, grads["gate"] = layers.dense_backward(
            dgate[..., None], cache.features, params["gate"]
        )
        dfeatures += more
    return dfeatures, grads


def _ordered(grads: Params, params: Params) -> Params:
    return {name: grads[name] for name in params}


# --- checks ---------------------------------------------------------------------------------


def _check_target(design: PointerDesign, batch: Batch, V: int) -> None:
    """Raise ValueError unless each target is tokens and then, once, the end token."""
    numbers = np.where(batch.source_mask, batch.source, 0)
    size = max(V, int(numbers.max(initial=0)) + 1)
    target, kept = check_ids("target", batch.target, batch.target_mask, size)
    if len(target) != len(batch.source):
        raise ValueError(f"{len(batch.source)} sources and {len(target)} targets; expected as many")
    if not (kept[:, 1:] <= kept[:, :-1]).all():
        raise ValueError("target_mask has rows with a 0 before a 1; expected ones, then zeros")
    last = np.arange(target.shape[1]) == kept.sum(axis=1)[:, None] - 1
    wrong = (((target == design.end) & kept) != last).any(axis=1) | ~kept.any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"target row {row} is {target[row][kept[row]].tolist()}; expected tokens "
                         f"and then the end token {design.end}, once")  # fmt: skip


def _check_upstream(dlogits: Array, dlog_weights: Array, cache: PointerCache, V: int) -> None:
    check_float("dlogits", dlogits)
    check_float("dlog_weights", dlog_weights)
    if dlogits.shape != (*cache.inputs.shape, V):
        raise ValueError(f"dlogits has shape {dlogits.shape}; the scores have "
                         f"{(*cache.inputs.shape, V)}")  # fmt: skip
    if dlog_weights.shape != cache.weights.shape:
        raise ValueError(f"dlog_weights has shape {dlog_weights.shape}; the weights have "
                         f"{cache.weights.shape}")  # fmt: skip
