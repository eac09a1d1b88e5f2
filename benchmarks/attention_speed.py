"""A decoder with attention, forward and backward, beside PyTorch and Keras; the cost of a beam.

    python benchmarks/attention_speed.py        into benchmarks/results/attention_speed.json

A GRU decoder reads U tokens and looks back at N sources of T steps: Luong's, attention after the
layer, with the scaled product; and Bahdanau's, additive attention inside the loop over time. All
three libraries compute the same: scores, and the gradients of the first state, the keys and every
parameter, from the same upstream gradient. Threads, turns and ratios as in benchmarks/speed.py.
The beam is NumPy alone: seconds for a text of 20 tokens, over those of greedy decoding.
"""

import json
import os
import statistics
import sys
from pathlib import Path

import speed
from speed import LIBRARIES, Worker

RESULTS = Path(__file__).resolve().parent / "results" / "attention_speed.json"
# N sources, T source steps, U target steps, D embedding, H units, V tokens
SIZES = ((64, 20, 12, 32, 64, 14), (64, 20, 20, 64, 128, 1000), (32, 30, 30, 128, 256, 4000))
DECODERS = (("luong", "scaled"), ("bahdanau", "additive"))
WIDTHS, LENGTH = (1, 2, 4, 8), 20


def make(decoder, score, N, T, U, D, H, V):
    """Design, params, token numbers, first state, keys and upstream gradient, float32."""
    import numpy as np

    from rnncourse.nn.decoder import Design, decoder_init

    rng = np.random.default_rng(0)
    design = Design("gru", decoder, score)
    params = decoder_init(rng, design, V, D, H, np.float32)
    state, keys, dlogits = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((N, H), (N, T, H), (N, U, V))
    )
    return design, params, rng.integers(0, V, (N, U)), state, keys, dlogits


# --- one decoder, forward and backward ------------------------------------------------


def build_numpy(design, params, ids, state, keys, dlogits):
    """A function that runs our decoder forward and backward once."""
    from rnncourse.nn.decoder import decoder_backward, decoder_forward

    def run():
        logits, cache = decoder_forward(design, ids, state, params, keys)
        return logits, decoder_backward(dlogits, cache, params)

    return run


def build_torch(design, params, ids, state, keys, dlogits):
    """The same with torch.nn, its fused attention, and a cell of its own inside the loop."""
    import torch
    from torch import nn

    from rnncourse import interop
    from rnncourse.nn import optim

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    p = {n: torch.tensor(a, requires_grad=True) for n, a in optim.leaves(params).items()}
    layer = interop.to_torch("gru", params["cell"])
    if design.decoder == "bahdanau":
        weights = {n.removesuffix("_l0"): w for n, w in layer.state_dict().items()}
        layer = nn.GRUCell(layer.input_size, layer.hidden_size)
        layer.load_state_dict(weights)
    ids, dlogits = torch.tensor(ids), torch.tensor(dlogits)
    state, keys = (torch.tensor(a, requires_grad=True) for a in (state, keys))
    own = [leaf for name, leaf in p.items() if not name.startswith("cell.")]
    leaves = [state, keys, *own, *layer.parameters()]

    def inside(xs):
        h, hs = state, []
        ready = keys @ p["attention.W_k"] + p["attention.b"]
        for x in xs.unbind(1):
            hidden = torch.tanh((h @ p["attention.W_q"])[:, None] + ready)
            weights = torch.softmax(hidden @ p["attention.v"], 1)
            context = (weights[:, None] @ keys)[:, 0]
            h = layer(torch.cat([x, context], 1), h)
            hs.append(torch.cat([h, context], 1))
        return torch.stack(hs, 1)

    def after(xs):
        hs, _ = layer(xs, state[None])
        return torch.cat([hs, nn.functional.scaled_dot_product_attention(hs, keys, keys)], 2)

    features = inside if design.decoder == "bahdanau" else after

    def run():
        both = features(p["embedding.E"][ids])
        combined = torch.tanh(both @ p["combine.W_y"] + p["combine.b_y"])
        logits = combined @ p["output.W_y"] + p["output.b_y"]
        return logits, torch.autograd.grad(logits, leaves, dlogits)

    return run


