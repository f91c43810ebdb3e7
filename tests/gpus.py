"""Shared parts of the tests of the CUDA backend: the GPU, or numba's simulator at sizes that are
not too slow for it.

Test files that need a GPU import this module, and are skipped if there is none.
"""

import os
import sys
import threading

import numpy as np
import pytest
from pairs import Pairs
from problems import example

from sinkhorn_nb.backends import choice

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
if choice.no_gpu() is not None:
    pytest.skip(f"no GPU: {choice.no_gpu()}", allow_module_level=True)

from sinkhorn_nb.backends.cuda import device as cuda_device  # noqa: E402
from sinkhorn_nb.backends.cuda.backend import CudaBackend  # noqa: E402

BACKEND, MOST = CudaBackend(), CudaBackend.points_a_tile
SIZE = (21, 18) if SIMULATED else (3001, 2099)


def shared_array(self, shape, dtype, alignment=None):
    """Replace the simulator's function, which has a race: it may give two threads an array each."""
    caller = sys._getframe(1)
    if shape == 0:  # dynamic shared memory
        return np.frombuffer(self._dynshared.data, dtype)
    return self._allocations.setdefault((caller.f_code, caller.f_lineno), np.empty(shape, dtype))


if SIMULATED:
    from numba.cuda.simulator.kernelapi import FakeCUDAShared

    FakeCUDAShared.array = shared_array
    sys.setswitchinterval(1e-5)  # its threads wait for each other all the time: 10 times faster


def some(n, m, d, dtype):
    return Pairs.near(n, m, d, dtype, BACKEND, MOST)


def arrays():
    """Arguments (x, y, a, b) of the functions."""
    return example(9, 11, 2) if SIMULATED else example(900, 1100, 3)


class Gpu:
    """The one GPU under a number, which threads within it know."""

    here = threading.local()

    def __init__(self, number):
        self._number, self._gpu = number, cuda_device.cuda.gpus[0]

    def __getattr__(self, name):
        return getattr(self._gpu, name)

    def __enter__(self):
        self._gpu.__enter__()
        self.here.numbers = [*getattr(self.here, "numbers", []), self._number]

    def __exit__(self, *error):
        self.here.numbers = self.here.numbers[:-1]
        self._gpu.__exit__(*error)
