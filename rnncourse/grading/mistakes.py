"""Known mistakes, recognised by what they return.

A mistake is one mutant of an exercise, or several at once. Of each output it keeps three numbers
made of all entries in all cases, its fingerprint: small enough to ship with the course for every
pair of mutants. Knows nothing of points and words.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnncourse.grading.differences import Tolerance

Names = tuple[str, ...]
NUMBERS = 3  # each tells a wrong array from a mistake's in all but one of about 1,000 chances
MOST_ENTRIES = 10_000  # no exercise asks for that many; a larger answer is no known mistake
NO_NUMBER, INFINITE = 900.0, 720.0  # beyond arcsinh of every number that fits a float


@functools.lru_cache(maxsize=256)
def _weights(form: Any, count: int) -> np.ndarray:
    """(NUMBERS, count) weights of mean 0 whose squares add up to about 1 in each row.

    The same in every version of NumPy: the raw stream of a bit generator never changes (NEP 19).
    """
    raw = np.random.PCG64(zlib.crc32(repr(form).encode())).random_raw(NUMBERS * count)
    uniform = (raw >> np.uint64(11)) * 2.0**-53
    return ((uniform - 0.5) * np.sqrt(12 / count)).reshape(NUMBERS, count)


def _kind(value: np.ndarray) -> str:
    """What must agree of a dtype: a plain number may be an integer where a float is due."""
    number = "number" if value.ndim == 0 else value.dtype.kind.replace("u", "i")
    return "b" if value.dtype.kind == "b" else number


def fingerprint(values: Sequence[Any], tol: Tolerance) -> tuple[float, ...]:
    """The numbers that stand for one output in all cases; NaN where there is nothing to compare.

    With tolerance (rtol, atol), arcsinh makes a difference of atol + rtol · size one of √2 rtol at
    most, at any size. The weights depend on shapes and kinds, so that arrays of another shape
    agree by no chance.
    """
    usable = all(isinstance(v, np.ndarray) and v.dtype.kind in "fiub" for v in values)
    if not usable or sum(v.size for v in values) > MOST_ENTRIES:
        return (float("nan"),) * NUMBERS
    rtol, atol = tol
    with np.errstate(all="ignore"):
        flat = np.concatenate([*(v.ravel() for v in values), [1.0]]).astype(float, copy=False)
        flat = np.arcsinh(flat * (rtol / atol))
    if not np.isfinite(flat).all():
        flat = np.nan_to_num(flat, nan=NO_NUMBER, posinf=INFINITE, neginf=-INFINITE)
    form = tuple((v.shape, _kind(v)) for v in values)
    return tuple((_weights(form, flat.size) @ flat).tolist())


def fingerprints(answers: Sequence[Sequence[Any]], tol: Tolerance) -> np.ndarray:
    """(outputs, NUMBERS), from one list of outputs a case."""
    return np.array([fingerprint(values, tol) for values in zip(*answers, strict=True)])


@dataclass(frozen=True)
class Mistakes:
    """M mistakes: the mutants that each consists of, and what they return.

    `prints` has shape (M, outputs, NUMBERS); `right`, (outputs, NUMBERS), stands for what is
    expected; `rtol` is the relative tolerance.
    """

    names: tuple[Names, ...]
    prints: np.ndarray
    right: np.ndarray
    rtol: float

    def _near(self, wanted: Any) -> np.ndarray:
        """(M, outputs): true where the fingerprints differ by no more than rounding.

        NaN, which stands for what cannot be compared, is near to nothing.
        """
        return (np.abs(self.prints - wanted) <= 2 * self.rtol).all(axis=-1)

    @functools.cached_property
    def spoils(self) -> np.ndarray:
        """(M, outputs): true where a mistake makes this output wrong."""
        return ~self._near(self.right)

    def equal(self, answer: Any) -> list[Names]:
        """The mistakes that return what the answer does, in every output."""
        return [self.names[m] for m in np.flatnonzero(self._near(answer).all(axis=1))]

    def explain(self, answer: Any, wrong: Collection[int]) -> dict[int, Names]:
        """The mutants that explain each wrong output; none where that may be wrong.

        A mistake explains output k if it spoils k, the answer agrees with it there, and all that
        it spoils is wrong in the answer. One that explains more outputs is preferred; among
        equals only what they have in common is sure. One that explains all that is wrong is the
        answer: then the fewest mutants are preferred. Else something unknown is at work as well,
        and only a mutant that explains the output by itself is named.
        """
        rest = [k for k in range(len(self.right)) if k not in wrong]
        possible = ~self.spoils[:, rest].any(axis=1, keepdims=True)
        fits = self._near(answer) & self.spoils & possible
        explained = fits.sum(axis=1)
        whole = [m for m, n in enumerate(explained) if n == len(wrong)]
        if whole:
            fewest = min(len(self.names[m]) for m in whole)
            sure = self._common([m for m in whole if len(self.names[m]) == fewest])
            return dict.fromkeys(wrong, sure)
        found = {}
        for k in wrong:
            rows = [int(m) for m in np.flatnonzero(fits[:, k])]
            most = max(explained[rows], default=0)
            alone = {self.names[m][0] for m in rows if len(self.names[m]) == 1}
            common = self._common([m for m in rows if explained[m] == most])
            found[k] = tuple(name for name in common if name in alone)
        return found

    def _common(self, rows: Sequence[int]) -> Names:
        """The mutants that all these mistakes consist of."""
        sets = [set(self.names[m]) for m in rows]
        return tuple(sorted(set.intersection(*sets))) if sets else ()
