"""Music: the chapter's hand calculations, its clinic, and what it says of the records."""

import numpy as np
import pytest

from rnncourse import data, music
from rnncourse.data import chorales
from rnncourse.nn import functional


def test_the_loss_by_hand():
    """Three keys, of which the first and the third sound."""
    p, sounds = np.array([0.9, 0.2, 0.1]), np.array([1, 0, 1])
    parts = -np.log(np.where(sounds == 1, p, 1 - p))
    assert parts.round(3).tolist() == [0.105, 0.223, 2.303]
    assert parts.sum().round(3) == 2.631
    assert parts.mean().round(3) == 0.877
    loss, slopes = functional.binary_cross_entropy(np.log(p / (1 - p)), sounds)
    assert 3 * loss == pytest.approx(parts.sum())
    assert (3 * slopes).round(1).tolist() == [-0.1, 0.2, -0.9]


def test_the_notes_by_hand():
    assert music.frequency([69, 81]).tolist() == [440, 880]
    assert music.note_name(60) == "C4"
    keys = music.roll([72, 67, 64, 48])
    assert np.flatnonzero(keys).tolist() == [27, 43, 46, 51]
    assert round(1 - float(keys.mean()), 3) == 0.955  # silence is right in 84 of 88


def test_the_bounds_that_the_page_prints():
    assert len(chorales.voicings().chord) == 54
    assert round(chorales.key_bound(), 2) == 5.93
    assert round(chorales.next_bound(), 2) == 1.49


def test_a_c_stands_in_three_chords():
    chords = {name for name, triad in zip(chorales.CHORDS, chorales.TRIADS, strict=True)
              if 0 in triad}  # fmt: skip
    assert chords == {"I", "IV", "vi"}


def test_chords_are_held_on_weak_beats():
    """What the table of pairs lacks: a chord sounds on into beats 2 and 4 more often."""
    pieces, _ = chorales.chorales(np.random.default_rng(1), 400)
    held = (pieces[:, 1:] == pieces[:, :-1]).all(axis=2).mean(axis=0)  # into steps 1 to 15
    assert min(held[0::2][:7]) > max(held[1::2]) + 0.2


def test_separate_keys_make_no_chord():
    """Two chords equally likely: half of the keys of each come out, by the true probabilities."""
    layouts = music.roll(chorales.voicings().pitches)
    two = layouts[[0, 20]]
    rng = np.random.default_rng(0)
    drawn = rng.random((2000, 88)) < two.mean(axis=0)
    known = {row.tobytes() for row in layouts.astype(bool)}
    assert np.mean([row.tobytes() in known for row in drawn]) < 0.3


def test_quiz():
    """0.09 as a mean over the keys; parallel fifths an octave apart; 88% of the chords."""
    assert round(88 * 0.09, 1) == 7.9
    assert music.parallels([[67, 48], [69, 50]]) == [(1, 0, 1, 7)]
    pieces, chords = chorales.chorales(np.random.default_rng(3), 3000)
    right = (chorales.chord_posterior(pieces[..., 0]).argmax(axis=2) == chords).mean()
    assert 0.875 < right < 0.895


def test_transposed_copies_are_found():
    pieces, _ = chorales.chorales(np.random.default_rng(2), 3)
    moved = [music.transpose(piece, 3) for piece in pieces]
    assert [music.longest_copied(piece, moved) for piece in pieces] == [16, 16, 16]


def test_what_the_page_says_of_the_tunes():
    """As before saves half in the tunes, a twentieth in the chorales."""
    base = data.recorded("real_music")["baselines"]
    saved = {name: 1 - row["as before"] / row["frequency"] for name, row in base.items()}
    assert saved["nottingham"] == pytest.approx(0.5, abs=0.03)
    assert saved["jsb"] == pytest.approx(0.05, abs=0.01)


def test_what_the_page_says_of_bach():
    """Alone agrees most and makes a parallel at about every fourth step, the chain far fewer; it
    copies about as long runs as Bach's chorales share, the others shorter ones."""
    record = data.recorded("real_chorales")
    mean = {name: way["greedy"]["accuracy"]["mean"] for name, way in record["simple"].items()}
    alone, chain, leak = (record["networks"][name] for name in ("alone, keys", "chain, keys",
                                                               "chain, leak"))  # fmt: skip
    greedy = [way["rows"]["greedy"] for way in (alone, chain)]
    agree = [row["accuracy"]["mean"]["mean"] for row in greedy]
    assert agree[0] > agree[1] > max(mean.values())
    breaks = [row["breaks"]["parallels"]["mean"] for row in greedy]
    assert 18 < breaks[0] < 30
    assert breaks[1] < 0.5 * breaks[0]
    assert leak["nll"]["all"]["mean"] < chain["nll"]["all"]["mean"] - 0.3
    copied = [row["copied"]["mean"]["mean"] for row in greedy]
    simple = [way["greedy"]["copied"]["mean"] for way in record["simple"].values()]
    his = record["bach"]["copied"]["mean"]
    assert copied[1] == pytest.approx(his, abs=0.3)
    assert max(copied[0], *simple) < his


def test_rules_that_are_masked_are_kept():
    rows = data.recorded("real_live_chorales")["shown"]["rows"]
    kept, free = rows["greedy, rules kept"], rows["greedy"]
    assert kept["breaks"]["parallels"] == kept["breaks"]["crossings"] == 0
    assert -kept["log p"] > -free["log p"]
