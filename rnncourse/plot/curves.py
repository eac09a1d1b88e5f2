"""Line charts of :mod:`rnncourse.plot`, readable in grey."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse.plot import draw
from rnncourse.plot.draw import use_chinese_font

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _style(k: int, points: int) -> dict[str, Any]:
    """How line k of a chart looks: in grey, dashes and marker unlike the others."""
    colour, dash, marker = draw.LINES[k % len(draw.LINES)]
    every = (k % 3, max(1, points // 8))  # apart, so that markers do not hide each other
    return {"color": colour, "linestyle": dash, "marker": marker, "markevery": every}


def gradient_flow(
    norms: Mapping[str, ArrayLike], *, title: str = "", ax: "Axes | None" = None
) -> "Axes":
    """Size of a gradient against the distance that it has travelled, on a log scale.

    Args:
        norms: label → (K,), the norm after 0, 1, 2, … steps back. A zero is left out:
            a log scale has no place for it.
        ax: where to draw; a new figure unless given.

    Lines differ in grey, dashes and marker, so that colour is not needed to tell them.
    Raises ValueError when there is no line, or one is not (K,) of numbers from 0 on.
    """
    arrays = {label: np.asarray(a, dtype=float) for label, a in norms.items()}
    for label, a in arrays.items():
        if a.ndim != 1 or not np.all(np.isfinite(a) & (a >= 0)):
            raise ValueError(f"{label}: expected (K,) finite norms, found shape {a.shape}, {a}")
    if not arrays:
        raise ValueError("norms is empty")
    family = use_chinese_font([*arrays, title])
    ax = draw.new_axes(5.5, 3.4) if ax is None else ax
    for k, (label, a) in enumerate(arrays.items()):
        ax.semilogy(np.where(a > 0, a, np.nan), label=label, **_style(k, len(a)))
    ax.set(xlabel="steps back →", ylabel="gradient norm")
    ax.legend(prop={"family": family, "size": 9})
    ax.set_title(title, fontfamily=family)
    return ax


def learning_curves(
    curves: Mapping[str, ArrayLike],
    *,
    best: int | None = None,
    every: int = 1,
    xlabel: str = "epoch",
    ylabel: str = "loss",
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """What was measured after each epoch, one line a label.

    Args:
        curves: label → (K,) values of one training, or (S, K) of S trainings: the line is
            then their mean, and a band reaches from the lowest to the highest.
        best: epoch, counted from 0 as the values are, to mark with a vertical line.
        every: epochs, or whatever ``xlabel`` counts, from one value to the next.
        ax: where to draw; a new figure unless given.

    The axis counts from ``every``. Lines differ in grey, dashes and marker. Raises ValueError
    when there is no curve, or one is neither (K,) nor (S, K); values may be NaN (a gap).
    """
    arrays = {label: np.asarray(a, dtype=float) for label, a in curves.items()}
    for label, a in arrays.items():
        if a.ndim not in (1, 2) or not a.size:
            raise ValueError(f"{label} has shape {a.shape}; expected (K,) or (S, K), not empty")
    if not arrays:
        raise ValueError("curves is empty")
    family = use_chinese_font([*arrays, title, xlabel, ylabel])
    ax = draw.new_axes(5.5, 3.2) if ax is None else ax
    for k, (label, a) in enumerate(arrays.items()):
        runs = np.atleast_2d(a)
        epochs = every * np.arange(1, runs.shape[1] + 1)
        style = _style(k, len(epochs)) | ({} if len(epochs) > 8 else {"markevery": 1})
        ax.plot(epochs, runs.mean(axis=0), label=label, **style)
        if len(runs) > 1:
            ax.fill_between(
                epochs, runs.min(axis=0), runs.max(axis=0), color=style["color"], alpha=0.15
            )
    if best is not None:
        mark = every * (best + 1)
        ax.axvline(mark, color="0.5", linestyle=":", label=f"best: {mark}")
    ax.legend(prop={"family": family, "size": 9})
    ax.set_xlabel(xlabel, fontfamily=family)
    ax.set_ylabel(ylabel, fontfamily=family)
    ax.set_title(title, fontfamily=family)
    return ax


def dots(
    values: Mapping[str, ArrayLike],
    *,
    baseline: tuple[str, float] | None = None,
    xlabel: str = "",
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """One row for each contestant: a hollow dot for each run, a bar at their median.

    Args:
        values: label → one number, or (K,), one for each run. The first stands on top.
        baseline: label and value of a line across all rows.
        ax: where to draw; a new figure unless given.

    Raises ValueError when there is nothing to draw, or a number is not finite.
    """
    arrays = {label: np.atleast_1d(np.asarray(a, dtype=float)) for label, a in values.items()}
    for label, a in arrays.items():
        if a.ndim != 1 or not a.size or not np.all(np.isfinite(a)):
            raise ValueError(f"{label}: expected (K,) finite numbers, found shape {a.shape}, {a}")
    if not arrays:
        raise ValueError("values is empty")
    labels = list(arrays)
    family = use_chinese_font([*labels, title, baseline[0] if baseline else ""])
    ax = draw.new_axes(5.5, 0.8 + 0.35 * len(arrays)) if ax is None else ax
    for row, a in enumerate(arrays.values()):
        ax.plot(a, np.full(len(a), row), "o", color="black", markerfacecolor="none", clip_on=False)
        ax.plot(np.median(a), row, "|", color=draw.LINES[1][0], markersize=16, markeredgewidth=3)
    if baseline:
        ax.axvline(baseline[1], color="0.4", linestyle="--", label=baseline[0])
        ax.legend(prop={"family": family, "size": 9})
    ax.set_yticks(range(len(labels)), labels, fontfamily=family)
    ax.set(xlabel=xlabel, ylim=(len(labels) - 0.5, -0.5))
    ax.grid(axis="x", alpha=0.4)
    ax.set_title(title, fontfamily=family)
    return ax
