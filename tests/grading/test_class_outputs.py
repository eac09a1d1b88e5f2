"""A class as teachers have it: rosters, gradebooks, pages, platforms, consoles."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from test_class_of_learners import GOOD, NO_BIAS, SEED, SOLUTIONS, grade, notebook
from test_class_of_learners import write as write_file

from rnncourse import __main__ as cli
from rnncourse.grading import (
    class_outputs,
    classroom50,
    gradebook,
    gradescope,
    gradescope_zip,
    pages,
    printable,
    roster,
    spreadsheet,
)
from rnncourse.grading.compare import Part
from rnncourse.grading.confine.stage import SandboxError
from rnncourse.grading.record import Record
from rnncourse.grading.standing import standings

ROOT = Path(__file__).resolve().parents[2]
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Notes,rnn_ex_01 (77),Old (9),Final Score
    Points Possible,,,,,,4,10,(read only)
,,,,,,Manual Posting,,
"Zhang, San",101234,2021001,szhang@x.edu,A,,,9,75
"Li, Wei",101235,2021002,wli@x.edu,A,,,8,
"Li, Wei",101236,2021003,wli2@x.edu,B,,,,
"Müller, Jörg-Peter",101237,2021004,jmueller@x.edu,"A, B",,,,
"Student, Test",999,,abc,A,,,,
"""


def record(who, exercise="rnn_ex_01", points=4.0, maximum=4.0, **more):
    more = {"text": ("full marks", "满分"), "submission": f"{who}/{exercise}.ipynb"} | more
    return Record(exercise=exercise, points=points, max_points=maximum, learner=who, **more)


def rows_of(text):
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def write(path, *cells):
    write_file(path, notebook(*cells))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Handed in by three, one of them not on the roster; one file is nobody's exercise."""
    top = tmp_path_factory.mktemp("class")
    write(top / "zhangsan_101234" / "rnn_ex_01.ipynb", GOOD)
    write(top / "zhangsan_101234" / "notes.ipynb", "x = 1")
    write(top / "2021003李伟" / "rnn_ex_01.ipynb", NO_BIAS)
    write(top / "<b>Eve" / "rnn_ex_01.ipynb", "1 / 0")
    return top


# --- rosters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("Name\nAnna B\nCarl D\n", [("Anna B", ()), ("Carl D", ())]),
        ("Anna B\n\n张三\n", [("Anna B", ()), ("张三", ())]),
        ("sep=;\nFirst name;Surname;Email address\nAnna;B;A@x.edu\n", [("Anna B", ("a@x.edu",))]),
        ("名\t姓\t学号\n三\t张\t2021001\n", [("张三", ("2021001",))]),
        ("学号,姓名,邮箱\n2021001,张三,z@x.cn\n,,\n", [("张三", ("2021001", "z@x.cn"))]),
        ("First Name,Last Name,SID,Email,Section\nAnna,B,='7',-,1\n", [("Anna B", ("='7'",))]),
        ('ID,Group\n"=""007""",x\n', [("007", ("007",))]),
        ("username,first_name,last_name,email,section,github_id,role\nab1,Anna,B,,,55,\n",
         [("Anna B", ("ab1", "55"))]),
    ],
)  # fmt: skip
def test_a_roster_is_read_as_platforms_export_it(text, people):
    found = roster.parse(text)
    assert [(person.name, person.keys) for person in found.people] == people
    assert not found.canvas


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be",
                                      "gb18030", "gbk"])  # fmt: skip
