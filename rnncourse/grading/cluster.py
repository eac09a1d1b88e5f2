"""The same batch on other machines, by Dask; needs the optional extra `cluster`.

A worker is trusted as this machine is: it receives the solutions and decides points. It needs this
very version of the package, and confines learner code with what *its* machine offers.
"""

from __future__ import annotations

import atexit
import contextlib
import secrets
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rnncourse.grading.confine.stage import Limits, SandboxError
from rnncourse.grading.exercise import Notebook
from rnncourse.grading.grader import Grader
from rnncourse.grading.journal import PAUSE, Check, Numbered, flow, package_digest, unasked
from rnncourse.grading.record import Record
from rnncourse.grading.submissions import Job

SPARE = 2  # jobs that wait at the workers for each that runs
PATIENCE = "10s"  # to reach the scheduler


class Batch(NamedTuple):
    """What a worker needs to grade a batch's jobs."""

    name: str
    solutions: dict[str, Notebook]
    seed: int
    limits: Limits
    unconfined: bool


# A worker's: one grader a batch, made by the first job that comes; None once the batch has ended.
_graders: dict[str, Grader | None] = {}
_lock = threading.Lock()


def _grader(batch: Batch) -> Grader:
    with _lock:
        if batch.name not in _graders:
            _graders[batch.name] = Grader(
                batch.solutions, batch.seed, batch.limits, unconfined=batch.unconfined
            )
        grader = _graders[batch.name]
    if grader is None:
        raise RuntimeError("the batch has ended")
    return grader


def _examine(batch: Batch, job: Job) -> Record:
    return _grader(batch).examine(job)


def _probe(batch: Batch) -> tuple[str, str]:
    """A worker's version of the package, and what its confinement does not promise."""
    return package_digest(), _grader(batch).mode.warning()


def _leave(name: str) -> None:
    with _lock:
        grader = _graders.get(name)
        _graders[name] = None
    if grader is not None:
        grader.stop()
        grader.close()


@atexit.register
def _leave_all() -> None:
    for name in list(_graders):
        _leave(name)


def connect(address: str) -> Any:
    """A client of the scheduler there. Raises `SandboxError` where there is none to speak to."""
    try:
        from distributed import Client
    except ImportError:
        raise SandboxError("--scheduler needs Dask: pip install distributed") from None
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise SandboxError(f"no Dask scheduler answers at {address}: {error}") from None
    if not client.nthreads():
        client.close()
        raise SandboxError(f"the scheduler at {address} has no workers: start some")
    return client


def prepare(
    client: Any, solutions: dict[str, Notebook], seed: int, limits: Limits, unconfined: bool = False
) -> tuple[Batch, list[str]]:
    """Send the batch to every worker. Returns it with the workers' warnings.

    Raises `SandboxError` where a worker has another version of the package.
    """
    batch = Batch(secrets.token_hex(8), solutions, seed, limits, unconfined)
    found = client.run(_probe, batch)
    ours = package_digest()
    for worker, (theirs, _) in found.items():
        if theirs != ours:
            raise SandboxError(f"the worker {worker} has another version of rnncourse: install "
                               "the one that runs here")  # fmt: skip
    return batch, sorted({f"{w}: {warning}" for w, (_, warning) in found.items() if warning})


def run_cluster(
    client: Any, batch: Batch, jobs: Iterable[Numbered], check: Check = unasked
) -> Iterator:
    """Grade on the scheduler's workers; yields (number, record) as done, as `run_local` does."""
    from distributed import wait

    shared = client.scatter(batch, broadcast=True)

    def submit(job: Job) -> Any:
        return client.submit(_examine, shared, job, pure=False)

    def first(waiting: Iterable) -> Iterable:
        with contextlib.suppress(TimeoutError):
            return wait(list(waiting), PAUSE, "FIRST_COMPLETED").done
        return ()

    window = SPARE * sum(client.nthreads().values())
    results = flow(iter(jobs), submit, first, max(window, 1), check)
    try:
        yield from results
    finally:
        results.close()  # forgets the jobs that wait, before the workers forget the batch
        with contextlib.suppress(Exception):  # the scheduler may be what has gone
            client.run(_leave, batch.name)
