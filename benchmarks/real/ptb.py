"""Words of the Penn Treebank: Zaremba's small network from the course's own layers. An hour.

Two LSTM layers of 200 units without dropout, as Zaremba, Sutskever and Vinyals (2014) set it:
all parameters start in U(-0.1, 0.1); 20 streams, 20 steps an update; the loss is summed over
the steps; gradient clipped to length 5; rate 1, halved after each epoch from the fifth on; 13
epochs. One seed, since it takes more than a quarter of an hour.
"""

from _common import ROOT, Run  # isort: skip  (sets the number of threads)

import time
from functools import cache
from typing import Any

import numpy as np
from _language import chunks, init, loss_and_gradients, mean_loss, perplexity, streams

from rnncourse import data
from rnncourse.nlp.ngram import WittenBell
from rnncourse.nn import optim

Array = np.ndarray
PARTS = ("train", "valid", "test")
NEEDS = [("ptb", f"ptb.{part}.txt") for part in PARTS]
H, DEPTH, N, T, EPOCHS, FULL_RATE, CLIP, SEED = 200, 2, 20, 20, 13, 4, 5.0, 0
NGRAMS = (2, 3, 4, 5)
PUBLISHED = {"valid": 120.7, "test": 114.5}
KEPT = ROOT / "_build" / "real" / "ptb_weights.npz"


@cache
def read() -> tuple[dict[str, Array], int]:
    """Word numbers of each part, each line ended by <eos>; the size of the vocabulary."""
    words = {
        part: data.path("ptb", f"ptb.{part}.txt").read_text("utf-8").replace("\n", " <eos> ")
        for part in PARTS
    }
    index = {word: k for k, word in enumerate(sorted(set(words["train"].split())))}
    return {p: np.array([index[w] for w in text.split()]) for p, text in words.items()}, len(index)


def start() -> dict[str, Any]:
    """All parameters, biases included, uniform in -0.1..0.1."""
    rng = np.random.default_rng(SEED)
    params = init(rng, "lstm", read()[1], H, H, DEPTH)
    for p in optim.leaves(params).values():
        p[...] = rng.uniform(-0.1, 0.1, p.shape)
    return params


def epoch(number: int) -> dict[str, float]:
    """One more pass through the training text, from the weights that the last one kept."""
    params, begin = start(), time.process_time()
    if number:
        with np.load(KEPT) as kept:
            optim.restore(params, kept)
    states, losses = None, []
    rate = 0.5 ** max(0, number + 1 - FULL_RATE)
    for chunk in chunks(streams(read()[0]["train"], N), T):
        loss, grads, states = loss_and_gradients("lstm", params, chunk, states)
        losses.append(loss)
        for g in optim.leaves(grads).values():
            g *= chunk.shape[1] - 1  # the sum over the steps, not their mean
        optim.clip_by_norm(grads, CLIP)
        optim.sgd_step(params, grads, {}, rate)
    np.savez(KEPT, **optim.leaves(params))
    spent = time.process_time() - begin
    return {"rate": rate, "train": perplexity(float(np.mean(losses))), "cpu_seconds": spent,
            "valid": perplexity(mean_loss("lstm", params, read()[0]["valid"]))}  # fmt: skip


def test() -> float:
    """Perplexity of the test text under the last weights."""
    params = start()
    with np.load(KEPT) as kept:
        optim.restore(params, kept)
    return perplexity(mean_loss("lstm", params, read()[0]["test"]))


def ngram(n: int) -> dict[str, float]:
    """Perplexities of the n-gram, the baseline; as for the network the first word is given."""
    parts, V = read()
    model = WittenBell(n, V).fit([parts["train"]])
    losses = {part: -model.log_probabilities(parts[part])[1:].mean() for part in PARTS[1:]}
    return {part: perplexity(float(loss)) for part, loss in losses.items()}


def main() -> None:
    what = "Word language models of the Penn Treebank: perplexity."
    with Run("ptb", what, NEEDS, steps=EPOCHS + 1 + len(NGRAMS)) as run:
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        epochs = [run.step(f"epoch {k}", epoch, k) for k in range(EPOCHS)]
        found = {"valid": epochs[-1]["valid"], "test": run.step("test", test)}
        parts, V = read()
        run.write({
            "settings": {"H": H, "depth": DEPTH, "N": N, "T": T, "epochs": EPOCHS, "clip": CLIP},
            "seeds": 1,
            "vocabulary": V,
            "tokens": {part: len(ids) for part, ids in parts.items()},
            "parameters": sum(p.size for p in optim.leaves(start()).values()),
            "epochs": epochs,
            "network": found,
            "baselines": {f"{n}-gram": run.step(f"{n}-gram", ngram, n) for n in NGRAMS},
            "published": PUBLISHED,
        })  # fmt: skip


if __name__ == "__main__":
    main()
