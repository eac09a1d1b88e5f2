"""Whose a submission is: learned from how platforms and people name folders and files.

The whole class is looked at together: a folder around all of it names nobody, and attempts of one
person are joined. Two ids in one export are two people, also under one name.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from rnncourse.grading.answers import exercise_pattern
from rnncourse.grading.files import is_archive, is_notebook, suffix
from rnncourse.grading.printable import escaped

Parts = tuple[str, ...]  # folders and archives, then the file's name
Key = tuple[str, str, str]  # who somebody is: whose number, the number, the name
MAX_TEAM = 20
MAX_LIST = 1 << 20  # characters of Gradescope's list: some thousand people
SCHOOL = "school"

# What platforms write, from their exports.
MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)(?:_|$)")
CANVAS = re.compile(r"(?P<name>.+?)(?:_LATE)?_(?P<id>\d+)_\d{3,}_(?=.)")
BLACKBOARD = re.compile(r"(?:.*_)?(?P<name>[^_]+)_attempt_\d{4}(?:-\d\d){5}(?=[_.]|$)")
GRADESCOPE = re.compile(r"submission_(?P<id>\d+)$")
# A number that schools give their students, such as 2021001234 or PB21000001.
NUMBER = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{0,3}\d{5,}(?![A-Za-z0-9])")
CHINESE_NAME = re.compile(r"(?<![\u4e00-\u9fff])[\u4e00-\u9fff·]{2,4}(?![\u4e00-\u9fff])")
# Folders and words of file names that say what it is, not whose.
WHAT = re.compile(
    r"(hw|homeworks?|assignments?|submissions?|submitted|exercises?|exam|ex|labs?|weeks?|wk"
    r"|chapters?|ch|tasks?|problems?|parts?|units?|lessons?|class|course|sections?|sec|groups?"
    r"|teams?|notebooks?|downloads?|exports?|files?|old|new|backup|final|src|codes?|data|images?"
    r"|figures?|solutions?|answers?|attempts?|untitled|copy|of|v|version|edited|fixed|done|colab"
    r"|in|all|late|jupyter|ipynb|test|resubmission|rnn|nn|ml"
    r"|副本|最终版?|修改版?|新版?|旧版?|提交|答案|完成|课程|班级|实验报告"
    r"|(第?[一二三四五六七八九十\d]+[次周章题组班节份])?(课堂|课后|平时|期末|期中)?(作业|练习|实验|习题)"
    r"|第?[一二三四五六七八九十\d]+[次周章题组班节份])?[\d_ .#-]*",
    re.I,
)
COPIES = re.compile(r"副本|\bCopy of\b|-Copy\d*\b|[(（]\d{1,3}[)）]|assignment_\d+_export", re.I)
BREAKS = re.compile(r"[\s_\-–—·.+,，、;；:：()（）\[\]【】#]+")


class Learner(NamedTuple):
    """A person: `name` as shown, which no other in the class has, and the platform's `id`."""

    name: str
    id: str = ""
    source: str = ""  # whose the id is; Moodle gives new ones in each export


def learners(
    found: Sequence[Parts], known: Collection[str] = (),
    exports: Mapping[Parts, bytes] | None = None,
    fallback: str = "",
) -> list[tuple[Learner, ...]]:  # fmt: skip
    """The learner of each path, several for a team's; see this module's first lines.

    `known` are exercise ids, which name nobody. `exports` holds Gradescope's lists of submitters
    by the folder that they lie in, unread. `fallback` is used where nothing says who.
    """
    naming = _Naming(found, known, exports or {}, fallback)
    return _distinct([naming.of(parts) for parts in found])


