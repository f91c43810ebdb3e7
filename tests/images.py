"""Small random images for the tests of grids."""

import numpy as np

import sinkhorn_nb as snb
from sinkhorn_nb import Grid, Sinkhorn

FINE = Sinkhorn(tol=1e-9)
SHAPES = {1: (150,), 2: (17, 22), 3: (7, 9, 8)}
SPACING = {1: 0.01, 2: (0.06, 0.05), 3: (0.1, 0.12, 0.11)}  # about a unit across


def image(shape, seed, filled=0.65):
    """Random pixels, 35 % of them zero."""
    rng = np.random.default_rng(seed)
    weights = rng.random(shape) * (rng.random(shape) < filled)
    return weights / weights.sum()


def pair(d=2, seed=0):
    return tuple(Grid(image(SHAPES[d], seed + k), SPACING[d]) for k in range(2))


def flat(grid):
    d = len(grid.shape)
    return grid.points.reshape(-1, d), grid.weights.ravel()


def between_points(x, y, **settings):
    (points_x, a), (points_y, b) = flat(x), flat(y)
    return snb.sinkhorn_divergence(points_x, points_y, a, b, **settings)
