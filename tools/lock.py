"""Write constraints.txt: the exact versions that .venv holds."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# Exact versions that `make` installs, written by `make lock`. Ranges stand in pyproject.toml.
# The sphinx-book-theme is held back: 1.3.0 adds a second top bar with a second search box.
"""
# Either name is the same library; a machine installs the one that suits its system.
TWINS = {"tensorflow-cpu": "tensorflow", "tensorflow": "tensorflow-cpu"}
# Installers, not part of the course; a new Python brings newer ones.
SKIP = {"pip", "wheel", "rnncourse"}


def constraints(freeze: str) -> str:
    """Return the text of constraints.txt for the output of `pip freeze`."""
    pins = {}
    for line in freeze.splitlines():
        name, found, version = line.partition("==")
        name = re.sub(r"[-_.]+", "-", name).lower()
        if found and name not in SKIP:
            # A local tag (+cpu) names one index's build; other machines have another.
            pins[name] = version.partition("+")[0]
    for name, twin in TWINS.items():
        if name in pins:
            pins[twin] = pins[name]
    # A twin's wheel covers fewer systems, so neither pin may be needed: a constraint
    # on a package that nothing installs is harmless.
    return HEADER + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins))


def main() -> None:
    command = [sys.executable, "-m", "pip", "freeze", "--exclude-editable", "--all"]
    freeze = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (ROOT / "constraints.txt").write_text(constraints(freeze), encoding="utf-8")
    print("Wrote constraints.txt; compare the versions in environment.yml with it.")


if __name__ == "__main__":
    main()
