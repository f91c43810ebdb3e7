"""The Gibbs kernel exp(-C / eps) between two clouds, which is never formed."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from ..backends.base import PointBackend
from ..backends.cost_functions import Function
from ..backends.pointwise import CityBlock
from ..common.array_types import Floats, Pair
from .given_slopes import given_slopes
from .pairs import PairKernel
from .trust import TRUSTED, log

FLAT = 2.0**-20  # costs in units of the temperature at which the Gibbs kernel is nearly constant


class GibbsKernel(PairKernel):
    """The kernel between points, with means of the points and derivatives in them."""

    def barycenters(self, f: Floats, g: Floats) -> Floats:
        """(n, d) means of the y_j with weights b_j p_ij for each i. Rows are normalized, so any f_i
        gives the same.
        """
        return self._origin + self._means(f, g, self._y.places)

    def _means(self, f: Floats, g: Floats, values: Floats) -> Floats:
        """Means of values of the y_j under the weights of `barycenters`."""
        center = values.mean(axis=0)
        moments = _with_ones(values - center)
        means = self._normalized(f, g, lambda kernel, f: kernel.transport(f, g, moments))
        return center + means

    def _normalized(
        self, f: Floats, g: Floats, sums_of: Callable[[GibbsKernel, Floats], Floats]
    ) -> Floats:
        """Sums of a kernel at f over their first column, which holds the row sums."""
        sums = sums_of(self, f)
        sizes = np.abs(log(sums[:, 0]))
        are_trusted = sizes <= np.log(TRUSTED[self.dtype])
        doubtful = np.flatnonzero(~are_trusted)
        if len(doubtful):
            rows = self._at(doubtful)
            sums[doubtful] = sums_of(rows, rows.softmin(g))
        return sums[:, 1:] / sums[:, :1]

    def mean_gradients(self, f: Floats, g: Floats) -> Floats:
        """(n, d) means of the cost's derivatives in x_i under the weights of `barycenters`.

        It takes one pass, but d + 1 for the city-block distance.
        """
        if self._kind is None:
            means = self._means(f, g, self._y.points)
            gradients = self._x.points - means
        else:
            gradients = self._normalized(f, g, lambda kernel, f: kernel._slopes(f, g))
        return self._pulled(gradients)

    def gradient_sums(self, f: Floats, g: Floats) -> Floats:
        """(n, d) sums of b_j p_ij times the cost's derivatives in x_i."""
        if self._kind is not None:
            slopes = self._slopes(f, g)[:, 1:]
            return self._pulled(slopes)
        x = self._x.points
        y = self._y.points
        center = y.mean(axis=0)
        moments = _with_ones(y - center)
        sums = self.transport(f, g, moments)
        return (x - center) * sums[:, :1] - sums[:, 1:]

    def _pulled(self, gradients: Floats) -> Floats:
        """Derivatives in the points from those in the embedded points."""
        points = self._origin + self._x.places
        return self._cost.pulled(points, gradients)

    def _slopes(self, f: Floats, g: Floats) -> Floats:
        """Sums of b_j p_ij and of b_j p_ij times the derivatives of the cost in embedded points."""
        weighted = self._weighted(g)
        x = self._x.points
        y = self._y.points
        if isinstance(self._kind, Function):
            self._count(1)
            F = self._to_exponent * f
            G = self._to_exponent * weighted
            return given_slopes(self._kind, x, F, y, G)
        if isinstance(self._kind, CityBlock):
            ones = np.ones((len(y), 1))
            axes = zip(x.T, y.T, strict=True)
            signs = [self.product(f, weighted, ones, axis) for axis in axes]
            sums = self.product(f, weighted, ones)
            return np.hstack([sums, *signs])

        center = y.mean(axis=0)
        moments = self._slope_sums(f, weighted, _with_ones(y - center))
        sums = moments[:, :1]
        levels = moments[:, 1:2]
        slopes = (x - center) * levels - moments[:, 2:]
        return np.hstack([sums, self._per_slope * slopes])

    @property
    def _per_slope(self) -> float:
        """Derivatives in units of cost, per slope in the units of the backends."""
        scale, _ = self._cost.kind(self._to_exponent)
        return scale**2 / self._to_exponent

    def _slope_sums(self, f: Floats, g: Floats, V: Floats) -> Floats:
        """(n, 1 + k) sums of p_ij, and of p_ij times the slopes of the cost times V_j."""
        self._count(1)
        x = self._x.at(f)
        y = self._y.at(g)
        backend = cast(PointBackend, self._backend)
        return backend.slope_sums(*x, *y, V)

    def slope_product(self, f: Floats, g: Floats, V: Floats, factors: Pair | None = None) -> Floats:
        """`product` with p_ij times s_ij, where s_ij (x_i - y_j) is the derivative of a cost in
        x_i that is a function of |x - y|.
        """
        if self._kind is None:  # then s_ij is 1
            return self.product(f, g, V, factors)
        sums = self.product(f, g, V, factors, derivative=1)
        return self._per_slope * sums

    def costs(self, f: Floats, g: Floats) -> Floats:
        """(n,) sum_j b_j p_ij C_ij."""
        if self._kind is not None:
            return super().costs(f, g)
        center = self._y.points.mean(axis=0)
        x = self._x.points - center
        y = self._y.points - center
        half_squares_x = (x**2).sum(axis=1) / 2
        half_squares_y = (y**2).sum(axis=1) / 2
        moments = np.column_stack([_with_ones(y), half_squares_y])
        sums = np.nan_to_num(self.transport(f, g, moments))
        products = (x * sums[:, 1:-1]).sum(axis=1)
        return half_squares_x * sums[:, 0] - products + sums[:, -1]

    def mean_cost(self, a: Floats, b: Floats, largest: float) -> float:
        """sum_ij a_i b_j C_ij / sum b, or slightly more, for weights a and b of the same sum and
        costs that are at most the largest.
        """
        if self._kind is not None:
            flat = self._at_eps(max(largest, self.eps) / FLAT)
            no_f = np.zeros(len(a))
            no_g = np.zeros(len(b))
            sums = flat.product(no_f, no_g, b[:, None], derivative=0)[:, 0]
            mean = a @ sums / b.sum() / flat._to_exponent
            return float(mean) * (1 + 2 * FLAT)
        x = self._x.points
        y = self._y.points
        squares = a @ (x**2).sum(axis=1)
        squares += b @ (y**2).sum(axis=1)
        products = (a @ x) @ (b @ y)
        return float(squares / 2 - products / a.sum())


def _with_ones(values: Floats) -> Floats:
    """The values, after a column of ones."""
    ones = np.ones(len(values))
    return np.column_stack([ones, values])
