"""Sphinx extension for the front pages: what the course is, its map, its glossary, its terms.

{course-start} where to click first, and where the reader stopped (progress.js)
{course-cards} what a reader will have built, from what the course measured (tools/site/cards.py)
{course-time}  how many chapters there are and how long they take, from the pages
{course-zip}   the link to the zip of the site, whose size the assembled site says
{course-wheel} how to run notebooks without GitHub, with the link to the package
{course-map}   from _toc.yml, the pages' titles and book/plan.yml
{terms}        every term of book/terms.yml with its definition
{term-table}   the same terms in both languages, linked to their definitions
"""

import sys
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from rnncourse_edition import edition
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.editions import checks, length
from tools.site import take_along
from tools.site.cards import cards
from tools.site.course_map import course_map, title

ROOT = Path(__file__).resolve().parents[2]
TERMS = ROOT / "book" / "terms.yml"
# Of the term table: this edition's language first.
HEADS = {"en": ("English", "Chinese", "symbol"), "zh": ("中文", "英文", "符号")}
FIRST, WITH_NUMPY = "sequences", "rnn"
START = {
    "en": ("Start: {}", "Already know NumPy? Jump to “{}”", "Go on where you stopped:"),
    "zh": ("从第一章开始：{}", "会用 NumPy？直接看“{}”一章", "接着上次读："),
}
TIME = {
    "en": "{count} chapters, about {hours} hours of reading in all. A chapter takes {least} to "
    "{most} minutes and makes a good evening; its exercises come on top.",
    "zh": "全书 {count} 章，读完大约要 {hours} 小时；每章 {least} 到 {most} 分钟，"
    "一个晚上学一章正合适。做练习的时间另算。",
}
ZIP = {
    "en": '<a href="{}" download>Take the whole course along</a> as one zip ({}) and read it '
    "without a network.",
    "zh": '<a href="{}" download>下载整个课程</a>，是一个 zip 文件（{}），不联网也能读。',
}
INSTALL = '<code>pip install "{0}[frameworks,chapters]" jupyterlab</code>'
WHEEL = {
    "en": 'On your own computer, download <a href="../{0}" download>the course’s package</a> and '
    f"run {INSTALL} in the folder where it lies; PyTorch and Keras come with it. Then download a "
    "chapter’s notebook with the button at the top of its page, and open it in JupyterLab or "
    "VS Code. For an exercise it is enough that the package lies beside the notebook: the first "
    "cell installs it.",
    "zh": '想在自己的电脑上运行，请下载<a href="../{0}" download>课程的程序包</a>，'
    f"在它所在的文件夹里运行 {INSTALL}，把课程、PyTorch 和 Keras 一起装好，不需要访问 GitHub。"
    "下载太慢时，在命令后面加上 <code>-i 镜像地址</code>，换成离你较近的 PyPI 镜像。"
    "然后点每章顶部的下载按钮，选“.ipynb”得到笔记本，用 JupyterLab 或 VS Code 打开。"
    "只做练习的话，把程序包和笔记本放在同一个文件夹里就行，第一个单元格会安装它。",
}


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
        return edition(self)

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

    def made_from_pages(self, html: str) -> list[nodes.Node]:
        """HTML that a changed page changes, as by its title."""
        for page in (ROOT / "book" / self.language).glob("*.md"):
            self.env.note_dependency(str(page))
        return [nodes.raw("", html, format="html")]


class CourseMap(FrontDirective):
    def run(self):
        return self.made_from_pages(course_map(ROOT, self.language))


def start(root: Path, language: str) -> str:
    """Return the first click, a second one, and the place where the reader stopped."""
    first, second, stopped = START[language]

    def named(words: str, stem: str) -> str:
        return escape(words.format(title(root / "book" / language / f"{stem}.md")))

    return (
        f'<p class="course-start"><a class="course-first" href="{FIRST}.html">'
        f'{named(first, FIRST)}</a> <a href="{WITH_NUMPY}.html">{named(second, WITH_NUMPY)}</a></p>'
        f'\n<p id="course-go-on" hidden>{stopped} <a href="index.html"></a></p>'
    )


class CourseStart(FrontDirective):
    def run(self):
        return self.made_from_pages(start(ROOT, self.language))


def time_needed(root: Path, language: str) -> str:
    """Say how long the course is, from the lengths of its pages."""
    minutes = [length.measure(root, language, stem).minutes for stem in checks.chapters(root)]
    return TIME[language].format(count=len(minutes), hours=round(sum(minutes) / 60),
                                 least=min(minutes), most=max(minutes))  # fmt: skip


class CourseTime(FrontDirective):
    def run(self):
        return self.made_from_pages(
            f'<p class="course-time">{time_needed(ROOT, self.language)}</p>'
        )


class CourseCards(FrontDirective):
    def run(self):
        for made_from in (ROOT / "tools/site/cards.py", ROOT / "tools/site/forecast.json"):
            self.env.note_dependency(str(made_from))
        return [nodes.raw("", cards(self.language), format="html")]


class CourseZip(FrontDirective):
    def run(self):
        words = ZIP[self.language].format(f"../{take_along.NAME}.zip", take_along.SIZE)
        html = f'{take_along.OPENING}<p class="course-zip">{words}</p>{take_along.CLOSING}'
        return [nodes.raw("", html, format="html")]


class CourseWheel(FrontDirective):
    def run(self):
        words = WHEEL[self.language].format(take_along.WHEEL_NAME)
        return [nodes.raw("", f'<p class="course-wheel">{words}</p>', format="html")]


class Terms(FrontDirective):
    def run(self):
        lines = []
        for term in self.terms():
            lines += [
                *dict.fromkeys((term[self.language], term[self.other])),  # one name in both: once
                f"  {meaning(term, self.language)}",
                "",
            ]
        result = self.parsed([":::{glossary}", *lines, ":::"])
        code = {"en": "language-en", "zh": "language-zh-cn"}[self.other]
        for entry in (item for part in result for item in part.findall(nodes.definition_list_item)):
            # docutils makes lang="…" of such a class: a screen reader changes its voice.
            for node in list(entry.findall(nodes.term))[1:]:
                node["classes"] += [code]
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
    app.setup_extension("rnncourse_progress")
    app.add_directive("course-start", CourseStart)
    app.add_directive("course-cards", CourseCards)
    app.add_directive("course-time", CourseTime)
    app.add_directive("course-zip", CourseZip)
    app.add_directive("course-wheel", CourseWheel)
    app.add_directive("course-map", CourseMap)
    app.add_directive("terms", Terms)
    app.add_directive("term-table", TermTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
