"""Read a notebook, and read an exercise (reference, spec, mutants) from its solution.

Only trusted code calls `load`: it executes the solution's cells.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import re
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnncourse.grading.compare import Rules, Text
from rnncourse.grading.mistakes import Names
from rnncourse.grading.probes import TEXTS
from rnncourse.grading.training import Task, rules_of

MAX_NOTEBOOK_BYTES = 10 << 20
MAX_CELLS = 5000
KINDS = ("implement", "repair", "measure", "train")
CELL_BREAK = "\n\n# %%\n\n"  # between the solution's cells, where there are several


class NotebookError(Exception):
    """A file that cannot be graded; `text` says why in English and Chinese."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.text: Text = (english, chinese)


class Cell(NamedTuple):
    """One notebook cell."""

    kind: str
    source: str
    tags: tuple[str, ...] = ()


class Notebook(NamedTuple):
    """The part of a notebook that grading reads."""

    cells: list[Cell]
    exercise: str | None
    note: Text | None = None  # what to say though it can be graded


@dataclass(frozen=True)
class Exercise:
    """A solution notebook, taken apart.

    Where something is trained, `task` says how it is judged, and `probes` which probes may name a
    mutant: one of them must, where there are any.
    """

    id: str
    kind: str
    function: str
    source: str
    rules: Rules
    withhold: tuple[str, ...]
    packages: tuple[str, ...]
    mutants: dict[str, tuple[tuple[str, str], ...]]
    draw: Callable[[np.random.Generator], Any]
    equivalents: dict[str, str]
    preamble: str = ""
    task: Task | None = None
    probes: dict[str, tuple[str, ...]] = field(default_factory=dict)


def read_notebook(path: Path) -> Notebook:
    """Parse a version 4 notebook.

    Raises `NotebookError` where the file is absent, not a regular file, too large,
    not JSON, not a notebook, or without code cells.
    """
    if not path.exists():
        raise NotebookError("no such file", "找不到文件")
    if not path.is_file():  # a pipe or device would block the batch
        raise NotebookError("not a regular file", "不是普通文件")
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_NOTEBOOK_BYTES + 1)
    except OSError as error:
        name = type(error).__name__
        raise NotebookError(f"cannot be read ({name})", f"无法读取（{name}）") from error
    return decode_notebook(data)


def decode_notebook(data: bytes) -> Notebook:
    """A `Notebook` from a file's bytes. Raises `NotebookError` as `read_notebook` does.

    UTF-16 and GB18030, which Jupyter does not open, are read too; the notebook's note says so.
    """
    if len(data) > MAX_NOTEBOOK_BYTES:
        raise NotebookError(
            "the file is larger than 10 MB: clear the outputs (Edit → Clear All Outputs), "
            "save, and hand in again",
            "文件超过 10 MB：请清除所有输出（编辑 → 清除所有输出），保存后重新提交",
        )
    text, encoding = _as_text(data)
    try:
        if text is None:
            raise UnicodeError
        notebook = parse_notebook(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise NotebookError(*_not_json(data, text, error)) from error
    if encoding == "UTF-8":
        return notebook
    return notebook._replace(note=(
        f"the file is in {encoding}, which Jupyter does not open: save it as UTF-8",
        f"文件编码是 {encoding}，Jupyter 打不开：请另存为 UTF-8"))  # fmt: skip


ENCODINGS = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16",
             "utf-16-be": "UTF-16", "gb18030": "GB18030"}  # fmt: skip


