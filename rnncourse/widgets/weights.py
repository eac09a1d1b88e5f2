"""A trained network small enough for a page: eight bits a weight, recorded once.

A page does not train what it shows. A script of ``benchmarks/real`` trains the network, packs its
arrays with :func:`pack`, and records them as ``benchmarks/results/live_NAME.json``. Here
:func:`load` reads them back; in the published book ``book/_static/net.js`` does, and computes with
the same numbers: an int8 times a float32 has one nearest float32, in both languages.

Arrays are named as :func:`rnncourse.nn.optim.leaves` names them: ``"cell.W_x"``, ``"lstm.0.b"``.
"""

import base64
import json
from typing import Any, NamedTuple

import numpy as np

from rnncourse import data
from rnncourse._types import Array, Params
from rnncourse.nn import optim

LARGEST = 127  # of an int8 whose sign can change
LIMIT = 300_000  # bytes of one network, its vocabulary included
Packed = dict[str, dict[str, Any]]  # as JSON has it


class Quantized(NamedTuple):
    """A matrix in eight bits: row i, column j is about ``values[i, j]`` times its scale."""

    values: Array  # (I, J), int8
    scales: Array  # (I, 1), one for each row, or (1, J), one for each column; float32
    axis: int  # 1: one for each row, 0: one for each column

    def array(self) -> Array:
        """The matrix that is left, (I, J) float32."""
        return self.values.astype(np.float32) * self.scales


def quantize(matrix: Array, axis: int | None = None) -> Quantized:
    """Round a matrix to 255 evenly spaced values, with a scale for each row or each column.

    A scale is the largest absolute value of its row or column over 127, so that nothing is cut
    off and no number moves by more than half a scale. A row or column of zeros stays zero.

    Args:
        matrix: (I, J) numbers.
        axis: 0 for a scale for each column, 1 for each row, None for the one that loses less in
            the mean square.

    Raises ValueError for another shape or axis, and for what is not finite.
    """
    if matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
        raise ValueError(f"matrix has shape {matrix.shape}; expected (I, J), not empty, of finite "
                         "numbers")  # fmt: skip
    if axis not in (0, 1, None):
        raise ValueError(f"axis is {axis}; expected 0, 1 or None")
    if axis is None:
        both = [quantize(matrix, axis) for axis in (0, 1)]
        return min(both, key=lambda found: float(np.square(found.array() - matrix).sum()))
    scales = (np.abs(matrix).max(axis=axis, keepdims=True) / LARGEST).astype(np.float32)
    steps = matrix / np.where(scales > 0, scales, 1)
    # The scale was rounded to float32, so a quotient may lie above 127 by a last digit.
    values = np.rint(steps).clip(-LARGEST, LARGEST).astype(np.int8)
    return Quantized(values, scales, axis)


def pack(params: Any) -> Packed:
    """The arrays of a network as JSON holds them: matrices in eight bits, vectors in float32.

    >>> record = {"kind": "gru", "tokens": tokens, "weights": weights.pack(params)}

    A vector (a bias) is small and is added to every sum, so it keeps its digits.

    Args:
        params: any nest of arrays of one or two axes that :func:`rnncourse.nn.optim.leaves` reads.

    Returns, by name, ``{"shape", "values"}`` for a vector, and for a matrix ``"scales"`` and
    ``"axis"`` too (0: a scale for each column, 1: for each row); numbers little-endian in base 64.
    Raises ValueError for more axes, and as :func:`quantize`.
    """
    packed: Packed = {}
    for name, array in optim.leaves(params).items():
        entry: dict[str, Any] = {"shape": list(array.shape)}
        if array.ndim == 1:
            packed[name] = entry | {"values": _text(array.astype("<f4"))}
            continue
        if array.ndim != 2:
            raise ValueError(f"{name} has shape {array.shape}; expected one or two axes")
        found = quantize(array)
        packed[name] = entry | {"axis": found.axis, "scales": _text(found.scales.astype("<f4")),
                                "values": _text(found.values)}  # fmt: skip
    return packed


def unpack(packed: Packed) -> Params:
    """The arrays by name, float32, exactly those with which the page computes.

    Raises ValueError where an entry's bytes do not make its shape, naming the entry.
    """
    arrays = {}
    for name, entry in packed.items():
        rows, *rest = entry["shape"]
        try:
            if not rest:
                arrays[name] = _numbers(entry["values"], "<f4").reshape(rows)
                continue
            scales = _numbers(entry["scales"], "<f4")
            scales = scales.reshape((1, *rest) if entry["axis"] == 0 else (rows, 1))
            values = _numbers(entry["values"], "i1").reshape(rows, *rest)
        except ValueError as error:
            raise ValueError(f"{name}: its bytes do not make {entry['shape']}: {error}") from error
        arrays[name] = values.astype(np.float32) * scales
    return arrays


def part(arrays: Params, name: str) -> Params:
    """The arrays below a name, as a layer takes them: ``part(arrays, "cell")["W_x"]``.

    Raises KeyError where nothing is below it, listing what there is.
    """
    found = {key.removeprefix(f"{name}."): array for key, array in arrays.items()
             if key.startswith(f"{name}.")}  # fmt: skip
    if not found:
        raise KeyError(f"no array below {name!r}; there are {sorted(arrays)}")
    return found


def size(network: dict[str, Any]) -> int:
    """Bytes of a network: int8 values, float32 numbers, and the rest of it as JSON in UTF-8.

    About what a browser loads: base 64 adds a third, and gzip, which every server uses, takes it
    away again.
    """
    coded = [entry[key] for entry in network["weights"].values() for key in ("values", "scales")
             if key in entry]  # fmt: skip
    rest = json.dumps(network | {"weights": {}}, ensure_ascii=False)
    return sum(len(base64.b64decode(text)) for text in coded) + len(rest.encode())


def load(name: str) -> tuple[Params, dict[str, Any]]:
    """A recorded network: its arrays by name, and its whole record.

    ``record["network"]`` is what the page loads: ``"weights"``, and whatever else belongs to it,
    such as ``"tokens"``. The rest of the record says how it was trained and what was measured.

    Raises KeyError for an unknown name, ValueError for a record that holds no network.
    """
    record = data.recorded(f"live_{name}")
    if "weights" not in record.get("network", {}):
        raise ValueError(f'live_{name} has {sorted(record)}; expected "network" with "weights"')
    return unpack(record["network"]["weights"]), record


def script(name: str, network: dict[str, Any]) -> str:
    """The JavaScript file that hands a network to ``net.js``: also a page opened as a file
    may load it, which it may not do with JSON."""
    text = json.dumps(network, ensure_ascii=False, separators=(",", ":"))
    return f"rnnNet.receive({json.dumps(name)}, {text});\n"


def _text(array: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _numbers(text: str, kind: str) -> Array:
    return np.frombuffer(base64.b64decode(text), kind)
