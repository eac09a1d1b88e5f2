"""A network that writes alto, tenor and bass under a melody, as it learnt it from Bach's chorales.

The published book runs it in the browser (``book/_static/harmonist.js`` with ``net.js``), draws
what was written as a moving piano roll and plays it; a notebook prints it in numbered notation.
Both read the weights that ``benchmarks/real/live_chorales.py`` recorded.

A bidirectional GRU reads the melody, a second one the three lower voices of the step before; at
each step the bass is chosen first, then the alto, then the tenor, each as a distance from the
soprano. Beside the network stands a table: each voice's most frequent pitch under that note.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse import music
from rnncourse._types import Array, Params
from rnncourse.nn import cells
from rnncourse.nn.functional import log_softmax
from rnncourse.widgets import _html, weights

LONGEST = 32  # steps of a melody that the page takes; each a quarter note
LOWEST, KINDS = 36, 47  # the bass's lowest pitch; pitches up to 81, and the rest, number 0
DISTANCES, OFFSET, MIDDLE = 96, 32, 37  # from a soprano down to a voice: -31 to 63 semitones
ORDER = (3, 1, 2)  # columns in the order in which they are chosen: bass, alto, tenor
SOPRANO = music.RANGES[0]
WAYS = ("network", "table")
_SCALE = (0, 2, 4, 5, 7, 9, 11)  # of a major key, in semitones from its first note


class Tune(NamedTuple):
    """A melody for the reader to take, in numbered notation."""

    names: dict[str, str]  # of each edition
    key: int  # the pitch that is written 1
    signs: str  # 1 to 7, ' an octave up, , one down, - holds the note, 0 a rest


# All in the public domain, written down for the course; a quarter note a step.
TUNES = {
    "joy": Tune({"en": "Ode to Joy", "zh": "欢乐颂"}, 65,
                "3 3 4 5 5 4 3 2 1 1 2 3 3 2 2 - 3 3 4 5 5 4 3 2 1 1 2 3 2 1 1 -"),
    "star": Tune({"en": "Twinkle, twinkle", "zh": "小星星"}, 65,
                 "1 1 5 5 6 6 5 - 4 4 3 3 2 2 1 - 5 5 4 4 3 3 2 - 5 5 4 4 3 3 2 -"),
    "hundredth": Tune({"en": "Old Hundredth", "zh": "旧百篇"}, 67,
                      "1 1 7, 6, 5, 1 2 3 3 3 3 2 1 4 3 2 1 2 3 2 1 6, 7, 1 5 3 1 2 4 3 2 1"),
    "jasmine": Tune({"en": "Jasmine Flower", "zh": "茉莉花"}, 65,
                    "3 - 3 5 6 1' 1' 6 5 - 5 6 5 - - - 3 - 3 5 6 1' 1' 6 5 - 5 6 5 - - -"),
    "scale": Tune({"en": "a scale", "zh": "音阶"}, 60, "1 2 3 4 5 6 7 1' 1' 7 6 5 4 3 2 1"),
}  # fmt: skip


def read(tune: Tune) -> tuple[Array, Array]:
    """Pitches (T,) of a tune, and whether each step is struck, not held (T,).

    Raises ValueError for a sign that is none of numbered notation's, or a hold at the beginning.
    """
    pitches: list[int] = []
    struck: list[bool] = []
    for sign in tune.signs.split():
        degree, marks = sign[0], sign[1:]
        if sign == "-" and pitches:
            pitches.append(pitches[-1])
        elif sign == "0":
            pitches.append(music.REST)
        elif degree in "1234567" and not marks.strip("',"):
            octaves = marks.count("'") - marks.count(",")
            pitches.append(tune.key + _SCALE[int(degree) - 1] + 12 * octaves)
        else:
            raise ValueError(f"the tune has {sign!r}; expected 1 to 7 with ' or , behind, 0, or - "
                             "after a note")  # fmt: skip
        struck.append(sign != "-")
    return np.array(pitches), np.array(struck)


def key_of(voices: ArrayLike) -> int:
    """The pitch, 60 to 71, to be written 1: of the major key whose scale has most of the notes.

    Among equals the one with the fewest sharps or flats, and of those the one with flats. A minor
    piece gets the major key with the same signs. Without a note it is 60.
    """
    found = np.asarray(voices)
    classes = np.bincount(found[found != music.REST].ravel().astype(int) % 12, minlength=12)
    best, most = 60, -1
    for fifths in (0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5, 6):
        tonic = 7 * fifths % 12
        inside = int(classes[[(tonic + step) % 12 for step in _SCALE]].sum())
        if inside > most:
            best, most = 60 + tonic, inside
    return best


# --- numbers ------------------------------------------------------------------------------------


def coded(pitches: Array) -> Array:
    """Pitches → numbers: 0 a rest, k the k-th pitch from the lowest bass upwards."""
    return np.where(pitches == music.REST, 0, pitches - LOWEST + 1)


def below(number: int, top: int) -> int:
    """A voice's number as how far it hangs below the soprano's number; 0 is a rest."""
    return 0 if number == 0 else (top or MIDDLE) - number + OFFSET


def allowed(top: int, bounds: tuple[int, int]) -> Array:
    """Which numbers (47,) a voice may have: pitches of its range, or where the soprano rests a
    rest alone."""
    numbers = np.arange(KINDS)
    if top == 0:
        return np.asarray(numbers == 0)
    return np.asarray((numbers >= bounds[0] - LOWEST + 1) & (numbers <= bounds[1] - LOWEST + 1))


def legal(column: int, now: Array, before: Array | None) -> tuple[Array, Array]:
    """Which numbers (47,) keep the rules: no voice crosses another; and no parallels besides.

    Args:
        column: the voice that is to be chosen.
        now: numbers (4,) of this step, -1 where none is chosen yet.
        before: those of the step before, or None.

    Parallel are fifths, octaves and unisons, octaves between left out, as
    :func:`rnncourse.music.parallels` counts them.
    """
    numbers = np.arange(KINDS)
    order, apart = np.ones(KINDS, bool), np.ones(KINDS, bool)
    for other in np.flatnonzero(now > 0):
        order &= numbers <= now[other] if other < column else numbers >= now[other]
        if before is None or before[other] == 0 or before[column] == 0:
            continue
        moved = np.sign(now[other] - before[other])
        interval = abs(before[other] - before[column]) % 12
        if moved and interval in (0, 7):
            again = abs(now[other] - numbers) % 12 == interval
            apart &= ~(again & (np.sign(numbers - before[column]) == moved))
    return order, order & apart


class Harmony(NamedTuple):
    """A melody with three voices below."""

    voices: Array  # (T, 4) pitches
    log_prob: float  # of alto, tenor and bass, temperature 1, within their ranges, rules or not


class Harmonist:
    """A recorded network with its table."""

    def __init__(self, network: dict[str, Any]) -> None:
        """Args: network: of a record, see :func:`rnncourse.widgets.weights.load`."""
        arrays = weights.unpack(network["weights"])
        # In float64, as the browser computes.
        self.arrays = {name: array.astype(np.float64) for name, array in arrays.items()}
        self.ranges: list[tuple[int, int]] = [tuple(pair) for pair in network["ranges"]]

    def harmonise(
        self,
        melody: ArrayLike,
        way: str = "network",
        temperature: float = 0.0,
        rng: Any = None,
        rules: bool = False,
    ) -> Harmony:
        """Three voices under a melody (T,) of pitches, step by step.

        Args:
            melody: pitches of the soprano, 60 to 81, -1 for a rest; at least one is no rest.
            way: "network" or "table".
            temperature: 0 for always the likeliest; else voices are drawn, from log-probabilities
                divided by it.
            rng: what is drawn with, its ``random()`` gives numbers from 0 to 1; not needed at 0.
            rules: whether what :func:`legal` forbids is masked. Voices never cross then; where
                each pitch would make a parallel, parallels are allowed.

        Raises ValueError for another melody, way, or temperature below 0 or without an rng.
        """
        if way not in WAYS:
            raise ValueError(f"way is {way!r}; expected one of {WAYS}")
        if not temperature >= 0 or (temperature > 0 and rng is None):
            raise ValueError(f"temperature is {temperature} and rng {rng}; expected 0, or a number "
                             "above 0 with an rng")  # fmt: skip
        tops = coded(checked(melody))
        score = self._network(tops) if way == "network" else self._table
        total, rows = 0.0, np.full((len(tops), 4), -1)
        rows[:, 0] = tops
        for t, top in enumerate(tops):
            before = rows[t - 1] if t else None
            step = score(t, int(top), np.zeros(3, int) if before is None else before[[*ORDER]])
            for k, column in enumerate(ORDER):
                inside = allowed(top, self.ranges[column])
                log_p = log_softmax(np.where(inside, step(k, rows[t, list(ORDER[:k])]), -np.inf))
                left = masked(log_p, *legal(column, rows[t], before)) if rules else log_p
                rows[t, column] = chosen(left, temperature, rng)
                total += float(log_p[rows[t, column]])
        return Harmony(np.where(rows == 0, music.REST, rows + LOWEST - 1), total)

    def _table(self, t: int, top: int, before: Array) -> Any:
        """Of a step: scores of the k-th voice's numbers (47,)."""
        return lambda k, chosen_here: self.arrays[f"table.{k}"][top]

    def _network(self, tops: Array) -> Any:
        """The melody is read as a whole; what is written changes the second GRU's state."""
        encoded = self._encoded(tops)
        state = np.zeros((1, len(self.arrays["write.W_h"])))

        def score(t: int, top: int, before: Array) -> Any:
            nonlocal state
            last = [self.arrays[f"below.{k}"][below(n, top)] for k, n in enumerate(before)]
            inputs = np.concatenate([encoded[t], *last])[None]
            state, _ = cells.gru_step(inputs, state, weights.part(self.arrays, "write"))
            now = np.concatenate([encoded[t], state[0], *last])
            return lambda k, here: self._scores(k, now, here, top)

        return score

    def _encoded(self, tops: Array) -> Array:
        """(T, 2H): the melody before and behind each step."""
        E, move = self.arrays["top"], self.arrays["move"]
        before = np.append(tops[:1], tops[:-1])
        moves = [below(int(b), int(top)) for b, top in zip(before, tops, strict=True)]
        xs = np.concatenate([E[tops], move[moves]], axis=1)
        ahead = _states(xs, weights.part(self.arrays, "read.0"))
        back = _states(xs[::-1], weights.part(self.arrays, "read.1"))[::-1]
        return np.concatenate([ahead, back], axis=1)

    def _scores(self, k: int, now: Array, here: Array, top: int) -> Array:
        """Of the k-th voice's numbers (47,), given those already chosen at this step."""
        parts = [self.arrays[f"below.{j}"][below(int(n), top)] for j, n in enumerate(here)]
        p = weights.part(self.arrays, f"out.{k}")
        inside = np.maximum(np.concatenate([now, *parts]) @ p["W_1"] + p["b_1"], 0)
        scores = inside @ p["W_2"] + p["b_2"]
        return scores[[below(number, top) for number in range(KINDS)]]


