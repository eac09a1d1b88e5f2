"""Letters to a newspaper, put together from phrases of ``letters.yml``. Nobody wrote them.

The two generators stand in :mod:`rnncourse.data`, under the same names.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse._types import Array
from rnncourse.data.corpora import phrases
from rnncourse.data.corpora.phrases import LANGUAGES, Pair


class Desk(NamedTuple):
    """A desk of the newspaper: what its letters are about, and what they say of it."""

    name: Pair
    things: tuple[Pair, ...]
    sentences: tuple[Pair, ...]


class Opinions(NamedTuple):
    """What letters of praise and complaint are made of."""

    opening: Pair
    affirming: Pair
    denying: Pair
    events: tuple[Pair, ...]
    praise: tuple[Pair, ...]
    blame: tuple[Pair, ...]
    between: tuple[Pair, ...]


class Phrases(NamedTuple):
    """What ``letters.yml`` holds."""

    desks: tuple[Desk, ...]
    anywhere: tuple[Pair, ...]
    opinions: Opinions


@functools.cache
def read(folder: Path = phrases.FOLDER) -> Phrases:
    """The phrases of ``letters.yml``. Raises ValueError where they are not as it says itself."""
    file = phrases.read("letters", folder).named("desks", "anywhere", "opinions")
    desks: list[Desk] = []
    for part in file["desks"].listed(5):
        of = part.named("name", "things", "sentences")
        sizes = (len(desks[0].things), len(desks[0].sentences)) if desks else (None, None)
        desks.append(
            Desk(
                phrases.pair(of["name"]),
                phrases.pairs(of["things"], size=sizes[0]),
                phrases.pairs(of["sentences"], "thing", size=sizes[1]),
            )
        )
    return Phrases(tuple(desks), phrases.pairs(file["anywhere"]), _opinions(file["opinions"]))


def _opinions(part: phrases.Part) -> Opinions:
    of = part.named(*Opinions._fields)
    praise = phrases.pairs(of["praise"])
    return Opinions(
        phrases.pair(of["opening"], "event"),
        phrases.pair(of["affirming"], "between adjective"),
        phrases.pair(of["denying"], "between adjective"),
        phrases.pairs(of["events"]),
        praise,
        phrases.pairs(of["blame"], size=len(praise)),
        phrases.pairs(of["between"]),
    )


@functools.cache
def desks() -> dict[str, tuple[str, ...]]:
    """The names of the five desks in each language, in the order of the labels."""
    return {
        language: tuple(desk.name[way] for desk in read().desks)
        for way, language in enumerate(LANGUAGES)
    }


def made_up_letters(
    rng: np.random.Generator,
    N: int,
    language: str = "en",
    shares: Sequence[float] | None = None,
    strange: float = 0.2,
) -> tuple[list[str], Array]:
    """Letters to the desks of a newspaper: weather, food, sport, music, traffic (``DESKS``).

    Generated, not collected. A letter has 2 to 6 sentences. Half of them speak of its desk's
    matters; of the others a share ``strange`` speaks of another desk's, and the rest of no
    desk's. So no reader, however clever, sorts every letter right.

    Args:
        shares: of the five desks, sum 1; equal unless given.

    Returns N texts and labels (N,), the number of the desk. The same rng makes the same
    letters in both languages. Raises ValueError if N is below 1, ``shares`` are not five
    numbers from 0 on with sum 1, or for another language than "en" and "zh".
    """
    p = np.full(5, 0.2) if shares is None else np.asarray(shares, dtype=float)
    if p.shape != (5,) or min(p) < 0 or abs(p.sum() - 1) > 1e-9:
        raise ValueError(f"shares = {shares}; expected five numbers from 0 on with sum 1")
    way, table = _way(language, N), read()
    sizes = (4, len(table.desks[0].sentences), len(table.desks[0].things))
    labels = rng.choice(5, N, p=p)
    texts = []
    for desk in labels:
        sentences = []
        for _ in range(rng.integers(2, 7)):
            kind, other, which, thing = rng.random(), *rng.integers(0, sizes)
            about = table.desks[desk if kind < 0.5 else (desk + 1 + other) % 5]
            if kind < 0.5 + 0.5 * strange:
                subject = about.things[thing][way]
                sentences.append(about.sentences[which][way].format(thing=subject))
            else:
                number = (sizes[2] * which + thing) % len(table.anywhere)
                sentences.append(table.anywhere[number][way])
        texts.append(phrases.join(sentences, way))
    return texts, labels


def made_up_opinions(
    rng: np.random.Generator, N: int, language: str = "en"
) -> tuple[list[str], Array]:
    """Letters that praise or complain: "It was not, in my view, bad. … It was good."

    Generated. Each letter denies one adjective and affirms the opposite one, in either order.
    Letters 2k and 2k + 1 are alike but for their two adjectives, which have changed places:
    the two hold the same words equally often, one praises and one complains. Four times of
    five, several words stand between "not" and its adjective.

    Returns N texts and labels (N,): 1 where the letter praises. The same rng makes the same
    letters in both languages. Raises ValueError if N is not even and at least 2, or for
    another language than "en" and "zh".
    """
    if N % 2:
        raise ValueError(f"N = {N}; it must be even, since letters come in pairs")
    way, (_, anywhere, table) = _way(language, N), read()
    sizes = (len(table.events), len(table.praise), len(table.blame), 2, len(anywhere))
    texts = []
    for _ in range(N // 2):
        event, a, b, first, aside = rng.integers(0, sizes)
        between = rng.integers(0, len(table.between), 2)
        opening = table.opening[way].format(event=table.events[event][way])
        pair = table.praise[a][way], table.blame[b][way]
        for adjectives in (pair, pair[::-1]):
            clauses = [
                form[way].format(between=table.between[k][way], adjective=adjective)
                for form, k, adjective in zip(
                    (table.affirming, table.denying), between, adjectives, strict=True
                )
            ]
            parts = [opening, clauses[first], anywhere[aside][way], clauses[1 - first]]
            texts.append(phrases.join(parts, way))
    return texts, np.tile([1, 0], N // 2)


def _way(language: str, N: int) -> int:
    """0 for English, 1 for Chinese; checks what both generators take."""
    if language not in LANGUAGES or N < 1:
        raise ValueError(f'N = {N}, language = {language!r}; expected at least 1, and "en" or "zh"')
    return LANGUAGES.index(language)
