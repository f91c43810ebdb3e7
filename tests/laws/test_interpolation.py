"""S runs from transport without entropy, at small blurs, to kernel norms, at large ones."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import sinkhorn_nb as snb

x, y = np.random.default_rng(0).random((2, 30, 2))
y = y + 0.5
PAIRS = [("xy", x, y), ("xx", x, x), ("yy", y, y)]


def divergence(p, blur):
    solver = snb.Sinkhorn(tol=1e-6, dtype="float64")
    return snb.sinkhorn_divergence(x, y, p=p, blur=blur, solver=solver)


@pytest.mark.parametrize("p", [1, 2])
def test_small_blurs_give_the_cost_of_the_best_permutation(p):
    costs = np.linalg.norm(x[:, None] - y, axis=2) ** p / p
    best = linear_sum_assignment(costs)
    assert float(divergence(p, 1e-3)) == pytest.approx(costs[best].mean(), rel=0.01)


@pytest.mark.parametrize("p", [1, 2])
def test_large_blurs_give_a_kernel_norm(p):
    shift = (x - y).mean(axis=0)
    norm = float(snb.mmd(x, y)) if p == 1 else shift @ shift / 2
    assert float(divergence(p, 1e4)) == pytest.approx(norm, rel=1e-3)


@pytest.mark.parametrize("blur", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("p", [1, 2])
def test_the_hausdorff_divergence_is_below_at_every_blur_and_transport_above(p, blur):
    hausdorff = float(snb.hausdorff_divergence(x, y, p=p, blur=blur))
    found = divergence(p, blur)
    assert 0 <= hausdorff <= found.value * (1 + 1e-6)
    assert found.value <= found.xy.value


@pytest.mark.parametrize("eps", [1e9, 1e15, 1e100])
def test_temperatures_far_above_all_costs_keep_every_digit_of_the_mean_cost(eps):
    C = {pair: np.linalg.norm(u[:, None] - v, axis=2) for pair, u, v in PAIRS}
    costs = C["xy"], C["xx"], C["yy"]
    expected = C["xy"].mean() - C["xx"].mean() / 2 - C["yy"].mean() / 2
    matrix = snb.sinkhorn_divergence_matrix(*costs, eps=eps)
    assert float(matrix) == pytest.approx(expected, rel=1e-8)
    points = snb.sinkhorn_divergence(x, y, p=1, eps=eps)
    assert float(points) == pytest.approx(expected, rel=1e-8)
    np.testing.assert_allclose(points.xy.f, C["xy"].mean(axis=1) - C["xy"].mean() / 2, rtol=1e-8)
    assert points.converged
