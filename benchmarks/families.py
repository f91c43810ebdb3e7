"""Pairs of point clouds that need no download: function(n, seed) -> x, y and sometimes weights a,
b; in float64.
"""

from functools import partial

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
        centers, widths = rng.random((5, d)), rng.uniform(0.02, 0.1, 5)
        which = rng.integers(5, size=n)
        return centers[which] + widths[which, None] * rng.normal(size=(n, d))

    return cloud(), cloud()


def gaussian(n, seed=0, d=10):
    """Two Gaussians with different means and covariances."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 0.5 + rng.normal(size=(n, d)) @ (
        np.eye(d) + 0.3 * rng.normal(size=(d, d))
    )


def moons_and_ring(n, seed=0):
    """Two interleaved moons, and a ring around them."""
    rng = np.random.default_rng(seed)
    moons, _ = datasets.make_moons(n, noise=0.05, random_state=seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    ring = [0.5, 0.25] + 1.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    return moons, ring + 0.05 * rng.normal(size=(n, 2))


def far_clusters(n, seed=0):
    """The same two Gaussians 10 standard deviations apart, with masses .9 and .1 against .2 and .8."""
    rng = np.random.default_rng(seed)

    def cloud(share):
        x = rng.normal(size=(n, 2))
        x[int(share * n) :, 0] += 10.0
        return x

    return cloud(0.9), cloud(0.2)


def digits(n, seed=0):
    """Images of 8 x 8 pixels: digits 0-4 and digits 5-9, at most 901 and 896 of them."""
    images, label = datasets.load_digits(return_X_y=True)
    return images[label < 5][:n], images[label >= 5][:n]


def weighted(n, seed=0, d=2):
    """The warp with lognormal weights: the middle 95 % of them span five orders of magnitude."""
    rng = np.random.default_rng(seed + 1)
    a, b = np.exp(3.0 * rng.normal(size=(2, n)))
    return *warp(n, seed, d), a / a.sum(), b / b.sum()


def lognormal(n, seed=0, d=2):
    """Heavy tails: the diameter is many times the median distance."""
    rng = np.random.default_rng(seed)
    return np.exp(rng.normal(size=(n, d))), np.exp(0.3 + 1.2 * rng.normal(size=(n, d)))


FAMILIES = {
    "uniform d=1": partial(warp, d=1),
    "uniform d=2": partial(warp, d=2),
    "uniform d=3": partial(warp, d=3),
    "gaussian d=2": partial(gaussian, d=2),
    "gaussian d=10": partial(gaussian, d=10),
    "gaussian d=50": partial(gaussian, d=50),
    "mixture d=2": partial(mixture, d=2),
    "moons and ring d=2": moons_and_ring,
    "far clusters d=2": far_clusters,
    "digits d=64": digits,
    "weighted d=2": weighted,
    "lognormal d=2": lognormal,
}
LARGEST = {"digits d=64": 1500}  # larger n give no more points


def diameter(x, y):
    """Diagonal of the bounding box of both clouds."""
    both = np.concatenate([x, y])
    return float(np.linalg.norm(both.max(axis=0) - both.min(axis=0)))
