"""Parameters to and from PyTorch and Keras: same numbers forward and backward, exact round trips.

The reference is `cells`, direction by direction and layer by layer.
"""

import numpy as np
import pytest

from rnncourse import cells, interop, layers
from rnncourse.gradcheck import relative_error

STEPS = {
    "rnn": (cells.rnn_step, cells.rnn_step_backward),
    "lstm": (cells.lstm_step, cells.lstm_step_backward),
    "gru": (cells.gru_step, cells.gru_step_backward),
    "gru before": (cells.gru_reset_before_step, cells.gru_reset_before_step_backward),
}
TORCH_KINDS = ("rnn", "lstm", "gru")
# name: (N, T, D, H), layers, directions
SHAPES = {
    "single": ((3, 5, 7, 5), 1, 1),
    "ones": ((1, 1, 1, 1), 1, 1),
    "bidirectional": ((3, 5, 7, 5), 1, 2),
    "stacked": ((2, 3, 1, 5), 3, 1),
    "stacked bidirectional": ((3, 5, 7, 3), 2, 2),
}
DTYPES = [(np.float64, 1e-8), (np.float32, 1e-5)]
LENGTHS = (2, 5, 3)


# --- random parameters, states and upstream gradients --------------------------------


def library_kind(kind):
    return kind.split()[0]


def draw_params(rng, kind, D, H, dtype=np.float64):
    """One direction's parameters, every number random: no symmetry hides an exchange."""
    if library_kind(kind) == "gru":
        start = cells.gru_init(rng, D, H, reset_after=kind == "gru")
    else:
        start = {"rnn": cells.rnn_init, "lstm": cells.lstm_init}[kind](rng, D, H)
    return {k: (0.7 * rng.standard_normal(p.shape)).astype(dtype) for k, p in start.items()}


def as_form(layers):
    """What a user writes: a dict, a pair, or a list of these."""
    entries = [tuple(one) if len(one) == 2 else one[0] for one in layers]
    return entries if len(entries) > 1 else entries[0]


def as_layers(form):
    entries = form if isinstance(form, list) else [form]
    return [list(entry) if isinstance(entry, tuple) else [entry] for entry in entries]


def draw(kind, shape, dtype=np.float64, seed=0):
    """Layers of directions of params, then everything a forward and backward pass reads."""
    rng = np.random.default_rng(seed)
    (N, T, D, H), depth, ways = SHAPES[shape]
    sizes = [D] + [ways * H] * (depth - 1)
    layers = [[draw_params(rng, kind, size, H, dtype) for _ in range(ways)] for size in sizes]

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    def states():
        parts = 2 if kind == "lstm" else 1
        return [[[normal(N, H) for _ in range(parts)] for _ in range(ways)] for _ in range(depth)]

    return layers, normal(N, T, D), states(), normal(N, T, ways * H), states()


def named(outputs, states, dxs, dstates, grads):
    """Everything that is compared, each array under a name."""
    out = {"outputs": outputs, "dxs": dxs}
    for k, directions in enumerate(grads):
        for d, p in enumerate(directions):
            where = f"layer {k} direction {d}"
            out |= {f"{where} {name}": array for name, array in p.items()}
            for name, s in (("state", states), ("dstate", dstates)):
                out |= {f"{where} {name} {j}": part for j, part in enumerate(s[k][d])}
    return out


