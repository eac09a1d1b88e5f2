"""What ci are like that were written for a tune: lengths of lines, rhyme, what is copied."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import _ci
import numpy as np
from _ci import Ci
from _verse import copied

from rnncourse.nlp import sampling, sounds
from rnncourse.nlp.ngram import WittenBell
from rnncourse.nn import functional
from rnncourse.widgets import writer

Array = np.ndarray
ENDS = 4


def rhyming(text: str) -> float | None:
    """Share of sentence ends in the modern rhyme that most of them have, whatever the tone; None
    where there are fewer than ENDS of them, since few ends agree by chance."""
    ends = [line[-1] for line in re.findall(r"\w+(?=。)", text)]
    if len(ends) < ENDS:
        return None
    counts = Counter(name for end in ends for name in {r.rhyme for r in sounds.modern(end)})
    return max(counts.values(), default=0) / len(ends)


def judged(poems: Sequence[tuple[str, str]], ci: Ci, known: set[str]) -> dict[str, float]:
    """Poems by tune: share whose lengths are one of the tune's forms; rhyme; copies."""
    forms = _ci.forms(ci)
    own = [_ci.lengths(text) in forms[tune] for tune, text in poems]
    rhymed = [share for _, text in poems if (share := rhyming(text)) is not None]
    return {
        "form": float(np.mean(own)),
        **({"rhyme": float(np.mean(rhymed))} if rhymed else {}),
        **copied([re.findall(r"\w+", text) for _, text in poems], known),
    }


def by_tune(poems: Sequence[tuple[str, str]], ci: Ci) -> dict[str, float]:
    """Share of right form of each tune."""
    forms = _ci.forms(ci)
    own = {tune: [_ci.lengths(text) in forms[tune] for name, text in poems if name == tune]
           for tune in ci.tunes}  # fmt: skip
    return {tune: round(float(np.mean(some)), 3) for tune, some in own.items() if some}


def real(known: set[str]) -> dict[str, Any]:
    """Test poems; the same with their characters shuffled within each."""
    ci, rng = _ci.read(), np.random.default_rng(0)
    poems = ci.poems["test"]
    mixed = [(tune, jumbled(text, rng)) for tune, text in poems]
    return {
        "poems": len(poems),
        "real": judged(poems, ci, known),
        "shuffled": judged(mixed, ci, known),
        "forms": {tune: [list(form) for form in forms] for tune, forms in _ci.forms(ci).items()},
        "by tune": by_tune(poems, ci),
    }


def jumbled(text: str, rng: np.random.Generator) -> str:
    """The characters in another order; stops where they were."""
    characters = iter(rng.permutation([c for c in text if c.isalpha()]).tolist())
    return "".join(next(characters) if c.isalpha() else c for c in text)


def perplexity(logs: Array) -> float:
    return round(float(np.exp(-logs.mean())), 2)


def fitted(n: int) -> WittenBell:
    ci = _ci.read()
    return WittenBell(n, len(ci.characters)).fit(ci.ids("train"))


def of_ngram(model: WittenBell) -> float:
    """Perplexity of the test poems, each one's tune given."""
    ids = _ci.read().ids("test")
    return perplexity(np.concatenate([model.log_probabilities(row)[1:] for row in ids]))


def barred(ci: Ci) -> Array:
    """Tokens that never come within a poem: tunes and rare ones."""
    return np.array([token in ci.tunes or token == _ci.RARE for token in ci.characters])


def written(params: dict[str, Any], count: int, tau: float, skeletons: dict[str, str] | None,
            rng: np.random.Generator) -> tuple[list[tuple[str, str]], float]:  # fmt: skip
    """``count`` poems of each tune, and what given stops cost: nats of a poem in the mean.

    skeletons: where the stops stand, by tune; None: where the network sets them.
    """
    ci = _ci.read()
    tunes = [tune for tune in ci.tunes for _ in range(count)]
    ids = np.array([[ci.characters.index(tune)] for tune in tunes])
    longest = max(len(text) for _, text in ci.poems["train"]) + 1
    state, rows, cost, bar = None, [], np.zeros(len(tunes)), barred(ci)
    for t in range(longest):
        scores, state = writer.forward(params, ids, state)
        logs = functional.log_softmax(scores[:, 0].astype(np.float64))
        logs[:, bar] = -np.inf
        if skeletons is not None:
            logs = np.where(allowed(ci, [skeletons[tune] for tune in tunes], t), logs, -np.inf)
            over = np.array([t > len(skeletons[tune]) for tune in tunes])
            cost -= np.where(over, 0, np.logaddexp.reduce(logs, axis=1))
        ids = sampling.draw(sampling.temperature(logs, tau), rng)[:, None]
        rows.append(ids[:, 0])
    texts = ["".join(ci.characters[k] for k in row).split(_ci.END)[0]
             for row in np.stack(rows, axis=1).tolist()]  # fmt: skip
    return list(zip(tunes, texts, strict=True)), float(cost.mean())


def allowed(ci: Ci, skeletons: Sequence[str], t: int) -> Array:
    """(N, V): which tokens the t-th place of each skeleton admits; behind its end the end."""
    names = np.array(ci.characters)
    here = [skeleton[t] if t < len(skeleton) else _ci.END for skeleton in skeletons]
    rows = {sign: names == sign for sign in set(here)}
    rows["x"] = np.array([token.isalpha() for token in ci.characters])
    return np.stack([rows[sign] for sign in here])


def of_network(params: dict[str, Any], count: int, tau: float, known: set[str]) -> dict[str, Any]:
    """Perplexity of test poems; poems written free, and with the tune's usual stops given."""
    ci = _ci.read()
    found: dict[str, Any] = {
        "perplexity": perplexity(_ci.log_probabilities(params, ci.ids("test")))
    }
    for name, skeletons in (("free", None), ("ruled", _ci.usual(ci))):
        rows, shown = [], []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            poems, cost = written(params, count, tau, skeletons, rng)
            rows.append(judged(poems, ci, known) | {"cost": cost})
            shown = shown or poems
        found[name] = {"seeds": rows, "by tune": by_tune(shown, ci),
                       "samples": [list(poem) for poem in shown[::count]]}  # fmt: skip
    return found
