"""Encoder and decoder: the hand calculations, the searches of the page, and its record."""

import itertools
import math

import numpy as np
import pytest

from rnncourse import data
from rnncourse.nlp import decoding
from rnncourse.nn import decoder, functional, seq2seq

# ---- the hand calculations, in plain floats ----------------------------------------


def one_unit():
    """ab through one unit; tokens 0 start, 1 end, 2 a, 3 b."""
    cell = {"W_x": np.eye(1), "W_h": np.eye(1), "b": np.zeros(1)}
    embedding = {"E": np.array([[0.0], [0.0], [1.0], [-1.0]])}
    params = {
        "encoder": {"embedding": embedding, "cell": cell},
        "bridge": {"h": {"W_y": np.array([[2.0]]), "b_y": np.zeros(1)}},
        "decoder": {
            "embedding": embedding,
            "cell": cell | {"W_h": np.array([[-2.0]])},
            "output": {
                "W_y": np.array([[0.0, 0.0, -2.0, 2.0]]),
                "b_y": np.array([-99.0, 0.0, 0.0, 0.0]),
            },
        },
    }
    batch = seq2seq.Batch(np.array([[2, 3]]), np.ones((1, 2)), np.array([[3, 1]]), np.ones((1, 2)))
    return decoder.Design("rnn", "state", start=0, end=1), batch, params


def test_forward_by_hand():
    """eq-seq2seq-encoder to -decoder: the digits of the page, and the package's own."""
    h_1 = math.tanh(1)
    h_2 = math.tanh(-1 + h_1)
    s_0 = math.tanh(2 * h_2)
    s_1 = math.tanh(-2 * s_0)
    powers = [math.exp(-2 * s_1), math.exp(2 * s_1), 1]
    p = powers[1] / sum(powers)
    assert [round(v, 3) for v in (h_1, h_2, s_0, s_1)] == [0.762, -0.234, -0.437, 0.703]
    assert [round(v, 3) for v in (2 * s_1, *powers, sum(powers))] == [
        1.406, 0.245, 4.079, 1, 5.324]  # fmt: skip
    assert round(p, 3) == 0.766
    logits, cache = seq2seq.seq2seq_forward(*one_unit())
    assert cache.bridge.last.item() == pytest.approx(h_2)
    assert functional.softmax(logits[0, 0])[3] == pytest.approx(p)


def test_backward_by_hand():
    """eq-seq2seq-dscores to -dbridge for the first letter; the package's gradients."""
    design, batch, params = one_unit()
    logits, cache = seq2seq.seq2seq_forward(design, batch, params)
    p = functional.softmax(logits[0, 0])
    s_0, s_1 = cache.bridge.state.item(), cache.decoder.hs[0, 0].item()
    ds_1 = p[2] * -2 + (p[3] - 1) * 2
    ds_0 = ds_1 * (1 - s_1**2) * -2
    dh_2 = ds_0 * (1 - s_0**2) * 2
    assert [round(v, 3) for v in (p[2], p[1], ds_1, ds_0, dh_2)] == [
        0.046, 0.188, -0.560, 0.566, 0.917]  # fmt: skip
    dlogits = np.zeros_like(logits)
    dlogits[0, 0] = p - np.eye(4)[3]
    grads = seq2seq.seq2seq_backward(dlogits, cache, params)
    assert grads["bridge"]["h"]["b_y"].item() == pytest.approx(dh_2 / 2)


def test_loss_by_hand():
    """eq-seq2seq-loss: four real tokens; what counting two places of padding would report."""
    costs = [-math.log(p) for p in (0.5, 0.8, 0.9, 0.25)]
    assert [round(c, 3) for c in costs] == [0.693, 0.223, 0.105, 1.386]
    assert round(sum(costs) / 4, 3) == 0.602
    assert round((sum(costs) + 2 * -math.log(0.99)) / 6, 3) == 0.405
    probabilities = np.array([[0.5, 0.8, 0.9], [0.25, 0.99, 0.99]])
    scores = np.log(np.stack([probabilities, 1 - probabilities], axis=2))
    targets, mask = np.zeros((2, 3), int), np.array([[1, 1, 1], [1, 0, 0]])
    assert functional.cross_entropy(scores, targets, mask)[0] == pytest.approx(sum(costs) / 4)


