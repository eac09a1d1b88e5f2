"""From text to arrays: tokens, a vocabulary, padding, batches, splits. No input or output.

N sequences, T time, V vocabulary.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnncourse._arrays import check_counts, check_fits, plain, refuse_masked
from rnncourse._types import Array

# --- tokens ----------------------------------------------------------------------

# With 〇 of 二〇二四年 and 々, the sign for "the same again".
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = "\u0300-\u036f"  # an accent written as a character of its own, after its letter
_JOINED = "[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]|\u200d\\S"  # what belongs to an emoji
_WORD = rf"(?:[^\W\d_{HAN}][{_MARKS}]*)+"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
# A run of Chinese characters, a word (don't, naïve), a number (3.14), or any other sign.
_PIECES = re.compile(
    rf"(?P<han>[{HAN}]+)|{_WORD}(?:['’]{_WORD})*|\d+(?:[.,]\d+)*(?!\ufe0f)"
    rf"|{_FLAG}|\S(?:{_JOINED}|[{_MARKS}])*"
)


def characters(text: str) -> list[str]:
    """Each character is a token, spaces included: ``"".join`` gives the text back."""
    return list(_is_text(text))


def words(text: str, segment: Callable[[str], Iterable[str]] | None = None) -> list[str]:
    """Words in lower case, numbers, and each other sign, such as a comma, on its own.

    No character but white space is lost. An emoji of several characters is one token. Made
    for English and Chinese: scripts with vowel signs, such as Hindi, come apart.
    Chinese has no spaces between words: ``segment`` takes a run of Chinese characters and
    returns its words, as ``jieba.lcut`` does. Without it each Chinese character is a token.
    Empty text has no tokens.

    Raises TypeError if the text is no string; ValueError if ``segment`` loses, adds or
    changes a character, or returns an empty word.
    """
    tokens = []
    for piece in _PIECES.finditer(_is_text(text).lower()):
        run = piece.group()
        if piece.lastgroup != "han":
            tokens.append(run)
            continue
        parts = list(segment(run)) if segment else list(run)
        if "".join(parts) != run or "" in parts:
            raise ValueError(f"segment made {parts} of {run!r}; expected words, none of them "
                             "empty, that join to the whole")  # fmt: skip
        tokens += parts
    return tokens


def _is_text(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"text is {type(text).__name__}; expected one string")
    return text


# --- a vocabulary ----------------------------------------------------------------


class Vocabulary:
    """Tokens numbered 0..V-1: padding and unknown first, if there are such."""

    def __init__(
        self, tokens: Iterable[str], pad: str | None = None, unknown: str | None = None
    ) -> None:
        """Number ``tokens`` in the order in which they first appear; repeats count once.

        Args:
            tokens: any iterable of strings.
            pad: a token that fills up short sequences; it gets the number 0.
            unknown: a token that stands for all others; without it they are an error.

        Raises TypeError for a bare string (its characters would be taken for
        tokens without anyone noticing) and ValueError if there are no tokens.
        """
        if isinstance(tokens, str):
            raise TypeError("tokens is one string; pass a list of tokens, or list(text)")
        first = [token for token in (pad, unknown) if token is not None]
        self.tokens: list[str] = list(dict.fromkeys([*first, *tokens]))
        if len(self.tokens) == len(set(first)):
            raise ValueError("tokens is empty; a vocabulary needs at least one")
        if pad is not None and pad == unknown:
            raise ValueError(f"pad and unknown are both {pad!r}; expected two tokens")
        self._index = {token: i for i, token in enumerate(self.tokens)}
        self.pad, self.unknown = pad, unknown

    @classmethod
    def from_documents(
        cls,
        documents: Iterable[Sequence[str]],
        max_size: int | None = None,
        min_count: int = 1,
        pad: str | None = "<pad>",
        unknown: str | None = "<unk>",
    ) -> "Vocabulary":
        """Count the tokens of lists of tokens; the most frequent ones get the lowest numbers.

        Args:
            documents: lists of tokens; of the training set alone, or the test set leaks.
            max_size: V at most, padding and unknown included.
            min_count: a token that occurs less often is left out.

        Ties keep the order of first appearance. Raises TypeError for a document that is a
        bare string; ValueError if one contains the padding token, or no token is left.
        """
        counts: Counter[str] = Counter()
        for document in documents:
            if isinstance(document, str):
                raise TypeError(f"a document is one string, {document[:20]!r}; expected tokens")
            counts.update(document)
        if pad in counts:
            raise ValueError(f"a document contains the padding token {pad!r}; choose another")
        kept = [token for token, n in counts.most_common() if n >= min_count and token != unknown]
        special = (pad is not None) + (unknown is not None)
        return cls(kept if max_size is None else kept[: max(0, max_size - special)], pad, unknown)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._index

    @property
    def pad_index(self) -> int | None:
        """Number of the padding token, or None."""
        return None if self.pad is None else self._index[self.pad]

    @property
    def unknown_index(self) -> int | None:
        """Number of the unknown token, or None."""
        return None if self.unknown is None else self._index[self.unknown]

    def encode(self, tokens: Iterable[str]) -> Array:
        """Indices (T,) of the tokens; those never seen become the unknown token.

        Raises KeyError naming them where the vocabulary has no such token, and
        TypeError for a bare string.
        """
        if isinstance(tokens, str):
            raise TypeError("tokens is one string; pass a list, or list(text)")
        tokens = list(tokens)
        unseen = [token for token in tokens if token not in self._index]
        if unseen and self.unknown is None:
            raise KeyError(f"not among the vocabulary's {len(self)} tokens: {unseen}")
        found = [self._index.get(token, self.unknown_index) for token in tokens]
        return np.array(found, dtype=np.int64)

    def decode(self, indices: ArrayLike) -> list[str]:
        """Tokens of the indices (T,).

        Raises IndexError for an index outside 0..V-1, TypeError for what are no integers,
        ValueError for another shape: decode a batch row by row.
        """
        indices = plain("indices", indices)
        if indices.ndim != 1:
            raise ValueError(f"indices has shape {indices.shape}; expected (T,): decode a batch "
                             "row by row")  # fmt: skip
        if indices.size and indices.dtype.kind not in "iu":
            raise TypeError(f"indices has dtype {indices.dtype}; expected integers")
        outside = indices[(indices < 0) | (indices >= len(self))]
        if outside.size:
            raise IndexError(f"indices {outside.tolist()} are outside 0..{len(self) - 1}")
        return [self.tokens[int(i)] for i in indices]

    def to_json(self) -> str:
        """The vocabulary as JSON text, for a file beside the weights that need it."""
        fields = {"tokens": self.tokens, "pad": self.pad, "unknown": self.unknown}
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """The vocabulary that :meth:`to_json` wrote: every token has the same number.

        Raises ValueError where the text is anything else.
        """
        try:
            fields = json.loads(text)
            made = cls(fields["tokens"], fields["pad"], fields["unknown"])
            same = made.tokens == fields["tokens"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not the JSON of a vocabulary: {error}") from error
        if not same or not all(isinstance(token, str) for token in made.tokens):
            raise ValueError("not the JSON of a vocabulary: tokens repeat, are not text, or "
                             "padding and unknown do not come first")  # fmt: skip
        return made


def one_hot(indices: ArrayLike, V: int, dtype: DTypeLike = np.float64) -> Array:
    """(...) indices → (..., V) rows with a single 1.

    Raises TypeError if the indices are not integers, ValueError if one is
    outside 0..V-1.
    """
    indices = plain("indices", indices)
    if not np.issubdtype(indices.dtype, np.integer):
        raise TypeError(f"indices has dtype {indices.dtype}; expected integers")
    if indices.size and (indices.min() < 0 or indices.max() >= V):
        raise ValueError(
            f"indices lie in {indices.min()}..{indices.max()}; V = {V} allows 0..{V - 1}"
        )
    return (indices[..., None] == np.arange(V)).astype(dtype)


# --- padding ---------------------------------------------------------------------


def pad(
    sequences: Iterable[ArrayLike],
    length: int | None = None,
    value: float = 0,
    side: str = "after",
    cut: str | None = None,
) -> tuple[Array, Array]:
    """Sequences of different lengths as one array, and a mask of what is real.

    Args:
        sequences: N arrays (T_n,) or (T_n, D); a T_n may be 0.
        length: T; the longest T_n unless given.
        value: what fills up.
        side: fill "after" the sequence or "before" it.
        cut: where a sequence longer than ``length`` is shortened: "after" drops its
            end, "before" its beginning; with None such a sequence is an error.

    Returns:
        the array (N, T) or (N, T, D), and the mask (N, T), 1 for real steps.

    Raises ValueError if there are no sequences, they do not fit each other or hold
    no numbers, all are empty and no length is given, ``value`` is no number of their
    dtype, or one is too long and ``cut`` is None; TypeError for a masked array.
    """
    if side not in ("after", "before") or cut not in ("after", "before", None):
        raise ValueError(f"side = {side!r}, cut = {cut!r}; use 'after' or 'before'")
    rows = [_row(n, row) for n, row in enumerate(sequences)]
    shape, dtype = _steps(rows, value)
    T = max((len(row) for row in rows), default=0) if length is None else length
    if not isinstance(T, int | np.integer) or T < 1:
        raise ValueError(f"{len(rows)} sequences of length {T}; expected 1 at least")
    out = np.full((len(rows), T, *shape), value, dtype)
    mask = np.zeros((len(rows), T), np.int64)
    for n, row in enumerate(rows):
        if len(row) > T and cut is None:
            raise ValueError(f"sequence {n} has {len(row)} steps, length is {T}: "
                             'pass cut="after" or "before"')  # fmt: skip
        row = row[len(row) - T :] if len(row) > T and cut == "before" else row[:T]
        place = slice(0, len(row)) if side == "after" else slice(T - len(row), T)
        if len(row):
            out[n, place], mask[n, place] = row, 1
    return out, mask


def _row(n: int, row: ArrayLike) -> Array:
    """One sequence as an array. Raises ValueError where its steps differ in length."""
    try:
        return plain(f"sequence {n}", row)
    except ValueError as error:  # NumPy's "inhomogeneous shape"
        raise ValueError(f"sequence {n} has steps of different lengths; expected (T,) numbers or "
                         "(T, D): pad the steps first") from error  # fmt: skip


def _steps(rows: list[Array], value: float) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of one step. Raises ValueError as :func:`pad` says."""
    for n, row in enumerate(rows):
        if row.ndim == 0 or row.dtype.kind not in "biuf":
            raise ValueError(f"sequence {n} is {row.dtype} of shape {row.shape}; expected "
                             "numbers (T,) or (T, D): encode the tokens first")  # fmt: skip
    filled = [row for row in rows if len(row)] or [np.zeros(1, np.int64)]
    shapes = {row.shape[1:] for row in filled}
    if len(shapes) > 1:
        raise ValueError(f"steps have shapes {sorted(shapes)}; expected one shape")
    dtype = np.result_type(*filled)
    if dtype.kind == "f" and all(row.dtype.kind in "biu" for row in filled):
        raise ValueError(f"sequences are of {sorted({str(row.dtype) for row in filled})}, which no "
                         "integer dtype holds together: cast them to one")  # fmt: skip
    check_fits(value, dtype)
    return filled[0].shape[1:], dtype


