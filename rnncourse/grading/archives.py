"""Read archives that learners and platforms made: zip and tar, archives in archives.

One pass, the archive open once, nothing extracted, and no number that it states is believed: bytes
are counted as they are unpacked, a directory is bounded before it is parsed. Whatever is wrong
becomes an entry with a reason.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from rnncourse.grading.compare import Text
from rnncourse.grading.files import is_archive, is_junk, suffix
from rnncourse.grading.printable import name_from_bytes

MAX_DEPTH = 3  # archives in archives
MAX_ENTRIES = 20_000  # of one archive with all inside it: a class of hundreds fits
MAX_BYTES = 4 << 30  # unpacked, of one archive with all inside it: 300 notebooks of 10 MB
MAX_INNER_ENTRIES = 2_000  # of an archive in an archive: one learner's
MAX_INNER_BYTES = 256 << 20
MAX_DIRECTORY = 4 << 20  # bytes of a zip's directory, before `zipfile` makes objects of them
MAX_HEADER = 1 << 20  # bytes between two members of a tar: long names and the like
MAX_LZMA = 256 << 20  # memory that an .xz may ask for
MAX_NAME = 4096  # characters, as systems have it
MAX_FOLDERS = 40  # that count of an entry's name
PIECE = 1 << 16
TOO_MUCH = ("too much data in this archive: hand in the notebooks alone",
            "压缩包中的数据太多：请只提交 notebook")  # fmt: skip
LONG_NAME = ("a name of more than 4096 characters", "文件名超过 4096 个字符")
TOO_MANY = ("too many files in this archive: hand in the notebooks alone",
            "压缩包中的文件太多：请只提交 notebook")  # fmt: skip


class Refused(Exception):
    """An archive, or a part of it, that is not read; `text` says why."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.text: Text = (english, chinese)


@dataclass
class Budget:
    """What may still be unpacked of an archive; an inner one spends its outer one's as well."""

    size: int
    entries: int
    outer: Budget | None = None

    def spend(self, size: int = 0, entries: int = 0) -> None:
        """Count bytes or entries. Raises `Refused` where there are too many."""
        self.size -= size
        self.entries -= entries
        if self.size < 0:
            raise Refused(*TOO_MUCH)
        if self.entries < 0:
            raise Refused(*TOO_MANY)
        if self.outer:
            self.outer.spend(size, entries)


class Entry(NamedTuple):
    """A file or folder in an archive.

    `pieces` gives the first bytes of it, so many, while the archive is open, and once. `name` is
    as the archive has it, with `/` between folders; inside an inner archive it begins with that
    one's name. `problem` says why there is nothing to read.
    """

    name: str
    pieces: Callable[[int], Iterator[bytes]]
    folder: bool = False
    problem: Text | None = None

    def read(self, size: int, wanted: Callable[[bytes], bool] = bool) -> bytes:
        """At most `size` bytes; the first piece alone, where `wanted` says no to it."""
        data = bytearray()
        for piece in self.pieces(size):
            data += piece
            if len(data) == len(piece) and not wanted(piece):
                break
        return bytes(data)


def walk(path: Path) -> Iterator[Entry]:
    """The files and empty-looking folders of an archive, in its order, inner archives opened.

    An archive that cannot be read to its end yields an entry with a problem; one named "" stands
    for the whole archive. Read an entry before the next one is asked for.
    """
    try:
        with open(path, "rb") as file:
            yield from _entries(file, path.name, Budget(MAX_BYTES, MAX_ENTRIES), 1)
    except OSError as error:
        yield _failed("", error)


def parts_of(name: str) -> tuple[str, ...]:
    """An entry's folders and name: without `.`, `..` and roots, none of which is ever followed."""
    parts = tuple(part for part in name.split("/") if part not in ("", ".", ".."))
    return parts[:MAX_FOLDERS] + parts[-1:] if len(parts) > MAX_FOLDERS else parts


def _entries(file: IO[bytes], name: str, budget: Budget, depth: int) -> Iterator[Entry]:
    opener = _zip if suffix(name) == ".zip" else _tar
    try:
        for entry in opener(file, name, budget):
            budget.spend(entries=1)
            if len(entry.name) > MAX_NAME:
                name = f"{entry.name[:100]}…{entry.name[-100:]}"
                yield Entry(name, entry.pieces, problem=LONG_NAME)
                continue
            parts = parts_of(entry.name)
            if not parts or is_junk(parts):
                continue
            if entry.folder or entry.problem or not is_archive(parts[-1]):
                yield entry
            elif depth < MAX_DEPTH:
                yield from _inner(entry, parts[-1], budget, depth)
            else:
                yield entry._replace(problem=(
                    f"more than {MAX_DEPTH} archives in one another: hand in the notebooks alone",
                    f"压缩包嵌套超过 {MAX_DEPTH} 层：请只提交 notebook"))  # fmt: skip
    except Exception as error:  # damaged in one of many ways; the class goes on
        yield _failed("", error)


def _inner(entry: Entry, name: str, outer: Budget, depth: int) -> Iterator[Entry]:
    """The entries of an archive in an archive, unpacked to a file without a name."""
    budget = Budget(MAX_INNER_BYTES, MAX_INNER_ENTRIES, outer)
    with tempfile.TemporaryFile() as file:
        try:
            for piece in entry.pieces(MAX_INNER_BYTES + 1):
                file.write(piece)
            if file.tell() > MAX_INNER_BYTES:
                raise Refused(*TOO_MUCH)
        except Exception as error:
            yield _failed(entry.name, error)
            return
        file.seek(0)
        for found in _entries(file, name, budget, depth + 1):
            yield found._replace(name=f"{entry.name}/{found.name}" if found.name else entry.name)


