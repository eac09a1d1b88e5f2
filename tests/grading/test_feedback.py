"""What `check` shows: a part at a time, in both languages, never a trace of our own code."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from rnncourse import grading
from rnncourse.grading.check import known_exercises, load_check
from rnncourse.grading.compare import STILL_AS_GIVEN, Returned, call, verdict
from rnncourse.grading.differences import difference
from rnncourse.grading.exercise import build, mutate
from tools.certify import mutants
from tools.notebooks import kernels  # noqa: F401  (so that kernels need no TCP ports)

EXERCISES = mutants.every_exercise()


def good(x, h, W_x, W_h, b):
    return np.tanh(x @ W_x + h @ W_h + b)


def both(x, h_prev, c_prev, W_x, W_h, b):
    """The right step of an LSTM, for what is then done to it."""
    exercise = EXERCISES["lstm_ex_01"]
    return build(exercise, exercise.source)(x, h_prev, c_prev, W_x, W_h, b)


def sentences(text):
    """The lines of a text without their signs, names and scores."""
    return [re.sub(r"^ *[✓✗→•]? *(\w+ +[\d.]+/[\d.]+)? *", "", line) for line in text.split("\n")]


# --- the parts of a verdict ----------------------------------------------------------------


def test_a_right_answer_shows_every_part_with_its_points():
    assert grading.check("lstm_ex_01", both).text.split("\n") == [
        "✓ lstm_ex_01: right, 4/4 points.",
        "✓ lstm_ex_01：正确，4/4 分。",
        "  ✓ h  2/2",
        "  ✓ c  2/2",
    ]


def test_a_partly_right_answer_shows_which_part_which_entry_and_the_hint():
    """The output gate is missing: c stays right, h is off from its first entry on."""
    exercise = EXERCISES["lstm_ex_01"]
    source = mutate(exercise, ["output-gate-missing"])
    function = build(exercise, source)
    rules, cases = load_check("lstm_ex_01")
    first = cases.each[0]
    is_, due = function(*first.inputs.values())[0][0, 0], first.expected[0][0, 0]
    result = grading.check("lstm_ex_01", function)
    lines = result.text.split("\n")
    assert (result.points, result.max_points) == (2, 4)
    assert lines[0] == "✗ lstm_ex_01: partly right, 2/4 points."
    assert lines[1] == "✗ lstm_ex_01：部分正确，2/4 分。"
    assert lines[2].startswith(f"  ✗ h  0/2  h[0, 0] is {is_:.4g}, expected {due:.4g} (shape ")
    assert lines[3].strip().startswith(f"h[0, 0] 的值是 {is_:.4g}，应为 {due:.4g}（形状 ")
    assert lines[4] == "  ✓ c  2/2"
    assert lines[5:] == [f"  → {hint}" for hint in rules.hints["output-gate-missing"]]


def test_the_first_entry_that_differs_is_named_not_the_largest():
    def spoilt(*arguments):
        found = good(*arguments)
        found[0, -1] += 0.5
        found[1, 0] -= 2.0
        return found

    text = grading.check("rnn_ex_01", spoilt).text
    assert re.search(r"h\[0, 4\] is \S+, expected \S+ \(shape \(2, 5\); 2 of 10 entries", text)
    assert "differ, by up to 2)" in text


def test_numbers_that_differ_late_are_shown_apart():
    text = grading.check("rnn_ex_01", lambda *a: good(*a) + 1.1e-4).text
    found = re.search(r"h\[0, 0\] is (\S+), expected (\S+) ", text)
    assert found[1] != found[2]
    assert float(found[1]) - float(found[2]) == pytest.approx(1.1e-4, rel=0.2)


def test_points_of_parts_add_up_where_they_are_no_whole_numbers():
    """Four outputs of which one is right, for 3 points."""
    rules, cases = load_check("gru_ex_01")
    rules = rules._replace(points=3)
    answers = [
        Returned([case.expected[0], *(np.zeros_like(v) for v in case.expected[1:])])
        for case in cases
    ]
    found = verdict(cases, answers, rules)
    assert found.points == 0.75 == sum(part.points for part in found.parts)
    assert [part.difference is None for part in found.parts] == [True, False, False, False]


def test_untouched_code_with_bugs_to_find_gives_none_of_them_away():
    """`check` of a repair exercise as given says that nothing has changed, and no more."""
    repairs = [e for e in EXERCISES.values() if e.kind == "repair"]
    assert repairs
    for exercise in repairs:
        given = build(exercise, mutate(exercise, exercise.rules.starter))
        result = grading.check(exercise.id, given)
        assert result.points == 0
        assert all(hint in result.text for hint in STILL_AS_GIVEN), exercise.id
        for name in exercise.rules.starter:
            assert exercise.rules.hints[name][0] not in result.text


# --- bad input -----------------------------------------------------------------------------


def raises(x, h, W_x, W_h, b):
    return x @ W_h


def in_place(x, h, W_x, W_h, b):
    h *= 2
    return np.tanh(x @ W_x + h @ W_h + b)


def endless(*a):
    return endless(*a)


def warns(*a):
    return good(*a) + 0 * np.log(np.zeros(1))


def leaves(*a):
    sys.exit("enough")


class Unprintable(Exception):
    def __str__(self):
        raise ValueError


def unprintable(*a):
    raise Unprintable


class Hostile(list):
    """A list that cannot even be counted."""

    def __len__(self):
        raise RuntimeError("not countable")


SAID = [
    (None, "must be your function, but it is of type NoneType"),
    (lambda *a: None, "returned None"),
    (lambda *a: (1, 2), "returned a tuple of 2, expected 1: h"),
    (lambda *a: good(*a).tolist(), "h is of type list, expected a NumPy array of shape (2, 5)"),
    (lambda *a: [good(*a)], "h is of type list, expected a NumPy array of shape (2, 5)"),
    (lambda *a: (v for v in good(*a)), "h is of type generator, expected a NumPy array"),
    (lambda *a: good(*a)[:, :-1], "h has shape (2, 4), expected (2, 5)"),
    (lambda *a: 3, "h has shape (), expected (2, 5)"),
    (lambda *a: good(*a).astype(int), "h has dtype int64, expected float64"),
    (lambda *a: good(*a) + 0j, "h has dtype complex128, expected float64"),
    (lambda *a: good(*a).astype(object), "h is of type array of object, expected a NumPy array"),
    (lambda *a: "text", "h is of type str, expected a NumPy array"),
    (lambda *a: good(*a) * np.nan, "10 of 10 entries differ, NaN or infinity in 10)"),
    (lambda *a: good(*a) + 1e308, "differ, by up to 1e+308)"),
    (lambda *a: good(*a) + 0.25, "differ, by up to 0.25)"),
    (in_place, "changed its input h_prev in place"),
    (lambda *a: (good(*a),), "a tuple of 1 value, expected h itself: a comma at the end"),
    (lambda *a: {"h": good(*a)}, "h is of type dict, expected a NumPy array of shape (2, 5)"),
    (lambda *a: good(*a).T, "h has shape (5, 2), expected (2, 5): it is transposed"),
    (lambda *a: np.zeros((5, 2)), "h has shape (5, 2), expected (2, 5)|"),
    (lambda *a: good(*a)[:, None], "h has shape (2, 1, 5), expected (2, 5): an axis of length 1"),
    (raises, "(at: return x @ W_h)"),
    (endless, "raised RecursionError: maximum recursion depth exceeded"),
    (warns, "raised RuntimeWarning: divide by zero"),
    (leaves, "raised SystemExit: enough"),
    (unprintable, "raised Unprintable"),
    (lambda *a: Hostile(), "raised RuntimeError: not countable|h is of type Hostile"),
    (lambda: None, "raised TypeError"),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("function", "said"), SAID, ids=[said for _, said in SAID])
def test_check_explains_in_both_languages(function, said, capsys):
    """With every warning an error, so that none of ours can reach a learner."""
    result = grading.check("rnn_ex_01", function)
    assert (result.points, result.max_points) == (0, 4)
    assert any(part in result.text for part in said.split("|")), result.text
    spoken = sentences(result.text)
    assert len(spoken) % 2 == 0
    for english, chinese in zip(spoken[::2], spoken[1::2], strict=True):
        assert not re.search("[一-鿿]", english)
        assert re.search("[一-鿿]", chinese)
    captured = capsys.readouterr()
    assert captured.out == result.text + "\n"
    assert captured.err == ""


def backward(change):
    """The right backward step of rnn_ex_02, its outputs then changed."""
    exercise = EXERCISES["rnn_ex_02"]
    function = build(exercise, exercise.source)
    return lambda *a: change(*function(*a))


GENERIC = [
    (lambda dx, dh, dW, dV, db: {"dx": dx}, "returned 1 value of type dict, expected 5"),
    (lambda dx, dh, dW, dV, db: (dx, dh, dW, dV, db[:, None]),
     "(3, 1), expected (3,): a column in place of a vector; the numbers are right; .ravel()"),
    (lambda dx, dh, dW, dV, db: (dx, dh, dW, dV, db[None]),
     "(1, 3), expected (3,): a row in place of a vector; the numbers are right; .ravel()"),
    (lambda dx, dh, dW, dV, db: (dx, dh, dW, dV, 2 * db[:, None]),
     "(3, 1), expected (3,): a column in place of a vector; .ravel() makes it one"),
    (lambda dx, dh, dW, dV, db: (dx, dh, dW.T, dV, db),
     ": it is transposed\n"),
    (lambda dx, dh, dW, dV, db: (dx, dh, dW, dV.T, db), "entries differ, by up to"),
    (lambda dx, dh, dW, dV, db: (dx, dh, dW, dV.T, db), "): it is transposed\n"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), GENERIC, ids=[said for _, said in GENERIC])
def test_mistakes_that_any_exercise_may_meet_are_named(change, said):
    result = grading.check("rnn_ex_02", backward(change))
    assert said in result.text
    assert result.points == (0 if "dict" in said else 4)


@pytest.mark.parametrize(
    ("found", "expected", "said"),
    [
        ((3, 1), (1, 3), "a column in place of a row; .reshape(1, -1)"),
        ((3,), (1, 3), "a vector in place of a row; .reshape(1, -1)"),
        ((3,), (3, 1), "a vector in place of a column; .reshape(-1, 1)"),
        ((1, 1), (), "one number inside an array; take it out with .item()"),
        ((2, 3), (1, 2, 3), "an axis of length 1 is missing"),
        ((2, 3), (3, 2), "(3, 2)"),
        ((4,), (3,), "(3,)"),
    ],
)
def test_a_missed_shape_is_named(found, expected, said):
    """The numbers are others, so that nothing is claimed of them."""
    text = difference("y", np.zeros(found), np.ones(expected), (1e-4, 1e-5))[0]
    assert text.startswith(f"y has shape {found}, expected {expected}")
    assert said in text
    assert "right" not in text
    assert "transposed" not in text


def test_axes_in_another_order_are_named_with_what_puts_them_right():
    expected = np.arange(24.0).reshape(2, 3, 4)
    found = np.moveaxis(expected, 0, 2)
    text = difference("hs", found, expected, (1e-4, 1e-5))[0]
    order = tuple(int(n) for n in re.search(r"transpose\((.*?)\)", text)[1].split(","))
    assert (found.transpose(order) == expected).all()


# --- inputs that are changed in place ------------------------------------------------------


def test_a_changed_input_costs_nothing_and_is_said_after_the_verdict():
    """h and its own array: what is returned is the input that was changed."""

    def step(x, h, W_x, W_h, b):
        h[:] = np.tanh(x @ W_x + h @ W_h + b)
        return h

    lines = grading.check("rnn_ex_01", step).text.split("\n")
    assert lines[:3] == ["✓ rnn_ex_01: right, 4/4 points.", "✓ rnn_ex_01：正确，4/4 分。",
                         "  ✓ h  4/4"]  # fmt: skip
    assert lines[3].startswith("  • advice: the function changed its input h_prev in place; ")
    assert "h_prev = h_prev.copy()" in lines[3]
    assert lines[4].startswith("  • 建议：函数原地修改了输入 h_prev；")
    assert len(lines) == 5


def test_every_changed_input_is_named_once_also_beside_a_wrong_answer():
    def step(x, h, W_x, W_h, b):
        x *= 2
        b.shape = (-1, 1)
        return h

    result = grading.check("rnn_ex_01", step)
    assert result.points == 0
    assert result.text.count("changed its inputs x, b in place") == 1


def test_inputs_that_are_views_of_one_array_are_copied_apart():
    base = np.arange(6.0)
    inputs = {"a": base[:4], "b": base[2:]}

    def spoils(a, b):
        a[:] = 0
        return b

    answer = call(spoils, inputs, ("b",))
    assert answer.values[0].tolist() == [2, 3, 4, 5]
    assert answer.changed == ("a",)
    assert base.tolist() == [0, 1, 2, 3, 4, 5]


def test_an_array_that_each_call_overwrites_is_read_at_once():
    memory = np.zeros(1)

    def again(a):
        memory[:] = a
        return memory

    answers = [call(again, {"a": k}, ("y",)) for k in (1.0, 2.0)]
    assert [answer.values[0].tolist() for answer in answers] == [[1.0], [2.0]]


def clipped(dW_x, dW_h, db, limit):
    exercise = EXERCISES["bptt_ex_02"]
    return build(exercise, exercise.source)(dW_x, dW_h, db, limit)


def clipped_in_place(*arguments):
    found = clipped(*arguments)
    for array, new in zip(arguments[:3], found, strict=False):
        array[:] = new
    return (*arguments[:3], found[3])


@pytest.mark.parametrize(
    ("function", "points"),
    [(clipped, 5), (clipped_in_place, 4), (lambda *a: (*a[:3], np.zeros(5)), 0),
     (lambda *a: (*clipped(*a)[:3], np.zeros(5)), 4)],
)  # fmt: skip
def test_where_unchanged_inputs_are_asked_for_they_are_a_part_of_their_own(function, points):
    """It takes one right output to earn it: who returns the inputs as they are gets nothing."""
    result = grading.check("bptt_ex_02", function)
    assert (result.points, result.max_points) == (points, 5)
    sign = "✓" if function is not clipped_in_place and points else "✗"
    assert f"  {sign} inputs unchanged  {int(sign == '✓')}/1" in result.text
    assert "advice" not in result.text
    changed = "changed its inputs dW_x, dW_h, db in place"
    assert (changed in result.text) == (function is clipped_in_place)


def test_an_interrupt_passes_through():
    """Ctrl-C in a loop that does not end is the learner's, not an answer."""

    def interrupted(*a):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grading.check("rnn_ex_01", interrupted)


