"""What a solve returns: potentials, and everything that can be read from them."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from . import validation
from .certificate import primal_value
from .dual import dual_value, marginal_error
from .gibbs import GibbsKernel
from .gradients import envelope
from .plan import Plan
from .problem import Problem
from .status import Status, explain


@dataclass(frozen=True, eq=False)
class Solution:
    """Dual potentials of OT_eps(a, b) and what follows from them.

    Attributes
    ----------
    problem : Problem
    f, g : (n,) and (m,) float64 arrays
        Potentials in units of cost: P_ij = a_i b_j exp((f_i + g_j - C_ij) / eps).
    value : float
        The dual value, a lower bound of OT_eps.
    marginal_error : float
        At (f, g): max over the two sides of sum_i a_i |r_i - 1| / mass.
    status : Status
    converged : bool
    n_iter : int
    n_passes : float
        Full sweeps over the n x m pairs.
    history : (n_iter,) float64 array
        The marginal error before each update, at the temperature of that iteration.
    n_annealing : int
        Iterations above the target temperature, the first of the history.
    dtype : str
        Of the pairs.
    """

    problem: Problem
    f: np.ndarray
    g: np.ndarray
    log_rows: np.ndarray  # log(P1 / a) at (f, g), up to the rounding of the pairs
    log_columns: np.ndarray  # log(P'1 / b)
    status: Status
    n_passes: float
    history: np.ndarray
    n_annealing: int
    dtype: str
    tol: float

    @classmethod
    def between_probabilities(cls, problem, f, g, *rest):
        """From potentials of the normalised problem, for which a and b sum to 1."""
        shift = problem.eps / 2 * np.log(problem.mass)
        new_f = f - shift
        return cls(problem, new_f, new_f if f is g else g - shift, *rest)

    @cached_property
    def value(self):
        """The dual value, a lower bound of OT_eps whose error is quadratic in the marginal error."""
        a, b = self.problem.source.probabilities, self.problem.target.probabilities
        dual = dual_value(a, b, *self._normalised, self.log_rows, self.log_columns, self.problem.eps)
        return self.problem.mass * dual + self._mass_terms

    @cached_property
    def gap(self):
        """Certified: value <= OT_eps <= value + gap. Two passes in float64; linear in the marginal error.

        References
        ----------
        Altschuler et al. 2017, algorithm 2.
        """
        f, g = self._normalised
        primal = self.problem.mass * primal_value(self.problem, f - self.problem.eps * self.log_rows, g)
        return max(primal + self._mass_terms - self.value, 0.0)

    @cached_property
    def marginal_error(self):
        """max over the two sides of sum_i a_i |r_i - 1| / mass at the returned potentials."""
        a, b = self.problem.source.probabilities, self.problem.target.probabilities
        return marginal_error(a, b, self.log_rows, self.log_columns)

    @property
    def n_iter(self):
        """Iterations, annealing included."""
        return len(self.history)

    @property
    def converged(self):
        """Whether the marginal error is within tol."""
        return self.status is Status.CONVERGED

    @property
    def message(self):
        """The status, the error reached and, where it failed, the cure."""
        at_target = self.history[self.n_annealing :]
        return explain(self.status, self.marginal_error, self.n_iter, at_target, self.tol, self.dtype)

    @property
    def T(self):
        """The solution of the transposed problem."""
        return replace(
            self, problem=self.problem.T, f=self.g, g=self.f, log_rows=self.log_columns, log_columns=self.log_rows
        )

    @property
    def plan(self):
        """The plan as a linear operator that is never formed: `plan @ v`, `plan.T @ u`, `plan.topk(k)`."""
        return Plan(self.problem, *self._normalised)

    @cached_property
    def transport_cost(self):
        """<P, C>, one pass."""
        x = self.problem.source.points - self.problem.centre
        y = self.problem.target.points - self.problem.centre
        moments = self.plan @ np.column_stack([np.ones(len(y)), y, (y**2).sum(axis=1) / 2])
        mass, inner, squares = moments[:, 0], (x * moments[:, 1:-1]).sum(axis=1), moments[:, -1]
        return float(((x**2).sum(axis=1) / 2 * mass - inner + squares).sum())

    def potential(self, x_new):
        """f at new points: the softmin T(g)(x) = -eps log sum_j b_j exp((g_j - C(x, y_j)) / eps).

        Parameters
        ----------
        x_new : (q, d) array
            However far from the data; one pass of q x m pairs in the log domain.

        Returns
        -------
        (q,) float64 array
        """
        kernel = self._kernel_from(x_new)
        return kernel.softmin(self._normalised[1]) - self.problem.eps / 2 * np.log(self.problem.mass)

    def potential_back(self, y_new):
        """g at new points, as `potential`."""
        return self.T.potential(y_new)

    def map(self, x_new=None):
        """The barycentric map x -> sum_j W_j(x) y_j, in y-space.

        Parameters
        ----------
        x_new : (q, d) array, optional
            Points to map, however far from the data; None maps the source points.

        Returns
        -------
        (q, d) float64 array
            Means of y under the conditional plan; two passes of q x m pairs.
        """
        kernel = self._kernel_from(self.problem.source.points if x_new is None else x_new)
        g = self._normalised[1]
        return kernel.barycenters(kernel.softmin(g), g)

    def map_back(self, y_new=None):
        """The barycentric map from the target to the source, as `map`."""
        return self.T.map(y_new)

    def gradient(self):
        """d value by the envelope theorem, one pass a side.

        Returns
        -------
        Gradient
            x (n, d), y (m, d), a (n,), b (m,) float64 arrays.

        References
        ----------
        Feydy et al. 2019, equation (10) and section 3.2.
        """
        f, g = self._normalised
        new_f, new_g = f - self.problem.eps * self.log_rows, g - self.problem.eps * self.log_columns
        return envelope(self.problem, new_f, new_g, self.dtype, self.value)

    @property
    def _mass_terms(self):
        """What eps KL(P | a (x) b) has beyond mass times that of probabilities."""
        mass = self.problem.mass
        return self.problem.eps * mass * (mass - 1 - float(np.log(mass)))

    @cached_property
    def _normalised(self):
        """Potentials of the problem between probabilities."""
        shift = self.problem.eps / 2 * np.log(self.problem.mass)
        f = self.f + shift
        return f, f if self.f is self.g else self.g + shift

    def _kernel_from(self, x_new):
        x_new = validation.points("x_new", x_new)
        target = self.problem.target
        validation.same_dimension("x_new", x_new, "the data", target.points)
        validation.blur(self.problem.blur, x_new - self.problem.centre)
        return GibbsKernel(
            x_new, target.points, None, target.probabilities, self.problem.eps, self.problem.centre, "float64"
        )
