"""Smooth sorted values, ranks and quantiles of numbers, by entropic transport to an even grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .. import validation
from ..common.array_types import ArrayLike, Floats, Indices
from ..common.caching import cached_property
from ..common.representation import Represented
from ..measures.measure import Measure
from ..problem import Problem
from ..results.solution import Solution
from ..solver import Sinkhorn
from .arguments import usual
from .even_grid import EvenGrid


@dataclass(frozen=True, eq=False, repr=False)
class SoftValues(Represented, ABC):
    """Numbers that depend smoothly on x. NumPy treats them as an array.

    Attributes
    ----------
    values : float64 array
    solution : Solution
        The transport from x to an even grid with the mean and the standard deviation of x.
    """

    solution: Solution

    @property
    def values(self) -> Floats:
        """The numbers."""
        return self._send(self._values)

    def pullback(self, cotangent: ArrayLike) -> Floats:
        """The gradient (n,) of a scalar with respect to x, from its derivatives with respect to
        `values`.

        The derivatives belong to the converged values and are right up to the marginal error. A
        warning is given if their linear system was not solved (see `Solution.pullback`).
        """
        checked = validation.like("cotangent", cotangent, self._values)
        return self._send(self._pullback(checked))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Floats:
        """The values, on the host."""
        # NumPy 1 does not accept None
        return np.array(self._values, dtype=dtype, copy=copy is None or copy)

    @property
    def _shape(self) -> tuple[int, ...]:
        return (len(self.solution.problem.source),)

    def _facts(self) -> dict[str, object]:
        """The facts do not include the values, which would take a pass."""
        facts = self.solution._facts()
        names = "converged", "marginal_error", "blur"
        return {"shape": self._shape} | {name: facts[name] for name in names}

    @property
    @abstractmethod
    def _values(self) -> Floats:
        """The numbers, on the host."""

    @abstractmethod
    def _pullback(self, cotangent: Floats) -> Floats:
        """The gradient, on the host."""

    @property
    def _on_host(self) -> Solution:
        return self.solution.on_host

    def _send(self, values: Floats) -> Floats:
        return self.solution.home.send(values)

    @cached_property
    def _grid(self) -> EvenGrid:
        return EvenGrid(self.solution.problem.source)


class _SoftSort(SoftValues):
    @cached_property
    def _values(self) -> Floats:
        return self._on_host.map_back()[:, 0]

    def _pullback(self, cotangent: Floats) -> Floats:
        gradient = self._on_host.T.pullback(map=cotangent[:, None])
        return gradient.y[:, 0] + self._grid.pull(gradient.x[:, 0])


class _SoftRank(SoftValues):
    @cached_property
    def _values(self) -> Floats:
        images = self._on_host.map()[:, 0]
        return self._middle + (images - self._grid.mean) / self._grid.step

    def _pullback(self, cotangent: Floats) -> Floats:
        grid = self._grid
        gradient = self._on_host.pullback(map=cotangent[:, None] / grid.step)
        on_mean = -float(cotangent.sum()) / grid.step
        offsets = self._values - self._middle
        on_scale = -float(cotangent @ offsets) / grid.scale
        through_grid = grid.pull(gradient.y[:, 0], on_mean, on_scale)
        return gradient.x[:, 0] + through_grid

    @property
    def _middle(self) -> float:
        """The mean rank."""
        return (len(self.solution.problem.source) + 1) / 2


@dataclass(frozen=True, eq=False, repr=False)
class _SoftQuantile(SoftValues):
    q: Floats

    @cached_property
    def _values(self) -> Floats:
        values = self._sorted._values
        share = self._share
        low: Floats = (1 - share) * values[self._below]
        return low + share * values[self._above]

    def _pullback(self, cotangent: Floats) -> Floats:
        share = self._share
        on_sorted = np.zeros_like(self._sorted._values)
        np.add.at(on_sorted, self._below, (1 - share) * cotangent)
        np.add.at(on_sorted, self._above, share * cotangent)
        return self._sorted._pullback(on_sorted)

    @cached_property
    def _sorted(self) -> _SoftSort:
        return _SoftSort(self.solution)

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.q.shape

    @property
    def _position(self) -> Floats:
        return self.q * (len(self.solution.problem.target) - 1)

    @property
    def _below(self) -> Indices:
        return np.floor(self._position).astype(np.intp)

    @property
    def _above(self) -> Indices:
        return np.ceil(self._position).astype(np.intp)

    @property
    def _share(self) -> Floats:
        return self._position - self._below


@validation.native_names
def soft_sort(
    x: ArrayLike, weights: ArrayLike | None = None, *, blur: float, solver: Sinkhorn | None = None
) -> SoftValues:
    """Sort numbers smoothly: the i-th value is a mean of x around its i-th smallest number.

    The values are the barycentric images of an even grid of n numbers with the mean and the
    standard deviation of x, under the entropic plan between x and this grid. They increase, and
    their mean is the mean of x.

    Parameters
    ----------
    x : (n,) array-like
    weights : (n,) array-like, optional
        Weights >= 0 of the numbers; uniform by default.
    blur : float
        Length in the unit of x, eps = blur**2: smaller differences are smoothed. As blur goes to 0
        the values tend to `numpy.sort(x)`; as it grows they all tend to the mean.
    solver : Sinkhorn, optional
        How to solve.

    Returns
    -------
    SoftValues
        values (n,), and pullback(cotangent) for the gradient with respect to x.

    Notes
    -----
    Cost: the time of `entropic_ot` between n and n points; O(n) memory.

    References
    ----------
    Cuturi, Teboul & Vert 2019, "Differentiable ranking and sorting using optimal transport",
    definition 2.

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> snb.soft_sort([3.0, 1.0, 2.0], blur=0.1).values.round(2)
    array([1., 2., 3.])
    """
    return _SoftSort(_to_grid(x, weights, blur, solver))


@validation.native_names
def soft_rank(
    x: ArrayLike, weights: ArrayLike | None = None, *, blur: float, solver: Sinkhorn | None = None
) -> SoftValues:
    """Rank numbers smoothly: 1 for the smallest, n for the largest.

    They are means of the positions 1, ..., n on the grid of `soft_sort` under its plan. Equal
    numbers share a rank.

    Parameters
    ----------
    x : (n,) array-like
    weights : (n,) array-like, optional
        Weights >= 0 of the numbers; uniform by default. With weights, a rank is about 1/2 + n times
        the share of the mass below the number, including half of its own mass.
    blur : float
        Length in the unit of x, as in `soft_sort`.
    solver : Sinkhorn, optional
        How to solve.

    Returns
    -------
    SoftValues
        values (n,), and pullback(cotangent) for the gradient with respect to x.

    References
    ----------
    Cuturi, Teboul & Vert 2019, "Differentiable ranking and sorting using optimal transport",
    definition 2.

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> snb.soft_rank([3.0, 1.0, 2.0], blur=0.1).values.round(2)
    array([3., 1., 2.])
    """
    return _SoftRank(_to_grid(x, weights, blur, solver))


@validation.native_names
def soft_quantile(
    x: ArrayLike,
    q: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    blur: float,
    solver: Sinkhorn | None = None,
) -> SoftValues:
    """Compute smooth quantiles: interpolate `soft_sort` as `numpy.quantile` interpolates sorted
    numbers.

    Parameters
    ----------
    x : (n,) array-like
    q : float or array-like
        Levels in [0, 1].
    weights : (n,) array-like, optional
        Weights >= 0 of the numbers; uniform by default.
    blur : float
        Length in the unit of x, as in `soft_sort`.
    solver : Sinkhorn, optional
        How to solve.

    Returns
    -------
    SoftValues
        values with the shape of q, and pullback(cotangent) for the gradient (n,) with respect to x.

    References
    ----------
    Cuturi, Teboul & Vert 2019, "Differentiable ranking and sorting using optimal transport",
    section 3.

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> round(float(snb.soft_quantile([3.0, 1.0, 2.0], 0.5, blur=0.1).values), 2)
    2.0
    """
    q = validation.levels("q", q)
    return _SoftQuantile(_to_grid(x, weights, blur, solver), q)


def _to_grid(
    x: ArrayLike, weights: ArrayLike | None, blur: float, solver: Sinkhorn | None
) -> Solution:
    home = validation.home(x=x, weights=weights)
    validation.vector("x", x)
    points = validation.host_array("x", x)[:, None]  # it keeps its dtype
    source = Measure.of(points, weights, names=("x", "weights"))
    count = len(source)
    equal = np.full(count, source.mass / count)
    target = Measure(EvenGrid(source).points[:, None], equal)

    blur = validation.blur(blur, source.points, target.points)
    validation.resolved(blur, ("x", source))
    plain = replace(usual(solver), compression=None)  # ranks need each point's own potential
    solution = plain.solve(Problem(source, target, blur**2))
    return solution.at(home)
