"""Which backend answers: the CPU, or the GPUs that were asked for."""

import ctypes
import os
import sys
from functools import cache

from .base import Backend
from .cpu import CpuBackend
from .sharded import ShardedBackend
from .trial import Work, is_trusted

NAMES = ("auto", "cpu", "cuda")
DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
INSTALL = 'pip install "sinkhorn-nb[cuda12]" (or [cuda13]) beside the driver of an NVIDIA GPU'


def choose(name, work: Work | None = None) -> Backend:
    """The backend of a name for some work; "auto" takes a GPU for much of it, if a trial says it can be trusted."""
    if name == "cuda":
        if (why := no_gpu()) is not None:
            raise ValueError(
                f'backend: expected a usable GPU for "cuda", got none: {why}; take "auto" or "cpu", or {INSTALL}'
            )
        return _cuda_backend()
    if name == "auto" and work is not None and work.is_much and _is_there() and is_trusted(_cuda_backend, work):
        return _cuda_backend()
    return CpuBackend()


def _is_there():
    """Whether there is a GPU that somebody may want; the simulator is for tests, which ask for it by name."""
    return not _is_simulated() and no_gpu() is None


@cache
def no_gpu():
    """Why there is no usable GPU, or None; numba's CUDA target is not touched where there is no driver."""
    try:
        if not _is_simulated() and "NUMBA_CUDA_DRIVER" not in os.environ:
            ctypes.CDLL(DRIVER)
        from . import cuda_device
    except OSError:
        return f"the driver's library {DRIVER} was not found"
    except ImportError as error:
        return f"numba's CUDA target cannot be imported ({error})"
    return cuda_device.problem()


def describe_gpu():
    """The GPUs in words, or why there is none."""
    if (why := no_gpu()) is not None:
        return f"none: {why}"
    from . import cuda_device

    return "; ".join(cuda_device.name(number) for number in cuda_device.devices())


def _cuda_backend():
    from .cuda import CudaBackend  # where it is used: importing numba's CUDA target takes a while
    from .cuda_device import devices

    backends = [CudaBackend(number) for number in devices()]
    return backends[0] if len(backends) == 1 else ShardedBackend(backends)


def _is_simulated():
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
