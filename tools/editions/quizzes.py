"""Whether a quiz gives its answers away by their length, or speaks of their order.

    python -m tools.editions.quizzes

Where the right answer is the longest one in more than half of a page's questions, a reader need
not know the topic. And since the page shows the answers in another order than the source
(book/_ext/rnncourse_quiz.py), no words may name an answer by its letter or place.
"""

import html
import re
import sys
from pathlib import Path

from tools.editions import checks

ROOT = Path(__file__).resolve().parents[2]
CHOICE = re.compile(r"<details><summary>[A-Z]\. (.+?)</summary>\s*(\S)", re.DOTALL)
QUESTION = re.compile(r"^\*\*\d+\. ", re.MULTILINE)
MOST = 1 / 2  # of a page's questions
PLACE = re.compile(
    r"\b(?:answers?|options?|choices?) [A-H]\b|\b(?:first|second|third|last) (?:answer|option)\b"
    r"|\b(?:all|none|both) of (?:the above|these)\b"
    r"|(?:答案|选项) ?[A-H]|[A-H] ?项|第.个(?:答案|选项)|以上(?:都|皆|均)",
    re.IGNORECASE,
)


def shown_length(summary: str) -> int:
    """How many characters of a summary a reader sees."""
    return len(html.unescape(re.sub(r"<[^>]+>", "", summary)))


def lengths(section: str) -> list[list[tuple[int, bool]]]:
    """Of each question's answers: the length, and whether it is the right one."""
    questions = QUESTION.split(section)[1:]
    return [[(shown_length(words), mark == "✓") for words, mark in CHOICE.findall(text)]
            for text in questions]  # fmt: skip


def gives_away(answers: list[tuple[int, bool]]) -> bool:
    """Say whether the right answer is longer than every other one."""
    right = max((length for length, is_right in answers if is_right), default=0)
    return right > max((length for length, is_right in answers if not is_right), default=right)


def counted(root: Path, language: str, stem: str) -> tuple[int, int]:
    """In how many questions of a page the right answer is the longest, and of how many."""
    section = checks.quiz_section(root / "book" / language / f"{stem}.md", stem)
    found = [gives_away(answers) for answers in lengths(section)]
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
            section = checks.quiz_section(root / name, stem)
            problems += [f"{name}: the quiz says {found!r}, but answers are shown in another order"
                         for found in PLACE.findall(section)]  # fmt: skip
    return problems


def main() -> int:
    found = length_problems(ROOT) + place_problems(ROOT)
    print("\n".join(found) or "no problems")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
