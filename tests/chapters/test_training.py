"""Making it learn: the page's hand values and limits, and what its exercises rest on.

The optimisers are compared with PyTorch's in test_optim.py, the loop in test_train.py.
"""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse import data
from rnncourse.grading.exercise import build, load, read_notebook
from rnncourse.nn import functional, gradcheck, layers, optim, train

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)


def exercise(number):
    """The reference function of one exercise, and its inputs from a seed."""
    path = ROOT / "solutions" / f"training_sol_0{number}.ipynb"
    found = load(read_notebook(path))
    return build(found, found.source), found.draw


# ---- what the page works out by hand -------------------------------------------


def test_two_steps_of_each_optimiser_by_plain_floats():
    """θ = 1, η = 0.1, gradients 2 and -1: the page's numbers, from the equations."""
    s1, s2 = 0.01 * 4, 0.99 * 0.01 * 4 + 0.01 * 1
    rms = [1 - 0.1 * 2 / math.sqrt(s1)]
    rms.append(rms[0] + 0.1 / math.sqrt(s2))
    m, s = 0.9 * 0.2 - 0.1, 0.999 * 0.004 + 0.001
    second = 0.1 * (m / (1 - 0.81)) / math.sqrt(s / (1 - 0.999**2))
    expected = {
        "sgd": [0.8, 0.9],
        "momentum": [0.8, 0.72],
        "rmsprop": rms,
        "adam": [0.9, 0.9 - second],
        "adamw": [0.899, 0.899 * 0.999 - second],
    }
    shown = {"rmsprop": [0, 0.449], "adam": [0.9, 0.873], "adamw": [0.899, 0.871]}
    for name, values in expected.items():
        init, step = optim.OPTIMIZERS[name]
        params, found = {"θ": np.ones(1)}, []
        state = init(params)
        for g in (2.0, -1.0):
            step(params, {"θ": np.array([g])}, state, 0.1)
            found.append(params["θ"][0])
        np.testing.assert_allclose(found, values, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(found, shown.get(name, values), atol=5e-4, err_msg=name)


def test_the_loss_by_hand():
    """Scores (ln 3, 0), first class right: ln 4/3, gradient (-1/4, 1/4)."""
    loss, slope = functional.cross_entropy(np.array([math.log(3), 0]), np.array(0))
    assert loss == pytest.approx(0.2877, abs=1e-4)
    np.testing.assert_allclose(slope, [-0.25, 0.25], atol=1e-12)


def test_extreme_scores_have_a_loss_and_a_gradient():
    """±1e4, right and wrong; the two-class loss from one score says the same."""
    logits = np.array([1e4, -1e4])
    for y, expected in ((0, 0.0), (1, 2e4)):
        loss, slope = functional.cross_entropy(logits, np.array(y))
        assert loss == expected
        np.testing.assert_array_equal(slope, [y, -y])
        one, _ = functional.binary_cross_entropy(np.array([2e4]), np.array([1 - y]))
        assert one == expected


@pytest.mark.parametrize(("rate", "grows"), [(0.066, False), (0.067, True)])
def test_gradient_descent_has_a_cliff_at_two_over_the_steepness(rate, grows):
    """L = 30 b² / 2: after k steps b is (1 - 30 η)^k times the start."""
    place = np.array([1.0])
    for _ in range(40):
        optim.sgd_step(place, 30 * place, {}, rate)
    assert abs(place[0]) == pytest.approx(abs(1 - 30 * rate) ** 40)
    assert (abs(place[0]) > 1) == grows


def test_the_noise_that_nobody_can_predict():
    """Mean of 30 days given today: the spread of many futures is the page's 1.42 °C."""
    pushes = [(1 - 0.7**left) / (1 - 0.7) / 30 for left in range(1, 31)]
    limit = 2.5 * np.sqrt(np.sum(np.square(pushes)))
    assert limit == pytest.approx(1.42, abs=0.005)
    # The generator's days have no given today: take away what the weather of day 0 left.
    rng = np.random.default_rng(0)
    futures = np.array([data.load("made_up_temperatures", rng=rng, days=31) for _ in range(3000)])
    weather = futures - (12 - 10 * np.cos(2 * np.pi * np.arange(31) / 365.25))
    rest = weather[:, 1:] - weather[:, :1] * 0.7 ** np.arange(1, 31)
    assert rest.mean(axis=1).std() == pytest.approx(limit, rel=0.05)


# ---- dropout on the way from step to step ------------------------------------------


def test_a_value_survives_fresh_masks_as_rarely_as_the_page_says():
    """T fresh masks of share p leave (1 - p)^T of the numbers; one mask leaves 1 - p."""
    rng = np.random.default_rng(1)
    memory = np.ones((100, 1000))
    once, _ = layers.dropout_forward(memory, 0.25, rng)
    for _ in range(6):
        memory, _ = layers.dropout_forward(memory, 0.25, rng)
    assert np.mean(once != 0) == pytest.approx(0.75, abs=0.01)
    assert np.mean(memory != 0) == pytest.approx(0.75**6, abs=0.01)
    assert memory.mean() == pytest.approx(1, abs=0.03)


# ---- the exercises ---------------------------------------------------------------


def test_the_adam_of_the_exercise_is_the_courses_over_many_steps():
    adam_step, _ = exercise(1)
    rng = np.random.default_rng(2)
    theta = rng.standard_normal((2, 3))
    params = {"a": theta.copy()}
    state, m, s = optim.adam_init(params), np.zeros((2, 3)), np.zeros((2, 3))
    for t in range(1, 20):
        g = rng.standard_normal((2, 3))
        optim.adam_step(params, {"a": g}, state, 0.05)
        theta, m, s = adam_step(theta, g, m, s, t, 0.05, 0.9, 0.999, 1e-8)
        np.testing.assert_allclose(theta, params["a"], rtol=1e-12)


VALUES = st.lists(st.integers(0, 6), min_size=1, max_size=12)


@SETTINGS
@given(VALUES, st.integers(1, 4))
def test_the_early_stopping_of_the_exercise_is_the_loops(values, patience):
    """Best epoch and number of epochs as train.fit has them, for any curve."""
    early_stopping, _ = exercise(2)
    feed, params = iter(values), {"a": np.zeros(1)}
    run = train.fit(params, lambda batch: (0.0, {"a": np.zeros(1)}), lambda: [0], len(values),
                    validate=lambda: float(next(feed)), patience=patience)  # fmt: skip
    best, count, saved = early_stopping(np.array(values, float), patience)
    assert (best, count) == (run.best, len(run.validation))
    assert saved == run.validation[-1] - min(run.validation)


def test_the_example_in_the_prompt():
    assert exercise(2)[0](np.array([5, 3, 4, 4.5, 1]), 2) == (1, 4, 1.5)


@pytest.mark.parametrize("seed", range(5))
def test_the_update_of_the_exercise_by_central_differences(seed):
    """Gradient of the masked loss of the training sequences; scaling by plain loops."""
    update, draw = exercise(3)
    case = draw(np.random.default_rng(seed))
    xs, targets, mask, cut = (case[k] for k in ("xs", "targets", "mask", "cut"))
    scaled, W, b, validation = update(**case)
    steps = [xs[n, t] for n in range(cut) for t in range(xs.shape[1]) if mask[n, t]]
    expected = (xs - np.mean(steps, axis=0)) / np.std(steps, axis=0)
    np.testing.assert_allclose(scaled, expected, rtol=1e-12)
    params = {"W": case["W"].copy(), "b": np.array([case["b"]])}

    def loss(rows):
        outputs = scaled[rows] @ params["W"] + params["b"]
        return functional.squared_error(outputs, targets[rows], mask[rows])[0]

    for name, new in {"W": W, "b": np.array([b])}.items():
        slope = gradcheck.numeric_gradient(lambda: loss(slice(0, cut)), params[name])
        np.testing.assert_allclose(new, params[name] - case["rate"] * slope, atol=1e-6)
    params.update(W=W, b=np.array([b]))
    assert validation == pytest.approx(loss(slice(cut, None)))


@SETTINGS
@given(st.integers(0, 10**6), st.booleans())
def test_the_comparison_of_the_exercise_does_not_care_which_method_comes_first(seed, ties):
    """Exchanged methods: means and uncertainties exchanged, the same share."""
    compare, draw = exercise(4)
    rng = np.random.default_rng(seed)
    case = draw(rng)
    a, b = (np.round(case[k], 1) if ties else case[k] for k in ("a", "b"))
    one, two = compare(a, b), compare(b, a)
    np.testing.assert_allclose(one[0], two[0][::-1])
    np.testing.assert_allclose(one[1], two[1][::-1])
    if one[0][0] != one[0][1]:
        assert one[2] == two[2]
    wrong = sum((x < y) == (a.mean() > b.mean()) and x != y for x in a for y in b)
    assert one[2] == pytest.approx(wrong / (len(a) * len(b)))
