"""Sentiment of film reviews (IMDB) by six networks in two libraries. Three hours.

25,000 reviews to learn from and 25,000 to test. Vocabulary, vectors, epoch and settings come
from the training half alone: a tenth of it is held out to choose by, and nine tenths train. The
vectors are our own skip-gram's, learnt of those nine tenths; nothing comes from outside.
When this script was written, three settings were tried, and 2,000 reviews of the test looked at
with each; the setting here is what the held-out tenth says, not what those reviews said.

A review of more than LIMIT tokens loses its middle. All models of both libraries are run with
the first seed, then come questions to the plain RNN and to the settings, then the other seeds:
the record is written after each run and says how many seeds there are.
"""

from _common import ROOT, Run, summary  # isort: skip  (sets the number of threads)

from functools import cache
from typing import Any

import numpy as np
import torch
from _classify import LIBRARIES, Network, Setting, best_epoch, init, scores, trained
from _reviews import Reviews, films, held_out, random_vectors, vectors

from rnncourse import data
from rnncourse.nlp import text

Array = np.ndarray
NEEDS = [("imdb", "imdb_train.tsv.gz"), ("imdb", "imdb_test.tsv.gz")]
V, D, LIMIT, KEEP, VECTOR_EPOCHS = 20_000, 100, 256, "both", 5
NETWORKS = {
    "rnn, last state": Setting("rnn", "last", epochs=4),
    "rnn": Setting("rnn", "max", epochs=4),
    "lstm, last state": Setting("lstm", "last", epochs=4),
    "lstm": Setting("lstm", "max"),
    "bilstm": Setting("lstm", "max", directions=2),
    "gru": Setting("gru", "max"),
    "cnn": Setting("cnn", "max"),
}
TRIALS = [(128, "both"), (256, "start"), (256, "end"), (256, "both"), (400, "both")]
EDGES = (128, 256, 512)  # of the groups by length, in tokens
DISTANCES = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 255)
ASKED = 200  # reviews whose gradient is looked at
PUBLISHED = {
    "bag of words (PyTorch tutorial)": (0.858, "bentrevett/pytorch-sentiment-analysis"),
    "rnn, last state (older PyTorch tutorial)": (0.479, "bentrevett/pytorch-sentiment-analysis"),
    "lstm (PyTorch tutorial)": (0.862, "bentrevett/pytorch-sentiment-analysis"),
    "cnn (PyTorch tutorial)": (0.875, "bentrevett/pytorch-sentiment-analysis"),
    "cnn (Keras example)": (0.89, "keras.io, text classification from scratch"),
    "bilstm, GloVe (d2l)": (0.861, "d2l.ai, sentiment analysis with RNNs"),
    "lstm, random start (Dai and Le 2015)": (0.865, "arXiv 1511.01432"),
    "lstm, word2vec (Dai and Le 2015)": (0.9, "arXiv 1511.01432"),
    "nbsvm, pairs (Wang and Manning 2012)": (0.9122, "aclanthology.org/P12-2018"),
    "lstm, unlabelled too (Dai and Le 2015)": (0.9276, "arXiv 1511.01432"),
    "bilstm, unlabelled (Johnson, Zhang 2016)": (0.941, "arXiv 1602.02373"),
    "lstm, ULMFiT (Howard and Ruder 2018)": (0.954, "aclanthology.org/P18-1031"),
    "BERT, large (Sun et al. 2019)": (0.9579, "arXiv 1905.05583"),
}
FOLDER = ROOT / "_build" / "real"

# --- the reviews ---------------------------------------------------------------------------------


@cache
def read(part: str) -> tuple[list[list[str]], Array]:
    texts, labels = films(part)
    return [text.words(review) for review in texts], labels


@cache
def halves() -> tuple[Array, Array]:
    """Reviews of the training half to learn from, and to choose by."""
    return held_out(films("train")[0])


@cache
def vocabulary() -> text.Vocabulary:
    tokens = read("train")[0]
    return text.Vocabulary.from_documents([tokens[k] for k in halves()[0]], max_size=V)


