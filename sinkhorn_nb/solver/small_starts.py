"""Starts of small problems from an earlier divergence: its potentials move along with the rows,
without a pass.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats, Numbers
from ..costs import SQUARED_EUCLIDEAN
from ..dual import Dual, Normal, self_step
from ..initializers.moved import along_geodesic
from ..initializers.resumed import Resumed
from ..initializers.tracks import Track, have_same_rows
from ..measures.clouds import Clouds
from ..measures.measure import Measure
from ..measures.normal_form import NormalForm
from ..results.solution import Solution


class Starts(NamedTuple):
    """Potentials between probabilities, in units of cost and in the order of the normal forms.

    `source` and `target` are the self potentials of each measure; `f` and `g` are the differences
    between the potentials of the cross problem and these.
    """

    source: Floats
    target: Floats
    f: Floats
    g: Floats


def carried(earlier: Resumed, clouds: Clouds, numbers: tuple[int, int]) -> Starts | None:
    """The starts of the problems of two clouds from an earlier divergence; None if the rows do not
    correspond.
    """
    source, target = (clouds.normal_form(k) for k in numbers)
    olds = earlier.xy.problem.source, earlier.xy.problem.target
    if not all(
        have_same_rows(old, clouds.measure(k)) for old, k in zip(olds, numbers, strict=True)
    ):
        return None
    x = _track(olds[0], source)
    y = _track(olds[1], target)
    problem = earlier.xx.problem
    step = self_step(problem.marginals.rates(problem.eps)[0])
    own = _rows(earlier.xx, step), _rows(earlier.yy, step)
    f = _rows(earlier.xy, 1.0) - _rows(earlier.xx, 1.0)
    g = _rows(earlier.xy.T, 1.0) - _rows(earlier.yy, 1.0)
    potentials = (own[0], source), (own[1], target), (f, source), (g, target)
    of_source, of_target, f, g = (_per_point(form, rows) for rows, form in potentials)
    if earlier.xy.problem.cost == SQUARED_EUCLIDEAN:
        f, g = along_geodesic(x, f, y, g)
    return Starts(of_source, of_target, f, g)


def _track(old: Measure, form: NormalForm) -> Track:
    return Track(
        _per_point(form, old.points.astype(np.float64)), form.points, form.probabilities, old
    )


def _rows(solution: Solution, step: float) -> Floats:
    """The potential f of a solution per row, after the step that its errors imply."""
    found = solution.found
    problem = solution.problem
    if not isinstance(found, Normal):
        return solution._per_row(problem.dual().updated_rows(solution.iterate, step))
    dual = Dual(found.a, found.b, problem.eps, problem.marginals)
    return solution._per_row(dual.updated_rows(found.iterate, step))


def _per_point(form: NormalForm, rows: Numbers) -> Floats:
    """Values per point of a normal form from values per row; equal points take the value of one of
    their rows.
    """
    carriers = form.owner >= 0
    values = np.empty((len(form.points), *rows.shape[1:]))
    values[form.owner[carriers]] = rows[carriers]
    return values
