"""Learning through time: every labelled equation in plain floats, truncation, clipping, checks.

The functions marked `equation` evaluate one equation of the page with lists and `math` alone,
and compare it with the package or with small nudges. One test compares the labels with those
on the page: an equation that nobody evaluates fails.
"""

import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.nn import cells, functional, gradcheck, optim, recurrent, train

PAGE = Path(__file__).resolve().parents[2] / "book" / "en" / "bptt.md"
T, D, H = 4, 2, 3
EQUATIONS = {}


def equation(*labels):
    def register(check):
        EQUATIONS.update(dict.fromkeys(labels, check))
        return check

    return register


# --- plain arithmetic: rows and matrices as lists ----------------------------------------


def times(row, A):
    return [sum(r * a for r, a in zip(row, column, strict=True)) for column in zip(*A, strict=True)]


def product(A, B):
    return [times(row, B) for row in A]


def length(numbers):
    return math.sqrt(sum(x * x for x in numbers))


class Net:
    """One sequence through a tanh cell, as lists; and the same arrays for the package."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.params = {"W_x": rng.normal(size=(D, H)), "W_h": rng.normal(size=(H, H)),
                       "b": rng.normal(size=H)}  # fmt: skip
        self.xs, self.h0 = rng.normal(size=(1, T, D)), rng.normal(size=(1, H))
        self.dhs = rng.normal(size=(1, T, H))
        self.W_x, self.W_h = self.params["W_x"].tolist(), self.params["W_h"].tolist()
        self.b, self.x, self.dh = (
            self.params["b"].tolist(),
            self.xs[0].tolist(),
            self.dhs[0].tolist(),
        )
        self.h = [self.h0[0].tolist()]  # h[t] is the memory after step t, counted from 1
        for t in range(1, T + 1):
            self.h.append(self.step(t, self.h[-1]))

    def step(self, t, h_prev):
        a = zip(times(self.x[t - 1], self.W_x), times(h_prev, self.W_h), self.b, strict=True)
        return [math.tanh(sum(parts)) for parts in a]

    def slopes(self, t):
        return [1 - h * h for h in self.h[t]]

    def jacobian(self, t):
        """diag(φ'(a_t)) W_h^T: row i, column j."""
        s = self.slopes(t)
        return [[s[i] * self.W_h[j][i] for j in range(H)] for i in range(H)]

    def arrived(self, t, k):
        """∂L_t/∂a_k: the gradient of step t's loss, through J_t … J_(k+1) and the slope at k."""
        row = self.dh[t - 1]
        for s in range(t, k, -1):
            row = times(row, self.jacobian(s))
        return [r * s for r, s in zip(row, self.slopes(k), strict=True)]

    def double_sum(self, keep=lambda t, k: True):
        total = [[0.0] * H for _ in range(H)]
        for t in range(1, T + 1):
            for k in range(1, t + 1):
                if keep(t, k):
                    da = self.arrived(t, k)
                    for i, j in itertools.product(range(H), repeat=2):
                        total[i][j] += self.h[k - 1][i] * da[j]
        return total

    def backward(self, window=T):
        """The package's gradients, in windows with carried state."""
        state, total = self.h0, 0
        for start in range(0, T, window):
            piece = slice(start, start + window)
            _, state, cache = recurrent.rnn_forward(self.xs[:, piece], state, self.params)
            total = (
                total
                + recurrent.rnn_backward(self.dhs[:, piece], None, cache, self.params)[2]["W_h"]
            )
        return total


def nudged(f, row, j, step=1e-6):
    up, down = list(row), list(row)
    up[j] += step
    down[j] -= step
    return [(a - b) / (2 * step) for a, b in zip(f(up), f(down), strict=True)]


def memory_from(net, k, t):
    """h_t as a function of h_k."""

    def run(h):
        for s in range(k + 1, t + 1):
            h = net.step(s, h)
        return h

    return run


# --- the equations -------------------------------------------------------------------------


@equation("eq-bptt-jacobian")
def jacobian():
    net = Net()
    for j in range(H):
        numeric = nudged(memory_from(net, 1, 2), net.h[1], j)
        assert np.allclose([row[j] for row in net.jacobian(2)], numeric, atol=1e-8)


@equation("eq-bptt-product", "eq-bptt-paths")
def product_and_paths():
    net = Net()
    J4, J3, J2 = (net.jacobian(t) for t in (4, 3, 2))
    whole = product(product(J4, J3), J2)
    for i, j in itertools.product(range(H), repeat=2):
        paths = [J4[i][m] * J3[m][n] * J2[n][j] for m, n in itertools.product(range(H), repeat=2)]
        assert len(paths) == H ** (4 - 1 - 1)
        assert math.isclose(sum(paths), whole[i][j], rel_tol=1e-11)
        assert abs(nudged(memory_from(net, 1, 4), net.h[1], j)[i] - whole[i][j]) < 1e-7


@equation("eq-bptt-total", "eq-bptt-backward")
def total():
    net = Net()
    assert np.allclose(net.double_sum(), net.backward(), rtol=1e-11)
    g = net.dh[T - 1]  # collected from the end
    for t in range(T, 0, -1):
        collected = [sum(parts) for parts in zip(*(
            [a / s for a, s in zip(net.arrived(u, t), net.slopes(t), strict=True)]
            for u in range(t, T + 1)), strict=True)]  # fmt: skip
        assert np.allclose(g, collected, rtol=1e-10)
        if t > 1:
            g = [a + b for a, b in zip(net.dh[t - 2], times(g, net.jacobian(t)), strict=True)]


@equation("eq-bptt-radius", "eq-bptt-guess")
def radius():
    """Eigenvalues 0.5 ± 0.6i: radius √0.61, by the power's norm; with equal slopes exactly."""
    W = [[0.5, 3.0], [-0.12, 0.5]]
    row = [1.0, 0.3]
    for _ in range(600):
        row = times(row, W)
    assert abs(length(row) ** (1 / 600) - math.sqrt(0.61)) < 5e-3
    assert abs(abs(np.linalg.eigvals(np.array(W))).max() - math.sqrt(0.61)) < 1e-12
    rotation, s = [[0.6, 0.8], [-0.8, 0.6]], 0.7
    back = [s * x for x in times([2.0, -1.0], rotation)]
    assert math.isclose(length(back), 1.0 * s * length([2.0, -1.0]), rel_tol=1e-12)


@equation("eq-bptt-bound")
def bound():
    for seed in range(20):
        net = Net(seed)
        stretch = math.sqrt(max(np.linalg.eigvalsh(net.params["W_h"] @ net.params["W_h"].T)))
        for t in range(1, T + 1):
            back = times(net.dh[t - 1], net.jacobian(t))
            assert length(back) <= max(net.slopes(t)) * stretch * length(net.dh[t - 1]) + 1e-12


@equation("eq-bptt-clip")
def clip():
    grads = {"W": np.array([[3.0, -4.0]]), "b": np.array([12.0])}  # norm 13
    assert math.isclose(optim.clip_by_norm(grads, 6.5), 13.0)
    assert np.allclose(grads["W"], [[1.5, -2.0]], rtol=1e-6)
    assert np.allclose(grads["b"], [6.0], rtol=1e-6)
    optim.clip_by_norm(grads, 100.0)  # short ones stay
    assert np.allclose(grads["b"], [6.0], rtol=1e-6)


@equation("eq-bptt-truncated")
def truncated():
    net = Net()
    for window in (1, 2, 3):
        kept = net.double_sum(lambda t, k, w=window: (t - 1) // w == (k - 1) // w)
        assert np.allclose(kept, net.backward(window), rtol=1e-10)


@equation("eq-bptt-memory")
def memory():
    N, steps, inputs, units = 3, 7, 2, 5
    params = cells.rnn_init(np.random.default_rng(0), inputs, units)
    cache = recurrent.rnn_forward(np.zeros((N, steps, inputs)), None, params)[2]
    arrays = [a for a in cache if a is not None]
    assert sum(a.size for a in arrays) == N * (steps * inputs + (steps + 1) * units)


@equation("eq-bptt-rtrl")
def forward_in_time():
    """P[i][j][k] = ∂h_i/∂W_h[j][k], carried forward; with the losses it gives the gradient."""
    net = Net()
    P = [[[0.0] * H for _ in range(H)] for _ in range(H)]
    grad = [[0.0] * H for _ in range(H)]
    for t in range(1, T + 1):
        s, h_prev = net.slopes(t), net.h[t - 1]
        P = [[[s[i] * (h_prev[j] * (i == k) + sum(net.W_h[m][i] * P[m][j][k] for m in range(H)))
               for k in range(H)] for j in range(H)] for i in range(H)]  # fmt: skip
        for i, j, k in itertools.product(range(H), repeat=3):
            grad[j][k] += net.dh[t - 1][i] * P[i][j][k]
    assert np.allclose(grad, net.backward(), rtol=1e-10)


def test_every_equation_of_the_page_is_evaluated():
    assert set(EQUATIONS) == set(re.findall(r"\((eq-bptt-[a-z-]+)\)", PAGE.read_text("utf-8")))


@pytest.mark.parametrize("label", sorted(EQUATIONS))
def test_equation(label):
    EQUATIONS[label]()


def test_hand_calculation():
    """The page's five pairs: one unit, W_h = 0.5, inputs 0.2, 0.4, 0.7, L = h_2 + h_3."""
    h1 = math.tanh(0.2)
    h2 = math.tanh(0.4 + 0.5 * h1)
    h3 = math.tanh(0.7 + 0.5 * h2)
    s1, s2, s3 = (1 - h * h for h in (h1, h2, h3))
    pairs = [0.2 * 0.5 * s2 * s1, 0.4 * s2, 0.2 * 0.5 * s3 * 0.5 * s2 * s1, 0.4 * 0.5 * s3 * s2,
             0.7 * s3]  # fmt: skip
    assert [round(p, 3) for p in pairs] == [0.076, 0.315, 0.018, 0.073, 0.326]
    assert round(sum(pairs), 3) == 0.808


# --- truncation ------------------------------------------------------------------------------


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 9))
def test_truncated_gradient_equals_autograd_with_detach(seed, window, steps):
    """PyTorch's automatic gradient, step by step with `detach` at the cuts, in float64."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    params = {
        "W_x": rng.normal(size=(2, 3)),
        "W_h": rng.normal(size=(3, 3)),
        "b": rng.normal(size=3),
    }
    xs, dhs = rng.normal(size=(2, steps, 2)), rng.normal(size=(2, steps, 3))
    tensors = {name: torch.tensor(p, requires_grad=True) for name, p in params.items()}
    h, loss = torch.zeros(2, 3, dtype=torch.float64), 0
    for t in range(steps):
        h = h.detach() if t % window == 0 else h
        a = torch.tensor(xs[:, t]) @ tensors["W_x"] + h @ tensors["W_h"] + tensors["b"]
        h = torch.tanh(a)
        loss = loss + (h * torch.tensor(dhs[:, t])).sum()
    loss.backward()
    state, total = None, dict.fromkeys(params, 0)
    for start in range(0, steps, window):
        piece = slice(start, start + window)
        _, state, cache = recurrent.rnn_forward(xs[:, piece], state, params)
        grads = recurrent.rnn_backward(dhs[:, piece], None, cache, params)[2]
        total = {name: total[name] + grads[name] for name in params}
    for name, tensor in tensors.items():
        assert np.allclose(total[name], tensor.grad.numpy(), rtol=1e-9, atol=1e-12), name


def test_a_bit_beyond_the_window_gets_no_gradient():
    """Upstream on the last window alone: inputs before its cut have gradient zero, others not."""
    rng = np.random.default_rng(0)
    params = cells.rnn_init(rng, 1, 5)
    xs = rng.normal(size=(1, 8, 1))
    _, middle, _ = recurrent.rnn_forward(xs[:, :4], None, params)
    _, _, cache = recurrent.rnn_forward(xs[:, 4:], middle, params)
    dhs = np.zeros((1, 4, 5))
    dhs[:, -1] = 1
    dxs, dmiddle, _ = recurrent.rnn_backward(dhs, None, cache, params)
    assert np.all(dxs != 0)
    assert np.any(dmiddle != 0)  # this is what truncation throws away


# --- clipping and checking ---------------------------------------------------------------------


def one_weight(clip):
    """h_t = w h_(t-1), 60 steps from h_0 = 1, loss (h_60 - 0.5)²; returns the last loss."""
    params = {"w": np.array([1.4])}

    def gradients(_):
        w = params["w"][0]
        error = w**60 - 0.5
        return error**2, {"w": np.array([2 * error * 60 * w**59])}

    train.fit(params, gradients, lambda: [0] * 50, 20, optimizer="sgd",
              rate=optim.cosine(0.05, 1000), clip=clip, progress=False)  # fmt: skip
    return gradients(0)[0]


def test_clipping_rescues_a_run_that_dies():
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(FloatingPointError):
        one_weight(clip=None)
    assert one_weight(clip=1.0) < 1e-3


def test_cosine_of_each_way_to_clip():
    """By norm keeps the direction; by value, and array by array, do not. Hand-made gradients."""
    grads = {"a": np.array([3.0, 0.1]), "b": np.array([0.2])}

    def cosine(change):
        copy = {name: g.copy() for name, g in grads.items()}
        change(copy)
        u, v = (np.concatenate(list(g.values())) for g in (grads, copy))
        return u @ v / np.linalg.norm(u) / np.linalg.norm(v)

    assert cosine(lambda g: optim.clip_by_norm(g, 0.5)) > 1 - 1e-12
    assert cosine(lambda g: optim.clip_by_value(g, 0.15)) < 0.85
    assert cosine(lambda g: [optim.clip_by_norm({"x": a}, 0.1) for a in g.values()]) < 0.8


@pytest.mark.parametrize("padded", [5, 10, 50])
def test_a_mean_over_padding_shrinks_the_gradient_in_proportion(padded):
    """The masked loss gives the same gradient at any padding; a plain mean 5/padded of it."""
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(2, padded, 3)), rng.integers(0, 3, (2, padded))
    mask = np.arange(padded) < np.full((2, 1), 5)
    _, masked = functional.cross_entropy(logits, targets, mask)
    _, alone = functional.cross_entropy(logits[:, :5], targets[:, :5])
    assert gradcheck.relative_error(masked[:, :5], alone) < 1e-12
    _, plain = functional.cross_entropy(logits, targets)
    assert gradcheck.relative_error(plain[:, :5] * padded / 5, alone) < 1e-12


@pytest.mark.parametrize("steps", [1, 3])
def test_one_step_hides_a_missing_transpose(steps):
    """gradcheck finds W_h for W_hᵀ over three steps, and cannot over one."""
    rng = np.random.default_rng(1)
    params, xs = cells.rnn_init(rng, 2, 3), rng.normal(size=(2, steps, 2))

    def backward(dhs):
        cache = recurrent.rnn_forward(xs, None, params)[2]
        wrong = params | {"W_h": params["W_h"].T}
        return recurrent.rnn_backward(dhs, None, cache, wrong)[2]

    def check():
        return gradcheck.check_gradient(
            lambda: recurrent.rnn_forward(xs, None, params)[0],
            backward,
            {"W_x": params["W_x"]},
            rng,
        )

    if steps == 1:
        check()
    else:
        with pytest.raises(gradcheck.GradientMismatch, match="W_x"):
            check()


def test_the_first_state_shows_a_missing_transpose_in_one_step():
    """What the only step sends back goes to h0, and nowhere else."""
    rng = np.random.default_rng(2)
    params, xs = cells.rnn_init(rng, 2, 3), rng.normal(size=(2, 1, 2))
    h0 = rng.normal(size=(2, 3))

    def backward(dhs):
        cache = recurrent.rnn_forward(xs, h0, params)[2]
        wrong = params | {"W_h": params["W_h"].T}
        _, dh0, grads = recurrent.rnn_backward(dhs, None, cache, wrong)
        return grads | {"h0": dh0}

    def check(inputs):
        return gradcheck.check_gradient(
            lambda: recurrent.rnn_forward(xs, h0, params)[0], backward, inputs, rng
        )

    check(params)
    with pytest.raises(gradcheck.GradientMismatch, match="h0"):
        check({**params, "h0": h0})


# --- a radius below 1 and a gradient that grows ------------------------------------------------


def test_a_chain_grows_for_seventy_steps():
    """The power of a Jordan block from binomials: radius 0.9, yet 1e5 after 100 steps."""

    def squares(d):
        return sum((8 - j) * (math.comb(d, j) * 0.9**d) ** 2 for j in range(8))

    chain = 0.9 * (np.eye(8) + np.eye(8, k=1))
    for d in (1, 5, 100):
        power = np.linalg.matrix_power(chain, d)
        assert math.isclose((power**2).sum(), squares(d), rel_tol=1e-9)
    assert max(range(200), key=squares) in range(60, 80)
    assert math.sqrt(squares(100) / 8) > 1e5
    slope = (math.log(squares(200)) - math.log(squares(100))) / 200
    assert 0.02 < slope - math.log(0.9) < 0.07
