"""Four-part phrases: rules that all of them keep, and bounds against brute force."""

import itertools

import numpy as np
import pytest

from rnncourse import music
from rnncourse.data import chorales


def test_phrases_keep_the_rules():
    pieces, chords = chorales.chorales(np.random.default_rng(5), 150, 13, keys=(-5, 0, 6))
    assert pieces.shape == (150, 13, 4)
    assert (chords[:, 0] == 0).all()
    assert (chords[:, -2:] == [3, 0]).all()
    for piece in pieces:
        assert not music.parallels(piece)
        assert not music.crossings(piece)
    moved = abs(np.diff(pieces, axis=1))
    assert (moved <= chorales.LEAPS).all()
    keys = {int(piece[-1, 3]) % 12 for piece in pieces}
    assert keys == {7, 0, 6}  # every phrase ends on its tonic


def test_in_c_all_voices_are_in_range_and_chords_are_true():
    pieces, chords = chorales.chorales(np.random.default_rng(1), 100)
    assert all(not music.out_of_range(piece) for piece in pieces)
    for row, chord in zip(pieces.reshape(-1, 4), chords.ravel(), strict=True):
        assert set((row % 12).tolist()) == set(chorales.TRIADS[chord])
        assert row[3] % 12 == chorales.TRIADS[chord][0]


def test_the_same_generator_gives_the_same_phrases():
    first, again = (chorales.chorales(np.random.default_rng(3), 7)[0] for _ in range(2))
    assert (first == again).all()
    assert chorales.chorales(np.random.default_rng(3), 0)[0].shape == (0, 16, 4)


@pytest.mark.parametrize("T", [3, 7, 16])
def test_the_chain_is_one(T):
    """Rows add up to 1 wherever a phrase can be, and nothing leads to a dead end."""
    process = chorales.chain(T)
    here = process.start
    assert here.sum() == pytest.approx(1)
    for step in process.steps:
        np.testing.assert_allclose(step[here > 0].sum(axis=1), 1)
        here = here @ step
    assert here.sum() == pytest.approx(1)
    assert here[chorales.voicings().chord != 0].sum() == 0


def walks(T):
    """Every phrase of T steps as voicings, with its probability."""
    process = chorales.chain(T)
    out = {(int(i),): process.start[i] for i in np.flatnonzero(process.start)}
    for step in process.steps:
        out = {(*path, int(j)): p * step[path[-1], j]
               for path, p in out.items() for j in np.flatnonzero(step[path[-1]])}  # fmt: skip
    return out


def test_bounds_against_all_phrases():
    T = 4
    every, process = walks(T), chorales.chain(T)
    assert sum(every.values()) == pytest.approx(1)
    total = keys = 0.0
    rolls = music.roll(chorales.voicings().pitches)
    for path, p in every.items():
        for step, (a, b) in zip(process.steps, itertools.pairwise(path), strict=True):
            total -= p * np.log(step[a, b])
            sounds = np.clip(step[a] @ rolls, 1e-300, 1 - 1e-16)
            keys -= p * np.log(np.where(rolls[b] == 1, sounds, 1 - sounds)).sum()
    assert chorales.next_bound(T) == pytest.approx(total / (T - 1))
    assert chorales.key_bound(T) == pytest.approx(keys / (T - 1), rel=1e-6)
    assert chorales.key_bound() > chorales.next_bound()


def test_posterior_against_all_phrases():
    pitches, chord = chorales.voicings()
    pieces, _ = chorales.chorales(np.random.default_rng(2), 3, 4)
    found = chorales.chord_posterior(pieces[..., 0])
    for soprano, shares in zip(pieces[..., 0], found, strict=True):
        expected = np.zeros((4, 5))
        for path, p in walks(4).items():
            if (pitches[list(path), 0] == soprano).all():
                expected[np.arange(4), chord[list(path)]] += p
        np.testing.assert_allclose(shares, expected / expected.sum(axis=1)[:, None], atol=1e-12)


def test_the_posterior_promises_what_it_keeps():
    pieces, chords = chorales.chorales(np.random.default_rng(0), 2000)
    shares = chorales.chord_posterior(pieces[..., 0])
    right = (shares.argmax(axis=2) == chords).mean()
    assert right == pytest.approx(shares.max(axis=2).mean(), abs=0.01)
    assert right > 0.85


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: chorales.chorales(rng, -1), "N is -1"),
        (lambda rng: chorales.chorales(rng, 2, 2), "T is 2; expected at least 3"),
        (lambda rng: chorales.chorales(rng, 2, keys=()), r"keys is \(\)"),
        (lambda rng: chorales.chorales(rng, 2, keys=(7,)), r"keys is \(7,\)"),
        (lambda _: chorales.chord_posterior([60, 62, 64]), r"sopranos has shape \(3,\)"),
        (lambda _: chorales.chord_posterior([[72, 71, 72], [72, 72, 72]]),
         r"sopranos\[1\] is \[72, 72, 72\]; no phrase"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))
