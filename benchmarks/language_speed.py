"""Tokens a second in training a language model: the course's own layers, PyTorch and Keras.

    python benchmarks/language_speed.py         into benchmarks/results/language_speed.json

The same model with the same first parameters in all three: embedding, recurrent layers, a dense
layer, cross-entropy, the gradient clipped to length 1, Adam. One update after the other on the
same batch. Threads, turns and ratios as in benchmarks/speed.py.
"""

import json
import os
import statistics
import sys
from pathlib import Path

import speed
from speed import LIBRARIES, Worker

sys.path.insert(0, str(Path(__file__).parent / "real"))

RESULTS = Path(__file__).resolve().parent / "results" / "language_speed.json"
RATE, CLIP = 1e-3, 1.0
CASES = {  # kind, sequences, steps, vocabulary, embedding, units, layers
    "characters, rnn": ("rnn", 32, 64, 65, 64, 256, 1),
    "characters, lstm": ("lstm", 32, 64, 65, 64, 256, 1),
    "characters, gru": ("gru", 32, 64, 65, 64, 256, 1),
    "words, lstm": ("lstm", 20, 20, 10_000, 200, 200, 2),
}


def make(kind, N, T, V, D, H, depth):
    """First parameters, and a batch of token numbers (N, T + 1)."""
    import _language
    import numpy as np

    rng = np.random.default_rng(0)
    return _language.init(rng, kind, V, D, H, depth), rng.integers(0, V, (N, T + 1))


def build_numpy(kind, params, ids):
    """A function that makes one update and returns the loss before it."""
    import _language

    from rnncourse.nn import optim

    state = optim.adam_init(params)

    def update():
        loss, grads, _ = _language.loss_and_gradients(kind, params, ids)
        optim.clip_by_norm(grads, CLIP)
        optim.adam_step(params, grads, state, RATE)
        return loss

    return update


def build_torch(kind, params, ids):
    """The same with ``torch.nn`` and ``torch.optim``."""
    import torch
    from torch import nn

    from rnncourse import interop

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    V, D = params["embedding"]["E"].shape
    H = len(params["output"]["W_y"])
    embedding, output = nn.Embedding(V, D), nn.Linear(H, V)
    with torch.no_grad():
        embedding.weight.copy_(torch.tensor(params["embedding"]["E"]))
        output.weight.copy_(torch.tensor(params["output"]["W_y"].T))
        output.bias.copy_(torch.tensor(params["output"]["b_y"]))
    cells = [interop.to_torch(kind, layer) for layer in params["stack"]]
    for cell in cells:
        if kind != "gru":  # PyTorch has a second bias, which would learn the same beside the first
            cell.bias_hh_l0.requires_grad_(False)
    parts = (embedding, *cells, output)
    weights = [p for part in parts for p in part.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(weights, RATE)
    inputs, targets = torch.tensor(ids[:, :-1]), torch.tensor(ids[:, 1:])

    def update():
        hs = embedding(inputs)
        for cell in cells:
            hs, _ = cell(hs)
        loss = nn.functional.cross_entropy(output(hs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, CLIP)
        optimizer.step()
        return float(loss.detach())

    return update


def build_keras(kind, params, ids):
    """The same with a Keras model's ``train_on_batch``, compiled; XLA or not, what is faster."""
    import tensorflow as tf

    threads = int(os.environ["OMP_NUM_THREADS"])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    calls = [keras_update(kind, params, ids, jit) for jit in (False, True)]
    return min(calls, key=lambda call: (call(), speed.seconds(call, 3))[1])


def keras_update(kind, params, ids, jit):
    """One update of a Keras model, built anew."""
    import keras

    from rnncourse import interop

    E, output = params["embedding"]["E"], params["output"]
    cells = [interop.to_keras(kind, layer) for layer in params["stack"]]
    for cell in cells:
        cell.return_state = False  # a Sequential model hands on the outputs alone
    layers = [keras.layers.Embedding(*E.shape), *cells, keras.layers.Dense(len(output["b_y"]))]
    model = keras.Sequential([keras.Input((ids.shape[1] - 1,), dtype="int32"), *layers])
    layers[0].set_weights([E])
    layers[-1].set_weights([output["W_y"], output["b_y"]])
    model.compile(
        keras.optimizers.Adam(RATE, global_clipnorm=CLIP, epsilon=1e-8),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit,
    )
    inputs, targets = ids[:, :-1], ids[:, 1:]
    return lambda: float(model.train_on_batch(inputs, targets))


def build(library, case):
    """One update of a case by a library."""
    makers = {"numpy": build_numpy, "torch": build_torch, "keras": build_keras}
    return makers[library](CASES[case][0], *make(*CASES[case]))


def work(library):
    """Read requests, a line of JSON each, and answer in the same way, until the pipe closes."""
    call, repeats = None, 1
    for line in sys.stdin:
        case = json.loads(line).get("case")
        if case:
            call = build(library, case)
            call()
            repeats = max(1, round(speed.SECONDS / speed.seconds(call, 3)))
        print(json.dumps({"seconds": speed.seconds(call, repeats)}), flush=True)


def compare(workers, case, rounds):
    """Median tokens a second, and the median of the ratios within a round."""
    for worker in workers.values():
        worker.ask(case=case)
    taken = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            taken[name].append(worker.ask()["seconds"])
    kind, N, T, V, D, H, depth = CASES[case]
    sizes = {"kind": kind, "N": N, "T": T, "V": V, "D": D, "H": H, "layers": depth}
    rates = {name: round(N * T / statistics.median(s)) for name, s in taken.items()}
    ratios = {
        name: round(statistics.median(b / a for a, b in zip(taken["numpy"], s, strict=True)), 3)
        for name, s in taken.items()
        if name != "numpy"
    }
    record = {**sizes, "tokens_per_second": rates, "numpy_over": ratios}
    print(f"{case:18} {rates}  ours over theirs {ratios}", flush=True)
    return record


def main():
    arguments = speed.parser_of(__doc__).parse_args()
    if arguments.worker:
        work(arguments.worker)
        return
    workers = {name: Worker(name, arguments.threads, __file__) for name in LIBRARIES}
    cases = {case: compare(workers, case, arguments.rounds) for case in CASES}
    what = "Training a language model, float32, CPU; above 1: ours makes more tokens a second."
    head = speed.head(what, arguments.threads, arguments.rounds, arguments.busy)
    RESULTS.write_text(json.dumps({**head, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
