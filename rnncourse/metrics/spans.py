"""Scores of spans: words that a segmenter found, entities that tags say."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class SegmentationScores(NamedTuple):
    """Shares from 0 to 1, and the counts that they come from."""

    precision: float  # of the words found, how many are right
    recall: float  # of the right words, how many were found
    f1: float
    oov_recall: float  # recall of words that are not in the known ones; NaN where none
    iv_recall: float  # recall of the known words
    oov_rate: float  # share of right words that are not known


def segmentation_scores(
    gold: Sequence[Sequence[str]], found: Sequence[Sequence[str]], known: Iterable[str] = ()
) -> SegmentationScores:
    """Compare words by their places, over all sentences, as the SIGHAN bakeoff's script does.

    Args:
        gold: the right words of each sentence.
        found: the found words of each sentence.
        known: the training words; out-of-vocabulary words are all others.

    Raises ValueError where the two have another number of sentences, or a sentence's words
    do not join to the same text. Source: Sproat and Emerson (2003).
    """
    if len(gold) != len(found):
        raise ValueError(f"{len(gold)} gold sentences and {len(found)} found ones")
    known, made = set(known), 0
    right: Counter[bool] = Counter()  # of the known words, and of the others
    hits: Counter[bool] = Counter()
    for number, (truth, answer) in enumerate(zip(gold, found, strict=True)):
        if "".join(truth) != "".join(answer):
            raise ValueError(f"sentence {number}: the words join to different texts")
        places = set(_places(answer))
        made += len(places)
        for place, word in zip(_places(truth), (w for w in truth if w), strict=True):
            right[word in known] += 1
            hits[word in known] += place in places
    precision, recall = _ratio(hits.total(), made), _ratio(hits.total(), right.total())
    f1 = _ratio(2 * precision * recall, precision + recall)
    return SegmentationScores(precision, recall, f1, _ratio(hits[False], right[False]),
                              _ratio(hits[True], right[True]),
                              _ratio(right[False], right.total()))  # fmt: skip


def _places(words: Iterable[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for word in words:
        if word:
            yield start, start + len(word)
            start += len(word)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


class Entity(NamedTuple):
    """Steps start..end-1 are one thing of this kind."""

    kind: str  # "_" where the tags name none
    start: int
    end: int


def split_tag(tag: str, letters: Iterable[str]) -> tuple[str, str]:
    """ "B-PER" → ("B", "PER"); "B" → ("B", "_"); "O" → ("O", "_").

    Raises ValueError for what is no such tag, or begins with none of ``letters``.
    """
    prefix, line, kind = tag.partition("-")
    if prefix not in letters or (line and (not kind or prefix == "O")):
        raise ValueError(f"tag {tag!r}: expected one of {sorted(letters)}, with a type as in "
                         "'B-PER' or alone; O alone")  # fmt: skip
    return prefix, kind or "_"


def _rules(text: str) -> frozenset[tuple[str, str, bool]]:
    """Pairs of neighbours: "BI=" is I after B of the same kind, "!" of another, "?" any."""
    every = {"?": "OBIES"}
    return frozenset(
        (a, b, same)
        for rule in text.split()
        for a in every.get(rule[0], rule[0])
        for b in every.get(rule[1], rule[1])
        for same in (True, False)
        if rule[2] != "=!"[same]
    )


# Of each scheme: what begins an entity, what goes on with it, and what may stand at its end and
# after it. So reads seqeval, where it is peculiar too: IOE1 misses an entity whose E comes before
# an O. None is its default, that of CoNLL's script: whatever is not O belongs to an entity.
_SCHEMES = {
    None: ("?B? ?I? ?E? ?S?", "BI= BE= II= IE=", "???"),
    "IOB1": ("OI? II! BI? IB= BB=", "BI= II=", "II! IO? IB? BO? BI! BB="),
    "IOB2": ("?B?", "BI= II=", "???"),
    "IOE1": ("OI? II! EI? EE=", "II= IE=", "II! IO? IE! EI= EE="),
    "IOE2": ("OI? OE? EI? EE? II! IE!", "II= IE=", "E??"),
    "IOBES": ("?B? ?S?", "BI= BE= II= IE=", "S?? E??"),
}
_TABLES = {name: tuple(map(_rules, texts)) for name, texts in _SCHEMES.items()}
# The same under other names, and letters under which they write I, E and S.
_NAMES = {"BIO": "IOB2", "BIOES": "IOBES", "BMES": "IOBES", "BILOU": "IOBES"}
_LETTERS = {"BMES": {"M": "I"}, "BILOU": {"L": "E", "U": "S"}}


def entities(tags: Sequence[str], scheme: str | None = None) -> list[Entity]:
    """The entities that the tags of one sentence say, from left to right.

    Args:
        tags: such as ["B-PER", "I-PER", "O"]; without a type, ["B", "E", "S"], the kind is "_".
        scheme: None reads as leniently as CoNLL's script: an I without a B begins an entity.
            Strictly, "IOB1", "IOB2" or "BIO", "IOE1", "IOE2", "IOBES" or "BIOES", "BMES" or
            "BILOU": a fragment is none.

    Equal to seqeval's. Raises ValueError for an unknown scheme, or a tag that it does not have.
    Source: Tjong Kim Sang and Buchholz (2000); seqeval 1.2.2.
    """
    own, name = _LETTERS.get(scheme or "", {}), _NAMES.get(scheme or "", scheme)
    if name not in _TABLES:
        names = sorted({*filter(None, _TABLES), *_NAMES})
        raise ValueError(f"unknown scheme {scheme!r}; expected None or one of {names}")
    letters = set("OBIES" if scheme is None else scheme.rstrip("12") + "O")
    read = [split_tag(tag, letters) for tag in tags]
    read = [(own.get(prefix, prefix), kind) for prefix, kind in read] + [("O", "_")]

    def between(rules: frozenset[tuple[str, str, bool]], t: int) -> bool:
        (a, before), (b, now) = read[t - 1], read[t]  # before the first stands the last, an O
        return (a, b, before == now) in rules

    begins, goes_on, ends = _TABLES[name]
    found, t = [], 0
    while t < len(tags):
        start, t = t, t + 1
        if between(begins, start):
            while between(goes_on, t):
                t += 1
            if between(ends, t):
                found.append(Entity(read[start][1], start, t))
    return found


def entity_tags(found: Iterable[Entity], T: int, scheme: str = "BIO") -> list[str]:
    """Tags of T steps that say these entities: the inverse of :func:`entities`.

    Args:
        found: entities of which none shares a step with another.
        T: number of steps.
        scheme: "BIO", "BIOES" or "BMES".

    Raises ValueError for another scheme, and for an entity without a step of its own in 0..T-1.
    """
    if scheme not in ("BIO", "BIOES", "BMES"):
        raise ValueError(f"unknown scheme {scheme!r}; expected 'BIO', 'BIOES' or 'BMES'")
    tags = ["O"] * T
    for kind, start, end in found:
        if not 0 <= start < end <= T or set(tags[start:end]) != {"O"}:
            raise ValueError(f"entity {kind!r}, {start} to {end}: expected 0 <= start < end <= {T} "
                             "and steps of no other entity")  # fmt: skip
        inside = scheme[1] * (end - start - 1)
        letters = "B" + inside if scheme == "BIO" else "B" + inside[:-1] + "E" if inside else "S"
        tags[start:end] = [letter if kind == "_" else f"{letter}-{kind}" for letter in letters]
    return tags


class EntityScores(NamedTuple):
    """Shares from 0 to 1, of all entities or of one kind."""

    precision: float  # of the entities found, how many are right
    recall: float  # of the right entities, how many were found
    f1: float
    support: int  # how many right entities there are


def entity_scores(
    gold: Sequence[Sequence[str]], found: Sequence[Sequence[str]], scheme: str | None = None
) -> dict[str, EntityScores]:
    """Scores of whole entities: one counts if start, end and kind are right.

    Args:
        gold: the right tags of each sentence.
        found: the found ones.
        scheme: as for :func:`entities`.

    Returns the scores of each kind by name, and of all together (micro) as "all". Where nothing
    is divided by nothing the score is 0, seqeval's default without its warning.
    Raises ValueError where the two differ in sentences or their lengths, and as :func:`entities`.
    """
    lengths = [[len(tags) for tags in side] for side in (gold, found)]
    if lengths[0] != lengths[1]:
        sizes = [f"{len(side)} sentences of {sum(side)} tags" for side in lengths]
        raise ValueError(f"gold has {sizes[0]}, found {sizes[1]}; expected the same lengths")
    right, made, hits = Counter[str](), Counter[str](), Counter[str]()
    for truth, answer in zip(gold, found, strict=True):
        true, said = set(entities(truth, scheme)), set(entities(answer, scheme))
        for counts, those in ((right, true), (made, said), (hits, true & said)):
            counts.update(entity.kind for entity in those)
    scores = {"all": _entity_scores(hits.total(), made.total(), right.total())}
    kinds = sorted(right.keys() | made.keys())
    return scores | {kind: _entity_scores(hits[kind], made[kind], right[kind]) for kind in kinds}


def _entity_scores(hits: int, made: int, right: int) -> EntityScores:
    both = made + right
    return EntityScores(hits / max(made, 1), hits / max(right, 1), 2 * hits / max(both, 1), right)