class _Naming:
    """How one class names its people."""

    def __init__(self, found: Sequence[Parts], known: Collection[str],
                 exports: Mapping[Parts, bytes],
                 fallback: str) -> None:  # fmt: skip
        self.exercise = exercise_pattern(known)
        self.topics = {name.partition("_ex_")[0] for name in known}
        self.exports = exports
        self.submitters: dict[Parts, dict[str, tuple[Learner, ...]]] = {}
        self.fallback = fallback
        notebooks = [parts for parts in found if is_notebook(parts[-1])]
        self.start = self._common(notebooks or [p for p in found if p[-1]], found)
        self.exported = self._exported(notebooks)

    def of(self, parts: Parts) -> tuple[Learner, ...]:
        """Who handed in this path: the first of its parts that names somebody says."""
        above = ""
        for k, part in enumerate(parts):
            container = k < len(parts) - 1
            if team := self._team(parts, k):
                return team
            around = k < self.start or (k == self.start and part in self.exported)
            if container and (around or self._says_what(part)):
                above = part
                continue
            person = _person(_folder(part)) if container else self._by_file(part)
            if person.name:
                return (person,)
        last = _stem(parts[-1]) or parts[-1]
        return (Learner(escaped(_folder(above) or self.fallback or last)),)

    def _team(self, parts: Parts, k: int) -> tuple[Learner, ...]:
        """What a platform wrote into part `k`, or nothing."""
        part, container = parts[k], k < len(parts) - 1
        if container and (found := GRADESCOPE.match(part)):
            if parts[:k] not in self.submitters:
                self.submitters[parts[:k]] = read_export(self.exports.get(parts[:k], b""))
            team = self.submitters[parts[:k]].get(part, ())
            return team or (Learner(part, found["id"], "gradescope"),)
        if found := MOODLE.match(part):
            return (Learner(escaped(found["name"]), found["id"], f"moodle {parts[:k]}"),)
        if container and not is_archive(part):
            return ()
        if found := BLACKBOARD.match(part):
            return (Learner(escaped(found["name"])),)
        found = CANVAS.match(part)
        if found and not self._in_an_id(part, found.end()) and not self._says_what(found["name"]):
            return (Learner(escaped(found["name"]), found["id"], "canvas"),)
        return ()

    def _in_an_id(self, part: str, end: int) -> bool:
        """True where an exercise's id begins before `end`: `rnn_ex_01_2024_5_x` is not Canvas's."""
        found = self.exercise.search(part) if self.exercise else None
        return found is not None and found.start() < end

    def _says_what(self, part: str) -> bool:
        """True for a name such as `hw1` or `第三周`: it says what it is, and not whose."""
        text = self._without_exercise(_folder(part))
        return not NUMBER.search(text) and (
            WHAT.fullmatch(text.strip()) is not None or not self._words(text)
        )

    def _without_exercise(self, text: str) -> str:
        text = COPIES.sub(" ", text)
        return self.exercise.sub(" ", text) if self.exercise else text

    def _words(self, text: str) -> list[str]:
        """The words that may be somebody's name."""
        words = [word for word in BREAKS.split(text) if not WHAT.fullmatch(word)]
        return [word for word in words if word.casefold() not in self.topics]

    def _by_file(self, name: str) -> Learner:
        """Who a file's name names besides the exercise; nobody has an empty name."""
        text = self._without_exercise(_stem(name))
        words, number = self._words(text), NUMBER.search(text)
        if number and number[0] not in words:
            words.append(number[0])
        return _person(" ".join(words))

    def _common(self, notebooks: Sequence[Parts], every: Sequence[Parts]) -> int:
        """How many folders lie around the whole class, and so name nobody in it."""
        first = notebooks[0] if notebooks else ("",)
        for same in range(1, min(map(len, notebooks), default=1)):
            if any(parts[:same] != first[:same] for parts in notebooks):
                break
            heads = {p[same]: p for p in every if len(p) > same and p[:same] == first[:same]}
            platform = any(self._team(parts, same) for parts in heads.values())
            folders = [h for h, p in heads.items() if len(p) > same + 1 and not self._says_what(h)]
            if platform or len(folders) > 1 or self._several(heads, same):
                return same
        return 0

    def _exported(self, found: Sequence[Parts]) -> set[str]:
        """The first folders and archives, where each holds a platform's export of several people.

        If one is something else, they are learners', and a learner cannot pose as an export.
        """
        below: dict[str, list[tuple[Learner, ...]]] = {}
        for parts in found:
            if self._says_what(parts[self.start]):
                continue
            team = self._team(parts, self.start + 1) if len(parts) > self.start + 1 else ()
            below.setdefault(parts[self.start], []).append(team)
        several = all(all(teams) and len(set(teams)) > 1 for teams in below.values())
        return set(below) if several else set()

    def _several(self, heads: Mapping[str, Parts], place: int) -> bool:
        """True where files side by side are different people's: by number, name or exercise."""
        people: dict[str, set[str]] = {}
        for name, parts in heads.items():
            person = self._by_file(name)
            if len(parts) != place + 1 or not person.name:
                continue
            answered = self.exercise.search(name) if self.exercise else None
            kinds = [answered["id"].lower()] if answered else []
            if person.id or CHINESE_NAME.fullmatch(person.name):
                kinds.append("sure")
            for kind in kinds:
                people.setdefault(kind, set()).add(fold(person.name) + person.id)
        return any(len(names) > 1 for names in people.values())


def _folder(part: str) -> str:
    """The name of a folder, which may have dots in it, or of an archive, without its suffix."""
    return part[: -len(suffix(part))] if is_archive(part) else part


def _stem(part: str) -> str:
    """A file's name without its suffixes."""
    cut = re.sub(r"(?i)\.ipynb\b.*$", "", _folder(part))
    return cut.removesuffix(cut[-len(suffix(cut)) :]) if suffix(cut) else cut


