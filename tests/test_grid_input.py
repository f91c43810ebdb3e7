"""Bad images, spacings, origins and pairs of grids: errors that name the cure."""

import numpy as np
import pytest

import sinkhorn_nb as snb
from sinkhorn_nb import Grid, Sinkhorn, initializers
from sinkhorn_nb.losses import grids

IMAGE = np.ones((8, 6)) / 48
GRID = Grid(IMAGE, 0.1)
NEGATIVE = IMAGE.copy()
NEGATIVE[2, 3] = -0.5
MISSING = IMAGE.copy()
MISSING[1, 1] = np.nan


@pytest.fixture(autouse=True)
def _small_images_on_grids(monkeypatch):
    """Solve the small images of the tests as large ones are."""
    monkeypatch.setattr(grids, "FEW_PAIRS", 0)


BAD_GRIDS = {
    "negative": ((NEGATIVE,), ValueError, r"weights: expected pixels >= 0, got -0.5 at index \[2"),
    "missing": ((MISSING,), ValueError, r"weights: expected finite numbers, got nan at index \[1"),
    "complex": ((IMAGE * 1j,), TypeError, "weights: expected .* real numbers, got complex"),
    "masked": (
        (np.ma.masked_less(IMAGE + np.eye(8, 6), 1.0),),
        ValueError,
        r"weights: expected .* without masked entries, got 42 of them; pass weights.filled\(0\)",
    ),
    "empty": ((0 * IMAGE,), ValueError, "weights: expected at least one pixel > 0, got an empty"),
    "no pixels": ((np.zeros((0, 3)),), ValueError, "weights: expected 1 to 3 axes"),
    "a number": ((3.0,), ValueError, r"weights: expected 1 to 3 axes .* got shape \(\)"),
    "many axes": ((np.ones((2, 2, 2, 2)),), ValueError, "weights: expected 1 to 3 axes"),
    "channels": (
        (np.ones((9, 9, 3), dtype=np.uint8),),
        ValueError,
        r"looks like an image with 3 channels; pass one channel, weights\[..., 0\], .* volume",
    ),
    "channels first": (
        (np.ones((4, 2, 9), dtype=np.uint8),),
        ValueError,
        r"an image with 4 channels; pass one channel, weights\[0\], or their sum, "
        r"weights\[:3\].sum\(axis=0\); if it is a volume, .* spacing=\(1, 1, 1\)",
    ),
    "channels of floats": (
        (np.ones((3, 16, 17), dtype=np.float32),),
        ValueError,
        r"got shape \(3, 16, 17\) of float32, which looks like an image with 3 channels",
    ),
    "channels last": (
        (np.ones((16, 40, 4)),),
        ValueError,
        r"shape \(16, 40, 4\) of float64, which looks like an image with 4 channels; pass one "
        r"channel, weights\[..., 0\], or their sum, weights\[..., :3\].sum\(axis=-1\); if it is a vol",
    ),
    "channels beside the spacing of an image": (
        (np.ones((16, 40, 3)), (1.0, 1.0)),
        ValueError,
        "which looks like an image with 3 channels",
    ),
    "huge": (
        (np.full((2, 2), 1e308),),
        ValueError,
        r"weights: expected pixels with a sum up to 1e\+150, got inf",
    ),
    "a path": (("image.png",), TypeError, "weights: expected an array of pixels"),
    "no spacing": ((IMAGE, 0.0), ValueError, "spacing: expected lengths > 0, got 0; .* flip"),
    "backwards": ((IMAGE, (0.1, -0.1)), ValueError, "spacing: expected lengths > 0, got -0.1"),
    "many spacings": ((IMAGE, (1, 2, 3)), ValueError, "spacing: expected one number, or 2 of them"),
    "infinite": ((IMAGE, np.inf), ValueError, "spacing: expected finite numbers"),
    "far origin": ((IMAGE, 0.1, np.nan), ValueError, "origin: expected finite numbers"),
    "many origins": ((IMAGE, 0.1, (1, 2, 3)), ValueError, "origin: expected one number, or 2"),
}

