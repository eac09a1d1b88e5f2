r"""Word vectors from scratch: skip-gram and CBOW with three losses, and Bengio's language model.

A batch is G pieces of text of L words each, (G, L) word numbers. A model turns it into a
predictor H (G, L, D), one row for each place, and says which places each row has to predict:
``targets`` (G, L, L), 1 where the row of place i predicts the word at place j.

- skip-gram: the row is the word's own vector, the targets are the words around it;
- CBOW: the row is the mean of the vectors around, the target is the word itself.

So a window is a matrix with ones near its diagonal, and all of a batch's pairs are a few
matrix products. Sources: Mikolov et al. (2013a, 2013b), Goldberg and Levy (2014).
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnncourse._arrays import check_counts, plain
from rnncourse._progress import Bar
from rnncourse._types import Array, Params
from rnncourse.nn.functional import log_softmax, sigmoid, softplus

PIECE = 64  # L: words in a piece
PIECES = 8  # G: pieces in a batch; more would be faster, but staler
SHARED = 64  # words drawn as noise for each piece, shared by its rows


@dataclass(frozen=True)
class Rows:
    """Gradients of some rows of a matrix; a row may come more than once."""

    index: Array  # (R,)
    values: Array  # (R, D)
    pairs: Array  # (R,) how many pairs each value is a sum over


# --- how often, and how likely -----------------------------------------------------


def keep_probability(counts: ArrayLike, sample: float = 1e-3) -> Array:
    """Chance (V,) that an occurrence of each word is kept (eq-wordvectors-subsampling).

    min(1, √(t/f) + t/f) for a word with share f of the text and t = ``sample``: the formula
    of the original program, which keeps a little more than the paper's √(t/f).
    Raises ValueError for counts below 0 or all 0, and unless t is above 0.
    """
    counts = _check_counts(counts)
    if not sample > 0:
        raise ValueError(f"sample is {sample}; expected a number above 0")
    ratio = sample * counts.sum() / np.maximum(counts, 1e-300)
    return np.minimum(1.0, np.sqrt(ratio) + ratio)


def noise_distribution(counts: ArrayLike, power: float = 0.75) -> Array:
    """The noise (V,) that negative sampling draws from: counts to the power, with sum 1.

    Raises ValueError for counts below 0 or all 0, and unless power is above 0.
    """
    if not 0 < power < np.inf:
        raise ValueError(f"power is {power}; expected a number above 0")
    raised = _check_counts(counts) ** power
    return raised / raised.sum()


def _check_counts(counts: ArrayLike) -> Array:
    counts = plain("counts", counts, float)
    if counts.ndim != 1 or not (counts >= 0).all() or not 0 < counts.sum() < np.inf:
        raise ValueError(f"counts {counts}; expected (V,) numbers from 0 on, not all 0")
    return counts


class Tree(NamedTuple):
    """A binary tree over V words, as one row for each word."""

    nodes: Array  # (V, P) numbers of the inner nodes from the root, 0..V-2
    turns: Array  # (V, P) 1 where the word lies to the right of that node, else 0
    mask: Array  # (V, P) 1 where the path still goes on


def huffman(counts: ArrayLike) -> Tree:
    """Huffman's tree: frequent words have short paths (eq-wordvectors-path).

    Joins the two lightest trees until one is left; ties go to the one made first.
    Raises ValueError if there are fewer than two words, and for counts below 0 or all 0.
    Source: Huffman (1952).
    """
    counts = _check_counts(counts)
    V = len(counts)
    if V < 2:
        raise ValueError("counts of one word; a tree needs at least two")
    parent, turn = _join(counts)
    paths = []
    for word in range(V):
        path, node = [], word
        while node != 2 * V - 2:
            path.append((parent[node] - V, turn[node]))
            node = parent[node]
        paths.append(path[::-1])
    P = max(map(len, paths))
    tree = Tree(*(np.zeros((V, P), np.int64) for _ in range(3)))
    for word, path in enumerate(paths):
        tree.nodes[word, : len(path)], tree.turns[word, : len(path)] = zip(*path, strict=True)
        tree.mask[word, : len(path)] = 1
    return tree


def _join(counts: Array) -> tuple[Array, Array]:
    """Parent and side of each node; words are 0..V-1, inner nodes V..2V-2 in order of making."""
    V = len(counts)
    heap = [(count, node) for node, count in enumerate(counts.tolist())]
    heapq.heapify(heap)
    parent, turn = np.zeros(2 * V - 1, np.int64), np.zeros(2 * V - 1, np.int64)
    for made in range(V, 2 * V - 1):
        (left, first), (right, second) = heapq.heappop(heap), heapq.heappop(heap)
        parent[[first, second]], turn[second] = made, 1
        heapq.heappush(heap, (left + right, made))
    return parent, turn


# --- the two models ------------------------------------------------------------------


def window_mask(places: Array, sizes: Array) -> Array:
    """Which places lie in each place's window: (G, L, L) of 0 and 1, the place itself left out.

    places (G, L): number of each word's sentence; a window does not reach into another.
    sizes (G, L): how many words to each side.
    """
    L = places.shape[1]
    distance = abs(np.arange(L)[:, None] - np.arange(L))
    near = (distance <= sizes[..., None]) & (distance > 0)
    return (near & (places[:, :, None] == places[:, None, :])).astype(np.float32)


def skipgram(ids: Array, window: Array, params: Params) -> tuple[Array, Array, Array]:
    """Skip-gram: predictors H (G, L, D), targets (G, L, L), and what H is a mean of.

    The word's own vector predicts each word of its window (eq-wordvectors-skipgram).
    """
    own = np.broadcast_to(np.eye(ids.shape[1], dtype=window.dtype), window.shape)
    return params["W_in"][ids], window, own


def cbow(ids: Array, window: Array, params: Params) -> tuple[Array, Array, Array]:
    """CBOW: the mean of the window's vectors predicts the word (eq-wordvectors-cbow)."""
    count = window.sum(axis=2, keepdims=True)
    mean = window / np.maximum(count, 1)
    own = np.eye(ids.shape[1], dtype=window.dtype) * (count > 0)
    return mean @ params["W_in"][ids], own, mean


