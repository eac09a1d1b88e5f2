"""Verse: forty famous quatrains of the Tang, and generated ones whose chances are known exactly.

A generated quatrain has four lines of five characters, each of a head (2) and a tail (3), phrases
of ``corpora/quatrain_phrases.txt``. Tones follow one of two patterns; lines 1, 2 and 4 rhyme. The
rhyme has been drawn before anything is written, so that the last words of lines 2 and 4 are bound
to one that stands 6 and 12 tokens earlier: no trigram can know it. Every choice is uniform, so that
the entropy of a poem is a sum of logarithms, the exact lower bound of any model's mean loss.
"""

import functools
import itertools
import math
from importlib import resources
from typing import NamedTuple

import numpy as np

from rnncourse._arrays import check_counts

STOPS = "，。，。"
# Line kinds by their pattern of tones; capitals rhyme. A line's head and its tail:
KINDS = {"a": ("中仄", "平平仄"), "A": ("中仄", "仄平平"), "b": ("平平", "平仄仄"),
         "B": ("平平", "仄仄平")}  # fmt: skip
PATTERNS = ("ABbA", "BAaB")


class Famous(NamedTuple):
    """A quatrain that many people know by heart."""

    author: str
    title: str
    text: str  # "line，line。line，line。"


def _rows(name: str) -> list[str]:
    file = resources.files(__package__).joinpath("corpora", name)
    return file.read_text(encoding="utf-8").split("\n")[:-1]


@functools.cache
def famous() -> tuple[Famous, ...]:
    """Forty quatrains of the Tang (618–907), 25 of five characters a line and 15 of seven."""
    return tuple(Famous(*row.split("|")) for row in _rows("quatrains.txt"))


def lines(poem: str) -> list[str]:
    """A poem cut at its stops; question and exclamation marks are stops as well.

    >>> lines("白日依山尽，黄河入海流。")
    ['白日依山尽', '黄河入海流']
    """
    for stop in "。！？；：,.!?;:\n":
        poem = poem.replace(stop, "，")
    return [line for line in poem.split("，") if line]


@functools.cache
def phrases() -> dict[str, tuple[str, ...]]:
    """Phrases by their pattern of tones; those that rhyme as in "东 仄平平", the group first."""
    found = {}
    for row in _rows("quatrain_phrases.txt"):
        names = [word for word in row.split(" ") if set(word) <= set("平仄中")]
        first, *words = row.split(" ")
        key = first if first == names[0] else f"{first} {words.pop(0)}"
        found[key] = tuple(words)
    return found


def rhymes() -> tuple[str, ...]:
    """Rhyme groups of the generated poems, equally frequent."""
    return tuple(dict.fromkeys(key.split(" ")[0] for key in phrases() if " " in key))


def quatrains(rng: np.random.Generator, N: int) -> list[str]:
    """N poems "line，line。line，line。", independent draws; all of them keep every rule.

    Pattern and rhyme group are drawn first, then phrases, all uniformly; no head and no
    rhyme word comes twice.
    Raises ValueError for a number below 0.
    """
    check_counts(0, N=N)
    return [_quatrain(rng) for _ in range(N)]


def _quatrain(rng: np.random.Generator) -> str:
    known = phrases()
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    group = rhymes()[rng.integers(len(rhymes()))]
    heads = {kind: [known[kind][k] for k in rng.permutation(len(known[kind]))[:2]]
             for kind in ("中仄", "平平")}  # fmt: skip
    rhyming = _triples(group, pattern)
    own = list(rhyming[rng.integers(len(rhyming))])
    poem = ""
    for kind, stop in zip(pattern, STOPS, strict=True):
        head, tail = KINDS[kind]
        free = known.get(tail, ())
        poem += heads[head].pop()
        poem += (own.pop(0) if kind.isupper() else free[rng.integers(len(free))]) + stop
    return poem


@functools.cache
def _triples(group: str, pattern: str) -> list[tuple[str, ...]]:
    """Tails of a group for the three rhyming lines, which end in three different words."""
    kinds = [kind for kind in pattern if kind.isupper()]
    tails = [phrases()[f"{group} {KINDS[kind][1]}"] for kind in kinds]
    every = itertools.product(*tails)
    return [three for three in every if len({tail[-1] for tail in three}) == len(three)]


def entropy() -> float:
    """Nats of a generated poem: no model's mean loss can be lower.

    Each phrase names its kind, and each rhyming one its group, so that different choices make
    different poems, and the entropy is the sum of the choices' logarithms.
    """
    known, groups = phrases(), rhymes()
    total = math.log(len(PATTERNS)) + math.log(len(groups))
    for head in ("中仄", "平平"):
        n = len(known[head])
        total += math.log(n) + math.log(n - 1)
    for pattern in PATTERNS:
        free = sum(math.log(len(known[KINDS[kind][1]])) for kind in pattern if kind.islower())
        rhyming = sum(math.log(len(_triples(group, pattern))) for group in groups) / len(groups)
        total += (free + rhyming) / len(PATTERNS)
    return total


def couplets(rng: np.random.Generator, N: int) -> list[tuple[str, str]]:
    """N pairs of lines, the first of kind b, the second of kind A: their tones oppose each other.

    Raises ValueError for a number below 0.
    """
    check_counts(0, N=N)
    known, pairs = phrases(), []
    for _ in range(N):
        group = rhymes()[rng.integers(len(rhymes()))]
        parts = [known[key][rng.integers(len(known[key]))]
                 for key in ("平平", "平仄仄", "中仄", f"{group} 仄平平")]  # fmt: skip
        pairs.append((parts[0] + parts[1], parts[2] + parts[3]))
    return pairs
