"""Texts that come with the course, in English and Chinese, written for it or put together here.

The files beside this one hold the words, for translators; the modules read them and draw.
``DESKS`` are the names of the newspaper's desks in each language, in the order of the labels of
:func:`made_up_letters`.
"""

from rnncourse.data.corpora.letters import desks, made_up_letters, made_up_opinions
from rnncourse.data.corpora.reviews import made_up_reviews
from rnncourse.data.corpora.texts import course_prose, segmented_sentences, telegraph_office
from rnncourse.data.corpora.verdicts import made_up_verdicts
from rnncourse.data.corpora.world import little_world

__all__ = [
    "DESKS",
    "course_prose",
    "little_world",
    "made_up_letters",
    "made_up_opinions",
    "made_up_reviews",
    "made_up_verdicts",
    "segmented_sentences",
    "telegraph_office",
]

DESKS: dict[str, tuple[str, ...]]


def __getattr__(name: str) -> dict[str, tuple[str, ...]]:
    # Not at import: the names stand in a file that needs PyYAML.
    if name == "DESKS":
        return desks()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
