"""Flickr8k's first 1,000 pictures: descriptions by five people each, features, and scores.

800 pictures to learn from, 50 to develop on, 150 to test; all five descriptions of a picture stand
on the same side. The pictures may not be shown and are not needed: a frozen network has turned each
into 1,280 numbers, and into 128 numbers at each of 7 × 7 places (``_flickr_features.py``).
"""

import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnncourse import data, metrics

Array = np.ndarray
Words = list[str]
NAME = "caption_flickr1k"
FILES = ("captions.tsv", "efficientnet_lite0_avgpool_f16.npy",
         "efficientnet_lite0_grid7x7_pca128_i8.npz")  # fmt: skip
NEEDS = [(NAME, file) for file in FILES]
SIZES = {"train": 800, "dev": 50, "test": 150}
PEOPLE = 5  # who described each picture
SPECIAL = ["<unk>", "<start>", "<end>"]
LEAST = 4  # times that a known word was written in the training


def cut(text: str) -> Words:
    """Small words without marks, as published scores of descriptions are computed."""
    return re.findall(r"\w+(?:['’-]\w+)*", text.lower())


@functools.cache
def descriptions() -> list[list[Words]]:
    """Five a picture, pictures in the order of their names, which is that of the features."""
    found: dict[str, list[Words]] = {}
    for line in data.path(NAME, FILES[0]).read_text("utf-8").splitlines():
        name, text = line.split("\t")
        found.setdefault(name, []).append(cut(text))
    return [found[name] for name in sorted(found)]


@functools.cache
def split(part: str) -> Array:
    """Numbers of pictures, drawn once."""
    order = np.random.default_rng(0).permutation(sum(SIZES.values()))
    ends = np.cumsum([*SIZES.values()])
    return np.split(order, ends[:-1])[list(SIZES).index(part)]


def said(pictures: Array) -> list[list[Words]]:
    """The descriptions of some pictures, five each."""
    return [descriptions()[k] for k in pictures]


@functools.cache
def pooled() -> Array:
    """(1000, 1280) features of whole pictures, of mean 0 and spread 1 in the training."""
    found = np.load(data.path(NAME, FILES[1])).astype(np.float32)
    learned = found[split("train")]
    return (found - learned.mean(0)) / (learned.std(0) + 1e-3)


@functools.cache
def grid() -> Array:
    """(1000, 49, 128) features of 7 × 7 places, row by row, of spread 1 in the training."""
    found = np.load(data.path(NAME, FILES[2]))
    full = found["grid"].astype(np.float32) * found["scale"]
    return full / full[split("train")].std((0, 1))


@functools.cache
def vocabulary() -> list[str]:
    """After the special ones, words that the training has ``LEAST`` times."""
    seen = Counter(word for some in said(split("train")) for words in some for word in words)
    return [*SPECIAL, *sorted(word for word, n in seen.items() if n >= LEAST)]


# --- descriptions that were written before -----------------------------------------------------


def neighbours(pictures: Array, count: int) -> Array:
    """(N, count): of each picture the training's nearest by the cosine of their features, never
    itself."""
    unit = pooled() / np.linalg.norm(pooled(), axis=1, keepdims=True)
    near = unit[pictures] @ unit[split("train")].T
    near[pictures[:, None] == split("train")] = -np.inf
    return split("train")[np.argsort(-near, axis=1, kind="stable")[:, :count]]


def constant() -> Words:
    """The description that is best for all pictures of the development part, of those that have
    common words alone."""
    seen = Counter(word for some in said(split("train")) for words in some for word in set(words))
    common = {word for word, _ in seen.most_common(60)}
    some = {tuple(words) for each in said(split("train")) for words in each if set(words) <= common}
    references = said(split("dev"))
    return list(max(sorted(some), key=lambda words: metrics.bleu(
        references, [list(words)] * len(references)).score))  # fmt: skip


def nearest(pictures: Array) -> list[Words]:
    """What the first person said of the nearest picture."""
    return [descriptions()[k][0] for k in neighbours(pictures, 1)[:, 0]]


@functools.cache
def _rarity(n: int) -> dict[tuple[str, ...], float]:
    """Of n-grams the logarithm of pictures of the training, by those that have it."""
    seen = Counter(
        gram for some in said(split("train")) for gram in {g for w in some for g in _cut(w, n)}
    )
    return {gram: math.log(SIZES["train"] / k) for gram, k in seen.items()}


def _cut(words: Words, n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[k:] for k in range(n)), strict=False))


