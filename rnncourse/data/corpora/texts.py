"""Texts as they stand in files: sentences cut into words, a story, this course's own prose."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def segmented_sentences() -> list[list[tuple[str, str]]]:
    """285 short Chinese sentences, written for this course, cut into words with a tag each.

    Words are cut as People's Daily was (a place and 大学 are two words), without punctuation.
    Many sentences hold strings that can be cut in more than one way; some of the words are
    now one part of speech, now another. Tags: n noun, nr person, ns place, t time, v verb,
    a adjective, r pronoun, d adverb, m number, q measure word, p preposition, c conjunction,
    u particle, f position.

    Returns one list for each sentence: [(word, tag), …].
    """
    text = (_FOLDER / "segmented_sentences.txt").read_text(encoding="utf-8")
    pairs = [[pair.split("/") for pair in line.split()] for line in text.splitlines()]
    return [[(word, tag) for word, tag in sentence] for sentence in pairs]


def telegraph_office(language: str = "en") -> str:
    """A story written for this course, in English or Chinese: what a code book costs.

    Raises ValueError for another language than "en" and "zh".
    """
    return _in_language("telegraph", language).strip()


def course_prose(language: str = "en") -> list[str]:
    """Paragraphs of this course's own first chapters, in English or Chinese.

    The two lists say the same: paragraph k is one text in two languages. Only paragraphs
    without code and formulas are in it. A snapshot, written by ``tools/editions/prose.py``.
    Raises ValueError for another language than "en" and "zh".
    """
    return _in_language("prose", language).splitlines()


def _in_language(name: str, language: str) -> str:
    if language not in ("en", "zh"):
        raise ValueError(f'language = {language!r}; expected "en" or "zh"')
    return (_FOLDER / f"{name}_{language}.txt").read_text(encoding="utf-8")
