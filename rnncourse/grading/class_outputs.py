"""What a class needs beside its scores: roster, gradebook, pages, similar notebooks.

The options of `rnncourse grade` for them, what they ask before grading starts, and the files.
"""

from __future__ import annotations

import argparse
import csv
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from rnncourse.grading import classroom50, gradebook, gradescope, pages, roster, similarity
from rnncourse.grading.confine.stage import SandboxError
from rnncourse.grading.exercise import Notebook, load
from rnncourse.grading.gradebook import Class
from rnncourse.grading.outputs import write_whole
from rnncourse.grading.record import Record
from rnncourse.grading.roster import Roster
from rnncourse.grading.spreadsheet import as_csv
from rnncourse.grading.standing import Standing, standings
from rnncourse.grading.submissions import Job

CONSOLE = Path("-")


class Batch(NamedTuple):
    """A finished run: its records, what was set, and how its notebooks are read once more."""

    records: list[Record]
    complete: bool
    assigned: dict[str, float] | None
    attempts: str
    solutions: dict[str, Notebook]
    jobs: Callable[[], Iterable[Job]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to `rnncourse grade`."""
    add = parser.add_argument
    add("--roster", metavar="FILE", type=Path,
        help="the class as CSV: everybody in it gets a row (Canvas's gradebook, Moodle's "
        "participants, or names, ids and addresses under headings)")  # fmt: skip
    add("--gradebook", metavar="CSV", type=Path,
        help="write one line a learner; ready for Canvas where the roster is Canvas's")  # fmt: skip
    add("--feedback", metavar="DIR", type=Path,
        help="write one page of HTML a learner into this new or empty folder")  # fmt: skip
    add("--similarity", metavar="CSV", type=Path, nargs="?", const=CONSOLE,
        help="list pairs of notebooks with nearly the same code; no file: printed")  # fmt: skip
    add("--classroom50", metavar="FILE", type=Path,
        help="write one learner's result.json for Classroom 50")  # fmt: skip
    add("--visibility", choices=gradescope.VISIBILITY, default="visible",
        help="who sees the boxes of --gradescope, and when (default: visible)")  # fmt: skip
    add("--no-bom", action="store_true", help="write CSV without the mark that Excel needs")


def files(options: argparse.Namespace) -> list[Path]:
    """Every file that these options write; the pages' folder is not one."""
    named = [options.gradebook, options.similarity, options.classroom50]
    return [path for path in named if path is not None and path != CONSOLE]


def prepare(options: argparse.Namespace) -> Roster | None:
    """Read the roster, and refuse what could not be written at the end. Writes nothing.

    Raises `roster.RosterError`, or `OSError` where a file or folder does not allow it.
    """
    if options.classroom50 and options.require_full:
        raise OSError("--classroom50 asks for exit code 0: leave --require-full out")
    others = (options.out, options.json, options.gradescope, options.feedback)
    every = [*files(options), *filter(None, others)]
    if len({path.absolute() for path in every}) < len(every):
        raise OSError("two options name the same output file")
    if options.feedback:
        if not options.feedback.parent.is_dir():
            raise FileNotFoundError(f"--feedback {options.feedback}: its parent does not exist")
        pages_before(options.feedback)
    return roster.read(options.roster) if options.roster else None


def pages_before(folder: Path) -> dict[str, str]:
    """The names of pages that an earlier run wrote there, by learner; none in a new folder.

    Raises `OSError` where the folder is a link, or holds anything that no run has written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise NotADirectoryError(f"--feedback {folder} is a link or a file, expected a folder")
    found = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if not found:
        return {}
    known: dict[str, str] = {}
    index = folder / pages.INDEX
    if pages.INDEX in found and index.is_file() and not index.is_symlink():
        with open(index, newline="", encoding="utf-8-sig", errors="replace") as file:
            lines = [tuple(line) for line in csv.reader(file)]
        if lines[:1] == [pages.HEADING]:
            known = {line[0]: line[1] for line in lines[1:] if len(line) == 2}
    foreign = found - set(known.values()) - {pages.INDEX}
    if foreign or not known:
        raise FileExistsError(f"--feedback {folder} holds other files ({min(foreign or found)}): "
                              "name a new or an empty folder")  # fmt: skip
    return known


def refuse(options: argparse.Namespace, error: SandboxError) -> None:
    """Tell a learner on Gradescope that nothing could be graded, and why."""
    if options.gradescope:
        language = ("en", "zh").index(options.lang)
        write_whole(options.gradescope, gradescope.refused((str(error), str(error)), language))


def join(batch: Batch, people: Roster | None) -> Class:
    """The records under the roster's names, with one for each who handed in nothing.

    Says on stderr who is not on it. A run that was interrupted is left as it is: who is missing
    may only not be graded yet.
    """
    if people is None or not batch.complete:
        return Class(batch.records)
    files: dict[str, list[str]] = {}
    for record in batch.records:
        files.setdefault(record.learner, []).append(record.submission)
    ids = {record.learner: record.learner_id for record in batch.records}
    matching = roster.match(people, files, ids)
    for who, why in matching.problems.items():
        print(f"{who}: {why[0]}", file=sys.stderr)
    return gradebook.join(batch.records, people, matching)


def write(batch: Batch, group: Class, options: argparse.Namespace) -> None:
    """Write what was asked for; of a run that was interrupted, what speaks of one learner only."""
    language = ("en", "zh").index(options.lang)
    bom = not options.no_bom
    counted = (batch.records, language, batch.assigned, batch.attempts)
    if options.gradescope:
        write_whole(options.gradescope, gradescope.as_results(*counted, options.visibility))
    if options.classroom50:
        write_whole(options.classroom50, classroom50.as_result(*counted))
    if not batch.complete:
        if options.roster or options.gradebook or options.feedback or options.similarity:
            print("interrupted: roster, gradebook, feedback and similarity wait for a whole run",
                  file=sys.stderr)  # fmt: skip
        return
    if options.gradebook:
        table = gradebook.rows(group, batch.assigned, batch.attempts, language)
        write_whole(options.gradebook, as_csv(table, bom))
    if options.feedback:
        _write_pages(options.feedback, group, batch, bom)
    if options.similarity:
        _write_similar(options.similarity, group, batch, language, bom)


def _write_similar(path: Path, group: Class, batch: Batch, language: int, bom: bool) -> None:
    renamed = group.matching.renamed if group.matching else {}
    jobs = (job._replace(learner=renamed.get(job.learner, job.learner)) for job in batch.jobs())
    wanted = {record.exercise for record in group.records} & batch.solutions.keys()
    exercises = {name: load(batch.solutions[name]) for name in wanted}
    table = similarity.rows(similarity.find(jobs, exercises), language)
    if path == CONSOLE:
        print("\n".join("  ".join(str(v) for v in row if v != "") for row in table))
    else:
        write_whole(path, as_csv(table, bom))


def _write_pages(folder: Path, group: Class, batch: Batch, bom: bool) -> None:
    """Write all pages into a new folder, then put it in the place of the old one."""
    files = pages.names(group.learners(), pages_before(folder))
    results: dict[str, list[Standing]] = {who: [] for who in files}
    for one in standings(group.records, batch.assigned, batch.attempts, files):
        results[one.learner].append(one)
    new = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    new.mkdir()
    try:
        for who, name in files.items():
            loose = [r for r in group.records if r.learner == who and not r.exercise]
            write_whole(new / name, pages.page(who, results[who], loose))
        write_whole(new / pages.INDEX, as_csv([pages.HEADING, *files.items()], bom))
        _put(new, folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _put(new: Path, folder: Path) -> None:
    """Have `new` be `folder`; what was there is deleted only then, and no link is followed."""
    old = folder.with_name(f"{new.name}.old")
    if folder.exists():
        os.rename(folder, old)
    try:
        os.rename(new, folder)
    except OSError:
        if old.exists():
            os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
