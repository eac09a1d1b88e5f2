"""How far a claim stands from false, over the draws of ``make seeds``.

Another processor is another draw, like another seed. A claim is safe when the mean over the
draws is at least four standard deviations, and at least the draws' whole range, away from its
threshold: see `problem`.
"""

import math
from statistics import fmean, stdev

from rnncourse.claims import RELATIONS

ENOUGH = 4.0  # standard deviations
CLEAR = 6.0  # below this, twice as many draws are asked
DRAWS, MANY = 10, 20
ITEMS = 2  # an accuracy's worst draw stands this many test items from the threshold


def place(claim: dict, number: float) -> float:
    """Return a number where the claim's margin is measured: itself, or its logarithm."""
    if not claim.get("log"):
        return float(number)
    return math.log(number) if number > 0 else -math.inf


def summary(claim: dict) -> dict:
    """Return mean, spread (standard deviation) and margin (in spreads) of a claim's values.

    The margin is None where no draw differs from another, or where nothing can be said.
    """
    values = list(claim["values"].values())
    if None in values:
        return {"mean": None, "spread": None, "margin": None}
    found = {"mean": fmean(values), "spread": stdev(values) if len(values) > 1 else None}
    at = [place(claim, value) for value in values]
    found["margin"] = None
    # The logarithms of values that differ in the last digit may be equal.
    differ = len(at) > 1 and all(map(math.isfinite, at)) and stdev(at) > 0
    if differ and not claim.get("exact"):
        distance = fmean(at) - place(claim, claim["threshold"])
        found["margin"] = round(distance * direction(claim) / stdev(at), 1)
    return found


def direction(claim: dict) -> int:
    return -1 if claim["relation"].startswith("<") else 1


def holds(claim: dict, value: float) -> bool:
    return RELATIONS[claim["relation"]](value, claim["threshold"])


def problem(claim: dict) -> str:
    """Return why a claim is not safe on any machine, or "".

    Args:
        claim: relation, threshold, ``values`` by draw (None for NaN), and where the page gave
            them ``exact``, ``log``, ``items``.
    """
    values = list(claim["values"].values())
    if any(value is None for value in values):
        return "a draw gave no number"
    if failed := [draw for draw, value in claim["values"].items() if not holds(claim, value)]:
        return f"false under {', '.join(failed)}"
    if claim.get("exact"):
        return ""
    if all(isinstance(value, int) for value in values):
        return count_problem(claim, values)
    return item_problem(claim, values) or margin_problem(claim, values)


def count_problem(claim: dict, values: list[int]) -> str:
    """Counts are equal in all draws, and a whole unit from where the claim would be false."""
    if len(set(values)) > 1:
        return f"a count that differs between draws, {min(values)} to {max(values)}"
    distance = (values[0] - claim["threshold"]) * direction(claim)
    return "" if distance + claim["relation"].endswith("=") >= 1 else "less than a unit away"


def item_problem(claim: dict, values: list[float]) -> str:
    """The worst draw of an accuracy stands two test items from the threshold."""
    if not claim.get("items"):
        return ""
    nearest = min((value - claim["threshold"]) * direction(claim) for value in values)
    items = nearest * claim["items"]
    return "" if items >= ITEMS - 1e-9 else f"{items:.1f} test items away in the worst draw"


def margin_problem(claim: dict, values: list[float]) -> str:
    at = [place(claim, value) for value in values]
    if not all(map(math.isfinite, at)):
        return "log=True for a value that is not above 0"
    distance = (fmean(at) - place(claim, claim["threshold"])) * direction(claim)
    extent, spread = max(at) - min(at), stdev(at) if len(at) > 1 else 0.0
    if distance < ENOUGH * spread:
        return f"{distance / spread:.1f} standard deviations away"
    if distance < extent:
        return f"nearer than the whole range of the draws ({distance:.3g} of {extent:.3g})"
    if distance < CLEAR * spread and len(values) < MANY:
        return f"{distance / spread:.1f} standard deviations away needs {MANY} draws"
    return ""
