"""The page on claims shows whatever part of the record there is."""

from pathlib import Path

import pytest

from rnncourse import data
from tools.notebooks.dependencies import chapter_code

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = [
    {"claim": "a < b", "relation": ">", "threshold": 0.5, "values": {"seed 0": 0.7},
     "before": "x > 0.5", "mean": 0.7, "spread": 0.05, "margin": 4.1},
    {"claim": "a ratio", "relation": "<", "threshold": 1.0, "values": {"seed 0": 0.1},
     "log": True, "mean": 0.1, "spread": 0.01, "margin": 9.0},
    {"claim": "a count", "relation": "==", "threshold": 3, "values": {"seed 0": 3},
     "exact": "counting", "mean": 3, "spread": 0.0, "margin": None},
    {"claim": "alike", "relation": "<", "threshold": 3, "values": {"seed 0": 1},
     "mean": 1, "spread": 0.0, "margin": None},
    {"claim": "no number", "relation": "<", "threshold": 3, "values": {"seed 0": None},
     "mean": None, "spread": None, "margin": None},
]  # fmt: skip
LSTM = {
    "runs": {"seed 0": {"passed": True, "seconds": 20.2, "probe": {"numpy": "abc"}},
             "seed 0, Haswell, 2 threads": {"passed": False, "seconds": 3.0, "cell": 2}},
    "claims": CLAIMS, "compared": [], "machine": "x86_64", "versions": {"numpy": "2.4"},
    "date": "2026-11-29",
}  # fmt: skip


@pytest.fixture
def rows(monkeypatch):
    """Return a function: the rows of all tables that the page makes of a record."""

    def found(record):
        shown, names = [], {}
        monkeypatch.setattr(data, "recorded", lambda name: {"claims": record}[name])
        monkeypatch.setattr("IPython.display.display", shown.append)
        for cell in chapter_code(ROOT, "claims"):
            exec(cell.source, names)
        return [row for table in shown for row in table.lines]

    return found


def test_a_chapter_is_shown_with_its_claims_and_draws(rows):
    """One claim of each sort; the run that failed is no draw; an old entry is left out."""
    found = rows({"lstm": LSTM, "gru": {"runs": {}, "date": "2026-01-01"}})
    assert ["own", "1", "0", "abc"] in found
    assert ["Haswell", "1", "0", ""] in found
    assert ["lstm", "5", "1", "4.1", "20"] in found
    assert ["a < b", "> 0.5", "x > 0.5", "0.7", "0.05", "4.1"] in found
    margins = [row[-1] for row in found if len(row) == 6][1:]
    assert margins == ["4.1", "9.0 log", "exact", "same", "–"]
    assert not any(row[0] == "gru" for row in found)


def test_nothing_recorded_yet(rows):
    assert ["sum", "0", "0", "–", "0"] in rows({})
