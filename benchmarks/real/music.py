"""Chords to come: JSB chorales and Nottingham tunes as piano rolls of 88 keys. An hour.

RNN, LSTM and GRU of the course's own layers at the sizes of Bai, Kolter and Koltun (2018):
300,000 parameters for the chorales, a million for the tunes. The number measured is theirs:
at each step but the first of a piece, the negative log-likelihood (nats) of all 88 keys,
summed over the keys; its mean over all such steps of all test pieces together, so that long
pieces weigh more. The validation pieces choose the epoch and chose the settings.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from _language import INIT, learn
from scipy.io import loadmat

from rnncourse import data
from rnncourse.nn import functional, layers, optim

Array = np.ndarray
Pieces = list[Array]  # each (T, 88) of 0 and 1
FILES = {"jsb": "JSB_Chorales.mat", "nottingham": "Nottingham.mat"}
NEEDS = [("music", file) for file in FILES.values()]
PARTS = ("train", "valid", "test")
KEYS = 88


class Settings(NamedTuple):
    """Of one network on one set."""

    H: int
    rate: float
    epochs: int
    below: float  # dropout of the keys read
    above: float  # dropout of what the cell gives to the output layer
    N: int  # pieces an update
    T: int  # steps an update; the state goes on
    clip: float = 1.0


NETWORKS = {
    "jsb": {
        "rnn": Settings(466, 2e-3, 14, 0.1, 0.4, 2, 160),
        "lstm": Settings(224, 6e-3, 14, 0.1, 0.6, 2, 160),
        "gru": Settings(262, 6e-3, 12, 0.1, 0.6, 2, 160),
    },
    "nottingham": {
        "rnn": Settings(915, 1e-3, 8, 0.0, 0.3, 8, 100),
        "lstm": Settings(447, 3e-3, 8, 0.0, 0.3, 8, 100),
        "gru": Settings(521, 3e-3, 8, 0.0, 0.3, 8, 100),
    },
}
PUBLISHED = {  # tcn: the convolutions that the paper is about
    "source": "Bai, Kolter and Koltun (2018), An empirical evaluation of generic convolutional "
    "and recurrent networks for sequence modeling, Table 1",
    "jsb": {"rnn": 8.91, "lstm": 8.45, "gru": 8.43, "tcn": 8.10},
    "nottingham": {"rnn": 4.05, "lstm": 3.29, "gru": 3.46, "tcn": 3.07},
}


@cache
def read(name: str) -> dict[str, Pieces]:
    """The pieces of each part, as they are given."""
    rolls = loadmat(data.path("music", FILES[name]))
    return {part: [roll.astype(np.float32) for roll in rolls[f"{part}data"][0]] for part in PARTS}


def steps_of(pieces: Pieces) -> int:
    """How many steps are predicted: all but the first of each piece."""
    return sum(len(piece) - 1 for piece in pieces)


# --- baselines ---------------------------------------------------------------------------


def frequency(pieces: Pieces) -> Array:
    """How often each key sounds (88,), with one step on and one off added."""
    return (sum(p[1:].sum(axis=0) for p in pieces) + 1) / (steps_of(pieces) + 2)


def frequency_nll(pieces: Pieces, learnt: Pieces) -> float:
    """Each key by its frequency, whatever came before."""
    p = frequency(learnt)
    total = sum(_surprise(piece[1:], np.broadcast_to(p, piece[1:].shape)) for piece in pieces)
    return total / steps_of(pieces)


def as_before(pieces: Pieces) -> Array:
    """How often each key sounds after a step without and with it, (2, 88), smoothed likewise."""
    before = np.concatenate([piece[:-1] for piece in pieces])
    after = np.concatenate([piece[1:] for piece in pieces])
    seen = np.stack([1 - before, before])
    return ((seen * after).sum(axis=1) + 1) / (seen.sum(axis=1) + 2)


def as_before_nll(pieces: Pieces, learnt: Pieces) -> float:
    """Each key by whether it sounded one step before."""
    off, on = as_before(learnt)
    total = sum(_surprise(p[1:], np.where(p[:-1] == 1, on, off)) for p in pieces)
    return total / steps_of(pieces)


def _surprise(sounds: Array, p: Array) -> float:
    """-log of the probability of these keys, summed over steps and keys."""
    return -float(np.log(np.where(sounds == 1, p, 1 - p), dtype=np.float64).sum())


# --- the network ----------------------------------------------------------------------------


def init(rng: np.random.Generator, kind: str, H: int, learnt: Pieces) -> dict[str, Any]:
    """One cell of H units and an output layer, which begins with each key's frequency."""
    p = frequency(learnt)
    output = layers.dense_init(rng, H, KEYS, np.float32)
    output["b_y"][...] = np.log(p / (1 - p))
    return {"cell": INIT[kind](rng, KEYS, H, dtype=np.float32), "output": output}


