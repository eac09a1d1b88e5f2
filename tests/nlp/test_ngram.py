"""rnncourse.nlp.ngram: n-grams by hand and as distributions; forecasts beside statsmodels."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse import data
from rnncourse.nlp.ngram import KneserNey, WittenBell
from rnncourse.timeseries import autoregression, persistence, seasonal_naive

quick = settings(derandomize=True, deadline=None, max_examples=40)
both = pytest.mark.parametrize("kind", [WittenBell, KneserNey])


# --- Witten–Bell -----------------------------------------------------------------------------


def test_witten_bell_by_hand():
    """The text a b a c (0 1 0 2), V = 3, pairs.

    Single tokens: N = 4, R = 3, q = 1/3: a (2 + 1)/7, b (1 + 1)/7, c (1 + 1)/7.
    After a: N = 2, R = 2, followers b and c: p(b) = (1 + 2 · 2/7)/4 = 11/28,
    p(a) = (0 + 2 · 3/7)/4 = 6/28. After b: N = 1, R = 1: p(a) = (1 + 3/7)/2 = 5/7.
    """
    model = WittenBell(2, 3).fit([[0, 1, 0, 2]])
    np.testing.assert_allclose(model.probabilities(), [3 / 7, 2 / 7, 2 / 7])
    np.testing.assert_allclose(model.probabilities([0]), [6 / 28, 11 / 28, 11 / 28])
    assert model.probabilities([1])[0] == pytest.approx(5 / 7)
    # c was never followed by anything: the single tokens answer.
    np.testing.assert_allclose(model.probabilities([2]), model.probabilities())
    np.testing.assert_allclose(model.log_probabilities([0, 1]), np.log([3 / 7, 11 / 28]))


# --- modified Kneser–Ney ------------------------------------------------------------------------


def test_kneser_ney_by_hand():
    """abracadabra, V = 5, pairs; too little text for D, so 1/2, 1 and 3/2.

    Before a stood the beginning, r, c and d: 4. Before b and before c and before d only a,
    before r only b: 1 each. N = 8, S = 3/2 + 4/2 = 7/2, q = 1/5:
    p(a) = (4 - 3/2 + 7/10)/8 = 2/5, the others (1 - 1/2 + 7/10)/8 = 3/20.
    After a came b twice, c and d: N = 4, S = 1 + 1/2 + 1/2 = 2:
    p(b) = (2 - 1 + 2 · 3/20)/4, p(c) = p(d) = (1 - 1/2 + 3/10)/4, p(r) = (3/10)/4, p(a) = (4/5)/4.
    """
    model = KneserNey(2, 5).fit([["abcdr".index(c) for c in "abracadabra"]])
    np.testing.assert_allclose(model.discounts, [[0, 0.5, 1, 1.5]] * 2)
    np.testing.assert_allclose(model.probabilities(), [0.4, 0.15, 0.15, 0.15, 0.15])
    np.testing.assert_allclose(model.probabilities([0]), [0.2, 0.325, 0.2, 0.2, 0.075])
    # r was followed by a, twice: N = 2, S = 1.
    np.testing.assert_allclose(model.probabilities([4])[0], (2 - 1 + 0.4) / 2)
    np.testing.assert_allclose(model.log_probabilities([0, 1]), np.log([0.4, 0.325]))


def test_discounts_by_hand():
    """Single tokens counted 1, 1, 1, 2, 2, 3, 4: n = 3, 2, 1, 1, so Y = 3/7.

    D_1 = 1 - 2/7 · 2 = 3/7, D_2 = 2 - 9/7 · 1/2 = 19/14, D_3 = 3 - 12/7 = 9/7.
    """
    text = [0, 1, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6]
    model = KneserNey(1, 8).fit([text])
    np.testing.assert_allclose(model.discounts, [[0, 3 / 7, 19 / 14, 9 / 7]])
    S = 3 * 3 / 7 + 2 * 19 / 14 + 2 * 9 / 7
    p = model.probabilities()
    np.testing.assert_allclose(
        p[[0, 3, 5, 6, 7]] * 14, np.array([4 / 7, 9 / 14, 12 / 7, 19 / 7, 0]) + S / 8
    )


@pytest.mark.parametrize(
    "counts",
    [
        [1, 1, 2, 3],  # nothing counted four times
        [2, 3, 4, 5],  # nothing counted once
        [*[1] * 4, 2, *[3] * 9, 4],  # D_2 would be below 0
    ],
)
def test_discounts_where_the_counts_of_counts_give_none(counts):
    text = [token for token, count in enumerate(counts) for _ in range(count)]
    model = KneserNey(1, 30).fit([text])
    np.testing.assert_allclose(model.discounts, [[0, 0.5, 1, 1.5]])
    assert model.probabilities().min() > 0


def slow_kneser_ney(texts, n, V, context, token):
    """Chen and Goodman's equations, exactly, from lists of all pieces of the texts."""
    k = min(n - 1, len(context))
    p = Fraction(1, V)
    for length in range(k + 1):
        tail = tuple(context[len(context) - length :])
        pieces = []  # of length + 1 tokens, each with what stood before it; None: the beginning
        for text in texts:
            for t in range(length, len(text)):
                before = text[t - length - 1] if t > length else None
                pieces.append((before, tuple(text[t - length : t + 1])))
        if length < n - 1:
            pieces = set(pieces)
        counts = Counter(piece for _, piece in pieces)
        n1, n2, n3, n4 = (sum(c == i for c in counts.values()) for i in (1, 2, 3, 4))
        D = [Fraction(1, 2), Fraction(1), Fraction(3, 2)]
        if n1 * n2 * n3 * n4:
            Y = Fraction(n1, n1 + 2 * n2)
            found = [1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3]
            D = found if min(found) > 0 else D
        here = {piece[-1]: c for piece, c in counts.items() if piece[:-1] == tail}
        if not here:
            break
        N, gamma = sum(here.values()), sum(D[min(c, 3) - 1] for c in here.values())
        kept = here[token] - D[min(here[token], 3) - 1] if token in here else 0
        p = (kept + gamma * p) / N
    return p


