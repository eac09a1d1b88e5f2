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

from rnncourse.grading import class_outputs, reports, standing
from rnncourse.grading import outputs as files
from rnncourse.grading.confine.stage import Limits, SandboxError
from rnncourse.grading.exercise import Notebook, load
from rnncourse.grading.gradebook import Class
from rnncourse.grading.grader import MAX_SEED, Grader, read_solutions
from rnncourse.grading.journal import SHARE, Journal, Keys, Work, held_back, run_local
from rnncourse.grading.roster import RosterError
from rnncourse.grading.signing import grader_key
from rnncourse.grading.submissions import find_submissions, read_jobs

MAX_JOBS = 64
EPILOG = """\
exit codes: 0 the batch was graded; 1 with --require-full, where a point is missing; 2 it could not
start; 130 it was interrupted, and --out holds the rows that were done.

A run that was killed goes on where it stopped: --out SCORES.csv keeps SCORES.csv.journal beside it.
A notebook, solution, time limit or version that has changed since is graded again; the journal's
seed is used again unless --seed names another. Lines that another user or machine has written there
are not believed.

Files are written to no folder that holds submissions: the one given, or that of a file given.

--scheduler sends submissions AND solutions to the workers: they are trusted as this machine is, and
each confines learner code with what it has (install bubblewrap there). Whoever reaches a Dask
scheduler can run code on its workers: keep it in a closed network, or use tls://. Start none of
them in a folder with submissions.
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
    add("--exercises", metavar="IDS",
        help="what was set, as rnn_ex_01,lstm_ex_04: what is missing counts 0, and nothing else "
        "counts, in --gradescope and --require-full")  # fmt: skip
    add("--attempts", choices=standing.ATTEMPTS, default="best",
        help="which of several attempts at an exercise counts (default: best)")  # fmt: skip
    add("--require-full", action="store_true",
        help="exit with 1 unless every learner has all points of --exercises, or of all that was "
        "handed in")  # fmt: skip
    add("--solutions", metavar="DIR", type=Path,
        help="default: the folder beside the package's source")  # fmt: skip
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
    """The folder given, else the one beside the package's source; never one of the current folder.

    Raises `PermissionError` where it, or a notebook in it, lies at, above or below submissions: its
    code is run as it stands, and a learner may have put it there.
    """
    folder = given or Path(__file__).resolve().parents[2] / "solutions"
    places = {files.real(folder), *(files.real(p).parent for p in folder.glob("*_sol_*.ipynb"))}
    for theirs in files.folders_of(submissions):
        for place in places:
            if files.inside(place, theirs) or files.inside(theirs, place):
                raise PermissionError(
                    f"the solutions in {place} and the submissions in {theirs} lie in one folder. "
                    "Solutions are run as your own code: keep the two apart, and name the "
                    "solutions with --solutions"
                )
    return folder


def _grade_class(options: argparse.Namespace) -> int:
    outputs = Outputs(options.out, options.json, options.gradescope)
    journal_path = outputs.csv and outputs.csv.with_name(f"{outputs.csv.name}.journal")
    written = [*outputs, journal_path, *class_outputs.files(options)]
    files.check_files(filter(None, written), options.submission)
    files.refuse_among(filter(None, [options.feedback]), options.submission)
    people = class_outputs.prepare(options)
    folder = solutions_folder(options.solutions, options.submission)
    solutions = read_solutions(folder)
    points = functools.cache(lambda name: float(load(solutions[name]).rules.points))
    assigned = _assigned(options, solutions, points)
    submissions = list(find_submissions(options.submission, solutions))
    with contextlib.ExitStack() as stack:
        journal = _open_journal(journal_path, options.fresh, stack) if journal_path else None
        seed = _seed(options.seed, journal)
        run, setting, warnings = _engine(options, solutions, seed, stack)
        print(*filter(None, warnings), f"seed {seed}", sep="\n", file=sys.stderr)
        keys = Keys(solutions, seed, options.seconds, setting)
        progress = stack.enter_context(reports.Progress(len(submissions)))
        allowed = SHARE * options.seconds
        work = Work(submissions, keys, seed, journal, progress, allowed, points)
        complete = _carry_out(work, run)
    batch = class_outputs.Batch(
        work.records(), complete, assigned, options.attempts, solutions,
        lambda: (job for one in submissions for job in read_jobs(one, solutions)))  # fmt: skip
    group = class_outputs.join(batch, people)
    return _finish(batch, group, work, outputs, options)


def _assigned(
    options: argparse.Namespace, solutions: dict[str, Notebook], points: Callable[[str], float]
) -> dict[str, float] | None:
    """What was set, with its points; None where the command does not say."""
    if options.exercises is None:
        return None
    parser: argparse.ArgumentParser = options.parser
    try:
        return standing.read_assigned(options.exercises, solutions, points)
    except ValueError as error:
        parser.error(str(error))


def _open_journal(path: Path, fresh: bool, stack: contextlib.ExitStack) -> Journal:
    """The journal; says on stderr what of it is not believed."""
    key, warning = grader_key()
    journal = Journal(path, key, fresh)
    stack.callback(journal.close)
    if journal.ignored:
        warning += (
            f"\nNOTE: {journal.ignored} lines of {path} were not written by this grader, or not to "
            "their end. They are ignored, and what they say is graded again."
        )
    if warning:
        print(warning.strip(), file=sys.stderr)
    return journal


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


def _finish(batch: class_outputs.Batch, group: Class, work: Work, outputs: Outputs,
            options: argparse.Namespace) -> int:  # fmt: skip
    """Write and print what is done; the exit code."""
    language = ("en", "zh").index(options.lang)
    records = group.records
    if outputs.csv:
        files.write_whole(outputs.csv, reports.as_csv(records, language, not options.no_bom))
    if outputs.json:
        files.write_whole(outputs.json, reports.as_json(records, work.seed, batch.complete))
    class_outputs.write(batch, group, options)
    print(reports.table([record.row(language) for record in records]))
    if not batch.complete:
        return 130
    # Gradescope's is one learner; a file called after its exercise does not say whose it is.
    whose = None if outputs.gradescope else work.keys.solutions
    counted = standing.as_one(records, whose)
    full = standing.all_full(counted, batch.assigned, options.attempts, work.ungraded)
    return int(options.require_full and not full)
