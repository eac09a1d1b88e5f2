"""`show.source`: what it leaves out and cuts off, its HTML, and what it refuses; `show.table`."""

import functools
import html
import re
import subprocess
import sys

import numpy as np
import pytest
from IPython.utils.capture import RichOutput, capture_output

from rnncourse import show


def check_floats(*arrays):
    """Called as a statement by the planted functions."""


def _check_rate(rate):
    """Likewise."""


def planted(xs, rate=0.1):
    r"""A raw docstring, \tanh, of several lines.

    Raises ValueError for a rate below zero.
    """

    check_floats(xs)
    _check_rate(rate)
    if rate < 0:
        raise ValueError(f"rate is {rate}; "
                         "expected at least 0")  # fmt: skip
    # A comment of its own.
    total = 0.0  # and one beside

    for x in xs:
        if x is None:
            raise ValueError("inside a loop it stays")
        total  +=  x  # the text is the file's own  # fmt: skip
    if total > 1:
        total = 1.0
    checked = max(total, -1.0)
    return rate * checked


PLANTED = """\
def planted(xs, rate=0.1):
    # A comment of its own.
    total = 0.0  # and one beside

    for x in xs:
        if x is None:
            raise ValueError("inside a loop it stays")
        total  +=  x  # the text is the file's own  # fmt: skip
    if total > 1:
        total = 1.0
    checked = max(total, -1.0)
    return rate * checked"""


class Counter:
    """Counts."""

    start = 0

    def count(self, words):
        """How many there are."""
        if not words:
            raise ValueError("no words")
        return self.start + len(words)

    @staticmethod
    @functools.cache
    def twice(n):
        "One line, in single quotes."
        return 2 * n


COUNT = """\
def count(self, words):
    return self.start + len(words)"""
TWICE = """\
@staticmethod
@functools.cache
def twice(n):
    return 2 * n"""
COUNTER = """\
class Counter:
    start = 0

    def count(self, words):
        return self.start + len(words)

    @staticmethod
    @functools.cache
    def twice(n):
        return 2 * n"""


def without_docstring(a):
    if a is None:
        raise ValueError("where something else follows it stays")
    elif a:  # noqa: RET506
        a = -a
    return a


WITHOUT_DOCSTRING = """\
def without_docstring(a):
    if a is None:
        raise ValueError("where something else follows it stays")
    elif a:  # noqa: RET506
        a = -a
    return a"""


def long(n):
    """Sixteen lines without these words."""
    a = n
    for _ in range(n):
        a += 1
        a += 2
        a += 3
        a += 4
    for k in range(n):
        a -= 1
        a -= 2
        a -= 3
        a -= 4
        a -= 5
        a -= k
    a *= 2
    return a


def fifteen(n):
    """So many lines are shown whole."""
    n += 1
    n += 2
    n += 3
    n += 4
    n += 5
    n += 6
    n += 7
    n += 8
    n += 9
    n += 10
    n += 11
    n += 12
    n += 13
    return n


def shown(function, **piece) -> RichOutput:
    with capture_output() as captured:
        assert show.source(function, **piece) is None
    assert captured.stdout == captured.stderr == ""
    (output,) = captured.outputs
    return output


@pytest.fixture(autouse=True)
def shell():
    """What a notebook has and this process may not: without it display only prints."""
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.instance()
    yield
    InteractiveShell.clear_instance()


# --- what is shown --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (planted, PLANTED),
        (Counter.count, COUNT),
        (Counter().count, COUNT),
        (Counter.twice, TWICE),
        (Counter, COUNTER),
        (without_docstring, WITHOUT_DOCSTRING),
    ],
)
def test_docstring_and_checks_are_left_out_and_nothing_else(function, expected):
    assert shown(function).data["text/plain"] == expected


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ({"last": "a = n"}, "def long(n):\n    a = n\n    # …"),
        ({"first": "a *= 2"}, "# …\na *= 2\nreturn a"),
        ({"first": "a -= 4", "last": "a -= k"}, "# …\na -= 4\na -= 5\na -= k\n# …"),
        # A piece that ends further in or out than it begins.
        ({"first": "a = n", "last": "a += 1"},
         "# …\na = n\nfor _ in range(n):\n    a += 1\n    # …"),
        ({"first": "a -= k", "last": "a *= 2"}, "    # …\n    a -= k\na *= 2\n# …"),
        # last is looked for from first on, that line included.
        ({"first": "a -= 3", "last": "a -="}, "# …\na -= 3\n# …"),
    ],
)  # fmt: skip
def test_a_piece_is_dedented_and_what_is_cut_is_marked(piece, expected):
    assert shown(long, **piece).data["text/plain"] == expected


