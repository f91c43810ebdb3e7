"""Start the three problems of a divergence from the solutions of an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import validation
from ..common.representation import Settings
from ..costs import SQUARED_EUCLIDEAN
from ..problem import Problem
from ..results.solution import Solution
from .base import Initializer, Start
from .coarse import Coarse
from .given import Sorted, Warm, by_index
from .moved import along_geodesic, of_self
from .tracks import Track, updated

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn


@dataclass(frozen=True, eq=False, repr=False)
class Resumed(Settings, Initializer):
    """The solutions of an earlier divergence, each of which starts the same problem of the next
    divergence.

    If row i is the same point in another place, the start takes no pass over the pairs. The self
    potentials follow the density. The difference between the potentials of the cross problem and
    the self potentials follows the geodesic from one measure to the other, along which a gradient
    flow moves. Other points start like `Warm`.

    Parameters
    ----------
    xy, xx, yy : Solution
        The solutions of an earlier divergence for any points, weights and blur.

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> x, y = np.random.default_rng(0).random((2, 600, 2))
    >>> first = snb.sinkhorn_divergence(x, y + 1, blur=0.1)
    >>> moved = x - 0.1 * len(x) * first.gradient().x
    >>> second = snb.sinkhorn_divergence(moved, y + 1, blur=0.1, solver=snb.Sinkhorn(init=first))
    >>> second.n_passes < first.n_passes / 2
    True
    """

    xy: Solution
    xx: Solution
    yy: Solution

    @property
    def T(self) -> Resumed:
        """The solutions of the transposed problems."""
        return Resumed(self.xy.T, self.yy, self.xx)

    def reduced(self, problem: Problem) -> Initializer:
        """The start of the reduced problem; a self problem starts from the nearer of the two
        earlier measures.
        """
        if not problem.is_self:
            return self._between(problem, None, None)
        if not problem.has_points:
            return _of_same_indices((self.xx, self.yy), problem)
        self._check(problem)
        to_xx = _distance(self.xx, problem)
        to_yy = _distance(self.yy, problem)
        nearer = self.yy if to_yy < to_xx else self.xx
        return Warm(nearer).reduced(problem)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start; it takes passes only if the points do not correspond to the earlier
        ones.
        """
        return self.reduced(problem)(problem, solver)

    def beside(self, xx: Solution, yy: Solution) -> Initializer:
        """The start of the problem between two measures whose self solutions are known."""
        return _Beside(self, xx, yy)

    def _between(self, problem: Problem, xx: Solution | None, yy: Solution | None) -> Initializer:
        if not problem.has_points:
            return by_index(self.xy, problem)
        self._check(problem)
        known = self.xy.problem
        x = Track.of(known.source, problem.source)
        y = Track.of(known.target, problem.target)
        if x is None or y is None:
            return Warm(self.xy).reduced(problem)
        f = x.carried(self.xy) - x.carried(self.xx)
        g = y.carried(self.xy.T) - y.carried(self.yy)
        if problem.cost == SQUARED_EUCLIDEAN:
            f, g = along_geodesic(x, f, y, g)

        eps = problem.eps
        own_f = of_self(x, self.xx, problem.source, eps) if xx is None else updated(xx)
        own_g = of_self(y, self.yy, problem.target, eps) if yy is None else updated(yy)
        return Sorted(own_f + f, own_g + g)

    def _check(self, problem: Problem) -> None:
        points = self.xy.problem.source.points
        validation.same_dimension("init: divergence", points, "the data", problem.source.points)


@dataclass(frozen=True, eq=False)
class _Beside(Initializer):
    """The start between two measures from an earlier divergence and their self solutions."""

    earlier: Resumed
    xx: Solution
    yy: Solution

    def reduced(self, problem: Problem) -> Initializer:
        """The start of the reduced problem."""
        return self.earlier._between(problem, self.xx, self.yy)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start; see `Resumed`."""
        return self.reduced(problem)(problem, solver)


def _of_same_indices(candidates: tuple[Solution, ...], problem: Problem) -> Initializer:
    """The start of a self problem between indices, from the self solution of the same side."""
    labels = problem.source.points[:, -1]
    for known in candidates:
        its_labels = known.problem.source.points[:, -1]
        if np.array_equal(its_labels, labels):
            return by_index(known, problem)
    return Coarse()


def _distance(known: Solution, problem: Problem) -> tuple[int, float]:
    """Order known measures by their mean square move to another; if rows do not correspond, by the
    means alone.
    """
    old = known.problem.source
    new = problem.source
    track = Track.of(old, new)
    if track is not None:
        return 0, track.length
    shift = old.centroid - new.centroid
    return 1, float(np.sum(shift**2))
