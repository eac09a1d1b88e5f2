"""Sounds of Chinese characters: level and oblique tones, rhymes of the old books and of today.

The table beside this module has the characters of GB 2312 and some of old verse, with *all* their
readings in the rhyme book Guangyun (1008), whose 206 rhymes are merged into the 106 that poets
went by later (Pingshui, 1252), and their modern readings. ``tools/sounds.py`` makes it from the
packages tshet-uinh, OpenCC and pypinyin.

A character with two readings is *either*: it keeps a rule if one of its readings does. A
simplified character that stands for several old ones has the readings of them all (发: 發 and 髮).
Other forms of a character are read as the character of the table that they are forms of.
"""

from functools import cache
from importlib import resources
from typing import NamedTuple

LEVEL, OBLIQUE = "level", "oblique"
BOOKS = ("pingshui", "modern")
# The fourteen rhymes of today's rhyme book (Zhonghua Xinyun, 2005), each with its finals.
MODERN = {
    "麻": "a ia ua", "波": "o e uo", "皆": "ie üe", "开": "ai uai", "微": "ei uei", "豪": "ao iao",
    "尤": "ou iou", "寒": "an ian uan üan", "文": "en in uen ün", "唐": "ang iang uang",
    "庚": "eng ing ueng ong iong", "齐": "i er ü", "支": "-i", "姑": "u",
}  # fmt: skip


class Reading(NamedTuple):
    """A modern reading: the final ("ian"; "-i" in zhi and zi) and its tone, 1 to 4 or 0."""

    final: str
    tone: int

    @property
    def level(self) -> bool:
        """Tones 1 and 2 are today's level ones; the neutral tone counts as oblique."""
        return self.tone in (1, 2)

    @property
    def rhyme(self) -> str:
        """Which of the fourteen modern rhymes it belongs to, "" for none."""
        return next((name for name, finals in MODERN.items() if self.final in finals.split()), "")


class _Table(NamedTuple):
    rhymes: dict[str, frozenset[str]]  # character → rhymes of the 106
    tone: dict[str, str]  # rhyme → 平, 上, 去 or 入
    modern: dict[str, tuple[Reading, ...]]
    forms: dict[str, str]  # other form → character of the table


@cache
def _table() -> _Table:
    rhymes: dict[str, set[str]] = {}
    modern: dict[str, tuple[Reading, ...]] = {}
    tone, forms = {}, {}
    text = resources.files(__package__).joinpath("sounds.txt").read_text(encoding="utf-8")
    for row in text.splitlines():
        kind, name, characters = row.split(" ")
        if kind == "forms":
            forms = dict(zip(characters[::2], characters[1::2], strict=True))
        elif kind in ("modern", "also"):  # the usual reading comes first
            reading = Reading(name[:-1], int(name[-1]))
            modern |= {c: (*modern.get(c, ()), reading) for c in characters}
        else:
            tone[name] = kind
            for c in characters:
                rhymes.setdefault(c, set()).add(name)
    return _Table({c: frozenset(names) for c, names in rhymes.items()}, tone, modern, forms)


def _known(char: str) -> str:
    if not isinstance(char, str) or len(char) != 1:
        raise ValueError(f"char is {char!r}, but one character is expected")
    return _table().forms.get(char, char)


def characters() -> frozenset[str]:
    """All characters of which a tone is known, in their simplified form."""
    return frozenset(_table().rhymes)


def groups(tone: str | None = None) -> tuple[str, ...]:
    """Names of the 106 rhymes in the book's order; those of 平, 上, 去 or 入 only, if asked."""
    if tone not in (None, *"平上去入"):
        raise ValueError(f"tone is {tone!r}, but 平, 上, 去, 入 or None is expected")
    return tuple(name for name, kind in _table().tone.items() if tone in (None, kind))


def rhymes(char: str) -> frozenset[str]:
    """Rhyme groups of the 106 that a character belongs to; empty where it is unknown.

    A group is of one tone, so that a level and an oblique character have none in common.

    Raises:
        ValueError: more or less than one character.
    """
    return _table().rhymes.get(_known(char), frozenset())


def tones(char: str) -> frozenset[str]:
    """ "level" (平), "oblique" (上, 去, 入), both where it has readings of both, or neither."""
    kinds = {_table().tone[name] for name in rhymes(char)}
    return frozenset(LEVEL if kind == "平" else OBLIQUE for kind in kinds)


def entering(char: str) -> bool:
    """Whether one of its readings has the entering tone (入), which Mandarin has lost."""
    return any(_table().tone[name] == "入" for name in rhymes(char))


def modern(char: str) -> tuple[Reading, ...]:
    """Its modern readings, the usual one first; empty where they are unknown."""
    return _table().modern.get(_known(char), ())


def modern_tones(char: str) -> frozenset[str]:
    """As :func:`tones`, but by today's Mandarin: what misreads the entering tone."""
    return frozenset(LEVEL if reading.level else OBLIQUE for reading in modern(char))


def rhyme_together(a: str, b: str, book: str = "pingshui") -> bool:
    """Whether a reading of one rhymes with a reading of the other.

    Args:
        book: "pingshui", the 106 groups; or "modern", fourteen groups, level with level only.

    Raises:
        ValueError: another book; more or less than one character.
    """
    if book not in BOOKS:
        raise ValueError(f"book is {book!r}, but one of {', '.join(BOOKS)} is expected")
    if book == "pingshui":
        return bool(rhymes(a) & rhymes(b))
    sounds = [{(r.rhyme, r.level) for r in modern(c) if r.rhyme} for c in (a, b)]
    return bool(sounds[0] & sounds[1])


def alternatives(text: str) -> str:
    """The text with each traditional or variant character as the table's simplified one."""
    forms = _table().forms
    return "".join(forms.get(character, character) for character in text)
