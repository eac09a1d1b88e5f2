"""Rules of verse as shares, how much is copied, and quatrains written under masks, all at once."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnncourse.metrics import overlap
from rnncourse.nlp import prosody, sampling, sounds
from rnncourse.nn import functional
from rnncourse.widgets import poet, writer

Array = np.ndarray
RULES = ("form", "tones", "rhyme", "repeats")  # each asks for those before it
ENOUGH = poet.ENOUGH  # characters that a rhyme must have to be begun with


# --- quatrains judged ---------------------------------------------------------------------


def verdict(lines: Sequence[str]) -> dict[str, float]:
    """A poem under the pattern that it breaks least, of equals under one by which it rhymes."""
    found = prosody.judge("，".join(lines))
    return {
        "tones": float(not found.breaks),
        "breaks": float(len(found.breaks)),
        "rhyme": float(any(prosody.rhymes(lines, pattern) for pattern in prosody.PATTERNS)),
        "lawful": float(found.lawful),
        "no repeats": float(not found.repeated),
    }


def shares(poems: Sequence[str], form: Callable[[str], Any], cut: Callable) -> dict[str, float]:
    """Of all poems the share of right form; of those of right form what :func:`verdict` says."""
    right = [cut(poem) for poem in poems if form(poem)]
    rows = [verdict(lines) for lines in right]
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}
    if means:  # a poem of wrong form keeps no law
        means["lawful"] *= len(right) / len(poems)
    return {"form": len(right) / len(poems)} | means


# --- what is copied -------------------------------------------------------------------------


def pieces(lines: Sequence[str]) -> set[str]:
    """All runs of characters of these lines."""
    return {
        line[i:j] for line in lines for i in range(len(line)) for j in range(i + 1, len(line) + 1)
    }


def run(line: str, known: set[str]) -> int:
    """Characters of its longest run that stands within one known line."""
    n = len(line)
    return max((k for k in range(n, 0, -1)
                if any(line[i : i + k] in known for i in range(n - k + 1))), default=0)  # fmt: skip


def copied(poems: Sequence[Sequence[str]], known: set[str]) -> dict[str, float]:
    """Poems as lists of lines: the longest run of each in the mean, whole lines that are known,
    different pairs of characters and different lines."""
    every = [line for lines in poems for line in lines]
    if not every:
        return {}
    return {
        "longest run": float(np.mean([max((run(x, known) for x in p), default=0) for p in poems])),
        "lines copied": float(np.mean([line in known for line in every])),
        "distinct 2": overlap.distinct([list(line) for line in every], 2),
        "different lines": len(set(every)) / len(every),
    }


# --- quatrains written -----------------------------------------------------------------------


class Masks:
    """Which of V tokens have which tone and which level rhyme."""

    def __init__(self, tokens: Sequence[str], rare: str) -> None:
        self.character = np.array([token.isalpha() and token != rare for token in tokens])
        tones = [sounds.tones(token) if token.isalpha() else frozenset() for token in tokens]
        self.tone = {mark: np.array([name in some for some in tones]) & self.character
                     for mark, name in prosody.MARKS.items()}  # fmt: skip
        self.tone[poet.EITHER] = self.character
        found = [sounds.rhymes(token) if token.isalpha() else frozenset() for token in tokens]
        groups = [np.array([name in some for some in found]) for name in sounds.groups("平")]
        kept = [group for group in groups if group.sum() >= ENOUGH]
        self.rhyme = np.array(kept) & self.character  # (G, V)


class Writing:
    """Many quatrains of one size at once, each under a pattern drawn for it."""

    def __init__(self, params: Any, tokens: Sequence[str], masks: Masks) -> None:
        self.params, self.tokens, self.masks = params, tokens, masks

    def poems(self, size: int, count: int, rules: int, tau: float, rng: np.random.Generator
              ) -> tuple[list[str], Array]:  # fmt: skip
        """Poems, and of each what the rules cost: -log of the probability of what was allowed,
        in nats, over all places and stops. rules: how many of RULES are kept, 1 or more."""
        drawn = rng.integers(len(prosody.PATTERNS), size=count)
        self.asked = np.array(["".join(prosody.marks(prosody.PATTERNS[k], size)) for k in drawn])
        self.rhyming = np.array([[kind.isupper() for kind in prosody.PATTERNS[k]] for k in drawn])
        V = len(self.tokens)
        self.seen = np.zeros((count, V), bool)
        self.words = np.zeros((count, V), bool)
        self.open = np.ones((count, len(self.masks.rhyme)), bool)
        ids, state, cost, written = np.zeros((count, 1), np.int64), None, np.zeros(count), []
        for k in range(4 * (size + 1) + 1):
            scores, state = writer.forward(self.params, ids, state)
            logs = functional.log_softmax(scores[:, 0].astype(np.float64))
            allowed = self.allowed(k, size, rules)
            kept = np.where(allowed, logs, -np.inf)
            cost -= np.logaddexp.reduce(kept, axis=1)
            ids = sampling.draw(sampling.temperature(kept, tau), rng)[:, None]
            self.note(k, size, ids[:, 0])
            written.append(ids[:, 0])
        rows = np.stack(written[:-1], axis=1).tolist()
        return ["".join(self.tokens[i] for i in row) for row in rows], cost

    def allowed(self, k: int, size: int, rules: int) -> Array:
        """(N, V): which token may come as the k-th."""
        line, t = divmod(k, size + 1)
        if line == 4 or t == size:
            stop = self.tokens[0] if line == 4 else poet.STOPS[line]
            return np.tile(np.array(self.tokens) == stop, (len(self.seen), 1))
        kept = np.tile(self.masks.character, (len(self.seen), 1))
        if rules > 1:
            kept = np.stack([self.masks.tone[asked[line * size + t]] for asked in self.asked])
        if rules > 2 and t == size - 1:
            fits = self.open.astype(np.float32) @ self.masks.rhyme.astype(np.float32) > 0
            fits &= ~self.words
            kept = narrowed(kept, np.where(self.rhyming[:, [line]], fits, True))
        return narrowed(kept, ~self.seen) if rules > 3 else kept

    def note(self, k: int, size: int, ids: Array) -> None:
        """Take down what was chosen, and by which rhymes the rhyming lines may go on."""
        line, t = divmod(k, size + 1)
        rows = np.arange(len(ids))
        if line < 4 and t < size:
            self.seen[rows, ids] = True
        if line < 4 and t == size - 1:
            own = self.masks.rhyme.T[ids]  # (N, G)
            both = self.open & own
            some = self.rhyming[:, line] & both.any(axis=1)
            self.open = np.where(some[:, None], both, self.open)
            self.words[rows[self.rhyming[:, line]], ids[self.rhyming[:, line]]] = True


def narrowed(kept: Array, rule: Array) -> Array:
    """Both, except in rows where nothing would be left: there the rule is dropped."""
    both = kept & rule
    return np.where(both.any(axis=1, keepdims=True), both, kept)
