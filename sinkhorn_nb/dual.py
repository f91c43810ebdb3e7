"""The dual value and the marginal error of a pair of potentials, from the sums of one pass."""

from typing import NamedTuple

import numpy as np

LARGEST_LOG = 700.0  # bound of the log of a marginal ratio, so that the error stays finite


class Iterate(NamedTuple):
    """Potentials between probabilities and the logs of the marginal ratios, in the order of the partitions."""

    f: np.ndarray
    g: np.ndarray
    log_rows: np.ndarray
    log_columns: np.ndarray

    @property
    def n_pairs(self):
        """Number of pairs of distinct points with mass; a pass treats all of them."""
        return len(self.f) * len(self.g)

    @property
    def T(self):
        """The iterate of the transposed problem."""
        return Iterate(self.g, self.f, self.log_columns, self.log_rows)


class Normal(NamedTuple):
    """An iterate in the order of the normal forms of two measures, and their probabilities.

    `answer` holds the numbers of the compiled solver for a self problem, in its own units.
    """

    iterate: Iterate
    a: np.ndarray
    b: np.ndarray
    answer: tuple | None = None

    @property
    def n_pairs(self):
        """Number of pairs of points."""
        return self.iterate.n_pairs

    @property
    def f(self):
        """The potential of the source, in the order of its normal form."""
        return self.iterate.f

    @property
    def g(self):
        """The potential of the target, in the order of its normal form."""
        return self.iterate.g

    @property
    def T(self):
        """The iterate of the transposed problem."""
        return Normal(self.iterate.T, self.b, self.a)


def balanced(a, b, f, g):
    """f - c and g + c with <a, f> = <b, g>; they have the same plan."""
    c = (a @ f - b @ g) / 2
    return f - c, g + c


def dual_value(a, b, f, g, log_rows, log_columns, eps):
    """The dual objective after one exact update of one side, for probabilities a and b.

    At (T(g), g) the rows of the plan are exact, so the dual is <a, T(g)> + <b, g> and bounds OT_eps
    from below. The same holds for (f, T(f)). The value is the larger of the two; its error is
    quadratic in the marginal error.
    """
    return float(a @ f + b @ g - eps * min(a @ log_rows, b @ log_columns))


def marginal_error(a, b, log_rows, log_columns):
    """max over the two sides of sum_i a_i |r_i - 1|, for probabilities a and b."""
    rows = a @ np.abs(np.expm1(np.minimum(log_rows, LARGEST_LOG)))
    columns = b @ np.abs(np.expm1(np.minimum(log_columns, LARGEST_LOG)))
    return float(max(rows, columns))
