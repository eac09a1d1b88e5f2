"""What a network has to beat: n-grams for text; persistence, seasons and AR for series.

T time, V vocabulary. Series are (T,) arrays of numbers, the latest last.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray

# --- text ----------------------------------------------------------------------------


class WittenBell:
    """An n-gram: the next token from how often it followed the n - 1 tokens before.

    After a context that was seen N times with R different followers, a token seen c times
    there has the probability (c + R q) / (N + R), where q is the same estimate from the
    context shortened by its oldest token; an unseen context gives q itself. The shortest of
    all estimates is 1 / V (eq-language_model-wittenbell).

    Source: Witten and Bell (1991), method C, interpolated as in Chen and Goodman (1999).
    """

    def __init__(self, n: int, V: int) -> None:
        """n: 1 for single tokens, 2 for pairs, …; V: tokens are numbers 0..V-1."""
        if n < 1 or V < 1:
            raise ValueError(f"n = {n}, V = {V}; expected at least 1 of each")
        self.n, self.V = n, V
        self._followers: list[dict[tuple[int, ...], Counter[int]]] = [{} for _ in range(n)]
        self._seen: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(n)]

    def fit(self, sequences: Iterable[ArrayLike]) -> "WittenBell":
        """Count one or more sequences of token numbers (T,); returns itself.

        Contexts do not reach from one sequence into the next. May be called again: the counts
        add up. Raises ValueError for a token outside 0..V-1 or a single sequence instead of a
        list of them.
        """
        for sequence in sequences:
            tokens = tuple(self._checked(sequence).tolist())
            for k in range(self.n):
                for t in range(k, len(tokens)):
                    context = tokens[t - k : t]
                    self._followers[k].setdefault(context, Counter())[tokens[t]] += 1
                    self._seen[k][context] += 1
        return self

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

    def log_probabilities(self, tokens: ArrayLike) -> Array:
        """log p(token | tokens before) for each of tokens (T,), in nats; at most n - 1 count.

        exp of the negative mean is the perplexity.
        """
        tokens = tuple(self._checked(tokens).tolist())
        return np.log([self._probability(tokens, t) for t in range(len(tokens))])

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
