"""rnncourse.nlp.prosody: beside poems worked by hand."""

import pytest

from rnncourse.data import verses
from rnncourse.nlp import prosody, sounds

LOUYER = ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"]


def test_marks_of_both_sizes() -> None:
    assert prosody.marks("bAaB", 5) == ["中平平仄仄", "中仄仄平平", "中仄平平仄", "平平仄仄平"]
    seven = prosody.marks("aBbA", 7)
    assert [row[2:] for row in seven] == prosody.marks("aBbA", 5)
    assert [row[:2] for row in seven] == ["中平", "中仄", "中仄", "中平"]


def test_lines_2_and_4_end_level_in_every_pattern() -> None:
    for pattern in prosody.PATTERNS:
        rows = prosody.marks(pattern, 5)
        assert [row[-1] for row in rows][1::2] == ["平", "平"]
        assert rows[2][-1] == "仄"


@pytest.mark.parametrize(("pattern", "size"), [("aaaa", 5), ("aBbA", 6)])
def test_other_patterns_and_sizes_are_named(pattern: str, size: int) -> None:
    with pytest.raises(ValueError, match=r"pattern is .*, size"):
        prosody.marks(pattern, size)


def test_a_regulated_quatrain() -> None:
    verdict = prosody.judge("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    assert verdict.lawful
    assert verdict.pattern == "aBbA"
    assert not verdict.repeated


def test_a_break_has_its_place() -> None:
    broken = [LOUYER[0], "黄河入天流", *LOUYER[2:]]  # 海 oblique → 天 level
    assert prosody.best_pattern(broken) == ("aBbA", [(1, 3)])


def test_no_rhyme_and_a_doubled_word() -> None:
    assert not prosody.judge("白日依山尽，黄河入海流。欲穷千里目，更上一层山。").rhyme
    verdict = prosody.judge("白日依山尽，黄河入海流。欲穷千里目，更上一层流。")
    assert verdict.doubled
    assert not verdict.rhyme
    assert verdict.repeated == ["流"]


@pytest.mark.parametrize(
    "text", ["", "白日依山尽", "白日依山尽，黄河入海。欲穷千里目，更上一层楼。"]
)
def test_anything_else_is_no_quatrain(text: str) -> None:
    verdict = prosody.judge(text)
    assert not verdict.form
    assert not verdict.lawful
    assert verdict.pattern == ""


def test_both_readings_and_unknown_signs_fit() -> None:
    both = {c: sounds.tones(c) for c in "空看"}
    assert all(len(found) == 2 for found in both.values())
    unknown = [line[:2] + "Ω" + line[3:] for line in LOUYER]
    assert prosody.tone_breaks(unknown, "aBbA") == []


def test_mandarin_misreads_the_entering_tone() -> None:
    assert sounds.entering("白")
    assert sounds.entering("一")
    assert prosody.tone_breaks(["白日依山尽"] * 4, "aBbA", sounds.modern_tones) != \
        prosody.tone_breaks(["白日依山尽"] * 4, "aBbA")  # fmt: skip


def test_schemes() -> None:
    assert prosody.rhyme_scheme(["床前看月光", "疑是地上霜", "举头望山月", "低头思故乡"]) == "AABA"
    assert prosody.rhyme_scheme(LOUYER)[1] == prosody.rhyme_scheme(LOUYER)[3]


def test_couplets() -> None:
    assert prosody.oppositions("山月", "月山") == 1.0
    assert prosody.oppositions("山月", "山月") == 0.0
    assert prosody.oppositions("Ωx", "ab") == 0.0
    with pytest.raises(ValueError, match="equally many"):
        prosody.oppositions("山", "山月")


def test_acrostic_ends_lines_at_every_stop() -> None:
    assert prosody.acrostic("春山在，夏水流！秋月高？冬雪白。") == "春夏秋冬"


def test_english_metre() -> None:
    assert prosody.scan("Shall I compare thee to a summer's day?") == ("??01???10?", 0)
    assert prosody.scan("Summer upon")[1] == 2 + 0  # 10 01 against 01 01
    assert prosody.stresses("unlisted") == "?"


def test_famous_poems_all_have_form() -> None:
    verdicts = [prosody.judge(poem.text) for poem in verses.famous()]
    assert all(v.form for v in verdicts)
    assert 0 < sum(v.lawful for v in verdicts) < len(verdicts)
