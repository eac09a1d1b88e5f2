"""Optimisers, clipping and learning-rate schedules, as plain functions.

An optimiser is a pair, like a cell: ``adam_init(params)`` makes its state, and
``adam_step(params, grads, state, rate)`` changes ``params`` and ``state`` in place.
``params`` is a dict of arrays, or dicts, lists and tuples of such dicts, as the stacked
layers use; ``grads`` has the same form. The state holds arrays only:
``np.savez(file, **leaves(state))`` saves it, and ``restore`` brings it back.
Each step equals PyTorch's optimiser of that name.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from rnncourse._arrays import refuse_masked
from rnncourse._types import Array

Tree = Any  # a dict of arrays, or dicts, lists and tuples of trees
OptimizerState = dict[str, Any]
Schedule = Callable[[int], float]


# --- a nest of arrays ------------------------------------------------------------


def leaves(tree: Tree) -> dict[str, Array]:
    """All arrays of a nest, by name: ``leaves([{"b": b}])`` is ``{"0.b": b}``.

    The arrays themselves, not copies: who changes one in place changes the nest.
    Raises TypeError for anything else than floating or integer arrays, and for masked ones.
    """
    return dict(_walk(tree, ""))


def _walk(tree: Tree, name: str) -> Iterator[tuple[str, Array]]:
    if isinstance(tree, np.ndarray):
        refuse_masked(name or "params", tree)
        if tree.dtype.kind not in "fiu":
            raise TypeError(f"{name or 'params'} has dtype {tree.dtype}; expected numbers")
        yield name, tree
        return
    if not isinstance(tree, Mapping | list | tuple):
        raise TypeError(f"{name or 'params'} is {type(tree).__name__}; expected arrays, or dicts, "
                        "lists and tuples of arrays")  # fmt: skip
    for key, item in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
        yield from _walk(item, f"{name}.{key}" if name else str(key))


def restore(tree: Tree, flat: Mapping[str, Array]) -> None:
    """Write the arrays of ``flat``, named as by :func:`leaves`, into ``tree`` in place.

    Raises ValueError where names or shapes differ; then nothing is changed.
    """
    flat = {name: np.asarray(array) for name, array in flat.items()}
    mine = _matching(tree, flat, "flat")
    for name, array in mine.items():
        array[...] = flat[name]


def _matching(params: Tree, other: Tree, what: str) -> dict[str, Array]:
    """The leaves of ``params``, after checking that ``other`` has the same ones."""
    mine, theirs = leaves(params), leaves(other)
    if mine.keys() != theirs.keys():
        missing, extra = sorted(mine.keys() - theirs.keys()), sorted(theirs.keys() - mine.keys())
        raise ValueError(f"{what} does not fit params: missing {missing}, unexpected {extra}")
    for name, array in mine.items():
        if theirs[name].shape != array.shape:
            raise ValueError(f"{what}[{name!r}] has shape {theirs[name].shape}; "
                             f"the parameter has {array.shape}")  # fmt: skip
    return mine


# --- optimisers ------------------------------------------------------------------


def sgd_init(params: Tree) -> OptimizerState:
    """Gradient descent remembers nothing: an empty state."""
    return {}


def sgd_step(params: Tree, grads: Tree, state: OptimizerState, rate: float) -> None:
    """Gradient descent, in place: θ ← θ - η g (eq-training-sgd)."""
    for _, p, g in _pairs(params, grads, rate):
        p -= p.dtype.type(rate) * g


def momentum_init(params: Tree) -> OptimizerState:
    """Velocity v = 0 for each parameter."""
    return {"v": _zeros(params)}


def momentum_step(
    params: Tree, grads: Tree, state: OptimizerState, rate: float, momentum: float = 0.9
) -> None:
    """Gradient descent with momentum, in place (eq-training-momentum).

    v ← μ v + g and θ ← θ - η v, as in PyTorch. Source: Sutskever et al. (2013), whose v
    holds the rate as well.
    """
    for name, p, g in _pairs(params, grads, rate):
        v = state["v"][name]
        v *= momentum
        v += g
        p -= p.dtype.type(rate) * v


def rmsprop_init(params: Tree) -> OptimizerState:
    """Mean square s = 0 for each parameter."""
    return {"s": _zeros(params)}


def rmsprop_step(
    params: Tree,
    grads: Tree,
    state: OptimizerState,
    rate: float,
    decay: float = 0.99,
    epsilon: float = 1e-8,
) -> None:
    """RMSprop, in place (eq-training-rmsprop): divide by the gradient's usual size.

    s ← ρ s + (1 - ρ) g² and θ ← θ - η g / (√s + ε). Source: Tieleman and Hinton (2012).
    """
    for name, p, g in _pairs(params, grads, rate):
        s = state["s"][name]
        s *= decay
        s += (1 - decay) * g * g
        p -= p.dtype.type(rate) * g / (np.sqrt(s) + epsilon)


def adam_init(params: Tree) -> OptimizerState:
    """Means m = 0 and s = 0 for each parameter, and the number of steps taken."""
    return {"t": np.zeros((), np.int64), "m": _zeros(params), "s": _zeros(params)}


def adam_step(
    params: Tree,
    grads: Tree,
    state: OptimizerState,
    rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
) -> None:
    """Adam, in place (eq-training-adam): a mean direction divided by a usual size.

    m ← β₁ m + (1 - β₁) g and s ← β₂ s + (1 - β₂) g²; both start at zero, so step t divides
    them by 1 - β₁ᵗ and 1 - β₂ᵗ; θ ← θ - η m̂ / (√ŝ + ε). Source: Kingma and Ba (2015).
    """
    found = list(_pairs(params, grads, rate))
    state["t"] += 1
    t = int(state["t"])
    first, second = betas
    for name, p, g in found:
        m, s = state["m"][name], state["s"][name]
        m += (1 - first) * (g - m)
        s *= second
        s += (1 - second) * g * g
        size = np.sqrt(s) / math.sqrt(1 - second**t) + epsilon
        p -= p.dtype.type(rate / (1 - first**t)) * m / size


def adamw_init(params: Tree) -> OptimizerState:
    """The same state as Adam's."""
    return adam_init(params)


