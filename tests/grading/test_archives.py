"""Archives and files as they come: a row for everybody, a reason for everything, all bounded."""

import gzip
import io
import json
import lzma
import random
import struct
import tarfile
import tracemalloc
import zipfile

import pytest
from exports import STEP, notebook, tarred, zipped

from rnncourse.grading import archives, finding
from rnncourse.grading.archives import walk
from rnncourse.grading.submissions import MAX_NOTEBOOKS, find_submissions, read_jobs

KNOWN = ["rnn_ex_01", "rnn_ex_02", "lstm_ex_04"]
NAME = "rnn_ex_01.ipynb"
GOOD = notebook()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def rows(*paths):
    """What is graded of these paths: (submission, learner, exercise, what is wrong in English)."""
    found = find_submissions([str(path) for path in paths], KNOWN)
    return [(job.submission, job.learner, job.exercise, job.problem[0] if job.problem else "")
            for submission in found for job in read_jobs(submission, KNOWN)]  # fmt: skip


def rows_of(folder, name, content):
    """The rows of one learner's file; another learner's is graded whatever it is."""
    write(folder / "li" / name, content)
    write(folder / "wu" / NAME, GOOD)
    *found, other = rows(folder)
    assert other == (f"wu/{NAME}", "wu", "rnn_ex_01", "")
    assert all(row[1] == "li" for row in found)
    return [(row[0].removeprefix(f"li/{name}").removeprefix("/"), *row[2:]) for row in found]


# --- formats -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.zip", zipped([(NAME, GOOD)])), ("A.ZIP", zipped([(NAME, GOOD)], zipfile.ZIP_STORED)),
     ("a.tar", tarred([(NAME, GOOD)], "w")), ("a.tar.gz", tarred([(NAME, GOOD)])),
     ("a.tgz", tarred([(NAME, GOOD)])), ("a.tar.bz2", tarred([(NAME, GOOD)], "w:bz2")),
     ("a.tar.xz", tarred([(NAME, GOOD)], "w:xz")), ("a.txz", tarred([(NAME, GOOD)], "w:xz")),
     ("a (1).zip", zipped([("inner.tar.gz", tarred([("x.zip", zipped([(NAME, GOOD)]))]))]))],
)  # fmt: skip
def test_what_the_standard_library_reads_is_read(name, content, tmp_path):
    (row,) = rows_of(tmp_path, name, content)
    assert row[0].endswith(NAME)
    assert row[1:] == ("rnn_ex_01", "")


@pytest.mark.parametrize("name", ["a.7z", "a.RAR", "a.ipynb.gz", "a.tar.zst", "a.xz", "a.z"])
def test_other_archives_say_which_format_to_hand_in(name, tmp_path):
    ((_, _, said),) = rows_of(tmp_path, name, b"Rar!")
    assert "is not opened here: hand in the .ipynb file, or a .zip of it" in said
    (inside,) = rows_of(tmp_path / "again", "a.zip", zipped([(name, b"7z")]))
    assert inside[2] == said


def test_names_in_a_zip_are_shown_and_never_followed(tmp_path):
    members = ["./a.ipynb", "hw//b.ipynb", "win\\c.ipynb", "/etc/d.ipynb", "../../e.ipynb",
               "C:\\f.ipynb", "a.ipynb", "a.ipynb"]  # fmt: skip
    found = rows_of(tmp_path, "x.zip", zipped([("hw/", b""), *((m, GOOD) for m in members)]))
    assert [row[0] for row in found] == [
        "./a.ipynb", "hw//b.ipynb", "win/c.ipynb", "/etc/d.ipynb", "../../e.ipynb", "C:/f.ipynb",
        "a.ipynb", "a.ipynb [2]"]  # fmt: skip
    assert len(list(tmp_path.rglob("*"))) == 4, "nothing was extracted"


