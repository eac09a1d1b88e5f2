"""A reader's own files: text, tables, and programs that learn from them.

What cannot be read is a DataError whose sentence names the file, and where it can the line.
"""

import argparse
import csv
import io
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rnncourse.data.fetch import DataError

MISSING = {"", "na", "nan", "n/a", "null", "none", "-", "?"}  # in lower case
# The byte-order mark of UTF-8 goes; GB18030 is what Chinese spreadsheets write.
TABLE_ENCODINGS = ("utf-8-sig", "gb18030")


def read_text(
    path: str | Path, encodings: tuple[str, ...] = ("utf-8-sig",), at_least: int = 1
) -> str:
    r"""The text of a file, in the first of the encodings that fits; its lines end in "\n".

    Raises DataError, naming the file, where there is none, it is empty, fits no encoding, or
    has less than ``at_least`` characters or one character alone, again and again.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if not content.strip():
        raise DataError(f"{path} is empty")
    place = 0
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            place = max(place, error.start)
        else:
            if "\0" in text:
                raise DataError(f"{path} holds zero bytes, so it is no plain text; save it as "
                                "UTF-8")  # fmt: skip
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            if len(text) < at_least or len(set(text)) < 2:
                raise DataError(f"{path} has {len(text)} characters, {len(set(text))} different "
                                f"ones; expected at least {at_least}, and 2")  # fmt: skip
            return text
    names = " or ".join(encodings).upper().replace("-SIG", "")
    line = content[:place].count(b"\n") + 1
    raise DataError(f"{path}, line {line}: this is no {names} text; save the file as UTF-8")


class Table(NamedTuple):
    """What :func:`read_table` read."""

    columns: dict[str, list[str]]  # of each name, the cells from top to bottom
    lines: list[int]  # where each row begins in the file


def read_table(path: str | Path) -> Table:
    """The columns of a CSV file whose first line holds their names.

    The separator is the most frequent of comma, semicolon and tab in that line. Cells with
    what says "missing" (NA, nan, a dash, …) are empty. Raises DataError, naming file and line,
    where the names are not different, a row has more or fewer cells than names, or no row is
    there; and as :func:`read_text`, in UTF-8 or GB18030.
    """
    text = read_text(path, TABLE_ENCODINGS)
    first = text.lstrip("\n").split("\n", 1)[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True
    )
    rows, lines, start = [], [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {start}: {error}") from error
    names = rows.pop(0)
    if len(set(names)) < len(names):
        raise DataError(f"{path}, line {lines[0]}: the columns' names are {names}; expected "
                        "different ones")  # fmt: skip
    for row, line in zip(rows, lines[1:], strict=True):
        if len(row) != len(names):
            raise DataError(f"{path}, line {line}: {len(row)} cells for the {len(names)} columns "
                            f"of line {lines[0]}; put text with a separator in it between "
                            'quotation marks "')  # fmt: skip
    if not rows:
        raise DataError(f"{path} has one row; expected a row of names, and others below it")
    filled = [["" if c.lower() in MISSING else c for c in row] for row in rows]
    columns = {name: [row[k] for row in filled] for k, name in enumerate(names)}
    return Table(columns, lines[1:])


def column(path: str | Path, table: Table, name: str) -> list[str]:
    """One column of a table. Raises DataError where there is none of that name."""
    if name not in table.columns:
        raise DataError(f"{path} has no column {name!r}; there are {list(table.columns)}")
    return table.columns[name]


def program(
    what: str,
    learn: Callable[[argparse.Namespace], None],
    use: Callable[[argparse.Namespace], None],
    **options: Any,
) -> None:
    """Run a program for one file from the command line: ``learn``, then ``use``.

    Both get the arguments: ``file``, ``saved``, which is where the model is, ``seed``, and the
    options, each with its default value, whose type a given one must have (text where it is
    None). For a file that is a saved model (.npz) there is nothing to learn. Bad input, which is
    an OSError or a ValueError, ends the program with its sentence and code 2.
    """
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("file", type=Path, help="the file to learn from, or a saved model (.npz)")
    for name, value in {"seed": 0, **options}.items():
        kind = str if value is None else type(value)
        parser.add_argument(f"--{name}", type=kind, default=value, help=f"default: {value}")
    args = parser.parse_args()
    args.saved = args.file
    try:
        if args.file.suffix != ".npz":
            args.saved = args.file.with_name(f"{args.file.stem}-model.npz")
            learn(args)
            print("saved", args.saved.name)
        use(args)
    except (OSError, ValueError) as error:
        parser.error(str(error))


def run(name: str, *arguments: str) -> None:
    """Run one of the course's programs, NAME.py, as its command line would."""
    package = Path(__file__).resolve().parents[1]
    folders = (package / "programs", package.parent / "book" / "programs")
    file = next(folder / f"{name}.py" for folder in folders if (folder / f"{name}.py").exists())
    before, sys.argv = sys.argv, [file.name, *arguments]
    try:
        runpy.run_path(str(file), run_name="__main__")
    finally:
        sys.argv = before
