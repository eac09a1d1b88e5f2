"""A reader's own files: text, tables, and programs that learn from them.

What cannot be read is a DataError whose sentence names the file, and where it can the line.
"""

import argparse
import csv
import functools
import io
import re
import runpy
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnncourse import show
from rnncourse._types import Array
from rnncourse.data.fetch import DataError

MISSING = {"", "na", "nan", "n/a", "null", "none", "-", "?"}  # in lower case
# The byte-order mark of UTF-8 goes; GB18030 is what Chinese spreadsheets write.
TABLE_ENCODINGS = ("utf-8-sig", "gb18030")

_heard: dict[str, list[str] | None] = {"en": None}  # language → lines kept back; None: printed


@functools.cache
def _chinese() -> dict[Any, str]:
    """English → Chinese, of all that the programs say."""
    import yaml

    file = Path(__file__).parent / "corpora" / "programs.yml"
    words: dict[Any, str] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return words


def say(sentence: str, *values: Any) -> None:
    """Print a sentence, with values in its braces, in the language that ``--lang`` asks for."""
    for language, kept in _heard.items():
        words: dict[Any, str] = _chinese() if language == "zh" else {}
        told = [words.get(v, v) if isinstance(v, str) else v for v in values]
        line = words.get(sentence, sentence).format(*told)
        print(line) if kept is None else kept.append(line)


def _listen(language: str) -> None:
    """Choose the language of :func:`say`; both are kept back for :func:`_tell`."""
    _heard.clear()
    for one in ("en", "zh") if language == "both" else (language,):
        _heard[one] = [] if language == "both" else None


def _tell() -> None:
    """Print what was kept back, each language for its edition of the book."""
    for language, kept in _heard.items():
        if kept is not None:
            show.edition(language)
            print(*kept, sep="\n")
            show.edition("both")


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
    names = " or ".join(name.upper().removesuffix("-SIG") for name in encodings)
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
    if not rows:
        raise DataError(f"{path} has no cell with anything in it")
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


def pick(path: str | Path, table: Table, guess: list[str], **wanted: str | None) -> list[list[str]]:
    """The columns whose names are wanted, or those of ``guess`` where a name is None.

    Raises DataError where there is none of that name; where a name must be guessed, and there are
    other columns to choose from; and where the file has no row of names.
    """
    have = list(table.columns)
    if None in wanted.values() and len(have) != len(wanted):
        options = " and ".join(f"--{option}" for option in wanted)
        raise DataError(f"{path} has the columns {have}; say with {options} which to use")
    found = []
    for place, given in enumerate(wanted.values()):
        name = guess[place] if given is None else given
        if name not in have:
            raise DataError(f"{path} has no column {name!r}; there are {have}")
        if name in table.columns[name]:
            raise DataError(f"{path}, line 1: {name!r} is also in the column below it; the first "
                            "line must hold the columns' names")  # fmt: skip
        found.append(table.columns[name])
    return found


def labelled(
    path: str | Path, text: str | None = None, label: str | None = None, at_least: int = 5
) -> tuple[list[str], list[str]]:
    """Texts and their labels, from two columns of a CSV file; prints how many of each it found.

    Of two columns the one with fewer different cells holds the labels. Rows in which one of the
    two is missing are left out. Raises DataError where there are fewer than two labels, or fewer
    than ``at_least`` different texts of one; and as :func:`read_table` and :func:`pick`.
    """
    table = read_table(path)
    by_variety = sorted(table.columns, key=lambda name: -len(set(table.columns[name])))
    guess = [by_variety[0], by_variety[-1]]
    rows = list(zip(*pick(path, table, guess, text=text, label=label), strict=True))
    kept = [row for row in rows if all(row)]
    different: dict[str, set[str]] = {}
    for words, name in kept:
        different.setdefault(name, set()).add(words)
    if len(different) < 2:
        raise DataError(f"{path} has the labels {list(different)}; expected two different ones")
    rarest = min(different, key=lambda name: len(different[name]))
    if len(different[rarest]) < at_least:
        raise DataError(f"{path}: the label {rarest!r} has {len(different[rarest])} different "
                        f"texts; expected at least {at_least} of each label")  # fmt: skip
    say("{} texts, {} rows with a gap left out", len(kept), len(rows) - len(kept))
    say("different: {}", ", ".join(f"{len(texts)} {name}" for name, texts in different.items()))
    return [row[0] for row in kept], [row[1] for row in kept]


