"""Learn to translate from pairs of sentences: python translation.py FILE.csv --say "a sentence" """

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from rnncourse import metrics
from rnncourse.data import own
from rnncourse.nlp import bpe, decoding, text
from rnncourse.nn import decoder, optim, seq2seq, train

DESIGN = decoder.Design("gru", "luong", "general", start=2, end=3)
EXTRA = ["<start>", "<end>"]  # after padding and unknown, numbers 0 and 1


class Pieces:  # of one language, and their numbers
    def __init__(self, bytepairs):
        self.bytepairs = bytepairs
        self.numbers = text.Vocabulary([*EXTRA, *bytepairs.pieces], "<pad>", "<unk>")

    def encode(self, sentence):
        return self.numbers.encode(self.bytepairs.encode(sentence))

    def decode(self, tokens):
        return self.bytepairs.decode(self.numbers.decode([k for k in tokens if k > DESIGN.end]))


def encoded(sources, targets, known, written):
    ends = [[*written.encode(one), DESIGN.end] for one in targets]
    return seq2seq.Batch(*text.pad([known.encode(one) for one in sources]), *text.pad(ends))


def translate(params, sources, known, written, width=3):
    found = []
    for one in sources:
        step, first = seq2seq.stepper(DESIGN, known.encode(one)[None], params)
        best, *_ = decoding.beam_search(step, first, DESIGN.start, DESIGN.end, 2 * len(one) + 20,
                                        width, decoding.mean)
        found.append(written.decode(best.tokens))
    return found


def learn(args, N=32, D=48, rate=0.004):
    sources, targets = own.pairs(args.file, args.source, args.target)
    rng = np.random.default_rng(args.seed)
    parts = text.split(sources, (0.8, 0.1, 0.1), rng)  # copies of a source stay together
    (x, y), (x_valid, y_valid), (x_test, y_test) = (
        ([sources[k] for k in part], [targets[k] for k in part]) for part in parts
    )
    known, written = (Pieces(bpe.learn(bpe.count(side), args.merges)) for side in (x, y))
    pairs, valid = encoded(x, y, known, written), encoded(x_valid, y_valid, known, written)
    params = seq2seq.seq2seq_init(rng, DESIGN, len(known.numbers), len(written.numbers), D,
                                  args.units, True, dtype=np.float32)
    epochs = args.epochs or int(np.clip(60000 / len(x), 8, 100))
    train.fit(params, lambda rows: seq2seq.loss_and_gradients(DESIGN, pairs.take(rows), params),
              lambda: text.batches(len(x), N, rng), epochs, clip=1.0, patience=5,
              rate=optim.cosine(rate, epochs * -(-len(x) // N)),
              validate=lambda: seq2seq.loss_and_gradients(DESIGN, valid, params)[0])
    grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3)).fit(x)
    near = [int((row @ grams.transform(x).T).toarray().argmax()) for row in grams.transform(x_test)]
    answers = {"copied as it stands": x_test,
               "as the most similar known text": [y[k] for k in near],
               "GRU with attention": translate(params, x_test, known, written)}
    cut, right = metrics.tokenize_zh, [[metrics.tokenize_zh(one)] for one in y_test]
    for name, found in answers.items():
        score = metrics.bleu(right, [cut(one) for one in found]).score
        own.say("{:.3f} {}: {}", score, "BLEU", name)
    train.save(args.saved, params, read=known.bytepairs.to_json(),
               wrote=written.bytepairs.to_json())


def use(args):
    params, kept = train.load(args.saved)
    both = [Pieces(bpe.BytePairs.from_json(kept[name])) for name in ("read", "wrote")]
    for line in filter(None, map(str.strip, (args.say or "").splitlines())):
        own.say("{} → {}", line, *translate(params, [line], *both))


if __name__ == "__main__":
    own.program(__doc__, learn, use, source=None, target=None, units=64, merges=500, epochs=0,
                say=None)
