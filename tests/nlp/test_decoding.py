"""rnncourse.nlp.decoding: beside a search of everything, greedy, and texts worked by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.nlp import decoding, sampling
from rnncourse.nn.functional import log_softmax

quick = settings(derandomize=True, deadline=None, max_examples=40)
seeds = st.integers(0, 10**6)


def random_model(seed, V):
    """Scores that depend on everything written: a hash of the row's history seeds them.

    A state is the history (B, u); ``calls`` lists the histories that were read.
    """
    calls = []

    def step(tokens, state):
        history = np.column_stack([state, tokens])
        calls.extend(map(tuple, history.tolist()))
        rows = [np.random.default_rng([seed, *row]).normal(0, 2, V) for row in history.tolist()]
        return np.array(rows).reshape(len(history), V), history

    return step, calls, np.zeros((1, 0), int)


def everything(seed, V, first, end, length, divisor):
    """Every text that ends, or has the greatest length, with its log-probability; ranked."""
    step, *_ = random_model(seed, V)
    found, log_p = [], {}

    def gains(history):
        if history not in log_p:
            scores, _ = step(np.array([history[-1]]), np.array([history[:-1]], int))
            log_p[history] = log_softmax(scores)[0]
        return log_p[history]

    for U in range(1, length + 1):
        for text in itertools.product(range(V), repeat=U):
            ended = text[-1] == end
            if end in text[:-1] or not (ended or length == U):
                continue
            total = sum(gains((first, *text[:u]))[token] for u, token in enumerate(text))
            found.append((not ended, -total / divisor(U), text, total))
    return sorted(found)


@pytest.mark.parametrize("divisor", [decoding.total, decoding.mean, decoding.wu(0.7)])
@pytest.mark.parametrize("end", [None, 0, 1, 2])
@quick
@given(seed=seeds, length=st.integers(1, 4))
def test_a_wide_beam_finds_what_a_search_of_everything_finds(divisor, end, seed, length):
    """V to the power of the length: every text, in the same order, and every score."""
    V = 3
    step, _, state = random_model(seed, V)
    found = decoding.beam_search(step, state, 2, end, length, V**length, divisor)
    expected = everything(seed, V, 2, end, length, divisor)
    assert len(found) == len(expected)
    for text, (cut, score, tokens, total) in zip(found, expected, strict=True):
        assert tuple(text.tokens) == tokens
        assert text.ended is not cut
        assert text.score == pytest.approx(-score, rel=1e-12)
        assert text.log_prob == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("divisor", [decoding.total, decoding.mean, decoding.wu(0.7)])
@pytest.mark.parametrize("end", [None, 0])
@quick
@given(seed=seeds)
def test_width_1_is_greedy(divisor, end, seed):
    step, _, state = random_model(seed, 4)
    (beam,) = decoding.beam_search(step, state, 1, end, 9, 1, divisor)
    (greedy,) = decoding.decode(step, state, [1], end, 9)
    assert beam.tokens.tolist() == greedy.tokens.tolist()
    assert beam.log_prob == pytest.approx(greedy.log_prob, rel=1e-12)
    assert beam.ended is greedy.ended


@quick
@given(seed=seeds, width=st.integers(1, 9))
def test_scores_add_up_and_no_ended_text_goes_on(seed, width):
    """Each log-probability is read from the model again; nothing is asked after an end."""
    step, calls, state = random_model(seed, 4)
    found = decoding.beam_search(step, state, 1, 0, 6, width, decoding.wu())
    assert not any(0 in history for history in calls)
    assert len({tuple(text.tokens) for text in found}) == len(found) <= width
    for text in found:
        state, total, read = np.zeros((1, 0), int), 0.0, 1
        for token in text.tokens:
            scores, state = step(np.array([read]), state)
            total, read = total + log_softmax(scores)[0, token], token
        assert text.log_prob == pytest.approx(total, rel=1e-12)
        assert text.score == pytest.approx(total / ((5 + len(text.tokens)) / 6) ** 0.6)
        assert text.ended == (text.tokens[-1] == 0)
        assert 0 not in text.tokens[:-1]
    ranks = [(not text.ended, -text.score) for text in found]
    assert ranks == sorted(ranks)


def table_model(table):
    """A model of pairs: row i of ``table`` holds the probabilities after token i."""
    with np.errstate(divide="ignore"):
        scores = np.log(np.array(table, float))
    return lambda tokens, state: (scores[tokens], state)


# Tokens: 0 the end, 1 start, 2 "a", 3 "b". After start: the end has .4, a .6; after a b has .6;
# after b the end has 1. So the empty text has .4 and "a b" .6 · .6 · 1 = .36.
SHORT_OR_LONG = [[1, 0, 0, 0], [0.4, 0, 0.6, 0], [0.4, 0, 0, 0.6], [1, 0, 0, 0]]


def test_without_normalisation_the_short_text_wins():
    """.4 against .36; a mean of ln .4 = -0.916 against ln .36 / 3 = -0.341."""
    step = table_model(SHORT_OR_LONG)
    found = decoding.beam_search(step, None, 1, 0, 5, 3)
    assert [text.tokens.tolist() for text in found] == [[0], [2, 3, 0], [2, 0]]
    np.testing.assert_allclose([text.log_prob for text in found], np.log([0.4, 0.36, 0.24]))
    found = decoding.beam_search(step, None, 1, 0, 5, 3, decoding.mean)
    assert [text.tokens.tolist() for text in found] == [[2, 3, 0], [2, 0], [0]]
    np.testing.assert_allclose([text.score for text in found],
                               [np.log(0.36) / 3, np.log(0.24) / 2, np.log(0.4)])  # fmt: skip


def test_the_divisors_by_hand():
    assert [decoding.total(n) for n in (1, 9)] == [1, 1]
    assert [decoding.mean(n) for n in (1, 9)] == [1, 9]
    assert decoding.wu(0.6)(1) == 1
    assert decoding.wu(1)(7) == 2
    assert decoding.wu(0.5)(19) == 2
    assert decoding.wu(0)(19) == 1


def test_ties_are_broken_by_rank_and_token():
    """All alike: the lowest tokens, in order, whatever the width."""
    step = table_model(np.full((3, 3), 1 / 3))
    found = decoding.beam_search(step, None, 0, None, 2, 4)
    assert [text.tokens.tolist() for text in found] == [[0, 0], [0, 1], [0, 2], [1, 0]]


def test_a_beam_wider_than_there_are_texts():
    """Two tokens, one step: two texts, not nine; what is forbidden is never written."""
    step = table_model([[0.25, 0.75], [1, 0]])
    found = decoding.beam_search(step, None, 0, None, 1, 9)
    assert [text.tokens.tolist() for text in found] == [[1], [0]]
    assert len(decoding.beam_search(step, None, 1, None, 1, 9)) == 1


def test_the_state_is_chosen_with_the_rows():
    """Arrays in a nest follow their hypothesis; weights are those of its own steps."""

    class State(tuple):
        __slots__ = ()
        _fields = ("inner", "weights")

        def __new__(cls, inner, weights):
            return super().__new__(cls, (inner, weights))

        weights = property(lambda self: self[1])

    step, _, history = random_model(3, 4)

    def with_weights(tokens, state):
        scores, past = step(tokens, state[0]["deep"][0])
        return scores, State({"deep": [past]}, past.sum(axis=1)[:, None] * [1.0, 2.0])

    start = State({"deep": [history]}, None)
    for text in decoding.beam_search(with_weights, start, 1, 0, 5, 6):
        sums = 1 + np.concatenate([[0], np.cumsum(text.tokens[:-1])])
        np.testing.assert_array_equal(text.weights, sums[:, None] * [1, 2])
    with pytest.raises(TypeError, match="a state holds int"):
        decoding.rows_of((np.ones(2), 3), np.array([0]))


def test_rows_are_decoded_as_if_alone():
    """A batch of rows, some ending early, equals each row by itself."""
    step, _, _ = random_model(7, 4)
    first = [1, 2, 3, 1]
    together = decoding.decode(step, np.zeros((4, 0), int), first, 0, 8)
    for text, token in zip(together, first, strict=True):
        (alone,) = decoding.decode(step, np.zeros((1, 0), int), [token], 0, 8)
        assert text.tokens.tolist() == alone.tokens.tolist()
        assert text.log_prob == pytest.approx(alone.log_prob)
        assert text.score == text.log_prob
    assert len({len(text.tokens) for text in together}) > 1


def test_sampling_draws_with_the_models_probabilities():
    """3,000 first tokens against 0.4 and 0.6, five standard deviations allowed."""
    choose = sampling.sampler(np.random.default_rng(0))
    texts = decoding.decode(table_model(SHORT_OR_LONG), None, [1] * 3000, 0, 1, choose)
    share = np.mean([text.tokens[0] == 2 for text in texts])
    assert abs(share - 0.6) < 5 * np.sqrt(0.24 / 3000)


def test_nothing_to_write():
    step = table_model(SHORT_OR_LONG)
    (text,) = decoding.decode(step, None, [1], 0, 0)
    assert (text.tokens.shape, text.log_prob, text.ended) == ((0,), 0, False)
    (text,) = decoding.beam_search(step, None, 1, 0, 0, 4)
    assert (text.tokens.shape, text.log_prob, text.ended) == ((0,), 0, False)
    assert decoding.decode(step, None, [], 0, 3) == []


bad_scores = [np.full((1, 3), np.nan), np.full((1, 3), np.inf), np.full((1, 3), -np.inf)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: decoding.beam_search(s, None, 1, 0, 3, 0), "width is 0"),
        (lambda s: decoding.beam_search(s, None, 1, 0, 3, 1.5), "width is 1.5"),
        (lambda s: decoding.beam_search(s, None, 1, 0, -1, 2), "length is -1"),
        (lambda s: decoding.beam_search(s, None, [1, 1], 0, 3, 2), r"first is int64 of shape"),
        (lambda s: decoding.decode(s, None, 1, 0, 3), r"first is int64 of shape \(\)"),
        (lambda s: decoding.decode(s, None, [1.0], 0, 3), r"first is float64"),
        (lambda s: decoding.decode(lambda t, _: (np.ones(3), None), None, [1], 0, 3),
         r"shape \(3,\); expected \(1, V\)"),
        *[((lambda s, b=b: decoding.beam_search(lambda t, _: (b, None), None, 1, 0, 3, 2)),
           "NaN or") for b in bad_scores],
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(table_model(SHORT_OR_LONG))
