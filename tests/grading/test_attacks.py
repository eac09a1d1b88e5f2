"""The grader under attack: no undeserved point, the batch goes on, nothing outside is touched.

Every attack of `attacks.py` is graded in four modes: with bubblewrap, and without it as a user
of its own, as this user, and with nothing but resource limits. What gets through in a weaker
mode is asserted too: the mode's warning must not promise more, nor less, than is true.

`RECORD_ATTACKS=1 pytest tests/grading/test_attacks.py` writes benchmarks/results/attacks.json.
Where the grader is what it was then, the weaker modes repeat every eighth attack; `make test ALL=1`
all.
"""

import contextlib
import ctypes
import datetime
import hashlib
import json
import os
import platform
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from attacks import ATTACKS, BWRAP, LIMITS, MODES, RIGHT, USER

from rnncourse import __main__ as cli
from rnncourse.grading.confine import kernel, landlock, process, seccomp, stage, users
from rnncourse.grading.grader import Grader
from rnncourse.grading.submissions import Submission
from tools.notebooks import dependencies

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "solutions"
# What these aim at is the grader's reading of notebooks and replies, the same in every mode:
# the strictest and the weakest mode suffice.
READING = {"libraries", "replies", "objects", "notebook"}
RECORD = ROOT / "benchmarks" / "results" / "attacks.json"
RECORDING = os.environ.get("RECORD_ATTACKS") == "1"


def sources():
    """A number for the grader's sources and the attacks on it."""
    confine = (ROOT / "rnncourse" / "grading" / "confine").glob("*.py")
    files = {*dependencies.modules(ROOT, ["import rnncourse.grading.cli"]), *confine,
             ROOT / "tests" / "grading" / "attacks.py"}  # fmt: skip
    return hashlib.sha256(b"\0".join(map(dependencies.content, sorted(files)))).hexdigest()[:16]


def recorded():
    return RECORD.exists() and json.loads(RECORD.read_text("utf-8")).get("sources") == sources()


EVERY = 1 if RECORDING or os.environ.get("ALL") == "1" or not recorded() else 8
PAIRS = [
    # Spread over workers: two groups for the strictest mode, which is never cut short.
    pytest.param(mode, attack, marks=pytest.mark.xdist_group(f"{mode} {k % 2 * (mode == BWRAP)}"))
    for mode in MODES
    for k, attack in enumerate(ATTACKS)
    if mode in (BWRAP, LIMITS) or attack.group not in READING
    if mode == BWRAP or k % EVERY == 0
]
LASTING = {"resources", "writing", "processes"}  # what could harm the next submission
WORKING = f"import numpy as np\n{RIGHT}"

if sys.platform != "linux":
    pytest.skip(
        "needs Linux: elsewhere the grader has resource limits only", allow_module_level=True
    )


def mode_of(name):
    """The `Mode` of a name in the table, or a skip where this machine has it not."""
    root = os.geteuid() == 0
    user = process.NOBODY if root else None
    if name == BWRAP:
        if not shutil.which("bwrap"):
            pytest.skip("needs bubblewrap")
        return process.Mode(True, user)
    if name == LIMITS:
        return process.Mode(False, None, ())
    if len(process.available_locks()) < 2:
        pytest.skip("needs Landlock and seccomp: Linux 5.13 on x86_64 or aarch64")
    if name == USER and not root:
        pytest.skip("only root can lend a process another user")
    return process.Mode(False, user if name == USER else None)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """What attacks aim at: files, sockets and a process outside the learner's folder."""
    tmp_path_factory.getbasetemp()  # pytest's own folder, before `tempfile` is sent elsewhere
    with contextlib.ExitStack() as stack:
        yield Ground(stack)


