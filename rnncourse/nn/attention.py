r"""Attention: look back at a whole sequence, and take a weighted mean of what stands there.

A **query** asks, each **key** is compared with it, and the **values** are averaged with weights
that grow with the likeness. In a decoder the query is its state, and keys and values are the
encoder's outputs.

N batch, T source time, U target time (number of queries), Q size of a query, K of a key, A width
inside the additive score. Whatever stands where the mask is 0, NaN too, counts for nothing,
forward and backward. A row that is masked throughout has weights, context and gradients of zero.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts
from rnncourse._types import Array, Params
from rnncourse.nn._shapes import as_bool, check_float
from rnncourse.nn.functional import tanh_derivative
from rnncourse.nn.initializers import check_float_dtype, xavier_uniform

KINDS = ("additive", "dot", "scaled", "general")

# --- scores ------------------------------------------------------------------


def additive_keys(keys: Array, params: Params) -> Array:
    """The keys' part of the additive score, the same for every query: (N, T, K) → (N, T, A)."""
    return keys @ params["W_k"] + params["b"]


def additive_scores(queries: Array, ready: Array, params: Params) -> tuple[Array, Array]:
    r"""A small network compares each query with each key (eq-attention-additive).

    .. math:: e_{ut} = \tanh(q_u W_q + k_t W_k + b) \cdot v

    Args:
        queries: (N, U, Q).
        ready: (N, T, A), from :func:`additive_keys`: what does not depend on the query.
        params: ``W_q`` (Q, A), ``W_k`` (K, A), ``b`` (A,), ``v`` (A,).

    Returns:
        the scores (N, U, T), and hidden (N, U, T, A), the tanh.

    Source: Bahdanau, Cho and Bengio (2015), appendix A.1.2.
    """
    asked = queries @ params["W_q"]
    hidden = np.tanh(asked[:, :, None] + ready[:, None])
    return hidden @ params["v"], hidden


def additive_scores_backward(
    dscores: Array, queries: Array, hidden: Array, params: Params
) -> tuple[Array, Array, Params]:
    """Gradients of :func:`additive_scores`: dqueries, dready, and those of ``W_q`` and ``v``."""
    da = tanh_derivative(hidden)
    da *= dscores[..., None]
    da *= params["v"]
    dasked, (Q, A) = da.sum(axis=2), params["W_q"].shape
    grads = {
        "W_q": queries.reshape(-1, Q).T @ dasked.reshape(-1, A),
        "v": dscores.reshape(-1) @ hidden.reshape(-1, A),
    }
    return dasked @ params["W_q"].T, da.sum(axis=1), grads


def dot_scores(queries: Array, keys: Array, scale: float = 1.0) -> Array:
    r"""The scalar product of each query with each key (eq-attention-dot).

    .. math:: e_{ut} = s\, q_u \cdot k_t

    With s = 1/√K it is the scaled one (eq-attention-scaled): without it the scores of long
    vectors are large, and the softmax is nearly one-hot.

    queries (N, U, K), keys (N, T, K) → (N, U, T).
    Source: Luong, Pham and Manning (2015); the scale is of Vaswani et al. (2017).
    """
    return scale * (queries @ keys.swapaxes(1, 2))


def dot_scores_backward(
    dscores: Array, queries: Array, keys: Array, scale: float = 1.0
) -> tuple[Array, Array]:
    """Gradients of :func:`dot_scores`: dqueries (N, U, K) and dkeys (N, T, K)."""
    dscores = scale * dscores
    return dscores @ keys, dscores.swapaxes(1, 2) @ queries


# --- weights -----------------------------------------------------------------


