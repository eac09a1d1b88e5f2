"""Stacked and bidirectional: the chapter's numbers and claims, computed in another way."""

import math

import numpy as np
import pytest

from rnncourse import grading
from rnncourse.nn import cells, layers, recurrent
from rnncourse.nn.gradcheck import relative_error

KINDS = ("rnn", "lstm", "gru")
SIZES = [(3, 7, 4, 5), (1, 2, 1, 1), (5, 4, 2, 3)]  # (N, T, D, H)


def init(kind, rng, D, H):
    """Parameters of a cell with random biases."""
    params = getattr(cells, f"{kind}_init")(rng, D, H)
    return {name: p + 0.3 * rng.standard_normal(p.shape) for name, p in params.items()}


def leaves(tree):
    """The arrays of nested lists, tuples and dicts (by name), in order."""
    if isinstance(tree, np.ndarray):
        return [tree]
    if isinstance(tree, dict):
        return [tree[name] for name in sorted(tree)]
    return [array for part in tree for array in leaves(part)]


def walk(kind, steps, params):
    """Hidden state after each of ``steps``, each (N, D), from a zero state: the bare cell."""
    H, step = len(params["W_h"]), getattr(cells, f"{kind}_step")
    zero = np.zeros((len(steps[0]), H))
    state, found = (zero, zero) if kind == "lstm" else zero, []
    for x in steps:
        state, _ = step(x, state, params)
        found.append(state[0] if kind == "lstm" else state)
    return found


# --- by hand -----------------------------------------------------------------------


def test_hand_calculation():
    """The chapter's three steps, both directions, in plain floats."""
    xs = [1.0, 0.0, 0.5]
    right, left = [0.0], [0.0]
    for x in xs:
        right.append(math.tanh(x + 0.5 * right[-1]))
    for x in reversed(xs):
        left.append(math.tanh(-x + 0.5 * left[-1]))
    assert [round(h, 3) for h in right[1:]] == [0.762, 0.363, 0.593]
    assert [round(h, 3) for h in left[:0:-1]] == [-0.805, -0.227, -0.462]
    # The steps as the page writes them, from rounded values.
    assert [round(0.5 * h, 3) for h in (right[1], right[2])] == [0.381, 0.182]
    assert [round(0.5 * h, 3) for h in (left[1], left[2])] == [-0.231, -0.114]
    pair = tuple(
        {"W_x": np.array([[w]]), "W_h": np.array([[0.5]]), "b": np.zeros(1)} for w in (1.0, -1.0)
    )
    ys, states, _ = layers.bidirectional_forward("rnn", np.array(xs)[None, :, None], None, pair)
    assert relative_error(ys[0], np.stack([right[1:], left[:0:-1]], axis=1)) < 1e-12
    assert relative_error(np.ravel(states), np.array([right[-1], left[-1]])) < 1e-12


# --- eq-deep-bidirectional and eq-deep-stack, one sequence at a time -------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES)
def test_padded_stack_is_each_sequence_alone_by_the_bare_cell(kind, sizes):
    """Two bidirectional layers on a batch padded with rubbish, against cells step by step."""
    N, T, D, H = sizes
    rng = np.random.default_rng(T)
    stack = [tuple(init(kind, rng, d, H) for _ in range(2)) for d in (D, 2 * H)]
    lengths = [T, *rng.integers(1, T + 1, N - 1)]
    mask = np.arange(T) < np.array(lengths)[:, None]
    xs = np.where(mask[..., None], 1.0, 50.0) * rng.standard_normal((N, T, D))
    ys, _, _ = layers.stacked_forward(kind, xs, None, stack, mask)
    assert np.all(ys[~mask] == 0)
    for n, length in enumerate(lengths):
        steps = [xs[n : n + 1, t] for t in range(length)]
        for right, left in stack:
            forward, backward = walk(kind, steps, right), walk(kind, steps[::-1], left)[::-1]
            steps = [np.hstack(both) for both in zip(forward, backward, strict=True)]
        assert relative_error(ys[n, :length], np.concatenate(steps)) < 1e-12


def test_turning_a_padded_batch_without_mask_is_noticed():
    """The clinic's mistake: only a sequence of full length survives it."""
    rng = np.random.default_rng(0)
    params = init("gru", rng, 3, 4)
    xs = rng.standard_normal((2, 6, 3))
    xs[1, 4:] = 0
    naive = recurrent.gru_forward(xs[:, ::-1], None, params)[0][:, ::-1]
    alone = [np.stack(walk("gru", [xs[n : n + 1, t] for t in reversed(range(length))], params), 1)
             for n, length in enumerate([6, 4])]  # fmt: skip
    assert relative_error(naive[:1], alone[0][:, ::-1]) < 1e-12
    assert relative_error(naive[1:, :4], alone[1][:, ::-1]) > 1e-2


