"""Arrays on a GPU go in and come out: fake libraries, whose device memory is the host's, with the
calls of the real.

With numba's arrays, those of its simulator or real ones: see test_backends_agree.py.
"""

import pickle
import re
import sys
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from problems import PRECISE, example

import sinkhorn_nb as snb
from sinkhorn_nb import plotting, validation
from sinkhorn_nb.backends.cuda import device as cuda_device
from sinkhorn_nb.interop import arrays as home
from sinkhorn_nb.interop.arrays import HOST, Home, is_on_device

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


@pytest.fixture(autouse=True)
def libraries(monkeypatch):
    for name, module in LIBRARIES.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(home, "_cuda_device", lambda: NUMBA)
    monkeypatch.setattr(validation.arrays, "no_gpu", lambda: None)


def solve(place, *arrays):
    return snb.sinkhorn_divergence(*map(place, arrays), blur=BLUR, solver=PRECISE)


def same(got, expected, kind=Tensor, device=0):
    """The numbers are the same, to the bit, and on the device."""
    assert type(got) is kind and got.device == device
    assert got.numbers.dtype == expected.dtype and got.numbers.flags.c_contiguous
    np.testing.assert_array_equal(got.numbers, expected)


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_divergence_and_gradient_are_those_of_host_arrays(kind, device):
    got, expected = solve(lambda v: KINDS[kind](v, device), X, Y, A, B), solve(np.array, X, Y, A, B)
    assert got.value == expected.value
    for part, known in zip(got.gradient(), expected.gradient(), strict=True):
        same(part, known, RESULTS[kind], device)
    assert isinstance(got.gradient(), snb.Gradient)


def test_tables_are_on_the_host():
    expected = snb.pairwise_sinkhorn_divergence([X, Y], weights=[A, B], blur=BLUR)
    got = snb.pairwise_sinkhorn_divergence(
        [Tensor(X), Tensor(Y)], weights=[Tensor(A), Tensor(B)], blur=BLUR
    )
    assert type(got) is np.ndarray and got.tolist() == expected.tolist()
    with pytest.raises(
        TypeError, match=re.escape("clouds[1]: expected an array of torch on CUDA device 0")
    ):
        snb.pairwise_sinkhorn_divergence([Tensor(X), Y], blur=BLUR)


SOLUTION = {
    "f": lambda s, put: s.f,
    "g of the transposed": lambda s, put: s.T.g,
    "potential": lambda s, put: s.potential(put(X + 1)),
    "potential_back": lambda s, put: s.potential_back(put(X + 1)),
    "map": lambda s, put: s.map(),
    "map of new points": lambda s, put: s.map(put(X[::-1])),
    "map_back": lambda s, put: s.map_back(put(X)),
    "gradient": lambda s, put: s.gradient().y,
    "pullback": lambda s, put: s.pullback(f=put(A), map=put(X)).x,
    "pullback of a plan": lambda s, put: s.pullback(plan=(put(X), put(Y))).b,
    "pushforward": lambda s, put: s.pushforward(x=put(X), y=put(Y)).f,
    "hessian": lambda s, put: s.hessian_vector_product(dx=put(X)).y,
    "plan @ v": lambda s, put: s.plan @ put(Y),
    "plan.T @ u": lambda s, put: s.plan.T @ put(A),
    "u @ plan": lambda s, put: put(X.T) @ s.plan,
    "row sums": lambda s, put: s.plan.sum(axis=1),
    "column sums": lambda s, put: s.plan.sum(axis=0),
    "row": lambda s, put: s.plan.row(3),
    "block": lambda s, put: s.plan.block([2, 0], slice(3)),
    "toarray": lambda s, put: s.plan.toarray(),
    "topk": lambda s, put: s.plan.topk(2).values,
    "indices of topk": lambda s, put: s.plan.topk(2).indices,
    "block of indices of topk": lambda s, put: s.plan.block(
        put(s.on_host.plan.topk(2).indices[0]), slice(3)
    ),
    "rows of draws": lambda s, put: s.sample(20, 0).rows,
    "columns of draws": lambda s, put: s.sample(20, 0).columns,
    "potential of the plan": lambda s, put: s.plan.dot(put(s.on_host.g)),
}


@pytest.mark.parametrize("question", SOLUTION)
def test_every_array_of_a_solution_is_on_the_device(question):
    on_device = snb.entropic_ot(*map(Tensor, (X, Y, A, B)), blur=BLUR, solver=PRECISE)
    on_host = snb.entropic_ot(X, Y, A, B, blur=BLUR, solver=PRECISE)
    ask = SOLUTION[question]
    same(ask(on_device, Tensor), ask(on_host, np.array))
    same(ask(on_device, np.array), ask(on_host, np.array))  # the points say where results go
    np.testing.assert_array_equal(ask(on_host, Tensor), ask(on_host, np.array))


def test_numbers_are_numbers():
    got = snb.entropic_ot(Tensor(X), Tensor(Y), blur=BLUR)
    for value in (
        got.value,
        got.transport_cost,
        got.gap,
        got.plan.sum(),
        got.pushforward(x=Tensor(X)).value,
    ):
        assert isinstance(value, float)