def _as_text(data: bytes) -> tuple[str | None, str]:
    """A file's text and its encoding; no text where no encoding fits."""
    guess = "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        guess = "utf-16"
    elif data[:2] in (b"{\0", b"\0{"):
        guess = "utf-16-le" if data[:1] == b"{" else "utf-16-be"
    for encoding in (guess, "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode(encoding), ENCODINGS[encoding]
    return None, ""


# How files begin that are often handed in by mistake.
MISTAKES = {
    b"<<<<<<< ": ("it holds an unresolved Git merge conflict: resolve it, and hand in again",
                  "其中有未解决的 Git 合并冲突：请解决后重新提交"),
    b"version https://git-lfs": ("it is a Git LFS pointer, not the file: run git lfs pull",
                                 "这是 Git LFS 的指针，不是文件本身：请运行 git lfs pull"),
    b"PK\3\4": ("it is a zip file: name it .zip, or hand in the .ipynb file in it",
                "这是 zip 文件：请改名为 .zip，或提交其中的 .ipynb 文件"),
    b"%PDF": ("it is a PDF file: hand in the .ipynb file", "这是 PDF 文件：请提交 .ipynb 文件"),
    b"<": ("it is a web page, perhaps one that asks to log in: download the .ipynb file itself",
           "这是网页，可能是登录页：请下载 .ipynb 文件本身"),
}  # fmt: skip


def _not_json(data: bytes, text: str | None, error: Exception) -> Text:
    """What a file is that is not JSON, and what to do."""
    head = data.lstrip(b"\xef\xbb\xbf \t\r\n\0")
    if not head:
        return ("the file is empty: save the notebook, and hand in again",
                "文件是空的：请保存 notebook 后重新提交")  # fmt: skip
    if b"\n<<<<<<< " in data and b"\n>>>>>>> " in data:
        head = b"<<<<<<< "
    said = next((said for start, said in MISTAKES.items() if head.startswith(start)), None)
    if said:
        return said
    line = getattr(error, "lineno", None)
    english, chinese = type(error).__name__, type(error).__name__
    if text is None:
        english, chinese = "not UTF-8 text", "不是 UTF-8 文本"
    elif line:
        cut = not text[getattr(error, "pos", 0) :].strip()
        english = f"it ends too early, in line {line}" if cut else f"line {line}"
        chinese = f"文件不完整，在第 {line} 行中断" if cut else f"第 {line} 行"
    return (f"not readable as JSON ({english}): open it in Jupyter, save, and hand in again",
            f"不是有效的 JSON（{chinese}）：请在 Jupyter 中打开并保存，再重新提交")  # fmt: skip


def parse_notebook(data: Any) -> Notebook:
    """A `Notebook` from parsed JSON. Raises `NotebookError` as `read_notebook` does."""
    cells = data.get("cells") if isinstance(data, dict) else None
    if isinstance(data, dict) and "worksheets" in data and cells is None:
        raise NotebookError("not a notebook of version 4 but of 3: open it in Jupyter, save, and "
                            "hand in again",
                            "不是第 4 版而是第 3 版的 notebook：请在 Jupyter 中打开并保存，"
                            "再重新提交")  # fmt: skip
    if not isinstance(cells, list):
        raise NotebookError("not a notebook (no list of cells)", "不是 notebook（没有单元格列表）")
    if len(cells) > MAX_CELLS:
        raise NotebookError(f"more than {MAX_CELLS} cells", f"单元格超过 {MAX_CELLS} 个")
    parsed = [_parse_cell(cell) for cell in cells]
    if not any(cell.kind == "code" and cell.source.strip() for cell in parsed):
        raise NotebookError("the notebook has no code cells", "notebook 中没有代码单元格")
    metadata = data.get("metadata")
    mark = metadata.get("rnncourse") if isinstance(metadata, dict) else None
    exercise = mark.get("exercise") if isinstance(mark, dict) else None
    return Notebook(parsed, exercise if isinstance(exercise, str) else None)


def _parse_cell(cell: Any) -> Cell:
    if not isinstance(cell, dict):
        raise NotebookError("not a notebook (damaged cell)", "不是 notebook（单元格损坏）")
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise NotebookError("not a notebook (damaged cell)", "不是 notebook（单元格损坏）")
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    tags = tuple(t for t in tags if isinstance(t, str)) if isinstance(tags, list) else ()
    return Cell(str(cell.get("cell_type")), source, tags)


def solution_cells(cells: Iterable[Cell]) -> list[Cell]:
    """The code cells that hold the reference solution."""
    return [c for c in cells if c.kind == "code" and "# BEGIN SOLUTION" in c.source]


def load(notebook: Notebook) -> Exercise:
    """Build the `Exercise` of a solution notebook. Raises `ValueError` where it is unfit."""
    code = [c for c in notebook.cells if c.kind == "code"]
    specs = [c for c in code if "spec" in c.tags]
    solution = solution_cells(code)
    if len(specs) != 1 or not solution or not notebook.exercise:
        raise ValueError("a solution needs an exercise id, a solution cell and one spec cell")
    skip = {"spec", "remove-cell", "nbval-check-output", "nbval-ignore-output"}
    given = [c.source for c in code if not skip & set(c.tags) and c not in solution]
    space: dict[str, Any] = {"np": np, "__name__": "spec"}
    exec(compile(specs[0].source, f"{notebook.exercise}: spec", "exec"), space)
    mutants = {m["name"]: _edits(m["edit"]) for m in space["mutants"]}
    if len(mutants) != len(space["mutants"]):
        raise ValueError("two mutants have the same name")
    task = _task(space) if space["kind"] == "train" else None
    return Exercise(
        id=notebook.exercise,
        kind=_one_of(space["kind"], KINDS),
        function=space["function"],
        source=CELL_BREAK.join(c.source for c in solution),
        rules=_rules(space) if task is None else rules_of(task),
        withhold=tuple(space["withhold"]),
        packages=tuple(space.get("packages", ("numpy",))),
        mutants=mutants,
        draw=space["draw"],
        equivalents=_equivalents(space),
        preamble="\n\n".join(given),
        task=task,
        probes={m["name"]: _probes(m) for m in space["mutants"]} if task else {},
    )


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {allowed}")
    return value


def _rules(space: dict[str, Any]) -> Rules:
    hints = {m["name"]: (m["en"], m["zh"]) for m in space["mutants"]}
    rtol, atol = space["tolerance"]
    starter = tuple(space.get("starter", ()))
    pure = space.get("pure", 0)
    return Rules(tuple(space["outputs"]), space["points"], rtol, atol, hints, starter, pure)


def _probes(mutant: dict[str, Any]) -> tuple[str, ...]:
    """The probes of which one must name a mutant: given as one name, several, or None."""
    found = mutant["probe"]
    return (found,) if isinstance(found, str) else tuple(found or ())


def _task(space: dict[str, Any]) -> Task:
    """How a trained function is judged."""
    texts = TEXTS | {name: tuple(text) for name, text in space.get("probes", {}).items()}
    thresholds = tuple((value, points) for value, points in space["thresholds"])
    unknown = {name for m in space["mutants"] for name in _probes(m)} - texts.keys()
    if unknown:
        raise ValueError(f"mutants name probes that nothing is said of: {sorted(unknown)}")
    return Task(space["measure"], thresholds, space["seconds"], space["baseline"], texts)


def _equivalents(space: dict[str, Any]) -> dict[str, str]:
    """Right answers written differently; one that forgot to define the function proves nothing."""
    found = dict(space.get("equivalents", {}))
    for name, source in found.items():
        if f"def {space['function']}(" not in source:
            raise ValueError(f"equivalent {name} does not define {space['function']}")
    return found


def _edits(edit: Any) -> tuple[tuple[str, str], ...]:
    pairs = [edit] if isinstance(edit[0], str) else edit
    return tuple((old, new) for old, new in pairs)


class Overlap(ValueError):
    """Two mutants that change the same place and cannot be made together."""


def mutate(exercise: Exercise, names: Iterable[str]) -> str:
    """The reference source with the named mutants' edits, all made at once.

    Raises `ValueError` unless each edit matches the reference exactly once, and `Overlap` where
    two mutants' edits overlap, or touch within a line: what comes out then is neither mistake.
    """
    source = exercise.source
    spans = []
    for name in names:
        for old, new in exercise.mutants[name]:
            if source.count(old) != 1:
                raise ValueError(f"{exercise.id}, mutant {name}: {old!r} must match exactly once")
            start = source.index(old)
            spans.append((start, start + len(old), new, name))
    spans.sort()
    for (_, end, _, name), (start, _, _, other) in itertools.pairwise(spans):
        touch = start == end and name != other and source[start - 1] != "\n"
        if start < end or touch:
            kind = ValueError if name == other else Overlap
            raise kind(f"{exercise.id}: the edits of {name} and {other} overlap")
    for start, end, new, _ in reversed(spans):
        source = source[:start] + new + source[end:]
    return source


def mistakes(exercise: Exercise, together: int = 2) -> list[Names]:
    """Each mutant, each set of `together` or fewer whose edits can be made at once, and the
    starter's bugs in any number.
    """
    bugs = exercise.rules.starter
    sizes = [(tuple(exercise.mutants), n) for n in range(1, together + 1)]
    sizes += [(bugs, n) for n in range(together + 1, len(bugs) + 1)]
    found = []
    for chosen in (set(s) for names, n in sizes for s in itertools.combinations(names, n)):
        names = tuple(name for name in exercise.mutants if name in chosen)
        try:
            mutate(exercise, names)
        except Overlap:
            continue
        found.append(names)
    return found


def unsolved(exercise: Exercise, source: str) -> str:
    """A solution cell as the learner gets it: emptied, or with the starter's bugs."""
    if exercise.kind == "repair":
        marker = re.compile(r"^ *# (BEGIN|END) SOLUTION *\n?", re.M)
        return marker.sub("", source).rstrip("\n")
    block = re.compile(r"^( *)# BEGIN SOLUTION.*?# END SOLUTION", re.M | re.S)
    return block.sub(r"\1# YOUR CODE HERE / 在此处写代码\n\1return None", source)


def equivalent(exercise: Exercise, name: str) -> str:
    """The source of an answer written differently, after the definitions that come with it."""
    given = unsolved(exercise, exercise.source)
    return f"{given}{CELL_BREAK}{exercise.equivalents[name]}"


@functools.lru_cache(maxsize=4096)
def _compiled(source: str, name: str) -> types.CodeType:
    return compile(source, name, "exec")


def build(exercise: Exercise, source: str) -> Callable[..., Any]:
    """Execute trusted `source` and return the graded function."""
    space: dict[str, Any] = {"__name__": exercise.id}
    exec(_compiled(exercise.preamble, f"{exercise.id}: given"), space)
    exec(_compiled(source, f"{exercise.id}: solution"), space)
    return space[exercise.function]
