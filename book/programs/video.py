"""Recognise what is done in series of positions: python video.py FILE.csv --watch NEW.csv"""

from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rnncourse import metrics
from rnncourse.data import motions, own
from rnncourse.nlp import text
from rnncourse.nn import cells, functional, layers, optim, recurrent, train


def forward(params, xs, mask):
    hs, _, cache = recurrent.gru_forward(xs, None, params["gru"], mask)
    share = (mask / mask.sum(1, keepdims=True)).astype(hs.dtype)[..., None]
    pooled = (share * hs).sum(1)  # the mean over the real frames
    return layers.dense_forward(pooled, params["output"]), (share, pooled, cache)


def gradients(params, xs, mask, targets):
    ys, (share, pooled, cache) = forward(params, xs, mask)
    loss, dys = functional.cross_entropy(ys, targets)
    dpooled, output = layers.dense_backward(dys, pooled, params["output"])
    _, _, gru = recurrent.gru_backward(share * dpooled[:, None], None, cache, params["gru"])
    return loss, {"gru": gru, "output": output}


def padded(rows, scale):
    xs, mask = text.pad([(row - scale[0]) / scale[1] for row in rows])
    return xs.astype(np.float32), mask


def learn(args, N=16, rate=0.005):
    found, columns = motions.series(args.file)
    rng, rows = np.random.default_rng(args.seed), [motions.moving(one) for one in found]
    classes, y = np.unique([one.label for one in found], return_inverse=True)
    # Nobody is in two parts: of a new person the network knows nothing either.
    seen, valid, test = text.split([one.person for one in found], (0.6, 0.2, 0.2), rng)
    frames = np.concatenate([rows[k] for k in seen])
    scale = np.stack([frames.mean(0), frames.std(0) + 1e-6 * np.abs(frames).max()])
    params = {"gru": cells.gru_init(rng, frames.shape[1], args.units, dtype=np.float32),
              "output": layers.dense_init(rng, args.units, len(classes), np.float32)}

    def batches(part, order=None):
        groups = text.bucket_batches([len(rows[k]) for k in part], N, order)
        return [(*padded([rows[part[k]] for k in some], scale), y[part][some]) for some in groups]

    epochs = args.epochs or int(np.clip(8000 / len(seen), 10, 80))
    train.fit(params, lambda batch: gradients(params, *batch), lambda: batches(seen, rng), epochs,
              rate=optim.cosine(rate, epochs * len(batches(seen))), clip=1.0, patience=20,
              validate=lambda: np.mean([gradients(params, *b)[0] for b in batches(valid)]))
    xs = np.array([motions.statistics(row) for row in rows])
    simple = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    for name, said in (
            ("the most frequent", np.full(len(test), np.bincount(y[seen]).argmax())),
            ("statistics without an order", simple.fit(xs[seen], y[seen]).predict(xs[test])),
            ("GRU over frames",
             forward(params, *padded([rows[k] for k in test], scale))[0].argmax(1))):
        f1 = metrics.class_scores(metrics.confusion(y[test], said, len(classes))).f1.mean()
        own.say("accuracy {:.2f}, F1 {:.2f}: {}", np.mean(said == y[test]), f1, name)
    train.save(args.saved, params, scale=scale.tolist(), classes=list(classes), columns=columns)


def use(args):
    params, kept = train.load(args.saved)
    scale = np.array(kept["scale"])
    for file in (args.watch or "").splitlines():
        row = motions.moving(motions.read(file, kept["columns"]))
        for share in (0.25, 0.5, 1):  # the sooner it knows, the better
            xs = row[: int(np.ceil(share * len(row)))]
            p = functional.softmax(forward(params, *padded([xs], scale))[0][0])
            own.say("{}: after {:.0%} of the frames {}, {:.2f}", Path(file).name, share,
                    kept["classes"][p.argmax()], p.max())


if __name__ == "__main__":
    own.program(__doc__, learn, use, units=32, epochs=0, watch=None)
