"""What stands in for IPython and Matplotlib where a notebook is graded, and what the stage gets."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from habits import IMPORT

from rnncourse import plot
from rnncourse.grading.confine import process, shell, stage
from rnncourse.grading.grader import Grader
from rnncourse.grading.submissions import Job

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "solutions"


@pytest.fixture(scope="module")
def grader():
    with Grader(SOLUTIONS, 12345) as grader:
        yield grader


# --- what a notebook shows with ------------------------------------------------------------

SHOWING = [
    "fig, ax = plt.subplots()\nax.set(xlabel='t', ylim=(0, 1))\nassert isinstance(ax, plt.Axes)",
    "fig, axes = plt.subplots(2, 3)\nassert axes.shape == (2, 3)\naxes[1, 2].plot([1])",
    "axes = plt.subplots(1, 3)[1]\nassert axes.shape == (3,)",
    "fig, ((a, b), (c, d)) = plt.subplots(2, 2, sharex=True)\na.plot([1]); d.plot([1])",
    "grid = plt.subplots(2, 1, squeeze=False)[1]\nassert grid.shape == (2, 1)",
    "axes = plt.figure().subplots(ncols=2)\nassert len(axes) == 2",
    "fig, axes = plt.subplot_mosaic('AB;CC')\nassert set(axes) == {*'ABC'}",
    "axes = plt.figure().subplot_mosaic([['a', 'b'], ['.', 'b']])\nassert set(axes) == {*'ab'}",
    "line, = plt.plot([1, 2])\none, two = plt.plot([1], [2], [3], [4])\nline.set_data([1], [2])",
    "a, b, *rest, last = plt.plot([1])\nassert rest == []",
    "n, bins, patches = plt.hist(np.arange(9), bins=3)\nassert n.tolist() == [3, 3, 3]\n"
    "assert bins[0] == 0\npatches[0].set_color('red')",
    "low, high = plt.gca().get_xlim()\nt = np.linspace(*plt.xlim(), 5)\nassert t.shape == (5,)",
    "left, right, bottom, top = plt.axis()\nlocations, labels = plt.xticks()",
    "x, y, width, height = plt.gca().get_position().bounds\nassert f'{width:.2f}' and x + 1",
    "handles, labels = plt.gca().get_legend_handles_labels()\nplt.legend(handles + [1], labels)",
    "assert len(plt.cm.viridis(0.3)) == 4\nassert plt.cm.viridis(np.zeros(5)).shape == (5, 4)",
    "assert plt.get_cmap('viridis')(np.zeros(2)).shape == (2, 4)\n"
    "assert matplotlib.colormaps['magma'].reversed()(0.1)[3] == 1",
    "norm = plt.Normalize(0, 1)\nassert norm(np.arange(3)).shape == (3,)",
    "colours = plt.rcParams['axes.prop_cycle'].by_key()['color']\nassert colours[7 % len(colours)]",
    "plt.rcParams['figure.figsize'] = 8, 3\nplt.rcParams.update({'font.size': 9})\n"
    "matplotlib.rcParams['font.family'] = ['a', *matplotlib.rcParams['font.family']]",
    "with plt.style.context('ggplot'), plt.rc_context():\n    plt.figure().tight_layout()",
    "bars = plt.bar([1], [2])\nfor bar in bars:\n    plt.text(bar.get_x() + 1 / 2, 1, 'a')",
    "class Ticks(matplotlib.ticker.Formatter):\n    def __call__(self, v, at=None):\n"
    "        return 'a'\nassert Ticks()(1) == 'a'\nplt.gca().xaxis.set_major_formatter(Ticks())",
    "from matplotlib import animation\nHTML(animation.FuncAnimation(plt.gcf(), print).to_jshtml())",
    "from matplotlib import pyplot, cm, rc, colors\nassert colors.to_hex('red')[0] == '#'",
    "import matplotlib.gridspec as gridspec\nplt.subplot(gridspec.GridSpec(2, 2)[0, :])",
    "from mpl_toolkits.axes_grid1 import make_axes_locatable\nmake_axes_locatable(plt.gca())",
    "from pylab import *\nassert sin(0) == 0 and max([1, 2]) == 2\nplot(arange(3)); xlabel('t')",
    "while plt.fignum_exists(1):\n    plt.pause(0.1)",
    "def draw(x, ax: plt.Axes | None = None):\n    ax = ax or plt.gca()\n    return ax.plot(x)\n"
    "draw([1])[0].set_label('a')",
    "import copy\ncopy.deepcopy(plt.gca()).plot([1])\nassert tuple(map(int, "
    "matplotlib.__version__.split('.'))) > (3,)",
    "im = plt.imshow(np.eye(2))\nplt.colorbar(im, ax=plt.gca()).set_label('a')\nnp.asarray(im)",
    "w, h = plt.gcf().get_size_inches()\nassert w > h",
    "import IPython\nassert IPython.get_ipython() is get_ipython()\nIPython.display.display(1)\n"
    "assert IPython.version_info > (7,)",
    "from IPython.core.display import HTML, display\nfrom IPython.utils import io\n"
    "handle = display(1, display_id=True)\nhandle.update(2)\nassert display(3) is None",
    "get_ipython().magic('matplotlib inline')\nget_ipython().events.register('a', print)",
    "lines = get_ipython().getoutput('ls')\nassert (lines, lines.n, lines.s) == ([], '', '')\n"
    "assert lines.grep('a').fields(0) == lines.p == []",
    "get_ipython().run_cell('five = 5')\nassert five == get_ipython().user_ns['five']",
    "%%timeit -n 1000000000 base = 2\nassert base == 2",
    "t = %timeit -n 10 -r 3 -o -q -1\nassert t.average == t.best > 0 and t.loops == 1",
    "t = %timeit np.eye(2)\nassert t is None",
    "exit\nquit()\nhelp(np)",
]  # fmt: skip


def test_what_notebooks_show_with_has_the_right_form(grader):
    """Each is a cell of its own; the reason names the first that failed."""
    imports = (
        "import numpy as np, matplotlib, matplotlib.pyplot as plt\nfrom IPython.display import *"
    )
    imports += "\nfrom IPython.display import HTML\nimport matplotlib.ticker"
    said = grader.examine(Job("a", "rnn_ex_01", (imports, *SHOWING))).text[0]
    assert said.startswith("the notebook does not define the function rnn_step; IPython lines")


FIGURES = {
    "bidirectional_graph": "np.ones((2, 1)), np.ones((3, 2)), np.ones((3, 2))",
    "chinese_font": "",
    "dots": "{'a': [1, 2], '乙': 3}, baseline=('基线', 2), xlabel='x', title='题'",
    "gate_traces": "{'门': np.ones((3, 2)), 'g': -np.ones(3)}, ['a', 'b', '词'], title='题'",
    "gradient_flow": "{'a': [1, 0, 1e-3], '乙': [1, 2]}, title='t'",
    "learning_curves": "{'a': [[1, 2], [3, 4]], '乙': [1, 2]}, best=1, title='损失'",
    "lstm_tracks": "cells.lstm_step(np.ones((1, 1)), (np.ones((1, 2)), np.ones((1, 2))), "
    "cells.lstm_init(np.random.default_rng(0), 1, 2))[1], part='forget'",
    "lstm_roads": "[cells.lstm_step(np.ones((1, 1)), (np.ones((1, 1)),) * 2, "
    "cells.lstm_init(np.random.default_rng(0), 1, 1))[1]] * 3, np.ones((1, 4))",
    "matrix": "np.eye(2), rows=['a', '乙'], columns=['c', 'd'], title='矩阵'",
    "memory_trace": "np.ones((2, 3)), ['a', '乙'], title='t'",
    "problem_shape": "['一', 'b', None], ['c', None, 'd'], title='题'",
    "rnn_tracks": "*(lambda p: (cells.rnn_step(np.ones((1, 1)), np.ones((1, 2)), p)[1], p))"
    "(cells.rnn_init(np.random.default_rng(0), 1, 2))",
    "unrolled_graph": "np.ones((2, 1)), np.ones((3, 2)), backward=True",
    "use_chinese_font": "['矩阵龘']",
}


def test_the_courses_figures_can_be_drawn_on_what_stands_in(grader):
    functions = {name for name in plot.__all__ if callable(getattr(plot, name))}
    assert functions == FIGURES.keys()
    cells = [f"from rnncourse import plot\nplot.{name}({given})" for name, given in FIGURES.items()]
    imports = "import numpy as np, warnings\nwarnings.simplefilter('error')\n"
    cells = (imports + "from rnncourse.nn import cells", *cells)
    said = grader.examine(Job("a", "sequences_ex_01", cells)).text[0]
    assert said == "the notebook does not define the function read"


@pytest.mark.parametrize(
    ("name", "line", "rest"),
    [
        ("timeit", "-n 100 -r3 -o f(-x)", "f(-x)"),
        ("timeit", "-qo -v t -x", "-x"),
        ("timeit", "f(-n)", "f(-n)"),
        ("prun", "-s cumulative -q f(1)", "f(1)"),
        ("time", "--no-raise-error f(1)", "f(1)"),
        ("time", "x = -1", "x = -1"),
        ("run", "-i step.py -n 3", "step.py -n 3"),
    ],
)
def test_a_magics_options_are_taken_off(name, line, rest):
    assert shell.options(name, line)[1] == rest


# --- IPython's rules -----------------------------------------------------------------------

LOOK_LIKE_MAGIC = [
    'def f():\n    """Say.\n\n    >>> f()\n    In [1]: f()\n    %time\n    !ls\n    """',
    "x = a \\\n    % b\n# why?\ny = 'is it?'\n",
    "x = (1\n% 2)\nx != 3\ny: int = 4\n",
    "if True:\n    x = 1\n\n\n    y = 2;\n",
    "\n\n# a comment\n\nx = 1  # %time\n",
    "async def f():\n    await g()\nx = await f()\nx / y\n",
]


def course_cells():
    """The code of all exercises, solutions and English pages."""
    for folder in ("exercises", "solutions", "book/en"):
        for path in sorted((ROOT / folder).glob("*.ipynb")):
            for cell in json.loads(path.read_text("utf-8"))["cells"]:
                if cell["cell_type"] == "code":
                    yield "".join(cell["source"])


def test_what_is_python_as_it_stands_means_the_same_to_ipython():
    """So that IPython's rules are needed for nothing else."""
    from IPython.core.inputtransformer2 import TransformerManager

    transform = TransformerManager().transform_cell
    cells = [*LOOK_LIKE_MAGIC, *set(course_cells())]
    assert len(cells) > 500
    for cell in cells:
        assert ast.dump(ast.parse(transform(cell))) == ast.dump(ast.parse(cell)), cell


