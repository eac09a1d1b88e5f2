"""The command line: `python -m rnncourse grade SUBMISSION… --out scores.csv`."""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from rnncourse import _grade, _sandbox


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0 when the batch was graded, 2 when it could not start."""
    parser = _parser()
    options = parser.parse_args(argv)
    if os.name != "posix":
        parser.error("grading needs Linux or macOS (on Windows: use WSL)")
    if not 0 <= options.seed < _grade.MAX_SEED:
        parser.error(f"--seed must lie in 0..{_grade.MAX_SEED - 1}")
    if not 0 < options.seconds <= 3600:
        parser.error("--seconds must lie between 0 and 3600")
    language = ("en", "zh").index(options.lang)
    try:
        with contextlib.ExitStack() as stack:
            limits = _sandbox.Limits(wall=options.seconds)
            grader = _grade.Grader(solutions_folder(options.solutions), options.seed, limits,
                                   language, unconfined=options.unconfined)  # fmt: skip
            stack.enter_context(grader)
            out = None
            if options.out:
                out = stack.enter_context(open(options.out, "w", newline="", encoding="utf-8"))
            rows = _batch(grader, options.submission, out)
    except (OSError, _sandbox.SandboxError) as error:
        parser.error(str(error))
    print(table(rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rnncourse", description="Course tools.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    grade = commands.add_parser("grade", help="grade notebooks or folders of notebooks")
    grade.add_argument("submission", nargs="+", help="a notebook, or a folder of notebooks")
    grade.add_argument("--out", metavar="CSV", help="also write the rows to this file")
    grade.add_argument("--solutions", metavar="DIR", type=Path, help="default: ./solutions")
    grade.add_argument("--seed", type=int, default=secrets.randbelow(_grade.MAX_SEED),
                       help="draw the same inputs again (default: random, printed)")  # fmt: skip
    grade.add_argument("--lang", choices=("en", "zh"), default="en", help="language of reasons")
    grade.add_argument("--seconds", type=float, default=20.0,
                       help="time limit for each submission (default: 20)")  # fmt: skip
    grade.add_argument("--unconfined", action="store_true",
                       help="grade even where learner code could read the solutions")  # fmt: skip
    return parser


def solutions_folder(given: Path | None) -> Path:
    """The folder given, else ./solutions, else the one beside the package's source."""
    if given is not None:
        return given
    here = Path("solutions")
    return here if here.is_dir() else Path(__file__).resolve().parents[1] / "solutions"


def _batch(grader: _grade.Grader, paths: Sequence[str], out) -> list[_grade.Row]:
    """Grade everything, writing each row at once: an interrupted batch keeps its rows."""
    warning = grader.mode.warning()
    if warning:
        print(warning, file=sys.stderr)
    print(f"seed {grader.seed}", file=sys.stderr)
    submissions = list(_grade.find_submissions(paths))
    writer = csv.writer(out) if out else None
    if writer:
        writer.writerow(_grade.Row._fields)
    done = 0

    def report(row: _grade.Row) -> None:
        nonlocal done
        done += 1
        score = f"{row.points:g}/{row.max_points:g}"
        line = f"[{done}/{len(submissions)}] {row.submission}: {score} {row.reason}"
        print(f"{line} ({row.seconds:.2f} s)", file=sys.stderr, flush=True)
        if writer:
            writer.writerow(row)
            out.flush()

    return _grade.grade_all(grader, submissions, report)


def table(rows: Sequence[_grade.Row]) -> str:
    """The rows as aligned text."""
    cells = [_grade.Row._fields]
    cells += [(r.submission, r.exercise, f"{r.points:g}", f"{r.max_points:g}", r.reason,
               f"{r.seconds:.2f}") for r in rows]  # fmt: skip
    cells = [(c[0], c[1], c[2], c[3], c[5], c[4]) for c in cells]  # the long reason comes last
    widths = [max(len(row[k]) for row in cells) for k in range(5)]
    return "\n".join(
        "  ".join([*(text.ljust(w) for text, w in zip(row, widths, strict=False)), row[5]])
        for row in cells
    )


if __name__ == "__main__":
    sys.exit(main())
