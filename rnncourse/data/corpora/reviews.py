"""Hotel reviews of a few phrases, which stand in ``reviews.yml``. Nobody wrote them."""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnncourse._types import Array
from rnncourse.data.corpora import phrases
from rnncourse.data.corpora.phrases import LANGUAGES, Pair


class Phrases(NamedTuple):
    """What ``reviews.yml`` holds."""

    verdict: Pair
    subjects: tuple[Pair, ...]
    degrees: tuple[Pair, Pair]  # affirming, denying
    praise: tuple[Pair, ...]
    blame: tuple[Pair, ...]
    asides: tuple[Pair, ...]


@functools.cache
def read(folder: Path = phrases.FOLDER) -> Phrases:
    """The phrases of ``reviews.yml``. Raises ValueError where they are not as it says itself."""
    names = ("verdict", "subjects", "degrees", "praise", "blame", "asides")
    file = phrases.read("reviews", folder).named(*names)
    affirming, denying = file["degrees"].named("affirming", "denying").values()
    praise = phrases.pairs(file["praise"])
    return Phrases(
        phrases.pair(file["verdict"], "subject degree adjective"),
        phrases.pairs(file["subjects"]),
        (phrases.pair(affirming), phrases.pair(denying)),
        praise,
        phrases.pairs(file["blame"], size=len(praise)),
        phrases.pairs(file["asides"]),
    )


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
    if N < 1 or most < 1 or language not in LANGUAGES:
        raise ValueError(f"N = {N}, most = {most}, language = {language!r}; expected at least 1 "
                         'of both, and "en" or "zh"')  # fmt: skip
    table, way = read(), LANGUAGES.index(language)
    adjectives = table.praise + table.blame
    before = np.minimum(rng.geometric(0.5, N) - 1, most)
    aside = rng.integers(0, len(table.asides), (N, most))
    subject, degree, adjective = (
        rng.integers(0, len(part), N) for part in (table.subjects, table.degrees, adjectives)
    )
    texts = []
    for n in range(N):
        sentences = [table.asides[k][way] for k in aside[n, : before[n]]]
        verdict = table.verdict[way].format(
            subject=table.subjects[subject[n]][way],
            degree=table.degrees[degree[n]][way],
            adjective=adjectives[adjective[n]][way],
        )
        texts.append(phrases.join([*sentences, verdict], way))
    return texts, ((adjective < len(table.praise)) ^ (degree == 1)).astype(np.int64)
