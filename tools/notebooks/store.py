"""Write the notebook beside every page and solution.

    python -m tools.notebooks           convert all; execute those whose code changed
    python -m tools.notebooks --all     execute all of them
    python -m tools.notebooks mutants   execute this page too: what it shows was recorded anew
    python -m tools.notebooks --check   exit 1 if a notebook is not what its page gives

A chapter is executed once, in English, for the book's cache (execution.py), where its outputs
are taken from; the Chinese notebook has the same code and gets the same outputs. Text outputs
are kept, pictures are not: they would swell the repository with every change. exercises/ is
written by tools/exercises.py.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

from tools.notebooks import kernels  # noqa: F401  (so that kernels need no TCP ports)
from tools.notebooks.machine_paths import without_machine_paths

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 300
# The measured number behind a claim's verdict is another on another machine: not compared.
CLAIM_VALUE = r"(: (?:True|False ✗)) \([^()\n]*\)$"
NOISE = ("\r", "absl::InitializeLog()")  # a progress bar; TensorFlow's remarks on the machine


def sources(root: Path) -> list[Path]:
    """Return every Markdown file that has a notebook, English before Chinese."""
    return sorted([*root.glob("book/en/*.md"), *root.glob("solutions/*.md")]) + sorted(
        root.glob("book/zh/*.md")
    )


def convert(page: Path) -> nbformat.NotebookNode:
    """Return the notebook of a page, without outputs, the same on every machine."""
    notebook = jupytext.read(page, fmt="md:myst")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{page.stem}-{number:03d}"
    # nbval refuses outputs of a cell that seems never to have run.
    for number, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = number
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    if "rnncourse" in notebook.metadata:  # names the exercise that a solution solves
        metadata["rnncourse"] = notebook.metadata["rnncourse"]
    notebook.metadata = nbformat.from_dict(metadata)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def code(notebook: nbformat.NotebookNode) -> list[tuple]:
    """Return what decides whether a notebook must be executed again."""
    return [(cell.source, cell.metadata) for cell in code_cells(notebook)]


def printed_text(cell: nbformat.NotebookNode) -> str:
    """Return the text of a cell's output that must be the same on every machine."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            parts.append(output.text)
        elif "data" in output:
            parts.append(output.data.get("text/plain", "") + "\n")
    text = without_machine_paths("".join(parts)).rstrip("\n")
    return re.sub(CLAIM_VALUE, r"\1", text, flags=re.MULTILINE)


def kept(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """Return an output as it is stored, or None for one that is not stored."""
    if any(kind.startswith("image/") for kind in output.get("data", {})):
        return None
    if output.output_type == "stream":
        if any(noise in output.text for noise in NOISE):
            return None
        output.text = without_machine_paths(output.text)
    return output


def client(
    notebook: nbformat.NotebookNode, folder: str | Path, timeout: int = TIMEOUT, **options: Any
) -> NotebookClient:
    """Return what runs a notebook in a fresh process, in a folder."""
    return NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        **options,
    )


def execute(notebook: nbformat.NotebookNode) -> None:
    """Give a notebook its outputs, run in an empty folder; a failing cell raises."""
    # A copy, since running leaves traces such as Python's version in the metadata.
    executed = nbformat.from_dict(notebook)
    with tempfile.TemporaryDirectory() as folder:
        client(executed, folder).execute()
    store_outputs(executed, notebook)


def take_outputs(root: Path, page: Path, notebook: nbformat.NotebookNode) -> None:
    """Give a page's notebook the outputs that the book shows; a page that fails raises."""
    from tools.notebooks import execution  # it imports this module

    cache = root / "_build" / "cache"
    if failed := execution.fill(root, cache, stems_wanted=[page.stem]):
        raise RuntimeError(f"{page.name} failed: {failed[page.stem]}")
    store_outputs(execution.from_cache(cache, notebook), notebook)


def store_outputs(executed: nbformat.NotebookNode, notebook: nbformat.NotebookNode) -> None:
    """Give a notebook what is stored of an executed one's outputs."""
    for cell in code_cells(executed):
        cell.outputs = [o for o in map(kept, cell.outputs) if o is not None]
    copy_outputs(executed, notebook)


