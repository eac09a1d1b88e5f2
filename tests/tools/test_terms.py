"""The first use of a glossary term leads to its entry; references read well; previews."""

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from sphinx import addnodes

from tools.editions import terms as terms_file
from tools.site import previews

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = [
    {"en": "gate", "zh": "门", "unlike": {"zh": ["专门"], "en": ["gate of the town"]}},
    {"en": "forget gate", "zh": "遗忘门"},
    {"en": "vocabulary", "zh": "词表"},
    {"en": "unit", "zh": "隐藏单元", "forms": {"en": ["hidden unit"]}},
    {"en": "drift", "zh": "漂移", "forms": {"en": [], "zh": []}},
    {
        "en": "backpropagation through time",
        "zh": "沿时间反向传播",
        "also": {"en": ["BPTT"], "zh": ["BPTT", "随时间反向传播"]},
    },
]


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    return importlib.import_module


def linked(module, text, language):
    """What gets linked on a page of reStructuredText, as (words, term)."""
    terms = module("rnncourse_terms")
    page = publish_doctree(text)
    terms.link_first_uses(page, terms.Vocabulary(ENTRIES, language), "rnn")
    found = page.findall(addnodes.pending_xref)
    return [(node.astext(), node["reftarget"]) for node in found]


ENGLISH = [
    ("A gate opens. The gate closes.", ["gate"]),
    ("Gates open. Two vocabularies.", ["Gates", "vocabularies"]),
    ("The forget gate is a gate. And a gate.", ["forget gate", "gate"]),  # one a sentence
    ("An aggregate and a gate-keeper and a gated cell.", []),
    ("A unit of length. A hidden unit. It drifts; a drift.", ["hidden unit"]),
    ("The gate of the town. BPTT.", ["BPTT"]),
    ("A gate\n=====\n\n``gate`` *gate* `gate <x>`__", []),
    ("A **gate** is new. Then every gate is known.", []),
    ("A gate comes first.\n\nA **gate** is defined later.", ["gate"]),
    ("* in a list, a gate", ["gate"]),
    ("+------+\n| gate |\n+------+", []),
    (".. _sec-rnn-quiz:\n\nQuiz\n====\n\nA gate?\n\nNext\n====\n\nA gate.", ["gate"]),
]
CHINESE = [
    ("遗忘门和门。", ["遗忘门"]),
    ("遗忘门。专门讲门。", ["遗忘门", "门"]),
    ("一章专门讲它。", []),
    ("用 BPTT 训练。", ["BPTT"]),
    ("随时间反向传播；词表。", ["随时间反向传播", "词表"]),
    ("缓慢漂移。", []),
    ("先有 **门** （gate）。再有门。", []),
]


@pytest.mark.parametrize(("text", "words"), ENGLISH)
def test_first_uses_are_linked_in_english(module, text, words):
    assert [word for word, _ in linked(module, text, "en")] == words


@pytest.mark.parametrize(("text", "words"), CHINESE)
def test_first_uses_are_linked_in_chinese_the_longest_term_first(module, text, words):
    assert [word for word, _ in linked(module, text, "zh")] == words


def test_whatever_the_words_the_link_leads_to_the_terms_english_name(module):
    assert linked(module, "BPTT. Gates.", "en") == [
        ("BPTT", "backpropagation through time"), ("Gates", "gate")]  # fmt: skip
    assert linked(module, "词表。", "zh") == [("词表", "vocabulary")]


def test_a_line_end_does_not_hide_a_term_and_a_link_by_hand_counts(module):
    terms = module("rnncourse_terms")
    page = publish_doctree("")
    by_hand = terms.link("the gates", "gate", "rnn")
    page += nodes.paragraph("", "", nodes.Text("A forget"), nodes.Text("\n"), nodes.Text("gate. "),
                            by_hand, nodes.Text(" open. A gate."))  # fmt: skip
    terms.link_first_uses(page, terms.Vocabulary(ENTRIES, "en"), "rnn")
    found = [node.astext() for node in page.findall(addnodes.pending_xref)]
    assert found == ["forget\ngate", "the gates"]
    assert page.astext() == "A forget\ngate. the gates open. A gate."


def test_what_the_glossary_says_of_other_names(module):
    meaning = module("rnncourse_front").meaning
    term = ENTRIES[-1] | {"def": {"en": "It goes back.", "zh": "往回走。"}}
    assert meaning(term, "en") == "It goes back. Also called BPTT."
    assert meaning(term, "zh") == "往回走。简称 BPTT，又译随时间反向传播。"


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("also", {"en": ["batch"]}, "batch leads to batch too"),
        ("forms", {"en": "gate"}, "holds a list"),
        ("forms", {"fr": ["porte"]}, "holds a list"),
        ("form", {"en": []}, "unknown keys"),
    ],
)
def test_faulty_words_of_a_term_are_reported(monkeypatch, key, value, problem):
    entries = terms_file.terms(ROOT)
    assert terms_file.term_file_problems(ROOT) == []
    next(term for term in entries if term["en"] == "gate")[key] = value
    monkeypatch.setattr(terms_file, "terms", lambda root: entries)
    assert any(problem in found for found in terms_file.term_file_problems(ROOT))


