"""Dates in many forms: parsed back by another road, and the forms' names as examples."""

import datetime
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.data import dates

days = st.dates(dates.FIRST, dates.LAST)

# What datetime itself can read, after "5th" has become "5".
STRPTIME = {
    "2024-03-05": "%Y-%m-%d",
    "2024/03/05": "%Y/%m/%d",
    "2024.3.5": "%Y.%m.%d",
    "20240305": "%Y%m%d",
    "5.3.2024": "%d.%m.%Y",
    "05.03.2024": "%d.%m.%Y",
    "March 5, 2024": "%B %d, %Y",
    "Mar 5, 2024": "%b %d, %Y",
    "March 5th, 2024": "%B %d, %Y",
    "5 March 2024": "%d %B %Y",
    "5 Mar 2024": "%d %b %Y",
    "05-Mar-2024": "%d-%b-%Y",
    "2024 March 5": "%Y %B %d",
    "the 5th of March 2024": "the %d of %B %Y",
    "Tuesday, March 5, 2024": "%A, %B %d, %Y",
    "Tue 5 Mar 2024": "%a %d %b %Y",
    "2024年3月5日": "%Y年%m月%d日",
    "2024年03月05日": "%Y年%m月%d日",
    "2024年3月5号": "%Y年%m月%d号",
    "２０２４年３月５日": "%Y年%m月%d日",
}
# Written independently of the package's tables.
TENS = {"twent": 20, "thirt": 30}
WORDS = """zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth
thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"""
ONES = {word: k for k, word in enumerate(re.split(r"\s", WORDS))}
ONES["thirtieth"] = 30


def number(text):
    """Digits, English ordinals, Chinese numbers with 十 or digit by digit."""
    if text.isdigit():
        return int(text)
    if text in ONES:
        return ONES[text]
    if "-" in text:
        tens, ones = text.split("-")
        return TENS[tens[:5]] + ONES[ones]
    if "十" in text:
        tens, ones = text.split("十")
        return 10 * (number(tens) if tens else 1) + (number(ones) if ones else 0)
    return int("".join(str("〇一二三四五六七八九".index(c.replace("零", "〇"))) for c in text))


def parse(text):
    """A date of a form that datetime cannot read."""
    if found := re.fullmatch(r"the (\S+) of (\w+) (\d+)", text):
        day, month, year = found.groups()
        return datetime.date(int(year), datetime.datetime.strptime(month, "%B").month, number(day))
    parts = {unit: number(value) for value, unit in re.findall(r"(\w+?)([年月日号])", text)}
    return datetime.date(parts["年"], parts["月"], parts.get("日", parts.get("号")))


def read(name, text):
    if name not in STRPTIME:
        return parse(text.split("星期")[0])
    plain = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", unicodedata.normalize("NFKC", text))
    return datetime.datetime.strptime(plain, STRPTIME[name]).date()


@pytest.mark.parametrize("name", dates.FORMATS)
@settings(derandomize=True, deadline=None, max_examples=60)
@given(date=days)
def test_every_form_is_parsed_back(name, date):
    assert read(name, dates.FORMATS[name](date)) == date


@pytest.mark.parametrize("name", dates.FORMATS)
def test_a_form_is_called_what_it_looks_like(name):
    assert dates.FORMATS[name](datetime.date(2024, 3, 5)) == name


def test_ordinals_and_chinese_numbers_at_their_edges():
    day = {d: datetime.date(1911, 10, d) for d in (1, 2, 3, 4, 10, 11, 12, 13, 20, 21, 22, 23, 31)}
    write = dates.FORMATS
    nth = [
        write["March 5th, 2024"](day[d]).split()[1] for d in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23)
    ]
    assert nth == [
        f"{n},"
        for n in ("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd")
    ]
    assert write["二〇二四年三月五日"](day[10]) == "一九一一年十月十日"
    assert write["二〇二四年三月五号"](day[20]) == "一九一一年十月二十号"
    assert write["三月五号，二〇二四年"](day[31]) == "十月三十一号，一九一一年"
    assert write["二零二四年三月五日"](datetime.date(2000, 1, 1)) == "二零零零年一月一日"


def test_no_two_dates_are_written_alike():
    """In one form by its own; across forms too: the source tells the target."""
    rng = np.random.default_rng(0)
    written, iso, _ = dates.made_up_dates(rng=rng, N=30_000)
    seen = {}
    for text, date in zip(written, iso, strict=True):
        assert seen.setdefault(text, date) == date


def test_weekdays_are_right():
    for name, day in (("Tuesday, March 5, 2024", "Sunday"), ("Tue 5 Mar 2024", "Sun")):
        assert dates.FORMATS[name](datetime.date(2023, 12, 31)).startswith(day)
    write = dates.FORMATS["2024年3月5日星期二"]
    assert write(datetime.date(2023, 12, 31)) == "2023年12月31日星期日"
    assert write(datetime.date(2024, 1, 1)) == "2024年1月1日星期一"


def test_the_generator_draws_every_form_and_the_whole_range():
    """At least twenty forms, half of the writing in each of the two languages or nearly so."""
    written, iso, names = dates.made_up_dates(rng=np.random.default_rng(1), N=20_000)
    assert set(names) == set(dates.FORMATS)
    assert len(dates.FORMATS) >= 20
    assert sum("年" in name for name in dates.FORMATS) >= 8
    years = [int(date[:4]) for date in iso]
    assert (min(years), max(years)) == (1900, 2099)
    assert all(read(n, w).isoformat() == d for w, d, n in zip(written, iso, names, strict=True))
    assert set("".join(written)) <= set(dates.signs())
    again, _, _ = dates.made_up_dates(rng=np.random.default_rng(1), N=20_000)
    assert again == written


def test_every_sign_is_needed():
    written, *_ = dates.made_up_dates(rng=np.random.default_rng(2), N=40_000)
    assert set("".join(written)) == set(dates.signs())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"N": 0}, "N is 0"), ({"N": 3, "formats": []}, "expected some of"),
     ({"N": 3, "formats": ["5/3/2024"]}, r"\['5/3/2024'\]")],
)  # fmt: skip
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        dates.made_up_dates(rng=np.random.default_rng(), **arguments)