@cache
def parts(limit: int = LIMIT, keep: str = KEEP) -> dict[str, Reviews]:
    """The reviews in word numbers: to learn, to choose by, to test."""
    found = {}
    (train, labels), (test, test_labels) = read("train"), read("test")
    for name, which in zip(("learn", "choose"), halves(), strict=True):
        some = [train[k] for k in which]
        found[name] = Reviews.of(some, labels[which], vocabulary(), limit, keep)
    found["test"] = Reviews.of(test, test_labels, vocabulary(), limit, keep)
    return found


def describe() -> dict[str, Any]:
    """What there is to read, and how much of it is read."""
    texts = {part: set(films(part)[0]) for part in ("train", "test")}
    found = {}
    for name, some in parts().items():
        ids, read_of = np.concatenate(some.rows), sum(map(len, some.rows))
        found[name] = {
            "reviews": len(some.rows),
            "positive": float(some.labels.mean()),
            "tokens, median": float(np.median(some.lengths)),
            "shortened": float((some.lengths > LIMIT).mean()),
            "unknown": float((ids == vocabulary().unknown_index).sum() / read_of),
        }
    copies = len(texts["train"] & texts["test"])
    return found | {"vocabulary": len(vocabulary()), "texts in both halves": copies}


# --- the vectors ---------------------------------------------------------------------------------


def learn_vectors(seed: int) -> dict[str, Any]:
    """Our own word2vec of the reviews to learn from, whole; kept in a file for the next run."""
    tokens = read("train")[0]
    rows = [vocabulary().encode(tokens[k]) for k in halves()[0]]
    E = vectors(rows, vocabulary(), D, VECTOR_EPOCHS, seed)
    FOLDER.mkdir(parents=True, exist_ok=True)
    np.save(FOLDER / f"sentiment_vectors_{seed}.npy", E)
    return {"spread": float(E.std())}


def table(seed: int, start: str = "ours") -> Array:
    """First embedding (V, D) of a run."""
    if start == "random":
        return random_vectors(vocabulary(), D, seed)
    return np.load(FOLDER / f"sentiment_vectors_{seed}.npy")


# --- the steps -----------------------------------------------------------------------------------


def by_length(logits: Array, reviews: Reviews) -> list[float]:
    """Accuracy in each group of lengths."""
    group, right = np.searchsorted(EDGES, reviews.lengths), (logits > 0) == reviews.labels
    return [float(right[group == k].mean()) for k in range(len(EDGES) + 1)]


def measure(library: str, s: Setting, seed: int, start: str = "ours") -> dict[str, Any]:
    """One network: trained on nine tenths, its epoch chosen on the last, tested."""
    found, logits = trained(library, s, table(seed, start), parts(), seed)
    test = scores(logits, parts()["test"].labels)
    return found | {"accuracy": test["accuracy"], "by length": by_length(logits, parts()["test"])}


def trial(limit: int, keep: str) -> dict[str, Any]:
    """What of a review to read, by an LSTM on the held-out tenth; the test is not looked at."""
    some = parts(limit, keep)
    found, _ = trained("torch", NETWORKS["lstm"], table(0), some | {"test": some["choose"]}, 0)
    return found


def gradients(s: Setting) -> dict[str, list[float]]:
    """How a review's score hangs on its words, by their distance to the end.

    Length of the gradient of the logit with respect to an embedded word, mean over ASKED held-out
    reviews of full length: with the first weights, and after each of two epochs.
    """
    found, params = {}, init(s, table(0), 0)
    found["at the start"] = slopes(Network(s, params))
    steps = LIBRARIES["torch"](s._replace(epochs=2), params, parts()["learn"], 0)
    for k, say in enumerate(steps, 1):
        found[f"after epoch {k}"] = slopes(say.args[0])
    return found


def slopes(model: Network) -> list[float]:
    reviews = [row for row in parts()["choose"].rows if len(row) == LIMIT][:ASKED]
    model.eval()
    xs = model.embedding(torch.tensor(np.stack(reviews))).detach().requires_grad_()
    model.read(xs, torch.ones(xs.shape[:2], dtype=torch.int64)).sum().backward()
    lengths = xs.grad.norm(dim=2).mean(0).numpy()[::-1]
    return [float(lengths[k]) for k in DISTANCES]


