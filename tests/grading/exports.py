"""Classes as platforms export them, small notebooks in them, with the oddities of real ones."""

import io
import json
import tarfile
import warnings
import zipfile

STEP = """import numpy as np
def rnn_step(x, h, W_x, W_h, b):
    return np.tanh(x @ W_x + h @ W_h + b)
"""


def notebook(*cells, exercise=None):
    """A notebook's bytes."""
    code = [{"cell_type": "code", "metadata": {}, "source": source, "outputs": [],
             "execution_count": None} for source in cells or (STEP,)]  # fmt: skip
    metadata = {"rnncourse": {"exercise": exercise}} if exercise else {}
    data = {"cells": code, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(data).encode()


def zipped(members, packing=zipfile.ZIP_DEFLATED):
    """A zip of (name, content) pairs; a name in bytes is stored as it is, without a flag."""
    data, raw = io.BytesIO(), {}
    with zipfile.ZipFile(data, "w", packing) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a name that is there twice
        for number, (name, content) in enumerate(members):
            if isinstance(name, bytes):
                stand_in = f"@{number:04}".ljust(len(name), "x")[: len(name)]
                raw[stand_in.encode()], name = name, stand_in
            file.writestr(name, content, packing)
    packed = data.getvalue()
    for stand_in, name in raw.items():
        assert packed.count(stand_in) == 2  # beside the content, and in the directory
        packed = packed.replace(stand_in, name)
    return packed


def tarred(members, mode="w:gz"):
    """A tar of (name, content) pairs; content None is a folder, a TarInfo in place of a name."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as file:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if content is None and info.type == tarfile.REGTYPE:
                info.type = tarfile.DIRTYPE
            info.size = len(content or b"")
            file.addfile(info, io.BytesIO(content or b""))
    return data.getvalue()


SURNAMES = "王李张刘陈杨赵黄周吴"
GIVEN = ["伟", "芳", "秀英", "敏", "静", "丽", "强", "磊", "洋", "艳"]


def moodle_people(count):
    """(name, Moodle's number); several have one name, Latin ones have spaces and underscores."""
    people = []
    for k in range(count):
        name = SURNAMES[k % 10] + GIVEN[k // 10 % 10]  # 100 names
        if k % 3 == 0:
            name = f"Anna_{k % 50} van der Berg-O'Neil"
        people.append((name, 1_000_000 + k))
    return people


def _handed_in(k):
    """What the k-th learner uploaded: (file name, content) pairs; and whether it can be graded."""
    good = notebook(STEP, f"k = {k}")
    page = b"<!DOCTYPE html><title>Log in</title>"
    oddities = [
        ([("rnn_ex_01.ipynb.txt", good)], True),
        ([("work.zip", zipped([("hw//rnn_ex_01.ipynb", good), ("__MACOSX/._a.ipynb", b"x")]))],
         True),
        ([("work.tar.gz", tarred([("./hw", None), ("./hw/RNN_EX_01.IPYNB", good)]))], True),
        ([("rnn_ex_01.py", STEP.encode())], False),
        ([], False),
        ([("homework.zip", zipped([("第一次/rnn_ex_01_作业.ipynb".encode("gbk"), good)]))], True),
        ([("rnn_ex_01.ipynb", good), ("rnn_ex_01 (1).ipynb", good)], True),
        ([("rnn_ex_01.rar", b"Rar!\x1a\x07")], False),
        ([("essay.pdf", b"%PDF-1.4"), ("photo.jpg", b"\xff\xd8")], False),
        ([("rnn_ex_01.ipynb", good[:-40])], False),
        ([("rnn_ex_01.ipynb", good.decode().encode("utf-16"))], True),
        ([("rnn_ex_01.ipynb", good), (".DS_Store", b"x"), ("rnn_ex_01.html", page)], True),
        ([("rnn_ex_01", good)], True),
        ([("rnn_ex_01.ipynb", page)], False),
        ([("rnn_ex_01.ipynb", b"")], False),
        ([("outer.zip", zipped([("inner.zip", zipped([("rnn_ex_01.ipynb", good)]))]))], True),
    ]  # fmt: skip
    return oddities[k // 4] if k % 4 == 0 and k // 4 < len(oddities) else (
        [("rnn_ex_01.ipynb", good)], True)  # fmt: skip


def moodle(count):
    """Members of a Moodle export, and which of its numbers handed in what can be graded."""
    members, gradable = [], {}
    for k, (name, number) in enumerate(moodle_people(count)):
        files, gradable[str(number)] = _handed_in(k)
        folder = f"{name}_{number}_assignsubmission_file_"
        members += [(f"{folder}/{file}", content) for file, content in files]
        if not files:
            members.append((f"{folder}/", b""))
        if k % 40 == 0 and files:  # who typed something beside
            text = f"{name}_{number}_assignsubmission_onlinetext_/onlinetext.html"
            members.append((text, b"<p>see my file</p>"))
    return members, gradable


def canvas(count):
    """Members of a Canvas export, flat; who uploads twice has two files; nothing has no file."""
    members, gradable = [], {}
    for k in range(count):
        files, good = _handed_in(k)
        name = "".join(c for c in moodle_people(k + 1)[k][0].lower() if c.isalpha())
        for number, (file, content) in enumerate(files or [("nothing.txt", b"")]):
            late = "_LATE" if k % 7 == 0 else ""
            stem, dot, end = file.partition(".")
            again = f"{stem}-{number}{dot}{end}" if number else file
            members.append(
                (f"{name}{late}_{5000 + k}_{900_000 + 10 * k + number}_{again}", content)
            )
        gradable[str(5000 + k)] = good
    return members, gradable
