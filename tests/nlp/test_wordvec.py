"""wordvec: brute force over pairs, gradient checks, hand-worked trees, gensim and scipy."""

import heapq
import io
import itertools

import numpy as np
import pytest

from rnncourse.nlp.text import Vocabulary
from rnncourse.nlp.wordvec import nnlm, query, word2vec
from rnncourse.nn.functional import log_softmax, sigmoid
from rnncourse.nn.gradcheck import numeric_gradient, relative_error

ZEROS = np.zeros((2, 2), int)
NNLM = nnlm.nnlm_init(np.random.default_rng(0), V=5, D=3, n=2, H=4)

V, D, G, L = 11, 4, 3, 7
COUNTS = np.array([40, 25, 20, 9, 8, 5, 5, 3, 2, 1, 1])


@pytest.fixture
def batch():
    """Word numbers, window mask and float64 parameters, all random, V words and V - 1 nodes."""
    rng = np.random.default_rng(4)
    ids = rng.integers(0, V, (G, L))
    places = np.sort(rng.integers(0, 3, (G, L)), axis=1)
    window = word2vec.window_mask(places, rng.integers(1, 4, (G, L))).astype(float)
    params = {"W_in": rng.standard_normal((V, D)), "W_out": rng.standard_normal((V, D))}
    noise = rng.integers(0, V, (G, 5))
    return ids, window, params, noise


def pairs_of(model, ids, window, params):
    """(predictor (D,), predicted word) of every pair, written as two loops over places."""
    for g, i in itertools.product(range(G), range(L)):
        around = [j for j in range(L) if window[g, i, j]]
        if model == "skipgram":
            for j in around:
                yield params["W_in"][ids[g, i]], ids[g, j], g
        elif around:
            yield np.mean([params["W_in"][ids[g, j]] for j in around], axis=0), ids[g, i], g


def objective(model, loss, ids, window, params, noise):
    """Loss, and the gradients of both matrices in full."""
    tree = word2vec.huffman(COUNTS)
    if loss == "hierarchical":
        params = params | {"W_out": params["W_out"][: V - 1]}
    H, targets, mean = word2vec.MODELS[model](ids, window, params)
    extra = {"softmax": (), "hierarchical": (tree,), "negative": (noise, 3)}[loss]
    value, dH, rows = getattr(word2vec, f"{loss}_loss")(H, targets, ids, params, *extra)
    grads = {name: np.zeros((V, D)) for name in params}
    np.add.at(grads["W_in"], ids.ravel(), (mean.swapaxes(1, 2) @ dH).reshape(-1, D))
    np.add.at(grads["W_out"], rows.index, rows.values)
    return value, grads


def test_window_mask_equals_two_loops():
    """Near enough, not itself, not in another sentence."""
    rng = np.random.default_rng(1)
    places, sizes = rng.integers(0, 2, (2, 6)), rng.integers(1, 4, (2, 6))
    mask = word2vec.window_mask(places, sizes)
    for g, i, j in itertools.product(range(2), range(6), range(6)):
        expected = i != j and abs(i - j) <= sizes[g, i] and places[g, i] == places[g, j]
        assert mask[g, i, j] == expected


@pytest.mark.parametrize("model", word2vec.MODELS)
@pytest.mark.parametrize("loss", word2vec.LOSSES)
def test_loss_equals_a_loop_over_pairs(batch, model, loss):
    """Each pair's -log p by the definition, one pair at a time."""
    ids, window, params, noise = batch
    tree = word2vec.huffman(COUNTS)
    expected = 0.0
    for h, word, g in pairs_of(model, ids, window, params):
        if loss == "softmax":
            expected -= log_softmax(params["W_out"] @ h)[word]
        elif loss == "negative":
            expected -= np.log(sigmoid(params["W_out"][word] @ h))
            drawn = params["W_out"][noise[g]] @ h
            expected -= 3 / 5 * np.log(sigmoid(-drawn)).sum()
        else:
            path = tree.mask[word] > 0
            sign = np.where(tree.turns[word][path], 1, -1)
            scores = params["W_out"][tree.nodes[word][path]] @ h
            expected -= np.log(sigmoid(sign * scores)).sum()
    found, _ = objective(model, loss, *batch)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("model", word2vec.MODELS)
