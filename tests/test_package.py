"""The package as a whole: a learner's copy, size of functions and modules, types, import budget."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rnncourse
from rnncourse.grading.confine import stage

PACKAGE = Path(rnncourse.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        (
            "nn/cells.py",
            "from rnncourse.nlp import text",
            "nn.cells -> rnncourse.nlp",
        ),
        (
            "plot/curves.py",
            "from rnncourse.nn import cells",
            "plot.curves -> rnncourse.nn",
        ),
        ("nlp/text.py", "import matplotlib", "rnncourse.nlp.text -> matplotlib"),
        ("data/series.py", "from rnncourse.grading import check", "-> rnncourse.grading"),
        ("other.py", "", "rnncourse.other"),
    ],
)
def test_an_import_upward_or_sideways_is_found(tmp_path, file, line, said):
    """Planted: each breaks a contract of pyproject.toml, which `make lint` asks for."""
    shutil.copy(PACKAGE.parent / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "rnncourse", ignore=shutil.ignore_patterns("checks"))
    with open(tmp_path / "rnncourse" / file, "a", encoding="utf-8") as source:
        source.write(f"\n\ndef f():\n    {line or 'pass'}\n")
    code = "import sys; from importlinter.cli import lint_imports as f; sys.exit(f(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, text=True, check=False,
                          capture_output=True,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)})  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout


def test_networks_and_text_need_numpy_alone():
    """They also run in a learner's process and in the browser: no other package is found there."""
    code = """
import importlib, pkgutil, sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        first = name.split(".")[0]
        if first not in {*sys.stdlib_module_names, "numpy", "rnncourse", "_distutils_hack"}:
            raise ImportError(name)

import numpy, rnncourse
sys.meta_path.insert(0, Nothing())
from rnncourse import metrics, nlp, nn
for room in (nn, nlp):
    for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
        importlib.import_module(module.name)
        print(module.name)
"""
    done = subprocess.run([sys.executable, "-c", code], text=True, check=True, capture_output=True)
    assert {"rnncourse.nn.cells", "rnncourse.nlp.wordvec.query"} <= set(done.stdout.split())


def test_a_learners_copy_of_the_package_lacks_the_whole_grader():
    """It holds all else, and of `grading` a function that does nothing."""
    made = stage.Stage(["nn.cells.rnn_step", "nlp"], ())
    try:
        copy = made.folder / "lib" / "rnncourse"
        files = {path.relative_to(copy).as_posix(): path.read_text("utf-8")
                 for path in copy.rglob("*.py")}  # fmt: skip
    finally:
        made.close()
    own = {path.relative_to(PACKAGE).as_posix() for path in SOURCES}
    grader = {name for name in own if name.startswith("grading/")} | {"__main__.py"}
    assert set(files) == own - grader | {"grading.py"}
    assert files["grading.py"] == stage.STUB_GRADING
    assert "rnn_step is withheld" in files["nn/cells.py"]
    assert files["nlp/wordvec/query.py"].startswith("raise ImportError('nlp.wordvec.query is with")


@pytest.mark.parametrize(
    "name", ["cells.rnn_step", "nn.cells.rnn_stop", "nn.cell", "nlp.text.pad.x"]
)
def test_a_name_that_is_not_there_is_not_silently_withheld(name):
    """Such as one that has moved: it would leave the answer in the learner's copy."""
    with pytest.raises(stage.SandboxError, match=f"no {name} to withhold"):
        stage.Stage(["nn.cells.rnn_step", name], ())


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_functions_are_short_and_public_ones_typed(path):
    """At most 30 lines of code a function, 400 a module; public ones annotated, documented."""
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= 420, "split the module"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 30, f"{node.name} has {lines} lines"
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"
            assert node.returns, f"{node.name} has no return type"
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            assert all(a.annotation for a in arguments), f"{node.name}: annotate its arguments"
