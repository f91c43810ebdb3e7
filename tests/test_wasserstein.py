"""Certified bounds of the unregularized transport cost, against SciPy's linear program."""

import warnings

import numpy as np
import pytest
from problems import cloud, weights
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import coo_array

import sinkhorn_nb as snb
from sinkhorn_nb import Problem, wasserstein_bounds
from sinkhorn_nb.costs import cost_of
from sinkhorn_nb.results.transport_bounds import lower_bound, upper_bound


def costs(x, y, p=2):
    return np.linalg.norm(x[:, None] - y, axis=2) ** p / p


def by_linear_program(C, a, b):
    n, m = C.shape
    i, j = np.indices((n, m)).reshape(2, -1)
    k = np.arange(n * m)
    ones = np.ones(2 * n * m)
    A = coo_array((ones, (np.concatenate([i, n + j]), np.concatenate([k, k])))).tocsr()
    return linprog(C.ravel(), A_eq=A, b_eq=np.concatenate([a, b])).fun


@pytest.mark.parametrize("p", [2, 1])
def test_the_linear_program_is_between_the_bounds(p):
    x, y, a, b = cloud(200, 2), cloud(180, 2, shift=0.3), weights(200), weights(180)
    bounds = wasserstein_bounds(x, y, a, b, p=p)
    assert bounds.lower <= by_linear_program(costs(x, y, p), a, b) <= bounds.upper
    assert bounds.gap <= 1e-3 * bounds.upper
    assert bounds.converged
    assert bounds.value == (bounds.lower + bounds.upper) / 2


@pytest.mark.parametrize("d", [2, 10])
def test_a_smaller_tolerance_encloses_the_best_assignment_more_tightly(d):
    x, y = cloud(150, d), cloud(150, d, shift=0.3)
    C = costs(x, y)
    exact = C[linear_sum_assignment(C)].mean()
    for rtol in (1e-2, 1e-5):
        bounds = wasserstein_bounds(x, y, rtol=rtol)
        assert bounds.lower <= exact <= bounds.upper
        assert bounds.gap <= rtol * bounds.upper


@pytest.mark.parametrize("p", [2, 1])
def test_poor_potentials_have_bounds_too(p):
    """Of potentials that solve nothing the plan lacks mass, which is added; the lower bound is that
    of both potentials, improved one after the other.
    """
    x, y = cloud(12, 2), cloud(12, 2, shift=0.3)
    C = costs(x, y, p)
    exact = C[linear_sum_assignment(C)].mean()
    cost = cost_of(p)
    problem = Problem(snb.Measure.of(x), snb.Measure.of(y), cost.eps(0.3), cost)
    rows, columns = problem.source.partition.order, problem.target.partition.order
    C = C[np.ix_(rows, columns)]
    f, g = np.random.default_rng(0).normal(size=(2, 12))

    low = lower_bound(problem, g, "cpu")
    once = (C - g).min(axis=1)
    twice = (C - once[:, None]).min(axis=0)
    assert low == pytest.approx(once.mean() + twice.mean(), rel=1e-2)
    assert once.mean() + g.mean() < low <= exact
    assert exact <= upper_bound(problem, f, g, "cpu") <= C.max()


def test_masses_scale_the_bounds_and_points_without_mass_change_nothing():
    x, y, a, b = cloud(100, 2), cloud(100, 2, shift=0.3), weights(100, zeros=3), weights(100)
    one = wasserstein_bounds(x, y, a, b)
    five = wasserstein_bounds(x[3:], y, 5 * a[3:], 5 * b)
    assert five.lower == pytest.approx(5 * one.lower, rel=1e-3)
    assert five.upper == pytest.approx(5 * one.upper, rel=1e-3)


def test_equal_measures_have_bounds_of_zero():
    x = cloud(50, 2)
    for bounds in (wasserstein_bounds(x, x[::-1]), wasserstein_bounds(x[:1], x[:1])):
        assert (bounds.lower, bounds.upper, bounds.gap) == (0.0, 0.0, 0.0)
        assert bounds.converged


def test_single_points_have_the_cost_between_them():
    bounds = wasserstein_bounds([[0.0, 0.0]], [[3.0, 4.0]])
    assert bounds.lower <= 12.5 <= bounds.upper
    assert bounds.gap < 1e-6


def test_exchanged_measures_have_the_same_bounds():
    x, y = cloud(100, 2), cloud(120, 2, shift=0.3)
    one, other = wasserstein_bounds(x, y), wasserstein_bounds(y, x)
    assert other.value == pytest.approx(one.value, rel=1e-3)


def test_bounds_that_do_not_meet_are_reported_and_still_valid():
    x, y = cloud(100, 2), cloud(100, 2, shift=0.3)
    C = costs(x, y)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        bounds = wasserstein_bounds(x, y, rtol=1e-15)
    assert [w.category for w in record] == [snb.ConvergenceWarning]
    assert "use a larger rtol" in str(record[0].message)
    assert not bounds.converged
    assert bounds.lower <= C[linear_sum_assignment(C)].mean() <= bounds.upper
    assert bounds.gap < 1e-4 * bounds.upper


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((cloud(5, 2), cloud(5, 3)), {}, "y: expected"),
        ((cloud(5, 2), cloud(5, 2)), {"rtol": 0.0}, "rtol: expected"),
        ((cloud(5, 2), cloud(5, 2)), {"p": 0.5}, "p: expected"),
        ((1e200 * cloud(5, 2), cloud(5, 2)), {}, "diameter of x and y: .* rescale the points"),
        ((1e-155 * cloud(5, 2), np.zeros((5, 2))), {}, "diameter of x and y: .* rescale the po"),
        ((cloud(5, 2), cloud(5, 2), np.ones(5), np.full(5, 2.0)), {}, "b: expected"),
    ],
)
def test_bad_arguments_are_named(arguments, options, text):
    with pytest.raises((TypeError, ValueError), match=text):
        wasserstein_bounds(*arguments, **options)


def test_a_line_shows_the_bounds():
    bounds = wasserstein_bounds(cloud(40, 2), cloud(40, 2, shift=0.3))
    assert repr(bounds).startswith("WassersteinBounds(lower=")
