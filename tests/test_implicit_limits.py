"""Implicit derivatives of odd problems are finite, linear systems without a solution say so, and the
work and the memory are bounded.
"""

import tracemalloc
import warnings

import numpy as np
import pytest
from problems import cloud, example, uniform

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence
from sinkhorn_nb.gradients import linear_system

pytestmark = pytest.mark.usefixtures("few_clusters")
EXACT = Sinkhorn(tol=1e-13, max_iter=20_000)


def many_at_one_point():
    return cloud(1, 2), cloud(30, 2), None, None


def repeated():
    return (
        np.repeat(cloud(5, 2), 6, axis=0),
        np.repeat(cloud(4, 2, shift=0.5), 3, axis=0),
        None,
        None,
    )


def itself():
    return cloud(20, 2), cloud(20, 2), None, None


def wide():
    return example(d=50)


def nearly_all_inert():
    return example(zeros=22)


@pytest.mark.filterwarnings("ignore:the linear system:sinkhorn_nb.ConvergenceWarning")
@pytest.mark.parametrize("problem", [many_at_one_point, repeated, itself, wide, nearly_all_inert])
@pytest.mark.parametrize("blur", [0.5, 5.0, 1e-2])
def test_odd_problems_have_finite_derivatives(problem, blur):
    solution = entropic_ot(*problem(), blur=blur, solver=Sinkhorn(max_iter=300))
    (n, d), m = solution.problem.source.points.shape, len(solution.g)
    gradient = solution.pullback(np.ones(n), np.ones(m), np.ones((n, d)), (np.ones(n), np.ones(m)))
    product = solution.hessian_vector_product(np.ones((n, d)), np.ones((m, d)))
    tangents = solution.pushforward(np.ones((n, d)), np.ones((m, d)))
    for array in (*gradient, *product, *tangents):
        assert np.isfinite(array).all()
    np.testing.assert_allclose(tangents.f, 0, atol=1e-7)
    np.testing.assert_allclose(product.x, 0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:stopped:sinkhorn_nb.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:the linear system:sinkhorn_nb.ConvergenceWarning")
@pytest.mark.parametrize("init", ["zeros", "auto"])
@pytest.mark.parametrize("blur", [0.02, 0.0003])
def test_solutions_far_from_convergence_have_finite_derivatives(init, blur):
    solution = entropic_ot(
        *example(), blur=blur, solver=Sinkhorn(max_iter=1, acceleration="none", init=init)
    )
    gradient = solution.pullback(f=np.ones(23), map=np.ones((23, 2)))
    assert all(np.isfinite(part).all() for part in gradient)
    assert gradient.linear_solve.n_passes < 200


def apart(gap=20.0):
    """Two groups that exchange no mass."""
    x = np.random.default_rng(0).normal(size=(40, 2))
    x[20:, 0] += gap
    return x, x + 0.1


def test_a_linear_system_that_cannot_be_solved_says_so():
    solution = entropic_ot(*apart(), blur=0.5)
    halves = np.repeat([1.0, -1.0], 20)
    with pytest.warns(snb.ConvergenceWarning, match="larger blur") as caught:
        gradient = solution.pullback(f=halves)
    assert [warning.filename for warning in caught] == [__file__]
    assert not gradient.linear_solve.converged
    assert gradient.linear_solve.tol < gradient.linear_solve.residual <= 1.0
    assert np.abs(gradient.x).max() < 1.0
    with pytest.warns(snb.ConvergenceWarning, match="larger blur") as caught:
        solution.pushforward(a=halves / 40)
    assert [warning.filename for warning in caught] == [__file__]


def test_points_that_exchange_nothing_at_all():
    """The matrix of the linear system is zero."""
    x = np.array([[0.0], [1000.0]])
    with pytest.warns(snb.ConvergenceWarning, match="larger blur"):
        gradient = entropic_ot(x, x, blur=0.5).pullback(f=[1.0, -1.0])
    np.testing.assert_allclose(gradient.x, 0, atol=1e-12)


def test_groups_apart_are_solved_each_on_its_own():
    """Cotangents that ask for no exchange between them."""
    solution = entropic_ot(*apart(), blur=0.5, solver=EXACT)
    x, y = apart()
    f = np.random.default_rng(1).normal(size=40)
    for group in (slice(20), slice(20, 40)):
        f[group] -= f[group].mean()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient = solution.pullback(f=f, tol=1e-9)
        alone = entropic_ot(x[:20], y[:20], blur=0.5, solver=EXACT).pullback(f=f[:20], tol=1e-9)
    np.testing.assert_allclose(gradient.x[:20], alone.x, rtol=0, atol=1e-6 * np.abs(alone.x).max())


def test_linear_systems_of_the_divergence_warn_once():
    divergence = sinkhorn_divergence(*apart(60.0), blur=0.5, solver=Sinkhorn(max_iter=50))
    x, y = apart(60.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        product = divergence.hessian_vector_product(np.ones_like(x), np.zeros_like(y), tol=1e-300)
    assert len(caught) == (not product.linear_solve.converged)
    assert all(np.isfinite(part).all() for part in product)


def test_passes(monkeypatch):
    monkeypatch.setattr(linear_system, "CLUSTERS", (64, 64))
    solution = entropic_ot(*uniform(1500), blur=0.05 * np.sqrt(2))
    f = np.random.default_rng(0).normal(size=1500)
    deflated = solution.pullback(f=f).linear_solve
    assert deflated.n_passes == 4 + 2 * deflated.n_iter <= 12
    assert solution.pullback(map=np.ones((1500, 2))).linear_solve.n_passes <= 14
    monkeypatch.setattr(linear_system, "CLUSTERS", (1, 1))
    assert solution.pullback(f=f).linear_solve.n_passes > 2 * deflated.n_passes


def test_memory_is_linear():
    n = 3000
    solution = entropic_ot(*uniform(n), blur=0.2)
    U = np.ones((n, 3))
    tracemalloc.start()
    solution.pullback(U[:, 0], U[:, 0], U[:, :2], (U, U))
    solution.hessian_vector_product(U[:, :2])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * n * n / 8
