"""Films of one thing that moves or turns, made so that a single frame says nothing about the class.

The board is a torus of 16 × 16 pixels: what leaves at one edge comes in at the other. A thing's
state is its row, its column and its quarter turn, 16 · 16 · 4 in all. Each class is a step of that
state, the same at every frame, and a step maps the states one to one. So where the first state is
uniform, every later one is, in every class: **one frame has the same distribution in all classes.**
And a film backwards is a film of the opposite class, with the same frames and again a uniform
first state: **the bag of frames has the same distribution in both classes of a pair.** Its best
accuracy is therefore a half among moving things, see :func:`bag_bound`. Noise drawn anew for each
frame changes neither.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse._types import Array

BOARD, THING = 16, 8  # pixels along an edge

# One step of (row, column, quarter turns clockwise), by class. The last row is the top one's
# neighbour; up is towards row 0.
STEPS: dict[str, tuple[int, int, int]] = {
    "right": (0, 1, 0),
    "left": (0, -1, 0),
    "up": (-1, 0, 0),
    "down": (1, 0, 0),
    "clockwise": (0, 0, 1),
    "anticlockwise": (0, 0, -1),
    "still": (0, 0, 0),
}
CLASSES = tuple(STEPS)  # a label is a place in this list
MOVING = CLASSES[:-1]
NAMES = {
    "en": CLASSES,
    "zh": ("向右", "向左", "向上", "向下", "顺时针", "逆时针", "不动"),
}
OPPOSITE = {
    "right": "left",
    "left": "right",
    "up": "down",
    "down": "up",
    "clockwise": "anticlockwise",
    "anticlockwise": "clockwise",
    "still": "still",
}

# None looks like itself after a quarter turn or a half one.
_DRAWN = {
    "F": ".######. .######. .##..... .#####.. .#####.. .##..... .##..... .##.....",
    "L": ".##..... .##..... .##..... .##..... .##..... .##..... .######. .######.",
    "P": ".#####.. .######. .##..##. .##..##. .######. .#####.. .##..... .##.....",
    "arrow": "...##... ..####.. .######. ######## ...##... ...##... ...##... ...##...",
    "flag": "##...... #####... ######## ######## #####... ##...... ##...... ##......",
    "key": ".####... ##..##.. ##..##.. .####... ..##.... ..####.. ..##.... ..####..",
    "chair": ".##..... .##..... .##..... .######. .######. .##..##. .##..##. .##..##.",
    "heart": ".##..##. ######## ######## ######## .######. ..####.. ...##... ........",
}


@cache
def _shapes() -> dict[str, Array]:
    rows = {name: drawn.split() for name, drawn in _DRAWN.items()}
    return {name: np.array([[sign == "#" for sign in row] for row in drawn], np.float32)
            for name, drawn in rows.items()}  # fmt: skip


def shapes() -> dict[str, Array]:
    """The drawn things by name, (8, 8) float32 each, of 0 and 1."""
    return {name: picture.copy() for name, picture in _shapes().items()}


@cache
def _digits(part: str) -> Array:
    from sklearn.datasets import load_digits

    pictures = load_digits().images.astype(np.float32) / 16
    test = np.arange(len(pictures)) % 5 == 4
    return pictures[test if part == "test" else ~test]


def things(kind: str = "digits", part: str = "train") -> Array:
    """Pictures that films are made of, (K, 8, 8) float32 in 0..1.

    Args:
        kind: "digits", the handwritten ones of scikit-learn, 1,438 for training and 359 for the
            test; or "shapes", the eight of :func:`shapes`, the same in both parts.
        part: "train" or "test". No digit's picture is in both.

    Raises ValueError for another kind or part.
    """
    if kind not in ("digits", "shapes"):
        raise ValueError(f"kind is {kind!r}; expected 'digits' or 'shapes'")
    if part not in ("train", "test"):
        raise ValueError(f"part is {part!r}; expected 'train' or 'test'")
    return np.stack(list(_shapes().values())) if kind == "shapes" else _digits(part).copy()


def show_states(pictures: Array, states: Array) -> Array:
    """Draw things on the board.

    Args:
        pictures: (N, 8, 8), a thing a film.
        states: (N, T, 3) whole numbers: row and column of the thing's upper left corner and its
            quarter turns clockwise, modulo 16, 16 and 4.

    Returns frames (N, T, 16, 16) in the pictures' dtype; 0 where the thing is not.
    Raises ValueError for other shapes.
    """
    if pictures.shape[1:] != (THING, THING):
        raise ValueError(f"pictures have shape {pictures.shape}; expected (N, {THING}, {THING})")
    if states.ndim != 3 or states.shape[2] != 3 or len(states) != len(pictures):
        raise ValueError(f"states have shape {states.shape}; expected ({len(pictures)}, T, 3)")
    N, T, _ = states.shape
    turned = np.stack([np.rot90(pictures, -k, axes=(1, 2)) for k in range(4)], axis=1)
    rows = (states[..., 0, None] + np.arange(THING)) % BOARD  # (N, T, 8)
    columns = (states[..., 1, None] + np.arange(THING)) % BOARD
    frames = np.zeros((N, T, BOARD, BOARD), pictures.dtype)
    n, t = np.arange(N)[:, None, None, None], np.arange(T)[:, None, None]
    frames[n, t, rows[..., :, None], columns[..., None, :]] = turned[
        np.arange(N)[:, None], states[..., 2] % 4
    ]
    return frames


def film(
    picture: Array, motion: str, T: int, state: Sequence[int] = (4, 4, 0), speed: int = 1
) -> Array:
    """T frames of one thing from a given state on, (T, 16, 16).

    Args:
        picture: (8, 8).
        motion: one of ``CLASSES``.
        state: row, column and quarter turns clockwise in the first frame.
        speed: steps from frame to frame, 1 to 7. Every second frame of a film is a film of speed
            2; there clockwise and anticlockwise are both half turns, and nobody can tell them.

    Raises ValueError for an unknown motion, another shape, T below 1 or another speed.
    """
    check_counts(T=T)
    _check_motions([motion], speed)
    walked = np.array(state) + speed * np.arange(T)[:, None] * np.array(STEPS[motion])
    return show_states(np.asarray(picture)[None], walked[None])[0]


def films(
    rng: np.random.Generator,
    N: int,
    T: int,
    kind: str = "digits",
    part: str = "train",
    classes: Sequence[str] = MOVING,
    speed: int = 1,
    noise: float = 0.0,
) -> tuple[Array, Array]:
    """N films of T frames, each of one thing; thing, class and first state are uniform.

    Args:
        kind, part: which things, as in :func:`things`.
        classes: those to draw from, some of ``CLASSES``.
        speed: steps from frame to frame, as in :func:`film`.
        noise: standard deviation of what is added to each pixel of each frame.

    Returns:
        films (N, T, 16, 16) float32, 0..1 where there is no noise, and labels (N,), places in
        ``CLASSES``.

    Raises ValueError for counts below 1, no class or an unknown one, another kind, part or speed,
    or a negative noise.
    """
    check_counts(N=N, T=T)
    _check_motions(classes, speed)
    if not (noise >= 0 and np.isfinite(noise)):
        raise ValueError(f"noise is {noise}; expected a number of at least 0")
    pictures = things(kind, part)
    labels = np.array([CLASSES.index(name) for name in classes])[rng.integers(0, len(classes), N)]
    first = rng.integers(0, (BOARD, BOARD, 4), (N, 3))
    steps = np.array(list(STEPS.values()))[labels]
    states = first[:, None] + speed * np.arange(T)[:, None] * steps[:, None]
    frames = show_states(pictures[rng.integers(0, len(pictures), N)], states)
    if noise:
        frames += np.float32(noise) * rng.standard_normal(frames.shape, np.float32)
    return frames, labels


def bag_bound(classes: Sequence[str] = MOVING) -> float:
    """The best accuracy of anything that sees a film's frames without their order.

    Both classes of a pair give each bag with equal probability, so one of them is guessed right
    half the time. A class whose opposite is not among ``classes``, and "still", may be told. The
    bound is reached where bags tell the pairs, as two different frames of these films do.

    Raises ValueError for no class or an unknown one.
    """
    _check_motions(classes, 1)
    pairs = {frozenset((name, OPPOSITE[name])) for name in classes}
    return len(pairs) / len(set(classes))


def bouncing(
    rng: np.random.Generator,
    N: int,
    T: int,
    size: int = 16,
    things_each: int = 2,
    part: str = "train",
    fastest: int = 2,
) -> Array:
    """Films of digits that fly straight and bounce off the walls, for predicting frames.

    Args:
        size: pixels along an edge, at least 9.
        things_each: digits in a film; where they overlap the brighter pixel is seen.
        part: which digits, as in :func:`things`.
        fastest: a digit's velocity along each axis is uniform in -fastest..fastest pixels a
            frame, but never (0, 0).

    Returns (N, T, size, size) float32 in 0..1. A small cousin of Moving MNIST, Srivastava et al.
    (2015). Raises ValueError for counts below 1, a size below 9, or another part.
    """
    check_counts(N=N, T=T, things_each=things_each, fastest=fastest)
    check_counts(THING + 1, size=size)
    pictures, wide = things("digits", part), 2 * fastest + 1
    drawn = rng.integers(0, len(pictures), (N, things_each))
    room = size - THING
    first = rng.integers(0, room + 1, (N, things_each, 2))
    way = rng.integers(0, wide**2 - 1, (N, things_each))
    way += way >= wide**2 // 2  # leaves out the middle one, which stands still
    velocity = np.stack([way // wide, way % wide], axis=2) - fastest
    corners = _fold(first[:, None] + np.arange(T)[:, None, None] * velocity[:, None], room)
    frames = np.zeros((N, T, size, size), np.float32)
    n, t = np.arange(N)[:, None, None, None], np.arange(T)[:, None, None]
    for k in range(things_each):
        rows, columns = (corners[:, :, k, axis, None] + np.arange(THING) for axis in (0, 1))
        where = n, t, rows[..., :, None], columns[..., None, :]
        frames[where] = np.maximum(frames[where], pictures[drawn[:, k]][:, None])
    return frames


def _fold(place: Array, room: int) -> Array:
    """Where something is that flies between walls at 0 and ``room``: -1 is 1, room + 1 room - 1."""
    return room - np.abs(place % (2 * room) - room)


def _check_motions(classes: Sequence[str], speed: int) -> None:
    check_counts(speed=speed)
    if speed >= BOARD // 2:
        raise ValueError(f"speed is {speed}; expected 1 to {BOARD // 2 - 1}: right by half the "
                         "board is left by half the board")  # fmt: skip
    if isinstance(classes, str) or not classes or not set(classes) <= set(CLASSES):
        raise ValueError(f"motion is {classes!r}; expected some of {list(CLASSES)}")
