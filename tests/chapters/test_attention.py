"""Attention: the chapter's hand calculations, its intervention, and what it says of the record."""

import math

import numpy as np
import pytest

from rnncourse import data
from rnncourse.nn import attention

HS = np.array([[[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]])
S = np.array([[0.5, 1.0]])


def weights_by_hand(scores):
    powers = [math.exp(e) for e in scores]
    return [p / sum(powers) for p in powers]


def test_weights_and_context_by_hand():
    """Scores 0.5, 2 and 1.5, in plain floats: the digits of the page, and the package's own."""
    powers = [math.exp(e) for e in (0.5, 2, 1.5)]
    assert [round(v, 3) for v in (*powers, sum(powers))] == [1.649, 7.389, 4.482, 13.519]
    a, b, c = weights_by_hand((0.5, 2, 1.5))
    assert [round(v, 3) for v in (a, b, c, a + c, 2 * b + c)] == [0.122, 0.547, 0.331, 0.453, 1.425]
    context, cache = attention.attention_forward("dot", S, HS, {})
    assert cache.weights[0, 0].tolist() == pytest.approx([a, b, c])
    assert context[0].tolist() == pytest.approx([a + c, 2 * b + c])


def test_mask_by_hand():
    """Without step 3: before the softmax the rest share everything; after it a third is missing."""
    a, b = weights_by_hand((0.5, 2))
    assert round(math.exp(0.5) + math.exp(2), 3) == 9.038
    assert [round(v, 3) for v in (a, b, 2 * b)] == [0.182, 0.818, 1.635]
    context, cache = attention.attention_forward("dot", S, HS, {}, np.array([[1, 1, 0]]))
    assert cache.weights[0, 0].tolist() == pytest.approx([a, b, 0])
    assert context[0].tolist() == pytest.approx([a, 2 * b])
    late = weights_by_hand((0.5, 2, 1.5))
    assert round(late[0] + late[1], 3) == 0.669


def test_additive_by_hand():
    """A = 1: the query's part 1.5, the keys' parts 1, -2 and 0, and v = 2."""
    scores = [2 * math.tanh(1.5 + part) for part in (1, -2, 0)]
    assert [round(v, 3) for v in scores] == [1.973, -0.924, 1.810]
    params = {"W_q": np.array([[1.0], [1.0]]), "W_k": np.array([[1.0], [-1.0]]),
              "b": np.zeros(1), "v": np.array([2.0])}  # fmt: skip
    _, cache = attention.attention_forward("additive", S, HS, params)
    assert cache.weights[0, 0].tolist() == pytest.approx(weights_by_hand(scores))
    assert cache.weights[0, 0].round(3).tolist() == [0.525, 0.029, 0.446]


def test_backward_by_hand():
    """dc = (1, 0): the page's gradients of the scores, the query and h_2, in plain floats."""
    a, b, c = weights_by_hand((0.5, 2, 1.5))
    mean = a + c
    de = [a * (1 - mean), b * (0 - mean), c * (1 - mean)]
    assert [round(v, 3) for v in de] == [0.067, -0.248, 0.181]
    ds = [de[0] + de[2], 2 * de[1] + de[2]]
    dh_2 = [b + 0.5 * de[1], de[1]]
    assert [round(v, 3) for v in (*ds, *dh_2)] == [0.248, -0.314, 0.423, -0.248]
    _, cache = attention.attention_forward("dot", S, HS, {})
    (dqueries, dkeys, _), _ = attention.attention_backward(np.array([[1.0, 0.0]]), cache, {})
    assert dqueries[0].tolist() == pytest.approx(ds)
    assert dkeys[0, 1].tolist() == pytest.approx(dh_2)


def test_what_is_added_to_all_scores_changes_nothing():
    """The quiz's first question, and the clinic's third mistake."""
    scores = np.random.default_rng(0).standard_normal((2, 3, 5))
    np.testing.assert_allclose(
        attention.masked_softmax(scores + 5), attention.masked_softmax(scores), rtol=1e-12
    )


def test_text_about_the_record():
    """The percentages that the page states of lengths and dates."""
    recorded = data.recorded("real_seq2seq")

    def strings(name, T):
        return recorded["strings"][name]["exact"][str(T)]["values"]

    told = {(name, T): round(100 * np.mean(strings(name, T)))
            for name in ("fixed vector", "additive", "scaled dot") for T in (12, 15)}  # fmt: skip
    assert told["fixed vector", 12] == 10
    assert [told["scaled dot", T] for T in (12, 15)] == [93, 5]
    assert [told["additive", T] for T in (12, 15)] == [98, 71]
    assert [round(100 * f(strings("additive", 15))) for f in (min, max)] == [51, 82]
    assert max(np.mean(strings(name, 18)) for name in ("additive", "scaled dot")) < 0.15
    dates = {name: np.mean(recorded["dates"][name]["exact"]["values"])
             for name in ("fixed vector", "additive", "scaled dot")}  # fmt: skip
    assert round(100 * dates["fixed vector"]) == 78
    assert min(dates["additive"], dates["scaled dot"]) > 0.99
