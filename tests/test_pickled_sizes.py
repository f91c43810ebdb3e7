"""Pickled results hold the points and what was found; all else is computed again, to the bit."""

import pickle

import numpy as np
import pytest
from problems import cloud

import sinkhorn_nb as snb
from sinkhorn_nb.measures import partition

N, BLUR = 1100, 0.5  # too many points for the solver of small problems


def loaded(result):
    return pickle.loads(pickle.dumps(result))


def size(result):
    return len(pickle.dumps(result))


@pytest.fixture(scope="module")
def divergence():
    return snb.sinkhorn_divergence(cloud(N, 3), cloud(N, 3, shift=0.5), blur=BLUR)


def numbers(divergence):
    """All that takes a pass or the order of the points."""
    xy = divergence.xy
    arrays = xy.f, xy.g, xy.plan.sum(axis=1), *divergence.gradient()
    return [
        divergence.value,
        divergence.gap,
        divergence.n_passes,
        *np.concatenate(arrays, axis=None),
    ]


def test_a_divergence_has_three_times_the_bytes_of_its_points_and_keeps_its_bits(divergence):
    fresh = loaded(divergence)
    expected = numbers(divergence)
    of_points = 2 * N * 3 * 8
    assert size(divergence) < 3.3 * of_points
    assert size(divergence.xy) < 2.6 * of_points
    assert numbers(fresh) == expected
    assert numbers(loaded(divergence)) == expected


def test_potentials_stay_at_their_points_where_axes_round_otherwise(divergence, monkeypatch):
    f, g = divergence.xy.f, divergence.xy.g
    copy = loaded(divergence.xy)
    monkeypatch.setattr(partition, "_principal_axes", lambda points: -points[:, ::-1].copy())
    np.testing.assert_array_equal(copy.f, f)
    np.testing.assert_array_equal(loaded(copy).g, g)


def test_rows_that_repeat_are_still_one_point():
    x = np.tile(cloud(N, 3), (2, 1))
    solution = snb.entropic_ot(x, cloud(N, 3, shift=0.5), blur=BLUR)
    copy = loaded(solution)
    np.testing.assert_array_equal(copy.f, solution.f)
    np.testing.assert_array_equal(copy.plan.sum(axis=1), solution.plan.sum(axis=1))


def test_grids_are_pickled_without_the_places_of_their_pixels():
    weights = np.random.default_rng(0).random((2, 40, 40))
    grids = [snb.Grid(each / each.sum(), 0.1) for each in weights]
    solution = snb.entropic_ot(*grids, blur=BLUR)
    expected = solution.f, solution.gradient().x
    copy = loaded(solution)
    assert size(grids[0]) < 1.2 * grids[0].weights.nbytes
    assert size(solution) < 6.5 * grids[0].weights.nbytes
    np.testing.assert_array_equal(copy.f, expected[0])
    np.testing.assert_array_equal(copy.gradient().x, expected[1])
