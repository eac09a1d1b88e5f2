"""What a cell shows of itself: outputs for one edition of the book only."""


def edition(language: str) -> None:
    """Mark what the cell shows from here on as belonging to one edition.

    Both editions share one execution, so a cell whose output is in one language shows it in
    both, one after the other; the book keeps the page's own.

    >>> show.edition("en"); print("a story")
    >>> show.edition("zh"); print("一个故事")

    Args:
        language: "en", "zh", or "both" for what follows to be shown everywhere again.

    Raises ValueError for another language.
    """
    if language not in ("en", "zh", "both"):
        raise ValueError(f"language is {language!r}; expected 'en', 'zh' or 'both'")
    from IPython.display import HTML, display

    print(end="", flush=True)
    display(HTML(f'<div class="edition" data-edition="{language}"></div>'))
