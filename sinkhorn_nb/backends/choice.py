"""Which backend answers: the CPU, or the GPUs that were asked for."""

import os
from functools import cache

from . import driver, small_problems
from .base import Backend
from .cpu import CpuBackend
from .fallback import FallbackBackend
from .sharded import ShardedBackend
from .trial import Work, is_trusted

NAMES = ("auto", "cpu", "cuda")
INSTALL = 'pip install "sinkhorn-nb[cuda12]" (or [cuda13]) beside the driver of an NVIDIA GPU'


def choose(name, work: Work | None = None) -> Backend:
    """The backend of a name for some work; "auto" takes a GPU for much of it, if a trial says it can be trusted."""
    if name == "cuda":
        _require_gpu()
        backend = _cuda_backend()
        if work is not None:
            backend.require_room(work)
        return backend
    if name == "auto" and work is not None and work.is_much and _is_there() and is_trusted(_cuda_backend, work):
        return FallbackBackend(_cuda_backend, CpuBackend())
    return CpuBackend()


def small_solver(name):
    """The function (problems, max_iter) that solves small problems on a backend; "auto" stays on the CPU."""
    if name != "cuda":
        return small_problems.solve_all
    _require_gpu()
    from . import cuda_small  # where it is used, as all of CUDA

    return cuda_small.solve_all


def _require_gpu():
    if (why := no_gpu()) is not None:
        raise ValueError(
            f'backend: expected a usable GPU for "cuda", got none: {why}; take "auto" or "cpu", or {INSTALL}'
        )


def _is_there():
    """Whether there is a GPU that somebody may want; the simulator is for tests, which ask for it by name."""
    return not _is_simulated() and no_gpu() is None


@cache
def no_gpu():
    """Why there is no usable GPU, or None; numba's CUDA target is not touched where there is no driver."""
    try:
        if not _is_simulated() and "NUMBA_CUDA_DRIVER" not in os.environ:
            driver.library()
        from . import cuda_device
    except OSError:
        return f"the driver's library {driver.NAME} was not found"
    except Exception as error:  # whatever does not fit together
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
    from .cuda_device import current, devices

    numbers = devices()
    if numbers == [current()]:
        return CudaBackend(*numbers)
    return ShardedBackend([CudaBackend(number) for number in numbers])  # it enters them


def _is_simulated():
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
