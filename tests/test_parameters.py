"""Solvers in scikit-learn: `get_params`, `clone`, and equality by settings."""

import pickle
from dataclasses import asdict, replace

import numpy as np
import pytest
from problems import example
from sklearn.base import clone
from sklearn.mixture import GaussianMixture

from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence
from sinkhorn_nb.initializers import GMM, Gaussian, Potentials, Subsample, Warm

X, Y, A, B = example()
SOLUTION = entropic_ot(X, Y, A, B, blur=0.5)
INITS = {
    "a name": "gaussian",
    "an initializer": Subsample(random_state=np.random.default_rng(0)),
    "fitted mixtures": GMM(source=GaussianMixture(2).fit(X), target=GaussianMixture(3).fit(Y)),
    "a solution": SOLUTION,
    "a divergence": sinkhorn_divergence(X, Y, A, B, blur=0.5),
    "arrays": (SOLUTION.f, SOLUTION.g),
    "lists": (SOLUTION.f.tolist(), SOLUTION.g.tolist()),
    "potentials": Potentials(SOLUTION.f, SOLUTION.g),
    "a warm start": Warm(SOLUTION),
}


@pytest.mark.parametrize("init", INITS.values(), ids=INITS)
def test_clone(init):
    solver = Sinkhorn(tol=1e-5, init=init, dtype="float64")
    copy = clone(solver)
    assert type(copy) is Sinkhorn and copy is not solver
    assert (copy.tol, copy.dtype) == (1e-5, "float64")
    first, second = (entropic_ot(X, Y, A, B, blur=0.5, solver=s) for s in (solver, copy))
    np.testing.assert_allclose(first.f, second.f, atol=1e-4)


def test_clone_of_the_default_is_equal():
    assert clone(Sinkhorn()) == Sinkhorn()
    solver = Sinkhorn(callback=print, progress=True)
    assert clone(solver) == solver


@pytest.mark.parametrize("init", INITS.values(), ids=INITS)
def test_settings_stay_as_they_were_given(init):
    solver = Sinkhorn(init=init)
    assert solver.init is init is solver.get_params()["init"]
    assert replace(solver, tol=1e-2).init is init


def test_parameters_are_the_constructor_s():
    settings = Sinkhorn(tol=1e-5, max_iter=7).get_params()
    assert Sinkhorn(**settings) == Sinkhorn(tol=1e-5, max_iter=7)
    assert (
        settings
        == Sinkhorn(tol=1e-5, max_iter=7).get_params(deep=False)
        == asdict(Sinkhorn(tol=1e-5, max_iter=7))
    )


def test_set_params_says_how_to_have_other_settings():
    with pytest.raises(
        TypeError, match=r"set_params: .*frozen, got tol, max_iter; make another one with .*replace"
    ):
        Sinkhorn().set_params(tol=1e-2, max_iter=5)


def test_solvers_are_equal_by_settings():
    assert Sinkhorn(tol=1e-4) == Sinkhorn(tol=1e-4) != Sinkhorn()
    assert hash(Sinkhorn(tol=1e-4)) == hash(Sinkhorn(tol=1e-4))
    assert Sinkhorn(init="gaussian") == Sinkhorn(init=Gaussian()) != Sinkhorn()
    assert Sinkhorn() != "Sinkhorn()"


def test_solvers_with_arrays_compare_and_hash():
    """The truth of arrays that are compared is an error."""
    solver, other = (Sinkhorn(init=(SOLUTION.f, SOLUTION.g)) for _ in range(2))
    assert solver == solver and solver != other and len({solver, other}) == 2


def test_arrays_that_change_later_change_no_solver():
    f, g = SOLUTION.f.copy(), SOLUTION.g.copy()
    solver = Sinkhorn(init=(f, g), max_iter=1, tol=1e-2)
    f[:] = g[:] = np.nan
    assert entropic_ot(X, Y, A, B, blur=0.5, solver=solver).converged


def test_solvers_with_arrays_can_be_pickled():
    solver = pickle.loads(
        pickle.dumps(Sinkhorn(init=(SOLUTION.f, SOLUTION.g), max_iter=1, tol=1e-2))
    )
    assert entropic_ot(X, Y, A, B, blur=0.5, solver=solver).converged
