"""What `get_ipython()` returns while a notebook is graded: magics that run Python, and no others.

Copied to the stage: standard library only. Shell escapes, other languages and unknown magics run
nothing, return an empty list and are noted, since what they would have done may be missed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import time
from collections.abc import Callable
from typing import Any

from .stubs import Drawing

# Without effect on what the notebook computes: not worth a note.
_QUIET = """
matplotlib config load_ext reload_ext unload_ext autoreload aimport precision env set_env cd who
whos who_ls history hist lsmagic magic quickref xmode colors tb debug pdb alias automagic pinfo
pinfo2 psearch pdoc pdef psource pfile page pprint store reset reset_selective load recall rerun
macro save notebook edit bookmark dirs pushd popd gui tensorboard logstart logstop pycat
"""
# With these words of IPython's a line that is a whole cell is a magic without its %.
_OTHERS = """
time timeit prun run pylab pwd pip conda mamba uv ls ll cat cp mv rm mkdir rmdir man less more clear
sx system
"""
QUIET = frozenset(_QUIET.split())
QUIET_CELLS = ("html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG")
WORDS = QUIET | frozenset(_OTHERS.split())
RUN = ("time", "timeit", "prun", "run", "pylab", "pwd")
RUN_CELLS = ("time", "timeit", "prun", "capture", "writefile", "file")
OPTIONS = {
    "time": r"--\S+",
    "timeit": r"-[nrpv]\s*\S+|-[tcqo]+|--\S+",
    "prun": r"-[lsTD]\s*\S+|-[rq]+",
    "run": r"-[NlsTD]\s*\S+|-[a-z]+",
}


class Lines(list):
    """The output of a command that was not run, with the attributes of IPython's `SList`."""

    n = nlstr = property(lambda self: "\n".join(self))
    s = spstr = property(lambda self: " ".join(self))
    l = list = property(lambda self: self)  # noqa: E741
    p = paths = property(lambda self: [])

    def grep(self, *_: Any, **__: Any) -> Lines:
        """No line fits."""
        return Lines()

    fields = grep


class Captured:
    """What a cell under `%%capture` printed."""

    def __init__(self) -> None:
        self._out, self._err = io.StringIO(), io.StringIO()
        self.outputs: list = []

    stdout = property(lambda self: self._out.getvalue())
    stderr = property(lambda self: self._err.getvalue())

    def show(self) -> None:
        """Print what was kept back."""
        print(self.stdout, end="")

    __call__ = show

    def __str__(self) -> str:
        return str(self.stdout)


class TimeitResult:
    """The time of the one loop that was run."""

    def __init__(self, seconds: float) -> None:
        self.best = self.worst = self.average = seconds
        self.stdev, self.compile_time = 0.0, 0.0
        self.loops = self.repeat = 1
        self.all_runs = self.timings = [seconds]


def options(name: str, line: str) -> tuple[str, str]:
    """A magic's options, and the rest of its line."""
    found = re.match(rf"\s*(?:(?:{OPTIONS[name]})(?:\s+|$))*", line)
    end = found.end() if found else 0
    return line[:end], line[end:]


def not_run(method: str, name: str = "", line: str = "", *_: Any) -> str:
    """The command that this method of the shell leaves out; empty where none is missed."""
    if method in ("system", "getoutput"):
        return f"!{name}"
    if method == "run_line_magic" and name not in (*RUN, *QUIET):
        return f"%{name} {line}"
    if method == "run_cell_magic" and name not in (*RUN_CELLS, *QUIET_CELLS):
        return f"%%{name} {line}"
    return ""


class ZMQInteractiveShell:  # people ask for the name, to learn whether they are in Jupyter
    """`run(source)` runs code as a cell and returns its last value; `timed(source)` runs it in a
    function, as `timeit` does; `note(command)` remembers what was not run."""

    def __init__(self, namespace: dict, run: Callable, timed: Callable, note: Callable) -> None:
        self.user_ns = self.user_global_ns = namespace
        self.run_cell = self.ex = run
        self._timed, self._note = timed, note

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Drawing((name,))

    def system(self, command: str = "") -> None:
        """`!command`."""
        self._note(not_run("system", command))

    def getoutput(self, command: str = "", *_: Any, **__: Any) -> Lines:
        """`x = !command`."""
        self._note(not_run("getoutput", command))
        return Lines()

    def run_line_magic(self, name: str, line: str = "", *_: Any, **__: Any) -> Any:
        """`%name line`."""
        if name in RUN:
            return getattr(self, f"_{name}")(line)
        missed = not_run("run_line_magic", name, line)
        self._note(missed)
        return Lines() if missed else None

    def run_cell_magic(self, name: str, line: str, cell: str) -> Any:
        """`%%name line` above a cell."""
        if name in RUN_CELLS:
            return getattr(self, f"_{name}")(line, cell)
        missed = not_run("run_cell_magic", name, line)
        self._note(missed)
        return Lines() if missed else None

    def magic(self, text: str) -> Any:
        """`get_ipython().magic("name line")`, the older form."""
        name, _, line = text.lstrip("%").partition(" ")
        return self.run_line_magic(name, line)

    def _time(self, line: str, cell: str | None = None) -> Any:
        return self.run_cell(options("time", line)[1] if cell is None else cell)

    def _prun(self, line: str, cell: str | None = None) -> None:
        self.run_cell(options("prun", line)[1] if cell is None else cell)

    def _timeit(self, line: str, cell: str | None = None) -> TimeitResult | None:
        """Run once, however many loops were wished: their time is not looked at."""
        given, statement = options("timeit", line)
        if cell is not None:
            statement = f"{statement}\n{cell}"
        start = time.perf_counter()
        self._timed(statement)
        result = TimeitResult(time.perf_counter() - start)
        variable = re.search(r"-v\s*(\w+)", given)
        if variable:
            self.user_ns[variable[1]] = result
        return result if re.search(r"-[tcq]*o", given) else None

    def _run(self, line: str) -> None:
        """A file of the notebook's own folder, often written by `%%writefile`."""
        given, rest = options("run", line)
        path, *arguments = shlex.split(rest) or [""]
        path = path if path.endswith(".py") else f"{path}.py"
        with open(path, encoding="utf-8") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
        space = self.user_ns if "i" in given else {"__name__": "__main__", "__file__": path}
        before, sys.argv = sys.argv, [path, *arguments]
        try:
            exec(code, space)
        finally:
            sys.argv = before
            self.user_ns.update({k: v for k, v in space.items() if not k.startswith("__")})

    def _pylab(self, line: str) -> None:
        self.run_cell("from pylab import *\nimport numpy as np, matplotlib.pyplot as plt")

    def _pwd(self, line: str) -> str:
        return os.getcwd()

    def _capture(self, line: str, cell: str) -> None:
        kept = Captured()
        out, err = contextlib.redirect_stdout(kept._out), contextlib.redirect_stderr(kept._err)
        try:
            with out, err:
                self.run_cell(cell)
        finally:
            for name in [word for word in line.split() if word.isidentifier()]:
                self.user_ns[name] = kept

    def _writefile(self, line: str, cell: str) -> None:
        words = shlex.split(line)
        mode = "a" if {"-a", "--append"} & set(words) else "w"
        path = next(word for word in words if not word.startswith("-"))
        with open(os.path.expanduser(path), mode, encoding="utf-8") as file:
            file.write(cell)
        # A folder that changes twice in a clock's tick looks unchanged to the import system.
        sys.path_importer_cache.pop(os.getcwd(), None)

    _file = _writefile
