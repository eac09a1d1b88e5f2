"""The first code cell of every notebook: it makes the course importable in Colab.

A wheel of the package that lies beside the notebook is installed in place of what the repository
has: the site offers one to readers who cannot reach GitHub.
"""

TEMPLATE = """\
# Setup. Where the course is installed this does nothing; in Colab it installs it.
import importlib.util
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("rnncourse") is None:
    package = "{package}"
    for wheel in Path().glob("rnncourse-*.whl"):  # beside this notebook: no need for GitHub
        package = f"{{wheel}}[chapters]"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", package], check=True)
"""


def setup_cell(package: str) -> str:
    """Return the source of the setup cell, without a final newline.

    Args:
        package: what pip is to install, as tools.set_repo.requirement says.
    """
    return TEMPLATE.format(package=package).rstrip("\n")
