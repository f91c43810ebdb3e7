"""The places of the pixels of an image, histogram or volume, and values at them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats


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
        offsets = self.spacing[k] * indices
        return self.origin[k] + offsets

    def along(self, k: int, values: Floats) -> Floats:
        """Values for each coordinate of an axis, as an array that broadcasts against images."""
        shape = [1] * len(self.shape)
        shape[k] = -1
        return values.reshape(shape)

    @property
    def pixel(self) -> float:
        """The largest distance of neighboring pixels; 0 if no pixel has neighbors."""
        pairs = zip(self.spacing, self.shape, strict=True)
        return max((h for h, n in pairs if n > 1), default=0.0)

    @property
    def corners(self) -> Floats:
        """(2, d) the first and the last pixel."""
        first = np.array(self.origin)
        steps = np.array(self.shape) - 1
        last = first + self.spacing * steps
        return np.stack([first, last])

    @property
    def points(self) -> Floats:
        """(size, d) places of all pixels, the last axis fastest."""
        d = len(self.shape)
        lines = map(self.axis, range(d))
        axes = np.meshgrid(*lines, indexing="ij")
        return np.stack([axis.ravel() for axis in axes], axis=1)

    def shaped(self, values: Floats) -> Floats:
        """Values per pixel, (size,) or (size, d), in the shape of the image."""
        return values.reshape(*self.shape, *values.shape[1:])
