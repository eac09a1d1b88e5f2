"""Tokens of a text as BLEU scores are reported with: the rules of mteval-v13a and of Chinese."""

import re

# ASCII signs but ' , - . each become a token; then . and , unless digits stand on both sides,
# and - behind a digit.
_RULES = (
    (re.compile(r"([ -&(-+/:-@\[-`{-~])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
# Characters that stand alone in Chinese text: Han, its punctuation, full-width signs. From
# U+2001 on, since sacrebleu's "Extension B" means that; the real one, from U+20000, does not.
_CHINESE = re.compile(
    "([\u2001-\u2a6d\u2e80-\u2fdf\u2ff0-\u303f\u3100-\u312f\u31a0-\u31ef\u3200-\u4db5"
    "\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f"
    "\uff00-\uffef])"
)


def tokenize_13a(text: str) -> list[str]:
    """Tokens of a European language, as sacrebleu's ``13a`` finds them; case is kept.

    White space separates. Signs are tokens, but for an apostrophe, a hyphen that no digit
    precedes, and a point or comma between digits. ``&quot;`` and its like become signs first.
    Source: mteval-v13a.pl of NIST, which WMT used. Raises TypeError for what is no string.
    """
    text = _text(text).rstrip()
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in _ENTITIES:
        text = text.replace(entity, sign)
    return _split(f" {text} ")


def tokenize_zh(text: str) -> list[str]:
    """Tokens of Chinese text, as sacrebleu's ``zh`` finds them.

    Each Chinese character and each full-width sign is a token; what stands between them is
    split as :func:`tokenize_13a` does it. Raises TypeError for what is no string.
    """
    return _split(_CHINESE.sub(r" \1 ", _text(text).strip()))


def _split(text: str) -> list[str]:
    for rule, spaced in _RULES:
        text = rule.sub(spaced, text)
    return text.split()


def _text(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"text is {type(text).__name__}; expected one string")
    return text
