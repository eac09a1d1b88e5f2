"""Nearly the same code: copies are found in disguise, honest answers and short ones are not."""

import re
import time
from itertools import combinations
from pathlib import Path

import pytest

from rnncourse.grading import similarity
from rnncourse.grading.exercise import load
from rnncourse.grading.grader import read_solutions
from rnncourse.grading.submissions import Job

ROOT = Path(__file__).resolve().parents[2]
EXERCISES = {name: load(book) for name, book in read_solutions(ROOT / "solutions").items()}
STEP = "lstm_ex_04"


def job(who, *cells, exercise=STEP):
    return Job(f"{who}/x.ipynb", exercise, cells, learner=who)


def find(*jobs):
    return similarity.find(jobs, {j.exercise: EXERCISES[j.exercise] for j in jobs})


def disguised(source):
    """A copy as people make it: other names, numbers, comments, spaces, a docstring, a magic."""
    for number, name in enumerate(("di", "df", "dg", "do", "da", "dh", "dc")):
        source = re.sub(rf"\b{name}\b", f"my_{number}", source)
    source = re.sub(r"#.*", "# all of this is mine", source).replace(" + ", "+")
    return '%matplotlib inline\n"""Mine."""\nimport os\n' + source.replace("1 -", "1.0 -")


def test_a_copy_in_disguise_is_found_and_independent_answers_are_not():
    """The equivalents are right answers that were written differently, by loops for example."""
    exercise = EXERCISES[STEP]
    jobs = [job("li", exercise.source), job("wu", disguised(exercise.source))]
    jobs += [job(name, source) for name, source in exercise.equivalents.items()]
    found = find(*jobs)
    assert [(p.exercise, p.one, p.other) for p in found.pairs] == [(STEP, "li", "wu")]
    pair = found.pairs[0]
    assert pair.share > 0.9
    assert (pair.alike, pair.pairs) == (1, 6)  # 4 * 3 / 2
    assert find(*reversed(jobs)) == found
    assert found.untold == {}


def test_the_threshold_keeps_its_distance_from_this_course_s_own_answers():
    """All exercises: reference and equivalents solve the same task, and none is a copy."""
    highest = {similarity.SHARE: 0.0, similarity.TRAINED: 0.0}
    for exercise in EXERCISES.values():
        given = similarity._known(exercise)
        sources = [exercise.source, *exercise.equivalents.values()]
        codes = [similarity.fingerprints([source]) - given for source in sources]
        long = [code for code in codes if len(code) >= similarity.LEAST]
        least = similarity.threshold(exercise)
        for a, b in combinations(long, 2):
            highest[least] = max(highest[least], len(a & b) / min(len(a), len(b)))
    assert 0.2 < highest[similarity.SHARE] < 0.4
    assert 0.4 < highest[similarity.TRAINED] < 0.7


def test_an_answer_of_one_line_says_nothing():
    line = "def rnn_step(x, h, W_x, W_h, b):\n    return np.tanh(x @ W_x + h @ W_h + b)\n"
    found = find(job("li", line, exercise="rnn_ex_01"), job("wu", line, exercise="rnn_ex_01"))
    assert found.pairs == []
    assert found.untold["rnn_ex_01"] == ("the answers are too short to tell", "答案太短，看不出来")


def test_code_that_everybody_was_given_says_nothing():
    """A repair exercise, untouched and mended: both are nothing but what was handed out."""
    exercise = EXERCISES["lstm_ex_02"]
    assert exercise.kind == "repair"
    assert len(similarity.fingerprints([exercise.source])) > similarity.LEAST
    found = find(job("li", exercise.source, exercise="lstm_ex_02"),
                 job("wu", exercise.source, exercise="lstm_ex_02"))  # fmt: skip
    assert found.pairs == []
    assert "lstm_ex_02" in found.untold


def test_attempts_of_one_learner_are_not_compared_and_the_most_alike_ones_count():
    source = EXERCISES[STEP].source
    other = next(iter(EXERCISES[STEP].equivalents.values()))
    assert find(job("li", source), job("li", source)) == similarity.Found([], {})
    found = find(job("li", other), job("li", source), job("wu", source))
    assert [(p.one, p.other, p.share, p.pairs) for p in found.pairs] == [("li", "wu", 1.0, 1)]


def test_where_most_are_alike_nobody_is_named():
    source = EXERCISES[STEP].source
    found = find(*(job(f"w{k}", source) for k in range(6)))
    assert found.pairs == []
    assert found.untold[STEP][0] == "too many answers are alike (15 of 15 pairs): nothing to tell"


@pytest.mark.parametrize(
    "code",
    ["def f(:\n  x = (", "x = '''", "if True:\n        a\n    b", "\ud800 = 1", "0x = 1if 1else 2",
     "(" * 30_000, "x = 1\n" * 100_000, "\0", "!ls\n%time x\nx?", "f'{x!r:>{w}}'"],
)  # fmt: skip
def test_any_text_can_be_compared(code):
    """Whatever a learner hands in is read as far as it goes, in bounded time."""
    start = time.monotonic()
    assert find(job("li", code), job("wu", code)).pairs == []
    assert time.monotonic() - start < 5


def test_names_numbers_and_layout_do_not_count_but_functions_and_operators_do():
    def same(a, b):
        return similarity.normalised(a) == similarity.normalised(b)

    assert same("y = np.tanh(x + 1)  # a", "z = np.tanh(\n    w + 2.5,\n)".replace(",\n", "\n"))
    assert same('def f(x):\n    """Doc."""\n    return x', "def g(y):\n  return y")
    assert same("import os\nx = 'a'", 'from re import *\ny = """b"""')
    assert not same("y = np.tanh(x)", "y = np.exp(x)")
    assert not same("y = x + w", "y = x - w")
    assert not same("y = sum(x)", "y = max(x)")


def test_a_class_of_300_with_5_exercises_takes_seconds():
    """Every answer its own: a chain of operations that differ from learner to learner."""
    names = ["lstm_ex_04", "gru_ex_01", "bptt_ex_01", "text_ex_01", "deep_ex_01"]
    jobs = []
    for k in range(300):
        lines = [
            f"    a = a {'+-*/@'[(k >> 2 * i) % 5]} f{i}(b, {'c' * (i % 2)})" for i in range(40)
        ]
        code = "def f(a, b, c):\n" + "\n".join(lines) + "\n    return a\n"
        jobs += [job(f"w{k}", code, exercise=name) for name in names]
    start = time.monotonic()
    find(*jobs)
    assert time.monotonic() - start < 30


def test_the_table_says_that_likeness_proves_nothing():
    source = EXERCISES[STEP].source
    found = find(job("li", source), job("wu", source), job("ma", "x = 1", exercise="rnn_ex_01"),
                 job("xu", "x = 1", exercise="rnn_ex_01"))  # fmt: skip
    head, pair, untold, note = similarity.rows(found, 0)
    assert head[:4] == ["exercise", "learner", "other_learner", "share"]
    assert pair == [STEP, "li", "wu", "1.00", 1, 1, ""]
    assert untold[0] == "rnn_ex_01"
    assert note[-1].startswith("Alike is not copied")
    assert similarity.rows(found, 1)[-1][-1].startswith("相似不等于抄袭")
