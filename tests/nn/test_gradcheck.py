"""gradcheck: right gradients pass, each planted error is caught and located."""

import numpy as np
import pytest

from rnncourse.nn.gradcheck import (
    GradientMismatch,
    check_gradient,
    numeric_gradient,
    relative_error,
)


@pytest.fixture
def model():
    """y = tanh(x W), z = sum of x: two outputs, with the right backward pass."""
    rng = np.random.default_rng(3)
    inputs = {"x": rng.standard_normal((3, 4)), "W": rng.standard_normal((4, 2))}

    def forward():
        x, W = inputs["x"], inputs["W"]
        return np.tanh(x @ W), x.sum(axis=0)

    def backward(dy, dz):
        x, W = inputs["x"], inputs["W"]
        da = dy * (1 - np.tanh(x @ W) ** 2)
        return {"x": da @ W.T + dz, "W": x.T @ da}

    return inputs, forward, backward


def test_hand_value():
    """d(x³)/dx at 2 is 12."""
    x = np.array([2.0])
    assert abs(numeric_gradient(lambda: float(x[0] ** 3), x)[0] - 12) < 1e-8


def test_right_gradient_passes_and_inputs_are_restored(model):
    """Errors far below the tolerance; the nudged arrays come back bit for bit."""
    inputs, forward, backward = model
    before = {name: array.copy() for name, array in inputs.items()}
    errors = check_gradient(forward, backward, inputs, np.random.default_rng(0))
    assert set(errors) == {"x", "W"}
    assert max(errors.values()) < 1e-8
    for name, array in inputs.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("sign", lambda g: {"x": -g["x"], "W": g["W"]}),
        ("factor", lambda g: {"x": g["x"] * (1 + 1e-6), "W": g["W"]}),
        ("one entry", lambda g: {"x": g["x"] + np.eye(3, 4) * 1e-6, "W": g["W"]}),
        ("shape", lambda g: {"x": g["x"].T, "W": g["W"]}),
        ("nan", lambda g: {"x": g["x"] * np.nan, "W": g["W"]}),
        ("zero", lambda g: {"x": g["x"] * 0, "W": g["W"]}),
    ],
)
def test_planted_errors_are_caught(model, name, plant):
    """Each planted error raises, and the message names the input."""
    inputs, forward, backward = model
    with pytest.raises(GradientMismatch, match="gradient of x"):
        check_gradient(forward, lambda *g: plant(backward(*g)), inputs, np.random.default_rng(0))


def test_forgotten_output_is_caught(model):
    """A backward pass that ignores one output's gradient is caught."""
    inputs, forward, backward = model
    with pytest.raises(GradientMismatch, match=r"x\[\d, \d\]: analytic"):
        check_gradient(
            forward, lambda dy, dz: backward(dy, 0 * dz), inputs, np.random.default_rng(0)
        )


def test_missing_gradient(model):
    """An input without gradient is named."""
    inputs, forward, backward = model
    with pytest.raises(KeyError, match="'W'"):
        check_gradient(
            forward, lambda *g: {"x": backward(*g)["x"]}, inputs, np.random.default_rng(0)
        )


def test_relative_error_refuses_what_would_broadcast():
    """Unequal shapes raise; NaN is infinitely wrong; two zeros agree."""
    with pytest.raises(ValueError, match="shapes differ"):
        relative_error(np.zeros((2, 1)), np.zeros(2))
    assert relative_error(np.array([np.nan]), np.array([1.0])) == np.inf
    assert relative_error(np.zeros(2), np.zeros(2)) == 0
    assert relative_error(np.array([1.0, 2.0]), np.array([1.0, 1.0])) == 0.5


def test_float32_is_refused():
    """Central differences in float32 mean nothing."""
    with pytest.raises(TypeError, match="float32"):
        numeric_gradient(lambda: 0.0, np.zeros(2, np.float32))


# ---- random directions ---------------------------------------------------------------


def test_directions_pass_a_right_gradient_and_restore_the_inputs(model):
    inputs, forward, backward = model
    before = {name: array.copy() for name, array in inputs.items()}
    rng = np.random.default_rng(0)
    errors = check_gradient(forward, backward, inputs, rng, directions=3)
    assert max(errors.values()) < 1e-8
    for name, array in inputs.items():
        np.testing.assert_array_equal(array, before[name])


def test_one_wrong_entry_tilts_the_slopes(model):
    """Planted: one of 12 entries is off by a thousandth of the largest."""
    inputs, forward, backward = model

    def wrong(dy, dz):
        grads = backward(dy, dz)
        grads["x"][1, 2] += 1e-3 * np.abs(grads["x"]).max()
        return grads

    rng = np.random.default_rng(0)
    with pytest.raises(GradientMismatch, match=r"gradient of x along direction \[\d\]"):
        check_gradient(forward, wrong, inputs, rng, directions=3)


def test_a_large_stack_takes_two_passes_a_direction():
    """100,000 weights; hand value: the gradient of sum(w²)/2 is w itself."""
    w, calls = np.random.default_rng(1).standard_normal(100_000), []

    def forward():
        calls.append(1)
        return np.array([(w**2).sum() / 2])

    rng = np.random.default_rng(0)
    check_gradient(forward, lambda d: {"w": d[0] * w}, {"w": w}, rng, 1e-6, directions=4)
    assert len(calls) == 1 + 2 * 4


@pytest.mark.parametrize("directions", [None, 2])
def test_a_gradient_of_another_shape_is_named(model, directions):
    inputs, forward, backward = model
    turned = lambda dy, dz: {k: g.T for k, g in backward(dy, dz).items()}  # noqa: E731
    with pytest.raises(GradientMismatch, match=r"has shape \(4, 3\); x has \(3, 4\)"):
        check_gradient(forward, turned, inputs, np.random.default_rng(0), directions=directions)


def test_no_direction_is_refused(model):
    with pytest.raises(ValueError, match="directions = 0"):
        check_gradient(*model[1:], model[0], np.random.default_rng(0), directions=0)
