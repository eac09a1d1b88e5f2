"""Stand-ins for what a notebook draws and shows with: Matplotlib, and IPython's display.

Copied to the stage, where nothing is shown: importing Matplotlib would take longer than grading,
and it keeps a cache of fonts. A `Drawing` takes whatever it is given; where a notebook computes
with what it gets back (axes, limits, colours, counts), `RESULTS` has the right form.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import os
import sys
import types
from collections.abc import Callable
from opcode import opmap
from typing import Any

ROOTS = ("IPython", "matplotlib", "mpl_toolkits", "pylab")
# These hold real files on the stage beside stand-ins, so that their attributes are modules.
PACKAGES = ("IPython", "IPython.core", "IPython.utils")
REAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ipython")
PYPLOT = """
figure plot show title suptitle xlabel ylabel legend subplot subplots subplots_adjust scatter imshow
matshow bar barh hist boxplot pie stem step errorbar fill_between grid savefig colorbar axis axes
xlim ylim xticks yticks tight_layout close clf cla gcf gca semilogx semilogy loglog contour contourf
pcolormesh quiver text annotate arrow axhline axvline axhspan axvspan hlines vlines style rcParams
rc cm pause ion ioff get_cmap set_cmap twinx
"""
BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift"
UNARY = "neg pos abs invert"


def constant(value: Any) -> Callable[..., Any]:
    """A function that returns this."""
    return lambda *_, **__: value


def unpacked(frame: types.FrameType) -> int:
    """How many values the code of this frame unpacks where it is; 1 where it does not unpack."""
    code, at = frame.f_code.co_code, frame.f_lasti
    if code[at] == opmap["UNPACK_SEQUENCE"]:  # a, b = …
        return code[at + 1]
    if code[at] == opmap["UNPACK_EX"]:  # a, *rest, b = …: what follows the star is in the prefix
        after = code[at - 1] if at and code[at - 2] == opmap["EXTENDED_ARG"] else 0
        return code[at + 1] + after
    return 1


class Drawing:
    """Takes everything and does nothing: a figure, its axes, a line, a widget."""

    _path: tuple[str, ...] = ()

    def __init__(self, *path: Any, **_: Any) -> None:
        if path and isinstance(path[0], tuple):
            self._path = path[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # protocols that it does not have
            raise AttributeError(name)
        return Drawing((*self._path[-1:], name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kind, name = ("", "", *self._path)[-2:]
        try:
            if name in RESULTS:
                return RESULTS[name](kind, *args, **kwargs)
            if name == "norm" or kind.endswith(("Norm", "Normalize")):
                return args[0]
            if name == "cmap" or kind in ("cm", "colormaps"):
                return colours(kind, *args)
        except Exception:  # arguments that the real one would refuse as well
            pass
        return Drawing((name, "()"))

    def __getitem__(self, key: Any) -> Any:
        return Drawing((*self._path[-1:], str(key) if isinstance(key, str) else ""))

    def __iter__(self) -> Any:
        return iter([Drawing() for _ in range(unpacked(sys._getframe(1)))])

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        import numpy as np

        return np.zeros((), dtype)

    def __format__(self, spec: str) -> str:
        try:
            return format(0.0, spec)
        except ValueError:
            return ""

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return (Drawing,)  # class Mine(plt.Axes)

    def __instancecheck__(self, thing: Any) -> bool:
        return isinstance(thing, Drawing)  # isinstance(thing, plt.Axes)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    __setitem__ = __delitem__ = __delattr__ = constant(None)
    __bool__, __len__, __contains__ = constant(True), constant(1), constant(False)
    __lt__ = __le__ = __gt__ = __ge__ = constant(False)
    __float__, __int__, __index__ = constant(0.0), constant(0), constant(0)


for _name in [*BINARY.split(), *(f"r{name}" for name in BINARY.split()), *UNARY.split()]:
    setattr(Drawing, f"__{_name}__", lambda *_: Drawing())


# --- what drawing functions return: the owner's name comes first, then their own arguments --------


def many(shape: tuple[int, ...]) -> Any:
    """An array of this shape, of axes."""
    import numpy as np

    grid = np.empty(shape, object)
    for at in np.ndindex(*shape):
        grid[at] = Drawing()
    return grid


def subplots(kind: str, nrows: int = 1, ncols: int = 1, sharex: Any = False, sharey: Any = False,
             squeeze: bool = True, **_: Any) -> Any:  # fmt: skip
    """Axes in the array that Matplotlib makes of them, after their figure where pyplot is asked."""
    grid = many((nrows, ncols))
    if squeeze:
        grid = grid.item() if grid.size == 1 else grid.squeeze()
    return (Drawing(), grid) if kind in ("pyplot", "pylab") else grid


def subplot_mosaic(kind: str, mosaic: Any, *_: Any, **__: Any) -> Any:
    """Axes by the names of a text ("AB;CC") or of nested lists."""
    import numpy as np

    if isinstance(mosaic, str):
        names = set(mosaic) - set(" \n;.")
    else:
        names = {str(name) for name in np.asarray(mosaic, object).ravel()} - {"."}
    axes = {name: Drawing() for name in sorted(names)}
    return (Drawing(), axes) if kind in ("pyplot", "pylab") else axes


def hist(kind: str, x: Any, bins: Any = None, range: Any = None, density: bool = False,
         weights: Any = None, **_: Any) -> Any:  # fmt: skip
    """Counts and edges as NumPy has them."""
    import numpy as np

    given = np.asarray(x, float).ravel()
    counts = np.histogram(given, 10 if bins is None else bins, range, density, weights)
    return (*counts, Drawing())


def colours(kind: str, values: Any = 0.0, *_: Any, **__: Any) -> Any:
    """Grey, for each value."""
    import numpy as np

    shape = np.shape(values)
    return np.full((*shape, 4), (0.5, 0.5, 0.5, 1.0)) if shape else (0.5, 0.5, 0.5, 1.0)


def ticks(*_: Any, **__: Any) -> Any:
    """Six places from 0 to 1."""
    import numpy as np

    return np.linspace(0, 1, 6)


def size(*_: Any) -> Any:
    """Matplotlib's own size of a figure, in inches."""
    import numpy as np

    return np.array([6.4, 4.8])


