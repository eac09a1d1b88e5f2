"""The command `rnncourse data`: list, get and find the real data sets."""

import argparse
import sys
from typing import Any

from rnncourse import data

PLACES = """\
Environment variables:
  RNNCOURSE_DATA    a folder with files NAME/FILE; it is looked into first
  RNNCOURSE_CACHE   where downloads are kept (default: this user's cache folder)
  RNNCOURSE_MIRROR  an address with the same files, as https://HOST/FOLDER: it is tried before a
                    file's own address. Only a file with the right sha256 is accepted.
"""


def add_parser(commands: Any) -> None:
    """Add `data list`, `data get NAME…` and `data path NAME [FILE]` to the command line."""
    parser = commands.add_parser(
        "data", help="list, download or find real data sets", epilog=PLACES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    actions.add_parser("list", help="names, sizes, licences, and what is here already")
    get = actions.add_parser("get", help="download what is not here yet")
    get.add_argument("name", nargs="+", help="a data set; data list names them")
    path = actions.add_parser("path", help="print where a file lies; download it if need be")
    path.add_argument("name", help="a data set")
    path.add_argument("file", nargs="?", help="one of its files, where it has several")


def run(options: argparse.Namespace) -> int:
    """Do it. Returns 0, or 1 after saying what could not be had."""
    try:
        if options.action == "list":
            return _list()
        if options.action == "path":
            print(data.path(options.name, options.file))
            return 0
        wanted = [(name, file) for name in options.name for file in data.files(name)]
    except (KeyError, data.DataError) as error:
        return _failed(error)
    return max(_get(name, file) for name, file in wanted)


def _list() -> int:
    for name, entry in sorted(data.real().items()):
        files = entry["files"]
        here = sum(data.is_here(name, file) for file in files)
        size = sum(file["bytes"] for file in files.values()) / 1e6
        print(f"{name}  {here} of {len(files)} files here, {size:.1f} MB")
        print(f"    {entry['title']}. Licence: {entry['licence']}")
    return 0


def _get(name: str, file: str) -> int:
    """Print where a file is. One that cannot be had is named, and does not stop the others."""
    try:
        print(data.path(name, file))
    except data.DataError as error:
        return _failed(error)
    return 0


def _failed(error: Exception) -> int:
    print(f"rnncourse: {error.args[0]}", file=sys.stderr)
    return 1
