"""seccomp: the confined process refuses itself system calls, for good, before learner code runs.

It needs no privilege and holds for whatever the process starts; inside bubblewrap it is added too.
Copied to the stage: standard library only. Sources: the kernel's `userspace-api/seccomp_filter`,
man page seccomp(2); system call numbers from the kernel's tables.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

# Relative, since the copy on the stage lies in another package.
from .kernel import check, libc, no_new_privileges

CALLS = "calls"  # this lock's name in a mode
PR_SET_SECCOMP = 22

# Number of each refused call: x86_64, aarch64 (-1: it has none).
ALWAYS = {
    # other processes: their memory, files and secrets
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440), "perf_event_open": (298, 241), "bpf": (321, 280),
    "userfaultfd": (323, 282),
    # key rings outlive the process: one submission could leave an answer for the next
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    # namespaces of its own would give it new powers; so would mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "mount_setattr": (442, 442), "open_by_handle_at": (304, 265),
    # the network, and the second way to it
    "socket": (41, 198), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # memory that the limit on memory does not see: in files without a name, in pipes; or that,
    # with messages, outlives the process
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "vmsplice": (278, 75),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    # another process would have a limit of its own; see also CLONE
    "fork": (57, -1), "vfork": (58, -1),
}  # fmt: skip


# Where processes and files are not apart from the rest of the machine, these too.
SHARED = {
    # a process outside the group would survive the submission
    "setsid": (112, 157), "setpgid": (109, 154),
    # Landlock does not see changes of a file's owner, mode, times and attributes
    "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, -1), "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "file_setattr": (469, 469), "utime": (132, -1),
    "utimes": (235, -1), "futimesat": (261, -1), "utimensat": (280, 88), "truncate": (76, 45),
    # the speed and place of other processes
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274), "migrate_pages": (256, 238),
    "move_pages": (279, 239),
}  # fmt: skip


# Allowed only with 0 or the process's own number as the first argument.
OWN_PROCESS = {
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "prlimit64": (302, 261), "sched_setaffinity": (203, 122),
}  # fmt: skip


CLONE, FCNTL, IOCTL, CLONE3 = (56, 220), (72, 25), (16, 29), 435


NAMESPACES = 0x7E020000  # the CLONE_NEW… flags
THREAD = 0x10000  # CLONE_THREAD: no other process, and so the same memory


F_SETOWN, F_SETSIG, F_SETOWN_EX, FIOSETOWN, SIOCSPGRP = 8, 10, 15, 0x8901, 0x8902


MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


# Instructions of the filter: load a word, jump where equal / where bits are set, return.
LOAD, EQUAL, GREATER, BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


ALLOW, REFUSE = 0x7FFF0000, 0x00050000


def known() -> bool:
    """True where this machine's kernel has such filters, and their layout is known here."""
    machine = os.uname().machine in MACHINES and struct.calcsize("P") == 8
    # A filter at address 0 is refused with EFAULT where filters are known, else with EINVAL.
    refused = libc().prctl(PR_SET_SECCOMP, 2, 0, 0, 0) < 0
    return machine and refused and ctypes.get_errno() == errno.EFAULT


def _program(shared: bool, column: int, architecture: int) -> list[tuple[int, int, int, int]]:
    """The filter: (code, jump if true, jump if false, constant) an instruction."""
    refuse = (RETURN, 0, 0, REFUSE | errno.EPERM)
    unknown = (RETURN, 0, 0, REFUSE | errno.ENOSYS)  # the C library then takes the older call
    number, first, second = (LOAD, 0, 0, 0), (LOAD, 0, 0, 16), (LOAD, 0, 0, 24)
    program = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, architecture), refuse, number,
               (GREATER, 0, 1, 0x40000000), refuse,  # x86's other numbering (x32)
               (EQUAL, 0, 1, CLONE3), unknown,  # its flags lie in memory, out of our sight
               (EQUAL, 0, 5, CLONE[column]), first, (BITS, 1, 0, NAMESPACES),
               (BITS, 1, 0, THREAD), refuse, number]  # fmt: skip
    for numbers in (ALWAYS | SHARED if shared else ALWAYS).values():
        if numbers[column] >= 0:
            program += [(EQUAL, 0, 1, numbers[column]), refuse]
    if shared:
        for numbers in OWN_PROCESS.values():
            program += [(EQUAL, 0, 5, numbers[column]), first, (EQUAL, 2, 0, 0),
                        (EQUAL, 1, 0, os.getpid()), refuse, number]  # fmt: skip
        for numbers, values in ((FCNTL, (F_SETOWN, F_SETSIG, F_SETOWN_EX)),
                                (IOCTL, (FIOSETOWN, SIOCSPGRP))):  # fmt: skip
            tests = [x for value in values for x in ((EQUAL, 0, 1, value), refuse)]
            program += [(EQUAL, 0, len(tests) + 2, numbers[column]), second, *tests, number]
    return [*program, (RETURN, 0, 0, ALLOW)]


def lock_calls(shared: bool) -> None:
    """Refuse the system calls listed above; `shared` where bubblewrap sets nothing apart."""
    column, architecture = MACHINES[os.uname().machine]
    program = _program(shared, column, architecture)
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    no_new_privileges()
    pointer = struct.pack("@HP", len(program), ctypes.addressof(code))
    check(libc().prctl(PR_SET_SECCOMP, 2, pointer, 0, 0), "seccomp")
