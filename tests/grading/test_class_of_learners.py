"""A class at a time: every format that comes in, killed runs that go on, reports, a cluster."""

import csv
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from rnncourse import __main__ as cli
from rnncourse.grading import reports
from rnncourse.grading.grader import Grader
from rnncourse.grading.journal import (
    Journal,
    Keys,
    Work,
    flow,
    held_back,
    package_digest,
    run_local,
)
from rnncourse.grading.record import Part, Record, restore
from rnncourse.grading.submissions import Job, Submission, find_submissions, read_jobs

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "solutions"
SEED = 4711
STEP = "import numpy as np\ndef rnn_step(x, h, W_x, W_h, b):\n    return {}\n"
GOOD = STEP.format("np.tanh(x @ W_x + h @ W_h + b)")
NO_BIAS = STEP.format("np.tanh(x @ W_x + h @ W_h)")
FORWARD = """import numpy as np
def rnn_forward(xs, h0, W_x, W_h, b):
    hs, h = [], h0
    for t in range(xs.shape[1]):
        h = np.tanh(xs[:, t] @ W_x + h @ W_h + b)
        hs.append(h)
    return np.stack(hs, axis=1)
"""
CALL = 'from rnncourse.grading import check\ncheck("{}", f)\n'
BACKWARD = """import numpy as np
def rnn_step_backward(dh, x, h_prev, h, W_x, W_h):
    da = dh * (1 - h**2)
    return da @ W_x.T, da @ W_h.T, x.T @ da, h_prev.T @ da, da.mean(axis=0)
"""


