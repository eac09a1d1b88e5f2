"""The ways in which another processor would compute the same page: kernels and threads.

Rounding hangs on the kernels that OpenBLAS, NumPy, oneDNN, MKL and XLA choose for a processor.
A processor can be told to use the kernels of an older one; training amplifies the difference
until it counts like another seed.
"""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Name of the OpenBLAS kernel -> processor flags that it needs, and what is set with it so that
# the other libraries compute as on such a processor too. OpenBLAS takes any name, whether or not
# the processor can do it, and dies with an illegal instruction: decide by flags, never by trying.
OLD_NUMPY = {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"}
KERNELS: dict[str, tuple[set[str], dict[str, str]]] = {
    "own": (set(), {}),
    "Prescott": ({"pni"}, {
        **OLD_NUMPY, "MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
    }),
    "Haswell": ({"avx2", "fma"}, {
        "NPY_DISABLE_CPU_FEATURES": "X86_V4", "MKL_CBWR": "AVX2", "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    }),
    "Nehalem": ({"sse4_2"}, {
        **OLD_NUMPY, "ATEN_CPU_CAPABILITY": "default", "TF_ENABLE_ONEDNN_OPTS": "0",
    }),
    "Sandybridge": ({"avx"}, {
        "NPY_DISABLE_CPU_FEATURES": "X86_V4", "MKL_CBWR": "AVX", "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "AVX",
    }),
    "SkylakeX": ({"avx512f", "avx512bw", "avx512dq", "avx512vl"}, {
        "MKL_CBWR": "AVX512", "TF_ENABLE_ONEDNN_OPTS": "0",
    }),
}  # fmt: skip
VARIABLES = {"OPENBLAS_CORETYPE"}.union(*(values for _, values in KERNELS.values()))
# One number for each library that the process has loaded; other kernels give another number.
PROBE = """
import sys as _sys
def _probe():
    import hashlib
    import numpy as np
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(37, 301)), rng.normal(size=(301, 53))
    def number(*arrays):
        return hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in arrays)).hexdigest()[:12]
    f, g = a.astype("float32"), b.astype("float32")
    found = {"numpy": number(a @ b, f @ g, np.tanh(a), np.tanh(f), f.sum(1))}
    if torch := _sys.modules.get("torch"):
        s, t = torch.tensor(f), torch.tensor(g)
        found["torch"] = number((s @ t).numpy(), torch.tanh(s).numpy(), s.sum(1).numpy())
    if "tensorflow" in _sys.modules:
        tf = _sys.modules["tensorflow"]
        found["tensorflow"] = number(tf.matmul(f, g).numpy(), tf.tanh(f).numpy())
    return found
"""


@dataclass(frozen=True)
class Draw:
    """One way to run a page: a seed, a kernel of KERNELS, a number of threads."""

    seed: int
    kernel: str = "own"
    threads: int = 1

    def __str__(self) -> str:
        name = f"seed {self.seed}"
        if self.kernel != "own":
            name += f", {self.kernel}"
        return name + (f", {self.threads} threads" if self.threads > 1 else "")

    def environment(self) -> dict[str, str]:
        """Return the variables with which a process makes this draw, from this process's own."""
        drop = VARIABLES if self.kernel != "own" else ()
        kept = {k: v for k, v in os.environ.items() if k not in drop}
        own = {"RNNCOURSE_SEED": str(self.seed), "TF_NUM_INTRAOP_THREADS": str(self.threads)}
        if self.kernel != "own":
            own |= {"OPENBLAS_CORETYPE": self.kernel, **KERNELS[self.kernel][1]}
        for library in ("OMP", "OPENBLAS", "MKL"):
            own[f"{library}_NUM_THREADS"] = str(self.threads)
        return kept | own


AS_OWN = "computes as the processor's own"  # why a kernel is no draw of its own

# Newcomers run seed 0, so that it stands under several kernels.
OWN = [Draw(0), Draw(1), Draw(2), Draw(3), Draw(4, threads=2)]
OWN += [Draw(seed, threads=1 + seed % 2) for seed in range(5, 10)]
OTHER = [Draw(0, "Haswell"), Draw(0, "Prescott"), Draw(1, "Nehalem"), Draw(2, "Sandybridge", 2)]
OTHER += [Draw(3, "SkylakeX"), Draw(4, "Prescott"), Draw(5, "Haswell", 2), Draw(6, "Nehalem")]
OTHER += [Draw(7, "Sandybridge"), Draw(8, "Prescott", 2), Draw(9, "Haswell"), Draw(10, "Nehalem")]


@cache
def flags() -> frozenset[str]:
    """Return what the processor can do, in the words of Linux; empty where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


@cache
def probed(kernel: str) -> str:
    """Return the number that NumPy computes in a process with this kernel."""
    command = [sys.executable, "-W", "error", "-c", PROBE + "print(_probe()['numpy'])"]
    done = subprocess.run(
        command, env=Draw(0, kernel).environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"The probe failed with the kernel {kernel}: {done.stderr[-500:]}")
    return done.stdout.strip()


@cache
def lacking(kernel: str) -> str:
    """Return why a kernel is no draw on this processor, or ""."""
    needed = KERNELS[kernel][0]
    if kernel == "own":
        return ""
    if missing := sorted(needed - flags()):
        return f"the processor lacks {', '.join(missing)}"
    return AS_OWN if probed(kernel) == probed("own") else ""


def draws(count: int) -> list[Draw]:
    """Return as many draws, half of them under other kernels than the processor's own.

    Where fewer kernels can be had, seeds take their place.
    """
    other = [draw for draw in OTHER if not lacking(draw.kernel)][: count // 2]
    more = (Draw(seed, threads=1 + seed % 2) for seed in range(11, 11 + count))
    own = OWN[: count - count // 2]
    while len(own) + len(other) < count:
        own.append(next(more))
    return own + other


def repeatable(recorded: dict[str, str]) -> Draw:
    """Return a recorded draw that gives the same floats here, for a comparison to the last digit.

    A record may come from another processor: what was its own kernel is another one here, or
    none. Without such a draw it is the first one.

    Args:
        recorded: name of a draw → the number that NumPy computed in it.
    """
    for draw in (draw for draw in [*OWN, *OTHER] if str(draw) in recorded and draw.threads == 1):
        runs = lacking(draw.kernel) in ("", AS_OWN)
        if runs and probed(draw.kernel) == recorded[str(draw)]:
            return draw
    return OWN[0]


def describe() -> str:
    """Say which kernels this processor has."""
    words = [f"{name}: {lacking(name) or 'yes'}" for name in KERNELS if name != "own"]
    return f"{platform.machine()}; kernels: " + "; ".join(words)
