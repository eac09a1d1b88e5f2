r"""The copy gate and coverage: a writer that may point at a word of the source instead of writing.

At each step u a decoder has scores of its vocabulary, attention weights over the source, and a
gate. The **mixture** of both (eq-summarization-mixture) is

.. math:: P_u(w) = p_u \, P^{\text{vocab}}_u(w) + (1 - p_u) \sum_{t:\, x_t = w} a_{ut}

over an **extended vocabulary**: 0..V-1 as always, and from V on the words that a source has and
the vocabulary has not (:func:`number_source`). All of it is computed with logarithms: no number is
added so that no logarithm of 0 is taken, a gate of ±∞ is allowed, and a word that neither side can
write has the log-probability -∞ and no gradient.

N batch, T source time, U target time, V vocabulary, E extended vocabulary. Whatever stands where a
mask is 0, NaN too, counts for nothing, forward and backward.

Source: See, Liu and Manning (2017).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rnncourse._arrays import check_counts, plain
from rnncourse._types import Array
from rnncourse.nn._shapes import as_bool, check_float
from rnncourse.nn.functional import log_softmax, log_sum_exp, sigmoid, softplus

# --- words and their numbers ------------------------------------------------------


def number_source(
    words: Sequence[str], index: Mapping[str, int], unknown: int
) -> tuple[Array, list[str]]:
    """Numbers of a source's words; one that the vocabulary lacks gets a number of its own.

    Args:
        words: the source. A word equal to the unknown token itself keeps that number.
        index: word → number, 0..V-1.
        unknown: the number of the unknown token, which stands for no word.

    Returns numbers (T,), V for the first new word, V + 1 for the second …, and the new words.
    Raises TypeError for a bare string, ValueError for an unknown token outside 0..V-1.
    """
    if isinstance(words, str):
        raise TypeError(f"words is one string, {words[:20]!r}; expected a list of words")
    if not 0 <= unknown < len(index):
        raise ValueError(f"unknown is token {unknown}; the vocabulary has 0..{len(index) - 1}")
    new: dict[str, int] = {}
    numbers = [
        index[word] if word in index else new.setdefault(word, len(index) + len(new))
        for word in words
    ]
    return np.array(numbers, np.int64), list(new)


def number_target(
    words: Sequence[str], index: Mapping[str, int], unknown: int, new: Sequence[str] = ()
) -> Array:
    """Numbers (U,) of a target's words, ``new`` being its source's new words.

    What neither the vocabulary nor the source has is the unknown token. Raises as
    :func:`number_source`.
    """
    numbers, _ = number_source([], index, unknown)
    if isinstance(words, str):
        raise TypeError(f"words is one string, {words[:20]!r}; expected a list of words")
    own = {word: len(index) + k for k, word in enumerate(new)}
    return np.array([index.get(w, own.get(w, unknown)) for w in words], numbers.dtype)


def words_of(
    numbers: Sequence[int] | Array, tokens: Sequence[str], new: Sequence[str]
) -> list[str]:
    """The words again: ``tokens`` are those of the vocabulary, ``new`` the source's.

    Raises ValueError for a number that belongs to no word.
    """
    everything = [*tokens, *new]
    numbers = [int(k) for k in numbers]
    wrong = [k for k in numbers if not 0 <= k < len(everything)]
    if wrong:
        raise ValueError(f"numbers hold {wrong[0]}; vocabulary and source have "
                         f"0..{len(everything) - 1}")  # fmt: skip
    return [everything[k] for k in numbers]


# --- the mixture ------------------------------------------------------------------


class MixtureCache(NamedTuple):
    """What ``mixture_backward`` reads; all in logarithms but the gate."""

    gate: Array  # (N, U): log-odds of generating
    log_vocab: Array  # (N, U, V)
    log_weights: Array  # (N, U, T)
    log_copied: Array  # (N, U, E): of Σ a over the places of a word
    log_p: Array  # (N, U, E)
    source: Array  # (N, T)


def log_gate(gate: Array) -> tuple[Array, Array]:
    """log p and log(1 - p) of p = σ(gate): never the logarithm of 0, but -∞ at a gate of ∓∞."""
    return -softplus(-gate), -softplus(gate)


def mixture_forward(
    logits: Array, gate: Array, log_weights: Array, source: Array, size: int
) -> tuple[Array, MixtureCache]:
    """Log-probabilities of every word, generated or copied (eq-summarization-mixture).

    Args:
        logits: (N, U, V) scores of the vocabulary.
        gate: (N, U), so that σ(gate) is the share of generating; ±∞ is allowed.
        log_weights: (N, U, T) logarithms of the attention weights, -∞ where the source is masked.
        source: (N, T) numbers of :func:`number_source`; any where masked.
        size: E, at least V, and more than the greatest number that counts.

    Returns:
        log-probabilities (N, U, E), -∞ where neither can write the word, and the cache.

    Raises:
        ValueError: shapes that do not fit, or a number outside 0..E-1 where a weight is not 0.
        TypeError: something is not an array of floats, or the source not of integers.
    """
    ids = _check(logits, gate, log_weights, source)
    V = logits.shape[2]
    check_counts(V, size=size)
    ids = _within(ids, log_weights, size)
    log_vocab, (generate, copy) = log_softmax(logits), log_gate(gate)
    log_copied = _log_masses(log_weights, ids, size)
    log_p = copy[..., None] + log_copied
    log_p[..., :V] = np.logaddexp(generate[..., None] + log_vocab, log_p[..., :V])
    return log_p, MixtureCache(gate, log_vocab, log_weights, log_copied, log_p, ids)


def mixture_backward(dlog_p: Array, cache: MixtureCache) -> tuple[Array, Array, Array]:
    """Gradients of :func:`mixture_forward`: dlogits, dgate and dlog_weights, in their shapes.

    A word's gradient is shared by the two ways in which it is written, in the proportion in which
    they write it. A word of probability 0 has none. Raises ValueError for a wrong shape.
    """
    gate, log_vocab, log_weights, log_copied, log_p, source = cache
    check_float("dlog_p", dlog_p)
    if dlog_p.shape != log_p.shape:
        raise ValueError(f"dlog_p has shape {dlog_p.shape}; log_p has {log_p.shape}")
    V, (generate, copy) = log_vocab.shape[2], log_gate(gate)
    possible = log_p > -np.inf
    upstream = np.where(possible, dlog_p, 0)
    bottom = np.where(possible, log_p, 0)
    by_generating = upstream[..., :V] * np.exp(generate[..., None] + log_vocab - bottom[..., :V])
    by_copying = upstream * np.exp(copy[..., None] + log_copied - bottom)
    rows = _places(source, gate.shape[1])
    share = np.exp(log_weights - np.where(log_weights > -np.inf, log_copied[rows], 0))
    made, copied = by_generating.sum(axis=2), by_copying.sum(axis=2)
    dlogits = by_generating - np.exp(log_vocab) * made[..., None]
    dgate = made * sigmoid(-gate) - copied * sigmoid(gate)
    return dlogits, dgate, share * by_copying[rows]


def _log_masses(log_weights: Array, ids: Array, size: int) -> Array:
    """log Σ a over the places of each word, (N, U, E); -∞ for a word that is not there."""
    N, U, _ = log_weights.shape
    rows = _places(ids, U)
    top = np.full((N, U, size), -np.inf, log_weights.dtype)
    np.maximum.at(top, rows, log_weights)
    safe = np.where(top > -np.inf, top, 0)  # -∞ - -∞ is not a number
    total = np.zeros_like(top)
    np.add.at(total, rows, np.exp(log_weights - safe[rows]))
    with np.errstate(divide="ignore"):
        return safe + np.log(total)


def _places(ids: Array, U: int) -> tuple[Array, Array, Array]:
    """Index of the source's words in an array (N, U, E); its shape is (N, U, T)."""
    return np.arange(len(ids))[:, None, None], np.arange(U)[:, None], ids[:, None]


