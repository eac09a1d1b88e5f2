"""Bags of words: hand-worked values, scikit-learn, planted errors, the made-up letters, the record.

What scikit-learn computes is the independent implementation throughout.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import cluster, metrics
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from rnncourse import data, grading
from rnncourse.data import corpora
from rnncourse.metrics import class_scores, confusion
from rnncourse.nlp import documents, text

RAIN = [["rain", "wind", "rain"], ["rain", "soup"], ["soup", "bread"]]
WORDS = text.Vocabulary(["rain", "wind", "soup", "bread"])
PROPERTY = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def some_counts(rng, N=9, V=7):
    """Counts with a rare, a frequent and an unused token, and an empty document."""
    c = rng.poisson(rng.uniform(0.1, 1.5, V), (N, V))
    c[:, 0], c[:, 1], c[1:, 2], c[0] = 1, 0, 0, 0
    return c


# --- by hand -----------------------------------------------------------------------


def test_counts_and_weights_of_the_pages_three_letters():
    """idf of rain is ln(4/3) + 1; the first letter is (0.836, 0.549, 0, 0)."""
    c = documents.counts(RAIN, WORDS)
    np.testing.assert_array_equal(c, [[2, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1]])
    w = documents.idf(c)
    np.testing.assert_allclose(w, np.log([4 / 3, 2, 4 / 3, 2]) + 1)
    np.testing.assert_allclose(documents.tfidf(c, w)[0], [0.836, 0.549, 0, 0], atol=5e-4)


def test_naive_bayes_of_the_pages_three_letters():
    """Weather 3/7, 2/7, 1/7, 1/7; rain rain soup is food with 0.0156 against 0.0087."""
    model = documents.nb_fit(documents.counts(RAIN, WORDS), [0, 1, 1])
    p = [[3 / 7, 2 / 7, 1 / 7, 1 / 7], [2 / 8, 1 / 8, 3 / 8, 2 / 8]]
    np.testing.assert_allclose(np.exp(model.log_p), p)
    joint = np.exp(documents.nb_scores([[2, 0, 1, 0]], model))[0]
    np.testing.assert_allclose(joint, [1 / 3 * 9 / 343, 2 / 3 * 3 / 128])


def test_scores_of_the_pages_ten_letters():
    """Precision of food 2/4, recall 2/3; a class that was never answered has 0, not NaN."""
    found = class_scores([[5, 1, 0], [1, 2, 0], [0, 1, 0]])
    np.testing.assert_allclose(found.precision, [5 / 6, 1 / 2, 0])
    np.testing.assert_allclose(found.recall, [5 / 6, 2 / 3, 0])
    np.testing.assert_allclose(found.f1, [5 / 6, 4 / 7, 0])


def test_an_unknown_token_counts_for_nothing_or_as_the_unknown_one():
    assert documents.counts([["snow", "rain"], []], WORDS).tolist() == [[1, 0, 0, 0], [0] * 4]
    with_unknown = text.Vocabulary(["rain"], unknown="<unk>")
    assert documents.counts([["snow", "rain", "fog"]], with_unknown).tolist() == [[2, 1]]


# --- against scikit-learn -----------------------------------------------------------


@PROPERTY
@given(seeds)
def test_tfidf_equals_scikit_learn(seed):
    """1e-12, empty documents and unused tokens included; fitted on one set, used on another."""
    rng = np.random.default_rng(seed)
    train, test = some_counts(rng), some_counts(rng, N=5)
    theirs = TfidfTransformer().fit(train)
    w = documents.idf(train)
    np.testing.assert_allclose(w, theirs.idf_, rtol=1e-12)
    ours = documents.tfidf(test, w)
    np.testing.assert_allclose(ours, theirs.transform(test).toarray(), atol=1e-12)


@PROPERTY
@given(seeds, st.sampled_from([0.1, 1.0, 3.0]))
def test_naive_bayes_equals_scikit_learn(seed, alpha):
    rng = np.random.default_rng(seed)
    c, new = some_counts(rng), some_counts(rng, N=4)
    labels = np.concatenate([[0, 1, 2], rng.integers(0, 3, len(c) - 3)])
    theirs = MultinomialNB(alpha=alpha).fit(c, labels)
    ours = documents.nb_scores(new, documents.nb_fit(c, labels, alpha))
    np.testing.assert_allclose(ours, theirs.predict_joint_log_proba(new), rtol=1e-11)


@PROPERTY
@given(seeds)
def test_scores_equal_scikit_learn(seed):
    """Classes that are never true, never answered or neither included."""
    rng = np.random.default_rng(seed)
    labels, answers = rng.integers(0, 4, 12), rng.integers(1, 5, 12)
    matrix = confusion(labels, answers, 6)
    np.testing.assert_array_equal(
        matrix, metrics.confusion_matrix(labels, answers, labels=range(6))
    )
    theirs = metrics.precision_recall_fscore_support(
        labels, answers, labels=range(6), zero_division=0
    )
    np.testing.assert_allclose(np.array(class_scores(matrix)), np.array(theirs[:3]))


@PROPERTY
@given(seeds)
def test_kmeans_equals_scikit_learn(seed):
    """Three heaps that do not touch, first centres in different heaps; inertia never rises."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 4)) + 8 * np.eye(4)[np.arange(30) % 3]
    first = x[:3] + rng.normal(size=(3, 4))
    ours = documents.kmeans(x, first)
    theirs = cluster.KMeans(3, init=first, n_init=1, tol=0).fit(x)
    np.testing.assert_allclose(ours.inertia[-1], theirs.inertia_, rtol=1e-9)
    np.testing.assert_array_equal(ours.label, theirs.labels_)
    assert (np.diff(ours.inertia) <= 1e-9).all()