RESULTS: dict[str, Callable[..., Any]] = {
    "subplots": subplots,
    "subplot_mosaic": subplot_mosaic,
    "hist": hist,
    "get_size_inches": size,
    **dict.fromkeys(("get_xticks", "get_yticks"), ticks),
    **dict.fromkeys(("xlim", "ylim", "get_xlim", "get_ylim"), constant((0.0, 1.0))),
    "axis": constant((0.0, 1.0, 0.0, 1.0)),
    "get_legend_handles_labels": lambda *_, **__: ([], []),
    "fignum_exists": constant(False),  # what waits for a window to close must not wait
    "get_fignums": lambda *_: [],
    "to_rgba": lambda kind, values=0.0, *_, **__: colours(kind, 0.0 if isinstance(values, str)
                                                          else values),
    "to_rgb": constant((0.5, 0.5, 0.5)),
    "to_hex": constant("#808080"),
    "by_key": lambda *_: {"color": [f"C{k}" for k in range(10)]},
    **dict.fromkeys(("get_cmap", "ListedColormap", "from_list", "resampled", "reversed"),
                    lambda *_, **__: Drawing(("cm", "()"))),
    "get_charmap": lambda *_: range(0x2E80, 0xFFF0),  # a font that has every character
}  # fmt: skip


def display(*_: Any, display_id: Any = None, **__: Any) -> Drawing | None:
    """IPython's function, which shows nothing here."""
    return None if display_id is None else Drawing()


# --- modules -------------------------------------------------------------------------------------


class Finder:
    """Imports stand-ins, asked after everything that is really there."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        """The stand-in's place, or that of IPython's own file where the stage has one."""
        if name.partition(".")[0] not in ROOTS:
            return None
        file = os.path.join(REAL, *name.split(".")[1:]) + ".py"
        if name.startswith("IPython.") and os.path.isfile(file):
            loader = importlib.machinery.SourceFileLoader(name, file)
            return importlib.machinery.ModuleSpec(name, loader, origin=file)
        return importlib.machinery.ModuleSpec(name, Finder, is_package=True)  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: Any) -> None:
        """As Python makes it."""

    @staticmethod
    def exec_module(module: types.ModuleType) -> None:
        """Fill a stand-in: any name is a `Drawing`, or in IPython's packages a module."""
        name, space = module.__name__, module.__dict__
        leaf = name.rpartition(".")[2]

        def attribute(wanted: str) -> Any:
            if wanted.startswith("__"):
                raise AttributeError(wanted)
            if name in PACKAGES:
                return importlib.import_module(f"{name}.{wanted}")
            return Drawing((leaf, wanted))

        space |= {"__getattr__": attribute, "__version__": "3.8.0"}
        if leaf == "pylab":
            import numpy as np

            space |= {k: getattr(np, k) for k in set(np.__all__) - {*dir(builtins)}} | {"np": np}
        if leaf in ("pyplot", "pylab"):
            space |= {k: Drawing((leaf, k)) for k in PYPLOT.split()}  # for `import *`
        if name.startswith("IPython"):
            space |= {"__version__": "8.12.0", "version_info": (8, 12, 0, "")}
        if name in ("IPython.display", "IPython.core.display"):
            space["display"] = display
        if name == "IPython":
            space["get_ipython"] = vars(builtins)["get_ipython"]
