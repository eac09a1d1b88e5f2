"""segmentation and lattice: a search of all cuts, hand-worked cuts, the bakeoff's rule."""

import itertools
import math
import string
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse import data, metrics
from rnncourse.nlp import hmm
from rnncourse.nlp import segmentation as seg
from rnncourse.nn import lattice

TRAIN = [
    ["研究", "生命", "的", "起源"],
    ["研究生", "研究", "生命"],
    ["他", "的", "命", "好"],
    ["生", "命", "起", "源"],
    ["研究生", "的", "生命"],
]


@pytest.fixture
def lexicon():
    return seg.Lexicon(TRAIN)


def cuts(text):
    """All 2^(n-1) ways to cut a text into words."""
    for ends in itertools.product([False, True], repeat=len(text) - 1):
        words, start = [], 0
        for place, end in enumerate([*ends, True], 1):
            if end:
                words.append(text[start:place])
                start = place
        yield words


def allowed(words, lexicon):
    return all(len(word) == 1 or word in lexicon for word in words)


# ---- maximum matching ------------------------------------------------------------


def test_matching_by_hand(lexicon):
    """研究生命起源: forward takes 研究生 first, backward ends with 生命 and 起源."""
    text = "研究生命起源"
    assert seg.forward_match(text, lexicon) == ["研究生", "命", "起源"]
    assert seg.backward_match(text, lexicon) == ["研究", "生命", "起源"]
    assert seg.bidirectional_match(text, lexicon) == ["研究", "生命", "起源"]


def test_bidirectional_prefers_fewer_words_then_fewer_single_characters():
    """By hand: abc|d against a|bcd has equally many of both: backward; ab|cd|e against a|b|cde."""
    lexicon = seg.Lexicon([["abc", "bcd"]])
    assert seg.bidirectional_match("abcd", lexicon) == ["a", "bcd"]
    lexicon = seg.Lexicon([["abc", "de", "cde", "ab"]])
    assert seg.forward_match("abcde", lexicon) == ["abc", "de"]
    assert seg.bidirectional_match("abcde", lexicon) == ["ab", "cde"]
    lexicon = seg.Lexicon([["ab", "cd", "bcde"]])
    assert seg.forward_match("abcde", lexicon) == ["ab", "cd", "e"]
    assert seg.bidirectional_match("abcde", lexicon) == ["a", "bcde"]


