"""Cells that a reader steps through in the page: real numbers on every arrow.

A notebook shows the drawing of the last step and a table of all. In the published book a
small script (``book/_static/stepper.js``) adds buttons and a slider.
"""

import json
from html import escape
from typing import Any

import numpy as np

from rnncourse._types import Array
from rnncourse.nn import cells

Step = dict[str, str]  # what is written at each named place of the drawing
MAX_STEPS, MAX_UNITS = 8, 3


class Stepper:
    """A drawing, the numbers of each step, and a sentence for each; shown by a notebook."""

    def __init__(self, drawing: str, steps: list[Step], columns: list[str]) -> None:
        """Args: steps: texts by name, "say" among them; columns: those of the table."""
        self.drawing, self.steps, self.columns = drawing, steps, columns

    def __repr__(self) -> str:
        return "\n".join(step["say"] for step in self.steps)

    def _repr_html_(self) -> str:
        last = self.steps[-1]
        drawing = self.drawing
        for name, words in last.items():
            drawing = drawing.replace(f">{{{name}}}<", f">{escape(words)}<")
        plain = json.dumps(self.steps, ensure_ascii=False).replace("<", "\\u003c")
        return (
            f'<div class="stepper"><div class="stepper-drawing" aria-hidden="true">{drawing}</div>'
            f'<p class="stepper-say" aria-live="polite">{escape(last["say"])}</p>'
            f"{self._table()}"
            f'<script type="application/json">{plain}</script></div>'
        )

    def _table(self) -> str:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ["t", *self.columns])
        rows = "".join(
            f'<tr><th scope="row">{t}</th>'
            + "".join(f"<td>{escape(step[name])}</td>" for name in self.columns)
            + "</tr>"
            for t, step in enumerate(self.steps, start=1)
        )
        return (
            '<details><summary><span lang="en">All steps</span> <span lang="zh">所有步骤</span>'
            f"</summary><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></details>"
        )


def rnn(xs: Array, params: dict[str, Array], h0: Array | None = None) -> Stepper:
    """A simple recurrent cell, unrolled, step by step.

    Args:
        xs: (T, D), one sequence.
        params: of ``cells.rnn_step``.
        h0: (H,), zeros unless given.

    Raises ValueError for other shapes, more than 8 steps, or more than 3 inputs or units.
    """
    xs, H = _sequence(xs, params["W_h"])
    h = np.zeros(H) if h0 is None else np.asarray(h0, dtype=float)
    hs, _, _ = cells.unroll(cells.rnn_step, xs[None], h[None], params)
    words, steps = _places("h0", h), []
    for t, (x, after) in enumerate(zip(xs, hs[0], strict=True), start=1):
        total = x @ params["W_x"] + h @ params["W_h"] + params["b"]
        words |= _places(f"x{t}", x) | _places(f"h{t}", after)
        say = (f"h{_low(t)} = tanh(x{_low(t)} Wx + h{_low(t - 1)} Wh + b) "
               f"= tanh{_numbers(total, always=True)} = {_numbers(after)}")  # fmt: skip
        steps.append(words | {"x": _numbers(x), "h": _numbers(after), "say": say})
        h = after
    T, D = xs.shape
    return Stepper(_unrolled(T, D, H), steps, ["x", "h"])


def lstm(
    xs: Array, params: dict[str, Array], h0: float = 0.0, c0: float = 0.0
) -> Stepper:  # fmt: skip
    """One unit of an LSTM, step by step.

    Args:
        xs: (T, D), one sequence.
        params: of ``cells.lstm_step`` with H = 1.
        h0, c0: the state before the first step.

    Raises ValueError for other shapes, more than 8 steps, 3 inputs or one unit.
    """
    xs, H = _sequence(xs, params["W_h"])
    if H != 1:
        raise ValueError(f"params: H = {H} units; the drawing shows one, so expected H = 1")
    state, steps = (np.array([[h0]]), np.array([[c0]])), []
    for t, x in enumerate(xs, start=1):
        state, cache = cells.lstm_step(x[None], state, params)
        steps.append(_lstm_words(t, cache, *state))
    return Stepper(LSTM_DRAWING, steps, ["x", "f", "i", "g", "o", "c", "h"])