class Ground:
    """A place that every user could reach, were there no walls."""

    def __init__(self, stack):
        self.folder = Path(tempfile.mkdtemp(prefix="rnncourse-ground-"))
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.temp, self.canary = self.folder / "temp", self.folder / "canary"
        self.folder.chmod(0o755)
        self.temp.mkdir()
        self.temp.chmod(0o1777)
        # The grader's own folders lie in it, away from those of other graders.
        before, tempfile.tempdir = tempfile.tempdir, str(self.temp)
        stack.callback(setattr, tempfile, "tempdir", before)
        self.marker = f"rnn{os.getpid()}"
        self.server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port = self.server.getsockname()[1]
        self.datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.datagrams.bind(("127.0.0.1", self.port))
        self.abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        self.abstract.bind(f"\0{self.marker}")
        self.abstract.listen()
        self.socket = self.decoy = None
        self.restore()
        stack.callback(lambda: self.socket.close())

    def restore(self):
        """The canary folder as it was."""
        if self.socket:
            self.socket.close()
        process.delete(self.canary)
        (self.canary / "folder").mkdir(parents=True)
        (self.canary / "folder" / "file").write_text("kept")
        (self.canary / "other.ipynb").write_text("another submission")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(self.canary / "socket"))
        self.socket.listen()
        for path in [self.canary, *self.canary.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)
        self.before = self.state()

    def state(self):
        """Names, kinds, modes, times and content of all that lies in the canary folder."""
        return {
            str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns,
                        path.read_text() if path.is_file() else "")
            for path in [self.canary, *sorted(self.canary.rglob("*"))]
        }  # fmt: skip

    def fill(self, text):
        """The attack's code with its @WORDS@ replaced."""
        words = {"ROOT": ROOT, "SOLUTIONS": SOLUTIONS, "CANARY": self.canary, "TEMP": self.temp,
                 "HOME": self.folder / "home", "MARKER": self.marker, "PORT": self.port,
                 "PARENT": os.getpid(), "DECOY": self.decoy.pid, "NUMBER": 7000 + os.getpid(),
                 "PACKAGES": Path(np.__file__).parents[1]}  # fmt: skip
        return re.sub("@([A-Z]+)@", lambda found: str(words[found[1]]), text)

    def without_paths(self, text):
        """The reason as it is recorded: the same on every machine."""
        for path in (SOLUTIONS, ROOT, self.folder):
            text = text.replace(str(path), path.name)
        return text

    def survivors(self):
        """Processes that bear the attack's name."""
        found = []
        for path in Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                if path.read_text().strip() == self.marker:
                    found.append(int(path.parent.name))
        return found

    def damage(self):
        """What an attack has changed out here; all of it is mended."""
        found = []
        end = time.monotonic() + 2.0
        while (left := self.survivors()) and time.monotonic() < end:
            time.sleep(0.02)
        for pid in left:
            found.append("a process survives")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.state() != self.before:
            found.append("another's files have changed")
            self.restore()
        if self.decoy.poll() is not None:
            found.append("another process was ended")
        elif decoy_state(self.decoy.pid) != self.decoy_before:
            found.append("another process was changed")
        if any(path.name.startswith("rnncourse-work-") for path in self.temp.iterdir()):
            found.append("the working folder remains")
        return found


def decoy_state(pid):
    return (os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid),
            resource.prlimit(pid, resource.RLIMIT_CPU))  # fmt: skip


@pytest.fixture
def decoy(ground):
    """A process of this user that a submission must not reach; with no powers of root's, which
    would keep it safe in the weakest mode."""
    environment = {"PATH": os.environ["PATH"], "SECRET": ground.marker}
    powerless = (lambda: kernel.shed_powers(False)) if os.geteuid() == 0 else None
    with subprocess.Popen(
        ["sleep", "600", f"600.{os.getpid()}"], env=environment, preexec_fn=powerless
    ) as process:
        ground.decoy, ground.decoy_before = process, decoy_state(process.pid)
        yield process
        process.kill()


@pytest.fixture(scope="module")
def grader(request, ground):
    """One grader for each mode."""
    mode = mode_of(request.param)
    with Grader(SOLUTIONS, 12345, mode=mode) as grader:
        if not process.works(grader._stage((), ("numpy",)), mode):
            pytest.skip(f"needs a machine where this mode works: {request.param}")
        grader.name = request.param
        yield grader