def build_keras(design, params, ids, state, keys, dlogits):
    """The same with Keras's layers, compiled; XLA or not, what is faster here."""
    import keras
    import tensorflow as tf

    from rnncourse import interop
    from rnncourse.nn import optim

    threads = int(os.environ["OMP_NUM_THREADS"])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    layer = interop.to_keras("gru", params["cell"])
    flat = optim.leaves(params).items()
    p = {name: tf.Variable(a) for name, a in flat if not name.startswith("cell.")}
    look = keras.layers.Attention(use_scale=False)
    if design.score == "additive":
        look = keras.layers.AdditiveAttention()
        look.build([(*keys.shape[:1], 1, keys.shape[2]), keys.shape, keys.shape])
        look.scale.assign(p.pop("attention.v"))
    ids, state, keys, dlogits = (tf.constant(a) for a in (ids, state, keys, dlogits))

    def inside(xs, state, keys):
        h, hs = state, []
        ready = keys @ p["attention.W_k"] + p["attention.b"]
        for x in tf.unstack(xs, axis=1):
            context = look([(h @ p["attention.W_q"])[:, None], keys, ready])[:, 0]
            h, _ = layer.cell(tf.concat([x, context], 1), [h])
            hs.append(tf.concat([h, context], 1))
        return tf.stack(hs, 1)

    def after(xs, state, keys):
        hs, _ = layer(xs, initial_state=state)
        return tf.concat([hs, look([hs * hs.shape[-1] ** -0.5, keys])], 2)

    features = inside if design.decoder == "bahdanau" else after

    def run(state, keys, dlogits):
        own = [*p.values(), *look.trainable_variables, *layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch([state, keys])
            both = features(tf.gather(p["embedding.E"], ids), state, keys)
            combined = tf.tanh(both @ p["combine.W_y"] + p["combine.b_y"])
            logits = combined @ p["output.W_y"] + p["output.b_y"]
            total = tf.reduce_sum(logits * dlogits)
        return logits, tape.gradient(total, [state, keys, *own])

    calls = []
    for jit in (False, True):
        compiled = tf.function(run, jit_compile=jit)
        call = lambda f=compiled: f(state, keys, dlogits)[0].numpy()  # noqa: E731
        call()
        calls.append((speed.seconds(call, 3), jit, call))
    return min(calls)[2]


# --- a beam ---------------------------------------------------------------------------


def build_beam(width, size):
    """Write one text of ``LENGTH`` tokens; width 0 is greedy decoding."""
    import numpy as np

    from rnncourse.nlp import decoding
    from rnncourse.nn import seq2seq
    from rnncourse.nn.decoder import Design

    _, T, _, D, H, V = size
    rng, design = np.random.default_rng(0), Design("gru", "luong", "scaled")
    params = seq2seq.seq2seq_init(rng, design, V, V, D, H, dtype=np.float32)
    step, state = seq2seq.stepper(design, rng.integers(0, V, (1, T)), params)
    if width:
        return lambda: decoding.beam_search(step, state, 1, None, LENGTH, width)
    return lambda: decoding.decode(step, state, [1], None, LENGTH)


# --- workers, rounds, the record ---------------------------------------------------------


def build(library, request):
    """What a request asks for."""
    if "width" in request:
        return build_beam(request["width"], request["size"])
    makers = {"numpy": build_numpy, "torch": build_torch, "keras": build_keras}
    return makers[library](*make(*request["decoder"], *request["size"]))


def work(library):
    """Read requests, a line of JSON each, and answer in the same way, until the pipe closes."""
    calls = {}
    for line in sys.stdin:
        request = json.loads(line)
        if line not in calls:
            call = build(library, request)
            call()
            calls[line] = call, max(1, round(speed.SECONDS / speed.seconds(call, 3)))
        print(json.dumps({"seconds": speed.seconds(*calls[line])}), flush=True)


def rounds_of(asks, rounds):
    """Seconds of each, a round after the other; the first call of each builds it."""
    for ask in asks.values():
        ask()
    turns = [{name: ask()["seconds"] for name, ask in asks.items()} for _ in range(rounds)]
    return {name: [turn[name] for turn in turns] for name in asks}


def compare(workers, decoder, size, rounds):
    """Median milliseconds, and the median of the ratios within a round."""
    asks = {n: lambda w=w: w.ask(decoder=decoder, size=size) for n, w in workers.items()}
    taken = rounds_of(asks, rounds)
    pairs = {n: zip(taken["numpy"], s, strict=True) for n, s in taken.items() if n != "numpy"}
    record = {"decoder": decoder[0], "score": decoder[1]}
    record |= dict(zip(("N", "T", "U", "D", "H", "V"), size, strict=True))
    record["ms"] = {n: round(1e3 * statistics.median(s), 2) for n, s in taken.items()}
    ratios = {n: round(statistics.median(a / b for a, b in p), 3) for n, p in pairs.items()}
    print(decoder, size, record["ms"], "ours over theirs", ratios, flush=True)
    return record | {"ratio": ratios}


def beams(worker, size, rounds):
    """Seconds of each width over greedy's, the median over the rounds."""
    asks = {w: lambda w=w: worker.ask(width=w, size=size) for w in (0, *WIDTHS)}
    taken = rounds_of(asks, rounds)
    over = {w: [s / g for s, g in zip(taken[w], taken[0], strict=True)] for w in WIDTHS}
    record = dict(zip(("T", "D", "H", "V"), (size[1], *size[3:]), strict=True))
    record["greedy_ms_per_token"] = round(1e3 * statistics.median(taken[0]) / LENGTH, 4)
    record["over_greedy"] = {str(w): round(statistics.median(r), 2) for w, r in over.items()}
    print("beam", record, flush=True)
    return record


def main():
    parser = speed.parser_of(__doc__)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker)
        return
    rounds = arguments.rounds
    workers = {name: Worker(name, arguments.threads, __file__) for name in LIBRARIES}
    decoders = [compare(workers, d, s, rounds) for d in DECODERS for s in SIZES]
    widths = [beams(workers["numpy"], s, rounds) for s in SIZES]
    what = "A GRU decoder with attention, float32, CPU; ratio below 1: we are faster."
    head = speed.head(what, arguments.threads, rounds, arguments.busy)
    record = {**head, "decoders": decoders, "beam": widths}
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
