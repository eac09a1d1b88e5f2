"""Shorter texts: words kept of a sentence, and titles of abstracts. Forty minutes.

Compression by deletion: news sentences of Filippova's 10,000, of which some words make the
headline. A window of five words and a bidirectional LSTM, each step alone or on the best path of a
CRF. What is added to the score of keeping (``more``) was chosen on the development part.

Titles: Chinese abstracts (CSL) and their titles, by characters. Only 850 pairs are there to learn
from, too few for a network that writes; what it writes all the same is measured here beside
sentences that are taken as they stand. Nothing was chosen on a test.
"""

from _common import Run  # isort: skip  (before NumPy)

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import _copying
import numpy as np
from _titles import (
    NEEDS,
    Coder,
    Sizes,
    abstracts,
    compressions,
    gathered,
    judged,
    kept,
    marked,
    rouges,
    scored,
    token_f1,
    trained,
    vocabulary,
)

from rnncourse import metrics
from rnncourse.nlp import textrank

Array = np.ndarray
BESIDE = (5, 4)
NETWORKS = {
    "window of 5": Sizes(64, 96, BESIDE, 0.4, 32, 1500, 2, chain=False, window=5),
    "LSTM": Sizes(64, 96, BESIDE, 0.4, 32, 1000, 2, chain=False),
    "LSTM and CRF": Sizes(64, 96, BESIDE, 0.4, 32, 1000, 2),
}
MORE = [round(0.1 * k, 1) for k in range(-10, 11)]
WRITERS = {"attention": (False, 0.0), "copying": (True, 0.0), "copying, coverage": (True, 1.0)}
EPOCHS = 10
PUBLISHED = {
    "compression": [("LSTM", 0.80, "Filippova et al. 2015, 2 million pairs"),
                    ("LSTM with the parse", 0.82, "Filippova et al. 2015, 2 million pairs")],
    "why": "They test on the first 1,000 sentences of the file that is split here into training, "
           "development and test, and learn from 2 million others: not strictly comparable.",
    "CNN and Daily Mail, ROUGE-1/2/L": {
        "lead": (40.3, 17.7, 36.6), "attention": (31.3, 11.8, 28.8),
        "pointer-generator": (36.4, 15.7, 33.4), "with coverage": (39.5, 17.3, 36.4)},
}  # fmt: skip


# --- words kept of a sentence -----------------------------------------------------------------


def simple(split: str) -> dict[str, Any]:
    """All words; the first ones, as many as are best on the development part; the reference."""
    dev, test = compressions("dev"), compressions(split)
    first = {k: token_f1(dev, [np.arange(len(gold)) < k for _, gold in dev]) for k in range(4, 25)}
    best = max(first, key=lambda k: first[k])
    ways = {"all": 1000, "first 12": 12, "first words, best number": best}
    rows = {name: judged(test, [np.arange(len(gold)) < k for _, gold in test])
            for name, k in ways.items()}  # fmt: skip
    return {"rows": rows | {"reference": judged(test, [gold for _, gold in test])}, "best": best}


def shortened(name: str, seed: int) -> dict[str, Any]:
    """A network, with nothing added to its scores, and with what is best on "dev"."""
    sizes = NETWORKS[name]
    model, seconds = trained("en", sizes, seed)
    coder, chain = Coder("en", sizes), model.params()["chain"] if sizes.chain else None
    parts = {split: compressions(split) for split in ("dev", "test")}
    scores = {split: scored(model, coder, [t for t, _ in part]) for split, part in parts.items()}

    tried = kept(scores["dev"], chain, MORE)
    f1s = [token_f1(parts["dev"], found) for found in tried]
    best = int(np.argmax(f1s))
    found = kept(scores["test"], chain, MORE)
    curve = [[more, float(np.mean([mine.mean() for mine in some])), token_f1(parts["test"], some)]
             for more, some in zip(MORE, found, strict=True)]  # fmt: skip
    return {"as trained": judged(parts["test"], found[MORE.index(0.0)]),
            "tuned": judged(parts["test"], found[best]), "more": MORE[best], "dev": f1s[best],
            "more, rate, f1": curve, "parameters": sum(p.numel() for p in model.parameters()),
            "cpu seconds": round(seconds, 1)}  # fmt: skip


# --- titles of abstracts ------------------------------------------------------------------------


def cut(source: str) -> list[str]:
    """An abstract's sentences."""
    return [one for one in re.split(r"(?<=[。!?;])|(?<=\.)(?!\d)", source) if one.strip(".")]


def clauses(source: str) -> list[str]:
    return [one for one in re.split(r"[,。!?;:]|\.(?!\d)", source) if one]


def tfidf(sources: Sequence[str], learned: Sequence[str]) -> list[str]:
    """Of each abstract the sentence whose pairs of characters weigh most on average."""

    def pairs(text: str) -> list[str]:
        return [text[k : k + 2] for k in range(len(text) - 1)]

    seen = Counter(pair for source in learned for pair in set(pairs(source)))
    found = []
    for source in sources:
        times = Counter(pairs(source))
        weight = {p: n * np.log(len(learned) / (1 + seen[p])) for p, n in times.items()}
        some = cut(source)
        means = [np.mean([weight[pair] for pair in pairs(one)] or 0) for one in some]
        found.append(some[int(np.argmax(means))])
    return found


