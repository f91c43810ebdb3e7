"""Entropic transport and divergences from matrices of costs, without points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import validation
from ..common.array_types import ArrayLike, Floats
from ..costs import MatrixCost
from ..measures.measure import Measure
from ..problem import Problem
from ..results.divergence import Divergence
from ..results.solution import Solution
from ..solver import Sinkhorn
from ..terms import Price, Terms, single_price, terms_in_units_of_cost
from .arguments import usual
from .divergences import diverge


@validation.native_names
def entropic_ot_matrix(
    C: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    eps: float,
    rho: Price = None,
    solver: Sinkhorn | None = None,
) -> Solution:
    """Entropic optimal transport OT_eps between two weighted sets, for any matrix of costs.

    OT_eps(a, b) = min_P <P, C> + eps KL(P | a (x) b) over plans with marginals a and b.

    Parameters
    ----------
    C : (n, m) array-like
        C_ij is the cost of a unit of mass from i to j, and inf forbids the pair. float32 and
        float64 arrays, in C or F order and also mapped from a file, are read in place: do not
        change them while the solution is in use. All other arrays are copied.
    a, b : (n,) and (m,) array-likes, optional
        Weights >= 0, uniform probabilities by default; of the same total mass unless rho is given.
    eps : float
        The temperature in units of cost.
    rho : float or pair, optional
        The price of removed and created mass, in units of cost. None requires exact marginals,
        which are the given weights. A pair (r_x, r_y) has a price for each side; None makes a side
        exact.
    solver : Sinkhorn, optional
        How to solve; the default stops at a marginal error of 1e-3.

    Returns
    -------
    Solution
        f, g, value, plan, transport_cost, converged, ...; gradient() in a and b. The gradient in C
        is the plan. There are no maps, because indices have no coordinates.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if the tolerance was not reached; the result has converged=False.

    Notes
    -----
    Cost: O(n m) time per iteration, which reads the matrix once; O(n + m) memory beside it, and
    cluster sums of 512 bytes per row and column.

    References
    ----------
    Cuturi 2013, "Sinkhorn distances: lightspeed computation of optimal transport".

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> C = np.array([[0.0, 2.0], [2.0, 0.0], [1.0, np.inf]])
    >>> solution = snb.entropic_ot_matrix(C, b=[2 / 3, 1 / 3], eps=0.1)
    >>> solution.plan.toarray().round(2)
    array([[0.33, 0.  ],
           [0.  , 0.33],
           [0.33, 0.  ]])
    """
    costs = validation.costs("C", C)
    n, m = costs.matrix.shape
    weights = _Weights.of("a", a, n), _Weights.of("b", b, m)
    is_self = weights[0].are(weights[1]) and validation.is_symmetric(costs.matrix)
    of_rows = validation.symmetric("C", costs.matrix) if is_self else None
    cost = MatrixCost(costs.matrix, costs.span, costs.has_forbidden, of_rows)
    terms = terms_in_units_of_cost(cost, eps, rho)
    problem = _between(cost, weights, terms, is_self)
    solution = usual(solver).solve(problem)
    return solution.at(validation.home(C=C, a=a, b=b))


@validation.native_names
def sinkhorn_divergence_matrix(
    C_xy: ArrayLike,
    C_xx: ArrayLike,
    C_yy: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    eps: float,
    rho: float | None = None,
    solver: Sinkhorn | None = None,
) -> Divergence:
    """Sinkhorn divergence S_eps(a, b) from the matrices of costs between and within two sets.

    S_eps(a, b) = OT_eps(a, b) - OT_eps(a, a) / 2 - OT_eps(b, b) / 2. It is positive, and zero only
    for a = b, if exp(-C / eps) is positive definite on both sets together, as for powers of at most
    2 of a Euclidean distance; with other costs it may be negative.

    Parameters
    ----------
    C_xy : (n, m) array-like
        Costs between both sets; inf forbids a pair. See `entropic_ot_matrix`.
    C_xx, C_yy : (n, n) and (m, m) array-likes
        Costs within each set: symmetric matrices.
    a, b : (n,) and (m,) array-likes, optional
        Weights >= 0, uniform probabilities by default; of the same total mass unless rho is given.
    eps : float
        The temperature in units of cost.
    rho : float, optional
        The price of removed and created mass, in units of cost. None requires exact marginals.
    solver : Sinkhorn, optional
        How to solve; the default stops at a marginal error of 1e-3.

    Returns
    -------
    Divergence
        value (also float(result)), potentials, xy, xx, yy, converged, ...; gradient() in a and b.
        The gradient in C_xy is `xy.plan`, those in C_xx and C_yy are `xx.plan / -2` and `yy.plan /
        -2`.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if the tolerance was not reached; the result has converged=False.

    Notes
    -----
    Cost: O(n m + n^2 + m^2) time per iteration, which reads each matrix once.

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn
    Divergences", equation (3).

    Examples
    --------
    Graphs have distances between their nodes, and no coordinates. This one is a path of four nodes.

    >>> import numpy as np, sinkhorn_nb as snb
    >>> D = np.abs(np.arange(4)[:, None] - np.arange(4)).astype(float)
    >>> divergence = snb.sinkhorn_divergence_matrix(
    ...     D, D, D, [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], eps=0.01
    ... )
    >>> round(float(divergence), 2)
    1.99
    """
    single_price("rho", rho)
    cross = validation.costs("C_xy", C_xy)
    n, m = cross.matrix.shape
    selves = _self_costs("C_xx", C_xx, n), _self_costs("C_yy", C_yy, m)
    weights = _Weights.of("a", a, n), _Weights.of("b", b, m)
    is_self = weights[0].are(weights[1]) and all(
        np.array_equal(cross.matrix, own.matrix) for own in selves
    )
    every = [cross, *selves]
    least = min(low for low, _ in (costs.span for costs in every))
    largest = max(high for _, high in (costs.span for costs in every))
    has_forbidden = any(costs.has_forbidden for costs in every)
    matrices = [own.matrix for own in selves]
    cost = MatrixCost(cross.matrix, (least, largest), has_forbidden, *matrices)
    terms = terms_in_units_of_cost(cost, eps, rho)
    problem = _between(cost, weights, terms, is_self, "C_xy")
    for name, own, side in zip(("C_xx", "C_yy"), selves, weights, strict=True):
        if own.has_forbidden:
            validation.allowed(name, own.matrix, side.values, side.values)
    home = validation.home(C_xy=C_xy, C_xx=C_xx, C_yy=C_yy, a=a, b=b)
    return diverge(problem, usual(solver), home)


class _Weights(NamedTuple):
    """The weights of one side, and what is known of the caller's array."""

    name: str
    values: Floats
    traits: validation.Traits

    @classmethod
    def of(cls, name: str, value: ArrayLike | None, size: int) -> _Weights:
        """Check the weights; None gives uniform probabilities."""
        values, rounding, unit = validation.masses(name, value, size)
        traits = validation.PLAIN._replace(mass_rounding=rounding, mass_unit=unit)
        return cls(name, values, traits)

    def are(self, other: _Weights) -> bool:
        """Whether the weights are those of another side."""
        return np.array_equal(self.values, other.values)


def _self_costs(name: str, value: ArrayLike, size: int) -> validation.Costs:
    """The costs within one side."""
    costs = validation.costs(name, value, size)
    return costs._replace(matrix=validation.symmetric(name, costs.matrix))


def _between(
    cost: MatrixCost,
    weights: tuple[_Weights, _Weights],
    terms: Terms,
    is_self: bool,
    name: str = "C",
) -> Problem:
    """The problem between the rows and the columns, or of the rows with themselves."""
    a, b = weights
    validation.same_unit(b.name, b.traits.mass_unit, a.name, a.traits.mass_unit)
    if terms.marginals.are_exact:
        rounding = max(a.traits.mass_rounding, b.traits.mass_rounding)
        validation.equal_masses(b.name, b.values, a.name, a.values, rounding, "pass rho")
    if cost.has_forbidden:
        validation.allowed(name, cost.costs, a.values, b.values)
    least, largest = cost.span
    cure = f"use a larger eps, or inf in {name} for pairs that are not allowed"
    validation.costs_resolved(terms.eps, largest - least, cure)
    source = Measure(cost.rows(), a.values, a.traits)
    target = source if is_self else Measure(cost.columns(), b.values, b.traits)
    return Problem(source, target, *terms)
