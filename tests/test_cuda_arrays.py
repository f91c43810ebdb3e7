"""Arrays of the libraries of a GPU go in and come out, on the GPU or in numba's simulator."""

import numpy as np
import pytest
from gpus import SIMULATED, arrays
from numba import cuda as numba_cuda
from pairs import RTOL

import sinkhorn_nb as snb

LIBRARIES = ["numba"] if SIMULATED else ["numba", "torch", "cupy", "jax"]


class Numba:
    @staticmethod
    def asarray(host):
        return numba_cuda.to_device(np.ascontiguousarray(host))

    @staticmethod
    def host(array):
        return array.copy_to_host()


class Torch:
    @staticmethod
    def asarray(host):
        return pytest.importorskip("torch").asarray(host, device="cuda")

    @staticmethod
    def host(array):
        return array.cpu().numpy()


class Cupy:
    @staticmethod
    def asarray(host):
        return pytest.importorskip("cupy").asarray(host)

    @staticmethod
    def host(array):
        return array.get()


class Jax:
    @staticmethod
    def asarray(host):
        jax = pytest.importorskip("jax")
        jax.config.update("jax_enable_x64", True)
        return jax.device_put(host, jax.devices("gpu")[0])

    @staticmethod
    def host(array):
        return np.asarray(array)


KINDS = {"numba": Numba, "torch": Torch, "cupy": Cupy, "jax": Jax}


def check_gradient(kind, on_device, on_host):
    assert on_device.value == on_host.value
    known = kind.asarray(np.zeros(1))
    for got, expected in zip(on_device.gradient(), on_host.gradient(), strict=True):
        assert type(got) is type(known)
        np.testing.assert_array_equal(kind.host(got), expected)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("library", LIBRARIES)
def test_divergence_of_device_arrays_is_that_of_host_arrays(library, dtype):
    kind, (x, y, *weights) = KINDS[library], arrays()
    inputs = x.astype(dtype), y.astype(dtype), *weights
    check_gradient(
        kind,
        snb.sinkhorn_divergence(*map(kind.asarray, inputs), blur=0.5),
        snb.sinkhorn_divergence(*inputs, blur=0.5),
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_device_arrays_that_are_not_contiguous(library):
    kind, (x, y, _, _) = KINDS[library], arrays()
    wide = np.full((2 * len(x), x.shape[1] + 3), np.nan)
    wide[::2, 1:-2] = x
    every_other = kind.asarray(wide)[::2, 1:-2]
    check_gradient(
        kind,
        snb.sinkhorn_divergence(every_other, kind.asarray(y.T).T, blur=0.5),
        snb.sinkhorn_divergence(x, y, blur=0.5),
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_device_arrays_as_arguments_of_a_solution(library):
    kind, (x, y, _, _) = KINDS[library], arrays()
    on_device = snb.entropic_ot(kind.asarray(x), kind.asarray(y), blur=0.5)
    on_host = snb.entropic_ot(x, y, blur=0.5)
    asked = [
        lambda s, put: s.f,
        lambda s, put: s.map(put(x + 1)),
        lambda s, put: s.plan @ put(y),
        lambda s, put: s.pullback(map=put(x)).y,
        lambda s, put: s.hessian_vector_product(dx=put(x)).x,
    ]
    for question in asked:
        np.testing.assert_array_equal(
            kind.host(question(on_device, kind.asarray)), question(on_host, np.asarray)
        )


@pytest.mark.parametrize("library", LIBRARIES)
def test_mixed_device_and_host_arrays(library):
    kind, (x, y, a, b) = KINDS[library], arrays()
    with pytest.raises(
        TypeError, match=r"y: expected an array of .* on CUDA device 0, like x, got one on the host"
    ):
        snb.sinkhorn_divergence(kind.asarray(x), y, blur=0.5)
    with pytest.raises(
        TypeError, match=r"a: expected an array on the host, like x, got one of .* on CUDA device 0"
    ):
        snb.sinkhorn_divergence(x, y, kind.asarray(a), b, blur=0.5)
    assert snb.sinkhorn_divergence(x, y, a, b, blur=0.5).converged
    assert snb.sinkhorn_divergence(*map(kind.asarray, (x, y, a, b)), blur=0.5).converged


def test_device_arrays_computed_on_the_device():
    x, y, a, b = map(Numba.asarray, arrays())
    solution = snb.entropic_ot(x, y, a, b, blur=0.5, solver=snb.Sinkhorn(backend="cuda"))
    np.testing.assert_allclose(Numba.host(solution.f), solution.on_host.f)
    assert solution.converged
