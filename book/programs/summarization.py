"""Choose the sentence that tells most: python summarization.py FOLDER --summarize NEW.txt"""

import numpy as np

from rnncourse import metrics
from rnncourse.data import articles, own
from rnncourse.nlp import text, textrank
from rnncourse.nn import cells, functional, layers, optim, train


def encoded(found, known):  # of articles, each a list of sentences
    ids, words = text.pad([known.encode(text.words(one)) for each in found for one in each])
    places, mask = text.pad(np.split(np.arange(len(ids)), np.cumsum([*map(len, found)])[:-1]))
    return ids, words, places, mask  # words (R, W) of R sentences; where those of each article are


def forward(params, ids, words, places, mask):
    share = (words / words.sum(1, keepdims=True)).astype(np.float32)[..., None]
    means = (share * layers.embedding_forward(ids, params["embedding"])).sum(1)  # of each sentence
    hs, _, cache = layers.bidirectional_forward("gru", means[places], None, params["gru"], mask)
    scores = layers.dense_forward(hs, params["output"], mask)[..., 0]
    return np.where(mask, scores, -1e4), (share, hs, cache)


def gradients(params, ids, words, places, mask, best):
    scores, (share, hs, cache) = forward(params, ids, words, places, mask)
    loss, dscores = functional.cross_entropy(scores, best)
    dhs, output = layers.dense_backward(dscores[..., None], hs, params["output"], mask)
    dxs, _, gru = layers.bidirectional_backward("gru", dhs, None, cache, params["gru"])
    dmeans = dxs[mask > 0][:, None]  # of each sentence: they stand in this order
    embedding = layers.embedding_backward(share * dmeans, ids, params["embedding"])
    return loss, {"embedding": embedding, "gru": gru, "output": output}


def best_of(one):  # the number of the sentence that is most like the title
    title = text.words(one.title)
    return np.argmax([metrics.rouge_n([title], [text.words(s)], 1).f1 for s in one.sentences])


def learn(args, N=16, D=32, rate=0.01):
    found = articles.articles(args.file, textrank.sentences)
    rng = np.random.default_rng(args.seed)
    parts = text.split([tuple(one.sentences) for one in found], (0.7, 0.1, 0.2), rng)
    seen, valid, test = ([found[k] for k in part] for part in parts)
    known = text.Vocabulary.from_documents([text.words(sentence) for one in seen
                                            for sentence in one.sentences], 20000, min_count=2)
    params = {"embedding": layers.embedding_init(rng, len(known), D, np.float32),
              "gru": tuple(cells.gru_init(rng, D, args.units, dtype=np.float32) for _ in range(2)),
              "output": layers.dense_init(rng, 2 * args.units, 1, np.float32)}
    best = {id(one): best_of(one) for one in found}

    def batches(some, order=None):
        groups = text.bucket_batches([len(one.sentences) for one in some], N, order)
        return [(*encoded([some[k].sentences for k in group], known),
                 np.array([best[id(some[k])] for k in group])) for group in groups]

    epochs = args.epochs or int(np.clip(8000 / len(seen), 5, 60))
    train.fit(params, lambda batch: gradients(params, *batch), lambda: batches(seen, rng), epochs,
              rate=optim.cosine(rate, epochs * len(batches(seen))), clip=1.0, patience=10,
              validate=lambda: np.mean([gradients(params, *b)[0] for b in batches(valid)]))
    titles = [text.words(one.title) for one in test]
    scores = forward(params, *encoded([one.sentences for one in test], known))[0]
    for name, chosen in (("the first sentence", [0] * len(test)),
                         ("TextRank", [textrank.textrank([*map(text.words, one.sentences)]).argmax()
                                       for one in test]),
                         ("GRU over sentences", scores.argmax(1)),
                         ("the best single sentence", [best[id(one)] for one in test])):
        lines = [text.words(one.sentences[k]) for one, k in zip(test, chosen, strict=True)]
        rouges = metrics.rouge_n(titles, lines, 1).f1, metrics.rouge_l(titles, lines).f1
        own.say("ROUGE-1 {:.2f}, ROUGE-L {:.2f}: {}", *rouges, name)
    train.save(args.saved, params, known=known.to_json())


def use(args):
    params, kept = train.load(args.saved)
    known = text.Vocabulary.from_json(kept["known"])
    if args.summarize:
        found = articles.untitled(args.summarize, textrank.sentences)
        own.say("{}", found[forward(params, *encoded([found], known))[0][0].argmax()])


if __name__ == "__main__":
    own.program(__doc__, learn, use, units=32, epochs=0, summarize=None)
