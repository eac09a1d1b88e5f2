"""Importing this makes every kernel that the process starts talk through socket files.

Jupyter picks free TCP ports for a kernel, closes them and hands their numbers on. Until the
kernel has started, anyone may take them, even the client that already knocks at them; the
kernel then dies with "Address already in use". Socket files belong to one kernel.
"""

import tempfile
import uuid
from pathlib import Path

from jupyter_client.manager import KernelManager

_init = KernelManager.__init__


def _with_files(self, *args, **kwargs):
    # Jupyter's own choice of a name is the same for all kernels started in one folder.
    own = Path(tempfile.gettempdir()) / f"kernel-{uuid.uuid4().hex[:16]}"
    _init(self, *args, **{"transport": "ipc", "ip": str(own), **kwargs})


KernelManager.__init__ = _with_files
