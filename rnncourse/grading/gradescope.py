"""`results.json` as Gradescope's autograder reads it: one learner, a box for each part."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rnncourse.grading.compare import Part, Text
from rnncourse.grading.record import Record
from rnncourse.grading.standing import Standing, standings

NOT_SET: Text = ("{}: not set, counts nothing", "{}：没有布置，不计分")
VISIBILITY = ("visible", "hidden", "after_due_date", "after_published")


def as_results(
    records: list[Record], language: int, assigned: dict[str, float] | None = None,
    attempts: str = "best", visibility: str = "visible",
) -> str:  # fmt: skip
    """The file's text. All records are one learner's; each exercise counts once.

    `visibility` is that of every box. Unless it is `visible`, the text above the boxes says only
    what was graded, not how it went.
    """
    mine = [record._replace(learner="") for record in records]
    found = standings(mine, assigned, attempts, [""])
    loose = [record for record in mine if not record.exercise]
    tests = [test for one in found for test in _boxes(one, language)]
    tests += [_box(r.submission, 0.0, 0.0, r.text[language]) for r in loose]
    lines = _lines(found, loose, language, visibility == "visible")
    extra = {r.exercise for r in mine if r.exercise} - {one.exercise for one in found}
    lines += [NOT_SET[language].format(name) for name in sorted(extra)]
    seconds = sum(record.seconds for record in records)
    return _text(tests, sum(one.points for one in found), sum(one.max_points for one in found),
                 "\n".join(lines), visibility, seconds)  # fmt: skip


def refused(reason: Text, language: int) -> str:
    """The file's text where grading could not start: the learner reads why, and it is not 0."""
    said = (
        f"The grader could not run, so nothing was graded: {reason[0]}. Tell your teacher.",
        f"评分程序无法运行，因此没有评分：{reason[1]}。请告诉老师。",
    )
    return _text([], 0.0, 0.0, said[language], "visible", 0.0)


def _text(tests: list[dict], score: float, maximum: float, said: str, visibility: str,
          seconds: float) -> str:  # fmt: skip
    for test in tests:
        test["visibility"] = visibility
    data = {"score": round(score, 2), "max_score": maximum, "output": said,
            "output_format": "text", "visibility": "visible",
            "execution_time": round(seconds), "tests": tests}  # fmt: skip
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _lines(found: Iterable[Standing], loose: Iterable[Record], language: int,
           show: bool) -> list[str]:  # fmt: skip
    """What stands above the boxes."""
    attempts = (" ({} attempts)", "（共 {} 次提交）")[language]
    lines = []
    for one in found:
        points = f": {one.points:g}/{one.max_points:g}" if show else ""
        lines.append(f"{one.exercise}{points}"
                     + (attempts.format(one.attempts) if one.attempts > 1 else ""))  # fmt: skip
        lines += [note[language] for note in (one.record.notes if one.record else ())]
    return [*lines, *(f"{record.submission}: {record.text[language]}" for record in loose)]


def _boxes(one: Standing, language: int) -> list[dict[str, Any]]:
    """A box for each part, with what is wrong there and the hints that concern it."""
    if one.record is None:
        missing = ("nothing handed in", "没有提交")[language]
        return [_box(one.exercise, 0.0, one.max_points, missing)]
    record = one.record
    boxes = []
    for part in record.parts:
        said = [part.difference or record.text, *_hints(record, part)]
        boxes.append(_box(f"{one.exercise}: {part.name}", part.points, part.max_points,
                          "" if part.points > 0 else _once(said, language)))  # fmt: skip
    return boxes or [_box(one.exercise, 0.0, one.max_points, record.text[language])]


def _hints(record: Record, part: Part) -> Sequence[Text]:
    """The hints for a part: one each where there are as many, else all that may be meant."""
    wrong = [p for p in record.parts if p.difference]
    if part not in wrong:
        return ()
    if len(record.hints) == len(wrong):
        return (record.hints[wrong.index(part)],)
    # The record's text names the difference of each part that has no hint.
    return () if part.difference and part.difference[0] in record.text[0] else record.hints


def _once(said: Iterable[Text], language: int) -> str:
    return "\n".join(dict.fromkeys(text[language] for text in said))


def _box(name: str, score: float, maximum: float, said: str) -> dict[str, Any]:
    return {"name": name, "score": round(score, 4), "max_score": round(maximum, 4),
            "output": said, "status": "passed" if score > 0 else "failed"}  # fmt: skip
