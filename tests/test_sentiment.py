"""What the chapter on sentiment rests on: its reviews, its model, what a bad review gets."""

import re

import jieba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from rnncourse import data, documents, text

jieba.setLogLevel(60)  # its greeting is no result

BOTH = pytest.mark.parametrize("language", ["en", "zh"])


def tokens(review):
    return text.words(review, jieba.lcut)


# --- the reviews -----------------------------------------------------------------------


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    pairs=st.integers(1, 20),
    language=st.sampled_from(["en", "zh"]),
    classes=st.sampled_from([2, 3]),
)
def test_twins_hold_the_same_words_and_have_other_labels(seed, pairs, language, classes):
    """Words as jieba cuts them; of a neutral pair both are neutral, of others the sum is fixed."""
    rng = np.random.default_rng(seed)
    reviews, labels = data.made_up_verdicts(rng, 2 * pairs, language, classes)
    assert len(reviews) == len(labels) == 2 * pairs
    assert set(labels) <= set(range(classes))
    assert (labels[::2] + labels[1::2] == classes - 1).all()
    for a, b in zip(reviews[::2], reviews[1::2], strict=True):
        assert a != b
        assert sorted(tokens(a)) == sorted(tokens(b))


def test_the_same_rng_makes_the_same_reviews_in_both_languages():
    """Labels agree, and so do the adjectives, in their order."""
    pairs = {"excellent": "出色", "perfect": "完美", "decent": "像样", "terrible": "糟糕",
             "poor": "差劲", "disappointing": "扫兴"}  # fmt: skip
    en, of_en = data.made_up_verdicts(np.random.default_rng(1), 400)
    zh, of_zh = data.load("made_up_verdicts", rng=np.random.default_rng(1), N=400, language="zh")
    assert (of_en == of_zh).all()
    for a, b in zip(en, zh, strict=True):
        found = re.findall("|".join(pairs), a)
        assert [pairs[word] for word in found] == re.findall("|".join(pairs.values()), b)
        assert len(found) == 2


def verdict(review):
    """1 where the review praises, by rules written apart from the generator."""
    adjective = "excellent|perfect|decent|terrible|poor|disappointing"
    first, second = re.findall(adjective, review)
    last = (
        ", but the " in review
        or "Although" in review
        or "At first" in review
        or re.search(r"was not at all[^.]*\. It was", review)
    )
    return int((second if last else first) in "excellent perfect decent")


def test_the_label_is_what_the_english_says():
    reviews, labels = data.made_up_verdicts(np.random.default_rng(2), 600)
    assert [verdict(review) for review in reviews] == labels.tolist()


@BOTH
def test_all_texts_differ_or_agree_on_their_label(language):
    reviews, labels = data.made_up_verdicts(np.random.default_rng(3), 3000, language, 3)
    assert len(set(reviews)) == len(set(zip(reviews, labels.tolist(), strict=True)))
    share = np.bincount(labels) / len(labels)
    assert abs(share - 1 / 3).max() < 0.04


def reached(reviews, labels, judge, n=1):
    """Accuracy on the second half, of word n-grams with all shorter ones."""
    vector = CountVectorizer(analyzer=tokens) if n == 1 else CountVectorizer(
        tokenizer=tokens, token_pattern=None, ngram_range=(1, n))  # fmt: skip
    half = len(reviews) // 2
    judge.fit(vector.fit_transform(reviews[:half]), labels[:half])
    return judge.score(vector.transform(reviews[half:]), labels[half:])


@BOTH
def test_bags_of_words_are_at_chance(language):
    """By construction exactly one half: twins get the same answer. Runs of words are near it.

    Measured: 0.54 (English) and 0.52 with runs up to two words, 0.63 and 0.62 up to three.
    """
    reviews, labels = data.made_up_verdicts(np.random.default_rng(4), 4000, language)
    for judge in (MultinomialNB(), LogisticRegression(max_iter=500)):
        assert reached(reviews, labels, judge) == 0.5
    assert reached(reviews, labels, LogisticRegression(max_iter=500), 2) < 0.6
    assert reached(reviews, labels, LogisticRegression(max_iter=500), 3) < 0.7


@BOTH
def test_with_three_classes_a_bag_tells_neutral_alone(language):
    """At chance between praise and blame, so two thirds at most."""
    reviews, labels = data.made_up_verdicts(np.random.default_rng(5), 3000, language, 3)
    assert reached(reviews, labels, MultinomialNB()) < 0.7


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"N": 3}, "N = 3; it must be even"),
        ({"N": 0}, "N = 0"),
        ({"N": 4, "language": "fr"}, "'fr'"),
        ({"N": 4, "classes": 5}, "classes = 5"),
    ],
)
def test_bad_wishes_for_reviews_are_named(wish, message):
    with pytest.raises(ValueError, match=message):
        data.made_up_verdicts(np.random.default_rng(0), **wish)


# --- what somebody may type --------------------------------------------------------------

SEEN = [tokens(r) for r in data.made_up_verdicts(np.random.default_rng(0), 400)[0]]
VOCABULARY = text.Vocabulary.from_documents(SEEN)


def said(review, limit=12):
    """What judge says with a model that notes what it is given and always answers 0.3, 0.7."""
    given = []

    def probabilities(ids):
        given.append(ids)
        return np.array([0.3, 0.7])

    answer = documents.judge(review, tokens, VOCABULARY, probabilities, limit)
    return answer, given


@pytest.mark.parametrize(
    ("review", "note"),
    [
        ("", "there is no word in it"),
        (" \n\t", "there is no word in it"),
        ("!!! \U0001f44d ...", "there is no word in it"),
        ("zzz qqq", "0 of 2 words are known"),
        ("饭菜很出色，但是服务很糟糕。", "0 of 7 words are known"),
    ],
)
def test_what_cannot_be_judged_is_not(review, note):
    """Empty, signs alone, unknown words alone, another language: the model is not asked."""
    answer, given = said(review)
    assert answer.p is None
    assert answer.note == f"not judged: {note}"
    assert not given


def test_half_of_the_words_are_enough_and_the_note_counts_the_others():
    answer, given = said("Le service was lent")
    assert answer.note == "2 of 4 words are unknown"
    assert len(given[0]) == 4


def test_a_long_review_is_read_from_its_end():
    """The model gets the last tokens, and the note says how many there were."""
    answer, given = said("We came by bus. " * 9 + "The food was excellent.", limit=5)
    assert answer.note == "only the last 5 of 50 tokens are read"
    assert VOCABULARY.decode(given[0]) == ["the", "food", "was", "excellent", "."]
    assert answer.p.tolist() == [0.3, 0.7]
    assert said("The food was excellent.", limit=5)[0].note == ""


def test_judge_refuses_what_is_no_review():
    with pytest.raises(TypeError, match="text is int"):
        said(3)
    with pytest.raises(ValueError, match="limit = 0"):
        said("The food was excellent.", limit=0)
