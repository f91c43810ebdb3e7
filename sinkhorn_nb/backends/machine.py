"""The machine that runs the kernels: threads, processor, vector width, folder of the compiled
code.
"""

from typing import NamedTuple

import numba
from llvmlite import binding

from .cpu import kernels as cpu_kernels

VECTOR_BITS = {"avx512f": 512, "avx": 256, "sse2": 128, "neon": 128}  # the widest first


class Machine(NamedTuple):
    """Threads, LLVM's name of the processor, bits of its vectors, and the folder of compiled
    kernels or None.
    """

    threads: int
    cpu: str
    vector_bits: int | None
    cache: str | None


def describe():
    """Describe the machine as numba sees it, including its environment variables."""
    return Machine(
        threads=numba.get_num_threads(),
        cpu=numba.config.CPU_NAME or binding.get_host_cpu_name(),
        vector_bits=_vector_bits(),
        cache=cpu_kernels.panel_sums.stats.cache_path,
    )


def _vector_bits():
    features = numba.config.CPU_FEATURES
    if features is None:
        try:
            features = binding.get_host_cpu_features().flatten()
        except RuntimeError:  # LLVM cannot tell on this platform
            return None
    enabled = features.split(",")
    for name, bits in VECTOR_BITS.items():
        if f"+{name}" in enabled:
            return bits
    return None
