"""Arrays in, axes out. Nothing here trains or computes a model.

Figures are readable in grey: the colour scale runs from dark through light to
dark, and each cell carries its number, so colour is never the only sign.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from rnncourse.plot import draw
from rnncourse.plot.draw import use_chinese_font

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BOX = 0.52  # width of a node of unrolled_graph, in inches
MAX_GRAPH_STEPS = 5


def matrix(
    values: ArrayLike,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    *,
    title: str = "",
    limit: float | None = None,
    digits: int = 2,
    ax: "Axes | None" = None,
) -> "Axes":
    """A matrix (R, C) as a table of coloured cells, each with its number.

    Purple is below zero, orange above, white zero; darker is farther from zero.

    Args:
        values: (R, C) real numbers.
        rows: R labels, or None for none.
        columns: C labels, or None for none.
        limit: value of the darkest colour; the largest ``|value|`` unless given.
        digits: decimals shown.
        ax: where to draw; a new figure of fitting size unless given.

    Raises:
        ValueError: ``values`` is not two-dimensional, is empty, or the labels
            do not count R or C.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"values has shape {values.shape}; expected (R, C), neither zero")
    for name, labels, count in [
        ("rows", rows, values.shape[0]),
        ("columns", columns, values.shape[1]),
    ]:
        if labels is not None and len(labels) != count:
            raise ValueError(f"{len(labels)} {name} for values of shape {values.shape}")
    family = use_chinese_font([*(rows or []), *(columns or []), title])
    R, C = values.shape
    ax = draw.new_axes(1.6 + 0.75 * C, 0.9 + 0.45 * R) if ax is None else ax
    limit = float(np.abs(values).max()) or 1.0 if limit is None else limit
    image = ax.imshow(values, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
    for (r, c), v in np.ndenumerate(values):
        ink = draw.ink(image.cmap(image.norm(v)))
        ax.text(c, r, f"{v:.{digits}f}", ha="center", va="center", color=ink)
    draw.label_cells(ax, rows, columns)
    ax.set_title(title)
    for label in [ax.title, *ax.get_xticklabels(), *ax.get_yticklabels()]:
        label.set_fontfamily(family)  # axes made earlier keep the font they were made with
    return ax


def memory_trace(
    hs: ArrayLike,
    tokens: Sequence[str],
    *,
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """The memory after each token: one column a step, one row a hidden unit.

    Args:
        hs: (T, H) memory after each step, as ``unroll`` gives it for one sequence.
        tokens: the T tokens that were read; Chinese is drawn with a Chinese font.

    Raises ValueError when ``hs`` is not (T, H) with one row a token.
    """
    hs = np.asarray(hs, dtype=float)
    if hs.ndim != 2 or len(hs) != len(tokens):
        raise ValueError(f"hs has shape {hs.shape}; {len(tokens)} tokens need ({len(tokens)}, H)")
    units = [f"unit {i}" for i in range(hs.shape[1])]
    ax = matrix(hs.T, units, list(tokens), title=title, limit=1.0, ax=ax)
    ax.set_xlabel("token read →")
    return ax


def problem_shape(
    inputs: Sequence[str | None],
    outputs: Sequence[str | None],
    *,
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """What goes in and what comes out at each step, with the memory in between.

    One column a step, time to the right: the input below in white, the memory
    h_t in grey, the output above in black; arrows show what depends on what.

    Args:
        inputs, outputs: T labels each; None where a step reads or answers nothing.
        ax: where to draw; a new figure of fitting size unless given.

    Raises ValueError if there are no steps or the two do not count the same.
    """
    T = len(inputs)
    if not T or len(outputs) != T:
        raise ValueError(f"{T} inputs and {len(outputs)} outputs; expected T of each, T >= 1")
    labels = [text for text in (*inputs, *outputs) if text is not None]
    family = use_chinese_font([*labels, title])
    ax = draw.new_axes(5.2, 2.3) if ax is None else ax
    size = (0.84, 0.6)  # of a box; steps are 1 apart
    arrow = {"arrowstyle": "-|>", "color": "0.2", "shrinkA": 0, "shrinkB": 0}
    for t, (below, above) in enumerate(zip(inputs, outputs, strict=True)):
        draw.box(ax, (t, 1), size, f"$h_{{{t + 1}}}$", "0.85", family)
        if t:
            ax.annotate("", (t - 0.42, 1), (t - 0.58, 1), arrowprops=arrow)
        if below is not None:
            draw.box(ax, (t, 0), size, below, "white", family)
            ax.annotate("", (t, 0.7), (t, 0.3), arrowprops=arrow)
        if above is not None:
            draw.box(ax, (t, 2), size, above, "0.15", family)
            ax.annotate("", (t, 1.7), (t, 1.3), arrowprops=arrow)
    ax.set(xlim=(-0.6, T - 0.4), ylim=(-0.4, 2.4))
    draw.label_cells(ax, ["input", "memory", "output"], None)
    ax.set_title(title, fontfamily=family)
    return ax


def unrolled_graph(
    xs: ArrayLike,
    hs: ArrayLike,
    *,
    names: tuple[str, str] = ("x", "h"),
    x_edges: Sequence[str] | None = None,
    h_edges: Sequence[str] | None = None,
    backward: bool = False,
    digits: int = 2,
    ax: "Axes | None" = None,
) -> "Axes":
    """A cell unrolled over a few steps: inputs below, memories above, values in the boxes.

    All input edges look alike, and so do all memory edges: they are one W_x and one W_h.

    Args:
        xs: (T, D) value of each input box.
        hs: (T + 1, H) value of each memory box, the one before the first step included.
        names: symbols of the two rows, with the step as index.
        x_edges: T texts on the input edges; W_x unless given.
        h_edges: T texts on the memory edges; W_h unless given.
        backward: arrows point from the last step to the first, dashed.
        digits: decimals shown.
        ax: where to draw; a new figure, at most 5.5 inches wide, unless given.

    Raises:
        ValueError: shapes or the number of texts do not fit, or T is not from 1 to
            ``MAX_GRAPH_STEPS``: more steps would be too small to read.
    """
    xs, hs = np.asarray(xs, dtype=float), np.asarray(hs, dtype=float)
    T = len(xs)
    x_edges = [r"$W_x$"] * T if x_edges is None else list(x_edges)
    h_edges = [r"$W_h$"] * T if h_edges is None else list(h_edges)
    _check_graph(xs, hs, x_edges, h_edges)
    # One unit of the axes is one inch of the new figure.
    pitch = min(1.15, 5.4 / (T + 1))
    x_half, h_half = (0.09 * (v.shape[1] + 0.8) for v in (xs, hs))
    low, high = x_half + 0.3, 2 * x_half + 0.85 + h_half
    width, height = pitch * (T + 1), high + h_half + 0.32
    ax = draw.new_axes(width, height) if ax is None else ax
    arrow = {"arrowstyle": "<|-" if backward else "-|>", "shrinkA": 0, "shrinkB": 0,
             "mutation_scale": 12, "linestyle": "--" if backward else "-"}  # fmt: skip
    for t in range(T + 1):
        x = pitch * (t + 0.5)
        draw.box(ax, (x, high), (BOX, 2 * h_half), _column(hs[t], digits), "0.9")
        ax.text(x, high + h_half + 0.06, f"${names[1]}_{t}$", ha="center", va="bottom")
        if t == 0:
            continue
        draw.box(ax, (x, low), (BOX, 2 * x_half), _column(xs[t - 1], digits), "white")
        ax.text(x, low - x_half - 0.06, f"${names[0]}_{t}$", ha="center", va="top")
        up = arrow | {"color": "#5e3c99", "linewidth": 1.2}
        ax.annotate("", (x, high - h_half), (x, low + x_half), arrowprops=up)
        ax.text(x + 0.06, (low + x_half + high - h_half) / 2, x_edges[t - 1], va="center")
        along = arrow | {"color": "#b35806", "linewidth": 2.4}
        ax.annotate("", (x - BOX / 2, high), (x - pitch + BOX / 2, high), arrowprops=along)
        ax.text(x - pitch / 2, high + 0.08, h_edges[t - 1], ha="center", va="bottom")
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.set_axis_off()
    return ax


def bidirectional_graph(
    xs: ArrayLike,
    forward: ArrayLike,
    backward: ArrayLike,
    *,
    digits: int = 2,
    ax: "Axes | None" = None,
) -> "Axes":
    """A bidirectional layer unrolled: inputs, two rows of memories, outputs, all with values.

    The lower memories are handed to the right, solid arrows; the upper ones to the left,
    dashed. On top stands what the layer gives: each pair of memories, joined.

    Args:
        xs: (T, D) value of each input box.
        forward: (T + 1, H) memories of the first direction, the one before step 1 first.
        backward: (T + 1, H) memories of the second, at the place of their input; the one
            that it starts from, to the right of step T, last.
        digits: decimals shown.
        ax: where to draw; a new figure, at most 5.5 inches wide, unless given.

    Raises ValueError if shapes do not fit, or T is not from 1 to ``MAX_GRAPH_STEPS`` - 1.
    """
    xs, forward, backward = (np.asarray(v, dtype=float) for v in (xs, forward, backward))
    T, pitch = len(xs), min(1.08, 5.4 / (len(xs) + 2))
    fits = [v.ndim == 2 and len(v) == n for v, n in [(xs, T), (forward, T + 1)]]
    if not all(fits) or forward.shape != backward.shape:
        raise ValueError(
            f"xs has shape {xs.shape}, forward {forward.shape}, backward {backward.shape}; "
            "expected (T, D), (T + 1, H) and (T + 1, H)"
        )
    if not 1 <= T < MAX_GRAPH_STEPS:
        raise ValueError(f"{T} steps; expected 1 to {MAX_GRAPH_STEPS - 1}")
    outputs = np.concatenate([forward[1:], backward[:-1]], axis=1)
    rows = [xs, forward, backward, outputs]
    halves = [0.09 * (v.shape[1] + 0.8) for v in rows]
    levels, top = [], 0.3
    for half in halves:  # one unit of the axes is one inch of the new figure
        levels.append(top + half)
        top += 2 * half + 0.62
    ax = draw.new_axes(pitch * (T + 2), top - 0.3) if ax is None else ax
    names = ["$x_{}$", r"$\overrightarrow{{h}}_{}$", r"$\overleftarrow{{h}}_{}$", "$y_{}$"]
    first = [1, 0, 1, 1]  # the step of each row's first box
    style = zip(rows, halves, levels, names, first, ["white", "0.9", "0.78", "white"], strict=True)
    for values, half, y, name, start, fill in style:
        for t, value in enumerate(values, start=start):
            x = pitch * (t + 0.5)
            draw.box(ax, (x, y), (BOX, 2 * half), _column(value, digits), fill)
            ax.text(x + BOX / 2 - 0.02, y - half - 0.03, name.format(t), ha="right", va="top")
    draw.two_row_arrows(ax, T, pitch, BOX / 2, levels, halves)
    ax.set(xlim=(0, pitch * (T + 2)), ylim=(0, top - 0.3), aspect="equal")
    ax.set_axis_off()
    return ax


def _check_graph(
    xs: np.ndarray, hs: np.ndarray, x_edges: Sequence[str], h_edges: Sequence[str]
) -> None:
    """Raise ValueError as :func:`unrolled_graph` says."""
    if xs.ndim != 2 or hs.ndim != 2 or len(hs) != len(xs) + 1:
        raise ValueError(f"xs has shape {xs.shape}, hs {hs.shape}; expected (T, D) and (T + 1, H)")
    T = len(xs)
    if not 1 <= T <= MAX_GRAPH_STEPS:
        raise ValueError(f"{T} steps; expected 1 to {MAX_GRAPH_STEPS}")
    if len(x_edges) != T or len(h_edges) != T:
        raise ValueError(f"{len(x_edges)} x_edges and {len(h_edges)} h_edges for {T} steps")


def _column(values: np.ndarray, digits: int) -> str:
    """Numbers under each other."""
    return "\n".join(f"{v:.{digits}f}" for v in values)


# --- gates ------------------------------------------------------------------------


def gate_traces(
    gates: Mapping[str, ArrayLike], tokens: Sequence[str], *, title: str = ""
) -> list["Axes"]:
    """Gates over time, one panel each under the other, the tokens below the last.

    Args:
        gates: name → (T,), drawn as bars, or (T, H), drawn as a picture with one row a
            unit. A panel without negative values shows 0 to 1, or to its maximum where
            that is larger, white to black; any other -max to max, purple over white to orange.
        tokens: the T tokens that were read.

    Returns the panels, in a new figure 5.5 inches wide. Raises ValueError when there is
    no gate, or one is not (T,) or (T, H) with one row a token.
    """
    import matplotlib.pyplot as plt

    arrays = {name: np.asarray(a, dtype=float) for name, a in gates.items()}
    for name, a in arrays.items():
        if a.ndim not in (1, 2) or len(a) != len(tokens) or a.size == 0:
            raise ValueError(f"{name} has shape {a.shape}; {len(tokens)} tokens need "
                             f"({len(tokens)},) or ({len(tokens)}, H)")  # fmt: skip
    if not arrays:
        raise ValueError("gates is empty")
    family = use_chinese_font([*tokens, *arrays, title])
    heights = [max(0.75, 0.16 * a.shape[-1]) if a.ndim == 2 else 0.75 for a in arrays.values()]
    size = (5.5, sum(heights) + 0.6)
    grid = plt.subplots(len(arrays), 1, sharex=True, squeeze=False, layout="constrained",
                        figsize=size, height_ratios=heights)[1]  # fmt: skip
    axes = list(grid[:, 0])
    for ax, (name, a) in zip(axes, arrays.items(), strict=True):
        draw.trace(ax, a)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontfamily=family)
    axes[-1].set_xticks(range(len(tokens)), tokens, fontfamily=family)
    axes[0].set_title(title, fontfamily=family)
    return axes
