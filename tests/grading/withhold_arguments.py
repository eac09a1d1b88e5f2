"""What `withhold_search.py` calls functions with: an exercise's inputs, reshaped and packed as
functions of the package take them, and which of these fit a parameter.

A key's part before the bar is the input that the value was made of: "hs|T" is hs, transposed.
"""

import functools
import inspect
import itertools
import math

import numpy as np

LEADING = ("f", "b")  # the two directions of W_xf, W_hf, b_f and so on
# What a parameter that is a function gets.
STEPS = {"rnn_step", "lstm_step", "gru_step", "gru_reset_before_step", "rnn_step_backward",
         "lstm_step_backward", "gru_step_backward", "persistence", "greedy"}  # fmt: skip
# Inputs, or kinds of packing, that a parameter of another name takes.
ROLES = {"dstate": ("state",), "state": ("tree",), "grads": ("tree",), "params": ("tree",),
         "p": ("params",), "decay": ("beta2",), "momentum": ("beta1",), "length": ("T",),
         "horizon": ("K", "steps"), "cut": ("text",), "side": ("text",),
         "kind": ("text",)}  # fmt: skip
WORDS = ("before", "after", "rnn", "lstm", "gru", "irnn", "birnn", "bilstm", "bigru")


def sizes(inputs):
    """D and H, guessed from the inputs that have them in their last axis; None where none has."""
    last = {name: v.shape[-1] for name, v in inputs.items() if getattr(v, "ndim", 0) > 1}
    D = next((last[n] for n in ("x", "xs") if n in last), None)
    H = next((last[n] for n in ("dh", "dhs", "das", "hs", "h0", "h_prev", "h") if n in last), None)
    return D, H


def reshaped(name, v):
    """One array with its axes in another order, and with axes and parts that functions expect."""
    found = {}
    if v.dtype.kind == "f" and (v >= 0).all():
        with np.errstate(divide="ignore"):
            found[f"{name}|log"] = np.log(v)
            found[f"{name}|log [None]"] = found[f"{name}|log"][None]
    if v.ndim > 1:
        found[f"{name}|T"] = v.T
    if v.ndim == 3:
        found[f"{name}|time first"] = v.swapaxes(0, 1)
        ones = np.ones((*v.shape[:-1], 1))
        with_ones = np.concatenate([v, ones], axis=-1)
        found[f"{name}|time first, ones"] = with_ones.swapaxes(0, 1)
        found[f"{name}|rows"] = v.reshape(-1, v.shape[-1])
    if v.ndim in (1, 2):
        found[f"{name}|[:, None]"] = v[:, None]
        found[f"{name}|[None]"] = v[None]
    found[f"{name}|list of one"] = [v]
    found[f"{name}|list"] = list(v)
    if v.dtype.kind in "iu":
        found[f"{name}|float"] = v.astype(float)
    found[f"{name}|len"] = len(v)
    return found


def parts(inputs):
    """The first m and the rest of each array, for each input m that may be such a number."""
    whole = {n: v for n, v in inputs.items() if isinstance(v, int)}
    for name, v in inputs.items():
        for m, k in whole.items():
            if getattr(v, "ndim", 0) and 0 < k < len(v):
                yield f"{name}|[:{m}]", v[:k]
                yield f"{name}|[{m}:]", v[k:]
                yield f"{name}|[-{m}:]", v[-k:]


def with_first(inputs):
    """h0 (N, H) before hs (N, T, H): (N, T + 1, H), as the caches of the fast path hold it."""
    for (a, first), (b, rest) in itertools.permutations(inputs.items(), 2):
        if getattr(rest, "ndim", 0) == 3 and np.shape(first) == (len(rest), rest.shape[2]):
            states = np.concatenate([first[:, None], rest], axis=1)
            yield f"{b}|after {a}, T", states.T
            yield f"{b}|after {a}, time first", states.swapaxes(0, 1)
            yield f"{b}|after {a}, before the last", states[:, :-1]


