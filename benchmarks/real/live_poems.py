"""The poet of the page `poetry`: which tones and rhymes characters have, what training lines hold.

The network is the one that live_writer.py trained on the same poems (live_tang.json): nothing is
trained here. Beside it the page needs the table of sounds, and an index of four characters in a row
in the training lines, by which it says how long a copied run may be at most. Then poems are written
under each set of rules and judged, beside real ones. A minute.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

from collections.abc import Sequence
from typing import Any

import numpy as np
import tang

from rnncourse import data
from rnncourse.nlp import sounds
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


def best(model: poet.Poet, lines: Sequence[str]) -> poet.Verdict:
    """A poem under the pattern that it breaks least; of equals under the one that it rhymes by."""
    found = [model.judge(lines, pattern) for pattern in poet.PATTERNS]
    return min(found, key=lambda one: (len(one.breaks), not one.rhyme))


def shares(verdicts: Sequence[poet.Verdict]) -> dict[str, float]:
    """Of poems: which part has right tones, a rhyme, both, no repeats; breaks; copied runs."""
    return {
        "tones": float(np.mean([not one.breaks for one in verdicts])),
        "rhyme": float(np.mean([bool(one.rhyme) and not one.doubled for one in verdicts])),
        "lawful": float(np.mean([one.lawful for one in verdicts])),
        "no repeats": float(np.mean([not one.repeated for one in verdicts])),
        "breaks": float(np.mean([len(one.breaks) for one in verdicts])),
        "run": float(np.mean([one.run for one in verdicts])),
    }


def written(seed: int, size: int, rules: Sequence[str]) -> dict[str, Any]:
    """Poems under some rules: how lawful, what the rules cost in nats, the first three."""
    model, rng = poet.load("poems"), np.random.default_rng(seed)
    found = []
    for _ in range(WRITTEN):
        pattern = poet.PATTERNS[int(rng.integers(len(poet.PATTERNS)))]
        found.append(model.write(poet.Order(size, pattern=pattern), rules, TAU, rng.random))
    return shares([best(model, one.lines) for one in found]) | {
        "cost": float(np.mean([one.cost for one in found])),
        "log p": float(np.mean([one.log_prob for one in found])),
        "poems": [str(one) for one in found[:3]],
    }


def real(size: int, part: str = "test") -> dict[str, Any]:
    """Real poems, of which the network saw none."""
    model = poet.load("poems")
    texts = [poem for poem in tang.read().text[part] if tang.form(poem) == size]
    return shares([best(model, tang.lines(poem)) for poem in texts]) | {"poems": len(texts)}


def gathered(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    numbers = [name for name in runs[0] if name != "poems"]
    return {name: summary([run[name] for run in runs]) for name in numbers} | {
        "poems": runs[0]["poems"]
    }


def main() -> None:
    what = "A poet for the page: tones and rhymes as masks over a recorded network; how lawful."
    steps = 1 + len(poet.SIZES) * (1 + 3 * len(RULES))
    with Run("live_poems", what, NEEDS, ["tshet-uinh"], steps) as run:
        found = run.step("sounds and index", network)
        run.write({"network": found}, "live_poems")
        base = data.recorded(f"live_{BASE}")["network"]
        rows: dict[str, Any] = {}
        for size in poet.SIZES:
            rows[str(size)] = {"real": run.step(f"{size}: real", real, size)}
            for name, rules in RULES.items():
                runs = [run.step(f"{size}: {name} {seed}", written, seed, size, rules)
                        for seed in run.seeds]  # fmt: skip
                rows[str(size)][name] = gathered(runs)
        run.write({"bytes": weights.size(found), "loaded": poet.size(found, base), "tau": TAU,
                   "written": WRITTEN, "by size": rows})  # fmt: skip


if __name__ == "__main__":
    main()
