"""Sequences of symbols to be rewritten by a rule, with what each written symbol comes from.

The alignment is known, so attention can be judged by it.
"""

from collections.abc import Callable

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse._types import Array

# Source (T,) → for each target symbol its place in the source.
RULES: dict[str, Callable[[Array], Array]] = {
    "copy": lambda source: np.arange(len(source)),
    "reverse": lambda source: np.arange(len(source))[::-1],
    "sort": lambda source: np.argsort(source, kind="stable"),
    "double": lambda source: np.repeat(np.arange(len(source)), 2),
}


def symbols(
    rng: np.random.Generator,
    N: int,
    rule: str,
    shortest: int,
    longest: int,
    V: int = 11,
    first: int = 3,
) -> tuple[list[Array], list[Array], list[Array]]:
    """N sequences of V symbols, rewritten by a rule.

    Args:
        rule: "copy", "reverse", "sort" (ascending; of equals the left one first), or "double":
            symbol s becomes two, s and s + V, so the target has 2V symbols.
        shortest, longest: the source's length T is drawn from these, both included.
        first: number of the first symbol; those below are left for padding, start and end.

    Returns:
        sources, (T,) each, symbols first..first + V - 1; targets (U,), without an end token; and
        alignments (U,): the place in the source that each target symbol comes from.

    Raises ValueError for an unknown rule, counts below 1, or shortest above longest.
    """
    check_counts(N=N, shortest=shortest, V=V)
    check_counts(0, first=first)
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}; expected one of {list(RULES)}")
    if longest < shortest:
        raise ValueError(f"shortest = {shortest}, longest = {longest}; expected them in this order")
    lengths = rng.integers(shortest, longest + 1, N)
    sources = [rng.integers(first, first + V, T) for T in lengths]
    alignments = [RULES[rule](source) for source in sources]
    targets = [source[places] for source, places in zip(sources, alignments, strict=True)]
    if rule == "double":
        targets = [target + V * (np.arange(len(target)) % 2) for target in targets]
    return sources, targets, alignments
