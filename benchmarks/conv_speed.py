"""Convolution beside PyTorch's, and the convolutional LSTM beside Keras's, forward and backward.

    python benchmarks/conv_speed.py        into benchmarks/results/conv_speed.json

N pictures of Y rows, Y columns and C channels, filters of 3 × 3, F of them: the output, and the
gradients of input and parameters, float32. For films, T frames; Keras's is compiled as a
tf.function. Threads, turns and ratios as in benchmarks/speed.py.
"""

import json
import os
import statistics
import sys
from pathlib import Path

import speed
from speed import Worker

RESULTS = Path(__file__).resolve().parent / "results" / "conv_speed.json"
LIBRARIES = ("numpy", "torch", "keras")
K = 3
# N, T, Y, C, F: T is 0 for pictures.
SIZES = ((32, 0, 24, 3, 16), (32, 0, 12, 16, 32), (16, 0, 64, 8, 16), (16, 6, 16, 1, 8),
         (8, 10, 32, 8, 16))  # fmt: skip


def make(N, T, Y, C, F):
    """Pictures or films, parameters, upstream gradient."""
    import numpy as np

    from rnncourse.nn import conv, conv_lstm

    rng = np.random.default_rng(0)
    frames = (N, T, Y, Y) if T else (N, Y, Y)
    init = conv_lstm.conv_lstm_init if T else conv.conv2d_init
    x = rng.standard_normal((*frames, C)).astype(np.float32)
    return x, init(rng, K, C, F, np.float32), rng.standard_normal((*frames, F)).astype(np.float32)


def build_numpy(x, params, dy):
    """A function that computes output and gradients once, by ours."""
    from rnncourse.nn import conv, conv_lstm

    def pictures():
        y, cache = conv.conv2d_forward(x, params)
        return y, conv.conv2d_backward(dy, cache, params)

    def films():
        hs, _, cache = conv_lstm.conv_lstm_forward(x, None, params)
        return hs, conv_lstm.conv_lstm_backward(dy, None, cache, params)

    return films if x.ndim == 5 else pictures


def build_torch(x, params, dy):
    """The same with torch.nn.functional.conv2d; None for films, which it has no layer for."""
    if x.ndim == 5:
        return None
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    leaf = [
        torch.tensor(array, requires_grad=True)
        for array in (x.transpose(0, 3, 1, 2).copy(), params["W"].transpose(3, 2, 0, 1).copy(),
                      params["b"])
    ]  # fmt: skip
    upstream = torch.tensor(dy.transpose(0, 3, 1, 2).copy())

    def run():
        y = torch.nn.functional.conv2d(*leaf, padding="same")
        return y, torch.autograd.grad(y, leaf, upstream)

    return run


def build_keras(x, params, dy):
    """The same with keras.layers.Conv2D and ConvLSTM2D."""
    import keras
    import tensorflow as tf

    threads = int(os.environ["OMP_NUM_THREADS"])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if x.ndim == 5:
        layer = keras.layers.ConvLSTM2D(dy.shape[-1], K, padding="same", return_sequences=True)
    else:
        layer = keras.layers.Conv2D(dy.shape[-1], K, padding="same")
    layer.build(x.shape)
    layer.set_weights(list(params.values()))
    given, upstream = tf.constant(x), tf.constant(dy)

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            tape.watch(given)
            y = layer(given)
        return y, tape.gradient(y, [given, *layer.trainable_weights], output_gradients=upstream)

    return lambda: run()[0].numpy()


def work(library):
    """Read sizes, a line of JSON each, and answer with seconds or null, until the pipe closes."""
    build = {"numpy": build_numpy, "torch": build_torch, "keras": build_keras}[library]
    calls = {}
    for line in sys.stdin:
        if line not in calls:
            call = build(*make(*json.loads(line)["size"]))
            if call:
                call()
                calls[line] = call, max(1, round(speed.SECONDS / speed.seconds(call, 2)))
            else:
                calls[line] = None
        found = calls[line] and speed.seconds(*calls[line])
        print(json.dumps({"seconds": found}), flush=True)


def compare(workers, size, rounds):
    """Median milliseconds, and the median of the ratios within a round."""
    taken = {name: [] for name in workers}
    for turn in range(rounds + 1):  # the first builds
        for name, worker in workers.items():
            seconds = worker.ask(size=size)["seconds"]
            if turn and seconds is not None:
                taken[name].append(seconds)
    taken = {name: seconds for name, seconds in taken.items() if seconds}
    record = dict(zip("NTYCF", size, strict=True))
    record["ms"] = {n: round(1e3 * statistics.median(s), 2) for n, s in taken.items()}
    record["ratio"] = {
        name: round(statistics.median(a / b for a, b in zip(taken["numpy"], s, strict=True)), 3)
        for name, s in taken.items() if name != "numpy"
    }  # fmt: skip
    print(record, flush=True)
    return record


def main():
    parser = speed.parser_of(__doc__, LIBRARIES)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker)
        return
    workers = {name: Worker(name, arguments.threads, __file__) for name in LIBRARIES}
    sizes = [compare(workers, size, arguments.rounds) for size in SIZES]
    what = "Convolution and the convolutional LSTM, float32, CPU; ratio below 1: we are faster."
    head = speed.head(what, arguments.threads, arguments.rounds, arguments.busy)
    RESULTS.write_text(json.dumps({**head, "sizes": sizes}, indent=1) + "\n")


if __name__ == "__main__":
    main()
