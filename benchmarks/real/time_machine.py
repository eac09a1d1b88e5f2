"""Characters of The Time Machine as in d2l: four networks, two libraries, n-grams. 15 minutes.

The text in lower case, all but letters as single spaces; windows of 32 characters from every
place; the first 10,000 train, the next 5,000 validate; a network begins each window with an empty
state. d2l's figure is the mean over batches of 1,024 windows of e to the mean loss. (Neighbouring
windows share 31 characters: 10,032 characters train, and the validation text is as short.)

When to stop, and how to mix a network with the 4-gram, is chosen on the last tenth of the
training text by networks that have not read it; the validation windows are looked at once.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import re
import time
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from _language import best_weight, chosen, forward, init, loss_and_gradients, mixed
from torch import nn

from rnncourse import data, interop
from rnncourse.nlp.ngram import WittenBell
from rnncourse.nn import functional, optim

Array = np.ndarray
Predict = Callable[[Array], Array]
T, TRAIN, VALID, HELD_OUT, V, N = 32, 10_000, 5_000, 1_000, 28, 32
NOISE, CLIP, MEAN, EVERY = 0.05, 1.0, 0.998, 50
NGRAMS = (2, 3, 4, 5, 6)


class Setting(NamedTuple):
    """A network and how it is trained: Adam, its rate falls along half a cosine to zero."""

    kind: str
    depth: int
    H: int
    dropout: float
    rate: float
    updates: int  # at most
    D: int = 64


NETWORKS = {
    "rnn": Setting("rnn", 1, 256, 0.5, 4e-3, 1600),
    "lstm": Setting("lstm", 1, 256, 0.6, 8e-3, 800),
    "gru": Setting("gru", 1, 256, 0.6, 8e-3, 800),
    "gru, two layers": Setting("gru", 2, 192, 0.5, 6e-3, 800),
}
# d2l.ai, the concise versions of its chapters on RNN, LSTM, GRU and deep RNNs.
PUBLISHED = {"rnn": 7.19, "lstm": 6.69, "gru": 6.55, "gru, two layers": 6.11}


@cache
def read() -> Array:
    """Numbers of the characters; 27 of d2l's 28 occur, the other is its <unk>."""
    text = data.path("timemachine", "timemachine.txt").read_text(encoding="utf-8")
    text = re.sub("[^A-Za-z]+", " ", text).lower()
    index = {character: k for k, character in enumerate(sorted(set(text)))}
    return np.array([index[character] for character in text])


def windows(ids: Array) -> Array:
    """All pieces of T + 1 characters: T to read, and the one after each of them."""
    return np.lib.stride_tricks.sliding_window_view(ids, T + 1)


def parts() -> dict[str, Array]:
    """Windows: to train, the same without their last tenth, that tenth, to validate."""
    ids, cut = read(), TRAIN - HELD_OUT
    return {
        "train": windows(ids[: TRAIN + T]),
        "shorter": windows(ids[: cut + T]),
        "held out": windows(ids[cut + T : TRAIN + T]),
        "valid": windows(ids[TRAIN : TRAIN + VALID + T]),
    }


def d2l(log_p: Array) -> float:
    """Perplexity as d2l plots it, of log-probabilities (windows, T)."""
    starts = range(0, len(log_p), 1024)
    return float(np.mean([np.exp(-log_p[k : k + 1024].mean()) for k in starts]))


# --- the n-gram: it sees no more than the window ------------------------------------------


@cache
def ngram(n: int, learnt: str, asked: str) -> Array:
    """Log-probabilities (windows, T) by an n-gram that has counted one part, of another."""
    rows = parts()[learnt]
    model = WittenBell(n, V).fit([np.append(rows[:, 0], rows[-1, 1:])])
    return np.stack([model.log_probabilities(row)[1:] for row in parts()[asked]])


# --- training, in two libraries -------------------------------------------------------------


def batches(rows: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Random windows, and what is read of them: a few characters are others, from the text.

    It does for a network what smoothing does for an n-gram. Source: Xie et al. (2017).
    """
    batch = rows[rng.integers(0, len(rows), N)]
    inputs = batch[:, :-1].copy()
    wrong = rng.random(inputs.shape) < NOISE
    inputs[wrong] = rng.choice(rows[:, 0], wrong.sum())
    return batch, inputs


def train_numpy(s: Setting, rows: Array, seed: int, updates: int, watch: Any) -> Predict:
    """The course's own layers; the weights that count are a running mean of the weights."""
    rng = np.random.default_rng(seed)
    params = init(rng, s.kind, V, s.D, s.H, s.depth)
    state, rate = optim.adam_init(params), optim.cosine(s.rate, s.updates)
    mean = {name: p.copy() for name, p in optim.leaves(params).items()}
    averaged = init(rng, s.kind, V, s.D, s.H, s.depth)

    def predict(asked: Array) -> Array:
        optim.restore(averaged, mean)
        return chosen(functional.log_softmax(forward(s.kind, averaged, asked[:, :-1])[0]), asked)

    for k in range(updates):
        batch, inputs = batches(rows, rng)
        _, grads, _ = loss_and_gradients(s.kind, params, batch, None, s.dropout, rng, inputs)
        optim.clip_by_norm(grads, CLIP)
        optim.adam_step(params, grads, state, rate(k))
        for name, p in optim.leaves(params).items():
            mean[name] += (1 - pull(k)) * (p - mean[name])
        watch(k, predict)
    return predict


class Network(nn.Module):
    """The same model in PyTorch, with the first weights of the course's layers."""

    def __init__(self, s: Setting, params: dict[str, Any]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, s.D)
        self.cells = nn.ModuleList(interop.to_torch(s.kind, layer) for layer in params["stack"])
        self.output, self.dropout = nn.Linear(s.H, V), nn.Dropout(s.dropout)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.tensor(params["embedding"]["E"]))
            self.output.weight.copy_(torch.tensor(params["output"]["W_y"].T))
            self.output.bias.zero_()

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        hs = self.dropout(self.embedding(ids))
        for cell in self.cells:
            hs = self.dropout(cell(hs)[0])
        return self.output(hs)


