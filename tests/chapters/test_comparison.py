"""The chapter comparison: tasks of memory, and networks of equal size."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse import comparison, data, interop, plot
from rnncourse.data import tasks
from rnncourse.nn import functional, gradcheck, initializers, layers, optim, recurrent

QUIET = settings(deadline=None, derandomize=True, max_examples=25)


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- tasks.adding ----------------------------------------------------------------------


@QUIET
@given(N=st.integers(1, 20), T=st.integers(2, 30), seed=st.integers(0, 99))
def test_adding_marks_one_number_in_each_half(N, T, seed):
    """The sum is that of the two marked numbers, added here by a loop."""
    xs, sums = tasks.adding(rng(seed), N, T)
    assert xs.shape == (N, T, 2)
    for x, found in zip(xs, sums, strict=True):
        first, second = np.flatnonzero(x[:, 1])
        assert first < T // 2 <= second
        assert found == pytest.approx(x[first, 0] + x[second, 0])
    assert set(np.unique(xs[..., 1])) <= {0, 1}
    assert 0 <= xs.min() <= xs.max() < 1.0 + 1e-9


def test_always_one_errs_by_a_sixth():
    """The variance of a sum of two uniform numbers; its density tells who comes within 0.04."""
    xs, sums = data.load("adding", rng=rng(), N=40_000, T=8)
    assert np.mean((sums - 1) ** 2) == pytest.approx(1 / 6, abs=0.004)
    assert np.mean(abs(sums - 1) < 0.04) == pytest.approx(0.0784, abs=0.005)
    places = xs[..., 1].mean(axis=0)  # every place of a half is marked as often
    np.testing.assert_allclose(places, 1 / 4, atol=0.01)


@pytest.mark.parametrize(("N", "T"), [(0, 5), (3, 1), (-1, 9)])
def test_adding_says_what_it_needs(N, T):
    with pytest.raises(ValueError, match=f"N = {N}, T = {T}; expected"):
        tasks.adding(rng(), N, T)


# ---- tasks.copy_memory -----------------------------------------------------------------


@QUIET
@given(N=st.integers(1, 9), T=st.integers(1, 40), seed=st.integers(0, 99))
def test_copying_asks_for_the_ten_digits_at_the_end(N, T, seed):
    """As Bai et al. describe it: 10 digits, T - 1 zeros, 11 nines; T + 20 in all."""
    ids, targets = tasks.copy_memory(rng(seed), N, T)
    assert ids.shape == targets.shape == (N, T + 20)
    for x, y in zip(ids.tolist(), targets.tolist(), strict=True):
        assert x[10:] == [0] * (T - 1) + [9] * 11
        assert y == [0] * (T + 10) + x[:10]
        assert set(x[:10]) <= set(range(1, 9))


def test_guessing_the_digits_costs_what_is_said():
    """Certain zeros, then one of eight: 10 ln 8 / (T + 20), 0.0204 at T = 1000."""
    ids, targets = data.load("copy_memory", rng=rng(), N=50, T=30)
    logits = np.full((*ids.shape, 10), -1e9)
    logits[:, :-10, 0] = logits[:, -10:, 1:9] = 0
    loss, _ = functional.cross_entropy(logits, targets)
    assert loss == pytest.approx(10 * math.log(8) / 50)
    assert round(10 * math.log(8) / 1020, 4) == 0.0204
    counts = np.bincount(targets[:, -10:].ravel(), minlength=10)
    assert counts[0] == counts[9] == 0
    assert counts[1:9].min() > 0


@pytest.mark.parametrize(("N", "T"), [(0, 5), (3, 0)])
def test_copying_says_what_it_needs(N, T):
    with pytest.raises(ValueError, match=f"N = {N}, T = {T}; both"):
        tasks.copy_memory(rng(), N, T)


@pytest.mark.parametrize("name", ["adding", "copy_memory"])
def test_same_seed_same_task(name):
    one, two = (data.load(name, rng=rng(5), N=3, T=7) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# ---- initializers.orthogonal -----------------------------------------------------------


def test_orthogonal_keeps_lengths_and_is_uniform():
    """QᵀQ = 1; without the signs of R the diagonal of Q would have negative mean."""
    draws = np.array([initializers.orthogonal(rng(k), 4) for k in range(300)])
    np.testing.assert_allclose(
        draws.swapaxes(1, 2) @ draws, np.tile(np.eye(4), (300, 1, 1)), atol=1e-12
    )
    assert abs(draws.mean(axis=0)).max() < 0.12
    assert initializers.orthogonal(rng(), 3, np.float32).dtype == np.float32


# ---- equal size ---------------------------------------------------------------------------


def test_parameters_by_hand():
    """D = 2, H = 3, V = 1: 2·3 + 3·3 + 3 = 18 a block, and 3 + 1 for the answer."""
    counted = {kind: comparison.parameters(kind, 2, 3, 1) for kind in comparison.KINDS}
    one_way = {"rnn": 22, "irnn": 22, "lstm": 76, "gru": 61}
    assert counted == one_way | {"birnn": 43, "bilstm": 151, "bigru": 121}


@QUIET
@given(
    kind=st.sampled_from(comparison.KINDS),
    D=st.integers(1, 5),
    H=st.integers(1, 6),
    V=st.integers(1, 4),
    span=st.sampled_from([None, 3, 50]),
)
def test_parameters_counts_what_init_makes(kind, D, H, V, span):
    params = comparison.init(rng(), kind, D, H, V, span=span)
    made = sum(p.size for p in optim.leaves(params).values())
    assert made == comparison.parameters(kind, D, H, V)


@QUIET
@given(
    kind=st.sampled_from(comparison.KINDS),
    D=st.integers(1, 40),
    V=st.integers(1, 20),
    budget=st.integers(700, 30_000),
)
def test_width_comes_nearest_to_the_budget(kind, D, V, budget):
    """No other width is nearer: all are tried."""
    H = comparison.width(kind, D, V, budget)
    away = [abs(comparison.parameters(kind, D, h, V) - budget) for h in range(1, 190)]
    assert int(np.argmin(away)) == H - 1


def test_what_equal_size_refuses():
    with pytest.raises(ValueError, match=r"unknown kind 'transformer'; expected one of \('rnn'"):
        comparison.width("transformer", 1, 1, 100)
    with pytest.raises(ValueError, match=r"budget = 20; a bilstm of one unit .* has 43 parameters"):
        comparison.width("bilstm", 3, 1, 20)
    with pytest.raises(ValueError, match="H"):
        comparison.parameters("rnn", 2, 0, 1)
    with pytest.raises(ValueError, match="span = 2; expected at least 3"):
        comparison.init(rng(), "gru", 2, 3, 1, span=2)


@pytest.mark.parametrize("kind", comparison.KINDS)
def test_parameters_equal_the_libraries(kind):
    """PyTorch has a second bias in every block, which adds nothing; Keras counts as we do."""
    cell, ways = comparison.split_kind(kind)
    D, H = 3, 5
    params = comparison.init(rng(), kind, D, H, 1)["cell"]
    ours = comparison.parameters(kind, D, H, 1) - (ways * H + 1)
    cell = cell.removeprefix("i")  # ReLU or tanh, the weights are the same
    torch_count = sum(p.numel() for p in interop.to_torch(cell, params).parameters())
    second = {"rnn": 1, "lstm": 4, "gru": 2}[cell]  # the GRU's own second bias is b_hn
    assert torch_count == ours + ways * second * H


# ---- the start ----------------------------------------------------------------------------


def test_long_memory_biases():
    """LSTM: forget ln u, input -ln u; GRU: update ln u, the rest zero; u up to span - 1."""
    H, span = 400, 101
    i, f, g, o = np.split(comparison.init(rng(), "lstm", 2, H, 1, span=span)["cell"]["b"], 4)
    r, z, n = np.split(comparison.init(rng(), "gru", 2, H, 1, span=span)["cell"]["b"], 3)
    np.testing.assert_array_equal(i, -f)
    assert not np.any([*g, *o, *r, *n])
    for bias in (f, z):
        u = np.exp(bias)
        assert u.min() >= 1
        assert u.max() <= span - 1
        assert u.mean() == pytest.approx(50.5, abs=5)
    for kind in ("rnn", "irnn"):
        plain = comparison.init(rng(), kind, 2, 4, 1)
        with_span = comparison.init(rng(), kind, 2, 4, 1, span=span)
        pairs = zip(optim.leaves(plain).values(), optim.leaves(with_span).values(), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("kind", comparison.KINDS)
def test_weights_over_time_are_orthogonal_gate_by_gate(kind):
    cell = comparison.init(rng(), kind, 2, 4, 1)["cell"]
    for p in cell if isinstance(cell, tuple) else (cell,):
        for block in np.split(p["W_h"], p["W_h"].shape[1] // 4, axis=1):
            np.testing.assert_allclose(block @ block.T, np.eye(4), atol=1e-12)


def test_irnn_starts_as_the_identity():
    """Without input the memory stays: W_h = 1 and b = 0, whatever the dtype."""
    cell = comparison.init(rng(), "irnn", 2, 4, 1, np.float32)["cell"]
    np.testing.assert_array_equal(cell["W_h"], np.eye(4))
    assert cell["W_h"].dtype == np.float32
    xs = np.zeros((3, 6, 2), np.float32)
    xs[:, 0] = rng(1).standard_normal((3, 2))
    hs, last, _ = comparison.relu_forward(xs, cell)
    np.testing.assert_array_equal(last, np.maximum(xs[:, 0] @ cell["W_x"], 0))
    np.testing.assert_array_equal(hs[:, 5], last)


# ---- the simple cell with ReLU ----------------------------------------------------------------


def test_relu_cell_by_plain_floats():
    """One unit, by hand: 1·2 = 2, then -1·2 + 0.5·2 - 0.5 < 0 → 0, then 3·2 - 0.5 = 5.5."""
    p = {"W_x": np.array([[2.0]]), "W_h": np.array([[0.5]]), "b": np.array([-0.5])}
    hs, last, _ = comparison.relu_forward(np.array([[[1.25], [-1.0], [3.0]]]), p)
    assert hs.ravel().tolist() == [2.0, 0.0, 5.5]
    assert last.item() == 5.5


def test_relu_cell_equals_pytorch():
    """Outputs and the gradients of all weights, random asymmetric upstream; odd sizes."""
    torch = pytest.importorskip("torch")
    g, (N, T, D, H) = rng(4), (3, 7, 2, 5)
    p = {name: 0.6 * g.standard_normal(shape)
         for name, shape in {"W_x": (D, H), "W_h": (H, H), "b": (H,)}.items()}  # fmt: skip
    xs, dhs, dlast = (g.standard_normal(shape) for shape in [(N, T, D), (N, T, H), (N, H)])
    module = torch.nn.RNN(D, H, nonlinearity="relu", batch_first=True, dtype=torch.float64)
    module.load_state_dict(interop.to_torch("rnn", p).state_dict())
    theirs, end = module(torch.tensor(xs))
    torch.autograd.backward([theirs, end], [torch.tensor(dhs), torch.tensor(dlast[None])])
    hs, last, cache = comparison.relu_forward(xs, p)
    grads = comparison.relu_backward(dhs, dlast, cache, p)
    pairs = [
        (hs, theirs.detach()), (last, end[0].detach()),
        (grads["W_x"], module.weight_ih_l0.grad.T), (grads["W_h"], module.weight_hh_l0.grad.T),
        (grads["b"], module.bias_ih_l0.grad),
    ]  # fmt: skip
    for ours, other in pairs:
        assert gradcheck.relative_error(ours, other.numpy()) < 1e-10


def test_relu_cell_ignores_what_is_masked():
    """NaN under the mask changes neither outputs nor gradients; a state goes past it."""
    g = rng(5)
    p = comparison.init(g, "irnn", 2, 3, 1)["cell"]
    xs = g.standard_normal((2, 4, 2))
    mask = np.array([[1, 0, 1, 1], [1, 1, 1, 1]])
    spoilt = xs.copy()
    spoilt[0, 1] = np.nan
    dhs, dlast = g.standard_normal((2, 4, 3)), g.standard_normal((2, 3))
    found = []
    for inputs in (xs, spoilt):
        hs, last, cache = comparison.relu_forward(inputs, p, mask)
        found.append([hs, last, *comparison.relu_backward(dhs, dlast, cache, p).values()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not found[0][0][0, 1].any()
    alone = comparison.relu_forward(xs[:1, [0, 2, 3]], p)[1]
    np.testing.assert_allclose(found[0][1][:1], alone, atol=1e-12)


def test_relu_cell_refuses_wrong_shapes():
    p = comparison.init(rng(), "irnn", 2, 3, 1)["cell"]
    with pytest.raises(ValueError, match="W_x"):
        comparison.relu_forward(np.zeros((1, 2, 5)), p)
    _, _, cache = comparison.relu_forward(np.zeros((1, 2, 2)), p)
    with pytest.raises(ValueError, match="doutputs has shape"):
        comparison.relu_backward(np.zeros((1, 2, 4)), None, cache, p)


# ---- the network ----------------------------------------------------------------------------


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("kind", comparison.KINDS)
def test_gradient_of_the_network(kind, last):
    """Central differences, with a mask, random upstream gradient."""
    g = rng(3)
    params = comparison.init(g, kind, 2, 3, 2)
    xs = g.standard_normal((3, 5, 2))
    mask = np.arange(5) < np.array([5, 2, 3])[:, None]

    def backward(dys):
        _, cache = comparison.forward(kind, xs, params, mask, last)
        return optim.leaves(comparison.backward(kind, dys, cache, params))

    errors = gradcheck.check_gradient(
        lambda: comparison.forward(kind, xs, params, mask, last)[0],
        backward, optim.leaves(params), g,
    )  # fmt: skip
    assert max(errors.values()) < 1e-7


@pytest.mark.parametrize("kind", ["lstm", "bilstm", "gru", "bigru"])
def test_last_reads_each_direction_at_its_own_end(kind):
    """Padding does not reach the answer; the forward half ends at the last real step."""
    g = rng(4)
    params = comparison.init(g, kind, 2, 3, 2)
    xs, mask = g.standard_normal((2, 6, 2)), np.arange(6) < np.array([6, 4])[:, None]
    ys, _ = comparison.forward(kind, xs, params, mask, last=True)
    alone, _ = comparison.forward(kind, xs[1:, :4], params, last=True)
    np.testing.assert_allclose(ys[1:], alone, atol=1e-12)
    every, _ = comparison.forward(kind, xs[1:, :4], params)
    assert every.shape == (1, 4, 2)
    if comparison.split_kind(kind)[1] == 1:
        np.testing.assert_allclose(every[:, -1], alone, atol=1e-12)
    else:  # hs[:, -1] holds the backward direction after one step: that is not its end
        assert abs(every[:, -1] - alone).max() > 1e-3


def test_the_network_learns():
    """Adding over ten steps, from 1/6 to less than a quarter of it."""
    g = rng(0)
    params = comparison.init(g, "gru", 2, 16, 1, np.float32, span=10)
    state, losses = optim.adam_init(params), []
    for _ in range(250):
        xs, sums = tasks.adding(g, 32, 10)
        ys, cache = comparison.forward("gru", xs.astype(np.float32), params, last=True)
        loss, dys = functional.squared_error(ys, sums[:, None].astype(np.float32))
        grads = comparison.backward("gru", dys, cache, params)
        optim.adam_step(params, grads, state, 0.01)
        losses.append(loss)
    assert np.mean(losses[-20:]) < 1 / 24
    assert params["cell"]["W_x"].dtype == np.float32


def test_one_layer_is_the_layer_of_the_package():
    """Nothing is between the layer and the dense one."""
    g = rng(6)
    params, xs = comparison.init(g, "lstm", 2, 3, 2), g.standard_normal((2, 4, 2))
    hs, _, _ = recurrent.lstm_forward(xs, None, params["cell"])
    ys, _ = comparison.forward("lstm", xs, params)
    np.testing.assert_allclose(ys, layers.dense_forward(hs, params["output"]), atol=1e-12)


def test_learning_curves_count_in_the_steps_given():
    """Three values, 20 updates apart: 20, 40, 60; the best is marked at its own."""
    ax = plot.learning_curves({"loss": [3.0, 1.0, 2.0]}, every=20, best=1, xlabel="updates")
    curve, mark = ax.get_lines()
    assert curve.get_xdata().tolist() == [20, 40, 60]
    assert mark.get_xdata()[0] == 40
