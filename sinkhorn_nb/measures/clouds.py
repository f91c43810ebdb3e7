"""Many measures: in flat arrays for compiled solvers, and one by one for all other uses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .. import validation
from ..backends.cpu.flat_rows import flat_rows
from ..backends.normal_forms import Forms, Rows, ends_of, normal_forms
from ..common.array_types import Coordinates, Floats, Indices
from ..common.caching import cached_property, know
from ..costs import Cost
from ..terms import Terms
from .exact_sums import FEW, exact_sum
from .measure import Measure
from .normal_form import NormalForm

LARGEST_WEIGHT = 1e140  # any number of such weights has a sum that is allowed
LARGEST_ROUNDING = 1e-9  # relative difference of masses that needs no further check


class Named(NamedTuple):
    """Points x and weights a as they came, and the names that messages give them."""

    x_name: str
    x: Any
    a_name: str
    a: Any

    @property
    def key(self) -> tuple[int, int]:
        """A key that is the same for entries of the same two objects."""
        return id(self.x), id(self.a)

    @property
    def measure(self) -> Measure:
        """The measure of the checked points and weights."""
        return Measure.of(self.x, self.a, (self.x_name, self.a_name))

    @property
    def arrays(self) -> dict[str, Any]:
        """Points and weights by their names."""
        return {self.x_name: self.x, self.a_name: self.a}


class Plain(NamedTuple):
    """Plain NumPy arrays whose numbers are right beyond doubt, in flat arrays."""

    rows: Rows
    are_short: list[bool]  # whether the points of each cloud are float32
    is_uniform: bool  # whether all weights are uniform probabilities
    # Of all coordinates
    low: float
    high: float

    @classmethod
    def of(cls, points: list[Coordinates], weights: list[Floats | None]) -> Plain | None:
        """Check and copy plain arrays; None if any of their numbers may be wrong."""
        sizes = [x.shape[0] for x in points]
        x = flat_rows(points)
        low = float(x.min())
        high = float(x.max())
        if not math.isfinite(high - low):  # a coordinate that is not a number makes both so
            return None

        rows = Rows(
            x,
            _with_uniform(weights, sizes),
            ends_of(sizes),
            ends_of([x.size for x in points]),
            np.array([x.shape[1] for x in points]),
        )
        is_uniform = all(a is None for a in weights)
        if not is_uniform and not _are_usual(rows):
            return None
        are_short = [x.dtype == np.float32 for x in points]
        return cls(rows, are_short, is_uniform, low, high)


def _with_uniform(weights: list[Floats | None], sizes: list[int]) -> Floats:
    """All weights in one array; clouds without any get uniform probabilities."""
    uniform = {n: np.full(n, 1 / n) for n in set(sizes)}
    parts = []
    for n, a in zip(sizes, weights, strict=True):
        parts.append(uniform[n] if a is None else a)
    return np.concatenate(parts)


def _are_usual(rows: Rows) -> bool:
    """Tell whether all weights are >= 0 and finite, and each cloud has some mass."""
    a = rows.weights
    if not (0 <= a.min() and a.max() <= LARGEST_WEIGHT):
        return False
    masses = np.add.reduceat(a, rows.ends[:-1])
    return bool(masses.min() > 0)


class Clouds:
    """Measures by their numbers; an array that appears several times, as one object, is one
    measure.

    Plain NumPy arrays are checked all at once, in a fraction of the time of separate checks.
    `Measure.of` checks all other arrays, and those that may be wrong; its message names the error.

    Attributes
    ----------
    sizes : (N,) int array
        Numbers of rows.
    dimensions : (N,) int array
    rows : Rows
    """

    def __init__(
        self,
        sizes: Sequence[int],
        dimensions: Sequence[int] | Indices,
        plain: Plain | None = None,
        measures: Sequence[Measure] | None = None,
    ) -> None:
        self.sizes = np.array(sizes)
        self.dimensions = np.array(dimensions)
        self._plain = plain
        self._measures: list[Measure | None] = [None] * len(sizes)
        if measures is not None:
            self._measures[:] = measures

    @classmethod
    def of(cls, listed: Sequence[Named]) -> tuple[Clouds, Indices]:
        """Make the clouds of a list of points and weights; weights may be None.

        Returns
        -------
        Clouds
        (n,) int array
            The number of the cloud of each entry.
        """
        known: dict[tuple[int, int], int] = {}
        distinct: list[Named] = []
        for entry in listed:
            if entry.key not in known:
                known[entry.key] = len(distinct)
                distinct.append(entry)
        numbers = np.array([known[entry.key] for entry in listed])
        points = [entry.x for entry in distinct]
        weights = [entry.a for entry in distinct]
        plain = None
        if validation.are_plain(points, weights):
            plain = Plain.of(points, weights)
        if plain is None:
            return cls.of_measures([entry.measure for entry in distinct]), numbers
        sizes = [x.shape[0] for x in points]
        return cls(sizes, plain.rows.dimensions, plain), numbers

    @classmethod
    def of_measures(cls, measures: Sequence[Measure]) -> Clouds:
        """Make the clouds of given measures."""
        sizes = [len(m) for m in measures]
        dimensions = [m.dimension for m in measures]
        return cls(sizes, dimensions, measures=measures)

    def __len__(self) -> int:
        return len(self.sizes)

    def measure(self, k: int) -> Measure:
        """Return the measure with number k."""
        measure = self._measures[k]
        if measure is None:
            measure = self._measures[k] = self._made(k)
        return measure

    def is_stream(self, k: int) -> bool:
        """Whether a measure was read from chunks; its nodes stand for many points."""
        measure = self._measures[k]
        return measure is not None and measure.traits.resolution > 0

    def _made(self, k: int) -> Measure:
        rows = self.rows
        span = _part(rows.ends, k)
        points = rows.x[_part(rows.blocks, k)]
        points = points.reshape(self.sizes[k], self.dimensions[k])
        traits = validation.PLAIN
        if self._plain is not None and self._plain.are_short[k]:
            points = points.astype(np.float32)
            traits = traits._replace(short=np.dtype(np.float32))

        measure = Measure(points, rows.weights[span], traits)
        know(measure, mass=float(self.masses[k]))
        if "forms" in vars(self):
            know(measure, normal_form=self.normal_form(k))
        return measure

    @cached_property
    def rows(self) -> Rows:
        """All rows in flat arrays."""
        if self._plain is not None:
            return self._plain.rows
        measures = [self.measure(k) for k in range(len(self))]
        points = [m.points.ravel() for m in measures]
        return Rows(
            np.concatenate(points, dtype=np.float64),
            np.concatenate([m.weights for m in measures]),
            ends_of(self.sizes),
            ends_of(self.sizes * self.dimensions),
            self.dimensions,
        )

    @cached_property
    def masses(self) -> Floats:
        """(N,) masses; they do not depend on the order of the rows."""
        if self._plain is not None and self._plain.is_uniform:
            return self.sizes * (1 / self.sizes)  # the exact sums, rounded once
        weights = self.rows.weights
        spans = pairwise(self.rows.ends.tolist())
        if self.sizes.max() > FEW:
            return np.array([exact_sum(weights[i:j]) for i, j in spans])
        numbers = weights.tolist()
        return np.array([math.fsum(numbers[i:j]) for i, j in spans])

    @cached_property
    def forms(self) -> Forms:
        """The normal forms of all clouds."""
        return normal_forms(self.rows)

    def normal_form(self, k: int) -> NormalForm:
        """Return the normal form of the cloud with number k."""
        forms = self.forms
        points = forms.x[_part(forms.blocks, k)]
        return NormalForm(
            points.reshape(-1, self.dimensions[k]),
            forms.a[_part(forms.ends, k)],
            forms.owners[_part(self.rows.ends, k)],
        )

    def places(self, cost: Cost) -> Forms:
        """The normal forms with embedded points."""
        forms = self.forms
        if cost.exponent is not None:  # a cost of differences
            return forms
        embedded = []
        for k, d in enumerate(self.dimensions):
            points = forms.x[_part(forms.blocks, k)].reshape(-1, d)
            embedded.append(cost.places(points))
        return forms._replace(
            x=np.concatenate([places.ravel() for places in embedded]),
            blocks=ends_of([places.size for places in embedded]),
            dimensions=np.array([places.shape[1] for places in embedded]),
        )

    def surely_fit(self, sources: Indices, targets: Indices, terms: Terms) -> bool:
        """Tell whether pairs of clouds and their terms are valid beyond doubt; if not, they must be
        checked one by one.
        """
        plain = self._plain
        if plain is None or not self._have_equal_dimensions(sources, targets):
            return False
        if terms.marginals.are_exact and not plain.is_uniform:
            masses = self.masses[sources]
            excess = np.abs(masses - self.masses[targets])
            if (excess > LARGEST_ROUNDING * masses).any():
                return False
        dtype = np.float32 if any(plain.are_short) else np.float64
        return validation.surely_resolved(terms.blur, plain.low, plain.high, dtype)

    def _have_equal_dimensions(self, sources: Indices, targets: Indices) -> bool:
        if self.has_one_dimension:
            return True
        are_equal = self.dimensions[sources] == self.dimensions[targets]
        return bool(are_equal.all())

    @cached_property
    def has_one_dimension(self) -> bool:
        """Whether all clouds have the same dimension."""
        return len(set(self.dimensions.tolist())) == 1


def _part(ends: Indices, k: int) -> slice:
    """The entries of number k in a flat array."""
    return slice(ends[k], ends[k + 1])


class CloudPairs(NamedTuple):
    """Pairs of clouds to be compared on the same terms: `sources` and `targets` are (B,) arrays of
    their numbers.
    """

    clouds: Clouds
    sources: Indices
    targets: Indices
    terms: Terms
