"""What stands beside a translator: a dictionary that word pairs give, and the nearest sentence."""

import re
from collections import defaultdict

import jieba
from _pairs import Pair
from sklearn.feature_extraction.text import TfidfVectorizer

MARKS = {"。": ".", "?": "?", "？": "?", "!": "!", "！": "!"}  # that end a sentence


def nearest(train: list[Pair], sources: list[str]) -> list[str]:
    """The translation of the training's source with the most similar characters and pairs of them
    (TF-IDF, cosine)."""
    grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit([pair.zh for pair in train])
    known = grams.transform([pair.zh for pair in train]).T.tocsr()
    likeness = grams.transform(sources) @ known
    return [train[int(likeness[k].toarray().argmax())].en for k in range(len(sources))]


class Dictionary:
    """For each word of a source the word that goes with it most, by IBM's model 1 (Brown et al.
    1993), written one after the other."""

    def __init__(self, train: list[Pair], rounds: int = 5) -> None:
        rows = [(self.cut(pair.zh), self.cut_en(pair.en)) for pair in train]
        self.t: dict[str, dict[str, float]] = defaultdict(dict)
        for zh, en in rows:
            for z in zh:
                for e in en:
                    self.t[z][e] = 1.0
        for _ in range(rounds):
            self._round(rows)
        self.best = {z: max(sorted(es), key=lambda e: es[e]) for z, es in self.t.items()}

    def _round(self, rows: list[tuple[list[str], list[str]]]) -> None:
        """Share out each English word among the source's, then count anew. An empty word takes
        what belongs to none."""
        shares: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for zh, en in rows:
            for e in en:
                total = sum(self.t[z][e] for z in zh)
                for z in zh:
                    shares[z][e] += self.t[z][e] / total
        self.t = {z: {e: n / sum(es.values()) for e, n in es.items()} for z, es in shares.items()}

    @staticmethod
    def cut(text: str) -> list[str]:
        """Words by jieba's dictionary, without marks."""
        return [word for word in jieba.cut(text) if re.match(r"\w", word)]

    @staticmethod
    def cut_en(text: str) -> list[str]:
        return re.findall(r"[\w'.-]*\w", text.lower())

    def translate(self, sources: list[str]) -> list[str]:
        return [self._one(source) for source in sources]

    def _one(self, source: str) -> str:
        words = " ".join(self.best[word] for word in self.cut(source) if word in self.best)
        return words[:1].upper() + words[1:] + MARKS.get(source[-1:], "")
