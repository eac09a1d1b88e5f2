"""A network that writes Chinese quatrains under rules: a mask over the next character.

The network is the one that writes in the chapter on language models, which knows no rules but
those it has picked up. Here the place of each stop is given, and at each place the characters
that would break a rule get probability 0: the tone that the pattern asks for, the rhyme, no
character twice. The published book runs it in the browser (``book/_static/poet.js`` with
``net.js``); a notebook prints poems. Both read ``benchmarks/real/live_poems.py``'s record.

Tones and rhymes are those of the old rhyme books. A character with two readings is *either*: it
fits where one of them does. Patterns are those of :mod:`rnncourse.nlp.prosody`.
"""

import base64
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncourse import data
from rnncourse._types import Array
from rnncourse.nlp.prosody import PATTERNS, SIZES, marks
from rnncourse.widgets import _html, weights, writer

LINES, STOPS = 4, "，。，。"
LEVEL, OBLIQUE, EITHER = "平", "仄", "中"
RULES = ("tones", "rhyme", "repeats")
ENOUGH = 12  # characters that a rhyme must have, where the network chooses it
RUN = 4  # characters of a piece that the index knows
PRIME, MASK = 16777619, 0xFFFFFFFF  # of the hash FNV-1a


class Order(NamedTuple):
    """What is asked for."""

    size: int = 5  # characters of a line
    first: str = ""  # line
    heads: str = ""  # what the lines begin with, of the first lines if there are fewer than four
    pattern: str = ""  # of PATTERNS; empty: the one that what is given breaks least, and where
    # tones are free the one that the poem breaks least, of those with the same rhyming lines


class Verdict(NamedTuple):
    """A poem under the rules."""

    breaks: list[tuple[int, int]]  # line and place of each wrong tone
    rhyme: list[str]  # rhymes that all rhyming lines have in common
    doubled: bool  # one rhyme word stands twice
    repeated: list[str]  # characters that stand more than once
    run: int  # longest run in one line that may be copied, 0 where it is below RUN

    @property
    def lawful(self) -> bool:
        """Whether tones and rhyme are right; a repeated character is no fault in itself."""
        return not self.breaks and bool(self.rhyme) and not self.doubled


class Poem(NamedTuple):
    """What was written."""

    lines: list[str]
    pattern: str
    verdict: Verdict
    cost: float  # nats: minus log of what was allowed, over all characters that were chosen
    log_prob: float  # of the chosen characters in the network without rules

    def __str__(self) -> str:
        return "".join(line + stop for line, stop in zip(self.lines, STOPS, strict=True))


# --- pieces of training lines ---------------------------------------------------------------


def hashes(piece: str, count: int, bits: int) -> list[int]:
    """Places of a piece in a Bloom filter, by two FNV-1a hashes of its characters."""
    one, two = 2166136261, 84696351
    for sign in piece:
        one = ((one ^ ord(sign)) * PRIME) & MASK
        two = ((two ^ ord(sign)) * PRIME) & MASK
    return [((one + k * (two | 1)) & MASK) % bits for k in range(count)]


