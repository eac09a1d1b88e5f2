"""The poet: patterns and the index by hand, what its masks promise, what it refuses."""

import json
import re

import numpy as np
import pytest

from rnncourse import data
from rnncourse.data import verses
from rnncourse.nlp import prosody, sounds
from rnncourse.widgets import poet

SPRING = ["春眠不觉晓", "处处闻啼鸟", "夜来风雨声", "花落知多少"]  # Meng Haoran; oblique rhymes
TOWER = ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"]  # Wang Zhihuan


@pytest.fixture(scope="module")
def model():
    return poet.load("poems")


def uniform(seed):
    return np.random.default_rng(seed).random


# --- tones and rhymes -------------------------------------------------------------------


def test_tones_are_those_of_the_table(model):
    for sign in "春眠不觉晓白日依山尽看为":
        own = {poet.LEVEL: sounds.LEVEL, poet.OBLIQUE: sounds.OBLIQUE}
        assert {own[tone] for tone in model.tones(sign)} == sounds.tones(sign)
        assert model.groups(sign) == sounds.rhymes(sign) & set(sounds.groups("平"))
    assert model.tones("☺") == ""
    assert model.tones("鴈") == model.tones("雁") == poet.OBLIQUE
    assert model.simplified("鴈來") == "雁来"


def test_famous_poems_are_judged_as_books_judge_them(model):
    assert model.pattern(TOWER, 5) == "aBbA"
    found = model.judge(TOWER, "aBbA")
    assert found.breaks == []
    assert (found.rhyme, found.repeated, found.lawful) == (["尤"], [], True)
    # Its rhyme words are oblique: no regulated quatrain, though a famous one.
    found = model.judge(SPRING, model.pattern(SPRING, 5))
    assert found.breaks
    assert not found.rhyme
    assert found.repeated == ["处"]


def test_verdicts_are_those_of_prosody(model):
    """The page's table of sounds against the package's, on the quatrains that all know."""
    for one in verses.famous():
        lines = prosody.split(one.text)
        for pattern in prosody.PATTERNS:
            found = model.judge(lines, pattern)
            assert found.breaks == prosody.tone_breaks(lines, pattern)
            assert (bool(found.rhyme) and not found.doubled) == prosody.rhymes(lines, pattern)


def test_breaks_and_doubled_rhyme_words_by_hand(model):
    lines = ["日白依山尽", "黄河入海流", "欲穷千里目", "更上一层流"]
    found = model.judge(lines, "aBbA")
    assert found.doubled
    assert not found.lawful
    assert found.repeated == ["流"]
    assert model.judge(TOWER, "bAaB").breaks
    assert model.breaks(["☺☺☺☺☺"], "aBbA", 5) == []


# --- the index ------------------------------------------------------------------------------


def test_index_never_misses_and_seldom_errs():
    rng = np.random.default_rng(2)
    lines = ["".join(map(chr, rng.integers(0x4E00, 0x5E00, 7))) for _ in range(700)]
    index = poet.Index(poet.index_of(lines))
    assert all(index.run(line) == 7 for line in lines)
    other = ["".join(map(chr, rng.integers(0x6000, 0x7000, 4))) for _ in range(2000)]
    assert np.mean([index.run(line) > 0 for line in other]) < 0.05
    assert index.run("abc") == 0
    assert index.run("") == 0
    assert index.run("xx" + lines[0][:5]) == 5


def test_hash_by_hand():
    """The first step of FNV-1a, written out."""
    one = ((2166136261 ^ ord("a")) * 16777619) % 2**32
    assert poet.hashes("a", 1, 2**32) == [one]
    first, second = poet.hashes("春", 2, 2**32)
    two = ((84696351 ^ ord("春")) * 16777619) % 2**32
    assert (second - first) % 2**32 == two | 1


# --- what it writes ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5, 7])
def test_all_rules_hold_in_all_poems(model, size):
    rng = np.random.default_rng(size)
    for pattern in prosody.PATTERNS:
        poem = model.write(poet.Order(size, pattern=pattern), tau=1.0, uniform=rng.random)
        assert poem.pattern == pattern
        assert poem.verdict.lawful
        assert poem.verdict.repeated == []
        assert [len(line) for line in poem.lines] == [size] * 4
        assert re.fullmatch(rf"(\w{{{size}}}，\w{{{size}}}。){{2}}", str(poem))
        assert 0 < poem.cost < -poem.log_prob


def test_without_rules_nothing_is_paid_but_for_the_form(model):
    """What is off is not kept: over some poems tones break. The form alone costs little."""
    poems = [model.write(poet.Order(), (), 0.8, uniform(seed)) for seed in range(4)]
    assert any(not poem.verdict.lawful for poem in poems)
    assert all(0 <= poem.cost < 3 for poem in poems)
    greedy = [model.write(poet.Order(), rules, 0) for rules in ((), poet.RULES)]
    assert greedy[0].cost < greedy[1].cost