def test_a_roster_in_any_usual_encoding(encoding, tmp_path):
    path = tmp_path / "r.csv"
    path.write_bytes("学号,姓名\r\n2021001,张三\r\n".encode(encoding))
    assert roster.read(path).people == (roster.Person("张三", ("2021001",), ("2021001", "张三")),)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "empty"), (b"Name\n", "nobody is listed"), (b"x,y\n1,2\n", "no column says who is who"),
     (b"Name,ID\nA,1\nB,1\n", "A and B cannot be told apart (1)"),
     (b"Name\nZhang San\nzhang san\n", "cannot be told apart"),
     ("Name\nMüller\n".encode("cp1252"), "save it as CSV in UTF-8"),
     (b"PK\3\4\0\0\xff\xfe\xff", "save it as CSV"), (b"\0" * 100, "export it as CSV"),
     (b"ID\n" + b"7" * 200_000, "not readable as CSV"), (b"x" * (11 << 20), "larger than 10 MB")],
)  # fmt: skip
def test_what_is_no_roster_is_refused_and_says_why(data, said, tmp_path):
    path = tmp_path / "r.csv"
    path.write_bytes(data)
    with pytest.raises(roster.RosterError) as error:
        roster.read(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    with pytest.raises(roster.RosterError, match="no such file"):
        roster.read(tmp_path / "absent.csv")


def test_canvas_s_own_lines_are_nobody_and_its_columns_are_kept_to_the_section():
    found = roster.parse(CANVAS)
    assert found.header == ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
    assert [person.name for person in found.people] == [
        "Zhang, San", "Li, Wei", "Li, Wei", "Müller, Jörg-Peter"]  # fmt: skip
    assert found.canvas
    assert found.labels()[1:3] == ["Li, Wei (101235)", "Li, Wei (101236)"]


@pytest.mark.parametrize(
    ("who", "label"),
    [
        ("zhangsan_101234", "Zhang, San"), ("zhangsan_LATE_101234", "Zhang, San"),
        ("San Zhang", "Zhang, San"), ("ZHANG, San", "Zhang, San"), ("zhangsan", "Zhang, San"),
        ("Ｚｈａｎｇ　Ｓａｎ", "Zhang, San"), ("San Zhang_4711_assign", None),
        ("2021001张三", "Zhang, San"), ("szhang@x.edu", "Zhang, San"), ("szhang", "Zhang, San"),
        ("Jörg-Peter Müller", "Müller, Jörg-Peter"), ("Muller Jorg-Peter", "Müller, Jörg-Peter"),
        ("müllerjörgpeter_101237", "Müller, Jörg-Peter"),
        ("liwei_101236", "Li, Wei (101236)"), ("Wei Li (2021002)", "Li, Wei (101235)"),
        ("Wei Li", None), ("liwei", None),  # two people of that name
        ("San Zhang 2021003", None),  # the name is one's, the id another's
        ("101234 101235", None), ("12021001", None), ("2021", None), ("zhang", None),
        ("San", None), ("", None), ("Eve", None), ("…", None),
    ],
)  # fmt: skip
def test_a_submission_is_matched_by_id_login_address_or_whole_name_and_never_guessed(who, label):
    found = roster.match(roster.parse(CANVAS), {who: []})
    assert found.renamed[who] == (label or who)
    assert (who in found.problems) == (label is None)
    if label is None:
        assert found.problems[who][0].startswith("not on the roster")
        assert found.problems[who][1].startswith("不在名单上")


def test_two_people_are_never_one():
    """Where only a name says who it is, and two have it, neither gets the other's points."""
    people = roster.parse("Name,ID\nSan Zhang,2021001\n")
    by_name = roster.match(people, {"zhangsan 77": [], "San Zhang": []})
    assert by_name.renamed == {"zhangsan 77": "zhangsan 77", "San Zhang": "San Zhang (?)"}
    assert by_name.problems.keys() == {"zhangsan 77", "San Zhang (?)"}
    by_id = roster.match(people, {"zhangsan 77": [], "2021001": [], "x 2021001": []})
    assert by_id.renamed == {"2021001": "San Zhang", "x 2021001": "San Zhang",
                             "zhangsan 77": "zhangsan 77"}  # fmt: skip
    twins = roster.parse("Name,ID\nA (1),2\nA,1\nA,3\n")
    assert len(set(twins.labels())) == 3


@pytest.mark.parametrize(
    ("files", "label"),
    [(["liwei_101236_5551_rnn_ex_01.ipynb"], "Li, Wei (101236)"), (["rnn_ex_01.ipynb"], None),
     (["liwei_LATE_101235_1_a.ipynb", "liwei_101235_2_b.ipynb"], "Li, Wei (101235)"),
     (["liwei_101236_1_my 2021002.ipynb"], None),  # another's number in a name of one's own
     (["liwei_101234_1_a.ipynb"], None)],
)  # fmt: skip
def test_a_platform_s_number_in_a_file_s_name_tells_two_of_one_name_apart(files, label):
    found = roster.match(roster.parse(CANVAS), {"liwei": files})
    assert found.renamed["liwei"] == (label or "liwei")


# --- gradebooks ------------------------------------------------------------------------------


def canvas_takes(rows):
    """What Canvas's importer makes of a table: its rules, read from `gradebook_importer.rb`.

    Returns the headings that become assignments, and each student's id.
    """
    head = rows[0]
    assert len(head) > 3
    assert "Student" in head[0]
    assert "ID" in head[1]
    assert re.search(r"SIS\s+User\s+ID", head[2])
    assert re.search(r"SIS\s+Login\s+ID", head[3])
    assert "Section" in head[4]
    passed = re.compile("(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")
    assert "Points Possible" in rows[1][0]
    return [h for h in head[5:] if not passed.search(h)], [row[1] for row in rows[2:]]


def test_a_gradebook_for_canvas_has_its_columns_and_nothing_that_it_takes_for_an_assignment():
    people = roster.parse(CANVAS)
    records = [record("zhangsan_101234", points=10 / 3), record("zhangsan_101234", points=1.0),
               record("zhangsan_101234", "gru_ex_01", 5.0, 5.0),
               record("2021003", points=0.0), record("Eve", points=4.0)]  # fmt: skip
    group = gradebook.join(records, people, roster.match(people, {r.learner: [] for r in records}))
    rows = rows_of(spreadsheet.as_csv(gradebook.rows(group, None, "best", 0)))
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "gru_ex_01", "rnn_ex_01 (77)",
         "Final Points", "Final Grade note"],
        ["Points Possible", "", "", "", "", "5", "4", "9", ""],
        ["Zhang, San", "101234", "2021001", "szhang@x.edu", "A", "5", "3.33", "8.33", ""],
        ["Li, Wei", "101235", "2021002", "wli@x.edu", "A", "", "", "0", "nothing handed in"],
        ["Li, Wei", "101236", "2021003", "wli2@x.edu", "B", "", "0", "0", ""],
        ["Müller, Jörg-Peter", "101237", "2021004", "jmueller@x.edu", "A, B", "", "", "0",
         "nothing handed in"],
        ["Eve", "", "", "", "", "", "4", "4", "not on the roster"],
    ]  # fmt: skip
    assignments, ids = canvas_takes(rows)
    assert assignments == ["gru_ex_01", "rnn_ex_01 (77)"]
    assert ids == ["101234", "101235", "101236", "101237", ""]


