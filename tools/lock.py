"""Write constraints.txt: exact versions of all that `make` installs, on any system and Python.

    make lock          the versions of now where they still fit, newer ones where they do not
    make lock UPGRADE=1

`uv pip compile --universal` resolves once for all systems; what only some of them need carries a
marker. pip reads the file as constraints: a line on a package that nothing installs does nothing.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = Path("constraints.txt")
HEADER = """\
# Exact versions that `make` installs, written by `make lock`. Ranges stand in pyproject.toml.
# PyTorch is held: another version may bring gigabytes. So is the sphinx-book-theme: 1.3.0 adds a
# second top bar with a second search box.
"""
HELD = ("torch==2.13.0", "sphinx-book-theme<1.3")


def command(root: Path, upgrade: bool) -> list[str]:
    """The call of uv, which reads the versions of now from the file that it writes."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [f"--extra={name}" for name in project["optional-dependencies"]]
    options = ["--universal", "--no-annotate", "--no-header", "--quiet", "--constraint=-"]
    return [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", *extras, *options,
            f"--output-file={TARGET}", *(["--upgrade"] if upgrade else [])]  # fmt: skip


def main(arguments: list[str]) -> None:
    """Write the file. `--upgrade` takes the newest versions that fit."""
    subprocess.run(command(ROOT, "--upgrade" in arguments), cwd=ROOT, check=True, text=True,
                   input="\n".join(HELD))  # fmt: skip
    file = ROOT / TARGET
    file.write_text(HEADER + file.read_text(encoding="utf-8"), encoding="utf-8")
    print("Wrote constraints.txt; `make test` says whether the course works with it.")


if __name__ == "__main__":
    main(sys.argv[1:])