def pairs(
    path: str | Path,
    source: str | None = None,
    target: str | None = None,
    at_least: int = 50,
    at_most: int = 200,
) -> tuple[list[str], list[str]]:
    """Texts and what becomes of them, from two columns of a CSV file; prints how many it found.

    Of two columns the first holds the sources. Rows in which one of the two is missing are left
    out. Raises DataError where there are fewer than ``at_least`` different sources, or, naming
    the line, a text of more than ``at_most`` characters; and as :func:`read_table` and
    :func:`pick`.
    """
    table = read_table(path)
    columns = pick(path, table, list(table.columns), source=source, target=target)
    rows = list(zip(*columns, table.lines, strict=True))
    for *texts, line in rows:
        if (longest := max(map(len, texts))) > at_most:
            raise DataError(f"{path}, line {line}: a text of {longest} characters; expected at "
                            f"most {at_most}")  # fmt: skip
    kept = [(one, other) for one, other, _ in rows if one and other]
    different = len({one for one, _ in kept})
    if different < at_least:
        raise DataError(f"{path} has {different} different texts to rewrite; expected at least "
                        f"{at_least}")  # fmt: skip
    say("{} pairs, {} rows with a gap left out", len(kept), len(rows) - len(kept))
    return [one for one, _ in kept], [other for _, other in kept]


def recordings(path: str | Path, at_least: int = 20) -> tuple[list[Path], list[str], list[str]]:
    """Sound files and what is said in each, from the columns "file" and "text" of a CSV file.

    Paths begin at the folder of the CSV file. The third list says which recordings must stay
    together: those of one name in the column "speaker", where there is one, else copies of a
    file. Rows in which one of the cells is missing are left out. Prints how many it found.
    Nothing is read from the sound files here. Raises DataError, naming the line, where one is
    not there; where there are fewer than ``at_least``; and as :func:`read_table` and :func:`pick`.
    """
    table = read_table(path)
    files, texts = pick(path, table, [], file="file", text="text")
    rows = list(zip(files, texts, table.columns.get("speaker", files), table.lines, strict=True))
    kept = [row for row in rows if all(row)]
    found = [Path(path).parent / row[0] for row in kept]
    for file, (name, _, _, line) in zip(found, kept, strict=True):
        if not file.is_file():
            raise DataError(f"{path}, line {line}: there is no file {name!r}; its path must "
                            "begin at the folder of the table")  # fmt: skip
    if len(kept) < at_least:
        raise DataError(f"{path} has {len(kept)} recordings with a text; expected at least "
                        f"{at_least}")  # fmt: skip
    say("{} recordings, {} rows with a gap left out", len(kept), len(rows) - len(kept))
    return found, [row[1] for row in kept], [row[2] for row in kept]


def is_chinese(texts: Iterable[str]) -> bool:
    """Whether there is a Chinese character in them."""
    return any("\u4e00" <= character <= "\u9fff" for text in texts for character in text)


UNITS = {"Y": "year(s)", "M": "month(s)", "D": "day(s)", "h": "hour(s)"}
DATE = re.compile(
    r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?(?:[T ]+(\d{1,2})(?::\d\d){1,2}(?:\.\d+)?)?"
)
WRITTEN = str.maketrans({"/": "-", ".": "-", "年": "-", "月": "-", "日": ""})


def dated(
    path: str | Path, date: str | None = None, value: str | None = None, at_least: int = 2
) -> tuple[np.ndarray, Array, Array]:
    """A series from two columns of a CSV file: evenly spaced dates (T,), values (T,), and which
    of these are real (T,).

    The first of two columns holds the dates: 2020, 2020-01, 2020-01-31 or 2020-01-31 13:00, also
    with / or . or 年月日. The step is the largest one, of years, months, days or hours, on which
    they all lie. At a step without a value the last one before it stands in, since on that day
    nobody knows the next; rows without a value at both ends are left out. Prints what it found.
    Raises DataError, naming the line, for what is no date or no number and for a date that comes
    twice; for fewer than ``at_least`` values, or all the same; for dates so uneven that most
    steps would be empty; and as :func:`read_table` and :func:`pick`.
    """
    found = _in_order(path, date, value)
    values = np.array([number for _, number, _ in found])
    real = values[np.isfinite(values)]
    if len(real) < at_least or real.min() == real.max():
        raise DataError(f"{path} has {len(real)} values, {len(set(real))} different ones; expected "
                        f"at least {at_least}, and 2")  # fmt: skip
    for unit in UNITS:
        places = np.array([row[0].astype(f"M8[{unit}]").astype(int) for row in found])
        gaps = np.diff(places)
        if gaps.all():
            break
    else:
        line = found[int(gaps.argmin()) + 1][2]
        raise DataError(f"{path}, line {line}: a second value for the same date and hour")
    step = int(np.gcd.reduce(gaps))
    steps = (places - places[0]) // step
    T = int(steps[-1]) + 1
    if 5 * len(found) < T:
        raise DataError(f"{path}: {len(found)} dates lie on {T} steps of {step} {UNITS[unit]}; "
                        "most would be empty")  # fmt: skip
    series = np.full(T, np.nan)
    series[steps] = values
    dates = (places[0] + step * np.arange(T)).astype(f"M8[{unit}]")
    real = np.isfinite(series)
    say("{} steps of {} {}, {} without a value", T, step, UNITS[unit], T - real.sum())
    return dates, series[np.maximum.accumulate(np.where(real, np.arange(T), 0))], real


