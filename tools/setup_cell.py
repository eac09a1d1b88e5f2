"""The first code cell of every notebook: it makes the course importable in Colab."""

TEMPLATE = """\
# Setup. Where the course is installed this does nothing; in Colab it installs it.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("rnncourse") is None:
    package = "rnncourse[chapters] @ git+{url}"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", package], check=True)
    if "google.colab" in sys.modules:  # Colab has no font for the Chinese in figures
        font = ["apt-get", "install", "-qq", "-y", "fonts-wqy-microhei"]
        subprocess.run(font, stdout=subprocess.DEVNULL, check=False)
"""


def setup_cell(url: str) -> str:
    """Return the source of the setup cell for the repository at `url`, without a final newline."""
    return TEMPLATE.format(url=url.removesuffix("/")).rstrip("\n")
