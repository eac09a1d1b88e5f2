"""What the runs on summaries share: texts with their titles, and a network that keeps words.

English: news sentences, each with the words of them that make its headline (Filippova). Chinese:
abstracts of journals with their titles (CSL); the characters of an abstract that its title has are
found here. A text of T tokens, words or characters.
"""

import functools
import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from _common import summary
from tagging import ChainLoss
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import data, interop, metrics
from rnncourse.nlp import text
from rnncourse.nn import crf
from rnncourse.widgets import summarizer, tagger

Array = np.ndarray
SPLITS = ("train", "dev", "test")
KEPT = "B-DEL"  # the label of the words that are KEPT, in spite of its name; see SOURCE.txt
NEEDS = [("summ_compression", f"filippova_{split}.conll") for split in SPLITS] + [
    ("summ_csl_titles", f"csl_ts_{split}.tsv") for split in SPLITS[1:]
]
HELD = 150  # of the 1,000 abstracts to learn from are to develop on
RUN = 2  # characters of a title in a row that must stand in a row in the abstract
Marked = tuple[list[str], Array]  # tokens, and whether each is kept (T,)


@functools.cache
def compressions(split: str) -> list[Marked]:
    """News sentences, and which of their words the headline has."""
    found = []
    for block in data.path(*NEEDS[SPLITS.index(split)]).read_text("utf-8").split("\n\n"):
        rows = [line.split("\t") for line in block.splitlines() if line.strip()]
        if rows:
            found.append(([row[0] for row in rows], np.array([row[1] == KEPT for row in rows])))
    return found


@functools.cache
def abstracts(split: str) -> list[tuple[str, str]]:
    """Abstract and title, characters of one width, without spaces.

    Only the dev part of the benchmark is there to learn from: its last 150 are "dev" here.
    """
    file = f"csl_ts_{'test' if split == 'test' else 'dev'}.tsv"
    rows = [line.split("\t") for line in
            data.path("summ_csl_titles", file).read_text("utf-8").splitlines()]  # fmt: skip
    pairs = [tuple("".join(tagger.tokens(cell, "zh")) for cell in row[:2]) for row in rows]
    pairs = [(one, title) for one, title in pairs if one and title]
    return {"train": pairs[:-HELD], "dev": pairs[-HELD:], "test": pairs}[split]


def aligned(source: str, title: str) -> Array:
    """Which characters of an abstract its title has (T,).

    Of the title the longest run that the abstract has too is marked there where it first stands,
    then of what the title has before and behind it the longest, and so on; what is shorter than
    ``RUN`` counts as not found.
    """
    kept, rest = np.zeros(len(source), bool), [title]
    while rest:
        part = rest.pop()
        for length in range(len(part), RUN - 1, -1):
            places = [(source.find(part[k : k + length]), k) for k in range(len(part) - length + 1)]
            place = min((one for one in places if one[0] >= 0), default=None)
            if place:
                kept[place[0] : place[0] + length] = True
                rest += [part[: place[1]], part[place[1] + length :]]
                break
    return kept


@functools.cache
def marked(language: str, split: str, longest: int = 300) -> list[Marked]:
    """Texts with what is kept, in either language."""
    if language == "en":
        return [(tokens[:longest], kept[:longest]) for tokens, kept in compressions(split)]
    return [(list(one[:longest]), aligned(one, title)[:longest])
            for one, title in abstracts(split)]  # fmt: skip


# --- the network ----------------------------------------------------------------------------


class Sizes(NamedTuple):
    """Of a network and of its training."""

    D: int
    H: int
    beside: tuple[int, int]  # rows and numbers of what is read beside a token
    drop: float
    batch: int
    updates: int
    least: int  # times that a known token was seen
    rate: float = 4e-3
    chain: bool = True  # a CRF, or each step alone
    longest: int = 300  # tokens of a text that it learns from
    window: int = 0  # words that a convolution sees instead of an LSTM, where it isn't 0


FALL, CLIP = 12, 5.0
RARE = 1.0  # a token that was seen c times is read as unknown with probability RARE / (RARE + c)
ENDINGS, OFTEN = 150, 15  # at most so many endings of rare words, each of so many words


@functools.cache
def counts(language: str) -> Counter[str]:
    """How often the training has each token, words in their form."""
    as_read = tagger.form if language == "en" else str
    return Counter(as_read(one) for tokens, _ in marked(language, "train") for one in tokens)


