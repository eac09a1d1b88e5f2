"""Captioning: the chapter's hand calculations, and what it says of grids, bags and scores."""

import math

import numpy as np
import pytest

from rnncourse import data, metrics
from rnncourse.data import scenes
from rnncourse.data.scenes import Thing
from rnncourse.nn import captioning, conv
from rnncourse.nn.decoder import Design

EDGE = np.array([[-1.0, 0, 1]] * 3)


@pytest.mark.parametrize(("columns", "says"), [((0, 0, 1), 3), ((1, 1, 1), 0), ((1, 0, 0), -3)])
def test_a_filter_by_hand(columns, says):
    patch = np.array([columns] * 3, float)
    assert (patch * EDGE).sum() == says
    y, _ = conv.conv2d_forward(
        patch[None, :, :, None], {"W": EDGE[:, :, None, None], "b": np.zeros(1)}, "valid"
    )
    assert y.ravel().tolist() == [says]


def test_pooling_keeps_the_largest_of_four():
    window = np.array([[3.0, 0], [1, 0]])[None, :, :, None]
    assert conv.max_pool2d_forward(window)[0].ravel().tolist() == [3]


def test_a_mean_of_keys_can_know_by_hand():
    """Weights 1 for red, 0 for blue, 1 for the column."""
    red_left = [math.tanh(1 - 1), math.tanh(0 + 1)]
    red_right = [math.tanh(1 + 1), math.tanh(0 - 1)]
    assert [round(x, 2) for x in red_left + red_right] == [0, 0.76, 0.96, -0.76]
    assert round(sum(red_left) / 2, 2) == 0.38
    assert round(sum(red_right) / 2, 2) == 0.10
    # Without tanh the means are equal.
    assert (1 - 1) + (0 + 1) == (1 + 1) + (0 - 1)


def test_two_layers_leave_a_place_for_each_cell():
    design = captioning.CaptionDesign(Design(), False, (2, 3))
    params = captioning.captioner_init(np.random.default_rng(0), design, 3, 9, 4, 8)
    for layer in params["eyes"]:
        layer["b"] += 0.1  # as after training
    alone = [[Thing("circle", "red", "large", *divmod(g, 4))] for g in range(16)]
    keys, cache = captioning.eyes_forward(design, scenes.pictures(alone).astype(np.float64), params)
    assert cache.shape == (16, 4, 4, 32)
    own = keys[range(16), range(16)]
    inner = own[[5, 6, 9, 10]]
    assert np.allclose(inner, inner[0], atol=1e-12)
    # The zeros around the first layer's output tell a place at the edge.
    assert min(abs(own[g] - inner[0]).max() for g in (0, 1, 3, 4, 12, 15)) > 1e-4


def test_cider_by_hand():
    """ "red" stands everywhere and weighs nothing; what is left is right or wrong."""
    references = [[["red", "circle"]], [["red", "square"]]]
    wrong = metrics.cider(references, [["red", "square"], ["red", "square"]], order=1)
    assert wrong.texts.tolist() == [0, 10]
    assert metrics.bleu(references[:1], [["red", "square"]], order=1).score == 0.5


def test_the_page_names_the_spread_of_lengths_that_is_used():
    """72 is twice the square of sigma = 6."""
    y, r = list("abcdefgh"), list("abcdef")
    others = [["x", "y"]]
    longer = metrics.cider([[r], others], [y, ["x", "y"]], order=1).texts[0]
    cosine = 6 / math.sqrt(8 * 6)
    assert longer == pytest.approx(10 * math.exp(-4 / 72) * cosine)


def test_recorded_photographs():
    """What the page says of them in words."""
    recorded = data.recorded("real_captioning")
    blind, mean, grid = (recorded["networks"][name]["rows"] for name in
                         ("nothing", "pooled", "grid"))  # fmt: skip

    def score(row, name):
        return row["four"][name]["mean"]

    assert blind["beam"]["distinct"]["mean"] == 1
    for rows in (mean, grid):
        assert 0.55 < score(blind["beam"], "bleu") / score(rows["beam"], "bleu") < 0.85
        assert 0.33 < score(blind["beam"], "cider") / score(rows["beam"], "cider") < 0.47
        for name in ("bleu", "cider"):
            assert score(rows["another's picture"], name) < score(blind["beam"], name)
    person = recorded["simple"]["human"]["four"]
    assert person["cider"] > 2 * max(score(mean["beam"], "cider"), score(grid["beam"], "cider"))
