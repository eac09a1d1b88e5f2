"""A network that writes Song ci to a tune: the tune's stops and its rhymes are masks.

A tune (词牌) fixes how many characters each line has. Here it is the form that most poems of the
tune have in the network's training text. Where a stop stands, nothing else may; where none stands,
no stop may. The ends of sentences that rhyme with one another, as measured on the same poems, can
be kept to one rhyme: today's (fourteen groups), since the rhyme book of ci is wider than the old
one of quatrains. The first rhyme word chooses the rhyme, and whether it is level or oblique; the
others of its group follow, in the other tone where the tune turns. No more of the tune's tones is
asked for.

The published book runs it in the browser (``book/_static/verse.js``, used by ``poet.js``). Both
read the record of ``benchmarks/real/live_ci.py``.
"""

import base64
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncourse import data
from rnncourse._types import Array
from rnncourse.widgets import poet, weights, writer

RULES = ("rhyme",)
FLIP = str.maketrans(poet.LEVEL + poet.OBLIQUE, poet.OBLIQUE + poet.LEVEL)


class Form(NamedTuple):
    """What a tune asks for."""

    skeleton: str  # a text in which each character is an x
    groups: list[list[int]]  # lines that rhyme with one another
    turned: frozenset[int]  # of these, the lines whose tone is not that of their group's first

    @property
    def lengths(self) -> list[int]:
        """Characters of each line."""
        return [len(line) for line in re.findall("x+", self.skeleton)]

    @property
    def stops(self) -> list[str]:
        """What stands behind each line."""
        return re.findall("[^x]+", self.skeleton)

    def group(self, line: int) -> int | None:
        """To which group of rhymes a line belongs; None for one that need not rhyme."""
        return next((k for k, some in enumerate(self.groups) if line in some), None)


class Judged(NamedTuple):
    """Lines under the rhymes of a tune."""

    words: list[list[str]]  # rhyme words of each group
    rhymes: list[list[str]]  # what all words of a group have in common, in the first one's tone
    fitting: list[list[str]]  # words in the rhyme that most words of their group have
    doubled: list[str]  # rhyme words that stand twice in their group
    run: int  # longest run in one line that may be copied, 0 where it is below poet.RUN

    @property
    def lawful(self) -> bool:
        """Whether each group has one rhyme and no word twice."""
        return all(self.rhymes) and not self.doubled

    @property
    def share(self) -> float:
        """Of the rhyme words those that fit."""
        return sum(map(len, self.fitting)) / max(1, sum(map(len, self.words)))


class Song(NamedTuple):
    """What was written."""

    tune: str
    lines: list[str]
    stops: list[str]
    verdict: Judged
    cost: float  # nats: minus log of what was allowed, at all places behind the beginning
    log_prob: float  # of what stands there in the network without rules

    def __str__(self) -> str:
        return "".join(line + stop for line, stop in zip(self.lines, self.stops, strict=True))


class Reading:
    """A text as far as the network has read it."""

    def __init__(self, songs: "Songs", number: int) -> None:
        """Args: number: of the first token."""
        self._songs = songs
        self._state: Array | None = None
        self.signs: list[str] = []
        self.scores: Array = np.empty(0)
        self._read(number)

    def _read(self, number: int) -> None:
        params = self._songs.net.params
        scores, self._state = writer.forward(params, np.array([[number]]), self._state)
        self.scores = scores[0, 0]

    def read(self, sign: str) -> None:
        """One sign more; ``scores`` (V,) are then those of the next."""
        self.signs.append(sign)
        (number,) = self._songs.net.encode(sign)
        self._read(number)


