"""The LSTM drawn: the tracks through one step, and the roads of its gradient over several."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnncourse._types import Array
from rnncourse.plot import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Which stations and tracks belong to which part of lstm_tracks.
_INPUTS = {"x", "h_prev", "join"}
LSTM_PARTS = {
    "forget": _INPUTS | {"c_prev", "to f", "σ f", "f", "⊙ f", "road", "kept"},
    "input": _INPUTS | {"to i", "σ i", "i", "to g", "tanh g", "g", "⊙ i", "added"},
    "update": {"⊙ f", "⊙ i", "kept", "added", "+", "to c", "c"},
    "output": _INPUTS | {"c", "to c", "down", "tanh c", "tanh_c", "to o", "σ o", "o", "⊙ o",
                         "to h", "h"},
}  # fmt: skip
# In inches. A station has a centre and a sign; where a gate opens it, also the gate's name.
_STATIONS = {
    "c_prev": ((0.45, 3.0), "$c_{t-1}$"),
    "⊙ f": ((1.4, 3.0), "⊙"),
    "+": ((2.85, 3.0), "+"),
    "c": ((4.95, 3.0), "$c_t$"),
    "⊙ i": ((2.85, 2.2), "⊙"),
    "tanh c": ((4.15, 2.45), "tanh"),
    "⊙ o": ((4.15, 1.72), "⊙"),
    "h": ((4.95, 1.72), "$h_t$"),
    "σ f": ((1.4, 0.95), "σ"),
    "σ i": ((2.35, 0.95), "σ"),
    "tanh g": ((3.3, 0.95), "tanh"),
    "σ o": ((4.15, 0.95), "σ"),
    "x": ((0.45, 0.25), "$x_t$"),
    "h_prev": ((0.45, 0.95), "$h_{t-1}$"),
}
_VALUE_IN_BOX = ("c_prev", "c", "h", "x", "h_prev")
_TRACKS = (  # name, corners from tail to head, what is written on it, and where
    ("road", ((0.78, 3.0), (1.25, 3.0)), "", ""),
    ("kept", ((1.55, 3.0), (2.7, 3.0)), "{kept}", "above"),
    ("to c", ((3.0, 3.0), (4.62, 3.0)), "", ""),
    ("f", ((1.4, 1.13), (1.4, 2.85)), "$f_t$ {f}", "right"),
    ("i", ((2.35, 1.13), (2.35, 2.2), (2.7, 2.2)), "$i_t$ {i}", "right"),
    ("g", ((3.3, 1.13), (3.3, 2.2), (3.0, 2.2)), "$g_t$ {g}", "right"),
    ("added", ((2.85, 2.35), (2.85, 2.85)), "{added}", "right"),
    ("down", ((4.15, 3.0), (4.15, 2.63)), "", ""),
    ("tanh_c", ((4.15, 2.27), (4.15, 1.87)), "{tanh_c}", "right"),
    ("o", ((4.15, 1.13), (4.15, 1.57)), "$o_t$ {o}", "right"),
    ("to h", ((4.3, 1.72), (4.62, 1.72)), "", ""),
    ("join", ((0.78, 0.95), (0.94, 0.95), (0.94, 0.25)), "", ""),
    *((f"to {gate}", ((0.78, 0.25), (x, 0.25), (x, 0.77)), "", "")
      for gate, x in (("f", 1.4), ("i", 2.35), ("g", 3.3), ("o", 4.15))),
)  # fmt: skip


def lstm_tracks(
    cache: Any,
    *,
    row: int = 0,
    unit: int = 0,
    part: str | None = None,
    digits: int = 2,
    ax: "Axes | None" = None,
) -> "Axes":
    """The tracks of one unit through one step of the LSTM, each with its real value.

    The cell state runs along the top. Below stand σ and tanh, through which the inputs pass;
    a σ is darker the more its gate is open. A circle with a point multiplies, one with a plus
    adds.

    Args:
        cache: from ``cells.lstm_step``; ``row`` and ``unit`` say which of (N, H) to draw.
        part: one of ``LSTM_PARTS`` to draw strongly while the rest is pale; None for all.
        digits: decimals shown.
        ax: where to draw; a new figure, 5.4 inches wide, unless given.

    Raises ValueError for an unknown part, IndexError when row or unit is not there.
    """
    if part is not None and part not in LSTM_PARTS:
        raise ValueError(f"no part {part!r}; there are {tuple(LSTM_PARTS)}")
    values = _values(cache, row, unit)
    shown = {name: f"{value:.{digits}f}" for name, value in values.items()}
    strong = set().union(*(LSTM_PARTS[p] for p in ([part] if part else LSTM_PARTS)))
    ax = draw.new_axes(5.4, 3.35) if ax is None else ax
    for name, corners, text, side in _TRACKS:
        draw.track(ax, corners, text.format(**shown), side, name in strong)
    for name, (centre, sign) in _STATIONS.items():
        number = shown.get(name) if name in _VALUE_IN_BOX else None
        label = sign if number is None else f"{sign}\n{number}"
        fill = "white"
        if sign == "σ" and name in strong:
            fill = f"{1 - 0.5 * values[name[-1]]:.3f}"
        draw.station(ax, centre, label, fill, name in strong)
    ax.set(xlim=(0, 5.4), ylim=(0, 3.35), aspect="equal")
    ax.set_axis_off()
    return ax


def _values(cache: Any, row: int, unit: int) -> dict[str, float]:
    """The numbers of one unit: what is in the cell's cache, and what follows from it."""
    v = {name: float(getattr(cache, name)[row, unit])
         for name in ("h_prev", "c_prev", "i", "f", "g", "o", "tanh_c")}  # fmt: skip
    v |= {"kept": v["f"] * v["c_prev"], "added": v["i"] * v["g"]}
    v |= {"c": v["kept"] + v["added"], "h": v["o"] * v["tanh_c"]}
    if cache.x.shape[1] == 1:  # more numbers would not fit into the box
        v["x"] = float(cache.x[row, 0])
    return v


