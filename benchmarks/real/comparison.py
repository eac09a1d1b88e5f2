"""Which cell when: simple cells, LSTM, GRU, both ways, equal parameters and updates. Two hours.

Adding and copy memory as Hochreiter and Schmidhuber (1997) and Bai, Kolter and Koltun (2018)
set them, brackets, and reviews in which order decides. Each network is one layer of the
course's own cells and a dense layer; its width is that which comes nearest to the budget of
parameters. At the same seed all kinds read the same batches, every batch is new, and all get
the same number of updates. The rate is chosen for each kind from the same two, on a stream of
its own; long tasks take the rate of their short form. Before all that: adding over 30 steps,
each cell from two starts and at five rates, from which the chapter takes its settings.

Three seeds. Seconds are the processor's own.
"""

from _common import ROOT, SEEDS, Run, summary  # isort: skip  (sets the number of threads)

import math
import statistics
import time
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from rnncourse import comparison
from rnncourse.data import corpora, tasks
from rnncourse.nlp import text
from rnncourse.nn import functional, optim

Array = np.ndarray
Batch = tuple[Array, Array, Array | None]  # xs (N, T, D), targets, mask
ALL = ("rnn", "irnn", "lstm", "gru", "bilstm")  # irnn: ReLU, and the identity at the start
ONE_WAY = ALL[:4]  # copying: all of the answer is asked for after all of the input
PUBLISHED_KINDS = ("rnn", "lstm", "gru")  # tanh, as the published simple cell
RATES = (2e-3, 8e-3)
CLIP, FLOOR, POINTS, TRIAL_SEED, TEST_SEED = 1.0, 0.05, 40, 100, 200
KEPT = ROOT / "_build" / "real"
# Bai, Kolter and Koltun (2018), table 1: test loss, at 70K and 16K parameters.
PUBLISHED = {
    "adding": {"T": 600, "lstm": 0.164, "gru": 5.3e-5, "rnn": 0.177, "tcn": 5.8e-5},
    "copy": {"T": 1000, "lstm": 0.0204, "gru": 0.0197, "rnn": 0.0202, "tcn": 3.5e-5},
}


class Task(NamedTuple):
    """What is trained, and for how long."""

    name: str
    T: int
    budget: int  # of parameters
    updates: int
    kinds: tuple[str, ...] = ALL
    N: int = 32
    span: int | None = None  # of the biases at the start, see comparison.init
    longer: tuple[int, ...] = ()  # other lengths to be tested on
    chunk: int = 100_000  # updates a step
    like: str | None = None  # take the rates of this task

    @property
    def key(self) -> str:
        return f"{self.name} {self.T}" + (", long memory" if self.span else "")


TASKS = (
    Task("brackets", 50, 2_240, 800, longer=(300,)),
    Task("reviews", 30, 20_500, 400),
    Task("adding", 100, 10_000, 1_000, span=100),
    Task("adding", 100, 10_000, 1_000, kinds=("lstm", "gru")),
    Task("copy", 100, 16_000, 1_600, kinds=ONE_WAY, span=120),
    Task("adding", 600, 70_000, 1_600, PUBLISHED_KINDS, 20, 600, chunk=400,
         like="adding 100, long memory"),
    Task("copy", 1000, 16_000, 800, PUBLISHED_KINDS, 20, 1020, chunk=400,
         like="copy 100, long memory"),
    Task("adding", 200, 10_000, 1_600, span=200, like="adding 100, long memory"),
)  # fmt: skip

# The chapter's own task: every start with every rate, at full length.
SHORT = Task("adding", 30, 1_700, 400)
STARTS = {  # kind of cell, and whether its gates' biases are spread over the length
    "rnn": ("rnn", False),
    "irnn": ("irnn", False),
    "lstm": ("lstm", False),
    "lstm, long memory": ("lstm", True),
    "gru": ("gru", False),
    "gru, long memory": ("gru", True),
}
SHORT_RATES = (2e-3, 5e-3, 1e-2, 2e-2, 5e-2)


# --- batches and losses --------------------------------------------------------------------


@cache
def vocabulary() -> text.Vocabulary:
    """The words of the reviews."""
    texts, _ = corpora.made_up_verdicts(np.random.default_rng(TRIAL_SEED), 4_000)
    return text.Vocabulary.from_documents([text.words(t) for t in texts])


def batch(name: str, rng: np.random.Generator, N: int, T: int) -> Batch:
    """One batch of a task; reviews have their own length, whatever T is."""
    if name == "adding":
        xs, sums = tasks.adding(rng, N, T)
        return xs.astype(np.float32), sums[:, None], None
    if name == "copy":
        ids, targets = tasks.copy_memory(rng, N, T)
        return np.eye(10, dtype=np.float32)[ids], targets, None
    if name == "brackets":
        ids, depth = tasks.brackets(rng, N, T)
        return np.eye(3, dtype=np.float32)[ids], depth, None
    texts, labels = corpora.made_up_verdicts(rng, N)
    ids, mask = text.pad([vocabulary().encode(text.words(t)) for t in texts])
    return np.eye(len(vocabulary()), dtype=np.float32)[ids], labels, mask


