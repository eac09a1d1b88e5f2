"""What a cell shows: a table, the source of a function, outputs for one edition only."""

import ast
import inspect
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from numbers import Number
from typing import Any

LINES = 15  # more of a source than this nobody reads on a page


def edition(language: str) -> None:
    """Mark what the cell shows from here on as belonging to one edition.

    Both editions share one execution, so a cell whose output is in one language shows it in
    both, one after the other; the book keeps the page's own.

    >>> show.edition("en"); print("a story")
    >>> show.edition("zh"); print("一个故事")

    Args:
        language: "en", "zh", or "both" for what follows to be shown everywhere again.

    Raises ValueError for another language.
    """
    if language not in ("en", "zh", "both"):
        raise ValueError(f"language is {language!r}; expected 'en', 'zh' or 'both'")
    from IPython.display import HTML, display

    print(end="", flush=True)
    display(HTML(f'<div class="edition" data-edition="{language}"></div>'))


# --- a table -------------------------------------------------------------------


def table(
    head: Mapping[str, str] | Sequence[str], rows: Iterable[Sequence[Any]], *, closed: str = ""
) -> None:
    """Show a table: in a notebook or a page one that scrolls where it is too wide, else text.

    >>> show.table({"scale": "", "variance": ".2f"}, [(0.1, 0.0101), (1, 1.0124)])
    scale  variance
      0.1      0.01
        1      1.01

    Args:
        head: the columns' names; as a mapping, with the format of each one's numbers.
        rows: one sequence of as many values per row. A string stays as it is, a number gets its
            column's format, None stays empty.
        closed: with it, the table opens by a click on these words.

    Raises ValueError for a row with another number of values than there are columns.
    """
    formats = list(head.values()) if isinstance(head, Mapping) else [""] * len(head)
    filled, numeric = [], [True] * len(formats)
    for place, row in enumerate(rows):
        if len(row) != len(formats):
            raise ValueError(f"row {place} has {len(row)} values; expected {len(formats)}, one for "
                             f"each of the columns {', '.join(head)}")  # fmt: skip
        numeric = [n and not isinstance(v, str) for n, v in zip(numeric, row, strict=True)]
        filled.append([_cell(v, f) for v, f in zip(row, formats, strict=True)])
    from IPython.display import display

    display(_Table([list(head), *filled], numeric, closed))


def _cell(value: Any, spec: str) -> str:
    if value is None:
        return ""
    number = isinstance(value, Number) and not isinstance(value, bool)
    return format(value, spec) if number else str(value)


def _width(text: str) -> int:
    """Columns that a text takes in a terminal: two for each Chinese character."""
    return sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text)


class _Table:
    """Lines of text, the first one the head; columns of numbers stand to the right."""

    def __init__(self, lines: list[list[str]], numeric: list[bool], closed: str) -> None:
        self.lines, self.numeric, self.closed = lines, numeric, closed

    def __repr__(self) -> str:
        widths = [max(map(_width, column)) for column in zip(*self.lines, strict=True)]
        padded = []
        for line in self.lines:
            cells = []
            for text, width, number in zip(line, widths, self.numeric, strict=True):
                blank = " " * (width - _width(text))
                cells.append(blank + text if number else text + blank)
            padded.append("  ".join(cells).rstrip())
        return "\n".join(padded)

    def _repr_html_(self) -> str:
        """With a box of its own, which scrolls, and can be scrolled from the keyboard."""
        rows = [self._html(number, line) for number, line in enumerate(self.lines)]
        body = f"<thead>{rows[0]}</thead><tbody>{''.join(rows[1:])}</tbody>"
        box = (f'<div class="course-table" tabindex="0" style="overflow-x:auto">'
               f'<table class="table">{body}</table></div>')  # fmt: skip
        if not self.closed:
            return box
        return f"<details><summary>{escape(self.closed)}</summary>{box}</details>"

    def _html(self, number: int, line: list[str]) -> str:
        """One row; what names a column or a row is a head to a screen reader."""
        cells = []
        for place, text in enumerate(line):
            head = 'th scope="col"' if number == 0 else "td" if place else 'th scope="row"'
            names = head if text else "td"  # a head without words names nothing
            side = "right" if self.numeric[place] else "left"
            cells.append(f'<{names} style="text-align:{side}">{escape(text)}</{names[:2]}>')
        return f"<tr>{''.join(cells)}</tr>"


