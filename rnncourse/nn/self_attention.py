r"""Self-attention with several heads, and positions: the road to the Transformer.

Every step of a sequence asks all steps of the same sequence. Nothing is recurrent, so all steps
are computed at once, and nothing knows the order unless positions are added.

N batch, T time, D size of a step. Source: Vaswani et al. (2017).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts
from rnncourse._types import Array, Params
from rnncourse.nn._shapes import as_bool, check_float
from rnncourse.nn.attention import AttendCache, Source, attend, attend_backward, values_backward
from rnncourse.nn.initializers import xavier_uniform


class MultiHeadCache(NamedTuple):
    """What ``multi_head_backward`` reads; ``weights`` is for the reader too."""

    xs: Array  # (N, T, D), 0 where masked
    mixed: Array  # (N, T, D): what the heads returned, side by side
    inner: AttendCache  # of all heads, (N · heads, T, D / heads)
    kept: Array | None  # (N, T) bool
    heads: int

    @property
    def weights(self) -> Array:
        """How much each step took from each step in each head, (N, heads, T, T)."""
        (N, T, _), heads = self.xs.shape, self.heads
        return self.inner.weights.reshape(N, heads, T, T)


def multi_head_init(rng: np.random.Generator, D: int, dtype: DTypeLike = np.float64) -> Params:
    """``W_q``, ``W_k``, ``W_v``, ``W_o`` (D, D), Xavier-uniform, and zero biases ``b_q`` … (D,)."""
    check_counts(D=D)
    weights = {f"W_{name}": xavier_uniform(rng, D, D, dtype) for name in "qkvo"}
    return weights | {f"b_{name}": np.zeros(D, dtype) for name in "qkvo"}


def multi_head_forward(
    xs: Array, params: Params, heads: int, mask: Array | None = None, causal: bool = False
) -> tuple[Array, MultiHeadCache]:
    """Scaled dot-product attention of a sequence to itself, in several heads at once.

    Args:
        xs: (N, T, D).
        params: of :func:`multi_head_init`.
        heads: how many; each has D / heads of the columns and its own weights.
        mask: (N, T) of 0 and 1; where it is 0 nobody looks and the output is 0.
        causal: no step looks at a later one.

    Returns:
        outputs (N, T, D) and the cache, whose ``weights`` are (N, heads, T, T).

    Raises ValueError where heads do not divide D, or shapes do not fit; TypeError for what is no
    array of floats.
    """
    kept = _check(xs, params, heads, mask)
    xs = xs if kept is None else np.where(kept[..., None], xs, 0)
    q, k, v = (_split(xs @ params[f"W_{n}"] + params[f"b_{n}"], heads) for n in "qkv")
    may_look = _may_look(xs.shape[1], heads, kept, causal)
    contexts, inner = attend(q, Source("scaled", k, k, v, True, may_look), {})
    mixed = _join(contexts, heads)
    out = mixed @ params["W_o"] + params["b_o"]
    out = out if kept is None else np.where(kept[..., None], out, 0)
    return out, MultiHeadCache(xs, mixed, inner, kept, heads)


def multi_head_backward(dout: Array, cache: MultiHeadCache, params: Params) -> tuple[Array, Params]:
    """Backward pass of :func:`multi_head_forward`: dxs (N, T, D) and the parameters' gradients.

    Raises ValueError when ``dout`` has the wrong shape.
    """
    xs, mixed, inner, kept, heads = cache
    check_float("dout", dout)
    if dout.shape != xs.shape:
        raise ValueError(f"dout has shape {dout.shape}; the outputs have {xs.shape}")
    dout = dout if kept is None else np.where(kept[..., None], dout, 0)
    D = xs.shape[2]
    grads = {"W_o": mixed.reshape(-1, D).T @ dout.reshape(-1, D), "b_o": dout.sum(axis=(0, 1))}
    dcontexts = _split(dout @ params["W_o"].T, heads)
    dq, dk, _ = attend_backward(dcontexts, inner, {})
    dv = values_backward(dcontexts, inner.weights)
    dxs = np.zeros_like(xs)
    for name, split in zip("qkv", (dq, dk, dv), strict=True):
        d = _join(split, heads)
        grads |= {f"W_{name}": xs.reshape(-1, D).T @ d.reshape(-1, D), f"b_{name}": d.sum((0, 1))}
        dxs += d @ params[f"W_{name}"].T
    dxs = dxs if kept is None else np.where(kept[..., None], dxs, 0)
    return dxs, {name: grads[name] for name in params}


def sinusoidal_positions(T: int, D: int, dtype: DTypeLike = np.float64) -> Array:
    r"""A row for each position, to be added to the steps: sines and cosines of many lengths.

    .. math::
        p_{t, 2i} = \sin(t / 10000^{2i/D}), \qquad p_{t, 2i+1} = \cos(t / 10000^{2i/D})

    Returns (T, D). Raises ValueError for sizes below 1.
    Source: Vaswani et al. (2017), section 3.5.
    """
    check_counts(T=T, D=D)
    columns = np.arange(D)
    angle = np.arange(T)[:, None] / 10000.0 ** (2 * (columns // 2) / D)
    return np.where(columns % 2 == 0, np.sin(angle), np.cos(angle)).astype(dtype)


def _split(a: Array, heads: int) -> Array:
    """(N, T, D) → (N · heads, T, D / heads): each head is a sequence of its own."""
    N, T, D = a.shape
    return a.reshape(N, T, heads, D // heads).swapaxes(1, 2).reshape(N * heads, T, D // heads)


def _join(a: Array, heads: int) -> Array:
    """Undo :func:`_split`."""
    T, size = a.shape[1:]
    return a.reshape(-1, heads, T, size).swapaxes(1, 2).reshape(-1, T, heads * size)


def _may_look(T: int, heads: int, kept: Array | None, causal: bool) -> Array | None:
    """Bool, broadcasts to (N · heads, T, T): which step may look at which; None: all at all."""
    backward_only = np.tri(T, dtype=bool)[None] if causal else None
    if kept is None:
        return backward_only
    keys = np.repeat(kept, heads, axis=0)[:, None]
    return keys if backward_only is None else keys & backward_only


def _check(xs: Array, params: Params, heads: int, mask: Array | None) -> Array | None:
    """The mask as bool (N, T), or None."""
    for name, array in [("xs", xs), *params.items()]:
        check_float(name, array)
    check_counts(heads=heads)
    D = len(params["W_q"])
    if xs.ndim != 3 or xs.shape[2] != D or xs.shape[1] == 0:
        raise ValueError(f"xs has shape {xs.shape}; expected (N, T, {D}) with at least one step")
    if D % heads:
        raise ValueError(f"heads = {heads} do not divide D = {D}")
    return None if mask is None else as_bool(mask, xs.shape[:2], "xs need")
