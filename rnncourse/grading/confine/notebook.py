"""Run a notebook's cells as IPython runs them, without IPython.

Copied to the stage. What is not Python as it stands goes through IPython's own input transformer,
of which the stage has a copy; it is loaded only then. A cell is run statement by statement, its
last expression becomes `_`, `await` works at the top level, and an error ends that cell only.
More lenient than Jupyter in one thing: an import that fails, and what then lacks its name, do not
take the rest of the cell with them, since other packages are installed here.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import copy
import importlib
import io
import linecache
import os
import re
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from .stubs import Finder, display

SHOWN = 5
COROUTINE = 0x80  # inspect.CO_COROUTINE
FUTURES = 0
for _name in __future__.all_feature_names:
    FUTURES |= getattr(__future__, _name).compiler_flag


def explain(error: BaseException) -> dict:
    """The error's type and message, and the last line of the notebook that it passed."""
    try:
        text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")[:300]
    except BaseException:
        text = type(error).__name__
    line = (getattr(error, "text", None) or "") if isinstance(error, SyntaxError) else ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith("<cell "):
            line = linecache.getline(name, trace.tb_lineno)
        trace = trace.tb_next
    return {"error": text, "line": str(line).strip()[:200]}


def import_whole(name: str) -> Any:
    """Import a module that IPython would have loaded, not a learner's file of its name."""
    held = sys.path[:]
    sys.path[:] = [folder for folder in held if folder]
    try:
        return importlib.import_module(name)
    finally:
        sys.path[:] = held


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """A cell's statements; an import of several names is several, since one may be missing."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                part = copy.copy(node)
                part.names = [alias]
                yield part
        else:
            yield node


def bound(node: ast.stmt) -> set[str]:
    """The names that an import gives; empty for another statement."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return set()
    return {alias.asname or alias.name.partition(".")[0] for alias in node.names}


