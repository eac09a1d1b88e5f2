"""Arrays as people have them, through every public function that takes some.

A masked array's mask is honoured or refused, never dropped; how an array lies in memory changes
no result; no argument is written into.
"""

import numpy as np
import pytest

from rnncourse import _arrays, metrics, timeseries
from rnncourse.nlp import documents, ngram, sampling, text
from rnncourse.nlp.wordvec import nnlm, query, word2vec
from rnncourse.nn import cells, functional, gradcheck, lattice, layers, optim, recurrent

rng = np.random.default_rng(0)
normal = rng.standard_normal
MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
IDS = np.array([[0, 3, 5, 1, 2], [4, 4, 0, 2, 1], [5, 2, 1, 1, 3]])
GRU, LSTM, RNN = (make(rng, 4, 2) for make in (cells.gru_init, cells.lstm_init, cells.rnn_init))
DENSE, TABLE = layers.dense_init(rng, 2, 6), layers.embedding_init(rng, 6, 4)
NNLM = nnlm.nnlm_init(rng, 6, 4, 2, 3)
WORDS = text.Vocabulary(list("abcdef"))
SERIES = normal(40).cumsum()
P = functional.softmax(normal((2, 6)))
COUNTS = rng.integers(1, 6, (6, 4))
KEEP = layers.dropout_forward(normal((3, 5)), 0.4, rng)[1]


def seed():
    return np.random.default_rng(3)


def both_ways(kind, params, parts):
    """Forward and backward of a layer, as a function of inputs, state and upstream gradients."""
    forward, backward = (getattr(recurrent, f"{kind}_{way}") for way in ("forward", "backward"))

    def run(xs, h, dhs, dh, mask):
        hs, last, cache = forward(xs, (h, h) if parts == 2 else h, params, mask)
        return hs, last, backward(dhs, (dh, dh) if parts == 2 else dh, cache, params)

    return run


def unrolled(xs, h, dhs, dh, mask):
    hs, last, cache = cells.unroll(cells.gru_step, xs, h, GRU, mask)
    return hs, last, cells.unroll_backward(cells.gru_step_backward, dhs, dh, cache, GRU)


def two_directions(xs, dhs, mask):
    hs, last, cache = layers.bidirectional_forward("gru", xs, None, (GRU, GRU), mask)
    return hs, last, layers.bidirectional_backward("gru", dhs, None, cache, (GRU, GRU))


def clipped(g):
    grads = {"w": g.copy()}
    return optim.clip_by_norm(grads, 0.1), grads


def adam(g):
    params = {"w": np.ones((3, 2))}
    optim.adam_step(params, {"w": g}, optim.adam_init(params), 0.1)
    return params


def language(contexts, dscores):
    scores, cache = nnlm.nnlm_forward(contexts, NNLM)
    return scores, nnlm.nnlm_backward(dscores, cache, NNLM)


WHOLE = {"xs": normal((3, 5, 4)), "h": normal((3, 2)), "dhs": normal((3, 5, 2)),
         "dh": normal((3, 2)), "mask": MASK}  # fmt: skip
