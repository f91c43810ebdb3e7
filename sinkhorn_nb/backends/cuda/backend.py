"""The CUDA backend: clouds stay on the device, and vectors are copied to it and back in each pass.

Sums over clusters stay there, too: at a million points and 128 clusters they are 512 MB.

The blocks depend on the sizes alone, and no two of them add to the same sums, which are summed in
order. Therefore the result has the same bits each time.
"""

import numpy as np

from ..cost_functions import Function
from ..tiling import starts_of_pieces
from .costs import kind_of, number_of, place_for_failure, raise_failure, telling_refusal
from .device import SIMULATOR, Resident, cuda, free_memory, on_device, starting, telling_shortage
from .kernels import (
    SHARERS,
    Side,
    log_sums_kernel,
    log_total_kernel,
    share_kernel,
    sums_kernel,
    total_kernel,
)
from .pairs import SIGN
from .tiles import INERT, STRETCH, shape_of, shape_of_function

# Of rows and of columns, at most: partial sums take 8 bytes per point in each
PANELS, CHUNKS = 64, 32
BLOCKS = PANELS * CHUNKS  # about four waves of them on the largest devices
CLUSTERS = 128  # largest number of clusters with sums
THREADS, MOST = (2, 2) if SIMULATOR else (128, 1024)  # of the kernels that sum parts
# Instructions per launch, about: a tenth of a second on a small GPU, whose display would stop the
# computation after two seconds, and 10 ms on the largest, where a launch and the wait for it take
# 20 us. Ctrl-C works in between.
MOST_A_LAUNCH = 2**38
COST = {"float32": 1, "float64": 32}  # of one instruction on GPUs for displays
# Columns of a matrix per pass: with one more number they fill vector loads, and all of them fit in
# registers.
VALUES = {"float32": (1, 3, 7), "float64": (1, 3)}


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

    def side(self, exponents, values, pieces):
        """The cloud with exponents and values of its points, as an argument of the kernels."""
        exponents = np.clip(exponents, INERT, -INERT)
        references = np.maximum.reduceat(exponents, self._bounds[:-1])
        values = np.ascontiguousarray(values, dtype=self.dtype).reshape(self.n, -1)
        vectors = (cuda.to_device(vector) for vector in (exponents, references, values))
        cost = number_of(self.cost, self.dtype), place_for_failure(self.cost)
        return Side(self._points, self._centres, *pieces, *vectors, *cost)

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


class CudaClusterSums(Resident):
    """A (K, m) array on the device with the methods of `ClusterSums`; all sums are float64."""

    def __init__(self, sums, number=0):
        super().__init__(number)
        self._sums = sums
        self.dtype = sums.dtype

    @telling_shortage
    def columns(self):
        return _total(self._sums)

    @telling_shortage
    def totals(self, scales):
        return _total(self._sums, scales)

    def shares(self, weights):
        return self.grouped(weights, len(weights))[:, 0]

    @telling_shortage
    def grouped(self, weights, size):
        out = cuda.device_array((self._sums.shape[0], len(weights) // size), np.float64)
        weights = cuda.to_device(weights)
        with starting:
            share_kernel[out.shape[::-1], SHARERS](self._sums, weights, size, out)
        return out.copy_to_host().astype(self.dtype)

    def __array__(self, dtype=None, copy=None):
        return self._sums.copy_to_host().astype(dtype or self.dtype, copy=False)


class CudaBackend:
    """Kernels over tiles of pairs; see `Backend` for the methods."""

    points_a_tile = shape_of("float32", 1).tile
    lists_heavy_pairs = False

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
        return rows, _total(columns)

    @telling_shortage
    def cluster_sums(self, x, F, a, y, G, b, bounds):
        rows, columns = self._sums(x, F, a, y, G, b, x.rows(PANELS, bounds), x.dtype)
        return rows, CudaClusterSums(_flat(columns), self._number)

    @telling_shortage
    def self_sums(self, x, F, a):
        rows, columns = self._sums(x, F, a, x, F, a, x.rows(PANELS), np.float64, is_self=True)
        return rows + _total(columns)

    def _sums(self, x, F, a, y, G, b, panels, dtype, is_self=False):
        x_side = x.side(F, a, panels)
        y_side = y.side(G, b, y.columns(_chunks(panels)))
        rows = cuda.device_array((len(y_side.ends) - 1, x.n, 1), np.float64)
        columns = cuda.device_array((len(x_side.ends) - 1, y.n, 1), dtype)
        with starting:
            kernel = sums_kernel(x.dtype.name, x.shape, 1, True, is_self, x.kind)
        _launch(kernel, (x, y), x_side, y_side, rows, columns)
        return _total(rows), columns

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
            _launch(kernel, (x, y), x_side, y_side, sums, none)
            out[:, k : k + width] = _total(sums).reshape(x.n, width)[:, : V.shape[1] - k]
        return out

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
        _launch(kernel, (x, y), x_side, y_side, maxima, sums)
        out = cuda.device_array(x.n, np.float64)
        with starting:
            log_total_kernel[_grid(x.n), THREADS](_flat(maxima), _flat(sums), out)
        return out.copy_to_host()


def _width(count, widths, n_more):
    """The number of columns per pass beside some more: the least that takes all, or the largest."""
    most = min(count + n_more, widths[-1])
    return next(width for width in widths if width >= most) - n_more


def _launch(kernel, clouds, x, y, *sums):
    """Make a pass over the pairs of two sides, in launches that are short enough."""
    threads = clouds[0].shape.threads
    chunks = len(y.ends) - 1
    (m, d) = y.points.shape
    instructions = len(x.points) * m * (8 + d) * COST[y.points.dtype.name]
    pieces = -(-len(y.pieces) // chunks)  # of a chunk
    step = max(1, int(pieces * MOST_A_LAUNCH / instructions))
    for start in range(0, pieces, step):
        if start > 0:
            cuda.synchronize()
        with starting, telling_refusal():
            kernel[(len(x.ends) - 1, chunks), threads](x, y, *sums, start, start + step)
    if clouds[0].on_host is not None and x.failed.copy_to_host()[0]:
        raise_failure(*clouds)


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


def _total(parts, scales=None):
    """The sums over the first axis, scaled, on the host."""
    parts, scales = _flat(parts), cuda.to_device(np.ones(len(parts)) if scales is None else scales)
    out = cuda.device_array(parts.shape[1], np.float64)
    with starting:
        total_kernel[_grid(len(out)), THREADS](parts, scales, out)
    return out.copy_to_host()


def _flat(parts):
    return parts.reshape(parts.shape[0], parts.size // parts.shape[0])


def _grid(count):
    return min(-(-count // THREADS), MOST)
