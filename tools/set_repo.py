"""Put the course at another GitHub address: `make set-repo URL=https://github.com/OWNER/NAME`.

The address stands in _config.yml. What is derived from it (setup cells, Colab links,
README) is changed in place, so that no notebook has to be executed again.
"""

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)/?")
FOLDERS = ("book", "solutions", "exercises", "rnncourse", ".github")
SUFFIXES = {".md", ".ipynb", ".json", ".yml", ".cff", ".toml", ".html"}


def repository_url(root: Path = ROOT) -> str:
    """Return the address that _config.yml gives."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"]


def owner_and_name(url: str) -> str:
    """Return "OWNER/NAME"; Colab opens notebooks from GitHub, so no other host will do."""
    match = ADDRESS.fullmatch(url)
    if not match:
        raise SystemExit(f"URL must look like https://github.com/OWNER/NAME, not {url!r}")
    return "/".join(match.groups())


def text_files(root: Path) -> list[Path]:
    """Return the files that may name the address: at the root, and in some folders."""
    files = [*root.iterdir()]
    for folder in FOLDERS:
        files += (root / folder).rglob("*")
    return sorted(file for file in files if file.suffix in SUFFIXES and file.is_file())


def set_repo(root: Path, url: str) -> list[Path]:
    """Replace the address in every file that names it; return the changed files."""
    old, new = owner_and_name(repository_url(root)), owner_and_name(url)
    # github.com/OWNER/NAME is the page, /github/OWNER/NAME the end of a Colab address.
    pattern = re.compile(rf"(github\.com/|/github/){re.escape(old)}(?![\w-])")
    changed = []
    for file in text_files(root):
        text = file.read_text(encoding="utf-8")
        replaced = pattern.sub(rf"\g<1>{new}", text)
        if replaced != text:
            file.write_text(replaced, encoding="utf-8")
            changed.append(file)
    return changed


def main() -> int:
    if len(sys.argv) != 2 or not sys.argv[1]:
        raise SystemExit("usage: make set-repo URL=https://github.com/OWNER/NAME")
    changed = set_repo(ROOT, sys.argv[1])
    for file in changed:
        print(file.relative_to(ROOT))
    print(f"{len(changed)} files name {repository_url()}")
    # Nothing but the address may have changed: say so if a derived file disagrees.
    for tool in ("config_zh.py", "notebooks.py"):
        subprocess.run([sys.executable, str(ROOT / "tools" / tool), "--check"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
