"""A network for the page `captioning`: it describes a board of shapes. Ten minutes.

For each language a network of its own, of the design of rnncourse.widgets.captioner, learns from
scenes with none to three things, drawn anew for each update: things lie anywhere, on diagonals too,
and in one scene of eight two things are of the same kind. Test scenes were never drawn in the
training: scenes of the training that are test scenes are drawn again. A sentence counts where
rnncourse.data.scenes finds it true of the scene and complete; beside it, where it is the usual one
word by word. Networks are recorded in eight bits, and measured so.
"""

from _common import SEEDS, Run, summary  # isort: skip  (before NumPy)

import time
from collections import defaultdict
from typing import Any

import numpy as np

from rnncourse.data import scenes
from rnncourse.nlp import decoding, text
from rnncourse.nn import captioning, optim, train
from rnncourse.widgets import captioner, weights

D, H, FILTERS, N = 16, 96, (16, 32), 32
UPDATES, RATE, CLIP = 5000, 4e-3, 1.0
COUNTS = (0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3)  # things, drawn from these
TESTED = 300  # scenes for each number of things from 1 on
TWINS = 1 / 8
MORE = 4, 5, 8, 16  # things, more than in any scene of the training


def drawn(rng: np.random.Generator, N: int, counts: tuple[int, ...] = COUNTS, twins: float = TWINS
          ) -> list[scenes.Scene]:  # fmt: skip
    """Scenes, in some of which one thing is of another's kind."""
    found = []
    for scene in scenes.scenes(rng, N, counts, diagonal=True):
        if len(scene) > 1 and rng.random() < twins:
            a, b = rng.choice(len(scene), 2, replace=False)
            shape, colour, size = scene[b][:3]
            things = list(scene)
            things[a] = things[a]._replace(shape=shape, colour=colour, size=size)
            scene = scenes.ordered(things)
        found.append(scene)
    return found


def tested() -> dict[int, list[scenes.Scene]]:
    """Scenes by how many things there are; the empty board is one."""
    rng = np.random.default_rng(20240601)
    return {n: drawn(rng, TESTED if n else 1, (n,)) for n in range(scenes.MOST + 1)}


def vocabulary(language: str) -> list[str]:
    """After start and end, every word of the sentences, sorted."""
    rng = np.random.default_rng(0)
    some = [(), *drawn(rng, 500)]
    words = {word for scene in some
             for word in scenes.words(scenes.sentence(scene, language), language)}  # fmt: skip
    return [captioner.START, captioner.END, *sorted(words)]


def learnt(language: str, seed: int, updates: int = UPDATES) -> tuple[Any, list[str], float]:
    """Parameters after all updates, the rate falling; words; and CPU seconds."""
    rng, begin, plan = np.random.default_rng(seed), time.process_time(), captioner.design()
    words = vocabulary(language)
    number = {word: k for k, word in enumerate(words)}
    kept = {scene for some in tested().values() for scene in some if scene}
    params = captioning.captioner_init(rng, plan, 3, len(words), D, H, FILTERS, np.float32)

    def batch() -> captioning.Captions:
        some = [scene for scene in drawn(rng, N) if scene not in kept]
        lines = [scenes.words(scenes.sentence(scene, language), language) for scene in some]
        target = text.pad([[*(number[word] for word in line), 1] for line in lines])
        return captioning.Captions(scenes.pictures(some), *target)

    train.fit(params, lambda one: captioning.loss_and_gradients(plan, one, params),
              lambda: (batch() for _ in range(updates)), 1, rate=optim.cosine(RATE, updates),
              clip=CLIP)  # fmt: skip
    return params, words, time.process_time() - begin


def packed(params: Any) -> dict[str, Any]:
    """What the page has of a network: its weights, and its keys where it sees nothing."""
    some = drawn(np.random.default_rng(7), 500)
    keys, _ = captioning.eyes_forward(captioner.design(), scenes.pictures(some), params)
    return captioner.flat(params) | {"blank": keys.mean(axis=0)}


# --- what it can ------------------------------------------------------------------------------


def written(model: captioner.Describer, some: list[scenes.Scene], blank: bool = False) -> list[str]:
    """A sentence for each scene, all at once, as the page writes them one by one."""
    keys = [model.blank if blank else model.keys(things) for things in some]
    plan = captioner.design().decoder
    step, state = model.writer(np.array(keys))
    found = decoding.decode(step, state, [plan.start] * len(some), plan.end, captioner.LENGTH)
    return [scenes.join([model.words[k] for k in one.tokens if k != plan.end], model.language)
            for one in found]  # fmt: skip


def judged(language: str, some: list[scenes.Scene], found: list[str]) -> dict[str, float]:
    """Shares: sentences that are true; that are the usual one; that name the right things,
    wherever these are; and of such, about several things, the true ones."""
    true = [
        scenes.true_of(line, things, language) for things, line in zip(some, found, strict=True)
    ]
    usual = [line == scenes.sentence(things, language)
             for things, line in zip(some, found, strict=True)]  # fmt: skip
    kinds = [(said := scenes.understood(line, language)) is not None
             and sorted(said.kinds) == sorted(thing.kind for thing in things)
             for things, line in zip(some, found, strict=True)]  # fmt: skip
    return {"true": float(np.mean(true)), "usual": float(np.mean(usual)),
            "things": float(np.mean(kinds)),
            "places": float(np.sum(true) / max(1, np.sum(kinds)))}  # fmt: skip


