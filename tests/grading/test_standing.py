"""One result for each learner and exercise, whatever was handed in how often."""

import pytest

from rnncourse.grading.record import Record
from rnncourse.grading.standing import standings


def record(learner, exercise, points, name="x.ipynb"):
    return Record(name, exercise, points, 4.0, ("r", "由"), learner=learner)


HANDED_IN = [
    record("li", "rnn_ex_01", 4.0, "first.ipynb"),
    record("wu", "rnn_ex_02", 4.0),
    record("li", "rnn_ex_01", 1.0, "second.ipynb"),
    record("li", "rnn_ex_01", 4.0, "third, the same"),
    record("li", "", 0.0),
]


def told(found):
    return [(s.learner, s.exercise, s.points, s.attempts) for s in found]


def test_the_best_or_the_last_attempt_counts_once():
    """By hand: 4, 1 and 4 of 4 points are 4 of 4, not 9 of 12."""
    best = standings(HANDED_IN)
    assert told(best) == [("li", "rnn_ex_01", 4, 3), ("wu", "rnn_ex_02", 4, 1)]
    assert best[0].record.submission == "first.ipynb", "the first of equals"
    assert told(standings(HANDED_IN[:3], attempts="last"))[0] == ("li", "rnn_ex_01", 1, 2)
    with pytest.raises(ValueError, match="attempts is 'first', expected one of"):
        standings(HANDED_IN, attempts="first")


def test_what_was_set_and_is_missing_counts_0_and_what_was_not_set_nothing():
    assigned = {"rnn_ex_01": 4.0, "lstm_ex_04": 6.0}
    found = standings(HANDED_IN, assigned, learners=["anna", "wu"])
    assert told(found) == [("anna", "rnn_ex_01", 0, 0), ("anna", "lstm_ex_04", 0, 0),
                           ("wu", "rnn_ex_01", 0, 0), ("wu", "lstm_ex_04", 0, 0),
                           ("li", "rnn_ex_01", 4, 3), ("li", "lstm_ex_04", 0, 0)]  # fmt: skip
    assert [s.max_points for s in found] == [4, 6] * 3
    assert [s.full() for s in found] == [False] * 4 + [True, False]
