"""Values of labelings: those of the divergence, within the range of floats and beyond it, in chunks
and no longer than needed.
"""

import numpy as np
import pytest
from problems import draws

import sinkhorn_nb as snb
from sinkhorn_nb.losses import labelings as module
from sinkhorn_nb.losses import two_sample
from sinkhorn_nb.losses.jobs import Parcel
from sinkhorn_nb.losses.labelings import Effort, effort, sinkhorn_values
from sinkhorn_nb.losses.permutations import labelings
from sinkhorn_nb.losses.pooled_kernel import ROUGH, SMALLEST_LOG, PooledKernel

PRECISE = snb.Sinkhorn(tol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "blur, sizes, count", [(0.3, (60, 40), 20), (1.0, (150, 120), 3), (3.0, (60, 40), 20)]
)
def test_values_of_labelings_are_the_divergences_of_their_sides(blur, sizes, count, dtype):
    z = np.concatenate(draws(0, *sizes, shift=0.2)) + 2.0**20
    labels = labelings(*sizes, count, np.random.default_rng(1))
    found = sinkhorn_values(z, labels, blur, Effort(dtype, 500))
    pairs = [(z[sides], z[~sides]) for sides in labels]
    expected = [snb.sinkhorn_divergence(x, y, blur=blur, solver=PRECISE).value for x, y in pairs]
    assert found.converged.all()
    np.testing.assert_allclose(found.value, expected, atol=1e-4 * blur**2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_costs_of_equal_points_that_are_far_away_are_rounded_to_no_negative_ones(dtype):
    x = 1e10 * draws(0)[0]
    sides = np.arange(120) < 60
    found = sinkhorn_values(np.concatenate([x, x]), sides[None], 1.0, Effort(dtype, 50))
    assert np.isfinite(found.value).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_entries_and_factors_of_the_kernel_are_zero_before_they_are_denormal(dtype):
    points = np.linspace(0.0, 60.0, 200)[:, None]
    kernel = PooledKernel(points, 1.0, dtype)
    entries = kernel.product(np.eye(200))
    least = np.exp(SMALLEST_LOG[dtype])
    assert 0.999 * least < entries[entries > 0].min() < 1e5 * least
    assert not kernel.product(np.full((200, 1), least**1.4)).any()


@pytest.mark.parametrize("outlier, most", [(0.0, 8), (1e6, 50)])
def test_sums_of_the_kernel_are_scaled_to_about_one(outlier, most, monkeypatch):
    made = []
    exponents = PooledKernel._exponents

    def counted(self, first, last):
        made.append(last - first)
        return exponents(self, first, last)

    monkeypatch.setattr(PooledKernel, "_exponents", counted)
    points = draws(0)[0]
    points[0] += outlier
    kernel = PooledKernel(points, 0.25, "float64")
    means = kernel.product(np.ones((60, 1))) / 60
    assert np.abs(np.log(means)).max() < ROUGH
    assert len(made) <= most


@pytest.mark.parametrize("most, has_converged", [(3, False), (6, True)])
def test_a_labeling_has_converged_if_its_self_problems_have_too(most, has_converged):
    z = np.concatenate(draws(0, 12, 15, 2))
    found = sinkhorn_values(z, np.arange(27)[None] < 12, 50.0, Effort("float64", most))
    assert found.converged[0] == has_converged  # the two sides are at once


def test_labelings_that_have_converged_take_no_more_products(monkeypatch):
    columns = []
    product = PooledKernel.product

    def counted(self, V):
        columns.append(V.shape[1])
        return product(self, V)

    monkeypatch.setattr(PooledKernel, "product", counted)
    labels = labelings(60, 40, 19, np.random.default_rng(1))
    found = sinkhorn_values(np.concatenate(draws(0)), labels, 1.0, Effort("float64", 500))
    assert found.converged.all()
    assert len(columns) < 100 and min(columns) < 20 == columns[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_far, is_lost", [(2, False), (3, True)])
def test_a_labeling_whose_sums_leave_the_range_of_floats_has_not_converged(
    n_far, is_lost, dtype, monkeypatch
):
    """Beyond a percent of the mass it is solved in another way."""
    monkeypatch.setattr(module, "TOL", 0.02)  # more than the mass of these points
    x, y = draws(0, 250, 250, 2)
    x[:n_far] += 1e4
    sides = np.arange(500) < 250
    found = sinkhorn_values(
        np.concatenate([x, y]), np.stack([sides, ~sides]), 0.5, Effort(dtype, 50)
    )
    assert found.converged.tolist() == [False, False]
    assert found.lost.tolist() == [is_lost, is_lost]
    assert np.isfinite(found.value).all()


@pytest.mark.parametrize("dtype, is_lost", [("float32", True), ("float64", False)])
def test_samples_twenty_blurs_apart_are_within_the_range_of_float64_alone(dtype, is_lost):
    x, y = draws(0, 30, 20, 2)
    z = np.concatenate([x, y + 20.0])
    found = sinkhorn_values(z, np.arange(50)[None] < 30, 1.0, Effort(dtype, 500))
    assert (found.lost[0], found.converged[0]) == (is_lost, not is_lost)


@pytest.mark.parametrize(
    "n_jobs, shares",
    [(None, [(0, 300)]), (2, [(0, 256), (256, 300)]), (3, [(0, 128), (128, 256), (256, 300)])],
)
def test_jobs_take_whole_chunks_of_labelings(n_jobs, shares, monkeypatch):
    taken = []

    def one_by_one(solve, tasks, n_jobs):
        for rows, *task in tasks:
            taken.append((rows.start, rows.stop))
            yield Parcel(*solve(rows, *task))

    monkeypatch.setattr(two_sample, "spread", one_by_one)
    test = {"blur": 1.0, "n_permutations": 299, "random_state": 0, "n_jobs": n_jobs}
    snb.sinkhorn_two_sample_test(*draws(0, 6, 5), **test)
    assert taken == shares


def test_the_precision_and_the_iterations_of_a_test_follow_from_its_size_and_the_blur():
    few, many = (np.random.default_rng(0).normal(size=(n, 2)) for n in (100, 2000))
    assert effort(few, 100, 0.1) == Effort("float64", 1000)
    assert effort(many, 1000, 0.1) == Effort("float32", 6)
    assert effort(many, 200, 0.1) == Effort("float32", 21)
    assert effort(many, 1000, 3.0) == Effort("float64", 6)