def _lstm_words(t: int, cache: Any, h: Array, c: Array) -> Step:
    """What stands in the drawing at one step."""
    values = {name: getattr(cache, name) for name in ("h_prev", "c_prev", "i", "f", "g", "o")}
    values |= {"kept": cache.f * cache.c_prev, "written": cache.i * cache.g, "c": c, "h": h,
               "tanh_c": cache.tanh_c}  # fmt: skip
    words = {name: _number(value.item()) for name, value in values.items()}
    say = ("c{now} = f · c{before} + i · g = {f} · {c_prev} + {i} · {g} = {c};  "
           "h{now} = o · tanh c{now} = {o} · {tanh_c} = {h}")  # fmt: skip
    say = say.format(now=_low(t), before=_low(t - 1), **words)
    names = {"name_x": f"x{_low(t)}", "name_h": f"h{_low(t)}", "name_c": f"c{_low(t)}",
             "before_h": f"h{_low(t - 1)}", "before_c": f"c{_low(t - 1)}"}  # fmt: skip
    return words | names | {"x": _numbers(cache.x[0]), "say": say}


def _sequence(xs: Array, W_h: Array) -> tuple[Array, int]:
    """Check that the drawing can hold it; xs as floats, and H."""
    xs = np.asarray(xs, dtype=float)
    if xs.ndim != 2 or not 1 <= len(xs) <= MAX_STEPS or not 1 <= xs.shape[1] <= MAX_UNITS:
        raise ValueError(f"xs has shape {xs.shape}; expected (T, D), one sequence of at most "
                         f"{MAX_STEPS} steps and {MAX_UNITS} inputs")  # fmt: skip
    if len(W_h) > MAX_UNITS:
        raise ValueError(f"params: H = {len(W_h)} units; the drawing has room for {MAX_UNITS}")
    return xs, len(W_h)


def _number(value: float) -> str:
    """Two decimals and a true minus; never −0.00."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _numbers(values: Array, always: bool = False) -> str:
    """One number as it is, several (or ``always``) in brackets."""
    words = ", ".join(map(_number, values))
    return f"({words})" if always or len(values) > 1 else words


def _places(name: str, values: Array) -> Step:
    """A place of the drawing for each number of a vector."""
    return {f"{name}.{k}": _number(value) for k, value in enumerate(values)}


def _low(t: int) -> str:
    """The number as a subscript."""
    return str(t).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


# --- drawings --------------------------------------------------------------------------------


def _svg(width: int, height: int, parts: list[str]) -> str:
    """A drawing in the page's own colour. {name} in a text is filled in later."""
    return (f'<svg viewBox="0 0 {width} {height}" width="{width}" fill="none" '
            'stroke="currentColor" stroke-width="1.5" font-family="sans-serif" font-size="17" '
            f'style="max-width:100%;height:auto">{"".join(parts)}</svg>')  # fmt: skip


def _text(x: float, y: float, words: str, anchor: str = "middle", later: int = 0) -> str:
    """Words, or a named place {name} that changes from step to step."""
    named = ""
    if words.startswith("{"):
        weight = "" if words.startswith(("{name", "{before")) else ' font-weight="bold"'
        named = f' data-name="{words[1:-1]}"{weight}'
    return (f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="currentColor" stroke="none"'
            f"{named}{_from(later)}>{words}</text>")  # fmt: skip


def _arrow(*points: tuple[float, float], later: int = 0) -> str:
    """A line through the points with a head at its end."""
    (x0, y0), (x1, y1) = points[-2:]
    length = float(np.hypot(x1 - x0, y1 - y0))
    u, v = (x1 - x0) / length, (y1 - y0) / length
    left, right = ((x1 - 7 * u + s * 4 * v, y1 - 7 * v - s * 4 * u) for s in (1, -1))
    path = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    head = " ".join(f"{x:.1f},{y:.1f}" for x, y in (left, (x1, y1), right))
    return f'<g{_from(later)}><polyline points="{path}"/><polyline points="{head}"/></g>'


