"""The LSTM drawn: each number at its place, apart from the others, and roads that add up."""

import itertools

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import Circle

from rnncourse import plot
from rnncourse.nn import cells
from rnncourse.plot import cell_lstm


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def lstm_cache():
    """Two rows, two units, no two numbers alike."""
    numbers = np.arange(1, 29, dtype=float).reshape(7, 2, 2) / 30
    return cells.LSTMCache(np.array([[0.11], [0.12]]), *numbers)


def apart(ax):
    """No text of the axes overlaps another one."""
    ax.figure.canvas.draw()
    spans = [t.get_window_extent() for t in ax.texts if t.get_text()]
    return not any(a.overlaps(b) for a, b in itertools.combinations(spans, 2))


# --- the tracks -------------------------------------------------------------------


@pytest.mark.parametrize(("row", "unit"), [(0, 0), (1, 0), (0, 1)])
def test_tracks_show_the_numbers_of_the_cache(row, unit):
    """Each box, gate and product shows its number for the row and the unit asked for."""
    cache = lstm_cache()
    ax = plot.lstm_tracks(cache, row=row, unit=unit, digits=4)
    _, h_prev, c_prev, i, f, g, o, tanh_c = (a[row, min(unit, a.shape[1] - 1)] for a in cache)
    kept, added = f * c_prev, i * g
    boxes = {"x_t": cache.x[row, 0], "h_{t-1}": h_prev, "c_{t-1}": c_prev, "c_t": kept + added,
             "h_t": o * tanh_c}  # fmt: skip
    gates = {"f_t": f, "i_t": i, "g_t": g, "o_t": o}
    drawn = [t.get_text() for t in ax.texts if t.get_text()]
    expected = [f"${symbol}$\n{value:.4f}" for symbol, value in boxes.items()]
    expected += [f"${symbol}$ {value:.4f}" for symbol, value in gates.items()]
    expected += [f"{value:.4f}" for value in (kept, added, tanh_c)]
    assert sorted(drawn) == sorted([*expected, "σ", "σ", "σ", "tanh", "tanh", "+"])


def test_each_gate_goes_through_its_own_function():
    """σ under f, i and o, tanh under g and under the output's product; three products."""
    ax = plot.lstm_tracks(lstm_cache())
    at = {t.get_text().split()[0]: t.get_position()[0] for t in ax.texts if "_t$ " in t.get_text()}
    signs = [(t.get_text(), t.get_position()) for t in ax.texts if t.get_text() in ("σ", "tanh")]
    below = {round(x, 2): sign for sign, (x, y) in signs if y < 1.5}
    assert [below[round(at[f"${gate}_t$"] - 0.08, 2)] for gate in "figo"] == ["σ", "σ", "tanh", "σ"]
    points = [p.center for p in ax.patches if isinstance(p, Circle) and p.radius < 0.1]
    assert len(points) == 3


def test_a_gate_is_darker_the_more_it_is_open():
    """The grey of σ follows the gate; the candidate's tanh is white."""
    cache = lstm_cache()._replace(f=np.array([[0.9]]), o=np.array([[0.1]]))
    ax = plot.lstm_tracks(cache)
    grey = {p.get_x(): p.get_facecolor()[0] for p in ax.patches if hasattr(p, "get_x")}
    x_f, x_g, x_o = 1.4 - 0.33, 3.3 - 0.33, 4.15 - 0.33
    assert grey[x_f] == pytest.approx(1 - 0.5 * 0.9)
    assert grey[x_f] < grey[x_o] < grey[x_g] == 1


def test_tracks_draw_one_part_strongly():
    """Forgetting: the old cell state and its gate are dark, the output gate is pale."""
    ax = plot.lstm_tracks(lstm_cache(), part="forget")
    ink = {t.get_text().split()[0]: t.get_color() for t in ax.texts if t.get_text()}
    assert ink["$c_{t-1}$"] == ink["$f_t$"] == "0.1"
    assert {ink["$o_t$"], ink["$h_t$"], ink["$i_t$"]} <= {"0.7", "0.75"}


def test_parts_name_what_is_drawn():
    """Every name in a part is a station or a track, and every one of these has a part."""
    drawn = {name for name, *_ in cell_lstm._TRACKS} | set(cell_lstm._STATIONS)
    assert set().union(*cell_lstm.LSTM_PARTS.values()) == drawn


