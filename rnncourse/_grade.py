"""Grade notebooks: this trusted process holds reference, seed and tolerance, and decides.

The notebook runs in a `Child`; it receives inputs and returns plain values, and whatever it
returns is checked byte by byte before it is compared. Each submission yields one `Row`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import math
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnncourse._child import DTYPES
from rnncourse._compare import (
    Answer,
    Case,
    Failure,
    Foreign,
    Text,
    Verdict,
    changed_inputs,
    raised,
    unpack,
    verdict,
)
from rnncourse._exercise import (
    Exercise,
    Notebook,
    NotebookError,
    load,
    make_cases,
    read_notebook,
)
from rnncourse._sandbox import Child, Limits, Mode, Silent, Stage, find_mode
from rnncourse._users import lend_user

SECRET_CASES = 3
MAX_SEED = 2**32  # the public cases' seeds lie above


class Row(NamedTuple):
    """One line of the result."""

    submission: str
    exercise: str
    points: float
    max_points: float
    reason: str
    seconds: float


class Submission(NamedTuple):
    """A notebook to grade: the name to show, and the file, or why there is none."""

    name: str
    path: Path
    problem: Text | None = None


class Malformed(Exception):
    """A message from the child that does not have the agreed form."""


def clean(text: Any, length: int = 200) -> str:
    """Learner-controlled text on one printable line of limited length."""
    if not isinstance(text, str):
        raise Malformed
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:length]


def small(number: Any) -> bool:
    """True for an integer that may be a cell's number, and is short to print."""
    return type(number) is int and 0 < number < 10**6


def parse(line: bytes) -> dict:
    """A message from the child. Raises `Malformed` where it is not a JSON object."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed from error
    if not isinstance(message, dict):
        raise Malformed
    return message


def encode(value: Any) -> Any:
    """An argument for the child: a plain number or text, or an array by its bytes."""
    if not isinstance(value, np.ndarray):
        return value
    data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
    return {"dtype": value.dtype.str, "shape": list(value.shape), "data": data}


def decode(item: Any) -> np.ndarray | Foreign:
    """A returned value. Raises `Malformed` unless dtype, shape and bytes agree exactly."""
    if not isinstance(item, dict):
        raise Malformed
    if set(item) == {"type"}:
        return Foreign(clean(item["type"], 80))
    if set(item) != {"dtype", "shape", "data"} or item["dtype"] not in DTYPES:
        raise Malformed
    shape, data = item["shape"], item["data"]
    if not isinstance(shape, list) or len(shape) > 8 or not isinstance(data, str):
        raise Malformed
    if not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        raise Malformed
    try:
        raw = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Malformed from error
    dtype = np.dtype(item["dtype"])
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise Malformed
    try:
        return np.frombuffer(raw, dtype).reshape(shape)
    except ValueError as error:  # no entries, and sides whose product NumPy cannot hold
        raise Malformed from error


def read_reply(reply: dict, case: Case, exercise: Exercise) -> Answer:
    """The learner's answer to one case, from the child's reply without its id."""
    names = list(case.inputs)
    if "error" in reply:
        return raised(clean(reply["error"]), clean(reply.get("line", "")))
    changed = reply.pop("changed", None)
    if not isinstance(changed, list) or not all(
        type(k) is int and 0 <= k < len(names) for k in changed
    ):
        raise Malformed
    if changed:
        return changed_inputs([names[k] for k in changed])
    if set(reply) == {"none"}:
        return unpack(None, exercise.rules.outputs)
    if set(reply) == {"one"}:
        return unpack(decode(reply["one"]), exercise.rules.outputs)
    if set(reply) != {"many", "list"} or not isinstance(reply["many"], list):
        raise Malformed
    values = [decode(item) for item in reply["many"]]
    return unpack(values if reply["list"] else tuple(values), exercise.rules.outputs)


def run_notebook(child: Child, cells: list[str], function: str, place: list[Text]) -> dict:
    """Have the cells run. Returns the child's report on them; `place` follows the progress."""
    child.send({"cells": cells, "function": function})
    for _ in range(len(cells) + 1):
        message = parse(child.receive())
        if "ready" in message:
            return message
        number = message.get("cell")
        if type(number) is not int or not 1 <= number <= len(cells):
            raise Malformed
        place[0] = (f"in code cell {number}", f"第 {number} 个代码单元格中")
    raise Malformed


