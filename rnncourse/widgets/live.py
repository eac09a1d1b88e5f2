"""A network that the reader of the published page feeds: it runs in the browser.

A notebook shows the answers to some examples. In the published book two small scripts
(``book/_static/net.js`` and ``live.js``) compute the rest by themselves: with weights that stand
in the page, where its own cells trained the network, or that load when the reader first asks,
where it was recorded (:mod:`rnncourse.widgets.weights`).
"""

import functools
import json
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._types import Array
from rnncourse.nlp import documents, segmentation, text
from rnncourse.nlp.text import Vocabulary
from rnncourse.nn import functional, layers
from rnncourse.widgets import weights

POOLS = ("mean", "max")
NOT = "n't"
UNSURE = {"en": "not sure", "zh": "拿不准"}
Network = dict[str, Any]  # as JSON has it: see `network`


class Live:
    """Weights, words and examples of one network; shown by a notebook."""

    def __init__(self, content: Network, rows: list[tuple[str, str]], name: str = "") -> None:
        """Args: content: what the script needs; rows: examples and their answers; name: of the
        record that the script loads, or nothing where the weights are in the content."""
        self.content, self.rows, self.name = content, rows, name

    def __repr__(self) -> str:
        return "\n".join(f"{answer}  {text}" for text, answer in self.rows)

    def _repr_html_(self) -> str:
        plain = json.dumps(self.content, ensure_ascii=False).replace("<", "\\u003c")
        rows = "".join(
            f"<tr><td>{escape(text)}</td><td>{escape(answer)}</td></tr>"
            for text, answer in self.rows
        )
        language = self.content["language"]
        head = {"en": ("text", "answer"), "zh": ("文本", "回答")}[language]
        return (
            f'<div class="live" data-edition="{language}" data-net="{escape(self.name)}">'
            f'<table><thead><tr><th scope="col">{head[0]}</th><th scope="col">{head[1]}</th></tr>'
            f"</thead><tbody>{rows}</tbody></table>"
            f'<script type="application/json">{plain}</script></div>'
        )


def reader(
    params: dict[str, Any],
    vocabulary: Vocabulary,
    tokenize: Callable[[str], list[str]],
    examples: Sequence[str],
    language: str = "en",
    classes: Sequence[str] = ("no", "yes"),
    limit: int = 70,
) -> Live:
    """A network that the page's own cells trained, in eight bits.

    Args:
        params, vocabulary, language, classes, limit: see :func:`network`.
        tokenize: text → tokens, for the examples; the script cuts as :func:`tokens` does.

    Raises ValueError as :func:`network`.
    """
    net = network(params, vocabulary, language, classes, limit)
    left = parameters(weights.unpack(net["weights"]))
    rows = []
    for example in examples:
        p = probabilities(left, vocabulary.encode(tokenize(example)))
        rows.append((example, answer(net, p[1])))
    return Live(net | {"examples": list(examples)}, rows)


def load(name: str, examples: Sequence[str]) -> Live:
    """A recorded network, which the published page loads when the reader first asks.

    Raises KeyError and ValueError as :func:`rnncourse.widgets.weights.load`.
    """
    arrays, record = weights.load(name)
    net, params = record["network"], parameters(arrays)
    rows = []
    for example in examples:
        p, _ = judge(net, params, example)
        rows.append((example, UNSURE[net["language"]] if p is None else answer(net, p[1])))
    return Live({"language": net["language"], "examples": list(examples)}, rows, name)


# --- a network as a record holds it -----------------------------------------------------


