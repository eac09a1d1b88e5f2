"""Attention: hand-worked values, gradients, masks, and PyTorch and Keras beside it.

The meaning is tested too: permute the source and the weights permute.
"""

import numpy as np
import pytest

from rnncourse.nn import attention
from rnncourse.nn.gradcheck import GradientMismatch, check_gradient, relative_error

N, U, T, Q, K, A, H = 3, 4, 5, 2, 2, 6, 7  # Q = K: "dot" and "scaled" need it
MASK = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [0, 0, 0, 1, 0]])
EMPTY = np.array([[1, 1, 0, 1, 1], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0]])
KINDS = attention.KINDS


def make(kind, seed=0, own_values=False):
    """Queries, keys, values and params, random, no two alike."""
    rng = np.random.default_rng(seed)
    K_ = K if kind in ("dot", "scaled") else K + 1
    params = attention.attention_init(rng, kind, Q, K_, A)
    params = {name: rng.standard_normal(p.shape) for name, p in params.items()}
    queries, keys = rng.standard_normal((N, U, Q)), rng.standard_normal((N, T, K_))
    return queries, keys, params, rng.standard_normal((N, T, H)) if own_values else None


def run(kind, queries, keys, params, mask, values, dcontexts):
    """Everything that a forward and a backward pass give, by name."""
    contexts, cache = attention.attention_forward(kind, queries, keys, params, mask, values)
    inputs, grads = attention.attention_backward(dcontexts, cache, params)
    found = dict(zip(("queries", "keys", "values"), inputs, strict=True)) | grads
    found = {name: d for name, d in found.items() if d is not None}
    return {"contexts": contexts, "weights": cache.weights} | found


# --- values -------------------------------------------------------------------------


def test_additive_by_hand():
    """One query 1, keys 0 and 2, all weights 1: tanh(1) and tanh(3), times v = 2."""
    params = {"W_q": np.eye(1), "W_k": np.eye(1), "b": np.zeros(1), "v": np.array([2.0])}
    keys = np.array([[[0.0], [2.0]]])
    context, cache = attention.attention_forward("additive", np.ones((1, 1)), keys, params)
    e = np.exp(2 * np.tanh([1.0, 3.0]))
    np.testing.assert_allclose(cache.weights[0, 0], e / e.sum(), rtol=1e-15)
    np.testing.assert_allclose(context, [[2 * e[1] / e.sum()]], rtol=1e-15)


