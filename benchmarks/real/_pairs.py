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

FILE = ("mt_cmn_eng", "cmn.txt")
SHORT = {"cannot": "can not", "can't": "can not", "won't": "will not", "shan't": "shall not",
         "let's": "let us", "n't": " not", "'m": " am", "'re": " are", "'ll": " will",
         "'ve": " have", "'d": " would", "'s": " is"}  # fmt: skip
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
    table, found = str.maketrans(simplified()), {}
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


def capitals(sentences: list[str]) -> set[str]:
    """Words that keep their capital inside a sentence, more often than not."""
    seen = Counter(word.lstrip("▁") for text in sentences for word in words(text)[1:])
    return {w for w, n in seen.items() if w[:1].isupper() and n > seen[w[:1].lower() + w[1:]]}


def words(text: str) -> list[str]:
    """Words and marks; what has a space before it begins with ▁."""
    return re.findall(r"▁?(?:[\w'.-]*\w|[^\w▁])", "▁" + text.replace(" ", "▁"))


def inside(text: str, kept: set[str]) -> str:
    """A sentence as it stands inside another: its first word small, unless it is a name."""
    first = words(text)[0].lstrip("▁")
    return text if first in kept else text[:1].lower() + text[1:]


def outside(pieces: list[str]) -> str:
    """The sentence that the pieces make, with its capital."""
    text = "".join(pieces).replace("▁", " ").strip()
    return text[:1].upper() + text[1:]