def checked(melody: ArrayLike) -> Array:
    """A melody (T,) as integers. Raises ValueError where it isn't one, naming what is wrong."""
    notes = np.asarray(melody)
    if notes.ndim != 1 or notes.dtype.kind not in "iu" or not (notes != music.REST).any():
        raise ValueError(f"melody is of {notes.dtype} and shape {notes.shape}; expected (T,) whole "
                         "numbers, at least one of them a note")  # fmt: skip
    bad = (notes != music.REST) & ((notes < SOPRANO[0]) | (notes > SOPRANO[1]))
    if bad.any():
        raise ValueError(f"melody has {notes[bad][0]} at step {int(bad.argmax())}; expected "
                         f"{SOPRANO[0]} to {SOPRANO[1]}, or {music.REST} for a rest")  # fmt: skip
    return notes.astype(int)


def masked(log_p: Array, order: Array, both: Array) -> Array:
    """Without what breaks the rules; of two masks the stricter one that leaves something."""
    mask = both if np.isfinite(log_p[both]).any() else order
    return np.where(mask, log_p, -np.inf)


def chosen(log_p: Array, temperature: float, rng: Any) -> int:
    """The likeliest, the lowest among equals; or one drawn as ``net.js`` draws."""
    if temperature == 0:
        return int(log_p.argmax())
    p = np.exp(log_softmax(log_p / temperature))
    return min(int(np.searchsorted(np.cumsum(p), rng.random(), "right")), int(p.nonzero()[0][-1]))


