"""TextRank: by hand, beside networkx and a system of equations; where sentences end."""

import math
import re

import networkx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnncourse.nlp import textrank
from rnncourse.nlp.text import words

PATH = [["a", "x"], ["a", "b"], ["b", "y"]]  # the middle one shares a word with each other


def test_similarity_by_hand():
    """Mihalcea and Tarau (2004), section 4.1: common words, for the sum of logarithms."""
    a, b = (text.split() for text in ("the cat saw the dog", "the dog ran"))
    assert textrank.similarity(a, b) == pytest.approx(2 / (math.log(5) + math.log(3)))
    assert textrank.similarity(["a"], ["a", "b"]) == pytest.approx(1 / math.log(2))
    assert textrank.similarity(["a"], ["a"]) == 0  # ln 1 + ln 1
    assert textrank.similarity([], ["a"]) == textrank.similarity([], []) == 0


def test_scores_by_hand():
    """With d = 0.85 the middle m = 0.05 + 0.85 · 2 s and each other s = 0.05 + 0.85 · m / 2: so
    m (1 - 0.7225) = 0.05 + 0.085."""
    m = 0.135 / 0.2775
    assert textrank.textrank(PATH) == pytest.approx([(1 - m) / 2, m, (1 - m) / 2], abs=1e-12)


def test_weights_decide_by_hand():
    """Without damping's rest, scores go as the sums of weights; here only nearly so."""
    texts = [["a", "b", "c"], ["a", "b", "d"], ["a", "e", "f"]]
    scores = textrank.textrank(texts, 0.99)
    assert scores == pytest.approx(np.array([3, 3, 2]) / 8, abs=0.01)


# ---- beside other programs ---------------------------------------------------

sentence = st.lists(st.sampled_from("abcdefghij"), max_size=6)
texts_drawn = st.lists(sentence, min_size=1, max_size=8)


def weights(texts):
    return np.array([[0 if i == j else textrank.similarity(a, b) for j, b in enumerate(texts)]
                     for i, a in enumerate(texts)], float)  # fmt: skip


@given(texts_drawn, st.floats(0, 0.95))
@settings(derandomize=True, max_examples=150, deadline=None)
@example([["a", "b"], ["a", "b"], ["c"]], 0.85)
@example([["a"], [], ["b"]], 0.85)
def test_beside_networkx(texts, damping):
    graph = networkx.from_numpy_array(weights(texts))
    theirs = networkx.pagerank(graph, alpha=damping, max_iter=10_000, tol=1e-14)
    expected = [theirs[i] for i in range(len(texts))]
    assert textrank.textrank(texts, damping) == pytest.approx(expected, abs=1e-11)


@given(texts_drawn, st.floats(0, 0.99))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_beside_the_equations_of_the_paper(texts, damping):
    """Solved at once, with 1 - d for each: the same up to a factor, also with sentences alone."""
    w = weights(texts)
    shares = w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)
    paper = np.linalg.solve(
        np.eye(len(texts)) - damping * shares.T, np.full(len(texts), 1 - damping)
    )
    scores = textrank.textrank(texts, damping)
    assert scores == pytest.approx(paper / paper.sum(), abs=1e-10)
    assert scores.sum() == pytest.approx(1)
    assert (scores > 0).all()
    back = textrank.textrank(texts[::-1], damping)[::-1]
    assert scores == pytest.approx(back, abs=1e-11)  # the order of sentences does not matter


def test_what_is_missing():
    """No sentence, one, identical ones, no word in common, none at all."""
    assert textrank.textrank([]).shape == (0,)
    assert textrank.textrank([["a"]]).tolist() == [1]
    assert textrank.textrank([[]]).tolist() == [1]
    for same in ([["a", "b"]] * 5, [["a"], ["b"], ["c", "d"]], [[], [], []], [["a"]] * 3):
        assert textrank.textrank(same) == pytest.approx(np.full(len(same), 1 / len(same)))


# ---- a summary ---------------------------------------------------------------

TEXT = ("The harbour was quiet in the morning. A ship with grain left the harbour at noon. "
        "Grain had been short for weeks. My aunt sings.")  # fmt: skip
CHINESE = "港口早上很安静。一艘运粮船中午离开港口。粮食已经短缺几周。她唱歌！"


