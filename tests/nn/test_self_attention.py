"""Self-attention in several heads: gradients, masks, order, PyTorch; positions."""

import numpy as np
import pytest

from rnncourse.nn import self_attention
from rnncourse.nn.gradcheck import check_gradient, relative_error

N, T, D, HEADS = 3, 5, 6, 3
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 0, 1, 0]])
EMPTY = MASK * np.array([[1], [0], [1]])


def make(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    params = self_attention.multi_head_init(rng, D)
    params = {name: rng.standard_normal(p.shape).astype(dtype) for name, p in params.items()}
    return (rng.standard_normal((N, T, D)).astype(dtype), params,
            rng.standard_normal((N, T, D)).astype(dtype))  # fmt: skip


def run(xs, params, mask, causal, dout):
    out, cache = self_attention.multi_head_forward(xs, params, HEADS, mask, causal)
    dxs, grads = self_attention.multi_head_backward(dout, cache, params)
    return {"out": out, "weights": cache.weights, "xs": dxs, **grads}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, MASK, EMPTY], ids=["no mask", "mask", "an empty row"])
def test_gradients(mask, causal):
    xs, params, _ = make()
    check_gradient(
        lambda: self_attention.multi_head_forward(xs, params, HEADS, mask, causal)[0],
        lambda dout: run(xs, params, mask, causal, dout),
        {"xs": xs, **{name: p for name, p in params.items() if name != "b_k"}},
        np.random.default_rng(1),
        1e-7,
    )
    # The same number on each key changes no softmax: b_k has no effect and no gradient.
    assert np.abs(run(xs, params, mask, causal, np.ones_like(xs))["b_k"]).max() < 1e-12


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [MASK, EMPTY])
def test_what_stands_under_a_mask_counts_for_nothing(mask, causal, bad):
    xs, params, dout = make()
    expected = run(xs, params, mask, causal, dout)
    xs[mask == 0], dout[mask == 0] = bad, bad
    found = run(xs, params, mask, causal, dout)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, name)
    assert (found["out"][mask == 0] == 0).all()
    assert (found["xs"][mask == 0] == 0).all()
    assert (found["weights"].transpose(0, 3, 1, 2)[mask == 0] == 0).all()


def test_no_step_looks_ahead():
    xs, params, _ = make()
    out, cache = self_attention.multi_head_forward(xs, params, HEADS, causal=True)
    assert (np.triu(cache.weights, 1) == 0).all()
    xs[:, 3:] += 1
    again, _ = self_attention.multi_head_forward(xs, params, HEADS, causal=True)
    np.testing.assert_array_equal(again[:, :3], out[:, :3])
    assert (again[:, 3:] != out[:, 3:]).any(axis=2).all()


def test_order_is_lost_without_positions():
    """Permuted steps give permuted outputs; with positions added they do not."""
    xs, params, _ = make()
    order = np.array([4, 2, 0, 1, 3])
    out, _ = self_attention.multi_head_forward(xs, params, HEADS)
    moved, _ = self_attention.multi_head_forward(xs[:, order], params, HEADS)
    np.testing.assert_allclose(moved, out[:, order], rtol=1e-10)
    where = self_attention.sinusoidal_positions(T, D)
    out, _ = self_attention.multi_head_forward(xs + where, params, HEADS)
    moved, _ = self_attention.multi_head_forward(xs[:, order] + where, params, HEADS)
    assert np.abs(moved - out[:, order]).max() > 0.1


def torch_run(xs, params, mask, causal, dout):
    """``torch.nn.MultiheadAttention`` with our parameters; its gradients in our layout."""
    import torch

    module = torch.nn.MultiheadAttention(D, HEADS, batch_first=True, dtype=torch.tensor(xs).dtype)
    joint = {"in_proj_weight": np.vstack([params[f"W_{n}"].T for n in "qkv"]),
             "in_proj_bias": np.hstack([params[f"b_{n}"] for n in "qkv"]),
             "out_proj.weight": params["W_o"].T, "out_proj.bias": params["b_o"]}  # fmt: skip
    module.load_state_dict({name: torch.tensor(a) for name, a in joint.items()})
    x = torch.tensor(xs, requires_grad=True)
    ahead = torch.triu(torch.ones(T, T, dtype=torch.bool), 1) if causal else None
    padding = None if mask is None else torch.tensor(mask == 0)
    out, weights = module(x, x, x, key_padding_mask=padding, attn_mask=ahead,
                          average_attn_weights=False)  # fmt: skip
    out.backward(torch.tensor(dout))
    g = {name: p.grad.numpy() for name, p in module.named_parameters()}
    grads = {
        f"W_{n}": part.T for n, part in zip("qkv", np.split(g["in_proj_weight"], 3), strict=True)
    }
    grads |= {f"b_{n}": part for n, part in zip("qkv", np.split(g["in_proj_bias"], 3), strict=True)}
    grads |= {"W_o": g["out_proj.weight"].T, "b_o": g["out_proj.bias"]}
    found = {"out": out, "weights": weights}
    return {**{n: a.detach().numpy() for n, a in found.items()}, "xs": x.grad.numpy(), **grads}


PADDED = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]])


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-5)])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, PADDED])
def test_equal_to_torch(mask, causal, dtype, tolerance):
    """PyTorch computes outputs in the padding too, so these are compared where real."""
    xs, params, dout = make(dtype=dtype)
    real = np.ones((N, T), bool) if mask is None else mask == 1
    dout = np.where(real[..., None], dout, 0).astype(dtype)
    ours, theirs = run(xs, params, mask, causal, dout), torch_run(xs, params, mask, causal, dout)
    assert relative_error(ours["out"][real], theirs["out"][real]) < tolerance
    at = (ours["weights"].swapaxes(1, 2)[real], theirs["weights"].swapaxes(1, 2)[real])
    assert relative_error(*at) < tolerance
    for name in ("xs", *(n for n in params if n != "b_k")):
        assert relative_error(ours[name], theirs[name]) < tolerance, name
    assert np.abs(ours["b_k"] - theirs["b_k"]).max() < 10 * tolerance  # 0 but for rounding


def test_positions_by_hand():
    found = self_attention.sinusoidal_positions(3, 4)
    np.testing.assert_allclose(found[0], [0, 1, 0, 1])
    np.testing.assert_allclose(found[2], [np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)])
    assert self_attention.sinusoidal_positions(2, 5, np.float32).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda xs, p: self_attention.multi_head_forward(xs, p, 4), "heads = 4 do not divide D"),
        (lambda xs, p: self_attention.multi_head_forward(xs, p, 0), "heads is 0"),
        (lambda xs, p: self_attention.multi_head_forward(xs[0], p, 2), "xs has shape"),
        (lambda xs, p: self_attention.multi_head_forward(xs[..., :2], p, 2), r"\(N, T, 6\)"),
        (lambda xs, p: self_attention.multi_head_forward(xs, p, 2, MASK[:2]), "mask has shape"),
        (lambda xs, p: self_attention.multi_head_backward(
            xs[:1], self_attention.multi_head_forward(xs, p, 2)[1], p), "dout has shape"),
        (lambda xs, p: self_attention.sinusoidal_positions(0, 4), "T is 0"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    xs, params, _ = make()
    with pytest.raises(ValueError, match=message):
        call(xs, params)
