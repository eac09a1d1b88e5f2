"""Sentences in Chinese and English (Tatoeba, by manythings.org), for translation and the live demo.

Traditional characters become simplified ones, character by character, by a table that OpenCC makes.
"""

import functools
import re
import unicodedata
from collections import Counter
from typing import NamedTuple

import numpy as np
import opencc

from rnncourse import data
from rnncourse.nlp import bpe

FILE = ("mt_cmn_eng", "cmn.txt")
SHORT = {"cannot": "can not", "can't": "can not", "won't": "will not", "shan't": "shall not",
         "let's": "let us", "n't": " not", "'m": " am", "'re": " are", "'ll": " will",
         "'ve": " have", "'d": " would", "'s": " is"}  # fmt: skip
WORD = re.compile(r"[\w'.-]*\w")
SHARES = (0.9, 0.05, 0.05)  # of the groups: to train, to choose, to test


class Pair(NamedTuple):
    """A sentence in two languages."""

    zh: str  # in simplified characters
    en: str


@functools.cache
def simplified() -> dict[str, str]:
    """Traditional character → simplified one, of those that the sentences have."""
    whole = data.path(*FILE).read_text(encoding="utf-8")
    convert = opencc.OpenCC("t2s").convert
    return {sign: convert(sign) for sign in sorted(set(whole)) if convert(sign) != sign}


@functools.cache
def pairs() -> list[Pair]:
    """All, in the file's order, each once; white space and quotation marks in one form."""
    table = str.maketrans(simplified())
    found: dict[Pair, None] = {}
    for line in data.path(*FILE).read_text(encoding="utf-8").splitlines():
        en, zh, _ = line.split("\t")
        zh = re.sub(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])", "", zh.strip())
        en = " ".join(unicodedata.normalize("NFKC", en).replace("’", "'").split())
        found[Pair(zh.translate(table), en)] = None
    return list(found)


# --- a split without leaks --------------------------------------------------------------


def plain_zh(text: str) -> str:
    """What two sources must share to count as one: no marks, one word for a polite "you"."""
    return re.sub(r"[\W_]", "", text).replace("您", "你").lower()


def plain_en(text: str) -> str:
    """Small letters, no marks, short forms written out."""
    text = text.lower()
    for short, full in SHORT.items():
        text = text.replace(short, full)
    return " ".join(re.findall(r"\w+", text))


def groups(found: list[Pair]) -> np.ndarray:
    """A number for each pair; pairs with one source or one target, marks aside, share it."""
    parent = list(range(len(found)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = k = parent[parent[k]]
        return k

    for side in ([plain_zh(pair.zh) for pair in found], [plain_en(pair.en) for pair in found]):
        first: dict[str, int] = {}
        for k, text in enumerate(side):
            parent[root(k)] = root(first.setdefault(text, k))
    return np.array([root(k) for k in range(len(found))])


def split(found: list[Pair], seed: int = 0, together: bool = True) -> list[list[Pair]]:
    """Train, validation and test; groups stay together, or not, as people often split."""
    of = groups(found) if together else np.arange(len(found))
    names = np.random.default_rng(seed).permutation(np.unique(of))
    cuts = np.rint(np.cumsum(SHARES) * len(names)).astype(int)
    places = {name: int(np.searchsorted(cuts, k, side="right")) for k, name in enumerate(names)}
    parts: list[list[Pair]] = [[], [], []]
    for pair, name in zip(found, of, strict=True):
        parts[min(places[name], 2)].append(pair)
    return parts


# --- English in pieces -------------------------------------------------------------------


class English:
    """Sentences as pieces. A sentence's first word is written as it is inside one, so that "He"
    and "he" are one word; the way back begins every sentence with a capital."""

    def __init__(self, sentences: list[str], merges: int) -> None:
        seen = Counter(word for text in sentences for word in WORD.findall(text)[1:])
        self.capital = {w for w, n in seen.items() if w[0].isupper() and n > seen[_small(w)]}
        words = bpe.count(self.inside(text) for text in sentences)
        self.bpe = bpe.learn(words, merges)
        self.pieces = self.bpe.pieces

    def inside(self, text: str) -> str:
        """A sentence as it stands inside another; a word that keeps its capital there keeps it."""
        first = WORD.match(text)
        return text if first and first[0] in self.capital else _small(text)

    def encode(self, text: str) -> list[str]:
        """Pieces; a sign that no sentence had is left out."""
        known = set(self.pieces)
        return [piece for piece in self.bpe.encode(self.inside(text)) if piece in known]


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]