@pytest.fixture(scope="module")
def record():
    """The rows of all attacks in all modes; written where asked for and the whole table was run."""
    table = {attack.name: {"attack": attack.name, "group": attack.group, "modes": {}}
             for attack in ATTACKS}  # fmt: skip
    yield table
    if RECORDING and all(entry["modes"].keys() >= {BWRAP, LIMITS} for entry in table.values()):
        data = {**machine(), "sources": sources(), "attacks": list(table.values())}
        RECORD.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")


def machine():
    """What the table was made with; no path and no name of the machine."""
    version = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "kernel": platform.release().split("-")[0],
        "machine": platform.machine(),
        "bubblewrap": version.stdout.strip().removeprefix("bubblewrap "),
        "landlock": landlock.version(),
        "seccomp": seccomp.CALLS in process.available_locks(),
        "root": os.geteuid() == 0,
        "modes": list(MODES),
    }


def notebook(path, attack, ground, cells):
    """Write the submission; a cell that begins with #spec pretends to be the solution's."""
    if attack.raw is not None:
        path.write_bytes(attack.raw)
        return Submission(path.name, path)
    code = [
        {"cell_type": "code", "source": ground.fill(cell), "outputs": [], "execution_count": None,
         "metadata": {"tags": ["spec"]} if cell.startswith("#spec") else {}}
        for cell in cells
    ]  # fmt: skip
    mark = {"exercise": attack.exercise, "points": 1000, "tolerance": [1e9, 1e9]}
    data = {"cells": code, "metadata": {"rnncourse": mark}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(data), "utf-8")
    return Submission(path.name, path)


def run(grader, attack, ground, path):
    """The row of the attack; of its second submission where it has one."""
    grader.limits = stage.Limits(wall=attack.wall)
    row = grader.grade(notebook(path, attack, ground, attack.cells))
    if attack.then:
        cells = (attack.cells[0], f"found = []\n{attack.then}", attack.cells[2])
        row = grader.grade(notebook(path, attack, ground, cells))
    grader.limits = stage.Limits()
    return row


@pytest.mark.parametrize(("grader", "attack"), PAIRS, indirect=["grader"], ids=str)
def test_an_attack_earns_nothing_and_harms_nobody(attack, grader, ground, decoy, record, tmp_path):
    mode = grader.name
    row = run(grader, attack, ground, tmp_path / "submission.ipynb")
    damage = ground.damage()
    held = bool(re.search(attack.said, row.reason)) and not damage and not row.points
    reason = ground.without_paths(row.reason)
    record[attack.name]["modes"][mode] = {"points": row.points, "reason": reason,
                                          "damage": damage, "held": held}  # fmt: skip
    assert "\n" not in row.reason
    assert len(row.reason) < 600
    assert row.points == (4 if mode in attack.wins else 0), row.reason
    if mode in attack.through:
        assert re.search(attack.through[mode], row.reason), row.reason
        assert not held, f"{mode} holds after all: say so in the table and the warning"
    elif mode not in attack.maybe:
        assert damage == []
        assert re.search(attack.said, row.reason), row.reason
    # Elsewhere the next attack's row, whose reason is known, shows that the batch goes on.
    if attack.group in LASTING or (mode == BWRAP and attack.group not in READING):
        assert right_submission(grader, tmp_path).reason == "full marks"


def right_submission(grader, folder):
    path = folder / "right.ipynb"
    cells = [{"cell_type": "code", "metadata": {}, "source": WORKING}]
    metadata = {"rnncourse": {"exercise": "rnn_ex_01"}}
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4}), "utf-8")
    return grader.grade(Submission("right", path))


# --- modes and their warnings --------------------------------------------------------------

# What a warning must say where an attack of the group gets through.
WARNED = {"answers": "read every file", "resources": "fill the disk|more memory than the limit",
          "reading": "read every file", "writing": "change this user's files",
          "network": "reach the network", "processes": "stop the grader"}  # fmt: skip


