"""From transport without entropy, at small blurs, to kernel norms, at large ones."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import sinkhorn_nb as snb

x, y = np.random.default_rng(0).random((2, 30, 2))
y = y + 0.5


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
