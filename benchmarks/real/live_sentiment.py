"""Two networks for the page: does a short sentence praise or blame? An hour on one thread.

English learns from film reviews (IMDB), Chinese from reviews of hotels and of delivered food. The
networks are the page's own (bidirectional LSTM, here with max pooling), small enough to be loaded:
eight bits a weight. They learn from stretches of reviews and from a small grammar; see _short.py.
Seed, temperature and the threshold of "not sure" come from short_sentences_choose.yml, the numbers
from short_sentences_test.yml, which was written before any training, and which nothing learns from;
its results were seen while the script was improved. Beside them stands logistic regression on words
and pairs of words, which learns from the same stretches.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import jieba
import numpy as np
import torch
from _reviews import films
from _short import (
    DENYING,
    Grammar,
    chinese,
    denies,
    frequencies,
    log_odds,
    outcome,
    pieces,
    ratings,
    sentences,
    stretches,
    tally,
    telling,
    temperature,
    threshold,
)
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import interop
from rnncourse.nlp import segmentation, text
from rnncourse.nn import functional
from rnncourse.widgets import live, weights

Array = np.ndarray
SEEDS = 3
D, H, N, RATE, CLIP = 24, 48, 64, 5e-3, 1.0  # N reviews a batch
DROPOUT, UNKNOWN = 0.3, 0.05  # a known word is read as unknown now and then
GRAMMAR = 0.3  # of the examples
DOUBT = 0.8  # from when on a stretch is taken for one that contradicts its review
WRONG = 0.05  # of the sentences to choose by, at most, wrong while sure: 6 of 120
LONG, LIMIT = 400, 70  # tokens of a review in the test; of what a reader types
CLASSES = {"en": ("negative", "positive"), "zh": ("差评", "好评")}
EPOCHS = {"en": 6, "zh": 8}
KEPT = {"en": 0.3, "zh": 1.0}  # of the stretches in each epoch, of those that deny all
SIGNS = {"en": ("", ".", "!"), "zh": ("", "。", "！")}
NEEDS = [("imdb", "imdb_train.tsv.gz"), ("imdb", "imdb_test.tsv.gz"),
         ("zh_sentiment", "ChnSentiCorp_htl_all.csv"),
         ("zh_sentiment", "waimai_10k.csv")]  # fmt: skip


# --- reviews -------------------------------------------------------------------------------


class Reviews(NamedTuple):
    """To learn from, as sentences of tokens; to test with, as tokens."""

    vocabulary: text.Vocabulary
    learn: list[list[list[str]]]
    labels: Array
    weights: Array  # so that praise and blame weigh the same in each source
    clear: Array  # whether all of a review teaches, or only what denies
    odds: Array  # (V,) log odds of each word, where its vector starts
    test: list[list[str]]
    test_labels: Array


@cache
def english() -> Reviews:
    """The clear reviews, of ratings 1, 2, 9 and 10, teach; of the others what denies."""
    texts, labels = films("train")
    clear = np.isin(ratings("train"), (1, 2, 9, 10))
    halved = segmentation.Lexicon([[live.NOT]])  # so that every n't is a token of its own
    learn = [live.tokens(one, halved) for one in texts]
    counts = frequencies(learn, labels)
    words = telling(counts, labels, V=6498, often=2500, least=5)
    vocabulary = text.Vocabulary(words, "<pad>", "<unk>")
    odds = log_odds(counts, labels, 8)
    test, test_labels = films("test")
    return Reviews(vocabulary, [pieces(review) for review in learn], labels,
                   np.where(clear, 1.0, 0.7), clear,
                   np.array([odds.get(w, 0) for w in vocabulary.tokens]),
                   [live.tokens(one, halved) for one in test], test_labels)  # fmt: skip


@cache
def hotels() -> Reviews:
    """Hotels, of which 1,000 are kept to test with, and delivered food; no split is given."""
    texts, labels = chinese("ChnSentiCorp_htl_all.csv")
    order = np.random.default_rng(0).permutation(len(texts))
    test, learn = order[:1000], order[1000:]
    food, food_labels = chinese("waimai_10k.csv")
    sources = [([texts[k] for k in learn], labels[learn]), (food, food_labels)]
    vocabulary, odds = chinese_words(sources)
    cut = cutter(vocabulary)
    labels_of_all = np.concatenate([some for _, some in sources])
    shares = [
        np.where(some == 1, 0.5 / some.mean(), 0.5 / (1 - some.mean())) for _, some in sources
    ]
    return Reviews(vocabulary, [pieces(cut(one)) for some, _ in sources for one in some],
                   labels_of_all, np.concatenate(shares), np.ones(len(labels_of_all), bool), odds,
                   [cut(texts[k]) for k in test], labels[test])  # fmt: skip


def chinese_words(sources: list[tuple[list[str], Array]]) -> tuple[text.Vocabulary, Array]:
    """1,500 characters, and 4,000 of jieba's words that are frequent or tell of the label.

    No word has a negation inside: each is to be read with whatever it denies.
    """
    jieba.setLogLevel("ERROR")
    cut = [([text.words(one, jieba.lcut) for one in some], labels) for some, labels in sources]
    counts = frequencies([one for some, _ in cut for one in some],
                         np.concatenate([labels for _, labels in cut]))  # fmt: skip
    single = text.Vocabulary.from_documents(
        ([sign for word in one for sign in word] for some, _ in cut for one in some), 1502
    )
    words = telling(counts, np.concatenate([labels for _, labels in cut]), 6000, 1500, 4)
    words = [word for word in words if not DENYING & set(word)]
    tokens = list(dict.fromkeys([*single.tokens[2:], *words]))[:5498]
    vocabulary = text.Vocabulary(tokens, "<pad>", "<unk>")
    odds = np.zeros(len(vocabulary))
    for (some, labels), share in zip(sources, (0.6, 0.4), strict=True):
        again = frequencies(map(cutter(vocabulary), some), labels)
        found = log_odds(again, labels, 4)
        odds += share * np.array([found.get(word, 0) for word in vocabulary.tokens])
    return vocabulary, odds


def cutter(vocabulary: text.Vocabulary) -> Any:
    """Text → tokens, as the page cuts: Chinese by the longest word of the vocabulary."""
    lexicon = segmentation.Lexicon([vocabulary.tokens])
    return lambda typed: live.tokens(typed, lexicon)


READ = {"en": english, "zh": hotels}

# --- the network ---------------------------------------------------------------------------


class Network(nn.Module):
    """Padded numbers (N, T) and lengths (N,) → log odds of praise (N,); eq-sentiment-output."""

    def __init__(self, odds: Array) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(odds), D, padding_idx=0)
        nn.init.normal_(self.embedding.weight, 0, 0.1)
        with torch.no_grad():  # a rare word begins with what is known of it
            self.embedding.weight[:, 0] = torch.tensor(odds)
            self.embedding.weight[0] = 0
        self.lstm = nn.LSTM(D, H, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * H, 1)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        xs = nn.functional.dropout(self.embedding(ids), DROPOUT, self.training)
        packed = pack_padded_sequence(xs, lengths, batch_first=True, enforce_sorted=False)
        hs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, padding_value=-1e9)
        pooled = nn.functional.dropout(hs.amax(1), DROPOUT, self.training)
        return self.output(pooled)[:, 0]

    def params(self, T: float) -> dict[str, Any]:
        """As the course has them; the log odds divided by T, and half of them for each class."""
        w, b = self.output.weight.detach().numpy()[0] / (2 * T), self.output.bias.item() / (2 * T)
        return {
            "embedding": {"E": self.embedding.weight.detach().numpy()},
            "lstm": interop.from_torch(self.lstm),
            "output": {"W_y": np.stack([-w, w], 1), "b_y": np.array([-b, b])},
        }


class Batch(NamedTuple):
    """Stretches of some reviews, and sentences of the grammar."""

    rows: list[list[str]]
    labels: Array
    weights: Array
    firm: Array  # whether the label holds without doubt: of the grammar, or where the text denies


def batches(language: str, rng: np.random.Generator) -> Iterator[Batch]:
    """One pass over the reviews, N a batch; of the long English ones some stretches."""
    reviews, grammar = READ[language](), Grammar(language)
    cut, kept = cutter(reviews.vocabulary), KEPT[language]
    order = rng.permutation(len(reviews.labels))
    for start in range(0, len(order), N):
        found = [
            (row, reviews.labels[k], reviews.weights[k], denies(row))
            for k in order[start : start + N]
            for row in stretches(reviews.learn[k], rng)
            if denies(row) or (reviews.clear[k] and rng.random() < kept)
        ]
        for label in rng.integers(0, 2, int(len(found) * GRAMMAR / (1 - GRAMMAR))):
            made = grammar.make(label, rng) + SIGNS[language][rng.integers(3)]
            found.append((cut(made), label, 1.0, True))
        rows, labels, parts, firm = zip(*found, strict=True)
        yield Batch(list(rows), np.array(labels), np.array(parts), np.array(firm))


def numbers(
    rows: list[list[str]], vocabulary: text.Vocabulary
) -> tuple[torch.Tensor, torch.Tensor]:
    ids, mask = text.pad([vocabulary.encode(row) for row in rows])
    return torch.tensor(ids), torch.tensor(mask.sum(1))


def trained(language: str, seed: int) -> Network:
    """The rate falls to zero along half a cosine; in the second half doubtful labels are left out.

    A review that blames may praise the lobby. Where the network is sure that a stretch contradicts
    its review, the stretch no longer counts, unless it denies: of those the network knows least.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    reviews, rng = READ[language](), np.random.default_rng(seed)
    model = Network(reviews.odds).train()
    adam = torch.optim.Adam(model.parameters(), RATE)
    steps = EPOCHS[language] * -(-len(reviews.labels) // N)
    falls = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for epoch in range(EPOCHS[language]):
        for batch in batches(language, rng):
            ids, lengths = numbers(batch.rows, reviews.vocabulary)
            ids[torch.tensor(rng.random(ids.shape) < UNKNOWN) & (ids > 0)] = 1
            logits, labels = model(ids, lengths), torch.tensor(batch.labels, dtype=torch.float32)
            losses = nn.functional.binary_cross_entropy_with_logits(
                logits, labels, torch.tensor(batch.weights, dtype=torch.float32), reduction="none"
            )
            if 2 * epoch >= EPOCHS[language]:
                against = abs(torch.sigmoid(logits.detach()) - labels) > DOUBT
                losses = losses * (~against | torch.tensor(batch.firm))
            adam.zero_grad()
            losses.mean().backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            adam.step()
            falls.step()
    return model.eval()


def learnt(language: str, seed: int) -> dict[str, Any]:
    """A network ready for the page: temperature and threshold are chosen with eight bits."""
    reviews, model = READ[language](), trained(language, seed)
    choose = sentences("choose", language)
    labels = np.array([one.label for one in choose])

    def packed(T: float, sure: float) -> dict[str, Any]:
        return live.network(model.params(T), reviews.vocabulary, language, CLASSES[language],
                            LIMIT, "max", sure)  # fmt: skip

    raw = said(packed(1.0, 0.5), [one.text for one in choose])
    T = temperature(np.log(raw / (1 - raw)), labels)
    p = said(packed(T, 0.5), [one.text for one in choose])
    network = packed(T, round(threshold(p, labels, WRONG), 4))
    loss, _ = functional.binary_cross_entropy(np.log(raw / (1 - raw)) / T, labels)
    return {"network": network, "temperature": T, "bytes": weights.size(network),
            "loss": loss, "choose": judged(network, "choose", language),
            "accuracy on reviews": on_reviews(network, language)}  # fmt: skip


def said(network: dict[str, Any], texts: list[str]) -> Array:
    """Probabilities of praise (N,); one half where the network does not judge."""
    params = live.parameters(weights.unpack(network["weights"]))
    found = [live.judge(network, params, typed).p for typed in texts]
    return np.array([0.5 if p is None else p[1] for p in found])


def judged(network: dict[str, Any], name: str, language: str) -> list[dict[str, Any]]:
    """Every sentence of a file with the probability of praise and what came of it."""
    listed = sentences(name, language)
    p = said(network, [one.text for one in listed])
    return [
        one._asdict() | {"p": round(float(q), 4), "outcome": outcome(q, one.label, network["sure"])}
        for one, q in zip(listed, p, strict=True)
    ]


def on_reviews(network: dict[str, Any], language: str, most: int = 2000) -> float:
    """Accuracy on whole reviews of the test, their first LONG tokens, sure or not."""
    reviews = READ[language]()
    order = np.random.default_rng(1).permutation(len(reviews.test))[:most]
    params = live.parameters(weights.unpack(network["weights"]))
    right = []
    for k in order:
        ids = reviews.vocabulary.encode(reviews.test[k][:LONG])
        p = live.probabilities(params, ids, "max")
        right.append(p.argmax() == reviews.test_labels[k])
    return float(np.mean(right))


# --- without a network ---------------------------------------------------------------------


def grams(tokens: list[str]) -> list[str]:
    """Words, and pairs of neighbours."""
    return [*tokens, *map(" ".join, pairwise(tokens))]


def bag(language: str) -> dict[str, Any]:
    """Logistic regression on one pass of the same batches, chosen by the same sentences."""
    reviews = READ[language]()
    cut = cutter(reviews.vocabulary)
    vector = HashingVectorizer(analyzer=grams, alternate_sign=False, norm=None, binary=True)
    found = list(batches(language, np.random.default_rng(0)))
    x = vector.transform(row for batch in found for row in batch.rows)
    y = np.concatenate([batch.labels for batch in found])
    share = np.concatenate([batch.weights for batch in found])
    choose, test = sentences("choose", language), sentences("test", language)
    target = np.array([one.label for one in choose])
    fits = [SGDClassifier("log_loss", alpha=alpha, max_iter=10, tol=None, average=True,
                          random_state=0).fit(x, y, sample_weight=share)
            for alpha in (1e-6, 1e-5, 1e-4)]  # fmt: skip
    logits = [fit.decision_function(vector.transform(cut(one.text) for one in choose))
              for fit in fits]  # fmt: skip
    T = [temperature(some, target) for some in logits]
    losses = [functional.binary_cross_entropy(some / by, target)[0]
              for some, by in zip(logits, T, strict=True)]  # fmt: skip
    k = int(np.argmin(losses))

    def p(texts: Any) -> Array:
        return functional.sigmoid(fits[k].decision_function(vector.transform(texts)) / T[k])

    sure = threshold(functional.sigmoid(logits[k] / T[k]), target, WRONG)
    said = p(cut(one.text) for one in test)
    return {
        "alpha": fits[k].alpha,
        "sure": sure,
        "outcomes": [outcome(q, one.label, sure) for q, one in zip(said, test, strict=True)],
        "accuracy on reviews": float(((p(reviews.test) > 0.5) == reviews.test_labels).mean()),
    }


# --- the record ----------------------------------------------------------------------------


def groups(listed: list[dict[str, Any]], outcomes: list[str]) -> dict[str, dict[str, int]]:
    """Counts of the outcomes in each group of the test, and in "all"."""
    names = list(dict.fromkeys(one["group"] for one in listed))
    rows = {name: tally([what for one, what in zip(listed, outcomes, strict=True)
                         if one["group"] == name]) for name in names}  # fmt: skip
    return rows | {"all": tally(outcomes)}


def edition(run: Run, language: str, seeds: int) -> dict[str, Any]:
    """What is measured of one edition; the first network, which choose.yml likes best, is the
    page's."""
    found = [run.step(f"{language}, seed {seed}", learnt, language, seed) for seed in range(seeds)]
    found.sort(key=lambda one: one["loss"])
    run.write({"network": found[0]["network"]}, f"live_sentiment_{language}")
    tests = [judged(one["network"], "test", language) for one in found]
    lone = run.step(f"{language}, bag", bag, language)
    settings = {name: lone[name] for name in ("alpha", "sure", "accuracy on reviews")}
    return {
        "sentences": tests[0],
        "network": [groups(test, [one["outcome"] for one in test]) for test in tests],
        "bag of words": groups(tests[0], lone["outcomes"]) | {"settings": settings},
        "loss on the sentences to choose by": [round(one["loss"], 4) for one in found],
        "choose": [tally([one["outcome"] for one in run["choose"]]) for run in found],
        "accuracy on reviews": summary([one["accuracy on reviews"] for one in found]),
        "temperature": [round(one["temperature"], 3) for one in found],
        "sure": [one["network"]["sure"] for one in found],
        "bytes": found[0]["bytes"],
        "tokens": len(found[0]["network"]["tokens"]),
    }


def main() -> None:
    what = "Two networks for short sentences, and 60 sentences for each that were written before."
    packages = ["torch", "scikit-learn", "jieba"]
    with Run("live_sentiment", what, NEEDS, packages, 2 * (SEEDS + 1)) as run:
        settings = {"D": D, "H": H, "epochs": EPOCHS, "rate": RATE, "dropout": DROPOUT,
                    "grammar": GRAMMAR, "stretches kept": KEPT, "pool": "max"}  # fmt: skip
        for seeds in range(1, SEEDS + 1):
            found = {language: edition(run, language, seeds) for language in READ}
            run.write({"settings": settings} | found)


if __name__ == "__main__":
    main()