def test_what_was_set_counts_0_where_it_is_missing_and_nothing_else_counts():
    records = [record("li", "gru_ex_01", 5.0, 5.0), record("li", points=2.0), record("li")]
    set_ = {"rnn_ex_01": 4.0, "lstm_ex_04": 6.0}
    group = gradebook.join(records, None, None)
    assert gradebook.rows(group, set_, "best", 0) == [
        ["learner", "rnn_ex_01", "lstm_ex_04", "total", "max", "note"],
        ["li", "4", "0", "4", "10", ""]]  # fmt: skip
    assert gradebook.rows(group, None, "last", 1)[1] == ["li", "5", "4", "9", "9", ""]
    assert gradebook.rows(gradebook.join([], None, None), None, "best", 0) == [
        ["learner", "total", "max", "note"]]  # fmt: skip


def test_another_platform_s_columns_are_kept_and_the_totals_follow():
    people = roster.parse("姓名,班级,学号\n张三,1,2021001\n李四,1,2021002\n")
    group = gradebook.join([record("张三")], people, roster.match(people, {"张三": []}))
    assert gradebook.rows(group, None, "best", 1) == [
        ["姓名", "学号", "rnn_ex_01", "total", "max", "note"],
        ["张三", "2021001", "4", "4", "4", ""],
        ["李四", "2021002", "", "0", "4", "没有提交"]]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [("=1+1", "'=1+1"), ("＝1", "'＝1"), ("a;=b", "a;'=b"), ("\t@x", "'@x"), ("-1", "'-1"),
     ("a\u202eb\x85c\u2028d", "a b c d"), ("\ud800", ""), ("张三 a-b", "张三 a-b")],
)  # fmt: skip
def test_a_cell_is_no_formula_and_has_no_odd_character(text, shown):
    assert rows_of(spreadsheet.as_csv([[text, 1.5]])) == [[shown, "1.5"]]


