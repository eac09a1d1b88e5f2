"""Series: gaps, scaling, windows, walk-forward validation, intervals and errors.

T time, D values a step, N windows. Nothing here looks into the future: what is fitted is
fitted on the part that it is given.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse.baselines import complete

Array = np.ndarray


def fill_gaps(series: ArrayLike) -> tuple[Array, Array]:
    """A straight line across each gap (NaN); a gap at an end takes the nearest value.

    It uses the value after the gap: fill before you split, or better, only up to the day from
    which you forecast. Returns the series (T,) without gaps, and a mask (T,), 1 where the value
    is real. Raises ValueError if no value is there.
    """
    series = np.asarray(series, np.float64)
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
        """(series - mean) / scale, over the last axis."""
        return (np.asarray(series, np.float64) - self.mean) / self.scale

    def invert(self, scaled: ArrayLike) -> Array:
        """The values in their own units again."""
        return np.asarray(scaled, np.float64) * self.scale + self.mean


def scaler(past: ArrayLike) -> Scaler:
    """Mean and standard deviation of the training part (T,) or (T, D), for each of D columns.

    A constant column has no spread: its scale is 1, so that it becomes 0 and not NaN.
    Raises ValueError for gaps (NaN) or an empty series.
    """
    past = np.asarray(past, np.float64)
    if past.ndim not in (1, 2) or not len(past) or not np.isfinite(past).all():
        raise ValueError(f"past has shape {past.shape}, {np.sum(~np.isfinite(past))} gaps; "
                         "expected (T,) or (T, D) without gaps")  # fmt: skip
    mean, scale = past.mean(axis=0), past.std(axis=0)
    # The mean of equal numbers is off by a rounding, which must not become the scale.
    return Scaler(mean, np.where(scale > 1e-12 * np.maximum(1, np.abs(mean)), scale, 1.0))


def windows(series: ArrayLike, length: int, horizon: int = 1) -> tuple[Array, Array]:
    """All pieces of ``length`` steps and the ``horizon`` steps behind them (eq-timeseries-windows).

    series (T,) or (T, D) → inputs (N, length) or (N, length, D), targets (N, horizon) or
    (N, horizon, D); N = T - length - horizon + 1. Neighbouring windows share all steps but one:
    split the series, not the windows. Raises ValueError for a series that is too short, or
    length or horizon below 1.
    """
    series = np.asarray(series)
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
        values = np.asarray(forecast(series[:origin].copy(), horizon), np.float64)
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
    Raises ValueError for shapes that do not fit or a quantile outside 0..1.
    Source: Koenker and Bassett (1978).
    """
    outputs, targets = np.asarray(outputs), np.asarray(targets)
    outputs = outputs if outputs.dtype.kind == "f" else outputs.astype(np.float64)
    q = np.asarray(quantiles, outputs.dtype)
    if q.ndim != 1 or not ((q > 0) & (q < 1)).all():
        raise ValueError(f"quantiles are {q.tolist()}; expected numbers between 0 and 1")
    if outputs.shape != (*targets.shape, len(q)):
        raise ValueError(f"outputs has shape {outputs.shape}; targets {targets.shape} and "
                         f"{len(q)} quantiles need {(*targets.shape, len(q))}")  # fmt: skip
    error = targets[..., None] - outputs
    slope = np.where(error > 0, -q, 1 - q).astype(outputs.dtype)
    return float((-slope * error).mean()), slope / outputs.size


def coverage(lower: ArrayLike, upper: ArrayLike, targets: ArrayLike) -> float:
    """Share of the targets that lie in [lower, upper]; all of one shape."""
    lower, upper, targets = np.asarray(lower), np.asarray(upper), np.asarray(targets)
    if not lower.shape == upper.shape == targets.shape or targets.size == 0:
        raise ValueError(f"lower {lower.shape}, upper {upper.shape} and targets {targets.shape}; "
                         "expected one shape, with at least one value")  # fmt: skip
    return float(((lower <= targets) & (targets <= upper)).mean())


