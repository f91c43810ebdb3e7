"""Moments of cells, nodes with the same moments, and sums that do not depend on their order."""

import math

import numpy as np
import pytest

from sinkhorn_nb.compression.cells import Grid, grid_cells
from sinkhorn_nb.compression.nodes import nodes_of
from sinkhorn_nb.measures.exact_sums import FEW, exact_sum
from sinkhorn_nb.measures.measure import Measure
from sinkhorn_nb.measures.moments import (
    DROP,
    digits_of,
    legs,
    means_and_covariances,
    shifts,
    spreads_and_axes,
)
from sinkhorn_nb.measures.streams import CellSums

RNG = np.random.default_rng(0)


def sums_of(z, w):
    """Number, mass, first moments and the lower triangle of second ones."""
    products = np.einsum("i,ij,ik->jk", w, z, z)[np.tril_indices(z.shape[1])]
    return np.concatenate([[len(z), w.sum()], w @ z, products])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_means_and_covariances_are_those_of_numpy_and_zero_where_there_is_no_mass(d):
    z, w = RNG.integers(-50, 50, (2, 30, d)), RNG.integers(1, 9, (2, 30))
    sums = [sums_of(*own) for own in zip(z, w, strict=True)]
    empty = np.zeros(len(sums[0]))
    empty[0] = 4  # points of weight 0
    masses, first, second = means_and_covariances(np.stack([*sums, empty]).astype(np.int64), d)
    for k in range(2):
        assert masses[k] == w[k].sum()
        np.testing.assert_allclose(first[k], np.average(z[k], axis=0, weights=w[k]))
        expected = np.cov(z[k].T, aweights=w[k], ddof=0)
        np.testing.assert_allclose(second[k], np.atleast_2d(expected), atol=1e-9)
    assert masses[2] == 0 and not first[2].any() and not second[2].any()


@pytest.mark.parametrize("bits, d", [(63, 1), (31, 2), (21, 3), (6, 4)])
def test_keys_hold_the_numbers_of_cells_along_each_axis(bits, d):
    digits = RNG.integers(0, 1 << min(bits, 62), (20, d))
    keys = (digits << shifts(bits, d)).sum(axis=1)
    np.testing.assert_array_equal(digits_of(keys, bits, d), digits)


def test_cells_have_axes_where_their_points_spread():
    variances = np.array([[0.9 * DROP, 0.3, 1.1 * DROP], [0.0, 0.0, 0.2]]) ** 2
    second = np.stack([np.diag(each) for each in variances])
    second[1, 0, 0] = -1e-18  # of rounding
    spreads, axes, n_axes = spreads_and_axes(second)
    np.testing.assert_allclose(spreads, np.sqrt(np.sort(variances, axis=1)), atol=1e-8)
    assert n_axes.tolist() == [2, 1]
    np.testing.assert_allclose(np.abs(axes[0, :, 2]), [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_legs_have_the_covariance_of_the_widest_axes(k):
    factor = RNG.normal(size=(5, 3, 3))
    spreads, axes, _ = spreads_and_axes(factor @ np.swapaxes(factor, 1, 2))
    z = legs(spreads, axes, k)
    assert z.shape == (5, max(2 * k, 1), 3)
    np.testing.assert_allclose(z.mean(axis=1), 0.0, atol=1e-15)
    wide = np.where(np.arange(3) >= 3 - k, spreads**2, 0.0)
    expected = np.einsum("cik,ck,cjk->cij", axes, wide, axes)
    covariances = np.einsum("cpi,cpj->cij", z, z) / z.shape[1]
    np.testing.assert_allclose(covariances, expected, atol=1e-12)


def test_cells_with_as_many_points_as_nodes_keep_their_points():
    measure = Measure.of([[0.1], [0.6], [1.2], [1.3], [1.9]], [1.0, 3.0, 0.0, 2.0, 2.0])
    nodes = nodes_of(grid_cells(measure, Grid(np.zeros(1), 1.0)), measure)
    order = np.argsort(nodes.points[:, 0])
    np.testing.assert_array_equal(nodes.points[order, 0], [0.1, 0.6, 1.3, 1.9])
    np.testing.assert_allclose(nodes.weights[order], np.array([1.0, 3.0, 2.0, 2.0]) / 8)


def test_points_without_mass_make_no_nodes_of_streams():
    x = np.array([[0.2], [0.7], [5.5]])
    sums = CellSums.of(x, [0.5, 1.0, 0.0], side=1.0)
    assert sums.n_points == 2
    points, weights = sums.nodes()
    assert np.isfinite(points).all() and points.max() < 1.0
    assert weights.sum() == pytest.approx(1.5, abs=1e-8)


def test_rounded_masses_of_streams_are_the_masses_of_their_points():
    x, weights = RNG.random((999, 2)), RNG.random(999)
    weights /= weights.sum()
    stream = Measure.from_chunks([(x, weights)], side=0.3)
    assert abs(stream.mass - 1.0) <= stream.traits.mass_rounding < 1e-5
    assert stream.traits.mass_rounding == pytest.approx(999 * 2.0**-28, rel=1e-4)


@pytest.mark.parametrize("size", [1, FEW, FEW + 1, 3 * FEW])
def test_sums_are_exact_for_equal_and_other_weights(size):
    uneven = RNG.random(size) * 2.0 ** RNG.integers(-40, 40, size)
    for weights in (uneven, np.full(size, 0.1)):
        assert exact_sum(weights) == math.fsum(weights)
