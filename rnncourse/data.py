"""Data sets that come with the course: small, made here, the same for everyone.

``load(name)`` returns NumPy arrays or lists; ``names()`` lists what there is.
``path(name, file)`` is a file of a real data set, downloaded once; ``real()`` lists them.
``recorded(name)`` returns what a long run measured once, for a page to show.
"""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rnncourse import _fetch, _letters
from rnncourse._fetch import DataError as DataError
from rnncourse._letters import made_up_letters as made_up_letters
from rnncourse._letters import made_up_opinions as made_up_opinions
from rnncourse._memory import adding as adding
from rnncourse._memory import copy_memory as copy_memory
from rnncourse._reviews import made_up_verdicts as made_up_verdicts
from rnncourse._world import little_world as little_world

Array = np.ndarray
DESKS = _letters.DESKS  # names of the labels of made_up_letters, by language


def names() -> list[str]:
    """The names that :func:`load` knows, sorted."""
    return sorted(_SETS)


def load(name: str, **options: Any) -> Any:
    """The data set called ``name``; options are those of its function below.

    Raises KeyError for an unknown name, listing the known ones.
    """
    if name not in _SETS:
        raise KeyError(f"no data set called {name!r}; there are {names()}")
    return _SETS[name](**options)


def real() -> dict[str, dict[str, Any]]:
    """The real data sets: name → title, licence, citation, and files with size and sha256."""
    return _fetch.manifest()


def files(name: str) -> dict[str, dict[str, Any]]:
    """The files of a real data set, with size and sha256.

    Raises KeyError for an unknown name, listing the known ones.
    """
    if name not in real():
        raise KeyError(f"no real data set called {name!r}; there are {sorted(real())}")
    return real()[name]["files"]


def path(name: str, file: str | None = None, progress: bool | None = None) -> Path:
    """Where a file of a real data set lies, after downloading it if it is not here yet.

    Looks for ``NAME/FILE`` in the folder that the environment variable RNNCOURSE_DATA names,
    then in the cache (RNNCOURSE_CACHE, or this user's cache folder), then at the address in
    the manifest. The file's size and sha256 are checked in each case.

    Args:
        name: a name of :func:`real`.
        file: one of its files; not needed where it has one alone.
        progress: show a bar while downloading; None: where someone watches.

    Raises KeyError for an unknown name or file, listing the known ones; DataError, which
    says what to do, where the file cannot be had or is not what it should be.
    """
    known = files(name)
    if file is None and len(known) == 1:
        (file,) = known
    if file not in known:
        raise KeyError(f"{name} has no file {file!r}; there are {sorted(known)}")
    found = _fetch.find(name, file, known[file])
    return found or _fetch.download(name, file, known[file], progress)


def is_here(name: str, file: str) -> bool:
    """True where a file of a real data set is here and is what it should be."""
    try:
        return _fetch.find(name, file, files(name)[file]) is not None
    except DataError:
        return False


def recorded(name: str) -> dict[str, Any]:
    """The results of a long run: the file ``benchmarks/results/NAME.json``.

    An installed package holds a copy of that folder, a checkout the folder itself.
    Raises KeyError for an unknown name, listing the known ones.
    """
    package = Path(__file__).parent
    folders = (package / "results", package.parent / "benchmarks" / "results")
    files = {file.stem: file for folder in folders for file in folder.glob("*.json")}
    if name not in files:
        raise KeyError(f"nothing is recorded under {name!r}; there are {sorted(files)}")
    return json.loads(files[name].read_text(encoding="utf-8"))


