"""Replies: the commonest one, those of the nearest contexts, and a GRU's, reranked. Half an hour.

Only development and test parts, or a toy part, of each corpus are at hand: training is small, and
no number is comparable with a published one. Tokens are lower-case words, in Chinese characters;
contexts and replies are cut (READ, WRITTEN of _talk.py), and rare tokens are one unknown token,
which perplexity counts. BLEU, distinct and shares are of the same drawn contexts of the test for
all. No text of LCCC, nor any that was learnt from it, is recorded.
"""

from _common import SEEDS, Run, summary  # isort: skip  (before NumPy: it sets the threads)

import functools
import itertools
from collections import Counter
from typing import Any

import _talk
import numpy as np
from _talk import CORPORA, Pair, Tokens

from rnncourse import metrics
from rnncourse.nlp import ngram, retrieval

Array = np.ndarray
SCORED, DRAWN, WIDTH = 1200, 600, 10  # pairs for perplexity, for replies
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the anti-LM
LEAKS = ("XDailyDialog en", "KdConv")
TURNS = ("XDailyDialog en",)  # what takes long, for one corpus
CURVES = ("training", "valid", "training deaf", "valid deaf")
PERPLEXITIES = ("trigrams", "deaf", "true", "words shuffled", "of another reply")
Replies = list[Tokens]


@functools.cache
def parts(name: str, seed: int, by_dialogue: bool = True) -> tuple[list[Pair], list[Pair]]:
    """Training and validation; of LCCC each pair is a dialogue."""
    return _talk.split(_talk.pairs(name, False), by_dialogue, seed)


@functools.cache
def scored(name: str) -> list[Pair]:
    """Pairs of the test by which perplexity is measured: drawn, fewer where there are fewer."""
    found = _talk.pairs(name, True)
    return [found[k] for k in np.random.default_rng(0).permutation(len(found))[:SCORED]]


def drawn(name: str) -> list[Pair]:
    """The first of these, to which all reply."""
    return scored(name)[:DRAWN]


# --- replies without a network --------------------------------------------------------------