# --- its loss ---------------------------------------------------------------------


def mixture_loss(
    logits: Array,
    gate: Array,
    log_weights: Array,
    source: Array,
    target: Array,
    mask: Array | None = None,
) -> tuple[float, tuple[Array, Array, Array]]:
    r"""Mean of -log P(target) over the real steps, and its gradients (eq-summarization-gradient).

    Let r be the share of the target's probability that was generated, and ρ_t the share of its
    copied part that stands at place t. Then the gradients are p - r for the gate,
    r (P^vocab - one-hot) for the scores, and -(1 - r) ρ for the log-weights.

    Args:
        logits, gate, log_weights, source: as for :func:`mixture_forward`.
        target: (N, U) numbers of :func:`number_target`; any where masked.
        mask: (N, U) of 0 and 1, or None; the mean is over the ones.

    Returns:
        the loss in nats, and dlogits (N, U, V), dgate (N, U), dlog_weights (N, U, T). It is ∞
        where a target's probability is 0, and such a step has no gradient.

    Raises ValueError for a target that neither side can write, whatever the weights: it is V or
    more and stands at no place of the source that may be looked at. Else as
    :func:`mixture_forward`, and for a mask that is 0 everywhere.
    """
    ids = _check(logits, gate, log_weights, source)
    V, (goal, keep) = logits.shape[2], _targets(target, mask, gate.shape)
    parts = (np.where(keep, gate, 0), np.where(keep[..., None], log_weights, 0))
    logits, (gate, log_weights) = np.where(keep[..., None], logits, 0), parts
    there = (ids[:, None] == goal[..., None]) & (log_weights > -np.inf)
    _check_possible(goal, there, keep, V)
    log_vocab, (generate, copy) = log_softmax(logits), log_gate(gate)
    known = np.minimum(goal, V - 1)[..., None]
    log_made = np.where(goal < V, np.take_along_axis(log_vocab, known, 2)[..., 0], -np.inf)
    copied = np.where(there, log_weights, -np.inf)
    log_p = np.logaddexp(generate + log_made, copy + log_sum_exp(copied))
    possible = keep & (log_p > -np.inf)
    bottom = np.where(possible, log_p, 0)
    scale = possible / keep.sum(dtype=gate.dtype)  # (N, U): 1 / number of real steps, or 0
    r = np.exp(generate + log_made - bottom)
    one_hot = (np.arange(V) == known) & (goal < V)[..., None]
    dlogits = (scale * r)[..., None] * (np.exp(log_vocab) - one_hot)
    dweights = -scale[..., None] * np.exp(copy[..., None] + copied - bottom[..., None])
    loss = float(-log_p[keep].sum(dtype=np.float64) / keep.sum())
    return loss, (dlogits, scale * (sigmoid(gate) - r), dweights)


