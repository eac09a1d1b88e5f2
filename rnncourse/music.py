r"""Music in several voices: grids of pitches, piano rolls, names, rules, sound, files.

A piece is an array (T, V) of MIDI pitches, one row a step (a quarter note unless said), one column
a voice, the highest first; four columns are soprano, alto, tenor, bass. A pitch is a number of
semitones, 60 the middle C; -1 is a rest. The piano has the pitches 21 to 108, and a piano roll
(T, 88) has key k = pitch - 21.

A grid does not say whether a pitch that comes twice in a row is held or struck again. Here it is
held: it counts as no movement, is one long note in files, and a dash in numbered notation.
"""

import importlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_counts, plain
from rnncourse._types import Array

REST = -1
LOWEST, KEYS = 21, 88  # the piano: A0, and how many keys
VOICES = ("soprano", "alto", "tenor", "bass")
# The usual ranges of a choir, lowest and highest pitch: C4-A5, F3-D5, C3-A4, E2-D4.
RANGES = ((60, 81), (53, 74), (48, 69), (40, 62))
_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_DEGREES = ("1", "#1", "2", "b3", "3", "4", "#4", "5", "b6", "6", "b7", "7")
_SILENT = -2  # a row between pieces that equals no other


def _grid(name: str, voices: ArrayLike, least: int = 1) -> Array:  # integers (…, V), checked
    found = plain(name, voices)
    if found.dtype.kind not in "iu" or found.ndim < least:
        raise ValueError(f"{name} is of {found.dtype} and shape {found.shape}; expected whole "
                         f"numbers with {least} axes or more")  # fmt: skip
    bad = (found != REST) & ((found < LOWEST) | (found >= LOWEST + KEYS))
    if bad.any():
        raise ValueError(f"{name} holds {found[bad][0]}; expected pitches from {LOWEST} to "
                         f"{LOWEST + KEYS - 1}, or {REST} for a rest")  # fmt: skip
    return found.astype(np.int64)


def _piece(name: str, voices: ArrayLike) -> Array:  # the same for one piece (T, V)
    found = _grid(name, voices, 2)
    if found.ndim != 2:
        raise ValueError(f"{name} has shape {found.shape}; expected one piece, (T, V)")
    return found


# --- rolls and names ---------------------------------------------------------------


def roll(voices: ArrayLike) -> Array:
    r"""Which keys sound (eq-music-roll): pitches (…, V) → 0 or 1, float32 (…, 88).

    .. math:: x_{t, k} = 1 \text{ where a voice has the pitch } k + 21, \text{ else } 0

    Two voices on one key are one 1, and which voice sings what is lost. Raises ValueError for
    pitches outside of the piano, or numbers that are not whole.
    """
    found = _grid("voices", voices)
    keys = np.zeros((*found.shape[:-1], KEYS + 1), np.float32)  # the last column takes the rests
    np.put_along_axis(keys, np.where(found == REST, KEYS, found - LOWEST), 1, axis=-1)
    return keys[..., :KEYS]


def note_name(pitch: int) -> str:
    """Name and octave, as "C4" for 60; a dash for a rest. Black keys have one name each.

    Raises ValueError for a number that is no pitch of the piano.
    """
    found = int(_grid("pitch", [pitch])[0])
    return "–" if found == REST else f"{_NAMES[found % 12]}{found // 12 - 1}"


def jianpu(voice: ArrayLike, key: int = 60) -> str:
    """A voice (T,) in numbered notation, 简谱: 1 to 7, dots above and below for octaves.

    ``key`` is the pitch that is written 1 without a dot; of a minor key it is the tonic of the
    major key with the same signs, so that minor begins on 6. 0 is a rest, a dash holds the note
    before, # and b raise and lower. Signs are separated by spaces, four to a bar.

    Raises ValueError where the voice has more than one axis, or holds no pitches.
    """
    found = _grid("voice", voice)
    if found.ndim != 1:
        raise ValueError(f"voice has shape {found.shape}; expected one voice, (T,)")
    signs = []
    for t, pitch in enumerate(found):
        held = t > 0 and pitch == found[t - 1] != REST
        signs.append("–" if held else _sign(int(pitch), key))
    bars = [" ".join(signs[start : start + 4]) for start in range(0, len(signs), 4)]
    return " | ".join(bars)


