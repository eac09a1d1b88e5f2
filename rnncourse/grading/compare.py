"""Compare a learner's answers with the expected ones; shared by `check` and the grader.

Knows arrays, tolerances, points and hints; knows neither notebooks nor processes.
Every message is a pair (English, Chinese).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnncourse.grading.differences import Text, Tolerance, difference, same
from rnncourse.grading.mistakes import Mistakes, Names, fingerprint
from rnncourse.grading.protocol import MOST_VALUES, as_array

FULL_MARKS: Text = ("full marks", "满分")
STILL_AS_GIVEN: Text = (
    "this computes what the code as given computes: all its bugs are still there. "
    "Print shapes and a few values, and compare them with the task",
    "结果和原来的代码完全一样：错误都还在。打印形状和几个数值，与题目的要求对照",
)
UNCHANGED = "inputs unchanged"  # the part that `Rules.pure` points are for


class Rules(NamedTuple):
    """What an answer is held against, apart from the numbers themselves.

    Of the `points`, `pure` are for leaving the inputs as they are; the outputs share the rest.
    `starter` names the bugs of code that is to be mended. `levels` are the parts of the points, by
    name, where they are not the outputs'.
    """

    outputs: tuple[str, ...]
    points: float
    rtol: float
    atol: float
    hints: dict[str, Text]
    starter: Names = ()
    pure: float = 0.0
    levels: tuple[tuple[str, float], ...] = ()

    @property
    def tolerance(self) -> Tolerance:
        """Relative and absolute."""
        return self.rtol, self.atol


class Case(NamedTuple):
    """One set of inputs with the expected outputs."""

    inputs: dict[str, Any]
    expected: list[np.ndarray]


@dataclass(frozen=True)
class Cases:
    """What a function is tried on, and what known mistakes return there; iterates over `each`."""

    each: tuple[Case, ...]
    mistakes: Mistakes

    def __iter__(self) -> Iterator[Case]:
        return iter(self.each)


# Not a named tuple: that would read as several returned values.
@dataclass(frozen=True)
class Foreign:
    """Stands for a returned value that is neither array nor number."""

    type_name: str


class Failure(NamedTuple):
    """A call that gave nothing to compare, and why."""

    text: Text


class Part(NamedTuple):
    """What one output earned; `difference` says what is wrong with it, None where it is right."""

    name: str
    points: float
    max_points: float
    difference: Text | None


class Verdict(NamedTuple):
    """Points earned and what to say about them, in short (`text`) and a part at a time.

    `parts` has one entry an output, and none where there was nothing to compare; `hints` are
    those of the mutants that the answers agree with; `notes` cost and name no points.
    """

    points: float
    text: Text
    parts: tuple[Part, ...] = ()
    hints: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Returned:
    """What a call returned, a value an output, and the inputs that it changed in place."""

    values: list[Any]
    changed: Names = ()


Answer = Returned | Failure


def call(function: Callable[..., Any], inputs: dict[str, Any], names: Sequence[str]) -> Answer:
    """Call a function on copies of the inputs. Whatever it raises passes through.

    Each input is copied by itself, so that changing one that is a view of another spoils neither.
    """
    arguments = [v.copy() if isinstance(v, np.ndarray) else v for v in inputs.values()]
    value = function(*arguments)
    pairs = zip(inputs.items(), arguments, strict=True)
    return unpack(value, names, [name for (name, old), new in pairs if _differs(old, new)])


def _differs(old: Any, new: Any) -> bool:
    if not isinstance(old, np.ndarray):
        return False
    return (old.shape, old.tobytes()) != (new.shape, new.tobytes())


def normalise(value: Any) -> np.ndarray | Foreign:
    """A copy of a returned value as an array (numbers become 0-d arrays), or `Foreign`."""
    found = value if isinstance(value, Foreign) else as_array(value)
    if isinstance(found, str):
        return Foreign(found)
    # The next call may overwrite what this one returned.
    return found.copy() if isinstance(found, np.ndarray) else found


def unpack(value: Any, names: Sequence[str], changed: Sequence[str] = ()) -> Answer:
    """Split what the function returned into one value per name, or say why not.

    `changed` names the inputs that the call changed in place.
    """
    if value is None:
        return Failure(("the function returned None: is a `return` missing?",
                        "函数返回了 None：是不是漏了 `return`？"))  # fmt: skip
    if len(names) == 1 and not isinstance(value, tuple):
        # A list is not an array, however many entries it has.
        return Returned([normalise(value)], tuple(changed))
    if len(names) > 1 and isinstance(value, tuple | list) and len(value) == len(names):
        return Returned([normalise(item) for item in value], tuple(changed))
    return Failure(_miscounted(value, names))


def _miscounted(value: Any, names: Sequence[str]) -> Text:
    """Why a returned value is not one value per name."""
    wanted, wanted_zh = ", ".join(names), "、".join(names)
    if not isinstance(value, tuple | list):
        one = normalise(value)
        kind, kind_zh = "", ""
        if isinstance(one, Foreign):
            kind, kind_zh = f" of type {one.type_name}", f"（类型是 {one.type_name}）"
        how, how_zh = "", ""
        if kind == " of type dict":
            how = f"; write `return {wanted}`, without keys and in this order"
            how_zh = f"；请按次序写成 `return {wanted}`，不带键"
        return (f"returned 1 value{kind}, expected {len(names)}: {wanted}{how}",
                f"返回了 1 个值{kind_zh}，应为 {len(names)} 个：{wanted_zh}{how_zh}")  # fmt: skip
    if len(names) == len(value) == 1:
        return (f"returned a tuple of 1 value, expected {wanted} itself: a comma at the end of "
                "`return` makes a tuple",
                f"返回了只有 1 个值的元组（tuple），应直接返回 {wanted}："
                "`return` 末尾的逗号会生成元组")  # fmt: skip
    kind, many = "list" if isinstance(value, list) else "tuple", len(value) >= MOST_VALUES
    found = f"{MOST_VALUES} or more" if many else f"{len(value)}"  # the grader sees no more
    found_zh = f"至少 {MOST_VALUES}" if many else f" {len(value)}"
    return (f"returned a {kind} of {found}, expected {len(names)}: {wanted}",
            f"返回了{found_zh} 个值（{kind}），应为 {len(names)} 个：{wanted_zh}")  # fmt: skip


def in_place(names: Sequence[str]) -> Text:
    """What to say of a function that overwrote its arguments."""
    listed, first = ", ".join(names), names[0]
    many = "inputs" if len(names) > 1 else "input"
    return (f"the function changed its {many} {listed} in place; whoever calls it again with the "
            f"same array gets another answer. Write {first} = {first} + … instead of "
            f"{first} += …, or start with {first} = {first}.copy()",
            f"函数原地修改了输入 {listed}；用同一个数组再调用一次，结果就不同了。"
            f"不要写 {first} += …，请写 {first} = {first} + …，"
            f"或者在开头写 {first} = {first}.copy()")  # fmt: skip


def raised(error: str, line: str) -> Failure:
    """The failure of a call that raised; `line` is the learner's line, or empty."""
    at = f" (at: {line})" if line else ""
    at_zh = f"（出错行：{line}）" if line else ""
    return Failure((f"the function raised {error}{at}", f"函数抛出了异常 {error}{at_zh}"))


