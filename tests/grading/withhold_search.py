"""Call everything that a staged copy of the package offers with an exercise's inputs.

`test_withholding.py` runs this in a process of its own, in which the copy is the package: tasks
come in over standard input, and what answers one of them goes out over standard output, pickled.
Functions, private ones, closures, methods, and the caches that backward passes read are tried, with
the inputs in every order that the annotations leave open, packed as `withhold_arguments.py` says.
"""

import contextlib
import copy
import importlib
import itertools
import math
import os
import pickle
import pkgutil
import resource
import signal
import socket
import sys
import types
import warnings
from pathlib import Path

sys.path[:0] = [*sys.argv[1:], str(Path(__file__).parent)]

import numpy as np  # noqa: E402
from withhold_arguments import Arguments, kinds, parameters  # noqa: E402

SECONDS = 0.3  # for one call
SLOW = 100  # calls that one counts for which takes longer
MEMORY = 1 << 29  # bytes: no call needs much, and what fills it is slow
LEAVES = 40  # arrays looked at of one result
FOLLOWED = 16  # objects and closures that one function returns
INHERITED = {"_make", "_replace", "_asdict", *dir(tuple), *dir(dict)} - {"__call__"}


# --- what the copy offers ----------------------------------------------------------------


def modules():
    """Every module of the copy.

    One that imports a withheld module is there too: a learner can put anything in the place of
    what it misses.
    """
    package = load("rnncourse")
    yield package
    for found in pkgutil.walk_packages(package.__path__, "rnncourse.", onerror=lambda _: None):
        with contextlib.suppress(ImportError):
            yield load(found.name)


def load(name):
    """Import a module, with stand-ins for those that are withheld."""
    for _ in range(20):
        try:
            return importlib.import_module(name)
        except ImportError as error:
            missing = error.name or f"rnncourse.{str(error).split()[0]}"
            if not missing.startswith("rnncourse") or missing == name:
                raise
            sys.modules[missing] = StandIn(missing)
    raise ImportError(name)


