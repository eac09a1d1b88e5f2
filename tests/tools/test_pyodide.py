"""Python in the page: every solution and a mistake of each there, and what must not go wrong."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
import urllib.request
import zipfile
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest

from rnncourse.grading.exercise import CELL_BREAK, load, mutate, parse_notebook
from tools import exercises
from tools.notebooks import store
from tools.site import build, editor, pyodide

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "book" / "_ext"))
import rnncourse_try  # noqa: E402

SCRIPT = Path(__file__).with_name("pyodide_node.mjs")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The part of the site that a click loads."""
    if not pyodide.prepare(build.fetch):
        pytest.skip("needs Pyodide's NumPy: see tools/site/pyodide.py")
    target = tmp_path_factory.mktemp("site") / "try"
    pyodide.write(target)
    return target


def in_node(folder, jobs):
    """What is shown for each job, by one Pyodide in Node."""
    command = [editor.NODE, SCRIPT, folder]
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def solved(path):
    """An exercise with its solution's code, as it goes where the starter stands."""
    return load(parse_notebook(exercises.read_solution(path.read_text(encoding="utf-8"))))


def code_of(source):
    return source.replace(CELL_BREAK, "\n\n")


def test_every_solution_gets_full_marks_and_a_mistake_is_named(folder):
    every = [solved(path) for path in sorted((ROOT / "solutions").glob("*_sol_*.md"))]
    assert len(every) == len(list((folder / "exercises").glob("*.json")))
    # Whether one update is too few to fit anything depends on the machine's own rounding.
    mistakes = [
        next(name for name in one.mutants
             if not one.task or one.probes[name] not in ((), ("untrained",)))
        for one in every
    ]  # fmt: skip
    jobs = [["check", one.id, code_of(one.source), "en"] for one in every]
    jobs += [
        ["check", one.id, code_of(mutate(one, (name,))), "zh"]
        for one, name in zip(every, mistakes, strict=True)
    ]
    found = in_node(folder, jobs)
    for one, name, right, wrong in zip(
        every, mistakes, found[: len(every)], found[len(every) :], strict=True
    ):
        assert right["points"] == [one.rules.points] * 2, (one.id, right)
        assert wrong["points"][0] < one.rules.points, (one.id, wrong)
        due = [one.task.texts[p] for p in one.probes[name]] if one.task else [one.rules.hints[name]]
        said = unescape(wrong["html"])
        assert any(all(hint in said for hint in hints) for hints in due), (one.id, name, said)
    seconds = sorted(answer["seconds"] for answer in found)
    print(f"a check in Node: median {seconds[len(seconds) // 2]:.3f} s, most {seconds[-1]:.3f} s")


def test_what_must_not_go_wrong_does_not(folder):
    """Each leaves a Python in which the next one works."""
    jobs = [
        ("1 / 0", "line 1, in your code:\n    1 / 0\nZeroDivisionError: division by zero\n"),
        ("x = (\n", "line 1:\n    x = (\n        ^\nSyntaxError: '(' was never closed\n"),
        ("import sys\nsys.exit(3)", "line 2, in your code:\n    sys.exit(3)\nSystemExit: 3\n"),
        ("input()", "line 1, in your code:\n    input()\nEOFError: EOF when reading a line\n"),
        ("[np.empty(2**27) for _ in range(8)]", "MemoryError"),
        ("def f(n):\n    return f(n + 1)\nf(1)", "RecursionError"),
        ("print('\\ud800')", "?\n"),
        ("class C:\n    def __repr__(self):\n        raise OSError\nC()", "OSError"),
        ("print('x' * 10**7)", "Only the first 50000 characters"),
        ("import sys\nsys.stderr.write('seen')", "seen"),
        ("1 + 1", "2\n"),
    ]
    found = in_node(folder, [["run", "lstm_ex_01", code, "en"] for code, _ in jobs])
    for (code, expected), answer in zip(jobs, found, strict=True):
        assert expected in answer["text"], (code, answer["text"][-500:])
        assert len(answer["text"]) < 51_000
        assert (answer["html"], answer["points"]) == ("", None)


