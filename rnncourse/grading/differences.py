"""What is wrong with one output, in words; every message is a pair (English, Chinese)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

Text = tuple[str, str]
Tolerance = tuple[float, float]  # relative, absolute, as in `np.allclose`


def _wrong_kind(found: np.ndarray, expected: np.ndarray) -> bool:
    if expected.dtype.kind == "f":
        # A plain number may come as an int; an integer *array* has lost its fractions.
        allowed = "fiu" if expected.ndim == 0 else "f"
    else:
        allowed = "iu" if expected.dtype.kind in "iu" else expected.dtype.kind
    return found.dtype.kind not in allowed


def same(found: Any, expected: np.ndarray, tol: Tolerance) -> bool:
    """True where shape, kind of number and every entry agree within the tolerance."""
    if not isinstance(found, np.ndarray) or found.shape != expected.shape:
        return False
    if _wrong_kind(found, expected):
        return False
    if found.dtype == expected.dtype and found.tobytes() == expected.tobytes():
        return True  # most outputs of a mutant are untouched, and this is four times as fast
    with np.errstate(all="ignore"):
        return bool(np.allclose(found, expected, *tol, equal_nan=True))


def _unfit(name: str, found: np.ndarray, expected: np.ndarray, tol: Tolerance) -> Text | None:
    """Why one output cannot be compared entry by entry; None where it can."""
    if found.shape != expected.shape:
        why, why_zh = _axes(found, expected, tol)
        return (f"{name} has shape {found.shape}, expected {expected.shape}{why}",
                f"{name} 的形状是 {found.shape}，应为 {expected.shape}{why_zh}")  # fmt: skip
    if _wrong_kind(found, expected):
        return (f"{name} has dtype {found.dtype}, expected {expected.dtype}",
                f"{name} 的 dtype 是 {found.dtype}，应为 {expected.dtype}")  # fmt: skip
    return None


def _axes(found: np.ndarray, expected: np.ndarray, tol: Tolerance) -> Text:
    """The usual ways to miss a shape: axes in another order, or one of length 1 too many."""
    turned = _turned(found, expected, tol)
    if turned[0]:
        return turned
    long = _long(found)
    if found.size != expected.size or long != _long(expected):
        return "", ""
    if expected.ndim == 0:
        return (": one number inside an array; take it out with .item()",
                "：一个数装在了数组里；用 .item() 取出来")  # fmt: skip
    if len(long) > 1 or max(found.ndim, expected.ndim) > 2:
        what, what_zh = ("too many", "多了") if found.ndim > expected.ndim else ("missing", "少了")
        return f": an axis of length 1 is {what}", f"：{what_zh}一个长度为 1 的轴"
    right = same(found.reshape(expected.shape), expected, tol)
    say, say_zh = ("; the numbers are right", "；数值是对的") if right else ("", "")
    (what, what_zh, _), (due, due_zh, remedy) = _form(found), _form(expected)
    return (f": {what} in place of {due}{say}; {remedy} makes it one",
            f"：应为{due_zh}，却是{what_zh}{say_zh}；用 {remedy} 转换")  # fmt: skip


def _long(array: np.ndarray) -> tuple[int, ...]:
    return tuple(n for n in array.shape if n != 1)


def _form(array: np.ndarray) -> tuple[str, str, str]:
    """An array with one long axis at most, in words, and what makes another array one."""
    if array.ndim == 2 and array.shape[1] == 1:
        return "a column", "一列", ".reshape(-1, 1)"
    if array.ndim == 2:
        return "a row", "一行", ".reshape(1, -1)"
    return ("a vector", "一维数组", ".ravel()") if array.ndim else ("a number", "一个数", "")


def _turned(found: np.ndarray, expected: np.ndarray, tol: Tolerance) -> Text:
    """Says so where the array is the expected one with its axes in another order."""
    if found.ndim != expected.ndim or not 2 <= found.ndim <= 4:
        return "", ""
    for order in itertools.permutations(range(found.ndim)):
        if order != tuple(range(found.ndim)) and same(found.transpose(order), expected, tol):
            if found.ndim == 2:
                return ": it is transposed", "：转置了"
            return (f": its axes are in another order; .transpose{order} puts them right",
                    f"：各轴的次序不对；用 .transpose{order} 换回来")  # fmt: skip
    return "", ""


def difference(name: str, found: np.ndarray, expected: np.ndarray, tol: Tolerance) -> Text:
    """What is wrong with one output that is not `same`, down to the first entry that differs."""
    unfit = _unfit(name, found, expected, tol)
    if unfit:
        return unfit
    with np.errstate(all="ignore"):
        wrong = ~np.isclose(found, expected, *tol, equal_nan=True)
        gap = np.abs(found.astype("c16") - expected.astype("c16"))
    at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    got, due = _told_apart(found[at], expected[at])
    coarse, coarse_zh = _coarse(found)
    if not wrong.ndim:
        return (f"{name} is {got}, expected {due}{coarse}",
                f"{name} 的值是 {got}，应为 {due}{coarse_zh}")  # fmt: skip
    where = f"{name}[{', '.join(str(int(i)) for i in at)}]"
    count, size = int(wrong.sum()), wrong.size
    rest, rest_zh = _rest(found, gap)
    turned, turned_zh = _turned(found, expected, tol)
    return (f"{where} is {got}, expected {due} (shape {found.shape}; {count} of {size} entries "
            f"differ{rest}{coarse}){turned}",
            f"{where} 的值是 {got}，应为 {due}（形状 {found.shape}；{size} 个元素中有 {count} 个"
            f"不同{rest_zh}{coarse_zh}）{turned_zh}")  # fmt: skip


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