@pytest.mark.parametrize(
    ("exercise", "said"),
    [
        ("rnn_ex_77", f"no exercise 'rnn_ex_77'; known: {known_exercises()[0]}, "),
        (None, "no exercise None"),
        (np.zeros(3), "no exercise array"),
        (good, 'the id comes first: check("rnn_ex_01", your_function)'),
    ],
)
def test_an_unknown_exercise_is_explained(exercise, said):
    result = grading.check(exercise, "rnn_ex_01" if exercise is good else good)
    assert said in result.text
    assert (result.points, result.max_points) == (0, 0)


def test_check_counts_outputs():
    result = grading.check("rnn_ex_02", lambda *a: a[0])
    assert "returned 1 value, expected 5: dx, dh_prev, dW_x, dW_h, db" in result.text


# --- the two forms -------------------------------------------------------------------------


@pytest.mark.parametrize("function", [good, raises, lambda *a: good(*a) + 1, None, in_place])
def test_the_html_says_what_the_text_says(function):
    result = grading.check("rnn_ex_01", function)
    page = ElementTree.fromstring(result.html)  # well-formed
    shown = "".join(page.itertext())
    for sentence in filter(None, sentences(result.text)):
        assert sentence in shown
    for sign in "✓✗":  # each with a colour of its own; the sign says it without the colour
        count = sum(1 for part in page.iter("span") if part.text == sign)
        assert count == max(result.text.count(f"  {sign}") + (result.text.startswith(sign)), 0)
    assert all(part.get("lang") == "zh" for part in page.iter("span") if part.text not in "✓✗")


