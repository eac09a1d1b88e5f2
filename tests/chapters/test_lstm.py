"""LSTM: the chapter's hand calculations, its variants, its data and its exercises' points."""

import math

import numpy as np
import pytest

from rnncourse import data
from rnncourse.data import tasks
from rnncourse.nn import cells
from rnncourse.nn.gradcheck import relative_error
from rnncourse.plot import cell_lstm


def sigma(a):
    return 1 / (1 + math.exp(-a))


# ---- the hand calculations, in plain floats ----------------------------------------


def test_story_of_fixed_percentages():
    """Keep 80 %, write 90 %, show 70 %, driven by 10, -2, 8, -1, 15; what is left of the 8."""
    memory, shown = 0.0, []
    for x in (10, -2, 8, -1, 15):
        memory = 0.8 * memory + 0.9 * x
        shown.append(0.7 * memory)
    assert shown == pytest.approx([6.3, 3.78, 8.064, 5.8212, 14.10696])
    assert memory == pytest.approx(20.1528)
    left_of_the_8 = 0.9 * 0.8**2 * 8
    assert left_of_the_8 == pytest.approx(4.6, abs=0.01)


UNIT = {
    "W_x": np.array([[1.0, 0.0, 0.5, 1.0]]),
    "W_h": np.array([[-2.0, 2.0, 1.0, -2.0]]),
    "b": np.array([1.0, 1.0, -0.5, 0.0]),
}


def one_unit():
    state = np.array([[0.5]]), np.array([[2.0]])
    return cells.lstm_step(np.array([[1.0]]), state, UNIT)


def test_step_by_hand():
    """The sums 1, 2, 0.5, 0 of i, f, g, o; eq-lstm-forget to eq-lstm-state in plain floats."""
    i, f, g, o = sigma(1), sigma(2), math.tanh(0.5), sigma(0)
    c = f * 2 + i * g
    h = o * math.tanh(c)
    assert [round(v, 3) for v in (f, i, g, o, c, h)] == [0.881, 0.731, 0.462, 0.5, 2.099, 0.485]
    (got_h, got_c), cache = one_unit()
    assert (got_h.item(), got_c.item()) == pytest.approx((h, c), rel=1e-12)
    assert (cache.i.item(), cache.f.item()) == pytest.approx((i, f), rel=1e-12)


def test_backward_by_hand():
    """dh = 1 and dc = 0.5 into the same unit, in plain floats; the digits of the page."""
    i, f, g, o = sigma(1), sigma(2), math.tanh(0.5), sigma(0)
    c = f * 2 + i * g
    dc = 0.5 + o * (1 - math.tanh(c) ** 2)
    da = {
        "i": dc * g * i * (1 - i),
        "f": dc * 2 * f * (1 - f),
        "g": dc * i * (1 - g**2),
        "o": math.tanh(c) * o * (1 - o),
    }
    dh_prev = -2 * da["i"] + 2 * da["f"] + da["g"] - 2 * da["o"]
    expected = {"i": 0.048, "f": 0.111, "g": 0.304, "o": 0.243}
    assert {name: round(v, 3) for name, v in da.items()} == expected
    assert [round(v, 3) for v in (dc, dc * f, dh_prev)] == [0.529, 0.466, -0.055]
    _, cache = one_unit()
    dstate = np.array([[1.0]]), np.array([[0.5]])
    dx, before, grads = cells.lstm_step_backward(dstate, cache, UNIT)
    assert grads["b"].tolist() == pytest.approx([da[name] for name in cells.LSTM_GATES])
    assert (before[0].item(), before[1].item()) == pytest.approx((dh_prev, dc * f))
    assert dx.item() == pytest.approx(da["i"] + 0.5 * da["g"] + da["o"])


def test_marked_number_is_held():
    """The story's cell with hand-made weights keeps tanh(0.8) and nothing of the 15."""
    weights = {
        "W_x": np.array([[0.0, 0.0, 1.0, 0.0], [20.0, -20.0, 0.0, 0.0]]),
        "W_h": np.zeros((1, 4)),
        "b": np.array([-10.0, 10.0, 0.0, 10.0]),
    }
    steps = [(10, 0), (-2, 0), (8, 1), (-1, 0), (15, 0)]
    xs = np.array([[[x / 10, mark] for x, mark in steps]])
    zero = np.zeros((1, 1))
    _, (_, c), _ = cells.unroll(cells.lstm_step, xs, (zero, zero), weights)
    assert c.item() == pytest.approx(math.tanh(0.8), abs=1e-3)