@pytest.mark.parametrize("name", MODES)
def test_a_warning_names_what_gets_through_and_nothing_else(name):
    locks = () if name == LIMITS else ("files", "calls")
    user = process.NOBODY if name in (BWRAP, USER) else None
    warning = process.Mode(name == BWRAP, user, locks).warning()
    through = {attack.group for attack in ATTACKS if name in attack.through}
    assert bool(warning) == (name != BWRAP)
    for group, said in WARNED.items():
        if group in through:
            assert re.search(said, warning), group
        elif group != "resources":
            assert not re.search(said, warning), group
    assert ("NOT isolated" in warning) == (name == LIMITS)


def test_points_are_lost_to_nobody_but_who_asked_for_it():
    """Only where files are open does an attack earn points; that mode must be asked for."""
    assert {mode for attack in ATTACKS for mode in attack.wins} == {LIMITS}
    assert not process.Mode(False, None, ()).keeps_answers()
    assert process.Mode(False, None, ("files",)).keeps_answers()
    assert process.Mode(True, None, ()).keeps_answers()


@pytest.fixture
def submission(tmp_path):
    """A folder with one right submission."""
    data = {"cells": [{"cell_type": "code", "metadata": {}, "source": WORKING}],
            "metadata": {"rnncourse": {"exercise": "rnn_ex_01"}}, "nbformat": 4}  # fmt: skip
    (tmp_path / "a.ipynb").write_text(json.dumps(data), "utf-8")
    return [str(tmp_path), "--solutions", str(SOLUTIONS)]


def test_without_bubblewrap_the_batch_is_graded_after_a_warning(submission, monkeypatch, capsys):
    if landlock.FILES not in process.available_locks():
        pytest.skip("needs Landlock")
    monkeypatch.setattr(process.shutil, "which", lambda name: None)
    assert cli.main(["grade", *submission]) == 0
    captured = capsys.readouterr()
    assert "WARNING: no working bubblewrap" in captured.err
    assert "full marks" in captured.out


def test_where_the_solutions_are_open_nothing_is_graded_unless_asked(
    submission, monkeypatch, capsys
):
    monkeypatch.setattr(process.shutil, "which", lambda name: None)
    monkeypatch.setattr(process, "available_locks", lambda: ())
    with pytest.raises(SystemExit) as stop:
        cli.main(["grade", *submission])
    assert stop.value.code == 2
    assert "could read the solutions" in capsys.readouterr().err
    assert cli.main(["grade", *submission, "--unconfined"]) == 0
    captured = capsys.readouterr()
    assert "NOT isolated" in captured.err
    assert "full marks" in captured.out


def test_where_no_child_starts_the_command_says_so(submission, monkeypatch, capsys):
    monkeypatch.setattr(process, "works", lambda stage, mode: False)
    with pytest.raises(SystemExit) as stop:
        cli.main(["grade", *submission])
    assert stop.value.code == 2
    assert "no Python process could be started" in capsys.readouterr().err


# --- locks and users -----------------------------------------------------------------------


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_is_well_formed_on_every_machine(machine):
    """No call is listed twice, and every jump stays inside the program."""
    column, architecture = seccomp.MACHINES[machine]
    tables = (seccomp.ALWAYS, seccomp.SHARED, seccomp.OWN_PROCESS)
    numbers = [pair[column] for table in tables for pair in table.values() if pair[column] >= 0]
    numbers += [seccomp.CLONE[column], seccomp.FCNTL[column], seccomp.IOCTL[column], seccomp.CLONE3]
    assert len(set(numbers)) == len(numbers)
    for shared in (False, True):
        program = seccomp._program(shared, column, architecture)
        assert program[-1] == (seccomp.RETURN, 0, 0, seccomp.ALLOW)
        for k, (_, yes, no, _) in enumerate(program[:-1]):
            assert k + 1 + max(yes, no) < len(program)


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_numbers_of_system_calls_are_those_of_libseccomp(machine):
    """Its tables, made from the kernel's by others. Calls newer than the library it does not know.

    Negative is what a machine does not have.
    """
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("needs libseccomp")
    resolve = library.seccomp_syscall_resolve_name_arch
    resolve.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    column, architecture = seccomp.MACHINES[machine]
    tables = seccomp.ALWAYS | seccomp.SHARED | seccomp.OWN_PROCESS
    tables |= {"clone": seccomp.CLONE, "fcntl": seccomp.FCNTL, "ioctl": seccomp.IOCTL}
    theirs = {name: resolve(architecture, name.encode()) for name in tables}
    known = {name for name, number in theirs.items() if number != -1}
    assert len(known) > 0.9 * len(tables)
    ours = {name: pair[column] for name, pair in tables.items()}
    wrong = {n: (ours[n], theirs[n]) for n in known if max(theirs[n], -1) != ours[n]}
    assert wrong == {}


