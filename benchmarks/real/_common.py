"""What the runs on real data share: steps that are kept, a bar, the record's head.

A run names what it needs, measures in named steps, and writes
``benchmarks/results/real_NAME.json``:

    from _common import Run, summary            # before NumPy: it sets the threads

    with Run("words", needs=[("imdb", "aclImdb.zip")], packages=["gensim"]) as run:
        for seed in run.seeds:
            run.step(f"seed {seed}", measure, seed)
        run.write({"f1": summary(...)})

A step's result, which JSON must be able to hold, is kept in ``_build/real/NAME.json`` as soon
as it is there. A run that was interrupted goes on after its last step; ``--force`` begins
again, and so does a change of the run's own script, of one beside it that begins with _, of the
package or of a version.
"""

import os

THREADS = "1"  # words per second are said for one thread
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", THREADS)

import argparse  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from importlib.metadata import version  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from rnncourse import data  # noqa: E402
from rnncourse._progress import Bar  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (0, 1, 2)


def summary(values: Sequence[float], digits: int = 4) -> dict[str, Any]:
    """Mean, spread (sample standard deviation, 0 for one value) and the values, rounded."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return {
        "mean": round(statistics.fmean(values), digits),
        "spread": round(spread, digits),
        "values": [round(float(value), digits) for value in values],
    }


def processor() -> str:
    """The processor's name where the system tells it, else the architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def missing(needs: Sequence[tuple[str, str]]) -> str | None:
    """A sentence on the first file that cannot be had; None where all are there."""
    for name, file in needs:
        try:
            data.path(name, file)
        except data.DataError as error:
            return f"The data set {name} is missing: {error}."
    return None


class Run:
    """One record in the making; see the top of this file."""

    def __init__(
        self,
        name: str,
        what: str,
        needs: Sequence[tuple[str, str]] = (),
        packages: Sequence[str] = (),
        steps: int = 0,
        root: Path = ROOT,
        arguments: Sequence[str] | None = None,
    ) -> None:
        """Args: what: one sentence for the record; needs: (set, file); steps: for the bar."""
        parser = argparse.ArgumentParser(description=what)
        parser.add_argument("--force", action="store_true", help="forget the steps done before")
        force = parser.parse_args(arguments).force
        if lack := missing(needs):
            sys.exit(lack)
        self.name, self.what, self.seeds = name, what, SEEDS
        self.versions = {p: version(p) for p in ("numpy", *packages)}
        self.versions["python"] = platform.python_version()
        self._target = root / "benchmarks" / "results" / f"real_{name}.json"
        self._kept = root / "_build" / "real" / f"{name}.json"
        self._key = self._hash(root)
        self._steps: dict[str, dict[str, Any]] = {} if force else self._read()
        self._bar, self._count = Bar(steps), 0

    def __enter__(self) -> "Run":
        self._bar.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._bar.__exit__(*reason)

    def step(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What ``function(*arguments)`` returns, from the file where it was done before."""
        self._bar.update(self._count, name)
        if name not in self._steps:
            start = time.perf_counter()
            result = function(*arguments)
            seconds = round(time.perf_counter() - start, 2)
            # Through JSON at once: a first run must see what a later one will read.
            step = json.loads(json.dumps({"result": result, "seconds": seconds}))
            self._steps[name] = step
            self._write(self._kept, {"key": self._key, "steps": self._steps})
        self._count += 1
        self._bar.update(self._count, name)
        return self._steps[name]["result"]

    def write(self, results: dict[str, Any], name: str | None = None) -> Path:
        """Write the record: where and when it was made, then ``results``; returns its path.

        ``name``: of another file beside the record, for what a page loads alone.
        """
        head = {
            "what": self.what,
            "date": datetime.now(UTC).date().isoformat(),
            "hardware": {"processor": processor(), "cpus": os.cpu_count(),
                         "threads": int(os.environ["OMP_NUM_THREADS"])},
            "versions": self.versions,
            "seconds": round(sum(step["seconds"] for step in self._steps.values()), 1),
        }  # fmt: skip
        target = self._target.with_name(f"{name}.json") if name else self._target
        self._write(target, head | results)
        self._bar.update(self._count, f"wrote {target.name}")
        return target

    def _hash(self, root: Path) -> str:
        """Of all that a step's result may hang on."""
        digest = hashlib.sha256(json.dumps(self.versions, sort_keys=True).encode())
        folder = root / "benchmarks" / "real"
        shared = sorted(folder.glob("_*.py"))
        package = sorted((root / "rnncourse").rglob("*.py"))
        for file in [folder / f"{self.name}.py", *shared, *package]:
            digest.update(file.read_bytes() if file.exists() else b"")
        return digest.hexdigest()[:16]

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self._kept.exists():
            return {}
        kept = json.loads(self._kept.read_text(encoding="utf-8"))
        return kept["steps"] if kept["key"] == self._key else {}

    @staticmethod
    def _write(path: Path, value: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        part.replace(path)  # an interrupted run leaves the old file whole
