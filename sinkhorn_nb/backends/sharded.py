"""Several devices as one backend: each takes a piece of the rows against all columns, all at the
same time.

Sums of rows are concatenated, and sums of columns are added in the order of the devices. Therefore
the result has the same bits each time, for the same number of devices.
"""

from contextlib import nullcontext
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .at_once import at_once
from .heavy_pairs import HeavyPairs


class Device(NamedTuple):
    """One of the devices; a backend may serve several."""

    number: int
    backend: Any


class Piece(NamedTuple):
    """Consecutive tiles of a cloud, and their points."""

    tiles: slice
    points: slice

    def __bool__(self):
        return self.points.start < self.points.stop


class Part(NamedTuple):
    """Cluster sums held by one device. Its first and last cluster may be incomplete."""

    clusters: slice
    sums: Any


class ShardedCloud:
    """Points on the host; each piece is copied once to each device that needs it."""

    def __init__(self, offsets, centres, bounds, cost=None):
        self.n = len(offsets)
        self.dtype = offsets.dtype
        self._cost = cost
        self._offsets = offsets
        self._centres = centres
        self._bounds = bounds
        self._loaded = {}
        self.whole = self._piece(0, len(centres))

    def cut(self, shares):
        """Pieces between increasing shares of the points, rounded to tiles; some may be empty."""
        ends = [self._nearest_bound(share * self.n) for share in shares]
        return [self._piece(*tiles) for tiles in pairwise(ends)]

    def after(self, piece):
        """The piece of all points after a piece."""
        return self._piece(piece.tiles.stop, len(self._centres))

    def on(self, device, piece):
        """A piece as a cloud of the device, which is the current one."""
        key = device.number, piece.tiles.start, piece.tiles.stop
        if key not in self._loaded:
            offsets = self._offsets[piece.points]
            centres = self._centres[piece.tiles]
            bounds = self._bounds[piece.tiles.start : piece.tiles.stop + 1]
            bounds = bounds - piece.points.start
            self._loaded[key] = device.backend.load(offsets, centres, bounds, self._cost)
        return self._loaded[key]

    def _nearest_bound(self, point):
        """The number of the bound of a tile that is nearest to a number of points."""
        distances = np.abs(self._bounds - point)
        return int(distances.argmin())

    def _piece(self, first, last):
        start = int(self._bounds[first])
        stop = int(self._bounds[last])
        return Piece(slice(first, last), slice(start, stop))


class ShardedClusterSums:
    """Sums over clusters on their devices; the parts of a cluster that two devices share are
    added.
    """

    def __init__(self, parts):
        self._parts = parts  # (device, Part)
        _, first = parts[0]
        _, last = parts[-1]
        self.dtype = first.sums.dtype
        self._count = last.clusters.stop

    def columns(self):
        return sum(self._ask(lambda part: part.sums.columns()))

    def totals(self, scales):
        def question(part):
            own_scales = scales[part.clusters]
            return part.sums.totals(own_scales)

        return sum(self._ask(question))

    def shares(self, weights):
        return self._of_clusters(lambda part: part.sums.shares(weights))

    def grouped(self, weights, size):
        return self._of_clusters(lambda part: part.sums.grouped(weights, size))

    def __array__(self, dtype=None, copy=None):
        sums = self._of_clusters(lambda part: np.asarray(part.sums))
        return sums.astype(dtype or self.dtype, copy=False)

    def _of_clusters(self, question):
        answers = self._ask(question)
        shape = answers[0].shape[1:]
        out = np.zeros((self._count, *shape), self.dtype)
        for (_, part), answer in zip(self._parts, answers, strict=True):
            out[part.clusters] += answer
        return out

    def _ask(self, question):
        return _at_once(lambda _, part: question(part), self._parts)


