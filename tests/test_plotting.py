"""Pictures of clouds in any dimension, points on a line included."""

import numpy as np
import pytest
from problems import cloud, weights

import sinkhorn_nb as snb

Figure = pytest.importorskip("matplotlib.figure").Figure

TIMES = (0.5, 1.0)


def shown(ax):
    """The points of each collection drawn."""
    return [np.asarray(collection.get_offsets()) for collection in ax.collections]


def divergence_in(d, a=None, b=None):
    return snb.sinkhorn_divergence(cloud(40, d), cloud(50, d, shift=3.0), a, b, blur=0.1)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_divergence_is_drawn_in_every_dimension(tmp_path, d):
    figure = snb.plotting.plot_motion(divergence_in(d), TIMES)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[0] == "source $x$" and titles[2:] == ["t = 1/2", "t = 1", "target $y$"]
    snb.plotting.save(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_points_in_the_plane_are_where_they_are():
    divergence = divergence_in(2)
    figure = snb.plotting.plot_motion(divergence, TIMES)
    moved = cloud(40, 2) + snb.plotting.descent(divergence)
    np.testing.assert_allclose(shown(figure.axes[0])[0], cloud(40, 2))
    np.testing.assert_allclose(shown(figure.axes[3])[0], moved)
    assert all(ax.get_aspect() == 1 for ax in figure.axes)


def test_points_on_a_line_move_sideways_to_the_target_s_distribution():
    a, b = weights(40, mass=3.0), weights(50, mass=3.0)
    divergence = divergence_in(1, a, b)
    figure = snb.plotting.plot_motion(divergence, TIMES)
    source, moved, target = (shown(figure.axes[k])[0] for k in (0, 3, 4))
    np.testing.assert_array_equal(source[:, 0], cloud(40, 1)[:, 0])
    np.testing.assert_array_equal(target[:, 0], cloud(50, 1, shift=3.0)[:, 0])
    np.testing.assert_array_equal(source[:, 1], moved[:, 1])
    below = [np.sum(a[source[:, 0] < x]) + own / 2 for x, own in zip(source[:, 0], a, strict=True)]
    np.testing.assert_allclose(source[:, 1], np.array(below) / 3.0)
    order = np.argsort(target[:, 0])
    expected = np.interp(moved[:, 1], target[order, 1], target[order, 0])
    assert np.median(np.abs(moved[:, 0] - expected)) < 0.1
    for ax in figure.axes:
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        assert left < min(source[:, 0]) and right > max(target[:, 0]) and bottom < 0 and top > 1


def test_a_cloud_on_a_line_alone_is_drawn_with_equal_weights():
    figure = Figure()
    ax = figure.subplots()
    snb.plotting.plot_cloud(ax, np.array([[3.0], [1.0], [2.0], [2.0]]))
    np.testing.assert_allclose(shown(ax)[0], [[3, 7 / 8], [1, 1 / 8], [2, 3 / 8], [2, 5 / 8]])
    assert ax.get_aspect() == "auto"


def test_arrows_on_a_line_are_level():
    figure = Figure()
    ax = figure.subplots()
    snb.plotting.plot_displacement(
        ax, np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]]), np.zeros(2)
    )
    (arrows,) = ax.collections
    assert (arrows.U.tolist(), arrows.V.tolist()) == ([2, 3], [0, 0])
    np.testing.assert_allclose(arrows.XY, [[0, 0.25], [1, 0.75]])


@pytest.mark.parametrize("d", [1, 2])
def test_a_single_point_has_a_frame_around_it(d):
    figure = snb.plotting.plot_motion(
        snb.sinkhorn_divergence(np.ones((1, d)), np.ones((1, d)), blur=1.0)
    )
    assert figure.axes[0].get_xlim() == pytest.approx((0.97, 1.03))
