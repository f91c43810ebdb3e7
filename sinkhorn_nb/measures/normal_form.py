"""Points in increasing order, and the first number in which two measures differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.normal_forms import WEIGHT_ROUNDING
from ..common.array_types import Floats, Indices
from .partition import Partition


class NormalForm(NamedTuple):
    """The distinct points with mass in increasing order, their probabilities, and the point of each
    row or -1.
    """

    points: Floats
    probabilities: Floats
    owner: Indices

    def expand(self, values: Floats, at_inert: float = 0.0) -> Floats:
        """Values per row from values per point; rows without mass get their own."""
        rows = values[self.owner]
        if (self.owner < 0).any():
            rows[self.owner < 0] = at_inert
        return rows


def first_difference(
    mine: NormalForm | Partition, theirs: NormalForm | Partition
) -> tuple[float, float] | None:
    """The first two numbers that differ between two orders of points and their probabilities, or
    None.
    """
    for a, b, rtol in (
        (mine.points, theirs.points, 0.0),
        (mine.probabilities, theirs.probabilities, WEIGHT_ROUNDING),
    ):
        differ = np.abs(a - b) > rtol * np.maximum(a, b)
        places = np.flatnonzero(differ)
        if len(places):
            first = places[0]
            return a.ravel()[first], b.ravel()[first]
    return None
