"""The first code cell of every notebook: it makes the course importable in Colab."""

TEMPLATE = """\
# Setup. Where the course is installed this does nothing; in Colab it installs it.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("rnncourse") is None:
    package = "{package}"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", package], check=True)
"""


def setup_cell(package: str) -> str:
    """Return the source of the setup cell, without a final newline.

    Args:
        package: what pip is to install, as tools.set_repo.requirement says.
    """
    return TEMPLATE.format(package=package).rstrip("\n")
