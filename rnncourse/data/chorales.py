r"""Four-part phrases under rules, from a Markov chain whose probabilities are known.

A phrase has one chord a quarter note: I, ii, IV, V or vi of a major key, with the root in the bass
and doubled. It begins on I and ends V-I. Each voice stays in its range, no two cross, none move
in parallel fifths or octaves, and steps are small. A chord lasts the more often the weaker the
beat, so whoever predicts the next chord must count the beats, which a table of chord pairs cannot.

The state of the chain is a **voicing**, one of S ways to lay out the chords. All that one may ask
of these phrases has an exact answer, and so every model stands beside what is possible:
:func:`next_bound`, :func:`key_bound`, :func:`chord_posterior`.

N phrases, T steps, S voicings, C chords. Pitches are MIDI's, the four voices from soprano to bass.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse import music
from rnncourse._arrays import check_counts, plain
from rnncourse._types import Array

CHORDS = ("I", "ii", "IV", "V", "vi")
# Pitch classes in C major: root, third, fifth.
TRIADS = ((0, 4, 7), (2, 5, 9), (5, 9, 0), (7, 11, 2), (9, 0, 4))
# To which chord one goes when one leaves a chord; rows and columns as in CHORDS.
LEAVE = np.array([[0.0, 0.2, 0.3, 0.3, 0.2],
                  [0.0, 0.0, 0.0, 0.9, 0.1],
                  [0.25, 0.25, 0.0, 0.5, 0.0],
                  [0.7, 0.0, 0.0, 0.0, 0.3],
                  [0.0, 0.4, 0.5, 0.1, 0.0]])  # fmt: skip
HOLD = (0.05, 0.6, 0.2, 0.6)  # a chord sounds on, by the beat that it would sound on into
LEAPS = (5, 5, 5, 9)  # semitones a voice may move at most: a fourth, the bass a sixth
WIDEST = (12, 12, 19)  # between a voice and the next lower one
RANGES = ((60, 79), (55, 72), (48, 67), (41, 60))


class Voicings(NamedTuple):
    """All layouts in C major."""

    pitches: Array  # (S, 4)
    chord: Array  # (S,), number in CHORDS


class Chain(NamedTuple):
    """The process that phrases of T steps come from."""

    start: Array  # (S,)
    steps: Array  # (T - 1, S, S): from, to; rows that can be reached add up to 1


@functools.cache
def voicings() -> Voicings:
    """Every layout of the five chords that keeps the rules for one chord, in a fixed order."""
    rows, chords = [], []
    for c, (root, third, fifth) in enumerate(TRIADS):
        for upper in itertools.permutations((root, third, fifth)):
            notes = [_pitches(tone, v) for v, tone in enumerate((*upper, root))]
            good = [row for row in itertools.product(*notes) if _well_spaced(row)]
            rows += good
            chords += [c] * len(good)
    return Voicings(np.array(rows), np.array(chords))


def _pitches(tone: int, voice: int) -> range:
    """The pitches of this class in a voice's range."""
    low, high = RANGES[voice]
    return range(low + (tone - low) % 12, high + 1, 12)


def _well_spaced(row: Sequence[int]) -> bool:
    pairs = zip(itertools.pairwise(row), WIDEST, strict=True)
    return all(0 < upper - lower <= most for (upper, lower), most in pairs)


@functools.cache
def chain(T: int = 16) -> Chain:
    r"""Start and steps of phrases of T steps.

    One leaves a chord by LEAVE, for any voicing of the next chord that keeps the rules, each
    alike. Those walks that end V-I are what is left:

    .. math:: p(x_{t+1} | x_t) \propto w_t(x_t, x_{t+1})\, \beta_{t+1}(x_{t+1})

    with β the share of walks that end well from there. Raises ValueError for T below 3.
    """
    check_counts(3, T=T)
    chord = voicings().chord
    ahead, steps = (chord == 0).astype(float), []
    for t in range(T - 1, 0, -1):
        weights = _weights(HOLD[t % 4]) * ahead
        if t == T - 1:
            weights = weights * (chord == 3)[:, None]  # the chord before the last is V
        total = weights.sum(axis=1)
        steps.append(weights / np.where(total > 0, total, 1)[:, None])
        ahead = total
    start = (chord == 0) * ahead
    return Chain(start / start.sum(), np.array(steps[::-1]))


@functools.cache
def _weights(hold: float) -> Array:
    """(S, S): the chord sounds on, or another one follows; rows add up to 1."""
    pitches, chord = voicings()
    allowed = _allowed(pitches)
    moves = np.zeros(allowed.shape)
    for c in range(len(CHORDS)):
        there = allowed & (chord == c)
        count = there.sum(axis=1)[:, None]
        share = there / np.where(count > 0, count, 1)
        moves += LEAVE[chord, c][:, None] * share
    moves /= moves.sum(axis=1, keepdims=True)
    return hold * np.eye(len(chord)) + (1 - hold) * moves


def _allowed(pitches: Array) -> Array:
    """(S, S): small steps, and no parallel fifths, octaves or unisons."""
    moved = pitches[None] - pitches[:, None]  # (from, to, voice)
    good = (abs(moved) <= LEAPS).all(axis=2)
    for upper, lower in itertools.combinations(range(4), 2):
        apart = (pitches[:, upper] - pitches[:, lower]) % 12
        again = (apart[:, None] == apart[None]) & np.isin(apart, (0, 7))
        together = (np.sign(moved[..., upper]) == np.sign(moved[..., lower])) & (
            moved[..., upper] != 0
        )
        good &= ~(again & together)
    return good


