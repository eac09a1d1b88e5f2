"""Reviews of films and restaurants in which order, negation and contrast decide.

Put together from phrases of ``verdicts.yml``; nobody wrote them. The generator stands in
:mod:`rnncourse.data`, under the same name.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse._types import Array
from rnncourse.data.corpora import phrases
from rnncourse.data.corpora.phrases import LANGUAGES, Pair


class Phrases(NamedTuple):
    """What ``verdicts.yml`` holds."""

    subjects: tuple[tuple[Pair, ...], tuple[Pair, ...]]  # of a film, of a restaurant
    praise: tuple[Pair, ...]
    blame: tuple[Pair, ...]
    before: tuple[Pair, ...]
    behind: tuple[Pair, ...]
    verdict_first: tuple[Pair, ...]
    verdict_second: tuple[Pair, ...]
    neutral: tuple[Pair, ...]
    asides: tuple[Pair, ...]


@functools.cache
def read(folder: Path = phrases.FOLDER) -> Phrases:
    """The phrases of ``verdicts.yml``. Raises ValueError where they are not as it says itself."""
    file = phrases.read("verdicts", folder).named(*Phrases._fields)
    film, restaurant = file["subjects"].named("film", "restaurant").values()
    of_film = phrases.pairs(film)
    praise = phrases.pairs(file["praise"])
    forms = functools.partial(phrases.pairs, must="one first second", may="other")
    first = forms(file["verdict_first"])
    return Phrases(
        (of_film, phrases.pairs(restaurant, size=len(of_film))),
        praise,
        phrases.pairs(file["blame"], size=len(praise)),
        phrases.pairs(file["before"]),
        phrases.pairs(file["behind"]),
        first,
        forms(file["verdict_second"], size=len(first)),
        forms(file["neutral"]),
        phrases.pairs(file["asides"]),
    )


def made_up_verdicts(
    rng: np.random.Generator, N: int, language: str = "en", classes: int = 2
) -> tuple[list[str], Array]:
    """Short reviews of films and restaurants: "The food was good, but the service was poor."

    Generated. Each review praises one thing and blames one, and its form says which of the two
    is the verdict: the clause after "but" (但是), the main clause beside "although" (虽然,
    尽管), what was "in the end" (最后) and not "at first" (起初), what is not denied by "not …
    at all" (一点也不), the reviewer's own word and not that of those who "are wrong" (说错了).
    Reviews 2k and 2k + 1 differ in their two adjectives alone, which have changed places: the
    two hold the same words equally often, one praises and one blames. So a bag of words cannot
    do better than chance. As many forms have the verdict first as last. Up to seven words stand
    before an adjective and up to ten behind it, between it and the words that decide over it. A
    sentence without an opinion may come first, and another last.

    Args:
        classes: 2, or 3 with neutral reviews, in which praise and blame stand side by side
            ("some …, others …"); a third of the pairs, and both of a pair are neutral.

    Returns N texts and labels (N,): 0 blames, 1 praises; with three classes 0 blames, 1 is
    neutral, 2 praises. The same rng makes the same reviews in both languages. Raises
    ValueError if N is odd or below 2, for another language than "en" and "zh", or for
    ``classes`` other than 2 and 3.
    """
    if N < 2 or N % 2:
        raise ValueError(f"N = {N}; it must be even and at least 2, since reviews come in pairs")
    if language not in LANGUAGES or classes not in (2, 3):
        raise ValueError(
            f'language = {language!r}, classes = {classes!r}; expected "en" or "zh", and 2 or 3'
        )
    table, way = read(), LANGUAGES.index(language)
    texts: list[str] = []
    labels: list[int] = []
    for _ in range(N // 2):
        place = 2 if classes == 3 and rng.integers(3) == 0 else int(rng.integers(2))
        adjectives = [some[rng.integers(len(some))][way] for some in (table.praise, table.blame)]
        frame = _frame(rng, place, way)
        before = [table.before[k][way] for k in rng.integers(0, len(table.before), 2)]
        behind = [table.behind[k][way] for k in rng.integers(0, len(table.behind), 2)]
        for praised in (0, 1):  # the place of the praise
            order = (adjectives[praised], adjectives[1 - praised])
            first, second = (before[k] + order[k] + behind[k] for k in (0, 1))
            texts.append(frame.format(first=first, second=second))
            labels.append(_label(praised == place, place == 2, classes))
    return texts, np.array(labels)


def _frame(rng: np.random.Generator, place: int, way: int) -> str:
    """A whole review, but for {first} and {second}; its verdict is at ``place``, or nowhere: 2."""
    table = read()
    forms = (table.verdict_first, table.verdict_second, table.neutral)[place]
    of = table.subjects[rng.integers(2)]
    one, other = (of[k][way] for k in rng.permutation(len(of))[:2])
    form = forms[rng.integers(len(forms))][way].replace("{one}", one).replace("{other}", other)
    aside, another = (table.asides[k][way] for k in rng.permutation(len(table.asides))[:2])
    before, after = rng.integers(0, 2, 2)
    return phrases.join([aside] * before + [form] + [another] * after, way)


def _label(praises: bool, neutral: bool, classes: int) -> int:
    return 1 if neutral else int(praises) * (classes - 1)
