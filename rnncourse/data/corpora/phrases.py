"""Read the phrase tables that translators edit: ``*.yml`` beside this file.

In them English and Chinese stand beside each other. Everything in them is text, also ``no`` and
``12``. Whatever is not as its reader wants it raises a ValueError that names the file, the
line, what stands there and what should.
"""

import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from yaml import Node

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "zh")
Pair = tuple[str, str]  # English, Chinese


class Part:
    """A part of a phrase file, which knows its line: a text, a list of parts, or named parts."""

    def __init__(self, file: str, node: "Node", place: str = "") -> None:
        self.file, self.node, self.place = file, node, place

    def fail(self, found: str, expected: str) -> NoReturn:
        """Raise ValueError for this part."""
        place = f", {self.place}" if self.place else ""
        line = self.node.start_mark.line + 1
        raise ValueError(f"{self.file}, line {line}{place}: found {found}; expected {expected}")

    def named(self, *names: str) -> dict[str, "Part"]:
        """The parts by name, in the order of ``names``. Raises ValueError for other names."""
        expected = f"{', '.join(names)}, each once"
        if self.node.id != "mapping":
            self.fail(self._kind(), expected)
        found = [str(key.value) for key, _ in self.node.value]
        if sorted(found) != sorted(names):
            self.fail(", ".join(found) or "nothing", expected)
        parts = {key.value: Part(self.file, node, f"{self.place} {key.value}".strip())
                 for key, node in self.node.value}  # fmt: skip
        return {name: parts[name] for name in names}

    def listed(self, size: int | None = None) -> list["Part"]:
        """The parts of a list. Raises ValueError if it is none, empty, or not of ``size``."""
        if self.node.id != "sequence":
            self.fail(self._kind(), "a list")
        found = len(self.node.value)
        if found != size and (size is not None or not found):
            self.fail(f"{found} entries", "at least one" if size is None else f"{size}")
        return [Part(self.file, node, f"{self.place} {k}".strip())
                for k, node in enumerate(self.node.value, 1)]  # fmt: skip

    def text(self) -> str:
        """The text on one line. Raises ValueError if it is none, or missing."""
        if self.node.id != "scalar":
            self.fail(self._kind(), "a text; one with braces stands in quotes")
        if not self.node.value and self.node.style is None:
            self.fail("nothing", 'a text, or "" where it is to be empty')
        if self.node.start_mark.line != self.node.end_mark.line:
            self.fail("a text over several lines", "one line")
        return self.node.value

    def _kind(self) -> str:
        return {"mapping": "names with values", "sequence": "a list"}.get(
            self.node.id, f"the text {self.node.value!r}"
        )


def read(name: str, folder: Path = FOLDER) -> Part:
    """The whole phrase file ``NAME.yml``.

    Raises ValueError, with the line, if it is not YAML in UTF-8, and ImportError without PyYAML.
    """
    import yaml

    file = f"{name}.yml"
    try:
        with (folder / file).open(encoding="utf-8") as stream:
            node = yaml.compose(stream, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        hint = "with quotes around texts that begin with { or have punctuation"
        raise ValueError(f"{file}: found {error}; expected YAML in UTF-8, {hint}") from error
    if node is None:
        raise ValueError(f"{file}: found nothing; expected phrases")
    return Part(file, node)


def pair(part: Part, must: str = "", may: str = "") -> Pair:
    """A phrase in English and Chinese.

    Args:
        must: names of placeholders, between blanks; each stands once in both languages.
        may: further ones that may stand there, in both languages or in none.

    Raises ValueError where a language is missing, or placeholders are not these.
    """
    both = part.named(*LANGUAGES).values()
    of_english, of_chinese = (_placeholders(text) for text in both)
    for text, found in zip(both, (of_english, of_chinese), strict=True):
        known = {*must.split(), *may.split()}
        wrong = set(found) - known or set(must.split()) - set(found)
        if wrong or len(set(found)) < len(found):
            text.fail(_braces(found) or "no placeholder",
                      f"{_braces(must.split()) or 'none'}, each once"
                      + (f", and perhaps {_braces(may.split())}" if may else ""))  # fmt: skip
    if sorted(of_english) != sorted(of_chinese):
        part.fail(f"{_braces(of_english) or 'none'} in en, {_braces(of_chinese) or 'none'} in zh",
                  "the same placeholders in both")  # fmt: skip
    english, chinese = (text.text() for text in both)
    return english, chinese


def pairs(part: Part, must: str = "", may: str = "", size: int | None = None) -> tuple[Pair, ...]:
    """A list of phrases; arguments and errors as in :func:`pair`, and ``size`` entries if given."""
    return tuple(pair(entry, must, may) for entry in part.listed(size))


def join(sentences: Sequence[str], way: int) -> str:
    """One text of sentences; ``way`` is 0 for English, with blanks between, 1 for Chinese."""
    return (" ", "")[way].join(sentences)


def _placeholders(part: Part) -> list[str]:
    text = part.text()
    try:
        return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError:
        part.fail(f"{text!r}", "each { with its }")


def _braces(names: Sequence[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
