"""Bach's chorales in four voices, for the runs: pieces, transposing, rules, copied passages.

A piece is an array (T, 4) of MIDI pitches, soprano, alto, tenor, bass, a row a quarter note; -1 is
a rest. The corpus has sixteenths; of each four the first is kept, so passing notes are left out.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from rnncourse import data, music

Array = np.ndarray
Pieces = list[Array]
FILE = "Jsb16thSeparated.npz"
NEEDS = [("music", FILE)]
PARTS = ("train", "valid", "test")
VOICES = music.VOICES
REST = music.REST
SHIFTS = range(-6, 7)  # semitones


@cache
def read() -> dict[str, Pieces]:
    """The pieces of each part, in the corpus's own split."""
    rolls = np.load(data.path("music", FILE), allow_pickle=True, encoding="latin1")
    return {part: [np.nan_to_num(piece[::4], nan=REST).astype(int) for piece in rolls[part]]
            for part in PARTS}  # fmt: skip


@cache
def ranges() -> list[tuple[int, int]]:
    """Lowest and highest pitch of each voice in the training part."""
    steps = np.concatenate(read()["train"])
    sounding = [voice[voice != REST] for voice in steps.T]
    return [(int(voice.min()), int(voice.max())) for voice in sounding]


def transposed(piece: Array, shift: int) -> Array:
    """``shift`` semitones up; rests stay."""
    return np.where(piece == REST, REST, piece + shift)


def shifts_of(piece: Array) -> list[int]:
    """By which all four voices stay in the ranges of the training part; 0 is always one."""
    some = [k for k in SHIFTS if not music.out_of_range(transposed(piece, k), ranges())]
    return sorted({0, *some})


# --- rules ------------------------------------------------------------------------------------


def leaps(piece: Array) -> int:
    """Moves of alto, tenor and bass by more than an octave."""
    before, after = piece[:-1, 1:], piece[1:, 1:]
    return int(((before != REST) & (after != REST) & (abs(after - before) > 12)).sum())


def breaks(pieces: Pieces) -> dict[str, float]:
    """Of each rule, how often it is broken in a hundred steps."""
    steps = sum(map(len, pieces)) / 100
    found = {
        "parallels": sum(len(music.parallels(piece)) for piece in pieces),
        "crossings": sum(len(music.crossings(piece)) for piece in pieces),
        "out of range": sum(len(music.out_of_range(piece, ranges())) for piece in pieces),
        "leaps": sum(map(leaps, pieces)),
    }
    return {rule: round(count / steps, 3) for rule, count in found.items()}


# --- copied -----------------------------------------------------------------------------------


def signs(piece: Array, melody: bool = False) -> tuple[Array, Array]:
    """What does not change when a piece is transposed: of each step its chord, as a number
    (T,), and the soprano's move into it (T,), 99 where a rest is on one side.

    ``melody``: of the soprano alone; every chord is the same then.
    """
    top = piece[:, :1]
    apart = np.where((piece == REST) | (top == REST), 99, top - piece)[:, 1:] + 50
    chord = (0 * apart if melody else apart) @ np.array([40_000, 200, 1])
    rest = top[:, 0] == REST
    move = np.concatenate([[99], np.where(rest[1:] | rest[:-1], 99, np.diff(top[:, 0]))])
    return chord, move


def longest_copied(pieces: Pieces, corpus: Pieces, melody: bool = False) -> list[int]:
    """Of each piece, the longest passage in steps that stands in the corpus, in any key.

    As :func:`rnncourse.music.longest_copied`, for many pieces at once.
    """
    theirs = [signs(piece, melody) for piece in corpus]
    chords, moves = (np.concatenate(some) for some in zip(*theirs, strict=True))
    starts = np.cumsum([0, *map(len, corpus[:-1])])
    found = []
    for piece in pieces:
        run, best = np.zeros(len(chords) + 1, int), 0
        for chord, move in zip(*signs(piece, melody), strict=True):
            same, goes_on = chords == chord, moves == move
            goes_on[starts] = False  # a passage does not go on over the end of a piece
            run[1:] = np.where(same, np.where(goes_on, run[:-1], 0) + 1, 0)
            best = max(best, int(run.max()))
        found.append(best)
    return found


def copied(pieces: Pieces, corpus: Pieces, melody: bool = False) -> dict[str, Any]:
    """Mean, median and longest of :func:`longest_copied`, in steps."""
    runs = longest_copied(pieces, corpus, melody)
    return {"mean": round(float(np.mean(runs)), 2), "median": float(np.median(runs)),
            "longest": max(runs)}  # fmt: skip


# --- judging ----------------------------------------------------------------------------------


def agreement(gold: Sequence[Array], found: Sequence[Array]) -> dict[str, float]:
    """Share of steps at which a voice has Bach's pitch, and at which all three have."""
    same = np.concatenate(gold)[:, 1:] == np.concatenate(found)[:, 1:]
    rows = {voice: same[:, k].mean() for k, voice in enumerate(VOICES[1:])}
    rows |= {"mean": same.mean(), "all three": same.all(axis=1).mean()}
    return {name: round(float(share), 4) for name, share in rows.items()}


def judged(gold: Pieces, found: Pieces, corpus: Pieces) -> dict[str, Any]:
    """All that is measured of harmonisations of the sopranos of ``gold``."""
    return {"accuracy": agreement(gold, found), "breaks": breaks(found),
            "copied": copied(found, corpus)}  # fmt: skip
