"""Answer questions from a list: python dialogue.py FILE.csv --ask "a question" """

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from rnncourse.data import faq, own
from rnncourse.nlp import retrieval, text
from rnncourse.nn import cells, functional, layers, train


def forward(params, ids, mask):  # scores of the answers, (N, K)
    xs = layers.embedding_forward(ids, params["embedding"])
    hs, _, cache = layers.bidirectional_forward("gru", xs, None, params["gru"], mask)
    share = (mask / mask.sum(1, keepdims=True)).astype(hs.dtype)[..., None]
    pooled = (share * hs).sum(1)  # the mean over the real words
    return layers.dense_forward(pooled, params["output"]), (share, pooled, cache)


def gradients(params, ids, mask, y):
    scores, (share, pooled, cache) = forward(params, ids, mask)
    loss, dscores = functional.cross_entropy(scores, y)
    dpooled, output = layers.dense_backward(dscores, pooled, params["output"])
    dhs = share * dpooled[:, None]
    dxs, _, gru = layers.bidirectional_backward("gru", dhs, None, cache, params["gru"])
    embedding = layers.embedding_backward(dxs, ids, params["embedding"])
    return loss, {"embedding": embedding, "gru": gru, "output": output}


def scored(params, words, seen, y, asked):  # by each way, what each answer gets, (N, K)
    grams, rank = TfidfVectorizer(analyzer=list).fit(seen), retrieval.Bm25(seen)
    cosines = (grams.transform(asked) @ grams.transform(seen).T).toarray()
    near = {"nearest question, TF-IDF": cosines,
            "nearest question, BM25": np.array([rank.scores(one) for one in asked])}
    best = {name: np.stack([found[:, y == k].max(1) for k in range(max(y) + 1)], 1)
            for name, found in near.items()}
    p = functional.softmax(forward(params, *text.pad([words.encode(one) for one in asked]))[0])
    known = [[any(word in words for word in one)] for one in asked]
    return best | {"GRU that chooses": p * known}  # of unknown words alone it says nothing


def learn(args, D=32, H=32, rate=0.01):
    asks, answers = faq.questions(args.file, args.question, args.answer)
    rng, (names, y) = np.random.default_rng(args.seed), np.unique(answers, return_inverse=True)
    parts = faq.held_out(args.file, answers, rng)
    own.say("tested on {} other ways of asking", len(parts[2]))
    seen, valid, test = ([text.words(asks[k]) for k in part] for part in parts)
    (y, y_valid, y_test), words = (y[part] for part in parts), text.Vocabulary.from_documents(seen)
    params = {"embedding": layers.embedding_init(rng, len(words), D, np.float32),
              "gru": tuple(cells.gru_init(rng, D, H, dtype=np.float32) for _ in range(2)),
              "output": layers.dense_init(rng, 2 * H, len(names), np.float32)}
    ids, mask = text.pad([*map(words.encode, seen)])
    train.fit(params, lambda k: gradients(params, ids[k], mask[k], y[k]),
              lambda: text.batches(len(seen), 16, rng), args.epochs, rate=rate, clip=1.0)
    often = np.mean(y_test == np.bincount(y).argmax())
    own.say(told := "{:.2f} right, {:.2f} wrong, {:.2f} “I don't know”: {}",
            often, 1 - often, 0.0, "always the most frequent answer")
    limits = {name: faq.limit(found.max(1), found.argmax(1) == y_valid)
              for name, found in scored(params, words, seen, y, valid).items()}
    for name, found in scored(params, words, seen, y, test).items():
        said, right = found.max(1) >= limits[name].least, found.argmax(1) == y_test
        own.say(told, *map(np.mean, (said & right, said & ~right, ~said)), name)
    way = max(limits, key=lambda name: limits[name].gain)
    own.say("answers come from: {}", way)
    train.save(args.saved, params, words=words.to_json(), seen=seen, y=y.tolist(), way=way,
               names=names.tolist(), limit=limits[way].least)


def ask(args):
    params, kept = train.load(args.saved)
    words = text.Vocabulary.from_json(kept["words"])
    for line in filter(str.strip, (args.ask or "").splitlines()):
        found = scored(params, words, kept["seen"], np.array(kept["y"]), [text.words(line)])
        (best,) = found[kept["way"]]
        answer = kept["names"][best.argmax()] if best.max() >= kept["limit"] else "I don't know."
        own.say("{}: {}", line, answer)


if __name__ == "__main__":
    own.program(__doc__, learn, ask, question=None, answer=None, epochs=40, ask=None)
