"""The gated recurrent unit: the page's hand values and claims against independent computation.

Gradients of the cells are checked in test_cells.py; here are the numbers, identities and
counts that the chapter states, and what its exercises rest on.
"""

import math
from pathlib import Path

import numpy as np
import pytest

from rnncourse.grading.exercise import build, load, read_notebook
from rnncourse.nn import cells
from rnncourse.nn.gradcheck import relative_error

ROOT = Path(__file__).resolve().parents[2]


def exercise(number):
    """The reference function of one exercise."""
    path = ROOT / "solutions" / f"gru_sol_0{number}.ipynb"
    found = load(read_notebook(path))
    return build(found, found.source)


def make(N=4, D=3, H=5, seed=0, extra_bias=True):
    """x, h_prev and random parameters, no two alike."""
    rng = np.random.default_rng(seed)
    shapes = cells.gru_init(rng, D, H, reset_after=extra_bias)
    params = {k: rng.standard_normal(p.shape) for k, p in shapes.items()}
    return rng.standard_normal((N, D)), rng.uniform(-1, 1, (N, H)), params


def sigma(a):
    return 1 / (1 + math.exp(-a))


def by_floats(x, h, params, reset_after):
    """One step for one sequence, by plain Python floats: (r, z, n, h)."""
    H, D = len(h), len(x)
    W_x, W_h, b = (params[k].tolist() for k in ("W_x", "W_h", "b"))

    def a_x(block, j):
        k = block * H + j
        return b[k] + sum(x[d] * W_x[d][k] for d in range(D))

    def a_h(block, j, memory):
        return sum(memory[i] * W_h[i][block * H + j] for i in range(H))

    r = [sigma(a_x(0, j) + a_h(0, j, h)) for j in range(H)]
    z = [sigma(a_x(1, j) + a_h(1, j, h)) for j in range(H)]
    if reset_after:
        b_hn = params["b_hn"].tolist()
        part = [r[j] * (a_h(2, j, h) + b_hn[j]) for j in range(H)]
    else:
        reset = [r[i] * h[i] for i in range(H)]
        part = [a_h(2, j, reset) for j in range(H)]
    n = [math.tanh(a_x(2, j) + part[j]) for j in range(H)]
    return r, z, n, [(1 - z[j]) * n[j] + z[j] * h[j] for j in range(H)]


# ---- the step ----------------------------------------------------------------


@pytest.mark.parametrize("reset_after", [True, False])
def test_step_by_plain_floats(reset_after):
    """Gates, candidate and memory of both variants, every sequence and unit."""
    x, h, params = make(extra_bias=reset_after)
    step = cells.gru_step if reset_after else cells.gru_reset_before_step
    new, cache = step(x, h, params)
    for i in range(len(x)):
        expected = by_floats(x[i].tolist(), h[i].tolist(), params, reset_after)
        found = (cache.r[i], cache.z[i], cache.n[i], new[i])
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def hand():
    """The chapter's two units."""
    return {
        "W_x": np.array([[0, 2, 2, -2, 0.5, 1]]),
        "W_h": np.array([[0, 0, 0, 0, 1, -1], [0, 0, 0, 0, 1, 1.0]]),
        "b": np.zeros(6),
        "b_hn": np.array([0.2, 0]),
    }


def test_two_units_by_hand():
    """Each number that the hand calculation prints, from σ and tanh alone."""
    h, cache = cells.gru_step(np.array([[1.0]]), np.array([[0.8, -0.4]]), hand())
    r, z = [0.5, sigma(2)], [sigma(2), sigma(-2)]
    n = [math.tanh(0.5 + 0.5 * 0.6), math.tanh(1 - 1.2 * sigma(2))]
    np.testing.assert_allclose(cache.r[0], r, rtol=1e-12)
    np.testing.assert_allclose(cache.z[0], z, rtol=1e-12)
    np.testing.assert_allclose(cache.inside[0], [0.6, -1.2], rtol=1e-12)
    np.testing.assert_allclose(cache.n[0], n, rtol=1e-12)
    np.testing.assert_allclose(h[0].round(3), [0.784, -0.098])


def test_both_variants_of_the_hand_calculation():
    """What the page says the reset gate leaves of the memory, after and before the product."""
    params = hand()
    r = np.array([0.5, sigma(2)])
    h, W_hn = np.array([0.8, -0.4]), params["W_h"][:, 4:]
    np.testing.assert_allclose((r * (h @ W_hn)).round(3), [0.2, -1.057])
    np.testing.assert_allclose((r * h).round(3), [0.4, -0.352])
    np.testing.assert_allclose(((r * h) @ W_hn).round(3), [0.048, -0.752])
    del params["b_hn"]
    _, cache = cells.gru_reset_before_step(np.array([[1.0]]), h[None], params)
    np.testing.assert_allclose(cache.n[0], np.tanh([0.5, 1] + (r * h) @ W_hn), rtol=1e-12)


