"""What a network has to beat: n-grams for text; persistence, seasons and AR for series.

T time, V vocabulary. Series are (T,) arrays of numbers, the latest last.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_counts, plain
from rnncourse._types import Array

Followers = dict[tuple[int, ...], Counter[int]]  # of each context
Sums = dict[tuple[int, ...], tuple[float, float, list[float]]]

# --- text ----------------------------------------------------------------------------


class _NGram:
    """How often each token followed each context of 0 to n - 1 tokens; what both n-grams share."""

    def __init__(self, n: int, V: int) -> None:
        """n: 1 for single tokens, 2 for pairs, …; V: tokens are numbers 0..V-1."""
        check_counts(n=n, V=V)
        self.n, self.V = n, V
        self._followers: list[Followers] = [{} for _ in range(n)]

    def fit(self, sequences: Iterable[ArrayLike]) -> Self:
        """Count one or more sequences of token numbers (T,); returns itself.

        Contexts do not reach from one sequence into the next. May be called again: the counts
        add up. Raises ValueError for a token outside 0..V-1 or a single sequence instead of a
        list of them.
        """
        for sequence in sequences:
            self._count(tuple(self._checked(sequence).tolist()))
        return self

    def _count(self, tokens: tuple[int, ...]) -> None:
        for k, followers in enumerate(self._followers):
            pieces = Counter(zip(*(tokens[i:] for i in range(k + 1)), strict=False))
            for (*context, token), count in pieces.items():
                _row(followers, tuple(context))[token] += count

    def log_probabilities(self, tokens: ArrayLike) -> Array:
        """log p(token | tokens before) for each of tokens (T,), in nats; at most n - 1 count.

        exp of the negative mean is the perplexity.
        """
        tokens = tuple(self._checked(tokens).tolist())
        return np.log([self._probability(tokens, t) for t in range(len(tokens))])

    def _probability(self, tokens: tuple[int, ...], t: int) -> float:
        raise NotImplementedError

    def _checked(self, tokens: ArrayLike) -> Array:
        tokens = plain("tokens", tokens)
        if tokens.size == 0:
            return np.zeros(0, np.int64)
        if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
            raise ValueError(f"tokens are {tokens.dtype} of shape {tokens.shape}; expected token "
                             "numbers (T,), and a list of such sequences for fit")  # fmt: skip
        if tokens.min() < 0 or tokens.max() >= self.V:
            raise ValueError(f"tokens lie in {tokens.min()}..{tokens.max()}; V = {self.V} allows "
                             f"0..{self.V - 1}")  # fmt: skip
        return tokens


class WittenBell(_NGram):
    """An n-gram: the next token from how often it followed the n - 1 tokens before.

    After a context that was seen N times with R different followers, a token seen c times
    there has the probability (c + R q) / (N + R), where q is the same estimate from the
    context shortened by its oldest token; an unseen context gives q itself. The shortest of
    all estimates is 1 / V (eq-language_model-wittenbell).

    Source: Witten and Bell (1991), method C, interpolated as in Chen and Goodman (1999).
    """

    def __init__(self, n: int, V: int) -> None:
        """n: 1 for single tokens, 2 for pairs, …; V: tokens are numbers 0..V-1."""
        super().__init__(n, V)
        self._seen: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(n)]

    def _count(self, tokens: tuple[int, ...]) -> None:
        super()._count(tokens)
        for k in range(self.n):
            self._seen[k].update(tokens[t - k : t] for t in range(k, len(tokens)))

    def probabilities(self, context: ArrayLike = ()) -> Array:
        """Probability (V,) of each token after ``context``; only its last n - 1 tokens count."""
        context = tuple(self._checked(context).tolist())
        p = np.full(self.V, 1 / self.V)
        for k in range(min(self.n - 1, len(context)) + 1):
            tail = context[len(context) - k :]
            if not self._seen[k][tail]:
                break
            followers = self._followers[k][tail]
            p *= len(followers)
            p[list(followers)] += list(followers.values())
            p /= self._seen[k][tail] + len(followers)
        return p

    def _probability(self, tokens: tuple[int, ...], t: int) -> float:
        p = 1 / self.V
        for k in range(min(self.n - 1, t) + 1):
            context = tokens[t - k : t]
            followers = self._followers[k].get(context)
            if followers is None:
                break
            R = len(followers)
            p = (followers[tokens[t]] + R * p) / (self._seen[k][context] + R)
        return p


class KneserNey(_NGram):
    """An n-gram that takes a discount from each count: interpolated modified Kneser–Ney.

    After a context, a token counted c > 0 times there has the probability
    (c - D(c) + S q) / N, and one not counted there S q / N, where N is the sum of the counts, S
    that of their discounts, and q the same estimate from the context shortened by its oldest
    token; a context without counts gives q itself. The shortest of all estimates is 1 / V. With
    the longest contexts, c is how often the token followed. With shorter ones it is how many
    *different* tokens stood before context and token; the beginning of a sequence is one of them
    (eq-language_model-kneserney).

    D(c) is D_1, D_2 or, from 3 on, D_3, for each length of context: see :attr:`discounts`.

    Source: Kneser and Ney (1995); modified and interpolated as in Chen and Goodman (1999).
    """

    def __init__(self, n: int, V: int) -> None:
        """n: 1 for single tokens, 2 for pairs, …; V: tokens are numbers 0..V-1."""
        super().__init__(n, V)
        self._begun: list[set[tuple[tuple[int, ...], int]]] = [set() for _ in range(n)]
        self._prepared: tuple[list[Followers], Array, list[Sums]] | None = None

    def _count(self, tokens: tuple[int, ...]) -> None:
        super()._count(tokens)
        for k in range(min(self.n, len(tokens))):
            self._begun[k].add((tokens[:k], tokens[k]))
        self._prepared = None

    @property
    def discounts(self) -> Array:
        """D_0 = 0, D_1, D_2 and D_3 for contexts of 0, 1, … tokens, (n, 4).

        D_i = i - (i + 1) Y n_{i+1} / n_i with Y = n_1 / (n_1 + 2 n_2), where n_i is how many
        pairs of context and token have the count i. Where n_1, …, n_4 are not all above 0, or a
        D_i is not, all three are 1/2, 1 and 3/2, as in KenLM.
        """
        return self._ready()[1]

    def probabilities(self, context: ArrayLike = ()) -> Array:
        """Probability (V,) of each token after ``context``; only its last n - 1 tokens count."""
        context = tuple(self._checked(context).tolist())
        counts, D, _ = self._ready()
        p = np.full(self.V, 1 / self.V)
        for k in range(min(self.n - 1, len(context)) + 1):
            followers = counts[k].get(context[len(context) - k :])
            if followers is None:
                break
            c = np.array(list(followers.values()))
            taken = D[k, np.minimum(c, 3)]
            p *= taken.sum()
            p[list(followers)] += c - taken
            p /= c.sum()
        return p

    def _probability(self, tokens: tuple[int, ...], t: int) -> float:
        counts, _, sums = self._ready()
        p = 1 / self.V
        for k in range(min(self.n - 1, t) + 1):
            context = tokens[t - k : t]
            if context not in counts[k]:
                break
            N, S, D = sums[k][context]
            c = counts[k][context][tokens[t]]
            p = (c - D[min(c, 3)] + S * p) / N
        return p

    def _ready(self) -> tuple[list[Followers], Array, list[Sums]]:
        """Counts by length of context, their discounts, and N, S and D of each context."""
        if self._prepared is None:
            counts = [self._different(k) for k in range(self.n - 1)] + [self._followers[-1]]
            D = np.array([_discounts(some) for some in counts])
            sums: list[Sums] = [{} for _ in counts]
            for k, some in enumerate(counts):
                row = D[k].tolist()
                for context, followers in some.items():
                    values = followers.values()
                    taken = sum(row[min(c, 3)] for c in values)
                    sums[k][context] = sum(values), taken, row
            self._prepared = counts, D, sums
        return self._prepared

    def _different(self, k: int) -> Followers:
        """How many different tokens stood before each context of k tokens and its follower."""
        found: Followers = {}
        for context, followers in self._followers[k + 1].items():
            row = _row(found, context[1:])
            for token in followers:
                row[token] += 1
        for context, token in self._begun[k]:
            _row(found, context)[token] += 1
        return found


def _row(counts: Followers, context: tuple[int, ...]) -> Counter[int]:
    """The followers of a context, none at first."""
    row = counts.get(context)
    if row is None:
        row = counts[context] = Counter()
    return row


def _discounts(counts: Followers) -> list[float]:
    """0, D_1, D_2, D_3 from the counts of counts; see :attr:`KneserNey.discounts`."""
    n = Counter(min(c, 5) for followers in counts.values() for c in followers.values())
    if min(n[i] for i in (1, 2, 3, 4)) > 0:
        Y = n[1] / (n[1] + 2 * n[2])
        D = [i - (i + 1) * Y * n[i + 1] / n[i] for i in (1, 2, 3)]
        if min(D) > 0:
            return [0.0, *D]
    return [0.0, 0.5, 1.0, 1.5]


# --- series ----------------------------------------------------------------------------
