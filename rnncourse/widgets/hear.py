"""A network that hears digits: in the page, or as a table.

The published book runs it in the browser (``book/_static/hear.js`` with ``net.js``), on clips of
two speakers, on a file, or on what a microphone hears; a notebook prints what it heard. Both read
what ``benchmarks/real/live_digits.py`` recorded.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse import speech
from rnncourse._types import Array
from rnncourse.nn import ctc, functional, layers
from rnncourse.widgets import _html, weights

NOISE = 0.002  # under clips that are joined: there is no silence without it
GAP = 0.1  # seconds around each clip
LONGEST = 10.0  # seconds; of a longer sound the first ones are heard
QUIET = 1e-3  # a sound that never is louder is silence
MU = 255  # of the clips' coding, as of telephones: ITU-T G.711's curve, not its segments


def pack(signal: Array) -> str:
    """A signal between -1 and 1 in eight bits a sample, finer where it is quiet, in base 64."""
    curve = np.sign(signal) * np.log1p(MU * abs(signal)) / np.log1p(MU)
    return base64.b64encode(np.rint(127.5 * (curve + 1)).astype(np.uint8).tobytes()).decode()


def unpack(text: str) -> Array:
    """What is left of a signal that :func:`pack` wrote, (n,)."""
    curve = np.frombuffer(base64.b64decode(text), np.uint8) / 127.5 - 1
    return np.asarray(np.sign(curve) * np.expm1(abs(curve) * np.log1p(MU)) / MU)


def features(signal: ArrayLike, settings: dict[str, Any]) -> Array:
    """Log-mel features (T, M), each band with mean 0 and deviation 1 over the sound.

    The loudest sample counts as 1. So the floor of the energies is that of this sound, and what is
    silent between the digits, as many microphones have it, looks like a little noise.

    Args:
        settings: ``rate`` in samples a second, ``bands``, ``length`` and ``hop`` of the frames in
            seconds, ``floor``.

    Raises ValueError as :func:`rnncourse.speech.log_mel`.
    """
    signal = np.asarray(signal, np.float64)
    loudest = abs(signal).max(initial=0)
    found = speech.log_mel(signal / loudest if loudest > 0 else signal, settings["rate"],
                           settings["bands"], settings["length"], settings["hop"],
                           floor=settings["floor"])  # fmt: skip
    return speech.normalise([found])[0]


class Ear:
    """A recorded network with its clips."""

    def __init__(self, network: dict[str, Any]) -> None:
        """Args: network: of a record, see :func:`rnncourse.widgets.weights.load`."""
        self.network = network
        # In float64, as the browser computes.
        arrays = {k: a.astype(np.float64) for k, a in weights.unpack(network["weights"]).items()}
        self.cells = weights.part(arrays, "cell.0"), weights.part(arrays, "cell.1")
        self.output = weights.part(arrays, "output")

    def outputs(self, xs: Array) -> Array:
        """Probabilities (T, 11) of the blank and the digits 0 to 9, from features (T, M)."""
        hs, _, _ = layers.bidirectional_forward("gru", xs[None], None, self.cells)
        return np.asarray(functional.softmax(layers.dense_forward(hs, self.output)[0]))

    def labels(self, xs: Array) -> Array:
        """What was said, (L,), as labels from 1 on: the best path, collapsed."""
        return ctc.collapse(self.outputs(xs).argmax(axis=1))

    def hear(self, signal: ArrayLike) -> str:
        """The digits of a sound (n,) between -1 and 1, such as "407"; "" for silence.

        Only its first ``LONGEST`` seconds are heard. Raises ValueError for a signal that is not one
        row of finite numbers, with at least one.
        """
        signal = np.asarray(signal, np.float64)[: int(LONGEST * self.network["rate"])]
        xs = features(signal, self.network)
        if abs(signal).max() < QUIET:
            return ""
        return "".join(str(k - 1) for k in self.labels(xs))

    def say(self, digits: str, voice: str, rng: np.random.Generator) -> Array:
        """The clips of some digits in a row, with a little noise: a signal (n,).

        Raises ValueError for a voice without clips, and for anything but digits.
        """
        clips = self.network["clips"]
        if voice not in clips or not digits.isdecimal() or not digits.isascii():
            raise ValueError(f"voice is {voice!r}, digits {digits!r}; expected one of "
                             f"{sorted(clips)} and digits 0 to 9")  # fmt: skip
        gap = np.zeros(int(GAP * self.network["rate"]))
        pieces = [piece for d in digits for piece in (gap, unpack(clips[voice][int(d)]))]
        whole = np.concatenate([*pieces, gap])
        return whole + NOISE * rng.standard_normal(len(whole))


class Shown:
    """What a notebook shows: what was said and heard; and where the page puts the network."""

    def __init__(self, rows: list[tuple[str, str, str]], place: dict[str, str]) -> None:
        """Args: rows: voice, said, heard; place: attributes for the page's script."""
        self.rows, self.place = rows, place

    def __repr__(self) -> str:
        return "\n".join(f"{said} → {heard}  ({voice})" for voice, said, heard in self.rows)

    def _repr_html_(self) -> str:
        rows = ((voice, said, "→", heard) for voice, said, heard in self.rows)
        return _html.holder("hear", self.place, _html.table(rows))


def show(name: str, strings: Sequence[str] = ("66855", "407", "9138"), seed: int = 1) -> Shown:
    """A recorded network hears digits: a table in a notebook, in the page those that are chosen.

    >>> hear.show("digits")

    Args:
        name: of the network, see :func:`rnncourse.widgets.weights.load`.
        strings: of digits, said by each voice.
        seed: of the noise.

    Raises KeyError for an unknown name, ValueError for no strings and as :meth:`Ear.say`.
    """
    if isinstance(strings, str) or not strings:
        raise ValueError(f"strings is {strings!r}; expected a list of at least one")
    network = weights.load(name)[1]["network"]
    ear, rng = Ear(network), np.random.default_rng(seed)
    rows = [(voice, said, ear.hear(ear.say(said, voice, rng)))
            for voice in (network["known"], network["new"]) for said in strings]  # fmt: skip
    place = {
        "net": name,
        "kilobytes": str(round(weights.size(network) / 1000)),
        "strings": json.dumps(list(strings)),
        "known": f"{100 * network['errors']['known']:.0f}",
        "new": f"{100 * network['errors']['new']:.0f}",
        "voices": json.dumps([network["known"], network["new"]]),
    }
    return Shown(rows, place)
