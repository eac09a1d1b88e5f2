"""optim: PyTorch step by step, hand-worked steps, saving and going on, clear errors."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.nn import optim

SHAPES = {"W_x": (3, 5), "W_h": (5, 5), "b": (5,)}


def some_params(rng, dtype=np.float64):
    """Parameters in a nest, as a stack of layers holds them."""
    layer = {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}
    return {"stack": [layer, (layer["b"] + 1, rng.standard_normal((2, 7)).astype(dtype))]}


def some_grads(rng, params):
    """Gradients of very different sizes, in the form of ``params``."""
    flat = {k: rng.standard_normal(p.shape) * 10 ** rng.uniform(-4, 3)
            for k, p in optim.leaves(params).items()}  # fmt: skip
    layer = {name: flat[f"stack.0.{name}"] for name in SHAPES}
    return {"stack": [layer, (flat["stack.1.0"], flat["stack.1.1"])]}


def in_torch(name, weights):
    import torch

    make = {
        "sgd": lambda: torch.optim.SGD(weights, lr=0.03),
        "momentum": lambda: torch.optim.SGD(weights, lr=0.03, momentum=0.9),
        "rmsprop": lambda: torch.optim.RMSprop(weights, lr=0.03),
        "adam": lambda: torch.optim.Adam(weights, lr=0.03),
        "adamw": lambda: torch.optim.AdamW(weights, lr=0.03, weight_decay=0.01),
    }
    return make[name]()


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_every_step_equals_pytorchs(name):
    """Thirty steps with random gradients, float64: equal to 1e-12 after each of them."""
    import torch

    rng = np.random.default_rng(3)
    params = some_params(rng)
    init, step = optim.OPTIMIZERS[name]
    state = init(params)
    weights = {
        k: torch.tensor(p.copy(), requires_grad=True) for k, p in optim.leaves(params).items()
    }
    theirs = in_torch(name, list(weights.values()))
    for _ in range(30):
        grads = some_grads(rng, params)
        for k, g in optim.leaves(grads).items():
            weights[k].grad = torch.tensor(g.copy())
        theirs.step()
        step(params, grads, state, 0.03)
        for k, p in optim.leaves(params).items():
            np.testing.assert_allclose(p, weights[k].detach(), rtol=1e-12, atol=1e-12, err_msg=k)


def test_two_steps_by_hand():
    """θ = 1, g = 2 twice, rate 0.1; each value worked out on paper from the equation."""
    expected = {
        "sgd": [0.8, 0.6],
        "momentum": [0.8, 0.42],  # v = 2, then 0.9 · 2 + 2 = 3.8
        "rmsprop": [1 - 0.2 / 0.2, 0 - 0.2 / np.sqrt(0.0796)],  # s = 0.04, then 0.0796
        "adam": [0.9, 0.8],  # equal gradients: m̂ / √ŝ = 1 at each step
        "adamw": [0.999 - 0.1, 0.899 * 0.999 - 0.1],
    }
    for name, values in expected.items():
        init, step = optim.OPTIMIZERS[name]
        params, found = {"a": np.ones(1)}, []
        state = init(params)
        for _ in values:
            step(params, {"a": np.full(1, 2.0)}, state, 0.1)
            found.append(params["a"][0])
        np.testing.assert_allclose(found, values, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_a_saved_state_goes_on_as_if_never_interrupted(name):
    """Ten steps; or five, save with np.savez, restore into new arrays, five more: bit-equal."""
    rng = np.random.default_rng(5)
    init, step = optim.OPTIMIZERS[name]
    whole = some_params(rng)
    broken = some_params(np.random.default_rng(5))
    grads = [some_grads(rng, whole) for _ in range(10)]
    state = init(whole)
    for g in grads:
        step(whole, g, state, 0.01)
    state = init(broken)
    for g in grads[:5]:
        step(broken, g, state, 0.01)
    files = [io.BytesIO(), io.BytesIO()]
    for file, tree in zip(files, (broken, state), strict=True):
        np.savez(file, **optim.leaves(tree))
        file.seek(0)
    again = some_params(np.random.default_rng(6))
    state = init(again)
    for file, tree in zip(files, (again, state), strict=True):
        with np.load(file) as saved:
            optim.restore(tree, saved)
    for g in grads[5:]:
        step(again, g, state, 0.01)
    for k, p in optim.leaves(whole).items():
        np.testing.assert_array_equal(optim.leaves(again)[k], p)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_float32_stays_float32_and_arrays_stay_the_same(name):
    """Training in place: the arrays of a layer are those that were stepped."""
    params = some_params(np.random.default_rng(0), np.float32)
    before = {k: id(p) for k, p in optim.leaves(params).items()}
    init, step = optim.OPTIMIZERS[name]
    step(params, some_grads(np.random.default_rng(1), params), init(params), 0.1)
    assert {k: id(p) for k, p in optim.leaves(params).items()} == before
    assert {p.dtype for p in optim.leaves(params).values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("limit", [0.5, 30.0, 1e9])
def test_clipping_equals_pytorchs(limit):
    """Norm and clipped gradients, by norm and by value."""
    import torch

    params = some_params(np.random.default_rng(0))
    grads = some_grads(np.random.default_rng(1), params)
    weights = []
    for g in optim.leaves(grads).values():
        weights.append(torch.zeros(g.shape, dtype=torch.float64, requires_grad=True))
        weights[-1].grad = torch.tensor(g.copy())
    by_value = [np.clip(g, -limit, limit) for g in optim.leaves(grads).values()]
    norm = torch.nn.utils.clip_grad_norm_(weights, limit)
    again = some_grads(np.random.default_rng(1), params)
    assert optim.clip_by_norm(grads, limit) == pytest.approx(norm.item(), rel=1e-12)
    optim.clip_by_value(again, limit)
    for w, g, v, expected in zip(
        weights, optim.leaves(grads).values(), optim.leaves(again).values(), by_value, strict=True
    ):
        np.testing.assert_allclose(g, w.grad, rtol=1e-12)
        np.testing.assert_array_equal(v, expected)


def test_clipping_by_norm_keeps_the_direction_and_by_value_does_not():
    """(3, 4) at limit 1 is (0.6, 0.8) by norm, (1, 1) by value."""
    by_norm, by_value = {"a": np.array([3.0, 4.0])}, {"a": np.array([3.0, 4.0])}
    assert optim.clip_by_norm(by_norm, 1.0) == 5.0
    optim.clip_by_value(by_value, 1.0)
    np.testing.assert_allclose(by_norm["a"], [0.6, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(by_value["a"], [1, 1])


def test_the_norm_of_large_float32_gradients_does_not_overflow():
    """(3e20, 4e20): their squares are beyond float32, their norm is not."""
    grads = {"a": np.array([3e20, 4e20], np.float32)}
    assert optim.clip_by_norm(grads, 5.0) == pytest.approx(5e20)
    np.testing.assert_allclose(grads["a"], [3, 4], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clipping_names_a_gradient_that_is_not_finite_and_leaves_all_unchanged(bad):
    grads = {"a": np.array([3.0, 4.0]), "b": np.array([1.0, bad])}
    with pytest.raises(FloatingPointError, match=r"\['b'\]"):
        optim.clip_by_norm(grads, 1.0)
    np.testing.assert_array_equal(grads["a"], [3, 4])


def test_schedules_equal_pytorchs():
    """Forty updates of each schedule beside torch.optim.lr_scheduler."""
    import torch

    lr_scheduler = torch.optim.lr_scheduler
    pairs = [
        (optim.step_decay(0.3, 7, 0.5), lambda o: lr_scheduler.StepLR(o, 7, 0.5), 0.3),
        (optim.exponential(1e-3, 1, 41), lambda o: lr_scheduler.ExponentialLR(o, 1e3**0.025), 1e-3),
        (optim.cosine(0.3, 40, 0.01), lambda o: lr_scheduler.CosineAnnealingLR(o, 40, 0.01), 0.3),
        (optim.constant(0.3), lambda o: lr_scheduler.ConstantLR(o, 1.0), 0.3),
    ]
    for ours, make, rate in pairs:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
        theirs = make(optimizer)
        for update in range(41):
            assert ours(update) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
            optimizer.step()
            theirs.step()


def test_cosine_warms_up_in_equal_steps_and_stays_at_the_floor():
    """By hand: warm-up of 4 to 0.8, then half a wave of 10 updates down to 0.2."""
    schedule = optim.cosine(0.8, 14, 0.2, warmup=4)
    np.testing.assert_allclose([schedule(u) for u in range(5)], [0.2, 0.4, 0.6, 0.8, 0.8])
    np.testing.assert_allclose([schedule(9), schedule(14), schedule(99)], [0.5, 0.2, 0.2])


def test_leaves_are_the_arrays_themselves():
    nest = {"stack": [({"b": np.zeros(2)}, {"b": np.ones(3)})], "out": np.ones(1)}
    flat = optim.leaves(nest)
    assert list(flat) == ["stack.0.0.b", "stack.0.1.b", "out"]
    flat["stack.0.0.b"][:] = 7
    assert nest["stack"][0][0]["b"].tolist() == [7, 7]


@pytest.mark.parametrize(
    ("params", "grads", "error", "words"),
    [
        ({"a": np.ones(2)}, {"b": np.ones(2)}, ValueError, r"missing \['a'\], unexpected \['b'\]"),
        ({"a": np.ones(2)}, {"a": np.ones((1, 2))}, ValueError, r"\(1, 2\).*\(2,\)"),
        ({"a": np.ones(2, int)}, {"a": np.ones(2)}, TypeError, "int64"),
        ({"a": [1.0]}, {"a": np.ones(1)}, TypeError, "a.0 is float"),
        ({"a": np.array(["x"])}, {"a": np.ones(1)}, TypeError, "dtype <U1"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(params, grads, error, words):
    first = {"first": np.ones(1)}
    both = first | params
    with pytest.raises(error, match=words):
        optim.sgd_step(both, {"first": np.ones(1)} | grads, {}, 0.1)
    assert first["first"][0] == 1


@pytest.mark.parametrize("rate", [-0.1, float("nan")])
def test_a_bad_rate_or_limit_is_refused(rate):
    with pytest.raises(ValueError, match="rate is"):
        optim.sgd_step({"a": np.ones(1)}, {"a": np.ones(1)}, {}, rate)
    with pytest.raises(ValueError, match="limit is"):
        optim.clip_by_norm({"a": np.ones(1)}, rate)
    with pytest.raises(ValueError, match="limit is"):
        optim.clip_by_value({"a": np.ones(1)}, rate)


def test_bad_schedules_are_refused():
    for make in (
        lambda: optim.step_decay(1, 0, 0.5),
        lambda: optim.exponential(0, 1, 5),
        lambda: optim.exponential(1, 1, 1),
        lambda: optim.cosine(1, 3, warmup=3),
    ):
        with pytest.raises(ValueError, match="expected"):
            make()


def test_restore_refuses_what_does_not_fit_and_changes_nothing():
    tree = {"a": np.zeros(2), "b": np.zeros(3)}
    with pytest.raises(ValueError, match=r"missing \['b'\]"):
        optim.restore(tree, {"a": np.ones(2)})
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        optim.restore(tree, {"a": np.ones(2), "b": np.ones(2)})
    assert not tree["a"].any()


# ---- properties, for any gradient ------------------------------------------------

NUMBERS = st.lists(st.floats(-1e3, 1e3).filter(lambda g: abs(g) > 1e-2), min_size=1, max_size=5)
SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)


@SETTINGS
@given(NUMBERS, st.floats(1e-4, 1.0))
def test_adams_first_step_is_the_rate_whatever_the_gradient(numbers, rate):
    """m̂ / √ŝ is the gradient's sign at step 1; the page says so."""
    g, p = np.array(numbers), np.zeros(len(numbers))
    optim.adam_step(p, g, optim.adam_init(p), rate)
    np.testing.assert_allclose(p, -rate * np.sign(g), rtol=1e-5)


