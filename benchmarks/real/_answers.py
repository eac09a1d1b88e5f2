"""What second lines of couplets are like: real ones, a table's, a network's, free and ruled."""

from collections.abc import Callable, Sequence
from typing import Any

import _couplets
import numpy as np
from _couplets import Pairs
from _verse import copied

from rnncourse.nlp import sounds

Array = np.ndarray
SIDES = {sounds.LEVEL: 1, sounds.OBLIQUE: -1}
PLACES = {5: (1, 3, 4), 7: (1, 3, 5, 6)}  # whose tones the rule wants opposed: even ones, the last


def side(character: str) -> int:
    """1 level, -1 oblique, 0 where it may be either or is unknown."""
    found = sounds.tones(character)
    return SIDES[next(iter(found))] if len(found) == 1 else 0


def judged(pairs: Sequence[tuple[str, str]], known: set[str]) -> dict[str, float]:
    """Of couplets: opposed places of those whose two tones are certain, all and the ones that the
    rule wants; couplets that keep it; shared and repeated characters; what is copied."""
    sides = np.array([[[side(c) for c in line] for line in pair] for pair in pairs])
    certain = (sides != 0).all(axis=1)
    opposed = certain & (sides[:, 0] != sides[:, 1])
    wanted = list(PLACES[len(pairs[0][0])])
    wrong = (certain & ~opposed)[:, wanted].any(axis=1)
    shared = np.array([bool(set(a) & set(b)) for a, b in pairs])
    repeated = np.array([doubled(a, b) for a, b in pairs])
    return {
        "opposed": float(opposed.sum() / certain.sum()),
        "opposed where wanted": float(opposed[:, wanted].sum() / certain[:, wanted].sum()),
        "shared character": float(shared.mean()),
        "repeated": float(repeated.mean()),
        "lawful": float((~wrong & ~shared & ~repeated).mean()),
        **copied([[b] for _, b in pairs], known),
    }


def doubled(first: str, second: str) -> bool:
    """Whether one line repeats a character where the other has two different ones."""
    twins = set(zip(second, first, strict=True))
    return not len(twins) == len(set(first)) == len(set(second))


def ruled(pairs: Pairs, firsts: Array) -> Callable[[int, Array], Array]:
    """Which characters keep the rule: opposed tone where wanted (either fits), none of the first
    line's, and repeated exactly where that repeats."""
    signs = np.array([side(c) if c.isalpha() else 0 for c in pairs.characters])
    usable = np.array([c.isalpha() for c in pairs.characters])
    N, size = firsts.shape
    rows = np.arange(N)

    def allowed(t: int, chosen: Array) -> Array:
        kept = np.tile(usable, (N, 1))
        for k in range(size):
            kept[rows, firsts[:, k]] = False
        if t in PLACES[size]:
            kept &= signs[None] * signs[firsts[:, t]][:, None] <= 0
        for k in range(t):
            kept[rows, chosen[:, k]] = False
        for k in range(t):  # where the first line repeats, so does the second
            same = firsts[:, k] == firsts[:, t]
            kept[same] = np.arange(kept.shape[1]) == chosen[same, k][:, None]
        return kept

    return allowed


def baselines(size: int, known: set[str]) -> dict[str, Any]:
    """Real couplets, the same with partners shuffled, and the table's first choices."""
    pairs = _couplets.read()
    real = pairs.text["test"][size]
    order = np.random.default_rng(0).permutation(len(real))
    shuffled = [(a, real[k][1]) for (a, _), k in zip(real, order, strict=True)]
    firsts, _ = pairs.ids("test", size)
    below, found = _couplets.unigram(pairs, size), _couplets.table(pairs)
    best = {a: choice(_couplets.table_row(found, a, below)) for a in set(firsts.ravel().tolist())}
    told = _couplets.text(pairs, [[best[a] for a in row] for row in firsts.tolist()])
    scores = _couplets.of_tables(pairs, size)
    return {
        "couplets": len(real),
        "real": judged(real, known),
        "shuffled": judged(shuffled, known),
        "unigram": scores["unigram"],
        "table": scores["table"] | judged(beside(real, told), known),
    }


def choice(row: Array) -> int:
    return int(row[2:].argmax()) + 2  # neither mark nor rare


def beside(real: Sequence[tuple[str, str]], seconds: Sequence[str]) -> list[tuple[str, str]]:
    return [(a, b) for (a, _), b in zip(real, seconds, strict=True)]


def of_network(params: dict[str, Any], size: int, known: set[str]) -> dict[str, Any]:
    """Perplexity, first choices, and second lines: most probable and drawn, free and ruled."""
    pairs = _couplets.read()
    real, (firsts, seconds) = pairs.text["test"][size], pairs.ids("test", size)
    logs, right = _couplets.log_probabilities(params, firsts, seconds)
    found: dict[str, Any] = {"scores": _couplets.scores(logs, right), "samples": []}
    for name, tau in (("greedy", 0.0), ("drawn", 0.8)):
        for kind, rule in (("free", None), ("ruled", ruled(pairs, firsts))):
            rng = np.random.default_rng(0)
            ids, cost = _couplets.answers(params, firsts, rule, tau, rng)
            told = beside(real, _couplets.text(pairs, ids.tolist()))
            found[f"{name}, {kind}"] = judged(told, known) | {"cost": float(cost.mean())}
            found["samples"] += [[f"{name}, {kind}", *pair] for pair in told[:400:80]]
    return found
