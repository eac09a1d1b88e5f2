"""Grade many jobs at a time, and remember what is done: a killed run goes on where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Any

from rnncourse.grading.exercise import Notebook
from rnncourse.grading.grader import Grader, fault
from rnncourse.grading.outputs import open_own
from rnncourse.grading.record import Record, restore
from rnncourse.grading.reports import Progress
from rnncourse.grading.signing import signed, verified
from rnncourse.grading.submissions import Job, Submission, read_jobs

Number = tuple[int, int]  # a submission's place, and a job's place in it
Numbered = tuple[Number, Job]
Check = Callable[[], None]
PAUSE = 0.1  # seconds between two looks at whether a signal has come
SHARE = 10  # times one notebook's time limit, which one learner's notebooks may take in all


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

    A line is `{"key", "seed", "record", "signature"}`. One that this grader has not signed with
    `secret`, or that a kill cut short, is as if it were not there; `ignored` counts them.
    Raises `OSError` where the file cannot be written, another run is writing it, or it is not ours.
    """

    def __init__(self, path: Path, secret: bytes, fresh: bool = False) -> None:
        import fcntl  # Windows, which has no grader, has not this module either

        self.seed: int | None = None  # of the last record
        self.ignored = 0
        self._secret = secret
        self._found: dict[str, Record] = {}
        self._file = open_own(path)
        try:  # the file is its own lock: no second one that somebody could plant
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
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
            with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                item = json.loads(line)
                if verified(item, self._secret):
                    self._found[item["key"]] = restore(item["record"])
                    self.seed = int(item["seed"])
                    continue
            self.ignored += 1
        if not line.endswith(b"\n"):
            self._file.write(b"\n")

    def find(self, key: str) -> Record | None:
        """The record stored under `key`, or None."""
        return self._found.get(key)

    def add(self, key: str, seed: int, record: Record) -> None:
        """Store a record. It survives this process at once."""
        item = {"key": key, "seed": seed, "record": record.plain()}
        self._file.write(json.dumps(signed(item, self._secret)).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file, and let another run have it."""
        self._file.close()


class Keys:
    """The journal's keys of one batch: a job's, with all that its record depends on."""

    def __init__(self, solutions: dict[str, Notebook], *settings: Any) -> None:
        self.settings = digest(package_digest(), *settings)
        self.known = solutions
        self.solutions = {name: digest(notebook) for name, notebook in solutions.items()}

    def of(self, job: Job) -> str:
        """The key of one job."""
        return digest(job.digest(), self.solutions.get(job.exercise), self.settings)


def in_turn(submissions: Sequence[Submission]) -> Iterator[tuple[int, Submission]]:
    """Each submission with its place: everybody's first one, everybody's second one, and so on.

    Nobody waits for the hundred notebooks of another.
    """
    had: Counter[str] = Counter()
    turns = []
    for place, submission in enumerate(submissions):
        turns.append((had[submission.learner], place))
        had[submission.learner] += 1
    return ((place, submissions[place]) for _, place in sorted(turns))


class Work:
    """The jobs of a batch in their order, and the records found for them.

    `seconds` is what the jobs of one learner may take in all; those that come after are not run.
    `points` says how many an exercise has, for their rows.
    """

    def __init__(self, submissions: Sequence[Submission], keys: Keys, seed: int,
                 journal: Journal | None, progress: Progress, seconds: float = math.inf,
                 points: Callable[[str], float] = lambda exercise: 0.0) -> None:  # fmt: skip
        self.submissions = submissions
        self.keys = keys
        self.seed = seed
        self.journal = journal
        self.progress = progress
        self.seconds = seconds
        self.points = points
        self.ungraded = False  # something was handed in that could not be graded
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._records: dict[Number, Record] = {}
        self._open: dict[Number, str] = {}

    def pending(self) -> Iterator[Numbered]:
        """Read the jobs one by one, leaving out those that the journal knows, or come too late."""
        for place, submission in in_turn(self.submissions):
            jobs = read_jobs(submission, self.keys.known)
            self.progress.total += len(jobs) - 1
            for number, job in enumerate(jobs):
                yield from self._unknown((place, number), job)

    def _unknown(self, number: Number, job: Job) -> Iterator[Numbered]:
        key = self.keys.of(job)
        found = self.journal.find(key) if self.journal else None
        self.ungraded |= job.problem is not None
        if not found and not job.problem and self._spent[job.learner] > self.seconds:
            self.ungraded = True
            found = self._too_late(job)
        if found:
            self._records[number] = found
            self.progress.step(graded=False)
        else:
            self._open[number] = key
            yield number, job

    def _too_late(self, job: Job) -> Record:
        """The row of a job that is not run. The journal does not get it: alone, it may be run."""
        said = (
            f"not run: this learner's notebooks have taken more than {self.seconds:g} s in all, "
            f"{SHARE} times the limit for one; grade the rest by itself, or give more --seconds",
            f"未运行：此人的 notebook 总共已超过 {self.seconds:g} 秒，是单个时间限制的 {SHARE} 倍；"
            "请把剩下的单独评分，或用 --seconds 放宽限制",
        )
        maximum = 0.0
        with contextlib.suppress(Exception):  # an unfit solution, of which other rows tell
            maximum = self.points(job.exercise)
        return Record(job.submission, job.exercise, 0.0, maximum, said, learner=job.learner)

    def add(self, number: Number, record: Record) -> None:
        """Take a job's record; the journal gets it unless the fault was ours."""
        self._records[number] = record
        self._spent[record.learner] += record.seconds
        key = self._open.pop(number)
        if record.faulty():
            self.ungraded = True
        elif self.journal:
            self.journal.add(key, self.seed, record)
        self.progress.step()

    def records(self) -> list[Record]:
        """What is done, in the order of the submissions whatever came first."""
        return [self._records[number] for number in sorted(self._records)]


def flow(
    jobs: Iterator[Numbered], submit: Callable[[Job], Any], first: Callable[[Any], Any],
    window: int, check: Check = unasked,
) -> Generator[tuple[Number, Record], None, None]:  # fmt: skip
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
