"""Documents as bags of words: weights, naive Bayes, k-means, and how to score a sorter.

Small and dense, to be read beside the equations; scikit-learn does the same on sparse
matrices. N documents, V tokens in the vocabulary, K classes or clusters.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import numbers, plain
from rnncourse._types import Array
from rnncourse.metrics import check_labels
from rnncourse.nlp.text import Vocabulary


def counts(documents: Iterable[Sequence[str]], vocabulary: Vocabulary) -> Array:
    """How often each document (a list of tokens) holds each token (eq-documents-count): (N, V).

    A token that the vocabulary lacks counts as its unknown token, and for nothing where it
    has none. Raises TypeError for a document that is a bare string.
    """
    rows = []
    for document in documents:
        if isinstance(document, str):
            raise TypeError(f"a document is one string, {document[:20]!r}; expected its tokens")
        known = [t for t in document if vocabulary.unknown is not None or t in vocabulary]
        rows.append(np.bincount(vocabulary.encode(known), minlength=len(vocabulary)))
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(vocabulary))


def idf(counts: ArrayLike) -> Array:
    """Weight of each token, smoothed as scikit-learn does it (eq-documents-idf): (V,).

    counts (N, V), of the training documents alone. Raises ValueError for another shape, and for
    what are no counts.
    """
    counts = _counts(counts)
    containing = (counts > 0).sum(axis=0)
    return np.log((1 + len(counts)) / (1 + containing)) + 1


def tfidf(counts: ArrayLike, weights: ArrayLike) -> Array:
    """Counts times weights, each row made one long (eq-documents-tfidf): (N, V).

    counts (N, V), weights (V,) of :func:`idf`. A document without any known token stays zero.
    Raises ValueError where the shapes do not fit.
    """
    counts, weights = _counts(counts), plain("weights", weights, float)
    if weights.shape != counts.shape[1:]:
        shapes = f"weights {weights.shape}, counts {counts.shape}"
        raise ValueError(f"{shapes}; expected (V,) and (N, V)")
    if not np.isfinite(weights).all():
        raise ValueError("weights hold NaN or infinity; expected those of idf")
    x = counts * weights
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, length, out=np.zeros_like(x), where=length > 0)


class NaiveBayes(NamedTuple):
    """What :func:`nb_fit` learnt."""

    log_prior: Array  # (K,)
    log_p: Array  # (K, V), of each token in each class


def nb_fit(counts: ArrayLike, labels: ArrayLike, alpha: float = 1.0) -> NaiveBayes:
    """Multinomial naive Bayes by counting (eq-documents-smoothing).

    Args:
        counts: (N, V) of the training documents.
        labels: (N,) integers 0..K-1; each class must have a document.
        alpha: added to every count, above 0.

    Raises ValueError where the shapes do not fit, a class is empty or alpha is not positive.
    """
    counts = _counts(counts)
    labels = check_labels(labels, len(counts))
    size = np.bincount(labels)
    if not 0 < alpha < np.inf or not all(size):
        found = f"alpha = {alpha}, documents a class: {size.tolist()}"
        raise ValueError(f"{found}; expected all above zero")
    total = np.array([counts[labels == k].sum(axis=0) for k in range(len(size))]) + alpha
    log_p = np.log(total) - np.log(total.sum(axis=1, keepdims=True))
    return NaiveBayes(np.log(size / size.sum()), log_p)


def nb_scores(counts: ArrayLike, model: NaiveBayes) -> Array:
    """ln p(class) + ln p(tokens | class), up to a constant (eq-documents-bayes): (N, K).

    Raises ValueError where the counts are not (N, V) with the V of the model.
    """
    counts = _counts(counts)
    if counts.shape[1] != model.log_p.shape[1]:
        raise ValueError(f"counts have shape {counts.shape}; this model needs "
                         f"(N, {model.log_p.shape[1]})")  # fmt: skip
    return model.log_prior + counts @ model.log_p.T


class Clusters(NamedTuple):
    """What :func:`kmeans` found."""

    label: Array  # (N,)
    centres: Array  # (K, V)
    inertia: list[float]  # after each round; never rises


def kmeans(x: ArrayLike, centres: ArrayLike, rounds: int = 100) -> Clusters:
    """Lloyd's rounds: each row to its nearest centre, each centre to its rows' mean.

    The sum of squared distances (eq-documents-inertia) never rises; it ends when no row
    changes its cluster. A centre that no row is nearest to stays where it is.

    Args:
        x: (N, V) rows.
        centres: (K, V) to begin with, such as K of the rows.

    Raises ValueError where the shapes do not fit or rounds is below 1.
    """
    x, centres = _matrix(x), np.array(_matrix(centres), dtype=float)
    if centres.shape[1] != x.shape[1] or rounds < 1:
        raise ValueError(f"centres {centres.shape} for x {x.shape}, rounds = {rounds}; expected "
                         "(K, V) for (N, V), and at least one round")  # fmt: skip
    label, inertia = np.full(len(x), -1), []
    for _ in range(rounds):
        square = (x**2).sum(1)[:, None] - 2 * x @ centres.T + (centres**2).sum(1)
        nearest = square.argmin(axis=1)
        if (nearest == label).all():
            break
        label = nearest
        for k in np.unique(label):
            centres[k] = x[label == k].mean(axis=0)
        inertia.append(float(((x - centres[label]) ** 2).sum()))
    return Clusters(label, centres, inertia)


def _matrix(values: ArrayLike) -> Array:
    """The values as an array. Raises ValueError for another shape, and NaN or infinity."""
    found = numbers("the matrix", values)
    if found.ndim != 2 or not len(found):
        raise ValueError(f"found shape {found.shape}; expected rows and columns, one row or more")
    if not np.isfinite(found).all():
        raise ValueError("the matrix holds NaN or infinity; leave those rows or columns out")
    return found


def _counts(values: ArrayLike) -> Array:
    """A matrix of numbers from 0 on."""
    found = _matrix(values)
    if (found < 0).any():
        raise ValueError(f"counts go down to {found.min()}; expected numbers from 0 on")
    return found


class Judgement(NamedTuple):
    """What :func:`judge` says of a document."""

    p: Array | None  # (K,), or None where it cannot be judged
    note: str  # what whoever reads p should know; empty where there is nothing


def judge(
    document: str,
    tokenize: Callable[[str], list[str]],
    vocabulary: Vocabulary,
    probabilities: Callable[[Array], Array],
    limit: int = 400,
) -> Judgement:
    """Probabilities of the classes for whatever somebody may type, or why there are none.

    Of a document with more than ``limit`` tokens the last ``limit`` are read, and the note says
    so. It is not judged if no word is in it (empty, or signs alone), or if fewer than half of
    its words are known (another language, or another subject).

    Args:
        probabilities: the model: token numbers (T,), T >= 1 → (K,).

    Raises ValueError if limit is below 1; TypeError, from :func:`rnncourse.nlp.text.words`, for a
    document that is no string.
    """
    if limit < 1:
        raise ValueError(f"limit = {limit}; expected at least 1")
    tokens = tokenize(document)
    read = tokens[-limit:]
    words = [token for token in read if any(map(str.isalnum, token))]
    known = sum(token in vocabulary for token in words)
    if not words:
        return Judgement(None, "not judged: there is no word in it")
    if 2 * known < len(words):
        return Judgement(None, f"not judged: {known} of {len(words)} words are known")
    notes = []
    if len(read) < len(tokens):
        notes.append(f"only the last {limit} of {len(tokens)} tokens are read")
    if known < len(words):
        notes.append(f"{len(words) - known} of {len(words)} words are unknown")
    return Judgement(probabilities(vocabulary.encode(read)), "; ".join(notes))
