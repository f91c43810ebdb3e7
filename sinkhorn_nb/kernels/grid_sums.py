"""Sums over the pixels of a grid at the pixels of another one, by the kind of cost."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..backends.choice import sweeps
from ..backends.cpu.grid_recursions import ABOVE, BELOW, BOTH
from ..backends.cpu.grids import Axis, Recursions
from ..common.array_types import Floats
from ..measures.lattice import Lattice
from .ledger import Ledger


class GridSums(Protocol):
    """Sums over the pixels j of weights 2^L_j exp(-C_ij / eps), at all pixels i."""

    @property
    def n_sweeps(self) -> float:
        """Number of sweeps so far."""

    def log_sum(self, L: Floats) -> Floats:
        """(n,) logarithms of the sums, base 2."""

    def mean_gradients(self, L: Floats) -> Floats:
        """(n, d) means of the cost's derivatives in x_i."""

    def mean_costs(self, L: Floats) -> Floats:
        """(n,) means of the cost."""

    def pair_cost(self, a: Floats, b: Floats) -> float:
        """sum_ij a_i b_j C_ij / sum b for weights a and b of the same sum."""


def axes_between(at: Lattice, of: Lattice, eps: float) -> list[Axis]:
    """The kernels along the axes, from the pixels of one lattice to those of another."""
    shifts = np.array(at.origin) - of.origin
    offsets = (shifts / of.spacing).tolist()
    axes = zip(of.shape, at.shape, of.spacing, offsets, strict=True)
    return [Axis(*axis, eps) for axis in axes]


class Counted:
    """A count of sweeps, which are written to the ledger; they have far fewer terms than there are
    pairs.
    """

    def __init__(self, at: Lattice, of: Lattice) -> None:
        self._ledger = Ledger()
        self._terms = terms_per_sweep(at, of)

    @property
    def n_sweeps(self) -> float:
        """Number of sweeps so far."""
        return self._ledger.pairs / self._terms

    def count_sweeps(self, number: int = 1) -> None:
        """Count some more sweeps."""
        self._ledger.write(number * self._terms)


class Separable(Counted):
    """The common part of sums along one axis after another.

    Parameters
    ----------
    at, of : Lattice
        The pixels i and j.
    eps : float
    """

    def __init__(self, at: Lattice, of: Lattice, eps: float) -> None:
        super().__init__(at, of)
        self._at = at
        self._of = of
        self._axes = axes_between(at, of, eps)

    def moment(self, L: Floats, k: int, power: int) -> Floats:
        """Logarithms of the sums with the coordinate along an axis, in pixels from 1 on, to a
        power.
        """
        lattice = self._of
        places = np.arange(1, lattice.shape[k] + 1)
        logs = power * np.log2(places)
        moment = lattice.shaped(L) + lattice.along(k, logs)
        return moment.ravel()

    def _places(self, k: int) -> Floats:
        """(n,) coordinates of the x_i along an axis, in pixels from the one before the first."""
        origin = self._of.origin[k]
        h = self._of.spacing[k]
        places = (self._at.axis(k) - origin) / h + 1
        everywhere = np.broadcast_to(self._at.along(k, places), self._at.shape)
        return everywhere.ravel()


class SquaredSums(Separable):
    """Sums for |x - y|^2 / 2, by tilted blocks and products of matrices, or on a GPU."""

    def __init__(self, at: Lattice, of: Lattice, eps: float, backend: str = "auto") -> None:
        super().__init__(at, of, eps)
        self._sweep = sweeps(backend, self._axes)

    def log_sum(self, L: Floats) -> Floats:
        """(n,) logarithms of the sums, base 2; one sweep."""
        self.count_sweeps()
        image = L.reshape(self._of.shape)
        return self._sweep(image).ravel()

    def mean_gradients(self, L: Floats) -> Floats:
        """(n, d) means of x_i - y_j; d + 1 sweeps."""
        log_mass = self.log_sum(L)
        gradients = []
        for k, h in enumerate(self._of.spacing):
            mean = self._mean(L, k, 1, log_mass)
            gradients.append(h * (self._places(k) - mean))
        return np.stack(gradients, axis=1)

    def mean_costs(self, L: Floats) -> Floats:
        """(n,) means of the cost; 2 d + 1 sweeps."""
        log_mass = self.log_sum(L)
        costs = np.zeros(self._at.size)
        for k, h in enumerate(self._of.spacing):
            place = self._places(k)
            mean = self._mean(L, k, 1, log_mass)
            square = self._mean(L, k, 2, log_mass)
            half_squares = place * place / 2 - place * mean + square / 2
            costs += h * h * half_squares
        return costs

    def _mean(self, L: Floats, k: int, power: int, log_mass: Floats) -> Floats:
        """(n,) means of a power of the coordinate along an axis, in pixels from 1 on; one sweep."""
        log_sum = self.log_sum(self.moment(L, k, power))
        return np.exp2(log_sum - log_mass)

    def pair_cost(self, a: Floats, b: Floats) -> float:
        """sum_ij a_i b_j C_ij / sum b, from moments."""
        center = self._of.points.mean(axis=0)
        x = self._at.points - center
        y = self._of.points - center
        squares = a @ (x**2).sum(axis=1)
        squares += b @ (y**2).sum(axis=1)
        products = (a @ x) @ (b @ y)
        return float(squares / 2 - products / a.sum())


