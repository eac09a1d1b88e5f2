r"""Layers over whole sequences, fast, with their backward passes.

``rnn_*``, ``lstm_*`` and ``gru_*`` are in :mod:`rnncourse.recurrent`; here are the
parts around them.
"""

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._shapes import check_sizes
from rnncourse.initializers import xavier_uniform
from rnncourse.recurrent import rnn_backward, rnn_forward

__all__ = ["dense_backward", "dense_forward", "dense_init", "rnn_backward", "rnn_forward"]

Array = np.ndarray
Params = dict[str, Array]


# --- the dense layer -----------------------------------------------------------


def dense_init(rng: np.random.Generator, H: int, V: int, dtype: DTypeLike = np.float64) -> Params:
    """Parameters of y = h W_y + b_y: ``{"W_y": (H, V), "b_y": (V,)}``, Xavier-uniform."""
    check_sizes(H=H, V=V)
    return {"W_y": xavier_uniform(rng, H, V, dtype), "b_y": np.zeros(V, dtype)}


def dense_forward(hs: Array, params: Params) -> Array:
    """y = h W_y + b_y at every position (eq-rnn-output); hs (..., H) → (..., V).

    Raises ValueError when the last axis of ``hs`` is not H.
    """
    W_y = params["W_y"]
    if hs.shape[-1] != len(W_y):
        raise ValueError(f"hs has shape {hs.shape}; W_y {W_y.shape} needs (..., {len(W_y)})")
    return hs @ W_y + params["b_y"]


def dense_backward(dys: Array, hs: Array, params: Params) -> tuple[Array, Params]:
    """Gradients of :func:`dense_forward`: dhs (..., H) and those of ``W_y``, ``b_y``.

    Positions share the parameters, so their gradients are summed. Raises
    ValueError when ``dys`` is not (..., V) with the leading axes of ``hs``.
    """
    H, V = params["W_y"].shape
    if dys.shape != (*hs.shape[:-1], V):
        raise ValueError(f"dys has shape {dys.shape}; hs {hs.shape} and W_y {(H, V)} need "
                         f"{(*hs.shape[:-1], V)}")  # fmt: skip
    flat = dys.reshape(-1, V)
    grads = {"W_y": hs.reshape(-1, H).T @ flat, "b_y": flat.sum(axis=0)}
    return dys @ params["W_y"].T, grads
