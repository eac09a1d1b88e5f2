"""Byte-pair encoding: subwords, learned from how often pieces of words stand side by side.

A text is a row of words; a word is a row of pieces, first its characters. What is learned is
which two neighbouring pieces become one, in which order.
"""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse.nlp.text import HAN

Pair = tuple[str, str]

_LETTER = rf"[^\W\d_{HAN}][\u0300-\u036f]*"
# Chinese characters; with the space before them letters, digits, or signs; other white space.
_WORDS = re.compile(
    rf"[{HAN}]+| ?(?:{_LETTER})+(?:['’](?:{_LETTER})+)*| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s"
)
_SPACED = re.compile(rf"[^\W_{HAN}]| ")  # what a text begins with that gets a space before it


def split(text: str) -> list[str]:
    """Words, each with the space before it; pieces never reach from one into the next.

    A run of Chinese characters is one word, as is one of signs or digits. A text that begins
    with another letter, a digit or a space gets one more space, so that its first word is the
    same as within a text. But for that space, the words join to the text.
    Raises TypeError for what is no string.
    """
    if not isinstance(text, str):
        raise TypeError(f"text is {type(text).__name__}; expected one string")
    return _WORDS.findall(" " + text if _SPACED.match(text) else text)


def count(texts: Iterable[str]) -> Counter[str]:
    """How often each word of :func:`split` stands in the texts: what :func:`learn` takes.

    Raises TypeError for one string instead of a list of them.
    """
    if isinstance(texts, str):
        raise TypeError("texts is one string; expected a list of strings")
    return Counter(word for text in texts for word in split(text))


def learn(words: Mapping[str, int], merges: int, min_count: int = 2) -> "BytePairs":
    """Join the most frequent pair of neighbouring pieces, everywhere, again and again.

    Args:
        words: how often each word occurs; of the training texts alone.
        merges: how many pairs at most.
        min_count: a pair that occurs less often is not joined.

    Of pairs that are equally frequent, the one of the oldest pieces comes first: characters by
    their code points, then joined ones as they came; the first piece counts before the second.
    A pair can come back when its piece is made in another way; then it may stand twice.

    Source: Sennrich, Haddow and Birch (2016), algorithm 1, without its sign for the end of a
    word. Raises TypeError unless ``words`` maps strings to whole numbers; ValueError for an
    empty word or a number below 1.
    """
    check_counts(least=0, merges=merges)
    check_counts(min_count=min_count)
    _check_words(words)
    pairs = _Pairs(words)
    joined: list[Pair] = []
    while len(joined) < merges:
        pair = pairs.most_frequent()
        if pair is None or pairs.count[pair] < min_count:
            break
        joined.append(pair)
        pairs.join(pair)
    return BytePairs(sorted(set("".join(words))), joined)