# ---- variants and conventions --------------------------------------------------


def gap_of_variants(H, same_r, seed):
    x, h, params = make(H=H, seed=seed)
    params["b_hn"][:] = 0
    if same_r:
        for name in ("W_x", "W_h", "b"):
            params[name][..., :H] = params[name][..., :1]
    before = {k: p for k, p in params.items() if k != "b_hn"}
    after = cells.gru_step(x, h, params)[0]
    return abs(after - cells.gru_reset_before_step(x, h, before)[0]).max()


@pytest.mark.parametrize("seed", range(5))
def test_variants_agree_for_one_unit_or_equal_r_only(seed):
    assert gap_of_variants(1, same_r=False, seed=seed) < 1e-14
    assert gap_of_variants(6, same_r=True, seed=seed) < 1e-14
    assert gap_of_variants(6, same_r=False, seed=seed) > 0.05


def test_one_unit_with_the_extra_bias_has_no_reset_before_twin():
    """b_hn = 0 is part of the claim: with it even one unit differs."""
    x, h, params = make(H=1)
    before = {k: p for k, p in params.items() if k != "b_hn"}
    gap = cells.gru_step(x, h, params)[0] - cells.gru_reset_before_step(x, h, before)[0]
    assert abs(gap).max() > 0.01


def test_negated_z_columns_are_chungs_cell():
    """eq-gru-chung by plain floats; negating twice gives the parameters back."""
    x, h, params = make()
    sign = np.repeat([1, -1, 1], 5)
    other = params | {k: params[k] * sign for k in ("W_x", "W_h", "b")}
    expected = cells.gru_step(x, h, params)[0]
    for i in range(len(x)):
        _, z, n, _ = by_floats(x[i].tolist(), h[i].tolist(), other, reset_after=True)
        chung = [(1 - z[j]) * h[i, j] + z[j] * n[j] for j in range(5)]
        np.testing.assert_allclose(chung, expected[i], rtol=1e-12)


def test_extra_bias_cannot_be_moved_but_that_of_the_gates_can():
    """PyTorch's pair of biases: summed for r and z, apart for n."""
    import torch

    x, h, params = make()
    rng = np.random.default_rng(3)
    cell = torch.nn.GRUCell(3, 5, dtype=torch.float64)
    other = rng.standard_normal(10)  # any split of the sum computes the same
    values = {
        "weight_ih": params["W_x"].T,
        "weight_hh": params["W_h"].T,
        "bias_ih": params["b"] - np.r_[other, np.zeros(5)],
        "bias_hh": np.r_[other, params["b_hn"]],
    }
    cell.load_state_dict({k: torch.tensor(np.array(v)) for k, v in values.items()})
    theirs = cell(torch.tensor(x), torch.tensor(h)).detach().numpy()
    assert relative_error(cells.gru_step(x, h, params)[0], theirs) < 1e-14
    summed = params | {"b": params["b"] + np.r_[np.zeros(10), params["b_hn"]]}
    summed["b_hn"] = np.zeros(5)
    assert relative_error(cells.gru_step(x, h, summed)[0], theirs) > 0.02


def test_parameter_counts_of_both_libraries():
    """3(DH + HH + H) + H, after the second biases of r and z are taken off."""
    import keras
    import torch

    D, H = 7, 5
    gru = 3 * (D * H + H * H + H) + H
    assert sum(p.size for p in cells.gru_init(np.random.default_rng(0), D, H).values()) == gru
    assert sum(p.numel() for p in torch.nn.GRU(D, H).parameters()) == gru + 2 * H
    for options, expected in [({}, gru + 2 * H), ({"reset_after": False}, gru - H)]:
        layer = keras.layers.GRU(H, **options)
        layer.build((None, None, D))
        assert layer.count_params() == expected


def test_networks_of_the_experiment_are_of_the_size_the_page_says():
    """GRU 57, plain cell 54 and 270: the baselines have no fewer parameters, or as many."""
    rng = np.random.default_rng(0)
    made = cells.gru_init(rng, 2, 3), cells.rnn_init(rng, 2, 6), cells.rnn_init(rng, 2, 15)
    assert [sum(p.size for p in cell.values()) for cell in made] == [57, 54, 270]


