"""Byte-pair encoding (Sennrich, Haddow and Birch 2016): a few hundred pieces of words."""

from collections import Counter, defaultdict

import _pairs


def learn(words: Counter[str], merges: int) -> list[tuple[str, str]]:
    """The commonest pair of neighbours, again and again; of equals the first in the alphabet."""
    kept = [(list(word), n) for word, n in sorted(words.items())]
    counts: Counter[tuple[str, str]] = Counter()
    where = defaultdict(set)
    for k, (signs, n) in enumerate(kept):
        for pair in zip(signs, signs[1:], strict=False):
            counts[pair] += n
            where[pair].add(k)
    found = []
    for _ in range(merges):
        pair = min(counts, key=lambda p: (-counts[p], p))
        if counts[pair] < 2:
            break
        found.append(pair)
        for k in list(where[pair]):
            signs, n = kept[k]
            for old in zip(signs, signs[1:], strict=False):
                counts[old] -= n
            signs = merged(signs, pair)
            kept[k] = (signs, n)
            for new in zip(signs, signs[1:], strict=False):
                counts[new] += n
                where[new].add(k)
        del counts[pair]
    return found


def merged(signs: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    k = 0
    while k < len(signs):
        if tuple(signs[k : k + 2]) == pair:
            out.append("".join(pair))
            k += 2
        else:
            out.append(signs[k])
            k += 1
    return out


def encode(word: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    signs = list(word)
    while len(signs) > 1:
        pair = min(zip(signs, signs[1:], strict=False), key=lambda p: ranks.get(p, len(ranks)))
        if pair not in ranks:
            break
        signs = merged(signs, pair)
    return signs


class English:
    """The pieces of English sentences, learnt from some."""

    def __init__(self, sentences: list[str], merges: int) -> None:
        self.kept = _pairs.capitals(sentences)
        counts = Counter(word for one in sentences for word in self.words(one))
        self.ranks = {pair: k for k, pair in enumerate(learn(counts, merges))}
        signs = {sign for word in counts for sign in word}
        self.pieces = sorted(signs | {a + b for a, b in self.ranks})

    def words(self, sentence: str) -> list[str]:
        return _pairs.words(_pairs.inside(sentence, self.kept)) if sentence else []

    def encode(self, sentence: str) -> list[str]:
        """Pieces; a sign that no sentence had is left out."""
        known = set(self.pieces)
        return [piece for word in self.words(sentence) for piece in encode(word, self.ranks)
                if piece in known]  # fmt: skip
