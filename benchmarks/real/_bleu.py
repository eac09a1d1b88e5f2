"""BLEU of whole sentences."""

from rnncourse import metrics


def bleu(references: list[list[str]], found: list[str]) -> float:
    """Cased, of tokens as sacrebleu's "13a" cuts them; each sentence has one or more references."""
    cut = metrics.tokenize_13a
    score = metrics.bleu([[cut(text) for text in some] for some in references],
                         [cut(text) for text in found]).score  # fmt: skip
    return round(score, 4)
