"""A network that describes a board of coloured shapes, in English or in Chinese.

The reader of the published book puts shapes on the board (``book/_static/captioner.js`` with
``net.js``); a notebook prints sentences. Both read the weights that
``benchmarks/real/live_scenes.py`` recorded: for each language a network of its own, convolution,
then a GRU with attention over the 4 × 4 places (:mod:`rnncourse.nn.captioning`).
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncourse._types import Array, Params
from rnncourse.data import scenes
from rnncourse.data.scenes import Thing
from rnncourse.nlp import decoding
from rnncourse.nn import attention, captioning
from rnncourse.nn.captioning import CaptionDesign
from rnncourse.nn.decoder import Design, StepState, decoder_step, output_of
from rnncourse.nn.encoder import Model, bridge_forward
from rnncourse.widgets import _html, weights

K = 3  # rows and columns of a filter
LENGTH = 30  # words that are written at most, the end counted
START, END = "<start>", "<end>"  # the first two tokens, which no sentence has
EXAMPLES = (
    (Thing("circle", "red", "small", 1, 0), Thing("square", "blue", "large", 1, 3)),
    (Thing("triangle", "green", "large", 2, 2),),
    (Thing("square", "yellow", "small", 0, 1), Thing("circle", "yellow", "large", 3, 1),
     Thing("triangle", "red", "large", 3, 3)),
)  # fmt: skip


def design() -> CaptionDesign:
    """How the networks are built; made where it is used, since an exercise may withhold it."""
    return CaptionDesign(Design("gru", "luong", "additive", 0, 1), True, (2, 3))


def flat(params: Model) -> Model:
    """Filters (K, K, C, F) as matrices (K K C, F), for :func:`rnncourse.widgets.weights.pack`."""
    eyes = [layer | {"W": layer["W"].reshape(-1, layer["W"].shape[-1])} for layer in params["eyes"]]
    return params | {"eyes": eyes}


def nested(arrays: Params) -> Model:
    """The arrays of a record, flat, as :mod:`rnncourse.nn.captioning` has them."""
    eyes = [weights.part(arrays, f"eyes.{k}") for k in range(len(design().pools))]
    parts = ("embedding", "cell", "attention", "combine", "output")
    return {
        "eyes": tuple(one | {"W": one["W"].reshape(K, K, -1, one["W"].shape[-1])} for one in eyes),
        "keys": weights.part(arrays, "keys"),
        "bridge": {"h": weights.part(arrays, "bridge.h")},
        "decoder": {name: weights.part(arrays, f"decoder.{name}") for name in parts},
    }


class Description(NamedTuple):
    """What the network wrote about one scene."""

    text: str
    words: list[str]  # U, or one less where the end was written
    p: float  # geometric mean of the probabilities of its words, the end's included
    weights: Array  # (U, G): where each word, and the end, looked, row by row of the board
    steps: Array  # (U, V): the probabilities from which each was taken


class Describer:
    """A recorded network of one language."""

    def __init__(self, network: dict[str, Any], language: str) -> None:
        """Args: network: of a record, see :func:`rnncourse.widgets.weights.load`; language: "en"
        or "zh". Raises ValueError for a language that the record lacks."""
        if language not in network["words"]:
            raise ValueError(f"language is {language!r}; the network has {list(network['words'])}")
        arrays = weights.part(weights.unpack(network["weights"]), language)
        # In float64, as the browser computes.
        arrays = {name: array.astype(np.float64) for name, array in arrays.items()}
        self.blank = arrays["blank"]  # (G, H): the mean of the keys of scenes
        self.params = nested(arrays)
        self.language, self.words = language, list(network["words"][language])

    def keys(self, things: Sequence[Thing]) -> Array:
        """(G, H): what the network reads at each place. Raises as :meth:`describe`."""
        picture = scenes.draw(things).astype(np.float64)
        found: Array = captioning.eyes_forward(design(), picture[None], self.params)[0][0]
        return found

    def describe(self, things: Sequence[Thing], blank: bool = False) -> Description:
        """Always the most probable word, up to the end or to ``LENGTH``.

        blank: the network does not see the picture; at each place it reads the mean of what it
        reads there in other scenes. Raises ValueError as :func:`rnncourse.data.scenes.draw`.
        """
        step, state = self.writer((self.blank if blank else self.keys(things))[None])
        plan, chances = design().decoder, []

        def watched(tokens: Any, state: Any) -> tuple[Array, Any]:
            scores, state = step(tokens, state)
            scores[:, plan.start] = -np.inf  # no sentence has it
            chances.append(np.exp(scores[0] - np.logaddexp.reduce(scores[0])))
            return scores, state

        (found,) = decoding.decode(watched, state, [plan.start], plan.end, LENGTH)
        assert found.weights is not None  # this design looks
        words = [self.words[k] for k in found.tokens if k != plan.end]
        p = float(np.exp(found.log_prob / len(found.tokens)))
        text = scenes.join(words, self.language)
        return Description(text, words, p, found.weights, np.array(chances))

    def writer(self, keys: Array) -> tuple[Any, StepState]:
        """As :func:`rnncourse.nn.captioning.stepper`, from keys (N, G, H)."""
        plan, decoder = design().decoder, self.params["decoder"]
        first, _ = bridge_forward(keys.mean(axis=1), self.params["bridge"])
        source = attention.prepare(plan.score, keys, decoder["attention"])

        def step(tokens: Any, state: StepState) -> tuple[Array, StepState]:
            return decoder_step(plan, tokens, state.state, decoder, source, output_of(first))

        return step, StepState(first, None)


# --- the page -------------------------------------------------------------------------------


class Shown:
    """What a notebook shows: sentences about examples; and where the page puts the networks."""

    def __init__(self, rows: list[tuple[str, ...]], place: dict[str, str]) -> None:
        """Args: rows: an English and a Chinese sentence for each example; place: attributes for
        the page's script."""
        self.rows, self.place = rows, place

    def __repr__(self) -> str:
        return "\n".join(" | ".join(row) for row in self.rows)

    def _repr_html_(self) -> str:
        return _html.holder("captioner", self.place, _html.table(self.rows))


def show(name: str, examples: Sequence[Sequence[Thing]] = EXAMPLES) -> Shown:
    """A recorded network describes scenes: as text in a notebook, in the page whatever is put on
    the board.

    >>> captioner.show("scenes")

    One call serves both editions: the page's script speaks the language of its page.

    Args:
        name: of the network, see :func:`rnncourse.widgets.weights.load`.
        examples: scenes that the reader may take.

    Raises KeyError for an unknown name; ValueError for no examples, or one that
    :func:`rnncourse.data.scenes.draw` refuses.
    """
    if not examples:
        raise ValueError(f"examples is {examples!r}; expected a list of at least one scene")
    network = weights.load(name)[1]["network"]
    models = [Describer(network, language) for language in network["words"]]
    rows = [tuple(model.describe(things).text for model in models) for things in examples]
    place = {
        "net": name,
        "kilobytes": str(round(weights.size(network) / 1000)),
        "examples": json.dumps([[list(thing) for thing in things] for things in examples]),
    }
    return Shown(rows, place)
