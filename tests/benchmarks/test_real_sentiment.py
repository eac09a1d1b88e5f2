"""The runs on reviews: what is held out, that padding never counts, that both libraries hold one
network and learn with it, and what the records claim."""

import json
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scripts import load

from rnncourse import data
from rnncourse.nlp import text
from rnncourse.nlp.wordvec import word2vec
from rnncourse.nn import optim

torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]

import _classify as classify  # noqa: E402
import _reviews as reviews  # noqa: E402
from _common import Run  # noqa: E402

SETTINGS = {
    "rnn, last state": classify.Setting("rnn", "last", H=5),
    "lstm, last state": classify.Setting("lstm", "last", H=5),
    "bilstm, last state": classify.Setting("lstm", "last", directions=2, H=5),
    "bilstm": classify.Setting("lstm", "max", directions=2, H=5),
    "gru": classify.Setting("gru", "max", H=5),
    "cnn": classify.Setting("cnn", "max", H=5),
}


@pytest.fixture(autouse=True)
def no_bar(monkeypatch):
    monkeypatch.setenv("RNNCOURSE_PROGRESS", "0")


@pytest.fixture
def sentiment():
    return load("real/sentiment.py")


@pytest.fixture
def hotels():
    pytest.importorskip("jieba")
    pytest.importorskip("sklearn")
    return load("real/hotels.py")


def made_up(rng, N):
    """ "good" and "bad" among other words; the label is the one that is there."""
    labels = rng.integers(0, 2, N)
    rows = []
    for label in labels:
        row = [f"w{k}" for k in rng.integers(0, 20, rng.integers(1, 9))]
        row.insert(int(rng.integers(0, len(row) + 1)), ("bad", "good")[label])
        rows.append(row)
    return rows, labels


@pytest.fixture(scope="module")
def small():
    """Made-up reviews to learn, to choose by and to test, and a table of vectors (V, 6)."""
    rng = np.random.default_rng(0)
    parts = {"learn": made_up(rng, 300), "choose": made_up(rng, 60), "test": made_up(rng, 60)}
    vocabulary = text.Vocabulary.from_documents(parts["learn"][0])
    numbers = {
        name: reviews.Reviews.of(*part, vocabulary, 8, "both") for name, part in parts.items()
    }
    return numbers, reviews.random_vectors(vocabulary, 6, 0)


# --- what is read -------------------------------------------------------------------------------


def test_shortening_by_hand():
    """The start, the end, or half of both; what fits stays whole."""
    ids = np.arange(7)
    expected = {"start": [0, 1, 2, 3], "end": [3, 4, 5, 6], "both": [0, 1, 5, 6]}
    for keep, left in expected.items():
        assert reviews.shorten(ids, 4, keep).tolist() == left
        assert reviews.shorten(ids, 7, keep) is ids
    assert reviews.shorten(ids, 3, "both").tolist() == [0, 5, 6]


def test_an_empty_review_is_one_unknown_word():
    vocabulary = text.Vocabulary.from_documents([["good"]])
    found = reviews.Reviews.of([[], ["what", "good"]], [0, 1], vocabulary, 5, "both")
    assert [row.tolist() for row in found.rows] == [[1], [1, 2]]
    assert found.lengths.tolist() == [0, 2]


def test_batches_hold_each_review_once(small):
    rows = small[0]["learn"]
    batches = list(rows.batches(32, np.random.default_rng(0)))
    assert sorted(np.concatenate([which for which, *_ in batches])) == list(range(300))
    for which, ids, mask, labels in batches:
        assert [row.tolist() for row in text.unpad(ids, mask)] == [
            rows.rows[k].tolist() for k in which
        ]
        np.testing.assert_array_equal(labels, rows.labels[which])
        assert (ids[mask == 0] == 0).all()
        assert (ids[mask == 1] > 0).all()


def test_copies_of_a_review_stay_together():
    texts = [f"review {k % 40}" for k in range(80)]
    learn, choose = reviews.held_out(texts)
    assert sorted([*learn, *choose]) == list(range(80))
    assert {texts[k] for k in learn}.isdisjoint(texts[k] for k in choose)
    assert len(choose) == 8


