"""Scores of forecasts and of the intervals around them."""

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_counts, check_gaps, with_gaps
from rnncourse._types import Array


def coverage(lower: ArrayLike, upper: ArrayLike, targets: ArrayLike) -> float:
    """Share of the targets that lie in [lower, upper]; all of one shape.

    An end may be infinite. Nothing lies in an interval whose lower end is above its upper one.
    Raises ValueError for shapes that differ, no value, or gaps (NaN): a comparison with NaN is
    false, so they would count as missed.
    """
    lower, upper, targets = _intervals(lower, upper, targets)
    return float(((lower <= targets) & (targets <= upper)).mean())


def _intervals(lower: ArrayLike, upper: ArrayLike, targets: ArrayLike) -> tuple[Array, ...]:
    """All three as floats of one shape without gaps."""
    found = [with_gaps(a) for a in (lower, upper, targets)]
    shapes = [a.shape for a in found]
    if len(set(shapes)) > 1 or not found[0].size:
        raise ValueError(f"lower {shapes[0]}, upper {shapes[1]} and targets {shapes[2]}; "
                         "expected one shape, with at least one value")  # fmt: skip
    for what, values in zip(("lower", "upper", "targets"), found, strict=True):
        check_gaps(what, values, "leave those targets out", infinite=True)
    return tuple(found)


def interval_score(lower: ArrayLike, upper: ArrayLike, targets: ArrayLike, share: float) -> float:
    """Width of the intervals, plus a fine for each target outside (eq-timeseries-score).

    A target that lies d outside costs 2 d / (1 - share). On average the score is smallest for
    the true quantiles (1 - share) / 2 and (1 + share) / 2, so neither too wide nor too narrow
    pays. lower, upper, targets of one shape → the mean, in their unit.
    Raises ValueError as :func:`coverage`, and for a share not between 0 and 1.
    Source: Winkler (1972); Gneiting and Raftery (2007).
    """
    lower, upper, targets = _intervals(lower, upper, targets)
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; expected a number between 0 and 1")
    outside = np.maximum(np.maximum(lower - targets, targets - upper), 0)
    return float((upper - lower + 2 * outside / (1 - share)).mean())


def mase(forecasts: ArrayLike, targets: ArrayLike, past: ArrayLike, period: int = 1) -> float:
    """Mean absolute scaled error: below 1 is better than the naive forecast was on the past.

    The mean absolute error divided by that of "as one period ago" on the training part ``past``
    (T,). period: a whole number of steps. Raises ValueError for gaps, shapes that differ, a
    period below 1, or a past in which the naive forecast is never wrong but for rounding, as in
    a constant series: then nothing can be better.
    Source: Hyndman and Koehler (2006).
    """
    check_counts(period=period)
    forecasts, targets = with_gaps(forecasts), with_gaps(targets)
    if forecasts.shape != targets.shape or not targets.size:
        raise ValueError(f"forecasts {forecasts.shape} and targets {targets.shape} differ, or "
                         "hold nothing")  # fmt: skip
    check_gaps("forecasts", forecasts, "did the training diverge?")
    check_gaps("targets", targets, "leave those steps out, of the forecasts too")
    past = with_gaps(past)
    if past.ndim != 1 or len(past) <= period:
        raise ValueError(f"past has shape {past.shape}; expected (T,) with T >= {period + 1}")
    check_gaps("past", past, "fill them first, as timeseries.fill_gaps does")
    naive = np.abs(past[period:] - past[:-period]).mean()
    # A wave computed at each step is off by more than its last digit.
    if naive <= 64 * np.finfo(np.float64).eps * np.abs(past).max():
        how = "exactly" if naive == 0 else "but for rounding"
        raise ValueError(f"past repeats itself {how}: the naive forecast is never wrong there, "
                         "and no error can be scaled by zero; report the plain error")  # fmt: skip
    return float(np.abs(forecasts - targets).mean() / naive)
