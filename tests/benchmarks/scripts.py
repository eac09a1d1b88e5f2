"""Scripts of the benchmarks, which lie outside the package, as modules to test."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
# For what the scripts import from beside them.
sys.path[:0] = [str(BENCHMARKS / "real")]


def load(path: str) -> ModuleType:
    """``benchmarks/PATH`` as a fresh module, for a test to change what it holds."""
    file = BENCHMARKS / path
    spec = importlib.util.spec_from_file_location(f"benchmark_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its classes look for their names
    spec.loader.exec_module(module)
    return module
