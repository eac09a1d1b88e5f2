"""CTC: hand-worked values, brute force over every path, PyTorch, finite differences, masks."""

import itertools

import numpy as np
import pytest
import torch

from rnncourse.nn import ctc, ctc_decoding
from rnncourse.nn.gradcheck import GradientMismatch, check_gradient

N, T, K, L = 4, 9, 5, 4
STEPS, LABELS = np.array([9, 7, 1, 4]), np.array([4, 2, 1, 0])
MASK, LABEL_MASK = np.arange(T) < STEPS[:, None], np.arange(L) < LABELS[:, None]


def make(seed=0, blank=0):
    """Scores, labels (row 0 holds a repeat) and an upstream gradient, all random."""
    rng = np.random.default_rng(seed)
    symbols = np.delete(np.arange(K), blank)
    labels = rng.choice(symbols, (N, L))
    labels[0, 2] = labels[0, 1]
    return 2 * rng.standard_normal((N, T, K)), labels, rng.standard_normal(N)


def small(seed=0):
    """Every case with T ≤ 4, K ≤ 3, L ≤ 3: log-probabilities and a labelling."""
    rng = np.random.default_rng(seed)
    for steps, classes in itertools.product((1, 2, 3, 4), (1, 2, 3)):
        logits = 1.5 * rng.standard_normal((1, steps, classes))
        log_p = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
        for length in range(4):
            for labels in itertools.product(range(1, classes), repeat=length):
                yield logits, log_p[0], labels


def plain_collapse(path, blank=0):
    """Another way to write it: groupby."""
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def by_labelling(log_p):
    """The probability of each labelling, and of its best path, over all K^T paths."""
    sums, best = {}, {}
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        p = np.exp(sum(row[k] for row, k in zip(log_p, path, strict=True)))
        labels = plain_collapse(path)
        sums[labels] = sums.get(labels, 0) + p
        best[labels] = max(best.get(labels, 0), p)
    return sums, best


def array(labels):
    return np.array(labels, np.int64).reshape(1, -1)


# --- by hand -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ([1, 1, 0, 1, 2, 2, 0], [1, 1, 2]),
        ([0, 0, 0], []),
        ([1, 0, 1], [1, 1]),
        ([1, 1, 1], [1]),
        ([2], [2]),
        ([], []),
    ],
)
def test_collapse_by_hand(path, labels):
    assert ctc.collapse(path).tolist() == labels


def test_collapse_is_groupby():
    rng = np.random.default_rng(0)
    for blank in (0, 2):
        for length in range(12):
            path = rng.integers(0, 3, length)
            assert tuple(ctc.collapse(path, blank)) == plain_collapse(path.tolist(), blank)


def test_two_steps_by_hand():
    """p(blank) = .6 and p(a) = .4 twice: a has the paths a_, _a, aa: .24 + .24 + .16 = .64."""
    logits = np.log(np.array([[[0.6, 0.4], [0.6, 0.4]]]))
    losses, cache = ctc.ctc_forward(logits, [[1]])
    np.testing.assert_allclose(losses, [-np.log(0.64)], rtol=1e-14)
    # The first step is a in a_ and aa, .40 of .64, and so is the second.
    np.testing.assert_allclose(ctc.occupancy(cache).sum(axis=2), 1, rtol=1e-14)
    expected = [[0.6 - 0.24 / 0.64, 0.4 - 0.40 / 0.64]] * 2
    np.testing.assert_allclose(ctc.ctc_backward([1.0], cache)[0], expected, rtol=1e-13)


def test_greedy_is_not_the_most_probable_labelling():
    """The same numbers: the best path is all blanks, .36; the best labelling is a, .64."""
    logits = np.log(np.array([[[0.6, 0.4], [0.6, 0.4]]]))
    assert ctc_decoding.greedy(logits)[0].tolist() == []
    (found,) = ctc_decoding.beam_search(logits, 4)
    assert [d.labels.tolist() for d in found] == [[1], []]
    np.testing.assert_allclose([d.log_prob for d in found], np.log([0.64, 0.36]), rtol=1e-14)


