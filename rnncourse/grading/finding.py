"""List what was handed in: every file and empty folder, archives opened, and what kind it is."""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rnncourse.grading.archives import Entry, explain, parts_of, walk
from rnncourse.grading.compare import Text
from rnncourse.grading.exercise import (
    MAX_NOTEBOOK_BYTES,
    Cell,
    Notebook,
    NotebookError,
    decode_notebook,
)
from rnncourse.grading.files import (
    begins_as_json,
    holds_notebook,
    is_archive,
    is_junk,
    is_notebook,
    mistaken,
    suffix,
    unread,
)
from rnncourse.grading.printable import escaped, name_from_bytes

EXPORT = "submission_metadata.yml"  # Gradescope's list of who handed in which folder
MAX_EXPORT = 8 << 20
MAX_EXPORTS = 32 << 20  # of all
MAX_CODE = 2 << 20  # bytes of a notebook's code: it waits in memory, or goes to another machine
# Kinds: gets a row always; where its learner has nothing else; where nothing inside has a learner
# of its own; where the folder given holds nothing at all.
SURE, OTHER, ARCHIVE, GIVEN = "sure", "other", "archive", "given"


class Found(NamedTuple):
    """A file, or an empty folder. `parts` are its folders and name, for naming its learner."""

    name: str
    parts: tuple[str, ...]
    path: Path
    kind: str
    given: int  # which of the paths given it comes from
    problem: Text | None = None
    member: str = ""
    packed: bytes = b""


@dataclass
class Listing:
    """What was found, with Gradescope's lists by their folders; `base` is the folder around all."""

    base: Path
    files: list[Found] = field(default_factory=list)
    exports: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    def add_export(self, folder: tuple[str, ...], data: bytes) -> None:
        """Keep a list of Gradescope's, unless there are too many to be true."""
        if sum(map(len, self.exports.values())) + len(data) <= MAX_EXPORTS:
            self.exports[folder] = data


def find_files(paths: Sequence[str]) -> Listing:
    """The files named, and those below the folders named, in a stable order."""
    roots = [os.path.abspath(path) for path in paths]
    folders = [root for root in roots if os.path.isdir(root)]
    one = len(folders) == 1  # the class, then, and not one of its learners
    files = [root for root in roots if not (one and root in folders)]
    around = os.path.commonpath([os.path.dirname(root) for root in files]) if files else ""
    listing = Listing(Path(folders[0] if one else around))
    for number, path in enumerate(paths):
        start = roots[number] if one and roots[number] in folders else around
        parts = tuple(_text(part) for part in Path(roots[number]).relative_to(start).parts)
        root = _Root(listing, number, Path(path), parts, relative=len(paths) == 1)
        if root.path.is_dir():
            root.list_folder()
        else:
            root.list_file(root.path, parts, named=True)
    return listing


def _text(name: str) -> str:
    """A name from the file system, whose bytes need not be UTF-8."""
    return name_from_bytes(os.fsencode(name))


