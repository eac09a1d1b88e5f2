"""Time and memory of the layers, forward and backward, beside PyTorch and Keras.

    python benchmarks/speed.py                  all of it, into benchmarks/results/cells.json
    python benchmarks/speed.py --only lstm      one cell, printed and not written

Each library runs in a process of its own with the same number of threads, in float32, on the
CPU. The three take turns, a round at a time; what is reported is the median over the rounds
of the ratio within a round, so that a slow spell of the machine hits all three.
All compute the same: outputs, last state, and the gradients of the inputs, the first state
and every parameter, from the same upstream gradients. A fourth process computes nothing but our
layer's matrix products: the floor under a layer written in NumPy, whatever its gates cost.
"""

import argparse
import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results" / "cells.json"
CELLS = ("rnn", "lstm", "gru")
LIBRARIES = ("numpy", "torch", "keras")
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
# (N, T, D, H): sequences, steps, inputs, units
SIZES = ((32, 50, 64, 128), (64, 50, 64, 128), (32, 100, 128, 128), (64, 50, 128, 256),
         (64, 100, 128, 256))  # fmt: skip
BASE = (32, 50, 64, 128)
GROWTH = {"T": (25, 50, 100, 200), "N": (8, 16, 32, 64, 128), "H": (64, 128, 256, 512)}
SECONDS = 0.4  # of work for one library in one round


# --- inside a worker: one library --------------------------------------------------


def build_numpy(kind, arrays, params):
    """A function that runs our layer forward and backward once."""
    from rnncourse.nn import recurrent

    forward, backward = (
        getattr(recurrent, f"{kind}_forward"),
        getattr(recurrent, f"{kind}_backward"),
    )
    xs, state, dhs, dstate = arrays

    def run():
        hs, _, cache = forward(xs, state, params)
        return hs, *backward(dhs, dstate, cache, params)

    return run


def build_products(kind, arrays, params):
    """The layer's matrix products alone: one a step, and those over all steps at once."""
    import numpy as np

    xs, _, dhs, _ = arrays
    (N, T, D), H, gates = xs.shape, dhs.shape[2], GATES[kind]
    W_x, W_h = params["W_x"].T.copy(), params["W_h"].T.copy()  # (gates · H, D or H)
    xs, hs = (a.transpose(1, 2, 0).copy() for a in (xs, dhs))  # (T, D or H, N)
    a, das = np.empty((2, gates * H, N), np.float32)
    flat = np.empty((gates * H, T * N), np.float32)

    def run():
        inputs = np.matmul(W_x, xs)
        for t in range(T):
            np.matmul(W_h, hs[t], out=a)
        for _ in range(T):
            np.matmul(W_h.T, das)
        rows = (flat @ xs.swapaxes(1, 2).reshape(T * N, D), flat.T @ W_x)
        return inputs, *rows, flat @ hs.swapaxes(1, 2).reshape(T * N, H)

    a[:], das[:], flat[:] = 0.1, 0.1, 0.1
    return run


def build_torch(kind, arrays, params):
    """The same with ``torch.nn``."""
    import torch

    from rnncourse import interop

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    module = interop.to_torch(kind, params)
    xs, state, dhs, dstate = (_map(torch.tensor, a) for a in arrays)
    xs.requires_grad_()
    state = _map(lambda a: a[None].clone().requires_grad_(), state)
    upstream = [dhs, *(_parts(_map(lambda a: a[None], dstate)))]
    leaves = [xs, *_parts(state), *module.parameters()]

    def run():
        hs, last = module(xs, state)
        return hs, torch.autograd.grad([hs, *_parts(last)], leaves, upstream)

    return run


def build_keras(kind, arrays, params):
    """The same with a Keras layer, compiled; XLA or not, whichever is faster here."""
    import tensorflow as tf

    from rnncourse import interop

    threads = int(os.environ["OMP_NUM_THREADS"])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    layer = interop.to_keras(kind, params)
    xs, state, dhs, dstate = (_map(tf.constant, a) for a in arrays)

    def run(xs, state, dhs, dstate):
        with tf.GradientTape() as tape:
            tape.watch([xs, *_parts(state)])
            hs, *last = layer(xs, initial_state=list(_parts(state)))
            pairs = zip([hs, *last], [dhs, *_parts(dstate)], strict=True)
            total = sum(tf.reduce_sum(y * dy) for y, dy in pairs)
        return hs, tape.gradient(total, [xs, *_parts(state), *layer.trainable_variables])

    best = {}
    for jit in (False, True):
        compiled = tf.function(run, jit_compile=jit)
        call = lambda f=compiled: f(xs, state, dhs, dstate)[0].numpy()  # noqa: E731
        call()
        best[seconds(call, 3)] = call
    return best[min(best)]


def _map(f, state):
    return tuple(f(a) for a in state) if isinstance(state, tuple) else f(state)


def _parts(state):
    return state if isinstance(state, tuple) else (state,)


def seconds(call, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def make(kind, size):
    """Random inputs, first state, upstream gradients and parameters, float32."""
    import numpy as np

    from rnncourse.nn import cells

    rng = np.random.default_rng(0)
    N, T, D, H = size
    params = getattr(cells, f"{kind}_init")(rng, D, H, np.float32)
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)  # noqa: E731
    state, dstate = ((draw(N, H), draw(N, H)) if kind == "lstm" else draw(N, H) for _ in "ab")
    return (draw(N, T, D), state, draw(N, T, H), dstate), params