def unpad(array: Array, mask: ArrayLike) -> list[Array]:
    """The sequences that :func:`pad` was given: the steps where the mask is 1.

    Raises ValueError where mask (N, T) does not fit array (N, T, ...), or holds other values
    than 0 and 1.
    """
    array, mask = plain("array", array), plain("mask", mask)
    if not np.isin(mask, (0, 1)).all():
        raise ValueError("mask holds values other than 0 and 1")
    if mask.ndim != 2 or array.shape[:2] != mask.shape:
        raise ValueError(f"mask has shape {mask.shape}; array {array.shape} needs (N, T)")
    return [row[keep != 0] for row, keep in zip(array, mask, strict=True)]


# --- batches and splits ------------------------------------------------------------


def batches(N: int, size: int, rng: np.random.Generator | None = None) -> list[Array]:
    """0..N-1 in batches of ``size``, the last one maybe smaller; shuffled if rng is given.

    Raises ValueError if N or size is below 1.
    """
    _check_batch(N, size)
    order = np.arange(N) if rng is None else rng.permutation(N)
    return np.split(order, range(size, N, size))


def bucket_batches(
    lengths: ArrayLike, size: int, rng: np.random.Generator | None = None
) -> list[Array]:
    """Batches of sequences of similar length, so that little padding is needed.

    Sorts by length and cuts into batches (eq-text-padding): no other batches of this size
    need less padding. If ``size`` does not divide N, one batch is smaller, at the place where
    that saves most. rng shuffles the batches, and sequences of equal length among each
    other. Returns index arrays in which each of 0..N-1 comes once.
    Raises ValueError if there are no lengths, one is no number from 0 on, or size is below 1.
    """
    lengths = plain("lengths", lengths)
    if (
        lengths.ndim != 1
        or lengths.dtype.kind not in "iuf"
        or not ((lengths >= 0) & (lengths < np.inf)).all()
    ):
        raise ValueError(f"lengths has dtype {lengths.dtype} and shape {lengths.shape}; expected "
                         "(N,) numbers from 0 on")  # fmt: skip
    _check_batch(len(lengths), size)
    start = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    order = start[np.argsort(lengths[start], kind="stable")]
    full, rest = divmod(len(order), size)
    small = _cheapest_place(lengths[order], size) if rest else full
    cuts = np.arange(1, full + (rest > 0)) * size
    cuts[small:] -= size - rest
    parts = np.split(order, cuts)
    return parts if rng is None else [parts[k] for k in rng.permutation(len(parts))]


