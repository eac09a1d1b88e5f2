"""What an edition says of a shared code cell: the fold's summary, the figure's caption."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from tools.editions import glosses

BOOK = Path(__file__).resolve().parents[2] / "book"


@pytest.fixture
def cells(monkeypatch):
    monkeypatch.syspath_prepend(str(BOOK / "_ext"))
    return importlib.import_module("rnncourse_cells")


def app(language):
    return SimpleNamespace(config=SimpleNamespace(language=language))


def folded(*tags):
    """A page with one code cell, as MyST-NB leaves it."""
    page = publish_doctree("")
    page += nodes.container("", nb_element="cell_code", hide_mode="input", prompt_show="Show",
                            prompt_hide="Hide", classes=[f"tag_{tag}" for tag in tags])  # fmt: skip
    return page


@pytest.mark.parametrize(
    ("language", "show", "hide"),
    [("en", "Show code of the figure", "Hide code of the figure"),
     ("zh_CN", "展开作图代码", "收起作图代码")],
)  # fmt: skip
def test_a_folded_cell_says_in_the_pages_language_what_is_in_it(cells, language, show, hide):
    page = folded("hide-input", "figure")
    cells.name_folds(app(language), page)
    assert (page[0]["prompt_show"], page[0]["prompt_hide"]) == (show, hide)


def test_a_fold_without_a_kind_keeps_the_words_of_the_book_and_one_of_two_fails(cells, monkeypatch):
    said = []
    monkeypatch.setattr(cells.logger, "warning", lambda text, *a, **k: said.append(text % a))
    page = folded("hide-input")
    cells.name_folds(app("en"), page)
    assert (page[0]["prompt_show"], said) == ("Show", [])
    cells.name_folds(app("en"), folded("hide-input", "figure", "proof"))
    assert said == ["a folded cell has the tags figure, proof: one is enough"]


CAPTIONS = [
    ("[en] A wave, $x$. [zh] 一个波，$x$。", "en", "A wave, x."),
    ("[en] A wave, $x$. [zh] 一个波，$x$。", "zh", "一个波，x。"),
    ("[zh] $x$ 在前。[en] $x$ first.", "zh", "x 在前。"),
    ("Figure 1. [zh] 波 [en] wave", "en", "Figure 1. wave"),
    ("the same in both", "zh", "the same in both"),
]


def figure(caption):
    """A page with one figure; formulas between $ as nodes of their own."""
    page, part = publish_doctree(""), nodes.caption()
    for place, piece in enumerate(caption.split("$")):
        part += nodes.math("", piece) if place % 2 else nodes.Text(piece)
    page += nodes.figure("", nodes.image(uri="x.png"), part)
    return page


@pytest.mark.parametrize(("caption", "language", "kept"), CAPTIONS)
def test_a_caption_keeps_the_pages_language_formulas_included(cells, caption, language, kept):
    page = figure(caption)
    cells.keep_own_caption(app(language), page)
    assert next(page.findall(nodes.caption)).astext() == kept


def test_a_caption_in_the_other_language_alone_fails_the_build(cells, monkeypatch):
    said = []
    monkeypatch.setattr(cells.logger, "warning", lambda text, *a, **k: said.append(text % a))
    cells.keep_own_caption(app("zh"), figure("[en] only English"))
    assert said == ["a caption without '[zh]'"]


# --- glosses -------------------------------------------------------------------

GLOSSES = {"the gap is small": "差距很小", "all equal": "全部相等", "method": "方法", "a < b": "甲"}


def output_of(*printed, html=""):
    """A page with one cell's output: printed lines, and a table."""
    page = publish_doctree("")
    part = nodes.container("", nb_element="cell_code_output")
    part += nodes.literal_block("", "\n".join(printed))
    part += nodes.raw("", html, format="html")
    page += part
    return page


@pytest.mark.parametrize(
    ("line", "said"),
    [("the gap is small: True (0.01 < 0.05)", "差距很小：成立（0.01 < 0.05）"),
     ("the gap is small: False ✗ (0.2 is not < 0.05)", "差距很小：不成立（0.2 < 0.05）"),
     ("all equal", "全部相等"), ("update 300: 0.5 nats", ""),
     ("no gloss: True (1 > 0)", None)],
)  # fmt: skip
def test_a_claim_is_said_in_chinese_with_its_verdict_and_number(line, said):
    assert glosses.said_in_chinese(line, GLOSSES) == said


def test_glosses_stand_below_their_cell_and_a_claim_without_one_is_named(cells, monkeypatch):
    said = []
    monkeypatch.setattr(cells.logger, "warning", lambda text, *a, **k: said.append(text % a))
    page = output_of("h = 1", "the gap is small: True (0.01 < 0.05)", "new: True (1 > 0)")
    cells.gloss_lines(page[0], GLOSSES)
    assert [n.astext() for n in page.findall(nodes.list_item)] == ["差距很小：成立（0.01 < 0.05）"]
    assert said == ["no gloss in book/glosses.yml for the claim 'new: True (1 > 0)'"]
    kinds = [type(part).__name__ for part in page[0].children]
    assert kinds == ["literal_block", "bullet_list", "raw"]  # right below what was printed


def test_the_plain_text_beside_a_table_gets_no_gloss(cells):
    page = output_of("h = 1")
    bundle = nodes.container("", nb_element="mime_bundle")
    bundle += nodes.literal_block("", "all equal")
    page[0] += bundle
    cells.gloss_lines(page[0], GLOSSES)
    assert list(page.findall(nodes.list_item)) == []


def test_words_of_a_table_are_replaced_and_what_has_no_gloss_stays(cells):
    html = (
        '<div class="course-table"><th scope="col">method</th><td>a &lt; b</td><td>x &amp; y</td>'
    )
    page = output_of(html=html)
    cells.gloss_tables(page[0], GLOSSES)
    text = next(page.findall(nodes.raw)).astext()
    assert text == html.replace("method", "方法").replace("a &lt; b", "甲")