def test_points_have_two_decimals_at_most():
    numbers = [0.0, 4.0, 10 / 3, 2 / 3, 1234.5, 12345.678, 1e-9, 100.0]
    assert [spreadsheet.points(v) for v in numbers] == [
        "0", "4", "3.33", "0.67", "1234.5", "12345.68", "0", "100"]  # fmt: skip


# --- one learner: Gradescope and Classroom 50 --------------------------------------------------


def wrong(name, points=0.0):
    return Part(name, points, 2.0, None if points else (f"{name}[0] is 1", f"{name}[0] 的值是 1"))


HINTS = (("hint one", "提示一"), ("hint two", "提示二"))


@pytest.mark.parametrize(
    ("text", "hints", "outputs"),
    [
        (("hint one; hint two", ""), HINTS, ["", "h[0] is 1\nhint one", "c[0] is 1\nhint two"]),
        (("hint one", ""), HINTS[:1], ["", "h[0] is 1\nhint one", "c[0] is 1\nhint one"]),
        (("h[0] is 1; hint one", ""), HINTS[:1], ["", "h[0] is 1", "c[0] is 1\nhint one"]),
        (("h[0] is 1; c[0] is 1", ""), (), ["", "h[0] is 1", "c[0] is 1"]),
    ],
)
def test_a_hint_stands_in_the_box_of_the_part_that_it_concerns(text, hints, outputs):
    parts = (wrong("x", 2.0), wrong("h"), wrong("c"))
    one = record("li", points=2.0, maximum=6.0, text=text, hints=hints, parts=parts)
    data = json.loads(gradescope.as_results([one], 0))
    assert [test["output"] for test in data["tests"]] == outputs
    assert [test["status"] for test in data["tests"]] == ["passed", "failed", "failed"]
    assert "hint" not in data["output"]
    assert (data["score"], data["max_score"]) == (2, 6)


@pytest.mark.parametrize("visibility", gradescope.VISIBILITY)
def test_boxes_are_seen_by_whom_and_when_the_teacher_says(visibility):
    records = [record("li", points=2.0), record("li", "", 0.0, 0.0, submission="x.pdf",
                                                text=("no notebook", "不是 notebook"))]  # fmt: skip
    data = json.loads(gradescope.as_results(records, 0, visibility=visibility))
    assert {test["visibility"] for test in data["tests"]} == {visibility}
    assert ("2/4" in data["output"]) == (visibility == "visible")
    assert "rnn_ex_01" in data["output"]
    assert "x.pdf: no notebook" in data["output"]


def test_the_same_notebook_three_times_counts_once():
    records = [record(who) for who in ("a", "b", "c")]
    data = json.loads(gradescope.as_results(records, 0, {"rnn_ex_01": 4.0, "lstm_ex_04": 6.0}))
    assert (data["score"], data["max_score"]) == (4, 10)
    assert data["tests"][-1]["output"] == "nothing handed in"
    assert "rnn_ex_01: 4/4 (3 attempts)" in data["output"]
    other = json.loads(gradescope.as_results([record("a")], 1, {"lstm_ex_04": 6.0}))
    assert (other["score"], other["max_score"]) == (0, 6)
    assert "rnn_ex_01：没有布置，不计分" in other["output"]


def checked(text):
    """A result as Classroom 50's `collect_scores.py` validates it."""
    data = json.loads(text)
    assert data["schema"] == "classroom50/result/v1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", data["datetime"])
    for item in [data, *data["tests"]]:
        assert type(item["score"]) is type(item["max-score"]) is int
        assert 0 <= item["score"] <= item["max-score"]
    for test in data["tests"]:
        assert isinstance(test["test-name"], str)
        assert test["test-name"]
        assert isinstance(test["passed"], bool)
    assert data["score"] == sum(test["score"] for test in data["tests"])
    return data


RUNNER = {"CLASSROOM": "c", "ASSIGNMENT": "hw1", "SUBMISSION_TAG": "submit/1", "COMMIT_URL": "u",
          "RELEASE_URL": "r", "OWNER": "li", "ASSIGNMENT_TYPE": "individual"}  # fmt: skip


