"""How weights start: random matrices whose scale keeps signals alive."""

import numpy as np
from numpy.typing import DTypeLike

from rnncourse._arrays import check_counts
from rnncourse._types import Array


def xavier_uniform(
    rng: np.random.Generator, rows: int, columns: int, dtype: DTypeLike = np.float64
) -> Array:
    """(rows, columns) drawn from U(-a, a), a = sqrt(6 / (rows + columns)).

    The variance is then 2 / (rows + columns): a signal keeps its size on the
    way forward and back. Source: Glorot and Bengio (2010), equation 16.
    Raises ValueError for sizes below 1, TypeError for a dtype that is not of floats.
    """
    check_counts(rows=rows, columns=columns)
    check_float_dtype(dtype)
    a = np.sqrt(6.0 / (rows + columns))
    return rng.uniform(-a, a, (rows, columns)).astype(dtype)


def orthogonal(rng: np.random.Generator, H: int, dtype: DTypeLike = np.float64) -> Array:
    """(H, H) that turns vectors and leaves their length, drawn alike from all such matrices.

    The Q of a normal matrix's QR decomposition; the signs of R's diagonal make the draw
    uniform. Source: Saxe, McClelland and Ganguli (2014).
    Raises as :func:`xavier_uniform`.
    """
    check_counts(H=H)
    check_float_dtype(dtype)
    Q, R = np.linalg.qr(rng.standard_normal((H, H)))
    return (Q * np.sign(np.diag(R))).astype(dtype)


def check_float_dtype(dtype: DTypeLike) -> None:
    """Raise TypeError for a dtype that is not of floats: integers would make all weights 0."""
    if not np.issubdtype(dtype, np.floating):
        raise TypeError(f"dtype is {np.dtype(dtype)}; expected floats, such as np.float32")