def test_a_check_says_what_is_missing_and_where_it_raised(folder):
    jobs = [
        ["check", "lstm_ex_01", "another = 1", "en"],
        ["check", "lstm_ex_01", "another = 1", "zh"],
        ["check", "lstm_ex_01", "def lstm_step(*a):\n    return nothing", "en"],
        ["run", "lstm_ex_01", "def lstm_step(*a):\n    pass\ncheck('lstm_ex_01', lstm_step)", "en"],
        ["check", "lstm_ex_01", "lstm_step = 5", "zh"],
    ]
    missing, missing_zh, raised, own, number = in_node(folder, jobs)
    assert missing["text"] == "Your code has no function lstm_step, so there is nothing to check.\n"
    assert missing_zh["text"].startswith("代码里没有函数 lstm_step")
    assert missing["points"] is None
    assert "(at: return nothing)" in raised["html"]
    assert raised["points"] == [0, 4]
    assert "lstm_ex_01: not yet" in own["html"]  # as in a notebook
    assert (own["text"], own["points"]) == ("", None)
    assert number["points"] == [0, 4]


def test_what_the_exercises_load(folder):
    """Only the check's side of the grader, no solution, one language a prompt, no raw formula."""
    with zipfile.ZipFile(folder / "package.zip") as archive:
        names = archive.namelist()
    assert {Path(n).stem for n in names if "/grading/" in n} == set(pyodide.CHECK_SIDE)
    assert (folder / "package.zip").read_bytes() == pyodide.package()
    for file in (folder / "exercises").glob("*.json"):
        text = file.read_text("utf-8")
        assert "BEGIN SOLUTION" not in text
        one = json.loads(text)
        for language, prompt in one["prompt"].items():
            assert prompt["title"]
            assert "$" not in prompt["html"], file.name
            for of_the_notebook in ("last cell tells", "最后一个单元格"):  # there is a button
                assert of_the_notebook not in prompt["html"], file.name
            assert "\0" not in prompt["html"]
            assert bool(exercises.CHINESE.search(prompt["html"])) == (language == "zh")
        for language, notebook in one["notebook"].items():
            assert one["function"] in notebook["cells"][one["starter"]]["source"]
            title = notebook["cells"][0]["source"].split("\n")[0]
            assert title == f"# {one['prompt'][language]['title']}"


def test_every_module_of_the_package_works_there(folder):
    with zipfile.ZipFile(folder / "package.zip") as archive:
        files = [Path(name) for name in archive.namelist() if name.endswith(".py")]
    modules = [".".join(f.with_suffix("").parts).removesuffix(".__init__") for f in files]
    code = "import importlib\n" + "\n".join(f"importlib.import_module({m!r})" for m in modules)
    (answer,) = in_node(folder, [["run", "lstm_ex_01", f"{code}\nNone", "en"]])
    assert answer["text"] == ""


NUMBER = r"-?\d+(?:\.\d*)?"


# Numbers are rounded elsewhere, or trained on another machine: one more or less in the last digit.
def agrees(shown, printed):
    """Whether two texts have the same words, and numbers as near as they are printed."""
    words = [re.sub(r"\s", "", re.sub(NUMBER, "0", text)) for text in (shown, printed)]
    if words[0] != words[1]:
        return False
    pairs = zip(re.findall(NUMBER, shown), re.findall(NUMBER, printed), strict=True)
    return all(
        abs(float(a) - float(b)) <= 1.001 * 10.0 ** -len(b.partition(".")[2]) for a, b in pairs
    )


def test_two_texts_agree_up_to_the_last_digit():
    assert agrees("loss 0.51 [ 1.  -2.]", "loss 0.50 [1. -2.]")
    for other in ("loss 0.53", "cost 0.51", "loss 0.51 1", "loss -0.51"):
        assert not agrees("loss 0.51", other)


def test_every_cell_to_try_prints_there_what_its_page_shows(folder):
    jobs, printed = [], []
    for path in sorted((ROOT / "book" / "en").glob("*.ipynb")):
        before = []
        for cell in store.code_cells(store.read(path)):
            tags = cell.metadata.get("tags", [])
            if "try" in tags:
                exercise = {"id": path.stem, "before": "\n\n".join(before)}
                jobs.append(["run", exercise, cell.source, "en"])
                printed.append(store.printed_text(cell))
            if "try-before" in tags:
                before.append(cell.source)
    assert len({job[1]["id"] for job in jobs}) >= 10
    for job, text, answer in zip(jobs, printed, in_node(folder, jobs), strict=True):
        assert text.strip()
        assert agrees(answer["text"], text), (job[1]["id"], job[2], text, answer["text"])
        assert answer["html"] == ""
        assert answer["seconds"] < 60