def test_classroom_50_gets_whole_numbers():
    """By hand: 4/3 of 4 points and 1.5 of 3 need sixths: 8 of 24 and 9 of 18."""
    parts = tuple(Part(name, points, 4 / 3, ("d", "异") if not points else None)
                  for name, points in (("a", 4 / 3), ("b", 0.0), ("c", 0.0)))  # fmt: skip
    halves = (Part("d", 1.5, 3.0, None),)
    records = [record("x", points=1.33, parts=parts),
               record("y", "gru_ex_01", 1.5, 3.0, parts=halves)]  # fmt: skip
    data = checked(classroom50.as_result(records, 0, environment=RUNNER))
    assert [(t["score"], t["max-score"]) for t in data["tests"]] == [
        (8, 8),
        (0, 8),
        (0, 8),
        (9, 18),
    ]
    assert (data["score"], data["max-score"]) == (17, 42)
    assert (data["classroom"], data["owner"], data["review"]) == ("c", "li", "u")
    assert classroom50.scale([1.0, 0.0, 4.0]) == 1
    assert classroom50.scale([2 / 7, 1 / 2]) == 14
    assert classroom50.scale([1 / 97, 1 / 89]) == 100
    assert checked(classroom50.as_result([], 0, environment={}))["tests"] == []


# --- pages -----------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Tags in order, and every attribute."""

    VOID = ("meta", "br", "link", "img", "input")

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.text = [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


EVIL = '"><script src=//x>alert(1)</script><img onerror=x>'


def test_a_page_holds_everything_and_nothing_of_it_runs():
    parts = (wrong(EVIL), wrong("c", 2.0))
    one = record(EVIL, points=2.0, text=(f"reason {EVIL}", f"原因 {EVIL}"), parts=parts,
                 hints=((f"hint {EVIL}", "提示"),), submission=EVIL)  # fmt: skip
    stray = one._replace(exercise="", parts=(), hints=())
    results = standings([one, one], {"rnn_ex_01": 4.0, "gru_ex_01": 5.0})
    text = pages.page(EVIL, results, [stray])
    found = Reader(text)
    assert {"script", "img", "link", "a", "iframe", "form"}.isdisjoint(found.tags)
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in found.attributes)
    assert "url(" not in text
    assert "@import" not in text
    assert dict(found.attributes)["content"]
    assert "default-src 'none'" in text
    for said in (
        "2 of 9 points",
        "9 分中得 2 分",
        f"reason {EVIL}",
        f"原因 {EVIL}",
        f"hint {EVIL}",
        "提示",
        "one of 2 attempts",
        "gru_ex_01",
        "nothing handed in",
        "没有提交",
    ):
        assert said in found.text, said
    assert found.attributes[0] == ("lang", "en")
    assert found.tags.count("h1") == 1
    assert found.tags.count("h2") == 3
    assert text.count('lang="zh"') >= 7


def test_pages_names_are_safe_unguessable_and_kept():
    learners = ["Anna B", "anna  b", "张三", "../../etc", "x" * 300, EVIL, ""]
    names = pages.names(learners, {})
    assert len(set(names.values())) == len(learners)
    assert all(pages.NAME.fullmatch(name) for name in names.values())
    assert names["Anna B"].startswith("anna-b-")
    assert pages.names(learners, {}) != names
    index = {printable.guarded(who): name for who, name in names.items()}
    again = pages.names(learners, index)
    assert again["张三"] == names["张三"]
    assert len(set(again.values())) == len(learners)
    assert pages.names(["a"], {"a": "../x.html"})["a"].startswith("a-")


def test_a_folder_of_ours_is_written_again_and_no_other(tmp_path, folder):
    out = tmp_path / "pages"
    assert grade(folder, "--feedback", out) == 0
    lines = rows_of((out / "index.csv").read_text("utf-8"))
    assert lines[0] == ["learner", "page"]
    assert len(lines) == 4
    assert {path.name for path in out.iterdir()} == {"index.csv", *(line[1] for line in lines[1:])}
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]
    assert grade(folder / "zhangsan_101234", "--feedback", out) == 0
    assert len(list(out.iterdir())) == 3  # two files of one folder: named by themselves
    (out / "own.txt").write_text("mine", "utf-8")
    link, file = tmp_path / "link", tmp_path / "file"
    (tmp_path / "empty").mkdir()
    link.symlink_to(tmp_path / "empty")
    file.write_text("x", "utf-8")
    for path in (out, link, file, tmp_path / "a" / "b"):
        with pytest.raises(SystemExit) as stop:
            grade(folder, "--feedback", path)
        assert stop.value.code == 2
    assert (out / "own.txt").read_text("utf-8") == "mine"


