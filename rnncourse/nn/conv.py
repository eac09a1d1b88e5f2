r"""Convolution and pooling: the same small weights at every place of a picture.

N batch, Y rows and X columns of a picture, C channels of the input, F filters (channels of the
output), K rows and columns of a filter, S rows and columns of a pooling window. Channels come
last, (N, Y, X, C), as in Keras; PyTorch has them second.

What is called convolution here, as in all libraries, is cross-correlation: the filter is not
turned over. The method is plain: cut out the K × K patch around each place, lay it flat, and all
places and filters are one matrix product.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts
from rnncourse._types import Array, Params
from rnncourse.nn._shapes import check_float
from rnncourse.nn.initializers import check_float_dtype

PADDINGS = ("same", "valid")

# --- convolution ----------------------------------------------------------------


def conv2d_init(
    rng: np.random.Generator, K: int, C: int, F: int, dtype: DTypeLike = np.float64
) -> Params:
    """Parameters ``{"W": (K, K, C, F), "b": (F,)}``: uniform weights, biases 0.

    A filter reads K²C numbers, and a number of the input is read by K²F weights; these are the two
    sizes of Glorot and Bengio (2010), equation 16. Raises ValueError for sizes below 1, TypeError
    for a dtype that is not of floats.
    """
    check_counts(K=K, C=C, F=F)
    check_float_dtype(dtype)
    a = np.sqrt(6.0 / (K * K * (C + F)))
    return {"W": rng.uniform(-a, a, (K, K, C, F)).astype(dtype), "b": np.zeros(F, dtype)}


class Conv2dCache(NamedTuple):
    """What ``conv2d_backward`` reads."""

    patches: Array  # (N, Y', X', K·K·C): what the filters read at each place
    shape: tuple[int, ...]  # of x: (N, Y, X, C)
    edge: tuple[int, int]  # rows (and columns) of zeros before x, and behind it


def conv2d_forward(x: Array, params: Params, padding: str = "same") -> tuple[Array, Conv2dCache]:
    r"""Each filter's product with the patch around each place.

    .. math:: y_{nijf} = b_f + \sum_{a, b, c} x_{n, i+a, j+b, c} \, W_{abcf}

    Args:
        x: pictures (N, Y, X, C).
        params: ``W`` (K, K, C, F), ``b`` (F,).
        padding: "same": zeros around x, K - 1 in all, so that y has Y rows and X columns; where K
            is even, the additional zeros stand behind, as in Keras. "valid": none, and y has
            Y - K + 1 rows and X - K + 1 columns.

    Returns:
        y (N, Y', X', F), and the cache.

    Raises TypeError for what is no array of floats, ValueError where shapes do not fit, for
    another padding, and where a "valid" picture is smaller than the filter.

    Source: LeCun et al. (1989); the patches as a matrix: Chellapilla, Puri and Simard (2006).
    """
    K = _check_conv(x, params)
    if padding not in PADDINGS:
        raise ValueError(f"padding is {padding!r}; expected one of {list(PADDINGS)}")
    edge = ((K - 1) // 2, K // 2) if padding == "same" else (0, 0)
    if min(x.shape[1:3]) + sum(edge) < K:
        raise ValueError(f"x has shape {x.shape}; a filter of {K} × {K} needs as many rows and "
                         'columns, or padding="same"')  # fmt: skip
    padded = np.pad(x, ((0, 0), edge, edge, (0, 0)))
    windows = sliding_window_view(padded, (K, K), (1, 2))  # (N, Y', X', C, K, K)
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
    y = patches @ params["W"].reshape(patches.shape[-1], -1) + params["b"]
    return y, Conv2dCache(patches, x.shape, edge)


def conv2d_backward(dy: Array, cache: Conv2dCache, params: Params) -> tuple[Array, Params]:
    """Gradients of :func:`conv2d_forward`: dx (N, Y, X, C), and those of ``W`` and ``b``.

    dy (N, Y', X', F) is the gradient of y. Patches overlap, so a place of x gathers the gradients
    of all patches that it stands in. Raises TypeError for what is no array of floats, ValueError
    for another shape.
    """
    grads = conv2d_gradients(dy, cache, params)
    W = params["W"]
    K, F = W.shape[0], W.shape[3]
    N, Y, X, C = cache.shape
    rows, columns = dy.shape[1:3]
    dpatches = (dy @ W.reshape(-1, F).T).reshape(N, rows, columns, K, K, C)
    dx = np.zeros((N, Y + sum(cache.edge), X + sum(cache.edge), C), dy.dtype)
    for a in range(K):
        for b in range(K):
            dx[:, a : a + rows, b : b + columns] += dpatches[:, :, :, a, b]
    before = cache.edge[0]
    return dx[:, before : before + Y, before : before + X], grads


def conv2d_gradients(dy: Array, cache: Conv2dCache, params: Params) -> Params:
    """Those of ``W`` and ``b`` alone: all that a layer needs which reads pictures, half the time.

    Arguments and errors as of :func:`conv2d_backward`.
    """
    W = params["W"]
    check_float("dy", dy)
    _check_upstream(dy, (*cache.patches.shape[:3], W.shape[3]))
    flat = dy.reshape(-1, W.shape[3])
    return {"W": (cache.patches.reshape(len(flat), -1).T @ flat).reshape(W.shape),
            "b": flat.sum(axis=0)}  # fmt: skip


def _check_conv(x: Array, params: Params) -> int:
    """K, after checking that pictures and parameters fit each other."""
    W, b = params["W"], params["b"]
    for name, array in (("x", x), ("W", W), ("b", b)):
        check_float(name, array)
    if W.ndim != 4 or W.shape[0] != W.shape[1]:
        raise ValueError(f"W has shape {W.shape}; expected (K, K, C, F)")
    _check_pictures(x)
    if x.shape[3] != W.shape[2]:
        raise ValueError(f"x has shape {x.shape}; W {W.shape} needs (N, Y, X, {W.shape[2]})")
    if b.shape != W.shape[3:]:
        raise ValueError(f"b has shape {b.shape}; W {W.shape} needs {W.shape[3:]}")
    return W.shape[0]


# --- pooling --------------------------------------------------------------------


class MaxPool2dCache(NamedTuple):
    """What ``max_pool2d_backward`` reads."""

    where: Array  # (N, Y', X', C): the place of the largest in its window, row by row
    shape: tuple[int, ...]  # of x
    size: int


def max_pool2d_forward(x: Array, size: int = 2) -> tuple[Array, MaxPool2dCache]:
    """The largest number of each window of ``size`` rows and columns, channel by channel.

    Windows do not overlap; rows and columns that fill no window are left out, as in both
    libraries. x (N, Y, X, C) → (N, Y // size, X // size, C), and the cache.

    Raises TypeError for what is no array of floats, ValueError for a picture that is smaller than
    a window.
    """
    windows = _windows(x, size)
    where = windows.argmax(axis=3)
    return np.take_along_axis(windows, where[:, :, :, None], 3)[:, :, :, 0], MaxPool2dCache(
        where, x.shape, size
    )


def max_pool2d_backward(dy: Array, cache: MaxPool2dCache) -> Array:
    """Gradient of :func:`max_pool2d_forward`, dx (N, Y, X, C).

    Only the largest number of a window gets one; of equals the first, row by row. Raises
    TypeError for what is no array of floats, ValueError for another shape.
    """
    check_float("dy", dy)
    _check_upstream(dy, cache.where.shape)
    N, rows, columns, C = dy.shape
    windows = np.zeros((N, rows, columns, cache.size**2, C), dy.dtype)
    np.put_along_axis(windows, cache.where[:, :, :, None], dy[:, :, :, None], 3)
    return _joined(windows, cache.shape, cache.size)


def avg_pool2d_forward(x: Array, size: int = 2) -> Array:
    """The mean of each window of ``size`` rows and columns, channel by channel.

    Windows, shapes and errors as :func:`max_pool2d_forward`.
    """
    mean: Array = _windows(x, size).mean(axis=3)
    return mean


def avg_pool2d_backward(dy: Array, shape: tuple[int, ...], size: int = 2) -> Array:
    """Gradient of :func:`avg_pool2d_forward`, dx of this shape (N, Y, X, C): equal shares.

    Raises TypeError for what is no array of floats, ValueError for another shape of dy.
    """
    check_float("dy", dy)
    N, Y, X, C = shape
    _check_upstream(dy, (N, Y // size, X // size, C))
    windows = np.repeat(dy[:, :, :, None] / size**2, size**2, axis=3)
    return _joined(windows, shape, size)


def _windows(x: Array, size: int) -> Array:
    """(N, Y', X', size², C): the numbers of each window, row by row."""
    check_float("x", x)
    _check_pictures(x)
    check_counts(size=size)
    N, Y, X, C = x.shape
    rows, columns = Y // size, X // size
    if not rows or not columns:
        raise ValueError(f"x has shape {x.shape}; a window of {size} × {size} needs as many rows "
                         "and columns")  # fmt: skip
    cut = x[:, : rows * size, : columns * size].reshape(N, rows, size, columns, size, C)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(N, rows, columns, size * size, C)


def _joined(windows: Array, shape: tuple[int, ...], size: int) -> Array:
    """Undo :func:`_windows`; what was left out is zero."""
    N, rows, columns, _, C = windows.shape
    parts = windows.reshape(N, rows, columns, size, size, C).transpose(0, 1, 3, 2, 4, 5)
    x = np.zeros(shape, windows.dtype)
    x[:, : rows * size, : columns * size] = parts.reshape(N, rows * size, columns * size, C)
    return x


def _check_pictures(x: Array) -> None:
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; expected pictures (N, Y, X, C), none empty")


def _check_upstream(dy: Array, shape: tuple[int, ...]) -> None:
    if dy.shape != shape:
        raise ValueError(f"dy has shape {dy.shape}; the output has {shape}")
