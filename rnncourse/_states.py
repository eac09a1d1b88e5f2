"""A cell's state is one array or a tuple of arrays: the same operation on either form."""

from collections.abc import Callable

import numpy as np

Array = np.ndarray
State = Array | tuple[Array, ...]


def map_parts(f: Callable[..., Array], *states: State) -> State:
    """Apply ``f`` part by part to states of one form."""
    if isinstance(states[0], tuple):
        return tuple(f(*parts) for parts in zip(*states, strict=True))
    return f(*states)


def where(keep: Array | None, new: State, old: State) -> State:
    """``new`` where keep (N, 1) is true, else ``old``; keep None is true everywhere."""
    return new if keep is None else map_parts(lambda a, b: np.where(keep, a, b), new, old)


def add(a: State, b: State) -> State:
    """The sum, part by part."""
    return map_parts(np.add, a, b)


def add_output(dstate: State, doutput: Array) -> State:
    """The output is the state's first part, so its gradient joins that part's."""
    if isinstance(dstate, tuple):
        return (dstate[0] + doutput, *dstate[1:])
    return dstate + doutput
