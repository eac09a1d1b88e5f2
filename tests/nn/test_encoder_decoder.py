"""Encoder, bridge, decoders: gradients, padding, forcing and stepping, PyTorch and Keras."""

import itertools

import numpy as np
import pytest

from rnncourse import interop
from rnncourse.nlp import decoding, text
from rnncourse.nn import attention, decoder, encoder, functional, optim, seq2seq
from rnncourse.nn.decoder import Design
from rnncourse.nn.gradcheck import GradientMismatch, check_gradient, relative_error

V_S, V_T, D, H = 7, 6, 3, 4
START, END = 1, 2
CELLS = ("rnn", "gru", "lstm")
SCORES = {"rnn": ("dot", "general"), "gru": ("scaled", "additive"), "lstm": ("additive", "dot")}
DESIGNS = [
    *(Design(cell, name) for cell in CELLS for name in ("state", "context")),
    *(Design(cell, "luong", score) for cell, (score, _) in SCORES.items()),
    *(Design(cell, "bahdanau", score) for cell, (_, score) in SCORES.items()),
    Design("gru", "luong", "general"),
    Design("gru", "bahdanau", "scaled"),
]
SOURCE_MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1]])
TARGET_MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])


def name_of(design):
    return "-".join(design[:3])


def make(design, seed=0, bidirectional=False, bridge=True, dtype=np.float64):
    """Params, all random and no two alike, and a batch; nonsense stands where it is masked."""
    rng = np.random.default_rng(seed)
    params = seq2seq.seq2seq_init(rng, design, V_S, V_T, D, H, bidirectional, bridge, dtype=dtype)
    for p in optim.leaves(params).values():
        p[...] = 0.7 * rng.standard_normal(p.shape)
    source = np.where(SOURCE_MASK, rng.integers(0, V_S, (3, 5)), -1)
    target = np.array([[3, 4, 5, END], [0, END, 99, END], [END, -1, END, 4]])
    return params, seq2seq.Batch(source, SOURCE_MASK, target, TARGET_MASK)


def run(design, batch, params, dlogits):
    logits, cache = seq2seq.seq2seq_forward(design, batch, params)
    grads = seq2seq.seq2seq_backward(dlogits, cache, params)
    return logits, cache.weights, optim.leaves(grads)


# --- gradients ---------------------------------------------------------------------


def check(design, bidirectional, bridge, broken=lambda grads: grads):
    """Every parameter of all parts, along random directions."""
    params, batch = make(design, 0, bidirectional, bridge)
    check_gradient(
        lambda: seq2seq.seq2seq_forward(design, batch, params)[0],
        lambda dlogits: broken(run(design, batch, params, dlogits)[2]),
        optim.leaves(params),
        np.random.default_rng(1),
        1e-6,
        directions=3,
    )


@pytest.mark.parametrize(("bidirectional", "bridge"), [(False, True), (True, True), (True, False)])
@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_gradients_through_all_parts(design, bidirectional, bridge):
    check(design, bidirectional, bridge)


@pytest.mark.parametrize("part", ["bridge.h.W_y", "encoder.cell.W_h", "decoder.attention.W_q"])
def test_a_planted_error_is_seen(part):
    def broken(grads):
        return grads | {part: grads[part] * 1.001}

    with pytest.raises(GradientMismatch, match=part):
        check(Design("gru", "bahdanau", "additive"), False, True, broken)


@pytest.mark.parametrize("design", [Design("gru", "luong"), Design("lstm", "bahdanau", "additive")])
def test_the_loss_is_of_real_tokens_alone(design):
    """Sum of -log p over 4 + 2 + 1 real tokens, by hand, divided by 7; and its gradient."""
    params, batch = make(design)
    loss, grads = seq2seq.loss_and_gradients(design, batch, params)
    logits, _ = seq2seq.seq2seq_forward(design, batch, params)
    log_p = functional.log_softmax(logits)
    places = [(0, 0, 3), (0, 1, 4), (0, 2, 5), (0, 3, END), (1, 0, 0), (1, 1, END), (2, 0, END)]
    assert loss == pytest.approx(-sum(log_p[place] for place in places) / 7, rel=1e-12)
    check_gradient(
        lambda: np.array(seq2seq.loss_and_gradients(design, batch, params)[0]),
        lambda up: {name: up * g for name, g in optim.leaves(grads).items()},
        optim.leaves(params), np.random.default_rng(1), 1e-6, directions=2,
    )  # fmt: skip


