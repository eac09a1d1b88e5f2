"""Dialogue: the chapter's hand calculations, its made-up talk, and what it says of counts."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from rnncourse.data import smalltalk
from rnncourse.nlp import retrieval, text

LANGUAGES = ("en", "zh")
STORED = ["when does the train leave", "is the train late", "how are you"]


def drawn(language, part="all", N=400, safe=0.4, seed=0):
    return smalltalk.exchanges(np.random.default_rng(seed), N, language, part, safe)


# --- what the page computes by hand ---------------------------------------------------


def test_bm25_by_hand():
    """idf of "train" and "late", and the three scores, from the equation in fractions."""
    idf = {w: math.log(1 + Fraction(2 * (3 - n) + 1, 2 * n + 1)) for w, n in
           {"train": 2, "late": 1}.items()}  # fmt: skip
    assert [round(v, 3) for v in idf.values()] == [0.470, 0.981]
    damping = Fraction(3, 2) * (Fraction(1, 4) + Fraction(3, 4) * Fraction(5, 4))
    assert round(float(damping), 3) == 1.781
    first = idf["train"] * float(Fraction(5, 2) / (1 + damping))
    second = idf["train"] + idf["late"]  # of mean length, each word once: both factors are 1
    assert [round(first, 3), round(second, 3)] == [0.422, 1.451]
    found = retrieval.Bm25([q.split() for q in STORED]).scores(["train", "late"])
    assert found == pytest.approx([first, second, 0])


def test_repetition_counts_less_and_less():
    """f (k1 + 1) / (f + k1) is 1 for f = 1, rises, and stays below k1 + 1."""
    factors = [f * 2.5 / (f + 1.5) for f in range(1, 200)]
    assert factors[0] == 1
    assert all(a < b for a, b in itertools.pairwise(factors))
    assert factors[-1] < 2.5


def test_a_perfect_model_is_safe():
    """0.147 against 0.1; and the table of log-probabilities beside it."""
    of = smalltalk.talk("en")
    weights = [Fraction(1, k + 1) for k in range(len(of.safe))]
    assert len(weights) == 8
    assert round(float(sum(weights)), 3) == 2.718
    safe = 0.4 / float(sum(weights))
    own = 0.6 / 6
    assert round(safe, 3) == 0.147
    assert safe > own
    alone = (1 - smalltalk.LINKED) / 28 * own
    assert round(alone, 5) == 0.00232
    assert [round(math.log(p), 3) for p in (own, alone, safe)] == [-2.303, -6.066, -1.916]
    gains = [math.log(p) - 0.5 * math.log(q) for p, q in ((own, alone), (safe, safe))]
    assert [round(gain, 3) for gain in gains] == [0.730, -0.958]


def test_both_forms_of_the_mutual_information_choose_the_same():
    """eq-dialogue-mmi and eq-dialogue-backwards differ by λ log p(c), for each context."""
    p = np.random.default_rng(3).dirichlet(np.ones(35)).reshape(7, 5)  # p(c, r)
    of_c, of_r = p / p.sum(axis=1, keepdims=True), p / p.sum(axis=0)
    for weight in (0.2, 0.5, 0.9):
        forward = np.log(of_c) - weight * np.log(p.sum(axis=0))
        backward = (1 - weight) * np.log(of_c) + weight * np.log(of_r)
        gap = forward - backward
        assert gap == pytest.approx(np.broadcast_to(-weight * np.log(p.sum(axis=1))[:, None],
                                                    gap.shape))  # fmt: skip


def test_what_a_coin_would_do():
    """Of 9 and 11 the right order has a standard deviation of √((9+11+1)/(12·9·11)) = 13.3%."""
    judged = smalltalk.judged("en")
    safe = {tuple(text.words(r)) for r in smalltalk.talk("en").safe}
    fits = [j.fits for j in judged if tuple(text.words(j.reply)) in safe]
    assert (sum(fits), len(fits)) == (9, 20)
    spread = math.sqrt(21 / (12 * 9 * 11))
    assert [round(100 * (0.5 + sign * 1.96 * spread)) for sign in (-1, 1)] == [24, 76]


# --- the made-up talk ------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_numbers_that_the_page_states(language):
    kinds = smalltalk.talk(language).kinds
    intents = [kind for kind in kinds.values() if not kind.says]
    assert len(intents) == 28
    assert {(len(kind.asks), len(kind.replies)) for kind in intents} == {(5, 6)}
    different = {reply for kind in kinds.values() for reply in kind.replies}
    assert len(different) + 8 == 236


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_question_of_the_test_is_asked_in_training(language):
    """Of intents no question, openings left out; of follow-ups no turn before."""
    seen, new = (drawn(language, part, 3000) for part in ("train", "test"))
    asks = {kind.asks[-1] for kind in smalltalk.talk(language).kinds.values() if not kind.says}
    for e in new:
        if "," in e.kind:
            assert all(e.before != other.before for other in seen)
        else:
            assert any(e.asked.lower().endswith(ask[1:].lower()) for ask in asks)
    ends = tuple(ask[1:].lower() for ask in asks)
    assert not any(e.asked.lower().endswith(ends) for e in seen if "," not in e.kind)


def test_both_languages_say_the_same():
    """The same draws: the same kinds, and each text stands at the same place of its list."""
    for one, other in zip(drawn("en"), drawn("zh"), strict=True):
        assert (one.kind, one.safe) == (other.kind, other.safe)
        for field in ("says", "asks", "replies"):
            lists = [getattr(smalltalk.talk(lang).kinds[one.kind], field) for lang in LANGUAGES]
            assert len(lists[0]) == len(lists[1])
        en, zh = smalltalk.talk("en"), smalltalk.talk("zh")
        ours = en.safe if one.safe else en.kinds[one.kind].replies
        theirs = zh.safe if one.safe else zh.kinds[one.kind].replies
        assert ours.index(one.reply) == theirs.index(other.reply)


def test_shares_are_those_that_are_said():
    """Safe replies 0.4, follow-ups 0.35, within four standard deviations; "I don't know" first."""
    N = 4000
    found = drawn("en", N=N, seed=1)
    for share, p in ((np.mean([e.safe for e in found]), 0.4),
                     (np.mean(["," in e.kind for e in found]), smalltalk.LINKED)):  # fmt: skip
        assert abs(share - p) < 4 * math.sqrt(p * (1 - p) / N)
    often = Counter(e.reply for e in found if e.safe).most_common()
    assert often[0][0] == "I don't know."
    assert often[0][1] > 1.5 * often[1][1]
    assert not any(e.safe for e in drawn("en", safe=0))
    assert all(e.safe for e in drawn("en", safe=1))


@pytest.mark.parametrize("language", LANGUAGES)
def test_verdicts(language):
    """Own and safe as drawn; another kind's is "other"; halves of two replies are "none"."""
    for e in drawn(language):
        verdict = smalltalk.judge(e.kind, text.words(e.reply), language)
        assert verdict == ("safe" if e.safe else "own")
        other = "lunch" if e.kind != "lunch" else "train"
        if not e.safe:
            assert smalltalk.judge(other, text.words(e.reply), language) == "other"
            half = text.words(e.reply)[:1]
            assert smalltalk.judge(e.kind, [*half, *half, *half], language) == "none"
    assert smalltalk.judge("lunch", ["A", "BOWL", "of", "noodles"]) == "own"
    assert smalltalk.judge("lunch", []) == "none"
    with pytest.raises(ValueError, match="kind is 'dinner'"):
        smalltalk.judge("dinner", ["soup"])


