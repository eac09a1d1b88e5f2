"""Scores of classes: the confusion matrix, and what is read from it.

N examples, K classes. Shares lie between 0 and 1.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import numbers, plain
from rnncourse._types import Array


def check_labels(labels: ArrayLike, N: int | None = None, name: str = "labels") -> Array:
    """Integers (N,) from 0 on, N at least 1. Raises ValueError for anything else."""
    labels = plain(name, labels)
    shape = (N,) if N is not None else labels.shape[:1]
    whole = labels.ndim == 1 and labels.dtype.kind in "iu"
    if not whole or labels.shape != shape or not labels.size or labels.min() < 0:
        raise ValueError(f"{name} have shape {labels.shape} and dtype {labels.dtype}; expected "
                         f"({'N' if N is None else N},) integers from 0 on")  # fmt: skip
    return labels


def confusion(labels: ArrayLike, answers: ArrayLike, K: int | None = None) -> Array:
    """(K, K): row the true class, column the answer, as in scikit-learn.

    labels and answers (N,), integers 0..K-1; K is the largest of them + 1 unless given.
    Raises ValueError where they do not fit each other or K.
    """
    labels = check_labels(labels)
    answers = check_labels(answers, len(labels), "answers")
    found = max(labels.max(), answers.max()) + 1
    K = int(found) if K is None else K
    if found > K:
        raise ValueError(f"class {found - 1} occurs; K = {K} allows 0..{K - 1}")
    return np.bincount(K * labels + answers, minlength=K * K).reshape(K, K)


class ClassScores(NamedTuple):
    """Precision, recall and F1 of each class, all (K,)."""

    precision: Array
    recall: Array
    f1: Array


def class_scores(matrix: ArrayLike) -> ClassScores:
    """Of a confusion matrix (K, K) (eq-documents-precision, eq-documents-f1).

    Where nothing is divided by nothing the score is 0, scikit-learn's default without its
    warning. Raises ValueError for a matrix that is not square or holds no counts.
    """
    matrix = numbers("matrix", matrix)
    if matrix.ndim != 2 or not len(matrix) or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix has shape {matrix.shape}; expected (K, K)")
    if not (np.isfinite(matrix) & (matrix >= 0)).all():
        raise ValueError("matrix holds NaN, infinity or numbers below 0; expected counts")
    right, answered, true = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    return ClassScores(
        _share(right, answered), _share(right, true), _share(2 * right, answered + true)
    )


def _share(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
