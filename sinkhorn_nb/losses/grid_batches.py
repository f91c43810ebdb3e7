"""Divergences of many pairs of grids, one after another on all threads."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np

from .. import validation
from ..common.array_types import Floats
from ..interop.arrays import HOST
from ..measures.clouds import Named
from ..measures.grid import Grid
from ..results.divergence import Divergence
from ..solver import Sinkhorn
from ..solver.progress import counter
from ..terms import Terms
from .divergences import Divergences
from .grids import GridPairs
from .solved_pairs import SolvedPairs


def are_grids(named: list[Named]) -> bool:
    """Tell whether measures are grids; all of them must be if one is."""
    if not any(isinstance(each.x, Grid) for each in named):
        return False
    for name, x, weights_name, a in named:
        if not isinstance(x, Grid):
            raise TypeError(
                f"{name}: expected a Grid like the others, got {type(x).__name__}; pass "
                f"Grid({name})"
            )
        validation.without_weights(weights_name, a, "Grid")
    return True


def grid_divergences(
    sources: list[Named], targets: list[Named], terms: Terms, solver: Sinkhorn
) -> Divergences:
    """The divergences of pairs of grids, with one warning for all that did not converge."""
    pairs = GridPairs(terms, solver)
    found: dict[int, Divergence] = {}
    for q, (source, target) in enumerate(zip(sources, targets, strict=True)):
        names = source.x_name, target.x_name
        found[q] = pairs.divergence(source.x, target.x, names)
    pairs.report()
    count = len(found)
    solved = SolvedPairs(None, found, [HOST] * count)
    return Divergences(solved, np.arange(count))


def grid_table(
    rows: list[Named], columns: list[Named], terms: Terms, solver: Sinkhorn, progress: bool
) -> Floats:
    """The table of divergences; each pair of different grids is compared once."""
    pairs = GridPairs(terms, solver)
    known: dict[tuple[int, int], float] = {}
    value = np.zeros((len(rows), len(columns)))
    bar: Any = counter("pairs", value.size) if progress else nullcontext()
    with bar:
        for i, (x_name, x, *_) in enumerate(rows):
            for j, (y_name, y, *_) in enumerate(columns):
                first, second = sorted((id(x), id(y)))
                key = first, second
                if x is not y and key not in known:
                    divergence = pairs.divergence(x, y, (x_name, y_name))
                    known[key] = float(divergence)
                value[i, j] = known.get(key, 0.0)
                if progress:
                    bar.update()
    pairs.report()
    return value
