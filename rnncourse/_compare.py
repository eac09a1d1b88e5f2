"""Compare a learner's answers with the expected ones; shared by `check` and the grader.

Knows arrays, tolerances and mutants; knows neither notebooks nor processes.
Every message is a pair (English, Chinese).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Text = tuple[str, str]


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


class Verdict(NamedTuple):
    """Points earned and what to say about them."""

    points: float
    text: Text


Answer = list[Any] | Failure


def normalise(value: Any) -> np.ndarray | Foreign:
    """One returned value as an array (numbers become 0-d arrays), or `Foreign`."""
    if isinstance(value, np.ndarray | np.generic | int | float | complex):
        array = np.asarray(value)
        return Foreign(f"array of {array.dtype}") if array.dtype.kind not in "fiubc" else array
    return value if isinstance(value, Foreign) else Foreign(type(value).__name__)


def unpack(value: Any, names: Sequence[str]) -> Answer:
    """Split what the function returned into one value per name, or say why not."""
    if value is None:
        return Failure(("the function returned None: is a `return` missing?",
                        "函数返回了 None：是不是漏了 `return`？"))  # fmt: skip
    many = isinstance(value, tuple | list)
    if len(names) == 1 and not many:
        return [normalise(value)]
    found = len(value) if many else 1
    if found != len(names) or len(names) == 1:
        wanted = ", ".join(names)
        kind = type(value).__name__ if many else "value"
        return Failure(
            (f"returned a {kind} of {found}, expected {len(names)}: {wanted}"
             if many else f"returned 1 value, expected {len(names)}: {wanted}",
             f"返回了 {found} 个值（{kind}），应为 {len(names)} 个：{wanted}"
             if many else f"返回了 1 个值，应为 {len(names)} 个：{wanted}")
        )  # fmt: skip
    return [normalise(item) for item in value]


def changed_inputs(names: Sequence[str]) -> Failure:
    """The failure of a function that overwrote its arguments."""
    listed = ", ".join(names)
    return Failure((f"the function changed its input in place: {listed}",
                    f"函数原地修改了输入：{listed}"))  # fmt: skip


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


def describe(name: str, found: Any, expected: np.ndarray) -> Text:
    """Say what is wrong with one output that is not `same` as expected."""
    if isinstance(found, Foreign):
        return (f"{name} is of type {found.type_name}, expected a NumPy array",
                f"{name} 的类型是 {found.type_name}，应为 NumPy 数组")  # fmt: skip
    if found.shape != expected.shape:
        return (f"{name} has shape {found.shape}, expected {expected.shape}",
                f"{name} 的形状是 {found.shape}，应为 {expected.shape}")  # fmt: skip
    if _wrong_kind(found, expected):
        return (f"{name} has dtype {found.dtype}, expected {expected.dtype}",
                f"{name} 的 dtype 是 {found.dtype}，应为 {expected.dtype}")  # fmt: skip
    return _describe_values(name, found, expected)


def _describe_values(name: str, found: np.ndarray, expected: np.ndarray) -> Text:
    bad = ~np.isfinite(found)
    if bad.any():
        count = f"{int(bad.sum())}/{found.size}"
        return (f"{name} holds NaN or infinity in {count} entries",
                f"{name} 中有 {count} 个元素是 NaN 或无穷大")  # fmt: skip
    gap = np.abs(found.astype("f8") - expected.astype("f8"))
    at = np.unravel_index(int(np.argmax(gap)), gap.shape)
    where = f"{name}[{', '.join(str(int(i)) for i in at)}]" if at else name
    is_, be = f"{found[at]:.4g}", f"{expected[at]:.4g}"
    return (f"{where} is {is_}, expected {be} (largest difference: {gap[at]:.2g})",
            f"{where} 的值是 {is_}，应为 {be}（最大误差 {gap[at]:.2g}）")  # fmt: skip


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


def _narrow_hint(cases: Sequence[Case], answers: Sequence[list], k: int, rules: Rules):
    """The hint of the one mutant that explains output `k` alone, if there is one."""
    for name, hint in rules.hints.items():
        if _only_output(cases, name, k, rules) and all(
            same(answer[k], case.mutants[name][k], rules)
            for case, answer in zip(cases, answers, strict=True)
        ):
            return hint
    return None


def _explain(cases, answers, wrong: list[int], rules: Rules) -> Text:
    """A mutant's hint where the answers are that mutant's, else the first difference."""
    for name, hint in rules.hints.items():
        if _matches(cases, answers, name, rules):
            return hint
    parts = []
    for k in wrong:
        hint = _narrow_hint(cases, answers, k, rules)
        pairs = [(a[k], c.expected[k]) for c, a in zip(cases, answers, strict=True)]
        first = next(pair for pair in pairs if not same(*pair, rules))
        parts.append(hint or describe(rules.outputs[k], *first))
    return "; ".join(p[0] for p in parts), "；".join(p[1] for p in parts)


def verdict(cases: Sequence[Case], answers: Sequence[Answer], rules: Rules) -> Verdict:
    """Points and reason. Each output earns its share if it is right in all cases."""
    for answer in answers:
        if isinstance(answer, Failure):
            return Verdict(0.0, answer.text)
    count = len(rules.outputs)
    wrong = [
        k
        for k in range(count)
        if not all(
            same(answer[k], case.expected[k], rules)
            for case, answer in zip(cases, answers, strict=True)
        )
    ]
    if not wrong:
        return Verdict(float(rules.points), ("full marks", "满分"))
    points = round(rules.points * (count - len(wrong)) / count, 2)
    return Verdict(points, _explain(cases, answers, wrong, rules))