# --- against brute force --------------------------------------------------------------


def test_loss_is_the_sum_over_all_paths():
    seen = 0
    for logits, log_p, labels in small():
        total = by_labelling(log_p)[0].get(labels, 0)
        losses, _ = ctc.ctc_forward(logits, array(labels))
        if total:
            np.testing.assert_allclose(np.exp(-losses[0]), total, rtol=1e-12)
            seen += 1
        else:
            assert losses[0] == np.inf
    assert seen == 44


def test_occupancy_is_the_share_of_the_paths_there():
    """Whose symbol at step t is k: over all paths, and by forward-backward."""
    for logits, log_p, labels in small(1):
        total = by_labelling(log_p)[0].get(labels, 0)
        if total:
            (steps, classes), share = log_p.shape, np.zeros(log_p.shape)
            for path in itertools.product(range(classes), repeat=steps):
                if plain_collapse(path) == labels:
                    p = np.exp(log_p[range(steps), path].sum())
                    share[range(steps), path] += p / total
            _, cache = ctc.ctc_forward(logits, array(labels))
            found = np.exp(log_p) - ctc.ctc_backward([1.0], cache)[0]
            np.testing.assert_allclose(found, share, rtol=1e-10, atol=1e-12)


def test_a_wide_beam_finds_every_labelling():
    """With its probability, in order."""
    for logits, log_p, labels in small(2):
        if not labels:  # once for each table of scores
            sums, _ = by_labelling(log_p)
            (found,) = ctc_decoding.beam_search(logits, 200)
            assert {tuple(d.labels) for d in found} == set(sums)
            for d in found:
                np.testing.assert_allclose(np.exp(d.log_prob), sums[tuple(d.labels)], rtol=1e-12)
            assert sorted(d.score for d in found) == [d.score for d in found][::-1]


