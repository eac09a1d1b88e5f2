"""A network that watches a small film and says after each frame what is happening.

At each step it sees two frames on top of each other, this one and the last one before it that there
was; filters look for a thing that changed its place, wherever on the board, and a GRU gathers what
they find. A frame that is missing changes nothing. The published book runs it in the browser
(``book/_static/watcher.js`` with ``net.js``), on films of a motion that the reader chooses, or that
he makes himself; a notebook prints a table. Both read what ``benchmarks/real/live_films.py``
recorded. T frames, B features of a frame, K classes.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._types import Array, Params
from rnncourse.data import films
from rnncourse.nn import conv, functional, layers, recurrent
from rnncourse.widgets import _html, weights

POOL = 2  # pixels along the edge of a window, after the first filters
MOST = 24  # frames of a film in the page
CHANGES = ("as it was", "backwards", "shuffled", "every second", "gaps", "one frame")
MISSING = 0.4  # of the frames, where there are gaps
SHAPES_ZH = {"F": "字母 F", "L": "字母 L", "P": "字母 P", "arrow": "箭头", "flag": "旗子",
             "key": "钥匙", "chair": "椅子", "heart": "心形"}  # fmt: skip
DIGITS = tuple(range(10))  # of each the first picture of the test part is in the page


class Watcher:
    """A recorded network."""

    def __init__(self, network: dict[str, Any], dtype: type = np.float64) -> None:
        """Args: network: of a record, see :func:`rnncourse.widgets.weights.load`; dtype: float64
        is what the browser computes in."""
        arrays: Params = {k: a.astype(dtype) for k, a in weights.unpack(network["weights"]).items()}
        self.dtype, self.classes = dtype, list(network["classes"])
        self.first = square(weights.part(arrays, "first"), 2)
        self.second = square(weights.part(arrays, "second"), len(self.first["b"]))
        self.cell, self.output = (weights.part(arrays, name) for name in ("cell", "output"))

    def features(self, pairs: Array) -> Array:
        """What the filters find anywhere, (T, B), in pairs of frames (T, 16, 16, 2).

        The board has no edge, so it is continued on two sides by what stands on the others.
        """
        more = len(self.first["W"]) - 1 + POOL * (len(self.second["W"]) - 1)
        whole = np.pad(pairs, ((0, 0), (0, more), (0, more), (0, 0)), "wrap")
        found = np.maximum(conv.conv2d_forward(whole, self.first, "valid")[0], 0)
        found = conv.max_pool2d_forward(found, POOL)[0]
        found = np.maximum(conv.conv2d_forward(found, self.second, "valid")[0], 0)
        most: Array = found.max(axis=(1, 2))
        return most

    def watch(self, frames: ArrayLike, seen: ArrayLike | None = None) -> Array:
        """After each frame the probabilities of the classes, (T, K).

        A frame that is not there leaves them as they were; before the first one that is, all are
        equal.

        Args:
            frames: (T, 16, 16), from 0 to 1; what stands where ``seen`` is 0 is not read.
            seen: (T,), which frames there are; all unless given.

        Raises ValueError for no frame, other shapes, and numbers that are not finite.
        """
        frames, there = checked(frames, seen, self.dtype)
        K = len(self.classes)
        if not there.any():
            return np.full((len(frames), K), 1 / K)
        real = frames[there]
        before = np.concatenate([real[:1], real[:-1]])
        xs = self.features(np.stack([real, before], axis=3))[None]
        hs, _, _ = recurrent.gru_forward(xs, None, self.cell)
        p = functional.softmax(layers.dense_forward(hs, self.output)[0])
        place = np.cumsum(there) - 1  # of the last real frame, -1 before the first
        return np.where(place[:, None] < 0, 1 / K, p[np.maximum(place, 0)])

    def says(self, frames: ArrayLike, seen: ArrayLike | None = None) -> str:
        """The most probable class after the last frame."""
        return self.classes[int(self.watch(frames, seen)[-1].argmax())]


def square(layer: Params, C: int) -> Params:
    """Filters (K, K, C, F) as :func:`rnncourse.nn.conv.conv2d_forward` takes them, from a matrix
    (K·K·C, F): eight bits are kept for matrices alone."""
    rows, F = layer["W"].shape
    K = round((rows / C) ** 0.5)
    return {"W": layer["W"].reshape(K, K, C, F), "b": layer["b"]}


def checked(frames: ArrayLike, seen: ArrayLike | None, dtype: type) -> tuple[Array, Array]:
    """Frames (T, 16, 16) and which of them there are (T,) bool; raises as :meth:`Watcher.watch`."""
    frames = np.asarray(frames, dtype)
    edge = films.BOARD
    if frames.ndim != 3 or frames.shape[1:] != (edge, edge) or not len(frames):
        raise ValueError(f"frames have shape {frames.shape}; expected (T, {edge}, {edge}), at "
                         "least one frame")  # fmt: skip
    there = np.ones(len(frames), bool) if seen is None else np.asarray(seen) != 0
    if there.shape != (len(frames),):
        raise ValueError(f"seen has shape {there.shape}; expected ({len(frames)},)")
    if not np.isfinite(frames[there]).all():
        raise ValueError("frames have a number that is not finite; expected 0 to 1")
    return frames, there


def changed(change: str, T: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """What is done to a film of T frames: which frames are shown, and whether each is there.

    "every second" begins with the first, "one frame" is the first; of gaps neither the first frame
    nor the last is one. Raises ValueError for another change or T below 1.
    """
    if change not in CHANGES or T < 1:
        raise ValueError(f"change is {change!r}, T {T}; expected one of {list(CHANGES)}, and at "
                         "least one frame")  # fmt: skip
    places = {"backwards": np.arange(T)[::-1], "shuffled": rng.permutation(T),
              "every second": np.arange(0, T, 2), "one frame": np.arange(1)}  # fmt: skip
    order = places.get(change, np.arange(T))
    there = np.ones(len(order), bool)
    if change == "gaps":
        there[1:-1] = rng.random(max(T - 2, 0)) >= MISSING
    return order, there


# --- the page -------------------------------------------------------------------------------


def things() -> list[dict[str, str]]:
    """What can be put on the board: names in both languages, and 64 pixels as signs 0 to g (16)."""
    named = [(name, SHAPES_ZH[name], picture) for name, picture in films.shapes().items()]
    digits = first_digits()
    named += [(f"digit {k}", f"数字 {k}", digits[k]) for k in DIGITS]
    return [{"en": en, "zh": zh, "pixels": coded(picture)} for en, zh, picture in named]


def first_digits() -> Array:
    """Of each digit the first picture of the test part, (10, 8, 8)."""
    from sklearn.datasets import load_digits

    labels = load_digits().target
    test = np.arange(len(labels)) % 5 == 4  # as films.things divides them
    pictures = films.things("digits", "test")
    return np.stack([pictures[np.flatnonzero(labels[test] == k)[0]] for k in DIGITS])


def coded(picture: Array) -> str:
    """Pixels from 0 to 1 in sixteenths, a sign each."""
    return "".join("0123456789abcdefg"[k] for k in np.rint(16 * picture).astype(int).ravel())


class Shown:
    """What a notebook shows: probabilities as frames come; and where the page puts the network."""

    def __init__(self, rows: list[tuple[str, ...]], place: dict[str, str]) -> None:
        """Args: rows: a motion and what the network says of it; place: for the page's script."""
        self.rows, self.place = rows, place

    def __repr__(self) -> str:
        return "\n".join("  ".join(row) for row in self.rows)

    def _repr_html_(self) -> str:
        return _html.holder("watcher", self.place, _html.table(self.rows))


