"""Derived files agree with their sources, both editions agree, and the checks can fail."""

import importlib
import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from docutils import nodes
from docutils.utils import new_document
from jupyter_client.manager import start_new_kernel
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools import lock, set_repo
from tools.editions import checks as edition_checks
from tools.editions.__main__ import CHECKS
from tools.notebooks import kernels, machine_paths, nbval_run, store
from tools.site import config_zh, course_map

ROOT = Path(__file__).resolve().parents[2]
# Enough of the course to plant mistakes in: what a check finds in one chapter it finds in all.
KEPT = ("index", "mutants", "rnn")


def kept(name: str) -> bool:
    return name.split(".")[0].rsplit("_sol_")[0].rsplit("_ex_")[0] in KEPT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources with one chapter, to plant mistakes in."""

    def others(folder: str, names: list[str]) -> set[str]:
        pages = Path(folder).name in ("en", "zh", "solutions", "exercises", "checks")
        cache = {name for name in names if name == "__pycache__"}
        return {name for name in names if pages and not kept(name)} | cache

    for name in ("book", "solutions", "exercises", "rnncourse", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=others)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    for part in toc["parts"]:
        part["chapters"] = [c for c in part["chapters"] if kept(c["file"])]
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    (tmp_path / "tests/chapters").mkdir(parents=True)
    for file in (ROOT / "tests/chapters").glob("*.py"):
        (tmp_path / "tests/chapters" / file.name).touch()
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} no longer contains {old!r}: choose another place"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def exercises_in_sync(root: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tools.exercises", "--check"]
    return subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)


# ---- derived files -----------------------------------------------------------


def test_notebooks_are_what_their_pages_give():
    assert store.problems(ROOT) == []


def test_exercises_are_what_their_solutions_give():
    done = exercises_in_sync(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_chinese_config_is_generated():
    assert (ROOT / "_config.zh.yml").read_text(encoding="utf-8") == config_zh.generate(ROOT)


def test_every_part_has_a_chinese_caption():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    captions = {part["caption"] for part in [*toc["parts"], *course_map.plan(ROOT)]}
    assert captions == set(config_zh.OVERRIDES["part_captions"])


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins() -> list[Requirement]:
    """The lines of constraints.txt; a name may have several, for different systems."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pinned(name: str) -> list[str]:
    """The versions of a package, over all systems."""
    return [str(pin.specifier).removeprefix("==") for pin in pins() if pin.name == name]


def test_constraints_pin_what_pyproject_asks_for():
    project = pyproject()
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = [requirement for group in groups for requirement in group]
    for requirement in map(Requirement, wanted):
        found = pinned(canonicalize_name(requirement.name))
        assert found, f"{requirement.name} is not in constraints.txt: run make lock"
        assert all(v in requirement.specifier for v in found), f"{requirement}: found {found}"


def test_constraints_hold_what_is_known_to_work():
    assert pinned("torch") == ["2.13.0"]
    assert pinned("sphinx-book-theme") == ["1.2.0"]
    assert {str(Requirement(held).specifier) for held in lock.HELD} == {"==2.13.0", "<1.3"}


def test_what_is_installed_here_is_what_the_constraints_say():
    """For every pin that concerns this system and Python; a local tag (+cpu) does not count."""
    wrong = []
    for pin in pins():
        if pin.marker is None or pin.marker.evaluate():
            try:
                found = importlib.metadata.version(pin.name).partition("+")[0]
            except importlib.metadata.PackageNotFoundError:
                continue
            wrong += [f"{pin} and not {found}"] if found not in pin.specifier else []
    assert wrong == []


