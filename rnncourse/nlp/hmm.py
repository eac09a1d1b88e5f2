"""Hidden Markov models: one tag for each token, found by the Viterbi algorithm."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from rnncourse._types import Array
from rnncourse.nlp.text import pad
from rnncourse.nn import lattice

ADDED = 0.1  # to each count


class Hmm(NamedTuple):
    """A hidden Markov model in logarithms (eq-segmentation-hmm)."""

    tags: list[str]
    start: Array  # (S,)
    step: Array  # (S, S)
    emit: dict[str, Array]  # token → (S,)
    unseen: Array  # (S,) for a token that training did not have


def fit(
    sentences: Iterable[Sequence[tuple[str, str]]], allow: Iterable[tuple[str, str]] = ()
) -> Hmm:
    """Count starts, steps and emissions of tagged sentences [(token, tag), …].

    Args:
        sentences: at least one, with at least one token.
        allow: the only steps (tag, next tag) that may happen; all unless given.

    A tenth is added to each count of a step and of a token in a tag, one token never seen
    included, so nothing allowed has probability zero. A tag that never starts may not start.
    Raises ValueError where there is no token.
    """
    starts: Counter[str] = Counter()
    steps: Counter[tuple[str, str]] = Counter()
    emits: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        tags = [tag for _, tag in sentence]
        starts.update(tags[:1])
        steps.update(itertools.pairwise(tags))
        for token, tag in sentence:
            emits[token][tag] += 1
    tags = sorted({tag for found in emits.values() for tag in found})
    if not tags:
        raise ValueError("sentences hold no token")
    allowed = set(allow) or set(itertools.product(tags, tags))
    step = np.array([[(steps[a, b] + ADDED) * ((a, b) in allowed) for b in tags] for a in tags])
    emit = {token: np.array([found[tag] for tag in tags]) for token, found in emits.items()}
    totals = sum(emit.values()) + ADDED * (len(emit) + 1)
    start = np.array([starts[tag] for tag in tags])
    with np.errstate(divide="ignore"):  # log 0 = -inf forbids
        return Hmm(tags, np.log(start / start.sum()), np.log(step / step.sum(axis=1)[:, None]),
                   {token: np.log((n + ADDED) / totals) for token, n in emit.items()},
                   np.log(ADDED / totals))  # fmt: skip


def tag(sentences: Sequence[Sequence[str]], model: Hmm) -> list[list[str]]:
    """The most probable tags of each sentence of tokens; no tags for an empty one."""
    real = [sentence for sentence in sentences if len(sentence)]
    if not real:
        return [[] for _ in sentences]
    rows = [[model.emit.get(token, model.unseen) for token in sentence] for sentence in real]
    emit, mask = pad([np.array(row) for row in rows])
    paths, _ = lattice.viterbi(model.start, model.step, emit, mask)
    found = iter([[model.tags[k] for k in path if k >= 0] for path in paths])
    return [next(found) if len(sentence) else [] for sentence in sentences]