# --- padding ------------------------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_a_pair_alone_and_padded_in_a_batch(design, bidirectional):
    """Row by row without its padding: the same scores, weights, and gradients that add up."""
    params, batch = make(design, 0, bidirectional)
    dlogits = np.where(TARGET_MASK[..., None], np.random.default_rng(2).normal(size=(3, 4, V_T)), 0)
    logits, weights, grads = run(design, batch, params, dlogits)
    total = {name: np.zeros_like(g) for name, g in grads.items()}
    for n in range(3):
        real, U = SOURCE_MASK[n] == 1, TARGET_MASK[n].sum()
        ones = np.ones((1, real.sum())), np.ones((1, U))
        alone = seq2seq.Batch(batch.source[[n]][:, real], ones[0], batch.target[[n], :U], ones[1])
        found, looks, more = run(design, alone, params, dlogits[[n], :U])
        np.testing.assert_allclose(found[0], logits[n, :U], rtol=1e-10, atol=1e-12)
        if looks is not None:
            np.testing.assert_allclose(looks[0], weights[n, :U][:, real], rtol=1e-10)
            assert (weights[n][:, ~real] == 0).all()
        total = {name: total[name] + g for name, g in more.items()}
    for name, gradient in grads.items():
        assert relative_error(total[name], gradient) < 1e-10, name


def test_nothing_is_learnt_from_a_token_that_stands_in_padding():
    """The embeddings of what is masked have no gradient."""
    design = Design("gru", "luong")
    params, batch = make(design)
    batch = batch._replace(source=np.where(SOURCE_MASK, 3, 5), target=np.where(TARGET_MASK, 3, 5))
    rows = batch.target.copy()
    rows[np.arange(3), TARGET_MASK.sum(1) - 1] = END
    _, grads = seq2seq.loss_and_gradients(design, batch._replace(target=rows), params)
    for part in ("encoder", "decoder"):
        assert (grads[part]["embedding"]["E"][5] == 0).all()
        assert (grads[part]["embedding"]["E"][3] != 0).all()


def test_take_cuts_padding():
    _, batch = make(Design())
    few = batch.take([1, 2])
    assert [part.shape for part in few] == [(2, 5), (2, 5), (2, 2), (2, 2)]
    few = batch.take(np.array([1]))
    assert [part.shape for part in few] == [(1, 2), (1, 2), (1, 2), (1, 2)]
    np.testing.assert_array_equal(few.source, batch.source[[1], :2])


# --- writing ---------------------------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_steps_one_by_one_equal_all_steps_at_once(design, bidirectional):
    """The mask of the parallel road is that of the sequential one; weights too."""
    params, batch = make(design, 0, bidirectional)
    logits, cache = seq2seq.seq2seq_forward(design, batch, params)
    step, state = seq2seq.stepper(design, batch.source, params, batch.source_mask)
    inputs = seq2seq.shift(np.where(TARGET_MASK, batch.target, END), START)
    for u in range(4):
        scores, state = step(inputs[:, u], state)
        np.testing.assert_allclose(scores, logits[:, u], rtol=1e-10, atol=1e-12)
        assert (state.weights is None) == (not design.attends)
        if design.attends:
            np.testing.assert_allclose(state.weights, cache.weights[:, u], rtol=1e-10)


@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_several_texts_a_source(design):
    """Rows of one source beside each other read that source: as if it stood there twice."""
    params, batch = make(design)
    twice = np.repeat(np.arange(3), 2)
    step, state = seq2seq.stepper(design, batch.source, params, batch.source_mask)
    state = decoding.rows_of(state, twice)
    again, other = seq2seq.stepper(design, batch.source[twice], params, batch.source_mask[twice])
    tokens = np.array([1, 2, 3, 4, 5, 0])
    for _ in range(2):
        scores, state = step(tokens, state)
        expected, other = again(tokens, other)
        np.testing.assert_allclose(scores, expected, rtol=1e-12, atol=1e-13)
        tokens = tokens[::-1]


@pytest.mark.parametrize("design", [Design("gru", "luong"), Design("lstm", "state"),
                                    Design("rnn", "bahdanau", "general")])  # fmt: skip
def test_a_beam_of_one_source_is_scored_as_its_texts(design):
    """Each text's log-probability is that of teacher forcing; width 1 is greedy in a batch."""
    params, batch = make(design)
    step, state = seq2seq.stepper(design, batch.source, params, batch.source_mask)
    greedy = decoding.decode(step, state, [START] * 3, END, 6)
    for n in range(3):
        source, mask = batch.source[[n]], batch.source_mask[[n]]
        step, state = seq2seq.stepper(design, source, params, mask)
        (best,) = decoding.beam_search(step, state, START, END, 6, 1)
        assert best.tokens.tolist() == greedy[n].tokens.tolist()
        for found in decoding.beam_search(step, state, START, END, 6, 5):
            if found.ended:
                tokens = found.tokens[None]
                pair = seq2seq.Batch(source, mask, tokens, np.ones_like(tokens))
                logits, cache = seq2seq.seq2seq_forward(design, pair, params)
                log_p = functional.log_softmax(logits)[0]
                total = log_p[np.arange(len(found.tokens)), found.tokens].sum()
                assert found.log_prob == pytest.approx(total, rel=1e-10)
                if design.attends:
                    np.testing.assert_allclose(found.weights, cache.weights[0], rtol=1e-10)


