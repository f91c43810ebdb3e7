"""Hypothesis strategies of small problems."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

DIMENSIONS = st.sampled_from([1, 2, 3, 8, 30])
SCALES = st.sampled_from([1e-6, 1e-2, 1.0, 1e3, 1e6])
UNIT = st.floats(-1, 1, width=16)


class Pair(NamedTuple):
    """Two weighted clouds of one mass and a blur."""

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    blur: float

    @property
    def size(self):
        """The scale of the value, for its errors: mass times squared length."""
        spread = np.ptp(np.concatenate([self.x, self.y]), axis=0)
        return self.a.sum() * ((spread**2).sum() + self.blur**2)


@st.composite
def clouds(draw, d, largest=12):
    """(n, d) points in [-1, 1]^d, some of them several times."""
    n = draw(st.integers(1, largest))
    points = draw(hnp.arrays(np.float64, (n, d), elements=UNIT))
    if draw(st.booleans()):
        points = points[draw(hnp.arrays(np.intp, n, elements=st.integers(0, n - 1)))]
    return points


@st.composite
def probabilities(draw, n):
    """n weights of sum 1, some of them zero."""
    weights = draw(hnp.arrays(np.float64, n, elements=st.integers(0, 8).map(float)))
    weights[draw(st.integers(0, n - 1))] += 1
    return weights / weights.sum()


@st.composite
def pairs(draw, scales=SCALES, dimensions=DIMENSIONS):
    """Problems of any scale whose blur is comparable with their extent, so that they are solved
    exactly.
    """
    d, scale, mass = draw(dimensions), draw(scales), draw(st.sampled_from([1.0, 1.0, 0.25, 3.0]))
    x, y = scale * draw(clouds(d)), scale * draw(clouds(d))
    a, b = draw(probabilities(len(x))), draw(probabilities(len(y)))
    extent = np.linalg.norm(np.ptp(np.concatenate([x, y]), axis=0)) or scale
    return Pair(x, y, mass * a, mass * b, float(extent * draw(st.floats(0.2, 2.0))))


@st.composite
def rewritten(draw, x, a):
    """The same measure in other rows: permuted, with points repeated, weights split and weights of
    zero added.
    """
    rows = np.repeat(
        np.arange(len(x)), draw(hnp.arrays(np.intp, len(x), elements=st.integers(1, 3)))
    )
    parts = draw(hnp.arrays(np.float64, len(rows), elements=st.integers(1, 8).map(float)))
    parts *= (a / np.bincount(rows, parts))[rows]
    points = np.concatenate([x[rows], x[:1] + 1.0])
    order = np.array(draw(st.permutations(range(len(points)))))
    return points[order], np.append(parts, 0.0)[order]
