"""Pictures with descriptions: a CSV file that names, in each row, a picture and what it shows.

For programs that learn from a reader's own files; see :mod:`rnncourse.data.own`. P pictures of Y
rows, X columns and C channels. What a frozen network has made of pictures is taken in their place.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse._types import Array
from rnncourse.data.fetch import DataError
from rnncourse.data.own import pick, read_table, say

SIDE = 24  # rows and columns to which a picture is brought
LONGEST = 300  # characters of a description
FEATURES = ".npy"


class Described(NamedTuple):
    """Pictures, and all that was said of each."""

    pictures: Array  # (P, Y, X, C) float32
    texts: list[list[str]]  # of each picture one or more


def picture(path: str | Path) -> Array:
    """A picture (SIDE, SIDE, 3), red, green and blue from 0 to 1; or features (Y, X, C).

    A file .npy holds features, numbers (D,) of a whole picture, which become (1, 1, D), or
    (Y, X, C) of Y × X places; they are divided by the root of their mean square. Any other file is
    a picture as Pillow reads it, brought to the size. All float32.

    Raises DataError, naming the file, where it cannot be read, and where features are not finite,
    all 0, or of another shape.
    """
    if Path(path).suffix == FEATURES:
        return _features(path)
    from PIL import Image

    try:
        with Image.open(path) as found:
            small = found.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
            return np.asarray(small, np.float32) / 255
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is no picture that can be read: {error}") from error


def _features(path: str | Path) -> Array:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is no array that can be read: {error}") from error
    if found.dtype.kind not in "iuf" or found.ndim not in (1, 3) or not found.size:
        raise DataError(f"{path} holds {found.dtype} of shape {found.shape}; expected numbers "
                        "(D,) or (Y, X, C)")  # fmt: skip
    full = found.astype(np.float64)
    scale = np.sqrt(np.mean(full**2))
    if not np.isfinite(scale) or scale == 0:
        raise DataError(f"{path} holds numbers that are not finite, or zeros alone")
    shape = found.shape if found.ndim == 3 else (1, 1, len(found))
    return (full / scale).reshape(shape).astype(np.float32)


def described(
    path: str | Path, picture_column: str | None = None, text: str | None = None, at_least: int = 50
) -> Described:
    """Pictures and their descriptions, from two columns of a CSV file; prints how many it found.

    Of two columns the first names the files; paths begin at the folder of the CSV file. A picture
    may stand in several rows, with a description each. Rows in which one of the two is missing are
    left out.

    Raises DataError, naming the line, where a file is not there, a description has more than
    ``LONGEST`` characters, or pictures are of different shapes; where there are fewer than
    ``at_least`` pictures; and as :func:`picture`, :func:`rnncourse.data.own.read_table` and
    :func:`rnncourse.data.own.pick`.
    """
    table = read_table(path)
    columns = pick(path, table, list(table.columns), picture=picture_column, text=text)
    rows = list(zip(*columns, table.lines, strict=True))
    kept = [row for row in rows if row[0] and row[1]]
    texts: dict[str, list[str]] = {}
    pictures: dict[str, Array] = {}
    for name, line, number in kept:
        if len(line) > LONGEST:
            raise DataError(f"{path}, line {number}: a text of {len(line)} characters; expected "
                            f"at most {LONGEST}")  # fmt: skip
        if name not in pictures:
            pictures[name] = _listed(path, number, name)
            first = next(iter(pictures.values()))
            if pictures[name].shape != first.shape:
                raise DataError(f"{path}, line {number}: {name!r} has shape "
                                f"{pictures[name].shape}; expected {first.shape}, as the first "
                                "one")  # fmt: skip
        texts.setdefault(name, []).append(line)
    if len(pictures) < at_least:
        raise DataError(f"{path} has {len(pictures)} pictures with a description; expected at "
                        f"least {at_least}")  # fmt: skip
    say("{} pictures with {} descriptions, {} rows with a gap left out", len(pictures), len(kept),
        len(rows) - len(kept))  # fmt: skip
    return Described(np.stack(list(pictures.values())), list(texts.values()))


def _listed(path: str | Path, line: int, name: str) -> Array:
    """The picture of a row."""
    file = Path(path).parent / name
    if not file.is_file():
        raise DataError(f"{path}, line {line}: there is no file {name!r}; its path must begin at "
                        "the folder of the table")  # fmt: skip
    return picture(file)
