"""What a page claims, it measures before its reader's eyes: one call a claim.

``make seeds`` runs every page under other seeds and other processors' arithmetic, and records
how far each claimed quantity stands from its threshold (benchmarks/results/claims.json).
"""

import json
import math
import operator
import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
# The book's extension draws a box on a page whose output holds this.
FALSE = "False ✗"


class ClaimError(AssertionError):
    """A claim that does not hold, where RNNCOURSE_STRICT=1 asks for an error."""


def claim(
    sentence: str,
    value: Any,
    relation: str,
    threshold: float,
    *,
    exact: str = "",
    log: bool = False,
    items: int | None = None,
) -> None:
    """Print a sentence, whether it holds, and the measured value.

    >>> claim("networks: the true error is larger", 0.034, ">", 0.01)
    networks: the true error is larger: True (0.034 > 0.01)

    A claim that does not hold prints ``False ✗`` and the page goes on, so that its reader loses
    nothing; with RNNCOURSE_STRICT=1 it raises. "A beats B" is the difference of the two on the
    same draw against 0, never the comparison's result: ``make seeds`` must see how far it stands
    from false.

    Args:
        sentence: what is claimed, in words; once a page.
        value: one real number, the measured quantity.
        relation: one of ``>  >=  <  <=  ==``.
        threshold: the number that the sentence speaks of.
        exact: why no draw can change the value; with it no margin is asked. Needed for ``==``.
        log: the value is a ratio or an error, whose margin is measured by its logarithm.
        items: the value is an accuracy, or a difference of two, over so many test items.

    A value that is NaN makes the claim false.

    Raises:
        TypeError: ``value`` or ``threshold`` is no single real number (a bool is none).
        ValueError: unknown relation, NaN threshold, ``==`` without ``exact``, a threshold that has
            no logarithm, or fewer than one item.
        ClaimError: the claim does not hold and RNNCOURSE_STRICT is 1.
    """
    value, threshold = _number(sentence, "value", value), _number(sentence, "threshold", threshold)
    _check(sentence, relation, threshold, exact, log, items)
    holds = bool(RELATIONS[relation](value, threshold))
    if math.isnan(value):
        found = "nan is no number; the measurement failed"
    else:
        found = f"{value:.3g} {'' if holds else 'is not '}{relation} {threshold:.6g}"
    line = f"{sentence}: {'True' if holds else FALSE} ({found})"
    print(line, flush=True)
    _record(
        {"claim": sentence, "value": value, "relation": relation, "threshold": threshold}
        | ({"exact": exact} if exact else {})
        | ({"log": True} if log else {})
        | ({"items": items} if items else {})
    )
    if not holds and os.environ.get("RNNCOURSE_STRICT") == "1":
        raise ClaimError(line)


def _number(sentence: str, name: str, found: Any) -> float:
    """Return one number as Python's own int or float."""
    if hasattr(found, "item") and math.prod(getattr(found, "shape", ())) == 1:
        found = found.item()  # NumPy's, or a library's, number or array of one
    if isinstance(found, bool):
        raise TypeError(
            f"claim {sentence!r}: {name} is the comparison's result {found}; give the quantity "
            'itself, such as claim("a is larger", a - b, ">", 0)'
        )
    if isinstance(found, Integral):
        return int(found)
    if isinstance(found, Real):
        return float(found)
    shape = f" of shape {found.shape}" if hasattr(found, "shape") else ""
    raise TypeError(
        f"claim {sentence!r}: {name} is a {type(found).__name__}{shape}; expected one real number, "
        "such as the worst of several"
    )


def _check(
    sentence: str, relation: str, threshold: float, exact: str, log: bool, items: int | None
) -> None:
    if relation not in RELATIONS:
        raise ValueError(f"claim {sentence!r}: relation is {relation!r}; expected > >= < <= or ==")
    if math.isnan(threshold):
        raise ValueError(f"claim {sentence!r}: threshold is nan; expected a number")
    if relation == "==" and not exact:
        raise ValueError(
            f"claim {sentence!r}: == holds on every machine only by argument; "
            "say it with exact='the reason', or claim an inequality"
        )
    if log and threshold <= 0:
        raise ValueError(f"claim {sentence!r}: log=True needs a threshold above 0, not {threshold}")
    if items is not None and items < 1:
        raise ValueError(f"claim {sentence!r}: items is {items}; expected the number of test items")


def _record(entry: dict[str, Any]) -> None:
    """Add a line to the file that RNNCOURSE_CLAIMS names, if it names one."""
    if path := os.environ.get("RNNCOURSE_CLAIMS"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