def lengths(inputs):
    """What lengths (N,) say: a mask, and one array cut into N sequences; how far to forecast."""
    if "truth" in inputs:
        yield "horizon|truth", len(inputs["truth"])
    found = inputs.get("lengths")
    for name, v in inputs.items():
        if found is not None and name != "lengths" and getattr(v, "ndim", 0):
            if v.ndim > 1 and len(v) == len(found):
                yield f"mask|{name}", (np.arange(v.shape[1]) < found[:, None]).astype(int)
            if v.ndim == 1 and len(v) == sum(found):
                yield f"sequences|{name}", np.split(v, np.cumsum(found)[:-1])


def products(inputs):
    """x W and x W + b, and the tanh of what is its own input's tanh in a cache."""
    flat = {n: v for n, v in inputs.items() if getattr(v, "ndim", 0) == 2}
    for (a, x), (b, W) in itertools.permutations(flat.items(), 2):
        if x.shape[1] == len(W):
            yield f"{a}|@ {b}", x @ W
            for c, bias in inputs.items():
                if np.shape(bias) == W.shape[1:]:
                    yield f"{a}|@ {b} + {c}", x @ W + bias
    if "c" in inputs:
        yield "tanh_c|", np.tanh(inputs["c"])


def params(inputs):
    """Parameters as the package's layers take them, zeros for those that are no inputs."""
    D, H = sizes(inputs)
    for ending in ("", *LEADING):
        own = {n: inputs.get(f"{n}{ending}") for n in ("W_x", "W_h")}
        own["b"] = inputs.get(f"b_{ending}" if ending else "b")
        made = {n: v for n, v in own.items() if getattr(v, "ndim", 0) in (1, 2)}
        if made.keys() >= {"W_x", "W_h"} or (not ending and D and H):
            if D and H:
                made = {"W_x": np.zeros((D, H)), "W_h": np.zeros((H, H)), **made}
            made.setdefault("b", np.zeros(made["W_h"].shape[1]))
            yield f"params|{ending}", made
            if "b_hn" in inputs or made["W_h"].shape[1] == 3 * len(made["W_h"]):
                b_hn = inputs.get("b_hn", np.zeros(len(made["W_h"])))
                yield f"params|b_hn {ending}", {**made, "b_hn": b_hn}
    if D and H:
        yield "params|identity", {"W_y": np.eye(H), "b_y": np.zeros(H)}
        yield "params|output", {"W_y": np.zeros((D, H)), "b_y": np.zeros(H)}
    if "W_y" in inputs:
        W_y = inputs["W_y"]
        yield "params|W_y", {"W_y": W_y, "b_y": inputs.get("b_y", np.zeros(W_y.shape[1]))}
    if {"W_in", "W_out"} <= inputs.keys():
        yield "params|words", {n: inputs[n] for n in ("W_in", "W_out")}
    for n in ("E", "table", "hs", "xs", "noise"):
        if n in inputs:
            yield f"params|E {n}", {"E": inputs[n]}


def stacked(inputs):
    """Layers of parameters, from W_x (L, D, H) and so on; two directions from W_xf and W_xb."""
    whole = [inputs.get(n) for n in ("W_x", "W_h", "b")]
    if all(getattr(v, "ndim", 0) == k for v, k in zip(whole, (3, 3, 2), strict=True)):
        layers = [{"W_x": W_x, "W_h": W_h, "b": b} for W_x, W_h, b in zip(*whole, strict=True)]
        yield "params|layers", layers
        yield "params|two ways", tuple(layers[:2])
        yield "params|layer of two ways", [tuple(layers[:2])]
    both = dict(params(inputs))
    if {f"params|{e}" for e in LEADING} <= both.keys():
        pair = tuple(both[f"params|{e}"] for e in LEADING)
        yield "params|pair", pair
        yield "params|layer of a pair", [pair]


def states(inputs):
    """(h, c) of two arrays (N, H); zeros."""
    flat = {n: v for n, v in inputs.items() if getattr(v, "ndim", 0) == 2 and n[0] in "hcd"}
    for (a, h), (b, c) in itertools.permutations(flat.items(), 2):
        if h.shape == c.shape:
            yield f"state|{a}, {b}", (h, c)
    _, H = sizes(inputs)
    xs = inputs.get("xs", inputs.get("x"))
    if H and xs is not None:
        yield "state|zeros", np.zeros((len(xs), H))


