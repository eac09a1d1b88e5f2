"""Grade notebooks: this trusted process holds reference, seed and tolerance, and decides.

The notebook runs in a `Child`; it receives inputs and returns plain values, and whatever it
returns is checked byte by byte before it is compared. Each submission yields one `Row`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rnncourse.grading import protocol
from rnncourse.grading.cases import draw_training, make_cases
from rnncourse.grading.compare import (
    FULL_MARKS,
    Answer,
    Case,
    Cases,
    Failure,
    Foreign,
    Text,
    Verdict,
    raised,
    unpack,
    verdict,
    with_notes,
)
from rnncourse.grading.confine.process import Child, Mode, Silent, find_mode
from rnncourse.grading.confine.stage import Limits, Stage, titles
from rnncourse.grading.confine.users import lend_user
from rnncourse.grading.exercise import (
    Exercise,
    Notebook,
    NotebookError,
    load,
    read_notebook,
)
from rnncourse.grading.printable import printable
from rnncourse.grading.protocol import Malformed
from rnncourse.grading.record import FAULT, Record, Row, nothing_right
from rnncourse.grading.submissions import Job, Submission, read_jobs
from rnncourse.grading.training import CALLS, PATIENCE, Draw, judge, late

SECRET_CASES = 3
# The error of a package that is not there; what a cell that failed may lead to.
LACKING = re.compile(r"ModuleNotFoundError: (No module named '(?!rnncourse)[\w.]+')")
CONSEQUENCE = re.compile("^the notebook does not define|is not a function$|raised NameError")
MAX_SEED = 2**32  # the public cases' seeds lie above


def clean(text: Any, length: int = 200) -> str:
    """Learner-controlled text on one printable line of limited length."""
    if not isinstance(text, str):
        raise Malformed
    return printable(text)[:length]


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


def decode(item: Any) -> np.ndarray | Foreign:
    """A returned value. Raises `Malformed` unless it is an array, or the name of another type."""
    if isinstance(item, dict) and set(item) == {"type"}:
        return Foreign(clean(item["type"], 80))
    return protocol.array_from_wire(item)


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
    if set(reply) == {"none"}:
        value: Any = None
    elif set(reply) == {"one"}:
        value = decode(reply["one"])
    elif set(reply) == {"many", "list"} and isinstance(reply["many"], list):
        values = [decode(item) for item in reply["many"]]
        value = values if reply["list"] else tuple(values)
    else:
        raise Malformed
    return unpack(value, exercise.rules.outputs, [names[k] for k in changed])


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
    arguments = [protocol.argument_to_wire(value) for value in case.inputs.values()]
    child.send({"id": name, "arguments": arguments})
    reply = parse(child.receive())
    if reply.pop("id", None) != name:
        raise Malformed
    return read_reply(reply, case, exercise)


def try_out(child: Child, exercise: Exercise, cases: Cases) -> Verdict:
    """Call the function on each case, and judge its answers."""
    answers: list[Answer] = []
    for case in cases:
        answers.append(ask(child, case, exercise))
        if isinstance(answers[-1], Failure):
            return Verdict(0.0, answers[-1].text)
    return verdict(cases, answers, exercise.rules)


def have_trained(child: Child, exercise: Exercise, draw: Draw) -> Verdict:
    """Have the function train, each time with a deadline, and judge its predictions."""

    def train(inputs: dict[str, Any]) -> Answer:
        child.allow(PATIENCE * draw.task.seconds)
        return ask(child, Case(inputs, []), exercise)

    return judge(draw, train)


def missing(report: dict, exercise: Exercise) -> Text:
    """Why there is no function to call, from the child's report on the cells."""
    english = f"the notebook does not define the function {exercise.function}"
    chinese = f"notebook 没有定义函数 {exercise.function}"
    if report.get("exists") is True:
        english, chinese = f"{exercise.function} is not a function", f"{exercise.function} 不是函数"
    return _noted(Verdict(0.0, (english, chinese)), report, exercise).text


def read_errors(report: dict) -> list[tuple[int, str, str, bool]]:
    """Cell, error and line of each error in a report, and whether it was passed over.

    Raises `Malformed` where the report is not as agreed.
    """
    errors = report.get("errors")
    if not isinstance(errors, list) or len(errors) > 100:
        raise Malformed
    found = []
    for item in errors:
        if not isinstance(item, dict) or not small(item.get("cell")):
            raise Malformed
        text, line = clean(item.get("error"), 160), clean(item.get("line", ""), 100)
        found.append((item["cell"], text, line, item.get("passed") is True))
    return found


