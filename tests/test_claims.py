"""rnncourse.claims: what a claim prints, refuses, records, and when it raises."""

import json
import math
import warnings

import numpy as np
import pytest

from rnncourse.claims import FALSE, ClaimError, claim


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("RNNCOURSE_STRICT", raising=False)
    monkeypatch.delenv("RNNCOURSE_CLAIMS", raising=False)


@pytest.mark.parametrize(
    ("value", "relation", "threshold", "line"),
    [
        (0.034, ">", 0.01, "a: True (0.034 > 0.01)"),
        (0.004, ">", 0.01, "a: False ✗ (0.004 is not > 0.01)"),
        (0.01, ">", 0.01, "a: False ✗ (0.01 is not > 0.01)"),
        (0.01, ">=", 0.01, "a: True (0.01 >= 0.01)"),
        (-3, "<", 0, "a: True (-3 < 0)"),
        (0, "<=", 0, "a: True (0 <= 0)"),
        (np.float32(0.5), "<", 1, "a: True (0.5 < 1)"),
        (np.array([[2.0]]), ">", 1, "a: True (2 > 1)"),
        (np.int64(45), ">", 40, "a: True (45 > 40)"),
        (math.nan, ">", 0, "a: False ✗ (nan is no number; the measurement failed)"),
        (math.nan, "<", 0, "a: False ✗ (nan is no number; the measurement failed)"),
    ],
)
def test_a_claim_says_its_sentence_verdict_and_value(capsys, value, relation, threshold, line):
    """The lines are written by hand, from what the docstring promises."""
    claim("a", value, relation, threshold)
    assert capsys.readouterr().out == line + "\n"


def test_only_a_strict_run_raises(monkeypatch, capsys):
    """A page goes on where a claim fails; RNNCOURSE_STRICT=1 stops it, with the same line."""
    # Nothing is returned: a notebook would show it below the sentence.
    assert claim("b", 1.0, "<", 0) is None
    monkeypatch.setenv("RNNCOURSE_STRICT", "1")
    claim("c", 1.0, ">", 0)
    with pytest.raises(ClaimError, match=rf"d: {FALSE} \(nan"):
        claim("d", math.nan, ">", 0)
    with pytest.raises(AssertionError, match=r"e: .* \(1 is not < 0\)"):
        claim("e", 1.0, "<", 0)
    assert "e: False" in capsys.readouterr().out  # printed before it is raised


def test_an_equality_needs_its_argument(capsys):
    with pytest.raises(ValueError, match="exact='the reason'"):
        claim("five letters", 5, "==", 5)
    claim("five letters", 5, "==", 5, exact="counted")
    assert "five letters: True (5 == 5)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (True, TypeError, "comparison's result True; give the quantity"),
        (np.bool_(False), TypeError, "comparison's result False"),
        (np.array([True]), TypeError, "comparison's result True"),
        (np.zeros(2), TypeError, r"ndarray of shape \(2,\); expected one real number"),
        ([1.0], TypeError, "value is a list"),
        ("1", TypeError, "value is a str"),
        (1j, TypeError, "value is a complex"),
        (None, TypeError, "value is a NoneType"),
    ],
)
def test_a_value_that_is_no_quantity_is_refused(value, error, words):
    """Above all a comparison's result: its margin could not be measured."""
    with pytest.raises(error, match=words):
        claim("x", value, ">", 0)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("=", 0), {}, "relation is '='"),
        ((">", math.nan), {}, "threshold is nan"),
        ((">", 0), {"log": True}, "log=True needs a threshold above 0"),
        ((">", 0), {"items": 0}, "items is 0"),
    ],
)
def test_bad_arguments_are_named(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        claim("x", 1.0, *arguments, **options)


def test_numbers_of_the_libraries_count(capsys):
    """A torch scalar is one number; warnings are errors here."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        claim("t", torch.tensor(2.5), ">", 2)
    assert "t: True (2.5 > 2)" in capsys.readouterr().out


def test_make_seeds_gets_every_value(monkeypatch, tmp_path, capsys):
    """RNNCOURSE_CLAIMS names a file: one JSON line a claim, with the full value, false or not."""
    path = tmp_path / "claims.jsonl"
    monkeypatch.setenv("RNNCOURSE_CLAIMS", str(path))
    claim("first", 1 / 3, "<", 0.5, log=True)
    claim("second", 7, ">", 9, items=20)
    claim("third", math.nan, ">", 0, exact="why")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"claim": "first", "value": 1 / 3, "relation": "<", "threshold": 0.5,
                        "log": True}  # fmt: skip
    assert lines[1] == {"claim": "second", "value": 7, "relation": ">", "threshold": 9, "items": 20}
    assert math.isnan(lines[2]["value"])
    assert lines[2]["exact"] == "why"
