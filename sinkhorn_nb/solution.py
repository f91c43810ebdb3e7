"""What a solve returns: potentials, and everything that can be read from them."""

from dataclasses import dataclass, replace

import numpy as np

from . import validation
from .backends.home import HOST
from .caching import cached_property
from .certificate import certify
from .dual import Iterate, dual_value, marginal_error
from .gibbs import GibbsKernel
from .gradients import Differentiable, envelope
from .measure import Measure
from .plan import Plan
from .problem import Problem
from .representation import Represented
from .status import Status, explain


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Represented, Differentiable):
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
        The marginal error before each update, all at the problem's temperature.
    dtype : str
        Of the pairs.
    backend : str
        As the solver's: it computes plan, map and gradient, too.
    """

    problem: Problem
    iterate: Iterate
    status: Status
    solve_passes: float
    history: np.ndarray
    dtype: str
    tol: float
    backend: str = "auto"

    @property
    def f(self):
        """(n,) potential of the source, in units of cost."""
        return self.problem.home.send(self._potentials[0])

    @property
    def g(self):
        """(m,) potential of the target, in units of cost."""
        return self.problem.home.send(self._potentials[1])

    @cached_property
    def value(self):
        """The dual value, a lower bound of OT_eps whose error is quadratic in the marginal error."""
        return self._transported + self._mass_terms

    @cached_property
    def gap(self):
        """Certified: value <= OT_eps <= value + gap; linear in the marginal error.

        One pass in float64 if one side is exact at the potentials, as after most of the default steps,
        else two; they are counted in n_passes from then on.

        References
        ----------
        Altschuler et al. 2017, algorithm 2.
        """
        primal = self.problem.mass * self._certificate.primal_value
        return max(primal + self._mass_terms - self.value, 0.0)

    @property
    def n_passes(self):
        """Sweeps over the n x m pairs: the start, the iterations, what was redone, and the gap once asked for."""
        return self.solve_passes + (self._certificate.n_passes if "_certificate" in vars(self) else 0.0)

    @cached_property
    def _certificate(self):
        return certify(self.problem, self.iterate, self.dtype, self.backend)

    @cached_property
    def marginal_error(self):
        """max over the two sides of sum_i a_i |r_i - 1| / mass at the returned potentials."""
        return marginal_error(*self._probabilities, self.iterate.log_rows, self.iterate.log_columns)

    @property
    def n_iter(self):
        """Iterations, those of the paper's annealing included."""
        return len(self.history)

    @property
    def converged(self):
        """Whether the marginal error is within tol."""
        return self.status is Status.CONVERGED

    @property
    def message(self):
        """The status, the error reached and, where it failed, the cure."""
        return explain(self.status, self.marginal_error, self.history, self.tol, self.dtype)

    @property
    def T(self):
        """The solution of the transposed problem."""
        transposed = replace(self, problem=self.problem.T, iterate=self.iterate.T)
        if "_certificate" in vars(self):  # it holds for both
            vars(transposed)["_certificate"] = self._certificate
        return transposed

    @property
    def on_host(self):
        """The solution with NumPy arrays for all results, wherever the points came from."""
        home = self.problem.home
        return self if home == HOST else replace(self, problem=replace(self.problem, home=HOST))

    @property
    def plan(self):
        """The plan as a linear operator that is never formed: `plan @ v`, `plan.T @ u`, `plan.topk(k)`."""
        return Plan(self.problem, self._f, self._g, self.backend)

    @cached_property
    def transport_cost(self):
        """<P, C>, one pass."""
        x = self.problem.source.points - self.problem.centre
        y = self.problem.target.points - self.problem.centre
        moments = self.on_host.plan @ np.column_stack([np.ones(len(y)), y, (y**2).sum(axis=1) / 2])
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
        query, kernel = self._kernel_from(x_new)
        return self.problem.home.send(query.restore(kernel.softmin(self.iterate.g)) - self.problem.mass_shift)

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
        query, kernel = self._kernel_from(self.problem.source.points if x_new is None else x_new)
        images = kernel.barycenters(kernel.softmin(self.iterate.g), self.iterate.g)
        return self.problem.home.send(query.restore(images))

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
        return envelope(self.problem, self.iterate, self.dtype, self.value, self.backend).sent(self.problem.home)

    def _facts(self):
        outcome = {"value": self.value, "converged": self.converged, "marginal_error": f"{self.marginal_error:.2g}"}
        return outcome | {"n_passes": f"{self.n_passes:.4g}"} | self.problem._facts()

    @cached_property
    def _transported(self):
        """The mass times the value between probabilities."""
        return self.problem.mass * dual_value(*self._probabilities, *self.iterate, self.problem.eps)

    @property
    def _mass_terms(self):
        """What eps KL(P | a (x) b) has beyond mass times that of probabilities."""
        mass = self.problem.mass
        return self.problem.eps * mass * (mass - 1 - float(np.log(mass)))

    @property
    def _probabilities(self):
        return self.problem.source.partition.probabilities, self.problem.target.partition.probabilities

    @cached_property
    def _potentials(self):
        return self._f - self.problem.mass_shift, self._g - self.problem.mass_shift

    @cached_property
    def _f(self):
        return self.problem.source.partition.restore(self.iterate.f)

    @cached_property
    def _g(self):
        return self.problem.target.partition.restore(self.iterate.g)

    def _kernel_from(self, x_new):
        x_new = validation.points("x_new", x_new)
        target = self.problem.target
        validation.same_dimension("x_new", x_new, "the data", target.points)
        validation.blur(self.problem.blur, x_new - self.problem.centre)
        query = Measure.of(x_new).partition
        return query, GibbsKernel(query, target.partition, self.problem.eps, "float64", self.backend)
