"""The poet of the page: what is told of sounds and of poems, and that the record is of its base."""

import pytest
from scripts import load

from rnncourse import data
from rnncourse.widgets import poet

TOWER = ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"]


@pytest.fixture(scope="module")
def script():
    return load("real/live_poems.py")


def test_poems_are_judged_by_hand(script):
    model = poet.load("poems")
    found = script.judged(model, TOWER)
    expected = {"tones": 1, "rhyme": 1, "lawful": 1, "no repeats": 1, "breaks": 0}
    assert {name: found[name] for name in expected} == expected
    doubled = script.judged(model, [*TOWER[:3], "更上一层流"])
    assert (doubled["rhyme"], doubled["lawful"], doubled["no repeats"]) == (0, 0, 0)
    oblique = script.judged(model, [*TOWER[:3], "更上一层月"])
    assert (oblique["tones"], oblique["rhyme"], oblique["breaks"]) == (0, 0, 1)
    assert script.shares([{"a": 0.0}, {"a": 1.0}]) == {"a": 0.5}


def test_other_forms_are_traditional_ones_too(script):
    forms = script.forms()
    assert (forms["門"], forms["鴈"]) == ("门", "雁")
    assert "门" not in forms
    assert not set(forms) & set(forms.values())


def test_record_is_of_the_network_that_is_there(script):
    """Who trains live_tang.json anew has to run live_poems.py again."""
    record = data.recorded("live_poems")
    base = data.recorded(f"live_{record['network']['base']}")["network"]
    assert record["base sha256"] == script.fingerprint(base)
    assert data.recorded("real_live_poems")["loaded"] == poet.size(record["network"], base)


def test_chance_is_far_below_real_rhymes():
    for rows in data.recorded("real_live_poems")["by size"].values():
        assert rows["rhyme by chance"] < 0.2 < rows["real"]["rhyme"]
        assert rows["form only"]["rhyme"]["mean"] < 0.2
