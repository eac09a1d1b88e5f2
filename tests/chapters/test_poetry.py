"""The numbers that the page on verse works by hand."""

import numpy as np
import pytest

from rnncourse.data import verses
from rnncourse.nlp import constrained, prosody, sounds


def test_the_worked_quatrain_fits_at_every_place():
    lines = prosody.split("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    assert prosody.best_pattern(lines) == ("aBbA", [])
    assert prosody.rhyme_scheme(lines) == "ABCB"


def test_the_worked_mask():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])

    def second_late(t, prefix):
        return np.array([True, t == 1, True])

    nats = constrained.cost(np.log(p), [0, 1], second_late)
    assert nats.sum() == pytest.approx(-np.log(0.7))
    assert (p[0] * [1, 0, 1] / 0.7).round(3).tolist() == [0.714, 0, 0.286]


def test_famous_poems_by_both_readings():
    """Fewer than half are right by the old books; half as many by Mandarin."""
    texts = [poem.text for poem in verses.famous()]
    old = [prosody.judge(text) for text in texts]
    new = [prosody.judge(text, sounds.modern_tones) for text in texts]
    assert [sum(not v.breaks for v in some) for some in (old, new)] == [16, 8]
    assert sum(len(v.breaks) for v in new) > sum(len(v.breaks) for v in old)


def test_the_page_s_numbers_of_phrases_and_groups():
    assert sum(map(len, verses.phrases().values())) == 205
    assert len(verses.rhymes()) == 6


def test_the_acrostic_of_the_clinic():
    poem = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少？"
    assert prosody.acrostic(poem) == "春处夜花"
    assert "".join(line[0] for line in poem.split("。") if line) == "春夜"
