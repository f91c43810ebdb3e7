"""Match the points of one measure before and after a move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats
from ..dual import self_step
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
        moves = self.after - self.before
        squares = (moves**2).sum(axis=1)
        return float(self.probabilities @ squares)

    def carried(self, solution: Solution) -> Floats:
        """The potential f of a solution at the points before the move, after the step that its
        errors imply.
        """
        f = updated(solution)
        if self.measure is None:
            return f
        per_row = solution._extension.at_rows(f)
        return self.measure.collapse(per_row)

    def centered(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The points before and after the move, relative to their means, and the two means."""
        mean_before = self.probabilities @ self.before
        mean_after = self.probabilities @ self.after
        before = self.before - mean_before
        after = self.after - mean_after
        return before, after, mean_before, mean_after


def updated(solution: Solution) -> Floats:
    """f after the next step, which takes no pass; f itself if the next step updates g."""
    dual = solution._solved.dual()
    iterate = solution.iterate
    if solution.problem.is_self:
        return dual.updated_rows(iterate, self_step(dual.rates[0]))
    rows, columns = dual.residuals(iterate)
    on_rows = dual.a @ np.abs(rows)
    on_columns = dual.b @ np.abs(columns)
    return dual.updated_rows(iterate) if on_rows >= on_columns else iterate.f


def variance(points: Floats, probabilities: Floats) -> float:
    """The mean squared distance from the mean."""
    centered = points - probabilities @ points
    squares = (centered**2).sum(axis=1)
    return float(probabilities @ squares)


def have_same_rows(old: Measure, new: Measure) -> bool:
    """Tell whether the rows of two measures are the same points in other places."""
    if old.points.shape != new.points.shape:
        return False
    before = old.points.astype(np.float64)
    after = new.points.astype(np.float64)
    of_moves = variance(after - before, new.probabilities)
    of_points = variance(before, new.probabilities)
    return of_moves <= FAR * of_points
