"""A live network as a test reads it back, from a page of the book or a record."""

from rnncourse.nlp import segmentation, text
from rnncourse.widgets import live, weights


def network_of(content: dict) -> tuple[dict, text.Vocabulary]:
    """Parameters in double precision, as `live.probabilities` takes them, and the vocabulary."""
    arrays = {name: a.astype(float) for name, a in weights.unpack(content["weights"]).items()}
    vocabulary = text.Vocabulary(content["tokens"], content["pad"], content["unknown"])
    assert vocabulary.tokens == content["tokens"]
    return live.parameters(arrays), vocabulary


def cut(typed: str, content: dict) -> list[str]:
    """Tokens as live.js says that it cuts: Chinese by the longest word that it knows."""
    return live.tokens(typed, segmentation.Lexicon([content["tokens"]]))
