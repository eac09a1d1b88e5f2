"""The command line: `rnncourse grade …` and `rnncourse data …`."""

import argparse
import sys
from collections.abc import Sequence

from rnncourse.data import cli as data
from rnncourse.grading import cli as grading


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="rnncourse", description="Course tools.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    rooms = {"data": data, "grade": grading}
    for room in rooms.values():
        room.add_parser(commands)
    options = parser.parse_args(argv)
    return rooms[options.command].run(options)


if __name__ == "__main__":
    sys.exit(main())