def test_products_by_hand():
    """Query (1, 2), keys (3, 0) and (0, 1): products 3 and 2; scaled by √2; W turns the query."""
    query, keys = np.array([[1.0, 2.0]]), np.array([[[3.0, 0.0], [0.0, 1.0]]])
    turn = np.array([[0.0, 1.0], [1.0, 0.0]])
    cases = {"dot": ([3, 2], {}), "scaled": ([3 / 2**0.5, 2 / 2**0.5], {}),
             "general": ([6, 1], {"W": turn})}  # fmt: skip
    for kind, (scores, params) in cases.items():
        _, cache = attention.attention_forward(kind, query, keys, params)
        e = np.exp(scores)
        np.testing.assert_allclose(cache.weights[0, 0], e / e.sum(), rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_one_query_is_a_batch_of_one_step(kind):
    queries, keys, params, values = make(kind, own_values=True)
    every, _ = attention.attention_forward(kind, queries, keys, params, MASK, values)
    for u in range(U):
        one, cache = attention.attention_forward(kind, queries[:, u], keys, params, MASK, values)
        np.testing.assert_allclose(one, every[:, u], rtol=1e-12)
        assert cache.weights.shape == (N, 1, T)
        (dq, _, _), _ = attention.attention_backward(one, cache, params)
        assert dq.shape == (N, Q)


def test_huge_scores_do_not_overflow():
    weights = attention.masked_softmax(np.array([[[1e4, 1e4 - 1, -1e4]]]))
    np.testing.assert_allclose(weights[0, 0, :2], np.exp([0, -1]) / (1 + np.exp(-1)), rtol=1e-12)


# --- gradients ------------------------------------------------------------------------


def check(kind, mask, own_values, broken=lambda grads: grads):
    queries, keys, params, values = make(kind, own_values=own_values)
    inputs = {"queries": queries, "keys": keys, **params}
    inputs |= {"values": values} if own_values else {}

    def forward():
        return attention.attention_forward(kind, queries, keys, params, mask, values)[0]

    def backward(dcontexts):
        return broken(run(kind, queries, keys, params, mask, values, dcontexts))

    check_gradient(forward, backward, inputs, np.random.default_rng(1), 1e-7)


@pytest.mark.parametrize("own_values", [False, True])
@pytest.mark.parametrize("mask", [None, MASK, EMPTY], ids=["no mask", "mask", "an empty row"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind, mask, own_values):
    check(kind, mask, own_values)


@pytest.mark.parametrize("name", ["queries", "keys", "W_q", "W_k", "b", "v"])
def test_a_planted_error_is_seen(name):
    def broken(grads):
        return grads | {name: grads[name] * 1.001}

    with pytest.raises(GradientMismatch, match=name):
        check("additive", MASK, False, broken)


# --- masks ----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("mask", [MASK, EMPTY], ids=["mask", "an empty row"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_under_a_mask_counts_for_nothing(kind, mask, bad):
    """NaN and infinity in masked keys and values, and in all that belongs to an empty row."""
    queries, keys, params, values = make(kind, own_values=True)
    dcontexts = np.random.default_rng(2).standard_normal((N, U, H))
    expected = run(kind, queries, keys, params, mask, values, dcontexts)
    keys[mask == 0], values[mask == 0] = bad, bad
    empty = ~mask.any(axis=1)
    queries[empty], dcontexts[empty] = bad, bad
    found = run(kind, queries, keys, params, mask, values, dcontexts)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, name)
    for name in ("keys", "values"):
        assert (found[name][mask == 0] == 0).all()
    assert (found["weights"].swapaxes(1, 2)[mask == 0] == 0).all()
    for name in ("contexts", "queries", "weights"):
        assert (found[name][empty] == 0).all()
    np.testing.assert_allclose(found["weights"][~empty].sum(-1), 1, rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_leaving_out_are_the_same(kind):
    """The masked steps removed, row by row, change nothing."""
    queries, keys, params, values = make(kind, own_values=True)
    contexts, cache = attention.attention_forward(kind, queries, keys, params, MASK, values)
    for n, row in enumerate(MASK == 1):
        alone, weights = attention.attention_forward(
            kind, queries[[n]], keys[[n]][:, row], params, None, values[[n]][:, row]
        )
        np.testing.assert_allclose(contexts[n], alone[0], rtol=1e-13)
        np.testing.assert_allclose(cache.weights[n][:, row], weights.weights[0], rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_permute_the_source_and_the_weights_permute(kind):
    """The contexts stay. An attention that ignores the keys cannot do this."""
    queries, keys, params, _ = make(kind)
    order = np.array([3, 0, 4, 1, 2])
    before, cache = attention.attention_forward(kind, queries, keys, params, MASK)
    after, moved = attention.attention_forward(
        kind, queries, keys[:, order], params, MASK[:, order]
    )
    np.testing.assert_allclose(moved.weights, cache.weights[..., order], rtol=1e-13)
    np.testing.assert_allclose(after, before, rtol=1e-12)
    assert np.ptp(cache.weights[0], axis=1).min() > 0.01  # not all alike


# --- the libraries ------------------------------------------------------------------------


def torch_run(kind, queries, keys, params, mask, values, dcontexts):
    """The same with PyTorch's own operations and autograd; scaled by its fused function."""
    import torch

    leaves = {"queries": queries, "keys": keys, "values": values, **params}
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in leaves.items()}
    q, k, v = (leaves[name] for name in ("queries", "keys", "values"))
    keep = torch.tensor(mask == 1)[:, None]
    if kind == "scaled":
        contexts = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=keep)
    else:
        if kind == "additive":
            linear = torch.nn.functional.linear
            asked = linear(q, leaves["W_q"].T)[:, :, None]
            told = linear(k, leaves["W_k"].T, leaves["b"])[:, None]
            scores = torch.tanh(asked + told) @ leaves["v"]
        else:
            scores = torch.einsum("nuq,qk,ntk->nut", q, leaves["W"], k) if "W" in leaves else (
                torch.einsum("nuq,ntq->nut", q, k))  # fmt: skip
        weights = torch.softmax(scores.masked_fill(~keep, -torch.inf), dim=-1)
        contexts = torch.bmm(weights, v)
    contexts.backward(torch.tensor(dcontexts))
    grads = {name: leaf.grad.numpy() for name, leaf in leaves.items()}
    return {"contexts": contexts.detach().numpy(), **grads}


def keras_run(kind, queries, keys, params, mask, values, dcontexts):
    """The same with ``keras.layers.AdditiveAttention`` and ``Attention``."""
    import keras
    import tensorflow as tf

    leaves = {"queries": queries, "keys": keys, "values": values, **params}
    leaves = {name: tf.Variable(a) for name, a in leaves.items()}
    dtype, scale = str(queries.dtype), 1.0
    layer = keras.layers.Attention(use_scale=False, dtype=dtype)
    if kind == "additive":
        layer = keras.layers.AdditiveAttention(use_scale=True, dtype=dtype)
    with tf.GradientTape() as tape:
        q, k, v = (tf.convert_to_tensor(leaves[name]) for name in ("queries", "keys", "values"))
        if kind == "additive":
            q, k = q @ leaves["W_q"], k @ leaves["W_k"] + leaves["b"]
            layer.build([q.shape, v.shape, k.shape])
            layer.scale.assign(leaves["v"])
        elif kind == "general":
            q = q @ leaves["W"]
        elif kind == "scaled":
            scale = q.shape[-1] ** -0.5
        contexts = layer([q * scale, v, k], mask=[None, tf.constant(mask == 1)])
        loss = tf.reduce_sum(contexts * dcontexts)
    wanted = {name: leaf for name, leaf in leaves.items() if name != "v"}
    if kind == "additive":
        wanted["v"] = layer.scale.value
    found = tape.gradient(loss, wanted)
    return {"contexts": contexts.numpy(), **{name: g.numpy() for name, g in found.items()}}


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-5)])
@pytest.mark.parametrize("library", [torch_run, keras_run])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_the_libraries(kind, library, dtype, tolerance):
    """Contexts and every gradient, masked, from a random upstream gradient."""
    queries, keys, params, values = make(kind, own_values=True)
    dcontexts = np.random.default_rng(3).standard_normal((N, U, H))
    cast = [a.astype(dtype) for a in (queries, keys, values, dcontexts)]
    params = {name: p.astype(dtype) for name, p in params.items()}
    queries, keys, values, dcontexts = cast
    ours = run(kind, queries, keys, params, MASK, values, dcontexts)
    theirs = library(kind, queries, keys, params, MASK, values, dcontexts)
    for name, array in theirs.items():
        assert ours[name].dtype == dtype
        assert relative_error(ours[name], array) < tolerance, name


