"""Compare a learner's answers with the expected ones; shared by `check` and the grader.

Knows arrays, tolerances and mutants; knows neither notebooks nor processes.
Every message is a pair (English, Chinese).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnncourse.grading.protocol import MOST_VALUES, as_array

Text = tuple[str, str]
FULL_MARKS: Text = ("full marks", "满分")


class Rules(NamedTuple):
    """What an answer is held against, apart from the numbers themselves."""

    outputs: tuple[str, ...]
    points: float
    rtol: float
    atol: float
    hints: dict[str, Text]


class Case(NamedTuple):
    """One set of inputs with the expected outputs and what each mutant returns."""

    inputs: dict[str, Any]
    expected: list[np.ndarray]
    mutants: dict[str, list[np.ndarray]]


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

    `parts` has one entry an output, and none where there was nothing to compare; `hints`
    are those of the mutants that the answers agree with.
    """

    points: float
    text: Text
    parts: tuple[Part, ...] = ()
    hints: tuple[Text, ...] = ()


Answer = list[Any] | Failure


def normalise(value: Any) -> np.ndarray | Foreign:
    """One returned value as an array (numbers become 0-d arrays), or `Foreign`."""
    found = value if isinstance(value, Foreign) else as_array(value)
    return Foreign(found) if isinstance(found, str) else found


def unpack(value: Any, names: Sequence[str]) -> Answer:
    """Split what the function returned into one value per name, or say why not."""
    if value is None:
        return Failure(("the function returned None: is a `return` missing?",
                        "函数返回了 None：是不是漏了 `return`？"))  # fmt: skip
    if len(names) == 1 and not isinstance(value, tuple):
        return [normalise(value)]  # a list is not an array, however many entries it has
    if len(names) > 1 and isinstance(value, tuple | list) and len(value) == len(names):
        return [normalise(item) for item in value]
    return Failure(_miscounted(value, names))


def _miscounted(value: Any, names: Sequence[str]) -> Text:
    """Why a returned value is not one value per name."""
    wanted, wanted_zh = ", ".join(names), "、".join(names)
    if not isinstance(value, tuple | list):
        one = normalise(value)
        kind, kind_zh = "", ""
        if isinstance(one, Foreign):
            kind, kind_zh = f" of type {one.type_name}", f"（类型是 {one.type_name}）"
        return (f"returned 1 value{kind}, expected {len(names)}: {wanted}",
                f"返回了 1 个值{kind_zh}，应为 {len(names)} 个：{wanted_zh}")  # fmt: skip
    if len(names) == len(value) == 1:
        return (f"returned a tuple of 1 value, expected {wanted} itself: a comma at the end of "
                "`return` makes a tuple",
                f"返回了只有 1 个值的 tuple，应直接返回 {wanted}："
                "`return` 末尾的逗号会生成 tuple")  # fmt: skip
    kind, many = "list" if isinstance(value, list) else "tuple", len(value) >= MOST_VALUES
    found = f"{MOST_VALUES} or more" if many else f"{len(value)}"  # the grader sees no more
    found_zh = f"至少 {MOST_VALUES}" if many else f" {len(value)}"
    return (f"returned a {kind} of {found}, expected {len(names)}: {wanted}",
            f"返回了{found_zh} 个值（{kind}），应为 {len(names)} 个：{wanted_zh}")  # fmt: skip


def changed_inputs(names: Sequence[str]) -> Failure:
    """The failure of a function that overwrote its arguments."""
    listed = ", ".join(names)
    return Failure(
        (f"the function changed its input in place: {listed}", f"函数原地修改了输入：{listed}")
    )


def raised(error: str, line: str) -> Failure:
    """The failure of a call that raised; `line` is the learner's line, or empty."""
    at = f" (at: {line})" if line else ""
    at_zh = f"（出错行：{line}）" if line else ""
    return Failure((f"the function raised {error}{at}", f"函数抛出了异常 {error}{at_zh}"))


def _wrong_kind(found: np.ndarray, expected: np.ndarray) -> bool:
    if expected.dtype.kind == "f":
        # A plain number may come as an int; an integer *array* has lost its fractions.
        allowed = "fiu" if expected.ndim == 0 else "f"
    else:
        allowed = "iu" if expected.dtype.kind in "iu" else expected.dtype.kind
    return found.dtype.kind not in allowed


def same(found: Any, expected: np.ndarray, rules: Rules) -> bool:
    """True where shape, kind of number and every entry agree within the tolerance."""
    if isinstance(found, Foreign) or found.shape != expected.shape:
        return False
    if _wrong_kind(found, expected):
        return False
    with np.errstate(all="ignore"):
        return bool(np.allclose(found, expected, rules.rtol, rules.atol, equal_nan=True))


def _unfit(name: str, found: Any, expected: np.ndarray) -> Text | None:
    """Why one output cannot be compared entry by entry; None where it can."""
    if isinstance(found, Foreign):
        wanted, wanted_zh = "a number", "一个数"
        if expected.ndim:
            wanted = f"a NumPy array of shape {expected.shape}"
            wanted_zh = f"形状为 {expected.shape} 的 NumPy 数组"
        return (f"{name} is of type {found.type_name}, expected {wanted}",
                f"{name} 的类型是 {found.type_name}，应为{wanted_zh}")  # fmt: skip
    if found.shape != expected.shape:
        return (f"{name} has shape {found.shape}, expected {expected.shape}",
                f"{name} 的形状是 {found.shape}，应为 {expected.shape}")  # fmt: skip
    if _wrong_kind(found, expected):
        return (f"{name} has dtype {found.dtype}, expected {expected.dtype}",
                f"{name} 的 dtype 是 {found.dtype}，应为 {expected.dtype}")  # fmt: skip
    return None


