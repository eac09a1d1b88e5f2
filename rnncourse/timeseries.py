"""Series: gaps, scaling, windows, walk-forward validation, intervals and errors.

T time, D values a step, N windows. Nothing here looks into the future: what is fitted is
fitted on the part that it is given. A gap is NaN; what a masked array hides is one too.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_counts, check_gaps, is_masked_array, numbers, plain, with_gaps
from rnncourse._types import Array
from rnncourse.data.series import complete


def fill_gaps(series: ArrayLike) -> tuple[Array, Array]:
    """A straight line across each gap (NaN); a gap at an end takes the nearest value.

    It uses the value after the gap: fill before you split, or better, only up to the day from
    which you forecast. Returns the series (T,) without gaps, and a mask (T,), 1 where the value
    is real. Raises ValueError if no value is there.
    """
    series = with_gaps(series)
    real = np.isfinite(series)
    if series.ndim != 1 or not real.any():
        raise ValueError(f"series has shape {series.shape} and {real.sum()} values; expected "
                         "(T,) with at least one")  # fmt: skip
    place = np.arange(len(series))
    return np.interp(place, place[real], series[real]), real.astype(np.int64)


class Scaler(NamedTuple):
    """Moves and stretches values to mean 0 and standard deviation 1, and back."""

    mean: Array
    scale: Array

    def apply(self, series: ArrayLike) -> Array:
        """(series - mean) / scale, over the last axis. Raises ValueError for another D."""
        return (self._columns("series", series) - self.mean) / self.scale

    def invert(self, scaled: ArrayLike) -> Array:
        """The values in their own units again. Raises ValueError for another D."""
        return self._columns("scaled", scaled) * self.scale + self.mean

    def _columns(self, name: str, values: ArrayLike) -> Array:
        """The values as floats, after checking that they have this scaler's columns."""
        found = with_gaps(values)
        if self.mean.ndim and found.shape[-1:] != self.mean.shape:
            raise ValueError(f"{name} has shape {found.shape}; this scaler was fitted to columns "
                             f"and needs (..., {len(self.mean)})")  # fmt: skip
        return found


def scaler(past: ArrayLike) -> Scaler:
    """Mean and standard deviation of the training part (T,) or (T, D), for each of D columns.

    A constant column has no spread: its scale is 1, so that it becomes 0 and not NaN. So has
    one whose values differ by their last digit alone, as 0.3 and 0.1 + 0.2; all others, however
    small or large, are scaled. Raises ValueError for gaps (NaN) or an empty series.
    """
    values = with_gaps(past)
    if values.ndim not in (1, 2) or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"past has shape {values.shape}, {np.sum(~np.isfinite(values))} gaps; "
                         "expected (T,) or (T, D) without gaps")  # fmt: skip
    # In units of a power of two, which changes no digit, no square overflows or vanishes.
    unit = np.frexp(np.abs(values).max(axis=0))[1]
    scaled = np.ldexp(values, -unit)
    low, high = scaled.min(axis=0), scaled.max(axis=0)
    # The mean of equal numbers is off by a rounding, which must not become the scale.
    mean = np.ldexp(np.where(low == high, low, scaled.mean(axis=0)), unit)
    rounding = 4 * np.finfo(np.float64).eps * np.maximum(-low, high)
    return Scaler(mean, np.where(high - low > rounding, np.ldexp(scaled.std(axis=0), unit), 1.0))


def windows(series: ArrayLike, length: int, horizon: int = 1) -> tuple[Array, Array]:
    """All pieces of ``length`` steps and the ``horizon`` steps behind them (eq-timeseries-windows).

    series (T,) or (T, D) → inputs (N, length) or (N, length, D), targets (N, horizon) or
    (N, horizon, D); N = T - length - horizon + 1. Neighbouring windows share all steps but one:
    split the series, not the windows. Raises ValueError for a series that is too short, or
    length or horizon below 1.
    """
    series = with_gaps(series) if is_masked_array(series) else plain("series", series)
    if length < 1 or horizon < 1:
        raise ValueError(f"length = {length}, horizon = {horizon}; expected at least 1 of each")
    if series.ndim not in (1, 2) or len(series) < length + horizon:
        raise ValueError(f"series has shape {series.shape}; length = {length} and horizon = "
                         f"{horizon} need at least {length + horizon} steps")  # fmt: skip
    whole = np.lib.stride_tricks.sliding_window_view(series, length + horizon, axis=0)
    whole = np.moveaxis(whole, -1, 1).copy()
    return whole[:, :length], whole[:, length:]


def walk_forward(
    series: ArrayLike,
    first: int,
    horizon: int,
    forecast: Callable[[Array, int], ArrayLike],
    every: int = 1,
) -> tuple[Array, Array]:
    """Forecast from step ``first``, then from ``every`` steps later, and so on to the end.

    ``forecast(history, horizon)`` gets the values before the origin alone, as a copy, and
    returns (horizon,) values. Returns forecasts and truths, each (N, horizon).
    Raises ValueError for gaps (NaN), no room for one forecast, or a wrong shape returned.
    """
    series = complete(series, at_least=2, what="series")
    if min(first, horizon, every) < 1 or first + horizon > len(series):
        raise ValueError(f"first = {first}, horizon = {horizon}, every = {every}; expected at "
                         f"least 1, and first + horizon <= {len(series)}")  # fmt: skip
    made, true = [], []
    for origin in range(first, len(series) - horizon + 1, every):
        values = with_gaps(forecast(series[:origin].copy(), horizon))
        if values.shape != (horizon,):
            raise ValueError(f"forecast returned shape {values.shape}; expected ({horizon},)")
        made.append(values)
        true.append(series[origin : origin + horizon])
    return np.array(made), np.array(true)


