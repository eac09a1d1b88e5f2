"""Learn to write poems, and begin the lines as asked: python poetry.py FILE.txt --heads 春夏秋冬"""

import numpy as np

from rnncourse.data import own, stanzas
from rnncourse.nlp import ngram, sampling, sounds, text
from rnncourse.nn import cells, functional, layers, optim, recurrent, train

END = "¶"  # begins and ends a poem


def forward(params, ids, state=None):
    xs = layers.embedding_forward(ids, params["embedding"])
    hs, state, cache = recurrent.gru_forward(xs, state, params["cell"])
    return layers.dense_forward(hs, params["output"]), state, (hs, cache)


def gradients(params, ids, mask):
    ys, _, (hs, cache) = forward(params, ids[:, :-1])
    loss, dys = functional.cross_entropy(ys, ids[:, 1:], mask[:, 1:])
    dhs, output = layers.dense_backward(dys, hs, params["output"])
    dxs, _, cell = recurrent.gru_backward(dhs, None, cache, params["cell"])
    embedding = layers.embedding_backward(dxs, ids[:, :-1], params["embedding"])
    return loss, {"embedding": embedding, "cell": cell, "output": output}


def nats(params, rows):  # of a character, all but the marks that begin
    each = [functional.cross_entropy(forward(params, r[None, :-1])[0], r[None, 1:]) for r in rows]
    return np.average([loss for loss, _ in each], weights=[len(r) - 1 for r in rows])


def learn(args, N=16, D=64, rate=0.005):
    rng, poems = np.random.default_rng(args.seed), stanzas.stanzas(args.file)
    parts = [[poems[k] for k in part] for part in text.split(poems, (0.8, 0.1, 0.1), rng)]
    words = text.Vocabulary.from_documents([[END, *p] for p in parts[0]], 3000, 2, pad=None)
    seen, valid, test = ([words.encode([END, *p, END]) for p in part] for part in parts)
    V, known = len(words), "\n\n".join(parts[0])
    params = {"embedding": layers.embedding_init(rng, V, D, np.float32),
              "cell": cells.gru_init(rng, D, args.units, dtype=np.float32),
              "output": layers.dense_init(rng, args.units, V, np.float32)}
    epochs = args.epochs or int(np.clip(4e9 / sum(map(len, seen)) / (V + 8 * args.units), 3, 40))
    train.fit(params, lambda group: gradients(params, *text.pad([seen[k] for k in group])),
              lambda: text.bucket_batches([*map(len, seen)], N, rng), epochs, clip=1.0,
              rate=optim.cosine(rate, epochs * -(-len(seen) // N)), patience=3,
              validate=lambda: nats(params, valid))
    counted = [ngram.KneserNey(n, V).fit(seen) for n in (2, 3, 5)]
    best = max(counted, key=lambda m: sum(m.log_probabilities(row)[1:].sum() for row in valid))
    by_counting = -np.concatenate([best.log_probabilities(row)[1:] for row in test]).mean()
    own.say("{} poems; nats a character of the last tenth:", len(poems))
    own.say("GRU {:.2f}, {}-gram {:.2f}", nats(params, test), best.n, by_counting)
    run = np.mean([stanzas.copied(poem, known) for poem in parts[2]])
    own.say("longest run that such a poem shares with the others, on average: {:.1f}", run)
    train.save(args.saved, params, vocabulary=words.to_json(), known=known)


def write(args):
    params, settings = train.load(args.saved)
    words, known = text.Vocabulary.from_json(settings["vocabulary"]), settings["known"]
    choose = sampling.sampler(np.random.default_rng(args.seed), args.temperature)
    size, signs = stanzas.line_length(known.split("\n\n")), np.array(words.tokens)
    heads, longest = args.heads or "", size or max(map(len, known.split("\n")))
    poem, state, sign, ends = "", None, END, signs == "\n"
    while poem.count("\n") < (len(heads) or 4):
        ys, state, _ = forward(params, words.encode([sign])[None], state)
        *done, line = poem.split("\n")
        kept = ends if len(line) >= longest else ~ends | (line != "" and not size)
        kept = kept & ~np.isin(signs, [END, words.unknown])
        if size and len(done) > 1 and len(done) % 2 and len(line) == size - 1:  # a rhyme word
            before = [other[-1] for other in done[1::2]]
            fits = [s not in before and sounds.rhyme_together(s[0], before[0]) for s in signs]
            kept = kept & fits if (kept & fits).any() else kept
        drawn = signs[choose(np.where(kept, ys[0, 0], -np.inf))]
        poem += (sign := heads[len(done)] if heads and not line else drawn)
    own.say("{}", poem.strip())
    own.say("longest run that it shares with a known poem: {}", stanzas.copied(poem.strip(), known))


if __name__ == "__main__":
    own.program(__doc__, learn, write, units=128, epochs=0, heads=None, temperature=0.8)