def _person(text: str) -> Learner:
    """A name with a student's number in it, taken apart."""
    number = NUMBER.search(text)
    if not number:
        return Learner(escaped(text.strip(" -_—·.")))
    rest = (text[: number.start()] + " " + text[number.end() :]).strip(" -_—–·.()（）[]【】+,，")
    chinese = CHINESE_NAME.search(rest)
    name = chinese[0] if chinese else " ".join(rest.replace("_", " ").split())
    return Learner(escaped(name or number[0]), number[0], SCHOOL)


def fold(name: str) -> str:
    """A name for comparing: without case, width of characters, or kind of space."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(text.replace("_", " ").split())


def _distinct(people: Sequence[tuple[Learner, ...]]) -> list[tuple[Learner, ...]]:
    """The same people, each under one name that nobody else has."""
    every = [person for team in people for person in team]
    keys = _Keys(every)
    chosen: dict[Key, Learner] = {}
    for person in sorted(every, key=lambda one: (not one.id, _is_number(one))):
        chosen.setdefault(keys.of(person), person)  # the one that is known best
    shown = _apart({k: chosen[k] for k in dict.fromkeys(map(keys.of, every))})
    return [tuple(dict.fromkeys(shown[keys.of(person)] for person in team)) for team in people]


def _is_number(person: Learner) -> bool:
    return person.name == person.id


class _Keys:
    """Who is who. Two numbers of one source under one name are two people.

    Else a name is a person: platforms number the same people anew for each assignment.
    """

    def __init__(self, every: Sequence[Learner]) -> None:
        self.names: dict[tuple[str, str], str] = {}  # of a platform's number, the first
        self.bearers: dict[str, set[str]] = {}  # of a school's number, which may be a date
        numbers: dict[str, dict[str, set[str]]] = {}
        for person in every:
            if person.id and not _is_number(person):
                name = self._name(person)
                numbers.setdefault(name, {}).setdefault(person.source, set()).add(person.id)
                self.bearers.setdefault(person.id, set()).add(name)
        self.several = {name for name, sources in numbers.items()
                        if max(map(len, sources.values())) > 1}  # fmt: skip

    def _name(self, person: Learner) -> str:
        name = fold(person.name)
        if not person.id or person.source == SCHOOL:
            return name
        return self.names.setdefault((person.source, person.id), name)

    def of(self, person: Learner) -> Key:
        """What all that one person handed in has in common, and nothing else has."""
        name = self._name(person)
        if _is_number(person) and len(self.bearers.get(person.id, ())) == 1:
            name = next(iter(self.bearers[person.id]))
        return (person.source, person.id, name) if name in self.several else ("", "", name)


def _apart(chosen: Mapping[Key, Learner]) -> dict[Key, Learner]:
    """Names that several have get the id, or a count, behind them."""
    often = Counter(fold(person.name) for person in chosen.values())
    taken = {name for name, count in often.items() if count == 1}
    shown: dict[Key, Learner] = {}
    for k, person in chosen.items():
        name, count = person.name, 2
        if often[fold(name)] > 1:
            name = f"{person.name} ({person.id})" if person.id else person.name
            while fold(name) in taken:
                name, count = f"{person.name} [{count}]", count + 1
            taken.add(fold(name))
        shown[k] = person._replace(name=name)
    return shown


def read_export(data: bytes) -> dict[str, tuple[Learner, ...]]:
    """Gradescope's `submission_metadata.yml`: the submitters of each of its folders.

    Anything that is not such a list is left out; never raises.
    """
    import yaml

    # Plain strings only: no tag is followed, and a number keeps its zeros.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        parsed = yaml.load(_of_submitters(data.decode("utf-8-sig")), Loader=loader)
        items = parsed.items()
    except (yaml.YAMLError, AttributeError, ValueError, RecursionError):
        return {}
    return {folder: team for folder, item in items if (team := _submitters(item))}


def _of_submitters(text: str) -> str:
    """The lines that say who: results and comments are long, and YAML takes much memory."""
    kept, inside = [], False
    for line in text.splitlines():
        if GRADESCOPE.match(line.rstrip(": ")) or line.startswith("  :submitters:"):
            inside = line.startswith(" ")
            kept.append(line)
        elif inside := inside and line.startswith(("  - ", "    ")):
            kept.append(line)
    return "\n".join(kept)[:MAX_LIST]


def _submitters(item: Any) -> tuple[Learner, ...]:
    listed = item.get(":submitters") if isinstance(item, dict) else None
    team = []
    for one in listed[:MAX_TEAM] if isinstance(listed, list) else ():
        name, number, email = (
            one.get(f":{k}") if isinstance(one, dict) else None for k in ("name", "sid", "email")
        )
        who = next((v for v in (number, email) if isinstance(v, str) and v), "")
        if isinstance(name, str) and name.strip():
            team.append(Learner(escaped(name.strip()), escaped(who), "gradescope"))
    return tuple(team)
