"""Whole sequences, fast, against the cells: forward, backward, masks, first states."""

import numpy as np
import pytest
from test_cells import CELLS, MASK, SIZES, make, named

from rnncourse.nn import cells, initializers, layers, recurrent
from rnncourse.nn.gradcheck import check_gradient, relative_error

KINDS = ("rnn", "lstm", "gru")


def upstream(kind, sizes, seed=3):
    """Random gradients of the outputs and of the last state."""
    rng = np.random.default_rng(seed)
    N, T, _, H = sizes
    parts = tuple(rng.standard_normal((N, H)) for _ in range(CELLS[kind][3]))
    return rng.standard_normal((N, T, H)), parts if len(parts) > 1 else parts[0]


def by_cells(kind, xs, state, params, mask, dhs, dstate):
    """Everything that a forward and a backward pass give, by name."""
    _, step, step_backward, _ = CELLS[kind]
    hs, last, cache = cells.unroll(step, xs, state, params, mask)
    dxs, dfirst, grads = cells.unroll_backward(step_backward, dhs, dstate, cache, params)
    return {"hs": hs, "dxs": dxs, **named(last, "last"), **named(dfirst, "dfirst"), **grads}


def by_layers(kind, xs, state, params, mask, dhs, dstate):
    hs, last, cache = getattr(recurrent, f"{kind}_forward")(xs, state, params, mask)
    dxs, dfirst, grads = getattr(recurrent, f"{kind}_backward")(dhs, dstate, cache, params)
    return {"hs": hs, "dxs": dxs, **named(last, "last"), **named(dfirst, "dfirst"), **grads}


def assert_equal(a, b, tolerance=1e-10):
    assert list(a) == list(b)  # in the order of the parameters, too
    for name in a:
        assert relative_error(np.asarray(a[name]), np.asarray(b[name])) < tolerance, name


CASES = [*((sizes, None) for sizes in SIZES), (SIZES[0], MASK), (SIZES[0], np.ones((3, 5)))]


@pytest.mark.parametrize(("sizes", "mask"), CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_layers_equal_cells(kind, sizes, mask):
    """Outputs, last state and every gradient, to 1e-10; odd sizes; masks with holes."""
    xs, state, params = make(kind, sizes)
    arguments = (kind, xs, state, params, mask, *upstream(kind, sizes))
    assert_equal(by_layers(*arguments), by_cells(*arguments))


@pytest.mark.parametrize("computed", [by_layers, by_cells])
@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_under_a_mask_counts_for_nothing(kind, computed):
    """NaN in the inputs and infinity in the outputs' gradients, at masked steps alone."""
    xs, state, params = make(kind, SIZES[0])
    dhs, dlast = upstream(kind, SIZES[0])
    expected = computed(kind, xs, state, params, MASK, dhs, dlast)
    xs[MASK == 0], dhs[MASK == 0] = np.nan, np.inf
    found = computed(kind, xs, state, params, MASK, dhs, dlast)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, name)


