"""Arrays on a GPU go in: which are taken, which are refused and with what words, and how they are
copied.
"""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from device_arrays import (
    BLUR,
    A,
    B,
    CupyArray,
    Device,
    HostTensor,
    Interface,
    Other,
    Plain,
    Tensor,
    Unreadable,
    X,
    Y,
    same,
    solve,
)

import sinkhorn_nb as snb
from sinkhorn_nb import validation
from sinkhorn_nb.backends.cuda import device as cuda_device
from sinkhorn_nb.interop.arrays import is_on_device

pytestmark = pytest.mark.usefixtures("libraries")


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64"])
def test_dtypes_are_treated_as_those_of_host_arrays(dtype):
    x, y = (8 * X).astype(dtype), (8 * Y).astype(dtype)
    got, expected = solve(Tensor, x, y), solve(np.array, x, y)
    assert (got.value, got.xy.dtype) == (expected.value, expected.xy.dtype)
    same(got.gradient().x, expected.gradient().x)


@pytest.mark.parametrize("odd", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("most", "few"), [(Tensor, np.array), (np.array, Tensor), (Tensor, CupyArray), (Tensor, list)]
)
def test_mixed_arrays_are_an_error_with_the_cure_and_the_next_call_works(most, few, odd):
    arrays = [few(v) if k == odd else most(v) for k, v in enumerate((X, Y, A, B))]
    name = "xyab"[odd or 1]
    with pytest.raises(
        TypeError, match=rf"^{name}: expected an array o.*, like x, got one o.*; copy one of them"
    ):
        snb.sinkhorn_divergence(*arrays, blur=BLUR)
    assert solve(np.array, X, Y).value == solve(Tensor, X, Y).value


def test_weights_may_be_left_out():
    assert solve(Tensor, X, Y).value == solve(np.array, X, Y).value


def test_words_of_the_error():
    with pytest.raises(
        TypeError,
        match=r"^y: expected an array of torch on CUDA device 1, like x, got one on the host;",
    ):
        snb.entropic_ot(Tensor(X, 1), Y, blur=BLUR)


def test_arrays_on_different_devices():
    with pytest.raises(
        ValueError,
        match=r"^b: expected an array on CUDA device 0, like x, got one on CUDA device 1; copy",
    ):
        snb.entropic_ot(Tensor(X), Tensor(Y), Tensor(A), Tensor(B, 1), blur=BLUR)


@pytest.mark.parametrize("kind", [Other, Plain])
def test_no_gpu_that_can_be_used(kind, monkeypatch):
    monkeypatch.setattr(
        validation.arrays, "no_gpu", lambda: "the driver's library libcuda.so.1 was not found"
    )
    with pytest.raises(
        ValueError,
        match=r"^x: expected a usable GPU .* none: .* libcuda.*; pass .* the host, or pip",
    ):
        solve(kind, X, Y)
    assert solve(np.array, X, Y).converged


def test_dlpack_alone():
    with pytest.raises(
        TypeError,
        match=r"^x: expected .*__cuda_array_interface__.* DLPack alone; pass cupy.from_dlpack",
    ):
        solve(Device, X, Y)


@pytest.mark.parametrize(
    "failure",
    [
        TypeError("Got unsupported ScalarType BFloat16"),
        RuntimeError("Use tensor.detach().numpy() instead"),
    ],
)
def test_words_of_the_library_are_passed_on(failure, monkeypatch):
    words = re.escape(str(failure))
    monkeypatch.setattr(Tensor, "failure", failure)
    with pytest.raises(
        TypeError, match=rf"^x: expected .* points .* got Tensor: {words}; convert it to a dense"
    ):
        solve(Tensor, X, Y)
    with pytest.raises(TypeError, match=rf"^x: .* got Unreadable: {words}; convert"):
        snb.entropic_ot(Unreadable(failure), Y, blur=BLUR)


@pytest.mark.parametrize(
    "place",
    [
        HostTensor,
        lambda v: HostTensor(v, (3, 0)),  # pinned
        lambda v: HostTensor(v, None),
        np.ndarray.tolist,
        Interface,
    ],
)
def test_host_arrays_of_other_libraries_are_host_arrays(place, monkeypatch):
    monkeypatch.setattr(validation.arrays, "no_gpu", lambda: pytest.fail("looked for"))
    got = solve(place, X, Y, A, B)
    assert got.value == solve(np.array, X, Y, A, B).value
    assert type(got.gradient().x) is type(got.xy.f) is np.ndarray


def test_host_arrays_come_back_as_they_are():
    solution = snb.entropic_ot(X, Y, blur=BLUR)
    assert solution.on_host is solution and solution.f is solution.f
    divergence = solve(np.array, X, Y)
    assert divergence.on_host is divergence
    assert not any(map(is_on_device, (X, None, 1.0, [X], "x")))


class Memory:
    """Numba's view of an interface: a copy has the numbers at the time of the call."""

    def __init__(self, array):
        self.array = array

    def copy_to_host(self):
        return self.array.copy()


def test_numba_copies_from_the_arrays_device_after_all_work_there(monkeypatch):
    """Whichever stream it was on: some tell none, and what others tell may be gone."""
    log, x = [], np.zeros((5, 4))[::2, ::-1]

    class Gpu:
        __enter__ = staticmethod(lambda: log.append("device 3"))
        __exit__ = staticmethod(lambda *error: log.append("left"))

    def synchronize():
        log.append("waited")
        x[:] = X[:3, :1]  # the work

    def from_cuda_array_interface(interface, owner):
        log.append(interface["stream"])
        return Memory(owner.numbers)

    fake = SimpleNamespace(
        gpus={3: Gpu()},
        synchronize=synchronize,
        from_cuda_array_interface=from_cuda_array_interface,
    )
    monkeypatch.setattr(cuda_device, "cuda", fake)
    array = Plain([])
    array.numbers, array.__cuda_array_interface__ = x, {"version": 3, "stream": 12345}
    np.testing.assert_array_equal(cuda_device.to_host(array, 3), np.repeat(X[:3, :1], 4, axis=1))
    assert log == ["device 3", "waited", None, "left"]
