"""Move parameters to and from PyTorch and Keras.

Both libraries are imported inside the functions: using one does not load the
other. Kinds: ``"rnn"``.

PyTorch stores W_x and W_h transposed and has two biases, which are always
added together. Keras uses this package's layout with one bias.
"""

from typing import Any

import numpy as np

Array = np.ndarray
Params = dict[str, Array]


def to_torch(kind: str, params: Params) -> Any:
    """A ``torch.nn.RNN`` (batch_first) with these parameters, in their dtype.

    ``b`` goes to ``bias_ih_l0``; ``bias_hh_l0`` is zero.
    Raises ValueError for an unknown kind or shapes that do not fit.
    """
    import torch

    D, H = _sizes(kind, params)
    dtype = torch.from_numpy(params["b"]).dtype
    module = torch.nn.RNN(D, H, batch_first=True, dtype=dtype)
    values = {
        "weight_ih_l0": params["W_x"].T,
        "weight_hh_l0": params["W_h"].T,
        "bias_ih_l0": params["b"],
        "bias_hh_l0": np.zeros_like(params["b"]),
    }
    module.load_state_dict({k: torch.tensor(np.array(v)) for k, v in values.items()})
    return module


def from_torch(module: Any) -> Params:
    """Parameters of a one-layer, one-direction tanh ``torch.nn.RNN``.

    The two biases are summed, which computes the same; a module without
    biases gives a zero ``b``. Raises ValueError for anything else.
    """
    import torch

    if not isinstance(module, torch.nn.RNN) or module.nonlinearity != "tanh":
        raise ValueError(f"expected a torch.nn.RNN with tanh, found {module}")
    if module.num_layers != 1 or module.bidirectional:
        raise ValueError(f"expected one layer in one direction, found {module}")
    w = {name: p.detach().cpu().numpy() for name, p in module.named_parameters()}
    b = w["bias_ih_l0"] + w["bias_hh_l0"] if module.bias else np.zeros(
        module.hidden_size, w["weight_hh_l0"].dtype
    )  # fmt: skip
    return {"W_x": w["weight_ih_l0"].T.copy(), "W_h": w["weight_hh_l0"].T.copy(), "b": b}


def to_keras(kind: str, params: Params) -> Any:
    """A built ``keras.layers.SimpleRNN`` that returns (outputs, last state).

    Raises ValueError for an unknown kind or shapes that do not fit.
    """
    import keras

    D, H = _sizes(kind, params)
    layer = keras.layers.SimpleRNN(
        H, return_sequences=True, return_state=True, dtype=str(params["b"].dtype)
    )
    layer.build((None, None, D))
    layer.set_weights([params["W_x"], params["W_h"], params["b"]])
    return layer


def from_keras(layer: Any) -> Params:
    """Parameters of a built tanh ``keras.layers.SimpleRNN``.

    A layer without bias gives a zero ``b``. Raises ValueError for anything else.
    """
    import keras

    if not isinstance(layer, keras.layers.SimpleRNN) or layer.activation != keras.activations.tanh:
        raise ValueError(f"expected a keras.layers.SimpleRNN with tanh, found {layer}")
    weights = layer.get_weights()
    if not weights:
        raise ValueError("the layer has no weights yet; call layer.build((None, None, D)) first")
    W_x, W_h = weights[:2]
    b = weights[2] if layer.use_bias else np.zeros(len(W_h), W_h.dtype)
    return {"W_x": W_x, "W_h": W_h, "b": b}


def _sizes(kind: str, params: Params) -> tuple[int, int]:
    """(D, H), after checking the kind and the shapes of its parameters."""
    if kind != "rnn":
        raise ValueError(f"unknown kind {kind!r}; expected 'rnn'")
    missing = {"W_x", "W_h", "b"} - set(params)
    if missing:
        raise ValueError(f"params lack {sorted(missing)}; found {sorted(params)}")
    D, H = params["W_x"].shape
    for name, shape in {"W_h": (H, H), "b": (H,)}.items():
        if params[name].shape != shape:
            raise ValueError(f"{name} has shape {params[name].shape}; W_x {(D, H)} needs {shape}")
    return D, H
