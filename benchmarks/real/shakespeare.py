"""Characters of Tiny Shakespeare: a GRU of the course's own layers beside n-grams. An hour.

The last tenth of the text is for testing, as is usual; the twentieth before it chooses the
epoch, the n-gram's n and the weight of the two together. Both models learn from the rest.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from _language import (
    best_weight,
    bits,
    init,
    learn,
    log_probabilities,
    loss_and_gradients,
    mean_loss,
    mixed,
    stepper,
    stream_batches,
    streams,
)

from rnncourse import data
from rnncourse.nlp import sampling
from rnncourse.nlp.ngram import WittenBell
from rnncourse.nn import optim

Array = np.ndarray
NEEDS = [("shakespeare", "tinyshakespeare.txt")]
KIND, D, H, N, T = "gru", 64, 384, 32, 64
EPOCHS, RATE, CLIP, DROPOUT = 8, 3e-3, 1.0, 0.2
SHARES = {"train": 0.85, "valid": 0.05, "test": 0.1}
ORDERS = range(3, 9)
TEMPERATURES, SAMPLE, LONG = (0.5, 0.8, 1.0, 1.2), 300, 2000
PUBLISHED = {
    "nanoGPT": {
        "bits": 2.1203,
        "nats": 1.4697,
        "source": "Karpathy, nanoGPT, README: Transformer of 6 layers and 384 channels, "
        "3 minutes of an A100; its validation part, which chose the checkpoint, is our test part",
    }
}


class Text(NamedTuple):
    """Character numbers of each part; the characters by number."""

    ids: dict[str, Array]
    characters: list[str]


def cut(text: str) -> Text:
    """The three parts, one after the other as in SHARES."""
    characters = sorted(set(text))
    index = {character: k for k, character in enumerate(characters)}
    ids = np.array([index[character] for character in text])
    ends = np.cumsum([round(share * len(ids)) for share in SHARES.values()])[:-1]
    return Text(dict(zip(SHARES, np.split(ids, ends), strict=True)), characters)


@cache
def read() -> Text:
    return cut(data.path("shakespeare", "tinyshakespeare.txt").read_text("utf-8"))


# --- the baseline ------------------------------------------------------------------------


@cache
def counted() -> WittenBell:
    """Counts up to the longest n; they hold those of each shorter one."""
    return WittenBell(max(ORDERS), len(read().characters)).fit([read().ids["train"]])


def ngram(n: int, part: str) -> Array:
    """log p of each character of a part but its first, which the network is given too."""
    model = counted()
    model.n = n
    return model.log_probabilities(read().ids[part])[1:]


def ngrams() -> dict[str, dict[str, float]]:
    """Bits a character by n, on both parts held out."""
    return {
        str(n): {part: bits(-float(ngram(n, part).mean())) for part in ("valid", "test")}
        for n in ORDERS
    }


def best_order(table: dict[str, dict[str, float]]) -> int:
    return int(min(table, key=lambda n: table[n]["valid"]))


# --- the network ----------------------------------------------------------------------------


def trained(text: Text, seed: int, epochs: int = EPOCHS, H: int = H) -> tuple[dict, dict]:
    """Parameters, and what :func:`learn` tells of their training."""
    rng = np.random.default_rng(seed)
    params = init(rng, KIND, len(text.characters), D, H)
    params["embedding"]["E"] *= np.float32(0.1)
    rows = streams(text.ids["train"], N)
    told = learn(
        params,
        lambda ids, states: loss_and_gradients(KIND, params, ids, states, DROPOUT, rng),
        lambda: stream_batches(rows, T),
        lambda: mean_loss(KIND, params, text.ids["valid"]),
        epochs, RATE, CLIP,
    )  # fmt: skip
    return params, told


def measure(seed: int, n: int) -> dict[str, Any]:
    """One network: alone, with the n-gram, and what it writes."""
    text = read()
    params, told = trained(text, seed)
    network = {part: log_probabilities(KIND, params, text.ids[part]) for part in ("valid", "test")}
    weight = best_weight(network["valid"], ngram(n, "valid"))
    together = mixed(network["test"], ngram(n, "test"), weight)
    return told | {
        "parameters": sum(p.size for p in optim.leaves(params).values()),
        "bits": bits(-float(network["test"].mean())),
        "valid bits": bits(-float(network["valid"].mean())),
        "weight": weight,
        "together": bits(-float(together.mean())),
        "written": writings(text, params, seed),
    }


def writings(text: Text, params: dict[str, Any], seed: int) -> dict[str, dict[str, Any]]:
    """At each temperature: the beginning of a text, and how many of its words are known."""
    known = set(words("".join(text.characters[k] for k in text.ids["train"])))
    found = {}
    for tau in (*TEMPERATURES, 0.0):
        choose = sampling.sampler(np.random.default_rng(seed), tau)
        prompt = [text.characters.index("\n")]
        tokens = sampling.generate(stepper(KIND, params), prompt, LONG, choose)
        written = "".join(text.characters[k] for k in tokens)
        share = float(np.mean([word in known for word in words(written)[:-1]]))
        found["greedy" if tau == 0 else str(tau)] = {"text": written[:SAMPLE], "known": share}
    return found


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


# --- the record -------------------------------------------------------------------------------


def described(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The networks of all seeds together."""
    return {
        "seeds": len(runs),
        "parameters": runs[0]["parameters"],
        "bits": summary([run["bits"] for run in runs]),
        "valid bits": summary([run["valid bits"] for run in runs]),
        "cpu_seconds": summary([run["cpu_seconds"] for run in runs], 1),
        "epochs": [run["best"] for run in runs],
        "curves": {
            part: [round(bits(loss), 4) for loss in runs[0][part]] for part in ("train", "valid")
        },
    }


def record(table: dict[str, dict[str, float]], runs: list[dict[str, Any]]) -> dict[str, Any]:
    n, text = best_order(table), read()
    written = runs[0]["written"]
    return {
        "settings": {"kind": KIND, "D": D, "H": H, "N": N, "T": T, "epochs": EPOCHS,
                     "rate": RATE, "schedule": "cosine", "clip": CLIP, "dropout": DROPOUT},
        "data": {"characters": {part: len(ids) for part, ids in text.ids.items()},
                 "vocabulary": len(text.characters)},
        "baselines": {"witten-bell": {k: {part: round(value, 4) for part, value in row.items()}
                                      for k, row in table.items()},
                      "best n": n, "bits": round(table[str(n)]["test"], 4)},
        "networks": {KIND: described(runs)},
        "together": {"bits": summary([run["together"] for run in runs]),
                     "weight of the network": [run["weight"] for run in runs]},
        "published": PUBLISHED,
        "samples": {tau: row["text"] for tau, row in written.items()},
        "known words": {tau: summary([run["written"][tau]["known"] for run in runs])
                        for tau in written},
    }  # fmt: skip


def main() -> None:
    what = "Character models of Tiny Shakespeare: bits per character, and what they write."
    with Run("shakespeare", what, NEEDS, steps=4) as run:
        table = run.step("n-grams", ngrams)
        n = best_order(table)
        run.write(record(table, [run.step(f"seed {seed}", measure, seed, n) for seed in run.seeds]))


if __name__ == "__main__":
    main()