def _sign(pitch: int, key: int) -> str:
    """One note: dots are combining characters, U+0307 above and U+0323 below."""
    if pitch == REST:
        return "0"
    octave, degree = divmod(pitch - key, 12)
    return _DEGREES[degree] + ("\u0307" * octave if octave > 0 else "\u0323" * -octave)


def transpose(voices: ArrayLike, steps: int) -> Array:
    """All pitches of (…, V) moved by a number of semitones; rests stay rests.

    Raises ValueError where a pitch leaves the piano.
    """
    found = _grid("voices", voices)
    return _grid(f"voices moved by {steps}", np.where(found == REST, REST, found + steps))


# --- rules -------------------------------------------------------------------------


class Parallel(NamedTuple):
    """Two voices that move in parallel fifths or octaves."""

    step: int  # where they arrive
    upper: int  # number of the voice, 0 the highest
    lower: int
    interval: int  # 7 a fifth, 0 an octave or unison, octaves between left out


def parallels(voices: ArrayLike) -> list[Parallel]:
    """Consecutive fifths and octaves of a piece (T, V), by step.

    Two voices are a fifth (or an octave, or a unison) apart, both move in the same direction, and
    they are it again. An octave more or less between them does not matter. Held notes and rests
    make none. Raises ValueError for anything but one piece.
    """
    found, out = _piece("voices", voices), []
    moved = np.where((found[1:] == REST) | (found[:-1] == REST), 0, np.sign(np.diff(found, axis=0)))
    for upper in range(found.shape[1]):
        for lower in range(upper + 1, found.shape[1]):
            apart = abs(found[:, upper] - found[:, lower]) % 12
            same = (moved[:, upper] == moved[:, lower]) & (moved[:, upper] != 0)
            for interval in (7, 0):
                again = same & (apart[1:] == interval) & (apart[:-1] == interval)
                steps = np.flatnonzero(again) + 1
                out += [Parallel(int(t), upper, lower, interval) for t in steps]
    return sorted(out)


def crossings(voices: ArrayLike) -> list[tuple[int, int]]:
    """(step, v) where voice v sounds below its lower neighbour v + 1; both must sound."""
    found = _piece("voices", voices)
    upper, lower = found[:, :-1], found[:, 1:]
    crossed = (upper < lower) & (upper != REST)
    return [(int(t), int(v)) for t, v in np.argwhere(crossed)]


def out_of_range(
    voices: ArrayLike, ranges: Sequence[tuple[int, int]] = RANGES
) -> list[tuple[int, int]]:
    """(step, v) where voice v is below or above its range. Raises ValueError where the ranges are
    not as many as the voices.
    """
    found, bounds = _piece("voices", voices), np.array(ranges)
    if len(bounds) != found.shape[1]:
        raise ValueError(f"ranges has {len(bounds)} rows; the piece has {found.shape[1]} voices")
    outside = (found != REST) & ((found < bounds[:, 0]) | (found > bounds[:, 1]))
    return [(int(t), int(v)) for t, v in np.argwhere(outside)]


# --- originality -------------------------------------------------------------------


def longest_copied(
    piece: ArrayLike, corpus: Sequence[ArrayLike], per: str = "step", transposed: bool = True
) -> int:
    """The longest run of a piece (T, V) that stands in one piece of the corpus, in steps.

    Args:
        piece: what may be copied.
        corpus: pieces (T', V) of as many voices.
        per: "step" counts steps; "change" first makes one step of equal neighbours, so that a
            chord that is held counts once.
        transposed: a run that was moved as a whole, by any number of semitones, is copied too.

    A run begins with a step in which something sounds; silence inside equals silence. Compare
    the number with the real pieces' own, each against the others: some runs are everybody's.
    Raises ValueError for another ``per`` or numbers of voices that differ.
    """
    if per not in ("step", "change"):
        raise ValueError(f'per is {per!r}; expected "step" or "change"')
    found = _changes(_piece("piece", piece), per)
    others = [_changes(_piece(f"corpus[{i}]", one), per) for i, one in enumerate(corpus)]
    for i, one in enumerate(others):
        if one.shape[1] != found.shape[1]:
            raise ValueError(f"corpus[{i}] has {one.shape[1]} voices; the piece has "
                             f"{found.shape[1]}")  # fmt: skip
    gap = np.full((1, found.shape[1]), _SILENT)
    every = np.concatenate([gap, *[row for one in others for row in (one, gap)]])
    return _longest(found, every, transposed)


def _changes(piece: Array, per: str) -> Array:  # all steps, or those that differ from the last
    if per == "step" or len(piece) < 2:
        return piece
    return piece[np.append(True, (piece[1:] != piece[:-1]).any(axis=1))]


