"""Activations and losses with their derivatives, stable for large inputs.

Shapes use the book's letters: N batch, T time, V classes or vocabulary.
Each function keeps the dtype of its input.
"""

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import plain
from rnncourse._types import Array
from rnncourse.nn._shapes import as_bool


def sigmoid(a: ArrayLike) -> Array:
    """Logistic function σ(a) = 1 / (1 + e^-a), elementwise, any shape.

    The textbook form overflows for a = -1000. The equivalent ½(1 + tanh(a/2))
    cannot: tanh saturates.
    """
    a = _as_float(a, "a")
    return 0.5 * (1.0 + np.tanh(0.5 * a))


def sigmoid_derivative(s: ArrayLike) -> Array:
    """dσ/da written with the *output* s = σ(a): s(1 - s), elementwise."""
    s = _as_float(s, "s")
    return s * (1.0 - s)


def tanh_derivative(h: ArrayLike) -> Array:
    """d tanh/da written with the *output* h = tanh(a): 1 - h², elementwise."""
    h = _as_float(h, "h")
    return 1.0 - h * h


def relu(a: ArrayLike) -> Array:
    """max(0, a), elementwise, any shape."""
    a = _as_float(a, "a")
    return np.maximum(a, 0)


def relu_derivative(h: ArrayLike) -> Array:
    """d relu/da written with the *output* h = relu(a): 1 where h > 0, else 0, elementwise.

    At a = 0 there is no derivative; like PyTorch and Keras we take 0.
    """
    h = _as_float(h, "h")
    return (h > 0).astype(h.dtype)


def softplus(a: ArrayLike) -> Array:
    """log(1 + e^a), elementwise, any shape; for large a it is a itself."""
    a = _as_float(a, "a")
    return np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a)))


def log_sum_exp(a: ArrayLike, axis: int = -1) -> Array:
    """log Σ e^a along ``axis``, which is removed.

    Subtracting the maximum first leaves the value unchanged and keeps every
    exponent at or below zero, so nothing overflows. Of numbers that are all -∞ it is -∞.
    Raises ValueError where there is no number along the axis.
    """
    a = _as_float(a, "a")
    if a.ndim and a.shape[axis] == 0:
        raise ValueError(f"a has shape {a.shape}: no number along axis {axis} to add up")
    top = a.max(axis=axis, keepdims=True)
    top = np.where(np.isinf(top), 0, top)  # ∞ - ∞ is not a number
    with np.errstate(divide="ignore"):
        return (top + np.log(np.exp(a - top).sum(axis=axis, keepdims=True))).squeeze(axis)


def log_softmax(a: ArrayLike, axis: int = -1) -> Array:
    """log of ``softmax(a, axis)``, without ever taking the log of zero."""
    a = _as_float(a, "a")
    return a - np.expand_dims(log_sum_exp(a, axis), axis)


def softmax(a: ArrayLike, axis: int = -1) -> Array:
    """e^a / Σ e^a along ``axis``: numbers above zero that sum to one."""
    return np.exp(log_softmax(a, axis))


def cross_entropy(
    logits: ArrayLike, targets: ArrayLike, mask: ArrayLike | None = None
) -> tuple[float, Array]:
    """Mean of -log softmax(logits)[target] over the unmasked positions.

    Args:
        logits: (..., V) scores before the softmax.
        targets: (...) integers in 0..V-1. Where the mask is 0 any value may
            stand, -1 or a padding index for instance: it is never looked up.
        mask: (...) of 0 and 1, or None for all ones. The mean is over the ones,
            so padding changes neither the loss nor the gradient.

    Returns:
        The loss in nats, and its gradient with respect to the logits (..., V).

    Raises:
        ValueError: shapes differ, a target is outside 0..V-1, or the mask is
            zero everywhere (a mean over nothing).
        TypeError: targets are not integers, or logits are not real numbers.
    """
    logits = _as_float(logits, "logits")
    targets = plain("targets", targets)
    keep = _keep(mask, targets.shape)
    _check_targets(logits, targets, keep)
    V = logits.shape[-1]
    safe = _select(targets, keep)[..., None]
    log_p = log_softmax(_select(logits, keep))
    nll = -np.take_along_axis(log_p, safe, -1)[..., 0]
    # d loss / d logits = (softmax - one-hot) / number of real positions
    return _masked_mean(nll, np.exp(log_p) - (np.arange(V) == safe), keep)


