"""Short sentences for the networks that run in a page: to learn from, to choose by, to test with.

Reviews are long, and people type short sentences. So a review is cut into stretches of a sentence
or a part of one, each with the label of its review, right or wrong for it; and a small grammar
(``short_sentences_grammar.yml``) adds sentences that deny, compare and take back.
"""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from rnncourse import data

Array = np.ndarray
FOLDER = Path(__file__).parent
SLOT = re.compile(r"\{(\w+)\}")
BEFORE_VOWEL = re.compile(r"\ba (?=[aeiou])")
END, PAUSE = set(".!?;。！？；…~～"), set(",:-，、：") | {"but", "and"}
NEGATIONS = {"not", "no", "never", "nothing", "nobody", "none", "without", "hardly", "neither",
             "nor", "cannot"}  # fmt: skip
DENYING = set("不没无未别")
MOST, LEAST = 24, 8  # tokens of a stretch at most; no shorter one is cut without need


class Sentence(NamedTuple):
    """A line of short_sentences_test.yml or short_sentences_choose.yml."""

    text: str
    label: int  # 1 praises
    group: str  # of the test; "" in the other file


def sentences(name: str, language: str) -> list[Sentence]:
    """The sentences of "test" or "choose"."""
    file = FOLDER / f"short_sentences_{name}.yml"
    found = yaml.safe_load(file.read_text(encoding="utf-8"))[language]
    groups = found if name == "test" else {"": found}
    return [Sentence(text, label, group) for group, labels in groups.items()
            for label, texts in labels.items() for text in texts]  # fmt: skip


class Grammar:
    """Sentences that short_sentences_grammar.yml makes."""

    def __init__(self, language: str) -> None:
        file = FOLDER / "short_sentences_grammar.yml"
        self.rules = yaml.safe_load(file.read_text(encoding="utf-8"))[language]

    def make(self, label: int, rng: np.random.Generator) -> str:
        """A random sentence that praises (1) or blames (0), without a full stop."""
        return BEFORE_VOWEL.sub("an ", self._fill(f"{{{label}}}", rng))

    def _fill(self, form: str, rng: np.random.Generator) -> str:
        def one(slot: re.Match[str]) -> str:
            forms = self.rules[slot[1]]
            return self._fill(forms[rng.integers(len(forms))], rng)

        return SLOT.sub(one, form)

    def makes(self, text: str) -> bool:
        """Could the grammar make this text? Case, "an" and the last sign aside."""
        plain = re.sub(r"\ban (?=[aeiou])", "a ", text.lower().rstrip(".!。！"))
        return any(re.fullmatch(self._pattern(f"{{{label}}}"), plain) for label in (0, 1))

    def _pattern(self, form: str) -> str:
        found, at = "", 0
        for slot in SLOT.finditer(form):
            either = "|".join(self._pattern(other) for other in self.rules[slot[1]])
            found, at = f"{found}{re.escape(form[at : slot.start()])}(?:{either})", slot.end()
        return found + re.escape(form[at:])


# --- reviews -------------------------------------------------------------------------------


def chinese(name: str) -> tuple[list[str], Array]:
    """Texts and labels of a file of zh_sentiment; copies of a review are dropped."""
    file = data.path("zh_sentiment", name)
    with open(file, encoding="utf-8-sig", newline="") as handle:
        found = {row["review"].strip(): int(row["label"]) for row in csv.DictReader(handle)}
    found.pop("", None)
    return list(found), np.array(list(found.values()))


def ratings(part: str) -> Array:
    """Stars of the film reviews, 1 to 4 and 7 to 10, in the order of ``_reviews.films``."""
    with gzip.open(data.path("imdb", f"imdb_{part}.tsv.gz"), "rt", encoding="utf-8") as file:
        return np.array([int(line.split("\t", 2)[1]) for line in file.read().split("\n") if line])


def pieces(tokens: Sequence[str]) -> list[list[str]]:
    """The sentences of a review; signs alone belong to the sentence before."""
    found: list[list[str]] = [[]]
    for token in tokens:
        if found[-1] and found[-1][-1] in END and token not in END:
            found.append([])
        found[-1].append(token)
    return [piece for piece in found if any(token[0].isalnum() for token in piece)]


