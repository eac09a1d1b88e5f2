"""Run every notebook as a learner has it: alone in an empty folder, with the package installed.

The package is built as a wheel and installed into a folder of its own, so that the same
run proves that the wheel is complete. nbval compares the cells marked NBVAL_CHECK_OUTPUT.

    python tools/nbval_run.py [STEM ...]      all notebooks, or those whose stem is named
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from edition_checks import notebooks
from notebooks import TIMEOUT, code_cells, read

ROOT = Path(__file__).resolve().parent.parent
PYTEST = ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={TIMEOUT}"]
PYTEST += ["-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", "-q"]


def build_wheel(folder: Path) -> Path:
    """Build the package's wheel from a copy of its sources and return its path."""
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("rnncourse", "benchmarks/results"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
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
    """Copy each notebook that has code into an empty folder of its own."""
    count = 0
    for path in notebooks(ROOT):
        if code_cells(read(path)) and (not wanted or path.stem in wanted):
            place = folder / path.parent.relative_to(ROOT) / path.stem
            place.mkdir(parents=True)
            shutil.copy(path, place)
            count += 1
    return count


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        target, runs = folder / "installed", folder / "runs"
        runs.mkdir()
        install_wheel(build_wheel(folder), target)
        if not imported_from(target, runs).is_relative_to(target):
            print("The installed copy is not the one that is imported.")
            return 1
        count = copy_notebooks(runs, sys.argv[1:])
        print(f"{count} notebooks, each in an empty folder", flush=True)
        if not count:
            return 1
        # An empty configuration: the repository's is for its own tests.
        (runs / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        shutil.copy(ROOT / "tools" / "kernels.py", runs / "conftest.py")
        command = [sys.executable, "-m", "pytest", *PYTEST, "--rootdir", str(runs), "."]
        return subprocess.run(command, cwd=runs, env=environment(target), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