def interval_score(lower: ArrayLike, upper: ArrayLike, targets: ArrayLike, share: float) -> float:
    """Width of the intervals, plus a fine for each target outside (eq-timeseries-score).

    A target that lies d outside costs 2 d / (1 - share). On average the score is smallest for
    the true quantiles (1 - share) / 2 and (1 + share) / 2, so neither too wide nor too narrow
    pays. lower, upper, targets of one shape → the mean, in their unit.
    Raises ValueError for shapes that differ, no value, or a share not between 0 and 1.
    Source: Winkler (1972); Gneiting and Raftery (2007).
    """
    lower, upper, targets = (np.asarray(a, np.float64) for a in (lower, upper, targets))
    if not lower.shape == upper.shape == targets.shape or targets.size == 0:
        raise ValueError(f"lower {lower.shape}, upper {upper.shape} and targets {targets.shape}; "
                         "expected one shape, with at least one value")  # fmt: skip
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; expected a number between 0 and 1")
    outside = np.maximum(np.maximum(lower - targets, targets - upper), 0)
    return float((upper - lower + 2 * outside / (1 - share)).mean())


def conformal_margin(lower: ArrayLike, upper: ArrayLike, targets: ArrayLike, share: float) -> Array:
    """How far to widen an interval so that a share of new targets lies in it
    (eq-timeseries-conformal).

    lower, upper, targets (N,) or (N, K): the calibration part, which trained nothing. Each of
    the N targets says by how much its interval was too narrow, below 0 if it was too wide;
    the margin, () or (K,), is the ⌈(N + 1) share⌉-th smallest of these. It may be negative.
    The promise holds where calibration and future are exchangeable, which drift breaks.
    Raises ValueError for shapes that differ, a share not between 0 and 1, or an N that is too
    small for it. Source: Romano, Patterson and Candès (2019).
    """
    lower, upper, targets = (np.asarray(a, np.float64) for a in (lower, upper, targets))
    if not lower.shape == upper.shape == targets.shape or targets.ndim not in (1, 2):
        raise ValueError(f"lower {lower.shape}, upper {upper.shape} and targets {targets.shape}; "
                         "expected one shape, (N,) or (N, K)")  # fmt: skip
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; expected a number between 0 and 1")
    # Rounded: 10 · 0.9 must not become 10 because a float is a little above 9.
    rank = math.ceil(round((len(targets) + 1) * share, 9))
    if rank > len(targets):
        raise ValueError(f"{len(targets)} targets are too few for a share of {share}; expected "
                         f"at least {math.ceil(round(share / (1 - share), 9))}")  # fmt: skip
    return np.sort(np.maximum(lower - targets, targets - upper), axis=0)[rank - 1]


def mase(forecasts: ArrayLike, targets: ArrayLike, past: ArrayLike, period: int = 1) -> float:
    """Mean absolute scaled error: below 1 is better than the naive forecast was on the past.

    The mean absolute error divided by that of "as one period ago" on the training part ``past``
    (T,). Raises ValueError for gaps, shapes that differ, or a past in which the naive forecast
    is never wrong, as in a constant series: then nothing can be better.
    Source: Hyndman and Koehler (2006).
    """
    forecasts, targets = np.asarray(forecasts, np.float64), np.asarray(targets, np.float64)
    if forecasts.shape != targets.shape:
        raise ValueError(f"forecasts {forecasts.shape} and targets {targets.shape} differ")
    past = complete(past, at_least=period + 1, what="past")
    naive = np.abs(past[period:] - past[:-period]).mean()
    if naive == 0:
        raise ValueError("past repeats itself exactly: the naive forecast is never wrong there, "
                         "and no error can be scaled by zero; report the plain error")  # fmt: skip
    return float(np.abs(forecasts - targets).mean() / naive)
