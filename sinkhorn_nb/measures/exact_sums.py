"""Sums of weights that do not depend on their order."""

from __future__ import annotations

import math

from ..common.array_types import Floats

FEW = 4096  # weights: below, a look at all of them takes as long as the sum


def exact_sum(weights: Floats) -> float:
    """The exact sum, rounded once; for equal weights this is a product, which is rounded alike."""
    n = len(weights)
    if n > FEW and (weights == weights[0]).all():
        return n * float(weights[0])
    return math.fsum(weights.tolist())
