"""Tagging: the chapter's hand calculations, in plain fractions, and what it says of counts."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from rnncourse import data, metrics
from rnncourse.nn import crf

EMIT = [{"P": 2, "Q": 5}, {"P": 1, "Q": 3}]
STEP = {"PP": 1, "PQ": 1, "QP": 1, "QQ": 7}
CHAIN = {"transitions": np.log([[1.0, 1.0], [1.0, 7.0]]), "start": np.zeros(2), "end": np.zeros(2)}
SCORES = np.log([[[2.0, 5.0], [1.0, 3.0]]])


def products():
    """Each path with its product, in whole numbers."""
    return {a + b: EMIT[0][a] * STEP[a + b] * EMIT[1][b] for a, b in itertools.product("PQ", "PQ")}


def test_the_four_paths():
    found = products()
    assert found == {"PP": 2, "PQ": 6, "QP": 5, "QQ": 105}
    total = sum(found.values())
    assert total == 118
    assert [round(v / total, 3) for v in found.values()] == [0.017, 0.051, 0.042, 0.890]
    assert round(math.log(118) - math.log(6), 3) == 2.979
    loss, _ = crf.crf_forward(SCORES, np.array([[0, 1]]), CHAIN)
    assert 2 * loss == pytest.approx(math.log(118 / 6))


def test_forward_and_viterbi_by_hand():
    """α is (2, 5), then (7, 111); δ, in factors, (2, 5), then (5, 105), both from Q."""
    alpha = EMIT[0]
    after = {b: EMIT[1][b] * sum(alpha[a] * STEP[a + b] for a in "PQ") for b in "PQ"}
    assert after == {"P": 7, "Q": 111}
    best = {b: EMIT[1][b] * max((alpha[a] * STEP[a + b], a)[0] for a in "PQ") for b in "PQ"}
    assert best == {"P": 5, "Q": 105}
    assert max((alpha[a] * STEP[a + "P"], a) for a in "PQ")[1] == "Q"
    assert np.exp(crf.log_partition(SCORES, CHAIN)) == pytest.approx([118])
    paths, scores = crf.decode(SCORES, CHAIN)
    assert paths.tolist() == [[1, 1]]
    assert np.exp(scores) == pytest.approx([105])


def test_gradient_by_hand():
    p = {path: Fraction(n, 118) for path, n in products().items()}
    first = p["PP"] + p["PQ"]
    digits = [first, first - 1, 1 - first, p["PQ"] - 1, p["QQ"]]
    assert [round(float(v), 3) for v in digits] == [0.068, -0.932, 0.932, -0.949, 0.890]
    _, cache = crf.crf_forward(SCORES, np.array([[0, 1]]), CHAIN)
    demissions, grads = crf.crf_backward(2.0, cache, CHAIN)  # the loss is per step
    assert demissions[0, 0] == pytest.approx([float(first - 1), float(1 - first)])
    expected = [float(p["PP"]), float(p["PQ"] - 1), float(p["QP"]), float(p["QQ"])]
    assert grads["transitions"].ravel() == pytest.approx(expected)


def test_the_factor_that_makes_another_path_best():
    """P Q has 6, Q P 5 and Q Q 15 times the factor: below 0.4 it is P Q."""
    for factor, best in ((0.39, [0, 1]), (0.41, [1, 1])):
        chain = CHAIN | {"transitions": np.log([[1.0, 1.0], [1.0, factor]])}
        assert crf.decode(SCORES, chain)[0][0].tolist() == best


def test_six_friends():
    """Alone, all choose the same place once in 32 evenings; six coins are 4.16 nats, one 0.69."""
    evenings = list(itertools.product((0, 1), repeat=6))
    assert Fraction(sum(len(set(e)) == 1 for e in evenings), len(evenings)) == Fraction(1, 32)
    assert round(math.log(2), 2) == 0.69
    assert round(6 * math.log(2), 2) == 4.16


def test_how_many_paths():
    assert len(str(28**30)) == 44


def test_padding_by_hand():
    """Three padded steps, no mask: the last label goes on, with factor 1, or 7 from Q to Q."""
    ends = {"P": 7, "Q": 111}
    for _ in range(3):
        ends = {b: sum(ends[a] * STEP[a + b] for a in "PQ") for b in "PQ"}
    assert sum(ends.values()) == 46652


def test_fragments():
    tags = ["B-ORG", "I-NAME", "O", "I-ORG", "I-ORG"]
    assert len(metrics.entities(tags)) == 3
    assert len(metrics.entities(tags, "BIO")) == 1


def test_the_sentences_of_the_segmentation_chapter():
    assert len(data.load("segmented_sentences")) == 285


def test_what_the_page_says_of_the_recorded_run():
    """Percent, as its prose has them; differences are those of the rounded means in its table."""
    record, lattice = data.recorded("real_tagging"), data.recorded("real_segmentation")["sets"]
    sets = record["sets"]

    def mean(name, way, key="f1"):
        return round(100 * sets[name]["networks"][way]["test"][key]["mean"], 1)

    names = ("ner_weibo", "tag_snips", "ner_resume", "wnut17", "wikigold")
    gains = [round(mean(n, "crf, rules") - mean(n, "softmax, rules"), 1) for n in names]
    assert gains == [4.7, 1.4, 0.1, 0.4, -1.2]
    rules = {n: mean(n, "softmax, rules") - mean(n, "softmax, free") for n in names}
    assert round(rules.pop("wikigold"), 1) == 2.3
    assert max(rules.values()) < 1
    known = {n: 100 * sets[n]["baselines"]["longest match"]["test"]["f1"] for n in names}
    assert (
        mean("ner_weibo", "softmax, rules") < known["ner_weibo"] < mean("ner_weibo", "crf, rules")
    )
    assert mean("ner_weibo", "crf, rules") - known["ner_weibo"] < 1
    assert known["wnut17"] == 0
    assert 100 / mean("wnut17", "crf, rules", "recall") == pytest.approx(8, abs=0.5)
    assert mean("tag_snips", "crf, rules") == 93.2
    assert record["published"]["tag_snips"]["f1"] == 0.888
    assert record["published"]["msr"]["f1"] == 0.964
    assert sets["wikigold"]["entities"]["test"] == 299
    for name, test, ahead, found in (
        ("cws_ud_gsd", "gsd", 2, (79, 67)),
        ("pku", "pku", 3, (68, 40)),
    ):
        (row,) = [row for row in lattice[test]["rows"] if row["method"] == "… one digit"]
        assert round(100 * row["f1"] - mean(name, "crf, rules")) == ahead
        new = sets[name]["networks"]["crf, rules"]["test"]["oov_recall"]["mean"]
        assert (round(100 * new), round(100 * row["oov_recall"])) == found


def test_what_the_page_says_of_the_network_in_it():
    """Requests and résumés that it learned from; words are cut no better than by longest match."""
    played = data.recorded("real_live_tags")
    assert played["en"]["sentences"]["names"]["train"] == 13084
    assert data.recorded("real_tagging")["sets"]["ner_resume"]["sentences"]["train"] == 3821
    words = played["zh"]["shown"]["words"]["test"]["rules"]["f1"]
    assert words == pytest.approx(played["zh"]["longest match"]["words"]["f1"], abs=0.005)