def temporal_xor(rng: np.random.Generator, N: int, T: int) -> Array:
    """Elman's stream of bits: two random ones, then their exclusive or, and so on.

    Every third bit (index 2, 5, 8, …) follows from the two before it; all
    others are coin tosses. Nothing marks where a triple begins.

    Returns (N, T) integers 0 and 1. Raises ValueError if N or T is below 1.
    Source: Elman (1990), section "Exclusive-OR".
    """
    if N < 1 or T < 1:
        raise ValueError(f"N = {N}, T = {T}; both must be at least 1")
    triples = rng.integers(0, 2, (N, -(-T // 3), 3))
    triples[..., 2] = triples[..., 0] ^ triples[..., 1]
    return triples.reshape(N, -1)[:, :T]


def who_first(rng: np.random.Generator, N: int, T: int, V: int = 26) -> tuple[Array, Array]:
    """Who came to the party first, guest 0 or guest 1? Only the order can tell.

    Each row lists T different guests of V in the order in which they came;
    guests 0 and 1 are always among them. Rows 2k and 2k + 1 are the same list
    with these two exchanged, so that the same guests come with both answers.

    Returns guests (N, T), integers 0..V-1, and labels (N,): 1 where guest 0
    came before guest 1, else 0. Raises ValueError if N is not even and
    positive, or not 2 <= T <= V.
    """
    if N < 2 or N % 2:
        raise ValueError(f"N = {N}; it must be even and at least 2, since rows come in pairs")
    if not 2 <= T <= V:
        raise ValueError(f"T = {T}, V = {V}; T different guests need 2 <= T <= V")
    others = np.tile(np.arange(2, V), (N // 2, 1))
    others = rng.permuted(others, axis=1)[:, : T - 2]
    two = np.tile([0, 1], (N // 2, 1))
    guests = rng.permuted(np.hstack([two, others]), axis=1)
    exchanged = np.where(guests < 2, 1 - guests, guests)
    guests = np.stack([guests, exchanged], axis=1).reshape(N, T)
    labels = (guests == 0).argmax(axis=1) < (guests == 1).argmax(axis=1)
    return guests, labels.astype(np.int64)


def made_up_temperatures(rng: np.random.Generator, days: int) -> Array:
    """Daily temperatures in °C, generated, not measured: a year's wave and some weather.

    Day d has 12 - 10 cos(2πd / 365.25) plus weather w_d = 0.7 w_{d-1} + e_d, where e_d
    is normal with standard deviation 2.5. So no forecast of the next day from the days
    before has a root mean squared error below 2.5 on average.

    Returns (days,) floats. Raises ValueError if days is below 1.
    """
    if days < 1:
        raise ValueError(f"days = {days}; must be at least 1")
    weather = 2.5 * rng.standard_normal(days)
    weather[0] /= np.sqrt(1 - 0.7**2)  # the first day as variable as the others
    for d in range(1, days):
        weather[d] += 0.7 * weather[d - 1]
    return 12 - 10 * np.cos(2 * np.pi * np.arange(days) / 365.25) + weather


BRACKETS = ("(", ")", "a")  # the tokens of brackets(), by number


def brackets(
    rng: np.random.Generator, N: int, T: int, max_depth: int = 6, letters: float = 0.6
) -> tuple[Array, Array]:
    """Strings of brackets that open before they close, with letters in between.

    Each token is a letter with probability ``letters``; otherwise a bracket, opening or
    closing with equal chance, but opening at depth 0 and closing at ``max_depth``.

    Returns tokens (N, T), integers that index ``BRACKETS``, and depth (N, T): how many
    brackets are open after each token. Raises ValueError if N, T or max_depth is below 1,
    or not 0 <= letters < 1.
    """
    if min(N, T, max_depth) < 1 or not 0 <= letters < 1:
        raise ValueError(f"N = {N}, T = {T}, max_depth = {max_depth}, letters = {letters}; "
                         "expected at least 1, and letters from 0 to below 1")  # fmt: skip
    is_letter, coin = rng.random((N, T)) < letters, rng.random((N, T)) < 0.5
    tokens, depth, now = np.zeros((N, T), int), np.zeros((N, T), int), np.zeros(N, int)
    for t in range(T):
        opens = ((now == 0) | coin[:, t]) & (now < max_depth)
        tokens[:, t] = np.where(is_letter[:, t], 2, np.where(opens, 0, 1))
        now = now + np.array([1, -1, 0])[tokens[:, t]]
        depth[:, t] = now
    return tokens, depth


def segmented_sentences() -> list[list[tuple[str, str]]]:
    """285 short Chinese sentences, written for this course, cut into words with a tag each.

    Words are cut as People's Daily was (a place and 大学 are two words), without punctuation.
    Many sentences hold strings that can be cut in more than one way; some of the words are
    now one part of speech, now another. Tags: n noun, nr person, ns place, t time, v verb,
    a adjective, r pronoun, d adverb, m number, q measure word, p preposition, c conjunction,
    u particle, f position.

    Returns one list for each sentence: [(word, tag), …].
    """
    text = Path(__file__).with_name("segmented_sentences.txt").read_text(encoding="utf-8")
    return [[tuple(pair.split("/")) for pair in line.split()] for line in text.splitlines()]


# What reviewers also write: (English, Chinese), no opinion in any of it.
_ASIDES = (
    ("We stayed for two nights.", "我们住了两个晚上。"),
    ("It rained all day.", "下了一整天的雨。"),
    ("My brother paid the bill.", "账是我哥哥付的。"),
    ("We did not bring a car.", "我们没有开车来。"),
    ("The train arrived at ten.", "火车十点到站。"),
    ("I read a book in the evening.", "晚上我看了一本书。"),
    ("Our window looked onto the street.", "我们的窗户朝着街道。"),
    ("Breakfast begins at seven.", "早餐七点开始。"),
    ("The children were not with us.", "孩子们没有跟我们一起来。"),
    ("A friend told me about this hotel.", "这家酒店是一个朋友告诉我的。"),
)
_SUBJECTS = (("room", "房间"), ("food", "饭菜"), ("service", "服务"), ("bed", "床铺"))
_ADJECTIVES = (("good", "好"), ("great", "棒"), ("bad", "差"), ("terrible", "糟"))  # two and two
_DEGREES = (("really", "很"), ("not", "并不"))
_VERDICT = {"en": "The {} was {} {}.", "zh": "{}{}{}。"}


def made_up_reviews(
    rng: np.random.Generator, N: int, language: str = "en", most: int = 7
) -> tuple[list[str], Array]:
    """Short hotel reviews in English or Chinese, put together from a few phrases.

    Each ends with a verdict, "The food was not bad.": a positive or negative adjective after
    "really" or "not", all equally likely, so that neither word alone tells the label. Before it
    stand sentences without an opinion, each number of them half as likely as the one below,
    ``most`` at most: many reviews are short, a few are long.

    Returns N texts and labels (N,): 1 where the verdict praises. The same rng makes the same
    reviews in both languages. Raises ValueError if N or most is below 1, or for another
    language than "en" and "zh".
    """
    if N < 1 or most < 1 or language not in _VERDICT:
        raise ValueError(f"N = {N}, most = {most}, language = {language!r}; expected at least 1 "
                         'of both, and "en" or "zh"')  # fmt: skip
    way = list(_VERDICT).index(language)
    before = np.minimum(rng.geometric(0.5, N) - 1, most)
    aside = rng.integers(0, len(_ASIDES), (N, most))
    words = [rng.integers(0, len(part), N) for part in (_SUBJECTS, _DEGREES, _ADJECTIVES)]
    texts = []
    for n in range(N):
        sentences = [_ASIDES[k][way] for k in aside[n, : before[n]]]
        subject, degree, adjective = (int(numbers[n]) for numbers in words)
        phrase = (_SUBJECTS[subject][way], _DEGREES[degree][way], _ADJECTIVES[adjective][way])
        sentences.append(_VERDICT[language].format(*phrase))
        texts.append((" " if language == "en" else "").join(sentences))
    return texts, ((words[2] < 2) ^ (words[1] == 1)).astype(np.int64)


_TELEGRAPH = {
    "en": (
        "Every morning the sender writes a message and the clerk numbers the words. He reads a "
        "word, looks for its number in the book, and sends the number down the line. At the "
        "other end a reader reads the numbers, looks them up in the same book, and writes the "
        "words down again. Sending a long message costs more than sending a short message, so "
        "senders learn to shorten their writing. Some words are not in the book. Then the clerk "
        "spells the word, letter after letter, and the reader rebuilds it from the letters. One "
        "day the clerk makes a new book. Words that are often sent together get a number of "
        "their own: good morning, thank you, many happy returns. The new book is longer, and "
        "the messages are shorter. That is the bargain. A longer book takes longer to print and "
        "longer to learn; a shorter message takes a shorter time to send. The old clerk sends "
        "every word letter after letter. The young clerk sends whole phrases. The best clerk "
        "looks at what people really write, and numbers what is written most."
    ),
    "zh": (
        "每天早上，发电报的人写好电文，报务员给每个字查号码。他读一个字，在电码本里查到它的号码，"
        "再把号码发出去。在线路的另一头，收报员收到号码，在同样的电码本里查号码，再把字写出来。"
        "发长电报比发短电报贵，所以发电报的人学会了把电文写短。有的字在电码本里查不到，"
        "报务员只好把这个字拆开来发，收报员再把它拼起来。有一天，报务员编了一本新的电码本，"
        "把常常一起出现的字编成一个号码：早上好，谢谢你，生日快乐。新的电码本变厚了，"
        "电报变短了。这就是交换：电码本越厚，印起来越慢，学起来也越慢；电报越短，发起来越快。"
        "老报务员一个字一个字地发电报，年轻的报务员一句话一句话地发电报，"
        "最好的报务员看看大家真正写的是什么，写得最多的就编一个号码。"
    ),
}


def telegraph_office(language: str = "en") -> str:
    """A story written for this course, in English or Chinese: what a code book costs.

    Raises ValueError for another language than "en" and "zh".
    """
    if language not in _TELEGRAPH:
        raise ValueError(f'language = {language!r}; expected "en" or "zh"')
    return _TELEGRAPH[language]


def course_prose(language: str = "en") -> list[str]:
    """Paragraphs of this course's own first chapters, in English or Chinese.

    The two lists say the same: paragraph k is one text in two languages. Only paragraphs
    without code and formulas are in it. A snapshot, written by ``tools/prose.py``.
    Raises ValueError for another language than "en" and "zh".
    """
    if language not in ("en", "zh"):
        raise ValueError(f'language = {language!r}; expected "en" or "zh"')
    path = Path(__file__).with_name(f"prose_{language}.txt")
    return path.read_text(encoding="utf-8").splitlines()


def random_walk(rng: np.random.Generator, N: int, T: int) -> Array:
    """Steps from N(0, 1), added up: nothing but the last value says anything of the next.

    Returns (N, T) floats; the first is 0. Raises ValueError if N or T is below 1.
    """
    if min(N, T) < 1:
        raise ValueError(f"N = {N}, T = {T}; both must be at least 1")
    steps = rng.standard_normal((N, T))
    steps[:, 0] = 0
    return steps.cumsum(axis=1)


def sunspots() -> tuple[Array, Array]:
    """Mean number of sunspots in each year from 1700 to 2008.

    Returns years (309,) and numbers (309,). Raises DataError where statsmodels, which holds
    them, is not installed. Source: World Data Center SILSO, Royal Observatory of Belgium.
    """
    table = _from_statsmodels("sunspots")
    return table["YEAR"].to_numpy(int), table["SUNACTIVITY"].to_numpy(float)


def co2() -> tuple[Array, Array]:
    """Carbon dioxide in the air of Mauna Loa, March 1958 to December 2001: means of months.

    Returns months (526,) as numpy dates and parts per million (526,), NaN for the months
    without a measurement. Raises DataError where statsmodels, which holds the weeks, is not
    installed. Source: Keeling and Whorf, Scripps Institution of Oceanography.
    """
    weeks = _from_statsmodels("co2")["co2"]
    months = weeks.index.to_numpy().astype("datetime64[M]")
    every, place = np.unique(months, return_inverse=True)
    real = np.isfinite(weeks.to_numpy())
    count = np.bincount(place[real], minlength=len(every))
    total = np.bincount(place[real], weeks.to_numpy()[real], minlength=len(every))
    return every, np.divide(total, count, out=np.full(len(every), np.nan), where=count > 0)


def _from_statsmodels(name: str) -> Any:
    """The table of one of its data sets."""
    try:
        sets = importlib.import_module(f"statsmodels.datasets.{name}")
    except ImportError as error:
        raise DataError(f"{name} comes with statsmodels, which is not installed; "
                        "run: pip install statsmodels") from error  # fmt: skip
    return sets.load_pandas().data


_SETS: dict[str, Callable[..., Any]] = {
    "adding": adding,
    "brackets": brackets,
    "co2": co2,
    "copy_memory": copy_memory,
    "course_prose": course_prose,
    "little_world": little_world,
    "made_up_letters": made_up_letters,
    "made_up_opinions": made_up_opinions,
    "made_up_reviews": made_up_reviews,
    "made_up_temperatures": made_up_temperatures,
    "made_up_verdicts": made_up_verdicts,
    "random_walk": random_walk,
    "segmented_sentences": segmented_sentences,
    "sunspots": sunspots,
    "telegraph_office": telegraph_office,
    "temporal_xor": temporal_xor,
    "who_first": who_first,
}