@pytest.mark.parametrize(("seed", "n"), [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6)])
def test_kneser_ney_equals_a_slow_one(seed, n):
    """Texts of odd lengths, skewed tokens, contexts seen and unseen, longer than n and empty."""
    rng = np.random.default_rng(seed)
    V = 7
    texts = [rng.choice(V - 1, size, p=[0.4, 0.25, 0.15, 0.1, 0.06, 0.04]).tolist()
             for size in (83, 1, 0, 41)]  # fmt: skip
    model = KneserNey(n, V).fit(texts[:2]).fit(texts[2:])  # counts add up
    for length in (0, 1, 2, 3, 5, 9):
        context = rng.choice(V, length, p=[0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.02]).tolist()
        p = model.probabilities(context)
        expected = [float(slow_kneser_ney(texts, n, V, context, token)) for token in range(V)]
        np.testing.assert_allclose(p, expected, rtol=1e-12)


def test_some_of_those_discounts_were_estimated():
    """Else the slow one would only have checked the fallback."""
    rng = np.random.default_rng(3)
    text = rng.choice(6, 83, p=[0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
    D = KneserNey(4, 7).fit([text]).discounts
    assert (D[:, 1] != 0.5).any()


def test_asking_and_then_counting_on():
    """A question between two calls of fit leaves no trace."""
    texts = np.random.default_rng(5).integers(0, 4, (2, 60))
    asked = KneserNey(3, 4).fit(texts[:1])
    asked.probabilities([1, 2])
    asked.fit(texts[1:])
    both = KneserNey(3, 4).fit(texts)
    np.testing.assert_array_equal(asked.probabilities([1, 2]), both.probabilities([1, 2]))


def test_different_tokens_before_count_not_how_often():
    """ "San Francisco": one token is frequent after one other; elsewhere it is improbable."""
    text = [*[0, 1] * 20, *[2, 5, 3, 5, 4, 5]]  # 1 often, but only after 0; 5 after three others
    counted, by_kinds = (kind(2, 7).fit([text]) for kind in (WittenBell, KneserNey))
    assert counted.probabilities([6])[1] > counted.probabilities([6])[5]
    assert by_kinds.probabilities([6])[5] > by_kinds.probabilities([6])[1]


def test_kneser_ney_predicts_new_text_better():
    """Paragraphs of the course held out; longer contexts still help where Witten–Bell turns."""
    paragraphs = data.load("course_prose", language="en")
    number = {c: k for k, c in enumerate(sorted(set("".join(paragraphs))))}
    ids = [np.array([number[c] for c in paragraph]) for paragraph in paragraphs]
    cost = {}
    for kind in (WittenBell, KneserNey):
        for n in (4, 6):
            model = kind(n, len(number)).fit(ids[:250])
            cost[kind, n] = -np.mean([model.log_probabilities(i).mean() for i in ids[250:290]])
    assert np.exp(cost[KneserNey, 4] - cost[WittenBell, 4]) < 0.98
    assert np.exp(cost[KneserNey, 6] - cost[WittenBell, 6]) < 0.9
    assert cost[KneserNey, 6] < cost[KneserNey, 4]


# --- both ---------------------------------------------------------------------------------------


@both
@quick
@given(
    st.lists(st.lists(st.integers(0, 4), max_size=25), min_size=1, max_size=3),
    st.integers(1, 5),
    st.lists(st.integers(0, 4), max_size=6),
)
def test_every_context_has_a_distribution(kind, texts, n, context):
    """Sums to one, no zeros, and both ways of asking agree."""
    model = kind(n, 5).fit(texts)
    p = model.probabilities(context)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert (p > 0).all()
    for token in range(5):
        log_p = model.log_probabilities([*context, token])[-1]
        assert log_p == pytest.approx(np.log(p[token]), abs=1e-12)


@both
def test_only_the_last_tokens_count(kind):
    model = kind(3, 4).fit([np.random.default_rng(0).integers(0, 4, 500)])
    a, b = model.probabilities([0, 1, 2, 3]), model.probabilities([3, 3, 2, 3])
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, model.probabilities([1, 3]))


@both
def test_contexts_end_with_their_sequence(kind):
    """Two texts: no pair spans them; fitted one after the other they give the same counts."""
    together = kind(2, 3).fit([[0, 1], [2, 0]])
    np.testing.assert_allclose(together.probabilities([1]), together.probabilities())
    later = kind(2, 3).fit([[0, 1]]).fit([[2, 0]])
    for context in ([], [0], [1], [2]):
        np.testing.assert_array_equal(together.probabilities(context), later.probabilities(context))


@both
def test_nothing_fitted_is_uniform(kind):
    np.testing.assert_allclose(kind(3, 7).probabilities([1, 2]), 1 / 7)
    assert kind(3, 7).log_probabilities([]).shape == (0,)


@both
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda kind: kind(0, 3), "n is 0"),
        (lambda kind: kind(2, 3).fit([[0, 3]]), r"0\.\.3; V = 3 allows 0\.\.2"),
        (lambda kind: kind(2, 3).fit([0, 1]), r"shape \(\)"),
        (lambda kind: kind(2, 3).fit(["ab"]), "expected token numbers"),
        (lambda kind: kind(2, 3).probabilities([-1]), "allows"),
        (lambda kind: kind(2, 3).log_probabilities([0.5]), "float64"),
    ],
)
def test_bad_tokens_are_named(kind, call, words):
    with pytest.raises(ValueError, match=words):
        call(kind)


