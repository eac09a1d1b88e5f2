"""The list of a class: read it as a platform exports it, and find whose submissions are whose.

Nobody is guessed: a submission belongs to a person only where an id, a login, an email address or
the whole name says so, and says nobody else.
"""

from __future__ import annotations

import csv
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rnncourse.grading.compare import Text

MAX_BYTES = 10 << 20
# Headings as `_key` writes them, of Canvas, Moodle, Gradescope, Blackboard and Chinese platforms.
NAME = {"name", "student", "studentname", "fullname", "displayname", "learner", "姓名", "名字",
        "学生", "学生姓名", "学员", "学员姓名"}  # fmt: skip
FIRST = {"firstname", "givenname", "forename", "名"}
LAST = {"lastname", "surname", "familyname", "姓", "姓氏"}
ID = {"id", "studentid", "studentnumber", "idnumber", "sid", "sisuserid", "sisloginid", "login",
      "loginid", "username", "userid", "netid", "matriculationnumber", "matrikelnummer", "github",
      "githubid", "学号", "学生学号", "用户名", "账号", "登录名"}  # fmt: skip
EMAIL = {"email", "emailaddress", "mail", "邮箱", "电子邮箱", "电子邮件", "邮箱地址",
         "电子邮件地址"}  # fmt: skip
CANVAS_TEST = {"student, test", "test student"}  # Canvas's own, in every course
UNKNOWN: Text = ("not on the roster", "不在名单上")


class RosterError(ValueError):
    """A file that is no list of a class; says what to do."""


class Person(NamedTuple):
    """One line of the roster."""

    name: str
    keys: tuple[str, ...]  # ids, logins and email addresses, as `_plain` writes them
    cells: tuple[str, ...]  # the columns that are kept, one for each of the roster's headings


class Roster(NamedTuple):
    """A class: the columns that say who is who, and everybody in the file's order."""

    header: tuple[str, ...]
    people: tuple[Person, ...]
    canvas: bool = False  # it is an export of Canvas's gradebook
    assignments: tuple[str, ...] = ()  # Canvas's other headings, `title (number)`

    def labels(self) -> list[str]:
        """A name for each that nobody else has, with an id where several have the same."""
        count = Counter(person.name for person in self.people)
        labels: list[str] = []
        for person in self.people:
            more = f" ({person.keys[0]})" if count[person.name] > 1 and person.keys else ""
            labels.append(_unlike(person.name + more, labels))
        return labels


def _unlike(label: str, taken: Container[str]) -> str:
    """The label, marked until it is not one of those taken."""
    while label in taken:
        label += " (?)"
    return label


def read(path: Path) -> Roster:
    """Read a roster. Raises `RosterError` where it is none, `OSError` where it cannot be read."""
    if not path.is_file():
        raise RosterError(f"roster {path}: no such file, or not a file")
    if path.stat().st_size > MAX_BYTES:
        raise RosterError(f"roster {path}: larger than 10 MB, expected a list of names")
    try:
        return parse(decode(path.read_bytes()))
    except RosterError as error:
        raise RosterError(f"roster {path}: {error}") from None


