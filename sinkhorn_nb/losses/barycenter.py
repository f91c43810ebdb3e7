"""Sinkhorn barycenters with free support: a cloud that is close to several measures at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import validation
from ..common.array_types import ArrayLike, Floats
from ..measures.measure import Measure
from ..problem import Problem
from ..results.solution import Solution
from ..results.status import warn
from ..solver import Sinkhorn
from ..solver.progress import counter
from ..terms import Terms
from .arguments import between, usual

# Share of the last movement that is added to a step if the steps shrink by less than SLOW. Anderson
# mixing took as many steps and ended at stationary points that are not minima.
INERTIA, SLOW = 0.7, 0.6


@dataclass(frozen=True, eq=False, repr=False)
class Barycenter(Measure):
    """A cloud of equal weights that minimizes sum_k w_k S_eps(cloud, measure_k), approximately.

    Attributes
    ----------
    points : (n_points, d) float64 array
    weights : (n_points,) float64 array
    converged : bool
        Whether the points have come to rest and all plans are within the solver's tolerance.
    history : (n_iter,) float64 array
        Root-mean-square movement of the points in each step, relative to the spread of the
        measures.
    """

    converged: bool = False
    history: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def n_iter(self) -> int:
        """The number of steps."""
        return len(self.history)

    def _facts(self) -> dict[str, object]:
        return super()._facts() | {"converged": self.converged, "n_iter": self.n_iter}


@validation.native_names
def sinkhorn_barycenter(
    measures: Sequence[ArrayLike | Measure],
    weights: ArrayLike | None = None,
    *,
    blur: float,
    n_points: int,
    tol: float = 1e-3,
    max_iter: int = 100,
    solver: Sinkhorn | None = None,
    random_state: int | np.random.Generator | None = None,
) -> Barycenter:
    """Barycenter of several measures: the cloud that minimizes the mean of its Sinkhorn
    divergences.

    The points move along minus the gradient, x <- x + sum_k w_k T_k(x) - T_xx(x), with T_k the
    barycentric map of the plan from the cloud to measure k, and T_xx that of the cloud to itself.
    Steps that hardly get shorter have momentum, and each plan starts from the one before.

    Parameters
    ----------
    measures : sequence of K (n_k, d) array-likes or Measure
        Clouds; a `Measure.of(points, weights)` has weights of its own. All have the same mass.
    weights : (K,) array-like, optional
        Shares w_k >= 0 of the measures; they are divided by their sum. Equal by default.
    blur : float
        Length in the unit of the points below which details are smoothed.
    n_points : int
        Number of points of the barycenter.
    tol : float, default 1e-3
        Movement of the points, relative to the spread of the measures, below which the steps end.
    max_iter : int, default 100
        Largest number of steps.
    solver : Sinkhorn, optional
        How to solve each plan. progress=True shows the progress of the steps.
    random_state : int or numpy.random.Generator, optional
        The seed of the first points, which are drawn from the measures, moved to a common mean.

    Returns
    -------
    Barycenter
        A `Measure` with converged, history, n_iter.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if the points have not come to rest.

    Notes
    -----
    Cost: K + 1 plans per step, each of a few passes over n_points x n_k pairs. The objective is not
    convex in the points: other seeds may end elsewhere.

    References
    ----------
    Cuturi and Doucet 2014, "Fast computation of Wasserstein barycenters", algorithm 2; Janati,
    Cuturi and Gramfort 2020, "Debiased Sinkhorn barycenters".

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> barycenter = snb.sinkhorn_barycenter(
    ...     [x, x + [4.0, 0.0]], blur=0.3, n_points=100, random_state=0
    ... )
    >>> barycenter.converged
    True
    >>> bool(np.allclose(barycenter.centroid, x.mean(axis=0) + [2.0, 0.0], atol=1e-3))
    True
    """
    clouds = _clouds(measures)
    shares = validation.weights("weights", weights, len(clouds))
    shares = shares / shares.sum()
    blur = validation.blur(blur, *(cloud.points for cloud in clouds))
    count = validation.count("n_points", n_points)
    rng = np.random.default_rng(
        validation.random_state("random_state", random_state, np.random.Generator)
    )
    tol, max_iter = validation.positive("tol", tol), validation.count("max_iter", max_iter)

    start = _first_points(clouds, shares, count, blur, rng)
    descent = _Descent(clouds, shares, blur, usual(solver))
    return descent.run(start, tol, max_iter)


class _Descent:
    """Steps of the points. The plans of one step are the starts of the next ones."""

    def __init__(
        self, clouds: list[Measure], shares: Floats, blur: float, solver: Sinkhorn
    ) -> None:
        self._clouds, self._shares, self._blur = clouds, shares, blur
        self._shows_progress = solver.progress
        self._solver = replace(solver, progress=False)
        self._plans: list[Solution | None] = [None] * (len(clouds) + 1)

    def run(self, x: Floats, tol: float, max_iter: int) -> Barycenter:
        """Move the points until they rest."""
        history = []
        momentum = _Momentum()
        spread = self._spread()
        bar: Any = counter("steps", max_iter) if self._shows_progress else nullcontext()
        with bar:
            while True:
                step = self._step(x)
                history.append(float(np.sqrt((step**2).sum(axis=1).mean())) / spread)
                rests = history[-1] <= tol
                if rests or len(history) == max_iter:
                    break
                x = momentum.next(x, step)
                if self._shows_progress:
                    bar.update()
        self._report(rests, history[-1], tol)
        has_converged = rests and all(plan.converged for plan in self._solved())
        return Barycenter(
            x, self._weights(len(x)), converged=has_converged, history=np.array(history)
        )

    def _step(self, x: Floats) -> Floats:
        """Minus the gradient per unit of mass: sum_k w_k T_k(x) - T_xx(x)."""
        cloud = Measure(x, self._weights(len(x)))
        targets = [*self._clouds, cloud]
        for k, target in enumerate(targets):
            known = self._plans[k]
            solver = self._solver if known is None else replace(self._solver, init=known)
            self._plans[k] = solver.attempt(Problem(cloud, target, self._blur**2))
        images = [plan.map() for plan in self._solved()]
        return np.tensordot(self._shares, images[:-1], axes=1) - images[-1]

    def _solved(self) -> Iterator[Solution]:
        return (plan for plan in self._plans if plan is not None)

    def _weights(self, count: int) -> Floats:
        return np.full(count, self._clouds[0].mass / count)

    def _spread(self) -> float:
        squares = [
            cloud.probabilities @ ((cloud.points - cloud.centroid) ** 2) for cloud in self._clouds
        ]
        return float(np.sqrt(np.sum(squares) / len(squares))) or self._blur

    def _report(self, rests: bool, moved: float, tol: float) -> None:
        failed = [plan for plan in self._solved() if not plan.converged]
        if not rests:
            warn(
                f"the points of the barycenter still move by {moved:.2g} of the spread > "
                f"tol={tol:g}; "
                "use a larger max_iter, tol or blur"
            )
        elif failed:
            warn(max(failed, key=lambda plan: plan.marginal_error).message)


class _Momentum:
    """Polyak's heavy ball: a share of the last movement is added where steps hardly get shorter,
    unless it points uphill.
    """

    def __init__(self) -> None:
        self._last: tuple[Floats, float] | None = None

    def next(self, x: Floats, step: Floats) -> Floats:
        """The next points, from these, their step and the points before."""
        last = self._last
        length = float(np.linalg.norm(step))
        self._last = x, length
        if last is None or length < SLOW * last[1] or (step * (x - last[0])).sum() <= 0:
            return x + step
        return x + step + INERTIA * (x - last[0])


def _clouds(measures: Sequence[ArrayLike | Measure]) -> list[Measure]:
    """Check the measures, and return them in float64."""
    listed = validation.sequence("measures", measures, "measure")
    names = [f"measures[{k}]" for k in range(len(listed))]
    clouds = [
        each if isinstance(each, Measure) else Measure.of(each, names=(name, f"weights of {name}"))
        for name, each in zip(names, listed, strict=True)
    ]
    for name, cloud in zip(names[1:], clouds[1:], strict=True):
        both = f"weights of {names[0]}", f"weights of {name}"
        between(clouds[0], cloud, Terms(1.0), (names[0], name, *both))
    return [replace(cloud, points=cloud.points.astype(np.float64)) for cloud in clouds]


def _first_points(
    clouds: list[Measure], shares: Floats, count: int, blur: float, rng: np.random.Generator
) -> Floats:
    """Draw points from the measures, moved to their common mean; all distinct."""
    mean = shares @ np.array([cloud.centroid for cloud in clouds])
    moved = np.concatenate([cloud.points - cloud.centroid + mean for cloud in clouds])
    probabilities = [w * cloud.probabilities for w, cloud in zip(shares, clouds, strict=True)]
    chosen = rng.choice(len(moved), count, p=np.concatenate(probabilities))
    return moved[chosen] + 0.1 * blur * rng.normal(size=(count, moved.shape[1]))