def test_names_that_are_not_utf8_are_read_and_kept_apart(tmp_path):
    """GBK as Windows in Chinese writes it, UTF-8 without the flag, CP437; two never become one."""
    raw = ["张三.ipynb".encode("gbk"), "李四.ipynb".encode(), b"Andr\x82.ipynb", b"Andr\x83.ipynb",
           "张三.ipynb".encode(), b"\x80\x81.ipynb"]  # fmt: skip
    path = tmp_path / "work.zip"
    path.write_bytes(zipped([(name, GOOD) for name in raw]))
    found = [row[0].removeprefix(f"{tmp_path}/work.zip/") for row in rows(path)]
    assert found[:5] == ["张三.ipynb", "李四.ipynb", "Andr\\x82.ipynb", "Andr\\x83.ipynb",
                         "张三.ipynb [2]"]  # fmt: skip
    assert len(set(found)) == len(raw)
    folder = tmp_path / "class"
    for name in raw:
        write(folder / name.decode("utf-8", "surrogateescape"), GOOD)
    shown = {row[0] for row in rows(folder)}
    assert len(shown) == len(raw)
    assert shown >= {"张三.ipynb", "张三.ipynb [2]", "Andr\\x82.ipynb"}
    assert all(name.isprintable() for name in shown)


def test_a_whole_class_in_one_zip_is_graded_each(tmp_path):
    path = tmp_path / "class.zip"
    path.write_bytes(zipped([(f"p{k}/{NAME}", GOOD) for k in range(150)]))
    assert [(row[1], row[3]) for row in rows(path)] == [(f"p{k}", "") for k in range(150)]


@pytest.mark.parametrize("packed", [False, True])
def test_of_one_learner_a_hundred_are_graded_and_one_row_says_the_rest(packed, tmp_path):
    names = [f"n{k:03}_{NAME}" for k in range(MAX_NOTEBOOKS + 7)]
    if packed:
        write(tmp_path / "li" / "a.zip", zipped([(name, GOOD) for name in names]))
    else:
        for name in names:
            write(tmp_path / "li" / name, GOOD)
    write(tmp_path / "wu" / NAME, GOOD)
    found = rows(tmp_path)
    assert [row[1] for row in found] == ["li"] * (MAX_NOTEBOOKS + 1) + ["wu"]
    assert [row[3] for row in found if row[3]] == [
        "this and 6 more are left out: at most 100 of one learner"]  # fmt: skip


# --- damaged, protected, hostile ---------------------------------------------------------------


def broken():
    """Name, content, and what the row says."""
    stored = zipped([(NAME, GOOD)], zipfile.ZIP_STORED)
    wrong = stored.replace(b"nbformat_minor", b"nbformat_mirror", 1)
    locked = bytearray(stored)
    locked[6] |= 1  # the flag beside the content, and in the directory
    locked[stored.index(b"PK\1\2") + 8] |= 1
    other = bytearray(stored)
    for place in (8, stored.index(b"PK\1\2") + 10):
        other[place : place + 2] = struct.pack("<H", 9)  # Deflate64, as Windows may write it
    tar = tarred([(NAME, GOOD), (NAME, GOOD)], "w")
    torn = bytearray(tar)
    torn[tar.rindex(b"rnn_ex")] ^= 1  # the second header
    damaged = "not a readable archive, damaged or cut short"
    return [
        ("a.zip", wrong, damaged), ("a.zip", bytes(locked), "protected by a password"),
        ("a.zip", bytes(other), "packed in a way that is not read here"),
        ("a.zip", zipped([(NAME, GOOD)], zipfile.ZIP_BZIP2), "packed in a way that is not read"),
        ("a.zip", stored[:-30], damaged), ("a.zip", b"", damaged), ("a.zip", b"PK\3\4", damaged),
        ("a.tar", tar[:300], damaged), ("a.tar", bytes(torn), damaged),
        ("a.tar.gz", tarred([(NAME, GOOD * 50)])[:-30], damaged),
        ("a.tar.xz", tarred([(NAME, GOOD)], "w:xz")[:200], damaged),
        ("a.tar.bz2", b"BZh9", damaged), ("a.tar", b"hello", damaged),
        ("a.zip", zipped([("x.pdf", b"%PDF")]), "no notebooks in this zip"),
        ("a.tgz", tarred([("only a folder", None)]), "no notebooks in this tgz"),
        ("a.zip", zipped([(NAME, b" " * (11 << 20))]), "larger than 10 MB: clear the outputs"),
    ]  # fmt: skip


