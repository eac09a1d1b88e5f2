"""Films: each state drawn by hand, and the two exact arguments by counting every film there is."""

import itertools
from collections import Counter

import numpy as np
import pytest

from rnncourse.data import films as made
from rnncourse.data.films import CLASSES, MOVING, OPPOSITE, STEPS

STATES = list(itertools.product(range(16), range(16), range(4)))


def every(motion, T, speed=1):
    """All films of one thing and class, one from each state, (1024, T, 16, 16)."""
    walked = np.array(STATES)[:, None] + speed * np.arange(T)[:, None] * np.array(STEPS[motion])
    return made.show_states(np.repeat(made.shapes()["key"][None], len(STATES), axis=0), walked)


def test_a_step_by_hand():
    """A thing of one bright pixel in its upper right corner, that wraps around the edge."""
    picture = np.zeros((8, 8), np.float32)
    picture[0, 7] = 1
    where = {m: [tuple(int(i) for i in np.argwhere(f)[0])
                 for f in made.film(picture, m, 3, (15, 7, 0))] for m in CLASSES}  # fmt: skip
    assert where["right"] == [(15, 14), (15, 15), (15, 0)]
    assert where["left"] == [(15, 14), (15, 13), (15, 12)]
    assert where["down"] == [(15, 14), (0, 14), (1, 14)]
    assert where["up"] == [(15, 14), (14, 14), (13, 14)]
    assert where["clockwise"] == [(15, 14), (6, 14), (6, 7)]  # corners: upper, lower right …
    assert where["anticlockwise"] == [(15, 14), (15, 7), (6, 7)]  # … and upper left
    assert where["still"] == [(15, 14)] * 3
    fast = made.film(picture, "right", 2, (0, 0, 0), speed=3)
    assert [np.argwhere(f)[0].tolist() for f in fast] == [[0, 7], [0, 10]]


def test_pictures_of_things():
    shapes = made.shapes()
    assert len(shapes) == 8
    for picture in shapes.values():
        assert picture.shape == (8, 8)
        assert set(np.unique(picture)) == {0, 1}
    turned = {np.rot90(p, k).tobytes() for p in shapes.values() for k in range(4)}
    assert len(turned) == 32  # no thing's turn is a thing, or itself
    train, test = made.things(part="train"), made.things(part="test")
    assert (len(train), len(test), train.dtype) == (1438, 359, np.float32)
    assert train.min() == 0
    assert train.max() == 1
    assert not {p.tobytes() for p in train} & {p.tobytes() for p in test}
    shapes["F"][:] = 5  # a copy: nobody can spoil another's films
    assert made.shapes()["F"].max() == 1


@pytest.mark.parametrize("speed", [1, 3])
def test_one_frame_is_alike_in_all_classes(speed):
    """Each of the 1,024 frames comes exactly once, at every time, in every class."""
    for motion in CLASSES:
        frames = every(motion, 3, speed)
        for t in range(3):
            assert len({frame.tobytes() for frame in frames[:, t]}) == 1024


def bags(films):
    return Counter(tuple(sorted(frame.tobytes() for frame in film)) for film in films)


def test_a_bag_tells_pairs_and_no_more():
    found = {motion: bags(every(motion, 3)) for motion in CLASSES}
    for motion in MOVING:
        assert found[motion] == found[OPPOSITE[motion]]
    pairs = [found[motion] for motion in ("right", "up", "clockwise", "still")]
    for a, b in itertools.combinations(pairs, 2):
        assert not a & b
    best = sum((Counter({bag: max(f[bag] for f in found.values())}) for bag in
                set().union(*found.values())), Counter())  # fmt: skip
    for classes in (MOVING, CLASSES):
        sums = sum(max(found[m][bag] for m in classes) for bag in best)
        assert sums / (1024 * len(classes)) == pytest.approx(made.bag_bound(classes))
    assert made.bag_bound() == 1 / 2
    assert made.bag_bound(CLASSES) == 4 / 7
    assert made.bag_bound(["right", "up"]) == 1


