"""Exercises of kind `train`: a function gets training examples and predicts for other inputs.

Its arguments are `x_train`, `y_train`, `x_test`, and whatever else the exercise draws; those that
end in `_test` have a row for each test example and a partner that ends in `_train`. The truth
never leaves the one who judges. `check` and the grader judge with the same code: they differ in
how they call the function, and in the draw.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from rnncourse.grading.compare import (
    FULL_MARKS,
    Answer,
    Failure,
    Foreign,
    Part,
    Rules,
    Text,
    Verdict,
    foreign,
    in_place,
    joined,
)
from rnncourse.grading.probes import (
    REFUSED,
    TEXTS,
    Inputs,
    examples_as_test,
    labels_exchanged,
    others_replaced,
    partner,
    rows_of,
)

OUTPUT = "predictions"
CALLS = 6  # of the function, at most
MOST_SECONDS = 60  # for all of them together
PATIENCE = 3  # the grader waits so many times a call's seconds: its machine is shared
KEPT = 4  # one test row of so many stays when the others are replaced
MOVED = 0.02  # a larger share of other predictions is no rounding


class Measure(NamedTuple):
    """A score: its name, the mean of `of(predictions, truth)`, and whether more is better."""

    name: Text
    of: Callable[[np.ndarray, np.ndarray], np.ndarray]
    more: bool

    def better(self, score: float, than: float) -> bool:
        """True where a score reaches another one."""
        return score >= than if self.more else score <= than


MEASURES = {
    "accuracy": Measure(("accuracy", "准确率"), lambda p, y: p == y, True),
    "squared error": Measure(("squared error", "均方误差"), lambda p, y: (p - y) ** 2.0, False),
}


class Task(NamedTuple):
    """What predictions are held against, apart from the truth.

    `thresholds` are scores with the points, in all, that whoever reaches them earns. `seconds`
    are for one call. `baseline` is what a simple rule reaches: its name in both languages, and
    its score. `texts` has what each probe says, and each group of test rows.
    """

    measure: str
    thresholds: tuple[tuple[float, int], ...]
    seconds: float
    baseline: tuple[str, str, float]
    texts: Mapping[str, Text] = TEXTS

    @property
    def points(self) -> int:
        """Full marks."""
        return self.thresholds[-1][1]

    def levels(self) -> tuple[tuple[str, float], ...]:
        """Each threshold in words, with what it adds to the points."""
        sign, before, found = "≥" if MEASURES[self.measure].more else "≤", 0, []
        for value, points in self.thresholds:
            found.append((f"{self.measure} {sign} {value:g}", float(points - before)))
            before = points
        return tuple(found)

    def score(self, predictions: np.ndarray, truth: np.ndarray) -> float:
        """The measure of these predictions."""
        with np.errstate(all="ignore"):
            return float(np.mean(MEASURES[self.measure].of(predictions, truth)))

    def earned(self, score: float) -> int:
        """Points for a score."""
        better = MEASURES[self.measure].better
        return max([0, *(points for value, points in self.thresholds if better(score, value))])

    def worst(self, *scores: float) -> float:
        """The worst of several scores; NaN is worse than anything."""
        return float(np.min(scores) if MEASURES[self.measure].more else np.max(scores))


class Draw(NamedTuple):
    """The arguments for a function that trains, and what only the judge knows.

    `truth` is what should be predicted, in the form of `y_train`; `groups` are masks of test rows.
    """

    task: Task
    inputs: Inputs
    truth: np.ndarray
    groups: dict[str, np.ndarray]


Ask = Callable[[Inputs], Answer]


class Late(Exception):
    """A call took too long; `text` says so in both languages."""

    def __init__(self, text: Text) -> None:
        super().__init__(text[0])
        self.text = text


class _Unusable(Exception):
    """An answer that is no prediction: a failure, or what a probe of its form found."""

    def __init__(self, text: Text, probe: str = "") -> None:
        super().__init__(text[0])
        self.text, self.probe = text, probe


class Trial:
    """One function on one draw. `judge` runs it; afterwards it says what was measured.

    `score` is what counts; `probes` names those that found something, `calls` counts.
    """

    def __init__(self, draw: Draw, ask: Ask) -> None:
        self.task, self.draw, self._ask = draw.task, draw, ask
        # From the arrays: the same ones give the same verdict everywhere.
        self.rng = np.random.default_rng(zlib.crc32(draw.inputs["y_train"].tobytes()))
        self.score = float("nan")
        self.probes: list[str] = []
        self.notes: list[Text] = []
        self.changed: tuple[str, ...] = ()
        self.calls = 0

    def judge(self) -> Verdict:
        """Call the function, on the draw and for the probes, and say what it has earned.

        Whatever `ask` raises passes through.
        """
        try:
            first = self._predict(self.draw.inputs, len(self.draw.truth), strict=True)
            self._examine(first)
        except _Unusable as error:
            if not error.probe:
                return Verdict(0.0, error.text)
            self.probes = [error.probe]
            return self._verdict(0, error.text)
        if set(self.probes) & set(REFUSED):
            return self._verdict(0)
        return self._verdict(self.task.earned(self.score))

    def _predict(self, inputs: Inputs, count: int, strict: bool = False) -> np.ndarray:
        """What the function predicts; `count` is the number of rows.

        `strict` also asks whether these can be predictions. Raises `_Unusable`.
        """
        self.calls += 1
        answer = self._ask(inputs)
        if isinstance(answer, Failure):
            raise _Unusable(answer.text)
        self.changed += answer.changed
        (found,) = answer.values
        if isinstance(found, Foreign):
            raise _Unusable(foreign(OUTPUT, found, self.draw.truth))
        due = (count, *self.draw.truth.shape[1:])
        form = self._misshapen(found, due) or (strict and self._odd(found))
        if form:
            text = self.task.texts[form]
            if form == "shape":
                text = (f"{OUTPUT} has shape {found.shape} and dtype {found.dtype}, expected "
                        f"shape {due}: {text[0]}",
                        f"{OUTPUT} 的形状是 {found.shape}，dtype 是 {found.dtype}，"
                        f"形状应为 {due}：{text[1]}")  # fmt: skip
            raise _Unusable(text, form)
        return found

    def _misshapen(self, found: np.ndarray, due: tuple[int, ...]) -> str:
        """The probe that says why an array's shape or kind is not that of predictions, or ""."""
        if found.shape == due and found.dtype.kind in "fiub":
            return ""
        classes = len(np.unique(self.draw.inputs["y_train"]))
        one_each = self.task.measure == "accuracy" and found.shape == (*due, classes)
        return "not-classes" if one_each and found.dtype.kind == "f" else "shape"

    def _odd(self, found: np.ndarray) -> str:
        """The probe that says why an array of the right shape holds no predictions, or ""."""
        if not np.isfinite(found).all():
            return "not-finite"
        if self.task.measure != "accuracy":
            return ""
        if (found != np.round(found.astype(float))).any():
            return "not-classes"
        known = np.isin(found, self.draw.inputs["y_train"]).all()
        return "" if known else "other-labels"

    def _examine(self, first: np.ndarray) -> None:
        """Measure the predictions, and run the probes that are due."""
        task, draw = self.task, self.draw
        self.score = task.score(first, draw.truth)
        self._try_others(first)
        if "leak" in self.probes:
            return
        earned = task.earned(self.score)
        if earned and self._ignores_labels():
            self.probes = ["labels-unused"]
        elif earned < task.points:
            self.probes += self._reasons(first)

    def _try_others(self, first: np.ndarray) -> None:
        """Replace most test rows: what is said of the others must not change."""
        draw, count = self.draw, len(first)
        kept = np.sort(self.rng.permutation(count)[: max(2, count // KEPT)])
        changed = others_replaced(draw.inputs, kept)
        other = self._predict(changed, count)[kept]
        if self._same(first[kept], other):
            return
        # Only of a function that repeats itself, with either arguments, is the cause sure.
        repeats = np.array_equal(other, self._predict(changed, count)[kept])
        again = self._predict(draw.inputs, count)
        if repeats and np.array_equal(first, again):
            self.probes.append("leak")
            return
        self.probes.append("unseeded")
        self.score = self.task.worst(self.score, self.task.score(again, draw.truth),
                                     self.task.score(other, draw.truth[kept]))  # fmt: skip

    def _same(self, one: np.ndarray, other: np.ndarray) -> bool:
        if self.task.measure == "accuracy":
            moved = one != other
        else:  # by more than a thousandth of how much the truth varies
            moved = ~(np.abs(one - other) <= 1e-3 * np.std(self.draw.truth))
        rows = moved.reshape(len(moved), -1).mean(axis=1)
        return bool(rows.mean() <= MOVED)

    def _ignores_labels(self) -> bool:
        """True where training on other labels earns points too."""
        other = labels_exchanged(self.draw.inputs, self.task.measure == "accuracy")
        try:
            found = self._predict(other, len(self.draw.truth))
        except _Unusable:  # labels that the exercise never gives may well be too much for it
            return False
        return self.task.earned(self.task.score(found, self.draw.truth)) > 0

    def _reasons(self, first: np.ndarray) -> list[str]:
        """The probes that say why points were lost."""
        if len(np.unique(first)) == 1:
            return ["constant"]
        group = self._weak_group(first)
        if group:
            return [group]
        task, own = self.task, examples_as_test(self.draw.inputs)
        count = len(own[rows_of(own)[0]])
        try:
            found = self._predict(own, count)
        except _Unusable:
            return []
        score = task.score(found, self.draw.inputs["y_train"][:count])
        name = MEASURES[task.measure].name
        self.notes.append((f"{name[0]} on its own training examples {score:.4g}",
                           f"在自己的训练样本上，{name[1]}为 {score:.4g}"))  # fmt: skip
        if not task.earned(score):
            return ["untrained"]
        by_heart = task.earned(score) == task.points and not task.earned(self.score)
        return ["overfitted"] * (by_heart and not self.probes)

    def _weak_group(self, first: np.ndarray) -> str:
        """The first group of rows that earns nothing while all the others earn full marks."""
        task, truth = self.task, self.draw.truth
        for name, rows in self.draw.groups.items():
            inside, outside = (task.score(first[r], truth[r]) for r in (rows, ~rows))
            if not task.earned(inside) and task.earned(outside) == task.points:
                return name
        return ""

    def _verdict(self, earned: int, form: Text | None = None) -> Verdict:
        """What was found, in words."""
        task, full = self.task, earned == self.task.points
        hints = [form] if form else [task.texts[name] for name in self.probes]
        notes = self._notes(measured=form is None)
        if full:
            notes += [(f"advice: {en}", f"建议：{zh}") for en, zh in hints]
            hints = []
        parts = tuple(
            Part(name, 0.0 if missed else share, share, missed)
            for (name, share), missed in zip(task.levels(), self._missed(earned, form), strict=True)
        )
        text = FULL_MARKS if full else joined(hints or [self._next(earned)])
        return Verdict(float(earned), text, parts, tuple(hints), tuple(notes))

    def _missed(self, earned: int, form: Text | None) -> list[Text | None]:
        """For each threshold why it is missed, None where it is reached."""
        name = MEASURES[self.task.measure].name
        said = (f"{name[0]} is {self.score:.4g}", f"{name[1]}是 {self.score:.4g}")
        if form or set(self.probes) & set(REFUSED):
            said = ("not counted, see the hint", "不计分，原因见提示")
        return [None if points <= earned else said for _, points in self.task.thresholds]

    def _notes(self, measured: bool) -> list[Text]:
        name, (simple, simple_zh, value) = MEASURES[self.task.measure].name, self.task.baseline
        notes = [(f"{name[0]} {self.score:.4g}; the baseline, {simple}, reaches {value:g}",
                  f"{name[1]} {self.score:.4g}；基线（{simple_zh}）是 {value:g}")]  # fmt: skip
        notes = notes * measured + self.notes
        if self.changed:
            english, chinese = in_place(tuple(dict.fromkeys(self.changed)))
            notes.append((f"advice: {english}", f"建议：{chinese}"))
        return notes

    def _next(self, earned: int) -> Text:
        (name, name_zh), _, more = MEASURES[self.task.measure]
        due = next(value for value, points in self.task.thresholds if points > earned)
        sign = "≥" if more else "≤"
        return (f"the next point needs {name} {sign} {due:g}",
                f"要再得分，{name_zh}需要 {sign} {due:g}")  # fmt: skip


def judge(draw: Draw, ask: Ask) -> Verdict:
    """What a function earns on a draw; `ask` calls it. Whatever `ask` raises passes through."""
    return Trial(draw, ask).judge()


def rules_of(task: Task) -> Rules:
    """The rules of an exercise that trains: its parts are the thresholds."""
    return Rules((OUTPUT,), task.points, 0.0, 0.0, {}, levels=task.levels())


def late(seconds: float, took: float | None = None) -> Text:
    """What to say of a call that exceeded the time limit; `took` is known where it ended."""
    english = f"took {took:.0f} s" if took else "did not end in time"
    chinese = f"用了 {took:.0f} 秒" if took else "没有按时结束"
    return (f"one training {english}; the limit is {seconds:g} s. Train for fewer epochs, on "
            "larger batches, or a smaller network",
            f"一次训练{chinese}，时间限制是 {seconds:g} 秒。"
            "请减少轮数、加大批量，或者用小一些的网络")  # fmt: skip


def announcement(task: Task) -> Text:
    """What the prompt must say of points, baseline and time."""
    name, (simple, simple_zh, value) = MEASURES[task.measure].name, task.baseline
    earns = ", ".join(f"{t:g} earns {p} point{'s' * (p > 1)}" for t, p in task.thresholds)
    earns_zh = "，".join(f"达到 {t:g} 得 {p} 分" for t, p in task.thresholds)
    return (f"Graded by {name[0]}: {earns}. The baseline, {simple}, reaches {value:g}. One "
            f"training may take {task.seconds:g} s.",
            f"按{name[1]}评分：{earns_zh}。基线（{simple_zh}）的{name[1]}是 {value:g}。"
            f"一次训练最多 {task.seconds:g} 秒。")  # fmt: skip


def problems(draw: Draw) -> list[str]:
    """Why an exercise with such a draw cannot be set; empty where it can."""
    task, inputs = draw.task, draw.inputs
    better = MEASURES[task.measure].better
    values, points = zip(*task.thresholds, strict=True)
    rising = all(better(b, a) and a != b for a, b in itertools.pairwise(values))
    rising &= all(a < b for a, b in itertools.pairwise((0, *points)))
    found = [] if rising else ["thresholds and their points must rise"]
    found += ["points must be whole"] * any(not isinstance(p, int) for p in points)
    if better(task.baseline[2], values[0]):
        found.append("the baseline must earn nothing")
    if not 0 < task.seconds * CALLS <= MOST_SECONDS:
        found.append(f"{CALLS} calls of {task.seconds:g} s are more than {MOST_SECONDS} s")
    tests = rows_of(inputs)
    if not {"x_train", "y_train", "x_test"} <= set(inputs):
        found.append("draw must return x_train, y_train, x_test")
    found += [f"{name} has no partner that ends in _train" for name in tests
              if partner(name) not in inputs]  # fmt: skip
    lengths = {len(inputs[name]) for name in tests} | {len(draw.truth)}
    lengths |= {len(rows) for rows in draw.groups.values()}
    found += ["truth, groups and test arguments differ in length"] * (len(lengths) > 1)
    return found + [f"group {g} has no text" for g in draw.groups if g not in task.texts]
