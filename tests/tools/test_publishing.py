"""What a maintainer gives away: wheel and sdist, their metadata, releases, documents, container."""

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import rnncourse
from tools import release, set_repo
from tools.notebooks import nbval_run
from tools.site import take_along

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def workflows() -> dict[str, dict]:
    files = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    # YAML 1.1 reads the key `on` as true.
    return {f.stem: yaml.safe_load(f.read_text(encoding="utf-8")) for f in files}


# ---- the package -------------------------------------------------------------


def test_wheel_and_sdist_hold_the_package_and_nothing_else(tmp_path):
    """Each as the sources say; the installed wheel is imported from elsewhere."""
    wheel = nbval_run.build_wheel(tmp_path)
    names = set(zipfile.ZipFile(wheel).namelist())
    places = {"rnncourse": "rnncourse", "book/programs": "rnncourse/programs",
              "benchmarks/results": "rnncourse/results"}  # fmt: skip
    sources = {path.relative_to(ROOT).as_posix(): f"{place}/{path.relative_to(ROOT / folder)}"
               for folder, place in places.items() for path in (ROOT / folder).rglob("*")
               if path.is_file() and path.suffix != ".pyc"}  # fmt: skip
    assert sum("/checks/" in name for name in sources) >= 50, "run make exercises"
    about = {name for name in names if ".dist-info/" in name}
    assert names - about == set(sources.values())
    licences = ("LICENSE", "LICENSE-TEXT", "rnncourse/fonts/chinese.LICENSE")
    assert {name.split("/licenses/")[1] for name in about if "/licenses/" in name} == {*licences}
    target = tmp_path / "installed"
    nbval_run.install_wheel(wheel, target)
    assert nbval_run.imported_from(target, tmp_path).is_relative_to(target.resolve())
    with tarfile.open(sdist(tmp_path / "source")) as archive:
        packed = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    packed = {name for name in packed if not name.startswith("rnncourse.egg-info/")}
    root = {"pyproject.toml", "MANIFEST.in", "README.md", "PKG-INFO", "setup.cfg", *licences}
    assert packed == set(sources) | root


def sdist(source: Path) -> Path:
    """Build the source distribution of a copy that also has tests, which are to stay out."""
    (source / "tests").mkdir()
    (source / "tests/test_planted.py").touch()
    program = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(source.parent)], cwd=source, check=True,
                   capture_output=True)  # fmt: skip
    return next(source.parent.glob("*.tar.gz"))


def test_metadata_name_this_version_and_address():
    """The version has one place, and so has the address; what repeats them agrees."""
    project = pyproject()
    assert project["dynamic"] == ["version"]
    assert set_repo.version(ROOT) == rnncourse.__version__
    address, site = set_repo.repository_url(ROOT), set_repo.site_address(ROOT)
    urls = project["urls"]
    assert set(urls) == {"Homepage", "Documentation", "Repository", "Issues", "Changelog"}
    assert (urls["Homepage"], urls["Repository"]) == (site, address)
    assert urls["Issues"].startswith(f"{address}/")
    assert urls["Changelog"].startswith(f"{address}/")
    page = urls["Documentation"].removeprefix(site)
    assert (ROOT / "book" / page).with_suffix(".md").exists()


def test_every_place_names_the_same_pythons():
    """Those that make takes: what is tested, what PyPI says of it, what README asks for."""
    low, high = re.search(
        r"\(3, (\d+)\) <= sys.version_info\[:2\] <= \(3, (\d+)\)", MAKEFILE
    ).groups()
    minors = range(int(low), int(high) + 1)
    pythons = [f"3.{minor}" for minor in minors]
    assert workflows()["test"]["jobs"]["test"]["strategy"]["matrix"]["python"] == pythons
    candidates = re.search(r"^CANDIDATES \?= (.+)$", MAKEFILE, re.MULTILINE)[1].split()
    assert candidates == ["python3", *(f"python{python}" for python in reversed(pythons))]
    prefix = "Programming Language :: Python :: "
    named = [c.removeprefix(prefix) for c in pyproject()["classifiers"] if c.startswith(prefix)]
    assert named == ["3 :: Only", *pythons]
    words = ", ".join(pythons[:-1]) + f" or {pythons[-1]}"
    assert MAKEFILE.startswith(f"# Needs Python {words} and make")
    assert MAKEFILE.count(f"Python {words}") == 2
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python {words} and make" in readme
    assert f"Python {words.replace(', ', '、').replace('or', '或')}" in readme
    # The package alone promises no upper end, since pip would then choose an old release.
    assert pyproject()["requires-python"] == f">={pythons[0]}"


