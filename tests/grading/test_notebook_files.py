"""What is in a notebook's file: each fault with its remedy, other encodings read and said."""

import pytest
from exports import STEP, notebook, zipped

from rnncourse.grading.exercise import NotebookError, decode_notebook
from rnncourse.grading.submissions import find_submissions, read_jobs

KNOWN = ["rnn_ex_01"]
NAME = "rnn_ex_01.ipynb"
GOOD = notebook()


@pytest.mark.parametrize(
    ("data", "english", "chinese"),
    [
        (b"", "the file is empty", "文件是空的"),
        (b"\xef\xbb\xbf\n", "the file is empty", "文件是空的"),
        (b"<!DOCTYPE html><title>Log in", "a web page, perhaps one that asks to log in", "登录页"),
        (b"[\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> b\n]", "Git merge conflict", "合并冲突"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "run git lfs pull", "git lfs pull"),
        (zipped([("a", b"x")]), "it is a zip file: name it .zip", "这是 zip 文件"),
        (b"%PDF-1.7\n\xff", "it is a PDF file", "这是 PDF 文件"),
        (b'{"cells": [1, ],\n}', "not readable as JSON (line 1): open it in", "（第 1 行）"),
        (GOOD[:-40], "it ends too early, in line 1", "文件不完整，在第 1 行中断"),
        (b'{"worksheets": []}', "of version 4 but of 3: open it in Jupyter", "第 3 版"),
        (b"\xff\xff", "not UTF-8 text", "不是 UTF-8 文本"),
        (b" " * (11 << 20), "clear the outputs (Edit → Clear All Outputs), save, and hand in",
         "请清除所有输出"),
    ],
)  # fmt: skip
def test_what_is_no_notebook_is_told_its_remedy(data, english, chinese):
    with pytest.raises(NotebookError) as found:
        decode_notebook(data)
    assert english in found.value.text[0]
    assert chinese in found.value.text[1]


@pytest.mark.parametrize(
    ("encoding", "start", "name"),
    [("utf-16", b"", "UTF-16"), ("utf-16-le", b"", "UTF-16"), ("utf-16-be", b"", "UTF-16"),
     ("gb18030", b"", "GB18030"), ("utf-8", b"\xef\xbb\xbf", ""), ("utf-8", b"", "")],
)  # fmt: skip
def test_other_encodings_are_graded_and_said(encoding, start, name, tmp_path):
    text = notebook("s = '甲乙丙'").decode().encode().decode("unicode-escape").replace("\n", "")
    (tmp_path / NAME).write_bytes(start + text.encode(encoding))
    (job,) = (j for s in find_submissions([str(tmp_path)]) for j in read_jobs(s, KNOWN))
    assert job.cells == ("s = '甲乙丙'",)
    assert (job.note[0] if job.note else "") == (
        f"the file is in {name}, which Jupyter does not open: save it as UTF-8" if name else ""
    )


def test_json_that_python_reads_is_a_notebook():
    """NaN and Infinity in outputs or metadata, as some libraries write them."""
    data = GOOD.replace(b'"metadata": {}', b'"metadata": {"a": NaN, "b": -Infinity}')
    assert decode_notebook(data).cells[0].source == STEP
