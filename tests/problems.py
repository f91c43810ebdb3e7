"""Families of problems, closed forms, and the solvers for comparisons in tests."""

import numpy as np
from scipy.linalg import sqrtm

import sinkhorn_nb as snb

PRECISE = snb.Sinkhorn(tol=1e-10, max_iter=200_000)


def cloud(n, d, dtype="float64", shift=0.0):
    """n points of a bent Gaussian."""
    rng = np.random.default_rng([n, d])
    points = rng.normal(size=(n, d)) / np.sqrt(d)
    points[:, 0] += points[:, -1] ** 2 + shift
    return points.astype(dtype)


def weights(n, mass=1.0, zeros=0):
    """Uneven weights, the first few of them zero."""
    a = np.random.default_rng(n).uniform(0.1, 1.0, size=n)
    a[:zeros] = 0
    return mass * a / a.sum()


def example(n=23, m=31, d=2, mass=1.0, zeros=0):
    """Positional arguments (x, y, a, b) of the functions."""
    return cloud(n, d), cloud(m, d, shift=0.5), weights(n, mass, zeros), weights(m, mass, zeros)


def cube_clouds(dimension, n=60, m=45):
    """Points within a unit cube, some of them equal, and weights."""
    rng = np.random.default_rng(0)
    x, y = rng.random((n, dimension)), 0.8 * rng.random((m, dimension)) + 0.3
    x[3], y[5] = x[4], x[4]  # equal points, also between the clouds
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    return x, y, a / a.sum(), b / b.sum()


def draws(seed, n=60, m=40, d=3, shift=0.0):
    """Two Gaussian samples."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + shift


def uniform(n=2000):
    """Positional arguments (x, y): two samples of the unit square."""
    rng = np.random.default_rng(n)
    return rng.uniform(size=(n, 2)), rng.uniform(size=(n, 2))


def blobs(n=600, seed=0):
    """Three groups each, in different proportions; labels of the first."""
    rng = np.random.default_rng(seed)
    centers = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 3.0]])
    labels = [rng.choice(3, n, p=p) for p in ([0.2, 0.3, 0.5], [0.4, 0.4, 0.2])]
    x, y = (centers[label] + 0.3 * rng.normal(size=(n, 2)) for label in labels)
    return x, y @ [[0.8, -0.6], [0.6, 0.8]] + 1.0, labels[0]


def gaussian_grid(mean, covariance, n_per_side, width=6.5):
    """A tensor grid weighted by a Gaussian's density: sums over it are integrals to about 1e-9."""
    mean, covariance = np.atleast_1d(mean), np.atleast_2d(covariance)
    axes = [
        m + np.sqrt(v) * np.linspace(-width, width, n_per_side)
        for m, v in zip(mean, np.diag(covariance), strict=True)
    ]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(mean))
    centered = points - mean
    density = np.exp(-np.einsum("ik,kl,il->i", centered, np.linalg.inv(covariance), centered) / 2)
    return points, density / density.sum()


def gaussian_entropic_ot(mean_a, A, mean_b, B, blur):
    """OT_eps between Gaussians: half of Janati et al. 2020, theorem 1, with sigma = blur."""
    A, B = np.atleast_2d(A), np.atleast_2d(B)
    d, s2 = len(A), blur**2
    root = np.real(sqrtm(A))
    D = np.real(sqrtm(4 * root @ B @ root + s2**2 * np.eye(d)))
    log_det = np.linalg.slogdet(D + s2 * np.eye(d))[1]
    bures = np.trace(A) + np.trace(B) - np.trace(D) + d * s2 * (1 - np.log(2 * s2)) + s2 * log_det
    return (np.sum((np.atleast_1d(mean_a) - np.atleast_1d(mean_b)) ** 2) + bures) / 2


def gaussian_transported_mass(a, b, eps, rho):
    """Mass of the unbalanced plan between m N(mean, covariance), each given as (m, mean,
    covariance): Janati et al. 2020, theorem 3, with sigma^2 = eps and gamma = 2 rho.
    """
    (ma, mean_a, A), (mb, mean_b, B) = a, b
    A, B = np.atleast_2d(A), np.atleast_2d(B)
    unit = np.eye(len(A))
    gamma, lam = 2 * rho, eps + rho
    tau = gamma / (2 * eps + gamma)
    At, Bt = (rho * (unit - lam * np.linalg.inv(C + lam * unit)) for C in (A, B))
    C = sqrtm(At @ Bt / tau + eps**2 / 4 * unit).real - eps / 2 * unit
    det = np.linalg.det
    factor = ma * mb * det(C) * np.sqrt(det(At @ Bt) ** tau / det(A @ B))
    apart = np.atleast_1d(mean_a - mean_b)
    distance = apart @ np.linalg.solve(A + B + lam * unit, apart)
    scale = eps ** (len(A) * eps / (2 * (gamma + eps)))
    mass = factor ** (1 / (tau + 1)) * np.exp(-distance / (2 * (tau + 1)))
    return scale * mass / np.sqrt(det(C - At @ Bt / rho))
