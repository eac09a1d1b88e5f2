"""Repeat every chapter's claims under five seeds, into benchmarks/results/claims.json.

    python benchmarks/seeds.py                  every chapter of _toc.yml
    python benchmarks/seeds.py rnn lstm         these; the others keep their entries
    python benchmarks/seeds.py --force rnn      again, though nothing changed

Each run executes all code cells of the English page with RNNCOURSE_SEED set, in a fresh
process and an empty folder. A run passes if no cell raises: a claim is an assertion. What
the cells tagged nbval-check-output print is kept for each seed, so that a verdict that hangs
on the seed is seen. A run that passed with the same cells, package and versions is not
repeated, so an interrupted series goes on where it stopped. The exit code is 1 if a run failed.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from edition_checks import chapters, is_checked  # noqa: E402
from machine_paths import without_machine_paths  # noqa: E402
from notebooks import TIMEOUT, code_cells, convert  # noqa: E402
from set_repo import repository_url  # noqa: E402
from setup_cell import setup_cell  # noqa: E402

RESULTS = Path("benchmarks") / "results" / "claims.json"
SEEDS = range(5)
VERSIONS = ("numpy", "torch", "tensorflow-cpu", "keras")


# --- what a record belongs to ---------------------------------------------------


def page_of(root: Path, stem: str) -> Path:
    return root / "book" / "en" / f"{stem}.md"


def chapter_cells(root: Path, stem: str) -> list[nbformat.NotebookNode]:
    """Return a chapter's code cells without the setup cell, which names the repository."""
    setup = setup_cell(repository_url(root))
    return [c for c in code_cells(convert(page_of(root, stem))) if c.source != setup]


def code_hash(root: Path, stem: str) -> str:
    """Hash a chapter's code cells and which of them are compared."""
    cells = [[cell.source, is_checked(cell)] for cell in chapter_cells(root, stem)]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]


def package_hash(root: Path) -> str:
    """Hash the sources of the package."""
    digest = hashlib.sha256()
    for file in sorted((root / "rnncourse").glob("**/*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0")
        digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def environment() -> dict:
    """Return where the runs are made: date, processors, versions."""
    found = {"python": platform.python_version()}
    for name in VERSIONS:
        try:
            found[name] = version(name)
        except ModuleNotFoundError:  # TensorFlow has another name on some systems
            continue
    return {"date": datetime.now(UTC).date().isoformat(), "cpus": os.cpu_count(), "versions": found}


# --- one run -----------------------------------------------------------------------


def printed_by(cell: nbformat.NotebookNode) -> str:
    """Return the text that nbval would compare."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            parts.append(output.text)
        elif "data" in output:
            parts.append(output.data.get("text/plain", "") + "\n")
    return without_machine_paths("".join(parts)).rstrip("\n")


def describe(error: Exception) -> str:
    """Return an error in a few words, without colours, paths or the cell's source."""
    if isinstance(error, CellExecutionError):
        return without_machine_paths(f"{error.ename}: {error.evalue}")[:500]
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"


def run(cells: list[nbformat.NotebookNode], seed: int) -> tuple[dict, dict[str, str]]:
    """Execute cells in a fresh process and an empty folder.

    Returns the record of the run, and what each compared cell printed, by its number; a
    cell that was not reached is absent. Failing cells, cells that take longer than
    TIMEOUT seconds and kernels that die are recorded, not raised.
    """
    notebook = nbformat.v4.new_notebook(cells=cells)
    reached = [0]
    start = time.perf_counter()
    record = {"passed": True}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, timeout=TIMEOUT, kernel_name="python3",
            resources={"metadata": {"path": folder}},
            on_cell_start=lambda cell, cell_index: reached.append(cell_index),
        )  # fmt: skip
        try:
            client.execute(
                env={**os.environ, "RNNCOURSE_SEED": str(seed), "MPLBACKEND": "Agg"},
                stderr=subprocess.DEVNULL,  # the libraries' start-up messages
            )
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            record = {"passed": False, "cell": reached[-1], "error": describe(error)}
    record["seconds"] = round(time.perf_counter() - start, 1)
    done = reached[-1] + record["passed"]
    compared = {str(k): printed_by(c) for k, c in enumerate(cells[:done]) if is_checked(c)}
    return record, compared


