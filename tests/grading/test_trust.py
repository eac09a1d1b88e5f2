"""Nothing of a learner's is trusted: no code, journal or link; points and time are each learner's.

What a learner can plant lies where submissions lie; each test plants it and looks at what was run,
believed, overwritten or counted.
"""

import json
import multiprocessing
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import platformdirs
import pytest
from test_class_of_learners import (
    GOOD,
    NO_BIAS,
    SOLUTIONS,
    grade,
    lines_of,
    notebook,
    rows_of,
    write,
)

from rnncourse import __main__ as cli
from rnncourse.grading import journal, outputs, signing
from rnncourse.grading.confine import cgroup, process, seccomp, stage
from rnncourse.grading.confine.bubblewrap import ENVIRONMENT
from rnncourse.grading.grader import Grader
from rnncourse.grading.gradescope import as_results
from rnncourse.grading.record import Record
from rnncourse.grading.reports import Progress
from rnncourse.grading.standing import all_full, as_one, read_assigned
from rnncourse.grading.submissions import Job, Submission

ROOT = Path(__file__).resolve().parents[2]
MARK = "with open({!r}, 'a') as file: file.write({!r})\n"
IMPORTED = ("argparse", "csv", "json", "numpy", "platformdirs", "difflib", "hmac", "fcntl")


def refused(*arguments, **more):
    """Run the command where it must refuse; its exit code is 2."""
    with pytest.raises(SystemExit) as stop:
        grade(*arguments, **more)
    assert stop.value.code == 2


@pytest.fixture
def mine(tmp_path):
    """One learner's folder with a right notebook."""
    folder = tmp_path / "class" / "anna"
    write(folder / "rnn_ex_01.ipynb", notebook(GOOD))
    return folder


# --- the current folder ----------------------------------------------------------------------


def planted(folder):
    """A folder in which all that the grader imports or starts would leave a mark."""
    mark = folder.parent / "mark"
    folder.mkdir(exist_ok=True)
    for name in IMPORTED:
        write(folder / f"{name}.py", MARK.format(str(mark), name))
    for name in ("bwrap", "rm", "chmod", "sh"):
        write(folder / name, f"#!/bin/sh\necho {name} >> {mark}\n")
        (folder / name).chmod(0o755)
    shutil.copytree(SOLUTIONS, folder / "solutions")
    for path in (folder / "solutions").glob("*_sol_*.ipynb"):
        text = path.read_text("utf-8")
        code = json.dumps(MARK.format(str(mark), "solutions"))[1:-1]
        path.write_text(text.replace('"import numpy as np', f'"{code}import numpy as np'), "utf-8")
    return mark


