"""A discrete measure: points and weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.spatial import cKDTree

from .. import validation
from ..backends.normal_forms import WEIGHT_ROUNDING
from ..common.array_types import ArrayLike, Coordinates, Floats, Indices
from ..common.caching import cached_property, state_of
from ..common.representation import Represented
from .exact_sums import exact_sum
from .normal_form import NormalForm, first_difference
from .partition import Partition, canonical_order, order_of_cuts
from .repeats import are_first, masses_of
from .streams import summed

QUERIES = 1000  # points whose nearest neighbors are searched


class Cells(NamedTuple):
    """Groups of neighboring points: the measure of their centroids, and the cell of each point of
    the partition.
    """

    measure: Measure
    owner: Indices


class Reduction(NamedTuple):
    """The measure of the distinct points with mass, and the point of each row; -1 for rows without
    mass.
    """

    measure: Measure
    owner: Indices

    @property
    def carriers(self) -> tuple[Indices, Indices]:
        """The rows with mass, and their points."""
        rows = np.flatnonzero(self.owner >= 0)
        return rows, self.owner[rows]


class Pixelated(Protocol):
    """A grid, which has weights of its own."""

    @property
    def on_points(self) -> Measure:
        """The measure of its pixels as points."""


@dataclass(frozen=True, eq=False, repr=False)
class Measure(Represented):
    """The measure sum_i a_i delta_{x_i}.

    Parameters
    ----------
    points : (n, d) float32 or float64 array
    weights : (n,) float64 array, >= 0, with a positive sum
    traits : Traits
        Other facts about the caller's numbers: columns, units, rounding.
    """

    points: Coordinates
    weights: Floats
    traits: validation.Traits = validation.PLAIN

    @classmethod
    def of(
        cls,
        points: ArrayLike | Measure | Pixelated,
        weights: ArrayLike | None = None,
        names: tuple[str, str] = ("points", "weights"),
    ) -> Measure:
        """Validate user input; weights default to uniform probabilities."""
        if isinstance(points, Measure):
            validation.without_weights(names[1], weights, "Measure")
            return points
        pixels = getattr(points, "on_points", None)
        if isinstance(pixels, Measure):  # of a grid, which has weights of its own
            validation.without_weights(names[1], weights, "Grid")
            return pixels
        points, traits = validation.cloud(names[0], points)
        weights, rounding, unit = validation.masses(names[1], weights, len(points))
        traits = traits._replace(mass_rounding=rounding, mass_unit=unit)
        return cls(np.array(points), weights, traits)  # a copy: results read it later

    @classmethod
    def from_chunks(
        cls, chunks: Iterable[Any], *, side: float, largest_weight: float = 1.0
    ) -> Measure:
        """The measure of a stream of points, which is read once. Weighted nodes stand for them,
        with the mass, mean and covariance of each cell; their bits depend on no order of points.

        Parameters
        ----------
        chunks : iterable
            Arrays (n, d) of points, pairs (points, weights), or `CellSums` that other processes
            have made. Rows of memory-mapped arrays are chunks, too.
        side : float
            The side of the cells, a length: a quarter of the blur, or less where the map stretches
            cells over many blurs. Results say whether it was small enough.
        largest_weight : float, default 1
            An upper bound of all weights, which are rounded to 4e-9 of it: at most 1024 times their
            mean.

        Returns
        -------
        Measure
            Pass it to any function in place of points and weights. Without weights in the chunks,
            its weights are probabilities.

        Examples
        --------
        >>> import numpy as np, sinkhorn_nb as snb
        >>> rng = np.random.default_rng(0)
        >>> measure = snb.Measure.from_chunks((rng.random((1000, 2)) for _ in range(9)), side=0.1)
        >>> len(measure)
        400
        """
        sums = summed(chunks, side, largest_weight)
        traits = validation.PLAIN._replace(resolution=sums.side, mass_rounding=sums.mass_rounding)
        return cls(*sums.nodes(), traits)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def dimension(self) -> int:
        """d, the number of coordinates."""
        return self.points.shape[1]

    @cached_property
    def mass(self) -> float:
        """sum_i a_i, the same for any order of the points."""
        return exact_sum(self.weights)

    @cached_property
    def probabilities(self) -> Floats:
        """a_i / mass."""
        return self.weights if self.mass == 1 else self.weights / self.mass

    @cached_property
    def centroid(self) -> Floats:
        """(d,) mean of the points."""
        return self.probabilities @ self.points

    @cached_property
    def box(self) -> Floats:
        """Corners (2, d) of the bounding box of the points with mass."""
        carriers = self.points
        if not self.weights.all():
            carriers = carriers[self.weights > 0]
        corners = [carriers.min(axis=0), carriers.max(axis=0)]
        return np.stack(corners).astype(np.float64)

    @cached_property
    def partition(self) -> Partition:
        """The order of the points for all computations; it is made once."""
        return Partition(self.points, self.probabilities, self._order_of_cuts)

    @cached_property
    def _order_of_cuts(self) -> Indices:
        return order_of_cuts(self.points, self._order)

    @cached_property
    def _order(self) -> Indices:
        return canonical_order(self.points, self.weights)

    @cached_property
    def spacing(self) -> float:
        """Median distance from a point to its nearest neighbor."""
        if len(self) < 2:
            return 0.0
        step = -(-len(self) // QUERIES)
        sample = self.partition.points[::step]
        distances, _ = cKDTree(self.points).query(sample, k=2)
        return float(np.median(distances[:, 1]))

    def cells(self, count: int, resolution: float) -> Cells:
        """At most `count` cells, none finer than needed for the resolution; they are made once."""
        if (count, resolution) not in self._cells:
            bounds = self.partition.cells(count, resolution)
            centroids, masses = self.partition.centroids(bounds)
            numbers = np.arange(len(masses))
            owner = np.repeat(numbers, np.diff(bounds))
            self._cells[count, resolution] = Cells(Measure(centroids, masses), owner)
        return self._cells[count, resolution]

    @cached_property
    def _cells(self) -> dict[tuple[int, float], Cells]:
        return {}

    @property
    def reduced(self) -> Measure:
        """The same measure with distinct points and positive weights; the measure itself if its
        rows are like this.
        """
        return self if self._reduction is None else self._reduction.measure

    @cached_property
    def inert(self) -> Indices:
        """Rows of weight zero whose points no row with mass shares. The reduced measure does not
        have these points.
        """
        if self._reduction is None:
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero(self._reduction.owner < 0)

    def expand(self, values: Floats, at_inert: float | Floats = 0.0) -> Floats:
        """Values per row from values in the order of the reduced measure's partition; inert rows
        get their own.
        """
        values = self.reduced.partition.restore(values)
        if self._reduction is None:
            return values
        values = values[self._reduction.owner]
        values[self.inert] = at_inert
        return values

    def shaped(self, values: Floats) -> Floats:
        """Values per row, or rows of them, in the shape that results have: per pixel for images."""
        return values

    def collapse(self, values: Floats) -> Floats:
        """Values in the order of the reduced measure's partition from values per row; equal points
        get the largest.
        """
        if self._reduction is not None:
            carriers, owner = self._reduction.carriers
            largest = np.full(len(self.reduced), -np.inf)
            np.maximum.at(largest, owner, values[carriers])
            values = largest
        return self.reduced.partition.sort(values)

    def average(self, values: Floats) -> Floats:
        """Means by weight of the values of equal points' rows, in the order of the reduced
        measure's partition.
        """
        if self._reduction is not None:
            carriers, owner = self._reduction.carriers
            probabilities = self.probabilities[carriers]
            totals = np.bincount(owner, probabilities)
            shares = probabilities / totals[owner]
            parts = (shares * values[carriers].T).T
            shape = len(self.reduced), *values.shape[1:]
            means = np.zeros(shape)
            np.add.at(means, owner, parts)
            values = means
        return self.reduced.partition.sort(values)

    @cached_property
    def _reduction(self) -> Reduction | None:
        """The reduced measure, or None if every row is a distinct point with mass."""
        points = self.points[self._order]
        is_first = are_first(points)
        if is_first.all() and self.probabilities.all():
            return None
        starts = np.flatnonzero(is_first)
        groups = np.cumsum(is_first) - 1
        masses = masses_of(self.weights[self._order], groups)
        carries = masses / self.mass > 0  # a weight may vanish relative to the mass
        ranks = np.cumsum(carries) - 1
        numbers = np.where(carries, ranks, -1)
        owner = np.empty(len(points), dtype=np.intp)
        owner[self._order] = numbers[groups]
        distinct = points[starts[carries]]
        return Reduction(Measure(distinct, masses[carries], self.traits), owner)

    @cached_property
    def normal_form(self) -> NormalForm:
        """The normal form. Small problems are solved in its order."""
        if self._reduction is not None:
            reduced = self.reduced
            points = reduced.points.astype(np.float64)
            return NormalForm(points, reduced.probabilities, self._reduction.owner)
        points = self.points[self._order].astype(np.float64)
        owner = np.empty(len(self), dtype=np.intp)
        owner[self._order] = np.arange(len(self))
        return NormalForm(points, self.probabilities[self._order], owner)

    def from_normal_form(self, values: Floats) -> Floats:
        """Convert values from the order of the normal form to the order of the reduced measure's
        partition.
        """
        reduced = self.reduced
        rows = np.empty_like(values)
        rows[reduced._order] = values
        return reduced.partition.sort(rows)

    def has_rows_of(self, other: Measure) -> bool:
        """Tell whether the other measure has the same rows in the same order."""
        if self is other:
            return True
        have_same_points = np.array_equal(self.points, other.points)
        return have_same_points and np.array_equal(self.weights, other.weights)

    def equals(self, other: Measure) -> bool:
        """Tell whether this is the same measure, however its rows are ordered, repeated, split or
        padded with zeros.
        """
        if self is other:
            return True
        mine = self.reduced
        theirs = other.reduced
        return (
            len(mine) == len(theirs)
            and self._mass_ratio(other) <= WEIGHT_ROUNDING
            and (first_difference(mine.normal_form, theirs.normal_form) is None)
        )

    def _mass_ratio(self, other: Measure) -> float:
        return abs(self.mass - other.mass) / max(self.mass, other.mass)

    def precedes(self, other: Measure) -> bool:
        """A total order of reduced measures: by size, then by the first number in which their
        partitions differ.
        """
        if len(self) != len(other):
            return len(self) < len(other)
        first = first_difference(self.partition, other.partition)
        return first is not None and first[0] < first[1]

    def __getstate__(self) -> dict[str, Any]:
        """The rows, and the orders in which results keep potentials: another machine may round the
        axes of the cuts, and thus order the points, in another way.
        """
        return state_of(self, "_reduction", "_order_of_cuts")

    def _facts(self) -> dict[str, object]:
        mass = float(self.weights.sum())  # the exact sum of `mass` takes longer
        return {"n": len(self), "d": self.dimension, "mass": mass, "dtype": self.points.dtype}
