"""Mark names in text: python tagging.py FILE.conll --mark "a new text" """

import re

import numpy as np

from rnncourse import metrics
from rnncourse.data import conll, own
from rnncourse.nlp import text
from rnncourse.nn import cells, crf, layers, optim, train


def signs(tokens):  # each; and, for one never seen, whether it begins large, and how it ends
    ends = [f"{one[:1].isupper()} {re.sub('[0-9]', '0', one[-3:].lower())}" for one in tokens]
    return [sign for pair in zip(tokens, ends, strict=True) for sign in pair]


def encoded(sentences, known):  # numbers of both signs, (N, 2 T), and mask (N, T)
    ids, mask = text.pad([known.encode(signs(one)) for one in sentences])
    return ids, mask[:, ::2]


def forward(params, ids, mask):
    both = layers.embedding_forward(ids, params["embedding"])
    xs = both[:, ::2] + both[:, 1::2]
    hs, _, cache = layers.bidirectional_forward("gru", xs, None, params["gru"], mask)
    return layers.dense_forward(hs, params["output"], mask), (hs, cache)


def gradients(params, ids, mask, labels):
    scores, (hs, cache) = forward(params, ids, mask)
    loss, path = crf.crf_forward(scores, labels, params["chain"], mask)
    dscores, chain = crf.crf_backward(1.0, path, params["chain"])
    dhs, output = layers.dense_backward(dscores, hs, params["output"], mask)
    dxs, _, gru = layers.bidirectional_backward("gru", dhs, None, cache, params["gru"])
    embedding = layers.embedding_backward(np.repeat(dxs, 2, 1), ids, params["embedding"])
    return loss, {"embedding": embedding, "gru": gru, "output": output, "chain": chain}


def mark(params, sentences, known, tags):  # the best tags within the rules
    ids, mask = encoded(sentences, known)
    chain = crf.constrain(crf.allowed(tags, "BIO"), params["chain"])
    paths, _ = crf.decode(forward(params, ids, mask)[0], chain, mask)
    return [[tags[k] for k in path if k >= 0] for path in paths]


def learn(args, N=16, D=48, rate=0.01):
    sentences, rng = conll.tagged(args.file), np.random.default_rng(args.seed)
    parts = text.split([tuple(one) for one, _ in sentences], (0.8, 0.1, 0.1), rng)
    seen, valid, test = ([sentences[k] for k in part] for part in parts)
    tags = sorted({tag for _, found in sentences for tag in found})
    known = text.Vocabulary.from_documents([signs(one) for one, _ in seen], min_count=2)
    params = {"embedding": layers.embedding_init(rng, len(known), D, np.float32),
              "gru": tuple(cells.gru_init(rng, D, args.units, dtype=np.float32) for _ in range(2)),
              "output": layers.dense_init(rng, 2 * args.units, len(tags), np.float32),
              "chain": crf.crf_init(rng, len(tags), np.float32)}

    def batches(some, order=None):
        groups = text.bucket_batches([len(one) for one, _ in some], N, order)
        labels = [[tags.index(tag) for tag in found] for _, found in some]
        return [(*encoded([some[k][0] for k in group], known),
                 text.pad([labels[k] for k in group])[0]) for group in groups]

    epochs = args.epochs or int(np.clip(20000 / len(seen), 5, 100))
    train.fit(params, lambda batch: gradients(params, *batch), lambda: batches(seen, rng), epochs,
              rate=optim.cosine(rate, epochs * len(batches(seen))), clip=1.0, patience=10,
              validate=lambda: np.mean([gradients(params, *b)[0] for b in batches(valid)]))
    tokens, gold = zip(*test, strict=True)
    for name, found in (("names of the training looked up", conll.look_up(tokens, seen)),
                        ("GRU with a CRF", mark(params, tokens, known, tags))):
        scores = metrics.entity_scores(gold, found, "BIO")
        own.say("{:.2f} F1 of entities: {}", scores["all"].f1, name)
    spaced = max(len(token) for one in tokens for token in one) > 1
    train.save(args.saved, params, known=known.to_json(), tags=tags, spaced=spaced)


def use(args):
    params, kept = train.load(args.saved)
    known = text.Vocabulary.from_json(kept["known"])
    for line in filter(str.strip, (args.mark or "").splitlines()):
        tokens = line.split() if kept["spaced"] else list("".join(line.split()))
        for kind, start, end in metrics.entities(mark(params, [tokens], known, kept["tags"])[0]):
            own.say("{}: {}", kind, (" " * kept["spaced"]).join(tokens[start:end]))


if __name__ == "__main__":
    own.program(__doc__, learn, use, units=48, epochs=0, mark=None)
