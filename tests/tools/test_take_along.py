"""What readers download from the site: exercises, and the package for those without GitHub."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.site import take_along

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build") / "wheel"
    take_along.write_wheel(folder)
    (file,) = folder.iterdir()
    return file


def test_the_site_holds_every_exercise_and_the_package(tmp_path, wheel):
    """The first pages name the wheel as it is called; other pages are left as they are."""
    for name in ("en/index.html", "zh/index.html", "zh/rnn.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f'<a href="../{take_along.WHEEL_NAME}">')
    take_along.add_notebooks(tmp_path, wheel.parent)
    for language in ("en", "zh"):
        said = (tmp_path / language / "index.html").read_text("utf-8")
        assert said == f'<a href="../{wheel.name}">'
    assert take_along.WHEEL_NAME in (tmp_path / "zh/rnn.html").read_text("utf-8")
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()
    given = {path.name: path.read_bytes() for path in (tmp_path / "exercises").iterdir()}
    assert given == {path.name: path.read_bytes() for path in ROOT.glob("exercises/*.ipynb")}
    assert {f"{name[:-6]}.zh.ipynb" for name in given if ".zh." not in name} <= set(given)


def test_a_wheel_that_replaces_another_is_the_same_for_the_same_sources(tmp_path, wheel):
    (tmp_path / "rnncourse-0.0.0-py3-none-any.whl").touch()
    take_along.write_wheel(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [wheel.name]
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()
    assert {i.date_time[0] for i in zipfile.ZipFile(wheel).infolist()} == {1980}


def test_the_setup_cell_installs_the_wheel_that_lies_beside_the_notebook(tmp_path, wheel):
    """In a new environment, from a folder with a space, with no index and no other host."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    folder = tmp_path / "my notebooks"
    folder.mkdir()
    (folder / wheel.name).write_bytes(wheel.read_bytes())
    nb = json.loads((ROOT / "exercises/rnn_ex_01.zh.ipynb").read_text("utf-8"))
    cell = next("".join(c["source"]) for c in nb["cells"] if c["cell_type"] == "code")
    own = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    own |= {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    found = "print(importlib.util.find_spec('rnncourse').origin)"
    python = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    for _ in range(2):  # the second time it does nothing
        done = subprocess.run([python, "-c", f"{cell}\n{found}"], cwd=folder, env=own, check=True,
                              capture_output=True, text=True)  # fmt: skip
        assert Path(done.stdout.strip()).is_relative_to(tmp_path / "env")
        (folder / wheel.name).unlink(missing_ok=True)
