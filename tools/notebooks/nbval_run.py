"""Run every notebook as a learner has it: alone in an empty folder, with the package installed.

The package is built as a wheel and installed into a folder of its own, so that the same
run proves that the wheel is complete. nbval compares the cells marked NBVAL_CHECK_OUTPUT.

    python -m tools.notebooks.nbval_run [STEM ...]      all notebooks, or those whose stem is named

What the English chapters that passed have shown goes into the build's cache.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from tools.editions.checks import notebooks
from tools.notebooks import execution
from tools.notebooks.store import CLAIM_VALUE, TIMEOUT, code_cells, convert, read

ROOT = Path(__file__).resolve().parents[2]
PYTEST = ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={TIMEOUT}"]
PYTEST += ["-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", "-q"]


def copy_sources(source: Path) -> None:
    """Copy what the package is built from, since setuptools leaves files where it builds."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("rnncourse", "benchmarks/results", "book/programs"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(ROOT / name, source)


def build_wheel(folder: Path) -> Path:
    """Build the package's wheel and return its path."""
    source = folder / "source"
    copy_sources(source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def install_wheel(wheel: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--target", str(target), str(wheel)], check=True)


def environment(target: Path) -> dict[str, str]:
    """Return the environment in which the installed copy comes first."""
    own = {"PYTHONPATH": str(target), "JUPYTER_PREFER_ENV_PATH": "1", "RNNCOURSE_PROGRESS": "0"}
    return os.environ | own


def imported_from(target: Path, folder: Path) -> Path:
    """Return the file that `import rnncourse` reads in that environment."""
    command = [sys.executable, "-c", "import rnncourse; print(rnncourse.__file__)"]
    done = subprocess.run(
        command, cwd=folder, env=environment(target), check=True, capture_output=True, text=True
    )
    return Path(done.stdout.strip()).resolve()


def copy_notebooks(folder: Path, wanted: list[str]) -> int:
    """Copy each notebook that has code into an empty folder of its own.

    Not the Chinese exercises, since a test compares their code cells with the English ones'.
    """
    count = 0
    for path in notebooks(ROOT):
        if path.name.endswith(".zh.ipynb"):
            continue
        if code_cells(read(path)) and (not wanted or path.stem in wanted):
            place = folder / path.parent.relative_to(ROOT) / path.stem
            place.mkdir(parents=True)
            shutil.copy(path, place)
            count += 1
    return count


# Neither is a module of the kernels' processes.
CONFTEST = """
import sys
sys.path.insert(0, {root!r})
from tools.notebooks import kernels
from tools.notebooks.nbval_feed import pytest_runtest_call, pytest_sessionfinish
"""


def prepare_pytest(runs: Path) -> None:
    """Write the configuration of nbval's run; the repository's is for its own tests."""
    (runs / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    conftest = CONFTEST.format(root=str(ROOT))
    (runs / "conftest.py").write_text(conftest, encoding="utf-8")
    sanitize = f"[claims]\nregex: (?m){CLAIM_VALUE}\nreplace: \\1\n"
    (runs / "sanitize.cfg").write_text(sanitize, encoding="utf-8")


def feed(shown: Path, root: Path = ROOT, cache: Path = execution.CACHE) -> list[str]:
    """Put the English pages all of whose cells passed into the build's cache.

    Args:
        shown: the folder in which nbval_feed left its files.

    Returns their stems.
    """
    found = {}
    for file in shown.glob("*.json"):
        found.update(json.loads(file.read_text(encoding="utf-8")))
    fed = []
    for name, cells in sorted(found.items()):
        path = Path(name)
        page = execution.page_of(root, path.stem)
        if path.parent.parent.name != "en" or not page.exists():
            continue
        notebook = convert(page)
        own = code_cells(notebook)
        if [c.source for c in own] != [c.source for c in code_cells(read(path))]:
            continue
        if sorted(map(int, cells)) != list(range(len(own))):
            continue  # a cell failed, or nbval counts otherwise
        for number, cell in enumerate(own):
            cell.outputs = [nbformat.from_dict(o) for o in cells[str(number)]["outputs"]]
        seconds = sum(cell["seconds"] for cell in cells.values())
        execution.keep(cache, root, path.stem, notebook, "", seconds)
        fed.append(path.stem)
    return fed


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        target, runs, shown = folder / "installed", folder / "runs", folder / "shown"
        runs.mkdir()
        shown.mkdir()
        install_wheel(build_wheel(folder), target)
        if not imported_from(target, runs).is_relative_to(target):
            print("The installed copy is not the one that is imported.")
            return 1
        count = copy_notebooks(runs, sys.argv[1:])
        print(f"{count} notebooks, each in an empty folder", flush=True)
        if not count:
            return 1
        prepare_pytest(runs)
        command = [sys.executable, "-m", "pytest", *PYTEST, "--nbval-sanitize-with", "sanitize.cfg"]
        command += ["--rootdir", str(runs), "."]
        own = environment(target) | {"RNNCOURSE_SHOWN": str(shown)}
        code = subprocess.run(command, cwd=runs, env=own, check=False).returncode
        fed = feed(shown)
        print(f"{len(fed)} pages need not be executed again for the book")
        return code


if __name__ == "__main__":
    sys.exit(main())
