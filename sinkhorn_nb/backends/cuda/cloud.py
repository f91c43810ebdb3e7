"""A cloud on the device, cut into pieces of rows and of columns for the blocks of a pass."""

import numpy as np

from ..cost_functions import Function
from ..tiling import starts_of_pieces
from .costs import kind_of, number_of, place_for_failure
from .device import Resident, cuda
from .kernels import Side
from .tiles import INERT, STRETCH, shape_of, shape_of_function

# Of rows and of columns, at most: partial sums take 8 bytes per point in each
PANELS, CHUNKS = 64, 32


class CudaCloud(Resident):
    """Points on the device, with the pieces of rows and columns for the blocks."""

    def __init__(self, offsets, centres, bounds, number=0, cost=None):
        super().__init__(number)
        self.n = len(offsets)
        self.dtype = offsets.dtype
        self.cost = cost
        self.kind = kind_of(cost)
        is_given = isinstance(cost, Function)
        dtype = offsets.dtype.name
        self.shape = shape_of_function(dtype) if is_given else shape_of(dtype, offsets.shape[1])
        is_exact = self.shape.few or is_given
        padding = ((0, 0), (0, 0 if is_exact else -offsets.shape[1] % STRETCH))
        self._points, self._centres = (
            cuda.to_device(np.pad(points, padding)) for points in (offsets, centres)
        )
        self.on_host = offsets if is_given else None
        self._bounds = bounds
        self._pieces = {}

    def side(self, exponents, values, pieces, limit=0):
        """The cloud with exponents and values of its points, as an argument of the kernels; pairs
        above the limit are heavy.
        """
        exponents = np.clip(exponents, INERT, -INERT)
        references = np.maximum.reduceat(exponents, self._bounds[:-1])
        values = np.ascontiguousarray(values, dtype=self.dtype).reshape(self.n, -1)
        vectors = (cuda.to_device(vector) for vector in (exponents, references, values))
        number = number_of(self.cost, self.dtype)
        scalars = number, self.dtype.type(limit), place_for_failure(self.cost)
        return Side(self._points, self._centres, *pieces, *vectors, *scalars)

    def rows(self, panels, groups=None):
        """Pieces of rows, and the ends of their panels or of the groups between bounds; they are
        made once.
        """
        key = panels if groups is None else groups.tobytes()
        if key not in self._pieces:
            cuts = self._bounds if groups is None else np.union1d(self._bounds, groups)
            pieces = self._cut(cuts, max(self.shape.block, self.n // panels))
            ends = (
                _ends(pieces, panels) if groups is None else np.searchsorted(pieces[:, 0], groups)
            )
            self._pieces[key] = cuda.to_device(pieces), cuda.to_device(ends)
        return self._pieces[key]

    def columns(self, chunks):
        """Pieces of columns, and the ends of their chunks; they are made once."""
        if -chunks not in self._pieces:
            pieces = self._cut(
                self._bounds, min(max(self.shape.step, self.n // PANELS), self.shape.tile)
            )
            self._pieces[-chunks] = cuda.to_device(pieces), cuda.to_device(_ends(pieces, chunks))
        return self._pieces[-chunks]

    def _cut(self, cuts, most):
        """First and last point, and tile, of pieces of at most `most` points."""
        starts = starts_of_pieces(cuts, most)
        tiles = np.searchsorted(self._bounds, starts, side="right") - 1
        return np.column_stack([starts, np.append(starts[1:], self.n), tiles]).astype(np.int64)


def _ends(pieces, count):
    return np.unique(np.linspace(0, len(pieces), count + 1).astype(np.int64))
