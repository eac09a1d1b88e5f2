"""Calls of the Linux kernel that Python's library does not have, and giving up capabilities.

Copied to the stage, as its neighbours landlock and seccomp are: standard library only.
Source: the man pages prctl(2), capset(2), capabilities(7).
"""

from __future__ import annotations

import ctypes
import os
import struct

PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS = 8, 38
CAP_DAC_READ_SEARCH = 1 << 2


def libc() -> ctypes.CDLL:
    """The C library; errors of its functions are kept for `check`."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """The result, unless it says that the call failed: then `OSError`."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def no_new_privileges() -> None:
    """Refuse this process, and what it starts, every new privilege. Landlock and seccomp ask it."""
    check(libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")


def keep_powers() -> None:
    """Have the next change of user leave the capabilities that root has."""
    check(libc().prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities")


def shed_powers(reading: bool) -> None:
    """Give up every capability, and all ways to new ones. Raises `OSError` where that fails.

    `reading` keeps the one to read what belongs to others: what Landlock leaves open then.
    """
    no_new_privileges()
    header = struct.pack("=Ii", 0x20080522, 0)
    kept = CAP_DAC_READ_SEARCH if reading else 0
    check(libc().capset(header, struct.pack("=6I", kept, kept, 0, 0, 0, 0)), "drop capabilities")