def test_follow_ups_say_nothing_of_their_topic():
    """The same questions after every topic; so the turn before decides."""
    kinds = smalltalk.talk("en").kinds
    for name in ("why", "when", "where"):
        asks = {kind.asks for key, kind in kinds.items() if key.endswith(f", {name}")}
        assert len(asks) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_offers(language):
    """Each dialogue has one seller, one thing and one price, and its replies name that price."""
    found = smalltalk.offers(np.random.default_rng(2), 80, language)
    assert len({"".join(sorted(offer.asked[0])) + offer.asked[0] for offer in found}) == 80
    for offer in found:
        assert len(offer.asked) == len(offer.replies) == 4
        assert all(offer.price in reply for reply in offer.replies)
        assert not any(offer.price in question for question in offer.asked)
    prices = Counter(offer.price for offer in found)
    assert len(prices) == 8
    with pytest.raises(ValueError, match="at most 80"):
        smalltalk.offers(np.random.default_rng(0), 81, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_judged_pairs(language):
    """60 pairs, 27 fit; 18 own, 20 safe, 22 others; two of the own do not fit, two others do."""
    judged = smalltalk.judged(language)
    assert (len(judged), sum(j.fits for j in judged)) == (60, 27)
    assert [j.fits for j in judged] == [j.fits for j in smalltalk.judged("en")]
    kinds = smalltalk.talk(language).kinds
    found = Counter()
    for j in judged:
        (kind,) = {name for name, one in kinds.items() if j.reference in one.replies}
        verdict = smalltalk.judge(kind, text.words(j.reply), language)
        found[verdict, j.fits] += 1
        assert j.reference != j.reply
    assert found == {("own", True): 16, ("own", False): 2, ("safe", True): 9,
                     ("safe", False): 11, ("other", True): 2, ("other", False): 20}  # fmt: skip


def test_what_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="language is 'fr'"):
        smalltalk.talk("fr")
    with pytest.raises(ValueError, match="part = 'valid'"):
        smalltalk.exchanges(rng, 1, part="valid")
    with pytest.raises(ValueError, match="safe = 2"):
        smalltalk.exchanges(rng, 1, safe=2)
    with pytest.raises(ValueError, match="N"):
        smalltalk.exchanges(rng, -1)