def test_environment_file_installs_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [item for item in environment["dependencies"] if isinstance(item, str)]
    pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    project = pyproject()
    python = next(item.removeprefix("python=") for item in plain if item.startswith("python="))
    assert f"{python}.0" in SpecifierSet(project["requires-python"])
    # Nothing else by name: every version comes from these two files.
    assert set(plain) == {f"python={python}", "pip"}
    # What publishes the package has an environment of its own.
    extras = ",".join(name for name in project["optional-dependencies"] if name != "release")
    assert pip[0] == "--extra-index-url https://download.pytorch.org/whl/cpu"
    assert pip[1:] == ["--constraint constraints.txt", f"--editable .[{extras}]"]


def test_lock_asks_for_every_extra_and_any_system():
    """Without calling uv, which would need a package index."""
    said = lock.command(ROOT, upgrade=False)
    assert {f"--extra={name}" for name in pyproject()["optional-dependencies"]} <= set(said)
    assert "--universal" in said
    assert "--upgrade" not in said
    assert lock.command(ROOT, upgrade=True)[-1] == "--upgrade"


# ---- the course as it is -----------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_course_has_no(check):
    assert check(ROOT) == []


# ---- planted mistakes must be reported ---------------------------------------


def test_drifted_chinese_cell_is_reported(copy):
    edit(copy / "book/zh/rnn.md", "import importlib.util", "import importlib.util  # drifted")
    assert any("rnn: code cells differ" in p for p in edition_checks.parity_problems(copy))
    assert any("book/zh/rnn.ipynb" in p for p in store.problems(copy))


def test_drifted_cell_metadata_is_reported(copy):
    edit(copy / "book/zh/rnn.md", "[remove-cell]", "[hide-cell]")
    assert any("rnn: code cells differ" in p for p in edition_checks.parity_problems(copy))


@pytest.mark.parametrize(
    ("aspect", "planted"),
    [
        ("labels", "\n(sec-planted)=\n## 标题\n"),
        ("display equations", "\n$$\na = b\n$$\n"),
        ("inline formulas", "\n植入 $a_{planted}$ 公式\n"),
        ("links and figures", "\n[链接](planted.md)\n"),
        ("citations and references", "\n{cite}`planted1990`\n"),
        ("headings and directives", "\n## 植入的标题\n"),
    ],
)
def test_drifted_translation_is_reported(copy, aspect, planted):
    page = copy / "book/zh/rnn.md"
    page.write_text(page.read_text(encoding="utf-8") + planted, encoding="utf-8")
    assert any(f"rnn: {aspect} differ" in p for p in edition_checks.parity_problems(copy))


def test_changed_label_is_reported(copy):
    edit(copy / "book/zh/rnn.md", "(sec-rnn)=", "(sec-other)=")
    assert any("rnn: labels differ" in p for p in edition_checks.parity_problems(copy))


def test_stale_notebook_is_reported(copy):
    edit(copy / "book/en/rnn.md", "# Setup.", "# Changed since.")
    assert "book/en/rnn.ipynb is not what its page gives" in store.problems(copy)


def test_a_page_is_executed_again_when_it_is_named(copy, monkeypatch):
    """As after a new record: the page's code has not changed, what it shows has."""
    executed = []
    monkeypatch.setattr(store, "take_outputs", lambda *arguments: executed.append(arguments[2]))
    assert store.write(copy)
    assert executed == []
    assert store.write(copy, again=["mutants"])
    assert [notebook.cells[0].id for notebook in executed] == ["mutants-000"]


@pytest.mark.parametrize(
    "output",
    [
        nbformat.v4.new_output("display_data", data={"image/png": "AAAA"}),
        nbformat.v4.new_output("stream", name="stderr", text="\r[##--] 2/4  0:01\n"),
    ],
    ids=["picture", "bar"],
)
def test_stored_picture_and_other_outputs_are_reported(copy, output):
    path = copy / "book/zh/rnn.ipynb"
    notebook = nbformat.read(path, as_version=4)
    store.code_cells(notebook)[0].outputs.append(output)
    nbformat.write(notebook, path)
    found = store.problems(copy)
    assert "book/zh/rnn.ipynb holds a picture, a progress bar or a log" in found
    assert "book/zh/rnn.ipynb has other outputs than the English notebook" in found


