"""The submissions of a class, whose they are, and the jobs that they make.

What is read is the learner's: it is parsed as data, bounded in size, and never extracted or run.
A row for everybody, a reason for everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rnncourse.grading.answers import answered, named
from rnncourse.grading.archives import parts_of
from rnncourse.grading.compare import Text
from rnncourse.grading.exercise import Notebook, NotebookError, read_notebook
from rnncourse.grading.files import MISTAKEN, suffix
from rnncourse.grading.finding import ARCHIVE, GIVEN, OTHER, SURE, Found, find_files, pack, unpack
from rnncourse.grading.learners import Learner, learners

MAX_NOTEBOOKS = 100  # of one learner


class Submission(NamedTuple):
    """A notebook to grade: the name to show, the file (`member`: inside an archive), or why none.

    `learner` is a name that nobody else in the class has; `learner_id` is what the platform or the
    school calls that person, where a name says it. `packed` is a notebook from an archive.
    """

    name: str
    path: Path
    problem: Text | None = None
    member: str = ""
    learner: str = ""
    learner_id: str = ""
    packed: bytes = b""


class Job(NamedTuple):
    """One submission to one exercise: plain values, so that another machine can grade it."""

    submission: str
    exercise: str
    cells: tuple[str, ...] = ()
    problem: Text | None = None
    learner: str = ""
    learner_id: str = ""
    note: Text | None = None

    def digest(self) -> str:
        """A hash of everything that grading reads: outputs and prose may change."""
        return hashlib.sha256(json.dumps(self).encode("utf-8", "replace")).hexdigest()


def find_submissions(paths: Iterable[str], known: Collection[str] = ()) -> Iterator[Submission]:
    """The files named, and the notebooks and archives below the folders named, in a stable order.

    With one folder, names are relative to it. Links inside a folder are refused: one could point
    at the solution. `known` are exercise ids. What is no notebook gets a row where its learner has
    handed in nothing else, or nothing else for the exercise that it names.
    """
    found = find_files(list(paths))
    paths_found = [file.parts for file in found.files]
    teams = learners(paths_found, known, found.exports, found.base.name)
    pairs = [(file, one) for file, team in zip(found.files, teams, strict=True) for one in team]
    taken: set[str] = set()
    for row in _Rows(pairs, known, found.base.name).all():
        name, count = row.name, 2
        while name in taken:  # one name twice in a zip, two of a team
            name, count = f"{row.name} [{count}]", count + 1
        taken.add(name)
        yield row._replace(name=name)


class _Rows:
    """Which of the files found get a row."""

    def __init__(self, pairs: Sequence[tuple[Found, Learner]], known: Collection[str],
                 fallback: str) -> None:  # fmt: skip
        self.pairs = pairs
        self.known = known
        self.fallback = fallback
        self.inside: dict[tuple[Path, int], set[Learner]] = {}  # an archive's learners
        for file, who in pairs:
            if file.kind != ARCHIVE:
                self.inside.setdefault((file.path, file.given), set()).add(who)
        self.sure: dict[Learner, list[Submission]] = {}
        self.others: dict[Learner, list[Found]] = {}
        self.mistaken: set[Learner] = set()  # who named another kind of file after an exercise
        for file, who in pairs:
            if file.kind == OTHER:
                self.others.setdefault(who, []).append(file)
                if named(file.parts[-1], known):
                    self.mistaken.add(who)
            if self._is_sure(file, who):
                self.sure.setdefault(who, []).append(_submission(file, who))

    def _is_sure(self, file: Found, who: Learner) -> bool:
        """True for a notebook, for what was meant to be one, and for an archive without any."""
        inside = self.inside.get((file.path, file.given), set())
        return file.kind == SURE or (file.kind == ARCHIVE and inside <= {who})

    def all(self) -> Iterator[Submission]:
        """The rows, in the order of the files."""
        count = dict.fromkeys(self.sure, 0)
        answers: dict[Learner, set[str]] = {}
        told: set[int] = set()  # of the paths given
        for file, who in self.pairs:
            row = None
            if self._is_sure(file, who):
                count[who] += 1
                row = self._limited(file, who, count[who])
            elif file.kind == GIVEN:
                row = None if file.given in told else _submission(file, Learner(""))
            elif file.kind == OTHER and (exercises := named(file.parts[-1], self.known)):
                if who not in answers:
                    answers[who] = self._answered(who)
                row = None if answers[who] >= set(exercises) else _submission(file, who)
            elif file.kind == OTHER and self._has_nothing(file, who):
                row = self._nothing(who)
                self.sure[who] = []
            if row:
                told.add(file.given)
                yield row

    def _limited(self, file: Found, who: Learner, number: int) -> Submission | None:
        """A row for each of a learner's first notebooks, and one for all that are too many."""
        row = _submission(file, who)
        more = len(self.sure[who]) - MAX_NOTEBOOKS
        if number <= MAX_NOTEBOOKS:
            return row
        return None if number > MAX_NOTEBOOKS + 1 else row._replace(packed=b"", problem=(
            f"this and {more - 1} more are left out: at most {MAX_NOTEBOOKS} of one learner",
            f"从这份起的 {more} 份没有评分：每人最多 {MAX_NOTEBOOKS} 份"))  # fmt: skip

    def _answered(self, who: Learner) -> set[str]:
        jobs = [job for row in self.sure.get(who, [])[:MAX_NOTEBOOKS]
                for job in read_jobs(row, self.known)]  # fmt: skip
        return {job.exercise for job in jobs if not job.problem}

    def _has_nothing(self, file: Found, who: Learner) -> bool:
        """True where a learner has no row, and this file says that there is such a learner.

        A table or text beside the learners' files is the teacher's.
        """
        if who in self.sure or who in self.mistaken:
            return False
        beside = len(file.parts) == 1 and not who.id
        kinds = suffix(file.path.name) in MISTAKEN
        return not beside or (kinds and who.name != self.fallback)

    def _nothing(self, who: Learner) -> Submission:
        """The row of a learner who has handed in nothing that is or was meant as a notebook."""
        mine = self.others[who]
        names = [file.parts[-1] for file in mine if file.parts[-1]]
        english = f": {', '.join(names[:3])}" if names else " (an empty folder)"
        chinese = f"：{'、'.join(names[:3])}" if names else "（文件夹是空的）"
        return _submission(mine[0], who)._replace(problem=(
            f"nothing handed in that can be graded{english}; hand in the .ipynb file",
            f"没有可以评分的文件{chinese}；请提交 .ipynb 文件"))  # fmt: skip


