"""Small inputs on which the library was once wrong in silence: the right values, from the
definitions.
"""

import warnings

import numpy as np
import pytest
from oracle import Dense, exact_cost
from problems import example

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence, sinkhorn_divergences
from sinkhorn_nb.kernels.pairs import PairKernel

pytestmark = pytest.mark.slow

LINE = [[0.0], [1.0], [3.0]], [[0.5], [2.0], [4.0]]


def quietly(function, *arguments, **settings):
    """A result of few iterations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", snb.ConvergenceWarning)
        return function(*arguments, **settings)


def true_error(solution, x, y, a, b):
    """The marginal error at the potentials, from a dense plan in float64."""
    dense = Dense.of(x, y, a, b, blur=solution.problem.blur)
    return dense.error(solution.f, solution.g)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("least", [1e-12, 1e-24, 1e-100, 1e-300])
def test_tiny_weights_are_as_exact_as_others(least, dtype):
    x, w = np.array([[0], [12]], dtype), np.array([1, least])
    solution = entropic_ot(x, x + dtype(0.1), w, w, blur=1.0)
    assert solution.converged
    assert true_error(solution, x, x + dtype(0.1), w, w) <= 1e-3
    assert np.abs(solution.f).max() <= 12.1**2 / 2  # the largest cost
    assert solution.plan.sum() == pytest.approx(1, rel=1e-4)
    assert solution.transport_cost == pytest.approx(0.005, rel=1e-5)
    assert np.isfinite(solution.gap) and np.isfinite(np.concatenate(solution.gradient()[:2])).all()


def test_a_batch_returns_iterates_that_it_measured():
    solver = Sinkhorn(max_iter=1)
    divergence = quietly(
        sinkhorn_divergences, [[[0.0], [1.0]]], [[[0.0], [3.0]]], blur=50.0, solver=solver
    )[0]
    assert divergence.value == pytest.approx(0.50040, rel=1e-5)
    for solution in (divergence.xy, divergence.xx, divergence.yy):
        x, y = solution.problem.source.points, solution.problem.target.points
        assert true_error(solution, x, y, None, None) == pytest.approx(
            solution.marginal_error, abs=1e-12
        )


@pytest.mark.parametrize("max_iter", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("acceleration", ["auto", "none", "symmetric"])
@pytest.mark.parametrize("dtype", [None, "float32"])
def test_errors_are_those_of_the_potentials_returned(max_iter, acceleration, dtype):
    x, y, a, b = example()
    solver = Sinkhorn(max_iter=max_iter, acceleration=acceleration, dtype=dtype, tol=1e-9)
    both = quietly(sinkhorn_divergence, x, y, a, b, blur=0.1, solver=solver)
    many = quietly(sinkhorn_divergences, [x], [y], [a], [b], blur=0.1, solver=solver)[0]
    for solution in (both.xy, both.xx, many.xy, many.xx):
        other = (y, b) if solution in (both.xy, many.xy) else (x, a)
        error = true_error(solution, x, other[0], a, other[1])
        assert error == pytest.approx(
            solution.marginal_error, rel=1e-4, abs=1e-5 if dtype else 1e-10
        )


def test_a_weight_of_zero_gives_zeros_however_far_its_point_is():
    plan = entropic_ot([[0.0], [10.0]], [[0.0], [10.0]], [1, 0], [1, 0], blur=0.1).plan
    np.testing.assert_array_equal(plan.toarray(), [[1, 0], [0, 0]])
    np.testing.assert_array_equal(plan.row(1), [0, 0])


@pytest.mark.parametrize("blur", [1e-5, 1e-4, 1e-3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gap_is_a_bound_in_every_precision(blur, dtype):
    x, y, a, b = example(12, 9)
    x, y = x.astype(np.float32), y.astype(np.float32)
    solution = quietly(
        entropic_ot, x, y, a, b, blur=blur, solver=Sinkhorn(dtype=dtype, max_iter=50)
    )
    # Of OT_eps, which is above it by eps log(n m) at most
    least = exact_cost(x.astype(float), y.astype(float), a, b)
    assert solution.value + solution.gap >= least - 1e-12
    assert solution.value - solution.gap <= least + blur**2 * np.log(12 * 9 / min(a.min(), b.min()))


@pytest.mark.parametrize("acceleration", ["auto", "none", "symmetric"])
def test_both_orders_of_the_arguments_give_the_same_bits(acceleration):
    solver = Sinkhorn(acceleration=acceleration)
    one, other = (
        sinkhorn_divergence(*pair, blur=0.3, solver=solver) for pair in (LINE, LINE[::-1])
    )
    assert (one.value, one.n_iter) == (other.value, other.n_iter)


@pytest.mark.parametrize("init", ["auto", "zeros"])
@pytest.mark.parametrize("blur", [0.01, 1e-4])
def test_gradients_of_unconverged_solves_are_differences_of_points(init, blur):
    solver = Sinkhorn(max_iter=1, init=init)
    gradient = quietly(
        sinkhorn_divergence, [[0.0], [1.0]], [[10.0], [30.0]], blur=blur, solver=solver
    ).gradient()
    assert (np.abs(gradient.x) <= 0.5 * 31).all() and (np.abs(gradient.y) <= 0.5 * 31).all()
    assert np.isfinite(gradient.a).all() and np.isfinite(gradient.b).all()


@pytest.mark.parametrize("mass", [1e-12, 3.0, 1e12])
def test_values_and_gradients_scale_with_the_mass_to_the_last_digits(mass):
    x, y, a, b = example()
    one = sinkhorn_divergence(x, y, a, b, blur=1.0)
    other = sinkhorn_divergence(x, y, mass * a, mass * b, blur=1.0)
    assert other.value == pytest.approx(mass * one.value, rel=1e-12)
    for part, same, scale in zip(other.gradient(), one.gradient(), (mass, mass, 1, 1), strict=True):
        np.testing.assert_allclose(
            part, scale * same, rtol=1e-11, atol=1e-12 * scale * np.abs(same).max()
        )


def test_a_gap_that_rounding_keeps_above_the_tolerance_ends_the_solve(monkeypatch):
    monkeypatch.setattr(PairKernel, "lists_heavy_pairs", False)  # sparse steps would solve it
    x, y = 100 * np.random.default_rng(0).normal(size=(2, 50, 2)).astype(np.float32)
    solver = Sinkhorn(certify=True, dtype="float32", tol=1e-6)
    solution = quietly(entropic_ot, x, y, blur=0.5, solver=solver)
    assert solution.status is snb.Status.ROUNDING
    assert (
        "rounding keeps the marginal error above tol" in solution.message
        and "dtype=None" in solution.message
    )
    assert solution.n_iter < 1000


def test_a_plan_has_the_potentials_of_its_solution():
    solution = entropic_ot(*LINE, np.ones(3), np.ones(3), blur=1.0)
    assert snb.Plan(solution.problem, solution.f, solution.g).sum() == pytest.approx(3.0, rel=1e-5)


def test_a_divergence_that_iterations_leave_unsettled_is_not_converged():
    """The marginal error does not see small masses that have far to go."""
    x, y = [[1367.0, 916.0], [38.6, 25.8]], [[1367.001, 916.001], [38.601, 25.801]]
    solver = Sinkhorn(max_iter=20, init="zeros")
    divergence = quietly(
        sinkhorn_divergences,
        [x],
        [y],
        [[4e-8, 1 - 4e-8]],
        [[1.6e-4, 1 - 1.6e-4]],
        blur=1.3,
        solver=solver,
    )[0]
    assert divergence.marginal_error <= 1e-3
    assert not divergence.converged
    assert (
        "while the divergence, a small difference of values, still changed" in divergence.xy.message
    )
    alone = quietly(sinkhorn_divergence, x, y, [4e-8, 1 - 4e-8], [1.6e-4, 1 - 1.6e-4], blur=1.3)
    expected = Dense.of(x, y, [4e-8, 1 - 4e-8], [1.6e-4, 1 - 1.6e-4], blur=1.3).divergence
    assert not alone.converged or alone.value == pytest.approx(expected, rel=0.05)
