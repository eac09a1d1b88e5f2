r"""From a model that writes to a text: greedy, sampled, or by beam search, several rows at a time.

A model is a function ``step(tokens, state) → (scores, state)``: it reads one token a row,
tokens (B,), and returns the scores (B, V) of the next ones and its new state. A state is None, an
array whose first axis is B, or a tuple, list or dict of states; its rows are chosen and repeated
here, as hypotheses come and go. If it has an attribute ``weights`` (B, T), where the step looked,
these are collected. :func:`rnncourse.nn.seq2seq.stepper` makes such a function.

:mod:`rnncourse.nlp.sampling` is for a language model that goes on from a prompt, one text at a
time; its ``greedy`` and ``sampler`` choose tokens here too.

B rows, V vocabulary, U written tokens, T source time. Log-probabilities are in nats.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_counts, plain
from rnncourse._types import Array
from rnncourse.nlp.sampling import Choose, greedy
from rnncourse.nn.functional import log_softmax

Step = Callable[[Array, Any], tuple[ArrayLike, Any]]
Divisor = Callable[[int], float]


class Written(NamedTuple):
    """A text that was written."""

    tokens: Array  # (U,), the end token included
    log_prob: float  # sum of the tokens' log-probabilities
    score: float  # what it is ranked by: log_prob divided by what the length asks for
    ended: bool  # False: cut off at the greatest length
    weights: Array | None  # (U, T): where each step looked; None where the model does not say


# --- one text a source --------------------------------------------------------------


def decode(
    step: Step,
    state: Any,
    first: ArrayLike,
    end: int | None,
    length: int,
    choose: Choose = greedy,
) -> list[Written]:
    """Write one text for each row: choose a token, feed it back, until all have ended.

    >>> step, state = seq2seq.stepper(design, source, params, mask)
    >>> texts = decoding.decode(step, state, [START] * len(source), END, 20)

    Args:
        step: the model, see the top of this module.
        state: its state before the first token.
        first: (B,) the tokens that it reads first, such as the start token.
        end: the token that ends a text, or None.
        length: how many tokens to write, at most.
        choose: scores (V,) → token number: ``sampling.greedy``, or a ``sampling.sampler``.

    Returns one :class:`Written` a row, whose score is its log-probability. Raises ValueError for
    a negative length, or scores that are not (B, V), NaN, +∞, or forbid every token.
    """
    read = _first(first)
    check_counts(0, length=length)
    rows, alive = np.arange(len(read)), np.ones(len(read), bool)
    tokens, gains, looks = [], [], []
    for _ in range(length if len(read) else 0):
        scores, state = step(read, state)
        log_p = _log_probs(scores, len(read))
        read = np.array([choose(row) for row in log_p])
        tokens.append(read)
        gains.append(np.where(alive, log_p[rows, read], 0))
        looks.append(getattr(state, "weights", None))
        alive &= read != end
        if not alive.any():
            break
    return [_row(b, tokens, gains, looks, end) for b in range(len(rows))]


def _row(b: int, tokens: list[Array], gains: list[Array], looks: list[Any], end: Any) -> Written:
    """The text of row b, up to its end token."""
    text = np.array([column[b] for column in tokens], np.int64)
    ended = bool((text == end).any())
    text = text[: int((text == end).argmax()) + 1] if ended else text
    log_prob = float(sum(column[b] for column in gains))
    weights = [w[b] for w in looks[: len(text)] if w is not None]
    return Written(text, log_prob, log_prob, ended, np.array(weights) if weights else None)


# --- the best of many texts ------------------------------------------------------------


def total(length: int) -> float:
    """1: texts are ranked by their log-probability, which favours short ones."""
    return 1.0


def mean(length: int) -> float:
    """The length: texts are ranked by the mean log-probability of a token."""
    return float(length)


def wu(alpha: float = 0.6) -> Divisor:
    r"""((5 + length) / 6)^α, between the other two (eq-seq2seq-length).

    Source: Wu et al. (2016), equation 14, without its term for coverage.
    """
    return lambda length: ((5 + length) / 6) ** alpha


class _Live(NamedTuple):
    """k hypotheses that may go on, the best first."""

    tokens: Array  # (k, u)
    log_probs: Array  # (k,)
    looks: list[Array]  # u arrays (k, T)


def beam_search(
    step: Step,
    state: Any,
    first: int,
    end: int | None,
    length: int,
    width: int,
    divisor: Divisor = total,
) -> list[Written]:
    """The best texts found by going on with the ``width`` best ones at every step.

    A hypothesis that writes the end token leaves the beam, is never extended, and its place with
    it; the search ends when no place is left, or at ``length``. Among equals the one from the
    better hypothesis comes first, then the lower token. Width 1 is greedy; a width of V to the
    power of ``length`` finds the best of all texts.

    Args:
        step, end, length: as for :func:`decode`.
        state: before the first token, one row, such as ``stepper`` returns for one source.
        first: the token that the model reads first.
        width: how many hypotheses to keep.
        divisor: length → what to divide a log-probability by for the ranking: ``total``,
            ``mean`` or ``wu(alpha)``. The length counts the end token.

    Returns at most ``width`` texts: those that ended by falling score, then those cut off.
    Raises ValueError for a width below 1, a negative length, and as :func:`decode`.
    """
    check_counts(0, length=length)
    check_counts(width=width)
    read = _first([first])
    ended: list[Written] = []
    live = _Live(np.zeros((1, 0), np.int64), np.zeros(1), [])
    for _ in range(length):
        scores, state = step(read, state)
        sums = live.log_probs[:, None] + _log_probs(scores, len(read))
        rows, read = _best(sums, width - len(ended))
        live = _extended(live, rows, read, sums[rows, read], getattr(state, "weights", None))
        done = read == end
        ended += [_written(live, int(k), True, divisor) for k in np.flatnonzero(done)]
        rest = np.flatnonzero(~done)
        live, read, state = _kept(live, rest), read[rest], rows_of(state, rows[rest])
        if not len(read):
            break
    cut = [_written(live, k, False, divisor) for k in range(len(live.log_probs))]
    return [text for texts in (ended, cut) for text in sorted(texts, key=lambda w: -w.score)]


def rows_of(state: Any, rows: Array) -> Any:
    """The given rows of every array of a state, in the same nest; None stays None.

    Raises TypeError for anything else than arrays, tuples, lists, dicts and None.
    """
    if state is None:
        return None
    if isinstance(state, np.ndarray):
        return state[rows]
    if isinstance(state, Mapping):
        return {name: rows_of(part, rows) for name, part in state.items()}
    if isinstance(state, list | tuple):
        parts = [rows_of(part, rows) for part in state]
        named: Any = type(state)
        return named(*parts) if hasattr(state, "_fields") else named(parts)
    raise TypeError(f"a state holds {type(state).__name__}; expected arrays whose first axis is "
                    "the row, or tuples, lists and dicts of them")  # fmt: skip


def _best(sums: Array, count: int) -> tuple[Array, Array]:
    """Rows and columns of the largest numbers, at most ``count``, falling; never of -∞."""
    flat = sums.ravel()
    least = -np.inf if count >= flat.size else np.partition(flat, -count)[-count]
    found = np.flatnonzero((flat >= least) & (flat > -np.inf))
    found = found[np.argsort(-flat[found], kind="stable")][:count]
    rows, columns = np.divmod(found, sums.shape[1])
    return rows, columns


def _extended(live: _Live, rows: Array, read: Array, log_probs: Array, look: Any) -> _Live:
    """Each row of ``rows`` one token longer."""
    looks = [past[rows] for past in live.looks] + ([] if look is None else [look[rows]])
    return _Live(np.column_stack([live.tokens[rows], read]), log_probs, looks)


def _kept(live: _Live, rows: Array) -> _Live:
    return _Live(live.tokens[rows], live.log_probs[rows], [look[rows] for look in live.looks])


def _written(live: _Live, k: int, ended: bool, divisor: Divisor) -> Written:
    tokens, log_prob = live.tokens[k], float(live.log_probs[k])
    weights = np.array([look[k] for look in live.looks]) if live.looks else None
    score = log_prob / divisor(len(tokens)) if len(tokens) else log_prob
    return Written(tokens.astype(np.int64), log_prob, score, ended, weights)


# --- checks ---------------------------------------------------------------------------


def _first(first: ArrayLike | Sequence[int]) -> Array:
    tokens = plain("first", first)
    if tokens.ndim != 1 or (tokens.size and tokens.dtype.kind not in "iu"):
        raise ValueError(f"first is {tokens.dtype} of shape {tokens.shape}; expected token "
                         "numbers (B,), for beam_search one number")  # fmt: skip
    return tokens.astype(np.int64)


def _log_probs(scores: ArrayLike, B: int) -> Array:
    found = plain("scores", scores)
    if found.ndim != 2 or len(found) != B or found.shape[1] == 0:
        raise ValueError(f"the model's scores have shape {found.shape}; expected ({B}, V)")
    best = found.max(axis=1)
    if not (best < np.inf).all() or not (best > -np.inf).all():
        raise ValueError("the model's scores hold NaN or +inf, or forbid every token")
    return log_softmax(found)
