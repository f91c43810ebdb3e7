"""The bridges to PyTorch and JAX share the functions that they differentiate, and batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import functional
from .common.array_types import Floats
from .losses.divergences import Divergences
from .losses.hausdorff import hausdorff_divergence
from .losses.mmd import mmd

SOLVE: dict[str, Callable[..., Any]] = {
    "divergence": functional.sinkhorn_divergence,
    "transport": functional.entropic_ot,
    "hausdorff": hausdorff_divergence,
    "mmd": mmd,
}
TWICE = ("divergence", "transport")  # have second derivatives
LARGEST_ROUNDING = 0.01  # of the sum of weights of 16 bits
SECOND = (
    "second derivatives: expected one derivative of a Hausdorff divergence or a kernel norm, got "
    "one more; "
)
THIRD = (
    "third derivatives: expected at most two derivatives of a value, or one of potentials, maps "
    "and soft sorts, got one more; "
)
# How errors of functions of lists call a cloud, and those of a single pair at their start
OF_LISTS = re.compile(r"\b([xy])s(?=\[\d)")
OF_ONE = re.compile(r"^([xyab])\b")


def conserves_mass(kind: str, options: dict[str, Any]) -> bool:
    """Whether the weights of both sides must have the same sum."""
    is_unbalanced = any(options.get(name) is not None for name in ("reach", "rho"))
    return kind != "mmd" and not is_unbalanced


def solve_all(
    kind: str,
    clouds: tuple[Any, Any],
    weights: tuple[Any, Any],
    options: dict[str, Any],
) -> Sequence[Any]:
    """The result of each problem between the k-th clouds of two lists, with lists of weights; None
    is uniform weights.
    """
    if len(clouds[0]) == 1:
        one = [None if side is None else side[0] for side in (*clouds, *weights)]
        return [SOLVE[kind](*one, **options)]
    uniform: Any = [None] * len(clouds[0])
    sides = [uniform if side is None else _shared(side) for side in (*clouds, *weights)]
    if kind == "divergence":
        with _renamed(OF_LISTS, r"\1"):
            return functional.sinkhorn_divergences(*sides, **options)
    results = []
    for k, each in enumerate(zip(*sides, strict=True)):
        with _renamed(OF_ONE, rf"\1[{k}]"):
            results.append(SOLVE[kind](*each, **options))
    return results


@contextmanager
def _renamed(names: re.Pattern[str], by: str) -> Iterator[None]:
    """Let errors call the k-th cloud of a batch x[k], as callers do, who passed an x."""
    try:
        yield
    except (TypeError, ValueError) as error:
        error.args = (names.sub(by, str(error)),)
        raise


def values_of(results: Sequence[Any]) -> Floats:
    """The value of each result."""
    if isinstance(results, Divergences):  # without an object for each
        return results.value
    return np.array([float(result.value) for result in results])


def _shared(parts: Sequence[Any]) -> Any:
    """The arrays; one object many times if all are equal, so that it is compared with itself
    once. The libraries repeat an argument that belongs to all problems of a batch.
    """
    first, *others = parts
    are_equal = all(isinstance(each, np.ndarray) and np.array_equal(first, each) for each in others)
    return [first] * len(parts) if are_equal else parts
