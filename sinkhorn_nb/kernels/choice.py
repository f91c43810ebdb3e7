"""The kernel between two measures, by the kind of their cost."""

from __future__ import annotations

from ..costs import Cost, MatrixCost
from ..measures.partition import Partition
from ..measures.pixels import GridOrder
from .grid import GridKernel
from .grid_sums import terms_per_sweep
from .matrix import MatrixKernel
from .point_cloud import GibbsKernel
from .protocol import Kernel, PointKernel

NO_POINTS = (
    "points: expected a problem between points for maps, for potentials elsewhere and for "
    "derivatives in the points, got one between indices, which have no coordinates; plan @ values, "
    "f, g and gradient().a need none, or call entropic_ot(x, y, ...)"
)


def kernel_of(
    x: Partition, y: Partition, eps: float, dtype: str, backend: str, cost: Cost
) -> Kernel:
    """The Gibbs kernel of a cost between two partitions."""
    if isinstance(x, GridOrder) and isinstance(y, GridOrder):
        return GridKernel(x, y, eps, cost, backend)
    if isinstance(cost, MatrixCost):
        between_these = cost.between_some(x.points, y.points)
        return MatrixKernel(x, y, eps, dtype, backend, between_these)
    return GibbsKernel(x, y, eps, dtype, backend, cost)


def pairs_per_pass(x: Partition, y: Partition) -> float:
    """The number that one pass of the kernel between two partitions writes to its ledger: the
    number of pairs or, between grids, the number of terms of two sweeps.
    """
    if isinstance(x, GridOrder) and isinstance(y, GridOrder):
        return 2 * terms_per_sweep(x.lattice, y.lattice)
    return len(x) * len(y)


def with_points(kernel: Kernel) -> PointKernel:
    """The kernel itself, if it has points, whose means or derivatives are asked for; otherwise a
    ValueError is raised.
    """
    if isinstance(kernel, (GibbsKernel, GridKernel)):
        return kernel
    raise ValueError(NO_POINTS)


def with_pairs(kernel: Kernel) -> GibbsKernel:
    """The kernel itself, if it has pairs of points, which derivatives of solutions need; otherwise
    a ValueError is raised.
    """
    if isinstance(kernel, GibbsKernel):
        return kernel
    raise ValueError(NO_POINTS)
