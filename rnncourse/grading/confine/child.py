"""Runs inside the confined process: executes a learner's notebook and answers calls.

The grader copies this file to a staging folder and starts it there with `python -I -S`.
It imports only the standard library and NumPy, holds nothing secret (inputs come in, plain
values go out) and decides nothing: learner code shares this process and may do as it likes.
"""

from __future__ import annotations

import json
import os
import sys
import types
from typing import Any


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
    # On the stage these lie beside this file; two are imported now for what follows below.
    from boot import kernel, landlock, notebook, protocol, seccomp  # noqa: F401

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


def answer(function: Any, packed: list) -> dict:
    """Call the learner's function, or what bears its name, and encode what it returns."""
    from boot import notebook, protocol

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
        return notebook.explain(error)


def main(config: dict) -> None:
    """Serve one notebook: read the cells, run them, then answer calls until the pipe closes."""
    confine(config)
    from boot.notebook import Notebook

    requests = os.fdopen(config["read"], "rb")

    def send(message: dict) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(config["write"], data) :]

    first = json.loads(requests.readline())
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = ["notebook"]
    result = Notebook(module).run_all(first["cells"], send)
    function = module.__dict__.get(first["function"])
    send({"ready": callable(function), "exists": function is not None, **result})
    for line in requests:
        request = json.loads(line)
        send({"id": request["id"], **answer(function, request["arguments"])})


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
