"""Shared by all tests: what lies outside the package, and skips that CI refuses."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "benchmarks")]


def pytest_report_header() -> str:
    strict = os.environ.get("RNNCOURSE_REQUIRE_SYSTEM") == "1"
    return "system packages: " + ("required" if strict else "tests that lack one are skipped")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn a skip whose reason begins with "needs" into a failure where nothing may lack.

    A laptop may lack a browser or bubblewrap; continuous integration, which sets
    RNNCOURSE_REQUIRE_SYSTEM=1, would otherwise pass without having looked.
    """
    report = yield
    if report.skipped and os.environ.get("RNNCOURSE_REQUIRE_SYSTEM") == "1":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if reason.removeprefix("Skipped: ").startswith("needs"):
            report.outcome = "failed"
            report.longrepr = f"RNNCOURSE_REQUIRE_SYSTEM=1, but the test was skipped: {reason}"
    return report


@pytest.fixture
def need_chinese_font():
    """Skip, loudly, where no font can draw Chinese."""
    from rnncourse import plot

    if plot.chinese_font() is None:
        pytest.skip("needs a Chinese font, such as Debian's fonts-wqy-microhei")
