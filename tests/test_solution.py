"""Every attribute of a Solution against the dense oracle."""

import dataclasses
import pickle

import numpy as np
import pytest
from oracle import Dense, softmin
from problems import PRECISE, cloud, example

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot
from sinkhorn_nb.kernels.point_cloud import GibbsKernel

BLUR = 0.5
CASES = {
    "uniform": {},
    "mass 3": {"mass": 3.0},
    "zero weights": {"zeros": 3},
    "d=30": {"d": 30},
    "d=1, mass 1/4": {"d": 1, "mass": 0.25},
    "few against many": {"n": 2, "m": 40},
}


@pytest.fixture(scope="module", params=CASES)
def solved(request):
    args = example(**CASES[request.param])
    return entropic_ot(*args, blur=BLUR, solver=PRECISE), Dense.of(*args, blur=BLUR)


def centered(potential, weights):
    """Free of the constant that f and g can exchange."""
    return potential - weights @ potential / weights.sum()


def recomputed_error(solution):
    """The marginal error as its definition says, dense."""
    problem = solution.problem
    dense = Dense.of(
        problem.source.points,
        problem.target.points,
        problem.source.weights,
        problem.target.weights,
        blur=problem.blur,
    )
    return dense.error(solution.f, solution.g)


def test_potentials(solved):
    solution, dense = solved
    f, g = dense.potentials
    np.testing.assert_allclose(centered(solution.f, dense.a), centered(f, dense.a), atol=1e-8)
    np.testing.assert_allclose(centered(solution.g, dense.b), centered(g, dense.b), atol=1e-8)
    assert dense.a @ solution.f + dense.b @ solution.g == pytest.approx(
        dense.a @ f + dense.b @ g, abs=1e-8
    )


def test_value(solved):
    solution, dense = solved
    assert solution.value == pytest.approx(dense.value, rel=1e-9)
    assert solution.value == pytest.approx(dense.primal, rel=1e-9)


@pytest.mark.filterwarnings("ignore::sinkhorn_nb.ConvergenceWarning")
@pytest.mark.parametrize("acceleration", ["auto", "none", "symmetric"])
@pytest.mark.parametrize("max_iter", [1, 2, 3, 5, 8, 13, 40])
def test_value_bounds_the_optimum_from_below(acceleration, max_iter):
    args = example(mass=3.0, zeros=2)
    solver = Sinkhorn(tol=1e-9, max_iter=max_iter, acceleration=acceleration)
    solution = entropic_ot(*args, blur=0.2, solver=solver)
    assert solution.value <= Dense.of(*args, blur=0.2).value + 1e-12


def test_transport_cost(solved):
    solution, dense = solved
    assert solution.transport_cost == pytest.approx((dense.plan * dense.C).sum(), rel=1e-8)


