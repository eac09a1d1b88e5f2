"""Sphinx extension: what a code cell is for, said in the page's language.

Cells are shared by both editions, so what the reader sees of them beside the code comes from
here, by tag, or from the cell's metadata as "[en] … [zh] …":

- a folded cell (`hide-input`) may bear one tag of `FOLDS`, whose words its summary then says;
- a figure has a caption: `mystnb: {figure: {caption: "[en] … [zh] …"}}`;
- in Chinese, the claims that a cell prints are said once more below it, and the words of its
  tables are replaced, by the page's part of book/glosses.yml.
"""

import re
import sys
from pathlib import Path

from docutils import nodes
from rnncourse_edition import edition
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.editions import glosses

ROOT = Path(__file__).resolve().parents[2]
logger = logging.getLogger(__name__)

# What a folded cell does: the summary that opens it, and the one that closes it.
FOLDS = {
    "figure": {"en": "code of the figure", "zh": "作图代码"},
    "prepare": {"en": "preparation", "zh": "准备工作"},
    "proof": {"en": "the proof", "zh": "验证代码"},
    "experiment": {"en": "code of the experiment", "zh": "实验代码"},
    "table": {"en": "code of the table", "zh": "表格代码"},
    "check": {"en": "code of the check", "zh": "核对代码"},
}
VERBS = {"en": ("Show ", "Hide "), "zh": ("展开", "收起")}
LANGUAGE = re.compile(r"\[(en|zh)\]\s*")


def name_folds(app, doctree) -> None:
    """Say on each folded cell what is in it."""
    language = edition(app)
    show, hide = VERBS[language]
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code" or not cell.get("hide_mode"):
            continue
        kinds = [kind for kind in FOLDS if f"tag_{kind}" in cell["classes"]]
        if len(kinds) > 1:
            logger.warning("a folded cell has the tags %s: one is enough", ", ".join(kinds),
                           location=cell, type="course", subtype="fold")  # fmt: skip
        elif kinds:
            words = FOLDS[kinds[0]][language]
            cell["prompt_show"], cell["prompt_hide"] = show + words, hide + words


def own_part(children: list[nodes.Node], language: str) -> list[nodes.Node]:
    """Return the nodes between "[language]" and the next such mark, the marks left out.

    Nodes before the first mark belong to both editions.
    """
    kept: list[nodes.Node] = []
    now = language
    for node in children:
        if not isinstance(node, nodes.Text):
            kept += [node] if now == language else []
            continue
        pieces = LANGUAGE.split(node.astext())
        for place, piece in enumerate(pieces):
            if place % 2:
                now = piece
            elif now == language and piece:
                kept.append(nodes.Text(piece))
    return kept


def keep_own_caption(app, doctree) -> None:
    """Keep the edition's own words of each figure's caption."""
    for figure in doctree.findall(nodes.figure):
        for caption in figure.findall(nodes.caption):
            if not LANGUAGE.search(caption.astext()):
                continue
            kept = own_part(list(caption.children), edition(app))
            if not kept:
                logger.warning("a caption without '[%s]'", edition(app), location=figure,
                               type="course", subtype="caption")  # fmt: skip
            if kept and isinstance(kept[-1], nodes.Text):
                kept[-1] = nodes.Text(kept[-1].rstrip())
            caption.children = []
            caption += kept


def glossed_lines(block: nodes.literal_block, words: dict[str, str]) -> list[str]:
    """What the lines of a printed block say."""
    found = []
    for line in block.astext().splitlines():
        said = glosses.said_in_chinese(line.strip(), words)
        if said is None:
            logger.warning("no gloss in book/glosses.yml for the claim %r", line.strip(),
                           location=block, type="course", subtype="gloss")  # fmt: skip
        elif said:
            found.append(said)
    return found


def gloss_lines(output: nodes.Element, words: dict[str, str]) -> None:
    """Add below what a cell prints what its lines say."""
    children = []
    for part in output.children:
        children.append(part)
        # Not the plain text that stands beside a table's HTML: it lies deeper.
        said = glossed_lines(part, words) if isinstance(part, nodes.literal_block) else []
        if said:
            items = [nodes.list_item("", nodes.paragraph("", line)) for line in said]
            children.append(nodes.bullet_list("", *items, classes=["course-gloss"]))
    output.children = []
    output += children


def gloss_tables(output: nodes.Element, words: dict[str, str]) -> None:
    """Replace the words of tables by their glosses."""
    for html in list(output.findall(nodes.raw)):
        html.replace_self(
            nodes.raw("", glosses.table_in_chinese(html.astext(), words), format="html")
        )


def gloss(app, doctree) -> None:
    """Say in Chinese what the cells of a page print in English."""
    if edition(app) != "zh":
        return
    words = glosses.of_page(ROOT, app.env.docname)
    app.env.metadata[app.env.docname]["course_glosses"] = str(words)
    for output in doctree.findall(nodes.container):
        if output.get("nb_element") == "cell_code_output":
            gloss_lines(output, words)
            gloss_tables(output, words)


def glossed_anew(app, env, added, changed, removed) -> list[str]:
    """Return the pages whose own part of the file has changed, not all that share it."""
    known = {page: env.metadata[page].get("course_glosses") for page in env.found_docs}
    return [page for page, words in known.items()
            if words is not None and words != str(glosses.of_page(ROOT, page))]  # fmt: skip


def setup(app):
    app.connect("env-get-outdated", glossed_anew)
    app.connect("doctree-read", name_folds)
    app.connect("doctree-read", keep_own_caption)
    app.connect("doctree-read", gloss)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
