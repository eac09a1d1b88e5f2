"""Sphinx extension: references that read well in each language.

Equations are numbered anew on each page (numfig is off in _config.yml), so that a reference
to another page's equation also says whose: "(3) of The recurrent cell", “循环单元”一章的式 (3).
Not again, though, where the reference before it in the paragraph leads to the same page.

In Chinese, a link that shows a title stands in “ ”, and no blank stands around it.
"""

import re

from docutils import nodes
from rnncourse_edition import CJK, edition
from sphinx import addnodes
from sphinx.domains.math import MathDomain

# No line ends between 式 and its number.
HERE = {"en": "({number})", "zh": "式\u00a0({number})"}
ELSEWHERE = {"en": "({number}) of {title}", "zh": "“{title}”一章的式\u00a0({number})"}
TITLE_ROLES = ("ref", "doc", "myst", "any")


def last_page(node: nodes.Node, here: str, glossary: str) -> str:
    """The address of the page that the reference before this one in its paragraph leads to."""
    last = ""
    for other in node.parent.findall(nodes.Element):
        if other is node:
            break
        if isinstance(other, nodes.reference) and other.get("internal"):
            page = other.get("refuri", here).partition("#")[0]
            last = last if page == glossary else page
    return last


class CourseMath(MathDomain):
    """Sphinx's equations, with references that name the other page where one must be named."""

    def resolve_xref(self, env, fromdocname, builder, typ, target, node, contnode):
        found = super().resolve_xref(env, fromdocname, builder, typ, target, node, contnode)
        if found is not None:
            page, number = self.equations[target]
            here, there, glossary = (builder.get_relative_uri(fromdocname, name)
                                     for name in (fromdocname, page, "glossary"))  # fmt: skip
            short = page == fromdocname or last_page(node, here, glossary) == there
            words = (HERE if short else ELSEWHERE)[edition(env)]
            title = env.titles[page].astext()
            found.children = [nodes.Text(words.format(number=number, title=title))]
        return found


def shows_title(node: nodes.Node) -> bool:
    """Say whether a reference shows the title of what it leads to."""
    role = isinstance(node, addnodes.pending_xref) and node.get("reftype")
    return role in TITLE_ROLES and not node.get("refexplicit")


def is_equation(node: nodes.Node) -> bool:
    return isinstance(node, addnodes.pending_xref) and node.get("reftype") == "eq"


def quote(reference: nodes.Element) -> None:
    """Set a title in “ ” unless it stands in them, and drop the blanks around it."""
    trim(reference, before=True)
    trim(reference, before=False)
    parent = reference.parent
    place = parent.index(reference)
    before = parent[place - 1].astext() if place else ""
    if not before.endswith("“"):
        parent[place : place + 1] = [nodes.Text("“"), reference, nodes.Text("”")]


def trim(reference: nodes.Element, *, before: bool) -> None:
    """Drop the blanks between a reference and Chinese beside it."""
    parent = reference.parent
    place = parent.index(reference) + (-1 if before else 1)
    text = parent[place] if 0 <= place < len(parent) else None
    if isinstance(text, nodes.Text):
        pattern, kept = (rf"(?<={CJK}) +$", "") if before else (rf"^ +(?={CJK})", "")
        parent[place] = nodes.Text(re.sub(pattern, kept, text))


def read_page(app, doctree) -> None:
    if edition(app) != "zh":
        return
    for reference in list(doctree.findall(addnodes.pending_xref)):
        if is_equation(reference):
            trim(reference, before=True)
        elif shows_title(reference):
            quote(reference)


def setup(app):
    app.add_domain(CourseMath, override=True)
    app.add_js_file("preview.js", loading_method="defer")
    app.connect("doctree-read", read_page, priority=600)  # when Chinese lines are joined
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
