"""Warnings name the file they come from: keep what is the same on every machine.

Used for the notebooks' stored outputs and, by book/_ext, for the pages.
"""

import re

# A cell's own file has a random name; a library's path begins where it is installed.
CELL = re.compile(r"[^\s\"']*/ipykernel_\d+/\d+\.py")
LIBRARY = re.compile(r"[^\s\"']*/(?:site|dist)-packages/")
COURSE = re.compile(r"/[^\s\"']*/(?=rnncourse/[\w/]+\.py)")


def without_machine_paths(text: str) -> str:
    """Return `text` with paths shortened to library/file.py, and to <cell> for a cell."""
    return COURSE.sub("", LIBRARY.sub("", CELL.sub("<cell>", text)))
