"""Parameters to and from PyTorch and Keras: same numbers forward and backward, exact round trips.

The reference is `cells`, direction by direction and layer by layer.
"""

import numpy as np
import pytest

from rnncourse import interop
from rnncourse.interop import convert
from rnncourse.nn import cells, recurrent
from rnncourse.nn.gradcheck import relative_error
from rnncourse.nn.optim import leaves

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
    """One layer in one direction by :mod:`rnncourse.nn.recurrent`."""
    run, run_back = (getattr(recurrent, f"{kind}_{name}") for name in ("forward", "backward"))
    first, dlast = (tuple(s[0][0]) if kind == "lstm" else s[0][0][0] for s in (states, dstates))
    (p,) = params[0]
    hs, last, cache = run(xs, first, p)
    dxs, dfirst, grads = run_back(dhs, dlast, cache, p)
    last, dfirst = ([s] if isinstance(s, np.ndarray) else list(s) for s in (last, dfirst))
    return named(hs, [[last]], dxs, [[dfirst]], [[grads]])


def flat(state):
    """The arrays of a state in any form, in order."""
    return [state] if isinstance(state, np.ndarray) else [a for part in state for a in flat(part)]


def run_library(library, kind, layers, xs, states, dhs, dstates, mask=None):
    """By :func:`rnncourse.interop.run`, whose states have the form of params."""

    def write(states):
        return as_form(
            [[tuple(way) if kind == "lstm" else way[0] for way in layer] for layer in states]
        )

    def read(state):
        arrays = iter(flat(state))
        return [[[next(arrays) for _ in way] for way in layer] for layer in states]

    ran = interop.run(
        library, library_kind(kind), as_form(layers), xs, write(states), dhs, write(dstates), mask
    )
    return named(ran.hs, read(ran.state), ran.dxs, read(ran.dstate0), as_layers(ran.dparams))


def run_torch(*case, **options):
    return run_library("torch", *case, **options)


def run_keras(*case, **options):
    return run_library("keras", *case, **options)


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
@pytest.mark.parametrize("run", [run_torch, run_keras])
def test_a_mask_is_a_packed_sequence(run, kind, shape):
    """PyTorch's packed sequences, Keras' mask and ours agree, where rows differ in length."""
    case = draw(kind, shape)
    mask = np.arange(case[1].shape[1]) < np.array(LENGTHS)[:, None]
    assert_same(run(kind, *case, mask=mask), run_cells(kind, *case, mask=mask), 1e-8)


# --- one layer, run by a library -----------------------------------------------------


def draw_layer(kind, N=3, T=7, D=5, H=11):
    """One layer's params, inputs, state, and upstream gradients of outputs and state."""
    rng = np.random.default_rng(1)
    normal = rng.standard_normal
    params = draw_params(rng, kind, D, H)

    def state():
        return (normal((N, H)), normal((N, H))) if kind == "lstm" else normal((N, H))

    return params, normal((N, T, D)), state(), normal((N, T, H)), state()


@pytest.mark.parametrize("given", ["all", "outputs", "state", "no first state"])
@pytest.mark.parametrize("kind", TORCH_KINDS)
@pytest.mark.parametrize("library", ["torch", "keras"])
def test_run_computes_what_our_layers_do(library, kind, given):
    """Odd sizes, random upstream gradients; what is not given is zero in both."""
    params, xs, state, dhs, dstate = draw_layer(kind)
    state = None if given == "no first state" else state
    dstate = None if given == "outputs" else dstate
    forward, backward = (getattr(recurrent, f"{kind}_{way}") for way in ("forward", "backward"))
    hs, last, cache = forward(xs, state, params)
    zero_or_dhs = np.zeros_like(dhs) if given == "state" else dhs
    expected = interop.Run(hs, last, *backward(zero_or_dhs, dstate, cache, params))
    dhs = None if given == "state" else dhs
    found = interop.run(library, kind, params, xs, state, dhs, dstate)
    ours, theirs = leaves(expected), leaves(found)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert relative_error(theirs[name], array) < 1e-10, name
        assert theirs[name].dtype == np.float64


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_run_goes_forward_alone_in_the_dtype_of_the_inputs(library):
    params, xs, *_ = draw_layer("lstm")
    ran = interop.run(library, "lstm", params, xs.astype(np.float32))
    assert ran[2:] == (None, None, None)
    assert [a.dtype for a in flat(ran[:2])] == [np.float32] * 3
    hs, last, _ = recurrent.lstm_forward(xs, None, params)
    assert relative_error(ran.hs, hs) < 1e-5
    assert relative_error(ran.state[1], last[1]) < 1e-5


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_run_answers_in_the_form_of_params(library):
    """A list of one layer stays a list; a pair of LSTMs has a pair of (h, c)."""
    params, xs, state, dhs, _ = draw_layer("gru")
    ran = interop.run(library, "gru", [params], xs, [state], dhs)
    assert [len(part) for part in (ran.state, ran.dstate0, ran.dparams)] == [1, 1, 1]
    params, xs, state, dhs, dstate = draw_layer("lstm")
    two = np.concatenate([dhs, dhs], axis=2)
    ran = interop.run(library, "lstm", (params,) * 2, xs, (state,) * 2, two, (dstate,) * 2)
    assert [type(ran.dparams), len(ran.state), len(ran.state[1])] == [tuple, 2, 2]


