"""Control groups: one limit on memory for all that a submission starts, where the system has one.

What lies in shared memory, or in files in memory, counts too. A group is made beside the grader's
own, in a folder that this user may write: root often has one, and whoever is logged in through
systemd. Sources: the kernel's `admin-guide/cgroup-v2`, man page cgroups(7).
"""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
import time
from pathlib import Path

PREFIX = "rnncourse-"
NEEDED = {"memory", "pids"}
PATIENCE = 2.0  # seconds until the processes of a group have ended
# A process joins by itself, and then becomes the command: nothing is started outside the group.
JOIN = ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"']


@functools.cache
def place() -> Path | None:
    """The folder in which groups can be made; None where there is none."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text()
        own = Path("/proc/self/cgroup").read_text()
    except OSError:
        return None
    folder = nearest(mounts, own)
    if folder is not None:
        clear(folder)
    return folder


def nearest(mounts: str, own: str) -> Path | None:
    """The first folder, from the grader's own upward, that this user may write and that hands on
    what a group needs; by /proc/self/mountinfo and /proc/self/cgroup."""
    rows = [line.split() for line in mounts.splitlines() if " - cgroup2 " in line]
    path = next((line[3:] for line in own.splitlines() if line.startswith("0::")), None)
    if not rows or path is None or ".." in path:
        return None
    top = Path(rows[0][4])
    inside = top / path.removeprefix(rows[0][3]).lstrip("/")
    for folder in (inside, *inside.parents):
        with contextlib.suppress(OSError):
            handed = set((folder / "cgroup.subtree_control").read_text().split())
            ours = os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)
            if handed >= NEEDED and ours:
                return folder
        if folder == top:
            break
    return None


def clear(folder: Path) -> None:
    """Remove the empty groups of graders that were killed."""
    for left in folder.glob(f"{PREFIX}*"):
        number = left.name.split("-")[1]
        if number.isdecimal() and not Path("/proc", number).exists():
            with contextlib.suppress(OSError):
                left.rmdir()


class Group:
    """A group of its own for one submission. Raises `OSError` where none can be made."""

    def __init__(self, folder: Path, memory: int, tasks: int) -> None:
        """`memory` in bytes, of all processes together; `tasks` counts processes and threads."""
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=folder))
        try:
            self._set("memory.max", memory)
            self._set("pids.max", tasks)
            for name, value in (("memory.swap.max", 0), ("memory.oom.group", 1)):
                with contextlib.suppress(FileNotFoundError):  # a system without swap
                    self._set(name, value)
        except OSError:
            self.close()
            raise

    def _set(self, name: str, value: int) -> None:
        with open(self.folder / name, "r+", encoding="ascii") as file:
            file.write(str(value))

    def command(self) -> list[str]:
        """What a command must begin with to run in the group."""
        return [*JOIN, str(self.folder / "cgroup.procs")]

    def close(self) -> None:
        """End what still runs in the group, and remove it."""
        with contextlib.suppress(OSError):  # Linux 5.14
            self._set("cgroup.kill", 1)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(OSError):  # some process is still ending
                self.folder.rmdir()
                return
            time.sleep(0.005)