def test_fifteen_lines_are_shown_and_sixteen_are_not():
    text = shown(fifteen).data["text/plain"]
    assert [text.count("\n") + 1, text.count("…")] == [15, 0]
    with pytest.raises(ValueError, match="long: 16 lines; expected at most 15: choose a piece by"):
        show.source(long)
    with pytest.raises(ValueError, match="long: 16 lines"):  # the mark is one of them
        show.source(long, first="a = n")


def test_the_highlighted_text_is_the_plain_text():
    data = shown(planted).data
    assert data["text/html"].startswith('<div class="highlight"><pre>')
    assert '<span class="k">def</span>' in data["text/html"]
    assert "style=" not in data["text/html"]
    assert html.unescape(re.sub(r"<[^>]*>", "", data["text/html"])).strip() == PLANTED


def test_without_pygments_it_is_plain(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygments", None)
    assert shown(planted).data == {"text/plain": PLANTED}


def test_outside_notebooks_it_is_printed():
    code = "from rnncourse import show; from rnncourse.nn import cells; show.source(cells.rnn_step)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("def rnn_step(x")
    assert last == "    return h, RNNCache(x, h_prev, h)"


def test_the_module_loads_the_standard_library_only():
    code = ("import sys; before = set(sys.modules); import rnncourse.show; "
            "print({name.split('.')[0] for name in set(sys.modules) - before})")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = eval(done.stdout)
    assert loaded - set(sys.stdlib_module_names) == {"rnncourse"}


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (3, "expected a function, a method or a class; found 3, of type int"),
        ("planted", "found 'planted', of type str"),
        (functools.partial(planted), "of type partial"),
    ],
)
def test_what_is_no_function_is_named(found, words):
    with pytest.raises(TypeError, match=words):
        show.source(found)


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        ({"first": "b ="}, "first is 'b ='; no line of long that is shown begins with it"),
        ({"last": "b ="}, "last is 'b ='; no line of long that is shown begins with it"),
        ({"first": "return", "last": "a = n"}, "last is 'a = n'; .* begins with it from first on"),
        ({"first": '"""Sixteen'}, 'first is \'"""Sixteen\'; no line of long'),
    ],
)
def test_a_line_that_is_not_there_is_named(piece, words):
    with pytest.raises(ValueError, match=words):
        show.source(long, **piece)


def test_a_function_without_source_is_named():
    for function, name in [(len, "len"), (str.upper, "str.upper"), (int, "int")]:
        with pytest.raises(ValueError, match=f"^{name} has no source in Python that could be"):
            show.source(function)
    made: dict = {}
    exec("def nowhere(): return 1", made)
    with pytest.raises(ValueError, match="nowhere has no source in Python"):
        show.source(made["nowhere"])


# --- editions -------------------------------------------------------------------------


def test_another_edition_is_refused():
    with pytest.raises(ValueError, match="language is 'fr'; expected 'en', 'zh' or 'both'"):
        show.edition("fr")


# --- tables --------------------------------------------------------------------


def shown_table(*arguments, **names):
    with capture_output() as captured:
        show.table(*arguments, **names)
    return captured.outputs[0].data


def test_a_table_as_text_is_aligned_by_the_width_that_a_terminal_gives_each_sign():
    """By hand: a Chinese character takes two columns; numbers stand to the right, words left."""
    rows = [("网络", 0.0101, 7), ("n-gram", 12.5, None)]
    text = shown_table({"method": "", "cost": ".2f", "n": "d"}, rows)["text/plain"]
    assert text == "method   cost  n\n网络     0.01  7\nn-gram  12.50"


def test_a_table_as_html_escapes_names_its_heads_and_can_be_scrolled_by_keys():
    found = shown_table(["a<b", "share"], [("x & y", np.float32(0.5)), ("z", True)])["text/html"]
    table = found[found.index("<table") :]
    cells = re.findall(r"<(td|th)\b[^>]*>([^<]*)</", table)
    assert cells == [("th", "a&lt;b"), ("th", "share"), ("th", "x &amp; y"), ("td", "0.5"),
                     ("th", "z"), ("td", "True")]  # fmt: skip
    assert re.findall(r'scope="(\w+)"', table) == ["col", "col", "row", "row"]
    assert re.findall("align:(left|right)", table) == ["left", "right"] * 3
    assert 'class="course-table" tabindex="0"' in found
    assert "<details>" not in found


def test_a_column_or_row_without_a_name_has_no_head():
    found = shown_table(["", "share"], [("", 1)])["text/html"]
    assert re.findall(r"<(td|th)\b", found) == ["td", "th", "td", "td"]


def test_a_table_may_be_closed_behind_words():
    found = shown_table(["a"], [], closed="all <5>")["text/html"]
    assert found.startswith("<details><summary>all &lt;5&gt;</summary><div")


def test_a_row_of_another_length_is_refused_by_its_number():
    with pytest.raises(ValueError, match=r"row 1 has 1 values; expected 2.*columns a, b"):
        show.table(["a", "b"], [(1, 2), (1,)])
