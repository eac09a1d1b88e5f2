"""Learn to rewrite from pairs of texts: python attention.py FILE.csv --rewrite "a new text" """

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from rnncourse.data import own
from rnncourse.nlp import decoding, text
from rnncourse.nn import decoder, optim, seq2seq, train

DESIGN = decoder.Design("gru", "luong", "scaled", start=2, end=3)
EXTRA = ["<start>", "<end>"]  # after padding and unknown, numbers 0 and 1


def vocabulary_of(texts):
    return text.Vocabulary([*EXTRA, *sorted(set("".join(texts)))], "<pad>", "<unk>")


def encoded(sources, targets, known, written):
    ends = [[*written.encode(list(one)), DESIGN.end] for one in targets]
    return seq2seq.Batch(*text.pad([known.encode(list(one)) for one in sources]), *text.pad(ends))


def write(params, sources, known, written, width=3):
    found = []
    for one in sources:
        step, first = seq2seq.stepper(DESIGN, np.array([known.encode(list(one))]), params)
        best, *_ = decoding.beam_search(step, first, DESIGN.start, DESIGN.end, 2 * len(one) + 20,
                                        width, decoding.mean)
        tokens = best.tokens[: -1 if best.ended else None]
        found.append("".join(written.decode([k for k in tokens if k > DESIGN.end])))
    return found


def learn(args, N=32, D=32, rate=0.005):
    sources, targets = own.pairs(args.file, args.source, args.target)
    rng = np.random.default_rng(args.seed)
    parts = text.split(sources, (0.8, 0.1, 0.1), rng)  # copies of a source stay together
    (x, y), (x_valid, y_valid), (x_test, y_test) = (
        ([sources[k] for k in part], [targets[k] for k in part]) for part in parts
    )
    known, written = vocabulary_of(x), vocabulary_of(y)
    pairs, valid = encoded(x, y, known, written), encoded(x_valid, y_valid, known, written)
    params = seq2seq.seq2seq_init(rng, DESIGN, len(known), len(written), D, args.units, True,
                                  dtype=np.float32)
    epochs = args.epochs or int(np.clip(32000 / len(x), 5, 200))
    train.fit(params, lambda rows: seq2seq.loss_and_gradients(DESIGN, pairs.take(rows), params),
              lambda: text.batches(len(x), N, rng), epochs, clip=1.0, patience=10,
              rate=optim.cosine(rate, epochs * -(-len(x) // N)),
              validate=lambda: seq2seq.loss_and_gradients(DESIGN, valid, params)[0])
    grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3)).fit(x)
    nearest = (grams.transform(x_test) @ grams.transform(x).T).toarray().argmax(1)
    answers = {"copied as it stands": x_test,
               "as the most similar known text": [y[k] for k in nearest],
               "GRU with attention": write(params, x_test, known, written)}
    for name, found in answers.items():
        right = np.mean([a == b for a, b in zip(found, y_test, strict=True)])
        own.say("{:.2f} exactly right: {}", right, name)
    train.save(args.saved, params, known=known.to_json(), written=written.to_json())


def rewrite(args):
    params, kept = train.load(args.saved)
    vocabularies = [text.Vocabulary.from_json(kept[name]) for name in ("known", "written")]
    for line in (args.rewrite or "").splitlines():
        own.say("{} → {}", line, *write(params, [line], *vocabularies))


if __name__ == "__main__":
    own.program(__doc__, learn, rewrite, source=None, target=None, units=64, epochs=0, rewrite=None)
