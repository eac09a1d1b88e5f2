"""Tasks on which recurrent cells are compared by how far back they remember.

The generators stand in :mod:`rnncourse.data`, under the same names.
"""

import numpy as np

from rnncourse._types import Array

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


def temporal_xor(rng: np.random.Generator, N: int, T: int) -> Array:
    """Elman's stream of bits: two random ones, then their exclusive or, and so on.

    Every third bit (index 2, 5, 8, …) follows from the two before it; all
    others are coin tosses. Nothing marks where a triple begins.

    Returns (N, T) integers 0 and 1. Raises ValueError if N or T is below 1.
    Source: Elman (1990), section "Exclusive-OR".
    """
    if N < 1 or T < 1:
        raise ValueError(f"N = {N}, T = {T}; both must be at least 1")
    triples = rng.integers(0, 2, (N, -(-T // 3), 3))
    triples[..., 2] = triples[..., 0] ^ triples[..., 1]
    return triples.reshape(N, -1)[:, :T]


def who_first(rng: np.random.Generator, N: int, T: int, V: int = 26) -> tuple[Array, Array]:
    """Who came to the party first, guest 0 or guest 1? Only the order can tell.

    Each row lists T different guests of V in the order in which they came;
    guests 0 and 1 are always among them. Rows 2k and 2k + 1 are the same list
    with these two exchanged, so that the same guests come with both answers.

    Returns guests (N, T), integers 0..V-1, and labels (N,): 1 where guest 0
    came before guest 1, else 0. Raises ValueError if N is not even and
    positive, or not 2 <= T <= V.
    """
    if N < 2 or N % 2:
        raise ValueError(f"N = {N}; it must be even and at least 2, since rows come in pairs")
    if not 2 <= T <= V:
        raise ValueError(f"T = {T}, V = {V}; T different guests need 2 <= T <= V")
    others = np.tile(np.arange(2, V), (N // 2, 1))
    others = rng.permuted(others, axis=1)[:, : T - 2]
    two = np.tile([0, 1], (N // 2, 1))
    guests = rng.permuted(np.hstack([two, others]), axis=1)
    exchanged = np.where(guests < 2, 1 - guests, guests)
    guests = np.stack([guests, exchanged], axis=1).reshape(N, T)
    labels = (guests == 0).argmax(axis=1) < (guests == 1).argmax(axis=1)
    return guests, labels.astype(np.int64)


BRACKETS = ("(", ")", "a")  # the tokens of brackets(), by number


def brackets(
    rng: np.random.Generator, N: int, T: int, max_depth: int = 6, letters: float = 0.6
) -> tuple[Array, Array]:
    """Strings of brackets that open before they close, with letters in between.

    Each token is a letter with probability ``letters``; otherwise a bracket, opening or
    closing with equal chance, but opening at depth 0 and closing at ``max_depth``.

    Returns tokens (N, T), integers that index ``BRACKETS``, and depth (N, T): how many
    brackets are open after each token. Raises ValueError if N, T or max_depth is below 1,
    or not 0 <= letters < 1.
    """
    if min(N, T, max_depth) < 1 or not 0 <= letters < 1:
        raise ValueError(f"N = {N}, T = {T}, max_depth = {max_depth}, letters = {letters}; "
                         "expected at least 1, and letters from 0 to below 1")  # fmt: skip
    is_letter, coin = rng.random((N, T)) < letters, rng.random((N, T)) < 0.5
    tokens, depth, now = np.zeros((N, T), int), np.zeros((N, T), int), np.zeros(N, int)
    for t in range(T):
        opens = ((now == 0) | coin[:, t]) & (now < max_depth)
        tokens[:, t] = np.where(is_letter[:, t], 2, np.where(opens, 0, 1))
        now = now + np.array([1, -1, 0])[tokens[:, t]]
        depth[:, t] = now
    return tokens, depth