@SETTINGS
@given(NUMBERS, st.floats(0.1, 100.0))
def test_adam_and_rmsprop_do_not_care_about_the_scale_of_the_loss(numbers, scale):
    """Gradients times a factor: the same path (but for ε); SGD's and momentum's scale with it."""
    g = np.array(numbers)
    for name, (init, step) in optim.OPTIMIZERS.items():
        paths = []
        for factor in (1.0, scale):
            p = np.zeros(len(g))
            state = init(p)
            for k in range(4):
                step(p, factor * g * np.cos(k), state, 0.01)
            paths.append(p)
        power = 1 if name in ("sgd", "momentum") else 0
        np.testing.assert_allclose(paths[1], paths[0] * scale**power, rtol=1e-3, err_msg=name)


@SETTINGS
@given(NUMBERS, st.floats(1e-3, 1e4))
def test_clipping_never_lengthens_and_never_turns(numbers, limit):
    g = np.array(numbers)
    clipped = g.copy()
    before = optim.clip_by_norm(clipped, limit)
    assert before == pytest.approx(np.linalg.norm(g))
    assert np.linalg.norm(clipped) <= min(before, limit) * (1 + 1e-9)
    np.testing.assert_allclose(clipped * before, g * np.linalg.norm(clipped), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("size", [1e200, 3e307, 1e-160, 1e-300])
def test_a_norm_whose_squares_overflow_or_vanish(size):
    """3, 4 → 5 in any unit; clipped, the length is the limit and the direction stays."""
    grads = {"a": np.array([3 * size]), "b": [np.array([[4 * size]])]}
    assert optim.norm(grads) == pytest.approx(5 * size, rel=1e-15)
    assert optim.clip_by_norm(grads, 2.0) == pytest.approx(5 * size, rel=1e-15)
    if size > 1:
        np.testing.assert_allclose([grads["a"][0], grads["b"][0][0, 0]], [1.2, 1.6], rtol=1e-14)


def test_a_norm_beyond_float64_names_the_largest_gradient():
    grads = {"small": np.ones(3), "W_h": np.full(4, -1.7e308)}
    with pytest.raises(FloatingPointError, match=r"above the largest float64.*that of 'W_h'"):
        optim.clip_by_norm(grads, 1.0)
    assert (grads["W_h"] == -1.7e308).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_both_ways_of_clipping_name_the_gradient(bad):
    """NaN in both; infinity has a direction, which clipping by value keeps."""
    grads = {"W_x": np.ones(2), "W_h": np.array([1.0, bad])}
    with pytest.raises(FloatingPointError, match=r"gradients of \['W_h'\] hold infinity or NaN"):
        optim.clip_by_norm(grads, 1.0)
    if np.isnan(bad):
        with pytest.raises(FloatingPointError, match=r"gradients of \['W_h'\] hold NaN"):
            optim.clip_by_value(grads, 0.5)
    else:
        optim.clip_by_value(grads, 0.5)
        assert (grads["W_h"] == 0.5).all()


def test_clipping_in_small_floats():
    """A factor below float16's normal numbers has no digits there; a limit above them is none."""
    grads = {"a": np.full(4, 60_000, np.float16)}
    optim.clip_by_norm(grads, 0.1)
    np.testing.assert_allclose(grads["a"], 0.05, rtol=1e-3)
    optim.clip_by_value(grads, 1e300)
    np.testing.assert_allclose(grads["a"], 0.05, rtol=1e-3)
    for clip in (optim.clip_by_norm, optim.clip_by_value):
        with pytest.raises(TypeError, match=r"grads\['a'\] has dtype int64; expected floats"):
            clip({"a": np.full(2, 9)}, 1.0)
    with pytest.raises(ValueError, match="rate is inf"):
        optim.sgd_step({"a": np.ones(1)}, {"a": np.ones(1)}, {}, np.inf)
