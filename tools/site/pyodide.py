"""What "Try it here" loads after the click: Python for the browser, the package, the exercises.

Python is npm's `pyodide`. NumPy's wheel for it is on no registry: it comes from the folder that
$RNNCOURSE_PYODIDE names, else from Pyodide's own release. Without it the book is built without
the buttons, unless RNNCOURSE_REQUIRE_PYODIDE=1.
"""

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from sphinxcontrib import katex

from tools.exercises import SUFFIXES
from tools.site import editor

ROOT = Path(__file__).resolve().parents[2]
FETCHED = ROOT / "_build" / "pyodide"
VERSION = "0.27.7"
RELEASE = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
LOCK = "pyodide-lock.json"
CORE = ("pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
WANTED = re.compile(rf"package/({'|'.join(map(re.escape, (*CORE, LOCK)))})")
PATIENCE = 10  # seconds for one attempt at the release

# The grader's side of the package needs processes and a class; its check side is this.
CHECK_SIDE = ("__init__", "check", "compare", "differences", "feedback", "mistakes", "probes",
              "protocol", "training")  # fmt: skip
MODULES = (
    "__init__.py", "_arrays.py", "_progress.py", "_types.py", "claims.py", "show.py",
    "music.py", "speech.py", "timeseries.py", "data/*.py", "data/manifest.json",
    "data/corpora/*.py", "data/corpora/*.txt", "metrics/*.py", "nlp/*.py", "nlp/*.txt",
    "nlp/wordvec/*.py", "nn/*.py",
    *(f"grading/{name}.py" for name in CHECK_SIDE),
)  # fmt: skip
DATE = (1980, 1, 1, 0, 0, 0)  # the same package gives the same zip
# Of NumPy's wheel a seventh: for a compiler, a type checker, Fortran, and NumPy's own tests.
UNREAD = re.compile(r".+\.(pyi|pxd|h|c|a)|.+/tests/.+|numpy/f2py/.+")

# Of the notebook's last cell; a page has a button instead.
ONLY_IN_NOTEBOOK = re.compile(
    " ?The last cell tells you at once whether you are right\\."
    "|运行最后一个单元格，立刻就能知道对不对。"
)
# Reads [[formula, whether on a line of its own], …] and writes their HTML.
RENDER = """
const katex = require(process.argv[1]);
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const html = given.map(([tex, displayMode]) => katex.renderToString(tex, { displayMode }));
process.stdout.write(JSON.stringify(html));
"""


class Missing(Exception):
    """Says in a sentence what the buttons lack."""


def numpy_entry() -> dict[str, Any]:
    """What Pyodide knows of NumPy: its file's name, its sha256."""
    lock = json.loads((FETCHED / LOCK).read_text(encoding="utf-8"))
    return lock["packages"]["numpy"]


def read_wheel(name: str) -> bytes:
    """NumPy's wheel, from the folder or from the release."""
    folder = os.environ.get("RNNCOURSE_PYODIDE")
    try:
        if folder:
            return (Path(folder) / name).read_bytes()
        with urllib.request.urlopen(RELEASE + name, timeout=PATIENCE) as answer:
            return answer.read()
    except OSError as error:
        place = "the folder RNNCOURSE_PYODIDE" if folder else "Pyodide's release"
        raise Missing(f"{place} did not give {name} ({error})") from None


def add_numpy() -> None:
    """Put NumPy's wheel beside Pyodide. Raises `Missing` where it cannot be had or is another."""
    entry = numpy_entry()
    wheel = FETCHED / entry["file_name"]
    if wheel.exists():
        return
    content = read_wheel(wheel.name)
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise Missing(f"{wheel.name} is not the file that Pyodide {VERSION} names: wrong sha256")
    part = wheel.with_suffix(f".{os.getpid()}")
    part.write_bytes(content)
    part.replace(wheel)


def ready() -> bool:
    """Whether pages get buttons."""
    return (FETCHED / LOCK).exists() and (FETCHED / numpy_entry()["file_name"]).exists()


def prepare(fetch: Callable[[str, re.Pattern, Path], None]) -> bool:
    """Get Pyodide and NumPy, once. Where that fails, say so; the book goes without."""
    try:
        if not all((FETCHED / name).exists() for name in (*CORE, LOCK)):
            try:
                fetch(f"pyodide@{VERSION}", WANTED, FETCHED)
            except SystemExit as error:
                raise Missing(str(error)) from None
        add_numpy()
    except Missing as error:
        if os.environ.get("RNNCOURSE_REQUIRE_PYODIDE") == "1":
            raise SystemExit(f"RNNCOURSE_REQUIRE_PYODIDE=1, but {error}") from None
        print(f'The pages get no "Try it here": {error}.')
    return ready()


# ---- what the pages load ----------------------------------------------------------------------


def small_wheel(whole: Path) -> bytes:
    """NumPy's wheel without what nothing reads in a page."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(whole) as given, zipfile.ZipFile(buffer, "w") as small:
        for info in given.infolist():
            if not UNREAD.fullmatch(info.filename):
                small.writestr(info, given.read(info), zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def small_lock(wheel: bytes) -> str:
    """Pyodide's list of packages, cut down to NumPy, whose wheel is this one."""
    lock = json.loads((FETCHED / LOCK).read_text(encoding="utf-8"))
    entry = lock["packages"]["numpy"] | {"sha256": hashlib.sha256(wheel).hexdigest()}
    return json.dumps(lock | {"packages": {"numpy": entry}})


def package(root: Path = ROOT) -> bytes:
    """What an exercise may import of the package, as a zip; the check data comes with each."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        home = root / "rnncourse"
        for file in sorted({path for pattern in MODULES for path in home.glob(pattern)}):
            info = zipfile.ZipInfo(file.relative_to(root).as_posix(), DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.read_bytes())
    return buffer.getvalue()


def formulas(tex: list[tuple[str, bool]]) -> list[str]:
    """HTML of formulas, all by one run of the KaTeX that the book's pages use."""
    script = Path(katex.__file__).with_name("katex.min.js")
    command = [str(editor.NODE), "-e", RENDER, str(script)]
    done = subprocess.run(command, input=json.dumps(tex), capture_output=True, encoding="utf-8")
    if done.returncode:
        raise ValueError(f"a prompt's formula cannot be shown: {done.stderr[-500:]}")
    return json.loads(done.stdout)


class Prompts:
    """Markdown to HTML; formulas are collected, and put in together at the end."""

    def __init__(self) -> None:
        self.tex: list[tuple[str, bool]] = []
        self.markdown = MarkdownIt("commonmark").enable("table")
        self.markdown.use(dollarmath_plugin, renderer=self._keep)

    def _keep(self, content: str, options: dict[str, bool]) -> str:
        self.tex.append((content.strip(), options["display_mode"]))
        return f"\0{len(self.tex) - 1}\0"

    def html(self, text: str) -> str:
        return self.markdown.render(text)

    def fill(self, pages: list[str]) -> list[str]:
        """Put the formulas into what `html` returned."""
        shown = formulas(self.tex)

        def put(found: re.Match) -> str:
            number = int(found[1])
            tag = "div" if self.tex[number][1] else "span"
            return f'<{tag} class="math">{shown[number]}</{tag}>'

        return [re.sub("\0(\\d+)\0", put, page) for page in pages]


def prompt(nb: dict[str, Any]) -> tuple[str, str]:
    """The title of an exercise and its text without it, as Markdown."""
    (source,) = (c["source"] for c in nb["cells"] if c["cell_type"] == "markdown")
    title, text = ONLY_IN_NOTEBOOK.sub("", source).split("\n", 1)
    return title.removeprefix("# "), text.strip()


def parsed(notebook: Path) -> dict[str, Any]:
    """A notebook without outputs, each cell's source in one piece."""
    nb = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in nb["cells"]:
        cell["source"] = "".join(cell["source"])
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return nb


def exercise(notebook: Path, checks: Path) -> dict[str, Any]:
    """What the page needs of one exercise; prompts still as Markdown."""
    notebooks = {language: parsed(notebook.with_suffix(f"{suffix}.ipynb"))
                 for language, suffix in SUFFIXES.items()}  # fmt: skip
    cells, call, code = notebooks["en"]["cells"], None, []
    for number, cell in enumerate(cells):
        if found := re.fullmatch(r'check\("\w+", (\w+)\)', cell["source"]):
            call = found[1]
        elif cell["cell_type"] == "code" and "remove-cell" not in cell["metadata"].get("tags", []):
            code.append(number)
    if call is None or not code:
        raise ValueError(f"{notebook.name}: no call of check, or no code before it")
    return {
        "id": notebook.stem,
        "function": call,
        "before": "\n".join(cells[n]["source"] for n in code[:-1]),
        "starter": code[-1],
        "notebook": notebooks,
        "checks": checks.read_text(encoding="utf-8"),
        "prompt": {language: prompt(nb) for language, nb in notebooks.items()},
    }


def exercises(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Each exercise's id with its file's text."""
    prompts, found = Prompts(), []
    for notebook in sorted(root.glob("exercises/*_ex_??.ipynb")):
        checks = root / "rnncourse" / "grading" / "checks" / f"{notebook.stem}.json"
        found.append(exercise(notebook, checks))
    sides = [(one, language) for one in found for language in SUFFIXES]
    pages = prompts.fill([prompts.html(one["prompt"][language][1]) for one, language in sides])
    for (one, language), page in zip(sides, pages, strict=True):
        one["prompt"][language] = {"title": one["prompt"][language][0], "html": page}
    for one in found:
        yield one["id"], json.dumps(one, ensure_ascii=False, separators=(",", ":"))


def write(target: Path, root: Path = ROOT) -> float:
    """Write all that a click loads into a folder of the site; return MB (gzip) of the common part.

    Both editions use it, so it stands once, beside them.
    """
    core = target / "pyodide"
    core.mkdir(parents=True)
    for name in CORE:
        (core / name).write_bytes((FETCHED / name).read_bytes())
    wheel = core / numpy_entry()["file_name"]
    wheel.write_bytes(small_wheel(FETCHED / wheel.name))
    (core / LOCK).write_text(small_lock(wheel.read_bytes()), encoding="utf-8")
    (target / "package.zip").write_bytes(package(root))
    made = editor.bundle()
    own = [file for file in (root / "book" / "try").glob("*.*") if file.name != editor.ENTRY.name]
    for file in [*own, *(made.iterdir() if made else ())]:
        (target / file.name).write_bytes(file.read_bytes())
    common = [file for file in target.rglob("*") if file.is_file()]
    packed = sum(len(gzip.compress(file.read_bytes(), 6)) for file in common) / 1e6
    # What the worker counts on the way: all but the scripts that are loaded as modules.
    arriving = [core / "pyodide.asm.wasm", core / "python_stdlib.zip", wheel]
    total = sum(file.stat().st_size for file in [*arriving, target / "package.zip"])
    size = {"megabytes": round(packed, 1), "bytes": total, "editor": made is not None}
    (target / "size.json").write_text(json.dumps(size), encoding="utf-8")
    (target / "exercises").mkdir()
    for name, text in exercises(root):
        (target / "exercises" / f"{name}.json").write_text(text, encoding="utf-8")
    return packed
