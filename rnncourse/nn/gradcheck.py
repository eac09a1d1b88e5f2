"""Compare an analytic gradient with central differences.

A backward function is right if it agrees with what happens when each input
number is nudged a little. This module knows no model: it takes functions.
"""

from collections.abc import Callable, Mapping

import numpy as np

from rnncourse._arrays import numbers
from rnncourse._types import Array


class GradientMismatch(AssertionError):
    """An analytic gradient differs from the numeric one; the message says where."""


def numeric_gradient(f: Callable[[], float], array: Array, step: float | None = None) -> Array:
    """Central differences of ``f()`` with respect to each entry of ``array``.

    ``f`` takes no argument: it reads ``array``, which is nudged in place and
    restored. ``step`` is the cube root of the dtype's precision unless given
    (6e-6 in float64), where rounding and curvature errors balance; it grows
    with the size of the entry.

    Returns an array of the same shape. Raises TypeError if ``array`` is not
    float64: in float32 the rounding error alone is about 1e-2.
    """
    if array.dtype != np.float64:
        raise TypeError(f"array has dtype {array.dtype}; central differences need float64")
    step = np.finfo(np.float64).eps ** (1 / 3) if step is None else step
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        old = array[index]
        # The nudge that the machine really makes, not the one we asked for.
        nudge = step * max(1.0, float(abs(old)))
        up, down = old + nudge, old - nudge
        array[index] = up
        f_up = f()
        array[index] = down
        f_down = f()
        array[index] = old
        gradient[index] = (f_up - f_down) / (up - down)
    return gradient


def relative_error(a: Array, b: Array) -> float:
    """``max |a - b|``, divided by the larger of ``max |a|`` and ``max |b|``; 0 if both are zero.

    Raises ValueError when the shapes differ: broadcasting would hide it.
    NaN or infinity in either array gives infinity, never a small number.
    """
    a, b = numbers("a", a), numbers("b", b)
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return float(np.abs(a - b).max(initial=0.0) / scale) if scale else 0.0


def check_gradient(
    forward: Callable[[], tuple[Array, ...] | Array],
    backward: Callable[..., Mapping[str, Array]],
    inputs: Mapping[str, Array],
    rng: np.random.Generator,
    tolerance: float = 1e-8,
    directions: int | None = None,
) -> dict[str, float]:
    """Check ``backward`` against central differences of ``forward``.

    The outputs are multiplied by *random* upstream gradients and summed to one
    number, so that every output takes part with its own weight: an upstream
    gradient of ones lets many errors cancel.

    Args:
        forward: no argument; returns one output array or a tuple of them,
            computed from the arrays in ``inputs``.
        backward: called with one upstream gradient per output; returns the
            gradient of each input by name.
        inputs: name → float64 array, the ones that ``forward`` reads.
        rng: draws the upstream gradients.
        tolerance: largest allowed relative error.
        directions: compare the slopes along so many random directions of each input, and not
            the gradient entry by entry. That takes two forward passes a direction however large
            the input is; a wrong entry tilts nearly every slope, but is not located.

    Returns:
        name → relative error.

    Raises:
        GradientMismatch: names the input, the entry or direction, both values.
        KeyError: ``backward`` returned no gradient for an input.
        ValueError: directions is below 1.
    """
    upstream = [rng.standard_normal(np.shape(y)) for y in _as_tuple(forward())]

    def total() -> float:
        pairs = zip(_as_tuple(forward()), upstream, strict=True)
        return float(sum(np.sum(y * g) for y, g in pairs))

    analytic = backward(*upstream)
    errors = {}
    for name, array in inputs.items():
        if name not in analytic:
            raise KeyError(f"backward returned no gradient for {name!r}; got {sorted(analytic)}")
        _check_shape(name, analytic[name], array.shape)
        if directions is None:
            numeric = numeric_gradient(total, array)
            errors[name] = _compare(name, analytic[name], numeric, tolerance)
        else:
            ways = _random_directions(rng, array.shape, directions)
            slopes = np.array([_slope(total, array, way) for way in ways])
            along = np.array([np.sum(analytic[name] * way) for way in ways])
            errors[name] = _compare(f"{name} along direction ", along, slopes, tolerance)
    return errors


def _check_shape(name: str, gradient: Array, shape: tuple[int, ...]) -> None:
    if np.shape(gradient) != shape:
        raise GradientMismatch(
            f"gradient of {name} has shape {np.shape(gradient)}; {name} has {shape}"
        )


def _random_directions(rng: np.random.Generator, shape: tuple[int, ...], count: int) -> Array:
    """(count, *shape): each of length 1, no direction more likely than another."""
    if count < 1:
        raise ValueError(f"directions = {count}; expected at least 1, or None")
    ways = rng.standard_normal((count, *shape))
    return ways / np.sqrt((ways**2).sum(axis=tuple(range(1, ways.ndim)), keepdims=True))


def _slope(f: Callable[[], float], array: Array, way: Array) -> float:
    """The central difference of ``f()`` along a direction; ``array`` is nudged and restored."""
    if array.dtype != np.float64:
        raise TypeError(f"array has dtype {array.dtype}; central differences need float64")
    step, old = np.finfo(np.float64).eps ** (1 / 3), array.copy()
    array[...] = old + step * way
    up = f()
    array[...] = old - step * way
    down = f()
    array[...] = old
    return (up - down) / (2 * step)


def _compare(name: str, analytic: Array, numeric: Array, tolerance: float) -> float:
    error = relative_error(analytic, numeric)
    if not error <= tolerance:
        difference = np.where(np.isfinite(analytic), np.abs(analytic - numeric), np.inf)
        worst = np.unravel_index(np.argmax(difference), numeric.shape)
        where = tuple(int(i) for i in worst)
        raise GradientMismatch(
            f"gradient of {name}{list(where)}: analytic {analytic[worst]:.10g}, "
            f"numeric {numeric[worst]:.10g}, relative error {error:.1e} > {tolerance:.1e}"
        )
    return error


def _as_tuple(outputs: tuple[Array, ...] | Array) -> tuple[Array, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
