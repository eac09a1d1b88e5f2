"""What several extension modules ask of an edition: its language, and the signs of Chinese."""

# A Chinese character, or punctuation that stands among them.
CJK = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef\u2018-\u201d]"


def edition(owner) -> str:
    """Return "en" or "zh" for Sphinx's language code.

    Args:
        owner: what has Sphinx's `config`: the application, the environment or a directive.
    """
    return (owner.config.language or "en")[:2]
