"""BLEU, ROUGE, distinct-n: by hand from the papers, beside sacrebleu and rouge-score."""

import itertools
import math
import string

import numpy as np
import pytest
import sacrebleu
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer
from sacrebleu.tokenizers import tokenizer_13a, tokenizer_zh

from rnncourse import metrics
from rnncourse.metrics import overlap

SMOOTHINGS = ("none", "floor", "add-k", "exp")
# ---- BLEU by hand ------------------------------------------------------------

THE = ["the"] * 7
ON_THE_MAT = [text.split() for text in ("the cat is on the mat", "there is a cat on the mat")]


def test_clipping_by_hand():
    """Papineni et al. (2002), section 2.1, example 2: seven times "the" has the precision 2/7."""
    found = metrics.bleu([ON_THE_MAT], [THE], order=1)
    assert found == (2 / 7, (2 / 7,), 1.0, 7, 7)
    assert metrics.bleu([ON_THE_MAT], [THE], order=2, smoothing="none").precisions == (2 / 7, 0)


def test_precisions_of_the_paper():
    """Papineni et al. (2002), example 1: 17/18 and 10/17 for the first, 8/14 and 1/13."""
    references = [
        "it is a guide to action that ensures that the military will forever heed party commands",
        "it is the guiding principle which guarantees the military forces always being under the "
        "command of the party",
        "it is the practical guide for the army always to heed the directions of the party",
    ]
    references = [text.split() for text in references]
    first = "it is a guide to action which ensures that the military always obeys the commands of "
    first = [*first.split(), "the", "party"]
    second = "it is to insure the troops forever hearing the activity guidebook that party direct"
    one = metrics.bleu([references], [first], order=2)
    assert one.precisions == (17 / 18, 10 / 17)
    assert metrics.bleu([references], [second.split()], order=2).precisions == (8 / 14, 1 / 13)
    assert (one.length, one.reference_length, one.brevity) == (18, 18, 1)
    assert one.score == pytest.approx(math.sqrt(17 / 18 * 10 / 17))


def test_brevity_by_hand():
    """Papineni et al. (2002), section 2.2.2: of lengths 12, 15 and 17 the nearest; ties shorter."""
    references = [list(range(n)) for n in (17, 12, 15)]
    assert metrics.bleu([references], [list(range(12))]) == (1, (1, 1, 1, 1), 1, 12, 12)
    assert metrics.bleu([references], [list(range(16))]).reference_length == 15
    assert metrics.bleu([references], [list(range(14))]).reference_length == 15
    assert metrics.bleu([[references[0]]], [list(range(12))]).brevity == math.exp(1 - 17 / 12)


def test_smoothings_by_hand():
    """a b | c d of a b d e: 3 of 4 tokens, 1 of 3 pairs, no triple of 2, no quadruple of 1."""
    pair = [["abde"]], ["abcd"]
    references, found = [[list("abde")]], [list("abcd")]
    expected = {
        "none": (3 / 4, 1 / 3, 0, 0),
        "floor": (3 / 4, 1 / 3, 0.1 / 2, 0.1),
        "add-k": (3 / 4, 2 / 4, 1 / 3, 1 / 2),
        "exp": (3 / 4, 1 / 3, 1 / 4, 1 / 4),
    }
    for smoothing, p in expected.items():
        got = metrics.bleu(references, found, smoothing=smoothing)
        assert got.precisions == pytest.approx(p, rel=1e-15)
        assert got.score == pytest.approx(math.prod(p) ** 0.25)
    with pytest.raises(TypeError, match=r"found\[0\] is 'abcd'; expected a list of tokens"):
        metrics.bleu(*pair)


# ---- BLEU beside sacrebleu ---------------------------------------------------

sentence = st.lists(st.sampled_from("abcd"), max_size=9)
corpus = st.lists(st.tuples(st.lists(sentence, min_size=1, max_size=3), sentence),
                  min_size=1, max_size=5)  # fmt: skip


