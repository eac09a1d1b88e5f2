"""Activations and losses with their derivatives, stable for large inputs.

Shapes use the book's letters: N batch, T time, V classes or vocabulary.
Each function keeps the dtype of its input.
"""

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray


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


def log_sum_exp(a: ArrayLike, axis: int = -1) -> Array:
    """log Σ e^a along ``axis``, which is removed.

    Subtracting the maximum first leaves the value unchanged and keeps every
    exponent at or below zero, so nothing overflows.
    """
    a = _as_float(a, "a")
    top = a.max(axis=axis, keepdims=True)
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
    targets = np.asarray(targets)
    keep = np.ones(targets.shape, bool) if mask is None else np.asarray(mask) != 0
    _check_targets(logits, targets, keep)
    V = logits.shape[-1]
    safe = np.where(keep, targets, 0)[..., None]
    log_p = log_softmax(logits)
    count = keep.sum()
    nll = -np.take_along_axis(log_p, safe, -1)[..., 0]
    loss = float(np.where(keep, nll, 0).sum() / count)
    # d loss / d logits = (softmax - one-hot) / number of real positions
    grad = np.exp(log_p) - (np.arange(V) == safe)
    grad = np.where(keep[..., None], grad, 0) / logits.dtype.type(count)
    return loss, grad.astype(logits.dtype, copy=False)


def _check_targets(logits: Array, targets: Array, keep: Array) -> None:
    if targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"targets has shape {targets.shape}; logits {logits.shape} need {logits.shape[:-1]}"
        )
    if not np.issubdtype(targets.dtype, np.integer):
        raise TypeError(f"targets has dtype {targets.dtype}; class indices must be integers")
    if keep.shape != targets.shape:
        raise ValueError(f"mask has shape {keep.shape}; targets have {targets.shape}")
    if not keep.any():
        raise ValueError("mask is 0 everywhere: there is no position to average over")
    V = logits.shape[-1]
    real = targets[keep]
    if real.min() < 0 or real.max() >= V:
        raise ValueError(
            f"targets lie in {real.min()}..{real.max()}; logits have {V} classes, 0..{V - 1}"
        )


def _as_float(a: ArrayLike, name: str) -> Array:
    """Array of floats: keeps float dtypes, turns integers to float64, refuses the rest."""
    a = np.asarray(a)
    if np.issubdtype(a.dtype, np.floating):
        return a
    if np.issubdtype(a.dtype, np.integer) or a.dtype == bool:
        return a.astype(np.float64)
    raise TypeError(f"{name} has dtype {a.dtype}; expected real numbers")
