"""Start, talk to and kill the confined process that runs a learner's notebook.

Nothing here knows expected values. What comes back from the process is untrusted bytes.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rnncourse.grading.confine import cgroup, landlock, seccomp
from rnncourse.grading.confine.bubblewrap import (
    ENVIRONMENT,
    bubblewrap,
    for_root_only,
    interpreter,
    open_paths,
)
from rnncourse.grading.confine.stage import Limits, SandboxError, Stage

NOBODY = 65534
OUR_TASKS = 4  # bubblewrap's processes, and the bootstrap


def available_locks() -> tuple[str, ...]:
    """Which locks this machine has: some of "files" (Landlock) and "calls" (seccomp)."""
    if sys.platform != "linux":
        return ()
    files = (landlock.FILES,) if landlock.version() else ()
    return files + ((seccomp.CALLS,) if seccomp.known() else ())


@dataclass(frozen=True)
class Mode:
    """One way to confine: bubblewrap or not, an unprivileged user or not, the locks, a group."""

    bubblewrap: bool
    user: int | None
    locks: tuple[str, ...] = field(default_factory=available_locks)
    group: bool = False

    def keeps_answers(self) -> bool:
        """True where learner code cannot read the solutions or another package."""
        return self.bubblewrap or landlock.FILES in self.locks

    def holds_memory(self) -> bool:
        """True where the limit on memory is one submission's, not one process's.

        By the filter, which allows no second process, or by the group, unless it can be left.
        """
        closed = self.bubblewrap or self.user is not None or landlock.FILES in self.locks
        return seccomp.CALLS in self.locks or (self.group and closed)

    def _lost(self) -> list[str]:
        """What learner code can do here that it could not in the strictest mode."""
        calls, files = seccomp.CALLS in self.locks, landlock.FILES in self.locks
        lost = [] if self.holds_memory() else [
            "it can take more memory than the limit, in shared memory and in other processes"
        ]  # fmt: skip
        if self.bubblewrap:
            return lost if calls else [*lost, "it can leave kernel keys for a later submission"]
        disk = "it can fill the disk"
        if not self.group:
            disk += ", or the memory where the temporary folder lies in it"
        lost += [disk, "it can see which files exist"]
        if not files:
            lost += ["it can read every file that its user can read, the SOLUTIONS and other "
                     "submissions perhaps among them, and earn points so",
                     "it can see other processes"]  # fmt: skip
        if not calls:
            lost += ["it can reach the network", "what it starts may outlive it"]
        if not (calls and files) and self.user is None:
            lost.append("it runs as THIS user: it can change this user's files, stop the grader")
        if self.user is None and os.geteuid() == 0:
            kind = "threads" if calls else "processes"
            lost.append(f"it runs as root: it can start any number of {kind}")
        return lost

    def warning(self) -> str:
        """What this mode does not promise; empty where everything holds."""
        lost = self._lost()
        if self.bubblewrap:
            said = "; ".join(lost)
            return f"NOTE: this machine has no system call filter: {said}." if lost else ""
        return (
            "WARNING: no working bubblewrap (bwrap). Learner code is "
            + ("LESS isolated: " if self.keeps_answers() else "NOT isolated: ")
            + "; ".join(lost)
            + ". Still limited: time, memory, file size, environment. Install bubblewrap, grade "
            "only code you trust, or in a virtual machine."
        )


class Silent(Exception):
    """The process sent no acceptable message; `why` is late, ended, large or early."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


def _start(
    stage: Stage, mode: Mode, limits: Limits, work: Path, pipes: tuple[int, int], before: list[str]
) -> subprocess.Popen:
    """Start the bootstrap; `pipes` are the ends from which it reads and to which it writes, and
    `before` is what the command begins with."""
    if mode.bubblewrap:
        command, home = bubblewrap(stage, mode.user), "/stage"
        path, files = ["/stage/lib", "/packages"], None
    else:
        command, home = [interpreter()], str(stage.folder)
        path = [f"{home}/lib", f"{home}/packages"]
        files = open_paths(stage, work) if landlock.FILES in mode.locks else None
    # Landlock says which files; without the other lock a way around it would be left.
    may_read = files and mode.user is not None and seccomp.CALLS in mode.locks
    config = {"read": pipes[0], "write": pipes[1], "path": path, "user": mode.user,
              "limits": limits.resources(mode.holds_memory()), "files": files,
              "reading": bool(may_read and for_root_only(stage)),
              "calls": seccomp.CALLS in mode.locks, "shared": not mode.bubblewrap}  # fmt: skip
    return subprocess.Popen(
        [*before, *command, "-I", "-S", "-B", f"{home}/boot/child.py", json.dumps(config)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**ENVIRONMENT, "HOME": str(work)}, cwd=work,
        pass_fds=pipes, start_new_session=True,
    )  # fmt: skip


def _group(mode: Mode, limits: Limits) -> cgroup.Group | None:
    """The submission's group, in a mode that has one. Raises `OSError` where it cannot be made."""
    if not mode.group:
        return None
    folder = cgroup.place()
    if folder is None:
        raise OSError("this machine has no control groups to lend")
    return cgroup.Group(folder, limits.memory, limits.threads + OUR_TASKS)


