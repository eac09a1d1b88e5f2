"""Learn to describe pictures: python captioning.py FILE.csv --describe new.png"""

from collections import Counter

import numpy as np

from rnncourse import metrics
from rnncourse.data import described, own
from rnncourse.nlp import decoding, text
from rnncourse.nn import captioning, optim, train
from rnncourse.nn.decoder import Design

WRITER = Design("gru", "luong", "additive", start=2, end=3)
EXTRA = ["<start>", "<end>"]  # after padding and unknown, numbers 0 and 1


def design_of(shape):  # of a picture; convolution, or none where it is features already
    drawn = tuple(shape) == (described.SIDE, described.SIDE, 3)
    return captioning.CaptionDesign(WRITER, shape[0] * shape[1] > 1, (2, 3) if drawn else ())


def describe(params, pictures, known, width=3):
    found, design = [], design_of(pictures.shape[1:])
    for one in pictures:
        step, first = captioning.stepper(design, one[None], params)

        def words_only(tokens, state, step=step):
            scores, state = step(tokens, state)
            scores[:, : WRITER.end] = -np.inf  # neither padding, unknown, nor start
            return scores, state

        best, *_ = decoding.beam_search(words_only, first, WRITER.start, WRITER.end, 40, width,
                                        decoding.mean)
        found.append(known.decode([k for k in best.tokens if k > WRITER.end]))
    return found


def learn(args, N=32, D=32, rate=0.004):
    pictures, texts = described.described(args.file, args.picture, args.text)
    said = [[text.words(one) for one in some] for some in texts]
    rng = np.random.default_rng(args.seed)
    seen, valid, test = text.split([one.tobytes() for one in pictures], (0.7, 0.1, 0.2), rng)
    words = text.Vocabulary.from_documents([one for k in seen for one in said[k]], 20000, 2)
    known = text.Vocabulary([*EXTRA, *words.tokens[2:]], "<pad>", "<unk>")

    def batch(part):
        rows = [(k, [*known.encode(one), WRITER.end]) for k in part for one in said[k]]
        return captioning.Captions(pictures[[k for k, _ in rows]], *text.pad([r for _, r in rows]))

    design, pairs, held = design_of(pictures.shape[1:]), batch(seen), batch(valid)
    params = captioning.captioner_init(rng, design, pictures.shape[3], len(known), D, args.units,
                                       (16, 32) if design.pools else (), np.float32)
    count = len(pairs.target)
    epochs = args.epochs or int(np.clip(40000 / count, 5, 100))
    train.fit(params, lambda rows: captioning.loss_and_gradients(design, pairs.take(rows), params),
              lambda: text.batches(count, N, rng), epochs, clip=1.0, patience=10,
              rate=optim.cosine(rate, epochs * -(-count // N)),
              validate=lambda: captioning.loss_and_gradients(design, held, params)[0])
    flat = (pictures - pictures[seen].mean(0)).reshape(len(pictures), -1)
    near = flat[test] @ (flat[seen] / (np.linalg.norm(flat[seen], axis=1)[:, None] + 1e-9)).T
    common = Counter(tuple(one) for k in seen for one in said[k]).most_common(1)[0][0]
    answers = {"the same for all": [list(common)] * len(test),
               "that of the nearest picture": [said[k][0] for k in seen[near.argmax(1)]],
               "convolution and GRU" if design.pools else "features and GRU":
                   describe(params, pictures[test], known)}
    for name, found in answers.items():
        right = [said[k] for k in test]
        bleu, cider = metrics.bleu(right, found).score, metrics.cider(right, found).score
        own.say("BLEU {:.2f}, CIDEr {:.2f}: {}", bleu, cider, name)
    train.save(args.saved, params, known=known.to_json(), shape=list(pictures.shape[1:]))


def use(args):
    params, kept = train.load(args.saved)
    known, shape = text.Vocabulary.from_json(kept["known"]), tuple(kept["shape"])
    if args.describe:
        found = described.picture(args.describe)
        if found.shape != shape:
            raise ValueError(f"{args.describe} has shape {found.shape}; the model reads {shape}")
        words = describe(params, found[None], known)[0]
        own.say("{}", ("" if own.is_chinese(words) else " ").join(words))


if __name__ == "__main__":
    own.program(__doc__, learn, use, picture=None, text=None, units=64, epochs=0, describe=None)