def copy_outputs(source: nbformat.NotebookNode, target: nbformat.NotebookNode) -> None:
    for ours, theirs in zip(code_cells(target), code_cells(source), strict=True):
        ours.outputs = theirs.outputs


def read(path: Path) -> nbformat.NotebookNode | None:
    return nbformat.read(path, as_version=4) if path.exists() else None


def write(root: Path, execute_all: bool = False, again: Collection[str] = ()) -> bool:
    """Write every notebook that differs from what its page gives; say whether all could be.

    Executed are those whose code has changed, those whose stem is in `again`, or all.
    """
    redo = {p.stem for p in sources(root)} if execute_all else set(again)
    complete = True
    for page in sources(root):
        path = page.with_suffix(".ipynb")
        stored, notebook = read(path), convert(page)
        if page.parent.name == "zh":
            english = read(root / "book" / "en" / path.name)
            if english is None or code(english) != code(notebook):
                print(f"{page.relative_to(root)}: other code cells than the English page")
                complete = False
                continue
            copy_outputs(english, notebook)
        elif stored is not None and code(stored) == code(notebook) and page.stem not in redo:
            copy_outputs(stored, notebook)
        elif code_cells(notebook):
            print(f"{page.relative_to(root)} … ", end="", flush=True)
            start = time.perf_counter()
            if page.parent.name == "en":
                take_outputs(root, page, notebook)
            else:
                execute(notebook)
            print(f"executed in {time.perf_counter() - start:.1f} s", flush=True)
        if stored != notebook:
            nbformat.validate(notebook)
            path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
            print(f"wrote {path.relative_to(root)}", flush=True)
    return complete


def without_outputs(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    bare = nbformat.from_dict(notebook)
    for cell in code_cells(bare):
        cell.outputs = []
    return bare


def outputs(notebook: nbformat.NotebookNode) -> list[list]:
    return [cell.outputs for cell in code_cells(notebook)]


def problems_of(root: Path, page: Path) -> list[str]:
    """Return what is wrong with the notebook of one page."""
    name = page.relative_to(root).with_suffix(".ipynb").as_posix()
    stored = read(page.with_suffix(".ipynb"))
    if stored is None:
        return [f"{name} is missing"]
    found = []
    if without_outputs(stored) != convert(page):
        found.append(f"{name} is not what its page gives")
    everything = [output for cell in outputs(stored) for output in cell]
    if any(kept(output) is None for output in everything):
        found.append(f"{name} holds a picture, a progress bar or a log")
    if any(output.output_type == "error" for output in everything):
        found.append(f"{name} holds a failed cell")
    if page.parent.name == "zh":
        english = read(root / "book" / "en" / f"{page.stem}.ipynb")
        if english is None or outputs(english) != outputs(stored):
            found.append(f"{name} has other outputs than the English notebook")
    return found


def problems(root: Path = ROOT) -> list[str]:
    """Return what is wrong with the stored notebooks; empty if nothing is."""
    found = [problem for page in sources(root) for problem in problems_of(root, page)]
    for path in [*root.glob("book/??/*.ipynb"), *root.glob("solutions/*.ipynb")]:
        if not path.with_suffix(".md").exists():
            found.append(f"{path.relative_to(root).as_posix()} has no page")
    return found


def main() -> int:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("stems", nargs="*", metavar="STEM", help="pages to execute in any case")
    parser.add_argument("--all", action="store_true", help="execute all pages again")
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    arguments = parser.parse_args()
    if arguments.check:
        found = problems()
        print("\n".join([*found, "Run `make notebooks`."]) if found else "notebooks are in sync")
        return bool(found)
    # The kernel of this environment, whatever else the user has installed.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["RNNCOURSE_PROGRESS"] = "0"  # a bar is no output to keep and to compare with
    from tools.notebooks import execution

    if arguments.all:
        execution.state_file(execution.CACHE).unlink(missing_ok=True)
    execution.fill()  # all pages that need it, side by side
    return not write(ROOT, execute_all=arguments.all, again=arguments.stems)


if __name__ == "__main__":
    sys.exit(main())
