"""The networks for short sentences: their sentences and grammar, and what they are recorded to say.

The recorded weights are asked again, with NumPy, about all sixty sentences of both editions.
"""

from pathlib import Path

import numpy as np
import pytest
from scripts import load

from rnncourse import data
from rnncourse.widgets import live, weights

LANGUAGES = ("en", "zh")
ROOT = Path(__file__).resolve().parents[2]
WRONG = 3  # of 60, while sure, at most


@pytest.fixture(scope="module")
def short():
    return load("real/_short.py")


@pytest.fixture(scope="module")
def record():
    return data.recorded("real_live_sentiment")


# --- the sentences -------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_balanced_and_nowhere_twice(short, language):
    """Half of them praise, in every group; none stands in the list to choose by."""
    test, choose = short.sentences("test", language), short.sentences("choose", language)
    assert (len(test), len(choose)) == (60, 120)
    for group in ("plain", "negated", "turned", "rare"):
        labels = [one.label for one in test if one.group == group]
        assert sum(labels) * 2 == len(labels) > 0
    assert sum(one.label for one in choose) == 60
    plain = [one.text.lower().rstrip(".!。！") for one in [*test, *choose]]
    assert len(set(plain)) == 180


@pytest.mark.parametrize("language", LANGUAGES)
def test_grammar_makes_none_of_them(short, language):
    """And it recognizes what it makes itself, or the test would say nothing."""
    grammar, rng = short.Grammar(language), np.random.default_rng(0)
    for name in ("test", "choose"):
        assert [s.text for s in short.sentences(name, language) if grammar.makes(s.text)] == []
    for label in (0, 1) * 100:
        assert grammar.makes(grammar.make(label, rng))


# --- pieces of reviews ---------------------------------------------------------------------


def test_pieces_by_hand(short):
    """Signs stay with the sentence before; a sentence of signs alone is none."""
    found = short.pieces(["?", "good", "film", "!", "!", ".", "i", "said"])
    assert found == [["good", "film", "!", "!", "."], ["i", "said"]]
    assert short.pieces(["?", "!"]) == []


def test_stretches_lose_no_word(short):
    """Whatever is drawn: all words in order, and none of more than MOST tokens."""
    rng = np.random.default_rng(4)
    review = [["w"] * n + [","] + ["v"] * m + ["."] for n, m in ((3, 2), (30, 1), (9, 60), (1, 1))]
    words = [word for piece in review for word in piece if word in "wv"]
    for _ in range(50):
        found = list(short.stretches(review, rng))
        assert [word for one in found for word in one if word in "wv"] == words
        assert max(map(len, found)) <= short.MOST


def test_threshold_by_hand(short):
    """Wrong with 0.9 and 0.7: from just above 0.7 one of five is wrong while sure."""
    p, labels = np.array([0.9, 0.3, 0.8, 0.05, 0.6]), np.array([0, 1, 1, 0, 1])
    assert short.threshold(p, labels, 0.2) == pytest.approx(0.7001)
    assert short.threshold(p, labels, 0.4) == 0.5
    outcomes = [short.outcome(q, label, 0.75) for q, label in zip(p, labels, strict=True)]
    assert outcomes == ["wrong", "unsure", "right", "right", "unsure"]
    assert short.outcome(None, 1, 0.5) == "unsure"


def test_temperature_by_hand(short):
    """One logit, of size 2, right three times of four: sigmoid(2 / T) = 3/4, T = 2 / ln 3."""
    logits, labels = np.array([2.0, 2.0, 2.0, -2.0]), np.array([1, 1, 1, 1])
    assert short.temperature(logits, labels) == pytest.approx(2 / np.log(3), rel=0.02)


def test_log_odds_by_hand(short):
    """Two of three reviews praise: a word in both of those, and in none that blames."""
    labels = np.array([1, 1, 0])
    counts = short.frequencies([["a", "b"], ["a", "a"], ["b", "c"]], labels)
    odds = short.log_odds(counts, labels, 1)
    assert odds == pytest.approx({"a": np.log(3), "b": np.log(2 / 3), "c": np.log(1 / 3)})
    # The most frequent, "b" of two that are; then "a", which tells more than "c".
    assert short.telling(counts, labels, 2, 1, 1) == ["b", "a"]


# --- the record ----------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_recorded_weights_say_what_is_recorded(short, record, language):
    """Asked again, sentence by sentence: probability, outcome, counts of each group."""
    arrays, found = weights.load(f"sentiment_{language}")
    net, params = found["network"], live.parameters(arrays)
    assert weights.size(net) <= weights.LIMIT
    rows = record[language]["sentences"]
    assert [(r["text"], r["label"], r["group"]) for r in rows] == short.sentences("test", language)
    again = []
    for row in rows:
        p, _ = live.judge(net, params, row["text"])
        again.append(short.outcome(None if p is None else p[1], row["label"], net["sure"]))
        assert p is None or abs(p[1] - row["p"]) < 1e-3
    assert again == [row["outcome"] for row in rows]
    assert short.tally(again) == record[language]["network"][0]["all"]
    for group, counts in record[language]["network"][0].items():
        if group != "all":
            mine = [a for a, row in zip(again, rows, strict=True) if row["group"] == group]
            assert short.tally(mine) == counts


@pytest.mark.parametrize("language", LANGUAGES)
def test_networks_are_seldom_wrong_while_sure(record, language):
    """At most 5 % wrong while sure; twice as many right as the bag of words has."""
    counts = record[language]["network"][0]["all"]
    assert counts["wrong"] <= WRONG
    assert counts["right"] >= 2 * record[language]["bag of words"]["all"]["right"]


def test_the_page_says_how_the_goals_were_met(record):
    """48 of 60 on the right side, at most 3 wrong while sure, at most 18 not sure.

    These numbers stand in the page's prose.
    """
    met, others = {}, {}
    for language in LANGUAGES:
        found = record[language]["sentences"]
        side = sum((one["p"] > 0.5) == (one["label"] == 1) for one in found)
        counts, *rest = [one["all"] for one in record[language]["network"]]
        met[language] = side, counts["wrong"], counts["unsure"]
        others[language] = sorted(one["unsure"] for one in rest)
        losses = record[language]["loss on the sentences to choose by"]
        assert losses == sorted(losses)
    assert met == {"en": (55, 0, 10), "zh": (55, 1, 18)}
    assert others == {"en": [20, 21], "zh": [13, 19]}
    english, chinese = (
        (ROOT / "book" / one / "sentiment.md").read_text("utf-8") for one in LANGUAGES
    )
    assert "55 on the right side in both; none wrong and 10 not sure in English, " in english
    assert "one wrong and 18 not sure, just the limit, in Chinese" in english
    assert "doubt 20 and 21 sentences in English, 13 and 19 in Chinese" in english
    assert "都是 55 句；英文没有错的，拿不准的有 10 句；中文错了一句，拿不准的有 18 句" in chinese
    assert "英文拿不准的分别是 20 句和 21 句，中文是 13 句和 19 句" in chinese