def by_sacrebleu(references, found, order, smoothing):
    most = max(map(len, references))
    rows = [[" ".join(r) for r in some] + [None] * (most - len(some)) for some in references]
    metric = sacrebleu.BLEU(tokenize="none", force=True, smooth_method=smoothing,
                            max_ngram_order=order)  # fmt: skip
    return metric.corpus_score(
        [" ".join(tokens) for tokens in found], list(zip(*rows, strict=True))
    )


def check_beside_sacrebleu(references, found, order):
    for smoothing in SMOOTHINGS:
        ours = metrics.bleu(references, found, order, smoothing)
        theirs = by_sacrebleu(references, found, order, smoothing)
        assert ours.score == pytest.approx(theirs.score / 100, rel=1e-12, abs=1e-12)
        assert 100 * np.array(ours.precisions) == pytest.approx(theirs.precisions, rel=1e-12)
        assert ours.brevity == pytest.approx(theirs.bp, rel=1e-14)
        assert (ours.length, ours.reference_length) == (theirs.sys_len, theirs.ref_len)


@given(corpus, st.integers(1, 5))
@settings(derandomize=True, max_examples=300, deadline=None)
@example([([["a", "b"]], [])], 4)  # nothing found
@example([([[]], ["a"])], 4)  # an empty reference
@example([([[]], [])], 4)
@example([([["a", "b", "c"]], ["a", "b", "c"])], 4)  # all of it right, shorter than 4
@example([([["a", "b", "c", "d"]], ["e", "e", "e", "e"])], 4)  # no match at all
@example([([list("ab"), list("abcd")], list("abc"))], 4)  # two references as near
@example([([list("ab")], []), ([list("abcab"), []], list("cabca"))], 3)
def test_beside_sacrebleu(pairs, order):
    """On every smoothing, with several references, empty texts, and n-grams that nothing has."""
    references, found = [list(column) for column in zip(*pairs, strict=True)]
    check_beside_sacrebleu(references, found, order)


def test_many_sentences_beside_sacrebleu():
    """A corpus of odd sizes over a large vocabulary, where long n-grams rarely match."""
    rng = np.random.default_rng(3)
    words = np.array([f"w{k}" for k in range(50)])
    found, references = [], []
    for _ in range(157):
        truth = rng.choice(words, rng.integers(0, 31))
        noisy = [np.where(rng.random(len(truth)) < 0.3, rng.choice(words), truth) for _ in range(3)]
        found.append(noisy[0][: rng.integers(0, 31)].tolist())
        references.append([row.tolist() for row in noisy[1 : rng.integers(2, 4)]])
    check_beside_sacrebleu(references, found, 4)
    assert metrics.bleu(references, found).score > 0.05


TEXTS = [
    'He said, "It\'s 3.14 - or 2,000?" (see [1], p. 7-9; A&amp;B &lt;i&gt;).',
    "a.b 1.b a.1 1.1 1,1 a,b .5 5. -3 3-4 x-y 3- $5.00 50% e@x.org/~me {x}|`y` ^_^ \\n",
    "<skipped>line-\nbroken\nhere -\n",
    "&quot;&amp;quot; &unknown;",
    "你好，世界！我有3.5元，买了2个iPhone-12。（真的）“引号”…—— ３５％ 𠀀𠀁 ㄅㄆ ⺀",
    "Ünïcödé naïve café №5 ½ €3 ¡hola!",
    "   spaces\tand\u3000wide　 ones \u2009 ",
    "",
]


@given(st.text(st.one_of(st.sampled_from(string.printable + "&quot;<skipped>-\n。，“”…中文𠀀３"),
                         st.characters(codec="utf-8")), max_size=25))  # fmt: skip
@settings(derandomize=True, max_examples=500, deadline=None)
def test_tokens_beside_sacrebleu(drawn):
    for text in [drawn, *TEXTS]:
        line = text.rstrip()  # as sacrebleu.BLEU does first
        assert metrics.tokenize_13a(text) == tokenizer_13a.Tokenizer13a()(line).split()
        assert metrics.tokenize_zh(text) == tokenizer_zh.TokenizerZh()(line).split()