def likeness(some: Sequence[Words], order: int, rare: bool) -> Array:
    """(M, M) of each description to judge, a row, with each other as its reference: CIDEr-D of
    n-grams up to ``order``, or the same with all n-grams of the same weight. What one alone has
    is left out, so the diagonal says nothing."""
    total, lengths = np.zeros((len(some), len(some))), np.array([len(words) for words in some])
    for n in range(1, order + 1):
        counts = [Counter(_cut(words, n)) for words in some]
        worth = _rarity(n) if rare else dict.fromkeys({g for one in counts for g in one}, 1.0)
        norms = np.array([math.hypot(*(k * worth[g] for g, k in one.items())) for one in counts])
        often = Counter(gram for one in counts for gram in one)
        place = {gram: k for k, gram in enumerate(g for g, times in often.items() if times > 1)}
        weight = np.zeros((len(some), len(place)), np.float32)  # of what two or more have
        for row, one in zip(weight, counts, strict=True):
            for gram in one.keys() & place.keys():
                row[place[gram]] = one[gram] * worth[gram]
        shared = np.array([(np.minimum(row, weight) * weight).sum(1) for row in weight])
        both = np.outer(norms, norms)
        total += np.divide(shared, both, out=np.zeros_like(both), where=both > 0)
    return total * np.exp(-((lengths[:, None] - lengths) ** 2) / 72) * 10 / order


def shared(some: Sequence[Words], power: float) -> Array:
    """(M,) of each description: how many of the others have an n-gram of it, n up to 4, the mean
    over its n-grams; these count with ``power``, since the mean alone favours short ones."""
    total = np.zeros(len(some))
    for n in range(1, 5):
        grams = [set(_cut(words, n)) for words in some]
        often = Counter(gram for one in grams for gram in one)
        total += [sum(often[g] - 1 for g in one) / max(len(one), 1) ** power for one in grams]
    return total


def alike(some: Sequence[Words], order: int, rare: bool) -> Array:
    """(M,) of each description its :func:`likeness` to the others together."""
    found = likeness(some, order, rare)
    np.fill_diagonal(found, 0)
    return found.sum(axis=1)


WAYS: dict[str, Callable[[Sequence[Words]], Array]] = {
    "like words": lambda some: alike(some, 1, False),
    "like phrases": lambda some: alike(some, 4, False),
    "like rare phrases": lambda some: alike(some, 4, True),
    "shared phrases, power 0.5": lambda some: shared(some, 0.5),
    "shared phrases, power 0.65": lambda some: shared(some, 0.65),
    "shared phrases, power 0.8": lambda some: shared(some, 0.8),
}


def consensus(pictures: Array, count: int, way: str) -> list[Words]:
    """Of all that was said of the nearest pictures, what has most in common with the rest (after
    Devlin et al. 2015)."""
    found = []
    for row in neighbours(pictures, count):
        some = [words for k in row for words in descriptions()[k]]
        found.append(some[int(WAYS[way](some).argmax())])
    return found


# --- scores ---------------------------------------------------------------------------------------


def scores(references: Sequence[Sequence[Words]], found: Sequence[Words]) -> dict[str, float]:
    """BLEU-1, BLEU (up to four words) and CIDEr-D, all between 0 and 1, but for CIDEr-D."""
    return {"bleu1": metrics.bleu(references, found, 1).score,
            "bleu": metrics.bleu(references, found, smoothing="none").score,
            "cider": metrics.cider(references, found).score}  # fmt: skip


def averaged(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}


def judged(pictures: Array, found: Sequence[Words]) -> dict[str, Any]:
    """Of a description of each picture: scores beside five people's, and beside four of them, the
    mean over who is left out, as :func:`human` has it; how many differ; and how many of the
    training's stand there word by word."""
    all_said = said(pictures)
    four = [scores([some[:k] + some[k + 1 :] for some in all_said], found) for k in range(PEOPLE)]
    old = {tuple(words) for some in said(split("train")) for words in some}
    return {
        "four": averaged(four),
        "five": averaged([scores(all_said, found)]),
        "distinct": len({tuple(words) for words in found}),
        "words": round(float(np.mean([len(words) for words in found])), 2),
        "copied": round(float(np.mean([tuple(words) in old for words in found])), 4),
    }


def human(pictures: Array) -> dict[str, Any]:
    """One person's beside the other four's, the mean over who it is."""
    all_said = said(pictures)
    rows = [scores([some[:k] + some[k + 1 :] for some in all_said], [some[k] for some in all_said])
            for k in range(PEOPLE)]  # fmt: skip
    found = [[some[k] for some in all_said] for k in range(PEOPLE)]
    old = {tuple(words) for some in said(split("train")) for words in some}
    return {
        "four": averaged(rows),
        "distinct": round(float(np.mean([len(set(map(tuple, some))) for some in found])), 1),
        "words": round(float(np.mean([len(words) for some in found for words in some])), 2),
        "copied": round(float(np.mean([tuple(w) in old for some in found for w in some])), 4),
    }
