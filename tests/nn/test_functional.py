"""functional: closed forms, PyTorch, and finite differences."""

import numpy as np
import pytest

from rnncourse.nn import functional as F
from rnncourse.nn.gradcheck import numeric_gradient, relative_error


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


def test_relu_and_softplus_equal_torch_and_finite_differences(rng):
    """Values against torch; derivatives against central differences and each other."""
    import torch

    a = rng.standard_normal((3, 5)) * 3
    g = rng.standard_normal((3, 5))
    np.testing.assert_array_equal(F.relu(a), torch.relu(torch.tensor(a)))
    np.testing.assert_allclose(
        F.softplus(a), torch.nn.functional.softplus(torch.tensor(a)), atol=1e-12
    )
    numeric = numeric_gradient(lambda: float((F.relu(a) * g).sum()), a)
    assert relative_error(F.relu_derivative(F.relu(a)) * g, numeric) < 1e-8
    numeric = numeric_gradient(lambda: float((F.softplus(a) * g).sum()), a)
    assert relative_error(F.sigmoid(a) * g, numeric) < 1e-8
    assert F.relu_derivative(F.relu(np.zeros(1)))[0] == 0


MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])


def test_masked_binary_cross_entropy_equals_torch_on_the_real_positions(rng):
    """Loss and gradient equal torch's mean over the kept positions; what is masked may be NaN."""
    import torch

    logits = rng.standard_normal((3, 5)) * 5
    targets = rng.integers(0, 2, (3, 5))
    keep = torch.tensor(MASK != 0)
    t = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        t[keep], torch.tensor(targets)[keep].double()
    )
    expected.backward()
    loss, grad = F.binary_cross_entropy(
        np.where(MASK, logits, np.nan), np.where(MASK, targets, -1), MASK
    )
    assert abs(loss - expected.item()) < 1e-12
    np.testing.assert_allclose(grad, t.grad, atol=1e-14)


@pytest.mark.parametrize("features", [(), (4,)])
def test_masked_squared_error_equals_torch_on_the_real_positions(rng, features):
    """Also with one mask a step for several features; masked targets and outputs may be NaN."""
    import torch

    outputs, targets = rng.standard_normal((2, 3, 5, *features))
    keep = torch.tensor(MASK != 0)
    t = torch.tensor(outputs, requires_grad=True)
    expected = torch.nn.functional.mse_loss(t[keep], torch.tensor(targets)[keep])
    expected.backward()
    mask = MASK.reshape(MASK.shape + (1,) * len(features))
    loss, grad = F.squared_error(
        np.where(mask, outputs, np.nan), np.where(mask, targets, np.nan), MASK
    )
    assert abs(loss - expected.item()) < 1e-12
    np.testing.assert_allclose(grad, t.grad, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_are_stable_at_ten_thousand(dtype):
    """By hand: a score of -1e4 where 1 is right costs 1e4 nats, slope -1; (1e4)² is 1e8."""
    a = np.array([-1e4, 1e4], dtype)
    with np.errstate(all="raise", under="ignore"):
        loss, grad = F.binary_cross_entropy(a, [1, 1])
        square, slope = F.squared_error(a, np.zeros(2))
        plus = F.softplus(a)
    assert (loss, square) == (5e3, 1e8)
    np.testing.assert_array_equal(grad, [-0.5, 0])
    np.testing.assert_array_equal(slope, a)
    np.testing.assert_array_equal(plus, [0, 1e4])
    assert grad.dtype == slope.dtype == plus.dtype == dtype


def test_nan_in_a_real_position_is_not_hidden():
    """The loss is then NaN: a training loop must see it."""
    bad = np.array([np.nan, 1.0])
    assert np.isnan(F.squared_error(bad, np.zeros(2))[0])
    assert np.isnan(F.binary_cross_entropy(bad, [1, 1])[0])
    assert np.isnan(F.cross_entropy(np.stack([bad, bad]), np.array([0, 1]))[0])


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "mask", "error", "words"),
    [
        (F.squared_error, np.zeros(3), np.zeros((3, 1)), None, ValueError, r"\(3, 1\).*\(3,\)"),
        (F.squared_error, np.zeros(3), np.zeros(3), np.zeros(3), ValueError, "0 everywhere"),
        (F.squared_error, np.zeros((3, 2)), np.zeros((3, 2)), np.ones(2), ValueError, "mask"),
        (F.squared_error, np.zeros(3), np.array(list("abc")), None, TypeError, "targets"),
        (F.binary_cross_entropy, np.zeros(2), [0, 2], None, ValueError, "0 and 1"),
        (F.binary_cross_entropy, np.zeros(2), [0, 1, 0], None, ValueError, r"\(3,\).*\(2,\)"),
        (F.binary_cross_entropy, np.zeros(2), [0, 1], [0, 0], ValueError, "0 everywhere"),
    ],
)
def test_losses_refuse_bad_input(loss, outputs, targets, mask, error, words):
    with pytest.raises(error, match=words):
        loss(outputs, targets, mask)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308])
def test_what_stands_under_a_mask_counts_for_nothing(bad):
    """In outputs and targets of every loss, without a warning."""
    rng = np.random.default_rng(0)
    mask = np.array([[1, 1, 0], [0, 1, 1]])
    logits, other = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4))
    classes, bits = rng.integers(0, 4, (2, 3)), rng.integers(0, 2, (2, 3)).astype(float)

    def losses():
        return (F.cross_entropy(logits, classes, mask),
                F.binary_cross_entropy(logits[..., 0], bits, mask),
                F.squared_error(logits, other, mask))  # fmt: skip

    expected = losses()
    logits[mask == 0], other[mask == 0], bits[mask == 0], classes[mask == 0] = bad, bad, bad, -1
    for (loss, slope), (expected_loss, expected_slope) in zip(losses(), expected, strict=True):
        assert loss == expected_loss
        np.testing.assert_array_equal(slope, expected_slope)


def test_a_mask_is_of_zeros_and_ones():
    """A weight of 0.5 or NaN would silently count as 1."""
    for wrong in (0.5, np.nan, 2):
        with pytest.raises(ValueError, match="mask holds values other than 0 and 1"):
            F.squared_error(np.zeros(3), np.ones(3), np.array([1, wrong, 0]))


def test_nothing_to_average_over():
    for shape in ((0,), (0, 4), (3, 0)):
        with pytest.raises(ValueError, match="there is no position to average over"):
            F.squared_error(np.zeros(shape), np.zeros(shape))
    with pytest.raises(ValueError, match=r"a has shape \(2, 0\): no number along axis -1"):
        F.softmax(np.zeros((2, 0)))


def test_log_sum_exp_of_infinities():
    """log 0 = -inf and log ∞ = ∞, without a warning; a forbidden class has probability 0."""
    inf = np.inf
    a = np.array([[-inf, -inf], [-inf, 2.0], [inf, 0.0]])
    np.testing.assert_array_equal(F.log_sum_exp(a), [-inf, 2, inf])
    np.testing.assert_array_equal(F.softmax(a[1]), [0, 1])


def test_losses_in_float16():
    """More positions than float16 can count, and a square above its largest number."""
    n = 70_000
    loss, slope = F.squared_error(np.full(n, 300, np.float16), np.zeros(n, np.float16))
    assert loss == 90_000
    assert slope.dtype == np.float16
    np.testing.assert_allclose(slope, 600 / n, rtol=1e-3)