@pytest.mark.parametrize("loss", word2vec.LOSSES)
def test_gradients_equal_central_differences(batch, model, loss):
    params = batch[2]
    _, grads = objective(model, loss, *batch)
    for name, matrix in params.items():
        numeric = numeric_gradient(lambda: objective(model, loss, *batch)[0], matrix)
        assert relative_error(grads[name], numeric) < 1e-8, name


def test_hierarchical_probabilities_sum_to_one():
    """Over all words, for any predictor: the tree shares out 1 at every node."""
    rng = np.random.default_rng(0)
    tree, W_out = word2vec.huffman(COUNTS), rng.standard_normal((V - 1, D))
    for h in 3 * rng.standard_normal((5, D)):
        sign = np.where(tree.turns, 1, -1)
        steps = np.where(tree.mask > 0, sigmoid(sign * (W_out[tree.nodes] @ h)), 1)
        assert steps.prod(axis=1).sum() == pytest.approx(1, abs=1e-12)


def test_huffman_by_hand():
    """Counts 5, 2, 1, 1: 1+1, then 2+2, then 5+4; lengths 1, 2, 3, 3."""
    tree = word2vec.huffman([5, 2, 1, 1])
    assert tree.mask.sum(axis=1).tolist() == [1, 2, 3, 3]
    assert tree.nodes[:, 0].tolist() == [2, 2, 2, 2]  # the root was made last
    codes = ["".join(map(str, t[m > 0])) for t, m in zip(tree.turns, tree.mask, strict=True)]
    assert codes == ["1", "00", "010", "011"]


def test_huffman_codes_are_as_short_as_can_be_and_prefix_free():
    """Mean length equals the sum of all joined weights, computed without building a tree."""
    rng = np.random.default_rng(2)
    counts = rng.integers(1, 1000, 57)
    tree, heap, total = word2vec.huffman(counts), counts.tolist(), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    assert (tree.mask.sum(axis=1) * counts).sum() == total
    codes = [tuple(t[m > 0]) for t, m in zip(tree.turns, tree.mask, strict=True)]
    for a, b in itertools.permutations(codes, 2):
        assert a != b[: len(a)]


def test_keep_probability_by_hand():
    """Shares 0.9 and 0.1 at t = 0.1: √(1/9) + 1/9 = 4/9, and 1 + 1 is cut to 1."""
    np.testing.assert_allclose(word2vec.keep_probability([9, 1], 0.1), [4 / 9, 1])


def test_noise_by_hand():
    """16^0.75 = 8 and 1: 8/9 and 1/9."""
    np.testing.assert_allclose(word2vec.noise_distribution([16, 1]), [8 / 9, 1 / 9])


def test_keep_probability_equals_gensims():
    """The same formula as gensim's, read from its vocabulary (32 bit there)."""
    gensim = pytest.importorskip("gensim")
    counts = {f"w{k}": int(n) for k, n in enumerate(COUNTS)}
    model = gensim.models.Word2Vec(min_count=1, sample=0.01)
    model.build_vocab_from_freq(counts)
    theirs = [model.wv.get_vecattr(word, "sample_int") / 2**32 for word in counts]
    np.testing.assert_allclose(word2vec.keep_probability(COUNTS, 0.01), theirs, atol=1e-6)


# ---- training ------------------------------------------------------------------


def two_topics(rng, sentences=300):
    """Sentences of words 0..9 or of words 10..19: neighbours are words of the same topic."""
    return [rng.integers(0, 10, 8) + 10 * rng.integers(0, 2) for _ in range(sentences)]


@pytest.mark.parametrize("model", word2vec.MODELS)
@pytest.mark.parametrize("loss", word2vec.LOSSES)
def test_training_finds_two_topics_and_repeats_itself(model, loss):
    """The nine nearest words are of the same topic; equal generators give equal vectors."""
    rng = np.random.default_rng(0)
    text = two_topics(rng)
    counts = np.bincount(np.concatenate(text), minlength=20)

    def run():
        options = {"model": model, "loss": loss, "sample": None, "rate": 0.1, "epochs": 12}
        return word2vec.train(text, counts, np.random.default_rng(7), 12, **options)

    params = run()
    same = [
        query.nearest(params["W_in"], params["W_in"][w], 9, [w]) // 10 == w // 10 for w in range(20)
    ]
    assert np.mean(same) > 0.95
    for name, again in run().items():
        np.testing.assert_array_equal(params[name], again)


