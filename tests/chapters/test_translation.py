"""Translation: the chapter's hand calculations, in plain counts and fractions."""

import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest

from rnncourse import data, metrics
from rnncourse.nlp import bpe

REFERENCE = ["There", "are", "three", "books", "on", "the", "table", "."]
REPEATED = ["There", "are", "books", "books", "on", "the", "table", "."]
SHORT = ["three", "books", "on", "the", "table", "."]


def clipped(found, reference, n):
    """Matched and found n-grams, counted one by one."""
    left = [tuple(reference[i : i + n]) for i in range(len(reference) - n + 1)]
    grams = [tuple(found[i : i + n]) for i in range(len(found) - n + 1)]
    matched = 0
    for gram in grams:
        if gram in left:
            left.remove(gram)
            matched += 1
    return matched, len(grams)


def test_bleu_by_hand():
    """7/8, 5/7, 3/6 and 2/5 make 1/8; its fourth root is 0.595."""
    counts = [clipped(REPEATED, REFERENCE, n) for n in range(1, 5)]
    assert counts == [(7, 8), (5, 7), (3, 6), (2, 5)]
    product = math.prod(Fraction(*pair) for pair in counts)
    assert product == Fraction(1, 8)
    assert round(float(product) ** 0.25, 3) == 0.595
    found = metrics.bleu([[REFERENCE]], [REPEATED])
    assert found.score == pytest.approx(0.125**0.25)
    assert found.precisions == pytest.approx([7 / 8, 5 / 7, 3 / 6, 2 / 5])


def test_brevity_by_hand():
    """Six of eight tokens, all right: exp(1 - 8/6); half of each sentence: exp(-1)."""
    assert all(a == b for a, b in (clipped(SHORT, REFERENCE, n) for n in range(1, 5)))
    assert round(math.exp(1 - 8 / 6), 3) == 0.717
    assert metrics.bleu([[REFERENCE]], [SHORT]).score == pytest.approx(math.exp(-1 / 3))
    assert round(math.exp(-1), 3) == 0.368


def test_the_tokens_of_the_example():
    assert metrics.tokenize_13a("There are three books on the table.") == REFERENCE


def test_four_times_the():
    """One of four counts where the reference has one; two where the better of two has two."""
    one, two = ["the", "cat", "sat", "down"], ["the", "cat", "on", "the", "mat"]
    assert metrics.bleu([[one]], [["the"] * 4], order=1).precisions == (0.25,)
    assert metrics.bleu([[one, two]], [["the"] * 4], order=1).precisions == (0.5,)


def test_merges_by_hand():
    """Counts of pairs, after each merge anew; among equals the oldest pieces first."""
    words = {" hat": 4, " hats": 3, " cat": 2, " cats": 2}
    now = {word: list(word) for word in words}
    told = [("a", "t", 11), (" ", "h", 7), (" h", "at", 7), (" ", "c", 4), (" c", "at", 4),
            (" hat", "s", 3)]  # fmt: skip
    for left, right, times in told:
        seen = Counter()
        for word, pieces in now.items():
            for pair in pairwise(pieces):
                seen[pair] += words[word]
        assert seen[left, right] == times == max(seen.values())
        for word, pieces in now.items():
            at = next((i for i in range(len(pieces) - 1) if pieces[i : i + 2] == [left, right]),
                      None)  # fmt: skip
            if at is not None:
                now[word] = [*pieces[:at], left + right, *pieces[at + 2 :]]
    learned = bpe.learn(words, 6)
    assert learned.merges == [(left, right) for left, right, _ in told]
    assert learned.encode("cats") == [" cat", "s"]
    assert learned.encode("chats") == [" c", "h", "at", "s"]


def test_what_the_page_says_of_the_network_in_it():
    """Pairs, BLEU beside the rivals', exact answers, and the two examples that go wrong."""
    played = data.recorded("real_live_translation")
    assert played["sizes"]["train"]["pairs"] == 18310
    assert played["settings"]["longest"] == 12
    assert round(100 * played["8 bits"]["bleu"], 1) == 20.9
    assert round(100 * played["8 bits"]["exact"]) == 7
    assert max(found["bleu"] for found in played["baselines"].values()) < played["8 bits"]["bleu"]
    wrote = {zh: en for zh, en, _ in played["asked"] + played["odd"]}
    assert wrote["请把门关上。"] != "Please close the door."
    assert wrote["我有3只猫。"] != "I have three cats."
    assert wrote["他比我高。"] == "He is taller than me."