def test_a_centre_without_rows_stays():
    """Two equal rows, a far centre: no NaN, and it is not moved."""
    found = documents.kmeans([[0.0, 0], [0, 0]], [[0.0, 1], [9, 9]])
    np.testing.assert_array_equal(found.centres, [[0, 0], [9, 9]])
    assert found.inertia == [0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: documents.counts(["rain"], WORDS), "one string"),
        (lambda: documents.idf([1, 2]), r"shape \(2,\)"),
        (lambda: documents.tfidf([[1, 2]], [1.0]), r"weights \(1,\)"),
        (lambda: documents.nb_fit([[1], [2]], [0, 2]), r"\[1, 0, 1\]"),
        (lambda: documents.nb_fit([[1], [2]], [0, 1], 0), "alpha = 0"),
        (lambda: documents.nb_fit([[1], [2]], [0]), r"shape \(1,\)"),
        (lambda: documents.nb_fit([[1], [2]], [0, 1], np.nan), "alpha = nan"),
        (lambda: documents.nb_fit([[1], [-2]], [0, 1]), "counts go down to -2"),
        (lambda: documents.nb_scores([[1, 2]], documents.nb_fit([[1], [2]], [0, 1])), r"\(1, 2\)"),
        (lambda: documents.idf([[np.nan]]), "NaN or infinity"),
        (lambda: documents.idf([["1"]]), "expected real numbers"),
        (lambda: documents.tfidf([[1, 2]], [np.nan, 1]), "weights hold NaN"),
        (lambda: documents.kmeans([[np.inf, 2]], [[1.0, 2]]), "NaN or infinity"),
        (lambda: documents.kmeans([[1.0, 2]], [[1.0]]), r"centres \(1, 1\)"),
        (lambda: confusion([0, 3], [0, 1], 2), "class 3 occurs"),
        (lambda: confusion([0, -1], [0, 1]), "integers from 0"),
        (lambda: class_scores([[1, 2]]), r"shape \(1, 2\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


# --- the made-up letters --------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_letters_are_reproducible_and_about_their_desk(language):
    """Same rng, same letters; words of a desk come mostly in its own letters."""
    texts, labels = data.load(
        "made_up_letters", rng=np.random.default_rng(3), N=400, language=language
    )
    again, _ = corpora.made_up_letters(np.random.default_rng(3), 400, language)
    assert texts == again
    goalkeeper = {"en": "goalkeeper", "zh": "守门员"}[language]
    of = labels[[goalkeeper in t for t in texts]]
    assert (of == 2).mean() > 0.6
    assert set(labels) == set(range(5))


def test_both_languages_make_the_same_letters():
    """Labels are equal, and so is the number of sentences of every letter."""
    en, of_en = corpora.made_up_letters(np.random.default_rng(1), 100)
    zh, of_zh = corpora.made_up_letters(np.random.default_rng(1), 100, "zh")
    np.testing.assert_array_equal(of_en, of_zh)
    assert [t.count(".") for t in en] == [t.count("。") for t in zh]


def test_shares_of_the_desks_are_kept():
    _, labels = corpora.made_up_letters(np.random.default_rng(0), 2000, shares=(0.9, 0.1, 0, 0, 0))
    np.testing.assert_allclose(
        np.bincount(labels, minlength=5) / 2000, [0.9, 0.1, 0, 0, 0], atol=0.03
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_pair_of_opinions_is_one_bag_with_both_labels(language):
    """The same characters, so the same words; no letter occurs with two labels."""
    texts, labels = data.load(
        "made_up_opinions", rng=np.random.default_rng(5), N=200, language=language
    )
    assert [sorted(t) for t in texts[::2]] == [sorted(t) for t in texts[1::2]]
    assert (labels[::2] + labels[1::2] == 1).all()
    assert len(set(texts)) == len(set(zip(texts, labels.tolist(), strict=True)))


def test_the_label_of_an_opinion_is_what_is_affirmed():
    """Read off the English: the adjective after "was", where no "not" stands between."""
    texts, labels = corpora.made_up_opinions(np.random.default_rng(2), 100)
    for letter, label in zip(texts, labels, strict=True):
        (plain,) = (
            s for s in letter.split(".") if s.strip().startswith("It was") and " not" not in s
        )
        assert (plain.split()[-1] in ("good", "great")) == label


@pytest.mark.parametrize("language", ["en", "zh"])
def test_single_characters_say_nothing_about_an_opinion_and_runs_do(language):
    """Exactly half of the unseen letters by single characters; more by runs of 14.

    Planted the other way round too: a classifier that sees order is above half, so that one
    half is not due to labels that nothing could tell.
    """
    texts, y = corpora.made_up_opinions(np.random.default_rng(4), 1200, language)
    scores = []
    for n in (1, 14):
        vector = CountVectorizer(analyzer="char", ngram_range=(n, n))
        seen = vector.fit_transform(texts[:800])
        judge = LogisticRegression(solver="liblinear").fit(seen, y[:800])
        scores.append(judge.score(vector.transform(texts[800:]), y[800:]))
    assert scores[0] == 0.5
    assert scores[1] > 0.6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: corpora.made_up_letters(rng, 0), "N = 0"),
        (lambda rng: corpora.made_up_letters(rng, 5, "fr"), "'fr'"),
        (lambda rng: corpora.made_up_letters(rng, 5, shares=(1, 0)), "five numbers"),
        (lambda rng: corpora.made_up_opinions(rng, 3), "N = 3"),
        (lambda rng: corpora.made_up_opinions(rng, 0), "N = 0"),
    ],
)
def test_bad_wishes_for_letters_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))