def test_alignment_is_the_best_path():
    for logits, log_p, labels in small(3):
        best = by_labelling(log_p)[1].get(labels, 0)
        if not best:
            with pytest.raises(ValueError, match="no path"):
                ctc.ctc_align(logits, array(labels))
            continue
        found = ctc.ctc_align(logits, array(labels))
        assert tuple(ctc.collapse(found.path[0])) == labels
        np.testing.assert_allclose(found.log_probs, np.log(best), rtol=1e-12, atol=1e-14)
        steps = np.exp(log_p[range(len(log_p)), found.path[0]].sum())
        np.testing.assert_allclose(steps, best, rtol=1e-12)
        said = [labels[s // 2] if s % 2 else 0 for s in found.states[0]]
        assert said == found.path[0].tolist()


def test_probabilities_of_all_labellings_sum_to_one():
    logits, _, _ = make()
    every = [x for n in range(4) for x in itertools.product((1, 2, 3, 4), repeat=n)]
    few = logits[:1, :3]
    total = sum(np.exp(-ctc.ctc_forward(few, array(x))[0][0]) for x in every)
    np.testing.assert_allclose(total, 1, rtol=1e-12)


# --- against PyTorch --------------------------------------------------------------------


def torch_ctc(logits, labels, steps, lengths, blank, dlosses):
    scores = torch.tensor(logits, requires_grad=True)
    losses = torch.nn.functional.ctc_loss(
        scores.log_softmax(2).transpose(0, 1), torch.tensor(labels), torch.tensor(steps),
        torch.tensor(lengths), blank, "none", zero_infinity=True,
    )  # fmt: skip
    losses.backward(torch.tensor(dlosses))
    return losses.detach().numpy(), scores.grad.numpy()


@pytest.mark.parametrize(
    ("size", "blank"), [((7, 31, 6, 9), 0), ((3, 1, 2, 1), 1), ((5, 64, 11, 30), 4)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equal_to_pytorch(size, blank, dtype):
    """Odd sizes, other lengths in each row, some of which do not fit.

    PyTorch in float64 both times: its float32 loses digits over 64 steps, where ours is wide.
    """
    n, t, k, length = size
    rng = np.random.default_rng(n)
    logits = (3 * rng.standard_normal((n, t, k))).astype(dtype)
    labels = rng.choice(np.delete(np.arange(k), blank), (n, length))
    steps, lengths = rng.integers(1, t + 1, n), rng.integers(0, length + 1, n)
    upstream = rng.standard_normal(n).astype(dtype)
    masks = np.arange(t) < steps[:, None], np.arange(length) < lengths[:, None]
    losses, cache = ctc.ctc_forward(logits, labels, *masks, blank, zero_infinity=True)
    found = losses, ctc.ctc_backward(upstream, cache)
    wide = logits.astype(np.float64), upstream.astype(np.float64)
    theirs = torch_ctc(wide[0], labels, steps, lengths, blank, wide[1])
    for ours, other in zip(found, theirs, strict=True):
        assert ours.dtype == dtype
        top = abs(other).max() + 1e-30
        assert abs(ours - other).max() / top < (1e-10 if dtype == np.float64 else 1e-6)


def test_mean_of_the_batch():
    logits, labels, _ = make()
    loss, dlogits = ctc.ctc_loss(logits, labels, MASK, LABEL_MASK)
    losses, cache = ctc.ctc_forward(logits, labels, MASK, LABEL_MASK)
    assert loss == losses.mean()
    np.testing.assert_array_equal(dlogits, ctc.ctc_backward(np.full(N, 1 / N), cache))


# --- gradients -----------------------------------------------------------------------------


def check(blank=0, broken=lambda d: d):
    logits, labels, _ = make(5, blank)

    def forward():
        return ctc.ctc_forward(logits, labels, MASK, LABEL_MASK, blank)[0]

    def backward(dlosses):
        _, cache = ctc.ctc_forward(logits, labels, MASK, LABEL_MASK, blank)
        return {"logits": broken(ctc.ctc_backward(dlosses, cache))}

    check_gradient(forward, backward, {"logits": logits}, np.random.default_rng(1), 1e-7)


@pytest.mark.parametrize("blank", [0, 2])
def test_gradients(blank):
    check(blank)


@pytest.mark.parametrize("step", [0, 3, 8])
def test_a_planted_error_is_seen(step):
    def broken(d):
        d[0, step, 1] *= 1.001
        return d

    with pytest.raises(GradientMismatch, match="logits"):
        check(broken=broken)


def test_gradients_of_every_small_case():
    for logits, _, labels in small(4):
        if np.isfinite(ctc.ctc_forward(logits, array(labels))[0][0]):

            def forward(scores=logits, labels=labels):
                return ctc.ctc_forward(scores, array(labels))[0]

            def backward(dlosses, scores=logits, labels=labels):
                return {"z": ctc.ctc_backward(dlosses, ctc.ctc_forward(scores, array(labels))[1])}

            check_gradient(forward, backward, {"z": logits}, np.random.default_rng(2), 1e-7)


# --- masks ------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_what_stands_under_a_mask_counts_for_nothing(bad):
    logits, labels, dlosses = make(6)
    expected, cache = ctc.ctc_forward(logits, labels, MASK, LABEL_MASK)
    slopes, shares = ctc.ctc_backward(dlosses, cache), ctc.occupancy(cache)
    paths = ctc.ctc_align(logits, labels, MASK, LABEL_MASK)
    greedy, beams = ctc_decoding.greedy(logits, MASK), ctc_decoding.beam_search(logits, 5, MASK)
    logits[~MASK], labels[~LABEL_MASK] = bad, -7
    found, cache = ctc.ctc_forward(logits, labels, MASK, LABEL_MASK)
    np.testing.assert_array_equal(found, expected)
    dlogits = ctc.ctc_backward(dlosses, cache)
    np.testing.assert_array_equal(dlogits, slopes)
    assert (dlogits[~MASK] == 0).all()
    np.testing.assert_array_equal(ctc.occupancy(cache), shares)
    assert (shares[~MASK] == 0).all()
    np.testing.assert_allclose(shares.sum(axis=2)[MASK], 1, rtol=1e-12)
    again = ctc.ctc_align(logits, labels, MASK, LABEL_MASK)
    np.testing.assert_array_equal(again.path, paths.path)
    assert (again.path[~MASK] == -1).all()
    for one, other in zip(ctc_decoding.greedy(logits, MASK), greedy, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(ctc_decoding.beam_search(logits, 5, MASK), beams, strict=True):
        assert [d.score for d in one] == [d.score for d in other]


def test_a_masked_step_is_passed_over_wherever_it_stands():
    """Holes in the middle: the same as those steps left out."""
    logits, labels, _ = make(7)
    hole = np.array([1, 0, 1, 1, 0, 0, 1, 1, 1], bool)
    losses, cache = ctc.ctc_forward(logits, labels[:, :2], np.tile(hole, (N, 1)))
    alone, other = ctc.ctc_forward(logits[:, hole], labels[:, :2])
    np.testing.assert_allclose(losses, alone, rtol=1e-13)
    ones = np.ones(N)
    slopes = ctc.ctc_backward(ones, other)
    np.testing.assert_allclose(ctc.ctc_backward(ones, cache)[:, hole], slopes, rtol=1e-9,
                               atol=1e-15)  # fmt: skip


def test_a_row_without_any_step():
    """Nothing was heard: the empty labelling is certain, any other impossible."""
    logits, labels, _ = make(8)
    nothing = np.zeros((N, T), int)
    labels_of = np.array([[0] * L, [1] + [0] * (L - 1)] * 2)
    losses, cache = ctc.ctc_forward(logits, labels, nothing, labels_of)
    assert losses.tolist() == [0, np.inf, 0, np.inf]
    assert not ctc.ctc_backward(np.ones(N), cache).any()
    assert [d.tolist() for d in ctc_decoding.greedy(logits, nothing)] == [[]] * N
    assert [len(b) for b in ctc_decoding.beam_search(logits, 3, nothing)] == [1] * N


# --- the ends of what is possible ----------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "labels", "fits"),
    [(1, [1], True), (1, [1, 2], False), (2, [1, 1], False), (3, [1, 1], True),
     (4, [1, 1, 1], False), (5, [1, 1, 1], True), (3, [1, 2, 1], True)],
)  # fmt: skip
def test_a_labelling_that_does_not_fit(steps, labels, fits):
    """Loss ∞, or 0 where asked for; the gradient is 0 either way, and other rows keep theirs."""
    logits = np.random.default_rng(9).standard_normal((2, steps, 3))
    both = np.zeros((2, len(labels)), int)
    both[0], lengths = labels, np.arange(len(labels)) < [[len(labels)], [0]]
    for zero in (False, True):
        losses, cache = ctc.ctc_forward(logits, both, None, lengths, zero_infinity=zero)
        slopes = ctc.ctc_backward([1.0, 1.0], cache)
        assert np.isfinite(losses[0]) == (fits or zero)
        assert bool(slopes[0].any()) == fits
        assert slopes[1].any()
        assert np.isfinite(slopes).all()


def test_the_empty_labelling_is_all_blanks():
    logits = np.random.default_rng(10).standard_normal((1, 5, 4))
    log_p = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    for labels in (np.zeros((1, 0), int), np.zeros((1, 0))):
        losses, _ = ctc.ctc_forward(logits, labels)
        np.testing.assert_allclose(losses, [-log_p[0, :, 0].sum()], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_huge_scores(dtype):
    """±10⁴: losses up to thousands of nats, no overflow, and the gradient still sums to 0."""
    rng = np.random.default_rng(11)
    logits = rng.choice([-1e4, 1e4], (3, 20, 4)).astype(dtype)
    labels = rng.integers(1, 4, (3, 6))
    losses, cache = ctc.ctc_forward(logits, labels)
    slopes = ctc.ctc_backward(np.ones(3), cache)
    assert np.isfinite(losses).all()
    assert losses.max() > 1e4
    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(slopes.sum(axis=2), 0, atol=1e-5)
    certain = np.full((1, 3, 3), -1e4)
    certain[0, [0, 1, 2], [1, 0, 1]] = 1e4
    assert ctc.ctc_forward(certain, [[1, 1]])[0][0] == 0
    assert abs(ctc.ctc_forward(certain, [[2]])[0][0]) > 1e4


def test_forbidden_classes():
    """A score of -∞ is a probability of 0."""
    logits = np.zeros((1, 3, 3))
    logits[0, :, 2] = -np.inf
    losses, cache = ctc.ctc_forward(logits, [[1]])
    np.testing.assert_allclose(losses, [-np.log(6 / 8)], rtol=1e-14)
    assert (ctc.ctc_backward([1.0], cache)[0, :, 2] == 0).all()
    assert ctc.ctc_forward(logits, [[2]])[0][0] == np.inf
    assert len(ctc_decoding.beam_search(logits, 99)[0]) == 3  # nothing, a, and aa by a_a


def test_long_inputs_keep_their_digits():
    """Float32 scores over 2,000 steps: the losses of float64, to seven digits."""
    logits = np.random.default_rng(12).standard_normal((1, 2000, 5)).astype(np.float32)
    labels = np.random.default_rng(13).integers(1, 5, (1, 200))
    ours, wide = (ctc.ctc_forward(z, labels) for z in (logits, logits.astype(np.float64)))
    np.testing.assert_allclose(ours[0], wide[0], rtol=1e-6)
    slopes = ctc.ctc_backward([1.0], ours[1]), ctc.ctc_backward([1.0], wide[1])
    np.testing.assert_allclose(*slopes, atol=1e-6)


# --- decoding ---------------------------------------------------------------------------


def test_a_wider_beam_is_no_worse():
    """On these scores, not by law: a beam may lose the best prefix early."""
    logits, _, _ = make(14)
    best = [
        [rows[0].log_prob for rows in ctc_decoding.beam_search(logits, w)] for w in (1, 3, 10, 100)
    ]
    assert (np.diff(best, axis=0) >= -1e-12).all()


def test_the_beam_never_promises_too_much():
    """What a narrow beam found is at most the labelling's probability."""
    logits, _, _ = make(15)
    for scores, found in zip(logits, ctc_decoding.beam_search(logits, 4), strict=True):
        for d in found:
            loss, _ = ctc.ctc_forward(scores[None], d.labels[None])
            assert d.log_prob <= -loss[0] + 1e-12


def test_a_score_of_prefixes_ranks_and_forbids():
    """With all labellings at hand the best is the one whose sum of both is largest."""
    logits, _, _ = make(16)
    few = logits[:1, :4]

    def score(prefix):
        return -np.inf if prefix[:1] == (3,) else 0.7 * len(prefix) - 0.2 * sum(prefix)

    (free,), (found,) = (
        ctc_decoding.beam_search(few, 2000),
        ctc_decoding.beam_search(few, 2000, score=score),
    )
    expected = {tuple(d.labels): d.log_prob + score(tuple(d.labels)) for d in free}
    expected = {labels: s for labels, s in expected.items() if s > -np.inf}
    assert {tuple(d.labels) for d in found} == set(expected)
    best = max(expected, key=lambda labels: expected[labels])
    assert tuple(found[0].labels) == best
    np.testing.assert_allclose(found[0].score, expected[best], rtol=1e-12)
    with pytest.raises(ValueError, match="forbidden"):
        ctc_decoding.beam_search(few, 3, score=lambda prefix: -np.inf)


def test_another_blank_is_another_numbering():
    logits, labels, dlosses = make(17, blank=2)
    order = [2, 0, 1, 3, 4]  # class k of the second is class order[k] of the first
    renamed = np.array([1, 2, 0, 3, 4])[labels]
    one, cache = ctc.ctc_forward(logits, labels, MASK, LABEL_MASK, 2)
    two, other = ctc.ctc_forward(logits[:, :, order], renamed, MASK, LABEL_MASK)
    np.testing.assert_allclose(one, two, rtol=1e-13)
    np.testing.assert_allclose(ctc.ctc_backward(dlosses, cache)[:, :, order],
                               ctc.ctc_backward(dlosses, other), rtol=1e-9, atol=1e-15)  # fmt: skip
    for a, b in zip(ctc_decoding.greedy(logits, blank=2), ctc_decoding.greedy(logits[:, :, order]),
                    strict=True):  # fmt: skip
        np.testing.assert_array_equal(a, np.array(order)[b])


# --- errors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"logits": np.zeros((T, K))}, ValueError, r"logits has shape \(9, 5\); expected"),
        ({"logits": np.zeros((N, 0, K))}, ValueError, "none of them 0"),
        ({"logits": np.zeros((N, T, K), int)}, TypeError, "logits is int64; expected floats"),
        ({"labels": np.ones((N + 1, L), int)}, ValueError, r"labels has shape \(5, 4\)"),
        ({"labels": np.ones((N, L))}, TypeError, "labels has dtype float64"),
        ({"labels": np.zeros((N, L), int)}, ValueError, "labels holds 0; expected 0..4 without"),
        ({"labels": np.full((N, L), K)}, ValueError, "labels holds 5"),
        ({"labels": np.full((N, L), -1)}, ValueError, "labels holds -1"),
        ({"mask": np.ones((N, T + 1))}, ValueError, "mask has shape"),
        ({"mask": np.full((N, T), 0.5)}, ValueError, "mask holds values other"),
        ({"label_mask": np.ones((N, L + 1))}, ValueError, "mask has shape"),
        ({"label_mask": np.arange(L) % 2 * np.ones((N, 1))}, ValueError, "1 after a 0"),
        ({"blank": K}, ValueError, "blank is 5"),
        ({"blank": -1}, ValueError, "blank is -1"),
    ],
)
def test_errors_name_what_is_wrong(change, error, said):
    logits, labels, _ = make()
    with pytest.raises(error, match=said):
        ctc.ctc_forward(**({"logits": logits, "labels": labels} | change))


def test_errors_of_the_others():
    logits, labels, _ = make()
    _, cache = ctc.ctc_forward(logits, labels)
    with pytest.raises(ValueError, match=r"dlosses has shape \(1,\)"):
        ctc.ctc_backward([1.0], cache)
    with pytest.raises(ValueError, match="width is 0"):
        ctc_decoding.beam_search(logits, 0)
    for bad in ([[1]], [0.5]):
        with pytest.raises(ValueError, match="path is"):
            ctc.collapse(bad)
    with pytest.raises(ValueError, match="sequence 2: no path of 1 steps gives its 4 labels"):
        ctc.ctc_align(logits, np.tile([1, 2, 3, 4], (N, 1)), MASK)


def test_nan_is_not_hidden():
    """What the network broke shows in the loss."""
    logits, labels, _ = make()
    logits[1, 2, 3] = np.nan
    losses, cache = ctc.ctc_forward(logits, labels)
    assert np.isnan(losses).tolist() == [False, True, False, False]
    slopes = ctc.ctc_backward(np.ones(N), cache)
    assert np.isnan(slopes).any(axis=(1, 2)).tolist() == [False, True, False, False]
