"""functional: closed forms, PyTorch, and finite differences."""

import numpy as np
import pytest

from rnncourse import functional as F
from rnncourse.gradcheck import numeric_gradient, relative_error


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_sigmoid_hand_values():
    """σ(0) = 1/2 and σ(ln 3) = 3/4, worked by hand."""
    np.testing.assert_allclose(F.sigmoid([0.0, np.log(3)]), [0.5, 0.75], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stable_at_ten_thousand(dtype):
    """No overflow, no NaN at ±1e4, in either dtype, which is kept."""
    a = np.array([-1e4, 0, 1e4], dtype)
    with np.errstate(all="raise", under="ignore"):
        s, p, lse = F.sigmoid(a), F.softmax(a), F.log_sum_exp(a)
        loss, grad = F.cross_entropy(a[None], np.array([0]))
    np.testing.assert_array_equal(s, [0, 0.5, 1])
    np.testing.assert_array_equal(p, [0, 0, 1])
    assert lse == 1e4
    assert loss == 2e4
    assert s.dtype == p.dtype == grad.dtype == dtype


def test_derivatives_match_finite_differences(rng):
    """The derivatives written with outputs agree with central differences."""
    a = rng.standard_normal((3, 5))
    g = rng.standard_normal((3, 5))
    for f, derivative in [(F.sigmoid, F.sigmoid_derivative), (np.tanh, F.tanh_derivative)]:
        numeric = numeric_gradient(lambda f=f: float((f(a) * g).sum()), a)
        assert relative_error(derivative(f(a)) * g, numeric) < 1e-8


def test_softmax_and_log_sum_exp_equal_torch(rng):
    """Every axis, against torch in float64."""
    import torch

    a = rng.standard_normal((3, 4, 5)) * 10
    t = torch.tensor(a)
    for axis in (0, 1, 2, -1):
        np.testing.assert_allclose(F.softmax(a, axis), torch.softmax(t, axis), atol=1e-12)
        np.testing.assert_allclose(F.log_softmax(a, axis), torch.log_softmax(t, axis), atol=1e-12)
        np.testing.assert_allclose(F.log_sum_exp(a, axis), torch.logsumexp(t, axis), atol=1e-12)


def test_masked_cross_entropy_equals_torch_on_the_real_positions(rng):
    """Loss and gradient equal torch's mean over the kept positions only."""
    import torch

    logits = rng.standard_normal((3, 5, 7))
    targets = rng.integers(0, 7, (3, 5))
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]])
    targets = np.where(mask, targets, -1)
    loss, grad = F.cross_entropy(logits, targets, mask)
    t = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(
        t.reshape(-1, 7), torch.tensor(targets.reshape(-1)), ignore_index=-1
    )
    expected.backward()
    assert abs(loss - expected.item()) < 1e-12
    np.testing.assert_allclose(grad, t.grad, atol=1e-14)
    assert (grad[mask == 0] == 0).all()


@pytest.mark.parametrize(
    ("logits", "targets", "mask", "error", "words"),
    [
        (np.zeros((2, 3)), np.zeros(3, int), None, ValueError, r"\(3,\).*\(2, 3\)"),
        (np.zeros((2, 3)), np.zeros(2), None, TypeError, "integers"),
        (np.zeros((2, 3)), np.array([0, 3]), None, ValueError, r"0\.\.3.*3 classes"),
        (np.zeros((2, 3)), np.array([0, 1]), np.zeros(2), ValueError, "0 everywhere"),
        (np.zeros((2, 3)), np.array([0, 1]), np.ones(3), ValueError, "mask"),
        (np.zeros((2, 3), complex), np.array([0, 1]), None, TypeError, "complex128"),
    ],
)
def test_cross_entropy_bad_input(logits, targets, mask, error, words):
    """Each wrong argument is named with what was found and expected."""
    with pytest.raises(error, match=words):
        F.cross_entropy(logits, targets, mask)
