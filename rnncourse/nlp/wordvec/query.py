"""Asking word vectors: neighbours, analogies, similarity; reading files of vectors."""

import re
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnncourse._arrays import check_counts, check_gaps, numbers, plain
from rnncourse._types import Array

if TYPE_CHECKING:
    from rnncourse.nlp.text import Vocabulary


def unit(E: Array) -> Array:
    """Each row divided by its length (..., D), so that a product of rows is their cosine.

    A row of zeros (padding) stays zero. Raises ValueError for NaN or infinity, which would be
    nearest to everything or to nothing.
    """
    E = numbers("E", E)
    if E.ndim == 0:
        raise ValueError("E is one number; expected (..., D)")
    with np.errstate(over="ignore"):
        length = np.linalg.norm(E, axis=-1, keepdims=True)
    if not np.isfinite(length).all():
        check_gaps("the table of vectors", E, "leave those rows out")
    small = np.finfo(length.dtype).tiny ** 0.5  # below it squares vanish, far above they overflow
    if ((length < small) | np.isinf(length)).any():
        E = np.ldexp(E, -np.frexp(np.abs(E).max(axis=-1, keepdims=True, initial=0))[1])
        length = np.linalg.norm(E, axis=-1, keepdims=True)
    return E / np.where(length == 0, 1, length)


def nearest(E: Array, query: ArrayLike, k: int = 10, leave_out: Iterable[int] = ()) -> Array:
    """Numbers (k,) of the rows of E (V, D) with the largest cosine to ``query`` (D,), best first.

    Raises ValueError if the query is not (D,), or fewer than k rows are left, and as
    :func:`unit`.
    """
    E, query, leave_out = numbers("E", E), numbers("query", query), list(leave_out)
    check_counts(k=k)
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
    Raises ValueError unless questions are (Q, 3) integers in 0..V-1, and as :func:`unit`.
    Source: Mikolov, Yih and Zweig (2013).
    """
    E, questions = unit(E), plain("questions", questions)
    if questions.ndim != 2 or questions.shape[1] != 3 or questions.dtype.kind not in "iu":
        raise ValueError(f"questions have shape {questions.shape} and dtype {questions.dtype}; "
                         "expected (Q, 3) integers")  # fmt: skip
    if questions.size and not 0 <= questions.min() <= questions.max() < len(E):
        raise ValueError(f"questions lie in {questions.min()}..{questions.max()}; E has rows "
                         f"0..{len(E) - 1}")  # fmt: skip
    answers = np.empty(len(questions), np.int64)
    for start in range(0, len(questions), 256):  # V columns for 256 questions at a time
        a, b, c = questions[start : start + 256].T
        cosine = (E[b] - E[a] + E[c]) @ E.T
        np.put_along_axis(cosine, questions[start : start + 256], -np.inf, axis=1)
        answers[start : start + 256] = cosine.argmax(axis=1)
    return answers


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Correlation of the ranks of two rows of numbers (n,); ties share their mean rank.

    NaN where one of them is constant. Raises ValueError for different lengths or n < 2, for NaN,
    which has no rank; TypeError for what are no real numbers.
    """
    a, b = numbers("a", a), numbers("b", b)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"shapes {a.shape} and {b.shape}; expected (n,) twice, n at least 2")
    for name, row in (("a", a), ("b", b)):
        check_gaps(name, row, "leave those pairs out of both", infinite=True)
    ra, rb = _ranks(a), _ranks(b)
    ra, rb = ra - ra.mean(), rb - rb.mean()
    scale = np.sqrt((ra @ ra) * (rb @ rb))
    return float(ra @ rb / scale) if scale else float("nan")


