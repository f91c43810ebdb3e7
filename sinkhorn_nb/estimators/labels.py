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
    is_whole = np.isfinite(labels) & (labels == np.round(labels))
    if not is_whole.all():
        k = int(np.argmin(is_whole))
        raise ValueError(
            f"sample_domain: expected integers, got {labels[k]} at row {k}; label rows of the "
            "target by -1 and all others by 1"
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
    return comparable_labels("sample_domain", labels)


def comparable_labels(name: str, labels: Numbers) -> Numbers:
    """Check that no label is missing, and that all are numbers or all are words."""
    listed = labels.tolist()
    missing = [k for k, label in enumerate(listed) if _is_missing(label)]
    if missing:
        raise ValueError(
            f"{name}: expected a label for each row, got {listed[missing[0]]} at row {missing[0]} "
            f"({len(missing)} such rows); leave these rows out, or give them a label of their own"
        )
    kinds = sorted({"words" if isinstance(label, str) else "numbers" for label in listed})
    if len(kinds) > 1:
        raise ValueError(
            f"{name}: expected labels of one kind, got numbers and words; pass words alone, such "
            f"as [str(label) for label in {name}]"
        )
    return labels


def _is_missing(label: Any) -> bool:
    """Tell whether a label is None, NaN, or the NA or NaT of pandas."""
    return label is None or type(label).__name__ in ("NAType", "NaTType") or label != label


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
