"""Sphinx extension: the first use of a glossary term in a chapter leads to its entry.

The terms, and the words by which each is found, come from book/terms.yml. Linked is the first use
in a paragraph or a list, at most one in a sentence; what that leaves out is linked at its next
use. Where the chapter defines a term in bold, its reader has been told: no link from there on.

An author may link by hand, in both editions to the English name: {term}`hidden states <hidden
state>`, {term}`隐藏状态 <hidden state>`. Sphinx names a term that is not in the glossary.
"""

import re
import sys
from pathlib import Path

from docutils import nodes
from rnncourse_edition import edition
from sphinx import addnodes

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.editions.checks import chapters
from tools.editions.terms import terms

ROOT = Path(__file__).resolve().parents[2]
TERMS = ROOT / "book" / "terms.yml"
SENTENCE_END = re.compile(r"[.!?:](?=\s|$)|[。！？；：]")
# What holds paragraphs that are no prose of the chapter.
OTHER_PARTS = (nodes.table, nodes.footnote, nodes.citation, nodes.definition_list, nodes.figure)


def plural(word: str) -> str:
    """The English plural, as far as terms need one."""
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")


def forms(term: dict, language: str) -> list[str]:
    """The words by which a term is found: its name or its `forms`, and its `also`."""
    own = term.get("forms", {}).get(language, [term[language]])
    own = [*own, *term.get("also", {}).get(language, [])]
    return own + [plural(word) for word in own] if language == "en" else own


class Vocabulary:
    """The terms of one edition, and how to find them in a text."""

    def __init__(self, entries: list[dict], language: str):
        self.names = {}
        for entry in entries:
            for word in forms(entry, language):
                self.names[word.lower()] = entry["en"]
            # Defined in bold and linked by hand under these names, even if never found by them.
            self.names.setdefault(entry[language].lower(), entry["en"])
        unlike = [word for e in entries for word in e.get("unlike", {}).get(language, [])]
        found = {*unlike, *(word for e in entries for word in forms(e, language))}
        words = map(self.word, sorted(found, key=len, reverse=True))
        self.pattern = re.compile("|".join(words) or r"(?!)", re.ASCII)

    @staticmethod
    def word(form: str) -> str:
        """The pattern of a form: Latin words stand alone, and may begin with a capital."""
        if not form[0].isascii():
            return re.escape(form)
        first = f"[{form[0].upper()}{form[0].lower()}]" if form[0].isalpha() else form[0]
        rest = r"\s".join(map(re.escape, form[1:].split(" ")))  # a line may end within it
        return rf"(?<![\w–-]){first}{rest}(?![\w–-])"

    def name_of(self, words: str) -> str | None:
        """The English name of the term that these words are, or None."""
        return self.names.get(" ".join(words.split()).lower())


def is_prose(paragraph: nodes.Node, page: str) -> bool:
    """Say whether a paragraph is the chapter's own text, where a term is explained."""
    node = paragraph.parent
    while node is not None:
        if isinstance(node, OTHER_PARTS) or node.get("nb_element"):
            return False
        if f"sec-{page}-quiz" in {*node.get("ids", []), *node.get("names", [])}:
            return False
        node = node.parent
    return True


def link(words: str, name: str, page: str) -> nodes.Node:
    """What the role {term} would have made."""
    shown = nodes.inline(words, words, classes=["xref", "std", "std-term", "course-term"])
    return addnodes.pending_xref(words, shown, refdomain="std", reftype="term", reftarget=name,
                                 refexplicit=True, refwarn=True, refdoc=page)  # fmt: skip


def joined(children: list[nodes.Node]) -> list[nodes.Node]:
    """Make one node of neighbouring texts: a line's end is a text of its own."""
    found: list[nodes.Node] = []
    for node in children:
        if isinstance(node, nodes.Text) and found and isinstance(found[-1], nodes.Text):
            found[-1] = nodes.Text(found[-1] + node)
        else:
            found.append(node)
    return found


class FirstUses:
    """Links the first uses on one page; knows what the reader has met so far."""

    def __init__(self, vocabulary: Vocabulary, page: str):
        self.vocabulary, self.page = vocabulary, page
        self.met: set[str] = set()
        self.linked = False  # in this sentence

    def paragraph(self, paragraph: nodes.Element) -> None:
        self.linked = False
        changed = []
        for child in joined(paragraph.children):
            changed += self.text(child) if isinstance(child, nodes.Text) else [self.other(child)]
        paragraph.children = []
        paragraph += changed

    def other(self, node: nodes.Node) -> nodes.Node:
        """A term in bold is being defined; one linked by hand is linked."""
        if isinstance(node, nodes.strong):
            self.met.add(self.vocabulary.name_of(node.astext()))
        if isinstance(node, addnodes.pending_xref) and node.get("reftype") == "term":
            self.met.add(self.vocabulary.name_of(node["reftarget"]) or node["reftarget"])
            self.linked = True
        if isinstance(node, nodes.inline) and SENTENCE_END.search(node.astext()):
            self.linked = False  # a formula together with its full stop
        return node

    def text(self, text: nodes.Text) -> list[nodes.Node]:
        made, rest, seen = [], 0, 0
        for found in self.vocabulary.pattern.finditer(text):
            if SENTENCE_END.search(text, seen, found.start()):
                self.linked = False
            seen = found.start()
            name = self.vocabulary.name_of(found[0])
            if name is None or self.linked or name in self.met:
                continue
            made += [nodes.Text(text[rest : found.start()]), link(found[0], name, self.page)]
            rest, self.linked = found.end(), True
            self.met.add(name)
        if SENTENCE_END.search(text, seen):
            self.linked = False
        return [node for node in [*made, nodes.Text(text[rest:])] if node.astext()]


def link_first_uses(doctree: nodes.document, vocabulary: Vocabulary, page: str) -> None:
    uses = FirstUses(vocabulary, page)
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if is_prose(paragraph, page):
            uses.paragraph(paragraph)


def read_page(app, doctree) -> None:
    page = app.env.docname
    if page not in chapters(ROOT):
        return
    app.env.note_dependency(str(TERMS))
    language = edition(app)
    link_first_uses(doctree, Vocabulary(terms(ROOT), language), page)


def setup(app):
    app.connect("doctree-read", read_page, priority=600)  # when Chinese lines are joined
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
