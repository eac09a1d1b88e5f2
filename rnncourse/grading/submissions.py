"""Find and read the submissions of a class: notebooks in folders and zips, however named.

What is read is the learner's: it is parsed as data, bounded in size, and never extracted or run.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from rnncourse.grading.compare import Text
from rnncourse.grading.exercise import (
    MAX_NOTEBOOK_BYTES,
    Notebook,
    NotebookError,
    decode_notebook,
    read_notebook,
)

MAX_ZIP_BYTES = 100 << 20
MAX_MEMBERS = 100
# What learners hand in instead of a notebook, where the file's name holds an exercise's id.
NOT_NOTEBOOKS = {".py", ".txt", ".json", ".html", ".htm", ".pdf", ".docx"}
IGNORED = {".ipynb_checkpoints", "__MACOSX", ".git"}
CHECK_CALL = re.compile(r"^[^#\n]*\bcheck\(\s*[\"'](\w+)[\"']", re.M)


class Submission(NamedTuple):
    """A notebook to grade: the name to show, the file (`member`: inside a zip), or why none."""

    name: str
    path: Path
    problem: Text | None = None
    member: str = ""


class Job(NamedTuple):
    """One submission to one exercise: plain values, so that another machine can grade it."""

    submission: str
    exercise: str
    cells: tuple[str, ...] = ()
    problem: Text | None = None
    learner: str = ""

    def digest(self) -> str:
        """A hash of everything that grading reads: outputs and prose may change."""
        return hashlib.sha256(json.dumps(self).encode("utf-8", "replace")).hexdigest()


def find_submissions(paths: Iterable[str], known: Collection[str] = ()) -> Iterator[Submission]:
    """The files named, and the notebooks and zips below the folders named, in a stable order.

    With one folder, names are relative to it. Links inside a folder are refused: one could point
    at the solution. `known` are exercise ids, by which other files are recognised as mistaken.
    """
    paths = list(paths)
    for given in paths:
        root = Path(given)
        if not root.is_dir():
            yield from _opened(Submission(_shown(root), root))
            continue
        top = root.resolve()
        found = [path for path in sorted(root.rglob("*")) if _is_wanted(path, root, known)]
        if not found:
            yield Submission(
                _shown(root), root, ("no notebooks in this folder", "文件夹中没有 notebook")
            )
        for path in found:
            name = _shown(path.relative_to(root) if len(paths) == 1 else path)
            linked = path.is_symlink() or path.resolve() != top / path.relative_to(root)
            problem = ("is a link, not a file", "是链接，不是文件") if linked else None
            yield from _opened(Submission(name, path, problem or _mistaken(path)))


def _is_wanted(path: Path, root: Path, known: Collection[str]) -> bool:
    suffix = path.suffix.lower()
    if IGNORED & set(path.relative_to(root).parts) or path.name.startswith("._"):
        return False
    if suffix in NOT_NOTEBOOKS:
        return bool(named(path.name, known)) and path.is_file()
    return suffix in (".ipynb", ".zip") and not path.is_dir()


def _mistaken(path: Path) -> Text | None:
    suffix = path.suffix.lower()
    if suffix not in NOT_NOTEBOOKS:
        return None
    return (f"a {suffix} file, not a notebook: hand in the .ipynb file",
            f"这是 {suffix} 文件，不是 notebook：请提交 .ipynb 文件")  # fmt: skip


def _opened(submission: Submission) -> Iterator[Submission]:
    """The notebooks in a zip, read where they lie; anything else as it is."""
    path = submission.path
    if path.suffix.lower() != ".zip" or submission.problem or not path.is_file():
        yield submission
        return
    try:
        members = _members(path)
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        text = f"({type(error).__name__})"
        members, problem = [], (f"not a readable zip {text}", f"无法读取的 zip 文件 {text}")
    else:
        problem = ("no notebooks in this zip", "zip 文件中没有 notebook")
    if not members:
        yield submission._replace(problem=problem)
    for member in members:
        yield submission._replace(name=f"{submission.name}/{_shown(member)}", member=str(member))


def _members(path: Path) -> list[PurePosixPath]:
    """The notebooks in a zip. Raises `ValueError` where there are too many, or it is too large."""
    if path.stat().st_size > MAX_ZIP_BYTES:
        raise ValueError("too large")
    with zipfile.ZipFile(path) as file:
        inside = [PurePosixPath(name) for name in sorted(set(file.namelist()))]
    found = [p for p in inside if p.suffix.lower() == ".ipynb" and not IGNORED & set(p.parts)
             and not p.name.startswith("._")]  # fmt: skip
    if len(found) > MAX_MEMBERS:
        raise ValueError("too many notebooks")
    return found


def read_submission(submission: Submission) -> Notebook:
    """Read a submission's notebook. Raises `NotebookError` where there is none to grade."""
    if submission.problem:
        raise NotebookError(*submission.problem)
    if not submission.member:
        return read_notebook(submission.path)
    try:
        with zipfile.ZipFile(submission.path) as file, file.open(submission.member) as member:
            data = member.read(MAX_NOTEBOOK_BYTES + 1)  # whatever size the zip claims
    except Exception as error:  # a damaged or encrypted member: many kinds
        name = type(error).__name__
        raise NotebookError(
            f"cannot be read from the zip ({name})", f"无法从 zip 中读取（{name}）"
        ) from error
    return decode_notebook(data)