def notebook(*cells, exercise=None, **metadata):
    """A notebook's text, its sources as strings."""
    if exercise:
        metadata["rnncourse"] = {"exercise": exercise}
    code = [{"cell_type": "code", "metadata": {}, "source": source, "outputs": [],
             "execution_count": None} for source in cells]  # fmt: skip
    return json.dumps({"cells": code, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def colab(*cells):
    """A notebook as Colab saves it: its own metadata, ids, widgets, sources as lists of lines."""
    data = json.loads(notebook(*cells, exercise="rnn_ex_01"))
    data |= {"nbformat_minor": 0}
    data["metadata"] |= {
        "colab": {"provenance": [], "collapsed_sections": ["x"]},
        "accelerator": "GPU",
        "widgets": {"application/vnd.jupyter.widget-state+json": {"a": {"model_name": "Box"}}},
    }
    for number, cell in enumerate(data["cells"]):
        cell["source"] = cell["source"].splitlines(keepends=True)
        cell["metadata"] = {"id": f"aX{number}", "colab": {"base_uri": "https://localhost:8080/"},
                            "outputId": "f00"}  # fmt: skip
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x\n"]}]
    data["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": ["# 练习"]})
    return json.dumps(data, ensure_ascii=False)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def zipped(**members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return data.getvalue()


def handed_out(suffix, code):
    """The notebook of rnn_ex_01 as the course gives it in a language, done."""
    data = json.loads((ROOT / "exercises" / f"rnn_ex_01{suffix}.ipynb").read_text("utf-8"))
    (cell,) = (c for c in data["cells"] if "YOUR CODE HERE" in "".join(c["source"]))
    cell["source"] = code
    return json.dumps(data, ensure_ascii=False)


# Path, content, then what the rows must be: (name, exercise, points, part of the reason).
FORMATS = [
    ("anna/rnn_ex_01.ipynb", colab(GOOD), [("", "rnn_ex_01", 4, "full marks")]),
    ("anna/副本 rnn_ex_03 (2).ipynb", notebook(FORWARD), [("", "rnn_ex_03", 4, "full marks")]),
    ("anna/deep/er/Copy of rnn_ex_01.IPYNB", notebook(NO_BIAS), [("", "rnn_ex_01", 0, "bias")]),
    ("rnn_ex_01-张三.ipynb", notebook(GOOD), [("", "rnn_ex_01", 4, "full marks")]),
    ("wei/rnn_ex_01.zh (1).ipynb", handed_out(".zh", GOOD), [("", "rnn_ex_01", 4, "full marks")]),
    ("xu/Untitled.ipynb", handed_out(".zh", NO_BIAS), [("", "rnn_ex_01", 0, "bias")]),
    ("ye/rnn_ex_01_zh.ipynb", handed_out("", GOOD), [("", "rnn_ex_01", 4, "full marks")]),
    ("作业.ipynb", notebook(GOOD, exercise="rnn_ex_01"), [("", "rnn_ex_01", 4, "full marks")]),
    ("bom.ipynb", "\ufeff" + colab(GOOD), [("", "rnn_ex_01", 4, "full marks")]),
    ("Untitled7.ipynb", notebook(GOOD, CALL.format("rnn_ex_01")),
     [("", "rnn_ex_01", 4, "full marks")]),
    ("all in one.ipynb",
     notebook(GOOD, CALL.format("rnn_ex_01"), FORWARD, CALL.format("rnn_ex_03")),
     [("", "rnn_ex_01", 4, "full marks"), ("", "rnn_ex_03", 4, "full marks")]),
    ("unknown.ipynb", notebook(GOOD), [("", "", 0, "unknown exercise: neither metadata")]),
    ("commented.ipynb", notebook(GOOD, "# " + CALL.format("rnn_ex_01").split("\n")[1]),
     [("", "", 0, "unknown exercise")]),
    ("li/work.zip", zipped(**{"hw/rnn_ex_01.ipynb": notebook(GOOD), "__MACOSX/._a.ipynb": b"x",
                              "../../up_rnn_ex_03.ipynb": notebook(FORWARD), "notes.txt": b"x"}),
     [("/../../up_rnn_ex_03.ipynb", "rnn_ex_03", 4, "full marks"),
      ("/hw/rnn_ex_01.ipynb", "rnn_ex_01", 4, "full marks")]),
    ("wu/bomb.zip", zipped(**{"rnn_ex_01.ipynb": b" " * (11 << 20)}),
     [("/rnn_ex_01.ipynb", "rnn_ex_01", 0, "larger than 10 MB")]),
    ("wu/broken.zip", b"PK\3\4 rnn_ex_01", [("", "", 0, "not a readable archive, damaged or cut")]),
    ("wu/none.zip", zipped(a=b"x"), [("", "", 0, "no notebooks in this zip")]),
    ("qian/rnn_ex_01.py", GOOD, [("", "rnn_ex_01", 0, "a .py file, not a notebook: hand in the")]),
    ("zhao/rnn_ex_01.py", GOOD, []),  # beside a notebook that answers it
    ("zhao/rnn_ex_02.py", GOOD, [("", "rnn_ex_02", 0, "a .py file, not a notebook: hand in the")]),
    ("zhao/rnn_ex_01.ipynb.txt", colab(GOOD), [("", "rnn_ex_01", 4, "full marks")]),
    ("zhao/helper.py", GOOD, []),
    ("zhao/.ipynb_checkpoints/rnn_ex_01.ipynb", colab(GOOD), []),
    ("zhao/._rnn_ex_01.ipynb", b"\0", []),
]  # fmt: skip


@pytest.fixture(scope="module")
def grader():
    with Grader(SOLUTIONS, SEED) as grader:
        yield grader


def run_jobs(grader, *paths, workers=2):
    """Rows of the submissions, without journal or command."""
    found = list(find_submissions(map(str, paths), grader.solutions))
    jobs = [job for submission in found for job in read_jobs(submission, grader.solutions)]
    done = dict(run_local(grader, enumerate(jobs), workers))
    return [done[number] for number in range(len(jobs))]


def test_every_format_gets_its_rows(tmp_path, grader):
    for name, content, _ in FORMATS:
        write(tmp_path / name, content)
    (tmp_path / "loop.ipynb").symlink_to("loop.ipynb")
    (tmp_path / "linked").symlink_to(SOLUTIONS)
    (tmp_path / "solution.ipynb").symlink_to(SOLUTIONS / "rnn_sol_01.ipynb")
    os.mkfifo(tmp_path / "pipe.zip")
    found = {(r.submission, r.exercise): (r.points, r.text) for r in run_jobs(grader, tmp_path)}
    due = {(name + member, exercise): (points, said)
           for name, _, rows in FORMATS for member, exercise, points, said in rows}  # fmt: skip
    due |= {("loop.ipynb", ""): (0, "is a link"), ("solution.ipynb", ""): (0, "is a link"),
            ("pipe.zip", ""): (0, "not a regular file")}  # fmt: skip
    assert found.keys() == due.keys()
    for key, (points, said) in due.items():
        assert found[key][0] == points, key
        assert said in found[key][1][0], key
    assert not (tmp_path.parent / "up_rnn_ex_03.ipynb").exists()  # nothing was extracted


def test_files_are_named_as_given_and_folders_among_several_too(tmp_path, grader):
    for folder in ("a", "b"):
        write(tmp_path / folder / "rnn_ex_01.ipynb", notebook(GOOD))
    one = run_jobs(grader, tmp_path / "a")
    two = run_jobs(grader, tmp_path / "a", tmp_path / "b", tmp_path / "absent.ipynb")
    assert [r.submission for r in one] == ["rnn_ex_01.ipynb"]
    assert [r.submission for r in two[:2]] == [f"{tmp_path}/{k}/rnn_ex_01.ipynb" for k in "ab"]
    assert two[2].text == ("no such file", "找不到文件")
    (tmp_path / "empty").mkdir()
    assert run_jobs(grader, tmp_path / "empty")[0].text[0] == "no notebooks in this folder"


def test_only_the_code_decides_what_a_job_is():
    """Outputs and prose may change without another grading; a code cell may not."""
    job = Job("a", "rnn_ex_01", ("x = 1",))
    assert job.digest() == job._replace().digest()
    changed = [job._replace(submission="b"), job._replace(exercise="rnn_ex_02"),
               job._replace(cells=("x = 2",)), job._replace(problem=("a", "b")),
               job._replace(cells=("x", " = 1")), job._replace(cells=("\ud800",))]  # fmt: skip
    assert len({item.digest() for item in [job, *changed]}) == 1 + len(changed)


def test_a_record_survives_its_journal():
    part = Part("h", 0.0, 2.0, ("a", "甲"))
    record = Record(
        "s",
        "e",
        1.5,
        4.0,
        ("r", "由"),
        0.1,
        (part,),
        (("hint", "提示"),),
        "anna",
        "7",
        (("note", "注"),),
    )
    assert restore(json.loads(json.dumps(record.plain()))) == record


# --- the command -----------------------------------------------------------------------------


def make_class(folder, count, cell=GOOD):
    for k in range(count):
        write(folder / f"learner{k:02}" / "rnn_ex_01.ipynb", notebook(cell, f"k = {k}"))
    return folder


@pytest.fixture
def group(tmp_path):
    """Four submissions: right, a mistake with a hint, partly right, without a function."""
    folder = tmp_path / "class"
    write(folder / "a" / "rnn_ex_01.ipynb", notebook(GOOD))
    write(folder / "b" / "rnn_ex_01.ipynb", notebook(NO_BIAS))
    write(folder / "c" / "rnn_ex_02.ipynb", notebook(BACKWARD))
    write(folder / "d" / "rnn_ex_01.ipynb", notebook("1 / 0"))
    return folder


def grade(*arguments, solutions=SOLUTIONS):
    """Run the command here; return its exit code."""
    return cli.main(["grade", *map(str, arguments), "--solutions", str(solutions)])


def rows_of(path):
    """The table's rows without learner and seconds."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        return [row[1:6] for row in csv.reader(file)][1:]


def lines_of(out):
    return out.with_name(out.name + ".journal").read_bytes().count(b"\n")


def test_one_job_and_two_give_the_same_rows(group, tmp_path):
    shutil.copytree(group, group / "again")
    for jobs in (1, 2):
        assert grade(group, "--seed", SEED, "--jobs", jobs, "--out", tmp_path / f"{jobs}.csv") == 0
    rows = rows_of(tmp_path / "1.csv")
    assert rows == rows_of(tmp_path / "2.csv")
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert len(rows) == 8
    assert [row[2] for row in rows if "again" not in row[0]] == ["4.0", "0.0", "4.0", "0.0"]


def test_full_marks_can_be_required(group, capsys):
    assert grade(group / "a") == grade(group / "a", "--require-full") == grade(group) == 0
    assert grade(group, "--require-full") == 1
    assert grade(group / "absent.ipynb", "--require-full") == 1
    assert "full marks" in capsys.readouterr().out


def test_the_journal_spares_what_has_not_changed(group, tmp_path, capsys):
    out = tmp_path / "scores.csv"

    def graded(*arguments, solutions=SOLUTIONS):
        """How many submissions one more run grades."""
        before = lines_of(out) if out.exists() else 0
        assert grade(group, "--out", out, *arguments, solutions=solutions) == 0
        assert len(rows_of(out)) == 4
        return lines_of(out) - before

    assert graded() == 4
    first, said = rows_of(out), capsys.readouterr().err
    assert graded() == 0
    assert rows_of(out) == first
    again = capsys.readouterr().err
    assert "from the journal" in again
    assert next(line for line in said.splitlines() if line.startswith("seed")) in again
    assert graded("--lang", "zh") == 0
    assert rows_of(out)[0][4] == "满分"
    write(group / "b" / "rnn_ex_01.ipynb", notebook(GOOD))
    assert graded() == 1
    assert graded("--seconds", 19) == 4
    assert graded("--seed", SEED) == 4
    assert graded() == 0  # the last seed is the batch's
    own = tmp_path / "own"
    own.mkdir()
    for name in ("rnn_sol_01.ipynb", "rnn_sol_02.ipynb"):
        shutil.copy(SOLUTIONS / name, own)
    assert graded(solutions=own) == 0
    text = (own / "rnn_sol_02.ipynb").read_text("utf-8").replace("points = 5", "points = 10")
    (own / "rnn_sol_02.ipynb").write_text(text, "utf-8")
    assert graded(solutions=own) == 1
    assert float(rows_of(out)[2][3]) == 10


def test_a_fresh_run_forgets_the_journal(group, tmp_path):
    out = tmp_path / "scores.csv"
    grade(group, "--out", out, "--seed", SEED)
    assert lines_of(out) == 4
    grade(group / "a", "--out", out, "--fresh")
    assert lines_of(out) == 1
    assert len(rows_of(out)) == 1


def test_a_torn_or_foreign_line_of_the_journal_is_graded_again(group, tmp_path):
    out = tmp_path / "scores.csv"
    grade(group, "--out", out)
    path = tmp_path / "scores.csv.journal"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"[]\n{}\nx\n" + b"".join(lines[:3]) + lines[3][:50])
    before = rows_of(out)
    assert grade(group, "--out", out) == 0
    assert rows_of(out) == before
    assert path.read_bytes().count(b'"key"') == 5  # three kept, the torn one, the same again


def test_a_fault_of_the_grader_is_tried_again(tmp_path, group):
    """A package that the exercise needs is missing: once it is installed, the row comes."""
    own = tmp_path / "own"
    own.mkdir()
    text = (SOLUTIONS / "rnn_sol_01.ipynb").read_text("utf-8")
    changed = text.replace("points = 4", 'points = 4\\npackages = (\\"numpy\\", \\"absent_one\\")')
    assert "absent_one" in changed
    (own / "rnn_sol_01.ipynb").write_text(changed, "utf-8")
    out = tmp_path / "scores.csv"
    assert grade(group / "a", "--out", out, solutions=own) == 0
    assert rows_of(out)[0][4].startswith("could not be graded: SandboxError")
    assert lines_of(out) == 0


def test_two_runs_cannot_share_a_journal(group, tmp_path, capsys):
    journal = Journal(tmp_path / "scores.csv.journal", bytes(32))
    with pytest.raises(SystemExit) as stop:
        grade(group, "--out", tmp_path / "scores.csv")
    journal.close()
    assert stop.value.code == 2
    assert "another run is writing" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--jobs", "0"], ["--jobs", "65"], ["--json", "/nonexistent/x.json"],
     ["--gradescope", "/"], ["--scheduler", "tcp://127.0.0.1:9"], ["--scheduler", "nonsense://"]],
)  # fmt: skip
def test_a_batch_that_cannot_start_exits_with_2(arguments, group, capsys, monkeypatch):
    from rnncourse.grading import cluster

    monkeypatch.setattr(cluster, "PATIENCE", "1s")
    with pytest.raises(SystemExit) as stop:
        grade(group, *arguments)
    assert stop.value.code == 2
    assert "error:" in capsys.readouterr().err


# --- killed and interrupted ------------------------------------------------------------------

SLOW = "import time\ntime.sleep(0.25)\n" + GOOD
COUNT = 8


def start(folder, out, *more):
    return subprocess.Popen(
        [sys.executable, "-m", "rnncourse", "grade", folder, "--out", out, "--jobs", "2",
         "--solutions", SOLUTIONS, *more], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)  # fmt: skip


def wait_for_lines(out, count):
    """Until the journal has so many; a run that ends first fails the test by its count."""
    path = out.with_name(out.name + ".journal")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.01)


def test_a_killed_run_goes_on_without_grading_again(tmp_path):
    folder, out = make_class(tmp_path / "class", COUNT, SLOW), tmp_path / "scores.csv"
    with start(folder, out) as process:
        wait_for_lines(out, 3)
        process.send_signal(signal.SIGKILL)
    done = lines_of(out)
    assert 3 <= done < COUNT
    assert not out.exists()
    with start(folder, out) as process:
        said = process.communicate()[0].decode()
    assert process.returncode == 0, said
    assert lines_of(out) == COUNT  # each was graded once
    lines = (tmp_path / "scores.csv.journal").read_text("utf-8").splitlines()
    assert len({json.loads(line)["key"] for line in lines}) == COUNT
    assert {json.loads(line)["seed"] for line in lines} == {json.loads(lines[0])["seed"]}
    assert [row[0][:9] for row in rows_of(out)] == [f"learner{k:02}" for k in range(COUNT)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_what_is_done(tmp_path, number):
    marker = f"interrupted-{os.getpid()}-{number}"
    folder, out = make_class(tmp_path / "class", 3), tmp_path / "scores.csv"
    endless = f"import os, sys\nos.execv(sys.executable, [sys.executable, '-c', {marker!r}])"
    endless = endless.replace(marker, f"while True: {marker!r}".replace("'", '"'))
    for k in range(2):
        write(folder / f"slow{k}" / "rnn_ex_01.ipynb", notebook(endless))
    more = ("--json", tmp_path / "all.json", "--seconds", "3000")
    with start(folder, out, *more) as process:
        wait_for_lines(out, 3)
        process.send_signal(number)
        try:
            said = process.communicate(timeout=60)[0].decode()  # far below the time limit
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert [row[2] for row in rows_of(out)] == ["4.0"] * 3
    assert json.loads((tmp_path / "all.json").read_text("utf-8"))["complete"] is False
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert marker.encode() not in path.read_bytes()
        except OSError:
            continue


def test_a_signal_breaks_into_nothing_until_the_second():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with held_back() as check:
        check()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_a_signal_ends_a_run_in_which_nothing_is_done():
    looks = iter([None, None, KeyboardInterrupt()])

    def check():
        if problem := next(looks):
            raise problem

    jobs = iter([(0, Job("never ends", ""))])
    with pytest.raises(KeyboardInterrupt):
        list(flow(jobs, lambda job: job, lambda waiting: (), 1, check))


# --- reports ---------------------------------------------------------------------------------


def has(item, **kinds):
    """`item` has exactly these keys, each of its kind (several in a tuple; None is allowed)."""
    assert item.keys() == kinds.keys()
    for key, kind in kinds.items():
        assert isinstance(item[key], kind), key
        assert not isinstance(item[key], bool) or kind is bool, key
    return item


NUMBER = (int, float)
TEXT = {"en": str, "zh": str}


def test_json_has_every_part(group, tmp_path):
    file = tmp_path / "all.json"
    assert grade(group, "--json", file, "--seed", SEED) == 0
    data = has(json.loads(file.read_text("utf-8")), seed=int, complete=bool, rows=list)
    assert (data["seed"], data["complete"]) == (SEED, True)
    for row in data["rows"]:
        has(row, submission=str, learner=str, exercise=str, points=NUMBER, max_points=NUMBER,
            reason=dict, hints=list, notes=list, seconds=NUMBER, parts=list)  # fmt: skip
        for text in [row["reason"], *row["hints"]]:
            has(text, **TEXT)
        for part in row["parts"]:
            has(part, name=str, right=bool, points=NUMBER, max_points=NUMBER,
                difference=(dict, type(None)))  # fmt: skip
            assert part["right"] == (part["points"] == part["max_points"])
        assert sum(p["points"] for p in row["parts"]) == pytest.approx(row["points"], abs=0.01)
        assert sum(p["max_points"] for p in row["parts"]) == pytest.approx(row["max_points"])
    right, mistaken, part, nothing = data["rows"]
    assert [row["learner"] for row in data["rows"]] == list("abcd")
    assert right["hints"] == []
    assert "bias" in mistaken["hints"][0]["en"]
    assert "偏置" in mistaken["hints"][0]["zh"]
    assert mistaken["parts"][0]["difference"]["en"].startswith("h[")
    assert [p["right"] for p in part["parts"]] == [True] * 4 + [False]
    assert nothing["parts"][0]["right"] is False
    assert "ZeroDivisionError" in nothing["reason"]["zh"]


def test_gradescope_gets_its_results(group, tmp_path):
    file = tmp_path / "results.json"
    assert grade(group, group / "absent.ipynb", "--gradescope", file, "--lang", "zh") == 0
    data = has(json.loads(file.read_text("utf-8")), score=NUMBER, max_score=NUMBER, output=str,
               output_format=str, visibility=str, execution_time=int, tests=list)  # fmt: skip
    # Of three attempts at rnn_ex_01 the best, 4 of 4; rnn_ex_02, 4 of 5.
    assert (data["score"], data["max_score"]) == (8, 9)
    assert data["visibility"] in ("visible", "hidden", "after_due_date", "after_published")
    for test in data["tests"]:
        has(test, name=str, score=NUMBER, max_score=NUMBER, output=str, status=str, visibility=str)
        assert 0 <= test["score"] <= max(test["max_score"], 0)
        assert test["status"] == ("passed" if test["score"] else "failed")
        assert bool(test["output"]) == (test["status"] == "failed")
    for key, total in (("score", 8), ("max_score", 9)):
        assert sum(test[key] for test in data["tests"]) == data[key] == total
    names = [test["name"] for test in data["tests"]]
    assert names[:2] == ["rnn_ex_01: h", "rnn_ex_02: dx"]
    assert names[5:] == ["rnn_ex_02: db", str(group / "absent.ipynb")]
    right, *_, mean, absent = data["tests"]
    assert right["output"] == ""
    difference, hint = mean["output"].split("\n")
    assert "应为" in difference
    assert hint.startswith("db 对批次取了平均")
    assert "\n" not in absent["output"]
    assert data["tests"][-1]["output"] == "找不到文件"


@pytest.fixture
def told(monkeypatch):
    """What a batch of so many, one a second, writes to a terminal or to a log."""

    def run(terminal, count):
        now = itertools.count()
        stream = io.StringIO()
        stream.isatty = lambda: terminal
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            patch.setattr(reports.time, "monotonic", lambda: next(now) / (1 + terminal))
            with reports.Progress(count) as progress:
                for _ in range(count):
                    progress.step()
        return stream.getvalue()

    return run


def test_progress_is_one_line_on_a_terminal_and_ten_in_a_log(told):
    assert told(True, 200).count("\n") == 1
    assert told(True, 200).count("\r") == 200
    log = told(False, 200).splitlines()
    assert len(log) == 10
    assert "] 100/200 1.0/s, 1:40 left" in log[4]
    assert "] 200/200 1.0/s, 0:00 left" in log[-1]
    assert len(told(False, 3).splitlines()) == 3


def test_progress_says_what_came_from_the_journal():
    """Such rows tell nothing of the rate."""
    progress = reports.Progress(1000)
    progress.done = 500
    assert progress.note(0.1) == "from the journal"
    progress.done, progress.graded = 600, 100
    assert progress.note(50.0) == "2.0/s, 3:20 left"


def test_rows_keep_the_order_of_the_submissions_whatever_comes_first(tmp_path):
    names = ["c", "a", "b"]
    submissions = [Submission(name, tmp_path / name, ("p", "p")) for name in names]
    progress = reports.Progress(3)
    work = Work(submissions, Keys({}), SEED, None, progress)
    for number, job in reversed(list(work.pending())):
        work.add(number, Record(job.submission, "", 0.0, 0.0, ("", "")))
    assert [record.submission for record in work.records()] == names


def test_jobs_are_read_only_as_they_are_needed():
    """A class of any size takes the memory of the few that are under way."""
    read = []

    class Done:
        def __init__(self, number):
            self.number = number

        def result(self):
            if self.number == 5:
                raise RuntimeError("a worker died")
            return Record(str(self.number), "", 0.0, 0.0, ("", ""))

    def jobs():
        for number in range(20):
            read.append(number)
            yield number, Job(str(number), "")

    seen = []
    results = flow(
        jobs(), lambda job: Done(int(job.submission)), lambda waiting: list(waiting)[:1], 3
    )
    for number, record in results:
        assert len(read) - len(seen) <= 4
        assert record.submission == str(number)
        assert record.faulty() == (number == 5)
        seen.append(number)
    assert seen == list(range(20))


def test_the_recorded_figures_keep_what_the_course_promises():
    """`make bench-grading` measured at most 0.7 s each, and four times as fast as the others."""
    data = json.loads((ROOT / "benchmarks" / "results" / "grading.json").read_text("utf-8"))
    few, many = data["class"]
    assert many["submissions"] == 200
    assert many["seconds_each"] <= 0.7
    assert many["peak_MiB"] - few["peak_MiB"] < 20  # of the command; it does not grow with a class
    assert min(data["beside"]["times_as_fast"].values()) >= 4


# --- beyond one machine ----------------------------------------------------------------------

CLUSTER = """
import sys
from distributed import LocalCluster
from rnncourse.__main__ import main

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
                      worker_dashboard_address=None, local_directory=sys.argv[1]) as cluster:
        sys.exit(main(["grade", *sys.argv[2:], "--scheduler", cluster.scheduler_address]))
"""


def test_a_cluster_gives_the_same_rows(group, tmp_path):
    """Two worker processes on this machine, started and stopped here."""
    pytest.importorskip("distributed", reason="needs the extra `cluster`")
    write(group / "e" / "rnn_ex_01.ipynb", notebook("import os; os._exit(0)"))
    own = STEP.format("np.cos(x @ W_x)")  # the row shows numbers, which are the seed's
    write(group / "ee" / "rnn_ex_01.ipynb", notebook(own))
    write(group / "f.zip", zipped(**{"rnn_ex_03.ipynb": notebook(FORWARD)}))
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER, encoding="utf-8")
    arguments = [group, "--solutions", SOLUTIONS, "--seed", SEED]
    done = subprocess.run(
        [sys.executable, script, tmp_path / "dask", *map(str, arguments), "--out",
         tmp_path / "far.csv"], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert " 7/7 " in done.stderr
    assert grade(group, "--seed", SEED, "--out", tmp_path / "near.csv") == 0
    assert rows_of(tmp_path / "far.csv") == rows_of(tmp_path / "near.csv")
    assert len(rows_of(tmp_path / "near.csv")) == 7


def test_a_worker_with_another_version_is_refused(monkeypatch):
    from rnncourse.grading import cluster
    from rnncourse.grading.confine import stage

    class Client:
        def run(self, function, batch):
            return {"tcp://far": ("another", ""), "tcp://near": (package_digest(), "")}

    with pytest.raises(stage.SandboxError, match="tcp://far has another version"):
        cluster.prepare(Client(), {}, 0, stage.Limits())