MODELS = {"skipgram": skipgram, "cbow": cbow}


# --- the three losses: predictors and targets → loss, gradient of H, rows of W_out ------


def softmax_loss(H: Array, targets: Array, ids: Array, params: Params) -> tuple[float, Array, Rows]:
    """Full softmax over all V words (eq-wordvectors-softmax): exact, and V products a row.

    Returns the sum of -log p over all pairs, its gradient with respect to H, and that of
    the rows of ``W_out`` (V, D).
    """
    W_out = params["W_out"]
    G, L, D = H.shape
    log_p = log_softmax(H @ W_out.T)
    wanted = np.zeros_like(log_p)  # how often each row has to predict each word
    g, i, j = np.nonzero(targets)
    np.add.at(wanted, (g, i, ids[g, j]), targets[g, i, j])
    dscores = wanted.sum(axis=2, keepdims=True) * np.exp(log_p) - wanted
    dW = dscores.reshape(G * L, -1).T @ H.reshape(G * L, D)
    loss = -float((wanted * log_p).sum())
    pairs = abs(dscores).sum(axis=(0, 1))
    return loss, dscores @ W_out, Rows(np.arange(len(W_out)), dW, pairs)


def hierarchical_loss(
    H: Array, targets: Array, ids: Array, params: Params, tree: Tree
) -> tuple[float, Array, Rows]:
    """Hierarchical softmax: a left-or-right decision at each inner node on the word's path.

    p(word) is the product of σ(±H·u) along its path, so all words' p sum to 1 without
    ever adding them up (eq-wordvectors-path). ``W_out`` (V - 1, D) has a row u a node.
    Returns as :func:`softmax_loss`. Source: Morin and Bengio (2005).
    """
    G, L, D = H.shape
    nodes, turns = tree.nodes[ids], tree.turns[ids][:, :, None]  # (G, L, P) and (G, L, 1, P)
    m = max(1, int((targets > 0).sum(axis=1).max()))  # rows that predict one place, at most
    who = np.argsort(-targets, axis=1, kind="stable")[:, :m].swapaxes(1, 2)  # (G, L, m)
    weight = np.take_along_axis(targets.swapaxes(1, 2), who, axis=2)[..., None]
    weight = weight * tree.mask[ids][:, :, None]  # (G, L, m, P)
    h, u = H[np.arange(G)[:, None, None], who], params["W_out"][nodes]
    scores = h @ u.swapaxes(2, 3)  # (G, L, m, P)
    loss = float((weight * (softplus(scores) - turns * scores)).sum())
    dscores = (weight * (sigmoid(scores) - turns)).astype(H.dtype)
    dH = np.zeros((G * L, D), H.dtype)
    place, sums = _summed(who + L * np.arange(G)[:, None, None], (dscores @ u).reshape(-1, D))
    dH[place] = sums
    real = tree.mask[ids] > 0
    rows = Rows(nodes[real], (dscores.swapaxes(2, 3) @ h)[real], weight.sum(axis=2)[real])
    return loss, dH.reshape(H.shape), rows