# --- the record, and the exercises ------------------------------------------------------


def test_the_record_is_whole_and_beats_its_baseline():
    """Four methods, with and without pairs, and the majority class, which all of them beat."""
    real = data.recorded("real_documents")
    assert real["films_size"] == {"train": 25000, "test": 25000, "positive": 0.5}
    for kind in ("films", "hotels"):
        assert len({(row["method"], row["n"]) for row in real[kind]}) == 9
    films = {(r["method"], r["n"]): r["accuracy"] for r in real["films"]}
    hotels = {(r["method"], r["n"]): r["accuracy"]["mean"] for r in real["hotels"]}
    for rows in (films, hotels):
        assert all(rows[key] > rows["majority", 1] + 0.1 for key in rows if key[0] != "majority")
    assert abs(hotels["majority", 1] - real["hotels_size"]["positive"]) < 1e-3
    assert all(len(r["accuracy"]["values"]) == 3 for r in real["hotels"])


def by_package(exercise):
    """The exercise's function, made of the package instead of the solution."""

    def tfidf(train, test):
        w = documents.idf(train)
        return w, documents.tfidf(train, w), documents.tfidf(test, w)

    def naive_bayes(counts, labels, new, alpha):
        model = documents.nb_fit(counts, labels, alpha)
        joint = documents.nb_scores(new, model)
        p = np.exp(joint - joint.max(axis=1, keepdims=True))
        return *model, p / p.sum(axis=1, keepdims=True)

    def measure(labels, answers, K):
        matrix = confusion(labels, answers, int(K))
        f1 = metrics.f1_score(labels, answers, average="weighted", labels=range(K), zero_division=0)
        found = class_scores(matrix)
        averages = [found.f1.mean(), metrics.accuracy_score(labels, answers), f1]
        return matrix.astype(float), *found, np.array(averages)

    return {"01": tfidf, "02": naive_bayes, "04": measure}[exercise]


@pytest.mark.parametrize(("exercise", "points"), [("01", 3), ("02", 3), ("04", 5)])
def test_the_package_solves_the_exercise(exercise, points):
    """The reference solutions and the package are two implementations of one thing."""
    result = grading.check(f"documents_ex_{exercise}", by_package(exercise))
    assert result.points == points