def test_each_word_gets_its_own_vector():
    """The word numbers of the training are the vocabulary's less two; padding is zero."""
    rng = np.random.default_rng(0)
    rows = [[f"w{k}" for k in rng.integers(0, 30, 12)] for _ in range(50)]
    vocabulary = text.Vocabulary.from_documents(rows, max_size=22)  # ten words are unknown
    ids = [vocabulary.encode(row) for row in rows]
    E = reviews.vectors(ids, vocabulary, 8, 2, 0)
    counts = Counter(word for row in rows for word in row)
    learnt = word2vec.train(
        [row[row > 1] - 2 for row in ids], [counts[word] for word in vocabulary.tokens[2:]],
        np.random.default_rng(0), 8, epochs=2,
    )  # fmt: skip
    np.testing.assert_array_equal(E[2:], learnt["W_in"])
    assert not E[0].any()
    assert E[1].any()  # the unknown word


@pytest.fixture
def films(sentiment, monkeypatch):
    """The run on made-up films, each with a word that no other has."""
    rng = np.random.default_rng(0)

    def read(part):
        rows, labels = made_up(rng, 40)
        own = [f"only{part}{a}{b}" for a in "abcde" for b in "fghijklm"]  # one word a review
        return [" ".join([*row, word]) for row, word in zip(rows, own, strict=True)], labels

    halves = {part: read(part) for part in ("train", "test")}
    monkeypatch.setattr(sentiment, "films", halves.__getitem__)
    return sentiment


def test_the_vocabulary_is_of_what_trains(films):
    """No word that only the test half or the held-out tenth has."""
    tokens, (learn, choose) = films.read("train")[0], films.halves()
    assert len(learn) == 36
    known = {word for k in learn for word in tokens[k]}
    assert set(films.vocabulary().tokens[2:]) == known
    others = {word for k in choose for word in tokens[k]} | {
        w for r in films.read("test")[0] for w in r
    }
    assert others - known  # else this test shows nothing
    unknown = films.vocabulary().unknown_index
    assert any((row == unknown).any() for row in films.parts()["test"].rows)


# --- one network, two libraries ---------------------------------------------------------------


@pytest.fixture(params=SETTINGS)
def network(request, small):
    """A setting, its first weights and a padded batch of five reviews."""
    s = SETTINGS[request.param]
    params = classify.init(s, small[1], 0)
    rng = np.random.default_rng(1)
    params["output"]["b_y"] += 0.3
    for p in params.get("filters", {}).values():
        p["b"] += rng.normal(0, 1, p["b"].shape).astype(np.float32)
    rows = [rng.integers(1, len(small[1]), n) for n in (4, 1, 7, 2, 7)]
    return s, params, rows


def test_packed_is_one_by_one(network):
    """What is padded, and how much, changes no logit in PyTorch."""
    s, params, rows = network
    model = classify.Network(s, params)
    together = classify.say_torch(model, *text.pad(rows))
    more = classify.say_torch(model, *text.pad(rows, 12))
    alone = [classify.say_torch(model, *text.pad([row]))[0] for row in rows]
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(more, alone, atol=1e-6)


def test_keras_has_the_same_network(network):
    """Equal logits under a mask, packed, and one by one; as many numbers to learn."""
    pytest.importorskip("keras")
    s, params, rows = network
    model = classify.keras_model(s, params)
    ids, mask = text.pad(rows)
    masked = np.asarray(model(ids))[:, 0]
    alone = [float(np.asarray(model(row[None]))[0, 0]) for row in rows]
    np.testing.assert_allclose(masked, alone, atol=1e-6)
    expected = classify.say_torch(classify.Network(s, params), ids, mask)
    np.testing.assert_allclose(masked, expected, atol=1e-6)
    assert np.ptp(masked) > 1e-3
    # Keras' GRU has a second bias for r and z too, PyTorch one for every gate: two numbers that
    # are only ever added.
    gates = {"rnn": 1, "lstm": 4, "gru": 3, "cnn": 0}[s.kind]
    twice = s.H * s.directions * gates
    own = twice // 3 if s.kind == "gru" else 0  # the GRU's b_hn is no such copy
    count = classify.size(params)
    learnt = sum(p.numel() for p in classify.Network(s, params).parameters())
    assert learnt == count + twice - own
    found = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert found == count + (twice - own if s.kind == "gru" else 0)


