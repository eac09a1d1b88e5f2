r"""A linear-chain conditional random field: one score for a whole sequence of labels.

A softmax at each step chooses each label alone. Here a sequence of labels has one score, from what
each step says of each label (**emissions**, such as a network's outputs), from which label follows
which (**transitions**), and from which ones begin and end a sequence. Its probability is the
exponential of its score, divided by the sum over all K^T sequences, which takes T steps to add up.

N batch, T time, K labels. Whatever stands where the mask is 0, NaN too, counts for nothing, forward
and backward: those steps are left out, wherever they stand, and what is left follows each other. A
row that is masked throughout has one path, the empty one, of score 0: its loss is 0 and so are its
gradients. A score of -∞ forbids a label, a transition, a beginning or an end.

Source: Lafferty, McCallum and Pereira (2001); on top of an LSTM: Huang, Xu and Yu (2015).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts, plain
from rnncourse._types import Array, Params
from rnncourse.metrics import split_tag
from rnncourse.nn import lattice
from rnncourse.nn._shapes import as_bool, check_float
from rnncourse.nn.functional import log_sum_exp
from rnncourse.nn.initializers import check_float_dtype

NAMES = ("transitions", "start", "end")


def crf_init(rng: np.random.Generator, K: int, dtype: DTypeLike = np.float64) -> Params:
    """Scores of a chain, uniform between -0.1 and 0.1.

    Returns ``{"transitions": (K, K), "start": (K,), "end": (K,)}``; a transition goes from its row
    to its column. Raises ValueError for K below 1.
    """
    check_counts(K=K)
    check_float_dtype(dtype)
    shapes = {"transitions": (K, K), "start": (K,), "end": (K,)}
    return {name: rng.uniform(-0.1, 0.1, shape).astype(dtype) for name, shape in shapes.items()}


# --- the loss -------------------------------------------------------------------


class CrfCache(NamedTuple):
    """What ``crf_backward`` reads."""

    chain: "_Chain"
    labels: Array  # (N, T), the real steps first, 0 where none is
    alphas: Array  # (T, N, K)


def crf_forward(
    emissions: Array, labels: Array, params: Params, mask: Array | None = None
) -> tuple[float, CrfCache]:
    r"""The mean over the real steps of -log p(labels | emissions) (eq-tagging-loss).

    .. math:: L = \frac{\sum_n \log Z_n - s_n(y_n)}{\text{number of real steps}}

    Per step as :func:`rnncourse.nn.functional.cross_entropy`, which it equals where all scores of
    the chain are 0.

    Args:
        emissions: (N, T, K).
        labels: (N, T) integers in 0..K-1; any value where the mask is 0.
        params: of :func:`crf_init`.
        mask: (N, T) of 0 and 1; None for all ones.

    Returns:
        the loss in nats, and the cache.

    Raises:
        ValueError: shapes do not fit; a label is outside 0..K-1; labels use what a score of -∞
            forbids; every path of a row is forbidden; a score is NaN or +∞; no step is real.
        TypeError: emissions or params are not arrays of floats, or labels not integers.
    """
    chain = _ready(emissions, params, mask)
    if not chain.keep.any():
        raise ValueError("mask is 0 everywhere: there is no position to average over")
    labels = _ready_labels(labels, chain)
    alphas, totals = _forward(chain, params)
    scores = _score(chain, labels, params)
    _refuse_forbidden(scores, labels, chain, params)
    return float((totals - scores).sum() / chain.keep.sum()), CrfCache(chain, labels, alphas)


def crf_backward(dloss: float, cache: CrfCache, params: Params) -> tuple[Array, Params]:
    r"""Backward pass of :func:`crf_forward`: expected minus observed (eq-tagging-gradient).

    .. math:: \frac{\partial (\log Z - s(y))}{\partial e_{tk}} = p(y_t = k) - [y_t = k], \qquad
              \frac{\partial (\log Z - s(y))}{\partial A_{ij}} =
              \sum_t p(y_{t-1} = i, y_t = j) - [y_{t-1} = i, y_t = j]

    Args:
        dloss: gradient with respect to the loss; 1 where the loss is what is minimised.
        cache, params: of the forward pass.

    Returns:
        demissions (N, T, K), and the gradients of the parameters. What a score of -∞ forbids
        has a gradient of 0.
    """
    chain, labels, alphas = cache
    scale = dloss / chain.keep.sum()
    K, seen = chain.emissions.shape[2], chain.keep[..., None]
    demissions = np.empty_like(chain.emissions)
    dtransitions = np.zeros((K, K), demissions.dtype)
    for t, p, pairs in _smooth(chain, alphas, params):
        demissions[:, t] = p
        dtransitions += pairs.sum(axis=0)
    demissions -= np.where(seen, labels[..., None] == np.arange(K), 0)
    both = chain.keep[:, 1:]
    np.subtract.at(dtransitions, (labels[:, :-1][both], labels[:, 1:][both]), 1)
    some = chain.lengths > 0
    last = demissions[np.flatnonzero(some), chain.lengths[some] - 1]
    grads = {"transitions": dtransitions, "start": demissions[:, 0].sum(axis=0),
             "end": last.sum(axis=0)}  # fmt: skip
    grads = {name: (scale * grad).astype(params[name].dtype) for name, grad in grads.items()}
    return chain.back((scale * demissions).astype(demissions.dtype)), grads


# --- what a chain says -----------------------------------------------------------


def sequence_score(
    emissions: Array, labels: Array, params: Params, mask: Array | None = None
) -> Array:
    r"""The score of one path in each row, (N,) (eq-tagging-score).

    .. math:: s(y) = b_{y_1} + \sum_t e_{t y_t} + \sum_{t > 1} A_{y_{t-1} y_t} + f_{y_T}

    b, A and f are ``start``, ``transitions`` and ``end``. -∞ where the path is forbidden; 0 in a
    row without a real step. Arguments and errors as of :func:`crf_forward`.
    """
    chain = _ready(emissions, params, mask)
    return _score(chain, _ready_labels(labels, chain), params).astype(emissions.dtype)


def log_partition(emissions: Array, params: Params, mask: Array | None = None) -> Array:
    """The logarithm of the sum of e^score over all paths of each row, (N,).

    The forward algorithm (eq-tagging-forward): linear in T. 0 in a row without a real step.
    Arguments and errors as of :func:`crf_forward`.
    """
    chain = _ready(emissions, params, mask)
    return _forward(chain, params)[1].astype(emissions.dtype)


def marginals(emissions: Array, params: Params, mask: Array | None = None) -> Array:
    """The probability of each label at each step, all other steps summed out: (N, T, K).

    They sum to 1 at a real step and are 0 elsewhere. Forward–backward (eq-tagging-marginals).
    Arguments and errors as of :func:`crf_forward`.
    """
    chain = _ready(emissions, params, mask)
    found = np.empty_like(chain.emissions)
    for t, p, _ in _smooth(chain, _forward(chain, params)[0], params):
        found[:, t] = p
    return chain.back(found)


def pair_marginals(emissions: Array, params: Params, mask: Array | None = None) -> Array:
    """The probability of each label at a step with each label at the next real one: (N, T, K, K).

    They sum to 1 at a real step with another after it, and are 0 elsewhere. Arguments and errors
    as of :func:`crf_forward`.
    """
    chain = _ready(emissions, params, mask)
    found = np.empty((*chain.emissions.shape, chain.emissions.shape[2]), chain.emissions.dtype)
    for t, _, pairs in _smooth(chain, _forward(chain, params)[0], params):
        found[:, t] = pairs
    return chain.back(found)


def decode(emissions: Array, params: Params, mask: Array | None = None) -> tuple[Array, Array]:
    """The path of the highest score in each row (eq-tagging-viterbi).

    Returns the paths (N, T), -1 where the mask is 0, and their scores (N,). Among equals the
    lower label at the last step, and so on backward. A row without a real step has score 0.
    Arguments and errors as of :func:`crf_forward`.
    """
    chain = _ready(emissions, params, mask)
    empty, ending = chain.lengths == 0, chain.emissions.copy()
    rows = np.flatnonzero(~empty)
    ending[rows, chain.lengths[rows] - 1] += params["end"]
    keep = chain.keep.copy()
    keep[empty, 0] = True  # of a row without a step any label will do
    paths, scores = lattice.viterbi(params["start"], params["transitions"], ending, keep)
    return chain.back(paths, -1), np.where(empty, 0, scores).astype(emissions.dtype)


# --- what may follow what -----------------------------------------------------------

# Which prefixes leave an entity open, which continue one, and which must not be its last.
_SHAPES = {
    "BIO": ("BI", "I", ""),
    "BIOES": ("BI", "IE", "BI"),
    "BMES": ("BM", "ME", "BM"),
    "BILOU": ("BI", "IL", "BI"),
}


def allowed(tags: Sequence[str], scheme: str) -> Params:
    """Which tags may begin, follow each other and end: ``{"transitions", "start", "end"}`` of bool.

    Args:
        tags: K different names: "O", a prefix as "B" alone, or with a type, "B-PER".
        scheme: "BIO" (I continues a B or I of its type), "BIOES" (E ends, S stands alone),
            "BMES" (M is I's other name) or "BILOU" (L and U are E's and S's). Only BIO lets
            an entity end anywhere.

    Raises ValueError for an unknown scheme, a tag that it does not have, or a tag given twice.
    """
    if scheme not in _SHAPES:
        raise ValueError(f"unknown scheme {scheme!r}; expected one of {sorted(_SHAPES)}")
    if isinstance(tags, str) or not len(tags) or len(set(tags)) < len(tags):
        raise ValueError(f"tags are {tags!r}; expected names, at least one, none of them twice")
    letters = {*scheme, "O"}
    read = [split_tag(tag, letters) for tag in tags]
    leaves_open, continues, unfinished = _SHAPES[scheme]

    def follows(a: tuple[str, str], b: tuple[str, str]) -> bool:
        if b[0] in continues:
            return a[0] in leaves_open and a[1] == b[1]
        return a[0] not in unfinished

    return {
        "transitions": np.array([[follows(a, b) for b in read] for a in read]),
        "start": np.array([prefix not in continues for prefix, _ in read]),
        "end": np.array([prefix not in unfinished for prefix, _ in read]),
    }


def constrain(permitted: Params, params: Params | None = None) -> Params:
    """The scores of a chain with -∞ where :func:`allowed` says no.

    For decoding alone, or in training too: what is forbidden gets a gradient of 0. Without
    ``params`` all other scores are 0: so a softmax's scores are decoded within the rules.
    Raises ValueError where shapes differ.
    """
    if permitted.keys() != set(NAMES):
        raise ValueError(f"permitted has {sorted(permitted)}; expected {sorted(NAMES)}")
    if params is None:
        params = {name: np.zeros(mask.shape) for name, mask in permitted.items()}
    for name, mask in permitted.items():
        if mask.dtype != bool or params[name].shape != mask.shape:
            raise ValueError(f"{name} has shape {params[name].shape}, permitted {mask.shape} of "
                             f"{mask.dtype}; expected one shape, and bool")  # fmt: skip
    return {name: np.where(permitted[name], params[name], -np.inf).astype(params[name].dtype)
            for name in params}  # fmt: skip


# --- forward–backward -----------------------------------------------------------------


class _Chain(NamedTuple):
    """What was given, with the real steps of each row moved to its front."""

    emissions: Array  # (N, T, K), 0 where no step is
    keep: Array  # (N, T) bool, ones first
    order: Array | None  # (N, T): where each step stood; None where none moved

    @property
    def lengths(self) -> Array:
        """(N,) real steps of each row."""
        return np.asarray(self.keep.sum(axis=1))

    def back(self, found: Array, rest: int = 0) -> Array:
        """What was found at each step, (N, T, …), at its old place; ``rest`` where none is."""
        shape = self.keep.shape + (1,) * (found.ndim - 2)
        found = np.where(self.keep.reshape(shape), found, rest)
        if self.order is None:
            return found
        placed = np.empty_like(found)
        np.put_along_axis(placed, self.order.reshape(shape), found, axis=1)
        return placed


def _forward(chain: _Chain, params: Params) -> tuple[Array, Array]:
    """The forward algorithm: what all beginnings add up to, (T, N, K), and log Z (N,).

    Each step's best is taken off and added up apart, in float64: so neither a long chain nor
    large scores cost digits.
    """
    emissions, keep, _ = chain
    N, T, K = emissions.shape
    alphas, taken = np.empty((T, N, K), emissions.dtype), np.zeros(N)
    alpha = params["start"] + emissions[:, 0]
    for t in range(T):
        if t:
            new = log_sum_exp(alpha[:, :, None] + params["transitions"], 1) + emissions[:, t]
            alpha = np.where(keep[:, t, None], new, alpha)
        top = alpha.max(axis=1)
        taken += top
        alpha = alphas[t] = alpha - np.where(np.isneginf(top), 0, top)[:, None]
    totals = np.where(chain.lengths > 0, taken + log_sum_exp(alpha + params["end"]), 0)
    if np.isneginf(totals).any():
        raise ValueError(f"sequence {np.argmin(totals)}: every path is forbidden")
    return alphas, totals


def _smooth(chain: _Chain, alphas: Array, params: Params) -> Iterator[tuple[int, Array, Array]]:
    """From the last step to the first: t, its marginals (N, K), and (N, K, K) with the next.

    The pair is p(y_t) p(y_{t+1} | y_t). Neither needs log Z, which a long chain makes large.
    """
    emissions, keep, _ = chain
    N, T, K = emissions.shape
    beta = np.zeros((N, K), emissions.dtype) + params["end"]  # what all endings add up to
    given = np.zeros((N, K, K), emissions.dtype)  # the next label, once this one is known
    for t in reversed(range(T)):
        if t + 1 < T:
            onward = params["transitions"] + (emissions[:, t + 1] + beta)[:, None]
            given, new = _shares(onward)
            there = keep[:, t + 1, None]
            given = np.where(there[..., None], given, 0)
            top = new.max(axis=1, keepdims=True)
            beta = np.where(there, new - np.where(np.isneginf(top), 0, top), beta)
        p = np.where(keep[:, t, None], _shares(alphas[t] + beta)[0], 0)
        yield t, p, p[:, :, None] * given


def _shares(a: Array) -> tuple[Array, Array]:
    """The softmax along the last axis, and the logarithm of its sum; of -∞ alone: 0 and -∞."""
    top = a.max(axis=-1, keepdims=True)
    top = np.where(np.isneginf(top), 0, top)
    e = np.exp(a - top)
    total = e.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_total = (top + np.log(total))[..., 0]
    return e / np.where(total == 0, 1, total), log_total


def _score(chain: _Chain, labels: Array, params: Params) -> Array:
    """(N,) in float64; 0 in a row without a real step."""
    emissions, keep, _ = chain
    steps = np.take_along_axis(emissions, labels[..., None], 2)[..., 0]
    moves = params["transitions"][labels[:, :-1], labels[:, 1:]]
    rows, last = np.arange(len(labels)), np.maximum(chain.lengths - 1, 0)
    ends = params["start"][labels[:, 0]] + params["end"][labels[rows, last]]
    total = np.where(keep, steps, 0).sum(axis=1, dtype=np.float64)
    total += np.where(keep[:, 1:], moves, 0).sum(axis=1, dtype=np.float64)
    return np.asarray(total + np.where(keep[:, 0], ends, 0))


# --- checks ---------------------------------------------------------------------------


def _ready(emissions: Array, params: Params, mask: Array | None) -> _Chain:
    """What was given, checked, with the real steps first."""
    if params.keys() != set(NAMES):
        raise ValueError(f"params has {sorted(params)}; expected {sorted(NAMES)}")
    for name, array in {"emissions": emissions, **params}.items():
        check_float(name, array)
    if emissions.ndim != 3 or not emissions.shape[1] or not emissions.shape[2]:
        raise ValueError(f"emissions has shape {emissions.shape}; expected (N, T, K) with at least "
                         "one step and one label")  # fmt: skip
    N, T, K = emissions.shape
    for name, shape in {"transitions": (K, K), "start": (K,), "end": (K,)}.items():
        if params[name].shape != shape:
            raise ValueError(f"{name} has shape {params[name].shape}; emissions {emissions.shape} "
                             f"need {shape}")  # fmt: skip
    keep = np.ones((N, T), bool) if mask is None else as_bool(mask, (N, T), "emissions need")
    order = None
    emissions = np.where(keep[..., None], emissions, 0)
    if (keep[:, 1:] & ~keep[:, :-1]).any():
        order = np.argsort(~keep, axis=1, kind="stable")
        keep = np.take_along_axis(keep, order, 1)
        emissions = np.take_along_axis(emissions, order[..., None], 1)
    for name, array in {"emissions": emissions, **params}.items():
        if not (array < np.inf).all():
            raise ValueError(f"{name} hold NaN or +∞; expected numbers, or -∞ where forbidden")
    return _Chain(emissions, keep, order)


def _ready_labels(labels: Array, chain: _Chain) -> Array:
    """Labels (N, T), checked, the real ones first, 0 elsewhere."""
    labels, (N, T, K) = plain("labels", labels), chain.emissions.shape
    if labels.shape != (N, T):
        raise ValueError(f"labels has shape {labels.shape}; emissions {(N, T, K)} need {(N, T)}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels has dtype {labels.dtype}; expected integers")
    if chain.order is not None:
        labels = np.take_along_axis(labels, chain.order, 1)
    labels = np.where(chain.keep, labels, 0)
    if labels.size and (labels.min() < 0 or labels.max() >= K):
        raise ValueError(f"labels lie in {labels.min()}..{labels.max()}; emissions {(N, T, K)} "
                         f"allow 0..{K - 1}")  # fmt: skip
    return labels


def _refuse_forbidden(scores: Array, labels: Array, chain: _Chain, params: Params) -> None:
    """Raise ValueError, saying where, if the labels of a row have the score -∞."""
    if not np.isneginf(scores).any():
        return
    n = int(np.argmin(scores))
    y = labels[n, : chain.lengths[n]]
    at = np.flatnonzero(chain.keep[n]) if chain.order is None else chain.order[n]
    moves = np.flatnonzero(np.isneginf(params["transitions"][y[:-1], y[1:]]))
    if np.isneginf(params["start"][y[0]]):
        what = f"{y[0]} may not begin"
    elif np.isneginf(params["end"][y[-1]]):
        what = f"{y[-1]} may not end"
    elif len(moves):
        t = moves[0]
        what = f"{y[t + 1]} may not follow {y[t]}, at step {at[t + 1]}"
    else:
        t = np.argmin(chain.emissions[n, np.arange(len(y)), y])
        what = f"{y[t]} may not stand at step {at[t]}"
    raise ValueError(f"labels of sequence {n} are forbidden by a score of -∞: {what}")
