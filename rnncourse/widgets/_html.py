"""The HTML that a widget leaves in a page: what a notebook shows, and what the script reads."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape


def holder(widget: str, place: Mapping[str, str], inner: str) -> str:
    """A box of this class around HTML, with what the page's script needs to know as data-…"""
    attributes = "".join(f' data-{name}="{escape(text)}"' for name, text in place.items())
    return f'<div class="{widget}"{attributes}>{inner}</div>'


def table(rows: Iterable[Sequence[str]]) -> str:
    """Rows of texts as a table without a head."""
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tbody>{body}</tbody></table>"


def paragraphs(rows: Iterable[str]) -> str:
    """Each text in a paragraph of its own."""
    return "".join(f"<p>{escape(row)}</p>" for row in rows)


def chosen(examples: Sequence[str]) -> list[str]:
    """The examples as a list. Raises ValueError for one bare text, or none."""
    if isinstance(examples, str) or not examples:
        raise ValueError(f"examples is {examples!r}; expected a list of at least one text")
    return list(examples)
