"""A network that writes, character by character: in the page, or as samples in a notebook.

The published book runs it in the browser (``book/_static/writer.js`` with ``net.js``); a notebook
prints what it wrote. Both read the weights that ``benchmarks/real/live_writer.py`` recorded.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from rnncourse._types import Array, Params
from rnncourse.nlp import sampling
from rnncourse.nn import layers, recurrent
from rnncourse.widgets import weights

Network = dict[str, Params]


def nested(arrays: Params) -> Network:
    """The arrays that :func:`rnncourse.widgets.weights.unpack` returned, layer by layer."""
    names = sorted({name.split(".")[0] for name in arrays})
    return {name: weights.part(arrays, name) for name in names}


def states(params: Network, ids: Array, state: Array | None = None) -> tuple[Array, Array]:
    """The GRU's state after each of ids (N, T): (N, T, H); and the last one (N, H)."""
    xs = layers.embedding_forward(ids, params["embedding"])
    hs, state, _ = recurrent.gru_forward(xs, state, params["cell"])
    return hs, state


def forward(params: Network, ids: Array, state: Array | None = None) -> tuple[Array, Array]:
    r"""Scores (N, T, V) of the character after each of ids (N, T), and the last state (N, H).

    .. math:: y_t = (h_t P + b_P) E^\top + b_y

    with the :math:`h_t` of eq-language_model-network. The output layer shares the embedding E
    with the input, so that each of V characters costs D numbers once and not D + H.

    Args:
        params: ``embedding`` {E (V, D)}, ``cell`` a GRU's, ``projection`` {W_y (H, D), b_y (D,)},
            which are P and its bias, ``output`` {b_y (V,)}.
        state: (N, H), None for zeros.

    Raises ValueError and TypeError as the layers do. Source: Press and Wolf (2017).
    """
    hs, state = states(params, ids, state)
    us = layers.dense_forward(hs, params["projection"])
    return us @ params["embedding"]["E"].T + params["output"]["b_y"], state


class Writer:
    """A recorded network with its characters."""

    def __init__(self, network: dict[str, Any]) -> None:
        """Args: network: of a record, see :func:`rnncourse.widgets.weights.load`."""
        arrays = weights.unpack(network["weights"])
        # In float64, as the browser computes.
        self.params = nested({name: a.astype(np.float64) for name, a in arrays.items()})
        self.tokens: str = network["tokens"]
        self.rare, self.end, self.length = (network[k] for k in ("rare", "end", "length"))

    def encode(self, text: str) -> list[int]:
        """Numbers of its characters; an unknown one is the rare one, or left out without that."""
        other = -1 if self.rare is None else self.tokens.index(self.rare)
        numbers = (self.tokens.find(character) for character in text)
        return [k for k in (other if k < 0 else k for k in numbers) if k >= 0]

    def write(self, beginning: str, tau: float, seed: int) -> str:
        """What follows a beginning: ``length`` characters, or up to the document's end.

        The same arguments give the same text. Raises ValueError for a negative tau.
        """
        first = self.encode(self.end or "\n")
        rare = self.encode(self.rare) if self.rare else []

        def step(token: int, state: Any) -> tuple[Array, Any]:
            scores, state = forward(self.params, np.array([[token]]), state)
            scores[..., rare] = -np.inf  # it stands for no character that could be shown
            return scores[0, 0], state

        choose = sampling.sampler(np.random.default_rng(seed), tau)
        end = first[0] if self.end else None
        ids = sampling.generate(step, [*first, *self.encode(beginning)], self.length, choose,
                                end=end)  # fmt: skip
        return "".join(self.tokens[k] for k in ids if k != end)


class Shown:
    """What a notebook shows: samples; and where the page puts the network that wrote them."""

    def __init__(self, samples: list[tuple[str, str]], place: dict[str, str]) -> None:
        """Args: samples: beginnings and what follows; place: attributes for the page's script."""
        self.samples, self.place = samples, place

    def __repr__(self) -> str:
        return "\n\n".join(beginning + text for beginning, text in self.samples)

    def _repr_html_(self) -> str:
        attributes = "".join(f' data-{name}="{escape(text)}"' for name, text in self.place.items())
        samples = "".join(f"<pre><b>{escape(beginning)}</b>{escape(text)}</pre>"
                          for beginning, text in self.samples)  # fmt: skip
        return f'<div class="writer"{attributes}>{samples}</div>'


def show(
    name: str, language: str, beginnings: Sequence[str], tau: float = 0.8, seed: int = 1
) -> Shown:
    """A recorded network writes: samples in a notebook, and in the page whatever is asked of it.

    >>> writer.show("shakespeare", "en", ["ROMEO:\\n", ""])

    Args:
        name: of the network, see :func:`rnncourse.widgets.weights.load`.
        language: of the edition that shows it, "en" or "zh"; the other leaves it out.
        beginnings: which the reader may take; the first two are written on here.
        tau: temperature (eq-language_model-temperature), in the page the one to begin with.
        seed: of the samples; the page draws other numbers with the same seed.

    Raises KeyError for an unknown name; ValueError for another language, no beginnings, or a tau
    outside 0 to 2, the ends of the page's slider.
    """
    if language not in ("en", "zh"):
        raise ValueError(f'language is {language!r}; expected "en" or "zh"')
    if isinstance(beginnings, str) or not beginnings:
        raise ValueError(f"beginnings is {beginnings!r}; expected a list of at least one text")
    if not 0 <= tau <= 2:
        raise ValueError(f"tau is {tau}; expected 0 to 2")
    network = weights.load(name)[1]["network"]
    model = Writer(network)
    place = {
        "edition": language,
        "net": name,
        "kilobytes": str(round(weights.size(network) / 1000)),
        "tau": str(tau),
        "beginnings": json.dumps(list(beginnings), ensure_ascii=False),
    }
    return Shown([(text, model.write(text, tau, seed)) for text in beginnings[:2]], place)
