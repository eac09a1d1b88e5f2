"""Measure how far every claim stands from false, into benchmarks/results/claims.json.

    python -m tools.certify.seeds                  every chapter of _toc.yml
    python -m tools.certify.seeds rnn lstm         these; the others keep their entries
    python -m tools.certify.seeds --draws 4 rnn    a first look, with fewer draws
    python -m tools.certify.seeds --force rnn      again, though nothing changed

Each run executes all code cells of the English page in a fresh process and an empty folder, as
one draw of processors.py: with another seed, or with the arithmetic of another processor. Kept
are the value of every claim, and what the compared cells print. A chapter one of whose claims
stands between four and six standard deviations from its threshold gets twenty draws, the others
ten.

A run with the same cells, modules, results and versions is not repeated, so that an interrupted
series goes on where it stopped. Where one of these has changed and one draw gives the same
to the last digit, the others are taken over: a claim that is dropped, or gets another threshold,
costs one draw. The exit code is 1 if a claim is not safe.
"""

import argparse
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nbformat
import yaml
from filelock import FileLock
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tools.certify.margins import DRAWS, MANY, problem, summary
from tools.certify.processors import PROBE, Draw, describe, draws, repeatable
from tools.editions.checks import chapters, is_checked
from tools.notebooks.dependencies import cells_hash, chapter_code, surroundings
from tools.notebooks.machine_paths import without_machine_paths
from tools.notebooks.store import client, printed_text

ROOT = Path(__file__).resolve().parents[2]

RESULTS = Path("benchmarks") / "results" / "claims.json"
BEFORE = Path("tools") / "certify" / "claims_before.yml"
VERSIONS = ("numpy", "torch", "tensorflow-cpu", "keras")
KEYS = ("cells", "surroundings", "versions")


def page_of(root: Path, stem: str) -> Path:
    return root / "book" / "en" / f"{stem}.md"


def keys(root: Path, stem: str) -> dict:
    """Return what a record belongs to; another value of one of these makes it stale."""
    found = {"python": platform.python_version()}
    for name in VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # TensorFlow has another name on some systems
            continue
    # No page computes with what the manifest lists: that data is loaded by recorded runs alone.
    return {
        "cells": cells_hash(root, stem),
        "surroundings": surroundings(root, stem, without=("constraints.txt", "manifest.json")),
        "versions": found,
    }


# --- one run -----------------------------------------------------------------------


def describe_error(error: Exception) -> str:
    """Return an error in a few words, without colours, paths or the cell's source."""
    if isinstance(error, CellExecutionError):
        return without_machine_paths(f"{error.ename}: {error.evalue}")[:500]
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"


def run(root: Path, stem: str, draw: Draw) -> dict:
    """Execute a chapter's cells in a fresh process and an empty folder.

    Returns the record of the run: what each compared cell printed, the claims in their order,
    and the numbers of the probe. A failing cell, one that takes longer than TIMEOUT seconds and
    a kernel that dies are recorded, not raised.
    """
    cells = chapter_code(root, stem)
    probe = nbformat.v4.new_code_cell(PROBE + "import json as _json\nprint(_json.dumps(_probe()))")
    notebook = nbformat.v4.new_notebook(cells=[*cells, probe])
    reached = [0]
    start = time.perf_counter()
    record = {"passed": True}
    with tempfile.TemporaryDirectory() as name:
        folder, written = Path(name) / "empty", Path(name) / "claims.jsonl"
        folder.mkdir()
        page = client(
            notebook,
            folder,
            on_cell_start=lambda cell, cell_index: reached.append(cell_index),
        )
        own = {"MPLBACKEND": "Agg", "RNNCOURSE_CLAIMS": str(written), "RNNCOURSE_STRICT": "0"}
        try:
            # Without the libraries' start-up messages.
            page.execute(env=draw.environment() | own, stderr=subprocess.DEVNULL)
            record["probe"] = json.loads("".join(o.get("text", "") for o in probe.outputs))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            record = {"passed": False, "cell": reached[-1], "error": describe_error(error)}
        lines = written.read_text(encoding="utf-8").splitlines() if written.exists() else []
    record["seconds"] = round(time.perf_counter() - start, 1)
    record["claims"] = [json.loads(line) for line in lines]
    done = reached[-1] + record["passed"]
    record["printed"] = {
        str(k): printed_text(cell) for k, cell in enumerate(cells[:done]) if is_checked(cell)
    }
    return record


# --- the record of a chapter ---------------------------------------------------------


def joined_claims(runs: dict[str, dict]) -> list[dict]:
    """Return the claims in the page's order, each with its value in every draw."""
    found: dict[str, dict] = {}
    for draw, record in runs.items():
        for claim in record["claims"]:
            entry = found.setdefault(claim["claim"], {**claim, "values": {}})
            entry.pop("value", None)
            value = claim["value"]
            entry["values"][draw] = None if math.isnan(value) else value
    return list(found.values())