class BytePairs:
    """What :func:`learn` found: text to pieces, and back without loss."""

    def __init__(self, characters: Iterable[str], merges: Iterable[Pair]) -> None:
        """characters: those known; merges: the pairs to join, the first ones first.

        Raises ValueError for what is no single character, and for a pair of pieces that do not
        exist yet when its turn comes.
        """
        self.characters = list(characters)
        self.merges: list[Pair] = [(left, right) for left, right in merges]
        if any(not isinstance(c, str) or len(c) != 1 for c in self.characters):
            raise ValueError("characters hold what is no single character")
        known = dict.fromkeys(self.characters)
        self._rank: dict[Pair, int] = {}
        for place, pair in enumerate(self.merges):
            if not known.keys() >= set(pair):
                raise ValueError(f"merges[{place}] is {pair}; expected pieces that exist by then")
            known["".join(pair)] = None
            self._rank.setdefault(pair, place)
        self.pieces: list[str] = list(known)  # characters, then joined ones; for a Vocabulary
        self._seen: dict[str, list[str]] = {}

    def encode(self, text: str) -> list[str]:
        """The pieces of a text; a space belongs to the piece behind it.

        In each word of :func:`split`, the pair that was learned first is joined first. A
        character that was never learned is a piece of its own, which ``pieces`` lacks: a
        Vocabulary makes it the unknown token. No text, no pieces.
        """
        found: list[str] = []
        for word in split(text):
            if word not in self._seen:
                self._seen[word] = self._pieces_of(word)
            found += self._seen[word]
        return found

    def _pieces_of(self, word: str) -> list[str]:
        pieces = list(word)
        while len(pieces) > 1:
            first = min(pairwise(pieces), key=lambda pair: self._rank.get(pair, math.inf))
            if first not in self._rank:
                break
            pieces = _joined(pieces, first)
        return pieces

    def decode(self, pieces: Iterable[str]) -> str:
        """The text again: ``decode(encode(text)) == text`` for every text.

        Pieces of anywhere are joined, and one space at the beginning goes. Raises TypeError for
        a string instead of a list of them.
        """
        if isinstance(pieces, str):
            raise TypeError("pieces is one string; expected a list of pieces")
        return "".join(pieces).removeprefix(" ")

    def to_json(self) -> str:
        """As JSON text, for a file."""
        fields = {"characters": self.characters, "merges": self.merges}
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "BytePairs":
        """What :meth:`to_json` wrote. Raises ValueError where the text is anything else."""
        try:
            fields = json.loads(text)
            return cls(fields["characters"], fields["merges"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not the JSON of byte pairs: {error}") from error


class _Pairs:
    """Words in pieces, and how often each pair stands in them, kept up as pairs are joined."""

    def __init__(self, words: Mapping[str, int]) -> None:
        self.words, self.times = [list(word) for word in words], list(words.values())
        self.number = {c: k for k, c in enumerate(sorted(set("".join(words))))}
        self.count: Counter[Pair] = Counter()
        self.where: defaultdict[Pair, set[int]] = defaultdict(set)  # maybe too many words
        for k, pieces in enumerate(self.words):
            for pair in pairwise(pieces):
                self.count[pair] += self.times[k]
                self.where[pair].add(k)
        # Whenever a count changes, a new entry comes; old ones are passed over.
        self.heap = [self._entry(pair) for pair in self.count]
        heapify(self.heap)

    def _entry(self, pair: Pair) -> tuple[int, int, int, Pair]:
        return -self.count[pair], self.number[pair[0]], self.number[pair[1]], pair

    def most_frequent(self) -> Pair | None:
        while self.heap:
            negative, _, _, pair = self.heap[0]
            if negative == -self.count[pair] < 0:
                return pair
            heappop(self.heap)
        return None

    def join(self, pair: Pair) -> None:
        self.number.setdefault("".join(pair), len(self.number))
        changed: Counter[Pair] = Counter()
        for k in self.where.pop(pair):
            before, self.words[k] = self.words[k], _joined(self.words[k], pair)
            change = Counter(pairwise(self.words[k]))
            change.subtract(pairwise(before))
            for other, more in change.items():
                changed[other] += more * self.times[k]
                if more > 0:
                    self.where[other].add(k)
        for other, more in changed.items():
            if more:
                self.count[other] += more
                heappush(self.heap, self._entry(other))


def _joined(pieces: list[str], pair: Pair) -> list[str]:
    """The pieces, where each such pair, from the left, has become one piece."""
    found: list[str] = []
    for piece in pieces:
        if found and (found[-1], piece) == pair:
            found[-1] += piece
        else:
            found.append(piece)
    return found


def _check_words(words: Mapping[str, int]) -> None:
    if not isinstance(words, Mapping):
        raise TypeError(f"words is {type(words).__name__}; expected how often each word occurs: "
                        "bpe.count(texts)")  # fmt: skip
    for word, times in words.items():
        if not isinstance(word, str):
            raise TypeError(f"words holds {word!r}; expected strings")
        whole = isinstance(times, int | np.integer) and not isinstance(times, bool)
        if not word or not whole or times < 1:
            raise ValueError(f"words[{word!r}] is {times}; expected no empty word, and whole "
                             "numbers of at least 1")  # fmt: skip
