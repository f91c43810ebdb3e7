"""The home of the caller's arrays and of the results: the host, or a CUDA device with the arrays'
library.

Libraries copy their own arrays, because they know an array's stream, its strides, and when it is
ready. Other arrays with `__cuda_array_interface__`, not of torch, CuPy or JAX, are treated as
arrays of numba.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from ..common.array_types import Numbers

Result = TypeVar("Result")

CUDA = 2, 13  # numbers of DLPack for plain and managed memory of a CUDA device
# By the package of the array's class
LIBRARIES = {"torch": "torch", "cupy": "cupy", "jax": "jax", "jaxlib": "jax"}


def _torch(host: Numbers, device: int) -> Any:
    return import_module("torch").asarray(host, device=f"cuda:{device}")


def _cupy(host: Numbers, device: int) -> Any:
    cupy = import_module("cupy")
    with cupy.cuda.Device(device):
        return cupy.asarray(host)


def _jax(host: Numbers, device: int) -> Any:
    jax = import_module("jax")
    gpus = {gpu.local_hardware_id: gpu for gpu in jax.local_devices(backend="gpu")}
    return jax.device_put(host, gpus[device])


def _numba(host: Numbers, device: int) -> Any:
    return _cuda_device().to_device(host, device)


TO_HOST: dict[str, Callable[[Any, int], Any]] = {
    "numpy": lambda array, device: array,
    "torch": lambda array, device: array.cpu(),
    "cupy": lambda array, device: array.get(),
    "jax": lambda array, device: array,  # NumPy can read it
    "numba": lambda array, device: _cuda_device().to_host(array, device),
}
FROM_HOST = {"torch": _torch, "cupy": _cupy, "jax": _jax, "numba": _numba}


@dataclass(frozen=True)
class Home:
    """A library of arrays and the number of one of its CUDA devices."""

    library: str = "numpy"
    device: int = -1

    @classmethod
    def of(cls, array: Any) -> Home:
        """The home of an array on a device."""
        if _is_numba(array) or not hasattr(array, "__dlpack_device__"):
            return cls("numba", _cuda_device().number_of(array))
        return cls(library_of(array), array.__dlpack_device__()[1])

    def __str__(self) -> str:
        return "on the host" if self == HOST else f"of {self.library} on CUDA device {self.device}"

    def fetch(self, array: Any) -> Numbers:
        """A NumPy array with the numbers of an array of this home; errors are the library's own."""
        return np.asarray(TO_HOST[self.library](array, self.device))

    def send(self, result: Result) -> Result:
        """An array of the library with the numbers of a NumPy array; other values are returned
        unchanged.
        """
        if self == HOST or not isinstance(result, np.ndarray):
            return result
        try:
            # Some libraries read it later
            return FROM_HOST[self.library](np.array(result, order="C"), self.device)
        except Exception as error:  # any error of a library that is missing, or has no such device
            raise RuntimeError(
                f"results: expected to make arrays {self}, as the points were, got "
                f"{type(error).__name__}: {error}; take those of .on_host, which are NumPy's"
            ) from error


HOST = Home()


def library_of(array: object) -> str:
    """The library that converts an array on a device."""
    packages = (kind.__module__.partition(".")[0] for kind in type(array).__mro__)
    return next((LIBRARIES[name] for name in packages if name in LIBRARIES), "numba")


def is_on_device(value: Any) -> bool:
    """Tell whether an array-like is in the memory of a CUDA device; False if NumPy may be able to
    read it.
    """
    if isinstance(value, np.ndarray):
        return False
    if _is_numba(value):
        return True
    try:
        return value.__dlpack_device__()[0] in CUDA
    except AttributeError:  # no DLPack
        return hasattr(value, "__cuda_array_interface__")
    except (BufferError, RuntimeError, TypeError, ValueError):  # spread over devices, symbolic, ...
        return False


def is_readable(array: object) -> bool:
    """Tell whether an array on a device that belongs to no known library can be read."""
    return _is_numba(array) or hasattr(array, "__cuda_array_interface__")


def _is_numba(value: object) -> bool:
    # Arrays of the simulator have nothing else
    return getattr(type(value), "__cuda_ndarray__", False)


def _cuda_device() -> ModuleType:
    # imported here, because numba's CUDA target takes a while
    from ..backends.cuda import device

    return device