def test_what_the_cells_before_do_is_not_shown_but_their_exceptions_are(folder):
    def after(before):
        return ["run", {"id": "rnn", "before": before}, "print(x)", "en"]

    html = "from IPython.display import display\ndisplay({'text/html': '<p>'}, raw=True)"
    quiet, raised = in_node(folder, [after(f"print(1)\n{html}\nx = 2"), after("print(1)\n1 / 0")])
    assert (quiet["text"], quiet["html"]) == ("2\n", "")
    assert raised["text"] == "ZeroDivisionError: division by zero\n"


def test_what_the_page_does_not_have_is_missed_only_where_it_is_used(folder):
    """A chapter's first cell imports what other cells need; a reader's own import still fails."""
    before = """
import collections.abc
import matplotlib.pyplot as plt
from sklearn.svm import SVC
from rnncourse import show, widgets
from rnncourse.nn import cells
"""
    tried = {
        ("print(cells.__name__)", "en"): "rnncourse.nn.cells",
        ("plt.subplots(2)", "en"): "matplotlib.pyplot.subplots is not loaded in the page",
        ("SVC(C=1)", "zh"): "网页里没有装载 sklearn.svm.SVC",
        ("widgets.poet.show()", "en"): "rnncourse.widgets.poet.show is not loaded",
        ("import matplotlib", "en"): "No module named 'matplotlib'",
    }
    jobs = [["run", {"id": "rnn", "before": before}, *code] for code in tried]
    for answer, expected in zip(in_node(folder, jobs), tried.values(), strict=True):
        assert expected in answer["text"]


# ---- getting it --------------------------------------------------------------------------------


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """A folder with Pyodide but without NumPy, whose wheel is named as one of four bytes."""
    folder = tmp_path / "fetched"
    folder.mkdir()
    entry = {"file_name": "numpy-0.whl", "sha256": hashlib.sha256(b"good").hexdigest()}
    for name in pyodide.CORE:
        (folder / name).touch()
    (folder / pyodide.LOCK).write_text(json.dumps({"packages": {"numpy": entry}}))
    monkeypatch.setattr(pyodide, "FETCHED", folder)
    monkeypatch.setenv("RNNCOURSE_PYODIDE", str(tmp_path))
    monkeypatch.delenv("RNNCOURSE_REQUIRE_PYODIDE", raising=False)
    return folder


def never(*arguments, **named):
    raise AssertionError("asked for what is there, or not to be asked")


