"""Translation: short sentences from Chinese, captions from German. An hour and a quarter.

Chinese: sentences that people wrote to learn languages (Tatoeba), of at most 20 characters; the
network reads characters and writes pieces of words. A split that keeps together what has its
source or its target in common stands beside one by chance, as tutorials split. German: Multi30k,
whose published networks (bentrevett/pytorch-seq2seq) take hours on one core. They stand ready in
``_published.py`` with a switch for an accelerator, and were not trained here; trained are smaller
ones, for fewer epochs, and each is named so. What is best: the updates are all done; nothing is
chosen on the test.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import functools
import re
from collections import Counter
from typing import Any

import _multi30k as captions
import _pairs
import _translator as gru
import numpy as np
from _baselines import Dictionary, nearest
from _bleu import bleu
from sklearn.feature_extraction.text import TfidfVectorizer

from rnncourse import metrics
from rnncourse.nn import optim

Array = np.ndarray
LONGEST, LEAST, MERGES, LENGTH = 20, 2, 1000, 40  # characters; times seen; pieces; tokens written
BEAMED, WIDTH = 300, 5
CHINESE: dict[str, Any] = {"D": 64, "H": 128, "updates": 4000}
GERMAN: dict[str, Any] = {"D": 96, "H": 192, "batch": 64, "drop": 0.2, "rate": 2e-3}
RARE, EPOCHS = 3, 4  # of captions: least count of a known word; passes
BANDS = {"1-6": (1, 6), "7-9": (7, 9), "10-12": (10, 12), "13-20": (13, 20)}  # characters
NUMBERS = re.compile(r"\d|\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|"
                     r"thirty|forty|fifty|hundred|thousand|million)\b", re.IGNORECASE)  # fmt: skip
PUBLISHED = {"seq2seq LSTM 2 x 512": {"bleu": 0.138, "parameters": 13_900_000},
             "GRU, context": {"bleu": 0.206, "parameters": 14_200_000},
             "GRU, attention": {"bleu": 0.283, "parameters": 20_500_000}}  # fmt: skip
SPLIT = {"groups": True, "by chance": False}


# --- Chinese: the data ------------------------------------------------------------------


@functools.cache
def parts(split: str) -> list[list[_pairs.Pair]]:
    found = [pair for pair in _pairs.pairs() if len(pair.zh) <= LONGEST]
    return _pairs.split(found, together=SPLIT[split])


@functools.cache
def asked(split: str) -> dict[str, list[str]]:
    """Each source of the test, once, with all its translations there."""
    found: dict[str, list[str]] = {}
    for pair in parts(split)[2]:
        found.setdefault(pair.zh, []).append(pair.en)
    return found


@functools.cache
def characters(split: str) -> dict[str, int]:
    seen = Counter(sign for pair in parts(split)[0] for sign in pair.zh)
    known = sorted(sign for sign, n in seen.items() if n >= LEAST)
    return {sign: k for k, sign in enumerate(known, 1)}  # 0: unknown


@functools.cache
def english(split: str) -> _pairs.English:
    return _pairs.English([pair.en for pair in parts(split)[0]], MERGES)


def coded_zh(split: str, text: str) -> Array:
    return np.array([characters(split).get(sign, 0) for sign in text])


def coded(split: str, found: list[_pairs.Pair]) -> gru.Coded:
    pieces = {piece: k for k, piece in enumerate(english(split).pieces, 3)}
    return [(coded_zh(split, pair.zh),
             np.array([*(pieces[p] for p in english(split).encode(pair.en)), gru.END]))
            for pair in found]  # fmt: skip


def sentence(split: str, tokens: Array) -> str:
    text = "".join(english(split).pieces[k - 3] for k in tokens).strip()
    return text[:1].upper() + text[1:]


# --- Chinese: which sentences -----------------------------------------------------------


def leaked(split: str) -> Array:
    """For each source of the test: has the training it, or one of its translations?"""
    sources = {_pairs.plain_zh(pair.zh) for pair in parts(split)[0]}
    targets = {_pairs.plain_en(pair.en) for pair in parts(split)[0]}
    return np.array([_pairs.plain_zh(zh) in sources
                     or any(_pairs.plain_en(en) in targets for en in known)
                     for zh, known in asked(split).items()])  # fmt: skip


def kinds(split: str) -> dict[str, Array]:
    """For each source of the test: its length, and what it has that may be hard."""
    train, sources = parts(split)[0], asked(split)
    words = Counter(w for pair in train for w in Dictionary.cut(pair.zh))
    names = Counter(w for pair in train for w in of_names(split, pair.en))
    lengths = np.array([len(zh) for zh in sources])
    rarest = np.array([min((words[w] for w in Dictionary.cut(zh)), default=0) for zh in sources])
    first = [known[0] for known in sources.values()]
    name = np.array([min((names[w] for w in of_names(split, en)), default=-1) for en in first])
    return {
        **{f"length {name}": (low <= lengths) & (lengths <= high)
           for name, (low, high) in BANDS.items()},
        "a word never seen": rarest == 0,
        "a word seen 1 to 4 times": (rarest >= 1) & (rarest <= 4),
        "all words seen more often": rarest > 4,
        "a number": np.array([bool(NUMBERS.search(en)) for en in first]),
        "a name seen 20 times or more": name >= 20,
        "a name seen less often": (name >= 0) & (name < 20),
    }  # fmt: skip


def of_names(split: str, text: str) -> list[str]:
    """Words that keep their capital: people, places, languages, days."""
    found = _pairs.WORD.findall(text)
    return [w for w in found if w in english(split).capital and not re.match(r"I\b", w)]


def of_rows(rows: Array, references: list[list[str]], found: list[str]) -> dict[str, Any]:
    """BLEU of some of the sentences."""
    which = np.flatnonzero(rows)
    if not len(which):
        return {"sentences": 0, "bleu": None}
    return {"sentences": len(which),
            "bleu": bleu([references[k] for k in which], [found[k] for k in which])}  # fmt: skip


# --- Chinese: measuring -----------------------------------------------------------------


def chinese(split: str, seed: int) -> dict[str, Any]:
    """One network: BLEU of the test, of kinds of sentences, greedy and by a beam."""
    train, references = parts(split)[0], list(asked(split).values())
    plan = gru.Plan(len(characters(split)) + 1, len(english(split).pieces) + 3, **CHINESE)
    params, seconds = gru.trained(plan, coded(split, train), seed)
    sources = [coded_zh(split, zh) for zh in asked(split)]
    found = [sentence(split, t) for t in gru.greedy(plan, params, sources, LENGTH)]
    wide = [sentence(split, t) for t in gru.beam(plan, params, sources[:: _every(sources)],
                                                 LENGTH, WIDTH)]  # fmt: skip
    some = references[:: _every(sources)]
    lost = leaked(split)
    exact = [text in known for text, known in zip(found, references, strict=True)]
    shown = list(zip(asked(split), [known[0] for known in references], found, strict=True))
    return {"bleu": bleu(references, found), "exact": round(float(np.mean(exact)), 4),
            "greedy, some": bleu(some, found[:: _every(sources)]), "beam, some": bleu(some, wide),
            "leaked": of_rows(lost, references, found), "clean": of_rows(~lost, references, found),
            "by kind": {name: of_rows(rows, references, found)
                        for name, rows in kinds(split).items()},
            "perplexity": gru.perplexity(plan, params, coded(split, parts(split)[2])),
            "cpu seconds": round(seconds, 1), "parameters": _size(params),
            "examples": [list(row) for row in shown[:: len(shown) // 15]]}  # fmt: skip


def _every(sources: list[Array]) -> int:
    return max(1, len(sources) // BEAMED)


def _size(params: Any) -> int:
    return sum(array.size for array in optim.leaves(params).values())


def chinese_baselines(split: str) -> dict[str, Any]:
    """The source as it stands, word by word, and the nearest source of the training."""
    train, references, zh = parts(split)[0], list(asked(split).values()), list(asked(split))
    lost, answers = leaked(split), {"copy": zh, "dictionary": Dictionary(train).translate(zh),
                                    "nearest": nearest(train, zh)}  # fmt: skip
    return {name: {"bleu": bleu(references, found), "leaked": of_rows(lost, references, found),
                   "clean": of_rows(~lost, references, found)}
            for name, found in answers.items()}  # fmt: skip


def sizes(split: str) -> dict[str, Any]:
    counts = dict(zip(("train", "validation", "test"), map(len, parts(split)), strict=True))
    return {"pairs": counts, "test sources": len(asked(split)),
            "leaked share": round(float(leaked(split).mean()), 4),
            "characters": len(characters(split)), "pieces": len(english(split).pieces)}  # fmt: skip


# --- German -----------------------------------------------------------------------------


def coded_captions(split: str) -> gru.Coded:
    numbers = {side: {w: k for k, w in enumerate(captions.vocabulary(side, RARE))}
               for side in ("de", "en")}  # fmt: skip
    rows = [[[numbers[side].get(w, 0) for w in captions.cut(line)]
             for line in captions.lines(split, side)] for side in ("de", "en")]  # fmt: skip
    return [(np.array(de), np.array([*en, gru.END])) for de, en in zip(*rows, strict=True)]


def both_ways(tokens: list[list[str]], texts: list[str]) -> dict[str, float]:
    """BLEU as published, of small tokens without smoothing; and cased, of whole sentences."""
    lines = captions.lines("test", "en")
    small = metrics.bleu([[captions.cut(line)] for line in lines], tokens, smoothing="none").score
    return {"bleu, small tokens": round(small, 4),
            "bleu, cased 13a": bleu([[line] for line in lines], texts)}  # fmt: skip


def german(attends: bool, seed: int) -> dict[str, Any]:
    """A smaller network than published, for fewer epochs; BLEU both ways, and by a beam."""
    train, test, words = coded_captions("train"), coded_captions("test"), captions.vocabulary
    updates = EPOCHS * -(-len(train) // GERMAN["batch"])
    plan = gru.Plan(len(words("de", RARE)), len(words("en", RARE)), attends=attends,
                    updates=updates, **GERMAN)  # fmt: skip
    params, seconds = gru.trained(plan, train, seed)
    sources, known = [x for x, _ in test], words("en", RARE)
    tokens = [[known[k] for k in row] for row in gru.greedy(plan, params, sources, LENGTH)]
    wide = [[known[k] for k in row]
            for row in gru.beam(plan, params, sources[:BEAMED], LENGTH, WIDTH)]  # fmt: skip
    lines = [[captions.cut(line)] for line in captions.lines("test", "en")[:BEAMED]]
    some = [metrics.bleu(lines, found, smoothing="none").score for found in (tokens[:BEAMED], wide)]
    lengths = np.array([len(x) for x in sources])
    references = [[line] for line in captions.lines("test", "en")]
    texts = [captions.joined(row) for row in tokens]
    return {**both_ways(tokens, texts), "greedy, some": round(some[0], 4),
            "beam, some": round(some[1], 4), "perplexity": gru.perplexity(plan, params, test),
            "by length": {f"{a}-{b - 1}": of_rows((a <= lengths) & (lengths < b), references, texts)
                          for a, b in ((1, 9), (9, 13), (13, 17), (17, 99))},
            "updates": updates, "cpu seconds": round(seconds, 1), "parameters": _size(params),
            "examples": [[captions.lines("test", "de")[k], captions.lines("test", "en")[k],
                          texts[k]] for k in (0, 250, 500)]}  # fmt: skip


def german_baselines() -> dict[str, Any]:
    """The German text as it stands, and the caption of the nearest German one."""
    de, en = (captions.lines("test", side) for side in ("de", "en"))
    train = captions.lines("train", "de")
    grams = TfidfVectorizer(analyzer=captions.cut).fit(train)
    likeness = grams.transform(de) @ grams.transform(train).T
    near = [captions.lines("train", "en")[int(likeness[k].toarray().argmax())]
            for k in range(len(en))]  # fmt: skip
    return {name: both_ways([captions.cut(text) for text in texts], texts)
            for name, texts in (("copy", de), ("nearest", near))}  # fmt: skip


# --- the record -------------------------------------------------------------------------


def over_seeds(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means where there are numbers for each seed; the first seed's examples."""
    names = ("bleu", "exact", "greedy, some", "beam, some", "perplexity", "cpu seconds")
    inside = {part: {"sentences": rows[0][part]["sentences"],
                     "bleu": summary([row[part]["bleu"] or 0.0 for row in rows])}
              for part in ("leaked", "clean")}  # fmt: skip
    by_kind = {kind: {"sentences": found["sentences"],
                      "bleu": summary([row["by kind"][kind]["bleu"] or 0.0 for row in rows])}
               for kind, found in rows[0]["by kind"].items()}  # fmt: skip
    return {"seeds": len(rows), **{name: summary([row[name] for row in rows]) for name in names},
            **inside, "by kind": by_kind, "parameters": rows[0]["parameters"],
            "examples": rows[0]["examples"]}  # fmt: skip