OUTPUTS = {"adding": 1, "copy": 10, "brackets": 7, "reviews": 2}


def sizes(name: str) -> tuple[int, int]:
    """D and V of a task."""
    D = {"adding": 2, "copy": 10, "brackets": 3}.get(name)
    return D or len(vocabulary()), OUTPUTS[name]


def answer(kind: str, name: str, params: Any, xs: Array, mask: Array | None) -> tuple[Array, Any]:
    """Outputs and cache: one output a sequence for adding and reviews, else one a step."""
    return comparison.forward(kind, xs, params, mask, last=name in ("adding", "reviews"))


def loss_of(name: str, ys: Array, targets: Array) -> tuple[float, Array]:
    """Squared error for adding, else cross-entropy; its gradient."""
    if name == "adding":
        return functional.squared_error(ys, targets.astype(ys.dtype))
    return functional.cross_entropy(ys, targets)


def share_right(name: str, ys: Array, targets: Array) -> float:
    """Share of right answers: within 0.04 when adding, the ten digits alone when copying."""
    if name == "adding":
        return float(np.mean(abs(ys - targets) < 0.04))
    right = ys.argmax(axis=-1) == targets
    return float(right[:, -10:].mean() if name == "copy" else right.mean())


def baseline(task: Task) -> dict[str, float]:
    """Loss and share right of the best constant answer, or as good as."""
    if task.name == "adding":  # always 1; the sum's density is 1 at its middle
        return {"loss": 1 / 6, "right": 0.0784}  # 1 - (1 - 0.04)²
    if task.name == "copy":
        return {"loss": 10 * math.log(8) / (task.T + 20), "right": 1 / 8}
    _, targets, _ = batch(task.name, np.random.default_rng(TEST_SEED), 1_000, task.T)
    shares = np.bincount(targets.ravel(), minlength=OUTPUTS[task.name]) / targets.size
    return {"loss": float(-(shares * np.log(shares)).sum()), "right": float(shares.max())}


# --- training ------------------------------------------------------------------------------


def width(task: Task, kind: str) -> int:
    D, V = sizes(task.name)
    return comparison.width(kind, D, V, task.budget)


def start(task: Task, kind: str, seed: int) -> Any:
    """Parameters at the start, drawn from a stream of their own."""
    D, V = sizes(task.name)
    rng = np.random.default_rng([seed, 1])
    return comparison.init(rng, kind, D, width(task, kind), V, np.float32, task.span)


def update(task: Task, kind: str, params: Any, state: Any, rate: float, draw: list[int]) -> float:
    """One update on the batch that ``draw`` names; returns its loss before."""
    xs, targets, mask = batch(task.name, np.random.default_rng(draw), task.N, task.T)
    ys, cache = answer(kind, task.name, params, xs, mask)
    loss, dys = loss_of(task.name, ys, targets)
    grads = comparison.backward(kind, dys, cache, params)
    optim.clip_by_norm(grads, CLIP)
    optim.adam_step(params, grads, state, rate)
    return loss


