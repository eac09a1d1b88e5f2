"""How people write notebooks, each with a right answer: a table for test_habits.py.

Modelled on public course notebooks and on reports of those who grade. A habit is its code cells;
IMPORT and STEP are those of a plain notebook. The answers are to rnn_ex_01.
"""

IMPORT = "import numpy as np"
STEP = """def rnn_step(x, h_prev, W_x, W_h, b):
    return np.tanh(x @ W_x + h_prev @ W_h + b)
"""
CHECK = 'from rnncourse.grading import check\ncheck("rnn_ex_01", rnn_step)'
SMALL = "np.zeros((2, 3)), np.zeros((2, 4)), np.zeros((3, 4)), np.zeros((4, 4)), np.zeros(4)"
BODY = STEP.replace("np.tanh", "helpers.squash")
INDENTED = "".join(f"    {line}\n" for line in STEP.splitlines())
PROMPTED = "".join(f"{'...' if k else '>>>'} {line}\n" for k, line in enumerate(STEP.splitlines()))
NUMBERED = "".join(
    f"{'   ...: ' if k else 'In [3]: '}{line}\n" for k, line in enumerate(STEP.splitlines())
)

HABITS: dict[str, list[str]] = {
    "plain": [IMPORT, STEP, CHECK],
    # --- cell magics
    "%%time above the answer": [IMPORT, "%%time\n" + STEP, CHECK],
    "%%capture above the answer": [IMPORT, "%%capture\n" + STEP, CHECK],
    "%%capture with a name, which is read": [
        IMPORT, "%%capture out\nprint('a')\n" + STEP,
        "assert out.stdout.strip() == 'a'\nlines = out.stdout.split()\nout.show()", CHECK],
    "%%capture over the imports": ["%%capture\n!pip install numpy\nimport numpy as np", STEP],
    "%%prun above the answer": [IMPORT, "%%prun -s cumulative\n" + STEP, CHECK],
    "%%timeit of a call": [
        IMPORT, STEP, f"%%timeit -n 1000 -r 7\nrnn_step({SMALL})", CHECK],
    "%%timeit of another version": [
        IMPORT, STEP, "%%timeit -n1 -r1\ndef rnn_step(*a):\n    return 0", CHECK],
    "%%writefile, then import": [
        IMPORT, "%%writefile helpers.py\nimport numpy\ndef squash(v):\n    return numpy.tanh(v)",
        "import helpers\n" + BODY, CHECK],
    "%%writefile in two parts, then %run": [
        IMPORT, "%%writefile step.py\nimport numpy as np", "%%writefile -a step.py\n" + STEP,
        "%run step.py", CHECK],
    "%%bash, %%html and %%latex cells": [
        IMPORT, "%%bash\nls", "%%html\n<b>hello</b>", "%%latex\n$h_t$", STEP, CHECK],
    # --- line magics
    "%matplotlib inline and autoreload": [
        "%matplotlib inline\n%load_ext autoreload\n%autoreload 2\n"
        "%config InlineBackend.figure_format = 'retina'\nimport numpy as np", STEP, CHECK],
    "t = %time": [IMPORT, STEP + f"h = %time rnn_step({SMALL})\nassert h.shape == (2, 4)", CHECK],
    "%timeit in the cell of the answer": [
        IMPORT, f"%timeit -n 2 -r 1 np.tanh(0.1)\nt = %timeit -o -n 2 -r 1 np.tanh(0.1)\n"
        f"best = t.best\n{STEP}", CHECK],
    "%pip in the cell of the imports": ["%pip install numpy\nimport numpy as np", STEP, CHECK],
    "pip without a sign": ["pip install numpy", IMPORT, STEP, CHECK],
    "folder = %pwd": ["folder = %pwd\nimport os\nfiles = os.listdir(folder)\n" + IMPORT, STEP],
    "get_ipython().run_line_magic": [
        "get_ipython().run_line_magic('matplotlib', 'inline')\nimport numpy as np", STEP, CHECK],
    "is this a notebook": [
        "from IPython import get_ipython\nIN_COLAB = 'google.colab' in str(get_ipython())\n"
        "if get_ipython() is not None:\n    import numpy as np", STEP, CHECK],
    # --- shell escapes and help
    "!pip install": ["!pip install -q numpy\nimport numpy as np", STEP, CHECK],
    "files = !ls": ["files = !ls\nprint(len(files), files.n)\nimport numpy as np", STEP, CHECK],
    "a shell escape in a loop": [
        IMPORT, "for name in ['a', 'b']:\n    !echo $name\n" + STEP, CHECK],
    "np.tanh? in the cell of the answer": [IMPORT, "np.tanh?\n" + STEP, CHECK],
    "?np.tanh and help(np.tanh)": [IMPORT, "?np.tanh\nhelp(np.tanh)\n" + STEP, CHECK],
    # --- how the source looks
    ">>> prompts": [IMPORT, PROMPTED, CHECK],
    "In [3]: prompts": [IMPORT, NUMBERED, CHECK],
    "a prompt before an assignment": [IMPORT, "In [2]: act = np.tanh", BODY.replace(
        "helpers.squash", "act"), CHECK],
    "an indented cell": [IMPORT, INDENTED, CHECK],
    "a trailing semicolon": [IMPORT, STEP + f"rnn_step({SMALL});", CHECK],
    # --- results
    "_ of the cell before": [
        IMPORT, "np.tanh", "squash = _", STEP.replace("np.tanh", "squash"), CHECK],
    "_ is not what ends in a semicolon": [
        IMPORT, "np.tanh", "np.sin;", "squash = _", STEP.replace("np.tanh", "squash"), CHECK],
    "Out and _2": [
        IMPORT, "np.tanh", "assert Out[2] is _2\nsquash = Out[2]",
        STEP.replace("np.tanh", "squash"), CHECK],
    "display": [IMPORT, "display(np.zeros(3))\n" + STEP, CHECK],
    "IPython.display": [
        "from IPython.display import display, HTML, Image, Markdown, clear_output\n"
        "import IPython.display as ipd\ndisplay(HTML('<b>a</b>'), Markdown('b'))\n"
        "for k in range(3):\n    clear_output(wait=True)\nimport numpy as np", STEP, CHECK],
    "all expressions shown": [
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.ast_node_interactivity = 'all'\nimport numpy as np", STEP, CHECK],
    "what check returns": [
        IMPORT, STEP, CHECK.replace("check(", "result = check(") +
        "\nassert result.points == result.max_points", "rnn_step = rnn_step"],
    # --- await
    "top-level await": [
        IMPORT, "import asyncio\nasync def wait():\n    await asyncio.sleep(0)\n"
        "    return np.tanh\n"
        "squash = await wait()\n" + STEP.replace("np.tanh", "squash"), CHECK],
    "a task of an earlier cell": [
        IMPORT, "import asyncio\nasync def wait():\n    return np.tanh\n"
        "task = asyncio.create_task(wait())",
        "squash = await task\n" + STEP.replace("np.tanh", "squash"), CHECK],
    # --- futures and names
    "annotations that are looked at": [
        IMPORT, "from dataclasses import dataclass, fields\n"
        "@dataclass\nclass Sizes:\n    D: int = 3\n"
        "assert fields(Sizes)[0].type is int\n" + STEP, CHECK],
    "a __future__ that holds for later cells": [
        "from __future__ import annotations", IMPORT, STEP.replace("b):", "b: np.Unknown):"),
        CHECK],
    "if __name__ == '__main__'": [IMPORT, "if __name__ == '__main__':\n" + INDENTED, CHECK],
    "inspect.getsource": [
        IMPORT, STEP, "import inspect\nassert 'tanh' in inspect.getsource(rnn_step)\n"
        "step = rnn_step", "rnn_step = step", CHECK],
    "a cell that fails and is mended in the next": [
        IMPORT, "print(undefined)\n" + STEP, STEP, CHECK],
    # --- packages
    "matplotlib before numpy": [
        "import matplotlib.pyplot as plt\nfrom matplotlib import cm, rc\nimport numpy as np\n"
        "plt.rcParams['figure.figsize'] = (6, 4)\nplt.style.use('ggplot')", STEP, CHECK],
    "a figure in the cell of the answer": [
        "import matplotlib.pyplot as plt\nimport numpy as np",
        "fig, axes = plt.subplots(2, 2, figsize=(6, 4))\nline, = axes[0, 1].plot([1, 2], 'o-')\n"
        "for ax in axes.flat:\n    ax.set_title('a')\nn, bins, _ = plt.hist([1, 2, 3], bins=4)\n"
        "assert len(bins) == 5\nplt.show()\n" + STEP, CHECK],
    "three dimensions": [
        "from mpl_toolkits.mplot3d import Axes3D\nimport matplotlib\nmatplotlib.use('Agg')\n"
        "import matplotlib.pyplot as plt\nimport numpy as np\n"
        "ax = plt.figure().add_subplot(111, projection='3d')\nax.plot([1], [1], [1])", STEP, CHECK],
    "%pylab": ["%pylab inline", STEP, CHECK],
    "pandas before numpy": [
        "import pandas as pd\nimport seaborn as sns\nimport numpy as np\n"
        "pd.set_option('display.width', 80)\nsns.set_theme()", STEP, CHECK],
    "pandas and numpy in one line": ["import pandas as pd, numpy as np", STEP, CHECK],
    "torch and its seed before the answer": [
        "import torch\nfrom torch import nn\nimport numpy as np\ntorch.manual_seed(0)\n"
        "device = torch.device('cpu')\nclass Net(nn.Module):\n    pass\n" + STEP, CHECK],
    "Colab's drive": [
        "from google.colab import drive\ndrive.mount('/content/drive')\nimport numpy as np", STEP],
    "scipy.special": [
        IMPORT + "\nfrom scipy.special import expit",
        "def rnn_step(x, h, W_x, W_h, b):\n"
        "    return 2 * expit(2 * (x @ W_x + h @ W_h + b)) - 1", CHECK],
    "the course's figures": [
        "import numpy as np\nfrom rnncourse import plot\n"
        "plot.matrix(np.eye(2), rows=['a', 'b'], title='矩阵')\n" + STEP, CHECK],
    "tqdm in a loop": [
        "from tqdm.auto import tqdm\nimport numpy as np\nfor k in tqdm(range(3)):\n    pass\n"
        + STEP, CHECK],
}  # fmt: skip
