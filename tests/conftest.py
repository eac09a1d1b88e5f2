"""Shared by all tests: what lies outside the package, and skips that CI refuses."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
# For what tests of one folder take from another: attacks, small pages, scripts as modules.
sys.path += [str(folder) for folder in sorted((ROOT / "tests").iterdir()) if folder.is_dir()]


def pytest_report_header() -> str:
    strict = os.environ.get("RNNCOURSE_REQUIRE_SYSTEM") == "1"
    return "system packages: " + ("required" if strict else "tests that lack one are skipped")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn a skip whose reason begins with "needs" into a failure where nothing may lack.

    A laptop may lack a browser or bubblewrap; continuous integration, which sets
    RNNCOURSE_REQUIRE_SYSTEM=1, would otherwise pass without having looked. Python for the
    browser comes from a third place, and so has a variable of its own.
    """
    report = yield
    if not report.skipped:
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    reason = reason.removeprefix("Skipped: ")
    browser_python = reason.startswith("needs Pyodide")
    variable = f"RNNCOURSE_REQUIRE_{'PYODIDE' if browser_python else 'SYSTEM'}"
    if reason.startswith("needs") and os.environ.get(variable) == "1":
        report.outcome = "failed"
        report.longrepr = f"{variable}=1, but the test was skipped: {reason}"
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items) -> None:
    """With --dist loadgroup a file's tests stay together, unless they name a group of their own."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))