def decode(data: bytes) -> str:
    """Text in UTF-8, UTF-16 or GB18030. Raises `RosterError` for anything else."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    elif b"\0" in data[:200]:  # the zero half of Latin letters says which comes first
        little = data[1:200:2].count(0) >= data[:200:2].count(0)
        encodings = ["utf-16-le" if little else "utf-16-be"]
    else:
        encodings = ["utf-8-sig"]
        # Any two bytes read as Chinese; single ones between letters are a Western code page.
        runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", data)]
        if 2 * runs.count(1) < len(runs):
            encodings.append("gb18030")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise RosterError("neither UTF-8, UTF-16 nor GB18030: save it as CSV in UTF-8")


def parse(text: str) -> Roster:
    """A roster from its text. Raises `RosterError` where no column names people."""
    if "\0" in text:
        raise RosterError("not a text file: export it as CSV")
    lines = [line for line in text.splitlines() if line.strip(" \t,;")]
    if lines and lines[0].lower().startswith("sep="):  # a hint for Excel
        lines = lines[1:]
    if not lines:
        raise RosterError("it is empty, expected a heading and a line for each person")
    try:
        rows = list(csv.reader(lines, delimiter=_delimiter(lines[0])))
    except csv.Error as error:
        raise RosterError(f"not readable as CSV ({error})") from None
    kinds = [_kind(heading) for heading in rows[0]]
    if len(rows[0]) == 1 and not any(kinds):
        rows, kinds = [["name"], *rows], ["name"]  # one name a line
    if not any(kinds):
        found = ", ".join(rows[0])[:200]
        raise RosterError(f"no column says who is who (headings found: {found}); expected one such "
                          "as Name, ID, Email, 姓名 or 学号 in the first line")  # fmt: skip
    return _roster(rows, kinds)


def _delimiter(line: str) -> str:
    return max(",;\t", key=lambda sign: len(next(csv.reader([line], delimiter=sign))))


def _kind(heading: str) -> str:
    """What a column holds, or empty."""
    key = re.sub(r"[\W_]+", "", _plain(heading))
    kinds = {"name": NAME, "first": FIRST, "last": LAST, "email": EMAIL, "id": ID}
    return next((kind for kind, known in kinds.items() if key in known), "")


def _roster(rows: list[list[str]], kinds: list[str]) -> Roster:
    header = [text.strip() for text in rows[0]]
    canvas, own = _canvas_columns(header)
    kept = range(own) if canvas else [k for k, kind in enumerate(kinds) if kind]
    people: list[Person] = []
    for row in rows[1:]:
        cells = [_value(text) for text in row] + [""] * (len(header) - len(row))
        person = _person(cells, kinds, kept)
        skipped = canvas and (
            "points possible" in cells[0].casefold() or cells[0].casefold() in CANVAS_TEST
        )
        if person and not skipped:
            people.append(person)
    if not people:
        raise RosterError("it has a heading, but nobody is listed below it")
    _refuse_twice(people)
    return Roster(tuple(header[k] for k in kept), tuple(people), canvas,
                  tuple(header[own:]) if canvas else ())  # fmt: skip


def _canvas_columns(header: Sequence[str]) -> tuple[bool, int]:
    """Whether Canvas exported it, as its importer asks, and how many columns say who it is."""
    start = header[:1] == ["Student"] or header[:2] == ["LastName", "FirstName"]
    if start and "ID" in header[1:3] and "Section" in header:
        return True, header.index("Section") + 1
    return False, 0


def _value(text: str) -> str:
    """A cell without what spreadsheets put around a number that is to stay a text."""
    text = text.strip()
    quoted = re.fullmatch(r'="(.*)"', text)
    return quoted.group(1) if quoted else text.removeprefix("'")


def _person(cells: list[str], kinds: list[str], kept: Iterable[int]) -> Person | None:
    """The person of a row; None where nobody is named."""
    said = {kind: [cells[k] for k, of in enumerate(kinds) if of == kind and cells[k]]
            for kind in ("name", "first", "last", "id", "email")}  # fmt: skip
    name = "".join(said["name"][:1])
    if not name:
        first, last = "".join(said["first"][:1]), "".join(said["last"][:1])
        chinese = not (first + last).isascii() and len(first + last) <= 4
        name = last + first if chinese else f"{first} {last}".strip()
    keys = tuple(dict.fromkeys(_plain(v) for v in said["id"] + said["email"] if v != "-"))
    name = name or "".join(keys[:1])
    return Person(name, keys, tuple(cells[k] for k in kept)) if name else None


def _refuse_twice(people: Sequence[Person]) -> None:
    """Two lines of one person would give points twice, or to the wrong one."""
    seen: dict[str, int] = {}
    for number, person in enumerate(people):
        for mark in person.keys or (_letters(person.name),):
            if mark in seen:
                one, other = people[seen[mark]].name, person.name
                raise RosterError(f"{one} and {other} cannot be told apart ({mark}): leave one "
                                  "line if they are one person, else give each an id")  # fmt: skip
            seen[mark] = number


# --- whose is it ------------------------------------------------------------------------------


class Matching(NamedTuple):
    """What the names of submissions mean.

    `renamed` gives each learner's label: a person's, or the learner's own. `problems` says for each
    label that no person has why not.
    """

    labels: tuple[str, ...]  # of the roster's people, in its order
    renamed: dict[str, str]
    problems: dict[str, Text]


def match(
    roster: Roster, learners: Mapping[str, Iterable[str]], ids: Mapping[str, str] | None = None
) -> Matching:
    """Find each learner's person. Where two could be meant the learner stays as it is.

    `learners` maps them to the names of their files, where a platform's number tells two people of
    one name apart; `ids` to what the platform or the school calls them.
    """
    labels = roster.labels()
    finder = _Finder(roster)
    sure: dict[str, int] = {}
    likely: dict[str, int] = {}
    problems: dict[str, Text] = {}
    for who, files in learners.items():
        by_key, by_name = finder.by_key(f"{who} {(ids or {}).get(who, '')}"), finder.by_name(who)
        if not by_key and len(by_name) > 1:
            by_key = by_name & set().union(*map(finder.by_key, files))
        both = by_key & by_name
        fits = both if len(both) == 1 else by_key or by_name
        if len(fits) == 1 and not (by_key and by_name and not both):
            (sure if by_key else likely)[who] = next(iter(fits))
        else:
            problems[who] = _doubt([labels[k] for k in sorted(by_key | by_name)])
    count = Counter(likely.values())
    for who, person in likely.items():  # a name alone counts where nobody else has it
        if count[person] > 1 or person in sure.values():
            problems[who] = _doubt([labels[person]])
        else:
            sure[who] = person
    return _named(labels, sure, problems)


def _doubt(fits: Sequence[str]) -> Text:
    if not fits:
        return UNKNOWN
    listed = ", ".join(fits[:5])
    if len(fits) == 1:
        return (f"{UNKNOWN[0]}: {listed} has other submissions, and only the name is the same",
                f"{UNKNOWN[1]}：{listed} 另有提交，这一份只有名字相同")  # fmt: skip
    return (f"{UNKNOWN[0]}: several people could be meant ({listed})",
            f"{UNKNOWN[1]}：可能是其中一人（{listed}）")  # fmt: skip


def _named(labels: list[str], sure: dict[str, int], problems: dict[str, Text]) -> Matching:
    """Give everybody a label of their own: who is not matched must not share a person's."""
    renamed = {who: labels[person] for who, person in sure.items()}
    taken = set(labels)
    told = {}
    for who, why in problems.items():
        label = _unlike(who, taken)
        taken.add(label)
        renamed[who], told[label] = label, why
    return Matching(tuple(labels), renamed, told)