def _difference_of(cases: Cases, answers: Sequence[Returned], k: int, rules: Rules) -> Text | None:
    """What is wrong with output `k` in the first case where it is; None where it is right."""
    for case, answer in zip(cases, answers, strict=True):
        name, found, expected = rules.outputs[k], answer.values[k], case.expected[k]
        if isinstance(found, Foreign):
            return foreign(name, found, expected)
        if not same(found, expected, rules.tolerance):
            return difference(name, found, expected, rules.tolerance)
    return None


def foreign(name: str, found: Foreign, expected: np.ndarray) -> Text:
    """What to say of a value that is neither array nor number."""
    wanted, wanted_zh = "a number", "一个数"
    if expected.ndim:
        wanted = f"a NumPy array of shape {expected.shape}"
        wanted_zh = f"形状为 {expected.shape} 的 NumPy 数组"
    return (f"{name} is of type {found.type_name}, expected {wanted}",
            f"{name} 的类型是 {found.type_name}，应为{wanted_zh}")  # fmt: skip


def shares(rules: Rules) -> list[tuple[str, float]]:
    """Each part's name with the points that it can earn."""
    if rules.levels:
        return list(rules.levels)
    each = (rules.points - rules.pure) / len(rules.outputs)
    pure = [(UNCHANGED, rules.pure)] if rules.pure else []
    return [*((name, each) for name in rules.outputs), *pure]


