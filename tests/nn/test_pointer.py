"""The pointer-generator: gradients, padding, stepping against all steps at once, and PyTorch."""

import itertools

import numpy as np
import pytest

from rnncourse.nlp import decoding
from rnncourse.nn import copying, optim, pointer, seq2seq
from rnncourse.nn.gradcheck import GradientMismatch, check_gradient, relative_error
from rnncourse.nn.pointer import PointerDesign

V, D, H, E = 7, 3, 4, 9
START, END, UNKNOWN = 1, 2, 3
SWITCHES = list(itertools.product((True, False), repeat=2))
DESIGNS = [PointerDesign(cell, *pair, penalty=0.7) for cell in ("gru", "lstm") for pair in SWITCHES]
DESIGNS.append(PointerDesign("rnn", True, True))
SOURCE_MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1]])
TARGET_MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])


def name_of(design):
    return f"{design.cell}{'-copy' * design.copy}{'-coverage' * design.coverage}"


def make(design, seed=0, bidirectional=False, dtype=np.float64):
    """Params, all random; sources with new words 7 and 8; nonsense where it is masked."""
    rng = np.random.default_rng(seed)
    params = pointer.pointer_init(rng, design, V, D, H, bidirectional, dtype)
    for p in optim.leaves(params).values():
        p[...] = 0.7 * rng.standard_normal(p.shape)
    source = np.array([[7, 4, 5, 8, 7], [6, 7, -9, 99, -1], [88, 8, -5, 4, 7]])
    target = np.array([[7, 4, 8, END], [6, END, 99, END], [8, UNKNOWN, END, -4]])
    return params, seq2seq.Batch(source, SOURCE_MASK, target, TARGET_MASK)


def loss_of(design, batch, params, seed=9):
    """A loss that hears from every output of the model, with random weights."""
    rng = np.random.default_rng(seed)
    (logits, gate, log_weights), cache = pointer.pointer_forward(design, batch, params)
    finite = log_weights > -np.inf
    ups = [np.where(TARGET_MASK[..., None], rng.standard_normal(logits.shape), 0),
           np.where(TARGET_MASK, rng.standard_normal(TARGET_MASK.shape), 0),
           np.where(TARGET_MASK[..., None] & finite, rng.standard_normal(finite.shape), 0),
           np.where(TARGET_MASK[..., None], rng.standard_normal(finite.shape), 0)]  # fmt: skip
    total = (logits * ups[0]).sum() + (np.where(finite, log_weights, 0) * ups[2]).sum()
    total += (cache.weights * ups[3]).sum() + (0 if gate is None else (gate * ups[1]).sum())
    dgate = None if gate is None else ups[1]
    return total, pointer.pointer_backward(ups[0], dgate, ups[2], cache, params, ups[3])


def check(design, bidirectional, broken=lambda grads: grads):
    params, batch = make(design, 0, bidirectional)
    check_gradient(
        lambda: np.array(loss_of(design, batch, params)[0]),
        lambda up: {n: up * g for n, g in
                    broken(optim.leaves(loss_of(design, batch, params)[1])).items()},
        optim.leaves(params), np.random.default_rng(1), 1e-6, directions=3,
    )  # fmt: skip


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_gradients_through_all_parts(design, bidirectional):
    check(design, bidirectional)


@pytest.mark.parametrize("part", ["decoder.gate.W_y", "decoder.coverage.w", "encoder.cell.W_h",
                                  "decoder.attention.W_k"])  # fmt: skip
def test_a_planted_error_is_seen(part):
    with pytest.raises(GradientMismatch, match=part):
        check(PointerDesign("gru", True, True), False, lambda g: g | {part: g[part] * 1.001})


@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_gradients_of_the_training_loss(design):
    params, batch = make(design)
    check_gradient(
        lambda: np.array(pointer.loss_and_gradients(design, batch, params)[0]),
        lambda up: {n: up * g for n, g in
                    optim.leaves(pointer.loss_and_gradients(design, batch, params)[1]).items()},
        optim.leaves(params), np.random.default_rng(1), 1e-6, directions=2,
    )  # fmt: skip


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_a_pair_alone_and_padded_in_a_batch(design, bidirectional):
    """Losses and gradients of the pairs alone, without padding, add up to those of the batch."""
    params, batch = make(design, 0, bidirectional)
    loss, grads = pointer.loss_and_gradients(design, batch, params)
    lengths = TARGET_MASK.sum(1)
    sums, total = 0.0, dict.fromkeys(optim.leaves(grads), 0.0)
    for n in range(3):
        alone, more = pointer.loss_and_gradients(design, batch.take([n]), params)
        share = lengths[n] / lengths.sum()
        sums += share * alone
        total = {name: total[name] + share * g for name, g in optim.leaves(more).items()}
    assert loss == pytest.approx(sums, rel=1e-12)
    for name, gradient in optim.leaves(grads).items():
        assert relative_error(total[name], gradient) < 1e-10, name


