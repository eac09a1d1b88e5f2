"""A network that makes a title by leaving out: of an English sentence, of a Chinese paragraph.

It reads in both directions and gives each token two scores, of leaving it and of keeping it; the
best path through a chain of both says what stays. So nothing stands in the title that is not in the
text, and all of it in the same order. The published book runs it in the browser
(``book/_static/summarizer.js`` with ``net.js``); a notebook prints titles. Both read the weights of
``benchmarks/real/live_titles.py``. T tokens: words and signs in English, characters in Chinese.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncourse._types import Array, Params
from rnncourse.nn import crf, layers
from rnncourse.widgets import _html, tagger, weights

REACH = 1  # how far the reader may move the score of keeping, to either side
STEPS = np.arange(-20, 61) / 10  # tried from the left where so many tokens are wanted
OPENING = "\"'“‘«([{$£€#"  # signs that are tokens where a word begins with them
QUOTES = "\"'”’»)]}"  # close what was said; a sentence may end in front of them
CLOSING = QUOTES + ",;:!?%…"  # signs that are tokens where a word ends with them
ENDINGS = ("n't", "'s", "'m", "'re", "'ll", "'ve", "'d")  # tokens too, as in the Penn Treebank
SHORT = frozenset(  # their full stop ends no sentence
    ["mr", "mrs", "ms", "dr", "st", "sen", "rep", "gov", "gen", "col", "lt", "sgt", "prof", "rev",
     "inc", "co", "corp", "ltd", "jr", "sr", "vs", "ave", "jan", "feb", "mar", "apr", "aug",
     "sept", "oct", "nov", "dec", "calif", "mich"]
)  # fmt: skip
ENDS = frozenset(".!?")  # of English sentences
MOST = 3  # to which anything is counted, in what is read beside a Chinese character
FEATURES = 2 * (MOST + 1) ** 3
CLAUSE = frozenset("，。；：！？,;:!?")  # end a clause of a Chinese text
NOT = {
    "en": frozenset(["not", "n't", "no", "never", "without", "cannot", "neither", "nor"]),
    "zh": frozenset("不未没無无非否勿莫"),
}


# --- what is read ---------------------------------------------------------------------------


class Piece(NamedTuple):
    """A token, and whether it stands right behind the one before."""

    token: str
    glued: bool


def pieces(typed: str, language: str) -> list[Piece]:
    """The tokens of a text. English: words, signs around them and endings such as "n't" apart.
    Chinese: all characters but spaces, as they are written.

    >>> [piece.token for piece in pieces("Mr. Lee didn't win.", "en")]
    ['Mr.', 'Lee', 'did', "n't", 'win', '.']

    Raises ValueError for another language.
    """
    if language not in ("en", "zh"):
        raise ValueError(f'language is {language!r}; expected "en" or "zh"')
    words = tagger.tokens(typed, "en")  # between spaces
    if language == "zh":
        return [Piece(sign, True) for word in words for sign in word]
    return [Piece(part, k > 0) for word in words for k, part in enumerate(parts(word))]


def parts(word: str) -> list[str]:
    """An English word without the signs around it, and these, and its ending: each a token."""
    before, behind = [], []
    while len(word) > 1 and word[0] in OPENING:
        before.append(word[0])
        word = word[1:]
    while len(word) > 1 and (word[-1] in CLOSING or (word[-1] == "." and not _short(word))):
        behind.append(word[-1])
        word = word[:-1]
    plain = word.replace("’", "'").lower()
    ending = next((one for one in ENDINGS if plain.endswith(one) and plain != one), "")
    if ending:
        behind.append(word[-len(ending) :])
        word = word[: -len(ending)]
    return [*before, word, *reversed(behind)]


def _short(word: str) -> bool:
    """Whether a full stop belongs to a word: "Mr.", "J.", "U.S."."""
    plain = word[:-1]
    initial = len(plain) == 1 and plain.isupper()
    return initial or plain.lower() in SHORT or "." in plain.strip(".")


def sentence(found: Sequence[Piece]) -> int:
    """How many pieces the first English sentence has, quotation marks behind it included.

    It goes on before a small letter: “Why?” he asked.
    """
    for t, (token, _) in enumerate(found):
        if token in ENDS:
            end = t + 1
            while end < len(found) and found[end].glued and found[end].token in ENDS | set(QUOTES):
                end += 1
            if end == len(found) or not (found[end].glued or found[end].token[0].islower()):
                return end
    return len(found)


def beside(signs: Sequence[str]) -> Array:
    """What is read beside each Chinese character (T,): a number below ``FEATURES``.

    It tells how often the text has the character with the one before it and with the one behind
    it, each 0 to ``MOST`` times, since what a text is about comes back in it; whether it stood
    further ahead with one of the two; and in which clause it is, from 0 to ``MOST``.
    """
    both = ["".join(two) for two in zip(["", *signs], [*signs, ""], strict=True)]
    times, seen = Counter(both[1:-1]), set[str]()
    number, found = 0, []
    for t, sign in enumerate(signs):
        before, behind = (min(times[both[k]], MOST) for k in (t, t + 1))
        again = both[t] in seen or both[t + 1] in seen
        seen.add(both[t])
        place = (min(number, MOST) * (MOST + 1) + before) * (MOST + 1) + behind
        found.append(2 * place + again)
        number += sign in CLAUSE
    return np.array(found, int)


class Read(NamedTuple):
    """What the network reads of a text."""

    pieces: list[Piece]
    unknown: list[int]  # which of them it doesn't know
    cut: bool  # whether there was more: in English, of the first sentence
    more: bool  # whether more sentences follow the first one, in English


# --- what is kept -----------------------------------------------------------------------------


def kept_of(scores: Array, chain: Params, more: Array) -> Array:
    """Which tokens are on the best path, (M, T) bool, for each of M numbers ``more`` (M,) that are
    added to the score of keeping; scores (T, 2)."""
    moved = np.repeat(scores[None], len(more), axis=0)
    moved[..., 1] += np.asarray(more)[:, None]
    found: Array = crf.decode(moved, chain)[0] == 1
    return found


def usual(scores: Array, chain: Params, more: float, wanted: int) -> float:
    """What is added to the score of keeping before the reader adds anything: ``more``, or, where
    ``wanted`` is not 0, the first of ``STEPS`` that keeps so many tokens."""
    if not wanted:
        return more
    enough = kept_of(scores, chain, STEPS).sum(axis=1) >= min(wanted, len(scores))
    return float(STEPS[enough.argmax() if enough.any() else -1])


# --- titles ---------------------------------------------------------------------------------


def joined(found: Sequence[Piece], kept: Sequence[bool], language: str) -> str:
    """What is kept, as one would write it, Chinese without spaces.

    An English word loses its space only behind its neighbour in the text; a sign, or an ending such
    as "'s", has none wherever the text has none.
    """
    text, last = "", -1
    for t, (token, glued) in enumerate(found):
        if kept[t]:
            tight = glued and (last == t - 1 or not token[0].isalnum())
            text += token if tight or language == "zh" or not text else f" {token}"
            last = t
    return text


def runs(kept: Sequence[bool]) -> list[tuple[int, int]]:
    """Where tokens that are kept stand in a row: (start, end), end after the last.

    >>> runs([True, True, False, True])
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff([0, *map(int, kept), 0]))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def clause(found: Sequence[Piece]) -> int:
    """How many pieces stand before the first sign that ends a clause; all where none does."""
    ends = (t for t, piece in enumerate(found) if piece.token in CLAUSE and t)
    return next(ends, len(found))