# --- the way back: eq-deep-dbidirectional, -dstack, -dresidual, -ddropout ----------------


@pytest.mark.parametrize("kind", KINDS)
def test_joints_of_a_residual_stack(kind):
    """eq-deep-residual and its gradient from single layers, without the stack's own code."""
    rng = np.random.default_rng(3)
    N, T, H = 3, 5, 4
    stack = [init(kind, rng, H, H) for _ in range(3)]
    forward, backward = (getattr(recurrent, f"{kind}_{way}") for way in ("forward", "backward"))
    xs, dys = rng.standard_normal((2, N, T, H))
    y, caches = xs, []
    for depth, params in enumerate(stack):
        hs, _, cache = forward(y, None, params)
        y = hs + y if depth else hs
        caches.append(cache)
    expected, d = [], dys
    for depth in reversed(range(3)):
        through, _, grads = backward(d, None, caches[depth], stack[depth])
        d = through + d if depth else through
        expected.insert(0, grads)
    ys, _, cache = layers.stacked_forward(kind, xs, None, stack, residual=True)
    dxs, _, grads = layers.stacked_backward(kind, dys, None, cache, stack)
    assert relative_error(ys, y) < 1e-12
    assert relative_error(dxs, d) < 1e-12
    for a, b in zip(leaves(grads), leaves(expected), strict=True):
        assert relative_error(a, b) < 1e-12


def test_dropout_keeps_the_mean_and_scales_the_gradient():
    """eq-deep-dropout and eq-deep-ddropout: values 0 or y / (1 - p), the same mask both ways."""
    ys = np.random.default_rng(1).standard_normal((40, 50, 60))
    dropped, keep = layers.dropout_forward(ys, 0.25, np.random.default_rng(2))
    kept = dropped != 0
    assert relative_error(dropped[kept], ys[kept] / 0.75) < 1e-12
    assert abs(kept.mean() - 0.75) < 0.01
    back = layers.dropout_backward(np.ones_like(ys), keep)
    assert relative_error(back, kept / 0.75) < 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_gradient_through_sixteen_lstm_layers(seed):
    """The claim by autograd: PyTorch's own stack, its gates drawn Xavier-uniform like ours."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    H, T, N = 32, 20, 8

    def arriving(residual):
        xs = torch.randn(N, T, H, requires_grad=True)
        y = xs
        for depth in range(16):
            layer = torch.nn.LSTM(H, H, batch_first=True)
            for name, p in layer.named_parameters():
                if name.startswith("weight"):
                    for gate in p.data.chunk(4):
                        torch.nn.init.xavier_uniform_(gate)
                else:
                    p.data.zero_()
            layer.bias_ih_l0.data[H : 2 * H] = 1.0  # PyTorch's order is i, f, g, o as well
            y = layer(y)[0] + (y if residual and depth else 0)
        d = torch.randn_like(y)
        y.backward(d / d.norm())
        return xs.grad.norm().item()

    assert arriving(residual=False) < 0.01
    assert 0.5 < arriving(residual=True) < 5


# --- eq-deep-additive and eq-deep-four ---------------------------------------------------


@pytest.mark.parametrize(("depth", "sum_holds"), [(1, True), (2, False)])
@pytest.mark.parametrize("kind", KINDS)
def test_one_layer_adds_past_and_future(kind, depth, sum_holds):
    """Change a word before, one after, or both: in one layer the effects add, in two not."""
    rng = np.random.default_rng(4)
    D, H = 3, 4
    stack = [tuple(init(kind, rng, d, H) for _ in range(2)) for d in [D, 2 * H][:depth]]
    xs = np.tile(rng.standard_normal((1, 7, D)), (4, 1, 1))
    xs[2:, 1] = rng.standard_normal(D)
    xs[1::2, 5] = rng.standard_normal(D)
    W_y, b_y = rng.standard_normal((2 * H, 2)), rng.standard_normal(2)
    s = (layers.stacked_forward(kind, xs, None, stack)[0] @ W_y + b_y)[:, 3]
    gap = abs(s[0] + s[3] - s[1] - s[2]).max()
    assert (gap < 1e-12) == sum_holds
    assert sum_holds or gap > 1e-4


def test_best_additive_score_for_the_two_colours_is_a_coin():
    """Cost of the four sentences over a grid of additive scores: never below ln 2."""
    grid = np.linspace(-4, 4, 17)
    past_red, past_blue, future_red, future_blue = np.meshgrid(*[grid] * 4)
    cost = sum(
        np.logaddexp(0, -sign * (past + future)) / 4
        for past, future, sign in [
            (past_red, future_red, 1),
            (past_blue, future_blue, 1),
            (past_red, future_blue, -1),
            (past_blue, future_red, -1),
        ]
    )
    assert abs(cost.min() - math.log(2)) < 1e-12


# --- the exercises, solved in another way than their solutions ----------------------------


def both_ways_one_by_one(xs, mask, W_xf, W_hf, b_f, W_xb, W_hb, b_b):
    """Each sequence alone, cut to its own length."""
    (N, T, _), H = xs.shape, len(b_f)
    hs, summary = np.zeros((N, T, 2 * H)), np.zeros((N, 2 * H))
    for n in range(N):
        length = int(mask[n].sum())
        for half, order, W_x, W_h, b in [
            (slice(0, H), range(length), W_xf, W_hf, b_f),
            (slice(H, None), reversed(range(length)), W_xb, W_hb, b_b),
        ]:
            h = np.zeros(H)
            for t in order:
                h = hs[n, t, half] = np.tanh(xs[n, t] @ W_x + h @ W_h + b)
            summary[n, half] = h
    return hs, summary


def stack_by_recursion(xs, W_x, W_h, b, kept, rate, below=0.0):
    """The lowest layer, then the stack on top of it."""
    h, hs = np.zeros_like(xs[:, 0]), []
    for t in range(xs.shape[1]):
        h = np.tanh(xs[:, t] @ W_x[0] + h @ W_h[0] + b[0])
        hs.append(h)
    ys = below + np.stack(hs, axis=1)
    if len(W_x) == 1:
        return ys, h[None]
    dropped = np.where(kept[0], ys / (1 - rate), 0)
    ys, above = stack_by_recursion(dropped, W_x[1:], W_h[1:], b[1:], kept[1:], rate, ys)
    return ys, np.concatenate([h[None], above])


def influence_by_running_all_at_once(xs, W_x, W_h, b):
    """One large batch that holds every erased copy; the network is the package's."""
    N, T, _ = xs.shape
    copies = np.where(np.eye(T)[:, None, :, None], 0.0, xs[None]).reshape(T * N, T, -1)
    pair = tuple({"W_x": W_x[k], "W_h": W_h[k], "b": b[k]} for k in (0, 1))
    before, after = (layers.bidirectional_forward("rnn", x, None, pair)[0] for x in (xs, copies))
    change = after.reshape(T, N, T, -1) - before
    power = (change**2).mean(axis=(1, 3)).T
    return np.sqrt(power), np.array([row[t + 1 :].sum() / row.sum() for t, row in enumerate(power)])


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("deep_ex_01", both_ways_one_by_one),
        ("deep_ex_02", stack_by_recursion),
        ("deep_ex_03", influence_by_running_all_at_once),
    ],
)
def test_another_right_answer_gets_full_marks(name, function):
    result = grading.check(name, function)
    assert result.points == result.max_points, result.text


