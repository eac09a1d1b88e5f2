"""Song ci of the twelve commonest tunes: one GRU over characters that is told the tune first.

A tune fixes the lengths of the lines, in one of a few forms. The first token of a poem is its
tune; stops are read and written like characters.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from _language import chosen, learn
from live_writer import init as _init
from live_writer import loss_and_gradients
from tang import same_length

from rnncourse import data
from rnncourse.nn import functional, optim
from rnncourse.widgets import writer

Array = np.ndarray
FILE = "songci_top30_simp.tsv"
NEEDS = [("songci", FILE)]
TUNES, SHARES, SPLIT_SEED = 12, {"train": 0.9, "valid": 0.05, "test": 0.05}, 0
END, RARE, COMMONEST = "\n", "□", 2000  # ends a poem; stands for all but the commonest characters
USUAL = 0.04  # a form that so many of a tune's poems have is one of the tune's forms
D, H, N = 64, 128, 32
EPOCHS, RATE, CLIP, DROPOUT = 7, 4e-3, 1.0, 0.2


class Ci(NamedTuple):
    """Pairs of tune and text of each part; tunes, then end, rare and the other characters."""

    poems: dict[str, list[tuple[str, str]]]
    tunes: list[str]
    characters: list[str]  # the tunes stand first

    def ids(self, part: str) -> list[Array]:
        """Numbers of each poem: its tune, its characters, the end."""
        return [self.numbers(tune, text) for tune, text in self.poems[part]]

    def numbers(self, tune: str, text: str) -> Array:
        index = {character: k for k, character in enumerate(self.characters)}
        return np.array([index[tune], *(index.get(c, index[RARE]) for c in text + END)])


def lengths(text: str) -> tuple[int, ...]:
    """Characters of each line."""
    return tuple(len(line) for line in re.findall(r"\w+", text))


def skeleton(text: str) -> str:
    """The text with each character as x, so that only lengths and stops are left."""
    return re.sub(r"\w", "x", text)


@cache
def read() -> Ci:
    """Poems of the commonest tunes, apart at random: no two of them have the same text."""
    rows = data.path("songci", FILE).read_text("utf-8").splitlines()
    poems = [(tune, text) for tune, _, text in (row.split("\t") for row in rows)]
    return known(poems, np.random.default_rng(SPLIT_SEED))


def known(poems: Sequence[tuple[str, str]], rng: np.random.Generator) -> Ci:
    tunes = [tune for tune, _ in Counter(tune for tune, _ in poems).most_common(TUNES)]
    mine = [poem for poem in poems if poem[0] in tunes]
    order, ends = rng.permutation(len(mine)), np.cumsum(list(SHARES.values())) * len(mine)
    cuts = np.split(order, ends[:-1].astype(int))
    parts = {part: [mine[k] for k in sorted(some, key=lambda k: len(mine[k][1]))]
             for part, some in zip(SHARES, cuts, strict=True)}  # fmt: skip
    counts = Counter(character for _, text in parts["train"] for character in text)
    common = sorted(character for character, _ in counts.most_common(COMMONEST))
    return Ci(parts, tunes, [*tunes, END, RARE, *common])


def forms(ci: Ci) -> dict[str, dict[tuple[int, ...], int]]:
    """Of each tune the forms that its training poems have, the commonest first, with counts."""
    found = {}
    for tune in ci.tunes:
        counts = Counter(lengths(text) for own, text in ci.poems["train"] if own == tune)
        least = USUAL * sum(counts.values())
        found[tune] = {form: n for form, n in counts.most_common() if n >= least}
    return found


def usual(ci: Ci) -> dict[str, str]:
    """The skeleton that most training poems of a tune have."""
    return {tune: Counter(skeleton(text) for own, text in ci.poems["train"] if own == tune)
            .most_common(1)[0][0] for tune in ci.tunes}  # fmt: skip


# --- the network ------------------------------------------------------------------------------


def init(rng: np.random.Generator, V: int, D: int = D, H: int = H) -> dict[str, Any]:
    return _init(rng, V, D, H)


def shuffled(rng: np.random.Generator, ids: list[Array]) -> Iterator[tuple[Array, bool]]:
    """One pass in batches of one length; a batch of few poems costs as many steps as a full one,
    so that poems of a length that fewer than four have are left out."""
    order = sorted(rng.permutation(len(ids)).tolist(), key=lambda i: len(ids[i]))
    groups = [rows for rows in same_length([ids[i] for i in order], N) if len(rows) > 3]
    for k in rng.permutation(len(groups)):
        yield groups[k], True


def log_probabilities(params: dict[str, Any], ids: list[Array]) -> Array:
    """log p of all characters, each poem's tune given, in nats."""
    found = []
    for rows in same_length(ids, 64):
        scores, _ = writer.forward(params, rows[:, :-1])
        found.append(chosen(functional.log_softmax(scores), rows).ravel())
    return np.concatenate(found).astype(np.float64)


def trained(
    ci: Ci, seed: int, epochs: int = EPOCHS, size: tuple[int, int] = (D, H)
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters, and what :func:`_language.learn` tells of their training; size: D and H."""
    rng = np.random.default_rng(seed)
    params = init(rng, len(ci.characters), *size)
    train, valid = ci.ids("train"), ci.ids("valid")
    told = learn(
        params,
        lambda ids, state: loss_and_gradients(params, ids, state, DROPOUT, rng),
        lambda: shuffled(rng, train),
        lambda: -float(log_probabilities(params, valid).mean()),
        epochs, RATE, CLIP,
    )  # fmt: skip
    return params, told | {"parameters": sum(p.size for p in optim.leaves(params).values())}
