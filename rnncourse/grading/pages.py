"""What each learner reads: one page of HTML, in both languages, without a script.

Everything that a learner wrote is escaped, nothing is loaded, and a policy in the page forbids it.
A page's name ends in a random number, so that nobody guesses a classmate's; `index.csv` says whose
it is.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape

from rnncourse.grading.compare import Part, Text, Verdict
from rnncourse.grading.feedback import headline, html_sign, html_text
from rnncourse.grading.printable import guarded
from rnncourse.grading.record import Record
from rnncourse.grading.spreadsheet import points
from rnncourse.grading.standing import Standing

INDEX = "index.csv"
HEADING = ("learner", "page")
NAME = re.compile(r"[a-z0-9-]{1,60}\.html")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --text: #1c1c1c; --line: #d0d0d0; }
@media (prefers-color-scheme: dark) {
  :root { --page: #17191c; --text: #e6e6e6; --line: #41464c; }
}
body { margin: 0; background: var(--page); color: var(--text); line-height: 1.5;
  font-family: system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin: 0 0 0.5rem; }
h3 { font-size: 1rem; margin: 1rem 0 0; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
ul { list-style: none; padding: 0; } li { margin: 0.5rem 0; }
li p { margin: 0 0 0 1.6rem; } code { font-family: ui-monospace, monospace; }
@media print { section { break-inside: avoid; } }
"""


def page(learner: str, results: Sequence[Standing], loose: Sequence[Record]) -> str:
    """One learner's page: a section for each exercise, then what belongs to none."""
    total = points(sum(one.points for one in results))
    due = points(sum(one.max_points for one in results))
    name = escape(learner)
    title = (f"Feedback for {name}", f"给 {name} 的反馈")
    score = _paragraph((f"{total} of {due} points", f"{due} 分中得 {total} 分"))
    parts = [_section(one) for one in results] + [_stray(record) for record in loose]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{title[0]}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{title[0]} <br><span lang="zh">{title[1]}</span></h1>\n{score}\n'
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _section(one: Standing) -> str:
    """One exercise: the verdict, each part, the hints, and which attempt it is."""
    record = one.record
    if record is None:
        missing = (f"nothing handed in, 0/{one.max_points:g} points.",
                   f"没有提交，0/{one.max_points:g} 分。")  # fmt: skip
        body = f"<p>{html_sign('✗')} {html_text(missing)}</p>"
    else:
        body = _verdict(record) + _attempt(one)
    return f"<section>\n<h2><code>{escape(one.exercise)}</code></h2>\n{body}\n</section>"


def _verdict(record: Record) -> str:
    head = headline(record.exercise, Verdict(record.points, record.text), record.max_points)
    html = [f"<p>{html_sign(head.sign)} {html_text(head.text)}</p>"]
    if any(part.difference or part.points > 0 for part in record.parts):
        html += ["<ul>", *(_part(part, record) for part in record.parts), "</ul>"]
    hints = [hint for hint in record.hints if hint[0] not in record.text[0]]
    if hints:
        html.append('<h3>Hints <span lang="zh">提示</span></h3>')
        html += [f"<p>{html_text(hint)}</p>" for hint in hints]
    return "\n".join(html)


def _part(part: Part, record: Record) -> str:
    """A part's sign, name and points, and its difference unless the verdict has said it."""
    sign = "✗" if part.difference or not part.points > 0 else "✓"
    known = part.difference and part.difference[0] in record.text[0]
    said = f"<p>{html_text(part.difference)}</p>" if part.difference and not known else ""
    return (f"<li>{html_sign(sign)} <code>{escape(part.name)}</code> "
            f"{part.points:.3g}/{part.max_points:.3g}{said}</li>")  # fmt: skip


def _attempt(one: Standing) -> str:
    if one.attempts < 2 or one.record is None:
        return ""
    file = one.record.submission
    return _paragraph((f"This is one of {one.attempts} attempts: {escape(file)}",
                       f"共提交 {one.attempts} 次，这里计入的是：{escape(file)}"))  # fmt: skip


def _stray(record: Record) -> str:
    """A file that belongs to no exercise, or the note that there is none."""
    name = f"<h2>{escape(record.submission)}</h2>\n" if record.submission else ""
    return f"<section>\n{name}<p>{html_sign('✗')} {html_text(record.text)}</p>\n</section>"


def _paragraph(html: Text) -> str:
    return f'<p>{html[0]}<br><span lang="zh">{html[1]}</span></p>'


def names(learners: Iterable[str], before: dict[str, str]) -> dict[str, str]:
    """A page's name for each learner: that of `before`, by the index's cells, else a new one."""
    found: dict[str, str] = {}
    for who in learners:
        name = before.get(guarded(who), "")
        while not NAME.fullmatch(name) or name in found.values():
            name = f"{_slug(who)}{secrets.token_hex(8)}.html"
        found[who] = name
    return found


def _slug(text: str) -> str:
    """What a file's name can show of a learner's name, on any system; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:30].strip("-")
    return f"{slug}-" if slug else ""
