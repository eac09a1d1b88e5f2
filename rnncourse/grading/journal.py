"""Grade many jobs at a time, and remember what is done: a killed run goes on where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rnncourse.grading.exercise import Notebook
from rnncourse.grading.grader import Grader, fault
from rnncourse.grading.record import Record, restore
from rnncourse.grading.reports import Progress
from rnncourse.grading.submissions import Job, Submission, read_jobs

Numbered = tuple[int, Job]
Check = Callable[[], None]
PAUSE = 0.1  # seconds between two looks at whether a signal has come


def unasked() -> None:
    """The `Check` of a run that no signal ends."""


@contextlib.contextmanager
def held_back() -> Iterator[Check]:
    """Hold SIGINT and SIGTERM back; yields a function that raises what the first one asked for.

    An exception that breaks into `concurrent.futures` can leave a lock held for ever, and the
    threads that wait for it. A second signal does break in: somebody has lost patience.
    """
    came = False

    def hold(*_: object) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield unasked
        return
    before = {number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def digest(*values: Any) -> str:
    """A hash of values whose `repr` says all about them."""
    return hashlib.sha256("\0".join(map(repr, values)).encode("utf-8", "replace")).hexdigest()


def package_digest() -> str:
    """A hash of this package's sources: another grader or another `cells` may grade otherwise."""
    package = Path(__file__).resolve().parents[1]
    files = sorted(package.rglob("*.py"))
    return digest(*((str(file.relative_to(package)), file.read_bytes()) for file in files))


class Journal:
    """Finished records, each stored under a key that changes with whatever it depends on.

    A line is `{"key", "seed", "record"}`. One that a kill cut short is ignored.
    Raises `OSError` where the file cannot be written, or another run is writing it.
    """

    def __init__(self, path: Path, fresh: bool = False) -> None:
        self.seed: int | None = None  # of the last record
        self._found: dict[str, Record] = {}
        self._file = open(path, "a+b")  # noqa: SIM115 - closed by `close`
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            self._file.close()
            raise BlockingIOError(
                f"another run is writing {path}: wait, or name another --out"
            ) from None
        if fresh:
            self._file.truncate(0)
        self._read()

    def _read(self) -> None:
        self._file.seek(0)
        line = b"\n"
        for line in self._file:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                item = json.loads(line)
                self._found[item["key"]] = restore(item["record"])
                self.seed = int(item["seed"])
        if not line.endswith(b"\n"):
            self._file.write(b"\n")

    def find(self, key: str) -> Record | None:
        """The record stored under `key`, or None."""
        return self._found.get(key)

    def add(self, key: str, seed: int, record: Record) -> None:
        """Store a record. It survives this process at once."""
        line = json.dumps({"key": key, "seed": seed, "record": record.plain()})
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file, and let another run have it."""
        self._file.close()
        self._lock.release()


class Keys:
    """The journal's keys of one batch: a job's, with all that its record depends on."""

    def __init__(self, solutions: dict[str, Notebook], *settings: Any) -> None:
        self.settings = digest(package_digest(), *settings)
        self.solutions = {name: digest(notebook) for name, notebook in solutions.items()}

    def of(self, job: Job) -> str:
        """The key of one job."""
        return digest(job.digest(), self.solutions.get(job.exercise), self.settings)


class Work:
    """The jobs of a batch in their order, and the records found for them."""

    def __init__(self, submissions: Sequence[Submission], keys: Keys, seed: int,
                 journal: Journal | None, progress: Progress) -> None:  # fmt: skip
        self.submissions = submissions
        self.keys = keys
        self.seed = seed
        self.journal = journal
        self.progress = progress
        self._records: dict[int, Record] = {}
        self._open: dict[int, str] = {}

    def pending(self) -> Iterator[Numbered]:
        """Read the jobs one by one, leaving out those that the journal knows."""
        numbers = itertools.count()
        for submission in self.submissions:
            jobs = read_jobs(submission, self.keys.solutions)
            self.progress.total += len(jobs) - 1
            for number, job in zip(numbers, jobs):  # noqa: B905 - the count has no end
                key = self.keys.of(job)
                found = self.journal.find(key) if self.journal else None
                if found:
                    self._records[number] = found
                    self.progress.step(graded=False)
                else:
                    self._open[number] = key
                    yield number, job

    def add(self, number: int, record: Record) -> None:
        """Take a job's record; the journal gets it unless the fault was ours."""
        self._records[number] = record
        key = self._open.pop(number)
        if self.journal and not record.faulty():
            self.journal.add(key, self.seed, record)
        self.progress.step()

    def records(self) -> list[Record]:
        """What is done, in the order of the submissions whatever came first."""
        return [self._records[number] for number in sorted(self._records)]


def flow(
    jobs: Iterator[Numbered], submit: Callable[[Job], Any], first: Callable[[Any], Any],
    window: int, check: Check = unasked,
) -> Generator[tuple[int, Record], None, None]:  # fmt: skip
    """Keep `window` jobs under way; yield each number and record as it is done.

    `submit` makes a future, `first` waits a moment and returns those done, `check` may raise.
    Jobs are read one by one, so that a class of any size takes the memory of a few.
    """
    waiting = {submit(job): (number, job) for number, job in islice(jobs, window)}
    while waiting:
        check()
        for future in first(waiting):
            number, job = waiting.pop(future)
            try:
                record = future.result()
            except Exception as error:  # a worker that died
                record = fault(job, error)
            yield number, record
            waiting.update((submit(job), (number, job)) for number, job in islice(jobs, 1))


def run_local(
    grader: Grader, jobs: Iterable[Numbered], workers: int, check: Check = unasked
) -> Iterator:
    """Grade on this machine, `workers` notebooks at a time; yields (number, record) as done.

    Threads suffice: each waits for a process of its own. Closing the iterator, or a `check` that
    raises, kills those processes.
    """
    pool = ThreadPoolExecutor(workers)

    def submit(job: Job) -> Future:
        return pool.submit(grader.examine, job)

    def first(waiting: Iterable[Future]) -> set[Future]:
        return wait(waiting, PAUSE, FIRST_COMPLETED).done

    try:
        yield from flow(iter(jobs), submit, first, workers, check)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        grader.stop()
        pool.shutdown()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that is either the old or the new one, never half of it."""
    part = path.with_name(f"{path.name}.part")
    with open(part, "wb") as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
