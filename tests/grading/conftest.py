"""Shared by the grader's tests: its key is kept in a folder of the tests, never in the user's."""

import sys

import pytest


@pytest.fixture(autouse=True, scope="session")
def data_home(tmp_path_factory):
    """The folder in which `platformdirs` puts this user's data, also for started commands."""
    folder = tmp_path_factory.mktemp("data-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        if sys.platform == "darwin":
            patch.setenv("HOME", str(folder))
        yield folder
