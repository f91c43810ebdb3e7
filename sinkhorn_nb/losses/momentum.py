"""Longer steps of points that move towards a fixed point of their own map."""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats

# Share of the last movement that is added to a step if the steps shrink by less than SLOW. Anderson
# mixing took as many steps and ended at stationary points that are not minima.
INERTIA, SLOW = 0.7, 0.6


class Momentum:
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
        if last is None:
            return x + step

        before, last_length = last
        movement = x - before
        points_uphill = (step * movement).sum() <= 0
        if points_uphill or length < SLOW * last_length:
            return x + step
        return x + step + INERTIA * movement
