"""The two networks that write in the page `language_model`, in eight bits a weight. Half an hour.

Tiny Shakespeare and Tang quatrains, split as by shakespeare.py and tang.py: the middle part
chooses the epoch and the n-gram, the last one is what the page reports. Both networks are one
GRU, small enough for a browser; the output layer shares its matrix with the embedding (Press and
Wolf 2017), which leaves room for 2,000 Chinese characters. Beside the record of what was measured
stand the networks themselves, live_shakespeare.json and live_tang.json.
"""

from _common import Run  # isort: skip  (sets the number of threads)

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import shakespeare
import tang
from _language import bits, chosen, chunks, learn, stream_batches, streams

from rnncourse import data
from rnncourse.nlp.ngram import KneserNey, WittenBell
from rnncourse.nn import cells, functional, layers, optim, recurrent
from rnncourse.widgets import weights, writer

Array = np.ndarray
NEEDS = [*shakespeare.NEEDS, *tang.NEEDS]
RATE, CLIP, SEED = 3e-3, 1.0, 0
COMMONEST = 2000  # characters of the training poems that the network writes; the others are rare
TEMPERATURES, SAMPLES = (0.5, 0.8, 1.0), 20
CLOSE = 0.7  # the page offers a unit whose correlation with a feature is at least so large
KINDS = {"witten-bell": WittenBell, "kneser-ney": KneserNey}


class Task(NamedTuple):
    """A text, how it is read, and a network for it."""

    texts: dict[str, list[Array]]  # of each part: token numbers, one array for each document
    tokens: str  # the characters by number
    rare: str | None  # of these the one that stands for all others
    end: str | None  # after which a document is at its end; each begins with the first token
    length: int  # characters of a sample
    D: int
    H: int
    epochs: int
    dropout: float
    orders: range | None  # of the n-grams; None where real_ngrams.json has them for this text


@cache
def plays() -> Task:
    text = shakespeare.read()
    parts = {part: [ids] for part, ids in text.ids.items()}
    return Task(parts, "".join(text.characters), None, None, 400, 64, 256, 14, 0.1, None)


@cache
def poems() -> Task:
    text = tang.read().text
    counts = Counter(character for poem in text["train"] for character in poem)
    common = sorted(character for character, _ in counts.most_common(COMMONEST))
    found = tang.Poems(text, [tang.MARK, tang.RARE, *common])
    parts = {part: found.ids(part) for part in text}
    tokens = "".join(found.characters)
    return Task(parts, tokens, tang.RARE, tang.MARK, 80, 72, 160, 14, 0.3, range(1, 6))


TASKS: dict[str, Callable[[], Task]] = {"shakespeare": plays, "tang": poems}


# --- the network, forward and backward -------------------------------------------------------


def init(rng: np.random.Generator, V: int, D: int, H: int) -> dict[str, Any]:
    """Parameters in float32, as `writer.forward` takes them; E small, since it ends in scores."""
    E = layers.embedding_init(rng, V, D, np.float32)["E"] * np.float32(0.1)
    return {
        "embedding": {"E": E},
        "cell": cells.gru_init(rng, D, H, np.float32),
        "projection": layers.dense_init(rng, H, D, np.float32),
        "output": {"b_y": np.zeros(V, np.float32)},
    }


def loss_and_gradients(
    params: dict[str, Any], ids: Array, state: Any, dropout: float, rng: np.random.Generator
) -> tuple[float, dict[str, Any], Any]:
    """Mean loss in nats of predicting ids[:, 1:] from ids[:, :-1]; gradients; the last state.

    Dropout below and above the cell. E is read twice, so its gradient is a sum of two.
    """
    E, inputs = params["embedding"]["E"], ids[:, :-1]
    xs = layers.embedding_forward(inputs, params["embedding"])
    xs, below = layers.dropout_forward(xs, dropout, rng)
    hs, last, tape = recurrent.gru_forward(xs, state, params["cell"])
    hs, above = layers.dropout_forward(hs, dropout, rng)
    us = layers.dense_forward(hs, params["projection"])
    loss, dys = functional.cross_entropy(us @ E.T + params["output"]["b_y"], ids[:, 1:])

    V, D = E.shape
    flat = dys.reshape(-1, V)
    dhs, projection = layers.dense_backward(dys @ E, hs, params["projection"])
    dhs = layers.dropout_backward(dhs, above)
    dxs, _, cell = recurrent.gru_backward(dhs, None, tape, params["cell"])
    dxs = layers.dropout_backward(dxs, below)
    dE = layers.embedding_backward(dxs, inputs, params["embedding"])["E"]
    dE += flat.T @ us.reshape(-1, D)
    grads = {"embedding": {"E": dE}, "cell": cell, "projection": projection}
    return loss, grads | {"output": {"b_y": flat.sum(axis=0)}}, last


# --- reading -----------------------------------------------------------------------------------


