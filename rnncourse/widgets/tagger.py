"""A network that tags what is typed: words and names in Chinese, parts of a request in English.

The published book runs it in the browser (``book/_static/tagger.js`` with ``net.js``) and colours
the text; a notebook prints it. Both read the weights of ``benchmarks/real/live_tags.py``.
T tokens: words in English, characters in Chinese.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncourse._types import Array, Params
from rnncourse.metrics import split_tag
from rnncourse.nn import crf, layers
from rnncourse.widgets import _html, weights

LONGEST = 2000  # characters of a text at which anything looks at all
UNKNOWN = "*"  # begins the names of what stands for words that the network doesn't know
SHAPES = ("small", "first", "capitals", "mixed", "digits")  # how a word is written
FACTOR = 7919  # spreads pairs over their numbers
_SPACE = re.compile(r"[\s\ufeff]+")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
# Of each scheme: what leaves an entity open, what goes on with one, what is never its last.
_OPEN = {"BIO": ("BI", "I", ""), "BMES": ("BM", "ME", "BM")}


# --- what is read ---------------------------------------------------------------------------


def tokens(typed: str, language: str) -> list[str]:
    """English: pieces between spaces. Chinese: all characters but spaces, of one width.

    Raises ValueError for another language.
    """
    if language not in ("en", "zh"):
        raise ValueError(f'language is {language!r}; expected "en" or "zh"')
    pieces = _SPACE.split(typed[:LONGEST])
    if language == "en":
        return [piece for piece in pieces if piece]
    return [narrow(sign) for piece in pieces for sign in piece]


def narrow(sign: str) -> str:
    """A character as NFKC makes it, where that is one character: Ａ is A, ， is a comma."""
    plain = unicodedata.normalize("NFKC", sign)
    return plain if len(plain) == 1 and not _SPACE.match(plain) else sign


def form(word: str) -> str:
    """A word as the vocabulary has it: small, without signs around it; ’ is an apostrophe."""
    plain = unicodedata.normalize("NFKC", word).replace("’", "'").lower()
    return _EDGES.sub("", plain) or plain


def shape(word: str) -> int:
    """Which of ``SHAPES`` a word has, the signs around it aside."""
    plain = _EDGES.sub("", word)
    if re.search(r"\d", plain):
        return SHAPES.index("digits")
    if plain == plain.lower():
        return SHAPES.index("small")
    if plain == plain.upper() and len(plain) > 1:
        return SHAPES.index("capitals")
    rest = plain[1:]
    return SHAPES.index("first" if rest == rest.lower() else "mixed")


def signature(word: str) -> str:
    """What may stand for a :func:`form` that is not known: its last two letters, or its digits."""
    return UNKNOWN + ("0" if re.search(r"\d", word) else word[-2:])


def pairs(ids: Array, size: int) -> Array:
    """Of each token the number (T,), below ``size``, of the pair with the token before it.

    Many pairs share a number: so all of them find room in few rows (hashing).
    """
    before = np.concatenate([[0], ids[:-1]])
    found: Array = (before * FACTOR + ids) % size
    return found


# --- what tags say --------------------------------------------------------------------------


class Span(NamedTuple):
    """What tags say of one stretch of tokens."""

    kind: str  # "_" for a word
    start: int
    end: int  # after the last
    whole: bool  # False for a fragment, which the rules forbid


def spans(tags: Sequence[str], scheme: str) -> list[Span]:
    """Stretches from left to right; a tag that may not follow the one before begins a new one.

    >>> spans(["B-ORG", "O", "M-ORG", "E-ORG"], "BMES")  # two fragments
    [Span(kind='ORG', start=0, end=1, whole=False), Span(kind='ORG', start=2, end=4, whole=False)]

    Args:
        tags: (T,) such as "B-ORG", "B" or "O".
        scheme: "BIO" or "BMES".

    Raises ValueError for another scheme, or a tag that it does not have.
    """
    leaves_open, continues, unfinished = _table(scheme)
    read = [split_tag(tag, {*scheme, "O"}) for tag in tags]
    found: list[Span] = []
    for t, (prefix, kind) in enumerate(read):
        if prefix == "O":
            continue
        last = found[-1] if found else Span("", 0, -1, False)
        goes_on = last.end == t and last.kind == kind and read[t - 1][0] in leaves_open
        start = last.start if goes_on and prefix in continues else t
        if start < t:
            found.pop()
        whole = read[start][0] not in continues and prefix not in unfinished
        found.append(Span(kind, start, t + 1, whole))
    return found


def breaks(tags: Sequence[str], scheme: str) -> list[int]:
    """Tokens at which a rule of the scheme is broken: by what stands before, or by the end.

    Raises ValueError as :func:`spans`.
    """
    leaves_open, continues, unfinished = _table(scheme)
    read = [split_tag(tag, {*scheme, "O"}) for tag in tags]
    found = []
    for t, (prefix, kind) in enumerate(read):
        before, of = read[t - 1] if t else ("O", "_")
        wrong = prefix in continues and not (before in leaves_open and of == kind)
        wrong |= before in unfinished and prefix not in continues
        wrong |= t == len(read) - 1 and prefix in unfinished
        if wrong:
            found.append(t)
    return found


def _table(scheme: str) -> tuple[str, str, str]:
    if scheme not in _OPEN:
        raise ValueError(f"scheme is {scheme!r}; expected one of {sorted(_OPEN)}")
    return _OPEN[scheme]


# --- the network ----------------------------------------------------------------------------


class Head(NamedTuple):
    """One output of the network: its tags, their scheme, a dense layer and a chain."""

    tags: list[str]
    scheme: str
    output: Params
    chain: Params

    def paths(self, hs: Array, rules: bool, mask: Array | None = None) -> Array:
        """Numbers of tags (N, T) for states (N, T, 2H); -1 where the mask is 0.

        With rules: the best path of the chain among those that :func:`rnncourse.nn.crf.allowed`
        lets pass. Without: the largest emission of each step, the chain left out.
        """
        emissions = layers.dense_forward(hs, self.output)
        if rules:
            chain = crf.constrain(crf.allowed(self.tags, self.scheme), self.chain)
            return crf.decode(emissions, chain, mask)[0]
        best: Array = emissions.argmax(axis=2)
        return best if mask is None else np.where(mask, best, -1)


class Read(NamedTuple):
    """What the network reads of a text."""

    tokens: list[str]
    unknown: list[int]  # which of them it doesn't know
    cut: bool  # whether there were more


class Tagger:
    """A recorded network with its tokens and heads."""

    def __init__(self, network: dict[str, Any], dtype: type = np.float64) -> None:
        """Args: network: of a record, see :func:`rnncourse.widgets.weights.load`; dtype: float64
        is what the browser computes in."""
        read = weights.unpack(network["weights"])
        arrays: Params = {name: array.astype(dtype) for name, array in read.items()}
        self.language: str = network["language"]
        self.limit: int = network["limit"]
        self.numbers = {token: k for k, token in enumerate(network["tokens"])}
        self.embedding = weights.part(arrays, "embedding")
        self.lstm = weights.part(arrays, "lstm.0"), weights.part(arrays, "lstm.1")
        self.heads = {
            name: Head(head["tags"], head["scheme"], weights.part(arrays, f"{name}.output"),
                       weights.part(arrays, f"{name}.chain"))
            for name, head in network["heads"].items()
        }  # fmt: skip

    def number(self, token: str) -> int:
        """Of a token, or of what stands for it."""
        names = [token, UNKNOWN]
        if self.language == "en":
            word = form(token)
            names = [word, signature(word), UNKNOWN]
        return next(self.numbers[name] for name in names if name in self.numbers)

    def knows(self, token: str) -> bool:
        """Whether the vocabulary has the token itself."""
        name = form(token) if self.language == "en" else token
        return name in self.numbers and not name.startswith(UNKNOWN)

    def encode(self, tokens: Sequence[str]) -> Array:
        """Numbers (T, 2) of tokens, and of how they are written; in Chinese, of :func:`pairs`."""
        ids = np.array([self.number(token) for token in tokens], int)
        if self.language == "en":
            return np.stack([ids, np.array([shape(token) for token in tokens], int)], axis=1)
        return np.stack([ids, pairs(ids, len(self.embedding["S"]))], axis=1)

    def states(self, ids: Array, mask: Array | None = None) -> Array:
        """(N, T, 2H): what both directions read of ids (N, T, 2), of :meth:`encode`."""
        parts = [layers.embedding_forward(ids[..., k], {"E": self.embedding[name]})
                 for k, name in enumerate("ES")]  # fmt: skip
        return layers.bidirectional_forward(
            "lstm", np.concatenate(parts, 2), None, self.lstm, mask
        )[0]

    def read(self, typed: str) -> Read:
        """The tokens of a text, at most ``limit``."""
        found = tokens(typed, self.language)
        kept = found[: self.limit]
        unknown = [t for t, token in enumerate(kept) if not self.knows(token)]
        return Read(kept, unknown, len(kept) < len(found) or len(typed) > LONGEST)

    def tag(self, typed: str, rules: bool = True) -> dict[str, list[str]]:
        """Tags (T,) of a text from each head: within the rules, or each step alone.

        Empty lists for a text without a token, or of which no token is known: the network says
        nothing then.
        """
        kept, unknown, _ = self.read(typed)
        if len(unknown) == len(kept):
            return {name: [] for name in self.heads}
        hs = self.states(self.encode(kept)[None])
        return {name: [head.tags[k] for k in head.paths(hs, rules)[0]]
                for name, head in self.heads.items()}  # fmt: skip

    def written(self, typed: str, rules: bool = True) -> str:
        """The text with its tags, ``word/KIND`` or ``[two words]/KIND``; Chinese cut into words.

        Fragments are marked with a ?.
        """
        found, kept = self.tag(typed, rules), self.read(typed).tokens
        if not any(found.values()):
            return " ".join(kept)
        begins = set(range(len(kept)))
        if "words" in found:
            begins = {one.start for one in spans(found["words"], self.heads["words"].scheme)}
        parts, at = [], 0

        def joined(start: int, end: int) -> str:
            return "".join(f" {kept[t]}" if t in begins and t > start else kept[t]
                           for t in range(start, end))  # fmt: skip

        for kind, start, end, whole in [*spans(found["names"], self.heads["names"].scheme),
                                        Span("_", len(kept), len(kept), True)]:  # fmt: skip
            if at < start:
                parts.append(joined(at, start))
            if start < end:
                text, mark = joined(start, end), "" if whole else "?"
                parts.append((f"[{text}]" if " " in text else text) + f"/{kind}{mark}")
            at = end
        return " ".join(parts)


# --- the page -------------------------------------------------------------------------------


class Shown:
    """What a notebook shows: examples with their tags; and where the page puts the network."""

    def __init__(self, rows: list[str], place: dict[str, str]) -> None:
        """Args: rows: texts with their tags; place: attributes for the page's script."""
        self.rows, self.place = rows, place

    def __repr__(self) -> str:
        return "\n".join(self.rows)

    def _repr_html_(self) -> str:
        return _html.holder("tagger", self.place, _html.paragraphs(self.rows))


def show(name: str, language: str, examples: Sequence[str]) -> Shown:
    """A recorded network tags texts: as text in a notebook, in the page whatever is typed.

    >>> tagger.show("tags_en", "en", ["play some jazz from 1959"])

    Args:
        name: of the network, see :func:`rnncourse.widgets.weights.load`.
        language: of the edition that shows it, "en" or "zh"; the other leaves it out.
        examples: which the reader may take.

    Raises KeyError for an unknown name; ValueError for a language that is not the network's, or
    no examples.
    """
    examples = _html.chosen(examples)
    network = weights.load(name)[1]["network"]
    if language != network["language"]:
        raise ValueError(f"language is {language!r}; {name} reads {network['language']!r}")
    model = Tagger(network)
    place = {
        "edition": language,
        "net": name,
        "kilobytes": str(round(weights.size(network) / 1000)),
        "examples": json.dumps(examples, ensure_ascii=False),
    }
    return Shown([model.written(text) for text in examples], place)
