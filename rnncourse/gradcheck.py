"""Compare an analytic gradient with central differences.

A backward function is right if it agrees with what happens when each input
number is nudged a little. This module knows no model: it takes functions.
"""

from collections.abc import Callable, Mapping

import numpy as np

Array = np.ndarray


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
        up, down = old + step * max(1.0, abs(old)), old - step * max(1.0, abs(old))
        array[index] = up
        f_up = f()
        array[index] = down
        f_down = f()
        array[index] = old
        gradient[index] = (f_up - f_down) / (up - down)
    return gradient


def relative_error(a: Array, b: Array) -> float:
    """max |a - b| divided by the larger of max |a| and max |b| (0 if both are zero).

    Raises ValueError when the shapes differ: broadcasting would hide it.
    NaN or infinity in either array gives infinity, never a small number.
    """
    a, b = np.asarray(a), np.asarray(b)
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

    Returns:
        name → relative error.

    Raises:
        GradientMismatch: names the input, the entry, both values.
        KeyError: ``backward`` returned no gradient for an input.
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
        numeric = numeric_gradient(total, array)
        errors[name] = _compare(name, analytic[name], numeric, tolerance)
    return errors


def _compare(name: str, analytic: Array, numeric: Array, tolerance: float) -> float:
    if np.shape(analytic) != numeric.shape:
        raise GradientMismatch(
            f"gradient of {name} has shape {np.shape(analytic)}; {name} has {numeric.shape}"
        )
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