def pieces(task: Task, part: str) -> Iterator[tuple[Array, bool]]:
    """A part in pieces (N, T + 1), and whether the state begins at zero with this one."""
    documents = task.texts[part]
    if task.end is None:
        yield from ((chunk, k == 0) for k, chunk in enumerate(chunks(documents[0][None], 500)))
    else:
        yield from ((rows, True) for rows in tang.same_length(documents, 64))


def log_probabilities(task: Task, params: dict[str, Any], part: str) -> Array:
    """log p of every character of a part but each document's first, in nats."""
    found, state = [], None
    for rows, fresh in pieces(task, part):
        scores, state = writer.forward(params, rows[:, :-1], None if fresh else state)
        found.append(chosen(functional.log_softmax(scores.astype(np.float64)), rows).ravel())
    return np.concatenate(found)


def measured(task: Task, params: dict[str, Any]) -> dict[str, float]:
    """Bits a character of both parts held out."""
    return {part: round(bits(-float(log_probabilities(task, params, part).mean())), 4)
            for part in ("valid", "test")}  # fmt: skip


def trained(task: Task, seed: int = SEED, epochs: int | None = None) -> tuple[dict, dict]:
    """Parameters, and what :func:`_language.learn` tells of their training."""
    rng = np.random.default_rng(seed)
    params = init(rng, len(task.tokens), task.D, task.H)
    train = task.texts["train"]

    def batches() -> Iterable[tuple[Array, bool]]:
        if task.end is None:
            return stream_batches(streams(train[0], 32), 64)
        return tang.shuffled(rng, train)

    told = learn(
        params,
        lambda ids, state: loss_and_gradients(params, ids, state, task.dropout, rng),
        batches,
        lambda: -float(log_probabilities(task, params, "valid").mean()),
        epochs or task.epochs, RATE, CLIP,
    )  # fmt: skip
    return params, told


# --- eight bits -----------------------------------------------------------------------------------


def one_axis(params: dict[str, Any], axis: int) -> dict[str, Any]:
    """All matrices rounded with a scale for each column (0) or for each row (1)."""
    return {part: {name: weights.quantize(a, axis).array() if a.ndim == 2 else a
                   for name, a in arrays.items()} for part, arrays in params.items()}  # fmt: skip


def rounded(task: Task, params: dict[str, Any], in_eight: dict[str, Any]) -> dict[str, Any]:
    """Bits a character in float32, and with the matrices in eight bits in three ways."""
    return {
        "float32": measured(task, params),
        "a scale for each column": measured(task, one_axis(params, 0)),
        "a scale for each row": measured(task, one_axis(params, 1)),
        "the better of both": measured(task, in_eight),
    }


def learnt(name: str) -> dict[str, Any]:
    """One network, trained, packed and measured."""
    task = TASKS[name]()
    params, told = trained(task)
    packed = weights.pack(params)
    in_eight = writer.nested(weights.unpack(packed))
    network = {"tokens": task.tokens, "rare": task.rare, "end": task.end, "length": task.length,
               "units": followers(name, in_eight), "weights": packed}  # fmt: skip
    return {
        "network": network,
        "bytes": weights.size(network),
        "parameters": sum(p.size for p in optim.leaves(params).values()),
        "bits": rounded(task, params, in_eight),
        "epochs": task.epochs,
        "best epoch": told["best"],
        "cpu seconds": round(told["cpu_seconds"], 1),
        "curves": {part: [round(bits(loss), 4) for loss in told[part]]
                   for part in ("train", "valid")},
    }  # fmt: skip


# --- what single numbers of the state follow -------------------------------------------------


def places(lines: list[str]) -> list[int]:
    """Of each character of these lines its place in its line, from 0."""
    return [k for line in lines for k in range(len(line))]


def features(name: str, text: str) -> dict[str, Array]:
    """What is true at each character of the text read: a number that a unit might follow."""
    if name == "shakespeare":
        lines = text.splitlines(keepends=True)
        speaker = [float(line.rstrip()[-1:] == ":") for line in lines for _ in line]
        return {"line": np.array(places(lines), float), "name": np.array(speaker)}
    columns: dict[str, list[float]] = {"line": [], "form": [], "poem": []}
    for poem in text.split(tang.MARK)[1:-1:2]:
        columns["line"] += [0, *places(re.findall("[^，。]+[，。]", poem))]
        columns["form"] += [float(poem.index("，"))] * (len(poem) + 1)
        columns["poem"] += range(len(poem) + 1)
    return {feature: np.array(values) for feature, values in columns.items()}