def chorales(
    rng: np.random.Generator, N: int, T: int = 16, keys: Sequence[int] = (0,)
) -> tuple[Array, Array]:
    """N phrases: pitches (N, T, 4), and the chord of each step (N, T), a number in CHORDS.

    Args:
        rng: where chance comes from.
        N: how many, 0 or more.
        T: steps of each, 3 or more; four make a bar.
        keys: semitones above C of the keys, one of which is drawn for each phrase, from -5 to 6.

    Raises ValueError for other numbers.
    """
    check_counts(0, N=N)
    if not len(keys) or not all(-5 <= key <= 6 for key in keys):
        raise ValueError(f"keys is {keys}; expected one or more numbers from -5 to 6")
    process, found = chain(T), np.zeros((N, T), int)
    at = np.cumsum(process.start)
    found[:, 0] = np.searchsorted(at, rng.random(N) * at[-1], side="right")
    for t, step in enumerate(process.steps):
        sums = step.cumsum(axis=1)[found[:, t]]
        drawn = rng.random(N)[:, None] * sums[:, -1:]
        found[:, t + 1] = (sums <= drawn).sum(axis=1)
    moved = rng.choice(np.array(keys), N)
    return voicings().pitches[found] + moved[:, None, None], voicings().chord[found]


# --- what is possible --------------------------------------------------------------


def next_bound(T: int = 16) -> float:
    r"""Nats a step that no model of the next chord, as a whole, can go below on average.

    .. math:: -\frac{1}{T - 1} \sum_t \sum_x p_t(x) \sum_{x'} p(x' | x) \ln p(x' | x)

    In one key, where all four pitches are predicted together.
    """
    bounds = [here @ _entropy(step).sum(axis=1) for here, step in _places(T)]
    return float(np.mean(bounds))


def key_bound(T: int = 16) -> float:
    r"""Nats a step that no model with 88 separate keys can go below on average.

    .. math:: \frac{1}{T - 1} \sum_t \sum_x p_t(x) \sum_k H\big(p(\text{key } k | x)\big)

    A key's probability is the sum over all voicings that have it. It is larger than
    :func:`next_bound`, since separate keys cannot say which of them belong together.
    """
    sounds = music.roll(voicings().pitches).astype(float)
    bounds = []
    for here, step in _places(T):
        p = step @ sounds
        bounds.append(here @ (_entropy(p) + _entropy(1 - p)).sum(axis=1))
    return float(np.mean(bounds))


def _places(T: int) -> list[tuple[Array, Array]]:
    """Where phrases are before each step (S,), and the step (S, S)."""
    process, out = chain(T), []
    here = process.start
    for step in process.steps:
        out.append((here, step))
        here = here @ step
    return out


def _entropy(p: Array) -> Array:
    """-p ln p, 0 at 0; sums that rounding has put below 0 count as 0."""
    p = np.maximum(p, 0)
    return -p * np.log(np.where(p > 0, p, 1))


def chord_posterior(sopranos: ArrayLike) -> Array:
    r"""What the soprano alone says of the chords (eq-music-posterior): (N, T) → (N, T, C).

    .. math:: p(c_t | s_1 \dots s_T) \propto \sum_{x: c(x) = c_t} \alpha_t(x) \beta_t(x)

    with sums over all walks through the voicings that have this soprano, by the true numbers of
    the chain. Its largest entry is the best answer there is, step by step. For phrases in C.

    Raises ValueError where a row cannot be the soprano of a phrase.
    """
    found = plain("sopranos", sopranos)
    if found.ndim != 2:
        raise ValueError(f"sopranos has shape {found.shape}; expected (N, T)")
    process, (pitches, chord) = chain(found.shape[1]), voicings()
    fits = found[..., None] == pitches[:, 0]  # (N, T, S)
    ahead, back = _forward(process, fits), _backward(process, fits)
    both = ahead * back
    total = both.sum(axis=2, keepdims=True)
    if not (total > 0).all():
        row = int(np.argwhere(~(total > 0))[0, 0])
        raise ValueError(f"sopranos[{row}] is {found[row].tolist()}; no phrase has this soprano")
    return (both / total) @ np.eye(len(CHORDS))[chord]


def _forward(process: Chain, fits: Array) -> Array:
    """Share of each voicing given the notes up to a step, (N, T, S)."""
    here = process.start * fits[:, 0]
    out = [_scaled(here)]
    for step, fit in zip(process.steps, fits.swapaxes(0, 1)[1:], strict=True):
        out.append(_scaled(out[-1] @ step * fit))
    return np.stack(out, axis=1)


def _backward(process: Chain, fits: Array) -> Array:
    """In proportion to the probability of the notes after a step, (N, T, S)."""
    out = [np.ones(fits[:, 0].shape)]
    for step, fit in zip(process.steps[::-1], fits.swapaxes(0, 1)[:0:-1], strict=True):
        out.append(_scaled((out[-1] * fit) @ step.T))
    return np.stack(out[::-1], axis=1)


def _scaled(rows: Array) -> Array:
    """Each row divided by its sum; rows of zeros stay."""
    total = rows.sum(axis=1, keepdims=True)
    return np.asarray(rows / np.where(total > 0, total, 1))
