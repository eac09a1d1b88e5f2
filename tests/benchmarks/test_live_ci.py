"""The page's network for Song ci: forms and rhymes as they are read off a few poems."""

import pytest
from scripts import load

from rnncourse.nlp import sounds

SKELETON = "xxx，xx。xx。xx。"


@pytest.fixture(scope="module")
def script():
    return load("real/live_ci.py")


def test_ends_that_rhyme_are_grouped(script):
    """The last but one is of its own; a stop that ends no sentence is left out."""
    rows = ["天天年月", "花前边雪", "山见先高"]
    assert script.alike(rows, 1, 2) == 1
    assert script.alike(rows, 0, 1) == pytest.approx(2 / 3)
    assert script.rhyming(SKELETON, rows) == [[1, 2]]


def test_form_of_a_tune_by_hand(script):
    poems = [("调", "春风吹，人见。青天。明月。"), ("调", "春水流，归面。少年。白雪。"),
             ("调", "春山青，不远。"), ("别", "春山青，人见。青天。明月。")]  # fmt: skip
    found = script.form("调", poems, SKELETON)
    assert (found["groups"], found["turned"]) == ([[1, 2]], [2])
    assert found["share"] == pytest.approx(2 / 3, abs=1e-3)


def test_rhymes_have_today_s_final_and_the_old_tone(script):
    found = script.rhymes("天见月来看☺")
    assert found["寒平"] == "天看"
    assert found["寒仄"] == "见看"
    assert found["皆仄"] == "月"
    assert script.level("天")
    assert not script.level("看")
    assert sounds.tones("月") == {sounds.OBLIQUE}


def test_means_leave_out_what_is_not_defined(script):
    rows = [{"form": 1.0, "rhyme": 0.5}, {"form": 0.0, "rhyme": None}]
    assert script.shares(rows) == {"form": 0.5, "rhyme": 0.5}
    assert script.shares(rows[1:]) == {"form": 0.0}
