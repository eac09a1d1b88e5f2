"""Where the command reads what it trusts and writes what it finds: never among submissions.

Whoever could write there might plant a solution, which would be run, a journal, which would be
believed, or a link, through which another file would be overwritten.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO


def real(path: Path) -> Path:
    """The path without links; unlike `Path.resolve`, also where links run in a circle."""
    return Path(os.path.realpath(path))


def folders_of(submissions: Iterable[str]) -> list[Path]:
    """The folders that submissions lie in, without links: those given, and those around a file."""
    found: dict[Path, None] = {}
    for path in map(Path, submissions):
        places = [path] if path.is_dir() else [path.parent, real(path).parent]
        found |= dict.fromkeys(map(real, places))
    return list(found)


def inside(path: Path, folder: Path) -> bool:
    """True where one is the other, or lies below it; both without links."""
    return path == folder or folder in path.parents


def refuse_among(paths: Iterable[Path], submissions: Iterable[str]) -> None:
    """Raise `PermissionError` where a file or folder to write lies among submissions."""
    folders = folders_of(submissions)
    for path in paths:
        for folder in folders:
            if any(inside(place, folder) for place in (real(path), real(path.parent) / path.name)):
                raise PermissionError(
                    f"{path} lies in {folder}, among the submissions, where somebody could have "
                    "planted a file in its place: put it elsewhere, and its journal with it"
                )


def check_files(paths: Iterable[Path], submissions: Iterable[str]) -> None:
    """Refuse files that could not be written at the end, or lie among submissions.

    Raises `FileNotFoundError` where the folder is missing, `IsADirectoryError` or `PermissionError`
    where something other than a file has the name, and as `refuse_among` does.
    """
    paths = list(paths)
    for path in paths:
        if not path.name or (path.is_dir() and not path.is_symlink()):
            raise IsADirectoryError(f"cannot write {path}: a folder; name a file (if it is of "
                                    "submissions, name it before the option)")  # fmt: skip
        if not path.parent.is_dir():
            raise FileNotFoundError(f"cannot write {path}: {path.parent} does not exist")
        if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
            raise PermissionError(f"cannot write {path}: a link or a device has this name; remove "
                                  "it, or name another file")  # fmt: skip
    refuse_among(paths, submissions)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that is either the old or the new one, never half of it, through no link."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(part, "xb") as file:  # "x" follows no link
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def open_own(path: Path) -> BinaryIO:
    """Open a file of ours to read and append, or make it.

    Raises `PermissionError` where it is no regular file, or has a second name elsewhere.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    said = f"{path} is a link, or no regular file: remove it, or name another --out"
    try:
        number = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise PermissionError(said) from None
        raise
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(number)
        raise PermissionError(said)
    return os.fdopen(number, "a+b")
