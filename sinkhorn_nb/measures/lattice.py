"""The places of the pixels of an image, histogram or volume, and values at them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats

# Of the values of four neighbors at a quarter of the way between the inner two: cubic interpolation
QUARTER = (-7 / 128, 105 / 128, 35 / 128, -5 / 128)


class Lattice(NamedTuple):
    """Pixels at origin + spacing * index.

    Attributes
    ----------
    shape : tuple of int
        Numbers of pixels along the axes.
    spacing : tuple of float
        Distances of neighboring pixels along the axes.
    origin : tuple of float
        The center of the first pixel.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]

    @property
    def size(self) -> int:
        """Number of pixels."""
        return math.prod(self.shape)

    @property
    def work(self) -> int:
        """Number of terms of a sum over one axis after another, for all pixels."""
        return self.size * sum(self.shape)

    def axis(self, k: int) -> Floats:
        """Coordinates of the pixels along an axis."""
        indices = np.arange(self.shape[k], dtype=np.float64)
        return self.origin[k] + self.spacing[k] * indices

    def along(self, k: int, values: Floats) -> Floats:
        """Values for each coordinate of an axis, as an array that broadcasts against images."""
        shape = [1] * len(self.shape)
        shape[k] = -1
        return values.reshape(shape)

    @property
    def corners(self) -> Floats:
        """(2, d) the first and the last pixel."""
        first = np.array(self.origin)
        steps = np.array(self.shape) - 1
        return np.stack([first, first + self.spacing * steps])

    @property
    def points(self) -> Floats:
        """(size, d) places of all pixels, the last axis fastest."""
        lines = map(self.axis, range(len(self.shape)))
        axes = np.meshgrid(*lines, indexing="ij")
        return np.stack([axis.ravel() for axis in axes], axis=1)

    def shaped(self, values: Floats) -> Floats:
        """Values per pixel, (size,) or (size, d), in the shape of the image."""
        return values.reshape(*self.shape, *values.shape[1:])

    @property
    def halved(self) -> Lattice:
        """Cells of two pixels along each axis; the last ones may lack pixels."""
        origin = [x + h / 2 for x, h in zip(self.origin, self.spacing, strict=True)]
        shape = tuple((n + 1) // 2 for n in self.shape)
        spacing = tuple(2 * h for h in self.spacing)
        return Lattice(shape, spacing, tuple(origin))

    def cell_sums(self, values: Floats) -> Floats:
        """Sums over the cells of `halved` of values per pixel, both flat."""
        image = values.reshape(self.shape)
        for axis, n in enumerate(self.shape):
            lines = np.moveaxis(image, axis, 0)
            sums = lines[::2].copy()
            sums[: n // 2] += lines[1::2]
            image = np.moveaxis(sums, 0, axis)
        return np.ascontiguousarray(image).ravel()

    def refined(self, values: Floats) -> Floats:
        """Values per pixel from those of the cells of `halved`: cubic interpolation, and linear
        extrapolation at the border.
        """
        image = values.reshape(self.halved.shape)
        for axis, n in enumerate(self.shape):
            lines = _doubled(np.moveaxis(image, axis, 0))
            image = np.moveaxis(lines[:n], 0, axis)
        return np.ascontiguousarray(image).ravel()


def _doubled(g: Floats) -> Floats:
    """Values at a quarter of the way from each cell to both of its neighbors, along the first
    axis.
    """
    n = len(g)
    if n == 1:
        return np.concatenate([g, g])
    first, last = g[:1], g[-1:]
    before = first - g[1:2]
    after = last - g[-2:-1]
    line = np.concatenate([first + 2 * before, first + before, g, last + after, last + 2 * after])

    out = np.zeros((2 * n, *g.shape[1:]))
    for k, weight in enumerate(QUARTER):
        out[0::2] += weight * line[3 - k :][:n]
        out[1::2] += weight * line[1 + k :][:n]
    return out
