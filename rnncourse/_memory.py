"""Tasks on which recurrent cells are compared by how far back they remember.

The generators stand in :mod:`rnncourse.data`, under the same names.
"""

import numpy as np

Array = np.ndarray
REMEMBERED = 10  # digits of copy_memory: as many in every published comparison


def adding(rng: np.random.Generator, N: int, T: int) -> tuple[Array, Array]:
    """Add the two marked numbers of a long list.

    Each step has two channels: a number, uniform in [0, 1), and a mark, 0 or 1. One number of
    the first T // 2 is marked and one of the rest. Who always answers 1, the mean, has the
    mean squared error 1/6 = 0.1667, the variance of such a sum; Bai et al. print it as 0.1767.

    Returns xs (N, T, 2) and sums (N,), floats. Raises ValueError if N is below 1 or T below 2.
    Source: Hochreiter and Schmidhuber (1997), experiment 4, in the form of Arjovsky et al.
    (2016) and Bai et al. (2018), whose code marks any two steps.
    """
    if N < 1 or T < 2:
        raise ValueError(f"N = {N}, T = {T}; expected N of at least 1 and T of at least 2: "
                         "one marked number in each half")  # fmt: skip
    xs, rows = np.zeros((N, T, 2)), np.arange(N)
    xs[..., 0] = rng.random((N, T))
    xs[rows, rng.integers(0, T // 2, N), 1] = 1
    xs[rows, rng.integers(T // 2, T, N), 1] = 1
    return xs, (xs[..., 0] * xs[..., 1]).sum(axis=1)


def copy_memory(rng: np.random.Generator, N: int, T: int) -> tuple[Array, Array]:
    """Repeat ten digits after a long silence.

    Inputs are ten digits from 1..8, then T - 1 zeros, then eleven nines. The first nine says
    "now": the targets are zero up to it, and after it the ten digits in their order. Who
    answers zero, and after the signal one of eight digits at random, has the mean cross-entropy
    10 ln 8 / (T + 20).

    Returns ids and targets, both (N, T + 20), integers 0..9. Raises ValueError if N or T is
    below 1. Source: Hochreiter and Schmidhuber (1997), in the form of Arjovsky et al. (2016)
    and Bai et al. (2018).
    """
    if N < 1 or T < 1:
        raise ValueError(f"N = {N}, T = {T}; both must be at least 1")
    digits = rng.integers(1, 9, (N, REMEMBERED))
    ids = np.zeros((N, T + 2 * REMEMBERED), int)
    targets = np.zeros_like(ids)
    ids[:, :REMEMBERED] = targets[:, -REMEMBERED:] = digits
    ids[:, -REMEMBERED - 1 :] = 9
    return ids, targets
