"""A small network for the page `music`: three voices under a reader's melody. Five minutes.

The chain of ``chorales.py`` (a bidirectional GRU over the soprano, a GRU over the voices chosen so
far), smaller, in eight bits a weight, beside the table of each voice's pitches under a note. It
learns the training part in all keys that the ranges allow; the validation part chooses the epoch
and the seed. What is measured is what the page does: no voice leaves its range, and none rests
where the soprano sounds. Under "tunes" stand the reader's examples, and the longest passage of
each that the training part has, in any key: of the melody, and of what is written below it.
"""

from _common import SEEDS, Run, summary  # isort: skip  (before NumPy)

import itertools
from typing import Any

import _harmonise as ways
import numpy as np
from _chorales import NEEDS, Array, Pieces, agreement, breaks, copied, longest_copied, ranges, read

from rnncourse import interop, music
from rnncourse.nn import optim
from rnncourse.widgets import harmonist, weights

SIZES = ways.Sizes(chain=True, D=24, H=80)
RULES = "rules kept"  # crossings and parallels masked
TEMPERATURES = {"greedy": 0.0, "temperature 0.5": 0.5, "temperature 1": 1.0}
LICENCE = "Bach is in the public domain; JSB-Chorales-dataset (czhuang) names no licence"


def arrays_of(model: Any) -> dict[str, Any]:
    """A network's parameters as the course's layers have them."""
    one = {name: table.weight.detach().numpy() for name, table in
           {"top": model.top, "move": model.move}.items()}  # fmt: skip
    outs = []
    for out in model.outs:
        first, last = (layer for layer in out if hasattr(layer, "weight"))
        outs.append({"W_1": first.weight.detach().numpy().T, "b_1": first.bias.detach().numpy(),
                     "W_2": last.weight.detach().numpy().T,
                     "b_2": last.bias.detach().numpy()})  # fmt: skip
    return one | {
        "below": [table.weight.detach().numpy() for table in model.below],
        "read": list(interop.from_torch(model.read)),
        "write": interop.from_torch(model.write),
        "out": outs,
    }


def network_of(params: dict[str, Any], table: Array) -> dict[str, Any]:
    """What the page loads; the table's voices in the order in which they are chosen."""
    tables = [table[column - 1].astype(np.float32) for column in harmonist.ORDER]
    return {"ranges": ranges(), "weights": weights.pack(params | {"table": tables})}


def exact(params: dict[str, Any], table: Array) -> harmonist.Harmonist:
    """The same with all digits."""
    model = harmonist.Harmonist(network_of(params, table))
    tables = [table[column - 1] for column in harmonist.ORDER]
    leaves = optim.leaves(params | {"table": tables})
    model.arrays = {name: np.asarray(array, np.float64) for name, array in leaves.items()}
    return model


def under(model: harmonist.Harmonist, way: str, temperature: float, rules: bool = False
          ) -> dict[str, Any]:  # fmt: skip
    """What is written under the sopranos of the test part: agreement with Bach, rules broken in a
    hundred steps, steps copied from the training part; log p a step by the model without rules."""
    rng, parts = np.random.default_rng(0), read()
    found = [model.harmonise(piece[:, 0], way, temperature, rng, rules) for piece in parts["test"]]
    steps = sum(map(len, parts["test"]))
    return scores([one.voices for one in found]) | {
        "log p": round(sum(one.log_prob for one in found) / steps, 4)}  # fmt: skip


def scores(found: Pieces) -> dict[str, Any]:
    """Of voices under the test sopranos."""
    parts = read()
    return {"accuracy": agreement(parts["test"], found), "breaks": breaks(found),
            "copied": copied(found, parts["train"])}  # fmt: skip


def learnt(seed: int) -> dict[str, Any]:
    """A network ready for the page; what it does with all digits, and in eight bits."""
    train = read()["train"]
    model, told = ways.trained(SIZES, seed, train, [ways.shifts_of(piece) for piece in train])
    params, table = arrays_of(model), ways.note_table(train)
    network = network_of(params, table)
    shown = harmonist.Harmonist(network)
    full = under(exact(params, table), "network", 0.0)
    rows = {f"{name}, {kept}" if kept else name: under(shown, "network", temperature, bool(kept))
            for name, temperature in TEMPERATURES.items() for kept in ("", RULES)}  # fmt: skip
    return told | {"network": network, "bytes": weights.size(network), "float": full, "rows": rows,
                   "nll": ways.nll(model, read()["test"])}  # fmt: skip