EMPTY_ROW = MASK * np.array([[1], [1], [0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("computed", [by_layers, by_cells])
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_is_masked_throughout_is_carried(kind, computed, bad):
    """Its last state is its first, its inputs have gradient 0; NaN in its state harms no other.

    Also where everything that belongs to it is NaN or infinite: inputs, states, gradients.
    """
    xs, state, params = make(kind, SIZES[0])
    dhs, dlast = upstream(kind, SIZES[0])
    expected = computed(kind, xs, state, params, EMPTY_ROW, dhs, dlast)
    xs[2], dhs[2] = bad, bad
    for part in (*named(state, "").values(), *named(dlast, "").values()):
        part[2] = bad
    found = computed(kind, xs, state, params, EMPTY_ROW, dhs, dlast)
    for name, array in expected.items():
        rows = slice(None, 2) if name.startswith(("last", "dfirst")) else slice(None)
        np.testing.assert_array_equal(found[name][rows], array[rows], name)
    firsts = [*named(state, "last").items(), *named(dlast, "dfirst").items()]
    for name, array in firsts:
        np.testing.assert_array_equal(found[name][2], array[2])
    assert (found["dxs"][2] == 0).all()


@pytest.mark.parametrize("residual", [False, True], ids=["plain", "residual"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_under_a_mask_counts_for_nothing_in_a_stack(kind, dropout, residual):
    """Two directions, three layers, dropout and residuals; NaN and infinity are planted."""
    xs, dhs = make(kind, SIZES[0])[0], np.random.default_rng(5).standard_normal((3, 5, 4))
    params, _ = stack(kind, True)

    def run():
        draw = np.random.default_rng(7)
        arguments = (kind, xs, None, params, EMPTY_ROW, dropout, draw, residual)
        hs, lasts, cache = layers.stacked_forward(*arguments)
        return flat((hs, lasts, layers.stacked_backward(kind, dhs, None, cache, params)), "")

    expected = run()
    for bad in (np.nan, np.inf):
        xs[EMPTY_ROW == 0], dhs[EMPTY_ROW == 0] = bad, -bad
        found = run()
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, name)


@pytest.mark.parametrize("mask", [None, np.zeros((0, 5))], ids=["no mask", "mask"])
@pytest.mark.parametrize("computed", [by_layers, by_cells])
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch(kind, computed, mask):
    """No sequence: right shapes, and gradients of the parameters that are zero."""
    sizes = (0, *SIZES[0][1:])
    xs, state, params = make(kind, sizes)
    found = computed(kind, xs, state, params, mask, *upstream(kind, sizes))
    assert found["hs"].shape == (0, 5, 2)
    assert found["dxs"].shape == xs.shape
    for name, p in params.items():
        np.testing.assert_array_equal(found[name], np.zeros_like(p), strict=True)


def test_an_empty_batch_through_the_other_layers():
    """A stack of two directions, dense, embedding, dropout; and no step at all but in a layer."""
    xs = np.zeros((0, 5, 4))
    params, _ = stack("gru", True)
    hs, _, cache = layers.stacked_forward("gru", xs, None, params)
    dxs, _, grads = layers.stacked_backward("gru", hs, None, cache, params)
    assert (hs.shape, dxs.shape) == ((0, 5, 4), xs.shape)
    assert not any(g.any() for g in flat(grads, "").values())
    rng = np.random.default_rng(0)
    dense, table = layers.dense_init(rng, 4, 3), layers.embedding_init(rng, 6, 4)
    for shape in ((0, 5), (3, 0)):
        dhs, grads = layers.dense_backward(np.zeros((*shape, 3)), np.zeros((*shape, 4)), dense)
        assert dhs.shape == (*shape, 4)
        assert not grads["W_y"].any()
        ids = np.zeros(shape, int)
        assert layers.embedding_forward(ids, table).shape == (*shape, 4)
        assert not layers.embedding_backward(np.zeros((*shape, 4)), ids, table)["E"].any()
        assert layers.dropout_forward(np.zeros(shape), 0.5, rng)[0].shape == shape
    with pytest.raises(ValueError, match=r"\(2, 0, 4\); expected .* at least one step"):
        layers.stacked_forward("gru", np.zeros((2, 0, 4)), None, params)


def test_the_last_memory_is_a_copy():
    """Writing into it changes nothing of what the backward pass reads."""
    xs, state, params = make("rnn", SIZES[0])
    hs, last, cache = recurrent.rnn_forward(xs, state, params)
    before = recurrent.rnn_backward(hs, None, cache, params)[2]["W_h"]
    last[:] = 100
    np.testing.assert_array_equal(recurrent.rnn_backward(hs, None, cache, params)[2]["W_h"], before)


@pytest.mark.parametrize("kind", KINDS)
def test_none_is_zero(kind):
    """No first state, no gradient of the last one: the same as zeros."""
    xs, state, params = make(kind, SIZES[0])
    dhs, _ = upstream(kind, SIZES[0])
    zero = (0 * state[0], 0 * state[1]) if kind == "lstm" else 0 * state
    without = by_layers(kind, xs, None, params, None, dhs, None)
    assert_equal(without, by_layers(kind, xs, zero, params, None, dhs, zero), 1e-15)
    assert_equal(without, by_cells(kind, xs, zero, params, None, dhs, zero))


@pytest.mark.parametrize("kind", KINDS)
def test_backward_leaves_everything_as_it_was(kind):
    """Twice the same answer, with other gradients between: nothing is overwritten."""
    xs, state, params = make(kind, SIZES[0])
    dhs, dlast = upstream(kind, SIZES[0])
    before = [a.copy() for a in (xs, dhs, *named(state, "").values(), *params.values())]
    _, _, cache = getattr(recurrent, f"{kind}_forward")(xs, state, params)
    backward = getattr(recurrent, f"{kind}_backward")
    first = backward(dhs, dlast, cache, params)
    backward(*upstream(kind, SIZES[0], seed=9), cache, params)
    second = backward(dhs, dlast, cache, params)
    np.testing.assert_array_equal(first[0], second[0])
    for name in params:
        np.testing.assert_array_equal(first[2][name], second[2][name])
    after = (xs, dhs, *named(state, "").values(), *params.values())
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_stays_float32_and_large_inputs_are_safe(kind):
    """dtype follows the input; ±1e4 saturates the gates and raises no warning."""
    xs, _, params = make(kind, SIZES[0])
    params = {k: p.astype(np.float32) for k, p in params.items()}
    out = by_layers(kind, (1e4 * xs).astype(np.float32), None, params, None,
                    upstream(kind, SIZES[0])[0].astype(np.float32), None)  # fmt: skip
    assert {a.dtype for a in out.values()} == {np.dtype(np.float32)}
    assert all(np.isfinite(a).all() for a in out.values())


def test_bad_input_is_named():
    """Parameters of another cell, a state in the wrong form, the wrong GRU."""
    lstm, gru = make("lstm", SIZES[0]), make("gru", SIZES[0])
    with pytest.raises(ValueError, match=r"W_h has shape \(2, 6\); this cell needs \(2, 8\)"):
        recurrent.lstm_forward(gru[0], None, {k: gru[2][k] for k in ("W_x", "W_h", "b")})
    with pytest.raises(ValueError, match=r"W_h has shape \(2, 8\); this cell needs \(2, 2\)"):
        recurrent.rnn_forward(lstm[0], None, lstm[2])
    before = make("gru before", SIZES[0])
    with pytest.raises(ValueError, match=r"lack b_hn.*gru_reset_before_step"):
        recurrent.gru_forward(before[0], before[1], before[2])
    with pytest.raises(ValueError, match=r"state has 1 part.*has 2 part"):
        recurrent.lstm_forward(lstm[0], lstm[1][0], lstm[2])
    with pytest.raises(ValueError, match=r"state has 2 part.*has 1 part"):
        recurrent.gru_forward(gru[0], (gru[1], gru[1]), gru[2])
    dhs, dlast = upstream("lstm", SIZES[0])
    cache = recurrent.lstm_forward(*lstm)[2]
    with pytest.raises(ValueError, match=r"doutputs has shape \(1, 5, 2\)"):
        recurrent.lstm_backward(dhs[:1], dlast, cache, lstm[2])
    with pytest.raises(ValueError, match=r"dstate has shape \(3, 1\)"):
        recurrent.lstm_backward(dhs, (dlast[0], dlast[1][:, :1]), cache, lstm[2])
    with pytest.raises(ValueError, match=r"dstate has 1 part.*has 2 part"):
        recurrent.lstm_backward(dhs, dlast[0], cache, lstm[2])


# --- two directions, layers upon layers ----------------------------------------------


def pair(kind, sizes, seed=0):
    """Parameters and first states of a forward and a backward direction."""
    both = [make(kind, sizes, seed + k) for k in (0, 50)]
    return tuple(b[2] for b in both), tuple(b[1] for b in both)


def flat(tree, name):
    """Every array in nested dicts, tuples and lists, by a name that says where it is."""
    if isinstance(tree, dict):
        return {k: a for key, part in tree.items() for k, a in flat(part, f"{name}.{key}").items()}
    if isinstance(tree, (tuple, list)):
        return {k: a for n, part in enumerate(tree) for k, a in flat(part, f"{name}.{n}").items()}
    return {name: tree}


def check_gradients(forward, backward, inputs):
    """Central differences against ``backward``, for every array in nested inputs."""
    rng = np.random.default_rng(4)

    def outputs():
        return tuple(flat(forward()[:2], "").values())

    def gradients(*upstream):
        _, last, cache = forward()
        parts = iter(upstream)
        dhs = next(parts)
        return flat(backward(dhs, refill(last, parts), cache), "in")

    check_gradient(outputs, gradients, flat(inputs, "in"), rng)


def refill(tree, parts):
    """The form of tree, filled from a flat iterator of arrays."""
    if isinstance(tree, (tuple, list)):
        return type(tree)(refill(part, parts) for part in tree)
    return next(parts)


@pytest.mark.parametrize("mask", [None, MASK], ids=["no mask", "mask"])
@pytest.mark.parametrize("kind", KINDS)
def test_bidirectional_is_two_runs(kind, mask):
    """The backward half is the same cell over the reversed sequence, alone (definition)."""
    xs = make(kind, SIZES[0])[0]
    params, states = pair(kind, SIZES[0])
    hs, lasts, _ = layers.bidirectional_forward(kind, xs, states, params, mask)
    step = CELLS[kind][1]
    ahead = cells.unroll(step, xs, states[0], params[0], mask)
    flipped = None if mask is None else np.flip(mask, 1)
    back = cells.unroll(step, np.flip(xs, 1), states[1], params[1], flipped)
    H = ahead[0].shape[2]
    np.testing.assert_allclose(hs[..., :H], ahead[0], atol=1e-14)
    np.testing.assert_allclose(hs[..., H:], np.flip(back[0], 1), atol=1e-14)
    assert_equal(flat(lasts, ""), flat((ahead[1], back[1]), ""))


@pytest.mark.parametrize("mask", [None, MASK], ids=["no mask", "mask"])
@pytest.mark.parametrize("kind", KINDS)
def test_bidirectional_gradients(kind, mask):
    """Every input, first state and parameter against central differences."""
    xs = make(kind, SIZES[0])[0]
    params, states = pair(kind, SIZES[0])
    check_gradients(
        lambda: layers.bidirectional_forward(kind, xs, states, params, mask),
        lambda dhs, dlast, cache: layers.bidirectional_backward(kind, dhs, dlast, cache, params),
        (xs, states, params),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_padding_on_either_side_changes_nothing(kind):
    """A padded batch of two directions gives what each sequence gives alone."""
    xs = make(kind, SIZES[0])[0]
    params, states = pair(kind, SIZES[0])
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 1]])
    hs, lasts, _ = layers.bidirectional_forward(kind, xs, states, params, mask)
    for n, real in enumerate(mask.astype(bool)):
        one = tuple(
            tuple(p[n : n + 1] for p in s) if isinstance(s, tuple) else s[n : n + 1] for s in states
        )
        alone, last, _ = layers.bidirectional_forward(kind, xs[n : n + 1, real], one, params)
        np.testing.assert_allclose(hs[n, real], alone[0], atol=1e-14)
        assert (hs[n, ~real] == 0).all()
        for whole, single in zip(flat(lasts, "").values(), flat(last, "").values(), strict=True):
            np.testing.assert_allclose(whole[n], single[0], atol=1e-14)


def stack(kind, two_directions):
    """Three layers on odd sizes, with first states; D = 4, H = 2."""
    N, T, D, H = SIZES[0]
    width = 2 * H if two_directions else H
    build = pair if two_directions else (lambda *a: make(*a)[:0:-1])
    both = [build(kind, (N, T, size, H), 10 * k) for k, size in enumerate((D, width, width))]
    return [b[0] for b in both], [b[1] for b in both]


@pytest.mark.parametrize("residual", [False, True], ids=["plain", "residual"])
@pytest.mark.parametrize("two_directions", [False, True], ids=["one", "two"])
@pytest.mark.parametrize("kind", KINDS)
def test_stacked_gradients(kind, two_directions, residual):
    """Three layers with a mask and dropout whose draw is repeated: every gradient."""
    xs = make(kind, SIZES[0])[0]
    params, states = stack(kind, two_directions)

    def forward():
        rng = np.random.default_rng(7)  # the same draw each time
        return layers.stacked_forward(kind, xs, states, params, MASK, 0.4, rng, residual)

    check_gradients(
        forward,
        lambda dhs, dlast, cache: layers.stacked_backward(kind, dhs, dlast, cache, params),
        (xs, states, params),
    )


def test_stacked_is_one_layer_after_another():
    """Without dropout and residuals, by hand; None is zeros."""
    xs = make("gru", SIZES[0])[0]
    params, _ = stack("gru", False)
    hs, lasts, cache = layers.stacked_forward("gru", xs, None, params, MASK)
    by_hand = xs
    for layer, last in zip(params, lasts, strict=True):
        by_hand, state, _ = recurrent.gru_forward(by_hand, None, layer, MASK)
        np.testing.assert_array_equal(last, state)
    np.testing.assert_array_equal(hs, by_hand)
    zeros = [np.zeros_like(last) for last in lasts]
    one = layers.stacked_backward("gru", hs, None, cache, params)
    two = layers.stacked_backward("gru", hs, zeros, cache, params)
    assert_equal(flat(one, ""), flat(two, ""), 1e-15)


def test_bad_stacks_are_named():
    xs = make("rnn", SIZES[0])[0]
    params, states = stack("rnn", False)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="unknown kind 'elman'"):
        layers.stacked_forward("elman", xs, None, params)
    with pytest.raises(ValueError, match="3 layers and 2 states"):
        layers.stacked_forward("rnn", xs, states[:2], params)
    with pytest.raises(ValueError, match="0 layers"):
        layers.stacked_forward("rnn", xs, None, [])
    with pytest.raises(ValueError, match="params is dict"):
        layers.bidirectional_forward("rnn", xs, None, params[0])
    with pytest.raises(ValueError, match="dropout needs rng"):
        layers.stacked_forward("rnn", xs, None, params, dropout=0.5)
    with pytest.raises(ValueError, match=r"rate is 1.0"):
        layers.dropout_forward(xs, 1.0, rng)
    wide = [params[0], make("rnn", (3, 5, 2, 7))[2]]
    with pytest.raises(ValueError, match=r"layer 1 makes \(3, 5, 7\) of \(3, 5, 2\)"):
        layers.stacked_forward("rnn", xs, None, wide, residual=True)
    unlike = (pair("rnn", SIZES[0])[0][0], make("rnn", (3, 5, 4, 7))[2])
    with pytest.raises(ValueError, match=r"H = \[2, 7\]; expected the same in both"):
        layers.bidirectional_forward("rnn", xs, None, unlike)
    with pytest.raises(ValueError, match=r"states is ndarray; expected \(forward, backward\)"):
        layers.bidirectional_forward("rnn", xs, np.zeros((3, 2)), pair("rnn", SIZES[0])[0])
    with pytest.raises(TypeError, match="xs is NoneType; expected floats"):
        layers.bidirectional_forward("rnn", None, None, pair("rnn", SIZES[0])[0])
    both, _ = pair("rnn", SIZES[0])
    hs, _, cache = layers.bidirectional_forward("rnn", xs, None, both)
    with pytest.raises(ValueError, match=r"dhs has shape \(3, 5, 2\).*need 4"):
        layers.bidirectional_backward("rnn", hs[..., :2], None, cache, both)


# --- dropout, embedding ----------------------------------------------------------------


def test_dropout_keeps_the_mean():
    """Share of zeros and mean within four standard errors; kept numbers divided by 1 - rate."""
    rng = np.random.default_rng(0)
    xs = np.full((100, 100), 3.0, np.float32)
    ys, keep = layers.dropout_forward(xs, 0.3, rng)
    assert ys.dtype == np.float32
    np.testing.assert_allclose(np.unique(ys), [0, 3 / 0.7], rtol=1e-6)
    assert abs((ys == 0).mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / xs.size)
    np.testing.assert_array_equal(layers.dropout_backward(xs, keep), ys)
    np.testing.assert_array_equal(layers.dropout_forward(xs, 0.0, rng)[0], xs)


def test_embedding_is_one_hot_times_matrix():
    """Forward by lookup, gradient by summing where a token repeats; bad ids are named."""
    rng = np.random.default_rng(1)
    params = layers.embedding_init(rng, V=5, D=3)
    ids = np.array([[0, 4, 4], [2, 4, 0]])
    one_hot = np.eye(5)[ids]
    np.testing.assert_array_equal(layers.embedding_forward(ids, params), one_hot @ params["E"])
    dxs = rng.standard_normal((2, 3, 3))
    expected = np.einsum("ntv,ntd->vd", one_hot, dxs)
    got = layers.embedding_backward(dxs, ids, params)["E"]
    np.testing.assert_allclose(got, expected, rtol=1e-14)
    assert (got[[1, 3]] == 0).all()
    with pytest.raises(ValueError, match=r"ids lie in -1..4; E has rows 0..4"):
        layers.embedding_forward(ids - (ids == 2) * 3, params)
    with pytest.raises(TypeError, match="float64"):
        layers.embedding_forward(ids * 1.0, params)
    with pytest.raises(ValueError, match=r"dxs has shape \(2, 3, 4\)"):
        layers.embedding_backward(np.zeros((2, 3, 4)), ids, params)
    with pytest.raises(ValueError, match=r"ids lie in -1..4; E has rows 0..4"):
        layers.embedding_backward(dxs, ids - (ids == 2) * 3, params)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_dense_layer_under_a_mask(bad):
    """NaN in the padding reaches neither outputs nor gradients; without a mask it does."""
    rng = np.random.default_rng(0)
    params, hs = layers.dense_init(rng, 2, 4), rng.standard_normal((3, 5, 2))
    dys = np.where(MASK[..., None], rng.standard_normal((3, 5, 4)), 0)
    ys, expected = layers.dense_forward(hs, params), layers.dense_backward(dys, hs, params)
    hs[MASK == 0] = bad
    found = layers.dense_forward(hs, params, MASK)
    np.testing.assert_array_equal(found, np.where(MASK[..., None], ys, 0))
    dhs, grads = layers.dense_backward(dys, hs, params, MASK)
    np.testing.assert_array_equal(dhs, expected[0])
    assert_equal(grads, expected[1], 1e-14)
    with np.errstate(invalid="ignore"):
        assert np.isnan(layers.dense_backward(dys, hs, params)[1]["W_y"]).any()
    with pytest.raises(ValueError, match=r"mask has shape \(3, 4\); hs need \(3, 5\)"):
        layers.dense_forward(hs, params, MASK[:, 1:])


def test_dropout_drops_infinity_too():
    """What is set to zero is zero, whatever stood there; what is kept stays as it is."""
    xs = np.full((20, 20), np.inf)
    xs[::2] = np.nan
    ys, keep = layers.dropout_forward(xs, 0.5, np.random.default_rng(0))
    np.testing.assert_array_equal(ys, np.where(keep == 0, 0, xs))
    np.testing.assert_array_equal(layers.dropout_backward(-xs, keep), -ys)
    with pytest.raises(TypeError, match="xs is int64; expected floats"):
        layers.dropout_forward(np.ones((3, 3), int), 0.5, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"dys has shape \(1, 20\); keep has \(20, 20\)"):
        layers.dropout_backward(xs[:1], keep)


def test_weights_are_floats():
    """A dtype of integers would round every drawn weight to zero."""
    rng = np.random.default_rng(0)
    for init in (layers.dense_init, layers.embedding_init, cells.lstm_init, cells.rnn_init):
        with pytest.raises(TypeError, match="dtype is int64; expected floats"):
            init(rng, 3, 4, int)
    with pytest.raises(TypeError, match="dtype is int64"):
        initializers.orthogonal(rng, 3, int)
    with pytest.raises(ValueError, match=r"D is 2.5; expected a whole number of at least 1"):
        cells.gru_init(rng, 2.5, 4)
    with pytest.raises(ValueError, match="rows is 0"):
        initializers.xavier_uniform(rng, 0, 4)
