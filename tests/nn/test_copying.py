"""Mixture, its loss, coverage: by hand, by brute force, by differences, by PyTorch's autograd."""

import itertools

import numpy as np
import pytest

from rnncourse.nn import copying, functional
from rnncourse.nn.gradcheck import GradientMismatch, check_gradient

N, U, V, T, E = 2, 3, 4, 5, 7
INF = np.inf


def make(seed=0, dtype=np.float64):
    """Scores, gate, log-weights with a masked place, and sources with repeats and new words."""
    rng = np.random.default_rng(seed)
    logits, gate = 2 * rng.standard_normal((N, U, V)), 2 * rng.standard_normal((N, U))
    scores = 2 * rng.standard_normal((N, U, T))
    scores[1, :, 3:] = -INF
    source = np.array([[1, 4, 1, 5, 4], [6, 2, 6, -9, 999]])
    log_weights = functional.log_softmax(scores)
    return *(a.astype(dtype) for a in (logits, gate, log_weights)), source


def by_hand(logits, gate, log_weights, source):
    """The mixture as it is written, place by place."""
    p, vocab = 1 / (1 + np.exp(-gate)), np.exp(logits)
    vocab /= vocab.sum(axis=2, keepdims=True)
    P = np.zeros((N, U, E))
    for n, u in itertools.product(range(N), range(U)):
        P[n, u, :V] = p[n, u] * vocab[n, u]
        for t in range(T):
            if log_weights[n, u, t] > -INF:
                P[n, u, source[n, t]] += (1 - p[n, u]) * np.exp(log_weights[n, u, t])
    return P


# --- numbers of words ----------------------------------------------------------------


INDEX = {"<pad>": 0, "<unk>": 1, "rain": 2, "in": 3}


def test_new_words_are_numbered_in_their_order_and_once():
    numbers, new = copying.number_source(["Lu", "rain", "Oz", "Lu", "<unk>"], INDEX, 1)
    assert numbers.tolist() == [4, 2, 5, 4, 1]
    assert new == ["Lu", "Oz"]
    target = copying.number_target(["rain", "Oz", "Po"], INDEX, 1, new)
    assert target.tolist() == [2, 5, 1]
    assert copying.words_of([4, 2, 5], list(INDEX), new) == ["Lu", "rain", "Oz"]
    assert copying.number_source([], INDEX, 1)[0].dtype == np.int64


def test_bad_words_are_named():
    with pytest.raises(TypeError, match="one string"):
        copying.number_source("rain", INDEX, 1)
    with pytest.raises(TypeError, match="one string"):
        copying.number_target("rain", INDEX, 1)
    with pytest.raises(ValueError, match="unknown is token 4"):
        copying.number_source([], INDEX, 4)
    with pytest.raises(ValueError, match="numbers hold 6"):
        copying.words_of([2, 6], list(INDEX), ["Lu", "Oz"])


# --- the mixture -----------------------------------------------------------------------


def test_the_page_s_example_by_hand():
    """P_vocab = (.7, .2, .1), p = .6, weights (.5, .3, .2) on the words 1, 3, 1:
    .42; .12 + .4 · .7 = .4; .06; .4 · .3 = .12."""
    logits, gate = np.log([[[0.7, 0.2, 0.1]]]), np.log([[0.6 / 0.4]])
    log_weights, source = np.log([[[0.5, 0.3, 0.2]]]), np.array([[1, 3, 1]])
    log_p, _ = copying.mixture_forward(logits, gate, log_weights, source, 4)
    np.testing.assert_allclose(np.exp(log_p[0, 0]), [0.42, 0.4, 0.06, 0.12], rtol=1e-12)
    loss, (dlogits, dgate, dlog) = copying.mixture_loss(
        logits, gate, log_weights, source, np.array([[1]])
    )
    assert loss == pytest.approx(-np.log(0.4), rel=1e-12)
    # r = .12 / .4 = .3; gate .6 - .3; scores .3 (P - one-hot); places -.7 (5/7, 0, 2/7)
    np.testing.assert_allclose(dgate, [[0.3]], rtol=1e-12)
    np.testing.assert_allclose(dlogits, [[[0.21, -0.24, 0.03]]], rtol=1e-12)
    np.testing.assert_allclose(dlog, [[[-0.5, 0, -0.2]]], rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_the_sum_place_by_place_and_sums_to_one(seed):
    logits, gate, log_weights, source = make(seed)
    log_p, _ = copying.mixture_forward(logits, gate, log_weights, source, E)
    P = by_hand(logits, gate, log_weights, source)
    np.testing.assert_allclose(np.exp(log_p), P, rtol=1e-12)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=2), 1, rtol=1e-12)
    assert (log_p[P == 0] == -INF).all()


