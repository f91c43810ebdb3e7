"""Barycenters of images and of clouds on a given support: optimality, closed forms, bad input."""

import numpy as np
import pytest

import sinkhorn_nb as snb
from sinkhorn_nb import ConvergenceWarning, Grid, Measure, Sinkhorn
from sinkhorn_nb.backends import choice

SHAPE, SPACING, BLUR = (12, 10), 0.1, 0.3
SHARES = np.array([0.5, 0.3, 0.2])
FINE = Sinkhorn(tol=1e-10)


def images():
    """Three spots with holes: 35 % of all pixels are zero."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(*(SPACING * np.arange(n) for n in SHAPE), indexing="ij")
    grids = []
    for _ in SHARES:
        a, b = rng.uniform(0.3, 0.7, 2)
        weights = np.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.04) * (rng.random(SHAPE) > 0.35)
        grids.append(Grid(weights / weights.sum(), SPACING))
    return grids


def barycenter(measures, shares=SHARES, **settings):
    return snb.sinkhorn_barycenter(measures, shares, **({"blur": BLUR} | settings))


def spread(found, values):
    """The standard deviation of values between the masses of a barycenter."""
    mean = (found.weights * values).sum()
    return np.sqrt((found.weights * (values - mean) ** 2).sum())


@pytest.mark.parametrize("debiased, tol, share", [(True, 1e-4, 1e-3), (False, 1e-9, 1e-8)])
def test_the_derivative_of_the_objective_is_constant_on_the_barycenter(debiased, tol, share):
    measures = images()
    found = barycenter(measures, debiased=debiased, tol=tol)
    of_each = [snb.entropic_ot(found, each, blur=BLUR, solver=FINE).f for each in measures]
    derivative = np.tensordot(SHARES, of_each, axes=1)
    if debiased:
        derivative -= snb.entropic_ot(found, found, blur=BLUR, solver=FINE).f
    else:  # the plan's reference in the barycenter is uniform
        derivative += BLUR**2 * np.log(found.weights)
    assert found.converged
    assert spread(found, derivative) < share * spread(found, of_each[0])
    assert found.weights.shape == SHAPE
    assert found.mass == pytest.approx(1.0, abs=1e-14)


def test_a_debiased_barycenter_is_the_better_one():
    measures = images()
    means = [
        SHARES @ [float(snb.sinkhorn_divergence(b, each, blur=BLUR)) for each in measures]
        for b in (barycenter(measures), barycenter(measures, debiased=False), measures[0])
    ]
    assert means[0] < means[1]
    assert means[0] < means[2]


def gaussian(mean, deviation):
    x = 0.01 * np.arange(301)
    density = np.exp(-(((x - mean) / deviation) ** 2) / 2)
    return Grid(density / density.sum(), 0.01)


def variance(grid):
    x = 0.01 * np.arange(301)
    mean = grid.weights @ x
    return mean, grid.weights @ (x - mean) ** 2


def test_of_gaussians_it_is_the_gaussian_with_the_mean_deviation():
    measures = [gaussian(1.0, 0.1), gaussian(2.0, 0.1)]
    mean, debiased = variance(snb.sinkhorn_barycenter(measures, [1, 3], blur=0.1, tol=1e-4))
    assert mean == pytest.approx(1.75, abs=1e-3)
    assert debiased == pytest.approx(0.1**2, rel=0.01)
    _, biased = variance(snb.sinkhorn_barycenter(measures, [1, 3], blur=0.1, debiased=False))
    assert biased > 1.3 * 0.1**2


def test_the_barycenter_of_one_image_is_the_image():
    (measure, *_) = images()
    found = snb.sinkhorn_barycenter([measure, measure], blur=BLUR)
    assert snb.sinkhorn_divergence(found, measure, blur=BLUR).value < 1e-3 * BLUR**2


@pytest.mark.parametrize("debiased", [True, False])
def test_a_grid_and_its_points_as_support_have_the_same_barycenter(debiased):
    measures = images()
    settings = {"debiased": debiased, "tol": 1e-4}
    of_grids = barycenter(measures, **settings)
    places = measures[0].points.reshape(-1, 2)
    clouds = [Measure.of(places, each.weights.ravel()) for each in measures]
    found = barycenter(clouds, support=places, **settings)
    assert found.converged
    assert (found.points == places).all()
    np.testing.assert_allclose(found.weights, of_grids.weights.ravel(), atol=2e-5)


def test_a_blur_below_a_pixel_is_the_one_of_the_finest_grid():
    weights = np.random.default_rng(0).random((2, 40))
    line = [Grid(each / each.sum(), 1.0) for each in weights]
    settings = {"blur": 0.55, "tol": 1e-5, "debiased": False}
    found = snb.sinkhorn_barycenter(line, **settings)
    clouds = [Measure.of(each.points, each.weights) for each in line]
    expected = snb.sinkhorn_barycenter(clouds, support=line[0].points, **settings)
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-5)


def test_a_support_may_have_other_points_and_clouds_another_mass():
    x = np.random.default_rng(0).normal(size=(80, 2))
    clouds = [Measure.of(x + shift, np.full(80, 0.5)) for shift in ([0.0, 0.0], [2.0, 0.0])]
    middle = x + np.array([1.0, 0.0])
    support = np.concatenate([middle, middle, x[:5] + 50.0])
    found = snb.sinkhorn_barycenter(clouds, blur=0.3, support=support)
    assert found.mass == pytest.approx(40.0)
    assert found.weights[-5:].sum() < 1e-6
    np.testing.assert_allclose(found.weights[:80], found.weights[80:160])
    np.testing.assert_allclose(found.centroid, middle.mean(axis=0), atol=0.02)


def test_a_biased_cloud_is_smaller_than_a_debiased_one():
    x = np.random.default_rng(0).normal(size=(60, 2))
    settings = {"blur": 0.5, "n_points": 40, "random_state": 0}
    of = [snb.sinkhorn_barycenter([x, x + 3], debiased=d, **settings) for d in (True, False)]
    debiased, biased = (b.points.var(axis=0).sum() for b in of)
    assert biased < 0.95 * debiased
    assert debiased == pytest.approx(x.var(axis=0).sum(), rel=0.05)


def test_an_image_without_a_share_has_no_influence():
    measures = images()
    found = barycenter(measures, [0.6, 0.4, 0.0])
    alone = snb.sinkhorn_barycenter(measures[:2], [0.6, 0.4], blur=BLUR)
    np.testing.assert_array_equal(found.weights, alone.weights)


def test_coarser_grids_save_steps_on_the_finest():
    x, y = np.meshgrid(*2 * [(np.arange(70) + 0.5) / 70], indexing="ij")
    weights = [(np.hypot(x - a, y - 0.5) < 0.15).astype(float) for a in (0.3, 0.7)]
    grids = [Grid(w / w.sum(), 1 / 70) for w in weights]
    found = snb.sinkhorn_barycenter(grids, blur=0.05)
    assert found.converged
    assert found.n_iter <= 8
    assert found.weights[28:42, 28:42].sum() > 0.6
    # Then the temperature falls from each grid to the next
    fine = snb.sinkhorn_barycenter(grids, blur=0.013, max_iter=40, debiased=False)
    assert fine.converged
    assert fine.n_iter <= 10


def test_the_debiasing_term_follows_the_temperature_from_grid_to_grid():
    """It is half the logarithm of a density, times eps: half the steps of one that stays."""
    x = (np.arange(80) + 0.5) / 80
    weights = [(np.abs(x - a) < r).astype(float) for a, r in ((0.3, 0.1), (0.7, 0.15))]
    found = snb.sinkhorn_barycenter([Grid(w / w.sum(), 1 / 80) for w in weights], blur=0.0125)
    assert found.converged
    assert found.n_iter <= 14


def test_masses_that_have_not_come_to_rest_are_reported(capsys):
    with pytest.warns(ConvergenceWarning, match="the masses of the barycenter have a marginal"):
        found = barycenter(images(), max_iter=2, tol=1e-9, solver=Sinkhorn(progress=True))
    assert "steps" in capsys.readouterr().err
    assert not found.converged
    assert found.n_iter == 2
    assert repr(found).endswith("converged=False, n_iter=2)")


@pytest.mark.parametrize("settings", [{"support": [[0.0, 0.0], [1.0, 0.0]]}, {"n_points": 2}, {}])
def test_without_a_gpu_no_barycenter_pretends_to_use_one(settings, monkeypatch):
    monkeypatch.setattr(choice, "no_gpu", lambda: "none was found")
    measures = [np.eye(2), np.eye(2)] if settings else images()[:2]
    with pytest.raises(ValueError, match="backend: expected a usable GPU"):
        snb.sinkhorn_barycenter(measures, blur=0.5, solver=Sinkhorn(backend="cuda"), **settings)


GRIDS = images()
BAD = {
    "points beside grids": (
        {"measures": [GRIDS[0], np.zeros((5, 2)), GRIDS[1]]},
        TypeError,
        r"measures\[1\]: expected a Grid like the other measures, got ndarray",
    ),
    "another shape": (
        {"measures": [GRIDS[0], Grid(np.ones((4, 4)) / 16, SPACING), GRIDS[1]]},
        ValueError,
        r"measures\[1\]: expected the shape, spacing and origin .* pad the smaller image",
    ),
    "another mass": (
        {"measures": [GRIDS[0], Grid(2 * GRIDS[1].weights, SPACING), GRIDS[1]]},
        ValueError,
        r"weights of measures\[1\]: expected the total mass .* by its sum to compare probabilities$",
    ),
    "points of a grid": ({"n_points": 5}, TypeError, "n_points: expected None beside grids"),
    "support of a grid": (
        {"support": [[0.0, 0.0]]},
        TypeError,
        "support: expected None beside grids",
    ),
    "a small blur": ({"blur": 0.04}, ValueError, "blur: expected at least half a pixel, 0.05"),
    "debiased as a word": ({"debiased": "yes"}, ValueError, "debiased: expected one of"),
    "no number of points": (
        {"measures": [np.zeros((5, 2))] * 3},
        TypeError,
        "n_points: expected the number of points of the barycenter, got None; pass n_points, or "
        "support",
    ),
    "both": (
        {"measures": [np.zeros((5, 2))] * 3, "n_points": 3, "support": [[0.0, 0.0]]},
        TypeError,
        "n_points: expected None beside support",
    ),
    "a support elsewhere": (
        {"measures": [np.zeros((5, 2))] * 3, "support": [[0.0]]},
        ValueError,
        "support: expected points in dimension 2",
    ),
}


@pytest.mark.parametrize("settings, kind, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_named(settings, kind, message):
    with pytest.raises(kind, match=message):
        barycenter(**({"measures": GRIDS} | settings))
