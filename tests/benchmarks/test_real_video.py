"""The runs of the chapter on video: skeletons, the next frame, the network of the page."""

import sys

import numpy as np
import pytest
import torch
from scripts import load

from rnncourse import data
from rnncourse.data import films
from rnncourse.widgets import watcher


@pytest.fixture(scope="module")
def video():
    return load("real/video.py")


@pytest.fixture(scope="module")
def skeletons(video):
    return sys.modules["_skeletons"]


@pytest.fixture(scope="module")
def ahead():
    return load("real/next_frame.py")


@pytest.fixture(scope="module")
def live():
    return load("real/live_films.py")


# --- skeletons -----------------------------------------------------------------------------


def standing(skeletons, angle=0.0, size=1.0, where=(1.0, 2.0, 3.0), T=4):
    """A body (T, 20, 3) in the order of UTKinect, turned about the vertical; it walks along x."""
    body = skeletons.BODIES["utkinect"]
    rng = np.random.default_rng(2)
    joints = 0.3 * rng.standard_normal((20, 3))
    joints[body.hip], joints[body.neck] = (0, 0, 0), (0, 0.5, 0)
    joints[body.left], joints[body.right] = (0.2, 0.4, 0), (-0.2, 0.4, 0)
    steps = np.arange(T)[:, None, None] * np.array([0.1, 0, 0])
    film = size * (joints + steps)
    c, s = np.cos(angle), np.sin(angle)
    return film @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) + where


def test_body_is_the_same_wherever_it_stands_however_tall_and_turned(skeletons):
    body, seen = skeletons.BODIES["utkinect"], np.ones(4, bool)
    plain = skeletons.normalised(standing(skeletons), seen, body)
    for angle, size, where in ((0.7, 1.0, (0, 0, 0)), (-2.0, 1.8, (3, 1, 2))):
        other = skeletons.normalised(standing(skeletons, angle, size, where), seen, body)
        np.testing.assert_allclose(other, plain, atol=1e-12)
    joints = plain.reshape(4, 20, 3)
    np.testing.assert_allclose(joints[:, 19, 0], [0, 0.2, 0.4, 0.6])  # trunks from where it began
    np.testing.assert_allclose(joints[:, body.neck - 1], np.tile([0, 1, 0], (4, 1)), atol=1e-12)
    across = joints[:, body.left - 1] - joints[:, body.right - 1]
    np.testing.assert_allclose(across, np.tile([0.8, 0, 0], (4, 1)), atol=1e-12)


@pytest.mark.parametrize("how", ["metres", "centred", "turned"])
def test_lost_frames_are_read_by_nobody(skeletons, how):
    """Whatever stands in them changes nothing in the others."""
    body, seen = skeletons.BODIES["utkinect"], np.array([False, True, False, True])
    film = standing(skeletons)
    broken = np.where(seen[:, None, None], film, 7e6)
    found = skeletons.normalised(broken, seen, body, how)
    assert not found[~seen].any()
    zeros = np.where(seen[:, None, None], film, 0.0)
    np.testing.assert_array_equal(found, skeletons.normalised(zeros, seen, body, how))
    assert found.shape == (4, 60)


def test_another_way_is_refused(skeletons):
    with pytest.raises(ValueError, match="how is 'sideways'"):
        skeletons.normalised(np.ones((1, 20, 3)), np.ones(1, bool),
                             skeletons.BODIES["msr"], "sideways")  # fmt: skip


def test_velocities_by_hand(skeletons):
    xs, times = np.array([[0.0], [2.0], [8.0]]), np.array([0, 1, 4])
    assert skeletons.velocities(xs, times).ravel().tolist() == [2, 2, 2]
    assert skeletons.velocities(xs[:1], times[:1]).tolist() == [[0]]
    two = skeletons.moving(xs, times)
    assert two[:4].tolist() == pytest.approx([10 / 3, np.std([0, 2, 8]), 8, 0])
    assert two[4:].tolist() == [2, 0, 2, 2, 2]


def test_thirds_tell_an_order_and_statistics_do_not(skeletons):
    xs = np.array([[0.0], [0], [1], [1], [0], [0]])
    other, times = np.roll(xs, 2, axis=0), np.arange(6)
    same = [skeletons.statistics(one) for one in (xs, other)]
    apart = [skeletons.in_thirds(one, times) for one in (xs, other)]
    np.testing.assert_array_equal(*same)
    assert np.abs(apart[0] - apart[1]).max() > 0.1


