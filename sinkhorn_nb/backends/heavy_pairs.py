"""The answer of a backend to the question for the heavy pairs of a plan."""

from typing import Any, NamedTuple

import numpy as np


class HeavyPairs(NamedTuple):
    """The heavy pairs (i, columns_k), starts_i <= k < starts_(i + 1), and sums over the light ones:
    of b_j p_ij by row and of a_i p_ij by column.
    """

    starts: Any
    columns: Any
    light_rows: Any
    light_columns: Any

    @classmethod
    def joined(cls, parts):
        """The pairs of consecutive parts of the rows."""
        sizes = [np.diff(part.starts) for part in parts]
        starts = np.cumsum(np.concatenate([[0], *sizes]))
        columns = np.concatenate([part.columns for part in parts])
        light_rows = np.concatenate([part.light_rows for part in parts])
        light_columns = sum(part.light_columns for part in parts)
        return cls(starts, columns, light_rows, light_columns)
