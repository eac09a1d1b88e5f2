"""Rules of verse, as numbers: regulated quatrains, couplets, acrostics, copies, English metre.

A regulated quatrain (近体绝句) has four lines of five or seven characters. A pattern says at which
places the tone must be level (平), oblique (仄) or may be either (中). Lines 2 and 4, in half of
the patterns also line 1, end in one level rhyme. The four patterns of each size follow Wang Li,
Rules of Classical Chinese Verse (1962). Old-style quatrains (古绝) break them by intent.

A character of two readings is *either*: it keeps a rule if one of its readings does; so does one
that the table of :mod:`rnncourse.nlp.sounds` does not know. ``tones`` may be replaced by
:func:`rnncourse.nlp.sounds.modern_tones` to see what Mandarin misreads.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rnncourse.nlp import sounds

Tones = Callable[[str], frozenset[str]]
SIZES = (5, 7)
PATTERNS = ("aBbA", "bAaB", "ABbA", "BAaB")  # by their lines; capitals rhyme
_FIVES = {"a": "中仄平平仄", "A": "中仄仄平平", "b": "中平平仄仄", "B": "平平仄仄平"}
_BEFORE = {"a": "中平", "A": "中平", "b": "中仄", "B": "中仄"}  # the two that seven have more
MARKS = {"平": sounds.LEVEL, "仄": sounds.OBLIQUE}
_STOPS = "，。！？；：、,.!?;:\n"


def split(poem: str) -> list[str]:
    """Lines of a poem: whatever stands between two stops of any kind.

    >>> split("白日依山尽，黄河入海流。")
    ['白日依山尽', '黄河入海流']
    """
    for stop in _STOPS:
        poem = poem.replace(stop, "\n")
    return [line.strip() for line in poem.split("\n") if line.strip()]


def marks(pattern: str, size: int) -> list[str]:
    """The tones that a pattern asks for, line by line.

    >>> marks("bAaB", 5)
    ['中平平仄仄', '中仄仄平平', '中仄平平仄', '平平仄仄平']

    Raises ValueError for another pattern or size.
    """
    if pattern not in PATTERNS or size not in SIZES:
        raise ValueError(f"pattern is {pattern!r}, size {size!r}; expected one of {PATTERNS} and "
                         f"of {SIZES}")  # fmt: skip
    return [(_BEFORE[kind] if size == 7 else "") + _FIVES[kind] for kind in pattern]


def _quatrain(lines: Sequence[str]) -> int:
    """Characters of a line. Raises ValueError for anything but a quatrain."""
    sizes = [len(line) for line in lines]
    if len(sizes) != 4 or set(sizes) - set(SIZES) or len(set(sizes)) > 1:
        raise ValueError(f"lines have {sizes} characters; expected four times 5, or four times 7")
    return sizes[0]


def tone_breaks(
    lines: Sequence[str], pattern: str, tones: Tones = sounds.tones
) -> list[tuple[int, int]]:
    """Line and place, from 0, of every tone that the pattern forbids.

    Raises ValueError for lines that are no quatrain, and another pattern.
    """
    asked = marks(pattern, _quatrain(lines))
    return [
        (n, t)
        for n, (line, row) in enumerate(zip(lines, asked, strict=True))
        for t, (char, mark) in enumerate(zip(line, row, strict=True))
        if mark in MARKS and (found := tones(char)) and MARKS[mark] not in found
    ]


def best_pattern(
    lines: Sequence[str], tones: Tones = sounds.tones
) -> tuple[str, list[tuple[int, int]]]:
    """The pattern that the lines break least, of several one in which they rhyme; and the breaks.

    Raises ValueError for lines that are no quatrain.
    """
    found = {pattern: tone_breaks(lines, pattern, tones) for pattern in PATTERNS}
    best = min(PATTERNS, key=lambda p: (len(found[p]), not rhymes(lines, p)))
    return best, found[best]


def rhymes(lines: Sequence[str], pattern: str = "aBbA", book: str = "pingshui") -> bool:
    """Whether the lines that a pattern's capitals name end in different words that rhyme.

    In the book "pingshui" all of them must share one level group.
    """
    words = [line[-1] for line, kind in zip(lines, pattern, strict=True) if kind.isupper()]
    if len(set(words)) < len(words):
        return False
    if book == "pingshui":
        level = set(sounds.groups("平"))
        return bool(level.intersection(*(sounds.rhymes(word) for word in words)))
    return all(sounds.rhyme_together(words[0], word, book) for word in words[1:])


def rhyme_scheme(lines: Sequence[str], book: str = "pingshui") -> str:
    """A letter a line: the same for lines that rhyme with the first line of that letter.

    >>> rhyme_scheme(["床前看月光", "疑是地上霜", "举头望山月", "低头思故乡"])
    'AABA'
    """
    ends: list[str] = []
    scheme = ""
    for line in lines:
        for k, end in enumerate(ends):
            if sounds.rhyme_together(end, line[-1], book):
                scheme += "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[k % 26]
                break
        else:
            ends.append(line[-1])
            scheme += "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(len(ends) - 1) % 26]
    return scheme


class Verdict(NamedTuple):
    """A poem under the rules."""

    form: bool  # four lines of five, or of seven
    pattern: str  # the one that it breaks least; "" without form
    breaks: list[tuple[int, int]]  # line and place of each wrong tone
    rhyme: bool  # lines 2 and 4, and 1 where the pattern says so, share a level rhyme
    doubled: bool  # lines 2 and 4 end in the same character
    repeated: list[str]  # characters that stand more than once; no fault in itself

    @property
    def lawful(self) -> bool:
        """Form, tones and rhyme are right."""
        return self.form and not self.breaks and self.rhyme


def judge(poem: str, tones: Tones = sounds.tones) -> Verdict:
    """A poem under the rules of the regulated quatrain; any text is accepted."""
    lines = split(poem)
    repeated = [char for char, n in Counter("".join(lines)).items() if n > 1]
    try:
        pattern, breaks = best_pattern(lines, tones)
    except ValueError:
        return Verdict(False, "", [], False, False, repeated)
    doubled = lines[1][-1] == lines[3][-1]
    return Verdict(True, pattern, breaks, rhymes(lines, pattern), doubled, repeated)


# --- couplets and acrostics -----------------------------------------------------------------


def oppositions(first: str, second: str, tones: Tones = sounds.tones) -> float:
    """Share of places at which two lines of a couplet oppose each other in tone.

    Only places with a known tone on both sides count; 0 without any.
    Raises ValueError for lines of different lengths.
    """
    if len(first) != len(second):
        raise ValueError(f"first has {len(first)} characters, second {len(second)}; expected "
                         "equally many")  # fmt: skip
    pairs = [(tones(a), tones(b)) for a, b in zip(first, second, strict=True)]
    known = [(a, b) for a, b in pairs if a and b]
    return sum(len(a | b) == 2 for a, b in known) / len(known) if known else 0.0


def acrostic(poem: str) -> str:
    """The first character of every line, whatever stop the line before it ends with."""
    return "".join(line[0] for line in split(poem))


# --- English --------------------------------------------------------------------------------

# Stress of each syllable, 1 or 0, of this chapter's words; words of one syllable fit either.
_STRESS = {
    "compare": "01", "summer": "10", "lovely": "10", "temperate": "100", "darling": "10",
    "summer's": "10", "eternal": "010", "wander": "10", "lonely": "10", "golden": "10",
    "daffodils": "101", "upon": "01", "children": "10", "curfew": "10", "parting": "10",
    "lowing": "10", "slowly": "10", "plowman": "10", "homeward": "10", "weary": "10",
    "darkness": "10", "hundred": "10", "wandered": "10",
}  # fmt: skip


def stresses(word: str) -> str:
    """Its syllables: 1 stressed, 0 not, "?" a word of one syllable, which fits either.

    Words outside this chapter's small table count as one syllable.
    """
    return _STRESS.get(word.lower().strip(".,;:!?—'\""), "?")


def scan(line: str) -> tuple[str, int]:
    """Stresses of an English line, and how many break the iambic 0 1 0 1 …

    >>> scan("Shall I compare thee to a summer's day?")
    ('??01???10?', 0)
    """
    found = "".join(stresses(word) for word in line.split())
    return found, sum(s != "?" and s != "01"[k % 2] for k, s in enumerate(found))
