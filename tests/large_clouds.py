"""Families of clouds for compressed solves: function(rng, n) -> x, y, a, b, and a share of the
diagonal as blur.
"""

import numpy as np


def mixture(rng, n, d):
    """Three Gaussians of different widths."""
    centers, widths = rng.random((3, d)), rng.uniform(0.02, 0.08, 3)
    which = rng.integers(3, size=n)
    return centers[which] + widths[which, None] * rng.normal(size=(n, d))


def weights(rng, n):
    a = rng.gamma(0.3, size=n) + 1e-300
    a[: n // 10] = 0
    return a / a.sum()


FAMILIES = {
    "line": (lambda rng, n: (mixture(rng, n, 1), mixture(rng, n, 1), None, None), 0.03),
    "warp": (lambda rng, n: (rng.random((n, 2)), rng.random((n, 2)) ** 2, None, None), 0.1),
    "mixtures": (lambda rng, n: (mixture(rng, n, 2), mixture(rng, n, 2), None, None), 0.05),
    "weighted": (
        lambda rng, n: (mixture(rng, n, 3), mixture(rng, n, 3), weights(rng, n), weights(rng, n)),
        0.1,
    ),
    "float32": (
        lambda rng, n: (
            mixture(rng, n, 3).astype(np.float32),
            mixture(rng, n // 2, 3).astype(np.float32),
            None,
            None,
        ),
        0.1,
    ),
    "heavy tails": (
        lambda rng, n: (
            np.exp(0.8 * rng.normal(size=(n, 2))),
            np.exp(0.3 + 0.8 * rng.normal(size=(n, 2))),
            None,
            None,
        ),
        0.05,
    ),
    "four axes": (lambda rng, n: (rng.random((n, 4)), rng.random((n, 4)) ** 2, None, None), 0.25),
    "plane in space": (
        lambda rng, n: (
            rng.random((n, 3)) * [1, 1, 0],
            rng.random((n, 3)) * [1, 0.5, 0] + [0, 0, 0.2],
            None,
            None,
        ),
        0.1,
    ),
    "lattice": (
        lambda rng, n: (rng.integers(8, size=(n, 2)) / 8, rng.integers(6, size=(n, 2)) / 6, None,
                        None),
        0.1,
    ),
    "outlier": (
        lambda rng, n: (
            np.concatenate([mixture(rng, n - 1, 2), [[9.0, 5.0]]]),
            mixture(rng, n, 2),
            None,
            None,
        ),
        0.01,
    ),
}  # fmt: skip


def problem(name, n=4000, seed=0):
    """x, y, a, b and the blur of a family."""
    make, share = FAMILIES[name]
    x, y, a, b = make(np.random.default_rng(seed), n)
    points = np.concatenate([x, y]).astype(np.float64)
    return x, y, a, b, float(share * np.linalg.norm(np.ptp(points, axis=0)))
