"""Bengio's neural language model: the words before, as vectors, predict the next one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts, check_numbers
from rnncourse._types import Array, Params
from rnncourse.nn.initializers import xavier_uniform
from rnncourse.nn.layers import check_token_numbers


class NnlmCache(NamedTuple):
    """What the way back reads."""

    contexts: Array  # (N, n)
    x: Array  # (N, n D)
    h: Array  # (N, H)


def nnlm_init(
    rng: np.random.Generator, V: int, D: int, n: int, H: int, dtype: DTypeLike = np.float64
) -> Params:
    """Parameters for V words as vectors of D numbers, n words of context, H hidden units.

    ``E`` (V, D) uniform in ±1/(2D), ``W_h`` (n D, H), ``b_h`` (H,), ``W_y`` (H, V), ``b_y`` (V,).
    Raises ValueError for a size below 1.
    """
    check_counts(V=V, D=D, n=n, H=H)
    return {
        "E": rng.uniform(-0.5 / D, 0.5 / D, (V, D)).astype(dtype),
        "W_h": xavier_uniform(rng, n * D, H, dtype),
        "b_h": np.zeros(H, dtype),
        "W_y": xavier_uniform(rng, H, V, dtype),
        "b_y": np.zeros(V, dtype),
    }


def nnlm_forward(contexts: Array, params: Params) -> tuple[Array, NnlmCache]:
    """Scores (N, V) of the next word, and the cache (eq-wordvectors-nnlm).

    contexts (N, n): the numbers of the n words before, the oldest first.
    Raises ValueError unless contexts is (N, n) with the n that ``W_h`` was made for, and as
    :func:`rnncourse.nn.layers.embedding_forward`.
    Source: Bengio, Ducharme, Vincent and Jauvin (2003), without direct connections.
    """
    D, rows = params["E"].shape[1], len(params["W_h"])
    check_numbers("contexts", contexts)
    if contexts.ndim != 2 or contexts.shape[1] * D != rows:
        raise ValueError(f"contexts has shape {contexts.shape}; expected (N, {rows // D})")
    contexts = check_token_numbers(contexts, len(params["E"]))
    x = params["E"][contexts].reshape(len(contexts), rows)
    h = np.tanh(x @ params["W_h"] + params["b_h"])
    return h @ params["W_y"] + params["b_y"], NnlmCache(contexts, x, h)


def nnlm_backward(dscores: Array, cache: NnlmCache, params: Params) -> Params:
    """Gradients of all parameters, given that of the scores, (N, V).

    Raises ValueError for another shape.
    """
    contexts, x, h = cache
    check_numbers("dscores", dscores)
    if dscores.shape != (len(x), len(params["b_y"])):
        raise ValueError(f"dscores has shape {dscores.shape}; the scores have "
                         f"{(len(x), len(params['b_y']))}")  # fmt: skip
    da = (dscores @ params["W_y"].T) * (1 - h**2)
    dx = da @ params["W_h"].T
    dE = np.zeros_like(params["E"])
    # A word may come more than once in a batch.
    np.add.at(dE, contexts, dx.reshape(*contexts.shape, dE.shape[1]))
    return {
        "E": dE,
        "W_h": x.T @ da,
        "b_h": da.sum(axis=0),
        "W_y": h.T @ dscores,
        "b_y": dscores.sum(axis=0),
    }