def test_tracks_fit_a_phone_and_leave_out_a_long_input():
    """At most 5.5 inches wide, texts apart; an input of several numbers shows none."""
    cache = lstm_cache()._replace(x=np.ones((2, 3)), g=np.full((2, 2), -0.5))
    ax = plot.lstm_tracks(cache)
    assert ax.figure.get_size_inches()[0] <= 5.5
    assert "$x_t$" in [t.get_text() for t in ax.texts]
    assert apart(ax)


def test_tracks_name_an_unknown_part():
    with pytest.raises(ValueError, match=r"no part 'memory'.*forget"):
        plot.lstm_tracks(lstm_cache(), part="memory")
    with pytest.raises(IndexError):
        plot.lstm_tracks(lstm_cache(), unit=2)


# --- the roads --------------------------------------------------------------------


def unit_over(T, seed=0):
    """Parameters and inputs of one unit, the caches of its steps, and the inputs."""
    rng = np.random.default_rng(seed)
    params = {name: rng.standard_normal(s) for name, s in
              {"W_x": (2, 4), "W_h": (1, 4), "b": (4,)}.items()}  # fmt: skip
    xs, state = rng.standard_normal((1, T, 2)), (np.array([[0.3]]), np.array([[-1.2]]))
    return params, xs, cells.unroll(cells.lstm_step, xs, state, params)[2].steps


def last_cell_state(params, xs, first, nudge):
    """c_T, when c_1 is moved by nudge; h_1 moves with it, as o_1 shows it."""
    c = first.f * first.c_prev + first.i * first.g + nudge
    _, (_, c), _ = cells.unroll(cells.lstm_step, xs[:, 1:], (first.o * np.tanh(c), c), params)
    return c.item()


@pytest.mark.parametrize(("T", "seed"), [(2, 0), (3, 1), (4, 2), (4, 3)])
def test_all_roads_are_the_gradient_and_the_direct_one_the_forget_gates(T, seed):
    """Against central differences; every factor is on some road."""
    params, xs, caches = unit_over(T, seed)
    steps = [cell_lstm.road_factors(cache, params["W_h"]) for cache in caches]
    direct, every = cell_lstm.along_the_roads(steps)
    ends = [last_cell_state(params, xs, caches[0], nudge) for nudge in (1e-5, -1e-5)]
    assert every == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)
    assert direct == pytest.approx(np.prod([cache.f for cache in caches[1:]]))
    assert abs(every - direct) > 1e-3


def test_roads_show_each_factor_once_and_both_sums():
    params, _, caches = unit_over(4)
    ax = plot.lstm_roads(caches, params["W_h"], digits=4)
    steps = [cell_lstm.road_factors(cache, params["W_h"]) for cache in caches]
    expected = [f"$c_{t}$" for t in (1, 2, 3, 4)] + [f"$h_{t}$" for t in (1, 2, 3)]
    expected += [f"$f_{t}$ {steps[t - 1]['f']:.4f}" for t in (2, 3, 4)]
    others = [s["down"] for s in steps[:-1]] + [s["up"] for s in steps[1:]]
    others += [s["along"] for s in steps[1:-1]]
    expected += [f"{factor:.4f}".replace("-", "−") for factor in others]
    direct, every = cell_lstm.along_the_roads(steps)
    expected.append(f"direct road: {direct:.4f}      all roads: {every:.4f}")
    assert sorted(t.get_text() for t in ax.texts if t.get_text()) == sorted(expected)


@pytest.mark.parametrize("T", [2, 3, 4])
def test_roads_fit_a_phone(T):
    params, _, caches = unit_over(T)
    ax = plot.lstm_roads(caches, params["W_h"])
    assert ax.figure.get_size_inches()[0] <= 5.5
    assert apart(ax)


def test_roads_refuse_what_they_cannot_draw():
    params, _, caches = unit_over(4)
    for few_or_many in (caches[:1], caches * 2):
        with pytest.raises(ValueError, match=r"steps; expected 2 to 4"):
            plot.lstm_roads(few_or_many, params["W_h"])
    with pytest.raises(ValueError, match=r"W_h has shape \(2, 8\).*one unit"):
        plot.lstm_roads(caches, np.zeros((2, 8)))
    with pytest.raises(ValueError, match="one unit"):
        plot.lstm_roads([lstm_cache()] * 2, params["W_h"])
