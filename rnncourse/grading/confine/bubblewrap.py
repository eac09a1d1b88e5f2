"""What a confined process can see: the arguments for bubblewrap, or the paths for Landlock.

Either way the interpreter without its packages, the system's shared libraries, the packages
that the exercise allows, the staging folder; and of these no more than reading.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

WORK_BYTES = 64 << 20
PACKAGES = ("site-packages", "dist-packages")
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]
# OpenBLAS and PyTorch ask how many processors there are, and of which kind.
MACHINE = ["/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo", "/proc/self"]


def interpreter() -> str:
    """The base interpreter, which knows nothing of a virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _multiarch() -> str:
    """The folder of this kind of machine below /lib and /usr/lib, where Debian has one."""
    return sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"


def _shared_library() -> Path:
    """Where the interpreter's own library lies, if it was built with one."""
    library = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")
    return library / str(sysconfig.get_config_var("INSTSONAME"))


def _interpreter_binds() -> list[str]:
    """bwrap arguments that put the base interpreter, without its packages, under /py."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    home = f"/py/{sys.platlibdir}"
    binds: list[str] = []
    for folder in ("/py", "/py/bin", home):
        binds += ["--perms", "0755", "--dir", folder]
    binds += ["--ro-bind", interpreter(), "/py/bin/python"]
    if sys.base_prefix in ("/usr", "/usr/local"):
        shared = _shared_library()
        binds += ["--ro-bind", str(stdlib), f"{home}/{stdlib.name}"]
        if ".so" in shared.name and shared.is_file():
            binds += ["--ro-bind", str(shared), f"{home}/{shared.name}"]
    else:  # an interpreter of its own (pyenv, conda, uv): its libraries lie beside it
        binds += ["--ro-bind", str(stdlib.parent), home]
    for name in PACKAGES:
        if (stdlib / name).is_dir():
            binds += ["--tmpfs", f"{home}/{stdlib.name}/{name}"]
    return binds


def _library_binds() -> list[str]:
    """bwrap arguments for the system's shared libraries, and nothing else of the system."""
    binds = ["--perms", "0755", "--dir", "/usr", "--perms", "0755", "--dir", "/usr/lib"]
    for folder in (f"/usr/lib/{_multiarch()}", "/usr/lib64"):
        if Path(folder).is_dir():
            binds += ["--ro-bind", folder, folder]
            for python in Path(folder).glob("python3*/*-packages"):
                binds += ["--tmpfs", str(python)]
    for folder in ("/lib", "/lib64"):
        if Path(folder).is_symlink():
            binds += ["--symlink", os.readlink(folder), folder]
        elif Path(folder).is_dir():
            binds += ["--ro-bind", folder, folder]
    for path in ("/etc/ld.so.cache", "/etc/alternatives"):  # Debian's BLAS is an alternative
        binds += ["--ro-bind-try", path, path]
    return binds


def bubblewrap(stage: Any, user: int | None) -> list[str]:
    """The command that starts the interpreter in a `Stage`'s walls."""
    if user is None:
        command = ["bwrap", "--unshare-all"]
    else:  # root needs no user namespace, and keeps what it takes to become nobody
        command = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
                   "--unshare-cgroup-try", "--cap-drop", "ALL",
                   "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]  # fmt: skip
    command += ["--die-with-parent", "--new-session", "--clearenv"]
    libraries = f"/py/{sys.platlibdir}"
    for name, value in {**ENVIRONMENT, "HOME": "/box", "LD_LIBRARY_PATH": libraries}.items():
        command += ["--setenv", name, value]
    command += ["--perms", "0755", "--dir", "/etc", *_library_binds(), *_interpreter_binds()]
    command += ["--ro-bind", str(stage.folder), "/stage"]
    command += ["--perms", "0755", "--dir", "/packages"]
    for name, path in stage.packages.items():
        command += ["--ro-bind", str(path), f"/packages/{name}"]
    command += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    command += ["--perms", "0777", "--size", str(WORK_BYTES), "--tmpfs", "/box"]
    return [*command, "--chdir", "/box", "--remount-ro", "/", "/py/bin/python"]


def open_paths(stage: Any, work: Path) -> dict[str, list[str]]:
    """Arguments of `_locks.lock_files`: the same view, as paths of the whole machine."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    folders = [f"/usr/lib/{_multiarch()}", "/usr/lib64", f"/lib/{_multiarch()}", "/lib64"]
    shared = [_shared_library(), *stdlib.parent.glob("*.so*")]
    read: list[str | Path] = [interpreter(), "/etc/ld.so.cache"]
    read += [path for path in shared if path.is_file()]
    for folder in (*map(Path, folders), stdlib):
        read += _without_packages(folder)
    read += [*stage.packages.values(), stage.folder, *MACHINE]
    return {
        "read": [str(path) for path in read],
        "listed": [str(stdlib)],
        "write": [str(work), *DEVICES],
    }


def _without_packages(folder: Path) -> list[Path]:
    """The folder, or where other packages are installed in it everything but these."""
    if not folder.is_dir():
        return []
    inside = list(folder.iterdir())
    kept = [p for p in inside if p.name not in PACKAGES and not p.name.startswith("python3")]
    return [folder] if len(kept) == len(inside) else kept


def for_root_only(stage: Any) -> bool:
    """True where another user cannot reach interpreter or packages: below /root, often."""
    needed = [Path(interpreter()), Path(sysconfig.get_path("stdlib")), *stage.packages.values()]
    folders = {folder for path in needed for folder in path.resolve().parents}
    return any(not folder.stat().st_mode & 1 for folder in folders)
