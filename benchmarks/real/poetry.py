"""Verse under rules: quatrains, Song ci by tune, couplets. Real, n-gram, network free, network
constrained: how lawful, what the rules cost, how much is copied. Twenty minutes, most of them
training; the quatrains' network is the page's (live_writer.py), nothing is trained for them.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import _answers
import _ci
import _couplets
import _kept
import _tunes
import numpy as np
import tang
from _verse import RULES, Masks, Writing, copied, pieces, shares

from rnncourse import data
from rnncourse.nlp import prosody, sampling, sounds
from rnncourse.nlp.ngram import WittenBell
from rnncourse.widgets import weights, writer

Array = np.ndarray
NEEDS = [*tang.NEEDS, *_ci.NEEDS, *_couplets.NEEDS]
TAU, WRITTEN, BY_TUNE = 0.8, 200, 25  # temperature; poems of a seed, of each size; of each tune
ORDERS = (2, 3)  # of the n-grams that write
COUPLET_SEEDS, CI_SEEDS = (0, 1), (0,)
SETTINGS = {
    "tau": TAU, "quatrains": {"written": f"{WRITTEN} of each size and seed; free and n-gram "
                              f"{2 * WRITTEN} of a seed"},
    "ci": {"kind": "gru", "D": _ci.D, "H": _ci.H, "N": _ci.N, "epochs": _ci.EPOCHS,
           "rate": _ci.RATE, "dropout": _ci.DROPOUT, "written of each tune": BY_TUNE},
    "couplets": {"kind": "bidirectional gru, gru", "D": _couplets.D, "H": _couplets.H,
                 "N": _couplets.N, "epochs": _couplets.EPOCHS, "rate": _couplets.RATE,
                 "dropout": _couplets.DROPOUT},
}  # fmt: skip
METRIC = (
    "shares of poems, except: breaks, wrong tones of a poem; longest run, characters of a line "
    "that stand together in one training line; cost, nats of a poem or line: -log of the "
    "probability of what was allowed, along what was written. tones, breaks and rhyme: of poems "
    "of right form; lawful: of all. A character of two readings fits where one does"
)


def gathered(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Mean, spread and values of each number over seeds; of those that each seed has."""
    names = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: summary([row[name] for row in rows]) for name in names}


# --- quatrains --------------------------------------------------------------------------------


@cache
def network() -> tuple[list[str], Any]:
    found = data.recorded("live_tang")["network"]
    return list(found["tokens"]), writer.nested(weights.unpack(found["weights"]))


@cache
def learnt() -> tang.Poems:
    """Poems with the network's characters."""
    return tang.Poems(tang.read().text, network()[0])


@cache
def known(kind: str) -> set[str]:
    """Runs of characters in the training lines."""
    if kind == "quatrains":
        lines = [line for poem in tang.read().text["train"] for line in tang.lines(poem)]
    elif kind == "ci":
        lines = [x for _, text in _ci.read().poems["train"] for x in re.findall(r"\w+", text)]
    else:
        train = _couplets.read().text["train"]
        lines = [line for pairs in train.values() for pair in pairs for line in pair]
    return pieces(lines)


def judged(poems: Sequence[str]) -> dict[str, float]:
    """Quatrains: their laws, and what is copied."""
    found = [tang.lines(poem) for poem in poems if tang.form(poem)]
    return shares(poems, tang.form, tang.lines) | copied(found, known("quatrains"))


def of_size(poems: Sequence[str], size: int) -> list[str]:
    return [poem for poem in poems if tang.form(poem) == size]


def real_quatrains() -> dict[str, Any]:
    """Test poems; and the same with the characters of each shuffled, where nothing is left but
    the form."""
    rng, found = np.random.default_rng(0), {}
    for size in tang.FILES:
        poems = of_size(tang.read().text["test"], size)
        found[str(size)] = {
            "real": judged(poems) | {"poems": len(poems)},
            "shuffled": judged([_tunes.jumbled(poem, rng) for poem in poems]),
        }
    return found


def ngram_texts(model: WittenBell, tokens: Sequence[str], begin: Sequence[int],
                rng: np.random.Generator, skeletons: Sequence[str] | None = None,
                longest: int = 150) -> Iterator[str]:  # fmt: skip
    """Texts after each beginning, up to the mark; the rare token never comes.

    skeletons: of each text where its stops stand; None: where the n-gram sets them.
    """
    names = np.array(tokens)
    signs = np.array([len(token) == 1 and token.isalpha() for token in tokens])  # not the tunes
    usable = np.array([len(token) == 1 and token != tang.RARE for token in tokens])
    rows: dict[tuple[int | str, ...], Array] = {}
    for n, first in enumerate(begin):
        ids = [first]
        for k in range(len(skeletons[n]) if skeletons else longest):
            sign = skeletons[n][k] if skeletons else ""
            key = (*ids[len(ids) - min(model.n - 1, len(ids)) :], sign)
            if key not in rows:
                p = model.probabilities(key[:-1]) ** (1 / TAU) * usable
                p *= (signs if sign == "x" else names == sign) if sign else 1
                rows[key] = np.cumsum(p / p.sum())
            ids.append(int(np.searchsorted(rows[key][:-1], rng.random(), "right")))
            if tokens[ids[-1]] == tang.MARK:
                break
        yield "".join(tokens[k] for k in ids[1:]).split(tang.MARK)[0]


