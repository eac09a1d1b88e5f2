"""Summaries: the chapter's hand calculations, in plain fractions, and what it says of counts."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from rnncourse import data, metrics
from rnncourse.data import reports
from rnncourse.nlp import textrank
from rnncourse.nn import copying

TITLE = ["Ashford", "beats", "Milton", "3-1"]


def overlap(found, title, n):
    """Precision, recall and F1 of n-grams, in fractions."""
    grams = [Counter(zip(*(words[k:] for k in range(n)), strict=False)) for words in (found, title)]
    both = (grams[0] & grams[1]).total()
    P, R = (Fraction(both, one.total()) for one in grams)
    return P, R, 2 * P * R / (P + R) if both else Fraction(0)


def common(a, b):
    """Length of the longest common subsequence, by trying all subsequences of a."""
    best = 0
    for chosen in range(2 ** len(a)):
        some = [word for k, word in enumerate(a) if chosen >> k & 1]
        rest = iter(b)
        if all(word in rest for word in some):
            best = max(best, len(some))
    return best


def test_rouge_by_hand():
    found = ["Ashford", "beat", "Milton", "3-1", "on", "Sunday"]
    assert overlap(found, TITLE, 1) == (Fraction(3, 6), Fraction(3, 4), Fraction(3, 5))
    assert overlap(found, TITLE, 2) == (Fraction(1, 5), Fraction(1, 3), Fraction(1, 4))
    assert common(found, TITLE) == 3
    assert metrics.rouge_n([TITLE], [found], 1) == pytest.approx((1 / 2, 3 / 4, 0.6))
    assert metrics.rouge_n([TITLE], [found], 2).f1 == pytest.approx(0.25)
    assert metrics.rouge_l([TITLE], [found]).f1 == pytest.approx(0.6)


def test_winner_and_loser_exchanged():
    """Full marks for single words, none for pairs; two of four words stay in order."""
    found = ["Milton", "beats", "Ashford", "3-1"]
    assert [overlap(found, TITLE, n)[2] for n in (1, 2)] == [1, 0]
    assert common(found, TITLE) == 2
    assert metrics.rouge_l([TITLE], [found]).f1 == pytest.approx(0.5)


def test_textrank_by_hand():
    """One shared word of two sentences of two: 1 / (2 ln 2); the outer scores are 0.475 / 1.85."""
    assert round(1 / (2 * math.log(2)), 3) == 0.721
    assert textrank.similarity(["a", "b"], ["a", "c"]) == pytest.approx(1 / (2 * math.log(2)))
    outer = Fraction(475, 1850)
    inner = 1 - 2 * outer
    assert outer == Fraction(1, 20) + Fraction(85, 100) * inner / 2
    assert [round(float(s), 3) for s in (outer, inner)] == [0.257, 0.486]
    found = textrank.textrank([["a", "b"], ["a", "c"], ["d", "c"]])
    assert found == pytest.approx([float(outer), float(inner), float(outer)], abs=1e-12)


# --- the mixture ---------------------------------------------------------------------


P, VOCABULARY = Fraction(6, 10), [Fraction(k, 10) for k in (7, 2, 1)]
WEIGHTS, SOURCE = [Fraction(k, 10) for k in (5, 3, 2)], [1, 3, 1]


def copied(word):
    return sum(a for a, x in zip(WEIGHTS, SOURCE, strict=True) if x == word)


def mixed(word, p=P):
    return p * (VOCABULARY[word] if word < 3 else 0) + (1 - p) * copied(word)


def test_mixture_by_hand():
    assert [float(mixed(w)) for w in range(4)] == [0.42, 0.4, 0.06, 0.12]
    assert sum(mixed(w) for w in range(4)) == 1
    assert [float((1 - P) * copied(w)) for w in range(4)] == [0, 0.28, 0, 0.12]


def test_gradients_by_hand():
    r = P * VOCABULARY[1] / mixed(1)
    assert r == Fraction(3, 10)
    assert P - r == Fraction(3, 10)
    rho = [a / copied(1) if x == 1 else Fraction(0) for a, x in zip(WEIGHTS, SOURCE, strict=True)]
    assert [round(float(share), 3) for share in rho] == [0.714, 0, 0.286]
    places = [(1 - r) * (a - share) for a, share in zip(WEIGHTS, rho, strict=True)]
    assert [float(d) for d in places] == pytest.approx([-0.15, 0.21, -0.06])
    logs = [np.log(np.array(some, float)) for some in (VOCABULARY, WEIGHTS)]
    loss, (dz, dg, da) = copying.mixture_loss(
        logs[0][None, None], np.log([[1.5]]), logs[1][None, None], np.array([SOURCE]),
        np.array([[1]]),
    )  # fmt: skip
    assert loss == pytest.approx(-math.log(0.4))
    assert dg[0, 0] == pytest.approx(0.3)
    assert dz[0, 0] == pytest.approx([0.21, -0.24, 0.03])
    assert (da - np.array(WEIGHTS, float) * da.sum())[0, 0] == pytest.approx(places)


def test_the_gate_at_which_two_words_are_equally_likely():
    """0.7 p = 0.2 p + 0.7 (1 - p) at p = 7 / 12."""
    p = Fraction(7, 12)
    assert mixed(0, p) == mixed(1, p)


def test_a_name_at_two_places():
    """The quiz: (1 - 0.6) (0.2 + 0.3) = 0.2; 0.3 and 0.12 are the wrong answers."""
    assert (1 - P) * (Fraction(2, 10) + Fraction(3, 10)) == Fraction(1, 5)
    assert (P * Fraction(1, 2), (1 - P) * Fraction(3, 10)) == (Fraction(3, 10), Fraction(12, 100))


def test_the_gate_when_the_word_is_nowhere_in_the_source():
    """The quiz: r is 1, so the gradient is p - 1; for a word that is only there, it is p."""
    z, g, a = np.zeros((1, 1, 3)), np.array([[0.3]]), np.log(np.full((1, 1, 3), 1 / 3))
    p = 1 / (1 + np.exp(-0.3))
    for word, expected in ((0, p - 1), (3, p)):
        _, (_, dg, _) = copying.mixture_loss(z, g, a, np.array([[1, 3, 1]]), np.array([[word]]))
        assert dg[0, 0] == pytest.approx(expected)


def test_coverage_by_hand():
    weights = np.array([[[0.6, 0.4], [0.5, 0.5], [0.1, 0.9]]])
    covered = [[0, 0], [0.6, 0.4], [1.1, 0.9]]
    np.testing.assert_allclose(copying.coverage(weights)[0], covered, atol=1e-15)
    minima = np.minimum(weights[0], covered).sum(axis=1)
    assert minima == pytest.approx([0, 0.9, 1])
    assert round(minima.sum() / 3, 3) == 0.633
    assert copying.coverage_loss(weights)[0] == pytest.approx(1.9 / 3)


# --- the reports ------------------------------------------------------------------------


def test_what_the_page_says_of_the_reports():
    """The key sentence is first in seven of ten; new names are in no report of the training."""
    found = reports.made_up_reports(np.random.default_rng(0), 3000)
    assert np.mean([report.key == 0 for report in found]) == pytest.approx(0.7, abs=0.03)
    assert {len(report.sentences) for report in found} == {3}
    fresh = reports.made_up_reports(np.random.default_rng(1), 500, new=1.0)
    seen = {word for report in found for word in report.words}
    named = {n for report in fresh for n in report.names if n[0].isalpha()}
    assert len(named) > 100
    assert not named & seen


def test_what_the_page_says_of_the_lists():
    """Means in percent, and in how many of the ten trainings coverage is better."""
    lists = data.recorded("real_summarization_lists")

    def values(way, test, score):
        return np.array(lists[way][test][score]["values"])

    gains = values("with", "new", "exact") - values("without", "new", "exact")
    assert [(gains > 0).sum(), (gains < 0).sum()] == [8, 2]
    exact = [round(100 * lists[way]["new"]["exact"]["mean"]) for way in ("without", "with")]
    assert exact == [62, 73]
    again = [values(way, "longer", "trigrams") for way in ("without", "with")]
    assert [round(100 * some.mean()) for some in again] == [18, 2]
    assert np.sort(again[0])[-4:].sum() > 0.8 * again[0].sum()
    assert (again[1] > again[0]).sum() == 2
    assert max(lists[way]["longer"]["exact"]["mean"] for way in ("with", "without")) == 0


def test_what_the_page_says_of_real_text():
    """Points of F1 and ROUGE-1 as the tables round them; names and numbers are counts."""
    real = data.recorded("real_summarization")
    nets = real["compression"]["networks"]
    f1 = {name: round(100 * row["tuned"]["f1"]["mean"], 1) for name, row in nets.items()}
    first = 100 * real["compression"]["baselines"]["first words, best number"]["f1"]
    assert round(f1["LSTM"] - f1["window of 5"]) == 7
    assert 7 < f1["window of 5"] - first < 8
    assert -1 < f1["LSTM and CRF"] - f1["LSTM"] < 0
    exact = [nets[name]["tuned"]["exact"]["values"] for name in ("LSTM", "LSTM and CRF")]
    assert max(exact[0]) < min(exact[1])
    pieces = real["titles"]["pieces"]
    one = {name: 100 * row["rouge"]["1"] for name, row in pieces.items()}
    assert max(one["TextRank"], one["TF-IDF"]) < one["first 30 characters"]
    assert [round(one[name]) for name in ("best clause", "all that the title has")] == [57, 87]
    assert pieces["title"]["names and numbers"] == 393
    assert pieces["title"]["not in the abstract"] == 24
    assert real["titles"]["pairs"]["train"] == 850
    played = data.recorded("real_live_titles")
    assert round(100 * played["zh"]["shown"]["test"]["eight bits"]["rouge"]["1"]) == 47
    texts = {lang: played[lang]["texts"]["train"] for lang in ("en", "zh")}
    assert texts == {"en": 8000, "zh": 850}


def test_what_the_page_says_of_the_published_numbers():
    """The gate brings five points of ROUGE-1, coverage three, and the lead is above them."""
    rows = data.recorded("real_summarization")["published"]["CNN and Daily Mail, ROUGE-1/2/L"]
    one = {name: row[0] for name, row in rows.items()}
    assert round(one["pointer-generator"] - one["attention"]) == 5
    assert round(one["with coverage"] - one["pointer-generator"]) == 3
    assert one["lead"] > max(v for name, v in one.items() if name != "lead")
    assert one["attention"] < one["lead"]