def test_without_coverage_s_parameter_it_is_the_model_without():
    """It starts at 0, and the same weights come out."""
    design = PointerDesign("gru", True, True)
    params, batch = make(design)
    params["decoder"]["coverage"]["w"][...] = 0
    found, cache = pointer.pointer_forward(design, batch, params)
    plain = {**params, "decoder": {k: v for k, v in params["decoder"].items() if k != "coverage"}}
    expected, other = pointer.pointer_forward(design._replace(coverage=False), batch, plain)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert other.covered is None
    np.testing.assert_allclose(cache.covered, copying.coverage(cache.weights), atol=1e-15)
    fresh = pointer.pointer_init(np.random.default_rng(0), design, V, D, H)
    assert (fresh["decoder"]["coverage"]["w"] == 0).all()


# --- writing ---------------------------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_steps_one_by_one_equal_all_steps_at_once(design, bidirectional):
    params, batch = make(design, 0, bidirectional)
    (logits, gate, log_weights), cache = pointer.pointer_forward(design, batch, params)
    expected = logits
    if design.copy:
        expected, _ = copying.mixture_forward(logits, gate, log_weights, batch.source, E)
    step, state = pointer.stepper(design, batch.source, params, batch.source_mask)
    inputs = seq2seq.shift(np.where(TARGET_MASK, batch.target, END), START)
    for u in range(4):
        scores, state = step(inputs[:, u], state)
        np.testing.assert_allclose(scores, expected[:, u], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(state.weights, cache.weights[:, u], rtol=1e-10)
        if design.copy:
            np.testing.assert_allclose(state.gate, gate[:, u], rtol=1e-10)
            np.testing.assert_allclose(np.exp(scores).sum(1), 1, rtol=1e-12)


@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_a_beam_of_one_source_is_scored_as_its_texts(design):
    """Each text's log-probability is that of teacher forcing; width 1 is greedy in a batch."""
    params, batch = make(design)
    step, state = pointer.stepper(design, batch.source, params, batch.source_mask)
    greedy = decoding.decode(step, state, [START] * 3, END, 6)
    for n in range(3):
        source, mask = batch.source[[n]], batch.source_mask[[n]]
        step, state = pointer.stepper(design, source, params, mask)
        (best,) = decoding.beam_search(step, state, START, END, 6, 1)
        assert best.tokens.tolist() == greedy[n].tokens.tolist()
        for found in decoding.beam_search(step, state, START, END, 6, 5):
            if found.ended:
                tokens = found.tokens[None]
                pair = seq2seq.Batch(source, mask, tokens, np.ones_like(tokens))
                total = -pointer.loss_and_gradients(
                    design._replace(penalty=0), pair, params
                )[0] * len(found.tokens)  # fmt: skip
                assert found.log_prob == pytest.approx(total, rel=1e-9)


def test_it_learns_to_copy_words_that_it_has_never_seen():
    """The third word of four, which the vocabulary lacks: after 200 updates always right."""
    rng, design = np.random.default_rng(0), PointerDesign("gru", copy=True)
    params = pointer.pointer_init(rng, design, 6, 8, 16)
    source = np.array([[4, 5, 6, 4], [5, 4, 6, 5], [5, 5, 6, 4], [4, 4, 6, 5]])
    target = np.array([[6, END]] * 4)
    batch = seq2seq.Batch(source, np.ones_like(source), target, np.ones_like(target))
    state = optim.adam_init(params)
    for _ in range(100):
        _, grads = pointer.loss_and_gradients(design, batch, params)
        optim.adam_step(params, grads, state, 0.02)
    step, first = pointer.stepper(design, source, params)
    found = decoding.decode(step, first, [START] * 4, END, 4)
    assert [w.tokens.tolist() for w in found] == target.tolist()


def test_bad_input_is_named():
    design = PointerDesign()
    params, batch = make(design)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="special tokens are"):
        pointer.pointer_init(rng, design._replace(unknown=2), V, D, H)
    with pytest.raises(ValueError, match="special tokens are"):
        pointer.pointer_init(rng, design, 3, D, H)
    with pytest.raises(ValueError, match="unknown cell"):
        pointer.pointer_init(rng, design._replace(cell="elman"), V, D, H)
    goal = batch.target
    few = batch._replace(target=goal[:2], target_mask=TARGET_MASK[:2])
    backward = batch._replace(target_mask=TARGET_MASK[:, ::-1], target=abs(goal) % 9)
    for message, wrong in {
        r"target row 0 is \[7, 4, 8, 4\]": batch._replace(target=np.where(goal == END, 4, goal)),
        "3 sources and 2 targets": few,
        "a 0 before a 1": backward,
        r"target row 0, step 0 is token 12; the vocabulary has 0\.\.8":
            batch._replace(target=np.where(goal == 7, 12, goal)),
        "source row 0, step 1 is token -7":
            batch._replace(source=np.where(batch.source == 4, -7, batch.source)),
        "row 1, step 0 is 8: .* nowhere in its source":
            batch._replace(target=np.where(goal == 6, 8, goal)),
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=message):
            pointer.loss_and_gradients(design, wrong, params)
    out, cache = pointer.pointer_forward(design, batch, params)
    with pytest.raises(ValueError, match="dlogits has shape"):
        pointer.pointer_backward(out[0][:, :2], out[1], out[2], cache, params)
    with pytest.raises(ValueError, match="dlog_weights has shape"):
        pointer.pointer_backward(out[0], out[1], out[2][..., :2], cache, params)