def network(
    params: dict[str, Any],
    vocabulary: Vocabulary,
    language: str = "en",
    classes: Sequence[str] = ("no", "yes"),
    limit: int = 70,
    pool: str = "mean",
    sure: float = 0.5,
) -> Network:
    """All that a page needs of a bidirectional LSTM that sorts texts into two classes.

    The network is that of the chapter on sentiment (eq-sentiment-mean): embedding, LSTM in both
    directions, mean or maximum over the positions, dense layer, softmax.

    Args:
        params: {"embedding": {"E": (V, D)}, "lstm": (forward, backward), "output": {"W_y":
            (2H, 2), "b_y": (2,)}}.
        language: of the edition that shows it, "en" or "zh"; the other leaves it out.
        classes: names of the two classes, in that language.
        limit: of a longer text the last ``limit`` tokens are read.
        pool: "mean" or "max".
        sure: a class is the answer if its probability is at least this, else "not sure".

    Raises ValueError for another language or pool, ``sure`` outside [0.5, 1), a vocabulary without
    an unknown token, or weights of other shapes.
    """
    if language not in UNSURE or pool not in POOLS or not 0.5 <= sure < 1:
        raise ValueError(
            f"language = {language!r}, pool = {pool!r}, sure = {sure}; expected "
            '"en" or "zh", "mean" or "max", and at least 0.5 but below 1'
        )
    if vocabulary.unknown is None:
        raise ValueError("vocabulary has no unknown token; expected one, for what is typed")
    _check_shapes(params, len(vocabulary))
    return {
        "language": language,
        "classes": list(classes),
        "limit": limit,
        "pool": pool,
        "sure": sure,
        "pad": vocabulary.pad,
        "unknown": vocabulary.unknown,
        "tokens": vocabulary.tokens,
        "weights": weights.pack(params),
    }


def parameters(arrays: dict[str, Array]) -> dict[str, Any]:
    """Arrays by name, as ``weights.unpack`` returns them → the nest that ``network`` takes."""
    return {
        "embedding": weights.part(arrays, "embedding"),
        "lstm": tuple(weights.part(arrays, f"lstm.{way}") for way in (0, 1)),
        "output": weights.part(arrays, "output"),
    }


def probabilities(params: dict[str, Any], ids: ArrayLike, pool: str = "mean") -> Array:
    """Probabilities (2,) of the classes for one text of token numbers."""
    xs = layers.embedding_forward(np.asarray(ids)[None], params["embedding"])
    hs, _, _ = layers.bidirectional_forward("lstm", xs, None, params["lstm"])
    pooled = hs.mean(axis=1) if pool == "mean" else hs.max(axis=1)
    return functional.softmax(layers.dense_forward(pooled, params["output"]))[0]


def judge(net: Network, params: dict[str, Any], typed: str) -> documents.Judgement:
    """What a recorded network says of a text: see :func:`rnncourse.nlp.documents.judge`."""
    vocabulary, lexicon = _words(tuple(net["tokens"]), net["pad"], net["unknown"])
    return documents.judge(
        typed,
        lambda typed: tokens(typed, lexicon),
        vocabulary,
        lambda ids: probabilities(params, ids, net["pool"]),
        net["limit"],
    )


def tokens(typed: str, lexicon: segmentation.Lexicon) -> list[str]:
    """Tokens as the page's script cuts them: Chinese by the longest word that it knows.

    The apostrophe of a telephone, ’, becomes that of the reviews. Where the lexicon has "n't", an
    unknown word that ends with it is two tokens: could n't.
    """
    found = []
    for token in text.words(
        typed.replace("’", "'"), lambda run: segmentation.forward_match(run, lexicon)
    ):
        if NOT in lexicon and token not in lexicon and token.endswith(NOT) and token != NOT:
            found += [token.removesuffix(NOT), NOT]
        else:
            found.append(token)
    return found


def answer(net: Network, p: float) -> str:
    """The class and its probability, or that the network is not sure; ``p``: of the second."""
    if max(p, 1 - p) < net["sure"]:
        return f"{UNSURE[net['language']]} ({net['classes'][1]} {p:.2f})"
    return f"{net['classes'][int(p >= 0.5)]} {max(p, 1 - p):.2f}"


@functools.lru_cache(4)
def _words(
    names: tuple[str, ...], pad: str | None, unknown: str
) -> tuple[Vocabulary, segmentation.Lexicon]:
    return Vocabulary(names, pad, unknown), segmentation.Lexicon([names])


def _check_shapes(params: dict[str, Any], V: int) -> None:
    arrays = {"E": params["embedding"]["E"], **params["output"]}
    for way, lstm in zip(("forward", "backward"), params["lstm"], strict=True):
        arrays |= {f"{way}.{name}": array for name, array in lstm.items()}
    H, D = len(arrays["forward.W_h"]), arrays["E"].shape[1]
    shapes = {"E": (V, D), "W_y": (2 * H, 2), "b_y": (2,)}
    for way in ("forward", "backward"):
        shapes |= {f"{way}.W_x": (D, 4 * H), f"{way}.W_h": (H, 4 * H), f"{way}.b": (4 * H,)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"params: {name} has shape {arrays[name].shape}; expected {shape}")
