"""The Hausdorff divergence: how far the potentials of two self problems differ, without a cross
problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .. import validation
from ..common.array_types import ArrayLike
from ..common.caching import cached_property
from ..common.real import RealNumber
from ..common.representation import Represented
from ..compression.choice import compressed_hausdorff
from ..compression.hausdorff import Hausdorff
from ..compression.hausdorff_gradient import gradient_of as compressed_gradient
from ..compression.solution import CompressedSolution, with_value_error
from ..gradients import LINEAR_TOL
from ..gradients.reports import ImplicitGradient, at_home, with_report
from ..measures.clouds import Named
from ..measures.grid import Grid
from ..measures.measure import Measure
from ..problem import Problem
from ..results.grid_results import GridSolution
from ..results.solution import Solution
from ..results.status import warned
from ..solver import Sinkhorn, solve
from ..terms import terms_with_one_price
from .arguments import compared, usual
from .grids import grid_problem, grid_selves, two_grids
from .hausdorff_gradient import gradient_of

# Of the tolerance: potentials, unlike dual values, have errors of the order of the marginal error
SHARE = 0.01


@dataclass(frozen=True, eq=False, repr=False)
class HausdorffDivergence(Represented, RealNumber):
    """H_eps(a, b) = <a - b, grad F(a) - grad F(b)> / 2 for the Sinkhorn negentropy F; a number that
    compares, computes and prints like its value.

    Attributes
    ----------
    xx, yy : Solution
        The solutions of the two self problems.
    value : float
    converged : bool
        Whether both solutions have converged.
    n_iter : int
        The larger number of iterations.
    n_passes : float
        Sweeps over the n x m pairs; the self problems count by their share of the pairs.
    marginal_error : float
        The larger marginal error.
    """

    xx: Solution
    yy: Solution

    @cached_property
    def value(self) -> float:
        """H_eps, from two softmins. Its error is the error of the potentials' difference."""
        if self.xx.found is self.yy.found:  # equal measures, which may have other rows
            return 0.0
        on_x = _pairing(self.xx, self.yy)
        on_y = _pairing(self.yy, self.xx)
        return max((on_x + on_y) / 2, 0.0)

    def __float__(self) -> float:
        return self.value

    @property
    def converged(self) -> bool:
        """Whether both solutions are within their tolerance."""
        return self.xx.converged and self.yy.converged

    @property
    def n_iter(self) -> int:
        """The larger number of iterations of the two solutions."""
        return max(self.xx.n_iter, self.yy.n_iter)

    @property
    def n_passes(self) -> float:
        """Sweeps over the n x m pairs, with two for the value."""
        if self.xx.found is self.yy.found:
            return self.xx.n_passes
        n = len(self.xx.problem.source.reduced)
        m = len(self.yy.problem.source.reduced)
        n_pairs = self.xx.n_passes * n**2 + self.yy.n_passes * m**2
        return n_pairs / (n * m) + 2

    @property
    def marginal_error(self) -> float:
        """The larger marginal error of the two solutions."""
        return max(self.xx.marginal_error, self.yy.marginal_error)

    def gradient(self, tol: float = LINEAR_TOL) -> ImplicitGradient:
        """The gradient of H_eps in points and weights. The potentials are differentiated, too, by
        the implicit function theorem.

        Parameters
        ----------
        tol : float
            Relative residual of the two linear systems.

        Returns
        -------
        Gradient
            x (n, d), y (m, d), a (n,), b (m,) float64 arrays, and the attribute `linear_solve`. As
            for `Divergence`, derivatives in the weights are unique up to a constant if marginals
            are exact; then <a, grad.a> + <b, grad.b> is the value.

        Warns
        -----
        ConvergenceWarning
            If a linear system was not solved to the tolerance.
        """
        tol = validation.positive("tol", tol)
        xx, yy = _between_points(self.xx), _between_points(self.yy)
        found = warned(gradient_of(self.value, xx, yy, tol))
        shaped = found.shaped(xx.problem.source, yy.problem.source)
        gradient = with_report(ImplicitGradient(*shaped), found.linear_solve)
        return at_home(gradient, self.xx.home)

    def _facts(self) -> dict[str, object]:
        facts = self.xx._facts() | {
            "value": self.value,
            "converged": self.converged,
            "marginal_error": f"{self.marginal_error:.2g}",
            "n_passes": f"{self.n_passes:.4g}",
        }
        return facts | {"m": len(self.yy.problem.source)}