# --- an independent implementation -------------------------------------------------------


def torch_loss(design, batch, params):
    """Loops over rows and steps in torch, GRU cell by hand, autograd; probabilities, no logs."""
    import torch

    leaves = {n: torch.tensor(p, requires_grad=True) for n, p in optim.leaves(params).items()}

    def get(name):
        return {n[len(name) + 1 :]: p for n, p in leaves.items() if n.startswith(name + ".")}

    def gru(x, h, p):
        a, b = x @ p["W_x"] + p["b"], h @ p["W_h"]
        r = torch.sigmoid(a[:H] + b[:H])
        z = torch.sigmoid(a[H : 2 * H] + b[H : 2 * H])
        n = torch.tanh(a[2 * H :] + r * (b[2 * H :] + p["b_hn"]))
        return (1 - z) * n + z * h

    own, total = get("decoder"), torch.zeros((), dtype=torch.float64)
    for n in range(3):
        source = batch.source[n][SOURCE_MASK[n] == 1]
        target = batch.target[n][TARGET_MASK[n] == 1]
        h, hs = torch.zeros(H, dtype=torch.float64), []
        for word in source:
            x = leaves["encoder.embedding.E"][word if word < V else UNKNOWN]
            h = gru(x, h, get("encoder.cell"))
            hs.append(h)
        keys = torch.stack(hs)
        s = torch.tanh(h @ leaves["bridge.h.W_y"] + leaves["bridge.h.b_y"])
        covered, read = torch.zeros(len(source), dtype=torch.float64), START
        for goal in target:
            x = own["embedding.E"][read]
            s = gru(x, s, get("decoder.cell"))
            e = s @ own["attention.W_q"] + keys @ own["attention.W_k"] + own["attention.b"]
            if design.coverage:
                e = e + covered[:, None] * own["coverage.w"]
            a = torch.softmax(torch.tanh(e) @ own["attention.v"], 0)
            c = a @ keys
            mixed = torch.tanh(torch.cat([s, c]) @ own["combine.W_y"] + own["combine.b_y"])
            P = torch.softmax(mixed @ own["output.W_y"] + own["output.b_y"], 0)
            P = torch.cat([P, torch.zeros(E - V, dtype=torch.float64)])
            if design.copy:
                p = torch.sigmoid(torch.cat([s, c, x]) @ own["gate.W_y"] + own["gate.b_y"])
                P = p * P
                for t, word in enumerate(source):
                    P = P + (1 - p) * a[t] * (torch.arange(E) == int(word))
            goal = goal if design.copy or goal < V else UNKNOWN
            total = total - torch.log(P[goal])
            if design.coverage:
                total = total + design.penalty * torch.minimum(a, covered).sum()
            covered, read = covered + a, goal if goal < V else UNKNOWN
    total = total / TARGET_MASK.sum()
    total.backward()
    return total.item(), {n: leaf.grad.numpy() for n, leaf in leaves.items()}


@pytest.mark.parametrize(("copy", "coverage"), SWITCHES)
def test_equal_to_torch_s_autograd(copy, coverage):
    design = PointerDesign("gru", copy, coverage, penalty=0.7)
    params, batch = make(design)
    expected, grads = torch_loss(design, batch, params)
    loss, found = pointer.loss_and_gradients(design, batch, params)
    assert loss == pytest.approx(expected, rel=1e-12)
    for name, gradient in optim.leaves(found).items():
        assert relative_error(gradient, grads[name]) < 1e-8, name


def test_float32_stays_float32():
    design = PointerDesign("lstm", True, True)
    params, batch = make(design, 0, True, np.float32)
    loss, grads = pointer.loss_and_gradients(design, batch, params)
    wide, batch64 = make(design, 0, True)
    expected, _ = pointer.loss_and_gradients(design, batch64, wide)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert {g.dtype for g in optim.leaves(grads).values()} == {np.dtype(np.float32)}