def padded(pieces: Pieces) -> tuple[Array, Array]:
    """Pieces side by side (N, T, 88), zeros after their ends; mask (N, T - 1) of the targets."""
    xs = np.zeros((len(pieces), max(map(len, pieces)), KEYS), np.float32)
    mask = np.zeros(xs.shape[:2], bool)
    for x, m, piece in zip(xs, mask, pieces, strict=True):
        x[: len(piece)], m[: len(piece)] = piece, True
    return xs, mask[:, 1:]


def batches(rng: np.random.Generator, pieces: Pieces, N: int, T: int) -> Iterator[tuple]:
    """One pass: (xs (N, T + 1, 88), mask (N, T)), and whether pieces begin here.

    Pieces of about the same length stand together, so that little is padded.
    """
    order = np.argsort([len(piece) * rng.uniform(0.8, 1.25) for piece in pieces])
    groups = [order[start : start + N] for start in range(0, len(order), N)]
    for k in rng.permutation(len(groups)):
        xs, mask = padded([pieces[i] for i in groups[k]])
        for start in range(0, mask.shape[1], T):
            yield (xs[:, start : start + T + 1], mask[:, start : start + T]), start == 0


def forward(kind: str, params: dict[str, Any], xs: Array, state: Any = None) -> tuple[Array, Any]:
    """Scores (N, T, 88) of the keys after each step of xs (N, T, 88), and the last state."""
    hs, (state,), _ = layers.stacked_forward(kind, xs, [state], [params["cell"]])
    return layers.dense_forward(hs, params["output"]), state


def loss_and_gradients(
    kind: str, params: dict[str, Any], batch: tuple, state: Any, below: float, above: float,
    rng: np.random.Generator,
) -> tuple[float, dict[str, Any], Any]:  # fmt: skip
    """Nats a step (sum over the keys), gradients, the last state."""
    xs, mask = batch
    inputs, _ = layers.dropout_forward(xs[:, :-1], below, rng)
    hs, (last,), cache = layers.stacked_forward(kind, inputs, [state], [params["cell"]])
    dropped, keep = layers.dropout_forward(hs, above, rng)
    logits = layers.dense_forward(dropped, params["output"])
    loss, dys = key_loss(logits, xs[:, 1:], mask)
    dhs, output = layers.dense_backward(dys, dropped, params["output"])
    dhs = layers.dropout_backward(dhs, keep)
    _, _, (cell,) = layers.stacked_backward(kind, dhs, None, cache, [params["cell"]])
    return loss, {"cell": cell, "output": output}, last


def key_loss(logits: Array, targets: Array, mask: Array) -> tuple[float, Array]:
    """Sum over the keys, mean over the steps of the mask (N, T); gradient of the logits."""
    keys = np.broadcast_to(mask[..., None], logits.shape)
    loss, slopes = functional.binary_cross_entropy(logits, targets, keys)
    return KEYS * loss, np.float32(KEYS) * slopes