def test_maps(solved):
    solution, dense = solved
    rows = dense.plan / np.where(dense.a > 0, dense.a, 1)[:, None]
    columns = dense.plan.T / np.where(dense.b > 0, dense.b, 1)[:, None]
    np.testing.assert_allclose(
        solution.map()[dense.a > 0], (rows @ dense.y)[dense.a > 0], atol=1e-8
    )
    np.testing.assert_allclose(
        solution.map_back()[dense.b > 0], (columns @ dense.x)[dense.b > 0], atol=1e-8
    )
    np.testing.assert_allclose(solution.map(), solution.map(dense.x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        solution.map_back(), solution.map_back(dense.y), rtol=1e-12, atol=1e-12
    )


def test_map_of_the_data_is_one_pass(solved, monkeypatch):
    """Rows without mass alone are read twice, as new points are."""
    solution, dense = solved
    kernels, make = [], GibbsKernel.__init__
    monkeypatch.setattr(
        GibbsKernel, "__init__", lambda self, *args: make(self, *args) or kernels.append(self)
    )
    solution.map()
    pairs = [(len(kernel._x.points) * len(kernel._y.points), kernel.n_passes) for kernel in kernels]
    carried, inert = (
        (dense.a > 0).sum() * (dense.b > 0).sum(),
        (dense.a == 0).sum() * (dense.b > 0).sum(),
    )
    assert pairs == [(carried, 1.0), (inert, 2.0)][: 2 if inert else 1]


def test_extended_potentials(solved):
    solution, dense = solved
    new = cloud(17, dense.x.shape[1], shift=0.2)
    C = Dense.of(new, dense.y, blur=BLUR).C
    np.testing.assert_allclose(
        solution.potential(new), softmin(dense.eps, C, solution.g, dense.b), atol=1e-10
    )
    C = Dense.of(new, dense.x, blur=BLUR).C
    np.testing.assert_allclose(
        solution.potential_back(new), softmin(dense.eps, C, solution.f, dense.a), atol=1e-10
    )


def test_potentials_are_their_own_extensions(solved):
    solution, dense = solved
    np.testing.assert_allclose(
        solution.potential(dense.x)[dense.a > 0], solution.f[dense.a > 0], atol=1e-9
    )
    np.testing.assert_allclose(
        solution.potential_back(dense.y)[dense.b > 0], solution.g[dense.b > 0], atol=1e-9
    )


def test_gradient(solved):
    solution, dense = solved
    gradient = solution.gradient()
    np.testing.assert_allclose(gradient.x, dense.gradient_x, atol=1e-8)
    transposed = Dense.of(dense.y, dense.x, dense.b, dense.a, blur=BLUR)
    np.testing.assert_allclose(gradient.y, transposed.gradient_x, atol=1e-8)
    f, g = dense.potentials
    np.testing.assert_allclose(centered(gradient.a, dense.a), centered(f, dense.a), atol=1e-8)
    np.testing.assert_allclose(centered(gradient.b, dense.b), centered(g, dense.b), atol=1e-8)


def test_transpose(solved):
    solution, _ = solved
    assert solution.T.value == solution.value
    np.testing.assert_array_equal(solution.T.map(), solution.map_back())
    np.testing.assert_array_equal(solution.T.f, solution.g)


@pytest.mark.parametrize("factor", [10.0, 1e3, 1e6])
def test_far_queries(factor):
    """However far: finite and in the convex hull; the potential grows as the distance to the hull."""
    x, y, a, b = example()
    solution = entropic_ot(x, y, a, b, blur=0.3)
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    diameter = solution.problem.diameter
    mapped = solution.map(factor * diameter * directions)
    support = (directions @ y.T).max(axis=1)  # of the hull, in 16 directions
    assert (mapped @ directions.T <= support + 1e-9 * diameter).all()
    potential = solution.potential(factor * diameter * directions)
    np.testing.assert_allclose(potential, (factor * diameter) ** 2 / 2, rtol=4 / factor)


SOLVERS = {
    "coarse": (Sinkhorn(tol=0.05), "float64"),
    "default": (Sinkhorn(), "float64"),
    "fine": (Sinkhorn(tol=1e-9, max_iter=10_000), "float64"),
    "float32": (Sinkhorn(), "float32"),
    "float32 asked for": (Sinkhorn(tol=1e-4, dtype="float32"), "float64"),
    "float64 asked for": (Sinkhorn(tol=1e-9, max_iter=10_000, dtype="float64"), "float32"),
}


@pytest.mark.parametrize("case", SOLVERS)
@pytest.mark.parametrize("blur", [0.15, 0.5, 5.0])
def test_marginal_error_is_the_true_one(case, blur):
    solver, dtype = SOLVERS[case]
    x, y, a, b = example(mass=3.0, zeros=2)
    solution = entropic_ot(x.astype(dtype), y.astype(dtype), a, b, blur=blur, solver=solver)
    true = recomputed_error(solution)
    assert solution.marginal_error == pytest.approx(
        true, rel=1e-4, abs=2e-5 if solution.dtype == "float32" else 1e-13
    )
    assert solution.converged
    assert solution.marginal_error <= solver.tol
    assert solution.status is snb.Status.CONVERGED


@pytest.mark.parametrize("acceleration", ["none", "symmetric"])
@pytest.mark.parametrize("max_iter", [1, 4, 30])
def test_not_converged_says_so(max_iter, acceleration):
    args = example()
    solver = Sinkhorn(tol=1e-10, max_iter=max_iter, acceleration=acceleration)
    with pytest.warns(snb.ConvergenceWarning):
        solution = entropic_ot(*args, blur=0.1, solver=solver)
    assert not solution.converged
    assert solution.status is snb.Status.MAX_ITER
    assert solution.n_iter <= max_iter
    assert solution.marginal_error == pytest.approx(recomputed_error(solution), rel=1e-9)
    assert solution.marginal_error > 1e-10


def test_history():
    solution = entropic_ot(*example(), blur=BLUR, solver=PRECISE)
    assert solution.history.shape == (solution.n_iter,)
    assert solution.history[-1] == solution.marginal_error <= PRECISE.tol
    assert (solution.history[:-1] > 0).all()
    assert solution.history[0] > 1e3 * solution.history[-1]


def test_passes_of_self_problems_are_half_passes():
    x, _, a, _ = example()
    solution = entropic_ot(x, x, a, a, blur=BLUR)
    np.testing.assert_array_equal(solution.f, solution.g)
    assert solution.n_passes == pytest.approx(solution.n_iter / 2 + 1)  # one forms the kernel
    assert solution.value == pytest.approx(Dense.of(x, x, a, a, blur=BLUR).value, abs=1e-5)


def test_pickle(solved):
    solution, _ = solved
    copy = pickle.loads(pickle.dumps(solution))
    np.testing.assert_array_equal(copy.f, solution.f)
    np.testing.assert_array_equal(copy.map(), solution.map())
    assert copy.value == solution.value
    assert copy.status is solution.status
    assert copy.converged


def test_frozen(solved):
    solution, _ = solved
    for name in ("f", "status", "problem", "value"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(solution, name, 0)


@pytest.mark.slow
def test_float32_points_are_solved_to_the_tolerance_whatever_the_blur():
    """float32 pairs only where their rounding leaves room."""
    x, y, a, b = example(1100, 1000)  # smaller problems are solved in float64
    x, y = x.astype("float32"), y.astype("float32")
    coarse = entropic_ot(x, y, a, b, blur=BLUR)
    fine = entropic_ot(x, y, a, b, blur=BLUR, solver=PRECISE)
    assert (coarse.dtype, fine.dtype) == ("float32", "float64")
    expected = Dense.of(x, y, a, b, blur=BLUR).value
    assert fine.value == pytest.approx(expected, rel=1e-9)
    assert coarse.value == pytest.approx(expected, rel=1e-5)
