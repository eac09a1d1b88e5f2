r"""Small talk in English and Chinese, made up from ``corpora/smalltalk.yml``.

An **exchange** has three turns: what B said *before*, what A *asked*, and B's *reply*. Its kind
says which list the right replies stand in. Where A asks a question of an intent ("What did you have
for lunch?") the turn before does not matter; where A asks a follow-up ("Why?") it decides. As in
real conversations some replies fit nearly anywhere: with the probability ``safe`` a reply is one of
eight of these, the first of them most often.

Draws go by numbers alone: the same generator makes the same exchanges in both languages.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse.data.corpora import phrases

PARTS = ("train", "test", "all")
LINKED = 0.35  # share of exchanges with a follow-up


class Exchange(NamedTuple):
    """Three turns, and what is known about the last one."""

    before: str  # what B said
    asked: str  # what A asks then
    reply: str  # what B replies
    kind: str  # an intent ("lunch"), or a topic and a follow-up ("cinema, why")
    safe: bool  # the reply is one of those that fit nearly anywhere


class Kind(NamedTuple):
    """One list of replies and what leads to them."""

    says: tuple[str, ...]  # turns before of which one must stand there; empty: any may
    asks: tuple[str, ...]
    replies: tuple[str, ...]


class Talk(NamedTuple):
    """All phrases of one language."""

    openings: tuple[str, ...]
    safe: tuple[str, ...]
    kinds: Mapping[str, Kind]


class Offer(NamedTuple):
    """Something is for sale; a dialogue of several questions about its price."""

    asked: tuple[str, ...]
    replies: tuple[str, ...]
    price: str


class Judged(NamedTuple):
    """A reply that a person has read, and another reply to the same question."""

    before: str
    asked: str
    reply: str
    reference: str
    fits: bool


def talk(language: str) -> Talk:
    """The phrases in "en" or "zh". Raises ValueError for another language, or a damaged file."""
    return _talk()[_way(language)]


def exchanges(
    rng: np.random.Generator, N: int, language: str = "en", part: str = "all", safe: float = 0.4
) -> list[Exchange]:
    """N exchanges, drawn anew.

    Args:
        rng: the source of chance.
        N: how many.
        language: "en" or "zh".
        part: "train" leaves out the last way of asking in each intent and the last way of saying
            each topic, and "test" draws these alone: there each question or each turn before has
            words in an order that no training exchange has. "all" draws any.
        safe: probability of a safe reply, 0 to 1.

    Raises ValueError for another language or part, a probability outside 0 to 1, a negative N.
    """
    check_counts(0, N=N)
    if part not in PARTS or not 0 <= safe <= 1:
        raise ValueError(f"part = {part!r}, safe = {safe}; expected one of {list(PARTS)}, and a "
                         "probability from 0 to 1")  # fmt: skip
    phrases_of = talk(language)
    linked = [name for name, kind in phrases_of.kinds.items() if kind.says]
    plain = [name for name, kind in phrases_of.kinds.items() if not kind.says]
    found = []
    for _ in range(N):
        names = linked if rng.random() < LINKED else plain
        found.append(_exchange(rng, phrases_of, names[int(rng.integers(len(names)))], part, safe))
    return found


def _exchange(rng: np.random.Generator, of: Talk, name: str, part: str, safe: float) -> Exchange:
    kind = of.kinds[name]
    others = tuple(say for other in of.kinds.values() for say in other.says[:-1])
    if kind.says:
        before, asked = _one(rng, _kept(kind.says, part)), _one(rng, kind.asks)
    else:
        before, asked = _one(rng, others), _one(rng, _kept(kind.asks, part))
        asked = joined(_one(rng, of.openings), asked)
    is_safe = bool(rng.random() < safe)
    weights = 1 / np.arange(1, len(of.safe) + 1)
    general = of.safe[int(rng.choice(len(of.safe), p=weights / weights.sum()))]
    own = _one(rng, kind.replies)
    return Exchange(before, asked, general if is_safe else own, name, is_safe)


def joined(opening: str, question: str) -> str:
    """The question behind its opening: "By the way, " makes its first letter a small one."""
    return opening + question[0].lower() + question[1:] if opening else question


def judge(kind: str, reply: Sequence[str], language: str = "en") -> str:
    """What a reply, given as tokens or as text, is worth to a question of this kind.

    "own": one of the kind's replies; "safe": one that fits nearly anywhere; "other": a reply of
    another kind; "none": no reply of the file, such as halves of two. Letters and digits alone
    are compared, whether capital or small.

    Raises ValueError for a kind or a language that the file has not.
    """
    known = _known(language)
    if kind not in talk(language).kinds:
        raise ValueError(f"kind is {kind!r}; expected one of {sorted(talk(language).kinds)}")
    found = known.get(_bare(reply))
    if found is None:
        return "none"
    return "own" if found == kind else "other" if found else "safe"


def offers(rng: np.random.Generator, N: int, language: str = "en") -> list[Offer]:
    """N dialogues about prices, each with its own seller, thing and price, the questions shuffled.

    No two have the same seller and the same thing. Prices are drawn evenly and depend on neither.

    Raises ValueError for another language, and for more dialogues than sellers times things.
    """
    names, things, prices, asks, replies = _offers()[_way(language)]
    check_counts(0, N=N)
    pairs = len(names) * len(things)
    if pairs < N:
        raise ValueError(f"N = {N}; expected at most {pairs}, one for each seller and thing")
    found = []
    for pair in rng.permutation(pairs)[:N]:
        facts = {"name": names[pair // len(things)], "thing": things[pair % len(things)]}
        price = prices[int(rng.integers(len(prices)))]
        order = rng.permutation(len(asks))
        asked = tuple(asks[k].format(**facts) for k in order)
        replied = tuple(replies[k].format(price=price) for k in order)
        found.append(Offer(asked, replied, price))
    return found


def judged(language: str = "en") -> list[Judged]:
    """The pairs that one of the authors has read. Raises ValueError for another language."""
    way, found = _way(language), []
    turns = Judged._fields[:-1]
    for entry in phrases.read("smalltalk").named(*_NAMES)["judged"].listed():
        parts = entry.named(*Judged._fields)
        before, asked, reply, reference = (phrases.pair(parts[name])[way] for name in turns)
        fits = parts["fits"].text()
        if fits not in ("yes", "no"):
            parts["fits"].fail(repr(fits), "yes or no")
        found.append(Judged(before, asked, reply, reference, fits == "yes"))
    return found


# --- the file --------------------------------------------------------------------------

_NAMES = ("openings", "safe", "intents", "followups", "topics", "offers", "judged")


def _way(language: str) -> int:
    if language not in phrases.LANGUAGES:
        raise ValueError(f"language is {language!r}; expected one of {list(phrases.LANGUAGES)}")
    return phrases.LANGUAGES.index(language)


@cache
def _talk() -> tuple[Talk, ...]:
    file = phrases.read("smalltalk").named(*_NAMES)
    openings, safe = phrases.pairs(file["openings"]), phrases.pairs(file["safe"])
    kinds: dict[str, tuple[tuple[phrases.Pair, ...], ...]] = {}
    for entry in file["intents"].listed():
        intent = entry.named("name", "asks", "replies")
        kinds[intent["name"].text()] = ((), phrases.pairs(intent["asks"], size=5),
                                        phrases.pairs(intent["replies"], size=6))  # fmt: skip
    followups = [part.named("name", "asks") for part in file["followups"].listed()]
    asks = {part["name"].text(): phrases.pairs(part["asks"]) for part in followups}
    for entry in file["topics"].listed():
        topic = entry.named("name", "says", *asks)
        says = phrases.pairs(topic["says"], size=3)
        for name, questions in asks.items():
            replies = phrases.pairs(topic[name], size=2)
            kinds[f"{topic['name'].text()}, {name}"] = (says, questions, replies)
    return tuple(
        Talk(_of(openings, way), _of(safe, way),
             {name: Kind(*(_of(part, way) for part in kind)) for name, kind in kinds.items()})
        for way in range(len(phrases.LANGUAGES)))  # fmt: skip


@cache
def _offers() -> tuple[tuple[tuple[str, ...], ...], ...]:
    must = {"names": "", "things": "", "prices": "", "asks": "name thing", "replies": "price"}
    file = phrases.read("smalltalk").named(*_NAMES)["offers"].named(*must)
    lists = [phrases.pairs(file[name], wanted) for name, wanted in must.items()]
    if len(lists[-1]) != len(lists[-2]):
        found, wanted = (f"{len(part)} entries" for part in lists[:-3:-1])
        file["replies"].fail(found, f"{wanted}, one for each question")
    return tuple(tuple(_of(part, way) for part in lists) for way in range(len(phrases.LANGUAGES)))


@cache
def _known(language: str) -> dict[str, str]:
    """The kind of each bare reply; "" for the safe ones."""
    found: dict[str, str] = {}
    of = talk(language)
    lists = {"": of.safe} | {name: kind.replies for name, kind in of.kinds.items()}
    for name, replies in lists.items():
        for reply in replies:
            bare = _bare(reply)
            if bare in found:
                raise ValueError(f"smalltalk.yml: the reply {reply!r} stands in "
                                 f"{found[bare] or 'safe'!r} and in {name or 'safe'!r}; expected "
                                 "each reply once")  # fmt: skip
            found[bare] = name
    return found


def _bare(reply: Sequence[str]) -> str:
    """Letters and digits alone, in lower case."""
    return "".join(c for c in "".join(reply).lower() if c.isalnum())


def _of(pairs: Sequence[phrases.Pair], way: int) -> tuple[str, ...]:
    return tuple(pair[way] for pair in pairs)


def _kept(ways: tuple[str, ...], part: str) -> tuple[str, ...]:
    return {"train": ways[:-1], "test": ways[-1:], "all": ways}[part]


def _one(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