def interpret(program, number, *arguments, architecture=0xC000003E):
    """What the kernel's interpreter would return for a system call."""
    words = {0: number, 4: architecture} | {16 + 8 * k: v for k, v in enumerate(arguments)}
    k = value = 0
    while True:
        code, yes, no, constant = program[k]
        if code == seccomp.RETURN:
            return constant
        if code == seccomp.LOAD:
            value = words.get(constant, 0)
        else:
            true = {seccomp.EQUAL: value == constant, seccomp.GREATER: value >= constant,
                    seccomp.BITS: bool(value & constant)}[code]  # fmt: skip
            k += yes if true else no
        k += 1


def test_the_filter_refuses_what_it_lists_and_allows_the_rest():
    program = seccomp._program(True, *seccomp.MACHINES["x86_64"])
    refused, own = seccomp.REFUSE | 1, os.getpid()
    for numbers in (seccomp.ALWAYS | seccomp.SHARED).values():
        assert interpret(program, numbers[0]) == refused
    for numbers in seccomp.OWN_PROCESS.values():
        assert interpret(program, numbers[0], own) == interpret(program, numbers[0], 0)
        assert interpret(program, numbers[0], own) == seccomp.ALLOW
        assert interpret(program, numbers[0], own + 1) == refused
    assert interpret(program, 56, 0x3D0F00) == seccomp.ALLOW  # clone as the C library's threads
    for flags in (0x3D0F00 | 0x10000000, 0x10000011, 0x11, 0x4111):  # namespaces, fork, vfork
        assert interpret(program, 56, flags) == refused
    assert interpret(program, 435) == seccomp.REFUSE | 38
    assert [interpret(program, 72, 3, k) == refused for k in (8, 10, 15, 4)] == [1, 1, 1, 0]
    assert [interpret(program, 16, 3, k) == refused for k in (0x8901, 0x8902, 1)] == [1, 1, 0]
    for number in (0, 1, 2, 3, 9, 59, 60, 257):  # read, write, open … openat
        assert interpret(program, number) == seccomp.ALLOW
    assert interpret(program, 0x40000000 | 41) == refused
    assert interpret(program, 0, architecture=0x40000003) == refused  # 32-bit x86


def test_each_child_of_a_root_grader_has_a_user_of_its_own():
    mode = process.Mode(True, process.NOBODY)
    with users.lend_user(mode) as first, users.lend_user(mode) as second:
        assert len({first.user, second.user, process.NOBODY}) == 3
        assert (first.bubblewrap, first.locks) == (mode.bubblewrap, mode.locks)
        for lent in (first, second):
            with pytest.raises(KeyError):
                pwd.getpwuid(lent.user)
    with users.lend_user(mode) as again:
        assert again.user == first.user
    with users.lend_user(process.Mode(True, None)) as same:
        assert same.user is None


def test_two_graders_never_lend_the_same_user():
    """Another process has taken the first number: its name is found in use."""
    code = """
from rnncourse.grading.confine import process, users
with users.lend_user(process.Mode(True, 65534)) as mode:
    print(mode.user)
"""
    with users.lend_user(process.Mode(True, process.NOBODY)) as mine:
        other = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True
        )
    assert int(other.stdout) != mine.user


def test_what_a_lent_user_leaves_running_is_ended():
    if os.geteuid() != 0:
        pytest.skip("only root can lend a process another user")
    with users.lend_user(process.Mode(False, process.NOBODY)) as mode:
        sleeper = subprocess.Popen(["sleep", "600"], user=mode.user, start_new_session=True)
        assert users.processes_of(mode.user) == [sleeper.pid]
    assert sleeper.wait(timeout=10) == -signal.SIGKILL
