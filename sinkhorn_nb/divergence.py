"""The Sinkhorn divergence: three solutions, read together."""

from __future__ import annotations

from dataclasses import dataclass

from .array_types import ArrayLike, Floats
from .backends.home import HOST, Home
from .caching import cached_property
from .debiasing import difference
from .gradients import LINEAR_TOL
from .gradients.envelope import Gradient, with_value
from .gradients.implicit import HessianProduct
from .gradients.linear_system import LinearSolve
from .problem import Problem
from .real import RealNumber
from .representation import Represented
from .solution import Solution
from .status import warned


@dataclass(frozen=True, eq=False, repr=False)
class Divergence(Represented, RealNumber):
    """S_eps(a, b) = OT_eps(a, b) - OT_eps(a, a) / 2 - OT_eps(b, b) / 2.

    Attributes
    ----------
    xy, xx, yy : Solution
        Of the three problems; xx and yy can be handed to further calls as self_x and self_y.
    value : float
        Also `float(divergence)`. The divergence itself compares, computes, formats and rounds as this number.
    converged : bool
        All three are.
    n_iter : int
        The most iterations of the three.
    n_passes : float
        Sweeps over the n x m pairs, self problems by their share of it.
    marginal_error : float
        The largest of the three.
    """

    xy: Solution
    xx: Solution
    yy: Solution

    @cached_property
    def value(self) -> float:
        """S_eps, each term a dual value: the error is quadratic in the marginal errors."""
        return 0.0 if self.xy.problem.is_self else max(difference(self.xy, self.xx, self.yy), 0.0)

    def __float__(self) -> float:
        return self.value

    @cached_property
    def gap(self) -> float:
        """Certified: |value - S_eps| <= gap; the passes are those of `Solution.gap`, for each of the three problems."""
        return max(self.xy.gap, (self.xx.gap + self.yy.gap) / 2)

    @property
    def converged(self) -> bool:
        """Whether all three solutions are within tol."""
        return all(solution.converged for solution in self._solutions)

    @property
    def n_iter(self) -> int:
        """The most iterations of the three."""
        return max(solution.n_iter for solution in self._solutions)

    @property
    def n_passes(self) -> float:
        """Sweeps over n x m pairs; each solution's own sweeps count by their pairs."""
        pairs = [(id(s.found), s.n_passes * s.found.n_pairs) for s in self._solutions]
        return sum(dict(pairs).values()) / self.xy.found.n_pairs

    @property
    def marginal_error(self) -> float:
        """The largest of the three."""
        return max(solution.marginal_error for solution in self._solutions)

    @property
    def on_host(self) -> Divergence:
        """The divergence with NumPy arrays for all results, wherever the points came from."""
        if self._home == HOST:
            return self
        on_host = {id(solution): solution.on_host for solution in self._solutions}
        return Divergence(*(on_host[id(solution)] for solution in self._solutions))

    @property
    def potentials(self) -> tuple[Floats, Floats]:
        """(f_ab - f_aa, g_ab - g_bb): the first variations of S_eps in a and b."""
        return self._home.send(self.xy._f - self.xx._f), self._home.send(self.xy._g - self.yy._g)

    def gradient(self) -> Gradient:
        """d S_eps: a_i (sum_k Wxx_ik x_k - sum_j Wxy_ij y_j) in x, f_ab - f_aa in a, and so for y, b.

        Returns
        -------
        Gradient
            x (n, d), y (m, d), a (n,), b (m,) float64 arrays; four passes.

        References
        ----------
        Feydy et al. 2019, equation (10) and section 3.2.
        """
        cross = self.xy._gradient
        on_x = cross if self.xx is self.xy else self.xx._gradient
        on_y = on_x if self.yy is self.xx else self.yy._gradient
        gradient = Gradient(cross.x - on_x.x, cross.y - on_y.y, cross.a - on_x.a, cross.b - on_y.b)
        return with_value(self.value, self.xy.problem, gradient).sent(self._home)

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
            x (n, d) and y (m, d), and the attribute `linear_solve`: the worst residual, all passes.

        Warns
        -----
        ConvergenceWarning
            If a linear system was not solved to the tolerance.

        References
        ----------
        Thornton & Cuturi 2023, section 2.2, for the linear system.

        Examples
        --------
        Moving a cloud as a whole changes the derivative in its mean as a square would.

        >>> import numpy as np, sinkhorn_nb as snb
        >>> divergence = snb.sinkhorn_divergence([[0.0], [1.0]], [[2.0], [4.0]], blur=0.1)
        >>> round(float(divergence.hessian_vector_product(dx=np.ones((2, 1))).x.sum()), 6)
        1.0
        """
        cross = self.xy._hessian_vector_product(dx, dy, tol)
        on_x = self.xx._hessian_vector_product(dx, dx, tol)
        on_y = self.yy._hessian_vector_product(dy, dy, tol)
        solves = [part.linear_solve for part in (cross, on_x, on_y)]
        pairs = [s.n_passes * of.found.n_pairs for s, of in zip(solves, self._solutions, strict=True)]
        report = LinearSolve(
            max(s.residual for s in solves),
            tol,
            max(s.n_iter for s in solves),
            sum(pairs) / self.xy.found.n_pairs,
        )
        of_self = ((on_x.x + on_x.y) / 2, (on_y.x + on_y.y) / 2)  # halves that are equal up to the marginal error
        return warned(HessianProduct.of((cross.x - of_self[0], cross.y - of_self[1]), report)).sent(self._home)

    def _facts(self) -> dict[str, object]:
        outcome = {"value": self.value, "converged": self.converged, "marginal_error": f"{self.marginal_error:.2g}"}
        return outcome | {"n_passes": f"{self.n_passes:.4g}"} | self.xy.problem._facts()

    @property
    def _home(self) -> Home:
        return self.xy.problem.home

    @property
    def _solutions(self) -> tuple[Solution, Solution, Solution]:
        return self.xy, self.xx, self.yy


def assembled(problem: Problem, xy: Solution, xx: Solution, yy: Solution) -> Divergence:
    """The divergence of a problem from three solutions, which may write the measures in other rows."""
    new_xy = _for_rows_of(problem, xy)
    new_xx = _for_rows_of(problem.on_source(), new_xy if xx is xy else xx)
    return Divergence(new_xy, new_xx, _for_rows_of(problem.on_target(), new_xx if yy is xx else yy))


def _for_rows_of(problem: Problem, solution: Solution) -> Solution:
    """The solution of the same measures, which may write them in other rows and elsewhere."""
    known = solution.problem
    pairs = ((problem.source, known.source), (problem.target, known.target))
    same = problem.home == known.home and all(mine.has_rows_of(theirs) for mine, theirs in pairs)
    return solution if same else solution.of(problem)
