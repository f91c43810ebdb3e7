"""Decide whether `backend="auto"` uses a GPU: the problem must be large, and the GPU must give the
CPU's answers.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .cost_functions import Function
from .cpu.backend import CpuBackend
from .pointwise import Arc, CityBlock
from .tiling import even_ends

# Pairs: a second per pass on two cores; the kernels of the GPU take some seconds to compile
WORTHWHILE = 2**32
SIZES = (1500, 1300)
TILE = 250
CLUSTERS = 8
WIDE = 16.0  # diameter of a sphere: its arcs between points of the trial are shorter than a quarter
MOST_DIMENSIONS = 9  # higher dimensions have the same kernels
HEAVY = 1.0  # p_ij max(a_i, b_j) of heavy pairs
RTOL = {"float32": 1e-4, "float64": 1e-9}


class Work(NamedTuple):
    """Passes between clouds of n and m points, which may be the same cloud."""

    n: int
    m: int
    dimension: int
    dtype: str
    is_self: bool = False
    cost: Any = None  # a kind of `pointwise`

    @property
    def n_points(self):
        """Number of points of all clouds."""
        return self.n if self.is_self else self.n + self.m

    @property
    def is_much(self):
        """Whether the work is large enough for a GPU."""
        return self.n * self.m >= WORTHWHILE


def is_trusted(make, work):
    """Tell whether the backend from `make` passes the trial and has room for the work."""
    try:
        is_known = not isinstance(work.cost, Function)
        dimension = min(work.dimension, MOST_DIMENSIONS) if is_known else work.dimension
        cost = _at_any_temperature(work.cost)
        is_right = _passes(make, dimension, work.dtype, cost)
        return is_right and make().has_room(work)
    except Exception:  # a forked child, a lost device
        return False


def _at_any_temperature(cost):
    """A cost of the same kind with one number for all temperatures, whose kernels are the same."""
    if isinstance(cost, Function):
        return cost._replace(per_cost=1.0)
    return Arc(WIDE) if isinstance(cost, Arc) else cost


@cache
def _passes(make, dimension, dtype, cost):
    """Run the trial once for each kind of kernel."""
    try:
        return agrees(make(), dimension, dtype, cost=cost)
    except Exception:  # any error of a driver, because the caller did not ask for a GPU
        return False


def agrees(backend, dimension, dtype, sizes=SIZES, cost=None):
    """Tell whether all methods of a backend give the answers of the CPU, on clouds of a few
    tiles.
    """
    expected = _answers(CpuBackend(), dimension, dtype, sizes, cost)
    found = _answers(backend, dimension, dtype, sizes, cost)
    return all(
        np.allclose(answer, right, rtol=RTOL[dtype], atol=0)
        for right, answer in zip(expected, found, strict=True)
    )


def _answers(backend, d, dtype, sizes, cost):
    rng = np.random.default_rng(0)
    n, m = sizes
    x, F, a = _side(backend, n, d, dtype, rng, cost)
    y, G, b = _side(backend, m, d, dtype, rng, cost)
    ends = np.linspace(0, n, CLUSTERS + 1).astype(np.int64)
    rows, sums = backend.cluster_sums(x, F, a, y, G, b, ends)
    of_clusters = (
        sums.columns(),
        sums.totals(np.arange(1.0, CLUSTERS + 1)),
        sums.shares(b),
        sums.grouped(b, 3),
    )
    V = rng.uniform(1, 2, (len(G), d + 1))
    return [
        *backend.sums(x, F, a, y, G, b),
        rows,
        *of_clusters,
        backend.self_sums(x, F, a),
        backend.row_sums(x, F, y, G, b),
        2.0 ** backend.log_sum_exp(x, F, y, G),
        backend.transport(x, F, y, G, V, None),
        *_weighed(backend, x, F, y, G, V, cost),
        *_heavy(backend, x, F, a, y, G, b, cost),
    ]


def _weighed(backend, x, F, y, G, V, cost):
    """Products with pairs times their costs, and times what their gradients need."""
    if cost is None:
        return
    yield backend.transport(x, F, y, G, V, None, 0)
    if isinstance(cost, CityBlock):
        products = backend.transport(x, F, y, G, V, None)
        signed = backend.transport(x, F, y, G, V, (F, G))
        yield 2 * products + signed  # alone the signed ones may cancel
    elif not isinstance(cost, Function):
        yield backend.transport(x, F, y, G, V, None, 1)


def _heavy(backend, x, F, a, y, G, b, cost):
    """The number of heavy pairs, and all light ones together: a few may be on either side."""
    if isinstance(cost, Function):
        return
    n_pairs = x.n * y.n
    found = backend.heavy_pairs(x, F, a, y, G, b, HEAVY, n_pairs)
    yield len(found.columns)
    yield found.light_rows @ a
    yield found.light_columns @ b


def _side(backend, n, d, dtype, rng, cost):
    """A cloud of several tiles with exponents and weights."""
    n_tiles = -(-n // TILE)
    bounds = even_ends(n, n_tiles)
    offsets = rng.normal(size=(n, d)) / np.sqrt(d)
    centres = rng.normal(size=(n_tiles, d)) / np.sqrt(d)
    if cost is not None:
        centres = 0 * centres
    cloud = backend.load(offsets.astype(dtype), centres, bounds, cost)
    exponents = rng.uniform(-2, 2, n)
    weights = rng.uniform(size=n)
    return cloud, exponents, weights
