"""Move parameters to and from PyTorch and Keras.

Both libraries are imported inside the functions: using one does not load the
other. Kinds: ``"rnn"``, ``"lstm"``, ``"gru"``.

Parameters have one of three forms, here and in :mod:`rnncourse.nn.layers`:

- a dict: one layer, one direction;
- a pair (tuple) of dicts: one bidirectional layer, forward then backward;
- a list of dicts, or of pairs: layers on top of each other, the first one first.

The libraries store the same numbers in another way, and this module translates:

- PyTorch transposes ``W_x`` and ``W_h``. It has two biases, which are added together
  except in the GRU's candidate; there the second one is ``b_hn``, inside the reset.
- Keras orders the GRU's gates z, r, n and calls n "h"; it calls the LSTM's g "c".
  Its GRU has two rows of biases when it resets after the product, else one.

Dropout is a training setting, not a parameter: it is ignored here. NumPy has no bfloat16:
parameters and gradients of that dtype are read as float32, which holds every one of them exactly.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnncourse._types import Array, Params
from rnncourse.interop.params import Form, read_form, write_form, write_layer
from rnncourse.nn.cells import GRU_GATES, LSTM_GATES
from rnncourse.nn.layers import Layer

# The order of the gates' blocks here, and each library's class and order. The simple cell's
# only block is its candidate.
GATES = {"rnn": ("h",), "lstm": LSTM_GATES, "gru": GRU_GATES}
TORCH = {"rnn": ("RNN", ("h",)), "lstm": ("LSTM", tuple("ifgo")), "gru": ("GRU", tuple("rzn"))}
KERAS = {"rnn": ("SimpleRNN", ("h",)), "lstm": ("LSTM", tuple("ifgo")),
         "gru": ("GRU", tuple("zrn"))}  # fmt: skip
TORCH_ENDS = ("", "_reverse")  # of PyTorch's names, for the two directions


# --- PyTorch -------------------------------------------------------------------


def to_torch(kind: str, params: Form) -> Any:
    """A ``torch.nn.RNN``, ``LSTM`` or ``GRU`` (batch_first) with these parameters.

    Its dtype, ``num_layers`` and ``bidirectional`` are those of ``params``. ``b`` goes
    to ``bias_ih``; ``bias_hh`` is zero but for ``b_hn``. The module has no dropout.

    Raises ValueError for an unknown kind, shapes that do not fit, peephole weights, a
    GRU that resets before the product, and layers of different H; TypeError for
    arrays that are not of floats, or of a float that the libraries lack.
    """
    import torch

    layers = _read(kind, params)
    _check_torch_can(kind, layers)
    first = layers[0][0]
    (name, order), (D, H) = TORCH[kind], (len(first["W_x"]), len(first["W_h"]))
    module = getattr(torch.nn, name)(
        D, H, num_layers=len(layers), bidirectional=len(layers[0]) == 2,
        batch_first=True, dtype=torch.tensor(np.array(first["b"])).dtype,
    )  # fmt: skip
    values: dict[str, Array] = {}
    for k, directions in enumerate(layers):
        for end, p in zip(TORCH_ENDS, directions, strict=False):
            W_x, W_h, b_x, b_h = _to_library(kind, p, order)
            names = [f"{part}_l{k}{end}" for part in _TORCH_PARTS]
            values |= dict(zip(names, (W_x.T, W_h.T, b_x, b_h), strict=True))
    module.load_state_dict({name: torch.tensor(v) for name, v in values.items()})
    return module


def from_torch(module: Any) -> Form:
    """Parameters of a ``torch.nn.RNN`` (tanh), ``LSTM`` or ``GRU``, in the form it has.

    One layer in one direction gives a dict, one bidirectional layer a pair, more layers
    a list. The two biases are summed, which computes the same, except the GRU's
    candidate, where they are ``b`` and ``b_hn``; a module without biases gives zeros.
    Dropout between its layers is ignored: it belongs to training.

    Raises ValueError for ReLU, ``proj_size``, a module on the meta device, which has no
    numbers, and any other module.
    """
    return _read_torch(module, gradients=False)


def gradients_from_torch(module: Any) -> Form:
    """Gradients of a module's parameters after ``backward()``, in the form of params.

    ∂L/∂b is the gradient of ``bias_ih``: a sum passes its gradient on to both of its
    terms. That of ``b_hn`` is the gradient of the candidate's part of ``bias_hh``.

    Raises ValueError as :func:`from_torch`, and for a module without biases or gradients.
    """
    return _read_torch(module, gradients=True)


_TORCH_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _read_torch(module: Any, gradients: bool) -> Form:
    kind = _torch_kind(module)
    layers = []
    for k in range(module.num_layers):
        ends = TORCH_ENDS[: 1 + module.bidirectional]
        arrays = [[_torch_array(module, f"{part}_l{k}{end}", gradients) for part in _TORCH_PARTS]
                  for end in ends]  # fmt: skip
        layers.append([_from_library(kind, TORCH[kind][1], gradients, *a) for a in arrays])
    return write_form(layers)


def _torch_array(module: Any, name: str, gradient: bool) -> Array:
    """One parameter or its gradient, weights transposed; a missing bias is zero."""
    if not hasattr(module, name):
        if gradient:
            raise ValueError(f"the module has no {name}: with bias=False there is no gradient of b")
        weight = _torch_numbers("weight_hh_l0", module.weight_hh_l0)
        return np.zeros(len(weight), weight.dtype)
    parameter = getattr(module, name)
    if gradient and not parameter.is_leaf:
        raise ValueError(f"{name} is computed from other parameters (pruning, weight_norm or the "
                         "like), which hold its gradient; remove that first")  # fmt: skip
    value = parameter.grad if gradient else parameter
    if value is None:
        raise ValueError(f"{name} has no gradient; call backward() on a loss first")
    return _torch_numbers(name, value).T  # a vector is its own transpose


def _torch_numbers(name: str, tensor: Any) -> Array:
    """A tensor as an array, from any device that has numbers."""
    import torch

    if tensor.is_meta:
        raise ValueError(f"{name} is on the device 'meta', which keeps shapes and no numbers: make "
                         "the module on 'cpu', or call module.to_empty(device='cpu') and load its "
                         "weights")  # fmt: skip
    if not tensor.is_floating_point():
        raise ValueError(f"{name} is {tensor.dtype}; expected real floats")
    tensor = tensor.detach().cpu()
    known = tensor.dtype in (torch.float16, torch.float32, torch.float64)
    return (tensor if known else tensor.float()).numpy()


def _torch_kind(module: Any) -> str:
    """The kind of a module whose parameters mean the same here. Raises ValueError."""
    import torch

    kind = _kind_of(module, torch.nn, TORCH)
    if kind is None:
        raise ValueError(f"expected a torch.nn.RNN, LSTM or GRU, found {module}")
    if kind == "rnn" and module.nonlinearity != "tanh":
        raise ValueError(f"expected nonlinearity='tanh', found {module.nonlinearity!r}: "
                         "the cell here is a tanh cell")  # fmt: skip
    if module.proj_size:
        raise ValueError(f"expected proj_size=0, found {module.proj_size}: "
                         "the LSTM here does not project its output")  # fmt: skip
    return kind


def _check_torch_can(kind: str, layers: list[list[Params]]) -> None:
    """Raise ValueError for what Keras can hold and PyTorch cannot."""
    sizes = [len(directions[0]["W_h"]) for directions in layers]
    if len(set(sizes)) > 1:
        raise ValueError(f"the layers have H = {sizes}; PyTorch needs one H for all layers: "
                         "make a module for each layer")  # fmt: skip
    if kind == "gru" and any("b_hn" not in p for directions in layers for p in directions):
        raise ValueError("params lack 'b_hn', so this GRU resets before the product; PyTorch only "
                         "resets after it: use to_keras, or gru_init's reset_after")  # fmt: skip


# --- Keras ---------------------------------------------------------------------


def to_keras(kind: str, params: Form) -> Any:
    """A built ``keras.layers.SimpleRNN``, ``LSTM`` or ``GRU`` with these parameters.

    It returns its outputs and its last state. A pair gives a ``Bidirectional`` layer
    (``merge_mode="concat"``), a list gives a list of layers, one for each. A GRU without
    ``b_hn`` gets ``reset_after=False``.

    Raises ValueError for an unknown kind, shapes that do not fit, and peephole weights;
    TypeError for arrays that are not of floats, or of a float that the libraries lack.
    """
    layers = [_to_keras_layer(kind, directions) for directions in _read(kind, params)]
    return layers if isinstance(params, list) else layers[0]


def from_keras(layer: Any) -> Form:
    """Parameters of a built Keras layer, of a ``Bidirectional`` one, or of a list of layers.

    A layer without bias gives zeros. Dropout is ignored: it belongs to training.

    Raises ValueError for other activations than tanh and sigmoid, for ``go_backwards``,
    another ``merge_mode`` than "concat", halves of a ``Bidirectional`` that differ in units,
    ``reset_after`` or dtype, layers that are not built, that are not of one kind or do not fit
    on each other, and for any other layer.
    """
    if isinstance(layer, list):
        kinds = sorted({_keras_kind(one) for one in layer})
        if len(kinds) > 1:
            raise ValueError(f"the layers are of the kinds {kinds}; expected one kind for all")
        params = [_read_keras(one, None) for one in layer]
        _read(kinds[0] if kinds else "rnn", params)
        return params
    return _read_keras(layer, None)


def gradients_from_keras(layer: Any, gradients: Sequence[Any]) -> Form:
    """Gradients that Keras computed, in the form of the layer's params.

    Args:
        layer: as for :func:`from_keras`.
        gradients: one array for each of ``layer.trainable_weights``, in that order; for
            a list of layers, a list of such lists. ``tape.gradient`` returns just this.

    ∂L/∂b is the gradient of the input's bias (row 0 of a GRU that resets after the
    product), that of ``b_hn`` the candidate's part of row 1.

    Raises ValueError as :func:`from_keras`, and for a layer without bias, a missing
    gradient or another number of gradients.
    """
    if isinstance(layer, list):
        _check_count(gradients, len(layer), "one list for each layer")
        pairs = zip(layer, gradients, strict=True)
        return [_read_keras(one, g) for one, g in pairs]
    return _read_keras(layer, gradients)


def _to_keras_layer(kind: str, directions: list[Params]) -> Any:
    """One layer, wrapped in Bidirectional when there are two directions."""
    import keras

    first = directions[0]
    D, H, dtype = len(first["W_x"]), len(first["W_h"]), str(first["b"].dtype)
    options = {"reset_after": "b_hn" in first} if kind == "gru" else {}
    layer = getattr(keras.layers, KERAS[kind][0])(
        H, return_sequences=True, return_state=True, dtype=dtype, **options
    )
    if len(directions) == 2:
        layer = keras.layers.Bidirectional(layer, merge_mode="concat", dtype=dtype)
    layer.build((None, None, D))
    for one, p in zip(_keras_directions(layer), directions, strict=True):
        W_x, W_h, b_x, b_h = _to_library(kind, p, KERAS[kind][1])
        one.set_weights([W_x, W_h, np.stack([b_x, b_h]) if "b_hn" in p else b_x])
    return layer


def _read_keras(layer: Any, gradients: Sequence[Any] | None) -> Layer:
    """Parameters of one layer, or these gradients in their form."""
    kind, ones = _keras_kind(layer), _keras_directions(layer)
    weights = [[_keras_numbers(array) for array in one.get_weights()] for one in ones]
    if not all(weights):
        raise ValueError("the layer has no weights yet; call layer.build((None, None, D)) first")
    if gradients is not None:
        weights = _keras_gradients(weights, gradients)
    pairs = zip(ones, weights, strict=True)
    params = write_layer([_keras_params(kind, *pair, gradients is not None) for pair in pairs])
    _read(kind, params)  # the halves of a Bidirectional may be unlike
    return params


def _keras_params(kind: str, one: Any, arrays: list[Array], gradients: bool) -> Params:
    """One direction, from its own weights: the other one may have a bias where it has none."""
    W_x, W_h, *biases = arrays
    rows = 1 + (kind == "gru" and one.reset_after)
    bias = biases[0] if biases else np.zeros((rows, W_h.shape[1]), W_h.dtype)
    b_x, b_h = (*bias.reshape(rows, -1), None)[:2]
    return _from_library(kind, KERAS[kind][1], gradients, W_x, W_h, b_x, b_h)


def _keras_gradients(weights: list[list[Array]], gradients: Sequence[Any]) -> list[list[Array]]:
    """The gradients in the place of the weights, after checking that each weight has one."""
    if any(len(arrays) < 3 for arrays in weights):
        raise ValueError("the layer has no bias: with use_bias=False there is no gradient of b")
    shapes = [array.shape for arrays in weights for array in arrays]
    _check_count(gradients, len(shapes), "one array for each of layer.trainable_weights")
    found = []
    for k, (gradient, shape) in enumerate(zip(gradients, shapes, strict=True)):
        if gradient is None:
            raise ValueError(f"gradient {k} is None: the loss does not depend on that weight, "
                             "or it was computed outside the tape")  # fmt: skip
        found.append(_keras_numbers(gradient))
        if found[k].shape != shape:
            raise ValueError(f"gradient {k} has shape {found[k].shape}; the weight has {shape}: "
                             "expected the order of layer.trainable_weights")  # fmt: skip
    return [found[:3], found[3:]][: len(weights)]


def _keras_numbers(values: Any) -> Array:
    """A tensor or array as an array; bfloat16, which NumPy lacks, as float32."""
    import keras

    if keras.backend.standardize_dtype(values.dtype) == "bfloat16":
        values = keras.ops.cast(values, "float32")
    return keras.ops.convert_to_numpy(values)


def _check_count(gradients: Sequence[Any], expected: int, words: str) -> None:
    if len(gradients) != expected:
        raise ValueError(f"gradients has {len(gradients)} entries; expected {expected}, {words}")


def _keras_directions(layer: Any) -> list[Any]:
    """The one or two plain layers that hold the weights."""
    import keras

    both = isinstance(layer, keras.layers.Bidirectional)
    return [layer.forward_layer, layer.backward_layer] if both else [layer]


def _keras_kind(layer: Any) -> str:
    """The kind of a layer whose parameters mean the same here. Raises ValueError."""
    import keras

    ones = _keras_directions(layer)
    if len(ones) == 2 and layer.merge_mode != "concat":
        raise ValueError(f"expected merge_mode='concat', found {layer.merge_mode!r}")
    kinds = [_kind_of(one, keras.layers, KERAS) for one in ones]
    kind = kinds[0]
    if kind is None or len(set(kinds)) > 1:
        raise ValueError("expected a keras.layers.SimpleRNN, LSTM or GRU, one in Bidirectional, "
                         f"or a list of them; found {layer}")  # fmt: skip
    if ones[0].go_backwards:
        raise ValueError("expected go_backwards=False, found True: "
                         "reverse the inputs instead, or use Bidirectional")  # fmt: skip
    if not all(one.go_backwards for one in ones[1:]):
        raise ValueError("backward_layer has go_backwards=False: both halves read forward; "
                         "expected True, as Bidirectional sets it")  # fmt: skip
    for one in ones:
        for name, expected in [("activation", "tanh"), ("recurrent_activation", "sigmoid")]:
            found = getattr(one, name, None)  # the simple cell has no recurrent activation
            if found not in (None, getattr(keras.activations, expected)):
                raise ValueError(
                    f"expected {name}={expected!r}, found {getattr(found, '__name__', found)!r}"
                )
    return kind


# --- one direction, to and from a library's layout ---------------------------------


def _read(kind: str, params: Form) -> list[list[Params]]:
    """The layers of params in any form, each a list of directions, all checked."""
    if kind not in GATES:
        raise ValueError(f"unknown kind {kind!r}; expected one of {list(GATES)}")
    layers = read_form(kind, len(GATES[kind]), params)
    dtype = layers[0][0]["b"].dtype
    if dtype not in (np.float16, np.float32, np.float64):
        raise TypeError(f"params are {dtype}, which neither PyTorch nor Keras has: cast them, "
                        "with astype(np.float64) for instance")  # fmt: skip
    return layers


def _kind_of(found: Any, library: Any, table: dict[str, tuple]) -> str | None:
    return next(
        (k for k, (name, _) in table.items() if isinstance(found, getattr(library, name))), None
    )


def _reorder(array: Array, have: Sequence[str], want: Sequence[str]) -> Array:
    """Blocks of the last axis, put from one order of gates into another; always a copy."""
    blocks = dict(zip(have, np.split(array, len(have), axis=-1), strict=True))
    return np.concatenate([blocks[gate] for gate in want], axis=-1)


def _to_library(kind: str, p: Params, order: Sequence[str]) -> list[Array]:
    """W_x (D, kH), W_h (H, kH) and two biases (kH,), in a library's order of gates."""
    b_h = {gate: np.zeros(len(p["W_h"]), p["b"].dtype) for gate in GATES[kind]}
    if "b_hn" in p:
        b_h["n"] = p["b_hn"]
    arrays = [p["W_x"], p["W_h"], p["b"], np.concatenate(list(b_h.values()))]
    return [_reorder(array, GATES[kind], order) for array in arrays]


def _from_library(
    kind: str, order: Sequence[str], gradients: bool,
    W_x: Array, W_h: Array, b_x: Array, b_h: Array | None,
) -> Params:  # fmt: skip
    """Undo :func:`_to_library`: two biases become one, or two in the GRU's candidate.

    ``b_h`` is None where a library has one bias. Of gradients the first is taken.
    """
    params = {"W_x": W_x, "W_h": W_h, "b": b_x}
    params = {name: _reorder(array, order, GATES[kind]) for name, array in params.items()}
    if b_h is None:
        return params
    second = dict(zip(order, np.split(b_h, len(order)), strict=True))
    if kind == "gru":
        params["b_hn"] = second["n"].copy()
        second["n"] = np.zeros_like(second["n"])
    if not gradients:
        params["b"] += np.concatenate([second[gate] for gate in GATES[kind]])
    return params
