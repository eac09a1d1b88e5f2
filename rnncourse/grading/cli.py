"""The command `rnncourse grade FOLDER --out scores.csv`: grade notebooks of a class."""

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

from rnncourse.grading import class_outputs, reports
from rnncourse.grading.confine.stage import Limits, SandboxError
from rnncourse.grading.exercise import Notebook
from rnncourse.grading.gradebook import Class
from rnncourse.grading.grader import MAX_SEED, Grader, read_solutions
from rnncourse.grading.journal import Journal, Keys, Work, held_back, run_local, write_whole
from rnncourse.grading.roster import RosterError
from rnncourse.grading.submissions import find_submissions, read_jobs

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


def add_parser(commands: Any) -> None:
    """Add `grade SUBMISSION…` to the command line."""
    grade = commands.add_parser("grade", help="grade notebooks or folders of notebooks",
                                epilog=EPILOG,
                                formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    grade.set_defaults(parser=grade)
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
    add("--seconds", type=float, default=20.0, help="time limit for each submission (default: 20)")
    add("--unconfined", action="store_true",
        help="grade even where learner code could read the solutions")  # fmt: skip
    class_outputs.add_options(grade)


def run(options: argparse.Namespace) -> int:
    """Do it. Returns the exit code; the command's `--help` lists them."""
    parser: argparse.ArgumentParser = options.parser
    if os.name != "posix":
        parser.error("grading needs Linux or macOS (on Windows: use WSL)")
    if options.seed is not None and not 0 <= options.seed < MAX_SEED:
        parser.error(f"--seed must lie in 0..{MAX_SEED - 1}")
    if not 0 < options.seconds <= 3600:
        parser.error("--seconds must lie between 0 and 3600")
    if not 1 <= options.jobs <= MAX_JOBS:
        parser.error(f"--jobs must lie in 1..{MAX_JOBS}")
    try:
        with _signals():
            return _grade_class(options)
    except (OSError, RosterError) as error:
        return parser.error(str(error))
    except SandboxError as error:
        class_outputs.refuse(options, error)
        return parser.error(str(error))
    except KeyboardInterrupt:
        print("interrupted before the first row", file=sys.stderr)
        return 130


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
        return Path(__file__).resolve().parents[2] / "solutions"
    if any(_inside(here, Path(folder)) for folder in submissions):
        raise PermissionError(
            "./solutions lies in a folder of submissions; if it is yours, name it with --solutions"
        )
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
    people = class_outputs.prepare(options)
    folder = solutions_folder(options.solutions, options.submission)
    solutions = read_solutions(folder)
    assigned = class_outputs.assigned(options, solutions)
    submissions = list(find_submissions(options.submission, solutions))
    with contextlib.ExitStack() as stack:
        journal = None
        if outputs.csv:
            path = outputs.csv.with_name(f"{outputs.csv.name}.journal")
            journal = Journal(path, options.fresh)
            stack.callback(journal.close)
        seed = _seed(options.seed, journal)
        run, setting, warnings = _engine(options, solutions, seed, stack)
        print(*filter(None, warnings), f"seed {seed}", sep="\n", file=sys.stderr)
        keys = Keys(solutions, seed, options.seconds, setting)
        progress = stack.enter_context(reports.Progress(len(submissions)))
        work = Work(submissions, keys, seed, journal, progress)
        complete = _carry_out(work, run)
    batch = class_outputs.Batch(
        work.records(), complete, assigned, options.attempts, solutions,
        lambda: (job for one in submissions for job in read_jobs(one, solutions)))  # fmt: skip
    return _finish(batch, class_outputs.join(batch, people), seed, outputs, options)


def _seed(given: int | None, journal: Journal | None) -> int:
    """The seed given, else the journal's: a resumed batch draws the same. Else a new one."""
    if given is not None:
        return given
    if journal is not None and journal.seed is not None:
        return journal.seed
    return secrets.randbelow(MAX_SEED)


def _engine(
    options: argparse.Namespace, solutions: dict[str, Notebook], seed: int,
    stack: contextlib.ExitStack,
) -> tuple[Callable, Any, list[str]]:  # fmt: skip
    """What runs the jobs: here or on a cluster; what of it the rows depend on; its warnings."""
    limits = Limits(wall=options.seconds)
    if not options.scheduler:
        grader = stack.enter_context(Grader(solutions, seed, limits, unconfined=options.unconfined))
        warnings = [grader.mode.warning()]
        run = functools.partial(run_local, grader, workers=options.jobs)
        return run, grader.mode, warnings
    from rnncourse.grading import cluster

    client = stack.enter_context(cluster.connect(options.scheduler))
    batch, warnings = cluster.prepare(client, solutions, seed, limits, options.unconfined)
    return functools.partial(cluster.run_cluster, client, batch), "cluster", warnings


def _carry_out(work: Work, run: Callable) -> bool:
    """Do the work. False where it was interrupted."""
    try:
        with (
            held_back() as check,
            contextlib.closing(run(work.pending(), check=check)) as results,
        ):
            for number, record in results:
                work.add(number, record)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return False
    return True


def _finish(batch: class_outputs.Batch, group: Class, seed: int, outputs: Outputs,
            options: argparse.Namespace) -> int:  # fmt: skip
    """Write and print what is done; the exit code."""
    language = ("en", "zh").index(options.lang)
    records = group.records
    if outputs.csv:
        write_whole(outputs.csv, reports.as_csv(records, language, not options.no_bom))
    if outputs.json:
        write_whole(outputs.json, reports.as_json(records, seed, batch.complete))
    class_outputs.write(batch, group, options)
    print(reports.table([record.row(language) for record in records]))
    if not batch.complete:
        return 130
    missing = any(not record.full() for record in records)
    return int(options.require_full and missing)
