"""The CUDA backend: clouds stay on the device, and vectors are copied to it and back in each pass.

The blocks depend on the sizes alone, and no two of them add to the same sums, which are summed in
order. Therefore the result has the same bits each time.
"""

import numpy as np

from ..heavy_pairs import HeavyPairs
from .cloud import CHUNKS, PANELS, CudaCloud
from .cluster_sums import CudaClusterSums
from .device import cuda, free_memory, on_device, starting, telling_shortage
from .heavy import list_kernel, places_of
from .kernels import log_total_kernel, sums_kernel
from .log_sums import log_sums_kernel
from .pairs import LIGHT, SIGN, SLOPE
from .passes import THREADS, flat, grid, launch, total
from .tiles import shape_of

BLOCKS = PANELS * CHUNKS  # about four waves of them on the largest devices
CLUSTERS = 128  # largest number of clusters with sums
# Columns of a matrix per pass: with one more number they fill vector loads, and all of them fit in
# registers.
VALUES = {"float32": (1, 3, 7), "float64": (1, 3)}


class CudaBackend:
    """Kernels over tiles of pairs; see `Backend` for the methods."""

    points_a_tile = shape_of("float32", 1).tile

    def __init__(self, number=0):
        self._number = number

    def on_device(self):
        return on_device(self._number)

    def has_room(self, work):
        """Tell whether all clouds and sums fit into the free memory."""
        return (
            _needed(work.n_points, work.dimension, np.dtype(work.dtype).itemsize) <= free_memory()
        )

    def require_room(self, work):
        """Raise a MemoryError unless all clouds and sums fit."""
        _require(work.n_points, work.dimension, np.dtype(work.dtype).itemsize)

    @telling_shortage
    def load(self, offsets, centres, bounds, cost=None):
        _require(*offsets.shape, offsets.dtype.itemsize)
        return CudaCloud(offsets, centres, bounds, self._number, cost)

    @telling_shortage
    def sums(self, x, F, a, y, G, b):
        rows, columns = self._sums(x, F, a, y, G, b, x.rows(PANELS), np.float64)
        return rows, total(columns)

    @telling_shortage
    def cluster_sums(self, x, F, a, y, G, b, bounds):
        rows, columns = self._sums(x, F, a, y, G, b, x.rows(PANELS, bounds), x.dtype)
        return rows, CudaClusterSums(flat(columns), self._number)

    @telling_shortage
    def self_sums(self, x, F, a):
        rows, columns = self._sums(x, F, a, x, F, a, x.rows(PANELS), np.float64, is_self=True)
        return rows + total(columns)

    def _sums(self, x, F, a, y, G, b, panels, dtype, is_self=False):
        x_side = x.side(F, a, panels)
        y_side = y.side(G, b, y.columns(_chunks(panels)))
        rows = cuda.device_array((len(y_side.ends) - 1, x.n, 1), np.float64)
        columns = cuda.device_array((len(x_side.ends) - 1, y.n, 1), dtype)
        with starting:
            kernel = sums_kernel(x.dtype.name, x.shape, 1, True, is_self, x.kind)
        launch(kernel, (x, y), x_side, y_side, rows, columns)
        return total(rows), columns

    @telling_shortage
    def row_sums(self, x, F, y, G, b):
        return self._transport(x, F, y, G, b[:, None])[:, 0]

    @telling_shortage
    def transport(self, x, F, y, G, V, factors, derivative=None):
        if factors is not None and factors[0].ndim == 1:
            return self._transport(x, F, y, G, V, SIGN, factors)
        if factors is not None:  # a pass for every few products of a column of B and one of V
            A, B = factors
            products = (B[:, :, None] * V[:, None, :]).reshape(y.n, -1)
            sums = self._transport(x, F, y, G, products, derivative).reshape(x.n, A.shape[1], -1)
            return np.einsum("ir,irk->ik", A, sums)
        return self._transport(x, F, y, G, V, derivative)

    @telling_shortage
    def slope_sums(self, x, F, y, G, V):
        sums = self._transport(x, F, y, G, np.ones((y.n, 1)))
        return np.hstack([sums, self._transport(x, F, y, G, V, SLOPE)])

    def _transport(self, x, F, y, G, V, factor=None, signs=None):
        A, B = np.zeros(x.n), np.empty((y.n, 0))
        if signs is not None:
            A, B = signs[0], signs[1][:, None]
        width = _width(V.shape[1], VALUES[x.dtype.name], B.shape[1])
        (panels, chunks) = _row_wise(x, y)
        none = cuda.device_array((1, 1, 1), np.float64)
        x_side = x.side(F, A, panels)
        out = np.empty((x.n, V.shape[1]))
        sums = cuda.device_array((len(chunks[1]) - 1, x.n, width), np.float64)
        with starting:
            kernel = sums_kernel(x.dtype.name, x.shape, width, False, False, x.kind, factor)
        for k in range(0, V.shape[1], width):
            values = np.zeros((y.n, width))
            values[:, : V.shape[1] - k] = V[:, k : k + width]
            y_side = y.side(G, np.hstack([values, B]), chunks)
            launch(kernel, (x, y), x_side, y_side, sums, none)
            out[:, k : k + width] = total(sums).reshape(x.n, width)[:, : V.shape[1] - k]
        return out

    @telling_shortage
    def heavy_pairs(self, x, F, a, y, G, b, theta, most):
        panels = x.rows(PANELS)
        x_side = x.side(F, a, panels, theta)
        y_side = y.side(G, b, y.columns(_chunks(panels)))
        n_chunks = len(y_side.ends) - 1
        rows = cuda.device_array((n_chunks, x.n, 2), np.float64)
        columns = cuda.device_array((len(x_side.ends) - 1, y.n, 1), np.float64)
        with starting:
            kernel = sums_kernel(x.dtype.name, x.shape, 1, True, False, x.kind, LIGHT)
        launch(kernel, (x, y), x_side, y_side, rows, columns)
        light = total(rows).reshape(x.n, 2)[:, 0], total(columns)
        starts, places = places_of(rows.copy_to_host()[:, :, 1])
        if starts[-1] > most:
            return None
        del rows, columns

        places = cuda.to_device(places)
        listed = cuda.device_array(max(1, starts[-1]), np.int32)
        with starting:
            kernel = list_kernel(x.dtype.name, x.shape, x.kind)
        launch(kernel, (x, y), x_side, y_side, places, listed)
        places = places.copy_to_host()
        if (places[:, :, 0] != places[:, :, 1]).any():  # compiled to other roundings
            return None
        return HeavyPairs(starts, listed.copy_to_host()[: starts[-1]], *light)

    @telling_shortage
    def log_sum_exp(self, x, F, y, G):
        panels, chunks = _row_wise(x, y)
        x_side = x.side(F, np.zeros(x.n), panels)
        y_side = y.side(G, np.zeros(y.n), chunks)
        maxima, sums = (
            cuda.device_array((len(y_side.ends) - 1, x.n, 1), np.float64) for _ in range(2)
        )
        with starting:
            kernel = log_sums_kernel(x.dtype.name, x.shape, x.kind)
        launch(kernel, (x, y), x_side, y_side, maxima, sums)
        out = cuda.device_array(x.n, np.float64)
        with starting:
            log_total_kernel[grid(x.n), THREADS](flat(maxima), flat(sums), out)
        return out.copy_to_host()


def _width(count, widths, n_more):
    """The number of columns per pass beside some more: the least that takes all, or the largest."""
    most = min(count + n_more, widths[-1])
    return next(width for width in widths if width >= most) - n_more


def _require(n, d, number):
    """Raise a MemoryError unless there is room for n points in dimension d, with `number` bytes per
    number.
    """
    needed = _needed(n, d, number)
    free = free_memory()
    if needed > free:
        raise MemoryError(
            f"backend: expected {needed / 1e9:.3g} GB free on the GPU for {n} points in dimension "
            f"{d}, got "
            f'{free / 1e9:.3g} GB; take backend="cpu", or fewer points'
        )


def _needed(n, d, number):
    """Bytes for points, their sums over clusters and partial sums."""
    return n * (number * (d + CLUSTERS) + 8 * (PANELS + CHUNKS))


def _row_wise(x, y):
    """The number of panels of x, and the least number of chunks of y that gives enough blocks."""
    panels = x.rows(BLOCKS)
    return panels, y.columns(_chunks(panels))


def _chunks(panels):
    """The number of chunks that gives enough blocks."""
    return min(CHUNKS, BLOCKS // (len(panels[1]) - 1))
