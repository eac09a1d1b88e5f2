"""BM25: by hand, beside rank-bm25, and what holds of every score."""

import math

import numpy as np
import pytest
import rank_bm25
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.nlp.retrieval import Bm25

CATS = [["the", "cat", "sat"], ["the", "dog", "and", "the", "cat", "ran"], ["a", "bird"], []]


def test_by_hand():
    """Four documents of 3, 6, 2 and 0 tokens, on average 11/4; "the" stands in two of them."""
    index = Bm25(CATS, k1=1.5, b=0.75)
    assert index.idf["the"] == pytest.approx(math.log(1 + 2.5 / 2.5))
    assert index.idf["bird"] == pytest.approx(math.log(1 + 3.5 / 1.5))
    short, long = (1.5 * (0.25 + 0.75 * L / 2.75) for L in (3, 6))
    expected = [2.5 * 1 / (1 + short), 2.5 * 2 / (2 + long), 0, 0]
    assert index.scores(["the"]) == pytest.approx(math.log(2) * np.array(expected))
    assert index.nearest(["the"], 2).tolist() == [1, 0]
    assert np.diff(index.scores(["cat"])[:2]) < 0  # once in a short one counts more …
    assert np.diff(Bm25(CATS, b=0).scores(["cat"])[:2]) == 0  # … unless length is free
    assert Bm25(CATS, k1=0).scores(["the"]) == pytest.approx(math.log(2) * np.array([1, 1, 0, 0]))


def test_a_word_of_mean_length_and_once_counts_its_weight_alone():
    index = Bm25([["a", "b"], ["b", "c"]])
    assert index.scores(["a"]) == pytest.approx([math.log(1 + 1.5 / 1.5), 0])


word = st.sampled_from("abcdefgh")
documents = st.lists(st.lists(word, max_size=9), min_size=1, max_size=9)


@given(documents, st.lists(word, max_size=6), st.floats(0.01, 3), st.floats(0, 0.99))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_beside_rank_bm25(texts, query, k1, b):
    """Its weights of words differ, since it has no 1 and a floor: it gets those of the formula."""
    if not any(texts):
        return  # it divides by the mean length, and for b = 1 by that of each document
    theirs = rank_bm25.BM25Okapi(texts, k1=k1, b=b)
    for w in theirs.idf:
        n = sum(w in text for text in texts)
        theirs.idf[w] = math.log((len(texts) + 1) / (n + 0.5))
    assert Bm25(texts, k1, b).scores(query) == pytest.approx(theirs.get_scores(query))


def test_order_beside_rank_bm25_with_its_own_weights():
    """A query of one word that is in less than half of the documents: the same order."""
    rng = np.random.default_rng(0)
    texts = [rng.integers(0, 40, rng.integers(1, 15)).tolist() for _ in range(61)]
    ours, theirs = Bm25(texts), rank_bm25.BM25Okapi(texts)
    for w in range(40):
        expected = np.argsort(-theirs.get_scores([w]), kind="stable")
        assert ours.nearest([w], 61).tolist() == expected.tolist()


@given(documents, st.lists(word, max_size=6), st.integers(1, 12))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_invariants(texts, query, k):
    """Scores of words add up; none is below 0, and only a document with a word of the query is
    above; the order of documents does not matter; nearest is a sort."""
    index = Bm25(texts)
    scores = index.scores(query)
    assert scores == pytest.approx(sum((index.scores([w]) for w in query), np.zeros(len(texts))))
    assert ((scores > 0) == [bool(set(text) & set(query)) for text in texts]).all()
    assert Bm25(texts[::-1]).scores(query) == pytest.approx(scores[::-1])
    expected = sorted(range(len(texts)), key=lambda i: (-scores[i], i))[:k]
    assert index.nearest(query, k).tolist() == expected


def test_what_is_missing():
    """No query, unknown words, empty documents, also nothing but empty ones: zeros, in order."""
    index = Bm25(CATS)
    for query in ([], ["fish"], ["fish", ""]):
        assert index.scores(query).tolist() == [0, 0, 0, 0]
        assert index.nearest(query, 9).tolist() == [0, 1, 2, 3]
    assert index.scores(["cat", "fish"]).tolist() == index.scores(["cat"]).tolist()
    assert Bm25([[], []]).scores(["cat"]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: Bm25([]), ValueError, "documents is empty"),
        (lambda: Bm25(["the cat"]), TypeError, "a document is one string, 'the cat'"),
        (lambda: Bm25(CATS, k1=-1), ValueError, "k1 = -1"),
        (lambda: Bm25(CATS, k1=math.nan), ValueError, "k1 = nan"),
        (lambda: Bm25(CATS, b=1.5), ValueError, "b = 1.5"),
        (lambda: Bm25(CATS).scores("cat"), TypeError, "query is one string, 'cat'"),
        (lambda: Bm25(CATS).nearest(["cat"], 0), ValueError, "k is 0"),
    ],
)
def test_errors_name_what_is_wrong(call, error, said):
    with pytest.raises(error, match=said):
        call()