class Title(NamedTuple):
    """Of a text: its title, and what was kept for it (T,)."""

    text: str
    kept: list[bool]


class Summarizer:
    """A recorded network with its tokens."""

    def __init__(self, network: dict[str, Any], dtype: type = np.float64) -> None:
        """Args: network: of a record, see :func:`rnncourse.widgets.weights.load`; dtype: float64
        is what the browser computes in."""
        self.reader = tagger.Tagger(network | {"heads": {}}, dtype)
        arrays: Params = {name: array.astype(dtype)
                  for name, array in weights.unpack(network["weights"]).items()}  # fmt: skip
        self.output, self.chain = (weights.part(arrays, name) for name in ("output", "chain"))
        self.language, self.limit = self.reader.language, self.reader.limit
        self.more, self.wanted = float(network["more"]), int(network["wanted"])  # see :func:`usual`

    def read(self, typed: str) -> Read:
        """The pieces of a text, at most ``limit``: of its first sentence, or of a paragraph."""
        found = pieces(typed, self.language)
        end = sentence(found) if self.language == "en" else len(found)
        kept = found[:end][: self.limit]
        unknown = [t for t, name in enumerate(self.names(kept)) if not self.reader.knows(name)]
        cut = len(kept) < end or (end == len(found) and len(typed) > tagger.LONGEST)
        return Read(kept, unknown, cut, end < len(found))

    def names(self, found: Sequence[Piece]) -> list[str]:
        """Tokens (T,) as the network reads them: in Chinese of one width."""
        tokens = [piece.token for piece in found]
        return tokens if self.language == "en" else [tagger.narrow(sign) for sign in tokens]

    def scores(self, tokens: Sequence[str]) -> Array:
        """(T, 2): of each token, see :meth:`names`, of leaving and of keeping it."""
        ids = self.reader.encode(tokens)
        if self.language == "zh":
            ids[:, 1] = beside(tokens)
        found: Array = layers.dense_forward(self.reader.states(ids[None]), self.output)[0]
        return found

    def keep(self, scores: Array, more: float = 0.0) -> list[bool]:
        """Of each token whether it is kept (T,), ``more`` added to its score beside what is
        :func:`usual`: the larger, the longer is what is kept."""
        if not len(scores):
            return []
        ours = usual(scores, self.chain, self.more, self.wanted)
        return kept_of(scores, self.chain, np.array([ours + more]))[0].tolist()

    def title(self, typed: str, more: float = 0.0) -> Title:
        """Of a text. Empty for a text without a token, or of which no token is known."""
        found = self.read(typed)
        if len(found.unknown) == len(found.pieces):
            return Title("", [False] * len(found.pieces))
        kept = self.keep(self.scores(self.names(found.pieces)), more)
        return Title(joined(found.pieces, kept, self.language), kept)

    def lead(self, typed: str, count: int) -> str:
        """The title without a network: the first ``count`` words; in Chinese the first clause."""
        found = self.read(typed).pieces
        end = count if self.language == "en" else clause(found)
        return joined(found, [t < end for t in range(len(found))], self.language)


