"""What must hold between a page, its translation, its notebooks and its exercises.

Each function takes the course's root folder and returns a list of problems, so that
tests can also call it on a copy with a planted mistake. `python -m tools.editions` calls them all,
with those of terms.py and quizzes.py.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

from tools.editions import glosses
from tools.notebooks.setup_cell import setup_cell
from tools.notebooks.store import code_cells, convert, read
from tools.set_repo import owner_and_name, repository_url, requirement
from tools.site.course_map import contents, plan

ROOT = Path(__file__).resolve().parents[2]
# Pages without exercises, tests and compared cells of their own.
REFERENCE = ("nn", "nlp", "data", "plot", "interop", "widgets", "grading", "modules")
FRONT = {"index", "notation", "glossary", "progress", "instructor", "mutants", "claims"}
FRONT |= {f"reference_{name}" for name in REFERENCE}
CHECKED_CELLS = 3
EXERCISES = 2


def stems(root: Path) -> list[str]:
    """Return the stems of _toc.yml in reading order."""
    toc = contents(root)
    return [toc["root"]] + [c["file"] for part in toc["parts"] for c in part["chapters"]]


def chapters(root: Path) -> list[str]:
    return [stem for stem in stems(root) if stem not in FRONT]


# ---- one stem, everywhere ----------------------------------------------------


def expected_files(root: Path, stem: str) -> list[str]:
    """Return the files that a stem must have, relative to the root."""
    files = [f"book/{lang}/{stem}{end}" for lang in ("en", "zh") for end in (".md", ".ipynb")]
    if stem in FRONT:
        return files
    numbers = sorted(p.stem.rsplit("_", 1)[1] for p in root.glob(f"solutions/{stem}_sol_*.md"))
    required = {f"{number:02d}" for number in range(1, EXERCISES + 1)}
    for number in sorted(required | set(numbers)):
        exercise = f"exercises/{stem}_ex_{number}"
        for pair in (f"solutions/{stem}_sol_{number}", exercise, f"{exercise}.zh"):
            files += [f"{pair}.md", f"{pair}.ipynb"]
    return [*files, f"tests/chapters/test_{stem}.py"]


def missing_files(root: Path) -> list[str]:
    names = [name for stem in stems(root) for name in expected_files(root, stem)]
    return [f"{name} is missing" for name in names if not (root / name).exists()]


def stray_files(root: Path) -> list[str]:
    """Return pages and exercises that belong to no stem of the table of contents."""
    known = {name for stem in stems(root) for name in expected_files(root, stem)}
    found = []
    for pattern in ("book/??/*", "solutions/*", "exercises/*"):
        for path in sorted(root.glob(pattern)):
            name = path.relative_to(root).as_posix()
            if path.suffix in (".md", ".ipynb") and name not in known:
                found.append(f"{name} belongs to no chapter of _toc.yml")
    return found


# ---- edition parity ----------------------------------------------------------


def prose(page: Path) -> str:
    """Return a page's Markdown without its code cells."""
    return "\n\n".join(c.source for c in convert(page).cells if c.cell_type == "markdown")


EXERCISE = re.compile(r"(_ex_\d+)(\.zh)?\.ipynb")
FENCE = re.compile(r"\s*(`{3,})(.*)")
ROLE_OR_CODE = re.compile(r"(\{[\w:+-]+\}`[^`]+`)|(?<!`)(`{1,2})(?!`).+?(?<!`)\2(?!`)", re.DOTALL)


def without_code(text: str) -> str:
    """Remove literal blocks and literal text, keeping directives and roles."""
    lines, opened, literal = [], "", False
    for line in text.splitlines():
        fence = FENCE.fullmatch(line)
        if fence and not opened:
            opened, literal = fence[1], not fence[2].startswith("{")
        elif fence and fence[1] == opened and not fence[2].strip():
            opened = ""
            if literal:
                continue
        if not (opened and literal):
            lines.append(line)
    return ROLE_OR_CODE.sub(lambda found: found[1] or "", "\n".join(lines))


