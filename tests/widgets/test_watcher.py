"""The network that watches films: what it computes, and what is done to a film."""

import json

import numpy as np
import pytest

from rnncourse import data
from rnncourse.data import films
from rnncourse.nn import cells, conv, layers, optim
from rnncourse.widgets import watcher, weights

A, B, H = 3, 4, 2  # filters, filters, units


def network():
    """Small, asymmetric, with biases that are not zero."""
    rng = np.random.default_rng(3)
    first, second = conv.conv2d_init(rng, 3, 2, A), conv.conv2d_init(rng, 5, A, B)
    params = {
        "first": {"W": first["W"].reshape(-1, A), "b": first["b"]},
        "second": {"W": second["W"].reshape(-1, B), "b": second["b"]},
        "cell": cells.gru_init(rng, B, H),
        "output": layers.dense_init(rng, H, len(films.CLASSES)),
    }
    for array in optim.leaves(params).values():
        array += 0.3 * rng.standard_normal(array.shape)
    return {"classes": list(films.CLASSES), "weights": weights.pack(params)}


@pytest.fixture(scope="module")
def model():
    return watcher.Watcher(network())


@pytest.fixture(scope="module")
def film():
    return films.film(films.shapes()["key"], "up", 5, (2, 9, 1))


def by_loops(model, frame, before):
    """Features of one frame: every filter at every place of the board, one number after another."""
    K, L = (len(layer["W"]) for layer in (model.first, model.second))
    both = np.stack([frame, before], axis=-1)
    wide = films.BOARD + 2 * (L - 1)
    low = np.zeros((wide, wide, A))
    for y in range(wide):
        for x in range(wide):
            total = model.first["b"].copy()
            for a in range(K):
                for b in range(K):
                    total += both[(y + a) % 16, (x + b) % 16] @ model.first["W"][a, b]
            low[y, x] = np.maximum(total, 0)
    small = np.array([[low[y : y + 2, x : x + 2].max(axis=(0, 1)) for x in range(0, wide - 1, 2)]
                      for y in range(0, wide - 1, 2)])  # fmt: skip
    most = np.zeros(B)
    for y in range(len(small) - L + 1):
        for x in range(len(small) - L + 1):
            patch = small[y : y + L, x : x + L]
            most = np.maximum(most, np.einsum("abc,abcf->f", patch, model.second["W"])
                              + model.second["b"])  # fmt: skip
    return most


def test_features_are_those_of_plain_loops(model, film):
    pairs = np.stack([film, np.roll(film, 1, axis=0)], axis=3).astype(float)
    found = model.features(pairs)
    for t in (0, 3):
        np.testing.assert_allclose(found[t], by_loops(model, pairs[t, ..., 0], pairs[t, ..., 1]))


def test_probabilities_are_those_of_cell_after_cell(model, film):
    h, before = np.zeros((1, H)), film[0]
    for frame, p in zip(film, model.watch(film), strict=True):
        x = model.features(np.stack([frame, before], axis=2)[None].astype(float))
        h, _ = cells.gru_step(x, h, model.cell)
        scores = (h @ model.output["W_y"] + model.output["b_y"])[0]
        np.testing.assert_allclose(p, np.exp(scores) / np.exp(scores).sum(), atol=1e-12)
        before = frame


def test_nothing_depends_on_where_the_board_begins(model, film):
    """Two pixels further, for windows are two pixels wide."""
    there = np.roll(film, (4, 6), axis=(1, 2))
    np.testing.assert_allclose(model.watch(there), model.watch(film), atol=1e-12)


def test_frame_that_is_missing_is_not_read(model, film):
    """NaN stands there; the answers are those of the film without it, kept where it is missing."""
    seen = np.array([0, 1, 0, 1, 1])
    broken = np.where(seen[:, None, None], film, np.nan)
    found, short = model.watch(broken, seen), model.watch(film[seen > 0])
    np.testing.assert_array_equal(found[0], np.full(7, 1 / 7))
    np.testing.assert_array_equal(found[[1, 3, 4]], short)
    np.testing.assert_array_equal(found[2], found[1])
    np.testing.assert_array_equal(model.watch(broken, seen * 0), np.full((5, 7), 1 / 7))


