"""The Sinkhorn negentropy: how concentrated a measure is, at the scale of the blur."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from .. import validation
from ..common.array_types import ArrayLike, Floats
from ..common.real import RealNumber
from ..common.representation import Represented, arrays
from ..measures.grid import Grid
from ..measures.measure import Measure
from ..problem import Problem
from ..results.solution import Solution
from ..solver import Sinkhorn, solve
from ..terms import terms_with_one_price
from .arguments import between, usual
from .grids import grid_transport


class NegentropyGradient(NamedTuple):
    """Derivatives of the negentropy in the points x (n, d) and in the weights a (n,)."""

    x: Floats
    a: Floats

    __repr__, _repr_html_, _facts = Represented.__repr__, Represented._repr_html_, arrays  # type: ignore[misc]  # no other base


@dataclass(frozen=True, eq=False, repr=False)
class Negentropy(Represented, RealNumber):
    """F_eps(a) = -OT_eps(a, a) / 2; a number that compares, computes and prints like its value.

    Attributes
    ----------
    solution : Solution
        The solution of the problem between the measure and itself.
    value : float
    converged : bool
    n_iter : int
    n_passes : float
    marginal_error : float
    """

    solution: Solution

    @property
    def value(self) -> float:
        """-OT_eps(a, a) / 2."""
        return -self.solution.value / 2

    def __float__(self) -> float:
        return self.value

    @property
    def converged(self) -> bool:
        """Whether the marginal error is within tol."""
        return self.solution.converged

    @property
    def n_iter(self) -> int:
        """Number of iterations."""
        return self.solution.n_iter

    @property
    def n_passes(self) -> float:
        """Sweeps over the n x n pairs; a sweep over half of them counts 0.5."""
        return self.solution.n_passes

    @property
    def marginal_error(self) -> float:
        """The marginal error of the solution."""
        return self.solution.marginal_error

    def gradient(self) -> NegentropyGradient:
        """The gradient by the envelope theorem: -f in the weights, up to a constant, if marginals
        are exact. It takes one pass.
        """
        found = self.solution.gradient()
        # Both parts are derivatives in the same arrays
        on_points = found.x + found.y
        on_weights = found.a + found.b
        return NegentropyGradient(-on_points / 2, -on_weights / 2)

    def _facts(self) -> dict[str, object]:
        return self.solution._facts() | {"value": self.value}


@validation.native_names
def sinkhorn_negentropy(
    x: ArrayLike | Grid | Measure,
    a: ArrayLike | None = None,
    *,
    blur: float | None = None,
    eps: float | None = None,
    p: float = 2,
    cost: str | Callable[..., float] | None = None,
    reach: float | None = None,
    rho: float | None = None,
    solver: Sinkhorn | None = None,
) -> Negentropy:
    """Sinkhorn negentropy F_eps(a) = -OT_eps(a, a) / 2 of a weighted point cloud, eps = blur**2.

    It is convex in the weights of measures of one mass, and largest for a single point. The
    Hausdorff divergence is the symmetric Bregman divergence of it.

    Parameters
    ----------
    x : (n, d) array-like, Grid, or Measure
        Points, or an image, whose gradient has its shape.
    a : (n,) array-like, optional
        Weights >= 0, uniform probabilities by default.
    blur : float
        Length in the unit of the points below which details are smoothed, eps = blur**p.
    eps : float
        The temperature in units of cost; pass either blur or eps.
    p : float, default 2
        Exponent of the cost |x - y|^p / p.
    cost : str or callable, optional
        Another cost, with eps instead of blur.
    reach : float, optional
        Length up to which mass is transported; beyond it, it is cheaper to remove and create mass
        at the price rho = reach**p. None requires exact marginals, which are the given weights.
    rho : float, optional
        The price in units of cost, instead of reach.
    solver : Sinkhorn, optional
        How to solve; the default stops at a marginal error of 1e-3.

    Returns
    -------
    Negentropy
        value (also float(result)), gradient() with x and a, converged, solution.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        If the tolerance was not reached.

    Notes
    -----
    Cost: O(n^2 d / 2) time per iteration, O(n) memory beyond the points. For measures of several
    masses m, F_eps + eps m^2 / 2 is convex (Séjourné et al. 2019).

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn
    Divergences", equation (12).

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> one = snb.sinkhorn_negentropy([[0.0]], blur=0.1)
    >>> spread = snb.sinkhorn_negentropy([[0.0], [1.0]], blur=0.1)
    >>> spread < one == 0.0
    True
    """
    validation.points_first(x, None, a, None)
    solver = usual(solver)
    terms = terms_with_one_price(blur=blur, eps=eps, p=p, cost=cost, reach=reach, rho=rho)
    if isinstance(x, Grid):
        validation.without_weights("a", a, "Grid")
        return Negentropy(grid_transport(x, x, terms, solver))
    measure = Measure.of(x, a, ("x", "a"))
    problem: Problem = between(measure, measure, terms, ("x", "x", "a", "a"))
    (solution,) = solve(solver, [problem])
    return Negentropy(solution.at(validation.home(x=x, a=a)))