def test_the_stage_gets_ipythons_own_rules_and_nothing_else_of_it(tmp_path):
    stage.copy_transformer(tmp_path)
    files = sorted(tmp_path.rglob("*.py"))
    assert [str(file.relative_to(tmp_path)) for file in files] == sorted(stage.TRANSFORMER)
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                name = getattr(node, "module", None) or node.names[0].name
                assert name.partition(".")[0] in sys.stdlib_module_names or (
                    name == "IPython.utils" and node.names[0].name == "tokenutil"
                )


@pytest.mark.parametrize("lost", [None, "elsewhere"])
def test_without_ipython_the_stage_says_what_to_install(lost, monkeypatch, tmp_path):
    spec = lost and type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    told = pytest.raises(stage.SandboxError, match=r'pip install "ipython>=7\.34')
    with monkeypatch.context() as patch, told:
        patch.setattr(stage.importlib.util, "find_spec", lambda name: spec)
        stage.copy_transformer(tmp_path / "stage")


def test_the_package_does_not_import_ipython():
    code = "import rnncourse.grading.cli, sys; sys.exit('IPython' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# --- the stage -----------------------------------------------------------------------------


def test_a_module_is_parsed_once_and_only_where_a_name_is_withheld(monkeypatch, tmp_path):
    parsed, parse = [], ast.parse
    withheld = ["nn.cells.rnn_step", "nn.cells.rnn_init", "nn.recurrent", "nlp.text.split"]
    with monkeypatch.context() as patch:
        patch.setattr(stage.ast, "parse", lambda text: parsed.append(text) or parse(text))
        stage.copy_package(ROOT / "rnncourse", tmp_path / "copy", withheld)
    assert len(parsed) == len(set(parsed)) == 3  # nn/__init__ too: it could define `recurrent`
    text = (tmp_path / "copy" / "nn" / "cells.py").read_text("utf-8")
    assert "nn.cells.rnn_step is withheld" in text
    assert "nn.cells.rnn_init is withheld" in text
    assert "withheld" in (tmp_path / "copy" / "nn" / "recurrent.py").read_text("utf-8")
    for name in ("nn.cells.nothing", "nn.nothing", "nothing.at_all"):
        with pytest.raises(stage.SandboxError, match=f"the package has no {name} to withhold"):
            stage.copy_package(ROOT / "rnncourse", tmp_path / name, ["nn.recurrent", name])


@pytest.mark.parametrize(
    "mode", [(True, True), (False, True), (False, False)], ids=["bubblewrap", "user", "same user"]
)
def test_scipy_works_in_every_mode(mode, tmp_path):
    pytest.importorskip("scipy")
    user = process.NOBODY if mode[1] and os.geteuid() == 0 else None
    mode = process.Mode(mode[0], user)
    code = "from scipy import linalg, special\nassert linalg.inv(np.eye(2))[0, 0] == 1\n"
    with Grader(SOLUTIONS, 1, mode=mode) as grader:
        if not process.works(grader._stage((), ("numpy",)), mode):
            pytest.skip("needs a machine where this mode works")
        step = "def rnn_step(x, h, W_x, W_h, b):\n    return 2 * special.expit(2 * (%s)) - 1\n"
        cells = (IMPORT, code + step % "x @ W_x + h @ W_h + b")
        assert grader.examine(Job("a", "rnn_ex_01", cells)).text[0] == "full marks"
