"""rnncourse.timeseries: nothing looks ahead; losses and errors by hand and against scikit-learn."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts import load
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_pinball_loss
from sklearn.preprocessing import StandardScaler

from rnncourse import data, metrics, timeseries
from rnncourse.data.series import co2, random_walk, sunspots
from rnncourse.nn.gradcheck import numeric_gradient
from rnncourse.timeseries import autoregression, harmonic_regression, persistence

nan = np.nan
ROOT = Path(__file__).resolve().parents[2]
quick = settings(derandomize=True, deadline=None, max_examples=40)


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


@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1e-15, 1.0, 1e150, 1e300])
def test_the_scaler_knows_no_unit(unit):
    """The same numbers in any unit: the same scaled values, a constant stays a constant."""
    past = np.column_stack([np.random.default_rng(0).normal(3, 2, 50), np.full(50, 0.7)])
    found, expected = timeseries.scaler(unit * past), timeseries.scaler(past)
    np.testing.assert_allclose(found.mean, unit * expected.mean, rtol=1e-13)
    np.testing.assert_allclose(found.scale, expected.scale * [unit, 1], rtol=1e-13)
    assert expected.scale[1] == 1
    np.testing.assert_allclose(found.apply(unit * past), expected.apply(past), atol=1e-12)
    np.testing.assert_array_equal(found.apply(unit * past)[:, 1], 0)


def test_what_varies_by_rounding_alone_is_constant():
    """0.1 + 0.2 and 0.3 differ in the last digit; 1e6 + 1e-6 and 1e6 do differ."""
    assert timeseries.scaler([0.1 + 0.2, 0.3, 0.3]).scale == 1
    assert timeseries.scaler(np.zeros(5)).scale == 1
    assert timeseries.scaler([1e6, 1e6 + 1e-6]).scale == pytest.approx(5e-7, rel=1e-3)
    assert timeseries.scaler([-1e-15, 1e-15]).scale == pytest.approx(1e-15)
    one = timeseries.scaler([[7, 2]])  # one row of integers
    assert (one.mean.tolist(), one.scale.tolist()) == ([7, 2], [1, 1])


def test_a_scaler_has_its_columns():
    """(T, 1) would broadcast to three columns without a word."""
    three = timeseries.scaler(np.arange(12.0).reshape(4, 3))
    for wrong in (np.zeros((4, 1)), np.zeros(4), 1.0):
        with pytest.raises(ValueError, match=r"fitted to columns and needs \(..., 3\)"):
            three.apply(wrong)
        with pytest.raises(ValueError, match=r"fitted to columns and needs \(..., 3\)"):
            three.invert(wrong)
    assert three.invert(np.zeros((2, 5, 3))).shape == (2, 5, 3)


def test_what_a_masked_array_hides_is_a_gap():
    """Filled as NaN is; where gaps are refused, refused with the same words."""
    series = np.ma.MaskedArray([0, 99, 2, 3], mask=[0, 1, 0, 0])
    filled, real = timeseries.fill_gaps(series)
    assert (filled.tolist(), real.tolist()) == ([0, 1, 2, 3], [1, 0, 1, 1])
    with pytest.raises(ValueError, match="1 gaps"):
        timeseries.scaler(series)
    with pytest.raises(ValueError, match=r"history has 1 gaps .* index 1; fill them first"):
        persistence(series, 1)
    with pytest.raises(ValueError, match="past has 1 gaps"):
        metrics.mase([1.0], [2.0], series)
    made, _ = timeseries.walk_forward([1.0, 2, 3], 2, 1, lambda h, k: np.ma.masked_all(k))
    assert np.isnan(made).all()


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


@quick
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 12))
def test_every_window_is_a_piece_of_the_series(length, horizon, more):
    """As many as the page says, each followed by its targets, none left out."""
    n = length + horizon + more
    inputs, targets = timeseries.windows(np.arange(n), length, horizon)
    assert len(inputs) == len(targets) == n - length - horizon + 1
    whole = np.concatenate([inputs, targets], axis=1)
    np.testing.assert_array_equal(whole, np.arange(len(whole))[:, None] + np.arange(whole.shape[1]))


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
    losses = [
        timeseries.quantile_loss(np.full((100, 1), c), targets, [0.9])[0] for c in range(1, 101)
    ]
    assert 90 <= 1 + int(np.argmin(losses)) <= 91


def test_errors_by_hand():
    assert metrics.coverage([0, 0, 0, 0], [1, 1, 1, 1], [0, 0.5, 1, 1.1]) == 0.75
    # The past moves by 2 a step on average; the forecast is off by 1.
    assert metrics.mase([5.0, 5.0], [4.0, 6.0], [0, 1, 4]) == 0.5
    assert metrics.mase([5.0], [6.0], [0, 0, 4, 2], period=2) == pytest.approx(1 / 3)


def test_an_interval_without_an_end_and_one_without_room():
    """An infinite end covers that side; lower above upper is empty, so it covers nothing."""
    inf = np.inf
    assert metrics.coverage([-inf, 0, -inf, 3], [0, inf, inf, 1], [-9, 9, 0, 2]) == 0.75


@pytest.mark.parametrize("past", [
    np.tile([0.1, 0.7, 0.3], 5),
    np.sin(2 * np.pi * np.arange(36) / 3),  # a period of 3 but for rounding
])  # fmt: skip
def test_a_past_that_repeats_itself(past):
    """The naive forecast's error is nothing but rounding: no unit to measure errors in."""
    with pytest.raises(ValueError, match=r"repeats itself .*: the naive forecast is never wrong"):
        metrics.mase([1.0], [2.0], past, period=3)
    assert metrics.mase([1.0], [2.0], past, period=1) > 0


