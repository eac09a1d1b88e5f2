"""The record of every claim under five seeds, and the script that makes it."""

import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import seeds  # noqa: E402

PAGE = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

# Tiny

```{code-cell} ipython3
import os

seed = int(os.environ["RNNCOURSE_SEED"])
```

```{code-cell} ipython3
:tags: [nbval-check-output]

print("a claim")
print(seed < 10, os.listdir())
```

```{code-cell} ipython3
# NBVAL_CHECK_OUTPUT
assert seed != 3, f"seed {seed}"
seed
```
"""
TOC = "format: jb-book\nroot: index\nparts:\n  - caption: A\n    chapters:\n      - file: tiny\n"


@pytest.fixture
def course(tmp_path):
    """A course of one chapter."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "_toc.yml").write_text(TOC, encoding="utf-8")
    (tmp_path / "book/en").mkdir(parents=True)
    (tmp_path / "book/en/tiny.md").write_text(PAGE, encoding="utf-8")
    return tmp_path


def edit_page(course, old, new):
    page = course / "book/en/tiny.md"
    assert old in page.read_text(encoding="utf-8")
    page.write_text(page.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def record(course, **changes):
    """Write an entry as if the chapter had passed under every seed."""
    runs = {str(seed): {"passed": True, "seconds": 1.0} for seed in seeds.SEEDS}
    entry = {"code": seeds.code_hash(course, "tiny"), "package": "", "runs": runs, "claims": []}
    seeds.write_entry(course, "tiny", entry | changes)


def test_every_claim_is_recorded_under_five_seeds():
    """Chapters with claims passed under every seed, with the code cells they have now."""
    assert seeds.claim_problems(ROOT) == []


def test_no_page_reads_the_record():
    """Executed pages are kept when claims.json changes (tools/build_site.py, Makefile)."""
    for page in ROOT.glob("book/??/*.md"):
        assert "claims.json" not in page.read_text(encoding="utf-8"), page.name


def test_a_chapter_under_three_seeds(course, monkeypatch, capsys):
    """What is recorded, what is not repeated, and what a changed cell repeats."""
    monkeypatch.setattr(seeds, "SEEDS", (0, 1, 3))
    assert not seeds.run_chapter(course, "tiny")
    assert "seed 3 … FAILED in cell 2 after" in capsys.readouterr().out
    entry = seeds.read_results(course)["tiny"]
    assert [run["passed"] for run in entry["runs"].values()] == [True, True, False]
    assert entry["runs"]["3"]["error"] == "AssertionError: seed 3"
    assert entry["claims"] == [
        {"cell": 1, "same": True, "printed": "a claim\nTrue []"},
        {"cell": 2, "same": False, "printed": {"0": "0", "1": "1", "3": None}},
    ]
    assert str(Path(sys.prefix)) not in json.dumps(entry)
    assert seeds.claim_problems(course)[0].startswith("tiny has not passed under the seeds 3:")

    # Only the failed seed runs again; with other cells all of them do.
    run = []

    def passing(cells, seed):
        run.append(seed)
        return {"passed": True, "seconds": 0.0}, {}

    monkeypatch.setattr(seeds, "run", passing)
    assert seeds.run_chapter(course, "tiny")
    assert run == [3]
    assert seeds.claim_problems(course) == []
    assert seeds.run_chapter(course, "tiny")
    assert run == [3]
    assert seeds.run_chapter(course, "tiny", force=True)
    edit_page(course, "seed != 3", "seed != 4")
    assert seeds.run_chapter(course, "tiny")
    assert run == [3, 0, 1, 3, 0, 1, 3]


def test_a_dead_kernel_is_recorded(course):
    """A process that ends is a failed run of the cell that ended it."""
    edit_page(course, "seed\n```", "os._exit(1)\n```")
    found, printed = seeds.run(seeds.chapter_cells(course, "tiny"), 0)
    assert (found["passed"], found["cell"]) == (False, 2)
    assert found["error"].startswith("DeadKernelError")
    assert printed == {"1": "a claim\nTrue []"}


def test_a_stale_or_missing_record_is_named(course):
    """Planted: no record, another cell, another tag, one seed missing, one failed."""
    assert seeds.claim_problems(course) == ['tiny is not recorded: make seeds CHAPTERS="tiny"']
    record(course)
    assert seeds.claim_problems(course) == []
    edit_page(course, "# Tiny", "# Tiny, other prose")
    assert seeds.claim_problems(course) == []
    edit_page(course, "seed < 10", "seed < 11")
    assert "other code cells" in seeds.claim_problems(course)[0]
    record(course)
    edit_page(course, ":tags: [nbval-check-output]\n\n", "")
    assert "other code cells" in seeds.claim_problems(course)[0]
    record(course, runs={str(seed): {"passed": seed != 2} for seed in range(4)})
    assert "not passed under the seeds 2, 4" in seeds.claim_problems(course)[0]


def test_the_repository_address_makes_no_record_stale(course):
    """The setup cell, which `make set-repo` rewrites, is no part of the hash."""
    from setup_cell import setup_cell

    before = seeds.code_hash(course, "tiny")
    first = "```{code-cell} ipython3\nimport os"
    cell = f"```{{code-cell}} ipython3\n{setup_cell(seeds.repository_url(course))}\n```\n\n"
    edit_page(course, first, cell + first)
    assert seeds.code_hash(course, "tiny") == before


def test_entries_of_other_chapters_stay_and_of_removed_pages_go(course):
    (course / "book/en/other.md").write_text(PAGE, encoding="utf-8")
    seeds.write_entry(course, "other", {"runs": {}})
    record(course)
    assert set(seeds.read_results(course)) == {"other", "tiny"}
    (course / "book/en/other.md").unlink()
    record(course)
    assert set(seeds.read_results(course)) == {"tiny"}