def test_the_wheel_is_taken_from_the_folder(fetched, tmp_path, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", never)
    (tmp_path / "numpy-0.whl").write_bytes(b"good")
    assert pyodide.prepare(never)
    assert (fetched / "numpy-0.whl").read_bytes() == b"good"
    (tmp_path / "numpy-0.whl").unlink()
    assert pyodide.prepare(never)  # once is enough


def test_a_wheel_with_another_sha256_is_refused(fetched, tmp_path, capsys):
    (tmp_path / "numpy-0.whl").write_bytes(b"evil")
    assert not pyodide.prepare(never)
    (line,) = capsys.readouterr().out.splitlines()
    assert "wrong sha256" in line
    assert not (fetched / "numpy-0.whl").exists()


@pytest.mark.parametrize("place", ["folder", "release"])
def test_without_the_wheel_one_line_says_so_or_the_build_fails(fetched, place, monkeypatch, capsys):
    def unreachable(address, timeout):
        assert address.endswith(f"{pyodide.VERSION}/full/numpy-0.whl")
        assert timeout <= 10
        raise OSError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    if place == "release":
        monkeypatch.delenv("RNNCOURSE_PYODIDE")
    assert not pyodide.prepare(never)
    (line,) = capsys.readouterr().out.splitlines()
    assert 'The pages get no "Try it here"' in line
    monkeypatch.setenv("RNNCOURSE_REQUIRE_PYODIDE", "1")
    with pytest.raises(SystemExit, match=r"numpy-0\.whl"):
        pyodide.prepare(never)


def test_without_npm_the_book_is_built_all_the_same(fetched, capsys):
    (fetched / pyodide.LOCK).unlink()

    def no_network(*arguments):
        raise SystemExit("npm could not fetch")

    assert not pyodide.prepare(no_network)
    assert "npm could not fetch" in capsys.readouterr().out


def test_numpys_wheel_is_only_cut(folder):
    """What stays is as it was, and the list that Pyodide reads names the new file."""
    wheel = next((folder / "pyodide").glob("numpy-*.whl"))
    with zipfile.ZipFile(wheel) as small, zipfile.ZipFile(pyodide.FETCHED / wheel.name) as whole:
        kept = small.namelist()
        assert all(small.read(name) == whole.read(name) for name in kept)
        gone = set(whole.namelist()) - set(kept)
    assert all(n.startswith("numpy/f2py/") or "/tests/" in n or not n.endswith(".py") for n in gone)
    assert not [name for name in gone if name.endswith((".so", ".txt"))]
    lock = json.loads((folder / "pyodide" / pyodide.LOCK).read_text("utf-8"))
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert lock["packages"]["numpy"]["sha256"] == sha256


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Nothing of the editor fetched, and no registry."""
    monkeypatch.setattr(editor, "FETCHED", tmp_path / "editor")
    monkeypatch.setattr(editor, "npm", lambda command, stdout: 1)
    monkeypatch.delenv("RNNCOURSE_REQUIRE_PYODIDE", raising=False)


def test_without_codemirror_one_line_says_so_or_the_build_fails(nowhere, monkeypatch, capsys):
    assert editor.bundle() is None
    assert "a plain text area" in capsys.readouterr().out.splitlines()[-1]
    monkeypatch.setenv("RNNCOURSE_REQUIRE_PYODIDE", "1")
    with pytest.raises(SystemExit, match="npm could not fetch CodeMirror"):
        editor.bundle()


def test_the_editor_is_bundled_once_small_and_with_its_licences(folder, monkeypatch):
    monkeypatch.setattr(editor, "npm", never)
    made = editor.bundle()
    assert len(gzip.compress((made / "codemirror.js").read_bytes(), 6)) <= 130_000
    said = (folder / editor.LICENCE).read_text("utf-8")
    for package in editor.PACKAGES:
        assert package in said
    assert said.count("Permission is hereby granted, free of charge") >= 1
    assert "Copyright (C) 2018" in said
    assert editor.LICENCE in (folder / "codemirror.js").read_text("utf-8")[:100]


LINK = '<a class="reference external" href="https://host/blob/main/exercises/gru_ex_01.ipynb">'
CHINESE = '<a class="reference" href="../exercises/gru_ex_01.zh.ipynb" download>'
CELL = '<div class="cell tag_hide-input tag_try docutils container">'


@pytest.mark.parametrize("at_hand", [True, False])
@pytest.mark.parametrize(
    ("body", "due"),
    [(LINK, True), (CHINESE, True), (CELL, True), ("<a>", False),
     (CELL.replace("try", "try-before"), False)],
)  # fmt: skip
def test_pages_with_something_to_try_get_the_script(fetched, at_hand, body, due):
    if at_hand:
        (fetched / "numpy-0.whl").touch()
    added = []
    app = SimpleNamespace(
        add_js_file=lambda name, **how: added.append(name), add_css_file=added.append
    )
    rnncourse_try.add_script(app, "gru", "page.html", {"body": body}, None)
    assert added == (["try.js", "try.css"] if at_hand and due else [])


def test_a_site_without_python_is_whole(fetched, tmp_path, monkeypatch):
    """`assemble` asks `ready`, and writes nothing of this."""
    assert not pyodide.ready()
    monkeypatch.setattr(pyodide, "write", never)
    for language in build.CONFIGS:
        (tmp_path / "_build" / language / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "wheel").mkdir()
    (tmp_path / "_build" / "wheel" / "rnncourse-0-py3-none-any.whl").touch()
    monkeypatch.setattr(build, "BUILD", tmp_path / "_build")
    for name in ("slim", "write_previews"):
        monkeypatch.setattr(build, name, lambda site: None)
    assert build.assemble() == 0
    assert not (tmp_path / "_build" / "site" / "try").exists()
