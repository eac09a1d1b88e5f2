"""How much a description says of what many people say of the same picture: CIDEr-D.

Texts are lists of tokens, which can be words, characters or numbers.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse._types import Array
from rnncourse.metrics._texts import Tokens, check_number, grams_of, references_of, tokens_of

Weights = dict[tuple[Hashable, ...], float]  # of n-grams: how often here times how rare elsewhere
SCALE = 10.0  # by convention; so 10 is the highest score


class Cider(NamedTuple):
    """What :func:`cider` found, between 0 and 10."""

    score: float  # mean over the texts: the number that is reported, by many times 100
    texts: Array  # (N,): of each text its own


def cider(
    references: Sequence[Sequence[Tokens]],
    found: Sequence[Tokens],
    order: int = 4,
    sigma: float = 6.0,
    corpus: Sequence[Sequence[Tokens]] | None = None,
) -> Cider:
    r"""CIDEr-D: likeness to each reference, n-grams weighted by how few pictures have them.

    .. math:: \text{CIDEr-D}_n(c, S) = \frac{10}{|S|} \sum_{s \in S} e^{-(|c| - |s|)^2 / 2 \sigma^2}
       \frac{\sum_g \min(w_g(c), w_g(s)) \, w_g(s)}{\lVert w(c) \rVert \lVert w(s) \rVert},
       \qquad w_g(s) = \text{count}_g(s) \, \log \frac{N}{\max(1, N_g)}

    g runs over n-grams; N_g of the N pictures have g in a reference. What every picture's
    description has weighs nothing; what one alone has weighs most. The score is the mean over
    n = 1 … order, then over pictures.

    Plain CIDEr has the cosine itself: neither the minimum, without which a word said often counts
    often, nor the factor of the lengths, and it compares stems of words. Nearly all published
    numbers called CIDEr are CIDEr-D.

    Args:
        references: for each picture a list of one or more descriptions, each a list of tokens.
        found: for each picture the description to judge.
        order: the longest n-grams.
        sigma: tokens by which a length may differ before it costs much.
        corpus: descriptions of the N pictures in which n-grams are counted, in the form of
            ``references``; by default these themselves.

    Source: Vedantam, Zitnick and Parikh (2015), equations 1 to 5. Raises ValueError where the
    numbers of pictures differ, a picture has no reference, the corpus has a single picture (then
    all weighs nothing), ``order`` is below 1 or ``sigma`` not above 0; TypeError for a string
    instead of its tokens.
    """
    check_counts(order=order)
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma}; expected a number above 0")
    check_number(references, found)
    wanted = [references_of(i, some) for i, some in enumerate(references)]
    given = [tokens_of(f"found[{i}]", text) for i, text in enumerate(found)]
    known = wanted if corpus is None else [references_of(i, some) for i, some in enumerate(corpus)]
    if len(known) < 2:
        raise ValueError(f"n-grams are counted in {len(known)} pictures; expected two or more: "
                         "name others in corpus")  # fmt: skip
    scores = np.zeros((len(given), order))
    for n in range(1, order + 1):
        pictures = Counter(
            g for some in known for g in set().union(*(grams_of(s, n) for s in some))
        )
        for row, text, some in zip(scores, given, wanted, strict=True):
            ours = _weights(text, n, pictures, len(known))
            row[n - 1] = SCALE * np.mean([
                _likeness(ours, _weights(s, n, pictures, len(known)))
                * math.exp(-((len(text) - len(s)) ** 2) / (2 * sigma**2))
                for s in some
            ])  # fmt: skip
    texts = scores.mean(axis=1)
    return Cider(float(texts.mean()), texts)


def _weights(
    tokens: list[Hashable], n: int, pictures: Counter[tuple[Hashable, ...]], N: int
) -> Weights:
    """w of each n-gram of a text."""
    return {g: k * math.log(N / max(1, pictures[g])) for g, k in grams_of(tokens, n).items()}


def _likeness(found: Weights, wanted: Weights) -> float:
    """The cosine, of what was found nothing counted beyond the reference; 0 without weights."""
    both = math.hypot(*found.values()) * math.hypot(*wanted.values())
    shared = sum(min(w, wanted[g]) * wanted[g] for g, w in found.items() if g in wanted)
    return shared / both if both else 0.0