@pytest.mark.parametrize("library", classify.LIBRARIES)
@pytest.mark.parametrize("kind", ["gru", "cnn"])
def test_a_network_learns_made_up_reviews(small, library, kind):
    """Better than nine in ten; the epoch taken is the best one; a second run is the same."""
    pytest.importorskip(library)
    parts, E = small
    s = classify.Setting(kind, "max", H=8, dropout=0.1, output_dropout=0.1, rate=0.02, epochs=4)
    found, logits = classify.trained(library, s, E, parts, 0)
    assert classify.scores(logits, parts["test"].labels)["accuracy"] > 0.9
    losses = [epoch["loss"] for epoch in found["epochs"]]
    assert len(losses) == 4
    right = [epoch["accuracy"] for epoch in found["epochs"]]
    assert found["best"] == 1 + right.index(max(right))
    assert losses[-1] < losses[0]
    again, _ = classify.trained(library, s, E, parts, 0)
    assert [epoch["loss"] for epoch in again["epochs"]] == pytest.approx(losses, abs=1e-5)


def test_both_libraries_lower_the_rate_alike():
    keras = pytest.importorskip("keras")
    theirs, ours = keras.optimizers.schedules.CosineDecay(0.3, 40), optim.cosine(0.3, 40)
    for k in (0, 1, 20, 39):
        assert float(theirs(k)) == pytest.approx(ours(k), abs=1e-6)


def test_the_last_batch_is_an_update_too(small):
    """300 reviews in batches of 32: ten updates, as many as there are batches."""
    s, learn = classify.Setting("gru", "max", N=32), small[0]["learn"]
    batches = list(learn.batches(s.N, None))
    assert classify.updates(s, learn) == len(batches) == 10


def test_scores_by_hand():
    """Three reviews, two right; an answer of 0 is "no"."""
    found = classify.scores(np.array([2.0, -1.0, 0.0]), np.array([1, 1, 0]))
    assert found["accuracy"] == pytest.approx(2 / 3)
    expected = np.mean([np.log(1 + np.exp(-2)), np.log(1 + np.e), np.log(2)])
    assert found["loss"] == pytest.approx(expected)


def test_groups_of_length_by_hand(sentiment):
    """128 tokens belong to the first group, 513 to the last."""
    lengths = np.array([3, 128, 129, 512, 513, 900, 300])
    found = reviews.Reviews([], np.array([1, 1, 0, 1, 1, 0, 0]), lengths)
    logits = np.array([1, -1, -1, 1, 1, 1, 1.0])
    assert sentiment.by_length(logits, found) == [0.5, 1.0, 0.5, 0.5]


def test_the_gradient_by_distance(films, monkeypatch):
    """A plain RNN with tiny recurrent weights hears the last word alone; with the maximum over
    time each word is heard."""
    monkeypatch.setattr(films, "LIMIT", 4)
    monkeypatch.setattr(films, "DISTANCES", (0, 1, 2, 3))
    monkeypatch.setattr(
        films,
        "parts",
        lambda: {
            "choose": reviews.Reviews(
                [np.array(row) for row in ([2, 3, 4, 5], [1, 2], [5, 4, 3, 2])],
                np.ones(3),
                np.ones(3),
            )
        },
    )
    E = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    slopes = {}
    for keep in ("last", "max"):
        params = classify.init(classify.Setting("rnn", keep, H=40), E, 0)
        params["cell"]["W_h"] *= 1e-3
        slopes[keep] = films.slopes(classify.Network(classify.Setting("rnn", keep, H=40), params))
    last = np.array(slopes["last"])
    assert (last[1:] < 0.01 * last[:-1]).all()
    assert min(slopes["max"]) > 0.1 * max(slopes["max"])


