"""The plain RNN on film reviews (IMDB) by three optimizers, each with its best rate. 50 minutes.

Many tutorials train this network by gradient descent and report that it learns nothing. Here
gradient descent, gradient descent with momentum and Adam start from the same random vectors and
weights, for as many epochs, under the same schedule. The rate of each is chosen on the tenth of
the training half that is held out, with the first seed: of three rates at first, and of further
ones as long as the best stands at an edge. Beside them stands gradient descent at Adam's rate.
"""

from _common import Run  # isort: skip  (sets the number of threads)

from collections.abc import Callable
from typing import Any

import sentiment
from _classify import Setting, best_epoch

NEEDS, EPOCHS, FACTOR, FURTHER = sentiment.NEEDS, 4, 3, 4
START = {"descent": 0.3, "momentum": 0.03, "adam": 2e-3}  # the middle of the first three rates
COMMON = START["adam"]  # the rate of the networks in the page's table


def setting(optimizer: str, rate: float) -> Setting:
    return Setting("rnn", "last", rate=rate, epochs=EPOCHS, optimizer=optimizer)


def search(of: Callable[[float], float], middle: float) -> dict[float, float]:
    """Score of each rate that was tried; see the top of this file for which."""
    tried = {rate: of(rate) for rate in (middle / FACTOR, middle, middle * FACTOR)}
    for _ in range(FURTHER):
        best = max(tried, key=tried.__getitem__)
        if best == min(tried):
            tried[best / FACTOR] = of(best / FACTOR)
        elif best == max(tried):
            tried[best * FACTOR] = of(best * FACTOR)
    return tried


def main() -> None:
    what = "A plain RNN on film reviews (IMDB), by optimizer."
    results: dict[str, Any] = {"epochs": EPOCHS, "optimizers": {}}
    with Run("optimizers", what, NEEDS, ["torch"], 25) as run:

        def measured(optimizer: str, rate: float, seed: int) -> dict[str, Any]:
            return run.step(f"{optimizer}, rate {rate:g}, seed {seed}", sentiment.measure, "torch",
                            setting(optimizer, rate), seed, "random")  # fmt: skip

        def row(optimizer: str, rate: float) -> dict[str, Any]:
            runs = [measured(optimizer, rate, seed) for seed in run.seeds]
            return {"rate": rate} | sentiment.row(runs)

        first = run.seeds[0]
        for optimizer, middle in START.items():

            def held_out(rate: float, optimizer: str = optimizer) -> float:
                return best_epoch(measured(optimizer, rate, first))["accuracy"]

            tried = search(held_out, middle)
            found = row(optimizer, max(tried, key=tried.__getitem__))
            found["tried"] = {f"{rate:g}": tried[rate] for rate in sorted(tried)}
            results["optimizers"][optimizer] = found
            run.write(results)
        results["descent at Adam's rate"] = row("descent", COMMON)
        run.write(results)


if __name__ == "__main__":
    main()
