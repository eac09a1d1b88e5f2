"""Seconds and memory of grading a class, beside otter-grader and nbgrader.

    python benchmarks/grading.py              all of it, into benchmarks/results/grading.json
    python benchmarks/grading.py --quick      a small class and one round, printed and not written

`make bench-grading` first installs the two other graders into an environment of their own.

1. A class of 200: right answers, every mutant of every exercise in turn, and loops without end;
   two notebooks at a time, each confined. Wall time, and the command's own peak memory with 20 and
   with 200 submissions (the notebooks' processes are not counted).
2. The same notebooks of one exercise, rewritten for each grader's own format, one at a time, each
   grader with its own command, start-up included; the graders take turns, a round at a time, and
   the ratio is the median over the rounds. Neither of the other two confines what it runs.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rnncourse.grading.confine import stage
from rnncourse.grading.exercise import load, mutate
from rnncourse.grading.grader import Grader, read_solutions

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results" / "grading.json"
OTHERS = ROOT / "_build" / "bench-grading" / "bin"
SOLUTIONS = ROOT / "solutions"
EXERCISE = "rnn_ex_01"
LOOP = "while True:\n    pass"
SEED = 20
LIMIT = 5.0  # seconds for a notebook, of which a loop takes all
POINTS = 4
# What the two others run inside the learner's kernel; the answer stands in the test.
TEST = """import numpy as np
for seed in range(3):
    rng = np.random.default_rng(seed)
    N, D, H = rng.integers(2, 7, 3)
    x, h, W_x, W_h, b = (rng.normal(size=s) for s in ((N, D), (N, H), (D, H), (H, H), (H,)))
    assert np.allclose(rnn_step(x, h, W_x, W_h, b), np.tanh(x @ W_x + h @ W_h + b))"""


def exercises():
    """Every exercise, by its id."""
    found = read_solutions(SOLUTIONS)
    return {name: load(notebook) for name, notebook in found.items()}


def answer(exercise, mutant=None):
    """The code of a right answer, or of one with a mutant's mistake."""
    source = mutate(exercise, [mutant] if mutant else [])
    lines = f"{exercise.preamble}\n\n{source}".splitlines()
    # The other graders have markers of the same words, and not our `check`.
    return "\n".join(line for line in lines if "SOLUTION" not in line and "check" not in line)


def kinds(known, count):
    """Exercise, name and code of `count` submissions: 60 % right, 39 % mutants, 1 % loops."""
    mutants = [(e, m) for e in known.values() for m in e.mutants]
    right = list(known.values())
    for k in range(count):
        if k % 100 == 50:
            yield right[k % len(right)], "loop", LOOP
        elif k % 5 < 3:
            yield right[k % len(right)], "right", answer(right[k % len(right)])
        else:
            exercise, mutant = mutants[k * 7 % len(mutants)]
            yield exercise, "mutant", answer(exercise, mutant)


def cell(source, kind="code", **metadata):
    """One cell of a notebook."""
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": metadata, "source": source, **extra}


def write_notebook(path, cells, **metadata):
    """Write a notebook file, its folder too."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    data = {"cells": [{**c, "id": f"c{k}"} for k, c in enumerate(cells)], "nbformat": 4,
            "nbformat_minor": 5, "metadata": {"kernelspec": kernel, **metadata}}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")


def write_ours(path, exercise, code):
    """A submission to our grader."""
    write_notebook(path, [cell(code)], rnncourse={"exercise": exercise.id})


# --- a class -----------------------------------------------------------------------


def peak_kib(process):
    """The process's peak memory so far, or 0 where it has ended."""
    try:
        text = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line), 0)


def grade(folder, out, jobs):
    """Grade a folder with the command. Returns seconds, the command's peak MiB, the rows."""
    command = [sys.executable, "-m", "rnncourse", "grade", folder, "--out", out, "--fresh",
               "--solutions", SOLUTIONS, "--seed", str(SEED), "--seconds", str(LIMIT),
               "--jobs", str(jobs), "--json", f"{out}.json"]  # fmt: skip
    start, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT) as process:
        while process.poll() is None:
            peak = max(peak, peak_kib(process))
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit("the command failed")
    rows = json.loads(Path(f"{out}.json").read_text("utf-8"))["rows"]
    return time.perf_counter() - start, peak / 1024, rows


