"""A cloud on the device, cut into pieces of rows and of columns for the blocks of a pass."""

import numpy as np

from ..cost_functions import Function
from ..tiling import even_ends, starts_of_pieces
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
        dimension = offsets.shape[1]
        self.shape = shape_of_function(dtype) if is_given else shape_of(dtype, dimension)
        is_exact = self.shape.few or is_given
        n_more = 0 if is_exact else -dimension % STRETCH
        padding = (0, 0), (0, n_more)
        self._points = cuda.to_device(np.pad(offsets, padding))
        self._centres = cuda.to_device(np.pad(centres, padding))
        self.on_host = offsets if is_given else None
        self._bounds = bounds
        self._pieces = {}

    def side(self, exponents, values, pieces, limit=0):
        """The cloud with exponents and values of its points, as an argument of the kernels; pairs
        above the limit are heavy.
        """
        exponents = np.clip(exponents, INERT, -INERT)
        starts = self._bounds[:-1]
        references = np.maximum.reduceat(exponents, starts)
        values = np.ascontiguousarray(values, dtype=self.dtype)
        pieces, ends = pieces
        return Side(
            points=self._points,
            centres=self._centres,
            pieces=pieces,
            ends=ends,
            exponents=cuda.to_device(exponents),
            references=cuda.to_device(references),
            values=cuda.to_device(values.reshape(self.n, -1)),
            number=number_of(self.cost, self.dtype),
            limit=self.dtype.type(limit),
            failed=place_for_failure(self.cost),
        )

    def rows(self, panels, groups=None):
        """Pieces of rows, and the ends of their panels or of the groups between bounds; they are
        made once.
        """
        key = panels if groups is None else groups.tobytes()
        if key not in self._pieces:
            most = max(self.shape.block, self.n // panels)
            if groups is None:
                pieces = self._cut(self._bounds, most)
                ends = even_ends(len(pieces), panels)
            else:
                pieces = self._cut(np.union1d(self._bounds, groups), most)
                ends = np.searchsorted(pieces[:, 0], groups)
            self._pieces[key] = cuda.to_device(pieces), cuda.to_device(ends)
        return self._pieces[key]

    def columns(self, chunks):
        """Pieces of columns, and the ends of their chunks; they are made once."""
        key = -chunks
        if key not in self._pieces:
            most = max(self.shape.step, self.n // PANELS)
            pieces = self._cut(self._bounds, min(most, self.shape.tile))
            ends = even_ends(len(pieces), chunks)
            self._pieces[key] = cuda.to_device(pieces), cuda.to_device(ends)
        return self._pieces[key]

    def _cut(self, cuts, most):
        """First and last point, and tile, of pieces of at most `most` points."""
        starts = starts_of_pieces(cuts, most)
        stops = np.append(starts[1:], self.n)
        tiles = np.searchsorted(self._bounds, starts, side="right") - 1
        return np.column_stack([starts, stops, tiles]).astype(np.int64)
