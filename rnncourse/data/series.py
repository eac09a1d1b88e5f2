"""Series to forecast: made up, measured, and what makes one fit to learn from.

T time. Series are (T,) arrays of numbers, the latest last.
"""

import importlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_gaps, with_gaps
from rnncourse._types import Array
from rnncourse.data.fetch import DataError


def made_up_temperatures(rng: np.random.Generator, days: int) -> Array:
    """Daily temperatures in °C, generated, not measured: a year's wave and some weather.

    Day d has 12 - 10 cos(2πd / 365.25) plus weather w_d = 0.7 w_{d-1} + e_d, where e_d
    is normal with standard deviation 2.5. So no forecast of the next day from the days
    before has a root mean squared error below 2.5 on average.

    Returns (days,) floats. Raises ValueError if days is below 1.
    """
    if days < 1:
        raise ValueError(f"days = {days}; must be at least 1")
    weather = 2.5 * rng.standard_normal(days)
    weather[0] /= np.sqrt(1 - 0.7**2)  # the first day as variable as the others
    for d in range(1, days):
        weather[d] += 0.7 * weather[d - 1]
    return 12 - 10 * np.cos(2 * np.pi * np.arange(days) / 365.25) + weather


def random_walk(rng: np.random.Generator, N: int, T: int) -> Array:
    """Steps from N(0, 1), added up: nothing but the last value says anything of the next.

    Returns (N, T) floats; the first is 0. Raises ValueError if N or T is below 1.
    """
    if min(N, T) < 1:
        raise ValueError(f"N = {N}, T = {T}; both must be at least 1")
    steps = rng.standard_normal((N, T))
    steps[:, 0] = 0
    return steps.cumsum(axis=1)


def sunspots() -> tuple[Array, Array]:
    """Mean number of sunspots in each year from 1700 to 2008.

    Returns years (309,) and numbers (309,). Raises DataError where statsmodels, which holds
    them, is not installed. Source: World Data Center SILSO, Royal Observatory of Belgium.
    """
    table = _from_statsmodels("sunspots")
    return table["YEAR"].to_numpy(int), table["SUNACTIVITY"].to_numpy(float)


def co2() -> tuple[Array, Array]:
    """Carbon dioxide in the air of Mauna Loa, March 1958 to December 2001: means of months.

    Returns months (526,) as numpy dates and parts per million (526,), NaN for the months
    without a measurement. Raises DataError where statsmodels, which holds the weeks, is not
    installed. Source: Keeling and Whorf, Scripps Institution of Oceanography.
    """
    weeks = _from_statsmodels("co2")["co2"]
    months = weeks.index.to_numpy().astype("datetime64[M]")
    every, place = np.unique(months, return_inverse=True)
    real = np.isfinite(weeks.to_numpy())
    count = np.bincount(place[real], minlength=len(every))
    total = np.bincount(place[real], weeks.to_numpy()[real], minlength=len(every))
    return every, np.divide(total, count, out=np.full(len(every), np.nan), where=count > 0)


def _from_statsmodels(name: str) -> Any:
    """The table of one of its data sets."""
    try:
        sets = importlib.import_module(f"statsmodels.datasets.{name}")
    except ImportError as error:
        raise DataError(
            f"{name} comes with statsmodels, which is not installed; run: pip install statsmodels"
        ) from error
    return sets.load_pandas().data


def complete(series: ArrayLike, at_least: int = 1, what: str = "history") -> Array:
    """A series (T,) as floats. Raises ValueError for gaps, infinities or too few values.

    What a masked array hides is a gap.
    """
    series = with_gaps(series)
    if series.ndim != 1 or len(series) < at_least:
        raise ValueError(f"{what} has shape {series.shape}; expected (T,) with T >= {at_least}")
    check_gaps(what, series, "fill them first, as timeseries.fill_gaps does")
    return series
