"""Sentiment of Chinese hotel reviews by an LSTM: words or characters. Twenty minutes.

The reviews have no split: the five folds are those that bags of words had in their first draw, so
both read and test the same. A tenth of the training reviews is held out to choose the epoch by;
vocabulary and vectors come from the other nine.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

from functools import cache
from typing import Any

import jieba
import numpy as np
from _classify import Setting, best_epoch, scores, trained
from _reviews import Reviews, folds, held_out, hotels, random_vectors, vectors
from sklearn.metrics import f1_score

from rnncourse import data
from rnncourse.nlp import text

Array = np.ndarray
D, LIMIT, KEEP, MIN_COUNT, VECTOR_EPOCHS, SEED = 100, 256, "both", 2, 5, 0
SETTING = Setting("lstm", "max", epochs=5)
TOKENS = ("words", "characters")
STARTS = ("random vectors", "our vectors")


@cache
def read(tokens: str) -> tuple[list[list[str]], Array]:
    """Reviews as words of jieba's, or as characters; other signs count too."""
    jieba.setLogLevel("ERROR")
    segment = jieba.lcut if tokens == "words" else None
    return hotels(lambda review: text.words(review, segment))


def measure(tokens: str, fold: int) -> dict[str, Any]:
    """One fold, once with each start."""
    rows, labels = read(tokens)
    train, test = list(folds(labels, SEED))[fold]
    learn, choose = (train[k] for k in held_out(["".join(rows[k]) for k in train], SEED))
    vocabulary = text.Vocabulary.from_documents([rows[k] for k in learn], min_count=MIN_COUNT)
    parts = {}
    for name, which in {"learn": learn, "choose": choose, "test": test}.items():
        some = [rows[k] for k in which]
        parts[name] = Reviews.of(some, labels[which], vocabulary, LIMIT, KEEP)
    whole = [vocabulary.encode(rows[k]) for k in learn]
    tables = {
        "random vectors": random_vectors(vocabulary, D, SEED),
        "our vectors": vectors(whole, vocabulary, D, VECTOR_EPOCHS, SEED),
    }
    return {start: tested(E, parts) for start, E in tables.items()}


def tested(E: Array, parts: dict[str, Reviews]) -> dict[str, Any]:
    found, logits = trained("torch", SETTING, E, parts, SEED)
    labels = parts["test"].labels
    return found | {
        "accuracy": scores(logits, labels)["accuracy"],
        "f1": float(f1_score(labels, logits > 0, average="macro")),
        "vocabulary": len(E),
    }


def row(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and spread over the folds."""
    best = [best_epoch(run)["accuracy"] for run in runs]
    whole = {key: round(float(np.mean([run[key] for run in runs])))
             for key in ("parameters", "vocabulary")}  # fmt: skip
    return {
        "folds": len(runs),
        **{key: summary([run[key] for run in runs]) for key in ("accuracy", "f1")},
        "valid accuracy": summary(best),
        "cpu_seconds": summary([run["cpu_seconds"] for run in runs], 1),
        "best epoch": [run["best"] for run in runs],
        **whole,
    }


def bags() -> list[dict[str, Any]]:
    """The rows without a network on the same folds, from their own run's first draw."""
    rows = data.recorded("real_documents")["hotels"]
    return [{"method": r["method"], "n": r["n"],
             **{key: r[key]["values"][0] for key in ("accuracy", "f1")}} for r in rows]  # fmt: skip


def describe() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for tokens in TOKENS:
        rows, labels = read(tokens)
        lengths = np.array([len(row) for row in rows])
        found[tokens] = {"median": float(np.median(lengths)),
                         "shortened": float((lengths > LIMIT).mean())}  # fmt: skip
    return found | {"reviews": len(labels), "positive": float(labels.mean())}


def main() -> None:
    what = "Sentiment of Chinese hotel reviews (ChnSentiCorp): an LSTM on words and characters."
    needs = [("zh_sentiment", "ChnSentiCorp_htl_all.csv")]
    with Run("hotels", what, needs, ["torch", "jieba", "scikit-learn"], 11) as run:
        about = run.step("data", describe)
        found: dict[str, list[dict[str, Any]]] = {tokens: [] for tokens in TOKENS}
        for fold in range(5):
            for tokens in TOKENS:
                found[tokens].append(run.step(f"{tokens}, fold {fold}", measure, tokens, fold))
            run.write({
                "settings": {"D": D, "limit": LIMIT, "keep": KEEP, "min_count": MIN_COUNT,
                             "vector epochs": VECTOR_EPOCHS, "network": SETTING._asdict()},
                "data": about,
                "networks": {tokens: {start: row([one[start] for one in runs])
                                      for start in STARTS} for tokens, runs in found.items()},
                "bag of words": bags(),
            })  # fmt: skip


if __name__ == "__main__":
    main()
