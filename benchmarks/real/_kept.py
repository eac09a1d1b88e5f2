"""Trained networks in files, so that what is measured of them can change without training anew.

The key is the source of the module that trains, up to a line AFTER, and of the package's layers.
"""

import hashlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from _common import ROOT

from rnncourse.nn import optim

AFTER = "# --- after training"
FOLDER = ROOT / "_build" / "real"


def key(module: ModuleType) -> str:
    layers = sorted((ROOT / "rnncourse" / "nn").glob("*.py"))
    source = Path(str(module.__file__)).read_text("utf-8").split(AFTER)[0]
    digest = hashlib.sha256(source.encode())
    for file in [Path(__file__).with_name("_language.py"), *layers]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def trained(module: ModuleType, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """``module.trained(module.read(), seed)``: parameters and what was told of their training."""
    path = FOLDER / f"{module.__name__.strip('_')}_{seed}.npz"
    if path.exists():
        with np.load(path) as file:
            if str(file["key"]) == key(module):
                params = module.init(np.random.default_rng(0), len(module.read().characters))
                optim.restore(params, {name: file[name] for name in optim.leaves(params)})
                return params, json.loads(str(file["told"]))
    params, told = module.trained(module.read(), seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, key=key(module), told=json.dumps(told), **optim.leaves(params))
    return params, told
