"""Set where the course lies and where its package is installed from.

    make set-repo URL=https://github.com/OWNER/NAME
    make set-repo PYPI=1    setup cells ask PyPI for this version; PYPI=0: the repository

Both choices stand in _config.yml, the version in rnncourse/__init__.py. What is derived from the
three (setup cells, links, README, metadata) is changed in place, so that no notebook has to be
executed again; without URL and PYPI too, as after a new version.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tools.site import config_zh

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)/?")
FOLDERS = ("book", "solutions", "exercises", "rnncourse", ".github")
SUFFIXES = {".md", ".ipynb", ".json", ".yml", ".cff", ".toml", ".html"}
PACKAGE = "rnncourse[chapters]"
# What pip is asked for, in either form.
REQUIREMENT = re.compile(
    re.escape(PACKAGE) + r"(?: @ git\+https://github\.com/[\w.-]+/[\w.-]+|==\w[\w.]*)"
)
VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
FROM_PYPI = re.compile(r"^package_from_pypi: (?:true|false)$", re.MULTILINE)


def configured(root: Path) -> dict:
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))


def repository_url(root: Path = ROOT) -> str:
    """Return the address that _config.yml gives."""
    return configured(root)["repository"]["url"]


def owner_and_name(url: str) -> str:
    """Return "OWNER/NAME"; Colab opens notebooks from GitHub, so no other host will do."""
    match = ADDRESS.fullmatch(url)
    if not match:
        raise SystemExit(f"URL must look like https://github.com/OWNER/NAME, not {url!r}")
    return "/".join(match.groups())


def site_address(root: Path = ROOT) -> str:
    """Where GitHub Pages shows the repository that _config.yml names."""
    owner, name = owner_and_name(repository_url(root)).split("/")
    return f"https://{owner}.github.io/{name}/"


def version(root: Path = ROOT) -> str:
    """Return the package's version, read without importing it."""
    found = VERSION.search((root / "rnncourse" / "__init__.py").read_text(encoding="utf-8"))
    if not found:
        raise SystemExit('rnncourse/__init__.py must say __version__ = "…"')
    return found[1]


def requirement(root: Path = ROOT) -> str:
    """Return what a setup cell tells pip to install, as _config.yml chooses."""
    if configured(root)["package_from_pypi"]:
        return f"{PACKAGE}=={version(root)}"
    return f"{PACKAGE} @ git+{repository_url(root).removesuffix('/')}"


def text_files(root: Path) -> list[Path]:
    """Return the files that may name the address: at the root, and in some folders."""
    files = [*root.iterdir()]
    for folder in FOLDERS:
        files += (root / folder).rglob("*")
    return sorted(file for file in files if file.suffix in SUFFIXES and file.is_file())


def replacements(old: str, new: str) -> list[tuple[re.Pattern[str], str]]:
    """Return what stands for OWNER/NAME in a text, and what is to stand there."""
    # github.com/OWNER/NAME is the page, /github/OWNER/NAME the end of a Colab address,
    # githubusercontent.com/OWNER/NAME a file by itself, OWNER.github.io/NAME the web book.
    before = r"(github\.com/|/github/|githubusercontent\.com/)"
    repository = re.compile(rf"{before}{re.escape(old)}(?![\w-])")
    old_site, new_site = (name.replace("/", ".github.io/") for name in (old, new))
    site = re.compile(rf"(//){re.escape(old_site)}(?![\w-])")
    return [(repository, rf"\g<1>{new}"), (site, rf"\g<1>{new_site}")]


def write(file: Path, text: str) -> list[Path]:
    """Write a file that is to change, and return it; one that is not keeps its date for make."""
    if file.read_text(encoding="utf-8") == text:
        return []
    file.write_text(text, encoding="utf-8")
    return [file]


def choose(root: Path, url: str | None, pypi: bool | None) -> list[Path]:
    """Change _config.yml alone."""
    config = root / "_config.yml"
    text = config.read_text(encoding="utf-8")
    if url is not None:
        new = owner_and_name(url)
        for pattern, replacement in replacements(owner_and_name(repository_url(root)), new):
            text = pattern.sub(replacement, text)
    if pypi is not None:
        text = FROM_PYPI.sub(f"package_from_pypi: {str(pypi).lower()}", text)
    return write(config, text)


def derived(root: Path, file: Path, pairs: list[tuple[re.Pattern[str], str]]) -> str:
    """Return what a file should say."""
    if file.name == "_config.zh.yml":
        return config_zh.generate(root)
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".cff":
        text = re.sub(r"(?m)^version: .*$", f"version: {version(root)}", text)
    for pattern, replacement in pairs:
        text = pattern.sub(replacement, text)
    return text


def set_repo(root: Path, url: str | None = None, pypi: bool | None = None) -> list[Path]:
    """Choose in _config.yml, then write what is derived; return the changed files.

    Args:
        url: the repository's address; None leaves it as it is.
        pypi: whether setup cells ask PyPI for the package; None leaves it as it is.
    """
    old = owner_and_name(repository_url(root))
    changed = choose(root, url, pypi)
    pairs = replacements(old, owner_and_name(repository_url(root)))
    pairs.append((REQUIREMENT, requirement(root)))
    for file in text_files(root):
        changed += write(file, derived(root, file, pairs))
    return changed


def main() -> int:
    parser = argparse.ArgumentParser(description="Make's target is set-repo URL=… PYPI=…")
    parser.add_argument("--url")
    parser.add_argument("--pypi", choices=("0", "1"))
    chosen = parser.parse_args()
    changed = set_repo(ROOT, chosen.url, {"0": False, "1": True, None: None}[chosen.pypi])
    for file in changed:
        print(file.relative_to(ROOT))
    print(f"{len(changed)} files changed; notebooks install {requirement()}")
    # Nothing else may have changed: say so if a derived file disagrees.
    return subprocess.run([sys.executable, "-m", "tools.notebooks", "--check"], cwd=ROOT,
                          check=False).returncode  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
