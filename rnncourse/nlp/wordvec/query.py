"""Asking word vectors: neighbours, analogies, similarity; reading files of vectors."""

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnncourse._types import Array

if TYPE_CHECKING:
    from rnncourse.nlp.text import Vocabulary


def unit(E: Array) -> Array:
    """Each row divided by its length (..., D), so that a product of rows is their cosine.

    A row of zeros (padding) stays zero.
    """
    length = np.linalg.norm(E, axis=-1, keepdims=True)
    return E / np.where(length == 0, 1, length)


def nearest(E: Array, query: ArrayLike, k: int = 10, leave_out: Iterable[int] = ()) -> Array:
    """Numbers (k,) of the rows of E (V, D) with the largest cosine to ``query`` (D,), best first.

    Raises ValueError if the query is not (D,), or fewer than k rows are left.
    """
    query, leave_out = np.asarray(query), list(leave_out)
    if query.shape != E.shape[1:] or not 0 < k <= len(E) - len(set(leave_out)):
        raise ValueError(f"query has shape {query.shape}, k = {k}; E {E.shape} needs "
                         f"{E.shape[1:]} and 1 to {len(E) - len(set(leave_out))}")  # fmt: skip
    cosine = unit(E) @ unit(query)
    cosine[leave_out] = -np.inf
    best = np.argpartition(-cosine, k - 1)[:k]
    return best[np.argsort(-cosine[best], kind="stable")]


def analogy(E: Array, questions: ArrayLike) -> Array:
    """Answers (Q,) to questions (Q, 3): a is to b as c is to … (eq-wordvectors-analogy).

    The row nearest to b - a + c, all at length 1; a, b and c themselves are left out.
    Source: Mikolov, Yih and Zweig (2013).
    """
    E, questions = unit(E), np.asarray(questions)
    answers = np.empty(len(questions), np.int64)
    for start in range(0, len(questions), 256):  # V columns for 256 questions at a time
        a, b, c = questions[start : start + 256].T
        cosine = (E[b] - E[a] + E[c]) @ E.T
        np.put_along_axis(cosine, questions[start : start + 256], -np.inf, axis=1)
        answers[start : start + 256] = cosine.argmax(axis=1)
    return answers


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Correlation of the ranks of two rows of numbers (n,); ties share their mean rank.

    NaN where one of them is constant. Raises ValueError for different lengths or n < 2.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"shapes {a.shape} and {b.shape}; expected (n,) twice, n at least 2")
    ra, rb = _ranks(a), _ranks(b)
    ra, rb = ra - ra.mean(), rb - rb.mean()
    scale = np.sqrt((ra @ ra) * (rb @ rb))
    return float(ra @ rb / scale) if scale else float("nan")


def _ranks(a: Array) -> Array:
    _, group, counts = np.unique(a, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[group]


def read_vectors(
    lines: Iterable[str], wanted: Container[str] | None = None, dtype: DTypeLike = np.float32
) -> tuple[list[str], Array]:
    """Words and vectors (V, D) of a text file in the format of word2vec or GloVe.

    Args:
        lines: an open file, or any lines: a word, then D numbers, parted by spaces. A first
            line of two whole numbers (word2vec's "V D") is checked and left out.
        wanted: keep these words only; large files have millions.

    Raises ValueError, with the number of the line, where a line has another count of numbers
    or something that is none; also for a file without vectors. A word that comes twice keeps
    its first vector.
    """
    words: dict[str, Array] = {}
    D = None
    for number, line in enumerate(lines, 1):
        parts = line.rstrip().split(" ")
        if number == 1 and len(parts) == 2 and all(part.isdigit() for part in parts):
            D = int(parts[1])
            continue
        if not line.strip():
            continue
        D = len(parts) - 1 if D is None else D
        # GloVe has words with spaces in them: the numbers are the last D parts.
        word, numbers = " ".join(parts[:-D]), parts[-D:]
        if not word or len(numbers) != D:
            raise ValueError(f"line {number} has {len(parts) - 1} numbers; expected {D}")
        if word in words or (wanted is not None and word not in wanted):
            continue
        try:
            words[word] = np.array(numbers, dtype)
        except ValueError:
            raise ValueError(f"line {number} ({word[:20]!r}): expected {D} numbers") from None
    if not words:
        raise ValueError("no vectors found")
    return list(words), np.stack(list(words.values()))


def initial_embedding(
    vocabulary: "Vocabulary", words: Iterable[str], vectors: Array, rng: np.random.Generator
) -> tuple[Array, int]:
    """A table (V, D) to start an embedding layer with, and how many of its rows were found.

    Rows of words that the file lacks are drawn with the spread of those found; padding is zero.
    Raises ValueError where words and vectors do not count the same, or no word is found.
    """
    words = list(words)
    if len(words) != len(vectors):
        raise ValueError(f"{len(words)} words for vectors of shape {vectors.shape}")
    row = {word: k for k, word in enumerate(words)}
    found = [(i, row[token]) for i, token in enumerate(vocabulary.tokens) if token in row]
    if not found:
        raise ValueError("none of the vocabulary's tokens has a vector: another language or case?")
    here, there = np.array(found).T
    E = rng.normal(0, vectors[there].std(), (len(vocabulary), vectors.shape[1]))
    E = E.astype(vectors.dtype)
    E[here] = vectors[there]
    if vocabulary.pad_index is not None:
        E[vocabulary.pad_index] = 0
    return E, len(found)
