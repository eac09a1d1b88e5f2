"""Edits: how far one sequence is from another."""

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from rnncourse._arrays import plain


class Edits(NamedTuple):
    """What turns a reference into what was found, one item at a time."""

    substitutions: int
    deletions: int  # items of the reference that were not found
    insertions: int  # items found that are not in the reference

    @property
    def total(self) -> int:
        """The edit distance."""
        return sum(self)


def edit_distance(reference: Sequence[Hashable], found: Sequence[Hashable]) -> Edits:
    """The fewest substitutions, deletions and insertions that turn one into the other.

    ``.total`` is the distance of Levenshtein (1966). Where several scripts are shortest, it is
    the one with the most substitutions that is counted; so the three numbers are unique.

    reference, found: strings, lists or arrays (L,) of items that can be compared.
    Time and memory grow with the product of the lengths, and with one of them.
    """
    a, b = _items("reference", reference), _items("found", found)
    # One weighted distance finds both: a substitution is a little cheaper than other edits.
    dear = len(a) + len(b) + 1
    row = [dear * j for j in range(len(b) + 1)]
    for i, item in enumerate(a, 1):
        diagonal, row[0] = row[0], dear * i
        for j, other in enumerate(b, 1):
            here = diagonal if item == other else diagonal + dear - 1
            diagonal, row[j] = row[j], min(here, row[j] + dear, row[j - 1] + dear)
    total = -(-row[-1] // dear)
    substitutions = total * dear - row[-1]
    longer = len(b) - len(a)  # insertions - deletions
    rest = total - substitutions
    return Edits(substitutions, (rest - longer) // 2, (rest + longer) // 2)


def _items(name: str, items: Sequence[Hashable]) -> list[Hashable]:
    if isinstance(items, np.ndarray):
        items = plain(name, items).tolist()
    if any(isinstance(item, list) for item in items):
        raise ValueError(f"{name} holds lists; expected one sequence of items, (L,)")
    return list(items)


class ErrorRate(NamedTuple):
    """Edits for each item of the references, over all pairs, and what they are made of."""

    rate: float  # may be above 1: insertions have no limit
    edits: Edits
    length: int  # items of all references


def label_error_rate(
    references: Sequence[Sequence[Hashable]], found: Sequence[Sequence[Hashable]]
) -> ErrorRate:
    r"""Edits over all pairs, divided by the items of all references (eq-speech-rate).

    .. math:: \text{rate} = (S + D + I) / (\text{length of the references})

    Long references weigh more than short ones; the mean of the pairs' own rates is another
    number. References without any item: 0 if nothing was found either, else ∞.
    Raises ValueError where the numbers of sequences differ.
    """
    if len(references) != len(found):
        raise ValueError(f"{len(references)} references and {len(found)} found ones")
    each = [edit_distance(a, b) for a, b in zip(references, found, strict=True)]
    edits = Edits(*(sum(column) for column in zip(*each, strict=True))) if each else Edits(0, 0, 0)
    length = sum(len(reference) for reference in references)
    nothing = math.inf if edits.total else 0.0
    return ErrorRate(edits.total / length if length else nothing, edits, length)


def word_error_rate(references: Sequence[str], found: Sequence[str]) -> ErrorRate:
    """:func:`label_error_rate` of words, which whitespace separates.

    Case and punctuation count; make them alike first, in both. Chinese is given with spaces
    between its words, or by characters: ``label_error_rate(references, found)``.
    Raises TypeError for one string instead of a list of them, and as :func:`label_error_rate`.
    """
    for name, texts in (("references", references), ("found", found)):
        if isinstance(texts, str):
            raise TypeError(f"{name} is one string; expected a list of strings")
    return label_error_rate([text.split() for text in references], [t.split() for t in found])
