"""The CRF's loss with its gradients, and its best path, beside pytorch-crf: time against length.

    python benchmarks/crf_speed.py        into benchmarks/results/crf_speed.json

N sequences of T steps with K labels, float32, a third of the rows padded to half their length: the
loss with the gradients of emissions and chain; and apart from it Viterbi's best paths. Both compute
the same. Threads, turns and ratios as in benchmarks/speed.py. How time grows with length is the
slope of its logarithm over that of T: 1 is linear.
"""

import json
import os
import statistics
import sys
from importlib.metadata import version
from pathlib import Path

import speed
from speed import Worker

RESULTS = Path(__file__).resolve().parent / "results" / "crf_speed.json"
LIBRARIES = ("numpy", "torch")
N, LENGTHS, LABELS = 32, (25, 50, 100, 200, 400, 800), (5, 17, 33)


def make(T, K):
    """Emissions, labels, mask and the chain's scores."""
    import numpy as np

    from rnncourse.nn import crf

    rng = np.random.default_rng(0)
    mask = np.ones((N, T), bool)
    mask[::3, T // 2 :] = False
    emissions = rng.standard_normal((N, T, K)).astype(np.float32)
    return emissions, rng.integers(0, K, (N, T)), mask, crf.crf_init(rng, K, np.float32)


def build_numpy(emissions, labels, mask, params):
    """What is timed, by name: functions of no argument."""
    from rnncourse.nn import crf

    def loss():
        value, cache = crf.crf_forward(emissions, labels, params, mask)
        return value, crf.crf_backward(1.0, cache, params)

    return {"loss": loss, "path": lambda: crf.decode(emissions, params, mask)}


def build_torch(emissions, labels, mask, params):
    """The same with pytorch-crf."""
    import torch
    import torchcrf

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    chain = torchcrf.CRF(emissions.shape[2], batch_first=True)
    names = {"transitions": "transitions", "start": "start_transitions", "end": "end_transitions"}
    chain.load_state_dict({names[name]: torch.tensor(p) for name, p in params.items()})
    emissions = torch.tensor(emissions, requires_grad=True)
    labels, mask = torch.tensor(labels), torch.tensor(mask)
    leaves = [emissions, *chain.parameters()]

    def loss():
        value = -chain(emissions, labels, mask, reduction="token_mean")
        return value, torch.autograd.grad(value, leaves)

    return {"loss": loss, "path": lambda: chain.decode(emissions, mask)}


def work(library):
    """Read requests, a line of JSON each, and answer in the same way, until the pipe closes."""
    build, calls = {"numpy": build_numpy, "torch": build_torch}[library], {}
    for line in sys.stdin:
        request = json.loads(line)
        if line not in calls:
            call = build(*make(request["T"], request["K"]))[request["what"]]
            call()
            calls[line] = call, max(1, round(speed.SECONDS / 2 / speed.seconds(call, 2)))
        print(json.dumps({"seconds": speed.seconds(*calls[line])}), flush=True)


def compare(workers, rounds, **size):
    """Median milliseconds, and the median of the ratios within a round."""
    for worker in workers.values():
        worker.ask(**size)
    turns = [{n: w.ask(**size)["seconds"] for n, w in workers.items()} for _ in range(rounds)]
    ms = {n: round(1e3 * statistics.median(turn[n] for turn in turns), 3) for n in workers}
    ratio = round(statistics.median(turn["numpy"] / turn["torch"] for turn in turns), 3)
    print(size, ms, "ours over theirs", ratio, flush=True)
    return {**size, "N": N, "ms": ms, "ratio": ratio}


def slopes(records):
    """How fast the logarithm of time grows with that of T, over the longer half of the lengths."""
    import numpy as np

    long = [r for r in records if r["T"] >= LENGTHS[len(LENGTHS) // 2]]
    return {
        f"{what}, {K} labels": {
            library: round(
                float(np.polyfit(*np.log([(r["T"], r["ms"][library]) for r in long
                                          if (r["what"], r["K"]) == (what, K)]).T, 1)[0]), 2)
            for library in LIBRARIES
        }
        for what in ("loss", "path")
        for K in LABELS
    }  # fmt: skip


def main():
    parser = speed.parser_of(__doc__, LIBRARIES)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker)
        return
    workers = {name: Worker(name, arguments.threads, __file__) for name in LIBRARIES}
    records = [compare(workers, arguments.rounds, what=what, T=T, K=K)
               for what in ("loss", "path") for K in LABELS for T in LENGTHS]  # fmt: skip
    what = "A CRF beside pytorch-crf, float32, CPU; ratio below 1: we are faster."
    head = speed.head(what, arguments.threads, arguments.rounds, arguments.busy)
    head["versions"] = {"numpy": head["versions"]["numpy"], "torch": head["versions"]["torch"],
                        "pytorch-crf": version("pytorch-crf"),
                        "python": head["versions"]["python"]}  # fmt: skip
    record = {**head, "growth": slopes(records), "sizes": records}
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
