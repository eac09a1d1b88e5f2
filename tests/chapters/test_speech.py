"""Speech: the chapter's hand calculations, its clinic, and what it says of the record."""

import math

import numpy as np
import pytest

from rnncourse import data
from rnncourse.nn import ctc, ctc_decoding

P = np.array([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2], [0.3, 0.1, 0.6]])  # blank, a, b
PATHS = {(0, 1, 2): 0.036, (1, 1, 2): 0.126, (1, 2, 2): 0.084, (1, 0, 2): 0.21, (1, 2, 0): 0.042}


def test_forward_by_hand():
    """The numbers of the page, in plain floats, and the package's own table."""
    for path, told in PATHS.items():
        assert round(math.prod(P[t][k] for t, k in enumerate(path)), 3) == told
        assert ctc.collapse(path).tolist() == [1, 2]
    losses, cache = ctc.ctc_forward(np.log(P)[None], [[1, 2]])
    alpha = np.exp(cache.alpha[1:, 0]).round(3)
    assert alpha[0].tolist() == [0.2, 0.7, 0, 0, 0]
    assert alpha[1].tolist() == [0.1, 0.27, 0.35, 0.14, 0]
    assert [alpha[2, 3], alpha[2, 4]] == [0.456, 0.042]
    assert round(sum(PATHS.values()), 3) == 0.498
    assert round(float(losses[0]), 3) == 0.697
    assert np.exp(-losses[0]) == pytest.approx(sum(PATHS.values()))


def test_gradient_by_hand():
    """At frame 2: shares of the five paths, and the gradient of the scores."""
    shares = [sum(p for path, p in PATHS.items() if path[1] == k) / 0.498 for k in (1, 0, 2)]
    assert [round(s, 3) for s in shares] == [0.325, 0.422, 0.253]
    _, cache = ctc.ctc_forward(np.log(P)[None], [[1, 2]])
    slopes = ctc.ctc_backward([1.0], cache)[0, 1]
    assert slopes.round(3).tolist() == [0.078, -0.025, -0.053]


def test_a_repeat_needs_its_blank():
    """aa in three frames has one path only."""
    losses, _ = ctc.ctc_forward(np.log(P)[None], [[1, 1]])
    assert np.exp(-losses[0]) == pytest.approx(0.7 * 0.5 * 0.1)


def test_greedy_and_beam_by_hand():
    scores = np.log(np.array([[[0.6, 0.4], [0.6, 0.4]]]))
    assert ctc_decoding.greedy(scores)[0].tolist() == []
    best = ctc_decoding.beam_search(scores, 3)[0][0]
    assert (best.labels.tolist(), round(math.exp(best.log_prob), 2)) == ([1], 0.64)


def test_quiz():
    """The path of question 1, and question 2: aab in three frames and in four."""
    assert ctc.collapse([1, 0, 1, 1, 2, 0, 2]).tolist() == [1, 1, 2, 2]
    for frames, fits in ((3, False), (4, True)):
        losses, _ = ctc.ctc_forward(np.zeros((1, frames, 3)), [[1, 1, 2]])
        assert np.isfinite(losses[0]) == fits


def test_the_record_is_whole():
    """Three seeds, another new speaker in each, and shares between 0 and 1."""
    recorded = data.recorded("real_speech")
    for name, way in recorded["strings"].items():
        for part in way["sets"].values():
            assert len(part["error"]["values"]) == 3
            assert all(0 <= v <= 1 for v in part["exact"]["values"])
        known = {None} if "unseen" not in name else set(way["speaker"])
        assert len(known) == (3 if "unseen" in name else 1)
    assert len(recorded["picture"]["frames"]) == len(recorded["picture"]["outputs"])


def test_text_about_the_record():
    """What the page says of the rows, by the means over the trainings."""
    sets = {name: {part: found["error"]["mean"] for part, found in way["sets"].items()}
            for name, way in data.recorded("real_speech")["strings"].items()}  # fmt: skip
    first = sets["CTC"]
    gaps = {part: sets["framewise"][part] - first[part] for part in first}
    assert min(gaps.values()) > 0
    assert max(gaps, key=lambda part: gaps[part]) == "repeats"
    for part in first:
        assert sets["framewise, each frame alone"][part] > 2 * first[part]
        assert sets["CTC, not normalised"][part] < first[part]
        assert sets["CTC, unseen speaker"][part] > 3 * first[part]
        ratio = sets["CTC, unseen speaker"][part] / sets["framewise, each frame alone"][part]
        assert ratio == pytest.approx(1, abs=0.15)
    one_way = data.recorded("real_speech")["strings"]["CTC, one way"]["sets"]["3-5 digits"]
    assert one_way["error"]["spread"] > 0.1


def test_text_about_single_digits():
    recorded = data.recorded("real_speech")
    digits = recorded["digits"]
    network, vote = (digits[f"{way}, unseen"]["values"] for way in ("network", "majority"))
    assert all(a < b for a, b in zip(network, vote, strict=True))
    known = digits["network, known"]["mean"]
    assert known > max(digits["majority, known"]["mean"], digits["warping, known"])
    assert digits["warping, known"] > digits["warping, unseen"] + 0.1


def test_text_about_the_spread_of_framewise():
    """Three times the same rate, of other substitutions, deletions and insertions."""
    found = data.recorded("real_speech")["strings"]["framewise"]["sets"]["repeats"]
    assert {round(100 * rate, 1) for rate in found["error"]["values"]} == {17.2}
    for kind in ("substitutions", "deletions", "insertions"):
        assert len(set(found[kind]["values"])) == 3


def test_text_about_the_first_picture():
    """6 6 8 5 5 was said; the recordings of the 6s touch, and one of them is missed."""
    picture = data.recorded("real_speech")["picture"]
    assert (np.array(picture["labels"]) - 1).tolist() == [6, 6, 8, 5, 5]
    best = np.array(picture["outputs"]).argmax(axis=1)
    assert (ctc.collapse(best) - 1).tolist() == [6, 8, 5, 5]
    said = ctc.collapse(picture["frames"]) - 1
    assert said.tolist() == [6, 8, 5, 5]
    assert (best == 0).mean() > 0.8