# --- the whole run, on made-up reviews -----------------------------------------------------------


def small_networks(module, monkeypatch, tmp_path, **more):
    """Tiny networks of one library, and a record in a folder of its own."""
    if hasattr(module, "NETWORKS"):
        tiny = {name: s._replace(H=3, epochs=1) for name, s in module.NETWORKS.items()}
        monkeypatch.setattr(module, "NETWORKS", tiny)
    run = partial(Run, root=tmp_path, arguments=[])
    monkeypatch.setattr(module, "Run", lambda name, what, needs, *rest: run(name, what, [], *rest))
    for name, value in more.items():
        monkeypatch.setattr(module, name, value)


def test_the_run_on_films(films, monkeypatch, tmp_path):
    """A record after every network, in the form that the page reads; a second run adds nothing."""
    libraries = {"torch": classify.LIBRARIES["torch"]}
    monkeypatch.setattr(films, "LIMIT", 4)
    monkeypatch.setattr(films.parts.__wrapped__, "__defaults__", (4, "both"))
    small_networks(films, monkeypatch, tmp_path, FOLDER=tmp_path, LIBRARIES=libraries, D=6,
                   EDGES=(4, 6, 8), VECTOR_EPOCHS=1, DISTANCES=(0, 3),
                   TRIALS=[(4, "end"), (4, "both")])  # fmt: skip
    films.main()
    target = tmp_path / "benchmarks" / "results" / "real_sentiment.json"
    record = json.loads(target.read_text(encoding="utf-8"))
    assert record["data"]["learn"]["reviews"] == 36
    assert list(record["networks"]) == ["torch"]
    assert list(record["networks"]["torch"]) == list(films.NETWORKS)
    for found in [*record["networks"]["torch"].values(), *record["random vectors"].values()]:
        assert found["seeds"] == len(found["accuracy"]["values"]) == 3
    assert [tried["keep"] for tried in record["trials"]] == ["end", "both"]
    slopes = record["gradient by distance"]["rnn, last state"]
    assert {name: len(row) for name, row in slopes.items()} == {
        "at the start": 2, "after epoch 1": 2, "after epoch 2": 2
    }  # fmt: skip
    monkeypatch.setattr(films, "trained", None)  # all steps are kept
    films.main()
    assert json.loads(target.read_text(encoding="utf-8"))["networks"] == record["networks"]


def test_small_numbers_are_zero_for_a_while_only():
    """The switch is the whole process's: what runs in it afterwards has them again."""
    tiny = torch.tensor([1e-39])
    with classify.no_denormals():
        assert float(tiny * 1) == 0
    assert float(tiny * 1) > 0


@pytest.mark.parametrize(
    ("best", "tried"),
    [
        (1.0, [1 / 3, 1, 3]),  # the middle is the best: nothing further
        (9.0, [1 / 3, 1, 3, 9, 27]),
        (1 / 9, [1 / 27, 1 / 9, 1 / 3, 1, 3]),
        (1e9, [1 / 3, 1, 3, 9, 27, 81, 243]),  # four further ones, and no more
    ],
)
def test_the_search_goes_on_at_an_edge(best, tried):
    """By hand, for an accuracy that falls with the distance to the best rate."""
    found = load("real/optimizers.py").search(lambda rate: -abs(np.log(rate / best)), 1.0)
    np.testing.assert_allclose(sorted(found), tried)


