"""Files in the form of CoNLL: a token and its tag on each line, an empty line between sentences.

For programs that learn from a reader's own file; see :mod:`rnncourse.data.own`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rnncourse import metrics
from rnncourse.data.fetch import DataError
from rnncourse.data.own import TABLE_ENCODINGS, read_text, say


def tagged(
    path: str | Path, at_least: int = 50, at_most: int = 300
) -> list[tuple[list[str], list[str]]]:
    """Sentences, each its tokens and their tags as BIO; prints how many it found.

    The form is that of CoNLL: a token a line, with its tag as the last word of the line; between
    two sentences an empty line. A line of "#" and more than one word is a comment, and
    -DOCSTART- is left out. Tags may be written in any scheme of :func:`rnncourse.metrics.entities`
    with B, I, E, S and O, or with M for I.

    Raises DataError, naming the line, for a token without a tag, a tag that is none of these and
    a sentence of more than ``at_most`` tokens; where there are fewer than ``at_least`` sentences
    or no entity at all; and as :func:`rnncourse.data.own.read_text`, in UTF-8 or GB18030.
    """
    found: list[tuple[list[str], list[str]]] = []
    kinds = Counter[str]()
    for rows, line in _blocks(read_text(path, TABLE_ENCODINGS)):
        for k, row in enumerate(rows):
            if len(row) < 2:
                raise DataError(f"{path}, line {line + k}: {row[0]!r} has no tag; expected a token "
                                "and its tag, such as B-NAME or O")  # fmt: skip
        if len(rows) > at_most:
            raise DataError(f"{path}, line {line}: a sentence of {len(rows)} tokens; expected at "
                            f"most {at_most}, and an empty line between two")  # fmt: skip
        tags = [re.sub("^M(?=-|$)", "I", row[-1]) for row in rows]
        try:
            entities = metrics.entities(tags)
        except ValueError as error:
            raise DataError(f"{path}, in the sentence of line {line}: {error}") from error
        kinds.update(entity.kind for entity in entities)
        found.append(([row[0] for row in rows], metrics.entity_tags(entities, len(tags))))
    if len(found) < at_least or not kinds:
        raise DataError(
            f"{path} has {len(found)} sentences with {kinds.total()} entities; expected at least "
            f"{at_least} sentences, an empty line between two, and an entity"
        )
    say("{} sentences", len(found))
    say("entities: {}", ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
    return found


def _blocks(text: str) -> Iterable[tuple[list[list[str]], int]]:
    """What stands between empty lines, cut into words; and where each begins in the file."""
    rows: list[list[str]] = []
    first = 1
    for number, line in enumerate([*text.split("\n"), ""], 1):
        row = line.split()
        if row and not (row[0] == "#" and len(row) > 2) and row[0] != "-DOCSTART-":
            rows.append(row)
        elif rows and not row:
            yield rows, first
            rows = []
        if not rows:
            first = number + 1


def look_up(
    sentences: Sequence[Sequence[str]],
    known: Sequence[tuple[list[str], list[str]]],
    scheme: str = "BIO",
) -> list[list[str]]:
    """Tags of each sentence, by looking up the entities of ``known``: tokens with their tags.

    From the left the longest one that fits is taken, as the kind that it most often is.
    scheme: that of the tags, read and written; see :func:`rnncourse.metrics.entity_tags`.
    """
    kinds: dict[tuple[str, ...], Counter[str]] = {}
    for tokens, tags in known:
        for kind, start, end in metrics.entities(tags, scheme):
            kinds.setdefault(tuple(tokens[start:end]), Counter())[kind] += 1
    best = {tokens: counts.most_common(1)[0][0] for tokens, counts in kinds.items()}
    longest, found = max(map(len, best), default=0), []
    for sentence in sentences:
        entities, start = [], 0
        while start < len(sentence):
            ends = range(min(len(sentence), start + longest), start, -1)
            end = next((e for e in ends if tuple(sentence[start:e]) in best), 0)
            if end:
                entities.append(metrics.Entity(best[tuple(sentence[start:end])], start, end))
            start = end or start + 1
        found.append(metrics.entity_tags(entities, len(sentence), scheme))
    return found