# ---- the direct path ----------------------------------------------------------------


def run(T=12, N=3, D=4, H=5, seed=0, **options):
    rng = np.random.default_rng(seed)
    params = cells.lstm_init(rng, D, H, **options)
    zero = np.zeros((N, H))
    steps = cells.unroll(cells.lstm_step, rng.standard_normal((N, T, D)), (zero, zero), params)[2]
    return steps.steps, params, rng.standard_normal((N, H))


def test_direct_path_is_the_product_of_the_forget_gates():
    """eq-lstm-path: nudging c_t with the later gates held moves c_T by their product."""
    steps, *_ = run()

    def last(c):
        for s in steps:  # gates as they were, whatever c is
            c = s.f * c + s.i * s.g
        return c

    c0, eps = steps[0].c_prev, 1e-6
    slope = (last(c0 + eps) - last(c0 - eps)) / (2 * eps)
    assert relative_error(slope, np.prod([s.f for s in steps], axis=0)) < 1e-8


def test_cell_state_gradient_along_the_direct_path():
    """eq-lstm-dcprev: with nothing arriving at h, one step multiplies dc by f exactly."""
    steps, params, dc = run()
    zero = np.zeros_like(dc)
    for s in steps:
        before = cells.lstm_step_backward((zero, dc), s, params)[1]
        assert relative_error(before[1], dc * s.f) < 1e-15


@pytest.mark.parametrize("bias", [-1.0, 0.0, 2.0])
def test_weights_of_zero_give_the_predicted_share(bias):
    """eq-lstm-bias is exact where the gates see only their bias."""
    params = cells.lstm_init(np.random.default_rng(0), 2, 3, forget_bias=bias)
    params |= {"W_x": 0 * params["W_x"], "W_h": 0 * params["W_h"]}
    state = np.zeros((1, 3)), np.ones((1, 3))
    _, (_, c), _ = cells.unroll(cells.lstm_step, np.ones((1, 9, 2)), state, params)
    assert c == pytest.approx(np.full((1, 3), sigma(bias) ** 9), rel=1e-12)


def test_roads_of_the_picture():
    """The numbers that the text reads off it: back up by 0.17, 0.01, 0.03; 0.57 and 0.67 in all."""
    walk = np.array([[[1.0], [-1.0], [0.0], [2.0]]])
    state = np.array([[0.5]]), np.array([[2.0]])
    steps = cells.unroll(cells.lstm_step, walk, state, UNIT)[2].steps
    roads = [cell_lstm.road_factors(step, UNIT["W_h"]) for step in steps]
    assert [round(road["down"], 2) for road in roads[:-1]] == [0.03, 0.01, 0.17]
    direct, every = cell_lstm.along_the_roads(roads)
    assert (round(direct, 2), round(every, 2)) == (0.57, 0.67)
    dh, dc = np.zeros((1, 1)), np.ones((1, 1))  # the same by the backward steps
    for step in reversed(steps[1:]):
        dh, dc = cells.lstm_step_backward((dh, dc), step, UNIT)[1]
    first = steps[0]
    assert (dc + dh * first.o * (1 - first.tanh_c**2)).item() == pytest.approx(every)


# ---- the libraries --------------------------------------------------------------------


@pytest.mark.parametrize(("D", "H"), [(7, 5), (3, 18), (1, 1)])
def test_parameter_count(D, H):
    """eq-lstm-count, and PyTorch's second bias."""
    import torch

    params = cells.lstm_init(np.random.default_rng(0), D, H)
    count = 4 * (D * H + H * H + H)
    assert sum(p.size for p in params.values()) == count
    assert sum(p.numel() for p in torch.nn.LSTM(D, H).parameters()) == count + 4 * H


