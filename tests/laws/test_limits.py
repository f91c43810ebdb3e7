"""Known values of S_eps and OT_eps: eps to 0, eps to infinity, Gaussians, one point."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import exact_cost
from problems import (
    PRECISE,
    cloud,
    example,
    gaussian_entropic_ot,
    gaussian_grid,
    gaussian_transported_mass,
)
from strategies import pairs

from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence, sinkhorn_divergences

PATIENT = Sinkhorn(tol=1e-4, max_iter=500_000)


def entropy(a):
    """-sum_i a_i log a_i."""
    a = a[a > 0] / a.sum()
    return -(a @ np.log(a))


@pytest.mark.parametrize(("n", "m", "d", "zeros"), [(12, 12, 2, 0), (8, 15, 1, 2), (14, 9, 8, 0)])
@pytest.mark.parametrize("ratio", [0.2, 0.05, 0.03])
def test_small_eps_is_the_linear_program(n, m, d, zeros, ratio):
    """0 <= OT_eps - OT_0 <= eps * entropy, and 0 <= OT_eps(a, a) <= eps * entropy(a)."""
    x, y, a, b = example(n, m, d, zeros=zeros)
    diameter = np.linalg.norm(np.ptp(np.concatenate([x, y]), axis=0))
    blur = ratio * diameter
    divergence = sinkhorn_divergence(x, y, a, b, blur=blur, solver=PATIENT)
    exact, slack = exact_cost(x, y, a, b), PATIENT.tol * diameter**2
    bound = blur**2 * min(entropy(a), entropy(b)) + slack
    assert -slack <= divergence.xy.value - exact <= bound
    assert (
        exact - blur**2 * (entropy(a) + entropy(b)) / 2 - slack <= divergence.value <= exact + bound
    )
    assert divergence.xy.transport_cost == pytest.approx(exact, abs=bound + slack)


def test_plan_tends_to_the_matching():
    x = cloud(10, 2)
    order = np.roll(np.arange(10), 3)
    moved = x[order] + [5.0, -2.0]  # a translation: the optimal plan is the permutation
    solution = entropic_ot(x, moved, blur=0.02 * np.ptp(x), solver=PATIENT)
    np.testing.assert_array_equal(order[solution.plan.topk(1).indices[:, 0]], np.arange(10))


SOLVERS = [
    Sinkhorn(),
    PRECISE,
    Sinkhorn(init="zeros"),
    Sinkhorn(acceleration="none"),
    Sinkhorn(acceleration="symmetric"),
]


@pytest.mark.parametrize("ratio", [2e3, 1e4, 1e8, 1e12, 1e30])
@given(pair=pairs(), solver=st.sampled_from(SOLVERS))
def test_large_eps_is_the_distance_of_means(ratio, pair, solver):
    """However large: nothing of the size of eps is left of its rounding. Beyond the means, S is
    spread^4 / eps.
    """
    x, y, a, b, _ = pair
    extent = np.linalg.norm(np.ptp(np.concatenate([x, y]), axis=0))
    divergence = sinkhorn_divergence(x, y, a, b, blur=ratio * (extent or 1.0), solver=solver)
    difference = (a @ x - b @ y) / a.sum()
    position = np.abs(np.concatenate([x, y])).max()
    atol = a.sum() * extent**2 * (1 / ratio**2 + 1e-12) + 1e-14 * a.sum() * position**2
    assert divergence.converged
    assert divergence.value == pytest.approx(a.sum() * difference @ difference / 2, abs=atol)
    together = sinkhorn_divergences([x], [y], [a], [b], blur=ratio * (extent or 1.0), solver=solver)
    assert together.value[0] == divergence.value
    atol = a.sum() * (extent * (1 / ratio + 1e-12) + 1e-14 * position)
    np.testing.assert_allclose(divergence.gradient().x, np.outer(a, difference), rtol=0, atol=atol)


@pytest.mark.parametrize("mass", [3.0, 5 * (3 * 0.2)])
def test_one_point_of_any_mass_beyond_the_limit(mass):
    """S = mass |x - y|^2 / 2 is 1e-16 eps here, so that a probability of 1 - 1e-16 would hide it."""
    x, y = np.zeros((5, 1)), np.array([[1e-6]])
    divergence = sinkhorn_divergence(x, y, np.full(5, mass / 5), [3.0], blur=100.0)
    assert divergence.value == pytest.approx(1.5e-12, rel=1e-12)


@pytest.mark.parametrize("blur", [90.0, 900.0, 1100.0, 9000.0])
def test_either_side_of_the_limit(blur):
    """Iterations and the closed form agree where both are good: S beyond the means is that between
    Gaussians.
    """
    x, y, a, b = example(30, 40, 2)
    x, y = x / np.ptp(x), y / np.ptp(x)
    value = sinkhorn_divergence(x, y, a, b, blur=blur, solver=Sinkhorn(tol=1e-12)).value
    covariances = [np.cov(z.T, aweights=w, bias=True) for z, w in ((x, a), (y, b))]
    spread = ((covariances[0] - covariances[1]) ** 2).sum() / (4 * blur**2)
    means = ((a @ x - b @ y) ** 2).sum() / 2
    assert value == pytest.approx(means + spread, rel=3e-8)


@pytest.mark.parametrize("ratio", [1100, 5000, 10**6])
def test_beyond_the_limit_against_fifty_digits(ratio):
    rng = np.random.default_rng(0)
    x, y = rng.integers(-9, 10, size=6), rng.integers(-3, 16, size=5)
    blur = ratio * int(np.ptp(np.concatenate([x, y])))
    cross, *own = (in_fifty_digits(p, q, blur) for p, q in ((x, y), (x, x), (y, y)))
    divergence = sinkhorn_divergence(x[:, None], y[:, None], blur=blur)
    assert divergence.xy.value == pytest.approx(float(cross), rel=1e-12)
    assert divergence.value == pytest.approx(float(cross - sum(own) / 2), rel=1e-12)


def in_fifty_digits(x, y, blur):
    """OT_eps between uniform probabilities on integers."""
    with localcontext() as context:
        context.prec = 50
        eps = Decimal(blur) ** 2
        C = [[Decimal(int(p - q)) ** 2 / 2 for q in y] for p in x]
        f, g = [Decimal(0)] * len(x), [Decimal(0)] * len(y)
        for _ in range(20):
            f = [
                -eps
                * (sum(((v - c) / eps).exp() for v, c in zip(g, row, strict=True)) / len(y)).ln()
                for row in C
            ]
            g = [
                -eps
                * (sum(((u - c) / eps).exp() for u, c in zip(f, row, strict=True)) / len(x)).ln()
                for row in zip(*C, strict=True)
            ]
        return sum(f) / len(x) + sum(g) / len(y)


@given(pairs())
def test_one_target_point(pair):
    """The plan is a: OT_eps = sum_i a_i C_i for probabilities, whatever eps."""
    x, y, a, _, blur = pair
    a = a / a.sum()
    solution = entropic_ot(x, y[:1], a, [1.0], blur=blur, solver=PRECISE)
    expected = a @ ((x - y[0]) ** 2).sum(axis=1) / 2
    assert solution.value == pytest.approx(expected, abs=1e-9 * pair.size / pair.a.sum())
    scale = np.abs(np.concatenate([x, y])).max()
    np.testing.assert_allclose(solution.map(), np.repeat(y[:1], len(x), axis=0), atol=1e-14 * scale)


@pytest.mark.parametrize("blur", [0.3, 1.0, 3.0])
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (2.0, 0.25), (-1.0, 4.0)])
def test_gaussians_on_a_line(blur, mean, variance):
    x, a = gaussian_grid(0.0, 1.0, 160)
    y, b = gaussian_grid(mean, variance, 170)
    divergence = sinkhorn_divergence(x, y, a, b, blur=blur, solver=PRECISE)
    cross = gaussian_entropic_ot(0.0, 1.0, mean, variance, blur)
    debiased = cross - sum(gaussian_entropic_ot(0.0, v, 0.0, v, blur) for v in (1.0, variance)) / 2
    assert divergence.xy.value == pytest.approx(cross, abs=1e-6)
    assert divergence.value == pytest.approx(debiased, abs=1e-6)


@pytest.mark.parametrize("rho", [0.3, 2.0])
@pytest.mark.parametrize("mean", [0.0, 2.0])
def test_unbalanced_gaussians_on_a_line(mean, rho):
    eps = 0.25
    a, b = (1.0, 0.0, 1.0), (1.5, mean, 0.5)
    (x, u), (y, v) = gaussian_grid(*a[1:], 160), gaussian_grid(*b[1:], 170)
    measures = x, y, a[0] * u, b[0] * v
    solution = entropic_ot(*measures, eps=eps, rho=rho, solver=PRECISE)

    def value(a, b):
        mass = gaussian_transported_mass(a, b, eps, rho)
        return rho * (a[0] + b[0]) + eps * a[0] * b[0] - (2 * rho + eps) * mass

    assert solution.plan.sum() == pytest.approx(gaussian_transported_mass(a, b, eps, rho), abs=1e-8)
    assert solution.value == pytest.approx(value(a, b), abs=1e-8)
    divergence = sinkhorn_divergence(*measures, eps=eps, rho=rho, solver=PRECISE)
    debiased = value(a, b) - (value(a, a) + value(b, b)) / 2 + eps / 2 * (a[0] - b[0]) ** 2
    assert divergence.value == pytest.approx(debiased, abs=1e-8)


def test_gaussians_in_the_plane():
    A, B = np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([[0.5, -0.2], [-0.2, 0.8]])
    mean, blur = np.array([1.0, -0.5]), 1.0
    x, a = gaussian_grid(np.zeros(2), A, 30)
    y, b = gaussian_grid(mean, B, 31)
    solution = entropic_ot(x, y, a, b, blur=blur, solver=Sinkhorn(tol=1e-7))
    assert solution.value == pytest.approx(
        gaussian_entropic_ot(np.zeros(2), A, mean, B, blur), abs=1e-5
    )


def test_unbalanced_gaussians_in_the_plane():
    eps, rho, mass = 1.0, 2.0, 1.5
    A, B = np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([[0.5, -0.2], [-0.2, 0.8]])
    mean = np.array([1.0, -0.5])
    x, a = gaussian_grid(np.zeros(2), A, 30)
    y, b = gaussian_grid(mean, B, 31)
    solver = Sinkhorn(tol=1e-7)
    solution = entropic_ot(x, y, a, mass * b, eps=eps, rho=rho, solver=solver)
    transported = gaussian_transported_mass((1.0, np.zeros(2), A), (mass, mean, B), eps, rho)
    assert solution.plan.sum() == pytest.approx(transported, abs=1e-5)
    expected = rho * (1 + mass) + eps * mass - (2 * rho + eps) * transported
    assert solution.value == pytest.approx(expected, abs=1e-5)


def test_map_between_gaussians_is_affine():
    """x -> mean + M x with M A M + eps M = B, for C = |x - y|^2 / 2."""
    x, a = gaussian_grid(0.0, 1.0, 160)
    y, b = gaussian_grid(1.0, 0.25, 170)
    solution = entropic_ot(x, y, a, b, blur=0.5, solver=PRECISE)
    slope = (-0.25 + np.sqrt(0.25**2 + 4 * 0.25)) / 2
    inner = np.linspace(-2, 2, 9)[:, None]
    np.testing.assert_allclose(solution.map(inner), 1.0 + slope * inner, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("blur", [3.0, 10.0, 100.0, 1e4])
def test_default_tolerance_keeps_its_digits_at_large_blur(blur, dtype):
    """The value's error is eps times the square of the marginal error: tol alone would not do."""
    x, y = cloud(60, 2, dtype), cloud(50, 2, dtype, 0.5)
    blur *= np.linalg.norm(np.ptp(np.concatenate([x, y]), axis=0))
    precise = sinkhorn_divergence(
        x.astype(float), y.astype(float), blur=blur, solver=Sinkhorn(tol=1e-13)
    )
    assert sinkhorn_divergence(x, y, blur=blur).value == pytest.approx(precise.value, rel=1e-5)
