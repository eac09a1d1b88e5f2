"""rnncourse.nlp.sampling: probabilities, limits, searches beside a search of everything."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnncourse.nlp import sampling
from rnncourse.nn.functional import log_softmax, softmax

quick = settings(derandomize=True, deadline=None, max_examples=60)
scores = arrays(np.float64, (3, 7), elements=st.floats(-50, 50))


def fixed(table):
    """A model of pairs: the scores after token i are row i of ``table``; it counts its steps."""
    return lambda token, state: (table[token], (state or 0) + 1)


# --- probabilities -----------------------------------------------------------------------


@quick
@given(scores, st.floats(0, 1e6))
def test_every_rule_leaves_probabilities(logits, tau):
    p = sampling.temperature(logits, tau)
    for q in (p, sampling.top_k(p, 3), sampling.nucleus(p, 0.7)):
        assert (q >= 0).all()
        np.testing.assert_allclose(q.sum(-1), 1, atol=1e-12)


@quick
@given(scores)
def test_limits_of_the_temperature(logits):
    """1 is the softmax, 0 is the best token, ∞ makes all alike; a tiny τ does not overflow."""
    np.testing.assert_allclose(sampling.temperature(logits, 1), softmax(logits), atol=1e-15)
    best = sampling.temperature(logits, 0)
    assert (best.argmax(-1) == logits.argmax(-1)).all()
    assert ((best == 0) | (best == 1)).all()
    np.testing.assert_allclose(sampling.temperature(logits, 1e9), 1 / 7, atol=1e-6)
    assert np.isfinite(sampling.temperature(logits, 1e-308)).all()


def test_a_small_temperature_tends_to_the_best_token():
    logits = np.array([1.0, 3.0, 2.9, -np.inf])
    np.testing.assert_allclose(sampling.temperature(logits, 1e-3), [0, 1, 0, 0], atol=1e-12)


def test_top_k_and_nucleus_by_hand():
    p = np.array([0.1, 0.4, 0.2, 0.3])
    np.testing.assert_allclose(sampling.top_k(p, 2), [0, 4 / 7, 0, 3 / 7])
    np.testing.assert_allclose(sampling.top_k(p, 9), p)
    np.testing.assert_allclose(sampling.nucleus(p, 0.7), [0, 4 / 7, 0, 3 / 7])  # exactly reached
    np.testing.assert_allclose(sampling.nucleus(p, 0.71), np.array([0, 4, 2, 3]) / 9)
    np.testing.assert_allclose(sampling.nucleus(p, 1e-9), [0, 1, 0, 0])
    np.testing.assert_allclose(sampling.nucleus(p, 1.0), p)


def test_ties_keep_the_lower_number():
    np.testing.assert_allclose(sampling.top_k(np.full(4, 0.25), 2), [0.5, 0.5, 0, 0])
    kept = sampling.top_k(np.tile([1, 3], 50) / 200, 3)  # too many for luck
    assert np.flatnonzero(kept).tolist() == [1, 3, 5]
    assert sampling.greedy(np.zeros(5)) == 0


@quick
@given(scores, st.floats(0.05, 1))
def test_the_nucleus_is_the_smallest_set(logits, mass):
    """It reaches the mass, and without its least probable token it would not."""
    p = softmax(logits)
    for row, kept in zip(p, sampling.nucleus(p, mass) > 0, strict=True):
        assert row[kept].sum() >= mass - 1e-12
        assert row[kept].sum() - row[kept].min() < mass + 1e-12


def test_draw_has_these_frequencies():
    """100,000 draws of three rows; a token of probability 0 never comes, float32 included."""
    p = np.array([[0.5, 0.0, 0.5], [0.1, 0.2, 0.7], [0.0, 0.0, 1.0]], np.float32)
    found = sampling.draw(np.broadcast_to(p, (100_000, 3, 3)), np.random.default_rng(0))
    share = np.stack([(found == k).mean(0) for k in range(3)], axis=-1)
    np.testing.assert_allclose(share, p, atol=0.006)
    assert (share[p == 0] == 0).all()


@pytest.mark.parametrize("spot", [0.0, np.nextafter(1, 0)])
def test_draw_at_the_edges_of_chance(spot):
    """The smallest and the largest number that a generator returns hit no token of width 0."""

    class Fixed:
        random = staticmethod(lambda shape: np.full(shape, spot))

    p = np.array([0.0, 0.1, 0.2, 0.7, 0.0])
    assert sampling.draw(p, Fixed()) == (1 if spot == 0 else 3)


def test_draw_is_a_function_of_the_seed():
    p = np.full((50, 9), 1 / 9)
    a, b, c = (sampling.draw(p, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (a == b).all()
    assert not (a == c).all()


RNG = np.random.default_rng(0)


def batch_of_one(token, state):
    """What a library's model returns: (N, V)."""
    return np.eye(3)[[token]], state


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sampling.temperature([1.0, np.nan], 1), "diverge"),
        (lambda: sampling.temperature([-np.inf, -np.inf], 1), "forbid every token"),
        (lambda: sampling.temperature([1.0], -1), "tau is -1"),
        (lambda: sampling.temperature([1.0], np.nan), "tau is nan"),
        (lambda: sampling.temperature([], 1), r"shape \(0,\)"),
        (lambda: sampling.temperature([1.0], np.inf), "tau is inf"),
        (lambda: sampling.top_k([0.5, 0.5], 1.5), "k is 1.5; expected a whole number"),
        (lambda: sampling.top_k([0.5, 0.5], np.nan), "k is nan; expected a whole number"),
        (lambda: sampling.nucleus([0.5, 0.5], np.nan), "mass is nan"),
        (lambda: sampling.nucleus([0.5, 0.5], -0.1), "mass is -0.1"),
        (lambda: sampling.draw(np.array([0.5, 0.4], np.float16), RNG), "no probability"),
        (lambda: sampling.sampler(RNG, tau=np.nan), "tau is nan"),
        (lambda: sampling.sampler(RNG)(np.zeros((1, 3))), r"scores have shape \(1, 3\); expected"),
        (lambda: sampling.greedy(np.eye(3)), r"scores have shape \(3, 3\); expected \(V,\)"),
        (lambda: sampling.generate(fixed(np.eye(3)[None]), [0], 5), r"shape \(3, 3\)"),
        (lambda: sampling.generate(batch_of_one, [0], 5), r"shape \(1, 3\).*logits\[0\]"),
        (lambda: sampling.beam_search(batch_of_one, [0], 5, 2), r"shape \(1, 3\)"),
        (
            lambda: sampling.generate(fixed(np.eye(3)), [[0, 1], [1, 2]], 5),
            r"prompt has shape \(2, 2\); expected \(T,\): for a batch",
        ),
        (lambda: sampling.generate(fixed(np.eye(3)), [[0]], 5), r"prompt has shape \(1, 1\)"),
        (lambda: sampling.generate(fixed(np.eye(3)), [0], 2.5), "length is 2.5"),
        (lambda: sampling.beam_search(fixed(np.eye(3)), [0], 5, 1.5), "width is 1.5"),
        (lambda: sampling.top_k([0.5, 0.5], 0), "k is 0"),
        (lambda: sampling.nucleus([0.5, 0.5], 0), "mass is 0"),
        (lambda: sampling.nucleus([0.5, 0.6], 0.5), "no probability"),
        (lambda: sampling.draw([-1.0, 2.0], np.random.default_rng(0)), "no probability"),
        (lambda: sampling.sampler(np.random.default_rng(0), tau=-2), "tau is -2"),
        (lambda: sampling.sampler(np.random.default_rng(0), k=0), "k is 0"),
        (lambda: sampling.sampler(np.random.default_rng(0), mass=2), "mass is 2"),
        (lambda: sampling.generate(fixed(np.eye(3)), [], 5), "prompt is empty"),
        (lambda: sampling.generate(fixed(np.eye(3)), [0], -1), "length is -1"),
        (lambda: sampling.beam_search(fixed(np.eye(3)), [], 5, 2), "prompt is empty"),
        (lambda: sampling.beam_search(fixed(np.eye(3)), [0], 5, 0), "width is 0"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# --- generation ------------------------------------------------------------------------------


def test_tokens_are_whole_numbers():
    """A prompt of floats or letters, and a choice that is a fraction."""
    for prompt in ([0.5], ["a", "b"], [True]):
        with pytest.raises(TypeError, match=r"prompt is of .*; expected token numbers"):
            sampling.generate(fixed(np.eye(3)), prompt, 2)
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        sampling.generate(fixed(np.eye(3)), [0], 2, choose=lambda logits: 1.5)
    with pytest.raises(TypeError, match=r"rng is int; expected a numpy.random.Generator"):
        sampling.sampler(0)


@pytest.mark.parametrize("V", [7, 1000, 50_000])
def test_half_precision(V):
    """Scores in float16 become probabilities in float32 that sum to 1, as do given ones."""
    rng = np.random.default_rng(0)
    logits = (4 * rng.standard_normal(V)).astype(np.float16)
    p = sampling.temperature(logits, 0.8)
    assert p.dtype == np.float32
    assert p.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(p, sampling.temperature(logits.astype(float), 0.8), rtol=1e-5)
    for half in (p.astype(np.float16), softmax(logits)):
        assert half.dtype == np.float16
        for kept in (sampling.top_k(half, 5), sampling.nucleus(half, 0.9)):
            assert kept.sum() == pytest.approx(1, abs=1e-5)
        assert 0 <= sampling.draw(half, rng) < V
    assert 0 <= sampling.sampler(rng, 0.8, 50, 0.95)(logits) < V


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_smallest_temperatures(dtype):
    """Below the dtype's smallest number τ is 0: the best token, and no 0 / 0."""
    for tau in (1e-30, 1e-46, 1e-320, 5e-324):
        p = sampling.temperature(np.array([1, 3, 2], dtype), tau)
        np.testing.assert_array_equal(p, [0, 1, 0])


def test_greedy_follows_the_best_pairs():
    """0 → 2 → 1 → 0: the model goes round; the prompt is read, not returned."""
    table = np.array([[0, 1, 2], [3, 0, 0], [0, 4, 0]], float)
    assert sampling.generate(fixed(table), [1, 0], 5).tolist() == [2, 1, 0, 2, 1]
    assert sampling.generate(fixed(table), [0], 5, end=1).tolist() == [2, 1]
    assert sampling.generate(fixed(table), [0], 0).tolist() == []


def test_the_model_reads_each_token_once():
    """Prompt and written text in their order, each with the state that the last one left."""
    seen = []

    def step(token, state):
        seen.append((token, state))
        return np.eye(4)[(token + 1) % 4], len(seen)

    sampling.generate(step, [2, 0], 3)
    assert seen == [(2, None), (0, 1), (1, 2), (2, 3)]  # the last token needs no reading
    seen.clear()
    sampling.generate(step, [2], 1, state=7)
    sampling.beam_search(step, [2], 1, 1, state=8)
    assert seen[0] == (2, 7)
    assert (2, 8) in seen


def test_a_seed_makes_the_text():
    step = fixed(np.random.default_rng(0).normal(size=(9, 9)))
    texts = [
        sampling.generate(step, [0], 40, sampling.sampler(np.random.default_rng(seed), 1.2))
        for seed in (1, 1, 2)
    ]
    assert (texts[0] == texts[1]).all()
    assert not (texts[0] == texts[2]).all()


def test_a_sampler_draws_among_the_kept():
    """Top-k first and then the nucleus: of 0.4, 0.3, 0.2, 0.1 three stay, then two."""
    logits = np.log([0.1, 0.4, 0.2, 0.3])
    choose = sampling.sampler(np.random.default_rng(0), k=3, mass=0.7)
    assert {choose(logits) for _ in range(300)} == {1, 3}
    assert {sampling.sampler(np.random.default_rng(0), 0)(logits) for _ in range(9)} == {1}


# --- beam search -------------------------------------------------------------------------------


def best_of_all(table, first, length):
    """Every text of this length with its log-probability, the best first."""
    gains = log_softmax(table)
    found = []
    for text in itertools.product(range(len(table)), repeat=length):
        pairs = itertools.pairwise((first, *text))
        found.append((sum(gains[a, b] for a, b in pairs), text))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_finds_the_best_of_all(seed):
    table = np.random.default_rng(seed).normal(size=(4, 4))
    found = sampling.beam_search(fixed(table), [1], 3, 64)
    total = {text: score for score, text in best_of_all(table, 1, 3)}
    assert {tuple(tokens) for tokens, _ in found} == total.keys()
    scores = [score for _, score in found]  # texts with the same pairs are equally probable
    np.testing.assert_allclose(scores, list(total.values()), atol=1e-12)
    for tokens, score in found:
        assert score == pytest.approx(total[tuple(tokens)], abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_is_greedy(seed):
    table = np.random.default_rng(seed).normal(size=(6, 6))
    ((tokens, _),) = sampling.beam_search(fixed(table), [2], 12, 1)
    assert (tokens == sampling.generate(fixed(table), [2], 12)).all()


def test_a_beam_finds_what_greed_misses():
    """0 is best at first (0.6) but leads to a coin toss; 1 (0.4) is followed by a sure 2."""
    p = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.6, 0.4, 0.0]])
    with np.errstate(divide="ignore"):
        step = fixed(np.log(p))
    (tokens, score), _ = sampling.beam_search(step, [2], 2, 2)
    assert tokens.tolist() == [1, 2]
    assert score == pytest.approx(np.log(0.4))
    assert sampling.generate(step, [2], 2).tolist() == [0, 0]


def test_a_text_that_ended_stays():
    """It is neither lengthened nor lost, and the model does not read beyond its end."""
    p = np.array([[0.1, 0.9], [0.5, 0.5]])
    read = []

    def step(token, state):
        read.append(token)
        return np.log(p[token]), state

    (tokens, score), *others = sampling.beam_search(step, [0], 4, 3, end=1)
    assert tokens.tolist() == [1]
    assert score == pytest.approx(np.log(0.9))
    assert all(other.tolist()[-1] == 1 or len(other) == 4 for other, _ in others)
    assert 1 not in read