def test_every_word_is_read_once_an_epoch():
    """Pieces hold each sentence's words in order; what fills up belongs to no sentence."""
    rng = np.random.default_rng(0)
    rows = [np.arange(k, k + n) for k, n in [(0, 70), (100, 3), (200, 700)]]
    found = list(word2vec._pieces(rows, np.ones(1000), rng))
    ids = np.concatenate([ids.ravel() for ids, _, _ in found])
    places = np.concatenate([places.ravel() for _, places, _ in found])
    for n, row in enumerate(rows):
        np.testing.assert_array_equal(ids[places == n], row)
    assert len(set(places[places < 0])) == (places < 0).sum()
    assert sum(read for _, _, read in found) == pytest.approx(773)


def test_a_step_by_hand():
    """Row 2 twice: 0.1 · (1 + 10); row 0 with 40 pairs: their mean, not 0.1 times their sum."""
    matrix = np.zeros((4, 2))
    rows = word2vec.Rows(
        np.array([2, 0, 2]), np.array([[1.0, 2], [80, 40], [10, 20]]), np.array([3, 40, 5])
    )
    word2vec.descend(matrix, rows, 0.1)
    np.testing.assert_allclose(matrix, [[-2, -1], [0, 0], [-1.1, -2.2], [0, 0]])


@pytest.mark.parametrize("model", word2vec.MODELS)
@pytest.mark.parametrize("loss", word2vec.LOSSES)
def test_pairs_bound_the_gradient(batch, model, loss):
    """No row's gradient exceeds its pairs times the longest vector on the other side.

    What a step is limited by would otherwise be too small a number.
    """
    ids, window, params, noise = batch
    tree = word2vec.huffman(COUNTS)
    H, targets, _ = word2vec.MODELS[model](ids, window, params)
    extra = {"softmax": (), "hierarchical": (tree,), "negative": (noise, 3)}[loss]
    _, _, rows = getattr(word2vec, f"{loss}_loss")(H, targets, ids, params, *extra)
    longest = np.linalg.norm(H, axis=2).max()
    assert (np.linalg.norm(rows.values, axis=1) <= rows.pairs * longest + 1e-12).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "cbo"}, "'cbo'"),
        ({"loss": "sampled"}, "'sampled'"),
        ({"window": 0}, "expected at least 1"),
        ({"sentences": [[1], []]}, "none of 2 sentences"),
        ({"sentences": [[0, 20]]}, r"0\.\.20; counts has 0\.\.19"),
        ({"counts": np.zeros(20)}, "not all 0"),
    ],
)
def test_bad_arguments_are_named(change, words):
    rng = np.random.default_rng(0)
    arguments = {"sentences": two_topics(rng, 5), "counts": np.ones(20), "rng": rng} | change
    with pytest.raises(ValueError, match=words):
        word2vec.train(**arguments)


@pytest.mark.parametrize("counts", [[1], [[1, 2]], [1, -1], [0, 0], []])
def test_huffman_refuses_what_makes_no_tree(counts):
    with pytest.raises(ValueError, match=r"at least two|not all 0"):
        word2vec.huffman(counts)


def test_words_that_never_occur_are_kept_and_never_drawn():
    """A vocabulary holds tokens such as padding with a count of 0."""
    assert word2vec.keep_probability([0, 5])[0] == 1
    assert word2vec.noise_distribution([0, 5]).tolist() == [0, 1]
    assert word2vec.huffman([0, 5, 3]).mask.sum(axis=1).tolist() == [2, 1, 2]


# ---- asking --------------------------------------------------------------------


def test_neighbours_and_analogies_equal_gensims():
    """Cosine neighbours and 3CosAdd on the same vectors."""
    gensim = pytest.importorskip("gensim")
    rng = np.random.default_rng(3)
    E, names = rng.standard_normal((50, 6)), [f"w{k}" for k in range(50)]
    keyed = gensim.models.KeyedVectors(6)
    keyed.add_vectors(names, E)
    for w in range(0, 50, 7):
        theirs = [name for name, _ in keyed.most_similar(names[w], topn=5)]
        assert [names[k] for k in query.nearest(E, E[w], 5, [w])] == theirs
    questions = rng.permuted(np.tile(np.arange(50), (40, 1)), axis=1)[:, :3]
    for (a, b, c), answer in zip(questions, query.analogy(E, questions), strict=True):
        best = keyed.most_similar(positive=[names[b], names[c]], negative=[names[a]], topn=1)
        assert names[answer] == best[0][0]