def test_reset_gate_alone_keeps_a_running_total():
    """One unit, z shut, r = 1 but at a mark: the total since the mark, to the tanh's bend."""
    small = 0.01  # so that tanh(a) = a to 1e-4 of a
    params = {
        "W_x": np.array([[0.0, 0, small], [-60, 0, 0]]),  # rows: value, mark
        "W_h": np.array([[0.0, 0, 1]]),
        "b": np.array([30.0, -30, 0]),
        "b_hn": np.zeros(1),
    }
    value, mark = np.array([0.5, 0.2, -0.9, 0.4, 0.4, 0.1]), np.array([1, 0, 0, 1, 0, 0])
    xs = np.stack([value, mark], axis=1)[None]
    hs, _, _ = cells.unroll(cells.gru_step, xs, np.full((1, 1), 0.7), params)
    np.testing.assert_allclose(hs[0, :, 0] / small, [0.5, 0.7, -0.2, 0.4, 0.8, 0.9], rtol=1e-3)


# ---- shares --------------------------------------------------------------------


@pytest.mark.parametrize("reset_after", [True, False])
def test_memory_is_the_average_of_its_candidates(reset_after):
    """eq-gru-shares: the shares of gru_ex_03 rebuild the last memory and add up to one."""
    rng = np.random.default_rng(1)
    _, h, params = make(extra_bias=reset_after)
    step = cells.gru_step if reset_after else cells.gru_reset_before_step
    xs = rng.standard_normal((4, 9, 3))
    _, last, cache = cells.unroll(step, xs, h, params)
    for i in range(4):
        zs = np.array([c.z[i] for c in cache.steps])
        ns = np.array([c.n[i] for c in cache.steps])
        written, left, _ = exercise(3)(zs)
        np.testing.assert_allclose(written.sum(axis=0) + left, 1, rtol=1e-12)
        np.testing.assert_allclose((written * ns).sum(axis=0) + left * h[i], last[i], rtol=1e-12)


def test_half_life_halves():
    """A constant gate: after half_life steps half is left; 0.9 takes 6.6 steps (the quiz)."""
    zs = np.array([[0.9, 0.5, sigma(4)]] * 3)
    _, left, half_life = exercise(3)(zs)
    np.testing.assert_allclose(left, zs[0] ** 3, rtol=1e-12)
    np.testing.assert_allclose(zs[0] ** half_life, 0.5, rtol=1e-12)
    np.testing.assert_allclose(half_life.round(1), [6.6, 1, 38.2])
    assert 0.9**6 > 0.5 > 0.9**7


def test_kept_memory_passes_its_gradient_on_directly():
    """W_h = 0: the gradient travels back by the product of z alone (eq-gru-dx)."""
    rng = np.random.default_rng(2)
    _, h, params = make()
    params["W_h"][:] = 0
    xs, dlast = rng.standard_normal((4, 6, 3)), rng.standard_normal((4, 5))
    hs, _, cache = cells.unroll(cells.gru_step, xs, h, params)
    back = cells.unroll_backward(cells.gru_step_backward, np.zeros_like(hs), dlast, cache, params)
    left = np.prod([c.z for c in cache.steps], axis=0)
    np.testing.assert_allclose(back[1], left * dlast, rtol=1e-12)


# ---- exercises -----------------------------------------------------------------


def test_loader_of_exercise_two_against_keras():
    """gru_ex_02 moves a real layer's weights: same memory after a sequence."""
    import keras

    rng = np.random.default_rng(4)
    layer = keras.layers.GRU(5, dtype="float64")
    layer.build((None, None, 3))
    layer.set_weights([rng.standard_normal(w.shape) for w in layer.get_weights()])
    names = ("W_x", "W_h", "b", "b_hn")
    params = dict(zip(names, exercise(2)(*layer.get_weights()), strict=True))
    xs = rng.standard_normal((4, 6, 3))
    _, last, _ = cells.unroll(cells.gru_step, xs, np.zeros((4, 5)), params)
    assert relative_error(last, np.asarray(layer(xs))) < 1e-12


def test_exercises_one_and_four_are_the_cell():
    x, h, params = make()
    new, cache = cells.gru_step(x, h, params)
    found = exercise(1)(x, h, *params.values())
    for a, b in zip(found, (cache.r, cache.z, cache.n, new), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    dh = np.random.default_rng(5).standard_normal(h.shape)
    dx, dh_prev, grads = cells.gru_step_backward(dh, cache, params)
    found = exercise(4)(dh, *cache, params["W_x"], params["W_h"])
    for a, b in zip(found, (dx, dh_prev, *grads.values()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
