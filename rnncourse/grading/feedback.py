"""What `check` shows: the verdict a part at a time, as plain text and as HTML.

Every sentence stands in English and in Chinese. Nothing here decides anything.
"""

from __future__ import annotations

import sys
from html import escape
from typing import NamedTuple

from rnncourse.grading.compare import Part, Text, Verdict

# Colours with white signs on them: readable on a light page, on a dark one, and in grey.
BADGE = "background-color:{};color:#ffffff;padding:0 0.35em"
GREEN, RED = "#1a7f37", "#b42318"


class Line(NamedTuple):
    """A sentence and its sign: ✓ right, ✗ wrong, → a hint, • a note that costs no points."""

    sign: str
    text: Text


def render(exercise_id: str, found: Verdict, points: float) -> tuple[str, str]:
    """The verdict as plain text and as HTML; `points` is 0 for an unknown exercise."""
    head = headline(exercise_id, found, points)
    more = [Line("→", hint) for hint in found.hints] + [Line("•", note) for note in found.notes]
    text = [f"{head.sign} {t}" for t in head.text]
    html = [f"<p>{html_sign(head.sign)} {html_text(head.text)}</p>"]
    if found.parts:
        width = max(len(part.name) for part in found.parts)
        text += [line for part in found.parts for line in _part_lines(part, width)]
        html += ["<table>", *map(_html_part, found.parts), "</table>"]
    text += [f"  {line.sign} {t}" for line in more for t in line.text]
    html += [f"<p><b>{line.sign}</b> {html_text(line.text)}</p>" for line in more]
    return "\n".join(text), f"<div>{''.join(html)}</div>"


def headline(exercise_id: str, found: Verdict, points: float) -> Line:
    """Right, partly right or not yet, and the score; without parts also what went wrong."""
    if not points:
        return Line("✗", found.text)
    score = f"{found.points:g}/{points:g}"
    if found.points == points:
        return Line(
            "✓", (f"{exercise_id}: right, {score} points.", f"{exercise_id}：正确，{score} 分。")
        )
    word, word_zh = ("partly right", "部分正确") if found.points > 0 else ("not yet", "还不对")
    why, why_zh = (".", "。") if found.parts else (f": {found.text[0]}", f"：{found.text[1]}")
    return Line("✗", (f"{exercise_id}: {word}, {score} points{why}",
                      f"{exercise_id}：{word_zh}，{score} 分{why_zh}"))  # fmt: skip


def _score(part: Part) -> str:
    return f"{part.points:.3g}/{part.max_points:.3g}"


def _part_lines(part: Part, width: int) -> list[str]:
    if part.difference is None:
        return [f"  ✓ {part.name:<{width}}  {_score(part)}"]
    start = f"  ✗ {part.name:<{width}}  {_score(part)}  "
    return [start + part.difference[0], " " * len(start) + part.difference[1]]


def html_sign(sign: str) -> str:
    """A line's sign as a coloured badge."""
    return f'<span style="{BADGE.format(GREEN if sign == "✓" else RED)}">{sign}</span>'


def html_text(text: Text) -> str:
    """A sentence in both languages, escaped."""
    return f'{escape(text[0])}<br/><span lang="zh">{escape(text[1])}</span>'


def _html_part(part: Part) -> str:
    sign = "✓" if part.difference is None else "✗"
    said = html_text(part.difference) if part.difference else ""
    cells = [html_sign(sign), f"<code>{escape(part.name)}</code>", _score(part), said]
    left = 'style="text-align:left"'
    return f"<tr>{''.join(f'<td {left}>{cell}</td>' for cell in cells)}</tr>"


def show(text: str, html: str) -> None:
    """Show both forms in a notebook, which chooses; print the text anywhere else."""
    ipython = sys.modules.get("IPython")  # loaded wherever it runs; importing it takes long
    if ipython is None or ipython.get_ipython() is None:
        print(text)
        return
    from IPython.display import display

    display({"text/plain": text, "text/html": html}, raw=True)
