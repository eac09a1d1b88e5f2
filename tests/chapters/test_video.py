"""Video: the chapter by hand, its exact bounds, its clinic, and what it says of records."""

import math

import numpy as np
import pytest

from rnncourse import data
from rnncourse.data import films
from rnncourse.nn import cells, conv, conv_lstm, layers
from rnncourse.nn.optim import leaves


def sigma(a):
    return 1 / (1 + math.exp(-a))


def test_by_hand():
    """The table of one row with three pixels, in plain floats."""
    x, h, c = [0, 1, 0], [0, 0, 1], [1, 1, 1]
    a_i = [(x[k - 1] if k else 0) + 2 * x[k] for k in range(3)]
    a_f = [3 * (h[k + 1] if k < 2 else 0) - 1 for k in range(3)]
    assert (a_i, a_f) == ([0, 2, 1], [-1, 2, -1])
    assert [round(sigma(a), 3) for a in a_i] == [0.5, 0.881, 0.731]
    assert [round(sigma(a), 3) for a in a_f] == [0.269, 0.881, 0.269]
    assert round(math.tanh(1), 3) == 0.762
    new = [
        sigma(f) * m + sigma(i) * math.tanh(v) for f, i, m, v in zip(a_f, a_i, c, x, strict=True)
    ]
    assert [round(v, 3) for v in new] == [0.269, 1.552, 0.269]
    assert round(sigma(0.5), 3) == 0.622
    assert [round(sigma(0.5) * math.tanh(v), 3) for v in new] == [0.163, 0.569, 0.163]


def test_sizes():
    """How many numbers each network has, as the text says, and question 3 of the quiz."""
    rng = np.random.default_rng(0)

    def count(cell, out):
        return sum(p.size for p in leaves({"cell": cell, "out": out}).values())

    gru = count(cells.gru_init(rng, 256, 64), layers.dense_init(rng, 64, 6))
    picture = count(conv_lstm.conv_lstm_init(rng, 3, 1, 8), layers.dense_init(rng, 8, 6))
    assert (gru, picture) == (62086, 2678)
    assert round(gru / picture) in range(20, 26)
    quiz = conv_lstm.conv_lstm_init(rng, 3, 3, 10)
    assert sum(p.size for p in quiz.values()) == 9 * (3 + 10) * 40 + 40


def test_bounds():
    """One half for six classes, four sevenths with "still": question 2."""
    assert films.bag_bound(films.MOVING) == 1 / 2
    assert films.bag_bound(films.CLASSES) == 4 / 7


def test_every_second_frame():
    """Half turns have no direction; steps of two pixels have."""
    for picture in films.shapes().values():
        found = {m: films.film(picture, m, 6)[::2] for m in films.MOVING}
        assert (found["clockwise"] == found["anticlockwise"]).all()
        assert not (found["right"] == found["left"]).all()
        assert (found["right"] == films.film(picture, "right", 3, speed=2)).all()


def test_places_averaged_away():
    """On a board without edges the mean over all places is one and the same wherever a thing is."""
    rng = np.random.default_rng(1)
    filters = conv.conv2d_init(rng, 3, 1, 5)
    found = []
    for motion in ("right", "down", "still", "clockwise"):
        film = films.film(films.shapes()["key"], motion, 3).astype(float)
        around = np.pad(film, [(0, 0), (1, 1), (1, 1)], mode="wrap")[..., None]
        found.append(np.maximum(conv.conv2d_forward(around, filters, "valid")[0], 0).mean((1, 2)))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
    np.testing.assert_allclose(found[0], found[2], rtol=1e-12)
    assert np.abs(found[0] - found[3]).max() > 1e-3


def test_once_more_is_exact_far_from_walls():
    """A digit that meets no wall is where the last motion, made once more, puts it."""
    picture = films.things()[3]
    frames = np.zeros((3, 16, 16))
    for t in range(3):
        frames[t, 1 + 2 * t : 9 + 2 * t, 6 - t : 14 - t] = picture
    wide = np.pad(frames[1], 2)
    assert (wide[2 - 2 : 18 - 2, 2 + 1 : 18 + 1] == frames[2]).all()


def test_text_about_the_network_in_the_page():
    """It is right where one can be, and as wrong as it must be elsewhere."""
    played = data.recorded("real_live_films")
    for name, best in played["best"].items():
        assert played["changes"][name]["mean"] == pytest.approx(best, abs=0.045), name
    assert len(played["float32"]["values"]) == 3


def test_text_about_people():
    """What the page says of the recorded table, and of the random split."""
    people = data.recorded("real_video")
    msr, ut = ({key: 100 * found["mean"] for key, found in people[name]["accuracy"].items()}
               for name in ("msr", "utkinect"))  # fmt: skip
    assert [round(msr[key]) for key in ("middle frame", "with velocities", "in thirds")] == [
        53,
        74,
        76,
    ]
    assert round(msr["middle frame"] / msr["majority"]) == 12
    assert [round(msr[key]) for key in ("attention", "attention, shuffled")] == [85, 75]
    assert msr["GRU"] < msr["with velocities"]
    assert msr["shuffled"] > msr["GRU"]
    assert round(ut["in thirds"]) == 92
    for key in ("GRU", "both directions", "attention"):
        spread = 100 * people["utkinect"]["accuracy"][key]["spread"]
        assert ut[key] - max(ut["with velocities"], ut["in thirds"]) < spread
    early = people["msr"]["early"]
    assert early["0.5"]["mean"] / early["1.0"]["mean"] == pytest.approx(2 / 3, abs=0.03)
    leak = {key: 100 * found["mean"] for key, found in people["msr"]["at random"].items()}
    assert round(leak["with velocities"] - msr["with velocities"]) == 10
    assert round(leak["GRU"] - msr["GRU"]) == 16
    assert leak["GRU"] > leak["with velocities"]


def test_text_about_two_digits():
    """The network is as good as the mixture, and copying is worse than the mean."""
    record = data.recorded("real_next_frame")
    error = {key: [record[key]["next"]["mean"], *(a["mean"] for a in record[key]["ahead"])]
             for key in ("mean", "copy", "moved in parts", "mixed", "ConvLSTM")}  # fmt: skip
    for step in (0, 2, 5):
        assert error["copy"][step] > error["mean"][step]
        assert error["ConvLSTM"][step] == pytest.approx(error["mixed"][step], rel=0.1)
    assert error["mixed"][0] < error["moved in parts"][0] < error["copy"][0]
