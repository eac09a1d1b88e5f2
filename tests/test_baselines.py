"""rnncourse.baselines: n-grams by hand and as distributions; forecasts beside statsmodels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.baselines import WittenBell, autoregression, persistence, seasonal_naive

quick = settings(derandomize=True, deadline=None, max_examples=40)


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


@quick
@given(
    st.lists(st.lists(st.integers(0, 4), max_size=25), min_size=1, max_size=3),
    st.integers(1, 5),
    st.lists(st.integers(0, 4), max_size=6),
)
def test_every_context_has_a_distribution(texts, n, context):
    """Sums to one, no zeros, and both ways of asking agree."""
    model = WittenBell(n, 5).fit(texts)
    p = model.probabilities(context)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert (p > 0).all()
    for token in range(5):
        log_p = model.log_probabilities([*context, token])[-1]
        assert log_p == pytest.approx(np.log(p[token]), abs=1e-12)


def test_only_the_last_tokens_count():
    model = WittenBell(3, 4).fit([np.random.default_rng(0).integers(0, 4, 500)])
    a, b = model.probabilities([0, 1, 2, 3]), model.probabilities([3, 3, 2, 3])
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, model.probabilities([1, 3]))


def test_contexts_end_with_their_sequence():
    """Two texts: no pair spans them; fitted one after the other they give the same counts."""
    both = WittenBell(2, 3).fit([[0, 1], [2, 0]])
    np.testing.assert_allclose(both.probabilities([1]), both.probabilities())
    later = WittenBell(2, 3).fit([[0, 1]]).fit([[2, 0]])
    for context in ([], [0], [1], [2]):
        np.testing.assert_array_equal(both.probabilities(context), later.probabilities(context))


def test_nothing_fitted_is_uniform():
    np.testing.assert_allclose(WittenBell(3, 7).probabilities([1, 2]), 1 / 7)
    assert WittenBell(3, 7).log_probabilities([]).shape == (0,)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: WittenBell(0, 3), "n = 0"),
        (lambda: WittenBell(2, 3).fit([[0, 3]]), r"0\.\.3; V = 3 allows 0\.\.2"),
        (lambda: WittenBell(2, 3).fit([0, 1]), r"shape \(\)"),
        (lambda: WittenBell(2, 3).fit(["ab"]), "expected token numbers"),
        (lambda: WittenBell(2, 3).probabilities([-1]), "allows"),
        (lambda: WittenBell(2, 3).log_probabilities([0.5]), "float64"),
    ],
)
def test_bad_tokens_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


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