def beside() -> dict[str, Any]:
    """Without a network: Bach himself, and the table (of any record: it is the same in all)."""
    bach = read()["test"]
    return {"breaks": breaks(bach), "copied": copied(bach, read()["train"])}


def told(bach: dict, table: dict, greedy: dict) -> dict[str, float]:
    """The numbers that the page says of itself: percent, and parallels in a hundred steps."""
    rows = {"network": greedy, "table": table}
    return ({name: round(100 * row["accuracy"]["mean"]) for name, row in rows.items()}
            | {f"{name} parallels": round(row["breaks"]["parallels"], 1)
               for name, row in (rows | {"bach": bach}).items()})  # fmt: skip


def tunes(network: dict[str, Any]) -> dict[str, Any]:
    """Of each example: rules broken (whole counts), the longest passage that is in training."""
    model, train, rows = harmonist.Harmonist(network), read()["train"], {}
    for name, tune in harmonist.TUNES.items():
        melody, _ = harmonist.read(tune)
        rows[name] = {"steps": len(melody), "melody in training": longest_copied(
            [np.repeat(melody[:, None], 4, axis=1)], train, melody=True)[0]}  # fmt: skip
        for way, rules in itertools.product(harmonist.WAYS, (False, True)):
            voices = model.harmonise(melody, way, rules=rules).voices
            rows[name][f"{way}, {RULES}" if rules else way] = {
                "parallels": len(music.parallels(voices)),
                "crossings": len(music.crossings(voices)),
                "copied": longest_copied([voices], train)[0],
            }
    return rows


def main() -> None:
    what = "Alto, tenor and bass in the page, in eight bits, beside a table and Bach."
    with Run("live_chorales", what, NEEDS, ["torch"], len(SEEDS) + 1) as run:
        bach = run.step("Bach", beside)
        runs = []
        for seed in run.seeds:  # a record after each seed, so that one is there early
            runs.append(run.step(f"seed {seed}", learnt, seed))
            best = min(range(len(runs)), key=lambda k: runs[k]["valid nll"])
            network = runs[best]["network"]
            assert runs[best]["bytes"] <= weights.LIMIT
            shown = harmonist.Harmonist(network)
            table = under(shown, "table", 0.0)
            said = {"told": told(bach, table, runs[best]["rows"]["greedy"])}
            run.write({"licence": LICENCE, "network": network | said}, "live_chorales")
            run.write({
                "metric": "accuracy: share of steps with Bach's pitch; breaks: in a hundred steps; "
                "copied: longest passage of a piece that is in the training part in any key, steps"
                "; log p: of the voices below, nats a step, by the model before any rule is masked",
                "licence": LICENCE,
                "settings": SIZES._asdict(),
                "seed": run.seeds[best],
                "bytes": runs[best]["bytes"],
                "bach": bach,
                "table": table,
                f"table, {RULES}": under(shown, "table", 0.0, True),
                "shown": {name: runs[best][name] for name in ("float", "rows", "nll")},
                "seeds": {
                    "valid nll": summary([one["valid nll"] for one in runs]),
                    "accuracy": summary([one["rows"]["greedy"]["accuracy"]["mean"]
                                         for one in runs]),
                    "cost of the rules": summary([
                        one["rows"]["greedy"]["log p"] - one["rows"][f"greedy, {RULES}"]["log p"]
                        for one in runs]),
                    "parallels": summary([one["rows"]["greedy"]["breaks"]["parallels"]
                                          for one in runs]),
                    "cpu seconds": [one["cpu_seconds"] for one in runs],
                },
                "parameters": runs[best]["parameters"],
                "tunes": tunes(network),
            })  # fmt: skip


if __name__ == "__main__":
    main()
