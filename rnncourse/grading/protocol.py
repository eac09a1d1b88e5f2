"""How values travel: as JSON in the public check data, as bytes between grader and notebook.

The notebook's process gets a copy of this file: standard library, and NumPy inside functions,
since there it is imported only once the process is confined.
"""

from __future__ import annotations

import base64
import binascii
import math
import sys
from typing import Any

DTYPES = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8",
          "<f2", "<f4", "<f8", "<c8", "<c16")  # fmt: skip

MOST_VALUES = 64  # of a returned tuple; the rest is not sent


class Malformed(Exception):
    """A message from the notebook's process that does not have the agreed form."""


# --- check data: numbers that people can read ----------------------------------------------------


def to_json(value: Any) -> Any:
    """A number as it is, an array as its dtype, shape and entries to 12 digits."""
    import numpy as np

    if not isinstance(value, np.ndarray):
        return value
    numbers = [float(f"{v:.12g}") if isinstance(v, float) else v for v in value.ravel().tolist()]
    return {"dtype": value.dtype.name, "shape": list(value.shape), "data": numbers}


def from_json(value: Any) -> Any:
    """The inverse of `to_json`."""
    import numpy as np

    if not isinstance(value, dict):
        return value
    return indices(np.array(value["data"], dtype=value["dtype"]).reshape(value["shape"]))


def indices(array: Any) -> Any:
    """Whole numbers no wider than this machine's indices.

    The browser's have 32 bits, and there NumPy refuses to count numbers of 64.
    """
    import numpy as np

    wide = array.dtype.kind == "i" and array.dtype.itemsize > np.dtype(np.intp).itemsize
    return array.astype(np.intp) if wide else array


# What `pack` stores numbers in: the first that holds them all exactly.
NARROW = ("|u1", "|i1", "<u2", "<i2", "<i4", "<f2", "<f4", "<f8", "<i8", "<u8")


def pack(array: Any) -> dict[str, Any]:
    """An array of real numbers as JSON, in few characters and without loss."""
    import numpy as np

    with np.errstate(all="ignore"):  # a cast that does not fit is tried all the same
        stored = next(narrow for kind in NARROW
                      if np.array_equal((narrow := array.astype(kind)).astype(array.dtype), array,
                                        equal_nan=array.dtype.kind == "f"))  # fmt: skip
    data = base64.b64encode(np.ascontiguousarray(stored).tobytes()).decode()
    return {"dtype": array.dtype.str, "stored": stored.dtype.str, "shape": list(array.shape),
            "data": data}  # fmt: skip


def unpack(packed: dict[str, Any]) -> Any:
    """The inverse of `pack`; the array is fresh and writable."""
    import numpy as np

    flat = np.frombuffer(base64.b64decode(packed["data"]), packed["stored"])
    return indices(flat.reshape(packed["shape"]).astype(packed["dtype"]))


# --- messages: bytes -----------------------------------------------------------------------------


def argument_to_wire(value: Any) -> Any:
    """An argument for the notebook: a plain number or text, or an array by its bytes."""
    import numpy as np

    return _array_to_wire(value) if isinstance(value, np.ndarray) else value


def argument_from_wire(value: Any) -> Any:
    """The inverse of `argument_to_wire`; an array is fresh and writable."""
    import numpy as np

    if not isinstance(value, dict):
        return value
    flat = np.frombuffer(base64.b64decode(value["data"]), dtype=value["dtype"])
    return flat.reshape(value["shape"]).copy()


def answer_to_wire(value: Any) -> dict:
    """What a learner's function returned: None, one value, or a tuple or list of values."""
    if value is None:
        return {"none": True}
    if isinstance(value, (tuple, list)):
        sent = [_value_to_wire(v) for v in value[:MOST_VALUES]]
        return {"many": sent, "list": isinstance(value, list)}
    return {"one": _value_to_wire(value)}


def _value_to_wire(value: Any) -> dict:
    """Arrays and numbers by their bytes, anything else by its type's name."""
    array = as_array(value)
    return {"type": array} if isinstance(array, str) else _array_to_wire(array)


def as_array(value: Any) -> Any:
    """A returned value as an array (numbers become 0-d arrays), else the name of its type.

    `check` and the grader both read answers with this. Long double becomes double, which is as
    exact as anything that it is compared with.
    """
    import numpy as np

    if not isinstance(value, (np.ndarray, np.generic, int, float, complex)):
        return type(value).__name__[:80]
    masked = sys.modules.get("numpy.ma")  # whoever returns such an array has loaded it
    if masked and isinstance(value, masked.MaskedArray) and masked.is_masked(value):
        return f"MaskedArray with {masked.count_masked(value)} masked entries"
    array = np.asarray(value)
    double = {"f": np.dtype("f8"), "c": np.dtype("c16")}.get(array.dtype.kind)
    if double is not None and array.dtype.itemsize > double.itemsize:
        with np.errstate(over="ignore"):
            array = array.astype(double)
    if array.dtype.kind in "fiubc":
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return array if array.dtype.str in DTYPES else f"array of {array.dtype}"[:80]


def _array_to_wire(array: Any) -> dict:
    import numpy as np

    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def array_from_wire(item: Any) -> Any:
    """A returned array, which nobody vouches for.

    Raises `Malformed` unless dtype, shape and bytes agree exactly.
    """
    import numpy as np

    if not isinstance(item, dict) or set(item) != {"dtype", "shape", "data"}:
        raise Malformed
    dtype, shape, data = item["dtype"], item["shape"], item["data"]
    if dtype not in DTYPES or not isinstance(shape, list) or len(shape) > 8:
        raise Malformed
    if not isinstance(data, str) or not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        raise Malformed
    try:
        raw = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Malformed from error
    if len(raw) != math.prod(shape) * np.dtype(dtype).itemsize:
        raise Malformed
    try:
        return np.frombuffer(raw, dtype).reshape(shape)
    except ValueError as error:  # no entries, and sides whose product NumPy cannot hold
        raise Malformed from error