def _memory(key):
    """VmRSS or VmHWM of this process in MiB."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{key}:")[1].split()[0]) / 1024


def measure_peak(call):
    """MiB that one call needs above what the process holds before it; None where unknown."""
    call()  # what is made once, such as threads and compiled code, is not counted
    try:
        ctypes.CDLL(None).malloc_trim(0)  # gives back what earlier calls freed
        Path("/proc/self/clear_refs").write_text("5")  # sets the high-water mark back
    except (AttributeError, OSError):
        return None
    before = _memory("VmRSS")
    call()
    return _memory("VmHWM") - before


def work(library):
    """Read requests, a line of JSON each, and answer in the same way, until the pipe closes."""
    build = {"numpy": build_numpy, "torch": build_torch, "keras": build_keras,
             "products": build_products}[library]  # fmt: skip
    call, repeats = None, 1
    for line in sys.stdin:
        request = json.loads(line)
        if "kind" in request:
            call = build(request["kind"], *make(request["kind"], request["size"]))
            # TensorFlow keeps a pool of its own, in which a call's needs cannot be seen.
            peak = None if library == "keras" else measure_peak(call)
            repeats = max(1, round(SECONDS / seconds(call, 3)))
            print(json.dumps({"peak": peak}), flush=True)
        else:
            print(json.dumps({"seconds": seconds(call, repeats)}), flush=True)


# --- outside: rounds, ratios, the record --------------------------------------------


class Worker:
    """A process that runs one library, as ``script --worker`` does it."""

    def __init__(self, library, threads, script=__file__):
        names = ("OMP", "OPENBLAS", "MKL")
        env = os.environ | {f"{n}_NUM_THREADS": str(threads) for n in names}
        env |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, script, "--worker", library]
        self.process = subprocess.Popen(
            command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def compare(workers, kind, size, rounds):
    """Median milliseconds, peak MiB and median ratios of one cell at one size."""
    peaks = {name: w.ask(kind=kind, size=size)["peak"] for name, w in workers.items()}
    taken = {name: [] for name in workers}
    for _ in range(rounds):
        for name, w in workers.items():
            taken[name].append(w.ask()["seconds"])
    record = {"cell": kind, **dict(zip("NTDH", size, strict=True))}
    record["ms"] = {n: round(1e3 * statistics.median(s), 2) for n, s in taken.items()}
    record["peak_MiB"] = {n: p and round(p, 1) for n, p in peaks.items()}
    record["ratio"] = {
        n: round(statistics.median(a / b for a, b in zip(taken["numpy"], s, strict=True)), 3)
        for n, s in taken.items()
        if n in ("torch", "keras")
    }
    return record


def show(record):
    size = " ".join(f"{k}{record[k]}" for k in "NTDH")
    ms = "  ".join(f"{n} {v:7.1f} ms" for n, v in record["ms"].items())
    mib = " ".join(f"{n} {v}" for n, v in record["peak_MiB"].items() if v)
    ratio = "  ".join(f"/{n} {v:.2f}" for n, v in record["ratio"].items())
    print(f"{record['cell']:4} {size:20} {ms}   peak {mib} MiB   {ratio}", flush=True)
    return record


def grow(kind):
    """The base size with one of T, N, H changed at a time."""
    for letter, values in GROWTH.items():
        for value in values:
            yield tuple(value if k == letter else b for k, b in zip("NTDH", BASE, strict=True))


def head(what, threads, rounds, busy):
    """The record's first lines: what was measured where, and how."""
    return {
        "what": what,
        "date": datetime.now(UTC).date().isoformat(),
        "processor": platform.processor() or platform.machine(),
        "threads": threads,
        "rounds": rounds,
        "busy": busy,
        "versions": {p: version(p) for p in ("numpy", "torch", "keras")}
        | {"python": platform.python_version()},
    }


def parser_of(doc, workers=LIBRARIES, threads=1):
    """What every script that times asks: which worker it is, rounds, threads, other programs."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--worker", choices=workers, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=threads)
    parser.add_argument("--busy", action="store_true", help="say that other programs were running")
    return parser


def main():
    names = (*LIBRARIES, "products")
    parser = parser_of(__doc__, names, os.cpu_count())
    parser.add_argument("--only", choices=CELLS, help="one cell; nothing is written")
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker)
        return
    kinds = [arguments.only] if arguments.only else CELLS
    workers = {name: Worker(name, arguments.threads) for name in names}
    records = [show(compare(workers, k, s, arguments.rounds)) for k in kinds for s in SIZES]
    ratios = [r for record in records for r in record["ratio"].values()]
    print(f"median ratio {statistics.median(ratios):.2f}, largest {max(ratios):.2f}")
    if arguments.only:
        return
    ours = {"numpy": workers["numpy"]}
    growth = [show(compare(ours, k, s, arguments.rounds)) for k in kinds for s in grow(k)]
    what = "forward and backward of a whole layer, float32, CPU; ratio below 1: we are faster"
    RESULTS.write_text(json.dumps({
        **head(what, arguments.threads, arguments.rounds, arguments.busy),
        "median_ratio": round(statistics.median(ratios), 3),
        "largest_ratio": max(ratios),
        "sizes": records,
        "growth": growth,
    }, indent=1) + "\n")  # fmt: skip


if __name__ == "__main__":
    main()
