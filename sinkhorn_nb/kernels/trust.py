"""Which sums of a pass may hide pairs whose exponents were clipped."""

from __future__ import annotations

import numpy as np

from ..common.array_types import Booleans, Floats

# Sums further from 1 than TRUSTED may hide clipped exponents and are computed again as log-sum-exp.
# If the smallest weight is small, a pair with this weight that is clipped at 2^126 (2^1022) is
# below that bound: then CLIPPED holds.
TRUSTED = {"float32": 2.0**60, "float64": 2.0**300}
CLIPPED = {"float32": 2.0**120, "float64": 2.0**1016}


def is_trusted(log_sums: Floats, least_log_weight: float, dtype: str) -> Booleans:
    """Tell whether sums cannot hide a clipped pair, if each weight is zero or at least
    exp(least_log_weight).
    """
    trusted = np.log(TRUSTED[dtype])
    clipped = np.log(CLIPPED[dtype]) + least_log_weight
    largest = np.minimum(trusted, clipped)
    return (log_sums >= -trusted) & (log_sums <= largest)


def log(sums: Floats) -> Floats:
    """Logarithms of sums, with log 0 = -inf."""
    with np.errstate(divide="ignore"):
        return np.log(sums)