def _longest(piece: Array, every: Array, transposed: bool) -> int:
    """Row by row: the run that ends here and there is the one before both, and 1."""
    runs, shifts, best = np.zeros(len(every), int), np.zeros(len(every), int), 0
    rests = every == REST
    for row in piece:
        before, shift_before = np.roll(runs, 1), np.roll(shifts, 1)
        sounds = row != REST
        equal = (rests == ~sounds).all(axis=1) & (every[:, 0] != _SILENT)
        if sounds.any():
            moved = row[sounds] - every[:, sounds]
            shifts = moved[:, 0]
            equal &= (moved == shifts[:, None]).all(axis=1) & (transposed | (shifts == 0))
            runs = np.where(equal, np.where(shifts == shift_before, before, 0) + 1, 0)
        else:  # silence has no pitch: it goes on with the shift there was
            shifts, runs = shift_before, np.where(equal & (before > 0), before + 1, 0)
        best = max(best, int(runs.max()))
    return best


# --- sound -------------------------------------------------------------------------


def frequency(pitch: ArrayLike) -> Array:
    r"""Hertz of a pitch (eq-music-frequency): :math:`440 \cdot 2^{(p - 69) / 12}`."""
    return np.asarray(440.0 * 2.0 ** ((np.asarray(pitch, np.float64) - 69) / 12))


def synthesize(voices: ArrayLike, rate: int = 16000, seconds: float = 0.5) -> Array:
    """A piece (T, V) as sound: (n,) float32 in [-1, 1], n = round(T · seconds · rate).

    Each note is a sum of its first four overtones, rises in 20 ms and falls in 50 ms; a pitch
    that comes again in the next step is held. The sum is divided by what all voices could reach
    together, so nothing is ever cut off. Overtones above rate / 2 are left out.

    Raises ValueError for a rate below 9,000, seconds that do not fit a note, or no piece.
    """
    found = _piece("voices", voices)
    check_counts(9000, rate=rate)  # so that each key has its tone
    if not 0.1 <= seconds <= 60:
        raise ValueError(f"seconds is {seconds}; expected 0.1 to 60")
    n = round(len(found) * seconds * rate)
    sound = np.zeros(n)
    for voice in found.T:
        for pitch, start, end in _notes(voice):
            first, last = round(start * seconds * rate), round(end * seconds * rate)
            sound[first:last] += _tone(float(frequency(pitch)), last - first, rate)
    return (sound / max(1, found.shape[1])).astype(np.float32)


def _notes(voice: Array) -> list[tuple[int, int, int]]:
    """(pitch, first step, step after the last) of each note; equal neighbours are one."""
    edges = np.flatnonzero(np.diff(voice)) + 1
    borders = [0, *edges.tolist(), len(voice)] if len(voice) else [0]
    return [(int(voice[a]), a, b) for a, b in itertools.pairwise(borders) if voice[a] != REST]


def _tone(hertz: float, n: int, rate: int) -> Array:
    """Overtones 1 to 4, each half as loud as the one before, at most 1 in all, (n,)."""
    at = np.arange(n) / rate
    loud = [0.5**k if (k + 1) * hertz < rate / 2 else 0.0 for k in range(4)]
    wave = sum(a * np.sin(2 * np.pi * (k + 1) * hertz * at) for k, a in enumerate(loud))
    rise, fall = np.minimum(1, at / 0.02), np.minimum(1, (n / rate - at) / 0.05)
    return np.asarray(wave * rise * fall / 1.875)


# --- files, by music21 -------------------------------------------------------------


def _music21() -> Any:
    """The library, or an error that says how to get it."""
    try:
        return importlib.import_module("music21")
    except ImportError as error:
        raise ImportError("music21 reads and writes the files, and is not installed: "
                          "pip install music21") from error  # fmt: skip


