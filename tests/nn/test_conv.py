"""Convolution and pooling: by hand, against both libraries, and against finite differences."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from rnncourse.nn import conv
from rnncourse.nn.gradcheck import check_gradient, relative_error


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_conv_equals_torch_and_keras_on_one_picture(rng):
    x, params = rng.standard_normal((2, 5, 7, 3)), conv.conv2d_init(rng, 3, 3, 4)
    y, _ = conv.conv2d_forward(x, params)
    W = torch.tensor(params["W"].transpose(3, 2, 0, 1))
    theirs = torch.conv2d(torch.tensor(x.transpose(0, 3, 1, 2)), W, padding="same")
    np.testing.assert_allclose(y, theirs.numpy().transpose(0, 2, 3, 1), atol=1e-12)
    np.testing.assert_allclose(y, np.asarray(ops.conv(x, params["W"], padding="same")), atol=1e-12)


def test_a_picture_by_hand():
    """A filter that subtracts the right neighbour from a place, and adds 1."""
    x = np.array([[1.0, 4, 2], [0, 5, 5]])[None, :, :, None]
    W = np.zeros((3, 3, 1, 1))
    W[1, 1, 0, 0], W[1, 2, 0, 0] = 1, -1
    y, _ = conv.conv2d_forward(x, {"W": W, "b": np.ones(1)})
    assert y[0, :, :, 0].tolist() == [[-2, 3, 3], [-4, 1, 6]]
    y, _ = conv.conv2d_forward(x, {"W": W[1:2, 1:2], "b": np.ones(1)}, "valid")
    assert y[0, :, :, 0].tolist() == [[2, 5, 3], [1, 6, 6]]


def test_pooling_by_hand():
    x = np.array([[1.0, 4, 2], [0, 5, 5], [9, 9, 9]])[None, :, :, None]
    y, cache = conv.max_pool2d_forward(x)
    assert y.tolist() == [[[[5.0]]]]  # the last row and column fill no window
    assert conv.avg_pool2d_forward(x).tolist() == [[[[2.5]]]]
    dx = conv.max_pool2d_backward(np.full((1, 1, 1, 1), 3.0), cache)
    assert dx[0, :, :, 0].tolist() == [[0, 0, 0], [0, 3, 0], [0, 0, 0]]
    dx = conv.avg_pool2d_backward(np.full((1, 1, 1, 1), 4.0), x.shape)
    assert dx[0, :, :, 0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


def test_of_equals_the_first_gets_the_gradient():
    _, cache = conv.max_pool2d_forward(np.ones((1, 2, 2, 1)))
    dx = conv.max_pool2d_backward(np.ones((1, 1, 1, 1)), cache)
    assert dx.ravel().tolist() == [1, 0, 0, 0]
    theirs = torch.ones((1, 1, 2, 2), requires_grad=True)
    torch.nn.functional.max_pool2d(theirs, 2).backward()
    assert theirs.grad.ravel().tolist() == [1, 0, 0, 0]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("padding", conv.PADDINGS)
@pytest.mark.parametrize("K", [1, 2, 3, 4, 5])
def test_conv_equals_both_libraries_forward_and_backward(rng, K, padding):
    x = rng.standard_normal((3, 5, 8, 2))
    params = {"W": rng.standard_normal((K, K, 2, 3)), "b": rng.standard_normal(3)}
    y, cache = conv.conv2d_forward(x, params, padding)
    upstream = rng.standard_normal(y.shape)
    dx, grads = conv.conv2d_backward(upstream, cache, params)
    found = [y, dx, grads["W"], grads["b"]]
    for theirs in (torch_conv(x, params, padding, upstream), keras_conv(x, params, padding)):
        for ours, other in zip(found, theirs, strict=False):
            assert relative_error(ours, other) < 1e-8


def torch_conv(x, params, padding, upstream):
    """y, dx, dW, db of PyTorch, in our layout."""
    tx, W, b = (torch.tensor(a, requires_grad=True) for a in (x, params["W"], params["b"]))
    y = torch.nn.functional.conv2d(tx.permute(0, 3, 1, 2), W.permute(3, 2, 0, 1), b,
                                   padding=padding).permute(0, 2, 3, 1)  # fmt: skip
    grads = torch.autograd.grad(y, (tx, W, b), torch.tensor(upstream))
    return [y.detach().numpy(), *(grad.numpy() for grad in grads)]


def keras_conv(x, params, padding):
    """y of Keras."""
    layer = keras.layers.Conv2D(3, len(params["W"]), padding=padding, dtype="float64")
    layer.build(x.shape)
    layer.set_weights([params["W"], params["b"]])
    return [np.asarray(layer(x))]


@pytest.mark.parametrize("shape", [(2, 4, 6, 3), (1, 5, 7, 2), (3, 3, 3, 1)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pooling_equals_torch_forward_and_backward(rng, shape, size):
    x = rng.standard_normal(shape)
    y, cache = conv.max_pool2d_forward(x, size)
    upstream = rng.standard_normal(y.shape)
    pairs = [
        (torch.nn.functional.max_pool2d, y, conv.max_pool2d_backward(upstream, cache)),
        (torch.nn.functional.avg_pool2d, conv.avg_pool2d_forward(x, size),
         conv.avg_pool2d_backward(upstream, shape, size)),
    ]  # fmt: skip
    for theirs, ours, dx in pairs:
        given = torch.tensor(x, requires_grad=True)
        out = theirs(given.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)
        (grad,) = torch.autograd.grad(out, given, torch.tensor(upstream))
        np.testing.assert_allclose(ours, out.detach().numpy(), atol=1e-12)
        np.testing.assert_allclose(dx, grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("padding", conv.PADDINGS)
def test_gradients_by_finite_differences(rng, padding):
    x, params = rng.standard_normal((2, 4, 5, 2)), conv.conv2d_init(rng, 3, 2, 3)

    def forward():
        return conv.conv2d_forward(x, params, padding)[0]

    def backward(dy):
        dx, grads = conv.conv2d_backward(dy, conv.conv2d_forward(x, params, padding)[1], params)
        return {"x": dx, **grads}

    check_gradient(forward, backward, {"x": x, **params}, rng)


def test_two_backward_passes_share_a_cache(rng):
    x, params = rng.standard_normal((2, 4, 5, 2)), conv.conv2d_init(rng, 3, 2, 3)
    y, cache = conv.conv2d_forward(x, params)
    first, second = (conv.conv2d_backward(np.ones_like(y), cache, params)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_dtype_is_kept(rng):
    x = rng.standard_normal((2, 4, 5, 2)).astype(np.float32)
    params = conv.conv2d_init(rng, 3, 2, 3, np.float32)
    y, cache = conv.conv2d_forward(x, params)
    dx, grads = conv.conv2d_backward(y, cache, params)
    pooled, places = conv.max_pool2d_forward(y)
    shares = conv.avg_pool2d_backward(conv.avg_pool2d_forward(y), y.shape)
    found = [y, dx, *grads.values(), pooled, conv.max_pool2d_backward(pooled, places), shares]
    assert {array.dtype for array in found} == {np.dtype(np.float32)}


def test_weights_start_within_glorots_bound(rng):
    params = conv.conv2d_init(rng, 3, 16, 32)
    bound = np.sqrt(6 / (9 * 16 + 9 * 32))
    assert params["W"].shape == (3, 3, 16, 32)
    assert 0.99 * bound < np.abs(params["W"]).max() <= bound
    assert not params["b"].any()


@pytest.mark.parametrize(("change", "message"), [
    ({"x": np.zeros((2, 4, 5))}, r"x has shape \(2, 4, 5\)"),
    ({"x": np.zeros((2, 4, 5, 3))}, r"needs \(N, Y, X, 2\)"),
    ({"x": np.zeros((0, 4, 5, 2))}, "none empty"),
    ({"W": np.zeros((3, 2, 2, 3))}, r"expected \(K, K, C, F\)"),
    ({"b": np.zeros(2)}, "b has shape"),
    ({"padding": "full"}, "padding is 'full'"),
    ({"x": np.zeros((2, 2, 5, 2)), "padding": "valid"}, "3 × 3"),
])  # fmt: skip
def test_wrong_shapes_are_named(change, message):
    given = {"x": np.zeros((2, 4, 5, 2)), "W": np.zeros((3, 3, 2, 3)), "b": np.zeros(3),
             "padding": "same"} | change  # fmt: skip
    with pytest.raises(ValueError, match=message):
        conv.conv2d_forward(given["x"], {"W": given["W"], "b": given["b"]}, given["padding"])


def test_other_wrong_input_is_named(rng):
    x, params = np.zeros((2, 4, 5, 2)), conv.conv2d_init(rng, 3, 2, 3)
    _, cache = conv.conv2d_forward(x, params)
    with pytest.raises(TypeError, match="x is int64"):
        conv.conv2d_forward(x.astype(np.int64), params)
    with pytest.raises(ValueError, match="dy has shape"):
        conv.conv2d_backward(np.zeros((1, 4, 5, 3)), cache, params)
    with pytest.raises(ValueError, match="5 × 5"):
        conv.max_pool2d_forward(x, 5)
    with pytest.raises(ValueError, match="size is 0"):
        conv.max_pool2d_forward(x, 0)
    with pytest.raises(ValueError, match="dy has shape"):
        conv.max_pool2d_backward(x, conv.max_pool2d_forward(x)[1])


def test_the_parameters_gradients_alone(rng):
    x, params = rng.standard_normal((2, 5, 7, 3)), conv.conv2d_init(rng, 3, 3, 4)
    y, cache = conv.conv2d_forward(x, params)
    dy = rng.standard_normal(y.shape)
    _, grads = conv.conv2d_backward(dy, cache, params)
    for name, alone in conv.conv2d_gradients(dy, cache, params).items():
        np.testing.assert_array_equal(alone, grads[name])
    with pytest.raises(ValueError, match=r"dy has shape \(2, 5, 7, 3\)"):
        conv.conv2d_gradients(dy[..., :3], cache, params)