def test_summaries_by_hand():
    """The second sentence shares a word with the first, harbour, and with the third, grain."""

    def content(part):
        return [w for w in words(part) if len(w) > 4]

    assert textrank.summary(TEXT, 1, content) == ["A ship with grain left the harbour at noon."]
    assert textrank.summary(CHINESE) == ["一艘运粮船中午离开港口。"]
    two = textrank.summary(CHINESE, 2)
    assert two == [part for part in textrank.sentences(CHINESE) if part in two]
    assert textrank.summary(CHINESE, 9) == textrank.sentences(CHINESE)
    assert textrank.summary("", 2) == []
    assert textrank.summary("One. One. One.", 2) == ["One.", "One."]


def test_signs_are_no_words():
    assert textrank.summary("A, b! C, d! E f.", 1) == ["A, b!"]  # all equal: the first


def test_of_equal_scores_the_first(monkeypatch):
    texts = ["C d e f g.", "A b c.", "C d e f g.", "H a b.", "C d e f g."]
    scores = textrank.textrank([text.lower().strip(".").split() for text in texts])
    assert scores[[0, 2, 4]] == pytest.approx(np.full(3, scores.max()), rel=1e-12)
    assert textrank.summary(" ".join(texts), 2) == texts[:1] * 2
    # On another processor, sums may be rounded in another way.
    monkeypatch.setattr(textrank, "textrank", lambda *given: np.array([0.25, 0.25 + 1e-16]))
    assert textrank.summary("First. Second.") == ["First."]


# ---- where sentences end -----------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        ["He left.", "She did not!", "Why?", "No."],
        ["It cost $3.50 or 1,000.5 yen.", "Then 2000 came."],
        ['"Why?" she asked.', '"Go!" he said.', "He went (slowly.)", "“Good.”", "Yes."],
        ["Mr. J. Smith of the U.S. Army met Dr. Li.", "It was I.", "See Fig. 3 and No. 5."],
        ["No.", "He is 1.5 m...", "And then?!", "OK"],
        ["On Jan. 5 we met, e.g. Tom.", "In Jan.", "It snowed."],
    ],
)
def test_english_sentences_by_hand(parts):
    assert textrank.sentences(" ".join(parts)) == parts
    assert textrank.sentences("\n".join(parts) + "\n") == parts


@pytest.mark.parametrize(
    "parts",
    [
        ["你好。", "真的吗？", "太好了！！", "走吧"],
        ["他说：“你好。”", "然后走了。", "“好吗？”，他问。"],
        ["真的吗?", "我不知道!", "“好”。", "他走了……没回来。", "圆周率是3.14。"],
        ["（见下。）", "《书名？》", "「好！」", "他在U.S.住过。"],
        ["我用iPhone。", "Yes！", "ok?", "好。"],
    ],
)
def test_chinese_sentences_by_hand(parts):
    assert textrank.sentences("".join(parts)) == parts


def test_an_empty_line_ends_a_sentence():
    assert textrank.sentences("A title\n\nIt began. \n \n 正文。\n") == [
        "A title", "It began.", "正文。"
    ]  # fmt: skip
    assert textrank.sentences("one\ntwo") == ["one\ntwo"]
    assert textrank.sentences("") == textrank.sentences(" \n\n ") == []


@given(st.text(st.one_of(st.sampled_from('aB. .。!？”"\n，我1'), st.characters()), max_size=40))
@settings(derandomize=True, max_examples=300, deadline=None)
def test_no_character_is_lost(text):
    """But for white space, the sentences join to the text; none is empty or has it around."""
    found = textrank.sentences(text)
    assert re.sub(r"\s", "", "".join(found)) == re.sub(r"\s", "", text)
    assert all(part and part == part.strip() for part in found)


# ---- what is refused ---------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: textrank.textrank([["a"]], 1.0), ValueError, "damping is 1.0"),
        (lambda: textrank.textrank([["a"]], math.nan), ValueError, "damping is nan"),
        (lambda: textrank.textrank(["a b"]), TypeError, r"sentences\[0\] is one string, 'a b'"),
        (lambda: textrank.summary("a.", 0), ValueError, "k is 0"),
        (lambda: textrank.summary(["a."]), TypeError, "text is list"),
    ],
)
def test_errors_name_what_is_wrong(call, error, said):
    with pytest.raises(error, match=said):
        call()