# Bytes in a test's name would differ between two workers: an archive holds the time.
@pytest.mark.parametrize(
    ("name", "content", "said"), broken(), ids=lambda v: "" if isinstance(v, bytes) else v
)
def test_what_is_wrong_with_an_archive_is_said(name, content, said, tmp_path):
    assert said in rows_of(tmp_path, name, content)[-1][2]


def test_a_link_in_a_tar_is_refused(tmp_path):
    links = []
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
        info = tarfile.TarInfo(f"{len(links)}_{NAME}")
        info.type, info.linkname = kind, "/etc/passwd"
        links.append((info, None))
    found = rows_of(tmp_path, "a.tar", tarred(links, "w"))
    assert [row[2] for row in found] == ["is a link, not a file"] * 3


def test_archives_in_archives_end_somewhere(tmp_path):
    content = zipped([(NAME, GOOD)])
    for _ in range(4):
        content = zipped([("in.zip", content)])
    ((_, _, said),) = rows_of(tmp_path, "a.zip", content)
    assert "more than 3 archives in one another" in said


def test_a_directory_is_bounded_before_it_is_parsed(tmp_path, monkeypatch):
    """The end record states 5 MB of it; 200,000 entries would take 200 MB to list."""
    size = 5 << 20
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 10, 10, size, 0, 0)
    monkeypatch.setattr(zipfile.ZipFile, "infolist", lambda _: pytest.fail("parsed"))
    ((_, _, said),) = rows_of(tmp_path, "a.zip", b"PK\1\2" + b"\0" * (size - 4) + end)
    assert "too many files in this archive" in said


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_entries_and_bytes_are_counted(pack, tmp_path, monkeypatch):
    """Of an archive with all inside it; what came before is graded, and the others are."""
    monkeypatch.setattr(archives, "MAX_ENTRIES", 5)
    members = [(f"{k}_{NAME}", GOOD) for k in range(9)]
    found = rows_of(tmp_path, "a.zip" if pack is zipped else "a.tar.gz", pack(members))
    assert [bool(row[2]) for row in found] == [False] * 5 + [True]
    assert "too many files" in found[-1][2]
    monkeypatch.setattr(archives, "MAX_ENTRIES", 99)
    size = len(GOOD) if pack is zipped else 1024  # a tar has headers, and blocks of 512
    monkeypatch.setattr(archives, "MAX_BYTES", 4 * size + 10)
    found = rows_of(tmp_path, "a.zip" if pack is zipped else "a.tar.gz", pack(members))
    assert "too much data" in found[-1][2]
    assert sum(not row[2] for row in found) == 4