def difference(name: str, found: Any, expected: np.ndarray, rules: Rules) -> Text:
    """What is wrong with one output that is not `same`, down to the first entry that differs."""
    unfit = _unfit(name, found, expected)
    if unfit:
        return unfit
    with np.errstate(all="ignore"):
        wrong = ~np.isclose(found, expected, rules.rtol, rules.atol, equal_nan=True)
        gap = np.abs(found.astype("c16") - expected.astype("c16"))
    at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    got, due = _told_apart(found[at], expected[at])
    coarse, coarse_zh = _coarse(found)
    if not wrong.ndim:
        return (
            f"{name} is {got}, expected {due}{coarse}",
            f"{name} 的值是 {got}，应为 {due}{coarse_zh}",
        )
    where = f"{name}[{', '.join(str(int(i)) for i in at)}]"
    count, size = int(wrong.sum()), wrong.size
    rest, rest_zh = _rest(found, gap)
    return (f"{where} is {got}, expected {due} (shape {found.shape}; {count} of {size} entries "
            f"differ{rest}{coarse})",
            f"{where} 的值是 {got}，应为 {due}（形状 {found.shape}；{size} 个元素中有 {count} 个"
            f"不同{rest_zh}{coarse_zh}）")  # fmt: skip


def _coarse(found: np.ndarray) -> Text:
    """What to say of half precision, which rounds more than any tolerance here."""
    if found.dtype != np.float16:
        return "", ""
    return "; float16 has only 3 digits, use float64", "；float16 只有 3 位有效数字，请改用 float64"


def _told_apart(found: Any, expected: Any) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they differ."""
    pairs = [(f"{found.item():.{n}g}", f"{expected.item():.{n}g}") for n in (4, 6, 9, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def _rest(found: np.ndarray, gap: np.ndarray) -> Text:
    """How far all entries are off: those that are no numbers, else the largest difference."""
    lost = int((~np.isfinite(found)).sum())
    if lost:
        return f", NaN or infinity in {lost}", f"，{lost} 个是 NaN 或无穷大"
    largest = f"{np.nanmax(gap):.2g}"
    return f", by up to {largest}", f"，最大误差 {largest}"


def _matches(cases: Sequence[Case], answers: Sequence[list], mutant: str, rules: Rules) -> bool:
    """True where the answers are the mutant's, output by output, in *every* case."""
    return all(
        same(found, wanted, rules)
        for case, answer in zip(cases, answers, strict=True)
        for found, wanted in zip(answer, case.mutants[mutant], strict=True)
    )


def _only_output(cases: Sequence[Case], mutant: str, k: int, rules: Rules) -> bool:
    """True where the mutant spoils output `k` and no other."""
    return all(
        same(case.mutants[mutant][j], case.expected[j], rules)
        for case in cases
        for j in range(len(rules.outputs))
        if j != k
    )


def _narrow_hint(
    cases: Sequence[Case], answers: Sequence[list], k: int, rules: Rules
) -> Text | None:
    """The hint of the one mutant that explains output `k` alone, if there is one."""
    for name, hint in rules.hints.items():
        if _only_output(cases, name, k, rules) and all(
            same(answer[k], case.mutants[name][k], rules)
            for case, answer in zip(cases, answers, strict=True)
        ):
            return hint
    return None


def _whole_hint(cases: Sequence[Case], answers: Sequence[list], rules: Rules) -> Text | None:
    """The hint of the mutant that the answers are, output by output, if there is one."""
    for name, hint in rules.hints.items():
        if _matches(cases, answers, name, rules):
            return hint
    return None


def _difference_of(
    cases: Sequence[Case], answers: Sequence[list], k: int, rules: Rules
) -> Text | None:
    """What is wrong with output `k` in the first case where it is; None where it is right."""
    for case, answer in zip(cases, answers, strict=True):
        if not same(answer[k], case.expected[k], rules):
            return difference(rules.outputs[k], answer[k], case.expected[k], rules)
    return None


def verdict(cases: Sequence[Case], answers: Sequence[Answer], rules: Rules) -> Verdict:
    """Points and reason. Each output earns its share if it is right in all cases."""
    given: list[list[Any]] = []
    for answer in answers:
        if isinstance(answer, Failure):
            return Verdict(0.0, answer.text)
        given.append(answer)
    count = len(rules.outputs)
    found = [_difference_of(cases, given, k, rules) for k in range(count)]
    wrong = {k: text for k, text in enumerate(found) if text}
    share = rules.points / count
    parts = tuple(
        Part(name, 0.0 if text else share, share, text)
        for name, text in zip(rules.outputs, found, strict=True)
    )
    if not wrong:
        return Verdict(float(rules.points), FULL_MARKS, parts)
    points = round(rules.points * (count - len(wrong)) / count, 2)
    whole = _whole_hint(cases, given, rules)
    if whole:
        return Verdict(points, whole, parts, (whole,))
    narrow = {k: _narrow_hint(cases, given, k, rules) for k in wrong}
    said = [narrow[k] or text for k, text in wrong.items()]
    reason = ("; ".join(s[0] for s in said), "；".join(s[1] for s in said))
    return Verdict(points, reason, parts, tuple(h for h in narrow.values() if h))