# --- the roads of the gradient ----------------------------------------------------

ROAD_STEPS = range(2, 5)  # fewer have no road but one, more are too small to read


def lstm_roads(
    caches: Sequence[Any], W_h: Array, *, digits: int = 2, ax: "Axes | None" = None
) -> "Axes":
    """All roads of a gradient from c_T back to c_1 through an LSTM of one unit.

    The direct road runs along the top, thick; the others, thin and dashed, go through the
    hidden states. On each arrow stands the factor by which it multiplies; a road is the product
    of its factors, and the whole gradient, written below, is the sum of all roads.

    Args:
        caches: of ``cells.lstm_step``, one for each of 2 to 4 steps of one sequence.
        W_h: (1, 4) recurrent weights, in the order i, f, g, o.
        digits: decimals shown.
        ax: where to draw; a new figure, 5.4 inches wide, unless given.

    Raises ValueError for more than one unit or sequence, or another number of steps.
    """
    if len(caches) not in ROAD_STEPS:
        raise ValueError(f"{len(caches)} steps; expected {ROAD_STEPS[0]} to {ROAD_STEPS[-1]}")
    if np.shape(W_h) != (1, 4) or any(np.shape(cache.f) != (1, 1) for cache in caches):
        raise ValueError(f"W_h has shape {np.shape(W_h)}, the first gate {np.shape(caches[0].f)}; "
                         "expected (1, 4) and (1, 1): one unit, one sequence")  # fmt: skip
    steps = [road_factors(cache, W_h) for cache in caches]
    direct, every = along_the_roads(steps)
    T, pitch, c_level, h_level = len(steps), 4.6 / (len(steps) - 1), 2.2, 0.75
    ax = draw.new_axes(5.4, 2.85) if ax is None else ax
    for t, step in enumerate(steps):
        x = 0.4 + pitch * t
        draw.station(ax, (x, c_level), f"$c_{t + 1}$", "0.9", True)
        if t < T - 1:  # the last step's hidden state leads to no c_T
            draw.station(ax, (x, h_level), f"$h_{t + 1}$", "white", True)
            _road(ax, (x, c_level - 0.18), (x, h_level + 0.18), step["down"], digits, (0.06, 0.3))
        if t == 0:
            continue
        before = x - pitch
        top = (before + 0.33, c_level), (x - 0.33, c_level)
        _direct(ax, *top, f"$f_{t + 1}$", step["f"], digits)
        _road(ax, (before + 0.3, h_level + 0.18), (x - 0.3, c_level - 0.18), step["up"], digits,
              (0.08, -0.12))  # fmt: skip
        if t < T - 1:
            _road(ax, (before + 0.33, h_level), (x - 0.33, h_level), step["along"], digits,
                  (-0.2, -0.14))  # fmt: skip
    ax.text(2.7, 0.18, f"direct road: {direct:.{digits}f}      all roads: {every:.{digits}f}",
            ha="center", va="center", size=12)  # fmt: skip
    ax.set(xlim=(0, 5.4), ylim=(0, 2.85), aspect="equal")
    ax.set_axis_off()
    return ax


