"""Edit distance and error rates: by hand, by brute force over all scripts, beside rapidfuzz."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from rnncourse import metrics
from rnncourse.metrics import Edits


@cache
def scripts(a, b):
    """(substitutions, deletions, insertions) of every way from a to b, also the silly ones."""
    if not a or not b:
        return {(0, len(a), len(b))}
    same = a[0] == b[0]
    found = {(s + (not same), d, i) for s, d, i in scripts(a[1:], b[1:])}
    found |= {(s, d + 1, i) for s, d, i in scripts(a[1:], b)}
    return found | {(s, d, i + 1) for s, d, i in scripts(a, b[1:])}


@pytest.mark.parametrize(
    ("reference", "found", "edits"),
    [
        ("kitten", "sitting", (2, 0, 1)),  # k → s, e → i, + g
        ("ab", "ba", (2, 0, 0)),  # not (0, 1, 1), as short as this
        ("", "abc", (0, 0, 3)),
        ("abc", "", (0, 3, 0)),
        ("", "", (0, 0, 0)),
        ("同一句话", "同一句话", (0, 0, 0)),
        (["the", "cat", "sat"], ["the", "sat"], (0, 1, 0)),
    ],
)
def test_by_hand(reference, found, edits):
    assert metrics.edit_distance(reference, found) == edits


def test_of_all_scripts_the_shortest():
    words = [w for n in range(5) for w in itertools.product("ab", repeat=n)]
    for a, b in itertools.product(words, words):
        best = min(scripts(a, b), key=lambda e: (sum(e), -e[0]))
        assert metrics.edit_distance(a, b) == best


def test_beside_rapidfuzz():
    """The distance, and by its weights the greatest number of substitutions."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        a, b = (rng.integers(0, 4, rng.integers(0, 30)).tolist() for _ in range(2))
        found = metrics.edit_distance(a, b)
        assert found.total == Levenshtein.distance(a, b)
        weighted = Levenshtein.distance(a, b, weights=(100, 100, 99))
        assert weighted == 100 * found.total - found.substitutions
        assert found.insertions - found.deletions == len(b) - len(a)


def test_what_holds_of_every_distance():
    """Symmetric with deletions and insertions exchanged, and no detour is shorter."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        a, b, c = (rng.integers(0, 3, rng.integers(0, 12)) for _ in range(3))
        there, back = metrics.edit_distance(a, b), metrics.edit_distance(b, a)
        assert there == Edits(back.substitutions, back.insertions, back.deletions)
        through = metrics.edit_distance(a, c).total + metrics.edit_distance(c, b).total
        assert there.total <= through


def test_rates_by_hand():
    """Two of five words; the mean of the pairs' rates would be (1 + .25) / 2."""
    found = metrics.word_error_rate(["one", "two three four five"], ["two", "two  four five"])
    assert found == (2 / 5, Edits(1, 1, 0), 5)


def test_rates_without_a_reference():
    """Nothing said and nothing heard is right; anything heard is infinitely wrong."""
    assert metrics.word_error_rate([""], [""]) == (0, Edits(0, 0, 0), 0)
    assert metrics.word_error_rate([" "], ["yes"]) == (math.inf, Edits(0, 0, 1), 0)
    assert metrics.label_error_rate([], []).rate == 0
    assert metrics.label_error_rate([[], [1]], [[2], [1]]) == (1, Edits(0, 0, 1), 1)


def test_rates_may_be_above_one():
    assert metrics.label_error_rate([[1]], [np.array([2, 3, 4])]).rate == 3


def test_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match="1 references and 2 found ones"):
        metrics.label_error_rate(["a"], ["a", "b"])
    with pytest.raises(TypeError, match="found is one string"):
        metrics.word_error_rate(["a b"], "a b")
    with pytest.raises(ValueError, match="reference holds lists"):
        metrics.edit_distance(np.zeros((2, 2)), [0])