def test_the_quantile_loss_in_float16():
    """More outputs than float16 can count."""
    outputs = np.zeros((40_000, 2), np.float16)
    loss, slope = timeseries.quantile_loss(outputs, np.ones(40_000), [0.25, 0.75])
    assert loss == 0.5
    assert slope.dtype == np.float16
    np.testing.assert_allclose(
        slope, np.tile([-0.25 / 80_000, -0.75 / 80_000], (40_000, 1)), atol=6e-8
    )


def test_the_interval_score_by_hand():
    """Width 1; inside costs 1, 0.2 above 1 + 2 · 0.2 / 0.2 = 3, 0.1 below 1 + 2 · 0.1 / 0.2 = 2."""
    zeros, ones = np.zeros(3), np.ones(3)
    assert metrics.interval_score(zeros, ones, [0.5, 1.2, -0.1], 0.8) == pytest.approx(2)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_interval_score_is_two_quantile_losses(share):
    """Theory: 2 / (1 - share) times the sum of the losses at the two ends."""
    rng = np.random.default_rng(4)
    targets, middle = rng.normal(size=(2, 37))
    low, high = middle - rng.uniform(0, 2, 37), middle + rng.uniform(0, 1, 37)
    rest = 1 - share
    losses = [mean_pinball_loss(targets, end, alpha=q)
              for end, q in ((low, rest / 2), (high, 1 - rest / 2))]  # fmt: skip
    found = metrics.interval_score(low, high, targets, share)
    assert found == pytest.approx(sum(losses) * 2 / rest, rel=1e-12)


def test_waves_and_a_line_are_found_and_continued():
    """A period that is no whole number; no noise, so that the forecast is exact."""

    def value(t):
        angle = 2 * math.pi * t / 7.3
        return 3 + 0.1 * t + 2 * math.cos(angle) - math.sin(2 * angle)

    series = [value(t) for t in range(61)]
    found = harmonic_regression(series, 7.3, 2, 3, line=True)
    np.testing.assert_allclose([found.level, found.slope], [3, 0.1], atol=1e-9)
    np.testing.assert_allclose(found.waves, [[2, 0], [0, -1]], atol=1e-9)
    expected = [value(t) for t in range(40, 49)]
    np.testing.assert_allclose(found.forecast(series[:40], 9), expected, atol=1e-8)