def test_hand_edited_exercise_is_reported(copy):
    exercise = copy / "exercises" / "rnn_ex_01.md"
    exercise.write_text(exercise.read_text(encoding="utf-8") + "\nedited\n", encoding="utf-8")
    assert exercises_in_sync(copy).returncode == 1


def test_missing_and_stray_files_are_reported(copy):
    (copy / "book/zh/rnn.md").unlink()
    (copy / "tests/chapters/test_rnn.py").unlink()
    (copy / "book/en/forgotten.md").write_text("# Forgotten\n", encoding="utf-8")
    missing = edition_checks.missing_files(copy)
    assert {"book/zh/rnn.md is missing", "tests/chapters/test_rnn.py is missing"} <= set(missing)
    stray = edition_checks.stray_files(copy)
    assert "book/en/forgotten.md belongs to no chapter of _toc.yml" in stray


def test_other_setup_cell_and_address_are_reported(copy):
    edit(copy / "book/en/rnn.ipynb", "rnncourse[chapters]", "rnncourse[book]")
    found = edition_checks.setup_cell_problems(copy)
    assert "book/en/rnn.ipynb: the first code cell is not the setup cell" in found
    link = "https://colab.research.google.com/github/other/rnncourse/blob/main/book/en/rnn.ipynb"
    page = copy / "book/en/index.md"
    page.write_text(f"{page.read_text(encoding='utf-8')}\n[x]({link})\n", encoding="utf-8")
    edit(copy / "book/zh/rnn.md", "exercises/rnn_ex_02.zh.ipynb", "exercises/rnn_ex_02.ipynb")
    found = edition_checks.colab_link_problems(copy)
    assert "book/en/index.md: a Colab link names other/rnncourse" in found
    wrong = "book/zh/rnn.md: exercises/rnn_ex_02.ipynb is not in this edition's language"
    assert wrong in found


def test_too_few_checked_cells_are_reported(copy):
    path = copy / "book/en/rnn.ipynb"
    text = path.read_text(encoding="utf-8").replace("NBVAL_CHECK_OUTPUT", "compared")
    path.write_text(text.replace("nbval-check-output", "compared"), encoding="utf-8")
    found = edition_checks.checked_cell_problems(copy)
    assert "book/en/rnn.ipynb has 0 compared cells with output" in found


def test_machine_path_is_reported(copy):
    path = copy / "README.md"
    path.write_text("see /" + "root/course/x.md", encoding="utf-8")
    found = edition_checks.machine_path_problems(copy)
    assert "README.md names the path /" + "root/course" in found


def test_set_repo_changes_the_address_everywhere(copy):
    old = set_repo.owner_and_name(set_repo.repository_url(copy))
    before = store.problems(copy)
    set_repo.set_repo(copy, "https://github.com/someone/another-course")
    assert set_repo.repository_url(copy) == "https://github.com/someone/another-course"
    assert set_repo.site_address(copy) == "https://someone.github.io/another-course/"
    assert edition_checks.setup_cell_problems(copy) == []
    assert edition_checks.colab_link_problems(copy) == []
    assert store.problems(copy) == before
    assert (copy / "_config.zh.yml").read_text(encoding="utf-8") == config_zh.generate(copy)
    assert exercises_in_sync(copy).returncode == 0
    for file in set_repo.text_files(copy):
        text = file.read_text(encoding="utf-8")
        assert old not in text, f"{file.name} still names {old}"
        assert old.replace("/", ".github.io/") not in text, f"{file.name} names the old site"


def texts(root: Path) -> dict[str, str]:
    files = set_repo.text_files(root)
    return {f.relative_to(root).as_posix(): f.read_text(encoding="utf-8") for f in files}


