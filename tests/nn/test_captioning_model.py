"""The captioner: gradients, padding, stepping against all steps at once, what a bag cannot know."""

import numpy as np
import pytest

from rnncourse.nlp import decoding
from rnncourse.nn import captioning, optim
from rnncourse.nn.captioning import CaptionDesign, Captions
from rnncourse.nn.decoder import Design
from rnncourse.nn.gradcheck import check_gradient, relative_error

START, END, V = 1, 2, 7
MASK = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 0]])
KINDS = [("gru", "luong", True), ("lstm", "luong", False), ("gru", "state", True),
         ("rnn", "bahdanau", True), ("lstm", "context", True)]  # fmt: skip


def make(cell, decoder, places, pools=(2, 2), filters=(4, 5), dtype=np.float64):
    """Random params and pictures of 9 × 13, which pooling does not fill; nonsense where masked."""
    rng = np.random.default_rng(3)
    design = CaptionDesign(Design(cell, decoder, "additive", START, END), places, pools)
    params = captioning.captioner_init(rng, design, 2, V, 3, 4, filters, dtype)
    for name, p in optim.leaves(params).items():  # small, so that no tanh is nearly flat
        p[...] = (0.3 if name[:4] in ("eyes", "keys") else 0.8) * rng.standard_normal(p.shape)
    target = np.array([[3, 6, 4, END], [END, 99, -1, 5], [5, 5, END, -8]])
    pictures = rng.standard_normal((3, 9, 13, 2)).astype(dtype)
    return design, params, Captions(pictures, target, MASK)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    design, params, batch = make(*kind)
    up = np.where(MASK[..., None], np.random.default_rng(4).standard_normal((3, 4, V)), 0)

    def backward(one):
        _, cache = captioning.captioner_forward(design, batch, params)
        return optim.leaves(captioning.captioner_backward(one * up, cache, params))

    check_gradient(
        lambda: np.array((captioning.captioner_forward(design, batch, params)[0] * up).sum()),
        backward, optim.leaves(params), np.random.default_rng(5), 1e-5, directions=3,
    )  # fmt: skip


def test_gradients_of_the_eyes():
    design, params, batch = make("gru", "luong", True)
    eyes = {"eyes": params["eyes"], "keys": params["keys"]}

    def backward(dkeys):
        _, cache = captioning.eyes_forward(design, batch.pictures, params)
        return optim.leaves(captioning.eyes_backward(dkeys, cache, params))

    check_gradient(lambda: captioning.eyes_forward(design, batch.pictures, params)[0], backward,
                   optim.leaves(eyes), np.random.default_rng(0), 1e-6)  # fmt: skip


def test_padding_counts_for_nothing():
    design, params, batch = make("gru", "luong", True)
    loss, grads = captioning.loss_and_gradients(design, batch, params)
    other = batch._replace(target=np.where(MASK, batch.target, 5))
    again, gradients = captioning.loss_and_gradients(design, other, params)
    assert loss == again
    for name, g in optim.leaves(grads).items():
        assert np.array_equal(g, optim.leaves(gradients)[name])
    alone = batch.take([1])
    assert alone.target.tolist() == [[END]]
    assert alone.pictures.shape == (1, 9, 13, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_stepping_is_forward(kind):
    design, params, batch = make(*kind)
    full = batch._replace(target=np.array([[3, 6, 4, END]] * 3), target_mask=np.ones((3, 4), int))
    logits, cache = captioning.captioner_forward(design, full, params)
    step, state = captioning.stepper(design, batch.pictures, params)
    for u, tokens in enumerate([[START] * 3, [3] * 3, [6] * 3, [4] * 3]):
        scores, state = step(tokens, state)
        assert relative_error(scores, logits[:, u]) < 1e-12
        if design.decoder.attends:
            assert relative_error(state.weights, cache.weights[:, u]) < 1e-12
            assert state.weights.shape == (3, 6)  # 9 × 13 → 4 × 6 → 2 × 3 places


def test_beam_of_one_is_greedy():
    design, params, batch = make("lstm", "luong", True)
    step, state = captioning.stepper(design, batch.pictures[:1], params)
    (greedy,) = decoding.decode(step, state, [START], END, 6)
    beam = decoding.beam_search(step, state, START, END, 6, 1)[0]
    assert greedy.tokens.tolist() == beam.tokens.tolist()
    assert greedy.log_prob == pytest.approx(beam.log_prob, 1e-12)


@pytest.mark.parametrize("decoder", ["state", "luong"])
def test_without_places_the_grid_is_a_bag(decoder):
    """Features that change places change no score; with places they do."""
    for places in (False, True):
        design, params, batch = make("gru", decoder, places, (), ())
        turned = batch._replace(pictures=batch.pictures[:, ::-1, ::-1].copy())
        found, other = (
            captioning.captioner_forward(design, b, params)[0][:, :1] for b in (batch, turned)
        )
        assert (relative_error(found, other) < 1e-12) == (not places)


def test_by_hand():
    """One place, one filter that copies, keys of width 1."""
    design = CaptionDesign(Design("gru", "luong", "dot", START, END), True, (2,))
    params = captioning.captioner_init(np.random.default_rng(0), design, 1, 4, 2, 1, (1,))
    params["eyes"][0]["W"][...] = 0
    params["eyes"][0]["W"][1, 1] = 2
    params["eyes"][0]["b"][...] = -1
    params["keys"]["W_y"][...] = [[0.5], [10], [0]]
    picture = np.array([[0.25, 1.0], [0, 0.75]])[None, :, :, None]
    keys, cache = captioning.eyes_forward(design, picture, params)
    assert keys.tolist() == [[[np.tanh(0.5)]]]  # max(0, 2 · 1 - 1) = 1, row and column are 0
    assert cache.seen.tolist() == [[[1, 0, 0]]]
    assert captioning.places(2, 3).tolist() == [[-1, -1], [-1, 0], [-1, 1], [1, -1], [1, 0], [1, 1]]


def test_float32_stays():
    design, params, batch = make("gru", "luong", True, dtype=np.float32)
    _, grads = captioning.loss_and_gradients(design, batch, params)
    assert {g.dtype for g in optim.leaves(grads).values()} == {np.dtype(np.float32)}


def test_bad_input_is_named():
    design, params, batch = make("gru", "luong", True)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="filters has 1 layers and the design's pools 2"):
        captioning.captioner_init(rng, design, 2, V, 3, 4, (4,))
    with pytest.raises(ValueError, match="start and end are tokens 1 and 2"):
        captioning.captioner_init(rng, design, 2, 2, 3, 4)
    with pytest.raises(TypeError, match="pictures is int64"):
        captioning.stepper(design, np.ones((1, 9, 13, 2), np.int64), params)
    with pytest.raises(ValueError, match=r"pictures has shape \(9, 13, 2\)"):
        captioning.eyes_forward(design, batch.pictures[0], params)
    with pytest.raises(ValueError, match="2 pictures and 3 targets"):
        captioning.captioner_forward(design, batch._replace(pictures=batch.pictures[:2]), params)
    for target, mask in (([[3, 4]], [[1, 1]]), ([[END, END]], [[1, 1]]), ([[3, END]], [[0, 0]])):
        wrong = Captions(batch.pictures[:1], np.array(target), np.array(mask))
        with pytest.raises(ValueError, match="target row 0"):
            captioning.captioner_forward(design, wrong, params)
    with pytest.raises(ValueError, match="0 before a 1"):
        captioning.captioner_forward(
            design, Captions(batch.pictures[:1], np.array([[3, 2]]), np.array([[0, 1]])), params
        )