def masked_softmax(scores: Array, mask: Array | None = None) -> Array:
    r"""Weights of at least 0 that sum to 1 over the real steps (eq-attention-weights).

    .. math:: \alpha_{ut} = \frac{e^{e_{ut}}}{\sum_{j \text{ real}} e^{e_{uj}}}

    Args:
        scores: (N, U, T).
        mask: bool, true where a step is real, of a shape that broadcasts to the scores',
            such as (N, 1, T). Where it is false the weight is exactly 0, whatever the score;
            where it is false throughout, all weights are.
    """
    kept = scores if mask is None else np.where(mask, scores, -np.inf)
    top = kept.max(axis=-1, keepdims=True)
    e = np.exp(kept - np.where(top == -np.inf, 0, top))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def softmax_backward(dweights: Array, weights: Array) -> Array:
    """Gradient of the scores: α (dα - Σ α dα) along the last axis. Where α is 0 it is 0."""
    along = (weights * dweights).sum(axis=-1, keepdims=True)
    return weights * (dweights - along)


# --- from queries to contexts ---------------------------------------------------


class Source(NamedTuple):
    """What stands to be looked at, made ready once for all queries."""

    kind: str
    keys: Array  # (N, T, K), 0 where masked
    ready: Array  # what the scores read of the keys: (N, T, A) or (N, T, Q)
    values: Array  # (N, T, H), 0 where masked
    own_values: bool  # False: the keys are the values
    mask: Array | None  # (N, 1, T) bool; None where nothing is masked


def prepare(
    kind: str, keys: Array, params: Params, mask: Array | None = None, values: Array | None = None
) -> Source:
    """All that does not depend on the query.

    Additive: the keys' part k W_k + b. General: the score q W · k is q · (k Wᵀ). Else the keys.
    Arguments and errors as of :func:`attention_forward`.
    """
    kept, own_values = _check(kind, keys, params, mask, values), values is not None
    values = keys if values is None else values
    if kept is not None:
        keys, values = (np.where(kept[..., None], a, 0) for a in (keys, values))
        kept = kept[:, None]
    ready = keys
    if kind == "additive":
        ready = additive_keys(keys, params)
    if kind == "general":
        ready = keys @ params["W"].T
    return Source(kind, keys, ready, values, own_values, kept)


def prepare_backward(
    dready: Array, dvalues: Array, source: Source, params: Params
) -> tuple[Array, Array | None, Params]:
    """Gradients of :func:`prepare`: dkeys, dvalues, and those of ``W_k`` and ``b``, or ``W``.

    Where no values were given, dkeys holds both gradients and dvalues is None.
    """
    flat, flat_keys = (a.reshape(-1, a.shape[-1]) for a in (dready, source.keys))
    dkeys, grads = dready, {}
    if source.kind == "additive":
        grads = {"W_k": flat_keys.T @ flat, "b": flat.sum(axis=0)}
        dkeys = dready @ params["W_k"].T
    if source.kind == "general":
        grads = {"W": flat.T @ flat_keys}
        dkeys = dready @ params["W"]
    return (dkeys, dvalues, grads) if source.own_values else (dkeys + dvalues, None, grads)


class AttendCache(NamedTuple):
    """What ``attend_backward`` reads."""

    source: Source
    queries: Array  # (N, U, Q)
    weights: Array  # (N, U, T): how much each query took from each step
    hidden: Array | None  # (N, U, T, A), of the additive score


def attend(queries: Array, source: Source, params: Params) -> tuple[Array, AttendCache]:
    r"""Score, softmax, weighted mean (eq-attention-context).

    .. math:: c_u = \sum_t \alpha_{ut} v_t

    Args:
        queries: (N, U, Q).
        source: from :func:`prepare`.
        params: of :func:`attention_init`.

    Returns:
        contexts (N, U, H) and the cache. :func:`attention_forward` checks what it is given.
    """
    hidden = None
    if source.kind == "additive":
        scores, hidden = additive_scores(queries, source.ready, params)
    else:
        scores = dot_scores(queries, source.ready, _scale(source))
    weights = masked_softmax(scores, source.mask)
    return weights @ source.values, AttendCache(source, queries, weights, hidden)


