"""Learn to write like a text: python language_model.py FILE.txt"""

import numpy as np

from rnncourse.data import own
from rnncourse.nlp import ngram, sampling
from rnncourse.nlp.text import Vocabulary
from rnncourse.nn import cells, functional, layers, optim, recurrent, train


def forward(params, tokens, state=None):
    xs = layers.embedding_forward(tokens, params["embedding"])
    hs, state, cache = recurrent.gru_forward(xs, state, params["cell"])
    return layers.dense_forward(hs, params["output"]), state, (hs, cache)


def gradients(params, chunk, state):
    ys, state, (hs, cache) = forward(params, chunk[:, :-1], state)
    loss, dys = functional.cross_entropy(ys, chunk[:, 1:])
    dhs, output = layers.dense_backward(dys, hs, params["output"])
    dxs, _, cell = recurrent.gru_backward(dhs, None, cache, params["cell"])
    embedding = layers.embedding_backward(dxs, chunk[:, :-1], params["embedding"])
    return loss, {"embedding": embedding, "cell": cell, "output": output}, state


def bits(params, tokens):  # of a character, all but the first
    state, total = None, 0.0
    for piece in np.array_split(np.arange(len(tokens) - 1), len(tokens) // 500 + 1):
        ys, state, _ = forward(params, tokens[None, piece], state)
        total += functional.cross_entropy(ys, tokens[None, piece + 1])[0] * len(piece)
    return total / (len(tokens) - 1) / np.log(2)


def learn(args, N=16, T=50, D=64, rate=0.005):  # streams, steps of an update
    rng, text = np.random.default_rng(args.seed), own.read_text(args.file, at_least=1000)
    a, b = len(text) * 8 // 10, len(text) * 9 // 10  # learn, choose the epoch, test
    vocabulary = Vocabulary.from_documents([list(text[:a])], 3000, min_count=2, pad=None)
    seen, valid, test = (vocabulary.encode(list(t)) for t in (text[:a], text[a:b], text[b:]))
    V, rows = len(vocabulary), seen[: a // N * N].reshape(N, -1)
    cell = cells.gru_init(rng, D, args.units, dtype=np.float32)
    params = {"embedding": layers.embedding_init(rng, V, D, np.float32), "cell": cell,
              "output": layers.dense_init(rng, args.units, V, np.float32)}
    chunks = [rows[:, t : t + T + 1] for t in range(0, rows.shape[1] - 1, T)]
    memory = {}

    def update(t):  # the memory goes on from chunk to chunk; the gradient does not
        loss, grads, memory["h"] = gradients(params, chunks[t], memory["h"] if t else None)
        return loss, grads

    epochs = args.epochs or int(np.clip(3.5e9 / a / (V + 8 * args.units), 1, 30))
    train.fit(params, update, lambda: range(len(chunks)), epochs, clip=1.0, patience=3,
              rate=optim.cosine(rate, epochs * len(chunks)),
              validate=lambda: bits(params, valid[:20000]))
    counted = [ngram.KneserNey(n, V).fit([seen]) for n in (3, 5)]
    best = max(counted, key=lambda model: model.log_probabilities(valid[:20000]).mean())
    by_counting = -best.log_probabilities(test)[1:].mean() / np.log(2)
    own.say("{} characters; bits each, last tenth:", len(text))
    own.say("GRU {:.2f}, {}-gram {:.2f}", bits(params, test), best.n, by_counting)
    train.save(args.saved, params, vocabulary=vocabulary.to_json(), first=text[0])


def write(args):
    params, settings = train.load(args.saved)
    vocabulary = Vocabulary.from_json(settings["vocabulary"])
    begin = args.begin or settings["first"]

    def step(token, state):
        ys, state, _ = forward(params, np.array([[token]]), state)
        ys[..., vocabulary.unknown_index] = -np.inf  # never write <unk>
        return ys[0, 0], state

    choose = sampling.sampler(np.random.default_rng(args.seed), args.temperature)
    tokens = sampling.generate(step, vocabulary.encode(list(begin)), args.length, choose)
    own.say("{}", begin + "".join(vocabulary.decode(tokens)))


if __name__ == "__main__":
    own.program(__doc__, learn, write, units=128, epochs=0, begin=None, length=200, temperature=0.7)
