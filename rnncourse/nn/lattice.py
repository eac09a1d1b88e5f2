"""Dynamic programmes over time, in logarithms. N sequences, T time, S states or tags."""

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import plain
from rnncourse._types import Array
from rnncourse.nn._shapes import as_bool


def viterbi(
    start: ArrayLike, step: ArrayLike, emit: ArrayLike, mask: ArrayLike | None = None
) -> tuple[Array, Array]:
    """The best path of states through each sequence (eq-segmentation-viterbi).

    Maximises start[s_1] + Σ emit[t, s_t] + Σ step[s_{t-1}, s_t]; with logarithms of a hidden
    Markov model that is its most probable path. -inf forbids a start, a step or a state.

    Args:
        start: (S,) of the first state.
        step: (S, S) from row to column.
        emit: (N, T, S) of each state at each step.
        mask: (N, T) 1 for real steps, which come first in each row; None for all ones.

    Returns the paths (N, T), -1 where the mask is 0, and their scores (N,). Ties go to the
    lower number. Raises ValueError where shapes do not fit, the mask's ones do not come
    first, or all paths of a sequence are forbidden.
    Source: Viterbi (1967).
    """
    pairs = {"start": start, "step": step, "emit": emit}
    start, step, emit = (plain(name, a, float) for name, a in pairs.items())
    S = start.size
    fits = start.ndim == 1 and step.shape == (S, S) and emit.ndim == 3 and emit.shape[2] == S
    if not fits or emit.shape[1] == 0:
        raise ValueError(f"start {start.shape}, step {step.shape}, emit {emit.shape}; expected "
                         "(S,), (S, S) and (N, T, S) with at least one step")  # fmt: skip
    N, T, _ = emit.shape
    keep = _real_steps(mask, N, T)
    best = start + emit[:, 0]
    back = np.zeros((N, T, S), np.int64)
    for t in range(1, T):
        through = best[:, :, None] + step  # (N, from, to)
        back[:, t] = through.argmax(axis=1)
        new = through.max(axis=1) + emit[:, t]
        best = np.where(keep[:, t, None], new, best)
        back[:, t][~keep[:, t]] = np.arange(S)  # past its end a path stands still
    scores = best.max(axis=1)
    if not (scores > -np.inf).all():
        bad = np.flatnonzero(~(scores > -np.inf))[0]
        raise ValueError(f"sequence {bad}: every path is forbidden, or a score is NaN")
    paths = np.empty((N, T), np.int64)
    paths[:, -1] = best.argmax(axis=1)
    for t in range(T - 1, 0, -1):
        paths[:, t - 1] = back[np.arange(N), t, paths[:, t]]
    return np.where(keep, paths, -1), scores


def _real_steps(mask: ArrayLike | None, N: int, T: int) -> Array:
    """The mask as bool (N, T), checked: ones first, at least one."""
    keep = np.ones((N, T), bool) if mask is None else as_bool(mask, (N, T), "emit needs")
    if not keep[:, 0].all() or (keep[:, 1:] & ~keep[:, :-1]).any():
        raise ValueError("each row of mask must begin with a 1 and have no 1 after a 0")
    return keep