def test_reports_of_linear_systems_come_along():
    got, expected = solve(Tensor, X, Y), solve(np.array, X, Y)
    assert (
        got.hessian_vector_product(dx=X).linear_solve
        == expected.hessian_vector_product(dx=X).linear_solve
    )
    assert got.n_passes == expected.n_passes


def test_arrays_of_a_divergence_are_on_the_device():
    got, expected = solve(Tensor, X, Y, A, B), solve(np.array, X, Y, A, B)
    for part, known in zip(got.potentials, expected.potentials, strict=True):
        same(part, known)
    products = (
        d.hessian_vector_product(dy=put(Y)) for d, put in ((got, Tensor), (expected, np.array))
    )
    for part, known in zip(*products, strict=True):
        same(part, known)


def test_divergence_of_a_cloud_with_itself():
    gradient = solve(Tensor, X, X).gradient()
    same(gradient.x, np.zeros_like(X))


@pytest.mark.parametrize(
    "soft",
    [
        lambda x, a: snb.soft_sort(x, a, blur=0.3),
        lambda x, a: snb.soft_rank(x, a, blur=0.3),
        lambda x, a: snb.soft_quantile(x, np.linspace(0, 1, 9), a, blur=0.3),
    ],
)
def test_soft_values(soft):
    x = X[:, 0]
    got, expected = soft(Tensor(x), Tensor(A)), soft(x, A)
    same(got.values, expected.values)
    same(got.pullback(Tensor(x)), expected.pullback(x))
    np.testing.assert_array_equal(np.asarray(got), expected.values)
    with pytest.raises(
        TypeError, match="weights: expected an array of torch on CUDA device 0, like x"
    ):
        soft(Tensor(x), A)


def test_soft_quantile_of_one_level():
    got, expected = (snb.soft_quantile(x, 0.5, blur=0.3).values for x in (Tensor(X[:, 0]), X[:, 0]))
    assert isinstance(got, float) and got == expected


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64"])
def test_dtypes_are_treated_as_those_of_host_arrays(dtype):
    x, y = (8 * X).astype(dtype), (8 * Y).astype(dtype)
    got, expected = solve(Tensor, x, y), solve(np.array, x, y)
    assert (got.value, got.xy.dtype) == (expected.value, expected.xy.dtype)
    same(got.gradient().x, expected.gradient().x)


def test_start_from_potentials_and_solutions_on_the_device():
    known = snb.entropic_ot(Tensor(X), Tensor(Y), blur=BLUR, solver=PRECISE)
    for init in (known, (known.f, known.g)):
        again = snb.entropic_ot(Tensor(X), Tensor(Y), blur=BLUR, solver=snb.Sinkhorn(init=init))
        assert again.history[0] <= 1e-6


def test_self_solutions_of_host_arrays_serve_on_the_device():
    known = solve(np.array, X, Y)
    got = snb.sinkhorn_divergence(
        Tensor(X), Tensor(Y), blur=BLUR, solver=PRECISE, self_x=known.xx, self_y=known.yy
    )
    assert got.value == known.value
    same(got.xx.f, known.xx.f)
    same(got.yy.g, known.yy.g)
    same(got.gradient().x, known.gradient().x)


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


def test_on_host():
    got, expected = solve(Tensor, X, X).on_host, solve(np.array, X, X)
    assert got.xx is got.xy and got.xy.home == HOST
    np.testing.assert_array_equal(got.xy.f, expected.xy.f)
    assert got.n_passes == expected.n_passes


def test_pictures():
    on_device, on_host = (plotting.descent(solve(place, X, Y)) for place in (Tensor, np.array))
    np.testing.assert_array_equal(on_device, on_host)


def test_results_are_pickled_without_the_library(monkeypatch):
    divergence = solve(Tensor, X, Y)
    f, gradient = divergence.xy.f, divergence.gradient()
    monkeypatch.setattr(
        Device, "__reduce__", lambda self: pytest.fail("a device array was pickled"), raising=False
    )
    again = pickle.loads(pickle.dumps(divergence))
    same(again.xy.f, f.numbers)
    # A copy computes its gradient from its three solutions, not together with other pairs
    np.testing.assert_allclose(again.gradient().x.numbers, gradient.x.numbers, atol=1e-15)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        RuntimeError, match=r"^results: expected .* torch on CUDA device 0.*; take .*\.on_host"
    ):
        _ = again.xy.f
    np.testing.assert_array_equal(again.on_host.xy.f, f.numbers)


def test_a_device_that_is_gone_is_a_clear_error():
    solution = snb.entropic_ot(JaxArray(X, 7), JaxArray(Y, 7), blur=BLUR)
    with pytest.raises(
        RuntimeError, match=r"^results: expected .* of jax on CUDA device 7, .* got KeyError"
    ):
        solution.map()
    assert Home("jax", 1).send(X).device == 1


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