def is_quiet(source: str) -> bool:
    """True where the cell's last token is a semicolon, by which IPython shows nothing."""
    if ";" not in source.rstrip().rpartition("\n")[2]:
        return False
    import tokenize

    passed = (tokenize.ENDMARKER, tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    return next((t.string == ";" for t in reversed(tokens) if t.type not in passed), False)


class Notebook:
    """A namespace and what has happened in it."""

    def __init__(self, module: types.ModuleType) -> None:
        self.space = module.__dict__
        self.cell = self.count = self.nested = 0
        self.flags = 0  # of the learner's own `from __future__`, which hold for later cells too
        self.errors: list[dict] = []
        self.skipped: list[dict] = []
        self.lost: set[str] = set()  # names that failed imports would have given
        self.inputs = [""]
        self.outputs: dict[int, Any] = {}
        self.shown: list[Any] = ["", "", ""]
        self._loop: Any = None
        self._shell: Any = None
        self._transformer: Any = None
        self.space |= {"In": self.inputs, "_ih": self.inputs, "Out": self.outputs}
        self.space |= {"_oh": self.outputs, "_dh": [os.getcwd()], "get_ipython": self.shell}
        self.space |= dict.fromkeys(("_", "__", "___", "_i", "_ii", "_iii"), "")
        vars(builtins).update(display=display, get_ipython=self.shell)
        vars(builtins).update(dict.fromkeys(("help", "exit", "quit"), display))
        sys.meta_path.append(Finder)
        sys.path.insert(0, "")

    def shell(self) -> Any:
        """`get_ipython`."""
        if self._shell is None:
            from .shell import ZMQInteractiveShell

            self._shell = ZMQInteractiveShell(self.space, self.run, self.run_timed, self.skip)
        return self._shell

    # --- cells

    def run_all(self, cells: list[str], send: Callable) -> dict:
        """Run all cells; one that raises is remembered and the next one is run."""
        for number, source in enumerate(cells, 1):
            send({"cell": number})
            self.cell, self.nested = number, 0
            try:
                if source.strip():
                    self._run_cell(source)
            except BaseException as error:  # sys.exit() in a cell must not end the run
                self.note(error)
        return {"errors": self.errors, "skipped": self.skipped}

    def _run_cell(self, source: str) -> None:
        """Run a cell and keep what it shows last as `_`, `Out[n]` and `_n`."""
        self.count += 1
        space, before = self.space, self.inputs[-1:]
        space |= {"_iii": space.get("_ii"), "_ii": space.get("_i"), "_i": "".join(before)}
        self.inputs.append(source)
        space[f"_i{self.count}"] = source
        sys.path_importer_cache.pop(os.getcwd(), None)  # there may be files of an earlier cell
        value = self.run(source)
        if value is not None and not is_quiet(source):
            self._show(value)

    def _show(self, value: Any) -> None:
        """Keep a shown value; a `_` of the learner's own stays."""
        names = ("_", "__", "___")
        if all(self.space.get(name) is old for name, old in zip(names, self.shown, strict=True)):
            self.shown = [value, *self.shown[:2]]
            self.space |= dict(zip(names, self.shown, strict=True))
        self.space[f"_{self.count}"] = self.outputs[self.count] = value

    def note(self, error: BaseException, passed: bool = False) -> None:
        """Remember an error of the running cell, which ended it or was passed over."""
        if sum(entry["passed"] == passed for entry in self.errors) < SHOWN:
            self.errors.append({"cell": self.cell, "passed": passed, **explain(error)})

    def skip(self, command: str) -> None:
        """Remember a command that was not run."""
        entry = {"cell": self.cell, "command": " ".join(command.split())[:80]}
        if command and entry not in self.skipped and len(self.skipped) < SHOWN:
            self.skipped.append(entry)

    # --- source

    def _parse(self, source: str) -> tuple[list[ast.stmt], str]:
        """Statements, and the name of their code, of what IPython makes of a source."""
        tree = self._plain(source)
        if tree is None:
            source = self._magic_word(source) or self._transform(source)
            tree = self._tree(source)
        if "get_ipython" in source:
            self._note_escapes(tree)
        name = f"<cell {self.cell}{f'.{self.nested}' if self.nested else ''}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        self.nested += 1
        return tree.body, name

    def _plain(self, source: str) -> ast.Module | None:
        """The statements of what is Python as it stands and means the same in IPython."""
        word = source.strip()
        if "In [" in source or (word.isidentifier() and word not in self.space):
            return None  # a pasted prompt reads as an annotation, a magic's name as a variable
        try:
            return self._tree(source)
        except SyntaxError:
            return None

    def _tree(self, source: str) -> ast.Module:
        flags = ast.PyCF_ONLY_AST | self.flags
        return compile(source, "<cell>", "exec", flags, dont_inherit=True)

    def _transform(self, source: str) -> str:
        if self._transformer is None:
            module = import_whole("IPython.core.inputtransformer2")
            self._transformer = module.TransformerManager()
        return self._transformer.transform_cell(source)

    def _magic_word(self, source: str) -> str:
        """A line of its own such as `pip install x`, as the magic that it is; else empty."""
        from .shell import WORDS

        found = re.fullmatch(r"\s*([a-z]\w*)(?:[ \t]+([^=,\s].*))?\s*", source)
        if not found or found[1] not in WORDS or found[1] in self.space:
            return ""
        return f"get_ipython().run_line_magic({found[1]!r}, {found[2] or ''!r})"

    def _note_escapes(self, tree: ast.AST) -> None:
        """Note what would not be run, also in functions that no cell calls."""
        from .shell import not_run

        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = getattr(getattr(node.func.value, "func", None), "id", "")
                texts = [str(value.value) for value in node.args if isinstance(value, ast.Constant)]
                if owner == "get_ipython" and len(texts) == len(node.args):
                    self.skip(not_run(node.func.attr, *texts))

    # --- running

    def run(self, source: str) -> Any:
        """Run a source; the value of its last expression, None where something else is last."""
        body, name = self._parse(source)
        last = body.pop().value if body and isinstance(body[-1], ast.Expr) else None  # type: ignore[attr-defined]
        for node in statements(body):
            self._attempt(ast.Module([node], []), name, bound(node))
        return last and self._attempt(ast.Expression(last), name, set())

    def run_timed(self, source: str) -> None:
        """Run a source in a function, as `timeit` does: what it defines is not kept."""
        body, name = self._parse(source)
        tree = ast.parse("def timed(): pass")
        tree.body[0].body += body  # type: ignore[attr-defined]
        space: dict[str, Any] = {}
        exec(self._compile(tree, name), self.space, space)
        space["timed"]()

    def _attempt(self, tree: Any, name: str, imported: set[str]) -> Any:
        """Run one statement; pass over it where only a package is missing."""
        try:
            return self._evaluate(self._compile(tree, name))
        except ImportError as error:
            if not imported:
                raise
            self.lost |= imported
            self.note(error, passed=True)
        except NameError as error:
            if getattr(error, "name", None) not in self.lost:
                raise
            self.note(error, passed=True)

    def _compile(self, tree: Any, name: str) -> types.CodeType:
        mode = "eval" if isinstance(tree, ast.Expression) else "exec"
        flags = self.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(tree, name, mode, flags, dont_inherit=True)
        self.flags |= code.co_flags & FUTURES
        return code

    def _evaluate(self, code: types.CodeType) -> Any:
        """Run code inside the notebook's event loop where it awaits, or may use a running one."""
        awaits = bool(code.co_flags & COROUTINE)
        if not awaits and ("asyncio" not in sys.modules or "get_ipython" in code.co_names):
            return eval(code, self.space)

        async def inside() -> Any:
            value = eval(code, self.space)
            return await value if awaits else value

        if self._loop is None:
            asyncio = import_whole("asyncio")
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        if self._loop.is_running():
            return eval(code, self.space)
        return self._loop.run_until_complete(inside())
