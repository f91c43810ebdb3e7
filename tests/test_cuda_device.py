"""Calls of numba's CUDA target and of the driver, with stand-ins for both."""

import ctypes
import math
from types import SimpleNamespace

import numpy as np
import pytest

from sinkhorn_nb.backends import choice
from sinkhorn_nb.backends.cuda import device as cuda_device
from sinkhorn_nb.backends.cuda import driver
from sinkhorn_nb.backends.sharded import ShardedBackend


@pytest.fixture
def asked(monkeypatch):
    """Record the calls of a device with 10 bytes, 4 of them in arrays that were dropped."""
    asked = []

    def memory():
        asked.append("memory")
        return (10 if "clear" in asked else 6), 10

    pending = SimpleNamespace(clear=lambda: asked.append("clear"))
    context = SimpleNamespace(
        memory_manager=SimpleNamespace(deallocations=pending),
        get_memory_info=memory,
        device=SimpleNamespace(id=1),
    )
    monkeypatch.setattr(cuda_device, "SIMULATOR", False)
    monkeypatch.setattr(cuda_device.cuda, "current_context", lambda: context)
    return SimpleNamespace(questions=asked, context=context)


def test_memory_of_dropped_arrays_is_free(asked):
    assert cuda_device.free_memory() == 10
    assert asked.questions == ["clear", "memory"]


def test_a_memory_manager_that_keeps_nothing_back(asked):
    del asked.context.memory_manager.deallocations
    assert cuda_device.free_memory() == 6


def test_a_memory_manager_that_does_not_tell_has_room(asked):
    def memory():
        raise NotImplementedError

    asked.context.get_memory_info = memory
    assert cuda_device.free_memory() == math.inf


class Library:
    """The driver, which knows in which device's memory some pointers are."""

    def __init__(self, devices):
        self._devices = devices

    def cuPointerGetAttribute(self, data, attribute, pointer):
        assert attribute == 9 and isinstance(pointer, ctypes.c_uint64)
        if pointer.value not in self._devices:
            return 1  # CUDA_ERROR_INVALID_VALUE
        data._obj.value = self._devices[pointer.value]
        return 0


def array_at(pointer):
    return SimpleNamespace(__cuda_array_interface__={"data": (pointer, False)})


def test_the_driver_is_asked_where_an_array_is(asked, monkeypatch):
    monkeypatch.setattr(driver, "library", lambda: Library({2**63 + 8: 3, 16: 0, 24: -2}))
    assert cuda_device.number_of(array_at(2**63 + 8)) == 3
    assert cuda_device.number_of(array_at(16)) == 0
    for unknown in (0, 24, 40):  # an empty array, memory of the host, not the driver's
        assert cuda_device.number_of(array_at(unknown)) == 1  # the device in use


@pytest.mark.parametrize(
    "library", [lambda: ctypes.CDLL("no library of this name"), lambda: SimpleNamespace()]
)
def test_without_the_driver_an_array_is_on_the_device_in_use(asked, monkeypatch, library):
    monkeypatch.setattr(driver, "library", library)
    assert cuda_device.number_of(array_at(16)) == 1


def test_arrays_of_numba_tell_their_device_themselves(asked, monkeypatch):
    monkeypatch.setattr(driver, "library", lambda: pytest.fail("asked"))
    memory = SimpleNamespace(context=SimpleNamespace(device=SimpleNamespace(id=2)))
    assert cuda_device.number_of(SimpleNamespace(gpu_data=memory)) == 2


def test_the_library_is_where_numba_looks_for_it(monkeypatch):
    monkeypatch.setattr(driver.ctypes, "CDLL", lambda name: name)
    monkeypatch.delenv("NUMBA_CUDA_DRIVER", raising=False)
    assert driver.library() == driver.NAME
    monkeypatch.setenv("NUMBA_CUDA_DRIVER", "/opt/libcuda.so")
    assert driver.library() == "/opt/libcuda.so"


def test_results_are_there_when_they_are_handed_over(monkeypatch):
    """A copy from the host may be under way when the call returns, and readers may be on streams
    that do not wait.
    """
    done = []

    class Gpu:
        def __enter__(self):
            done.append("enter")

        def __exit__(self, *error):
            done.append("exit")

    monkeypatch.setattr(cuda_device.cuda, "gpus", [None, Gpu()])
    monkeypatch.setattr(cuda_device.cuda, "to_device", lambda host: done.append("copy") or host)
    monkeypatch.setattr(cuda_device.cuda, "synchronize", lambda: done.append("wait"))
    cuda_device.to_device(np.zeros(3), 1)
    assert done == ["enter", "copy", "wait", "exit"]


@pytest.mark.parametrize(
    ("usable", "in_use", "entered"), [([0], 0, False), ([1], 0, True), ([0], 1, True)]
)
def test_a_single_gpu_is_entered_unless_it_is_in_use(monkeypatch, usable, in_use, entered):
    monkeypatch.setattr(cuda_device, "devices", lambda: usable)
    monkeypatch.setattr(cuda_device, "current", lambda: in_use)
    backend = choice._cuda_backend()
    assert isinstance(backend, ShardedBackend) == entered
    owner = backend._devices[0].backend if entered else backend
    assert owner._number == usable[0]
