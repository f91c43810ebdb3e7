"""Both accelerations have the fixed point of the symmetric iteration; mixing gets there sooner."""

import numpy as np
import pytest
from oracle import Dense, softmin
from problems import PRECISE, example

from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence
from sinkhorn_nb.solver.acceleration import Anderson, Symmetric

WIDE = {"small": (23, 31, 2), "line": (40, 40, 1), "many dimensions": (50, 30, 30)}


@pytest.mark.parametrize("family", WIDE)
@pytest.mark.parametrize("blur", [1.5, 0.8])
def test_same_solution(family, blur):
    arguments = example(*WIDE[family])
    plain = entropic_ot(*arguments, blur=blur, solver=Sinkhorn(tol=1e-9, max_iter=500_000, acceleration="symmetric"))
    mixed = entropic_ot(*arguments, blur=blur, solver=PRECISE)
    assert mixed.value == pytest.approx(plain.value, rel=1e-11)
    np.testing.assert_allclose(mixed.f - mixed.f[0], plain.f - plain.f[0], atol=1e-6)
    np.testing.assert_allclose(mixed.gradient().x, plain.gradient().x, atol=1e-8)


def test_mixing_needs_a_fraction_of_the_passes():
    arguments = example(200, 220, 2)
    passes = {
        acceleration: entropic_ot(*arguments, blur=0.15, solver=Sinkhorn(acceleration=acceleration)).n_passes
        for acceleration in ("auto", "symmetric")
    }
    assert passes["auto"] < passes["symmetric"] / 3


def test_symmetric_is_the_paper_s_iteration():
    """f <- (f + T(g)) / 2 and g <- (g + T(f)) / 2 at once: at a blur beyond the diameter, from zero."""
    x, y, a, b = example(9, 7)
    iterations = 4
    with pytest.warns(UserWarning, match="max_iter"):
        solver = Sinkhorn(tol=1e-12, max_iter=iterations, acceleration="symmetric")
        solution = entropic_ot(x, y, a, b, blur=20.0, solver=solver)
    C, eps = Dense.of(x, y, a, b, blur=20.0).C, 400.0
    f, g = np.zeros(9), np.zeros(7)
    for _ in range(iterations - 1):
        f, g = (f + softmin(eps, C, g, b)) / 2, (g + softmin(eps, C.T, f, a)) / 2
    np.testing.assert_allclose(solution.f, f, rtol=1e-9)
    np.testing.assert_allclose(solution.g, g, rtol=1e-9)


def test_self_problems_take_few_steps_at_any_blur():
    x, _, a, _ = example(300, 10)
    for blur in (1.0, 0.1, 0.01):
        for acceleration, most in (("auto", 12), ("symmetric", 16)):
            solver = Sinkhorn(tol=1e-5, acceleration=acceleration)
            assert sinkhorn_divergence(x, x, a, a, blur=blur, solver=solver).xx.n_iter <= most


def test_mixing_solves_a_linear_iteration_in_as_many_steps_as_it_has_modes():
    modes = np.array([0.9, 0.5, -0.7])  # of T; z = 0 solves
    anderson, z = Anderson(np.ones(3), 0.5), np.ones(3)
    for _ in range(5):
        z = anderson.next(z, (modes - 1) * z, 0.0, 1.0)
    assert np.abs(z).max() < 1e-6
    symmetric, z = Symmetric(np.ones(3), 0.5), np.ones(3)
    for _ in range(5):
        z = symmetric.next(z, (modes - 1) * z, 0.0, 1.0)
    np.testing.assert_allclose(z, ((1 + modes) / 2) ** 5)


def test_a_worse_iterate_is_given_up_for_the_plain_step():
    anderson = Anderson(np.ones(2), 0.5)
    start, residual = np.array([1.0, 2.0]), np.array([-0.5, 0.25])
    anderson.next(start, residual, dual=1.0, error=0.1)
    after = anderson.next(np.array([9.0, 9.0]), np.array([5.0, 5.0]), dual=0.5, error=0.9)
    np.testing.assert_allclose(after, start + 0.5 * residual)
