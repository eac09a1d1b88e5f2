"""Tones and rhymes of characters: hand-known readings, both books, and the table re-made."""

import importlib.util

import pytest

from rnncourse.nlp import sounds

BOTH = frozenset({"level", "oblique"})


@pytest.mark.parametrize(
    ("characters", "kind"),
    [("风红山天人", {"level"}), ("月白日水", {"oblique"}), ("看思", BOTH)],
)
def test_known_tones(characters: str, kind: set[str]) -> None:
    assert all(sounds.tones(character) == kind for character in characters)


def test_the_entering_tone_is_what_mandarin_misreads() -> None:
    for character in "白十学竹德":  # level today, oblique in the old books
        assert sounds.entering(character)
        assert sounds.tones(character) == {"oblique"}
        assert sounds.modern_tones(character) == {"level"}
    assert not any(sounds.entering(character) for character in "山水大")


def test_rhymes_of_the_106() -> None:
    assert sounds.rhymes("东") == {"东"}
    assert sounds.rhymes("冬") == {"冬"}  # the same sound today, another rhyme then
    assert sounds.rhymes("流") == sounds.rhymes("楼") == {"尤"}
    assert sounds.rhymes("看") == {"寒", "翰"}
    assert [len(sounds.groups(tone)) for tone in "平上去入"] == [30, 29, 30, 17]
    assert len(sounds.groups()) == len(set(sounds.groups())) == 106
    assert not set(sounds.groups()) ^ {r for c in sounds.characters() for r in sounds.rhymes(c)}


def test_a_group_is_of_one_tone() -> None:
    level = set(sounds.groups("平"))
    for character in sounds.characters():
        assert ("level" in sounds.tones(character)) == bool(sounds.rhymes(character) & level)


def test_simplified_characters_have_the_readings_of_all_they_stand_for() -> None:
    assert sounds.rhymes("干") == {"寒", "翰", "先"}  # 乾, with two readings, and 幹
    assert sounds.rhymes("后") == {"有", "宥"}  # 後 and 后
    assert sounds.rhymes("發") == sounds.rhymes("髮") == sounds.rhymes("发") == {"月"}


def test_rhyming_by_both_books() -> None:
    assert sounds.rhyme_together("流", "楼")
    assert sounds.rhyme_together("斜", "家")
    assert not sounds.rhyme_together("斜", "家", "modern")
    assert not sounds.rhyme_together("东", "冬")
    assert sounds.rhyme_together("东", "冬", "modern")
    assert not sounds.rhyme_together("东", "董")  # a level and an oblique tone
    assert not sounds.rhyme_together("东", "动", "modern")
    assert not sounds.rhyme_together("𠀀", "𠀀")
    assert not sounds.rhyme_together("A", "A", "modern")


def test_modern_readings() -> None:
    assert sounds.modern("山") == (sounds.Reading("an", 1),)
    assert sounds.modern("知")[0] == ("-i", 1)
    assert sounds.modern("绿")[0] == ("ü", 4)
    assert [reading.final for reading in sounds.modern("流")] == ["iou"]
    assert {reading.rhyme for c in sounds.characters() for reading in sounds.modern(c)} == set(
        sounds.MODERN
    )
    assert sounds.Reading("x", 1).rhyme == ""


def test_other_forms() -> None:
    assert sounds.alternatives("東風與疎雨, A") == "东风与疏雨, A"
    assert sounds.tones("鴈") == sounds.tones("雁") == {"oblique"}
    assert sounds.tones("A") == sounds.rhymes("，") == frozenset()
    assert sounds.modern("A") == ()


@pytest.mark.parametrize("bad", ["", "山水", 3])
def test_one_character_is_expected(bad: object) -> None:
    for function in (sounds.tones, sounds.rhymes, sounds.entering, sounds.modern):
        with pytest.raises(ValueError, match="char"):
            function(bad)


def test_bad_books_and_tones() -> None:
    with pytest.raises(ValueError, match="book is 'old'"):
        sounds.rhyme_together("东", "风", "old")
    with pytest.raises(ValueError, match="tone is 'level'"):
        sounds.groups("level")


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("opencc", "pypinyin", "tshet_uinh")),
    reason="the packages that the table is made from",
)
def test_the_table_is_what_the_packages_say() -> None:
    from tools import sounds as made

    sample = [*made.characters()[7:3000:97], "后", "间", "风", "不", "褭", "嗯"]
    for character in sample:
        assert sounds.rhymes(character) == set(made.rhymes(character)), character
        found = [f"{reading.final}{reading.tone}" for reading in sounds.modern(character)]
        assert found == sorted(made.modern(character), key=found.index), character
    assert len(made.rhyme_of()) == 206
    assert len(set(made.rhyme_of().values())) == 106
