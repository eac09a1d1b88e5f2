"""Start, talk to and kill the confined process that runs a learner's notebook.

Nothing here knows expected values. What comes back from the process is untrusted bytes.
"""

from __future__ import annotations

import ast
import compileall
import importlib.util
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOBODY = 65534
WORK_BYTES = 64 << 20
# In the copy of the package: the answer key, the grader and what would hand it out.
LEFT_OUT = {"grading.py", "__main__.py", "_grade.py", "_sandbox.py", "_child.py",
            "_compare.py", "_exercise.py", "_feedback.py", "_collect.py", "_record.py",
            "_batch.py", "_reports.py", "_cluster.py"}  # fmt: skip
STUB_GRADING = 'def check(*args, **kwargs):\n    """Does nothing while a notebook is graded."""\n'
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Seconds and bytes."""

    wall: float = 20.0
    memory: int = 2 << 30
    file: int = 16 << 20
    processes: int = 16  # the memory limit holds for each process, so few of them
    files: int = 128
    reply: int = 4 << 20

    def resources(self) -> dict[str, int]:
        """The limits that the kernel enforces on each process."""
        return {
            "RLIMIT_CPU": int(self.wall) + 1,
            "RLIMIT_AS": self.memory,
            "RLIMIT_FSIZE": self.file,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_NOFILE": self.files,
            "RLIMIT_CORE": 0,
        }


@dataclass(frozen=True)
class Mode:
    """One way to confine: with bubblewrap or not, as an unprivileged user or not."""

    bubblewrap: bool
    user: int | None

    def warning(self) -> str:
        """What this mode does not promise; empty where everything holds."""
        if self.bubblewrap:
            return ""
        lost = ["it can read every file that its user can read, the solutions perhaps among them",
                "it can reach the network", "it can see other processes",
                "what it starts may outlive it"]  # fmt: skip
        if self.user is None:
            lost.append("it runs as THIS user: it can change this user's files, stop the grader")
            if os.geteuid() == 0:
                lost.append("which is root: it can do anything, and start any number of processes")
        return (
            "WARNING: no working bubblewrap (bwrap). Learner code is NOT isolated: "
            + "; ".join(lost)
            + ". Still limited: time, memory, file size, environment. "
            "Grade only code you trust, or in a virtual machine."
        )


class SandboxError(Exception):
    """The confined process cannot be started on this machine."""


class Silent(Exception):
    """The process sent no acceptable message; `why` is late, ended, large or early."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


def stub_withheld(source: str, withheld: set[str], module: str) -> str:
    """Replace top-level functions and classes named in `withheld` by ones that raise."""
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if getattr(node, "name", None) in withheld:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            message = f"{module}.{node.name} is withheld in this exercise"
            stub = [f"def {node.name}(*args, **kwargs):",
                    f"    raise NotImplementedError({message!r})"]  # fmt: skip
            lines[first - 1 : node.end_lineno] = stub
    return "\n".join(lines) + "\n"


