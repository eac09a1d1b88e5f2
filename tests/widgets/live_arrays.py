"""The weights that a page of the book holds for its live network, as a test reads them back."""

import base64

import numpy as np


def arrays_of(content: dict) -> dict[str, np.ndarray]:
    """Every array of ``content["weights"]`` by name, float32 as it was written."""
    return {
        name: np.frombuffer(base64.b64decode(w["base64"]), "<f4").reshape(w["shape"])
        for name, w in content["weights"].items()
    }
