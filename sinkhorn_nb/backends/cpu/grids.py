"""Separable sums over grids: log-sum-exp along one axis after another, on all threads."""

import numpy as np

from ..blas import single_threaded_blas
from ..pointwise import LOG2E
from . import threads
from .grid_lines import NOTHING, RANGE, padded, tilted_lines
from .grid_products import exponentials, logarithms
from .grid_recursions import BOTH, recursive_lines

# Outputs per block, for blurs up to so many pixels
WIDTHS = (0.7, 4), (1.5, 8), (3.0, 16), (12.0, 32), (np.inf, 64)
LARGEST_TABLE = 2**21  # entries; a wider one would not fit a cache
LARGEST_MATRIX = 2**22
WIDEST = 1300.0  # half the squared diagonal over eps: beyond, products of matrices underflow
PANEL = 64  # lines that a thread takes at once
SMALLEST_ENTRY = 1e-300


class Axis:
    """The kernel 2^(-c (x_i - j)^2 / 2) along one axis, for outputs i at the places i + offset
    between the sources j.
    """

    def __init__(self, n, n_out, spacing, offset, eps):
        self.n = n
        self.n_out = n_out
        self.offset = offset
        self.spacing = spacing
        self.c = LOG2E * spacing * spacing / eps
        self._table = self._matrix = None

    @property
    def squared_width(self):
        """Twice the largest exponent, in natural units."""
        below = self.n - 1 - self.offset
        above = self.n_out - 1 + self.offset
        farthest = max(below, above)
        return self.c / LOG2E * farthest * farthest

    @property
    def table(self):
        """2^(c s k) for the outputs s of a block and the differences k of two sources."""
        if self._table is None:
            blur = np.sqrt(LOG2E / self.c)
            width = next(width for most, width in WIDTHS if blur <= most)
            reach = padded(self.n)
            while width > 4 and width * 2 * reach > LARGEST_TABLE:
                width //= 2
            s = np.arange(width) - (width - 1) / 2
            k = np.arange(-reach, reach)
            exponents = self.c * s[:, None] * k
            self._table = np.exp2(np.clip(exponents, -RANGE, RANGE))
        return self._table

    @property
    def matrix(self):
        """The kernel as an (n_out, n) matrix."""
        if self._matrix is None:
            outputs = np.arange(self.n_out) + self.offset
            distances = outputs[:, None] - np.arange(self.n)
            matrix = np.exp2(-0.5 * self.c * distances**2)
            matrix[matrix < SMALLEST_ENTRY] = 0.0
            self._matrix = matrix
        return self._matrix


class Sweeps:
    """log2 sum_j 2^L_j k_ij over all sources j of a grid, at all outputs i of another grid.

    Products of matrices are tried first, if the grid is not too wide for them; after the first
    underflow all sums are made in tilted blocks.
    """

    def __init__(self, axes):
        self._axes = axes
        fits = all(axis.n * axis.n_out <= LARGEST_MATRIX for axis in axes)
        half_square = sum(axis.squared_width for axis in axes) / 2
        self._multiplies = fits and half_square < WIDEST

    def __call__(self, L):
        """The sums at the outputs; each axis is read as lines and written transposed."""
        with single_threaded_blas():
            for axis in self._axes[::-1]:
                before = L.shape[:-1]
                lines = np.ascontiguousarray(L).reshape(-1, axis.n)
                L = self._along(axis, lines).reshape(axis.n_out, *before)
        return L

    def _along(self, axis, lines):
        out = np.empty((axis.n_out, len(lines)))
        if self._multiplies:
            flags = []

            def task(first, last):
                flags.append(_multiplied(axis, lines, first, last, out))

            threads.run(task, threads.panels_of(PANEL, len(lines)))
            if all(flags):
                return out
            self._multiplies = False
        arguments = axis.c, float(axis.offset), axis.table, out
        _in_panels(tilted_lines, lines, arguments)
        return out


class Recursions:
    """The sums of `Sweeps` for the kernel 2^(-c |x_i - j|) along each axis, by recursions."""

    def __init__(self, axes, eps):
        self._axes = axes
        self._to_exponent = LOG2E / eps

    def __call__(self, L, one_sided=None, side=BOTH):
        """The sums at the outputs; along the axis `one_sided` only over the sources on one side."""
        for k, axis in reversed(list(enumerate(self._axes))):
            before = L.shape[:-1]
            lines = np.ascontiguousarray(L).reshape(-1, axis.n)
            out = np.empty((axis.n_out, len(lines)))
            c = self._to_exponent * axis.spacing
            own_side = side if k == one_sided else BOTH
            arguments = c, float(axis.offset), own_side, out
            _in_panels(recursive_lines, lines, arguments)
            L = out.reshape(axis.n_out, *before)
        return L


def _in_panels(kernel, lines, arguments):
    panels = threads.panels_of(PANEL, len(lines))
    threads.run(lambda *panel: kernel(lines, *panel, *arguments), panels)


def _multiplied(axis, lines, first, last, out):
    exps = np.empty((last - first, axis.n))
    tops = np.empty(last - first)
    exponentials(lines, first, tops, exps)
    return logarithms(axis.matrix @ exps.T, tops, first, out)


def logarithm(weights):
    """log2 of weights >= 0, with NOTHING for zero."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log2(weights), NOTHING)