class Stage:
    """A folder with what the child may import: package copy, bootstrap, allowed packages."""

    def __init__(self, withhold: Iterable[str], packages: Iterable[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rnncourse-"))
        self.packages = find_packages(packages)
        withhold = list(withhold)
        source = Path(__file__).parent
        copy = self.folder / "lib" / "rnncourse"
        copy.mkdir(parents=True)
        for file in sorted(source.glob("*.py")):
            if file.name not in LEFT_OUT:
                names = {w.split(".")[1] for w in withhold if w.startswith(f"{file.stem}.")}
                text = f"raise ImportError('{file.stem} is withheld in this exercise')\n"
                if file.stem not in withhold:
                    text = stub_withheld(file.read_text("utf-8"), names, file.stem)
                (copy / file.name).write_text(text, "utf-8")
        (copy / "grading.py").write_text(STUB_GRADING, "utf-8")
        shutil.copy(source / "_child.py", self.folder / "boot.py")
        compileall.compile_dir(self.folder / "lib", quiet=2)
        (self.folder / "packages").mkdir()
        for name, path in self.packages.items():
            (self.folder / "packages" / name).symlink_to(path)
        for path in [self.folder, *self.folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def find_packages(names: Iterable[str]) -> dict[str, Path]:
    """Where each importable name lies, with the shared libraries of its wheel beside it."""
    found: dict[str, Path] = {}
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SandboxError(f"the exercise needs {name}, which is not installed")
        origin = Path(spec.origin)
        path = origin.parent if spec.submodule_search_locations else origin
        found[path.name] = path
        libraries = path.parent / f"{path.name}.libs"
        if libraries.is_dir():
            found[libraries.name] = libraries
    return found


def _interpreter_binds() -> list[str]:
    """bwrap arguments that put the base interpreter, without its packages, under /py."""
    executable = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    stdlib = Path(sysconfig.get_path("stdlib"))
    home = f"/py/{sys.platlibdir}"
    binds: list[str] = []
    for folder in ("/py", "/py/bin", home):
        binds += ["--perms", "0755", "--dir", folder]
    binds += ["--ro-bind", executable, "/py/bin/python"]
    if sys.base_prefix in ("/usr", "/usr/local"):
        library = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")
        shared = library / str(sysconfig.get_config_var("INSTSONAME"))
        binds += ["--ro-bind", str(stdlib), f"{home}/{stdlib.name}"]
        if ".so" in shared.name and shared.is_file():
            binds += ["--ro-bind", str(shared), f"{home}/{shared.name}"]
    else:  # an interpreter of its own (pyenv, conda, uv): its libraries lie beside it
        binds += ["--ro-bind", str(stdlib.parent), home]
    for name in ("site-packages", "dist-packages"):
        if (stdlib / name).is_dir():
            binds += ["--tmpfs", f"{home}/{stdlib.name}/{name}"]
    return binds


def _library_binds() -> list[str]:
    """bwrap arguments for the system's shared libraries, and nothing else of the system."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"
    binds = ["--perms", "0755", "--dir", "/usr", "--perms", "0755", "--dir", "/usr/lib"]
    for folder in (f"/usr/lib/{multiarch}", "/usr/lib64"):
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


def _bubblewrap(stage: Stage, user: int | None) -> list[str]:
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


def _start(
    stage: Stage, mode: Mode, limits: Limits, work: Path, pipes: tuple[int, int]
) -> subprocess.Popen:
    """Start the bootstrap; `pipes` are the ends from which it reads and to which it writes."""
    if mode.bubblewrap:
        command, path = _bubblewrap(stage, mode.user), ["/stage/lib", "/packages"]
        boot = "/stage/boot.py"
    else:
        command = [os.path.realpath(getattr(sys, "_base_executable", sys.executable))]
        path = [str(stage.folder / "lib"), str(stage.folder / "packages")]
        boot = str(stage.folder / "boot.py")
    config = {"read": pipes[0], "write": pipes[1], "path": path, "user": mode.user,
              "limits": limits.resources()}  # fmt: skip
    return subprocess.Popen(
        [*command, "-I", "-S", "-B", boot, json.dumps(config)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**ENVIRONMENT, "HOME": str(work)}, cwd=work,
        pass_fds=pipes, start_new_session=True,
    )  # fmt: skip


class Child:
    """One confined process. Use as a context manager; leaving it kills everything in it."""

    def __init__(self, stage: Stage, mode: Mode, limits: Limits) -> None:
        self.limits = limits
        self.deadline = time.monotonic() + limits.wall
        self.buffer = b""
        self.work = Path(tempfile.mkdtemp(prefix="rnncourse-work-"))
        if mode.user is not None:
            os.chown(self.work, mode.user, mode.user)
        their_read, self.write = os.pipe()
        self.read, their_write = os.pipe()
        os.set_blocking(self.write, False)
        try:
            self.process = _start(stage, mode, limits, self.work, (their_read, their_write))
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
        os.close(self.read)
        os.close(self.write)
        shutil.rmtree(self.work, ignore_errors=True)

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


def find_mode(stage: Stage) -> Mode:
    """The strictest mode in which a child starts here. Raises `SandboxError` where none does."""
    user = NOBODY if os.geteuid() == 0 else None
    modes = [Mode(True, user)] if shutil.which("bwrap") else []
    for mode in [*modes, *dict.fromkeys([Mode(False, user), Mode(False, None)])]:
        if works(stage, mode):
            return mode
    raise SandboxError("no Python process could be started for learner code")


def works(stage: Stage, mode: Mode) -> bool:
    """True where a child in this mode starts and imports NumPy and the standard library."""
    try:
        with Child(stage, mode, Limits()) as child:
            child.send({"cells": ["import colorsys, numpy\nready = print"], "function": "ready"})
            child.receive()
            return json.loads(child.receive()).get("ready") is True
    except (Silent, OSError, ValueError):
        return False
