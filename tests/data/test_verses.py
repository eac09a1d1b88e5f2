"""rnncourse.data.verses: forty poems, and generated ones under every rule."""

import math

import numpy as np
import pytest

from rnncourse.data import verses
from rnncourse.nlp import prosody, sounds


def test_forty_famous_quatrains() -> None:
    poems = verses.famous()
    assert len(poems) == len({poem.text for poem in poems}) == 40
    sizes = [{len(line) for line in verses.lines(poem.text)} for poem in poems]
    assert sizes.count({5}) == 25
    assert sizes.count({7}) == 15


def test_phrases_have_the_tones_that_they_stand_under() -> None:
    number, fits = 0, {"平": sounds.LEVEL, "仄": sounds.OBLIQUE}
    for key, words in verses.phrases().items():
        *group, pattern = key.split(" ")
        for word in words:
            number += 1
            for char, mark in zip(word, pattern, strict=True):
                assert mark == "中" or sounds.tones(char) == {fits[mark]}, (word, char)
            assert not group or group[0] in sounds.rhymes(word[-1]), word
    assert number >= 150


def test_every_poem_keeps_every_rule() -> None:
    poems = verses.quatrains(np.random.default_rng(3), 400)
    assert len(set(poems)) == 400
    for poem in poems:
        verdict = prosody.judge(poem)
        assert verdict.lawful, poem
        assert verdict.pattern in verses.PATTERNS


def test_same_seed_same_poems() -> None:
    a, b = (verses.quatrains(np.random.default_rng(7), 5) for _ in range(2))
    assert a == b
    assert verses.quatrains(np.random.default_rng(7), 0) == []
    with pytest.raises(ValueError, match="N"):
        verses.quatrains(np.random.default_rng(7), -1)


def test_entropy_by_counting_every_choice() -> None:
    known = verses.phrases()
    heads = math.prod(n * (n - 1) for n in (len(known["平平"]), len(known["中仄"])))
    logs = []
    for group in verses.rhymes():
        for pattern, free in zip(verses.PATTERNS, ("平仄仄", "平平仄"), strict=True):
            a, b = (known[f"{group} {tail}"] for tail in ("仄平平", "仄仄平"))
            three = (a, b, a) if pattern == "ABbA" else (b, a, b)
            count = sum(x[-1] != y[-1] != z[-1] != x[-1]
                        for x in three[0] for y in three[1] for z in three[2])  # fmt: skip
            logs.append(math.log(heads * len(known[free]) * count))
    expected = math.log(len(logs)) + float(np.mean(logs))
    assert verses.entropy() == pytest.approx(expected, rel=1e-12)


def test_couplets_oppose_each_other() -> None:
    pairs = verses.couplets(np.random.default_rng(1), 200)
    assert np.mean([prosody.oppositions(*pair) for pair in pairs]) > 0.85
