"""The chapter on word vectors: the little world, Bengio's model, and the recorded run."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts import load

from rnncourse import data
from rnncourse.data import corpora
from rnncourse.nlp.wordvec import nnlm, query, word2vec
from rnncourse.nn import functional
from rnncourse.nn.gradcheck import numeric_gradient, relative_error

ROOT = Path(__file__).resolve().parents[2]


# ---- the little world ------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_world_is_what_it_says(language):
    """Kinds do not overlap; every question's words occur; no frame keeps a mark of its own."""
    world = data.load("little_world", rng=np.random.default_rng(0), N=4000, language=language)
    assert len(world.sentences) == 4000
    words = {word for sentence in world.sentences for word in sentence}
    assert not any(re.fullmatch(r"[0-9*]+", word) for word in words)
    listed = [word for kind in world.kinds.values() for word in kind]
    assert len(listed) == len(set(listed))
    assert set(listed) <= words
    assert set(world.realms) == set(world.kinds)
    sizes = {name: len(questions) for name, questions in world.questions.items()}
    assert sizes == {"capital": 90, "language": 90, "she": 56, "young": 56}


def test_questions_are_what_the_author_meant():
    world = data.load("little_world", rng=np.random.default_rng(0), N=1)
    assert ("france", "paris", "germany", "berlin") in world.questions["capital"]
    assert ("king", "queen", "uncle", "aunt") in world.questions["she"]
    assert ("cow", "calf", "hen", "chick") in world.questions["young"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_praise_and_blame_stand_in_the_same_frames(language):
    """What the page says of delicious and awful: with both hidden, no frame has one alone."""
    world = data.load("little_world", rng=np.random.default_rng(1), N=6000, language=language)
    hidden = {word: kind for kind in ("good", "bad") for word in world.kinds[kind]}
    food = {word for kind in ("fruit", "vegetable") for word in world.kinds[kind]}
    frames = {"good": set(), "bad": set()}
    for sentence in world.sentences:
        for word in set(sentence) & set(hidden):
            bare = tuple("*" if w in hidden else "0" if w in food else w for w in sentence)
            frames[hidden[word]].add(bare)
    assert frames["good"] == frames["bad"] != set()


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from(["en", "zh"]))
def test_the_world_repeats_itself(N, seed, language):
    """Equal generators write equal sentences."""
    first, second = (
        corpora.little_world(np.random.default_rng(seed), N, language).sentences for _ in range(2)
    )
    assert first == second
    assert len(first) == N


@pytest.mark.parametrize("change", [{"N": 0}, {"language": "fr"}])
def test_the_world_names_bad_arguments(change):
    with pytest.raises(ValueError, match="N = "):
        corpora.little_world(**({"rng": np.random.default_rng(0), "N": 3} | change))


# ---- Bengio's language model ---------------------------------------------------------


@pytest.fixture
def model():
    """Parameters in float64, and contexts in which words come more than once."""
    rng = np.random.default_rng(3)
    params = nnlm.nnlm_init(rng, 6, 3, 2, 4)
    params = {name: rng.standard_normal(p.shape) for name, p in params.items()}
    return params, np.array([[1, 1], [5, 2], [2, 5], [1, 0]]), np.array([0, 1, 5, 3])


def test_nnlm_by_hand():
    """V 2, D 1, n 2, H 1: tanh(1·0.5 + 2·0.25 + 0.1), then two scores."""
    params = {"E": np.array([[1.0], [2.0]]), "W_h": np.array([[0.5], [0.25]]),
              "b_h": np.array([0.1]), "W_y": np.array([[1.0, -2.0]]),
              "b_y": np.array([0.0, 0.5])}  # fmt: skip
    h = math.tanh(0.5 + 0.5 + 0.1)
    scores, _ = nnlm.nnlm_forward(np.array([[0, 1]]), params)
    np.testing.assert_allclose(scores, [[h, 0.5 - 2 * h]])


