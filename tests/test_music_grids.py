"""Grids of pitches: rolls, names, rules, copies, sound, and files that come back."""

import sys

import numpy as np
import pytest

from rnncourse import music

PIECE = np.array([[72, 67, 64, 48], [72, 65, 60, 53], [71, 67, 62, 55], [72, -1, 64, 48],
                  [72, 67, 64, 48]])  # fmt: skip


def test_roll_by_hand():
    keys = music.roll([[60, 60, -1, 21], [-1, -1, -1, 108]])
    assert keys.shape == (2, 88)
    assert keys.dtype == np.float32
    assert np.flatnonzero(keys[0]).tolist() == [0, 39]  # two voices on one key are one
    assert np.flatnonzero(keys[1]).tolist() == [87]
    assert music.roll(np.full((2, 3, 4), music.REST)).sum() == 0


def test_names():
    names = [music.note_name(p) for p in (60, 69, 70, 21, 108, 66, -1)]
    assert names == ["C4", "A4", "B♭4", "A0", "C8", "F♯4", "–"]


def test_numbered_notation_by_hand():
    """F major: F is 1; the octave's dots, a held note, a rest, a raised fourth; four to a bar."""
    written = music.jianpu([65, 67, 67, 77, -1, 64, 53, 71], key=65)
    assert written == "1 2 – 1\u0307 | 0 7\u0323 1\u0323 #4"
    assert music.jianpu([69, 71, 72], key=60) == "6 7 1\u0307"  # A minor begins on 6
    assert music.jianpu(np.zeros(0, int)) == ""


def test_transposition():
    moved = music.transpose(PIECE, -3)
    assert moved[3, 1] == music.REST
    assert (music.transpose(moved, 3) == PIECE).all()
    with pytest.raises(ValueError, match="voices moved by 40 holds 112"):
        music.transpose(PIECE, 40)


def test_parallels_by_hand():
    """Bass and tenor go up a step together a fifth apart, bass and alto an octave apart."""
    assert music.parallels(PIECE) == [(2, 1, 3, 0), (2, 2, 3, 7)]
    held = np.array([[67, 60], [67, 60], [72, 65], [71, 53]])
    assert music.parallels(held) == [(2, 0, 1, 7)]  # a held fifth is none
    contrary = np.array([[67, 60], [72, 53]])  # a fifth to a twelfth, apart from each other
    assert music.parallels(contrary) == []
    assert music.parallels([[79, 60], [81, 62]]) == [(1, 0, 1, 7)]  # a twelfth is a fifth
    assert music.parallels([[60, 60], [62, 62]]) == [(1, 0, 1, 0)]
    assert music.parallels([[67, 60], [-1, 62], [69, 62]]) == []
    assert music.parallels(np.zeros((0, 4), int)) == []


def test_crossings_and_ranges():
    piece = [[72, 67, 64, 48], [60, 64, 64, -1], [84, -1, 70, 65]]
    assert music.crossings(piece) == [(1, 0)]
    assert music.out_of_range(piece) == [(2, 0), (2, 2), (2, 3)]
    with pytest.raises(ValueError, match="ranges has 4 rows; the piece has 2 voices"):
        music.out_of_range([[60, 50]])


def slow_copied(piece, corpus, transposed):
    """Every run of the piece against every run of the corpus."""
    best = 0
    for i in range(len(piece)):
        for other in corpus:
            for j in range(len(other)):
                n = 0
                while i + n < len(piece) and j + n < len(other):
                    a, b = np.ravel(piece[i : i + n + 1]), np.ravel(other[j : j + n + 1])
                    shifts = {x - y for x, y in zip(a, b, strict=True) if -1 not in (x, y)}
                    rests = ((a == -1) == (b == -1)).all() and (piece[i] != -1).any()
                    if not rests or len(shifts) > 1 or not (transposed or shifts <= {0}):
                        break
                    n += 1
                best = max(best, n)
    return best


@pytest.mark.parametrize("transposed", [False, True])
def test_copies_are_those_of_brute_force(transposed):
    rng = np.random.default_rng(4)
    for _ in range(40):
        lengths = rng.integers(0, 9, 4)
        *corpus, piece = [rng.choice([-1, 60, 61, 62], (n, 2), p=[0.4, 0.2, 0.2, 0.2])
                          for n in lengths]  # fmt: skip
        found = music.longest_copied(piece, corpus, transposed=transposed)
        assert found == slow_copied(piece, corpus, transposed)


