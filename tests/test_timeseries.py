"""rnncourse.timeseries: nothing looks ahead; losses and errors by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss
from sklearn.preprocessing import StandardScaler

from rnncourse import data, timeseries
from rnncourse.baselines import persistence
from rnncourse.gradcheck import numeric_gradient

nan = np.nan


def test_gaps_are_straight_lines():
    filled, real = timeseries.fill_gaps([nan, 1, nan, nan, 4, nan])
    np.testing.assert_allclose(filled, [1, 1, 2, 3, 4, 4])
    assert real.tolist() == [0, 1, 0, 0, 1, 0]


def test_the_scaler_equals_scikit_learn():
    """Columns of very different size; a constant one becomes 0, as there; and back again."""
    past = np.random.default_rng(0).normal([1, -5, 1e6], [2, 1e-3, 1e4], (40, 3))
    past = np.column_stack([past, np.full(40, 0.1)])
    mine = timeseries.scaler(past)
    np.testing.assert_allclose(mine.apply(past), StandardScaler().fit_transform(past), atol=1e-8)
    assert (np.abs(mine.apply(past)[:, 3]) < 1e-12).all()
    np.testing.assert_allclose(mine.invert(mine.apply(past)), past, rtol=1e-12)
    one = timeseries.scaler(past[:, 0])
    np.testing.assert_allclose(one.apply(past[:, 0]), mine.apply(past)[:, 0])


def test_windows_by_hand():
    inputs, targets = timeseries.windows(np.arange(6), 3, 2)
    assert inputs.tolist() == [[0, 1, 2], [1, 2, 3]]
    assert targets.tolist() == [[3, 4], [4, 5]]
    series = np.arange(14).reshape(7, 2)
    inputs, targets = timeseries.windows(series, 4)
    assert inputs.shape == (3, 4, 2)
    assert targets.shape == (3, 1, 2)
    assert (inputs[1] == series[1:5]).all()
    assert (targets[1, 0] == series[5]).all()


def test_windows_are_copies():
    series = np.zeros(9)
    inputs, _ = timeseries.windows(series, 3)
    inputs[0, 1] = 5
    assert inputs[1, 0] == 0
    assert (series == 0).all()


def test_walk_forward_shows_the_past_alone():
    """Each origin in turn; a forecaster that writes into its history harms nobody."""
    seen = []

    def forecast(history, horizon):
        seen.append(history.tolist())
        history[:] = -1
        return np.full(horizon, seen[-1][-1])

    made, true = timeseries.walk_forward(np.arange(7.0), 3, 2, forecast, every=2)
    assert seen == [[0, 1, 2], [0, 1, 2, 3, 4]]
    assert made.tolist() == [[2, 2], [4, 4]]
    assert true.tolist() == [[3, 4], [5, 6]]


def test_quantile_loss_equals_scikit_learn():
    rng = np.random.default_rng(1)
    outputs, targets, q = rng.normal(size=(5, 3, 2)), rng.normal(size=(5, 3)), [0.1, 0.7]
    loss, _ = timeseries.quantile_loss(outputs, targets, q)
    theirs = [mean_pinball_loss(targets.ravel(), outputs[..., k].ravel(), alpha=a)
              for k, a in enumerate(q)]  # fmt: skip
    assert loss == pytest.approx(np.mean(theirs), rel=1e-12)


def test_quantile_loss_gradient():
    rng = np.random.default_rng(2)
    outputs, targets = rng.normal(size=(4, 3)), rng.normal(size=4)
    q = [0.05, 0.5, 0.9]
    _, slope = timeseries.quantile_loss(outputs, targets, q)
    numeric = numeric_gradient(lambda: timeseries.quantile_loss(outputs, targets, q)[0], outputs)
    np.testing.assert_allclose(slope, numeric, atol=1e-9)


def test_the_best_constant_is_the_quantile():
    targets = np.arange(1, 101.0)
    losses = [timeseries.quantile_loss(np.full((100, 1), c), targets, [0.9])[0]
              for c in range(1, 101)]  # fmt: skip
    assert 90 <= 1 + int(np.argmin(losses)) <= 91


def test_errors_by_hand():
    assert timeseries.coverage([0, 0, 0, 0], [1, 1, 1, 1], [0, 0.5, 1, 1.1]) == 0.75
    # The past moves by 2 a step on average; the forecast is off by 1.
    assert timeseries.mase([5.0, 5.0], [4.0, 6.0], [0, 1, 4]) == 0.5
    assert timeseries.mase([5.0], [6.0], [0, 0, 4, 2], period=2) == pytest.approx(1 / 3)


def test_the_conformal_margin_by_hand():
    """Nine targets around intervals [0, 1]: too narrow by 9 numbers; 10 · 0.8 = 8th smallest."""
    targets = np.array([0.5, 1.1, 1.2, -0.3, 1.4, -0.5, 1.6, -0.7, 1.8])
    lower, upper = np.zeros(9), np.ones(9)
    assert timeseries.conformal_margin(lower, upper, targets, 0.8) == pytest.approx(0.7)
    assert timeseries.conformal_margin(lower, upper, targets, 0.9) == pytest.approx(0.8)
    assert timeseries.conformal_margin(lower, upper, targets, 0.1) == pytest.approx(-0.5)
    two = [np.stack([a, a * 2], axis=1) for a in (lower, upper, targets)]
    np.testing.assert_allclose(timeseries.conformal_margin(*two, 0.8), [0.7, 1.4])


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_conformal_margin_keeps_its_promise(share):
    """Theory: over many draws, (N + 1) share of the new targets lie inside, rounded up."""
    rng = np.random.default_rng(3)
    N, inside = 19, []
    for _ in range(4000):
        targets, new = rng.exponential(size=N), rng.exponential()
        margin = timeseries.conformal_margin(np.zeros(N), np.full(N, 0.2), targets, share)
        inside.append(-margin <= new <= 0.2 + margin)
    expected = np.ceil((N + 1) * share) / (N + 1)
    assert np.mean(inside) == pytest.approx(expected, abs=0.02)


def test_a_random_walk_is_best_left_alone():
    """Theory: the error of persistence at step k has variance k, and none does better."""
    walks = data.random_walk(np.random.default_rng(0), 4000, 30)
    assert (walks[:, 0] == 0).all()
    errors = walks[:, 20:] - np.array([persistence(w[:20], 10) for w in walks])
    np.testing.assert_allclose(errors.var(axis=0), np.arange(1, 11), rtol=0.1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: timeseries.fill_gaps([nan, nan]), "0 values"),
        (lambda: timeseries.scaler([1, nan]), "1 gaps"),
        (lambda: timeseries.scaler([]), "shape"),
        (lambda: timeseries.windows(np.zeros(4), 3, 2), "at least 5 steps"),
        (lambda: timeseries.windows(np.zeros(4), 0), "length = 0"),
        (lambda: timeseries.walk_forward([1, nan, 2], 1, 1, persistence), "index 1"),
        (lambda: timeseries.walk_forward([1, 2], 2, 1, persistence), "first = 2"),
        (lambda: timeseries.walk_forward([1, 2, 3], 1, 2, lambda h, k: [1.0]), r"shape \(1,\)"),
        (lambda: timeseries.quantile_loss(np.zeros((3, 2)), np.zeros(3), [0.5]), "3, 1"),
        (lambda: timeseries.quantile_loss(np.zeros((3, 1)), np.zeros(3), [1.0]), "between"),
        (lambda: timeseries.coverage([0], [1, 1], [0, 0]), "one shape"),
        (lambda: timeseries.conformal_margin([0], [1, 1], [0, 0], 0.5), "one shape"),
        (lambda: timeseries.conformal_margin([0], [1], [0], 1.0), "share is 1.0"),
        (lambda: timeseries.conformal_margin([0] * 8, [1] * 8, [0] * 8, 0.9), "at least 9"),
        (lambda: timeseries.mase([1.0], [1.0], [3, 3, 3]), "never wrong"),
        (lambda: timeseries.mase([1.0, 2], [1.0], [3, 4]), "differ"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# --- the embedded series ---------------------------------------------------------------------


def test_sunspots_and_co2():
    """Known facts: 1957 was the strongest year; the air gained 50 ppm; 1964 has gaps."""
    years, spots = data.sunspots()
    assert (years[0], years[-1], len(spots)) == (1700, 2008, 309)
    assert years[spots.argmax()] == 1957
    months, ppm = data.co2()
    assert str(months[0]) == "1958-03"
    assert len(months) == len(ppm) == 526
    assert (np.diff(months) == np.timedelta64(1, "M")).all()
    assert 50 < ppm[-12:].mean() - ppm[9:21].mean() < 60
    assert np.isnan(ppm).sum() == 5


def test_without_statsmodels_the_error_says_what_to_do(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(data.DataError, match="pip install statsmodels"):
        data.sunspots()
