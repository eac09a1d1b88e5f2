"""Quizzes, terms and the map: the checks hold, and they can fail."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tools.editions import checks, quizzes, terms
from tools.site import course_map

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"


def choice(letter: str, feedback: str, summary: str = "words") -> str:
    opening = f"<details><summary>{letter}. {summary}</summary>"
    return f"{opening}\n\n{feedback}\n\n</details>\n"


def question(number: int, *choices: str) -> str:
    return f"**{number}. Why is it $so$?**\n\n" + "".join(choices) + "\n"


GOOD = [question(n, choice("A", "✓ Yes."), choice("B", "✗ Not so.")) for n in (1, 2, 3)]
PAGE = "# A page\n\n(sec-rnn-quiz)=\n## Quiz\n\n{}(sec-rnn-exercises)=\n## Exercises\n"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The least course that the page checks read: one chapter in both editions."""
    toc = {"root": "index", "parts": [{"caption": "Part I: Memory", "chapters": [{"file": "rnn"}]}]}
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    for language in ("en", "zh"):
        page = tmp_path / "book" / language / "rnn.md"
        page.parent.mkdir(parents=True)
        page.write_text(PAGE.format("".join(GOOD)), encoding="utf-8")
    for name in ("terms.yml", "plan.yml"):
        (tmp_path / "book" / name).write_bytes((BOOK / name).read_bytes())
    return tmp_path


def write(course: Path, language: str, text: str) -> None:
    (course / "book" / language / "rnn.md").write_text(text, encoding="utf-8")


# ---- the quiz ----------------------------------------------------------------


def test_good_quiz_has_no_problems(course):
    assert quizzes.quiz_problems(course) == []
    section = quizzes.quiz_section(BOOK / "en" / "rnn.md", "rnn")
    assert quizzes.quiz_of(section)[0] == ["A✓ B✗ C✗", "A✗ B✗ C✓", "A✗ B✓ C✗", "A✓ B✗ C✗"]


@pytest.mark.parametrize(
    ("last", "problem"),
    [
        ("", "2 questions, not 3 to 5"),
        ("".join(question(n, choice("A", "✓ x")) for n in (3, 4, 5, 6)), "6 questions"),
        (question(3, choice("A", "✓ x")), "needs choices A, B"),
        (question(3, choice("A", "✓ x"), choice("C", "✗ y")), "needs choices A, B"),
        (question(3, choice("A", "✗ x"), choice("B", "✗ y")), "exactly one ✓"),
        (question(3, choice("A", "✓ x"), choice("B", "✓ y")), "exactly one ✓"),
        (question(3, choice("A", "✓ x"), choice("B", "No.")), "neither ✓ nor ✗"),
        (question(3, choice("A", "✓ x"), choice("B", "✗ 不对。y")), "twice"),
        (question(3, choice("A", "✓ x"), choice("B", "✗ y", "$y$")), "shows no formulas"),
        (question(4, choice("A", "✓ x"), choice("B", "✗ y")), "question 4 stands at place 3"),
        (question(3, choice("A", "✓ x"), choice("", "✗ y")), "no choice of a question"),
        (question(3, choice("A", "✓ x"), choice("B", "✗ y")[:-12]), "not closed"),
    ],
)
def test_faulty_quiz_is_reported(course, last, problem):
    write(course, "zh", PAGE.format("".join(GOOD[:2]) + last))
    found = quizzes.quiz_problems(course)
    assert any(problem in p and p.startswith("book/zh/rnn.md") for p in found), found


def test_missing_quiz_and_other_right_answer_are_reported(course):
    other = question(3, choice("A", "✗ Not so."), choice("B", "✓ Yes."))
    write(course, "zh", PAGE.format("".join(GOOD[:2]) + other))
    assert any("rnn: quizzes differ" in p for p in quizzes.quiz_problems(course))
    write(course, "zh", "# A page\n")
    assert any("0 questions" in p for p in quizzes.quiz_problems(course))


# ---- terms -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("english", "chinese", "problem"),
    [
        ("A **token** is read.", "读入词元。", "bold in English only"),
        ("A token is read.", "读入**词元**。", "bold in Chinese only"),
        ("A **token**", "**标记**（token）", "标记（token） is not in book/terms.yml"),
    ],
)
def test_other_words_for_a_term_are_reported(course, english, chinese, problem):
    write(course, "en", english)
    write(course, "zh", chinese)
    assert any(problem in p for p in terms.term_problems(course))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("en: batch", "en: bias", "bias stands twice"),
        ("zh: 并排计算的若干个序列，共 $N$ 个。", "zh: 若干个序列。", "different formulas"),
        ("zh: 一行数中", "zh: 一行数。", "is one sentence"),
        ("zh_sort:", "zh_order:", "unknown keys"),
    ],
)
def test_faulty_term_is_reported(course, old, new, problem):
    file = course / "book" / "terms.yml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert any(problem in p for p in terms.term_problems(course))


def test_terms_stand_where_a_reader_of_the_edition_looks(monkeypatch):
    monkeypatch.syspath_prepend(str(BOOK / "_ext"))
    reading_order = importlib.import_module("rnncourse_front").reading_order
    every = terms.terms(ROOT)
    english = [term["en"] for term in reading_order(every, "en")]
    assert english == sorted(english, key=str.lower)
    chinese = [term["zh"] for term in reading_order(every, "zh")]
    # canshu, cengyi…, chongzhi, xunhuan, yincang
    places = [chinese.index(word) for word in ("参数", "重置门", "门", "循环单元", "隐藏状态")]
    assert places == sorted(places)