class Songs:
    """The network with the forms of its tunes."""

    def __init__(self, network: dict[str, Any]) -> None:
        """Args: network: of the record live_ci."""
        self.net = writer.Writer(network)
        self.tokens = network["tokens"]  # then the tunes
        self.index = poet.Index(network["index"])
        self.forms = {one["tune"]: Form(one["skeleton"], one["groups"], frozenset(one["turned"]))
                      for one in network["forms"]}  # fmt: skip
        self._olds = dict(zip(network["olds"][::2], network["olds"][1::2], strict=True))
        self._rhymes: dict[str, set[str]] = {}
        for name, signs in network["rhymes"].items():
            for sign in signs:
                self._rhymes.setdefault(sign, set()).add(name)
        none = [False] * len(self.forms)
        self._signs = np.array([poet.han(sign) for sign in self.tokens] + none)
        self._common = {name for name, some in network["rhymes"].items()
                        if len(some) >= poet.ENOUGH}  # fmt: skip

    def simplified(self, text: str) -> str:
        """With simplified characters where the table knows them."""
        return "".join(self._olds.get(sign, sign) for sign in text)

    def rhymes(self, sign: str, turned: bool = False) -> set[str]:
        """Rhymes of a character, such as "唐平"; empty for one that is not known.

        turned: with the other tone, as a group's first word would have it.
        """
        found = self._rhymes.get(self._olds.get(sign, sign), set())
        return {name.translate(FLIP) for name in found} if turned else found

    def begin(self, tune: str) -> Reading:
        """The network told the tune. Raises KeyError for an unknown one."""
        return Reading(self, len(self.tokens) + [*self.forms].index(self._known(tune)))

    def _known(self, tune: str) -> str:
        if tune not in self.forms:
            raise KeyError(f"tune is {tune!r}; expected one of {', '.join(self.forms)}")
        return tune

    def judge(self, tune: str, lines: Sequence[str], own: int = 0) -> Judged:
        """Lines of the tune's lengths under its rhymes; the first ``own`` are not the network's."""
        form = self.forms[self._known(tune)]
        words, rhymes, fitting, doubled = [], [], [], []
        for some in form.groups:
            mine = [lines[k][-1] for k in some]
            found = [self.rhymes(word, k in form.turned)
                     for word, k in zip(mine, some, strict=True)]  # fmt: skip
            counts = Counter(name for names in found for name in names)
            best = min(counts, key=lambda name: (-counts[name], name), default="")
            words.append(mine)
            rhymes.append(sorted(set.intersection(*found)))
            fitting.append([word for word, names in zip(mine, found, strict=True) if best in names])
            doubled += [word for word, number in Counter(mine).items() if number > 1]
        run = max((self.index.run(line) for line in lines[own:]), default=0)
        return Judged(words, rhymes, fitting, doubled, run)

    def checked(self, tune: str, beginning: str) -> str:
        """A beginning in simplified characters, without stops.

        Raises KeyError for an unknown tune; ValueError for what is no Chinese character, and for
        a beginning that leaves no character to the network.
        """
        places = sum(self.forms[self._known(tune)].lengths)
        kept = re.sub(r"[\s，。、！？；：,.!?;:]", "", unicodedata.normalize("NFC", beginning))
        text = self.simplified(kept)
        if strange := [sign for sign in text if not poet.han(sign)]:
            raise ValueError(f"beginning has {strange}; expected Chinese characters only")
        if len(text) >= places:
            raise ValueError(f"beginning has {len(text)} characters; expected fewer than the "
                             f"{places} of {tune}")  # fmt: skip
        return text

    def write(self, tune: str, beginning: str = "", rules: Sequence[str] = RULES, tau: float = 0.8,
              uniform: Callable[[], float] | None = None) -> Song:  # fmt: skip
        """A song to a tune, character by character.

        Args:
            beginning: the first characters; stops in it are left out, the tune's own are set.
            rules: of RULES those that are kept; the form always is.
            tau: temperature; 0: the most probable character.
            uniform: gives numbers in [0, 1), one for each chosen character; None for tau 0.

        Raises KeyError and ValueError as :meth:`checked`; ValueError for other rules, a negative
        tau, and a tau above 0 without ``uniform``.
        """
        text = self.checked(tune, beginning)
        if set(rules) - set(RULES):
            raise ValueError(f"rules is {list(rules)!r}; expected some of {RULES}")
        if not tau >= 0 or (tau and uniform is None):
            raise ValueError(f"tau is {tau}; expected 0, or above it, with a function uniform")
        return _Singing(self, tune, text, rules, tau, uniform).song()

    def allowed(self, wanted: set[str], turned: bool, words: Sequence[str]) -> Array:
        """Which characters may end a rhyming line, (V,) of bool.

        Args:
            wanted: rhymes, in the tone of the group's first word.
            turned: whether the line's tone is the other one.
            words: rhyme words of the group that stand already.

        Where nothing is left, any character may.
        """
        fits = [bool(self.rhymes(sign, turned) & wanted) and sign not in words
                for sign in self.tokens]  # fmt: skip
        fits += [False] * len(self.forms)
        return poet.unless_empty(self._signs, np.array(fits))

    def begun(self, form: Form, group: int) -> set[str]:
        """Rhymes by which a group may begin: those that have poet.ENOUGH characters, in both
        tones if the group turns."""
        turns = bool(form.turned & set(form.groups[group]))
        return {name for name in self._common
                if not turns or name.translate(FLIP) in self._common}  # fmt: skip


