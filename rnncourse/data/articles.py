"""A folder of articles, each a text file with its title in the first line.

For programs that learn from a reader's own files; see :mod:`rnncourse.data.own`.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rnncourse.data.fetch import DataError
from rnncourse.data.own import is_chinese, read_text, say

LONGEST = 200  # characters of a title
Cut = Callable[[str], list[str]]


class Article(NamedTuple):
    """A title and the sentences below it."""

    title: str
    sentences: list[str]


def article(path: str | Path, cut: Cut) -> Article:
    """An article of a file: its title in the first line, its sentences below.

    Args:
        path: of a text in UTF-8.
        cut: makes the sentences of a text, such as :func:`rnncourse.nlp.textrank.sentences`. It
            gets each paragraph on one line.

    Raises DataError, naming the file, where the first line is empty or has more than ``LONGEST``
    characters; where there are fewer than two sentences below it; and as
    :func:`rnncourse.data.own.read_text`.
    """
    title, _, rest = read_text(path).partition("\n")
    if not title.strip():
        raise DataError(f"{path}, line 1 is empty; expected the title there, and the article below")
    if len(title) > LONGEST:
        raise DataError(f"{path}, line 1 has {len(title)} characters; expected a title of at most "
                        f"{LONGEST}, and the article below it")  # fmt: skip
    return Article(title.strip(), _enough(path, cut(flowing(rest)), " below the title in line 1"))


def untitled(path: str | Path, cut: Cut) -> list[str]:
    """The sentences of a file that has no title yet. Raises DataError as :func:`article`."""
    return _enough(path, cut(flowing(read_text(path))), "")


def articles(path: str | Path, cut: Cut, at_least: int = 20) -> list[Article]:
    """The articles of a folder's files ``*.txt``, in the order of their names; prints how many.

    Raises DataError where the folder cannot be read, or has fewer than ``at_least`` articles of
    different texts; and as :func:`article`.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "cannot be read: there is no such folder"
        raise DataError(f"{path} {what}; expected one with a text file for each article")
    found = [article(file, cut) for file in sorted(folder.glob("*.txt"))]
    different = len({tuple(one.sentences) for one in found})
    if different < at_least:
        raise DataError(f"{path} has {different} different articles in files *.txt; expected at "
                        f"least {at_least}")  # fmt: skip
    mean = sum(len(one.sentences) for one in found) / len(found)
    say("{} articles of {:.0f} sentences", len(found), mean)
    return found


def flowing(text: str) -> str:
    """A text whose paragraphs are one line each, an empty line between two.

    Lines are joined by a space, and Chinese ones by nothing.
    """
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text):
        joined = ""
        for line in filter(None, map(str.strip, paragraph.split("\n"))):
            tight = not joined or is_chinese([joined[-1:] + line[:1]])
            joined += line if tight else f" {line}"
        paragraphs.append(joined)
    return "\n\n".join(filter(None, paragraphs))


def _enough(path: str | Path, sentences: list[str], where: str) -> list[str]:
    """Those with a letter in them, at least two."""
    found = [one for one in sentences if re.search(r"\w", one)]
    if len(found) < 2:
        raise DataError(f"{path} has {len(found)} sentences{where}; expected at least 2 to choose "
                        "from")  # fmt: skip
    return found
