"""Learn to recognise what is said: python speech.py FILE.csv --hear new.wav"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from rnncourse import speech
from rnncourse.data import own
from rnncourse.metrics import label_error_rate
from rnncourse.nlp import text
from rnncourse.nn import cells, ctc, ctc_decoding, layers, optim, train


def heard(path, rate=None, M=20):
    signal, rate = speech.read_wav(path, rate)
    if np.ptp(signal) < 0.01:
        raise ValueError(f"{path} is silent: no sample is more than 0.01 from another")
    return speech.normalise([speech.log_mel(signal, rate, M, 0.03, 0.02)])[0], rate


def forward(params, features):
    xs, mask = text.pad(features)
    xs = xs.astype(np.float32)
    hs, _, cache = layers.bidirectional_forward("gru", xs, None, params["gru"], mask)
    return layers.dense_forward(hs, params["output"], mask), mask, (hs, cache)


def gradients(params, features, labels):
    scores, mask, (hs, cache) = forward(params, features)
    padded, real = text.pad(labels)
    loss, dscores = ctc.ctc_loss(scores, padded, mask, real)
    dhs, output = layers.dense_backward(dscores, hs, params["output"], mask)
    _, _, gru = layers.bidirectional_backward("gru", dhs, None, cache, params["gru"])
    return loss, {"gru": gru, "output": output}


def recognise(params, features, known):
    scores, mask, _ = forward(params, features)
    return [known.decode(found) for found in ctc_decoding.greedy(scores, mask)]


def learn(args, N=16, M=20, rate=0.01):
    files, texts, who = own.recordings(args.file)
    _, hertz = heard(files[0])
    sounds = [heard(file, hertz)[0] for file in files]
    words = [one.split() for one in texts]  # or characters, where a word comes too seldom
    spaced = sum(map(len, words)) >= 5 * len({word for one in words for word in one})
    said = words if spaced else [list(one) for one in texts]
    for file, sound, one in zip(files, sounds, said, strict=True):
        if (least := len(one) + sum(a == b for a, b in pairwise(one))) > len(sound):
            raise ValueError(f"{file} has {len(sound)} frames; its text needs {least}")
    rng = np.random.default_rng(args.seed)
    seen, valid, test = text.split(who, (0.8, 0.1, 0.1), rng)
    known = text.Vocabulary(sorted({unit for k in seen for unit in said[k]}), "<blank>", "<unk>")
    labels = [known.encode(one) for one in said]
    params = {"gru": tuple(cells.gru_init(rng, M, args.units, np.float32) for _ in range(2)),
              "output": layers.dense_init(rng, 2 * args.units, len(known), np.float32)}

    def batches(part, order=None):
        groups = text.bucket_batches([len(sounds[k]) for k in part], N, order)
        return [[[full[part[k]] for k in group] for full in (sounds, labels)] for group in groups]

    epochs = args.epochs or int(np.clip(8000 / len(seen), 10, 100))
    train.fit(params, lambda batch: gradients(params, *batch), lambda: batches(seen, rng), epochs,
              rate=optim.cosine(rate, epochs * len(batches(seen))), clip=1.0, patience=20,
              validate=lambda: np.mean([gradients(params, *b)[0] for b in batches(valid)]))
    some = rng.permutation(seen)[:100]  # to warp to: it takes time
    costs = [[speech.dtw(sounds[k], sounds[s])[0] / (len(sounds[k]) + len(sounds[s]))
              for s in some] for k in test]
    for name, found in (("nearest recording, warped", [said[some[np.argmin(c)]] for c in costs]),
                        ("GRU with CTC", recognise(params, [sounds[k] for k in test], known))):
        errors = label_error_rate([said[k] for k in test], found)
        own.say("{:.2f} label errors: {}", errors.rate, name)
    train.save(args.saved, params, known=known.to_json(), spaced=spaced, rate=hertz)


def use(args):
    params, kept = train.load(args.saved)
    known = text.Vocabulary.from_json(kept["known"])
    for file in (args.hear or "").splitlines():
        found = recognise(params, [heard(file, kept["rate"])[0]], known)[0]
        own.say("{}: {}", Path(file).name, (" " * kept["spaced"]).join(found))


if __name__ == "__main__":
    own.program(__doc__, learn, use, units=48, epochs=0, hear=None)
