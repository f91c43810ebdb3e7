"""Problems of entropic transport that need no download; of most of them the answer is known.

The cost is |x - y|^2 / 2 and the weights are uniform, unless they are given. In a problem with
`is_diagonal`, y_i = A x_i for a symmetric positive definite A, the gradient of a convex function:
without entropy the best plan is the identity, and the mass on its diagonal tells how close a plan
at a small eps has come.
"""

from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits, load_sample_image

from ..harness import has

PIXELS = 8  # of an image of a digit, and of a patch, on each side


class Problem(NamedTuple):
    """Points, weights and a temperature."""

    name: str
    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    eps: float
    is_diagonal: bool = False

    @property
    def costs(self):
        """(n, m) |x_i - y_j|^2 / 2."""
        squares = (self.x**2).sum(1)[:, None] + (self.y**2).sum(1) - 2 * self.x @ self.y.T
        return np.maximum(squares, 0) / 2


def problems(n):
    """All problems, with about n points on each side."""
    found = [
        between("Gaussians, d = 2", *gaussians(n, 2), blur=0.05),
        between("Gaussians, d = 10", *gaussians(n, 10), blur=0.05),
        between("blurred digits", *blurred_digits(n), blur=0.03),
        fields(n, blur=0.03),
    ]
    if has("PIL"):  # reads the photograph
        found.append(between("patches of a photograph", *patches(n), blur=0.03))
    return found


def between(name, x, y, blur):
    """A diagonal problem; the blur is a share of the diagonal of the bounding box."""
    eps = (blur * diagonal(x, y)) ** 2
    return Problem(name, x, y, uniform(x), uniform(y), eps, is_diagonal=True)


def gaussians(n, d):
    """A sample and its image under a matrix with eigenvalues from 1/2 to 2."""
    rng = np.random.default_rng(d)
    axes, _ = np.linalg.qr(rng.normal(size=(d, d)))
    stretch = axes * np.geomspace(0.5, 2, d) @ axes.T
    x = rng.normal(size=(n, d))
    return x, x @ stretch


def blurred_digits(n):
    """Images of digits (64 pixels) and the same images out of focus."""
    x = load_digits().data[:n]
    return x, x @ out_of_focus()


def patches(n):
    """Gray patches of 8 x 8 pixels of a photograph, and the same out of focus."""
    gray = load_sample_image("china.jpg").mean(axis=2)
    rng = np.random.default_rng(0)
    rows, columns = (rng.integers(0, size - PIXELS, n) for size in gray.shape)
    x = np.array(
        [gray[i : i + PIXELS, j : j + PIXELS].ravel() for i, j in zip(rows, columns, strict=True)]
    )
    return x / 16, x @ out_of_focus() / 16


def fields(n, blur):
    """Two random fields, as in DOTmark's classes: positive masses on the same square grid."""
    side = int(np.sqrt(n))
    places = np.stack(np.meshgrid(*2 * [np.arange(side) / side]), axis=-1).reshape(-1, 2)
    rng = np.random.default_rng(0)
    frequencies = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(side)]))
    weights = []
    for _ in range(2):
        noise = np.fft.fft2(rng.normal(size=(side, side)))
        field = np.fft.ifft2(noise / (frequencies + 1 / side) ** 1.5).real
        mass = np.exp(field / field.std()).ravel()
        weights.append(mass / mass.sum())
    eps = (blur * diagonal(places, places)) ** 2
    return Problem("random fields", places, places, *weights, eps)


def out_of_focus(width=0.6):
    """(64, 64) symmetric positive definite matrix that blurs an image of 8 x 8 pixels."""
    line = np.arange(PIXELS)
    bell = np.exp(-((line[:, None] - line) ** 2) / (2 * width**2))
    scale = 1 / np.sqrt(bell.sum(axis=1))
    smooth = scale[:, None] * bell * scale
    return np.kron(smooth, smooth)


def diagonal(x, y):
    both = np.concatenate([x, y])
    return np.linalg.norm(np.ptp(both, axis=0))


def uniform(points):
    return np.full(len(points), 1 / len(points))
