"""Pairs of notebooks with nearly the same code, for a teacher's eye. They prove nothing.

Code is compared as k-grams of normalised tokens, as in Schleimer, Wilkerson & Aiken (2003),
"Winnowing: local algorithms for document fingerprinting"; notebooks are small, so that all k-grams
are kept instead of a sample of them. Comments, docstrings, imports and the names that a learner
chose do not count, nor does the code that the exercise gave to everybody.
"""

from __future__ import annotations

import builtins
import io
import keyword
import re
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from rnncourse.grading.compare import Text
from rnncourse.grading.exercise import Exercise, unsolved
from rnncourse.grading.submissions import Job

K = 8  # tokens: the shortest piece of code that counts as the same
LEAST = 60  # k-grams of a learner's own; a shorter answer is written alike by everybody
SHARE = 0.6  # of the shorter one's k-grams; between this course's own answers it is 0.34 at most
TRAINED = 0.8  # where a network is trained, whose steps the text of the exercise names: 0.68
UNIFORM = 0.25  # of all pairs: where more are alike than this, likeness says nothing
LONGEST = 50_000  # characters of a notebook's code that are read
BUILTINS = frozenset(dir(builtins))
MAGIC = re.compile(r"^[ \t]*[%!?].*$", re.M)
HEADING = ("exercise", "learner", "other_learner", "share", "pairs_as_alike", "pairs", "note")
NOTE: Text = (
    "Alike is not copied: many people write the same short equation. Look at both notebooks.",
    "相似不等于抄袭：同一个公式，很多人写出来都一样。请对照两份 notebook 再判断。",
)


class Pair(NamedTuple):
    """Two learners whose answers to an exercise are alike."""

    exercise: str
    one: str
    other: str
    share: float  # of the shorter answer's k-grams
    alike: int  # pairs of this exercise at least as alike, this one included
    pairs: int  # pairs of this exercise that were compared


class Found(NamedTuple):
    """The pairs above the threshold, the most alike first; exercises that cannot tell, and why."""

    pairs: list[Pair]
    untold: dict[str, Text]


def find(jobs: Iterable[Job], exercises: dict[str, Exercise]) -> Found:
    """Compare all notebooks of different learners, an exercise at a time.

    `exercises` holds those of the jobs; each pair of learners counts by its most alike attempts.
    """
    given = {name: _known(exercise) for name, exercise in exercises.items()}
    codes: dict[str, list[tuple[str, frozenset]]] = {}
    for job in jobs:
        if job.exercise in given and job.cells:
            own = fingerprints(job.cells) - given[job.exercise]
            codes.setdefault(job.exercise, []).append((job.learner, own))
    pairs: list[Pair] = []
    untold: dict[str, Text] = {}
    for name, answers in sorted(codes.items()):
        found, why = _alike(name, answers, threshold(exercises[name]))
        pairs += found
        if why:
            untold[name] = why
    return Found(sorted(pairs, key=lambda pair: (-pair.share, pair)), untold)


def threshold(exercise: Exercise) -> float:
    """The share of k-grams from which on two answers to this exercise are alike."""
    return TRAINED if exercise.kind == "train" else SHARE


def _known(exercise: Exercise) -> frozenset:
    """The k-grams of what everybody was given; in code to repair, also those of its mending."""
    given = [exercise.preamble, unsolved(exercise, exercise.source)]
    if exercise.kind == "repair":
        given.append(exercise.source)
    return fingerprints(given)


def fingerprints(cells: Sequence[str]) -> frozenset:
    """Hashes of the k-grams of each cell's normalised tokens."""
    codes = map(normalised, _bounded(cells))
    return frozenset(hash(tuple(c[k : k + K])) for c in codes for k in range(len(c) - K + 1))


def _bounded(cells: Sequence[str]) -> Iterator[str]:
    left = LONGEST
    for cell in cells:
        yield cell[:left]
        left = max(0, left - len(cell))


def normalised(source: str) -> list[str]:
    """Tokens without layout; the learner's own names are all `V`, numbers and texts are kinds."""
    found: list[str] = []
    line: list[str] = []
    for token in _tokens(MAGIC.sub("", source)):
        if token.type == tokenize.NEWLINE:
            if not _is_given(line):
                found += line
            line = []
        elif kept := _kept(token, after=line[-1] if line else ""):
            line.append(kept)
    return found if _is_given(line) else found + line


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens as far as the code can be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd literals in a learner's code
        try:
            yield from tokenize.generate_tokens(io.StringIO(source + "\n").readline)
        except (tokenize.TokenError, SyntaxError):
            return


def _kept(token: tokenize.TokenInfo, after: str) -> str:
    if token.type == tokenize.NAME:
        named = after == "." or keyword.iskeyword(token.string) or token.string in BUILTINS
        return token.string if named else "V"
    if token.type == tokenize.NUMBER:
        return "0"
    if token.type == tokenize.OP:
        return token.string
    return "s" if "STRING" in tokenize.tok_name[token.type] else ""


def _is_given(line: Sequence[str]) -> bool:
    """True for imports and docstrings."""
    return line[:1] in (["import"], ["from"]) or set(line) == {"s"}


def _alike(
    name: str, answers: Sequence[tuple[str, frozenset]], least: float
) -> tuple[list[Pair], Text | None]:
    """The pairs of one exercise above the threshold, or why it cannot tell any."""
    if len({who for who, _ in answers}) < 2:
        return [], None
    long = [(who, own) for who, own in answers if len(own) >= LEAST]
    if len(long) < max(2, len(answers) / 2):
        return [], ("the answers are too short to tell", "答案太短，看不出来")
    shares: dict[tuple[str, str], float] = {}
    for (one, a), (other, b) in combinations(_as_bits(long), 2):
        if one != other:
            key = (min(one, other), max(one, other))
            share = (a & b).bit_count() / min(a.bit_count(), b.bit_count())
            shares[key] = max(share, shares.get(key, 0.0))
    high = sorted((share for share in shares.values() if share >= least), reverse=True)
    if len(high) > max(3, UNIFORM * len(shares)):
        few, all_ = len(high), len(shares)
        return [], (f"too many answers are alike ({few} of {all_} pairs): nothing to tell",
                    f"相似的答案太多（{all_} 对中有 {few} 对），看不出来")  # fmt: skip
    return [
        Pair(name, *key, share, sum(v >= share for v in high), len(shares))
        for key, share in shares.items()
        if share >= least
    ], None


def _as_bits(answers: Sequence[tuple[str, frozenset]]) -> list[tuple[str, int]]:
    """Each answer's k-grams as the bits of one integer: two compare in a microsecond."""
    places: dict[int, int] = {}
    return [
        (who, sum(1 << k for k in {places.setdefault(gram, len(places)) for gram in own}))
        for who, own in answers
    ]


def rows(found: Found, language: int) -> list[list[object]]:
    """The table: a heading, the pairs, the exercises that cannot tell, and what it is worth."""
    lines: list[list[object]] = [list(HEADING)]
    lines += [[p.exercise, p.one, p.other, f"{p.share:.2f}", p.alike, p.pairs, ""]
              for p in found.pairs]  # fmt: skip
    lines += [[name, "", "", "", "", "", why[language]] for name, why in found.untold.items()]
    return [*lines, ["", "", "", "", "", "", NOTE[language]]]