def trees(inputs):
    """Nests of arrays as the optimisers take them."""
    arrays = {n: v for n, v in inputs.items() if getattr(v, "ndim", 0)}
    if {"theta", "g", "m", "s", "t"} <= inputs.keys():
        for n in ("theta", "g"):
            yield f"tree|{n}", {"w": inputs[n]}
        means = {n: {"w": inputs[n]} for n in "ms"}
        yield "tree|state", {"t": np.array(inputs["t"] - 1), "v": means["m"], **means}
        yield "betas|", (inputs["beta1"], inputs["beta2"])
    yield "tree|all", arrays
    if len({len(v) for v in arrays.values()}) == 1 < len(arrays):
        yield "tree|first", {n: v[0] for n, v in arrays.items()}


def arguments(inputs):
    """Key → value, the inputs as they are first."""
    found = dict(inputs)
    for name, v in inputs.items():
        if getattr(v, "ndim", 0):
            found |= reshaped(name, v)
    for more in (parts, with_first, lengths, products, params, stacked, states, trees):
        found |= dict(more(inputs))
    return found | {"1": 1, "2": 2, "3": 3} | {f"text|{word}": word for word in WORDS}


# --- which of them a parameter takes -------------------------------------------------------


@functools.cache
def parameters(f):
    """The parameters that a call may fill; None where the signature is not to be had."""
    kinds = inspect.Parameter
    try:
        found = list(inspect.signature(f).parameters.values())
    except (ValueError, TypeError):
        return None
    return [p for p in found if p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]


def kind(value):
    """What an argument is, in the words of `kinds`."""
    if isinstance(value, bool | int | np.integer):
        return "whole"
    if isinstance(value, float):
        return "number"
    if isinstance(value, np.ndarray):
        return "array"
    if hasattr(value, "_fields"):
        return "cache"
    return {dict: "dict", list: "list", tuple: "tuple", str: "str"}[type(value)]


def kinds(p):
    """The kinds of argument that a parameter's annotation and name leave open."""
    text, note = str(p.annotation).removesuffix(" | None"), p.annotation
    note = {"int": int, "float": float, "str": str, "numpy.ndarray": np.ndarray}.get(text, note)
    if note in (int, float, bool, str):
        return {int: {"whole"}, float: {"number", "whole"}}.get(note, {note.__name__})
    if text.startswith(("collections.abc.Iterable", "collections.abc.Sequence", "list")):
        return {"list", "array", "tuple"}
    for word, found in (("Generator", {"rng"}), ("Callable", {"callable"}),
                        ("_SupportsArray", {"array", "number"}), ("Cache", {"cache"}),
                        ("Path", set()), ("Axes", set())):  # fmt: skip
        if word in text:
            return found
    if note is np.ndarray:
        return {"array"}
    if text.startswith("dict[str, numpy"):
        return {"dict"}
    if "tuple[numpy.ndarray" in text and "dict" not in text:
        return {"array", "tuple"}
    return {"array", "list", "tuple", "dict", "whole", "number", "cache"}