def binary_cross_entropy(
    logits: ArrayLike, targets: ArrayLike, mask: ArrayLike | None = None
) -> tuple[float, Array]:
    """Mean of -log of the probability of the right answer, yes or no, from one score each.

    Args:
        logits: (...) scores a; the probability of 1 is σ(a), of 0 it is σ(-a).
        targets: (...) of 0 and 1, integers, bools or floats. Where the mask is 0 any value.
        mask: (...) of 0 and 1, or None for all ones; the mean is over the ones.

    Returns the loss in nats, and its gradient with respect to the logits (...).

    Raises:
        ValueError: shapes differ, a target is neither 0 nor 1, or the mask is zero
            everywhere.
        TypeError: logits are not real numbers.
    """
    logits, targets = _as_float(logits, "logits"), plain("targets", targets)
    keep = _same_shape(logits, targets, mask, "logits")
    if not np.isin(targets[keep], (0, 1)).all():
        raise ValueError("targets hold values other than 0 and 1")
    logits, targets = _select(logits, keep), _select(targets, keep).astype(logits.dtype)
    nll = softplus(logits) - logits * targets  # = -log σ(±a), without a log of zero
    return _masked_mean(nll, sigmoid(logits) - targets, keep)


def squared_error(
    outputs: ArrayLike, targets: ArrayLike, mask: ArrayLike | None = None
) -> tuple[float, Array]:
    """Mean of (output - target)² over the unmasked numbers.

    Args:
        outputs, targets: (...) real numbers. Where the mask is 0 any target, also NaN.
        mask: (...) of 0 and 1, or None for all ones. For outputs (N, T, D) a mask (N, T)
            serves as well: it keeps or drops a whole step.

    Returns the loss, and its gradient with respect to the outputs (...).

    Raises:
        ValueError: shapes differ, or the mask is zero everywhere.
        TypeError: something is not a real number.
    """
    outputs, targets = _as_float(outputs, "outputs"), _as_float(targets, "targets")
    if mask is not None and np.ndim(mask) > 0 and np.shape(mask) == outputs.shape[:-1]:
        mask = np.broadcast_to(plain("mask", mask)[..., None], outputs.shape)
    keep = _same_shape(outputs, targets, mask, "outputs")
    error = _select(outputs, keep) - _select(targets, keep).astype(outputs.dtype)
    square = np.square(error, dtype=_wide(error))
    return _masked_mean(square, 2 * error, keep)


def _keep(mask: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    """The mask as bool, all true for None. Raises ValueError as the losses say."""
    keep = np.ones(shape, bool) if mask is None else as_bool(mask, shape, "targets have")
    if not keep.size:
        raise ValueError(f"targets have shape {shape}: there is no position to average over")
    if not keep.any():
        raise ValueError("mask is 0 everywhere: there is no position to average over")
    return keep


def _select(values: Array, keep: Array) -> Array:
    """The values, 0 where they are not kept: what stands there must not even overflow."""
    if keep.all():
        return values
    return np.where(keep.reshape(keep.shape + (1,) * (values.ndim - keep.ndim)), values, 0)


def _wide(values: Array) -> np.dtype:
    """The dtype to sum and count in: float16 has no number above 65504."""
    return np.result_type(values.dtype, np.float32)


def _same_shape(outputs: Array, targets: Array, mask: ArrayLike | None, name: str) -> Array:
    if targets.shape != outputs.shape:
        raise ValueError(f"targets has shape {targets.shape}; {name} have {outputs.shape}")
    return _keep(mask, targets.shape)


def _masked_mean(values: Array, slopes: Array, keep: Array) -> tuple[float, Array]:
    """Mean of the kept values, and its gradient from the slope of each value.

    What is masked may be NaN or infinite: it is replaced, not multiplied by zero.
    """
    count, wide = keep.sum(), _wide(slopes)
    loss = float(np.where(keep, values, 0).sum(dtype=np.float64) / count)
    keep = keep.reshape(keep.shape + (1,) * (slopes.ndim - keep.ndim))
    gradient = np.where(keep, slopes, 0).astype(wide) / wide.type(count)
    return loss, gradient.astype(slopes.dtype, copy=False)


def _check_targets(logits: Array, targets: Array, keep: Array) -> None:
    if targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"targets has shape {targets.shape}; logits {logits.shape} need {logits.shape[:-1]}"
        )
    if not np.issubdtype(targets.dtype, np.integer):
        raise TypeError(f"targets has dtype {targets.dtype}; class indices must be integers")
    V = logits.shape[-1]
    real = targets[keep]
    if real.min() < 0 or real.max() >= V:
        raise ValueError(
            f"targets lie in {real.min()}..{real.max()}; logits have {V} classes, 0..{V - 1}"
        )


def _as_float(a: ArrayLike, name: str) -> Array:
    """Array of floats: keeps float dtypes, turns integers to float64, refuses the rest."""
    a = plain(name, a)
    if np.issubdtype(a.dtype, np.floating):
        return a
    if np.issubdtype(a.dtype, np.integer) or a.dtype == bool:
        return a.astype(np.float64)
    raise TypeError(f"{name} has dtype {a.dtype}; expected real numbers")