@pytest.mark.parametrize("url", [None, "https://github.com/someone/another-course"])
def test_set_repo_to_pypi_pins_this_version_and_goes_back(tmp_path, url):
    """On the text files of the whole course; of a round trip nothing is left."""
    for file in set_repo.text_files(ROOT):
        target = tmp_path / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    shutil.copy(ROOT / "rnncourse/__init__.py", tmp_path / "rnncourse")
    set_repo.set_repo(tmp_path, pypi=False)  # whatever the course itself has chosen
    old, before = set_repo.repository_url(tmp_path), texts(tmp_path)
    changed = set_repo.set_repo(tmp_path, url, pypi=True)
    pinned = f"rnncourse[chapters]=={set_repo.version(ROOT)}"
    assert set_repo.requirement(tmp_path) == pinned
    assert edition_checks.setup_cell_problems(tmp_path) == []
    after = texts(tmp_path)
    assert not [name for name, text in after.items() if "rnncourse[chapters] @" in text]
    for notebook in edition_checks.notebooks(tmp_path):
        name = notebook.relative_to(tmp_path).as_posix()
        assert ('"import importlib.util' not in after[name]) or pinned in after[name], name
    assert tmp_path / "_config.yml" in changed
    assert {f.relative_to(tmp_path).as_posix() for f in changed} == {
        name for name, text in after.items() if text != before[name]
    }
    assert set_repo.set_repo(tmp_path, old, pypi=False)
    assert texts(tmp_path) == before


