"""What the figures of :mod:`rnncourse.plot` are drawn with: fonts, boxes, inks."""

import functools
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# One font of this list is on macOS, Windows, or comes with a small package on
# Linux. The first one found draws the characters that Matplotlib's own lacks.
CHINESE_FONTS = (
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "Microsoft YaHei",
    "SimHei",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)


def use_chinese_font(texts: Sequence[str]) -> list[str]:
    """Let Matplotlib draw Chinese, if ``texts`` hold any; returns the fonts now in use.

    Where the machine has no such font, warns once with what to install:
    Matplotlib would draw empty boxes.
    """
    import matplotlib

    family = list(matplotlib.rcParams["font.family"])
    if any("\u2e80" <= ch <= "\uffef" for text in texts for ch in text):
        font = chinese_font()
        if font is None:
            _warn_no_font()
        elif font not in family:
            # Matplotlib falls back per character: Latin text keeps its font.
            family.append(font)
            matplotlib.rcParams["font.family"] = family
    return family


@functools.cache
def chinese_font() -> str | None:
    """The first font of ``CHINESE_FONTS`` on this machine, or None.

    Fonts installed after Matplotlib cached its list (as in Colab) are looked
    for on disk.
    """
    from matplotlib import font_manager

    for path in font_manager.findSystemFonts():
        if "wqy" in path.lower() or "cjk" in path.lower():
            _add_font(font_manager.fontManager, path)
    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in CHINESE_FONTS if name in known), None)


def _add_font(manager: Any, path: str) -> None:
    if all(entry.fname != path for entry in manager.ttflist):
        manager.addfont(path)


@functools.cache
def _warn_no_font() -> None:
    warnings.warn(
        "No Chinese font found: Chinese labels would be empty boxes. Install one, for example "
        "'apt-get install fonts-wqy-microhei' on Debian, Ubuntu or Colab, and restart.",
        stacklevel=4,
    )


def ink(rgba: tuple[float, ...]) -> str:
    """Black or white, whichever stands out more (WCAG 2.2 relative luminance)."""
    rgb = np.asarray(rgba[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "white" if linear @ [0.2126, 0.7152, 0.0722] < 0.179 else "black"


def box(
    ax: "Axes",
    centre: tuple[float, float],
    size: tuple[float, float],
    text: str,
    fill: str,
    family: list[str] | None = None,
) -> None:
    """A box around ``text``, filled with a grey or white."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    (x, y), (width, height) = centre, size
    corner = (x - width / 2, y - height / 2)
    ax.add_patch(Rectangle(corner, width, height, facecolor=fill, edgecolor="0.2"))
    colour = ink(to_rgba(fill))
    ax.text(x, y, text, ha="center", va="center", color=colour, fontfamily=family)


def two_row_arrows(
    ax: "Axes", T: int, pitch: float, half: float, levels: list[float], halves: list[float]
) -> None:
    """The arrows of ``plot.bidirectional_graph``; two a step bend around the row between.

    ``pitch`` apart stand boxes ``2 * half`` wide, in four rows: inputs, memories handed to
    the right, memories handed to the left, outputs; each at its level, 2 * its half high.
    """
    low, high = ([y + s * h for y, h in zip(levels, halves, strict=True)] for s in (-1, 1))
    base = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 12}
    right = base | {"color": "#b35806", "linewidth": 2.4}
    left = base | {"color": "#5e3c99", "linewidth": 2.4, "linestyle": "--"}
    up = base | {"color": "0.25", "linewidth": 1.0}
    bends = [up | {"connectionstyle": f"arc3,rad={rad}"} for rad in (0.35, -0.35)]
    for t in range(1, T + 1):
        x = pitch * (t + 0.5)
        before, after = x - pitch + half, x + pitch - half
        ax.annotate("", (x - half, levels[1]), (before, levels[1]), arrowprops=right)
        ax.annotate("", (x + half, levels[2]), (after, levels[2]), arrowprops=left)
        ax.annotate("", (x - 0.13, low[1]), (x - 0.13, high[0]), arrowprops=up)
        ax.annotate("", (x - 0.05, low[3]), (x - 0.05, high[2]), arrowprops=up)
        ax.annotate("", (x + 0.2, low[2]), (x + 0.2, high[0]), arrowprops=bends[0])
        ax.annotate("", (x - 0.2, low[3]), (x - 0.2, high[1]), arrowprops=bends[1])


def new_axes(width: float, height: float) -> "Axes":
    """The axes of a new figure of that size in inches, at most 9 wide."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(min(width, 9.0), height), layout="constrained")[1]


def label_cells(ax: "Axes", rows: Sequence[str] | None, columns: Sequence[str] | None) -> None:
    """Name the rows and columns of a table; no ticks, no frame."""
    ax.set_yticks(range(len(rows or [])), rows or [])
    ax.set_xticks(range(len(columns or [])), columns or [])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