def _cheapest_place(ordered: Array, size: int) -> int:
    """How many full batches should come before the small one; ``ordered`` grows."""
    full, rest = divmod(len(ordered), size)
    k = np.arange(full + 1)
    before = np.append(0, np.cumsum(ordered[size - 1 :: size][:full]))
    behind = np.append(0, np.cumsum(ordered[rest + size - 1 :: size][:full]))
    cost = size * (before + behind[-1] - behind) + rest * ordered[k * size + rest - 1]
    return int(cost.argmin())


def _check_batch(N: int, size: int) -> None:
    check_counts(N=N, size=size)


def _checked_shares(shares: Sequence[float]) -> list[float]:
    """The shares as Python's floats. Raises ValueError as :func:`split` says."""
    kinds = [plain("shares", share).dtype for share in shares]
    rounding = max((float(np.finfo(kind).eps) for kind in kinds if kind.kind == "f"), default=0.0)
    found = [float(share) for share in shares]
    off = abs(sum(found) - 1)
    if not found or not min(found) > 0 or not off <= max(1e-9, len(found) * rounding):
        raise ValueError(f"shares are {tuple(found)}; expected positive numbers with sum 1")
    return found


def split(
    documents: Iterable[Hashable], shares: Sequence[float], rng: np.random.Generator
) -> list[Array]:
    """Indices of the examples of each part, so that no document is in two parts.

    Args:
        documents: (N,) which document each example comes from: its number, its name, or the
            text itself, which keeps copies of one text together.
        shares: of the examples, for each part; positive, sum 1 but for the rounding of their
            own dtype, such as (0.8, 0.1, 0.1).
        rng: shuffles the documents.

    Returns one sorted index array a part, none empty. Its share is as near as whole
    documents allow.

    Raises ValueError for other shares, or fewer documents than parts.
    """
    for name, given in (("documents", documents), ("shares", shares)):
        refuse_masked(name, given)
        if isinstance(given, np.ndarray) and given.ndim != 1:
            raise ValueError(f"{name} has shape {given.shape}; expected one axis")
    shares, documents = _checked_shares(shares), list(documents)
    number = {document: k for k, document in enumerate(dict.fromkeys(documents))}
    if len(number) < len(shares):
        raise ValueError(f"{len(number)} different documents for {len(shares)} parts")
    ids = np.array([number[document] for document in documents])
    order = rng.permutation(len(number))
    ends = np.cumsum(np.bincount(ids)[order])  # examples in the documents so far
    part, first = np.empty(len(number), np.int64), 0
    for k, target in enumerate(np.cumsum(shares) * len(ids)):
        last = len(number) - (len(shares) - 1 - k)  # leave one document for each later part
        if k < len(shares) - 1:
            last = min(max(int(np.abs(ends - target).argmin()) + 1, first + 1), last)
        part[order[first:last]] = k
        first = last
    return [np.flatnonzero(part[ids] == k) for k in range(len(shares))]
