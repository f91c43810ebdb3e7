"""Sums over grids for the distance |x - y|, which go along no axis: convolutions, by fast Fourier
transforms.

A transform leaves an error of about NOISE |w| |k| in each sum, for weights w and a kernel k with
these norms. Few blurs away from all mass, that is more than the sum. Such sums are found by this
bound, and made again pair by pair.
"""

import numpy as np
from scipy import fft

from ..pointwise import LOG2E, Distance
from . import threads
from .grid_distances import pair_sums
from .grid_lines import EMPTY, LOWEST, NOTHING

NOISE = 3 * 2.0**-52  # the largest error that was met is 2.9 * 2^-52
TRUSTED = 1e-8  # relative error of a sum beyond which it is made pair by pair
SMALLEST = 1e-300
PANEL = 16  # pixels that a thread takes at once


class Convolutions:
    """Sums over all sources j of a grid of weights 2^L_j exp(-|x_i - y_j| / eps), at all outputs i
    of another grid with the same spacing.

    Parameters
    ----------
    axes : list of Axis
    eps : float
    """

    def __init__(self, axes, eps):
        self._axes = axes
        self._d = len(axes)
        self._eps = eps
        sizes = [axis.n + axis.n_out - 1 for axis in axes]
        self._lengths = [fft.next_fast_len(size, real=True) for size in sizes]
        self._known = {}

    def log_sum(self, L):
        """(n,) logarithms of the sums, base 2."""
        top = L.max()
        if top < EMPTY:
            return np.full(self._n_out, NOTHING)
        spectrum, least = self._spectrum(L - top)
        sums = self._convolved(spectrum, "sum")
        positive = np.maximum(sums, SMALLEST)
        log_sum = np.log2(positive) + top

        rough = np.flatnonzero(sums < least)
        log_sum[rough] = self._pair_by_pair(L, rough)[:, 0]
        return log_sum

    def means(self, L):
        """(n, 1 + d) means of the cost and of its derivatives in x_i."""
        spectrum, least = self._spectrum(L - L.max())
        sums = self._convolved(spectrum, "sum")
        positive = np.maximum(sums, SMALLEST)
        kinds = "cost", *range(self._d)
        parts = [self._convolved(spectrum, kind) for kind in kinds]
        means = np.stack(parts, axis=1) / positive[:, None]

        rough = np.flatnonzero(sums < least)
        means[rough] = self._pair_by_pair(L, rough)[:, 1:]
        return means

    def total_cost(self, a, b):
        """sum_ij a_i b_j |x_i - y_j| for weights per pixel."""
        return float(a @ self._convolved(self._transformed(b), "distance"))

    @property
    def _n_out(self):
        return int(np.prod([axis.n_out for axis in self._axes]))

    def _transformed(self, weights):
        image = weights.reshape([axis.n for axis in self._axes])
        return fft.rfftn(image, self._lengths, workers=threads.count())

    def _spectrum(self, L):
        """The transform of the weights, and the least sum that is trusted."""
        weights = np.exp2(np.maximum(L, LOWEST))
        _, norm = self._kernel("sum")
        least = NOISE / TRUSTED * norm * np.linalg.norm(weights)
        return self._transformed(weights), least

    def _convolved(self, spectrum, kind):
        kernel, _ = self._kernel(kind)
        sums = fft.irfftn(spectrum * kernel, self._lengths, workers=threads.count())
        outputs = tuple(slice(axis.n_out) for axis in self._axes)
        return sums[outputs].ravel()

    def _kernel(self, kind):
        """The transform of a function of the differences x_i - y_j, and its norm."""
        if kind not in self._known:
            values = self._function(kind)
            transform = fft.rfftn(values, workers=threads.count())
            self._known[kind] = transform, np.linalg.norm(values)
        return self._known[kind]

    def _function(self, kind):
        moves = [self._moves(k) for k in range(self._d)]
        distances = np.sqrt(sum(move**2 for move in moves))
        if kind == "distance":
            return distances
        weights = np.exp(-distances / self._eps)
        if kind == "sum":
            return weights
        if kind == "cost":
            return weights * distances
        with np.errstate(invalid="ignore"):  # the derivative is 0 between equal points
            return weights * np.nan_to_num(moves[kind] / distances)

    def _moves(self, k):
        """Differences x_i - y_j along an axis, those below zero at the end."""
        axis = self._axes[k]
        length = self._lengths[k]
        index = np.arange(length)
        steps = np.where(index < axis.n_out, index, index - length)
        moves = axis.spacing * (steps + axis.offset)
        shape = [1] * self._d
        shape[k] = length
        return moves.reshape(shape)

    def _pair_by_pair(self, L, rough):
        """(len(rough), 2 + d) logarithms of sums, and the means, at some outputs."""
        n = len(rough)
        out = np.empty((n, 2 + self._d))
        if n == 0:
            return out
        scale = LOG2E / self._eps
        filled = np.flatnonzero(L > EMPTY)
        x = scale * self._outputs(rough)
        y = scale * self._sources(filled)
        weights = L[filled]

        def task(first, last):
            pair_sums(Distance(), x, y, weights, first, last, out)

        threads.run(task, threads.panels_of(PANEL, n))
        out[:, 1] /= scale
        return out

    def _outputs(self, rows):
        """(len(rows), d) places of some outputs."""
        index = np.unravel_index(rows, [axis.n_out for axis in self._axes])
        pairs = zip(self._axes, index, strict=True)
        places = [axis.spacing * (i + axis.offset) for axis, i in pairs]
        return np.stack(places, axis=1)

    def _sources(self, rows):
        """(d, len(rows)) places of some sources."""
        index = np.unravel_index(rows, [axis.n for axis in self._axes])
        pairs = zip(self._axes, index, strict=True)
        places = [axis.spacing * j for axis, j in pairs]
        return np.stack(places)