def grade_class(folder, known, count, jobs):
    """Make and grade a class of `count`; the record of it."""
    kind_of = {}
    for k, (exercise, kind, code) in enumerate(kinds(known, count)):
        name = f"learner{k:03}/{exercise.id}.ipynb"
        write_ours(folder / f"class{count}" / name, exercise, code)
        kind_of[name] = kind
    seconds, peak, rows = grade(folder / f"class{count}", folder / f"{count}.csv", jobs)
    for row in rows:  # a fast grader that is wrong would prove nothing
        full = row["points"] == row["max_points"]
        if full != (kind_of[row["submission"]] == "right"):
            raise SystemExit(f"graded wrongly: {row}")
    plain = [r["seconds"] for r in rows if kind_of[r["submission"]] != "loop"]
    return {
        "submissions": count,
        "kinds": {k: list(kind_of.values()).count(k) for k in ("right", "mutant", "loop")},
        "jobs": jobs,
        "seconds": round(seconds, 2),
        "seconds_each": round(seconds / count, 3),
        "one_notebook_without_loops": round(statistics.mean(plain), 3),
        "peak_MiB": round(peak, 1),
    }


# --- beside the others ---------------------------------------------------------------


class Ours:
    """This course's grader on a folder."""

    def __init__(self, folder, sample, exercise):
        self.folder = folder
        for k, code in enumerate(sample):
            write_ours(folder / "class" / f"learner{k}.ipynb", exercise, code)

    def run(self):
        """Grade all; the points."""
        _, _, rows = grade(self.folder / "class", self.folder / "scores.csv", 1)
        return [row["points"] for row in rows]


class Otter:
    """`otter run` on each notebook: the way without containers."""

    def __init__(self, folder, sample, exercise):
        self.folder, self.sample = folder, sample
        code = "\n".join(
            (">>> " if line[:1].strip() else "... ") + line for line in TEST.splitlines()
        )
        test = {"name": "q1", "points": POINTS, "suites": [
            {"cases": [{"code": code, "hidden": False, "locked": False}], "scored": True,
             "setup": "", "teardown": "", "type": "doctest"}]}  # fmt: skip
        (folder / "tests").mkdir(parents=True)
        (folder / "tests" / "q1.py").write_text(f"OK_FORMAT = True\n\ntest = {test!r}\n")
        tool("otter", "generate", "-t", "tests", "-o", "autograder.zip", "--no-requirements",
             "--no-environment", "--no-config", cwd=folder)  # fmt: skip
        begin = 'import otter\ngrader = otter.Notebook(tests_dir="tests")'
        for k, answered in enumerate(sample):
            (folder / f"out{k}").mkdir()
            cells = [cell(begin), cell(answered), cell('grader.check("q1")')]
            write_notebook(folder / f"learner{k}.ipynb", cells)

    def run(self):
        """Grade all; the points."""
        points = []
        for k in range(len(self.sample)):
            tool("otter", "run", "-a", "autograder.zip", "-o", f"out{k}", f"learner{k}.ipynb",
                 "--no-logo", cwd=self.folder)  # fmt: skip
            results = json.loads((self.folder / f"out{k}" / "results.json").read_text())
            points.append(sum(t.get("score", 0) for t in results["tests"]))
        return points


