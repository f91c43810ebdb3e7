"""Points whose squared distances in blurs float64 rounds to more than a unit."""

import numpy as np
import pytest
from problems import cloud

from sinkhorn_nb import Measure, Problem, Sinkhorn, entropic_ot
from sinkhorn_nb.initializers import Coarse

BLUR = 0.3


@pytest.fixture(scope="module")
def solution():
    return entropic_ot(cloud(50, 2), cloud(60, 2), blur=BLUR)


def seen_from_afar(solution, direction, distance):
    """The map and the potential minus |x|^2 / 2 in the limit: only <x, y> depends on y."""
    y, b, g = solution.problem.target.points, solution.problem.target.weights, solution.g
    exponents = np.log(b) + (g - (y**2).sum(axis=1) / 2 + distance * y @ direction) / BLUR**2
    largest = exponents.max()
    weights = np.exp(exponents - largest)
    return weights @ y / weights.sum(), -(BLUR**2) * (largest + np.log(weights.sum()))


@pytest.mark.parametrize("distance", [1e3, 1e5, 1e8, 1e12, 1e20])
def test_new_points_at_any_distance(solution, distance):
    directions = np.array([[0.6, 0.8], [0.0, -1.0], [-0.8, 0.6]])
    images = solution.map(distance * directions)
    potentials = solution.potential(distance * directions)
    for direction, image, potential in zip(directions, images, potentials, strict=True):
        expected, shift = seen_from_afar(solution, direction, distance)
        np.testing.assert_allclose(image, expected, atol=1e-6)
        assert potential == pytest.approx(distance**2 / 2 + shift, rel=1e-13)


def test_near_and_far_points_together(solution):
    near = cloud(7, 2)
    far = np.array([[0.0, 1e7], [3e9, 0.0]])
    together = np.concatenate([near[:3], far, near[3:]])
    for extend in (solution.map, solution.potential):
        expected = np.concatenate([extend(near[:3]), extend(far), extend(near[3:])])
        np.testing.assert_allclose(extend(together), expected, rtol=1e-12, atol=1e-12)


def beside_an_outlier(dtype="float64"):
    x, y = cloud(600, 2), cloud(601, 2)
    x[0] = [3e5, 0.0]
    return x.astype(dtype), y.astype(dtype)


# 60 to 80 iterations; the errors hardly tell when there will be no more
@pytest.mark.filterwarnings("ignore:The blur 0.3 is .* expect some")
def test_one_point_a_million_blurs_away_does_not_spoil_the_start():
    """Its tile mates have potentials beyond float32."""
    x, y = beside_an_outlier()
    solution = entropic_ot(x, y, blur=BLUR, solver=Sinkhorn(max_iter=100))
    assert solution.converged
    assert np.isfinite(solution.f).all()


def test_slopes_beyond_float32_do_not_spoil_the_coarse_start():
    """Cells in the outlier's tile have none; without a warning, they start from the softmin."""
    x, y = beside_an_outlier("float32")
    problem = Problem(Measure.of(x), Measure.of(y), BLUR**2)
    assert Coarse()(problem, Sinkhorn()).is_finite