class _Singing:
    """A song in the making."""

    def __init__(self, songs: Songs, tune: str, given: str, rules: Sequence[str], tau: float,
                 uniform: Callable[[], float] | None) -> None:  # fmt: skip
        self.songs, self.tune, self.given, self.rules = songs, tune, given, rules
        self.tau, self.uniform, self.form = tau, uniform, songs.forms[tune]
        self.rhyme: list[set[str] | None] = [None for _ in self.form.groups]
        self.words: list[list[str]] = [[] for _ in self.form.groups]
        self.reading = songs.begin(tune)
        self.cost = self.log_prob = 0.0

    def song(self) -> Song:
        lines, left = [], list(self.given)
        for n, (length, stop) in enumerate(zip(self.form.lengths, self.form.stops, strict=True)):
            lines.append("")
            for t in range(length):
                sign = left.pop(0) if left else self.choose(n, t == length - 1)
                lines[n] += sign
                self.reading.read(sign)
            self.end(n, lines[n][-1])
            for sign in stop:
                self.force(sign, sum(map(len, lines)) >= len(self.given))
                self.reading.read(sign)
        self.force(self.songs.net.end or "\n", True)
        ends = np.cumsum(self.form.lengths)
        verdict = self.songs.judge(self.tune, lines, int((ends <= len(self.given)).sum()))
        return Song(self.tune, lines, self.form.stops, verdict, self.cost, self.log_prob)

    def logs(self) -> Array:
        return self.reading.scores - np.logaddexp.reduce(self.reading.scores)

    def force(self, sign: str, counts: bool) -> None:
        """A stop, or the end: the only one that may stand there."""
        log = float(self.logs()[self.songs.tokens.index(sign)]) if counts else 0.0
        self.cost -= log
        self.log_prob += log

    def end(self, n: int, word: str) -> None:
        """A rhyme word narrows the rhyme of its group, unless it breaks it."""
        k = self.form.group(n)
        if k is None:
            return
        self.words[k].append(word)
        found, before = self.songs.rhymes(word, n in self.form.turned), self.rhyme[k]
        self.rhyme[k] = (found if before is None else found & before) or before

    def kept(self, n: int, last: bool) -> Array:
        k = self.form.group(n)
        if not last or k is None or "rhyme" not in self.rules:
            return self.songs._signs
        rhyme = self.rhyme[k]
        wanted = self.songs.begun(self.form, k) if rhyme is None else rhyme
        return self.songs.allowed(wanted, n in self.form.turned, self.words[k])

    def choose(self, n: int, last: bool) -> str:
        kept, logs = self.kept(n, last), self.logs()
        self.cost -= float(np.logaddexp.reduce(logs[kept]))
        masked = np.where(kept, self.reading.scores, -np.inf)
        number = poet.drawn(masked, self.tau, self.uniform)
        self.log_prob += float(logs[number])
        return self.songs.tokens[number]


def load(name: str) -> Songs:
    """A recorded network. Raises KeyError for an unknown name."""
    return Songs(data.recorded(f"live_{name}")["network"])


def size(network: dict[str, Any]) -> int:
    """Bytes that the page loads, see :func:`rnncourse.widgets.weights.size`."""
    bits = network["index"]["bits"]
    return weights.size(network) - len(bits) + len(base64.b64decode(bits))


def shown(name: str, seed: int) -> tuple[dict[str, str], tuple[str, str]]:
    """What :func:`rnncourse.widgets.poet.show` adds: attributes for the page's script, and a
    song to the first tune. Raises KeyError for an unknown name."""
    network = data.recorded(f"live_{name}")["network"]
    songs = Songs(network)
    first = next(iter(songs.forms))
    place = {
        "songs": name,
        "songkilobytes": str(round(size(network) / 1000)),
        "tunes": json.dumps([*songs.forms], ensure_ascii=False),
    }
    return place, (first, str(songs.write(first, uniform=np.random.default_rng(seed).random)))
