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
from ..common.array_types import Booleans, Coordinates, Floats, Indices
from ..common.caching import cached_property, know
from ..costs import Cost
from ..terms import Terms
from .exact_sums import FEW, exact_sum
from .measure import Measure
from .normal_form import NormalForm

LARGEST_WEIGHT = 1e200  # any number of such weights has a finite sum
LARGEST_ROUNDING = 1e-9  # relative difference of masses that needs no further check


class Named(NamedTuple):
    """Points x and weights a as they came, and the names that messages give them."""

    x_name: str
    x: Any
    a_name: str
    a: Any

    @property
    def key(self) -> tuple[int, int]:
        """The same for entries of the same two objects."""
        return id(self.x), id(self.a)

    @property
    def measure(self) -> Measure:
        """The measure of the checked points and weights."""
        return Measure.of(self.x, self.a, (self.x_name, self.a_name))

    @property
    def arrays(self) -> dict[str, Any]:
        """Points and weights by their names."""
        return {self.x_name: self.x, self.a_name: self.a}


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
        dimensions: Sequence[int],
        rows: Rows | None = None,
        are_short: Booleans | None = None,
        measures: Sequence[Measure] | None = None,
    ) -> None:
        self.sizes = np.array(sizes)
        self.dimensions = np.array(dimensions)
        self._rows = rows
        self._are_short = are_short
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
        clouds = None
        if validation.are_plain(points, weights):
            clouds = cls._plain(points, weights)
        if clouds is None:
            clouds = cls.of_measures([entry.measure for entry in distinct])
        return clouds, numbers

    @classmethod
    def of_measures(cls, measures: Sequence[Measure]) -> Clouds:
        """Make the clouds of given measures."""
        sizes = [len(measure) for measure in measures]
        dimensions = [measure.dimension for measure in measures]
        return cls(sizes, dimensions, measures=measures)

    @classmethod
    def _plain(cls, points: list[Coordinates], weights: list[Floats | None]) -> Clouds | None:
        """Make the clouds of plain arrays, or return None if any of their numbers may be wrong."""
        sizes = [x.shape[0] for x in points]
        dimensions = [x.shape[1] for x in points]
        x, are_finite = flat_rows(points)
        uniform = {n: np.broadcast_to(1 / n, n) for n in set(sizes)}
        a = np.concatenate(
            [uniform[n] if a is None else a for n, a in zip(sizes, weights, strict=True)]
        )
        ends = ends_of(sizes)
        blocks = ends_of(np.multiply(sizes, dimensions))
        rows = Rows(x, a, ends, blocks, np.array(dimensions))

        are_uniform = all(weight is None for weight in weights)
        if not are_finite or not (are_uniform or _are_weights(a, ends)):
            return None
        are_short = np.array([x.dtype == np.float32 for x in points])
        return cls(sizes, dimensions, rows, are_short)

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
        points = rows.x[_part(rows.blocks, k)].reshape(self.sizes[k], self.dimensions[k])
        traits = validation.PLAIN
        if self._are_short is not None and self._are_short[k]:
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
        if self._rows is not None:
            return self._rows
        measures = [self.measure(k) for k in range(len(self))]
        x = np.concatenate([m.points.ravel() for m in measures], dtype=np.float64)
        weights = np.concatenate([m.weights for m in measures])
        ends = ends_of(self.sizes)
        blocks = ends_of(self.sizes * self.dimensions)
        return Rows(x, weights, ends, blocks, self.dimensions)

    @cached_property
    def masses(self) -> Floats:
        """(N,) masses; they do not depend on the order of the rows."""
        parts = pairwise(self.rows.ends.tolist())
        weights = self.rows.weights
        if self.sizes.max() > FEW:
            return np.array([exact_sum(weights[i:j]) for i, j in parts])
        numbers = weights.tolist()
        return np.array([math.fsum(numbers[i:j]) for i, j in parts])

    @cached_property
    def forms(self) -> Forms:
        """The normal forms of all clouds."""
        return normal_forms(self.rows)

    def normal_form(self, k: int) -> NormalForm:
        """Return the normal form of the cloud with number k."""
        forms = self.forms
        points = forms.x[_part(forms.blocks, k)].reshape(-1, self.dimensions[k])
        probabilities = forms.a[_part(forms.ends, k)]
        owners = forms.owners[_part(self.rows.ends, k)]
        return NormalForm(points, probabilities, owners)

    def places(self, cost: Cost) -> Forms:
        """The normal forms with embedded points."""
        forms = self.forms
        if cost.exponent is not None:  # a cost of differences
            return forms
        parts = zip(pairwise(forms.blocks.tolist()), self.dimensions, strict=True)
        flat = [cost.places(forms.x[i:j].reshape(-1, d)) for (i, j), d in parts]
        blocks = ends_of([points.size for points in flat])
        dimensions = np.array([points.shape[1] for points in flat])
        x = np.concatenate([points.ravel() for points in flat])
        return forms._replace(x=x, blocks=blocks, dimensions=dimensions)

    def surely_fit(self, sources: Indices, targets: Indices, terms: Terms) -> bool:
        """Tell whether pairs of clouds and their terms are valid beyond doubt; if not, they must be
        checked one by one.
        """
        if self._rows is None:
            return False
        if (self.dimensions[sources] != self.dimensions[targets]).any():
            return False
        if terms.marginals.are_exact:
            masses = self.masses[sources]
            differences = np.abs(masses - self.masses[targets])
            if (differences > LARGEST_ROUNDING * masses).any():
                return False
        any_short = self._are_short is not None and self._are_short.any()
        dtype = np.float32 if any_short else np.float64
        x = self._rows.x
        return validation.surely_resolved(terms.blur, x.min(), x.max(), dtype)


def _part(ends: Indices, k: int) -> slice:
    """The entries of number k in a flat array."""
    return slice(ends[k], ends[k + 1])


def _are_weights(values: Floats, ends: Indices) -> bool:
    """Whether each cloud has finite weights >= 0, not all zero."""
    if not (0 <= values.min() and values.max() <= LARGEST_WEIGHT):
        return False
    return bool(np.add.reduceat(values, ends[:-1]).min() > 0)


class CloudPairs(NamedTuple):
    """Pairs of clouds to be compared on the same terms: `sources` and `targets` are (B,) arrays of
    their numbers.
    """

    clouds: Clouds
    sources: Indices
    targets: Indices
    terms: Terms
