"""Runs inside the confined process: executes a learner's notebook and answers calls.

The grader copies this file to a staging folder and starts it there with `python -I -S`.
It imports only the standard library and NumPy, holds nothing secret (inputs come in, plain
values go out) and decides nothing: learner code shares this process and may do as it likes.
"""

from __future__ import annotations

import json
import linecache
import os
import re
import sys
import types
from collections.abc import Callable
from typing import Any

SHOWN_ERRORS = 5


def limit(limits: dict[str, int]) -> None:
    """Set the limits that the kernel enforces."""
    import resource

    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            _, hard = resource.getrlimit(kind)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            try:
                resource.setrlimit(kind, (value, value))
            except (ValueError, OSError):
                if sys.platform == "linux":  # macOS refuses some of them
                    raise


def confine(config: dict) -> None:
    """Set the limits and the locks and give up root, before any learner code runs."""
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    # On the stage these lie beside this file; protocol is imported now, for `answer` below.
    from boot import kernel, landlock, protocol, seccomp  # noqa: F401

    del sys.path[0]
    limit(config["limits"])
    if config["files"]:
        landlock.lock_files(**config["files"])
    if config["user"] is not None:
        os.setgroups([])
        os.setgid(config["user"])
        if config["reading"]:
            kernel.keep_powers()
        os.setuid(config["user"])
        if os.getuid() == 0 or os.geteuid() == 0:
            raise PermissionError("still root")
    if sys.platform == "linux":
        kernel.shed_powers(config["reading"])
    if config["calls"]:
        seccomp.lock_calls(config["shared"])
    sys.path[:0] = config["path"]


def without_magics(source: str) -> tuple[str, bool]:
    """The cell as plain Python: lines that start with % or ! become `pass`."""
    if source.lstrip().startswith("%%"):
        return "pass", True
    plain = re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.M)
    return plain, plain != source


def compile_cell(source: str, name: str) -> tuple[types.CodeType, bool]:
    """Compile a cell, leaving out IPython magics only where it is not Python as it stands."""
    try:
        return compile(source, name, "exec"), False
    except SyntaxError:
        plain, changed = without_magics(source)
        if not changed:
            raise
        return compile(plain, name, "exec"), True


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


def run_cells(cells: list[str], namespace: dict, send: Callable) -> dict:
    """Run all cells; one that raises is remembered and the next one is run."""
    errors, skipped = [], []
    for number, source in enumerate(cells, 1):
        send({"cell": number})
        name = f"<cell {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        try:
            code, magics = compile_cell(source, name)
            if magics:
                skipped.append(number)
            exec(code, namespace)
        except BaseException as error:  # sys.exit() in a cell must not end the run
            errors.append({"cell": number, **explain(error)})
    return {"errors": errors[:SHOWN_ERRORS], "skipped": skipped[:SHOWN_ERRORS]}


def answer(function: Any, packed: list) -> dict:
    """Call the learner's function, or what bears its name, and encode what it returns."""
    from boot import protocol

    try:
        arguments = [protocol.argument_from_wire(v) for v in packed]
        value = function(*arguments)
        before = [protocol.argument_from_wire(v) for v in packed]
        changed = [
            k
            for k, old in enumerate(before)
            if hasattr(old, "tobytes")
            and (old.shape, old.tobytes()) != (arguments[k].shape, arguments[k].tobytes())
        ]
        return {"changed": changed, **protocol.answer_to_wire(value)}
    except BaseException as error:
        return explain(error)


def main(config: dict) -> None:
    """Serve one notebook: read the cells, run them, then answer calls until the pipe closes."""
    confine(config)
    requests = os.fdopen(config["read"], "rb")

    def send(message: dict) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(config["write"], data) :]

    first = json.loads(requests.readline())
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = ["notebook"]
    result = run_cells(first["cells"], module.__dict__, send)
    function = module.__dict__.get(first["function"])
    send({"ready": callable(function), "exists": function is not None, **result})
    for line in requests:
        request = json.loads(line)
        send({"id": request["id"], **answer(function, request["arguments"])})


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