def road_factors(cache: Any, W_h: Array) -> dict[str, float]:
    """What one step of one unit multiplies a gradient by, on each piece of road.

    f: c_t → c_{t-1}; up: c_t → h_{t-1}, through f, i and g; along: h_t → h_{t-1}, through o;
    down: h_t → c_t.
    """
    i, f, g, o, tanh_c, c_prev = (
        float(np.squeeze(getattr(cache, name))) for name in ("i", "f", "g", "o", "tanh_c", "c_prev")
    )
    w_i, w_f, w_g, w_o = np.ravel(W_h).tolist()
    up = w_f * c_prev * f * (1 - f) + w_i * g * i * (1 - i) + w_g * i * (1 - g**2)
    return {"f": f, "up": up, "along": w_o * tanh_c * o * (1 - o), "down": o * (1 - tanh_c**2)}


def along_the_roads(steps: Sequence[dict[str, float]]) -> tuple[float, float]:
    """What is left of a gradient of 1 at c_T when it arrives at c_1: directly, and in all."""
    direct, dc, dh = 1.0, 1.0, 0.0
    for step in reversed(steps[1:]):
        dc += dh * step["down"]
        dc, dh = dc * step["f"], dc * step["up"] + dh * step["along"]
        direct *= step["f"]
    return direct, dc + dh * steps[0]["down"]


def _direct(
    ax: "Axes", old: tuple[float, float], new: tuple[float, float], name: str, factor: float,
    digits: int,
) -> None:  # fmt: skip
    """A piece of the direct road, thick, its head at the older end."""
    style = {"arrowstyle": "-|>", "color": "#b35806", "linewidth": 3, "shrinkA": 0, "shrinkB": 0,
             "mutation_scale": 16}  # fmt: skip
    ax.annotate("", old, new, arrowprops=style)
    ax.text((old[0] + new[0]) / 2, old[1] + 0.1, f"{name} {factor:.{digits}f}", ha="center",
            va="bottom", size=12)  # fmt: skip


def _road(
    ax: "Axes", old: tuple[float, float], new: tuple[float, float], factor: float, digits: int,
    beside: tuple[float, float],
) -> None:  # fmt: skip
    """A piece of another road, thin and dashed, its head at the older end."""
    style = {"arrowstyle": "-|>", "color": "#5e3c99", "linewidth": 1.1, "linestyle": "--",
             "shrinkA": 0, "shrinkB": 0, "mutation_scale": 12}  # fmt: skip
    ax.annotate("", old, new, arrowprops=style)
    x, y = (old[0] + new[0]) / 2 + beside[0], (old[1] + new[1]) / 2 + beside[1]
    text = f"{factor:.{digits}f}".replace("-", "−")
    ax.text(x, y, text, va="center", size=11, color="0.25")
