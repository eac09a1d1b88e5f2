"""CIDEr-D: by hand, and beside plain loops that follow the paper."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse import metrics

RED = [["a", "red", "dot"], ["red", "dots"]]
BLUE = [["a", "blue", "dot"]]


def test_single_words_by_hand():
    """ "a" and "dot" stand with both pictures and weigh log(2/2) = 0; the others log 2. So
    "a red red" has the weights (2,) of "red", beside (1,) and (1, 1): of 2 only 1 counts."""
    found = metrics.cider([RED, BLUE], [["a", "red", "red"], ["a", "dot"]], order=1)
    shares = [1 / (2 * 1), 1 / (2 * math.sqrt(2)) * math.exp(-1 / 72)]
    assert found.texts == pytest.approx([10 * sum(shares) / 2, 0])
    assert found.score == pytest.approx(10 * sum(shares) / 4)


def test_pairs_by_hand():
    """ "a red" is in one reference; its other pair, "red red", nobody wrote: rare, weight log 2."""
    found = metrics.cider([RED, BLUE], [["a", "red", "red"], ["blue", "dot"]], order=2)
    ones = [(0.5 + math.exp(-1 / 72) / 2 / math.sqrt(2)) / 2, math.exp(-1 / 72)]
    twos = [(1 / 2 + 0) / 2, 1 / math.sqrt(2) * math.exp(-1 / 72)]
    assert found.texts == pytest.approx(10 * (np.array(ones) + twos) / 2)


def test_a_reference_itself_gets_ten_and_length_costs():
    longer = list("abcdefgh")
    assert metrics.cider([[longer], BLUE], [longer, BLUE[0]], order=3).texts == pytest.approx(10)
    one, two = (metrics.cider([[longer], BLUE], [longer, ["a"]], 1, sigma).texts[0]
                for sigma in (0.1, 99))  # fmt: skip
    assert one == two == pytest.approx(10)
    short = [metrics.cider([[longer], BLUE], [longer[:5], ["a"]], 1, sigma).texts[0]
             for sigma in (1.5, 6.0)]  # fmt: skip
    assert short[0] / short[1] == pytest.approx(math.exp(-9 / 4.5 + 9 / 72))


def test_counts_may_come_from_other_pictures():
    """One picture alone has no rare words. In the corpus "a" and "dot" stand with all three
    pictures, "red" and "dots" with one."""
    with pytest.raises(ValueError, match=r"counted in 1 pictures; expected two or more"):
        metrics.cider([RED], [["a", "red"]])
    found = metrics.cider([RED], [["a", "red"]], 1, corpus=[RED, BLUE, BLUE])
    assert found.score == pytest.approx(10 * (math.exp(-1 / 72) + 1 / math.sqrt(2)) / 2)


def slow(references, found, order, sigma, corpus):
    """The paper's sums, n-gram by n-gram, over lists alone."""

    def cut(tokens, n):
        return [tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1)]

    def weight(gram, tokens, n):
        pictures = sum(any(gram in cut(s, n) for s in some) for some in corpus)
        return cut(tokens, n).count(gram) * math.log(len(corpus) / max(1, pictures))

    scores = []
    for text, some in zip(found, references, strict=True):
        total = 0.0
        for n in range(1, order + 1):
            for s in some:
                grams = sorted(set(cut(text, n)) | set(cut(s, n)))
                c = [weight(g, text, n) for g in grams]
                r = [weight(g, s, n) for g in grams]
                norms = math.sqrt(sum(x * x for x in c)) * math.sqrt(sum(x * x for x in r))
                if norms > 0:
                    top = sum(min(x, y) * y for x, y in zip(c, r, strict=True))
                    far = len(text) - len(s)
                    total += top / norms * math.exp(-far * far / (2 * sigma * sigma)) / len(some)
        scores.append(10 * total / order)
    return scores


sentence = st.lists(st.sampled_from("abcd"), max_size=7)
pictures = st.lists(st.tuples(sentence, st.lists(sentence, min_size=1, max_size=3)), min_size=2,
                    max_size=4)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(pictures, st.integers(1, 4), st.floats(0.5, 9), st.booleans())
def test_equals_plain_loops(some, order, sigma, other):
    found, references = zip(*some, strict=True)
    corpus = [[["a", "b"], ["c"]], [["b"]], [[]]] if other else None
    got = metrics.cider(references, found, order, sigma, corpus)
    expected = slow(references, found, order, sigma, corpus or references)
    np.testing.assert_allclose(got.texts, expected, atol=1e-12)
    assert got.score == pytest.approx(np.mean(expected), abs=1e-12)
    assert (got.texts >= 0).all()
    assert (got.texts <= 10 + 1e-12).all()


def test_bad_input_is_named():
    with pytest.raises(TypeError, match=r"found\[0\] is 'a dot'; expected a list of tokens"):
        metrics.cider([RED, BLUE], ["a dot", ["a"]])
    with pytest.raises(TypeError, match=r"references\[1\]\[0\] is 'a'; expected a list of tokens"):
        metrics.cider([RED, ["a"]], [["a"], ["a"]])
    with pytest.raises(ValueError, match="2 references and 1 found texts"):
        metrics.cider([RED, BLUE], [["a"]])
    with pytest.raises(ValueError, match=r"references\[1\] is empty"):
        metrics.cider([RED, []], [["a"], ["a"]])
    for sigma in (0, -1, math.nan):
        with pytest.raises(ValueError, match=r"sigma is .*; expected a number above 0"):
            metrics.cider([RED, BLUE], [["a"], ["b"]], sigma=sigma)
    with pytest.raises(ValueError, match="order"):
        metrics.cider([RED, BLUE], [["a"], ["b"]], order=0)
