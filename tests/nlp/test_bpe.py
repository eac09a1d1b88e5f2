"""Byte-pair encoding: by hand from the paper, beside a slow loop and the library `tokenizers`."""

import itertools
import json
import os
from collections import Counter

import numpy as np
import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnncourse.nlp import bpe
from rnncourse.nlp.text import Vocabulary

# A space stands for the paper's sign for the end of a word.
PAPER = {"low ": 5, "lower ": 2, "newest ": 6, "widest ": 3}


def test_the_dictionary_of_algorithm_1():
    """Sennrich et al. (2016), algorithm 1: es, est, est and the end (9 times), lo, low (7 times).

    Counted: e s, s t and t + end 9 times each, l o and o w 7, n e, e w and, once "est " is one
    piece, w "est " 6. Ties are this module's: the paper's program takes es, est, then its end.
    """
    pairs = bpe.learn(PAPER, 10)
    assert ["".join(pair) for pair in pairs.merges] == [
        "es", "t ", "est ", "lo", "low", "ew", "new", "newest ", "low ", "dest "
    ]  # fmt: skip
    assert pairs.characters == sorted("lowernstid ")
    assert pairs._pieces_of("lowest ") == ["low", "est "]  # a word never seen
    assert pairs._pieces_of("newer ") == ["new", "e", "r", " "]


def test_the_dictionary_of_figure_1():
    """Sennrich et al. (2016), figure 1: of low, lowest, newer, wider; "lower" becomes low er."""
    pairs = bpe.learn({"low ": 1, "lowest ": 1, "newer ": 1, "wider ": 1}, 4)
    assert {"".join(pair) for pair in pairs.merges} >= {"lo", "low", "er "}
    assert pairs._pieces_of("lower ") == ["low", "er "]


def test_ties_by_hand():
    """Twice each: the oldest pieces first, whatever the order of the words."""
    expected = [("a", "z"), ("b", "c"), ("x", "a"), ("x", "bc")]
    for words in itertools.permutations([("xbc", 2), ("az", 2), ("xa", 2)]):
        assert bpe.learn(dict(words), 9).merges == expected
    assert bpe.learn({"ab": 1}, 9).merges == []
    assert bpe.learn({"ab": 1}, 9, min_count=1).merges == [("a", "b")]
    assert bpe.learn({"aaaaa": 2}, 9).merges == [("a", "a"), ("aa", "a"), ("aa", "aaa")]


def test_words_by_hand():
    text = "He said, “don't” 3.5 times.\n我们在China，a  b"
    assert bpe.split(text) == [
        " He", " said", ",", " “", "don't", "”", " 3", ".", "5", " times", ".", "\n", "我们在",
        "China", "，", "a", " ", " b",
    ]  # fmt: skip
    assert bpe.split(" a") == [" ", " a"]
    assert bpe.split("cafe\u0301s'") == [" cafe\u0301s", "'"]  # an accent of its own
    assert bpe.split("") == []
    assert bpe.count(["a b", "b", "我们"]) == {" a": 1, " b": 2, "我们": 1}


# ---- beside other programs ---------------------------------------------------


def slow(words, merges, min_count):
    """Everything counted anew each time; the words' pieces at the end."""
    rows = {word: list(word) for word in words}
    age = {c: k for k, c in enumerate(sorted(set("".join(words))))}
    found = []
    for _ in range(merges):
        counts = Counter()
        for word, row in rows.items():
            for pair in itertools.pairwise(row):
                counts[pair] += words[word]
        if not counts or max(counts.values()) < min_count:
            break
        best = min(counts, key=lambda p: (-counts[p], age[p[0]], age[p[1]]))
        found.append(best)
        age.setdefault(best[0] + best[1], len(age))
        for row in rows.values():
            k = 0
            while k < len(row) - 1:
                if (row[k], row[k + 1]) == best:
                    row[k : k + 2] = [row[k] + row[k + 1]]
                k += 1
    return found, rows


word_counts = st.dictionaries(
    st.text("abc我", min_size=1, max_size=8), st.integers(1, 5), max_size=8
)


@given(word_counts, st.integers(0, 12), st.integers(1, 3))
@settings(derandomize=True, max_examples=300, deadline=None)
@example({"aaaa": 3, "aaab": 1}, 5, 1)
def test_beside_a_slow_loop(words, merges, min_count):
    """The same pairs in the same order; learned words come apart into the same pieces, as long
    as no piece was made in two ways."""
    pairs = bpe.learn(words, merges, min_count)
    found, rows = slow(words, merges, min_count)
    assert pairs.merges == found
    if len({"".join(pair) for pair in found}) == len(found):
        assert {word: pairs._pieces_of(word) for word in words} == rows


def drawn_words(rng, letters, size):
    every = ["".join(rng.choice(list(letters), rng.integers(1, 9))) for _ in range(size)]
    return {word: int(rng.integers(1, 20)) for word in every}


@pytest.mark.parametrize("letters", ["abcdef", "我们你他的了"])
def test_beside_tokenizers(monkeypatch, letters):
    """Hugging Face's trainer: the same pairs in the same order, new words in the same pieces."""
    monkeypatch.setitem(os.environ, "TOKENIZERS_PARALLELISM", "false")
    rng = np.random.default_rng(len(letters) + ord(letters[0]))
    words = drawn_words(rng, letters, 151)
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=100, show_progress=False)
    theirs.train_from_iterator([" ".join([w] * n) for w, n in words.items()], trainer)
    expected = [tuple(pair) for pair in json.loads(theirs.to_str())["model"]["merges"]]
    assert len(expected) > 50
    pairs = bpe.learn(words, len(expected))
    assert pairs.merges == expected
    for word in drawn_words(rng, letters, 200):
        assert pairs._pieces_of(word) == theirs.encode(word).tokens