def test_nnlm_equals_pytorch(model):
    torch = pytest.importorskip("torch")
    params, contexts, targets = model
    net = torch.nn.Sequential(
        torch.nn.Embedding(6, 3), torch.nn.Flatten(), torch.nn.Linear(6, 4), torch.nn.Tanh(),
        torch.nn.Linear(4, 6),
    ).double()  # fmt: skip
    values = [params["E"], params["W_h"].T, params["b_h"], params["W_y"].T, params["b_y"]]
    for parameter, value in zip(net.parameters(), values, strict=True):
        parameter.data = torch.tensor(value)
    scores = net(torch.tensor(contexts))
    torch.nn.functional.cross_entropy(scores, torch.tensor(targets)).backward()
    ours, cache = nnlm.nnlm_forward(contexts, params)
    grads = nnlm.nnlm_backward(functional.cross_entropy(ours, targets)[1], cache, params)
    np.testing.assert_allclose(ours, scores.detach().numpy(), atol=1e-12)
    theirs = [p.grad.numpy() for p in net.parameters()]
    for name, grad in zip(("E", "W_h", "b_h", "W_y", "b_y"), theirs, strict=True):
        expected = grad.T if name in ("W_h", "W_y") else grad
        np.testing.assert_allclose(grads[name], expected, atol=1e-12)


def test_nnlm_gradients_are_checked_and_an_error_is_found(model):
    """Central differences agree; with E's rows overwritten instead of summed they do not."""
    params, contexts, targets = model

    def loss():
        return functional.cross_entropy(nnlm.nnlm_forward(contexts, params)[0], targets)

    _, cache = nnlm.nnlm_forward(contexts, params)
    grads = nnlm.nnlm_backward(loss()[1], cache, params)
    numeric = {name: numeric_gradient(lambda: loss()[0], p) for name, p in params.items()}
    for name, grad in grads.items():
        assert relative_error(grad, numeric[name]) < 1e-8, name
    da = (loss()[1] @ params["W_y"].T) * (1 - cache.h**2)
    planted = np.zeros_like(params["E"])
    planted[contexts] = (da @ params["W_h"].T).reshape(4, 2, 3)
    assert relative_error(planted, numeric["E"]) > 1e-2


def test_nnlm_names_bad_contexts(model):
    with pytest.raises(ValueError, match=r"\(4, 1\); expected \(N, 2\)"):
        nnlm.nnlm_forward(model[1][:, :1], model[0])


# ---- CBOW's mean -----------------------------------------------------------------------


def test_gensim_gives_each_word_the_whole_gradient():
    """The clinic's claim, on gensim itself: one centre, two words around, one step.

    gensim starts with W_out at zero: the first step moves W_out alone, the second W_in, each
    word of the window by the whole of what the mean receives.
    """
    gensim = pytest.importorskip("gensim")
    model = gensim.models.Word2Vec(
        [["a", "b", "c"]], vector_size=4, window=1, min_count=1, sg=0, hs=1, negative=0,
        sample=0, workers=1, seed=1, epochs=0 + 1, alpha=1e-9, min_alpha=1e-9,
    )  # fmt: skip
    wv, rate = model.wv, 0.1
    model.syn1 = np.random.default_rng(0).standard_normal(model.syn1.shape).astype(np.float32)
    before, out = wv.vectors.copy(), model.syn1.copy()
    model.train([["a", "b", "c"]], total_examples=1, epochs=1, start_alpha=rate, end_alpha=rate)
    moved = wv.vectors - before
    # Only places 0 and 2 have one neighbour, b; place 1 has two, a and c, which move alike.
    a, c = moved[wv.key_to_index["a"]], moved[wv.key_to_index["c"]]
    np.testing.assert_allclose(a, c, atol=1e-6)
    # The step at place 1, from what gensim's own path of b says: codes and points.
    b = wv.key_to_index["b"]
    code, points = wv.get_vecattr("b", "code"), wv.get_vecattr("b", "point")
    h = (before[wv.key_to_index["a"]] + before[wv.key_to_index["c"]]) / 2
    # Place 0 has already changed the nodes on a's path by rate times its own predictor.
    first = wv.get_vecattr("a", "code"), wv.get_vecattr("a", "point")
    for turn, node in zip(*first, strict=True):
        error = 1 - turn - functional.sigmoid(before[b] @ out[node])
        out[node] += rate * error * before[b]
    whole = sum(
        rate * (1 - turn - functional.sigmoid(h @ out[node])) * out[node]
        for turn, node in zip(code, points, strict=True)
    )
    np.testing.assert_allclose(a, whole, rtol=2e-2, atol=2e-4)  # gensim's table of σ is coarse
    assert abs(a - whole / 2).max() > 0.3 * abs(whole).max()