def tidy(formula: str) -> str:
    """Return a formula with single spaces and without the words that are translated."""
    words = r"\\(text|mathrm|operatorname)\{[^{}]*[^\x00-\x7f\s][^{}]*\}|\\text\{[^{}]*\}"
    return re.sub(words, r"\\text{}", " ".join(formula.split()))


def display_math(text: str) -> list[str]:
    return [tidy(formula) for formula in re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL)]


def inline_math(text: str) -> list[str]:
    text = re.sub(r"\$\$.+?\$\$", " ", without_code(text), flags=re.DOTALL)
    found = re.findall(r"(?<![\\$])\$(?!\s)([^$]+?)(?<![\s\\])\$", text)
    return sorted({tidy(formula) for formula in found})


def labels(text: str) -> list[str]:
    patterns = (r"^\(([^)\s]+)\)=", r"^\$\$ *\(([^)\s]+)\)", r"^:(?:name|label): *(\S+)")
    return [name for p in patterns for name in re.findall(p, text, re.MULTILINE)]


def links(text: str) -> list[str]:
    """Return where links and pictures point, the same for both editions' pages and exercises."""
    targets = re.findall(r"\]\(<?([^)\s>]+)", without_code(text))
    targets += re.findall(r"\b(?:href|src)=\"([^\"]+)\"", text)
    targets += re.findall(r"\{(?:figure|image|include)\} *(\S+)", text)
    neutral = (EXERCISE.sub(r"\1.ipynb", target) for target in set(targets))
    return sorted(re.sub(r"/(en|zh)/", "/*/", target) for target in neutral)


def role_targets(text: str) -> list[str]:
    """Return citations and cross-references: role and target, not the words shown."""
    roles = re.findall(r"\{([\w:]+)\}`([^`]+)`", text)
    # `words shown <target>`
    return sorted({f"{role} {target.rpartition('<')[2].rstrip('>')}" for role, target in roles})


def outline(text: str) -> list[str]:
    """Return the depths of headings and the names of directives, in order."""
    return re.findall(r"^(#+(?= )|[`:]{3,}\{[\w:-]+\})", text, re.MULTILINE)


def code_with_metadata(page: Path) -> list[str]:
    cells = [(cell.source, cell.metadata) for cell in code_cells(convert(page))]
    return [f"{source}\n{json.dumps(metadata, sort_keys=True)}" for source, metadata in cells]


ASPECTS: dict[str, Callable[[str], list[str]]] = {
    "labels": labels,
    "display equations": display_math,
    "inline formulas": inline_math,
    "links and figures": links,
    "citations and references": role_targets,
    "headings and directives": outline,
}


def first_difference(ours: list[str], theirs: list[str]) -> str:
    """Describe where two lists part."""
    for a, b in zip(ours, theirs, strict=False):
        if a != b:
            return f"{a!r} in English, {b!r} in Chinese"
    longer, which = (ours, "English") if len(ours) > len(theirs) else (theirs, "Chinese")
    return f"{longer[min(len(ours), len(theirs))]!r} only in {which}"


def parity_problems(root: Path) -> list[str]:
    """Return where the two editions differ in what translation must not change."""
    found = []
    for stem in stems(root):
        english, chinese = (root / "book" / lang / f"{stem}.md" for lang in ("en", "zh"))
        if not (english.exists() and chinese.exists()):
            continue  # missing_files reports it
        pairs = {"code cells": (code_with_metadata(english), code_with_metadata(chinese))}
        texts = prose(english), prose(chinese)
        for aspect, extract in ASPECTS.items():
            pairs[aspect] = (extract(texts[0]), extract(texts[1]))
        for aspect, (ours, theirs) in pairs.items():
            if ours != theirs:
                found.append(f"{stem}: {aspect} differ: {first_difference(ours, theirs)}")
    return found


# ---- the map and the words of cells ------------------------------------------


