"""Divergences between numbered clouds: each cloud is compared with itself once, and then with
others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..common.array_types import Booleans, Floats, Indices
from ..interop.arrays import HOST
from ..measures.clouds import CloudPairs, Clouds
from ..measures.measure import Measure
from ..results.divergence import Divergence
from ..results.outlook import Watch
from ..results.solution import Solution
from ..solver import Sinkhorn
from ..terms import Terms
from .solved_pairs import SolvedPairs, solve_pairs


class Failure(NamedTuple):
    """A pair that has not converged: its row, the marginal error and the text of
    `Solution.message`.
    """

    row: int
    marginal_error: float
    message: str


class Values(NamedTuple):
    """S_eps of each pair, whether its three solutions converged, and the worst pair that did
    not.
    """

    value: Floats
    converged: Booleans
    failure: Failure | None


def self_solutions(
    measures: list[Measure], terms: Terms, solver: Sinkhorn, say: Callable[[str], object]
) -> list[Solution]:
    """The self solution of each measure; `say` is called with the text of an early warning."""
    numbers = np.arange(len(measures))
    solved = _solved(measures, numbers, numbers, terms, solver, say)
    return [solved.divergence(k).xx for k in range(len(measures))]


def values(
    selves: list[Solution], pairs: Indices, solver: Sinkhorn, say: Callable[[str], object]
) -> Values:
    """S_eps of pairs (P, 2) of indices into `selves`, the self solutions; a value does not depend
    on other pairs.
    """
    measures = [own.problem.source for own in selves]
    terms = selves[0].problem.terms
    sources, targets = pairs.T
    solved = _solved(measures, sources, targets, terms, solver, say, dict(enumerate(selves)))
    converged = solved.array("converged", np.bool_)
    rows = np.flatnonzero(~converged).tolist()
    failed = [_failure(row, solved.divergence(row)) for row in rows]
    worst = max(failed, key=lambda failure: failure.marginal_error, default=None)
    return Values(solved.array("value", np.float64), converged, worst)


def _solved(
    measures: list[Measure],
    sources: Indices,
    targets: Indices,
    terms: Terms,
    solver: Sinkhorn,
    say: Callable[[str], object],
    selves: dict[int, Solution] | None = None,
) -> SolvedPairs:
    pairs = CloudPairs(Clouds.of_measures(measures), sources, targets, terms)
    homes = [HOST] * len(sources)
    return solve_pairs(pairs, solver, Watch(solver, say), homes, selves)


def _failure(row: int, divergence: Divergence) -> Failure:
    solutions = divergence.xy, divergence.xx, divergence.yy
    worst = max((s for s in solutions if not s.converged), key=lambda s: s.marginal_error)
    return Failure(row, worst.marginal_error, worst.message)
