"""Lend each confined process a user of its own, where the grader runs as root.

The kernel counts processes for each user: two submissions under one user would share the
limit, and could signal each other.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

# Between what Debian and systemd give to people, services and containers; below 65536, so
# that a container's map has them.
FIRST, LAST = 60706, 61183
_lent: set[int] = set()
_lock = threading.Lock()


def _mapped(uid: int) -> bool:
    """True where this user namespace knows the number as user and as group."""
    if sys.platform != "linux":
        return True
    for name in ("uid_map", "gid_map"):
        lines = Path("/proc/self", name).read_text().splitlines()
        rows = [tuple(map(int, line.split())) for line in lines]
        if not any(inside <= uid < inside + count for inside, _, count in rows):
            return False
    return True


def _unknown(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return True
    return False


def _claim(uid: int) -> socket.socket | bool:
    """Take the number against other graders of this machine; False where one has it.

    An abstract socket's name is free again when its process ends, however it ends.
    """
    if sys.platform != "linux":
        return True
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0rnncourse-user-{uid}")
    except OSError as error:
        claim.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    return claim


def _take() -> tuple[int, socket.socket | bool]:
    with _lock:
        for uid in range(FIRST, LAST + 1):
            if uid not in _lent and _unknown(uid) and _mapped(uid):
                claim = _claim(uid)
                if claim:
                    _lent.add(uid)
                    return uid, claim
    raise OSError(f"no unused user number left in {FIRST}..{LAST} for learner code")


def processes_of(uid: int) -> list[int]:
    """Numbers of the processes that run as a user (Linux; elsewhere empty)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError, ValueError):
            lines = path.read_text().splitlines()
            if any(k.startswith("Uid:") and str(uid) in k.split() for k in lines):
                found.append(int(path.parent.name))
    return found


def end_processes(uid: int) -> None:
    """Kill whatever still runs as a lent user; what it forks meanwhile, too."""
    end = time.monotonic() + 2.0
    while (left := processes_of(uid)) and time.monotonic() < end:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


@contextlib.contextmanager
def lend_user(mode: Any) -> Iterator[Any]:
    """A `Mode` like this one, with a user that no other process has; safe across threads.

    The same mode where it names no user. What the user leaves running is killed at the end.
    """
    if mode.user is None:
        yield mode
        return
    uid, claim = _take()
    try:
        yield replace(mode, user=uid)
    finally:
        if not mode.bubblewrap:  # which has ended everything by itself
            end_processes(uid)
        with _lock:
            _lent.discard(uid)
        if isinstance(claim, socket.socket):
            claim.close()
