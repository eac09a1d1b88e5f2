"""The command `rnncourse gradescope-zip EXERCISE…`: the zip that Gradescope builds a grader from.

In it: `setup.sh`, which Gradescope runs once as root, `run_autograder`, which it runs for each
submission, the solutions of the exercises, and a wheel of the package if one is given.
"""

from __future__ import annotations

import argparse
import io
import shlex
import zipfile
from collections.abc import Collection
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Any

from rnncourse.grading import gradescope
from rnncourse.grading.exercise import NotebookError, read_notebook
from rnncourse.grading.outputs import check_files, write_whole

PLACEHOLDER = "YOUR-ORG"
WHEEL = ".whl"
SETUP = Template("""\
#!/usr/bin/env bash
# Gradescope runs this once, as root, while it builds the grader.
set -euo pipefail
root="$${AUTOGRADER:-/autograder}"
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y bubblewrap git python3 python3-venv

usable() {
  "$$1" -c 'import ensurepip, sys, venv
sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}
find_python() {
  python=""
  for name in python3 python3.13 python3.12 python3.11; do
    if usable "$$name"; then python="$$name"; return; fi
  done
}
find_python
if [ -z "$$python" ]; then  # Ubuntu 22.04 has Python 3.10
  apt-get install -y software-properties-common
  add-apt-repository -y ppa:deadsnakes/ppa
  apt-get update
  apt-get install -y python3.12 python3.12-venv
  find_python
fi
"$${python:?no Python 3.11 to 3.13 could be installed}" -m venv "$$root/env"
"$$root/env/bin/pip" install --quiet $package
""")
RUN = Template("""\
#!/usr/bin/env bash
# Gradescope runs this for each submission, and reads results.json.
root="$${AUTOGRADER:-/autograder}"
results="$$root/results/results.json"
mkdir -p "$$root/results"
rm -f "$$results"
"$$root/env/bin/rnncourse" grade "$$root/submission" --solutions "$$root/source/solutions" \\
  --exercises $exercises --visibility $visibility --lang $lang --gradescope "$$results"
if [ ! -s "$$results" ]; then
  cat > "$$results" <<'END'
${failed}END
fi
exit 0
""")


def add_parser(commands: Any) -> None:
    """Add `gradescope-zip EXERCISE…` to the command line."""
    parser = commands.add_parser("gradescope-zip", help="write an autograder for Gradescope")
    parser.set_defaults(parser=parser)
    add = parser.add_argument
    add("exercise", nargs="+", help="an exercise's id, such as rnn_ex_01")
    add("--out", metavar="ZIP", type=Path, default=Path("autograder.zip"),
        help="default: autograder.zip")  # fmt: skip
    add("--solutions", metavar="DIR", type=Path,
        default=Path(__file__).resolve().parents[2] / "solutions",
        help="default: the course's own")  # fmt: skip
    add("--wheel", metavar="FILE", type=Path, help="a wheel of this package, to install from")
    add("--package", metavar="REQUIREMENT",
        help="what pip installs without a wheel (default: the package's repository)")  # fmt: skip
    add("--visibility", choices=gradescope.VISIBILITY, default="visible",
        help="who sees the boxes, and when (default: visible)")  # fmt: skip
    add("--lang", choices=("en", "zh"), default="en", help="language of what learners read")


def run(options: argparse.Namespace) -> int:
    """Write the zip. Returns 0; bad input ends the command with 2, and nothing is written."""
    try:
        check_files([options.out], [])
        data = build(options)
        write_whole(options.out, data)
    except (OSError, ValueError) as error:
        return options.parser.error(str(error))
    print(options.out)
    return 0


def build(options: argparse.Namespace) -> bytes:
    """The zip's bytes. Raises `ValueError` or `OSError` where something is missing."""
    exercises = list(dict.fromkeys(options.exercise))
    files = {f"solutions/{path.name}": path.read_bytes()
             for path in solution_files(options.solutions, exercises)}  # fmt: skip
    if options.wheel:
        if options.wheel.suffix != WHEEL or not options.wheel.is_file():
            raise ValueError(f"--wheel {options.wheel}: expected a file that ends in {WHEEL}")
        files[options.wheel.name] = options.wheel.read_bytes()
        package = f'"$root/source/"{shlex.quote(options.wheel.name)}'
    else:
        package = shlex.quote(options.package or repository())
    language = ("en", "zh").index(options.lang)
    why = ("it did not start", "它没有启动")
    scripts = {
        "setup.sh": SETUP.substitute(package=package),
        "run_autograder": RUN.substitute(
            exercises=",".join(exercises), visibility=options.visibility, lang=options.lang,
            failed=gradescope.refused(why, language)),
    }  # fmt: skip
    return _zipped({name: text.encode() for name, text in scripts.items()} | files, scripts)


def solution_files(folder: Path, exercises: Collection[str]) -> list[Path]:
    """The solution notebooks of the exercises. Raises `ValueError` where one has none."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*_sol_*.ipynb")):
        try:
            found[read_notebook(path).exercise or ""] = path
        except NotebookError:
            continue
    unknown = [name for name in exercises if name not in found]
    if unknown:
        known = ", ".join(sorted(name for name in found if name)) or "none"
        raise ValueError(f"no solution of {', '.join(unknown)} in {folder}; there are: {known}")
    return [found[name] for name in exercises]


def repository() -> str:
    """What pip installs the package from, as its metadata say. Raises `ValueError`."""
    try:
        urls = metadata.metadata("rnncourse").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        urls = []
    found = dict(line.split(", ", 1) for line in urls if ", " in line)
    address = found.get("Repository", "")
    if not address or PLACEHOLDER in address:
        raise ValueError("this copy of the course has no public address: name a wheel with "
                         "--wheel, or what pip is to install with --package")  # fmt: skip
    return f"rnncourse @ git+{address}"


def _zipped(files: dict[str, bytes], scripts: Collection[str]) -> bytes:
    """A zip with these files, the scripts executable, the same for the same content."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3  # Unix: so that the mode counts
            entry.external_attr = (0o100755 if name in scripts else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, content)
    return data.getvalue()
