"""Sums over grids for the distance between pixels against dense ones in float64."""

import numpy as np
import pytest
from scipy.special import logsumexp

from sinkhorn_nb.backends.cpu import grid_fourier
from sinkhorn_nb.backends.cpu.grid_lines import NOTHING
from sinkhorn_nb.backends.cpu.grids import logarithm
from sinkhorn_nb.kernels.grid_distances import DistanceSums
from sinkhorn_nb.measures.lattice import Lattice

CASES = {
    2: (Lattice((21, 17), (0.05, 0.06), (0.0, 0.0)), Lattice((14, 30), (0.05, 0.06), (0.02, 0.5))),
    3: (
        Lattice((5, 8, 7), (0.1, 0.12, 0.2), (0.0,) * 3),
        Lattice((6, 3, 9), (0.1, 0.12, 0.2), (0.3,) * 3),
    ),
}


def logarithms(lattice, eps):
    """Of pixels, 35 % of them zero, and a potential as steep as potentials may be."""
    rng = np.random.default_rng(0)
    weights = rng.random(lattice.size) * (rng.random(lattice.size) < 0.65)
    return logarithm(weights) + np.log2(np.e) * lattice.points[:, 0] / eps


def dense(at, of, L, eps):
    """Logarithms of the sums, base 2, mean costs and mean derivatives."""
    moves = at.points[:, None] - of.points
    distances = np.linalg.norm(moves, axis=2)
    exponents = L * np.log(2) - distances / eps
    log_sum = logsumexp(exponents, axis=1)
    plan = np.exp(exponents - log_sum[:, None])
    with np.errstate(invalid="ignore"):
        units = np.nan_to_num(moves / distances[..., None])
    return log_sum / np.log(2), (plan * distances).sum(axis=1), np.einsum("ij,ijk->ik", plan, units)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("eps", [1.0, 0.1, 0.02, 0.003])
@pytest.mark.parametrize("is_same", [True, False])
def test_sums_are_exact_at_every_blur(d, eps, is_same):
    at, of = CASES[d][0], CASES[d][0 if is_same else 1]
    L = logarithms(of, eps)
    sums = DistanceSums(at, of, eps)
    expected = dense(at, of, L, eps)
    np.testing.assert_allclose(sums.log_sum(L), expected[0], rtol=1e-12, atol=3e-8)
    np.testing.assert_allclose(sums.mean_costs(L), expected[1], atol=1e-7)
    np.testing.assert_allclose(sums.mean_gradients(L), expected[2], atol=1e-7)


def test_only_sums_that_are_too_rough_are_made_pair_by_pair(monkeypatch):
    at, of = CASES[2]
    made = []
    pair_by_pair = grid_fourier.Convolutions._pair_by_pair
    monkeypatch.setattr(
        grid_fourier.Convolutions,
        "_pair_by_pair",
        lambda self, L, rough: made.append(len(rough)) or pair_by_pair(self, L, rough),
    )
    for eps in (0.2, 0.02, 0.003):
        DistanceSums(at, of, eps).log_sum(logarithms(of, eps))
    assert made[0] == 0
    assert 0 < made[1] < made[2] <= at.size


def test_an_empty_image_has_no_sums():
    at, of = CASES[2]
    assert (DistanceSums(at, of, 0.1).log_sum(np.full(of.size, NOTHING)) == NOTHING).all()


def test_the_mean_cost_of_independent_pixels_is_exact():
    at, of = CASES[3]
    rng = np.random.default_rng(1)
    a, b = rng.random(at.size), rng.random(of.size)
    distances = np.linalg.norm(at.points[:, None] - of.points, axis=2)
    expected = a @ distances @ b / b.sum()
    assert DistanceSums(at, of, 0.1).pair_cost(a, b) == pytest.approx(expected, rel=1e-13)
