"""The command line: `python -m rnncourse grade FOLDER --out scores.csv`, and `… data list`."""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rnncourse import _batch, _data, _grade, _reports, _sandbox
from rnncourse._collect import find_submissions
from rnncourse._exercise import Notebook

MAX_JOBS = 64
EPILOG = """\
exit codes: 0 the batch was graded; 1 with --require-full, where a point is missing; 2 it could not
start; 130 it was interrupted, and --out holds the rows that were done.

A run that was killed goes on where it stopped: --out SCORES.csv keeps SCORES.csv.journal beside it.
A notebook, solution, time limit or version that has changed since is graded again; the journal's
seed is used again unless --seed names another.

--scheduler sends submissions AND solutions to the workers: they are trusted as this machine is, and
each confines learner code with what it has (install bubblewrap there). Whoever reaches a Dask
scheduler can run code on its workers: keep it in a closed network, or use tls://.
"""


class Outputs(NamedTuple):
    """The files to write; None for those not asked for."""

    csv: Path | None
    json: Path | None
    gradescope: Path | None


class Interrupted(KeyboardInterrupt):
    """A request to end, by signal."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code; `--help` lists them."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.command == "data":
        return _data.run(options)
    if os.name != "posix":
        parser.error("grading needs Linux or macOS (on Windows: use WSL)")
    if options.seed is not None and not 0 <= options.seed < _grade.MAX_SEED:
        parser.error(f"--seed must lie in 0..{_grade.MAX_SEED - 1}")
    if not 0 < options.seconds <= 3600:
        parser.error("--seconds must lie between 0 and 3600")
    if not 1 <= options.jobs <= MAX_JOBS:
        parser.error(f"--jobs must lie in 1..{MAX_JOBS}")
    try:
        with _signals():
            return _grade_class(options)
    except (OSError, _sandbox.SandboxError) as error:
        return parser.error(str(error))
    except KeyboardInterrupt:
        print("interrupted before the first row", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rnncourse", description="Course tools.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _data.add_parser(commands)
    grade = commands.add_parser("grade", help="grade notebooks or folders of notebooks",
                                epilog=EPILOG,
                                formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    add = grade.add_argument
    add("submission", nargs="+", help="a notebook, a zip of notebooks, or a folder of both")
    add("--out", metavar="CSV", type=Path, help="write the rows to this file, and a journal beside")
    add("--json", metavar="FILE", type=Path, help="write every part of every row")
    add("--gradescope", metavar="FILE", type=Path,
        help="write one learner's results.json for Gradescope")  # fmt: skip
    add("--jobs", type=int, default=min(_cores(), MAX_JOBS), metavar="N",
        help="notebooks that run at a time (default: one a core)")  # fmt: skip
    add("--scheduler", metavar="ADDRESS", help="grade on the workers of this Dask scheduler")
    add("--fresh", action="store_true", help="grade all again: forget the journal")
    add("--require-full", action="store_true", help="exit with 1 where a point is missing")
    add("--solutions", metavar="DIR", type=Path, help="default: ./solutions")
    add("--seed", type=int, help="draw the same inputs again (default: random, printed)")
    add("--lang", choices=("en", "zh"), default="en", help="language of reasons")
    add("--seconds", type=float, default=20.0,
        help="time limit for each submission (default: 20)")  # fmt: skip
    add("--unconfined", action="store_true",
        help="grade even where learner code could read the solutions")  # fmt: skip
    return parser


def _cores() -> int:
    """Cores that this process may use."""
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known else os.cpu_count() or 1


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Let SIGTERM end the batch as Ctrl-C does: the rows that are done are written."""

    def stop(*_: object) -> None:
        raise Interrupted

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def solutions_folder(given: Path | None, submissions: Sequence[str] = ()) -> Path:
    """The folder given, else ./solutions, else the one beside the package's source.

    Raises `PermissionError` where ./solutions lies among the submissions: its code would be
    trusted, and a learner may have put it there.
    """
    if given is not None:
        return given
    here = Path("solutions")
    if not here.is_dir():
        return Path(__file__).resolve().parents[1] / "solutions"
    if any(_inside(here, Path(folder)) for folder in submissions):
        raise PermissionError("./solutions lies in a folder of submissions; if it is yours, "
                              "name it with --solutions")  # fmt: skip
    return here


