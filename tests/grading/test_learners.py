"""Whose a submission is: a class as platforms and people name it, and nobody lost or merged."""

import time
import unicodedata
from collections import defaultdict

import pytest
from exports import canvas, moodle, notebook, zipped

from rnncourse.grading.exercise import read_notebook
from rnncourse.grading.learners import learners, read_export
from rnncourse.grading.submissions import find_submissions, read_jobs

KNOWN = ["rnn_ex_01", "rnn_ex_02", "lstm_ex_04"]
SIZE = 300


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def of(*paths, **more):
    """The learners of paths as (name, id)."""
    found = learners([tuple(path.split("/")) for path in paths], KNOWN, **more)
    return [[(one.name, one.id) for one in team] for team in found]


def names(*paths, **more):
    return [team[0][0] for team in of(*paths, **more)]


# --- a class of 300 --------------------------------------------------------------------------


def jobs_by_learner(path):
    """The jobs of an export by their learner's number."""
    found = defaultdict(list)
    for submission in find_submissions([str(path)], KNOWN):
        for job in read_jobs(submission, KNOWN):
            found[job.learner_id].append(job)
    return found


@pytest.mark.parametrize("export", [moodle, canvas])
@pytest.mark.parametrize("unpacked", [False, True])
def test_a_class_of_300_has_a_row_for_everybody(export, unpacked, tmp_path):
    """As the platform exports it, in one zip or unpacked, with a tenth of odd submissions."""
    members, gradable = export(SIZE)
    path = tmp_path / "CS224N spring"
    if unpacked:
        for name, content in members:
            if name.endswith("/"):
                (path / name).mkdir(parents=True)
            else:
                write(path / name, content)
    else:
        path = tmp_path / "CS224N spring.zip"
        path.write_bytes(zipped(members))
    found = jobs_by_learner(path)
    assert found.keys() == gradable.keys()
    assert len({jobs[0].learner for jobs in found.values()}) == SIZE
    assert all(len({job.learner for job in jobs}) == 1 for jobs in found.values())
    every = [job for jobs in found.values() for job in jobs]
    assert all(bool(job.cells) != bool(job.problem) for job in every)
    assert len({job.submission for job in every}) == len(every)
    answers = {who: any(job.cells and job.exercise == "rnn_ex_01" for job in jobs)
               for who, jobs in found.items()}  # fmt: skip
    assert answers == gradable
    assert sum(gradable.values()) == SIZE - 7


def test_a_class_is_listed_quickly(tmp_path):
    """Naming looks at the class as a whole, and stays linear: 20,000 paths in a few seconds."""
    start = time.monotonic()
    paths = [f"A{k}_{k}_assignsubmission_file_/rnn_ex_01.ipynb" for k in range(20_000)]
    assert len(set(names(*paths))) == 20_000
    assert time.monotonic() - start < 20


# --- platforms -------------------------------------------------------------------------------


def test_moodle_names_folders_or_files():
    found = of(
        "Zhang San_1234567_assignsubmission_file_/rnn_ex_01.ipynb",
        "Zhang San_1234567_assignsubmission_onlinetext_/onlinetext.html",
        "Jean_Luc_Li_1234568_assignsubmission_file/李四.ipynb",
        "李四_1234569_assignsubmission_file_hw.zip/Zhang San/rnn_ex_01.ipynb",
    )
    assert found == [[("Zhang San", "1234567")], [("Zhang San", "1234567")],
                     [("Jean_Luc_Li", "1234568")], [("李四", "1234569")]]  # fmt: skip


def test_two_of_one_name_in_an_export_are_two_and_one_in_two_exports_is_one():
    """Moodle numbers people anew for each assignment."""
    folder = "{}_{}_assignsubmission_file_"
    first = [f"hw1/{folder.format('王伟', k)}/a.ipynb" for k in (11, 12)]
    assert names(*first) == ["王伟 (11)", "王伟 (12)"]
    again = [f"hw{n}/{folder.format('李娜', n)}/a.ipynb" for n in (1, 2)]
    assert names(*again) == ["李娜", "李娜"]
    assert names(*first, f"hw2/{folder.format('王伟', 30)}/a.ipynb")[2] == "王伟 (30)"


def test_canvas_names_files():
    found = of("zhangsan_12345_678901_rnn_ex_01.ipynb",
               "zhangsan_LATE_12345_678902_rnn_ex_01-2.ipynb",
               "lisi_5_678903_work.zip/anna/rnn_ex_01.ipynb")  # fmt: skip
    assert found == [[("zhangsan", "12345")], [("zhangsan", "12345")], [("lisi", "5")]]
    assert names("lisi_LATE_5_678903_rnn_ex_01.ipynb") == ["lisi"]
    assert names("rnn_ex_01_2024_050_x.ipynb", "anna/rnn_ex_01_2024_050_x.ipynb") == ["x", "anna"]