def ngram_quatrains(n: int) -> dict[str, Any]:
    """Poems of an n-gram at the same temperature: free, and with the stops given."""
    tokens = network()[0]
    model = WittenBell(n, len(tokens)).fit(learnt().ids("train"))
    forms = {str(size): "，".join(["x" * size] * 2) + "。" for size in tang.FILES}
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in ("all", *forms)}
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows["all"].append(judged(list(ngram_texts(model, tokens, [0] * 2 * WRITTEN, rng))))
        for name, form in forms.items():
            texts = ngram_texts(model, tokens, [0] * WRITTEN, rng, [form * 2] * WRITTEN)
            rows[name].append(judged(list(texts)))
    return {name if name == "all" else f"{name}, form given": gathered(some)
            for name, some in rows.items()}  # fmt: skip


def free_quatrains() -> dict[str, Any]:
    """Poems that the network writes without any rule."""
    tokens, params = network()
    rows, shown = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        ids, state, written = np.zeros((2 * WRITTEN, 1), np.int64), None, []
        for _ in range(41):
            scores, state = writer.forward(params, ids, state)
            scores[:, 0, tokens.index(tang.RARE)] = -np.inf
            ids = sampling.draw(sampling.temperature(scores, TAU), rng)
            written.append(ids[:, 0])
        texts = ["".join(tokens[k] for k in row).split(tang.MARK)[0]
                 for row in np.stack(written, axis=1).tolist()]  # fmt: skip
        shown = shown or texts[:5]
        rows.append({str(n): judged(of_size(texts, n)) for n in tang.FILES}
                    | {"all": judged(texts)})  # fmt: skip
    return {key: gathered([row[key] for row in rows]) for key in rows[0]} | {"samples": shown}


def ruled_quatrains(rules: int, size: int) -> dict[str, Any]:
    """Under the first so many of RULES."""
    tokens, params = network()
    writing, rows, shown = Writing(params, tokens, Masks(tokens, tang.RARE)), [], []
    for seed in range(3):
        poems, cost = writing.poems(size, WRITTEN, rules, TAU, np.random.default_rng(seed))
        rows.append(judged(poems) | {"cost": float(cost.mean())})
        shown = shown or poems[:5]
    return gathered(rows) | {"samples": shown}


def heard() -> dict[str, Any]:
    """Of the characters of all quatrains: which have two readings, and which Mandarin misreads;
    and how many real test poems keep the tones by today's readings."""
    text = [c for part in tang.read().text.values() for poem in part for c in poem if c.isalpha()]
    known = [c for c in text if sounds.tones(c)]
    entering = [c for c in known if sounds.entering(c)]
    tests = [poem for poem in tang.read().text["test"] if tang.form(poem)]
    return {
        "unknown": 1 - len(known) / len(text),
        "either": float(np.mean([len(sounds.tones(c)) == 2 for c in known])),
        "characters that are either": len({c for c in known if len(sounds.tones(c)) == 2}),
        "entering": len(entering) / len(known),
        "entering, level today": float(np.mean([sounds.modern_tones(c) == {sounds.LEVEL}
                                                for c in entering])),
        "misread today": float(np.mean([not sounds.modern_tones(c) & sounds.tones(c)
                                        for c in known])),
        "tones kept by today's readings": {
            str(size): float(np.mean([not prosody.judge(poem, sounds.modern_tones).breaks
                                      for poem in of_size(tests, size)])) for size in tang.FILES},
    }  # fmt: skip


def quatrains(run: Run) -> dict[str, Any]:
    recorded = data.recorded("real_live_writer")["tang"]
    found: dict[str, Any] = {
        "network": "live_tang, of live_writer.py: one network, in eight bits; seeds are of what it "
        "writes",
        "bits": {"network": recorded["bits"]["the better of both"]["test"],
                 "n-gram": recorded["baseline"]},
    }  # fmt: skip
    found["sounds"] = run.step("quatrains: sounds", heard)
    found |= run.step("quatrains: real", real_quatrains)
    for n in ORDERS:
        found[f"{n}-gram"] = run.step(f"quatrains: {n}-gram", ngram_quatrains, n)
    found["free"] = run.step("quatrains: free", free_quatrains)
    for k, rule in enumerate(RULES, start=1):
        found[f"with {rule}"] = {
            str(size): run.step(f"quatrains: {rule}, {size}", ruled_quatrains, k, size)
            for size in tang.FILES
        }
    return found