def _ranks(a: Array) -> Array:
    _, group, counts = np.unique(a, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[group]


# At the end of a line's words: a number, and no word such as "nan" or "infinity".
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def read_vectors(
    lines: Iterable[str], wanted: Container[str] | None = None, dtype: DTypeLike = np.float32
) -> tuple[list[str], Array]:
    """Words and vectors (V, D) of a text file in the format of word2vec or GloVe.

    Args:
        lines: an open file, or any lines: a word, then D numbers, parted by spaces or tabs. A
            first line of two whole numbers (word2vec's "V D") is checked and left out. A byte
            order mark is left out too.
        wanted: keep these words only; large files have millions.

    Raises ValueError, with the number of the line, where a line has another count of numbers,
    something that is none, or one that is not finite; also where the first line promises another
    V, and for a file without vectors. TypeError for bytes. A word that comes twice keeps its
    first vector. A word may hold spaces, as some of GloVe's do, if its last part is no number.
    """
    words: dict[str, Array] = {}
    places: list[int] = []  # the line of each word
    V = D = None
    read = 0
    for number, line in enumerate(lines, 1):
        parts = _parts(line, number)
        if number == 1 and len(parts) == 2 and all(part.isdecimal() for part in parts):
            V, D = map(int, parts)
            continue
        if not parts:
            continue
        D = len(parts) - 1 if D is None else D
        word = _word(parts, D, number)
        read += 1
        if word not in words and (wanted is None or word in wanted):
            words[word] = _numbers(parts[-D:], word, number, dtype)
            places.append(number)
    if V is not None and read != V:
        raise ValueError(f"line 1 promises {V} vectors, found {read}: is the file cut short? Leave "
                         "line 1 out to read a part of it")  # fmt: skip
    if not words:
        raise ValueError(f"no vectors found: none of the {read} words is wanted" if read else
                         "no vectors found: there is no line with a word and numbers")  # fmt: skip
    vectors = np.stack(list(words.values()))
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        raise ValueError(f"line {places[bad[0]]} ({list(words)[bad[0]][:20]!r}) holds NaN, or a "
                         f"number that is infinite in {vectors.dtype}")  # fmt: skip
    return list(words), vectors


def _parts(line: str, number: int) -> list[str]:
    """What spaces and tabs part. Other white space may be a word, as U+3000 is."""
    if not isinstance(line, str):
        raise TypeError(
            f"line {number} is {type(line).__name__}; expected text: open the file by "
            "open(path, encoding='utf-8'), or gzip.open(path, 'rt', encoding='utf-8')"
        )
    line = line.removeprefix("\ufeff") if number == 1 else line
    parts = line.rstrip("\r\n ").split(" ")
    return parts if "" not in parts and "\t" not in line else re.findall(r"[^ \t\r\n]+", line)


def _word(parts: list[str], D: int, number: int) -> str:
    """The word before the last D parts. Raises ValueError for another count of numbers."""
    before = parts[: len(parts) - D]
    if D < 1 or not before or (len(before) > 1 and _NUMBER.fullmatch(before[-1])):
        raise ValueError(f"line {number} has {len(parts) - 1} numbers; expected "
                         f"{D or 'a word and numbers'}")  # fmt: skip
    return " ".join(before)


def _numbers(parts: list[str], word: str, number: int, dtype: DTypeLike) -> Array:
    """The vector of a line. Raises ValueError for what are no numbers."""
    try:
        with np.errstate(over="ignore"):  # infinity is refused at the end
            return np.array(parts, dtype)
    except ValueError:
        raise ValueError(f"line {number} ({word[:20]!r}): expected {len(parts)} numbers") from None


def initial_embedding(
    vocabulary: "Vocabulary", words: Iterable[str], vectors: Array, rng: np.random.Generator
) -> tuple[Array, int]:
    """A table (V, D) to start an embedding layer with, and how many of its rows were found.

    Rows of words that the file lacks are drawn with the spread of those found; padding is zero.
    Raises ValueError where words and vectors do not count the same, no word is found, or a
    vector holds NaN or infinity.
    """
    words, vectors = list(words), numbers("vectors", vectors)
    if vectors.ndim != 2 or len(words) != len(vectors):
        raise ValueError(f"{len(words)} words for vectors of shape {vectors.shape}")
    row = {word: k for k, word in enumerate(words)}
    found = [(i, row[token]) for i, token in enumerate(vocabulary.tokens) if token in row]
    if not found:
        raise ValueError("none of the vocabulary's tokens has a vector: another language or case?")
    here, there = np.array(found).T
    check_gaps("the table of vectors", vectors[there], "leave those words out")
    E = rng.normal(0, vectors[there].std(), (len(vocabulary), vectors.shape[1]))
    E = E.astype(vectors.dtype)
    E[here] = vectors[there]
    if vocabulary.pad_index is not None:
        E[vocabulary.pad_index] = 0
    return E, len(found)
