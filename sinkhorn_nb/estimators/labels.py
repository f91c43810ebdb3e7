"""Labels of rows: domains, and batches in a column of the data or beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import validation
from ..common.array_types import Booleans, Numbers


def is_source_row(sample_domain: Any, n: int) -> Booleans:
    """Check labels of domains, and tell which rows belong to the source."""
    labels = np.asarray(sample_domain)
    if labels.shape != (n,) or labels.dtype.kind not in "iuf":
        raise ValueError(
            f"sample_domain: expected {n} integers, one label per row, got shape {labels.shape} "
            f"and dtype {labels.dtype}; label rows of the target by -1 and all others by 1"
        )
    return labels >= 0


def batch_labels(sample_domain: Any, n: int) -> Numbers:
    """Check labels of batches; without any, all rows are one batch."""
    if sample_domain is None:
        return np.zeros(n, dtype=int)
    labels = np.asarray(sample_domain)
    if labels.shape != (n,):
        raise ValueError(
            f"sample_domain: expected {n} labels, one per row, got shape {labels.shape}; pass the "
            "batch of each row"
        )
    return labels


def column_number(name: str, column: int | str | None, count: int, names: Numbers | None) -> int:
    """Check the number or the name of one of `count` columns, and return its number."""
    if isinstance(column, str):
        if names is None or column not in names:
            known = "no names" if names is None else f"the names {list(names)}"
            raise ValueError(
                f"{name}: expected the name of a column of X, got {column!r} beside {known}; pass "
                "a data frame with this column, or the number of a column"
            )
        return list(names).index(column)
    column = validation.count(name, column, least=-count)
    if column >= count:
        raise ValueError(
            f"{name}: expected the number of a column, at most {count - 1}, got {column}; columns "
            "are counted from 0"
        )
    return column % count