# --- coverage ----------------------------------------------------------------------


def coverage(weights: Array) -> Array:
    r"""What earlier steps took from each place (eq-summarization-coverage).

    .. math:: c_{ut} = \sum_{j < u} a_{jt}

    weights (N, U, T) → (N, U, T), 0 for the first step.
    """
    check_float("weights", weights)
    return np.cumsum(weights, axis=1) - weights


def coverage_backward(dcoverage: Array) -> Array:
    """Gradient of the weights: each step hears from all later ones. (N, U, T) → (N, U, T)."""
    check_float("dcoverage", dcoverage)
    return dcoverage.sum(axis=1, keepdims=True) - np.cumsum(dcoverage, axis=1)


def coverage_loss(weights: Array, mask: Array | None = None) -> tuple[float, Array]:
    r"""Mean over the real steps of what is looked at again (eq-summarization-covloss).

    .. math:: \sum_t \min(a_{ut}, c_{ut})

    Args:
        weights: (N, U, T) attention weights.
        mask: (N, U) of 0 and 1, of the target; None for all ones. A masked step is not counted,
            nor is what it looked at.

    Returns:
        the loss, between 0 and 1, and its gradient (N, U, T). Where a and c are equal there is
        no derivative; the gradient goes to the weight.

    Raises ValueError for shapes that do not fit or a mask that is 0 everywhere.
    """
    check_float("weights", weights)
    if weights.ndim != 3:
        raise ValueError(f"weights has shape {weights.shape}; expected (N, U, T)")
    keep = _kept(mask, weights.shape[:2])
    weights = np.where(keep[..., None], weights, 0)
    covered = coverage(weights)
    scale = keep[..., None] / keep.sum(dtype=weights.dtype)
    loss = float(np.minimum(weights, covered).sum(dtype=np.float64) / keep.sum())
    own = weights <= covered
    dweights = np.where(own, scale, 0) + coverage_backward(np.where(own, 0, scale))
    return loss, np.where(keep[..., None], dweights, 0)