# --- the command -----------------------------------------------------------------------------


def test_a_class_from_the_roster_to_every_file(tmp_path, folder, capsys):
    (tmp_path / "canvas.csv").write_text(CANVAS, "utf-8")
    files = {name: tmp_path / name for name in ("scores.csv", "book.csv", "pages", "alike.csv",
                                                "all.json")}  # fmt: skip
    options = ["--roster", tmp_path / "canvas.csv", "--out", files["scores.csv"], "--gradebook",
               files["book.csv"], "--feedback", files["pages"], "--similarity", files["alike.csv"],
               "--json", files["all.json"]]  # fmt: skip
    assert grade(folder, *options, "--seed", SEED) == 0
    said = capsys.readouterr()
    assert "<b>Eve: not on the roster" in said.err
    for name in ("scores.csv", "book.csv", "alike.csv"):
        assert files[name].read_bytes().startswith(b"\xef\xbb\xbf")
    scores = rows_of(files["scores.csv"].read_text("utf-8"))
    assert [(row[0], row[2], row[3], row[5]) for row in scores[1:] if row[2]] == [
        ("Li, Wei (101236)", "rnn_ex_01", "0.0", scores[1][5]),
        ("<b>Eve", "rnn_ex_01", "0.0", scores[2][5]),
        ("Zhang, San", "rnn_ex_01", "4.0", "full marks")]  # fmt: skip
    absent = [row[0] for row in scores if row[5] == "nothing handed in"]
    assert absent == ["Li, Wei (101235)", "Müller, Jörg-Peter"]
    book = rows_of(files["book.csv"].read_text("utf-8"))
    assert canvas_takes(book)[0] == ["rnn_ex_01 (77)"]
    assert [row[6] for row in book[2:]] == ["4", "0", "0", "0", "0"]
    index = dict(rows_of((files["pages"] / "index.csv").read_text("utf-8"))[1:])
    assert index.keys() == {*(row[0] for row in scores[1:])}
    assert "unknown exercise" in (files["pages"] / index["Zhang, San"]).read_text("utf-8")
    assert "too short to tell" in files["alike.csv"].read_text("utf-8")
    rows = json.loads(files["all.json"].read_text("utf-8"))["rows"]
    assert {row["learner"] for row in rows} == index.keys()
    assert grade(folder, *options, "--no-bom", "--lang", "zh", "--exercises", "rnn_ex_01") == 0
    assert files["book.csv"].read_bytes().startswith(b"Student,ID")
    assert "没有提交" in files["scores.csv"].read_text("utf-8")