def test_every_character_beside_sacrebleu():
    """Alone, between letters, between digits: the borders of all ranges."""
    zh, re13a = tokenizer_zh.TokenizerZh(), tokenizer_13a.Tokenizer13a()
    for code in itertools.chain(range(0xD800), range(0xE000, 0x10000), range(0x1F000, 0x30000, 97)):
        text = f"a{chr(code)}b 1{chr(code)}2"
        assert metrics.tokenize_zh(text) == zh(text).split(), hex(code)
        if code < 0x300:
            assert metrics.tokenize_13a(text) == re13a(text).split(), hex(code)


def test_tokens_by_hand():
    assert metrics.tokenize_13a("It's 3.14, isn't it?") == [
        "It's", "3.14", ",", "isn't", "it", "?"
    ]  # fmt: skip
    assert metrics.tokenize_zh("我有3.5元。") == ["我", "有", "3.5", "元", "。"]


# ---- ROUGE -------------------------------------------------------------------

POLICE = ["police", "killed", "the", "gunman"]


def test_subsequences_by_hand():
    """Lin (2004), section 3.1: S2 has 3/4, S3 2/4, where ROUGE-2 cannot tell them apart."""
    texts = "police kill the gunman", "the gunman kill police", "the gunman police killed"
    S2, S3, S4 = (text.split() for text in texts)
    assert metrics.rouge_l([POLICE], [S2]) == (3 / 4, 3 / 4, 3 / 4)
    assert metrics.rouge_l([POLICE], [S3]) == (2 / 4, 2 / 4, 2 / 4)
    assert metrics.rouge_n([POLICE], [S2], 2) == metrics.rouge_n([POLICE], [S3], 2)
    # Of S4 one subsequence counts, "the gunman" or "police killed"; ROUGE-2 prefers it to S2.
    assert metrics.rouge_l([POLICE], [S4]).f1 == 2 / 4
    assert metrics.rouge_n([POLICE], [S4], 2).recall == 2 / 3
    assert metrics.rouge_n([POLICE], [S2], 2).recall == 1 / 3


def test_means_over_pairs_by_hand():
    """F1 is the mean of 1 and 0, not that of the means of precision and recall."""
    found = metrics.rouge_n([list("ab"), list("abcd")], [list("ab"), list("ab")], 1)
    assert found == pytest.approx((1, 3 / 4, (1 + 2 / 3) / 2))


class Spaces:
    """For rouge-score, whose own tokenizer drops what is not English."""

    def tokenize(self, text):
        return text.split()


@given(st.lists(st.tuples(sentence, sentence), min_size=1, max_size=4))
@settings(derandomize=True, max_examples=200, deadline=None)
@example([([], [])])
@example([([], ["a"]), (["a"], [])])
@example([(["a"], ["a"])])  # without any pair of tokens
def test_beside_rouge_score(pairs):
    references, found = [list(column) for column in zip(*pairs, strict=True)]
    kinds = ("rouge1", "rouge2", "rouge3", "rougeL")
    scorer = rouge_scorer.RougeScorer(kinds, tokenizer=Spaces())
    theirs = [scorer.score(" ".join(a), " ".join(b)) for a, b in pairs]
    for kind in kinds:
        mean = np.mean([scores[kind] for scores in theirs], axis=0)
        ours = (metrics.rouge_l(references, found) if kind == "rougeL"
                else metrics.rouge_n(references, found, int(kind[-1])))  # fmt: skip
        assert np.array(ours) == pytest.approx(mean, abs=1e-12)


@given(sentence, sentence)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_longest_of_all_subsequences(a, b):
    """By brute force: of all subsequences of a that b has too, the longest."""

    def within(part):
        rest = iter(b)
        return all(item in rest for item in part)

    every = itertools.chain.from_iterable(
        itertools.combinations(a, n) for n in range(len(a), -1, -1)
    )
    assert overlap._common(a, b) == len(next(part for part in every if within(part)))


# ---- what holds of every score -----------------------------------------------