def arguments(kind="rnn", **others):
    params, xs, state, dhs, dstate = draw_layer(kind)
    found = {"params": params, "xs": xs, "state": state, "dhs": dhs, "dstate": dstate}
    return {"library": "torch", "kind": kind, **found, **others}


WRONG_ARGUMENTS = [
    (arguments(library="jax"), r"library is 'jax'; expected one of \['torch', 'keras'\]"),
    (arguments() | {"kind": "elman"}, r"kind is 'elman'; expected one of \['rnn', 'lstm', 'gru'"),
    (arguments(kind="lstm") | {"kind": "rnn"}, r"W_h has shape \(11, 44\)"),
    (arguments(xs=np.zeros((3, 7, 6))), r"xs has shape \(3, 7, 6\); expected \(N, T, 5\)"),
    (arguments(xs=np.zeros((3, 0, 5))), r"xs has shape \(3, 0, 5\); .* at least one sequence"),
    (arguments(state=np.zeros((1, 11))), r"state has shape \(1, 11\); expected \(3, 11\)"),
    (arguments("lstm", state=np.zeros((3, 11))), "state is a ndarray; .* need a tuple of 2"),
    (arguments(state=(np.zeros((3, 11)),)), r"state is a tuple; expected an array of .*\(3, 11\)"),
    (arguments(dhs=np.zeros((3, 7, 10))), r"dhs has shape \(3, 7, 10\); expected \(3, 7, 11\)"),
    (arguments("lstm", dstate=(np.zeros((3, 11)),)), "dstate is a tuple of 1; .* a tuple of 2"),
    (arguments("gru", dstate=np.zeros(11)), r"dstate has shape \(11,\); expected \(3, 11\)"),
    (arguments(mask=np.ones((3, 6))), r"mask has shape \(3, 6\); xs need \(3, 7\)"),
    (arguments(mask=np.arange(7) > np.zeros((3, 1))), "mask has rows with a 0 at the beginning"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG_ARGUMENTS)
def test_wrong_arguments_of_run_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        interop.run(**wrong)


def test_run_asks_for_floats():
    with pytest.raises(TypeError, match="xs is int64; expected floats"):
        interop.run(**arguments(xs=np.zeros((3, 7, 5), int)))


def test_run_says_which_part_of_a_state_is_wrong():
    lower, xs, (h, c), *_ = draw_layer("lstm")
    upper = draw_params(np.random.default_rng(0), "lstm", 11, 11)
    states = [(h, c), (h[:1], c)]
    with pytest.raises(
        ValueError, match=r"state\[1\]\[0\] has shape \(1, 11\); expected \(3, 11\)"
    ):
        interop.run("torch", "lstm", [lower, upper], xs, states)


# --- planted errors ------------------------------------------------------------------


def exchanged(p, kind, one, other):
    """Parameters with two gates exchanged."""
    gates = list(convert.GATES[kind])
    a, b = gates.index(one), gates.index(other)
    gates[a], gates[b] = other, one
    names = ("W_x", "W_h", "b")
    return p | {name: convert._reorder(p[name], convert.GATES[kind], gates) for name in names}


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
    name, (one, other, last) = getattr(convert, table)["gru"]
    monkeypatch.setitem(getattr(convert, table), "gru", (name, (other, one, last)))
    run = {"TORCH": run_torch, "KERAS": run_keras}[table]
    with pytest.raises(AssertionError):
        assert_same(run("gru", layers, *rest), expected, 1e-3)


def test_the_order_is_read_by_name(monkeypatch):
    """If the course stacked its gates in another order, the module would be the same."""
    p = draw_params(np.random.default_rng(0), "lstm", 3, 2)
    before = interop.to_torch("lstm", p).state_dict()
    order = ("o", "g", "i", "f")
    moved = {
        name: convert._reorder(array, convert.GATES["lstm"], order) for name, array in p.items()
    }
    monkeypatch.setitem(convert.GATES, "lstm", order)
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

    made = getattr(torch.nn, convert.TORCH[kind][0])
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
    made = getattr(keras.layers, convert.KERAS[library_kind(kind)][0])
    layer = made(4, return_sequences=True, use_bias=use_bias, dtype="float64", **options)
    layer.build((None, None, 3))
    layer.set_weights([rng.standard_normal(w.shape) for w in layer.get_weights()])
    xs = rng.standard_normal((2, 5, 3))
    p = interop.from_keras(layer)
    assert ("b_hn" in p) == (kind == "gru")
    assert relative_error(forward(kind, p, xs), layer(xs).numpy()) < 1e-8


def keras_halves(one, other, **options):
    """A built Bidirectional of D = 3 whose halves are given, with random weights."""
    import keras

    layer = keras.layers.Bidirectional(one, backward_layer=other, **options)
    layer.build((None, None, 3))
    rng = np.random.default_rng(0)
    layer.set_weights([rng.standard_normal(w.shape) for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("bias", [(True, False), (False, True), (False, False)])
@pytest.mark.parametrize("kind", STEPS)
def test_halves_with_and_without_bias(kind, bias):
    """Each half is read from its own weights: our two runs equal Keras's outputs."""
    import keras

    made = getattr(keras.layers, convert.KERAS[library_kind(kind)][0])
    options = {"reset_after": kind == "gru"} if library_kind(kind) == "gru" else {}
    options |= {"return_sequences": True, "dtype": "float64"}
    layer = keras_halves(
        made(4, use_bias=bias[0], **options),
        made(4, use_bias=bias[1], go_backwards=True, dropout=0.5, **options), dtype="float64",
    )  # fmt: skip
    params = interop.from_keras(layer)
    xs = np.random.default_rng(1).standard_normal((2, 5, 3))
    ahead, back = forward(kind, params[0], xs), forward(kind, params[1], xs[:, ::-1])
    found = np.concatenate([ahead, back[:, ::-1]], axis=2)
    assert relative_error(found, layer(xs).numpy()) < 1e-8
    with pytest.raises(ValueError, match="use_bias=False there is no gradient of b"):
        interop.gradients_from_keras(layer, layer.get_weights())


def test_bfloat16_is_read_as_float32():
    """NumPy has no bfloat16; float32 holds all of its numbers: going back changes no bit."""
    import keras
    import torch

    module = torch.nn.GRU(3, 4, num_layers=2, bidirectional=True, dtype=torch.bfloat16)
    module(torch.ones(2, 5, 3, dtype=torch.bfloat16))[0].sum().backward()
    for form in (interop.from_torch(module), interop.gradients_from_torch(module)):
        assert {array.dtype for array in leaves(form).values()} == {np.dtype(np.float32)}
    found = interop.from_torch(module)[0][0]["W_x"].T
    assert torch.equal(torch.tensor(found).bfloat16(), module.weight_ih_l0.detach())
    bare = torch.nn.GRU(3, 4, bias=False, dtype=torch.bfloat16)
    assert interop.from_torch(bare)["b"].dtype == np.float32
    options = {"dtype": "bfloat16", "recurrent_initializer": "glorot_uniform"}
    layer = keras.layers.LSTM(4, **options)
    layer.build((None, None, 3))
    ours, theirs = interop.from_keras(layer), layer.get_weights()
    assert {array.dtype for array in ours.values()} == {np.dtype(np.float32)}
    assert (ours["W_x"].astype(theirs[0].dtype) == theirs[0]).all()  # both orders are i, f, g, o
    grads = interop.gradients_from_keras(
        layer, [keras.ops.ones_like(w) for w in layer.trainable_weights]
    )
    assert grads["W_h"].dtype == np.float32


def test_float16_and_computed_parameters_are_read():
    """float16 stays; a parameter under weight_norm is read as the module uses it."""
    import torch
    from torch.nn.utils.parametrizations import weight_norm

    half = interop.from_torch(torch.nn.LSTM(3, 4, dtype=torch.float16))
    assert half["b"].dtype == np.float16
    module = weight_norm(torch.nn.RNN(3, 4, batch_first=True), "weight_hh_l0")
    xs = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    hs = module(torch.tensor(xs))[0]
    assert (
        relative_error(forward("rnn", interop.from_torch(module), xs), hs.detach().numpy()) < 1e-5
    )
    hs.sum().backward()
    with pytest.raises(ValueError, match="weight_hh_l0 is computed from other parameters"):
        interop.gradients_from_torch(module)


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
    long = {name: p.astype(np.longdouble) for name, p in params_of("rnn").items()}
    with pytest.raises(TypeError, match=r"neither PyTorch nor Keras has: cast them"):
        there("rnn", long)


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
        (torch.nn.LSTM(3, 4, proj_size=2, num_layers=2, bidirectional=True), "proj_size=0"),
    ]:
        with pytest.raises(ValueError, match=words):
            interop.from_torch(module)
        with pytest.raises(ValueError, match=words):
            interop.gradients_from_torch(module)
    for bias in (True, False):
        empty = torch.nn.LSTM(3, 4, bias=bias, device="meta")
        with pytest.raises(ValueError, match=r"'meta', which keeps shapes and no numbers.*'cpu'"):
            interop.from_torch(empty)
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

    def halves(one, other):
        return keras_halves(one, other, dtype="float64")

    def gru(units=4, **options):
        return layers.GRU(units, **{"dtype": "float64", **options})

    both_forward = halves(gru(), gru(go_backwards=True))
    both_forward.backward_layer.go_backwards = False
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
        (halves(gru(), gru(5, go_backwards=True)),
         r"different shapes: .*\(4, 12\).* forward, .*\(5, 15\).* backward; expected the same"),
        (halves(gru(), gru(go_backwards=True, reset_after=False)), "different shapes: .*'b_hn'"),
        (halves(gru(), gru(go_backwards=True, dtype="float32")),
         "float64 forward and float32 backward; expected one dtype"),
        (halves(gru(), gru(go_backwards=True, activation="relu")), "expected activation='tanh'"),
        (both_forward, "backward_layer has go_backwards=False: both halves read forward"),
        (layers.LSTM(4), r"no weights yet; call layer.build\(\(None, None, D\)\) first"),
        (wrapped(), r"no weights yet; call layer.build"),
        ([layers.LSTM(4), layers.GRU(4)], r"kinds \['gru', 'lstm'\]; expected one kind"),
        ([], "empty list"),
        ([interop.to_keras("rnn", params_of("rnn"))] * 2, "layer 1: W_x has shape"),
        (keras.Sequential([]), "expected a keras.layers.SimpleRNN"),
    ]  # fmt: skip


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
    with pytest.raises(ValueError, match=r"gradient 0 has shape \(4, 12\).*weight has \(3, 12\)"):
        interop.gradients_from_keras(layer, [weights[1], weights[0], weights[2]])
    with pytest.raises(ValueError, match="gradient 1 is None: the loss does not depend"):
        interop.gradients_from_keras(layer, [weights[0], None, weights[2]])
    with pytest.raises(ValueError, match="gradients has 3 entries; expected 1, one list for each"):
        interop.gradients_from_keras([layer], weights)
    bare = keras.layers.GRU(4, use_bias=False)
    bare.build((None, None, 3))
    with pytest.raises(ValueError, match="no bias: with use_bias=False"):
        interop.gradients_from_keras(bare, bare.get_weights())