POINTS = np.zeros((4, 2))
BAD_PAIRS = {
    "points": ((GRID, POINTS), {}, TypeError, "y: expected a Grid like x, got ndarray; pass Grid"),
    "points first": ((POINTS, GRID), {}, TypeError, "x: expected a Grid like y, got ndarray"),
    "weights": ((GRID, GRID, np.ones(48)), {}, TypeError, "a: expected None beside a Grid"),
    "weights of y": (
        (GRID, GRID, None, np.ones(48)),
        {},
        TypeError,
        "b: expected None beside a Grid, .* leave it out, or make a Grid with these weights",
    ),
    "another spacing": (
        (GRID, Grid(IMAGE, (0.1, 0.2))),
        {},
        ValueError,
        r"y: expected the spacing \(0.1, 0.1\) of x, got \(0.1, 0.2\); resample",
    ),
    "other axes": (
        (GRID, Grid(IMAGE.ravel(), 0.1)),
        {},
        ValueError,
        "y: expected a grid with 2 axes like x, got 1",
    ),
    "other masses": (
        (GRID, Grid(2 * IMAGE, 0.1)),
        {},
        ValueError,
        r"y: expected the total mass of x \(1\), got 2; divide each of them by its sum",
    ),
    "a fine blur": (
        (GRID, GRID),
        {"blur": 0.04},
        ValueError,
        "blur: expected at least half a pixel, 0.05 .* got 0.04; use a larger blur",
    ),
    "a start of points": (
        (GRID, Grid(np.pad(IMAGE, 1)[1:-1, :6], 0.1, 0.02)),
        {"solver": Sinkhorn(init=initializers.Subsample()), "reach": 1.0},
        ValueError,
        "init: expected 'auto', 'zeros', 'gaussian', a solution or potentials for grids",
    ),
    "a GPU": (
        (GRID, Grid(IMAGE, 0.1, 0.02)),
        {"solver": Sinkhorn(backend="cuda"), "p": 1},
        ValueError,
        "backend: expected 'auto' or 'cpu' for grids with this cost, got 'cuda'",
    ),
}


@pytest.mark.parametrize("arguments, kind, message", BAD_GRIDS.values(), ids=BAD_GRIDS)
def test_a_bad_grid_is_refused_when_it_is_made(arguments, kind, message):
    with pytest.raises(kind, match=message):
        Grid(*arguments)


@pytest.mark.parametrize("function", [snb.sinkhorn_divergence, snb.entropic_ot])
@pytest.mark.parametrize("arguments, settings, kind, message", BAD_PAIRS.values(), ids=BAD_PAIRS)
def test_grids_that_do_not_fit_are_refused(function, arguments, settings, kind, message):
    with pytest.raises(kind, match=message):
        function(*arguments, **({"blur": 0.2} | settings))


def test_the_self_solution_of_another_image_is_refused():
    other = snb.sinkhorn_divergence(Grid(np.eye(8), 0.1), Grid(np.eye(8)[::-1], 0.1), blur=0.2)
    with pytest.raises(ValueError, match="self_x: expected the self solution of these points"):
        snb.sinkhorn_divergence(GRID, Grid(IMAGE, 0.1, 0.02), blur=0.2, self_x=other.xx)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, bool])
def test_pixels_may_be_integers_or_short(dtype):
    pixels = np.arange(48).reshape(8, 6).astype(dtype)
    grid = Grid(pixels, 0.1)
    assert grid.weights.dtype == np.float64
    assert (grid.weights == pixels).all()


def test_axes_without_neighbors_have_no_pixel_that_a_blur_must_resolve():
    slices = [Grid(image[None] / image.sum(), (5.0, 1.0, 1.0)) for image in (np.eye(9), IMAGE)]
    images = [Grid(each.weights[0]) for each in slices]
    thin, flat = (snb.sinkhorn_divergence(*pair, blur=0.8) for pair in (slices, images))
    assert np.isclose(thin.value, flat.value, rtol=1e-6)


def test_a_masked_image_without_masked_pixels_is_taken():
    assert (Grid(np.ma.masked_array(IMAGE)).weights == IMAGE).all()


def test_rounded_pixels_of_the_same_mass_are_accepted():
    rng = np.random.default_rng(0)
    images = [rng.random((64, 64)).astype(np.float32) for _ in range(2)]
    x, y = (Grid(image / image.sum(), 1 / 64) for image in images)
    assert snb.sinkhorn_divergence(x, y, blur=0.1).converged


def test_a_volume_of_three_layers_is_no_image_with_channels():
    for shape in ((9, 9, 3), (15, 40, 3), (4, 40, 15), (20, 3, 20), (20, 20, 5)):
        assert Grid(np.ones(shape)).shape == shape
    assert Grid(np.ones((20, 5, 20), dtype=np.uint8)).shape == (20, 5, 20)
    for shape in ((3, 20, 30), (20, 30, 4)):
        volume = Grid(np.ones(shape, dtype=np.uint8), (3, 1, 1))
        assert volume.shape == shape


def test_unequal_masses_and_empty_backgrounds_work_with_a_reach():
    x, y = Grid(IMAGE, 0.1), Grid(np.pad(3 * IMAGE, 2), 0.1)
    found = snb.sinkhorn_divergence(x, y, blur=0.1, reach=0.3)
    points = [grid.points.reshape(-1, 2) for grid in (x, y)]
    expected = snb.sinkhorn_divergence(
        *points, x.weights.ravel(), y.weights.ravel(), blur=0.1, reach=0.3
    )
    assert np.isclose(found.value, expected.value, rtol=1e-5)