def _box(x: float, y: float, words: str, later: int = 0) -> str:
    """A box with a letter, its centre at (x, y)."""
    return (f'<g{_from(later)}><rect x="{x - 22}" y="{y - 17}" width="44" height="34" rx="5"/>'
            f"{_text(x, y + 5, words)}</g>")  # fmt: skip


def _node(x: float, y: float, sign: str) -> str:
    """⊙ or + as a circle on a track."""
    point = f'<circle cx="{x}" cy="{y}" r="2.5" fill="currentColor"/>'
    return f'<circle cx="{x}" cy="{y}" r="11"/>{point if sign == "⊙" else _text(x, y + 5, sign)}'


def _from(step: int) -> str:
    return f' data-from="{step}"' if step else ""


def _column(x: float, y: float, name: str, count: int, later: int) -> str:
    """The numbers of a vector, one below the other; the first at (x, y)."""
    return "".join(_text(x, y + 17 * k, f"{{{name}.{k}}}", later=later) for k in range(count))


def _unrolled(T: int, D: int, H: int) -> str:
    """The same cell T times, each handing its memory to the next."""
    y = 30 + 17 * H  # of the arrows from cell to cell, under the numbers of the memory
    parts = []
    for t in range(T + 1):
        x = 32 + 108 * t  # of the memory after step t; its cell stands to the left
        parts += [_text(x, 16, f"h{_low(t)}", later=t), _column(x, 36, f"h{t}", H, t),
                  _arrow((x - 26, y), (x + (30 if t < T else 26), y), later=t)]  # fmt: skip
        if t:
            parts += [_box(x - 54, y, "cell", t),
                      _arrow((x - 54, y + 62), (x - 54, y + 19), later=t),
                      _column(x - 54, y + 78, f"x{t}", D, t),
                      _text(x - 54, y + 80 + 17 * D, f"x{_low(t)}", later=t)]  # fmt: skip
    return _svg(68 + 108 * T, y + 90 + 17 * D, parts)


def _draw_lstm() -> str:
    """The cell state above, σ and tanh below; equations eq-lstm-forget to eq-lstm-state."""
    squashed = [("f", 130, "σ"), ("i", 235, "σ"), ("g", 325, "tanh"), ("o", 435, "σ")]
    gates = [_box(x, 215, sign) + _arrow((x, 270), (x, 234)) + _text(x - 8, 188, name, "end")
             + _text(x + 8, 188, f"{{{name}}}", "start") for name, x, sign in squashed]  # fmt: skip
    parts = [
        _arrow((40, 60), (118, 60)), _node(130, 60, "⊙"), _arrow((142, 60), (268, 60)),
        _node(280, 60, "+"), _arrow((292, 60), (520, 60)),
        _arrow((130, 197), (130, 73)), _node(280, 140, "⊙"),
        _arrow((235, 197), (235, 140), (267, 140)), _arrow((325, 197), (325, 140), (293, 140)),
        _arrow((280, 128), (280, 73)), _text(288, 105, "{written}", "start"),
        _arrow((435, 60), (435, 79)), _box(435, 97, "tanh"), _arrow((435, 115), (435, 138)),
        _text(443, 132, "{tanh_c}", "start"), _node(435, 150, "⊙"), _arrow((435, 197), (435, 163)),
        _arrow((447, 150), (520, 150)),
        _text(40, 30, "{before_c}", "start"), _text(40, 48, "{c_prev}", "start"),
        _text(205, 48, "{kept}"), _text(520, 30, "{name_c}", "end"), _text(520, 48, "{c}", "end"),
        _text(520, 140, "{name_h}", "end"), _text(520, 171, "{h}", "end"),
        '<polyline points="60,270 435,270"/>',
        _text(60, 292, "{name_x}", "start"), _text(82, 292, "{x}", "start"),
        _text(250, 292, "{before_h}", "start"), _text(272, 292, "{h_prev}", "start"),
    ]  # fmt: skip
    return _svg(540, 305, gates + parts)


LSTM_DRAWING = _draw_lstm()