def verdict(cases: Cases, answers: Sequence[Answer], rules: Rules) -> Verdict:
    """Points and reason. Each output earns its share if it is right in all cases."""
    given: list[Returned] = []
    for answer in answers:
        if isinstance(answer, Failure):
            return Verdict(0.0, answer.text)
        given.append(answer)
    found = [_difference_of(cases, given, k, rules) for k in range(len(rules.outputs))]
    wrong = {k: text for k, text in enumerate(found) if text}
    changed = tuple(dict.fromkeys(name for answer in given for name in answer.changed))
    if rules.pure:
        found.append(_pure(changed, len(wrong) < len(rules.outputs)))
    parts = tuple(
        Part(name, 0.0 if text else share, share, text)
        for (name, share), text in zip(shares(rules), found, strict=True)
    )
    points = round(sum(part.points for part in parts), 2)
    advice = _advice(changed) if changed and not rules.pure else ()
    if not any(found):
        return Verdict(float(rules.points), FULL_MARKS, parts, notes=advice)
    said, hints, mended = _reasons(cases, given, wrong, rules)
    said += [in_place(changed)] if changed and rules.pure else []
    if mended:
        points = max(points, round(rules.points * mended / len(rules.starter), 2))
        advice = (_mended(mended, len(rules.starter)), *advice)
    return Verdict(points, joined(said), parts, hints, advice)


def _pure(changed: Names, right: bool) -> Text | None:
    """What is wrong with the part for unchanged inputs; to compute nothing does not earn it."""
    if changed:
        return in_place(changed)
    return None if right else ("counts once an output is right", "有一项输出正确时才计分")


def _reasons(
    cases: Cases, given: Sequence[Returned], wrong: dict[int, Text], rules: Rules
) -> tuple[list[Text], tuple[Text, ...], int]:
    """What to say of the wrong outputs, which of it are hints, and how many bugs are mended."""
    known = cases.mistakes
    answer = known.right.copy()
    for k in wrong:
        answer[k] = fingerprint([a.values[k] for a in given], rules.tolerance)
    bugs = set(rules.starter)
    left = [len(names) for names in known.equal(answer) if set(names) <= bugs] if bugs else []
    mended = len(bugs) - min(left, default=len(bugs))
    if len(bugs) > 1 and left and not mended:
        return [STILL_AS_GIVEN], (STILL_AS_GIVEN,), 0
    names = known.explain(answer, wrong)
    order = list(rules.hints)
    named = {k: [rules.hints[n] for n in sorted(names[k], key=order.index)] for k in wrong}
    said = dict.fromkeys(text for k in wrong for text in named[k] or [wrong[k]])
    hints = dict.fromkeys(text for k in wrong for text in named[k])
    return list(said), tuple(hints), mended


def _advice(changed: Names) -> tuple[Text]:
    english, chinese = in_place(changed)
    return ((f"advice: {english}", f"建议：{chinese}"),)


def _mended(count: int, of: int) -> Text:
    return f"mended: {count} of {of} bugs", f"已改好：{of} 处错误中的 {count} 处"


def joined(texts: Sequence[Text]) -> Text:
    """Several sentences as one text."""
    return "; ".join(t[0] for t in texts), "；".join(t[1] for t in texts)


def with_notes(found: Verdict) -> Verdict:
    """The same with its notes in its text, for a table that has one column for words."""
    return found._replace(text=joined([found.text, *found.notes]))
