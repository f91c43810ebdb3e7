"""Solutions that a divergence continues."""

import numpy as np
import pytest
from problems import example

from sinkhorn_nb import Measure, Problem, Sinkhorn
from sinkhorn_nb.initializers import Sorted
from sinkhorn_nb.losses.debiasing import _continued


def solved(max_iter=3000, **settings):
    """A solver, and a solution of its."""
    x, y, a, b = example(23, 31)
    solver = Sinkhorn(max_iter=max_iter, **settings)
    return solver, solver.attempt(Problem(Measure.of(x, a), Measure.of(y, b), 0.5**2))


def start_of(solution, off=0.0):
    """The potentials of a solution, each off by so many eps."""
    f, g = solution.iterate.f, solution.iterate.g
    random = np.random.default_rng(0)
    eps = solution.problem.eps
    return Sorted(
        f + off * eps * random.normal(size=len(f)), g + off * eps * random.normal(size=len(g))
    )


@pytest.mark.parametrize("acceleration", ["auto", "none"])
def test_a_continued_solution_is_nearer_and_has_the_history_and_passes_of_both(acceleration):
    solver, solution = solved(acceleration=acceleration)
    tol = solution.marginal_error / 100
    new = _continued(solver, solution, start_of(solution), tol)
    assert new.marginal_error <= tol
    assert (new.status, new.tol) == (solution.status, solution.tol)
    assert new.n_iter > solution.n_iter and new.solve_passes > solution.solve_passes
    np.testing.assert_array_equal(new.history[: solution.n_iter], solution.history)


@pytest.mark.parametrize("acceleration", ["auto", "none"])
def test_a_continuation_that_ends_farther_off_leaves_the_solution_as_it_was(acceleration):
    """One iteration is left, from a start that is far off: its passes count, its potentials do not."""
    _, solution = solved(acceleration=acceleration)
    solver = Sinkhorn(max_iter=solution.n_iter + 1, acceleration=acceleration)
    new = _continued(solver, solution, start_of(solution, off=30.0), solution.marginal_error / 100)
    assert new.iterate is solution.iterate
    assert new.marginal_error == solution.marginal_error
    assert new.value == solution.value
    assert new.converged
    assert new.n_iter == solution.n_iter + 1
    assert new.history[-1] > solution.marginal_error
    assert new.solve_passes > solution.solve_passes


def test_a_solution_is_not_continued_without_need_or_iterations():
    solver, solution = solved()
    assert _continued(solver, solution, start_of(solution), solution.marginal_error) is solution
    spent = Sinkhorn(max_iter=solution.n_iter)
    assert (
        _continued(spent, solution, start_of(solution), solution.marginal_error / 100) is solution
    )
