"""The record of every claim's margin, and the scripts that make it."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_page import HEAD

from tools.certify import margins, processors, seeds
from tools.certify.processors import Draw
from tools.editions import checks

ROOT = Path(__file__).resolve().parents[2]

PAGE = (
    HEAD
    + """# Tiny

```{code-cell} ipython3
import os

from rnncourse.claims import claim

seed = int(os.environ["RNNCOURSE_SEED"])
```

```{code-cell} ipython3
:tags: [nbval-check-output]

claim("the seed is far below a thousand", 1.5 + seed, "<", 1000)
print(os.listdir())
```

```{code-cell} ipython3
# NBVAL_CHECK_OUTPUT
assert seed != 3, f"seed {seed}"
seed
```
"""
)
TOC = "format: jb-book\nroot: index\nparts:\n  - caption: A\n    chapters:\n      - file: tiny\n"


# --- the margin -----------------------------------------------------------------


def made(values, relation=">", threshold=0.0, **options) -> dict:
    named = {f"seed {k}": value for k, value in enumerate(values)}
    return {"claim": "x", "relation": relation, "threshold": threshold, "values": named, **options}


# Ten draws with mean 5 and standard deviation sqrt(10/9) = 1.0541 (five of 4, five of 6).
TEN = [4.0, 6.0] * 5


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        # By hand: (5 - 0.7) / 1.0541 = 4.08 standard deviations; (5 - 0.8) / 1.0541 = 3.98.
        (made(TEN, threshold=0.8), "4.0 standard deviations away"),
        (made(TEN, threshold=0.7), "4.1 standard deviations away needs 20 draws"),
        (made(TEN * 2, threshold=0.7), ""),  # spread of twenty: 1.026
        (made(TEN, threshold=-1.4), ""),  # 6.07
        (made([-v for v in TEN], "<", -0.7), "4.1 standard deviations away needs 20 draws"),
        (made([-v for v in TEN], "<", 1.4), ""),
        # One draw far off: 9 ones and a 5. Mean 1.4, spread 1.265; from -3.8 4.1 spreads, and
        # more than the range of 4.
        (made([1.0] * 9 + [5.0], threshold=-3.8), "4.1 standard deviations away needs 20 draws"),
        # Five spreads but not the whole range: twenty draws, one of them off by a lot.
        (made([1.0] * 39 + [2.0], threshold=0.1), "nearer than the whole range"),
        (made([1.0, math.e] * 5, threshold=math.exp(-3.2), log=True), ""),
        (made([1.0, math.e] * 5, threshold=math.exp(-1.0), log=True), "2.8 standard deviations"),
        (made([0.0, 1.0] * 5, "<", 5.0, log=True), "not above 0"),
        (made([1.0, 2.0, None]), "a draw gave no number"),
        (made([1.0, -1.0, 2.0]), "false under seed 1"),
        (made([0.5] * 10), ""),
        (made([7] * 10, threshold=6), ""),
        (made([7] * 10, ">=", 7), ""),  # six would be false: a whole unit away
        (made([7] * 10, "<", 7.5), "less than a unit away"),
        (made([7, 8] * 5, threshold=1), "a count that differs between draws, 7 to 8"),
        (made([7] * 10, "==", 7, exact="counted"), ""),
        (made([7, 8], "==", 7, exact="counted"), "false under seed 1"),
        (made([0.97] * 9 + [0.96], threshold=0.955, items=200), "1.0 test items away"),
        (made([0.97] * 9 + [0.96], threshold=0.95, items=200), ""),
    ],
)
def test_the_rule_of_the_margin(claim, words):
    """Worked by hand; the rule is in margins.py: 4 spreads, the range, 20 draws below 6."""
    found = margins.problem(claim)
    assert words in found
    assert bool(words) == bool(found)


def test_the_summary_of_a_claim():
    """Mean, spread and margin; in logarithms the margin of a ratio alone."""
    found = margins.summary(made(TEN, threshold=1.0))
    assert found["mean"] == 5
    assert found["spread"] == pytest.approx(math.sqrt(10 / 9))
    assert found["margin"] == 3.8  # 4 / 1.0541
    ratio = margins.summary(made([1.0, math.e] * 5, "<", math.exp(3.0), log=True))
    assert ratio["margin"] == pytest.approx(2.5 / math.sqrt(2.5 / 9), abs=0.05)
    assert margins.summary(made([7] * 3))["margin"] is None
    assert margins.summary(made([1.0, 2.0], exact="why"))["margin"] is None


# --- the draws --------------------------------------------------------------------


def test_half_of_the_draws_compute_otherwise():
    """A probe proves that each kernel changes a float; threads and kernels are set as said."""
    chosen = processors.draws(margins.DRAWS)
    assert len(set(map(str, chosen))) == margins.DRAWS
    assert set(map(str, chosen)) <= set(map(str, processors.draws(margins.MANY)))
    for draw in chosen:
        if draw.kernel != "own":
            assert processors.probed(draw.kernel) != processors.probed("own")
    other = [draw for draw in chosen if draw.kernel != "own"]
    lacking = [name for name in processors.KERNELS if processors.lacking(name)]
    assert len(other) == 5 or lacking
    assert any(draw.threads == 2 for draw in chosen)
    environment = Draw(3, "Prescott", 2).environment()
    assert environment["RNNCOURSE_SEED"] == "3"
    assert environment["OPENBLAS_CORETYPE"] == "Prescott"
    assert environment["OMP_NUM_THREADS"] == "2"
    assert str(Draw(3, "Prescott", 2)) == "seed 3, Prescott, 2 threads"


def test_a_record_of_another_processor_is_compared_under_a_kernel_that_both_have(monkeypatch):
    """Planted: what is recorded as its own kernel is SkylakeX here, or nothing; threads differ."""
    here = {"own": "h", "Haswell": "h", "Prescott": "p", "SkylakeX": "x"}
    monkeypatch.setattr(processors, "probed", lambda kernel: here[kernel])
    said = {"Haswell": processors.AS_OWN, "Nehalem": "the processor lacks it", "Sandybridge": "too"}
    monkeypatch.setattr(processors, "lacking", lambda kernel: said.get(kernel, ""))
    mine = {"seed 0": "h", "seed 0, Prescott": "p"}
    assert processors.repeatable(mine) == Draw(0)
    theirs = {"seed 0": "x", "seed 1": "x", "seed 0, Prescott": "p", "seed 1, Nehalem": "n"}
    assert processors.repeatable(theirs) == Draw(0, "Prescott")
    assert processors.repeatable(theirs | {"seed 0, Haswell": "h"}) == Draw(0, "Haswell")
    assert processors.repeatable({"seed 4, 2 threads": "h", "seed 0": "?"}) == Draw(0)


def test_a_kernel_that_the_processor_lacks_is_skipped_and_named(monkeypatch):
    """Planted: a processor with AVX2 and no AVX-512, one with nothing, one that says nothing.

    OpenBLAS would take the name, and the process would die with an illegal instruction.
    """
    words = processors.KERNELS["Haswell"][0] | {"pni", "sse4_2", "avx"}
    numbers = dict.fromkeys(processors.KERNELS, "other") | {"own": "number"}
    monkeypatch.setattr(processors, "probed", numbers.get)
    for flags, kernels in ((words, {"Prescott", "Haswell", "Nehalem", "Sandybridge"}), ((), ())):
        monkeypatch.setattr(processors, "flags", lambda flags=flags: frozenset(flags))
        processors.lacking.cache_clear()
        assert {name for name in processors.KERNELS if not processors.lacking(name)} == {
            "own", *kernels}  # fmt: skip
        assert "SkylakeX: the processor lacks avx512bw" in processors.describe()
        assert len(set(map(str, processors.draws(10)))) == 10
    processors.lacking.cache_clear()
    monkeypatch.undo()
    processors.lacking.cache_clear()


# --- the record of the course ---------------------------------------------------------


@pytest.mark.parametrize("stem", checks.chapters(ROOT))
def test_every_claim_of_a_chapter_is_safe_on_any_machine(stem):
    """Each claim has the margin, as recorded with the cells, modules and results of now."""
    assert seeds.claim_problems(ROOT, stem) == [], f'make seeds CHAPTERS="{stem}"'


def test_draws_of_a_chapter_differ_in_their_floats():
    """Five or more computed other numbers than the first: a kernel's name alone changes nothing.

    It is the processor's own on one machine, and another one's on the next; a record may come
    from several.
    """
    for stem, entry in seeds.read_results(ROOT).items():
        numbers = {draw: run["probe"]["numpy"] for draw, run in entry["runs"].items()}
        others = [draw for draw, number in numbers.items() if number != numbers["seed 0"]]
        assert len(others) >= 5, stem


def test_the_record_shows_each_threshold_before():
    """What stood in the page before claims had margins, or that there was nothing."""
    for stem, entry in seeds.read_results(ROOT).items():
        without = [claim["claim"] for claim in entry["claims"] if "before" not in claim]
        assert without == [], stem


# --- the scripts, on a course of one chapter --------------------------------------------


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one chapter, and three draws."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "_toc.yml").write_text(TOC, encoding="utf-8")
    (tmp_path / "book/en").mkdir(parents=True)
    (tmp_path / "book/en/tiny.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "rnncourse").mkdir()
    for name in ("__init__.py", "claims.py"):
        shutil.copy(ROOT / "rnncourse" / name, tmp_path / "rnncourse")
    monkeypatch.setattr(seeds, "draws", lambda count: [Draw(0), Draw(1), Draw(3)][:count])
    return tmp_path


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def ran(monkeypatch, value=lambda seed: 1.5 + seed):
    """Replace the execution of a page by a record; returns the list of the seeds that ran."""
    found = []

    def run(root, stem, draw):
        found.append(draw.seed)
        claim = {"claim": "x", "value": value(draw.seed), "relation": "<", "threshold": 1000.0}
        return {"passed": True, "seconds": 0.0, "probe": {"numpy": "1"}, "claims": [claim],
                "printed": {"1": "same"}}  # fmt: skip

    monkeypatch.setattr(seeds, "run", run)
    monkeypatch.setattr(seeds, "ProcessPoolExecutor", Here)
    return found


class Here:
    """A pool that runs its jobs at once, in this process."""

    def __init__(self, jobs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def submit(self, function, *arguments):
        from concurrent.futures import Future

        future = Future()
        future.set_result(function(*arguments))
        return future


def measure(course, force=False, count=3):
    seeds.measure(course, ["tiny"], force, count, jobs=2)
    return seeds.read_results(course)["tiny"]


def test_a_chapter_under_three_draws(course, capsys):
    """What is recorded of real runs, one of which fails; a fresh process each, side by side."""
    entry = measure(course)
    assert "tiny, seed 3: FAILED in cell 2 after" in capsys.readouterr().out
    assert {name: run["passed"] for name, run in entry["runs"].items()} == {
        "seed 0": True, "seed 1": True, "seed 3": False}  # fmt: skip
    assert entry["runs"]["seed 3"]["error"] == "AssertionError: seed 3"
    (claim,) = entry["claims"]
    assert claim["values"] == {"seed 0": 1.5, "seed 1": 2.5, "seed 3": 4.5}
    assert (claim["relation"], claim["threshold"]) == ("<", 1000)
    assert claim["mean"] == pytest.approx(8.5 / 3)
    cells = {cell["cell"]: cell for cell in entry["compared"]}
    # The measured number is not compared, the verdict is; the folder was empty.
    assert cells[1]["printed"] == "the seed is far below a thousand: True\n[]"
    assert cells[1]["same"]
    assert cells[2]["printed"] == {"seed 0": "0", "seed 1": "1", "seed 3": None}
    assert str(Path(sys.prefix)) not in json.dumps(entry)
    assert set(entry["runs"]["seed 0"]["probe"]) == {"numpy"}
    found = seeds.record_problems(entry, fewest=3)
    assert found == ["failed under seed 3", "cell 2 printed differently"]


def test_a_dead_process_is_recorded(course):
    edit(course / "book/en/tiny.md", "\nseed\n```", "\nos._exit(1)\n```")
    found = seeds.run(course, "tiny", Draw(0))
    assert (found["passed"], found["cell"]) == (False, 2)
    assert found["error"].startswith("DeadKernelError")
    assert [claim["value"] for claim in found["claims"]] == [1.5]


def test_nothing_is_measured_twice(course, monkeypatch, capsys):
    """An interrupted series goes on; another cell begins anew; the prose does not count."""
    found = ran(monkeypatch)
    measure(course)
    assert found == [0, 1, 3]
    entry = seeds.read_results(course)["tiny"]
    del entry["runs"]["seed 1"]
    for claim in entry["claims"]:
        del claim["values"]["seed 1"]
    seeds.write_entry(course, "tiny", entry)
    measure(course)
    assert found == [0, 1, 3, 1]
    edit(course / "book/en/tiny.md", "# Tiny", "# Tiny, other prose")
    edit(course / "book/en/tiny.md", "seed != 3, f", "seed  !=  3, f")  # other layout
    measure(course)
    assert found == [0, 1, 3, 1]
    measure(course, force=True)
    assert found == [0, 1, 3, 1, 0, 1, 3]


def test_another_module_that_changes_nothing_costs_one_draw(course, monkeypatch, capsys):
    """One draw is compared to the last digit; where it differs all are made again."""
    found = ran(monkeypatch)
    measure(course)
    edit(course / "rnncourse/claims.py", "What a page claims", "What any page claims")
    measure(course)
    assert found == [0, 1, 3]
    edit(course / "rnncourse/claims.py", "import json\n", "import json\n\nUNUSED = 1\n")
    assert seeds.claim_problems(course, "tiny") == ["was recorded with other modules or results"]
    entry = measure(course)
    assert found == [0, 1, 3, 0]
    assert "the others are taken over" in capsys.readouterr().out
    assert len(entry["runs"]) == 3
    edit(course / "rnncourse/claims.py", "UNUSED = 1\n", "UNUSED = 2\n")
    again = ran(monkeypatch, value=lambda seed: 1.5000000001 + seed)
    measure(course)
    assert again == [0, 1, 3]


def a_run(value, threshold=0.0, names="ab", printed="a: True\nb: True\nrow"):
    claims = [{"claim": n, "value": value + k, "relation": ">", "threshold": threshold}
              for k, n in enumerate(names)]  # fmt: skip
    return {"passed": True, "seconds": 1.0, "claims": claims, "printed": {"1": printed}}


def test_what_is_laid_out_as_a_table_is_still_the_same():
    rows = "a    b\n1.0  2"
    old = {"seed 0": a_run(1.0, printed=rows), "seed 1": a_run(2.0, printed=rows)}
    same, other = (a_run(1.0, printed=text) for text in (" a b\n1.0 2", "a b\n1.02"))
    assert seeds.taken_over(old, "seed 0", same).keys() == old.keys()
    assert seeds.taken_over(old, "seed 0", other) == {}


def test_a_dropped_claim_and_another_threshold_cost_one_draw():
    """The other draws keep their values; anything else that is new makes them run again."""
    old = {"seed 0": a_run(1.0), "seed 1": a_run(2.0)}
    new = a_run(1.0, threshold=-1.0, names="a", printed="a: True\nrow")
    found = seeds.taken_over(old, "seed 0", new)
    assert found["seed 0"] == new
    assert found["seed 1"]["claims"] == [
        {"claim": "a", "value": 2.0, "relation": ">", "threshold": -1.0}
    ]
    assert found["seed 1"]["printed"] == new["printed"]
    for other in (a_run(1.0 + 1e-15), a_run(1.0, names="abc"), a_run(1.0, printed="another row"),
                  a_run(1.0) | {"passed": False}):  # fmt: skip
        assert seeds.taken_over(old, "seed 0", other) == {}
    assert seeds.taken_over(old, "seed 2", new) == {}
    uneven = old | {"seed 1": a_run(2.0, printed="a: True\nb: True\nother")}
    assert seeds.taken_over(uneven, "seed 0", new) == {}
    assert list(seeds.taken_over(old | {"seed 2": a_run(3.0, names="b")}, "seed 0", new)) == [
        "seed 0", "seed 1"]  # fmt: skip


def test_a_close_claim_gets_twenty_draws(course, monkeypatch):
    monkeypatch.setattr(seeds, "draws", lambda count: [Draw(seed) for seed in range(count)])
    found = ran(monkeypatch, value=lambda seed: 1000.7 - TEN[seed % 10] - 5.0 + 4.0)
    measure(course, count=10)
    assert len(found) == 20


def test_an_interruption_keeps_what_is_done(course):
    """Killed in its second run, a series keeps the first and leaves the file readable."""
    edit(
        course / "book/en/tiny.md",
        "seed = int",
        "import time\ntime.sleep(60 * (seed == 1))\nseed = int",
    )
    edit(
        course / "book/en/tiny.md",
        "import os\n\nfrom",
        "import os\nseed = int(os.environ['RNNCOURSE_SEED'])\nfrom",
    )
    program = (
        "from pathlib import Path; from tools.certify import seeds; "
        "from tools.certify.processors import Draw; "
        "seeds.draws = lambda count: [Draw(0), Draw(1)]; "
        f"seeds.measure(Path({str(course)!r}), ['tiny'], False, 2, 1)"
    )
    command = [sys.executable, "-c", program]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
                               stdout=subprocess.PIPE, start_new_session=True)  # fmt: skip
    assert "seed 0: done" in process.stdout.readline()
    os.killpg(process.pid, 9)
    process.wait()
    process.stdout.close()
    entry = seeds.read_results(course)["tiny"]
    assert list(entry["runs"]) == ["seed 0"]


def test_what_is_wrong_with_a_record_is_named(course, monkeypatch, capsys):
    """Planted: none, another cell, another tag, a claim that only one draw makes, few draws."""
    assert seeds.claim_problems(course, "tiny") == ["is not recorded"]
    ran(monkeypatch)
    entry = measure(course)
    assert seeds.claim_problems(course, "tiny") == ["3 draws, fewer than 10"]
    entry["claims"][0]["values"].popitem()
    assert "“x” is not claimed in every draw" in seeds.record_problems(entry, 3)
    entry["claims"][0]["values"]["seed 3"] = 2000.0
    assert "“x” false under seed 3" in seeds.record_problems(entry, 3)
    edit(course / "book/en/tiny.md", ":tags: [nbval-check-output]\n\n", "")
    assert seeds.claim_problems(course, "tiny") == ["was recorded with other code cells"]


def test_a_claim_without_a_number_is_recorded_as_such(course, monkeypatch):
    """JSON has no NaN."""
    ran(monkeypatch, value=lambda seed: math.nan if seed == 1 else 1.0)
    entry = measure(course)
    assert entry["claims"][0]["values"]["seed 1"] is None
    text = (course / seeds.RESULTS).read_text(encoding="utf-8")
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in the record"))


def test_entries_of_other_chapters_stay_and_of_removed_pages_go(course):
    (course / "book/en/other.md").write_text(PAGE, encoding="utf-8")
    seeds.write_entry(course, "other", {"runs": {}})
    seeds.write_entry(course, "tiny", {"runs": {}})
    assert set(seeds.read_results(course)) == {"other", "tiny"}
    (course / "book/en/other.md").unlink()
    seeds.write_entry(course, "tiny", {"runs": {}})
    assert set(seeds.read_results(course)) == {"tiny"}
