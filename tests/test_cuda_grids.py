"""Sums over grids on a GPU, or in numba's simulator, against a dense log-sum-exp.

See test_cuda_simulator.py.
"""

import numpy as np
import pytest
from gpus import SIMULATED
from test_grid_sweeps import ROUNDING, SPACING, dense, logarithms

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu.grid_lines import NOTHING
from sinkhorn_nb.backends.cpu.grids import Axis
from sinkhorn_nb.backends.cuda import grids
from sinkhorn_nb.terms import terms_of

SHAPES = [(5,), (4, 3), (2, 3, 4)] if SIMULATED else [(1000,), (200, 170), (40, 50, 60)]


def sweeps(shape, out, offsets, eps):
    axes = [Axis(*of_axis, eps) for of_axis in zip(shape, out, SPACING, offsets, strict=False)]
    return grids.CudaSweeps(axes)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blur", [0.5, 0.02, 0.002])
def test_sums_are_exact_at_every_blur(shape, blur):
    offsets = (0.0,) * len(shape)
    L = logarithms(shape, blur)
    found = sweeps(shape, shape, offsets, blur**2)(L)
    expected = dense(L, shape, offsets, blur**2)
    assert np.abs(found - expected).max() * np.log(2) <= ROUNDING


@pytest.mark.parametrize("most", [grids.MOST_A_LAUNCH, 0])
def test_outputs_may_be_another_grid_and_launches_several(most, monkeypatch):
    monkeypatch.setattr(grids, "MOST_A_LAUNCH", most)
    shape, out, offsets = SHAPES[1], (3, 5), (1.5, -2.25)
    L = logarithms(shape, 0.05)
    found = sweeps(shape, out, offsets, 0.05**2)(L)
    assert np.allclose(found, dense(L, out, offsets, 0.05**2), rtol=1e-13, atol=ROUNDING)


def test_a_line_without_mass_stays_without_mass():
    L = np.zeros((3, 4))
    L[1] = NOTHING
    axis = Axis(4, 4, 1.0, 0.0, 0.01)
    found = sweeps((3, 4), (3, 4), (0.0, 0.0), 1e-4)(L)
    assert np.isfinite(found).all()
    lines = grids.cuda.to_device(L)
    along = grids._along(axis, lines).copy_to_host().reshape(4, 3)
    assert (along[:, 1] == NOTHING).all()
    assert (along[:, [0, 2]] > -1).all()


def test_masses_of_barycenters_are_found_on_the_gpu():
    rng = np.random.default_rng(0)
    images = [snb.Grid(weights / weights.sum()) for weights in rng.uniform(0.5, 1, (2, 3))]
    on_cpu, on_gpu = (
        snb.sinkhorn_barycenter(images, blur=0.7, tol=9, solver=snb.Sinkhorn(backend=name))
        for name in ("cpu", "cuda")
    )
    np.testing.assert_allclose(on_gpu.weights, on_cpu.weights, rtol=1e-10)


def test_the_kernel_between_images_asks_the_gpu(monkeypatch):
    rng = np.random.default_rng(0)
    images = [snb.Grid(weights / weights.sum(), 0.3) for weights in rng.uniform(0.5, 1, (2, 4, 5))]
    problem = snb.Problem(*(image.on_grid for image in images), *terms_of(blur=0.4))
    g = rng.normal(size=20)
    on_cpu, on_gpu = (problem.kernel("float64", name) for name in ("cpu", "cuda"))
    launched = []
    along = grids._along
    monkeypatch.setattr(grids, "_along", lambda *each: launched.append(1) or along(*each))
    np.testing.assert_allclose(on_gpu.softmin(g), on_cpu.softmin(g), rtol=1e-11)
    assert len(launched) == 2
    np.testing.assert_allclose(
        on_gpu.mean_gradients(g, g), on_cpu.mean_gradients(g, g), rtol=1e-9, atol=1e-12
    )
