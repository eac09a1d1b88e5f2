"""A layer of PyTorch or Keras, forward and backward, with arrays in the course's layout.

What :mod:`rnncourse.nn.layers` does, done by a library: for tests, and for pages that compare.
Inside, a state is the list of its arrays, layer by layer, in each direction by direction; an
LSTM has two in each, h and c.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from rnncourse._types import Array, Params
from rnncourse.interop.convert import (
    GATES,
    gradients_from_keras,
    gradients_from_torch,
    to_keras,
    to_torch,
)
from rnncourse.interop.params import Form, read_form, write_layer
from rnncourse.nn._shapes import check_float, check_mask


class Run(NamedTuple):
    """What a library computed; the last three are None where no gradient was given."""

    hs: Array  # (N, T, H), in two directions (N, T, 2H); of a stack its highest layer's
    state: Any  # the last state, in the form that the first one has
    dxs: Array | None = None  # (N, T, D)
    dstate0: Any = None  # of the first state, in its form
    dparams: Form | None = None  # in the form of params


def run(
    library: str,
    kind: str,
    params: Form,
    xs: Array,
    state: Any = None,
    dhs: Array | None = None,
    dstate: Any = None,
    mask: Array | None = None,
) -> Run:
    """Run a library's layer with our parameters, on the CPU and in the dtype of ``xs``.

    >>> interop.run("torch", "gru", params, xs).hs

    Args:
        library: "torch", or "keras" (on TensorFlow).
        kind: "rnn", "lstm" or "gru".
        params: a dict of one layer, a pair of them for two directions, a list for a stack.
        xs: (N, T, D) inputs.
        state: (N, H) before the first step, for an LSTM (h, c); for a pair of params a pair
            of such states, for a list a list. None for zeros.
        dhs: gradient of the loss with respect to the outputs, in their shape.
        dstate: gradient with respect to the last state, in the state's form. If one of dhs
            and dstate is None it is zero; if both are, nothing goes backward.
        mask: (N, T), in each row ones and then zeros, at least one 1. Where it is 0 the
            state is carried on, the output is 0 and its gradient is ignored.

    Raises:
        ValueError: an unknown library or kind, shapes or forms that do not fit, and what
            :func:`to_torch` or :func:`to_keras` refuses.
        TypeError: xs or params are not of floats.
    """
    if library not in _LIBRARIES:
        raise ValueError(f"library is {library!r}; expected one of {list(_LIBRARIES)}")
    stack = _read_params(kind, params, xs)
    zeros = _zeros(kind, params, len(xs), xs.dtype)
    states, dstates = _arrays("state", state, zeros), _arrays("dstate", dstate, zeros)
    upstream = None
    if dhs is not None or dstate is not None:
        upstream = [_outputs(dhs, stack[-1], xs), *dstates]
    hs, last, *back = _LIBRARIES[library](kind, stack, xs, states, _padding(mask, xs), upstream)
    if upstream is None:
        return Run(hs, _write(zeros, iter(last)))
    dxs, dfirst, grads = back
    grads = grads if isinstance(params, list) else grads[0]
    return Run(hs, _write(zeros, iter(last)), dxs, _write(zeros, iter(dfirst)), grads)


# --- the two libraries --------------------------------------------------------------


def _run_torch(
    kind: str, stack: list[Any], xs: Array, states: list[Array], mask: Array | None, upstream: Any
) -> tuple[Any, ...]:
    import torch

    def to_parts(arrays: list[Array]) -> list[Any]:  # h, or h and c, of all layers
        return [torch.tensor(np.stack(arrays[part::parts])) for part in range(parts)]

    def to_arrays(tensors: list[Any]) -> list[Array]:
        return [part.detach().numpy()[k] for k in range(len(tensors[0])) for part in tensors]

    module, parts = to_torch(kind, stack), 2 if kind == "lstm" else 1
    inputs = [torch.tensor(xs), *to_parts(states)]
    x, *first = inputs
    for tensor in inputs:
        tensor.requires_grad_()
    hs, last = _torch_forward(module, x, tuple(first) if parts == 2 else first[0], mask)
    last = list(last) if parts == 2 else [last]
    done = hs.detach().numpy(), to_arrays(last)
    if upstream is None:
        return done
    dhs, *dstates = upstream
    torch.autograd.backward([hs, *last], [torch.tensor(dhs), *to_parts(dstates)])
    grads = gradients_from_torch(module)
    grads = grads if isinstance(grads, list) else [grads]
    dxs, *dfirst = [tensor.grad for tensor in inputs]
    return *done, dxs.numpy(), to_arrays(dfirst), grads


def _torch_forward(module: Any, x: Any, first: Any, mask: Array | None) -> tuple[Any, Any]:
    """Outputs and last state; PyTorch removes padding by packing."""
    if mask is None:
        return module(x, first)
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    lengths = torch.tensor(mask.sum(axis=1))
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    hs, last = module(packed, first)
    return pad_packed_sequence(hs, batch_first=True, total_length=x.shape[1])[0], last


def _run_keras(
    kind: str, stack: list[Any], xs: Array, states: list[Array], mask: Array | None, upstream: Any
) -> tuple[Any, ...]:
    import tensorflow as tf

    with tf.device("CPU:0"):
        made, x, first = to_keras(kind, stack), tf.Variable(xs), [tf.Variable(s) for s in states]
        with tf.GradientTape() as tape:
            hs, last = _keras_forward(made, x, first, mask)
            if upstream is not None:
                pairs = zip([hs, *last], upstream, strict=True)
                loss = sum(tf.reduce_sum(value * d) for value, d in pairs)
        done = hs.numpy(), [part.numpy() for part in last]
        if upstream is None:
            return done
        weights = [[w.value for w in layer.trainable_weights] for layer in made]
        dxs, dfirst, grads = tape.gradient(loss, [x, first, weights])
    dfirst = [part.numpy() for part in dfirst]
    return *done, dxs.numpy(), dfirst, gradients_from_keras(made, grads)


def _keras_forward(made: list[Any], hs: Any, first: list[Any], mask: Array | None) -> Any:
    """Outputs of the highest layer, last states of all; Keras takes the mask."""
    import tensorflow as tf

    keep, count, lasts = None if mask is None else tf.constant(mask), len(first) // len(made), []
    for k, layer in enumerate(made):
        start = first[k * count : (k + 1) * count]
        hs, *last = layer(hs, initial_state=start if count > 1 else start[0], mask=keep)
        lasts += last
    # In the padding Keras repeats the last real output.
    return hs if keep is None else tf.where(keep[..., None], hs, tf.zeros_like(hs)), lasts


_LIBRARIES: dict[str, Callable[..., tuple[Any, ...]]] = {"torch": _run_torch, "keras": _run_keras}


# --- states in the form of params -----------------------------------------------------


def _zeros(kind: str, params: Form, N: int, dtype: Any) -> Any:
    """The state for params of this form, of zeros."""
    if isinstance(params, list | tuple):
        form: Any = type(params)
        return form(_zeros(kind, p, N, dtype) for p in params)
    zero = np.zeros((N, len(params["W_h"])), dtype)
    return (zero, zero) if kind == "lstm" else zero


def _arrays(name: str, state: Any, zeros: Any) -> list[Array]:
    """The arrays of a state that has the form of zeros, or is None."""
    state = zeros if state is None else state
    if isinstance(zeros, np.ndarray):
        return [_checked(name, state, zeros.shape).astype(zeros.dtype)]
    if type(state) is not type(zeros) or len(state) != len(zeros):
        count = f" of {len(state)}" if isinstance(state, list | tuple) else ""
        raise ValueError(f"{name} is a {type(state).__name__}{count}; params of this form and kind "
                         f"need a {type(zeros).__name__} of {len(zeros)}")  # fmt: skip
    pairs = enumerate(zip(state, zeros, strict=True))
    return [array for k, (part, zero) in pairs for array in _arrays(f"{name}[{k}]", part, zero)]


def _write(zeros: Any, arrays: Iterator[Array]) -> Any:
    """Undo :func:`_arrays`."""
    if isinstance(zeros, np.ndarray):
        return next(arrays)
    return type(zeros)(_write(part, arrays) for part in zeros)


# --- the other arguments --------------------------------------------------------------


def _read_params(kind: str, params: Form, xs: Array) -> list[Any]:
    """The layers, in the dtype of xs, after checking that they fit the inputs."""
    if kind not in GATES:
        raise ValueError(f"kind is {kind!r}; expected one of {list(GATES)}")
    layers = read_form(kind, len(GATES[kind]), params)
    check_float("xs", xs)
    D = len(layers[0][0]["W_x"])
    if xs.ndim != 3 or xs.shape[2] != D or 0 in xs.shape:
        raise ValueError(f"xs has shape {xs.shape}; expected (N, T, {D}), with at least one "
                         "sequence and one step")  # fmt: skip

    def cast(p: Params) -> Params:
        return {name: array.astype(xs.dtype) for name, array in p.items()}

    return [write_layer([cast(p) for p in layer]) for layer in layers]


def _outputs(dhs: Array | None, layer: Any, xs: Array) -> Array:
    """The gradient of this layer's outputs in the dtype of xs; zeros for None."""
    directions = layer if isinstance(layer, tuple) else [layer]
    shape = (*xs.shape[:2], sum(len(p["W_h"]) for p in directions))
    dhs = np.zeros(shape) if dhs is None else dhs
    return _checked("dhs", dhs, shape).astype(xs.dtype)


def _padding(mask: Array | None, xs: Array) -> Array | None:
    mask = check_mask(mask, *xs.shape[:2])
    if mask is not None and not (mask[:, 0].all() and (mask[:, 1:] <= mask[:, :-1]).all()):
        raise ValueError("mask has rows with a 0 at the beginning or between ones; expected rows "
                         "of ones and then zeros, which PyTorch can pack")  # fmt: skip
    return mask


def _checked(name: str, array: Any, shape: tuple[int, ...]) -> Array:
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} is a {type(array).__name__}; expected an array of shape {shape}")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    return array
