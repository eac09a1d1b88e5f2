"""Pytest plugin: keep what each notebook showed while nbval ran it, so that the build need not
run it again.

It reads nbval's internals. Where these have changed nothing is kept, and the build executes.
"""

import contextlib
import copy
import json
import os
import time
import uuid
from pathlib import Path

import nbval.plugin
import pytest

shown: dict[str, dict[str, dict]] = {}  # notebook → number of the cell → outputs, seconds
_pieces: list = []


def _watched(merge):
    """nbval merges all that a cell prints, across figures; keep the outputs as they came."""

    def merged(outputs):
        _pieces.append(copy.deepcopy(outputs))
        return merge(outputs)

    return merged


with contextlib.suppress(AttributeError):
    nbval.plugin.coalesce_streams = _watched(nbval.plugin.coalesce_streams)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    _pieces.clear()
    start = time.perf_counter()
    result = yield  # a cell that fails is not kept
    if _pieces and hasattr(item, "cell_num"):
        entry = {"outputs": _pieces[0], "seconds": time.perf_counter() - start}
        shown.setdefault(str(item.path), {})[str(item.cell_num)] = entry
    return result


def pytest_sessionfinish():
    """Each worker writes its own file into the folder that RNNCOURSE_SHOWN names."""
    if shown and (folder := os.environ.get("RNNCOURSE_SHOWN")):
        path = Path(folder) / f"{uuid.uuid4().hex}.json"
        path.write_text(json.dumps(shown), encoding="utf-8")