def test_backwards_is_the_opposite_class():
    for motion in CLASSES:
        back = {film[::-1].tobytes() for film in every(motion, 4)}
        assert back == {film.tobytes() for film in every(OPPOSITE[motion], 4)}


def test_half_turns_have_no_direction():
    """Every second frame of both turning classes is the same film, as with a wagon's wheel."""
    assert (every("clockwise", 4, 2) == every("anticlockwise", 4, 2)).all()
    assert not (every("right", 4, 2) == every("left", 4, 2)).all()


def test_films_are_what_they_say():
    frames, labels = made.films(np.random.default_rng(3), 300, 5, classes=CLASSES)
    assert frames.shape == (300, 5, 16, 16)
    assert frames.dtype == np.float32
    assert set(labels) == set(range(7))
    for film, label in zip(frames, labels, strict=True):
        row, column, turn = STEPS[CLASSES[label]]
        if not turn:
            assert (np.roll(film[0], (3 * row, 3 * column), (0, 1)) == film[3]).all()
        else:
            assert film[0].tobytes() == film[4].tobytes()
            assert np.sort(film[0].ravel()).tobytes() == np.sort(film[1].ravel()).tobytes()
    noisy, same = made.films(np.random.default_rng(3), 300, 5, classes=CLASSES, noise=0.5)
    assert (same == labels).all()
    assert np.std(noisy - frames) == pytest.approx(0.5, rel=0.02)
    some, labels = made.films(np.random.default_rng(0), 40, 1, kind="shapes", classes=["up"])
    assert set(labels) == {2}
    assert set(np.unique(some)) == {0, 1}


def test_uniform_draws():
    """Rows, columns, turns and classes: no count is five standard deviations off."""
    _, labels = made.films(np.random.default_rng(5), 60_000, 1, kind="shapes")
    assert np.abs(np.bincount(labels) - 10_000).max() < 5 * np.sqrt(10_000)
    frames, _ = made.films(np.random.default_rng(6), 60_000, 2, kind="shapes", classes=["left"])
    mean = frames[:, 1].mean(axis=0)  # of any pixel: how much of the board a thing covers
    assert np.abs(mean - frames.mean()).max() < 5 * 0.5 / np.sqrt(60_000)


def test_bouncing_by_hand():
    """0..8 there and back: one pixel beyond a wall is one pixel before it."""
    assert made._fold(np.arange(-2, 20), 8).tolist() == [
        2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3]  # fmt: skip
    frames = made.bouncing(np.random.default_rng(0), 40, 12, size=19, things_each=1)
    assert frames.shape == (40, 12, 19, 19)
    assert frames.dtype == np.float32
    sums = frames.sum(axis=(2, 3))  # nothing is lost at a wall
    assert np.allclose(sums, sums[:, :1], rtol=1e-5)
    moved = (frames[:, 1:] != frames[:, :-1]).any(axis=(2, 3))
    assert moved.any(axis=1).all()
    two = made.bouncing(np.random.default_rng(0), 9, 4)
    assert two.shape == (9, 4, 16, 16)
    assert two.max() <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [({"N": 0}, "N is 0"), ({"T": 0}, "T is 0"), ({"kind": "cats"}, "kind is 'cats'"),
     ({"part": "all"}, "part is 'all'"), ({"classes": []}, r"motion is \[\]"),
     ({"classes": "up"}, "motion is 'up'"), ({"classes": ["north"]}, "north"),
     ({"speed": 8}, "speed is 8"), ({"speed": 0}, "speed is 0"), ({"noise": -1}, "noise is -1")],
)  # fmt: skip
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        made.films(rng=np.random.default_rng(), **{"N": 3, "T": 2} | change)


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match=r"pictures have shape \(2, 7, 8\)"):
        made.show_states(np.zeros((2, 7, 8)), np.zeros((2, 3, 3), int))
    with pytest.raises(ValueError, match=r"states have shape \(2, 3\)"):
        made.show_states(np.zeros((2, 8, 8)), np.zeros((2, 3), int))
    with pytest.raises(ValueError, match="size is 8"):
        made.bouncing(np.random.default_rng(), 1, 1, size=8)