# --- the record ----------------------------------------------------------------------------------


def row(runs: list[dict[str, Any]]) -> dict[str, Any]:
    best = [best_epoch(run) for run in runs]
    return {
        "seeds": len(runs),
        "parameters": runs[0]["parameters"],
        "accuracy": summary([run["accuracy"] for run in runs]),
        "valid accuracy": summary([epoch["accuracy"] for epoch in best]),
        "cpu_seconds": summary([run["cpu_seconds"] for run in runs], 1),
        "best epoch": [run["best"] for run in runs],
        "epochs": [[round(epoch["accuracy"], 4) for epoch in run["epochs"]] for run in runs],
        "by length": [
            summary(values) for values in zip(*(r["by length"] for r in runs), strict=True)
        ],
    }


def bags() -> list[dict[str, Any]]:
    """The rows without a network, from their own run on the same split."""
    rows = data.recorded("real_documents")["films"]
    return [{key: found[key] for key in ("method", "n", "accuracy")} for found in rows]


def record(found: dict[tuple, list], more: dict[str, Any]) -> dict[str, Any]:
    """What there is so far."""
    groups = np.bincount(np.searchsorted(EDGES, parts()["test"].lengths))
    rows: dict[str, dict[str, Any]] = {}
    for (group, name), runs in found.items():
        rows.setdefault(group, {})[name] = row(runs)
    return {
        "settings": {"V": V, "D": D, "limit": LIMIT, "keep": KEEP,
                     "networks": {name: s._asdict() for name, s in NETWORKS.items()}},
        "published": {name: list(value) for name, value in PUBLISHED.items()},
        "bag of words": bags(),
        "by length": {"edges": EDGES, "reviews": groups.tolist()},
        "networks": {library: rows[library] for library in LIBRARIES if library in rows},
        "random vectors": rows.get("random vectors", {}),
        **more,
    }  # fmt: skip


def questions(run: Run, save: Any, more: dict[str, Any], chosen: dict[str, Any]) -> None:
    """With the first seed: what of a review to read, and how far back the gradient reaches.

    ``chosen`` is the LSTM of the table, which read LIMIT tokens.
    """
    more["gradient by distance"] = {"distance": DISTANCES}
    for name in ("rnn, last state", "lstm, last state"):
        more["gradient by distance"][name] = run.step(
            f"gradients, {name}", gradients, NETWORKS[name]
        )
        save()
    more["trials"] = []
    for limit, keep in TRIALS:
        tried = chosen
        if (limit, keep) != (LIMIT, KEEP):
            tried = run.step(f"trial, {limit} tokens, {keep}", trial, limit, keep)
        found = {"limit": limit, "keep": keep, "cpu_seconds": tried["cpu_seconds"]}
        found |= best_epoch(tried)
        more["trials"].append(found)
        save()


def main() -> None:
    what = "Sentiment of film reviews (IMDB): networks in PyTorch and Keras."
    jobs = [
        (library, name, library, s, "ours") for library in LIBRARIES for name, s in NETWORKS.items()
    ]
    jobs += [("random vectors", name, "torch", NETWORKS[name], "random") for name in ("lstm",)]
    found: dict[tuple, list] = {}
    more: dict[str, Any] = {}
    with Run("sentiment", what, NEEDS, ["torch", "keras"], 3 * len(jobs) + 10) as run:
        more["data"] = run.step("data", describe)
        more["vectors"] = {"D": D, "epochs": VECTOR_EPOCHS, "model": "skip-gram, negative"}
        for seed in run.seeds:
            run.step(f"vectors, seed {seed}", learn_vectors, seed)
            for group, name, library, s, start in jobs:
                runs = found.setdefault((group, name), [])
                runs.append(
                    run.step(f"{group}, {name}, seed {seed}", measure, library, s, seed, start)
                )
                run.write(record(found, more))
            if seed == run.seeds[0]:
                questions(
                    run, lambda: run.write(record(found, more)), more, found["torch", "lstm"][0]
                )


if __name__ == "__main__":
    main()
