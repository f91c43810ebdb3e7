"""Clouds on which compressed solves once failed: right within the stated errors, or refused."""

import numpy as np
import pytest
from large_clouds import mixture

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.compression import choice, rounds

PLAIN = Sinkhorn(tol=1e-6, compression=None)
BLUR = 0.06


@pytest.fixture
def automatic(monkeypatch):
    """The default solver, which compresses small clouds, too."""
    monkeypatch.setattr(choice, "LEAST_POINTS", 1000)
    monkeypatch.setattr(choice, "MOST_PAIRS", 1)  # values far below eps are kept
    monkeypatch.setattr(rounds, "MOST_SHARE", 0.6)  # of heavy tails
    monkeypatch.setattr(rounds, "MOST_WORK", 2.0)
    return Sinkhorn(compression="auto")


def with_outlier(distance, n=2500):
    """Two mixtures; one point, with a mass of 1/n, is many blurs away."""
    rng = np.random.default_rng(0)
    far = np.array([[0.9, 0.4]]) * distance * BLUR
    return np.concatenate([mixture(rng, n - 1, 2), far]), mixture(rng, n, 2)


def compared(x, y, solver, blur=BLUR):
    mine = choice.compressed_divergence
    problem = snb.Problem(snb.Measure.of(x), snb.Measure.of(y), blur**2)
    return mine(problem, solver), snb.sinkhorn_divergence(x, y, blur=blur, solver=PLAIN)


@pytest.mark.parametrize("distance", [143, 900])
def test_the_value_of_a_far_outlier_is_right_within_its_error(automatic, distance):
    (mine, _), theirs = compared(*with_outlier(distance), automatic)
    assert mine is not None and mine.converged
    assert abs(mine.value - theirs.value) <= mine.value_error <= 1e-4 * theirs.value


@pytest.mark.parametrize("compression", ["auto", 1.0])
def test_outliers_beyond_float32_are_refused(automatic, compression):
    x, y = with_outlier(3000)
    problem = snb.Problem(snb.Measure.of(x), snb.Measure.of(y), BLUR**2)
    solver = Sinkhorn(compression=compression)
    found, report = choice.compressed_divergence(problem, solver)
    assert found is None and "too wide for float32" in report.reason


def test_images_of_points_where_the_map_jumps_are_those_of_a_plain_solve():
    """Between the basins of two clusters, all but a few points in a hundred."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(3000, 2))
    y = np.repeat([[-1.0, 0.0], [1.0, 0.0]], 1500, axis=0) + 0.05 * rng.normal(size=(3000, 2))
    solver = Sinkhorn(compression=0.7, tol=5e-3)
    (mine, _), theirs = compared(x, y, solver, blur=0.1)
    errors = np.linalg.norm(mine.xy.map() - theirs.xy.map(), axis=1)
    assert np.quantile(errors, 0.98) <= 0.05 * 0.1
    assert np.sqrt((errors**2).mean()) <= 0.05 * 0.1


def test_heavy_tails_are_right_within_their_errors(automatic):
    rng = np.random.default_rng(0)
    x, y = np.exp(0.8 * rng.normal(size=(2, 2500, 2)))
    (mine, _), theirs = compared(x, 1.1 * y, automatic, blur=float(0.02 * np.ptp(x)))
    assert mine is not None and abs(mine.value - theirs.value) <= mine.value_error


@pytest.mark.parametrize("noise", [0.001, 0.03, 0.3])
def test_divergences_far_below_eps_are_right_within_their_errors(automatic, noise):
    rng = np.random.default_rng(0)
    x = mixture(rng, 2500, 2)
    y = x + noise * BLUR * rng.normal(size=x.shape)
    (mine, _), theirs = compared(x, y, automatic)
    assert mine.value >= 0
    assert abs(mine.value - theirs.value) <= mine.value_error <= 1e-3 * BLUR**2
