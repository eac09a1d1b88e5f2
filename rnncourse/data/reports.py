"""Short reports with their titles, in English and Chinese, put together from ``reports.yml``.

Nobody wrote them, and none of the towns and people exists. One sentence of each report says what
the title says; the others name further people, places and numbers.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse.data.corpora import phrases
from rnncourse.data.corpora.phrases import LANGUAGES, Pair

KINDS = ("match", "storm", "opening", "election", "concert", "race")
TOWNS, PEOPLE = ("place", "other"), ("person", "second", "third", "rival")
_FREE = "place other person second third rival number more score last day thing"
FIRST = 0.7  # how often the key sentence comes first


class Report(NamedTuple):
    """One report."""

    sentences: list[list[str]]  # its words, punctuation too
    title: list[str]  # words
    key: int  # which sentence the title speaks of
    kept: list[int]  # a 1 for each word of that sentence that a compression keeps, else 0
    names: frozenset[str]  # towns, people, numbers and results in the title

    @property
    def words(self) -> list[str]:
        """All words, one sentence after the other."""
        return [word for sentence in self.sentences for word in sentence]

    @property
    def labels(self) -> list[int]:
        """A 1 for each of ``words`` that a compression keeps, else 0."""
        rows = [[0] * len(sentence) for sentence in self.sentences]
        rows[self.key] = self.kept
        return [label for row in rows for label in row]


class Kind(NamedTuple):
    """Frames of one kind of report."""

    title: Pair
    key: tuple[Pair, ...]
    details: tuple[Pair, ...]


class Prizes(NamedTuple):
    """Frames of a report of prizes."""

    first: Pair
    title: Pair
    between: Pair
    won: tuple[Pair, ...]
    other: tuple[Pair, ...]


class Phrases(NamedTuple):
    """What ``reports.yml`` holds; of towns and people the stems and the ends."""

    towns: tuple[tuple[Pair, ...], tuple[Pair, ...]]
    people: tuple[tuple[Pair, ...], tuple[Pair, ...]]
    days: tuple[Pair, ...]
    things: tuple[Pair, ...]
    kinds: dict[str, Kind]
    prizes: Prizes


@functools.cache
def read(folder: Path = phrases.FOLDER) -> Phrases:
    """The phrases of ``reports.yml``. Raises ValueError where they are not as it says itself."""
    file = phrases.read("reports", folder).named(*Phrases._fields)
    return Phrases(
        _names(file["towns"]),
        _names(file["people"]),
        phrases.pairs(file["days"]),
        phrases.pairs(file["things"]),
        {name: _kind(part) for name, part in file["kinds"].named(*KINDS).items()},
        _prizes(file["prizes"]),
    )


def _names(part: phrases.Part) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    stems, ends = (phrases.pairs(some) for some in part.named("stems", "ends").values())
    return stems, ends


def _kind(part: phrases.Part) -> Kind:
    file = part.named(*Kind._fields)
    title = phrases.pair(file["title"], may=_FREE)
    key = phrases.pairs(file["key"], may=_FREE)
    for entry, frames in zip(file["key"].listed(), key, strict=True):
        for way, frame in enumerate(frames):
            kept = {word for word in frame.split() if not word.startswith("~")}
            missing = [w for w in title[way].split() if "{" in w and w not in kept]
            if missing:
                entry.fail(frame, f"{', '.join(missing)} of the title, without ~")
    return Kind(title, key, phrases.pairs(file["details"], may=_FREE))


def _prizes(part: phrases.Part) -> Prizes:
    file = part.named(*Prizes._fields)
    first, title = (phrases.pair(file[name], "place") for name in ("first", "title"))
    won, other = (phrases.pairs(file[name], "person") for name in ("won", "other"))
    return Prizes(first, title, phrases.pair(file["between"]), won, other)


def made_up_reports(
    rng: np.random.Generator, N: int, language: str = "en", details: int = 2, new: float = 0.0
) -> list[Report]:
    """N reports of towns: a match, a storm, an opening, an election, a concert, a race.

    The sentence that the title speaks of comes first in seven of ten reports, and in the others
    anywhere else. Towns and people are of two sorts, known and new, and no name is both: ask for
    known ones alone to train, for new ones to see what becomes of a name that nobody has met. Of
    the known ones some are frequent and most are rare. Numbers are anything from 12 to 989.

    Args:
        details: how many further sentences each report has, 1 to 5.
        new: share of new towns and people, from 0 to 1.

    The same rng makes the same reports in both languages. Raises ValueError if N is below 1,
    language not "en" or "zh", or details or new out of range.
    """
    check_counts(N=N, details=details)
    if language not in LANGUAGES or details > 5 or not 0 <= new <= 1:
        raise ValueError(f"language = {language!r}, details = {details}, new = {new}; expected one "
                         f"of {list(LANGUAGES)}, 1 to 5, and 0 to 1")  # fmt: skip
    return [_report(rng, LANGUAGES.index(language), details, new) for _ in range(N)]


def _report(rng: np.random.Generator, way: int, details: int, new: float) -> Report:
    table = read()
    kind = table.kinds[KINDS[rng.integers(len(KINDS))]]
    slots = _slots(rng, way, new)
    key = kind.key[rng.integers(len(kind.key))][way].split()
    others = rng.permutation(len(kind.details))[:details]
    sentences = [_filled(kind.details[k][way].split(), slots) for k in others]
    place = 0 if rng.random() < FIRST else int(rng.integers(1, details + 1))
    sentences.insert(place, _filled([word.removeprefix("~") for word in key], slots))
    title = kind.title[way].split()
    named = {slots[word[1:-1]] for word in title if word.startswith("{")}
    return Report(
        sentences,
        _filled(title, slots),
        place,
        [int(not word.startswith("~")) for word in key],
        frozenset(named - {pair[way] for pair in table.things}),
    )


def made_up_prizes(
    rng: np.random.Generator,
    N: int,
    language: str = "en",
    winners: tuple[int, int] = (2, 5),
    new: float = 0.0,
) -> list[Report]:
    """N reports of who got a prize in a town, a sentence for each; the title lists the names.

    Two people more are named who got none. The title has the names in the report's order, so a
    writer must know whom it has listed already. ``key`` is the sentence that names the town.

    Args:
        winners: the least and the greatest number of names in a title.
        new: share of new towns and people, as for :func:`made_up_reports`.

    Raises ValueError if N is below 1, winners are no two rising numbers from 1 to 20, language is
    not "en" or "zh", or new out of range.
    """
    least, most = winners
    check_counts(N=N, winners=least)
    if language not in LANGUAGES or not least <= most <= 20 or not 0 <= new <= 1:
        raise ValueError(f"language = {language!r}, winners = {winners}, new = {new}; expected one "
                         f"of {list(LANGUAGES)}, two rising numbers up to 20, 0 to 1")  # fmt: skip
    way = LANGUAGES.index(language)
    return [_prize_report(rng, way, int(rng.integers(least, most + 1)), new) for _ in range(N)]


def _prize_report(rng: np.random.Generator, way: int, count: int, new: float) -> Report:
    table = read().prizes
    place = _drawn(rng, read().towns, 1, way, new)[0]
    names = _drawn(rng, read().people, count + 2, way, new)
    winners = sorted(rng.permutation(count + 2)[:count].tolist())
    sentences = [table.first[way].format(place=place).split()]
    title = table.title[way].format(place=place).split()
    for k, name in enumerate(names):
        frames = table.won if k in winners else table.other
        sentences.append(frames[rng.integers(len(frames))][way].format(person=name).split())
    for k in winners:
        title += [names[k], table.between[way]]
    listed = frozenset([place, *(names[k] for k in winners)])
    return Report(sentences, title[:-1], 0, [1] * len(sentences[0]), listed)


def _slots(rng: np.random.Generator, way: int, new: float) -> dict[str, str]:
    """What each placeholder stands for."""
    table = read()
    slots = dict(zip(TOWNS, _drawn(rng, table.towns, len(TOWNS), way, new), strict=True))
    slots |= dict(zip(PEOPLE, _drawn(rng, table.people, len(PEOPLE), way, new), strict=True))
    slots |= zip(("number", "more"), map(str, rng.choice(978, 2, replace=False) + 12), strict=True)
    scores = rng.choice(36, 2, replace=False)
    slots |= zip(("score", "last"), (f"{k // 6 + k % 6 + 1}-{k % 6}" for k in scores), strict=True)
    for name, some in (("day", table.days), ("thing", table.things)):
        slots[name] = some[rng.integers(len(some))][way]
    return slots


def _drawn(
    rng: np.random.Generator,
    parts: tuple[tuple[Pair, ...], tuple[Pair, ...]],
    count: int,
    way: int,
    new: float,
) -> list[str]:
    """Different names: a new one has a number that 3 divides; some known ones are frequent."""
    stems, ends = parts
    found: list[int] = []
    while len(found) < count:
        if rng.random() < new:
            k = 3 * int(rng.integers(len(stems) * len(ends) // 3))
        else:
            # The fourth power of a uniform number: the first tenth of the names has half the draws.
            k = 3 * int(rng.random() ** 4 * (len(stems) * len(ends) // 3)) + int(rng.integers(1, 3))
        if k not in found:
            found.append(k)
    pairs = [(stems[k % len(stems)], ends[k // len(stems)]) for k in found]
    return [stem[way] + end[way] for stem, end in pairs]


def _filled(frame: Sequence[str], slots: dict[str, str]) -> list[str]:
    return [word.format(**slots) for word in frame]
