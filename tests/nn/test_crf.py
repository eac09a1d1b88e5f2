"""The CRF: every path counted, a step by hand, gradients, masks, torchcrf beside it."""

import itertools

import numpy as np
import pytest

from rnncourse.nn import crf
from rnncourse.nn.functional import cross_entropy
from rnncourse.nn.gradcheck import GradientMismatch, check_gradient, relative_error

N, T, K = 3, 5, 4
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
HOLES = np.array([[0, 1, 0, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 1]])
MASKS = {"no mask": None, "mask": MASK, "holes, an empty row": HOLES}
INF = np.inf


def make(seed=0, N=N, T=T, K=K, size=1.0):
    """Emissions, labels, params: random, no two alike."""
    rng = np.random.default_rng(seed)
    params = {name: size * rng.standard_normal(p.shape)
              for name, p in crf.crf_init(rng, K).items()}  # fmt: skip
    return size * rng.standard_normal((N, T, K)), rng.integers(0, K, (N, T)), params


def score(path, emissions, params):
    """The score of one path, added up by a loop; emissions (T, K)."""
    if not len(path):
        return 0.0
    total = params["start"][path[0]] + params["end"][path[-1]]
    total += sum(emissions[t, k] for t, k in enumerate(path))
    return total + sum(params["transitions"][a, b] for a, b in itertools.pairwise(path))


def every_path(emissions, params):
    """All paths of one row, and their scores."""
    length, size = emissions.shape
    paths = list(itertools.product(range(size), repeat=length))
    return paths, np.array([score(path, emissions, params) for path in paths])


def run(emissions, labels, params, mask=None):
    """Everything that a chain says and gives, by name."""
    loss, cache = crf.crf_forward(emissions, labels, params, mask)
    demissions, grads = crf.crf_backward(0.7, cache, params)
    paths, best = crf.decode(emissions, params, mask)
    return {
        "loss": np.asarray(loss),
        "demissions": demissions,
        "score": crf.sequence_score(emissions, labels, params, mask),
        "log Z": crf.log_partition(emissions, params, mask),
        "marginals": crf.marginals(emissions, params, mask),
        "pairs": crf.pair_marginals(emissions, params, mask),
        "paths": paths,
        "best": best,
    } | grads


# --- values -------------------------------------------------------------------------


def test_two_labels_two_steps_by_hand():
    """Weights e^score of AA, AB, BA, BB: 2, 2·3, 5, 5·3·7, with one factor a score."""
    emissions = np.log([[[2.0, 5.0], [1.0, 3.0]]])
    zero = np.zeros(2)
    params = {"transitions": np.log([[1.0, 1.0], [1.0, 7.0]]), "start": zero, "end": zero}
    labels = np.array([[0, 1]])
    found = run(emissions, labels, params)
    np.testing.assert_allclose(found["log Z"], np.log(2 + 6 + 5 + 105), rtol=1e-15)
    np.testing.assert_allclose(found["score"], np.log(6), rtol=1e-15)
    np.testing.assert_allclose(found["loss"], np.log(118 / 6) / 2, rtol=1e-15)
    np.testing.assert_allclose(found["marginals"][0], np.array([[8, 110], [7, 111]]) / 118)
    np.testing.assert_allclose(found["pairs"][0, 0], np.array([[2, 6], [5, 105]]) / 118)
    np.testing.assert_array_equal(found["paths"], [[1, 1]])
    np.testing.assert_allclose(found["best"], np.log(105), rtol=1e-15)
    # Expected minus observed, times dloss 0.7 over two steps: B at the first step, A B seen once.
    np.testing.assert_allclose(found["demissions"][0, 0], 0.35 * np.array([8 / 118 - 1, 110 / 118]))
    expected = 0.35 * (np.array([[2, 6], [5, 105]]) / 118 - [[0, 1], [0, 0]])
    np.testing.assert_allclose(found["transitions"], expected)
    np.testing.assert_allclose(found["start"], 0.35 * np.array([8 / 118 - 1, 110 / 118]))
    np.testing.assert_allclose(found["end"], 0.35 * np.array([7 / 118, 111 / 118 - 1]))


