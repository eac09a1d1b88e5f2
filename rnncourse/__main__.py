"""The command line: `rnncourse grade …`, `rnncourse gradescope-zip …`, `rnncourse data …`."""

import os
import sys

# `python -m` looks for modules in the current folder first, and a learner's csv.py may lie there.
# The installed command does not, nor does `python -P`; only these two are safe from the start.
if __name__ == "__main__" and __spec__ is not None and not sys.flags.safe_path:
    sys.path[:] = [folder for folder in sys.path if folder != os.getcwd()]

import argparse
from collections.abc import Sequence

from rnncourse._console import patient
from rnncourse.data import cli as data
from rnncourse.grading import cli as grading
from rnncourse.grading import gradescope_zip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code."""
    with patient():
        return _run(argv)


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="rnncourse", description="Course tools.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    rooms = {"data": data, "grade": grading, "gradescope-zip": gradescope_zip}
    for room in rooms.values():
        room.add_parser(commands)
    options = parser.parse_args(argv)
    return rooms[options.command].run(options)


if __name__ == "__main__":
    sys.exit(main())
