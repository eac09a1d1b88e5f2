"""Forms of parameters: a dict, a pair of dicts, or a list of either.

A dict is one layer in one direction, a pair (tuple) one bidirectional layer, a list
layers on top of each other. Inside, all three are a list of layers, each a list of
one or two directions.
"""

from rnncourse._types import Params
from rnncourse.nn._shapes import check_float
from rnncourse.nn.layers import Layer

Form = Layer | list[Layer]

DIRECTIONS = ("forward", "backward")


def write_layer(directions: list[Params]) -> Layer:
    """The dict or pair that holds a layer's one or two directions."""
    return (directions[0], directions[1]) if len(directions) == 2 else directions[0]


def write_form(layers: list[list[Params]]) -> Form:
    """The dict, pair or list that holds these layers, each a list of directions."""
    form = [write_layer(directions) for directions in layers]
    return form if len(form) > 1 else form[0]


def read_form(kind: str, blocks: int, params: Form) -> list[list[Params]]:
    """The layers of any form, each a list of one or two directions, all checked.

    ``blocks`` is the number of gates side by side. Raises ValueError where names or
    shapes do not fit, naming layer and direction; TypeError for arrays not of floats.
    """
    entries = params if isinstance(params, list) else [params]
    layers = [list(entry) if isinstance(entry, tuple) else [entry] for entry in entries]
    if not layers:
        raise ValueError("params is an empty list; expected one entry for each layer")
    counts = {len(directions) for directions in layers}
    if len(counts) > 1 or not counts <= {1, 2}:
        raise ValueError("expected dicts only, or pairs of dicts only; found layers of "
                         f"{[len(directions) for directions in layers]} directions")  # fmt: skip
    for k, directions in enumerate(layers):
        for direction, p in zip(DIRECTIONS, directions, strict=False):
            where = f"layer {k}: " * (len(layers) > 1) + f"{direction}: " * (len(directions) == 2)
            _check_params(kind, blocks, p, where)
    _check_fit(layers)
    return layers


def _check_params(kind: str, blocks: int, p: Params, where: str) -> None:
    """Check one direction's names, dtypes and shapes; ``where`` begins each message."""
    if not isinstance(p, dict):
        raise ValueError(f"{where}params is {type(p).__name__}; expected a dict, a pair (tuple) "
                         "of dicts, or a list of these")  # fmt: skip
    _check_names(kind, set(p), where)
    for name, array in p.items():
        check_float(where + name, array)
    for name, array in p.items():
        if array.dtype != p["b"].dtype:
            raise ValueError(
                f"{where}{name} is {array.dtype} and b is {p['b'].dtype}; expected one dtype"
            )
    shape = p["W_x"].shape
    if len(shape) != 2 or shape[1] % blocks or 0 in shape:
        raise ValueError(f"{where}W_x has shape {shape}; expected (D, {blocks}H) for kind {kind!r}")
    H = shape[1] // blocks
    for name, needed in {"W_h": (H, shape[1]), "b": (shape[1],), "b_hn": (H,)}.items():
        if name in p and p[name].shape != needed:
            raise ValueError(f"{where}{name} has shape {p[name].shape}; W_x {shape} needs {needed}")


def _check_names(kind: str, names: set[str], where: str) -> None:
    if peepholes := sorted(names & {"p_i", "p_f", "p_o"}):
        raise ValueError(f"{where}params has peephole weights {peepholes}, which neither PyTorch "
                         "nor Keras has; leave them out to move the rest")  # fmt: skip
    needed = {"W_x", "W_h", "b"}
    if missing := needed - names:
        raise ValueError(f"{where}params lack {sorted(missing)}; found {sorted(names)}")
    if unknown := names - needed - ({"b_hn"} if kind == "gru" else set()):
        raise ValueError(f"{where}params has {sorted(unknown)}, which no {kind} of the libraries "
                         f"has; expected {sorted(names - unknown)}")  # fmt: skip


def _check_fit(layers: list[list[Params]]) -> None:
    """Check that two directions are alike, and that each layer reads what the last one gives."""
    for k, directions in enumerate(layers):
        shapes = [{name: array.shape for name, array in p.items()} for p in directions]
        if shapes[0] != shapes[-1]:
            raise ValueError(f"the directions of layer {k} have different shapes: "
                             f"{shapes[0]} forward, {shapes[-1]} backward; expected "
                             "the same in both")  # fmt: skip
        dtypes = [p["b"].dtype for p in directions]
        if dtypes[0] != dtypes[-1]:
            raise ValueError(f"layer {k} is {dtypes[0]} forward and {dtypes[-1]} backward; "
                             "expected one dtype")  # fmt: skip
        if layers[0][0]["b"].dtype != dtypes[0]:
            raise ValueError(f"layer {k} is {dtypes[0]} and layer 0 is "
                             f"{layers[0][0]['b'].dtype}; expected one dtype")  # fmt: skip
        given = len(directions[0]["W_h"]) * len(directions)
        if k + 1 < len(layers) and len(layers[k + 1][0]["W_x"]) != given:
            raise ValueError(
                f"layer {k + 1}: W_x has shape {layers[k + 1][0]['W_x'].shape}; layer {k} gives "
                f"outputs of size {given}. (A bidirectional layer is a tuple, not a list.)"
            )