@pytest.mark.parametrize("K", [1, 2, 3])
@pytest.mark.parametrize("T", [1, 2, 3, 4])
def test_brute_force(T, K):
    """Every mask of T steps at once, holes and the empty one too: all paths, one by one."""
    masks = np.array(list(itertools.product((0, 1), repeat=T)))
    emissions, labels, params = make(T + 10 * K, len(masks), T, K)
    found = run(emissions, labels, params, masks)
    total = 0.0
    for n, mask in enumerate(masks == 1):
        real, gold = emissions[n][mask], labels[n][mask]
        paths, scores = every_path(real, params)
        p = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(found["log Z"][n], np.log(np.exp(scores).sum()), atol=1e-12)
        np.testing.assert_allclose(found["score"][n], score(gold, real, params), atol=1e-12)
        np.testing.assert_allclose(found["best"][n], scores.max(), atol=1e-12)
        np.testing.assert_array_equal(found["paths"][n][mask], paths[scores.argmax()])
        assert (found["paths"][n][~mask] == -1).all()
        total += found["log Z"][n] - found["score"][n]
        one, two = np.zeros((T, K)), np.zeros((T, K, K))
        at = np.flatnonzero(mask)
        for path, share in zip(paths, p, strict=True):
            for t, k in zip(at, path, strict=True):
                one[t, k] += share
            for t, a, b in zip(at[:-1], path[:-1], path[1:], strict=True):
                two[t, a, b] += share
        np.testing.assert_allclose(found["marginals"][n], one, atol=1e-13)
        np.testing.assert_allclose(found["pairs"][n], two, atol=1e-13)
    np.testing.assert_allclose(found["loss"], total / masks.sum(), rtol=1e-12)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_a_chain_without_scores_is_a_softmax_at_each_step(mask):
    emissions, labels, params = make()
    zero = {name: np.zeros_like(p) for name, p in params.items()}
    loss, cache = crf.crf_forward(emissions, labels, zero, mask)
    expected, demissions = cross_entropy(emissions, labels, mask)
    np.testing.assert_allclose(loss, expected, rtol=1e-13)
    np.testing.assert_allclose(crf.crf_backward(1.0, cache, zero)[0], demissions, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_scores(dtype):
    """At ±10⁴ the best path takes all, and T = 3000 loses no digits."""
    emissions, labels, params = (a if isinstance(a, dict) else a[:1] for a in make(size=1e4))
    emissions = emissions.astype(dtype)
    params = {name: p.astype(dtype) for name, p in params.items()}
    found = run(emissions, labels, params)
    assert all(np.isfinite(a).all() and a.dtype == dtype for n, a in found.items()
               if n not in ("paths", "loss"))  # fmt: skip
    np.testing.assert_allclose(found["log Z"], found["best"], rtol=1e-6)
    np.testing.assert_allclose(found["marginals"].max(axis=2), 1, rtol=1e-6)
    np.testing.assert_array_equal(found["marginals"].argmax(axis=2), found["paths"])
    long, labels, _ = make(T=3000)
    _, _, params = make(1)
    exact = run(long, labels, params)
    found = run(long.astype(dtype), labels, {n: p.astype(dtype) for n, p in params.items()})
    for name in ("loss", "demissions", "transitions", "marginals"):
        assert relative_error(found[name], exact[name]) < (1e-5 if dtype is np.float32 else 1e-12)


def test_parameters_have_their_dtype_and_range():
    params = crf.crf_init(np.random.default_rng(0), 50, np.float32)
    assert {name: p.shape for name, p in params.items()} == {
        "transitions": (50, 50), "start": (50,), "end": (50,)}  # fmt: skip
    for p in params.values():
        assert p.dtype == np.float32
        assert 0.05 < abs(p).max() <= 0.1


# --- gradients ------------------------------------------------------------------------


def check(mask, broken=lambda grads: grads):
    emissions, labels, params = make()

    def forward():
        return np.asarray(crf.crf_forward(emissions, labels, params, mask)[0])

    def backward(dloss):
        _, cache = crf.crf_forward(emissions, labels, params, mask)
        demissions, grads = crf.crf_backward(float(dloss), cache, params)
        return broken({"emissions": demissions, **grads})

    inputs = {"emissions": emissions, **params}
    check_gradient(forward, backward, inputs, np.random.default_rng(1), 1e-7)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_gradients(mask):
    check(mask)


@pytest.mark.parametrize("name", ["emissions", *crf.NAMES])
def test_a_planted_error_is_seen(name):
    def broken(grads):
        return grads | {name: grads[name] * 1.001}

    with pytest.raises(GradientMismatch, match=name):
        check(MASK, broken)


def test_gradients_of_torch():
    """Autograd of a sum over all paths, written with PyTorch: no forward algorithm at all."""
    import torch

    emissions, labels, params = make(T=4, K=3)
    mask = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 1, 0]])
    leaves = {name: torch.tensor(a, requires_grad=True)
              for name, a in {"emissions": emissions, **params}.items()}  # fmt: skip
    e, A = leaves["emissions"], leaves["transitions"]

    def path_score(n, steps, path):
        total = leaves["start"][path[0]] + leaves["end"][path[-1]]
        total = total + sum(e[n, t, k] for t, k in zip(steps, path, strict=True))
        return total + sum(A[a, b] for a, b in itertools.pairwise(path))

    total = 0
    for n in range(3):
        steps = np.flatnonzero(mask[n])
        paths = itertools.product(range(3), repeat=len(steps))
        scores = torch.stack([path_score(n, steps, path) for path in paths])
        total = total + torch.logsumexp(scores, 0) - path_score(n, steps, labels[n][steps])
    (0.7 * total / mask.sum()).backward()
    found = run(emissions, labels, params, mask)
    np.testing.assert_allclose(found["loss"], total.item() / mask.sum(), rtol=1e-12)
    for name, leaf in leaves.items():
        mine = found["demissions" if name == "emissions" else name]
        assert relative_error(mine, leaf.grad.numpy()) < 1e-12, name


