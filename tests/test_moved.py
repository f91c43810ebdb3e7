"""Potentials after a move of the points, without a pass: along geodesics, translations and
densities.
"""

import numpy as np
import pytest

from sinkhorn_nb import Measure, Sinkhorn, entropic_ot
from sinkhorn_nb.initializers.moved import along_geodesic, of_self, translated
from sinkhorn_nb.initializers.tracks import Track


def linear_problem(n=400):
    """A cloud, its image under a linear map, and the potentials between the two without
    regularization.
    """
    x = np.random.default_rng(0).normal(size=(n, 2))
    return x, np.array([[2.0, 0.5], [0.5, 0.7]])


def linear_potentials(x, y, matrix):
    """The potentials for y = matrix x, up to a constant that is the same for both."""
    inverse = np.linalg.inv(matrix)
    return tuple((z * (z - z @ M)).sum(axis=1) / 2 for z, M in ((x, matrix), (y, inverse)))


def off_by(f, g, expected_f, expected_g):
    """The largest difference of potentials, without the constant that cancels in f + g."""
    df, dg = f - expected_f, g - expected_g
    return max(np.ptp(df), np.ptp(dg), abs(df.mean() + dg.mean()))


def track(before, after):
    return Track(before, after, np.full(len(before), 1 / len(before)), Measure.of(after))


@pytest.mark.parametrize(("s", "t"), [(0.1, 0.0), (0.0, 0.2), (0.3, 0.3), (-0.2, 0.1), (1.0, 0.0)])
def test_potentials_along_a_geodesic_are_exact(s, t):
    x, matrix = linear_problem()
    x = x - x.mean(axis=0)
    y = x @ matrix
    new_x, new_y = x + s * (y - x), y + t * (x - y)
    step = np.linalg.solve((1 - s) * np.eye(2) + s * matrix, (1 - t) * matrix + t * np.eye(2))
    shift = np.array([3.0, -1.0])  # of all, which does not matter
    moved = along_geodesic(*_interleaved(x + shift, new_x + shift, y, new_y, matrix, shift))
    expected = linear_potentials(new_x, new_y, step)
    assert off_by(*moved, *_translated(expected, new_x, new_y, shift)) < 1e-6


def _translated(potentials, x, y, shift):
    """Potentials after the translation of all x, which have mean zero as y has."""
    return potentials[0] + x @ shift + shift @ shift / 4, potentials[
        1
    ] - y @ shift + shift @ shift / 4


def _interleaved(x, new_x, y, new_y, matrix, shift):
    f, g = _translated(linear_potentials(x - shift, y, matrix), x - shift, y, shift)
    return track(x, new_x), f, track(y, new_y), g


def test_potentials_follow_translations_exactly_and_other_moves_not_at_all():
    x, matrix = linear_problem()
    x = x - x.mean(axis=0)
    y = x @ matrix
    f, g = linear_potentials(x, y, matrix)
    shift = np.array([3.0, -1.0])
    moved = translated(track(x, x + shift), f, track(y, y), g)
    assert off_by(*moved, *_translated((f, g), x, y, shift)) < 1e-9
    noise = np.random.default_rng(1).normal(size=x.shape)
    noise -= noise.mean(axis=0)
    f_there, g_there = along_geodesic(track(x, x + 0.01 * noise), f, track(y, y), g)
    np.testing.assert_allclose(f_there, f)
    np.testing.assert_allclose(g_there, g)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.1])
def test_the_potential_of_a_measure_with_itself_follows_its_density(factor):
    x = np.random.default_rng(0).random((500, 2))
    before, after = (
        entropic_ot(z, z, blur=0.05, solver=Sinkhorn(tol=1e-6)) for z in (x, factor * x)
    )
    path = Track.of(before.problem.source, after.problem.source)
    off = np.abs(of_self(path, before, after.problem.source, 0.05**2) - after.iterate.f).mean()
    assert off <= 0.3 * np.abs(path.carried(before) - after.iterate.f).mean() + 1e-8


def test_rows_correspond_if_they_have_moved_little_from_a_translation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    far, near, anew = x + 100.0, x + 0.3 * rng.normal(size=x.shape), rng.normal(size=x.shape)
    old = Measure.of(x)
    assert Track.of(old, Measure.of(far)) is not None
    assert Track.of(old, Measure.of(near)) is not None
    assert Track.of(old, Measure.of(anew)) is None
    assert Track.of(old, Measure.of(x[:100])) is None


def test_equal_measures_correspond_in_any_order_of_the_rows():
    x = np.random.default_rng(0).normal(size=(200, 3))
    path = Track.of(Measure.of(x), Measure.of(x[::-1]))
    assert not path.has_moved and path.length == 0