def test_what_a_learner_raises_is_text_not_markup():
    def planted(*a):
        raise ValueError("<script>alert(1)</script>")

    html = grading.check("rnn_ex_01", planted).html
    assert "&lt;script&gt;" in html
    assert "<script" not in html


LEARNER = """
import numpy as np
from rnncourse.grading import check

def good(x, h, W_x, W_h, b):
    return np.tanh(x @ W_x + h @ W_h + b)

def wrong(*a):
    return good(*a) + 0.25

def raises(*a):
    return a[0] @ a[3]
"""
CALLS = ["good", "wrong", "raises", "None", "lambda *a: (v for v in a)", "lambda *a: exit()"]


def test_plain_python_prints_text_alone():
    code = LEARNER + "".join(f"check('rnn_ex_01', {call})\n" for call in CALLS)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], text=True, check=True,
                          capture_output=True, encoding="utf-8")  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.count("rnn_ex_01: ") == len(CALLS)
    assert "<" not in done.stdout
    assert "\x1b" not in done.stdout


def test_ipython_in_a_terminal_prints_text_alone():
    code = LEARNER + "check('rnn_ex_01', wrong)"
    command = [sys.executable, "-m", "IPython", "--colors=NoColor", "-c", code]
    done = subprocess.run(command, text=True, capture_output=True, check=True, encoding="utf-8")
    assert "✗ rnn_ex_01: not yet, 0/4 points." in done.stdout
    assert "<td" not in done.stdout