def stretches(review: Sequence[Sequence[str]], rng: np.random.Generator) -> Iterator[list[str]]:
    """A review's sentences as somebody might type them: one or two, or a part of one."""
    waiting = [list(piece) for piece in reversed(review)]
    while waiting:
        words = waiting.pop()
        if waiting and len(words) + len(waiting[-1]) <= MOST and rng.random() < 0.3:
            words += waiting.pop()
        if len(words) > MOST or (len(words) > LEAST and rng.random() < 0.2):
            pauses = [t for t in range(3, min(len(words) - 1, MOST)) if words[t] in PAUSE]
            cut = 1 + (int(rng.choice(pauses)) if pauses else min(MOST, len(words) - 1) - 1)
            waiting.append(words[cut:])
            words = words[:cut]
        if rng.random() < 0.4:  # people leave the full stop out
            while len(words) > 1 and not words[-1][0].isalnum():
                words.pop()
        yield words


def denies(words: Sequence[str]) -> bool:
    """Is there a negation?"""
    return any(word in NEGATIONS or word.endswith("n't") or DENYING & set(word) for word in words)


# --- words ---------------------------------------------------------------------------------


def frequencies(reviews: Iterable[Sequence[str]], labels: Array) -> tuple[Counter[str], ...]:
    """In how many reviews of label 0, and of label 1, each word stands."""
    found: tuple[Counter[str], ...] = (Counter(), Counter())
    for tokens, label in zip(reviews, labels, strict=True):
        found[label].update(set(tokens))
    return found


def log_odds(counts: tuple[Counter[str], ...], labels: Array, added: float) -> dict[str, float]:
    """How much more often a word stands in reviews that praise; rare words lie near 0."""
    ratio = (labels == 1).sum() / (labels == 0).sum()
    return {word: float(np.log((counts[1][word] + added) / (counts[0][word] * ratio + added)))
            for word in counts[0] | counts[1]}  # fmt: skip


def telling(counts: tuple[Counter[str], ...], labels: Array, V: int, often: int,
            least: int) -> list[str]:  # fmt: skip
    """V words: the most frequent, then those that tell most of the label, by their z score."""
    both = counts[0] + counts[1]
    first = [word for word, _ in both.most_common(often)]
    odds = log_odds(counts, labels, 0.5)

    def score(word: str) -> float:
        return abs(odds[word]) / np.sqrt(1 / (counts[0][word] + 0.5) + 1 / (counts[1][word] + 0.5))

    rest = [word for word, n in both.items() if n >= least and word not in set(first)]
    return [*first, *sorted(rest, key=score, reverse=True)][:V]


# --- scores --------------------------------------------------------------------------------


def outcome(p: float | None, label: int, sure: float) -> str:
    """What came of a sentence: "right", "unsure" (or not judged), or "wrong" while sure."""
    if p is None or max(p, 1 - p) < sure:
        return "unsure"
    return "right" if (p >= 0.5) == bool(label) else "wrong"


def tally(found: Sequence[str]) -> dict[str, int]:
    return {what: list(found).count(what) for what in ("right", "unsure", "wrong")}


def threshold(p: Array, labels: Array, wrong: float) -> float:
    """The lowest probability from which on at most a share ``wrong`` of all is wrong while sure."""
    most, bad = np.maximum(p, 1 - p), (p >= 0.5) != labels.astype(bool)
    allowed = int(wrong * len(p) + 1e-9)
    worst = np.sort(most[bad])[::-1]
    lowest = 0.5 if len(worst) <= allowed else float(worst[allowed]) + 1e-4
    return min(0.995, lowest)


def temperature(logits: Array, labels: Array) -> float:
    """The number that logits are divided by for the least cross-entropy (Guo et al., 2017)."""
    signed = np.where(labels == 1, logits, -logits)
    grid = np.geomspace(0.3, 5, 120)
    return float(grid[np.argmin([np.logaddexp(0, -signed / T).mean() for T in grid])])