@pytest.fixture
def made(video, skeletons, monkeypatch):
    """Ten people who do two things twice; the second is the first backwards."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(1, 11), 4)
    labels = np.tile([0, 1], 20)
    rise = np.linspace(0, 1, 12)[:, None, None]
    some = [(rise[::-1] if label else rise) * np.ones((1, 20, 3)) + person
            + 0.05 * rng.standard_normal((12, 20, 3))
            for label, person in zip(labels, who, strict=True)]  # fmt: skip
    actions = skeletons.Actions(some, [np.arange(12) != 4] * 40, labels, who)
    skeletons.positions.cache_clear()
    for cached in (video.films, video.features):
        cached.cache_clear()
    monkeypatch.setattr(skeletons, "load", lambda name: actions)
    yield actions
    skeletons.positions.cache_clear()
    for cached in (video.films, video.features):
        cached.cache_clear()


@pytest.mark.parametrize("name", ["msr", "utkinect"])
def test_nobody_is_on_both_sides(video, made, name):
    for number in range(3):
        train, test = video.halves(name, number)
        assert sorted(train + test) == list(range(1, 11))
        split = video.by_person(name, train, test)
        assert set(made.persons[split.train]) == set(train)
        assert set(made.persons[split.test]) == set(test)
        for fold in video.folds(name, train):
            inside = set(made.persons[fold.train]), set(made.persons[fold.test])
            assert not inside[0] & inside[1]
            assert inside[0] | inside[1] == set(train)
    mixed = video.at_random(name, 0)
    assert len(mixed.train) == len(split.train)
    assert set(made.persons[mixed.train]) & set(made.persons[mixed.test])


def test_what_a_network_reads(video, made):
    """Lost frames are left out; shuffled ones are the same frames, with velocities of their own."""
    rows = np.array([0, 3])
    xs, mask = video.inputs("utkinect", "centred", rows)
    assert (xs.shape, mask.sum(axis=1).tolist()) == ((2, 11, 120), [11, 11])
    mixed, _ = video.inputs("utkinect", "centred", rows, np.random.default_rng(1))
    np.testing.assert_allclose(np.sort(xs[..., :60], axis=1), np.sort(mixed[..., :60], axis=1))
    assert np.abs(xs[..., 60:].mean(axis=1) - mixed[..., 60:].mean(axis=1)).max() > 0.01
    short, mask = video.inputs("utkinect", "centred", rows, share=0.3)
    assert mask.shape == (2, 3)
    np.testing.assert_array_equal(short[:, :, :60], xs[:, :3, :60])


def test_frames_under_the_mask_change_nothing(video):
    for kind in video.KINDS:
        _mask_changes_nothing(video, kind)


def _mask_changes_nothing(video, kind):
    torch.manual_seed(0)
    model = video.Watcher(kind, 3, 2, 0.5).eval()
    xs = torch.randn(2, 5, 3)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    with torch.no_grad():
        full = model(torch.where(mask[..., None], xs, 9.0), mask)
        alone = model(xs[1:, :3], mask[1:, :3])
    assert torch.allclose(full[1:], alone, atol=1e-6)


def test_a_network_tells_what_only_the_order_tells(video, made, monkeypatch):
    monkeypatch.setattr(video, "EPOCHS", 25)
    split = video.by_person("msr", *video.halves("msr", 0))
    good = video.trained("msr", "GRU", "centred", 0.1, split, 0, early=True)
    assert good["accuracy"] == 1
    assert len(good["early"]) == len(video.SHARES)
    assert good["early"][-1] == 1
    assert good["mistakes"] == []


def test_record_of_skeletons_is_whole():
    record = data.recorded("real_video")
    assert (record["msr"]["train"], record["msr"]["test"]) == (284, 273)
    assert record["msr"]["classes"] == 20
    for name in ("msr", "utkinect"):
        rows = record[name]["accuracy"]
        assert rows["majority"]["mean"] < 0.15 < rows["mean"]["mean"]
        assert len(rows["GRU"]["values"]) >= 3


# --- the next frame ------------------------------------------------------------------------------


def test_shifts_by_hand(ahead):
    frame = np.zeros((1, 16, 16))
    frame[0, 0, 3], frame[0, 15, 15] = 1, 2
    down = ahead.shifted(frame, (2, -1))
    assert down[0, 2, 2] == 1
    assert down.sum() == 1  # what leaves doesn't come back
    np.testing.assert_array_equal(ahead.shifted(frame, (0, 0)), frame)
    up = ahead.shifted(frame, (-1, 0))
    assert up[0, 14, 15] == 2
    assert up.sum() == 2


def two_things(t):
    """One goes right by one, one goes down by two, far apart; (1, 16, 16)."""
    frame = np.zeros((1, 16, 16))
    frame[0, 2:5, 1 + t : 4 + t] = [[0.2, 0.9, 0.4], [0.7, 0.1, 1], [0.5, 0.8, 0.3]]
    frame[0, 5 + 2 * t : 8 + 2 * t, 11:14] = [[1, 0.3, 0.6], [0.2, 0.8, 0.9], [0.7, 0.4, 0.1]]
    return frame


def test_motion_in_parts_follows_two_things(ahead):
    before, last, coming = (two_things(t) for t in range(3))
    found = {name: ahead.error(way(before, last), coming) for name, way in ahead.SIMPLE.items()
             if name != "mean"}  # fmt: skip
    assert found["moved in parts"] < 0.3 * min(found["copy"], found["moved"])
    alone = [np.where(np.arange(16) < 8, frame, 0) for frame in (before, last, coming)]
    assert ahead.error(ahead.moved(*alone[:2]), alone[2]) == 0


def test_network_reads_only_the_past(ahead):
    """What comes changes no prediction of what came before."""
    torch.manual_seed(0)
    model, frames = ahead.Predictor(), torch.rand(2, 4, 1, 16, 16)
    other = frames.clone()
    other[:, 2:] = 1 - other[:, 2:]

    def first_two(some):
        state, found = model.start(2), []
        for t in range(4):
            scores, state = model(some[:, t], state)
            found.append(scores)
        return torch.stack(found[:2])

    with torch.no_grad():
        assert torch.equal(first_two(frames), first_two(other))


def test_network_is_the_package_layer(ahead):
    from rnncourse.nn import conv_lstm

    torch.manual_seed(1)
    model, frames = ahead.Predictor().double(), torch.rand(2, 3, 16, 16).double()
    weight = model.gates.weight.detach().permute(2, 3, 1, 0).numpy()
    params = {"W_x": weight[:, :, :1], "W_h": weight[:, :, 1:],
              "b": model.gates.bias.detach().numpy()}  # fmt: skip
    hs, _, _ = conv_lstm.conv_lstm_forward(frames[..., None].numpy(), None, params)
    state = tuple(one.double() for one in model.start(2))
    with torch.no_grad():
        for t in range(3):
            _, state = model(frames[:, t, None], state)
            np.testing.assert_allclose(state[0].permute(0, 2, 3, 1), hs[:, t], atol=1e-12)


def test_record_of_the_next_frame_is_whole():
    record = data.recorded("real_next_frame")
    for name in ("mean", "copy", "moved", "moved in parts", "mixed", "ConvLSTM"):
        assert len(record[name]["ahead"]) == 5
    assert record["mixed"]["next"]["mean"] < record["moved in parts"]["next"]["mean"]
    assert len(record["ConvLSTM"]["next"]["values"]) == 3


# --- the network of the page ----------------------------------------------------------------


def test_films_of_training(live):
    """A step is one of its label, of none, or a longer one; frames that are left out add up."""
    states, labels = live.walked(np.random.default_rng(0), 300, 6)
    assert (states.shape, labels.shape) == ((300, 6, 3), (300, 6))
    steady = (labels[:, 1:] == labels[:, :-1]) & (labels[:, 1:] < live.TURNS)
    moved = np.diff(states, axis=1)
    axis = np.abs(live.STEPS[labels[:, 1:]]).astype(bool)
    # Where a motion goes on, others change only if it came back between two frames that are left.
    assert np.abs(moved[steady][~axis[steady]]).mean() < 0.05
    still = labels[:, 1:] == films.CLASSES.index("still")
    assert np.abs(moved[still & (labels[:, :-1] == labels[:, 1:])]).max() <= 2
    assert set(labels.ravel()) == set(range(7))


def test_trained_and_shown_networks_are_one(live):
    torch.manual_seed(0)
    model, (some, _) = live.Net(), films.films(np.random.default_rng(0), 2, 5)
    network = live.packed(model)
    with torch.no_grad():
        wanted = model(torch.tensor(some)).softmax(dim=2).numpy()
    found = [watcher.Watcher(network).watch(one) for one in some]
    np.testing.assert_allclose(found, wanted, atol=2e-3)  # eight bits


def test_of_a_film_backwards_the_opposite_is_true(live):
    names = {films.CLASSES[k]: films.CLASSES[live.truth_of("backwards", k)] for k in range(7)}
    assert names["clockwise"] == "anticlockwise"
    assert names["still"] == "still"
    assert live.truth_of("gaps", 3) == 3
    assert live.best()["shuffled"] == pytest.approx(4 / 7)
