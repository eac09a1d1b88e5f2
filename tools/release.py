"""Say what speaks against a release: `python -m tools.release v0.2.0`, for `make dist TAG=v0.2.0`.

What was uploaded to PyPI once can be hidden there and never replaced.
"""

import sys
from pathlib import Path

import yaml
from packaging.version import InvalidVersion, Version

from tools.set_repo import ROOT, repository_url, version

PLACEHOLDER = "YOUR-ORG"


def tag_problems(tag: str, found: str) -> list[str]:
    """Compare a tag with the version that rnncourse/__init__.py says."""
    try:
        normal = str(Version(found))
    except InvalidVersion:
        return [f"rnncourse/__init__.py: {found!r} is no version; it must look like 0.2.0"]
    if found != normal:
        return [f"rnncourse/__init__.py: PyPI would write the version {found} as {normal}"]
    if tag != f"v{found}":
        return [f"the tag is {tag!r}, but rnncourse/__init__.py says version {found}: v{found}"]
    return []


def problems(root: Path, tag: str) -> list[str]:
    """Return what is wrong with a release of the course at `root` under `tag`."""
    found = tag_problems(tag, version(root))
    if PLACEHOLDER in repository_url(root):
        found.append(f"_config.yml still names {PLACEHOLDER}: make set-repo URL=…")
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    if str(citation["version"]) != version(root):
        found.append(f"CITATION.cff says version {citation['version']}: make set-repo")
    return found


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tools.release TAG")
    found = problems(ROOT, sys.argv[1])
    print("\n".join(found) or f"{sys.argv[1]} is this version's tag")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