# --- series ------------------------------------------------------------------------------------


def test_naive_forecasts_by_hand():
    assert persistence([3, 1, 4], 3).tolist() == [4, 4, 4]
    assert seasonal_naive([9, 1, 2, 3], 5, 3).tolist() == [1, 2, 3, 1, 2]
    assert seasonal_naive([9, 1, 2, 3], 2, 3).tolist() == [1, 2]


@pytest.mark.parametrize("lags", [1, 3, 12])
def test_autoregression_equals_statsmodels(lags):
    """The same least squares and the same forecasts on a series far from zero."""
    models = pytest.importorskip("statsmodels.tsa.ar_model")
    series = 1000 + np.random.default_rng(lags).normal(size=90).cumsum()
    fitted = models.AutoReg(series, lags).fit()
    mine = autoregression(series, lags)
    np.testing.assert_allclose([mine.b, *mine.w], fitted.params, rtol=1e-6)
    np.testing.assert_allclose(mine.forecast(series, 7), fitted.forecast(7), rtol=1e-9)


def test_autoregression_finds_its_own_weights():
    """Fibonacci: each value is the sum of the two before."""
    series = [1, 1, 2, 3, 5, 8, 13]
    found = autoregression(series, 2)
    np.testing.assert_allclose(found.w, [1, 1], atol=1e-10)
    np.testing.assert_allclose(found.forecast(series, 3), [21, 34, 55], rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, 7.25, -1e6])
def test_a_constant_series_stays(value):
    found = autoregression(np.full(20, value), 3)
    np.testing.assert_allclose(found.forecast(np.full(9, value), 4), value, rtol=1e-12)


def test_the_forecast_does_not_write_into_the_history():
    history = np.arange(9.0)
    autoregression(history, 2).forecast(history, 5)
    assert (history == np.arange(9)).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: persistence([], 2), "shape"),
        (lambda: persistence([1, np.nan, 2], 2), "1 gaps .* index 1"),
        (lambda: persistence([1.0], 0), "horizon = 0"),
        (lambda: seasonal_naive([1, 2], 3, 4), "T >= 4"),
        (lambda: seasonal_naive([1, 2], 3, 0), "period = 0"),
        (lambda: autoregression([1, 2, 3, 4], 2), "T >= 5"),
        (lambda: autoregression([1, 2, 3, 4], 0), "lags = 0"),
        (lambda: autoregression(np.arange(9), 2).forecast([1], 1), "T >= 2"),
        (lambda: autoregression(np.ones((9, 2)), 2), r"shape \(9, 2\)"),
    ],
)
def test_bad_series_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
