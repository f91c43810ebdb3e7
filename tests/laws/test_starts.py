"""No start changes the result beyond the tolerance, whatever the problem."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Dense
from strategies import pairs

from sinkhorn_nb import Sinkhorn, entropic_ot
from sinkhorn_nb.initializers import GMM, Auto, Coarse, Gaussian, Potentials, Sorting, Subsample, Warm, Zeros

TOL = 1e-9
ANYWHERE = {
    "auto": Auto(),
    "coarse": Coarse(least=2),
    "gaussian": Gaussian(),
    "gaussian, unregularised": Gaussian(entropic=False),
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