def reversed_by(found: Sequence[Piece], kept: Sequence[bool], language: str) -> list[int]:
    """Negations that were left out although what stands next to them was kept on either side.

    They may turn the meaning round; so the page warns of them.
    """
    lost = [t for t, piece in enumerate(found)
            if not kept[t] and piece.token.replace("’", "'").lower() in NOT[language]]  # fmt: skip
    return [t for t in lost if 0 < t < len(found) - 1 and kept[t - 1] and kept[t + 1]]


# --- the page -------------------------------------------------------------------------------


class Shown:
    """What a notebook shows: titles of examples; and where the page puts the network."""

    def __init__(self, rows: list[str], place: dict[str, str]) -> None:
        """Args: rows: titles and leads; place: attributes for the page's script."""
        self.rows, self.place = rows, place

    def __repr__(self) -> str:
        return "\n".join(self.rows)

    def _repr_html_(self) -> str:
        return _html.holder("summarizer", self.place, _html.paragraphs(self.rows))


def show(name: str, language: str, examples: Sequence[str]) -> Shown:
    """A recorded network makes titles: as text in a notebook, in the page of whatever is typed.

    >>> summarizer.show("titles_en", "en", ["The mayor of Rome said on Monday that …"])

    Args:
        name: of the network, see :func:`rnncourse.widgets.weights.load`.
        language: of the edition that shows it, "en" or "zh"; the other leaves it out.
        examples: texts which the reader may take.

    Raises KeyError for an unknown name; ValueError for a language that is not the network's, or
    no examples.
    """
    examples = _html.chosen(examples)
    network = weights.load(name)[1]["network"]
    if language != network["language"]:
        raise ValueError(f"language is {language!r}; {name} reads {network['language']!r}")
    model, rows = Summarizer(network), []
    for text in examples:
        title = model.title(text)
        rows += [title.text, f"({model.lead(text, sum(title.kept))})"]
    place = {
        "edition": language,
        "net": name,
        "kilobytes": str(round(weights.size(network) / 1000)),
        "examples": json.dumps(examples, ensure_ascii=False),
    }
    return Shown(rows, place)