# --- checks ------------------------------------------------------------------------


def _check(logits: Array, gate: Array, log_weights: Array, source: Array) -> Array:
    """The source as an array of integers."""
    for name, array in (("logits", logits), ("gate", gate), ("log_weights", log_weights)):
        check_float(name, array)
    if logits.ndim != 3 or logits.shape[2] == 0:
        raise ValueError(f"logits has shape {logits.shape}; expected (N, U, V)")
    N, U, _ = logits.shape
    ids = plain("source", source)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"source has dtype {ids.dtype}; token numbers must be integers")
    if gate.shape != (N, U):
        raise ValueError(f"gate has shape {gate.shape}; logits {logits.shape} need {(N, U)}")
    if ids.ndim != 2 or len(ids) != N or log_weights.shape != (N, U, ids.shape[1]):
        raise ValueError(f"log_weights has shape {log_weights.shape}; logits {logits.shape} and "
                         f"source {ids.shape} need (N, U, T) and (N, T)")  # fmt: skip
    return ids


def _within(ids: Array, log_weights: Array, size: int) -> Array:
    """The numbers, 0 where nothing is looked at."""
    used = (log_weights > -np.inf).any(axis=1)
    outside = used & ((ids < 0) | (ids >= size))
    if outside.any():
        row, place = (int(i) for i in np.argwhere(outside)[0])
        raise ValueError(f"source row {row}, place {place} is {ids[row, place]}; size {size} needs "
                         f"0..{size - 1}")  # fmt: skip
    return np.where(used, ids, 0)


def _kept(mask: Array | None, shape: tuple[int, ...]) -> Array:
    keep = np.ones(shape, bool) if mask is None else as_bool(mask, shape, "the steps need")
    if not keep.any():
        raise ValueError("mask is 0 everywhere: there is no step to average over")
    return keep


def _targets(target: Array, mask: Array | None, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """The targets, 0 where masked, and the mask as bool."""
    goal = plain("target", target)
    if goal.shape != shape:
        raise ValueError(f"target has shape {goal.shape}; gate has {shape}")
    if goal.dtype.kind not in "iu":
        raise TypeError(f"target has dtype {goal.dtype}; token numbers must be integers")
    keep = _kept(mask, shape)
    return np.where(keep, goal, 0), keep


def _check_possible(goal: Array, there: Array, keep: Array, V: int) -> None:
    wrong = keep & ((goal < 0) | ((goal >= V) & ~there.any(axis=2)))
    if wrong.any():
        row, step = (int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"target row {row}, step {step} is {goal[row, step]}: not in the "
                         f"vocabulary, 0..{V - 1}, and nowhere in its source; give it the unknown "
                         "token's number, as number_target does")  # fmt: skip
