"""Sphinx extension: what the reader has done. Marks live in the browser, by progress.js.

{course-progress}   a table of all that there is to do, which progress_page.js fills in,
                    with what exports, imports and forgets the marks, and the certificate
"""

import sys
from html import escape
from pathlib import Path

from docutils import nodes
from rnncourse_edition import edition
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.editions import checks, quizzes
from tools.site.course_map import title

ROOT = Path(__file__).resolve().parents[2]
WORDS = {
    "en": {
        "heads": ("chapter", "read", "quiz questions", "exercises"),
        "off": "Without script this page can only say what there is to do.",
        "export": "Save as a file",
        "import": "Add from a file",
        "reset": "Forget everything",
        "name": "Your name, for the certificate",
        "print": "Print the certificate",
        "certificate": "Certificate",
        "self": "Self-reported. This sheet counts what its reader marked in a browser; "
        "nobody has checked it.",
    },
    "zh": {
        "heads": ("章", "阅读", "小测验", "练习"),
        "off": "没有脚本时，本页只能列出要做的内容。",
        "export": "保存为文件",
        "import": "从文件加入",
        "reset": "清除全部记录",
        "name": "证书上的姓名",
        "print": "打印证书",
        "certificate": "学习证书",
        "self": "本证书由学习者自己填写：数目来自浏览器里的记录，没有经过任何人核对。",
    },
}
CONTROLS = """<div class="progress-controls" hidden>
<button type="button" class="progress-export">{export}</button>
<label class="progress-file">{import}
<input type="file" class="progress-import" accept=".json,application/json"></label>
<button type="button" class="progress-reset">{reset}</button>
<p class="progress-message" role="status"></p>
</div>
<section class="progress-certificate" hidden>
<div class="progress-sheet">
<p class="progress-certificate-head">{certificate}</p>
<p class="progress-certificate-name"></p>
<p class="progress-certificate-text"></p>
<p class="progress-certificate-date"></p>
<p class="progress-certificate-self">{self}</p>
</div>
<p class="d-print-none"><label>{name} <input class="progress-name" maxlength="80"
autocomplete="name"></label> <button type="button" class="progress-print">{print}</button></p>
</section>"""


def exercises(root: Path, stem: str) -> list[str]:
    """The ids of a chapter's exercises."""
    return [path.stem.replace("_sol_", "_ex_")
            for path in sorted(root.glob(f"solutions/{stem}_sol_*.md"))]  # fmt: skip


def questions(page: Path) -> int:
    return len(quizzes.quiz_of(quizzes.quiz_section(page, page.stem))[0])


def row(root: Path, language: str, stem: str) -> str:
    """What there is to do in one chapter; progress_page.js says how much of it is done."""
    page = root / "book" / language / f"{stem}.md"
    ids, count = exercises(root, stem), questions(page)
    data = f'data-page="{stem}" data-questions="{count}" data-exercises="{" ".join(ids)}"'
    link = f'<a href="{stem}.html">{escape(title(page))}</a>'
    return (
        f'<tr {data}><th scope="row">{link}</th><td>–</td><td>{count}</td><td>{len(ids)}</td></tr>'
    )


def progress(root: Path, language: str) -> str:
    """Return the page's table and controls as HTML."""
    words = WORDS[language]
    heads = "".join(f'<th scope="col">{head}</th>' for head in words["heads"])
    rows = "\n".join(row(root, language, stem) for stem in checks.chapters(root))
    return (
        f'<div class="course-progress">\n<p class="progress-off">{words["off"]}</p>\n'
        '<p class="progress-sum"></p>\n'
        f'<div class="progress-table" tabindex="0" role="group" aria-label="{words["heads"][0]}">'
        f'<table class="table">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n'
        f"</table></div>\n{CONTROLS.format(**words)}\n</div>"
    )


class CourseProgress(SphinxDirective):
    def run(self):
        language = edition(self)
        # A changed title or quiz changes the table.
        for page in [*ROOT.glob(f"book/{language}/*.md"), *ROOT.glob("solutions/*.md")]:
            self.env.note_dependency(str(page))
        return [nodes.raw("", progress(ROOT, language), format="html")]


def add_script(app, pagename, templatename, context, doctree) -> None:
    if 'class="course-progress"' in context.get("body", ""):
        app.add_js_file("progress_page.js", loading_method="defer", priority=900)


def setup(app):
    app.add_directive("course-progress", CourseProgress)
    app.add_css_file("reader.css")
    app.add_js_file("progress.js", loading_method="defer")
    app.connect("html-page-context", add_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
