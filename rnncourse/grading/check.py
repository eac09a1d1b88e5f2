"""`check`: tell a learner at once whether a function is right, and if not, what is wrong.

The public check data in `checks/ID.json` is generated from `solutions/`; the class grader
(`rnncourse grade`) draws other inputs and does not use it.
"""

from __future__ import annotations

import json
import linecache
import time
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

import numpy as np

from rnncourse.grading import compare, feedback
from rnncourse.grading.compare import Answer, Case, Cases, Rules, Verdict
from rnncourse.grading.mistakes import NUMBERS, Mistakes, fingerprints
from rnncourse.grading.probes import TEXTS
from rnncourse.grading.protocol import from_json
from rnncourse.grading.protocol import unpack as unpack_array
from rnncourse.grading.training import CALLS, OUTPUT, Draw, Late, Task, judge, late, rules_of


class Result:
    """What :func:`check` found: ``points``, ``max_points``, and its words as ``text``, ``html``."""

    def __init__(self, points: float, max_points: float, text: str, html: str) -> None:
        self.points = points
        self.max_points = max_points
        self.text = text
        self.html = html

    def __repr__(self) -> str:
        return f"Result({self.points:g} / {self.max_points:g})"

    def _ipython_display_(self) -> None:
        """Show nothing: `check` has shown it already."""


def known_exercises() -> list[str]:
    """Ids of all exercises that `check` knows, sorted."""
    folder = resources.files("rnncourse.grading") / "checks"
    if not folder.is_dir():
        return []
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".json"))


def load_check(exercise_id: str) -> tuple[Rules, Cases | Draw]:
    """Rules, and public cases or public draw. Raises `KeyError` for an unknown id."""
    if not isinstance(exercise_id, str) or exercise_id not in known_exercises():
        raise KeyError(exercise_id)
    file = resources.files("rnncourse.grading") / "checks" / f"{exercise_id}.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    return _as_training(data) if data.get("kind") == "train" else _as_rules(data)


def _as_rules(data: dict[str, Any]) -> tuple[Rules, Cases]:
    hints = {m["name"]: (m["en"], m["zh"]) for m in data["mutants"]}
    outputs = tuple(data["outputs"])
    rtol, atol = data["tolerance"]
    starter = tuple(data["starter"])
    rules = Rules(outputs, data["points"], rtol, atol, hints, starter, data["pure"])
    cases = tuple(
        Case(
            {name: from_json(v) for name, v in case["inputs"].items()},
            [from_json(v) for v in case["expected"]],
        )
        for case in data["cases"]
    )
    names = tuple(tuple(name.split(" + ")) for name in data["mistakes"])
    prints = np.reshape(list(data["mistakes"].values()), (len(names), len(outputs), NUMBERS))
    right = fingerprints([case.expected for case in cases], rules.tolerance)
    return rules, Cases(cases, Mistakes(names, prints, right, rtol))


def _as_training(data: dict[str, Any]) -> tuple[Rules, Draw]:
    texts = TEXTS | {
        name: (english, chinese) for name, (english, chinese) in data["probes"].items()
    }
    thresholds = tuple((value, points) for value, points in data["thresholds"])
    english, chinese, value = data["baseline"]
    task = Task(data["measure"], thresholds, data["seconds"], (english, chinese, value), texts)
    inputs, groups = (
        {name: unpack_array(v) if isinstance(v, dict) else v for name, v in data[key].items()}
        for key in ("inputs", "groups")
    )
    return rules_of(task), Draw(task, inputs, unpack_array(data["truth"]), groups)


def check(exercise_id: str, function: Callable[..., Any]) -> Result:
    """Run ``function`` on the exercise's public cases; show and return the verdict.

    A notebook shows it with coloured marks, anything else as plain text. Never raises for a
    wrong answer: an unknown id, something that cannot be called or a function that raises
    is explained in the text, and earns 0 points. Only an interrupt (Ctrl-C) passes through.
    Where the function trains a network, the check takes seconds, and says so before.
    """
    try:
        rules, cases = load_check(exercise_id)
    except KeyError:
        return _report(str(exercise_id), _unknown(exercise_id), 0)
    if not callable(function):
        kind = type(function).__name__
        text = (f"the second argument must be your function, but it is of type {kind}",
                f"第二个参数应为你的函数，但它的类型是 {kind}")  # fmt: skip
        return _report(exercise_id, Verdict(0.0, text), rules.points)
    if isinstance(cases, Draw):
        found = _trained(exercise_id, function, cases)
    else:
        answers = [_answer(function, case.inputs, rules.outputs) for case in cases]
        found = compare.verdict(cases, answers, rules)
    return _report(exercise_id, found, rules.points)


def _unknown(exercise_id: Any) -> Verdict:
    if callable(exercise_id):
        return Verdict(0.0, ('the id comes first: check("rnn_ex_01", your_function)',
                             '练习编号放在前面：check("rnn_ex_01", 你的函数)'))  # fmt: skip
    known = ", ".join(known_exercises())
    return Verdict(0.0, (f"there is no exercise {exercise_id!r}; known: {known}",
                         f"没有练习 {exercise_id!r}；已有：{known}"))  # fmt: skip


def _trained(exercise_id: str, function: Callable[..., Any], draw: Draw) -> Verdict:
    """Train with the learner's function, after saying that it takes time, and judge."""
    seconds = draw.task.seconds
    most = f"{seconds:g}"
    said = (f"{exercise_id}: training, {CALLS} times at most, for up to {most} s each …",
            f"{exercise_id}：正在训练，最多 {CALLS} 次，每次不超过 {most} 秒……")  # fmt: skip
    feedback.show("\n".join(said), f"<div><p>{feedback.html_text(said)}</p></div>")

    def ask(inputs: dict[str, Any]) -> Answer:
        start = time.perf_counter(), time.process_time()
        answer = _answer(function, inputs, (OUTPUT,))
        # Neither a busy machine nor one that computes in several threads makes it late.
        took = min(time.perf_counter() - start[0], time.process_time() - start[1])
        if took > seconds:
            raise Late(late(seconds, took))
        return answer

    try:
        return judge(draw, ask)
    except Late as error:
        return Verdict(0.0, error.text)


def _answer(function: Callable[..., Any], inputs: dict[str, Any], outputs: Sequence[str]) -> Answer:
    """Call the learner's function; an exception becomes a `Failure`."""
    try:  # what comes back is looked at in here too: it may be an object that raises
        return compare.call(function, inputs, outputs)
    except (Exception, SystemExit) as error:
        return compare.raised(_one_line(error), _learner_line(error, function))


def _one_line(error: BaseException) -> str:
    name = type(error).__name__
    try:
        return " ".join(f"{name}: {error}".split()).removesuffix(":")[:300]
    except Exception:  # an exception of the learner's that cannot be printed
        return name


def _learner_line(error: BaseException, function: Callable[..., Any]) -> str:
    """The line of the learner's own code that raised, or empty where it is not known."""
    code = getattr(function, "__code__", None)
    line = ""
    trace = error.__traceback__  # not `traceback.extract_tb`, which forgets a notebook's cells
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if code is not None and name == code.co_filename:
            line = linecache.getline(name, trace.tb_lineno).strip()
        trace = trace.tb_next
    return line


def _report(exercise_id: str, found: Verdict, points: float) -> Result:
    text, html = feedback.render(exercise_id, found, points)
    feedback.show(text, html)
    return Result(found.points, points, text, html)