def test_first_line_and_heads_stand_where_they_belong(model):
    poem = model.write(poet.Order(first="床前明月光"), uniform=uniform(0))
    assert poem.lines[0] == "床前明月光"
    assert poem.pattern == "BAaB"
    # Its third tone is the poet's own break, its rhyme is kept by the others.
    assert poem.verdict.breaks == [(0, 2)]
    assert poem.verdict.rhyme == ["阳"]
    poem = model.write(poet.Order(7, heads="梅兰竹菊"), uniform=uniform(0))
    assert [line[0] for line in poem.lines] == list("梅兰竹菊")
    assert poem.verdict.repeated == []
    three = model.write(poet.Order(heads="春夏秋"), uniform=uniform(0))
    assert [line[0] for line in three.lines[:3]] == list("春夏秋")
    nine = model.write(poet.Order(heads="一二三四五六七八九"), uniform=uniform(0))
    assert [line[0] for line in nine.lines] == list("一二三四")
    old = model.write(poet.Order(first="牀前明月光"), uniform=uniform(0))
    assert old.verdict.rhyme == ["阳"]


def test_a_rule_that_leaves_nothing_is_dropped(model):
    """A rhyme with no character left; all characters seen."""
    none = model.allowed(poet.LEVEL, True, set(), "", "", ("tones", "rhyme"))
    assert (none == model.allowed(poet.LEVEL, False, None, "", "", ("tones",))).all()
    seen = "".join(model.known)
    kept = model.allowed(poet.EITHER, False, None, "", seen, ("repeats",))
    assert (kept == model.allowed(poet.EITHER, False, None, "", "", ())).all()
    assert kept.sum() > 1900


def test_a_small_rhyme_and_equal_heads_are_no_dead_ends(model):
    poem = model.write(poet.Order(first="日暮照寒窗"), uniform=uniform(1))
    assert poem.pattern[0].isupper()
    assert poem.verdict.rhyme == ["江"]
    poem = model.write(poet.Order(heads="春春春春"), uniform=uniform(1))
    assert [line[0] for line in poem.lines] == list("春春春春")
    assert poem.verdict.repeated == ["春"]


def test_same_numbers_same_poem(model):
    one, two, other = (str(model.write(poet.Order(), uniform=uniform(s))) for s in (3, 3, 4))
    assert one == two != other


def test_wrong_orders_are_named(model):
    for order, match in (
        (poet.Order(first="床前明月"), "first has 4 characters; expected 5 or 7"),
        (poet.Order(first="床前a月光"), r"first has \['a'\]; expected Chinese"),
        (poet.Order(heads="春1"), r"heads has \['1'\]"),
        (poet.Order(first="床前明月光", heads="春"), "expected one of them"),
        (poet.Order(6), "size 6; expected one of"),
        (poet.Order(pattern="AAAA"), "pattern is 'AAAA'"),
    ):
        with pytest.raises(ValueError, match=match):
            model.write(order, uniform=uniform(0))
    with pytest.raises(ValueError, match=r"rules is \['rime'\]"):
        model.write(poet.Order(), ("rime",), 0)
    for tau in (-1, float("nan"), 0.8):
        with pytest.raises(ValueError, match="expected 0, or above it"):
            model.write(poet.Order(), tau=tau)


# --- the page and the record ----------------------------------------------------------------------


def test_page_gets_poems_and_where_the_network_is():
    shown = poet.show("poems", "en", ["明月照江水", "春夏秋冬"])
    assert repr(shown).startswith("明月照江水: 明月照江水，")
    page = shown._repr_html_()
    place = dict(re.findall(r'data-(\w+)="([^"]*)"', page))
    assert (place["edition"], place["net"]) == ("en", "poems")
    assert json.loads(place["examples"].replace("&quot;", '"')) == ["明月照江水", "春夏秋冬"]
    for wrong in ("abc", []):
        with pytest.raises(ValueError, match="expected a list of at least one"):
            poet.show("poems", "en", wrong)
    with pytest.raises(ValueError, match="language is 'fr'"):
        poet.show("poems", "fr", ["春"])


def test_recorded_network_keeps_its_budget_and_says_what_was_measured():
    network = data.recorded("live_poems")["network"]
    assert len(json.dumps(network, ensure_ascii=False).encode()) <= 300_000
    record = data.recorded("real_live_poems")
    for rows in record["by size"].values():
        rules, form = rows["tones, rhyme, no repeats"], rows["form only"]
        assert rules["lawful"]["mean"] == 1
        assert rules["no repeats"]["mean"] == 1
        assert form["lawful"]["mean"] < rows["real"]["lawful"] < 1
        assert rules["cost"]["mean"] > rows["tones"]["cost"]["mean"] > form["cost"]["mean"]