@pytest.mark.parametrize("packing", ["a.zip", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_a_bomb_in_an_archive_costs_its_row(packing, tmp_path, monkeypatch):
    """Of an inner archive no more is unpacked than is allowed, in pieces."""
    monkeypatch.setattr(archives, "MAX_INNER_BYTES", 1 << 20)
    zeros = bytes(30 << 20)
    mode = f"w:{packing.rpartition('.')[2]}"
    inner = zipped([("x.csv", zeros), (NAME, zeros)]) if packing == "a.zip" else tarred(
        [("x.csv", zeros), (NAME, GOOD)], mode)  # fmt: skip
    sizes = [0]
    real = archives._pieces

    def watched(*arguments):
        for piece in real(*arguments):
            sizes.append(len(piece))
            yield piece

    monkeypatch.setattr(archives, "_pieces", watched)
    content = zipped([("0.ipynb", GOOD), (packing, inner), (NAME, GOOD)])
    found = rows_of(tmp_path, "all.zip", content)
    assert [bool(row[2]) for row in found] == [True, True, False]
    assert found[0][2].startswith("unknown exercise")
    assert "too much data" in found[1][2]
    assert max(sizes) <= archives.PIECE
    assert sum(sizes) <= 4 << 20


def test_a_tars_header_and_an_xzs_memory_are_bounded(tmp_path, monkeypatch):
    long = tarfile.TarInfo("x" * (2 << 20))
    ((_, _, said),) = rows_of(tmp_path, "a.tar", tarred([(long, GOOD)], "w"))
    assert "a header in this archive is too large" in said
    monkeypatch.setattr(archives, "MAX_LZMA", 1 << 20)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]  # 8 MB of memory to unpack
    xz = lzma.compress(tarred([(NAME, GOOD)], "w"), filters=filters)
    ((_, _, said),) = rows_of(tmp_path / "b", "a.tar.xz", xz)
    assert "not a readable archive" in said


def test_a_damaged_byte_anywhere_never_stops_a_batch(tmp_path):
    """300 archives with some bytes changed or cut off: rows and no exception."""
    random.seed(4711)
    seeds = [("a.zip", zipped([("hw/", b""), (NAME, GOOD)]))]
    seeds += [
        (f"a.tar.{kind}", tarred([(NAME, GOOD)], f"w:{kind}")) for kind in ("gz", "xz", "bz2")
    ]
    seeds.append(("a.tar", tarred([(NAME, GOOD)], "w")))
    for number in range(300):
        name, content = seeds[number % len(seeds)]
        data = bytearray(content)
        for _ in range(random.randrange(1, 5)):
            data[random.randrange(len(data))] = random.randrange(256)
        write(tmp_path / name, bytes(data[: random.choice([None, random.randrange(len(data))])]))
        assert rows(tmp_path / name)


def test_names_take_no_memory(tmp_path):
    """Of 2,000 folders in one another, of a name of 600,000 letters, of headers for all."""
    members = [(f"{k}/" + "a/" * 2_000 + NAME, GOOD) for k in range(20)]
    members.append(("x" * 600_000 + ".ipynb", GOOD))
    content = tarred(members, "w").rstrip(b"\0")  # without the blocks that end it
    content += bytes(-len(content) % tarfile.BLOCKSIZE)
    for number in range(30):
        content += tarfile.TarInfo.create_pax_global_header({f"key{number}": "v" * 500_000})
        content += tarred([(f"{number}_{NAME}", GOOD)], "w")[:1024]
    packed = gzip.compress(content + bytes(tarfile.RECORDSIZE))
    tracemalloc.start()
    found = rows_of(tmp_path, "a.tgz", packed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    said = [row[2] for row in found]
    assert said == [""] * 20 + ["a name of more than 4096 characters"] + [""] * 30
    assert peak < 13 << 20
    assert max(len(row[0]) for row in rows(tmp_path)) <= 210


def test_zip64_is_read(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file, file.open(NAME, "w", force_zip64=True) as member:
        member.write(GOOD)
    assert rows_of(tmp_path, "a.zip", data.getvalue()) == [(NAME, "rnn_ex_01", "")]


def test_an_archive_is_opened_once_and_its_notebooks_stay_small(tmp_path, monkeypatch):
    """Outputs make a notebook large; of 20 of 5 MB some kilobytes wait for their turn."""
    outputs = [{"output_type": "stream", "name": "stdout", "text": ["x" * (5 << 20)]}]
    large = json.loads(GOOD)
    large["cells"][0]["outputs"] = outputs
    path = tmp_path / "class.zip"
    path.write_bytes(zipped([(f"p{k}/{NAME}", json.dumps(large).encode()) for k in range(20)]))
    opened = []
    real = zipfile.ZipFile.__init__
    monkeypatch.setattr(zipfile.ZipFile, "__init__",
                        lambda *a, **k: opened.append(1) or real(*a, **k))  # fmt: skip
    found = list(find_submissions([str(path)], KNOWN))
    assert sum(len(row.packed) for row in found) < 20 << 10
    assert [job.cells for row in found for job in read_jobs(row, KNOWN)] == [(STEP,)] * 20
    assert opened == [1]


def test_an_entry_is_read_only_as_far_as_it_is_wanted(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(zipped([("data.csv", b"1,2\n" * (1 << 20))]))
    (entry,) = walk(path)
    with pytest.raises(ValueError, match="closed"):  # it has ended
        entry.read(10)
    for entry in walk(path):
        assert len(entry.read(4 << 20, finding.begins_as_json)) == archives.PIECE


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["rnn_ex_01.ipynb.1", "rnn_ex_01.ipynb.download", "rnn_ex_01.ipynb.json", "rnn_ex_01.ipynb.txt",
     "rnn_ex_01", "RNN_EX_01.IPYNB", "rnn_ex_01.json", "rnn-ex-01.html", "rnn_ex_01.ipynb (1)"],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_a_notebook_is_known_by_its_content(name, packed, tmp_path):
    content = zipped([(name, GOOD)]) if packed else GOOD
    ((_, exercise, said),) = rows_of(tmp_path, "a.zip" if packed else name, content)
    assert (exercise, said) == ("rnn_ex_01", "")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"rnn_ex_01.py": b"x"}, ["a .py file, not a notebook: hand in the .ipynb file"]),
        ({"rnn_ex_01.py": b"x", "Untitled.ipynb": notebook(exercise="rnn_ex_01")}, [""]),
        ({"rnn_ex_02.py": b"x", "rnn_ex_01.ipynb": GOOD}, ["", "a .py file, not a notebook: hand"]),
        ({"rnn_ex_01.py": b"x", "rnn_ex_01.ipynb": b"{"}, ["not readable as JSON", "a .py file"]),
        ({"helper.py": b"x", "rnn_ex_01.ipynb": GOOD, "fig.png": b"x", "~$a.docx": b"x"}, [""]),
        ({"essay.pdf": b"x", "photo.jpg": b"x", ".DS_Store": b"x", "Thumbs.db": b"x"},
         ["nothing handed in that can be graded: essay.pdf, photo.jpg; hand in the .ipynb"]),
        ({"onlinetext.html": b"<p>"}, ["nothing handed in that can be graded: onlinetext.html"]),
        ({"desktop.ini": b"x", "__MACOSX/._a.ipynb": b"x", ".ipynb_checkpoints/a.ipynb": GOOD},
         ["nothing handed in that can be graded (an empty folder)"]),
        ({"a": b"{}", "b": b"\xff\xfe"}, ["nothing handed in that can be graded: a, b"]),
    ],
)  # fmt: skip
def test_everybody_has_a_row_and_junk_has_none(files, said, packed, tmp_path):
    """In a folder, and in a class's zip."""
    files = {f"li/{name}": content for name, content in files.items()} | {f"wu/{NAME}": GOOD}
    if packed:
        write(tmp_path / "c.zip", zipped([("li/", b""), *files.items()]))
    for name, content in {} if packed else files.items():
        write(tmp_path / name, content)
    found = rows(tmp_path / "c.zip" if packed else tmp_path)
    mine = sorted((row[3] for row in found if row[1] == "li"), key=lambda text: text[2:3])
    assert len(mine) == len(said)
    assert all(any(text.startswith(start) for text in mine) for start in said)
    assert [row[3] for row in found if row[1] == "wu"] == [""]


