"""Dates as people write them, in English and Chinese, and as machines do: ``2024-03-05``.

The year is always given, and no form could be read with day and month exchanged: 3/5/2024 is left
out, and in 5.3.2024 the day comes first wherever people write so.
"""

import datetime
from collections.abc import Callable, Iterable

import numpy as np

from rnncourse._arrays import check_counts

Date = datetime.date
FIRST, LAST = Date(1900, 1, 1), Date(2099, 12, 31)

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December")  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
             "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth",
             "seventeenth", "eighteenth", "nineteenth", "twentieth", "twenty-first",
             "twenty-second", "twenty-third", "twenty-fourth", "twenty-fifth", "twenty-sixth",
             "twenty-seventh", "twenty-eighth", "twenty-ninth", "thirtieth",
             "thirty-first")  # fmt: skip
_DIGITS = "〇一二三四五六七八九"
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def _month(d: Date) -> str:
    return MONTHS[d.month - 1]


def _short(d: Date) -> str:
    return _month(d)[:3]


def _weekday(d: Date) -> str:
    return WEEKDAYS[d.weekday()]


def _nth(d: Date) -> str:
    """1st, 2nd, 3rd, 4th; 11th, 12th, 13th."""
    ending = "th" if 11 <= d.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(d.day % 10, "th")
    return f"{d.day}{ending}"


def _han_year(d: Date, zero: str = "〇") -> str:
    """Digit by digit: 二〇二四."""
    return "".join(_DIGITS[int(digit)] for digit in str(d.year)).replace("〇", zero)


def _han(number: int) -> str:
    """1..31 in Chinese: 五, 十五, 二十, 二十五."""
    tens, ones = divmod(number, 10)
    return ("" if tens < 2 else _DIGITS[tens]) + "十" * (tens > 0) + _DIGITS[ones] * (ones > 0)


# How a date is written, by a name that is the 5th of March 2024 written so.
FORMATS: dict[str, Callable[[Date], str]] = {
    "2024-03-05": lambda d: d.isoformat(),
    "2024/03/05": lambda d: f"{d.year}/{d.month:02}/{d.day:02}",
    "2024.3.5": lambda d: f"{d.year}.{d.month}.{d.day}",
    "20240305": lambda d: f"{d.year}{d.month:02}{d.day:02}",
    "5.3.2024": lambda d: f"{d.day}.{d.month}.{d.year}",
    "05.03.2024": lambda d: f"{d.day:02}.{d.month:02}.{d.year}",
    "March 5, 2024": lambda d: f"{_month(d)} {d.day}, {d.year}",
    "Mar 5, 2024": lambda d: f"{_short(d)} {d.day}, {d.year}",
    "March 5th, 2024": lambda d: f"{_month(d)} {_nth(d)}, {d.year}",
    "5 March 2024": lambda d: f"{d.day} {_month(d)} {d.year}",
    "5 Mar 2024": lambda d: f"{d.day} {_short(d)} {d.year}",
    "05-Mar-2024": lambda d: f"{d.day:02}-{_short(d)}-{d.year}",
    "2024 March 5": lambda d: f"{d.year} {_month(d)} {d.day}",
    "the 5th of March 2024": lambda d: f"the {_nth(d)} of {_month(d)} {d.year}",
    "the fifth of March 2024": lambda d: f"the {_ORDINALS[d.day - 1]} of {_month(d)} {d.year}",
    "Tuesday, March 5, 2024": lambda d: f"{_weekday(d)}, {_month(d)} {d.day}, {d.year}",
    "Tue 5 Mar 2024": lambda d: f"{_weekday(d)[:3]} {d.day} {_short(d)} {d.year}",
    "2024年3月5日": lambda d: f"{d.year}年{d.month}月{d.day}日",
    "2024年03月05日": lambda d: f"{d.year}年{d.month:02}月{d.day:02}日",
    "2024年3月5号": lambda d: f"{d.year}年{d.month}月{d.day}号",
    "２０２４年３月５日": lambda d: f"{d.year}年{d.month}月{d.day}日".translate(_WIDE),
    "二〇二四年三月五日": lambda d: f"{_han_year(d)}年{_han(d.month)}月{_han(d.day)}日",
    "二零二四年三月五日": lambda d: f"{_han_year(d, '零')}年{_han(d.month)}月{_han(d.day)}日",
    "二〇二四年三月五号": lambda d: f"{_han_year(d)}年{_han(d.month)}月{_han(d.day)}号",
    "2024年三月五日": lambda d: f"{d.year}年{_han(d.month)}月{_han(d.day)}日",
    "三月五号，二〇二四年": lambda d: f"{_han(d.month)}月{_han(d.day)}号，{_han_year(d)}年",
    "2024年3月5日星期二": lambda d: (
        f"{d.year}年{d.month}月{d.day}日星期{'一二三四五六日'[d.weekday()]}"
    ),
}


def made_up_dates(
    rng: np.random.Generator, N: int, formats: Iterable[str] | None = None
) -> tuple[list[str], list[str], list[str]]:
    """N days from 1900 to 2099, all equally likely, each in a form drawn from ``formats``.

    Returns the dates as written, the same as ``YYYY-MM-DD``, and the names of the forms
    (:data:`FORMATS`, all of them unless given). Raises ValueError if N is below 1, or there is
    no form, or one is unknown.
    """
    check_counts(N=N)
    names = list(FORMATS) if formats is None else list(formats)
    if not names or not set(names) <= FORMATS.keys():
        raise ValueError(f"formats are {names}; expected some of {list(FORMATS)}")
    days = rng.integers(FIRST.toordinal(), LAST.toordinal() + 1, N)
    dates = [Date.fromordinal(int(day)) for day in days]
    drawn = [names[k] for k in rng.integers(0, len(names), N)]
    written = [FORMATS[name](date) for name, date in zip(drawn, dates, strict=True)]
    return written, [date.isoformat() for date in dates], drawn


def signs() -> list[str]:
    """Every character that a date of any form may contain, sorted."""
    year = (Date(2000, 1, 1).toordinal() + day for day in range(366))
    dates = [Date.fromordinal(day) for day in year]
    return sorted({sign for write in FORMATS.values() for date in dates for sign in write(date)})