def test_a_notebooks_language_names_nobody():
    """As it is handed out, renamed by a browser, by Colab, by hand; a name behind it stays."""
    assert names("anna/rnn_ex_01.zh.ipynb", "li/rnn_ex_01.zh (1).ipynb") == ["anna", "li"]
    assert names("张三_rnn_ex_01.zh.ipynb", "rnn_ex_01.zh-李四.ipynb") == ["张三", "李四"]
    assert names("Copy of rnn_ex_01.zh.ipynb", fallback="hw1") == ["hw1"]
    assert names("rnn_ex_01.zh (2).ipynb", "RNN_EX_02-zh.ipynb", fallback="hw1") == ["hw1"] * 2
    assert names("rnn_ex_01_zhang.ipynb", "rnn_ex_01_zhou.ipynb") == ["zhang", "zhou"]
    assert names("zhangsan_12345_678901_rnn_ex_01.zh-1.ipynb") == ["zhangsan"]


def test_blackboard_names_files():
    stem = "Assignment 1_zhangsan_attempt_2024-05-01-10-20-30"
    assert names(f"{stem}_rnn_ex_01.ipynb", f"{stem}.txt") == ["zhangsan", "zhangsan"]


EXPORT = """---
submission_567890:
  :submitters:
  - :name: Zhang San
    :sid: '0012'
    :email: z@example.edu
  - :name: Li Si
    :sid: ''
    :email: l@example.edu
  :comments: |
    submission_1:
      :submitters: [x]
  :created_at: 2024-05-01 10:20:30.5 Z
  :results: !ruby/object:Hash {}
submission_567891:
  :submitters: []
"""


def test_gradescope_lists_its_submitters(tmp_path):
    """A team's submission is each member's; a number keeps its zeros; no tag is followed."""
    root = tmp_path / "assignment_1234_export"
    write(root / "submission_metadata.yml", EXPORT.encode())
    for number in (567890, 567891):
        write(root / f"submission_{number}" / "rnn_ex_01.ipynb", notebook())
        write(root / f"submission_{number}" / "metadata.yml", b"x: 1")
    packed = tmp_path / "export.zip"
    packed.write_bytes(zipped((str(path.relative_to(tmp_path)), path.read_bytes())
                              for path in root.rglob("*.*") if path.is_file()))  # fmt: skip
    for path in (root, tmp_path / "export.zip"):
        rows = [(r.learner, r.learner_id) for r in find_submissions([str(path)], KNOWN)]
        assert sorted(rows) == [("Li Si", "l@example.edu"), ("Zhang San", "0012"),
                                ("submission_567891", "567891")]  # fmt: skip


def test_a_learner_cannot_pose_as_an_export(tmp_path):
    """Only the folder around a class is believed, and the first folder that names somebody."""
    write(tmp_path / "anna" / "rnn_ex_01.ipynb", notebook())
    write(tmp_path / "mallory" / "submission_metadata.yml", EXPORT.encode())
    write(tmp_path / "mallory" / "submission_567890" / "rnn_ex_01.ipynb", notebook())
    write(tmp_path / "mallory" / "anna_1_assignsubmission_file_" / "a.ipynb", notebook())
    rows = [row.learner for row in find_submissions([str(tmp_path)], KNOWN)]
    assert sorted(rows) == ["anna", "mallory", "mallory"]


@pytest.mark.parametrize(
    "data",
    [b"", b"[1]", b"a: b", b"\xff\xfe", b"[" * 5000, b"a: &a [*a]", b"x: *b", b"submission_1: *b",
     b"submission_1:\n  :submitters: {\n",
     b"submission_1:\n  :submitters:\n  - 3\n  - :name: [x]"],
)  # fmt: skip
def test_what_is_no_list_of_gradescopes_says_nothing(data):
    assert read_export(data) == {}


# --- people ----------------------------------------------------------------------------------


def test_numbers_and_names_in_any_order_are_one_person():
    """As 学习通 and 雨课堂 write them, and as people do."""
    found = of("2021001-张三-作业1.ipynb", "张三_2021001.ipynb", "张三-rnn_ex_02.ipynb",
               "第二次作业/2021001 张三.zip/a.ipynb", "作业3/2021001/a.ipynb",
               "PB21000001-钱七-循环神经网络.ipynb", "（2021002）李四.ipynb")  # fmt: skip
    assert found[:5] == [[("张三", "2021001")]] * 5
    assert found[5:] == [[("钱七", "PB21000001")], [("李四", "2021002")]]


def test_two_people_never_become_one():
    assert names("2021003王伟.ipynb", "2021004王伟.ipynb", "王伟.ipynb") == [
        "王伟 (2021003)", "王伟 (2021004)", "王伟"]  # fmt: skip
    assert names("anna_20240501.ipynb", "bert_20240501.ipynb") == ["anna", "bert"], "a date"
    numbered = [f"王伟_{k}_assignsubmission_file_/a.ipynb" for k in (7, 8)]
    assert len(set(names("1_wu/a.ipynb", "王伟 (7)/a.ipynb", *numbered))) == 4


