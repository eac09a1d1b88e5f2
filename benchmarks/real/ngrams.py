"""The n-grams beside the language models: Witten–Bell and modified Kneser–Ney. A few minutes.

Texts, parts and measures are those of the four runs that train networks; no network is trained
here. The n is chosen on the part that chooses for the networks too.
"""

from _common import Run  # isort: skip  (sets the number of threads)

from collections.abc import Callable
from typing import Any

import numpy as np
import ptb
import shakespeare
import tang
import time_machine
from _language import bits, perplexity

from rnncourse.nlp.ngram import KneserNey, WittenBell

Array = np.ndarray
Model = WittenBell | KneserNey
Row = dict[str, Any]
KINDS: dict[str, type[Model]] = {"witten-bell": WittenBell, "kneser-ney": KneserNey}
NEEDS = [("timemachine", "timemachine.txt"), *shakespeare.NEEDS, *tang.NEEDS, *ptb.NEEDS]


def nats(model: Model, ids: Array) -> float:
    """Of each token but the first, which the networks are given too."""
    return -float(model.log_probabilities(ids)[1:].mean())


def windows(kind: str, n: int) -> Row:
    """The Time Machine: perplexity as d2l measures it; no context reaches out of its window."""
    parts = time_machine.parts()

    def ask(learnt: str, asked: str) -> float:
        rows = parts[learnt]
        text = np.append(rows[:, 0], rows[-1, 1:])
        model = KINDS[kind](n, time_machine.V).fit([text])
        logs = np.stack([model.log_probabilities(row)[1:] for row in parts[asked]])
        return round(time_machine.d2l(logs), 4)

    return {"held out": ask("shorter", "held out"), "valid": ask("train", "valid")}


def plays(kind: str, n: int) -> Row:
    """Tiny Shakespeare: bits a character."""
    text = shakespeare.read()
    model = KINDS[kind](n, len(text.characters)).fit([text.ids["train"]])
    return {part: round(bits(nats(model, text.ids[part])), 4) for part in ("valid", "test")}


def poems(kind: str, n: int) -> Row:
    """Quatrains: bits a character, with and without the stops."""
    found = tang.read()
    model = KINDS[kind](n, len(found.characters)).fit(found.ids("train"))
    rows = {}
    for part in ("valid", "test"):
        logs = [model.log_probabilities(ids)[1:] for ids in found.ids(part)]
        rows[part] = tang.scores(found, part, np.concatenate(logs))
    return rows


def words(kind: str, n: int) -> Row:
    """Penn Treebank: perplexity."""
    parts, V = ptb.read()
    model = KINDS[kind](n, V).fit([parts["train"]])
    return {part: round(perplexity(nats(model, parts[part])), 4) for part in ("valid", "test")}


# Measure, orders, the part that chooses n, the part that is reported.
TEXTS: dict[str, tuple[Callable[[str, int], Row], range, str, str]] = {
    "time_machine": (windows, range(2, 8), "held out", "valid"),
    "shakespeare": (plays, range(3, 9), "valid", "test"),
    "tang": (poems, range(1, 6), "valid", "test"),
    "ptb": (words, range(2, 6), "valid", "test"),
}


def number(found: Any) -> float:
    """Where a row has several measures, the first one."""
    return float(next(iter(found.values())) if isinstance(found, dict) else found)


def chosen(rows: dict[int, Row], choosing: str, reported: str) -> dict[str, Any]:
    """All rows by n, the best n, and what it reaches on the part that is reported."""
    best = min(rows, key=lambda n: number(rows[n][choosing]))
    return {"by n": rows, "best n": best, "best": rows[best][reported]}


def main() -> None:
    what = "Two n-grams on four texts: perplexity, or bits a character."
    steps = len(KINDS) * sum(len(orders) for _, orders, _, _ in TEXTS.values())
    with Run("ngrams", what, NEEDS, steps=steps) as run:
        results: dict[str, Any] = {}
        for name, (measure, orders, choosing, reported) in TEXTS.items():
            for kind in KINDS:
                rows = {n: run.step(f"{name}, {kind}, {n}-gram", measure, kind, n) for n in orders}
                results.setdefault(name, {})[kind] = chosen(rows, choosing, reported)
        run.write(results)


if __name__ == "__main__":
    main()