def attend_backward(
    dcontexts: Array, cache: AttendCache, params: Params
) -> tuple[Array, Array, Params]:
    """Gradients of :func:`attend`: dqueries, dready, and those of ``W_q`` and ``v``.

    That of the values is :func:`values_backward`: it needs no loop, where there is one.
    """
    source, queries, weights, hidden = cache
    dscores = softmax_backward(dcontexts @ source.values.swapaxes(1, 2), weights)
    if hidden is not None:
        return additive_scores_backward(dscores, queries, hidden, params)
    return *dot_scores_backward(dscores, queries, source.ready, _scale(source)), {}


def values_backward(dcontexts: Array, weights: Array) -> Array:
    """Gradient of the values (N, T, H): each query gives back as much as it took."""
    return weights.swapaxes(1, 2) @ dcontexts


def _scale(source: Source) -> float:
    return float(1 / np.sqrt(source.ready.shape[-1])) if source.kind == "scaled" else 1.0


# --- the layer ------------------------------------------------------------------


class AttentionCache(NamedTuple):
    """What ``attention_backward`` reads; ``weights`` (N, U, T) is for the reader too."""

    inner: AttendCache
    one_query: bool  # queries were (N, Q)
    some: Array | None  # (N, 1, 1), false where a row is masked throughout; None: no such row

    @property
    def weights(self) -> Array:
        """(N, U, T), U = 1 for one query."""
        return self.inner.weights


def attention_init(
    rng: np.random.Generator,
    kind: str,
    Q: int,
    K: int,
    A: int | None = None,
    dtype: DTypeLike = np.float64,
) -> Params:
    """Parameters of a score; Xavier-uniform weights, zero bias.

    Args:
        kind: "additive": ``{"W_q": (Q, A), "W_k": (K, A), "b": (A,), "v": (A,)}``;
            "general": ``{"W": (Q, K)}``; "dot" and "scaled" have none: ``{}``.
        Q, K: sizes of a query and of a key; equal for "dot" and "scaled".
        A: width inside the additive score; K unless given.

    Raises ValueError for an unknown kind, sizes below 1, or sizes that do not fit.
    """
    A = K if A is None else A
    check_counts(Q=Q, K=K, A=A)
    check_float_dtype(dtype)
    check_kind(kind)
    if kind == "general":
        return {"W": xavier_uniform(rng, Q, K, dtype)}
    if kind == "additive":
        W_q, W_k = xavier_uniform(rng, Q, A, dtype), xavier_uniform(rng, K, A, dtype)
        v = xavier_uniform(rng, A, 1, dtype)[:, 0]
        return {"W_q": W_q, "W_k": W_k, "b": np.zeros(A, dtype), "v": v}
    if Q != K:
        raise ValueError(f"Q = {Q} and K = {K}: kind {kind!r} multiplies queries by keys of the "
                         'same size; use "general" or "additive"')  # fmt: skip
    return {}


def attention_forward(
    kind: str,
    queries: Array,
    keys: Array,
    params: Params,
    mask: Array | None = None,
    values: Array | None = None,
) -> tuple[Array, AttentionCache]:
    """Each query's weighted mean of the values (eq-attention-weights, eq-attention-context).

    Args:
        kind: one of ``KINDS``.
        queries: (N, Q), one a sequence, or (N, U, Q), such as all steps of a decoder at once.
        keys: (N, T, K).
        params: of :func:`attention_init`.
        mask: (N, T) of 0 and 1, of the keys; None for all ones.
        values: (N, T, H); the keys unless given.

    Returns:
        contexts (N, H), or (N, U, H), and the cache, whose ``weights`` are (N, U, T).

    Raises:
        ValueError: an unknown kind, or shapes that do not fit; the message names both.
        TypeError: something is not an array of floats.
    """
    source = prepare(kind, keys, params, mask, values)
    one_query = _check_queries(queries, source, params)
    some: Array | None = None
    queries = queries[:, None] if one_query else queries
    if source.mask is not None and not source.mask.any(axis=2).all():
        some = np.asarray(source.mask.any(axis=2, keepdims=True))
        queries = np.where(some, queries, 0)  # who has nothing to look at asks nothing
    contexts, inner = attend(queries, source, params)
    return contexts[:, 0] if one_query else contexts, AttentionCache(inner, one_query, some)


