"""Quizzes: answers shuffled at build, the same in both editions, and not given away by length."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from tools.editions import checks, quizzes

ROOT = Path(__file__).resolve().parents[2]
STEMS = checks.chapters(ROOT)


@pytest.fixture
def quiz(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    return importlib.import_module("rnncourse_quiz")


# ---- the order shown -----------------------------------------------------------


def app(language="en", stem="rnn"):
    return SimpleNamespace(config=SimpleNamespace(language=language),
                           env=SimpleNamespace(docname=stem))  # fmt: skip


def raw(html):
    return nodes.raw("", html, format="html")


def page(questions):
    """A quiz as MyST leaves it: one raw block may close an answer and open the next."""
    doctree = publish_doctree("")
    section = nodes.section()
    for number, answers in enumerate(questions, start=1):
        section += nodes.paragraph("", f"{number}. Why?")
        closing = ""
        for letter, (words, feedback) in zip("ABCDEFGH", answers, strict=False):
            section += raw(f"{closing}<details><summary>{letter}. {words}</summary>\n")
            section += nodes.paragraph("", feedback)
            closing = "</details>\n"
        section += raw("</details>\n")
    section += nodes.paragraph("", "after")
    doctree += section
    return doctree


THREE = [("one", "✗ No 1."), ("two", "✓ Yes 2."), ("three", "✗ No 3.")]


def answer(number, letter, place, words):
    """How the page shows one answer of `THREE`."""
    kind, mark = ("right", "✓") if place == 1 else ("wrong", "✗")
    head = f'<details class="quiz quiz-{kind}" data-question="{number}">'
    verdict = f'<strong class="quiz-verdict"><span aria-hidden="true">{mark}</span> {words[kind]}'
    summary, feedback = THREE[place]
    return f"{head}<summary>{letter}. {summary}</summary>{verdict}</strong>{feedback[2:]}</details>"


@pytest.mark.parametrize(
    ("language", "right", "wrong"), [("en", "Right. ", "No. "), ("zh_CN", "正确。", "不对。")]
)
def test_answers_keep_their_feedback_and_get_letters_and_verdicts(quiz, language, right, wrong):
    doctree, expected = page([THREE, THREE]), ""
    for number in (1, 2):
        expected += f"{number}. Why?"
        for letter, place in zip("ABC", quiz.order("rnn", number, 3), strict=True):
            expected += answer(number, letter, place, {"right": right, "wrong": wrong})
    quiz.shuffle_answers(app(language), doctree)
    assert "".join(text.astext() for text in doctree.findall(nodes.Text)) == expected + "after"


def test_details_that_are_no_quiz_stay_where_they_are(quiz):
    doctree = page([[("first", "words"), ("second", "more words"), ("third", "✓ even so")]])
    before = doctree.pformat()
    quiz.shuffle_answers(app(), doctree)
    assert doctree.pformat() == before


def places(order):
    """Where the right answer of each question of the course stands, and among how many."""
    found = []
    for stem in STEMS:
        questions, _ = quizzes.quiz_of(quizzes.quiz_section(ROOT / f"book/en/{stem}.md", stem))
        for number, question in enumerate(questions, start=1):
            marks = [choice[1] for choice in question.split()]
            shown = [marks[place] for place in order(stem, number, len(marks))]
            found.append((shown.index("✓"), len(marks)))
    return found


def unevenness(found):
    """Pearson's statistic of the places against chance: 9.2 is passed once in a hundred."""
    total = 0.0
    for place in range(3):
        expected = sum(1 / count for _, count in found if place < count)
        total += (sum(p == place for p, _ in found) - expected) ** 2 / expected
    return total


def test_the_right_answer_stands_anywhere(quiz):
    found = places(quiz.order)
    assert len(found) > 60
    assert unevenness(found) < 9.2
    # Planted: the source's own order, of which 39 of 72 right answers stood at B.
    assert unevenness([(0, 3)] * 18 + [(1, 3)] * 39 + [(2, 3)] * 15) > 9.2


def test_the_order_is_drawn_by_stem_and_number_alone(quiz):
    assert sorted(quiz.order("gru", 1, 4)) == [0, 1, 2, 3]
    assert quiz.order("gru", 1, 4) == quiz.order("gru", 1, 4)
    orders = {tuple(quiz.order(stem, n, 3)) for stem in STEMS for n in range(1, 5)}
    assert len(orders) == 6


# ---- what the words give away --------------------------------------------------


def written(tmp_path, monkeypatch, answers, feedback="✗ no"):
    """A course of one page, whose three questions have these answers, the first one right."""
    monkeypatch.setattr(checks, "chapters", lambda root: ["rnn"])
    body = "".join(
        f"<details><summary>{letter}. {words}</summary>\n\n{'✓ yes' if k == 0 else feedback}\n\n"
        "</details>\n"
        for k, (letter, words) in enumerate(zip("ABC", answers, strict=False))
    )
    text = "(sec-rnn-quiz)=\n## Quiz\n\n" + "".join(f"**{n}. Why?**\n\n{body}\n" for n in (1, 2, 3))
    for language in ("en", "zh"):
        target = tmp_path / "book" / language / "rnn.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("answers", "given_away"),
    [(("much longer", "short", "short"), True), (("even", "even", "even"), False),
     (("<code>ab</code>", "abc"), False), (("a &amp; b!", "a bit"), True),
     (("short", "much longer", "x"), False)],
)  # fmt: skip
def test_a_page_whose_right_answers_are_the_longest_is_reported(
    tmp_path, monkeypatch, answers, given_away
):
    root = written(tmp_path, monkeypatch, answers)
    found = quizzes.length_problems(root)
    assert found == given_away * [
        f"book/{language}/rnn.md: the right answer is the longest in 3 of 3 questions"
        for language in ("en", "zh")
    ]


@pytest.mark.parametrize(
    "feedback", ["✗ As in answer B.", "✗ None of the above.", "✗ 见选项 B。", "✗ 第一个答案"]
)
def test_words_that_name_an_answer_by_its_place_are_reported(tmp_path, monkeypatch, feedback):
    assert quizzes.place_problems(written(tmp_path, monkeypatch, ("a", "b"))) == []
    assert quizzes.place_problems(written(tmp_path, monkeypatch, ("a", "b"), feedback))


@pytest.mark.parametrize("check", [quizzes.length_problems, quizzes.place_problems])
def test_no_quiz_of_the_course_gives_its_answers_away(check):
    assert check(ROOT) == []