class Child:
    """One confined process. Use as a context manager; leaving it kills everything in it."""

    def __init__(self, stage: Stage, mode: Mode, limits: Limits) -> None:
        hide_memory()
        self.limits = limits
        self.deadline = time.monotonic() + limits.wall
        self.buffer = b""
        self.work = Path(tempfile.mkdtemp(prefix="rnncourse-work-"))
        if mode.user is not None:
            os.chown(self.work, mode.user, mode.user)
        their_read, self.write = os.pipe()
        self.read, their_write = os.pipe()
        os.set_blocking(self.write, False)
        self.group: cgroup.Group | None = None
        try:
            self.group = _group(mode, limits)
            before = self.group.command() if self.group else []
            pipes = their_read, their_write
            self.process = _start(stage, mode, limits, self.work, pipes, before)
        except OSError:
            self._release()
            raise
        finally:
            os.close(their_read)
            os.close(their_write)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self.process.kill()
        self.process.wait()
        self._drain()
        self._release()

    def _release(self) -> None:
        if self.group:
            self.group.close()
        os.close(self.read)
        os.close(self.write)
        delete(self.work)

    def _drain(self) -> None:
        """Wait, a second at most, until no process holds the reply pipe any more."""
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            ready, _, _ = select.select([self.read], [], [], 0.1)
            if ready and not os.read(self.read, 65536):
                return

    def _wait(self, read: bool) -> None:
        left = self.deadline - time.monotonic()
        fds = ([self.read], []) if read else ([], [self.write])
        if left <= 0 or not any(select.select(*fds, [], left)):
            raise Silent("late")

    def allow(self, seconds: float) -> None:
        """Set the deadline anew: so many seconds from now."""
        self.deadline = time.monotonic() + seconds

    def send(self, message: Any) -> None:
        """Send one line. Raises `Silent` where the child no longer reads, or reads too slowly."""
        data = json.dumps(message).encode() + b"\n"
        while data:
            self._wait(read=False)
            try:
                data = data[os.write(self.write, data) :]
            except BrokenPipeError:
                raise self._ended() from None

    def receive(self) -> bytes:
        """The next line. Raises `Silent` where it is late, too large, or never comes."""
        while b"\n" not in self.buffer:
            if len(self.buffer) > self.limits.reply:
                raise Silent("large")
            self._wait(read=True)
            data = os.read(self.read, 65536)
            if not data:
                raise self._ended()
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        if len(line) > self.limits.reply:
            raise Silent("large")
        return line

    def quiet(self) -> bool:
        """True where nothing has arrived that was not asked for."""
        return not self.buffer and not select.select([self.read], [], [], 0)[0]

    def _ended(self) -> Silent:
        try:
            return Silent("ended", self.process.wait(timeout=1.0))
        except subprocess.TimeoutExpired:
            return Silent("ended")


def hide_memory() -> None:
    """Forbid other processes of this user to read this one's memory (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE


def delete(folder: Path) -> None:
    """Delete a learner's folder, be it locked or deeper than Python's recursion reaches."""
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(folder)
    if folder.exists():
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            subprocess.run(
                [*command, "--", folder], check=False, stderr=subprocess.DEVNULL, env=ENVIRONMENT
            )  # its path: the user's may name the current folder


def find_mode(stage: Stage, unconfined: bool = False) -> Mode:
    """The strictest mode in which a child starts here.

    Raises `SandboxError` where none does, and, unless `unconfined`, where learner code
    could read the solutions: points would then say nothing.
    """
    user = NOBODY if os.geteuid() == 0 else None
    locks = available_locks()
    modes = [Mode(True, user, locks), Mode(True, user, ())] if shutil.which("bwrap") else []
    modes += [Mode(False, whom, held) for held in (locks, ()) for whom in (user, None)]
    if cgroup.place() is not None:
        modes = [replace(mode, group=group) for mode in modes for group in (True, False)]
    mode = next((mode for mode in dict.fromkeys(modes) if works(stage, mode)), None)
    if mode is None:
        raise SandboxError("no Python process could be started for learner code")
    if not (mode.keeps_answers() or unconfined):
        raise SandboxError(
            "learner code could read the solutions here, and so earn points that it does not "
            "deserve: this machine has neither a working bubblewrap (bwrap) nor Landlock "
            "(Linux 5.13). Install bubblewrap, or accept the risk with --unconfined"
        )
    return mode


def works(stage: Stage, mode: Mode) -> bool:
    """True where a child in this mode starts and imports NumPy and the standard library."""
    try:
        with Child(stage, mode, Limits()) as child:
            # An import that fails does not end a cell: what is called must need both.
            cell = "import colorsys, numpy\nready = [numpy.add, colorsys.hsv_to_rgb][0]"
            child.send({"cells": [cell], "function": "ready"})
            child.receive()
            return json.loads(child.receive()).get("ready") is True
    except (Silent, OSError, ValueError):
        return False