def plan_problems(root: Path) -> list[str]:
    """Return chapters of _toc.yml that the course's map would leave out or reorder."""
    planned = [(part["caption"], c["stem"]) for part in plan(root) for c in part["chapters"]]
    parts = contents(root)["parts"]
    there = [(part["caption"], c["file"]) for part in parts for c in part["chapters"]]
    there = [pair for pair in there if pair[1] not in FRONT]
    if [pair for pair in planned if pair in there] == there:
        return []
    return [f"book/plan.yml lacks, or orders in another way, some of {there}"]


def gloss_problems(root: Path) -> list[str]:
    """Return what is wrong with book/glosses.yml, by what the pages' notebooks print."""
    return [f"{stem}: book/glosses.yml: {problem}"
            for stem in stems(root) for problem in glosses.problems_of(root, stem)]  # fmt: skip


# ---- notebooks ---------------------------------------------------------------


def notebooks(root: Path) -> list[Path]:
    patterns = ("book/??/*.ipynb", "solutions/*.ipynb", "exercises/*.ipynb")
    return sorted(path for pattern in patterns for path in root.glob(pattern))


def setup_cell_problems(root: Path) -> list[str]:
    """Return the notebooks that begin with another setup cell than _config.yml gives."""
    expected = setup_cell(requirement(root))
    found = []
    for path in notebooks(root):
        cells = code_cells(read(path))
        name = path.relative_to(root).as_posix()
        if cells and cells[0].source != expected:
            found.append(f"{name}: the first code cell is not the setup cell")
        elif cells and "remove-cell" not in cells[0].metadata.get("tags", []):
            found.append(f"{name}: the setup cell lacks the tag remove-cell")
    return found


def colab_link_problems(root: Path) -> list[str]:
    """Return links to Colab that name another repository, or a file that is not there or is an
    exercise in the other edition's language.
    """
    pattern = re.compile(
        r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/blob/main/([^)\s\"\\>]+)"
    )
    repository = owner_and_name(repository_url(root))
    folders = ("", "book/en/", "book/zh/", "solutions/", "exercises/")
    found = []
    for page in sorted(p for folder in folders for p in root.glob(f"{folder}*.md")):
        name = page.relative_to(root).as_posix()
        for named, target in pattern.findall(page.read_text(encoding="utf-8")):
            if named != repository:
                found.append(f"{name}: a Colab link names {named}")
            if not (root / target).exists():
                found.append(f"{name}: a Colab link opens {target}, which is not there")
            chinese = EXERCISE.search(target) and bool(EXERCISE.search(target)[2])
            if page.parent.parent.name == "book" and chinese == (page.parent.name == "en"):
                found.append(f"{name}: {target} is not in this edition's language")
    return found


def is_checked(cell) -> bool:
    """Say whether nbval compares a cell's output."""
    marked = re.search(r"^# *NBVAL_CHECK_OUTPUT", cell.source, re.MULTILINE)
    return bool(marked) or "nbval-check-output" in cell.metadata.get("tags", [])


def checked_cell_problems(root: Path) -> list[str]:
    """Return the chapters with too few compared cells: nbval passes what is not stored."""
    found = []
    for stem in chapters(root):
        for lang in ("en", "zh"):
            stored = read(root / "book" / lang / f"{stem}.ipynb")
            cells = [c for c in code_cells(stored) if is_checked(c)] if stored else []
            count = sum(1 for cell in cells if cell.outputs)
            if count < CHECKED_CELLS:
                found.append(f"book/{lang}/{stem}.ipynb has {count} compared cells with output")
    return found


# ---- no trace of one machine -------------------------------------------------

SKIPPED = {".git", ".venv", "_build", "build", "__pycache__", ".pytest_cache", ".ruff_cache"}
TEXT = {".md", ".ipynb", ".py", ".yml", ".toml", ".txt", ".json", ".html", ".css", ".js", ".bib"}
# Spelled so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:wor[k]|roo[t]|hom[e]|User[s]|tm[p])/[\w.-]+")


def machine_path_problems(root: Path) -> list[str]:
    found = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if SKIPPED & set(name.parts) or path.suffix not in TEXT or not path.is_file():
            continue
        for hit in MACHINE_PATH.findall(path.read_text(encoding="utf-8")):
            found.append(f"{name.as_posix()} names the path {hit}")
    return found