BAND = {"lower": normal(20) - 1, "upper": normal(20) + 1, "targets": normal(20)}
# A function, and arguments with which it works.
CALLS = {
    "rnn": (both_ways("rnn", RNN, 1), WHOLE),
    "lstm": (both_ways("lstm", LSTM, 2), WHOLE),
    "gru": (both_ways("gru", GRU, 1), WHOLE),
    "unroll": (unrolled, WHOLE),
    "bidirectional": (two_directions,
                      {"xs": normal((3, 5, 4)), "dhs": normal((3, 5, 4)), "mask": MASK}),
    "dropout": (lambda xs: layers.dropout_forward(xs, 0.4, seed()), {"xs": normal((3, 5))}),
    "dropout back": (lambda dys: layers.dropout_backward(dys, KEEP), {"dys": normal((3, 5))}),
    "embedding": (lambda ids: layers.embedding_forward(ids, TABLE), {"ids": IDS}),
    "embedding back": (lambda dxs, ids: layers.embedding_backward(dxs, ids, TABLE),
                       {"dxs": normal((3, 5, 4)), "ids": IDS}),
    "dense": (lambda hs, mask: layers.dense_forward(hs, DENSE, mask),
              {"hs": normal((3, 5, 2)), "mask": MASK}),
    "dense back": (lambda dys, hs, mask: layers.dense_backward(dys, hs, DENSE, mask),
                   {"dys": normal((3, 5, 6)), "hs": normal((3, 5, 2)), "mask": MASK}),
    **{name: (getattr(functional, name), {"a": normal((3, 5))}) for name in
       ("relu", "sigmoid", "softplus", "log_sum_exp", "softmax", "log_softmax")},
    "cross_entropy": (functional.cross_entropy,
                      {"logits": normal((3, 5, 6)), "targets": IDS, "mask": MASK}),
    "binary_cross_entropy": (functional.binary_cross_entropy,
                             {"logits": normal((3, 5)), "targets": IDS % 2, "mask": MASK}),
    "squared_error": (functional.squared_error,
                      {"outputs": normal((3, 5)), "targets": normal((3, 5)), "mask": MASK}),
    "adam": (adam, {"g": normal((3, 2))}),
    "clip": (clipped, {"g": normal((3, 2))}),
    "viterbi": (lattice.viterbi, {"start": normal(2), "step": normal((2, 2)),
                                  "emit": normal((3, 5, 2)), "mask": MASK}),
    "relative_error": (gradcheck.relative_error, {"a": normal(4), "b": normal(4)}),
    "windows": (lambda series: timeseries.windows(series, 3), {"series": normal((9, 2))}),
    "scaler": (lambda past: timeseries.scaler(past), {"past": normal((9, 2))}),
    "apply": (timeseries.scaler(normal((9, 2))).apply, {"series": normal((9, 2))}),
    "fill_gaps": (timeseries.fill_gaps, {"series": SERIES}),
    "walk_forward": (lambda series: timeseries.walk_forward(series, 9, 2, timeseries.persistence),
                     {"series": SERIES}),
    "quantile_loss": (timeseries.quantile_loss, {"outputs": normal((4, 2)), "targets": normal(4),
                                                 "quantiles": np.array([0.1, 0.9])}),
    "conformal_margin": (lambda lower, upper, targets: timeseries.conformal_margin(
        lower, upper, targets, 0.8), BAND),
    "autoregression": (lambda history: timeseries.autoregression(history, 2),
                       {"history": SERIES}),
    "harmonic": (lambda history: timeseries.harmonic_regression(history, 7.5, 2, 2).forecast(
        history, 3), {"history": SERIES}),
    "coverage": (metrics.coverage, BAND),
    "interval_score": (lambda lower, upper, targets: metrics.interval_score(
        lower, upper, targets, 0.8), BAND),
    "mase": (metrics.mase, {"forecasts": normal(5), "targets": normal(5), "past": SERIES}),
    "confusion": (metrics.confusion, {"labels": IDS[0], "answers": IDS[1]}),
    "class_scores": (metrics.class_scores, {"matrix": COUNTS[:4]}),
    "temperature": (lambda logits: sampling.temperature(logits, 0.7), {"logits": normal((2, 6))}),
    "top_k": (lambda p: sampling.top_k(p, 3), {"p": P}),
    "nucleus": (lambda p: sampling.nucleus(p, 0.7), {"p": P}),
    "draw": (lambda p: sampling.draw(p, seed()), {"p": P}),
    "generate": (lambda prompt: sampling.generate(lambda t, s: (P[0], s), prompt, 3),
                 {"prompt": IDS[0]}),
    "decode": (WORDS.decode, {"indices": IDS[0]}),
    "one_hot": (lambda indices: text.one_hot(indices, 6), {"indices": IDS}),
    "pad": (lambda row: text.pad([row, [1]]), {"row": IDS[0]}),
    "unpad": (text.unpad, {"array": IDS, "mask": MASK}),
    "bucket_batches": (lambda lengths: text.bucket_batches(lengths, 2), {"lengths": IDS[0] + 1}),
    "split": (lambda documents, shares: text.split(documents, shares, seed()),
              {"documents": IDS[0], "shares": np.array([0.5, 0.5])}),
    "idf": (documents.idf, {"counts": COUNTS}),
    "tfidf": (documents.tfidf, {"counts": COUNTS, "weights": normal(4) ** 2}),
    "naive Bayes": (documents.nb_fit, {"counts": COUNTS, "labels": np.array([0, 1, 0, 1, 0, 1])}),
    "kmeans": (documents.kmeans, {"x": normal((6, 3)), "centres": normal((2, 3))}),
    "n-gram": (lambda tokens: ngram.WittenBell(2, 6).fit([tokens]).log_probabilities(tokens),
               {"tokens": IDS[0]}),
    "unit": (query.unit, {"E": normal((6, 4))}),
    "nearest": (lambda E, query_: query.nearest(E, query_, 2),
                {"E": normal((6, 4)), "query_": normal(4)}),
    "analogy": (query.analogy, {"E": normal((6, 4)), "questions": IDS[:, :3]}),
    "spearman": (query.spearman, {"a": normal(6), "b": normal(6)}),
    "noise": (word2vec.noise_distribution, {"counts": COUNTS[:, 0]}),
    "nnlm": (language, {"contexts": IDS[:, :2], "dscores": normal((3, 6))}),
}  # fmt: skip
EACH = [(name, argument) for name, (_, given) in CALLS.items() for argument in given]
# Where a masked array is a series with gaps: what it gives equals what NaN gives.
GAPS = {("windows", "series"), ("apply", "series"), ("fill_gaps", "series")}


