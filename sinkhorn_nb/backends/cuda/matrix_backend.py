"""Passes over the entries of a cost matrix on the GPU, where a copy of it stays as long as its
kernel.

Vectors are copied to the device and back in each pass. Columns are taken in the order of memory, so
that neighboring threads read neighboring entries; only for clusters of columns in their order.
"""

from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from ..cluster_sums import HostClusterSums
from ..products import by_columns, by_factors
from ..tables import are_columns, indices
from ..tiling import even_ends
from . import matrix_kernels
from .backend import VALUES, width_of
from .device import Resident, cuda, free_memory, on_device, starting, telling_shortage
from .matrix_kernels import LINES, THREADS, Side
from .passes import log_total, total
from .tiles import INERT

PANELS, CHUNKS = 64, 32  # of lines and of columns, at most
COLUMNS_A_CHUNK = 4 * THREADS  # at least


class Indices(NamedTuple):
    """Rows or columns of a matrix that take part in a pass."""

    table: Any
    are_columns: bool
    places: Any
    dtype: Any

    @property
    def n(self):
        """The number of them."""
        return len(self.places)

    def costs_to(self, other):
        """The matrix, with these rows or columns as its rows."""
        return self.table.between(self.are_columns, other.are_columns)


class Copy(Resident):
    """A matrix on the device."""

    def __init__(self, host, number):
        super().__init__(number)
        self.host = host  # so that its address stays its own
        self.array = cuda.to_device(np.ascontiguousarray(host))


def _here(method):
    """A method that runs on the backend's device and tells of its memory."""
    told = telling_shortage(method)

    @wraps(method)
    def run(self, *arguments):
        with on_device(self._number):
            return told(self, *arguments)

    return run


class CudaMatrixBackend:
    """Kernels over the lines of a matrix; see `Backend` for the methods. The points of a cloud are
    those of `tables`.
    """

    points_a_tile = 1024
    lists_heavy_pairs = False

    def __init__(self, number=0):
        self._number = number
        self._copies = {}

    def on_device(self):
        return on_device(self._number)

    @_here
    def require_room(self, work):
        """Raise a MemoryError unless the matrix fits, beside sums."""
        costs = work.cost.costs
        n, m = costs.shape
        of_parts = 8 * (PANELS + CHUNKS) * work.n_points
        needed = costs.nbytes + of_parts
        if needed > (free := free_memory()):
            raise MemoryError(
                f"backend: expected {needed / 1e9:.3g} GB free on the GPU for a {n} x {m} matrix, "
                f'got {free / 1e9:.3g} GB; take backend="cpu"'
            )

    def load(self, offsets, centres, bounds, cost=None):
        places = indices(offsets)
        return Indices(cost, are_columns(offsets), places, offsets.dtype)

    @_here
    def sums(self, x, F, a, y, G, b):
        rows, columns = self._sums(x, F, a[:, None], y, G, b[:, None])
        return rows[:, 0], columns[:, 0]

    @_here
    def cluster_sums(self, x, F, a, y, G, b, bounds):
        rows, parts = self._sums(x, F, a[:, None], y, G, b[:, None], bounds)
        parts = parts[:, :, 0].astype(x.dtype)
        return rows[:, 0], HostClusterSums(parts)

    @_here
    def self_sums(self, x, F, a):
        """The sums from all pairs: the threads of a block read each line from its start."""
        sums = self._row_sums(x, F, x, F, a[:, None])
        return sums[:, 0]

    @_here
    def row_sums(self, x, F, y, G, b):
        sums = self._row_sums(x, F, y, G, b[:, None])
        return sums[:, 0]

    def heavy_pairs(self, x, F, a, y, G, b, theta, most):
        """None, as if there were too many: no kernel lists the pairs of a matrix."""
        return None

    @_here
    def log_sum_exp(self, x, F, y, G):
        costs, is_transposed = self._lines(x, y)
        dtype = x.dtype.name
        mine = x, F, np.empty((x.n, 0))
        theirs = y, G, np.empty((y.n, 0))
        if is_transposed:
            lines, columns, order = _sides(theirs, mine)
            kernel = matrix_kernels.log_sums_of_columns(dtype)
            count = lines.n_parts
        else:
            lines, columns, _ = _sides(mine, theirs)
            kernel = matrix_kernels.log_sums_of_lines(dtype)
            count = columns.n_parts
            order = slice(None)
        maxima = cuda.device_array((count, x.n), np.float64)
        sums = cuda.device_array((count, x.n), np.float64)
        _launch(kernel, costs, x, lines, columns, maxima, sums)
        return _reordered(log_total(maxima, sums), order)

    @_here
    def transport(self, x, F, y, G, V, factors, derivative=None):
        def multiply(W):
            return self._transport(x, F, y, G, W, derivative)

        if factors is None:
            return multiply(V)
        A, B = factors
        return by_factors(multiply, A, B, V)

    def _transport(self, x, F, y, G, V, derivative):
        def multiply(values):
            return self._row_sums(x, F, y, G, values, derivative)

        width = width_of(V.shape[1], VALUES[x.dtype.name])
        return by_columns(multiply, V, x.n, width)

    def _row_sums(self, x, F, y, G, W, derivative=None):
        """sum_j p_ij W_j, without sums of columns."""
        none = np.empty((x.n, 0))
        sums, _ = self._sums(x, F, none, y, G, W, derivative=derivative)
        return sums

    def _sums(self, x, F, V, y, G, W, bounds=None, derivative=None):
        """sum_j p_ij W_j and sum_i p_ij V_i; the latter by the clusters of i, if there are some."""
        costs, is_transposed = self._lines(x, y)
        times_cost = derivative is not None
        mine = x, F, V
        theirs = y, G, W
        widths = V.shape[1], W.shape[1]
        if is_transposed:
            sides = _sides(theirs, mine, column_ends=bounds)
            of_y, of_x = _pass(costs, sides, widths[::-1], times_cost, x)
        else:
            sides = _sides(mine, theirs, line_ends=bounds)
            of_x, of_y = _pass(costs, sides, widths, times_cost, x)
        column_sums = _added if bounds is None else _on_host
        return _added(*of_x), column_sums(*of_y)

    def _lines(self, x, y):
        """The lines of the matrix on the device, and whether they belong to y."""
        costs = x.costs_to(y)
        is_transposed = not costs.flags.c_contiguous
        host = costs.T if is_transposed else costs
        key = host.__array_interface__["data"][0], host.shape
        if key not in self._copies:
            self._copies[key] = Copy(host, self._number)
        return self._copies[key].array, is_transposed


