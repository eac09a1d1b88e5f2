"""Known mistakes are recognised by fingerprints, and named where that is sure."""

import zlib

import numpy as np
import pytest

from rnncourse.grading.mistakes import MOST_ENTRIES, Mistakes, fingerprint

TOLERANCE = (1e-4, 1e-5)


def near(a, b):
    one = np.array([fingerprint([np.asarray(v) for v in values], TOLERANCE) for values in (a, b)])
    return bool((np.abs(one[0] - one[1]) <= 2 * TOLERANCE[0]).all())


# --- fingerprints --------------------------------------------------------------------------


def test_rounding_keeps_a_fingerprint_and_any_other_change_does_not():
    """Sizes from 1e-3 to 1e6; float32 is 6e-8 off, the change is ten times the tolerance."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        a = [rng.normal(size=(3, 4)) * 10 ** rng.uniform(-3, 6), rng.normal(size=2)]
        assert near(a, [v.astype(np.float32) for v in a])
        b = [v.copy() for v in a]
        b[0][1, 2] += 1e-2 * max(1, abs(b[0][1, 2]))
        assert not near(a, b)


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        ([np.zeros(3)], [np.zeros((3, 1))], False),
        ([np.zeros((2, 3))], [np.zeros((3, 2))], False),
        ([np.zeros(0)], [np.zeros((0, 2))], False),
        ([np.arange(3.0)], [np.arange(3)], False),
        ([np.arange(3, dtype="u1")], [np.arange(3)], True),
        ([np.array(3.0)], [np.array(3)], True),
        ([np.array(1)], [np.array(True)], False),
        ([np.array([1, np.nan])], [np.array([1, np.nan])], True),
        ([np.array([1, np.nan])], [np.array([1, np.inf])], False),
        ([np.array([1, np.inf])], [np.array([1, -np.inf])], False),
        ([np.array([1e308, -1e308])], [np.array([1e308, -1e308])], True),
        ([np.array([1e300])], [np.array([np.inf])], False),
        ([np.array([1 + 1j])], [np.array([1 + 1j])], False),
        ([np.zeros(MOST_ENTRIES + 1)], [np.zeros(MOST_ENTRIES + 1)], False),
    ],
)
def test_shape_kind_and_what_is_no_number_count(a, b, alike):
    """What cannot be compared, complex or too large, is like nothing, not even itself."""
    assert near(a, b) == alike


def test_the_fingerprint_of_another_version_of_numpy_is_the_same():
    """It is stored in the check data; the first number worked out by hand from PCG64's stream."""
    values = [np.array([0.0, 0.1]), np.array([[-0.3]])]
    form = repr((((2,), "f"), ((1, 1), "f")))
    raw = np.random.PCG64(zlib.crc32(form.encode())).random_raw(12)[:4]
    weights = [((int(r) >> 11) / 2**53 - 0.5) * (12 / 4) ** 0.5 for r in raw]
    entries = [0, np.arcsinh(1), np.arcsinh(-3), np.arcsinh(10)]
    by_hand = sum(w * v for w, v in zip(weights, entries, strict=True))
    found = fingerprint(values, TOLERANCE)
    assert found[0] == pytest.approx(by_hand, abs=1e-14)
    assert found == pytest.approx(PINNED, abs=1e-12)


PINNED = (-0.4132579791100067, 1.2795040420998165, -0.06974249399893784)

# --- which mutants explain what is wrong ---------------------------------------------------

# Three outputs, right where 0; a number stands for a wrong array, with a print of one number.
KNOWN = {
    ("a",): (1, 0, 0),
    ("b",): (0, 2, 0),
    ("c",): (1, 3, 0),
    ("d",): (0, 0, 4),
    ("twin",): (0, 0, 4),
    ("a", "b"): (1, 2, 0),
    ("a", "d"): (1, 0, 4),
    ("b", "c"): (1, 5, 0),
    ("b", "d"): (0, 2, 4),
    ("c", "d"): (1, 3, 6),
    ("a", "twin"): (1, 0, 4),
}


def explained(*answer):
    prints = np.array(list(KNOWN.values()), float)[..., None]
    known = Mistakes(tuple(KNOWN), prints, np.zeros((3, 1)), 1e-4)
    wrong = [k for k, value in enumerate(answer) if value]
    return known.explain(np.array(answer, float)[:, None], wrong)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ((1, 0, 0), {0: ("a",)}),  # c would have spoilt the second as well
        ((1, 3, 0), {0: ("c",), 1: ("c",)}),  # c explains both, a only one of them
        ((1, 2, 0), {0: ("a", "b"), 1: ("a", "b")}),  # two at once
        ((1, 5, 0), {0: ("b", "c"), 1: ("b", "c")}),  # that meet in one output
        ((0, 0, 4), {2: ()}),  # d or its twin
        ((1, 0, 4), {0: ("a",), 2: ("a",)}),  # a with d, or with its twin
        ((7, 2, 0), {0: (), 1: ("b",)}),  # b, and something unknown
        ((1, 7, 0), {0: (), 1: ()}),  # a or c, and something unknown
        ((1, 7, 6), {0: ("c",), 1: (), 2: ()}),  # c and d explain two, alone d explains none
        ((7, 0, 0), {0: ()}),
        ((7, 3, 0), {0: (), 1: ("c",)}),
    ],
)  # fmt: skip
def test_only_what_is_sure_is_named(answer, named):
    assert explained(*answer) == named


def test_the_answer_is_equal_to_a_mistake_only_in_every_output():
    prints = np.array(list(KNOWN.values()), float)[..., None]
    known = Mistakes(tuple(KNOWN), prints, np.zeros((3, 1)), 1e-4)
    assert known.equal(np.array([[1], [2], [0]])) == [("a", "b")]
    assert known.equal(np.array([[0], [0], [4.0]])) == [("d",), ("twin",)]
    assert known.equal(np.array([[1], [2], [np.nan]])) == []