class _Root:
    """One of the paths given, while it is listed."""

    def __init__(self, listing: Listing, number: int, path: Path, parts: tuple[str, ...],
                 relative: bool) -> None:  # fmt: skip
        self.listing = listing
        self.number = number
        self.path = path
        self.parts = parts
        self.relative = relative

    def add(self, path: Path, parts: tuple[str, ...], kind: str, problem: Text | None = None,
            member: str = "", packed: bytes = b"") -> None:  # fmt: skip
        """Add a file; what is shown of it is its name as given, and its place in an archive."""
        shown = path.relative_to(self.path) if self.relative and path != self.path else path
        name = "/".join(_text(part) for part in shown.parts).replace("//", "/", 1)
        name = escaped(f"{name}/{member}" if member else name)
        self.listing.files.append(
            Found(name, parts, path, kind, self.number, problem, member, packed)
        )

    def list_folder(self) -> None:
        """Everything below a folder, depth first, without following a link."""
        waiting = [(self.path, self.parts)]
        while waiting:
            folder, parts = waiting.pop()
            try:
                inside = sorted(os.scandir(folder), key=lambda item: item.name)
            except OSError as error:
                kind = type(error).__name__
                self.add(folder, (*parts, ""), SURE, (f"cannot be read ({kind})",
                                                      f"无法读取（{kind}）"))  # fmt: skip
                continue
            below = [(item, (*parts, _text(item.name))) for item in inside
                     if not is_junk((item.name,))]  # fmt: skip
            folders = [(Path(item.path), here) for item, here in below
                       if item.is_dir(follow_symlinks=False)]  # fmt: skip
            for item, here in below:
                if not item.is_dir(follow_symlinks=False):
                    self.list_file(Path(item.path), here)
            waiting += reversed(folders)
            if not below and folder != self.path:
                self.add(folder, (*parts, ""), OTHER)
        self.add(self.path, (*self.parts, ""), GIVEN,
                 ("no notebooks in this folder", "文件夹中没有 notebook"))  # fmt: skip

    def list_file(self, path: Path, parts: tuple[str, ...], named: bool = False) -> None:
        """One file. `named` by the teacher, it gets a row whatever it is, and may be a link."""
        name = parts[-1]
        likely = named or is_notebook(name) or is_archive(name) or unread(name) is not None
        kind = SURE if likely else OTHER
        if path.is_symlink() and not named:
            self.add(path, parts, kind, ("is a link, not a file", "是链接，不是文件"))
        elif is_notebook(name) or not path.exists():
            self.add(path, parts, SURE)
        elif not path.is_file():
            self.add(path, parts, kind, ("not a regular file", "不是普通文件"))
        elif name == EXPORT and not named:
            with contextlib.suppress(OSError), open(path, "rb") as file:
                self.listing.add_export(parts[:-1], file.read(MAX_EXPORT))
        elif is_archive(name):
            self.list_archive(path, parts)
        elif unread(name):
            self.add(path, parts, SURE, unread(name))
        elif _holds_notebook(path):
            self.add(path, parts, SURE)
        else:
            self.add(path, parts, kind, mistaken(name))

    def list_archive(self, path: Path, parts: tuple[str, ...]) -> None:
        """The files in an archive and in those inside it, each read once, while it is open."""
        before = len(self.listing.files)
        used: set[tuple[str, ...]] = set()
        folders: dict[tuple[str, ...], str] = {}
        for entry in walk(path):
            inside = parts_of(entry.name)
            used.update(inside[:k] for k in range(len(inside)))
            if entry.folder:
                folders[inside] = entry.name
            elif inside[-1:] == (EXPORT,):
                with contextlib.suppress(Exception):
                    self.listing.add_export(parts + inside[:-1], entry.read(MAX_EXPORT))
            else:
                self._add_entry(entry, path, parts + inside)
        for inside, member in folders.items():
            if inside not in used:
                self.add(path, (*parts, *inside, ""), OTHER, member=member)
        if all(file.kind == OTHER for file in self.listing.files[before:]):
            kind = suffix(path.name)[1:]
            self.add(path, parts, ARCHIVE,
                     (f"no notebooks in this {kind}", f"{kind} 文件中没有 notebook"))  # fmt: skip

    def _add_entry(self, entry: Entry, path: Path, parts: tuple[str, ...]) -> None:
        name = parts[-1]
        likely = is_notebook(name) or is_archive(name)
        kind, problem, packed = SURE if likely else OTHER, entry.problem, b""
        if not problem and (problem := unread(name)):
            kind = SURE
        elif not problem:
            try:
                data = entry.read(MAX_NOTEBOOK_BYTES + 1, bool if likely else begins_as_json)
                if likely or holds_notebook(data):
                    kind, packed = SURE, pack(decode_notebook(data))
                else:
                    problem = mistaken(name)
            except NotebookError as error:
                kind, problem = SURE, error.text
            except Exception as error:  # damaged or encrypted, in many ways
                problem = explain(error)
        self.add(path, parts, kind, problem, entry.name, packed)


def _holds_notebook(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
            return begins_as_json(head) and holds_notebook(head + file.read(MAX_NOTEBOOK_BYTES))
    except OSError:
        return False


def pack(notebook: Notebook) -> bytes:
    """What grading reads of a notebook, small. Raises `NotebookError` where that is too much."""
    code = [cell.source for cell in notebook.cells if cell.kind == "code"]
    if sum(map(len, code)) > MAX_CODE:
        raise NotebookError("the code cells hold more than 2 MB: take data out of the code",
                            "代码单元格超过 2 MB：请不要把数据写在代码里")  # fmt: skip
    return zlib.compress(json.dumps([code, notebook.exercise, notebook.note]).encode(), 1)


def unpack(data: bytes) -> Notebook:
    """The inverse of `pack`: the notebook without its prose."""
    code, exercise, note = json.loads(zlib.decompress(data))
    return Notebook([Cell("code", source) for source in code], exercise, note and tuple(note))
