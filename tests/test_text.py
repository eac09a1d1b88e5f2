"""text and data: round trips, hand-worked batches, clear errors."""

import numpy as np
import pytest

from rnncourse import data, text


def test_vocabulary_round_trip_in_order_of_appearance():
    """decode(encode(x)) = x; repeats count once."""
    v = text.Vocabulary(["我", "爱", "你", "爱"])
    assert len(v) == 3
    assert v.encode(["你", "我"]).tolist() == [2, 0]
    assert v.decode(v.encode(list("你爱我"))) == list("你爱我")


def test_vocabulary_bad_input():
    """A bare string, nothing, an unknown token, an index outside."""
    with pytest.raises(TypeError, match="list"):
        text.Vocabulary("我爱你")
    with pytest.raises(ValueError, match="empty"):
        text.Vocabulary([])
    v = text.Vocabulary(["a", "b"])
    with pytest.raises(KeyError, match=r"\['c', 'd'\]"):
        v.encode(["a", "c", "d"])
    with pytest.raises(IndexError, match=r"\[2, -1\] are outside 0\.\.1"):
        v.decode([0, 2, -1])


def test_one_hot_picks_rows():
    """one_hot(i) @ W is W[i], any leading shape."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((5, 3))
    i = rng.integers(0, 5, (2, 4))
    np.testing.assert_array_equal(text.one_hot(i, 5) @ W, W[i])


def test_one_hot_bad_input():
    """Floats and indices outside are named."""
    with pytest.raises(TypeError, match="float64"):
        text.one_hot([0.0], 3)
    with pytest.raises(ValueError, match=r"0\.\.3; V = 3"):
        text.one_hot([0, 3], 3)


def test_temporal_xor():
    """Every third bit is the exclusive or of the two before; the others are fair coins."""
    bits = data.load("temporal_xor", rng=np.random.default_rng(0), N=400, T=31)
    assert bits.shape == (400, 31)
    np.testing.assert_array_equal(bits[:, 2::3], bits[:, 0:30:3] ^ bits[:, 1:30:3])
    assert abs(bits.mean() - 0.5) < 0.02
    again = data.load("temporal_xor", rng=np.random.default_rng(0), N=400, T=31)
    np.testing.assert_array_equal(bits, again)
    with pytest.raises(ValueError, match="T = 0"):
        data.load("temporal_xor", rng=np.random.default_rng(0), N=1, T=0)


def test_unknown_data_set():
    """The error lists what there is."""
    with pytest.raises(KeyError, match="temporal_xor"):
        data.load("temporal_or")