class Nbgrader:
    """`nbgrader autograde` on the assignment."""

    def __init__(self, folder, sample, exercise):
        self.folder, self.sample = folder, sample
        folder.mkdir(parents=True)
        config = "c = get_config()\nc.CourseDirectory.course_id = 'course'\n"
        (folder / "nbgrader_config.py").write_text(config)
        task = {"schema_version": 3, "grade": False, "solution": True, "locked": False,
                "task": False, "grade_id": "step"}  # fmt: skip
        test = {**task, "grade": True, "solution": False, "locked": True, "points": POINTS,
                "grade_id": "test"}  # fmt: skip

        def write(path, code):
            write_notebook(path, [cell(code, nbgrader=task), cell(TEST, nbgrader=test)])

        write(folder / "source" / "ps1" / "ex.ipynb",
              f"### BEGIN SOLUTION\n{sample[0]}\n### END SOLUTION")  # fmt: skip
        tool("nbgrader", "generate_assignment", "ps1", cwd=folder)
        for k, code in enumerate(sample):
            write(folder / "submitted" / f"learner{k}" / "ps1" / "ex.ipynb", code)

    def run(self):
        """Grade all; the points."""
        tool("nbgrader", "autograde", "ps1", "--force", cwd=self.folder)
        script = ("import sys; from nbgrader.api import Gradebook\n"
                  "with Gradebook('sqlite:///gradebook.db') as g:\n"
                  " for k in range(int(sys.argv[1])):\n"
                  "  print(g.find_submission('ps1', f'learner{k}').score)")  # fmt: skip
        found = tool("python", "-c", script, str(len(self.sample)), cwd=self.folder)
        return [float(line) for line in found.split()]


def tool(name, *arguments, cwd):
    """Run a program of the other graders' environment; its output."""
    path = f"{OTHERS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run([OTHERS / name, *arguments], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, "PATH": path}, check=False)  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name} {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def compare(folder, exercise, count, rounds):
    """Seconds a submission of each grader on the same answers, and how many times ours is faster.

    Loops are left out: each grader's own time limit would decide.
    """
    mutants = list(exercise.mutants)
    sample = [
        answer(exercise, mutants[k // 2 % len(mutants)] if k % 2 else None) for k in range(count)
    ]
    graders = {g.__name__.lower(): g(folder / g.__name__, sample, exercise)
               for g in (Ours, Otter, Nbgrader)}  # fmt: skip
    taken = {name: [] for name in graders}
    for number in range(rounds):
        for name, grader in graders.items():
            start = time.perf_counter()
            points = grader.run()
            taken[name].append((time.perf_counter() - start) / count)
            if points != [0 if k % 2 else POINTS for k in range(count)]:
                raise SystemExit(f"{name} graded wrongly: {points}")
            print(f"round {number + 1}/{rounds} {name:9} {taken[name][-1]:.2f} s each", flush=True)
    ratio = {
        name: round(statistics.median(a / b for a, b in zip(s, taken["ours"], strict=True)), 1)
        for name, s in taken.items()
        if name != "ours"
    }
    each = {name: round(statistics.median(s), 3) for name, s in taken.items()}
    return {"exercise": exercise.id, "notebooks": count, "rounds": rounds, "jobs": 1,
            "seconds_each": each, "times_as_fast": ratio}  # fmt: skip


def confinement():
    """The mode in which notebooks run here. Stops where it is not the full one."""
    with Grader(SOLUTIONS, SEED) as grader:
        if grader.mode.warning():
            raise SystemExit(grader.mode.warning())
        return {"bubblewrap": grader.mode.bubblewrap, "user": grader.mode.user,
                "limits": vars(stage.Limits(wall=LIMIT))}  # fmt: skip


def versions():
    """Of everything that takes part."""
    found = {"python": platform.python_version(), "numpy": version("numpy")}
    show = "from importlib.metadata import version; import sys; print(version(sys.argv[1]))"
    for name in ("otter-grader", "nbgrader"):
        found[name] = tool("python", "-c", show, name, cwd=ROOT).strip()
    bwrap = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False)
    return found | {"bubblewrap": bwrap.stdout.split()[-1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="little of each; nothing is written")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    known = exercises()
    counts, sample, rounds = ((20, 200), 6, options.rounds)
    if options.quick:
        counts, sample, rounds = (5, 20), 2, 1
    record = {"what": "grading a class, all confinement on; times_as_fast above 1: we are faster",
              "date": datetime.now(UTC).date().isoformat(),
              "processor": platform.processor() or platform.machine(), "cores": os.cpu_count(),
              "versions": versions(), "confinement": confinement()}  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="bench-grading-"))
    try:
        record["class"] = [grade_class(folder, known, n, options.jobs) for n in counts]
        print(json.dumps(record["class"], indent=1), flush=True)
        record["beside"] = compare(folder / "beside", known[EXERCISE], sample, rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(record["beside"], indent=1))
    if not options.quick:
        RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
