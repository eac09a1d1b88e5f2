"""rnncourse.nlp.constrained: masks beside a search of everything."""

import itertools

import numpy as np
import pytest

from rnncourse.nlp import constrained, decoding, sampling
from rnncourse.nn.functional import log_softmax

V = 3


def model(tokens, state):
    """Scores that depend on the token read last; the state counts steps."""
    table = np.array([[0.0, 2.0, 1.0], [1.5, 0.0, -1.0], [0.3, 0.2, 0.1]])
    return table[tokens], np.zeros(len(tokens)) if state is None else state + 1


def no_repeats(t, prefix):
    mask = np.ones(V, bool)
    mask[prefix.astype(int)] = False
    return mask


def even(t, prefix):
    return np.array([True, t % 2 == 1, True])


def score(tokens):
    read, total = 0, 0.0
    for t, token in enumerate(tokens):
        scores = np.where(even(t, None), model(np.array([read]), None)[0][0], -np.inf)
        total += log_softmax(scores)[token]
        read = token
    return total


def test_greedy_keeps_the_rule_and_leaves_the_free_model_alone() -> None:
    step = constrained.masked(model, no_repeats)
    (free,) = decoding.decode(model, None, [0], None, 3)
    (ruled,) = decoding.decode(step, constrained.start(), [0], None, 3)
    assert free.tokens.tolist() == [1, 0, 1]
    assert ruled.tokens.tolist() == [1, 0, 2]
    assert len(set(ruled.tokens.tolist())) == 3


def test_rows_have_prefixes_of_their_own() -> None:
    rng = np.random.default_rng(0)
    choose = sampling.sampler(rng, 1.0)
    step = constrained.masked(model, no_repeats)
    for text in decoding.decode(step, constrained.start(), [0, 1, 2, 0, 1], None, 3, choose):
        assert sorted(text.tokens.tolist()) == [0, 1, 2]


def test_wide_beam_finds_the_best_lawful_text() -> None:
    step = constrained.masked(model, even)
    found = decoding.beam_search(step, constrained.start(), 0, None, 4, 81)[0]
    every = [p for p in itertools.product(range(V), repeat=4)
             if all(even(t, None)[token] for t, token in enumerate(p))]  # fmt: skip
    best = max(every, key=score)
    assert found.tokens.tolist() == list(best)
    np.testing.assert_allclose(found.log_prob, score(best), rtol=1e-12)


def test_cost_by_hand() -> None:
    scores = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]))
    nats = constrained.cost(scores, [0, 1], even)  # 0.7 of the first place, all of the second
    np.testing.assert_allclose(nats, [-np.log(0.7), 0], atol=1e-12)


def test_forbidden_scores_may_be_anything_finite_or_not() -> None:
    scores = np.log(np.array([[0.5, 1e-300, 0.5]]))
    scores[0, 1] = -np.inf
    np.testing.assert_allclose(constrained.cost(scores, [0], even), [0], atol=1e-12)


def test_dead_ends_are_named() -> None:
    step = constrained.masked(model, no_repeats)
    with pytest.raises(constrained.DeadEnd, match="no token at place 3"):
        decoding.decode(step, constrained.start(), [0], None, 4)


def test_bad_masks_and_texts_are_named() -> None:
    step = constrained.masked(model, lambda t, prefix: np.ones(V))
    with pytest.raises(ValueError, match="expected bool"):
        decoding.decode(step, constrained.start(), [0], None, 1)
    with pytest.raises(ValueError, match="place 0 breaks the rule"):
        constrained.cost(np.zeros((1, V)), [1], even)
    with pytest.raises(ValueError, match=r"expected \(U, V\)"):
        constrained.cost(np.zeros((2, V)), [1], even)
