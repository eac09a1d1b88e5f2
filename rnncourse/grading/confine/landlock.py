"""Landlock: the confined process closes all paths but a list, for good, before learner code runs.

It needs no privilege and holds for whatever the process starts (Linux 5.13). Copied to the stage:
standard library only. Sources: the kernel's `userspace-api/landlock`, man page landlock(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct

# Relative, since the copy on the stage lies in another package.
from .kernel import check, libc, no_new_privileges

FILES = "files"  # this lock's name in a mode
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446

# Landlock's rights, as bits. For files: run, write, read, truncate, device control.
OF_FILES = 1 | 2 | 4 | 1 << 14 | 1 << 15
READ, LIST, ALL = 1 | 4 | 8, 8, (1 << 16) - 1
KNOWN = {1: 13, 2: 14, 3: 15, 4: 15}  # how many of these rights a version of Landlock knows


def version() -> int:
    """Version of the kernel's Landlock interface; 0 where there is none."""
    return max(0, libc().syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def lock_files(read: list[str], listed: list[str], write: list[str]) -> None:
    """Close every path but what lies below these: to read and run; to list; for everything.

    TCP, abstract sockets and signals to other processes are closed too where the kernel's
    Landlock knows them. Paths that do not exist are passed over.
    """
    system, here = libc(), version()
    known = ALL & ((1 << KNOWN.get(here, 16)) - 1)
    rules = struct.pack("=QQQ", known, 3 if here >= 4 else 0, 3 if here >= 6 else 0)
    ruleset = system.syscall(CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    check(ruleset, "Landlock")
    for paths, rights in ((read, READ), (listed, LIST), (write, ALL)):
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                _open_path(system, ruleset, path, rights & known)
    no_new_privileges()
    check(system.syscall(RESTRICT_SELF, ruleset, 0), "Landlock")
    os.close(ruleset)


def _open_path(system: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= OF_FILES
        rule = struct.pack("=Qi", rights, fd)
        check(system.syscall(ADD_RULE, ruleset, 1, rule, 0), f"Landlock, {path}")
    finally:
        os.close(fd)