def test_an_empty_folder_and_a_teachers_list(tmp_path):
    (tmp_path / "li").mkdir()
    (tmp_path / "wu" / "hw").mkdir(parents=True)
    write(tmp_path / "anna" / NAME, GOOD)
    (tmp_path / "anna" / "figures").mkdir()
    write(tmp_path / "scores.csv", b"1")
    write(tmp_path / "README.md", b"1")
    assert [(row[1], row[3]) for row in rows(tmp_path)] == [
        ("anna", ""),
        ("li", "nothing handed in that can be graded (an empty folder); hand in the .ipynb file"),
        ("wu", "nothing handed in that can be graded (an empty folder); hand in the .ipynb file"),
    ]


def test_a_file_given_by_name_has_a_row_whatever_it_is(tmp_path):
    write(tmp_path / "scores.csv", b"1")
    write(tmp_path / "a.py", b"1")
    said = [row[3] for row in rows(tmp_path / "a.py", tmp_path / "scores.csv", tmp_path / "none")]
    told = "a {} file, not a notebook: hand in the .ipynb file"
    assert said == [told.format(".py"), told.format(".csv"), "no such file"]


@pytest.mark.parametrize("packed", [False, True])
def test_too_much_code_is_refused(packed, tmp_path):
    """It would wait in memory, or go to another machine."""
    content = notebook("x = '" + "y" * (2 << 20) + "'")
    name = "a.zip" if packed else NAME
    ((_, _, said),) = rows_of(tmp_path, name, zipped([(NAME, content)]) if packed else content)
    assert said == "the code cells hold more than 2 MB: take data out of the code"