def test_every_output_is_named_for_the_rule_on_where_it_may_lie(tmp_path):
    parser = cli.argparse.ArgumentParser()
    class_outputs.add_options(parser)
    made = {name: tmp_path / name for name in ("gradebook", "feedback", "similarity",
                                               "classroom50")}  # fmt: skip
    options = parser.parse_args(
        [v for name, path in made.items() for v in (f"--{name}", str(path))]
    )
    assert {*class_outputs.files(options), options.feedback} == set(made.values())
    assert class_outputs.files(parser.parse_args(["--similarity"])) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--roster", "absent.csv"], "no such file"),
        (["--roster", "bad.csv"], "no column says who is who"),
        (["--gradebook", "none/book.csv"], "does not exist"),
        (["--gradebook", "."], "a folder; name a file"),
        (["--gradebook", "a.csv", "--out", "./a.csv"], "name the same output file"),
        (["--similarity", "."], "name it before the option"),
        (["--classroom50", "r.json", "--require-full"], "asks for exit code 0"),
        (["--exercises", "rnn_ex_99"], "rnn_ex_99, which is none"),
        (["--feedback", "full"], "holds other files"),
    ],
)
def test_bad_input_ends_the_command_before_anything_is_graded_or_written(
    options, said, tmp_path, folder, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n", "utf-8")
    write(tmp_path / "full" / "index.csv", "x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as stop:
        grade(folder, "--out", "out.csv", *options)
    assert stop.value.code == 2
    told = capsys.readouterr()
    assert said in told.err
    assert not re.search(r"^seed", told.err, re.M)  # it is printed when grading starts
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_was_interrupted_calls_nobody_missing(tmp_path, capsys):
    options = cli.argparse.ArgumentParser()
    class_outputs.add_options(options)
    for name in ("--gradescope", "--lang", "--out", "--json"):
        options.add_argument(name)
    found = options.parse_args(["--roster", "r", "--gradebook", str(tmp_path / "b.csv"),
                                "--lang", "en"])  # fmt: skip
    batch = class_outputs.Batch([record("x")], False, None, "best", {}, list)
    group = class_outputs.join(batch, roster.parse("Name\nSan Zhang\n"))
    class_outputs.write(batch, group, found)
    assert group.records == batch.records
    assert not (tmp_path / "b.csv").exists()
    assert "wait for a whole run" in capsys.readouterr().err


def test_classroom_50_s_file_comes_with_exit_code_0(tmp_path, folder, monkeypatch):
    for name, value in RUNNER.items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "result.json"
    wrong_one = folder / "2021003李伟"
    assert grade(wrong_one, "--classroom50", out, "--exercises", "rnn_ex_01") == 0
    data = checked(out.read_text("utf-8"))
    assert (data["score"], data["max-score"], data["assignment"]) == (0, 4, "hw1")


# --- Gradescope's zip --------------------------------------------------------------------------


@pytest.fixture
def autograder(tmp_path):
    """A zip unpacked as Gradescope does, its folder's root, and the command instead of a venv."""
    wheel = tmp_path / "rnncourse-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    out = tmp_path / "autograder.zip"
    arguments = ["rnn_ex_01", "rnn_ex_03", "--out", out, "--wheel", wheel, "--lang", "zh",
                 "--visibility", "after_published", "--solutions", SOLUTIONS]  # fmt: skip
    assert cli.main(["gradescope-zip", *map(str, arguments)]) == 0
    root = tmp_path / "root"
    with zipfile.ZipFile(out) as file:
        file.extractall(root / "source")
        modes = {entry.filename: entry.external_attr >> 16 for entry in file.infolist()}
    assert modes.keys() == {"setup.sh", "run_autograder", wheel.name, "solutions/rnn_sol_01.ipynb",
                            "solutions/rnn_sol_03.ipynb"}  # fmt: skip
    assert oct(modes["setup.sh"]) == oct(modes["run_autograder"]) == "0o100755"
    shutil.copy(root / "source" / "run_autograder", root)
    command = root / "env" / "bin" / "rnncourse"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rnncourse "$@"\n', "utf-8")
    command.chmod(0o755)
    return root


def run_autograder(root, **more):
    environment = {**os.environ, "AUTOGRADER": str(root), "PYTHONPATH": str(ROOT), **more}
    done = subprocess.run(["bash", root / "run_autograder"], env=environment, cwd=root, check=False,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((root / "results" / "results.json").read_text("utf-8"))


def test_gradescope_s_grader_runs_from_the_zip(autograder):
    write(autograder / "submission" / "rnn_ex_01.ipynb", GOOD)
    data = run_autograder(autograder)
    assert (data["score"], data["max_score"]) == (4, 8)
    assert {test["visibility"] for test in data["tests"]} == {"after_published"}
    write(autograder / "submission" / "rnn_ex_01.ipynb", NO_BIAS)
    data = run_autograder(autograder)
    assert data["score"] == 0
    assert "没有加上偏置 b" in data["tests"][0]["output"]


def test_a_grader_that_refuses_or_crashes_leaves_the_learner_a_sentence(autograder, tmp_path):
    write(autograder / "submission" / "rnn_ex_01.ipynb", GOOD)
    (autograder / "env" / "bin" / "rnncourse").write_text("#!/bin/sh\nexit 1\n", "utf-8")
    data = run_autograder(autograder)
    assert data["output"] == "评分程序无法运行，因此没有评分：它没有启动。请告诉老师。"
    assert data["tests"] == []


def test_without_confinement_gradescope_s_file_says_that_nothing_was_graded(
    tmp_path, folder, monkeypatch
):
    from rnncourse.grading import cli as room

    def refuse(*_, **__):
        raise SandboxError("no confinement on this machine")

    monkeypatch.setattr(room, "Grader", refuse)
    with pytest.raises(SystemExit) as stop:
        grade(folder, "--gradescope", tmp_path / "results.json")
    assert stop.value.code == 2
    data = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert "nothing was graded: no confinement on this machine" in data["output"]
    assert (data["score"], data["tests"]) == (0, [])


def test_gradescope_s_setup_finds_a_python_and_installs_the_wheel(autograder, tmp_path):
    """Stand-ins take down what they are asked for: an old python3, and a newer one by its name."""
    source = autograder / "source"
    for script in ("setup.sh", "run_autograder"):
        assert b"\r" not in (source / script).read_bytes()
        subprocess.run(["bash", "-n", source / script], check=True)
    stand_in = 'echo "$(basename "$0") $*" >> "$LOG"\n'
    venv = f'case "$2" in venv) mkdir -p "$3/bin"; cp {tmp_path}/bin/apt-get "$3/bin/pip";; esac\n'
    (tmp_path / "bin").mkdir()
    for name, body in {"apt-get": "", "add-apt-repository": "", "python3": "exit 1\n",
                       "python3.13": "exit 1\n", "python3.12": "exit 1\n",
                       "python3.11": venv}.items():  # fmt: skip
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/bash\n{stand_in}{body}", "utf-8")
        path.chmod(0o755)
    log = tmp_path / "log"
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "LOG": str(log),
                   "AUTOGRADER": str(autograder)}  # fmt: skip
    subprocess.run(["bash", source / "setup.sh"], env=environment, check=True)
    lines = log.read_text("utf-8").splitlines()
    assert lines[1] == "apt-get install -y bubblewrap git python3 python3-venv"
    assert f"python3.11 -m venv {autograder}/env" in lines
    assert lines[-1] == f"pip install --quiet {source}/rnncourse-0.1.0-py3-none-any.whl"
    assert not any(line.startswith("add-apt") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["rnn_ex_99"], "no solution of rnn_ex_99"), (["rnn_ex_01"], "--wheel, or what pip"),
     (["rnn_ex_01", "--wheel", "x.zip"], "ends in .whl"),
     (["rnn_ex_01", "--package", "p", "--out", "none/a.zip"], "none/a.zip")],
)  # fmt: skip
def test_a_zip_that_could_not_work_is_not_written(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gradescope_zip.metadata, "metadata", lambda name: cli_metadata("YOUR-ORG"))
    with pytest.raises(SystemExit) as stop:
        cli.main(["gradescope-zip", *arguments, "--solutions", str(SOLUTIONS)])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def cli_metadata(owner):
    from email.message import Message

    data = Message()
    data["Project-URL"] = f"Repository, https://github.com/{owner}/rnncourse"
    return data


