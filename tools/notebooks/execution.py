"""Execute the English pages into the cache that both editions are built from.

    python -m tools.notebooks.execution STAMP    touch the file STAMP when no page has failed

jupyter-cache looks at a page's cells alone. A page is executed again when anything else that
its outputs depend on has changed (see dependencies.py), or when it failed the last time. As
many pages at a time as there are cores; the longest first. A page that fails keeps what it has
shown so far: the build puts a box on it.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import groupby
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tools.editions.checks import stems
from tools.notebooks.dependencies import surroundings
from tools.notebooks.store import TIMEOUT, client, code_cells, convert

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "_build" / "cache"


def page_of(root: Path, stem: str) -> Path:
    return root / "book" / "en" / f"{stem}.md"


def merged_streams(outputs: list) -> list:
    """Join what a cell printed in several pieces, where nothing else stands between them.

    How it is cut into pieces hangs on timing. What libraries say on the error stream comes
    after what the cell prints.
    """
    found: list = []
    for is_stream, group in groupby(outputs, lambda output: output.output_type == "stream"):
        run = list(group)
        for name in ("stdout", "stderr") if is_stream else ():
            if parts := [output.text for output in run if output.name == name]:
                found.append(nbformat.v4.new_output("stream", name=name, text="".join(parts)))
        found += () if is_stream else run
    return found


# --- one page ---------------------------------------------------------------------


def failed_output(name: str, words: str) -> nbformat.NotebookNode:
    """Return what a cell shows that no error of its own has ended."""
    return nbformat.v4.new_output("error", ename=name, evalue=words, traceback=[f"{name}: {words}"])


def execute(page: Path, timeout: int = TIMEOUT) -> tuple[nbformat.NotebookNode, str, float]:
    """Execute a page's cells in a fresh process and an empty folder.

    Returns the notebook with its outputs, why it failed ("" if it did not), and the seconds
    that it took. Nothing is raised for a cell that fails, runs longer than `timeout` seconds,
    or ends its process: the outputs up to there are kept.
    """
    notebook, reached, problem = convert(page), [0], ""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = client(
            notebook, folder, timeout,
            on_cell_start=lambda cell, cell_index: reached.append(cell_index),
        )  # fmt: skip
        try:
            run.execute(stderr=subprocess.DEVNULL)  # the libraries' start-up messages
        except CellExecutionError as error:
            problem = f"{error.ename}: {error.evalue}"
        except CellTimeoutError:
            problem = f"TimeoutError: the cell ran longer than {timeout} s"
            # In place of the interruption that ended it.
            cell = notebook.cells[reached[-1]]
            cell.outputs = [o for o in cell.outputs if o.output_type != "error"]
        except DeadKernelError:
            problem = "DeadKernelError: the cell ended its process"
    if problem:
        cell = notebook.cells[reached[-1]]
        if all(output.output_type != "error" for output in cell.outputs):
            cell.outputs.append(failed_output(*problem.split(": ", 1)))
    return notebook, problem, time.perf_counter() - start


# --- the cache ---------------------------------------------------------------------


def state_file(cache: Path) -> Path:
    return cache / "pages.json"


def read_state(cache: Path) -> dict:
    try:
        return json.loads(state_file(cache).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def page_key(root: Path, stem: str) -> str:
    """Hash everything that decides what a page shows, its cells' tags and alt texts included."""
    cells = [[c.source, c.metadata] for c in code_cells(convert(page_of(root, stem)))]
    text = json.dumps([cells, surroundings(root, stem), sys.version_info[:2]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def keep(cache: Path, root: Path, stem: str, notebook, problem: str, seconds: float) -> None:
    """Put an executed page into the cache, in place of what it held for these cells."""
    # Counts are those of a page run once from top to bottom, whoever ran it.
    for number, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = number
        cell.outputs = merged_streams(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    bundle = CacheBundleIn(notebook, str(page_of(root, stem)), data={"execution_seconds": seconds})
    get_cache(cache).cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    entry = {"key": page_key(root, stem), "problem": problem, "seconds": round(seconds, 1)}
    text = json.dumps({**read_state(cache), stem: entry}, indent=1)
    part = state_file(cache).with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(state_file(cache))


def in_cache(cache: Path, page: Path) -> bool:
    with contextlib.suppress(KeyError):
        get_cache(cache).match_cache_notebook(convert(page))
        return True
    return False


def from_cache(cache: Path, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook with the outputs that the cache has for its cells; KeyError if none."""
    return get_cache(cache).merge_match_into_notebook(notebook)[1]


def to_execute(root: Path, cache: Path) -> list[str]:
    """Return the pages whose outputs the cache does not hold, longest first."""
    state = read_state(cache)
    pages = [stem for stem in stems(root) if code_cells(convert(page_of(root, stem)))]
    found = []
    for stem in pages:
        entry = state.get(stem, {})
        good = entry.get("key") == page_key(root, stem) and not entry["problem"]
        if not good or not in_cache(cache, page_of(root, stem)):
            found.append(stem)
    return sorted(found, key=lambda stem: -state.get(stem, {}).get("seconds", 1e9))


def fill(
    root: Path = ROOT,
    cache: Path = CACHE,
    timeout: int = TIMEOUT,
    stems_wanted: Collection[str] = (),
) -> dict[str, str]:
    """Execute what the cache lacks, of these pages or all; return those that failed, and why."""
    cache.mkdir(parents=True, exist_ok=True)
    wanted, failed = to_execute(root, cache), {}
    wanted = [stem for stem in wanted if not stems_wanted or stem in stems_wanted]
    if not wanted:
        return failed
    print(f"Executing {len(wanted)} pages", flush=True)
    with ProcessPoolExecutor(min(len(wanted), os.cpu_count() or 1)) as pool:
        runs = {pool.submit(execute, page_of(root, stem), timeout): stem for stem in wanted}
        for number, run in enumerate(as_completed(runs), start=1):
            stem, (notebook, problem, seconds) = runs[run], run.result()
            keep(cache, root, stem, notebook, problem, seconds)
            if problem:
                failed[stem] = problem
            words = f"failed: {problem.splitlines()[0][:200]}" if problem else f"{seconds:.0f} s"
            print(f"[{number}/{len(wanted)}] {stem}: {words}", flush=True)
    return failed


def main() -> int:
    # The kernel of this environment, whatever else the user has installed.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    failed = fill(timeout=int(os.environ.get("RNNCOURSE_CELL_TIMEOUT", TIMEOUT)))
    # make takes the file for the sign that nothing is left to execute.
    stamp = Path(sys.argv[1])
    stamp.unlink(missing_ok=True) if failed else stamp.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