def test_gradients_of_the_mixture():
    logits, gate, log_weights, source = make()
    parts = {"logits": logits, "gate": gate, "finite": log_weights[:, :, :3].copy()}

    def forward():
        weights = log_weights.copy()
        weights[:, :, :3] = parts["finite"]
        log_p, cache = copying.mixture_forward(logits, gate, weights, source, E)
        forward.cache = cache
        return np.where(log_p > -INF, log_p, 0)

    def backward(up, factor=1):
        found = copying.mixture_backward(up, forward.cache)
        return {"logits": found[0], "gate": factor * found[1], "finite": found[2][:, :, :3]}

    check_gradient(forward, backward, parts, np.random.default_rng(1), 1e-7)
    with pytest.raises(GradientMismatch, match="gate"):
        check_gradient(forward, lambda up: backward(up, 1.001), parts,
                       np.random.default_rng(1), 1e-7)  # fmt: skip


def test_what_is_impossible_has_no_gradient():
    """NaN and infinity in the gradient of a word of probability 0 change nothing."""
    logits, gate, log_weights, source = make()
    log_p, cache = copying.mixture_forward(logits, gate, log_weights, source, E)
    up = np.random.default_rng(2).standard_normal(log_p.shape)
    planted = np.where(log_p > -INF, up, np.nan)
    for a, b in zip(copying.mixture_backward(up, cache),
                    copying.mixture_backward(planted, cache), strict=True):  # fmt: skip
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()
    assert (copying.mixture_backward(up, cache)[2][1, :, 3:] == 0).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_gate_of_infinity(sign):
    """p = 1 is the vocabulary alone, p = 0 the source alone; gradients stay finite."""
    logits, gate, log_weights, source = make()
    gate[...] = sign * INF
    log_p, cache = copying.mixture_forward(logits, gate, log_weights, source, E)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=2), 1, rtol=1e-12)
    if sign > 0:
        np.testing.assert_allclose(log_p[..., :V], functional.log_softmax(logits), rtol=1e-12)
        assert (log_p[..., V:] == -INF).all()
    else:
        assert (log_p[0, :, [0, 2, 3, 6]] == -INF).all()
    up = np.random.default_rng(2).standard_normal(log_p.shape)
    assert all(np.isfinite(d).all() for d in copying.mixture_backward(up, cache))
    target = np.array([[1, 4, 0], [6, 2, 3]])
    loss, grads = copying.mixture_loss(logits, gate, log_weights, source, target)
    assert loss == INF  # 4 cannot be generated, 0 cannot be copied
    assert all(np.isfinite(d).all() for d in grads)
    assert (grads[0][0, 1 if sign > 0 else 2] == 0).all()


