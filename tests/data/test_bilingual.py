"""Sentence pairs of ``bilingual.yml``: what they have, what is left out, what a mistake is told."""

import numpy as np
import pytest

from rnncourse.data import bilingual
from rnncourse.data.corpora import phrases


def drawn(seed, N, **asked):
    return bilingual.sentences(np.random.default_rng(seed), N, **asked)


def copied(folder, old="", new=""):
    """A copy of the file, one text in it changed."""
    text = (phrases.FOLDER / "bilingual.yml").read_text(encoding="utf-8")
    assert old in text
    (folder / "bilingual.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def test_a_seed_makes_these_sentences():
    """Written out by hand; the page's outputs rest on them."""
    found = {(pair.source, pair.en) for pair in drawn(4, 40)}
    assert {
        ("你下个星期要拿走六朵花。", "You will take six flowers next week."),
        ("李华今天早上画的那封信很贵。",
         "The letter that Li Hua drew this morning is very expensive."),
        ("陈雨明天在车站要找三条鱼吗？",
         "Will Chen Yu look for three fish at the station tomorrow?"),
        ("你今天晚上要把信放在厨房里。", "You will put the letter in the kitchen this evening."),
        ("厨房里有四把刀。", "There are four knives in the kitchen."),
        ("我比老师快。", "I am faster than the teacher."),
    } <= found  # fmt: skip


def test_sentences_differ_and_the_dictionary_has_all_their_words():
    found = drawn(0, 1500, ways=2) + drawn(1, 300, clauses=2) + drawn(2, 300, new="numbers")
    assert len({pair.source for pair in found[:1500]}) == 1500
    known = bilingual.dictionary()
    assert not {word for pair in found for word in pair.zh} - known.keys()
    for pair in found:
        assert pair.en[0].isupper()
        assert (pair.en[-1], pair.zh[-1]) in {(".", "。"), ("?", "？")}
        assert "  " not in pair.en


@pytest.mark.parametrize(
    ("number", "chinese"), [(10, "十"), (14, "十四"), (20, "二十"), (73, "七十三"), (99, "九十九")]
)
def test_numbers(number, chinese):
    """Written by hand: ten has no "one", and no digit stands behind a full ten."""
    assert bilingual.dictionary()[chinese] == str(number)


def test_third_person_plural_and_article():
    """Checked on the English side alone, by its words."""
    for pair in drawn(3, 800, kinds=("tell", "there")):
        words = pair.en.rstrip(".").lower().replace("two days ago", "").split()
        for article, vowel in (("a", False), ("an", True)):
            for k, word in enumerate(words[:-1]):
                if word == article:
                    assert (words[k + 1][0] in "aeiou") is vowel
        if {"two", "three", "four", "five", "six"} & set(words) and "fish" not in words:
            several = [en.split(", ")[2] for en, _ in bilingual.read().tables["things"]]
            assert set(several) & set(words)
        if "every" in words and pair.zh[0] in ("他", "她"):
            assert words[1].endswith("s")


def test_what_is_left_out_is_not_in_the_others():
    """Numbers by their remainder, names by their places in the tables."""
    ordinary, numbers, names = (
        drawn(5, 1000),
        drawn(6, 200, new="numbers"),
        drawn(7, 200, new="names"),
    )
    digits = [{int(w) for w in pair.en.rstrip(".?").split() if w.isdigit()} for pair in numbers]
    assert all(any(n % 7 == 3 for n in some) for some in digits)
    assert not any(int(w) % 7 == 3 for pair in ordinary
                   for w in pair.en.rstrip(".?").split() if w.isdigit())  # fmt: skip
    tables = bilingual.read().tables
    full = [{f"{a} {b}" for i, (a, _) in enumerate(tables["surnames"])
             for j, (b, _) in enumerate(tables["given"]) if ((i + j) % 3 == 0) is kept}
            for kept in (True, False)]  # fmt: skip
    assert all(any(name in pair.en for name in full[0]) for pair in names)
    assert not any(name in pair.en for pair in ordinary for name in full[0])
    assert len(full[0]) == 12


def test_rephrased():
    pair = next(p for p in drawn(4, 200, kinds=("put",)) if p.zh[0] == "你")
    ways = {(bilingual.rephrased(pair, en, zh).en, bilingual.rephrased(pair, en, zh).source)
            for en in (0, 1) for zh in (0, 1)}  # fmt: skip
    assert len(ways) == 4
    assert bilingual.rephrased(pair, 0, 0) == pair
    assert {bilingual.rephrased(pair, 1, 1).meaning} == {pair.meaning}
    with pytest.raises(ValueError, match="joined"):
        bilingual.rephrased(drawn(0, 1, clauses=2)[0], 0, 0)
    with pytest.raises(ValueError, match="ways 2 and 0"):
        bilingual.rephrased(pair, 2, 0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"N": 0}, "N"),
        ({"N": 1, "new": "verbs"}, "verbs"),
        ({"N": 1, "kinds": ()}, "kinds"),
        ({"N": 1, "kinds": ("sing",)}, "sing"),
        ({"N": 1, "ways": 3}, "ways = 3"),
        ({"N": 5, "kinds": ("than",), "new": "numbers"}, "only 0 different"),
        ({"N": 1, "kinds": ("ask",), "clauses": 2}, "kinds"),
    ],
)
def test_wrong_arguments(asked, message):
    with pytest.raises(ValueError, match=message):
        bilingual.sentences(np.random.default_rng(0), **asked)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("zh: 贵", "zh:", "qualities 1 zh: found nothing"),
        ("{who} {be} {more} than {whom}", "{who} {be} {more} than", "than 1.*each once"),
        ("joined:", "joint:", "joint"),
    ],
)
def test_a_mistake_is_named(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message):
        bilingual.read(copied(tmp_path, old, new))


def test_a_copy_reads_as_the_file_does(tmp_path):
    assert bilingual.read(copied(tmp_path)) == bilingual.read()