def _inside(path: Path, folder: Path) -> bool:
    return folder.is_dir() and folder.resolve() in path.resolve().parents


def _check_outputs(outputs: Outputs, submissions: Sequence[str]) -> None:
    """Refuse what could not be written at the end, and a journal that a learner could write."""
    for path in filter(None, outputs):
        if path.is_dir() or not path.parent.is_dir():
            raise FileNotFoundError(f"cannot write {path}: its folder does not exist, or it is one")
    for folder in map(Path, submissions):
        if outputs.csv and _inside(outputs.csv, folder):
            raise PermissionError(f"--out {outputs.csv} lies in {folder}, where a submission could "
                                  "pose as its journal: put it elsewhere")  # fmt: skip


def _grade_class(options: argparse.Namespace) -> int:
    outputs = Outputs(options.out, options.json, options.gradescope)
    _check_outputs(outputs, options.submission)
    folder = solutions_folder(options.solutions, options.submission)
    solutions = _grade.read_solutions(folder)
    submissions = list(find_submissions(options.submission, solutions))
    with contextlib.ExitStack() as stack:
        journal = None
        if outputs.csv:
            path = outputs.csv.with_name(f"{outputs.csv.name}.journal")
            journal = _batch.Journal(path, options.fresh)
            stack.callback(journal.close)
        seed = _seed(options.seed, journal)
        run, setting, warnings = _engine(options, solutions, seed, stack)
        print(*filter(None, warnings), f"seed {seed}", sep="\n", file=sys.stderr)
        keys = _batch.Keys(solutions, seed, options.seconds, setting)
        progress = stack.enter_context(_reports.Progress(len(submissions)))
        work = _batch.Work(submissions, keys, seed, journal, progress)
        complete = _carry_out(work, run)
    return _finish(work, complete, outputs, options)


def _seed(given: int | None, journal: _batch.Journal | None) -> int:
    """The seed given, else the journal's: a resumed batch draws the same. Else a new one."""
    if given is not None:
        return given
    if journal is not None and journal.seed is not None:
        return journal.seed
    return secrets.randbelow(_grade.MAX_SEED)


def _engine(
    options: argparse.Namespace, solutions: dict[str, Notebook], seed: int,
    stack: contextlib.ExitStack,
) -> tuple[Callable, Any, list[str]]:  # fmt: skip
    """What runs the jobs: here or on a cluster; what of it the rows depend on; its warnings."""
    limits = _sandbox.Limits(wall=options.seconds)
    if not options.scheduler:
        grader = stack.enter_context(_grade.Grader(solutions, seed, limits,
                                                    unconfined=options.unconfined))  # fmt: skip
        warnings = [grader.mode.warning()]
        run = functools.partial(_batch.run_local, grader, workers=options.jobs)
        return run, grader.mode, warnings
    from rnncourse import _cluster

    client = stack.enter_context(_cluster.connect(options.scheduler))
    batch, warnings = _cluster.prepare(client, solutions, seed, limits, options.unconfined)
    return functools.partial(_cluster.run_cluster, client, batch), "cluster", warnings


def _carry_out(work: _batch.Work, run: Callable) -> bool:
    """Do the work. False where it was interrupted."""
    try:
        with (
            _batch.held_back() as check,
            contextlib.closing(run(work.pending(), check=check)) as results,
        ):
            for number, record in results:
                work.add(number, record)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return False
    return True


def _finish(
    work: _batch.Work, complete: bool, outputs: Outputs, options: argparse.Namespace
) -> int:
    """Write and print what is done; the exit code."""
    language = ("en", "zh").index(options.lang)
    records = work.records()
    if outputs.csv:
        _batch.write_whole(outputs.csv, _reports.as_csv(records, language))
    if outputs.json:
        _batch.write_whole(outputs.json, _reports.as_json(records, work.seed, complete))
    if outputs.gradescope:
        _batch.write_whole(outputs.gradescope, _reports.as_gradescope(records, language))
    print(_reports.table([record.row(language) for record in records]))
    if not complete:
        return 130
    missing = any(not record.full() for record in records)
    return int(options.require_full and missing)


if __name__ == "__main__":
    sys.exit(main())