class _Finder:
    """The people by what a submission's name may say of them."""

    def __init__(self, roster: Roster) -> None:
        self.keys: dict[str, set[int]] = {}
        self.names: dict[str, set[int]] = {}
        for number, person in enumerate(roster.people):
            for key in person.keys:
                self.keys.setdefault(key, set()).add(number)
                if "@" in key:
                    self.keys.setdefault(key.partition("@")[0], set()).add(number)
            for form in _forms(person.name):
                self.names.setdefault(form, set()).add(number)

    def by_key(self, who: str) -> set[int]:
        """People whose id, login or address stands in the text, or is all of it."""
        text = _plain(who)
        whole = {text, text.strip("0123456789_- ()")}
        found = (self.keys[key] for key in self.keys if key in whole or _stands_in(key, text))
        return set().union(*found)

    def by_name(self, who: str) -> set[int]:
        """People whose whole name this is, apart from numbers and the mark of a late file."""
        words = [w for w in re.split(r"[\W_\d]+", _plain(who)) if w and w != "late"]
        forms = {" ".join(sorted(words)), "".join(words)} - {""}
        return set().union(*(self.names.get(form, ()) for form in forms))


def _stands_in(key: str, text: str) -> bool:
    """True where a key that is no mere word stands in the text, not as part of a longer one."""
    if len(key) < 4 or not re.search(r"[\d@]", key) or key not in text:
        return False
    return bool(re.search(rf"(?<![0-9a-z]){re.escape(key)}(?![0-9a-z])", text))


def _forms(name: str) -> Iterator[str]:
    """How a name may be written: its words in any order, or run together from any word on."""
    for text in {_plain(name), _letters(name)}:
        words = re.findall(r"[^\W_\d]+", text)
        yield " ".join(sorted(words))
        for k in range(len(words)):
            yield "".join(words[k:] + words[:k])


def _plain(text: str) -> str:
    """Text as it is compared: full width and case do not count."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _letters(text: str) -> str:
    """The same without accents."""
    parts = unicodedata.normalize("NFKD", _plain(text))
    return "".join(itertools.filterfalse(unicodedata.combining, parts))