@pytest.mark.parametrize("how", [["-m", "rnncourse"], ["-P", "-m", "rnncourse"], ["installed"]])
def test_nothing_in_the_current_folder_is_run(mine, tmp_path, how):
    mark = planted(mine)
    command = [sys.executable, *how]
    if how == ["installed"]:  # what pip writes; its own folder, not the current one, is on the path
        script = tmp_path / "bin" / "rnncourse"
        write(script, "import sys\nfrom rnncourse.__main__ import main\nsys.exit(main())\n")
        command = [sys.executable, str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f".::{os.environ['PATH']}"}
    done = subprocess.run([*command, "grade", "rnn_ex_01.ipynb"], cwd=mine, env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert "full marks" in done.stdout, done.stderr
    assert not mark.exists(), mark.read_text()


def test_the_marks_would_be_left(mine, tmp_path):
    """The same folder on the path: a test that plants nothing that works would prove nothing."""
    mark = planted(mine)
    for name in IMPORTED:
        subprocess.run([sys.executable, "-c", f"import {name}"], cwd=mine, check=True)
    assert mark.read_text().endswith("".join(IMPORTED))
    elsewhere = tmp_path / "elsewhere" / "rnn_ex_01.ipynb"
    write(elsewhere, notebook(GOOD))
    grade(elsewhere, solutions=mine / "solutions")
    assert mark.read_text().endswith("solutions")


@pytest.mark.parametrize("where", ["at", "above", "below", "link to", "link from", "file"])
def test_solutions_and_submissions_are_kept_apart(mine, tmp_path, capsys, where):
    own, given = tmp_path / "own", mine
    shutil.copytree(SOLUTIONS, own)
    if where == "at":
        own = mine
        for path in SOLUTIONS.glob("rnn_sol_*.ipynb"):
            shutil.copy(path, mine)
    elif where == "above":
        given = own / "class"
        write(given / "rnn_ex_01.ipynb", notebook(GOOD))
    elif where == "below":
        own = Path(shutil.move(own, mine / "solutions"))
    elif where == "link to":  # a folder that looks to be elsewhere
        shutil.move(own, mine / "x")
        own.symlink_to(mine / "x")
    elif where == "link from":  # one notebook of it is the learner's
        path = own / "rnn_sol_01.ipynb"
        shutil.move(path, mine / "y.ipynb")
        path.symlink_to(mine / "y.ipynb")
    else:
        given, own = mine / "rnn_ex_01.ipynb", Path(shutil.move(own, mine / "solutions"))
    refused(given, solutions=own)
    said = capsys.readouterr().err
    assert str(mine if where != "above" else given) in said
    assert "name the solutions with --solutions" in said


def test_without_solutions_the_command_says_how_to_name_them(mine, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    refused(mine, solutions=tmp_path / "none")
    assert "name their folder with --solutions" in capsys.readouterr().err


# --- what is written -------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--out", "--json", "--gradescope"])
@pytest.mark.parametrize("place", ["folder", "below", "by name", "through a link"])
def test_no_output_lies_among_submissions(mine, tmp_path, capsys, option, place):
    (mine / "deep").mkdir()
    (tmp_path / "link").symlink_to(mine)
    path = {"below": mine / "deep" / "s", "through a link": tmp_path / "link" / "s"}
    given = mine / "rnn_ex_01.ipynb" if place == "by name" else mine
    refused(given, option, path.get(place, mine / "s"))
    assert "put it elsewhere" in capsys.readouterr().err
    assert not list(tmp_path.rglob("s*.journal"))


def plant(kind, path, victim):
    """Something at `path` that is not a file of ours."""
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "hard link":
        os.link(victim, path)
    elif kind == "dangling link":
        path.symlink_to(victim.with_name("new"))
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        if os.geteuid():
            pytest.skip("only root can make a device")
        os.mknod(path, 0o20666, os.makedev(1, 3))


KINDS = ["link", "hard link", "dangling link", "fifo", "folder", "device"]
PLACES = ["s.csv", "s.csv.journal", "s.json", "s.results", "s.csv.part", ".s.csv.journal.lock"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PLACES)
def test_what_is_planted_at_an_output_is_refused_or_left_alone(mine, tmp_path, capsys, kind, name):
    victim = tmp_path / "victim"
    victim.write_text("kept")
    before = victim.stat()
    plant(kind, tmp_path / name, victim)
    arguments = [mine, "--out", tmp_path / "s.csv", "--json", tmp_path / "s.json", "--gradescope",
                 tmp_path / "s.results", "--fresh"]  # fmt: skip
    if name in PLACES[:4] and not (kind == "hard link" and name != "s.csv.journal"):
        refused(*arguments)
        said = capsys.readouterr().err
        assert str(tmp_path / name) in said
        assert re.search("remove it, or name another (file|--out)|a folder; name a file", said)
    else:  # no file of ours has this name, or the name gets a new file
        assert grade(*arguments) == 0
        assert rows_of(tmp_path / "s.csv")[0][2] == "4.0"
    assert victim.read_text() == "kept"
    assert (victim.stat().st_ino, victim.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not (tmp_path / "new").exists()


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x"
    outputs.write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        outputs.write_whole(path, "half\ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]
    before = os.umask(0o027)
    outputs.write_whole(path, "new")
    os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640  # as any new file of this user


def test_a_journal_that_comes_between_check_and_opening_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("kept")
    for kind in KINDS[:4]:
        path = tmp_path / kind
        plant(kind, path, victim)
        with pytest.raises(PermissionError, match="is a link, or no regular file"):
            outputs.open_own(path)
    assert victim.read_text() == "kept"


# --- the journal's signature -----------------------------------------------------------------


def test_a_line_that_the_grader_has_not_signed_is_graded(mine, tmp_path, capsys):
    """A planted 4 of 4 for a wrong answer: unsigned, by another key, with another line's."""
    out, path = tmp_path / "s.csv", tmp_path / "s.csv.journal"
    write(mine / "rnn_ex_01.ipynb", notebook(NO_BIAS))
    grade(mine, "--out", out)
    item = json.loads(path.read_text("utf-8"))
    seed, own = item["seed"], item.pop("signature")
    item["record"] |= {"points": 4.0, "text": ["full marks", "满分"]}
    item["seed"] = 7
    forged = [item, {**item, "signature": own}, {**item, "signature": None}, [item],
              signing.signed(item, b"another")]  # fmt: skip
    capsys.readouterr()
    path.write_text("".join(json.dumps(line) + "\n" for line in forged), "utf-8")
    grade(mine, "--out", out)
    assert rows_of(out)[0][2] == "0.0"
    assert capsys.readouterr().err.count(f"{len(forged)} lines of") == 1
    assert json.loads(path.read_text("utf-8").splitlines()[-1])["seed"] != 7
    key, warning = signing.grader_key()
    assert warning == ""
    path.write_text(json.dumps(signing.signed(item, key)) + "\n", "utf-8")
    grade(mine, "--out", out)
    said = capsys.readouterr().err
    assert "not written by this grader" not in said
    assert "seed 7" in said, "a signed line is believed, else this test proves nothing"
    assert seed != 7


def key_file():
    return platformdirs.user_data_path("rnncourse") / "journal.key"


@pytest.fixture
def no_key(monkeypatch, tmp_path):
    """A data folder of this test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path / "data"))
    assert not key_file().exists()
    return key_file()


def test_the_key_is_this_users_alone(no_key):
    key, warning = signing.grader_key()
    assert (len(key), warning) == (32, "")
    assert stat.S_IMODE(no_key.stat().st_mode) == 0o600
    assert os.listdir(no_key.parent) == ["journal.key"]
    assert signing.grader_key() == (key, "")


@pytest.mark.parametrize("fault", ["open to others", "a link", "fifo", "empty", "long", "folder"])
def test_a_key_that_others_may_know_is_refused(no_key, tmp_path, mine, capsys, fault):
    signing.grader_key()
    if fault == "open to others":
        no_key.chmod(0o640)
    elif fault in ("empty", "long"):
        no_key.write_bytes(b"" if fault == "empty" else bytes(33))
    else:
        no_key.rename(tmp_path / "elsewhere")
        plant(fault.removeprefix("a "), no_key, tmp_path / "elsewhere")
    refused(mine, "--out", tmp_path / "s.csv")
    said = capsys.readouterr().err
    assert str(no_key) in said
    assert "delete it, and a new one will be made" in said


def test_where_no_key_can_be_kept_a_later_run_grades_again(no_key, tmp_path, mine, capsys):
    (tmp_path / "data").write_text("no folder can be made here")
    for run in range(2):
        assert grade(mine, "--out", tmp_path / "s.csv") == 0
        said = capsys.readouterr().err
        assert said.count("no key can be kept") == 1
        assert ("1 lines of" in said) == (run == 1)
    assert rows_of(tmp_path / "s.csv")[0][2] == "4.0"


def _make(barrier, found):
    barrier.wait()
    found.put(signing.grader_key())


def test_runs_that_make_the_key_at_once_have_the_same(no_key):
    context = multiprocessing.get_context("spawn")
    barrier, found = context.Barrier(4), context.Queue()
    runs = [context.Process(target=_make, args=(barrier, found)) for _ in range(4)]
    for run in runs:
        run.start()
    keys = {found.get(timeout=60) for _ in runs}
    for run in runs:
        run.join()
    assert keys == {signing.grader_key()}
    assert os.listdir(no_key.parent) == ["journal.key"]


# --- points ----------------------------------------------------------------------------------


def results(folder, tmp_path, *more):
    file = tmp_path / "results.json"
    code = grade(folder, "--gradescope", file, "--require-full", *more)
    return code, json.loads(file.read_text("utf-8"))


def test_the_same_notebook_three_times_is_one_result(tmp_path):
    folder = tmp_path / "hw"
    for name in ("rnn_ex_01", "rnn_ex_01 (2)", "again/rnn_ex_01"):
        write(folder / f"{name}.ipynb", notebook(GOOD))
    code, data = results(folder, tmp_path)
    assert (code, data["score"], data["max_score"]) == (0, 4, 4)
    assert [test["name"] for test in data["tests"]] == ["rnn_ex_01: h"]
    assert data["output"] == "rnn_ex_01: 4/4 (3 attempts)"


@pytest.mark.parametrize(("attempts", "score"), [("best", 4), ("last", 0)])
def test_the_best_attempt_counts_or_the_last(tmp_path, attempts, score):
    folder = tmp_path / "hw"
    write(folder / "1_rnn_ex_01.ipynb", notebook(GOOD))
    write(folder / "2_rnn_ex_01.ipynb", notebook(NO_BIAS))
    code, data = results(folder, tmp_path, "--attempts", attempts)
    assert (code, data["score"], data["max_score"]) == (int(score < 4), score, 4)


@pytest.mark.parametrize("separator", [",", " ", " , ", "，", ", rnn_ex_01 "])
def test_the_exercises_set_are_read_however_they_are_separated(separator):
    points = {"rnn_ex_01": 4.0, "lstm_ex_04": 6.0}
    assert read_assigned(f"rnn_ex_01{separator}lstm_ex_04", points, points.get) == points


def test_what_was_set_and_is_missing_counts_0(tmp_path):
    """The hard exercise is missing: 4 points of 4 and those of the other solution."""
    folder = tmp_path / "hw"
    write(folder / "rnn_ex_01.ipynb", notebook(GOOD))
    assert results(folder, tmp_path)[0] == 0
    code, data = results(folder, tmp_path, "--exercises", "rnn_ex_01,lstm_ex_04")
    hard = read_assigned("lstm_ex_04", ["lstm_ex_04"], points_of)["lstm_ex_04"]
    assert (code, data["score"], data["max_score"]) == (1, 4, 4 + hard)
    missing = data["tests"][-1]
    assert (missing["name"], missing["score"], missing["max_score"]) == ("lstm_ex_04", 0, hard)
    assert missing["output"] == "nothing handed in"
    assert grade(folder, "--require-full", "--exercises", "rnn_ex_01") == 0
    assert grade(folder, "--require-full", "--exercises", "lstm_ex_04") == 1


def points_of(name):
    from rnncourse.grading.exercise import load
    from rnncourse.grading.grader import read_solutions

    return float(load(read_solutions(SOLUTIONS)[name]).rules.points)


def test_metadata_that_name_an_easier_exercise_do_not_help(tmp_path):
    folder = tmp_path / "hw"
    write(folder / "lstm_ex_04.ipynb", notebook(GOOD, exercise="rnn_ex_01"))
    assert grade(folder, "--require-full", "--exercises", "lstm_ex_04") == 1
    code, data = results(folder, tmp_path, "--exercises", "lstm_ex_04")
    assert (code, data["score"]) == (1, 0)
    assert "not set, counts nothing" in data["output"]


def test_files_called_after_their_exercises_are_one_learners(tmp_path):
    """Nothing says whose they are; each learner would lack the other's exercise."""
    write(tmp_path / "rnn_ex_01.ipynb", notebook(GOOD))
    write(tmp_path / "rnn_ex_02.ipynb", notebook("x = 1"))
    due = {"rnn_ex_01": 4.0}
    records = [
        Record(f"{name}.ipynb", name, points, 4.0, ("r", "由"), learner=name)
        for name, points in (("rnn_ex_01", 4.0), ("rnn_ex_02", 0.0))
    ]
    assert not all_full(records, due, "best", False)
    assert all_full(as_one(records, {"rnn_ex_01", "rnn_ex_02"}), due, "best", False)
    assert grade(tmp_path, "--require-full", "--exercises", "rnn_ex_01") == 0
    assert grade(tmp_path, "--require-full") == 1


def test_what_could_not_be_graded_fails_where_nothing_was_set(tmp_path):
    """A right notebook, and beside it one of no exercise, or one of the same that is damaged."""
    right = tmp_path / "hw" / "anna" / "rnn_ex_01.ipynb"
    write(right, notebook(GOOD))
    for name, content in (("x.ipynb", notebook(GOOD)), ("rnn_ex_01 (2).ipynb", "damaged")):
        write(right.with_name(name), content)
        assert grade(tmp_path / "hw", "--require-full") == 1
        assert grade(tmp_path / "hw", "--require-full", "--exercises", "rnn_ex_01") == 0
        right.with_name(name).unlink()
    assert grade(tmp_path / "hw", "--require-full") == 0
    write(tmp_path / "hw" / "bert" / "x.ipynb", "damaged")  # another learner has nothing
    assert grade(tmp_path / "hw", "--require-full", "--exercises", "rnn_ex_01") == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [("rnn_ex_1", "rnn_ex_1, which is none"), ("rnn_ex_01 lstm_ex_99", "near it: lstm_ex_0"),
     ("", "names no exercise"), (" , ", "names no exercise"), ("../x", "../x, which is none")],
)  # fmt: skip
def test_an_exercise_that_there_is_not_is_named_with_those_near(mine, capsys, given, said):
    refused(mine, "--exercises", given)
    assert said in capsys.readouterr().err


def test_a_row_for_everything_stays_in_the_table(tmp_path):
    folder, out = tmp_path / "hw", tmp_path / "s.csv"
    for k in range(3):
        write(folder / f"rnn_ex_01 ({k}).ipynb", notebook(GOOD))
    grade(folder, "--out", out, "--json", tmp_path / "s.json", "--exercises", "rnn_ex_02")
    assert len(rows_of(out)) == 3
    assert len(json.loads((tmp_path / "s.json").read_text("utf-8"))["rows"]) == 3


def test_gradescope_lists_a_result_whose_points_were_not_known():
    """A fault of the grader's has no points of its own: the exercise's count, as a loss."""
    fault = Record("a", "rnn_ex_01", 0.0, 0.0, ("could not be graded: x", "无法评分：x"))
    data = json.loads(as_results([fault], 1, {"rnn_ex_01": 4.0}))
    assert (data["score"], data["max_score"], data["tests"][0]["max_score"]) == (0, 4, 4)
    assert data["tests"][0]["output"] == "无法评分：x"


# --- one learner against the batch -----------------------------------------------------------


class Slow:
    """A pool that runs a job at once, and says that it took 20 s, or 1 s for the learner `good`."""

    def __init__(self):
        self.run = []

    def submit(self, job):
        self.run.append(job)
        return self

    def result(self):
        job = self.run[-1]
        seconds = 1.0 if job.learner == "good" else 20.0
        return Record(job.submission, job.exercise, 0.0, 4.0, ("r", "由"), seconds,
                      learner=job.learner)  # fmt: skip


def test_one_learners_notebooks_end_at_a_share_of_the_time(monkeypatch, tmp_path):
    """59 exercises in each of 100 notebooks that all take the limit of 20 s: by hand 33 h. Allowed
    are 10 times 20 s: ten run, and an eleventh that goes over, 220 s in all."""
    monkeypatch.setattr(journal, "read_jobs", lambda submission, known: [
        Job(submission.name, f"e{k}", learner=submission.name.split("/")[0])
        for k in range(1 if "good" in submission.name else 59)])  # fmt: skip
    names = [f"bad/{k:02}" for k in range(100)] + ["good/x"]
    submissions = [Submission(name, tmp_path) for name in names]
    points = dict.fromkeys([f"e{k}" for k in range(59)], 9.0)
    work = journal.Work(submissions, journal.Keys({}), 1, None, Progress(101), 200.0,
                        points.__getitem__)  # fmt: skip
    pool = Slow()
    for number, record in journal.flow(work.pending(), pool.submit, list, 1):
        work.add(number, record)
    records = work.records()
    assert sum(record.seconds for record in records) == 11 * 20 + 1
    assert [(r.submission, r.exercise) for r in records[:60:59]] == [("bad/00", "e0"),
                                                                     ("bad/01", "e0")]  # fmt: skip
    assert (len(records), records[-1].submission, records[-1].seconds) == (5901, "good/x", 1)
    late = [r for r in records if r.text[0].startswith("not run: this learner's notebooks")]
    assert len(late) == 5900 - 11
    assert {(r.learner, r.max_points) for r in late} == {("bad", 9.0)}
    assert all("未运行" in r.text[1] and "200 s" in r.text[0] for r in late)
    assert work.ungraded


def test_everybodys_first_submission_comes_before_anybodys_second(tmp_path):
    names = ["a/1", "a/2", "a/3", "b/1", "b/2", "flat.ipynb"]
    order = list(journal.in_turn([Submission(n, tmp_path, learner=n[0]) for n in names]))
    assert [s.name for _, s in order] == ["a/1", "b/1", "flat.ipynb", "a/2", "b/2", "a/3"]
    assert [place for place, _ in order] == [0, 3, 5, 1, 4, 2]


def test_a_learner_who_sleeps_does_not_keep_an_honest_one_waiting(tmp_path):
    """The command itself: 40 loops without end at a limit of 1.2 s, where 12 s are allowed."""
    folder, out = tmp_path / "class", tmp_path / "s.csv"
    for k in range(40):
        write(folder / "bad" / f"rnn_ex_01 ({k:02}).ipynb", notebook("while True: pass"))
    write(folder / "good" / "rnn_ex_01.ipynb", notebook(GOOD))
    assert grade(folder, "--out", out, "--seconds", "1.2", "--jobs", "2") == 0
    rows = rows_of(out)
    assert len(rows) == 41
    assert rows[-1][0].startswith("good")
    assert rows[-1][2] == "4.0"
    late = [row for row in rows if row[4].startswith("not run: this learner's")]
    assert 40 - 13 <= len(late) <= 40 - 8
    assert {row[3] for row in late} == {"4.0"}
    assert lines_of(out) == 41 - len(late)  # alone, a late one would be run


# --- memory ----------------------------------------------------------------------------------


def own_locks():
    """The modes of this machine in which the filter holds; a skip where it has none."""
    locks = process.available_locks()
    if seccomp.CALLS not in locks:
        pytest.skip("needs a system call filter: Linux on x86_64 or aarch64")
    user = process.NOBODY if os.geteuid() == 0 else None
    return [process.Mode(held, user, locks) for held in (True, False)]


def run_cells(mode, *cells):
    """What the row says of these cells before a right answer."""
    with Grader(SOLUTIONS, 1, stage.Limits(wall=15.0), mode=mode) as grader:
        if not process.works(grader._stage((), ("numpy",)), mode):
            pytest.skip("this mode does not work here")
        return grader.examine(Job("x", "rnn_ex_01", (*cells, GOOD)))


def test_threads_and_what_only_asks_the_system_still_run():
    """No second process is allowed; what the course and common libraries do needs none."""
    cells = ("""
import concurrent.futures, platform, threading, ctypes.util, numpy.testing
platform.uname(), platform.platform(), platform.processor(), ctypes.util.find_library("m")
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    assert list(pool.map(abs, [-1, 2])) == [1, 2]
import subprocess
try:
    subprocess.run(["true"])
except OSError as error:
    said = error
assert "not permitted" in str(said), said
""", "assert said")  # fmt: skip
    for mode in own_locks():
        record = run_cells(mode, *cells)
        assert record.text[0] == "full marks", record
        failed = run_cells(mode, cells[0], "del rnn_step\nraise SystemExit", "1 / 0")
        assert failed.points == 4, "a cell that fails does not take the answer with it"


def test_numpy_scipy_and_matplotlib_need_a_third_of_the_memory():
    """Where they are installed; the limit is on addresses, of which libraries take most."""
    third = stage.Limits().memory // 3
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_AS, ({third}, {third}))
import numpy
for name in ("scipy.stats", "scipy.optimize", "matplotlib.pyplot"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        pass
numpy.linalg.svd(numpy.ones((300, 300)))
"""
    subprocess.run([sys.executable, "-c", code], check=True,
                   env={**os.environ, **ENVIRONMENT, "MPLBACKEND": "agg"})  # fmt: skip


def test_processes_times_memory_is_bounded_where_no_filter_holds():
    limits = stage.Limits()
    together, apart = limits.resources(True), limits.resources(False)
    assert together["RLIMIT_AS"] == 1 << 30
    assert apart["RLIMIT_AS"] * apart["RLIMIT_NPROC"] <= 3 << 30


@pytest.mark.parametrize(
    ("mode", "holds"),
    [((True, 1, ("calls",)), True), ((False, None, ("calls",)), True), ((True, 1, ()), False),
     ((False, None, (), True), False), ((False, 1, (), True), True), ((True, 1, (), True), True),
     ((False, None, ("files",), True), True), ((False, None, ("files",)), False)],
)  # fmt: skip
def test_the_warning_says_where_memory_is_each_processs(mode, holds):
    """A group is no promise where a process of the same user can write its files."""
    mode = process.Mode(*mode)
    assert mode.holds_memory() == holds
    assert ("more memory than the limit" in mode.warning()) != holds
    if not mode.bubblewrap:
        assert ("the memory where" in mode.warning()) != mode.group


MOUNTS = "31 23 0:28 / {top} rw,relatime - cgroup2 cgroup2 rw\n"


@pytest.fixture
def tree(tmp_path):
    """Folders as the kernel shows them: a user's slice that hands on what is needed."""
    for name, handed in (("", "memory pids"), ("user", "cpu memory pids"),
                         ("user/app", "pids memory"), ("user/app/shell", "")):  # fmt: skip
        write(tmp_path / name / "cgroup.subtree_control", handed + "\n")
        write(tmp_path / name / "cgroup.procs", "")
    return tmp_path


def test_a_group_is_made_at_the_nearest_place_that_is_lent(tree):
    mounts = MOUNTS.format(top=tree)
    assert cgroup.nearest(mounts, "0::/user/app/shell\n") == tree / "user" / "app"
    write(tree / "user" / "app" / "cgroup.subtree_control", "memory\n")
    assert cgroup.nearest(mounts, "4:memory:/x\n0::/user/app/shell\n") == tree / "user"
    (tree / "user" / "cgroup.procs").unlink()
    assert cgroup.nearest(mounts, "0::/user/app/shell\n") == tree
    write(tree / "cgroup.subtree_control", "hugetlb\n")  # as where the old hierarchy has the rest
    assert cgroup.nearest(mounts, "0::/\n") is None
    write(tree / "user" / "cgroup.procs", "")
    within = mounts.replace(" / ", " /docker/1 ", 1)
    assert cgroup.nearest(within, "0::/docker/1/user\n") == tree / "user"
    assert cgroup.nearest(mounts, "0::/../user\n") is None
    assert cgroup.nearest("", "0::/\n") is None
    assert cgroup.nearest(mounts, "4:memory:/x\n") is None


def test_only_groups_of_graders_that_have_ended_are_cleared(tree):
    ended = subprocess.Popen(["true"])
    ended.wait()
    names = [f"rnncourse-{ended.pid}-a", f"rnncourse-{os.getpid()}-b", "rnncourse-x", "other"]
    for name in names:
        (tree / name).mkdir()
    cgroup.clear(tree)
    assert [name for name in names if (tree / name).exists()] == names[1:]


def test_a_child_runs_in_its_group_from_the_start(tree, monkeypatch):
    """Plain folders for the kernel's: the command must write its own number, then become it."""
    files = ["memory.max", "pids.max", "memory.swap.max", "cgroup.procs", "cgroup.kill"]
    make = tempfile.mkdtemp

    def mkdtemp(**how):
        folder = Path(make(**how))
        for name in files if how.get("dir") == tree else ():
            (folder / name).touch()
        return str(folder)

    monkeypatch.setattr(cgroup, "place", lambda: tree)
    monkeypatch.setattr(cgroup.tempfile, "mkdtemp", mkdtemp)
    monkeypatch.setattr(Path, "rmdir", shutil.rmtree)
    limits = stage.Limits()
    mode = process.Mode(False, None, (), group=True)
    with Grader(SOLUTIONS, 1, mode=mode) as grader:
        with process.Child(grader._stage((), ("numpy",)), mode, limits) as child:
            child.send({"cells": ["f = print"], "function": "f"})
            child.receive()
            (group,) = tree.glob("rnncourse-*")
            told = {name: (group / name).read_text().strip() for name in files}
        assert told == {"memory.max": str(1 << 30), "memory.swap.max": "0", "cgroup.kill": "",
                        "pids.max": str(limits.threads + process.OUR_TASKS),
                        "cgroup.procs": str(child.process.pid)}  # fmt: skip
        assert not group.exists()
    monkeypatch.setattr(cgroup, "place", lambda: None)
    with Grader(SOLUTIONS, 1, mode=mode) as grader:
        record = grader.examine(Job("x", "rnn_ex_01", (GOOD,)))
    assert "no control groups" in record.text[0]
    assert record.faulty()


def test_a_group_that_the_kernel_lends_ends_what_takes_too_much():
    """Eight processes of 200 MB each, where the filter does not forbid them."""
    if cgroup.place() is None:
        pytest.skip("no control group is lent here")
    user = process.NOBODY if os.geteuid() == 0 else None
    mode = process.Mode(True, user, (), group=True)
    hog = """
import os, time
for k in range(8):
    if os.fork() == 0:
        block = bytearray(200 << 20)
        time.sleep(30)
time.sleep(30)
"""
    record = run_cells(mode, hog)
    assert "the process ended" in record.text[0]
    assert record.seconds < 15
    assert run_cells(mode, "x = 1").text[0] == "full marks"
    assert not list(cgroup.place().glob(f"rnncourse-{os.getpid()}-*"))


def test_programs_that_delete_a_folder_are_the_systems(tmp_path, monkeypatch):
    """`chmod` and `rm` of the current folder, where the user's path names it."""
    mark = planted(tmp_path / "here")
    (tmp_path / "work" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    monkeypatch.setattr(process.shutil, "rmtree", lambda folder: None)
    process.delete(tmp_path / "work")
    assert not (tmp_path / "work").exists()
    assert not mark.exists()


# --- the command's name ------------------------------------------------------------------------


def test_the_command_that_is_installed_is_the_one_recommended():
    """`python -m rnncourse` puts the current folder on the path before any code of ours runs."""
    pages = [ROOT / "README.md", *ROOT.glob("book/*/*.md"), *ROOT.glob("rnncourse/**/*.py")]
    command = re.compile(r"python3? -m rnncourse \w")
    assert [str(page) for page in pages if command.search(page.read_text("utf-8"))] == []
    assert cli.main.__module__ == "rnncourse.__main__"
