"""What the confined process gets: a copy of the package, the bootstrap, allowed packages, limits.

Nothing here knows expected values. The copy holds nothing of the grader.
"""

from __future__ import annotations

import ast
import compileall
import importlib.util
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Never copied: the answer key, the grader and what would hand it out; pictures and their font.
LEFT_OUT = ("grading", "__main__.py", "results", "fonts")
BOOT = ("confine/child.py", "confine/kernel.py", "confine/landlock.py", "confine/seccomp.py",
        "protocol.py")  # fmt: skip


# Beside modules, what the sets of `data` are read from.
TEXTS = ("data/corpora/*.txt", "data/corpora/*.yml")
STUB_GRADING = 'def check(*args, **kwargs):\n    """Does nothing while a notebook is graded."""\n'


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Seconds and bytes.

    `memory` is what it may have in all where it can start no other process, or where a group holds
    its processes together; else each of `processes` has a limit of as much, threads counted.
    """

    wall: float = 20.0
    memory: int = 1 << 30  # NumPy, SciPy and Matplotlib together take 0.3
    file: int = 16 << 20
    processes: int = 3
    threads: int = 16
    files: int = 128
    reply: int = 4 << 20

    def resources(self, together: bool) -> dict[str, int]:
        """The limits that the kernel enforces on each process.

        `together`: its processes cannot multiply the memory, and so may be a few more.
        """
        return {
            "RLIMIT_CPU": int(self.wall) + 1,
            "RLIMIT_AS": self.memory,
            "RLIMIT_FSIZE": self.file,
            "RLIMIT_NPROC": self.threads if together else self.processes,
            "RLIMIT_NOFILE": self.files,
            "RLIMIT_CORE": 0,
        }


class SandboxError(Exception):
    """The confined process cannot be started on this machine."""


def top_level_names(source: str) -> set[str]:
    """The functions and classes that a module defines."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in ast.parse(source).body if isinstance(node, kinds)}


def stub_withheld(source: str, withheld: set[str], module: str) -> str:
    """Replace top-level functions and classes named in `withheld` by ones that raise."""
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name in withheld:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            message = f"{module}.{node.name} is withheld in this exercise"
            stub = [f"def {node.name}(*args, **kwargs):",
                    f"    raise NotImplementedError({message!r})"]  # fmt: skip
            lines[first - 1 : node.end_lineno] = stub
    return "\n".join(lines) + "\n"


def copy_package(source: Path, copy: Path, withhold: list[str]) -> None:
    """Copy the package without what is left out or withheld, as "nn.cells.rnn_step" or "nn.cells".

    A withheld module, or a folder of them, raises `ImportError`. Corpora in YAML need PyYAML
    too, which an exercise would have to allow.

    Raises `SandboxError` for a withheld name that the package does not have: it would withhold
    nothing.
    """
    copy.mkdir(parents=True)
    unknown = set(withhold)
    for file in sorted(source.rglob("*.py")):
        place = file.relative_to(source)
        if place.parts[0] in LEFT_OUT:
            continue
        module = ".".join(place.with_suffix("").parts).removesuffix(".__init__")
        source_text = file.read_text("utf-8")
        whole = {w for w in withhold if f"{module}.".startswith(f"{w}.")}
        names = {name for name in top_level_names(source_text) if f"{module}.{name}" in withhold}
        unknown -= whole | {f"{module}.{name}" for name in names}
        text = f"raise ImportError('{module} is withheld in this exercise')\n"
        if not whole:
            text = stub_withheld(source_text, names, module)
        (copy / place).parent.mkdir(parents=True, exist_ok=True)
        (copy / place).write_text(text, "utf-8")
    if unknown:
        raise SandboxError(f"the package has no {', '.join(sorted(unknown))} to withhold")
    for file in sorted(f for texts in TEXTS for f in source.glob(texts)):
        shutil.copyfile(file, copy / file.relative_to(source))


class Stage:
    """A folder with what the child may import: package copy, bootstrap, allowed packages."""

    def __init__(self, withhold: Iterable[str], packages: Iterable[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rnncourse-"))
        self.packages = find_packages(packages)
        grading = Path(__file__).resolve().parents[1]
        copy = self.folder / "lib" / "rnncourse"
        try:
            copy_package(grading.parent, copy, list(withhold))
        except SandboxError:
            self.close()
            raise
        (copy / "grading.py").write_text(STUB_GRADING, "utf-8")
        boot = self.folder / "boot"
        boot.mkdir()
        (boot / "__init__.py").touch()
        for name in BOOT:
            shutil.copy(grading / name, boot)
        compileall.compile_dir(self.folder, quiet=2)
        (self.folder / "packages").mkdir()
        for name, path in self.packages.items():
            (self.folder / "packages" / name).symlink_to(path)
        for path in [self.folder, *self.folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def find_packages(names: Iterable[str]) -> dict[str, Path]:
    """Where each importable name lies, with the shared libraries of its wheel beside it."""
    found: dict[str, Path] = {}
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SandboxError(f"the exercise needs {name}, which is not installed")
        origin = Path(spec.origin)
        path = origin.parent if spec.submodule_search_locations else origin
        found[path.name] = path
        libraries = path.parent / f"{path.name}.libs"
        if libraries.is_dir():
            found[libraries.name] = libraries
    return found
