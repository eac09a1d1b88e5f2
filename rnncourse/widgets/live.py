"""A network that the reader of the published page feeds: it runs in the browser.

A notebook shows the answers to some examples. In the published book a small script
(``book/_static/live.js``) reads the weights out of the page and computes the rest by itself.
"""

import base64
import json
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._types import Array
from rnncourse.nlp.text import Vocabulary
from rnncourse.nn import functional, layers
from rnncourse.nn.cells import LSTM_GATES


class Live:
    """Weights, words and examples of one network; shown by a notebook."""

    def __init__(self, content: dict[str, Any], rows: list[tuple[str, str]]) -> None:
        """Args: content: what the script needs; rows: examples and their answers."""
        self.content, self.rows = content, rows

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
            f'<div class="live" data-edition="{language}"><table><thead><tr>'
            f'<th scope="col">{head[0]}</th><th scope="col">{head[1]}</th></tr></thead>'
            f'<tbody>{rows}</tbody></table><script type="application/json">{plain}</script></div>'
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
    """A bidirectional LSTM that reads a text and sorts it into two classes.

    The network is that of the chapter on sentiment (eq-sentiment-mean): embedding, LSTM in both
    directions, mean over the positions, dense layer, softmax.

    Args:
        params: {"embedding": {"E": (V, D)}, "lstm": (forward, backward), "output": {"W_y":
            (2H, 2), "b_y": (2,)}}.
        tokenize: text → tokens, for the examples; the script cuts English as ``text.words`` does
            and takes the longest Chinese word that the vocabulary knows.
        language: of the edition that shows it, "en" or "zh"; the other leaves it out.
        classes: names of the two classes, in that language.

    Raises ValueError for another language, or weights of other shapes.
    """
    if language not in ("en", "zh"):
        raise ValueError(f'language = {language!r}; expected "en" or "zh"')
    weights = _weights(params, len(vocabulary.tokens))
    rows = []
    for example in examples:
        p = probabilities(params, vocabulary.encode(tokenize(example)))
        rows.append((example, f"{classes[1]} {p[1]:.2f}"))
    content = {
        "language": language,
        "classes": list(classes),
        "limit": limit,
        "tokens": vocabulary.tokens,
        "unknown": vocabulary.unknown,
        "examples": list(examples),
        "gates": list(LSTM_GATES),
        "weights": weights,
    }
    return Live(content, rows)


def probabilities(params: dict[str, Any], ids: ArrayLike) -> Array:
    """Probabilities (2,) of the classes for one text of token numbers."""
    xs = layers.embedding_forward(np.asarray(ids)[None], params["embedding"])
    hs, _, _ = layers.bidirectional_forward("lstm", xs, None, params["lstm"])
    return functional.softmax(layers.dense_forward(hs.mean(axis=1), params["output"]))[0]


def _weights(params: dict[str, Any], V: int) -> dict[str, dict[str, Any]]:
    """Every array by name: its shape, and its float32 numbers in base 64."""
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
    return {
        name: {
            "shape": list(array.shape),
            "base64": base64.b64encode(array.astype("<f4").tobytes()).decode(),
        }
        for name, array in arrays.items()
    }
