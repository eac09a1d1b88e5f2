"""A network that answers small talk, beside the nearest of the questions that it learnt from.

The published book runs it in the browser (``book/_static/talker.js`` with ``net.js``); a notebook
prints a conversation. Both read the weights and the stored questions that
``benchmarks/real/live_talk.py`` recorded. The network reads what was said last, its own line, and
what is typed; it writes token by token.

The same network, reading nothing, is a language model of replies. A reply that is
likely whatever was asked is a safe one; :meth:`Talker.reply` can divide that likelihood out
(anti-LM, Li et al., 2016).
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncourse._types import Array
from rnncourse.nlp import decoding, retrieval, text
from rnncourse.nn import seq2seq
from rnncourse.nn.decoder import Design
from rnncourse.widgets import _html, datewriter, weights

SOURCE = ("□", "|", "∅")  # unknown; between the turns; nothing, read alone
TARGET = ("^", "$")  # what a reply begins with, unseen, and ends with
LONGEST = 2000  # characters of what is typed that anything looks at
LIMIT = 40  # tokens that are read of each turn
LENGTH = 24  # tokens that are written at most, the end counted
WIDTH = 8  # of the beam whose replies are ranked anew
NEAREST = 3
_HAN, _LETTER = "\u3400-\u9fff", r"[^\W\d_\u3400-\u9fff]"
_PIECES = re.compile(rf"[{_HAN}]|{_LETTER}+(?:['’-]{_LETTER}+)*|\d+|\S")
_TIGHT = re.compile(r"^[^\w\s]+$")


def design() -> Design:
    """How the network is built; made where it is used, since an exercise may withhold it."""
    return Design("gru", "luong", "general", TARGET.index("^"), TARGET.index("$"))


def read(typed: str) -> list[str]:
    """The tokens of what is typed, in lower case, as :func:`rnncourse.nlp.text.words` cuts."""
    return text.words(typed[:LONGEST].replace("’", "'"))


def cut(reply: str) -> list[str]:
    """The tokens of a reply as they are written: words with their capitals, signs, characters.

    >>> cut("I'm not sure.")
    ["I'm", 'not', 'sure', '.']
    """
    return _PIECES.findall(reply)


def joined(tokens: Sequence[str], language: str) -> str:
    """The text of tokens: in English a space before each but a sign, in Chinese none."""
    if language == "zh":
        return "".join(tokens)
    return "".join(token if _TIGHT.match(token) or not k else f" {token}"
                   for k, token in enumerate(tokens))  # fmt: skip


class Stored(NamedTuple):
    """A question that the network learnt from, with one of its replies."""

    before: str  # what was said before; empty where it does not matter
    asked: str
    reply: str


class Reply(NamedTuple):
    """What the network wrote."""

    text: str
    log_prob: float  # of its tokens, the end included
    alone: float | None  # the same where the network reads nothing; None where that is not asked


class Near(NamedTuple):
    """A stored question and how near it is."""

    stored: Stored
    score: float


class Talker:
    """A recorded network with its tokens and the questions beside it."""

    def __init__(self, network: dict[str, Any]) -> None:
        """Args: network: of a record, see :func:`rnncourse.widgets.weights.load`."""
        arrays = weights.unpack(network["weights"])
        # In float64, as the browser computes.
        self.params = datewriter.nested({name: a.astype(np.float64) for name, a in arrays.items()})
        self.language: str = network["language"]
        self.known = {token: k for k, token in enumerate(network["source"])}
        self.target: list[str] = network["target"]
        self.stored = [Stored(*row) for row in network["stored"]]
        self.openers: list[str] = network["openers"]
        self.weight: float = network["weight"]  # of the anti-LM
        self.share: float = network["share"]  # of the turn before, among what is near
        self._asks = retrieval.Bm25([read(one.asked) for one in self.stored])
        self._befores = retrieval.Bm25([read(one.before) for one in self.stored])

    def encode(self, before: str, asked: str) -> Array:
        """Numbers (T,) of the turn before and what is asked, ``LIMIT`` tokens of each.

        Raises ValueError where nothing is asked.
        """
        if not (tokens := read(asked)):
            raise ValueError(f"asked is {asked!r}; expected a text with at least one word or sign")
        both = [*read(before)[:LIMIT], SOURCE[1], *tokens[:LIMIT]]
        return np.array([self.known.get(token, 0) for token in both])

    def reply(self, before: str, asked: str, reranked: bool = False) -> Reply:
        """The most probable tokens again and again; or, of a beam, the reply that what is asked
        makes more probable than nothing does: log p − weight × log p(read nothing).

        Raises ValueError as :meth:`encode`.
        """
        step, state = self._stepper(self.encode(before, asked))
        plan = design()
        if not reranked:
            (best,) = decoding.decode(step, state, [plan.start], plan.end, LENGTH)
            return self._reply(best, None)
        beam = decoding.beam_search(step, state, plan.start, plan.end, LENGTH, WIDTH)
        beam = [found for found in beam if found.ended] or beam  # rather whole ones
        alone = [self.alone(found.tokens) for found in beam]
        scores = [one.log_prob - self.weight * p for one, p in zip(beam, alone, strict=True)]
        chosen = int(np.argmax(scores))
        return self._reply(beam[chosen], alone[chosen])

    def alone(self, tokens: Array) -> float:
        """log p of a reply's tokens, the end included, where the network reads nothing."""
        step, state = self._stepper(np.array([SOURCE.index("∅")]))
        total, last = 0.0, design().start
        for token in tokens:
            scores, state = step([last], state)
            total += float(scores[0, token] - np.logaddexp.reduce(scores[0]))
            last = int(token)
        return total

    def nearest(self, before: str, asked: str, k: int = NEAREST) -> list[Near]:
        """The k stored questions with the largest score, among equals the first.

        BM25 of what is asked, and ``share`` times that of the turn before. A question that has no
        token in common with what is asked is not near, so the list may be shorter.
        """
        of_asked = self._asks.scores(read(asked))
        scores = of_asked + self.share * self._befores.scores(read(before))
        places = [p for p in np.argsort(-scores, kind="stable") if of_asked[p] > 0]
        return [Near(self.stored[p], float(scores[p])) for p in places[:k]]

    def _stepper(self, ids: Array) -> tuple[Any, Any]:
        step, state = seq2seq.stepper(design(), ids[None], self.params)

        def watched(tokens: Any, state: Any) -> tuple[Array, Any]:
            scores, state = step(tokens, state)
            scores[:, design().start] = -np.inf  # no reply has it
            return scores, state

        return watched, state

    def _reply(self, found: decoding.Written, alone: float | None) -> Reply:
        tokens = [self.target[k] for k in found.tokens if k != design().end]
        return Reply(joined(tokens, self.language), found.log_prob, alone)


