"""Poems of a reader's own, in one text file.

For programs that learn from a reader's own files; see :mod:`rnncourse.data.own`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rnncourse.data.fetch import DataError
from rnncourse.data.own import TABLE_ENCODINGS, is_chinese, read_text

LEAST, LONGEST = 30, 2000  # different poems; characters of one
# Each ends a line of Chinese verse.
STOPS = re.compile(r"[\s，。！？；、：—…“”‘’《》（）()\"',.!?;:]+")


def stanzas(path: str | Path) -> list[str]:
    r"""The poems of a file, their lines with "\n" between them.

    An empty line stands between two poems; in a file without one, each line is a poem. In Chinese
    a line ends at any punctuation mark, which is left out: to count only "。" would make one line
    out of two. Poems of a single line are left out.

    Raises DataError, naming the file, where there are fewer than LEAST different poems, or one is
    longer than LONGEST; and as :func:`rnncourse.data.own.read_text`, in UTF-8 or GB18030.
    """
    text = read_text(path, TABLE_ENCODINGS)
    found = re.split(r"\n\s*\n", text.strip())
    found = found if len(found) > 1 else text.split("\n")
    if is_chinese(found):
        lines = [[line for line in STOPS.split(one) if line] for one in found]
    else:
        lines = [[line.strip() for line in one.split("\n") if line.strip()] for one in found]
    poems = ["\n".join(one) for one in lines if len(one) > 1]
    longest = max(map(len, poems), default=0)
    if len(set(poems)) < LEAST or longest > LONGEST:
        raise DataError(f"{path} has {len(set(poems))} different poems of two lines or more, the "
                        f"longest with {longest} characters; expected at least {LEAST}, with at "
                        f"most {LONGEST}")  # fmt: skip
    return poems


def line_length(poems: Sequence[str]) -> int:
    """How many characters a line has in Chinese verse, where more than half of all lines have as
    many; 0 where lines are of any length."""
    counted = Counter(len(line) for poem in poems for line in poem.split("\n"))
    ((length, times),) = counted.most_common(1)
    return length if is_chinese(poems) and 2 * times > counted.total() else 0


def copied(poem: str, known: str) -> int:
    """Length of the longest run of a poem that also stands in the known text.

    >>> copied("xabcd", "zzabcz")
    3
    """
    length = 0
    for start in range(len(poem)):
        while start + length < len(poem) and poem[start : start + length + 1] in known:
            length += 1
    return length