def test_attempts_of_one_person_are_joined():
    assert set(names("hw1/Anna/a.ipynb", "hw2/anna/b.ipynb", "ＡＮＮＡ/c.ipynb")) == {"Anna"}


@pytest.mark.parametrize(
    ("paths", "who"),
    [
        (["hw1/anna/rnn_ex_01.ipynb", "hw1/bert.zip/x/rnn_ex_01.ipynb", "hw1/carl.ipynb"],
         ["anna", "bert", "carl"]),
        (["CS224/anna/rnn_ex_01.ipynb", "CS224/bert/rnn_ex_01.ipynb"], ["anna", "bert"]),
        (["c.zip/anna_rnn_ex_01.ipynb", "c.zip/bert_rnn_ex_01.ipynb"], ["anna", "bert"]),
        (["c.zip/张三.ipynb", "c.zip/李四.ipynb"], ["张三", "李四"]),
        (["anna/hw/rnn_ex_01.ipynb"], ["anna"]),
        (["anna/part1/rnn_ex_01.ipynb", "anna/part2/rnn_ex_02.ipynb"], ["anna", "anna"]),
        (["li.zip/x/rnn_ex_01.ipynb"], ["li"]),
        (["li.zip/rnn_ex_01.ipynb", "li.zip/rnn_ex_02_v2.ipynb"], ["li", "li"]),
        (["rnn_ex_01-张三.ipynb", "副本 rnn_ex_01_li (2).ipynb", "RNN-ex 01_赵六_最终版.ipynb"],
         ["张三", "li", "赵六"]),
        (["rnn_ex_01.ipynb", "Untitled3.ipynb", "=a/x.ipynb"], ["class", "class", "=a"]),
        (["hw1/rnn_ex_01.ipynb", "group2/rnn_ex_01.ipynb"], ["hw1", "group2"]),
        (["a.zip/A_1_assignsubmission_file_/x.ipynb", "a.zip/B_2_assignsubmission_file_/x.ipynb",
          "b.zip/A_3_assignsubmission_file_/x.ipynb", "b.zip/B_4_assignsubmission_file_/x.ipynb"],
         ["A", "B", "A", "B"]),
        (["J.R. Li/x.ipynb", "J.R. Wu/x.ipynb", "J.R. Wu.zip/x.ipynb", "J.R. Xu.ipynb"],
         ["J.R. Li", "J.R. Wu", "J.R. Wu", "J R Xu"]),
        (["a\u202eb/x.ipynb", "ab/x.ipynb"], ["a\\u202eb", "ab"]),
    ],
)  # fmt: skip
def test_the_first_part_that_names_somebody_says_who(paths, who):
    assert names(*paths, fallback="class") == who


def test_files_given_by_name_are_their_folders_or_what_they_say(tmp_path):
    for name in ("anna/rnn_ex_01.ipynb", "bert/rnn_ex_01.ipynb", "c/张三.ipynb"):
        write(tmp_path / name, notebook())

    def given(*paths):
        found = find_submissions([str(tmp_path / path) for path in paths], KNOWN)
        return [row.learner for row in found]

    assert given("anna/rnn_ex_01.ipynb") == ["anna"]
    assert given("anna/rnn_ex_01.ipynb", "bert/rnn_ex_01.ipynb") == ["anna", "bert"]
    assert given("anna", "bert") == ["anna", "bert"]
    assert given("c/张三.ipynb") == ["张三"]
    assert given(".", "c/张三.ipynb") == ["anna", "bert", "c", "张三"]
    assert given("anna") == ["anna"], "a learner's own folder, as Gradescope gives it"


def test_any_character_in_a_name_gives_a_printable_name_that_is_nobody_elses():
    """Of every category of Unicode: what comes out has no control, format or odd space in it."""
    kinds = defaultdict(list)
    for code in range(0x110000):
        kinds[unicodedata.category(chr(code))].append(chr(code))
    some = [c for chars in kinds.values() for c in chars[:40] + chars[-40:] if c not in "/\0"]
    shown = names(*(f"x{c}{k}y/rnn_ex_01.ipynb" for k, c in enumerate(some)))
    assert len(set(shown)) == len(some)
    assert all(name and name.isprintable() for name in shown)


def test_a_notebook_on_disk_is_the_one_in_the_zip(tmp_path):
    """`read_jobs` gives the same cells either way."""
    write(tmp_path / "f" / "anna" / "rnn_ex_01.ipynb", notebook("x = 1", "y = '中'"))
    write(tmp_path / "z.zip", zipped([("anna/rnn_ex_01.ipynb", notebook("x = 1", "y = '中'"))]))
    cells = [job.cells for path in ("f", "z.zip")
             for row in find_submissions([str(tmp_path / path)], KNOWN)
             for job in read_jobs(row, KNOWN)]  # fmt: skip
    whole = read_notebook(tmp_path / "f" / "anna" / "rnn_ex_01.ipynb")
    assert cells == [tuple(cell.source for cell in whole.cells)] * 2
