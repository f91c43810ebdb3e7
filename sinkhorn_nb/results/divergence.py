"""The Sinkhorn divergence, made of three solutions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..common.array_types import ArrayLike, Floats
from ..common.caching import cached_property
from ..common.real import RealNumber
from ..common.representation import Represented
from ..gradients import BOTH, LINEAR_TOL, Gradient, Sides, with_value
from ..gradients.linear_system import LinearSolve
from ..gradients.reports import HessianProduct, at_home, with_report
from ..interop.arrays import HOST, Home
from ..problem import Problem
from .compression import Compression
from .differentiable import hessian_of
from .facts import facts_of
from .solution import Solution
from .status import warned


@dataclass(frozen=True, eq=False, repr=False)
class Divergence(Represented, RealNumber):
    """S_eps(a, b) = OT_eps(a, b) - OT_eps(a, a) / 2 - OT_eps(b, b) / 2.

    Attributes
    ----------
    xy, xx, yy : Solution
        The solutions of the three problems; pass xx and yy to further calls as self_x and self_y.
    value : float
        Also `float(divergence)`. Compare, compute, format and round the divergence itself like this
        number.
    converged : bool
        Whether all three solutions have converged.
    n_iter : int
        The largest number of iterations of the three solutions.
    n_passes : float
        Sweeps over the n x m pairs; the self problems count by their share of the pairs.
    marginal_error : float
        The largest marginal error of the three solutions.
    """

    xy: Solution
    xx: Solution
    yy: Solution

    @cached_property
    def value(self) -> float:
        """S_eps from three dual values; its error is quadratic in the marginal errors."""
        if self.xy.problem.is_self:
            return 0.0
        value = difference(self.xy, self.xx, self.yy)
        # It is below zero only by rounding, unless the cost is unknown
        return max(value, 0.0) if self.xy.problem.cost.is_positive else value

    def __float__(self) -> float:
        return self.value

    @cached_property
    def gap(self) -> float:
        """A certified bound, |value - S_eps| <= gap. It takes the passes of `Solution.gap` for all
        three problems.
        """
        of_selves = (self.xx.gap + self.yy.gap) / 2
        return max(self.xy.gap, of_selves)

    @property
    def converged(self) -> bool:
        """Whether all three solutions are within tol."""
        return all(solution.converged for solution in self._solutions)

    @property
    def n_iter(self) -> int:
        """The largest number of iterations of the three solutions."""
        return max(solution.n_iter for solution in self._solutions)

    @property
    def n_passes(self) -> float:
        """Sweeps over the n x m pairs; the sweeps of each solution count by its number of pairs."""
        n_pairs = {id(own.found): own.n_passes * own.found.n_pairs for own in self._solutions}
        return sum(n_pairs.values()) / self.xy.found.n_pairs

    @property
    def marginal_error(self) -> float:
        """The largest marginal error of the three solutions."""
        return max(solution.marginal_error for solution in self._solutions)

    @property
    def compression(self) -> Compression:
        """The report of the compression, or the reason why there was none."""
        return self.xy.compression

    @property
    def on_host(self) -> Divergence:
        """The divergence with NumPy arrays for all results, also if the points are on a GPU."""
        if self._home == HOST:
            return self
        on_host = {id(solution): solution.on_host for solution in self._solutions}
        solutions = [on_host[id(solution)] for solution in self._solutions]
        return type(self)(*solutions)

    @property
    def potentials(self) -> tuple[Floats, Floats]:
        """(f_ab - f_aa, g_ab - g_bb): the first variations of S_eps in a and b."""
        if self.xy.problem.marginals.are_exact:  # their constants are the same
            f = self.xy._f - self.xx._f
            g = self.xy._g - self.yy._g
        else:
            f = self.xy._potentials[0] - self.xx._potentials[0]
            g = self.xy._potentials[1] - self.yy._potentials[1]
        return self._home.send(f), self._home.send(g)

    def potential(self, x_new: ArrayLike) -> Floats:
        """f_ab - f_aa at new points, by the softmins of both problems; see `Solution.potential`."""
        return self.xy.potential(x_new) - self.xx.potential(x_new)

    def potential_back(self, y_new: ArrayLike) -> Floats:
        """g_ab - g_bb at new points, like `potential`."""
        return self.xy.potential_back(y_new) - self.yy.potential(y_new)

    def slopes(self, x_new: ArrayLike) -> Floats:
        """(q, d) slopes of `potential` at new points, T_aa(x) - T_ab(x): times a_i they are the
        gradient of S_eps in x_i. For the cost |x - y|^2 / 2 and exact marginals.
        """
        self._require_slopes()
        return self.xx.map(x_new) - self.xy.map(x_new)

    def slopes_back(self, y_new: ArrayLike) -> Floats:
        """Slopes of `potential_back` at new points, like `slopes`."""
        self._require_slopes()
        return self.yy.map(y_new) - self.xy.map_back(y_new)

    def _require_slopes(self) -> None:
        problem = self.xy.problem
        if not problem.terms.are_classical:
            raise ValueError(
                f"slopes: expected the cost |x - y|^2 / 2 and exact marginals, got {problem}; "
                "pass the points to the divergence, and take gradient()"
            )

    def gradient(self) -> Gradient:
        """The gradient of S_eps: a_i (sum_k Wxx_ik x_k - sum_j Wxy_ij y_j) in x, f_ab - f_aa in a;
        y and b alike.

        Returns
        -------
        Gradient
            x (n, d), y (m, d), a (n,), b (m,) float64 arrays. They take four passes.

        References
        ----------
        Feydy et al. 2019, equation (10) and section 3.2.
        """
        return self._gradient_in(BOTH)

    def _gradient_in(self, sides: Sides) -> Gradient:
        """The gradient, without the points of a side that is not needed; they have NaN."""
        cross = self.xy._pulled(sides)
        of_source = cross
        if self.xx is not self.xy:
            of_source = self.xx._pulled(Sides(sides.x, sides.x))
        of_target = of_source
        if self.yy is not self.xx:
            of_target = self.yy._pulled(Sides(sides.y, sides.y))

        on_points = cross.x - of_source.x, cross.y - of_target.y
        on_weights = cross.a - of_source.a, cross.b - of_target.b
        gradient = Gradient(*on_points, *on_weights)
        if self.xy.problem.marginals.are_exact:
            gradient = with_value(self.value, self.xy.problem, gradient)
        return gradient.sent(self._home)

    def hessian_vector_product(
        self, dx: ArrayLike | None = None, dy: ArrayLike | None = None, tol: float = LINEAR_TOL
    ) -> HessianProduct:
        """The Hessian of S_eps in (x, y) times (dx, dy), at fixed weights.

        Parameters
        ----------
        dx, dy : (n, d) and (m, d) array-likes, optional
            The direction; zero by default.
        tol : float
            Relative residual of the linear systems, one for each of the three problems.

        Returns
        -------
        HessianProduct
            x (n, d) and y (m, d), and the attribute `linear_solve` with the worst residual and all
            passes.

        Warns
        -----
        ConvergenceWarning
            If a linear system was not solved to the tolerance.

        References
        ----------
        Thornton & Cuturi 2023, section 2.2, for the linear system.

        Examples
        --------
        If a cloud moves as a whole, the derivative in its mean changes as for a square.

        >>> import numpy as np, sinkhorn_nb as snb
        >>> divergence = snb.sinkhorn_divergence([[0.0], [1.0]], [[2.0], [4.0]], blur=0.1)
        >>> round(float(divergence.hessian_vector_product(dx=np.ones((2, 1))).x.sum()), 6)
        1.0
        """
        cross = hessian_of(self.xy, dx, dy, tol)
        on_x = hessian_of(self.xx, dx, dx, tol)
        on_y = hessian_of(self.yy, dy, dy, tol)
        # The halves are equal up to the marginal error
        of_source = (on_x.x + on_x.y) / 2
        of_target = (on_y.x + on_y.y) / 2
        product = HessianProduct(cross.x - of_source, cross.y - of_target)

        solves = [part.linear_solve for part in (cross, on_x, on_y)]
        parts = zip(solves, self._solutions, strict=True)
        n_pairs = sum(solve.n_passes * own.found.n_pairs for solve, own in parts)
        report = LinearSolve(
            max(solve.residual for solve in solves),
            tol,
            max(solve.n_iter for solve in solves),
            n_pairs / self.xy.found.n_pairs,
        )
        return at_home(warned(with_report(product, report)), self._home)

    def _facts(self) -> dict[str, object]:
        return facts_of(self, self.xy.problem, self._home)

    @property
    def _home(self) -> Home:
        return self.xy.home

    @property
    def _solutions(self) -> tuple[Solution, Solution, Solution]:
        return self.xy, self.xx, self.yy


def assembled(
    problem: Problem, xy: Solution, xx: Solution, yy: Solution, home: Home = HOST
) -> Divergence:
    """The divergence of a problem from three solutions, whose measures may have other rows."""
    new_xy = _for_rows_of(problem, xy).at(home)
    of_source = new_xy if xx is xy else xx
    new_xx = _for_rows_of(problem.on_source(), of_source).at(home)
    of_target = new_xx if yy is xx else yy
    new_yy = _for_rows_of(problem.on_target(), of_target).at(home)
    return Divergence(new_xy, new_xx, new_yy)


def _for_rows_of(problem: Problem, solution: Solution) -> Solution:
    """The solution for the rows of the problem, from one of the same measures with other rows."""
    known = solution.problem
    pairs = (problem.source, known.source), (problem.target, known.target)
    same = all(mine.has_rows_of(theirs) for mine, theirs in pairs)
    return solution if same else solution.of(problem)


def difference(xy: Solution, xx: Solution, yy: Solution) -> float:
    """S_eps from three dual values, without terms that are the same in all three of them.

    A mass other than 1 adds to each value a term of the size of eps, or of rho if the marginals
    have a price, so adding these would cost digits. What is left of them is (rho + eps / 2)
    (sqrt(M_aa) - sqrt(M_bb))^2 for the scales M of the self problems. Errors of nearly equal values
    may make the difference negative.
    """
    of_selves = (xx._transported + yy._transported) / 2
    value = xy._transported - of_selves
    return value + of_masses(xy.problem, xx.problem.mass, yy.problem.mass)


def of_masses(problem: Problem, of_source: float, of_target: float) -> float:
    """The part of S_eps that depends on the scales of the self problems alone."""
    if problem.marginals.are_exact:
        return 0.0
    roots = math.sqrt(of_source) - math.sqrt(of_target)
    return (problem.marginals.source + problem.eps / 2) * roots**2