class CityBlockSums(Separable):
    """Sums for sum_k |x_k - y_k|, by recursions."""

    def __init__(self, at: Lattice, of: Lattice, eps: float) -> None:
        super().__init__(at, of, eps)
        self._sweep = Recursions(self._axes, eps)

    def log_sum(self, L: Floats) -> Floats:
        """(n,) logarithms of the sums, base 2; one sweep."""
        return self._one_sided(L, None, BOTH)

    def mean_gradients(self, L: Floats) -> Floats:
        """(n, d) means of the signs of x_i - y_j; 2 d + 1 sweeps."""
        log_mass = self.log_sum(L)
        signs = []
        for k in range(len(self._of.shape)):
            below = np.exp2(self._one_sided(L, k, BELOW) - log_mass)
            above = np.exp2(self._one_sided(L, k, ABOVE) - log_mass)
            signs.append(below - above)
        return np.stack(signs, axis=1)

    def mean_costs(self, L: Floats) -> Floats:
        """(n,) means of the cost; 4 d + 1 sweeps."""
        log_mass = self.log_sum(L)
        costs = np.zeros(self._at.size)
        for k, h in enumerate(self._of.spacing):
            places = self._places(k)
            first_moment = self.moment(L, k, 1)
            for side in (BELOW, ABOVE):
                mass = np.exp2(self._one_sided(L, k, side) - log_mass)
                mean = np.exp2(self._one_sided(first_moment, k, side) - log_mass)
                costs += -side * h * (places * mass - mean)
        return costs

    def pair_cost(self, a: Floats, b: Floats) -> float:
        """sum_ij a_i b_j C_ij / sum b, from the distribution functions along the axes."""
        cost = 0.0
        for k in range(len(self._of.shape)):
            of_a = _marginal(self._at, a, k)
            of_b = _marginal(self._of, b, k)
            cost += _mean_distance(self._at.axis(k), of_a, self._of.axis(k), of_b)
        return cost / float(b.sum())

    def _one_sided(self, L: Floats, k: int | None, side: int) -> Floats:
        self.count_sweeps()
        image = L.reshape(self._of.shape)
        return self._sweep(image, k, side).ravel()


def terms_per_sweep(at: Lattice, of: Lattice) -> float:
    """The mean number of terms of a sweep from one lattice to the other and of one back."""
    return (at.work + of.work) / 2


def _marginal(lattice: Lattice, weights: Floats, k: int) -> Floats:
    """Sums of the weights over all axes but one."""
    axes = range(len(lattice.shape))
    others = tuple(axis for axis in axes if axis != k)
    sums: Floats = lattice.shaped(weights).sum(axis=others)
    return sums


def _mean_distance(x: Floats, a: Floats, y: Floats, b: Floats) -> float:
    """sum_ij a_i b_j |x_i - y_j|, from the distribution functions between neighboring points."""
    places = np.concatenate([x, y])
    order = np.argsort(places, kind="stable")
    of_a = np.concatenate([a, np.zeros(len(y))])
    of_b = np.concatenate([np.zeros(len(x)), b])
    below_a = np.cumsum(of_a[order])[:-1]
    below_b = np.cumsum(of_b[order])[:-1]
    above_a = a.sum() - below_a
    above_b = b.sum() - below_b
    crossing = below_a * above_b + below_b * above_a
    return float(np.diff(places[order]) @ crossing)