def test_tiny_weights_keep_their_logarithm():
    """log-weights of -1000 have no weight that a float could hold, and yet a log-probability."""
    log_weights = np.array([[[0.0, -1000.0, -1001.0]]])
    log_p, cache = copying.mixture_forward(
        np.array([[[0.0, -2000.0]]]), np.zeros((1, 1)), log_weights, np.array([[0, 2, 2]]), 3
    )
    assert log_p[0, 0, 2] == pytest.approx(np.log(0.5) - 1000 + np.log1p(np.exp(-1)), rel=1e-14)
    _, _, dlog = copying.mixture_backward(np.array([[[0.0, 0.0, 1.0]]]), cache)
    np.testing.assert_allclose(dlog[0, 0], [0, 1 / (1 + np.exp(-1)), 1 / (1 + np.e)], rtol=1e-12)
    loss, _ = copying.mixture_loss(np.array([[[0.0, -2000.0]]]), np.zeros((1, 1)), log_weights,
                                   np.array([[0, 2, 2]]), np.array([[2]]))  # fmt: skip
    assert loss == pytest.approx(-log_p[0, 0, 2], rel=1e-14)


# --- the loss ---------------------------------------------------------------------------


TARGET, MASK = np.array([[1, 5, 0], [6, 2, -7]]), np.array([[1, 1, 1], [1, 1, 0]])


def test_the_loss_is_the_mixture_s_and_so_are_its_gradients():
    logits, gate, log_weights, source = make()
    loss, grads = copying.mixture_loss(logits, gate, log_weights, source, TARGET, MASK)
    log_p, cache = copying.mixture_forward(logits, gate, log_weights, source, E)
    places = [(0, 0, 1), (0, 1, 5), (0, 2, 0), (1, 0, 6), (1, 1, 2)]
    assert loss == pytest.approx(-np.mean([log_p[place] for place in places]), rel=1e-12)
    up = np.zeros_like(log_p)
    for place in places:
        up[place] = -1 / 5
    for found, expected in zip(grads, copying.mixture_backward(up, cache), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("planted", [np.nan, INF, -INF])
def test_nothing_under_a_mask_counts(planted):
    logits, gate, log_weights, source = make()
    expected = copying.mixture_loss(logits, gate, log_weights, source, TARGET, MASK)
    for array in (logits, gate, log_weights):
        array[1, 2] = planted
    found = copying.mixture_loss(logits, gate, log_weights, source, TARGET, MASK)
    assert found[0] == expected[0]
    for a, b in zip(found[1], expected[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-5)])
def test_equal_to_torch_s_autograd(dtype, tolerance):
    """The mixture as See et al. wrote it, scatter_add of the weights, in torch."""
    import torch

    logits, gate, log_weights, source = make(3, dtype)
    leaves = [torch.tensor(a, requires_grad=True) for a in (logits, gate, log_weights)]
    p = torch.sigmoid(leaves[1])[..., None]
    wide = torch.cat([p * torch.softmax(leaves[0], 2), torch.zeros(N, U, E - V)], 2)
    places = torch.tensor(np.where(source < E, np.maximum(source, 0), 0))[:, None].expand(N, U, T)
    P = wide.scatter_add(2, places, (1 - p) * torch.exp(leaves[2]))
    chosen = P.gather(2, torch.tensor(np.maximum(TARGET, 0))[..., None])[..., 0]
    expected = -(torch.log(chosen) * torch.tensor(MASK)).sum() / 5
    expected.backward()
    loss, grads = copying.mixture_loss(logits, gate, log_weights, source, TARGET, MASK)
    assert loss == pytest.approx(expected.item(), rel=tolerance)
    for found, leaf in zip(grads, leaves, strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, leaf.grad.numpy(), rtol=tolerance, atol=tolerance / 10)