def joined_cells(runs: dict[str, dict]) -> list[dict]:
    """Return for each compared cell what it printed: one text, or one for each draw."""
    numbers = sorted({int(k) for record in runs.values() for k in record["printed"]})
    found = []
    for k in numbers:
        texts = {draw: record["printed"].get(str(k)) for draw, record in runs.items()}
        same = len(set(texts.values())) == 1
        found.append(
            {"cell": k, "same": same, "printed": next(iter(texts.values())) if same else texts}
        )
    return found


def entry_of(root: Path, stem: str, runs: dict[str, dict], made: dict) -> dict:
    """Return a chapter's entry: runs, claims with their margins, compared cells.

    Args:
        made: what the record belongs to, the date, and the machine.
    """
    path = root / BEFORE
    before = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    before = (before or {}).get(stem, {})
    claims = joined_claims(runs)
    for claim in claims:
        claim |= summary(claim)
        if claim["claim"] in before:
            claim["before"] = before[claim["claim"]]
    return {
        **made,
        "runs": {
            draw: {k: v for k, v in record.items() if k not in ("claims", "printed")}
            for draw, record in runs.items()
        },
        "claims": claims,
        "compared": joined_cells(runs),
    }


def separated(entry: dict) -> dict[str, dict]:
    """Undo :func:`entry_of`: the record of each run."""
    runs = {draw: {**run, "claims": [], "printed": {}} for draw, run in entry["runs"].items()}
    derived = ("values", "mean", "spread", "margin", "before")
    for claim in entry["claims"]:
        own = {k: v for k, v in claim.items() if k not in derived}
        for draw, value in claim["values"].items():
            value = math.nan if value is None else value
            runs[draw]["claims"].append({**own, "value": value})
    for cell in entry["compared"]:
        for draw, record in runs.items():
            text = cell["printed"] if cell["same"] else cell["printed"][draw]
            if text is not None:
                record["printed"][str(cell["cell"])] = text
    return runs


def read_results(root: Path) -> dict:
    path = root / RESULTS
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_entry(root: Path, stem: str, entry: dict) -> None:
    """Put a chapter's entry into the file as it is now; entries of removed pages go."""
    path = root / RESULTS
    path.parent.mkdir(parents=True, exist_ok=True)
    (root / "_build").mkdir(exist_ok=True)
    with FileLock(root / "_build" / "claims.lock"):
        results = {**read_results(root), stem: entry}
        results = {s: e for s, e in results.items() if page_of(root, s).exists()}
        text = json.dumps(results, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)  # an interrupted run leaves the old file whole


# --- which runs are missing -----------------------------------------------------------


VERDICT = re.compile(r": (True|False ✗)$")


def values_of(record: dict) -> dict[str, str]:
    """Return each claim's value to the last digit."""
    return {claim["claim"]: repr(claim["value"]) for claim in record["claims"]}


def other_lines(record: dict) -> set[str]:
    """Return what the compared cells print beside claims, however it is laid out."""
    lines = "\n".join(record["printed"].values()).splitlines()
    return {" ".join(line.split()) for line in lines if not VERDICT.search(line)}


def taken_over(old: dict[str, dict], draw: str, new: dict) -> dict[str, dict]:
    """Return the old runs as those of a page that gives `new` under one of their draws.

    Empty unless each claim of the new run has the old value to the last digit, and what else is
    compared was printed before, the same in all draws. A claim that was dropped is dropped from
    the old runs, and one with another threshold gets the new one.
    """
    first = old.get(draw)
    if not (first and first["passed"] and new["passed"]):
        return {}
    same_print = all(record["printed"] == first["printed"] for record in old.values())
    known = values_of(new).items() <= values_of(first).items()
    if not (same_print and known and other_lines(new) <= other_lines(first)):
        return {}
    found = {}
    for name, record in old.items():
        values = {claim["claim"]: claim["value"] for claim in record["claims"]}
        if record["passed"] and values.keys() >= values_of(new).keys():
            claims = [{**claim, "value": values[claim["claim"]]} for claim in new["claims"]]
            found[name] = {**record, "claims": claims, "printed": new["printed"]}
    return {**found, draw: new}


class Chapter:
    """A chapter's runs: those that are recorded and hold still, and those to come."""

    def __init__(self, root: Path, stem: str, force: bool, count: int):
        self.root, self.stem, self.key, self.count = root, stem, keys(root, stem), count
        old = read_results(root).get(stem, {})
        recorded = separated(old) if "compared" in old else {}
        same = [name for name in KEYS if old.get(name) == self.key[name]]
        self.runs = recorded if not force and len(same) == len(KEYS) else {}
        # Something has changed, but perhaps not what is measured.
        self.old = recorded if not force and not self.runs else {}
        self.made = {name: old.get(name) for name in ("date", "machine")}

    def next_runs(self) -> list[Draw]:
        """Return the draws to be made now; empty when the record is complete."""
        if self.old:
            numbers = {
                name: record.get("probe", {}).get("numpy", "") for name, record in self.old.items()
            }
            return [repeatable(numbers)]
        names = {name for name, record in self.runs.items() if record["passed"]}
        missing = [draw for draw in draws(self.count) if str(draw) not in names]
        if not missing and self.count == DRAWS and self.needs_more():
            return [draw for draw in draws(MANY) if str(draw) not in names]
        return missing

    def needs_more(self) -> bool:
        return any("needs" in problem(claim) for claim in joined_claims(self.runs))

    def add(self, draw: Draw, record: dict) -> None:
        self.runs[str(draw)] = record
        if self.old:
            if runs := taken_over(self.old, str(draw), record):
                self.runs = runs
                print(f"{self.stem}: {draw} gives the same; the others are taken over")
            self.old = {}
        today = datetime.now(UTC).date().isoformat()
        self.made = {"date": today, "machine": describe()}
        self.write()

    def write(self) -> None:
        made = {**self.key, **self.made}
        write_entry(self.root, self.stem, entry_of(self.root, self.stem, self.runs, made))


