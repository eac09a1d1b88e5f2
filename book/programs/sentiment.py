"""Sort texts into classes: python sentiment.py FILE.csv --say "a new text" """

from importlib import import_module, util
from itertools import pairwise

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from rnncourse import metrics
from rnncourse.data import own
from rnncourse.nlp import text
from rnncourse.nn import cells, functional, layers, optim, train


def forward(params, ids, mask):
    xs = layers.embedding_forward(ids, params["embedding"])
    hs, _, cache = layers.bidirectional_forward("lstm", xs, None, params["lstm"], mask)
    share = (mask / mask.sum(1, keepdims=True)).astype(hs.dtype)[..., None]
    pooled = (share * hs).sum(1)  # the mean over the real words
    return layers.dense_forward(pooled, params["output"]), (share, pooled, cache)


def gradients(params, ids, mask, targets):
    ys, (share, pooled, cache) = forward(params, ids, mask)
    loss, dys = functional.cross_entropy(ys, targets)
    dpooled, output = layers.dense_backward(dys, pooled, params["output"])
    dhs = share * dpooled[:, None]
    dxs, _, lstm = layers.bidirectional_backward("lstm", dhs, None, cache, params["lstm"])
    embedding = layers.embedding_backward(dxs, ids, params["embedding"])
    return loss, {"embedding": embedding, "lstm": lstm, "output": output}


def scores(params, rows):  # of each class, for a list of encoded texts
    parts = [rows[k : k + 32] for k in range(0, len(rows), 32)]
    return np.concatenate([forward(params, *text.pad(part))[0] for part in parts])


def cut(document, jieba):  # into words; of a long text the last 200
    return text.words(document, import_module("jieba").lcut if jieba else None)[-200:]


def learn(args, D=32, H=32, rate=0.01):
    texts, labels = own.labelled(args.file, args.text, args.label)
    rng, (classes, y) = np.random.default_rng(args.seed), np.unique(labels, return_inverse=True)
    jieba = own.is_chinese(texts) and util.find_spec("jieba") is not None
    parts = text.split(texts, (0.7, 0.1, 0.2), rng)  # copies of a text stay together
    seen, valid, test = ([cut(texts[k], jieba) for k in part] for part in parts)
    y, y_valid, y_test = (y[part] for part in parts)
    words = text.Vocabulary.from_documents(seen, 20000, min_count=2)
    ids, ids_valid, ids_test = ([*map(words.encode, part)] for part in (seen, valid, test))
    params = {"embedding": layers.embedding_init(rng, len(words), D, np.float32),
              "lstm": tuple(cells.lstm_init(rng, D, H, dtype=np.float32) for _ in range(2)),
              "output": layers.dense_init(rng, 2 * H, len(classes), np.float32)}

    def batches():
        groups = text.bucket_batches([*map(len, ids)], 32, rng)
        return [(*text.pad([ids[k] for k in group]), y[group]) for group in groups]

    train.fit(params, lambda batch: gradients(params, *batch), batches, args.epochs, clip=1.0,
              validate=lambda: functional.cross_entropy(scores(params, ids_valid), y_valid)[0],
              rate=optim.cosine(rate, args.epochs * len(batches())), patience=3)
    pairs = TfidfVectorizer(analyzer=lambda t: [*t, *map(" ".join, pairwise(t))])
    bag = LogisticRegression(max_iter=1000).fit(pairs.fit_transform(seen), y)
    answers = {"the most frequent": np.full(len(test), np.bincount(y).argmax()),
               "bag of words": bag.predict(pairs.transform(test)),
               "LSTM": scores(params, ids_test).argmax(1)}
    for name, found in answers.items():
        f1 = metrics.class_scores(metrics.confusion(y_test, found, len(classes))).f1.mean()
        own.say("accuracy {:.2f}, F1 {:.2f}: {}", np.mean(found == y_test), f1, name)
    train.save(args.saved, params, words=words.to_json(), classes=list(classes), jieba=jieba)


def say(args):
    params, known = train.load(args.saved)
    words = text.Vocabulary.from_json(known["words"])
    if args.say:
        ids = words.encode(cut(args.say, known["jieba"]))
        p = functional.softmax(scores(params, [ids])[0])
        own.say("{}", args.say)
        for name, share in zip(known["classes"], p, strict=True):
            own.say("{:.2f} {}", share, name)


if __name__ == "__main__":
    own.program(__doc__, learn, say, text=None, label=None, epochs=10, say=None)
