"""The sentences that say most of a text: TextRank, and where sentences end.

N sentences, each a list of tokens. English and Chinese.
"""

import math
import re
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse._types import Array
from rnncourse.nlp.text import HAN, words

# --- scores ----------------------------------------------------------------------------


def similarity(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    r"""Words in common, for the lengths of the two sentences.

    .. math:: \frac{|\{w : w \in a, \; w \in b\}|}{\ln |a| + \ln |b|}

    A word counts once, however often it stands there. 0 for an empty sentence, and where both
    have one token, whose logarithm is 0. Source: Mihalcea and Tarau (2004), section 4.1.
    """
    if not a or not b or len(a) == len(b) == 1:
        return 0.0
    return len(set(a) & set(b)) / (math.log(len(a)) + math.log(len(b)))


def textrank(sentences: Sequence[Sequence[Hashable]], damping: float = 0.85) -> Array:
    r"""How much each sentence is like those that are like others: (N,), sum 1.

    .. math:: s_i = \frac{1 - d}{N} + d \sum_j \frac{w_{ji}}{\sum_k w_{jk}} \, s_j

    w is the :func:`similarity` of two different sentences. One without a word in common with any
    other gives its score to all alike. It is PageRank on this graph, found by power iteration;
    Mihalcea and Tarau (2004) have 1 - d without N, and so N times these scores where no sentence
    is alone, and the same order always.

    No word in common at all: all scores are 1/N, as they are where all sentences are identical.
    One sentence: 1. No sentences: no scores.

    Raises ValueError for a damping outside 0..0.99; TypeError for a string instead of tokens.
    """
    if not 0 <= damping <= 0.99:
        raise ValueError(f"damping is {damping}; expected a number from 0 to 0.99")
    step = _transitions(sentences)
    N = len(step)
    scores, change = np.full(N, 1 / max(N, 1)), 1.0
    while change > 1e-13:  # each step makes it smaller, by damping at least
        before = scores
        scores = (1 - damping) / N + damping * before @ step if N else before
        change = np.abs(scores - before).sum()
    return scores


def _transitions(sentences: Sequence[Sequence[Hashable]]) -> Array:
    """(N, N): which share of its score each sentence, row j, gives to each other, column i."""
    for i, sentence in enumerate(sentences):
        if isinstance(sentence, str):
            raise TypeError(f"sentences[{i}] is one string, {sentence[:20]!r}; expected its tokens")
    N = len(sentences)
    w = np.zeros((N, N))
    for i in range(N):
        for j in range(i):
            w[i, j] = w[j, i] = similarity(sentences[i], sentences[j])
    total = w.sum(axis=1, keepdims=True)
    return np.divide(w, total, out=np.full((N, N), 1 / max(N, 1)), where=total > 0)


def summary(
    text: str,
    k: int = 1,
    tokens: Callable[[str], Sequence[Hashable]] | None = None,
    damping: float = 0.85,
) -> list[str]:
    """The k sentences with the highest scores, in the order of the text; all if it has no more.

    Args:
        text: English or Chinese.
        k: how many sentences.
        tokens: makes the tokens of a sentence; without it :func:`~rnncourse.nlp.text.words`
            without signs, where each Chinese character is a word. Frequent words such as "the"
            make everything alike: leave them out here.
        damping: as in :func:`textrank`.

    Of equal scores the earlier sentence counts as higher. Raises ValueError for k below 1.
    """
    check_counts(k=k)
    parts = sentences(text)
    scores = textrank([(tokens or _words_alone)(part) for part in parts], damping)
    best = np.argsort(-scores.round(9), kind="stable")[:k]  # rounded, or equal ones differ
    return [parts[i] for i in sorted(best)]


def _words_alone(sentence: str) -> list[str]:
    return [word for word in words(sentence) if any(c.isalnum() for c in word)]


# --- where sentences end -----------------------------------------------------------------

_END = re.compile("[.。!！?？]+[\"'”’」』）)】》〉\\]]*")
_NEXT = re.compile(r"(\s*)(\S?)")
_WORD = re.compile(r"[\w.]+$")
_AFTER_CHINESE = re.compile(rf"[{HAN}“‘「『《（]")
_TITLES = {"mr", "mrs", "ms", "dr", "prof", "st", "vs", "gen", "gov", "jr", "sr", "cf"}
_BEFORE_NUMBERS = {"no", "nos", "fig", "vol", "p", "pp", "jan", "feb", "mar", "apr", "jun", "jul",
                   "aug", "sep", "sept", "oct", "nov", "dec"}  # fmt: skip


def sentences(text: str) -> list[str]:
    """The sentences of a text; but for white space around them, they join to the text.

    One ends with 。！？, or with .!? before white space, and with the quotes and brackets that
    close behind them; an empty line ends one too. It goes on where a comma or the like follows
    (“好吗？”，他问), in English before a small letter ("Why?" he asked), and after a point that
    belongs to an initial or a usual abbreviation (J. Smith, Dr. Li, No. 5,
    the U.S. Army). ! and ? also end
    one directly before a Chinese character. Raises TypeError for what is no string.
    """
    if not isinstance(text, str):
        raise TypeError(f"text is {type(text).__name__}; expected one string")
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        start = 0
        for mark in _END.finditer(paragraph):
            if _ends(paragraph, mark):
                found.append(paragraph[start : mark.end()].strip())
                start = mark.end()
        found.append(paragraph[start:].strip())
    return [sentence for sentence in found if sentence]


def _ends(text: str, mark: re.Match[str]) -> bool:
    following = _NEXT.match(text, mark.end())
    space, first = following.groups() if following else ("", "")
    if not first:
        return True
    if first in "，、；：,;:" or (space and first.islower()):
        return False
    if set(mark.group()) & set("。！？"):
        return True
    if not space:
        return "." not in mark.group() and bool(_AFTER_CHINESE.match(first))
    before = text[max(0, mark.start() - 20) : mark.start()]
    return mark.group() != "." or not _shortened(before, first)


def _shortened(before: str, first: str) -> bool:
    """Whether a point belongs to the word before it; ``first`` is what follows."""
    found = _WORD.search(before)
    word = found.group() if found else ""
    initial = len(word) == 1 and word.isupper() and word != "I"
    if initial or "." in word.strip("."):
        return True
    return word.lower() in (_TITLES | _BEFORE_NUMBERS if first.isdigit() else _TITLES)