def first_causes(report: dict, packages: Iterable[str]) -> list[Text]:
    """The first error in the cells, from which later ones often follow, and the first that ended
    a cell where that is another."""
    errors = read_errors(report)
    ended = [error for error in errors if not error[3]]
    causes = []
    for cell, error, line, _ in dict.fromkeys([*errors[:1], *ended[:1]]):
        lacking = LACKING.match(error)
        if lacking:
            here, here_zh = installed(packages)
            causes.append((f"code cell {cell}: {lacking[1]}{here}",
                           f"第 {cell} 个代码单元格：{lacking[1]}{here_zh}"))  # fmt: skip
        else:
            at, at_zh = (f" (at: {line})", f"（出错行：{line}）") if line else ("", "")
            causes.append((f"code cell {cell} raised {error}{at}",
                           f"第 {cell} 个代码单元格抛出 {error}{at_zh}"))  # fmt: skip
    return causes


def installed(packages: Iterable[str]) -> Text:
    """What there is, to say after a package that there is not."""
    names = titles(packages)
    english, chinese = ", ".join(names[:-1]), "、".join(names[:-1])
    return (f" (here only {english} and {names[-1]} are installed)",
            f"（这里只安装了 {chinese} 和 {names[-1]}）")  # fmt: skip


def skipped_commands(report: dict) -> list[Text]:
    """The commands that were not run, in one phrase. Raises `Malformed`."""
    skipped = report.get("skipped")
    if not isinstance(skipped, list) or len(skipped) > 100:
        raise Malformed
    english, chinese = [], []
    for item in skipped[:3]:
        if not isinstance(item, dict) or not small(item.get("cell")):
            raise Malformed
        command = clean(item.get("command"), 60)
        english.append(f"{command} in code cell {item['cell']}")
        chinese.append(f"第 {item['cell']} 个代码单元格的 {command}")
    if not english:
        return []
    return [(f"IPython lines skipped: {'; '.join(english)}",
             f"已跳过 IPython 命令：{'；'.join(chinese)}")]  # fmt: skip