def by_relation(language: str, some: list[scenes.Scene], found: list[str]) -> dict[str, Any]:
    """Of two things, by what the usual sentence says: share of true sentences, and scenes."""
    rows = defaultdict(list)
    for things, line in zip(some, found, strict=True):
        rows[scenes.relation(*scenes.ordered(things))].append(
            scenes.true_of(line, things, language)
        )
    return {name: [float(np.mean(rows[name])), len(rows[name])] for name in scenes.RELATIONS}


def measured(model: captioner.Describer) -> dict[str, Any]:
    """By the number of things; seen and not seen; and what becomes of too many."""
    language, scores = model.language, {}
    for n, some in tested().items():
        found, blind = written(model, some), written(model, some, True)
        scores[str(n)] = judged(language, some, found)
        scores[str(n)] |= {"blank": judged(language, some, blind)["true"],
                           "different": len(set(found))}  # fmt: skip
        if n == 2:
            scores["relations"] = by_relation(language, some, found)
    return {"things": scores, "many": many(model)}


def crowd(rng: np.random.Generator, n: int) -> scenes.Scene:
    """n things of any kind, anywhere."""
    places = [divmod(int(k), scenes.GRID) for k in rng.choice(scenes.GRID**2, n, replace=False)]
    kinds = [scenes.KINDS[k] for k in rng.integers(0, len(scenes.KINDS), n)]
    return tuple(scenes.Thing(shape, colour, size, *where)
                 for (size, colour, shape), where in zip(kinds, places, strict=True))  # fmt: skip


def many(model: captioner.Describer) -> dict[str, Any]:
    """Scenes with more things than it learnt: an example, and how many things it names."""
    rng, rows = np.random.default_rng(11), {}
    for n in MORE:
        some = [crowd(rng, n) for _ in range(50)]
        found = written(model, some)
        said = [scenes.understood(line, model.language) for line in found]
        rows[str(n)] = {"understood": sum(one is not None for one in said),
                        "things named": [len(one.kinds) for one in said if one]}  # fmt: skip
    return rows


def learned(language: str, seed: int) -> dict[str, Any]:
    """A network ready for the page; what it does in float, and in eight bits."""
    params, words, seconds = learnt(language, seed)
    arrays = packed(params)
    full = {name: np.asarray(one, np.float64) for name, one in optim.leaves(arrays).items()}
    network = {"words": {language: words}, "weights": weights.pack({language: arrays})}
    shown = captioner.Describer(network, language)
    exact = captioner.Describer(network, language)
    exact.params, exact.blank = captioner.nested(full), full["blank"]
    return {"network": network, "float": measured(exact), "eight bits": measured(shown),
            "parameters": sum(one.size for one in full.values()),
            "cpu seconds": round(seconds, 1)}  # fmt: skip


def worth(row: dict[str, Any]) -> float:
    """By which the seed is chosen: true sentences about three things, on scenes of their own."""
    model = captioner.Describer(row["network"], next(iter(row["network"]["words"])))
    some = drawn(np.random.default_rng(99), TESTED, (2, 3))
    return judged(model.language, some, written(model, some))["true"]


def record(rows: dict[str, list[dict[str, Any]]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of each language all seeds: what was measured, and the networks for the page."""
    found: dict[str, Any] = {"settings": {
        "D": D, "H": H, "filters": FILTERS, "batch": N, "updates": UPDATES, "rate": RATE,
        "clip": CLIP, "things": COUNTS, "twins": TWINS, "tested": TESTED}}  # fmt: skip
    both: dict[str, Any] = {"words": {}, "weights": {}}
    for language, some in rows.items():
        best = int(np.argmax([worth(row) for row in some]))
        for part in both:
            both[part] |= some[best]["network"][part]
        true = {how: {n: summary([row[how]["things"][n]["true"] for row in some])
                      for n in map(str, range(scenes.MOST + 1))}
                for how in ("float", "eight bits")}  # fmt: skip
        found[language] = {"seed": best, "shown": some[best]["eight bits"], "true": true,
                           "cpu seconds": [row["cpu seconds"] for row in some],
                           "parameters": some[best]["parameters"]}  # fmt: skip
    found["bytes"] = weights.size(both)
    assert found["bytes"] <= weights.LIMIT
    return found, both


def main() -> None:
    what = ("Sentences about boards of shapes in eight bits: share that is true, by things and by "
            "relation, and with the picture blanked.")  # fmt: skip
    with Run("live_scenes", what, steps=len(SEEDS) * len(scenes.LANGUAGES)) as run:
        rows: dict[str, list[dict[str, Any]]] = {language: [] for language in scenes.LANGUAGES}
        for seed in run.seeds:  # a record after each seed, since they take long
            for language in scenes.LANGUAGES:
                rows[language].append(run.step(f"{language}, seed {seed}", learned, language, seed))
            found, both = record(rows)
            run.write(found)
            run.write({"network": both}, "live_scenes")


if __name__ == "__main__":
    main()