def test_greedy_steps_equal_a_search(lexicon):
    """Forward: among all allowed cuts, compare the first lengths, then the second, and so on."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        text = "".join(rng.choice(list("研究生命起源的"), rng.integers(1, 9)))
        ways = [words for words in cuts(text) if allowed(words, lexicon)]
        longest_first = max(ways, key=lambda words: [len(word) for word in words])
        assert seg.forward_match(text, lexicon) == longest_first
        longest_last = max(ways, key=lambda words: [len(word) for word in words[::-1]])
        assert seg.backward_match(text, lexicon) == longest_last


# ---- the lattice -------------------------------------------------------------------


def test_probabilities_of_single_words_by_hand(lexicon):
    """18 words of 11 kinds: 研究 twice: (2 + 1)/(18 + 11 + 1); all unknown ones: 1/30."""
    assert (lexicon.total, len(lexicon)) == (18, 11)
    assert lexicon.log_p("研究") == pytest.approx(math.log(3 / 30))
    assert lexicon.log_p("猫") == pytest.approx(math.log(1 / 30))
    everything = [*lexicon.counts, "猫"]
    assert sum(math.exp(lexicon.log_p(word)) for word in everything) == pytest.approx(1)


def test_probabilities_of_pairs_by_hand(lexicon):
    """研究 is followed by 生命 both times; sentences begin with 研究生 2 times of 5."""
    mixed = 0.25 * 1.0 + 0.75 * 4 / 30
    assert lexicon.log_p_after("生命", "研究", 0.25) == pytest.approx(math.log(mixed))
    first = 0.5 * 2 / 5 + 0.5 * 3 / 30
    assert lexicon.log_p_after("研究生", seg.START) == pytest.approx(math.log(first))
    assert lexicon.log_p_after("的", "猫", 0.25) == pytest.approx(math.log(0.75 * 4 / 30))


def unigram_score(words, lexicon):
    return sum(lexicon.log_p(word) for word in words)


def bigram_score(words, lexicon):
    return sum(
        lexicon.log_p_after(word, before)
        for before, word in itertools.pairwise([seg.START, *words])
    )


@pytest.mark.parametrize(
    ("segment", "score"), [(seg.unigram, unigram_score), (seg.bigram, bigram_score)]
)
def test_the_best_path_equals_a_search_of_all_cuts(lexicon, segment, score):
    """Sixty random texts of up to eight characters, unknown ones among them."""
    rng = np.random.default_rng(1)
    for _ in range(60):
        text = "".join(rng.choice(list("研究生命起源的他猫"), rng.integers(1, 9)))
        best = max(score(words, lexicon) for words in cuts(text) if allowed(words, lexicon))
        found = segment(text, lexicon)
        assert "".join(found) == text
        assert allowed(found, lexicon)
        assert score(found, lexicon) == pytest.approx(best, abs=1e-12)


def test_the_best_path_with_unknown_words_equals_a_search_of_all_cuts():
    """Any string of up to three characters may be a word; sixty random texts."""
    lexicon = seg.OpenLexicon(TRAIN, longest_unknown=3)
    rng = np.random.default_rng(4)
    joined = 0
    for _ in range(60):
        text = "".join(rng.choice(list("研究生命起源的他猫狗"), rng.integers(1, 8)))
        ways = [words for words in cuts(text) if all(map(lexicon.allows, words))]
        best = max(bigram_score(words, lexicon) for words in ways)
        found = seg.bigram(text, lexicon)
        assert bigram_score(found, lexicon) == pytest.approx(best, abs=1e-12)
        joined += any(len(word) > 1 and word not in lexicon for word in found)
    assert joined  # else nothing unknown was ever taken


def test_probability_of_an_unknown_word_by_hand():
    """Words that occur once: ab and c, of 4 words; so 3/6 of the words to come are unknown.

    One of two is of length 1, one of length 2: each (1.1)/(2.2). The characters are a, b, c, d
    and one for all others: a begins with (1.1)/(1.5), x ends with 0.1/1.5.
    """
    lexicon = seg.OpenLexicon([["ab", "c", "d", "d"]], longest_unknown=2)
    assert math.exp(lexicon.log_p("ax")) == pytest.approx(0.5 * 0.5 * (1.1 / 1.5) * (0.1 / 1.5))
    assert math.exp(lexicon.log_p("x")) == pytest.approx(0.5 * 0.5 * 0.1 / 1.5)
    assert math.exp(lexicon.log_p("d")) == pytest.approx(0.5 * 2 / 4)
    assert "ax" not in lexicon
    assert lexicon.allows("ax")
    assert not lexicon.allows("axb")
    assert seg.forward_match("axb", lexicon) == ["a", "x", "b"]


@pytest.mark.parametrize("masked", [False, True])
def test_viterbi_equals_a_search_of_all_paths(masked):
    """Random scores, some forbidden; rows of different lengths."""
    rng = np.random.default_rng(2)
    S, N, T = 3, 7, 5
    start, step, emit = (rng.standard_normal(s) for s in [(S,), (S, S), (N, T, S)])
    step[0, 1] = emit[2, 3, 2] = -np.inf
    lengths = rng.integers(1, T + 1, N) if masked else np.full(N, T)
    mask = np.arange(T) < lengths[:, None]
    paths, scores = lattice.viterbi(start, step, emit, mask if masked else None)
    for n, length in enumerate(lengths):

        def total(path, n=n):
            steps = sum(step[a, b] for a, b in itertools.pairwise(path))
            return start[path[0]] + steps + sum(emit[n, t, s] for t, s in enumerate(path))

        best = max(itertools.product(range(S), repeat=int(length)), key=total)
        assert tuple(paths[n, :length]) == best
        assert (paths[n, length:] == -1).all()
        assert scores[n] == pytest.approx(total(best), abs=1e-12)


@pytest.mark.parametrize(
    ("start", "step", "emit", "mask", "words"),
    [
        (np.zeros(2), np.zeros((2, 3)), np.zeros((1, 2, 2)), None, r"step \(2, 3\)"),
        (np.zeros(2), np.zeros((2, 2)), np.zeros((1, 0, 2)), None, "at least one step"),
        (np.zeros(2), np.zeros((2, 2)), np.zeros((1, 2, 2)), [[0, 1]], "begin with a 1"),
        (np.zeros(2), np.zeros((2, 2)), np.zeros((1, 2, 2)), [[1]], "mask has shape"),
        (np.zeros(2), np.full((2, 2), -np.inf), np.zeros((1, 2, 2)), None, "forbidden"),
        (np.zeros(2), np.zeros((2, 2)), np.full((1, 2, 2), np.nan), None, "NaN"),
    ],
)
def test_viterbi_refuses_bad_input(start, step, emit, mask, words):
    with pytest.raises(ValueError, match=words):
        lattice.viterbi(start, step, emit, mask)


# ---- tags ----------------------------------------------------------------------------


def test_tags_of_words_and_back():
    """By hand, and round trip for every cut of a text."""
    assert seg.to_bmes(["大学", "生", "图书馆"]) == list(zip("大学生图书馆", "BESBME", strict=True))
    for words in cuts("南京市长江大桥"):
        text, tags = zip(*seg.to_bmes(words), strict=True)
        assert seg.from_bmes("".join(text), tags) == words


def test_an_unfinished_word_ends_with_the_text():
    assert seg.from_bmes("大学", ["B", "M"]) == ["大学"]


def test_hmm_counts_by_hand():
    """Two sentences: 1 of 2 begins with B; S is followed by B once, by S never."""
    model = seg.bmes_fit([["大学", "生"], ["生", "大学"]])
    S = dict(zip(model.tags, range(3), strict=True))  # M never occurs
    assert model.tags == ["B", "E", "S"]
    np.testing.assert_allclose(np.exp(model.start), [0.5, 0, 0.5])
    assert np.exp(model.step[S["S"], S["B"]]) == pytest.approx(1.1 / 1.2)
    assert np.exp(model.step[S["B"], S["E"]]) == pytest.approx(1)
    assert np.exp(model.emit["生"][S["S"]]) == pytest.approx(2.1 / (2 + 0.1 * 4))
    total = sum(np.exp(emit) for emit in model.emit.values()) + np.exp(model.unseen)
    np.testing.assert_allclose(total, 1)


def test_hmm_finds_words_that_training_did_not_have():
    """学 begins, 馆 ends words: 学馆 is one, though never seen."""
    train = [["学校", "好"], ["学生", "来"], ["饭馆", "大"], ["宾馆", "好"], ["学院", "大"]] * 3
    assert seg.hmm_words(["学馆好", ""], seg.bmes_fit(train)) == [["学馆", "好"], []]


def test_every_character_may_stand_alone():
    """A text of one character that training saw only inside words."""
    model = seg.bmes_fit([["大学生"], ["生"]])
    assert seg.hmm_words(["学", "猫"], model) == [["学"], ["猫"]]


def test_part_of_speech_by_hand():
    """他/r 吃/v, 鱼/n; an unknown word after a verb is a noun."""
    train = [[("他", "r"), ("吃", "v"), ("鱼", "n")], [("我", "r"), ("看", "v"), ("书", "n")]]
    tags = hmm.tag([["我", "吃", "书"], [], ["他", "看", "猫"]], hmm.fit(train))
    assert tags == [["r", "v", "n"], [], ["r", "v", "n"]]


def test_unigram_hmm_joins_runs_of_single_characters():
    """饭馆 is unknown to the lexicon, its characters are known to the tags."""
    train = [["学校", "好"], ["学生", "来"], ["饭店", "大"], ["宾馆", "好"], ["学院", "大"]] * 3
    lexicon, model = seg.Lexicon(train), seg.bmes_fit(train)
    assert seg.unigram("学校饭馆好", lexicon) == ["学校", "饭", "馆", "好"]
    assert seg.unigram_hmm(["学校饭馆好", ""], lexicon, model) == [["学校", "饭馆", "好"], []]
    cut = [["饭", "馆", "学校", "饭", "馆"], []]
    assert seg.retag_singles(cut, model) == [["饭馆", "学校", "饭馆"], []]


# ---- scores and bad input ------------------------------------------------------------


def test_score_by_hand():
    """Gold 3 + 2 words, 4 + 1 found, 2 right: 研究 and 好; of the unknown two, one is found."""
    gold = [["研究", "生命", "起源"], ["很", "好"]]
    found = [["研究", "生", "命", "起源"], ["很好"]]
    result = metrics.segmentation_scores(gold, found, known=["研究", "生命", "很", "好"])
    assert (result.precision, result.recall) == (2 / 5, 2 / 5)
    assert result.f1 == pytest.approx(0.4)
    assert (result.oov_recall, result.iv_recall, result.oov_rate) == (1, 1 / 4, 1 / 5)


def test_score_equals_a_comparison_of_cuts():
    """Right words are the places between the same two cuts, counted from sets of positions."""
    rng = np.random.default_rng(3)
    ways = list(cuts("南京市长江大桥"))
    for _ in range(40):
        gold, found = (ways[k] for k in rng.integers(0, len(ways), 2))
        ends = [set(itertools.accumulate(map(len, words), initial=0)) for words in (gold, found)]
        both = sorted(ends[0] & ends[1])
        right = sum(
            not any(a < e < b for e in ends[0] | ends[1]) for a, b in itertools.pairwise(both)
        )
        result = metrics.segmentation_scores([gold], [found])
        assert result.precision == pytest.approx(right / len(found))
        assert result.recall == pytest.approx(right / len(gold))


def test_score_refuses_other_texts():
    with pytest.raises(ValueError, match="sentence 0"):
        metrics.segmentation_scores([["大", "学"]], [["大", "桥"]])
    with pytest.raises(ValueError, match="1 gold sentences and 0"):
        metrics.segmentation_scores([["大"]], [])


def test_scores_of_nothing_are_nan():
    assert math.isnan(metrics.segmentation_scores([[]], [[]]).f1)


@pytest.mark.parametrize(
    "segment",
    [seg.forward_match, seg.backward_match, seg.bidirectional_match, seg.unigram, seg.bigram],
)
@pytest.mark.parametrize("text", ["", "猫", "abc猫😀１２", "研究　生命", "\ufffd\ufffd"])
def test_any_text_comes_back_whole(lexicon, segment, text):
    """Empty, unknown, mixed width and script, emoji, a wide space, mis-decoded bytes."""
    assert "".join(segment(text, lexicon)) == text
    assert all(segment(text, lexicon)) or not text


def test_a_lexicon_refuses_strings_and_nothing():
    with pytest.raises(TypeError, match="研究 生命"):
        seg.Lexicon(["研究 生命"])
    with pytest.raises(ValueError, match="no word"):
        seg.Lexicon([[], [""]])
    with pytest.raises(ValueError, match="no token"):
        hmm.fit([[]])


# ---- what the page says ----------------------------------------------------------------


@pytest.fixture(scope="module")
def sentences():
    return [[word for word, _ in pairs] for pairs in data.load("segmented_sentences")]


def test_the_authored_sentences_are_clean(sentences):
    """Chinese characters alone, the fourteen tags; no sentence twice, no puzzle of the page."""
    tagged = data.load("segmented_sentences")
    assert {tag for pairs in tagged for _, tag in pairs} == set("nvardmqpcuft") | {"nr", "ns"}
    joined = ["".join(words) for words in sentences]
    assert all("\u4e00" <= c <= "\u9fff" for text in joined for c in text)
    assert len(set(joined)) == len(joined) == 285
    puzzles = ("研究生命起源", "南京市长江", "和尚未", "的确实在理")
    assert not any(puzzle in text for puzzle in puzzles for text in joined)


@pytest.mark.parametrize(
    ("words", "cost"),
    [("研究 生命 起源", 17.30), ("研究生 命 起源", 19.79), ("南京市 长江 大桥", 17.26)],
)
def test_the_pages_sums_over_single_words(sentences, words, cost):
    lexicon = seg.Lexicon(sentences)
    assert -sum(map(lexicon.log_p, words.split())) == pytest.approx(cost, abs=0.015)


@pytest.mark.parametrize(
    ("words", "cost"), [("南京 市长 江大桥 说", 15.77), ("南京市 长江 大桥 说", 18.81)]
)
def test_the_pages_sums_over_pairs(sentences, words, cost):
    assert -bigram_score(words.split(), seg.Lexicon(sentences)) == pytest.approx(cost, abs=0.015)


class AsJieba(seg.Lexicon):
    """Without the added counts, except that an unknown character counts once."""

    def log_p(self, word):
        return math.log((self.counts[word] or 1) / self.total)


def test_unigram_finds_what_jieba_finds_with_the_same_words(sentences, tmp_path):
    """An independent implementation: jieba with a dictionary of our counts and no HMM."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel(60)
    lexicon = AsJieba(sentences)
    file = tmp_path / "dict.txt"
    lines = "".join(f"{word} {n}\n" for word, n in lexicon.counts.items())
    file.write_text(lines, encoding="utf-8")
    tokenizer = jieba.Tokenizer(str(file))
    tokenizer.tmp_dir = str(tmp_path)
    for first, second in itertools.pairwise(sentences):
        text = "".join(first + second)
        theirs = tokenizer.lcut(text, HMM=False)
        ours = seg.unigram(text, lexicon)
        assert unigram_score(ours, lexicon) == pytest.approx(unigram_score(theirs, lexicon))