def _submission(file: Found, who: Learner) -> Submission:
    return Submission(file.name, file.path, file.problem, file.member, who.name, who.id,
                      file.packed)  # fmt: skip


def read_submission(submission: Submission) -> Notebook:
    """Read a submission's notebook. Raises `NotebookError` where there is none to grade."""
    if submission.problem:
        raise NotebookError(*submission.problem)
    return unpack(submission.packed or pack(read_notebook(submission.path)))


def read_jobs(submission: Submission, known: Collection[str]) -> list[Job]:
    """One job for each exercise that the submission answers, one at least. Never raises."""
    names = _names(submission, known)
    who = submission.learner or learners([parts_of(submission.name) or ("",)], known)[0][0].name
    try:
        notebook = read_submission(submission)
        found = answered(notebook, names, known)
        cells = tuple(c.source for c in notebook.cells if c.kind == "code")
        note = _joined(notebook.note, found.note)
        return [Job(submission.name, name, cells, None, who, submission.learner_id, note)
                for name in found.exercises]  # fmt: skip
    except NotebookError as error:
        problem = error.text
    except Exception as error:  # one odd file must not cost the others their grades
        text = type(error).__name__
        problem = (f"cannot be read ({text})", f"无法读取（{text}）")
    return [Job(submission.name, name, (), problem, who, submission.learner_id)
            for name in names or [""]]  # fmt: skip


def _names(submission: Submission, known: Collection[str]) -> list[str]:
    """The exercises in the file's name, else in that of the folder around it."""
    path = submission.path
    parts = parts_of(submission.member)[::-1] or (path.name, path.parent.name)
    return next(filter(None, (named(part, known) for part in parts)), [])


def _joined(*notes: Text | None) -> Text | None:
    said = [note for note in notes if note]
    if not said:
        return None
    return "; ".join(note[0] for note in said), "；".join(note[1] for note in said)