def train_torch(s: Setting, rows: Array, seed: int, updates: int, watch: Any) -> Predict:
    """The same in PyTorch."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    model = Network(s, init(rng, s.kind, V, s.D, s.H, s.depth))
    optimizer, rate = torch.optim.Adam(model.parameters()), optim.cosine(s.rate, s.updates)
    averaged = torch.optim.swa_utils.AveragedModel(model, avg_fn=running_mean)

    def predict(asked: Array) -> Array:
        averaged.eval()
        with torch.no_grad():
            log_p = torch.log_softmax(averaged(torch.tensor(asked[:, :-1])), -1)
        return chosen(log_p.numpy(), asked)

    averaged.update_parameters(model)  # the first time it copies
    for k in range(updates):
        batch, inputs = batches(rows, rng)
        optimizer.param_groups[0]["lr"] = rate(k)
        optimizer.zero_grad()
        logits = model(torch.tensor(inputs)).flatten(0, 1)
        nn.functional.cross_entropy(logits, torch.tensor(batch[:, 1:]).flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        averaged.update_parameters(model)
        watch(k, predict)
    return predict


def pull(k: int) -> float:
    """How much of the running mean stays at update k; at first it is short, so little."""
    return min(MEAN, (1 + k) / (10 + k))


def running_mean(mean: torch.Tensor, p: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    return mean + (1 - pull(int(k) - 1)) * (p - mean)


LIBRARIES = {"numpy": train_numpy, "torch": train_torch}

# --- the steps of the run -----------------------------------------------------------------------


def ask(predict: Predict, rows: Array) -> Array:
    """Log-probabilities (windows, T), some windows at a time."""
    return np.concatenate([predict(rows[k : k + 500]) for k in range(0, len(rows), 500)])


def choose(name: str) -> dict[str, Any]:
    """After how many updates to stop, and the network's share beside the 4-gram."""
    found, rows = {}, parts()["held out"][::4]

    def watch(k: int, predict: Predict) -> None:
        if (k + 1) % EVERY == 0:
            found[k + 1] = ask(predict, rows)

    s = NETWORKS[name]
    train_numpy(s, parts()["shorter"], 0, s.updates, watch)
    best = max(found, key=lambda k: found[k].mean())
    share = best_weight(found[best], ngram(4, "shorter", "held out")[::4])
    curve = {k: round(float(np.exp(-log_p.mean())), 3) for k, log_p in found.items()}
    return {"updates": best, "share": share, "curve": curve}


def measure(library: str, name: str, seed: int, stop: dict[str, Any]) -> dict[str, Any]:
    """One network, trained on all training windows, on the validation windows."""
    s, begin = NETWORKS[name], time.process_time()
    rows = parts()
    predict = LIBRARIES[library](s, rows["train"], seed, stop["updates"], lambda *_: None)
    spent = time.process_time() - begin
    log_p = ask(predict, rows["valid"])
    both = mixed(log_p, ngram(4, "train", "valid"), stop["share"])
    return {
        "perplexity": d2l(log_p),
        "with 4-gram": d2l(both),
        "plain": float(np.exp(-log_p.mean())),
        "cpu_seconds": spent,
    }


def row(run: Run, library: str, name: str, stop: dict[str, Any]) -> dict[str, Any]:
    runs = [
        run.step(f"{name}, {library}, seed {seed}", measure, library, name, seed, stop)
        for seed in run.seeds
    ]
    return {"seeds": len(runs), **{key: summary([r[key] for r in runs], 3) for key in runs[0]}}


def size(s: Setting) -> int:
    params = init(np.random.default_rng(0), s.kind, V, s.D, s.H, s.depth)
    return sum(p.size for p in optim.leaves(params).values())


def main() -> None:
    what = "Character models of The Time Machine on d2l's split: validation perplexity."
    steps = len(NETWORKS) * (1 + 2 * 3) + len(NGRAMS)
    with Run("time_machine", what, [("timemachine", "timemachine.txt")], ["torch"], steps) as run:
        grams = {
            f"{n}-gram": run.step(f"{n}-gram", lambda n: d2l(ngram(n, "train", "valid")), n)
            for n in NGRAMS
        }
        networks = {}
        for name, s in NETWORKS.items():
            stop = run.step(f"{name}, when to stop", choose, name)
            networks[name] = {"parameters": size(s), "stop": stop, "setting": s._asdict()}
            networks[name] |= {library: row(run, library, name, stop) for library in LIBRARIES}
        run.write({
            "split": {"T": T, "train": TRAIN, "valid": VALID, "held out": HELD_OUT},
            "training": {"windows": N, "noise": NOISE, "clip": CLIP, "mean": MEAN},
            "published": PUBLISHED,
            "baselines": grams,
            "networks": networks,
        })  # fmt: skip


if __name__ == "__main__":
    main()
