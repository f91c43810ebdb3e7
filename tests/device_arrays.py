"""Fake libraries of arrays on a GPU, whose device memory is the host's, with the calls of the real
ones; and arrays of other libraries on the host.
"""

import sys
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
from problems import PRECISE, example

import sinkhorn_nb as snb
from sinkhorn_nb import validation
from sinkhorn_nb.interop import arrays as home

X, Y, A, B = example(9, 11, 2)
BLUR = 0.5


class Device:
    """Numbers on a CUDA device, which NumPy cannot read."""

    def __init__(self, numbers, device=0):
        self.numbers, self.device = np.array(numbers), device

    def __dlpack_device__(self):
        return 2, self.device

    def __array__(self, dtype=None, copy=None):
        raise TypeError("no implicit conversion")


class Tensor(Device):
    """A device array like torch's."""

    __module__ = "torch"
    failure = None

    def cpu(self):
        return Unreadable(self.failure) if self.failure else self.numbers


class Parameter(Tensor):
    """A class of the user, made from one of torch's."""


class Unreadable:
    def __init__(self, failure):
        self.failure = failure

    def __array__(self, dtype=None, copy=None):
        raise self.failure


class CupyArray(Device):
    __module__ = "cupy"
    current = 0

    def get(self):
        return self.numbers


class JaxArray(Device):
    __module__ = "jaxlib._jax"

    def __array__(self, dtype=None, copy=None):
        return self.numbers


class Other(Device):
    """A device array of no known library, which names its device."""

    __cuda_array_interface__: ClassVar = {}


class Plain(Other):
    """A device array of no known library, which does not name its device."""

    __dlpack_device__ = property()  # an AttributeError


KINDS = {
    "torch": Tensor,
    "cupy": CupyArray,
    "jax": JaxArray,
    "other": Other,
    "plain": Plain,
    "own": Parameter,
}
RESULTS = {**KINDS, "other": Plain, "plain": Plain, "own": Tensor}  # what is made for them


class CurrentDevice:
    def __init__(self, number):
        self.number = number

    def __enter__(self):
        self.before, CupyArray.current = CupyArray.current, self.number

    def __exit__(self, *error):
        CupyArray.current = self.before


def library(name, **functions):
    module = ModuleType(name)
    vars(module).update(functions)
    return module


def torch_asarray(host, device):
    # Torch refuses the one and warns of the other
    assert host.flags.c_contiguous and host.flags.writeable
    kind, number = device.split(":")
    assert kind == "cuda"
    return Tensor(host, int(number))


def local_devices(backend):
    assert backend == "gpu"
    return [SimpleNamespace(local_hardware_id=k) for k in (1, 0)]


def to_device(host, number):
    assert host.flags.c_contiguous  # numba refuses others
    return Plain(host, number)


LIBRARIES = {
    "torch": library("torch", asarray=torch_asarray),
    "cupy": library(
        "cupy",
        cuda=SimpleNamespace(Device=CurrentDevice),
        asarray=lambda host: CupyArray(host, CupyArray.current),
    ),
    "jax": library(
        "jax",
        local_devices=local_devices,
        device_put=lambda host, gpu: JaxArray(host, gpu.local_hardware_id),
    ),
}
NUMBA = SimpleNamespace(
    number_of=lambda array: array.device,
    to_host=lambda array, number: array.numbers,
    to_device=to_device,
)


def install(patch):
    """Put the fakes in the places of the libraries."""
    for name, module in LIBRARIES.items():
        patch.setitem(sys.modules, name, module)
    patch.setattr(home, "_cuda_device", lambda: NUMBA)
    patch.setattr(validation.arrays, "no_gpu", lambda: None)


def solve(place, *arrays):
    return snb.sinkhorn_divergence(*map(place, arrays), blur=BLUR, solver=PRECISE)


def same(got, expected, kind=Tensor, device=0):
    """The numbers are the same, to the bit, and on the device."""
    assert type(got) is kind and got.device == device
    assert got.numbers.dtype == expected.dtype and got.numbers.flags.c_contiguous
    np.testing.assert_array_equal(got.numbers, expected)


class HostTensor:
    """An array in host memory like those of torch and JAX."""

    def __init__(self, numbers, place=(1, 0)):
        self.numbers, self.place = numbers, place

    def __dlpack_device__(self):
        if self.place is None:
            raise BufferError("in pieces on several devices")
        return self.place

    @property
    def __cuda_array_interface__(self):
        raise (
            AttributeError("not on a GPU") if self.place == (1, 0) else TypeError("not to be asked")
        )

    def __array__(self, dtype=None, copy=None):
        return self.numbers


class Interface:
    """NumPy's interface alone."""

    def __init__(self, numbers):
        self.__array_interface__, self.numbers = numbers.__array_interface__, numbers