@pytest.mark.parametrize("line", [False, True])
def test_harmonic_regression_equals_scikit_learn(line):
    """The waves by another least squares; then the AR of the rest, whatever the history's end."""
    series = 50 + np.random.default_rng(5).normal(size=83).cumsum()
    steps = np.arange(90)
    table = [[t * line] + [f(2 * math.pi * k * t / 11) for k in (1, 2, 3)
                           for f in (math.cos, math.sin)] for t in steps]  # fmt: skip
    theirs = LinearRegression().fit(table[:83], series)
    curve = theirs.predict(table)
    rest = autoregression(series - curve[:83], 2)
    found = harmonic_regression(series, 11, 3, 2, line=line)
    np.testing.assert_allclose(found.curve(steps), curve, rtol=1e-9)
    expected = curve[70:77] + rest.forecast(series[:70] - curve[:70], 7)
    np.testing.assert_allclose(found.forecast(series[:70], 7), expected, rtol=1e-8)


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
    walks = random_walk(np.random.default_rng(0), 4000, 30)
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
        (lambda: metrics.coverage([0], [1, 1], [0, 0]), "one shape"),
        (lambda: metrics.interval_score([0], [1, 1], [0, 0], 0.5), "one shape"),
        (lambda: metrics.interval_score([0], [1], [0], 1.0), "share is 1.0"),
        (lambda: harmonic_regression(np.zeros(20), 4, 3, 1), "waves = 3, period = 4"),
        (lambda: harmonic_regression(np.zeros(20), 24.5, 2, 1), "T >= 25"),
        (lambda: harmonic_regression([1, nan, 2, 4], 2, 1, 1), "1 gaps"),
        (lambda: timeseries.conformal_margin([0], [1, 1], [0, 0], 0.5), "one shape"),
        (lambda: timeseries.conformal_margin([0], [1], [0], 1.0), "share is 1.0"),
        (lambda: timeseries.conformal_margin([0] * 8, [1] * 8, [0] * 8, 0.9), "at least 9"),
        (lambda: metrics.mase([1.0], [1.0], [3, 3, 3]), "never wrong"),
        (lambda: metrics.mase([1.0, 2], [1.0], [3, 4]), "differ"),
        (lambda: metrics.mase([], [], [3, 4]), "hold nothing"),
        (lambda: metrics.mase([1.0], [2.0], [3, 4], 0), "period is 0; expected at least 1"),
        (lambda: metrics.mase([1.0], [2.0], [3, 4], -1), "period is -1"),
        (lambda: metrics.mase([1.0], [2.0], [3, 4], nan), "period is nan; expected a whole number"),
        (lambda: metrics.mase([1.0], [2.0], [3, 4], 1.0), "period is 1.0; expected a whole"),
        (lambda: metrics.mase([1.0], [2.0], [3, 4], 2), r"expected \(T,\) with T >= 3"),
        (lambda: metrics.mase([nan], [2.0], [3, 4]), "forecasts has 1 gaps"),
        (lambda: metrics.mase([1.0], [nan], [3, 4]), "targets has 1 gaps .* leave those steps out"),
        (lambda: metrics.coverage([0, 0], [1, 1], [0, nan]), "targets has 1 gaps .* index 1"),
        (lambda: metrics.coverage([0, nan], [1, 1], [0, 1]), "lower has 1 gaps"),
        (lambda: metrics.interval_score([0, 0], [nan, 1], [0, 1], 0.5), "upper has 1 gaps"),
        (lambda: metrics.interval_score([], [], [], 0.5), "at least one value"),
        (lambda: timeseries.conformal_margin([0] * 9, [1] * 9, [nan] * 9, 0.5), "9 gaps"),
        (lambda: timeseries.quantile_loss(np.zeros((1, 1)), [nan], [0.5]), "targets has 1 gaps"),
        (lambda: timeseries.quantile_loss(np.zeros((0, 1)), [], [0.5]), "nothing to average"),
        (lambda: harmonic_regression(np.zeros(20), np.inf, 2, 1), "period = inf"),
        (lambda: harmonic_regression(np.zeros(20), 4, 1.5, 1), "waves is 1.5; expected a whole"),
        (lambda: metrics.confusion([0, 1], [0, -1]), "answers have shape"),
        (lambda: metrics.confusion(1, 0), r"labels have shape \(\)"),
        (lambda: metrics.class_scores([[1, -1], [0, 2]]), "expected counts"),
        (lambda: metrics.class_scores([[nan]]), "expected counts"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# --- the embedded series ---------------------------------------------------------------------


def test_sunspots_and_co2():
    """Known facts: 1957 was the strongest year; the air gained 50 ppm; 1964 has gaps."""
    years, spots = sunspots()
    assert (years[0], years[-1], len(spots)) == (1700, 2008, 309)
    assert years[spots.argmax()] == 1957
    months, ppm = co2()
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
        sunspots()


# --- the recorded run ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run():
    """benchmarks/real/forecasts.py as a module."""
    return load("real/forecasts.py")


@pytest.fixture
def toy(run, monkeypatch):
    """A set of 60 steps in three columns, cut at 30 and 40, with windows of 5 steps."""
    table = np.random.default_rng(0).normal(size=(60, 3)).cumsum(axis=0)
    monkeypatch.setattr(run, "columns", lambda name: table)
    monkeypatch.setattr(run, "series", lambda name: (table[:, -1], lambda z: z))
    settings = {"L": 5, "H": 4, "rate": 0.01, "epochs": 2, "patience": 1, "N": 8}
    for what, value in [("SETTINGS", settings), ("CUTS", (30, 40, 60)), ("PERIOD", 4),
                        ("HORIZONS", (1, 2)), ("LAGS", (1, 2)), ("WAVES", (1, 2)),
                        ("ORDERS", [((1, 0, 1), None)])]:  # fmt: skip
        monkeypatch.setitem(getattr(run, what), "toy", value)
    return run, table


@pytest.mark.parametrize("source", ["level", "last", "season", "columns"])
def test_a_network_sees_the_past_alone(toy, source):
    """Targets plus what is added are the series; the future changes no input and no addition."""
    run, table = toy
    K = 3
    before = run.inputs("toy", K, source)
    truth = table[:, -1]
    for (_, targets, add), first, last in zip(before, (None, 30, 40), (30, 40, 60), strict=True):
        start = last - K + 1 - len(targets) if first is None else first
        expected = np.stack([truth[o : o + K] for o in range(start, last - K + 1)])
        np.testing.assert_allclose(targets + add, expected, atol=1e-5)
    table[43:] += 100  # origin 43 and those before it may not notice
    after = run.inputs("toy", K, source)
    for old, new in zip(before[:2], after[:2], strict=True):
        for a, b in zip(old, new, strict=True):
            np.testing.assert_array_equal(a, b)
    for k in (0, 2):  # windows and additions of origins 40 to 43
        np.testing.assert_array_equal(before[2][k][:4], after[2][k][:4])
    assert not np.allclose(before[2][0][4], after[2][0][4])


def test_baselines_and_networks_are_judged_on_the_same_steps(toy):
    run, table = toy
    z = table[:, -1]
    persistent = run.walk("toy", "test", 3, persistence)
    assert len(persistent) == len(run.origins("toy", "test", 3)) == 18
    np.testing.assert_array_equal(persistent[:, 0], z[39:57])
    row = run.errors("toy", persistent, 3)
    error = persistent - np.stack([z[o : o + 3] for o in range(40, 58)])
    assert row["mse"] == pytest.approx(np.square(error).mean(), abs=1e-4)
    assert row["mae"] == pytest.approx(np.abs(error).mean(), abs=1e-4)
    plain = run.plain_interval("toy", run.walker("toy", persistence), 2)
    assert 0 <= plain["coverage"] <= 1
    assert plain["width"] < plain["score"]
    found = run.baselines("toy")
    assert set(found) >= {"persistence", "seasonal, 4", "linear, 5 values", "ARIMA 101"}
    assert [name.split(", ")[0] for name in found][4] == "ETS"
    found = run.measure("toy", "LSTM", 2, "last", 0)
    assert found == run.measure("toy", "LSTM", 2, "last", 0) | {"seconds": found["seconds"]}
    band = run.intervals("toy", "GRU", 2, "last", 0)
    assert 0 <= band["coverage"] <= 1
    assert band["width"] < band["score"]


def test_no_baseline_sees_the_future(toy):
    """What comes later changes no forecast of the origins before it."""
    run, table = toy
    before = {name: method("test", 3) for name, method in run.methods("toy").items()}
    table[48:] += 7  # origin 48 and those before it may not notice
    after = {name: method("test", 3) for name, method in run.methods("toy").items()}
    for name, made in before.items():
        np.testing.assert_allclose(made[:9], after[name][:9], rtol=1e-9, err_msg=name)
        assert not np.allclose(made[9:], after[name][9:]), name


@pytest.mark.parametrize("kind", ["ARIMA", "ETS"])
def test_state_space_forecasts_are_statsmodels_own(toy, kind):
    """The state, moved on by hand, against the library's forecast from the series' end."""
    run, table = toy
    z = table[:, -1]

    def build(y):
        if kind == "ARIMA":
            return run.SARIMAX(y, order=(1, 1, 1), seasonal_order=(0, 1, 1, 4))
        return run.ExponentialSmoothing(
            y, trend=True, damped_trend=True, seasonal=4, initialization_method="heuristic"
        )

    made = run.state_space("toy", build, waves=0)("test", 5)
    fitted = build(z[:30]).fit(disp=False)
    for origin in (40, 47):
        theirs = fitted.apply(z[:origin]).forecast(5)
        np.testing.assert_allclose(made[origin - 40], theirs, rtol=1e-6)


def test_the_record_holds_what_the_page_says():
    """Every sentence under "What the tables say"."""
    record = data.recorded("real_forecasts")

    def value(name, method, horizon, key="mse"):
        found = record["sets"][name]
        found = (found["baselines"] | found["networks"])[method][str(horizon)][key]
        return found["mean"] if isinstance(found, dict) else found

    for p in record["published"]:
        for key in ("mse", "mae"):
            assert value("etth1", "persistence", p["horizon"], key) < p[key]
    etth1 = record["sets"]["etth1"]["parts"]
    assert etth1["test"]["mean"] < etth1["training"]["mean"] - 1
    assert etth1["test"]["move"] < etth1["training"]["move"]
    for hours in (24, 48, 96):
        same = value("etth1", "linear, 96 values", hours)
        assert value("etth1", "linear, 336 values", hours) < same
        for kind in ("GRU", "LSTM"):
            last = value("etth1", f"{kind}, last", hours)
            assert same < last < value("etth1", f"{kind}, columns", hours)
            assert value("etth1", f"{kind}, level", hours) > 2 * last

    def best(name, horizon):
        found = record["sets"][name]
        methods = found["baselines"] | found["networks"]
        return min(methods, key=lambda method: value(name, method, horizon, "mae"))

    assert best("airline", 1).startswith("AR,")
    assert best("airline", 12).startswith("ARIMA")
    assert best("temperatures", 1) == "2 waves, AR 7"
    assert best("temperatures", 7).startswith("ARIMA")
    for horizon in (1, 7):
        for network in record["sets"]["temperatures"]["networks"]:
            error = value("temperatures", network, horizon, "mae")
            assert value("temperatures", "2 waves, AR 7", horizon, "mae") < error
            for weak in ("seasonal, 365", "AR, 28 lags"):
                assert error < value("temperatures", weak, horizon, "mae")
    bands = record["intervals"]
    for key in ("coverage", "conformal_coverage"):
        assert bands["temperatures, 7"][key]["mean"] == pytest.approx(record["share"], abs=0.01)
        assert bands["etth1, 24"][key]["mean"] > record["share"] + 0.02
    for name, method, steps in [
        ("etth1", "linear, 96 values", "24"),
        ("temperatures", "2 waves, AR 7", "7"),
    ]:
        plain = record["sets"][name]["baselines"][method][steps]["score"]
        for key in ("score", "conformal_score"):
            assert plain < bands[f"{name}, {steps}"][key]["mean"]
    rows = [r for found in record["sets"].values() for r in found["networks"].values()]
    assert all(len(r[k]["mae"]["values"]) == 3 for r in rows for k in r)
