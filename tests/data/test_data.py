"""What long runs recorded: found, named where missing, and consistent in itself."""

import json
import statistics
from pathlib import Path

import pytest

from rnncourse import data

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


def test_recorded_reads_the_file_and_names_what_there_is():
    assert data.recorded("cells") == json.loads((RESULTS / "cells.json").read_text("utf-8"))
    with pytest.raises(KeyError, match=r"'speed'; there are \['.*cells.*claims"):
        data.recorded("speed")


def test_the_speed_record_adds_up():
    """Three cells at five sizes, and the summary is that of the ratios."""
    speed = data.recorded("cells")
    sizes = {cell: [] for cell in ("rnn", "lstm", "gru")}
    for row in speed["sizes"]:
        sizes[row["cell"]].append(tuple(row[k] for k in "NTDH"))
    assert len({tuple(s) for s in sizes.values()}) == 1
    assert len(sizes["rnn"]) == 5
    ratios = [ratio for row in speed["sizes"] for ratio in row["ratio"].values()]
    assert speed["median_ratio"] == pytest.approx(statistics.median(ratios), abs=5e-4)
    assert speed["largest_ratio"] == max(ratios)
