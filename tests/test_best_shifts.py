"""The reduced problem of a two-level step, max over t of <masses, t> - <weights, log(e^t sums)>,
against scipy.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from sinkhorn_nb.backends.cluster_sums import HostClusterSums
from sinkhorn_nb.solver import twolevel
from sinkhorn_nb.solver.twolevel import LARGEST_SHIFT, Exchange

ROUNDING = {"float32": 1e-5, "float64": 1e-11}  # of a gradient in l1, of a value


def reduced_dual(t, sums, weights, masses):
    carriers = weights > 0
    return masses @ t - weights[carriers] @ np.log(np.exp(t) @ sums[:, carriers].astype(np.float64))


def best_shifts(sums, weights, masses, tol):
    exchange = Exchange(HostClusterSums(sums), weights, (0.0, 0.0), 0.0, masses)
    return twolevel.best_shifts(exchange, tol)


def reduced_gradient(t, sums, weights, masses):
    carriers = weights > 0
    shares = np.exp(t)[:, None] * sums[:, carriers].astype(np.float64)
    return masses - shares / shares.sum(axis=0) @ weights[carriers]


def by_scipy(*reduced):
    """The largest value found from 0."""
    found = minimize(
        lambda t: -reduced_dual(t, *reduced),
        np.zeros(len(reduced[-1])),
        jac=lambda t: -reduced_gradient(t, *reduced),
        method="BFGS",
        options={"gtol": 1e-9, "maxiter": 2000},
    )
    return -found.fun


def reduced_problem(n_clusters, n_points, spread, empty_points=0, empty_clusters=0):
    """Positive sums e^(spread * normal); points and clusters without mass, whose sums are 0."""
    rng = np.random.default_rng([n_clusters, n_points])
    sums = np.exp(spread * rng.normal(size=(n_clusters, n_points)))
    weights, masses = rng.uniform(0.1, 1.0, n_points), rng.uniform(0.1, 1.0, n_clusters)
    weights[:empty_points], masses[:empty_clusters], sums[:empty_clusters] = 0, 0, 0
    return sums, weights / weights.sum(), masses / masses.sum()


REDUCED = {
    "few clusters": reduced_problem(5, 60, 1.0),
    "many clusters": reduced_problem(40, 60, 1.0),
    "one cluster": reduced_problem(1, 30, 1.0),
    "one point": reduced_problem(1, 1, 1.0),
    "wide range": reduced_problem(12, 50, 6.0),
    "points without weight": reduced_problem(8, 50, 2.0, empty_points=20),
    "clusters without mass": reduced_problem(8, 50, 2.0, empty_clusters=3),
    "more clusters than points": reduced_problem(30, 7, 1.0),
    "points in groups": reduced_problem(6, 20_003, 1.0),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", REDUCED)
def test_best_shifts_solve_the_reduced_problem(case, dtype):
    sums, weights, masses = REDUCED[case]
    reduced = sums.astype(dtype), weights, masses
    t, log_sums = best_shifts(*reduced, tol=ROUNDING[dtype])
    assert reduced_dual(t, *reduced) == pytest.approx(by_scipy(*reduced), abs=ROUNDING[dtype])
    assert np.abs(reduced_gradient(t, *reduced)).sum() <= 2 * ROUNDING[dtype]
    assert log_sums.dtype == t.dtype == np.float64
    np.testing.assert_allclose(log_sums, np.log(np.exp(t) @ sums), atol=ROUNDING[dtype])


def test_best_shifts_stop_at_the_tolerance():
    sums, weights, masses = REDUCED["wide range"]
    gradients = [
        np.abs(
            reduced_gradient(best_shifts(sums, weights, masses, tol)[0], sums, weights, masses)
        ).sum()
        for tol in (10.0, 0.1, 1e-6)
    ]
    np.testing.assert_array_equal(best_shifts(sums, weights, masses, 10.0)[0], 0)
    assert gradients[2] <= 1e-6 < gradients[1] <= 0.1 < gradients[0]


def blocks(masses):
    """Two pairs of clusters that share no point: any shift between the pairs is as good as any
    other.
    """
    sums = np.zeros((4, 20))
    sums[:2, :10], sums[2:, 10:] = np.random.default_rng(0).uniform(0.1, 1.0, (2, 2, 10))
    return sums, np.full(20, 1 / 20), np.array(masses)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_separated_blocks(dtype):
    """A singular Hessian."""
    sums, weights, masses = blocks([0.1, 0.4, 0.3, 0.2])
    reduced = sums.astype(dtype), weights, masses
    t, _ = best_shifts(*reduced, tol=ROUNDING[dtype])
    assert np.abs(t).max() < 10
    assert np.abs(reduced_gradient(t, *reduced)).sum() <= 2 * ROUNDING[dtype]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_separated_blocks_of_other_masses(dtype):
    """No maximum: the shifts stay within bounds, and do no harm."""
    sums, weights, masses = blocks([0.2, 0.5, 0.1, 0.2])
    reduced = sums.astype(dtype), weights, masses
    t, log_sums = best_shifts(*reduced, tol=1e-6)
    assert np.abs(t).max() <= LARGEST_SHIFT
    assert np.isfinite(log_sums).all()
    assert reduced_dual(t, *reduced) >= reduced_dual(np.zeros(4), *reduced)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 20),
    st.integers(1, 40),
    st.floats(0, 15),
    st.booleans(),
)
def test_shifts_never_lower_the_reduced_dual(seed, n_clusters, n_points, spread, is_single):
    rng, dtype = np.random.default_rng(seed), "float32" if is_single else "float64"
    sums = np.exp(spread * rng.normal(size=(n_clusters, n_points))).astype(dtype)
    weights, masses = rng.dirichlet(np.full(n_points, 0.3)), rng.dirichlet(np.full(n_clusters, 0.3))
    t, _ = best_shifts(sums, weights, masses, tol=1e-9)
    start = reduced_dual(np.zeros(n_clusters), sums, weights, masses)
    assert reduced_dual(t, sums, weights, masses) >= start - ROUNDING[dtype] * (1 + abs(start))