class Arguments:
    """The arguments of one exercise: `cases` holds a value of each key for each case."""

    def __init__(self, cases, callables):
        more = {"rng|": np.random.default_rng(0), "none|": None}
        self.cases = [arguments(inputs) | more for inputs in cases]
        for case in self.cases:
            case.update(caches(case, callables))
            for value in case.values():
                lock(value)
        self.inputs = list(cases[0])
        self.bases = {k.partition("|")[0] for k in self.cases[0]}
        self.steps = [n for n in callables if n.rpartition(".")[2] in STEPS]
        self.kinds = {k: kind(v) for k, v in self.cases[0].items() if k not in ("rng|", "none|")}
        self.fits = functools.cache(self._fits)

    def _fits(self, p):
        """Keys for a parameter, what bears its name first."""
        wanted = kinds(p)
        if "rng" in wanted:
            return ["rng|"]
        if "callable" in wanted:
            return self.steps
        found = [k for k, of in self.kinds.items() if of in wanted]
        if "cache" in wanted and len(wanted) == 1:
            name = getattr(p.annotation, "__name__", "")
            found = [k for k in found if f"|{name} " in k] or found
        roles = (p.name, "none", *ROLES.get(p.name, ()))
        if str(p.annotation).endswith(" | None"):
            found = ["none|", *found]
        own = [k for k in found if k.partition("|")[0] in roles]
        raw = [k for k in found if (k in self.inputs or k in "123") and k not in own]
        return own + raw + [k for k in found if k not in own and k not in raw]

    def sets(self, f, most):
        """Sets of arguments for `f`, as (parameter, key) pairs: first what its names suggest."""
        found = parameters(f) or []
        needed = [p for p in found if p.default is p.empty]
        extra = [p for p in found if p.default is not p.empty and p.name != "dtype"]
        named = [p for p in extra if {p.name, *ROLES.get(p.name, ())} & self.bases]
        seen = set()
        most = 8 if any("rng" in kinds(p) for p in needed) else most
        for k, chosen in enumerate([needed, [*needed, *named], *([*needed, p] for p in extra)]):
            most = max(most // 3, 8) if k == 2 else most
            names = [p.name for p in chosen]
            every = itertools.chain(self.nearest(chosen, most), self.in_any_order(chosen, most))
            for keys in every:
                pairs = tuple(zip(names, keys, strict=True))
                if pairs and pairs not in seen:
                    seen.add(pairs)
                    yield pairs

    def nearest(self, chosen, most):
        """The combinations of keys that stand first in their parameters' lists."""
        lists = [self.fits(p) for p in chosen]
        found = ([some[k] for some, k in zip(lists, places, strict=True)]
                 for places in diagonal(tuple(map(len, lists))))  # fmt: skip
        return itertools.islice((keys for keys in found if len(set(keys)) == len(keys)), most)

    def in_any_order(self, chosen, most):
        """The inputs as they are, in each order that the parameters' kinds leave open."""
        lists = [[k for k in self.fits(p) if k in self.inputs] or self.fits(p)[:8] for p in chosen]
        return itertools.islice(distinct(lists), most)


def distinct(lists, taken=()):
    """One key of each list, none twice."""
    if len(taken) == len(lists):
        yield taken
        return
    for key in lists[len(taken)]:
        if key not in taken:
            yield from distinct(lists, (*taken, key))


@functools.cache
def diagonal(lengths):
    """Index tuples below `lengths`, those with the smallest sums first."""
    width = max(lengths, default=1)
    while math.prod(min(n, width) for n in lengths) > 1000 and width > 1:
        width -= 1
    return sorted(itertools.product(*(range(min(n, width)) for n in lengths)), key=sum)


def caches(case, callables):
    """What the backward passes read: named tuples filled with the inputs of their fields' names.

    Fields without such an input are None. Layouts: as the inputs are, time first, turned on the
    side, and as the fast path has them, with ones beside the inputs.
    """
    for path, made in callables.items():
        if not (isinstance(made, type) and hasattr(made, "_fields")):
            continue
        for layout in ("", "time first", "T", "fast"):
            keys = [in_layout(case, field, layout) for field in made._fields]
            if sum(key is not None for key in keys) > len(keys) // 2:
                values = [None if key is None else case[key] for key in keys]
                yield f"cache|{path.rpartition('.')[2]} {layout}", made(*values)


def in_layout(case, field, layout):
    """The key of a cache's field, or None."""
    if layout == "fast":
        layout = "time first, ones" if field == "xs" else "T"
    after = [key for key in case if key.startswith("hs|after") and key.endswith(f", {layout}")]
    if field == "states" or (field == "hs" and layout == "T"):
        return after[0] if after else None
    return next((key for key in (f"{field}|{layout}", field) if key in case), None)


def lock(value):
    """Make the arrays of a nest read-only, so that a function that writes in place says so."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            lock(item)