def main() -> None:
    needs, packages = [_pairs.FILE, *captions.NEEDS], ["torch", "opencc", "jieba", "scikit-learn"]
    what = "Translation from Chinese and German: BLEU beside baselines, leaks, kinds of sentences."
    with Run("translation", what, needs=needs, packages=packages, steps=13) as run:
        size = {split: run.step(f"sizes, {split}", sizes, split) for split in SPLIT}
        lower = {split: run.step(f"baselines, {split}", chinese_baselines, split)
                 for split in SPLIT}  # fmt: skip
        under = run.step("captions, baselines", german_baselines)
        rows: dict[str, list[Any]] = {split: [] for split in SPLIT}
        trained: dict[str, Any] = {}
        for seed in run.seeds:
            for split in SPLIT:
                rows[split].append(run.step(f"{split} {seed}", chinese, split, seed))
            for name, attends in (("attention", True), ("plain", False)):
                trained[name] = run.step(f"captions, {name}", german, attends, 0)
            run.write({  # after each seed, so that what there is can be read
                "chinese": {split: {"size": size[split], "baselines": lower[split],
                                    "gru with attention": over_seeds(rows[split])}
                            for split in SPLIT},
                "captions": {"baselines": under, "published": PUBLISHED,
                             "published networks trained here": "none: prepared, not run",
                             "smaller networks": trained},
                "settings": {"chinese": {"longest": LONGEST, "merges": MERGES, **CHINESE},
                             "captions": {"least": RARE, "epochs": EPOCHS, **GERMAN},
                             "beam": WIDTH, "some": BEAMED},
            })  # fmt: skip


if __name__ == "__main__":
    main()