def to_score(voices: ArrayLike, step: float = 1.0, tempo: float = 80.0) -> Any:
    """A piece (T, V) as a music21 ``Score`` with one part a voice.

    Args:
        voices: the pitches.
        step: quarter notes a row, 0.25 on a grid of sixteenths.
        tempo: quarter notes a minute.

    Raises ImportError without music21, ValueError where there is no step.
    """
    found = _piece("voices", voices)
    if not len(found):
        raise ValueError("voices has no step; expected one or more")
    m21 = _music21()
    score = m21.stream.Score()
    for v, voice in enumerate(found.T):
        part = m21.stream.Part(id=VOICES[v] if found.shape[1] == 4 else f"voice {v + 1}")
        part.partName = part.id
        if v == 0:
            part.insert(0, m21.tempo.MetronomeMark(number=tempo))
        part.insert(0, m21.meter.TimeSignature("4/4"))
        for pitch, start, end in _notes(voice):
            note = m21.note.Note(pitch, quarterLength=(end - start) * step)
            part.insert(start * step, note)
        part.makeRests(fillGaps=True, inPlace=True, timeRangeFromBarDuration=False,
                       refStreamOrTimeRange=[0, len(found) * step])  # fmt: skip
        score.insert(0, part)
    return score


def write_midi(voices: ArrayLike, path: str | Path, step: float = 1.0, tempo: float = 80.0) -> None:
    """Write a piece (T, V) as a MIDI file. Errors as :func:`to_score`."""
    to_score(voices, step, tempo).write("midi", fp=str(path))


def write_musicxml(
    voices: ArrayLike, path: str | Path, step: float = 1.0, tempo: float = 80.0
) -> None:
    """Write a piece (T, V) as MusicXML, for a program that prints notes. Errors as
    :func:`to_score`.
    """
    to_score(voices, step, tempo).write("musicxml", fp=str(path))


def read_midi(path: str | Path, step: float = 1.0) -> Array:
    """A MIDI or MusicXML file as pitches (T, V), what sounds at each multiple of ``step``.

    Each part is a voice where parts have one note at a time; otherwise voices are counted from
    the highest note down at each step, as many as ever sound together. Drums are left out, and
    so are notes that begin and end between two steps, silence before the first note and after
    the last.

    Args:
        path: the file.
        step: quarter notes a row.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be read, or holds no pitch; the message names it.
        ImportError: music21 is missing.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if not step > 0:
        raise ValueError(f"step is {step}; expected a number above 0")
    m21 = _music21()
    try:
        score = _parsed(m21, Path(path))
    except Exception as error:  # music21 raises many kinds, of its own and Python's
        raise ValueError(f"{path} cannot be read as music: {error}") from error
    parts = [found for part in score.parts or [score] if (found := _sounding(part, step))]
    if not parts:
        raise ValueError(f"{path} holds no note with a pitch at any step of {step} quarter notes")
    return _as_grid(parts)


def _parsed(m21: Any, path: Path) -> Any:
    """MIDI from its bytes, since music21 leaves a broken file open; the rest by its suffix."""
    raw = path.read_bytes()
    if raw[:4] != b"MThd" and path.suffix.lower() not in (".mid", ".midi"):
        return m21.converter.parse(str(path), forceSource=True)
    file = m21.midi.MidiFile()
    file.readstr(raw)
    return m21.midi.translate.midiFileToStream(file)


def _sounding(part: Any, step: float) -> dict[int, list[int]]:
    """Step → pitches of one part that sound there, the highest first."""
    if any(
        getattr(i, "midiChannel", None) == 9
        for i in part.recurse().getElementsByClass("Instrument")
    ):
        return {}
    found: dict[int, set[int]] = {}
    for note in part.flatten().notes:
        pitches = [p.midi for p in getattr(note, "pitches", ())]  # drums have none
        start, end = float(note.offset), float(note.offset + note.quarterLength)
        for t in range(int(np.ceil(start / step - 1e-6)), int(np.ceil(end / step - 1e-6))):
            good = {p for p in pitches if LOWEST <= p < LOWEST + KEYS}
            found.setdefault(t, set()).update(good)
    return {t: sorted(pitches, reverse=True) for t, pitches in found.items() if pitches}


def _as_grid(parts: list[dict[int, list[int]]]) -> Array:
    """Parts that have one note at a time side by side, others counted from above."""
    first, last = min(min(p) for p in parts), max(max(p) for p in parts)
    if any(len(pitches) > 1 for part in parts for pitches in part.values()):
        union = {t: sorted({p for part in parts for p in part.get(t, [])}, reverse=True)
                 for t in range(first, last + 1)}  # fmt: skip
        V = max(map(len, union.values()))
        parts = [{t: row[v : v + 1] for t, row in union.items() if row[v:]} for v in range(V)]
    grid = np.full((last - first + 1, len(parts)), REST)
    for v, part in enumerate(parts):
        for t, pitches in part.items():
            grid[t - first, v] = pitches[0]
    return grid
