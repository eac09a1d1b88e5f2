r"""From CTC's scores to labellings: the best path, or a beam over prefixes.

N batch, T input time, K classes with the blank, U labels found. See :mod:`rnncourse.nn.ctc`.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_counts
from rnncourse._types import Array
from rnncourse.nn.ctc import NONE, collapse, log_probs


def greedy(logits: Array, mask: ArrayLike | None = None, blank: int = 0) -> list[Array]:
    """The labelling of the most probable path: the best class of each step, collapsed.

    It need not be the most probable labelling, which may be the sum of many paths.
    logits (N, T, K), mask (N, T) → N arrays. Raises as :func:`rnncourse.nn.ctc.ctc_forward`.
    """
    log_p, keep = log_probs(logits, mask, blank)
    best = log_p.argmax(axis=2)
    return [collapse(path[real], blank) for path, real in zip(best, keep, strict=True)]


class Decoded(NamedTuple):
    """A labelling that was found."""

    labels: Array  # (U,)
    log_prob: float  # of the paths that stayed in the beam: at most the labelling's own
    score: float  # what it is ranked by: log_prob, and what the given function adds


Prefix = tuple[int, ...]
Score = Callable[[Prefix], float]


def beam_search(
    logits: Array,
    width: int,
    mask: ArrayLike | None = None,
    blank: int = 0,
    score: Score | None = None,
) -> list[list[Decoded]]:
    """The most probable labellings, by a beam over prefixes.

    Paths of one labelling are added up while they are searched. A prefix keeps two numbers, the
    probability of its paths that end with a blank and of those that do not: only after a blank
    does the same symbol count again. A beam wide enough for all prefixes is exact.

    Args:
        logits: (N, T, K).
        width: how many prefixes to keep after each step.
        mask: (N, T) of 0 and 1; None for all ones.
        blank: number of the blank.
        score: prefix, a tuple of symbols → what to add to its log-probability, such as a
            language model's log-probability times a weight, plus a bonus for each symbol; -∞
            forbids a prefix. It is asked once for each prefix of a sequence.

    Returns for each sequence at most ``width`` labellings, by falling score; among equals, the
    one found first. Raises as :func:`rnncourse.nn.ctc.ctc_forward`, and ValueError for a width
    below 1, or where every prefix is forbidden.
    Source: Hannun, Maas, Jurafsky and Ng (2014), algorithm 1.
    """
    check_counts(width=width)
    log_p, keep = log_probs(logits, mask, blank)
    ask = score if score is not None else _nothing
    return [_searched(row[real], width, blank, ask) for row, real in zip(log_p, keep, strict=True)]


def _nothing(prefix: Prefix) -> float:
    return 0.0


def _searched(log_p: Array, width: int, blank: int, score: Score) -> list[Decoded]:
    """The beam for one sequence, log_p (T, K)."""
    beam: dict[Prefix, tuple[float, float]] = {(): (0.0, NONE)}
    scores: dict[Prefix, float] = {(): score(())}
    for row in log_p.tolist():
        grown = _grown(beam, row, blank)
        for prefix in grown.keys() - scores.keys():
            scores[prefix] = score(prefix)
        ranks = {p: _add(*ends) + scores[p] for p, ends in grown.items()}
        best = sorted((p for p in grown if ranks[p] > NONE), key=lambda p: -ranks[p])[:width]
        if not best:
            raise ValueError("every prefix is forbidden: by the score function, or a score is NaN")
        beam = {prefix: grown[prefix] for prefix in best}
    found = [(p, _add(*ends)) for p, ends in beam.items()]
    return [Decoded(np.array(p, np.int64), total, total + scores[p]) for p, total in found]


def _grown(
    beam: dict[Prefix, tuple[float, float]], row: Sequence[float], blank: int
) -> dict[Prefix, tuple[float, float]]:
    """All prefixes one step later: (ends with a blank, ends with a symbol), in logarithms."""
    grown: dict[Prefix, tuple[float, float]] = {}
    for prefix, (silent, sounding) in beam.items():
        both, last = _add(silent, sounding), prefix[-1] if prefix else None
        on_blank, on_symbol = grown.get(prefix, (NONE, NONE))
        again = NONE if last is None else sounding + row[last]
        grown[prefix] = _add(on_blank, both + row[blank]), _add(on_symbol, again)
        for k, log_p in enumerate(row):
            if k != blank:
                longer = (*prefix, k)
                on_blank, on_symbol = grown.get(longer, (NONE, NONE))
                before = silent if k == last else both
                grown[longer] = on_blank, _add(on_symbol, before + log_p)
    return grown


def _add(a: float, b: float) -> float:
    """log(e^a + e^b) of two numbers."""
    high, low = (a, b) if a > b else (b, a)
    return high if low == NONE else high + math.log1p(math.exp(low - high))
