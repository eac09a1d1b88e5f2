"""What the outputs of a page depend on: its code, what that imports, the results it reads.

Prose is no part of it, nor is a module that the page never reaches: a change to the grader
executes no chapter again.
"""

import ast
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from tools.editions.checks import is_checked
from tools.notebooks.setup_cell import setup_cell
from tools.notebooks.store import code_cells, convert
from tools.set_repo import requirement

RECORDED = re.compile(r"\brecorded\(\s*[\"'](\w+)[\"']\s*\)")
LIVE = re.compile(  # live_NAME
    r"\b(?:weights\.load|live\.load|(?:(?:date)?writer|translator|tagger|hear|talker|summarizer"
    r"|captioner|watcher|poet|harmonist)\.show)"
    r"\(\s*[\"\'](\w+)[\"\']"
)
SONGS = re.compile(r"\bsongs=[\"\'](\w+)[\"\']")  # of poet.show
RUN = re.compile(r"\bown\.run\(\s*[\"'](\w+)[\"']")  # a program for the reader's own file
# The folder of the package whose texts and tables its modules read.
DATA = Path("rnncourse") / "data"
TEXTS = (".txt", ".json", ".yml")


def chapter_code(root: Path, stem: str) -> list:
    """Return an English page's code cells without the setup cell, which names the repository."""
    setup = setup_cell(requirement(root))
    page = root / "book" / "en" / f"{stem}.md"
    return [cell for cell in code_cells(convert(page)) if cell.source != setup]


def _plain(tree: ast.Module) -> ast.Module:
    """Without docstrings, the folders in which a module of the package lies, and the version."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            node.value = ast.Constant("0.1.0")  # a release prints what was recorded before it
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rnncourse."):
            node.module = "rnncourse"
        body = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and isinstance(body[0] if body else None, ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            node.body = body[1:]
    return tree


@cache
def _meaning(source: str) -> str:
    """Return source code without comments, layout, docstrings and the places of modules."""
    try:
        return ast.dump(_plain(ast.parse(source)))
    except SyntaxError:  # a page may show one, to be run by hand
        return source


def _file_of(root: Path, name: str) -> Path | None:
    """Return the file of a dotted name that begins with rnncourse, or None."""
    path = root.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return file
    return None


@cache
def imported(root: Path, source: str) -> frozenset[Path]:
    """Return the files of the package that a source imports itself, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    names = {name for name in names if name.split(".")[0] == "rnncourse"}
    # Importing a.b executes a's __init__ too.
    names |= {".".join(n.split(".")[:k]) for n in names for k in range(1, n.count(".") + 1)}
    return frozenset(file for name in names if (file := _file_of(root, name)))


def modules(root: Path, sources: list[str]) -> list[Path]:
    """Return the files of the package that these sources import, directly or through others."""
    found: set[Path] = set()
    wanted = set().union(*(imported(root, source) for source in sources))
    while wanted:
        found |= wanted
        wanted = {
            file for old in wanted for file in imported(root, old.read_text(encoding="utf-8"))
        } - found
    return sorted(found)


def results_read(root: Path, sources: list[str]) -> list[Path]:
    """Return the recorded results that the cells show."""
    names = {name for source in sources for name in RECORDED.findall(source)}
    shown = [name for source in sources for name in LIVE.findall(source) + SONGS.findall(source)]
    names |= {f"live_{name}" for name in shown}
    return [root / "benchmarks" / "results" / f"{name}.json" for name in sorted(names)]


def programs_run(root: Path, sources: list[str]) -> list[Path]:
    """Return the programs for the reader's own file that the cells run."""
    names = {name for source in sources for name in RUN.findall(source)}
    return [root / "book" / "programs" / f"{name}.py" for name in sorted(names)]


def texts_read(root: Path, code: list[Path]) -> list[Path]:
    """Return the texts and tables that these modules may read: not those that only others name."""
    texts = sorted(file for file in (root / DATA).rglob("*") if file.suffix in TEXTS)
    modules = {file: file.read_text(encoding="utf-8") for file in (root / DATA).rglob("*.py")}

    def counts(text: Path) -> bool:
        users = {file for file, source in modules.items() if text.name in source}
        return not users or bool(users & set(code))

    return list(filter(counts, texts))


def files(root: Path, sources: list[str]) -> list[Path]:
    """Return every file, beside the cells themselves, that decides what the cells print."""
    programs = programs_run(root, sources)
    sources = [*sources, *(program.read_text(encoding="utf-8") for program in programs)]
    code = [*modules(root, sources), *programs]
    read = results_read(root, sources)
    if any(file.is_relative_to(root / DATA) for file in code):
        read += texts_read(root, code)
    return [*code, *read, root / "constraints.txt"]


def content(file: Path) -> bytes:
    """Return what counts of a file: of Python its meaning, of others all."""
    if not file.exists():
        return b"missing"
    if file.suffix == ".py":
        return _meaning(file.read_text(encoding="utf-8")).encode()
    return file.read_bytes()


def surroundings(root: Path, stem: str, without: tuple[str, ...] = ()) -> str:
    """Hash what a page's outputs depend on beside its cells.

    Args:
        without: names of files that do not count.
    """
    sources = [cell.source for cell in chapter_code(root, stem)]
    read = [file for file in files(root, sources) if file.name not in without]
    # What they hold and not where they lie: a module that is moved changes no output.
    return hashlib.sha256(b"\0".join(sorted(map(content, read)))).hexdigest()[:16]


def cells_hash(root: Path, stem: str) -> str:
    """Hash what a page's cells do, and which of them are compared; not how they are laid out."""
    cells = [[_meaning(cell.source), is_checked(cell)] for cell in chapter_code(root, stem)]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]