def assert_same(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for name in expected:
        assert relative_error(found[name], expected[name]) < tolerance, name
        assert found[name].dtype == expected[name].dtype, name


# --- the three ways to compute -------------------------------------------------------


def turn(array, direction):
    """Time runs the other way in the second direction."""
    return array if array is None or direction == 0 else array[:, ::-1]


def run_cells(kind, layers, xs, states, dhs, dstates, mask=None):
    step, step_backward = STEPS[kind]

    def pack(parts):
        return tuple(parts) if kind == "lstm" else parts[0]

    def unpack(state):
        return list(state) if kind == "lstm" else [state]

    caches, lasts = [], []
    for layer, first in zip(layers, states, strict=True):
        done = [
            cells.unroll(step, turn(xs, d), pack(first[d]), p, turn(mask, d))
            for d, p in enumerate(layer)
        ]
        xs = np.concatenate([turn(hs, d) for d, (hs, _, _) in enumerate(done)], axis=2)
        lasts.append([unpack(last) for _, last, _ in done])
        caches.append([cache for *_, cache in done])
    outputs, dfirsts, grads = xs, [], []
    for layer, cache, dlast in zip(layers[::-1], caches[::-1], dstates[::-1], strict=True):
        parts = np.split(dhs, len(layer), axis=2)
        done = [
            cells.unroll_backward(step_backward, turn(parts[d], d), pack(dlast[d]), cache[d], p)
            for d, p in enumerate(layer)
        ]
        dhs = sum(turn(dxs, d) for d, (dxs, _, _) in enumerate(done))
        dfirsts.insert(0, [unpack(dfirst) for _, dfirst, _ in done])
        grads.insert(0, [g for *_, g in done])
    return named(outputs, lasts, dhs, dfirsts, grads)


def run_layers(kind, params, xs, states, dhs, dstates):
    """One layer in one direction by :mod:`rnncourse.layers`."""
    run, run_back = (getattr(layers, f"{kind}_{name}") for name in ("forward", "backward"))
    first, dlast = (tuple(s[0][0]) if kind == "lstm" else s[0][0][0] for s in (states, dstates))
    (p,) = params[0]
    hs, last, cache = run(xs, first, p)
    dxs, dfirst, grads = run_back(dhs, dlast, cache, p)
    last, dfirst = ([s] if isinstance(s, np.ndarray) else list(s) for s in (last, dfirst))
    return named(hs, [[last]], dxs, [[dfirst]], [[grads]])


def flat_states(states, part):
    """(layers * directions, N, H), as PyTorch has them."""
    return np.stack([direction[part] for layer in states for direction in layer])


def nested(arrays, layers):
    """Undo flat_states for each part of a state."""
    ways = len(layers[0])
    return [[[a[k * ways + d] for a in arrays] for d in range(ways)] for k in range(len(layers))]


def run_torch(kind, layers, xs, states, dhs, dstates, lengths=None):
    """One torch.nn module; with lengths, over a packed sequence."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    module = interop.to_torch(kind, as_form(layers))
    parts = range(len(states[0][0]))
    x = torch.tensor(xs, requires_grad=True)
    first = [torch.tensor(flat_states(states, j), requires_grad=True) for j in parts]
    packed = x
    if lengths is not None:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    hs, last = module(packed, tuple(first) if kind == "lstm" else first[0])
    if lengths is not None:
        hs, _ = pad_packed_sequence(hs, batch_first=True, total_length=xs.shape[1])
    last = list(last) if kind == "lstm" else [last]
    upstream = [torch.tensor(a) for a in (dhs, *(flat_states(dstates, j) for j in parts))]
    torch.autograd.backward([hs, *last], upstream)
    grads = interop.gradients_from_torch(module)
    return named(
        hs.detach().numpy(),
        nested([a.detach().numpy() for a in last], layers),
        x.grad.numpy(),
        nested([a.grad.numpy() for a in first], layers),
        as_layers(grads),
    )


def run_keras(kind, layers, xs, states, dhs, dstates):
    """One Keras layer, or a list of them on top of each other."""
    import tensorflow as tf

    made = interop.to_keras(library_kind(kind), as_form(layers))
    stack = made if isinstance(made, list) else [made]
    x = tf.Variable(xs)
    firsts = [[tf.Variable(a) for direction in layer for a in direction] for layer in states]
    with tf.GradientTape() as tape:
        hs, lasts, total = x, [], 0.0
        for layer, first, dlast in zip(stack, firsts, dstates, strict=True):
            hs, *last = layer(hs, initial_state=first if len(first) > 1 else first[0])
            lasts.append(last)
            flat = [a for direction in dlast for a in direction]
            total += sum(tf.reduce_sum(a * b) for a, b in zip(last, flat, strict=True))
        total += tf.reduce_sum(hs * dhs)
    weights = [layer.trainable_weights for layer in stack]
    dxs, dfirsts, dweights = tape.gradient(total, [x, firsts, weights])
    grads = interop.gradients_from_keras(made, dweights if isinstance(made, list) else dweights[0])
    parts = len(states[0][0])

    def by_direction(values):
        arrays = [[a.numpy() for a in layer] for layer in values]
        return [[a[j : j + parts] for j in range(0, len(a), parts)] for a in arrays]

    return named(
        hs.numpy(), by_direction(lasts), dxs.numpy(), by_direction(dfirsts), as_layers(grads)
    )


# --- equality ------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", TORCH_KINDS)
def test_equal_to_torch(kind, shape, dtype, tolerance):
    """Outputs, last states and every gradient; random weights, biases, upstream gradients."""
    case = draw(kind, shape, dtype)
    assert_same(run_torch(kind, *case), run_cells(kind, *case), tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", STEPS)
def test_equal_to_keras(kind, shape, dtype, tolerance):
    """As for PyTorch, and the GRU that resets before the product."""
    case = draw(kind, shape, dtype)
    assert_same(run_keras(kind, *case), run_cells(kind, *case), tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("kind", TORCH_KINDS)
@pytest.mark.parametrize("run", [run_torch, run_keras])
def test_layers_equal_the_libraries(run, kind, dtype, tolerance):
    """The fast layers too, whose float32 rounds in another way than the cells'."""
    case = draw(kind, "single", dtype)
    assert_same(run_layers(kind, *case), run(kind, *case), tolerance)


@pytest.mark.parametrize("shape", ["single", "bidirectional", "stacked bidirectional"])
@pytest.mark.parametrize("kind", TORCH_KINDS)
def test_a_mask_is_a_packed_sequence(kind, shape):
    """PyTorch's packed sequences and a mask agree, where rows have different lengths."""
    case = draw(kind, shape)
    mask = np.arange(case[1].shape[1]) < np.array(LENGTHS)[:, None]
    found = run_torch(kind, *case, lengths=LENGTHS)
    assert_same(found, run_cells(kind, *case, mask=mask), 1e-8)


# --- planted errors ------------------------------------------------------------------


def exchanged(p, kind, one, other):
    """Parameters with two gates exchanged."""
    gates = list(interop.GATES[kind])
    a, b = gates.index(one), gates.index(other)
    gates[a], gates[b] = other, one
    names = ("W_x", "W_h", "b")
    return p | {name: interop._reorder(p[name], interop.GATES[kind], gates) for name in names}


@pytest.mark.parametrize(("kind", "one", "other"), [("lstm", "i", "f"), ("gru", "r", "z")])
@pytest.mark.parametrize("run", [run_torch, run_keras])
def test_two_exchanged_gates_are_noticed(run, kind, one, other):
    """Planted: with two gates exchanged, the comparisons above fail."""
    layers, *rest = draw(kind, "single")
    expected = run_cells(kind, layers, *rest)
    assert_same(run(kind, layers, *rest), expected, 1e-8)
    with pytest.raises(AssertionError):
        assert_same(run(kind, [[exchanged(layers[0][0], kind, one, other)]], *rest), expected, 1e-3)


@pytest.mark.parametrize("table", ["TORCH", "KERAS"])
def test_a_wrong_order_in_the_table_is_noticed(monkeypatch, table):
    """Planted: PyTorch's GRU order for Keras, and the other way round."""
    layers, *rest = draw("gru", "single")
    expected = run_cells("gru", layers, *rest)
    name, (one, other, last) = getattr(interop, table)["gru"]
    monkeypatch.setitem(getattr(interop, table), "gru", (name, (other, one, last)))
    run = {"TORCH": run_torch, "KERAS": run_keras}[table]
    with pytest.raises(AssertionError):
        assert_same(run("gru", layers, *rest), expected, 1e-3)


def test_the_order_is_read_by_name(monkeypatch):
    """If the course stacked its gates in another order, the module would be the same."""
    p = draw_params(np.random.default_rng(0), "lstm", 3, 2)
    before = interop.to_torch("lstm", p).state_dict()
    order = ("o", "g", "i", "f")
    moved = {name: interop._reorder(array, interop.GATES["lstm"], order)
             for name, array in p.items()}  # fmt: skip
    monkeypatch.setitem(interop.GATES, "lstm", order)
    after = interop.to_torch("lstm", moved).state_dict()
    assert all(before[name].equal(after[name]) for name in before)


# --- round trips ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", STEPS)
def test_parameters_survive_the_round_trip(kind, shape, dtype):
    """params → library → params is exact: form, names, numbers, dtype."""
    params = as_form(draw(kind, shape, dtype)[0])
    ways = [(interop.to_keras, interop.from_keras)]
    if kind in TORCH_KINDS:
        ways.append((interop.to_torch, interop.from_torch))
    for there, back in ways:
        again = back(there(library_kind(kind), params))
        assert type(again) is type(params)
        for ours, theirs in zip(as_layers(params), as_layers(again), strict=True):
            for p, q in zip(ours, theirs, strict=True):
                assert p.keys() == q.keys()
                for name in p:
                    assert np.array_equal(p[name], q[name])
                    assert p[name].dtype == q[name].dtype


def test_what_is_read_is_a_copy():
    """Writing into what from_torch or from_keras gave changes neither module nor layer."""
    p = draw_params(np.random.default_rng(0), "rnn", 3, 4)
    for there, back in [(interop.to_torch, interop.from_torch),
                        (interop.to_keras, interop.from_keras)]:  # fmt: skip
        made = there("rnn", p)
        for array in back(made).values():
            array[:] = 0
        assert np.array_equal(back(made)["W_h"], p["W_h"])


def forward(kind, p, xs):
    zero = np.zeros((len(xs), len(p["W_h"])), xs.dtype)
    return cells.unroll(STEPS[kind][0], xs, (zero, zero) if kind == "lstm" else zero, p)[0]


@pytest.mark.parametrize("kind", TORCH_KINDS)
def test_torch_bias_pairs_are_summed(kind):
    """A module as PyTorch starts it, with two random biases; and one without biases."""
    import torch

    made = getattr(torch.nn, interop.TORCH[kind][0])
    module = made(3, 4, batch_first=True, dropout=0)
    p = interop.from_torch(module)
    pair = [bias.detach().numpy() for bias in (module.bias_ih_l0, module.bias_hh_l0)]
    both = 8 if kind == "gru" else len(pair[0])  # r and z; the candidate keeps two
    assert np.array_equal(p["b"][:both], pair[0][:both] + pair[1][:both])
    if kind == "gru":
        assert np.array_equal(p["b"][both:], pair[0][both:])
        assert np.array_equal(p["b_hn"], pair[1][both:])
    xs = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    expected = module(torch.tensor(xs))[0].detach().numpy()
    assert relative_error(forward(kind, p, xs), expected) < 1e-5
    bare = made(3, 4, batch_first=True, bias=False)
    p = interop.from_torch(bare)
    assert all((p[name] == 0).all() for name in p if name.startswith("b"))
    expected = bare(torch.tensor(xs))[0].detach().numpy()
    assert relative_error(forward(kind, p, xs), expected) < 1e-5


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("kind", STEPS)
def test_keras_biases_are_read(kind, use_bias):
    """A layer with random weights everywhere, both rows of a GRU's bias too; and one without."""
    import keras

    rng = np.random.default_rng(0)
    options = {"reset_after": kind == "gru"} if library_kind(kind) == "gru" else {}
    made = getattr(keras.layers, interop.KERAS[library_kind(kind)][0])
    layer = made(4, return_sequences=True, use_bias=use_bias, dtype="float64", **options)
    layer.build((None, None, 3))
    layer.set_weights([rng.standard_normal(w.shape) for w in layer.get_weights()])
    xs = rng.standard_normal((2, 5, 3))
    p = interop.from_keras(layer)
    assert ("b_hn" in p) == (kind == "gru")
    assert relative_error(forward(kind, p, xs), layer(xs).numpy()) < 1e-8


# --- refusals ------------------------------------------------------------------------


def params_of(kind, D=3, H=4):
    return draw_params(np.random.default_rng(0), kind, D, H)


WRONG_PARAMS = [
    ("elman", params_of("rnn"), r"unknown kind 'elman'; expected one of \['rnn', 'lstm', 'gru'\]"),
    ("rnn", {"W_x": np.zeros((3, 4)), "W_h": np.zeros((4, 4))}, r"params lack \['b'\]"),
    ("rnn", params_of("rnn") | {"b": np.zeros(5)}, r"b has shape \(5,\).*needs \(4,\)"),
    ("lstm", params_of("lstm") | {"W_h": np.zeros((4, 4))},
     r"W_h has shape \(4, 4\); W_x \(3, 16\) needs \(4, 16\)"),
    ("lstm", params_of("lstm") | {"W_x": np.zeros((3, 10))},
     r"W_x has shape \(3, 10\); expected \(D, 4H\)"),
    ("rnn", params_of("rnn") | {"W_x": np.zeros(3)}, r"W_x has shape \(3,\); expected \(D, 1H\)"),
    ("gru", params_of("gru") | {"b_hn": np.zeros(12)}, r"b_hn has shape \(12,\).*needs \(4,\)"),
    ("lstm", params_of("lstm") | {"p_i": np.zeros(4), "p_o": np.zeros(4)},
     r"peephole weights \['p_i', 'p_o'\], which neither PyTorch nor Keras has; leave them out"),
    ("rnn", params_of("gru"), r"params has \['b_hn'\], which no rnn of the libraries has"),
    ("lstm", params_of("lstm") | {"W_y": np.zeros((4, 2))}, r"params has \['W_y'\]"),
    ("rnn", [], "params is an empty list"),
    ("rnn", [params_of("rnn"), (params_of("rnn", 4), params_of("rnn", 4))],
     r"expected dicts only, or pairs of dicts only; found layers of \[1, 2\] directions"),
    ("rnn", (params_of("rnn"),) * 3, r"found layers of \[3\] directions"),
    ("rnn", [[params_of("rnn")]], "params is list; expected a dict, a pair"),
    ("rnn", np.zeros(3), "params is ndarray; expected a dict, a pair"),
    ("rnn", [params_of("rnn"), params_of("rnn")],
     r"layer 1: W_x has shape \(3, 4\); layer 0 gives outputs of size 4. \(A bidirectional"),
    ("rnn", [(params_of("rnn"),) * 2, (params_of("rnn", 4),) * 2], "outputs of size 8"),
    ("rnn", (params_of("rnn", H=4), params_of("rnn", H=5)),
     r"directions of layer 0 have different shapes: .*\(4, 4\).* forward, .*\(5, 5\).* backward"),
    ("gru", (params_of("gru"), params_of("gru before")), "directions of layer 0 have different"),
    ("rnn", [params_of("rnn"), params_of("rnn", 4) | {"b": np.zeros(3)}],
     r"layer 1: b has shape \(3,\)"),
    ("rnn", (params_of("rnn"), params_of("rnn") | {"b": np.zeros(3)}),
     r"backward: b has shape \(3,\)"),
    ("rnn", params_of("rnn") | {"b": np.zeros(4, np.float32)}, "W_x is float64 and b is float32"),
    ("rnn", [params_of("rnn"), {k: v.astype(np.float32) for k, v in params_of("rnn", 4).items()}],
     "layer 1 is float32 and layer 0 is float64"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "params", "words"), WRONG_PARAMS)
@pytest.mark.parametrize("there", [interop.to_torch, interop.to_keras])
def test_wrong_params_are_named(there, kind, params, words):
    with pytest.raises(ValueError, match=words):
        there(kind, params)


@pytest.mark.parametrize("there", [interop.to_torch, interop.to_keras])
def test_params_that_are_no_floats_are_named(there):
    with pytest.raises(TypeError, match="b is int64; expected floats"):
        there("rnn", params_of("rnn") | {"b": np.zeros(4, int)})
    with pytest.raises(TypeError, match="layer 1: W_h is list"):
        there("rnn", [params_of("rnn"), params_of("rnn", 4) | {"W_h": [[1.0]]}])


def test_what_only_pytorch_cannot_hold():
    """Reset before the product, and layers of different H; Keras takes both."""
    with pytest.raises(ValueError, match="PyTorch only resets after it: use to_keras"):
        interop.to_torch("gru", params_of("gru before"))
    different = [params_of("rnn", H=4), params_of("rnn", D=4, H=5)]
    with pytest.raises(ValueError, match=r"H = \[4, 5\]; PyTorch needs one H for all layers"):
        interop.to_torch("rnn", different)
    again = interop.from_keras(interop.to_keras("rnn", different))
    assert [p["b"].size for p in again] == [4, 5]


def test_torch_modules_that_do_not_map():
    import torch

    for module, words in [
        (torch.nn.RNN(3, 4, nonlinearity="relu"), "expected nonlinearity='tanh', found 'relu'"),
        (torch.nn.LSTM(3, 4, proj_size=2), "expected proj_size=0, found 2"),
        (torch.nn.GRUCell(3, 4), "expected a torch.nn.RNN, LSTM or GRU, found GRUCell"),
    ]:
        with pytest.raises(ValueError, match=words):
            interop.from_torch(module)
        with pytest.raises(ValueError, match=words):
            interop.gradients_from_torch(module)
    with pytest.raises(ValueError, match=r"weight_ih_l0 has no gradient; call backward\(\)"):
        interop.gradients_from_torch(torch.nn.GRU(3, 4))
    module = torch.nn.GRU(3, 4, bias=False)
    module(torch.zeros(1, 2, 3))[0].sum().backward()
    with pytest.raises(ValueError, match="no bias_ih_l0: with bias=False"):
        interop.gradients_from_torch(module)


def keras_layers_that_do_not_map():
    import keras
    from keras import layers

    def wrapped(**options):
        return layers.Bidirectional(layers.GRU(4), **options)

    turned = layers.Bidirectional(layers.GRU(4, go_backwards=True), backward_layer=layers.GRU(4))
    other = layers.LSTM(4, go_backwards=True)
    different = layers.Bidirectional(layers.GRU(4), backward_layer=other)
    sigmoid = r"expected recurrent_activation='sigmoid', found 'hard_sigmoid'"
    return [
        (layers.SimpleRNN(4, activation="relu"), "expected activation='tanh', found 'relu'"),
        (layers.LSTM(4, activation=None), "expected activation='tanh', found 'linear'"),
        (layers.LSTM(4, activation=lambda x: x), "expected activation='tanh', found '<lambda>'"),
        (layers.LSTM(4, recurrent_activation="hard_sigmoid"), sigmoid),
        (layers.Bidirectional(layers.GRU(4, recurrent_activation="hard_sigmoid")), sigmoid),
        (layers.GRU(4, go_backwards=True), "expected go_backwards=False, found True: reverse"),
        (turned, "expected go_backwards=False"),
        (wrapped(merge_mode="sum"), "expected merge_mode='concat', found 'sum'"),
        (wrapped(merge_mode=None), "expected merge_mode='concat', found None"),
        (layers.Dense(4), "expected a keras.layers.SimpleRNN, LSTM or GRU, one in Bidirectional"),
        (layers.RNN(layers.GRUCell(4)), "expected a keras.layers.SimpleRNN"),
        (different, "expected a keras.layers.SimpleRNN"),
        (layers.LSTM(4), r"no weights yet; call layer.build\(\(None, None, D\)\) first"),
        (wrapped(), r"no weights yet; call layer.build"),
        ([layers.LSTM(4), layers.GRU(4)], r"kinds \['gru', 'lstm'\]; expected one kind"),
        ([], "empty list"),
        ([interop.to_keras("rnn", params_of("rnn"))] * 2, "layer 1: W_x has shape"),
        (keras.Sequential([]), "expected a keras.layers.SimpleRNN"),
    ]


def test_keras_layers_that_do_not_map():
    for layer, words in keras_layers_that_do_not_map():
        with pytest.raises(ValueError, match=words):
            interop.from_keras(layer)


def test_keras_gradients_that_do_not_fit():
    import keras

    layer = interop.to_keras("gru", params_of("gru"))
    weights = layer.get_weights()
    with pytest.raises(ValueError, match="gradients has 2 entries; expected 3, one array for each"):
        interop.gradients_from_keras(layer, weights[:2])
    with pytest.raises(ValueError, match="gradient 1 is None: the loss does not depend"):
        interop.gradients_from_keras(layer, [weights[0], None, weights[2]])
    with pytest.raises(ValueError, match="gradients has 3 entries; expected 1, one list for each"):
        interop.gradients_from_keras([layer], weights)
    bare = keras.layers.GRU(4, use_bias=False)
    bare.build((None, None, 3))
    with pytest.raises(ValueError, match="no bias: with use_bias=False"):
        interop.gradients_from_keras(bare, bare.get_weights())
