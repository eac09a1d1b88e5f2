"""Text that learners control, made fit to be shown: file names, errors, whatever they typed.

Nothing that comes from here can move a cursor, turn the direction of reading, hide, or break a
line. `guarded` is for spreadsheets, which also run formulas.
"""

from __future__ import annotations

import re
import unicodedata

MAX_NAME = 200
# Letters and marks that Python calls printable though nothing is seen of them: Unicode's
# Default_Ignorable_Code_Point (DerivedCoreProperties.txt), and the braille blank.
UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# A cell that begins so is a formula; so is the next cell, where the spreadsheet splits at `;`.
SIGNS = "=+-@\u2212"
CELL = re.compile(r"(?:^|;)\s*(?=(\S))", re.A)


def is_seen(char: str) -> bool:
    """True for one character that prints as itself, in its place; a space is one."""
    return char.isprintable() and not UNSEEN.match(char)


def printable(text: str) -> str:
    """Text on one printable line: what is not seen becomes a space, several spaces one."""
    return " ".join("".join(c if is_seen(c) else " " for c in text).split())


def escaped(text: str) -> str:
    r"""A name, what is not seen in it written as an escape (`\u202e`): two names stay two."""
    shown = "".join(c if is_seen(c) else _escape(c) for c in text)
    return shown if len(shown) <= MAX_NAME else f"{shown[: MAX_NAME - 50]}…{shown[-49:]}"


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name that is no text
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 128 else f"\\u{code:04x}"


def guarded(text: str) -> str:
    """A spreadsheet's cell: printable, and never a formula, also in full-width characters."""
    return CELL.sub(_guard, printable(text))


def _guard(found: re.Match[str]) -> str:
    danger = unicodedata.normalize("NFKC", found[1])[:1] in SIGNS
    return f"{found[0]}'" if danger else found[0]


def name_from_bytes(raw: bytes, backslash: str = "\\") -> str:
    """A file's name from its bytes: UTF-8, else GB18030 (Windows in Chinese), else escapes.

    `backslash` replaces that character, which stands between folders in some archives.
    """
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding).replace("\\", backslash)
        except UnicodeDecodeError:
            continue
    return raw.replace(b"\\", backslash.encode()).decode("ascii", "backslashreplace")
