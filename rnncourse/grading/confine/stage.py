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
BOOT = ("confine/child.py", "confine/kernel.py", "confine/landlock.py", "confine/notebook.py",
        "confine/seccomp.py", "confine/shell.py", "confine/stubs.py", "protocol.py")  # fmt: skip
TRANSFORMER = ("core/inputtransformer2.py", "utils/tokenutil.py")  # of IPython
OPTIONAL = ("scipy",)  # what every notebook may import, where the grader's machine has it
TITLES = {"numpy": "NumPy", "scipy": "SciPy", "torch": "PyTorch", "keras": "Keras",
          "tensorflow": "TensorFlow"}  # fmt: skip


# Beside modules, what the sets of `data` are read from.
TEXTS = ("data/corpora/*.txt", "data/corpora/*.yml")
STUB_GRADING = """
class Result:
    points = max_points = 1.0
    text = html = ""

def check(*args, **kwargs):
    \"\"\"Says nothing while a notebook is graded.\"\"\"
    return Result()
"""


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Seconds and bytes.

    `memory` is what it may have in all where it can start no other process, or where a group holds
    its processes together; else each of `processes` has a limit of as much, threads counted.
    `training` is for calls that train, beside `wall`; each of them has a deadline of its own.
    """

    wall: float = 20.0
    training: float = 0.0
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
            "RLIMIT_CPU": int(self.wall + self.training) + 1,
            "RLIMIT_AS": self.memory,
            "RLIMIT_FSIZE": self.file,
            "RLIMIT_NPROC": self.threads if together else self.processes,
            "RLIMIT_NOFILE": self.files,
            "RLIMIT_CORE": 0,
        }


class SandboxError(Exception):
    """The confined process cannot be started on this machine."""


def stub_withheld(source: str, withheld: set[str], module: str) -> tuple[str, set[str]]:
    """Replace top-level functions and classes named in `withheld` by ones that raise.

    Returns the source and those of the names that it defines.
    """
    lines, found = source.splitlines(), set()
    for node in reversed(ast.parse(source).body):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name in withheld:
            found.add(node.name)
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            message = f"{module}.{node.name} is withheld in this exercise"
            stub = [f"def {node.name}(*args, **kwargs):",
                    f"    raise NotImplementedError({message!r})"]  # fmt: skip
            lines[first - 1 : node.end_lineno] = stub
    return "\n".join(lines) + "\n", found


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
        text = file.read_text("utf-8")
        whole = {w for w in withhold if f"{module}.".startswith(f"{w}.")}
        names = {name for owner, _, name in (w.rpartition(".") for w in withhold)
                 if owner == module}  # fmt: skip
        if whole:
            text = f"raise ImportError('{module} is withheld in this exercise')\n"
        elif names:  # the other files need no parsing
            text, names = stub_withheld(text, names, module)
        unknown -= whole | {f"{module}.{name}" for name in names}
        (copy / place).parent.mkdir(parents=True, exist_ok=True)
        (copy / place).write_text(text, "utf-8")
    if unknown:
        raise SandboxError(f"the package has no {', '.join(sorted(unknown))} to withhold")
    for file in sorted(f for texts in TEXTS for f in source.glob(texts)):
        shutil.copyfile(file, copy / file.relative_to(source))


def copy_transformer(folder: Path) -> None:
    """Copy what turns a cell into Python in the installed IPython, 7.34 or newer, into a folder.

    Raises `SandboxError` where IPython is missing, or has those files no more.
    """
    spec = importlib.util.find_spec("IPython")
    if spec is None or spec.origin is None:
        raise SandboxError("IPython is missing, by whose rules cells are read: "
                           'python -m pip install "ipython>=7.34"')  # fmt: skip
    for name in TRANSFORMER:
        file = Path(spec.origin).parent / name
        if not file.is_file():
            raise SandboxError(f"this IPython has no {name}, by which cells are read: "
                               'python -m pip install "ipython>=7.34,<10"')  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)


class Stage:
    """A folder with what the child may import: package copy, bootstrap, allowed packages."""

    def __init__(self, withhold: Iterable[str], packages: Iterable[str]) -> None:
        self.packages = find_packages(offered(packages))
        self.folder = Path(tempfile.mkdtemp(prefix="rnncourse-"))
        grading = Path(__file__).resolve().parents[1]
        copy = self.folder / "lib" / "rnncourse"
        try:
            copy_package(grading.parent, copy, list(withhold))
            copy_transformer(self.folder / "boot" / "ipython")
        except SandboxError:
            self.close()
            raise
        (copy / "grading.py").write_text(STUB_GRADING, "utf-8")
        boot = self.folder / "boot"
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


def offered(packages: Iterable[str]) -> list[str]:
    """What a notebook may import: the exercise's packages, and the optional ones that are here."""
    found = [name for name in OPTIONAL if importlib.util.find_spec(name)]
    return list(dict.fromkeys([*packages, *found]))


def titles(packages: Iterable[str]) -> list[str]:
    """The names, as people write them, of what a notebook can import; the stand-ins too."""
    return [*(TITLES.get(name, name) for name in offered(packages)), "matplotlib"]


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