# --- bad input -------------------------------------------------------------------------------

Q3, K3 = np.zeros((2, 3, 4)), np.zeros((2, 5, 4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: attention.attention_forward("cosine", Q3, K3, {}), ValueError, "unknown kind"),
        (lambda: attention.attention_forward("dot", Q3, K3[:1], {}), ValueError, r"queries has sh"),
        (lambda: attention.attention_forward("dot", Q3[..., :3], K3, {}), ValueError, r"\(2, 4\)"),
        (lambda: attention.attention_forward("dot", Q3, K3[:, :0], {}), ValueError, "one step"),
        (lambda: attention.attention_forward("dot", Q3, K3[0], {}), ValueError, "keys has shape"),
        (lambda: attention.attention_forward("dot", Q3, K3, {"W": K3}), ValueError, "needs"),
        (lambda: attention.attention_forward("general", Q3, K3, {}), ValueError, r"\['W'\]"),
        (
            lambda: attention.attention_forward("general", Q3, K3, {"W": np.zeros((4, 3))}),
            ValueError,
            r"W \(4, 3\) needs \(N, T, 3\)",
        ),
        (lambda: attention.attention_forward("dot", Q3, K3, {}, np.ones((2, 4))), ValueError,
         r"mask has shape \(2, 4\)"),
        (lambda: attention.attention_forward("dot", Q3, K3, {}, np.full((2, 5), 0.5)), ValueError,
         "other than 0 and 1"),
        (lambda: attention.attention_forward("dot", Q3, K3, {}, None, K3[:, :4]), ValueError,
         "values has shape"),
        (lambda: attention.attention_forward("dot", Q3.astype(int), K3, {}), TypeError, "queries"),
        (lambda: attention.attention_init(np.random.default_rng(), "dot", 3, 4), ValueError,
         "Q = 3 and K = 4"),
        (lambda: attention.attention_init(np.random.default_rng(), "additive", 0, 4), ValueError,
         "Q is 0"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_wrong_upstream_gradient_is_named():
    queries, keys, params, _ = make("dot")
    _, cache = attention.attention_forward("dot", queries, keys, params)
    with pytest.raises(ValueError, match=r"dcontexts has shape \(1, 4, 2\)"):
        attention.attention_backward(np.ones((1, U, K)), cache, params)
