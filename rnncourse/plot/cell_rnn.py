"""The simple recurrent cell, drawn with the numbers of one step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnncourse._types import Params
from rnncourse.plot import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 5.5, 2.9
MAX_NUMBERS = 2  # of an input or a memory; three would not fit side by side

# Stations and tracks, in inches; data flow from left to right.
STATIONS = {  # name: (centre, symbol)
    "h_prev": ((0.58, 2.08), "$h_{t-1}$"),
    "x": ((0.58, 0.48), "$x_t$"),
    "W_h": ((1.72, 2.08), "$W_h$"),
    "b": ((1.72, 1.28), "$b$"),
    "W_x": ((1.72, 0.48), "$W_x$"),
    "+": ((2.95, 1.28), "+"),
    "tanh": ((3.9, 1.28), "$\\tanh$"),
    "h": ((4.92, 1.28), "$h_t$"),
}
TRACKS = (  # name, corners from tail to head, where its value stands ("" for no value)
    ("to W_h", ((0.91, 2.08), (1.39, 2.08)), ""),
    ("to W_x", ((0.91, 0.48), (1.39, 0.48)), ""),
    ("old", ((2.05, 2.08), (2.95, 2.08), (2.95, 1.43)), "right"),
    ("new", ((2.05, 0.48), (2.95, 0.48), (2.95, 1.13)), "right"),
    ("bias", ((2.05, 1.28), (2.8, 1.28)), ""),
    ("a", ((3.1, 1.28), (3.57, 1.28)), "above"),
    ("to h", ((4.23, 1.28), (4.59, 1.28)), ""),
)
BELOW = ("h_prev", "x", "b", "h")  # stations whose value stands below them
LOOP = ((4.92, 1.51), (4.92, 2.62), (0.58, 2.62), (0.58, 2.31))  # from h_t back to h_{t-1}


def rnn_tracks(
    cache: Any,
    params: Params,
    *,
    row: int = 0,
    digits: int = 2,
    ax: "Axes | None" = None,
) -> "Axes":
    """One step of the simple recurrent cell: its parts in symbols, on them their real values.

    Input and old memory run through their weights, meet the bias at the plus, and go through
    tanh; a dashed line hands the new memory to the next step.

    Args:
        cache: from ``cells.rnn_step``; ``row`` says which of the N sequences to draw.
        params: the step's ``W_x`` (D, H), ``W_h`` (H, H) and ``b`` (H,), D and H at most 2.
        digits: decimals shown.
        ax: where to draw; a new figure, 5.5 inches wide, unless given.

    Raises ValueError for larger inputs or memories, IndexError when the row is not there.
    """
    (D, H), x, h_prev = params["W_x"].shape, cache.x[row], cache.h_prev[row]
    if max(D, H) > MAX_NUMBERS:
        raise ValueError(f"D = {D}, H = {H}; expected at most {MAX_NUMBERS} of each")
    values = {"h_prev": h_prev, "x": x, "b": params["b"], "h": cache.h[row]}
    values |= {"old": h_prev @ params["W_h"], "new": x @ params["W_x"]}
    words = {name: _numbers(value, digits) for name, value in values.items()} | {"a": "$a_t$"}
    ax = draw.new_axes(WIDTH, HEIGHT) if ax is None else ax
    for name, corners, side in TRACKS:
        draw.track(ax, corners, words[name] if side else "", side, True)
    for name, (centre, symbol) in STATIONS.items():
        draw.station(ax, centre, symbol, "0.9" if name in ("h_prev", "h") else "white", True)
        if name in BELOW:
            place = (centre[0], centre[1] - 0.28)
            ax.text(*place, words[name], ha="center", va="top", color="0.1", size=12)
    ax.plot(*zip(*LOOP[:-1], strict=True), color="0.1", linewidth=1.4, linestyle="--")
    style = {"arrowstyle": "-|>", "color": "0.1", "shrinkA": 0, "shrinkB": 0, "linewidth": 1.4}
    ax.annotate("", LOOP[-1], LOOP[-2], arrowprops=style)
    ax.text(2.75, 2.66, "next step", ha="center", va="bottom", color="0.1", size=12)
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), aspect="equal")
    ax.set_axis_off()
    return ax


def _numbers(values: np.ndarray | Sequence[float], digits: int) -> str:
    """One number, or several in brackets; no minus before a zero."""
    texts = [f"{float(v):z.{digits}f}" for v in values]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