# --- the record of a chapter ---------------------------------------------------------


def joined(cells: list[nbformat.NotebookNode], printed: dict[str, dict[str, str]]) -> list[dict]:
    """Return for each compared cell what it printed: one text, or one for each seed."""
    claims = []
    for k, cell in enumerate(cells):
        if is_checked(cell):
            texts = {seed: compared.get(str(k)) for seed, compared in printed.items()}
            same = len(set(texts.values())) == 1
            text = next(iter(texts.values())) if same else texts
            claims.append({"cell": k, "same": same, "printed": text})
    return claims


def separated(entry: dict) -> dict[str, dict[str, str]]:
    """Undo :func:`joined`: seed → cell → text."""
    printed = {seed: {} for seed in entry["runs"]}
    for claim in entry["claims"]:
        for seed, compared in printed.items():
            text = claim["printed"] if claim["same"] else claim["printed"][seed]
            if text is not None:
                compared[str(claim["cell"])] = text
    return printed


def read_results(root: Path) -> dict:
    path = root / RESULTS
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_entry(root: Path, stem: str, entry: dict) -> None:
    """Put a chapter's entry into the file as it is now; entries of removed pages go."""
    results = {**read_results(root), stem: entry}
    results = {s: e for s, e in results.items() if page_of(root, s).exists()}
    path = root / RESULTS
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)  # an interrupted run leaves the old file whole


def run_chapter(root: Path, stem: str, force: bool = False) -> bool:
    """Run a chapter under each seed that is not recorded yet; say whether all passed."""
    keys = {"code": code_hash(root, stem), "package": package_hash(root)}
    old = read_results(root).get(stem, {})
    entry = {**keys, **environment()}
    current = not force and all(old.get(name) == entry[name] for name in (*keys, "versions"))
    entry["runs"] = old["runs"] if current else {}
    printed = separated(old) if current else {}
    for seed in map(str, SEEDS):
        print(f"{stem}, seed {seed} … ", end="", flush=True)
        if entry["runs"].get(seed, {}).get("passed"):
            print("recorded already", flush=True)
            continue
        cells = chapter_cells(root, stem)
        entry["runs"][seed], printed[seed] = record, _ = run(cells, int(seed))
        entry["claims"] = joined(cells, printed)
        write_entry(root, stem, entry)
        words = "passed in" if record["passed"] else f"FAILED in cell {record['cell']} after"
        print(f"{words} {record['seconds']} s {record.get('error', '')}".rstrip(), flush=True)
    return all(record["passed"] for record in entry["runs"].values())


# --- what a test asks ------------------------------------------------------------------


def has_claims(root: Path, stem: str) -> bool:
    return any(is_checked(c) or "assert " in c.source for c in chapter_cells(root, stem))


def claim_problems(root: Path) -> list[str]:
    """Return the chapters whose claims are not recorded as holding under every seed.

    The package's hash is not compared: it changes often, and `make test` runs each
    chapter under the first seed anyway.
    """
    results, found = read_results(root), []
    for stem in chapters(root):
        if not page_of(root, stem).exists() or not has_claims(root, stem):
            continue
        entry = results.get(stem)
        if entry is None:
            found.append(f"{stem} is not recorded")
        elif entry["code"] != code_hash(root, stem):
            found.append(f"{stem} was recorded with other code cells")
        else:
            failed = [seed for seed in map(str, SEEDS)
                      if not entry["runs"].get(seed, {}).get("passed")]  # fmt: skip
            found += [f"{stem} has not passed under the seeds {', '.join(failed)}"] * bool(failed)
    return [f'{problem}: make seeds CHAPTERS="{problem.split()[0]}"' for problem in found]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="STEM", help="default: all of _toc.yml")
    parser.add_argument("--force", action="store_true", help="repeat what is recorded already")
    arguments = parser.parse_args()
    wanted = arguments.chapters or chapters(ROOT)
    if missing := [stem for stem in wanted if not page_of(ROOT, stem).exists()]:
        parser.error(f"there is no book/en/{missing[0]}.md")
    # The kernel of this environment, whatever else the user has installed.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    failed = [stem for stem in wanted if not run_chapter(ROOT, stem, arguments.force)]
    print(f"Failed: {', '.join(failed)}" if failed else "Every claim holds under every seed.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
