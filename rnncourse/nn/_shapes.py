"""Checks of shapes and dtypes, made once before a loop over time starts."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import plain, refuse_masked
from rnncourse._types import Array, Params, State


def check_sequence(
    xs: Array,
    state: State,
    params: Params,
    mask: Array | None,
    gates: int | None = None,
    parts: int | None = None,
) -> Array | None:
    """Check that a batch of sequences, a state and parameters fit each other.

    ``gates`` is how many blocks of H columns the weights must have, ``parts`` how many
    arrays the state, where that is known.
    Returns the mask as bool, or None. Raises as :func:`rnncourse.nn.cells.unroll` says.
    """
    states = _check_parts("state", state, parts)
    for name, array in [("xs", xs), *params.items(), *(("state", part) for part in states)]:
        check_float(name, array)
    if xs.ndim != 3 or xs.shape[1] == 0:
        raise ValueError(f"xs has shape {xs.shape}; expected (N, T, D) with at least one step")
    N, T, D = xs.shape
    H = _check_params(D, params)
    if gates is not None and params["b"].shape != (gates * H,):
        raise ValueError(f"W_h has shape {params['W_h'].shape}; this cell needs {(H, gates * H)}")
    for part in states:
        if part.shape != (N, H):
            raise ValueError(
                f"state has shape {part.shape}; xs {xs.shape} and W_h "
                f"{params['W_h'].shape} need {(N, H)}"
            )
    return check_mask(mask, N, T)


def _check_parts(name: str, state: State, parts: int | None) -> tuple[Array, ...]:
    """The state as a tuple, after checking how many parts it has."""
    found = state if isinstance(state, tuple) else (state,)
    if parts is not None and len(found) != parts:
        raise ValueError(f"{name} has {len(found)} part(s); the cell's state has {parts} part(s)")
    return found


def check_form(new: State, old: State) -> None:
    """Check that a cell's new state has the form of its old one.

    A state or parameters of another cell may fit by accident of sizes. Raises ValueError.
    """
    forms = [[p.shape for p in s] if isinstance(s, tuple) else s.shape for s in (new, old)]
    if forms[0] != forms[1]:
        raise ValueError(f"state has the form {forms[1]}, but this cell returns {forms[0]}: "
                         "state or params belong to another cell")  # fmt: skip


def check_float(name: str, array: Array) -> None:
    """Raise TypeError unless ``array`` is a NumPy array of a floating dtype, and no masked one."""
    refuse_masked(name, array)
    if not isinstance(array, np.ndarray) or not np.issubdtype(array.dtype, np.floating):
        found = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{name} is {found}; expected floats: np.asarray({name}, np.float32)")


def _check_params(D: int, params: Params) -> int:
    """H, after checking that inputs of size D and the parameters fit each other."""
    W_x, W_h, b = (params[name] for name in ("W_x", "W_h", "b"))
    if W_x.ndim != 2 or W_x.shape[0] != D:
        raise ValueError(f"W_x has shape {W_x.shape}; inputs of size D = {D} need ({D}, ...)")
    if W_h.ndim != 2 or W_h.shape[1] != W_x.shape[1] or W_h.shape[1] % W_h.shape[0]:
        raise ValueError(f"W_h has shape {W_h.shape}, which does not fit W_x {W_x.shape}")
    if b.shape != W_h.shape[1:]:
        raise ValueError(f"b has shape {b.shape}; W_h {W_h.shape} needs {W_h.shape[1:]}")
    b_hn = params.get("b_hn")
    if b_hn is not None and b_hn.shape != W_h.shape[:1]:
        raise ValueError(f"b_hn has shape {b_hn.shape}; W_h {W_h.shape} needs {W_h.shape[:1]}")
    return W_h.shape[0]


def check_mask(mask: Array | None, N: int, T: int) -> Array | None:
    """The mask as (N, T) bool, or None. Raises ValueError for another shape or other values."""
    if mask is None:
        return None
    return as_bool(mask, (N, T), "xs need")


def as_bool(mask: ArrayLike, shape: tuple[int, ...], who: str) -> Array:
    """A mask of this shape as bool. Raises ValueError for another shape or other values.

    A weight such as 0.5, or NaN, must not count as a 1.
    """
    mask = plain("mask", mask)
    if mask.shape != shape:
        raise ValueError(f"mask has shape {mask.shape}; {who} {shape}")
    if not np.isin(mask, (0, 1)).all():
        raise ValueError("mask holds values other than 0 and 1")
    return mask.astype(bool)


def check_upstream(
    doutputs: Array, dstate: State, shape: tuple[int, ...], parts: int | None = None
) -> None:
    """Check upstream gradients against the shape (N, T, H) of the forward outputs.

    A gradient with N = 1 would broadcast silently to the whole batch. Raises ValueError, and
    TypeError for what is no array of floats.
    """
    N, _, H = shape
    check_float("doutputs", doutputs)
    if doutputs.shape != shape:
        raise ValueError(f"doutputs has shape {doutputs.shape}; the outputs have {shape}")
    for part in _check_parts("dstate", dstate, parts):
        check_float("dstate", part)
        if part.shape != (N, H):
            raise ValueError(f"dstate has shape {part.shape}; the state has {(N, H)}")


def only_read(state: Array, drop: Array | None) -> Array:
    """A state (N, H) or its gradient, zero in rows that are masked throughout, (T, N) drop.

    No cell reads it there. Were it NaN, it would reach the gradients of the weights.
    """
    return state if drop is None else np.where(np.all(drop, axis=0, keepdims=True).T, 0, state)


def as_given(computed: Array, given: Array, drop: Array | None) -> Array:
    """What was computed from :func:`only_read`, with the given rows back; in place."""
    if drop is not None:
        np.copyto(computed, given, where=np.all(drop, axis=0, keepdims=True).T)
    return computed


def map_parts(f: Callable[..., Array], *states: State) -> State:
    """Apply ``f`` part by part to states of one form."""
    if isinstance(states[0], tuple):
        return tuple(f(*parts) for parts in zip(*states, strict=True))
    return f(*states)


def where(keep: Array | None, new: State, old: State) -> State:
    """``new`` where keep (N, 1) is true, else ``old``; keep None is true everywhere."""
    if keep is None:
        return new

    def choose(a: Array, b: Array) -> Array:
        return np.where(keep, a, b)

    return map_parts(choose, new, old)


def kept(keep: Array | None, state: State) -> State:
    """The state where keep (N, 1) is true, else zero; keep None is true everywhere."""
    return state if keep is None else map_parts(lambda part: np.where(keep, part, 0), state)


def add(a: State, b: State) -> State:
    """The sum, part by part."""
    return map_parts(np.add, a, b)


def add_output(dstate: State, doutput: Array) -> State:
    """The output is the state's first part, so its gradient joins that part's."""
    if isinstance(dstate, tuple):
        return (dstate[0] + doutput, *dstate[1:])
    return dstate + doutput