def index_of(lines: Sequence[str], count: int = 5, bits_each: int = 8) -> dict[str, Any]:
    """A Bloom filter of all pieces of RUN characters: it never misses one, and takes few others
    for one (about 2 % with eight bits each). Source: Bloom (1970)."""
    found = {line[k : k + RUN] for line in lines for k in range(len(line) - RUN + 1)}
    bits = 8 * max(1, -(-len(found) * bits_each // 8))
    filled = np.zeros(bits, np.uint8)
    for piece in found:
        filled[hashes(piece, count, bits)] = 1
    return {"hashes": count, "bits": base64.b64encode(np.packbits(filled).tobytes()).decode()}


class Index:
    """Which pieces of RUN characters stand in a training line."""

    def __init__(self, record: dict[str, Any]) -> None:
        """Args: record: what :func:`index_of` returned."""
        self._count = record["hashes"]
        self._bits = np.unpackbits(np.frombuffer(base64.b64decode(record["bits"]), np.uint8))

    def run(self, line: str) -> int:
        """Length of the longest run whose pieces are all known: no copied run is longer."""
        best = now = 0
        for k in range(len(line) - RUN + 1):
            known = self._bits[hashes(line[k : k + RUN], self._count, len(self._bits))].all()
            now = now + 1 if known else 0
            best = max(best, now)
        return best + RUN - 1 if best else 0


# --- the poet ---------------------------------------------------------------------------------


class Poet:
    """The network with the sounds of characters."""

    def __init__(self, network: dict[str, Any], base: dict[str, Any]) -> None:
        """Args: network: of the record live_poems; base: of the network that writes."""
        self.net = writer.Writer(base)
        self.known = {sign: k for k, sign in enumerate(base["tokens"])}
        self.index = Index(network["index"])
        pairs = network["forms"]
        self.forms = dict(zip(pairs[::2], pairs[1::2], strict=True))
        self._rhymes: dict[str, set[str]] = {}
        for name, signs in network["rhymes"].items():
            for sign in signs:
                self._rhymes.setdefault(sign, set()).add(name)
        self._oblique = set(network["oblique"])
        self._signs = np.array([han(sign) for sign in base["tokens"]])
        tones = [self.tones(sign) for sign in base["tokens"]]
        self._fits = {mark: np.array([mark in some for some in tones]) for mark in (LEVEL, OBLIQUE)}
        counted = Counter(name for s in base["tokens"] for name in self.groups(s))
        self._common = {name for name, number in counted.items() if number >= ENOUGH}

    def groups(self, sign: str) -> set[str]:
        """The level rhymes of a character, which may be in another form; empty without one."""
        return self._rhymes.get(self.forms.get(sign, sign), set())

    def tones(self, sign: str) -> str:
        """Level, oblique, both for a character with two readings, "" for an unknown one."""
        plain = self.forms.get(sign, sign)
        return LEVEL * (plain in self._rhymes) + OBLIQUE * (plain in self._oblique)

    def simplified(self, text: str) -> str:
        """With simplified characters where the table knows them."""
        return "".join(self.forms.get(sign, sign) for sign in text)

    def breaks(self, lines: Sequence[str], pattern: str, size: int) -> list[tuple[int, int]]:
        """Line and place of each tone that the pattern does not ask for; the unknown fit."""
        found = []
        for n, (line, asked) in enumerate(zip(lines, marks(pattern, size), strict=False)):
            tones = [self.tones(sign) for sign in line]
            found += [(n, t) for t, (own, mark) in enumerate(zip(tones, asked, strict=False))
                      if own and mark not in (EITHER, *own)]  # fmt: skip
        return found

    def pattern(self, lines: Sequence[str], size: int, among: Sequence[str] = PATTERNS) -> str:
        """The pattern with the fewest breaks; of several the first with a right end of line 1."""

        def wrong(one: str) -> tuple[int, bool]:
            broken = self.breaks(lines, one, size)
            return len(broken), (0, size - 1) in broken

        return min(among, key=wrong)

    def judge(self, lines: Sequence[str], pattern: str, own: int = 0) -> Verdict:
        """A poem under a pattern; its first ``own`` lines are not the network's."""
        words = [line[-1] for line, kind in zip(lines, pattern, strict=True) if kind.isupper()]
        common = set.intersection(*(self.groups(word) for word in words))
        counted = Counter("".join(lines))
        return Verdict(
            self.breaks(lines, pattern, len(lines[0])),
            sorted(common),
            len(set(words)) < len(words),
            [sign for sign, number in counted.items() if number > 1],
            max((self.index.run(line) for line in lines[own:]), default=0),
        )

    def write(self, order: Order, rules: Sequence[str] = RULES, tau: float = 0.8,
              uniform: Callable[[], float] | None = None) -> Poem:  # fmt: skip
        """A quatrain as ordered, character by character.

        A rule that leaves no character at a place is dropped there (first ``repeats``, then
        ``rhyme``); the verdict counts what that broke.

        Args:
            rules: of RULES those that are kept. tau: temperature; 0: the most probable character.
            uniform: gives numbers in [0, 1), one for each chosen character; None for tau 0.

        Raises ValueError as :meth:`checked`, for other rules, a negative tau, and a tau above 0
        without ``uniform``.
        """
        free = not order.pattern and "tones" not in rules
        order = self.checked(order)
        if set(rules) - set(RULES):
            raise ValueError(f"rules is {list(rules)!r}; expected some of {RULES}")
        if not tau >= 0 or (tau and uniform is None):
            raise ValueError(f"tau is {tau}; expected 0, or above it, with a function uniform")
        return _Writing(self, order, rules, tau, uniform).poem(free)

    def checked(self, order: Order) -> Order:
        """An order with simplified characters, a pattern, and the size of its first line.

        Raises ValueError for a size, a pattern, a length of the first line or characters that
        are not possible, and for a first line together with heads.
        """
        first, heads = (self.simplified(unicodedata.normalize("NFC", text).strip())
                        for text in (order.first, order.heads))  # fmt: skip
        for name, text in (("first", first), ("heads", heads)):
            if strange := [sign for sign in text if not han(sign)]:
                raise ValueError(f"{name} has {strange}; expected Chinese characters only")
        if first and heads:
            raise ValueError("first and heads are both given; expected one of them")
        if first and len(first) not in SIZES:
            raise ValueError(f"first has {len(first)} characters; expected 5 or 7")
        size = len(first) or order.size
        heads = heads[:LINES]
        given = [first] if first else list(heads)
        pattern = order.pattern or self.pattern(given, size)
        marks(pattern, size)
        return Order(size, first, heads, pattern)

    def allowed(self, mark: str, rhyming: bool, rhyme: set[str] | None, words: Sequence[str],
                seen: Sequence[str], rules: Sequence[str]) -> Array:  # fmt: skip
        """Which characters may stand at a place, (V,) of bool.

        Args:
            mark: the tone that is asked for; rhyming: whether the place is that of a rhyme word.
            rhyme: of the words so far; None before the first: any that has ENOUGH characters.
            words, seen: rhyme words and characters that stand in the poem already.
        """
        kept = self._signs
        if "tones" in rules and mark != EITHER:
            kept = kept & self._fits[mark]
        if "rhyme" in rules and rhyming:
            wanted = self._common if rhyme is None else rhyme
            fits = [bool(self.groups(sign) & wanted) and sign not in words
                    for sign in self.known]  # fmt: skip
            kept = unless_empty(kept, np.array(fits))
        if "repeats" in rules:
            kept = unless_empty(kept, np.array([sign not in seen for sign in self.known]))
        return kept


def han(sign: str) -> bool:
    """Whether a sign is a Chinese character."""
    return "\u3400" <= sign <= "\u9fff" or "\U00020000" <= sign <= "\U0003ffff"


def unless_empty(kept: Array, rule: Array) -> Array:
    """Both masks together, or the first alone where that would leave nothing."""
    return kept & rule if (kept & rule).any() else kept


def drawn(masked: Array, tau: float, uniform: Callable[[], float] | None) -> int:
    """A number by its scores (V,), of which -inf is never chosen; without tau the largest."""
    if not tau or uniform is None:
        return int(masked.argmax())
    p = np.exp((masked - masked.max()) / tau)
    place = np.searchsorted(np.cumsum(p / p.sum()), uniform(), "right")
    return int(min(place, np.flatnonzero(p)[-1]))


class _Writing:
    """A poem in the making."""

    def __init__(self, poet: Poet, order: Order, rules: Sequence[str], tau: float,
                 uniform: Callable[[], float] | None) -> None:  # fmt: skip
        self.poet, self.order, self.rules = poet, order, rules
        self.tau, self.uniform = tau, uniform
        self.asked = marks(order.pattern, order.size)
        self.rhyme: set[str] | None = None
        self.words: list[str] = []
        self.lines: list[str] = []
        self.cost = self.log_prob = 0.0
        self.state: Array | None = None
        self.read(poet.net.end or "\n")

    def read(self, sign: str) -> None:
        (number,) = self.poet.net.encode(sign)
        scores, self.state = writer.forward(self.poet.net.params, np.array([[number]]), self.state)
        self.scores = scores[0, 0]

    def poem(self, free: bool) -> Poem:
        for n, stop in enumerate(STOPS):
            self.lines.append("")
            for t in range(self.order.size):
                sign = self.given(n, t) or self.choose(n, t)
                self.lines[n] += sign
                self.read(sign)
            if self.order.pattern[n].isupper():
                self.end(self.lines[n][-1])
            self.read(stop)
        own, pattern = int(bool(self.order.first)), self.order.pattern
        if free:
            same = [one for one in PATTERNS if one[0].isupper() == pattern[0].isupper()]
            pattern = self.poet.pattern(self.lines, self.order.size, same)
        verdict = self.poet.judge(self.lines, pattern, own)
        return Poem(self.lines, pattern, verdict, self.cost, self.log_prob)

    def given(self, n: int, t: int) -> str:
        if n == 0 and self.order.first:
            return self.order.first[t]
        return self.order.heads[n : n + 1] if t == 0 else ""

    def end(self, word: str) -> None:
        """A rhyme word narrows the rhyme, unless it breaks it."""
        self.words.append(word)
        found = self.poet.groups(word)
        both = found if self.rhyme is None else found & self.rhyme
        self.rhyme = both or self.rhyme

    def choose(self, n: int, t: int) -> str:
        rhyming = self.order.pattern[n].isupper() and t == self.order.size - 1
        seen = "".join(self.lines) + self.order.heads[n + 1 :]
        kept = self.poet.allowed(self.asked[n][t], rhyming, self.rhyme, self.words, seen,
                                 self.rules)  # fmt: skip
        logs = self.scores - np.logaddexp.reduce(self.scores)
        self.cost -= float(np.logaddexp.reduce(logs[kept]))
        masked = np.where(kept, self.scores, -np.inf)
        number = drawn(masked, self.tau, self.uniform)
        self.log_prob += float(logs[number])
        return self.poet.net.tokens[number]


# --- the page -----------------------------------------------------------------------------------


def load(name: str) -> Poet:
    """A recorded poet. Raises KeyError for an unknown name."""
    network = data.recorded(f"live_{name}")["network"]
    return Poet(network, data.recorded(f"live_{network['base']}")["network"])


def size(network: dict[str, Any], base: dict[str, Any]) -> int:
    """Bytes that the page loads, see :func:`rnncourse.widgets.weights.size`."""
    bits = network["index"]["bits"]
    return weights.size(network) - len(bits) + len(base64.b64decode(bits)) + weights.size(base)


class Shown:
    """What a notebook shows: poems; and where the page puts the poet."""

    def __init__(self, rows: Sequence[tuple[str, str]], place: dict[str, str]) -> None:
        """Args: rows: what was given, and the poem; place: attributes for the page's script."""
        self.rows, self.place = rows, place

    def __repr__(self) -> str:
        return "\n".join(f"{given}: {poem}" for given, poem in self.rows)

    def _repr_html_(self) -> str:
        return _html.holder("poet", self.place, _html.table(self.rows))


def ordered(example: str) -> Order:
    """A line of five or seven characters is a first line; anything else the lines' heads."""
    return Order(first=example) if len(example) in SIZES else Order(heads=example)


def show(name: str, language: str, examples: Sequence[str], seed: int = 1,
         songs: str | None = None) -> Shown:  # fmt: skip
    """A recorded network writes quatrains: poems in a notebook, in the page with the reader.

    >>> poet.show("poems", "zh", ["明月照江水", "春夏秋冬"], songs="ci")

    Args:
        name: of the record.
        language: of the edition that shows it, "en" or "zh"; the other leaves it out.
        examples: what the reader may take: a first line of 5 or 7 characters, or the characters
            that the lines shall begin with.
        seed: of the poems in the notebook.
        songs: of a record of :mod:`rnncourse.widgets.songci`: the reader may choose a tune too,
            and the notebook prints a song to the first one. None: quatrains only.

    Raises KeyError for an unknown name; ValueError for another language, no examples, and as
    :meth:`Poet.checked`.
    """
    examples = _html.chosen(examples)
    if language not in ("en", "zh"):
        raise ValueError(f'language is {language!r}; expected "en" or "zh"')
    network = data.recorded(f"live_{name}")["network"]
    base = data.recorded(f"live_{network['base']}")["network"]
    model, rng = Poet(network, base), np.random.default_rng(seed)
    rows = [(one, str(model.write(ordered(one), uniform=rng.random))) for one in examples]
    place = {
        "edition": language,
        "net": name,
        "kilobytes": str(round(size(network, base) / 1000)),
        "examples": json.dumps(examples, ensure_ascii=False),
    }
    if songs:
        from rnncourse.widgets import songci  # it needs this module

        more, row = songci.shown(songs, seed)
        rows, place = [*rows, row], place | more
    return Shown(rows, place)
