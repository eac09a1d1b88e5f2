"""A small world in sentences, English and Chinese, written for the chapter on word vectors.

Nobody ever said these sentences. Each is a frame of ``world.yml`` with a row of a table put in,
so that we know which words belong together: Paris is to France what Berlin is to Germany because
we wrote it.
"""

import functools
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse.data.corpora import phrases
from rnncourse.data.corpora.phrases import LANGUAGES, Pair

Rows = tuple[tuple[str, ...], ...]
Seen = set[tuple[int, str]]  # words, with their language: 0 English, 1 Chinese

# The columns of each table: placeholders in its frames, and kinds of words, but for those below.
_COLUMNS = {
    "country": ("country", "capital", "language", "product"),
    "family": ("he", "she", "thing"),
    "animal": ("animal", "young", "sound", "home"),
    "fruit": ("fruit",),
    "vegetable": ("vegetable",),
    "good": ("good",),
    "bad": ("bad",),
}
_NO_KINDS = ("thing", "sound", "home")
_FRAMED = ("country", "family", "animal", "fruit", "vegetable")
_REALMS = {"country": "place", "family": "person", "animal": "animal", "fruit": "food",
           "vegetable": "food", "good": "quality", "bad": "quality"}  # fmt: skip
_RELATIONS = {"capital": ("country", 1), "language": ("country", 2), "she": ("family", 1),
              "young": ("animal", 1)}  # fmt: skip


class World(NamedTuple):
    """Sentences, and what their author knows about the words."""

    sentences: list[list[str]]
    kinds: dict[str, list[str]]  # words of one kind: "capital", "fruit", …
    realms: dict[str, str]  # kind → what it is part of: "place", "person", "animal", "food"
    questions: dict[str, list[tuple[str, str, str, str]]]  # a is to b as c is to d


class Phrases(NamedTuple):
    """What ``world.yml`` holds: each table's rows in English and in Chinese, and its frames."""

    tables: dict[str, tuple[Rows, Rows]]
    frames: dict[str, tuple[Pair, ...]]


@functools.cache
def read(folder: Path = phrases.FOLDER) -> Phrases:
    """The phrases of ``world.yml``. Raises ValueError where they are not as it says itself."""
    file = phrases.read("world", folder).named("tables", "frames")
    seen: Seen = set()
    tables = {
        name: _table(part, _COLUMNS[name], seen)
        for name, part in file["tables"].named(*_COLUMNS).items()
    }
    frames = {
        name: tuple(_frame(entry, _COLUMNS[name]) for entry in part.listed())
        for name, part in file["frames"].named(*_FRAMED).items()
    }
    return Phrases(tables, frames)


def _table(part: phrases.Part, columns: tuple[str, ...], seen: Seen) -> tuple[Rows, Rows]:
    """Rows of words, as many as columns; ``seen`` gets every word, and may not have it yet."""
    rows: tuple[list[tuple[str, ...]], ...] = ([], [])
    for entry in part.listed():
        for way, text in enumerate(phrases.pair(entry)):
            row = tuple(text.split())
            if len(row) != len(columns):
                entry.fail(f"{len(row)} words, {text!r}", f"{len(columns)}: {', '.join(columns)}")
            for word in row:
                if (way, word) in seen:
                    entry.fail(f"{word!r} again", "each word once in all tables")
                seen.add((way, word))
            rows[way].append(row)
    return tuple(rows[0]), tuple(rows[1])


def _frame(part: phrases.Part, columns: tuple[str, ...]) -> Pair:
    """A frame, each placeholder a word of its own."""
    pair = phrases.pair(part, may=" ".join([*columns, "quality"]))
    for word in " ".join(pair).split():
        if "{" in word and not re.fullmatch(r"\{\w+\}", word):
            part.fail(repr(word), "blanks around each placeholder")
    return pair


def little_world(rng: np.random.Generator, N: int, language: str = "en") -> World:
    """N sentences about places, people, animals and food, with no meaning beyond the frames.

    The words for good and for bad stand in exactly the same frames.

    Returns a ``World``: its ``sentences``, each a list of words, and what their author knows:
    ``kinds``, the words of each kind; ``realms``, what a kind is part of; ``questions``
    (a, b, c, d), where a is to b as c is to d.
    Raises ValueError if N is below 1, or language not "en" or "zh".
    """
    if N < 1 or language not in LANGUAGES:
        raise ValueError(
            f"N = {N}, language = {language!r}; expected at least 1, and one of {list(LANGUAGES)}"
        )
    way = LANGUAGES.index(language)
    tables = {name: rows[way] for name, rows in read().tables.items()}
    qualities = [row[0] for name in ("good", "bad") for row in tables[name]]
    frames = [(name, pair[way]) for name, some in read().frames.items() for pair in some]
    sentences = []
    for k in rng.integers(len(frames), size=N):
        name, frame = frames[k]
        row = tables[name][rng.integers(len(tables[name]))]
        words = dict(zip(_COLUMNS[name], row, strict=True))
        words["quality"] = qualities[rng.integers(len(qualities))]
        sentences.append(frame.format(**words).split())
    return World(sentences, *_kinds(tables), _questions(tables))


def _kinds(tables: dict[str, Rows]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The words of each kind, and its realm."""
    of = {
        kind: (name, column)
        for name, columns in _COLUMNS.items()
        for column, kind in enumerate(columns)
        if kind not in _NO_KINDS
    }
    kinds = {kind: [row[column] for row in tables[name]] for kind, (name, column) in of.items()}
    return kinds, {kind: _REALMS[name] for kind, (name, _) in of.items()}


def _questions(tables: dict[str, Rows]) -> dict[str, list[tuple[str, str, str, str]]]:
    return {
        relation: [(a[0], a[k], b[0], b[k]) for a in tables[name] for b in tables[name] if a != b]
        for relation, (name, k) in _RELATIONS.items()
    }