def report(stem: str, draw: Draw, record: dict) -> None:
    words = "done in" if record["passed"] else f"FAILED in cell {record['cell']} after"
    print(f"{stem}, {draw}: {words} {record['seconds']} s {record.get('error', '')}".rstrip(),
          flush=True)  # fmt: skip


def measure(root: Path, stems: list[str], force: bool, count: int, jobs: int) -> None:
    """Make the missing runs of all chapters, as many at a time as `jobs` says."""
    todo = [Chapter(root, stem, force, count) for stem in stems]
    for chapter in todo:
        if chapter.runs:  # the rules, or the thresholds before, may be other ones than then
            chapter.write()
    with ProcessPoolExecutor(jobs) as pool:
        waiting: dict = {}

        def submit(chapter: Chapter) -> None:
            for draw in chapter.next_runs():
                waiting[pool.submit(run, root, chapter.stem, draw)] = chapter, draw

        for chapter in todo:
            submit(chapter)
        while waiting:
            future = next(as_completed(waiting))
            chapter, draw = waiting.pop(future)
            record = future.result()
            chapter.add(draw, record)
            report(chapter.stem, draw, record)
            # A failed draw is not tried again in this series.
            pending = any(other is chapter for other, _ in waiting.values())
            if not pending and all(r["passed"] for r in chapter.runs.values()):
                submit(chapter)


# --- what a test asks ------------------------------------------------------------------


def record_problems(entry: dict, fewest: int = DRAWS) -> list[str]:
    """Return what is wrong with a chapter's recorded draws."""
    found = []
    runs = entry["runs"]
    if failed := [draw for draw, record in runs.items() if not record["passed"]]:
        found.append(f"failed under {', '.join(failed)}")
    if len(runs) < fewest:
        found.append(f"{len(runs)} draws, fewer than {fewest}")
    found += [
        f"“{claim['claim']}” {words}" for claim in entry["claims"] if (words := problem(claim))
    ]
    absent = [c["claim"] for c in entry["claims"] if len(c["values"]) != len(runs)]
    found += [f"“{name}” is not claimed in every draw" for name in absent]
    found += [
        f"cell {cell['cell']} printed differently" for cell in entry["compared"] if not cell["same"]
    ]
    return found


def has_claims(root: Path, stem: str) -> bool:
    return any(is_checked(c) or "claim(" in c.source for c in chapter_code(root, stem))


def stale(root: Path, stem: str, entry: dict | None) -> str:
    """Return why a record does not speak of the page as it is now, or ""."""
    if entry is None or "compared" not in entry:
        return "is not recorded"
    key = keys(root, stem)
    if entry["cells"] != key["cells"]:
        return "was recorded with other code cells"
    if entry["surroundings"] != key["surroundings"]:
        return "was recorded with other modules or results"
    return ""


def claim_problems(root: Path, stem: str) -> list[str]:
    """Return why a chapter's claims are not recorded as safe on any machine."""
    if not page_of(root, stem).exists() or not has_claims(root, stem):
        return []
    entry = read_results(root).get(stem)
    words = stale(root, stem, entry)
    return [words] if words else record_problems(entry)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="STEM", help="default: all of _toc.yml")
    parser.add_argument("--force", action="store_true", help="repeat what is recorded already")
    parser.add_argument("--draws", type=int, default=DRAWS, metavar="N", help="default: 10 or 20")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N",
                        help="runs at a time (default: one a core)")  # fmt: skip
    arguments = parser.parse_args()
    wanted = arguments.chapters or chapters(ROOT)
    if missing := [stem for stem in wanted if not page_of(ROOT, stem).exists()]:
        parser.error(f"there is no book/en/{missing[0]}.md")
    # The kernel of this environment, whatever else the user has installed.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    print(describe(), flush=True)
    measure(ROOT, wanted, arguments.force, arguments.draws, arguments.jobs)
    fewest = min(arguments.draws, DRAWS)
    results = read_results(ROOT)
    found = [f"{stem}: {words}" for stem in wanted if stem in results
             for words in record_problems(results[stem], fewest)]  # fmt: skip
    print("\n".join(found) if found else "Every claim is safe under every draw.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
