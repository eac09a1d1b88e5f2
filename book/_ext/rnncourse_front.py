"""Sphinx extension for the front pages: the course's map, its glossary and its term table.

{course-map}   from _toc.yml, the pages' titles and book/plan.yml
{terms}        every term of book/terms.yml with its definition
{term-table}   the same terms in both languages, linked to their definitions
"""

import sys
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.site.course_map import course_map

ROOT = Path(__file__).resolve().parents[2]
TERMS = ROOT / "book" / "terms.yml"
# Of the term table: this edition's language first.
HEADS = {"en": ("English", "Chinese", "symbol"), "zh": ("中文", "英文", "符号")}


def reading_order(terms: list[dict], language: str) -> list[dict]:
    """Sort terms as a reader of the edition looks them up.

    The common characters stand in GB 18030 by their pinyin; a character with two readings
    stands at one of them, so that a term may say by which others it is sorted (`zh_sort`).
    """
    if language == "en":
        return sorted(terms, key=lambda term: term["en"].lower())
    return sorted(terms, key=lambda term: term.get("zh_sort", term["zh"]).encode("gb18030"))


def meaning(term: dict, language: str) -> str:
    """A term's definition, and by which other words it goes; a Latin one is an abbreviation."""
    others = term.get("also", {}).get(language, [])
    said = term["def"][language]
    if language == "en":
        return f"{said} Also called {' or '.join(others)}." if others else said
    short = [word for word in others if word.isascii()]
    translated = [word for word in others if not word.isascii()]
    parts = [
        word + "、".join(some) for word, some in (("简称 ", short), ("又译", translated)) if some
    ]
    return f"{said}{'，'.join(parts)}。" if parts else said


class FrontDirective(SphinxDirective):
    @property
    def language(self) -> str:
        return (self.config.language or "en")[:2]

    @property
    def other(self) -> str:
        return {"en": "zh", "zh": "en"}[self.language]

    def terms(self) -> list[dict]:
        self.env.note_dependency(str(TERMS))
        return reading_order(yaml.safe_load(TERMS.read_text(encoding="utf-8")), self.language)

    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        """Return what a page with these lines of Markdown would hold."""
        container = nodes.container()
        self.state.nested_parse(StringList(lines, str(TERMS)), 0, container)
        return container.children


class CourseMap(FrontDirective):
    def run(self):
        # A changed title changes the map.
        for page in (ROOT / "book" / self.language).glob("*.md"):
            self.env.note_dependency(str(page))
        return [nodes.raw("", course_map(ROOT, self.language), format="html")]


class Terms(FrontDirective):
    def run(self):
        lines = []
        for term in self.terms():
            lines += [
                term[self.language],
                term[self.other],
                f"  {meaning(term, self.language)}",
                "",
            ]
        result = self.parsed([":::{glossary}", *lines, ":::"])
        code = {"en": "language-en", "zh": "language-zh-cn"}[self.other]
        for entry in (item for part in result for item in part.findall(nodes.definition_list_item)):
            # docutils makes lang="…" of such a class: a screen reader changes its voice.
            next(node for i, node in enumerate(entry.findall(nodes.term)) if i)["classes"] += [code]
        return result


class TermTable(FrontDirective):
    def run(self):
        heads = HEADS[self.language]
        lines = [f"| {' | '.join(heads)} |", "|---|---|---|"]
        for term in self.terms():
            own, other = term[self.language], term[self.other]
            lines.append(f"| {{term}}`{own}` | {other} | {term.get('symbol', '')} |")
        return self.parsed(lines)


def setup(app):
    app.add_directive("course-map", CourseMap)
    app.add_directive("terms", Terms)
    app.add_directive("term-table", TermTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
