"""The documents that answer a query best, by the words that both have: Okapi BM25.

N documents, each a list of tokens.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse._types import Array


class Bm25:
    r"""Okapi BM25: how well each document fits a query.

    .. math:: \text{score}(d, q) = \sum_{w \in q}
        \ln\Bigl(1 + \frac{N - n_w + 1/2}{n_w + 1/2}\Bigr) \cdot
        \frac{(k_1 + 1) \, f_{w,d}}{f_{w,d} + k_1 (1 - b + b \, L_d / \bar{L})}

    n_w documents have the word w, f is how often d has it, L the number of d's tokens and its mean
    over documents. The first factor is the weight of Robertson and Spärck Jones with a 1 added,
    as in Lucene: without it, a word in more than half of the documents would count against them.

    Source: Robertson and Zaragoza (2009), section 3.4; k1 + 1, which they leave out, changes no
    order. A document without tokens scores 0.
    """

    def __init__(
        self, documents: Iterable[Sequence[Hashable]], k1: float = 1.5, b: float = 0.75
    ) -> None:
        """documents: N lists of tokens; k1: how much repetition counts, 0 for not at all; b: how
        much a long document pays for its length, 0 to 1.

        Raises ValueError for no documents and another k1 or b; TypeError for a string instead of
        its tokens.
        """
        if not 0 <= k1 < np.inf or not 0 <= b <= 1:
            raise ValueError(f"k1 = {k1}, b = {b}; expected k1 from 0 on, and b from 0 to 1")
        counts = [Counter(_tokens("a document", document)) for document in documents]
        if not counts:
            raise ValueError("documents is empty; expected at least one list of tokens")
        lengths = np.array([count.total() for count in counts])
        paid = k1 * (1 - b + b * lengths / max(lengths.mean(), 1e-300))  # (N,)
        places: defaultdict[Hashable, list[int]] = defaultdict(list)
        for i, count in enumerate(counts):
            for word in count:
                places[word].append(i)
        self.N = len(counts)
        self.idf: dict[Hashable, float] = {}
        self._found: dict[Hashable, tuple[Array, Array]] = {}  # of a word: documents, scores
        for word, where in places.items():
            n, f = len(where), np.array([counts[i][word] for i in where])
            self.idf[word] = float(np.log1p((self.N - n + 0.5) / (n + 0.5)))
            self._found[word] = np.array(where), self.idf[word] * (k1 + 1) * f / (f + paid[where])

    def scores(self, query: Sequence[Hashable]) -> Array:
        """Of each document (N,), from 0 on; 0 where it has no word of the query.

        A word that stands twice in the query counts twice, one that no document has for nothing;
        so an empty query gives zeros. Raises TypeError for a string instead of its tokens.
        """
        total = np.zeros(self.N)
        for word in _tokens("query", query):
            if word in self._found:
                where, scores = self._found[word]
                total[where] += scores
        return total

    def nearest(self, query: Sequence[Hashable], k: int = 1) -> Array:
        """The k documents with the highest scores, best first: their numbers (k,), from 0 on.

        Of equal scores the earlier document comes first, so an empty query finds the first k;
        where k is more than N, all N are returned. Raises ValueError for k below 1.
        """
        check_counts(k=k)
        return np.argsort(-self.scores(query), kind="stable")[:k]


def _tokens(name: str, tokens: Sequence[Hashable]) -> Sequence[Hashable]:
    if isinstance(tokens, str):
        raise TypeError(f"{name} is one string, {tokens[:20]!r}; expected its tokens")
    return tokens
