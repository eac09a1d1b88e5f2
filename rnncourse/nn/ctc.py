r"""CTC: learn what a long input says without being told when it says it.

A network gives K scores at each of T input steps: of the symbols, and of the **blank**, which
says nothing. A **path** is one choice for each step. Merge what is repeated, then drop the
blanks (:func:`collapse`): what remains is the path's **labelling**. The probability of a
labelling is the sum over all paths that collapse to it, which a forward recursion over a lattice
finds in time linear in T.

N batch, T input time, K classes with the blank, L labels, S = 2L + 1 states of the lattice: the
labels, with a blank before each and one at the end. Everything is done in logarithms. What stands
where a mask is 0, NaN too, counts for nothing, as if the step or label were not there.
Labellings of new inputs are found in :mod:`rnncourse.nn.ctc_decoding`.
Source: Graves, Fernández, Gomez and Schmidhuber (2006).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_counts, plain
from rnncourse._types import Array
from rnncourse.nn._shapes import as_bool, check_float
from rnncourse.nn.functional import log_softmax

NONE = -np.inf  # logarithm of a probability of 0

# --- the lattice ---------------------------------------------------------------


def collapse(path: ArrayLike, blank: int = 0) -> Array:
    r"""The labelling of a path: merge repeats, then drop blanks (eq-speech-collapse).

    A blank between two equal symbols keeps both. path (T,) whole numbers → (U,), U ≤ T.
    Raises ValueError for anything else.
    """
    path = plain("path", path)
    if path.ndim != 1 or (path.size and path.dtype.kind not in "iu"):
        raise ValueError(f"path is {path.dtype} of shape {path.shape}; expected (T,) integers")
    new = np.ones(len(path), bool)
    new[1:] = path[1:] != path[:-1]
    return path[new & (path != blank)].astype(np.int64)


class Lattice(NamedTuple):
    """The states that paths of a labelling go through, from the first blank to the last one."""

    symbols: Array  # (N, S): a blank, the first label, a blank, the second label, ..., a blank
    jumps: Array  # (N, S): 0 where a state may be entered from two before, else -∞
    last: Array  # (N,): index of the last state, the final blank; what follows is padding


def lattice(labels: Array, lengths: Array, blank: int = 0) -> Lattice:
    r"""Blanks around the labels (eq-speech-extended).

    A blank may be jumped over only between two different labels: between equal ones it is what
    keeps them apart.

    labels (N, L), of which the first ``lengths`` (N,) of each row count.
    """
    (N, L), S = labels.shape, 2 * labels.shape[1] + 1
    symbols = np.full((N, S), blank)
    symbols[:, 1::2] = np.where(np.arange(L) < lengths[:, None], labels, blank)
    jumps = np.full((N, S), NONE)
    two_before = symbols[:, :-2]
    jumps[:, 2:][(symbols[:, 2:] != blank) & (symbols[:, 2:] != two_before)] = 0
    return Lattice(symbols, jumps, 2 * lengths)


def forward_variables(emit: Array, keep: Array, jumps: Array) -> Array:
    r"""Log-probability of all beginnings of paths, by where they stand (eq-speech-forward).

    .. math:: \alpha_t(s) = \left(\alpha_{t-1}(s) + \alpha_{t-1}(s-1) +
        [\text{jump}]\, \alpha_{t-1}(s-2)\right) p_t(s)

    Args:
        emit: (T, N, S) log-probability of each state's symbol at each step.
        keep: (T, N) bool, false where a step is to be passed over.
        jumps: (N, S), of :class:`Lattice`.

    Returns (T + 1, N, S): row t after t steps. Before the first step a path stands on the first
    blank, so that the first step leads there or to the first label.
    """
    T, N, S = emit.shape
    alpha = np.full((T + 1, N, S + 2), NONE)  # two columns in front: nobody comes from there
    alpha[0, :, 2] = 0
    for t in range(T):
        stay, step, jump = alpha[t, :, 2:], alpha[t, :, 1:-1], alpha[t, :, :-2] + jumps
        arrived = np.logaddexp(np.logaddexp(stay, step), jump)
        alpha[t + 1, :, 2:] = np.where(keep[t, :, None], arrived + emit[t], stay)
    return alpha[:, :, 2:]


def backward_variables(emit: Array, keep: Array, jumps: Array, last: Array) -> Array:
    r"""Log-probability of all ends of paths, by where they begin (eq-speech-backward).

    Row t (of T + 1) is what remains after t steps, so that alpha + beta of one row belongs to
    whole paths. Arguments as of :func:`forward_variables`; last (N,), of :class:`Lattice`.
    """
    T, N, S = emit.shape
    beta = np.full((T + 1, N, S + 2), NONE)
    rows = np.arange(N)
    beta[T, rows, last] = 0
    beta[T, rows[last > 0], last[last > 0] - 1] = 0
    into = np.full((N, S + 2), NONE)  # whether a state may be jumped into; at its own place
    into[:, :S] = jumps
    ahead = np.full((N, S + 2), NONE)
    for t in range(T - 1, -1, -1):
        ahead[:, :S] = beta[t + 1, :, :S] + emit[t]
        stay, step, jump = ahead[:, :-2], ahead[:, 1:-1], (ahead + into)[:, 2:]
        left = np.logaddexp(np.logaddexp(stay, step), jump)
        beta[t, :, :S] = np.where(keep[t, :, None], left, beta[t + 1, :, :S])
    return beta[:, :, :S]


# --- the loss ----------------------------------------------------------------------


class CTCCache(NamedTuple):
    """What ``ctc_backward`` reads."""

    log_p: Array  # (N, T, K) log-softmax of the scores, float64
    emit: Array  # (T, N, S)
    keep: Array  # (T, N) bool
    alpha: Array  # (T + 1, N, S), of forward_variables
    lattice: Lattice
    losses: Array  # (N,) float64, ∞ where no path fits
    dtype: np.dtype  # of the scores


def ctc_forward(
    logits: Array,
    labels: ArrayLike,
    mask: ArrayLike | None = None,
    label_mask: ArrayLike | None = None,
    blank: int = 0,
    zero_infinity: bool = False,
) -> tuple[Array, CTCCache]:
    r"""-log of the probability of each labelling (eq-speech-likelihood), in nats.

    .. math:: L = -\log \left( \alpha_T(2L) + \alpha_T(2L - 1) \right)

    Args:
        logits: (N, T, K) scores before the softmax.
        labels: (N, L) whole numbers in 0..K-1 and never the blank. L may be 0.
        mask: (N, T) of 0 and 1; None for all ones. A masked step is passed over.
        label_mask: (N, L) of 0 and 1, in each row ones first; None for all ones. A row without
            any has the empty labelling, whose one path is all blanks.
        blank: number of the blank.
        zero_infinity: A labelling that does not fit (each label needs a step, and each repeated
            one a blank before it) has probability 0 and a loss of ∞. True makes it 0.
            The gradient is 0 either way; PyTorch's is NaN unless its ``zero_infinity`` is set.

    Returns:
        losses (N,) in the dtype of the scores, and the cache, for :func:`ctc_backward` and
        :func:`occupancy`.

    Raises:
        ValueError: shapes that do not fit, a label out of range or equal to the blank, a mask
            of other numbers than 0 and 1.
        TypeError: logits are no array of floats, or labels no integers.

    Source: Graves et al. (2006), equations 6 to 8; in logarithms where they rescale.
    """
    log_p, keep, path = _prepared(logits, labels, mask, label_mask, blank)
    emit = _emit(log_p, path)
    with np.errstate(invalid="ignore"):  # NaN among the scores goes on, into the loss
        alpha = forward_variables(emit, keep, path.jumps)
        losses = -_at_the_end(alpha[-1], path.last)
    cache = CTCCache(log_p, emit, keep, alpha, path, losses, logits.dtype)
    shown = np.where(np.isposinf(losses), 0, losses) if zero_infinity else losses
    return shown.astype(logits.dtype), cache


def occupancy(cache: CTCCache) -> Array:
    r"""How probable each state is at each step, given the labelling (eq-speech-occupancy).

    .. math:: \gamma_t(s) = \alpha_t(s)\, \beta_t(s) / p(\text{labels})

    (N, T, S). At a real step the states sum to 1; at a masked one, and where no path fits, all
    are 0. These are the expected counts of forward-backward.
    """
    path = cache.lattice
    with np.errstate(invalid="ignore"):
        beta = backward_variables(cache.emit, cache.keep, path.jumps, path.last)
    total = np.where(np.isposinf(cache.losses), 0, cache.losses)  # then no path is whole
    gamma = np.exp(cache.alpha[1:] + beta[1:] + total[:, None])
    return np.where(cache.keep[:, :, None], gamma, 0).swapaxes(0, 1)


def ctc_backward(dlosses: ArrayLike, cache: CTCCache) -> Array:
    r"""Gradient of the scores: the softmax minus the expected counts (eq-speech-gradient).

    .. math:: \frac{\partial L}{\partial z_{tk}} = p_t(k) - \sum_{s\,:\,l'_s = k} \gamma_t(s)

    Args:
        dlosses: (N,) gradient with respect to each loss; 1 / N in each for their mean.
        cache: of the forward pass.

    Returns dlogits (N, T, K) in the dtype of the scores; 0 at masked steps and in rows whose
    labelling does not fit. Raises ValueError where dlosses has another shape.
    Source: Graves et al. (2006), equation 16.
    """
    upstream = plain("dlosses", dlosses, np.float64)
    N, T, K = cache.log_p.shape
    if upstream.shape != (N,):
        raise ValueError(f"dlosses has shape {upstream.shape}; the losses have ({N},)")
    place = np.arange(N * T).reshape(N, T, 1) * K + cache.lattice.symbols[:, None]
    gamma = occupancy(cache)
    counts = np.bincount(place.ravel(), gamma.ravel(), N * T * K).reshape(N, T, K)
    counts -= np.exp(cache.log_p)
    real = cache.keep.T & ~np.isposinf(cache.losses)[:, None]
    slopes = np.where(real[..., None], -counts * upstream[:, None, None], 0)
    return slopes.astype(cache.dtype)


def ctc_loss(
    logits: Array,
    labels: ArrayLike,
    mask: ArrayLike | None = None,
    label_mask: ArrayLike | None = None,
    blank: int = 0,
    zero_infinity: bool = False,
) -> tuple[float, Array]:
    """Mean loss of a batch in nats, and its gradient with respect to the scores (N, T, K).

    Arguments and errors as of :func:`ctc_forward`. The mean is over the N sequences; PyTorch's
    ``reduction="mean"`` divides each loss by its number of labels first.
    """
    losses, cache = ctc_forward(logits, labels, mask, label_mask, blank, zero_infinity)
    N = len(losses)
    return float(losses.mean(dtype=np.float64)), ctc_backward(np.full(N, 1 / N), cache)


# --- the best path of a known labelling --------------------------------------------


class Alignment(NamedTuple):
    """The most probable path of a labelling."""

    states: Array  # (N, T) places in the lattice: s odd is label (s - 1) / 2, s even a blank
    path: Array  # (N, T) the class at each step; -1, like the state, where the step is masked
    log_probs: Array  # (N,) of this one path


def ctc_align(
    logits: Array,
    labels: ArrayLike,
    mask: ArrayLike | None = None,
    label_mask: ArrayLike | None = None,
    blank: int = 0,
) -> Alignment:
    """When each label was said, by the most probable path: Viterbi on the lattice.

    Arguments and errors as of :func:`ctc_forward`; ValueError too for a labelling that does not
    fit. Among equally probable ways into a state, staying goes first, then the step.
    """
    log_p, keep, path = _prepared(logits, labels, mask, label_mask, blank)
    emit = _emit(log_p, path)
    T, N, S = emit.shape
    best, back = np.full((N, S + 2), NONE), np.zeros((T, N, S), np.int64)
    best[:, 2] = 0
    for t in range(T):
        ways = np.stack([best[:, 2:], best[:, 1:-1], best[:, :-2] + path.jumps])
        arrived = np.where(keep[t, :, None], ways.max(axis=0) + emit[t], best[:, 2:])
        back[t] = np.where(keep[t, :, None], ways.argmax(axis=0), 0)
        best[:, 2:] = arrived
    rows, ends = np.arange(N), np.stack([path.last, np.maximum(path.last - 1, 0)])
    state = ends[best[rows, ends + 2].argmax(axis=0), rows]
    log_probs = best[rows, state + 2]
    if not (log_probs > NONE).all():
        bad = np.flatnonzero(~(log_probs > NONE))[0]
        raise ValueError(f"sequence {bad}: no path of {int(keep[:, bad].sum())} steps gives its "
                         f"{int(path.last[bad]) // 2} labels, or a score is NaN")  # fmt: skip
    states = np.empty((N, T), np.int64)
    for t in range(T - 1, -1, -1):
        states[:, t] = state
        state = state - back[t, rows, state]
    said = np.take_along_axis(path.symbols, states, axis=1)
    return Alignment(np.where(keep.T, states, -1), np.where(keep.T, said, -1), log_probs)


# --- checks and preparation --------------------------------------------------------------


def log_probs(logits: Array, mask: ArrayLike | None, blank: int) -> tuple[Array, Array]:
    """Log-softmax in float64 (N, T, K), and the mask as bool (N, T).

    Raises as :func:`ctc_forward` of the scores, the mask and the blank.
    """
    check_float("logits", logits)
    if logits.ndim != 3 or not logits.size:
        raise ValueError(f"logits has shape {logits.shape}; expected (N, T, K), none of them 0")
    N, T, K = logits.shape
    check_counts(0, blank=blank)
    if blank >= K:
        raise ValueError(f"blank is {blank}; logits {logits.shape} have {K} classes, 0..{K - 1}")
    keep = np.ones((N, T), bool) if mask is None else as_bool(mask, (N, T), "logits need")
    # Long sums of logarithms lose their digits in float32.
    return log_softmax(np.where(keep[..., None], logits, 0).astype(np.float64)), keep


def _prepared(
    logits: Array,
    labels: ArrayLike,
    mask: ArrayLike | None,
    label_mask: ArrayLike | None,
    blank: int,
) -> tuple[Array, Array, Lattice]:
    """Log-softmax (N, T, K), the mask (T, N), and the lattice; all checked."""
    log_p, keep = log_probs(logits, mask, blank)
    N, _, K = log_p.shape
    labels = plain("labels", labels)
    if labels.size and labels.dtype.kind not in "iu":
        raise TypeError(f"labels has dtype {labels.dtype}; labels must be integers")
    if labels.ndim != 2 or len(labels) != N:
        raise ValueError(f"labels has shape {labels.shape}; logits {logits.shape} need ({N}, L)")
    real = np.ones(labels.shape, bool)
    if label_mask is not None:
        real = as_bool(label_mask, labels.shape, "labels need")
        if (real[:, 1:] & ~real[:, :-1]).any():
            raise ValueError("a row of label_mask has a 1 after a 0; labels come first")
    bad = labels[real & ((labels < 0) | (labels >= K) | (labels == blank))]
    if bad.size:
        raise ValueError(f"labels holds {bad[0]}; expected 0..{K - 1} without the blank, {blank}")
    safe = np.where(real, labels, blank).astype(np.int64)
    return log_p, keep.T, lattice(safe, real.sum(axis=1), blank)


def _emit(log_p: Array, path: Lattice) -> Array:
    """Log-probability of each state's symbol: (N, T, K) → (T, N, S)."""
    return np.take_along_axis(log_p, path.symbols[:, None], axis=2).swapaxes(0, 1).copy()


def _at_the_end(alpha: Array, last: Array) -> Array:
    """Log-probability of the paths that end on the last label or the last blank: (N,)."""
    rows = np.arange(len(last))
    on_label = np.where(last > 0, alpha[rows, last - 1], NONE)
    return np.logaddexp(alpha[rows, last], on_label)
