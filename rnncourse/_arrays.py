"""Arrays and counts as callers give them: nothing is lost or rounded without a word."""

import sys

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnncourse._types import Array


def is_masked_array(values: object) -> bool:
    """True for NumPy's masked arrays, whose masks ``np.asarray`` drops."""
    ma = sys.modules.get("numpy.ma")  # not imported: then there is none
    return ma is not None and isinstance(values, ma.MaskedArray)


def plain(name: str, values: ArrayLike, dtype: DTypeLike | None = None) -> Array:
    """The values as an array. Raises TypeError for a masked array, whose mask would be lost, and
    for complex numbers, whose second parts would be.
    """
    refuse_masked(name, values)
    found = np.asarray(values)
    if found.dtype.kind == "c":
        raise TypeError(f"{name} is of {found.dtype}; expected real numbers")
    return found if dtype is None else found.astype(dtype, copy=False)


def numbers(name: str, values: ArrayLike) -> Array:
    """The values as an array of real numbers. Raises TypeError for anything else."""
    found = plain(name, values)
    if found.dtype.kind not in "biuf":
        raise TypeError(f"{name} is of {found.dtype}; expected real numbers")
    return found


def check_numbers(name: str, array: object) -> None:
    """Raise TypeError unless this is an array of real numbers already: a list is refused."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is {type(array).__name__}; expected an array: np.asarray({name})")
    numbers(name, array)


def refuse_masked(name: str, values: object) -> None:
    """Raise TypeError for a masked array."""
    if is_masked_array(values):
        raise TypeError(f"{name} is a masked array, whose mask would be lost here; pass its "
                        f"numbers alone, {name}.filled(0), and say what is real by the mask "
                        "argument, if there is one")  # fmt: skip


def with_gaps(values: ArrayLike) -> Array:
    """A series as floats; what a masked array hides is a gap, NaN."""
    if is_masked_array(values):
        return np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
    return plain("the series", values, np.float64)


def check_gaps(what: str, values: Array, remedy: str, infinite: bool = False) -> None:
    """Raise ValueError where ``values`` hold NaN, or infinity unless ``infinite`` allows it."""
    bad = np.isnan(values) if infinite else ~np.isfinite(values)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        where = first[0] if len(first) == 1 else first
        kinds = "NaN" if infinite else "NaN or infinity"
        raise ValueError(f"{what} has {int(bad.sum())} gaps ({kinds}), the first at index "
                         f"{where}; {remedy}")  # fmt: skip


def check_counts(least: int = 1, **counts: int) -> None:
    """Raise ValueError naming a count that is no whole number, or below ``least``."""
    for name, count in counts.items():
        whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
        if not whole or count < least:
            rest = f"at least {least}" if whole else f"a whole number of at least {least}"
            raise ValueError(f"{name} is {count}; expected {rest}")


def check_fits(value: float, dtype: np.dtype) -> None:
    """Raise ValueError where ``value`` would become another number in an array of this dtype."""
    number = plain("value", value)
    if number.ndim or number.dtype.kind not in "biuf":
        raise ValueError(f"value = {value!r} is no number")
    expected = {"f": "a number within its range", "b": "0 or 1"}.get(dtype.kind, "an integer")
    if dtype.kind == "f":
        fits = not np.isfinite(number) or abs(float(number)) <= float(np.finfo(dtype).max)
    elif dtype.kind == "b":
        fits = number in (0, 1)
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        expected += f" in {low}..{high}"
        fits = bool(np.isfinite(number)) and value == int(value) and low <= int(value) <= high
    if not fits:
        raise ValueError(f"value = {value} is no number of dtype {dtype}; expected {expected}")
