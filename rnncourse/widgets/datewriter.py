"""A network that reads a date in words and writes it as ``YYYY-MM-DD``: in the page, or as a table.

The published book runs it in the browser (``book/_static/datewriter.js`` with ``net.js``) and draws
where it looks; a notebook prints what it wrote. Both read the weights that
``benchmarks/real/live_dates.py`` recorded.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncourse._types import Array, Params
from rnncourse.data import dates
from rnncourse.nlp import decoding
from rnncourse.nn import seq2seq
from rnncourse.nn.decoder import Design
from rnncourse.nn.encoder import Model
from rnncourse.widgets import _html, weights

LONGEST = 60  # characters of a source; the page refuses more
LENGTH = 14  # characters that are written at most, the end counted
UNKNOWN = "□"  # what every character that no form has is read as
TARGETS = "^$-0123456789"  # what it writes; the first begins a date, the second ends it
EXAMPLES = ("the 5th of March 2024", "二〇二四年三月五日", "Tuesday, March 5, 2024",
            "三月五号，二〇二四年", "05.03.2024", "2024年3月5日星期二")  # fmt: skip


def design() -> Design:
    """How the network is built; made where it is used, since an exercise may withhold it."""
    return Design("gru", "luong", "general", TARGETS.index("^"), TARGETS.index("$"))


def fold(text: str) -> list[str]:
    """The characters that are read: small letters, none around the text that prints nothing."""
    return [sign.lower() if len(sign.lower()) == 1 else sign for sign in text.strip()]


def nested(arrays: Params) -> Model:
    """The arrays of :func:`rnncourse.widgets.weights.unpack`, as ``seq2seq`` has them."""

    def part(name: str) -> Params:
        return weights.part(arrays, name)

    layers = ("embedding", "cell", "attention", "combine", "output")
    return {
        "encoder": {
            "embedding": part("encoder.embedding"),
            "cell": (part("encoder.cell.0"), part("encoder.cell.1")),
        },
        "bridge": {"h": part("bridge.h")},
        "decoder": {name: part(f"decoder.{name}") for name in layers},
    }


def greedy(
    design: Design, source: Array, params: Model, length: int
) -> tuple[decoding.Written, Array, Array]:
    """Always the most probable token but the start, up to the end or to ``length``.

    source (T,) → what was written, where each of its U tokens looked (U, T), and the probabilities
    from which it was taken (U, V).
    """
    chances: list[Array] = []
    step, state = seq2seq.stepper(design, source[None], params)

    def watched(tokens: Any, state: Any) -> tuple[Array, Any]:
        scores, state = step(tokens, state)
        scores[:, design.start] = -np.inf  # nothing that is written has it
        chances.append(np.exp(scores[0] - np.logaddexp.reduce(scores[0])))
        return scores, state

    (found,) = decoding.decode(watched, state, [design.start], design.end, length)
    assert found.weights is not None  # these designs look
    return found, found.weights, np.array(chances)


class Answer(NamedTuple):
    """What the network wrote for one text."""

    text: str  # without the end
    p: float  # product of the probabilities of its characters, the end's included
    weights: Array  # (U, T): where each character, and the end, looked
    steps: Array  # (U, V): the probabilities from which each was taken


class DateWriter:
    """A recorded network with its characters."""

    def __init__(self, network: dict[str, Any]) -> None:
        """Args: network: of a record, see :func:`rnncourse.widgets.weights.load`."""
        arrays = weights.unpack(network["weights"])
        # In float64, as the browser computes.
        self.params = nested({name: a.astype(np.float64) for name, a in arrays.items()})
        score = "general" if "W" in self.params["decoder"]["attention"] else "additive"
        self.design = design()._replace(score=score)
        self.tokens: str = network["tokens"]
        self.unsure: float = network["unsure"]

    def encode(self, text: str) -> Array:
        """Numbers (T,) of a text's characters, 0 for one that it never saw.

        Raises ValueError for a text without a character, or of more than ``LONGEST``.
        """
        signs = fold(text)
        if not 1 <= len(signs) <= LONGEST:
            raise ValueError(f"text has {len(signs)} characters; expected 1 to {LONGEST}")
        return np.array([max(self.tokens.find(sign), 0) for sign in signs])

    def write(self, text: str) -> Answer:
        """Always the most probable character, up to the end or to ``LENGTH``.

        Raises ValueError as :meth:`encode`.
        """
        found, looks, chances = greedy(self.design, self.encode(text), self.params, LENGTH)
        signs = "".join(TARGETS[k] for k in found.tokens if k != self.design.end)
        return Answer(signs, float(np.exp(found.log_prob)), looks, chances)


def _drawn(N: int = 60) -> list[str]:
    """Dates from which the page draws when the reader wants to be surprised."""
    return dates.made_up_dates(np.random.default_rng(1), N)[0]


class Shown:
    """What a notebook shows: examples; and where the page puts the network that wrote them."""

    def __init__(self, rows: list[tuple[str, str]], place: dict[str, str]) -> None:
        """Args: rows: dates as read and as written; place: attributes for the page's script."""
        self.rows, self.place = rows, place

    def __repr__(self) -> str:
        return "\n".join(f"{written}  {text}" for text, written in self.rows)

    def _repr_html_(self) -> str:
        rows = ((text, "→", written) for text, written in self.rows)
        return _html.holder("datewriter", self.place, _html.table(rows))


def show(name: str, maps: bool = True, examples: Sequence[str] = EXAMPLES) -> Shown:
    """A recorded network writes dates: a table in a notebook, in the page those that are typed.

    >>> datewriter.show("dates")

    One call serves both editions: the page's script speaks the language of its page.

    Args:
        name: of the network, see :func:`rnncourse.widgets.weights.load`.
        maps: whether the page draws where each character looked.
        examples: texts that the reader may take.

    Raises KeyError for an unknown name; ValueError for no examples, or one that
    :meth:`DateWriter.encode` refuses.
    """
    examples = _html.chosen(examples)
    network = weights.load(name)[1]["network"]
    model = DateWriter(network)
    place = {
        "net": name,
        "kilobytes": str(round(weights.size(network) / 1000)),
        "maps": "yes" if maps else "no",
        "examples": json.dumps(examples, ensure_ascii=False),
        "surprises": json.dumps(_drawn(), ensure_ascii=False),
    }
    return Shown([(text, model.write(text).text) for text in examples], place)
