"""Sphinx extension: quiz answers in another order, each right or wrong by class, mark and words.

A page writes an answer so that it is readable anywhere, also in Colab and without script:

    <details><summary>A. 45</summary>

    ✓ One sentence that says why.

    </details>

Each feedback begins with ✓ or ✗; tools/editions/checks.py sees to that. Who writes a quiz likes
some places for the right answer better than others. The page therefore shows the answers in an
order drawn from its stem and the question's number, the same in both editions.
"""

import hashlib
import re

from docutils import nodes
from rnncourse_edition import edition

OPENING = re.compile(r"<details><summary>[A-Z]\. (.+)</summary>\s*$", re.DOTALL)
CLOSING = "</details>"
VERDICTS = {
    "en": {"✓": ("quiz-right", "Right. "), "✗": ("quiz-wrong", "No. ")},
    "zh": {"✓": ("quiz-right", "正确。"), "✗": ("quiz-wrong", "不对。")},
}
LETTERS = "ABCDEFGH"
Choice = tuple[str, list[nodes.Node]]  # the words of the summary, and the feedback


def order(stem: str, number: int, count: int) -> list[int]:
    """The places that a question's answers have in the source, in the order shown."""

    def drawn(place: int) -> str:
        return hashlib.sha256(f"{stem} {number} {place}".encode()).hexdigest()

    return sorted(range(count), key=drawn)


def spoken(mark: str, words: str) -> nodes.raw:
    """The verdict: a sign for the eye, words for the ear too."""
    html = f'<strong class="quiz-verdict"><span aria-hidden="true">{mark}</span> {words}</strong>'
    return nodes.raw("", html, format="html")


def first_text(feedback: list[nodes.Node]) -> nodes.Text | None:
    return feedback[0].next_node(nodes.Text) if feedback else None


def gathered(parent: nodes.Element) -> list[tuple[int, int, list[Choice]]]:
    """The questions among a section's children: where their choices begin and end, and these."""
    found, choices, start, inside = [], [], 0, False
    for place, node in enumerate([*parent.children, None]):
        html = node.astext() if isinstance(node, nodes.raw) else ""
        if opening := OPENING.search(html):
            start = start if choices else place
            choices.append((opening[1], []))
            inside = True
        elif inside and html.strip() == CLOSING:
            inside = False
        elif inside and node is not None:
            choices[-1][1].append(node)
        elif choices:
            found.append((start, place, choices))
            choices = []
    return found


def shown(choices: list[Choice], places: list[int], number: int, verdicts) -> list[nodes.Node]:
    """The choices as the page shows them, lettered anew."""
    result: list[nodes.Node] = []
    for letter, place in zip(LETTERS, places, strict=False):
        summary, feedback = choices[place]
        first = first_text(feedback)
        mark, text = first.astext()[0], first.astext()[1:].lstrip()
        kind, words = verdicts[mark]
        first.parent.replace(first, [spoken(mark, words), nodes.Text(text)])
        head = f'<details class="quiz {kind}" data-question="{number}">'
        head += f"<summary>{letter}. {summary}</summary>"
        result += [nodes.raw("", head, format="html"), *feedback,
                   nodes.raw("", CLOSING, format="html")]  # fmt: skip
    return result


def is_quiz(choices: list[Choice], verdicts) -> bool:
    """Say whether every choice's feedback begins with a verdict: other details stay as they are."""
    firsts = [first_text(feedback) for _, feedback in choices]
    return all(first is not None and first.astext()[:1] in verdicts for first in firsts)


def shuffle_answers(app, doctree) -> None:
    """Give each question's answers their order, letters, classes and verdicts."""
    verdicts = VERDICTS[edition(app)]
    number = 0
    for parent in list(doctree.findall(nodes.section)):
        children = list(parent.children)
        result, copied = [], 0
        for start, end, choices in gathered(parent):
            if is_quiz(choices, verdicts):
                number += 1
                places = order(app.env.docname, number, len(choices))
                result += [*children[copied:start], *shown(choices, places, number, verdicts)]
                copied = end
        if result:
            parent.children = []
            parent += [*result, *children[copied:]]


def add_script(app, pagename, templatename, context, doctree) -> None:
    """Load the script for printing where there is something to print."""
    if doctree is not None and 'class="quiz ' in context.get("body", ""):
        app.add_js_file("quiz.js", loading_method="defer")


def setup(app):
    app.connect("doctree-read", shuffle_answers)
    app.connect("html-page-context", add_script)
    return {"version": "2", "parallel_read_safe": True, "parallel_write_safe": True}
