"""The dual value and the marginal error of a pair of potentials, from the sums of one pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .common.array_types import Floats

LARGEST_LOG = 700.0  # bound of the log of a marginal ratio, so that the error stays finite


class Iterate(NamedTuple):
    """Potentials between probabilities and the logs of the marginal ratios, in the order of the
    partitions.
    """

    f: Floats
    g: Floats
    log_rows: Floats
    log_columns: Floats

    @property
    def n_pairs(self) -> int:
        """Number of pairs of distinct points with mass; a pass treats all of them."""
        return len(self.f) * len(self.g)

    @property
    def T(self) -> Iterate:
        """The iterate of the transposed problem."""
        return Iterate(self.g, self.f, self.log_columns, self.log_rows)


class Normal(NamedTuple):
    """An iterate in the order of the normal forms of two measures, and their probabilities.

    `answer` holds the numbers of the compiled solver for a self problem, in its own units.
    """

    iterate: Iterate
    a: Floats
    b: Floats
    answer: tuple[Any, ...] | None = None

    @property
    def n_pairs(self) -> int:
        """Number of pairs of points."""
        return self.iterate.n_pairs

    @property
    def f(self) -> Floats:
        """The potential of the source, in the order of its normal form."""
        return self.iterate.f

    @property
    def g(self) -> Floats:
        """The potential of the target, in the order of its normal form."""
        return self.iterate.g

    @property
    def T(self) -> Normal:
        """The iterate of the transposed problem."""
        return Normal(self.iterate.T, self.b, self.a)


def balanced(a: Floats, b: Floats, f: Floats, g: Floats) -> tuple[Floats, Floats]:
    """f - c and g + c with <a, f> = <b, g>; they have the same plan."""
    c = (a @ f - b @ g) / 2
    return f - c, g + c


def dual_value(
    a: Floats, b: Floats, f: Floats, g: Floats, log_rows: Floats, log_columns: Floats, eps: float
) -> float:
    """The dual objective after one exact update of one side, for probabilities a and b.

    At (T(g), g) the rows of the plan are exact, so the dual is <a, T(g)> + <b, g> and bounds OT_eps
    from below. The same holds for (f, T(f)). The value is the larger of the two; its error is
    quadratic in the marginal error.
    """
    return float(a @ f + b @ g - eps * min(a @ log_rows, b @ log_columns))


def marginal_error(a: Floats, b: Floats, log_rows: Floats, log_columns: Floats) -> float:
    """max over the two sides of sum_i a_i |r_i - 1|, for probabilities a and b."""
    rows = a @ np.abs(np.expm1(np.minimum(log_rows, LARGEST_LOG)))
    columns = b @ np.abs(np.expm1(np.minimum(log_columns, LARGEST_LOG)))
    return float(max(rows, columns))
