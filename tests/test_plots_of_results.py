"""Pictures of results on given or new axes, in every dimension."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from problems import cloud, weights

import sinkhorn_nb as snb

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
plt = pytest.importorskip("matplotlib.pyplot")

plotting = snb.plotting
N, M = 40, 30


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


@cache
def divergence_in(d):
    a, b = weights(N, mass=1.0), weights(M, mass=1.0)
    return snb.sinkhorn_divergence(cloud(N, d), cloud(M, d, shift=3.0), a, b, blur=0.1)


def places(collection):
    """The drawn points (n, k), of axes with depth, too."""
    depth = getattr(collection, "_offsets3d", None)
    return np.asarray(collection.get_offsets() if depth is None else np.transpose(depth))


PLOTS = {
    "plan": lambda d, **ax: plotting.plot_plan(divergence_in(d).xy, n_lines=7, **ax),
    "map": lambda d, **ax: plotting.plot_map(divergence_in(d).xy, **ax),
    "divergence": lambda d, **ax: plotting.plot_divergence(divergence_in(d), **ax),
    "potentials": lambda d, **ax: plotting.plot_potentials(divergence_in(d), **ax),
}


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("name", PLOTS)
def test_results_are_drawn_on_new_axes_with_depth_for_points_in_space(name, d):
    ax = PLOTS[name](d)
    assert ax.name == ("3d" if d == 3 else "rectilinear")
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize("name", PLOTS)
def test_results_are_drawn_on_the_given_axes(name):
    _, ax = plt.subplots()
    assert PLOTS[name](2, ax=ax) is ax
    assert plt.get_fignums() == [1]


def test_lines_of_a_plan_join_pairs_of_points_and_are_few():
    ax = plotting.plot_plan(divergence_in(2).xy, n_lines=9)
    x = cloud(N, 2)
    y = cloud(M, 2, shift=3.0)
    assert len(ax.lines) == 9
    for line in ax.lines:
        start, end = line.get_xydata()
        assert (x == start).all(axis=1).any() and (y == end).all(axis=1).any()


def test_more_dimensions_are_shown_by_principal_components():
    x = np.zeros((60, 5))
    x[:, 3] = np.linspace(-1, 1, 60)
    x[:, 1] = 0.1 * np.cos(np.arange(60))
    y = x + 0.01
    ax = plotting.plot_map(snb.entropic_ot(x, y, blur=0.3))
    target, source = (places(collection) for collection in ax.collections[:2])
    assert np.ptp(source[:, 0]) == pytest.approx(2.0, rel=1e-2)
    assert np.ptp(source[:, 1]) == pytest.approx(0.2, rel=2e-2)
    np.testing.assert_allclose(target - source, np.broadcast_to(target[0] - source[0], (60, 2)))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("PC 1", "PC 2")


def test_three_dimensions_on_flat_axes_are_projected():
    _, ax = plt.subplots()
    plotting.plot_divergence(divergence_in(3), ax=ax)
    assert places(ax.collections[0]).shape == (M, 2) and ax.get_xlabel() == "PC 1"


def test_arrows_lead_to_the_map_and_along_the_descent():
    divergence = divergence_in(2)
    for draw, result, moves in (
        (plotting.plot_map, divergence.xy, divergence.xy.map() - cloud(N, 2)),
        (plotting.plot_divergence, divergence, plotting.descent(divergence)),
    ):
        arrows = draw(result).collections[-1]
        np.testing.assert_allclose(np.stack([arrows.U, arrows.V], axis=1), moves)
        np.testing.assert_allclose(arrows.XY, cloud(N, 2))


def test_potentials_on_a_line_are_curves_in_order():
    solution = divergence_in(1).xy
    f, g = plotting.plot_potentials(solution).lines
    order = np.argsort(cloud(N, 1)[:, 0])
    np.testing.assert_array_equal(f.get_xdata(), cloud(N, 1)[order, 0])
    np.testing.assert_array_equal(f.get_ydata(), solution.f[order])
    assert len(g.get_xdata()) == M


def test_a_divergence_shows_its_own_potentials():
    divergence = divergence_in(2)
    f, g = plotting.plot_potentials(divergence).collections[:2]
    np.testing.assert_array_equal(f.get_array(), divergence.potentials[0])
    np.testing.assert_array_equal(g.get_array(), divergence.potentials[1])
    assert f.get_clim() == g.get_clim()


def test_a_matrix_has_no_places_so_that_its_plan_is_an_image_and_its_potentials_are_over_indices():
    costs = np.abs(np.subtract.outer(np.arange(6.0), np.arange(4.0)))
    solution = snb.entropic_ot_matrix(costs, eps=0.5)
    (image,) = plotting.plot_plan(solution).images
    np.testing.assert_allclose(image.get_array(), solution.plan.toarray())
    f, g = plotting.plot_potentials(solution).lines
    np.testing.assert_array_equal(f.get_xdata(), np.arange(6))
    np.testing.assert_array_equal(g.get_ydata(), solution.g)
    with pytest.raises(ValueError, match="between indices"):
        plotting.plot_map(solution)


def test_the_image_of_a_large_plan_sums_the_masses_of_neighbors(monkeypatch):
    monkeypatch.setattr("sinkhorn_nb.plotting.transport.FINEST", 2)
    costs = np.abs(np.subtract.outer(np.arange(6.0), np.arange(4.0)))
    solution = snb.entropic_ot_matrix(costs, eps=0.5)
    (image,) = plotting.plot_plan(solution).images
    sums = solution.plan.toarray().reshape(2, 3, 2, 2).sum(axis=(1, 3))
    np.testing.assert_allclose(image.get_array(), sums)


def test_convergence_has_a_curve_for_each_solution_and_a_line_at_the_tolerance():
    divergence = divergence_in(2)
    assert len(plotting.plot_convergence(divergence).lines) == 3 + 1
    ax = plotting.plot_convergence({"first": divergence.xy, "again": divergence.xy})
    first, _, tolerance = ax.lines
    np.testing.assert_array_equal(first.get_ydata(), divergence.xy.history)
    assert tolerance.get_ydata()[0] == divergence.xy.tol
    assert ax.get_yscale() == "log" and first.get_label().startswith("first: ")
    assert plotting.plot_convergence(divergence.xy).lines[0].get_label().endswith("passes")


def test_a_bad_start_does_not_flatten_the_curves():
    history = np.array([1e50, 1e-1, 1e-3])
    spoiled = dataclasses.replace(divergence_in(2).xy, history=history)
    assert plotting.plot_convergence(spoiled).get_ylim()[1] == 10.0


def test_a_test_is_drawn_with_its_statistic_among_those_of_labelings():
    x, y = cloud(20, 2), cloud(20, 2, shift=3.0)
    test = snb.sinkhorn_two_sample_test(x, y, blur=1.0, n_permutations=19, random_state=0)
    ax = plotting.plot_drift(test)
    assert sum(bar.get_height() for bar in ax.patches) == 19
    assert ax.lines[0].get_xdata()[0] == test.statistic
    assert ax.get_title() == f"p = {test.pvalue:.3g}"
