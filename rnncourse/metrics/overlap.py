"""How much of a text stands in others: BLEU, ROUGE, and how varied texts are, distinct-n.

Texts are lists of tokens, which can be words, characters or numbers. Shares lie between 0 and 1.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse.metrics._texts import (
    Grams,
    Tokens,
    check_number,
    grams_of,
    pairs_of,
    references_of,
    refuse_string,
    tokens_of,
)

_SMOOTHINGS = ("none", "floor", "add-k", "exp")


# --- BLEU --------------------------------------------------------------------------


class Bleu(NamedTuple):
    """What :func:`bleu` found; ``score`` is the number that is reported, there times 100."""

    score: float
    precisions: tuple[float, ...]  # of 1-grams, 2-grams, …, smoothed
    brevity: float  # below 1 where what was found is shorter than the references
    length: int  # tokens found
    reference_length: int  # of the references nearest in length


def bleu(
    references: Sequence[Sequence[Tokens]],
    found: Sequence[Tokens],
    order: int = 4,
    smoothing: str = "exp",
) -> Bleu:
    r"""BLEU of all sentences together; equal to sacrebleu's, divided by 100.

    .. math:: \text{BLEU} = \min(1, e^{1 - r / c}) \, (p_1 p_2 \cdots p_{order})^{1 / order}

    p_n is the share of the n-grams found that also stand in a reference of their sentence,
    each at most as often as in the one that has it most often. c counts the tokens found, r
    those of the reference nearest in length, of two as near the shorter. Both are summed over
    sentences before anything is divided: the mean of the sentences' own scores is another number.

    Args:
        references: for each sentence a list of one or more references, each a list of tokens.
        found: for each sentence its tokens.
        order: the longest n-grams.
        smoothing: of a p_n that would be 0. "exp" halves for each in turn: 1 / (2 total),
            1 / (4 total), …; "floor" takes 0.1 / total; "add-k" adds 1 to both numbers of each
            p_n from n = 2 on, 0 or not; "none" leaves 0, and so the score. Without a single
            token in common, or, but for "add-k", any n-gram of the longest kind, the score is 0.

    Source: Papineni et al. (2002); smoothing as in Chen and Cherry (2014), methods 1 to 3.
    Raises ValueError where the numbers of sentences differ or are 0, a sentence has no
    reference, and for another order or smoothing; TypeError for a string instead of its tokens.
    """
    check_counts(order=order)
    if smoothing not in _SMOOTHINGS:
        raise ValueError(f"smoothing is {smoothing!r}; expected one of {', '.join(_SMOOTHINGS)}")
    check_number(references, found)
    matched, total = [0] * order, [0] * order
    length = reference_length = 0
    for i, sentence in enumerate(found):
        tokens, all_of_it = tokens_of(f"found[{i}]", sentence), references_of(i, references[i])
        length += len(tokens)
        reference_length += _nearest_length(all_of_it, len(tokens))
        for n in range(1, order + 1):
            grams = grams_of(tokens, n)
            matched[n - 1] += _clipped(all_of_it, grams, n)
            total[n - 1] += grams.total()
    p = _precisions(matched, total, smoothing)
    brevity = _brevity(length, reference_length)
    score = brevity * math.exp(sum(map(math.log, p)) / order) if min(p) > 0 else 0.0
    return Bleu(score, p, brevity, length, reference_length)


def _clipped(references: list[list[Hashable]], grams: Grams, n: int) -> int:
    """How many of the n-grams count: none more often than in one of the references."""
    most: Grams = Counter()
    for reference in references:
        most |= grams_of(reference, n)
    return (grams & most).total()


def _nearest_length(references: list[list[Hashable]], length: int) -> int:
    return min(map(len, references), key=lambda other: (abs(other - length), other))


def _brevity(length: int, reference_length: int) -> float:
    if length >= reference_length:
        return 1.0
    return math.exp(1 - reference_length / length) if length else 0.0


def _precisions(matched: list[int], total: list[int], smoothing: str) -> tuple[float, ...]:
    """Matched n-grams among all, for n = 1, 2, …; all 0 where nothing matched."""
    found, zeros = [0.0] * len(total), 0
    for n, (part, whole) in enumerate(zip(matched, total, strict=True)):
        added = int(smoothing == "add-k" and n > 0)
        if not any(matched) or whole + added == 0:
            break
        if part + added > 0:
            found[n] = (part + added) / (whole + added)
        elif smoothing == "exp":
            zeros += 1
            found[n] = 1 / (2**zeros * whole)
        elif smoothing == "floor":
            found[n] = 0.1 / whole
    return tuple(found)


# --- ROUGE -------------------------------------------------------------------------


class Rouge(NamedTuple):
    """Means over pairs of a reference and what was found."""

    precision: float  # of what was found, in the reference
    recall: float  # of the reference, found
    f1: float  # mean of the pairs' own F1


def rouge_n(references: Sequence[Tokens], found: Sequence[Tokens], n: int) -> Rouge:
    """N-grams in common: ROUGE-1 for n = 1, ROUGE-2 for n = 2; as rouge-score without stemming.

    references, found: one list of tokens a pair. An n-gram counts in both at most as often as in
    the one that has it less often. A pair of which one has no n-gram scores 0.

    Source: Lin (2004), section 2; precision and F1 as in ROUGE-1.5.5. Raises ValueError where
    the numbers of texts differ or are 0, or n is below 1; TypeError for a string.
    """
    check_counts(n=n)
    pairs = [(grams_of(a, n), grams_of(b, n)) for a, b in pairs_of(references, found)]
    return _means([((a & b).total(), a.total(), b.total()) for a, b in pairs])


def rouge_l(references: Sequence[Tokens], found: Sequence[Tokens]) -> Rouge:
    """The longest common subsequence: tokens in common, in the same order, gaps allowed.

    references, found: one list of tokens a pair. It is divided by the tokens found, and by those
    of the reference; F1 weighs both alike. As rouge-score's ``rougeL``, which takes the whole
    text as one sentence. A pair of which one is empty scores 0.

    Source: Lin (2004), section 3.1. Raises errors as :func:`rouge_n`.
    """
    return _means([(_common(a, b), len(a), len(b)) for a, b in pairs_of(references, found)])


def _common(a: list[Hashable], b: list[Hashable]) -> int:
    """Length of the longest common subsequence, row by row of the table (len(a), len(b))."""
    row = [0] * (len(b) + 1)
    for item in a:
        diagonal = 0
        for j, other in enumerate(b, 1):
            here = diagonal + 1 if item == other else max(row[j], row[j - 1])
            diagonal, row[j] = row[j], here
    return row[-1]


def _means(counts: list[tuple[int, int, int]]) -> Rouge:
    """Of pairs of which each has (in common, in the reference, found)."""
    scores = np.zeros((len(counts), 3))
    for row, (common, wanted, given) in zip(scores, counts, strict=True):
        if common:
            row[:] = common / given, common / wanted, 2 * common / (given + wanted)
    return Rouge(*(float(mean) for mean in scores.mean(axis=0)))


# --- variety -----------------------------------------------------------------------


def distinct(found: Sequence[Tokens], n: int) -> float:
    """The share of different n-grams among all n-grams of the texts; near 0, all say the same.

    Texts are counted together, and n-grams do not reach from one into the next. 0 where no text
    has an n-gram. More text of the same kind makes it smaller: compare equal numbers of tokens.

    Source: distinct-n of Li et al. (2016), who divide by the number of tokens instead; the
    number of n-grams, now usual, makes 1 the highest score for each n. Raises ValueError where n
    is below 1; TypeError for a string instead of tokens.
    """
    check_counts(n=n)
    refuse_string("found", found)
    every: Grams = Counter()
    for i, text in enumerate(found):
        every.update(grams_of(tokens_of(f"found[{i}]", text), n))
    return len(every) / every.total() if every else 0.0


# --- what is copied -----------------------------------------------------------------------


def longest_copied(text: Tokens, corpus: Sequence[Tokens], ends: Sequence[Hashable] = ()) -> int:
    """Tokens of the longest run of a text that stands, as a run, in one text of a corpus.

    Args:
        text: tokens, or the characters of a string.
        corpus: the texts that may have been copied from.
        ends: tokens that no run goes across, such as the stops of verse.

    Every piece of a copied run is copied itself, so a run grows as long as it is found.
    """
    codes = {token: chr(k + 1) for k, token in enumerate(dict.fromkeys(text)) if token not in ends}
    known = "\0".join("".join(codes.get(token, "\0") for token in one) for one in corpus)
    longest = 0
    for run in "".join(codes.get(token, "\0") for token in text).split("\0"):
        for k in range(len(run)):
            while k + longest < len(run) and run[k : k + longest + 1] in known:
                longest += 1
    return longest
