"""A folder of a reader's own music, MIDI or MusicXML files, as piano rolls.

For programs that learn from a reader's own files; see :mod:`rnncourse.data.own`. A roll is an
array (T, 88) of 0 and 1, as :func:`rnncourse.music.roll` makes it: which keys sound at each step,
not whether they are struck again or held.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from rnncourse._types import Array
from rnncourse.data.fetch import DataError
from rnncourse.data.own import say

ENDINGS = (".mid", ".midi", ".musicxml", ".mxl", ".xml")
LEAST, MOST = 8, 20_000  # steps of a piece
LOWEST, REST = 21, -1  # MIDI pitch of the first key; what stands for none
Chances = Callable[[Array], Array]


def tune(path: str | Path, read: Callable[[Path], Array]) -> Array:
    """The roll (T, 88) of a file.

    Args:
        read: makes the roll of a file, such as ``lambda file: music.roll(music.read_midi(file))``.

    Raises DataError, naming the file, where ``read`` raises OSError or ValueError; for fewer than
    ``LEAST`` steps or more than ``MOST``; and where no step differs from another.
    """
    try:
        roll = read(Path(path))
    except (OSError, ValueError) as error:
        said = str(error) if str(path) in str(error) else f"{path} cannot be read: {error}"
        raise DataError(said) from error
    if not LEAST <= len(roll) <= MOST:
        raise DataError(f"{path} has {len(roll)} steps; expected {LEAST} to {MOST}")
    if (roll == roll[0]).all():
        raise DataError(f"{path} is one chord from beginning to end; expected a change")
    return roll


def folder(path: str | Path, read: Callable[[Path], Array], at_least: int = 10) -> list[Array]:
    """The rolls of a folder's files, in the order of their names; prints what it found.

    A file that :func:`tune` refuses is named and left out. Raises DataError where the folder
    cannot be read, or has fewer than ``at_least`` different pieces: one in two keys counts once.
    """
    place = Path(path)
    if not place.is_dir():
        what = "is no folder" if place.exists() else "cannot be read: there is no such folder"
        raise DataError(f"{path} {what}; expected one with a MIDI or MusicXML file for each piece")
    found, skipped = [], []
    for file in sorted(one for one in place.iterdir() if one.suffix.lower() in ENDINGS):
        try:
            found.append(tune(file, read))
        except DataError as error:
            skipped.append(str(error))
    different = len(set(map(signature, found)))
    if different < at_least:
        raise DataError(f"{path} has {different} different pieces in files "
                        f"{', '.join('*' + one for one in ENDINGS)}; expected at least {at_least}"
                        + "".join(f"; {one}" for one in skipped))  # fmt: skip
    for one in skipped:
        say("left out: {}", one)
    say("{} pieces, {} steps", len(found), sum(map(len, found)))
    return found


def signature(roll: Array) -> bytes:
    """The same for a piece in every key, so that no copy of it stands on both sides of a split."""
    lowest = int(roll.any(axis=0).argmax())
    return np.roll(roll, -lowest, axis=1).tobytes()


def shifted(roll: Array, shift: int) -> Array:
    """A roll (T, 88) in another key, by semitones; as it is where a note would leave the piano."""
    sounding = np.flatnonzero(roll.any(axis=0))
    inside = not len(sounding) or 0 <= sounding[0] + shift <= sounding[-1] + shift < roll.shape[1]
    return np.roll(roll, shift, axis=1) if inside else roll


def tables(rolls: Sequence[Array]) -> tuple[Chances, Chances]:
    """What comes next, counted: two functions from a roll (T, 88) to the probability of each key
    at its later steps (T - 1, 88).

    One goes by whether the key sounded a step before; the other by the whole chord before, with
    the first one's probability as one more count.
    """
    before, after = (np.concatenate([r[part] for r in rolls]) for part in (np.s_[:-1], np.s_[1:]))
    here = np.stack([before == 0, before == 1])
    off, on = ((here * after).sum(axis=1) + 0.1) / (here.sum(axis=1) + 1)
    chords: dict[bytes, tuple[int, Array]] = {}
    nothing = 0, np.zeros(before.shape[1])
    for chord, then in zip(before > 0, after, strict=True):
        count, keys = chords.get(chord.tobytes(), nothing)
        chords[chord.tobytes()] = count + 1, keys + then

    def repeat(roll: Array) -> Array:
        return np.where(roll[:-1] > 0, on, off)

    def markov(roll: Array) -> Array:
        found = [chords.get(chord.tobytes(), nothing) for chord in roll[:-1] > 0]
        counts, keys = (np.array(some) for some in zip(*found, strict=True))
        return np.asarray((keys + repeat(roll)) / (counts[:, None] + 1))

    return repeat, markov


def voices(*rolls: Array) -> list[Array]:
    """The pitches of rolls (T, 88) as grids (T, V), at each step from the highest key down.

    V is the largest number of keys at a step of any of them; -1 stands where there is none.
    """
    V = max([1, *(int((roll > 0).sum(axis=1).max(initial=0)) for roll in rolls)])
    found = []
    for roll in rolls:
        grid = np.full((len(roll), V), REST)
        for row, keys in zip(grid, roll > 0, strict=True):
            pitches = np.flatnonzero(keys)[::-1] + LOWEST
            row[: len(pitches)] = pitches
        found.append(grid)
    return found
