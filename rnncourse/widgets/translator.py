"""A network that translates short Chinese sentences into English: in the page, or as a table.

The published book runs it in the browser (``book/_static/translator.js`` with ``net.js``) and draws
where it looks; a notebook prints what it wrote. Both read the weights that
``benchmarks/real/live_translation.py`` recorded. It reads characters and writes pieces of words.
"""

import json
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncourse._types import Array
from rnncourse.nn.decoder import Design
from rnncourse.widgets import _html, weights
from rnncourse.widgets.datewriter import greedy, nested

LONGEST = 40  # characters of a source; the page refuses more
LENGTH = 40  # pieces that are written at most, the end counted
UNKNOWN = "□"  # what every character that the training hardly had is read as
START, END = "<start>", "<end>"  # the first two pieces, which no sentence has
EXAMPLES = ("我们明天去学校。", "你喜欢喝茶还是咖啡？", "他昨天没有来。", "我忘了带钱包。",
            "这本书很有意思。", "你叫什么名字？")  # fmt: skip


def design() -> Design:
    """How the network is built; made where it is used, since an exercise may withhold it."""
    return Design("gru", "luong", "general", 0, 1)


def fold(text: str, simplified: dict[str, str]) -> list[str]:
    """The characters that are read: in one width, small, simplified; none around the text that
    prints nothing. Each stands for one that was typed."""
    return [simplified.get(sign, sign) for sign in map(_narrow, text.strip())]


def _narrow(sign: str) -> str:
    """A full-width letter or mark as the usual one, and small, where that is one character."""
    for form in (unicodedata.normalize("NFKC", sign), sign.lower()):
        small = form.lower()
        if len(small) == 1:
            return small
    return sign


def joined(pieces: Sequence[str]) -> str:
    """The sentence that pieces make; its first letter is a capital.

    >>> joined([" the", " d", "og", "."])
    'The dog.'
    """
    text = "".join(pieces).strip()
    return text[:1].upper() + text[1:]


class Answer(NamedTuple):
    """What the network wrote for one text."""

    text: str
    pieces: list[str]  # U, or one less where the end was written
    p: float  # geometric mean of the probabilities of its pieces, the end's included
    weights: Array  # (U, T): where each piece, and the end, looked
    steps: Array  # (U, V): the probabilities from which each was taken


class Translator:
    """A recorded network with its characters and pieces."""

    def __init__(self, network: dict[str, Any]) -> None:
        """Args: network: of a record, see :func:`rnncourse.widgets.weights.load`."""
        arrays = weights.unpack(network["weights"])
        # In float64, as the browser computes.
        self.params = nested({name: a.astype(np.float64) for name, a in arrays.items()})
        self.tokens: str = network["tokens"]
        self.pieces: list[str] = network["pieces"]
        self.unsure: float = network["unsure"]
        both = network["simplified"]
        self.simplified = dict(zip(both[::2], both[1::2], strict=True))
        self._numbers = {sign: k for k, sign in enumerate(self.tokens)}

    def encode(self, text: str) -> Array:
        """Numbers (T,) of a text's characters, 0 for one that it never saw.

        Raises ValueError for a text without a character, or of more than ``LONGEST``.
        """
        signs = fold(text, self.simplified)
        if not 1 <= len(signs) <= LONGEST:
            raise ValueError(f"text has {len(signs)} characters; expected 1 to {LONGEST}")
        return np.array([self._numbers.get(sign, 0) for sign in signs])

    def write(self, text: str) -> Answer:
        """Always the most probable piece, up to the end or to ``LENGTH``.

        Raises ValueError as :meth:`encode`.
        """
        found, looks, chances = greedy(design(), self.encode(text), self.params, LENGTH)
        pieces = [self.pieces[k] for k in found.tokens if k != design().end]
        p = float(np.exp(found.log_prob / len(found.tokens)))
        return Answer(joined(pieces), pieces, p, looks, chances)


class Shown:
    """What a notebook shows: examples; and where the page puts the network that wrote them."""

    def __init__(self, rows: list[tuple[str, str]], place: dict[str, str]) -> None:
        """Args: rows: sentences and what was written; place: attributes for the page's script."""
        self.rows, self.place = rows, place

    def __repr__(self) -> str:
        return "\n".join(f"{text} → {written}" for text, written in self.rows)

    def _repr_html_(self) -> str:
        rows = ((text, "→", written) for text, written in self.rows)
        return _html.holder("translator", self.place, _html.table(rows))


def show(name: str, examples: Sequence[str] = EXAMPLES) -> Shown:
    """A recorded network translates: a table in a notebook, in the page what the reader types.

    >>> translator.show("translation")

    One call serves both editions: the page's script speaks the language of its page.

    Args:
        name: of the network, see :func:`rnncourse.widgets.weights.load`.
        examples: sentences that the reader may take.

    Raises KeyError for an unknown name; ValueError for no examples, or one that
    :meth:`Translator.encode` refuses.
    """
    examples = _html.chosen(examples)
    network = weights.load(name)[1]["network"]
    model = Translator(network)
    place = {
        "net": name,
        "kilobytes": str(round(weights.size(network) / 1000)),
        "examples": json.dumps(examples, ensure_ascii=False),
    }
    return Shown([(text, model.write(text).text) for text in examples], place)