def followers(name: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each feature the unit that goes with it most closely on the middle part; Pearson's r."""
    task = TASKS[name]()
    documents = task.texts["valid"]
    hs = np.concatenate([writer.states(params, ids[None, :-1] if task.end else ids[None])[0][0]
                         for ids in documents])  # fmt: skip
    found = []
    for feature, values in features(
        name, "".join(task.tokens[k] for d in documents for k in d)
    ).items():
        r = np.corrcoef(hs.T, values)[-1, :-1]
        unit = int(np.abs(r).argmax())
        found.append({"feature": feature, "unit": unit, "r": round(float(r[unit]), 2)})
    return found


# --- beside it ------------------------------------------------------------------------------------


def ngram(name: str, kind: str, n: int) -> dict[str, float]:
    """Bits a character of an n-gram on the same parts, with the same characters."""
    task = TASKS[name]()
    model = KINDS[kind](n, len(task.tokens)).fit(task.texts["train"])
    return {part: round(bits(-float(np.concatenate(
                [model.log_probabilities(ids)[1:] for ids in task.texts[part]]).mean())), 4)
            for part in ("valid", "test")}  # fmt: skip


def ngrams(run: Run, name: str) -> dict[str, dict[int, dict[str, float]]]:
    """The rows of both n-grams by n."""
    orders = TASKS[name]().orders
    if orders is None:
        kept = data.recorded("real_ngrams")[name]
        return {kind: {int(n): row for n, row in kept[kind]["by n"].items()} for kind in KINDS}
    return {kind: {n: run.step(f"{name}: {kind} {n}", ngram, name, kind, n) for n in orders}
            for kind in KINDS}  # fmt: skip


def counts(name: str, n: int) -> int:
    """How many different pieces of 1 to n characters an n-gram keeps a count of."""
    task = TASKS[name]()
    documents = ["".join(task.tokens[k] for k in ids) for ids in task.texts["train"]]
    return sum(len({text[i : i + k] for text in documents for i in range(len(text) - k + 1)})
               for k in range(1, n + 1))  # fmt: skip


def longest_copy(sample: str, training: str) -> str:
    """The longest piece of a sample that stands in the training text, the first of several."""
    best, length = "", 1
    for start in range(len(sample)):
        while start + length <= len(sample) and sample[start : start + length] in training:
            best = sample[start : start + length]
            length += 1
    return best


def writings(name: str, network: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """At each temperature: SAMPLES texts with seeds 0, 1, …, and how they were copied."""
    task = TASKS[name]()
    training = "".join(task.tokens[k] for ids in task.texts["train"] for k in ids)
    model = writer.Writer(network)
    found = {}
    for tau in TEMPERATURES:
        written = [model.write("", tau, seed) for seed in range(SAMPLES)]
        copies = [longest_copy(text, training) for text in written]
        found[str(tau)] = {
            "longest copy": max(map(len, copies)),
            "copied": max(copies, key=len),
            "median longest copy": float(np.median([len(copy) for copy in copies])),
            **judged(name, written),
        }
    return found


def judged(name: str, written: list[str]) -> dict[str, float]:
    """Share of words that the plays have, or of quatrains of right form."""
    if name == "tang":
        return {"right form": float(np.mean([tang.form(poem) is not None for poem in written]))}
    text = shakespeare.read()
    known = set(shakespeare.words("".join(text.characters[k] for k in text.ids["train"])))
    words = [word for sample in written for word in shakespeare.words(sample)[:-1]]
    return {"known words": round(float(np.mean([word in known for word in words])), 4)}


# --- the record -----------------------------------------------------------------------------------


def best(rows: dict[str, dict[int, dict[str, float]]]) -> dict[str, Any]:
    """The n-gram with the fewest bits on the middle part."""
    kind, n = min(((kind, n) for kind in rows for n in rows[kind]),
                  key=lambda key: rows[key[0]][key[1]]["valid"])  # fmt: skip
    return {"kind": kind, "n": n, **rows[kind][n]}


def record(run: Run, name: str) -> dict[str, Any]:
    """What is measured of one network; the network itself into a file of its own."""
    rows = ngrams(run, name)
    found = run.step(f"{name}: network", learnt, name)
    network = found.pop("network")
    found["followers"] = network["units"]
    network["units"] = [row for row in network["units"] if abs(row["r"]) >= CLOSE]
    run.write({"network": network}, f"live_{name}")
    task, baseline = TASKS[name](), best(rows)
    sizes = {part: sum(len(ids) - 1 for ids in some) for part, some in task.texts.items()}
    return found | {
        "settings": {"kind": "gru", "D": task.D, "H": task.H, "rate": RATE, "clip": CLIP,
                     "schedule": "cosine", "dropout": task.dropout, "seed": SEED},
        "characters": sizes,
        "vocabulary": len(task.tokens),
        "n-grams": rows,
        "baseline": baseline | {"counts": run.step(f"{name}: counts", counts, name, baseline["n"])},
        "written": run.step(f"{name}: samples", writings, name, network),
    }  # fmt: skip


def main() -> None:
    what = "Two networks that write in the page: bits per character, in float32 and in eight bits."
    steps = sum(2 * len(task().orders or ()) + 3 for task in TASKS.values())
    with Run("live_writer", what, NEEDS, steps=steps) as run:
        run.write({name: record(run, name) for name in TASKS})


if __name__ == "__main__":
    main()