def test_copies_by_hand():
    moved = music.transpose(PIECE[1:], 5)
    assert music.longest_copied(PIECE, [moved]) == 4
    assert music.longest_copied(PIECE, [moved], transposed=False) == 0
    held = np.repeat(PIECE[:3], [4, 1, 2], axis=0)
    assert music.longest_copied(held, [PIECE]) == 3
    assert music.longest_copied(held, [PIECE], per="change") == 3
    assert music.longest_copied(held, [held]) == 7
    assert music.longest_copied(PIECE, []) == 0
    # Not from one piece into the next.
    assert music.longest_copied(PIECE, [PIECE[:2], PIECE[2:]]) == 3


def loudest(sound, rate):
    return np.fft.rfftfreq(len(sound), 1 / rate)[abs(np.fft.rfft(sound)).argmax()]


def test_the_sound_has_the_pitches():
    piece = np.array([[69, -1], [72, 48], [72, -1]])
    sound = music.synthesize(piece, rate=16000, seconds=0.5)
    assert sound.shape == (24000,)
    assert sound.dtype == np.float32
    assert loudest(sound[:8000], 16000) == pytest.approx(440, abs=2)
    assert loudest(sound[16000:], 16000) == pytest.approx(music.frequency(72), abs=2)
    both = abs(np.fft.rfft(sound[8000:16000]))  # 2 hertz a number
    for pitch in (72, 48):
        at = round(float(music.frequency(pitch)) / 2)
        assert both[at - 1 : at + 2].max() > 20 * np.median(both)
    assert 0.1 < abs(sound).max() <= 1
    assert abs(music.synthesize(np.full((4, 8), 60))).max() <= 1
    assert abs(music.synthesize(np.full((2, 4), -1))).max() == 0
    assert music.synthesize(np.full((1, 1), 108), rate=9000).max() > 0.1  # its overtones are cut


@pytest.mark.parametrize("step", [1.0, 0.25])
@pytest.mark.parametrize(("write", "name"), [(music.write_midi, "a.mid"),
                                         (music.write_musicxml, "a.musicxml")])  # fmt: skip
def test_files_come_back(tmp_path, write, name, step):
    write(PIECE, tmp_path / name, step)
    assert (music.read_midi(tmp_path / name, step) == PIECE).all()


def test_a_score_has_its_parts():
    score = music.to_score(PIECE)
    assert [part.partName for part in score.parts] == list(music.VOICES)
    assert [n.quarterLength for n in score.parts[0].flatten().notes] == [2, 1, 2]
    assert len(music.to_score(PIECE[:, :2]).parts) == 2


def test_chords_in_one_part_are_counted_from_above(tmp_path):
    m21 = pytest.importorskip("music21")
    part = m21.stream.Part()
    for pitches in ([60, 64, 67], [62], [59, 65]):
        part.append(m21.chord.Chord(pitches, quarterLength=1))
    part.write("midi", fp=str(tmp_path / "piano.mid"))
    found = music.read_midi(tmp_path / "piano.mid")
    assert found.tolist() == [[67, 64, 60], [62, -1, -1], [65, 59, -1]]


def test_drums_alone_and_broken_files_are_named(tmp_path):
    m21 = pytest.importorskip("music21")
    part = m21.stream.Part()
    part.insert(0, m21.instrument.UnpitchedPercussion())
    part.append(m21.note.Unpitched(quarterLength=1))
    part.write("midi", fp=str(tmp_path / "drums.mid"))
    with pytest.raises(ValueError, match=r"drums\.mid holds no note with a pitch"):
        music.read_midi(tmp_path / "drums.mid")
    (tmp_path / "broken.mid").write_bytes(b"MThd\x00\x00")
    with pytest.raises(ValueError, match=r"broken\.mid cannot be read as music"):
        music.read_midi(tmp_path / "broken.mid")
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.mid"):
        music.read_midi(tmp_path / "none.mid")


def test_without_music21_the_error_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "music21", None)
    with pytest.raises(ImportError, match="pip install music21"):
        music.to_score(PIECE)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: music.roll([[60.0]]), "voices is of float64"),
    (lambda: music.roll([[20]]), "voices holds 20; expected pitches from 21 to 108"),
    (lambda: music.note_name(-2), "pitch holds -2"),
    (lambda: music.jianpu([[60]]), r"voice has shape \(1, 1\); expected one voice"),
    (lambda: music.parallels([60, 62]), r"expected whole numbers with 2 axes"),
    (lambda: music.crossings(np.zeros((1, 2, 4), int) + 60), r"expected one piece, \(T, V\)"),
    (lambda: music.longest_copied(PIECE, [PIECE[:, :3]]), r"corpus\[0\] has 3 voices"),
    (lambda: music.longest_copied(PIECE, [], per="bar"), "per is 'bar'"),
    (lambda: music.synthesize(PIECE, rate=100), "rate is 100"),
    (lambda: music.synthesize(PIECE, seconds=0.0), "seconds is 0.0"),
    (lambda: music.to_score(PIECE[:0]), "voices has no step"),
])  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