# --- the source of a function --------------------------------------------------


def source(function: Callable[..., Any], first: str | None = None, last: str | None = None) -> None:
    """Show the source of a function, without its docstring and its checks of arguments.

    Left out are, at the top level of its body, ``if …: raise …`` and calls of functions whose
    names begin with ``check`` or ``_check``. All other lines stay as they are, comments too.
    What ``first`` and ``last`` cut off is marked by a line ``# …``, so that at most 15 lines
    are shown in all.

    >>> show.source(cells.rnn_step)
    >>> show.source(cells.unroll, first="for t in", last="caches.append")

    Args:
        function: a function, a method or a class that is written in Python.
        first: how the first line to be shown begins, without its indent; None for the
            function's own first line.
        last: how the last one begins, the next such line from there on; None for its end.

    Raises:
        TypeError: anything else than a function, a method or a class.
        ValueError: there is no source, no such line, or more than 15 lines are left.
    """
    lines = _excerpt(function, _without_checks(_read(function)), first, last)
    if len(lines) > LINES:
        raise ValueError(f"{_name(function)}: {len(lines)} lines; expected at most {LINES}: "
                         "choose a piece by first and last")  # fmt: skip
    from IPython.display import display

    display(_Source("\n".join(lines)))


class _Source:
    """Python code that a notebook shows highlighted, and everything else as it is."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __repr__(self) -> str:
        return self.code

    def _repr_html_(self) -> str | None:
        """With Pygments' CSS classes, so that the page's own theme chooses the colours."""
        try:
            from pygments import highlight
            from pygments.formatters import HtmlFormatter
            from pygments.lexers import PythonLexer
        except ImportError:
            return None
        return highlight(self.code, PythonLexer(), HtmlFormatter())


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", repr(function))


def _read(function: Any) -> str:
    if not inspect.isroutine(function) and not inspect.isclass(function):
        raise TypeError(f"expected a function, a method or a class; found {function!r}, "
                        f"of type {type(function).__name__}")  # fmt: skip
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:  # a file that is not there, a builtin
        raise ValueError(f"{_name(function)} has no source in Python that could be shown: "
                         f"{error}") from error  # fmt: skip


def _without_checks(code: str) -> list[str]:
    """The lines without those of docstrings and checks, nor blank ones that stand after them."""
    lines, left_out = code.rstrip().splitlines(), set()
    for node in _omitted(ast.parse(code)):
        end = node.end_lineno or node.lineno
        while end < len(lines) and not lines[end].strip():
            end += 1
        left_out |= set(range(node.lineno - 1, end))
    return [line for number, line in enumerate(lines) if number not in left_out]


def _omitted(tree: ast.AST) -> Iterator[ast.stmt]:
    """Docstrings and checks, of functions inside too."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if ast.get_docstring(node) is not None:
            yield node.body[0]
        yield from filter(_is_check, node.body)


def _is_check(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return isinstance(node.body[-1], ast.Raise) and not node.orelse
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    called = ast.unparse(node.value.func).rpartition(".")[2]
    return called.startswith(("check", "_check"))


def _excerpt(function: Any, lines: list[str], first: str | None, last: str | None) -> list[str]:
    """From a line that begins with first to one that begins with last, and the marks."""
    start = 0 if first is None else _find(function, lines, "first", first, 0)
    stop = len(lines) if last is None else _find(function, lines, "last", last, start) + 1
    cut = textwrap.dedent("\n".join(lines[start:stop])).splitlines()
    # A mark stands as far in as the line beside it.
    indents = [line[: len(line) - len(line.lstrip())] for line in (cut[0], cut[-1])]
    before = [indents[0] + "# …"] * (start > 0)
    after = [indents[1] + "# …"] * (stop < len(lines))
    return before + cut + after


def _find(function: Any, lines: list[str], name: str, begin: str, start: int) -> int:
    found = (k for k in range(start, len(lines)) if lines[k].strip().startswith(begin))
    if (place := next(found, None)) is None:
        after = " from first on" if name == "last" else ""
        raise ValueError(f"{name} is {begin!r}; no line of {_name(function)} that is shown "
                         f"begins with it{after}")  # fmt: skip
    return place
