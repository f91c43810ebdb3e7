"""Pairs of point clouds that need no download: name -> function(n, seed) -> x, y in float64."""

import numpy as np
from sklearn import datasets


def warp(n, seed=0, d=3):
    """Uniform in the unit cube, and the squares of other uniform points: a smooth warp."""
    rng = np.random.default_rng(seed)
    return rng.random((n, d)), rng.random((n, d)) ** 2


def mixture(n, seed=0, d=3):
    """Two mixtures of five Gaussians."""
    rng = np.random.default_rng(seed)

    def cloud():
        centres, widths = rng.random((5, d)), rng.uniform(0.02, 0.1, 5)
        which = rng.integers(5, size=n)
        return centres[which] + widths[which, None] * rng.normal(size=(n, d))

    return cloud(), cloud()


def square(n, seed=0):
    return warp(n, seed, d=2)


def gaussian(n, seed=0, d=10):
    """Two Gaussians with different means and covariances."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 0.5 + rng.normal(size=(n, d)) @ (np.eye(d) + 0.3 * rng.normal(size=(d, d)))


def moons(n, seed=0):
    """The one moon and the other."""
    points, label = datasets.make_moons(2 * n, noise=0.05, random_state=seed)
    return points[label == 0], points[label == 1]


def digits(n, seed=0):
    """Images of 8 x 8 pixels: digits 0-4 and digits 5-9, at most 901 and 896 of them."""
    images, label = datasets.load_digits(return_X_y=True)
    return images[label < 5][:n], images[label >= 5][:n]


def lognormal(n, seed=0, d=2):
    """Heavy tails: the diameter is many times the median distance."""
    rng = np.random.default_rng(seed)
    return np.exp(rng.normal(size=(n, d))), np.exp(0.3 + 1.2 * rng.normal(size=(n, d)))


def diameter(x, y):
    """Diagonal of the bounding box of both clouds."""
    both = np.concatenate([x, y])
    return float(np.linalg.norm(both.max(axis=0) - both.min(axis=0)))