@pytest.mark.parametrize("mask", [None, MASK], ids=["no mask", "mask"])
def test_equal_to_torchcrf(mask):
    import torch
    import torchcrf

    emissions, labels, params = make(2)
    theirs = torchcrf.CRF(K, batch_first=True).double()
    theirs.load_state_dict({
        name if name == "transitions" else f"{name}_transitions": torch.tensor(p)
        for name, p in params.items()})  # fmt: skip
    leaf = torch.tensor(emissions, requires_grad=True)
    keep = torch.tensor(np.ones((N, T), bool) if mask is None else mask == 1)
    loss = -theirs(leaf, torch.tensor(labels), keep, reduction="token_mean")
    (0.7 * loss).backward()
    found = run(emissions, labels, params, mask)
    np.testing.assert_allclose(found["loss"], loss.item(), rtol=1e-12)
    assert relative_error(found["demissions"], leaf.grad.numpy()) < 1e-12
    for name in params:
        own = (
            theirs.transitions if name == "transitions" else getattr(theirs, f"{name}_transitions")
        )
        assert relative_error(found[name], own.grad.numpy()) < 1e-12, name
    rows = [[k for k in path if k >= 0] for path in found["paths"].tolist()]
    assert rows == theirs.decode(torch.tensor(emissions), keep)


def test_two_backward_passes_share_a_cache():
    emissions, labels, params = make()
    _, cache = crf.crf_forward(emissions, labels, params, MASK)
    first, second = (crf.crf_backward(1.0, cache, params) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])


# --- masks ----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, INF, -INF])
@pytest.mark.parametrize("mask", [MASK, HOLES], ids=["mask", "holes, an empty row"])
def test_what_stands_under_a_mask_counts_for_nothing(mask, bad):
    emissions, labels, params = make()
    expected = run(emissions, labels, params, mask)
    emissions[mask == 0], labels[mask == 0] = bad, -1
    found = run(emissions, labels, params, mask)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, name)
    for name in ("demissions", "marginals", "pairs"):
        assert (found[name][mask == 0] == 0).all()
    assert (found["paths"][mask == 0] == -1).all()
    empty = ~mask.any(axis=1)
    for name in ("score", "log Z", "best"):
        assert (found[name][empty] == 0).all()


