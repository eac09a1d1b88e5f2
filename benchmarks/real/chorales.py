"""Alto, tenor and bass under Bach's sopranos: tables, hidden Markov models, networks. Ten minutes.

The corpus's own split, on a grid of quarter notes; only the training part is transposed. Accuracy
is the share of steps at which a voice has Bach's very pitch; nats a step are of the three voices
together; rules and copied passages are counted in what each method writes for the test sopranos,
and in Bach. "leak" learns also the test pieces, in every key but their own: what transposing
before splitting would do.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

from functools import cache
from typing import Any

import _harmonise as ways
import numpy as np
from _chorales import (
    NEEDS,
    Array,
    Pieces,
    agreement,
    breaks,
    copied,
    judged,
    longest_copied,
    ranges,
    read,
    shifts_of,
)

SIZES = {
    "alone": ways.Sizes(chain=False),
    "chain": ways.Sizes(chain=True),
    "chain of pitches": ways.Sizes(chain=True, hung=False, epochs=30),
}
TEMPERATURES = {"greedy": 0.0, "temperature 0.5": 0.5, "temperature 1": 1.0}
KNOWN = 16  # steps of a melody, four bars, that must stand in the training part


@cache
def known() -> Array:
    """Which test pieces share so long a melody with the training part, in any key."""
    parts = read()
    return np.array(longest_copied(parts["test"], parts["train"], melody=True)) >= KNOWN


def apart(found: Pieces) -> dict[str, float]:
    """Mean accuracy where the melody is known, and where it is new."""
    test = read()["test"]
    rows = {}
    for name, wanted in (("known melody", True), ("new melody", False)):
        some = [k for k in range(len(test)) if known()[k] == wanted]
        rows[name] = agreement([test[k] for k in some], [found[k] for k in some])["mean"]
    return rows


def scores(found: Pieces) -> dict[str, Any]:
    """What is measured of harmonisations of the test sopranos."""
    parts = read()
    return judged(parts["test"], found, parts["train"]) | {"by melody": apart(found)}


# --- without a network ---------------------------------------------------------------------------


def corpus() -> dict[str, Any]:
    """Sizes of the parts, and Bach by the same measures as all others."""
    parts = read()
    return {
        "parts": {part: {"pieces": len(some), "steps": sum(map(len, some))}
                  for part, some in parts.items()},
        "ranges": ranges(),
        "keys a training piece": float(np.mean([len(shifts_of(one)) for one in parts["train"]])),
        "bach": {
            "breaks": breaks(parts["test"]),
            "copied": copied(parts["test"], parts["train"]),
            "melody copied": copied(parts["test"], parts["train"], melody=True),
            "known melodies": int(known().sum()),
        },
    }  # fmt: skip


def by_table() -> dict[str, Any]:
    """Each voice by the soprano's note at that step."""
    parts = read()
    table, rng = ways.note_table(parts["train"]), np.random.default_rng(0)
    return {
        "nll": round(ways.table_nll(table, parts["test"]), 4),
        "greedy": scores([ways.by_table(table, one) for one in parts["test"]]),
        "temperature 1": scores([ways.by_table(table, one, rng) for one in parts["test"]]),
    }


def by_models() -> dict[str, Any]:
    """A hidden Markov model for each voice."""
    parts = read()
    models = ways.voice_models(parts["train"])
    return {
        "nll": round(ways.models_nll(models, parts["test"]), 4),
        "greedy": scores([ways.by_models(models, one) for one in parts["test"]]),
    }


def by_voicings() -> dict[str, Any]:
    """One hidden Markov model of all three voices; what it never saw has no probability."""
    parts = read()
    model = ways.voicings(parts["train"])
    test = {tuple(row) for one in parts["test"] for row in one[:, 1:].tolist()}
    return {
        "states": len(model.alone),
        "test voicings never seen": round(float(np.mean([c not in model.alone for c in test])), 4),
        "greedy": scores([ways.by_voicings(model, one) for one in parts["test"]]),
    }


# --- networks ------------------------------------------------------------------------------------


def network(kind: str, way: str, seed: int) -> dict[str, Any]:
    """One training. way: "keys", "one key", or "leak"."""
    parts = read()
    learnt = parts["train"]
    keys = [[0] if way == "one key" else shifts_of(one) for one in learnt]
    if way == "leak":
        learnt = learnt + parts["test"]
        keys += [[shift for shift in shifts_of(one) if shift] or [1] for one in parts["test"]]
    model, told = ways.trained(SIZES[kind], seed, learnt, keys)
    rows = {}
    for name, temperature in TEMPERATURES.items():
        rng = np.random.default_rng(seed)
        rows[name] = scores(model.harmonised(parts["test"], temperature, rng))
    return told | {"nll": ways.nll(model, parts["test"]), "rows": rows}


def gathered(rows: list[Any]) -> Any:
    """Of all seeds: mean and spread of each number, at its place."""
    if isinstance(rows[0], dict):
        return {key: gathered([row[key] for row in rows]) for key in rows[0]}
    return summary(rows)


def described(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The networks of one kind under several seeds."""
    return {
        "seeds": len(runs),
        "parameters": runs[0]["parameters"],
        "epochs": [run["best"] for run in runs],
        "curve": [round(x, 3) for x in runs[0]["curve"]],
    } | {name: gathered([run[name] for run in runs])
         for name in ("valid nll", "nll", "rows", "cpu_seconds")}  # fmt: skip


def main() -> None:
    what = "Harmonising the sopranos of Bach's chorales: tables, HMMs, GRUs; rules; copied steps."
    simple = {"table": by_table, "HMM a voice": by_models, "HMM of voicings": by_voicings}
    kinds = [
        ("alone", "keys"),
        ("chain", "keys"),
        ("chain of pitches", "keys"),
        ("chain", "one key"),
        ("chain", "leak"),
    ]
    found: dict[str, list] = {f"{kind}, {way}": [] for kind, way in kinds}
    with Run("chorales", what, NEEDS, ["torch"], 4 + 3 * len(kinds)) as run:
        head = {
            "metric": "accuracy: share of steps with Bach's pitch; nll: nats a step of alto, tenor "
            "and bass together; breaks: in a hundred steps; copied: longest passage of a piece, in "
            "steps, that stands in the training part in any key",
            "settings": {kind: sizes._asdict() for kind, sizes in SIZES.items()},
        } | run.step("corpus", corpus)
        head["simple"] = {name: run.step(name, one) for name, one in simple.items()}
        for seed in run.seeds:
            for kind, way in kinds:
                name = f"{kind}, {way}"
                found[name].append(run.step(f"{name}, seed {seed}", network, kind, way, seed))
            networks = {name: described(runs) for name, runs in found.items()}
            run.write(head | {"networks": networks})  # after each round, so one is there early


if __name__ == "__main__":
    main()