def silence(error: Silent, place: Text, limits: Limits, training: float = 0.0) -> Text:
    """What to say of a child that stopped answering; `training` is the limit for a training."""
    if error.why == "late" and training:
        return late(training)
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
    """Grades one job after another; threads may share it.

    `solutions` is their folder, or what `read_solutions` made of it. Call `close` at the end, or
    use as a context manager.
    """

    def __init__(self, solutions: Path | dict[str, Notebook], seed: int,
                 limits: Limits | None = None, language: int = 0,
                 mode: Mode | None = None, unconfined: bool = False) -> None:  # fmt: skip
        self.limits = limits or Limits()
        self.seed = seed
        self.language = language
        self.solutions = read_solutions(solutions) if isinstance(solutions, Path) else solutions
        self._loaded: dict[str, tuple[Exercise, Cases | Draw]] = {}
        self._stages: dict[tuple, Stage] = {}
        self._children: set[Child] = set()
        self._stopped = False
        self._lock = threading.RLock()  # two threads must not build the same exercise
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

    def stop(self) -> None:
        """Kill the notebooks that run, for good. What they were to yield is worthless."""
        self._stopped = True
        for child in list(self._children):
            if child.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)

    def _stage(self, withhold: tuple[str, ...], packages: tuple[str, ...]) -> Stage:
        key = (withhold, packages)
        with self._lock:
            if key not in self._stages:
                self._stages[key] = Stage(withhold, packages)
            return self._stages[key]

    @contextlib.contextmanager
    def _child(self, exercise: Exercise) -> Iterator[Child]:
        """The one place where learner code is started."""
        stage = self._stage(exercise.withhold, exercise.packages)
        seconds = exercise.task.seconds if exercise.task else 0.0
        limits = replace(self.limits, training=CALLS * seconds)
        with lend_user(self.mode) as mode, Child(stage, mode, limits) as child:
            self._children.add(child)
            try:
                if self._stopped:  # between the start and its entry above
                    raise RuntimeError("the grader was stopped")
                yield child
            finally:
                self._children.discard(child)

    def exercise(self, name: str) -> tuple[Exercise, Cases | Draw]:
        """An exercise with this batch's secret cases, or secret draw; computed once."""
        with self._lock:
            if name not in self._loaded:
                exercise = load(self.solutions[name])
                cases: Cases | Draw
                if exercise.task:
                    cases = draw_training(exercise, self.seed)
                else:
                    cases = make_cases(exercise, range(self.seed, self.seed + SECRET_CASES))
                self._loaded[name] = (exercise, cases)
            return self._loaded[name]

    def grade(self, submission: Submission) -> Row:
        """Grade one submission to one exercise. Never raises."""
        return self.examine(read_jobs(submission, self.solutions)[0]).row(self.language)

    def examine(self, job: Job) -> Record:
        """Grade one job. Never raises: what goes wrong becomes the record's reason."""
        rules, start = None, time.monotonic()
        try:
            if job.exercise:
                rules = self.exercise(job.exercise)[0].rules
            start = time.monotonic()  # the exercise is loaded once for all
            if job.problem:
                found = Verdict(0.0, job.problem)
            else:
                found = self._run(job.exercise, list(job.cells))
        except Exception as error:  # a fault of ours must not cost the others their grades
            found = Verdict(0.0, fault(job, error).text)
        seconds = round(time.monotonic() - start, 3)
        maximum = float(rules.points) if rules else 0.0
        parts = found.parts or (nothing_right(rules) if rules else ())
        text = found.text if job.note is None else _remarked(found.text, job.note)
        notes = found.notes if job.note is None else (*found.notes, job.note)
        return Record(job.submission, job.exercise, found.points, maximum, text, seconds,
                      parts, found.hints, job.learner, job.learner_id, notes)  # fmt: skip

    def _run(self, name: str, cells: list[str]) -> Verdict:
        exercise, cases = self.exercise(name)
        place = [("before the first cell", "运行第一个单元格之前")]
        training = 0.0
        try:
            with self._child(exercise) as child:
                report = run_notebook(child, cells, exercise.function, place)
                if report["ready"] is not True:
                    return Verdict(0.0, missing(report, exercise))
                place[0] = (f"while calling {exercise.function}", f"调用 {exercise.function} 时")
                if isinstance(cases, Draw):
                    training = cases.task.seconds
                    found = have_trained(child, exercise, cases)
                else:
                    found = try_out(child, exercise, cases)
            return with_notes(_noted(found, report, exercise))
        except Silent as error:
            return Verdict(0.0, silence(error, place[0], self.limits, training))
        except Malformed:
            return Verdict(0.0, ("a malformed answer came from the notebook's process",
                                 "notebook 进程返回了格式错误的数据"))  # fmt: skip


def _noted(found: Verdict, report: dict, exercise: Exercise) -> Verdict:
    """Add, where points were lost, what may be the cause: a cell that failed, commands not run."""
    if found.text == FULL_MARKS:
        return found
    notes = skipped_commands(report)
    if not found.parts and CONSEQUENCE.search(found.text[0]):
        notes = first_causes(report, exercise.packages) + notes
    english, chinese = found.text
    if LACKING.search(english):
        here, here_zh = installed(exercise.packages)
        english, chinese = english + here, chinese + here_zh
    english, chinese = ("; ".join([english, *(note[0] for note in notes)]),
                        "；".join([chinese, *(note[1] for note in notes)]))  # fmt: skip
    return found._replace(text=(english, chinese))


def _remarked(text: Text, note: Text) -> Text:
    """A reason with what is to be said of the submission whatever its points."""
    return f"{text[0]} ({note[0]})", f"{text[1]}（{note[1]}）"


def read_solutions(folder: Path) -> dict[str, Notebook]:
    """The solution notebooks by their exercises' ids.

    Raises `FileNotFoundError` where the folder has none.
    """
    found = {}
    for path in sorted(folder.glob("*_sol_*.ipynb")):
        with contextlib.suppress(NotebookError):
            notebook = read_notebook(path)
            if notebook.exercise:
                found[notebook.exercise] = notebook
    if not found:
        raise FileNotFoundError(
            f"no solution notebooks (*_sol_*.ipynb) in {folder}: name their folder with --solutions"
        )
    return found


def fault(job: Job, error: Exception) -> Record:
    """The record of a job that failed for a reason of ours."""
    text = clean(f"{type(error).__name__}: {error}")
    said = f"{FAULT}: {text}", f"无法评分：{text}"
    return Record(job.submission, job.exercise, 0.0, 0.0, said, learner=job.learner,
                  learner_id=job.learner_id)  # fmt: skip
