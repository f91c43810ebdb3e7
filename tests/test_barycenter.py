"""Barycenters with free support: stationary points, closed forms, weights, convergence, bad input."""

import numpy as np
import pytest
from problems import cloud

import sinkhorn_nb as snb
from sinkhorn_nb import Measure
from sinkhorn_nb.losses.free_support import first_points
from sinkhorn_nb.losses.momentum import INERTIA, SLOW, Momentum

CLOUDS = [cloud(60, 2), 1.5 * cloud(50, 2, shift=2.0), cloud(40, 2)[:, ::-1]]
PRECISE = snb.Sinkhorn(tol=1e-6)


def barycenter(measures=CLOUDS, weights=None, **settings):
    settings = {"blur": 0.4, "n_points": 40, "random_state": 0} | settings
    return snb.sinkhorn_barycenter(measures, weights, **settings)


def test_the_gradient_of_the_mean_divergence_vanishes():
    weights = [1.0, 2.0, 3.0]
    found = barycenter(weights=weights, tol=1e-4, max_iter=300, solver=PRECISE)
    parts = [snb.sinkhorn_divergence(found.points, y, blur=0.4, solver=PRECISE) for y in CLOUDS]
    steps = sum(w / 6 * len(found) * p.gradient().x for w, p in zip(weights, parts, strict=True))
    assert np.sqrt((steps**2).sum(axis=1).mean()) < 3e-4
    assert found.converged and found.history[-1] <= 1e-4 and found.n_iter == len(found.history)


def test_steps_lower_the_mean_divergence():
    means = [
        np.mean([snb.sinkhorn_divergence(b.points, y, blur=0.4).value for y in CLOUDS])
        for b in (stopped(1), stopped(2), barycenter())
    ]
    assert means[0] > means[1] > means[2]


def stopped(max_iter):
    with pytest.warns(snb.ConvergenceWarning, match="points of the barycenter still move by"):
        found = barycenter(max_iter=max_iter)
    assert not found.converged and found.n_iter == max_iter
    return found


def test_of_moved_copies_it_is_the_copy_in_the_middle():
    moved = [CLOUDS[0], CLOUDS[0] + np.array([6.0, 0.0])]
    found = barycenter(moved, [3, 1], blur=0.2, n_points=60)
    middle = CLOUDS[0] + np.array([1.5, 0.0])
    assert snb.sinkhorn_divergence(found.points, middle, blur=0.2).value < 2e-3
    np.testing.assert_allclose(found.centroid, middle.mean(axis=0), atol=1e-3)


def test_on_a_line_quantiles_are_averaged():
    x = np.linspace(0, 1, 200)[:, None]
    found = barycenter([x, 3 * x + 5], [0.5, 0.5], blur=0.03, n_points=100, tol=1e-4)
    expected = 2 * np.linspace(0, 1, 100) + 2.5
    np.testing.assert_allclose(np.sort(found.points[:, 0]), expected, atol=0.06)


def test_measures_have_weights_and_a_mass_of_their_own():
    weights = np.where(np.arange(60) < 30, 3.0, 1.0)
    repeated = np.repeat(CLOUDS[0], weights.astype(int), axis=0)
    one = barycenter([Measure.of(CLOUDS[0], weights)], solver=PRECISE)
    assert one.mass == pytest.approx(weights.sum())
    two = barycenter([repeated], solver=PRECISE)
    assert snb.sinkhorn_divergence(one.points, two.points, blur=0.4).value < 1e-3
    value = snb.sinkhorn_divergence(one.points, repeated, blur=0.4).value
    assert value < snb.sinkhorn_divergence(CLOUDS[0], repeated, blur=0.4).value


def test_a_measure_without_a_share_has_no_influence():
    far = [*CLOUDS[:2], CLOUDS[2] + 100]
    found = barycenter(far, [1, 1, 0])
    assert np.abs(found.points).max() < 20


def test_momentum_is_added_to_long_steps_that_lead_on():
    def second(step):
        momentum = Momentum()
        here = momentum.next(np.zeros((1, 2)), np.array([[1.0, 0.0]]))
        np.testing.assert_array_equal(here, [[1.0, 0.0]])
        return momentum.next(here, np.array([step])) - here - step

    np.testing.assert_allclose(second([SLOW, 0.1]), [[INERTIA, 0.0]])
    short, uphill, aside = [0.5 * SLOW, 0.0], [-0.9, 0.1], [0.0, 0.9]
    for step in (short, uphill, aside):
        np.testing.assert_allclose(second(step), [[0.0, 0.0]], atol=1e-15)


def test_the_first_points_lie_about_the_mean_of_the_measures():
    clouds = [Measure.of(CLOUDS[0]), Measure.of(CLOUDS[0] + 1e3), Measure.of(1e2 * CLOUDS[1])]
    shares = np.array([0.5, 0.5, 0.0])
    points = first_points(clouds, shares, 500, 0.1, np.random.default_rng(0))
    np.testing.assert_allclose(points - 500, CLOUDS[0].mean(axis=0) + np.zeros((500, 2)), atol=5)
    assert len(np.unique(points, axis=0)) == 500


def test_the_seed_decides_the_first_points():
    np.testing.assert_array_equal(barycenter().points, barycenter().points)
    assert not np.array_equal(barycenter().points, barycenter(random_state=1).points)


def test_the_progress_of_the_steps_is_shown(capsys):
    barycenter(solver=snb.Sinkhorn(progress=True))
    assert "steps" in capsys.readouterr().err


def test_plans_that_do_not_converge_are_reported():
    with pytest.warns(snb.ConvergenceWarning):
        found = barycenter(solver=snb.Sinkhorn(tol=1e-9, max_iter=2), tol=1e3)
    assert not found.converged


BAD = {
    "no measure": ({"measures": []}, ValueError, "measures: expected at least one array"),
    "another dimension": (
        {"measures": [CLOUDS[0], cloud(5, 3)]},
        ValueError,
        r"measures\[1\]: expected points in dimension 2 like measures\[0\]",
    ),
    "another mass": (
        {"measures": [CLOUDS[0], Measure.of(CLOUDS[1], np.ones(50))]},
        ValueError,
        r"weights of measures\[1\]: expected the total mass .* by its sum to compare probabilities$",
    ),
    "weights for others": ({"weights": [1, 2]}, ValueError, "weights: expected 3 weights"),
    "negative weights": ({"weights": [1, 2, -1]}, ValueError, "weights: expected weights >= 0"),
    "no points": ({"n_points": 0}, ValueError, "n_points: expected an integer >= 1"),
    "blur as a word": ({"blur": "auto"}, TypeError, "blur: expected a length > 0"),
    "no step": ({"max_iter": 0}, ValueError, "max_iter: expected an integer >= 1"),
    "no tolerance": ({"tol": 0}, ValueError, "tol: expected a finite number > 0"),
}


@pytest.mark.parametrize("settings, kind, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_named(settings, kind, message):
    with pytest.raises(kind, match=message):
        barycenter(**settings)
