"""The network that writes dates in a page: what is measured of it."""

import numpy as np
import pytest
from scripts import load

from rnncourse.data import dates as forms
from rnncourse.nlp import decoding


@pytest.fixture(scope="module")
def script():
    return load("real/live_dates.py")


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("the 5th of march 2024", 17),
        ("三月五号，二零二四年", 5),
        ("２０２４年３月５日", 0),
        ("20240305", 0),
        ("Mar 5, '24", -1),
    ],
)
def test_place_of_the_year_by_hand(script, source, place):
    assert script.year_at(source, "2024") == place


def test_every_form_has_its_year_digit_by_digit(script):
    """So the mean weight is over all dates."""
    for name, write in forms.FORMATS.items():
        assert script.year_at(write(forms.Date(1987, 6, 14)), "1987") >= 0, name


def test_looks_by_hand(script):
    """Year at 1..4 of six characters, five written: on it 1, 0.5, 0 and 0.3 of each digit."""
    weights = np.zeros((5, 6))
    weights[[0, 1, 1, 2, 3, 3], [1, 2, 5, 5, 4, 0]] = 1, 0.5, 0.5, 1, 0.3, 0.7
    weights[4, 1] = 1  # no digit of the year
    found = decoding.Written(np.arange(5), -1.0, -1.0, True, weights)
    looks = script.looks([" 2024年"], ["2024-03-05"], [found])
    assert looks == {"year on year": 1.8 / 4, "largest": round(4.2 / 5, 4)}


def test_disturbed_dates_keep_their_digits_and_months(script):
    """Marks and little words go, at most one sign comes; often nothing changes."""
    rng = np.random.default_rng(2)
    source = "the 5th of March, 2024，"
    found = [script.disturbed(rng, source) for _ in range(300)]
    kept = [s for s in source if s.isdigit()]
    assert all([s for s in one if s.isdigit()] == kept for one in found)
    assert all(sum(one.count(s) for s in "□") <= 1 for one in found)
    assert 0.4 < np.mean([one == source for one in found]) < 0.65  # 0.9⁴ times 0.8 are 0.52
    assert any("the " not in one for one in found)
    assert any("," not in one for one in found)


def test_batch_by_hand(script):
    """Read small, unknown as 0; the target ends with its end, and so does its padding."""
    batch = script.batch_of(["A🙂", "5 Mar"], ["2024-03-05", ""])
    assert batch.source[0, :2].tolist() == [script.TOKENS.index("a"), 0]
    assert batch.source_mask.sum(axis=1).tolist() == [2, 5]
    assert batch.target[0].tolist() == [5, 3, 5, 7, 2, 3, 6, 2, 3, 8, 1]
    assert set(batch.target[1]) == {1}


def test_rules_read_no_chinese(script):
    """dateutil, on few dates: what it knows it reads right."""
    found = script.rules(200)
    assert found["Chinese"] == 0
    assert 0.6 < found["English"] <= 1