def test_the_run_of_the_optimizers(films, monkeypatch, tmp_path):
    """A row for each, at the rate that the held-out reviews choose."""
    module = load("real/optimizers.py")
    monkeypatch.setattr(module, "sentiment", films)
    for name, value in {"LIMIT": 4, "D": 6, "EDGES": (4, 6, 8)}.items():
        monkeypatch.setattr(films, name, value)
    monkeypatch.setattr(films.parts.__wrapped__, "__defaults__", (4, "both"))
    monkeypatch.setattr(module, "FURTHER", 0)
    small = classify.Setting("rnn", "last", H=3, epochs=1)
    monkeypatch.setattr(
        module, "setting", lambda optimizer, rate: small._replace(optimizer=optimizer, rate=rate)
    )
    run = partial(Run, root=tmp_path, arguments=[])
    monkeypatch.setattr(module, "Run", lambda name, what, needs, *rest: run(name, what, [], *rest))
    module.main()
    target = tmp_path / "benchmarks" / "results" / "real_optimizers.json"
    record = json.loads(target.read_text(encoding="utf-8"))
    assert list(record["optimizers"]) == ["descent", "momentum", "adam"]
    for found in record["optimizers"].values():
        assert len(found["tried"]) == found["seeds"] == 3
        assert found["tried"][f"{found['rate']:g}"] == max(found["tried"].values())
    assert record["descent at Adam's rate"]["rate"] == module.START["adam"]


def test_the_run_on_hotels(hotels, monkeypatch, tmp_path):
    """Five folds of made-up reviews: each review is tested once, words and characters."""
    rng = np.random.default_rng(0)
    rows, labels = made_up(rng, 60)

    def read(segment):
        return [list(segment(" ".join(row))) for row in rows], labels

    tested = []

    def trained(library, s, E, parts, seed):
        tested.append(len(parts["test"].rows))
        return classify.trained(library, s, E, parts, seed)

    small_networks(hotels, monkeypatch, tmp_path, hotels=read, VECTOR_EPOCHS=1, trained=trained,
                   SETTING=hotels.SETTING._replace(H=3, epochs=1))  # fmt: skip
    hotels.main()
    assert sum(tested) == 4 * 60
    target = tmp_path / "benchmarks" / "results" / "real_hotels.json"
    record = json.loads(target.read_text(encoding="utf-8"))
    for networks in record["networks"].values():
        assert {name: found["folds"] for name, found in networks.items()} == {
            "random vectors": 5,
            "our vectors": 5,
        }


# --- the record -------------------------------------------------------------------------------


def consistent(found, count, rounded=1e-4):
    assert len(found["values"]) == count
    assert found["mean"] == pytest.approx(np.mean(found["values"]), abs=2 * rounded)


def test_the_record_of_films():
    """The best recurrent network reaches 88 %; what the plain one loses; who wins is said."""
    record = data.recorded("real_sentiment")
    assert record["data"]["learn"]["reviews"] + record["data"]["choose"]["reviews"] == 25_000
    assert sum(record["by length"]["reviews"]) == record["data"]["test"]["reviews"] == 25_000
    best = {}
    for library, networks in record["networks"].items():
        for name, found in networks.items():
            for key in ("accuracy", "valid accuracy"):
                consistent(found[key], found["seeds"])
            consistent(found["cpu_seconds"], found["seeds"], rounded=0.1)
            assert found["seeds"] >= 3
            assert len(found["by length"]) == 1 + len(record["by length"]["edges"])
            shares = np.array(record["by length"]["reviews"]) / 25_000
            groups = [group["mean"] for group in found["by length"]]
            assert shares @ groups == pytest.approx(found["accuracy"]["mean"], abs=1e-3)
            best[library, name] = found["accuracy"]["mean"]
    recurrent = max(value for (_, name), value in best.items() if name != "cnn")
    assert recurrent >= 0.88
    assert best["torch", "rnn, last state"] < best["torch", "lstm, last state"]
    assert record["networks"]["torch"].keys() == record["networks"]["keras"].keys()
    for name in record["networks"]["torch"]:
        sizes = {networks[name]["parameters"] for networks in record["networks"].values()}
        assert len(sizes) == 1


def test_the_record_of_hotels(hotels):
    record = data.recorded("real_hotels")
    for networks in record["networks"].values():
        for found in networks.values():
            for key in ("accuracy", "f1"):
                consistent(found[key], found["folds"])
                assert found[key]["mean"] > max(
                    row[key] for row in record["bag of words"] if row["method"] == "majority"
                )
    assert record["data"]["reviews"] == 7765