def test_spearman_equals_scipys_also_with_ties():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(5)
    for _ in range(20):
        a, b = rng.integers(0, 6, (2, 15)).astype(float)
        assert query.spearman(a, b) == pytest.approx(stats.spearmanr(a, b)[0], abs=1e-12)
    assert np.isnan(query.spearman([1, 1, 1], [1, 2, 3]))


def test_reading_what_gensim_writes(tmp_path):
    """word2vec's text format, round trip through gensim."""
    gensim = pytest.importorskip("gensim")
    E = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    keyed = gensim.models.KeyedVectors(3)
    keyed.add_vectors(["one", "二", "naïve", "4"], E)
    keyed.save_word2vec_format(str(tmp_path / "vectors.txt"))
    with open(tmp_path / "vectors.txt", encoding="utf-8") as file:
        words, vectors = query.read_vectors(file)
    assert words == ["one", "二", "naïve", "4"]
    np.testing.assert_allclose(vectors, E, rtol=1e-6)


def test_reading_glove():
    """No first line; a word may hold a space once the width is known; wanted words only."""
    lines = io.StringIO("the 1 2 3\nat home 4 5 6\nthe 7 8 9\ncat -1 -2 -3\n\n")
    words, vectors = query.read_vectors(lines, wanted={"the", "at home"})
    assert words == ["the", "at home"]
    np.testing.assert_array_equal(vectors, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 1 2\nb 1\n", "line 2 has 1 numbers; expected 2"),
        ("a 1 2\nb 1 x\n", "line 2"),
        ("2 3\na 1 2\n", "line 2 has 2 numbers; expected 3"),
        ("", "no vectors found: there is no line"),
        ("a 1 2\nb 1 2 3\n", "line 2 has 3 numbers; expected 2"),  # and no word "b 1"
        ("a 1 2\nb\n", "line 2 has 0 numbers; expected 2"),
        ("a\n", "line 1 has 0 numbers; expected a word and numbers"),
        ("2 0\na\nb\n", "line 2 has 0 numbers"),
        ("3 2\na 1 2\nb 3 4\n", "line 1 promises 3 vectors, found 2: is the file cut short"),
        ("1 2\na 1 2\nb 3 4\n", "line 1 promises 1 vectors, found 2"),
        ("a 1 2\nb nan 4\n", r"line 2 \('b'\) holds NaN"),
        ("a 1 2\na 3 4\nb 1e39 4\n", r"line 3 \('b'\) .* infinite in float32"),
        ("a 1,5 2\n", r"line 1 \('a'\): expected 2 numbers"),
    ],
)
def test_a_damaged_file_is_named_by_its_line(text, words):
    with pytest.raises(ValueError, match=words):
        query.read_vectors(io.StringIO(text))


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff2 2\nthe 1 2\n猫 3 4\n",
        "\ufeffthe 1 2\n猫 3 4\n",
        "2\t2\r\nthe\t1\t2\r\n猫\t3\t4\r\n",
        "the  1  2 \n\n猫 3 4",
    ],
    ids=["byte order mark", "without a first line", "tabs, Windows", "spaces"],
)
def test_files_as_programs_write_them(text):
    words, vectors = query.read_vectors(text.split("\n"))
    assert words == ["the", "猫"]
    np.testing.assert_array_equal(vectors, [[1, 2], [3, 4]])


def test_words_that_look_like_something_else():
    """Numbers, nan, other white space, and words with spaces, as GloVe's largest file has."""
    lines = ["5 1 2", "nan 1 2", "\u3000 1 2", "\x85 1 2", ". . 1 2", "to infinity 1 2"]
    words, vectors = query.read_vectors(lines)
    assert words == ["5", "nan", "\u3000", "\x85", ". .", "to infinity"]
    assert vectors.tolist() == [[1, 2]] * 6


def test_bytes_and_unwanted_words():
    with pytest.raises(TypeError, match=r"line 1 is bytes; expected text: .*gzip.open\(path, 'rt'"):
        query.read_vectors([b"a 1 2"])
    with pytest.raises(ValueError, match="none of the 2 words is wanted"):
        query.read_vectors(["a 1 2", "b 3 4"], wanted={"c"})