@dataclass(frozen=True, eq=False, repr=False)
class CompressedHausdorffDivergence(HausdorffDivergence):
    """A `HausdorffDivergence` of large clouds, whose self problems were solved between nodes.

    Attributes
    ----------
    value_error : float
        |value - H_eps| <= value_error, by three standard errors of sampled marginals.
    """

    xx: CompressedSolution
    yy: CompressedSolution
    between_nodes: Hausdorff

    @property
    def value(self) -> float:
        """H_eps, from the potentials at all points, after an exact update in sampled rows."""
        return self.between_nodes.estimate.value

    @property
    def value_error(self) -> float:
        """A bound of |value - H_eps|, by three standard errors of the update."""
        return self.between_nodes.estimate.error

    @property
    def n_passes(self) -> float:
        """Sweeps over the n x m pairs of points; those over nodes count by their share."""
        n = len(self.xx.problem.source)
        m = len(self.yy.problem.source)
        n_pairs = self.xx.n_passes * n**2 + self.yy.n_passes * m**2
        return n_pairs / (n * m)

    def gradient(self, tol: float = LINEAR_TOL) -> ImplicitGradient:
        """The gradient of H_eps, like `HausdorffDivergence.gradient`; the linear systems are solved
        between nodes, and it needs no pass over the pairs of points.
        """
        tol = validation.positive("tol", tol)
        gradient = compressed_gradient(self.between_nodes, tol)
        return at_home(warned(gradient), self.xx.home)

    def _facts(self) -> dict[str, object]:
        return with_value_error(super()._facts(), self.value_error)


def _between_points(solution: Solution) -> Solution:
    """The solution, or that between the pixels as points, whose derivatives take all pairs."""
    return solution.on_points if isinstance(solution, GridSolution) else solution


def _pairing(own: Solution, other: Solution) -> float:
    """<a, grad F(a) - grad F(b)> for the measures a and b of the two self solutions."""
    problem, eps = own.problem.reduced, own.problem.eps
    source = problem.source
    target = other.problem.reduced.source
    kernel = problem.between(source, target).kernel("float64", own.backend)
    softmin = kernel.softmin(other.iterate.f)
    at_other = problem.dual().damped_rows(softmin)

    own_shift = own.problem.scaling.of_f
    shift = own_shift - other.problem.scaling.of_f
    f = problem.dual().updated_rows(own.iterate)
    change = at_other - f + shift
    earned = problem.marginals.earned_beyond(f - own_shift, change, eps)
    return float(source.mass * (source.partition.probabilities @ earned))


@validation.native_names
def hausdorff_divergence(
    x: ArrayLike | Grid | Measure,
    y: ArrayLike | Grid | Measure,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    blur: float | None = None,
    eps: float | None = None,
    p: float = 2,
    cost: str | Callable[..., float] | None = None,
    reach: float | None = None,
    rho: float | None = None,
    solver: Sinkhorn | None = None,
) -> HausdorffDivergence:
    """Hausdorff divergence H_eps(a, b) between two weighted point clouds, eps = blur**2.

    H_eps = <a - b, grad F(a) - grad F(b)> / 2 is the symmetric Bregman divergence of the Sinkhorn
    negentropy F. It is positive, zero for a = b, and at most the Sinkhorn divergence. It needs no
    problem between the two clouds: only their self problems, which take few iterations at any
    blur, and one softmin each way.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes, Grid, or Measure
        Points, or images, whose gradients have their shapes.
    a, b : (n,) and (m,) array-likes, optional
        Weights >= 0, uniform probabilities by default; of the same total mass unless reach is
        given.
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
        How to solve. The self problems are solved to a hundredth of its tolerance.

    Returns
    -------
    HausdorffDivergence
        value (also float(result)), gradient(), converged, xx, yy.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if the tolerance was not reached.

    Notes
    -----
    Cost: O((n^2 + m^2) d / 2) time per iteration and O(n m d) for the value; O(n + m) memory beyond
    the points. The gradient takes the linear systems of `Solution.pullback` for both clouds. Large
    clouds are solved between nodes, and so are these systems.

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn
    Divergences", equation (13) and theorem 1.

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> x, y = [[0.0], [1.0]], [[0.5], [1.5]]
    >>> divergence = snb.sinkhorn_divergence(x, y, blur=0.5)
    >>> 0 < snb.hausdorff_divergence(x, y, blur=0.5) < divergence
    True
    """
    validation.points_first(x, y, a, b)
    solver = usual(solver)
    terms = terms_with_one_price(blur=blur, eps=eps, p=p, cost=cost, reach=reach, rho=rho)
    stricter = replace(solver, tol=SHARE * solver.tol, compression=None)
    if isinstance(x, Grid) and isinstance(y, Grid):
        problem = grid_problem(*two_grids(x, y, a, b), terms)
        return HausdorffDivergence(*grid_selves(problem, stricter))

    sources = [Named("x", x, "a", a)]
    targets = [Named("y", y, "b", b)]
    pair, (home,) = compared(sources, targets, terms)
    numbers = int(pair.sources[0]), int(pair.targets[0])
    source, target = (pair.clouds.measure(k) for k in numbers)
    large, report = compressed_hausdorff(Problem(source, target, *terms), solver, home)
    if large is not None:
        return CompressedHausdorffDivergence(*large)

    selves = [Problem(source, source, *terms), Problem(target, target, *terms)]
    are_equal = source.equals(target)
    found = solve(stricter, selves[:1] if are_equal else selves)
    xx, *others = (own._with(compression=report).at(home) for own in found)
    return HausdorffDivergence(xx, xx.of(selves[1]) if are_equal else others[0])
