"""A folder of a reader's music: what is read, left out and refused; tables; grids."""

import numpy as np
import pytest

from rnncourse import music
from rnncourse.data import DataError, tunes


def roll_of(*rows):
    """Each row the pitches of a step."""
    wide = max(map(len, rows))
    return music.roll([[*row, *[-1] * (wide - len(row))] for row in rows])


SCALE = roll_of(*[(60 + k, 48) for k in (0, 2, 4, 5, 7, 9, 11, 12)])


def refusal(path, roll):
    with pytest.raises(DataError) as found:
        tunes.tune(path, lambda file: roll)
    return str(found.value)


def test_what_cannot_be_learned_from_is_named():
    assert (tunes.tune("a.mid", lambda file: SCALE) == SCALE).all()
    assert refusal("a.mid", SCALE[:7]) == "a.mid has 7 steps; expected 8 to 20000"
    assert refusal("a.mid", SCALE[:0]) == "a.mid has 0 steps; expected 8 to 20000"
    assert "a.mid has 20001 steps" in refusal("a.mid", np.resize(SCALE, (20001, 88)))
    assert "a.mid is one chord from beginning to end" in refusal("a.mid", SCALE[[0] * 9])


@pytest.mark.parametrize(("error", "said"), [
    (ValueError("b/a.mid holds no note"), "b/a.mid holds no note"),
    (OSError("disk"), "b/a.mid cannot be read: disk")])  # fmt: skip
def test_what_the_reader_raises_becomes_a_sentence(error, said):
    def read(file):
        raise error

    with pytest.raises(DataError, match=f"^{said}$"):
        tunes.tune("b/a.mid", read)


def test_a_folder_keeps_the_good_and_names_the_bad(tmp_path, capsys):
    """Two keys of one piece count once; other endings are not looked at."""
    found = {f"{k}.mid": np.roll(SCALE[np.roll(np.arange(8), k)], k, axis=1) for k in range(5)}
    found |= {"again.MIDI": np.roll(SCALE, 3, axis=1), "short.xml": SCALE[:3]}
    for name in (*found, "notes.txt"):
        (tmp_path / name).touch()
    rolls = tunes.folder(tmp_path, lambda file: found[file.name], at_least=5)
    assert len(rolls) == 6
    printed = capsys.readouterr().out
    assert printed == (f"left out: {tmp_path / 'short.xml'} has 3 steps; expected 8 to 20000\n"
                       "6 pieces, 48 steps\n")  # fmt: skip
    (tmp_path / "4.mid").unlink()
    with pytest.raises(DataError, match=r"has 4 different pieces in files \*.mid, .*short.xml has"):
        tunes.folder(tmp_path, lambda file: found[file.name], at_least=5)
    for path, said in ((tmp_path / "none", "there is no such folder"),
                       (tmp_path / "0.mid", "is no folder")):  # fmt: skip
        with pytest.raises(DataError, match=said):
            tunes.folder(path, lambda file: SCALE)


def test_a_piece_in_another_key_has_the_same_signature():
    assert tunes.signature(np.roll(SCALE, 5, axis=1)) == tunes.signature(SCALE)
    assert tunes.signature(SCALE[::-1]) != tunes.signature(SCALE)


def test_another_key_stays_on_the_piano():
    low = roll_of((21, 60), (23,))
    np.testing.assert_array_equal(tunes.shifted(low, 3), roll_of((24, 63), (26,)))
    np.testing.assert_array_equal(tunes.shifted(low, -1), low)
    np.testing.assert_array_equal(tunes.shifted(low[:, ::-1], 1), low[:, ::-1])
    assert not tunes.shifted(np.zeros((2, 88)), 5).any()


def test_tables_by_hand():
    """Key 60 sounds after itself once of twice; what follows {60} is {62} once, {60} once."""
    roll = roll_of((60,), (60,), (62,), (60,))
    repeat, markov = tunes.tables([roll])
    on = (1 + 0.1) / (2 + 1)
    first = repeat(roll)[0]
    assert first[60 - 21] == pytest.approx(on)
    assert first[62 - 21] == pytest.approx((1 + 0.1) / (2 + 1))  # off at two steps, then on once
    assert first[0] == pytest.approx(0.1 / 4)  # never on in three steps
    after = markov(roll)
    assert after[0, 60 - 21] == pytest.approx((1 + on) / 3)
    assert after[2, 60 - 21] == pytest.approx((1 + (1 + 0.1) / 2) / 2)
    new = roll_of((70,), (70,))
    np.testing.assert_allclose(markov(new), repeat(new))  # a chord that training never had


def test_tables_give_probabilities():
    rng = np.random.default_rng(0)
    rolls = [(rng.random((T, 88)) < 0.1).astype(np.float32) for T in (9, 14)]
    for chances in tunes.tables(rolls):
        p = chances(rolls[1])
        assert p.shape == (13, 88)
        assert 0 < p.min() <= p.max() < 1


def test_grids_and_rolls_there_and_back():
    """All get the width of the widest step; a step without a sound is all rests."""
    rng = np.random.default_rng(1)
    rolls = [(rng.random((T, 88)) < share).astype(np.float32)
             for T, share in ((5, 0.05), (7, 0.2), (3, 0.0))]  # fmt: skip
    grids = tunes.voices(*rolls)
    width = int(max(roll.sum(axis=1).max() for roll in rolls))
    for roll, grid in zip(rolls, grids, strict=True):
        assert grid.shape == (len(roll), width)
        assert (np.diff(grid, axis=1) <= 0).all()  # from above, rests last
        np.testing.assert_array_equal(music.roll(grid), roll)
    assert (grids[2] == -1).all()
    assert tunes.voices(np.zeros((2, 88)))[0].tolist() == [[-1], [-1]]