texts = st.text(st.sampled_from("研究生命的起源猫 1a😀"), max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(texts)
def test_every_segmenter_gives_the_text_back(text):
    closed, opened, tags = seg.Lexicon(TRAIN), seg.OpenLexicon(TRAIN), seg.bmes_fit(TRAIN)
    found = [f(text, known) for f in (seg.unigram, seg.bigram) for known in (closed, opened)]
    found += [*seg.hmm_words([text], tags), *seg.unigram_hmm([text], closed, tags)]
    for words in found:
        assert "".join(words) == text
        assert all(words)


def cut_where(text, choice):
    ends = [0, *(k for k, cut in enumerate(choice, 1) if cut), len(text)]
    return [text[i:j] for i, j in itertools.pairwise(ends)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.booleans(), min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_exchanging_gold_and_found_exchanges_precision_and_recall(choice, random):
    letters = string.ascii_letters[: len(choice) + 1]
    other = [random.random() < 0.5 for _ in choice]
    a, b = (cut_where(letters, way) for way in (choice, other))
    there, back = metrics.segmentation_scores([a], [b]), metrics.segmentation_scores([b], [a])
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert np.array_equal(there.f1, back.f1, equal_nan=True)


# ---- the record of real text, and what the page says of it -------------------------------


@pytest.fixture(scope="module")
def f1_of():
    sets = data.recorded("real_segmentation")["sets"]
    return {
        name: {row["method"]: row["f1"] for row in found["rows"]} for name, found in sets.items()
    }


def test_the_record_adds_up():
    for found in data.recorded("real_segmentation")["sets"].values():
        for row in found["rows"]:
            p, r = row["precision"], row["recall"]
            assert row["f1"] == pytest.approx(2 * p * r / (p + r), abs=2e-4)
            mixed = row["oov_rate"] * row["oov_recall"] + (1 - row["oov_rate"]) * row["iv_recall"]
            assert r == pytest.approx(mixed, abs=2e-4)


def test_what_the_page_says_of_real_text(f1_of):
    """The prose under the tables; where a new record says otherwise, mend the prose."""
    pku, february, gsd = f1_of["pku"], f1_of["february"], f1_of["gsd"]
    raw = [pku[f"{name}, raw"] for name in ("forward, official", "backward, official", "unigram")]
    assert raw == pytest.approx([0.874, 0.876, 0.883], abs=0.001)
    assert all(found["bigram"] > found["unigram"] for found in f1_of.values())
    assert pku["bigram + HMM"] < pku["bigram"]
    assert february["bigram + HMM"] < february["bigram"]
    assert gsd["bigram + HMM"] > gsd["bigram"] + 0.05
    assert all(found["bigram, open"] > found["bigram"] + 0.015 for found in (pku, february))
    assert gsd["bigram, open"] > gsd["bigram"] + 0.105
    assert 0.934 < pku["… one digit"] < pku["… recut"] < 0.9494
    assert 0.9494 - pku["… recut"] == pytest.approx(0.001, abs=0.0007)
    assert all(found["HMM"] < found["bigram"] for found in (pku, february))
    assert gsd["bigram + HMM"] - gsd["bigram"] == pytest.approx(0.07, abs=0.01)
    assert all(max(found, key=found.get).startswith("…") for found in f1_of.values())


def test_the_page_stands_below_the_best_published():
    """The best closed result of the bakeoff, and a network with a language model."""
    record = data.recorded("real_segmentation")
    ours = max(row["f1"] for row in record["sets"]["pku"]["rows"])
    found = {p["what"]: p["f1"] for p in record["published"] if p["test"] == "pku"}
    assert found["CRF, best closed of the bakeoff"] - ours == pytest.approx(0.002, abs=0.0007)
    assert found["pretrained transformer"] - ours == pytest.approx(0.017, abs=0.002)