# ---- the recorded run --------------------------------------------------------------------


def test_the_record_holds_what_the_page_claims():
    """Skip-gram agrees with gensim 0.8 times as well as gensim with itself, at a tenth of its
    speed or better; the page's table of CBOW; no machine path."""
    record = data.recorded("real_wordvectors")
    for language in ("english", "chinese"):
        methods = record[language]["methods"]
        found = methods["skip-gram, negative"]
        agree = found["agreement"]
        assert agree["ours and gensim"] >= 0.8 * agree["gensim and gensim"]
        assert found["ours"]["words_per_second"] > 0.1 * found["gensim"]["words_per_second"]
        assert found["ours"]["seeds"] == found["gensim"]["seeds"] == 3
        exact, whole = (
            methods[name]["agreement"]["ours and gensim"]
            for name in ("CBOW, negative", "CBOW, negative, whole gradient")
        )
        assert whole > exact
        assert {
            runs["seeds"] for m in methods.values() for k, runs in m.items() if k != "agreement"
        } == {3}
        for name, score in found["ours"]["scores"].items():
            assert score["mean"] == pytest.approx(np.mean(score["values"]), abs=1e-4), name
    assert record["english"]["text"]["words"] > 5_500_000  # all of IMDB's training part
    text = (ROOT / "benchmarks" / "results" / "real_wordvectors.json").read_text("utf-8")
    assert not re.search(r"/(home|root|work|tmp)/", text)


def test_where_counting_wins_and_where_not():
    """As the page says: in Chinese everywhere; in English not on SimLex, WordSim and grammar."""
    record = data.recorded("real_wordvectors")

    def table(language, name):
        methods = record[language]["methods"]
        counted = methods["counts"]["baseline"]["scores"][name]["mean"]
        others = [runs["scores"][name]["mean"] for m, found in methods.items() if m != "counts"
                  for library, runs in found.items() if library != "agreement"]  # fmt: skip
        return counted, max(others)

    for name in record["chinese"]["text"]["coverage"]:
        counted, network = table("chinese", name)
        assert counted > network, name
    names = ("WordSim-353", "SimLex-999", "MEN", "Google semantic", "Google syntactic")
    wins = {name: np.subtract(*table("english", name)) for name in names}
    assert wins["SimLex-999"] < -0.05
    assert -0.03 < wins["WordSim-353"] < 0
    assert abs(wins["MEN"]) < 0.01
    assert wins["Google semantic"] > 0.02
    assert wins["Google syntactic"] < -0.02


@pytest.fixture(scope="module")
def run():
    """benchmarks/real/wordvectors.py as a module."""
    pytest.importorskip("gensim")
    module = load("real/wordvectors.py")
    yield module
    word2vec.MODELS.pop("cbow, whole gradient")


def test_agreement_by_hand(run):
    a, b = [list(range(10)), list(range(10))], [list(range(5, 15)), list(range(20, 30))]
    assert run.agreement(a, b) == pytest.approx(0.25)


def test_counts_without_a_network_find_two_topics(run, monkeypatch):
    """PPMI and SVD on words 0..59 and 60..119 in sentences of their own."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 60, 8) + 60 * rng.integers(0, 2) for _ in range(3000)]
    text = run.Text([str(k) for k in range(120)], np.ones(120), rows)
    monkeypatch.setattr(run, "read", lambda language: text)
    E, _ = run.counted("english", 0)
    same = [query.nearest(E, E[w], 9, [w]) // 60 == w // 60 for w in range(120)]
    assert np.mean(same) > 0.9