@pytest.mark.parametrize(
    ("frames", "seen", "message"),
    [
        (np.zeros((0, 16, 16)), None, r"\(0, 16, 16\); expected \(T, 16, 16\)"),
        (np.zeros((2, 16, 15)), None, r"\(2, 16, 15\)"),
        (np.zeros((16, 16)), None, r"\(16, 16\)"),
        (np.zeros((2, 16, 16)), [1], r"seen has shape \(1,\); expected \(2,\)"),
        (np.full((2, 16, 16), np.nan), None, "not finite"),
        (np.full((2, 16, 16), np.inf), [1, 0], "not finite"),
    ],
)
def test_films_that_are_none(model, frames, seen, message):
    with pytest.raises(ValueError, match=message):
        model.watch(frames, seen)


# --- changed films -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "order"),
    [("as it was", [0, 1, 2, 3, 4]), ("backwards", [4, 3, 2, 1, 0]), ("every second", [0, 2, 4]),
     ("one frame", [0]), ("gaps", [0, 1, 2, 3, 4])],
)  # fmt: skip
def test_changes_by_hand(change, order):
    found, seen = watcher.changed(change, 5, np.random.default_rng(0))
    assert found.tolist() == order
    assert seen.all() or change == "gaps"


def test_shuffled_frames_are_the_same_frames_and_gaps_spare_both_ends():
    rng, missing = np.random.default_rng(1), 0
    for _ in range(50):
        order, _ = watcher.changed("shuffled", 6, rng)
        assert sorted(order) == list(range(6))
        _, seen = watcher.changed("gaps", 12, rng)
        assert seen[0]
        assert seen[-1]
        missing += (~seen).sum()
    assert 0.3 < missing / 500 < 0.5
    for change in watcher.CHANGES:  # the shortest film there is
        order, seen = watcher.changed(change, 1, rng)
        assert (order.tolist(), seen.tolist()) == ([0], [True])


@pytest.mark.parametrize(("change", "T"), [("sideways", 3), ("backwards", 0)])
def test_other_changes_are_refused(change, T):
    with pytest.raises(ValueError, match=f"change is {change!r}, T {T}"):
        watcher.changed(change, T, np.random.default_rng(0))


# --- the page ----------------------------------------------------------------------------------


def test_things_keep_their_pixels():
    found = watcher.things()
    assert len({one["en"] for one in found}) == len({one["zh"] for one in found}) == len(found)
    pictures = [*films.shapes().values(), *watcher.first_digits()]
    for one, picture in zip(found, pictures, strict=True):
        pixels = [int(sign, 17) / 16 for sign in one["pixels"]]
        np.testing.assert_array_equal(np.reshape(pixels, (8, 8)), picture)


def test_digits_are_of_the_test_part():
    """Each is among the test's pictures, and none among those for training."""
    test, train = (films.things("digits", part) for part in ("test", "train"))
    for picture in watcher.first_digits():
        assert (test == picture).all(axis=(1, 2)).any()
        assert not (train == picture).all(axis=(1, 2)).any()


def test_shown_films():
    shown = watcher.show("films", ["right", "still"], "heart")
    rows = repr(shown).splitlines()
    assert [row.split()[0] for row in rows] == ["right", "still"]
    html = shown._repr_html_()
    assert html.startswith('<div class="watcher"')
    assert "<td>right</td>" in html
    assert json.loads(shown.place["steps"]) == [list(step) for step in films.STEPS.values()]


def test_what_cannot_be_shown():
    with pytest.raises(ValueError, match="motions is"):
        watcher.show("films", [])
    with pytest.raises(ValueError, match="expected some of"):
        watcher.show("films", ["sideways"])
    with pytest.raises(KeyError):
        watcher.show("films", thing="teapot")


# --- the record --------------------------------------------------------------------------------


def test_recorded_network_names_what_it_has_never_seen():
    """Each shape with each motion, from anywhere: at most one in twenty is wrong."""
    network = weights.load("films")[1]["network"]
    assert weights.size(network) < weights.LIMIT
    model, rng = watcher.Watcher(network), np.random.default_rng(0)
    wrong = 0
    for picture in films.shapes().values():
        for motion in films.CLASSES:
            state = rng.integers(0, (16, 16, 4))
            wrong += model.says(films.film(picture, motion, 10, state)) != motion
    assert wrong <= 56 / 20


def test_record_stands_beside_what_is_best():
    """Nothing beats a bound that is exact by more than chance: 1,000 films, four deviations."""
    record = data.recorded("real_live_films")
    for change, best in record["best"].items():
        room = 4 * np.sqrt(max(best * (1 - best), 0.01) / record["settings"]["tested"])
        assert record["changes"][change]["mean"] < best + room
    assert record["digits"]["10"]["mean"] > 0.95
    assert record["shapes"]["10"]["mean"] > 0.9