class StandIn(types.ModuleType):
    """In the place of a withheld module: it has every name, and nothing in it works."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def withheld(*_, **__):
            raise NotImplementedError(name)

        return type(name, (), {"__new__": withheld})


def contents(value, name):
    """A value by its name, and what lies in it where it is a container of the package."""
    yield name, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from contents(item, f"{name}[{key!r}]")
    elif isinstance(value, tuple | list):
        for key, item in enumerate(value):
            yield from contents(item, f"{name}[{key}]")


def callables():
    """Name → function or class of the copy, each once, whatever names it goes by."""
    found, seen = {}, set()
    for module in modules():
        for name, value in list(vars(module).items()):
            if name.startswith("__"):
                continue
            for path, item in contents(value, f"{module.__name__}.{name}"):
                if callable(item) and ours(item) and id(item) not in seen:
                    seen.add(id(item))
                    found[(own_name(item) or path).removeprefix("rnncourse.")] = item
    return found


def own_name(item):
    """Where a function or class is defined; None for a partial, say."""
    name = getattr(item, "__qualname__", None)
    return name and f"{item.__module__}.{name}"


def ours(item):
    """True for what the package defines, in a `functools.partial` too."""
    item = getattr(item, "func", item)
    return str(getattr(item, "__module__", "")).startswith("rnncourse")


# --- what a result holds -------------------------------------------------------------------


def leaves(value, path="", depth=4):
    """Name → array of each number and array in a result."""
    if isinstance(value, np.ndarray | np.generic | int | float):
        array = np.asarray(value)
        if array.dtype.kind in "fiub" and array.size:
            yield path, array
        return
    if depth == 0 or value is None or isinstance(value, str | bytes | type):
        return
    if isinstance(value, list | tuple) and value:
        with contextlib.suppress(ValueError, TypeError):
            yield from leaves(np.asarray(value), f"{path}.asarray", 0)
    items = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    elif ours(type(value)):
        items = attributes(value)
    for key, item in items:
        yield from leaves(item, f"{path}.{key}", depth - 1)


def attributes(value):
    """What an object holds, properties included."""
    for name in dir(value):
        if not name.startswith("__"):
            with contextlib.suppress(Exception):
                item = getattr(value, name)
                if not callable(item):
                    yield name, item


def pieces(array, size):
    """The array, or its first or last part along an axis, where that has `size` entries."""
    if array.size == size:
        yield "", array
    for axis, n in enumerate(array.shape):
        if array.size == n * size and n > 1:
            yield f"[0 of axis {axis}]", array.take(0, axis)
            yield f"[-1 of axis {axis}]", array.take(-1, axis)
    if array.shape == (size + 1,):
        yield "[1:]", array[1:]
        yield "[:-1]", array[:-1]


def alike(a, b, rtol, atol):
    """True where two numbers, or arrays of one shape, agree."""
    if np.isfinite(b).all():  # faster than `allclose`
        return np.all(np.abs(a - b) <= atol + rtol * np.abs(b))
    return np.allclose(a, b, rtol, atol, equal_nan=True)


def arrangements(array, expected, rtol, atol):
    """Name → a piece of the array that equals `expected`, its axes in any order.

    No order of the axes moves the first and the last entry, so these are compared first.
    """
    array = array.astype(float) if array.dtype == bool else array
    kind, expected = expected.dtype, expected.astype(float)
    for name, piece in pieces(array, expected.size):
        flat, due = piece.reshape(-1), expected.reshape(-1)
        if not (alike(flat[0], due[0], rtol, atol) and alike(flat[-1], due[-1], rtol, atol)):
            continue
        for axes in itertools.permutations(range(piece.ndim)):
            turned = piece.transpose(axes).reshape(expected.shape)
            if alike(turned, expected, rtol, atol):
                yield f"{name}{list(axes)}", turned.astype(kind)


# --- the search ------------------------------------------------------------------------------


class Timeout(BaseException):
    """A call that takes too long."""


class Spent(Exception):
    """A function that need not be called again."""


def stop(*_):
    raise Timeout


class Search:
    """Everything that the copy offers, against one exercise."""

    def __init__(self, task, callables):
        self.task, self.callables = task, callables
        self.most, self.left = task["most"], math.inf
        self.arguments = Arguments([inputs for inputs, _ in task["cases"]], callables)
        self.expected = [expected for _, expected in task["cases"]]
        self.hits, self.calls, self.plain = {}, 0, set()
        for key in self.arguments.kinds:
            self.look(self.arguments.cases[0][key], (("", (("", key),)),))
        self.plain = {k for k, _ in self.hits}

    def outcome(self, recipe, case, writing=False):
        """What a chain of calls returns in a case, and what the last one was given."""
        value, given = None, {}
        if recipe[0][0] == "":
            return self.arguments.cases[case][recipe[0][1][0][1]], {}
        for k, (name, pairs) in enumerate(recipe):
            target = self.callables[name] if not k else getattr(value, name) if name else value
            values = self.arguments.cases[case]
            given = {p: self.callables[key] if key in self.callables else values[key]
                     for p, key in pairs}  # fmt: skip
            given = copy.deepcopy(given) if writing else given
            self.calls += 1
            value = target(**given)
        if hasattr(value, "__next__"):
            value = list(itertools.islice(value, 50))
        return value, given

    def tried(self, recipe, case=0):
        """The results of a chain of calls, what it wrote into its arguments included, or None."""
        if self.left <= 0:
            raise Spent
        self.left -= 1
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            try:
                return self.outcome(recipe, case)[0]
            except ValueError as error:
                if "read-only" not in str(error):
                    return None
                return list(self.outcome(recipe, case, writing=True))
        except (ImportError, SystemExit):
            raise Spent from None  # it needs what is not here, or is a command
        except Timeout:
            self.left -= SLOW
            return None
        except BaseException:
            return None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def explore(self, f, prefix=(), name="", depth=2):
        """Call `f` with all that may fit, and what it returns as well."""
        followed = 0 if depth else FOLLOWED
        for pairs in self.arguments.sets(f, self.most if not prefix else self.most // 4):
            recipe = (*prefix, (name, pairs))
            try:
                value = self.tried(recipe)
            except Spent:
                return
            if value is None:
                continue
            self.look(value, recipe)
            if followed < FOLLOWED and (ours(type(value)) or isinstance(value, types.FunctionType)):
                followed += 1
                for method, bound in methods(value):
                    self.explore(bound, recipe, method, depth - 1)

    def look(self, value, recipe):
        """Note each output that the result holds, if it does so in every case."""
        seen = itertools.islice(leaves(value), LEAVES)
        for path, array in seen:
            for k, expected in enumerate(self.expected[0]):
                if (k, recipe[0][0]) in self.hits or k in self.plain:
                    continue
                for way, found in self.arrangements(array, expected):
                    rest = [self.again(recipe, case, path, way, k) for case in self.others()]
                    if all(other is not None for other in rest):
                        self.hits[k, recipe[0][0]] = (said(recipe, path, way), [found, *rest])
                        break

    def others(self):
        return range(1, len(self.expected))

    def arrangements(self, array, expected):
        return arrangements(array, expected, *self.task["tolerance"])

    def again(self, recipe, case, path, way, k):
        """The same view of the same calls in another case, where it is right there as well."""
        self.left += 1
        with contextlib.suppress(Spent):
            for where, array in leaves(self.tried(recipe, case)):
                if where == path:
                    return dict(self.arrangements(array, self.expected[case][k])).get(way)
        return None

    def differentiate(self, name, f):
        """Is `f` a derivative of any function that it is given? Then a forward pass is enough."""
        found = parameters(f) or []
        functions = [p.name for p in found if "callable" in kinds(p)]
        arrays = [p.name for p in found if p.annotation is np.ndarray]
        needed = {p.name for p in found if p.default is p.empty}
        if len(functions) != 1 or len(arrays) != 1 or needed != {*functions, *arrays}:
            return
        for k in self.task["gradients"]:
            answers = []
            for expected in self.expected:
                nudged = np.full(expected[k].shape, 0.5)
                total = lambda nudged=nudged, due=expected[k]: float(np.sum(nudged * due))  # noqa: E731
                with contextlib.suppress(Exception):
                    answers.append(f(**{functions[0]: total, arrays[0]: nudged}))
            if all(np.shape(a) == e[k].shape and alike(a, e[k], *self.task["tolerance"])
                   for a, e in itertools.zip_longest(answers, self.expected)):  # fmt: skip
                self.hits[k, name] = (f"{name}(forward, {self.task['outputs'][k]})", answers)

    def run(self):
        for name, f in self.callables.items():
            if not isinstance(f, type) or any(methods(f)):
                self.left = 8 * self.most
                self.explore(f, name=name)
                self.differentiate(name, f)
        return [(self.task["outputs"][k], name, *hit) for (k, name), hit in self.hits.items()]


def methods(value):
    """What can be called on a result: the function itself, or the methods of its class."""
    if isinstance(value, types.FunctionType):
        yield "", value
        return
    made = value if isinstance(value, type) else type(value)
    if issubclass(made, BaseException):
        return
    for name in dir(made):
        if (not name.startswith("__") or name == "__call__") and name not in INHERITED:
            with contextlib.suppress(Exception):
                if callable(bound := getattr(value, name)):
                    yield name, bound


def said(recipe, path, way):
    """A recipe in words."""
    calls = [f"{name}({', '.join(f'{p}={key}' for p, key in pairs)})" for name, pairs in recipe]
    return f"{'.'.join(calls)} → {path or 'the value'} {way}"


def main():
    """Answer the task of standard input on standard output."""
    task = pickle.load(sys.stdin.buffer)
    reply, quiet = os.fdopen(os.dup(1), "wb"), os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # what the functions print
    sys.argv = ["search"]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, stop)
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    found = callables()
    socket.socket.connect = None  # nothing is downloaded
    with open(os.devnull, "w") as bars, contextlib.redirect_stderr(bars):
        hits = Search(task, found).run()
    pickle.dump(hits, reply)
    reply.close()


if __name__ == "__main__":
    main()
