"""Starts of small problems from an earlier divergence: its potentials move along with the rows, at no pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..array_types import Floats, Numbers
from ..dual import Normal
from ..initializers.moved import along_geodesic
from ..initializers.resumed import Resumed
from ..initializers.tracks import SELF_STEP, Track, have_same_rows
from ..measure import Measure
from ..solution import Solution


class Starts(NamedTuple):
    """Potentials between probabilities, in units of cost and in the order of the normal forms.

    `source` and `target` are those of each measure with itself; `f` and `g` are what the cross problem's have beyond
    them.
    """

    source: Floats
    target: Floats
    f: Floats
    g: Floats


def carried(earlier: Resumed, source: Measure, target: Measure) -> Starts | None:
    """The starts of two measures' problems from an earlier divergence, or None if the rows do not correspond."""
    sides = (earlier.xy.problem.source, source), (earlier.xy.problem.target, target)
    if not all(have_same_rows(old, new) for old, new in sides):
        return None
    x, y = (_track(old, new) for old, new in sides)
    own = _rows(earlier.xx, SELF_STEP), _rows(earlier.yy, SELF_STEP)
    f, g = _rows(earlier.xy, 1.0) - _rows(earlier.xx, 1.0), _rows(earlier.xy.T, 1.0) - _rows(earlier.yy, 1.0)
    potentials = (own[0], source), (own[1], target), (f, source), (g, target)
    of_source, of_target, f, g = (_per_point(measure, rows) for rows, measure in potentials)
    return Starts(of_source, of_target, *along_geodesic(x, f, y, g))


def _track(old: Measure, new: Measure) -> Track:
    form = new.normal_form
    return Track(_per_point(new, old.points.astype(np.float64)), form.points, form.probabilities, new)


def _rows(solution: Solution, step: float) -> Floats:
    """The potential f of a solution per row, after a step that its errors tell of."""
    found = solution.found
    iterate = found.iterate if isinstance(found, Normal) else found
    return solution._per_row(iterate.f - step * solution.problem.eps * iterate.log_rows)


def _per_point(measure: Measure, rows: Numbers) -> Floats:
    """Values per point of the normal form from values per row; equal points take one of them."""
    form = measure.normal_form
    carriers = form.owner >= 0
    values = np.empty((len(form.points), *rows.shape[1:]))
    values[form.owner[carriers]] = rows[carriers]
    return values
