"""Match the points of one measure before and after a move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.small_rules import SELF_STEP
from ..common.array_types import Floats
from ..measures.measure import Measure
from ..results.solution import Solution

# Rows are the same points in other places if, apart from a translation, they have moved by at most
# this share of the variance of the cloud. The mean square distance between rows drawn anew is twice
# the variance.
FAR = 1 / 4


class Track(NamedTuple):
    """The points of a measure before and after a move, in the order of the new partition."""

    before: Floats
    after: Floats
    probabilities: Floats
    # The new measure, whose rows correspond to the old ones; None if the two are equal
    measure: Measure | None

    @classmethod
    def of(cls, old: Measure, new: Measure) -> Track | None:
        """The track from one measure to another, or None if their points do not correspond."""
        partition = new.reduced.partition
        if old.equals(new):
            return cls(partition.points, partition.points, partition.probabilities, None)
        if not have_same_rows(old, new):
            return None
        return cls(
            new.average(old.points.astype(np.float64)),
            partition.points,
            partition.probabilities,
            new,
        )

    @property
    def has_moved(self) -> bool:
        """Whether any point has moved."""
        return self.measure is not None

    @property
    def length(self) -> float:
        """The mean squared length of the moves."""
        return float(self.probabilities @ ((self.after - self.before) ** 2).sum(axis=1))

    def carried(self, solution: Solution) -> Floats:
        """The potential f of a solution at the points before the move, after the step that its
        errors imply.
        """
        f = updated(solution)
        return f if self.measure is None else self.measure.collapse(solution._extension.at_rows(f))

    def centered(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The points before and after the move, relative to their means, and the two means."""
        means = self.probabilities @ self.before, self.probabilities @ self.after
        return self.before - means[0], self.after - means[1], *means


def updated(solution: Solution) -> Floats:
    """f after the next step, which takes no pass; f itself if the next step updates g."""
    f, _, log_rows, log_columns = solution.iterate
    if solution.problem.is_self:
        return f - SELF_STEP * solution.problem.eps * log_rows
    source, target = solution._probabilities
    is_next = source @ np.abs(log_rows) >= target @ np.abs(log_columns)
    return f - solution.problem.eps * log_rows if is_next else f


def variance(points: Floats, probabilities: Floats) -> float:
    """The mean squared distance from the mean."""
    return float(probabilities @ ((points - probabilities @ points) ** 2).sum(axis=1))


def have_same_rows(old: Measure, new: Measure) -> bool:
    """Tell whether the rows of two measures are the same points in other places."""
    if old.points.shape != new.points.shape:
        return False
    before, after = (measure.points.astype(np.float64) for measure in (old, new))
    return variance(after - before, new.probabilities) <= FAR * variance(before, new.probabilities)
