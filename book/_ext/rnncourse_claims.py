"""Sphinx extension: a box on a page whose claim did not hold here, or whose cell failed.

The page is built all the same, since a reader must not lose a course to one number. With
RNNCOURSE_STRICT=1 it is a warning, which a strict build makes an error, also when the
executed page comes from the cache.
"""

import json
import os
from pathlib import Path

from docutils import nodes
from rnncourse_edition import edition
from sphinx.util import logging

from rnncourse.claims import FALSE

logger = logging.getLogger(__name__)

WORDS = {
    "en": {
        "title": "Not as it should be on this page",
        "claim": "On the machine that built this page, a claim did not hold: look for “False ✗”. "
        "The other claims and the text are not affected.",
        "cell": "On the machine that built this page, a cell failed; its error stands where its "
        "output would be, and later cells may have none.",
    },
    "zh": {
        "title": "本页有一处与预期不符",
        "claim": "在生成本页的机器上，有一个论断没有成立，请看标有“False ✗”的地方。"
        "其余论断和正文不受影响。",
        "cell": "在生成本页的机器上，有一个代码单元格运行出错。出错信息显示在它的输出处，"
        "后面的单元格可能没有输出。",
    },
}


def cell_outputs(doctree):
    """Yield each code cell's node with its literal outputs."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            outputs = [part for part in cell.findall(nodes.container)
                       if part.get("nb_element") == "cell_code_output"]  # fmt: skip
            yield cell, [b for part in outputs for b in part.findall(nodes.literal_block)]


def kind_of(cell, blocks) -> str:
    """Return "cell" if the cell failed, "claim" if a claim of it is false, else ""."""
    if any("traceback" in block["classes"] for block in blocks):
        return "" if "tag_raises-exception" in cell["classes"] else "cell"
    return "claim" if any(FALSE in block.astext() for block in blocks) else ""


def box(language: str, kinds: list[str]) -> nodes.Element:
    words = WORDS[language]
    note = nodes.admonition(classes=["warning", "course-failed"])
    note += nodes.title("", words["title"])
    note += [nodes.paragraph("", words[kind]) for kind in kinds]
    return note


def mark_failures(app, doctree) -> None:
    """Put a box under the page's title, and remember the page."""
    kinds = sorted({kind_of(cell, blocks) for cell, blocks in cell_outputs(doctree)} - {""})
    if not kinds:
        return
    language, page = edition(app), app.env.docname
    app.env.metadata[page]["course_failed"] = " ".join(kinds)
    title = next(doctree.findall(nodes.title), None)
    place = title.parent.index(title) + 1 if title is not None else 0
    (title.parent if title is not None else doctree).insert(place, box(language, kinds))
    if os.environ.get("RNNCOURSE_STRICT") == "1":
        logger.warning("a %s of this page failed", " and a ".join(kinds), location=page,
                       type="course", subtype="claim")  # fmt: skip


def cached(app) -> dict:
    """Return the key of each page's execution in the cache (tools/notebooks/execution.py)."""
    path = Path(app.config.nb_execution_cache_path) / "pages.json"
    pages = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {page: entry["key"] for page, entry in pages.items()}


def executed_anew(app, env, added, changed, removed) -> list[str]:
    """Return the pages whose text is the same, but whose cells were executed since."""
    return [page for page, key in cached(app).items()
            if page in env.found_docs and env.metadata[page].get("course_key") != key]  # fmt: skip


def remember_key(app, doctree) -> None:
    if key := cached(app).get(app.env.docname):
        app.env.metadata[app.env.docname]["course_key"] = key


def write_failures(app, exception) -> None:
    """Leave the list of these pages beside the edition, for the end of `make book`."""
    pages = {name: data["course_failed"] for name, data in app.env.metadata.items()
             if "course_failed" in data}  # fmt: skip
    path = Path(app.outdir).parent / "failed.json"
    path.write_text(json.dumps(pages, indent=1), encoding="utf-8")


def setup(app):
    app.connect("env-get-outdated", executed_anew)
    app.connect("doctree-read", remember_key)
    app.connect("doctree-read", mark_failures)
    app.connect("build-finished", write_failures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
