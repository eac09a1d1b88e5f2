"""What the figures of :mod:`rnncourse.plot` are drawn with: fonts, boxes, inks."""

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Noto Sans SC, cut to the characters of the course's figures (tools/site/font.py).
CHINESE_FONT = Path(__file__).resolve().parents[1] / "fonts" / "chinese.ttf"
# For a reader's own texts: one of these is on macOS, Windows, or comes with a small package on
# Linux.
SYSTEM_FONTS = (
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

    The package's own font has what the course draws. For other characters a font of the system
    is taken; where there is none, warns once with what to install.
    """
    import matplotlib

    family = list(matplotlib.rcParams["font.family"])
    if chinese := {ch for text in texts for ch in text if "\u2e80" <= ch <= "\uffef"}:
        fonts = [chinese_font()]
        if chinese - _drawn():
            found = system_font()
            if found is None:
                _warn_no_font()
            else:
                fonts.append(found)
        # Matplotlib falls back per character: Latin text keeps its font.
        family += [font for font in fonts if font not in family]
        matplotlib.rcParams["font.family"] = family
    return family


@functools.cache
def chinese_font() -> str:
    """The name of the package's own Chinese font, made known to Matplotlib."""
    from matplotlib import font_manager

    font_manager.fontManager.addfont(CHINESE_FONT)
    return font_manager.get_font(CHINESE_FONT).family_name


@functools.cache
def _drawn() -> frozenset[str]:
    """The characters that the package's font can draw."""
    from matplotlib import font_manager

    return frozenset(map(chr, font_manager.get_font(CHINESE_FONT).get_charmap()))


@functools.cache
def system_font() -> str | None:
    """The first font of ``SYSTEM_FONTS`` on this machine, or None.

    Fonts installed after Matplotlib cached its list (as in Colab) are looked
    for on disk.
    """
    from matplotlib import font_manager

    for path in font_manager.findSystemFonts():
        if "wqy" in path.lower() or "cjk" in path.lower():
            _add_font(font_manager.fontManager, path)
    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in SYSTEM_FONTS if name in known), None)


def _add_font(manager: Any, path: str) -> None:
    if all(entry.fname != path for entry in manager.ttflist):
        manager.addfont(path)


@functools.cache
def _warn_no_font() -> None:
    """Warn once, in place of Matplotlib's line for each character."""
    warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
    warnings.warn(
        "No font here can draw some of these Chinese characters: they would be empty boxes. "
        "Install one, for example 'apt-get install fonts-wqy-microhei' on Debian, Ubuntu or Colab, "
        "and restart.",
        stacklevel=4,
    )


def ink(rgba: tuple[float, ...] | np.ndarray) -> str:
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


# Colour, dashes and marker of the lines of a figure: different in each of the three.
LINES = (
    ("black", "-", "o"),
    ("#b35806", "--", "s"),
    ("#5e3c99", "-.", "^"),
    ("0.5", ":", "D"),
    ("#e08214", "-", "v"),
    ("#8073ac", "--", "x"),
)


def trace(ax: "Axes", values: np.ndarray) -> None:
    """Values over time: (T,) as bars, (T, H) as a picture; see ``plot.gate_traces``."""
    signed = values.min() < 0
    top = max(float(np.abs(values).max()), 0.0 if signed else 1.0)
    low = -top if signed else 0.0
    if values.ndim == 1:
        ax.bar(range(len(values)), values, width=0.8, color="0.35")
        ax.set(xlim=(-0.5, len(values) - 0.5), ylim=(low, top), yticks=sorted({low, 0.0, top}))
        ax.axhline(0, color="0.2", linewidth=0.8)
        ax.yaxis.set_major_formatter("{x:.2g}")
        return
    cmap = "Greys" if low == 0 else "PuOr_r"
    ax.imshow(values.T, cmap=cmap, vmin=low, vmax=top, aspect="auto", interpolation="none")
    ax.set_yticks([])


def track(
    ax: "Axes", corners: Sequence[tuple[float, float]], text: str, side: str, strong: bool
) -> None:
    """A line through the corners with an arrow at its end, and ``text`` where it begins."""
    *_, tail, head = corners
    colour, order = ("0.1", 1.5) if strong else ("0.75", 1)
    ax.plot(*zip(*corners[:-1], strict=True), color=colour, linewidth=1.4, zorder=order)
    style = {"arrowstyle": "-|>", "color": colour, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.4}
    ax.annotate("", head, tail, arrowprops=style, zorder=order)
    if text:
        (x0, y0), (x1, y1) = corners[:2]
        if side == "above":
            x, y, ha, va = (x0 + x1) / 2, y0 + 0.06, "center", "bottom"
        else:  # not far from where an upright piece begins
            x, y, ha, va = x0 + 0.08, y0 + np.clip((y1 - y0) / 2, -0.25, 0.25), "left", "center"
        ax.text(x, y, text, ha=ha, va=va, color=colour, size=12)


def station(ax: "Axes", centre: tuple[float, float], text: str, fill: str, strong: bool) -> None:
    """What stands on a track: ⊙ or + as a circle, anything else in a rounded box."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Circle, FancyBboxPatch

    (x, y), colour = centre, "0.1" if strong else "0.7"
    look: dict[str, Any] = {"facecolor": fill, "edgecolor": colour, "zorder": 2}
    if text in ("⊙", "+"):
        ax.add_patch(Circle(centre, 0.15, **look))
    else:
        half = 0.23 if "\n" in text else 0.18
        round_box = "round,pad=0,rounding_size=0.08"
        ax.add_patch(
            FancyBboxPatch((x - 0.33, y - half), 0.66, 2 * half, boxstyle=round_box, **look)
        )
    if text == "⊙":  # the circle around its point is drawn already
        ax.add_patch(Circle(centre, 0.035, color=colour, zorder=3))
        return
    shade = colour if ink(to_rgba(fill)) == "black" else "white"
    ax.text(x, y, text, ha="center", va="center", color=shade, zorder=3, size=12)
