"""Reviews for the runs on sentiment: reading, folds, word numbers, vectors, batches.

What is learnt of a text, its vocabulary and its vectors, comes from the training part alone.
"""

import csv
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from rnncourse import data
from rnncourse.nlp import text
from rnncourse.nlp.wordvec import query, word2vec

Array = np.ndarray


def films(part: str) -> tuple[list[str], Array]:
    """Texts and labels of one half of IMDB; the markup for a new line is no word."""
    with gzip.open(data.path("imdb", f"imdb_{part}.tsv.gz"), "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t", 3) for line in file.read().split("\n") if line]
    return [re.sub(r"<br\s*/?>", " ", row[3]) for row in rows], np.array([int(r[0]) for r in rows])


def hotels(segment: Callable[[str], Sequence[str]]) -> tuple[list[list[str]], Array]:
    """Chinese hotel reviews as tokens, and their labels; copies of a review are dropped."""
    file = data.path("zh_sentiment", "ChnSentiCorp_htl_all.csv")
    with open(file, encoding="utf-8-sig", newline="") as handle:
        found = {row["review"].strip(): int(row["label"]) for row in csv.DictReader(handle)}
    found.pop("", None)
    return [list(segment(review)) for review in found], np.array(list(found.values()))


def folds(labels: Array, seed: int) -> Iterator[tuple[Array, Array]]:
    """Five times which reviews train and which test, each class shared out evenly."""
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(5, shuffle=True, random_state=seed)
    return splitter.split(np.zeros(len(labels)), labels)


# --- numbers -------------------------------------------------------------------------------


def held_out(texts: Sequence[str], seed: int = 0) -> tuple[Array, Array]:
    """Nine tenths to learn from and one to choose by; copies of a text stay together."""
    learn, choose = text.split(texts, (0.9, 0.1), np.random.default_rng(seed))
    return learn, choose


def shorten(ids: Array, limit: int, keep: str) -> Array:
    """At most ``limit`` numbers: those at the "start", at the "end", or half of "both"."""
    if len(ids) <= limit:
        return ids
    first = {"start": limit, "end": 0, "both": limit // 2}[keep]
    return np.concatenate([ids[:first], ids[len(ids) - (limit - first) :]])


class Reviews(NamedTuple):
    """Reviews in word numbers, none without a token, with their labels (N,) and full lengths."""

    rows: list[Array]
    labels: Array
    lengths: Array  # (N,) tokens before shortening

    @classmethod
    def of(
        cls, tokens: Sequence[Sequence[str]], labels: Array, vocabulary: text.Vocabulary,
        limit: int, keep: str,
    ) -> "Reviews":  # fmt: skip
        """An empty review is one unknown word: a network must say something of it."""
        rows = [vocabulary.encode(row or [vocabulary.unknown]) for row in tokens]
        lengths = np.array([len(row) for row in tokens])
        return cls([shorten(row, limit, keep) for row in rows], np.asarray(labels), lengths)

    def batches(self, size: int, rng: np.random.Generator | None) -> Iterator[tuple[Array, ...]]:
        """Which reviews (n,), their padded numbers (n, T), mask (n, T) and labels (n,)."""
        for which in text.bucket_batches([len(row) for row in self.rows], size, rng):
            ids, mask = text.pad([self.rows[k] for k in which])
            yield which, ids, mask, self.labels[which]


def vectors(
    rows: Sequence[Array], vocabulary: text.Vocabulary, D: int, epochs: int, seed: int
) -> Array:
    """Skip-gram vectors (V, D) of the reviews in ``rows``; padding is zero.

    The words that the vocabulary lacks are left out, so its unknown token has a random row.
    """
    first = vocabulary.unknown_index + 1
    kept = [row[row >= first] - first for row in rows]
    counts = np.bincount(np.concatenate(kept), minlength=len(vocabulary) - first)
    rng = np.random.default_rng(seed)
    learnt = word2vec.train(kept, counts, rng, D, epochs=epochs, progress=False)["W_in"]
    return query.initial_embedding(vocabulary, vocabulary.tokens[first:], learnt, rng)[0]


def random_vectors(vocabulary: text.Vocabulary, D: int, seed: int) -> Array:
    """A table (V, D) of small random numbers to start from; padding is zero."""
    E = np.random.default_rng(seed).normal(0, 0.1, (len(vocabulary), D)).astype(np.float32)
    E[vocabulary.pad_index] = 0
    return E
