"""Derivatives of solutions between the rows and the columns of a matrix of costs, against difference
quotients.
"""

import numpy as np
import pytest

import sinkhorn_nb as snb
from sinkhorn_nb.gradients import matrix_changes

N, M, EPS, STEP = 12, 10, 0.1, 1e-6
PRECISE = snb.Sinkhorn(tol=1e-12, dtype="float64")
RHOS = [None, 0.4, (None, 0.4)]
rng = np.random.default_rng(0)
C, dC = rng.random((N, M)), rng.normal(size=(N, M))
a, b = (weights / weights.sum() for weights in (rng.random(N) + 0.2, rng.random(M) + 0.2))
ON_F, ON_G, U, V = rng.normal(size=N), rng.normal(size=M), rng.random((N, 2)), rng.random((M, 2))
da, db = a * rng.normal(size=N), b * rng.normal(size=M)
db += b * (da.sum() - db.sum())


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several blocks of rows, the last one shorter than the others."""
    monkeypatch.setattr(matrix_changes, "ENTRIES", 5 * M)


def quotient(function):
    return (function(STEP) - function(-STEP)) / (2 * STEP)


def solve(h=0.0, rho=None):
    """The solution of the matrix and the weights, moved by h; with a price also of other masses."""
    mass = 1.0 if rho is None else 2.0
    weights = mass * (a + h * da), b + h * db
    return snb.entropic_ot_matrix(C + h * dC, *weights, eps=EPS, rho=rho, solver=PRECISE)


def directions(rho):
    return {"a": (1.0 if rho is None else 2.0) * da, "b": db, "C": dC}


@pytest.mark.parametrize("rho", RHOS, ids=str)
def test_pullbacks_are_difference_quotients(rho):
    def scalar(solution):
        return ON_F @ solution.f + ON_G @ solution.g + (U * (solution.plan @ V)).sum()

    pulled = solve(rho=rho).pullback(f=ON_F, g=ON_G, plan=(U, V), tol=1e-12)
    along = directions(rho)
    total = (pulled.C.toarray() * dC).sum() + pulled.a @ along["a"] + pulled.b @ along["b"]
    assert total == pytest.approx(quotient(lambda h: scalar(solve(h, rho))), abs=1e-6)
    np.testing.assert_allclose(pulled.C @ V, pulled.C.toarray() @ V, atol=1e-12)
    np.testing.assert_allclose(pulled.C.T @ ON_F, pulled.C.toarray().T @ ON_F, atol=1e-12)
    assert pulled.C.shape == (N, M)


@pytest.mark.parametrize("rho", RHOS, ids=str)
def test_pushforwards_are_difference_quotients(rho):
    pushed = solve(rho=rho).pushforward(**directions(rho), tol=1e-12)
    assert pushed.value == pytest.approx(quotient(lambda h: solve(h, rho).value), abs=1e-6)
    np.testing.assert_allclose(pushed.f, quotient(lambda h: solve(h, rho).f), atol=1e-6)
    np.testing.assert_allclose(pushed.g, quotient(lambda h: solve(h, rho).g), atol=1e-6)
    expected = quotient(lambda h: solve(h, rho).plan.toarray())
    np.testing.assert_allclose(pushed.plan.toarray(), expected, atol=1e-6)
    np.testing.assert_allclose(pushed.plan @ V, expected @ V, atol=1e-6)
    np.testing.assert_allclose(pushed.plan.T @ ON_F, expected.T @ ON_F, atol=1e-6)
    assert repr(pushed.plan) == f"PlanTangent(n={N}, m={M})"


@pytest.mark.parametrize("rho", RHOS, ids=str)
def test_the_hessian_in_the_costs_is_symmetric(rho):
    solution = solve(rho=rho)
    other = np.random.default_rng(1).normal(size=(N, M))
    there = (solution.pushforward(C=dC, tol=1e-12).plan.toarray() * other).sum()
    back = (solution.pushforward(C=other, tol=1e-12).plan.toarray() * dC).sum()
    assert there == pytest.approx(back, rel=1e-9)
    assert (solution.pushforward(C=dC).plan.toarray() * dC).sum() < 0  # the value is concave in C


def test_derivatives_along_weights_alone_have_a_plan():
    pushed = solve().pushforward(a=da, b=db, tol=1e-12)
    np.testing.assert_allclose(pushed.plan.toarray().sum(axis=1), da, atol=1e-12)
    np.testing.assert_allclose(pushed.plan @ np.ones(M), da, atol=1e-12)
    np.testing.assert_allclose(pushed.plan.T @ np.ones(N), db, atol=1e-12)


def test_forbidden_pairs_are_left_alone():
    forbidden = np.where(C < 0.2, np.inf, C)
    solution = snb.entropic_ot_matrix(forbidden, a, b, eps=EPS, solver=PRECISE)
    for change in (solution.pullback(f=ON_F).C, solution.pushforward(C=dC).plan):
        assert (change.toarray()[np.isinf(forbidden)] == 0).all()
        assert np.isfinite(change.toarray()).all()


def test_changes_of_costs_are_checked():
    between_points = snb.entropic_ot(C[:, :2], C[:4, :2], blur=0.5)
    with pytest.raises(
        ValueError, match="C: expected no changes of the costs of a problem between"
    ):
        between_points.pushforward(C=np.zeros((N, 4)))
    with pytest.raises(ValueError, match=r"C: expected"):
        solve().pushforward(C=dC.T)
    with pytest.raises(ValueError, match=r"C: expected .*finite"):
        solve().pushforward(C=np.where(dC > 1, np.nan, dC))
