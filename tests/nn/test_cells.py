"""Every cell: finite differences of one step and through time, bad input.

The equations themselves are tested one by one in test_equations.py, the fast versions
against these in test_layers.py.
"""

import functools

import numpy as np
import pytest

from rnncourse.nn import _shapes, cells
from rnncourse.nn.gradcheck import GradientMismatch, check_gradient

SIZES = [(3, 5, 4, 2), (1, 1, 1, 1), (2, 7, 1, 5)]  # (N, T, D, H)
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1], [1, 0, 1, 0, 1]])
gru_before_init = functools.partial(cells.gru_init, reset_after=False)
CELLS = {
    "rnn": (cells.rnn_init, cells.rnn_step, cells.rnn_step_backward, 1),
    "lstm": (cells.lstm_init, cells.lstm_step, cells.lstm_step_backward, 2),
    "gru": (cells.gru_init, cells.gru_step, cells.gru_step_backward, 1),
    "gru before": (
        gru_before_init,
        cells.gru_reset_before_step,
        cells.gru_reset_before_step_backward,
        1,
    ),
}


def make(kind, sizes, seed=0):
    """xs, first state and parameters of a kind; all random, no two alike."""
    rng = np.random.default_rng(seed)
    N, T, D, H = sizes
    init, parts = CELLS[kind][0], CELLS[kind][3]
    params = {k: 0.7 * rng.standard_normal(p.shape) for k, p in init(rng, D, H).items()}
    state = tuple(rng.standard_normal((N, H)) for _ in range(parts))
    return rng.standard_normal((N, T, D)), state if parts > 1 else state[0], params


def named(state, name):
    """{name0: part, name1: part, …} of a state."""
    parts = state if isinstance(state, tuple) else (state,)
    return {f"{name}{k}": part for k, part in enumerate(parts)}


def check_sequence(kind, sizes, mask=None, break_it=lambda grads: grads):
    """Gradients through a whole sequence against central differences."""
    _, step, step_backward, parts = CELLS[kind]
    xs, state, params = make(kind, sizes)

    def forward():
        hs, last, _ = cells.unroll(step, xs, state, params, mask)
        return (hs, *named(last, "").values())

    def backward(dhs, *dlast):
        dstate = dlast if parts > 1 else dlast[0]
        cache = cells.unroll(step, xs, state, params, mask)[2]
        dxs, dstate, grads = cells.unroll_backward(step_backward, dhs, dstate, cache, params)
        return break_it({"xs": dxs, **named(dstate, "state"), **grads})

    inputs = {"xs": xs, **named(state, "state"), **params}
    check_gradient(forward, backward, inputs, np.random.default_rng(1))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", CELLS)
def test_backward_against_central_differences(kind, sizes):
    """Every input, first state and parameter; gradients arrive at every output and at the end."""
    check_sequence(kind, sizes)


@pytest.mark.parametrize("kind", CELLS)
def test_backward_with_a_mask_against_central_differences(kind):
    """Masks at the end, at the start and in the middle of a row."""
    check_sequence(kind, SIZES[0], MASK)


@pytest.mark.parametrize("kind", ["lstm", "gru", "gru before"])
def test_a_planted_error_fails_the_check(kind):
    """Two gates' columns exchanged in one gradient: the check above names it."""

    def exchange(grads):
        H = len(grads["W_h"])
        order = np.r_[H : 2 * H, :H, 2 * H : grads["W_h"].shape[1]]
        return grads | {"W_h": grads["W_h"][:, order]}

    with pytest.raises(GradientMismatch, match="gradient of W_h"):
        check_sequence(kind, SIZES[0], break_it=exchange)


@pytest.mark.parametrize("kind", CELLS)
def test_float32_stays_float32(kind):
    """dtype follows the input, states and gradients included."""
    _, step, step_backward, _ = CELLS[kind]
    xs, state, params = make(kind, SIZES[0])
    half = functools.partial(_shapes.map_parts, lambda a: a.astype(np.float32))
    params = {k: half(p) for k, p in params.items()}
    hs, last, cache = cells.unroll(step, half(xs), half(state), params)
    dxs, dstate, grads = cells.unroll_backward(step_backward, hs, last, cache, params)
    for array in (hs, dxs, *named(last, "").values(), *named(dstate, "").values()):
        assert array.dtype == np.float32
    assert all(g.dtype == np.float32 for g in grads.values())


def test_init_blocks_have_the_variance_of_one_gate():
    """Each block as if alone, var = 2/(D + H); biases zero but the forget gate's."""
    D, H = 300, 200
    params = cells.lstm_init(np.random.default_rng(0), D, H, forget_bias=1.5)
    for k in range(4):
        block = slice(k * H, (k + 1) * H)
        assert abs(params["W_x"][:, block].var() / (2 / 500) - 1) < 0.03
        assert abs(params["W_h"][:, block].var() / (2 / 400) - 1) < 0.03
        assert (params["b"][block] == (1.5 if cells.LSTM_GATES[k] == "f" else 0)).all()
    gru = cells.gru_init(np.random.default_rng(0), 3, 4)
    assert {k: p.shape for k, p in gru.items()} == {
        "W_x": (3, 12), "W_h": (4, 12), "b": (12,), "b_hn": (4,)}  # fmt: skip
    assert "b_hn" not in gru_before_init(np.random.default_rng(0), 3, 4)
    with pytest.raises(ValueError, match="H is 0"):
        cells.lstm_init(np.random.default_rng(0), 3, 0)


def test_a_state_or_parameters_of_another_cell_are_named():
    """Shapes that fit by accident: a state (2, H) unpacks into two rows, for instance."""
    xs, (h, c), params = make("lstm", (2, 3, 4, 4))
    with pytest.raises(ValueError, match=r"state has the form \(2, 4\).*another cell"):
        cells.unroll(cells.lstm_step, xs, h, params)
    gru = make("gru", (2, 3, 4, 4))[2]
    with pytest.raises(ValueError, match="another cell"):
        cells.unroll(cells.rnn_step, xs, h, gru)
    with pytest.raises(ValueError, match=r"b_hn has shape \(5,\).*\(4,\)"):
        cells.unroll(cells.gru_step, xs, h, gru | {"b_hn": np.zeros(5)})
    with pytest.raises(ValueError, match=r"state has shape \(2, 3\)"):
        cells.unroll(cells.lstm_step, xs, (h, c[:, :3]), params)
