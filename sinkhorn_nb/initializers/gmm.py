"""Start from a small problem between the components of two Gaussian mixtures, extended to the
points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import validation
from ..common.array_types import Floats, Pair
from ..common.representation import Settings
from ..costs import SQUARED_EUCLIDEAN
from ..kernels.point_cloud import GibbsKernel
from ..measures.measure import Measure
from ..measures.partition import Partition
from ..problem import Problem
from .base import Initializer, Start, sketch
from .coarse import Coarse
from .mixture import Components, fit

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
READ_OUTS = ("softmin", "posterior")
TOL, MAX_ITER = 1e-3, 100


@dataclass(frozen=True, repr=False)
class GMM(Settings, Initializer):
    """A problem between two mixtures. The cost between components is half the squared
    Bures-Wasserstein distance.

    Parameters
    ----------
    n_components : int, default 5
        Number of components of each mixture; fewer if there are fewer different points.
    covariance_type : {"full", "tied", "diag", "spherical"}
        The same as in scikit-learn.
    random_state : None, int or numpy.random.RandomState
        Source of the first guess of the components; pass an int to get the same start again.
    source, target : fitted sklearn.mixture.GaussianMixture, optional
        Mixtures to use for the two measures, with any number and type of components. Self problems
        fit their own.
    read_out : {"softmin", "posterior"}
        How f(x) follows from the potentials f_k, g_l of components. "softmin" is -eps log sum_l b_l
        exp((g_l - C_l(x)) / eps), where C_l(x) = (|x - m_l|^2 + tr S_l) / 2 is the mean cost to
        component l. "posterior" is sum_k p(k | x) f_k, as in the paper.

    Notes
    -----
    Cost: O(n K d^2) per step of expectation maximization ("full"), O(K^2 d^3) for the Bures costs.
    Points against components count as passes by their share of the n m pairs.

    References
    ----------
    Thornton & Cuturi 2023, "Rethinking Initialization of the Sinkhorn Algorithm".

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> from sinkhorn_nb.initializers import GMM
    >>> x, y = np.random.default_rng(0).normal(size=(2, 300, 2))
    >>> solver = snb.Sinkhorn(init=GMM(n_components=3, random_state=0))
    >>> snb.entropic_ot(x, y + 1, blur=0.5, solver=solver).converged
    True
    """

    n_components: int = 5
    covariance_type: Literal["full", "tied", "diag", "spherical"] = "full"
    random_state: int | np.random.RandomState | None = None
    source: Any = None
    target: Any = None
    read_out: Literal["softmin", "posterior"] = "softmin"

    def __post_init__(self) -> None:
        validation.count("n_components", self.n_components)
        validation.choice("covariance_type", self.covariance_type, COVARIANCE_TYPES)
        validation.random_state("random_state", self.random_state, np.random.RandomState)
        validation.choice("read_out", self.read_out, READ_OUTS)
        for name in ("source", "target"):
            validation.fitted_mixture(name, getattr(self, name))

    @property
    def T(self) -> GMM:
        """The initializer with the mixtures exchanged."""
        return replace(self, source=self.target, target=self.source)

    def serves(self, problem: Problem) -> bool:
        """Tell whether the cost is |x - y|^2 / 2."""
        return problem.cost == SQUARED_EUCLIDEAN

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start in a small share of a pass, unless there are nearly as many components
        as points.
        """
        is_self = problem.is_self
        eps = problem.eps
        source = self._components(problem.source, None if is_self else self.source, "source")
        target = source
        if not is_self:
            target = self._components(problem.target, self.target, "target")
        between = _between(source, target, eps, solver)

        x = problem.source.partition
        f = self._read_out(x, source, target, between, eps)
        if is_self:
            return Start(f, f)
        y = problem.target.partition
        g = self._read_out(y, target, source, between[::-1], eps)
        return Start(f, g)

    def _components(self, measure: Measure, mixture: Any, name: str) -> Components:
        if mixture is None:
            settings = self.n_components, self.covariance_type, self.random_state
            return Components(fit(measure.partition, *settings))
        validation.same_dimension(f"init: {name}", mixture.means_, "the data", measure.points)
        return Components(mixture)

    def _read_out(
        self,
        partition: Partition,
        here: Components,
        there: Components,
        between: Pair,
        eps: float,
    ) -> Floats:
        """f at the points of a partition, from the (f, g) of the components of both sides."""
        f, g = between
        if self.read_out == "posterior":
            return here.posteriors(partition.points) @ f
        means = Measure(there.means, there.weights).partition
        kernel = GibbsKernel(partition, means, eps, "float64", "cpu")  # too few pairs for a device
        potential = means.sort(g - there.traces / 2)
        return kernel.softmin(potential)


def _between(source: Components, target: Components, eps: float, solver: Sinkhorn) -> Pair:
    """Potentials of the problem between the components.

    The costs are |m_k - m_l|^2 / 2 + (tr S_k + tr S_l) / 2 - F_kl. Like any matrix, F = p q' for
    some p_k, q_l. Up to terms that depend on k or l alone, these are the costs between the points
    (m_k, p_k) and (m_l, q_l), for which the solver is made. The terms go into the potentials.
    """
    fidelities = source.fidelities(target)
    U, s, Vt = np.linalg.svd(fidelities, full_matrices=False)
    roots = np.sqrt(s)
    p = U * roots
    q = Vt.T * roots
    problem = Problem(_with_coordinates(source, p), _with_coordinates(target, q), eps)
    solution = sketch(solver, problem, Coarse(), TOL, MAX_ITER, "float64")
    f = solution.f + _own_costs(source, p)
    g = solution.g + _own_costs(target, q)
    if source is target:
        f = g = (f + g) / 2
    return f, g


def _with_coordinates(components: Components, p: Floats) -> Measure:
    """The measure of the points (m_k, p_k)."""
    points = np.hstack([components.means, p])
    return Measure(points, components.weights)


def _own_costs(components: Components, p: Floats) -> Floats:
    """The terms of the costs that depend on one component alone: (tr S_k - |p_k|^2) / 2."""
    squares = (p**2).sum(axis=1)
    return (components.traces - squares) / 2
