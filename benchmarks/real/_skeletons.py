"""Skeletons of two public sets, brought into the body's own frame, and what is counted of them.

Both sets hold 20 joints a frame, in metres, as a Kinect guessed them; the joints' order differs.
Frames in which the sensor lost the person are zeros throughout: they are no position of a body,
so they are masked, and nothing is computed from them.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from rnncourse import data

Array = np.ndarray
FILES = {
    "msr": ("action_msr3d", "msr_action3d.npz"),
    "utkinect": ("action_utkinect", "utkinect.npz"),
}


class Body(NamedTuple):
    """Which joint is what, in one set's order."""

    hip: int  # the hips' centre
    neck: int
    left: int  # shoulders
    right: int


BODIES = {"msr": Body(6, 2, 1, 0), "utkinect": Body(0, 2, 4, 8)}
EACH = ("metres", "centred", "turned")


class Actions(NamedTuple):
    """Sequences with what was done, and by whom."""

    films: list[Array]  # of each sequence (T, 20, 3)
    seen: list[Array]  # of each (T,), whether the sensor had the person
    labels: Array  # (N,), from 0
    persons: Array  # (N,), from 1


@cache
def load(name: str) -> Actions:
    """The 557 sequences of MSR Action3D that most papers use, or all 199 of UTKinect."""
    with np.load(data.path(*FILES[name])) as file:  # an array is unpacked each time it is asked for
        kept = {key: file[key] for key in file.files}
    ends = np.cumsum(kept["length"])
    frames = kept["frames"].astype(float)
    films = [frames[b - n : b] for b, n in zip(ends, kept["length"], strict=True)]
    chosen = kept["in_cvpr12"].copy() if name == "msr" else np.ones(len(films), bool)
    labels, persons = kept["action"] - kept["action"].min(), kept["subject"]
    seen = [np.abs(film).sum(axis=(1, 2)) > 0 for film in films]
    chosen &= np.array([some.any() for some in seen])  # a film without one real frame shows nothing
    rows = np.flatnonzero(chosen)
    return Actions([films[k] for k in rows], [seen[k] for k in rows],
                   labels[rows].astype(int), persons[rows].astype(int))  # fmt: skip


def normalised(film: Array, seen: Array, body: Body, how: str = "turned") -> Array:
    """(T, 20, 3) → (T, 60): 19 joints from the hips' centre, and that centre from where it began.

    ``how``: "metres", the coordinates as they are; "centred"; "turned", so that the shoulders of
    the first real frame lie along x, in units of the trunk's length. Lost frames come out as 0.
    """
    if how not in EACH:
        raise ValueError(f"how is {how!r}; expected one of {EACH}")
    if how == "metres":
        return np.where(seen[:, None], film.reshape(len(film), -1), 0.0)
    hips = film[:, body.hip]
    first = np.flatnonzero(seen)[0]
    moved = (hips - hips[first])[:, None]
    joints = np.concatenate([np.delete(film - hips[:, None], body.hip, axis=1), moved], axis=1)
    if how == "turned":
        across = film[seen, body.left] - film[seen, body.right]
        angle = np.arctan2(across[:3, 2].mean(), across[:3, 0].mean())
        trunk = np.median(np.linalg.norm(film[seen, body.neck] - hips[seen], axis=1))
        joints = joints @ about_y(angle) / max(trunk, 0.1)
    return np.where(seen[:, None], joints.reshape(len(film), -1), 0.0)


def about_y(angle: float) -> Array:
    """(3, 3): a row vector times this is turned about the vertical by minus ``angle``."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])


@cache
def positions(name: str, how: str) -> tuple[list[Array], list[Array]]:
    """Of each sequence the real frames alone, (T, 60), and when they were (T,)."""
    actions = load(name)
    found = [normalised(film, seen, BODIES[name], how)[seen]
             for film, seen in zip(actions.films, actions.seen, strict=True)]  # fmt: skip
    return found, [np.flatnonzero(seen) for seen in actions.seen]


def velocities(xs: Array, times: Array) -> Array:
    """(T, D): what changes a frame, from the neighbours; of lost frames between them too."""
    if len(xs) < 2:
        return np.zeros_like(xs)
    before = np.maximum(np.arange(len(xs)) - 1, 0)
    after = np.minimum(np.arange(len(xs)) + 1, len(xs) - 1)
    return (xs[after] - xs[before]) / (times[after] - times[before])[:, None]


# --- features without a network ---------------------------------------------------------------


def statistics(xs: Array) -> Array:
    """(4 D,): mean, deviation, largest and smallest value over the frames of (T, D)."""
    return np.concatenate([xs.mean(axis=0), xs.std(axis=0), xs.max(axis=0), xs.min(axis=0)])


def moving(xs: Array, times: Array) -> Array:
    """The statistics of positions and of velocities, and how fast each coordinate is at a mean."""
    v = velocities(xs, times)
    return np.concatenate([statistics(xs), statistics(v), np.abs(v).mean(axis=0)])


def in_thirds(xs: Array, times: Array) -> Array:
    """:func:`moving`, and the means of both over each third of the frames: coarsely, an order."""
    v = velocities(xs, times)
    cuts = np.array_split(np.arange(len(xs)), 3)
    means = [one[cut].mean(axis=0) if len(cut) else one.mean(axis=0)
             for one in (xs, v) for cut in cuts]  # fmt: skip
    return np.concatenate([moving(xs, times), *means])


FEATURES = {
    "middle frame": lambda xs, times: xs[len(xs) // 2],
    "last frame": lambda xs, times: xs[-1],
    "mean": lambda xs, times: xs.mean(axis=0),
    "statistics": lambda xs, times: statistics(xs),
    "with velocities": moving,
    "in thirds": in_thirds,
}


def table(name: str, how: str, feature: str) -> Array:
    """(N, F): this feature of each sequence."""
    compute: Any = FEATURES[feature]
    return np.array([compute(xs, times) for xs, times in zip(*positions(name, how), strict=True)])