# --- references ----------------------------------------------------------------


def reference(role, explicit=False):
    return addnodes.pending_xref("", nodes.inline("", "ref"), reftype=role, refexplicit=explicit)


REFERENCES = [
    ("见 ", "ref", False, " 一章", "见“ref”一章"),
    ("见“", "myst", False, "”一章", "见“ref”一章"),
    ("见 ", "myst", True, " 一章", "见 ref 一章"),
    ("由 ", "eq", False, " 得到", "由ref 得到"),
    ("PyTorch ", "ref", False, "。", "PyTorch “ref”。"),
]


@pytest.mark.parametrize(("before", "role", "explicit", "after", "text"), REFERENCES)
def test_titles_stand_in_chinese_quotation_marks(module, before, role, explicit, after, text):
    refs = module("rnncourse_refs")
    page = publish_doctree("")
    page += nodes.paragraph(
        "", "", nodes.Text(before), reference(role, explicit), nodes.Text(after)
    )
    app = SimpleNamespace(config=SimpleNamespace(language="zh_CN"))
    refs.read_page(app, page)
    assert page.astext() == text
    app.config.language = "en"
    english = publish_doctree("")
    english += nodes.paragraph("", "see ", reference("ref"))
    refs.read_page(app, english)
    assert english.astext() == "see ref"


class Builder:
    """As much of a builder as a reference asks for."""

    def get_relative_uri(self, here, there):
        return "" if here == there else f"{there}.html"


def equation_words(module, language, *targets):
    """What references in one paragraph of the page "lstm" show, one after the other."""
    refs = module("rnncourse_refs")
    titles = {"rnn": nodes.title("", "循环单元"), "lstm": nodes.title("", "LSTM")}
    config = SimpleNamespace(language=language, math_numfig=True, numfig=False,
                             math_eqref_format=None)  # fmt: skip
    env = SimpleNamespace(config=config, titles=titles, domaindata={})
    domain = object.__new__(refs.CourseMath)
    domain.data = {"objects": {"a": ("rnn", 1), "b": ("rnn", 4), "own": ("lstm", 4)}}
    paragraph, shown = nodes.paragraph(), []
    for target in targets:
        node = reference("eq")
        paragraph += node
        found = domain.resolve_xref(env, "lstm", Builder(), "eq", target, node, nodes.inline())
        node.replace_self(found)
        shown.append(found.astext())
    return shown


def test_a_reference_to_another_pages_equation_says_whose_it_is_once(module):
    assert equation_words(module, "zh_CN", "a", "b", "own", "b") == [
        "“循环单元”一章的式\u00a0(1)", "式\u00a0(4)", "式\u00a0(4)", "“循环单元”一章的式\u00a0(4)",
    ]  # fmt: skip
    assert equation_words(module, "en", "own", "a") == ["(4)", "(1) of 循环单元"]


# --- previews ------------------------------------------------------------------

PAGE = """<article class="x"><section id="a-title">
<span id="sec-rnn"></span><h1>A title<a class="headerlink" href="#a-title">#</a></h1>
<p>It <a class="reference internal" href="#term-x">begins</a>.</p>
<p>And goes on.</p>
<div class="math" id="equation-eq-a"><div><span class="eqno">(1)</span></div>x</div><p>no</p>
<dl><dt id="term-y">y</dt><dt id="term-1">丙</dt><dd><p>First.</p></dd>
<dt id="term-x">x</dt><dt id="term-2">甲</dt><dd><p>The meaning.</p></dd></dl>
<div class="citation" id="id7" role="listitem">
<span class="label">[A]</span>
<p>A paper.</p>
</div>
<p id="else">nothing</p></section></article>
"""
TITLE = "<strong><span>A title</span></strong><p>It <span>begins</span>.</p>"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("", TITLE),
        ("sec-rnn", TITLE),
        ("a-title", TITLE),
        ("equation-eq-a", '<div class="math"><div><span class="eqno">(1)</span></div>x</div>'),
        ("term-x", "<strong>x · 甲</strong><p>The meaning.</p>"),
        ("term-2", "<strong>x · 甲</strong><p>The meaning.</p>"),
        ("else", ""),
        ("nowhere", ""),
    ],
)
def test_a_preview_shows_the_target_and_nothing_that_takes_the_focus(target, shown):
    found = previews.preview(PAGE, target)
    # A link's class may stay on the words that were linked.
    assert found.replace(' class="reference internal"', "") == shown
    assert "A paper." in previews.preview(PAGE, "id7")


def test_each_page_gets_the_previews_of_its_own_links(tmp_path):
    (tmp_path / "a.html").write_text(PAGE, encoding="utf-8")
    links = '<article><a class="reference internal" href="a.html#term-x">x</a></article>'
    (tmp_path / "b.html").write_text(links, encoding="utf-8")
    previews.write_previews(tmp_path)
    script = (tmp_path / "_static/previews/b.js").read_text(encoding="utf-8")
    found = json.loads(script.removeprefix("window.coursePreviews = ").removesuffix(";\n"))
    assert found == {"a.html#term-x": "<strong>x · 甲</strong><p>The meaning.</p>"}
