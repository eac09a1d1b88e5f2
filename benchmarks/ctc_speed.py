"""The CTC loss and its gradient beside PyTorch's, and how both grow with the input's length.

    python benchmarks/ctc_speed.py        into benchmarks/results/ctc_speed.json

N inputs of T steps and K classes, of L labels each: losses and the gradients of the scores, from
the softmax to the softmax, float32. The lattice itself is float64 in ours, float32 in PyTorch's.
Threads, turns and ratios as in benchmarks/speed.py. ``growth``: milliseconds at T, 2 T, 4 T, ...
with the same L, and the exponent p of T^p that fits them; 1 is linear.
"""

import json
import math
import os
import statistics
import sys
from pathlib import Path

import speed
from speed import Worker

RESULTS = Path(__file__).resolve().parent / "results" / "ctc_speed.json"
LIBRARIES = ("numpy", "torch")
SIZES = ((24, 150, 11, 5), (24, 300, 11, 10), (16, 400, 30, 60), (8, 200, 4000, 20))  # N, T, K, L
LENGTHS, BASE = (100, 200, 400, 800, 1600), (8, 11, 10)  # T; N, K, L


def make(N, T, K, L):
    """Scores, labels and upstream gradient."""
    import numpy as np

    rng = np.random.default_rng(0)
    scores = rng.standard_normal((N, T, K)).astype(np.float32)
    return scores, rng.integers(1, K, (N, L)), rng.standard_normal(N).astype(np.float32)


def build_numpy(scores, labels, upstream):
    """A function that computes losses and gradients once, by ours."""
    from rnncourse.nn import ctc

    def run():
        losses, cache = ctc.ctc_forward(scores, labels)
        return losses, ctc.ctc_backward(upstream, cache)

    return run


def build_torch(scores, labels, upstream):
    """The same with torch.nn.functional.ctc_loss, from the scores."""
    import torch
    from torch.nn.functional import ctc_loss

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    (N, T, _), L = scores.shape, labels.shape[1]
    z, labels, upstream = (
        torch.tensor(scores, requires_grad=True),
        *map(torch.tensor, (labels, upstream)),
    )
    steps, lengths = torch.full((N,), T), torch.full((N,), L)

    def run():
        log_p = z.log_softmax(2).transpose(0, 1)
        losses = ctc_loss(log_p, labels, steps, lengths, reduction="none")
        return losses, torch.autograd.grad(losses, z, upstream)

    return run


def work(library):
    """Read sizes, a line of JSON each, and answer with seconds, until the pipe closes."""
    build, calls = {"numpy": build_numpy, "torch": build_torch}[library], {}
    for line in sys.stdin:
        if line not in calls:
            call = build(*make(*json.loads(line)["size"]))
            call()
            calls[line] = call, max(1, round(speed.SECONDS / speed.seconds(call, 2)))
        print(json.dumps({"seconds": speed.seconds(*calls[line])}), flush=True)


def compare(workers, size, rounds):
    """Median milliseconds, and the median of the ratios within a round."""
    taken = {name: [] for name in workers}
    for turn in range(rounds + 1):  # the first builds
        for name, worker in workers.items():
            seconds = worker.ask(size=size)["seconds"]
            taken[name] += [seconds] if turn else []
    record = dict(zip("NTKL", size, strict=True))
    record["ms"] = {n: round(1e3 * statistics.median(s), 2) for n, s in taken.items()}
    pairs = zip(taken["numpy"], taken["torch"], strict=True)
    record["ratio"] = round(statistics.median(a / b for a, b in pairs), 3)
    print(record, flush=True)
    return record


def exponent(records, library):
    """p of T^p, by least squares of the logarithms."""
    x = [math.log(r["T"]) for r in records]
    y = [math.log(r["ms"][library]) for r in records]
    return round(statistics.linear_regression(x, y).slope, 3)


def main():
    parser = speed.parser_of(__doc__, LIBRARIES)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker)
        return
    workers = {name: Worker(name, arguments.threads, __file__) for name in LIBRARIES}
    sizes = [compare(workers, size, arguments.rounds) for size in SIZES]
    N, K, L = BASE
    growth = [compare(workers, (N, T, K, L), arguments.rounds) for T in LENGTHS]
    what = "CTC losses and gradients of the scores, float32, CPU; ratio below 1: we are faster."
    head = speed.head(what, arguments.threads, arguments.rounds, arguments.busy)
    powers = {name: exponent(growth, name) for name in LIBRARIES}
    record = {**head, "sizes": sizes, "growth": {"exponent": powers, "lengths": growth}}
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    print("exponents", powers)


if __name__ == "__main__":
    main()