# --- the page -------------------------------------------------------------------------------


class Shown:
    """What a notebook shows: a conversation; and where the page puts the network."""

    def __init__(self, opener: str, rows: Sequence[tuple[str, ...]], place: dict[str, str]) -> None:
        """Args: opener: what the network says first; rows: what is typed, its reply, and the
        nearest question with its reply; place: attributes for the page's script."""
        self.opener, self.rows, self.place = opener, rows, place

    def __repr__(self) -> str:
        lines = [f"< {self.opener}"]
        for typed, reply, asked, stored in self.rows:
            lines += [f"> {typed}", f"< {reply}    ({asked} {stored})"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [("", self.opener, "", ""), *self.rows]
        return _html.holder("talker", self.place, _html.table(rows))


def show(name: str, language: str, examples: Sequence[str]) -> Shown:
    """A recorded network talks: a conversation in a notebook, in the page with the reader.

    >>> talker.show("talk_en", "en", ["What did you have for lunch?", "Why?"])

    Args:
        name: of the network, see :func:`rnncourse.widgets.weights.load`.
        language: of the edition that shows it, "en" or "zh"; the other leaves it out.
        examples: what the reader may take; in a notebook, typed one after the other.

    Raises KeyError for an unknown name; ValueError for a language that is not the network's, or
    no examples, or one without a token.
    """
    examples = _html.chosen(examples)
    network = weights.load(name)[1]["network"]
    if language != network["language"]:
        raise ValueError(f"language is {language!r}; {name} talks {network['language']!r}")
    model, rows = Talker(network), []
    before = model.openers[0]
    for typed in examples:
        near = model.nearest(before, typed, 1)
        found = near[0].stored if near else Stored("", "", "")
        before = model.reply(before, typed).text
        rows.append((typed, before, found.asked, found.reply))
    place = {
        "edition": language,
        "net": name,
        "opener": model.openers[0],
        "kilobytes": str(round(weights.size(network) / 1000)),
        "examples": json.dumps(examples, ensure_ascii=False),
    }
    return Shown(model.openers[0], rows, place)