def attention_backward(
    dcontexts: Array, cache: AttentionCache, params: Params
) -> tuple[tuple[Array, Array, Array | None], Params]:
    """Backward pass of :func:`attention_forward`.

    Args:
        dcontexts: gradient of the loss with respect to the contexts, in their shape.
        cache, params: of the forward pass.

    Returns:
        (dqueries, dkeys, dvalues), in the shapes of what was given, and the gradients of the
        parameters. Where no values were given, dkeys holds both gradients and dvalues is None.

    Raises ValueError when ``dcontexts`` has the wrong shape.
    """
    inner, one_query, some = cache
    (N, U, _), H = inner.weights.shape, inner.source.values.shape[2]
    shape = (N, H) if one_query else (N, U, H)
    check_float("dcontexts", dcontexts)
    if dcontexts.shape != shape:
        raise ValueError(f"dcontexts has shape {dcontexts.shape}; the contexts have {shape}")
    dcontexts = dcontexts.reshape(N, U, H)
    dcontexts = dcontexts if some is None else np.where(some, dcontexts, 0)
    dqueries, dready, grads = attend_backward(dcontexts, inner, params)
    dvalues = values_backward(dcontexts, inner.weights)
    dkeys, own, of_keys = prepare_backward(dready, dvalues, inner.source, params)
    grads |= of_keys
    dqueries = dqueries[:, 0] if one_query else dqueries
    return (dqueries, dkeys, own), {name: grads[name] for name in params}


# --- checks ---------------------------------------------------------------------

_KEYS = {"additive": "W_k", "general": "W"}  # which parameter reads keys, and which queries
_QUERIES = {"additive": "W_q", "general": "W"}


def check_kind(kind: str) -> None:
    """Raise ValueError unless this is one of ``KINDS``."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; expected one of {list(KINDS)}")


def _check(
    kind: str, keys: Array, params: Params, mask: Array | None, values: Array | None
) -> Array | None:
    """The mask as bool (N, T), or None where nothing is masked."""
    check_kind(kind)
    named = {"keys": keys, **params} | ({} if values is None else {"values": values})
    for name, array in named.items():
        check_float(name, array)
    needed = {"additive": {"W_q", "W_k", "b", "v"}, "general": {"W"}}.get(kind, set())
    if needed != params.keys():
        raise ValueError(f"params has {sorted(params)}; kind {kind!r} needs {sorted(needed)}")
    if keys.ndim != 3 or keys.shape[1] == 0:
        raise ValueError(f"keys has shape {keys.shape}; expected (N, T, K) with at least one step")
    N, T, K = keys.shape
    if kind in _KEYS:
        size = params["W"].shape[1] if kind == "general" else len(params["W_k"])
        if size != K:
            raise ValueError(f"keys has shape {keys.shape}; {_KEYS[kind]} "
                             f"{params[_KEYS[kind]].shape} needs (N, T, {size})")  # fmt: skip
    if values is not None and (values.ndim != 3 or values.shape[:2] != (N, T)):
        raise ValueError(f"values has shape {values.shape}; keys {keys.shape} need ({N}, {T}, H)")
    kept = None if mask is None else as_bool(mask, (N, T), "keys need")
    return None if kept is None or kept.all() else kept


def _check_queries(queries: Array, source: Source, params: Params) -> bool:
    """True where there is one query a sequence, (N, Q)."""
    check_float("queries", queries)
    (N, _, K), name = source.keys.shape, _QUERIES.get(source.kind)
    Q = K if name is None else len(params[name])
    if queries.ndim not in (2, 3) or (len(queries), queries.shape[-1]) != (N, Q):
        raise ValueError(f"queries has shape {queries.shape}; keys {source.keys.shape} and kind "
                         f"{source.kind!r} need ({N}, {Q}) or ({N}, U, {Q})")  # fmt: skip
    return queries.ndim == 2
