"""The CUDA backend: clouds stay on the device, and vectors are copied to it and back in each pass.

The blocks depend on the sizes alone, and no two of them add to the same sums, which are summed in
order. Therefore the result has the same bits each time.
"""

import numpy as np

from ..heavy_pairs import HeavyPairs
from ..products import by_columns, by_factors
from .cloud import CHUNKS, PANELS, CudaCloud
from .cluster_sums import CudaClusterSums
from .device import cuda, free_memory, on_device, starting, telling_shortage
from .heavy import list_kernel, places_of
from .kernels import sums_kernel
from .log_sums import log_sums_kernel
from .pairs import LIGHT, SIGN, SLOPE
from .passes import flat, launch, log_total, total
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
        number = np.dtype(work.dtype).itemsize
        needed = _needed(work.n_points, work.dimension, number)
        return needed <= free_memory()

    def require_room(self, work):
        """Raise a MemoryError unless all clouds and sums fit."""
        number = np.dtype(work.dtype).itemsize
        _require(work.n_points, work.dimension, number)

    @telling_shortage
    def load(self, offsets, centres, bounds, cost=None):
        _require(*offsets.shape, offsets.dtype.itemsize)
        return CudaCloud(offsets, centres, bounds, self._number, cost)

    @telling_shortage
    def sums(self, x, F, a, y, G, b):
        panels = x.rows(PANELS)
        rows, columns = self._sums(x, F, a, y, G, b, panels, np.float64)
        return rows, total(columns)

    @telling_shortage
    def cluster_sums(self, x, F, a, y, G, b, bounds):
        panels = x.rows(PANELS, bounds)
        rows, columns = self._sums(x, F, a, y, G, b, panels, x.dtype)
        return rows, CudaClusterSums(flat(columns), self._number)

    @telling_shortage
    def self_sums(self, x, F, a):
        panels = x.rows(PANELS)
        rows, columns = self._sums(x, F, a, x, F, a, panels, np.float64, is_self=True)
        return rows + total(columns)

    def _sums(self, x, F, a, y, G, b, panels, dtype, is_self=False):
        chunks = y.columns(_chunks(panels))
        x_side = x.side(F, a, panels)
        y_side = y.side(G, b, chunks)
        rows = _parts(y_side.n_parts, x)
        columns = _parts(x_side.n_parts, y, dtype=dtype)
        with starting:
            kernel = sums_kernel(x.dtype.name, x.shape, 1, True, is_self, x.kind)
        launch(kernel, (x, y), x_side, y_side, rows, columns)
        return total(rows), columns

    @telling_shortage
    def row_sums(self, x, F, y, G, b):
        sums = self._transport(x, F, y, G, b[:, None])
        return sums[:, 0]

    @telling_shortage
    def transport(self, x, F, y, G, V, factors, derivative=None):
        def multiply(W):
            return self._transport(x, F, y, G, W, derivative)

        if factors is None:
            return multiply(V)
        A, B = factors
        if A.ndim == 1:
            return self._transport(x, F, y, G, V, SIGN, factors)
        return by_factors(multiply, A, B, V)

    @telling_shortage
    def slope_sums(self, x, F, y, G, V):
        ones = np.ones((y.n, 1))
        sums = self._transport(x, F, y, G, ones)
        of_slopes = self._transport(x, F, y, G, V, SLOPE)
        return np.hstack([sums, of_slopes])

    def _transport(self, x, F, y, G, V, factor=None, signs=None):
        A = np.zeros(x.n)
        B = np.empty((y.n, 0))
        if signs is not None:
            A = signs[0]
            B = signs[1][:, None]
        dtype = x.dtype.name
        width = width_of(V.shape[1], VALUES[dtype], B.shape[1])
        panels, chunks = _row_wise(x, y)
        x_side = x.side(F, A, panels)
        sums = _parts(len(chunks[1]) - 1, x, width)
        none = cuda.device_array((1, 1, 1), np.float64)
        with starting:
            kernel = sums_kernel(dtype, x.shape, width, False, False, x.kind, factor)

        def multiply(values):
            y_side = y.side(G, np.hstack([values, B]), chunks)
            launch(kernel, (x, y), x_side, y_side, sums, none)
            return total(sums).reshape(x.n, width)

        return by_columns(multiply, V, x.n, width)

    @telling_shortage
    def heavy_pairs(self, x, F, a, y, G, b, theta, most):
        panels = x.rows(PANELS)
        chunks = y.columns(_chunks(panels))
        x_side = x.side(F, a, panels, theta)
        y_side = y.side(G, b, chunks)
        rows = _parts(y_side.n_parts, x, 2)
        columns = _parts(x_side.n_parts, y)
        with starting:
            kernel = sums_kernel(x.dtype.name, x.shape, 1, True, False, x.kind, LIGHT)
        launch(kernel, (x, y), x_side, y_side, rows, columns)
        light_rows = total(rows).reshape(x.n, 2)[:, 0]
        light_columns = total(columns)
        starts, places = places_of(rows.copy_to_host()[:, :, 1])
        count = starts[-1]
        if count > most:
            return None
        del rows, columns

        places = cuda.to_device(places)
        listed = cuda.device_array(max(1, count), np.int32)
        with starting:
            kernel = list_kernel(x.dtype.name, x.shape, x.kind)
        launch(kernel, (x, y), x_side, y_side, places, listed)
        places = places.copy_to_host()
        if (places[:, :, 0] != places[:, :, 1]).any():  # compiled to other roundings
            return None
        listed = listed.copy_to_host()
        return HeavyPairs(starts, listed[:count], light_rows, light_columns)

    @telling_shortage
    def log_sum_exp(self, x, F, y, G):
        panels, chunks = _row_wise(x, y)
        x_side = x.side(F, np.zeros(x.n), panels)
        y_side = y.side(G, np.zeros(y.n), chunks)
        maxima = _parts(y_side.n_parts, x)
        sums = _parts(y_side.n_parts, x)
        with starting:
            kernel = log_sums_kernel(x.dtype.name, x.shape, x.kind)
        launch(kernel, (x, y), x_side, y_side, maxima, sums)
        return log_total(maxima, sums)


def width_of(count, widths, n_more=0):
    """The number of columns per pass beside some more: the least that takes all, or the largest."""
    most = min(count + n_more, widths[-1])
    suitable = [width for width in widths if width >= most]
    return suitable[0] - n_more


def _parts(count, cloud, width=1, dtype=np.float64):
    """Place for so many parts of the sums of a cloud's points."""
    return cuda.device_array((count, cloud.n, width), dtype)


def _require(n, d, number):
    """Raise a MemoryError unless there is room for n points in dimension d, with `number` bytes per
    number.
    """
    needed = _needed(n, d, number)
    free = free_memory()
    if needed > free:
        raise MemoryError(
            f"backend: expected {needed / 1e9:.3g} GB free on the GPU for {n} points in dimension "
            f'{d}, got {free / 1e9:.3g} GB; take backend="cpu", or fewer points'
        )


def _needed(n, d, number):
    """Bytes for points, their sums over clusters and partial sums."""
    of_points = number * (d + CLUSTERS)
    of_parts = 8 * (PANELS + CHUNKS)
    return n * (of_points + of_parts)


def _row_wise(x, y):
    """The panels of x, and as few chunks of y as give enough blocks."""
    panels = x.rows(BLOCKS)
    return panels, y.columns(_chunks(panels))


def _chunks(panels):
    """The number of chunks that gives enough blocks."""
    n_panels = len(panels[1]) - 1
    return min(CHUNKS, BLOCKS // n_panels)