def _states(xs: Array, params: Params) -> Array:
    """(T, H) of one direction; ``cells.unroll`` would keep what only a backward pass needs."""
    h, found = np.zeros((1, len(params["W_h"]))), []
    for x in xs:
        h, _ = cells.gru_step(x[None], h, params)
        found.append(h[0])
    return np.array(found)


# --- the page -----------------------------------------------------------------------------------


class Shown:
    """What a notebook shows: tunes with the voices below; and where the page puts the network."""

    def __init__(self, rows: Sequence[tuple[str, str]], place: dict[str, str]) -> None:
        """Args: rows: a tune's name, and its four voices in numbered notation, a line each;
        place: attributes for the page's script."""
        self.rows, self.place = rows, place

    def __repr__(self) -> str:
        return "\n\n".join(f"{name}\n{voices}" for name, voices in self.rows)

    def _repr_html_(self) -> str:
        return _html.holder("harmonist", self.place, _html.table(self.rows))


def show(name: str, language: str, tunes: Sequence[str] = tuple(TUNES)) -> Shown:
    """A recorded network harmonises: the first two tunes in a notebook, in the page the reader's.

    >>> harmonist.show("chorales", "en")

    Args:
        name: of the network, see :func:`rnncourse.widgets.weights.load`.
        language: of the edition that shows it, "en" or "zh"; the other leaves it out.
        tunes: names of ``TUNES`` that the reader may take.

    Raises KeyError for an unknown name; ValueError for another language, no tunes, or an unknown
    one.
    """
    if language not in ("en", "zh"):
        raise ValueError(f'language is {language!r}; expected "en" or "zh"')
    names = _html.chosen(tunes)
    if unknown := [tune for tune in names if tune not in TUNES]:
        raise ValueError(f"tunes has {unknown[0]!r}; expected some of {sorted(TUNES)}")
    network = weights.load(name)[1]["network"]
    model, rows = Harmonist(network), []
    for tune in names[:2]:
        voices = model.harmonise(read(TUNES[tune])[0]).voices
        lines = [music.jianpu(voice, key_of(voices)) for voice in voices.T]
        rows.append((TUNES[tune].names[language], "\n".join(lines)))
    place = {
        "edition": language,
        "net": name,
        "kilobytes": str(round(weights.size(network) / 1000)),
        "told": json.dumps(network["told"]),
        "tunes": json.dumps([_told(TUNES[tune], language) for tune in names], ensure_ascii=False),
    }
    return Shown(rows, place)


def _told(tune: Tune, language: str) -> dict[str, Any]:
    """A tune as the page's script reads it."""
    pitches, struck = read(tune)
    return {"name": tune.names[language], "pitches": pitches.tolist(), "struck": struck.tolist()}
