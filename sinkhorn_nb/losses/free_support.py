"""Sinkhorn barycenters with free support: a cloud whose points move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..common.array_types import Floats
from ..measures.measure import Measure
from ..problem import Problem
from ..results.solution import Solution
from ..results.status import warn
from ..solver import Sinkhorn
from ..solver.progress import counter
from .momentum import Momentum


class Rest(NamedTuple):
    """Points that have come to rest, or not, and the lengths of their steps."""

    points: Floats
    converged: bool
    history: Floats


class FreeSupport:
    """Steps of the points. The plans of one step are the starts of the next ones."""

    def __init__(
        self,
        clouds: list[Measure],
        shares: Floats,
        blur: float,
        solver: Sinkhorn,
        debiased: bool = True,
    ) -> None:
        self._clouds, self._shares, self._blur = clouds, shares, blur
        self._debiased = debiased
        self._shows_progress = solver.progress
        self._solver = replace(solver, progress=False)
        self._plans: list[Solution | None] = [None] * (len(clouds) + debiased)

    def run(self, x: Floats, tol: float, max_iter: int) -> Rest:
        """Move the points until they rest."""
        history = []
        momentum = Momentum()
        spread = self._spread()
        bar: Any = counter("steps", max_iter) if self._shows_progress else nullcontext()
        with bar:
            while True:
                step = self._step(x)
                mean_square = (step**2).sum(axis=1).mean()
                history.append(float(np.sqrt(mean_square)) / spread)
                rests = history[-1] <= tol
                if rests or len(history) == max_iter:
                    break
                x = momentum.next(x, step)
                if self._shows_progress:
                    bar.update()
        self._report(rests, history[-1], tol)
        has_converged = rests and all(plan.converged for plan in self._solved())
        return Rest(x, has_converged, np.array(history))

    def _step(self, x: Floats) -> Floats:
        """Minus the gradient per unit of mass: sum_k w_k T_k(x) - T_xx(x), or - x for biased
        ones.
        """
        cloud = Measure(x, self._weights(len(x)))
        targets = [*self._clouds, cloud] if self._debiased else self._clouds
        for k, target in enumerate(targets):
            known = self._plans[k]
            solver = self._solver if known is None else replace(self._solver, init=known)
            problem = Problem(cloud, target, self._blur**2)
            self._plans[k] = solver.attempt(problem)
        images = [plan.map() for plan in self._solved()]
        here = images.pop() if self._debiased else x
        return np.tensordot(self._shares, images, axes=1) - here

    def _solved(self) -> Iterator[Solution]:
        return (plan for plan in self._plans if plan is not None)

    def _weights(self, count: int) -> Floats:
        return np.full(count, self._clouds[0].mass / count)

    def _spread(self) -> float:
        """The root of the measures' mean variance; the blur if each is a single point."""
        variances = []
        for cloud in self._clouds:
            offsets = cloud.points - cloud.centroid
            variances.append(cloud.probabilities @ offsets**2)
        variance = np.sum(variances) / len(variances)
        return float(np.sqrt(variance)) or self._blur

    def _report(self, rests: bool, moved: float, tol: float) -> None:
        failed = [plan for plan in self._solved() if not plan.converged]
        if not rests:
            warn(
                f"the points of the barycenter still move by {moved:.2g} of the spread > "
                f"tol={tol:g}; use a larger max_iter, tol or blur"
            )
        elif failed:
            warn(max(failed, key=lambda plan: plan.marginal_error).message)


def first_points(
    clouds: list[Measure], shares: Floats, count: int, blur: float, rng: np.random.Generator
) -> Floats:
    """Draw points from the measures, moved to their common mean; all distinct."""
    mean = shares @ np.array([cloud.centroid for cloud in clouds])
    moved = np.concatenate([cloud.points - cloud.centroid + mean for cloud in clouds])
    pairs = zip(shares, clouds, strict=True)
    probabilities = np.concatenate([share * cloud.probabilities for share, cloud in pairs])
    chosen = rng.choice(len(moved), count, p=probabilities)
    offsets = rng.normal(size=(count, moved.shape[1]))
    return moved[chosen] + 0.1 * blur * offsets