def test_pip_gets_the_repository_of_the_package_s_metadata(monkeypatch):
    monkeypatch.setattr(gradescope_zip.metadata, "metadata", lambda name: cli_metadata("someone"))
    assert gradescope_zip.repository() == "rnncourse @ git+https://github.com/someone/rnncourse"
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'Repository = "https://github.com/' in text  # `make set-repo` changes it there


# --- consoles --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "cp1252"},
     {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)  # fmt: skip
def test_a_console_without_chinese_shows_replacements_and_keeps_the_exit_code(environment, folder):
    command = [sys.executable, "-m", "rnncourse", "grade", folder / "2021003李伟", "--solutions",
               SOLUTIONS, "--lang", "zh", "--require-full"]  # fmt: skip
    done = subprocess.run(command, env={**os.environ, **environment}, cwd=ROOT, check=False,
                          capture_output=True)  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"rnn_ex_01" in done.stdout
    assert b"???" in done.stdout


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["grade", "{folder}", "--solutions", str(SOLUTIONS), "--require-full"], 1),
     (["data", "list"], 0), (["data", "path", "no such"], 1)],
)  # fmt: skip
def test_a_pipe_that_closes_early_does_not_change_the_exit_code(stream, arguments, code, folder):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "rnncourse", *(a.format(folder=folder) for a in arguments)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing}
        done = subprocess.run(command, cwd=ROOT, check=False, **streams)
    finally:
        os.close(writing)
    assert done.returncode == code
    assert b"Traceback" not in (done.stdout or b"") + (done.stderr or b"")
    assert b"BrokenPipe" not in (done.stderr or b"")
