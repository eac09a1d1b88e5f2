"""Everyday sentences in Chinese and English, put together from ``corpora/bilingual.yml``.

Nobody ever said them. The two languages differ in what one meets first: the time and the place
stand before the verb in Chinese, things are counted with a measure word, 把 brings an object
forward, 吗 asks, and what describes a thing stands before it, with 的. English asks for "a" or
"an", plurals, tenses and "does".

Some combinations are left out of the ordinary sentences, so that a test can ask for them: every
fifth pair of an action and a thing, every third full name, every seventh number from 10 to 99.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse.data.corpora import phrases
from rnncourse.data.corpora.phrases import Pair

_TABLES = ("people", "surnames", "given", "actions", "things", "past", "future", "habit", "places",
           "spots", "qualities", "compared", "small", "words")  # fmt: skip
_FRAMES = {
    "tell": "who verb count thing where when",
    "deny": "who verb thing where when",
    "ask": "helps who verb count thing where when",
    "put": "who verb thing spot when",
    "which": "who verb when thing quality",
    "there": "be count thing spot",
    "than": "who be more whom",
}
KINDS = tuple(_FRAMES)
NEW = ("pairs", "names", "numbers")
_DIGITS = "〇一二三四五六七八九"


class Sentence(NamedTuple):
    """A sentence in both languages."""

    zh: tuple[str, ...]  # Chinese words, cut, with the punctuation
    en: str
    kind: str  # one of ``KINDS``; "joined" for two and more
    meaning: str  # the same for all ways of saying it

    @property
    def source(self) -> str:
        """The Chinese sentence as one writes it, without blanks."""
        return "".join(self.zh)


class Phrases(NamedTuple):
    """What ``bilingual.yml`` holds: tables of words, frames by kind, ways of joining."""

    tables: dict[str, tuple[Pair, ...]]
    frames: dict[str, tuple[Pair, ...]]
    joined: tuple[Pair, ...]


@functools.cache
def read(folder: Path = phrases.FOLDER) -> Phrases:
    """The phrases of ``bilingual.yml``. Raises ValueError where they are not as it says itself."""
    file = phrases.read("bilingual", folder).named(*_TABLES, *_FRAMES, "joined")
    return Phrases(
        {name: phrases.pairs(file[name]) for name in _TABLES},
        {name: phrases.pairs(file[name], must) for name, must in _FRAMES.items()},
        phrases.pairs(file["joined"], "first second"),
    )


def sentences(
    rng: np.random.Generator,
    N: int,
    new: str = "",
    kinds: Sequence[str] = KINDS,
    clauses: int = 1,
    ways: int = 1,
) -> list[Sentence]:
    """N different Chinese sentences with their translations.

    Args:
        new: "" for none of the combinations that are left out; else each sentence has one of
            these: "pairs" of action and thing, "names", or "numbers".
        kinds: which kinds of sentence, see ``KINDS``; where ``new`` asks for what a kind
            cannot have, others are drawn.
        clauses: how many sentences are joined to one; questions are left out then.
        ways: 1: each meaning in its usual wording; 2: in one of two, drawn for each language.

    Raises ValueError for counts below 1, ways other than 1 and 2, unknown kinds or ``new``, and
    where so many different sentences are not found.
    """
    check_counts(N=N, clauses=clauses)
    if clauses > 1:
        kinds = [kind for kind in kinds if kind != "ask"]
    if ways not in (1, 2) or new not in ("", *NEW) or not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"new = {new!r}, kinds = {kinds}, ways = {ways}; expected one of "
                         f"{['', *NEW]}, some of {KINDS}, and 1 or 2")  # fmt: skip
    found: dict[tuple[str, ...], Sentence] = {}
    for _ in range(200 * N):
        made = [_Clause(rng, kinds, new if k == 0 else "") for k in range(clauses)]
        if all(clause.asked_for for clause in made):
            sentence = _sentence(made, rng, ways)
            found.setdefault(sentence.zh, sentence)
        if len(found) == N:
            return list(found.values())
    raise ValueError(f"only {len(found)} different sentences were found; expected N = {N}: ask for "
                     "fewer, or for more kinds")  # fmt: skip


def rephrased(sentence: Sentence, way_en: int, way_zh: int) -> Sentence:
    """The same meaning in another wording: 0 the usual one, 1 the other, in each language.

    Raises ValueError for another way, and for sentences that are joined.
    """
    if {way_en, way_zh} - {0, 1} or sentence.kind not in KINDS:
        raise ValueError(f"ways {way_en} and {way_zh} of a {sentence.kind!r}; expected 0 or 1, and "
                         f"one of {KINDS}")  # fmt: skip
    slots = dict(part.split("=", 1) for part in sentence.meaning.split("; ")[1:])
    filled = {name: (en, zh) for name, both in slots.items() for en, zh in [both.split(" / ")]}
    return _finished(sentence.kind, [_filled(sentence.kind, filled, (way_en, way_zh))],
                     [sentence.meaning])  # fmt: skip


@functools.cache
def dictionary() -> dict[str, str]:
    """What a dictionary gives for each Chinese word: one word of English, or a few, or ""."""
    tables = read().tables
    found = {zh: en for en, zh in tables["words"]}
    for name, form in {"people": 0, "actions": 0, "past": 0, "future": 0, "habit": 0,
                       "qualities": 0, "compared": 0, "small": 0}.items():  # fmt: skip
        for en, zh in tables[name]:
            if " " not in zh:
                found.setdefault(zh, en.split(", ")[form])
    for en, zh in tables["things"]:
        measure, thing = zh.split()
        found.setdefault(measure, "")
        found[thing] = en.split(", ")[1]
    for surname, family in tables["surnames"]:
        found |= {family + own: f"{surname} {given}" for given, own in tables["given"]}
    return found | {_chinese(number): str(number) for number in range(10, 100)}


# --- one clause ------------------------------------------------------------------


class _Clause:
    """A kind of sentence and what fills its slots, each in English and in Chinese."""

    def __init__(self, rng: np.random.Generator, kinds: Sequence[str], new: str) -> None:
        self.rng, self.new = rng, new
        self.fresh: set[str] = set()  # which combinations of NEW it has
        self.kind = kinds[int(rng.integers(len(kinds)))]
        self.slots: dict[str, Pair] = getattr(self, f"_{self.kind}")()
        self.asked_for = self.fresh == ({new} if new else set())

    def _pick(self, table: str) -> tuple[int, list[str], str]:
        rows = read().tables[table]
        row = int(self.rng.integers(len(rows)))
        return row, rows[row][0].split(", "), rows[row][1]

    def _person(self) -> tuple[list[str], str]:
        """Subject, object and "be"; and the same in Chinese. Every third one has a name."""
        if self.rng.random() < 0.65:
            _, forms, zh = self._pick("people")
            return forms, zh
        (k, (family,), own), (j, (given,), named) = self._pick("surnames"), self._pick("given")
        if (k + j) % 3 == 0:
            self.fresh.add("names")
        return [f"{family} {given}"] * 2 + ["is"], own + named

    def _time(self, *tenses: str) -> tuple[str, Pair]:
        tense = tenses[self.rng.integers(len(tenses))]
        _, (en,), zh = self._pick(tense)
        return tense, (en, zh)

    def _counted(self, thing: int) -> tuple[Pair, Pair]:
        """How many, and of what; the measure word stands with the thing."""
        one, single, several = read().tables["things"][thing][0].split(", ")
        zh = read().tables["things"][thing][1]
        if self.rng.random() < 0.3:
            number = int(self.rng.integers(10, 100))
            if number % 7 == 3:
                self.fresh.add("numbers")
            return (str(number), _chinese(number)), (several, zh)
        row, (word,), count = self._pick("small")
        return (
            ((one.split()[0], count), (single, zh)) if row == 0 else ((word, count), (several, zh))
        )

    def _deed(self) -> tuple[list[str], str, int]:
        """The forms of an action, the same in Chinese, and the number of a thing."""
        (a, forms, zh), (t, _, _) = self._pick("actions"), self._pick("things")
        if (a + t) % 5 == 0:
            self.fresh.add("pairs")
        return forms, zh, t

    def _where(self) -> Pair:
        if self.rng.random() < 0.4:
            return "", ""
        _, (en,), zh = self._pick("places")
        return en, zh

    def _tell(self) -> dict[str, Pair]:
        (who, zh_who), (tense, when) = self._person(), self._time("past", "future", "habit")
        (base, third, past), verb, t = self._deed()
        count, thing = self._counted(t)
        english = {"past": past, "future": f"will {base}",
                   "habit": third if who[2] == "is" else base}[tense]  # fmt: skip
        chinese = {"past": f"{verb} 了", "future": f"要 {verb}", "habit": verb}[tense]
        return {"who": (who[0], zh_who), "when": when, "where": self._where(),
                "verb": (english, chinese), "count": count, "thing": thing}  # fmt: skip

    def _deny(self) -> dict[str, Pair]:
        (who, zh_who), (tense, when) = self._person(), self._time("past", "future")
        (base, _, _), verb, t = self._deed()
        english, chinese = {"past": ("did not", "没"), "future": ("will not", "不")}[tense]
        several, zh = read().tables["things"][t][0].split(", ")[2], read().tables["things"][t][1]
        return {"who": (who[0], zh_who), "when": when, "where": self._where(),
                "verb": (f"{english} {base}", f"{chinese} {verb}"),
                "thing": (several, zh.split()[1])}  # fmt: skip

    def _ask(self) -> dict[str, Pair]:
        (who, zh_who), (tense, when) = self._person(), self._time("past", "future", "habit")
        (base, _, _), verb, t = self._deed()
        count, thing = self._counted(t)
        does = "does" if who[2] == "is" else "do"
        helps, chinese = {"past": (("did", ""), f"{verb} 了"), "future": (("will", "要"), verb),
                          "habit": ((does, ""), verb)}[tense]  # fmt: skip
        return {"who": (who[0], zh_who), "when": when, "where": self._where(), "helps": helps,
                "verb": (base, chinese), "count": count, "thing": thing}  # fmt: skip

    def _put(self) -> dict[str, Pair]:
        (who, zh_who), (tense, when) = self._person(), self._time("past", "future")
        _, (en_spot,), zh_spot = self._pick("spots")
        _, (_, thing, _), zh = self._pick("things")
        verb = {"past": ("put", ""), "future": ("will put", "要")}[tense]
        after = " 了" if tense == "past" else ""
        return {"who": (who[0], zh_who), "when": when, "verb": verb,
                "thing": (thing, zh.split()[1]), "spot": (en_spot, zh_spot + after)}  # fmt: skip

    def _which(self) -> dict[str, Pair]:
        (who, zh_who), (_, when) = self._person(), self._time("past")
        (_, _, past), verb, t = self._deed()
        _, (quality,), zh_quality = self._pick("qualities")
        en, zh = read().tables["things"][t]
        return {"who": (who[0], zh_who), "when": when, "verb": (past, verb),
                "thing": (en.split(", ")[1], zh), "quality": (quality, zh_quality)}  # fmt: skip

    def _there(self) -> dict[str, Pair]:
        _, (en_spot,), zh_spot = self._pick("spots")
        t, _, _ = self._pick("things")
        count, thing = self._counted(t)
        be = "is" if count[0] in ("a", "an") else "are"
        return {"spot": (en_spot, zh_spot), "be": (be, "有"), "count": count, "thing": thing}

    def _than(self) -> dict[str, Pair]:
        (who, zh_who), (whom, zh_whom) = self._person(), self._person()
        while zh_whom == zh_who:
            whom, zh_whom = self._person()
        _, (more,), zh_more = self._pick("compared")
        return {"who": (who[0], zh_who), "be": (who[2], "比"), "whom": (whom[1], zh_whom),
                "more": (more, zh_more)}  # fmt: skip


def _chinese(number: int) -> str:
    """10 to 99 as Chinese writes them: 二十三 is two tens and three."""
    tens, ones = divmod(number, 10)
    return (_DIGITS[tens] if tens > 1 else "") + "十" + (_DIGITS[ones] if ones else "")


# --- from clauses to a sentence --------------------------------------------------


def _filled(kind: str, slots: dict[str, Pair], ways: tuple[int, int]) -> Pair:
    """The clause in English and in Chinese, blanks between the words."""
    frames = read().frames[kind]
    texts = [
        frames[ways[k]][k].format(**{name: both[k] for name, both in slots.items()})
        for k in range(2)
    ]
    return " ".join(texts[0].split()), " ".join(texts[1].split())


def _sentence(made: list[_Clause], rng: np.random.Generator, ways: int) -> Sentence:
    drawn = [(int(rng.integers(ways)), int(rng.integers(ways))) for _ in made]
    clauses = [_filled(c.kind, c.slots, way) for c, way in zip(made, drawn, strict=True)]
    meanings = [
        "; ".join([c.kind, *(f"{name}={en} / {zh}" for name, (en, zh) in c.slots.items())])
        for c in made
    ]
    joining = read().joined
    while len(clauses) > 1:
        (first, second), way = clauses[:2], joining[rng.integers(len(joining))]
        en, zh = (form.format(first=a, second=b)
                  for form, a, b in zip(way, first, second, strict=True))  # fmt: skip
        clauses[:2] = [(en, zh)]
    return _finished(made[0].kind if len(made) == 1 else "joined", clauses, meanings)


def _finished(kind: str, clauses: list[Pair], meanings: list[str]) -> Sentence:
    """With a capital letter and the sign at the end."""
    en, zh = clauses[0]
    asks = zh.split()[-1] == "吗"
    return Sentence(
        (*zh.split(), "？" if asks else "。"),
        en[0].upper() + en[1:] + ("?" if asks else "."),
        kind,
        " + ".join(meanings),
    )