def _in_order(
    path: str | Path, date: str | None, value: str | None
) -> list[tuple[np.datetime64, float, int]]:
    """Date, number and line of each row, the earliest first, without gaps at the ends."""
    table = read_table(path)
    cells, numbers = pick(path, table, list(table.columns), date=date, value=value)
    found = [
        (_date(path, line, cell), number_of(path, line, number), line)
        for cell, number, line in zip(cells, numbers, table.lines, strict=True)
    ]
    found.sort(key=lambda row: row[0])
    real = [k for k, row in enumerate(found) if not np.isnan(row[1])]
    return found[real[0] : real[-1] + 1] if real else []


def _date(path: str | Path, line: int, cell: str) -> np.datetime64:
    """A cell as a date with its hour."""
    if len(cell) == 8 and cell.isdigit():
        cell = f"{cell[:4]}-{cell[4:6]}-{cell[6:]}"
    day, *clock = re.split("[T ]+", cell, maxsplit=1)
    match = DATE.fullmatch(" ".join([day.translate(WRITTEN).strip("-"), *clock]))
    try:
        year, month, day, hour = match.groups("") if match else [""] * 4
        whole = f"{year}-{month or 1:>02}-{day or 1:>02}T{hour or 0:>02}"
        return np.datetime64(whole, "h")
    except ValueError as error:
        raise DataError(f"{path}, line {line}: {cell!r} is no date like 2020-01-31, 2020-01, 2020 "
                        "or 2020-01-31 13:00") from error  # fmt: skip


def number_of(path: str | Path, line: int, cell: str) -> float:
    """A cell as a number, NaN where it is missing."""
    try:
        number = float(cell or "nan")
    except ValueError as error:
        raise DataError(f"{path}, line {line}: {cell!r} is no number") from error
    if np.isinf(number):
        raise DataError(f"{path}, line {line}: {cell!r} is infinite; expected a number")
    return number


def program(
    what: str,
    learn: Callable[[argparse.Namespace], None],
    use: Callable[[argparse.Namespace], None],
    **options: Any,
) -> None:
    """Run a program for one file from the command line: ``learn``, then ``use``.

    Both get the arguments: ``file``, ``saved``, which is where the model is, ``seed``, and the
    options, each with its default value, whose type a given one must have (text where it is
    None); ``lang`` is the language of :func:`say`: en, zh, or both, for a page of the book. For a
    file that is a saved model (.npz) there is nothing to learn. Bad input, which is an OSError or
    a ValueError, ends the program with its sentence and code 2.
    """
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("file", type=Path, help="the file to learn from, or a saved model (.npz)")
    for name, value in {"seed": 0, **options}.items():
        kind = str if value is None else type(value)
        parser.add_argument(f"--{name}", type=kind, default=value, help=f"default: {value}")
    parser.add_argument("--lang", choices=("en", "zh", "both"), default="en", help="default: en")
    args = parser.parse_args()
    args.saved = args.file
    _listen(args.lang)
    try:
        if args.file.suffix != ".npz":
            args.saved = args.file.with_name(f"{args.file.stem}-model.npz")
            learn(args)
            say("saved {}", args.saved.name)
        use(args)
        _tell()
    except KeyError as error:
        if args.saved != args.file:
            raise
        parser.error(f"{args.file} was saved by another program: it holds no {error}")
    except (OSError, ValueError) as error:
        parser.error(str(error))
    finally:
        _listen("en")


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