def best_of(pieces: Sequence[Sequence[str]], titles: Sequence[str]) -> list[str]:
    """Of each abstract the piece with the largest ROUGE-1: no method knows it."""
    return [max(some, key=lambda one: metrics.rouge_n([list(title)], [list(one)], 1).f1)
            for some, title in zip(pieces, titles, strict=True)]  # fmt: skip


def extracted(split: str) -> dict[str, Any]:
    """Pieces of the abstracts as they stand."""
    sources, titles = zip(*abstracts(split), strict=True)
    sentences = [cut(source) for source in sources]
    central = [some[int(np.argmax(textrank.textrank([list(one) for one in some])))]
               for some in sentences]  # fmt: skip
    found = {
        "first 30 characters": [source[:30] for source in sources],
        "first clause": [clauses(source)[0] for source in sources],
        "first sentence": [some[0] for some in sentences],
        "TextRank": central,
        "TF-IDF": tfidf(sources, [source for source, _ in abstracts("train")]),
        "best sentence": best_of(sentences, titles),
        "best clause": best_of([clauses(source) for source in sources], titles),
        "all that the title has": ["".join(np.array(signs)[keep]) for signs, keep
                                   in marked("zh", split, 10_000)],
    }  # fmt: skip
    rows = {name: described(sources, titles, texts) for name, texts in found.items()}
    return rows | {"title": described(sources, titles, titles)}


INVENTABLE = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?")  # names in Latin letters, and numbers


def described(
    sources: Sequence[str], titles: Sequence[str], found: Sequence[str]
) -> dict[str, Any]:
    """ROUGE beside the titles, and what the texts found have to do with the abstracts."""

    def grams(text: str, n: int) -> list[str]:
        return [text[k : k + n] for k in range(len(text) - n + 1)]

    both = list(zip(sources, found, strict=True))
    new = {n: [one not in source for source, text in both for one in grams(text, n)]
           for n in (1, 2, 3, 4)}  # fmt: skip
    named = [(one, source) for source, text in both for one in INVENTABLE.findall(text)]
    again = [len(three) - len(set(three)) for three in (grams(text, 3) for text in found)]
    return {
        "rouge": rouges(titles, found),
        "characters": round(float(np.mean([len(text) for text in found])), 1),
        "new": {str(n): round(float(np.mean(some or [0])), 4) for n, some in new.items()},
        "repeats a trigram": round(float(np.mean([k > 0 for k in again])), 4),
        "names and numbers": len(named),
        "not in the abstract": sum(one not in source for one, source in named),
        "different": round(len(set(found)) / len(found), 4),
    }


def wrote(name: str, seed: int) -> dict[str, Any]:
    """A network trained on the 850 pairs, and its titles of the test's abstracts."""
    pairs, (copies, coverage) = abstracts("train"), WRITERS[name]
    coder = _copying.Coder(pairs)
    model, seconds = _copying.learnt(pairs, coder, copies, coverage, seed, EPOCHS)
    sources, titles = zip(*abstracts("test"), strict=True)
    found = _copying.written(model, coder, sources)
    commonest = Counter(text for text, _ in found).most_common(1)[0][1]
    return described(sources, titles, [text for text, _ in found]) | {
        "copied": round(float(np.mean([share for _, share in found])), 4),
        "commonest": commonest,
        "parameters": sum(p.numel() for p in model.parameters()),
        "cpu seconds": round(seconds, 1),
    }


# --- the record -----------------------------------------------------------------------------------


def head() -> dict[str, Any]:
    """Of the record, what is not measured."""
    sizes = {split: [len(compressions(split)), sum(len(t) for t, _ in compressions(split))]
             for split in ("train", "dev", "test")}  # fmt: skip
    settings = {name: one._asdict() for name, one in NETWORKS.items()}
    return {
        "settings": settings | {"epochs of the writers": EPOCHS, "read by them": _copying.LONGEST,
                                "vocabulary": len(vocabulary("en", 2))},
        "published": PUBLISHED,
        "compression": {"sentences and tokens": sizes},
        "titles": {"pairs": {split: len(abstracts(split)) for split in sizes}},
    }  # fmt: skip


def main() -> None:
    what = ("Words kept of news sentences: token F1, exact, rate and ROUGE; titles of Chinese "
            "abstracts: ROUGE by characters, and what is new in them.")  # fmt: skip
    steps = 2 + 3 * (len(NETWORKS) + len(WRITERS))
    with Run("summarization", what, NEEDS, ["torch"], steps) as run:
        record = head()
        rows = run.step("compression, no network", simple, "test")
        record["compression"] |= {"best number": rows["best"], "baselines": rows["rows"]}
        record["titles"]["pieces"] = run.step("titles, no network", extracted, "test")
        for part, ways, measure in (("compression", NETWORKS, shortened),
                                    ("titles", WRITERS, wrote)):  # fmt: skip
            for seeds in range(1, len(run.seeds) + 1):  # a record after each seed: they take long
                record[part]["networks"] = {
                    name: gathered([run.step(f"{name}, seed {seed}", measure, name, seed)
                                    for seed in run.seeds[:seeds]]) for name in ways
                }  # fmt: skip
                run.write(record)


if __name__ == "__main__":
    main()
