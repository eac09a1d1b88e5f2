"""Python in the page: every solution and a mistake of each there, and what must not go wrong."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import urllib.request
import zipfile
from html import unescape
from pathlib import Path

import pytest

from rnncourse.grading.exercise import CELL_BREAK, load, mutate, parse_notebook
from tools import exercises
from tools.site import build, pyodide

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("pyodide_node.mjs")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The part of the site that a click loads."""
    if not pyodide.prepare(build.fetch):
        pytest.skip("needs Pyodide's NumPy: see tools/site/pyodide.py")
    target = tmp_path_factory.mktemp("site") / "try"
    pyodide.write(target)
    return target


def in_node(folder, jobs):
    """What is shown for each job, by one Pyodide in Node."""
    command = [pyodide.NODE, SCRIPT, folder]
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def solved(path):
    """An exercise with its solution's code, as it goes where the starter stands."""
    return load(parse_notebook(exercises.read_solution(path.read_text(encoding="utf-8"))))


def code_of(source):
    return source.replace(CELL_BREAK, "\n\n")


def test_every_solution_gets_full_marks_and_a_mistake_is_named(folder):
    every = [solved(path) for path in sorted((ROOT / "solutions").glob("*_sol_*.md"))]
    assert len(every) == len(list((folder / "exercises").glob("*.json")))
    mistakes = [next(iter(one.rules.hints)) for one in every]
    jobs = [["check", one.id, code_of(one.source), "en"] for one in every]
    jobs += [
        ["check", one.id, code_of(mutate(one, (name,))), "zh"]
        for one, name in zip(every, mistakes, strict=True)
    ]
    found = in_node(folder, jobs)
    for one, name, right, wrong in zip(
        every, mistakes, found[: len(every)], found[len(every) :], strict=True
    ):
        assert right["points"] == [one.rules.points] * 2, (one.id, right)
        assert wrong["points"][0] < one.rules.points, (one.id, wrong)
        for hint in one.rules.hints[name]:
            assert hint in unescape(wrong["html"]), (one.id, name)
    seconds = sorted(answer["seconds"] for answer in found)
    print(f"a check in Node: median {seconds[len(seconds) // 2]:.3f} s, most {seconds[-1]:.3f} s")