@functools.cache
def vocabulary(language: str, least: int) -> list[str]:
    """Padding, unknown, the commonest endings of rare English words, and what is seen often."""
    seen = counts(language)
    known = [token for token, n in seen.most_common()
             if n >= least and not token.startswith(tagger.UNKNOWN)]  # fmt: skip
    endings = []
    if language == "en":
        rare = Counter(tagger.signature(word) for word, n in seen.items() if n < 2 * least)
        endings = [name for name, n in rare.most_common(ENDINGS) if n >= OFTEN]
    return ["", tagger.UNKNOWN, *endings, *known]


class Network(nn.Module):
    """Numbers (N, T) of tokens and of what is beside → scores (N, T, 2) of leaving and keeping."""

    def __init__(self, language: str, sizes: Sizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(vocabulary(language, sizes.least)), sizes.D, 0)
        nn.init.normal_(self.embedding.weight, 0, 0.3)
        self.beside = nn.Embedding(*sizes.beside)
        nn.init.normal_(self.beside.weight, 0, 0.3)
        wide = sizes.D + sizes.beside[1]
        if sizes.window:
            self.near = nn.Conv1d(wide, 2 * sizes.H, sizes.window, padding="same")
        else:
            self.lstm = nn.LSTM(wide, sizes.H, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * sizes.H, 2)
        scores = crf.crf_init(np.random.default_rng(0), 2, np.float32)
        self.chain = nn.ParameterDict({n: torch.tensor(p) for n, p in scores.items()})
        self.drop = nn.Dropout(sizes.drop)

    def forward(self, ids: Array, beside: Array, mask: Array) -> torch.Tensor:
        xs = torch.cat([self.embedding(torch.tensor(ids)), self.beside(torch.tensor(beside))], 2)
        return self.output(self.drop(self.read(self.drop(xs), mask)))

    def read(self, xs: torch.Tensor, mask: Array) -> torch.Tensor:
        """(N, T, 2H): of each token what is near it, or all before and all behind it."""
        if hasattr(self, "near"):
            inside = xs * torch.tensor(mask)[..., None]
            return self.near(inside.transpose(1, 2)).transpose(1, 2).relu()
        packed = pack_padded_sequence(xs, torch.tensor(mask.sum(1)), batch_first=True,
                                      enforce_sorted=False)  # fmt: skip
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]

    def loss(self, scores: torch.Tensor, labels: Array, mask: Array, chain: bool) -> torch.Tensor:
        """A mean: of sentences with a chain, else of tokens."""
        if chain:
            return ChainLoss.apply(scores, labels, mask, *(self.chain[n] for n in crf.NAMES))
        return nn.functional.cross_entropy(scores[torch.tensor(mask)], torch.tensor(labels[mask]))

    def params(self) -> dict[str, Any]:
        """As rnncourse.widgets.summarizer reads them."""
        return {
            "embedding": {"E": self.embedding.weight.detach().numpy(),
                          "S": self.beside.weight.detach().numpy()},
            "lstm": interop.from_torch(self.lstm),
            "output": {"W_y": self.output.weight.detach().numpy().T,
                       "b_y": self.output.bias.detach().numpy()},
            "chain": {n: p.detach().numpy() for n, p in self.chain.items()},
        }  # fmt: skip


class Coder:
    """Tokens → numbers, as tagger.Tagger does; with an rng, rare ones sometimes as unknown."""

    def __init__(self, language: str, sizes: Sizes, rng: np.random.Generator | None = None) -> None:
        self.language, self.sizes, self.rng, self.seen = language, sizes, rng, counts(language)
        self.numbers = {token: k for k, token in enumerate(vocabulary(language, sizes.least))}

    def __call__(self, tokens: Sequence[str]) -> tuple[Array, Array]:
        english = self.language == "en"
        forms = [tagger.form(token) for token in tokens] if english else list(tokens)
        stand_ins = [tagger.signature(word) if english else tagger.UNKNOWN for word in forms]
        dropped = self.rng.random(len(forms)) if self.rng else np.ones(len(forms))
        found = []
        for word, stand_in, u in zip(forms, stand_ins, dropped, strict=True):
            kept = u >= RARE / (RARE + self.seen[word])
            number = self.numbers.get(word) if kept or not self.rng else None
            found.append(self.numbers.get(stand_in, 1) if number is None else number)
        ids = np.array(found)
        if english:
            return ids, np.array([tagger.shape(token) for token in tokens])
        return ids, summarizer.beside(tokens)

    def padded(self, some: Sequence[Sequence[str]]) -> tuple[Array, Array, Array]:
        """Numbers of tokens, of what is beside, and mask, each (N, T)."""
        coded = [self(tokens) for tokens in some]
        ids, mask = text.pad([one[0] for one in coded])
        return ids, text.pad([one[1] for one in coded])[0], mask.astype(bool)