def flat(tree):
    """All arrays and numbers of nested results."""
    if isinstance(tree, dict):
        return [a for part in tree.values() for a in flat(part)]
    if isinstance(tree, tuple | list):
        return [a for part in tree for a in flat(part)]
    return [np.asarray(tree)]


def assert_same(found, expected, tolerance=0.0):
    for a, b in zip(flat(found), flat(expected), strict=True):
        if a.dtype.kind in "fiu":
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
        else:
            assert (a == b).all()


@pytest.mark.parametrize(("name", "argument"), EACH)
def test_a_masked_array_is_honoured_or_refused(name, argument):
    """With one value hidden: an error that says "masked" or "gaps", or the same as with NaN."""
    call, given = CALLS[name]
    hidden = np.zeros(given[argument].shape, bool)
    hidden.flat[1] = True
    masked = given | {argument: np.ma.MaskedArray(given[argument], mask=hidden)}
    if (name, argument) in GAPS:
        plain = given | {argument: np.where(hidden, np.nan, given[argument])}
        assert_same(call(**masked), call(**plain))
        return
    with pytest.raises((TypeError, ValueError), match=r"masked array|\d gaps"):
        call(**masked)


LAYOUTS = {
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "negative strides": lambda a: np.flip(np.flip(a).copy()),
    "Fortran's order": np.asfortranarray,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CALLS)
def test_the_layout_in_memory_changes_nothing(name, layout):
    """Read-only views of another order: the same results; nothing is written into."""
    call, given = CALLS[name]
    other = {key: LAYOUTS[layout](array.copy()) for key, array in given.items()}
    for array in other.values():
        array.setflags(write=False)
    assert_same(call(**other), call(**given), 1e-12)


@pytest.mark.parametrize(("name", "argument"), EACH)
def test_complex_numbers_are_refused(name, argument):
    call, given = CALLS[name]
    if argument == "mask" or (name, argument) == ("split", "documents"):
        return  # 1 + 0i is 1; a document may have any name
    with pytest.raises((TypeError, ValueError), match="complex"):
        call(**given | {argument: given[argument].astype(complex)})


def test_counts_are_whole_numbers():
    _arrays.check_counts(n=1, V=np.int64(3))
    _arrays.check_counts(0, length=0)
    for wrong in (0, -1, 1.5, 2.0, np.nan, True, None, "3"):
        with pytest.raises(ValueError, match=r"k is .*; expected .*at least 1"):
            _arrays.check_counts(k=wrong)
