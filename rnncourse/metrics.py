"""How good answers are: what scikit-learn lacks, or what a chapter derives.

N examples, K classes. Shares lie between 0 and 1.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_counts, check_gaps, numbers, plain, with_gaps
from rnncourse._types import Array


def check_labels(labels: ArrayLike, N: int | None = None, name: str = "labels") -> Array:
    """Integers (N,) from 0 on, N at least 1. Raises ValueError for anything else."""
    labels = plain(name, labels)
    shape = (N,) if N is not None else labels.shape[:1]
    whole = labels.ndim == 1 and labels.dtype.kind in "iu"
    if not whole or labels.shape != shape or not labels.size or labels.min() < 0:
        raise ValueError(f"{name} have shape {labels.shape} and dtype {labels.dtype}; expected "
                         f"({'N' if N is None else N},) integers from 0 on")  # fmt: skip
    return labels


def confusion(labels: ArrayLike, answers: ArrayLike, K: int | None = None) -> Array:
    """(K, K): row the true class, column the answer, as in scikit-learn.

    labels and answers (N,), integers 0..K-1; K is the largest of them + 1 unless given.
    Raises ValueError where they do not fit each other or K.
    """
    labels = check_labels(labels)
    answers = check_labels(answers, len(labels), "answers")
    found = max(labels.max(), answers.max()) + 1
    K = int(found) if K is None else K
    if found > K:
        raise ValueError(f"class {found - 1} occurs; K = {K} allows 0..{K - 1}")
    return np.bincount(K * labels + answers, minlength=K * K).reshape(K, K)


class ClassScores(NamedTuple):
    """Precision, recall and F1 of each class, all (K,)."""

    precision: Array
    recall: Array
    f1: Array


def class_scores(matrix: ArrayLike) -> ClassScores:
    """Of a confusion matrix (K, K) (eq-documents-precision, eq-documents-f1).

    Where nothing is divided by nothing the score is 0, scikit-learn's default without its
    warning. Raises ValueError for a matrix that is not square or holds no counts.
    """
    matrix = numbers("matrix", matrix)
    if matrix.ndim != 2 or not len(matrix) or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix has shape {matrix.shape}; expected (K, K)")
    if not (np.isfinite(matrix) & (matrix >= 0)).all():
        raise ValueError("matrix holds NaN, infinity or numbers below 0; expected counts")
    right, answered, true = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    return ClassScores(
        _share(right, answered), _share(right, true), _share(2 * right, answered + true)
    )


def _share(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


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


# --- entities: spans that tags say -------------------------------------------------------


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


# --- intervals and forecasts ------------------------------------------------------------------


def coverage(lower: ArrayLike, upper: ArrayLike, targets: ArrayLike) -> float:
    """Share of the targets that lie in [lower, upper]; all of one shape.

    An end may be infinite. Nothing lies in an interval whose lower end is above its upper one.
    Raises ValueError for shapes that differ, no value, or gaps (NaN): a comparison with NaN is
    false, so they would count as missed.
    """
    lower, upper, targets = _intervals(lower, upper, targets)
    return float(((lower <= targets) & (targets <= upper)).mean())


def _intervals(lower: ArrayLike, upper: ArrayLike, targets: ArrayLike) -> tuple[Array, ...]:
    """All three as floats of one shape without gaps."""
    found = [with_gaps(a) for a in (lower, upper, targets)]
    shapes = [a.shape for a in found]
    if len(set(shapes)) > 1 or not found[0].size:
        raise ValueError(f"lower {shapes[0]}, upper {shapes[1]} and targets {shapes[2]}; "
                         "expected one shape, with at least one value")  # fmt: skip
    for what, values in zip(("lower", "upper", "targets"), found, strict=True):
        check_gaps(what, values, "leave those targets out", infinite=True)
    return tuple(found)


def interval_score(lower: ArrayLike, upper: ArrayLike, targets: ArrayLike, share: float) -> float:
    """Width of the intervals, plus a fine for each target outside (eq-timeseries-score).

    A target that lies d outside costs 2 d / (1 - share). On average the score is smallest for
    the true quantiles (1 - share) / 2 and (1 + share) / 2, so neither too wide nor too narrow
    pays. lower, upper, targets of one shape → the mean, in their unit.
    Raises ValueError as :func:`coverage`, and for a share not between 0 and 1.
    Source: Winkler (1972); Gneiting and Raftery (2007).
    """
    lower, upper, targets = _intervals(lower, upper, targets)
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; expected a number between 0 and 1")
    outside = np.maximum(np.maximum(lower - targets, targets - upper), 0)
    return float((upper - lower + 2 * outside / (1 - share)).mean())


def mase(forecasts: ArrayLike, targets: ArrayLike, past: ArrayLike, period: int = 1) -> float:
    """Mean absolute scaled error: below 1 is better than the naive forecast was on the past.

    The mean absolute error divided by that of "as one period ago" on the training part ``past``
    (T,). period: a whole number of steps. Raises ValueError for gaps, shapes that differ, a
    period below 1, or a past in which the naive forecast is never wrong but for rounding, as in
    a constant series: then nothing can be better.
    Source: Hyndman and Koehler (2006).
    """
    check_counts(period=period)
    forecasts, targets = with_gaps(forecasts), with_gaps(targets)
    if forecasts.shape != targets.shape or not targets.size:
        raise ValueError(f"forecasts {forecasts.shape} and targets {targets.shape} differ, or "
                         "hold nothing")  # fmt: skip
    check_gaps("forecasts", forecasts, "did the training diverge?")
    check_gaps("targets", targets, "leave those steps out, of the forecasts too")
    past = with_gaps(past)
    if past.ndim != 1 or len(past) <= period:
        raise ValueError(f"past has shape {past.shape}; expected (T,) with T >= {period + 1}")
    check_gaps("past", past, "fill them first, as timeseries.fill_gaps does")
    naive = np.abs(past[period:] - past[:-period]).mean()
    # A wave computed at each step is off by more than its last digit.
    if naive <= 64 * np.finfo(np.float64).eps * np.abs(past).max():
        how = "exactly" if naive == 0 else "but for rounding"
        raise ValueError(f"past repeats itself {how}: the naive forecast is never wrong there, "
                         "and no error can be scaled by zero; report the plain error")  # fmt: skip
    return float(np.abs(forecasts - targets).mean() / naive)


# --- edits: how far one sequence is from another ---------------------------------------------


class Edits(NamedTuple):
    """What turns a reference into what was found, one item at a time."""

    substitutions: int
    deletions: int  # items of the reference that were not found
    insertions: int  # items found that are not in the reference

    @property
    def total(self) -> int:
        """The edit distance."""
        return sum(self)


def edit_distance(reference: Sequence[Hashable], found: Sequence[Hashable]) -> Edits:
    """The fewest substitutions, deletions and insertions that turn one into the other.

    ``.total`` is the distance of Levenshtein (1966). Where several scripts are shortest, it is
    the one with the most substitutions that is counted; so the three numbers are unique.

    reference, found: strings, lists or arrays (L,) of items that can be compared.
    Time and memory grow with the product of the lengths, and with one of them.
    """
    a, b = _items("reference", reference), _items("found", found)
    # One weighted distance finds both: a substitution is a little cheaper than other edits.
    dear = len(a) + len(b) + 1
    row = [dear * j for j in range(len(b) + 1)]
    for i, item in enumerate(a, 1):
        diagonal, row[0] = row[0], dear * i
        for j, other in enumerate(b, 1):
            here = diagonal if item == other else diagonal + dear - 1
            diagonal, row[j] = row[j], min(here, row[j] + dear, row[j - 1] + dear)
    total = -(-row[-1] // dear)
    substitutions = total * dear - row[-1]
    longer = len(b) - len(a)  # insertions - deletions
    rest = total - substitutions
    return Edits(substitutions, (rest - longer) // 2, (rest + longer) // 2)


def _items(name: str, items: Sequence[Hashable]) -> list[Hashable]:
    if isinstance(items, np.ndarray):
        items = plain(name, items).tolist()
    if any(isinstance(item, list) for item in items):
        raise ValueError(f"{name} holds lists; expected one sequence of items, (L,)")
    return list(items)


class ErrorRate(NamedTuple):
    """Edits for each item of the references, over all pairs, and what they are made of."""

    rate: float  # may be above 1: insertions have no limit
    edits: Edits
    length: int  # items of all references


def label_error_rate(
    references: Sequence[Sequence[Hashable]], found: Sequence[Sequence[Hashable]]
) -> ErrorRate:
    r"""Edits over all pairs, divided by the items of all references (eq-speech-rate).

    .. math:: \text{rate} = (S + D + I) / (\text{length of the references})

    Long references weigh more than short ones; the mean of the pairs' own rates is another
    number. References without any item: 0 if nothing was found either, else ∞.
    Raises ValueError where the numbers of sequences differ.
    """
    if len(references) != len(found):
        raise ValueError(f"{len(references)} references and {len(found)} found ones")
    each = [edit_distance(a, b) for a, b in zip(references, found, strict=True)]
    edits = Edits(*(sum(column) for column in zip(*each, strict=True))) if each else Edits(0, 0, 0)
    length = sum(len(reference) for reference in references)
    nothing = math.inf if edits.total else 0.0
    return ErrorRate(edits.total / length if length else nothing, edits, length)


def word_error_rate(references: Sequence[str], found: Sequence[str]) -> ErrorRate:
    """:func:`label_error_rate` of words, which whitespace separates.

    Case and punctuation count; make them alike first, in both. Chinese is given with spaces
    between its words, or by characters: ``label_error_rate(references, found)``.
    Raises TypeError for one string instead of a list of them, and as :func:`label_error_rate`.
    """
    for name, texts in (("references", references), ("found", found)):
        if isinstance(texts, str):
            raise TypeError(f"{name} is one string; expected a list of strings")
    return label_error_rate([text.split() for text in references], [t.split() for t in found])