def test_spearman_of_what_has_no_rank():
    """NaN is refused; infinity and large integers have ranks (in floats 2⁵³ equals 2⁵³ + 1)."""
    assert query.spearman([-np.inf, 0, np.inf], [1, 2, 3]) == pytest.approx(1)
    assert query.spearman([2**53, 2**53 + 1, 0], [1, 2, 0]) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"b has 1 gaps \(NaN\), the first at index 1"):
        query.spearman([1, 2, 3], [1, np.nan, 3])
    for a, b in (([1], [2]), ([1, 2], [1, 2, 3]), ([[1, 2]], [[1, 2]]), (1, 2)):
        with pytest.raises(ValueError, match=r"expected \(n,\) twice"):
            query.spearman(a, b)
    with pytest.raises(TypeError, match=r"b is of .*; expected real numbers"):
        query.spearman([1, 2], ["1", "2"])


def test_lengths_of_any_size():
    """Rows whose squares overflow or vanish; NaN would be nearest to everything."""
    E = np.array([[3.0, 4], [3e200, 4e200], [3e-200, 4e-200], [0, 0]])
    np.testing.assert_allclose(query.unit(E), [[0.6, 0.8]] * 3 + [[0, 0]], rtol=1e-15)
    half = query.unit(E[:1].astype(np.float32) * np.float32(1e30))
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, [[0.6, 0.8]], rtol=1e-6)
    bad = np.where(E == 3, np.nan, E)
    for call in (lambda: query.unit(bad), lambda: query.nearest(bad, E[0], 1),
                 lambda: query.analogy(bad, [[1, 2, 3]])):  # fmt: skip
        with pytest.raises(ValueError, match=r"1 gaps .* at index \(0, 0\); leave those rows out"):
            call()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: query.analogy(np.eye(3), [[0, 1, -1]]), ValueError, r"lie in -1..1; .* 0..2"),
        (lambda: query.analogy(np.eye(3), [[0, 1.0, 2]]), ValueError, r"\(Q, 3\) integers"),
        (lambda: query.analogy(np.eye(3), []), ValueError, r"shape \(0,\)"),
        (lambda: query.nearest(np.eye(3), np.ones(3), 1.5), ValueError, "k is 1.5"),
        (lambda: query.initial_embedding(Vocabulary(["a"]), ["a"], np.array([[np.nan]]), None),
         ValueError, "gaps"),
        (lambda: word2vec.noise_distribution([1, np.inf]), ValueError, "counts"),
        (lambda: word2vec.noise_distribution([1, 2], np.nan), ValueError, "power is nan"),
        (lambda: word2vec.train([[0.5, 1.5]], [1, 1], None), ValueError, "sentence 0 is float64"),
        (lambda: word2vec.train([[0, 1]], 3, None), ValueError, r"counts has shape \(\)"),
        (lambda: nnlm.nnlm_forward(np.array([[0, -1]]), NNLM), ValueError, r"ids lie in -1..0"),
        (lambda: nnlm.nnlm_backward(np.zeros((1, 5)), nnlm.nnlm_forward(ZEROS, NNLM)[1], NNLM),
         ValueError, r"dscores has shape \(1, 5\)"),
    ],
)  # fmt: skip
def test_more_bad_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_an_empty_batch_of_contexts():
    scores, cache = nnlm.nnlm_forward(np.zeros((0, 2), int), NNLM)
    assert scores.shape == (0, 5)
    for name, gradient in nnlm.nnlm_backward(scores, cache, NNLM).items():
        np.testing.assert_array_equal(gradient, np.zeros_like(NNLM[name]), strict=True)


def test_initial_embedding():
    """Found rows are copied, padding is zero, the others are drawn with the same spread."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((500, 40)).astype(np.float32) * 0.3
    names = [f"w{k}" for k in range(500)]
    vocabulary = Vocabulary([*names[:100], *(f"new{k}" for k in range(200))], "<pad>", "<unk>")
    E, found = query.initial_embedding(vocabulary, names, vectors, rng)
    assert (E.shape, E.dtype, found) == ((302, 40), np.float32, 100)
    np.testing.assert_array_equal(E[2:102], vectors[:100])
    assert not E[0].any()
    assert E[102:].std() == pytest.approx(0.3, rel=0.05)
    with pytest.raises(ValueError, match="none of the vocabulary"):
        query.initial_embedding(Vocabulary(["甲"]), names, vectors, rng)