PACKAGE = ROOT / "rnncourse"
MODULES = {
    path.stem: ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in PACKAGE.rglob("[a-z]*.py")
    if not path.is_relative_to(PACKAGE / "grading")
} | {path.parent.name: f"rnncourse.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
del MODULES["nn"]  # in prose that is PyTorch's


@pytest.mark.parametrize(
    "page", sorted(BOOK.glob("??/*.md")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_names_of_the_package_in_prose_exist(page):
    """Such as `cells.rnn_step`: nothing else runs what stands in prose."""
    text = checks.prose(page)
    for module, name in re.findall(r"`([a-z]+)\.(?!py\b)([A-Za-z_]+)\b[^`]*`", text):
        if module in MODULES and MODULES.get(name) != f"{MODULES[module]}.{name}":
            assert hasattr(importlib.import_module(MODULES[module]), name), f"{module}.{name}"


# ---- the reference -----------------------------------------------------------


def referred(language: str) -> dict[str, list[str]]:
    """The modules that each page of the reference describes."""
    pages = {page.stem: page for page in sorted((BOOK / language).glob("reference_*.md"))}
    listed = re.compile(r"^```\{reference\} (\S+)$", re.MULTILINE)
    return {stem: listed.findall(page.read_text("utf-8")) for stem, page in pages.items()}


REFERRED = [module for modules in referred("en").values() for module in modules]
# Behind a package that names in `__all__` what it offers; `data.load` calls their functions, and
# programs import `articles`, `conll`, `described`, `faq`, `motions`, `own` and `stanzas`, pages
# their own generators.
LOADED = {
    f"rnncourse.data.{name}"
    for name in ("articles", "bilingual", "conll", "corpora", "dates", "described", "faq", "films",
                 "motions", "own", "reports", "scenes", "series", "smalltalk", "stanzas", "symbols",
                 "tasks", "verses")
}  # fmt: skip


def offers(folder: Path) -> bool:
    return "\n__all__ = " in (folder / "__init__.py").read_text(encoding="utf-8")


def public_modules() -> set[str]:
    found = set(LOADED)
    for path in PACKAGE.rglob("[a-z]*.py"):
        if not any(offers(folder) for folder in path.parents if PACKAGE in folder.parents):
            found.add(MODULES[path.stem])
    packages = [folder.parent for folder in PACKAGE.glob("*/__init__.py") if offers(folder.parent)]
    return found | {f"rnncourse.{folder.name}" for folder in packages}


def test_every_public_module_is_on_one_page_of_the_reference():
    assert sorted(REFERRED) == sorted(public_modules())
    assert referred("zh") == referred("en")


@pytest.mark.parametrize("name", REFERRED)
def test_every_name_of_the_reference_has_a_docstring(monkeypatch, name):
    monkeypatch.syspath_prepend(str(BOOK / "_ext"))
    module = importlib.import_module(name)
    described, values = importlib.import_module("rnncourse_reference").public(module)
    assert described
    assert not {word for word in [*described, *values] if word.startswith("_")}
    assert all(getattr(module, word).__doc__ for word in described)


def test_the_reference_loads_no_framework():
    heavy = {"torch", "tensorflow", "keras", "matplotlib", "gensim", "sklearn", "statsmodels"}
    program = f"import sys, {', '.join(REFERRED)}; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


# ---- the map -----------------------------------------------------------------


def svgs(root: Path, language: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(course_map.course_map(root, language)))


def test_map_links_what_is_written_and_greys_the_rest(course):
    write(course, "zh", "# 一个 <新> 标题\n")
    parts = svgs(course, "zh")
    links = [link for part in parts for link in part.iter("a")]
    assert [link.get("href") for link in links] == ["rnn.html"]
    assert "".join(links[0].itertext()) == "一个 <新> 标题"
    planned = sum(len(part["chapters"]) for part in course_map.plan(course)) - 1
    assert sum(1 for part in parts for _ in part.iter("g")) == planned
    assert "第一部分：记忆" in "".join(parts[0].itertext())


def test_map_shows_every_chapter_of_the_course():
    for language in ("en", "zh"):
        drawn = {a.get("href") for part in svgs(ROOT, language) for a in part.iter("a")}
        assert drawn == {f"{stem}.html" for stem in checks.chapters(ROOT)}


def test_long_titles_are_broken_to_fit():
    assert course_map.lines("Short") == ["Short"]
    rows = course_map.lines("A title that is much too long for a single line of the box")
    assert len(rows) == 2
    assert " ".join(rows) == "A title that is much too long for a single line of the box"
    assert all(len(row) * 0.55 * course_map.EM < course_map.WIDTH for row in rows)
    assert all(len(row) <= 18 for row in course_map.lines("循环神经网络" * 5))


def test_chapter_that_the_map_lacks_is_reported(course):
    assert checks.plan_problems(course) == []
    plan = course / "book" / "plan.yml"
    plan.write_text(plan.read_text(encoding="utf-8").replace("stem: rnn", "stem: x"), "utf-8")
    assert len(checks.plan_problems(course)) == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("see {eq}`eq-a`, then [b](c.md) and {ref}`d`", None),
        ("a `code` b ``x ` y`` c", "a  b  c"),
        ("```{note}\nkept\n```\nkept too\n```{tip}\nalso\n```\n", None),
        ("before\n```\nliteral\n```\nafter", "before\nafter"),
        ("```python\nx = 1\n```\nafter `x`", "after "),
    ],
)  # fmt: skip
def test_code_goes_and_directives_roles_and_what_stands_between_them_stay(text, kept):
    """Between two roles, or two directives, prose was once taken for code."""
    assert checks.without_code(text) == (text.rstrip("\n") if kept is None else kept)