def ask(child: Child, case: Case, exercise: Exercise) -> Answer:
    """Send one case's inputs and read the answer. The id cannot be guessed beforehand."""
    if not child.quiet():
        raise Silent("early")
    name = secrets.token_hex(8)
    arguments = [encode(value) for value in case.inputs.values()]
    child.send({"id": name, "arguments": arguments})
    reply = parse(child.receive())
    if reply.pop("id", None) != name:
        raise Malformed
    return read_reply(reply, case, exercise)


def missing(report: dict, exercise: Exercise) -> Text:
    """Why there is no function to call, from the child's report on the cells."""
    english = f"the notebook does not define the function {exercise.function}"
    chinese = f"notebook 没有定义函数 {exercise.function}"
    if report.get("exists") is True:
        english, chinese = f"{exercise.function} is not a function", f"{exercise.function} 不是函数"
    for item in first_errors(report)[:1]:
        english += f" (code cell {item[0]} raised {item[1]})"
        chinese += f"（第 {item[0]} 个代码单元格抛出 {item[1]}）"
    return english, chinese


def first_errors(report: dict) -> list[tuple[int, str]]:
    """Cell numbers and errors of a report. Raises `Malformed` where it is not as agreed."""
    errors = report.get("errors")
    if not isinstance(errors, list) or len(errors) > 100:
        raise Malformed
    found = []
    for item in errors:
        if not isinstance(item, dict) or not small(item.get("cell")):
            raise Malformed
        line = clean(item.get("line", ""))
        found.append((item["cell"], clean(item.get("error")) + (f" at: {line}" if line else "")))
    return found


def silence(error: Silent, place: Text, limits: Limits) -> Text:
    """What to say of a child that stopped answering."""
    if error.why == "late":
        return (f"time limit of {limits.wall:g} s reached {place[0]}",
                f"{place[1]}超过了 {limits.wall:g} 秒的时间限制")  # fmt: skip
    if error.why == "ended":
        status = "" if error.status is None else f" (exit status {error.status})"
        return (f"the process ended {place[0]}{status}", f"{place[1]}进程终止{status}")
    if error.why == "large":
        return (f"an answer is too large {place[0]}", f"{place[1]}返回的数据过大")
    return ("an answer came before it was asked for", "在提问之前就收到了回答")


class Grader:
    """Grades one notebook after another. Call `close` at the end, or use as a context manager."""

    def __init__(self, solutions: Path, seed: int, limits: Limits | None = None,
                 language: int = 0, mode: Mode | None = None,
                 unconfined: bool = False) -> None:  # fmt: skip
        self.limits = limits or Limits()
        self.seed = seed
        self.language = language
        self.solutions = find_solutions(solutions)
        self._loaded: dict[str, tuple[Exercise, list[Case]]] = {}
        self._stages: dict[tuple, Stage] = {}
        try:
            self.mode = mode or find_mode(self._stage((), ("numpy",)), unconfined)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the staging folders."""
        for stage in self._stages.values():
            stage.close()

    def _stage(self, withhold: tuple[str, ...], packages: tuple[str, ...]) -> Stage:
        key = (withhold, packages)
        if key not in self._stages:
            self._stages[key] = Stage(withhold, packages)
        return self._stages[key]

    def exercise(self, name: str) -> tuple[Exercise, list[Case]]:
        """An exercise with this batch's secret cases; computed once."""
        if name not in self._loaded:
            exercise = load(read_notebook(self.solutions[name]))
            seeds = range(self.seed, self.seed + SECRET_CASES)
            self._loaded[name] = (exercise, make_cases(exercise, seeds))
        return self._loaded[name]

    def grade(self, submission: Submission) -> Row:
        """Grade one submission. Never raises: what goes wrong becomes the row's reason."""
        start = time.monotonic()
        exercise, maximum = "", 0.0
        try:
            exercise = self._named(submission.path)  # known even where the file is unreadable
            maximum = self._points(exercise)
            if submission.problem:
                raise NotebookError(*submission.problem)
            notebook = read_notebook(submission.path)
            exercise = self._which(notebook, submission.path)
            maximum = self._points(exercise)
            found = self._run(exercise, notebook)
        except NotebookError as error:
            found = Verdict(0.0, error.text)
        except Exception as error:  # a fault of ours must not cost the others their grades
            text = clean(f"{type(error).__name__}: {error}")
            found = Verdict(0.0, (f"could not be graded: {text}", f"无法评分：{text}"))
        seconds = round(time.monotonic() - start, 3)
        reason = found.text[self.language]
        return Row(submission.name, exercise, found.points, maximum, reason, seconds)

    def _which(self, notebook: Notebook, path: Path) -> str:
        """The exercise's id: from the notebook's metadata, else from the file's name."""
        if notebook.exercise is not None:
            if notebook.exercise in self.solutions:
                return notebook.exercise
            name = clean(notebook.exercise, 60)
            raise NotebookError(f"unknown exercise {name}", f"未知的练习 {name}")
        name = self._named(path)
        if not name:
            raise NotebookError("unknown exercise: neither metadata nor file name has its id",
                                "未知的练习：元数据和文件名中都没有练习编号")  # fmt: skip
        return name

    def _named(self, path: Path) -> str:
        """The exercise's id in the file's name, or empty."""
        return max((name for name in self.solutions if name in path.stem), key=len, default="")

    def _points(self, name: str) -> float:
        return float(self.exercise(name)[0].rules.points) if name else 0.0

    def _run(self, name: str, notebook: Notebook) -> Verdict:
        exercise, cases = self.exercise(name)
        cells = [c.source for c in notebook.cells if c.kind == "code"]
        place = [("before the first cell", "运行第一个单元格之前")]
        stage = self._stage(exercise.withhold, exercise.packages)
        try:
            with lend_user(self.mode) as mode, Child(stage, mode, self.limits) as child:
                report = run_notebook(child, cells, exercise.function, place)
                if report["ready"] is not True:
                    return Verdict(0.0, missing(report, exercise))
                place[0] = (f"while calling {exercise.function}", f"调用 {exercise.function} 时")
                answers = []
                for case in cases:
                    answers.append(ask(child, case, exercise))
                    if isinstance(answers[-1], Failure):
                        return _noted(Verdict(0.0, answers[-1].text), report)
            return _noted(verdict(cases, answers, exercise.rules), report)
        except Silent as error:
            return Verdict(0.0, silence(error, place[0], self.limits))
        except Malformed:
            return Verdict(0.0, ("a malformed answer came from the notebook's process",
                                 "notebook 进程返回了格式错误的数据"))  # fmt: skip


