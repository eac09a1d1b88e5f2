"""Quizzes: in order, the same in both editions, and no answer given away by its length or place.

Where the right answer is the longest one in more than half of a page's questions, a reader need
not know the topic. And since the page shows the answers in another order than the source
(book/_ext/rnncourse_quiz.py), no words may name an answer by its letter or place.
"""

import html
import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tools.editions import checks

# A question is a bold numbered paragraph, an answer a <details> whose feedback begins
# with ✓ or ✗: readable in Colab and without script, and styled by book/_ext.
QUESTION = re.compile(r"^\*\*(\d+)\. .+\*\*$")
CHOICE = re.compile(r"<details><summary>([A-Z])\. (.+)</summary>")
VERDICT = re.compile(r"(Right|No|Wrong)[.,:]|正确|不对")  # written by book/_ext after the sign
QUESTIONS = range(3, 6)
MOST = 1 / 2  # of a page's questions
PLACE = re.compile(
    r"\b(?:answers?|options?|choices?) [A-H]\b|\b(?:first|second|third|last) (?:answer|option)\b"
    r"|\b(?:all|none|both) of (?:the above|these)\b"
    r"|(?:答案|选项) ?[A-H]|[A-H] ?项|第.个(?:答案|选项)|以上(?:都|皆|均)",
    re.IGNORECASE,
)


class Answer(NamedTuple):
    """One choice of a question, as the source has it."""

    letter: str
    summary: str
    feedback: str

    @property
    def length(self) -> int:
        """How many characters of the summary a reader sees."""
        return len(html.unescape(re.sub(r"<[^>]+>", "", self.summary)))

    @property
    def mark(self) -> str:
        return self.feedback[:1]


def quiz_section(page: Path, stem: str) -> str:
    """Return a page's text from its label sec-STEM-quiz to the next label, or ""."""
    text = checks.prose(page)
    start = text.find(f"(sec-{stem}-quiz)=")
    end = text.find("\n(sec-", start + 1)
    return text[start:end] if start >= 0 else ""


def parsed(section: str) -> tuple[list[tuple[int, list[Answer]]], list[str]]:
    """Return each question's number and answers, and what opens like an answer and is none."""
    questions: list[tuple[int, list[Answer]]] = []
    strays = []
    blocks = re.split(r"\n{2,}", section.replace("</details>\n<", "</details>\n\n<"))
    for block, feedback in pairwise([*blocks, ""]):
        if match := QUESTION.match(block):
            questions.append((int(match[1]), []))
        elif "<details" in block:
            match = CHOICE.fullmatch(block.strip())
            if match and questions:
                questions[-1][1].append(Answer(match[1], match[2], feedback))
            else:
                strays.append(block.strip())
    return questions, strays


def answer_problems(answer: Answer) -> list[str]:
    """Return what is wrong with one answer, whatever its question."""
    found = []
    if "$" in answer.summary:
        found.append(f"a summary shows no formulas: {answer.summary!r}")
    if answer.feedback[:2] not in ("✓ ", "✗ "):
        found.append(f"feedback begins with neither ✓ nor ✗: {answer.feedback[:40]!r}")
    if VERDICT.match(answer.feedback[2:]):
        found.append(f"the page says right or wrong twice: {answer.feedback[:40]!r}")
    return found


def quiz_of(section: str) -> tuple[list[str], list[str]]:
    """Return the quiz, such as ["A✓ B✗", …] for each question, and what is wrong with it."""
    questions, strays = parsed(section)
    found = [f"is no choice of a question: {stray[:60]!r}" for stray in strays]
    if len(questions) not in QUESTIONS:
        found.append(f"{len(questions)} questions, not {QUESTIONS[0]} to {QUESTIONS[-1]}")
    for place, (number, answers) in enumerate(questions, start=1):
        if number != place:
            found.append(f"question {number} stands at place {place}")
        found += [problem for answer in answers for problem in answer_problems(answer)]
        letters = "".join(answer.letter for answer in answers)
        if len(answers) < 2 or letters != "ABCDEFGH"[: len(letters)]:
            found.append(f"question {place} needs choices A, B, …, not {letters or 'none'}")
        if sum(answer.mark == "✓" for answer in answers) != 1:
            found.append(f"question {place} needs exactly one ✓")
    if section.count("<details") != section.count("</details>"):
        found.append("a <details> is not closed")
    return [" ".join(a.letter + a.mark for a in answers) for _, answers in questions], found


def quiz_problems(root: Path) -> list[str]:
    """Return quizzes that are no quizzes, or that differ between the editions."""
    problems = []
    for stem in checks.chapters(root):
        pages = [root / "book" / lang / f"{stem}.md" for lang in ("en", "zh")]
        if not all(page.exists() for page in pages):
            continue  # checks.missing_files reports it
        quizzes = []
        for page in pages:
            quiz, found = quiz_of(quiz_section(page, stem))
            quizzes.append(quiz)
            problems += [f"{page.relative_to(root).as_posix()}: quiz: {p}" for p in found]
        if quizzes[0] != quizzes[1]:
            problems.append(f"{stem}: quizzes differ: {checks.first_difference(*quizzes)}")
    return problems


# ---- what the words give away --------------------------------------------------


def gives_away(answers: list[Answer]) -> bool:
    """Say whether the right answer is longer than every other one."""
    right = max((answer.length for answer in answers if answer.mark == "✓"), default=0)
    return right > max((a.length for a in answers if a.mark != "✓"), default=right)


def counted(root: Path, language: str, stem: str) -> tuple[int, int]:
    """In how many questions of a page the right answer is the longest, and of how many."""
    questions, _ = parsed(quiz_section(root / "book" / language / f"{stem}.md", stem))
    found = [gives_away(answers) for _, answers in questions]
    return sum(found), len(found)


def length_problems(root: Path) -> list[str]:
    """Return the pages on which the longest answer is too often the right one."""
    problems = []
    for stem in checks.chapters(root):
        for language in ("en", "zh"):
            longest, all_of_them = counted(root, language, stem)
            if longest > MOST * all_of_them:
                problems.append(f"book/{language}/{stem}.md: the right answer is the longest in "
                                f"{longest} of {all_of_them} questions")  # fmt: skip
    return problems


def place_problems(root: Path) -> list[str]:
    """Return the pages whose quiz names an answer by its letter or place."""
    problems = []
    for stem in checks.chapters(root):
        for name in (f"book/{language}/{stem}.md" for language in ("en", "zh")):
            section = quiz_section(root / name, stem)
            problems += [f"{name}: the quiz says {found!r}, but answers are shown in another order"
                         for found in PLACE.findall(section)]  # fmt: skip
    return problems