class ShardedBackend:
    """Backends of one device each, which compute together; see `Backend` for the methods."""

    on_device = nullcontext

    def __init__(self, backends):
        self._devices = [Device(number, backend) for number, backend in enumerate(backends)]
        self._equal = np.linspace(0, 1, len(backends) + 1)
        self.points_a_tile = min(backend.points_a_tile for backend in backends)

    def has_room(self, work):
        """Tell whether both clouds of some work fit on each device."""
        return all(self._ask_each(lambda device, work: device.backend.has_room(work), work))

    def require_room(self, work):
        """Raise a MemoryError unless both clouds fit on each device."""
        self._ask_each(lambda device, work: device.backend.require_room(work), work)

    def load(self, offsets, centres, bounds, cost=None):
        return ShardedCloud(offsets, centres, bounds, cost)

    def sums(self, x, F, a, y, G, b):
        def question(device, X, i, Y):
            return device.backend.sums(X, F[i], a[i], Y, G, b)

        answers = self._ask_for_rows(question, x, y)
        rows, columns = zip(*answers, strict=True)
        return np.concatenate(rows), sum(columns)

    def cluster_sums(self, x, F, a, y, G, b, bounds):
        def question(device, X, i, Y):
            clusters, ends = _clusters_within(bounds, i)
            rows, sums = device.backend.cluster_sums(X, F[i], a[i], Y, G, b, ends)
            return rows, (device, Part(clusters, sums))

        answers = self._ask_for_rows(question, x, y)
        rows, parts = zip(*answers, strict=True)
        return np.concatenate(rows), ShardedClusterSums(parts)

    def self_sums(self, x, F, a):
        """Sums over pieces with equal numbers of pairs: those among the points of a piece and with
        later points.
        """

        def question(device, here):
            X = x.on(device, here)
            i = here.points
            sums = device.backend.self_sums(X, F[i], a[i])
            found = [(i, sums)]
            if later := x.after(here):
                Y = x.on(device, later)
                j = later.points
                rows, columns = device.backend.sums(X, F[i], a[i], Y, F[j], a[j])
                found += [(i, rows), (j, columns)]
            return found

        out = np.zeros(x.n)
        shares = 1 - np.sqrt(1 - self._equal)
        for found in self._ask(question, x.cut(shares)):
            for points, sums in found:
                out[points] += sums
        return out

    def row_sums(self, x, F, y, G, b):
        def question(device, X, i, Y):
            return device.backend.row_sums(X, F[i], Y, G, b)

        return np.concatenate(self._ask_for_rows(question, x, y))

    def heavy_pairs(self, x, F, a, y, G, b, theta, most):
        def question(device, X, i, Y):
            return device.backend.heavy_pairs(X, F[i], a[i], Y, G, b, theta, most)

        parts = self._ask_for_rows(question, x, y)
        if any(part is None for part in parts):
            return None
        count = sum(len(part.columns) for part in parts)
        return None if count > most else HeavyPairs.joined(parts)

    def log_sum_exp(self, x, F, y, G):
        def question(device, X, i, Y):
            return device.backend.log_sum_exp(X, F[i], Y, G)

        return np.concatenate(self._ask_for_rows(question, x, y))

    def transport(self, x, F, y, G, V, factors, derivative=None):
        def question(device, X, i, Y):
            own_factors = factors and (factors[0][i], factors[1])
            return device.backend.transport(X, F[i], Y, G, V, own_factors, derivative)

        return np.concatenate(self._ask_for_rows(question, x, y))

    def slope_sums(self, x, F, y, G, V):
        def question(device, X, i, Y):
            return device.backend.slope_sums(X, F[i], Y, G, V)

        return np.concatenate(self._ask_for_rows(question, x, y))

    def _ask_for_rows(self, question, x, y):
        """The answers to question(device, X, i, Y) for pieces X of x, whose points are i, and the
        whole of y.
        """

        def ask(device, here):
            X = x.on(device, here)
            Y = y.on(device, y.whole)
            return question(device, X, here.points, Y)

        return self._ask(ask, x.cut(self._equal))

    def _ask(self, question, pieces):
        """The answers to question(device, piece), for all pieces but empty ones."""
        askings = zip(self._devices, pieces, strict=True)
        return _at_once(question, [(device, piece) for device, piece in askings if piece])

    def _ask_each(self, question, what):
        """The answers to question(device, what) of all devices."""
        return _at_once(question, [(device, what) for device in self._devices])


def _clusters_within(bounds, points):
    """The clusters of some consecutive points, and their starts and ends among the points."""
    first = int(np.searchsorted(bounds, points.start, side="right")) - 1
    last = int(np.searchsorted(bounds, points.stop))
    ends = np.clip(bounds[first : last + 1], points.start, points.stop)
    return slice(first, last), ends - points.start


def _at_once(question, askings):
    """Call question(device, what) for all pairs concurrently and return the answers in order."""

    def ask(device, what):
        with device.backend.on_device():
            return question(device, what)

    return at_once(ask, askings)
