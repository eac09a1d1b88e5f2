"""A folder of articles, each a text file with its title in the first line.

For programs that learn from a reader's own files; see :mod:`rnncourse.data.own`.
"""

import re
from pathlib import Path
from typing import NamedTuple

from rnncourse.data.fetch import DataError
from rnncourse.data.own import CHINESE, is_chinese, read_text, say

LONGEST = 200  # characters of a title
CHINESE.update({  # of what the program for articles says
    "{} articles; sentences each: {:.0f}": "共 {} 篇文章，平均每篇 {:.0f} 句",
    "ROUGE-1 {:.2f}, ROUGE-L {:.2f}: {}": "ROUGE-1 {:.2f}，ROUGE-L {:.2f}：{}",
    "the first sentence": "第一句",
    "the most central sentence (TextRank)": "最居中的一句（TextRank）",
    "the sentence that a GRU chose": "GRU 选的一句",
    "the best single sentence": "最好的一句",
})  # fmt: skip
# An English word whose full stop ends no sentence, or an initial.
_SHORT = re.compile(
    r"\b(?:mr|mrs|ms|dr|st|prof|sen|rep|gov|gen|jr|sr|inc|co|corp|ltd|vs|fig|e\.g|i\.e"
    r"|jan|feb|mar|apr|aug|sept?|oct|nov|dec|[a-z])\.$",
    re.IGNORECASE,
)
_END = re.compile(r"[。！？!?…]+[”’」』）\"]*\s*|\.+[\"”’)]*(?=\s|$)\s*")


class Article(NamedTuple):
    """A title and the sentences below it."""

    title: str
    sentences: list[str]


def sentences(text: str) -> list[str]:
    """A text's sentences, in English or Chinese; an empty line ends one too.

    >>> sentences("Dr. Lee won. She ran 5.5 km!")
    ['Dr. Lee won.', 'She ran 5.5 km!']
    """
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in paragraph.splitlines() if line.strip()]
        joined, start = ("" if is_chinese(lines) else " ").join(lines), 0
        for end in _END.finditer(joined):
            if not _SHORT.search(joined[: end.end()].rstrip()):
                found.append(joined[start : end.end()].strip())
                start = end.end()
        found.append(joined[start:].strip())
    return [one for one in found if re.search(r"\w", one)]


def article(path: str | Path) -> Article:
    """An article of a file: its title in the first line, its sentences below.

    Raises DataError, naming the file, where the first line is empty or has more than ``LONGEST``
    characters; where there are fewer than two sentences below it; and as
    :func:`rnncourse.data.own.read_text`, in UTF-8.
    """
    title, _, rest = read_text(path).partition("\n")
    if not title.strip():
        raise DataError(f"{path}, line 1 is empty; expected the title there, and the article below")
    if len(title) > LONGEST:
        raise DataError(f"{path}, line 1 has {len(title)} characters; expected a title of at most "
                        f"{LONGEST}, and the article below it")  # fmt: skip
    return Article(title.strip(), _enough(path, rest, " below the title in its first line"))


def untitled(path: str | Path) -> list[str]:
    """The sentences of a file that has no title yet. Raises DataError as :func:`article`."""
    return _enough(path, read_text(path))


def _enough(path: str | Path, text: str, where: str = "") -> list[str]:
    """At least two sentences."""
    found = sentences(text)
    if len(found) < 2:
        raise DataError(f"{path} has {len(found)} sentences{where}; expected at least 2 to choose "
                        "from")  # fmt: skip
    return found


def articles(path: str | Path, at_least: int = 20) -> list[Article]:
    """The articles of a folder's files *.txt, in the order of their names; prints how many.

    Raises DataError where the folder cannot be read, or has fewer than ``at_least`` articles of
    different texts; and as :func:`article`.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "cannot be read: there is no such folder"
        raise DataError(f"{path} {what}; expected one with a text file for each article")
    found = [article(file) for file in sorted(folder.glob("*.txt"))]
    different = len({tuple(one.sentences) for one in found})
    if different < at_least:
        raise DataError(f"{path} has {different} different articles in files *.txt; expected at "
                        f"least {at_least}")  # fmt: skip
    say("{} articles; sentences each: {:.0f}", len(found),
        sum(len(one.sentences) for one in found) / len(found))  # fmt: skip
    return found