def _noted(found: Verdict, report: dict) -> Verdict:
    """Mention skipped IPython lines where points were lost: they may be the cause."""
    skipped = report.get("skipped")
    if found.text[0] == "full marks" or not isinstance(skipped, list) or not skipped:
        return found
    cells = ", ".join(str(k) for k in skipped[:5] if small(k))
    english = f"{found.text[0]} (IPython lines skipped in code cell {cells})"
    chinese = f"{found.text[1]}（已跳过第 {cells} 个代码单元格中的 IPython 命令）"
    return Verdict(found.points, (english, chinese))


def find_solutions(folder: Path) -> dict[str, Path]:
    """Exercise ids and their solution notebooks.

    Raises `FileNotFoundError` where the folder has none.
    """
    found = {}
    for path in sorted(folder.glob("*_sol_*.ipynb")):
        with contextlib.suppress(NotebookError):
            name = read_notebook(path).exercise
            if name:
                found[name] = path
    if not found:
        raise FileNotFoundError(f"no solution notebooks (*_sol_*.ipynb) in {folder}")
    return found


def find_submissions(paths: Iterable[str]) -> Iterator[Submission]:
    """The notebooks named, and those below the folders named, sorted.

    Links inside a folder are refused: one could point at the solution.
    """
    for given in paths:
        root = Path(given)
        if not root.is_dir():
            yield Submission(_shown(root), root)
            continue
        inside = [p for p in sorted(root.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
        if not inside:
            yield Submission(_shown(root), root, ("no notebooks in this folder",
                                                  "文件夹中没有 notebook"))  # fmt: skip
        for path in inside:
            linked = path.resolve() != root.resolve() / path.relative_to(root)
            problem = ("is a link, not a file", "是链接，不是文件") if linked else None
            yield Submission(_shown(path), path, problem)


def _shown(path: Path) -> str:
    """A path as the table shows it; never something a spreadsheet reads as a formula."""
    text = re.sub(r"[^\x20-\U0010ffff]", "?", path.as_posix())
    text = text.encode("utf-8", "replace").decode()
    return f"./{text}" if text[:1] in "=+-@" else text


def grade_all(
    grader: Grader, submissions: Iterable[Submission], report: Callable[[Row], None]
) -> list[Row]:
    """Grade each submission, calling `report` after each."""
    rows = []
    for submission in submissions:
        rows.append(grader.grade(submission))
        report(rows[-1])
    return rows