def test_only_what_lacks_a_wheel_is_left_out_of_a_newer_python():
    newer = {"python_version": "3.14", "python_full_version": "3.14.0"}
    groups = [pyproject()["dependencies"], *pyproject()["optional-dependencies"].values()]
    asked = [Requirement(text) for group in groups for text in group]
    systems = [{"sys_platform": "linux", "platform_machine": "x86_64"},
               {"sys_platform": "darwin", "platform_machine": "arm64"}]  # fmt: skip
    for system in systems:
        now, then = ({r.name for r in asked if not r.marker or r.marker.evaluate(system | python)}
                     for python in ({"python_version": "3.13"}, newer))  # fmt: skip
        assert now - then == {"gensim"} | {n for n in now if n.startswith("tensorflow")}
        assert sum(name.startswith("tensorflow") for name in now) == 1


def test_citation_names_this_version_and_address():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == set_repo.version(ROOT)
    assert citation["repository-code"] == set_repo.repository_url(ROOT)


def test_readme_leads_somewhere_also_where_it_stands_alone():
    """As on PyPI: no link is relative, and one into the repository opens a file that is there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    address = set_repo.repository_url(ROOT)
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert len(links) >= 10
    for link in links:
        assert link.startswith("https://"), link
        if link.startswith(address):
            assert (ROOT / link.removeprefix(f"{address}/blob/main/")).exists(), link
    assert f'pip install "{set_repo.requirement(ROOT)}"' in text


# ---- workflows -----------------------------------------------------------------


def test_workflows_run_when_they_should_and_hold_no_secret():
    test, publish, release = (workflows()[name] for name in ("test", "publish", "release"))
    # A tag is tested by the release, which asks for it; else it would be tested twice.
    assert test[True] == {"push": {"branches": ["**"]}, "pull_request": None, "workflow_call": None}
    assert publish[True]["push"] == {"branches": ["main"]}
    assert release[True] == {"push": {"tags": ["v*"]}}
    for workflow in (test, publish, release):
        assert workflow["permissions"] == {"contents": "read"}
    more = {f"{name} {job}": one["permissions"] for name, workflow in workflows().items()
            for job, one in workflow["jobs"].items() if "permissions" in one}  # fmt: skip
    assert more == {
        "publish deploy": {"pages": "write", "id-token": "write"},
        "release pypi": {"id-token": "write"},
        "release github": {"contents": "write"},
    }
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert "secrets." not in file.read_text(encoding="utf-8")


def steps(job: dict) -> list[str]:
    return [step.get("run") or step["uses"] for step in job["steps"]]


def test_release_publishes_only_what_was_tested_and_built_strictly():
    jobs = workflows()["release"]["jobs"]
    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    assert set(jobs["pypi"]["needs"]) == {"test", "build"}
    assert jobs["github"]["needs"] == "pypi"
    assert jobs["pypi"]["environment"]["name"] == "pypi"
    built = steps(jobs["build"])
    assert built.index('make dist TAG="$GITHUB_REF_NAME"') < built.index("make book")
    # The jobs that may write run nothing of the repository, and no other step.
    assert steps(jobs["pypi"]) == ["actions/download-artifact@v8",
                                   "pypa/gh-action-pypi-publish@release/v1"]  # fmt: skip
    assert not any("checkout" in step for step in steps(jobs["github"]))
    for name in ("publish", "release"):
        env = workflows()[name]["jobs"]["build"]["env"]
        assert env["RNNCOURSE_STRICT"] == env["RNNCOURSE_REQUIRE_PYODIDE"] == 1
    paths = [step["with"]["path"] for step in jobs["build"]["steps"]
             if "upload-artifact" in step.get("uses", "")]  # fmt: skip
    assert paths == ["dist", f"_build/site/{take_along.NAME}.zip"]


def test_workflows_use_few_actions_each_in_one_version():
    found = {step["uses"] for workflow in workflows().values() for job in workflow["jobs"].values()
             for step in job.get("steps", []) if "uses" in step}  # fmt: skip
    versions = dict(name.split("@") for name in found)
    assert len(versions) == len(found)
    assert {name.split("/")[0] for name in versions} == {"actions", "pypa"}
    called = {target for workflow in workflows().values() for job in workflow["jobs"].values()
              for step in job.get("steps", [])
              for target in re.findall(r"\bmake (\w+)", step.get("run", ""))}  # fmt: skip
    assert called == {"book", "dist"}
    assert called <= targets()


def targets() -> set[str]:
    return {name for names in re.findall(r"^([\w ./-]+):(?!=)", MAKEFILE, re.MULTILINE)
            for name in names.split()}  # fmt: skip


# ---- a release ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "version", "said"),
    [
        ("v0.2.0", "0.2.0", None),
        ("v1.0.0rc1", "1.0.0rc1", None),
        ("0.2.0", "0.2.0", "the tag is '0.2.0'"),
        ("v0.2", "0.2.0", "v0.2.0"),
        ("v0.3.0", "0.2.0", "says version 0.2.0"),
        ("v1.0.0-rc1", "1.0.0-rc1", "as 1.0.0rc1"),
        ("vnext", "next", "is no version"),
    ],
)
def test_a_tag_that_is_not_the_version_is_refused(tag, version, said):
    found = release.tag_problems(tag, version)
    assert found == [] if said is None else said in found[0]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (None, "", "", None),
        ("_config.yml", "someone", "YOUR-ORG", "make set-repo URL"),
        ("CITATION.cff", "version: ", "version: 9", "CITATION.cff says version 9"),
    ],
)
def test_a_release_needs_an_address_and_one_version(tmp_path, file, old, new, said):
    (tmp_path / "rnncourse").mkdir()
    for name in ("rnncourse/__init__.py", "_config.yml", "CITATION.cff"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("YOUR-ORG", "someone")
        if name == file:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = release.problems(tmp_path, f"v{set_repo.version(ROOT)}")
    assert found == [] if said is None else len(found) == 1 and said in found[0]


# ---- the container for VS Code ---------------------------------------------------


def test_container_has_what_the_tests_need():
    """The system packages of .ci/run, the course's Python, and a command that make knows."""
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    wanted = set(re.findall(r"wanted\+=\((.+?)\)", ci))
    assert len(wanted) == 4
    installed = re.search(r"apt-get install (.+)$", container["onCreateCommand"])[1].split()
    assert {word for word in installed if not word.startswith("-")} == wanted
    command, target = container["postCreateCommand"].split()
    assert command == "make"
    assert target == re.search(r"^BIN := (\S+)/bin$", MAKEFILE, re.MULTILINE)[1] + "/.installed"
    python = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"][
        0
    ]
    assert container["image"] == f"{python.replace('=', ':')}-bookworm"
    port = int(re.search(r"^PORT \?= (\d+)$", MAKEFILE, re.MULTILINE)[1])
    assert container["forwardPorts"] == [port]
    assert set(container["portsAttributes"]) == {str(port)}
    light = workflows()["test"]["jobs"]["test"]["env"]["PIP_EXTRA_INDEX_URL"]
    assert container["containerEnv"] == {"PIP_EXTRA_INDEX_URL": light}