def negative_loss(
    H: Array, targets: Array, ids: Array, params: Params, noise: Array, negatives: float
) -> tuple[float, Array, Rows]:
    """Negative sampling: tell each pair from drawn words (eq-wordvectors-negative).

    noise (G, K): words drawn for each piece, shared by all its rows. Each counts
    ``negatives`` / K times for each pair, so that a pair meets ``negatives`` of them on
    average, as in the paper, where each pair draws its own. Returns as :func:`softmax_loss`.
    """
    W_out = params["W_out"]
    near, far = W_out[ids], W_out[noise]  # (G, L, D) and (G, K, D)
    weight = targets.sum(axis=2, keepdims=True) * H.dtype.type(negatives / noise.shape[1])
    near_scores, far_scores = H @ near.swapaxes(1, 2), H @ far.swapaxes(1, 2)
    loss = (targets * softplus(-near_scores)).sum() + (weight * softplus(far_scores)).sum()
    dnear, dfar = -targets * sigmoid(-near_scores), weight * sigmoid(far_scores)
    dH = dnear @ near + dfar @ far
    values = [dscores.swapaxes(1, 2) @ H for dscores in (dnear, dfar)]
    D = H.shape[2]
    index = np.concatenate([ids.ravel(), noise.ravel()])
    drawn = np.broadcast_to(weight.sum(axis=1), noise.shape)
    pairs = np.concatenate([targets.sum(axis=1).ravel(), drawn.ravel()])
    return float(loss), dH, Rows(index, np.concatenate([v.reshape(-1, D) for v in values]), pairs)


LOSSES = ("softmax", "hierarchical", "negative")


# --- training ------------------------------------------------------------------------


def init(
    rng: np.random.Generator, V: int, D: int, loss: str = "negative", dtype: DTypeLike = np.float32
) -> Params:
    """``W_in`` (V, D), uniform in ±1/(2D), and ``W_out`` zero: (V, D), or (V - 1, D) of a tree."""
    rows = V - 1 if loss == "hierarchical" else V
    W_in = rng.uniform(-0.5 / D, 0.5 / D, (V, D)).astype(dtype)
    return {"W_in": W_in, "W_out": np.zeros((rows, D), dtype)}


def descend(matrix: Array, rows: Rows, rate: float) -> None:
    """One step of gradient descent on some rows, in place.

    The original program steps after every pair. Here a row takes the steps of all its n pairs
    in the batch at once, rate · n times their mean gradient. A frequent word has so many that
    this would overshoot: more than 1 times the mean gradient is never taken.
    """
    index, sums, n = _summed(rows.index, rows.values, rows.pairs)
    factor = np.minimum(rate, 1 / np.maximum(n, 1e-30)).astype(matrix.dtype)
    matrix[index] -= factor[:, None] * sums


def _summed(index: Array, *values: Array) -> tuple[Array, ...]:
    """Each index once, with the sum of its values."""
    order = np.argsort(index, axis=None, kind="stable")
    index = index.ravel()[order]
    starts = np.flatnonzero(np.r_[True, index[1:] != index[:-1]])
    return index[starts], *(np.add.reduceat(v[order], starts, axis=0) for v in values)


