"""The poet of the page `poetry`: which tones and rhymes characters have, what training lines hold.

The network is the one that live_writer.py trained on the same poems (live_tang.json): nothing is
trained here. Beside it the page needs the table of sounds, and an index of four characters in a row
in the training lines, by which it says how long a copied run may be at most. Then poems are written
under each set of rules and judged, beside real ones. A minute.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import tang

from rnncourse import data
from rnncourse.nlp import prosody, sounds
from rnncourse.widgets import poet, weights

BASE, NEEDS = "tang", tang.NEEDS
WRITTEN, TAU = 100, 0.8  # poems of each size for a seed and a set of rules
RULES = {
    "form only": (),
    "tones": ("tones",),
    "rhyme": ("rhyme",),
    "tones, rhyme": ("tones", "rhyme"),
    "tones, rhyme, no repeats": poet.RULES,
}


def network() -> dict[str, Any]:
    """What the page loads beside the weights of BASE."""
    known = sorted(sounds.characters())
    rhymes = {name: "".join(c for c in known if name in sounds.rhymes(c))
              for name in sounds.groups("平")}  # fmt: skip
    lines = [line for poem in tang.read().text["train"] for line in tang.lines(poem)]
    return {
        "base": BASE,
        "weights": {},
        "rhymes": rhymes,
        "oblique": "".join(c for c in known if sounds.OBLIQUE in sounds.tones(c)),
        "forms": "".join(old + new for old, new in sorted(forms().items())),
        "index": poet.index_of(lines),
    }


def forms() -> dict[str, str]:
    """Other forms of a character → the one that the table has."""
    signs = map(chr, (*range(0x3400, 0xA000), *range(0x20000, 0x20A70)))
    return {sign: new for sign in signs if (new := sounds.alternatives(sign)) != sign}


# --- what it writes --------------------------------------------------------------------------


def judged(model: poet.Poet, lines: Sequence[str]) -> dict[str, float]:
    """Tones under the pattern that it breaks least; whether lines 2 and 4 rhyme, in a level rhyme
    and by two words; both together, with the first line where its pattern rhymes; copied runs."""
    found = [model.judge(lines, pattern) for pattern in prosody.PATTERNS]
    second, last = lines[1][-1], lines[3][-1]
    fewest = min(len(one.breaks) for one in found)
    return {
        "tones": float(fewest == 0),
        "rhyme": float(second != last and bool(model.groups(second) & model.groups(last))),
        "lawful": float(any(one.lawful for one in found)),
        "no repeats": float(not found[0].repeated),
        "breaks": float(fewest),
        "run": float(found[0].run),
    }


def shares(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each column."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def written(seed: int, size: int, rules: Sequence[str]) -> dict[str, Any]:
    """Poems under some rules: how lawful, what the rules cost in nats, the first three."""
    model, rng = poet.load("poems"), np.random.default_rng(seed)
    found = []
    for _ in range(WRITTEN):
        pattern = prosody.PATTERNS[int(rng.integers(len(prosody.PATTERNS)))]
        found.append(model.write(poet.Order(size, pattern=pattern), rules, TAU, rng.random))
    return shares([judged(model, one.lines) for one in found]) | {
        "cost": float(np.mean([one.cost for one in found])),
        "log p": float(np.mean([one.log_prob for one in found])),
        "poems": [str(one) for one in found[:3]],
    }


def real(size: int, part: str = "test") -> dict[str, Any]:
    """Real poems, of which the network saw none."""
    model = poet.load("poems")
    texts = [poem for poem in tang.read().text[part] if tang.form(poem) == size]
    return shares([judged(model, tang.lines(poem)) for poem in texts]) | {"poems": len(texts)}


def chance(size: int, part: str = "test") -> float:
    """How often the fourth line of the next poem rhymes with the second of this one."""
    model = poet.load("poems")
    texts = [tang.lines(poem) for poem in tang.read().text[part] if tang.form(poem) == size]
    mixed = [[*one[:3], other[3]] for one, other in pairwise(texts)]
    return float(np.mean([judged(model, lines)["rhyme"] for lines in mixed]))


def fingerprint(base: dict[str, Any]) -> str:
    """Of a network: where it is trained anew, this has to be run again."""
    return hashlib.sha256(json.dumps(base, sort_keys=True).encode()).hexdigest()


def gathered(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    numbers = [name for name in runs[0] if name != "poems"]
    return {name: summary([run[name] for run in runs]) for name in numbers} | {
        "poems": runs[0]["poems"]
    }


def main() -> None:
    what = "A poet for the page: tones and rhymes as masks over a recorded network; how lawful."
    steps = 1 + len(prosody.SIZES) * (2 + 3 * len(RULES))
    with Run("live_poems", what, NEEDS, ["tshet-uinh"], steps) as run:
        found = run.step("sounds and index", network)
        base = data.recorded(f"live_{BASE}")["network"]
        run.write({"base sha256": fingerprint(base), "network": found}, "live_poems")
        rows: dict[str, Any] = {}
        for size in prosody.SIZES:
            rows[str(size)] = {
                "real": run.step(f"{size}: real", real, size),
                "rhyme by chance": run.step(f"{size}: chance", chance, size),
            }
            for name, rules in RULES.items():
                runs = [run.step(f"{size}: {name} {seed}", written, seed, size, rules)
                        for seed in run.seeds]  # fmt: skip
                rows[str(size)][name] = gathered(runs)
        run.write({"bytes": weights.size(found), "loaded": poet.size(found, base), "tau": TAU,
                   "written": WRITTEN, "by size": rows})  # fmt: skip


if __name__ == "__main__":
    main()