def tfidf(documents: Replies, queries: Replies) -> Array:
    """The place of the document with the largest cosine for each query, (N,)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    model = TfidfVectorizer(analyzer=lambda tokens: tokens).fit(documents)
    known, asked = (model.transform(some) for some in (documents, queries))
    return np.concatenate([(asked[k : k + 200] @ known.T).toarray().argmax(1)
                           for k in range(0, len(queries), 200)])  # fmt: skip


def bm25(documents: Replies, queries: Replies) -> Array:
    model = retrieval.Bm25(documents)
    return np.array([int(model.nearest(query, 1)[0]) for query in queries])


def retrieved(learn: list[Pair], asked: list[Pair]) -> dict[str, Replies]:
    known, queries = [p.context for p in learn], [p.context for p in asked]
    return {way.__name__: [learn[k].reply for k in way(known, queries)] for way in (tfidf, bm25)}


def plain(name: str, seed: int) -> dict[str, Replies]:
    """Of the drawn contexts; what people replied stands first."""
    learn, _ = parts(name, seed)
    (commonest, _), *_ = Counter(tuple(p.reply) for p in learn).most_common(1)
    return {"people": [p.reply for p in drawn(name)], "commonest": [list(commonest)] * DRAWN,
            **retrieved(learn, drawn(name))}  # fmt: skip


# --- networks ---------------------------------------------------------------------------------


def coded(coder: _talk.Coder, found: list[Pair], turns: int = 1) -> _talk.Coded:
    return [coder.source(p, turns) for p in found], [coder.target(p.reply) for p in found]


def counted(coder: _talk.Coder, learn: list[Pair], tested: _talk.Coded) -> float:
    """Perplexity of trigrams of replies, Kneser–Ney."""
    model = ngram.KneserNey(3, coder.V).fit([[_talk.START, *coder.target(p.reply)] for p in learn])
    total = sum(model.log_probabilities([_talk.START, *t])[1:].sum() for t in tested[1])
    return round(float(np.exp(-total / sum(map(len, tested[1])))), 3)


def contexts(coder: _talk.Coder, model: Any, tested: _talk.Coded) -> dict[str, float]:
    """Perplexity with the true context, with it shuffled, and with another one."""
    rng, (sources, targets) = np.random.default_rng(0), tested
    shuffled = [list(rng.permutation(source)) for source in sources]
    others = [sources[k] for k in rng.permutation(len(sources))]
    return {"true": _talk.perplexity(model, sources, targets),
            "words shuffled": _talk.perplexity(model, shuffled, targets),
            "of another reply": _talk.perplexity(model, others, targets)}  # fmt: skip


def reranked(coder: _talk.Coder, found: Any, deaf: Any) -> dict[str, Replies]:
    """Of each weight w the best candidates by log p(T|S) − w log p(T), the anti-LM."""
    flat = [one for beam in found for one in beam]
    forward = np.array([p for _, p in flat])
    replies = [reply for reply, _ in flat]
    alone = _talk.log_probs(deaf, [[] for _ in flat], replies)
    places = np.cumsum([0, *(len(beam) for beam in found)])
    return {f"anti-LM {w}": [coder.text(replies[a + int((forward - w * alone)[a:b].argmax())])
                             for a, b in itertools.pairwise(places)]
            for w in WEIGHTS}  # fmt: skip


def network(name: str, seed: int) -> dict[str, Any]:
    """A GRU with attention, and the same deaf; perplexities and replies."""
    learn, valid = parts(name, seed)
    coder = _talk.Coder(learn)
    given = coded(coder, learn), coded(coder, valid)
    model, training, curve = _talk.trained(coder.V, *given, seed)
    deaf, deaf_training, deaf_curve = _talk.trained(coder.V, *given, seed, deaf=True)
    tested = coded(coder, scored(name))
    sources = coded(coder, drawn(name))[0]
    further = {}
    if name in TURNS:  # the same network, reading two turns
        given = coded(coder, learn, 2), coded(coder, valid, 2)
        other, *_ = _talk.trained(coder.V, *given, seed)
        further["two turns"] = _talk.perplexity(other, *coded(coder, scored(name), 2))
    greedy = [coder.text(beam[0][0]) for beam in _talk.beams(model, sources, 1)]
    beams = _talk.beams(model, sources, WIDTH)
    return {"V": coder.V, "training": training, "valid": curve,
            "training deaf": deaf_training, "valid deaf": deaf_curve,
            "parameters": sum(p.numel() for p in model.parameters()),
            "trigrams": counted(coder, learn, tested),
            "deaf": _talk.perplexity(deaf, *tested), **contexts(coder, model, tested), **further,
            "unknown": round(float(np.mean([t == _talk.UNKNOWN for r in tested[1] for t in r])), 4),
            "replies": {"greedy": greedy} | reranked(coder, beams, deaf)}  # fmt: skip


def leaked(name: str, seed: int) -> dict[str, Any]:
    """Held out by pairs and by dialogues: the nearest context; in one corpus perplexity too."""
    found = {}
    for way in ("by dialogue", "by pairs"):
        learn, valid = parts(name, seed, way == "by dialogue")
        near = tfidf([p.context for p in learn], [p.context for p in valid])
        same = [learn[k].dialogue == p.dialogue for k, p in zip(near, valid, strict=True)]
        found[way] = {"same dialogue": round(float(np.mean(same)), 4),
                      "bleu": bleu(valid, [learn[k].reply for k in near])}  # fmt: skip
    if name in TURNS:
        coder = _talk.Coder(learn)
        given = coded(coder, learn), coded(coder, valid)
        found["by pairs"]["perplexity"] = min(_talk.trained(coder.V, *given, seed)[2])
    return found


# --- measuring --------------------------------------------------------------------------------


def bleu(asked: list[Pair], found: Replies) -> float:
    """In hundredths, of four lengths, smoothed as sacrebleu does."""
    return round(100 * float(metrics.bleu([[p.reply] for p in asked], found).score), 3)


def measured(name: str, seed: int, found: Replies) -> dict[str, float]:
    known = {tuple(p.reply) for p in parts(name, seed)[0]}
    often = Counter(map(tuple, found)).most_common(10)
    return {"bleu": bleu(drawn(name), found),
            "distinct-1": round(metrics.distinct(found, 1), 4),
            "distinct-2": round(metrics.distinct(found, 2), 4),
            "ten commonest": round(sum(n for _, n in often) / len(found), 4),
            "in training": round(float(np.mean([tuple(one) in known for one in found])), 4),
            "length": round(float(np.mean([len(one) for one in found])), 2)}  # fmt: skip


def without_repeats(name: str, seed: int, found: dict[str, Replies]) -> dict[str, float]:
    """The share of the drawn pairs that stand word for word in training, context and reply, and
    BLEU of all the others: some dialogues of these corpora come twice."""
    known = {(tuple(p.context), tuple(p.reply)) for p in parts(name, seed)[0]}
    asked = drawn(name)
    new = [k for k, p in enumerate(asked) if (tuple(p.context), tuple(p.reply)) not in known]
    return {"repeated": round(1 - len(new) / len(asked), 4)} | {
        way: bleu([asked[k] for k in new], [replies[k] for k in new])
        for way, replies in found.items()}  # fmt: skip


def overall(runs: list[dict[str, float]]) -> dict[str, Any]:
    return {key: summary([run[key] for run in runs if key in run]) for key in runs[0]}


def shown(name: str, found: Replies) -> list[list[Any]]:
    """The commonest replies with their shares; none of LCCC."""
    if name == "LCCC":
        return []
    between = " " if name.endswith("en") else ""
    return [[between.join(reply), round(n / len(found), 4)]
            for reply, n in Counter(map(tuple, found)).most_common(10)]  # fmt: skip


def edition(run: Run, name: str, seeds: tuple[int, ...]) -> dict[str, Any]:
    """All of one corpus."""
    plains = [run.step(f"{name} {seed} plain", plain, name, seed) for seed in seeds]
    nets = [run.step(f"{name} {seed} network", network, name, seed) for seed in seeds]
    replies = [one | net["replies"] for one, net in zip(plains, nets, strict=True)]
    record = {
        "seeds": list(seeds),
        "pairs": [len(_talk.pairs(name, tested)) for tested in (False, True)],
        "V": nets[0]["V"], "parameters": nets[0]["parameters"], "unknown": nets[0]["unknown"],
        "perplexity": overall([{key: net[key] for key in PERPLEXITIES if key in net}
                               for net in nets]),
        "by epoch": {key: nets[0][key] for key in CURVES},
        "replies": {way: overall([measured(name, seed, one[way])
                                  for seed, one in zip(seeds, replies, strict=True)])
                    for way in replies[0]},
        "bleu without repeats": overall([without_repeats(name, seed, one)
                                         for seed, one in zip(seeds, replies, strict=True)]),
        "commonest": {way: shown(name, replies[0][way])
                      for way in ("people", "greedy", "anti-LM 0.0", "anti-LM 0.5")},
    }  # fmt: skip
    if name in TURNS:
        record["two turns"] = summary([net["two turns"] for net in nets], 3)
    if name in LEAKS:
        found = [run.step(f"{name} {seed} leak", leaked, name, seed) for seed in seeds]
        for one, net in zip(found, nets, strict=True):  # its training is held out by dialogue
            if name in TURNS:
                one["by dialogue"] = one["by dialogue"] | {"perplexity": min(net["valid"])}
        record["held out"] = {way: overall([one[way] for one in found]) for way in found[0]}
    return record


def settings() -> dict[str, Any]:
    return {"D": _talk.D, "H": _talk.H, "dropout": _talk.DROP, "rate": _talk.RATE,
            "batch": _talk.BATCH, "epochs": _talk.EPOCHS, "read": _talk.READ,
            "written": _talk.WRITTEN, "scored": SCORED, "drawn": DRAWN, "width": WIDTH}  # fmt: skip


def main() -> None:
    needs = [(c.name, file) for c in CORPORA.values() for file in (c.learnt, c.tested)]
    what = "Replies in conversations: commonest, nearest, a GRU's, reranked; context, leaks."
    steps = len(SEEDS) * (2 * len(CORPORA) + len(LEAKS))
    with Run("dialogue", what, needs, ["torch", "scikit-learn"], steps) as run:
        head = {"note": "Only development and toy parts: not comparable with published numbers.",
                "settings": settings()}  # fmt: skip
        found: dict[str, Any] = {}
        for seeds in (SEEDS[:1], SEEDS):
            for name in CORPORA:  # a record after each, since they take long
                found[name] = edition(run, name, seeds)
                run.write(head | {"sets": found})


if __name__ == "__main__":
    main()