def _failed(name: str, error: Exception) -> Entry:
    return Entry(name, lambda size: iter(()), problem=explain(error))


def explain(error: Exception) -> Text:
    """Why an archive or an entry could not be read, and what to do."""
    if isinstance(error, Refused):
        return error.text
    if isinstance(error, RuntimeError) and "password" in str(error):
        return ("protected by a password: hand in without one", "有密码保护：请去掉密码后提交")
    if isinstance(error, NotImplementedError):
        return ("packed in a way that is not read here: make a plain .zip",
                "这里不支持这种压缩方式：请用普通的 .zip")  # fmt: skip
    name = type(error).__name__
    return (f"not a readable archive, damaged or cut short ({name}): pack and hand in again",
            f"压缩包损坏或不完整，无法读取（{name}）：请重新打包提交")  # fmt: skip


# --- zip ---------------------------------------------------------------------------------------


class _Directory(io.BufferedReader):
    """A zip's file, which refuses a directory too large to be parsed, whatever it states."""

    parsed = False

    def read(self, size: int | None = -1, /) -> bytes:
        if not self.parsed and size is not None and size > MAX_DIRECTORY:
            raise Refused(*TOO_MANY)
        return super().read(size)


def _zip(file: IO[bytes], name: str, budget: Budget) -> Iterator[Entry]:
    # `zipfile` reads the directory with one call, of the size that the end record states.
    watched = _Directory(cast(io.RawIOBase, file))
    try:
        with zipfile.ZipFile(watched) as archive:
            watched.parsed = True
            for info in archive.infolist():
                yield _zip_entry(archive, info, budget)
    finally:
        watched.detach()


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> Entry:
    def pieces(size: int) -> Iterator[bytes]:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError  # `zipfile` unpacks the others without a bound
        with archive.open(info) as member:
            yield from _pieces(member, size, budget)

    name = _zip_name(info)
    return Entry(name, pieces, folder=name.endswith("/"))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name in the zip. Without the UTF-8 flag, `zipfile` takes the bytes for CP437."""
    try:
        raw = info.orig_filename.partition("\0")[0].encode("cp437")
    except UnicodeEncodeError:  # from the field for Unicode names
        raw = b""
    if info.flag_bits & 0x800 or not raw:
        return info.filename.replace("\\", "/")
    return name_from_bytes(raw, "/")


def _pieces(member: Any, size: int, budget: Budget | None) -> Iterator[bytes]:
    """At most `size` bytes of a member, whatever size it states."""
    while size > 0:
        piece = member.read(min(PIECE, size))
        if not piece:
            return
        if budget:
            budget.spend(len(piece))
        size -= len(piece)
        yield piece


# --- tar ---------------------------------------------------------------------------------------


class _Forward(io.RawIOBase):
    """A tar's bytes, read once from front to back and counted; seeking forward reads on.

    `allowed` bounds what may be read before it is set again: `tarfile` reads headers of any size
    that they state into memory.
    """

    def __init__(self, source: Any, budget: Budget) -> None:
        self.source = source
        self.budget = budget
        self.allowed = MAX_HEADER
        self.place = 0
        self.last = b""

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= self.allowed:
            raise Refused("a header in this archive is too large: pack it again",
                          "压缩包中的文件头过大：请重新打包")  # fmt: skip
        self.allowed -= size
        self.last = self._take(size)
        return self.last

    def _take(self, size: int) -> bytes:
        data = b"".join(_pieces(self.source, size, self.budget))
        self.place += len(data)
        return data

    def tell(self) -> int:
        return self.place

    def seek(self, place: int, whence: int = 0, /) -> int:
        if whence or place < self.place:
            raise Refused("a damaged archive: pack it again", "压缩包已损坏：请重新打包")
        while self.place < place and self._take(min(PIECE, place - self.place)):
            pass
        return self.place


class _Xz(io.RawIOBase):
    """An .xz's content, unpacked with bounded memory; `lzma.LZMAFile` takes what it is asked."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.tool = lzma.LZMADecompressor(memlimit=MAX_LZMA)

    def read(self, size: int = -1, /) -> bytes:
        while True:
            if self.tool.eof:
                return b""
            more = self.file.read(PIECE) if self.tool.needs_input else b""
            if self.tool.needs_input and not more:
                raise EOFError
            data = self.tool.decompress(more, size)
            if data:
                return data


def _unpacked(file: IO[bytes]) -> Any:
    """A file's content, by its first bytes: gzip, bzip2, xz, or not packed."""
    head = file.read(6)
    file.seek(0)
    if head[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)
    if head[:3] == b"BZh":
        return bz2.BZ2File(file)
    return _Xz(file) if head == b"\xfd7zXZ\0" else file


def _tar(file: IO[bytes], name: str, budget: Budget) -> Iterator[Entry]:
    stream = _Forward(_unpacked(file), budget)
    with tarfile.TarFile(fileobj=cast(IO[bytes], stream), mode="r", encoding="utf-8") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it would keep them all
            archive.pax_headers = {}
            yield _tar_entry(archive, member, stream)
            stream.allowed = MAX_HEADER
        if stream.last.strip(b"\0"):  # `tarfile` takes a header that is none for the end
            raise tarfile.ReadError("a damaged header")


def _tar_entry(archive: tarfile.TarFile, member: tarfile.TarInfo, stream: _Forward) -> Entry:
    def pieces(size: int) -> Iterator[bytes]:
        stream.allowed = size + 2 * PIECE
        content = archive.extractfile(member)
        if content is not None:
            yield from _pieces(content, size, None)

    name = name_from_bytes(member.name.encode("utf-8", "surrogateescape"), "/")
    problem = None
    if not member.isfile() and not member.isdir():
        problem = ("is a link, not a file", "是链接，不是文件")
    return Entry(name, pieces, member.isdir(), problem)
