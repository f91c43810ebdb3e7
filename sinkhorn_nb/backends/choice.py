"""Choose the backend: the CPU, or GPUs."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from .base import Backend, DeviceBackend, Vector
from .cpu import small_problems
from .cpu.backend import CpuBackend
from .cpu.grids import Axis, Sweeps
from .cpu.matrix_backend import MatrixBackend
from .cuda import driver
from .fallback import FallbackBackend
from .self_check import Work, is_trusted
from .sharded import ShardedBackend
from .tables import Table

NAMES = ("auto", "cpu", "cuda")
INSTALL = 'pip install "sinkhorn-nb[cuda12]" (or [cuda13]) beside the driver of an NVIDIA GPU'


def choose(name: str, work: Work | None = None) -> Backend:
    """Return the backend with a name for some work; "auto" uses a GPU for large work, if it passes
    a trial.

    "auto" reads matrices on the CPU, where they are.
    """
    if work is not None and isinstance(work.cost, Table):
        return _reader_of_matrices(name, work)
    if name == "cuda":
        _require_gpu()
        backend = _cuda_backend()
        if work is not None:
            backend.require_room(work)
        return backend
    if (
        name == "auto"
        and work is not None
        and work.is_much
        and _is_there()
        and is_trusted(_cuda_backend, work)
    ):
        return FallbackBackend(_cuda_backend, CpuBackend())
    return CpuBackend()


def _reader_of_matrices(name: str, work: Work) -> Backend:
    if name != "cuda":
        return MatrixBackend()
    _require_gpu()
    from .cuda.device import devices
    from .cuda.matrix_backend import CudaMatrixBackend

    backend = CudaMatrixBackend(devices()[0])
    backend.require_room(work)
    return backend


def sweeps(name: str, axes: list[Axis]) -> Callable[[Vector], Vector]:
    """Return the separable sums over a grid on a backend; "auto" uses the CPU."""
    if name != "cuda":
        return Sweeps(axes)
    _require_gpu()
    from .cuda.device import devices
    from .cuda.grids import CudaSweeps

    return CudaSweeps(axes, devices()[0])


def small_solver(name: str) -> Any:
    """Return the function (problems, max_iter) that solves small problems on a backend; "auto" uses
    the CPU.
    """
    if name != "cuda":
        return small_problems.solve_all
    _require_gpu()
    from .cuda import small as cuda_small  # imported here like all of CUDA, which takes a while

    return cuda_small.solve_all


def _require_gpu() -> None:
    if (why := no_gpu()) is not None:
        raise ValueError(
            f'backend: expected a usable GPU for "cuda", got none: {why}; '
            f'take "auto" or "cpu", or {INSTALL}'
        )


def _is_there() -> bool:
    """Tell whether there is a GPU for "auto"; tests, which use the simulator, name the backend."""
    return not _is_simulated() and no_gpu() is None


@cache
def no_gpu() -> str | None:
    """Explain why there is no usable GPU, or return None; numba's CUDA target is not imported
    without a driver.
    """
    try:
        if not _is_simulated() and "NUMBA_CUDA_DRIVER" not in os.environ:
            driver.library()
        from .cuda import device as cuda_device
    except OSError:
        return f"the driver's library {driver.NAME} was not found"
    except Exception as error:  # any mismatch of packages
        return f"numba's CUDA target cannot be imported ({error})"
    return cuda_device.problem()


def describe_gpu() -> str:
    """Describe the GPUs, or explain why there is none."""
    if (why := no_gpu()) is not None:
        return f"none: {why}"
    from .cuda import device as cuda_device

    return "; ".join(cuda_device.name(number) for number in cuda_device.devices())


def _cuda_backend() -> DeviceBackend:
    from .cuda.backend import CudaBackend
    from .cuda.device import current, devices

    numbers = devices()
    if numbers == [current()]:
        return CudaBackend(*numbers)
    return ShardedBackend([CudaBackend(number) for number in numbers])  # it enters their contexts


def _is_simulated() -> bool:
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