def adamw_step(
    params: Tree,
    grads: Tree,
    state: OptimizerState,
    rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    shrink: float = 0.01,
) -> None:
    """AdamW, in place: first θ ← (1 - η λ) θ with λ = ``shrink``, then Adam's step.

    The shrinking (weight decay) stays out of the means. Source: Loshchilov and Hutter (2019).
    """
    for _, p, _ in list(_pairs(params, grads, rate)):
        p *= p.dtype.type(1 - rate * shrink)
    adam_step(params, grads, state, rate, betas, epsilon)


OPTIMIZERS = {
    "sgd": (sgd_init, sgd_step),
    "momentum": (momentum_init, momentum_step),
    "rmsprop": (rmsprop_init, rmsprop_step),
    "adam": (adam_init, adam_step),
    "adamw": (adamw_init, adamw_step),
}


def _zeros(params: Tree) -> dict[str, Array]:
    return {name: np.zeros_like(p) for name, p in leaves(params).items()}


def _pairs(params: Tree, grads: Tree, rate: float) -> Iterator[tuple[str, Array, Array]]:
    """Name, parameter and gradient of each array, all checked before the first is used."""
    if not 0 <= rate < math.inf:
        raise ValueError(f"rate is {rate}; expected a number of at least 0")
    mine, theirs = _matching(params, grads, "grads"), leaves(grads)
    for name, p in mine.items():
        if p.dtype.kind != "f":
            raise TypeError(f"params[{name!r}] has dtype {p.dtype}; expected floats")
    return ((name, p, theirs[name]) for name, p in mine.items())


# --- clipping --------------------------------------------------------------------


def norm(grads: Tree) -> float:
    """Length of all gradients together: the root of the sum of all squares."""
    arrays = leaves(grads).values()
    length = _root_of_squares(arrays, 1.0)
    if _TINY < length < math.inf:
        return length
    # A square overflows at 1e154 and vanishes at 1e-162: divide by the largest number first.
    top = max((float(np.abs(g).max(initial=0)) for g in arrays), default=0.0)
    return top * _root_of_squares(arrays, top) if 0 < top < math.inf else top


_TINY = 1e-140  # a norm below this has lost digits of its squares


def _root_of_squares(arrays: Iterable[Array], unit: float) -> float:
    """√Σ (g / unit)², in float64: the square of a float32 overflows at 2e19."""
    with np.errstate(over="ignore", under="ignore"):
        if unit == 1:
            return math.sqrt(sum(np.square(g, dtype=np.float64).sum() for g in arrays))
        return math.sqrt(sum(np.square(g / np.float64(unit)).sum() for g in arrays))


