"""`make book` on a small course: it ends with a site whatever fails on a page, unless strict."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml
from small_page import HEAD

from tools.notebooks.store import convert

ROOT = Path(__file__).resolve().parents[2]
CLAIM = "from rnncourse.claims import claim\n"
# What each page shows, and what a build must say of it; "" where nothing is wrong.
PAGES = {
    "index": ("", ""),
    "good": (CLAIM + "claim('a planted claim', 2, '>', 1)", ""),
    "false": (CLAIM + "claim('a planted claim', 1, '>', 2)\nprint('and on')", "claim"),
    "nan": (CLAIM + "claim('a planted claim', float('nan'), '>', 2)", "claim"),
    "crash": ("print('so far')\n1 / 0", "cell"),
    "endless": ("print('so far', flush=True)\nwhile True: pass", "cell"),
}
TITLES = {"en": "A page", "zh": "一页"}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course's tools and settings with pages of our own."""
    if not (ROOT / ".venv" / ".installed").exists():
        pytest.skip("needs .venv, which make installs")
    root = tmp_path_factory.mktemp("course")
    without = shutil.ignore_patterns("__pycache__", "en", "zh")
    for name in ("tools", "book", "rnncourse"):
        shutil.copytree(ROOT / name, root / name, ignore=without)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy2(file, root)
    for name in ("pyproject.toml", "constraints.txt"):
        os.utime(root / name, (0, 0))  # or make would install this copy into the course's .venv
    (root / "benchmarks/results").mkdir(parents=True)
    (root / ".venv").symlink_to(ROOT / ".venv")
    if (ROOT / "_build/katex").exists():
        shutil.copytree(ROOT / "_build/katex", root / "_build/katex")
    chapters = [{"file": name} for name in PAGES if name != "index"]
    toc = {"format": "jb-book", "root": "index",
           "parts": [{"caption": "Part I: Memory", "chapters": chapters}]}  # fmt: skip
    (root / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    for language, title in TITLES.items():
        (root / "book" / language).mkdir()
        for name, (code, _) in PAGES.items():
            page = root / "book" / language / f"{name}.md"
            cell = f"```{{code-cell}} ipython3\n{code}\n```\n" if code else ""
            page.write_text(f"{HEAD}# {title}\n\n{title}\n\n{cell}", encoding="utf-8")
            nbformat.write(convert(page), page.with_suffix(".ipynb"))
    before = installed_from()
    yield root
    assert installed_from() == before


def installed_from():
    """Return the folder whose package .venv's Python imports."""
    program = "import rnncourse; print(rnncourse.__file__)"
    command = [str(ROOT / ".venv/bin/python"), "-I", "-c", program]
    return subprocess.run(command, cwd="/", check=True, capture_output=True).stdout


def make_book(root, **variables):
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("RNNCOURSE", "MAKE", "MFLAGS"))
    }
    return subprocess.run(["make", "book"], cwd=root, env=kept | variables, check=False,
                          capture_output=True, text=True)  # fmt: skip


def test_a_readers_build_is_never_lost_and_a_strict_one_fails(course):
    """Planted: a false claim, one that is NaN, a crash, an endless cell. Each page says so."""
    done = make_book(course, RNNCOURSE_CELL_TIMEOUT="5")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for language in TITLES:
        for name, (_, kind) in PAGES.items():
            html = (course / f"_build/site/{language}/{name}.html").read_text(encoding="utf-8")
            assert html.count("course-failed") == bool(kind), (language, name)
        shown = (course / f"_build/site/{language}/endless.html").read_text(encoding="utf-8")
        assert "so far" in shown
        assert "the cell ran longer than 5 s" in re.sub("<[^>]*>", "", shown)
    chinese = (course / "_build/site/zh/false.html").read_text(encoding="utf-8")
    assert "有一个论断没有成立" in chinese
    assert "and on" in chinese
    named = re.findall(r"^  (\w+) \(en: (\w+), zh: (\w+)\)$", done.stdout, re.MULTILINE)
    assert named == sorted((name, kind, kind) for name, (_, kind) in PAGES.items() if kind)
    assert "The book is built." in done.stdout

    # The same pages from the cache, strictly: an error that names each of them.
    strict = make_book(course, RNNCOURSE_CELL_TIMEOUT="5", RNNCOURSE_STRICT="1")
    assert strict.returncode != 0
    for name, (_, kind) in PAGES.items():
        assert (f"{name}.md: WARNING: a {kind} of this page failed" in strict.stdout) == bool(kind)
