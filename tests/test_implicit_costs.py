"""Implicit derivatives for powers of the distance, and for matrices of costs, against difference
quotients.
"""

from functools import partial

import numpy as np
import pytest

import sinkhorn_nb as snb

N, M, D, EPS, STEP = 12, 10, 3, 0.1, 1e-6
PRECISE = snb.Sinkhorn(tol=1e-12, dtype="float64")
rng = np.random.default_rng(0)
x, y = rng.random((N, D)), rng.random((M, D)) + 0.3
a, b = (weights / weights.sum() for weights in (rng.random(N) + 0.2, rng.random(M) + 0.2))
C, dC = rng.random((N, M)), rng.normal(size=(N, M))
ON_F, ON_G, ON_MAP = rng.normal(size=N), rng.normal(size=M), rng.normal(size=(N, D))
U, V = rng.random((N, 2)), rng.random((M, 2))
dx, dy, da = rng.normal(size=(N, D)), rng.normal(size=(M, D)), rng.normal(size=N)
da -= da.mean()


def quotient(function):
    return (function(STEP) - function(-STEP)) / (2 * STEP)


def scalar(solution):
    """A number that depends on the potentials, the plan and, between points, the map."""
    on_map = (ON_MAP * solution.map()).sum() if solution.problem.has_points else 0.0
    on_plan = (U * (solution.plan @ V)).sum()
    return ON_F @ solution.f + ON_G @ solution.g + on_map + on_plan


@pytest.mark.parametrize("rho", [None, 0.4], ids=str)
@pytest.mark.parametrize("p", [1, 1.5, 3])
def test_pullbacks_and_pushforwards_of_powers_are_difference_quotients(p, rho):
    how = {"eps": EPS, "p": p, "rho": rho, "solver": PRECISE}

    def moved(h, on_x=1.0, on_y=1.0, on_a=1.0):
        return snb.entropic_ot(x + h * on_x * dx, y + h * on_y * dy, a + h * on_a * da, b, **how)

    solution = moved(0.0)
    pulled = solution.pullback(f=ON_F, g=ON_G, map=ON_MAP, plan=(U, V), tol=1e-12)
    assert (pulled.x * dx).sum() == pytest.approx(
        quotient(lambda h: scalar(moved(h, on_y=0, on_a=0))), abs=1e-6
    )
    assert (pulled.y * dy).sum() == pytest.approx(
        quotient(lambda h: scalar(moved(h, on_x=0, on_a=0))), abs=1e-6
    )
    assert pulled.a @ da == pytest.approx(
        quotient(lambda h: scalar(moved(h, on_x=0, on_y=0))), abs=1e-6
    )
    assert pulled.C is None
    pushed = solution.pushforward(x=dx, y=dy, a=da, tol=1e-12)
    np.testing.assert_allclose(pushed.f, quotient(lambda h: moved(h).f), atol=1e-6)
    np.testing.assert_allclose(pushed.g, quotient(lambda h: moved(h).g), atol=1e-6)
    assert pushed.value == pytest.approx(quotient(lambda h: moved(h).value), abs=1e-6)


@pytest.mark.parametrize("rho", [None, 0.4], ids=str)
def test_pullbacks_in_a_matrix_of_costs_are_difference_quotients(rho):
    mass = 1.0 if rho is None else 2.0
    solve = partial(snb.entropic_ot_matrix, a=mass * a, b=b, eps=EPS, rho=rho, solver=PRECISE)
    pulled = solve(C).pullback(f=ON_F, g=ON_G, plan=(U, V), tol=1e-12)
    expected = quotient(lambda h: scalar(solve(C + h * dC)))
    assert (pulled.C.toarray() * dC).sum() == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(pulled.C @ V, pulled.C.toarray() @ V, atol=1e-12)
    np.testing.assert_allclose(pulled.C.T @ ON_F, pulled.C.toarray().T @ ON_F, atol=1e-12)
    assert pulled.C.shape == (N, M)


def test_pullbacks_leave_forbidden_pairs_alone():
    forbidden = np.where(C < 0.2, np.inf, C)
    pulled = snb.entropic_ot_matrix(forbidden, a, b, eps=EPS, solver=PRECISE).pullback(f=ON_F)
    assert (pulled.C.toarray()[np.isinf(forbidden)] == 0).all()
    assert np.isfinite(pulled.C.toarray()).all()


def test_costs_without_these_derivatives_are_named():
    solution = snb.entropic_ot(x, y, cost="cityblock", eps=EPS)
    with pytest.raises(ValueError, match=r"\|x - y\|\^p / p for implicit derivatives"):
        solution.pullback(f=ON_F)
    solution = snb.entropic_ot(x, y, p=1, eps=EPS)
    with pytest.raises(ValueError, match=r"\|x - y\|\^2 / 2 for products with the Hessian"):
        solution.hessian_vector_product(dx)


@pytest.mark.parametrize("p", [1, 1.5])
def test_gradients_of_hausdorff_divergences_of_powers_are_difference_quotients(p):
    def divergence(h, on_x=1.0):
        moved = x + h * on_x * dx, y + h * (1 - on_x) * dy
        return snb.hausdorff_divergence(*moved, a, b, eps=EPS, p=p, solver=PRECISE)

    gradient = divergence(0.0).gradient(tol=1e-11)
    on_x = quotient(lambda h: divergence(h).value)
    on_y = quotient(lambda h: divergence(h, on_x=0.0).value)
    assert (gradient.x * dx).sum() == pytest.approx(on_x, abs=1e-7)
    assert (gradient.y * dy).sum() == pytest.approx(on_y, abs=1e-7)