def test_bad_input_is_named():
    logits, gate, log_weights, source = make()
    given = logits, gate, log_weights, source
    with pytest.raises(ValueError, match="row 0, step 1 is 6: not in the vocabulary"):
        copying.mixture_loss(*given, np.array([[1, 6, 0], [6, 2, 0]]))
    with pytest.raises(ValueError, match="row 1, step 0 is -7"):
        copying.mixture_loss(*given, np.array([[1, 1, 0], [-7, 2, 0]]))
    with pytest.raises(ValueError, match="mask is 0 everywhere"):
        copying.mixture_loss(*given, TARGET, np.zeros((N, U)))
    with pytest.raises(ValueError, match=r"target has shape \(2, 2\)"):
        copying.mixture_loss(*given, TARGET[:, :2])
    with pytest.raises(TypeError, match="target has dtype float64"):
        copying.mixture_loss(*given, TARGET.astype(float))
    with pytest.raises(ValueError, match="row 1, place 0 is 6; size 6"):
        copying.mixture_forward(*given, 6)
    with pytest.raises(ValueError, match="size is 3"):
        copying.mixture_forward(*given, 3)
    with pytest.raises(ValueError, match=r"gate has shape \(2, 2\)"):
        copying.mixture_forward(logits, gate[:, :2], log_weights, source, E)
    with pytest.raises(ValueError, match="log_weights has shape"):
        copying.mixture_forward(logits, gate, log_weights[:, :, :4], source, E)
    with pytest.raises(TypeError, match="source has dtype"):
        copying.mixture_forward(logits, gate, log_weights, source.astype(float), E)
    with pytest.raises(ValueError, match="logits has shape"):
        copying.mixture_forward(logits[0], gate, log_weights, source, E)
    _, cache = copying.mixture_forward(*given, E)
    with pytest.raises(ValueError, match="dlog_p has shape"):
        copying.mixture_backward(np.zeros((N, U, V)), cache)


# --- coverage ---------------------------------------------------------------------------


def test_coverage_by_hand():
    """Steps (.6, .4), (.5, .5), (.1, .9): the second looks again at .5 + .4, the third at .1 + .9.
    Divided by three steps: 1.9 / 3."""
    weights = np.array([[[0.6, 0.4], [0.5, 0.5], [0.1, 0.9]]])
    np.testing.assert_allclose(
        copying.coverage(weights)[0], [[0, 0], [0.6, 0.4], [1.1, 0.9]], atol=1e-15
    )
    loss, _ = copying.coverage_loss(weights)
    assert loss == pytest.approx(1.9 / 3)


def test_gradients_of_coverage():
    rng = np.random.default_rng(0)
    weights = np.exp(functional.log_softmax(rng.standard_normal((N, 4, T))))
    mask = np.array([[1, 1, 1, 1], [1, 1, 1, 0]])
    check_gradient(lambda: copying.coverage(weights),
                   lambda up: {"weights": copying.coverage_backward(up)},
                   {"weights": weights}, rng, 1e-9)  # fmt: skip
    check_gradient(lambda: np.array(copying.coverage_loss(weights, mask)[0]),
                   lambda up: {"weights": up * copying.coverage_loss(weights, mask)[1]},
                   {"weights": weights}, rng, 1e-8)  # fmt: skip
    expected = copying.coverage_loss(weights, mask)
    weights[1, 3] = np.nan
    found = copying.coverage_loss(weights, mask)
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])


def test_coverage_in_torch():
    import torch

    rng = np.random.default_rng(5)
    weights = np.exp(functional.log_softmax(rng.standard_normal((N, 4, T))))
    leaf = torch.tensor(weights, requires_grad=True)
    covered = torch.zeros(N, T)
    total = 0.0
    for u in range(4):
        total = total + torch.minimum(leaf[:, u], covered).sum()
        covered = covered + leaf[:, u]
    (total / (4 * N)).backward()
    loss, found = copying.coverage_loss(weights)
    assert loss == pytest.approx(total.item() / (4 * N), rel=1e-12)
    # In the first step nothing is covered: min(a, 0) passes nothing to a.
    np.testing.assert_allclose(found, leaf.grad.numpy(), rtol=1e-12)


def test_bad_coverage_is_named():
    with pytest.raises(ValueError, match=r"weights has shape \(2, 3\)"):
        copying.coverage_loss(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="mask has shape"):
        copying.coverage_loss(np.zeros((2, 3, 4)), np.ones((2, 4)))
    with pytest.raises(TypeError, match="weights is int64"):
        copying.coverage(np.zeros((2, 3, 4), np.int64))
