"""Coarser grids: cells of two pixels along the long axes, and values between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats
from .lattice import Lattice

SHORT = 16  # pixels along an axis that is not halved
# Of the values of four neighbors at a quarter of the way between the inner two: cubic interpolation
QUARTER = (-7 / 128, 105 / 128, 35 / 128, -5 / 128)


def long_axes(*lattices: Lattice) -> tuple[int, ...]:
    """The axes along which one of the lattices has many pixels."""
    shapes = [lattice.shape for lattice in lattices]
    lengths = map(max, zip(*shapes, strict=True))
    return tuple(k for k, longest in enumerate(lengths) if longest > SHORT)


class Halving(NamedTuple):
    """Cells of two pixels along some axes of a lattice; the last ones may lack pixels.

    Attributes
    ----------
    fine : Lattice
    axes : tuple of int
    """

    fine: Lattice
    axes: tuple[int, ...]

    @property
    def coarse(self) -> Lattice:
        """The lattice of the cells."""
        shape = list(self.fine.shape)
        spacing = list(self.fine.spacing)
        origin = list(self.fine.origin)
        for k in self.axes:
            origin[k] += spacing[k] / 2
            spacing[k] *= 2
            shape[k] = (shape[k] + 1) // 2
        return Lattice(tuple(shape), tuple(spacing), tuple(origin))

    @property
    def pixel(self) -> float:
        """The largest side of a cell along the axes."""
        return max(2 * self.fine.spacing[k] for k in self.axes)

    def sums(self, values: Floats) -> Floats:
        """Sums over the cells of values per pixel, both flat."""
        image = values.reshape(self.fine.shape)
        for axis in self.axes:
            lines = np.moveaxis(image, axis, 0)
            sums = lines[::2].copy()
            sums[: len(lines) // 2] += lines[1::2]
            image = np.moveaxis(sums, 0, axis)
        return np.ascontiguousarray(image).ravel()

    def refined(self, values: Floats) -> Floats:
        """Values per pixel from those of the cells: cubic interpolation, and linear extrapolation
        at the border.
        """
        image = values.reshape(self.coarse.shape)
        for axis in self.axes:
            n = self.fine.shape[axis]
            doubled = _doubled(np.moveaxis(image, axis, 0))
            image = np.moveaxis(doubled[:n], 0, axis)
        return np.ascontiguousarray(image).ravel()


def _doubled(g: Floats) -> Floats:
    """Values at a quarter of the way from each cell to both of its neighbors, along the first
    axis.
    """
    n = len(g)
    if n == 1:
        return np.concatenate([g, g])
    first = g[:1]
    last = g[-1:]
    before = first - g[1:2]
    after = last - g[-2:-1]
    line = np.concatenate(
        [
            first + 2 * before,
            first + before,
            g,
            last + after,
            last + 2 * after,
        ]
    )

    out = np.zeros((2 * n, *g.shape[1:]))
    for k, weight in enumerate(QUARTER):
        out[0::2] += weight * line[3 - k :][:n]
        out[1::2] += weight * line[1 + k :][:n]
    return out