def test_shift_by_hand():
    target = np.array([[3, 4, END], [5, END, 0]])
    assert seq2seq.shift(target, START).tolist() == [[START, 3, 4], [START, 5, END]]


def test_it_learns_to_reverse():
    """Three symbols: from 1/27 by chance to all, with attention, in 150 updates."""
    rng, design = np.random.default_rng(0), Design("gru", "luong", "additive")
    params = seq2seq.seq2seq_init(rng, design, 6, 6, 8, 16)
    rows = np.array(list(itertools.product(range(3, 6), repeat=3)))
    targets = np.hstack([rows[:, ::-1], np.full((27, 1), END)])
    batch = seq2seq.Batch(rows, np.ones_like(rows), targets, np.ones_like(targets))
    state = optim.adam_init(params)
    for _ in range(150):
        _, grads = seq2seq.loss_and_gradients(design, batch, params)
        optim.adam_step(params, grads, state, 0.02)
    step, first = seq2seq.stepper(design, rows, params)
    found = decoding.decode(step, first, [START] * 27, END, 5)
    assert [w.tokens.tolist() for w in found] == targets.tolist()


# --- the libraries --------------------------------------------------------------------------


def torch_run(design, batch, params, dlogits):
    """Modules of torch.nn from our parameters, packed sequences, autograd; every gradient."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    leaves = {n: torch.tensor(p, requires_grad=True) for n, p in optim.leaves(params).items()}
    enc = interop.to_torch(design.cell, params["encoder"]["cell"])
    dec = interop.to_torch(design.cell, params["decoder"]["cell"])
    lengths = torch.tensor(batch.source_mask.sum(1))
    T = batch.source.shape[1]
    keep = torch.tensor(batch.source_mask == 1)

    def dense(x, name):
        return nn.functional.linear(x, leaves[f"{name}.W_y"].T, leaves[f"{name}.b_y"])

    ids = torch.tensor(np.where(batch.source_mask, batch.source, 0))
    xs = leaves["encoder.embedding.E"][ids]
    packed = pack_padded_sequence(xs, lengths, batch_first=True, enforce_sorted=False)
    hs, last = enc(packed)
    keys = pad_packed_sequence(hs, batch_first=True, total_length=T)[0]
    parts = last if isinstance(last, tuple) else (last,)
    parts = [part.transpose(0, 1).flatten(1) for part in parts]  # both directions beside each other
    names = [f"bridge.{name}" for name in params["bridge"]]
    state = [torch.tanh(dense(part, name)) for part, name in zip(parts, names, strict=True)]
    first = state[0]
    inputs = seq2seq.shift(np.where(batch.target_mask, batch.target, design.end), design.start)
    es = leaves["decoder.embedding.E"][torch.tensor(inputs)]

    def look(queries):
        p = {n.rpartition(".")[2]: leaf for n, leaf in leaves.items() if ".attention." in n}
        if design.score == "additive":
            hidden = torch.tanh(
                (queries @ p["W_q"])[:, :, None] + (keys @ p["W_k"] + p["b"])[:, None]
            )
            scores = hidden @ p["v"]
            return torch.softmax(scores.masked_fill(~keep[:, None], -torch.inf), -1) @ keys
        return nn.functional.scaled_dot_product_attention(queries, keys, keys, keep[:, None])

    def advance(x, state):
        packed_state = tuple(s[None] for s in state) if len(state) > 1 else state[0][None]
        hs, last = dec(x, packed_state)
        return hs, [s[0] for s in last] if len(state) > 1 else [last[0]]

    if design.decoder == "bahdanau":
        columns = []
        for u in range(es.shape[1]):
            context = look(state[0][:, None])
            h, state = advance(torch.cat([es[:, [u]], context], 2), state)
            columns.append(torch.cat([h, context], 2))
        features = torch.cat(columns, 1)
    elif design.decoder == "context":
        contexts = first[:, None].expand(-1, es.shape[1], -1)
        h, _ = advance(torch.cat([es, contexts], 2), state)
        features = torch.cat([h, contexts], 2)
    else:
        h, _ = advance(es, state)
        features = torch.cat([h, look(h)], 2) if design.decoder == "luong" else h
    combined = features if design.decoder == "state" else torch.tanh(
        dense(features, "decoder.combine"))  # fmt: skip
    logits = dense(combined, "decoder.output")
    logits.backward(torch.tensor(dlogits))
    grads = {n: leaf.grad.numpy() for n, leaf in leaves.items() if leaf.grad is not None}
    for part, module in (("encoder", enc), ("decoder", dec)):
        found = {"cell": interop.gradients_from_torch(module)}
        grads |= {f"{part}.{n}": g for n, g in optim.leaves(found).items()}
    return logits.detach().numpy(), grads


PADDED = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]])
TORCH = [*(Design(cell, "luong", "scaled") for cell in CELLS), Design("lstm", "state"),
         Design("gru", "context"), Design("gru", "bahdanau", "additive"),
         Design("lstm", "bahdanau", "additive")]  # fmt: skip


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-5)])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("design", TORCH, ids=name_of)
def test_equal_to_torch(design, bidirectional, dtype, tolerance):
    """Scores and every gradient from a random upstream gradient."""
    params, batch = make(design, 0, bidirectional, dtype=dtype)
    source = np.random.default_rng(4).integers(0, V_S, (3, 5))
    batch = batch._replace(source=source, source_mask=PADDED)
    dlogits = np.random.default_rng(2).standard_normal((3, 4, V_T)).astype(dtype)
    logits, _, grads = run(design, batch, params, dlogits)
    theirs, expected = torch_run(design, batch, params, dlogits)
    assert logits.dtype == dtype
    assert relative_error(logits, theirs) < tolerance
    assert grads.keys() == expected.keys()
    for name, gradient in grads.items():
        assert relative_error(gradient, expected[name]) < tolerance, name


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-5)])
def test_equal_to_keras(dtype, tolerance):
    """Embedding, GRU with its mask, additive attention; Keras repeats outputs in the padding."""
    import keras
    import tensorflow as tf

    design = Design("gru", "luong", "additive")
    params, batch = make(design, dtype=dtype)
    source = np.random.default_rng(4).integers(0, V_S, (3, 5))
    batch = batch._replace(source=source, source_mask=PADDED)
    dlogits = np.random.default_rng(2).standard_normal((3, 4, V_T)).astype(dtype)
    logits, _, grads = run(design, batch, params, dlogits)

    (enc,), (dec,) = (
        [interop.to_keras("gru", params[part]["cell"])] for part in ("encoder", "decoder")
    )
    flat = {n: tf.Variable(p) for n, p in optim.leaves(params).items() if ".cell." not in n}
    layer = keras.layers.AdditiveAttention(dtype=np.dtype(dtype).name)
    layer.build([(3, 4, H), (3, 5, H), (3, 5, H)])
    layer.scale.assign(flat["decoder.attention.v"])
    inputs = seq2seq.shift(np.where(TARGET_MASK, batch.target, END), START)
    with tf.GradientTape() as tape:
        p = {name: tf.convert_to_tensor(variable) for name, variable in flat.items()}
        keep = tf.constant(PADDED == 1)
        hs, last = enc(tf.gather(p["encoder.embedding.E"], source), mask=keep)
        first = tf.tanh(last @ p["bridge.h.W_y"] + p["bridge.h.b_y"])
        out, _ = dec(tf.gather(p["decoder.embedding.E"], inputs), initial_state=first)
        a = "decoder.attention."
        asked, told = out @ p[a + "W_q"], hs @ p[a + "W_k"] + p[a + "b"]
        context = layer([asked, hs, told], mask=[None, keep])
        both = tf.concat([out, context], 2)
        combined = tf.tanh(both @ p["decoder.combine.W_y"] + p["decoder.combine.b_y"])
        theirs = combined @ p["decoder.output.W_y"] + p["decoder.output.b_y"]
        loss = tf.reduce_sum(theirs * dlogits)
    flat["decoder.attention.v"] = layer.scale.value
    weights = {"encoder": enc, "decoder": dec}
    found = tape.gradient(loss, [flat, {n: [w.value for w in m.trainable_weights]
                                        for n, m in weights.items()}])  # fmt: skip
    expected = {n: tf.convert_to_tensor(g).numpy() for n, g in found[0].items()}
    for part, module in weights.items():
        cell = interop.gradients_from_keras(module, found[1][part])
        expected |= {f"{part}.cell.{name}": g for name, g in cell.items()}
    assert relative_error(logits, theirs.numpy()) < tolerance
    assert grads.keys() == expected.keys()
    for name, gradient in grads.items():
        assert relative_error(gradient, expected[name]) < tolerance, name


# --- bad input --------------------------------------------------------------------------------


def batch_of(source, target, pad=0):
    return seq2seq.Batch(*text.pad(source, value=pad), *text.pad(target, value=pad))


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (batch_of([[3, 4], []], [[3, END], [END]]), "source row 1 has no token"),
        (
            batch_of([[3, 7]], [[3, END]]),
            "source row 0, step 1 is token 7; the vocabulary has 0..6",
        ),
        (batch_of([[3, -1]], [[3, END]]), "source row 0, step 1 is token -1"),
        (batch_of([[3]], [[6, END]]), "target row 0, step 0 is token 6; the vocabulary has 0..5"),
        (
            batch_of([[3], [3]], [[3, END], [3, 4]]),
            r"target row 1 is \[3, 4\]; .* end token 2, once",
        ),
        (batch_of([[3]], [[3, END, 4, END]]), r"target row 0 is \[3, 2, 4, 2\]"),
        (batch_of([[3], [4]], [[3, END], []]), r"target row 1 is \[\]"),
        (batch_of([[3], [4]], [[3, END]]), "2 sources and 1 targets"),
        (batch_of([[3]], [[3, END]])._replace(target_mask=np.array([[0, 1]])), "0 before a 1"),
        (batch_of([[3]], [[3, END]])._replace(source=np.zeros((1, 0), int)), "at least one token"),
        (batch_of([[3]], [[3, END]])._replace(source_mask=np.array([[0]])), "source row 0 has no"),
        (batch_of([[3]], [[3, END]])._replace(source_mask=np.ones((1, 2))), "mask has shape"),
    ],
)
def test_a_bad_batch_is_named(batch, message):
    params, _ = make(Design())
    with pytest.raises(ValueError, match=message):
        seq2seq.loss_and_gradients(Design(), batch, params)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: seq2seq.seq2seq_init(RNG, Design("cnn"), 5, 5, 3, 4), "unknown cell 'cnn'"),
        (lambda: seq2seq.seq2seq_init(RNG, Design("gru", "cho"), 5, 5, 3, 4), "unknown decoder"),
        (lambda: seq2seq.seq2seq_init(RNG, Design("gru", "luong", "cos"), 5, 5, 3, 4), "'cos'"),
        (lambda: seq2seq.seq2seq_init(RNG, Design(), 5, 5, 3, 5, True), "even number"),
        (lambda: seq2seq.seq2seq_init(RNG, Design(), 5, 2, 3, 4), "end is token 2; .* 0..1"),
        (lambda: seq2seq.seq2seq_init(RNG, Design(start=2), 5, 5, 3, 4), "both token 2"),
        (lambda: seq2seq.seq2seq_init(RNG, Design(), 5, 5, 0, 4), "D is 0"),
        (
            lambda: decoder.decoder_forward(
                Design(), np.ones((1, 2), int), np.zeros((1, H)), make(Design())[0]["decoder"]
            ),
            "decoder 'luong' needs keys",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_token_numbers_are_integers():
    params, batch = make(Design())
    with pytest.raises(TypeError, match="source has dtype float64"):
        seq2seq.seq2seq_forward(Design(), batch._replace(source=np.zeros((3, 5))), params)


def test_an_identity_bridge_hands_the_state_on():
    last = np.arange(6.0).reshape(2, 3)
    state, cache = encoder.bridge_forward(last, {})
    assert state is last
    assert encoder.bridge_backward(state, cache, {}) == (state, {})


def test_attention_is_the_modules_own():
    """The decoder's weights are those of attention_forward with its states as queries."""
    design = Design("gru", "luong", "general")
    params, batch = make(design)
    _, cache = seq2seq.seq2seq_forward(design, batch, params)
    keys, _, _ = encoder.encoder_forward("gru", batch.source, params["encoder"], SOURCE_MASK)
    _, expected = attention.attention_forward(
        "general", cache.decoder.hs, keys, params["decoder"]["attention"], SOURCE_MASK
    )
    np.testing.assert_array_equal(cache.weights, expected.weights)


def test_a_gradient_of_another_shape_is_named():
    """Also one of as many numbers: the readout sees all steps as rows of one matrix."""
    params, batch = make(Design())
    logits, cache = seq2seq.seq2seq_forward(Design(), batch, params)
    with pytest.raises(ValueError, match=r"dlogits has shape .4, 3, 6.; the scores have .3, 4"):
        seq2seq.seq2seq_backward(logits.swapaxes(0, 1), cache, params)