# --- ci and couplets ------------------------------------------------------------------------


def ngram_ci(n: int) -> dict[str, Any]:
    """Ci of an n-gram that was told the tune as the first token: free, and with the stops given."""
    ci, free, ruled = _ci.read(), [], []
    model = _tunes.fitted(n)
    names = [tune for tune in ci.tunes for _ in range(BY_TUNE)]
    begin, usual = [ci.characters.index(tune) for tune in names], _ci.usual(ci)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        for rows, given in ((free, None), (ruled, [usual[tune] for tune in names])):
            texts = ngram_texts(model, ci.characters, begin, rng, given)
            poems = list(zip(names, texts, strict=True))
            rows.append(_tunes.judged(poems, ci, known("ci")))
    return {"perplexity": _tunes.of_ngram(model), "free": gathered(free), "ruled": gathered(ruled)}


def network_ci(seed: int) -> dict[str, Any]:
    params, told = _kept.trained(_ci, seed)
    return told | _tunes.of_network(params, BY_TUNE, TAU, known("ci"))


def ci(run: Run) -> dict[str, Any]:
    sizes = {part: len(some) for part, some in _ci.read().poems.items()}
    found: dict[str, Any] = {"poems": sizes, "tunes": _ci.read().tunes}
    found |= {"vocabulary": len(_ci.read().characters)}
    found |= {"real": run.step("ci: real", real_ci)}
    for n in ORDERS:
        found[f"{n}-gram"] = run.step(f"ci: {n}-gram", ngram_ci, n)
    rows = [run.step(f"ci: seed {seed}", network_ci, seed) for seed in CI_SEEDS]
    found["perplexity"] = summary([row["perplexity"] for row in rows])
    found["training"] = training(rows)
    for kind in ("free", "ruled"):
        written = [row for run_ in rows for row in run_[kind]["seeds"]]
        found[kind] = gathered(written) | {
            key: rows[0][kind][key] for key in ("by tune", "samples")
        }
    return found


def training(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "seeds": len(rows),
        "parameters": rows[0]["parameters"],
        "cpu seconds": [round(row["cpu_seconds"], 1) for row in rows],
        "best epochs": [row["best"] for row in rows],
        "curves": {part: [round(x, 4) for x in rows[0][part]] for part in ("train", "valid")},
    }


def network_couplets(seed: int) -> dict[str, Any]:
    params, told = _kept.trained(_couplets, seed)
    return told | {str(size): _answers.of_network(params, size, known("couplets"))
                   for size in _couplets.NAMES}  # fmt: skip


def couplets(run: Run, record: dict[str, Any]) -> None:
    """Writes the record after each network."""
    pairs = _couplets.read()
    found: dict[str, Any] = {
        "pairs": {part: {str(n): len(x) for n, x in some.items()}
                  for part, some in pairs.text.items()},
        "vocabulary": len(pairs.characters),
    }  # fmt: skip
    for size in _couplets.NAMES:
        found[str(size)] = run.step(f"couplets: tables, {size}", tables, size)
    rows: list[dict[str, Any]] = []
    for seed in COUPLET_SEEDS:
        rows.append(run.step(f"couplets: seed {seed}", network_couplets, seed))
        for name in map(str, _couplets.NAMES):
            kinds = [kind for kind in rows[0][name] if kind != "samples"]
            found[name] |= {kind: gathered([row[name][kind] for row in rows]) for kind in kinds}
            found[name]["samples"] = rows[0][name]["samples"]
        record["couplets"] = found | {"training": training(rows)}
        run.write(record)


def tables(size: int) -> dict[str, Any]:
    return _answers.baselines(size, known("couplets"))


def real_ci() -> dict[str, Any]:
    return _tunes.real(known("ci"))


def main() -> None:
    what = "Verse under rules: real, n-gram, network free and constrained; what the rules cost."
    steps = 2 + len(ORDERS) * 2 + 1 + len(RULES) * 2 + 1 + len(CI_SEEDS) + len(COUPLET_SEEDS) + 2
    with Run("poetry", what, NEEDS, ["tshet-uinh"], steps) as run:
        record: dict[str, Any] = {"settings": SETTINGS, "metric": METRIC}
        record["quatrains"] = quatrains(run)
        record["ci"] = ci(run)
        couplets(run, record)


if __name__ == "__main__":
    main()