def test_third_exercise_tells_an_honest_reader_from_a_cheat():
    """With its backward half silenced, no place sees a later one; otherwise all but the last do."""
    rng = np.random.default_rng(5)
    xs, W_x = rng.standard_normal((3, 6, 2)), rng.standard_normal((2, 2, 4))
    W_h, b = rng.standard_normal((2, 4, 4)) / 2, np.zeros((2, 4))
    influence, future = influence_by_running_all_at_once(xs, W_x, W_h, b)
    assert np.all(influence > 0)
    assert np.all(future[:-1] > 0.01)
    assert future[-1] == 0
    W_x[1] = 0
    influence, future = influence_by_running_all_at_once(xs, W_x, W_h, b)
    assert np.all(np.triu(influence, 1) == 0)
    assert np.all(future == 0)


def test_second_exercise_is_the_package_s_stack():
    """Its dropout and residuals stand where those of layers.stacked_forward stand."""
    rng = np.random.default_rng(6)
    L, N, T, H, rate = 3, 2, 5, 4, 0.3
    stack = [init("rnn", rng, H, H) for _ in range(L)]
    xs = rng.standard_normal((N, T, H))
    ours, lasts, cache = layers.stacked_forward(
        "rnn", xs, None, stack, dropout=rate, rng=rng, residual=True
    )
    kept = np.stack([keep != 0 for keep in cache.keeps[1:]])
    W_x, W_h, b = (np.stack([p[name] for p in stack]) for name in ("W_x", "W_h", "b"))
    ys, last = stack_by_recursion(xs, W_x, W_h, b, kept, rate)
    assert relative_error(ours, ys) < 1e-12
    assert relative_error(np.stack(lasts), last) < 1e-12
