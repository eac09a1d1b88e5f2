"""Texts as lists of tokens, and their n-grams: what the scores of texts share."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from rnncourse._arrays import plain

Tokens = Sequence[Hashable]
Grams = Counter[tuple[Hashable, ...]]


def grams_of(tokens: list[Hashable], n: int) -> Grams:
    """How often each n-gram stands in the tokens."""
    return Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


def tokens_of(name: str, tokens: Tokens) -> list[Hashable]:
    """The tokens as a list. Raises TypeError for a string, ValueError for lists of lists."""
    refuse_string(name, tokens)
    if isinstance(tokens, np.ndarray):
        tokens = plain(name, tokens).tolist()
    found = list(tokens)
    if any(isinstance(token, list | np.ndarray) for token in found):
        raise ValueError(f"{name} holds lists; expected one list of tokens, (L,)")
    return found


def refuse_string(name: str, tokens: Sequence[object]) -> None:
    """Raise TypeError for a string, or anything else that is no list of tokens."""
    if isinstance(tokens, str) or not hasattr(tokens, "__iter__"):
        raise TypeError(f"{name} is {tokens!r}; expected a list of tokens: split text first")


def check_number(references: Sequence[object], found: Sequence[object]) -> None:
    """Raise ValueError unless there are as many of both, and some."""
    for name, texts in (("references", references), ("found", found)):
        refuse_string(name, texts)
    if len(references) != len(found) or not len(found):
        raise ValueError(f"{len(references)} references and {len(found)} found texts; expected "
                         "as many of both, and at least one")  # fmt: skip


def references_of(i: int, references: Sequence[Tokens]) -> list[list[Hashable]]:
    """The references of text i, each a list. Raises ValueError where there is none."""
    refuse_string(f"references[{i}]", references)
    if not len(references):
        raise ValueError(f"references[{i}] is empty; expected a list of one or more references")
    return [tokens_of(f"references[{i}][{k}]", tokens) for k, tokens in enumerate(references)]


def pairs_of(
    references: Sequence[Tokens], found: Sequence[Tokens]
) -> list[tuple[list[Hashable], list[Hashable]]]:
    """Each reference beside what was found. Raises as the others here."""
    check_number(references, found)
    return [
        (tokens_of(f"references[{i}]", a), tokens_of(f"found[{i}]", b))
        for i, (a, b) in enumerate(zip(references, found, strict=True))
    ]