def _sides(of_lines, of_columns, line_ends=None, column_ends=None):
    """Both sides on the device, and the order in which columns are taken."""
    columns, G, W = of_columns
    order = slice(None)
    if column_ends is None:
        order = np.argsort(columns.places, kind="stable")
        column_ends = _ends(columns.n, CHUNKS, COLUMNS_A_CHUNK)
    lines, F, V = of_lines
    if line_ends is None:
        line_ends = _ends(lines.n, PANELS, LINES)
    of_lines = _side(lines, F, V, slice(None), line_ends)
    return of_lines, _side(columns, G, W, order, column_ends), order


def _side(side, exponents, values, order, ends):
    places = side.places.astype(np.int64)
    exponents = np.clip(exponents, INERT, -INERT).astype(side.dtype)
    width = values.shape[1]
    padded = np.zeros((side.n, max(1, width)), side.dtype)  # no array is empty
    padded[:, :width] = values
    return Side(
        places=cuda.to_device(places[order]),
        ends=cuda.to_device(ends.astype(np.int64)),
        exponents=cuda.to_device(exponents[order]),
        values=cuda.to_device(padded[order]),
    )


def _ends(n, most, size):
    """The ends of at most so many pieces of about equal sizes, not below one size."""
    count = min(most, -(-n // size))
    return even_ends(n, count)


def _pass(costs, sides, widths, times_cost, x):
    """Parts of the sums of the lines and of the columns, each with their order and width; `widths`
    are those of the values of the lines and of the columns.
    """
    lines, columns, order = sides
    n_line_values, n_column_values = widths
    of_lines = _parts(columns.n_parts, len(lines.places), n_column_values)
    of_columns = _parts(lines.n_parts, len(columns.places), n_line_values)
    dtype = x.dtype.name
    kernel = matrix_kernels.sums_kernel(dtype, n_line_values, n_column_values, times_cost)
    _launch(kernel, costs, x, lines, columns, of_lines, of_columns)
    return (of_lines, slice(None), n_column_values), (of_columns, order, n_line_values)


def _parts(count, n, width):
    return cuda.device_array((count, n, width) if width else (1, 1, 1), np.float64)


def _launch(kernel, costs, x, lines, columns, *outputs):
    blocks = lines.n_parts, columns.n_parts
    per_cost = x.dtype.type(x.table.per_cost)
    with starting:
        kernel[blocks, THREADS](costs, per_cost, lines, columns, *outputs)


def _added(parts, order, width):
    """The sums over all parts, (n, width), on the host."""
    n = parts.shape[1]
    if not width:
        return np.empty((n, 0))
    sums = total(parts).reshape(n, width)
    return _reordered(sums, order)


def _on_host(parts, order, width):
    """All parts, (count, n, width)."""
    points_first = parts.copy_to_host().swapaxes(0, 1)
    return _reordered(points_first, order).swapaxes(0, 1)


def _reordered(values, order):
    out = np.empty_like(values)
    out[order] = values
    return out