@pytest.mark.parametrize("T", [1, 2, 5, 8])
def test_distances_of_a_copied_and_of_a_reversed_string(T):
    """eq-seq2seq-distance, steps counted on the chain h_1 … h_T s_1 … s_U; the same mean."""
    chain = [f"h{t}" for t in range(1, T + 1)] + [f"s{u}" for u in range(1, T + 1)]

    def distance(t, u):
        return chain.index(f"s{u}") - chain.index(f"h{t}")

    assert all(distance(t, u) == T - t + u for t in range(1, T + 1) for u in range(1, T + 1))
    assert [distance(u, u) for u in range(1, T + 1)] == [T] * T
    reversed_ones = [distance(T + 1 - u, u) for u in range(1, T + 1)]
    assert reversed_ones == list(range(1, 2 * T, 2))
    assert np.mean(reversed_ones) == T


# ---- searching --------------------------------------------------------------------------

EVEN = (1 / 3, 1 / 3, 1 / 3)
TABLE = {(): (0.5, 0.4, 0.1), (0,): (0.4, 0.3, 0.3), (1,): (0.9, 0.05, 0.05)}
TRAP = {
    (): (0.4, 0.35, 0.25),
    (0,): (0.34, 0.33, 0.33),
    (1,): (0.49, 0.49, 0.02),
    (0, 0): (0.98, 0.01, 0.01),
}


def best(table, length, width):
    def step(tokens, history):
        history = np.column_stack([history, tokens])
        return np.log([table.get(tuple(row[1:].tolist()), EVEN) for row in history]), history

    return decoding.beam_search(step, np.zeros((1, 0), int), 0, None, length, width)[0]


@pytest.mark.parametrize(
    ("table", "length", "width", "text", "p"),
    [
        (TABLE, 2, 1, [0, 0], 0.5 * 0.4),
        (TABLE, 2, 2, [1, 0], 0.4 * 0.9),
        (TRAP, 3, 1, [0, 0, 0], 0.4 * 0.34 * 0.98),
        (TRAP, 3, 2, [1, 0, 0], 0.35 * 0.49 / 3),
        (TRAP, 3, 3, [0, 0, 0], 0.4 * 0.34 * 0.98),
    ],
)
def test_searches_by_hand(table, length, width, text, p):
    """Greedy misses the best text, a beam of two finds it; in the trap it is the other way."""
    found = best(table, length, width)
    assert found.tokens.tolist() == text
    assert math.exp(found.log_prob) == pytest.approx(p)


def test_everything_is_searched_by_a_wide_beam():
    for table, length in ((TABLE, 2), (TRAP, 3)):
        every = max(
            math.prod(table.get(text[:u], EVEN)[text[u]] for u in range(length))
            for text in itertools.product(range(3), repeat=length)
        )
        assert math.exp(best(table, length, 3**length).log_prob) == pytest.approx(every)


def test_the_mean_never_picks_a_shorter_text_than_the_sum():
    """The argument in brackets under eq-seq2seq-length, on random lists of finished texts."""
    rng = np.random.default_rng(0)
    for _ in range(500):
        lengths = rng.integers(1, 9, 12)
        sums = -rng.gamma(2.0, size=12) * lengths ** rng.uniform(0, 2)
        assert lengths[(sums / lengths).argmax()] >= lengths[sums.argmax()]


def test_what_a_lookup_table_has_seen():
    """38,400 pairs, lengths 2 to 8 alike: nearly all of three letters, a third of four."""
    seen = [1 - (1 - 11.0**-T) ** (38_400 / 7) for T in (2, 3, 4, 6)]
    assert seen[0] > 0.999999
    assert seen[1] > 0.98
    assert seen[2] == pytest.approx(0.313, abs=0.001)
    assert seen[3] < 0.004
    assert 11**8 == 214_358_881


# ---- the record --------------------------------------------------------------------------


def test_the_record_is_of_equal_models_and_three_trainings():
    recorded = data.recorded("real_seq2seq")
    budget = recorded["settings"]["budget"]
    for runs in (*recorded["strings"].values(), *recorded["dates"].values()):
        assert 0.96 * budget < runs["parameters"] <= budget
        assert len(runs["exact"]["values"] if "values" in runs["exact"] else
                   runs["exact"]["2"]["values"]) == 3  # fmt: skip
    for runs in recorded["strings"].values():
        for forced, free in zip(runs["forced"].values(), runs["free"].values(), strict=True):
            assert np.mean(free["values"]) <= np.mean(forced["values"]) + 0.02
