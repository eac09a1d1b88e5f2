"""Skeletons of two public sets, brought into the body's own frame, and what is counted of them.

Both sets hold 20 joints a frame, in metres, as a Kinect guessed them; the joints' order differs.
Frames in which the sensor lost the person are zeros throughout: they are no position of a body,
so they are masked, and nothing is computed from them.
"""

from typing import Any, NamedTuple

import numpy as np

from rnncourse import data

Array = np.ndarray
FILES = {"msr": ("action_msr3d", "msr_action3d.npz"), "utkinect": ("action_utkinect", "utkinect.npz")}


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


def load(name: str) -> Actions:
    """The 557 sequences of MSR Action3D that most papers use, or all 199 of UTKinect."""
    with np.load(data.path(*FILES[name])) as file:
        ends = np.cumsum(file["length"])
        films = [file["frames"][b - n : b].astype(float)
                 for b, n in zip(ends, file["length"], strict=True)]  # fmt: skip
        chosen = file["in_cvpr12"] if name == "msr" else np.ones(len(films), bool)
        labels = file["action"] - file["action"].min()
        persons = file["subject"]
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