@given(corpus)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_invariants(pairs):
    """Shares; a text beside itself has 1; order of sentences and names of tokens do not matter;
    precision and recall change places with the texts; a further reference never lowers p_n."""
    references, found = [list(column) for column in zip(*pairs, strict=True)]
    for smoothing in SMOOTHINGS:
        got = metrics.bleu(references, found, smoothing=smoothing)
        assert min(got.score, got.brevity, *got.precisions) >= 0
        assert max(got.score, got.brevity, *got.precisions) <= 1 + 1e-12
        turned = metrics.bleu(references[::-1], found[::-1], smoothing=smoothing)
        assert turned == got
        numbers = [[[ord(t) for t in r] for r in some] for some in references]
        codes = [np.array([ord(t) for t in tokens], int) for tokens in found]
        assert metrics.bleu(numbers, codes, smoothing=smoothing) == got
    first = [some[0] for some in references]
    alone, all_of_it = (metrics.bleu(some, found, 3, "none").precisions
                        for some in ([[r] for r in first], references))  # fmt: skip
    assert all(a <= b for a, b in zip(alone, all_of_it, strict=True))
    for score in (metrics.rouge_l, lambda a, b: metrics.rouge_n(a, b, 2)):
        there, back = score(first, found), score(found, first)
        assert there == pytest.approx((back.recall, back.precision, back.f1))
        assert 0 <= min(there) <= max(there) <= 1
    if max(map(len, found)) >= 4:
        assert metrics.bleu([[tokens] for tokens in found], found).score == pytest.approx(1)


def test_distinct_by_hand():
    """I do not know, twice: 4 of 8 tokens, 3 of 6 pairs, and no pair across the texts."""
    texts = [["i", "do", "not", "know"]] * 2
    assert [metrics.distinct(texts, n) for n in (1, 2, 3, 4, 5)] == [0.5, 0.5, 0.5, 0.5, 0]
    assert metrics.distinct([["a", "a", "a"], ["b"]], 1) == 2 / 4
    assert metrics.distinct([["a", "a", "a"], ["b"]], 2) == 1 / 2
    assert metrics.distinct([], 1) == 0


@given(st.lists(sentence, max_size=5), st.integers(1, 3))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_distinct_beside_a_plain_loop(texts, n):
    grams = [tuple(t[i : i + n]) for t in texts for i in range(len(t) - n + 1)]
    assert metrics.distinct(texts, n) == (len(set(grams)) / len(grams) if grams else 0)


# ---- what is refused ---------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: metrics.bleu([["a"]], [["a"]]), TypeError, r"references\[0\]\[0\] is 'a'"),
        (lambda: metrics.bleu([[["a"]]], "a"), TypeError, "found is 'a'"),
        (lambda: metrics.bleu([[1]], [[1]]), TypeError, r"references\[0\]\[0\] is 1"),
        (lambda: metrics.bleu([], []), ValueError, "0 references and 0 found texts"),
        (lambda: metrics.bleu([[["a"]]], [["a"]] * 2), ValueError, "1 references and 2 found"),
        (lambda: metrics.bleu([[]], [["a"]]), ValueError, r"references\[0\] is empty"),
        (lambda: metrics.bleu([[["a"]]], [["a"]], 0), ValueError, "order is 0"),
        (lambda: metrics.bleu([[["a"]]], [["a"]], 4, "k"), ValueError, "smoothing is 'k'; .*exp"),
        (lambda: metrics.bleu([[["a"]]], [[["a"]]]), ValueError, r"found\[0\] holds lists"),
        (lambda: metrics.rouge_n([["a"]], [["a"]], 0), ValueError, "n is 0"),
        (lambda: metrics.rouge_n(["ab"], [["a"]], 1), TypeError, r"references\[0\] is 'ab'"),
        (lambda: metrics.rouge_l([["a"]], []), ValueError, "1 references and 0 found"),
        (lambda: metrics.distinct([["a"]], 1.5), ValueError, "n is 1.5"),
        (lambda: metrics.distinct("ab", 1), TypeError, "found is 'ab'"),
        (lambda: metrics.distinct(["ab"], 1), TypeError, r"found\[0\] is 'ab'"),
        (lambda: metrics.tokenize_13a(["a"]), TypeError, "text is list"),
        (lambda: metrics.tokenize_zh(None), TypeError, "text is NoneType"),
    ],
)  # fmt: skip
def test_errors_name_what_is_wrong(call, error, said):
    with pytest.raises(error, match=said):
        call()
