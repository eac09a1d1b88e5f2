"""The runs on real data: steps are kept and gone on with, the record says where it was made."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "real"))

from _common import Run, summary  # noqa: E402


@pytest.fixture
def make(tmp_path):
    """Runs in an empty folder."""
    return lambda *arguments, **more: Run(
        "x", "A test.", root=tmp_path, arguments=arguments, **more
    )


def test_a_step_is_done_once(make, tmp_path):
    """An interrupted run goes on; --force and another script begin again."""
    calls = []

    def measure(seed):
        calls.append(seed)
        return {"f1": (0.5, seed)}

    with make() as run:
        first = run.step("seed 0", measure, 0)
    with make() as run:
        assert run.step("seed 0", measure, 0) == first == {"f1": [0.5, 0]}  # as JSON has it
        run.step("seed 1", measure, 1)
    assert calls == [0, 1]
    with make("--force") as run:
        run.step("seed 0", measure, 0)
    assert calls == [0, 1, 0]
    script = tmp_path / "benchmarks" / "real" / "x.py"
    script.parent.mkdir(parents=True)
    script.write_text("changed")
    with make() as run:
        run.step("seed 0", measure, 0)
    assert calls == [0, 1, 0, 0]


def test_a_failed_step_leaves_those_before(make):
    with make() as run:
        run.step("one", lambda: 1)
        with pytest.raises(ZeroDivisionError):
            run.step("two", lambda: 1 / 0)
    with make() as run:
        assert run.step("one", lambda: 2) == 1


def test_the_record_says_where_and_when(make, tmp_path):
    with make(packages=["matplotlib"]) as run:
        path = run.write({"f1": summary([run.step("one", lambda: 0.25)])})
    record = json.loads(path.read_text(encoding="utf-8"))
    assert path == tmp_path / "benchmarks" / "results" / "real_x.json"
    assert list(record) == ["what", "date", "hardware", "versions", "seconds", "f1"]
    assert set(record["versions"]) == {"numpy", "python", "matplotlib"}
    assert record["hardware"]["processor"]


def test_summary_by_hand():
    """2 and 4: mean 3, sample standard deviation √2."""
    assert summary([2, 4]) == {"mean": 3.0, "spread": 1.4142, "values": [2.0, 4.0]}
    assert summary([2])["spread"] == 0


def test_missing_data_is_one_sentence(make, tmp_path, monkeypatch):
    """A set that cannot be downloaded, looked for in empty folders."""
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path))
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path))
    with pytest.raises(SystemExit, match=r"cws_ud_gsd is missing.*RNNCOURSE_DATA"):
        make(needs=[("cws_ud_gsd", "gsd_test.seg.txt")])


def test_records_hold_no_machine_path():
    """Neither this checkout's place nor any string that begins like a path."""
    for record in (ROOT / "benchmarks" / "results").glob("real_*.json"):
        text = record.read_text(encoding="utf-8")
        assert str(ROOT) not in text, record.name
        assert not re.search(r'"(/\w|~/|[A-Z]:\\\\)', text), record.name
