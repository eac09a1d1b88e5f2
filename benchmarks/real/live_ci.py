"""The page's network for Song ci: what it loads, and how right its forms and rhymes are.

A GRU over the commonest characters of the twelve commonest tunes, smaller than the one of
poetry.py, told the tune by its first token. Beside it stand each tune's form, as its training poems
have it (where the stops stand, which sentence ends rhyme), today's rhymes, and an index of four
characters in a row, by which the page says how long a copied run may be at most. Six minutes.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import _ci
import _verse
import live_poems
import numpy as np

from rnncourse.nlp import sounds
from rnncourse.nn import optim
from rnncourse.widgets import poet, songci, weights, writer

NEEDS = _ci.NEEDS
COMMONEST, D, H, EPOCHS, SEED = 1800, 48, 104, 10, 0
ALIKE = 0.4  # sentence ends that rhyme in so many poems of a tune belong together; by chance 0.1
HASHES, BITS = 4, 6  # of the index: it takes one piece in eighteen for a known one
WRITTEN, TAU = 10, 0.8  # poems of each tune for a seed and a set of rules
RULES: dict[str, tuple[str, ...]] = {"form": (), "form, rhyme": songci.RULES}
LONGEST = 150


@cache
def read() -> _ci.Ci:
    """Poems as in poetry.py; fewer characters, which stand before the tunes."""
    found = _ci.read()
    counts = Counter(sign for _, text in found.poems["train"] for sign in text)
    common = sorted(sign for sign, _ in counts.most_common(COMMONEST))
    return found._replace(characters=[_ci.END, _ci.RARE, *common, *found.tunes])


# --- forms of the tunes -------------------------------------------------------------------------


def ends(text: str) -> list[str]:
    """The last character of each line."""
    return [line[-1] for line in re.findall(r"\w+", text)]


def level(sign: str) -> bool:
    """Whether its tone is level, and level only, in the old rhyme books."""
    return sounds.tones(sign) == {sounds.LEVEL}


def alike(rows: Sequence[Sequence[str]], i: int, j: int) -> float:
    """How often two line ends rhyme today, whatever the tone."""
    names = [[{reading.rhyme for reading in sounds.modern(row[k])} for k in (i, j)] for row in rows]
    return float(np.mean([bool(a & b) for a, b in names]))


def rhyming(skeleton: str, rows: Sequence[Sequence[str]]) -> list[list[int]]:
    """Which lines that end a sentence rhyme with one another, group by group.

    rows: the line ends of poems of this form.
    """
    stops = re.findall(r"[^\wx]+", skeleton)
    groups: list[list[int]] = []
    for k in (k for k, stop in enumerate(stops) if stop != "，" and stop != "、"):
        near = [one for one in groups if np.mean([alike(rows, k, i) for i in one]) >= ALIKE]
        near[0].append(k) if near else groups.append([k])
    return [one for one in groups if len(one) > 1]


def form(tune: str, poems: Sequence[tuple[str, str]], skeleton: str) -> dict[str, Any]:
    """A tune's commonest form; turned: rhyming lines of the other tone than their group's first."""
    mine = [text for own, text in poems if own == tune]
    rows = [ends(text) for text in mine if _ci.lengths(text) == _ci.lengths(skeleton)]
    groups = rhyming(skeleton, rows)
    tones = np.mean([[level(sign) for sign in row] for row in rows], axis=0) > 0.5
    return {
        "tune": tune,
        "skeleton": skeleton,
        "groups": groups,
        "turned": [k for some in groups for k in some if tones[k] != tones[some[0]]],
        "share": round(len(rows) / len(mine), 3),
    }


# --- what the page loads --------------------------------------------------------------------------


def rhymes(characters: Sequence[str]) -> dict[str, str]:
    """Characters of each rhyme: one of today's fourteen, with the old tone, level or oblique."""
    found: dict[str, list[str]] = {}
    marks = {sounds.LEVEL: poet.LEVEL, sounds.OBLIQUE: poet.OBLIQUE}
    for sign in characters:
        for name in {reading.rhyme for reading in sounds.modern(sign)} - {""}:
            for tone in sounds.tones(sign):
                found.setdefault(name + marks[tone], []).append(sign)
    return {name: "".join(signs) for name, signs in sorted(found.items())}


def network(params: dict[str, Any]) -> dict[str, Any]:
    """All that the page loads for tunes."""
    ci, skeletons = read(), _ci.usual(read())
    train = ci.poems["train"]
    signs = [sign for sign in ci.characters if len(sign) == 1]
    lines = [line for _, text in train for line in re.findall(r"\w+", text)]
    return {
        "tokens": "".join(signs),
        "rare": _ci.RARE,
        "end": _ci.END,
        "length": LONGEST,
        "forms": [form(tune, train, skeletons[tune]) for tune in ci.tunes],
        "rhymes": rhymes([sign for sign in signs if sign.isalpha()]),
        "olds": "".join(old + new for old, new in sorted(live_poems.forms().items())),
        "index": poet.index_of(lines, HASHES, BITS),
        "weights": weights.pack(params),
    }