# ---- there and back ----------------------------------------------------------

TEXTS = ["the lower house is the lowest", "我们在家，我们看书。我们", "2024 24"]
LEARNED = bpe.learn(bpe.count(TEXTS), 40)


@given(st.text(st.one_of(st.sampled_from("the low我们在 ，。\n\t_2'’e\u0301🙂"), st.characters())))
@settings(derandomize=True, max_examples=300, deadline=None)
@example("")
@example(" ")
@example("  two  spaces  ")
@example("\n the")
@example("_the")
@example("½the")
def test_no_text_is_lost(text):
    """Also with spaces everywhere and characters never learned; words join to the text too."""
    pieces = LEARNED.encode(text)
    assert LEARNED.decode(pieces) == text
    assert "" not in pieces
    assert "".join(pieces) == "".join(bpe.split(text))
    known = set(LEARNED.pieces)
    assert all(piece in known or len(piece) == 1 for piece in pieces)


def test_unknown_characters_are_pieces_of_their_own():
    """A vocabulary of the pieces makes them unknown, and keeps the others."""
    assert LEARNED.encode("the Ω 们Ω") == [" the", " ", "Ω", " ", "们", "Ω"]
    vocabulary = Vocabulary(LEARNED.pieces, pad="<pad>", unknown="<unk>")
    assert len(vocabulary) == 2 + len(LEARNED.characters) + len(LEARNED.merges)
    numbers = vocabulary.encode(LEARNED.encode("我们Ω"))
    assert vocabulary.decode(numbers) == ["我们", "<unk>"]


def test_a_first_word_is_the_same_as_within_a_text():
    assert LEARNED.encode("lower lower") == LEARNED.encode("lower") * 2
    assert LEARNED.encode("我们我们")[0] == "我们"


def test_no_merge_leaves_characters():
    pairs = bpe.learn(bpe.count(["a b"]), 0)
    assert pairs.encode("ab c") == [" ", "a", "b", " ", "c"]
    assert bpe.learn({}, 5).encode("ab") == [" ", "a", "b"]


def test_a_pair_that_comes_back_keeps_its_first_place():
    """abc is made of ab + c, and later of a + bc; abc + d stands twice, and is joined early."""
    merges = [("a", "b"), ("ab", "c"), ("abc", "d"), ("b", "c"), ("a", "bc"), ("abc", "d")]
    pairs = bpe.BytePairs("abcd", merges)
    assert pairs.pieces == [*"abcd", "ab", "abc", "abcd", "bc"]
    assert pairs._rank["abc", "d"] == 2
    assert pairs._pieces_of("abcd") == ["abcd"]


def test_there_and_back_through_a_file(tmp_path):
    file = tmp_path / "pairs.json"
    file.write_text(LEARNED.to_json(), encoding="utf-8")
    again = bpe.BytePairs.from_json(file.read_text(encoding="utf-8"))
    assert (again.characters, again.merges) == (LEARNED.characters, LEARNED.merges)
    assert again.to_json() == LEARNED.to_json()
    text = "the lowest house，我们在看"
    assert again.encode(text) == LEARNED.encode(text)


def test_what_callers_do_with_an_answer_changes_no_later_one():
    first = LEARNED.encode("house")
    kept = first.copy()
    first.clear()
    assert LEARNED.encode("house") == kept


# ---- what is refused ---------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: bpe.learn(["low"], 3), TypeError, r"words is list; .*bpe\.count\(texts\)"),
        (lambda: bpe.learn({1: 2}, 3), TypeError, "words holds 1; expected strings"),
        (lambda: bpe.learn({"low": 0}, 3), ValueError, r"words\['low'\] is 0"),
        (lambda: bpe.learn({"least": 1.0}, 3), ValueError, r"words\['least'\] is 1.0"),
        (lambda: bpe.learn({"": 1}, 3), ValueError, r"words\[''\]"),
        (lambda: bpe.learn({"a": 1}, -1), ValueError, "merges is -1"),
        (lambda: bpe.learn({"a": 1}, 2, 0), ValueError, "min_count is 0"),
        (lambda: bpe.count("low"), TypeError, "texts is one string"),
        (lambda: bpe.split(["low"]), TypeError, "text is list"),
        (lambda: LEARNED.decode("low"), TypeError, "pieces is one string"),
        (lambda: bpe.BytePairs(["ab"], []), ValueError, "no single character"),
        (lambda: bpe.BytePairs("ab", [("a", "c")]), ValueError, r"merges\[0\] is \('a', 'c'\)"),
        (lambda: bpe.BytePairs.from_json("[]"), ValueError, "not the JSON of byte pairs"),
        (lambda: bpe.BytePairs.from_json("{"), ValueError, "not the JSON of byte pairs"),
        (lambda: bpe.BytePairs.from_json('{"characters": [1], "merges": []}'), ValueError, "JSON"),
        (lambda: bpe.BytePairs.from_json('{"characters": ["a"], "merges": [["a"]]}'), ValueError,
         "JSON"),
    ],
)  # fmt: skip
def test_errors_name_what_is_wrong(call, error, said):
    with pytest.raises(error, match=said):
        call()