def nll(kind: str, params: dict[str, Any], pieces: Pieces, N: int = 16) -> float:
    """Nats a step over whole pieces; see the top of this file."""
    total, ordered = 0.0, sorted(pieces, key=len)
    for start in range(0, len(ordered), N):
        xs, mask = padded(ordered[start : start + N])
        logits, _ = forward(kind, params, xs[:, :-1])
        total += key_loss(logits, xs[:, 1:], mask)[0] * mask.sum()
    return total / steps_of(pieces)


def trained(kind: str, pieces: dict[str, Pieces], s: Settings, seed: int) -> tuple[dict, dict]:
    """Parameters of the best epoch; losses by epoch and seconds of processor time."""
    rng = np.random.default_rng(seed)
    params = init(rng, kind, s.H, pieces["train"])
    told = learn(
        params,
        lambda batch, state: loss_and_gradients(kind, params, batch, state, s.below, s.above, rng),
        lambda: batches(rng, pieces["train"], s.N, s.T),
        lambda: nll(kind, params, pieces["valid"]),
        s.epochs,
        s.rate,
        s.clip,
    )
    return params, told


def measure(name: str, kind: str, seed: int) -> dict[str, Any]:
    """One network on one set."""
    pieces = read(name)
    params, told = trained(kind, pieces, NETWORKS[name][kind], seed)
    return told | {
        "parameters": sum(p.size for p in optim.leaves(params).values()),
        "nll": nll(kind, params, pieces["test"]),
        "valid nll": nll(kind, params, pieces["valid"]),
    }


# --- the record -------------------------------------------------------------------------------


def baselines(name: str) -> dict[str, float]:
    """Learnt from the training pieces, measured on the test pieces."""
    pieces = read(name)
    return {
        "frequency": round(frequency_nll(pieces["test"], pieces["train"]), 4),
        "as before": round(as_before_nll(pieces["test"], pieces["train"]), 4),
    }


def described(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The networks of one kind under several seeds."""
    return {
        "seeds": len(runs),
        "parameters": runs[0]["parameters"],
        "nll": summary([run["nll"] for run in runs]),
        "valid nll": summary([run["valid nll"] for run in runs]),
        "cpu_seconds": summary([run["cpu_seconds"] for run in runs], 1),
        "epochs": [run["best"] for run in runs],
        "curves": {part: [round(x, 4) for x in runs[0][part]] for part in ("train", "valid")},
    }


def record(found: dict[str, dict[str, list[dict[str, Any]]]]) -> dict[str, Any]:
    return {
        "metric": "nats a step: negative log-likelihood summed over 88 keys, mean over all steps "
        "of all test pieces but the first of each",
        "settings": {name: {kind: s._asdict() for kind, s in some.items()}
                     for name, some in NETWORKS.items()},
        "data": {name: {part: {"pieces": len(pieces), "steps predicted": steps_of(pieces)}
                        for part, pieces in read(name).items()} for name in FILES},
        "baselines": {name: baselines(name) for name in FILES},
        "networks": {name: {kind: described(runs) for kind, runs in some.items()}
                     for name, some in found.items() if all(some.values())},
        "published": PUBLISHED,
    }  # fmt: skip


def main() -> None:
    what = "The next chord of JSB chorales and Nottingham tunes: RNN, LSTM, GRU at Bai's sizes."
    found: dict[str, dict[str, list]] = {n: {k: [] for k in NETWORKS[n]} for n in NETWORKS}
    with Run("music", what, NEEDS, ["scipy"], steps=18) as run:
        for name, seed in [(name, seed) for name in NETWORKS for seed in run.seeds]:
            for kind, runs in found[name].items():
                step = f"{name}, {kind}, seed {seed}"
                runs.append(run.step(step, measure, name, kind, seed))
            run.write(record(found))  # after each round, so that a record is there early


if __name__ == "__main__":
    main()