@pytest.mark.parametrize("mask", [MASK, HOLES], ids=["mask", "holes, an empty row"])
def test_padding_and_leaving_out_are_the_same(mask):
    emissions, labels, params = make()
    found = run(emissions, labels, params, mask)
    total = 0.0
    for n, real in enumerate(mask == 1):
        if real.any():
            alone = run(emissions[[n]][:, real], labels[[n]][:, real], params)
            for name in ("log Z", "score", "best"):
                np.testing.assert_allclose(found[name][n], alone[name][0], rtol=1e-12)
            np.testing.assert_array_equal(found["paths"][n][real], alone["paths"][0])
            np.testing.assert_allclose(found["marginals"][n][real], alone["marginals"][0])
            total += alone["loss"] * real.sum()
    np.testing.assert_allclose(found["loss"], total / mask.sum(), rtol=1e-12)


# --- what is forbidden ------------------------------------------------------------------

NAMES = {
    "BIO": ["O", "B-X", "I-X", "B-Y", "I-Y"],
    "BMES": ["S", "B", "M", "E"],
    "BIOES": ["E-X", "S-X", "O", "I-X", "B-X", "B-Y", "E-Y"],
    "BILOU": ["B", "I", "L", "O", "U"],
}


def legal(tags, scheme):
    """Is it a sequence of whole entities? By what each tag must have beside it, in words."""
    first, middle, last = {"BIO": ("B", "I", None), "BIOES": ("B", "I", "E"),
                           "BMES": ("B", "M", "E"), "BILOU": ("B", "I", "L")}[scheme]  # fmt: skip
    opened = None  # the kind of an entity that may go on
    for tag in tags:
        prefix, _, kind = tag.partition("-")
        if prefix in (middle, last):
            if opened != kind:
                return False
        elif opened is not None and last is not None:
            return False
        opened = kind if prefix in (first, middle) else None
    return opened is None or last is None


@pytest.mark.parametrize("scheme", NAMES)
def test_allowed_paths_are_the_legal_ones(scheme):
    tags = NAMES[scheme]
    rules = crf.allowed(tags, scheme)
    K = len(tags)
    chain = crf.constrain(rules)
    for length in (1, 2, 3, 4):
        paths, scores = every_path(np.zeros((length, K)), chain)
        for path, value in zip(paths, scores, strict=True):
            assert (value == 0) == legal([tags[k] for k in path], scheme), path


@pytest.mark.parametrize("scheme", NAMES)
def test_forbidden_transitions_in_training_and_decoding(scheme):
    """-∞ makes no NaN; illegal paths have no probability, and gradients of exactly 0."""
    K = len(NAMES[scheme])
    rules = crf.allowed(NAMES[scheme], scheme)
    emissions, _, params = make(3, 4, 4, K)
    params = crf.constrain(rules, params)
    mask = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 0]])
    labels, best = crf.decode(emissions, params, mask)
    found = run(emissions, labels, params, mask)
    for n, real in enumerate(mask == 1):
        _, scores = every_path(emissions[n][real], params)
        np.testing.assert_allclose(found["log Z"][n], np.log(np.exp(scores).sum()), atol=1e-12)
        np.testing.assert_allclose(best[n], scores.max(), atol=1e-12)
        assert legal([NAMES[scheme][k] for k in labels[n][real]], scheme)
    for name, rule in rules.items():
        assert (found[name][~rule] == 0).all()
        assert np.isfinite(found[name]).all()
    assert (found["pairs"][..., ~rules["transitions"]] == 0).all()
    assert np.isfinite(found["demissions"]).all()


def test_no_path_begins_or_ends_where_it_may_not():
    """Two labels of the chain stand for START and END, as in PyTorch's tutorial."""
    emissions, _, params = make(4, 64, 3, 5)
    emissions[..., 3:] += 50  # however much each step asks for them
    START, END = 3, 4
    params["start"][[START, END]] = params["end"][[START, END]] = -INF
    params["transitions"][:, START] = params["transitions"][END] = -INF
    paths, _ = crf.decode(emissions, params)
    assert not np.isin(paths[:, [0, -1]], [START, END]).any()
    assert (crf.marginals(emissions, params)[:, [0, -1]][..., 3:] == 0).all()


