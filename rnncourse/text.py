"""From text to arrays: tokens, a vocabulary, one-hot rows. No input or output.

T time, V vocabulary.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

Array = np.ndarray


class Vocabulary:
    """Tokens numbered 0..V-1 in the order in which they first appear."""

    def __init__(self, tokens: Iterable[str]) -> None:
        """``tokens``: any iterable of strings; repeats count once.

        Raises TypeError for a bare string (its characters would be taken for
        tokens without anyone noticing) and ValueError if there are no tokens.
        """
        if isinstance(tokens, str):
            raise TypeError("tokens is one string; pass a list of tokens, or list(text)")
        self.tokens: list[str] = list(dict.fromkeys(tokens))
        if not self.tokens:
            raise ValueError("tokens is empty; a vocabulary needs at least one")
        self._index = {token: i for i, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, tokens: Iterable[str]) -> Array:
        """Indices (T,) of the tokens. Raises KeyError naming a token never seen."""
        tokens = list(tokens)
        unknown = [token for token in tokens if token not in self._index]
        if unknown:
            raise KeyError(f"not among the {len(self)} tokens of the vocabulary: {unknown}")
        return np.array([self._index[token] for token in tokens], dtype=np.int64)

    def decode(self, indices: ArrayLike) -> list[str]:
        """Tokens of the indices (T,). Raises IndexError for an index outside 0..V-1."""
        indices = np.asarray(indices)
        outside = indices[(indices < 0) | (indices >= len(self))]
        if outside.size:
            raise IndexError(f"indices {outside.tolist()} are outside 0..{len(self) - 1}")
        return [self.tokens[i] for i in indices]


def one_hot(indices: ArrayLike, V: int, dtype: DTypeLike = np.float64) -> Array:
    """(...) indices → (..., V) rows with a single 1.

    Raises TypeError if the indices are not integers, ValueError if one is
    outside 0..V-1.
    """
    indices = np.asarray(indices)
    if not np.issubdtype(indices.dtype, np.integer):
        raise TypeError(f"indices has dtype {indices.dtype}; expected integers")
    if indices.size and (indices.min() < 0 or indices.max() >= V):
        raise ValueError(
            f"indices lie in {indices.min()}..{indices.max()}; V = {V} allows 0..{V - 1}"
        )
    return (indices[..., None] == np.arange(V)).astype(dtype)