def show(name: str, motions: Sequence[str] = films.CLASSES, thing: str = "F") -> Shown:
    """A recorded network watches: a table in a notebook, in the page whatever the reader moves.

    >>> watcher.show("films")

    Args:
        name: of the network, see :func:`rnncourse.widgets.weights.load`.
        motions: some of ``films.CLASSES``; the table has the probability of
            each after one, two, four and eight frames.
        thing: one of :func:`rnncourse.data.films.shapes`, for the table.

    Raises KeyError for an unknown network or thing, ValueError for an unknown motion or none.
    """
    if isinstance(motions, str) or not motions:
        raise ValueError(f"motions is {motions!r}; expected some of {list(films.CLASSES)}")
    network = weights.load(name)[1]["network"]
    model, picture, rows = Watcher(network), films.shapes()[thing], []
    for motion in motions:
        p = model.watch(films.film(picture, motion, 8))[:, model.classes.index(motion)]
        rows.append((motion, *(f"{p[t - 1]:.2f}" for t in (1, 2, 4, 8))))
    place = {
        "net": name,
        "kilobytes": str(round(weights.size(network) / 1000)),
        "classes": json.dumps({"en": list(films.NAMES["en"]), "zh": list(films.NAMES["zh"])},
                              ensure_ascii=False),
        "steps": json.dumps(list(films.STEPS.values())),
        "things": json.dumps(things(), ensure_ascii=False),
        "right": json.dumps(network["right"]),
    }  # fmt: skip
    return Shown(rows, place)
