"""No start changes the result beyond the tolerance, for any problem."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Dense
from problems import example
from strategies import pairs

from sinkhorn_nb import ConvergenceWarning, Sinkhorn, entropic_ot
from sinkhorn_nb.initializers import (
    GMM,
    Auto,
    Coarse,
    Gaussian,
    Potentials,
    Sorting,
    Subsample,
    Warm,
    Zeros,
)

TOL = 1e-9
ANYWHERE = {
    "auto": Auto(),
    "coarse": Coarse(least=2),
    "gaussian": Gaussian(),
    "gaussian, unregularized": Gaussian(entropic=False),
    "gmm": GMM(n_components=3, random_state=0),
    "gmm, as in the paper": GMM(n_components=2, random_state=0, read_out="posterior"),
    "subsample": Subsample(size=5, random_state=0),
    "zeros": Zeros(),
}


def check(pair, init):
    """Against the dense solution, in units of the problem."""
    exact = Dense.of(*pair[:4], blur=pair.blur)
    solution = entropic_ot(*pair[:4], blur=pair.blur, solver=Sinkhorn(tol=TOL, init=init))
    eps, rounding = pair.blur**2, 1e-12 * pair.size
    assert solution.converged
    assert abs(solution.value - exact.value) <= TOL * eps * pair.a.sum() + rounding
    P = solution.plan.toarray()
    np.testing.assert_allclose(P, exact.plan, atol=pair.a.sum() * 1e4 * TOL)


@pytest.mark.parametrize("name", ANYWHERE)
@given(pair=pairs())
def test_no_start_matters(name, pair):
    check(pair, ANYWHERE[name])


@given(pair=pairs(dimensions=st.just(1)))
def test_sorting_does_not_matter(pair):
    check(pair, Sorting())


@given(pair=pairs(), seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1e-2, 1.0, 1e4]))
def test_given_potentials_do_not_matter(pair, seed, size):
    rng = np.random.default_rng(seed)
    f, g = (size * pair.blur**2 * rng.normal(size=len(w)) for w in (pair.a, pair.b))
    check(pair, Potentials(f, g))


@given(pair=pairs(), moved=st.floats(-2, 2), ratio=st.sampled_from([0.3, 1.0, 3.0]))
def test_an_earlier_solution_does_not_matter(pair, moved, ratio):
    x, y, a, b, blur = pair
    earlier = entropic_ot(x + moved * blur, y[::-1], a, b[::-1], blur=ratio * blur)
    check(pair, Warm(earlier))


@pytest.mark.parametrize("acceleration", ["auto", "none", "symmetric"])
@pytest.mark.parametrize("size", [10.0, 500.0, 1e4])  # in eps
@pytest.mark.parametrize("is_turned", [False, True])
def test_a_solve_that_stops_at_once_has_exact_sums_on_one_side_however_far_off_it_starts(
    acceleration, size, is_turned
):
    """No entry of the plan exceeds the weight of its point, and no gradient the mass times the
    distance.
    """
    x, y, a, b = example(6, 7)
    f, g = (size * 0.3**2 * np.random.default_rng(n).normal(size=n) for n in (6, 7))
    if is_turned:
        x, y, a, b, f, g = y, x, b, a, g, f
    solver = Sinkhorn(max_iter=1, init=(f, g), acceleration=acceleration)
    with pytest.warns(ConvergenceWarning):
        solution = entropic_ot(x, y, a, b, blur=0.3, solver=solver)
    P = solution.plan.toarray()
    P, weights = (P.T, b) if is_turned else (P, a)
    np.testing.assert_allclose(P.sum(axis=1), weights, rtol=1e-9)
    assert (weights[:, None] * (1 + 1e-9) >= P).all()
    farthest = np.sqrt(2 * Dense.of(x, y, blur=0.3).C.max())
    gradient = solution.gradient()
    assert (np.abs(gradient.x) <= a[:, None] * farthest).all()
    assert (np.abs(gradient.y) <= b[:, None] * farthest).all()
    assert np.isfinite(gradient.a).all() and np.isfinite(gradient.b).all()


@pytest.mark.parametrize("acceleration", ["auto", "none", "symmetric"])
def test_a_large_constant_between_given_potentials_costs_no_digit(acceleration):
    """f + 1e12 eps and g - 1e12 eps have the plan of f and g."""
    pair, shift = (*example(6, 7, mass=2.0),), 1e12 * 0.3**2
    known = entropic_ot(*pair, blur=0.3, solver=Sinkhorn(tol=TOL))
    solver = Sinkhorn(tol=TOL, init=(known.f + shift, known.g - shift), acceleration=acceleration)
    solution, exact = entropic_ot(*pair, blur=0.3, solver=solver), Dense.of(*pair, blur=0.3)
    assert solution.converged
    assert solution.marginal_error == pytest.approx(exact.error(solution.f, solution.g), abs=1e-12)
    assert solution.value == pytest.approx(exact.value, rel=1e-12)
