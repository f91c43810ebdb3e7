"""The result of a solve: potentials, and all quantities that they determine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..common.array_types import ArrayLike, Coordinates, Floats
from ..common.caching import cached_property, know, state_of
from ..common.representation import Represented
from ..dual import Iterate, Normal
from ..gradients import BOTH, Gradient, Sides, with_value
from ..interop.arrays import HOST, Home
from ..problem import Problem
from . import differentiable
from .certificate import Certificate, certify
from .compression import SMALL, Compression
from .extension import Extension, iterate_of_normal_forms, iterate_of_rows, new_points
from .facts import facts_of
from .matching import matching
from .outlook import advice
from .plan import Plan, with_log_rows
from .plan_statistics import Pairs
from .status import Status, explain
from .value_gradient import value_gradient

KEPT = "_certificate", "_dual", "marginal_error"  # results that do not depend on the rows


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Represented):
    """Dual potentials of OT_eps(a, b), with the plan, maps and gradients that they determine.

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
        Precision of the pairs.
    backend : str
        The backend of the solver. It computes the plan, the maps and the gradient, too.
    home : Home
        The library and the device of the arrays of all results.
    compression : Compression
        What was compressed, or why not.
    """

    problem: Problem
    found: Iterate | Normal
    status: Status
    solve_passes: float
    history: Floats
    dtype: str
    tol: float
    backend: str = "auto"
    home: Home = HOST
    compression: Compression = SMALL

    pullback = differentiable.pullback
    pushforward = differentiable.pushforward
    hessian_vector_product = differentiable.hessian_vector_product

    @property
    def f(self) -> Floats:
        """(n,) potential of the source, in units of cost."""
        return self.home.send(self._potentials[0])

    @property
    def g(self) -> Floats:
        """(m,) potential of the target, in units of cost."""
        return self.home.send(self._potentials[1])

    @cached_property
    def iterate(self) -> Iterate:
        """The iterate in the order of the partitions; small problems, solved in another order, are
        converted.
        """
        if isinstance(self.found, Iterate):
            return self.found
        return iterate_of_normal_forms(self.problem, self.found.iterate)

    @cached_property
    def value(self) -> float:
        """The dual value, a lower bound of OT_eps whose error is quadratic in the marginal
        error.
        """
        return self._transported + self.problem.scaling.constant

    @cached_property
    def gap(self) -> float:
        """A certified bound, value <= OT_eps <= value + gap; it is linear in the marginal error.

        It takes one pass in float64 if one side is exact at the potentials, as after most of the
        default steps, and else two; solutions with pairs in float32 take three. n_passes includes
        them from then on. Rounding of float32 pairs may lift the value above OT_eps: |value -
        OT_eps| <= gap holds for them, too. Prices on both sides save the pass; for a reach beyond
        the diameter the bound is loose at a tol of 1e-3.

        References
        ----------
        Altschuler et al. 2017, algorithm 2.
        """
        value, bounds = self._transported, self._certificate
        mass = self.problem.mass
        below = mass * bounds.primal_value - value
        above = value - mass * bounds.dual_value
        return max(below, above, 0.0)

    @property
    def n_passes(self) -> float:
        """Sweeps over the n x m pairs: the start, the iterations, repeats, and a known gap."""
        if "_certificate" in vars(self):
            return self.solve_passes + self._certificate.n_passes
        return self.solve_passes

    @cached_property
    def _certificate(self) -> Certificate:
        problem, iterate = self._solved, self.iterate
        if problem.target.precedes(problem.source):  # the same bits for (a, b) and (b, a)
            problem, iterate = problem.T, iterate.T
        return certify(problem, iterate, self.dtype, self.backend)

    @cached_property
    def marginal_error(self) -> float:
        """max over the two sides of sum_i a_i |r_i - 1| / mass at the returned potentials."""
        return self._solved.dual().error(self.iterate)

    @property
    def n_iter(self) -> int:
        """Number of iterations, including the annealing of the paper's scheme."""
        return len(self.history)

    @property
    def converged(self) -> bool:
        """Whether the marginal error is within tol."""
        return self.status is Status.CONVERGED

    @property
    def message(self) -> str:
        """The status, the error reached and, after a failure, the cure."""
        hint = None if self.converged else advice(self.problem)
        return explain(self.status, self.marginal_error, self.history, self.tol, self.dtype, hint)

    @property
    def T(self) -> Solution:
        """The solution of the transposed problem."""
        return self._with(problem=self.problem.T, found=self.found.T)

    def of(self, problem: Problem) -> Solution:
        """The solution of another problem with the same reduced problem."""
        return self if problem is self.problem else self._with(problem=problem)

    def _with(self, **changes: Any) -> Solution:
        """The solution with changed fields and the same certificate."""
        known = {name: value for name, value in vars(self).items() if name in KEPT}
        return know(replace(self, **changes), **known)

    def __getstate__(self) -> dict[str, Any]:
        """The fields, and results that took passes; all else is computed again."""
        return state_of(self, "iterate", *KEPT)

    @property
    def on_host(self) -> Solution:
        """The solution with NumPy arrays for all results, also if the points are on a GPU."""
        return self.at(HOST)

    def at(self, home: Home) -> Solution:
        """The solution with arrays of another kind for all results."""
        return self if self.home == home else self._with(home=home)

    @cached_property
    def plan(self) -> Plan:
        """The plan as a linear operator that is never formed: `plan @ v`, `plan.T @ u`,
        `plan.topk(k)`.
        """
        plan = Plan(self.problem, *self._potentials, self.backend, self.home)
        return with_log_rows(plan, self.iterate.log_rows) if self.dtype == "float64" else plan

    def sample(self, k: int, random_state: int | np.random.Generator | None = None) -> Pairs:
        """Draw k pairs (i, j) from the plan: `Pairs(rows, columns)`, like `Plan.sample`."""
        return self.plan.sample(k, random_state)

    def matching(self) -> Pairs:
        """A one-to-one matching of at most 5000 points with as many: the permutation with the
        largest product of the plan's entries.

        It is the cheapest permutation, sum_i C_i,columns[i], within the support of the plan.

        Returns
        -------
        Pairs
            rows (n,), which are 0 to n - 1, and columns (n,).
        """
        return Pairs(*map(self.home.send, matching(self.plan)))

    @cached_property
    def transport_cost(self) -> float:
        """<P, C>; it takes one pass."""
        kernel = self._solved.kernel("float64", self.backend)
        costs = kernel.costs(self.iterate.f, self.iterate.g)
        probabilities = self._solved.source.partition.probabilities
        return float(self.problem.mass * probabilities @ costs)

    def potential(self, x_new: ArrayLike) -> Floats:
        """f at new points: the softmin T(g)(x) = -eps log sum_j b_j exp((g_j - C(x, y_j)) / eps),
        damped unless the marginal is exact.

        Parameters
        ----------
        x_new : (q, d) array
            Points at any distance from the data. They take one pass over q x m pairs, in the log
            domain.

        Returns
        -------
        (q,) float64 array
        """
        f = self._extension.potential(self._new(x_new))
        return self.home.send(f - self.problem.scaling.of_f)

    def potential_back(self, y_new: ArrayLike) -> Floats:
        """g at new points, like `potential`."""
        return self.T.potential(y_new)

    def map(self, x_new: ArrayLike | None = None) -> Floats:
        """The barycentric map x -> sum_j W_j(x) y_j, in y-space.

        Parameters
        ----------
        x_new : (q, d) array, optional
            Points to map, at any distance from the data; None maps the source points.

        Returns
        -------
        (q, d) float64 array
            Means of y under the conditional plan. They take two passes over q x m pairs, or one for
            the source points.
        """
        if x_new is not None:
            images = self._extension.images(self._new(x_new))
            return self.home.send(images)
        f = self._solved.dual().softmin_rows(self.iterate)
        return self.home.send(self._extension.images_of_rows(f))

    def map_back(self, y_new: ArrayLike | None = None) -> Floats:
        """The barycentric map from the target to the source, like `map`."""
        return self.T.map(y_new)

    def gradient(self) -> Gradient:
        """The gradient of the value by the envelope theorem. It takes one pass per side.

        Returns
        -------
        Gradient
            x (n, d), y (m, d), a (n,), b (m,) float64 arrays.

        References
        ----------
        Feydy et al. 2019, equation (10) and section 3.2.
        """
        return self._gradient_in(BOTH)

    def _gradient_in(self, sides: Sides) -> Gradient:
        """The gradient, without the points of a side that is not needed; they have NaN."""
        problem, gradient = self.problem, self._pulled(sides)
        if problem.marginals.are_exact:
            return with_value(self.value, problem, gradient).sent(self.home)
        on_a = gradient.a + problem.eps * (problem.target.mass - 1)
        on_b = gradient.b + problem.eps * (problem.source.mass - 1)
        return gradient._replace(a=on_a, b=on_b).sent(self.home)

    def _pulled(self, sides: Sides) -> Gradient:
        """The gradient of the value, without the constants in the weights' part."""
        return value_gradient(self, sides)

    def _facts(self) -> dict[str, object]:
        return facts_of(self, self.problem, self.home)

    @cached_property
    def _transported(self) -> float:
        """The mass times the value between probabilities."""
        return self.problem.mass * self._dual

    @cached_property
    def _dual(self) -> float:
        return self._solved.dual().value(self.iterate)

    @cached_property
    def _potentials(self) -> tuple[Floats, Floats]:
        scaling = self.problem.scaling
        potentials = self._f - scaling.of_f, self._g - scaling.of_g
        for potential in potentials:
            potential.setflags(write=False)  # all other results are computed from them
        return potentials

    @cached_property
    def _f(self) -> Floats:
        """The potential per row, between probabilities."""
        return self._per_row(self.found.f)

    @cached_property
    def _g(self) -> Floats:
        return self._per_row(self.found.g, is_source=False)

    def _per_row(self, potential: Floats, is_source: bool = True) -> Floats:
        """A potential per row, from the potential of the points in `found`. Rows without mass have
        the softmin.
        """
        if isinstance(self.found, Normal):
            measure = self.problem.source if is_source else self.problem.target
            owner = measure.normal_form.owner
            if (owner >= 0).all():
                return potential[owner]
            potential = measure.from_normal_form(potential)
        return (self if is_source else self.T)._extension.at_rows(potential)

    @property
    def _solved(self) -> Problem:
        return self.problem.reduced

    def _new(self, x_new: ArrayLike) -> Coordinates:
        return new_points("x_new", x_new, self.problem)

    @property
    def _extension(self) -> Extension:
        return Extension(self.problem, self.iterate.g, self.backend)

    @property
    def _row_iterate(self) -> Iterate:
        """The iterate for all rows, including repeated rows and rows without mass."""
        return iterate_of_rows(self.problem, self.iterate, self._f, self._g)