def learnt() -> dict[str, Any]:
    """The network, trained and packed; perplexity of the test poems before and after."""
    ci = read()
    params, told = _ci.trained(ci, SEED, EPOCHS, (D, H))
    found = network(params)
    in_eight = writer.nested(weights.unpack(found["weights"]))
    ids = ci.ids("test")
    return {
        "network": found,
        "parameters": sum(p.size for p in optim.leaves(params).values()),
        "perplexity": {
            name: round(float(np.exp(-_ci.log_probabilities(some, ids).mean())), 2)
            for name, some in (("float32", params), ("eight bits", in_eight))
        },
        "cpu seconds": round(told["cpu_seconds"], 1),
        "best epoch": told["best"],
        "curves": {part: [round(loss, 4) for loss in told[part]] for part in ("train", "valid")},
    }


# --- what it writes -------------------------------------------------------------------------------


@cache
def known() -> set[str]:
    """Runs of characters in the training lines."""
    texts = [text for _, text in read().poems["train"]]
    return _verse.pieces([line for text in texts for line in re.findall(r"\w+", text)])


def errs(model: songci.Songs) -> float:
    """How often the index takes a piece of a test poem for a known one that is not."""
    lines = [line for _, text in read().poems["test"] for line in re.findall(r"\w+", text)]
    pieces = {line[k : k + poet.RUN] for line in lines for k in range(len(line) - poet.RUN + 1)}
    return float(np.mean([model.index.run(piece) > 0 for piece in pieces - known()]))


def judged(model: songci.Songs, tune: str, text: str) -> dict[str, float | None]:
    """Whether lengths are those of the tune's commonest form; where they are, the share of rhyming
    ends that are in their group's commonest rhyme, and whether all of them are."""
    own = model.forms[tune]
    lines = re.findall(r"\w+", text)
    right = [len(line) for line in lines] == own.lengths
    verdict = model.judge(tune, lines) if right else None
    run = max((_verse.run(line, known()) for line in lines), default=0)
    return {
        "form": float(right),
        "rhyme": verdict.share if verdict else None,
        "lawful": float(verdict.lawful if verdict else False),
        "run": float(run),
    }


def shares(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The mean of each column over the rows that have it; none where no row has."""
    found = {name: [row[name] for row in rows if row[name] is not None] for name in rows[0]}
    return {name: float(np.mean(some)) for name, some in found.items() if some}


def free(model: songci.Songs, tune: str, rng: np.random.Generator) -> str:
    """A text after a tune, up to the end: stops are the network's own."""
    text = model.begin(tune)
    barred = np.array([sign == _ci.RARE for sign in model.tokens])
    for _ in range(LONGEST):
        scores = np.where(barred, -np.inf, text.scores[: len(model.tokens)]) / TAU
        p = np.exp(scores - scores.max())
        place = np.searchsorted(np.cumsum(p / p.sum()), rng.random(), "right")
        sign = model.tokens[min(int(place), len(p) - 1)]
        if sign == _ci.END:
            break
        text.read(sign)
    return "".join(text.signs)


def written(seed: int, rules: Sequence[str] | None) -> dict[str, Any]:
    """Poems of each tune under some rules, None for no form either."""
    model, rng = songci.load("ci"), np.random.default_rng(seed)
    rows, shown = [], []
    for tune in model.forms:
        for _ in range(WRITTEN):
            if rules is None:
                text, costs = free(model, tune, rng), {}
            else:
                song = model.write(tune, "", rules, TAU, rng.random)
                text, costs = str(song), {"cost": song.cost, "log p": song.log_prob}
            rows.append(judged(model, tune, text) | costs)
        shown.append(text)
    return shares(rows) | {"poems": shown}


def real() -> dict[str, Any]:
    """Test poems, and how their ends rhyme when each is another poem's of the tune."""
    model, poems = songci.load("ci"), read().poems["test"]
    rows = [judged(model, tune, text) for tune, text in poems]
    rng, mixed = np.random.default_rng(0), []
    for tune, own in model.forms.items():
        right = [re.findall(r"\w+", text) for name, text in poems if name == tune]
        right = [lines for lines in right if [len(line) for line in lines] == own.lengths]
        for _ in range(20 if right else 0):
            drawn = [right[rng.integers(len(right))][k] for k in range(len(own.lengths))]
            mixed.append(model.judge(tune, drawn).share)
    return shares(rows) | {
        "poems": len(rows),
        "index errs": errs(model),
        "rhyme by chance": float(np.mean(mixed)),
    }


def gathered(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = [name for name in runs[0] if name != "poems" and all(name in run for run in runs)]
    return {name: summary([run[name] for run in runs]) for name in names} | {
        "poems": runs[0]["poems"]
    }


def main() -> None:
    what = "A network for the page that writes Song ci to twelve tunes: form and rhyme, in shares."
    rows = {"free": None, **RULES}
    with Run("live_ci", what, NEEDS, steps=2 + 3 * len(rows)) as run:
        found = run.step("network", learnt)
        loaded = found.pop("network")
        run.write({"network": loaded}, "live_ci")
        told = {"real": run.step("real", real)}
        for name, rules in rows.items():
            told[name] = gathered([run.step(f"{name} {seed}", written, seed, rules)
                                   for seed in run.seeds])  # fmt: skip
        settings = {"D": D, "H": H, "epochs": EPOCHS, "rate": _ci.RATE, "dropout": _ci.DROPOUT,
                    "seed": SEED}  # fmt: skip
        run.write(found | {"loaded": songci.size(loaded), "settings": settings, "tau": TAU,
                           "written": WRITTEN, "kinds": told})  # fmt: skip


if __name__ == "__main__":
    main()
