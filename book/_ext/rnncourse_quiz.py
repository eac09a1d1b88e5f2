"""Sphinx extension: quiz answers say right or wrong by class, by mark and in words.

A page writes an answer so that it is readable anywhere, also in Colab and without script:

    <details><summary>A. 45</summary>

    ✓ One sentence that says why.

    </details>

Each feedback begins with ✓ or ✗; tools/editions/checks.py sees to that.
"""

from docutils import nodes

OPENING = "<details>"
VERDICTS = {
    "en": {"✓": ("quiz-right", "Right. "), "✗": ("quiz-wrong", "No. ")},
    "zh": {"✓": ("quiz-right", "正确。"), "✗": ("quiz-wrong", "不对。")},
}


def spoken(mark: str, words: str) -> nodes.raw:
    """The verdict: a sign for the eye, words for the ear too."""
    html = f'<strong class="quiz-verdict"><span aria-hidden="true">{mark}</span> {words}</strong>'
    return nodes.raw("", html, format="html")


def mark_answers(app, doctree) -> None:
    """Give each answer its class, and turn its mark into a verdict."""
    verdicts = VERDICTS[(app.config.language or "en")[:2]]
    for opening in list(doctree.findall(nodes.raw)):
        # One raw block may close an answer and open the next.
        head, found, tail = opening.astext().rpartition(OPENING)
        feedback = opening.next_node(descend=False, siblings=True)
        first = feedback.next_node(nodes.Text) if feedback is not None else None
        if not found or first is None or first.astext()[0] not in verdicts:
            continue
        mark, text = first.astext()[0], first.astext()[1:].lstrip()
        kind, words = verdicts[mark]
        opened = nodes.raw("", f'{head}<details class="quiz {kind}">{tail}', format="html")
        opening.replace_self(opened)
        first.parent.replace(first, [spoken(mark, words), nodes.Text(text)])


def add_script(app, pagename, templatename, context, doctree) -> None:
    """Load the script for printing where there is something to print."""
    if doctree is not None and 'class="quiz ' in context.get("body", ""):
        app.add_js_file("quiz.js", loading_method="defer")


def setup(app):
    app.connect("doctree-read", mark_answers)
    app.connect("html-page-context", add_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
