"""The package as a whole: layers, size of functions and modules, types, import budget."""

import ast
from pathlib import Path

import pytest

import rnncourse
from rnncourse import _sandbox

SOURCES = sorted(Path(rnncourse.__file__).parent.glob("*.py"))

# Imports go strictly downward. A new module is added here with its layer.
LAYERS = {
    0: {
        "_shapes",
        "_states",
        "_draw",
        "initializers",
        "functional",
        "gradcheck",
        "text",
        "optim",
        "baselines",
        "_progress",
        "claims",
        "show",
    },
    1: {
        "_curves",
        "_fetch",
        "_letters",
        "_memory",
        "_nnlm",
        "_reviews",
        "_vectors",
        "_world",
        "cells",
        "documents",
        "lattice",
        "sampling",
        "timeseries",
        "_forms",
    },
    2: {"data", "plot", "recurrent", "interop", "stepper", "segmentation", "wordvec"},
    3: {"layers", "train"},
    4: {"comparison", "live"},
    5: {
        "grading",
        "_compare",
        "_exercise",
        "_feedback",
        "_grade",
        "_sandbox",
        "_child",
        "_collect",
        "_data",
        "_record",
        "_batch",
        "_reports",
        "_cluster",
        "_locks",
        "_users",
        "_walls",
        "__main__",
    },
}
LAYER = {name: layer for layer, names in LAYERS.items() for name in names}


def course_imports(source: str) -> set[str]:
    """Modules of the package that a source imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module == "rnncourse":
                found |= {alias.name for alias in node.names}
            elif module.startswith("rnncourse.") or node.level:
                found.add(module.removeprefix("rnncourse.").split(".")[0])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("rnncourse.")}
    return found & set(LAYER)


def upward_imports(name: str, source: str) -> list[str]:
    """Imports that do not go to a lower layer. Layer 5 is one command: its parts may meet."""
    layer = LAYER[name]
    return [m for m in course_imports(source) if LAYER[m] >= layer and layer < 5]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_imports_go_downward(path):
    """DESIGN: four layers, imports only downward; a module without a layer fails too."""
    if path.stem != "__init__":
        assert path.stem in LAYER, f"give {path.stem} a layer"
        assert upward_imports(path.stem, path.read_text(encoding="utf-8")) == []


def test_a_learners_copy_of_the_package_lacks_the_whole_grader():
    """Every module of layer 5 stays out: one that was forgotten might hand out an answer."""
    assert {f"{name}.py" for name in LAYERS[5]} == _sandbox.LEFT_OUT


def test_an_upward_import_is_found():
    """Planted: a layer-0 module that imports cells, and cells that imports layers."""
    assert upward_imports("text", "def f():\n    from rnncourse import cells\n") == ["cells"]
    assert upward_imports("cells", "import rnncourse.layers\n") == ["layers"]
    assert upward_imports("cells", "from rnncourse.layers import x\n") == ["layers"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
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