def groups(lengths: Array, size: int, rng: np.random.Generator) -> Any:
    """Without end: places of texts of like length, in random order."""
    while True:
        order = np.argsort(lengths * rng.uniform(0.9, 1.1, len(lengths)))
        for start in rng.permutation(np.arange(0, len(order), size)):
            yield order[start : start + size]


def trained(language: str, sizes: Sizes, seed: int) -> tuple[Network, float]:
    """The network after all updates, the rate falling; and CPU seconds."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(seed)
    rng, begin = np.random.default_rng(seed), time.process_time()
    model, coder = Network(language, sizes), Coder(language, sizes, rng)
    adam = torch.optim.Adam(model.parameters(), sizes.rate)
    found = marked(language, "train", sizes.longest)
    source = groups(np.array([len(tokens) for tokens, _ in found]), sizes.batch, rng)
    for k in range(sizes.updates):
        adam.param_groups[0]["lr"] = sizes.rate * FALL ** (-k / sizes.updates)
        part = [found[n] for n in next(source)]
        ids, beside, mask = coder.padded([tokens for tokens, _ in part])
        labels = text.pad([kept.astype(int) for _, kept in part])[0]
        loss = model.loss(model(ids, beside, mask), labels, mask, sizes.chain)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        adam.step()
    return model.eval(), time.process_time() - begin


def scored(model: Network, coder: Coder, some: Sequence[Sequence[str]], size: int = 64
           ) -> list[Array]:  # fmt: skip
    """Scores (T, 2) of each text, in float."""
    found: list[Any] = [None] * len(some)
    order = sorted(range(len(some)), key=lambda n: len(some[n]))
    for start in range(0, len(order), size):
        part = order[start : start + size]
        ids, beside, mask = coder.padded([some[n] for n in part])
        with torch.no_grad():
            rows = model(ids, beside, mask).numpy()
        for n, row in zip(part, rows, strict=True):
            found[n] = row[: len(some[n])].astype(float)
    return found


def kept(scores: Sequence[Array], chain: dict[str, Array] | None, more: Sequence[float]
         ) -> list[list[Array]]:  # fmt: skip
    """For each number that is added to the scores of keeping, what is kept of each text (T,): the
    best path of the chain, or, without one, each step alone."""
    if chain is None:
        return [[one[:, 1] + extra > one[:, 0] for one in scores] for extra in more]
    rows = [summarizer.kept_of(one, chain, np.array(more)) for one in scores]
    return [[row[k] for row in rows] for k in range(len(more))]


# --- scores ---------------------------------------------------------------------------------


def rouges(references: Sequence[Any], found: Sequence[Any]) -> dict[str, float]:
    """F1 of ROUGE-1, 2 and L, of lists of tokens or of texts by characters."""
    references, found = ([list(one) for one in some] for some in (references, found))
    scores = [metrics.rouge_n(references, found, 1), metrics.rouge_n(references, found, 2),
              metrics.rouge_l(references, found)]  # fmt: skip
    return {name: round(float(one.f1), 4) for name, one in zip("12L", scores, strict=True)}


def token_f1(some: Sequence[Marked], found: Sequence[Array]) -> float:
    """Of the tokens kept, the mean over texts."""
    return float(np.mean([2 * (gold & mine).sum() / max(1, gold.sum() + mine.sum())
                          for (_, gold), mine in zip(some, found, strict=True)]))  # fmt: skip


def judged(some: Sequence[Marked], found: Sequence[Array]) -> dict[str, Any]:
    """F1 of the tokens kept, its mean over sentences; sentences found exactly; the shares of
    tokens and of characters kept; and ROUGE."""
    sizes = [np.array([len(token) for token in tokens]) for tokens, _ in some]
    letters = [n[mine].sum() / n.sum() for n, mine in zip(sizes, found, strict=True)]
    gold = [keep for _, keep in some]
    exact = [(one == mine).all() for one, mine in zip(gold, found, strict=True)]
    texts = [[np.array(tokens)[keep].tolist() for (tokens, _), keep in zip(some, way, strict=True)]
             for way in (gold, found)]  # fmt: skip
    return {
        "f1": round(token_f1(some, found), 4),
        "exact": round(float(np.mean(exact)), 4),
        "rate": round(float(np.mean([mine.mean() for mine in found])), 4),
        "rate of characters": round(float(np.mean(letters)), 4),
        "rouge": rouges(*texts),
    }


def gathered(rows: Sequence[Any]) -> Any:
    """Of all seeds: mean and spread of each number, at its place."""
    if isinstance(rows[0], dict):
        return {key: gathered([row[key] for row in rows]) for key in rows[0]}
    if isinstance(rows[0], list):
        return [gathered(list(some)) for some in zip(*rows, strict=True)]
    return summary(rows)