def learn(
    task: Task, kind: str, rate: float, seed: int, updates: int, begin: int = 0
) -> dict[str, Any]:
    """Updates ``begin`` to the chunk's end; goes on from the weights that the last one kept."""
    params, spent = start(task, kind, seed), time.process_time()
    state, end = optim.adam_init(params), min(begin + task.chunk, updates)
    file = f"comparison_{task.name}{task.T}_{bool(task.span)}_{kind}_{seed}_{{}}.npz"
    if begin:
        with np.load(KEPT / file.format(begin)) as kept:
            optim.restore([params, state], kept)
    schedule, every = optim.cosine(rate, updates, FLOOR * rate), max(1, updates // POINTS)
    losses = [
        update(task, kind, params, state, schedule(u), [seed, 2, u]) for u in range(begin, end)
    ]
    spent = time.process_time() - spent
    KEPT.mkdir(parents=True, exist_ok=True)
    np.savez(KEPT / file.format(end), **optim.leaves([params, state]))
    if begin:
        (KEPT / file.format(begin)).unlink()
    curve = [statistics.fmean(losses[k : k + every]) for k in range(0, len(losses), every)]
    found = {"curve": [float(f"{loss:.4g}") for loss in curve], "cpu_seconds": round(spent, 2)}
    return found | ({"tests": tests(task, kind, params)} if end == updates else {})


def tests(task: Task, kind: str, params: Any) -> dict[str, dict[str, float]]:
    """By length: loss and share right on 1,000 sequences that no training reads."""
    found = {}
    for T in (task.T, *task.longer):
        parts = []
        for k in range(20):
            xs, targets, mask = batch(task.name, np.random.default_rng([TEST_SEED, k]), 50, T)
            ys, _ = answer(kind, task.name, params, xs, mask)
            parts.append((loss_of(task.name, ys, targets)[0], share_right(task.name, ys, targets)))
        loss, right = np.mean(parts, axis=0)
        found[str(T)] = {"loss": float(loss), "right": float(right)}
    return found


def trial(task: Task, kind: str, rate: float) -> float:
    """Loss at the end of a training of half the length, on the trials' own stream."""
    return float(np.mean(learn(task, kind, rate, TRIAL_SEED, task.updates // 2)["curve"][-3:]))


def start_error(name: str, rate: float, seed: int) -> float:
    """Test error of a start at the chapter's own task, on the trials' streams."""
    kind, spread = STARTS[name]
    task = SHORT._replace(span=SHORT.T if spread else None)
    learnt = learn(task, kind, rate, TRIAL_SEED + seed, task.updates)
    return learnt["tests"][str(task.T)]["loss"]


def starts(run: Run) -> dict[str, Any]:
    """For each start: its errors by rate, one a seed, and the rate with the lowest mean."""
    found = {}
    for name in STARTS:
        errors = {
            f"{rate:g}": [
                round(run.step(f"{name}, rate {rate:g}, {seed}", start_error, name, rate, seed), 6)
                for seed in run.seeds
            ]
            for rate in SHORT_RATES
        }
        best = min(errors, key=lambda rate: sum(errors[rate]))
        found[name] = {"kind": STARTS[name][0], "span": SHORT.T if STARTS[name][1] else None,
                       "errors": errors, "rate": float(best)}  # fmt: skip
    return found


def milliseconds(task: Task, kind: str) -> float:
    """One update, the fastest of nine, in the processor's own time."""
    params, spent = start(task, kind, 0), []
    state = optim.adam_init(params)
    for k in range(9):
        begin = time.process_time()
        update(task, kind, params, state, 1e-3, [0, 3, k])
        spent.append(time.process_time() - begin)
    return round(1000 * min(spent), 2)


# --- the record ----------------------------------------------------------------------------


def one_kind(run: Run, task: Task, kind: str, rates: dict[float, float] | None) -> dict[str, Any]:
    """All that is recorded of a kind at a task."""
    name, (D, V) = f"{task.key}, {kind}", sizes(task.name)
    if rates is None:
        rates = {r: run.step(f"{name}, rate {r:g}", trial, task, kind, r) for r in RATES}
    rate, parts, H = min(rates, key=rates.get), [], width(task, kind)
    for seed in run.seeds:
        chunks = [
            run.step(f"{name}, seed {seed}, {k}", learn, task, kind, rate, seed, task.updates, k)
            for k in range(0, task.updates, task.chunk)
        ]
        parts.append({
            "curve": [loss for chunk in chunks for loss in chunk["curve"]],
            "cpu_seconds": sum(chunk["cpu_seconds"] for chunk in chunks),
            "tests": chunks[-1]["tests"],
        })  # fmt: skip
    test = {
        T: {m: summary([p["tests"][T][m] for p in parts], 7) for m in ("loss", "right")}
        for T in map(str, (task.T, *task.longer))
    }
    return {
        "H": H,
        "parameters": comparison.parameters(kind, D, H, V),
        "rate": rate,
        "trials": {f"{r:g}": round(loss, 6) for r, loss in rates.items()},
        "seeds": len(run.seeds),
        "test": test,
        "cpu_seconds": summary([p["cpu_seconds"] for p in parts], 1),
        "milliseconds": run.step(f"{name}, milliseconds", milliseconds, task, kind),
        "curves": [p["curve"] for p in parts],
    }


def settings(task: Task) -> dict[str, Any]:
    D, V = sizes(task.name)
    return {"name": task.name, "T": task.T, "N": task.N, "updates": task.updates, "D": D, "V": V,
            "budget": task.budget, "span": task.span, "rates_of": task.like or task.key,
            "baseline": baseline(task)}  # fmt: skip


def main() -> None:
    steps = sum(
        len(t.kinds) * (1 + len(RATES) * (not t.like) + len(SEEDS) * -(-t.updates // t.chunk))
        for t in TASKS
    )
    what = "Cells at equal parameters and equal updates: adding, copying, brackets, reviews."
    steps += len(STARTS) * len(SHORT_RATES) * len(SEEDS)
    with Run("comparison", what, steps=steps) as run:
        short = {"T": SHORT.T, "N": SHORT.N, "updates": SHORT.updates, "budget": SHORT.budget,
                 "starts": starts(run)}  # fmt: skip
        done: dict[str, Any] = {}
        for task in TASKS:
            like = done[task.like]["cells"] if task.like else {}
            rates = {
                kind: {float(r): loss for r, loss in cell["trials"].items()}
                for kind, cell in like.items()
            }
            cells = {kind: one_kind(run, task, kind, rates.get(kind)) for kind in task.kinds}
            done[task.key] = settings(task) | {"cells": cells}
            run.write({"clip": CLIP, "floor": FLOOR, "rates": RATES, "short": short,
                       "tasks": done, "published": PUBLISHED})  # fmt: skip


if __name__ == "__main__":
    main()