def test_a_notebook_gets_both_forms_and_no_trace_of_ours(tmp_path):
    """In a real kernel: one bundle with text and HTML a call; the reader's program chooses."""
    cells = [LEARNER, *(f"check('rnn_ex_01', {call})" for call in CALLS)]
    cells.append(
        textwrap.dedent("""
        results = [check('rnn_ex_01', f) for f in (good, wrong)]
        [r.points for r in results]
    """)
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3",
                   resources={"metadata": {"path": str(tmp_path)}}).execute()  # fmt: skip
    for cell in notebook.cells[1:-1]:
        assert [output.output_type for output in cell.outputs] == ["display_data"]
        bundle = cell.outputs[0].data
        assert set(bundle) == {"text/plain", "text/html"}
        assert bundle["text/plain"].count("\n") >= 1
        assert bundle["text/html"].startswith("<div>")
        assert "Traceback" not in str(bundle)
        assert str(Path(grading.__file__).parent) not in str(bundle)
    assert "at: return a[0] @ a[3]" in notebook.cells[3].outputs[0].data["text/plain"]
    kinds = [output.output_type for output in notebook.cells[-1].outputs]
    assert kinds == ["display_data", "display_data", "execute_result"]
    assert notebook.cells[-1].outputs[-1].data["text/plain"] == "[4.0, 0.0]"
