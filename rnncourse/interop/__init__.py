"""To ``torch.nn`` and ``keras.layers``, from them, and runs of their layers.

Both libraries are imported when a function needs them.
"""

from rnncourse.interop.convert import (
    from_keras,
    from_torch,
    gradients_from_keras,
    gradients_from_torch,
    to_keras,
    to_torch,
)
from rnncourse.interop.run import Run, run

__all__ = [
    "Run",
    "from_keras",
    "from_torch",
    "gradients_from_keras",
    "gradients_from_torch",
    "run",
    "to_keras",
    "to_torch",
]