# --- intervals and errors -----------------------------------------------------------------


def quantile_loss(
    outputs: ArrayLike, targets: ArrayLike, quantiles: ArrayLike
) -> tuple[float, Array]:
    """The pinball loss: too low costs q a unit, too high 1 - q (eq-timeseries-pinball).

    It is smallest where a share q of the targets lies below the output. outputs (..., Q),
    targets (...), quantiles (Q,) between 0 and 1 → mean loss, gradient (..., Q).
    Raises ValueError for shapes that do not fit, gaps (NaN), no target, or a quantile outside
    0..1; TypeError for masked arrays. Source: Koenker and Bassett (1978).
    """
    outputs, targets = numbers("outputs", outputs), numbers("targets", targets)
    outputs = outputs if outputs.dtype.kind == "f" else outputs.astype(np.float64)
    q = numbers("quantiles", quantiles).astype(outputs.dtype)
    if q.ndim != 1 or not ((q > 0) & (q < 1)).all():
        raise ValueError(f"quantiles are {q.tolist()}; expected numbers between 0 and 1")
    if outputs.shape != (*targets.shape, len(q)):
        raise ValueError(f"outputs has shape {outputs.shape}; targets {targets.shape} and "
                         f"{len(q)} quantiles need {(*targets.shape, len(q))}")  # fmt: skip
    if not outputs.size:
        raise ValueError(f"outputs has shape {outputs.shape}: there is nothing to average over")
    check_gaps("targets", targets, "leave those steps out")
    check_gaps("outputs", outputs, "did the training diverge?")
    error = targets[..., None] - outputs
    slope = np.where(error > 0, -q, 1 - q).astype(outputs.dtype)
    wide = np.result_type(outputs.dtype, np.float32)  # float16 cannot count beyond 65504
    gradient = slope.astype(wide) / outputs.size
    return float((-slope * error).mean()), gradient.astype(outputs.dtype, copy=False)


def conformal_margin(lower: ArrayLike, upper: ArrayLike, targets: ArrayLike, share: float) -> Array:
    """How far to widen an interval so that a share of new targets lies in it
    (eq-timeseries-conformal).

    lower, upper, targets (N,) or (N, K): the calibration part, which trained nothing. Each of
    the N targets says by how much its interval was too narrow, below 0 if it was too wide;
    the margin, () or (K,), is the ⌈(N + 1) share⌉-th smallest of these. It may be negative.
    The promise holds where calibration and future are exchangeable, which drift breaks.
    Raises ValueError for shapes that differ, gaps (NaN), a share not between 0 and 1, or an N
    that is too small for it. Source: Romano, Patterson and Candès (2019).
    """
    lower, upper, targets = (with_gaps(a) for a in (lower, upper, targets))
    if not lower.shape == upper.shape == targets.shape or targets.ndim not in (1, 2):
        raise ValueError(f"lower {lower.shape}, upper {upper.shape} and targets {targets.shape}; "
                         "expected one shape, (N,) or (N, K)")  # fmt: skip
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; expected a number between 0 and 1")
    _check_all_gaps(lower=lower, upper=upper, targets=targets)
    # Rounded: 10 · 0.9 must not become 10 because a float is a little above 9.
    rank = math.ceil(round((len(targets) + 1) * share, 9))
    if rank > len(targets):
        raise ValueError(f"{len(targets)} targets are too few for a share of {share}; expected "
                         f"at least {math.ceil(round(share / (1 - share), 9))}")  # fmt: skip
    return np.sort(np.maximum(lower - targets, targets - upper), axis=0)[rank - 1]


def _check_all_gaps(**arrays: Array) -> None:
    for what, values in arrays.items():
        check_gaps(what, values, "leave those targets out", infinite=True)


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
        return self.level + self.slope * numbers("steps", steps) + columns @ self.waves.ravel()

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
    check_counts(waves=waves)
    if not waves <= period / 2 < math.inf:
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
    angles = np.outer(numbers("steps", steps), np.arange(1, count + 1)) * (2 * np.pi / period)
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1).reshape(len(angles), 2 * count)


def likely_period(series: ArrayLike) -> int:
    """The lag, up to a third of T, at which a series is most like itself, or 1 for none.

    A parabola, as its trend, is taken away first. The lag is a peak of the autocorrelation after
    it fell below 0: the highest, or where a peak of 0.8 of that comes earlier, the highest one
    near the first of these. It is 1 where no peak stands out from what chance makes: above
    3 / sqrt(T), and 0.4 at least. Raises ValueError for gaps (NaN) or fewer than 12 values.
    """
    y = complete(series, at_least=12, what="series")
    T, steps = len(y), np.arange(len(y))
    rest = y - np.polynomial.Polynomial.fit(steps, y, 2)(steps)
    alike = np.array([rest[k:] @ rest[: T - k] / (T - k) for k in range(T // 3 + 2)])
    first = max(2, int((alike < 0).argmax()))
    peaks = [k for k in range(first, T // 3 + 1) if alike[k - 1] <= alike[k] >= alike[k + 1]]
    highest = max((alike[k] for k in peaks), default=0.0)
    if highest <= max(0.4, 3 / math.sqrt(T)) * alike[0]:
        return 1
    start = next(k for k in peaks if alike[k] >= 0.8 * highest)
    return max((k for k in peaks if start <= k < 1.5 * start), key=lambda k: float(alike[k]))
