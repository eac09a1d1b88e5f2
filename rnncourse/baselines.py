"""What a network has to beat: n-grams for text; persistence, seasons and AR for series.

T time, V vocabulary. Series are (T,) arrays of numbers, the latest last.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray
Followers = dict[tuple[int, ...], Counter[int]]  # of each context
Sums = dict[tuple[int, ...], tuple[float, float, list[float]]]

# --- text ----------------------------------------------------------------------------


class _NGram:
    """How often each token followed each context of 0 to n - 1 tokens; what both n-grams share."""

    def __init__(self, n: int, V: int) -> None:
        """n: 1 for single tokens, 2 for pairs, …; V: tokens are numbers 0..V-1."""
        if n < 1 or V < 1:
            raise ValueError(f"n = {n}, V = {V}; expected at least 1 of each")
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
        tokens = np.asarray(tokens)
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


def persistence(history: ArrayLike, horizon: int) -> Array:
    """Tomorrow will be as today: the last value, (horizon,) times."""
    return seasonal_naive(history, horizon, 1)


def seasonal_naive(history: ArrayLike, horizon: int, period: int) -> Array:
    """This month will be as the same month a year ago: the last period, again and again.

    history (T,) with T >= period → (horizon,) floats. Raises ValueError for gaps (NaN), a
    history that is too short, or horizon or period below 1.
    """
    history = complete(history, at_least=max(1, period))
    if horizon < 1 or period < 1:
        raise ValueError(f"horizon = {horizon}, period = {period}; expected at least 1 of each")
    return np.resize(history[-period:], horizon)


class Autoregression(NamedTuple):
    """A value as a weighted sum of the values before: y_t = b + Σ_k w_k y_{t-k}."""

    w: Array  # (lags,) the weight of the value 1, 2, … steps ago
    b: float

    def forecast(self, history: ArrayLike, horizon: int) -> Array:
        """The next ``horizon`` values; each forecast is fed back to make the next.

        Raises ValueError for gaps (NaN), fewer values than lags, or a horizon below 1.
        """
        values = complete(history, at_least=len(self.w))[-len(self.w) :].tolist()
        if horizon < 1:
            raise ValueError(f"horizon = {horizon}; expected at least 1")
        for _ in range(horizon):
            values.append(self.b + float(self.w @ values[: -len(self.w) - 1 : -1]))
        return np.array(values[len(self.w) :])


def autoregression(history: ArrayLike, lags: int) -> Autoregression:
    """Least squares on all pairs of ``lags`` values and the one after (eq-timeseries-ar).

    Of several best solutions, which a constant series has, it takes the shortest one.
    Raises ValueError for gaps (NaN), lags below 1, or fewer than 2 · lags + 1 values.
    Source: Yule (1927).
    """
    if lags < 1:
        raise ValueError(f"lags = {lags}; expected at least 1")
    history = complete(history, at_least=2 * lags + 1)
    rows = np.lib.stride_tricks.sliding_window_view(history, lags + 1)
    middle = history.mean()  # away from zero the columns would be nearly alike
    w = np.linalg.lstsq(
        np.column_stack([rows[:, -2::-1] - middle, np.ones(len(rows))]), rows[:, -1] - middle,
        rcond=None,
    )[0]  # fmt: skip
    return Autoregression(w[:-1], float(w[-1] + middle * (1 - w[:-1].sum())))


class HarmonicRegression(NamedTuple):
    """A line, waves of a fixed period, and an AR of what they leave: for a season."""

    level: float
    slope: float  # a step
    waves: Array  # (count, 2) cosine and sine of the period, of half of it, of a third, …
    period: float
    rest: Autoregression

    def curve(self, steps: ArrayLike) -> Array:
        """Line and waves at ``steps``, counted from the first one that was fitted."""
        columns = _waves(steps, self.period, len(self.waves))
        return self.level + self.slope * np.asarray(steps) + columns @ self.waves.ravel()

    def forecast(self, history: ArrayLike, horizon: int) -> Array:
        """The next ``horizon`` values; ``history`` begins where the fitted one began.

        Raises ValueError for gaps (NaN), fewer values than lags, or a horizon below 1.
        """
        history = complete(history, at_least=len(self.rest.w))
        left = history - self.curve(np.arange(len(history)))
        coming = self.curve(len(history) + np.arange(horizon))
        return coming + self.rest.forecast(left, horizon)


def harmonic_regression(
    history: ArrayLike, period: float, waves: int, lags: int, line: bool = False
) -> HarmonicRegression:
    """Least squares for ``waves`` waves, then an AR of the rest (eq-timeseries-harmonic).

    period: in steps, not necessarily whole (365.25 days); line: let the level rise or fall by
    the same amount a step. Raises ValueError for gaps (NaN), a period below 2, waves outside
    1..period / 2, or fewer than one period or 2 · lags + 1 values.
    Source: Hyndman and Athanasopoulos (2021), dynamic harmonic regression.
    """
    if not 1 <= waves <= period / 2:
        raise ValueError(f"waves = {waves}, period = {period}; expected 1 <= waves <= period / 2")
    history = complete(history, at_least=max(2 * lags + 1, int(np.ceil(period))))
    steps = np.arange(len(history))
    columns = [np.ones(len(steps)), steps * float(line), *_waves(steps, period, waves).T]
    found = np.linalg.lstsq(np.column_stack(columns), history, rcond=None)[0]
    curve = HarmonicRegression(
        float(found[0]), float(found[1]), found[2:].reshape(-1, 2), period,
        Autoregression(np.zeros(1), 0.0),
    )  # fmt: skip
    return curve._replace(rest=autoregression(history - curve.curve(steps), lags))


def _waves(steps: ArrayLike, period: float, count: int) -> Array:
    """Cosine and sine columns (T, 2 · count) at ``steps`` (T,)."""
    angles = np.outer(steps, np.arange(1, count + 1)) * (2 * np.pi / period)
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1).reshape(len(angles), -1)


def complete(series: ArrayLike, at_least: int = 1, what: str = "history") -> Array:
    """A series (T,) as floats. Raises ValueError for gaps, infinities or too few values."""
    series = np.asarray(series, np.float64)
    if series.ndim != 1 or len(series) < at_least:
        raise ValueError(f"{what} has shape {series.shape}; expected (T,) with T >= {at_least}")
    bad = np.flatnonzero(~np.isfinite(series))
    if bad.size:
        raise ValueError(f"{what} has {bad.size} gaps (NaN or infinity), the first at index "
                         f"{bad[0]}; fill them first, as timeseries.fill_gaps does")  # fmt: skip
    return series
