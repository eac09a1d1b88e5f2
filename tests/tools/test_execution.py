"""How pages get their outputs: what they depend on, the cache, nbval's feed, the box on a page."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from docutils import nodes
from docutils.utils import new_document
from small_page import HEAD

from tools.notebooks import dependencies, execution, nbval_run
from tools.notebooks.store import code_cells, convert

ROOT = Path(__file__).resolve().parents[2]

HEAD += "# Title\n"


def page(*cells: str) -> str:
    return HEAD + "".join(f"\n```{{code-cell}} ipython3\n{cell}\n```\n" for cell in cells)


@pytest.fixture
def course(tmp_path):
    """A course of two pages with code, three modules and one recorded result."""
    root = tmp_path / "course"
    shutil.copytree(ROOT / "rnncourse", root / "rnncourse",
                    ignore=lambda _, names: set(names) - {"__init__.py", "claims.py"})  # fmt: skip
    (root / "book/en").mkdir(parents=True)
    (root / "benchmarks/results").mkdir(parents=True)
    shutil.copy(ROOT / "_config.yml", root)
    (root / "constraints.txt").write_text("numpy==2\n", encoding="utf-8")
    (root / "_toc.yml").write_text(
        "root: index\nparts:\n  - caption: A\n    chapters: [{file: one}, {file: two}]\n",
        encoding="utf-8",
    )
    high = "def f():\n    from rnncourse.low import X\n    return X\n"
    modules = {"low": "X = 1\n", "high": high, "aside": "Y = 2\n"}
    for name, text in modules.items():
        (root / f"rnncourse/{name}.py").write_text(text, encoding="utf-8")
    (root / "benchmarks/results/run.json").write_text("{}", encoding="utf-8")
    (root / "book/programs").mkdir()
    program = "from rnncourse import beneath\nZ = 1\n"
    (root / "book/programs/own.py").write_text(program, encoding="utf-8")
    (root / "rnncourse/beneath.py").write_text("B = 1\n", encoding="utf-8")
    (root / "book/en/index.md").write_text(HEAD, encoding="utf-8")
    (root / "book/en/one.md").write_text(
        page("if 0: from rnncourse import high\n1 + 1"), encoding="utf-8"
    )
    shown = page('if 0: from rnncourse import aside\nprint("two")', "if 0: data.recorded('run')",
                 "if 0: own.run('own', 'mine.csv')")  # fmt: skip
    (root / "book/en/two.md").write_text(shown, encoding="utf-8")
    return root


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


# --- what a page depends on --------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("rnncourse/low.py", "1", "3", {"one"}),  # through a module, inside a function
        ("rnncourse/aside.py", "2", "3", {"two"}),
        ("rnncourse/low.py", "X", "# a comment\nX", set()),
        ("rnncourse/high.py", "    from", '    """A docstring."""\n    from', set()),
        ("rnncourse/__init__.py", "__version__", "X", {"one", "two"}),
        ("rnncourse/__init__.py", '__version__ = "', '__version__ = "9.', set()),  # a release
        ("rnncourse/claims.py", "def claim", "def other", set()),  # no page imports it
        ("benchmarks/results/run.json", "{}", "[]", {"two"}),
        ("book/programs/own.py", "1", "2", {"two"}),
        ("rnncourse/beneath.py", "1", "2", {"two"}),  # through a program
        ("constraints.txt", "2", "3", {"one", "two"}),
        ("book/en/one.md", "# Title", "# Other title", set()),
        ("book/en/one.md", "1 + 1", "1 + 2", {"one"}),
    ],
)
def test_a_change_concerns_the_pages_that_it_reaches(course, file, old, new, changed):
    """Planted changes: of a module, below a module, of a result, of versions, of prose."""
    before = {stem: execution.page_key(course, stem) for stem in ("one", "two")}
    edit(course / file, old, new)
    after = {stem: execution.page_key(course, stem) for stem in ("one", "two")}
    assert {stem for stem in before if before[stem] != after[stem]} == changed


def test_networks_of_a_widget_are_results(tmp_path):
    """Also the second one of the poet."""
    cell = 'poet.show("poems", "en", ["春"], songs="ci")'
    read = {file.name for file in dependencies.results_read(tmp_path, [cell])}
    assert read == {"live_poems.json", "live_ci.json"}


def test_a_change_to_the_grader_executes_no_chapter():
    """Of the course as it is: no chapter reaches the modules that run submissions."""
    for stem in ("rnn", "training", "language_model"):
        cells = [cell.source for cell in dependencies.chapter_code(ROOT, stem)]
        files = dependencies.modules(ROOT, cells)
        reached = {file.relative_to(ROOT / "rnncourse").as_posix() for file in files}
        assert {"nn/cells.py", "data/__init__.py"} <= reached
        assert not any(name.startswith("grading/") for name in reached)


# --- the cache ------------------------------------------------------------------------


def outputs_of(course, cache, stem):
    """Return what the build would get for a page, without executing anything."""
    notebook = convert(course / f"book/en/{stem}.md")
    return [cell.outputs for cell in code_cells(execution.from_cache(cache, notebook))]


def test_pages_are_executed_once(course, tmp_path, capsys):
    """Again only where something changed; the build finds the outputs by the cells alone."""
    cache = tmp_path / "cache"
    assert execution.fill(course, cache) == {}
    assert "Executing 2 pages" in capsys.readouterr().out
    assert outputs_of(course, cache, "one")[0][0].data["text/plain"] == "2"
    execution.fill(course, cache)
    assert capsys.readouterr().out == ""
    edit(course / "rnncourse/aside.py", "2", "3")
    execution.fill(course, cache)
    assert "Executing 1 pages" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("while True: pass", "TimeoutError: the cell ran longer than 3 s"),
        ("import os; os._exit(1)", "DeadKernelError: the cell ended its process"),
    ],
)
def test_a_page_that_fails_keeps_what_it_has_shown(course, tmp_path, capsys, cell, words):
    """Planted: a crash, an endless cell, a process that ends. The next time it is tried again."""
    cache = tmp_path / "cache"
    (course / "book/en/two.md").write_text(page("print('so far')", cell, "3"), encoding="utf-8")
    assert execution.fill(course, cache, timeout=3) == {"two": words}
    assert f"two: failed: {words}" in capsys.readouterr().out
    shown = outputs_of(course, cache, "two")
    assert shown[0][0].text == "so far\n"
    assert [output.output_type for output in shown[1]] == ["error"]
    assert words.split(": ")[1] in "".join(shown[1][0].traceback)
    assert shown[2] == []
    assert execution.to_execute(course, cache) == ["two"]


def test_what_comes_in_pieces_is_joined_as_it_was_printed():
    """A row whose beginning and end come in two pieces stays a row; text stays at its figure."""
    stream, figure = nbformat.v4.new_output, nbformat.v4.new_output("display_data", data={"a": "b"})
    pieces = [
        stream("stream", name="stdout", text="en 3-gram"),
        stream("stream", name="stderr", text="warning\n"),
        stream("stream", name="stdout", text="  1.95\n"),
        figure,
        stream("stream", name="stdout", text="after\n"),
    ]
    texts = [output.get("text") for output in execution.merged_streams(pieces)]
    assert texts == ["en 3-gram  1.95\n", "warning\n", None, "after\n"]


def test_what_nbval_has_run_is_what_the_build_would_run(course, tmp_path):
    """Figures included: the fed record equals the executed one, output by output."""
    cells = (
        "import sys\nimport matplotlib.pyplot as plt\nfrom IPython.display import HTML, display",
        "print('a', end='', flush=True)\nprint('b')\nplt.plot([1, 3, 2]); plt.show()\n"
        "print('after', file=sys.stderr)\nprint('the figure')\ndisplay(HTML('<b>c</b>'))\n7",
    )
    for stem in ("one", "two"):
        (course / f"book/en/{stem}.md").write_text(page(*cells), encoding="utf-8")
    edit(course / "book/en/two.md", "\n7\n", "\n7 / 0\n")
    runs, shown = tmp_path / "runs", tmp_path / "shown"
    shown.mkdir()
    for stem in ("one", "two"):
        place = runs / "book/en" / stem
        place.mkdir(parents=True)
        nbformat.write(convert(course / f"book/en/{stem}.md"), place / f"{stem}.ipynb")
    nbval_run.prepare_pytest(runs)
    command = [sys.executable, "-m", "pytest", *nbval_run.PYTEST, "--rootdir", str(runs), "."]
    environment = os.environ | {"RNNCOURSE_SHOWN": str(shown), "JUPYTER_PREFER_ENV_PATH": "1"}
    done = subprocess.run(command, cwd=runs, env=environment, capture_output=True, text=True)
    assert "3 passed" in done.stdout, done.stdout
    assert "1 failed" in done.stdout
    # The page one of whose cells failed is not fed.
    assert nbval_run.feed(shown, course, tmp_path / "fed") == ["one"]
    execution.fill(course, tmp_path / "built")
    fed, built = (outputs_of(course, tmp_path / name, "one") for name in ("fed", "built"))
    kinds = [output.output_type for output in built[1]]
    assert kinds == ["stream", "display_data", "stream", "stream", "display_data", "execute_result"]
    assert "image/png" in built[1][1].data

    def comparable(outputs):
        return json.loads(json.dumps(outputs, sort_keys=True))

    for ours, theirs in zip(comparable(fed), comparable(built), strict=True):
        assert ours == theirs


# --- the box on a page -------------------------------------------------------------------


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    module = importlib.import_module("rnncourse_claims")
    found = []
    monkeypatch.setattr(
        module.logger, "warning", lambda text, *args, **_: found.append(text % args)
    )
    return module, found


def shown_page(*outputs, classes=()):
    document = new_document("page")
    section = nodes.section()
    section += nodes.title("", "Title")
    for text, kind in outputs:
        cell = nodes.container(nb_element="cell_code", classes=list(classes))
        part = nodes.container(nb_element="cell_code_output")
        part += nodes.literal_block(text, text, classes=["output", kind])
        cell += part
        section += cell
    document += section
    return document


def app_for(language):
    env = SimpleNamespace(docname="two", metadata={"two": {}})
    return SimpleNamespace(config=SimpleNamespace(language=language), env=env)


@pytest.mark.parametrize(
    ("outputs", "classes", "kinds"),
    [
        ([("a: True (1 > 0)", "stream")], (), ""),
        ([("a: True (1 > 0)\nb: False ✗ (0 is not > 0)", "stream")], (), "claim"),
        ([("Traceback …", "traceback")], (), "cell"),
        ([("Traceback …", "traceback")], ("tag_raises-exception",), ""),
        ([("a: False ✗ (nan is no number)", "stream"), ("T", "traceback")], (), "cell claim"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_page_that_fails_says_so_in_its_language(
    extension, monkeypatch, language, outputs, classes, kinds
):
    """Lenient: a box under the title. Strict: a warning too, which fails the build."""
    module, warnings = extension
    for strict in ("0", "1"):
        monkeypatch.setenv("RNNCOURSE_STRICT", strict)
        app, document = app_for(language), shown_page(*outputs, classes=classes)
        module.mark_failures(app, document)
        boxes = list(document.findall(nodes.admonition))
        assert len(boxes) == bool(kinds)
        assert app.env.metadata["two"].get("course_failed", "") == kinds
        for box in boxes:
            assert document[0].index(box) == 1
            words = module.WORDS[language[:2]]
            assert [p.astext() for p in box.findall(nodes.paragraph)] == [
                words[kind] for kind in kinds.split()
            ]
    assert len(warnings) == bool(kinds)


def test_a_cell_in_two_languages_keeps_the_pages_own(monkeypatch):
    """show.edition's marks: what follows one belongs to one edition, until the next."""
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    module = importlib.import_module("rnncourse_book")

    def mark(language):
        html = f'<div class="edition" data-edition="{language}"></div>'
        bundle = nodes.container(nb_element="mime_bundle")
        bundle += nodes.raw("", html, format="html")
        return bundle

    def text(words):
        return nodes.literal_block(words, words)

    for language, kept in (("en", "before,story,after"), ("zh_CN", "before,故事,after")):
        document = new_document("page")
        part = nodes.container(nb_element="cell_code_output")
        part += [text("before"), mark("en"), text("story"), mark("zh"), text("故事"), mark("both"),
                 text("after")]  # fmt: skip
        document += part
        module.keep_own_outputs(app_for(language), document)
        assert ",".join(child.astext() for child in part.children) == kept