def train(
    sentences: Sequence[ArrayLike],
    counts: ArrayLike,
    rng: np.random.Generator,
    D: int = 100,
    *,
    model: str = "skipgram",
    loss: str = "negative",
    window: int = 5,
    negatives: int = 5,
    sample: float | None = 1e-3,
    rate: float = 0.025,
    epochs: int = 5,
    progress: bool | None = None,
) -> Params:
    """Word vectors ``W_in`` (V, D) of a text, and the other side's ``W_out``.

    Args:
        sentences: arrays of word numbers 0..V-1.
        counts: (V,) how often each word occurs.
        model: "skipgram" or "cbow".
        loss: "softmax", "hierarchical" or "negative".
        window: largest number of words to each side; each place draws 1..window.
        negatives: drawn words for each pair.
        sample: t of :func:`keep_probability`, or None to keep every word.
        rate: learning rate, falling in a straight line to 1/250 of it.
        epochs: how often to go through the text, its sentences newly shuffled.
        progress: show a bar; None: where someone watches.

    Plain gradient descent, float32. Two runs with equal generators give equal vectors.
    Raises ValueError for an unknown model or loss, sizes below 1, a number outside 0..V-1,
    or no sentence of two words; FloatingPointError where the vectors overflow.
    """
    counts = plain("counts", counts)
    if counts.ndim != 1:
        raise ValueError(f"counts has shape {counts.shape}; expected (V,)")
    rows = _check_train(sentences, len(counts), model, loss, (D, window, negatives, epochs))
    params = init(rng, len(counts), D, loss)
    objective = _objective(loss, counts, negatives, rng)
    keep = np.ones(len(counts)) if sample is None else keep_probability(counts, sample)
    total, done = epochs * sum(map(len, rows)), 0.0
    with Bar(epochs, progress) as bar:
        for _ in range(epochs):
            for ids, places, read in _pieces(rows, keep, rng):
                mask = window_mask(places, rng.integers(1, window + 1, ids.shape))
                H, targets, mean = MODELS[model](ids, mask, params)
                _, dH, out = objective(H, targets, ids, params)
                step = rate * max(0.004, 1 - done / total)
                back = mean.swapaxes(1, 2)
                pairs = back @ targets.sum(axis=2, keepdims=True)
                into = Rows(ids.ravel(), (back @ dH).reshape(-1, D), pairs.ravel())
                descend(params["W_in"], into, step)
                descend(params["W_out"], out, step)
                done += read
                bar.update(epochs * done / total, f"epochs, {done:,} words")
    if not np.isfinite(params["W_in"]).all():
        raise FloatingPointError(f"the vectors overflowed: lower the rate, {rate}")
    return params


def _check_train(
    sentences: Sequence[ArrayLike], V: int, model: str, loss: str, sizes: tuple[int, ...]
) -> list[Array]:
    """The sentences as arrays."""
    if model not in MODELS or loss not in LOSSES:
        raise ValueError(f"model = {model!r}, loss = {loss!r}; expected one of "
                         f"{list(MODELS)} and one of {list(LOSSES)}")  # fmt: skip
    check_counts(**dict(zip(("D", "window", "negatives", "epochs"), sizes, strict=True)))
    rows = [plain(f"sentence {n}", row) for n, row in enumerate(sentences)]
    for n, row in enumerate(rows):
        if row.size and (row.ndim != 1 or row.dtype.kind not in "iu"):
            raise ValueError(f"sentence {n} is {row.dtype} of shape {row.shape}; expected word "
                             "numbers (T,)")  # fmt: skip
    rows = [row for row in rows if row.size > 1]
    if not rows:
        raise ValueError(f"none of {len(sentences)} sentences has two words: nothing to predict")
    low, high = min(row.min() for row in rows), max(row.max() for row in rows)
    if low < 0 or high >= V:
        raise ValueError(f"word numbers lie in {low}..{high}; counts has 0..{V - 1}")
    return rows


def _objective(
    loss: str, counts: Array, negatives: int, rng: np.random.Generator
) -> Callable[[Array, Array, Array, Params], tuple[float, Array, Rows]]:
    """The loss as a function of predictors, targets, ids and params alone."""
    if loss == "softmax":
        return softmax_loss
    if loss == "hierarchical":
        tree = huffman(counts)
        return lambda H, targets, ids, params: hierarchical_loss(H, targets, ids, params, tree)
    upto = np.cumsum(noise_distribution(counts))
    upto[-1] = 1.0

    def negative(H: Array, targets: Array, ids: Array, params: Params) -> tuple[float, Array, Rows]:
        noise = np.searchsorted(upto, rng.random((len(ids), SHARED)), side="right")
        return negative_loss(H, targets, ids, params, noise, negatives)

    return negative


def _pieces(
    rows: list[Array], keep: Array, rng: np.random.Generator
) -> Iterator[tuple[Array, Array, float]]:
    """Batches of one epoch: ids (G, L), the sentence of each, and how many words were read."""
    order = rng.permutation(len(rows))
    ids = np.concatenate([rows[n] for n in order])
    places = np.repeat(order, [len(rows[n]) for n in order])
    kept = rng.random(len(ids)) < keep[ids]
    read = len(ids) / max(1, kept.sum())
    ids, places = ids[kept], places[kept]
    size = PIECE * PIECES
    for start in range(0, len(ids), size):
        some, place = ids[start : start + size], places[start : start + size]
        count = len(some)
        fill = -count % PIECE  # the last piece is filled up with places of no sentence
        some = np.concatenate([some, np.zeros(fill, some.dtype)]).reshape(-1, PIECE)
        alone = np.concatenate([place, -1 - np.arange(fill)]).reshape(-1, PIECE)
        yield some, alone, count * read