def test_errors_of_forbidden_paths():
    rules = crf.allowed(["B", "M", "E", "S"], "BMES")
    params = crf.constrain(rules)
    emissions = np.zeros((2, 3, 4))
    good = np.array([[0, 1, 2], [3, 0, 2]])
    loss, _ = crf.crf_forward(emissions, good, params)
    assert loss > 0
    cases = {"2 may not begin": [2, 3, 3], "0 may not end": [3, 3, 0],
             "2 may not follow 3, at step 1": [3, 2, 3]}  # fmt: skip
    for message, row in cases.items():
        with pytest.raises(ValueError, match=f"sequence 1 are forbidden .*: {message}"):
            crf.crf_forward(emissions, np.array([good[0], row]), params)
    mask = np.array([[1, 1, 1], [1, 0, 1]])
    with pytest.raises(ValueError, match="2 may not follow 3, at step 2"):
        crf.crf_forward(emissions, np.array([good[0], [3, -1, 2]]), params, mask)
    assert np.isneginf(crf.sequence_score(emissions, np.array([good[0], [2, 2, 2]]), params)[1])
    emissions[1, 1, 0] = -INF
    with pytest.raises(ValueError, match="0 may not stand at step 1"):
        crf.crf_forward(emissions, good, params)
    emissions[1, 1] = -INF
    for call in (crf.log_partition, crf.decode, crf.marginals):
        with pytest.raises(ValueError, match="sequence 1: every path is forbidden"):
            call(emissions, params)
    params = {"transitions": np.full((1, 1), -INF), "start": np.zeros(1), "end": np.zeros(1)}
    found = run(np.ones((2, 2, 1)), np.zeros((2, 2), int), params, np.array([[1, 0], [0, 0]]))
    np.testing.assert_array_equal(found["log Z"], [1, 0])
    assert all(np.isfinite(a).all() for a in found.values())


def test_errors_of_arguments():
    emissions, labels, params = make()
    mask = np.ones((N, T))
    with pytest.raises(ValueError, match=r"emissions has shape \(3, 5\); expected \(N, T, K\)"):
        crf.crf_forward(emissions[..., 0], labels, params, mask)
    with pytest.raises(TypeError, match="emissions is int64; expected floats"):
        crf.crf_forward(emissions.astype(int), labels, params, mask)
    with pytest.raises(
        ValueError, match=r"end has shape \(3,\); emissions \(3, 5, 4\) need \(4,\)"
    ):
        crf.crf_forward(emissions, labels, params | {"end": np.zeros(3)}, mask)
    with pytest.raises(ValueError, match=r"params has \['start'\]; expected"):
        crf.crf_forward(emissions, labels, {"start": params["start"]}, mask)
    with pytest.raises(ValueError, match=r"labels has shape \(3, 4\)"):
        crf.crf_forward(emissions, labels[:, 1:], params, mask)
    with pytest.raises(ValueError, match=r"labels lie in -1..\d; emissions \(3, 5, 4\) allow 0..3"):
        crf.crf_forward(emissions, np.where(labels == 0, -1, labels), params, mask)
    with pytest.raises(TypeError, match="labels has dtype float64"):
        crf.crf_forward(emissions, labels + 0.5, params, mask)
    with pytest.raises(ValueError, match="mask has shape"):
        crf.log_partition(emissions, params, mask[:, 1:])
    with pytest.raises(ValueError, match="mask is 0 everywhere"):
        crf.crf_forward(emissions, labels, params, 0 * mask)
    with pytest.raises(ValueError, match="transitions hold NaN"):
        crf.decode(emissions, params | {"transitions": np.full((K, K), np.nan)})
    with pytest.raises(ValueError, match="K is 0"):
        crf.crf_init(np.random.default_rng(0), 0)
    with pytest.raises(ValueError, match=r"unknown scheme 'IOB'; expected one of \['BILOU'"):
        crf.allowed(["O"], "IOB")
    with pytest.raises(ValueError, match="tag 'E-X': expected one of"):
        crf.allowed(["O", "E-X"], "BIO")
    with pytest.raises(ValueError, match="none of them twice"):
        crf.allowed(["O", "O"], "BIO")
    with pytest.raises(ValueError, match=r"transitions has shape \(4, 4\), permitted \(2, 2\)"):
        crf.constrain(crf.allowed(["O", "B"], "BIO"), params)