def read_jobs(submission: Submission, known: Collection[str]) -> list[Job]:
    """One job for each exercise that the submission answers, one at least. Never raises."""
    guess = named(submission.member or submission.path.name, known)
    try:
        notebook = read_submission(submission)
        cells = tuple(c.source for c in notebook.cells if c.kind == "code")
        return [
            Job(submission.name, name, cells, learner=learner(submission.name, name))
            for name in _answered(notebook, guess, known)
        ]
    except NotebookError as error:
        problem = error.text
    except Exception as error:  # one odd file must not cost the others their grades
        text = type(error).__name__
        problem = (f"cannot be read ({text})", f"无法读取（{text}）")
    who = learner(submission.name, guess)
    return [Job(submission.name, guess, problem=problem, learner=who)]


def _answered(notebook: Notebook, guess: str, known: Collection[str]) -> list[str]:
    """Exercise ids: by the metadata, else by the file's name, else by the calls of `check`."""
    if notebook.exercise is not None:
        if notebook.exercise in known:
            return [notebook.exercise]
        name = printable(notebook.exercise)[:60]
        raise NotebookError(f"unknown exercise {name}", f"未知的练习 {name}")
    if guess:
        return [guess]
    code = "\n".join(cell.source for cell in notebook.cells if cell.kind == "code")
    called = sorted(set(CHECK_CALL.findall(code)) & set(known))
    if not called:
        raise NotebookError(
            "unknown exercise: neither metadata nor file name has its id, nor does a call of check",
            "未知的练习：元数据、文件名和 check 调用中都没有练习编号",
        )
    return called


def named(text: str, known: Collection[str]) -> str:
    """The exercise's id in a file's name, the longest that fits, or empty."""
    return max((name for name in known if name in text), key=len, default="")


def learner(submission: str, exercise: str) -> str:
    """Whose it is: the first folder, else what the file's name says besides the exercise."""
    first, slash, _ = submission.removeprefix("./").partition("/")
    if slash and not first.lower().endswith(".zip"):
        return first
    stem = PurePosixPath(first).stem
    rest = stem.replace(exercise, " ") if exercise else stem
    rest = re.sub(r"副本|\bCopy of\b|-Copy\d+|[(（]\d+[)）]", " ", rest)
    return rest.strip(" -_—·.") or stem


def printable(text: str) -> str:
    """Learner-controlled text on one printable line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _shown(path: Path | PurePosixPath) -> str:
    """A path as the table shows it; never something a spreadsheet reads as a formula."""
    text = re.sub(r"[^\x20-\U0010ffff]", "?", path.as_posix())
    text = text.encode("utf-8", "replace").decode()
    return f"./{text}" if text[:1] in "=+-@" else text