def test_set_repo_alone_writes_a_new_version_everywhere(copy):
    """As a command, as after a new version; the notebooks are still what their pages give."""
    set_repo.set_repo(copy, pypi=True)
    edit(copy / "rnncourse/__init__.py", set_repo.version(copy), "3.1.4")
    assert edition_checks.setup_cell_problems(copy)
    command = [sys.executable, "-m", "tools.set_repo"]
    done = subprocess.run(command, cwd=copy, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "notebooks install rnncourse[chapters]==3.1.4" in done.stdout
    assert edition_checks.setup_cell_problems(copy) == []
    citation = yaml.safe_load((copy / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == "3.1.4"


def test_set_repo_touches_no_file_that_stays_as_it_is(copy):
    """Or make would build what has not changed."""
    dates = {file: file.stat().st_mtime_ns for file in set_repo.text_files(copy)}
    assert set_repo.set_repo(copy, set_repo.repository_url(copy)) == []
    assert {file: file.stat().st_mtime_ns for file in set_repo.text_files(copy)} == dates


@pytest.mark.parametrize("url", ["", "https://example.org/a/b", "github.com/a/b"])
def test_set_repo_refuses_what_colab_cannot_open(copy, url):
    with pytest.raises(SystemExit):
        set_repo.set_repo(copy, url)


def test_of_an_exercise_nbval_runs_the_english_notebook(tmp_path):
    """The Chinese one has the same code cells, which test_exercises.py compares."""
    assert nbval_run.copy_notebooks(tmp_path, ["rnn_ex_01", "rnn_ex_01.zh"]) == 1
    assert [p.name for p in tmp_path.rglob("*.ipynb")] == ["rnn_ex_01.ipynb"]


# ---- the package -------------------------------------------------------------


def test_import_loads_no_framework():
    heavy = {"torch", "tensorflow", "keras", "matplotlib"}
    program = f"import sys, rnncourse; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


# ---- the Sphinx extension ----------------------------------------------------


@pytest.fixture
def extension(monkeypatch):
    """The extension's module, and the warnings it gives."""
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    module = importlib.import_module("rnncourse_book")
    warnings = []

    class Recorder:
        def warning(self, message, *arguments, **keywords):
            warnings.append(message % arguments)

    monkeypatch.setattr(module, "logger", Recorder())
    return module, warnings


def page_with_picture(alt: str, in_output: bool) -> nodes.document:
    page = new_document("page")
    cell = nodes.container(nb_element="cell_code_output") if in_output else nodes.paragraph()
    cell += nodes.image(uri="x.png", alt=alt)
    page += cell
    return page


@pytest.mark.parametrize(
    ("language", "kept"), [("en", "A line, rising."), ("zh_CN", "一条上升的直线。")]
)
def test_picture_keeps_the_alt_text_of_its_edition(extension, language, kept):
    module, warnings = extension
    page = page_with_picture("[en] A line, rising. [zh] 一条上升的直线。", in_output=True)
    module.keep_own_alt(app_for(language), page)
    assert page.next_node(nodes.image)["alt"] == kept
    assert warnings == []


@pytest.mark.parametrize(
    ("alt", "in_output"), [("", False), ("", True), ("[en] Only English.", True), ("Bare.", True)]
)
def test_picture_without_alt_text_warns(extension, alt, in_output):
    module, warnings = extension
    module.keep_own_alt(app_for("zh_CN"), page_with_picture(alt, in_output))
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        # The first full stop is left alone, since its formula is long; so is its text.
        (["$x$", ".", "\n", "$1$", "."], "x.\n1."),
        (["甲", "\n", "乙", "\n", "a", "\n", "丙"], "甲乙\na\n丙"),
        (["**甲。**", " 乙"], "甲。乙"),
        (["**A.**", " b"], "A. b"),
        (["$1$", "，甲", "$2$", "，甲"], "1，甲2，甲"),
        (["甲（", "$1$", "），乙（", "$2$", "）"], "甲（1），乙（2）"),
    ],
)
def test_typesetting_loses_no_text(extension, source, shown):
    module, _ = extension
    page, paragraph = new_document("page"), nodes.paragraph()
    page += paragraph
    for part in source:
        bare = part.strip("$*")
        if part.startswith("$"):
            paragraph += nodes.math("", bare * 40 if bare == "x" else bare)
        elif part.startswith("**"):
            paragraph += nodes.strong("", bare)
        else:
            paragraph += nodes.Text(part)
    module.join_chinese_lines(None, page)
    module.keep_punctuation(None, page)
    assert paragraph.astext().replace("x" * 40, "x") == shown


def app_for(language: str) -> SimpleNamespace:
    return SimpleNamespace(config=SimpleNamespace(language=language))


def test_warnings_lose_the_machine_but_keep_the_file():
    shorten = machine_paths.without_machine_paths
    home = "/" + "home/someone"
    library = f"{home}/.venv/lib/python3.12/site-packages/keras/src/rnn.py:199: UserWarning"
    assert shorten(library) == "keras/src/rnn.py:199: UserWarning"
    assert shorten("/tmp" + "/ipykernel_12/345.py:4: UserWarning") == "<cell>:4: UserWarning"
    assert shorten(f"{home}/course/rnncourse/plot.py:7: x") == "rnncourse/plot.py:7: x"


# ---- kernels -----------------------------------------------------------------


@pytest.fixture
def short_folder():
    """An empty folder for sockets, whose paths may have about 100 letters; pytest's has many."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_kernels_started_in_one_folder_share_no_address(monkeypatch, short_folder):
    # Else two that start at once take each other's TCP port, or read each other's messages.
    monkeypatch.chdir(short_folder)
    monkeypatch.setattr(kernels.tempfile, "tempdir", str(short_folder))
    started = [start_new_kernel(kernel_name="python3") for _ in range(2)]
    try:
        assert {manager.transport for manager, _ in started} == {"ipc"}
        assert len({manager.ip for manager, _ in started}) == 2
        for manager, client in started:
            reply = client.execute(
                "import os", user_expressions={"pid": "os.getpid()"}, reply=True, timeout=60
            )["content"]
            assert reply["status"] == "ok"
            answer = reply["user_expressions"]["pid"]["data"]["text/plain"]
            assert answer == str(manager.provisioner.pid)
    finally:
        for manager, client in started:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    monkeypatch.undo()
    assert not list(short_folder.iterdir())