def clip_by_norm(grads: Tree, limit: float) -> float:
    """Shorten all gradients by one factor so that :func:`norm` is at most ``limit``, in place.

    g ← g · min(1, limit / (‖g‖ + 1e-6)): the direction stays (eq-bptt-clip). The 1e-6 is
    PyTorch's. Returns the norm before. Raises ValueError unless limit > 0, TypeError for
    gradients that are not floats, and FloatingPointError, with the gradients unchanged, where
    one of them or the norm is not finite. Source: Pascanu, Mikolov and Bengio (2013).
    """
    found = _to_clip(grads, limit)
    length = norm(grads)
    if not math.isfinite(length):
        _check_finite(found, np.isfinite, "infinity or NaN")
        largest = max(found, key=lambda name: np.abs(found[name]).max(initial=0))
        raise FloatingPointError("the norm of all gradients is above the largest float64; the "
                                 f"largest gradient is that of {largest!r}: look at the loss, "
                                 "lower the rate")  # fmt: skip
    factor = limit / (length + 1e-6)
    if factor < 1:
        for g in found.values():
            _scale(g, factor)
    return length


def _scale(g: Array, factor: float) -> None:
    """Multiply in place; so small a factor has few digits left in the gradient's own dtype."""
    wide = factor < np.finfo(g.dtype).tiny
    np.multiply(g, np.float64(factor) if wide else g.dtype.type(factor), out=g)


def clip_by_value(grads: Tree, limit: float) -> None:
    """Bring each number of the gradients into -limit..limit, in place.

    This turns the direction; infinity becomes the limit. Raises as :func:`clip_by_norm`, but
    FloatingPointError for NaN alone.
    """
    found = _to_clip(grads, limit)
    _check_finite(found, lambda g: ~np.isnan(g), "NaN")
    for g in found.values():
        bound = min(limit, float(np.finfo(g.dtype).max)) if limit < math.inf else limit
        np.clip(g, -bound, bound, out=g)


def _to_clip(grads: Tree, limit: float) -> dict[str, Array]:
    """The gradients by name, after checking what both ways of clipping need."""
    if not limit > 0:
        raise ValueError(f"limit is {limit}; expected a number above 0")
    found = leaves(grads)
    for name, g in found.items():
        if g.dtype.kind != "f":
            raise TypeError(f"grads[{name!r}] has dtype {g.dtype}; expected floats")
    return found


def _check_finite(found: dict[str, Array], good: Callable[[Array], Array], what: str) -> None:
    """Raise FloatingPointError naming the gradients that are not good throughout."""
    bad = [name for name, g in found.items() if not good(g).all()]
    if bad:
        raise FloatingPointError(f"the gradients of {bad} hold {what}: no factor mends "
                                 "them; look at the loss, lower the rate")  # fmt: skip


# --- schedules: number of the update, from 0 → learning rate ----------------------


def constant(rate: float) -> Schedule:
    """The same rate at every update."""
    return lambda update: rate


def step_decay(rate: float, every: int, factor: float) -> Schedule:
    """Multiply the rate by ``factor`` after each ``every`` updates (PyTorch's StepLR)."""
    if every < 1:
        raise ValueError(f"every is {every}; expected at least 1 update")
    return lambda update: rate * factor ** (update // every)


def exponential(first: float, last: float, updates: int) -> Schedule:
    """From ``first`` to ``last`` by one factor an update (PyTorch's ExponentialLR).

    Rising, it is the learning-rate range test of Smith (2017).
    Raises ValueError unless both rates are above 0 and ``updates`` at least 2.
    """
    if not (first > 0 and last > 0 and updates >= 2):
        raise ValueError(f"first = {first}, last = {last}, updates = {updates}; "
                         "expected rates above 0 and at least 2 updates")  # fmt: skip
    return lambda update: first * (last / first) ** (update / (updates - 1))


def cosine(rate: float, updates: int, floor: float = 0.0, warmup: int = 0) -> Schedule:
    """Half a cosine wave from ``rate`` down to ``floor`` (PyTorch's CosineAnnealingLR).

    Before it, ``warmup`` updates rise in equal steps to ``rate``; after it, ``floor`` stays.
    Raises ValueError unless updates > warmup >= 0. Source: Loshchilov and Hutter (2017).
    """
    if not updates > warmup >= 0:
        raise ValueError(f"updates = {updates}, warmup = {warmup}; expected updates > warmup >= 0")

    def schedule(update: int) -> float:
        if update < warmup:
            return rate * (update + 1) / warmup
        share = min(1.0, (update - warmup) / (updates - warmup))
        return floor + (rate - floor) * (1 + math.cos(math.pi * share)) / 2

    return schedule