@pytest.mark.parametrize(
    ("gate", "h", "c"), [(None, 0.45, 1.5), ("f", 0.50, 3), ("g", 0.48, 2), ("o", 0.91, 1.5),
                         ("i", 0.45, 1.5)]
)  # fmt: skip
def test_what_a_layer_answers_when_it_is_asked_for_its_order(gate, h, c):
    """The box: one unit with weights of zero, c_0 = 3, and one block's bias at 30."""
    b = 30.0 * np.array([name == gate for name in cells.LSTM_GATES])
    params = {"W_x": np.zeros((1, 4)), "W_h": np.zeros((1, 4)), "b": b}
    zero = np.zeros((1, 1))
    (got_h, got_c), _ = cells.lstm_step(zero, (zero, zero + 3), params)
    assert (round(got_h.item(), 2), round(got_c.item(), 6)) == (h, c)


def test_two_networks_of_the_experiment_are_of_like_size():
    """384 parameters in the LSTM, 396 in the simple cell: the baseline has no fewer."""
    rng = np.random.default_rng(0)
    lstm, rnn = cells.lstm_init(rng, 3, 8), cells.rnn_init(rng, 3, 18)
    assert [sum(p.size for p in cell.values()) for cell in (lstm, rnn)] == [384, 396]


# ---- tasks.brackets ---------------------------------------------------------------------


def brackets(N=200, T=40, seed=0, **options):
    return data.load("brackets", rng=np.random.default_rng(seed), N=N, T=T, **options)


@pytest.mark.parametrize(("max_depth", "letters"), [(6, 0.6), (1, 0.0), (3, 0.3)])
def test_depth_is_what_a_counter_counts(max_depth, letters):
    """Depth against a plain loop over the characters; it stays in 0..max_depth."""
    tokens, depth = brackets(N=30, max_depth=max_depth, letters=letters)
    assert tokens.shape == depth.shape == (30, 40)
    for row, depths in zip(tokens, depth, strict=True):
        text = "".join(tasks.BRACKETS[k] for k in row)
        for t in range(len(text)):
            assert depths[t] == text[: t + 1].count("(") - text[: t + 1].count(")")
    assert depth.min() == 0
    assert depth.max() == max_depth


def test_letters_and_brackets_come_as_often_as_promised():
    """60 % letters; away from the ends of the range, opening and closing are equally likely."""
    tokens, depth = brackets(N=2000)
    assert abs((tokens == 2).mean() - 0.6) < 0.01
    before, now = depth[:, :-1], tokens[:, 1:]
    inside = (before > 0) & (before < 6) & (now != 2)
    assert abs((now[inside] == 0).mean() - 0.5) < 0.02
    assert (now[(before == 0) & (now != 2)] == 0).all()
    assert (now[(before == 6) & (now != 2)] == 1).all()


def test_brackets_are_the_same_for_the_same_seed():
    assert all(np.array_equal(a, b) for a, b in zip(brackets(), brackets(), strict=True))


@pytest.mark.parametrize(
    "options", [{"N": 0}, {"T": 0}, {"max_depth": 0}, {"letters": 1.0}, {"letters": -0.1}]
)
def test_brackets_refuse_impossible_options(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"{name} = {value}"):
        brackets(**options)


# ---- exercise lstm_ex_03 -----------------------------------------------------------------


def what_is_left():
    """The reference of lstm_ex_03, from its solution."""
    from pathlib import Path

    from rnncourse.grading.exercise import load, mutate, read_notebook

    solution = Path(__file__).resolve().parents[2] / "solutions" / "lstm_sol_03.ipynb"
    exercise = load(read_notebook(solution))
    space = {"np": np}
    exec(mutate(exercise, []), space)
    return space["what_is_left"]


def test_shares_add_up_to_the_last_cell_state():
    """Against a run of the cell itself: Σ s_t = c_T, and survival of the last step is 1."""
    steps, *_ = run(N=1)
    f, i, g = (np.array([getattr(s, name)[0] for s in steps]) for name in "fig")
    survival, shares, half_life = what_is_left()(f, i, g)
    last = steps[-1]
    assert relative_error(shares.sum(axis=0), (last.f * last.c_prev + last.i * last.g)[0]) < 1e-12
    assert survival[-1] == 1
    assert survival[0] == pytest.approx(np.prod(f[1:], axis=0).mean())
    kept = np.prod(f, axis=0) ** (1 / len(f))
    assert kept**half_life == pytest.approx(np.full(len(kept), 0.5))
